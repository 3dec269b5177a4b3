"""What each operation does with the values of its operands (CertLogic 1.3.3, “Operations”).

The interpreter and the explainer share these, and the compiler falls back on them. Each takes the
expression that asks, for the error to name. `Work` counts what `coronapas.certlogic._expressions`
limits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from coronapas.certlogic._analysis import builds
from coronapas.certlogic._expressions import (
    LONG_UVCI,
    MAX_INTEGER,
    MAX_STEPS,
    UVCI_STEP,
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
    operator_of,
    weight,
)
from coronapas.certlogic._parser import as_expression
from coronapas.certlogic._values import (
    Dates,
    Instant,
    access,
    add,
    equal,
    integer,
    member,
    parse_birth_date,
    present,
    truth,
    uvci_fragment,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_COMPARISONS: Final[dict[str, Callable[[int, int], bool]]] = {
    "<": int.__lt__,
    ">": int.__gt__,
    "<=": int.__le__,
    ">=": int.__ge__,
    "before": int.__lt__,
    "after": int.__gt__,
    "not-after": int.__le__,
    "not-before": int.__ge__,
}


class Work:
    """The steps of one evaluation, and the date-times that it has read."""

    __slots__ = ("_weights", "dates", "steps")

    def __init__(self, dates: Dates) -> None:
        self.dates = dates
        self.steps = 0
        self._weights: dict[int, int] = {}

    def charge(self, steps: int) -> None:
        """Count steps, and refuse to go beyond `MAX_STEPS`."""
        self.steps += steps
        if self.steps > MAX_STEPS:
            raise LimitError("limit.steps", f"an evaluation of more than {MAX_STEPS} steps")

    def charge_reduce(self, expr: Reduce, length: int) -> None:
        """Count the iterations of a `reduce`."""
        each = self._weights.get(id(expr))
        if each is None:
            each = self._weights[id(expr)] = weight(expr.lambda_)
        self.charge(length * each)


def decide(expr: Expr, value: object) -> bool:
    """Return the truth of a guard, or of an operand of `and` or `!`."""
    outcome = truth(value)
    if outcome is None:
        raise EvaluationError(
            "operand.no-truth",
            f'an operand of "{operator_of(expr)}" is neither truthy nor falsy: a {kind(value)}',
            expr,
        )
    return outcome


def add_integers(expr: Plus, left: object, right: object) -> int:
    """Apply `+`."""
    first, second = integer(left), integer(right)
    if first is None or second is None:
        raise EvaluationError(
            "operand.integer", f'"+" takes integers, not {kind(left)} and {kind(right)}', expr
        )
    total = first + second
    if abs(total) > MAX_INTEGER:
        raise EvaluationError("integer.range", f"a sum beyond ±{MAX_INTEGER}", expr)
    return total


def compare_integers(expr: CompareIntegers, operands: Sequence[object]) -> bool:
    """Apply `<`, `>`, `<=` or `>=`."""
    numbers: list[int] = []
    for operand in operands:
        number = integer(operand)
        if number is None:
            raise EvaluationError(
                "operand.integer", f'"{expr.operator}" compares integers, not {kind(operand)}', expr
            )
        numbers.append(number)
    return compare(expr.operator, numbers)


def compare_date_times(expr: CompareDateTimes, operands: Sequence[object]) -> bool:
    """Apply `after`, `before`, `not-after` or `not-before`."""
    instants: list[int] = []
    for operand in operands:
        if not isinstance(operand, Instant):
            raise EvaluationError(
                "operand.date-time",
                f'"{expr.operator}" compares date-times, not {kind(operand)}',
                expr,
            )
        instants.append(operand.milliseconds)
    return compare(expr.operator, instants)


def compare(operator: str, numbers: Sequence[int]) -> bool:
    """Return whether each of the numbers stands in the operator's relation to the next."""
    holds = _COMPARISONS[operator]
    return all(map(holds, numbers, numbers[1:]))


def contains(expr: In, value: object, array: object, work: Work) -> bool:
    """Apply `in`; null contains nothing (as the official suite has it for missing data)."""
    if array is None:
        return False
    if not isinstance(array, (list, tuple)):
        raise EvaluationError("operand.array", f'"in" looks into an array, not {kind(array)}', expr)
    work.charge(len(array))
    return member(value, array)


def plus_time(expr: PlusTime, text: object, dates: Dates) -> Instant:
    """Apply `plusTime`."""
    if not isinstance(text, str):
        raise EvaluationError(
            "operand.string", f'"plusTime" reads a string, not {kind(text)}', expr
        )
    try:
        return Instant(add(dates[text], expr.amount, expr.unit))
    except DateTimeError as error:
        raise DateTimeError(error.code, error.message, expr) from None


def birth_date(expr: DccDateOfBirth, text: object, dates: Dates) -> Instant:
    """Apply `dccDateOfBirth`."""
    if not isinstance(text, str):
        raise EvaluationError(
            "operand.string", f'"dccDateOfBirth" reads a string, not {kind(text)}', expr
        )
    try:
        # What is read from so short a text is the same for `plusTime`.
        return Instant(dates[text] if len(text) <= 10 else parse_birth_date(text))
    except DateTimeError as error:
        raise DateTimeError(error.code, error.message, expr) from None


