"""Partial evaluation: some of the data in, a smaller expression out.

The *residual* gives on the full data what the expression gives on it, and refuses where it
refuses. It reads of the known data only what CertLogic cannot write down (null, objects,
fractions) and what an identity may depend on (arrays outside of `in` and `reduce`);
`data_accesses` of the residual tells what that is, and whoever evaluates it needs to supply no
more.

An object in the known data is taken to be unfinished: a key that it lacks may come later. Arrays,
and all within them, are finished; so are objects at or below a path in `whole`.

Bounds: the residual does no more steps than the expression, and so may succeed where that went
beyond `MAX_STEPS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from coronapas.certlogic import _operations as operations
from coronapas.certlogic._analysis import NO_TRUTH, Kinds, data_accesses
from coronapas.certlogic._bounds import MAX_INTEGER
from coronapas.certlogic._datetimes import Dates
from coronapas.certlogic._errors import EvaluationError, LimitError
from coronapas.certlogic._evaluation import run
from coronapas.certlogic._expressions import (
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
from coronapas.certlogic._operations import Work
from coronapas.certlogic._parser import as_expression
from coronapas.certlogic._values import equal, step, truth

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

MAX_WRITTEN_ITEMS: Final = 1024
"""Known arrays that are longer stay where they are, in the data."""


class _Unknown:
    """In the place of a value that is not known, or not wholly."""


_UNKNOWN: Final = _Unknown()


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of the expression: what is left of it, its value if that is known, and its truth.

    A truth is known only of what cannot refuse: whoever uses it drops the part.
    """

    expr: Expr
    value: Any = _UNKNOWN
    truth: bool | None = None

    @property
    def known(self) -> bool:
        return self.value is not _UNKNOWN

    @property
    def safe(self) -> bool:
        """Whether its evaluation is known not to refuse."""
        return self.known or self.truth is not None or isinstance(self.expr, Var)


def partial(expression: object, known: Mapping[str, Any], whole: Collection[str] = ()) -> Expr:
    """The residual of an expression (a tree, or its JSON) when part of the data is known.

    `known` is the data as far as it is known; `whole` are paths in it (``payload``; the empty path
    is all of it) below which nothing will be added.

    Raises as `parse` does; a refusal of the expression is left to the evaluation of the residual.
    """
    finished = frozenset(whole)
    return _Partial(known, finished, 0).part(as_expression(expression)).expr


