"""What a pass's events must be at the moment of a check: past, after the birth, and negative.

One rule for every kind of event:

1. A dose, a first positive test and a birth are local days of places unknown. Such a day lies in
   the future until it has begun somewhere on earth, that is at UTC+14.
2. A sample (EU basic checks, DGC8) and a result are moments, and lie in the future where they are
   later than the check by more than the clock skew.
3. Nobody is born after a dose, a test or an infection. A partly known birth date counts from its
   first day; beside a sample, a birth counts once its day had begun somewhere on earth.
4. A test is negative (DGC7).

The days of a recovery's validity may lie in the future. What cannot be read is left to the examiner
of the content, as in all of this room. Nothing here raises.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import (
    UTC,
    date,
    datetime,
    timedelta,
)
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import (
    TYPE_CHECKING,
    Any,
    Final,
    NamedTuple,
)

from coronapas.dcc._text import read_birth_date, read_date, read_moment
from coronapas.facts import PartialDate, TestResult
from coronapas.tolerances import Deviation

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# How doses are numbered: which dn/sd a product may have (Implementing Decision (EU) 2021/2301).
#
# ==================================================  ==========================
# situation                                           dn/sd
# ==================================================  ==========================
# single-dose product                                 1/1
# one dose of another product after recovery          1/1, where the country allows it
# two-dose course                                     1/2, 2/2
# three-dose course                                   1/3, 2/3, 3/3
# boosters after a one-dose course                    2/1, 3/1, 4/1 and so on
# boosters after a two-dose course                    3/3, 4/4 and so on
# ==================================================  ==========================
#
# A booster after a longer course is numbered dn = sd, never 3/2. A booster may be of any product.
# The lengths of the courses are data (``data/courses.json``), dated, with their confidence; for a
# product without a row only the numbering itself is judged.

MOST_DOSES: Final = 99
"""The largest dn or sd that is issued, inclusive: this project's bound; the schema has none."""


@dataclass(frozen=True, slots=True)
class Course:
    """The lengths, in doses, that a product's primary course may have from a day on.

    `since` is the first day, inclusive, of the doses it holds for; None for always. `confidence` is
    ``documented`` or ``recalled``.
    """

    lengths: frozenset[int]
    since: date | None
    confidence: str
    note: str | None = None


class Misnumbering(NamedTuple):
    """Why a pair of dose numbers cannot be issued; the first part is the fault's code."""

    code: str
    """The code of the fault."""
    problem: str
    """What is wrong, as a sentence."""
    hint: str
    """What to do about it, as a sentence."""


@cache
def courses() -> Mapping[str, tuple[Course, ...]]:
    """Give the bundled courses by product code, each product's in the order of their days."""
    document = json.loads(files("coronapas.dcc").joinpath("data/courses.json").read_bytes())
    found: dict[str, list[Course]] = {}
    for row in document["courses"]:
        since = date.fromisoformat(row["from"]) if "from" in row else None
        course = Course(frozenset(row["lengths"]), since, row["confidence"], row.get("note"))
        found.setdefault(row["product"], []).append(course)
    return MappingProxyType(
        {
            product: tuple(sorted(rows, key=lambda row: row.since or date.min))
            for product, rows in found.items()
        }
    )


def lengths(product: str, day: date) -> frozenset[int] | None:
    """Give the lengths a primary course of the product may have for a dose of that day, or None."""
    found = None
    for course in courses().get(product, ()):
        if course.since is None or course.since <= day:
            found = course.lengths
    return found


def misnumbering(
    dose_number: int,
    doses: int,
    course: frozenset[int] | None,
    *,
    one_dose_after_recovery: bool = True,
) -> Misnumbering | None:
    """Judge dn and sd, both at least 1, against the lengths of the product's course.

    `course` None means unknown lengths. Returns None where the pair may be issued. A pair 1/1 of a
    product with a longer course states one dose after recovery, and is granted where
    `one_dose_after_recovery` is true: the pass itself cannot tell the two apart.
    """
    if dose_number > doses:
        return None if doses == 1 else _BOOSTER
    if doses == 1:
        recovered = course is not None and 1 not in course
        return _ONE_DOSE if recovered and not one_dose_after_recovery else None
    if dose_number == doses and doses > 2:
        return None
    if course is None or doses in course:
        return None
    return _SINGLE if course == {1} and doses == 2 else _NUMBER_LENGTH


