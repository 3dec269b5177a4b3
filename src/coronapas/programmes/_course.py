"""What each dose is to its holder: statements joined into events, and doses read by their numbers.

Statements of one event are joined, whatever their order; the event has the earliest stated time:

- doses on one day are one dose (nobody is given two against one disease), and so are doses with
  the same UVCI and the same number; doses with the same numbers and product on two days that follow
  each other are probably one;
- tests with the same kind and result, and the same moment or the same UVCI;
- infections on one day, or with the same UVCI.

Statements about another disease than the programme's are no events of it.

Dose numbers (Implementing Decision (EU) 2021/2301) do not always say what a dose is:

- 2/2 after a single-dose product: the second dose of a course, or a booster from before boosters
  were numbered alike;
- 1/1 of a product that takes two doses: a course completed after recovery, or a first dose;
- dn = sd of at least 3: a booster, or an extra dose of the primary course;
- a product that is unknown: not stated, or a word that nothing knows. A product that is known, and
  that the programme does not recognise, makes a dose that does not count.

Each such dose has several readings, and a history is judged in every combination of them (a world).
Where the answers differ the history is ambiguous, and `Ambiguous` says what would settle it. Other
events settle what they can: a 2/2 after a 1/1, the interval before a third dose, the holder's
groups, a number that was changed later.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import (
    TYPE_CHECKING,
    Any,
    Final,
    NamedTuple,
    TypeVar,
)

from coronapas.dcc._uvci import normalise
from coronapas.facts._history import Dose, Infection, Tested
from coronapas.programmes._clock import Period, add_to_day, local_day, midnight
from coronapas.programmes._model import (
    COMPLETE,
    Mark,
    Policy,
    Programme,
    Readings,
    Stage,
    is_known,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence
    from zoneinfo import ZoneInfo

    from coronapas.facts._history import History

# Events: the statements of a history, joined.

_Statement = TypeVar("_Statement")


@dataclass(frozen=True, slots=True)
class DoseGiven:
    """One dose; `product` is a code, or None where it is unknown or the sources disagree.

    `disputed`: whether sources disagree about the day, the product or the numbers. `stated` are
    the products on which they disagree. `probably`: whether the statements are only probably about
    one dose, as their days differ and no identifier joins them.
    """

    date: date = field(repr=False)
    """The local day; of several that are stated, the first."""
    product: str | None = field(repr=False)
    dose_number: int | None = field(repr=False)
    """Its number as stated (``dn``), the greatest of several; None where it is unknown."""
    doses: int | None = field(repr=False)
    """The number of doses as stated (``sd``); None as `dose_number`."""
    disputed: bool = False
    stated: frozenset[str] = field(default=frozenset(), repr=False)
    probably: bool = False
    numbers: tuple[tuple[int, int], ...] = field(default=(), repr=False)
    """Further numbers, as (dn, sd), that sources state; empty where a booster's settle it."""


GivenDose = DoseGiven | Dose
"""One dose: a joined one, or a single statement as it is."""


class Events(NamedTuple):
    """The distinct events of a history, each kind in the order of its times."""

    doses: tuple[GivenDose, ...]
    """The doses, with those that are only stated."""
    tests: tuple[Tested, ...]
    """The tests."""
    infections: tuple[Infection, ...]
    """The infections."""

    def __repr__(self) -> str:
        counts = f"{len(self.doses)} doses, {len(self.tests)} tests"
        return f"<Events: {counts}, {len(self.infections)} infections>"

    def known_at(self, moment: datetime, zone: ZoneInfo) -> Events:
        """Return the events up to an instant, inclusive: those of a day from its start."""
        doses, tests, infections = self
        if doses and midnight(doses[-1].date, zone) > moment:
            doses = tuple(dose for dose in doses if midnight(dose.date, zone) <= moment)
        if tests and tests[-1].sampled_at > moment:
            tests = tests[: bisect_right(tests, moment, key=_sampling)]
        if infections and midnight(infections[-1].first_positive, zone) > moment:
            infections = tuple(
                infection
                for infection in infections
                if midnight(infection.first_positive, zone) <= moment
            )
        return Events(doses, tests, infections)

    def moments(self, zone: ZoneInfo) -> list[datetime]:
        """Return the instants from which the events are known."""
        found = {midnight(dose.date, zone) for dose in self.doses}
        found.update(test.sampled_at for test in self.tests)
        found.update(midnight(infection.first_positive, zone) for infection in self.infections)
        return sorted(found)


