"""For how long an expression gives what it gives: one evaluation, with the clock able to move.

`hold` evaluates an expression (CertLogic 1.3.3) at one moment and finds the moments around it at
which each of its steps comes out the same, and with them the result: whatever the expression
asks, in whatever order, with however many mentions of the clock. What of the clock an expression
can depend on is little: `plusTime` of it, compared with date-times (`instants` says how long that
stays); whether it is a certain text; and its parts by `extractFromUVCI`. It is always truthy, a
string, no integer, no array, and too long for a date of birth. Its parts are no date-times at all.

The result is sound and not always the widest: next to it the same result may go on.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from coronapas.certlogic import operations
from coronapas.certlogic.bounds import MAX_STEPS
from coronapas.certlogic.datetimes import Dates, parse
from coronapas.certlogic.errors import DateTimeError, EvaluationError, LimitError
from coronapas.certlogic.expressions import (
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
from coronapas.certlogic.operations import Work
from coronapas.certlogic.values import access, equal
from coronapas.rules.instants import FIRST, LAST, ClockText, Moving, Stay, clock_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
    took: the values visited, and the steps that `coronapas.certlogic.bounds` counts.
    """

    first: int
    last: int
    effort: int
    result: bool | None


def reads_clock(paths: Sequence[str]) -> bool:
    """Whether one of the paths that an expression reads leads to the clock, or to what holds it."""
    return any(path in ("", "external") or path.startswith(_CLOCK) for path in paths)


def hold(
    expr: Expr,
    payload: Mapping[str, Any],
    external: Mapping[str, Any],
    at: int,
    dates: Dates | None = None,
) -> Hold:
    """How long the result at a moment (milliseconds since 1970) lasts, before and after it.

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
        """A date-time among the results that no calendar has is a refusal, and so is a giant."""
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
