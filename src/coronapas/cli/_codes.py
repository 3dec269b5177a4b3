"""``coronapas codes``: every code with its sentence, and the codes of the value sets."""

from __future__ import annotations

import json
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

import click

from coronapas.cli._options import language_option, value_sets_from, value_sets_option
from coronapas.cli._output import plain

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from coronapas.catalogue import Entry
    from coronapas.dcc import ValueSets

_SETS: Final = {
    "products": "PRODUCT",
    "manufacturers": "MANUFACTURER",
    "vaccines": "PROPHYLAXIS",
    "diseases": "DISEASE",
    "test-kinds": "TEST_TYPE",
    "test-results": "TEST_RESULT",
    "test-devices": "TEST_DEVICE",
    "countries": "COUNTRY",
}
"""Short names of the value sets, with the names of their constants in `coronapas.dcc`."""


@click.command("codes", short_help="List every code with its sentence.")
@click.argument("name", required=False)
@language_option
@value_sets_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(name: str | None, language: str, value_sets: tuple[Path, ...], as_json: bool) -> None:
    """List every code that a result or an error can have, with its sentence.

    NAME chooses one code (time.expired), those of a subject (time), or lists a value set with its
    codes in words: products, manufacturers, vaccines, diseases, test-kinds, test-results,
    test-devices or countries.

    Exit codes: 0 listed; 2 wrong usage.
    """
    if name in _SETS:
        from coronapas.dcc import ValueSets

        listed = _value_set(name, value_sets_from(value_sets) or ValueSets.default(), language)
        lines = map(_row, listed["codes"])
        click.echo(json.dumps(listed) if as_json else "\n".join(lines))
        return
    if value_sets:
        raise click.UsageError("--value-sets needs the name of a value set.")
    found = [entry for entry in _entries(language) if name is None or _is_of(entry, name)]
    if not found:
        raise click.UsageError(_unknown(name or "", language))
    if as_json:
        document = {"language": language, "codes": [entry.to_json() for entry in found]}
        click.echo(json.dumps(document, ensure_ascii=False))
    else:
        width = max(len(entry.code) for entry in found)
        click.echo("\n".join(f"{entry.code:{width}}  {entry.sentence}" for entry in found))


def _entries(language: str) -> tuple[Entry, ...]:
    from coronapas.catalogue import entries

    return entries(language)


def _is_of(entry: Entry, name: str) -> bool:
    return entry.code == name or entry.code.startswith(f"{name}.")


def _unknown(name: str, language: str) -> str:
    codes = [entry.code for entry in _entries(language)]
    subjects = dict.fromkeys(code.partition(".")[0] for code in codes)
    near = get_close_matches(name, [*_SETS, *subjects, *codes], n=3)
    hint = f"; perhaps {', '.join(near)}" if near else ""
    return plain(f"There is no code, subject or value set of that name{hint}.")


def _value_set(name: str, sets: ValueSets, language: str) -> dict[str, Any]:
    """Return a value set as JSON: its codes in words, whether they are active, and other names."""
    from coronapas import catalogue, dcc

    set_id = getattr(dcc, _SETS[name])
    one = sets.sets.get(set_id)
    rows = []
    for entry in () if one is None else one.entries.values():
        row: dict[str, Any] = {"code": entry.code, "display": entry.display, "active": entry.active}
        if name == "test-results":
            row["display"] = catalogue.word(entry.display.lower(), language)
        if name == "products":
            product = sets.products.get(entry.code)
            row["names"] = list(_names(entry.display, product)) if product else []
        rows.append(row)
    return {"set": set_id, "date": None if one is None else one.date, "codes": rows}


def _names(display: str, product: Any) -> Iterator[str]:
    """Yield the other names by which the product is found."""
    yield from (name for name in (product.name, *product.aliases) if name != display)


def _row(row: dict[str, Any]) -> str:
    names = f" ({', '.join(row['names'])})" if row.get("names") else ""
    inactive = "" if row["active"] else ", not active"
    return plain(f"{row['code']}  {row['display']}{names}{inactive}")