def distinct(programme: Programme, history: History) -> Events:
    """Join the statements of a history into events."""
    disease = programme.disease
    return Events(
        doses_given(programme, history.doses),
        distinct_tests(tests_of(history.tests, disease)),
        distinct_infections(infections_of(history.infections, disease)),
    )


def tests_of(tests: tuple[Tested, ...], disease: str) -> tuple[Tested, ...]:
    """Return the tests for a disease; one that states no disease is for it."""
    if all(test.disease is None or test.disease == disease for test in tests):
        return tests
    return tuple(each for each in tests if each.disease is None or each.disease == disease)


def infections_of(infections: tuple[Infection, ...], disease: str) -> tuple[Infection, ...]:
    """Return the infections with a disease; one that states no disease is with it."""
    if all(infection.disease is None or infection.disease == disease for infection in infections):
        return infections
    return tuple(each for each in infections if each.disease is None or each.disease == disease)


def doses_given(programme: Programme, doses: tuple[Dose, ...]) -> tuple[GivenDose, ...]:
    """Join the statements of doses, which are in the order of their days, as the result is."""
    products = programme.products
    disease = programme.disease
    next_day = date.min
    for dose in doses:
        product = dose.product
        if (
            dose.date <= next_day
            or dose.uvci
            or (dose.dose_number is None) is not (dose.doses is None)
            or not (product is None or product in products)
            or not (dose.disease is None or dose.disease == disease)
        ):
            return _joined_doses(programme, doses)
        next_day = dose.date + _ONE_DAY
    return doses


def _joined_doses(programme: Programme, doses: tuple[Dose, ...]) -> tuple[GivenDose, ...]:
    disease, elsewhere = programme.disease, programme.elsewhere
    doses = tuple(
        each
        for each in doses
        if each.disease == disease
        or (each.disease is None and programme.product(each.product) not in elsewhere)
    )

    neighbours = _neighbours(programme, doses)

    def keys(dose: Dose) -> list[Hashable]:
        found: list[Hashable] = [dose.date]
        if dose.uvci:
            found.append((_identifier(dose.uvci), dose.dose_number))
        what = _what(programme, dose)
        if what is not None:
            found.append((what, neighbours.get((what, dose.date), dose.date)))
        return found

    clusters = _joined(doses, keys) if len(doses) > 1 else [[each] for each in doses]
    given = [_one_dose(programme, cluster) for cluster in clusters]
    return tuple(sorted(given, key=lambda each: each.date))


def _one_dose(programme: Programme, cluster: list[Dose]) -> DoseGiven:
    days = {dose.date for dose in cluster}
    products = {programme.product(dose.product) for dose in cluster if dose.product}
    if len(products) > 1:
        # A source that names the product agrees with one that names its variant.
        known = [
            programme.products[product]
            for product in products
            if product and product in programme.products
        ]
        products -= {each.variant_of for each in known}
    numbers = {
        (dose.dose_number, dose.doses)
        for dose in cluster
        if dose.dose_number is not None and dose.doses is not None
    }
    # A booster numbered as such (2/1) was renumbered: it settles what 2/2 left open.
    number = max(numbers, key=lambda pair: (pair[0] > pair[1], pair), default=None)
    settled = number is None or number[0] > number[1]
    several = len(products) > 1
    identifiers = {_identifier(dose.uvci) if dose.uvci else None for dose in cluster}
    return DoseGiven(
        min(days),
        None if several else next(iter(products), None),
        number and number[0],
        number and number[1],
        disputed=len(days) > 1 or several or len(numbers) > 1,
        stated=frozenset(each for each in products if each) if several else frozenset(),
        probably=len(days) > 1 and (len(identifiers) > 1 or None in identifiers),
        numbers=() if settled else tuple(sorted(pair for pair in numbers if pair != number)),
    )


