"""What people read of a pass: its facts as labelled lines, codes in words with their code."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from coronapas import catalogue
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
from coronapas.facts import Recovery, Test, TestKind, TestResult, Vaccination

if TYPE_CHECKING:
    from collections.abc import Iterator

    from coronapas.facts import Event, Holder, PassFacts

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
