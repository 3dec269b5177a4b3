"""Arithmetic of time for dated rules: hours, days and calendar months, in UTC or in local time.

A rule says "42 days", "8 calendar months" or "72 hours" and means three different things. Three
ways of counting are in use, and a programme names its own (`Reckoning`):

- in UTC: the local midnight of an event's day is turned into UTC, and the period is added there.
  Copenhagen's midnight lies on the day before in UTC, so that 8 months from 1 March are counted
  from the last day of February;
- with the offset of the event: the period is added to the local date and time, and the result is
  turned into UTC with the offset that was in force at the event. A period that spans a change to or
  from daylight saving ends an hour before or after local midnight, as it does in UTC;
- in local time: the period is added on the wall clock, and the result is turned into UTC.

The ends observed in Danish domestic tokens (``xdu``) fit the first two alike.

Months are calendar months; where the target month is too short its last day is taken (31 August
plus 6 months is the last of February). Days in UTC are 24 hours each. Every function is pure.

Time zones come from `zoneinfo`: on systems without a time-zone database of their own (Windows) the
package ``tzdata`` has to be installed.
"""

from __future__ import annotations

from bisect import bisect_right
from calendar import monthrange
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import (
    UTC,
    date,
    datetime,
    time,
    timedelta,
)
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from coronapas import _json

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

YEARS: Final = _json.YEARS
"""The years that a day of a programme or a history may have."""

FOREVER: Final = datetime.max.replace(tzinfo=UTC)
"""Stands for "no end" wherever an instant is needed; `Validity` has None instead."""


class Reckoning(StrEnum):
    """Where a period is added: in UTC, on the local wall clock, or with the event's offset."""

    UTC = "utc"
    LOCAL = "local"
    OFFSET = "offset"


@dataclass(frozen=True, slots=True)
class Period:
    """A length of time in its own units; they are added in the order months, days, hours."""

    months: int = 0
    """Calendar months."""
    days: int = 0
    """Calendar days."""
    hours: int = 0
    """Hours of 60 minutes."""

    def __str__(self) -> str:
        parts = [
            f"{number} {unit if number != 1 else unit[:-1]}"
            for number, unit in (
                (self.months, "calendar months"),
                (self.days, "days"),
                (self.hours, "hours"),
            )
            if number
        ]
        return " and ".join(parts) or "0 days"

    def to_json(self) -> dict[str, int]:
        """Return the units that are not zero; ``{"days": 0}`` if all are zero."""
        units = {"months": self.months, "days": self.days, "hours": self.hours}
        return {unit: number for unit, number in units.items() if number} or {"days": 0}


