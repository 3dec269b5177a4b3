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
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from coronapas.certlogic import CertLogicError, Dates, DateTimeError, to_text
from coronapas.certlogic._evaluation import Work, run
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
    walk,
    weight,
)
from coronapas.certlogic._values import DAY, UNIT_MILLISECONDS, UNIT_MONTHS, parse
from coronapas.rules._model import CertificateType, RuleType
from coronapas.rules._subject import codes, external, instant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from coronapas.dcc._valuesets import ValueSets
    from coronapas.rules._model import Rule

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


# Boosters that a rule rejects, found by evaluating it on boosters.
#
# Implementing Decision (EU) 2021/2301 numbers a booster after a single-dose course 2/1 (3/1 and
# on), and one after a course of two 3/3 (4/4 and on); Regulation (EU) 2021/2288 sets no limit on
# the acceptance of boosters for travel. Rules written before that took some of them for primary
# courses: a rule for "one dose in the course" also applies to 2/1. Countries decide for
# themselves, so a rejection is something for the rule's author to check, not an error.

AGES: Final = range(731)
"""The ages of the dose that are asked about: days since the dose, each at noon (UTC)."""

BOOSTERS: Final = ((2, 1), (3, 1), (3, 3), (4, 4))
PRIMARY: Final = ((1, 1), (2, 2))
PRODUCTS: Final = (
    ("EU/1/20/1528", "ORG-100030215", "1119349007"),
    ("EU/1/20/1507", "ORG-100031184", "1119349007"),
    ("EU/1/20/1525", "ORG-100001417", "1119305005"),
    ("EU/1/21/1529", "ORG-100001699", "1119305005"),
    ("EU/1/21/1618", "ORG-100032020", "1162643001"),
)
"""Product, manufacturer and prophylaxis that are asked about (EU value sets, release 2.12.0)."""

MAX_BOOSTER_WORK: Final = 50_000_000
"""The most work on one rule: the values that its evaluations may visit.

A rule with `reduce` is interpreted, so that its steps can be counted, each as `_INTERPRETED`.
"""

_INTERPRETED: Final = 8
"""The values that compiled code visits in the time of one interpreted."""

_CLOCK: Final = datetime(2023, 1, 2, 12, tzinfo=UTC)
_DAYS: Final = tuple(f"{_CLOCK - timedelta(days=age):%Y-%m-%d}" for age in AGES)
_OF_PRODUCT: Final = (".mp", ".ma", ".vp")
_WHOLE: Final = frozenset({"", "payload", "payload.v"})


@dataclass(frozen=True, slots=True)
class Rejection:
    """Boosters of one numbering that a rule rejects.

    `days` are the first and the last age in days, both inclusive, of each stretch that is rejected;
    an end at the last of `AGES` means that it does not end. `products` are those affected; none
    where the rule does not ask for the product.
    """

    dose_number: int
    doses: int
    days: tuple[tuple[int, int], ...]
    products: tuple[str, ...]

    @property
    def text(self) -> str:
        """Which boosters, and when, in words."""
        stretches = [
            f"from day {first} on" if last == AGES[-1] else f"on days {first} to {last}"
            for first, last in self.days
        ]
        products = ", ".join(self.products) or "any product"
        when = " and ".join(stretches)
        return f"Boosters {self.dose_number}/{self.doses} of {products} are rejected {when}."


class Rejections(NamedTuple):
    """The boosters that a rule rejects.

    `complete` is false where the work allowed did not suffice to ask about all of them.
    """

    found: tuple[Rejection, ...]
    complete: bool


class _WorkSpentError(Exception):
    """The work allowed does not suffice for a further evaluation."""


def rejected(
    rule: Rule,
    value_sets: ValueSets | Mapping[str, Any] | None = None,
    work: int = MAX_BOOSTER_WORK,
) -> Rejections:
    """Find the boosters that an acceptance rule for vaccinations rejects; none for other rules.

    A product of which the rule accepts no completed course either (one that it does not list) does
    not count. Where the rule does not read the product, a single product stands for all.
    """
    judged = rule.certificate_type in (CertificateType.VACCINATION, CertificateType.GENERAL)
    if not judged or rule.type is not RuleType.ACCEPTANCE or rule.compiled is None:
        return Rejections((), complete=True)
    found: list[Rejection] = []
    try:
        for rejection in _booster_search(_Questions(rule, rule.compiled, codes(value_sets), work)):
            found.append(rejection)
    except _WorkSpentError:
        return Rejections(tuple(found), complete=False)
    return Rejections(tuple(found), complete=True)


