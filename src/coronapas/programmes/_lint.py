"""What can be wrong in a programme that loads: gaps, overlaps, order, missing sources."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta
from difflib import get_close_matches
from itertools import combinations
from typing import TYPE_CHECKING

from coronapas.programmes._clock import Period, add_to_day, age_words, birthday, local_day
from coronapas.programmes._model import (
    EvidenceRule,
    Offer,
    PlacedRow,
    Requirement,
    Revision,
    Row,
    Stage,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from coronapas.programmes._clock import Age
    from coronapas.programmes._model import Programme, Readings

_DAY = date(2021, 1, 1)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something in a programme to look at.

    `code` is stable: ``source``, ``order``, ``gap``, ``overlap``, ``word`` (a group, sector or
    place that is probably misspelt), ``course`` (a limit that leaves a begun course without a
    product), and, as advice, ``unused``, ``uncertain``, ``pause`` (a time without an offer between
    two) and ``endless`` (a row without end in a programme that has ended). `row` names the row.
    """

    code: str
    row: str
    text: str
    """What is to look at, as a sentence."""

    def __str__(self) -> str:
        return f"{self.row}: {self.text}"

    def to_json(self) -> dict[str, str]:
        """Return the finding as a JSON object."""
        return {"code": self.code, "row": self.row, "text": self.text}


def lint(programme: Programme) -> tuple[Finding, ...]:
    """Find what is unwise in a programme that loads, for each of its diseases."""
    parts = tuple(programme.parts.values()) or (programme,)
    found: list[Finding] = []
    for part in parts:
        found += [*_sources(part), *_revisions(part)]
        for revision in part.revisions:
            found += _overlapping_rules(revision)
            found += _age_gaps(revision)
        found += _offers(part)
        found += _course_gaps(part)
        found += _pauses(part)
        found += _limited_courses(part)
        found += _words(part)
        found += _unused(part)
        found += _endless(part)
    found += _unused_words(programme, parts)
    return tuple(dict.fromkeys(found))


def _rows(programme: Programme) -> Iterator[Row]:
    yield from programme.revisions
    rules = dict.fromkeys(rule for each in programme.revisions for rule in each.rules)
    yield from rules
    yield from dict.fromkeys(each.suspension for each in programme.revisions if each.suspension)
    schedule = programme.schedule
    for rows in (schedule.offers, schedule.limits, schedule.waits, schedule.groups):
        yield from rows
    for revision in programme.revisions:
        yield from revision.exemptions
        yield from revision.requirements
        yield from (need for rule in revision.rules for need in rule.needs)
    for readings in _all_readings(programme):
        yield from readings.rows()


def _all_readings(programme: Programme) -> Iterator[Readings]:
    yield programme.readings
    for revision in programme.revisions:
        if revision.readings is not None:
            yield revision.readings


def _sources(programme: Programme) -> Iterator[Finding]:
    for row in _rows(programme):
        if not row.source:
            yield Finding("source", row.id, "The row has no source.")


def _length(period: Period) -> tuple[int, int]:
    return (add_to_day(_DAY, Period(period.months, period.days)) - _DAY).days, period.hours


def _revisions(programme: Programme) -> Iterator[Finding]:
    for revision in programme.revisions:
        begins = local_day(revision.starts, programme.zone)
        if (revision.earliest and begins < revision.earliest) or (
            revision.latest and revision.latest < begins
        ):
            text = "The revision begins outside the days between which it is said to have begun."
            yield Finding("order", revision.id, text)
        if (revision.earliest or revision.latest) and not revision.uncertain:
            yield Finding(
                "uncertain",
                revision.id,
                "Its day has bounds, but nothing says that it is uncertain.",
            )
        for rule in revision.rules:
            if rule.ends is not None and _length(rule.ends) <= _length(rule.starts):
                yield Finding("order", rule.id, "The rule ends before it begins.")


