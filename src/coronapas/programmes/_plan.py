"""When is the next dose? A history judged by the schedule in force on one day.

The schedule is that of the day asked about: offers by stage, previous product, age, group and
date. Periods are counted in the local calendar from the last dose. A dose that is long overdue
never begins a course anew: the next one is still the one that was missing. Whether a dose is due
says nothing about whether the pass is valid; `coronapas.programmes.check` does.

`next_dose` answers for one history, with reasons. It works through a `Planner`, which keeps what
depends on the programme and the day alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import (
    TYPE_CHECKING,
    Any,
    Final,
    NamedTuple,
)

from coronapas._time import as_utc
from coronapas.facts._history import History, births
from coronapas.programmes._clock import (
    add_to_day,
    birthday,
    born_by,
    local_day,
    midnight,
)
from coronapas.programmes._course import (
    Course,
    Events,
    GivenDose,
    distinct_infections,
    distinct_tests,
    doses_given,
    infections_of,
    possible_products,
    read_course,
    standing,
    tests_of,
)
from coronapas.programmes._evidence import births_that_decide, infections, member_since
from coronapas.programmes._model import (
    Access,
    Offer,
    ProductLimit,
    Programme,
    Row,
    Stage,
)
from coronapas.programmes._reasons import Reason, audience_words, remarks

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from coronapas.programmes._course import Ambiguous, World
    from coronapas.programmes._model import Mark

ADULT: Final = 18
"""An unknown birth date is read as every age from this one on; all must agree."""


class Status(StrEnum):
    """Where a holder stands with the next dose."""

    ELIGIBLE = "eligible"
    """The dose may be given; no day is recommended for it, or the day has not come."""
    DUE = "due"
    """The recommended day has come."""
    TOO_EARLY = "too-early"
    """The dose will be offered, from the earliest day on."""
    NOT_OFFERED = "not-offered"
    """No dose is offered by the schedule of this day."""
    AMBIGUOUS = "ambiguous"
    """The history can be read in several ways with different answers."""


class Plan(NamedTuple):
    """The answer in one reading; days are local and inclusive; None where none is set.

    `offers` are those that the answer rests on, the deciding one first; `refusals` the rows that
    stand against a dose.
    """

    status: Status
    dose: int
    earliest: date | None
    recommended: date | None
    latest: date | None
    products: tuple[str, ...]
    offers: tuple[Offer, ...]
    refusals: tuple[Row, ...]
    waiting: Row | None
    access: Access | None = None

    def __repr__(self) -> str:
        return f"<Plan: {self.status}, dose {self.dose}>"


class Match(NamedTuple):
    """An offer to a person, with its days."""

    earliest: date
    recommended: date | None
    latest: date | None
    products: tuple[str, ...]
    offer: Offer
    waiting: Row | None


class _Ready(NamedTuple):
    """An offer that stands: whether doses limit it, and whether a product of it is limited."""

    offer: Offer
    by_doses: bool
    limited: bool


class Planner:
    """The schedule of one local day, made ready for many histories."""

    def __init__(self, programme: Programme, on: date) -> None:
        self.programme = programme
        self.on = on
        schedule = programme.schedule
        self._limits: dict[str, list[ProductLimit]] = {}
        for limit in schedule.limits:
            if limit.stands_on(on):
                for code in (limit.product, *programme.variants_of(limit.product)):
                    self._limits.setdefault(code, []).append(limit)
        self._offers: dict[Stage | None, list[_Ready]] = {}
        for offer in schedule.offers:
            if offer.stands_on(on):
                limited = not (
                    offer.free_of_limits or self._limits.keys().isdisjoint(offer.products)
                )
                row = _Ready(offer, offer.is_limited_by_doses, limited)
                for stage in offer.after:
                    self._offers.setdefault(stage, []).append(row)
        self._deciding: dict[Stage | None, list[str]] = {}
        self._cuts: dict[Stage | None, set[int]] = {}
        self._previous = {code for each in schedule.offers for code in each.previous or ()}
        self._waits = [wait for wait in schedule.waits if wait.stands_on(on)]
        end = midnight(on + timedelta(days=1), programme.zone) - timedelta(microseconds=1)
        self.readings = programme.readings_at(end)
        # The youngest adult was not born on the day itself: nobody is taken to turn 18 on it.
        youngest = birthday(on, -ADULT - 1) + timedelta(days=1)
        self._unknown_births = (youngest, date(1850, 1, 1))

    def events(self, history: History) -> Events:
        """Return the events up to the end of the day; of the tests only the positive ones."""
        doses = doses_given(self.programme, history.doses)
        if doses and doses[-1].date > self.on:
            doses = tuple(dose for dose in doses if dose.date <= self.on)
        disease = self.programme.disease
        past = infections_of(history.infections, disease)
        if len(past) > 1:
            past = distinct_infections(past)
        if past and past[-1].first_positive > self.on:
            past = tuple(each for each in past if each.first_positive <= self.on)
        tests = tests_of(history.tests, disease)
        if tests:
            # Without identifiers a joined test is of the moment that each statement has.
            if any(test.uvci for test in tests):
                tests = distinct_tests(tests)
            zone = self.programme.zone
            tests = tuple(
                each
                for each in tests
                if each.positive and local_day(each.sampled_at, zone) <= self.on
            )
        return Events(doses, tests, past)

    def plan(self, history: History) -> Plan:
        """Return the answer that holds in every reading of a history."""
        plans, course, _ = self.plans(history)
        if len(plans) == 1 and not course.too_many:
            return plans[0]
        return joined(plans, course)

    def plans(self, history: History) -> tuple[list[Plan], Course, Events]:
        """Return the answer in every reading of the doses and the birth date."""
        events = self.events(history)
        course = read_course(self.programme, events, history.groups, self.readings)
        days = births(history.birth_date) or self._unknown_births
        births_: tuple[date, ...] = days[:1]
        if days[0] != days[1]:
            reached = {standing(events.doses, world)[0] for world in course.worlds}
            births_ = self._births(*days, reached)
        groups = history.groups
        known = self.programme.groups
        if groups and known and not groups <= known.keys():
            # A word that the programme does not know may stand for any group.
            found = self.plans_of(events, course, births_, groups & known.keys(), is_open=True)
        else:
            is_open = groups is None
            found = self.plans_of(events, course, births_, groups or _NO_GROUPS, is_open=is_open)
        return found, course, events

    def plans_of(
        self,
        events: Events,
        course: Course,
        births_: tuple[date, ...],
        groups: frozenset[str],
        *,
        is_open: bool = False,
    ) -> list[Plan]:
        """Return the answer in every reading for a member of these groups.

        `is_open` is whether the person may belong to others. The first two of `births_` are the
        ends of the time of birth, where it is known in part.
        """
        infected = self._last_infection(events)
        found: list[Plan] = []
        for place, born in enumerate(births_):
            if place > 1 and any(each.status is not found[0].status for each in found):
                break  # the answer is open already
            several = []
            for world in course.worlds:
                several += self._plans(events, world, born, groups, infected)
                if is_open:
                    several += self._in_every_group(events, world, born, groups, infected)
            found += several if place < 2 else _undated(several, found)
        return found

    def _births(self, first: date, last: date, reached: Iterable[Stage | None]) -> tuple[date, ...]:
        """Return the ends of a time of birth, and the days in it at which an answer may change."""
        cuts = {cut for stage in reached for cut in self._cuts_after(stage)}
        low, high = sorted((first.toordinal(), last.toordinal()))
        inside = sorted(cut for cut in cuts if low < cut < high)
        return first, last, *map(date.fromordinal, inside)

    def _cuts_after(self, stage: Stage | None) -> set[int]:
        """Return the first birth dates, as ordinals, for which the rows say something else."""
        cuts = self._cuts.get(stage)
        if cuts is None:
            limits = [limit for rows in self._limits.values() for limit in rows]
            ages = [limit.age_below for limit in limits]
            ages += [age for wait in self._waits for age in (wait.age_from, wait.age_below)]
            cuts = {born_by(self.on, age) for age in ages if age is not None}
            for offer, _, _ in self._offers.get(stage, ()):
                for audience in offer.audiences:
                    cuts.update(births_that_decide(audience, offer.until, self.on, HORIZON))
            self._cuts[stage] = cuts
        return cuts

    def _in_every_group(
        self,
        events: Events,
        world: World,
        born: date,
        groups: frozenset[str],
        infected: date | None,
    ) -> list[Plan]:
        """Return the answers for members of the groups that are known and of one more."""
        reached = standing(events.doses, world)[0]
        return [
            plan
            for name in self._groups_that_decide(reached)
            if name not in groups
            for plan in self._plans(events, world, born, groups | {name}, infected)
        ]

    def _groups_that_decide(self, stage: Stage | None) -> list[str]:
        """Return the groups whose members are offered something that others are not.

        Nobody belongs to a group of those who opted in without a choice of their own.
        """
        found = self._deciding.get(stage)
        if found is None:
            names = {
                name
                for offer, _, _ in self._offers.get(stage, ())
                if offer.access is not Access.OPT_IN
                for audience in offer.audiences
                for name in (*(audience.groups or ()), *audience.except_groups)
            }
            found = self._deciding[stage] = sorted(names)
        return found

    def _last_infection(self, events: Events) -> date | None:
        """Return the day of the last infection, where it can keep a dose waiting."""
        if not self._waits or not (events.infections or events.tests):
            return None
        days = infections(events, self.programme.zone)
        return days[-1][0] if days else None

    def _waiting(
        self, infected: date, stage: Stage | None, product: str, born: date
    ) -> tuple[date, Row] | None:
        """Return until when a product is not given after an infection, and by which row."""
        found = [
            (add_to_day(infected, wait.lasts), wait)
            for wait in self._waits
            if (wait.after is None or stage in wait.after)
            and (wait.products is None or product in wait.products)
            and (wait.age_from is None or birthday(born, wait.age_from) <= self.on)
            and (wait.age_below is None or self.on < birthday(born, wait.age_below))
        ]
        return max(found, key=lambda each: each[0], default=None)

    def _by_wait(
        self, infected: date, stage: Stage | None, products: tuple[str, ...], born: date
    ) -> list[tuple[tuple[date, Row] | None, tuple[str, ...]]]:
        """Return the products that are kept waiting alike, with their wait."""
        found: dict[tuple[date, Row] | None, tuple[str, ...]] = {}
        for product in products:
            wait = self._waiting(infected, stage, product, born)
            found[wait] = (*found.get(wait, ()), product)
        return list(found.items())

    def _plans(
        self,
        events: Events,
        world: World,
        born: date,
        groups: frozenset[str],
        infected: date | None,
    ) -> list[Plan]:
        """Return the answers for each product that the last dose may have been of."""
        stage, counted, last = standing(events.doses, world)
        codes: tuple[str | None, ...] = (last.product if last is not None else None,)
        if last is not None and stage is not None and last.product not in self.programme.products:
            # None stands for all that no offer asks for.
            found = possible_products(self.programme, last, stage)
            named = [code if code in self._previous else None for code in found]
            codes = tuple(dict.fromkeys(named)) or (None,)
        return [
            self._plan(events, world, born, groups, infected, (stage, counted, last, code))
            for code in codes
        ]

    def _plan(
        self,
        events: Events,
        world: World,
        born: date,
        groups: frozenset[str],
        infected: date | None,
        reached: tuple[Stage | None, int, GivenDose | None, str | None],
    ) -> Plan:
        stage, counted, last, product = reached
        matches: list[Match] = []
        later: list[Match] = []
        refusals: list[Row] = []
        for offer, by_doses, limited in self._offers.get(stage, ()):
            if offer.previous is not None and product not in offer.previous:
                continue
            if by_doses and not _fits_doses(offer, events.doses, world, last, counted):
                continue
            since = member_since(offer.audiences, born, self.on, groups)
            if since is None or (since > self.on and not _comes_in_time(offer, since, self.on)):
                continue
            if not offer.products:
                refusals.append(offer)
                continue
            products = offer.products
            if limited:
                products = self._allowed(offer, born, refusals)
            if products:
                before = events.doses[-1].date if events.doses else None
                several = matches if since <= self.on else later
                if infected is None:
                    several.append(match(offer, products, since, before, last, None))
                    continue
                for wait, waiting in self._by_wait(infected, stage, products, born):
                    several.append(match(offer, waiting, since, before, last, wait))
        return self._chosen(matches or later, refusals, counted + 1)

    def _allowed(self, offer: Offer, born: date, refusals: list[Row]) -> tuple[str, ...]:
        allowed = []
        for product in offer.products:
            against = None
            for limit in self._limits.get(product, ()):
                if limit.age_below is None or self.on < birthday(born, limit.age_below):
                    against = limit
            if against is None:
                allowed.append(product)
            elif against not in refusals:
                refusals.append(against)
        return tuple(allowed)

    def _chosen(self, matches: list[Match], refusals: list[Row], dose: int) -> Plan:
        if not matches:
            return Plan(Status.NOT_OFFERED, dose, None, None, None, (), (), tuple(refusals), None)
        best = matches[0] if len(matches) == 1 else min(matches, key=self._preference)
        products = best.products
        offers: tuple[Offer, ...] = (best.offer,)
        for other in matches:
            if other is not best and other.earliest <= max(self.on, best.earliest):
                products += tuple(product for product in other.products if product not in products)
                offers += (other.offer,)
        if self.on < best.earliest:
            status = Status.TOO_EARLY
        elif best.recommended is not None and best.recommended <= self.on:
            status = Status.DUE
        else:
            status = Status.ELIGIBLE
        return Plan(
            status,
            dose,
            best.earliest,
            best.recommended,
            best.latest,
            products,
            offers,
            tuple(refusals),
            best.waiting,
            best.offer.access,
        )

    def _preference(self, match: Match) -> tuple[date, int, date, date, int]:
        """Return the order of offers: what may be given, by invitation, first."""
        return (
            max(match.earliest, self.on),
            _ORDER[match.offer.access],
            match.earliest,
            match.recommended or date.max,
            -len(match.products),
        )


_PLANNERS: Final[dict[tuple[int, date], Planner]] = {}
_MOST_PLANNERS: Final = 512


def planner_of(programme: Programme, on: date) -> Planner:
    """Return the planner of a programme and a day; those made last are kept."""
    key = id(programme), on
    found = _PLANNERS.get(key)
    # A kept planner keeps its programme, so that the identity cannot be that of another.
    if found is None:
        if len(_PLANNERS) >= _MOST_PLANNERS:
            _PLANNERS.clear()
        found = _PLANNERS[key] = Planner(programme, on)
    return found


_NO_GROUPS: Final[frozenset[str]] = frozenset()


def _undated(plans: list[Plan], found: list[Plan]) -> list[Plan]:
    """Return answers for birth dates between the ends that differ from those found, without days.

    The days are those of the first and the last birth date.
    """
    known = {(each.status, each.products, each.access) for each in found}
    return [
        each._replace(earliest=None, recommended=None, latest=None)
        for each in plans
        if (each.status, each.products, each.access) not in known
    ]


_ORDER: Final = {
    Access.INVITATION: 0,
    Access.REFERRAL: 1,
    Access.OWN_INITIATIVE: 2,
    Access.OPT_IN: 3,
}

HORIZON: Final = timedelta(days=366)
"""How far ahead an age that is not reached yet makes a dose too early: this project's bound."""


