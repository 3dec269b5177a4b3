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

from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from coronapas.certlogic import _evaluation as operations
from coronapas.certlogic._evaluation import Work
from coronapas.certlogic._expressions import (
    MAX_STEPS,
    And,
    Array,
    CompareDateTimes,
    CompareIntegers,
    DateTimeError,
    DccDateOfBirth,
    Equal,
    EvaluationError,
    Expr,
    ExtractFromUVCI,
    If,
    In,
    LimitError,
    Literal,
    Not,
    Plus,
    PlusTime,
    Reduce,
    Var,
)
from coronapas.certlogic._values import (
    DAY,
    MAX_MILLISECONDS,
    UNIT_MILLISECONDS,
    UNIT_MONTHS,
    Dates,
    Instant,
    access,
    add_months,
    equal,
    parse,
    to_datetime,
)
from coronapas.rules._subject import EPOCH, TICK, Lifetime, microseconds
from coronapas.rules._timeline import Phase, Timeline

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from coronapas.certlogic._expressions import TimeUnit
    from coronapas.rules._model import Rule
    from coronapas.rules._verdict import Case, Verdict

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
    took: the values visited, and the steps that `coronapas.certlogic._expressions` counts.
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


# The search for the moments at which a verdict changes (see `coronapas.rules._timeline`).
#
# A verdict depends on the moment in two ways: which rules are in force, which changes at their
# own bounds; and the clock that the rules in force read. All moments at which either can matter
# are found, those of the logic by `coronapas.rules._search` whatever the logic is, and `Case.at`
# is asked once between each two neighbours. So what a `Timeline` says is what `RuleSet.decide`
# says, at every moment.
#
# Not every rule changes at few moments: one that asks for the minute of the clock changes sixty
# times an hour for as long as it is in force. The work is bounded by `effort`; what lies beyond
# the moments for which it sufficed is left out, and `Timeline.complete` is then false. Nothing is
# guessed.


EFFORT: Final = 1_000_000
"""The default work after which the search ends, in visits of a node of an expression.

That is a second or a few. Each rule is evaluated once and each phase judged whatever it costs, so
that of rules which take long to decide about it takes some times as long.
"""

EARLIEST: Final = datetime.min.replace(tzinfo=UTC)
LATEST: Final = datetime.max.replace(tzinfo=UTC)
"""The first and the last moment there is, both included."""

_MILLISECOND: Final = 1000
_FEW: Final = 64
"""So few verdicts need no estimate of their cost."""

# What other work is worth in visits of a node, roughly as it was measured.
_SETTING_OUT: Final = 20
_RULE_JUDGED: Final = 5
_COMPILED: Final = 8
"""Nodes of compiled code that cost one visit."""


def timeline(
    case: Case,
    *,
    first: datetime = EARLIEST,
    last: datetime = LATEST,
    around: datetime | None = None,
    effort: int = EFFORT,
) -> Timeline:
    """Return what the rules say of a pass at every moment from `first` to `last` (inclusive).

    By default those are all moments there are. `around` is the moment of interest, by default
    `first`: where `effort` does not suffice for all, the moments next to it are found.

    Raises:
        ValueError: a moment without a time zone; `last` before `first`.
        LimitError: no stack left.

    """
    low, high = microseconds(first), microseconds(last)
    if high < low:
        raise ValueError("the last moment must not be before the first")
    own = case.lifetime or Lifetime()
    begin = low if own.first is None else max(low, own.first)
    end = high if own.last is None else min(high, own.last)
    if begin <= end:
        centre = low if around is None else microseconds(around)
        starts, ends = _searched(case, begin, end, min(max(centre, begin), end), effort)
        # Before and after its own validity the pass is refused, and no rule is asked.
        if low < starts[0] == begin:
            starts, ends = [low, *starts], [begin - 1, *ends]
        if ends[-1] == end < high:
            starts, ends = [*starts, end + 1], [*ends, high]
    else:
        # A pass, or one of several, is valid at no moment of these: only the reason changes.
        cuts = {each for each in (end + 1, begin) if low < each <= high}
        starts = [low, *sorted(cuts)]
        ends = [*(start - 1 for start in starts[1:]), high]
    expires = _stated(case, "exp")
    return Timeline(
        case.scope,
        _phases(case, starts, ends),
        complete=(starts[0], ends[-1]) == (low, high),
        issued_at=_stated(case, "iat"),
        expires=expires,
        end_included=own.last is None or expires is None or microseconds(expires) <= own.last,
    )