def _same_people(one: EvidenceRule, other: EvidenceRule) -> bool:
    """Return whether two rules can apply to one person in one place and sector at once."""
    for words, others in (
        (one.sectors, other.sectors),
        (one.places, other.places),
        (one.regions, other.regions),
    ):
        if (words is None) is not (others is None):
            return False
        if words is not None and others is not None and words.isdisjoint(others):
            return False
    if _apart(one, other) or _apart(other, one):
        return False
    # A rule with a condition is meant to stand beside one without.
    if (one.needs, one.preceded_by) != (other.needs, other.preceded_by):
        return False
    return _ages_meet(one.age_from, one.age_below, other.age_from, other.age_below)


def _apart(one: EvidenceRule, other: EvidenceRule) -> bool:
    """Return whether a rule applies only where another one does not."""
    places, regions = one.places, one.regions
    return (places is not None and places <= other.except_places) or (
        regions is not None and regions <= other.except_regions
    )


def _ages_meet(
    from_a: Age | None, below_a: Age | None, from_b: Age | None, below_b: Age | None
) -> bool:
    low = max(_days_of(from_a or 0), _days_of(from_b or 0))
    return all(below is None or low < _days_of(below) for below in (below_a, below_b))


def _days_of(age: Age) -> int:
    """Return an age in days, by a calendar without leap days at its end."""
    return (birthday(_DAY, age) - _DAY).days


def _overlapping_rules(revision: Revision) -> Iterator[Finding]:
    for each, other in combinations(revision.rules, 2):
        if each.evidence != other.evidence or not _same_people(each, other):
            continue
        if not (each.stages & other.stages or each.kinds & other.kinds):
            continue
        if each.products and other.products and each.products.isdisjoint(other.products):
            continue
        text = f"In revision {revision.id} the rule overlaps with {other.id}."
        yield Finding("overlap", each.id, text)


def _age_gaps(revision: Revision) -> Iterator[Finding]:
    """Find the ages that no rule of a stage covers although others are covered."""
    for stage in Stage:
        rules = [rule for rule in revision.vaccinations if stage in rule.stages]
        reached: Age | None = 0
        for rule in sorted(rules, key=lambda each: _days_of(each.age_from or 0)):
            low = rule.age_from or 0
            if reached is not None and _days_of(low) > _days_of(reached):
                text = (
                    f"In revision {revision.id} no rule covers the stage {stage} from "
                    f"{age_words(reached)} to {age_words(low)} of age."
                )
                yield Finding("gap", rule.id, text)
            if rule.age_below is None:
                reached = None
            elif reached is not None:
                reached = max(reached, rule.age_below, key=_days_of)
        # A course that was begun may count for the young alone.
        if rules and reached is not None and stage is not Stage.FIRST:
            words = age_words(reached)
            text = f"In revision {revision.id} no rule covers {stage} from {words} on."
            yield Finding("gap", rules[-1].id, text)


def _offers(programme: Programme) -> Iterator[Finding]:
    offers = programme.schedule.offers
    for offer in offers:
        days = [_length(each) for each in (offer.earliest, offer.recommended, offer.latest) if each]
        if days != sorted(days):
            text = "The earliest, recommended and latest day are out of order."
            yield Finding("order", offer.id, text)
    for each, other in combinations([offer for offer in offers if offer.products], 2):
        if _compete(each, other):
            text = f"The offer overlaps with {other.id}, which has other intervals."
            yield Finding("overlap", each.id, text)


def _compete(one: Offer, other: Offer) -> bool:
    if one.after.isdisjoint(other.after) or one.access is not other.access:
        return False
    if one.had is not None or other.had is not None or _last_doses_differ(one, other):
        return False
    if one.previous and other.previous and one.previous.isdisjoint(other.previous):
        return False
    if not (one.until is None or other.starts < one.until):
        return False
    if not (other.until is None or one.starts < other.until):
        return False
    if (one.earliest, one.recommended, one.latest) == (
        other.earliest,
        other.recommended,
        other.latest,
    ):
        return False
    return any(
        a.groups == b.groups is None
        and not (a.reached or b.reached or a.born or b.born)
        and _ages_meet(a.age_from, a.age_below, b.age_from, b.age_below)
        for a in one.audiences
        for b in other.audiences
    )