def _comes_in_time(offer: Offer, since: date, on: date) -> bool:
    """Return whether someone joins the audience soon, while the offer stands."""
    in_time = since - on <= HORIZON and (offer.until is None or since < offer.until)
    return in_time and bool(offer.products)


def _fits_doses(
    offer: Offer,
    doses: tuple[GivenDose, ...],
    world: World,
    last: GivenDose | None,
    counted: int,
) -> bool:
    """Return whether the doses that count are those after which a dose is offered."""
    if offer.numbers is not None and counted + 1 not in offer.numbers:
        return False
    if last is not None:
        if offer.last_dose_from is not None and last.date < offer.last_dose_from:
            return False
        if offer.last_dose_until is not None and last.date >= offer.last_dose_until:
            return False
    return offer.had is None or any(
        dose.product in offer.had
        for dose, stage in zip(doses, world, strict=True)
        if stage is not Stage.UNCOUNTED
    )


def match(
    offer: Offer,
    products: tuple[str, ...],
    since: date,
    before: date | None,
    last: GivenDose | None,
    wait: tuple[date, Row] | None,
) -> Match:
    """Return when a person who belongs to an audience since a day is given a dose.

    `before` is the day of the last dose, and `last` the last one that counts.
    """
    recommended = latest = None
    waiting = None
    if last is None or offer.earliest is None:
        earliest = max(offer.starts, since)
    else:
        # By the schedule of the day asked about, an interval counts whenever its row began.
        earliest = max(add_to_day(last.date, offer.earliest), since)
    if before is not None and before > earliest:
        earliest = before
    if offer.opens is not None and offer.opens > earliest:
        earliest = offer.opens
    if last is not None:
        if offer.recommended is not None:
            recommended = max(earliest, add_to_day(last.date, offer.recommended))
        if offer.latest is not None:
            latest = add_to_day(last.date, offer.latest)
    if wait is not None and wait[0] > earliest:
        earliest, waiting = wait
        recommended = recommended and max(recommended, earliest)
    return Match(earliest, recommended, latest, products, offer, waiting)