_ONE_DAY: Final = timedelta(days=1)
_NEXT_DAY: Final = Period(days=1)


_What = tuple[str, int, int | None]
"""What two statements of one dose agree on: product and numbers."""


def _what(programme: Programme, dose: Dose) -> _What | None:
    product = programme.product(dose.product)
    if product is None or dose.dose_number is None:
        return None
    return product, dose.dose_number, dose.doses


def _neighbours(programme: Programme, doses: tuple[Dose, ...]) -> dict[tuple[_What, date], date]:
    """Pair the days that follow each other on which the same is stated: the later to the earlier.

    Days are paired from the earliest on, so that a row of them does not become one dose.
    """
    days: dict[_What, set[date]] = {}
    for dose in doses:
        what = _what(programme, dose)
        if what is not None:
            days.setdefault(what, set()).add(dose.date)
    found: dict[tuple[_What, date], date] = {}
    for what, several in days.items():
        before = None
        for day in sorted(several):
            if before is not None and day - before == _ONE_DAY:
                found[what, day] = before
                before = None
            else:
                before = day
    return found


def distinct_tests(tests: tuple[Tested, ...]) -> tuple[Tested, ...]:
    """Join the statements of tests, which are in the order of their moments, as the result is."""
    if len(tests) < 2:
        return tests
    clusters = _joined(tests, _test_keys)
    if len(clusters) == len(tests):
        return tests
    return tuple(
        sorted((min(cluster, key=lambda test: test.key()) for cluster in clusters), key=_sampled)
    )


def _sampling(test: Tested) -> datetime:
    return test.sampled_at


def _sampled(test: Tested) -> Any:
    return test.key()


def _test_keys(test: Tested) -> list[Hashable]:
    keys: list[Hashable] = [(test.kind, test.positive, test.sampled_at)]
    if test.uvci:
        keys.append((test.kind, test.positive, _identifier(test.uvci)))
    return keys


def distinct_infections(infections: tuple[Infection, ...]) -> tuple[Infection, ...]:
    """Join the statements of infections, which are in the order of days, as the result is."""
    if len(infections) < 2:
        return infections
    clusters = _joined(infections, _infection_keys)
    return tuple(sorted((min(cluster, key=_when) for cluster in clusters), key=_when))


def _when(infection: Infection) -> Any:
    return infection.key()


def _infection_keys(infection: Infection) -> list[Hashable]:
    keys: list[Hashable] = [infection.first_positive]
    if infection.uvci:
        keys.append(_identifier(infection.uvci))
    return keys


def _identifier(uvci: str) -> str:
    return "uvci " + normalise(uvci)


def _joined(
    statements: Sequence[_Statement], keys: Callable[[_Statement], list[Hashable]]
) -> list[list[_Statement]]:
    """Join the statements that share a key, directly or through others."""
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


MOST_WORLDS: Final = 64
"""The most combinations of readings that are tried, inclusive; with more, every answer is None."""

