"""Histories from and to JSON, by ``schemas/history.schema.json``, with every fault at once."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from coronapas.errors import HistoryError
from coronapas.facts import PartialDate, TestKind, TestResult
from coronapas.programmes.history import Birth, Dose, History, Infection, Tested
from coronapas.programmes.json_rows import YEARS, Faults, RowReader

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST: Final = {"vaccinations": 100, "tests": 5000, "infections": 100}
"""How many statements of each kind a document may have, inclusive: this project's bound."""

LARGEST: Final = 4_000_000
"""How many bytes a history's file may have, inclusive."""

_PARTIAL: Final = re.compile(r"([0-9]{4})(?:-([0-9]{2}))?")


def _spoken(word: str) -> str:
    return re.sub("[ _-]+", " ", word.strip().casefold())


_KINDS: Final = {
    "naat": "naat",
    "pcr": "naat",
    "rat": "rat",
    "antigen": "rat",
    _spoken(TestKind.NAAT): "naat",
    _spoken(TestKind.RAT): "rat",
}
_RESULTS: Final = {
    "positive": True,
    "detected": True,
    _spoken(TestResult.DETECTED): True,
    "negative": False,
    "not detected": False,
    _spoken(TestResult.NOT_DETECTED): False,
    "inconclusive": None,
}


def history_from_json(source: str | bytes | Path | Mapping[str, object]) -> History:
    """Read a history: JSON text, a file's path, or a parsed document.

    Raises HistoryError with every fault; its text holds none of the holder's data.
    """
    if isinstance(source, Path):
        source = source.read_bytes() if source.stat().st_size <= LARGEST else b""
    document: object = source
    if isinstance(source, str | bytes):
        try:
            document = json.loads(source)
        except (ValueError, RecursionError):
            faults = Faults()
            mend = f"Give JSON in UTF-8 of at most {LARGEST} bytes."
            faults.note("", "json.syntax", "This is no JSON document, or too large.", mend)
            raise HistoryError(faults.found) from None
    return _read(document)


def _read(document: object) -> History:
    faults = Faults()
    top = RowReader(document, "", faults)
    top.take("$schema")
    groups = top.words("groups")
    doses = tuple(
        dose for row in top.rows("vaccinations", most=MOST["vaccinations"]) for dose in _dose(row)
    )
    tests = tuple(test for row in top.rows("tests", most=MOST["tests"]) for test in _test(row))
    infections = tuple(
        infection
        for row in top.rows("infections", most=MOST["infections"])
        for infection in _infection(row)
    )
    birth_date = _birth(top)
    sector = top.maybe_text("sector")
    top.close()
    if faults.found:
        raise HistoryError(faults.found)
    named = None if groups is None else frozenset(groups)
    return History(birth_date, doses, tests, infections, sector, named)


def _birth(top: RowReader) -> Birth:
    value = top.values.get("birth_date")
    if value == "":
        top.take("birth_date")
        return None
    partial = _PARTIAL.fullmatch(value) if isinstance(value, str) else None
    if partial is None:
        return top.day("birth_date")
    top.take("birth_date")
    year, month = int(partial[1]), partial[2]
    if year not in YEARS or (month is not None and not 1 <= int(month) <= 12):
        mend = "Write YYYY-MM-DD, YYYY-MM or YYYY."
        top.faults.note("birth_date", "json.date", "This is not a date of the calendar.", mend)
        return None
    return PartialDate(year, None if month is None else int(month))


def _dose(row: RowReader) -> Iterator[Dose]:
    day = row.day("date", required=True)
    number, doses = row.number("dose_number", 1, 99), row.number("doses", 1, 99)
    if row.has("dose_number") != row.has("doses"):
        row.faults.note(
            row.path,
            "history.dose-numbers",
            "A dose has both numbers or none.",
            "Give dose_number and doses, or leave both out.",
        )
    product, uvci = row.maybe_text("product"), row.maybe_text("uvci")
    row.close()
    if day is not None:
        yield Dose(day, product, number, doses, uvci)


def _test(row: RowReader) -> Iterator[Tested]:
    kind = _word(row, "kind", _KINDS)
    result = _word(row, "result", _RESULTS)
    moment = row.instant("sampled_at")
    uvci = row.maybe_text("uvci")
    row.close()
    if kind is not None and moment is not None and result is not None:
        yield Tested(_KINDS[kind], moment, _RESULTS[result], uvci)


def _infection(row: RowReader) -> Iterator[Infection]:
    day = row.day("first_positive", required=True)
    proof = _word(row, "proof", _KINDS) if row.has("proof") else "naat"
    uvci = row.maybe_text("uvci")
    row.close()
    if day is not None and proof is not None:
        yield Infection(day, _KINDS[proof], uvci)


def _word(row: RowReader, name: str, words: Mapping[str, Any]) -> str | None:
    """Take a word in any case, with spaces, hyphens or underscores."""
    value = row.take(name, required=True)
    if value is None:
        return None
    if isinstance(value, str) and _spoken(value) in words:
        return _spoken(value)
    choices = ", ".join(sorted(words))
    row.faults.note(
        f"{row.path}.{name}", "json.choice", "The word is unknown here.", f"Give one of {choices}."
    )
    return None


def history_to_json(history: History) -> dict[str, Any]:
    """Give a history as a document that `history_from_json` reads back; statements in order."""
    document: dict[str, Any] = {}
    if history.birth_date is not None:
        birth = history.birth_date
        document["birth_date"] = birth.isoformat() if isinstance(birth, date) else str(birth)
    if history.sector is not None:
        document["sector"] = history.sector
    if history.groups is not None:
        document["groups"] = sorted(history.groups)
    document["vaccinations"] = [
        _present(
            date=dose.date.isoformat(),
            product=dose.product,
            dose_number=dose.dose_number,
            doses=dose.doses,
            uvci=dose.uvci,
        )
        for dose in history.doses
    ]
    results = {True: "positive", False: "negative", None: "inconclusive"}
    document["tests"] = [
        _present(
            kind=test.kind,
            sampled_at=test.sampled_at.isoformat(),
            result=results[test.positive],
            uvci=test.uvci,
        )
        for test in history.tests
    ]
    document["infections"] = [
        _present(first_positive=one.first_positive.isoformat(), proof=one.proof, uvci=one.uvci)
        for one in history.infections
    ]
    return document


def _present(**members: object) -> dict[str, object]:
    return {name: value for name, value in members.items() if value is not None}
