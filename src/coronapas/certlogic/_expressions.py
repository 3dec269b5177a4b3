"""The CertLogic expression: its nodes, the bounds on it, and the errors of the language.

An expression is a tree of typed, immutable nodes (CertLogic 1.3.3, “Format”). `parse` makes the
tree from JSON, `to_json` gives the JSON back. Two trees are equal when their JSON is. Leaves are
`Literal` and `Var`; every other node has its operands as fields of type `Expr`.

CertLogic 1.3.3 states no bounds; without them a rule of a few kilobytes could exhaust the stack
(nesting) or run for years (`reduce` within `reduce`). The deepest public rule nests 8 levels.

The work of one evaluation is counted in steps, apart from visiting each value of the expression
once: a `reduce` costs the length of its operand times the number of values in its lambda (counted
as for `MAX_NODES`), an `in` costs the length of its array, and a UVCI longer than `LONG_UVCI`
costs a step for each `UVCI_STEP` characters, each time that it is evaluated. So an evaluation
visits at most `MAX_NODES` values and does at most `MAX_STEPS` further steps, whatever the
expression and the data. Of the hostile expressions and data of the tests, made to use the bounds
up, none took more than a tenth of a second to evaluate (Python 3.11 on a shared virtual core).

Every refusal is a `CertLogicError`. Its text names the operation and the kind of value that does
not fit, and never the value: that may be the holder's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias, assert_never, get_args
from typing import Literal as OneOf

from coronapas.errors import CoronapasError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

IntegerOperator: TypeAlias = OneOf["<", ">", "<=", ">="]
DateTimeOperator: TypeAlias = OneOf["after", "before", "not-after", "not-before"]
TimeUnit: TypeAlias = OneOf["year", "month", "day", "hour"]

INTEGER_OPERATORS: Final[tuple[IntegerOperator, ...]] = get_args(IntegerOperator)
DATE_TIME_OPERATORS: Final[tuple[DateTimeOperator, ...]] = get_args(DateTimeOperator)
TIME_UNITS: Final[tuple[TimeUnit, ...]] = get_args(TimeUnit)
"""In the order of the specification, which the validator's messages repeat."""

MAX_DEPTH: Final = 100
"""The deepest nesting: an operation or an array is one level below what holds it."""

MAX_NODES: Final = 65_536
"""The most values in an expression: literals, arrays, operations, fragments of paths."""

MAX_STEPS: Final = 100_000
"""The most steps of one evaluation, as counted above."""

LONG_UVCI: Final = 128
"""The longest UVCI that costs no steps, in characters; passes allow 72."""

UVCI_STEP: Final = 16
"""The characters of a longer UVCI that make one step."""

MAX_INTEGER: Final = 2**53 - 1
"""The largest magnitude of a literal or a sum: what every JSON implementation holds exactly."""

MAX_RESULT_DEPTH: Final = 200
"""The deepest nesting of arrays that an evaluation may build as its result."""


class CertLogicError(CoronapasError, ValueError):
    """Base of everything that the language refuses; `code` is stable."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class ValidationError:
    """One fault: the JSON of the (sub-)expression that has it, and what is wrong with it.

    `to_json` is the shape of the official validation suite.
    """

    expr: Any = field(repr=False)
    """The JSON of the (sub-)expression."""
    message: str
    """What is wrong with it."""

    def to_json(self) -> dict[str, Any]:
        """Return ``{"expr": …, "message": …}``."""
        return {"expr": self.expr, "message": self.message}


class InvalidExpressionError(CertLogicError):
    """JSON that is not an expression; `issues` holds every fault, in the order of the JSON."""

    def __init__(self, issues: Sequence[ValidationError]) -> None:
        self.issues = tuple(issues)
        super().__init__("expression.invalid", "; ".join(issue.message for issue in self.issues))


class EvaluationError(CertLogicError):
    """An operation met a value that it is not defined on.

    `expr` is the operation that refused, where it is known.
    """

    def __init__(self, code: str, message: str, expr: Expr | None = None) -> None:
        super().__init__(code, message)
        self.expr = expr


class DateTimeError(EvaluationError):
    """A string that is not a date or date-time, or a date-time out of range."""


class LimitError(CertLogicError):
    """An expression, or the work that it asks for, beyond a limit."""


class NotationError(CertLogicError):
    """A text that is not in the notation of `to_text`; `position` counts characters from 0."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__("notation.invalid", f"at character {position}: {message}")
        self.position = position


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


def check_json(document: object) -> None:
    """Refuse JSON beyond `MAX_DEPTH` or `MAX_NODES`, without recursion.

    Raises:
        LimitError: nested too deep (also what holds itself), or too large.

    """
    nodes = 0
    stack: list[tuple[object, int]] = [(document, 1)]
    while stack:
        value, depth = stack.pop()
        if depth > MAX_DEPTH:
            raise LimitError("limit.depth", f"an expression nested deeper than {MAX_DEPTH} levels")
        items: list[object] = []
        nodes += 1
        if isinstance(value, list):
            items = value
        elif isinstance(value, dict):
            # {"operator": [operands]} is one level: the object and its array belong together.
            for part in value.values():
                if isinstance(part, list):
                    items.extend(part)
                else:
                    items.append(part)
            path = value.get("var")
            nodes += path.count(".") if isinstance(path, str) else 0
        if nodes + len(stack) + len(items) > MAX_NODES:
            raise LimitError("limit.nodes", f"an expression of more than {MAX_NODES} values")
        stack.extend((item, depth + 1) for item in items)
