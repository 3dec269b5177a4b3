"""Type checks beyond the format: operations that can never succeed, or never do what they seem to.

Each issue holds for all data: nothing here is a guess. `coronapas.certlogic.validating` has the
format itself; what these mean for a rule (unreachable branches, affected fields) is its linter's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coronapas.certlogic.datetimes import parse, parse_birth_date
from coronapas.certlogic.errors import DateTimeError
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
    children,
    operator_of,
    to_json,
)
from coronapas.certlogic.kinds import (
    ARRAY,
    DATE_TIME,
    INTEGER,
    NO_TRUTH,
    NULL,
    STRING,
    Kind,
    Kinds,
    names,
)
from coronapas.certlogic.parsing import as_expression
from coronapas.certlogic.validating import ValidationError

if TYPE_CHECKING:
    from collections.abc import Iterator

_LAMBDA_NAMES = ("current", "accumulator", "data")


def type_issues(expression: object) -> tuple[ValidationError, ...]:
    """What a valid expression (a tree, or its JSON) does that no data can make right.

    In the order of the expression, an operation before its operands. Raises as `parse` does.
    """
    kinds = Kinds()
    issues: list[ValidationError] = []
    stack = [(as_expression(expression), False)]
    while stack:
        expr, in_lambda = stack.pop()
        document = None
        for message in _messages(expr, kinds, in_lambda):
            document = to_json(expr) if document is None else document
            issues.append(ValidationError(document, message))
        below = [
            (child, in_lambda or (isinstance(expr, Reduce) and child is expr.lambda_))
            for child in children(expr)
        ]
        stack.extend(reversed(below))
    return tuple(issues)


def _messages(expr: Expr, kinds: Kinds, in_lambda: bool) -> Iterator[str]:
    def needs(operand: Expr, wanted: Kind) -> Iterator[str]:
        found = kinds.of(operand, in_lambda=in_lambda)
        if not found & wanted:
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
    if not left & right:
        yield f'"===" never holds between {names(left)} and {names(right)}'


def _sketch(expr: Expr) -> str:
    match expr:
        case Literal():
            return "a literal"
        case Array():
            return "an array"
        case _:
            return f'"{operator_of(expr)}"'
