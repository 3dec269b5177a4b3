"""What is one event: the statements of a history, joined into distinct doses, tests and infections.

Statements are joined when their content or their identifier is the same:

- doses of one day are one dose (nobody is given two), and so are doses with one UVCI and one
  number;
- tests with the same kind, result and moment, or the same kind, result and UVCI;
- infections of one day, or with one UVCI.

The joined event has the earliest of the stated times. Joining looks at the whole set of statements,
so that their order never matters.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from coronapas.programmes.clock import midnight
from coronapas.programmes.history import Dose, Infection, Tested

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence
    from zoneinfo import ZoneInfo

    from coronapas.programmes.history import History
    from coronapas.programmes.model import Programme

_Statement = TypeVar("_Statement")


@dataclass(frozen=True, slots=True)
class DoseGiven:
    """One dose; `product` is a code, or None where it is unknown or the sources disagree.

    `disputed` tells that sources disagree about the day, the product or the numbers.
    """

    date: date = field(repr=False)
    product: str | None = field(repr=False)
    dose_number: int | None = field(repr=False)
    doses: int | None = field(repr=False)
    disputed: bool = False


GivenDose = DoseGiven | Dose
"""One dose: a statement stands for itself where there is nothing to join."""


class Events(NamedTuple):
    """The distinct events of a history, each kind in the order of its times."""

    doses: tuple[GivenDose, ...]
    tests: tuple[Tested, ...]
    infections: tuple[Infection, ...]

    def __repr__(self) -> str:
        counts = f"{len(self.doses)} doses, {len(self.tests)} tests"
        return f"<Events: {counts}, {len(self.infections)} infections>"

    def known_at(self, moment: datetime, zone: ZoneInfo) -> Events:
        """Give the events up to an instant, inclusive: those of a day from its start."""
        doses, tests, infections = self
        if doses and midnight(doses[-1].date, zone) > moment:
            doses = tuple(one for one in doses if midnight(one.date, zone) <= moment)
        if tests and tests[-1].sampled_at > moment:
            tests = tests[: bisect_right(tests, moment, key=_sampling)]
        if infections and midnight(infections[-1].first_positive, zone) > moment:
            infections = tuple(
                one for one in infections if midnight(one.first_positive, zone) <= moment
            )
        return Events(doses, tests, infections)

    def moments(self, zone: ZoneInfo) -> list[datetime]:
        """Give the instants from which the events are known."""
        found = {midnight(one.date, zone) for one in self.doses}
        found.update(one.sampled_at for one in self.tests)
        found.update(midnight(one.first_positive, zone) for one in self.infections)
        return sorted(found)


def distinct(programme: Programme, history: History) -> Events:
    """Join the statements of a history into events."""
    return Events(
        doses_given(programme, history.doses),
        _tests(history.tests),
        _infections(history.infections),
    )


def doses_given(programme: Programme, doses: tuple[Dose, ...]) -> tuple[GivenDose, ...]:
    """Join the statements of doses, in the order of their days; they come in that order."""
    products = programme.products
    last = None
    for dose in doses:
        product = dose.product
        if dose.date == last or dose.uvci or not (product is None or product in products):
            return _joined_doses(programme, doses)
        last = dose.date
    return doses


def _joined_doses(programme: Programme, doses: tuple[Dose, ...]) -> tuple[GivenDose, ...]:
    clusters = _joined(doses, _dose_keys) if len(doses) > 1 else [list(doses)]
    given = [_one_dose(programme, cluster) for cluster in clusters]
    return tuple(sorted(given, key=lambda one: one.date))


def _one_dose(programme: Programme, cluster: list[Dose]) -> DoseGiven:
    days = {dose.date for dose in cluster}
    products = {programme.product(dose.product) for dose in cluster if dose.product}
    numbers = {
        (dose.dose_number, dose.doses)
        for dose in cluster
        if dose.dose_number is not None and dose.doses is not None
    }
    # A booster that is numbered as one (2/1) was numbered anew: it settles what 2/2 left open.
    number = max(numbers, key=lambda pair: (pair[0] > pair[1], pair), default=(None, None))
    several = len(products) > 1
    return DoseGiven(
        min(days),
        None if several else next(iter(products), None),
        number[0],
        number[1],
        disputed=len(days) > 1 or several or len(numbers) > 1,
    )


def _dose_keys(dose: Dose) -> list[Hashable]:
    keys: list[Hashable] = [dose.date]
    if dose.uvci:
        keys.append((_identifier(dose.uvci), dose.dose_number))
    return keys


def _tests(tests: tuple[Tested, ...]) -> tuple[Tested, ...]:
    if len(tests) < 2:
        return tests
    clusters = _joined(tests, _test_keys)
    if len(clusters) == len(tests):
        return tests
    return tuple(sorted((min(one, key=lambda test: test.key()) for one in clusters), key=_sampled))


def _sampling(test: Tested) -> datetime:
    return test.sampled_at


def _sampled(test: Tested) -> Any:
    return test.key()


def _test_keys(test: Tested) -> list[Hashable]:
    keys: list[Hashable] = [(test.kind, test.positive, test.sampled_at)]
    if test.uvci:
        keys.append((test.kind, test.positive, _identifier(test.uvci)))
    return keys


def _infections(infections: tuple[Infection, ...]) -> tuple[Infection, ...]:
    if len(infections) < 2:
        return infections
    clusters = _joined(infections, _infection_keys)
    return tuple(sorted((min(one, key=_when) for one in clusters), key=_when))


def _when(infection: Infection) -> Any:
    return infection.key()


def _infection_keys(infection: Infection) -> list[Hashable]:
    keys: list[Hashable] = [infection.first_positive]
    if infection.uvci:
        keys.append(_identifier(infection.uvci))
    return keys


def _identifier(uvci: str) -> str:
    from coronapas.dcc.uvci import normalise

    return "uvci " + normalise(uvci)


def _joined(
    statements: Sequence[_Statement], keys: Callable[[_Statement], list[Hashable]]
) -> list[list[_Statement]]:
    """Join what shares a key, directly or through others."""
    leader = list(range(len(statements)))

    def find(place: int) -> int:
        while leader[place] != place:
            leader[place] = leader[leader[place]]
            place = leader[place]
        return place

    seen: dict[Hashable, int] = {}
    for place, statement in enumerate(statements):
        for key in keys(statement):
            leader[find(place)] = find(seen.setdefault(key, place))
    clusters: dict[int, list[_Statement]] = {}
    for place, statement in enumerate(statements):
        clusters.setdefault(find(place), []).append(statement)
    return list(clusters.values())