@dataclass(frozen=True, slots=True)
class NextDose:
    """The answer for one history on one day.

    Days are local and inclusive; None where none is set or known. `dose` is the number
    of the next dose among those that count. `products` are codes. With readings that differ,
    `status` is `Status.AMBIGUOUS` and the days are None; where only the days differ the cautious
    ones are given. `access` is how one comes to the dose, None where there is none; `variants` are
    words for the adapted products that are given. `strengths` are the amounts of one dose, in
    words, in the order of the products; None where the programme states none.
    """

    programme: str
    """The programme's identifier."""
    on: date
    """The local day of the question."""
    status: Status
    dose: int
    earliest: date | None = field(repr=False)
    """The first day on which the dose may be given."""
    recommended: date | None = field(repr=False)
    """The day that is recommended."""
    latest: date | None = field(repr=False)
    """The last day."""
    products: tuple[str, ...]
    product_names: tuple[str, ...]
    """The names of `products`, in the same order."""
    offers: tuple[str, ...]
    """The identifiers of the rows that offer the dose."""
    overdue: bool
    """Whether the last day is over."""
    reasons: tuple[Reason, ...] = field(repr=False)
    """The reasons, the leading one first."""
    ambiguous: tuple[Ambiguous, ...] = field(repr=False)
    """The doses that can be read in several ways, where the readings lead to different answers."""
    marks: tuple[Mark, ...] = field(repr=False)
    """What is uncertain about the rows that the answer rests on."""
    access: Access | None = None
    variants: tuple[str, ...] = ()
    strengths: tuple[str | None, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the answer as a JSON object; days as YYYY-MM-DD, inclusive, local."""
        return {
            "programme": self.programme,
            "on": self.on.isoformat(),
            "status": str(self.status),
            "dose": self.dose,
            "earliest": self.earliest and self.earliest.isoformat(),
            "recommended": self.recommended and self.recommended.isoformat(),
            "latest": self.latest and self.latest.isoformat(),
            "products": list(self.products),
            "product_names": list(self.product_names),
            "offers": list(self.offers),
            "access": self.access and str(self.access),
            "variants": list(self.variants),
            "strengths": list(self.strengths),
            "overdue": self.overdue,
            "reasons": [reason.to_json() for reason in self.reasons],
            "ambiguous": [each.to_json() for each in self.ambiguous],
            "marks": [mark.to_json() for mark in self.marks],
        }


def next_dose(programme: Programme, history: History, on: date | datetime) -> NextDose:
    """Find which dose is next for a holder by the schedule of a local day.

    An instant is turned into the programme's local day; it must have a time zone (ValueError).
    Doses and infections after the day do not count.
    """
    if isinstance(on, datetime):
        on = local_day(as_utc(on), programme.zone)
    planner = planner_of(programme, on)
    plans, course, events = planner.plans(history)
    plan = joined(plans, course)
    marks = [*course.marks(planner.readings)]
    for row in (*plan.offers, *plan.refusals, *((plan.waiting,) if plan.waiting else ())):
        marks += row.marks()
    return NextDose(
        programme=programme.id,
        on=on,
        status=plan.status,
        dose=plan.dose,
        earliest=plan.earliest,
        recommended=plan.recommended,
        latest=plan.latest,
        products=plan.products,
        product_names=tuple(programme.product_name(code) for code in plan.products),
        offers=tuple(offer.id for offer in plan.offers),
        overdue=plan.latest is not None and plan.latest < on,
        reasons=plan_reasons(programme, on, plan, plans, course, events, history),
        ambiguous=course.ambiguous(),
        marks=tuple(dict.fromkeys(marks)),
        access=plan.access,
        variants=tuple(dict.fromkeys(word for each in plan.offers for word in each.variants)),
        strengths=tuple(programme.strength(code) for code in plan.products),
    )


def joined(plans: list[Plan], course: Course) -> Plan:
    """Put the answers of all readings into one: the cautious days where the status is the same.

    Without a product that all of them offer there is no answer, though each offers a dose.
    """
    first = plans[0]
    products = tuple(
        code for code in first.products if all(code in each.products for each in plans)
    )
    if (
        course.too_many
        or any(each.status is not first.status for each in plans)
        or (first.products and not products)
    ):
        offers = tuple(dict.fromkeys(offer for each in plans for offer in each.offers))
        return Plan(Status.AMBIGUOUS, first.dose, None, None, None, (), offers, (), None)
    if len(plans) == 1 or all(each == first for each in plans):
        return first
    return first._replace(
        dose=max(each.dose for each in plans),
        earliest=max((each.earliest for each in plans if each.earliest), default=None),
        recommended=max((each.recommended for each in plans if each.recommended), default=None),
        latest=min((each.latest for each in plans if each.latest), default=None),
        products=products,
        offers=tuple(dict.fromkeys(offer for each in plans for offer in each.offers)),
        refusals=tuple(dict.fromkeys(row for each in plans for row in each.refusals)),
        access=max(
            (each.access for each in plans if each.access), key=_ORDER.__getitem__, default=None
        ),
    )


# Reasons in words.


def plan_reasons(
    programme: Programme,
    on: date,
    plan: Plan,
    plans: list[Plan],
    course: Course,
    events: Events,
    history: History,
) -> tuple[Reason, ...]:
    """Return the reasons, the deciding ones first."""
    found: list[Reason] = []
    if plan.status is Status.AMBIGUOUS:
        found += _ambiguous(programme, plans, course, history, _groups_of(plans))
    elif plan.status is Status.NOT_OFFERED:
        found += _not_offered(programme, on, plan, events)
    else:
        found += _offered(on, plan, events)
    if plan.access is not None and plan.access is not Access.INVITATION:
        found.append(Reason("access", _ACCESS[plan.access], plan.offers[0].id))
    found += remarks(programme, history, events)
    if history.birth_date is None:
        text = "The birth date is unknown: an answer stands only where every adult age leads to it."
        found.append(Reason("birth-date", text))
    return tuple(dict.fromkeys(found))


_ACCESS: Final = {
    Access.OWN_INITIATIVE: "Nobody is invited: the dose is given to those who ask for it.",
    Access.REFERRAL: "A doctor refers those who are given the dose.",
    Access.OPT_IN: "The dose is given to those who chose it beside the programme.",
}


def _said(code: str, text: str, row: Row) -> Reason:
    return Reason(code, text, row.id, None, row.source or None, row.confidence)


def _offered(on: date, plan: Plan, events: Events) -> Iterator[Reason]:
    offer = plan.offers[0]
    if plan.status is Status.TOO_EARLY:
        text = f"Dose {plan.dose} is too early until {plan.earliest}"
        text += (
            f": {offer.earliest} after the last dose." if events.doses and offer.earliest else "."
        )
        yield _said("too-early", text, offer)
    elif plan.status is Status.DUE:
        yield _said("due", f"Dose {plan.dose} is due since {plan.recommended}.", offer)
    else:
        text = f"Dose {plan.dose} is offered since {plan.earliest}"
        text += f" and recommended from {plan.recommended}." if plan.recommended else "."
        yield _said("eligible", text, offer)
    if plan.waiting is not None:
        yield _said("waiting", f"After an infection no dose before {plan.earliest}.", plan.waiting)
    if plan.latest is not None and plan.latest < on:
        text = f"The latest day was {plan.latest}: the course goes on and is not begun anew."
        yield _said("overdue", text, offer)
    yield from _refused(plan)


def _refused(plan: Plan) -> Iterator[Reason]:
    for row in plan.refusals:
        if isinstance(row, ProductLimit):
            yield _said(row.status, row.why, row)
        elif isinstance(row, Offer) and plan.status is Status.NOT_OFFERED:
            yield _said("not-offered", row.why or "", row)


def _not_offered(programme: Programme, on: date, plan: Plan, events: Events) -> Iterator[Reason]:
    yield from _refused(plan)
    if plan.refusals:
        return
    schedule = programme.schedule
    if not schedule.offers:
        yield Reason("not-offered", "The programme has no schedule of doses.")
        return
    begins = min(offer.starts for offer in schedule.offers)
    if on < begins:
        yield Reason("not-offered", f"The programme of doses begins on {begins}.")
        return
    stage = "first" if not events.doses else "next"
    standing = [offer for offer in schedule.offers if offer.stands_on(on) and offer.products]
    text = f"No offer of this day fits for the {stage} dose."
    yield Reason("not-offered", text)
    first = {None} if not events.doses else None
    for offer in standing:
        if first is not None and not offer.after & first:
            continue
        if first is None and (None in offer.after or offer.previous is not None):
            continue
        whom = "; or ".join(audience_words(audience) for audience in offer.audiences)
        yield _said("audience", f"A dose is offered to: {whom}.", offer)


def _ambiguous(
    programme: Programme,
    plans: list[Plan],
    course: Course,
    history: History,
    groups: tuple[str, ...],
) -> Iterator[Reason]:
    if course.too_many:
        text = "Too many doses can be read in several ways to try every combination."
        yield Reason("ambiguous", text)
    for each in course.ambiguous():
        words, settled = " or ".join(each.readings), "; ".join(each.settled_by)
        text = f"Dose {each.dose} can be read as {words}. What would settle it: {settled}."
        yield Reason("ambiguous", text)
    known = programme.groups
    unknown = history.groups is None or (known and not history.groups <= known.keys())
    if unknown and groups:
        names = ", ".join(groups)
        text = f"The holder's groups are unknown, and the answer can depend on them: {names}."
        yield Reason("groups", text)
    days = births(history.birth_date)
    if days is None or days[0] != days[1]:
        yield Reason("birth-date", "The answer depends on the exact birth date.")
    for plan in plans:
        since = f" from {plan.earliest}" if plan.earliest else ""
        row = plan.offers[0].id if plan.offers else None
        yield Reason("reading", f"In one reading: {plan.status}{since}.", row)


def _groups_of(plans: list[Plan]) -> tuple[str, ...]:
    """Return the groups that the rows behind the answers name."""
    found = {
        name
        for plan in plans
        for row in (*plan.offers[:1], *plan.refusals)
        if isinstance(row, Offer)
        for audience in row.audiences
        for name in (*(audience.groups or ()), *audience.except_groups)
    }
    return tuple(sorted(found))