_MEANINGS: Final = {
    Stage.FIRST: "a dose that does not complete a course",
    Stage.PRIMARY: "the last dose of a course of several doses",
    Stage.SINGLE: "the course of a single-dose product",
    Stage.RECOVERED: "a course completed by one dose after recovery",
    Stage.EXTRA: "an extra dose of the primary course",
    Stage.BOOSTER: "a booster",
    Stage.UNCOUNTED: "a dose of a product that the programme does not recognise",
}
_SETTLED_BY: Final = (
    ({Stage.PRIMARY, Stage.BOOSTER}, "a pass that numbers the dose anew (2/1 for a booster)"),
    ({Stage.PRIMARY, Stage.BOOSTER}, "a rule of the programme on a second product"),
    ({Stage.FIRST, Stage.RECOVERED}, "a second dose, numbered 2/2"),
    ({Stage.FIRST, Stage.RECOVERED}, "a rule of the programme on one dose after recovery"),
    ({Stage.EXTRA, Stage.BOOSTER}, "the doses before it"),
    ({Stage.EXTRA, Stage.BOOSTER}, "whether the holder belongs to the group with extra doses"),
    ({Stage.FIRST, Stage.SINGLE}, "the product, or the numbers of the dose"),
    ({Stage.SINGLE, Stage.BOOSTER}, "a pass that numbers the dose as a booster"),
    ({Stage.UNCOUNTED}, "the product, by a name that is known"),
)


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """A dose with several readings; `dose` is its place among the doses, from 1."""

    dose: int
    readings: tuple[Stage, ...]
    """How the dose may be read."""
    settled_by: tuple[str, ...]
    """What would settle it, in words."""

    def to_json(self) -> dict[str, Any]:
        """Return the readings and their meanings as a JSON object."""
        meanings = {str(stage): _MEANINGS[stage] for stage in self.readings}
        return {"dose": self.dose, "readings": meanings, "settled_by": list(self.settled_by)}


World = tuple[Stage, ...]
"""One combination of readings: a stage for each dose."""


class Course(NamedTuple):
    """The readings of all doses: every world, and whether there were too many to try them all."""

    worlds: tuple[World, ...]
    too_many: bool = False

    def ambiguous(self) -> tuple[Ambiguous, ...]:
        """Return the doses that have several readings."""
        if len(self.worlds) == 1:
            return ()
        found = []
        for place, stages in enumerate(zip(*self.worlds, strict=True)):
            readings = frozenset(stages)
            if len(readings) > 1:
                settled = tuple(text for asked, text in _SETTLED_BY if asked <= readings)
                found.append(
                    Ambiguous(
                        place + 1, tuple(sorted(readings)), settled or ("the dose's numbers",)
                    )
                )
        return tuple(found)

    def marks(self, readings: Readings) -> tuple[Mark, ...]:
        """Return the marks of the programme's readings that these worlds rest on."""
        stages = {stage for world in self.worlds for stage in world}
        found: tuple[Mark, ...] = ()
        if len(self.worlds) > 1 and {Stage.PRIMARY, Stage.BOOSTER} <= stages:
            found += readings.single_then_other.marks()
        if len(self.worlds) > 1 and {Stage.FIRST, Stage.RECOVERED} <= stages:
            found += readings.one_dose_recovered.marks()
        if Stage.RECOVERED in stages and readings.dose_after_infection:
            found += readings.dose_after_infection.marks()
        if Stage.EXTRA in stages and readings.extra_dose:
            found += readings.extra_dose.marks()
        return found


_EMPTY: Final = Course(((),))


class _Clue(NamedTuple):
    """What the history says about one dose: its numbers, its product, its interval."""

    dose_number: int | None
    doses: int | None
    lengths: frozenset[int] | None
    recognised: bool | None
    infected_before: bool
    after_infection: bool
    """Whether it follows an infection as a reading of the programme asks."""
    extra: bool | None
    """Whether it would be an extra dose after a completed course; None where that is open."""
    booster_gap: bool
    others: tuple[tuple[int, int], ...]
    """Further numbers that sources state."""


def read_course(
    programme: Programme,
    events: Events,
    groups: frozenset[str] | None,
    readings: Readings | None = None,
) -> Course:
    """Read every dose of a history in each way that the rest of it allows.

    `readings` are those in force; None stands for the programme's own.
    """
    doses = events.doses
    if not doses:
        return _EMPTY
    if readings is None:
        readings = programme.readings
    known = programme.groups
    if groups and known and not groups <= known.keys():
        # A word that the programme does not know may stand for the group with extra doses.
        extra = readings.extra_dose
        groups = groups if extra is not None and extra.group in groups else None
    clues = []
    before = None
    after = readings.dose_after_infection
    infected = date.max
    infected_by: date | None = None
    if after is None and any(dose.dose_number is None for dose in doses):
        infected = _first_infection(events, programme.zone)
    if after is not None and (events.infections or events.tests):
        first = _first_infection(events, programme.zone, after.kinds)
        # Of one day nobody knows which came first.
        infected_by = max(add_to_day(first, after.at_least), add_to_day(first, _NEXT_DAY))
    for dose in doses:
        product, day = dose.product, dose.date
        recognised = True if product in programme.products else is_recognised(programme, dose)
        number = dose.dose_number
        # Of numbered doses only those at the end of a course of three or more leave this open.
        others = dose.numbers if isinstance(dose, DoseGiven) else ()
        later = number is None or number > 2
        clues.append(
            _Clue(
                number,
                dose.doses,
                _lengths(programme, dose),
                recognised,
                number is None and infected < day,
                infected_by is not None and infected_by <= day and infected_by < date.max,
                *(_extra(readings, before, day, groups) if later else (False, False)),
                others,
            )
        )
        if recognised is not False:
            before = day
    return _read(tuple(clues), readings.policies)


