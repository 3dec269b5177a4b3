"""Parts of an expression that can never matter: unreachable branches, bounds that contradict.

`Facts` hold what the guards on the way have established. Assuming a further guard makes new facts,
or None where it contradicts the rest. None is a proof; anything else only means that no proof was
found (decision 0014):

- integers and date-times are compared as differences (``x - y ≤ c``); a cycle of them with a
  negative sum is a contradiction. Units of calendar length count with the least and the most days
  that so many months in a row can have.
- a path that leads somewhere has all its beginnings lead somewhere.
- a value that equals one text equals no other.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache
from itertools import pairwise
from typing import (
    TYPE_CHECKING,
    Any,
    Final,
    NamedTuple,
    TypeAlias,
)

from coronapas.certlogic import DateTimeError, to_text
from coronapas.certlogic._datetimes import (
    DAY,
    UNIT_MILLISECONDS,
    UNIT_MONTHS,
    parse,
)
from coronapas.certlogic._expressions import (
    And,
    Array,
    CompareDateTimes,
    CompareIntegers,
    DccDateOfBirth,
    Equal,
    Expr,
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
    size,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from coronapas.certlogic import Expr

MAX_WORK: Final = 200_000
"""The most work on one expression; what it does not suffice for is not looked at.

Counted are the nodes of each expression that is assumed, compared or looked up, the truths that are
copied, and the differences that each pass of a search looks at.
"""

MAX_SHOWN_NODES: Final = 500
"""The largest part that is shown in full notation, in nodes."""

MAX_EDGES: Final = 64
"""The most differences kept at one place."""

_Node: TypeAlias = tuple[str, Any]
_ZERO: Final[_Node] = ("zero", None)
_STRICT: Final = frozenset({"<", ">", "before", "after"})
_LESS: Final = frozenset({"<", "<=", "before", "not-after"})
_OPPOSITE: Final = {
    "<": ">=",
    ">": "<=",
    "<=": ">",
    ">=": "<",
    "before": "not-before",
    "after": "not-after",
    "not-after": "after",
    "not-before": "before",
}
_MONTHS: Final = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


class Budget:
    """The work left for one expression."""

    def __init__(self, work: int = MAX_WORK) -> None:
        self.left = work
        # The expressions are kept, so that no other gets the identity of one.
        self._sizes: dict[int, tuple[Expr, int]] = {}

    def spend(self, work: int) -> bool:
        """Count some work; return whether there was enough left for it."""
        self.left -= work
        return self.left >= 0

    def spend_on(self, *exprs: Expr) -> bool:
        """Count the nodes of expressions: comparing and hashing them visits each."""
        return self.spend(1 + sum(map(self.size, exprs)))

    def size(self, expr: Expr) -> int:
        """Return the number of nodes of an expression, worked out once."""
        known = self._sizes.get(id(expr))
        if known is None:
            nodes = 1 + sum(map(self.size, children(expr)))
            known = self._sizes[id(expr)] = (expr, nodes)
        return known[1]


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known: truths of expressions, texts that they equal, differences between values."""

    budget: Budget
    truths: Mapping[Expr, bool] = field(default_factory=dict)
    texts: Mapping[Expr, bool | str] = field(default_factory=dict)
    edges: Mapping[tuple[_Node, _Node], int] = field(default_factory=dict)

    def assume(self, expr: Expr, holds: bool) -> Facts | None:
        """Return the facts with one more, or None where they contradict it."""
        if not (self.budget.spend_on(expr) and self.budget.spend(len(self.truths))):
            return self
        known = self.truths.get(expr)
        if known is not None:
            return self if known is holds else None
        match expr:
            case Literal(value):
                return self if bool(value) is holds else None
            case Not(operand):
                return self.assume(operand, not holds)
            case And(operands):
                return self._all(operands) if holds else self._not_all(expr)
            case If():
                return self._either(expr, holds)
            case CompareIntegers(operator, operands) | CompareDateTimes(operator, operands):
                found = self._compare(operator, operands, holds)
            case Equal(left, right):
                found = self._equal(left, right, holds)
            case In(left, Array(items)):
                found = self._member(left, items, holds)
            case Var(path):
                found = self if self._path_may_be(path, holds) else None
            case _:
                found = self
        return None if found is None else found._with(expr, holds)

    def _with(self, expr: Expr, holds: bool) -> Facts:
        return replace(self, truths={**self.truths, expr: holds})

    def _all(self, operands: Sequence[Expr]) -> Facts | None:
        facts: Facts | None = self
        for operand in operands:
            facts = None if facts is None else facts.assume(operand, True)
        return facts

    def _not_all(self, expr: And) -> Facts | None:
        facts: Facts = self
        ways = []
        for operand in expr.operands:
            way = facts.assume(operand, False)
            if way is not None:
                ways.append(way)
            # Whatever fails after this one, this one holds, or it would have been it.
            following = facts.assume(operand, True)
            if following is None:
                break
            facts = following
        if len(ways) == 1:
            return ways[0]._with(expr, False)
        return self._with(expr, False) if ways else None

    def _either(self, expr: If, holds: bool) -> Facts | None:
        ways = []
        for guard, branch in ((True, expr.then), (False, expr.otherwise)):
            way = self.assume(expr.guard, guard)
            way = None if way is None else way.assume(branch, holds)
            if way is not None:
                ways.append(way)
        if len(ways) == 2:
            return self._with(expr, holds)
        return ways[0] if ways else None

    # Comparisons

    def _compare(self, operator: str, operands: Sequence[Expr], holds: bool) -> Facts | None:
        pairs = list(pairwise(operands))
        if holds:
            facts: Facts | None = self
            for left, right in pairs:
                facts = None if facts is None else facts._ordered(operator, left, right)
            return facts
        ways = [self._ordered(_OPPOSITE[operator], left, right) for left, right in pairs]
        possible = [way for way in ways if way is not None]
        if len(pairs) == 1 or not possible:
            return possible[0] if possible else None
        return self

    def _ordered(self, operator: str, left: Expr, right: Expr) -> Facts | None:
        """Assume that `left` stands in this order to `right`."""
        if not self.budget.spend_on(left, right):
            return self
        if operator not in _LESS:
            left, right = right, left
        low, high = _place(left), _place(right)
        if low is None or high is None:
            return self
        (lower, least, _), (upper, _, most) = low, high
        return self._difference(lower, upper, most - least - (operator in _STRICT))

    def _difference(self, lower: _Node, upper: _Node, most: int) -> Facts | None:
        """Assume that `lower` minus `upper` is at most so much."""
        if lower == upper:
            return self if most >= 0 else None
        before = self.edges.get((lower, upper))
        if (before is not None and before <= most) or len(self.edges) >= MAX_EDGES:
            return self
        edges = {**self.edges, (lower, upper): most}
        # A contradiction goes through the new difference: back from `lower` to `upper`.
        back = _shortest(edges, lower, upper, self.budget)
        if back is not None and back + most < 0:
            return None
        return replace(self, edges=edges)

    # Equality

    def _equal(self, left: Expr, right: Expr, holds: bool) -> Facts | None:
        if isinstance(left, Literal):
            left, right = right, left
        if isinstance(right, Literal) and isinstance(right.value, (str, bool)):
            return self._is_text(left, right.value, holds)
        under = self._ordered("<=" if holds else "<", left, right)
        over = self._ordered(">=" if holds else ">", left, right)
        if holds:
            return None if under is None else under._ordered(">=", left, right)
        if under is None or over is None:
            return under or over
        return self

    def _is_text(self, expr: Expr, text: bool | str, holds: bool) -> Facts | None:
        if not (self.budget.spend_on(expr) and self.budget.spend(len(self.texts))):
            return self
        known = self.texts.get(expr)
        if known is None:
            return replace(self, texts={**self.texts, expr: text}) if holds else self
        same = known == text and type(known) is type(text)
        return self if same is holds else None

    def _member(self, left: Expr, items: Sequence[Expr], holds: bool) -> Facts | None:
        ways = [self._equal(left, item, True) for item in items]
        if not holds:
            # In no list that has what it is known to be.
            known = self.texts.get(left)
            found = any(isinstance(item, Literal) and item.value == known for item in items)
            return None if known is not None and found else self
        return self if any(way is not None for way in ways) else None

    # Paths

    def _path_may_be(self, path: str, holds: bool) -> bool:
        for other, truth in self.truths.items():
            if not isinstance(other, Var) or truth is holds:
                continue
            longer, shorter = (path, other.path) if holds else (other.path, path)
            if longer.startswith(f"{shorter}."):
                return False
        return True


