"""``coronapas qr``: the QR code of a pass that was issued before."""

from __future__ import annotations

from pathlib import Path

import click

from coronapas.cli import drawing
from coronapas.cli.passes import one_pass

_BY_ENDING = {".svg": "svg", ".png": "png"}


@click.command("qr", short_help="Draw the QR code of a pass.")
@click.argument(
    "file", required=False, type=click.Path(exists=True, dir_okay=False, allow_dash=True)
)
@click.option("--text", metavar="PASS", help="The pass itself.")
@click.option("--whole", is_flag=True, help="Take a text file as one pass, not one on each line.")
@click.option(
    "--form",
    type=click.Choice(drawing.FORMS),
    help="Unless given, that of the ending of --output, else terminal.",
)
@drawing.options()
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Write to a file.")
@click.option("--force", is_flag=True, help="Replace the file of --output.")
def command(
    file: str | None,
    text: str | None,
    whole: bool,
    form: str | None,
    level: str | None,
    size: float | None,
    dpi: float | None,
    output: Path | None,
    force: bool,
) -> None:
    """Draw the QR code of a pass: from a text file, a picture, standard input (-), or --text.

    Nothing is verified. Version, level and size are told on standard error, the size against the
    advised diagonal of 35 to 60 mm.

    Exit codes: 0 drawn; 1 the text is none that a QR code of a pass can hold; 2 wrong usage, or an
    input that cannot be read.
    """
    if (file is None) == (text is None):
        raise click.UsageError("Name one file, - for standard input, or give --text.")
    if form is None:
        ending = "" if output is None else output.suffix.lower()
        form = _BY_ENDING.get(ending, "terminal")
    wished = drawing.wish(form, level, size, dpi)
    found: str | bytes = text if text is not None else one_pass(file or "", whole=whole).text
    held = found.decode("utf-8", "replace") if isinstance(found, bytes) else found
    drawing.put(drawing.draw(held.strip(), wished), form, output, force=force)
