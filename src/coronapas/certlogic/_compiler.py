"""From an expression to a Python function: the fast way through well-formed data.

The function returns what `evaluate` returns and raises what it raises. Its code object comes from a
syntax tree (`ast`), never from text: nothing of an expression, its paths and strings included, is
ever read as Python.

The code covers the usual data and leaves (`return slow(data, dates)`) at the first value that it
was not made for: a wrong kind, a fraction, an array longer than expected, an object in place of an
array. The interpreter then evaluates the expression from the start; it knows every case and words
every refusal. Nothing in an expression has side effects, so starting again changes nothing.

Three things make the code fast. Each path is read once on each way through the code, with its
prefixes shared, and each text is read as a date-time once; what is statically known about a value's
kind (`coronapas.certlogic._analysis`) leaves its checks out; and `if` and `and` become Python's own
branches. `coronapas.certlogic._emitter` has the conventions of the code. Whether this is worth its
lines is decision 0011.
"""

from __future__ import annotations

import ast
import builtins
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Protocol, assert_never

from coronapas.certlogic import _emitter as py
from coronapas.certlogic._analysis import (
    ANY,
    ARRAY,
    BOOLEAN,
    DATE_TIME,
    INTEGER,
    NO_TRUTH,
    NULL,
    STRING,
    Kind,
    Kinds,
    builds,
    of_literal,
)
from coronapas.certlogic._emitter import (
    SHARE,
    Emitter,
    NotCompilableError,
    Scope,
    Value,
    leave_statement,
)
from coronapas.certlogic._evaluation import evaluate
from coronapas.certlogic._expressions import (
    And,
    Array,
    CompareDateTimes,
    CompareIntegers,
    DateTimeError,
    DccDateOfBirth,
    Equal,
    EvaluationError,
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
    size,
    walk,
    weight,
)
from coronapas.certlogic._parser import as_expression
from coronapas.certlogic._values import (
    MAX_MILLISECONDS,
    PLAIN_KINDS,
    UNIT_MILLISECONDS,
    UNIT_MONTHS,
    Dates,
    Instant,
    add,
    add_months,
    equal,
    member,
    parse,
    parse_birth_date,
    present,
    to_datetime,
    uvci_fragment,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_LOOPS: Final = 8
"""The deepest nesting of `reduce` that is compiled; Python itself ends at 20 nested blocks."""

_MAX_TEXT_DATE: Final = 400_000_000_000_000
"""No text that can be read lies further from 1970 than this, in milliseconds."""


def generate(expr: Expr) -> list[ast.stmt]:
    """Return the body of the function for an expression; each way through it ends in a `return`.

    Raises:
        NotCompilableError: the expression is left to the interpreter.

    """
    generator = _Generator(expr)
    generator.tail(expr)
    if generator.static_steps > SHARE:
        raise NotCompilableError
    before: list[ast.stmt] = []
    if generator.reads_dates:
        unset = py.is_none(py.name("dates"))
        before.append(py.branch(unset, [py.assign("dates", py.call("Dates"))]))
    if generator.counts:
        before.append(py.assign("steps", py.constant(0)))
    return before + generator.block


class _Generator(Emitter):
    """The code for each kind of node."""

    def __init__(self, expr: Expr) -> None:
        super().__init__()
        self.kinds = Kinds()
        self.builds = builds(expr)
        # What is loaded and known once an `and` has been found true.
        self.conjunctions: dict[int, tuple[dict[tuple[object, ...], str], dict[str, Kind]]] = {}
        self.loops = 0
        self.scopes = 0
        self.static_steps = 0
        searches = sum(1 for node in walk(expr) if isinstance(node, In))
        self.search_limit = SHARE // max(1, searches)

    def kind_of(self, expr: Expr) -> Kind:
        return self.kinds.of(expr, in_lambda=self.loops > 0)

    # Returning

    def tail(self, expr: Expr) -> None:
        """Emit code that returns what the expression gives."""
        match expr:
            case If(guard, then, otherwise):
                test = self.test(guard)
                with self.branching() as yes:
                    self.assume(guard, holds=True)
                    self.tail(then)
                with self.branching() as no:
                    self.assume(guard, holds=False)
                    self.tail(otherwise)
                self.emit(py.branch(test, yes), *no)
            case And(operands):
                for operand in operands:
                    value = self.bind(self.value(operand))
                    test = self.truth(value)
                    if operand is not operands[-1]:
                        with self.branching() as leaving:
                            self.give(value)
                        self.emit(py.branch(py.negate(test), leaving))
                        self.assume(operand, holds=True)
                    else:
                        self.give(value)
            case _:
                self.give(self.value(expr))

    def give(self, value: Value) -> None:
        code = value.code
        if value.raw:
            code = py.call("to_datetime", code)
        elif self.builds and value.kind & (ARRAY | DATE_TIME):
            code = py.call("present", code)
        self.emit(py.give(code))

    # Truth

    def test(self, expr: Expr) -> ast.expr:
        """Return a Python test of an expression's truth."""
        match expr:
            case Not(operand):
                return py.negate(self.test(operand))
            case And():
                return self.all_true(expr)
            case _:
                value = self.value(expr)
                return self.truth(value if value.kind == BOOLEAN else self.bind(value))

    def all_true(self, expr: And) -> ast.expr:
        operands = expr.operands
        test = self.test(operands[0])
        with self.remembering():
            local = ""
            for before, operand in pairwise(operands):
                self.assume(before, holds=True)
                with self.continuing() as block:
                    following = self.test(operand)
                if not block:
                    test = py.both(test, following)
                    continue
                if not local or not isinstance(test, ast.Name):
                    local = local or self.fresh()
                    self.emit(py.assign(local, test))
                test = py.name(local)
                self.emit(py.branch(test, [*block, py.assign(local, following)]))
            self.assume(operands[-1], holds=True)
            # Where all operands are true, all of this code has run.
            self.conjunctions[id(expr)] = (self.loaded, self.facts)
        return test

    def assume(self, guard: Expr, *, holds: bool) -> None:
        """Learn from the outcome of a guard: a path that is truthy leads somewhere."""
        match guard:
            case Var(path):
                local = self.loaded.get((self.scope.number, path))
                if holds and local is not None:
                    self.facts[local] = self.facts.get(local, ANY) & ~NULL
            case Not(operand):
                self.assume(operand, holds=not holds)
            case And() if holds and id(guard) in self.conjunctions:
                loaded, facts = self.conjunctions[id(guard)]
                self.loaded.update(loaded)
                self.facts.update(facts)
            case _:
                pass

    # Values

    def value(self, expr: Expr) -> Value:
        """Return the value of an expression, after emitting the statements that it needs."""
        match expr:
            case Literal(value):
                return Value(py.constant(value), of_literal(value))
            case Array(items):
                codes = [self.boxed(self.value(item)) for item in items]
                return Value(py.items(codes), ARRAY)
            case Var(path):
                return self.load(self.scope, path)
            case If():
                return self.if_value(expr)
            case And():
                return self.and_value(expr)
            case Not(operand):
                return Value(py.negate(self.test(operand)), BOOLEAN)
            case Equal(left, right):
                return Value(self.equality(self.value(left), self.value(right)), BOOLEAN)
            case In(left, right):
                return Value(self.membership(self.bind(self.value(left)), right), BOOLEAN)
            case Plus(left, right):
                return self.sum(self.integer(left), self.integer(right))
            case CompareIntegers(operator, operands):
                return self.comparison(operator, [self.integer(operand) for operand in operands])
            case CompareDateTimes(operator, operands):
                return self.comparison(operator, [self.instant(operand) for operand in operands])
            case PlusTime():
                return self.plus_time(expr)
            case DccDateOfBirth(operand):
                return self.birth_date(operand)
            case ExtractFromUVCI(operand, index):
                return self.uvci(self.bind(self.value(operand)), index)
            case Reduce():
                return self.reduce(expr)
            case _:
                assert_never(expr)

    def if_value(self, expr: If) -> Value:
        # Where both branches are date-times, they stay integers.
        raw, local = self.kind_of(expr) == DATE_TIME, self.fresh()
        test, kind = self.test(expr.guard), 0
        blocks = []
        for part, holds in ((expr.then, True), (expr.otherwise, False)):
            with self.branching() as block:
                self.assume(expr.guard, holds=holds)
                value = self.value(part)
                code = self.milliseconds(value) if raw else self.boxed(value)
                self.emit(py.assign(local, code))
            kind |= value.kind
            blocks.append(block)
        self.emit(py.branch(test, blocks[0], blocks[1]))
        self.facts[local] = kind
        return Value(py.name(local), kind, raw)

    def and_value(self, expr: And) -> Value:
        if all(self.kind_of(operand) == BOOLEAN for operand in expr.operands):
            return Value(self.all_true(expr), BOOLEAN)
        local, kind = self.fresh(), 0
        with self.remembering():
            for position, operand in enumerate(expr.operands):
                with self.continuing() as block:
                    value = self.bind(self.value(operand))
                    self.truth(value)
                    self.emit(py.assign(local, self.boxed(value)))
                kind |= value.kind & ~NO_TRUTH
                self.emit(*(block if position == 0 else [py.branch(py.name(local), block)]))
                self.assume(operand, holds=True)
        self.facts[local] = kind
        return Value(py.name(local), kind)

    # Membership

    def membership(self, value: Value, array: Expr) -> ast.expr:
        if isinstance(array, Array):
            return self.membership_of_literal(value, array)
        found = self.bind(self.value(array))
        if not found.kind & ARRAY:
            self.leave()
        length = py.call("len", found.code)
        limit = self.search_limit
        self.leave_if(
            py.either(
                py.type_is(found.code, "list", negated=True),
                py.compare([">"], [length, py.constant(limit)]),
            )
        )
        if self.loops:
            self.count(length)
        if value.raw:
            return py.constant(False)
        plain = py.compare(["in"], [value.code, found.code])
        if value.kind == STRING:
            return plain
        general = py.call("member", value.code, found.code)
        return py.choose(py.type_is(value.code, "str"), plain, general)

    def membership_of_literal(self, value: Value, array: Array) -> ast.expr:
        if self.loops:
            self.count(py.constant(len(array.items)))
        else:
            self.static_steps += len(array.items)
        texts = [item.value for item in array.items if isinstance(item, Literal)]
        if len(texts) == len(array.items) and all(isinstance(text, str) for text in texts):
            if value.raw or not value.kind & STRING:
                return py.constant(False)
            if value.kind != STRING:
                # What cannot be looked up in a set (arrays, objects) is equal to no string.
                test = py.type_is(value.code, "str")
                return py.both(
                    test, py.compare(["in"], [value.code, py.constant(frozenset(texts))])
                )
            return py.compare(["in"], [value.code, py.constant(frozenset(texts))])
        items = [self.boxed(self.value(item)) for item in array.items]
        if value.raw:
            return py.constant(False)
        return py.call("member", value.code, py.fixed(items))

    # Integers

    def integer(self, expr: Expr) -> ast.expr:
        value = self.bind(self.value(expr))
        if value.kind == INTEGER:
            return value.code
        if not value.kind & INTEGER:
            return self.leave().code
        self.leave_if(py.type_is(value.code, "int", negated=True))
        self.learn(value, INTEGER)
        return value.code

    # Date-times

    def instant(self, expr: Expr) -> ast.expr:
        return self.milliseconds(self.value(expr))

    def plus_time(self, expr: PlusTime) -> Value:
        if isinstance(expr.operand, Literal):
            try:
                instant = add(parse(expr.operand.value), expr.amount, expr.unit)
            except DateTimeError:
                return self.leave_for_date_time()
            return Value(py.constant(instant), DATE_TIME, raw=True)
        start = self.read(self.value(expr.operand))
        if not expr.amount:
            return start
        if expr.unit in UNIT_MONTHS:
            months = py.constant(expr.amount * UNIT_MONTHS[expr.unit])
            moved = Value(py.call("add_months", start.code, months), DATE_TIME, raw=True)
            return self.bind(moved)
        gap = expr.amount * UNIT_MILLISECONDS[expr.unit]
        moved = Value(py.plus(start.code, py.constant(gap)), DATE_TIME, raw=True)
        if abs(gap) + _MAX_TEXT_DATE > MAX_MILLISECONDS:
            moved = self.bind(moved)
            self.leave_if(py.outside(moved.code, MAX_MILLISECONDS))
        return moved

    def birth_date(self, operand: Expr) -> Value:
        if isinstance(operand, Literal):
            try:
                instant = parse_birth_date(operand.value)
            except DateTimeError:
                return self.leave_for_date_time()
            return Value(py.constant(instant), DATE_TIME, raw=True)
        text = self.bind(self.value(operand))
        if not text.kind & STRING:
            return self.leave_for_date_time()
        instant_of_text = self.read(text)
        # Longer texts are date-times, which no date of birth is.
        self.leave_if(py.compare([">"], [py.call("len", text.code), py.constant(10)]))
        return instant_of_text

    # Reduce

    def reduce(self, expr: Reduce) -> Value:
        if self.loops >= MAX_LOOPS:
            raise NotCompilableError
        items, item_kind = self.items(expr)
        initial = self.value(expr.initial)
        lambda_kind = self.kinds.of(expr.lambda_, in_lambda=True)
        kind = initial.kind | lambda_kind
        accumulator, current, outer = self.fresh(), self.fresh(), self.scope
        self.emit(py.assign(accumulator, self.boxed(initial)))
        with self.branching() as body:
            self.enter(accumulator, kind, current, item_kind)
            result = self.value(expr.lambda_)
            self.emit(py.assign(accumulator, self.boxed(result)))
            self.loops -= 1
            self.scope = outer
        self.emit(py.loop(current, items, body))
        self.facts[accumulator] = kind
        return Value(py.name(accumulator), kind)

    def enter(self, accumulator: str, kind: Kind, current: str, item_kind: Kind) -> None:
        """Enter the scope of a lambda."""
        self.scopes += 1
        self.loops += 1
        roots = {"accumulator": (accumulator, kind), "current": (current, item_kind)}
        self.scope = Scope(self.scopes, None, roots, self.scope)
        self.facts[accumulator], self.facts[current] = kind, item_kind

    def items(self, expr: Reduce) -> tuple[ast.expr, Kind]:
        """Return what the loop goes through, and its kinds; its steps are counted."""
        each = weight(expr.lambda_)
        if isinstance(expr.operand, Array):
            values = [self.value(item) for item in expr.operand.items]
            steps = len(values) * each
            if self.loops:
                self.count(py.constant(steps))
            else:
                self.static_steps += steps
            kind = 0
            for value in values:
                kind |= value.kind
            return py.fixed([self.boxed(value) for value in values]), kind
        operand = self.bind(self.value(expr.operand))
        if not operand.kind & (ARRAY | NULL):
            operand = self.leave()
        absent = py.is_none(operand.code)
        self.leave_if(py.negate(py.either(py.type_is(operand.code, "list"), absent)))
        items = self.bind(Value(py.either(operand.code, py.fixed([])), ARRAY))
        length = py.call("len", items.code)
        self.count(py.times(length, py.constant(each)))
        return items.code, ANY


MAX_COMPILED_NODES: Final = 4096
"""Larger expressions are interpreted; the time to compile stays below a second."""


class CompiledExpression(Protocol):
    """A function of the data and, optionally, of the `Dates` of a decision."""

    def __call__(self, data: Any, dates: Dates | None = None) -> Any:
        """Return what `evaluate` returns for the expression, and raise what it raises."""


def compile(expression: object) -> CompiledExpression:  # noqa: A001 - the language's own word for it
    """Return a function that evaluates an expression (a tree, or its JSON) faster than `evaluate`.

    For an expression of more than 4,096 nodes, or with `reduce` nested more than 8 deep, the
    function returned interprets it.

    Raises:
        InvalidExpressionError: The JSON is not an expression.
        LimitError: The expression is beyond a limit.

    """
    expr = as_expression(expression)
    slow = _interpreter(expr)
    if size(expr) > MAX_COMPILED_NODES:
        return slow
    try:
        tree = syntax_tree(expr)
        code = builtins.compile(tree, "<certlogic>", "exec")
    except (NotCompilableError, RecursionError, MemoryError):
        return slow
    names: dict[str, Any] = {**_NAMES, "slow": slow}
    exec(code, names)  # noqa: S102 - a code object made from a tree of our own
    compiled: CompiledExpression = names["evaluate_compiled"]
    return compiled


def syntax_tree(expr: Expr) -> ast.Module:
    """Return the module that defines the function; `ast.unparse` shows it.

    Raises:
        NotCompilableError: the generator does not take the expression on.

    """
    body = [py.attempt(generate(expr), "SURPRISES", [leave_statement()])]
    return ast.Module([py.function("evaluate_compiled", ["data", "dates"], body)], [])


def _interpreter(expr: Expr) -> CompiledExpression:
    def slow(data: Any, dates: Dates | None = None) -> Any:
        return evaluate(expr, data, dates)

    return slow


_NAMES: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "__builtins__": {},
        "bool": bool,
        "int": int,
        "len": len,
        "list": list,
        "str": str,
        "type": type,
        "Dates": Dates,
        "Instant": Instant,
        "PLAIN_KINDS": PLAIN_KINDS,
        "SURPRISES": (AttributeError, TypeError, EvaluationError),
        "add_months": add_months,
        "equal": equal,
        "member": member,
        "present": present,
        "to_datetime": to_datetime,
        "uvci_fragment": uvci_fragment,
    }
)
"""All that the generated code can name."""
