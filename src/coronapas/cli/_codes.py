"""``coronapas codes``, and what people read of a pass: its facts as lines, codes in words."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

import click

from coronapas import catalogue
from coronapas.catalogue import word
from coronapas.cli._options import (
    language_option,
    shown_in,
    value_sets_from,
    value_sets_option,
)
from coronapas.cli._output import plain
from coronapas.dcc import (
    COUNTRY,
    DISEASE,
    MANUFACTURER,
    PRODUCT,
    PROPHYLAXIS,
    TEST_DEVICE,
    TEST_RESULT,
    TEST_TYPE,
    ValueSets,
)
from coronapas.facts import (
    Recovery,
    Test,
    TestKind,
    TestResult,
    Vaccination,
)
from coronapas.rules import CODES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import tzinfo
    from pathlib import Path

    from coronapas.catalogue import Entry
    from coronapas.facts import Event, Holder, PassFacts
    from coronapas.rules import Bound, Verdict, Window

FIELDS: Final = {
    "co": (COUNTRY,),
    "ma": (MANUFACTURER, TEST_DEVICE),
    "mp": (PRODUCT,),
    "tg": (DISEASE,),
    "tr": (TEST_RESULT,),
    "tt": (TEST_TYPE,),
    "vp": (PROPHYLAXIS,),
}
"""The value sets of the fields of a DCC whose values are codes."""

_WIDTH: Final = 22


def named(field: str, code: str, language: str = "en") -> str:
    """Return the code of a DCC's field in words with the code; the code alone where it is unknown.

    The bundled value sets are in English; results are words of the catalogue.
    """
    if field == "tr" and (result := TestResult.of(code)) is not None:
        return f"{_word(result, language)}, {code}"
    found = (ValueSets.default().named(value_set, code) for value_set in FIELDS.get(field, ()))
    return next((text for text in found if text != code), code)


def in_words(value: object, field: str = "") -> object:
    """Return a DCC, masked or not, with each code of a coded field in words with the code."""
    if isinstance(value, dict):
        return {name: in_words(inner, str(name)) for name, inner in value.items()}
    if isinstance(value, list):
        return [in_words(inner, field) for inner in value]
    return named(field, value) if isinstance(value, str) else value


def facts_lines(facts: PassFacts, language: str) -> Iterator[str]:
    """Yield a line for each thing that a pass says of its holder; they are personal data."""
    rows = {
        **_of_holder(facts.holder, language),
        **_of_event(facts.event, language),
        "issuer": facts.issuer,
        "identifier": facts.uvci,
    }
    for label, value in rows.items():
        if value is not None:
            yield f"{catalogue.word(label, language):{_WIDTH}} {value}"


def _of_holder(holder: Holder, language: str) -> dict[str, Any]:
    born = holder.birth_date
    return {
        "name": _joined(holder.family_name, holder.given_name),
        "machine-readable name": _joined(holder.family_name_mrz, holder.given_name_mrz),
        "birth date": catalogue.word("unknown", language) if born is None else born,
    }


def _joined(*names: str | None) -> str | None:
    return ", ".join(name for name in names if name) or None


def _of_event(event: Event, language: str) -> dict[str, Any]:
    def code(field: str, value: str | None) -> str | None:
        return None if value is None else named(field, str(value), language)

    shared = {"disease": code("tg", event.disease), "country": code("co", event.country)}
    match event:
        case Vaccination():
            dose = catalogue.word(
                "{number} of {doses}", language, number=event.dose_number, doses=event.doses
            )
            return {
                "disease": shared["disease"],
                "vaccine": code("mp", event.product),
                "kind of vaccine": code("vp", event.vaccine),
                "manufacturer": code("ma", event.manufacturer),
                "dose": dose,
                "date": event.date,
                "country": shared["country"],
            }
        case Test():
            kind, result = event.kind, event.result
            return {
                "disease": shared["disease"],
                "kind of test": code("tt", kind.value if isinstance(kind, TestKind) else kind),
                "sampled at": _moment(event.sampled_at),
                "result": code("tr", result.value if isinstance(result, TestResult) else result),
                "test centre": event.centre,
                "test name": event.name,
                "test device": code("ma", event.device),
                "country": shared["country"],
            }
        case Recovery():
            return {
                "disease": shared["disease"],
                "first positive test": event.first_positive,
                "valid from": event.valid_from,
                "valid until": event.valid_until,
                "country": shared["country"],
            }


def _word(result: TestResult, language: str) -> str:
    return catalogue.word(result.name.replace("_", " ").lower(), language)


def _moment(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat(" ")


# ``coronapas codes``: every code with its sentence, and the codes of the value sets.

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
    each = sets.sets.get(set_id)
    rows = []
    for entry in () if each is None else each.entries.values():
        row: dict[str, Any] = {"code": entry.code, "display": entry.display, "active": entry.active}
        if name == "test-results":
            row["display"] = catalogue.word(entry.display.lower(), language)
        if name == "products":
            product = sets.products.get(entry.code)
            row["names"] = list(_names(entry.display, product)) if product else []
        rows.append(row)
    return {"set": set_id, "date": None if each is None else each.date, "codes": rows}


def _names(display: str, product: Any) -> Iterator[str]:
    """Yield the other names by which the product is found."""
    yield from (name for name in (product.name, *product.aliases) if name != display)


def _row(row: dict[str, Any]) -> str:
    names = f" ({', '.join(row['names'])})" if row.get("names") else ""
    inactive = "" if row["active"] else ", not active"
    return plain(f"{row['code']}  {row['display']}{names}{inactive}")


# What people read of a verdict in other languages than English, which the rules' room speaks.

_HEADLINES: Final = {
    "PASS": "Accepted in {place} on {moment}.",
    "FAIL": "Not accepted in {place} on {moment}.",
    "REFUSED": "Refused in {place} on {moment}: the pass does not verify.",
    "NO RULES": "No rule of {place} for such a pass is at hand on {moment}: neither accepted nor "
    "refused.",
}
# Codes of the value sets: products, organisations, ATC, LOINC and SNOMED.
_CODES: Final = re.compile(r"(?<![\w/-])[A-Z0-9][A-Z0-9/-]{5,}(?![\w/-])")
_ENDING: Final = "The pass itself is valid until {moment} (included)."
_EXCLUSIVE_ENDING: Final = "The pass itself is valid until {moment} (not included)."
_OPEN: Final = "Not decided for {place} on {moment}."
_OUTCOMES: Final = {"PASS": "Accepted", "FAIL": "Not accepted", "NO RULES": "No rules"}


def spoken(language: str) -> str:
    """Return the catalogue's language for one that rules may be described in; else English."""
    try:
        return catalogue.language(language)
    except ValueError:
        return "en"


