"""``coronapas qr``, and the QR codes of every command: their form, level and size."""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

import click

from coronapas.cli._output import plain, write
from coronapas.cli._passes import one_pass

if TYPE_CHECKING:
    from collections.abc import Callable

    from coronapas.errors import Fault
    from coronapas.presentation import Form, Qr

FORMS: Final = ("svg", "png", "pdf", "terminal")

_DPI: Final = 300.0
_BINARY: Final = ("png", "pdf")


class Wish(NamedTuple):
    """How a QR code is to be drawn.

    Attributes:
        form: One of `FORMS`.
        level: The level of error correction: L, M, Q, H or auto.
        size: The diagonal in millimetres, or None for the advised one.
        dpi: The dots an inch of a PNG, or None for 300.
        prefix: What the names of the command's options begin with.
        columns: The columns of the terminal that shows it, or None where it is not shown. What
            goes to a file or a pipe has no colours.

    """

    form: Form
    level: Any
    size: float | None
    dpi: float | None
    prefix: str
    columns: int | None = None


def options(prefix: str = "") -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Add the options for level and size, whose names begin with `prefix`."""

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        for option in (
            click.option(
                f"--{prefix}dpi",
                "dpi",
                type=click.FloatRange(10, 10_000),
                metavar="DPI",
                help="The printer's dots an inch, written into a PNG; 300 by default.",
            ),
            click.option(
                f"--{prefix}size",
                "size",
                type=click.FloatRange(1, 2000),
                metavar="MM",
                help="The diagonal of the QR code in millimetres, without its quiet zone; by "
                "default the middle of the advised 35 to 60. A PNG has whole dots a module.",
            ),
            click.option(
                f"--{prefix}level",
                "level",
                type=click.Choice(["L", "M", "Q", "H", "auto"]),
                help="The level of error correction; Q by default. auto takes the first of Q, M "
                "and L at which the pass fits.",
            ),
        ):
            function = option(function)
        return function

    return decorate


def form_for(output: Path | None, stated: Form | None, option: str) -> Form | None:
    """Return the form of a drawing: that of the file's ending, or the one `option` stated.

    None where neither says any. UsageError for an ending that stands for no drawing, and where the
    two contradict each other.
    """
    from coronapas.errors import QrError
    from coronapas.presentation import form_of

    if output is None or not output.suffix:
        return stated
    try:
        named = form_of(output)
    except QrError as error:
        (fault,) = error.faults
        raise click.UsageError(
            plain(f"{output.name} names no drawing: {fault.hint[:1].lower()}{fault.hint[1:]}")
        ) from None
    if stated not in (None, named):
        raise click.UsageError(plain(f"{option} {stated} contradicts the name {output.name}."))
    return named


def wish(
    form: Form,
    level: str | None,
    size: float | None,
    dpi: float | None,
    prefix: str = "",
    *,
    output: Path | None = None,
) -> Wish:
    """Return what the options ask for; UsageError where one has no meaning for the form."""
    if size is not None and form == "terminal":
        raise click.UsageError(f"--{prefix}size is for svg, png and pdf: a terminal has its own.")
    if dpi is not None and form != "png":
        raise click.UsageError(f"--{prefix}dpi is for png.")
    shown = output is None and form == "terminal" and sys.stdout.isatty()
    columns = shutil.get_terminal_size().columns if shown else None
    return Wish(form, level or "Q", size, dpi, prefix, columns)


def draw(text: str, wished: Wish) -> bytes:
    """Return the drawing, and write its version, level and size to standard error."""
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
    if wished.form == "terminal":
        drawing = _for_terminal(code, wished)
        smallest, largest = ADVISED_DIAGONAL_MM
        advice = f"advised is a diagonal of {smallest:g} to {largest:g} mm"
        _describe(code, f"sized by the terminal ({advice})")
        return drawing
    diagonal = wished.size or DEFAULT_DIAGONAL_MM
    dpi = wished.dpi or _DPI
    if wished.form == "png":
        scale = code.scale_for(dpi=dpi, diagonal_mm=diagonal)
        report = code.size_report(dpi=dpi, scale=scale)
        dots, change = f", {scale}x{scale} dots each at {dpi:g} dpi", f", and --{wished.prefix}dpi"
    else:
        report = code.size_report(module_mm=module_for_diagonal(code.side, diagonal))
        dots = change = ""
    _describe(code, str(report), dots)
    if not report.meets_advice:
        click.echo(
            f"Warning: this size is outside the advice: --{wished.prefix}size changes it{change}.",
            err=True,
        )
    return code.draw(wished.form, diagonal_mm=diagonal, dpi=dpi)


def _for_terminal(code: Qr, wished: Wish) -> bytes:
    from coronapas.errors import QrError

    try:
        background: Literal["any", "light"] = "light" if wished.columns is None else "any"
        return code.terminal(background=background, columns=wished.columns).encode()
    except QrError as error:
        (fault,) = error.faults
        raise click.UsageError(f"{fault.problem} Widen it, or give --output.") from None


def put(content: bytes, form: str | None, output: Path | None, *, force: bool) -> None:
    """Write a command's result to its file or to standard output; no picture to a terminal."""
    if output is not None:
        write(output, content, force=force)
    elif form in _BINARY and sys.stdout.isatty():
        raise click.UsageError(f"A {form.upper()} is not for a terminal; give --output.")
    else:
        click.echo(content, nl=False)