def _booster_search(questions: _Questions) -> Iterator[Rejection]:
    for dose_number, doses in BOOSTERS:
        by_days: dict[tuple[tuple[int, int], ...], list[str]] = {}
        for product in questions.products:
            days = _stretches(questions.refused(product, dose_number, doses))
            if days:
                by_days.setdefault(days, []).append(product[0])
        for days, products in by_days.items():
            affected = tuple(products) if questions.by_product else ()
            yield Rejection(dose_number, doses, days, affected)


class _Questions:
    """What one rule is asked; only what it reads is varied."""

    def __init__(
        self,
        rule: Rule,
        compiled: Callable[[Any], Any],
        value_sets: Mapping[str, Any],
        work: int,
    ) -> None:
        self.rule = rule
        self.compiled = compiled
        self.work = work
        expr = rule.expression
        self.weight = 0 if expr is None else weight(expr)
        # Without `reduce` no evaluation visits more than that.
        loops = expr is not None and any(isinstance(node, Reduce) for node in walk(expr))
        self.loop = expr if loops else None
        self.parameter = external(country=rule.country, value_sets=value_sets)
        self.parameter["validationClock"] = instant(_CLOCK)
        # A rule that reads an entry, or the list, as a whole may read anything of it.
        whole = any(path in _WHOLE for path in rule.reads)
        self.dated = whole or any(path.endswith(".dt") for path in rule.reads)
        self.by_product = whole or any(path.endswith(_OF_PRODUCT) for path in rule.reads)
        asked = PRODUCTS if self.by_product else PRODUCTS[:1]
        self.products = [product for product in asked if self.recognises(product)]

    def recognises(self, product: tuple[str, str, str]) -> bool:
        """Return whether the rule accepts a completed course of the product at some age."""
        return any(
            self.answer(product, *dose, age) is True for dose in PRIMARY for age in AGES[::10]
        )

    def refused(self, product: tuple[str, str, str], dose_number: int, doses: int) -> Iterator[int]:
        """Return the ages at which the rule rejects the dose."""
        if self.dated:
            return (a for a in AGES if self.answer(product, dose_number, doses, a) is False)
        return iter(AGES if self.answer(product, dose_number, doses, 0) is False else ())

    def answer(self, product: tuple[str, str, str], dose_number: int, doses: int, age: int) -> Any:
        """Return what the rule gives; None where it refuses.

        Raises:
            _WorkSpentError: The work allowed does not suffice.

        """
        code, manufacturer, prophylaxis = product
        entry = {
            "tg": "840539006",
            "vp": prophylaxis,
            "mp": code,
            "ma": manufacturer,
            "dn": dose_number,
            "sd": doses,
            "dt": _DAYS[age],
            "co": self.rule.country,
            "is": "Example",
            "ci": "URN:UVCI:01:XX:EXAMPLE",
        }
        payload = {"ver": "1.3.0", "nam": {"fnt": "EXAMPLE"}, "dob": "1980-01-01", "v": [entry]}
        data = {"payload": payload, "external": self.parameter}
        steps = Work(Dates())
        if self.work < self.weight:
            raise _WorkSpentError
        try:
            return self.compiled(data) if self.loop is None else run(self.loop, data, steps)
        except (CertLogicError, RecursionError):
            return None
        finally:
            visited = self.weight + steps.steps
            self.work -= visited if self.loop is None else visited * _INTERPRETED


def _stretches(ages: Iterator[int]) -> tuple[tuple[int, int], ...]:
    found: list[tuple[int, int]] = []
    for age in ages:
        if found and found[-1][1] == age - 1:
            found[-1] = (found[-1][0], age)
        else:
            found.append((age, age))
    return tuple(found)
