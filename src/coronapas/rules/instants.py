"""The clock as a thing that moves: date-times that follow it, and how long comparisons stay true.

While an expression is evaluated at one moment, a `Stay` holds the moments at which everything so
far comes out the same. Each step that depends on the clock narrows it. All times are integer
milliseconds since 1970-01-01T00:00:00Z, as inside CertLogic; a `Stay` includes both of its ends.

What `plusTime` makes of the clock is the clock plus a shift. In hours and days the shift is
constant. In months and years it is constant within each calendar month (UTC) of the clock, and
across months it differs by days: 31 January plus a month is 3 March, 1 February plus a month is
1 March, so that a later clock can give an earlier date. A comparison is therefore decided first by
the least and the greatest shift that any month has (`SPREAD`), and only where that leaves it open
by the shift of the clock's own month, and then for that month alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from coronapas.certlogic.datetimes import (
    DAY,
    MAX_MILLISECONDS,
    UNIT_MILLISECONDS,
    UNIT_MONTHS,
    Instant,
    add_months,
    to_datetime,
)

if TYPE_CHECKING:
    from coronapas.certlogic.expressions import TimeUnit

_CYCLE_MONTHS: Final = 4800
_CYCLE_DAYS: Final = 146_097
"""The Gregorian calendar repeats after 400 years."""

SPREAD: Final = 5
"""In days: no number of months is further from its average length than this.

The exact bound is 4.391875 days.
"""

_THRESHOLDS: Final = {"before": -1, "not-before": -1, "after": 0, "not-after": 0}
"""Of a comparison of a and b: what it depends on is whether a - b is at most this."""


FIRST: Final = -62_135_596_800_000
LAST: Final = 253_402_300_799_999
"""The first and last millisecond of the years 1–9999: the moments that a clock can show."""


class ClockText(str):
    """The text of the validation clock, told from texts that only look like it."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Moving(Instant):
    """The clock plus a shift: `milliseconds` is where it stands now.

    `least` and `greatest` bound the shift over all clocks; `months` is what the shift is a number
    of, 0 where it is constant.
    """

    least: int
    greatest: int
    months: int


class Stay:
    """The moments around `at`, from `first` to `last`, at which nothing that was met differs."""

    __slots__ = ("at", "first", "last")

    def __init__(self, at: int, first: int, last: int) -> None:
        self.at = at
        self.first = first
        self.last = last

    def keep(self, first: int | None = None, last: int | None = None) -> None:
        """Narrow to what is not before `first` and not after `last`; both hold `at`."""
        if first is not None and first > self.first:
            self.first = first
        if last is not None and last < self.last:
            self.last = last

    def keep_month(self) -> None:
        """Narrow to the calendar month (UTC)."""
        day = to_datetime(self.at).day
        start = self.at // DAY * DAY - (day - 1) * DAY
        self.keep(start, add_months(start, 1) - 1)

    def keep_unit(self, length: int) -> None:
        """Narrow to the hour, minute or millisecond, as `length` says."""
        start = self.at // length * length
        self.keep(start, start + length - 1)

    # What plusTime makes of the clock

    def moving(self, amount: int, unit: TimeUnit) -> Moving | None:
        """The clock moved by units of the calendar; None where it leaves the range of date-times.

        Narrows to the moments at which it stays in that range, or out of it.
        """
        months = amount * UNIT_MONTHS.get(unit, 0)
        if months:
            cycles, rest = divmod(months, _CYCLE_MONTHS)
            whole = cycles * _CYCLE_DAYS * DAY
            shift = whole + add_months(self.at, rest) - self.at
            least, greatest = _bounds(whole, rest)
        else:
            shift = least = greatest = amount * UNIT_MILLISECONDS.get(unit, 0)
        self._keep_range(shift, least, greatest, -MAX_MILLISECONDS, MAX_MILLISECONDS)
        if -MAX_MILLISECONDS <= self.at + shift <= MAX_MILLISECONDS:
            return Moving(self.at + shift, least, greatest, months)
        return None

    def keep_presentable(self, moving: Moving) -> None:
        """Narrow to where a date-time is one of the years 1–9999, or is not.

        Only those are results: CertLogic's own date-times reach further.
        """
        shift = moving.milliseconds - self.at
        self._keep_range(shift, moving.least, moving.greatest, FIRST, LAST)

    def _keep_range(self, shift: int, least: int, greatest: int, low: int, high: int) -> None:
        """Narrow to where a shift leads into a range (both ends included), or out of it."""
        if not self._keep_side(least, greatest, low, high):
            self.keep_month()
            self._keep_side(shift, shift, low, high)

    def _keep_side(self, least: int, greatest: int, low: int, high: int) -> bool:
        """`_keep_range`, if it is certain for all the shifts between two; else False."""
        if self.at + least > high:
            self.keep(first=high - least + 1)
        elif self.at + greatest < low:
            self.keep(last=low - greatest - 1)
        elif low - least <= self.at <= high - greatest:
            self.keep(low - least, high - greatest)
        else:
            return False
        return True

    # Comparisons

    def keep_comparison(self, operator: str, left: Instant, right: Instant) -> None:
        """Narrow to the moments at which a comparison of two date-times comes out the same."""
        slope = isinstance(left, Moving) - isinstance(right, Moving)
        if slope == 0 and _months(left) == _months(right):
            return
        threshold = _THRESHOLDS[operator]
        gap = left.milliseconds - right.milliseconds
        # At any moment t the gap is slope * t plus something between these two.
        least = _least(left) - _greatest(right)
        greatest = _greatest(left) - _least(right)
        if not self._keep_gap(slope, threshold, least, greatest):
            # Only a shift by months leaves it open; within the month it is constant.
            self.keep_month()
            offset = gap - slope * self.at
            self._keep_gap(slope, threshold, offset, offset)

    def _keep_gap(self, slope: int, threshold: int, least: int, greatest: int) -> bool:
        """Narrow to where the gap certainly stays on its side of the threshold.

        False, and nothing done, where that is not certain even now.
        """
        now = slope * self.at
        if now + greatest <= threshold:
            bound = threshold - greatest
            if slope > 0:
                self.keep(last=bound)
            elif slope < 0:
                self.keep(first=-bound)
        elif now + least > threshold:
            bound = threshold - least + 1
            if slope > 0:
                self.keep(first=bound)
            elif slope < 0:
                self.keep(last=-bound)
        else:
            return False
        return True


def clock_text(at: int) -> ClockText:
    """A moment of the years 1–9999 as rules read the clock: UTC, with ``Z``.

    It has milliseconds where they are not zero. `coronapas.rules.subject.instant` writes the same.
    """
    seconds, milliseconds = divmod(at, 1000)
    shown = to_datetime(seconds * 1000).isoformat()[:19]
    return ClockText(f"{shown}.{milliseconds:03}Z" if milliseconds else f"{shown}Z")


def _bounds(whole: int, months: int) -> tuple[int, int]:
    """The least and the greatest length of full cycles and some months more, in milliseconds."""
    if not months:
        return whole, whole
    days = months * _CYCLE_DAYS
    low, high = days // _CYCLE_MONTHS - SPREAD, -(-days // _CYCLE_MONTHS) + SPREAD
    return whole + low * DAY, whole + high * DAY


def _months(instant: Instant) -> int:
    return instant.months if isinstance(instant, Moving) else 0


def _least(instant: Instant) -> int:
    return instant.least if isinstance(instant, Moving) else instant.milliseconds


def _greatest(instant: Instant) -> int:
    return instant.greatest if isinstance(instant, Moving) else instant.milliseconds