def _lengths(programme: Programme, dose: GivenDose) -> frozenset[int] | None:
    """Return how many doses complete a course; of disputed products, those of any of them."""
    if dose.product is not None:
        return programme.lengths(dose.product, dose.date)
    found: frozenset[int] = frozenset()
    for each in dose.stated if isinstance(dose, DoseGiven) else ():
        lengths = programme.lengths(each, dose.date)
        if lengths is None:
            return None
        found |= lengths
    return found or None


class _Policies(NamedTuple):
    """What `Readings.policies` lists, in its order."""

    then_other: Policy
    recovered: Policy
    two_of_one: Policy
    recovered_then_other: Policy
    after_infection: Policy


def is_recognised(programme: Programme, dose: GivenDose) -> bool | None:
    """Return whether a programme recognises a dose's product; None where the product is unknown.

    Where sources disagree, all that they state have to be recognised, or none.
    """
    product = dose.product
    if product is not None:
        if product in programme.products:
            return True
        return False if is_known(product) else None
    stated = dose.stated if isinstance(dose, DoseGiven) else frozenset()
    if stated and stated <= programme.products.keys():
        return True
    if stated and all(each not in programme.products and is_known(each) for each in stated):
        return False
    return None


class _Standing(NamedTuple):
    """What the doses that count so far come to in one world; it decides how the next is read."""

    counted: int = 0
    """How many they are, up to the one that completes a course."""
    completed: bool = False
    """Whether a course is complete."""
    by_one_dose: Stage | None = None
    """The stage of the one dose that completed a course, with no complete stage after it."""
    beyond: bool = False
    """Whether a dose after the course, an extra one or a booster, has been given."""

    def then(self, stage: Stage) -> _Standing:
        """Return the standing after one more dose."""
        if stage is Stage.UNCOUNTED:
            return self
        by_one_dose = self.by_one_dose
        completes = stage in COMPLETE
        if completes:
            one_dose = stage is Stage.SINGLE or stage is Stage.RECOVERED
            by_one_dose = stage if one_dose and not self.completed else None
        return _Standing(
            self.counted + (not self.completed),
            self.completed or completes,
            by_one_dose,
            self.beyond or stage is Stage.EXTRA or stage is Stage.BOOSTER,
        )


@lru_cache(maxsize=8192)
def _read(clues: tuple[_Clue, ...], listed: str) -> Course:
    policies = _Policies(*map(Policy, listed.split()))
    standings = [_Standing()]
    too_many = False
    # For each dose its stage in each world, with the place of the world before it: worlds share
    # their beginnings, so that a hundred doses do not cost a hundred copies of each.
    steps: list[list[tuple[int, Stage]]] = []
    for place, clue in enumerate(clues):
        following = clues[place + 1] if place + 1 < len(clues) else None
        two_of_two_next = following is not None and following[:2] == (2, 2) and not following.others
        # Worlds with one standing read a dose alike, and there are few standings.
        known: dict[_Standing, list[tuple[Stage, _Standing]]] = {}
        step: list[tuple[int, Stage]] = []
        reached: list[_Standing] = []
        for parent, standing in enumerate(standings):
            if standing not in known:
                stages: tuple[Stage, ...] = (Stage.UNCOUNTED,)
                if clue.recognised is not False:
                    stages = _stages(clue, two_of_two_next, standing, policies)
                    for number, doses in clue.others:
                        other = clue._replace(dose_number=number, doses=doses)
                        stages += _stages(other, two_of_two_next, standing, policies)
                    stages = tuple(dict.fromkeys(stages))
                if clue.recognised is None:
                    stages = (*stages, Stage.UNCOUNTED)
                known[standing] = [(stage, standing.then(stage)) for stage in stages]
            for stage, after in known[standing]:
                step.append((parent, stage))
                reached.append(after)
        too_many = too_many or len(step) > MOST_WORLDS
        steps.append(step[:MOST_WORLDS])
        standings = reached[:MOST_WORLDS]
    return Course(_unrolled(steps), too_many)