def _place(expr: Expr) -> tuple[_Node, int, int] | None:
    """Return an integer or date-time as a base and what is added to it, at least and at most."""
    match expr:
        case Literal(value):
            number = isinstance(value, int) and not isinstance(value, bool)
            return (_ZERO, int(value), int(value)) if number else None
        case Plus(left, Literal(value)) if isinstance(value, int):
            place = _place(left)
            return None if place is None else (place[0], place[1] + value, place[2] + value)
        case PlusTime(operand, amount, unit):
            least, most = _span(amount, unit)
            if isinstance(operand, Literal):
                try:
                    start = parse(operand.value)
                except DateTimeError:
                    return None
                return _ZERO, start + least, start + most
            return ("date", operand), least, most
        case DccDateOfBirth(operand):
            return ("date", operand), 0, 0
        case _:
            return ("value", expr), 0, 0


def _span(amount: int, unit: str) -> tuple[int, int]:
    """Return what is added, in milliseconds, at least and at most."""
    if unit in UNIT_MILLISECONDS:
        exact = amount * UNIT_MILLISECONDS[unit]
        return exact, exact
    months = amount * UNIT_MONTHS[unit]
    least, most = _days_of_months(abs(months) % 4800)
    whole = abs(months) // 4800 * 146_097
    low, high = (least + whole) * DAY, (most + whole) * DAY
    return (low, high) if months >= 0 else (-high, -low)


