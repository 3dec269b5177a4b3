"""QR codes as the commands draw them: in which form, how large, and what is told of the size."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import (
    TYPE_CHECKING,
    Any,
    Final,
    NamedTuple,
)

import click

from coronapas.cli._output import write
from coronapas.cli._passes import one_pass

if TYPE_CHECKING:
    from collections.abc import Callable

    from coronapas.errors import Fault
    from coronapas.presentation import Qr

FORMS: Final = ("svg", "png", "terminal")

_DPI: Final = 300.0


class Wish(NamedTuple):
    """How a QR code is to be drawn; `size` in millimetres, `dpi` in dots an inch."""

    form: str
    level: Any
    size: float | None
    dpi: float | None
    prefix: str


def options(prefix: str = "") -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Add the options for level and size, whose names begin with `prefix`."""

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        for option in (
            click.option(
                f"--{prefix}dpi",
                "dpi",
                type=click.FloatRange(10, 10_000),
                metavar="DPI",
                help="Of a PNG, the printer's dots an inch; 300 unless given. Written into the "
                "file.",
            ),
            click.option(
                f"--{prefix}size",
                "size",
                type=click.FloatRange(1, 2000),
                metavar="MM",
                help="The diagonal of the QR code in millimetres, without its quiet zone; the "
                "middle of the advised 35 to 60 unless given. A PNG has whole dots a module.",
            ),
            click.option(
                f"--{prefix}level",
                "level",
                type=click.Choice(["L", "M", "Q", "H", "auto"]),
                help="The level of error correction; Q unless given. auto takes the first of Q, M "
                "and L at which the pass fits.",
            ),
        ):
            function = option(function)
        return function

    return decorate


def wish(
    form: str, level: str | None, size: float | None, dpi: float | None, prefix: str = ""
) -> Wish:
    """What the options tell; UsageError where one has no meaning for the form."""
    if size is not None and form == "terminal":
        raise click.UsageError(f"--{prefix}size is for svg and png: a terminal has its own.")
    if dpi is not None and form != "png":
        raise click.UsageError(f"--{prefix}dpi is for png.")
    return Wish(form, level or "Q", size, dpi, prefix)


def draw(text: str, wished: Wish) -> bytes:
    """The drawing; its version, level and size are told on standard error."""
    from coronapas.errors import QrError
    from coronapas.presentation import (
        ADVISED_DIAGONAL_MM,
        DEFAULT_DIAGONAL_MM,
        module_for_diagonal,
        qr,
    )

    try:
        code = qr(text, error=wished.level)
    except QrError as error:
        raise QrError([_in_a_shell(fault, wished) for fault in error.faults]) from None
    diagonal = wished.size or DEFAULT_DIAGONAL_MM
    if wished.form == "terminal":
        smallest, largest = ADVISED_DIAGONAL_MM
        _tell(
            code, f"sized by the terminal (advised is a diagonal of {smallest:g} to {largest:g} mm)"
        )
        return code.terminal().encode()
    if wished.form == "svg":
        module = module_for_diagonal(code.side, diagonal)
        report, how = code.size_report(module_mm=module), ""
        drawing = code.svg(module_mm=module).encode()
    else:
        dpi = wished.dpi or _DPI
        scale = code.scale_for(dpi=dpi, diagonal_mm=diagonal)
        report, how = (
            code.size_report(dpi=dpi, scale=scale),
            f", {scale}x{scale} dots each at {dpi:g} dpi",
        )
        drawing = code.png(scale=scale, dpi=dpi)
    _tell(code, str(report), how)
    if not report.meets_advice:
        change = "" if wished.form == "svg" else f", and --{wished.prefix}dpi"
        click.echo(
            f"Warning: this size is outside the advice: --{wished.prefix}size changes it{change}.",
            err=True,
        )
    return drawing


def put(content: bytes, form: str | None, output: Path | None, *, force: bool) -> None:
    """Write what a command made to its file, or to standard output; a PNG not to a terminal."""
    if output is not None:
        write(output, content, force=force)
    elif form == "png" and sys.stdout.isatty():
        raise click.UsageError("A PNG is not for a terminal; give --output.")
    else:
        click.echo(content, nl=False)


def _in_a_shell(fault: Fault, wished: Wish) -> Fault:
    """The fault of a text that is too long, with the option that mends it."""
    if fault.code != "text.too-long" or wished.level == "auto":
        return fault
    return replace(fault, hint=f"Allow a lower level with --{wished.prefix}level auto.")


def _tell(code: Qr, size: str, how: str = "") -> None:
    click.echo(
        f"QR code: version {code.version}, level {code.error}, {code.side} modules a side{how}; "
        f"{size}",
        err=True,
    )


# ``coronapas qr``: the QR code of a pass that was issued before.


_BY_ENDING = {".svg": "svg", ".png": "png"}


@click.command("qr", short_help="Draw the QR code of a pass.")
@click.argument(
    "file", required=False, type=click.Path(exists=True, dir_okay=False, allow_dash=True)
)
@click.option("--text", metavar="PASS", help="The pass itself.")
@click.option("--whole", is_flag=True, help="Take a text file as one pass, not one on each line.")
@click.option(
    "--form",
    type=click.Choice(FORMS),
    help="Unless given, that of the ending of --output, else terminal.",
)
@options()
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
    wished = wish(form, level, size, dpi)
    found: str | bytes = text if text is not None else one_pass(file or "", whole=whole).text
    held = found.decode("utf-8", "replace") if isinstance(found, bytes) else found
    put(draw(held.strip(), wished), form, output, force=force)
