"""From JSON to the typed tree of `coronapas.certlogic.expressions` (CertLogic 1.3.3, “Format”)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from coronapas.certlogic.bounds import MAX_INTEGER, check_json
from coronapas.certlogic.errors import InvalidExpressionError, LimitError
from coronapas.certlogic.expressions import (
    DATE_TIME_OPERATORS,
    INTEGER_OPERATORS,
    NODE_TYPES,
    And,
    Array,
    CompareDateTimes,
    CompareIntegers,
    DccDateOfBirth,
    Equal,
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
from coronapas.certlogic.validating import validate

if TYPE_CHECKING:
    from coronapas.certlogic.expressions import Expr


def parse(document: object) -> Expr:
    """The expression that JSON (as `json.loads` gives it) stands for.

    An integral float (`3.0`) counts as the integer that JSON cannot tell it from.

    Raises:
        InvalidExpressionError: the JSON is no expression; every issue of `validate`.
        LimitError: it is beyond a bound of `coronapas.certlogic.bounds`.

    """
    check_json(document)
    if issues := validate(document):
        raise InvalidExpressionError(issues)
    return _expression(document)


def as_expression(expression: object) -> Expr:
    """A tree as it is, anything else by `parse`."""
    # A look-up by type, for `isinstance` on a union of fifteen types is slow.
    if type(expression) in NODE_TYPES:
        return cast("Expr", expression)
    return parse(expression)


def _integer(value: float) -> int:
    if abs(value) > MAX_INTEGER:
        raise LimitError("limit.integer", f"an integer beyond ±{MAX_INTEGER}")
    return int(value)


def _expression(document: Any) -> Expr:
    # `validate` has seen all of it: what follows only takes it apart.
    if isinstance(document, (str, bool)):
        return Literal(document)
    if isinstance(document, (int, float)):
        return Literal(_integer(document))
    if isinstance(document, list):
        return Array(tuple(_expression(item) for item in document))
    ((operator, operands),) = document.items()
    if operator == "var":
        return Var(operands)
    if operator == "plusTime":
        return PlusTime(_expression(operands[0]), _integer(operands[1]), operands[2])
    if operator == "extractFromUVCI":
        return ExtractFromUVCI(_expression(operands[0]), _integer(operands[1]))
    return _operation(operator, tuple(_expression(operand) for operand in operands))


def _operation(operator: Any, operands: tuple[Expr, ...]) -> Expr:
    if operator in INTEGER_OPERATORS:
        return CompareIntegers(operator, operands)
    if operator in DATE_TIME_OPERATORS:
        return CompareDateTimes(operator, operands)
    match operator, operands:
        case "if", (guard, then, otherwise):
            return If(guard, then, otherwise)
        case "reduce", (operand, lambda_, initial):
            return Reduce(operand, lambda_, initial)
        case "and", _:
            return And(operands)
        case "!", (operand,):
            return Not(operand)
        case "===", (left, right):
            return Equal(left, right)
        case "in", (left, right):
            return In(left, right)
        case "+", (left, right):
            return Plus(left, right)
        case _:
            return DccDateOfBirth(operands[0])
