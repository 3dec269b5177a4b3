"""Writing the code of one expression: its statements, variables, and what is known about them.

Conventions: every piece of code that may leave for the interpreter or raise stands in a statement.
The `ast` expressions that are handed about (`Value.code`) can do neither, so that they may stand
anywhere later, in whatever order.
"""

from __future__ import annotations

import ast
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypedDict

from coronapas.certlogic._analysis import (
    BOOLEAN,
    DATE_TIME,
    INTEGER,
    JSON,
    NO_TRUTH,
    NULL,
    STRING,
    Kind,
)
from coronapas.certlogic._expressions import LONG_UVCI, MAX_INTEGER, MAX_STEPS
from coronapas.certlogic._values import equal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# Short ways to build the pieces of a Python syntax tree that the compiler needs.


class _Place(TypedDict):
    """The position of a node in its source: Python requires one, and there is no source."""

    lineno: int
    col_offset: int


_HERE: Final[_Place] = {"lineno": 1, "col_offset": 0}
_LOAD: Final = ast.Load()
_STORE: Final = ast.Store()


def name(identifier: str) -> ast.expr:
    """Return a name that is read."""
    return ast.Name(identifier, _LOAD, **_HERE)


def constant(value: object) -> ast.expr:
    """Return a constant; a frozen set of constants is one too."""
    return ast.Constant(value, **_HERE)  # type: ignore[arg-type]


def assign(identifier: str, value: ast.expr) -> ast.stmt:
    """Return ``identifier = value``."""
    return ast.Assign([ast.Name(identifier, _STORE, **_HERE)], value, **_HERE)


def call(function: str, *arguments: ast.expr) -> ast.expr:
    """Return ``function(*arguments)``."""
    return ast.Call(name(function), list(arguments), [], **_HERE)


def attribute_of(value: ast.expr, attribute: str) -> ast.expr:
    """Return ``value.attribute``."""
    return ast.Attribute(value, attribute, _LOAD, **_HERE)


def method(value: ast.expr, attribute: str, *arguments: ast.expr) -> ast.expr:
    """Return ``value.attribute(*arguments)``."""
    return ast.Call(attribute_of(value, attribute), list(arguments), [], **_HERE)


def subscript(value: ast.expr, key: ast.expr) -> ast.expr:
    """Return ``value[key]``."""
    return ast.Subscript(value, key, _LOAD, **_HERE)


def compare(operators: Sequence[str], operands: Sequence[ast.expr]) -> ast.expr:
    """Return ``a op b op c``, the operators as Python spells them."""
    return ast.Compare(
        operands[0], [_OPERATORS[sign]() for sign in operators], list(operands[1:]), **_HERE
    )


def is_none(value: ast.expr) -> ast.expr:
    """Return ``value is None``."""
    return compare(["is"], [value, constant(None)])


def type_is(value: ast.expr, kind: str, *, negated: bool = False) -> ast.expr:
    """Return ``type(value) is kind``, or ``is not``."""
    return compare(["is not" if negated else "is"], [call("type", value), name(kind)])


def both(*operands: ast.expr) -> ast.expr:
    """Return ``a and b``."""
    return ast.BoolOp(ast.And(), list(operands), **_HERE)


def either(*operands: ast.expr) -> ast.expr:
    """Return ``a or b``."""
    return ast.BoolOp(ast.Or(), list(operands), **_HERE)


def negate(operand: ast.expr) -> ast.expr:
    """Return ``not operand``."""
    return ast.UnaryOp(ast.Not(), operand, **_HERE)


def plus(left: ast.expr, right: ast.expr) -> ast.expr:
    """Return ``left + right``."""
    return ast.BinOp(left, ast.Add(), right, **_HERE)


def times(left: ast.expr, right: ast.expr) -> ast.expr:
    """Return ``left * right``."""
    return ast.BinOp(left, ast.Mult(), right, **_HERE)


def outside(value: ast.expr, bound: int) -> ast.expr:
    """Return ``not -bound <= value <= bound``."""
    return negate(compare(["<=", "<="], [constant(-bound), value, constant(bound)]))


