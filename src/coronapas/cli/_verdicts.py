"""What people read of a verdict in other languages than English, which the rules' room speaks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from coronapas import catalogue
from coronapas.catalogue import word
from coronapas.rules import CODES, moment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from coronapas.rules import Bound, Verdict, Window

_HEADLINES: Final = {
    "PASS": "Accepted in {place} on {moment}.",
    "FAIL": "Not accepted in {place} on {moment}.",
    "REFUSED": "Refused in {place} on {moment}: the pass does not verify.",
    "NO RULES": "No rule of {place} for such a pass is at hand on {moment}: neither accepted nor "
    "refused.",
}
# Codes of the value sets: products, organisations, ATC, LOINC and SNOMED.
_CODES: Final = re.compile(r"(?<![\w/-])[A-Z0-9][A-Z0-9/-]{5,}(?![\w/-])")
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


def interval(window: Window, language: str) -> str:
    """Return an interval of one outcome; it shows the holder's dates."""
    if language == "en":
        return window.sentence
    parts = [word(_OUTCOMES.get(str(window.outcome), "Not decided"), language)]
    for text, bound in (("from {moment}", window.start), ("until {moment}", window.end)):
        if bound is not None:
            parts.append(" ".join(_bound(text, bound, language)))
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


def ending(expires: datetime, language: str) -> str:
    """Return until when the pass itself is valid."""
    text = "The pass itself is valid until {moment} (included)."
    return word(text, language, moment=_shown(expires, language))


def _shown(at: datetime, language: str) -> str:
    return moment(at) if language == "en" else moment(at).replace(" at ", " ")


def _bound(text: str, bound: Bound, language: str) -> Iterator[str]:
    yield word(text, language, moment=_shown(bound.moment, language))
    yield word("(included)" if bound.included else "(exclusive)", language)