def _unrolled(steps: list[list[tuple[int, Stage]]]) -> tuple[World, ...]:
    """Follow each world back to the first dose."""
    places = list(range(len(steps[-1])))
    columns = []
    for step in reversed(steps):
        columns.append([step[place][1] for place in places])
        places = [step[place][0] for place in places]
    return tuple(zip(*reversed(columns), strict=True))


_BY_SEVERAL: Final = frozenset({Stage.FIRST, Stage.PRIMARY, Stage.RECOVERED})
"""The stages that no dose of a single-dose product has."""


def possible_products(programme: Programme, dose: GivenDose, stage: Stage) -> list[str]:
    """Return the products that a dose of an unknown or disputed product may be of at a stage."""
    stated = dose.stated if isinstance(dose, DoseGiven) else frozenset()
    codes = stated if stated and stated <= programme.products.keys() else programme.products.keys()
    found = []
    for code in sorted(codes):
        lengths = programme.lengths(code, dose.date)
        if stage is Stage.SINGLE and lengths is not None and 1 not in lengths:
            continue
        if stage not in _BY_SEVERAL or lengths != frozenset({1}):
            found.append(code)
    return found


def standing(
    doses: tuple[GivenDose, ...], world: World
) -> tuple[Stage | None, int, GivenDose | None]:
    """Return the stage reached, the number of doses that count, and the last of them."""
    reached: Stage | None = None
    counted = 0
    last = None
    for dose, stage in zip(doses, world, strict=True):
        if stage is Stage.UNCOUNTED:
            continue
        # A lone dose numbered 4/4 is the fourth, whatever became of the others.
        counted = max(counted + 1, dose.dose_number or 0)
        last = dose
        # A first dose after a completed course takes nothing back.
        if stage in COMPLETE or reached is None:
            reached = stage
    return reached, counted, last


def _first_infection(events: Events, zone: ZoneInfo, kinds: frozenset[str] | None = None) -> date:
    """Return the day of the first infection that a test of one of `kinds` proves.

    None stands for a PCR test, and for any statement of an infection.
    """
    days = [
        infection.first_positive
        for infection in events.infections
        if kinds is None or infection.proof in kinds
    ]
    days += [
        local_day(test.sampled_at, zone)
        for test in events.tests
        if test.positive and test.kind in (kinds or {"naat"})
    ]
    return min(days, default=date.max)


def _extra(
    readings: Readings, before: date | None, day: date, groups: frozenset[str] | None
) -> tuple[bool | None, bool]:
    """Return what group and interval say about a dose after a course.

    First whether it is an extra dose (None: open), then whether the interval is a booster's.
    """
    extra = readings.extra_dose
    if extra is None:
        return False, True
    gap = before is not None and add_to_day(before, extra.booster_from) <= day
    if groups is None:
        return None, gap
    late = before is not None and add_to_day(before, extra.within) <= day
    return extra.group in groups and not late, gap


