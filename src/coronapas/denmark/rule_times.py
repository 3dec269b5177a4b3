"""Times of a programme in CertLogic: when a period after a day has passed, and an age is reached.

CertLogic 1.3.3 adds periods in UTC, to a text of the data and only once, and overflows short months
where programmes keep to their last day. A programme counts from local midnights. So what a period
after a local day means is worked out here for every day on which an event can lie, as whole hours
after that day's midnight in UTC; days in a row with the same hours make one comparison, and a tree
of comparisons finds the right one. The result is exact for each of those days, by construction.

What cannot be said so raises `Unsayable`: zones that are not whole hours from UTC, and local
midnights that occur twice or never.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from coronapas.programmes.clock import midnight

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from zoneinfo import ZoneInfo

Logic = Any
"""CertLogic as JSON; True and False stand for what holds always or never."""

CLOCK: Final = {"var": "external.validationClock"}
BIRTH: Final = {"var": "payload.dob"}

_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)


class Unsayable(Exception):  # noqa: N818 - no error: the answer to whether something can be said
    """What the language cannot say, and why; it never leaves the export."""


def any_of(parts: Sequence[Logic]) -> Logic:
    """At least one of the parts; CertLogic has no "or"."""
    kept = [part for part in parts if part is not False]
    if not kept or True in kept:
        return bool(kept)
    logic = kept[-1]
    for part in reversed(kept[:-1]):
        logic = {"if": [part, True, logic]}
    return logic


def all_of(parts: Sequence[Logic]) -> Logic:
    """Each of the parts."""
    kept = [part for part in parts if part is not True]
    if not kept or False in kept:
        return not kept
    return kept[0] if len(kept) == 1 else {"and": kept}


def negated(part: Logic) -> Logic:
    """Not the part."""
    return (not part) if isinstance(part, bool) else {"!": [part]}


def plus(value: Logic, hours: int) -> Logic:
    """A date-time of the data, moved by hours; in days where they are whole."""
    days, rest = divmod(hours, 24)
    return {"plusTime": [value, days if not rest else hours, "hour" if rest else "day"]}


def literal(moment: date) -> Logic:
    """A day, or an instant in UTC, as a date-time."""
    text = moment.isoformat()
    if isinstance(moment, datetime):
        text = f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    return plus(text, 0)


def reached(value: Logic, hours: int) -> Logic:
    """Whether the clock has come to a date-time of the data plus hours; that instant included."""
    return {"not-before": [plus(CLOCK, 0), plus(value, hours)]}


@dataclass(frozen=True, slots=True)
class Times:
    """The times of one programme: its zone, the days of its events, the span of its checks.

    `first` and `last` are the days on which an event can lie, both inclusive; checks lie from
    `start`, inclusive, until `end`, exclusive.
    """

    zone: ZoneInfo
    first: date
    last: date
    start: datetime
    end: datetime

    def days(self) -> list[date]:
        """Every day on which an event can lie."""
        count = (self.last - self.first).days + 1
        return [self.first + timedelta(days=place) for place in range(count)]

    def after_day(self, value: Logic, instant: Callable[[date], datetime]) -> Logic:
        """Whether the clock has come to the `instant` of the day that `value` states."""
        runs: list[tuple[date, int]] = []
        for day in self.days():
            gap = instant(day) - datetime(day.year, day.month, day.day, tzinfo=UTC)
            hours = _whole_hours(gap)
            if not runs or runs[-1][1] != hours:
                runs.append((day, hours))
        return _tree(
            runs,
            lambda hours: reached(value, hours),
            lambda day: {"before": [plus(value, 0), literal(day)]},
        )

    def age_reached(self, age: int) -> Logic:
        """Whether the local calendar shows the birthday, or a later day; for full birth dates."""
        runs = self._offsets()
        self._check_midnights()

        def leaf(hours: int) -> Logic:
            birthday = {"plusTime": [BIRTH, age, "year"]}
            return {"not-before": [plus(CLOCK, hours), birthday]}

        return _tree(runs, leaf, lambda moment: {"before": [plus(CLOCK, 0), literal(moment)]})

    def _offsets(self) -> list[tuple[datetime, int]]:
        """The zone's offsets from UTC in hours, each from an instant on."""
        runs: list[tuple[datetime, int]] = []
        moment = self.start
        while moment < self.end:
            hours = _whole_hours(moment.astimezone(self.zone).utcoffset() or timedelta(0))
            if not runs:
                runs.append((moment, hours))
            elif runs[-1][1] != hours:
                runs.append((self._change(moment - _DAY, moment), hours))
            moment += _DAY
        return runs

    def _change(self, before: datetime, after: datetime) -> datetime:
        """Find the instant within a day at which the offset becomes what it is after it."""
        wanted = after.astimezone(self.zone).utcoffset()
        while after - before > timedelta(seconds=1):
            middle = before + (after - before) // 2
            if middle.astimezone(self.zone).utcoffset() == wanted:
                after = middle
            else:
                before = middle
        return after.replace(microsecond=0)

    def _check_midnights(self) -> None:
        day = self.start.astimezone(self.zone).date()
        while day <= self.end.astimezone(self.zone).date():
            first = midnight(day, self.zone).astimezone(self.zone)
            if first.replace(tzinfo=None) != datetime(day.year, day.month, day.day):
                raise Unsayable("a local midnight that a change of the clock skips")
            later = (first.astimezone(UTC) + _HOUR).astimezone(self.zone)
            if later.date() != day or (later.hour, later.minute) == (0, 0):
                raise Unsayable("a local midnight that occurs twice")
            day += _DAY


def _whole_hours(gap: timedelta) -> int:
    hours, rest = divmod(gap, _HOUR)
    if rest:
        raise Unsayable("a time zone that is not whole hours from UTC")
    return hours


def _tree(
    runs: Sequence[tuple[Any, int]],
    leaf: Callable[[int], Logic],
    before: Callable[[Any], Logic],
) -> Logic:
    """The leaf of the run in which a value lies: each run goes on until the next one begins."""
    if len(runs) == 1:
        return leaf(runs[0][1])
    middle = len(runs) // 2
    return {
        "if": [
            before(runs[middle][0]),
            _tree(runs[:middle], leaf, before),
            _tree(runs[middle:], leaf, before),
        ]
    }