_BOOSTER: Final = Misnumbering(
    "dose.booster-numbering",
    "A booster after a course of several doses is numbered with dn equal to sd.",
    "Give the number of the dose as both numbers (3 of 3 in place of 3 of 2).",
)
_ONE_DOSE: Final = Misnumbering(
    "dose.one-dose-course",
    "One dose does not complete a course of this product, and the policy grants no exception for"
    " the recovered.",
    "Give the length of the course, or grant one_dose_after_recovery in the policy.",
)
_SINGLE: Final = Misnumbering(
    "dose.single-dose-product",
    "One dose of this product completes the course.",
    "Number the first dose 1 of 1 and the dose after it, a booster, 2 of 1.",
)
_NUMBER_LENGTH: Final = Misnumbering(
    "dose.course-length",
    "The product's primary course does not have this number of doses.",
    "Give the length of the course; number a booster with dn equal to sd.",
)


_EARLIEST_ZONE: Final = 14 * 3600
"""How far the first zone in which a day begins is ahead of UTC, in seconds."""
_DAY: Final = 86_400
_EPOCH: Final = date(1970, 1, 1).toordinal()
MOST_EVENTS: Final = 64
"""So many events of a pass are looked at, inclusive; there is one in nearly every pass."""

_DAYS: Final = {"v": "dt", "r": "fr"}
_NOT_DETECTED: Final = TestResult.NOT_DETECTED.value
_MEMBERS: Final = 4
"""The version, the name, the birth date and one group."""
_MILLENNIA: Final = "12"
"""How a birth date begins that is known and plain; an empty one is in every text."""
_LENGTH: Final = len("YYYY-MM-DD")
_DETECTED: Final = TestResult.DETECTED.value


def is_past(dcc: Mapping[Any, Any], now: float, latest: str) -> bool:
    """Tell quickly whether the one event of a pass is past, after the birth and, a test, negative.

    `now` is in seconds since 1970-01-01T00:00:00Z, `latest` what `day_around` says of it. False
    also where a closer look is needed: at several events, none, an odd one, or one within the clock
    skew. `results` and `order` then say what there is to say.
    """
    try:
        born = dcc["dob"]
        if len(dcc) != _MEMBERS or born[:1] not in _MILLENNIA:
            return False
        if "t" in dcc:
            (entry,) = dcc["t"]
            written = entry["sc"]
            sampled = datetime.fromisoformat(written)
            return (
                entry["tr"] == _NOT_DETECTED
                and sampled.tzinfo is not None
                and sampled.timestamp() <= now
                and bool(born <= written[:10])
                and "dr" not in entry
            )
        if "v" in dcc:
            (entry,) = dcc["v"]
            day = entry["dt"]
        else:
            (entry,) = dcc["r"]
            day = entry["fr"]
        # Of dates in their exact form the texts are in the order of the days.
        return bool(born <= day <= latest) and len(day) == _LENGTH
    except (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError):
        return False


def results(dcc: Mapping[Any, Any]) -> Iterator[Deviation]:
    """Yield a deviation for each test that is not negative (DGC7).

    A positive pass is genuine and shown as such, and is no proof of being free of infection.
    """
    if not dcc.get("t"):
        return
    for place, entry in enumerate(_entries(dcc, "t") or [{}]):
        result = entry.get("tr")
        result = result.strip() if isinstance(result, str) else None
        if result == _DETECTED:
            note = "the test found the infection, and the pass is no proof of its absence"
            yield Deviation("content.positive-test", f"t.{place}.tr", note)
        elif result != _NOT_DETECTED:
            note = "the result is neither positive nor negative"
            yield Deviation("content.unknown-result", f"t.{place}.tr", note)