def _in_a_shell(fault: Fault, wished: Wish) -> Fault:
    """Return the fault of a text that is too long with the option that helps."""
    if fault.code != "text.too-long" or wished.level == "auto":
        return fault
    return replace(fault, hint=f"Allow a lower level with --{wished.prefix}level auto.")


def _describe(code: Qr, size: str, dots: str = "") -> None:
    click.echo(
        f"QR code: version {code.version}, level {code.error}, {code.side} modules a side{dots}; "
        f"{size}",
        err=True,
    )


@click.command("qr", short_help="Draw the QR code of a pass.")
@click.argument(
    "file", required=False, type=click.Path(exists=True, dir_okay=False, allow_dash=True)
)
@click.option("--text", metavar="'PASS'", help="The pass itself, in single quotes.")
@click.option(
    "--whole",
    is_flag=True,
    help="Take a text file as one pass, put together where it was wrapped.",
)
@click.option(
    "--form",
    type=click.Choice(FORMS),
    help="By default what the ending of --output names, without --output terminal.",
)
@options()
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write to a file, whose ending names the form: .svg, .png, .pdf or .txt.",
)
@click.option("--force", is_flag=True, help="Replace the file of --output.")
def command(
    file: str | None,
    text: str | None,
    whole: bool,
    form: Form | None,
    level: str | None,
    size: float | None,
    dpi: float | None,
    output: Path | None,
    force: bool,
) -> None:
    """Draw the QR code of a pass: a text file, a picture or PDF, standard input (-), or --text.

    Nothing is verified. Version, level and size are written to standard error, the size with the
    advised diagonal of 35 to 60 mm. On a terminal too narrow for half blocks, the code is drawn
    smaller, or refused. Colours are for terminals alone.

    Exit codes: 0 drawn; 1 the text cannot be the QR code of a pass; 2 wrong usage, or an input that
    cannot be read.
    """
    if (file is None) == (text is None):
        raise click.UsageError("Name one file, - for standard input, or give --text.")
    form = form_for(output, form, "--form")
    if form is None and output is not None:
        raise click.UsageError("The name of --output has no ending; add one, or give --form.")
    wished = wish(form or "terminal", level, size, dpi, output=output)
    found: str | bytes = text if text is not None else one_pass(file or "", whole=whole).text
    held = found.decode("utf-8", "replace") if isinstance(found, bytes) else found
    put(draw(held.strip(), wished), wished.form, output, force=force)