def choose(test: ast.expr, then: ast.expr, otherwise: ast.expr) -> ast.expr:
    """Return ``then if test else otherwise``."""
    return ast.IfExp(test, then, otherwise, **_HERE)


def items(values: Sequence[ast.expr]) -> ast.expr:
    """Return ``[a, b]``."""
    return ast.List(list(values), _LOAD, **_HERE)


def fixed(values: Sequence[ast.expr]) -> ast.expr:
    """Return ``(a, b)``."""
    return ast.Tuple(list(values), _LOAD, **_HERE)


def give(value: ast.expr) -> ast.stmt:
    """Return ``return value``."""
    return ast.Return(value, **_HERE)


def branch(
    test: ast.expr, then: Sequence[ast.stmt], otherwise: Sequence[ast.stmt] = ()
) -> ast.stmt:
    """Return ``if test: … else: …``."""
    return ast.If(test, list(then), list(otherwise), **_HERE)


def loop(identifier: str, items: ast.expr, body: Sequence[ast.stmt]) -> ast.stmt:
    """Return ``for identifier in items: …``."""
    return ast.For(ast.Name(identifier, _STORE, **_HERE), items, list(body), [], **_HERE)


def attempt(body: Sequence[ast.stmt], errors: str, otherwise: Sequence[ast.stmt]) -> ast.stmt:
    """Return ``try: body; except errors: otherwise``."""
    handler = ast.ExceptHandler(name(errors), None, list(otherwise), **_HERE)
    return ast.Try(list(body), [handler], [], [], **_HERE)


def function(identifier: str, parameters: Sequence[str], body: Sequence[ast.stmt]) -> ast.stmt:
    """Return ``def identifier(*parameters): body``; the last parameter defaults to None."""
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


SHARE: Final = MAX_STEPS // 4
"""Of the steps: a share for each way of counting them, so that together they stay within."""

_PYTHON_SIGNS: Final = {
    "after": ">",
    "before": "<",
    "not-after": "<=",
    "not-before": ">=",
    "<": "<",
    ">": ">",
    "<=": "<=",
    ">=": ">=",
}


class NotCompilableError(Exception):
    """An expression that the generator does not take on; it is interpreted instead."""


@dataclass(frozen=True, slots=True)
class Value:
    """A value in the code, and its kind; a `raw` date-time is an integer of milliseconds."""

    code: ast.expr
    kind: Kind
    raw: bool = False


@dataclass(frozen=True, slots=True)
class Scope:
    """What the paths start from: the data, or in a lambda `current` and `accumulator` of a loop."""

    number: int
    root: str | None
    roots: dict[str, tuple[str, Kind]]
    outer: Scope | None


