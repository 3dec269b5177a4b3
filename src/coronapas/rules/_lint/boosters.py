"""Boosters that a rule rejects, found by evaluating it on boosters.

Implementing Decision (EU) 2021/2301 numbers a booster after a single-dose course 2/1 (3/1 and on),
and one after a course of two 3/3 (4/4 and on); Regulation (EU) 2021/2288 sets no limit on the
acceptance of boosters for travel. Rules written before that took some of them for primary courses:
a rule for "one dose in the course" also applies to 2/1. Countries decide for themselves, so a
rejection is something for the rule's author to check, not an error.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from coronapas.certlogic import CertLogicError, Dates
from coronapas.certlogic._evaluation import run
from coronapas.certlogic._expressions import Reduce, walk, weight
from coronapas.certlogic._operations import Work
from coronapas.rules._model import CertificateType, RuleType
from coronapas.rules._subject import codes, external, instant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from coronapas.dcc._valuesets import ValueSets
    from coronapas.rules._model import Rule

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

MAX_WORK: Final = 50_000_000
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
    work: int = MAX_WORK,
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
        for rejection in _search(_Questions(rule, rule.compiled, codes(value_sets), work)):
            found.append(rejection)
    except _WorkSpentError:
        return Rejections(tuple(found), complete=False)
    return Rejections(tuple(found), complete=True)


def _search(questions: _Questions) -> Iterator[Rejection]:
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
