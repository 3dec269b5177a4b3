"""What can be said of an expression without data: kinds of values, paths read, type faults.

A `Kind` is a set of kinds of values as the bits of an integer. What the data holds is not known, so
a `var` can be of any kind that JSON has. The compiler leaves out the checks that kinds make
needless, and `type_issues` reports operations that can never succeed, or never do what they seem
to. Each issue holds for all data: nothing here is a guess.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias, assert_never

from coronapas.certlogic._expressions import (
    And,
    Array,
    CompareDateTimes,
    CompareIntegers,
    DateTimeError,
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
    ValidationError,
    Var,
    children,
    operator_of,
    to_json,
)
from coronapas.certlogic._parser import as_expression
from coronapas.certlogic._values import parse, parse_birth_date

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

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
    """Return the kinds in words, for a message."""
    return " or ".join(name for bit, name in _NAMES.items() if kind & bit)


def of_literal(value: bool | int | str) -> Kind:
    """Return the kind of a literal."""
    if isinstance(value, bool):
        return BOOLEAN
    return INTEGER if isinstance(value, int) else STRING


class Kinds:
    """The kinds of the nodes of one expression, each worked out once.

    Args:
        variables: The kinds of `var` nodes by their identity, where the data's types are known; by
            default each may be of any kind that JSON has.

    """

    def __init__(self, variables: Mapping[int, Kind] | None = None) -> None:
        self._variables = {} if variables is None else variables
        # What a missing value is does not count as a use of an operation.
        self.missing: Kind = 0 if variables is None else NULL
        self._known: dict[tuple[int, bool], tuple[Expr, Kind]] = {}

    def of(self, expr: Expr, *, in_lambda: bool = False) -> Kind:
        """Return what the expression can give, inside the lambda of a `reduce` or outside."""
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
                return self._variables.get(id(expr), ANY if in_lambda else JSON)
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
    """Return whether the result may hold what the expression itself built: date-times, arrays."""
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


# Which paths of the data an expression reads (CertLogic 1.3.3; “AffectedFields” of a rule).

_PAYLOAD: Final = "payload."
_OUTER: Final = "data."


def data_accesses(expression: object) -> tuple[str, ...]:
    """Return every path that the expression (a tree, or its JSON) can read from its data, sorted.

    In the lambda of a `reduce` only what it reads through `data` counts: `current` and
    `accumulator` come from the operand and the initial value, which are counted where they stand.
    """
    paths: set[str] = set()
    # Each node with the number of lambdas around it: `data.` leads out of one.
    stack: list[tuple[Expr, int]] = [(as_expression(expression), 0)]
    while stack:
        expr, lambdas = stack.pop()
        if isinstance(expr, Var):
            path = _outside(expr.path, lambdas)
            if path is not None:
                paths.add(path)
        elif isinstance(expr, Reduce):
            stack += ((expr.operand, lambdas), (expr.initial, lambdas), (expr.lambda_, lambdas + 1))
        else:
            stack.extend((child, lambdas) for child in children(expr))
    return tuple(sorted(paths))


def _outside(path: str, lambdas: int) -> str | None:
    """Return a path as it reads outside of the lambdas around it; None when it stays within."""
    for _ in range(lambdas):
        if path in ("", "data"):
            return ""
        if not path.startswith(_OUTER):
            return None
        path = path.removeprefix(_OUTER)
    return path


def affected_fields(expression: object) -> tuple[str, ...]:
    """Return the paths under ``payload.`` that the expression (a tree, or its JSON) reads, sorted.

    Without the ``payload.`` before them, each path as the expression spells it: ``v.0.dn`` does not
    bring ``v.0`` with it. This is what the gateway asks of a rule's `AffectedFields`.
    """
    return tuple(
        path.removeprefix(_PAYLOAD)
        for path in data_accesses(expression)
        if path.startswith(_PAYLOAD)
    )


_LAMBDA_NAMES = ("current", "accumulator", "data")


def type_issues(expression: object) -> tuple[ValidationError, ...]:
    """Return what a valid expression (a tree, or its JSON) does that no data can make right.

    In the order of the expression, an operation before its operands. Raises as `parse` does.
    """
    return issues(as_expression(expression), Kinds())


def issues(expression: Expr, kinds: Kinds) -> tuple[ValidationError, ...]:
    """Return what an expression does that no data of these kinds can make right."""
    found: list[ValidationError] = []
    stack = [(expression, False)]
    while stack:
        expr, in_lambda = stack.pop()
        document = None
        for message in _messages(expr, kinds, in_lambda):
            document = to_json(expr) if document is None else document
            found.append(ValidationError(document, message))
        below = [
            (child, in_lambda or (isinstance(expr, Reduce) and child is expr.lambda_))
            for child in children(expr)
        ]
        stack.extend(reversed(below))
    return tuple(found)


def _messages(expr: Expr, kinds: Kinds, in_lambda: bool) -> Iterator[str]:
    def needs(operand: Expr, wanted: Kind) -> Iterator[str]:
        found = kinds.of(operand, in_lambda=in_lambda)
        if not (found & ~kinds.missing or found) & wanted:
            yield (
                f'an operand of "{operator_of(expr)}" must be {names(wanted)}, '
                f"and this is {names(found) or 'never anything'}: {_sketch(operand)}"
            )

    match expr:
        case Plus() | CompareIntegers():
            for operand in children(expr):
                yield from needs(operand, INTEGER)
        case CompareDateTimes(_, operands):
            for operand in operands:
                yield from needs(operand, DATE_TIME)
        case PlusTime(operand) | DccDateOfBirth(operand):
            yield from needs(operand, STRING)
            yield from _text_messages(expr, operand)
        case ExtractFromUVCI(operand, index):
            yield from needs(operand, STRING | NULL)
            if index < 0:
                yield f"a UVCI has no fragment {index}: always null"
        case In(_, right):
            yield from needs(right, ARRAY | NULL)
        case Reduce(operand):
            yield from needs(operand, ARRAY | NULL)
        case If(guard):
            yield from needs(guard, ~NO_TRUTH)
        case Not(operand):
            yield from needs(operand, ~NO_TRUTH)
        case And(operands):
            for operand in operands:
                yield from needs(operand, ~NO_TRUTH)
        case Equal(left, right):
            yield from _equality_messages(
                kinds.of(left, in_lambda=in_lambda), kinds.of(right, in_lambda=in_lambda)
            )
        case Var(path) if in_lambda and path and path.partition(".")[0] not in _LAMBDA_NAMES:
            yield f'a lambda sees only current, accumulator and data: always null: "{path}"'
        case _:
            pass


def _text_messages(expr: PlusTime | DccDateOfBirth, operand: Expr) -> Iterator[str]:
    if isinstance(operand, Literal) and isinstance(operand.value, str):
        try:
            parse(operand.value) if isinstance(expr, PlusTime) else parse_birth_date(operand.value)
        except DateTimeError as error:
            yield f'the text of "{operator_of(expr)}" cannot be read: {error.message}'


def _equality_messages(left: Kind, right: Kind) -> Iterator[str]:
    for side in (left, right):
        if side in (DATE_TIME, ARRAY):
            yield f'"===" never holds for a new {names(side)}: it is equal to itself alone'
            return
    if not left & right & ~NULL and left | right != NULL:
        yield f'"===" never holds between {names(left)} and {names(right)}'


def _sketch(expr: Expr) -> str:
    match expr:
        case Literal():
            return "a literal"
        case Array():
            return "an array"
        case _:
            return f'"{operator_of(expr)}"'
