"""Reading the textual notation back (its grammar is in `coronapas.certlogic.text`).

A Pratt parser: one call deep for each level of nesting, and nesting is bounded.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from coronapas.certlogic.bounds import MAX_DEPTH, MAX_INTEGER, MAX_NODES
from coronapas.certlogic.errors import InvalidExpressionError, LimitError, NotationError
from coronapas.certlogic.expressions import (
    INTEGER_OPERATORS,
    TIME_UNITS,
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
    to_json,
)
from coronapas.certlogic.parsing import parse
from coronapas.certlogic.text import (
    COMPARISON,
    CONJUNCTION,
    FUNCTIONS,
    KEYWORDS,
    LOOSE,
    NEGATION,
    PATH,
    SUM,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from coronapas.certlogic.expressions import DateTimeOperator, TimeUnit

_MAX_NESTING: Final = 2 * MAX_DEPTH
"""The deepest nesting of the text; needless parentheses count."""

_TOKEN: Final = re.compile(
    rf"""(?P<space>\s+)
    |(?P<string>"(?:[^"\\]|\\.)*")
    |(?P<integer>-?\d+)
    |(?P<word>{PATH.pattern})
    |(?P<sign><=|>=|[<>=+\-\[\](),])""",
    re.ASCII | re.VERBOSE,
)
_UNITS: Final[dict[str, TimeUnit]] = {
    spelling: unit for unit in TIME_UNITS for spelling in (unit, unit + "s")
}


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    position: int


def from_text(text: str) -> Expr:
    """The expression that a text in the notation of `to_text` stands for.

    Raises:
        NotationError: the text is not in the notation, or says what is no expression.
        LimitError: it is beyond a bound of `coronapas.certlogic.bounds`.

    """
    reader = _Reader(tuple(_tokens(text)))
    expr = reader.read(LOOSE)
    reader.end()
    _check_depth(expr)
    try:
        return parse(to_json(expr))
    except InvalidExpressionError as error:
        raise NotationError(error.message, 0) from None


def _tokens(text: str) -> Iterator[_Token]:
    position = count = 0
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None:
            raise NotationError("nothing of the notation begins here", position)
        kind = found.lastgroup or ""
        if kind != "space":
            if kind == "word" and found[0] in KEYWORDS:
                kind = "sign"
            yield _Token(kind, found[0], position)
            count += 1
            if count > 2 * MAX_NODES:
                raise LimitError("limit.nodes", f"a text of more than {2 * MAX_NODES} words")
        position = found.end()
    yield _Token("end", "", position)


def _check_depth(expr: Expr) -> None:
    stack = [(expr, 1)]
    while stack:
        node, depth = stack.pop()
        if depth > MAX_DEPTH:
            raise LimitError("limit.depth", f"an expression nested deeper than {MAX_DEPTH} levels")
        stack.extend((child, depth + 1) for child in children(node))


class _Reader:
    def __init__(self, tokens: tuple[_Token, ...]) -> None:
        self.tokens = tokens
        self.at = 0
        self.nesting = 0

    # Tokens

    def peek(self, ahead: int = 0) -> _Token:
        return self.tokens[min(self.at + ahead, len(self.tokens) - 1)]

    def take(self, sign: str) -> bool:
        token = self.peek()
        if token.kind == "sign" and token.text == sign:
            self.at += 1
            return True
        return False

    def expect(self, sign: str) -> None:
        if not self.take(sign):
            raise self.fault(f"expected {sign}")

    def end(self) -> None:
        if self.peek().kind != "end":
            raise self.fault("expected the end")

    def fault(self, message: str) -> NotationError:
        return NotationError(message, self.peek().position)

    # Expressions

    def read(self, least: int) -> Expr:
        """An expression that binds at least as tightly as `least`."""
        self.nesting += 1
        if self.nesting > _MAX_NESTING:
            raise LimitError("limit.depth", f"a text nested deeper than {_MAX_NESTING} levels")
        expr = self.continue_with(self.begin(least), least)
        self.nesting -= 1
        return expr

    def begin(self, least: int) -> Expr:
        if least <= LOOSE and self.take("if"):
            guard = self.read(LOOSE)
            self.expect("then")
            then = self.read(LOOSE)
            self.expect("else")
            return If(guard, then, self.read(LOOSE))
        if least <= NEGATION and self.take("not"):
            return Not(self.read(NEGATION))
        if self.take("("):
            expr = self.read(LOOSE)
            self.expect(")")
            return expr
        if self.take("["):
            return Array(() if self.take("]") else self.listed("]"))
        return self.word()

    def continue_with(self, expr: Expr, least: int) -> Expr:
        expr = self.sums(expr)
        if least <= COMPARISON:
            expr = self.compared(expr)
        if least <= CONJUNCTION and self.take("and"):
            operands = [expr, self.read(NEGATION)]
            while self.take("and"):
                operands.append(self.read(NEGATION))
            return And(tuple(operands))
        return expr

    def sums(self, expr: Expr) -> Expr:
        for _ in range(MAX_DEPTH):
            if self.take("+"):
                if self.peek().kind == "integer" and self.peek(1).text in _UNITS:
                    expr = PlusTime(expr, self.integer(), self.unit())
                else:
                    expr = Plus(expr, self.operand_of_sum())
            elif self.take("-"):
                expr = PlusTime(expr, -self.integer(), self.unit())
            else:
                return expr
        raise LimitError("limit.depth", f"a sum of more than {MAX_DEPTH} parts")

    def operand_of_sum(self) -> Expr:
        self.nesting += 1
        if self.nesting > _MAX_NESTING:
            raise LimitError("limit.depth", f"a text nested deeper than {_MAX_NESTING} levels")
        expr = self.begin(SUM)
        self.nesting -= 1
        return expr

    def compared(self, left: Expr) -> Expr:
        if self.take("="):
            return Equal(left, self.read(SUM))
        if self.take("in"):
            return In(left, self.read(SUM))
        for operator in INTEGER_OPERATORS:
            if self.take(operator):
                operands = [left, self.read(SUM)]
                if self.take(operator):
                    operands.append(self.read(SUM))
                return CompareIntegers(operator, tuple(operands))
        if self.take("is"):
            phrase = self.phrase()
            operands = [left, self.read(SUM)]
            if self.take("is"):
                if self.phrase() != phrase:
                    raise self.fault("a comparison of three has one operator")
                operands.append(self.read(SUM))
            return CompareDateTimes(phrase, tuple(operands))
        return left

    def phrase(self) -> DateTimeOperator:
        negated = self.take("not")
        token = self.peek()
        self.at += 1
        match negated, token.text:
            case False, "after":
                return "after"
            case False, "before":
                return "before"
            case True, "after":
                return "not-after"
            case True, "before":
                return "not-before"
            case _:
                self.at -= 1
                raise self.fault("expected after or before")

    def word(self) -> Expr:
        token = self.peek()
        if token.kind == "integer":
            return Literal(self.integer())
        if token.kind == "string":
            return Literal(self.string())
        if self.take("true"):
            return Literal(True)
        if self.take("false"):
            return Literal(False)
        if token.kind != "word":
            raise self.fault("expected an expression")
        self.at += 1
        if token.text in FUNCTIONS:
            self.expect("(")
            return self.call(token.text)
        return Var(token.text)

    def call(self, function: str) -> Expr:
        if function == "var":
            path = self.string()
            self.expect(")")
            return Var(path)
        operand = self.read(LOOSE)
        if function == "dccDateOfBirth":
            self.expect(")")
            return DccDateOfBirth(operand)
        self.expect(",")
        if function == "extractFromUVCI":
            index = self.integer()
            self.expect(")")
            return ExtractFromUVCI(operand, index)
        lambda_ = self.read(LOOSE)
        self.expect(",")
        initial = self.read(LOOSE)
        self.expect(")")
        return Reduce(operand, lambda_, initial)

    def listed(self, closing: str) -> tuple[Expr, ...]:
        items = [self.read(LOOSE)]
        while self.take(","):
            items.append(self.read(LOOSE))
        self.expect(closing)
        return tuple(items)

    def integer(self) -> int:
        token = self.peek()
        if token.kind != "integer":
            raise self.fault("expected an integer")
        if len(token.text) > 17 or abs(int(token.text)) > MAX_INTEGER:
            raise LimitError("limit.integer", f"an integer beyond ±{MAX_INTEGER}")
        self.at += 1
        return int(token.text)

    def unit(self) -> TimeUnit:
        unit = _UNITS.get(self.peek().text)
        if unit is None:
            raise self.fault("expected a unit of time")
        self.at += 1
        return unit

    def string(self) -> str:
        token = self.peek()
        if token.kind != "string":
            raise self.fault("expected a string")
        try:
            text = json.loads(token.text)
        except ValueError:
            raise self.fault("a string that is not JSON's") from None
        self.at += 1
        return str(text)