def headline(verdict: Verdict, language: str) -> str:
    """Return the outcome for a person, without any of the holder's data."""
    if language == "en":
        return verdict.sentence
    text = _HEADLINES.get(str(verdict.outcome), _OPEN)
    return word(text, language, place=verdict.country, moment=f"{verdict.at:%Y-%m-%d %H:%M:%S} UTC")


def meaning(code: str, language: str) -> str:
    """Return what the code of a rule's result means."""
    return CODES[code] if language == "en" else catalogue.sentence(code, language)


def interval(window: Window, language: str, zone: tzinfo = UTC) -> str:
    """Return an interval of one outcome; it shows the holder's dates.

    English sentences are those of the rules' room: in UTC, and in the country's own time.
    """
    if language == "en":
        return window.sentence
    parts = [word(_OUTCOMES.get(str(window.outcome), "Not decided"), language)]
    for text, bound in (("from {moment}", window.start), ("until {moment}", window.end)):
        if bound is not None:
            parts.append(" ".join(_bound(text, bound, language, zone)))
    return f"{', '.join(parts)}."


def with_names(fact: str) -> str:
    """Return a fact that decided, with what its value-set codes mean behind them."""
    from coronapas.dcc import (
        DISEASE,
        MANUFACTURER,
        PRODUCT,
        PROPHYLAXIS,
        TEST_RESULT,
        TEST_TYPE,
        ValueSets,
    )

    sets = ValueSets.default()
    order = (PRODUCT, MANUFACTURER, PROPHYLAXIS, DISEASE, TEST_TYPE, TEST_RESULT)

    def named(found: re.Match[str]) -> str:
        code = found[0]
        meanings = (sets.display(name, code) for name in order)
        meaning = next((text for text in meanings if text is not None and text != code), None)
        return code if meaning is None else f"{meaning}, {code}"

    return _CODES.sub(named, fact)


def ending(expires: datetime, language: str, zone: tzinfo = UTC, *, included: bool = True) -> str:
    """Return until when the pass itself is valid, in a time zone."""
    text = _ENDING if included else _EXCLUSIVE_ENDING
    return word(text, language, moment=shown_in(expires, zone))


def _bound(text: str, bound: Bound, language: str, zone: tzinfo) -> Iterator[str]:
    yield word(text, language, moment=shown_in(bound.moment, zone))
    yield word("(included)" if bound.included else "(exclusive)", language)
