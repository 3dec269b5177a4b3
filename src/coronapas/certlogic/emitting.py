"""Writing the code of one expression: its statements, variables, and what is known about them.

Conventions: every piece of code that may leave for the interpreter or raise stands in a statement.
The `ast` expressions that are handed about (`Value.code`) can do neither, so that they may stand
anywhere later, in whatever order.
"""

from __future__ import annotations

import ast
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from coronapas.certlogic import syntax as py
from coronapas.certlogic.bounds import LONG_UVCI, MAX_INTEGER, MAX_STEPS
from coronapas.certlogic.kinds import (
    BOOLEAN,
    DATE_TIME,
    INTEGER,
    JSON,
    NO_TRUTH,
    NULL,
    STRING,
    Kind,
)
from coronapas.certlogic.values import equal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

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
        self.emit(py.branch(test, [leave_statement()]))

    def leave(self) -> Value:
        """Leave in any case. What follows is never reached, and of no kind."""
        self.emit(leave_statement())
        return Value(py.constant(None), 0)

    def fresh(self) -> str:
        """A name that no other variable has."""
        self.locals += 1
        return f"v{self.locals}"

    def bind(self, value: Value) -> Value:
        """The value in a variable, to be read more than once."""
        if isinstance(value.code, (ast.Name, ast.Constant)):
            return value
        local = self.fresh()
        self.emit(py.assign(local, value.code))
        self.facts[local] = value.kind
        return Value(py.name(local), value.kind, value.raw)

    def learn(self, value: Value, kind: Kind) -> None:
        """From here on the variable is known to be of one of these kinds."""
        if isinstance(value.code, ast.Name):
            self.facts[value.code.id] = self.facts.get(value.code.id, value.kind) & kind

    # Ways through the code

    @contextmanager
    def branching(self) -> Iterator[list[ast.stmt]]:
        """A block of its own; what is loaded and learnt in it is forgotten after it."""
        block, loaded, facts = self.block, self.loaded, self.facts
        self.block, self.loaded, self.facts = [], dict(loaded), dict(facts)
        try:
            yield self.block
        finally:
            self.block, self.loaded, self.facts = block, loaded, facts

    @contextmanager
    def continuing(self) -> Iterator[list[ast.stmt]]:
        """A block of its own; what is loaded and learnt in it stays."""
        block = self.block
        self.block = []
        try:
            yield self.block
        finally:
            self.block = block

    @contextmanager
    def remembering(self) -> Iterator[None]:
        """What is loaded and learnt within is forgotten after it, the block stays."""
        loaded, facts = self.loaded, self.facts
        self.loaded, self.facts = dict(loaded), dict(facts)
        try:
            yield
        finally:
            self.loaded, self.facts = loaded, facts

    # Values

    def truth(self, value: Value) -> ast.expr:
        """A Python test of a bound value's truth, after leaving where it has none."""
        if not value.kind & ~DATE_TIME:
            return self.leave().code
        if value.kind == BOOLEAN or isinstance(value.code, ast.Constant):
            return value.code
        if value.kind & NO_TRUTH:
            self.leave_if(
                py.compare(["not in"], [py.call("type", value.code), py.name("PLAIN_KINDS")])
            )
            self.learn(value, ~NO_TRUTH)
        return value.code

    def boxed(self, value: Value) -> ast.expr:
        """A value as it stands among values of unknown kinds."""
        return py.call("Instant", value.code) if value.raw else value.code

    # Paths

    def load(self, scope: Scope, path: str) -> Value:
        """The variable that holds what a path leads to."""
        if not path:
            if scope.root is None:
                return self.leave()
            return Value(py.name(scope.root), self.facts[scope.root])
        key = (scope.number, path)
        if (local := self.loaded.get(key)) is not None:
            return Value(py.name(local), self.facts[local])
        parent_path, _, fragment = path.rpartition(".")
        if scope.root is None:
            first, _, rest = path.partition(".")
            if first == "data" and scope.outer is not None:
                return self.load(scope.outer, rest)
            if not parent_path:
                local, kind = scope.roots.get(first, ("", NULL))
                return Value(py.name(local) if local else py.constant(None), kind)
        parent = self.load(scope, parent_path)
        if isinstance(parent.code, ast.Constant):
            # Nothing of a lambda's: null, and so is all below it.
            return parent
        local = self.fresh()
        self.step(local, parent, fragment)
        self.loaded[key] = local
        self.facts[local] = JSON
        return Value(py.name(local), JSON)

    def step(self, local: str, parent: Value, fragment: str) -> None:
        """Put what one fragment of a path leads to into a variable."""
        code = parent.code
        nullable = bool(parent.kind & NULL) and not (
            isinstance(code, ast.Name) and code.id == "data"
        )
        if not (fragment.isascii() and fragment.isdigit()):
            found = py.method(code, "get", py.constant(fragment))
            if nullable:
                found = py.choose(py.is_none(code), py.constant(None), found)
            self.emit(py.assign(local, found))
            return
        index = int(fragment[:9])
        if len(fragment) > 9:
            self.leave()
        enough = py.compare([">"], [py.call("len", code), py.constant(index)]) if index else code
        item = py.choose(enough, py.subscript(code, py.constant(index)), py.constant(None))
        otherwise = [leave_statement()]
        if nullable:
            otherwise = [
                py.branch(py.is_none(code), [py.assign(local, py.constant(None))], otherwise)
            ]
        self.emit(py.branch(py.type_is(code, "list"), [py.assign(local, item)], otherwise))

    # Equality

    def equality(self, left: Value, right: Value) -> ast.expr:
        """`===`."""
        if isinstance(left.code, ast.Constant):
            left, right = right, left
        if left.raw or right.raw or not left.kind & right.kind:
            # New date-times are equal to nothing; and what is of different kinds is not equal.
            # (1 and 1.0 are: a fraction's kind is only ever among all of JSON's.)
            return py.constant(False)
        if isinstance(right.code, ast.Constant):
            return self.equals_constant(self.bind(left), right.code)
        if left.kind == right.kind and left.kind in (BOOLEAN, INTEGER, STRING):
            return py.compare(["=="], [left.code, right.code])
        return py.call("equal", left.code, right.code)

    def equals_constant(self, value: Value, constant: ast.Constant) -> ast.expr:
        """`===` with a literal."""
        expected = constant.value
        if isinstance(value.code, ast.Constant):
            return py.constant(equal(value.code.value, expected))
        if isinstance(expected, bool):
            return py.compare(["is"], [value.code, constant])
        same = py.compare(["=="], [value.code, constant])
        if expected in (0, 1) and value.kind != INTEGER:
            same = py.both(same, py.type_is(value.code, "bool", negated=True))
        return same

    # Integers, date-times, identifiers

    def sum(self, left: ast.expr, right: ast.expr) -> Value:
        """`+`."""
        total = self.bind(Value(py.plus(left, right), INTEGER))
        self.leave_if(py.outside(total.code, MAX_INTEGER))
        return total

    def comparison(self, operator: str, operands: Sequence[ast.expr]) -> Value:
        """A comparison of 2 or 3, in Python's signs."""
        signs = [_PYTHON_SIGNS[operator]] * (len(operands) - 1)
        return Value(py.compare(signs, operands), BOOLEAN)

    def milliseconds(self, value: Value) -> ast.expr:
        """A date-time as an integer."""
        if value.raw:
            return value.code
        if not value.kind & DATE_TIME:
            return self.leave().code
        value = self.bind(value)
        self.leave_if(py.type_is(value.code, "Instant", negated=True))
        return py.attribute_of(value.code, "milliseconds")

    def read(self, text: Value) -> Value:
        """The instant of a text, which `dates` reads or remembers; else it raises."""
        text = self.bind(text)
        if not text.kind & STRING:
            return self.leave_for_date_time()
        key = ("instant", text.code.id if isinstance(text.code, ast.Name) else text.code)
        if (local := self.loaded.get(key)) is None:
            local = self.loaded[key] = self.fresh()
            self.reads_dates = True
            self.emit(py.assign(local, py.subscript(py.name("dates"), text.code)))
            self.learn(text, STRING)
        return Value(py.name(local), DATE_TIME, raw=True)

    def leave_for_date_time(self) -> Value:
        """Leave in any case, where a date-time was wanted."""
        self.leave()
        return Value(py.constant(0), DATE_TIME, raw=True)

    def uvci(self, value: Value, index: int) -> Value:
        """`extractFromUVCI`."""
        if not value.kind & (STRING | NULL):
            return self.leave()
        if value.kind & ~(STRING | NULL):
            self.leave_if(
                py.both(
                    py.compare(["is not"], [value.code, py.constant(None)]),
                    py.type_is(value.code, "str", negated=True),
                )
            )
            self.learn(value, STRING | NULL)
        if isinstance(value.code, ast.Constant):
            if len(str(value.code.value)) > LONG_UVCI:
                return self.leave()
        else:
            length = py.call("len", value.code)
            present = py.compare(["is not"], [value.code, py.constant(None)])
            too_long = py.compare([">"], [length, py.constant(LONG_UVCI)])
            self.leave_if(py.both(present, too_long) if value.kind & NULL else too_long)
        code = py.call("uvci_fragment", value.code, py.constant(index))
        return self.bind(Value(code, STRING | NULL))

    # Steps

    def count(self, steps: ast.expr) -> None:
        """Count steps within a loop; leave when there are too many."""
        self.counts = True
        self.emit(py.assign("steps", py.plus(py.name("steps"), steps)))
        self.leave_if(py.compare([">"], [py.name("steps"), py.constant(SHARE)]))


def leave_statement() -> ast.stmt:
    """``return slow(data, dates)``."""
    return py.give(py.call("slow", py.name("data"), py.name("dates")))
