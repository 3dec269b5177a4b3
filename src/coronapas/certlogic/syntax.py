"""Short ways to build the pieces of a Python syntax tree that the compiler needs."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final, TypedDict

if TYPE_CHECKING:
    from collections.abc import Sequence


class _Place(TypedDict):
    """Where a node stands in its source; there is none, but Python asks."""

    lineno: int
    col_offset: int


_HERE: Final[_Place] = {"lineno": 1, "col_offset": 0}
_LOAD: Final = ast.Load()
_STORE: Final = ast.Store()


def name(identifier: str) -> ast.expr:
    """A name that is read."""
    return ast.Name(identifier, _LOAD, **_HERE)


def constant(value: object) -> ast.expr:
    """A constant; a frozen set of constants is one too."""
    return ast.Constant(value, **_HERE)  # type: ignore[arg-type]


def assign(identifier: str, value: ast.expr) -> ast.stmt:
    """``identifier = value``."""
    return ast.Assign([ast.Name(identifier, _STORE, **_HERE)], value, **_HERE)


def call(function: str, *arguments: ast.expr) -> ast.expr:
    """``function(*arguments)``."""
    return ast.Call(name(function), list(arguments), [], **_HERE)


def attribute_of(value: ast.expr, attribute: str) -> ast.expr:
    """``value.attribute``."""
    return ast.Attribute(value, attribute, _LOAD, **_HERE)


def method(value: ast.expr, attribute: str, *arguments: ast.expr) -> ast.expr:
    """``value.attribute(*arguments)``."""
    return ast.Call(attribute_of(value, attribute), list(arguments), [], **_HERE)


def subscript(value: ast.expr, key: ast.expr) -> ast.expr:
    """``value[key]``."""
    return ast.Subscript(value, key, _LOAD, **_HERE)


def compare(operators: Sequence[str], operands: Sequence[ast.expr]) -> ast.expr:
    """``a op b op c``, the operators as Python spells them."""
    return ast.Compare(
        operands[0], [_OPERATORS[sign]() for sign in operators], list(operands[1:]), **_HERE
    )


def is_none(value: ast.expr) -> ast.expr:
    """``value is None``."""
    return compare(["is"], [value, constant(None)])


def type_is(value: ast.expr, kind: str, *, negated: bool = False) -> ast.expr:
    """``type(value) is kind``, or ``is not``."""
    return compare(["is not" if negated else "is"], [call("type", value), name(kind)])


def both(*operands: ast.expr) -> ast.expr:
    """``a and b``."""
    return ast.BoolOp(ast.And(), list(operands), **_HERE)


def either(*operands: ast.expr) -> ast.expr:
    """``a or b``."""
    return ast.BoolOp(ast.Or(), list(operands), **_HERE)


def negate(operand: ast.expr) -> ast.expr:
    """``not operand``."""
    return ast.UnaryOp(ast.Not(), operand, **_HERE)


def plus(left: ast.expr, right: ast.expr) -> ast.expr:
    """``left + right``."""
    return ast.BinOp(left, ast.Add(), right, **_HERE)


def times(left: ast.expr, right: ast.expr) -> ast.expr:
    """``left * right``."""
    return ast.BinOp(left, ast.Mult(), right, **_HERE)


def outside(value: ast.expr, bound: int) -> ast.expr:
    """``not -bound <= value <= bound``."""
    return negate(compare(["<=", "<="], [constant(-bound), value, constant(bound)]))


def choose(test: ast.expr, then: ast.expr, otherwise: ast.expr) -> ast.expr:
    """``then if test else otherwise``."""
    return ast.IfExp(test, then, otherwise, **_HERE)


def items(values: Sequence[ast.expr]) -> ast.expr:
    """``[a, b]``."""
    return ast.List(list(values), _LOAD, **_HERE)


def fixed(values: Sequence[ast.expr]) -> ast.expr:
    """``(a, b)``."""
    return ast.Tuple(list(values), _LOAD, **_HERE)


def give(value: ast.expr) -> ast.stmt:
    """``return value``."""
    return ast.Return(value, **_HERE)


def branch(
    test: ast.expr, then: Sequence[ast.stmt], otherwise: Sequence[ast.stmt] = ()
) -> ast.stmt:
    """``if test: … else: …``."""
    return ast.If(test, list(then), list(otherwise), **_HERE)


def loop(identifier: str, items: ast.expr, body: Sequence[ast.stmt]) -> ast.stmt:
    """``for identifier in items: …``."""
    return ast.For(ast.Name(identifier, _STORE, **_HERE), items, list(body), [], **_HERE)


def attempt(body: Sequence[ast.stmt], errors: str, otherwise: Sequence[ast.stmt]) -> ast.stmt:
    """``try: body; except errors: otherwise``."""
    handler = ast.ExceptHandler(name(errors), None, list(otherwise), **_HERE)
    return ast.Try(list(body), [handler], [], [], **_HERE)


def function(identifier: str, parameters: Sequence[str], body: Sequence[ast.stmt]) -> ast.stmt:
    """``def identifier(*parameters): body``; the last parameter is None unless it is given."""
    arguments = ast.arguments(
        posonlyargs=[],
        args=[ast.arg(parameter, **_HERE) for parameter in parameters],
        kwonlyargs=[],
        kw_defaults=[],
        defaults=[constant(None)],
    )
    return ast.FunctionDef(identifier, arguments, list(body), [], **_HERE)


_OPERATORS: Final[dict[str, type[ast.cmpop]]] = {
    "==": ast.Eq,
    "<": ast.Lt,
    "<=": ast.LtE,
    ">": ast.Gt,
    ">=": ast.GtE,
    "is": ast.Is,
    "is not": ast.IsNot,
    "in": ast.In,
    "not in": ast.NotIn,
}
