"""The textual notation of expressions: written for people, and read back.

::

    if payload.v.0
    then payload.v.0.dt + 14 days is not after external.validationClock + 0 days
    else true

The notation is the project's own (CertLogic specifies none) and says exactly what the JSON says:
`from_text` reads what `to_text` writes back to an equal tree.

| JSON | text |
|---|---|
| literals | ``true``, ``42``, ``"text"`` (JSON's escapes) |
| array | ``[a, b]`` |
| var | ``payload.v.0.dn``; ``var("…")`` for any other name; ``var("")``: all data |
| if | ``if a then b else c`` |
| and, ! | ``a and b and c``, ``not a`` |
| ===, in | ``a = b``, ``a in b`` |
| <, >, <=, >= | ``a < b``, ``a < b < c`` |
| after, before, not-after, not-before | ``a is after b``, ``a is not after b is not after c`` |
| + | ``a + b`` |
| plusTime | ``a + 14 days``, ``a - 1 year`` |
| the rest | ``reduce(a, b, c)``, ``extractFromUVCI(a, 1)``, ``dccDateOfBirth(a)`` |

From loose to tight: if, and, not, comparisons, sums. Parentheses as usual; white space is free. The
reader is a Pratt parser, one call deep for each level of nesting, and nesting is bounded.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from coronapas.certlogic._expressions import (
    INTEGER_OPERATORS,
    MAX_DEPTH,
    MAX_INTEGER,
    MAX_NODES,
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
    InvalidExpressionError,
    LimitError,
    Literal,
    Not,
    NotationError,
    Plus,
    PlusTime,
    Reduce,
    Var,
    children,
    to_json,
)
from coronapas.certlogic._parser import as_expression, parse

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from coronapas.certlogic._expressions import DateTimeOperator, TimeUnit

KEYWORDS: Final = frozenset({"if", "then", "else", "and", "not", "in", "is", "true", "false"})
FUNCTIONS: Final = frozenset({"var", "reduce", "extractFromUVCI", "dccDateOfBirth"})
DATE_TIME_PHRASES: Final = {
    "after": "is after",
    "before": "is before",
    "not-after": "is not after",
    "not-before": "is not before",
}
PATH: Final = re.compile(r"[A-Za-z_][\w-]*(?:\.[\w-]+)*", re.ASCII)

ONE_LINE: Final = 2**31
"""A width at which nothing is broken."""

LOOSE: Final = 0
CONJUNCTION: Final = 1
NEGATION: Final = 2
COMPARISON: Final = 3
SUM: Final = 4
PRIMARY: Final = 5


def to_text(expression: object, *, width: int = 88) -> str:
    """Return an expression (a tree, or its JSON) in the notation above, in lines of `width`."""
    return _Layout(width).lay_out(as_expression(expression), LOOSE, 0)


def tightness(expr: Expr) -> int:
    """Return how tightly the notation of a node binds."""
    match expr:
        case If():
            return LOOSE
        case And():
            return CONJUNCTION
        case Not():
            return NEGATION
        case Equal() | In() | CompareIntegers() | CompareDateTimes():
            return COMPARISON
        case Plus() | PlusTime():
            return SUM
        case _:
            return PRIMARY


def quote(text: str) -> str:
    """Return a string in JSON quotes; what cannot be seen is escaped."""
    return json.dumps(text, ensure_ascii=not text.isprintable())


def _path(path: str) -> str:
    if PATH.fullmatch(path) and path not in KEYWORDS | FUNCTIONS:
        return path
    return f"var({quote(path)})"


def _flat(expr: Expr, least: int) -> str:
    """Return a node on one line, in parentheses if it binds less tightly than `least`."""
    text = _flat_bare(expr)
    return f"({text})" if tightness(expr) < least else text


def _flat_bare(expr: Expr) -> str:
    match expr:
        case Literal(value):
            return quote(value) if isinstance(value, str) else json.dumps(value)
        case Var(path):
            return _path(path)
        case Array(items):
            return f"[{_flat_list(items)}]"
        case If(guard, then, otherwise):
            parts = (_flat(guard, CONJUNCTION), _flat(then, CONJUNCTION), _flat(otherwise, LOOSE))
            return "if {} then {} else {}".format(*parts)
        case And(operands):
            return " and ".join(_flat(operand, NEGATION) for operand in operands)
        case Not(operand):
            return f"not {_flat(operand, NEGATION)}"
        case Equal(left, right):
            return f"{_flat(left, SUM)} = {_flat(right, SUM)}"
        case In(left, right):
            return f"{_flat(left, SUM)} in {_flat(right, SUM)}"
        case CompareIntegers(operator, operands):
            return f" {operator} ".join(_flat(operand, SUM) for operand in operands)
        case CompareDateTimes(operator, operands):
            phrase = DATE_TIME_PHRASES[operator]
            return f" {phrase} ".join(_flat(operand, SUM) for operand in operands)
        case Plus(left, right):
            return f"{_flat(left, SUM)} + {_flat(right, PRIMARY)}"
        case PlusTime(operand, amount, unit):
            sign, plural = "-" if amount < 0 else "+", "" if abs(amount) == 1 else "s"
            return f"{_flat(operand, SUM)} {sign} {abs(amount)} {unit}{plural}"
        case DccDateOfBirth(operand):
            return f"dccDateOfBirth({_flat(operand, LOOSE)})"
        case ExtractFromUVCI(operand, index):
            return f"extractFromUVCI({_flat(operand, LOOSE)}, {index})"
        case Reduce(operand, lambda_, initial):
            return f"reduce({_flat_list((operand, lambda_, initial))})"


def _flat_list(items: Sequence[Expr]) -> str:
    return ", ".join(_flat(item, LOOSE) for item in items)


class _Layout:
    """Line breaks: where a line would be too long, a node is broken at its own joints."""

    def __init__(self, width: int) -> None:
        self.width = width

    def lay_out(self, expr: Expr, least: int, column: int) -> str:
        flat = _flat(expr, least)
        if column + len(flat) <= self.width:
            return flat
        if tightness(expr) < least:
            return f"({self._broken(expr, column + 1, flat[1:-1])})"
        return self._broken(expr, column, flat)

    def _broken(self, expr: Expr, column: int, flat: str) -> str:
        line = "\n" + " " * column
        match expr:
            case If(guard, then, otherwise):
                chained = 0 if isinstance(otherwise, If) else 5
                return (
                    f"if {self.lay_out(guard, CONJUNCTION, column + 3)}"
                    f"{line}then {self.lay_out(then, CONJUNCTION, column + 5)}"
                    f"{line}else {self.lay_out(otherwise, LOOSE, column + chained)}"
                )
            case And(operands):
                laid = (self.lay_out(operand, NEGATION, column + 4) for operand in operands)
                return f"{line}and ".join(laid)
            case Not(operand):
                return f"not {self.lay_out(operand, NEGATION, column + 4)}"
            case Equal(left, right) | In(left, right):
                sign = "=" if isinstance(expr, Equal) else "in"
                return (
                    f"{self.lay_out(left, SUM, column)}"
                    f"{line}{sign} {self.lay_out(right, SUM, column + len(sign) + 1)}"
                )
            case CompareDateTimes(operator, operands):
                phrase = DATE_TIME_PHRASES[operator]
                laid = (self.lay_out(operand, SUM, column + 14) for operand in operands)
                return f"{line}{phrase} ".join(laid)
            case Array(items):
                return f"[{self._list(items, column + 1)}]"
            case Reduce(operand, lambda_, initial):
                return f"reduce({self._list((operand, lambda_, initial), column + 7)})"
            case _:
                return flat

    def _list(self, items: Sequence[Expr], column: int) -> str:
        line = ",\n" + " " * column
        return line.join(self.lay_out(item, LOOSE, column) for item in items)


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
    """Read an expression from a text in the notation of `to_text`.

    Raises:
        NotationError: The text is not in the notation, or does not state a valid expression.
        LimitError: it is beyond a bound of `coronapas.certlogic._expressions`.

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
        """Read an expression that binds at least as tightly as `least`."""
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