def extract_from_uvci(expr: ExtractFromUVCI, uvci: object, work: Work) -> str | None:
    """Apply `extractFromUVCI`."""
    if uvci is not None and not isinstance(uvci, str):
        raise EvaluationError(
            "operand.string", f'"extractFromUVCI" reads a string or null, not {kind(uvci)}', expr
        )
    if uvci is not None and len(uvci) > LONG_UVCI:
        work.charge(len(uvci) // UVCI_STEP)
    return uvci_fragment(uvci, expr.index)


def iterations(expr: Reduce, operand: object, work: Work) -> Sequence[Any]:
    """Return the items that `reduce` goes through: none where the operand is null."""
    if operand is None:
        return ()
    if not isinstance(operand, (list, tuple)):
        raise EvaluationError(
            "operand.array", f'"reduce" goes through an array, not {kind(operand)}', expr
        )
    work.charge_reduce(expr, len(operand))
    return operand


def kind(value: object) -> str:
    """Return the name of a value's kind, for messages; never the value."""
    if value is None:
        return "null"
    if isinstance(value, Instant):
        return "date-time"
    if integer(value) is not None:
        return "integer"
    for types, name in _KINDS:
        if isinstance(value, types):
            return name
    return "object"


_KINDS: Final[tuple[tuple[type | tuple[type, ...], str], ...]] = (
    (bool, "boolean"),
    (float, "fraction"),
    (str, "string"),
    ((list, tuple), "array"),
)


# The interpreter: an expression and data in, a value out (CertLogic 1.3.3, “Semantics”).
#
# It is the reference for the compiler, the explanation and the search for windows of time.


def evaluate(expression: object, data: object, dates: Dates | None = None) -> Any:
    """Return the value of an expression (a tree, or its JSON) on data (as `json.loads` returns it).

    A date-time is returned as an aware `datetime` in UTC. With the same `dates` for every
    evaluation of one decision, no date is read twice.

    Raises:
        InvalidExpressionError: The JSON is not an expression.
        EvaluationError: An operation met a value that it is not defined on.
        LimitError: The expression, or the work, is beyond a limit.

    """
    expr = as_expression(expression)
    work = Work(Dates() if dates is None else dates)
    try:
        value = run(expr, data, work)
    except RecursionError:
        raise LimitError("limit.stack", "no stack left: evaluated from too deep a call") from None
    return present(value) if isinstance(value, (Instant, list)) and builds(expr) else value


def run(expr: Expr, data: Any, work: Work) -> Any:
    """Return the value of an expression, date-times as `Instant`; `work` counts the steps."""
    return _RULES[type(expr)](expr, data, work)


def _literal(expr: Literal, _data: Any, _work: Work) -> Any:
    return expr.value


def _array(expr: Array, data: Any, work: Work) -> Any:
    items: list[Any] = []
    for item in expr.items:
        items.append(run(item, data, work))
    return items


def _var(expr: Var, data: Any, _work: Work) -> Any:
    return access(data, expr.path)


def _if(expr: If, data: Any, work: Work) -> Any:
    guard = decide(expr, run(expr.guard, data, work))
    return run(expr.then if guard else expr.otherwise, data, work)


def _and(expr: And, data: Any, work: Work) -> Any:
    value: Any = None
    for operand in expr.operands:
        value = run(operand, data, work)
        if not decide(expr, value):
            break
    return value


def _not(expr: Not, data: Any, work: Work) -> Any:
    return not decide(expr, run(expr.operand, data, work))


def _equal(expr: Equal, data: Any, work: Work) -> Any:
    return equal(run(expr.left, data, work), run(expr.right, data, work))


def _in(expr: In, data: Any, work: Work) -> Any:
    value = run(expr.left, data, work)
    return contains(expr, value, run(expr.right, data, work), work)


def _plus(expr: Plus, data: Any, work: Work) -> Any:
    return add_integers(expr, run(expr.left, data, work), run(expr.right, data, work))


def _compare_integers(expr: CompareIntegers, data: Any, work: Work) -> Any:
    values: list[Any] = []
    for operand in expr.operands:
        values.append(run(operand, data, work))
    return compare_integers(expr, values)


def _compare_date_times(expr: CompareDateTimes, data: Any, work: Work) -> Any:
    values: list[Any] = []
    for operand in expr.operands:
        values.append(run(operand, data, work))
    return compare_date_times(expr, values)


def _plus_time(expr: PlusTime, data: Any, work: Work) -> Any:
    return plus_time(expr, run(expr.operand, data, work), work.dates)


def _birth(expr: DccDateOfBirth, data: Any, work: Work) -> Any:
    return birth_date(expr, run(expr.operand, data, work), work.dates)


def _uvci(expr: ExtractFromUVCI, data: Any, work: Work) -> Any:
    return extract_from_uvci(expr, run(expr.operand, data, work), work)


def _reduce(expr: Reduce, data: Any, work: Work) -> Any:
    items = iterations(expr, run(expr.operand, data, work), work)
    accumulator = run(expr.initial, data, work)
    for current in items:
        scope = {"accumulator": accumulator, "current": current, "data": data}
        accumulator = run(expr.lambda_, scope, work)
    return accumulator


_RULES: Final[dict[type, Callable[[Any, Any, Work], Any]]] = {
    Literal: _literal,
    Array: _array,
    Var: _var,
    If: _if,
    And: _and,
    Not: _not,
    Equal: _equal,
    In: _in,
    Plus: _plus,
    CompareIntegers: _compare_integers,
    CompareDateTimes: _compare_date_times,
    PlusTime: _plus_time,
    DccDateOfBirth: _birth,
    ExtractFromUVCI: _uvci,
    Reduce: _reduce,
}