@cache
def _calendar() -> tuple[int, ...]:
    """Return the days before each month of 800 years."""
    found = [0]
    for year in range(800):
        leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
        for month, days in enumerate(_MONTHS):
            found.append(found[-1] + days + (leap and month == 1))
    return tuple(found)


@cache
def _days_of_months(months: int) -> tuple[int, int]:
    """Return the least and the most days that so many months in a row have."""
    before = _calendar()
    lengths = [before[start + months] - before[start] for start in range(4800)]
    # Exactly these: a day that the month of arrival lacks flows over, so that what is added does
    # not depend on the day.
    return min(lengths), max(lengths)


def _shortest(
    edges: Mapping[tuple[_Node, _Node], int], start: _Node, end: _Node, budget: Budget
) -> int | None:
    """Return the least bound of `end` minus `start`, without the new difference between them.

    None where nothing bounds it, or the work left does not suffice.
    """
    found = {end: 0}
    for _ in range(len(edges)):
        if not budget.spend(len(edges)):
            return None
        changed = False
        for (lower, upper), most in edges.items():
            if (lower, upper) == (start, end) or lower not in found:
                continue
            reach = found[lower] + most
            if reach < found.get(upper, reach + 1):
                found[upper] = reach
                changed = True
        if not changed:
            break
    return found.get(start)


@dataclass(frozen=True, slots=True)
class DeadEnd:
    """One of them. `code` is ``unreachable``, ``contradiction`` or ``always``.

    `part` is the branch that is never taken, the ``and`` or comparison that never holds, or the
    comparison that always does where it stands; `text` shows it in the notation of the language.
    """

    code: str
    part: Expr

    @property
    def text(self) -> str:
        """The part in the notation of `certlogic.to_text`, in one line, cut to 200 characters."""
        if size(self.part) > MAX_SHOWN_NODES:
            return f'an "{operator_of(self.part) or "array"}" of {size(self.part)} values'
        shown = " ".join(to_text(self.part).split())
        return shown if len(shown) <= 200 else f"{shown[:199]}…"


class DeadEnds(NamedTuple):
    """The dead ends found, in the order of the expression; each is proved for all data.

    `complete` is false where the work allowed did not suffice to look at everything.
    """

    found: tuple[DeadEnd, ...]
    complete: bool


def dead_ends(expr: Expr, work: int = MAX_WORK) -> DeadEnds:
    """Find the dead ends of an expression with at most so much work."""
    budget = Budget(work)
    found = tuple(dict.fromkeys(_search(expr, Facts(budget))))
    return DeadEnds(found, complete=budget.left >= 0)


def _search(expr: Expr, facts: Facts) -> Iterator[DeadEnd]:
    match expr:
        case If(guard, then, otherwise):
            yield from _search(guard, facts)
            for branch, holds in ((then, True), (otherwise, False)):
                there = facts.assume(guard, holds)
                if there is None:
                    yield DeadEnd("unreachable", branch)
                else:
                    yield from _search(branch, there)
        case And(operands):
            there = facts
            for operand in operands:
                yield from _search(operand, there)
                further = there.assume(operand, True)
                if further is None:
                    if operand is not operands[0]:
                        yield DeadEnd("contradiction", expr)
                    return
                there = further
        case CompareIntegers() | CompareDateTimes():
            if facts.assume(expr, True) is None:
                yield DeadEnd("contradiction", expr)
            elif facts.assume(expr, False) is None:
                yield DeadEnd("always", expr)
            for operand in children(expr):
                yield from _search(operand, facts)
        case Reduce(operand, lambda_, initial):
            yield from _search(operand, facts)
            # A lambda has data of its own.
            yield from _search(lambda_, Facts(facts.budget))
            yield from _search(initial, facts)
        case _:
            for child in children(expr):
                yield from _search(child, facts)
