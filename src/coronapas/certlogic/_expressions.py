"""The CertLogic expression as a tree of typed, immutable nodes (CertLogic 1.3.3, “Format”).

`parse` makes the tree from JSON, `to_json` gives the JSON back. Two trees are equal when their
JSON is. Leaves are `Literal` and `Var`; every other node has its operands as fields of type
`Expr`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias, assert_never, get_args
from typing import Literal as OneOf

if TYPE_CHECKING:
    from collections.abc import Iterator

IntegerOperator: TypeAlias = OneOf["<", ">", "<=", ">="]
DateTimeOperator: TypeAlias = OneOf["after", "before", "not-after", "not-before"]
TimeUnit: TypeAlias = OneOf["year", "month", "day", "hour"]

INTEGER_OPERATORS: Final[tuple[IntegerOperator, ...]] = get_args(IntegerOperator)
DATE_TIME_OPERATORS: Final[tuple[DateTimeOperator, ...]] = get_args(DateTimeOperator)
TIME_UNITS: Final[tuple[TimeUnit, ...]] = get_args(TimeUnit)
"""In the order of the specification, which the validator's messages repeat."""


@dataclass(frozen=True, slots=True, eq=False)
class Literal:
    """A boolean, an integer or a string, which stands for itself."""

    value: bool | int | str

    def __eq__(self, other: object) -> bool:
        # For Python 1 == True; for CertLogic they differ.
        if not isinstance(other, Literal):
            return NotImplemented
        return type(self.value) is type(other.value) and self.value == other.value

    def __hash__(self) -> int:
        return hash((type(self.value), self.value))


@dataclass(frozen=True, slots=True)
class Array:
    """An array, each item evaluated."""

    items: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Var:
    """The value at a path of the data: fragments parted by dots; the empty path is all the data."""

    path: str


@dataclass(frozen=True, slots=True)
class If:
    """One of two branches, by the truth of the guard; the other is not evaluated."""

    guard: Expr
    then: Expr
    otherwise: Expr


@dataclass(frozen=True, slots=True)
class And:
    """The first falsy operand (what follows is not evaluated), else the last. 2 or more."""

    operands: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """Whether the operand is falsy."""

    operand: Expr


@dataclass(frozen=True, slots=True)
class Equal:
    """`===`: the same kind and the same value; no coercion."""

    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class In:
    """Whether the array `right` has an item that is `===` to `left`."""

    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class Plus:
    """`+`: the sum of two integers."""

    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class CompareIntegers:
    """`<`, `>`, `<=`, `>=` on 2 integers, or on 3: a op b and b op c."""

    operator: IntegerOperator
    operands: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class CompareDateTimes:
    """`after`, `before`, `not-after`, `not-before` on 2 date-times, or on 3: a op b and b op c."""

    operator: DateTimeOperator
    operands: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class PlusTime:
    """`plusTime`: the date-time that a text holds, moved by a number of calendar units in UTC."""

    operand: Expr
    amount: int
    unit: TimeUnit


@dataclass(frozen=True, slots=True)
class DccDateOfBirth:
    """`dccDateOfBirth`: a date of birth, perhaps partial, as the last day (UTC) it can mean."""

    operand: Expr


@dataclass(frozen=True, slots=True)
class ExtractFromUVCI:
    """`extractFromUVCI`: one fragment, counted from 0, of a UVCI, or null."""

    operand: Expr
    index: int


@dataclass(frozen=True, slots=True)
class Reduce:
    """`reduce`: the lambda, applied to each item and what the one before gave.

    The lambda sees `current`, `accumulator` and `data` (what the reduce itself sees).
    """

    operand: Expr
    lambda_: Expr
    initial: Expr


Expr: TypeAlias = (
    Literal
    | Array
    | Var
    | If
    | And
    | Not
    | Equal
    | In
    | Plus
    | CompareIntegers
    | CompareDateTimes
    | PlusTime
    | DccDateOfBirth
    | ExtractFromUVCI
    | Reduce
)

NODE_TYPES: Final[frozenset[type]] = frozenset(get_args(Expr))
"""The classes of nodes."""


def children(expr: Expr) -> tuple[Expr, ...]:
    """Return the operands of a node, in the order in which they stand in the JSON."""
    match expr:
        case Literal() | Var():
            return ()
        case Array(items):
            return items
        case And(operands) | CompareIntegers(_, operands) | CompareDateTimes(_, operands):
            return operands
        case If(guard, then, otherwise):
            return (guard, then, otherwise)
        case Equal(left, right) | In(left, right) | Plus(left, right):
            return (left, right)
        case Not(operand) | PlusTime(operand) | DccDateOfBirth(operand) | ExtractFromUVCI(operand):
            return (operand,)
        case Reduce(operand, lambda_, initial):
            return (operand, lambda_, initial)
        case _:
            assert_never(expr)


def walk(expr: Expr) -> Iterator[Expr]:
    """Yield a node and everything below it, each before its operands, in the order of the JSON."""
    stack = [expr]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(reversed(children(node)))


def size(expr: Expr) -> int:
    """Return the number of nodes."""
    return sum(1 for _ in walk(expr))


def weight(expr: Expr) -> int:
    """Return what one evaluation visits at most, loops apart: nodes and fragments of paths."""
    return sum(node.path.count(".") + 1 if isinstance(node, Var) else 1 for node in walk(expr))


def operator_of(expr: Expr) -> str | None:
    """Return the operator as JSON spells it; None for literals and arrays."""
    match expr:
        case Literal() | Array():
            return None
        case CompareIntegers(operator) | CompareDateTimes(operator):
            return operator
        case _:
            return _OPERATORS[type(expr)]


_OPERATORS: Final[dict[type, str]] = {
    Var: "var",
    If: "if",
    And: "and",
    Not: "!",
    Equal: "===",
    In: "in",
    Plus: "+",
    PlusTime: "plusTime",
    DccDateOfBirth: "dccDateOfBirth",
    ExtractFromUVCI: "extractFromUVCI",
    Reduce: "reduce",
}


def to_json(expr: Expr) -> Any:
    """Return the expression as fresh JSON; `parse` reads it back to an equal tree."""
    match expr:
        case Literal(value):
            return value
        case Var(path):
            return {"var": path}
        case Array(items):
            return [to_json(item) for item in items]
        case PlusTime(operand, amount, unit):
            return {"plusTime": [to_json(operand), amount, unit]}
        case ExtractFromUVCI(operand, index):
            return {"extractFromUVCI": [to_json(operand), index]}
        case _:
            return {operator_of(expr): [to_json(operand) for operand in children(expr)]}