class Emitter:
    """The state of the writing, and what does not depend on the kind of node."""

    def __init__(self) -> None:
        self.block: list[ast.stmt] = []
        self.scope = Scope(0, "data", {}, None)
        # What is in a local variable on this way through the code: paths, the instants of texts.
        self.loaded: dict[tuple[object, ...], str] = {}
        # What is known about local variables on this way.
        self.facts: dict[str, Kind] = {"data": JSON}
        self.locals = 0
        # Whether the code counts steps, or reads date-times, as it runs.
        self.counts = False
        self.reads_dates = False

    # Statements and local variables

    def emit(self, *statements: ast.stmt) -> None:
        """Append statements to the block."""
        self.block.extend(statements)

    def leave_if(self, test: ast.expr) -> None:
        """Leave for the interpreter where the test holds."""
        self.emit(branch(test, [leave_statement()]))

    def leave(self) -> Value:
        """Leave in any case. What follows is never reached, and of no kind."""
        self.emit(leave_statement())
        return Value(constant(None), 0)

    def fresh(self) -> str:
        """Return a name that no other variable has."""
        self.locals += 1
        return f"v{self.locals}"

    def bind(self, value: Value) -> Value:
        """Put a value in a variable, to be read more than once."""
        if isinstance(value.code, (ast.Name, ast.Constant)):
            return value
        local = self.fresh()
        self.emit(assign(local, value.code))
        self.facts[local] = value.kind
        return Value(name(local), value.kind, value.raw)

    def learn(self, value: Value, kind: Kind) -> None:
        """Narrow what is known of a variable to these kinds from here on."""
        if isinstance(value.code, ast.Name):
            self.facts[value.code.id] = self.facts.get(value.code.id, value.kind) & kind

    # Ways through the code

    @contextmanager
    def branching(self) -> Iterator[list[ast.stmt]]:
        """Open a block; what is loaded and learnt in it is forgotten after it."""
        block, loaded, facts = self.block, self.loaded, self.facts
        self.block, self.loaded, self.facts = [], dict(loaded), dict(facts)
        try:
            yield self.block
        finally:
            self.block, self.loaded, self.facts = block, loaded, facts

    @contextmanager
    def continuing(self) -> Iterator[list[ast.stmt]]:
        """Open a block; what is loaded and learnt in it stays."""
        block = self.block
        self.block = []
        try:
            yield self.block
        finally:
            self.block = block

    @contextmanager
    def remembering(self) -> Iterator[None]:
        """Forget what is loaded and learnt within, but keep the block."""
        loaded, facts = self.loaded, self.facts
        self.loaded, self.facts = dict(loaded), dict(facts)
        try:
            yield
        finally:
            self.loaded, self.facts = loaded, facts

    # Values

    def truth(self, value: Value) -> ast.expr:
        """Return a Python test of a bound value's truth, after leaving where it has none."""
        if not value.kind & ~DATE_TIME:
            return self.leave().code
        if value.kind == BOOLEAN or isinstance(value.code, ast.Constant):
            return value.code
        if value.kind & NO_TRUTH:
            self.leave_if(compare(["not in"], [call("type", value.code), name("PLAIN_KINDS")]))
            self.learn(value, ~NO_TRUTH)
        return value.code

    def boxed(self, value: Value) -> ast.expr:
        """Return a value as it stands among values of unknown kinds."""
        return call("Instant", value.code) if value.raw else value.code

    # Paths

    def load(self, scope: Scope, path: str) -> Value:
        """Return the variable that holds what a path leads to."""
        if not path:
            if scope.root is None:
                return self.leave()
            return Value(name(scope.root), self.facts[scope.root])
        key = (scope.number, path)
        if (local := self.loaded.get(key)) is not None:
            return Value(name(local), self.facts[local])
        parent_path, _, fragment = path.rpartition(".")
        if scope.root is None:
            first, _, rest = path.partition(".")
            if first == "data" and scope.outer is not None:
                return self.load(scope.outer, rest)
            if not parent_path:
                local, kind = scope.roots.get(first, ("", NULL))
                return Value(name(local) if local else constant(None), kind)
        parent = self.load(scope, parent_path)
        if isinstance(parent.code, ast.Constant):
            # Nothing of a lambda's: null, and so is all below it.
            return parent
        local = self.fresh()
        self.step(local, parent, fragment)
        self.loaded[key] = local
        self.facts[local] = JSON
        return Value(name(local), JSON)

    def step(self, local: str, parent: Value, fragment: str) -> None:
        """Put what one fragment of a path leads to into a variable."""
        code = parent.code
        nullable = bool(parent.kind & NULL) and not (
            isinstance(code, ast.Name) and code.id == "data"
        )
        if not (fragment.isascii() and fragment.isdigit()):
            found = method(code, "get", constant(fragment))
            if nullable:
                found = choose(is_none(code), constant(None), found)
            self.emit(assign(local, found))
            return
        index = int(fragment[:9])
        if len(fragment) > 9:
            self.leave()
        enough = compare([">"], [call("len", code), constant(index)]) if index else code
        item = choose(enough, subscript(code, constant(index)), constant(None))
        otherwise = [leave_statement()]
        if nullable:
            otherwise = [branch(is_none(code), [assign(local, constant(None))], otherwise)]
        self.emit(branch(type_is(code, "list"), [assign(local, item)], otherwise))

    # Equality

    def equality(self, left: Value, right: Value) -> ast.expr:
        """Return the code of `===`."""
        if isinstance(left.code, ast.Constant):
            left, right = right, left
        if left.raw or right.raw or not left.kind & right.kind:
            # New date-times are equal to nothing; and what is of different kinds is not equal.
            # (1 and 1.0 are: a fraction's kind is only ever among all of JSON's.)
            return constant(False)
        if isinstance(right.code, ast.Constant):
            return self.equals_constant(self.bind(left), right.code)
        if left.kind == right.kind and left.kind in (BOOLEAN, INTEGER, STRING):
            return compare(["=="], [left.code, right.code])
        return call("equal", left.code, right.code)

    def equals_constant(self, value: Value, literal: ast.Constant) -> ast.expr:
        """Return the code of `===` with a literal."""
        expected = literal.value
        if isinstance(value.code, ast.Constant):
            return constant(equal(value.code.value, expected))
        if isinstance(expected, bool):
            return compare(["is"], [value.code, literal])
        same = compare(["=="], [value.code, literal])
        if expected in (0, 1) and value.kind != INTEGER:
            same = both(same, type_is(value.code, "bool", negated=True))
        return same

    # Integers, date-times, identifiers

    def sum(self, left: ast.expr, right: ast.expr) -> Value:
        """Return the code of `+`."""
        total = self.bind(Value(plus(left, right), INTEGER))
        self.leave_if(outside(total.code, MAX_INTEGER))
        return total

    def comparison(self, operator: str, operands: Sequence[ast.expr]) -> Value:
        """Return the comparison of 2 or 3 operands, in Python's operators."""
        signs = [_PYTHON_SIGNS[operator]] * (len(operands) - 1)
        return Value(compare(signs, operands), BOOLEAN)

    def milliseconds(self, value: Value) -> ast.expr:
        """Return a date-time as an integer."""
        if value.raw:
            return value.code
        if not value.kind & DATE_TIME:
            return self.leave().code
        value = self.bind(value)
        self.leave_if(type_is(value.code, "Instant", negated=True))
        return attribute_of(value.code, "milliseconds")

    def read(self, text: Value) -> Value:
        """Return the instant of a text, which `dates` reads or remembers; otherwise it raises."""
        text = self.bind(text)
        if not text.kind & STRING:
            return self.leave_for_date_time()
        key = ("instant", text.code.id if isinstance(text.code, ast.Name) else text.code)
        if (local := self.loaded.get(key)) is None:
            local = self.loaded[key] = self.fresh()
            self.reads_dates = True
            self.emit(assign(local, subscript(name("dates"), text.code)))
            self.learn(text, STRING)
        return Value(name(local), DATE_TIME, raw=True)

    def leave_for_date_time(self) -> Value:
        """Leave in any case, where a date-time was wanted."""
        self.leave()
        return Value(constant(0), DATE_TIME, raw=True)

    def uvci(self, value: Value, index: int) -> Value:
        """Return the code of `extractFromUVCI`."""
        if not value.kind & (STRING | NULL):
            return self.leave()
        if value.kind & ~(STRING | NULL):
            self.leave_if(
                both(
                    compare(["is not"], [value.code, constant(None)]),
                    type_is(value.code, "str", negated=True),
                )
            )
            self.learn(value, STRING | NULL)
        if isinstance(value.code, ast.Constant):
            if len(str(value.code.value)) > LONG_UVCI:
                return self.leave()
        else:
            length = call("len", value.code)
            present = compare(["is not"], [value.code, constant(None)])
            too_long = compare([">"], [length, constant(LONG_UVCI)])
            self.leave_if(both(present, too_long) if value.kind & NULL else too_long)
        code = call("uvci_fragment", value.code, constant(index))
        return self.bind(Value(code, STRING | NULL))

    # Steps

    def count(self, steps: ast.expr) -> None:
        """Count steps within a loop; leave when there are too many."""
        self.counts = True
        self.emit(assign("steps", plus(name("steps"), steps)))
        self.leave_if(compare([">"], [name("steps"), constant(SHARE)]))


def leave_statement() -> ast.stmt:
    """Return ``return slow(data, dates)``."""
    return give(call("slow", name("data"), name("dates")))
