"""A holder's history: doses, tests, infections, and what else decides about evidence and doses.

A history is a set of statements: two sources that state the same dose both stay in it, and
`coronapas.programmes._course` finds what is one event. Merging is the union of the statements and
therefore free of order; nothing is lost on the way.

The holder's data never shows in a `repr`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from coronapas import _json
from coronapas._json import YEARS, Faults, Reader
from coronapas._time import as_utc
from coronapas.errors import Fault, HistoryError
from coronapas.facts._model import (
    Agreement,
    Event,
    Holder,
    PartialDate,
    PassFacts,
    Recovery,
    Test,
    TestKind,
    TestResult,
    Vaccination,
    compare_holders,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Day = date
"""A local day."""

_BIRTHS: Final = Fault(
    "birth_date",
    "history.birth-dates",
    "The sources state different birth dates.",
    "Merge the histories of one holder only.",
)

Birth = date | PartialDate | None
"""A birth date, wholly, partly or not known."""


@dataclass(frozen=True, slots=True)
class Dose:
    """One statement of a dose.

    `date` is its local day, `product` a code or a name or None where it is unknown, `dose_number`
    and `doses` are dn and sd or None, `uvci` the identifier of the pass or entry that states it.
    `disease` is the code of the disease that the dose protects from; None is taken as the one that
    a programme is about. `batch` and `place` are kept for whoever compares statements; no rule
    asks for them.
    """

    date: Day = field(repr=False)
    product: str | None = field(default=None, repr=False)
    dose_number: int | None = field(default=None, repr=False)
    doses: int | None = field(default=None, repr=False)
    uvci: str | None = field(default=None, repr=False)
    disease: str | None = field(default=None, repr=False)
    batch: str | None = field(default=None, repr=False)
    place: str | None = field(default=None, repr=False)

    @property
    def disputed(self) -> bool:
        """Tell whether sources disagree: one statement cannot."""
        return False

    def key(self) -> tuple[Day, str, int, int, str, str, str, str]:
        """Give what statements are put in order by."""
        return (
            self.date,
            self.product or "",
            self.dose_number or 0,
            self.doses or 0,
            self.uvci or "",
            self.disease or "",
            self.batch or "",
            self.place or "",
        )


@dataclass(frozen=True, slots=True)
class Tested:
    """One statement of a test.

    `kind` is ``naat`` (PCR and the like), ``rat`` (antigen) or another word, which no rule knows.
    `positive` is None where there is no clear result. `sampled_at` has a time zone. `disease` is
    the code of the disease tested for; None is taken as the one that a programme is about.
    """

    __test__ = False  # pytest would collect the class by its name

    kind: str = field(repr=False)
    sampled_at: datetime = field(repr=False)
    positive: bool | None = field(repr=False)
    uvci: str | None = field(default=None, repr=False)
    """The identifier of its certificate (UVCI); None where it is not known."""
    disease: str | None = field(default=None, repr=False)

    def key(self) -> tuple[datetime, str, int, str, str]:
        """Give what statements are put in order by."""
        order = -1 if self.positive is None else int(self.positive)
        return self.sampled_at, self.kind, order, self.uvci or "", self.disease or ""


@dataclass(frozen=True, slots=True)
class Infection:
    """One statement of an infection: the local day of the first positive test, and its kind.

    `disease` is the code of the disease; None is taken as the one that a programme is about.
    """

    first_positive: date = field(repr=False)
    """The local day of the first positive test."""
    proof: str = field(default="naat", repr=False)
    """The kind of that test: ``naat``, ``rat`` or another word."""
    uvci: str | None = field(default=None, repr=False)
    """The identifier of its certificate (UVCI); None where it is not known."""
    disease: str | None = field(default=None, repr=False)

    def key(self) -> tuple[date, str, str, str]:
        """Give what statements are put in order by."""
        return self.first_positive, self.proof, self.uvci or "", self.disease or ""


@dataclass(frozen=True, slots=True)
class History:
    """Everything that is known of a holder; the statements are kept in order and without doubles.

    `sector` is one word for where the holder's pass is asked for (``business``), `groups` the
    target groups that the holder belongs to: None where they are not known, empty where there are
    none. Raises ValueError for a test without a time zone.
    """

    birth_date: Birth = field(default=None, repr=False)
    """The date of birth, possibly known in part; None where it is unknown."""
    doses: tuple[Dose, ...] = field(default=(), repr=False)
    """Every statement of a dose, in the order of their days."""
    tests: tuple[Tested, ...] = field(default=(), repr=False)
    """Every statement of a test, in the order of sampling; moments in UTC."""
    infections: tuple[Infection, ...] = field(default=(), repr=False)
    """Every statement of an infection, in the order of their days."""
    sector: str | None = field(default=None, repr=False)
    groups: frozenset[str] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if len(self.doses) > 1:
            object.__setattr__(self, "doses", tuple(sorted(set(self.doses), key=Dose.key)))
        if self.tests:
            tests = {_in_utc(test) for test in self.tests}
            object.__setattr__(self, "tests", tuple(sorted(tests, key=Tested.key)))
        if len(self.infections) > 1:
            infections = sorted(set(self.infections), key=Infection.key)
            object.__setattr__(self, "infections", tuple(infections))

    @classmethod
    def from_facts(
        cls,
        *events: Event,
        birth_date: Birth = None,
        sector: str | None = None,
        groups: Iterable[str] | None = None,
    ) -> History:
        """Make a history of a register's facts."""
        return _of_events([(event, None) for event in events], birth_date, sector, groups)

    @classmethod
    def from_passes(
        cls,
        passes: Iterable[PassFacts],
        *,
        sector: str | None = None,
        groups: Iterable[str] | None = None,
        unsure_names: bool = False,
    ) -> History:
        """Make a history of what one holder's passes state.

        Raises HistoryError where names or birth dates say that they are not one holder's
        (`compare_holders`). Names that are unsure count as different unless `unsure_names`.
        """
        passes = tuple(passes)
        for place, one in enumerate(passes):
            for other in passes[:place]:
                _require_one_holder(one.holder, other.holder, unsure_names)
        made = [
            _of_events([(each.event, each.uvci)], one.holder.birth_date, sector, groups)
            for one in passes
            for each in one.all
        ]
        return merge(cls(sector=sector, groups=_groups(groups)), *made)

    @classmethod
    def from_json(cls, source: str | bytes | Path | Mapping[str, object]) -> History:
        """Read ``schemas/history.schema.json``; raises HistoryError with every fault."""
        return history_from_json(source)

    def to_json(self) -> dict[str, Any]:
        """Give a document that `from_json` reads back; it holds the holder's data."""
        return history_to_json(self)


