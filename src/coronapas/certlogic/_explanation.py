"""Why an expression has its value: the operands that decided it, with their values.

One evaluation, with a record of it. The first falsy operand decides a falsy `and`; the guard and
the branch taken decide an `if`; two operands decide a comparison of three that fails.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from coronapas.certlogic import _evaluation as operations
from coronapas.certlogic._analysis import builds
from coronapas.certlogic._evaluation import Work
from coronapas.certlogic._expressions import (
    MAX_DEPTH,
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
    LimitError,
    Literal,
    Not,
    Plus,
    PlusTime,
    Reduce,
    Var,
    children,
)
from coronapas.certlogic._notation import ONE_LINE, to_text
from coronapas.certlogic._parser import as_expression
from coronapas.certlogic._values import Dates, Instant, access, equal, integer, present, to_datetime

if TYPE_CHECKING:
    from collections.abc import Iterator

_Strict: TypeAlias = Not | Equal | In | Plus | PlusTime | DccDateOfBirth | ExtractFromUVCI

MAX_ITERATIONS: Final = 64
"""The most iterations of one `reduce` that are kept, from the first."""

MAX_TEXT: Final = 100_000
"""The longest text of an explanation, in characters, but for the line that says it is cut."""

MAX_SHOWN: Final = 2_000
"""The longest expression or value in a line of the text, in characters; longer ones are cut."""

MAX_NOTATION: Final = 1_000_000
"""The most characters of notation that are written out for one text, before they are cut."""

_CUT: Final = "… (cut: the explanation goes on)"


@dataclass(frozen=True, slots=True)
class Read:
    """A path that was read, and what it led to (null where it led nowhere)."""

    path: str
    """The path, such as ``payload.v.0.dt``."""
    value: Any = field(repr=False)
    """The value there; None where there is none."""


@dataclass(frozen=True, slots=True, eq=False)
class Explanation:
    """The value of `expr`, and the explanations of the operands that decided it (`because`).

    Operands that did not matter, or were not evaluated, are left out. For a `reduce`, `because`
    holds operand and initial value, and `iterations` the value of the lambda for each item (the
    first 64). The `repr` shows no values; `text` does.
    """

    expr: Expr
    because: tuple[Explanation, ...]
    iterations: tuple[Explanation, ...]
    _value: Any = field(repr=False)
    _in_lambda: bool = field(repr=False)

    def __repr__(self) -> str:
        return f"<Explanation of {to_text(self.expr)}>"

    @property
    def value(self) -> Any:
        """The value of the expression, as `evaluate` returns it."""
        if self._in_lambda or builds(self.expr):
            return present(self._value)
        return self._value

    @property
    def reads(self) -> tuple[Read, ...]:
        """The paths whose values decided, in the order of the expression, each once."""
        found: dict[str, Read] = {}
        stack = [self]
        while stack:
            explanation = stack.pop()
            if isinstance(explanation.expr, Var):
                path = explanation.expr.path
                found.setdefault(path, Read(path, explanation.value))
            stack.extend(reversed(explanation.because))
        return tuple(found.values())

    def text(self) -> str:
        """Return a line for each operand that decided, indented below what it decided.

        The text shows the data. Literals have no line of their own. What is longer than
        `MAX_TEXT`, or took more than `MAX_NOTATION`, is cut, and the last line says so; expressions
        and values longer than `MAX_SHOWN` end in an ellipsis.
        """
        lines: list[str] = []
        room, notation = MAX_TEXT, _Notation()
        for line in self._lines(0, notation):
            room -= len(line) + 1
            if room < 0 or notation.left < 0:
                lines.append(_CUT)
                break
            lines.append(line)
        return "\n".join(lines)

    def _lines(self, indent: int, notation: _Notation) -> Iterator[str]:
        yield f"{'  ' * indent}{notation.of(self.expr)} → {_Sketch().text(self._value)}"
        for operand in (*self.because, *self.iterations):
            if not isinstance(operand.expr, Literal):
                yield from operand._lines(indent + 1, notation)


class _Notation:
    """The expressions of one text in the notation, each written out once."""

    def __init__(self) -> None:
        self.left = MAX_NOTATION
        self._known: dict[int, str] = {}

    def of(self, expr: Expr) -> str:
        known = self._known.get(id(expr))
        if known is None:
            text = to_text(expr, width=ONE_LINE)
            self.left -= len(text)
            known = self._known[id(expr)] = _cut(text)
        return known


class _Sketch:
    """A value as JSON, of which no more is looked at than is shown.

    A `reduce` can build values whose JSON no memory holds.
    """

    def __init__(self) -> None:
        self.room = MAX_SHOWN

    def text(self, value: Any) -> str:
        return _cut(json.dumps(self.of(value, 1), default=str, ensure_ascii=False))

    def of(self, value: Any, depth: int) -> Any:
        self.room -= 1
        if isinstance(value, Instant):
            try:
                return str(to_datetime(value.milliseconds))
            except DateTimeError:
                return "a date-time out of range"
        if isinstance(value, str):
            self.room -= len(value)
            return value[: MAX_SHOWN + 1]
        if isinstance(value, Mapping):
            members: dict[str, Any] = {}
            for name, member in value.items():
                if self.full(depth):
                    members["…"] = None
                    break
                self.room -= len(str(name))
                members[str(name)[: MAX_SHOWN + 1]] = self.of(member, depth + 1)
            return members
        if isinstance(value, (list, tuple)):
            items: list[Any] = []
            for item in value:
                if self.full(depth):
                    items.append("…")
                    break
                items.append(self.of(item, depth + 1))
            return items
        return value

    def full(self, depth: int) -> bool:
        return self.room < 0 or depth > MAX_DEPTH


def _cut(text: str) -> str:
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 1]}…"


def explain(expression: object, data: object, dates: Dates | None = None) -> Explanation:
    """Return the result of `evaluate`, and what decided it.

    Raises what `evaluate` raises; the error's `expr` is then the operation that refused.
    """
    expr = as_expression(expression)
    tracer = _Tracer(Work(Dates() if dates is None else dates))
    try:
        explanation = tracer.trace(expr, data)
    except RecursionError:
        raise LimitError("limit.stack", "no stack left: explained from too deep a call") from None
    if builds(expr):
        # What cannot be presented is refused here, as by `evaluate`.
        present(explanation._value)
    return explanation


class _Tracer:
    """The interpreter once more, this time with a record; `operations` does the work of both."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.lambdas = 0

    def found(
        self,
        expr: Expr,
        value: Any,
        because: tuple[Explanation, ...] = (),
        iterations: tuple[Explanation, ...] = (),
    ) -> Explanation:
        return Explanation(expr, because, iterations, value, self.lambdas > 0)

    def trace_all(self, operands: tuple[Expr, ...], data: Any) -> tuple[Explanation, ...]:
        found: list[Explanation] = []
        for operand in operands:
            found.append(self.trace(operand, data))
        return tuple(found)

    def trace(self, expr: Expr, data: Any) -> Explanation:
        match expr:
            case Literal(value):
                return self.found(expr, value)
            case Var(path):
                return self.found(expr, access(data, path))
            case Array(items):
                parts = self.trace_all(items, data)
                return self.found(expr, [part._value for part in parts], parts)
            case If():
                guard = self.trace(expr.guard, data)
                taken = expr.then if operations.decide(expr, guard._value) else expr.otherwise
                branch = self.trace(taken, data)
                return self.found(expr, branch._value, (guard, branch))
            case And():
                return self.conjunction(expr, data)
            case Reduce():
                return self.reduction(expr, data)
            case CompareIntegers(operator, operands):
                parts = self.trace_all(operands, data)
                values = [part._value for part in parts]
                holds = operations.compare_integers(expr, values)
                numbers = [integer(value) for value in values]
                return self.found(expr, holds, _decisive(operator, parts, numbers))
            case CompareDateTimes(operator, operands):
                parts = self.trace_all(operands, data)
                values = [part._value for part in parts]
                holds = operations.compare_date_times(expr, values)
                instants = [value.milliseconds for value in values]
                return self.found(expr, holds, _decisive(operator, parts, instants))
            case _:
                return self.strict(expr, data)

    def strict(self, expr: _Strict, data: Any) -> Explanation:
        """Trace an operation that every one of its operands decides."""
        parts = self.trace_all(children(expr), data)
        values = [part._value for part in parts]
        return self.found(expr, self.apply(expr, values), parts)

    def apply(self, expr: _Strict, values: list[Any]) -> Any:
        match expr:
            case Not():
                return not operations.decide(expr, values[0])
            case Equal():
                return equal(values[0], values[1])
            case In():
                return operations.contains(expr, values[0], values[1], self.work)
            case Plus():
                return operations.add_integers(expr, values[0], values[1])
            case PlusTime():
                return operations.plus_time(expr, values[0], self.work.dates)
            case DccDateOfBirth():
                return operations.birth_date(expr, values[0], self.work.dates)
            case ExtractFromUVCI():
                return operations.extract_from_uvci(expr, values[0], self.work)

    def conjunction(self, expr: And, data: Any) -> Explanation:
        parts: list[Explanation] = []
        for operand in expr.operands:
            part = self.trace(operand, data)
            if not operations.decide(expr, part._value):
                return self.found(expr, part._value, (part,))
            parts.append(part)
        return self.found(expr, parts[-1]._value, tuple(parts))

    def reduction(self, expr: Reduce, data: Any) -> Explanation:
        operand = self.trace(expr.operand, data)
        items = operations.iterations(expr, operand._value, self.work)
        initial = self.trace(expr.initial, data)
        accumulator = initial._value
        kept: list[Explanation] = []
        self.lambdas += 1
        for current in items:
            scope = {"accumulator": accumulator, "current": current, "data": data}
            iteration = self.trace(expr.lambda_, scope)
            accumulator = iteration._value
            if len(kept) < MAX_ITERATIONS:
                kept.append(iteration)
        self.lambdas -= 1
        return self.found(expr, accumulator, (operand, initial), tuple(kept))


def _decisive(
    operator: str, parts: tuple[Explanation, ...], numbers: list[Any]
) -> tuple[Explanation, ...]:
    """Return the first two neighbours that fail a failing comparison; otherwise all operands."""
    for position in range(len(parts) - 1):
        if not operations.compare(operator, numbers[position : position + 2]):
            return parts[position : position + 2]
    return parts