@lru_cache(maxsize=8192)
def midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return the first instant of a local day, in UTC.

    Where midnight occurs twice this is the first, and where it is skipped the instant of the skip.
    """
    return datetime.combine(day, time.min, zone).astimezone(UTC)


def local_day(moment: datetime, zone: ZoneInfo) -> date:
    """Return the day that a local calendar shows at an instant."""
    return moment.astimezone(zone).date()


def add_months(day: date, months: int) -> date:
    """Add calendar months to a day, keeping to the last day of a shorter month."""
    years, month = divmod(day.month - 1 + months, 12)
    year = day.year + years
    return day.replace(year=year, month=month + 1, day=min(day.day, monthrange(year, month + 1)[1]))


@lru_cache(maxsize=65536)
def add_to_day(day: date, period: Period) -> date:
    """Add a period to a day of the calendar: months, then days; whole days of its hours.

    A day beyond the calendar's end becomes its last day.
    """
    try:
        moved = add_months(day, period.months) if period.months else day
        return moved + timedelta(days=period.days, hours=period.hours)
    except (OverflowError, ValueError):
        return date.max


def add_in_utc(moment: datetime, period: Period) -> datetime:
    """Add a period to an instant in UTC: months of the UTC calendar, days of 24 hours.

    An instant beyond the calendar's end becomes `FOREVER`.
    """
    try:
        if period.months:
            day = add_months(moment.date(), period.months)
            moment = moment.replace(year=day.year, month=day.month, day=day.day)
        return moment + timedelta(days=period.days, hours=period.hours)
    except (OverflowError, ValueError):
        return FOREVER


def add_with_offset(moment: datetime, period: Period, zone: ZoneInfo) -> datetime:
    """Add a period on a clock that keeps the offset which `zone` has at the instant.

    An instant beyond the calendar's end becomes `FOREVER`.
    """
    if not period.months:
        return add_in_utc(moment, period)
    try:
        offset = moment.astimezone(zone).utcoffset() or timedelta()
        return add_in_utc(moment + offset, period) - offset
    except OverflowError:
        return FOREVER


def add_in_local(moment: datetime, period: Period, zone: ZoneInfo) -> datetime:
    """Add a period to an instant on the local wall clock; its hours are 60 minutes each.

    A wall-clock time that is skipped or doubled is read with the offset before the change. An
    instant beyond the calendar's end becomes `FOREVER`.
    """
    try:
        wall = moment.astimezone(zone).replace(tzinfo=None, fold=0)
        day = add_months(wall.date(), period.months) + timedelta(days=period.days)
        moved = datetime.combine(day, wall.time(), zone).astimezone(UTC)
        return moved + timedelta(hours=period.hours)
    except (OverflowError, ValueError):
        return FOREVER


def after(moment: datetime, period: Period, zone: ZoneInfo, reckoning: Reckoning) -> datetime:
    """Add a period to an instant in UTC, by the given reckoning; the result is in UTC."""
    if reckoning is Reckoning.UTC or not (period.months or period.days):
        return add_in_utc(moment, period)
    if reckoning is Reckoning.OFFSET:
        return add_with_offset(moment, period, zone)
    return add_in_local(moment, period, zone)


@lru_cache(maxsize=16384)
def after_day(day: date, period: Period, zone: ZoneInfo, reckoning: Reckoning) -> datetime:
    """Add a period to the first instant of a local day; the result is in UTC.

    With `Reckoning.UTC` or `Reckoning.OFFSET` the result is as the observed Danish ``xdu``, which
    is exclusive as an end; the two differ at the ends of months.
    """
    return after(midnight(day, zone), period, zone, reckoning)


Age = int | Period
"""An age: a number of whole years, or a period of months and days."""


@lru_cache(maxsize=65536)
def birthday(born: date, age: Age) -> date:
    """Return the day on which an age is reached; 1 March for 29 February in common years.

    An age in months that ends in a shorter month is reached on its last day.
    """
    if isinstance(age, Period):
        return add_to_day(born, age)
    try:
        return born.replace(year=born.year + age)
    except ValueError:
        if born.year + age > date.max.year:
            return date.max
        return date(born.year + age, 3, 1)


def born_by(day: date, age: Age) -> int:
    """Return the first birth date, as an ordinal, on which one reaches an age after a day."""
    years, days = (age, 0) if isinstance(age, int) else (-(-age.months // 12), age.days)
    if day.year - years < 3:
        return 0
    # Never later than the birth date that is looked for, and before it by a year at the most.
    born = date(day.year - years, day.month, min(day.day, 28)) - timedelta(days=days + 4)
    low, high = born.toordinal(), born.toordinal() + 400
    while low < high:
        middle = (low + high) // 2
        if birthday(date.fromordinal(middle), age) <= day:
            low = middle + 1
        else:
            high = middle
    return low


def age_words(age: Age) -> str:
    """Return an age in words: ``12 years``, ``15 months``, ``12 years and 3 months``."""
    if isinstance(age, int):
        return f"{age} years"
    years, months = divmod(age.months, 12) if age.months >= 24 else (0, age.months)
    parts = ((years, "years"), (months, "months"), (age.days, "days"))
    words = [f"{number} {unit[: -1 if number == 1 else None]}" for number, unit in parts if number]
    return " and ".join(words) or "0 years"


def age_on(born: date, day: date) -> int:
    """Return the age in completed years on a day; negative before birth."""
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


# Spans of time.

Span = tuple[datetime, datetime]
"""A half-open span ``(start, end)`` in UTC: the start belongs to it, the end does not.

`FOREVER` as an end means that there is none.
"""


def union(spans: Iterable[Span]) -> list[Span]:
    """Join spans: ordered, and neither overlapping nor touching."""
    joined: list[Span] = []
    for start, end in sorted(spans):
        if start >= end:
            continue
        if joined and start <= joined[-1][1]:
            if end > joined[-1][1]:
                joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined


def within(spans: Iterable[Span], start: datetime, end: datetime) -> list[Span]:
    """Clip spans to the time from `start` until `end`; what lies outside is dropped."""
    clipped = ((max(low, start), min(high, end)) for low, high in spans)
    return [(low, high) for low, high in clipped if low < high]


def covers(spans: Iterable[Span], moment: datetime) -> bool:
    """Return whether an instant lies in one of the spans."""
    return any(start <= moment < end for start, end in spans)


def lies_in(spans: Sequence[Span], moment: datetime) -> bool:
    """Return whether an instant lies in one of the spans, which are as `union` returns them."""
    place = bisect_right(spans, (moment, FOREVER))
    return place > 0 and moment < spans[place - 1][1]


def overlapping(spans: Sequence[Span], start: datetime, end: datetime) -> Sequence[Span]:
    """Return the spans, as `union` returns them, that meet the time from `start` until `end`."""
    low = max(bisect_right(spans, (start, FOREVER)) - 1, 0)
    return spans[low : bisect_right(spans, (end, FOREVER))]


def layers(several: Sequence[Sequence[Span]], bounds: Iterable[datetime]) -> list[tuple[Span, int]]:
    """Cut the time between the least and the largest bound where any of the layers changes.

    Return each piece with the number of layers that cover it; `bounds` adds further cuts. The spans
    of a layer are as `union` returns them.
    """
    cuts = set(bounds)
    if not cuts:
        return []
    low, high = min(cuts), max(cuts)
    for spans in several:
        for start, end in spans:
            cuts.update(bound for bound in (start, end) if low < bound < high)
    marks = sorted(cuts)
    return [
        ((start, end), sum(lies_in(spans, start) for spans in several))
        for start, end in pairwise(marks)
    ]