def _searched(
    case: Case, low: int, high: int, centre: int, effort: int
) -> tuple[list[int], list[int]]:
    """Return the first and the last moments of the phases from `low` to `high`, or next to it."""
    search = _Search(case, low, high, centre)
    search.run(effort)
    starts = sorted({search.low, *(cut for cut in search.cuts if search.low < cut <= search.high)})
    ends = [*(start - 1 for start in starts[1:]), search.high]
    if len(starts) > _FEW:
        # Outward from the centre as many as there is effort for.
        allowed = max(1, effort // search.weight())
        begin = max(0, bisect_right(starts, centre) - 1 - allowed // 2)
        starts, ends = starts[begin : begin + allowed], ends[begin : begin + allowed]
    return starts, ends


class _Search:
    """The cuts: moments (microseconds since 1970) at which something new may begin.

    Between `low` and `high` all of them are known; both are included.
    """

    def __init__(self, case: Case, low: int, high: int, centre: int) -> None:
        self.case, self.low, self.high, self.centre = case, low, high, centre
        self.cuts: set[int] = set()
        self.dates = Dates()
        self.walks: list[_Walk] = []

    def run(self, effort: int) -> None:
        for rule in self.case.candidates.rules:
            start = max(self.low, microseconds(rule.valid_from))
            until = microseconds(rule.valid_to)
            end = min(self.high, until if self.case.policy.end_included else until - 1)
            if start <= end:
                self.cuts |= {start, end + 1}
                if rule.expression is not None:
                    walk = _Walk(self.case, rule, rule.expression, start, end, self.dates)
                    self.walks.append(walk)
        moving = [walk for walk in self.walks if walk.moves]
        for walk in moving:
            self.follow(walk, effort // len(moving))

    def follow(self, walk: _Walk, effort: int) -> None:
        """Find the cuts of one rule's logic while the rule is in force."""
        found = walk.out_from(self.centre // _MILLISECOND, effort)
        self.cuts.update(cut * _MILLISECOND for cut in walk.cuts)
        if found.first > walk.first:
            self.low = max(self.low, found.first * _MILLISECOND)
        if found.last < walk.last:
            self.high = min(self.high, found.last * _MILLISECOND + _MILLISECOND - 1)

    def weight(self) -> int:
        """Return what one verdict takes at most, as far as was seen."""
        heaviest: dict[object, int] = {}
        for walk in self.walks:
            if not walk.moves:
                walk.hold(walk.first)
            # Of the versions of one rule at most one is in force.
            key = walk.rule.type, walk.rule.identifier
            heaviest[key] = max(heaviest.get(key, 0), walk.heaviest)
        selection = _SETTING_OUT + len(self.case.candidates.rules) // 2
        return selection + sum(_RULE_JUDGED + each // _COMPILED for each in heaviest.values())


class _Walk:
    """From hold to hold of one rule, between the bounds (microseconds) of its time.

    `first`, `last` and `cuts` are in milliseconds.
    """

    def __init__(
        self, case: Case, rule: Rule, expr: Expr, start: int, end: int, dates: Dates
    ) -> None:
        self.case, self.rule, self.expr, self.dates = case, rule, expr, dates
        self.moves = reads_clock(rule.reads)
        self.first, self.last = start // _MILLISECOND, end // _MILLISECOND
        self.cuts: set[int] = set()
        self.spent = self.heaviest = 0

    def hold(self, at: int) -> Hold:
        found = hold(self.expr, self.case.payload, self.case.external, at, self.dates)
        self.spent += found.effort + _SETTING_OUT
        self.heaviest = max(self.heaviest, found.effort)
        return found

    def out_from(self, centre: int, effort: int) -> Hold:
        """Go both ways in turns, until the time of the rule or the effort ends; return how far."""
        left = right = self.hold(min(max(centre, self.first), self.last))
        while self.spent < effort and (left.first > self.first or right.last < self.last):
            if right.last < self.last:
                following = self.hold(right.last + 1)
                if not _same(right, following):
                    self.cuts.add(following.first)
                right = following
            if left.first > self.first:
                preceding = self.hold(left.first - 1)
                if not _same(preceding, left):
                    self.cuts.add(left.first)
                left = preceding
        return Hold(max(left.first, self.first), min(right.last, self.last), self.spent, None)


def _same(one: Hold, other: Hold) -> bool:
    return one.result is not None and one.result is other.result


def _phases(case: Case, starts: list[int], ends: list[int]) -> tuple[Phase, ...]:
    """Return the phases; neighbours in which every rule has the same result become one."""
    found: list[Phase] = []
    state: object = None
    for start, end in zip(starts, ends, strict=True):
        verdict = case.at(_moment(start))
        now = _state(verdict)
        if found and now == state:
            found[-1] = Phase(found[-1].first, _moment(end), found[-1].verdict)
        else:
            found.append(Phase(_moment(start), _moment(end), verdict))
        state = now
    return tuple(found)


def _state(verdict: Verdict) -> object:
    results = [(id(result.rule), result.outcome, result.code) for result in verdict.results]
    return verdict.outcome, results, verdict.refusals


def _stated(case: Case, name: str) -> datetime | None:
    """Return what the container says; None for a time that no calendar has."""
    try:
        return to_datetime(parse(case.external.get(name)))
    except DateTimeError:
        return None


def _moment(microseconds_: int) -> datetime:
    return EPOCH + microseconds_ * TICK
