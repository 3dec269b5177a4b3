"""Which evidence holds under one revision, in one reading of the doses: intervals and suspensions.

All intervals are half-open spans in UTC: the start belongs to them, the end does not. They are
those of the revision's rules alone; `check` and `timeline` limit them to the time for which the
revision is in force.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from coronapas.programmes._clock import (
    FOREVER,
    Period,
    Span,
    add_to_day,
    after,
    after_day,
    age_words,
    birthday,
    born_by,
    lies_in,
    local_day,
    midnight,
    overlapping,
    union,
    within,
)
from coronapas.programmes._model import TEST_KINDS, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from zoneinfo import ZoneInfo

    from coronapas.programmes._course import Events, GivenDose, World
    from coronapas.programmes._model import (
        Audience,
        EvidenceRule,
        Preceding,
        Programme,
        Revision,
        Row,
    )

_DAY: Final = Period(days=1)
_ONE_DAY: Final = timedelta(days=1)
_BEGINNING: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Evidence:
    """One piece of evidence: an event of the history.

    `kind` is ``test``, ``recovery`` or ``vaccination``; `number` its place among the events of that
    kind, from 1. `moment` is the local day of a dose or infection, the instant of a sample. `stage`
    is the reading of a dose; `detail` the product's code or the kind of test.
    """

    kind: str
    number: int
    moment: date | datetime = field(repr=False)
    stage: Stage | None = None
    detail: str | None = field(default=None, repr=False)


class Holding(NamedTuple):
    """A piece of evidence under a rule: from `start`, inclusive, until `end`, exclusive, in UTC.

    `end` is `coronapas.programmes.FOREVER` where the rule has no end.
    """

    evidence: Evidence
    """What holds."""
    rule: EvidenceRule
    start: datetime
    end: datetime

    def __repr__(self) -> str:
        return f"<Holding: {self.evidence.kind} {self.evidence.number} by {self.rule.id}>"


class Suspended(NamedTuple):
    """A time for which a positive test, or an infection, of that number suspends the pass."""

    kind: str
    number: int
    start: datetime
    end: datetime
    lifted: bool

    def __repr__(self) -> str:
        return f"<Suspended by {self.kind} {self.number}>"


class Person(NamedTuple):
    """What the rules ask about the holder; with `born` None the holder is judged as an adult.

    `place` and `region` are those of the check.
    """

    born: date | None
    sector: str | None = None
    groups: frozenset[str] = frozenset()
    place: str | None = None
    region: str | None = None

    def __repr__(self) -> str:
        return f"<Person: place {self.place}, region {self.region}>"


class Shared(NamedTuple):
    """What all readings of the doses have in common: tests, infections, suspensions, exemption.

    The spans are in order and do not overlap.
    """

    holdings: tuple[Holding, ...]
    good: tuple[Span, ...]
    suspensions: tuple[Suspended, ...]
    suspended: tuple[Span, ...]
    exempt: tuple[Span, ...]

    def __repr__(self) -> str:
        return f"<Shared: {len(self.holdings)} holdings>"


class View(NamedTuple):
    """One revision's account of a history in one reading; `doses` are the holdings of its doses."""

    doses: tuple[Holding, ...]
    good: tuple[Span, ...]
    shared: Shared

    def __repr__(self) -> str:
        return f"<View: {len(self.doses)} holdings of doses>"

    @property
    def holdings(self) -> tuple[Holding, ...]:
        """Every piece of evidence that counts at some time."""
        return self.doses + self.shared.holdings

    def exempt_at(self, moment: datetime) -> bool:
        """Return whether no pass is asked of the holder at an instant, whatever the evidence."""
        return bool(self.shared.exempt) and lies_in(self.shared.exempt, moment)

    def suspended_at(self, moment: datetime) -> bool:
        """Return whether a positive test suspends the pass at an instant."""
        return bool(self.shared.suspended) and lies_in(self.shared.suspended, moment)

    def valid_at(self, moment: datetime) -> bool:
        """Return whether the pass is valid at an instant under these rules."""
        if self.exempt_at(moment):
            return True
        if self.suspended_at(moment):
            return False
        return lies_in(self.good, moment) or lies_in(self.shared.good, moment)


def asks_doses(revision: Revision) -> bool:
    """Return whether a rule of a revision asks which dose came before an event."""
    rules = (*revision.recoveries, *revision.vaccinations)
    return any(rule.preceded_by and rule.preceded_by.event == "dose" for rule in rules)


