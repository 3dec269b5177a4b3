"""Whether JSON is a CertLogic expression, in the words of the official validator.

CertLogic 1.3.3, “Format”, and the messages of its validation test suite, which quote values as
JavaScript prints them. `coronapas.certlogic._analysis` looks beyond the format.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, TypeGuard, cast

from coronapas.certlogic._expressions import (
    DATE_TIME_OPERATORS,
    INTEGER_OPERATORS,
    MAX_INTEGER,
    NODE_TYPES,
    TIME_UNITS,
    And,
    Array,
    CompareDateTimes,
    CompareIntegers,
    DccDateOfBirth,
    Equal,
    ExtractFromUVCI,
    If,
    In,
    InvalidExpressionError,
    LimitError,
    Literal,
    Not,
    Plus,
    PlusTime,
    Reduce,
    ValidationError,
    Var,
    check_json,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from coronapas.certlogic._expressions import Expr

BINARY_OPERATORS: Final = ("===", "in", "+")

_PATH: Final = re.compile(r"[^.]+(\.[^.]+)*")


def is_integer(value: object) -> TypeGuard[int | float]:
    """Return whether JSON's number is an integer: `3` and `3.0` are, `true` is not a number."""
    if isinstance(value, bool):
        return False
    return isinstance(value, int) or (isinstance(value, float) and value.is_integer())


_TOO_LARGE: Final = f"an integer beyond ±{MAX_INTEGER}"


def validate(document: object) -> tuple[ValidationError, ...]:
    """Return the issues of JSON (as `json.loads` returns it) as an expression; empty where valid.

    Issues stand in the official validator's order. JSON beyond the bounds of
    `coronapas.certlogic._expressions` has that as its one issue. Where there is no other, integers
    beyond ±(2⁵³ - 1) are issues; the official validator accepts them.
    """
    found = _faults(document)
    return found or tuple(ValidationError(each, _TOO_LARGE) for each in _too_large(document))


def _faults(document: object) -> tuple[ValidationError, ...]:
    try:
        check_json(document)
    except LimitError as error:
        return (ValidationError(document, error.message),)
    return tuple(_issues(document))


def _too_large(document: object) -> Iterator[int | float]:
    """Yield the integers of an expression that not every implementation can say exactly."""
    if isinstance(document, list | dict):
        for each in document if isinstance(document, list) else document.values():
            yield from _too_large(each)
    elif is_integer(document) and abs(document) > MAX_INTEGER:
        yield document


def _issues(expr: Any) -> Iterator[ValidationError]:
    if isinstance(expr, (str, bool)) or is_integer(expr):
        return
    if isinstance(expr, (int, float)):
        yield ValidationError(expr, f"{javascript_text(expr)} is a non-integer number")
    elif isinstance(expr, list):
        yield from _all_issues(expr)
    elif isinstance(expr, dict):
        yield from _operation_issues(expr)
    else:
        yield ValidationError(expr, "invalid CertLogic expression")


def _all_issues(operands: list[Any]) -> Iterator[ValidationError]:
    for operand in operands:
        yield from _issues(operand)


def _operation_issues(expr: dict[str, Any]) -> Iterator[ValidationError]:
    if len(expr) != 1:
        yield ValidationError(
            expr, f"expression object must have exactly one key, but it has {len(expr)}"
        )
        return
    ((operator, operands),) = expr.items()
    if operator == "var":
        yield from _var_issues(expr, operands)
    elif not isinstance(operands, list):
        yield ValidationError(expr, 'operation not of the form { "<operator>": [ <values...> ] }')
    elif (check := _CHECKS.get(operator)) is not None:
        yield from check(expr, operator, operands)
    else:
        yield ValidationError(expr, f'unrecognised operator: "{operator}"')


def _var_issues(expr: Any, path: object) -> Iterator[ValidationError]:
    if not isinstance(path, str):
        yield ValidationError(expr, 'not of the form { "var": "<path>" }')
    elif path and not _PATH.fullmatch(path):
        yield ValidationError(expr, f"data access path doesn't have a valid format: {path}")


def _and_issues(expr: Any, _operator: str, operands: list[Any]) -> Iterator[ValidationError]:
    if len(operands) < 2:
        count = len(operands)
        yield ValidationError(
            expr, f'an "and" operation must have at least 2 operands, but it has {count}'
        )
    yield from _all_issues(operands)


def _comparison_issues(expr: Any, operator: str, operands: list[Any]) -> Iterator[ValidationError]:
    if len(operands) not in (2, 3):
        yield ValidationError(
            expr,
            f'an operation with operator "{operator}" must have 2 or 3 operands, '
            f"but it has {len(operands)}",
        )
    yield from _all_issues(operands[:3])


def _binary_issues(expr: Any, operator: str, operands: list[Any]) -> Iterator[ValidationError]:
    if len(operands) != 2:
        yield ValidationError(
            expr,
            f'an operation with operator "{operator}" must have 2 operands, '
            f"but it has {len(operands)}",
        )
    yield from _all_issues(operands[:2])


