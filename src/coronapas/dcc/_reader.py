"""From the payload back to what a register knows: typed facts, also from passes with oddities.

Implements the DCC schema, 1.0.0 to 1.3.3, in the direction of reading. Nothing here judges: what
was odd in a value that was read is given as deviations, as `coronapas.dcc._examiner` gives them for
the whole payload. Nothing here raises, whatever the object that a decoder handed on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Any, Final, TypeVar

from coronapas.dcc._chronology import MOST_EVENTS, newest_first
from coronapas.dcc._examiner import (
    NOTES,
    Examiner,
    Tidy,
    default_examiner,
    examine,
    tidy,
    wrong_count,
)
from coronapas.dcc._schema import GROUPS
from coronapas.dcc._text import read_birth_date, read_date, read_moment
from coronapas.facts import (
    Event,
    EventKind,
    Holder,
    PartialDate,
    PassFacts,
    Recovery,
    Test,
    TestKind,
    TestResult,
    Vaccination,
)
from coronapas.tolerances import Deviation

__all__ = [
    "Examiner",
    "default_examiner",
    "examine",
    "facts_of",
    "kind_of",
    "negative_by",
    "negative_test",
    "positive_test",
    "sampled_at",
]

_T = TypeVar("_T")
_TEST_KINDS: Final = frozenset(kind.value for kind in TestKind)
_TEST_RESULTS: Final = frozenset(result.value for result in TestResult)
_KINDS: Final = {kind.group: kind for kind in EventKind}


def kind_of(dcc: object) -> EventKind | None:
    """Tell which kind of event a decoded DCC states; None where it states none, or several kinds.

    Null and empty groups do not count; two events of one kind still have that kind.
    """
    found = kinds_of(dcc)
    return found[0] if len(found) == 1 else None


def kinds_of(dcc: object) -> tuple[EventKind, ...]:
    """Tell which kinds of event a decoded DCC states, each once; null and empty groups are none."""
    if not isinstance(dcc, Mapping):
        return ()
    found = (name for name in GROUPS if isinstance(dcc.get(name), list | tuple) and dcc[name])
    return tuple(_KINDS[name] for name in found)


def positive_test(dcc: object) -> bool:
    """Tell whether any test in a decoded DCC has found the infection (EU basic checks, DGC7).

    Such a pass is genuine and shown as such, and is no proof of being free of infection.
    """
    return any(
        isinstance(result, str) and result.strip() == TestResult.DETECTED
        for result in _test_values(dcc, "tr")
    )


def negative_test(dcc: object) -> bool:
    """Tell whether a decoded DCC states tests, and all of them found no infection."""
    results = _test_values(dcc, "tr")
    return bool(results) and all(
        isinstance(result, str) and result.strip() == TestResult.NOT_DETECTED for result in results
    )


def negative_by(dcc: Mapping[str, Any], moment: float) -> bool:
    """Tell quickly whether the one test of a pass is negative and was sampled by a moment.

    `moment` is in seconds since 1970-01-01T00:00:00Z, inclusive. False also where a closer look is
    needed: at several tests, none, or an odd one.
    """
    try:
        (entry,) = dcc["t"]
        sampled = datetime.fromisoformat(entry["sc"])
        return (
            entry["tr"] == TestResult.NOT_DETECTED
            and sampled.tzinfo is not None
            and sampled.timestamp() <= moment
        )
    except (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError):
        return False


def sampled_at(dcc: object) -> datetime | None:
    """Give the latest moment of sampling that the tests of a decoded DCC state; None without one.

    With its time zone; a moment without one counts as UTC. A verifier compares it with its clock
    (EU basic checks, DGC8).
    """
    moments = (
        read_moment(value.strip())[0] for value in _test_values(dcc, "sc") if isinstance(value, str)
    )
    return max((moment for moment in moments if moment is not None), default=None)


def facts_of(dcc: object) -> tuple[PassFacts | None, tuple[Deviation, ...]]:
    """Read the facts that a decoded DCC states, and what was odd in the values read.

    The facts are None where there is no event, or where something that makes an event of its kind
    cannot be read; the deviations then say why. Of several events (``content.several-events``) the
    facts hold all, in the order of `coronapas.dcc._chronology.newest_first`. Codes are given as the
    pass states them, also those that follow from the product; a test's kind and result become
    `TestKind` and `TestResult` where they are of these. Texts are without white space around them
    and in NFC.
    """
    if not isinstance(dcc, Mapping):
        return None, (Deviation("content.schema", "", "the payload is not an object"),)
    even = tidy(dcc)
    reader = _Reader(list(even.deviations))
    facts = _facts(even, reader)
    return facts, tuple(dict.fromkeys(reader.out))


def holder_of(dcc: object) -> Holder:
    """Read the holder that a decoded DCC states; what cannot be read is None."""
    return _holder(tidy(dcc) if isinstance(dcc, Mapping) else tidy({}), _Reader([]))


def _test_values(dcc: object, name: str) -> list[object]:
    group = dcc.get("t") if isinstance(dcc, Mapping) else None
    entries = group if isinstance(group, list | tuple) else ()
    return [entry.get(name) for entry in entries if isinstance(entry, Mapping)]


class _Reader:
    """Reads the values of one object at a time; adds to `out` what is odd or cannot be read."""

    def __init__(self, out: list[Deviation]) -> None:
        self.out = out
        self._path = ""
        self._values: Mapping[str, Any] = {}

    def turn_to(self, path: str, values: object) -> None:
        """Read from the object at `path` from now on; one that is no object is reported."""
        self._path = path
        self._values = values if isinstance(values, Mapping) else {}
        if not isinstance(values, Mapping):
            self._report("content.schema", path, "the value is missing or not an object")

    def text(self, name: str) -> str | None:
        """Give a text; None for an empty or missing one."""
        value = self._values.get(name)
        if isinstance(value, str):
            return value or None
        if value is not None:
            self._report("content.schema", self._at(name), "the value is not a string")
        return None

    def needed(self, name: str) -> str | None:
        """Give a text without which there are no facts."""
        value = self._values.get(name)
        if not isinstance(value, str):
            self._report("content.schema", self._at(name), "the value is missing or not a string")
        elif not value:
            self._report("content.empty-field", self._at(name), "the field is empty")
        return value if isinstance(value, str) and value else None

    def dose(self, name: str) -> int | None:
        """Give a number of doses: a whole number, 1 or more."""
        value = self._values.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
            return value
        self._report(
            "content.schema", self._at(name), "the value is not a whole number of 1 or more"
        )
        return None

    def value(
        self, name: str, read: Callable[[str], tuple[_T | None, tuple[str, ...]]]
    ) -> _T | None:
        """Give what `read` makes of a text without which there are no facts."""
        text = self.needed(name)
        if text is None:
            return None
        value, codes = read(text)
        self._odd(name, codes)
        return value

    def birth_date(self) -> date | PartialDate | None:
        text = self.text("dob")
        if text is None:
            return None
        born, codes = read_birth_date(text)
        self._odd("dob", codes)
        return born

    def _odd(self, name: str, codes: tuple[str, ...]) -> None:
        for code in codes:
            self._report(code, self._at(name), NOTES[code])

    def _at(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name

    def _report(self, code: str, path: str, note: str) -> None:
        self.out.append(Deviation(code, path, note))


def _facts(even: Tidy, reader: _Reader) -> PassFacts | None:
    reader.turn_to("", even.dcc)
    version = reader.text("ver")
    holder = _holder(even, reader)
    if len(even.entries) != 1:
        reader.out.append(wrong_count(len(even.entries)))
    if not 0 < len(even.entries) <= MOST_EVENTS:
        return None
    found = []
    for group, path, entry in newest_first(even.entries):
        reader.turn_to(path, entry)
        event = _EVENTS[group](reader)
        found.append((event, reader.text("is"), reader.text("ci")))
    # None of them is left out: a pass is read as a whole, or not at all.
    others: list[PassFacts] = []
    for event, issuer, uvci in reversed(found):
        if event is None:
            return None
        facts = PassFacts(holder, event, issuer, uvci, version)
        others.insert(0, facts)
    return replace(others[0], others=tuple(others[1:]))


def _holder(even: Tidy, reader: _Reader) -> Holder:
    reader.turn_to("", even.dcc)
    born = reader.birth_date()
    reader.turn_to("nam", even.dcc.get("nam"))
    return Holder(
        reader.text("fn"), reader.text("gn"), born, reader.text("fnt"), reader.text("gnt")
    )


def _vaccination(reader: _Reader) -> Vaccination | None:
    product, day = reader.needed("mp"), reader.value("dt", read_date)
    number, doses = reader.dose("dn"), reader.dose("sd")
    if product is None or day is None or number is None or doses is None:
        return None
    return Vaccination(
        product,
        number,
        doses,
        day,
        country=reader.text("co"),
        vaccine=reader.text("vp"),
        manufacturer=reader.text("ma"),
        **_disease(reader),
    )


def _test(reader: _Reader) -> Test | None:
    kind, sampled = reader.needed("tt"), reader.value("sc", read_moment)
    result = reader.needed("tr")
    if kind is None or sampled is None or result is None:
        return None
    return Test(
        TestKind(kind) if kind in _TEST_KINDS else kind,
        sampled,
        TestResult(result) if result in _TEST_RESULTS else result,
        centre=reader.text("tc"),
        country=reader.text("co"),
        name=reader.text("nm"),
        device=reader.text("ma"),
        **_disease(reader),
    )


def _recovery(reader: _Reader) -> Recovery | None:
    first, start, end = (reader.value(name, read_date) for name in ("fr", "df", "du"))
    if first is None or start is None or end is None:
        return None
    return Recovery(first, start, end, country=reader.text("co"), **_disease(reader))


def _disease(reader: _Reader) -> dict[str, str]:
    """Give the disease as an argument, or none where the pass names none: that is COVID-19."""
    stated = reader.text("tg")
    return {} if stated is None else {"disease": stated}


_EVENTS: Final[Mapping[str, Callable[[_Reader], Event | None]]] = {
    "v": _vaccination,
    "t": _test,
    "r": _recovery,
}
