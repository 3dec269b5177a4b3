"""For how long an expression keeps its result: one evaluation, with a clock that can move.

`hold` evaluates an expression (CertLogic 1.3.3) at one moment and finds the moments around it at
which each of its steps comes out the same, and with them the result: whatever the expression asks,
in whatever order, however often it mentions the clock. An expression can depend on the clock in few
ways: by `plusTime` of it, compared with date-times; by whether it is a certain text; and by its
parts, through `extractFromUVCI`. As a value, the clock is always a truthy string, never an integer
or an array, and too long for a date of birth. Its parts are never date-times.

While an expression is evaluated at one moment, a `Stay` holds the moments at which everything so
far comes out the same. Each step that depends on the clock narrows it. All times are integer
milliseconds since 1970-01-01T00:00:00Z, as inside CertLogic; both ends of a `Stay` are inclusive.
The result is sound, but not always the widest: beyond it the same result may go on.

`plusTime` of the clock is the clock plus a shift. In hours and days the shift is constant. In
months and years it is constant within each calendar month (UTC) of the clock, and across months it
differs by days: 31 January plus a month is 3 March, 1 February plus a month is 1 March, so that a
later clock can give an earlier date. A comparison is therefore decided first by the least and the
greatest shift that any month has (`SPREAD`), and only where that leaves it open by the shift of the
clock's own month, and then for that month alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from coronapas.certlogic import _operations as operations
from coronapas.certlogic._bounds import MAX_STEPS
from coronapas.certlogic._datetimes import (
    DAY,
    MAX_MILLISECONDS,
    UNIT_MILLISECONDS,
    UNIT_MONTHS,
    Dates,
    Instant,
    add_months,
    parse,
    to_datetime,
)
from coronapas.certlogic._errors import DateTimeError, EvaluationError, LimitError
from coronapas.certlogic._expressions import (
    And,
    Array,
    CompareDateTimes,
    CompareIntegers,
    DccDateOfBirth,
    Equal,
    Expr,
    ExtractFromUVCI,
    If,
    In,
    Literal,
    Not,
    Plus,
    PlusTime,
    Reduce,
    Var,
)
from coronapas.certlogic._operations import Work
from coronapas.certlogic._values import access, equal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from coronapas.certlogic._expressions import TimeUnit

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
    """The text of the validation clock, distinct from texts that only look like it."""

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
        """Return the clock moved by units of the calendar; None where it leaves their range.

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
        """Narrow to where the result stays presentable: an impossible date-time is a refusal.

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
        """Do `_keep_range` if it is certain for all shifts between two; otherwise return False."""
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
    """Return a moment of the years 1–9999 as rules read the clock: UTC, with ``Z``.

    It has milliseconds where they are not zero. `coronapas.rules._subject.instant` writes the same.
    """
    seconds, milliseconds = divmod(at, 1000)
    shown = to_datetime(seconds * 1000).isoformat()[:19]
    return ClockText(f"{shown}.{milliseconds:03}Z" if milliseconds else f"{shown}Z")


def _bounds(whole: int, months: int) -> tuple[int, int]:
    """Return the least and the greatest length of full cycles and some months more, in ms."""
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


_CLOCK: Final = "external.validationClock"
_HOUR: Final = 3_600_000
_MINUTE: Final = 60_000
_PARTS: Final = {0: _HOUR, 1: _MINUTE, 2: 1}
"""For how long a part of the clock's text, parted at its colons, stays: date and hour; minutes;
seconds and what follows them."""


@dataclass(frozen=True, slots=True)
class Hold:
    """From `first` to `last` (milliseconds since 1970, both included) the result is the same.

    `result` is true, false, or None for all else, refusals too. `effort` is what the evaluation
    took: the values visited, and the steps that `coronapas.certlogic._bounds` counts.
    """

    first: int
    last: int
    effort: int
    result: bool | None


def reads_clock(paths: Sequence[str]) -> bool:
    """Return whether one of the paths leads to the clock, or to what contains it."""
    return any(path in ("", "external") or path.startswith(_CLOCK) for path in paths)


def hold(
    expr: Expr,
    payload: Mapping[str, Any],
    external: Mapping[str, Any],
    at: int,
    dates: Dates | None = None,
) -> Hold:
    """Find how long the result at a moment (milliseconds since 1970) lasts, before and after it.

    A refusal is a result too. `external` may hold a clock; it does not count. The same `dates` may
    be given for all moments.

    Raises:
        LimitError: no stack left; nothing is known then.

    """
    stay = Stay(at, FIRST, LAST)
    walker = _Walker(stay, Work(Dates() if dates is None else dates))
    data = {"payload": payload, "external": {**external, "validationClock": clock_text(at)}}
    result: Any = None
    try:
        result = walker.run(expr, data)
        walker.keep_presentable(result)
    except RecursionError:
        raise LimitError("limit.stack", "no stack left: evaluated from too deep a call") from None
    except (EvaluationError, LimitError):
        # What led to the refusal stays, and so does the refusal.
        pass
    known = result if isinstance(result, bool) else None
    return Hold(stay.first, stay.last, walker.visited + walker.work.steps, known)


class _Walker:
    """The interpreter once more, telling a `Stay` of every step that depends on the clock."""

    def __init__(self, stay: Stay, work: Work) -> None:
        self.stay = stay
        self.work = work
        self.lambdas = 0
        self.visited = 0

    def run(self, expr: Expr, data: Any) -> Any:
        self.visited += 1
        match expr:
            case Literal(value):
                return value
            case Var(path):
                return access(data, path)
            case If(guard, then, otherwise):
                holds = operations.decide(expr, self.run(guard, data))
                return self.run(then if holds else otherwise, data)
            case And(operands):
                last: Any = None
                for operand in operands:
                    last = self.run(operand, data)
                    if not operations.decide(expr, last):
                        break
                return last
            case Reduce():
                return self.reduction(expr, data)
            case PlusTime(operand):
                return self.moved(expr, self.run(operand, data))
            case CompareDateTimes(_, operands):
                return self.comparison(expr, self.all(operands, data))
            case _:
                return self.strict(expr, data)

    def keep_presentable(self, result: Any) -> None:
        """Narrow to where the result stays presentable: an impossible date-time is a refusal."""
        stack, seen = [result], 0
        while stack and seen <= MAX_STEPS:
            value = stack.pop()
            if isinstance(value, Moving):
                self.stay.keep_presentable(value)
            elif isinstance(value, list):
                seen += len(value)
                stack.extend(value[: MAX_STEPS + 1])

    def all(self, operands: tuple[Expr, ...], data: Any) -> list[Any]:
        found: list[Any] = []
        for operand in operands:
            found.append(self.run(operand, data))
        return found

    def strict(
        self,
        expr: Array | Not | Equal | In | Plus | CompareIntegers | DccDateOfBirth | ExtractFromUVCI,
        data: Any,
    ) -> Any:
        match expr:
            case Array(items):
                return self.all(items, data)
            case Not(operand):
                return not operations.decide(expr, self.run(operand, data))
            case Equal(left, right):
                return self.equal(self.run(left, data), self.run(right, data))
            case In(left, right):
                # What a path leads to outside of a lambda was not made here: no clock is in it.
                built = self.lambdas > 0 or not isinstance(right, Var)
                return self.membership(expr, self.run(left, data), self.run(right, data), built)
            case Plus(left, right):
                return operations.add_integers(expr, self.run(left, data), self.run(right, data))
            case CompareIntegers(_, operands):
                return operations.compare_integers(expr, self.all(operands, data))
            case DccDateOfBirth(operand):
                return operations.birth_date(expr, self.run(operand, data), self.work.dates)
            case ExtractFromUVCI(operand, index):
                text = self.run(operand, data)
                if isinstance(text, ClockText) and index in _PARTS:
                    self.stay.keep_unit(_PARTS[index])
                return operations.extract_from_uvci(expr, text, self.work)

    def moved(self, expr: PlusTime, text: Any) -> Any:
        if not isinstance(text, ClockText):
            return operations.plus_time(expr, text, self.work.dates)
        moved = self.stay.moving(expr.amount, expr.unit)
        if moved is None:
            raise DateTimeError("date-time.range", "a date-time out of range", expr)
        return moved

    def comparison(self, expr: CompareDateTimes, values: list[Any]) -> bool:
        holds = operations.compare_date_times(expr, values)
        for left, right in pairwise(values):
            if holds:
                self.stay.keep_comparison(expr.operator, left, right)
            elif not operations.compare_date_times(expr, [left, right]):
                # One pair that fails is enough for all to fail.
                self.stay.keep_comparison(expr.operator, left, right)
                break
        return holds

    def equal(self, left: Any, right: Any) -> bool:
        same = equal(left, right)
        if isinstance(left, ClockText) is not isinstance(right, ClockText):
            self.keep_text(right if isinstance(left, ClockText) else left)
        return same

    def membership(self, expr: In, value: Any, array: Any, built: bool) -> bool:
        found = operations.contains(expr, value, array, self.work)
        if not array or not (isinstance(value, ClockText) or built):
            return found
        for item in array:
            if self.equal(item, value):
                break
        return found

    def keep_text(self, other: Any) -> None:
        """Narrow to where the clock's text stays the same as another, or unlike it."""
        if not isinstance(other, str):
            return
        try:
            moment = parse(other)
        except DateTimeError:
            return
        if not FIRST <= moment <= LAST or clock_text(moment) != other:
            return
        at = self.stay.at
        self.stay.keep(
            first=moment + (at > moment) if at >= moment else None,
            last=moment - (at < moment) if at <= moment else None,
        )

    def reduction(self, expr: Reduce, data: Any) -> Any:
        items = operations.iterations(expr, self.run(expr.operand, data), self.work)
        accumulator = self.run(expr.initial, data)
        self.lambdas += 1
        for current in items:
            scope = {"accumulator": accumulator, "current": current, "data": data}
            accumulator = self.run(expr.lambda_, scope)
        self.lambdas -= 1
        return accumulator