def _stages(
    clue: _Clue, two_of_two_next: bool, standing: _Standing, policies: _Policies
) -> tuple[Stage, ...]:
    """Read one dose after those that count."""
    dose_number, doses = clue.dose_number, clue.doses
    if dose_number is None or doses is None:
        return _unnumbered(clue, standing, policies)
    if dose_number < doses:
        if clue.after_infection and dose_number == 1 and not standing.counted:
            return _recovered(policies.after_infection)
        return (Stage.FIRST,)
    if dose_number > doses:
        if (dose_number, doses) == (2, 1) and standing.by_one_dose is not Stage.RECOVERED:
            return _SECONDS[policies.two_of_one]
        return (Stage.BOOSTER,)
    if doses == 1:
        return _one_of_one(clue, two_of_two_next, standing, policies.recovered)
    if doses == 2:
        return _two_of_two(clue, standing, policies)
    if clue.lengths and max(clue.lengths) >= doses and not standing.completed:
        return (Stage.PRIMARY,)
    return _later(clue, standing)


_SECONDS: Final = {
    Policy.AMBIGUOUS: (Stage.PRIMARY, Stage.BOOSTER),
    Policy.PRIMARY: (Stage.PRIMARY,),
    Policy.BOOSTER: (Stage.BOOSTER,),
}
"""What a dose after a completed course is by each policy."""


def _one_of_one(
    clue: _Clue, two_of_two_next: bool, standing: _Standing, recovered: Policy
) -> tuple[Stage, ...]:
    single = clue.lengths is None or 1 in clue.lengths
    if standing.completed:
        return (Stage.SINGLE if single else Stage.PRIMARY, Stage.BOOSTER)
    if clue.lengths == frozenset({1}):
        return (Stage.SINGLE,)
    if two_of_two_next:
        return (Stage.FIRST,)
    if standing.counted:
        return (Stage.PRIMARY,)
    found = _recovered(recovered)
    return (Stage.SINGLE, *found) if single else found


def _recovered(policy: Policy) -> tuple[Stage, ...]:
    if policy is Policy.AMBIGUOUS:
        return (Stage.FIRST, Stage.RECOVERED)
    return (Stage.RECOVERED if policy is Policy.RECOVERED else Stage.FIRST,)


def _two_of_two(clue: _Clue, standing: _Standing, policies: _Policies) -> tuple[Stage, ...]:
    if clue.lengths == frozenset({1}):
        return _SECONDS[policies.two_of_one] if standing.by_one_dose else (Stage.BOOSTER,)
    if not standing.completed:
        return (Stage.PRIMARY,)
    return _after_one(standing, policies)


def _after_one(standing: _Standing, policies: _Policies) -> tuple[Stage, ...]:
    """Read a second product after a completed course, where its number leaves two readings."""
    if standing.by_one_dose is Stage.SINGLE:
        return _SECONDS[policies.then_other]
    if standing.by_one_dose is Stage.RECOVERED:
        return _SECONDS[policies.recovered_then_other]
    return (Stage.PRIMARY, Stage.BOOSTER)


def _unnumbered(clue: _Clue, standing: _Standing, policies: _Policies) -> tuple[Stage, ...]:
    if standing.completed:
        if standing.by_one_dose and clue.lengths != frozenset({1}):
            return _after_one(standing, policies)
        return _later(clue, standing)
    place = standing.counted + 1
    if clue.lengths == frozenset({1}):
        return (Stage.SINGLE,)
    if place >= (max(clue.lengths) if clue.lengths else 2):
        return (Stage.PRIMARY,)
    found: tuple[Stage, ...] = (Stage.FIRST,)
    if place == 1 and clue.infected_before and policies.recovered is Policy.RECOVERED:
        found = (Stage.RECOVERED,)
    elif place == 1 and clue.after_infection:
        found = _recovered(policies.after_infection)
    if clue.lengths is None or place in clue.lengths:
        found += (Stage.SINGLE if place == 1 else Stage.PRIMARY,)
    return found


def _later(clue: _Clue, standing: _Standing) -> tuple[Stage, ...]:
    """Read a dose after a completed course, or one whose number says that there was one."""
    if standing.beyond or clue.extra is False:
        return (Stage.BOOSTER,)
    if clue.extra:
        return (Stage.EXTRA,)
    if standing.counted and clue.booster_gap:
        return (Stage.BOOSTER,)
    return (Stage.BOOSTER, Stage.EXTRA)