def _require_one_holder(one: Holder, other: Holder, unsure_names: bool) -> None:
    found = compare_holders(one, other)
    if found.birth_date is Agreement.NO_MATCH:
        raise HistoryError([_BIRTHS])
    if not found.is_same(unsure_names=unsure_names):
        fault = Fault(
            "holder",
            "history.names",
            "The passes state different names.",
            "Give the passes of one holder; where the names are one person's nevertheless, say so "
            "(unsure_names).",
        )
        raise HistoryError([fault])


def merge(*histories: History) -> History:
    """Put several histories of one holder together, in any order and grouping.

    The more exact birth date is kept. Raises HistoryError where birth dates or sectors contradict
    each other.
    """
    merged = History()
    for history in histories:
        merged = History(
            birth_date=_agree(merged.birth_date, history.birth_date),
            doses=merged.doses + history.doses,
            tests=merged.tests + history.tests,
            infections=merged.infections + history.infections,
            sector=_same_sector(merged.sector, history.sector),
            groups=history.groups
            if merged.groups is None
            else merged.groups | (history.groups or set()),
        )
    return merged


def births(birth: Birth) -> tuple[date, date] | None:
    """Give the first and the last day that a birth date may mean; None where it is unknown."""
    if birth is None:
        return None
    if isinstance(birth, date):
        return birth, birth
    month = birth.month
    first = date(birth.year, month or 1, 1)
    following = date(birth.year + 1, 1, 1) if month in (None, 12) else None
    following = following or date(birth.year, (month or 0) + 1, 1)
    return first, date.fromordinal(following.toordinal() - 1)


def _agree(one: Birth, other: Birth) -> Birth:
    if one is None or other is None:
        return other if one is None else one
    exact, rough = (one, other) if _exactness(one) >= _exactness(other) else (other, one)
    inner, outer = births(exact), births(rough)
    if inner and outer and outer[0] <= inner[0] and inner[1] <= outer[1]:
        return exact
    raise HistoryError([_BIRTHS])


def _exactness(birth: date | PartialDate) -> int:
    if isinstance(birth, date):
        return 2
    return 0 if birth.month is None else 1


def _same_sector(one: str | None, other: str | None) -> str | None:
    if one is not None and other is not None and one != other:
        fault = Fault(
            "sector",
            "history.sectors",
            "The sources state different sectors.",
            "Give the sector of the check once.",
        )
        raise HistoryError([fault])
    return other if one is None else one


def _in_utc(test: Tested) -> Tested:
    moment = as_utc(test.sampled_at)
    if moment is test.sampled_at:
        return test
    return Tested(test.kind, moment, test.positive, test.uvci, test.disease)


def _groups(groups: Iterable[str] | None) -> frozenset[str] | None:
    return None if groups is None else frozenset(groups)


_KINDS = {TestKind.NAAT: "naat", TestKind.RAT: "rat"}
_POSITIVE = {TestResult.DETECTED: True, TestResult.NOT_DETECTED: False}