def counted(events: Events, worlds: Sequence[World]) -> Events:
    """Return the events with those of the doses that count in one of these readings."""
    if not any(Stage.UNCOUNTED in world for world in worlds):
        return events
    stages = zip(*worlds, strict=True)
    doses = zip(events.doses, stages, strict=True)
    return events._replace(
        doses=tuple(dose for dose, several in doses if set(several) != {Stage.UNCOUNTED})
    )


def shared_by_all(
    programme: Programme,
    revision: Revision,
    events: Events,
    people: Sequence[Person],
    needed: Needed | None = None,
) -> tuple[Shared, ...]:
    """Judge tests and infections under one revision, for each reading of the birth date."""
    found = []
    needed = needed or Needed(programme, events)
    suspensions = _suspensions(programme, revision, events)
    suspended = tuple(union((suspension.start, suspension.end) for suspension in suspensions))
    for person in people:
        holdings = (
            *_infections(programme, revision.recoveries, events, person, needed),
            *_tests(programme, revision.tests, events, person, needed),
        )
        exempt = _exempt(programme.zone, revision, person)
        found.append(Shared(holdings, _spans(holdings), suspensions, suspended, exempt))
    return tuple(found)


class DoseJudge:
    """Judges doses under one revision, each once for each stage and person.

    A dose under one stage has the same holdings in every world, and a history of many doses has
    many worlds.
    """

    def __init__(
        self, programme: Programme, revision: Revision, events: Events, needed: Needed
    ) -> None:
        self._programme = programme
        self._revision = revision
        self._events = events
        self._needed = needed
        self._found: dict[tuple[int, Stage, Person], tuple[Holding, ...]] = {}

    def holdings(
        self, place: int, dose: GivenDose, stage: Stage, person: Person
    ) -> tuple[Holding, ...]:
        """Return what a dose counts for; `place` is its place among the doses, from 0."""
        key = (place, stage, person)
        found = self._found.get(key)
        if found is None:
            found = _dose(
                self._programme,
                self._revision,
                self._events,
                place,
                dose,
                stage,
                person,
                self._needed,
            )
            self._found[key] = found
        return found


def views(
    programme: Programme,
    revision: Revision,
    events: Events,
    worlds: Sequence[World],
    people: Sequence[Person],
    shared: Sequence[Shared],
) -> tuple[View, ...]:
    """Judge the doses too, in each reading; `shared` has an item for each of the people."""
    known = counted(events, worlds)
    needed = Needed(programme, known)
    if len(worlds) == len(people) == 1:
        doses = _doses(programme, revision, events, known, worlds[0], people[0], needed)
        return (View(doses, _spans(doses), shared[0]),)
    judge = DoseJudge(programme, revision, known, needed)
    found = []
    for person, common in zip(people, shared, strict=True):
        for world in worlds:
            doses = tuple(
                holding
                for place, (dose, stage) in enumerate(zip(events.doses, world, strict=True))
                for holding in judge.holdings(place, dose, stage, person)
            )
            found.append(View(doses, _spans(doses), common))
    return tuple(found)


def all_holdings(several: Sequence[View]) -> tuple[Holding, ...]:
    """Return every piece of evidence that counts at some time in some reading, once."""
    if len(several) == 1:
        return several[0].holdings
    shared = {id(each.shared): each.shared for each in several}.values()
    # Worlds share the holdings of a dose that they read alike.
    found = {id(dose): dose for each in several for dose in each.doses}.values()
    return tuple(
        dict.fromkeys([*found, *(holding for each in shared for holding in each.holdings)])
    )


def bounds(several: Sequence[View], start: datetime, end: datetime) -> set[datetime]:
    """Return the instants after `start` and before `end` at which an answer may change."""
    found: set[datetime] = set()
    for one in {id(each.shared): each.shared for each in several}.values():
        for spans in (one.good, one.suspended, one.exempt):
            found.update(*overlapping(spans, start, end))
    for each in several:
        found.update(*overlapping(each.good, start, end))
    return {bound for bound in found if start < bound < end}


def _spans(holdings: Sequence[Holding]) -> tuple[Span, ...]:
    if len(holdings) == 1:
        return ((holdings[0].start, holdings[0].end),)
    return tuple(union((holding.start, holding.end) for holding in holdings))