def _last_doses_differ(one: Offer, other: Offer) -> bool:
    """Return whether no last dose lets both offers be made."""
    return any(
        a.last_dose_until is not None
        and b.last_dose_from is not None
        and a.last_dose_until <= b.last_dose_from
        for a, b in ((one, other), (other, one))
    )


def _course_gaps(programme: Programme) -> Iterator[Finding]:
    """Find the days on which a course that was begun has no row for its next dose."""
    offers = programme.schedule.offers
    begun: dict[str, date] = {}
    ended: dict[str, date] = {}
    for offer in offers:
        if None in offer.after:
            for product in offer.products:
                begun[product] = min(begun.get(product, date.max), offer.starts)
                until = offer.until or date.max
                ended[product] = max(ended.get(product, date.min), until)
    for product, first in begun.items():
        starts = first
        for limit in programme.schedule.limits:
            limited = limit.product == product and limit.age_below is None
            if limited and limit.until is not None and limit.stands_on(starts):
                starts = limit.until
        if programme.lengths(product, starts) == frozenset({1}):
            continue
        reached: date | None = starts
        following = [
            offer
            for offer in offers
            if Stage.FIRST in offer.after and (offer.previous is None or product in offer.previous)
        ]
        for offer in sorted(following, key=lambda each: each.starts):
            if reached is None or offer.starts > reached:
                break
            reached = None if offer.until is None else max(reached, offer.until)
        if reached is not None and reached < ended[product]:
            text = f"From {reached} no row says what follows a first dose of {product}."
            yield Finding("gap", programme.id, text)


def _pauses(programme: Programme) -> Iterator[Finding]:
    """Find the times between two offers of one stage for which no row says anything."""
    for stage in Stage:
        rows = [each for each in programme.schedule.offers if stage in each.after]
        reached: date | None = None
        for offer in sorted(rows, key=lambda each: each.starts):
            if reached is not None and offer.starts > reached:
                text = f"From {reached} until it begins no row says what follows {stage}."
                yield Finding("pause", offer.id, text)
            until = offer.until or date.max
            reached = until if reached is None else max(reached, until)


def _limited_courses(programme: Programme) -> Iterator[Finding]:
    """Find the limits that leave a course, begun with the product, without a next dose."""
    offers, limits = programme.schedule.offers, programme.schedule.limits
    for limit in limits:
        begun = any(
            None in each.after and limit.product in each.products and each.starts < limit.starts
            for each in offers
        )
        if not begun or programme.lengths(limit.product, limit.starts) == frozenset({1}):
            continue
        eve = limit.starts - timedelta(days=1)
        if any(each.product == limit.product and each.stands_on(eve) for each in limits):
            continue
        following = [
            offer
            for offer in offers
            if Stage.FIRST in offer.after
            and offer.stands_on(limit.starts)
            and (offer.previous is None or limit.product in offer.previous)
        ]
        below = limit.age_below
        against = {
            each.product
            for each in limits
            if each.stands_on(limit.starts)
            and (
                each.age_below is None
                or (below is not None and _days_of(below) <= _days_of(each.age_below))
            )
        }
        if not any(_leaves_something(each, against, below) for each in following):
            name = programme.product_name(limit.product)
            text = f"From {limit.starts} no product is left for a course begun with {name}."
            yield Finding("course", limit.id, text)


def _leaves_something(offer: Offer, against: set[str], below: Age | None) -> bool:
    """Return whether an offer says something under limits: a product, or why there is none."""
    # The oldest of those below an age are meant.
    if below is not None and not any(
        _days_of(audience.age_from or 0) < _days_of(below)
        and (audience.age_below is None or _days_of(below) <= _days_of(audience.age_below))
        for audience in offer.audiences
    ):
        return False
    return not offer.products or offer.free_of_limits or not against.issuperset(offer.products)


