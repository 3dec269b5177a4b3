"""What kinds of values an expression can give, told from the expression alone.

A `Kind` is a set of kinds as the bits of an integer. What the data holds is not known, so that a
`var` can be of any kind that JSON has. The compiler leaves out the checks that these make
needless, and `coronapas.certlogic.checking` reports the operations that can never succeed.
"""

from __future__ import annotations

from typing import Final, TypeAlias, assert_never

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

Kind: TypeAlias = int

NULL: Final[Kind] = 1
BOOLEAN: Final[Kind] = 2
INTEGER: Final[Kind] = 4
FRACTION: Final[Kind] = 8
STRING: Final[Kind] = 16
ARRAY: Final[Kind] = 32
OBJECT: Final[Kind] = 64
DATE_TIME: Final[Kind] = 128

JSON: Final[Kind] = NULL | BOOLEAN | INTEGER | FRACTION | STRING | ARRAY | OBJECT
ANY: Final[Kind] = JSON | DATE_TIME
NO_TRUTH: Final[Kind] = FRACTION | DATE_TIME
"""The kinds that are neither truthy nor falsy."""

_NAMES: Final = {
    NULL: "null",
    BOOLEAN: "boolean",
    INTEGER: "integer",
    FRACTION: "fraction",
    STRING: "string",
    ARRAY: "array",
    OBJECT: "object",
    DATE_TIME: "date-time",
}


def names(kind: Kind) -> str:
    """The kinds in words, for a message."""
    return " or ".join(name for bit, name in _NAMES.items() if kind & bit)


def of_literal(value: bool | int | str) -> Kind:
    """Of a literal."""
    if isinstance(value, bool):
        return BOOLEAN
    return INTEGER if isinstance(value, int) else STRING


class Kinds:
    """The kinds of the nodes of one expression, each worked out once."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, bool], tuple[Expr, Kind]] = {}

    def of(self, expr: Expr, *, in_lambda: bool = False) -> Kind:
        """What the expression can give, inside the lambda of a `reduce` or outside."""
        key = (id(expr), in_lambda)
        known = self._known.get(key)
        if known is None:
            # The node is kept, so that no other can get its identity.
            known = self._known[key] = (expr, self._infer(expr, in_lambda))
        return known[1]

    def _infer(self, expr: Expr, in_lambda: bool) -> Kind:
        match expr:
            case Literal(value):
                return of_literal(value)
            case Array():
                return ARRAY
            case Var():
                return ANY if in_lambda else JSON
            case Not() | Equal() | In() | CompareIntegers() | CompareDateTimes():
                return BOOLEAN
            case Plus():
                return INTEGER
            case PlusTime() | DccDateOfBirth():
                return DATE_TIME
            case ExtractFromUVCI():
                return STRING | NULL
            case If(_, then, otherwise):
                return self.of(then, in_lambda=in_lambda) | self.of(otherwise, in_lambda=in_lambda)
            case And(operands):
                together = 0
                for operand in operands:
                    together |= self.of(operand, in_lambda=in_lambda)
                return together & ~NO_TRUTH
            case Reduce(_, lambda_, initial):
                return self.of(initial, in_lambda=in_lambda) | self.of(lambda_, in_lambda=True)
            case _:
                assert_never(expr)


def builds(expr: Expr) -> bool:
    """Whether the result may hold what the expression itself built: date-times, arrays."""
    stack = [expr]
    while stack:
        match stack.pop():
            case Array() | PlusTime() | DccDateOfBirth() | Reduce():
                return True
            case If(_, then, otherwise):
                stack += (then, otherwise)
            case And(operands):
                stack += operands
            case _:
                pass
    return False