class _Partial:
    """One scope; `lambdas` counts the `reduce` around it, each one `data.` away from the data."""

    def __init__(self, known: Mapping[str, Any], whole: frozenset[str], lambdas: int) -> None:
        self.known = known
        self.whole = whole
        self.lambdas = lambdas
        self.work = Work(Dates())
        self.kinds = Kinds()

    def part(self, expr: Expr) -> _Part:
        match expr:
            case Literal(value):
                return _known(expr, value)
            case Var(path):
                return self.var(expr, path)
            case Array(items):
                parts = [self.part(item) for item in items]
                rest = Array(tuple(part.expr for part in parts))
                if all(part.known for part in parts):
                    return _known(rest, [part.value for part in parts])
                return _Part(rest, truth=True if all(part.safe for part in parts) else None)
            case If(guard, then, otherwise):
                condition = self.part(guard)
                if condition.truth is not None:
                    return self.part(then if condition.truth else otherwise)
                return _Part(If(condition.expr, self.part(then).expr, self.part(otherwise).expr))
            case And():
                return self.conjunction(expr)
            case Not(operand):
                inner = self.part(operand)
                if inner.truth is not None:
                    return _known(Literal(not inner.truth), not inner.truth)
                return _Part(Not(inner.expr))
            case Reduce():
                return self.reduction(expr)
            case _:
                return self.strict(expr)

    def strict(
        self,
        expr: Equal
        | In
        | Plus
        | CompareIntegers
        | CompareDateTimes
        | PlusTime
        | DccDateOfBirth
        | ExtractFromUVCI,
    ) -> _Part:
        """An operation on values: done when all are known."""
        match expr:
            case Equal(left, right):
                parts = [self.part(left), self.part(right)]
                rest: Expr = Equal(parts[0].expr, parts[1].expr)
                return _done(rest, parts, lambda: equal(parts[0].value, parts[1].value))
            case In(left, right):
                parts = [self.part(left), self.part(right)]
                rest = In(parts[0].expr, _written(parts[1]))
                values = parts
                return _done(
                    rest,
                    parts,
                    lambda: operations.contains(expr, values[0].value, values[1].value, self.work),
                )
            case Plus(left, right):
                parts = [self.part(left), self.part(right)]
                rest = Plus(parts[0].expr, parts[1].expr)
                return _done(
                    rest,
                    parts,
                    lambda: operations.add_integers(expr, parts[0].value, parts[1].value),
                )
            case CompareIntegers(operator, operands):
                parts = [self.part(operand) for operand in operands]
                rest = CompareIntegers(operator, tuple(part.expr for part in parts))
                return _done(
                    rest,
                    parts,
                    lambda: operations.compare_integers(expr, [part.value for part in parts]),
                )
            case CompareDateTimes(date_time_operator, operands):
                parts = [self.part(operand) for operand in operands]
                rest = CompareDateTimes(date_time_operator, tuple(part.expr for part in parts))
                return _done(
                    rest,
                    parts,
                    lambda: operations.compare_date_times(expr, [part.value for part in parts]),
                )
            case PlusTime(operand, amount, unit):
                part = self.part(operand)
                return _done(
                    PlusTime(part.expr, amount, unit),
                    [part],
                    lambda: operations.plus_time(expr, part.value, self.work.dates),
                )
            case DccDateOfBirth(operand):
                part = self.part(operand)
                return _done(
                    DccDateOfBirth(part.expr),
                    [part],
                    lambda: operations.birth_date(expr, part.value, self.work.dates),
                )
            case ExtractFromUVCI(operand, index):
                part = self.part(operand)
                return _done(
                    ExtractFromUVCI(part.expr, index),
                    [part],
                    lambda: operations.extract_from_uvci(expr, part.value, self.work),
                )

    def conjunction(self, expr: And) -> _Part:
        left: list[_Part] = []
        for operand in expr.operands:
            part = self.part(operand)
            if part.truth is False:
                left.append(part)
                break
            # A truthy operand matters only as the last one.
            if part.truth is None or operand is expr.operands[-1]:
                left.append(part)
        if len(left) == 1:
            (only,) = left
            if (
                only.truth is not None
                or not self.kinds.of(only.expr, in_lambda=self.lambdas > 0) & NO_TRUTH
            ):
                return only
            # It has yet to show that it has a truth.
            return _Part(And((Literal(True), only.expr)))
        return _Part(And(tuple(part.expr for part in left)))

    def reduction(self, expr: Reduce) -> _Part:
        operand, initial = self.part(expr.operand), self.part(expr.initial)
        if operand.value is None or operand.value == []:
            return initial
        inner = _Partial(self.known, self.whole, self.lambdas + 1)
        rest = Reduce(_written(operand), inner.part(expr.lambda_).expr, initial.expr)
        if self.lambdas or not all(self.is_whole(path) for path in data_accesses(expr)):
            return _Part(rest)
        try:
            return _known(rest, run(expr, self.known, Work(Dates())))
        except (EvaluationError, LimitError):
            return _Part(rest)

    # Paths

    def var(self, expr: Var, path: str) -> _Part:
        for _ in range(self.lambdas):
            if not path.startswith("data."):
                return _Part(expr)
            path = path.removeprefix("data.")
        value, finished = self.look_up(path)
        if finished:
            return _known(expr, value)
        # An object that may yet grow has something in it if it has something in it now.
        return _Part(expr, truth=True if isinstance(value, Mapping) and value else None)

    def is_whole(self, path: str) -> bool:
        return self.look_up(path)[1]

    def look_up(self, path: str) -> tuple[Any, bool]:
        """What is known at a path, and whether nothing can be added to it."""
        value: Any = self.known
        finished = "" in self.whole
        fragments = path.split(".") if path else []
        for position, fragment in enumerate(fragments):
            if not finished and isinstance(value, Mapping) and fragment not in value:
                return _UNKNOWN, False
            value = step(value, fragment)
            finished = (
                finished
                or not isinstance(value, Mapping)
                or ".".join(fragments[: position + 1]) in self.whole
            )
        return value, finished


def _known(rest: Expr, value: Any) -> _Part:
    """A part whose value is known, written as a literal where it can be."""
    outcome = truth(value)
    if isinstance(value, (bool, str)) or (isinstance(value, int) and abs(value) <= MAX_INTEGER):
        return _Part(Literal(value), value, outcome)
    return _Part(rest, value, outcome)


def _done(rest: Expr, parts: list[_Part], apply: Callable[[], Any]) -> _Part:
    """An operation, done if all of its operands are known and it does not refuse them."""
    if not all(part.known for part in parts):
        return _Part(rest)
    try:
        return _known(rest, apply())
    except (EvaluationError, LimitError):
        return _Part(rest)


def _written(part: _Part) -> Expr:
    """A known array as an expression, where only its items matter and each can be written."""
    if not isinstance(part.value, (list, tuple)) or isinstance(part.expr, Array):
        return part.expr
    if len(part.value) > MAX_WRITTEN_ITEMS:
        return part.expr
    items = [_known(part.expr, item).expr for item in part.value]
    if not all(isinstance(item, Literal) for item in items):
        return part.expr
    return Array(tuple(items))
