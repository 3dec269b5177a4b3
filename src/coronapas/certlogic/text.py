"""The textual notation: an expression as a person reads it.

    if payload.v.0
    then payload.v.0.dt + 14 days is not after external.validationClock + 0 days
    else true

The notation is the project's own (CertLogic specifies none) and says exactly what the JSON says:
`coronapas.certlogic.notation.from_text` reads it back to an equal tree.

| JSON | text |
|---|---|
| literals | ``true``, ``42``, ``"text"`` (JSON's escapes) |
| array | ``[a, b]`` |
| var | ``payload.v.0.dn``; ``var("…")`` where that is no plain name; ``var("")``: all data |
| if | ``if a then b else c`` |
| and, ! | ``a and b and c``, ``not a`` |
| ===, in | ``a = b``, ``a in b`` |
| <, >, <=, >= | ``a < b``, ``a < b < c`` |
| after, before, not-after, not-before | ``a is after b``, ``a is not after b is not after c`` |
| + | ``a + b`` |
| plusTime | ``a + 14 days``, ``a - 1 year`` |
| the rest | ``reduce(a, b, c)``, ``extractFromUVCI(a, 1)``, ``dccDateOfBirth(a)`` |

From loose to tight: if, and, not, comparisons, sums. Parentheses as usual; white space is free.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

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
from coronapas.certlogic.parsing import as_expression

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    """An expression (a tree, or its JSON) in the notation above, in lines of `width`."""
    return _Layout(width).lay_out(as_expression(expression), LOOSE, 0)


def tightness(expr: Expr) -> int:
    """How tightly the notation of a node binds."""
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
    """A string in JSON's quotes; what cannot be seen is escaped."""
    return json.dumps(text, ensure_ascii=not text.isprintable())


def _path(path: str) -> str:
    if PATH.fullmatch(path) and path not in KEYWORDS | FUNCTIONS:
        return path
    return f"var({quote(path)})"


def _flat(expr: Expr, least: int) -> str:
    """On one line, in parentheses if it binds less tightly than `least`."""
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
