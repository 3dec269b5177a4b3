"""The interpreter: an expression and data in, a value out (CertLogic 1.3.3, “Semantics”).

It is the reference for the compiler, the explanation and the search for windows of time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from coronapas.certlogic import _operations as operations
from coronapas.certlogic._analysis import builds
from coronapas.certlogic._datetimes import Dates, Instant
from coronapas.certlogic._errors import LimitError
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
from coronapas.certlogic._parser import as_expression
from coronapas.certlogic._values import access, equal, present

if TYPE_CHECKING:
    from collections.abc import Callable


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
    guard = operations.decide(expr, run(expr.guard, data, work))
    return run(expr.then if guard else expr.otherwise, data, work)


def _and(expr: And, data: Any, work: Work) -> Any:
    value: Any = None
    for operand in expr.operands:
        value = run(operand, data, work)
        if not operations.decide(expr, value):
            break
    return value


def _not(expr: Not, data: Any, work: Work) -> Any:
    return not operations.decide(expr, run(expr.operand, data, work))


def _equal(expr: Equal, data: Any, work: Work) -> Any:
    return equal(run(expr.left, data, work), run(expr.right, data, work))


def _in(expr: In, data: Any, work: Work) -> Any:
    value = run(expr.left, data, work)
    return operations.contains(expr, value, run(expr.right, data, work), work)


def _plus(expr: Plus, data: Any, work: Work) -> Any:
    return operations.add_integers(expr, run(expr.left, data, work), run(expr.right, data, work))


def _compare_integers(expr: CompareIntegers, data: Any, work: Work) -> Any:
    values: list[Any] = []
    for operand in expr.operands:
        values.append(run(operand, data, work))
    return operations.compare_integers(expr, values)


def _compare_date_times(expr: CompareDateTimes, data: Any, work: Work) -> Any:
    values: list[Any] = []
    for operand in expr.operands:
        values.append(run(operand, data, work))
    return operations.compare_date_times(expr, values)


def _plus_time(expr: PlusTime, data: Any, work: Work) -> Any:
    return operations.plus_time(expr, run(expr.operand, data, work), work.dates)


def _birth(expr: DccDateOfBirth, data: Any, work: Work) -> Any:
    return operations.birth_date(expr, run(expr.operand, data, work), work.dates)


def _uvci(expr: ExtractFromUVCI, data: Any, work: Work) -> Any:
    return operations.extract_from_uvci(expr, run(expr.operand, data, work), work)


def _reduce(expr: Reduce, data: Any, work: Work) -> Any:
    items = operations.iterations(expr, run(expr.operand, data, work), work)
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