def _words(programme: Programme) -> Iterator[Finding]:
    """Find the groups, sectors and places that are not listed, or that resemble another."""
    for kind, listed, used in (
        ("group", programme.groups, list(_groups_used(programme))),
        ("sector", programme.sectors, list(_sectors_used(programme))),
        ("place", programme.places, list(_places_used(programme))),
        ("region", programme.regions, list(_regions_used(programme))),
    ):
        counts = Counter(word for word, _ in used)
        for word, row in used:
            others = list(listed) or [count for count in counts if counts[count] > counts[word]]
            if word in listed:
                continue
            close = get_close_matches(word, others, n=1, cutoff=0.8)
            meant = f" Did you mean {close[0]}?" if close else ""
            if listed:
                yield Finding("word", row, f"The {kind} {word} is not listed.{meant}")
            elif close:
                yield Finding("word", row, f"The {kind} {word} resembles another.{meant}")


def _groups_used(programme: Programme) -> Iterator[tuple[str, str]]:
    for offer in programme.schedule.offers:
        for audience in offer.audiences:
            for word in sorted({*(audience.groups or ()), *audience.except_groups}):
                yield word, offer.id
    for revision in programme.revisions:
        for word in sorted(revision.exempt_groups):
            yield word, revision.id
        for row in revision.exemptions:
            for word in sorted({*(row.audience.groups or ()), *row.audience.except_groups}):
                yield word, row.id
    for readings in _all_readings(programme):
        if readings.extra_dose:
            yield readings.extra_dose.group, readings.extra_dose.id


def _placed(programme: Programme) -> Iterator[PlacedRow]:
    """Yield the rows that places, regions and sectors can limit, once."""
    rows: dict[PlacedRow, None] = {}
    for revision in programme.revisions:
        rows |= dict.fromkeys((*revision.rules, *revision.exemptions, *revision.requirements))
        rows |= dict.fromkeys(needed for rule in revision.rules for needed in rule.needs)
    yield from rows


def _sectors_used(programme: Programme) -> Iterator[tuple[str, str]]:
    for row in _placed(programme):
        for word in sorted(row.sectors or ()):
            yield word, row.id


def _regions_used(programme: Programme) -> Iterator[tuple[str, str]]:
    for row in _placed(programme):
        for word in sorted({*(row.regions or ()), *row.except_regions}):
            yield word, row.id


def _places_used(programme: Programme) -> Iterator[tuple[str, str]]:
    for row in _placed(programme):
        for word in sorted({*(row.places or ()), *row.except_places}):
            yield word, row.id
    seen: set[str] = set()
    for revision in programme.revisions:
        # A place is carried from revision to revision: the first one named it.
        for word in sorted(revision.places.keys() - seen):
            yield word, revision.id
        seen |= revision.places.keys()


def _unused(programme: Programme) -> Iterator[Finding]:
    for name in programme.unused:
        yield Finding("unused", name, "No revision takes this row.")
    given = {code for offer in programme.schedule.offers for code in offer.products}
    for limit in programme.schedule.limits:
        if limit.product not in given:
            yield Finding("unused", limit.id, "No offer names the product of this limit.")


def _unused_words(programme: Programme, parts: Iterable[Programme]) -> Iterator[Finding]:
    used = {
        word
        for part in parts
        for rows in (_groups_used, _sectors_used, _places_used, _regions_used)
        for word, _ in rows(part)
    }
    for terms in (programme.groups, programme.sectors, programme.places, programme.regions):
        for word in terms:
            if word not in used:
                yield Finding("unused", word, "No row uses this word.")


def _endless(programme: Programme) -> Iterator[Finding]:
    last = programme.revisions[-1] if programme.revisions else None
    if last is None or last.requirement is not Requirement.ENDED:
        return
    schedule = programme.schedule
    for rows in (schedule.offers, schedule.limits, schedule.waits):
        for row in rows:
            if row.until is None:
                yield Finding("endless", row.id, "The programme has ended, and the row has no end.")