def _exempt(zone: ZoneInfo, revision: Revision, person: Person) -> tuple[Span, ...]:
    """Return the times for which no pass is asked of a holder, in order and apart."""
    if not revision.exemptions and revision.exempt_groups.isdisjoint(person.groups):
        below, born = revision.exempt_below, person.born
        if below is None or born is None:
            return ()
        return ((midnight(born, zone), midnight(birthday(born, below), zone)),)
    return tuple(union(span for span, _, _ in exemptions(zone, revision, person)))


Exempt = tuple[Span, str, "Row"]
"""A time for which no pass is asked of a holder, why, and the row that says so."""


def exemptions(zone: ZoneInfo, revision: Revision, person: Person) -> Iterator[Exempt]:
    """Yield the exemptions of a holder under a revision."""
    groups = revision.exempt_groups & person.groups
    if groups:
        words = " or ".join(sorted(groups))
        yield (_BEGINNING, FOREVER), f"No pass is asked of members of {words}.", revision
    below, born = revision.exempt_below, person.born
    if below is not None and born is not None:
        span = midnight(born, zone), midnight(birthday(born, below), zone)
        yield span, f"No pass is asked for below {age_words(below)} of age", revision
    for row in revision.exemptions:
        if row.holds(person.place, person.region, person.sector):
            found = _of_audience(row.audience, person, zone)
            if found is not None:
                yield found, f"No pass is asked of the holder: {row.reason}", row


def _of_audience(audience: Audience, person: Person, zone: ZoneInfo) -> Span | None:
    """Return the time for which a holder belongs to an audience; None for never."""
    if audience.groups is not None and audience.groups.isdisjoint(person.groups):
        return None
    if not audience.except_groups.isdisjoint(person.groups):
        return None
    start, end = _BEGINNING, FOREVER
    if audience.age_from is None and audience.age_below is None and audience.born is None:
        return start, end
    born = person.born
    if born is None:
        return None
    first, last = audience.born or (None, None)
    if (first is not None and born < first) or (last is not None and born >= last):
        return None
    if audience.age_from is not None:
        start = midnight(birthday(born, audience.age_from), zone)
    elif audience.age_below is not None:
        start = midnight(born, zone)
    if audience.age_below is not None:
        end = midnight(birthday(born, audience.age_below), zone)
    return (start, end) if start < end else None


def member_since(
    audiences: tuple[Audience, ...], born: date, on: date, groups: frozenset[str]
) -> date | None:
    """Return the day since which a person belongs to an audience, or from which on; or None."""
    found = None
    for audience in audiences:
        if audience.groups is not None and audience.groups.isdisjoint(groups):
            continue
        if audience.except_groups and not audience.except_groups.isdisjoint(groups):
            continue
        if audience.age_below is not None and birthday(born, audience.age_below) <= on:
            continue
        if audience.born is not None:
            first, end = audience.born
            if (first is not None and born < first) or (end is not None and born >= end):
                continue
        since = date.min
        if audience.age_from is not None:
            since = birthday(born, audience.age_from)
        if audience.reached is not None:
            age, first, last = audience.reached
            day = birthday(born, age)
            if day < first or (last is not None and day > last):
                continue
            since = max(since, day)
        if found is None or since < found:
            found = since
    return found


def births_that_decide(
    audience: Audience, until: date | None, on: date, horizon: timedelta
) -> Iterator[int]:
    """Yield the first birth dates, as ordinals, at which membership of an audience changes.

    Also those of people who join within `horizon`, or before the end `until` of an offer.
    """
    if audience.age_below is not None:
        yield born_by(on, audience.age_below)
    for day in audience.born or ():
        if day is not None:
            yield day.toordinal()
    ages = [audience.age_from] if audience.age_from is not None else []
    if audience.reached is not None:
        age, first, last = audience.reached
        ages.append(age)
        yield born_by(first - _ONE_DAY, age)
        if last is not None:
            yield born_by(last, age)
    for age in ages:
        yield born_by(on, age)
        yield born_by(on + horizon, age)
        if until is not None:
            yield born_by(until - _ONE_DAY, age)


def fits(rule: EvidenceRule, person: Person) -> bool:
    """Return whether a rule applies to a holder where the pass is asked for."""
    if not rule.anywhere and not rule.holds(person.place, person.region, person.sector):
        return False
    return person.born is not None or rule.age_below is None