def order(dcc: Mapping[Any, Any], now: float, skew: float) -> Iterator[Deviation]:
    """Yield a deviation for each event or birth that is in the future, and births after an event.

    `now` is in seconds since 1970-01-01T00:00:00Z, `skew` the clock skew granted, in seconds.
    """
    latest = day_around(now)[2]
    birth = _birth(dcc.get("dob"))
    if birth is not None and birth.isoformat() > latest:
        yield _in_future("dob", "birth")
    for group, name in _DAYS.items():
        for place, entry in enumerate(_entries(dcc, group)):
            day = _read(entry.get(name), read_date)
            path = f"{group}.{place}.{name}"
            if day is not None and day.isoformat() > latest:
                yield _in_future(path, "event")
            if day is not None and birth is not None and birth > day:
                yield _born_after(path)
    for place, entry in enumerate(_entries(dcc, "t")):
        sampled, result = (_read(entry.get(name), read_moment) for name in ("sc", "dr"))
        if sampled is not None and _seconds(sampled) > now + skew:
            note = "the sample is stated to be taken in the future"
            yield Deviation("content.sampled-in-future", f"t.{place}.sc", note)
        if result is not None and _seconds(result) > now + skew:
            yield _in_future(f"t.{place}.dr", "result")
        if sampled is not None and birth is not None and birth > _day_at(_seconds(sampled)):
            yield _born_after(f"t.{place}.sc")


def newest_first(entries: Iterable[tuple[str, str, Any]]) -> list[tuple[str, str, Any]]:
    """Put the entries of a pass, as (group, path, entry), into the one order in which they count.

    Newest first, by the moment of sampling or the day of dose or first positive test (a day counts
    from its midnight in UTC); those without a readable one come last. What is equally old goes by
    what is written in it, so that the order in the pass decides nothing.
    """
    return sorted(entries, key=lambda found: _age(found[0], found[2]))


def _age(group: str, entry: object) -> tuple[float, str, str]:
    values = entry if isinstance(entry, Mapping) else {}
    if group == "t":
        moment = _read(values.get("sc"), read_moment)
        since = None if moment is None else _seconds(moment)
    else:
        day = _read(values.get(_DAYS.get(group, "")), read_date)
        since = None if day is None else float((day.toordinal() - _EPOCH) * _DAY)
    try:
        written = repr(sorted((repr(name), repr(value)) for name, value in values.items()))
    except ValueError:  # a whole number of too many digits to write
        written = ""
    return math.inf if since is None else -since, group, written


def _in_future(path: str, what: str) -> Deviation:
    return Deviation("content.in-future", path, f"the {what} is stated to be in the future")


def _born_after(path: str) -> Deviation:
    return Deviation("content.born-after", path, "the holder is stated to be born after it")


def _entries(dcc: Mapping[Any, Any], group: str) -> list[Mapping[Any, Any]]:
    """Return the entries of a group; for one that is not an object, an empty one."""
    value = dcc.get(group)
    entries = value[:MOST_EVENTS] if isinstance(value, list | tuple) else ()
    return [entry if isinstance(entry, Mapping) else {} for entry in entries]


def _read(value: object, read: Any) -> Any:
    return read(value.strip())[0] if isinstance(value, str) else None


def _birth(value: object) -> date | None:
    """Return the first day that a birth date may mean."""
    born: date | PartialDate | None = _read(value, read_birth_date)
    return date(born.year, born.month or 1, 1) if isinstance(born, PartialDate) else born


def _seconds(moment: datetime) -> float:
    # `timestamp` of an aware moment is this; it knows no bounds of a calendar.
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(seconds=1)


def day_around(now: float) -> tuple[float, float, str]:
    """Return the last day that has begun anywhere on earth, as ``YYYY-MM-DD``, and its bounds.

    Before it: the first second (inclusive) and the last (exclusive) at which it is the last one, as
    `now` in seconds since 1970-01-01T00:00:00Z.
    """
    day = int((now + _EARLIEST_ZONE) // _DAY)
    begins = day * _DAY - _EARLIEST_ZONE
    return begins, begins + _DAY, _of_ordinal(day).isoformat()


def _day_at(now: float) -> date:
    return _of_ordinal(int((now + _EARLIEST_ZONE) // _DAY))


def _of_ordinal(day: int) -> date:
    """Return the day so many days after 1970-01-01, or the nearest that the calendar has."""
    least, most = date.min.toordinal(), date.max.toordinal()
    return date.fromordinal(min(max(_EPOCH + day, least), most))