def _of_events(
    events: list[tuple[Event, str | None]],
    birth_date: Birth,
    sector: str | None,
    groups: Iterable[str] | None,
) -> History:
    doses: list[Dose] = []
    tests: list[Tested] = []
    infections: list[Infection] = []
    for event, uvci in events:
        match event:
            case Vaccination():
                doses.append(
                    Dose(
                        event.date,
                        event.product,
                        event.dose_number,
                        event.doses,
                        uvci,
                        event.disease,
                        event.batch,
                        event.place,
                    )
                )
            case Test():
                kind = TestKind.of(event.kind)
                result = TestResult.of(event.result)
                tests.append(
                    Tested(
                        _KINDS[kind] if kind else str(event.kind),
                        event.sampled_at,
                        _POSITIVE[result] if result else None,
                        uvci,
                        event.disease,
                    )
                )
            case Recovery():
                infections.append(Infection(event.first_positive, "naat", uvci, event.disease))
    return History(
        birth_date, tuple(doses), tuple(tests), tuple(infections), sector, _groups(groups)
    )


# From and to JSON, by ``schemas/history.schema.json``


MOST: Final = {"vaccinations": 100, "tests": 5000, "infections": 100}
"""How many statements of each kind a document may have, inclusive: this project's bound."""

LARGEST: Final = 4_000_000
"""How many bytes a history's file may have, inclusive."""

_PARTIAL: Final = re.compile(r"([0-9]{4})(?:-([0-9]{2}))?")


_PROOFS: Final = {
    "naat": "naat",
    "pcr": "naat",
    TestKind.NAAT.value.lower(): "naat",
    "rat": "rat",
    "antigen": "rat",
    TestKind.RAT.value.lower(): "rat",
}
_RESULTS: Final = {
    "positive": True,
    "detected": True,
    TestResult.DETECTED.value: True,
    "negative": False,
    "not detected": False,
    TestResult.NOT_DETECTED.value: False,
    "inconclusive": None,
}


def _spoken(word: str) -> str:
    """Return a word in lower case, with one space for spaces, hyphens and underscores in it."""
    word = word.strip().lower()
    return word if word in _PROOFS else re.sub("[ _-]+", " ", word)


def history_from_json(source: str | bytes | Path | Mapping[str, object]) -> History:
    """Read a history: JSON text, a file's path, or a parsed document.

    Raises HistoryError with every fault; its text holds none of the holder's data. A null is not an
    absent member, and a member that stands twice is a fault (``json.doubled``).
    """
    if isinstance(source, Path):
        source = source.read_bytes() if source.stat().st_size <= LARGEST else b""
    document: object = source
    if isinstance(source, str | bytes):
        try:
            document = _json.load(source, limit=LARGEST, keep_doubled=True)
        except _json.JsonError:
            faults = Faults()
            hint = f"Give JSON in UTF-8 of at most {LARGEST} bytes."
            faults.note("", "json.syntax", "This is not a JSON document, or is too large.", hint)
            raise HistoryError(faults.found) from None
    return _read(document)


def _read(document: object) -> History:
    faults = Faults()
    top = Reader(document, "", faults)
    top.string("$schema", least=0)
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


def _birth(top: Reader) -> Birth:
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
        hint = "Write YYYY-MM-DD, YYYY-MM or YYYY."
        top.faults.note("birth_date", "json.date", "This is not a date of the calendar.", hint)
        return None
    return PartialDate(year, None if month is None else int(month))


def _dose(row: Reader) -> Iterator[Dose]:
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
    disease = row.maybe_text("disease")
    batch, place = row.maybe_text("batch"), row.maybe_text("place")
    _passed_over(row, "country", "vaccine", "manufacturer")
    row.close()
    if day is not None:
        yield Dose(day, product, number, doses, uvci, disease, batch, place)


def _test(row: Reader) -> Iterator[Tested]:
    kind = _word(row, "kind", _PROOFS)
    result = _word(row, "result", _RESULTS)
    moment = row.instant("sampled_at")
    uvci, disease = row.maybe_text("uvci"), row.maybe_text("disease")
    _passed_over(row, "country", "centre", "name", "device")
    row.close()
    if kind is not None and moment is not None and result is not None:
        yield Tested(_PROOFS[kind], moment, _RESULTS[result], uvci, disease)


def _infection(row: Reader) -> Iterator[Infection]:
    day = row.day("first_positive", required=True)
    proof = _word(row, "proof", _PROOFS) if row.has("proof") else "naat"
    uvci, disease = row.maybe_text("uvci"), row.maybe_text("disease")
    _passed_over(row, "country", "valid_from", "valid_until")
    row.close()
    if day is not None and proof is not None:
        yield Infection(day, _PROOFS[proof], uvci, disease)


def _passed_over(row: Reader, *names: str) -> None:
    """Take what facts state of an event beyond what a history is judged by."""
    for name in names:
        value = row.take(name, nullable=True)
        if value is not None and not isinstance(value, str):
            row.note(name, "text", "This is not a text.", "Give a text, or leave it out.")


def _word(row: Reader, name: str, words: Mapping[str, Any]) -> str | None:
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
            disease=dose.disease,
            batch=dose.batch,
            place=dose.place,
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
            disease=test.disease,
        )
        for test in history.tests
    ]
    document["infections"] = [
        _present(
            first_positive=infection.first_positive.isoformat(),
            proof=infection.proof,
            uvci=infection.uvci,
            disease=infection.disease,
        )
        for infection in history.infections
    ]
    return document


def _present(**members: object) -> dict[str, object]:
    return {name: value for name, value in members.items() if value is not None}