def _is_preceded(programme: Programme, preceding: Preceding, events: Events, day: date) -> bool:
    """Return whether what a rule asks for lies before the event of a day."""
    if preceding.event == "dose":
        days = [dose.date for dose in events.doses if dose.date < day][-1:]
    else:
        proved = infections(events, programme.zone)
        days = [each for each, kind, _ in proved if each < day and kind in preceding.kinds]
    least, most = preceding.at_least, preceding.at_most
    return any(
        (least is None or add_to_day(each, least) <= day)
        and (most is None or day <= add_to_day(each, most))
        for each in days
    )


MOST_TOGETHER: Final = 4000
"""The most times of needed evidence that are looked at for all doses: this project's bound."""


class Needed:
    """The times for which rules that others need let something count, each found once.

    They go by tests and infections alone. Of more times than the bound allows for each dose the
    latest are taken.
    """

    __slots__ = ("_events", "_found", "_programme")

    def __init__(self, programme: Programme, events: Events) -> None:
        self._programme = programme
        self._events = events
        self._found: dict[tuple[tuple[str, ...], Person], list[Span]] = {}

    def within(self, rule: EvidenceRule, person: Person, span: Span) -> Iterator[Span]:
        """Yield the parts of a time for which something counts by one of the rules it needs.

        The needed evidence is asked for by its own rules, and by the holder's age, sector and
        place.
        """
        key = tuple(need.id for need in rule.needs), person
        spans = self._found.get(key)
        if spans is None:
            holdings: list[Holding] = []
            for needed in rule.needs:
                find = _tests if needed.evidence == "test" else _infections
                holdings += find(self._programme, (needed,), self._events, person, self)
            most = max(MOST_TOGETHER // max(len(self._events.doses), 1), 1)
            spans = union((holding.start, holding.end) for holding in holdings)[-most:]
            self._found[key] = spans
        yield from within(spans, *span)


def _clip_age(rule: EvidenceRule, person: Person, zone: ZoneInfo, span: Span) -> Span:
    start, end = span
    if person.born is not None:
        if rule.age_from is not None:
            start = max(start, midnight(birthday(person.born, rule.age_from), zone))
        if rule.age_below is not None:
            end = min(end, midnight(birthday(person.born, rule.age_below), zone))
    return start, end


def _day_span(programme: Programme, rule: EvidenceRule, day: date) -> Span:
    start = after_day(day, rule.starts, programme.zone, programme.reckoning)
    if rule.ends is None:
        return start, FOREVER
    end = after_day(day, rule.ends, programme.zone, programme.reckoning)
    if rule.last_day_counts and end is not FOREVER:
        end = after(end, _DAY, programme.zone, programme.reckoning)
    return start, end


def _doses(
    programme: Programme,
    revision: Revision,
    events: Events,
    known: Events,
    world: World,
    person: Person,
    needed: Needed,
) -> tuple[Holding, ...]:
    return tuple(
        holding
        for place, (dose, stage) in enumerate(zip(events.doses, world, strict=True))
        for holding in _dose(programme, revision, known, place, dose, stage, person, needed)
    )


def _dose(
    programme: Programme,
    revision: Revision,
    events: Events,
    place: int,
    dose: GivenDose,
    stage: Stage,
    person: Person,
    needed: Needed,
) -> tuple[Holding, ...]:
    found = []
    for rule in revision.vaccinations:
        if stage not in rule.stages or not fits(rule, person):
            continue
        if rule.products is not None and dose.product not in rule.products:
            continue
        preceding = rule.preceded_by
        if preceding and not _is_preceded(programme, preceding, events, dose.date):
            continue
        span = _day_span(programme, rule, dose.date)
        start, end = _clip_age(rule, person, programme.zone, span)
        if start < end:
            piece = Evidence("vaccination", place + 1, dose.date, stage, dose.product)
            if rule.needs:
                spans = needed.within(rule, person, (start, end))
                found += [Holding(piece, rule, *each) for each in spans]
            else:
                found.append(Holding(piece, rule, start, end))
    return tuple(found)


def infections(events: Events, zone: ZoneInfo) -> list[tuple[date, str, datetime]]:
    """Return the infections that a history proves: day, kind of proof, and since when it is known.

    A positive test on the day of a stated infection with the same proof is that infection.
    """
    found = {
        (infection.first_positive, infection.proof): midnight(infection.first_positive, zone)
        for infection in events.infections
    }
    for test in events.tests:
        if test.positive:
            found.setdefault((local_day(test.sampled_at, zone), test.kind), test.sampled_at)
    return sorted((day, proof, known) for (day, proof), known in found.items())


def _infections(
    programme: Programme,
    rules: tuple[EvidenceRule, ...],
    events: Events,
    person: Person,
    needed: Needed,
) -> list[Holding]:
    if not rules or not (events.infections or events.tests):
        return []
    found = []
    for place, (day, proof, known) in enumerate(infections(events, programme.zone)):
        for rule in rules:
            if proof not in rule.kinds or not fits(rule, person):
                continue
            if rule.proved_from is not None and day < rule.proved_from:
                continue
            preceding = rule.preceded_by
            if preceding and not _is_preceded(programme, preceding, events, day):
                continue
            span = _day_span(programme, rule, day)
            start, end = _clip_age(rule, person, programme.zone, span)
            start = max(start, known)
            if start < end:
                piece = Evidence("recovery", place + 1, day, None, proof)
                if rule.needs:
                    spans = needed.within(rule, person, (start, end))
                    found += [Holding(piece, rule, *each) for each in spans]
                else:
                    found.append(Holding(piece, rule, start, end))
    return found


def _tests(
    programme: Programme,
    rules: tuple[EvidenceRule, ...],
    events: Events,
    person: Person,
    _needed: Needed,
) -> list[Holding]:
    found = []
    for place, test in enumerate(events.tests):
        if test.positive is not False:
            continue
        for rule in rules:
            if test.kind not in rule.kinds or not fits(rule, person):
                continue
            at = test.sampled_at
            start = after(at, rule.starts, programme.zone, programme.reckoning)
            end = FOREVER
            if rule.ends is not None:
                end = after(at, rule.ends, programme.zone, programme.reckoning)
            start, end = _clip_age(rule, person, programme.zone, (start, end))
            if start < end:
                piece = Evidence("test", place + 1, at, None, test.kind)
                found.append(Holding(piece, rule, start, end))
    return found


def _suspensions(programme: Programme, revision: Revision, events: Events) -> tuple[Suspended, ...]:
    """Find the times of suspension; an infection without a time is taken as known from its day."""
    rule = revision.suspension
    if rule is None or not (events.infections or events.tests):
        return ()
    zone = programme.zone
    positive = [
        ("test", place, test.kind, local_day(test.sampled_at, zone), test.sampled_at)
        for place, test in enumerate(events.tests, 1)
        if test.positive
    ]
    positive += [
        ("infection", place, each.proof, each.first_positive, midnight(each.first_positive, zone))
        for place, each in enumerate(events.infections, 1)
    ]
    if not positive:
        return ()
    negative = [
        test.sampled_at
        for test in events.tests
        if test.positive is False and test.kind in rule.lifted_by
    ]
    found = []
    for what, number, kind, day, start in positive:
        if kind not in rule.kinds:
            continue
        until = end = after_day(day, rule.lasts, zone, programme.reckoning)
        if kind in rule.lifted_for:
            place = bisect_right(negative, start)
            until = min(end, negative[place]) if place < len(negative) else end
        if start < until:
            found.append(Suspended(what, number, start, until, until < end))
    return tuple(found)


def other_end(programme: Programme, holding: Holding) -> datetime | None:
    """Return the end of a holding by the other way of counting; None if there is no other end."""
    other, ends = programme.other_reckoning, holding.rule.ends
    if other is None or ends is None or not ends.months:
        return None
    moment = holding.evidence.moment
    # On the 2nd to the 28th neither the day nor its neighbour in UTC can fall out of a month.
    if 2 <= moment.day <= 28 or isinstance(moment, datetime):
        return None
    first = after_day(moment, ends, programme.zone, programme.reckoning)
    second = after_day(moment, ends, programme.zone, other.reckoning)
    # An end that an age clipped is not that of the months.
    if first == second or holding.end < min(first, second):
        return None
    return second


def describe(evidence: Evidence, programme: Programme) -> str:
    """Describe a piece of evidence in words."""
    if evidence.kind == "vaccination":
        product = programme.product_name(evidence.detail) if evidence.detail else "unknown product"
        return f"dose {evidence.number} ({product}, {evidence.stage})"
    word = TEST_KINDS.get(evidence.detail or "", evidence.detail)
    if evidence.kind == "test":
        return f"negative {word} test {evidence.number}"
    return f"infection {evidence.number} (positive {word})"
