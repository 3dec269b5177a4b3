"""``coronapas inspect``: every layer of a pass, without trust and without the holder's data."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, Final

import click

from coronapas.cli.passes import Item, items
from coronapas.cli.showing import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

_INDENT: Final = "  "


@click.command("inspect", short_help="Show every layer of a pass.")
@click.argument(
    "file", required=False, type=click.Path(exists=True, dir_okay=False, allow_dash=True)
)
@click.option("--text", metavar="PASS", help="The pass itself.")
@click.option("--whole", is_flag=True, help="Take a text file as one pass, not one on each line.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line for each pass.")
@click.option(
    "--show-personal-data",
    is_flag=True,
    help="Show what the pass says of its holder, and the bytes of the layers.",
)
def command(
    file: str | None, text: str | None, whole: bool, as_json: bool, show_personal_data: bool
) -> None:
    """Show every layer of a pass: from a text file, a picture, standard input (-), or --text.

    Nothing is verified. What a pass says of its holder is masked, and so are values in fields or
    of forms that nobody knows.

    Exit codes: 0 every layer could be opened; 1 some could not; 2 wrong usage, or no pass.
    """
    from coronapas.cli.layers import describe

    if (file is None) == (text is None):
        raise click.UsageError("Name one file, - for standard input, or give --text.")
    good = True
    found = items(file, whole=whole) if file is not None else [Item("--text", text or "", 0)]
    for item in found:
        document = {
            "place": plain(item.place),
            **describe(item.readable().text, personal=show_personal_data),
        }
        if item.scanned:
            document["qr"] = [
                {"code": one.code, "field": one.field, "note": one.note} for one in item.deviations
            ]
        good = good and "error" not in document
        if as_json:
            click.echo(json.dumps(document))
        else:
            click.echo("\n".join(_lines(document)))
    sys.exit(0 if good else 1)


def _lines(document: dict[str, Any], indent: str = "") -> Iterator[str]:
    """A document as lines, nested by indentation."""
    for name, value in document.items():
        yield from _entry(f"{indent}{plain(str(name))}:", value, indent)


def _entry(head: str, value: object, indent: str) -> Iterator[str]:
    if isinstance(value, dict) and value:
        yield head
        yield from _lines(value, indent + _INDENT)
    elif isinstance(value, list) and any(isinstance(inner, dict) for inner in value):
        yield head
        for inner in value:
            yield from _entry(f"{indent}{_INDENT}-", inner, indent + _INDENT)
    elif isinstance(value, list):
        yield f"{head} {plain(', '.join(map(str, value))) or 'none'}"
    else:
        yield f"{head} {'none' if value in (None, {}) else plain(str(value))}"