def _not_issues(expr: Any, _operator: str, operands: list[Any]) -> Iterator[ValidationError]:
    if len(operands) == 1:
        yield from _issues(operands[0])
    else:
        yield ValidationError(
            expr,
            "a !-operation (logical not/negation) must have exactly 1 operand, "
            f"but it has {len(operands)}",
        )


def _three_issues(expr: Any, operator: str, operands: list[Any]) -> Iterator[ValidationError]:
    if len(operands) != 3:
        article = "an" if operator == "if" else "a"
        yield ValidationError(
            expr,
            f'{article} "{operator}"-operation must have exactly 3 values/operands, '
            f"but it has {len(operands)}",
        )
    yield from _all_issues(operands[:3])


def _plus_time_issues(expr: Any, _operator: str, operands: list[Any]) -> Iterator[ValidationError]:
    if len(operands) != 3:
        yield ValidationError(
            expr,
            'a "plusTime"-operation must have exactly 3 values/operands, '
            f"but it has {len(operands)}",
        )
    yield from _all_issues(operands[:1])
    if len(operands) > 1 and not is_integer(operands[1]):
        yield ValidationError(
            expr,
            '"amount" argument (#2) of "plusTime" must be an integer, '
            f"but it is: {javascript_text(operands[1])}",
        )
    if len(operands) > 2 and operands[2] not in TIME_UNITS:
        yield ValidationError(
            expr,
            '"unit" argument (#3) of "plusTime" must be a string equal to one of '
            f"{', '.join(TIME_UNITS)}, but it is: {javascript_text(operands[2])}",
        )


def _uvci_issues(expr: Any, _operator: str, operands: list[Any]) -> Iterator[ValidationError]:
    if len(operands) != 2:
        yield ValidationError(
            expr,
            'an "extractFromUVCI"-operation must have exactly 2 values/operands, '
            f"but it has {len(operands)}",
        )
    yield from _all_issues(operands[:1])
    if len(operands) > 1 and not is_integer(operands[1]):
        yield ValidationError(
            expr,
            '"index" argument (#2) of "extractFromUVCI" must be an integer, '
            f"but it is: {javascript_text(operands[1])}",
        )


def _birth_issues(expr: Any, _operator: str, operands: list[Any]) -> Iterator[ValidationError]:
    if len(operands) != 1:
        yield ValidationError(
            expr,
            'a "dccDateOfBirth"-operation must have exactly 1 value/operand, '
            f"but it has {len(operands)}",
        )
    yield from _all_issues(operands[:1])


_CHECKS: Final[dict[str, Callable[[Any, str, list[Any]], Iterator[ValidationError]]]] = {
    "if": _three_issues,
    "and": _and_issues,
    "!": _not_issues,
    "plusTime": _plus_time_issues,
    "reduce": _three_issues,
    "extractFromUVCI": _uvci_issues,
    "dccDateOfBirth": _birth_issues,
    **dict.fromkeys(INTEGER_OPERATORS + DATE_TIME_OPERATORS, _comparison_issues),
    **dict.fromkeys(BINARY_OPERATORS, _binary_issues),
}


def javascript_text(value: object) -> str:
    """Return a JSON value as JavaScript prints it, which the official messages quote."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _javascript_number(value)
    if isinstance(value, list):
        return ",".join("" if item is None else javascript_text(item) for item in value)
    if isinstance(value, dict):
        return "[object Object]"
    return str(value)


def _javascript_number(value: float) -> str:
    if value != value or value in (float("inf"), float("-inf")):
        return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[repr(value)]
    sign = "-" if value < 0 else ""
    mantissa, _, exponent = repr(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction.rstrip("0")) if fraction != "0" else whole
    point = len(whole) + int(exponent or 0)
    stripped = digits.lstrip("0")
    point -= len(digits) - len(stripped)
    digits = stripped.rstrip("0") or "0"
    if digits == "0":
        return "0"
    if 0 < point <= 21:
        return sign + (
            digits.ljust(point, "0")
            if len(digits) <= point
            else f"{digits[:point]}.{digits[point:]}"
        )
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    tail = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{sign}{digits[0]}{tail}e{'+' if point > 0 else '-'}{abs(point - 1)}"


# From JSON to the typed tree of `coronapas.certlogic._expressions` (CertLogic 1.3.3, “Format”).


def parse(document: object) -> Expr:
    """Read an expression from JSON (as `json.loads` returns it).

    An integral float (`3.0`) counts as the integer that JSON cannot tell it from.

    Raises:
        InvalidExpressionError: The JSON is not an expression; it has every issue of `validate`.
        LimitError: it is beyond a bound of `coronapas.certlogic._expressions`.

    """
    check_json(document)
    if issues := _faults(document):
        raise InvalidExpressionError(issues)
    return _expression(document)


def as_expression(expression: object) -> Expr:
    """Return a tree as it is, and anything else parsed."""
    # A look-up by type, for `isinstance` on a union of fifteen types is slow.
    if type(expression) in NODE_TYPES:
        return cast("Expr", expression)
    return parse(expression)


def _integer(value: float) -> int:
    if abs(value) > MAX_INTEGER:
        raise LimitError("limit.integer", _TOO_LARGE)
    return int(value)


def _expression(document: Any) -> Expr:
    # `_faults` has seen all of it: what follows only takes it apart.
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
