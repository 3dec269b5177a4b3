"""Keys of histories: what decides whom to invite on a day, in numbers that many people share.

Registers have many people and few answers. A history without any oddity decides by little: the
numbers and products of its doses, the day of the last one, the groups, the infection that a wait
follows, and the birth date as far as an age or a cohort of the day's schedule asks for it. That is
the key under which an answer is kept (`JudgedDay.key`); the planner is asked once for each key.
Where the offers stand alike after two last doses, the days of the answer alone differ, and the key
does not (`JudgedDay.order`). Whatever is odd about a history has no key, and nobody has one where
the day's rows say something that the keys do not know (`JudgedDay.understood`): the answers are
those of `coronapas.programmes.next_dose`.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from dataclasses import MISSING, dataclass, fields, replace
from datetime import date, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from coronapas.facts._history import Dose
from coronapas.programmes._clock import add_to_day, born_by
from coronapas.programmes._model import (
    Audience,
    Mark,
    Offer,
    ProductLimit,
    Programme,
    Wait,
)
from coronapas.programmes._plan import HORIZON, Match, Planner, Status, match
from coronapas.programmes._reasons import SHORTEST

if TYPE_CHECKING:
    from collections.abc import Iterable

    from coronapas.programmes._course import Course

PlainDose = tuple[int, int, int, int, int]
"""A dose without any oddity, for one programme, in numbers.

Its day; a number for product, dose number, doses and the lengths of the product's course; its dose
number; the days from which a dose after it is a booster, and is too late for an extra one. Days are
proleptic ordinals.
"""

Plain = tuple[int, frozenset[str], tuple[PlainDose, ...], tuple[int, ...]]
"""A history without any oddity: birth date, groups, doses, days of infections, all in order."""

_Cuts = tuple[list[int], list[bool], list[int]]

_NO_GROUPS: Final[frozenset[str]] = frozenset()
Key = tuple[Any, ...]


@dataclass(frozen=True)
class Terms:
    """An invitation but for its person; what is made of it is kept with it."""

    status: Status
    dose: int
    earliest: date
    latest: date | None
    products: tuple[str, ...]
    offer: str
    reason: str
    marks: tuple[Mark, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the terms as members of a JSON object."""
        return {
            "status": str(self.status),
            "dose": self.dose,
            "earliest": self.earliest.isoformat(),
            "latest": self.latest and self.latest.isoformat(),
            "products": list(self.products),
            "offer": self.offer,
            "reason": self.reason,
            "marks": [mark.to_json() for mark in self.marks],
        }

    @cached_property
    def text(self) -> str:
        """The members of a JSON object, without its braces."""
        return json.dumps(self.to_json())[1:-1]

    @cached_property
    def but_days(self) -> Key:
        """All that differs between the terms of a day, the days apart."""
        return self.offer, str(self.status), self.dose, self.products


MOST: Final = 100_000
"""The most answers, and the most doses, that are kept at once."""

_ROW: Final = ("id", "source", "confidence", "note", "uncertain", "disease", "starts", "until")
_READ: Final = {
    Audience: {"groups", "age_from", "age_below", "reached", "born", "except_groups"},
    Offer: {
        *_ROW,
        *("after", "audiences", "products", "previous", "earliest", "recommended", "latest"),
        *("why", "free_of_limits", "access", "opens", "last_dose_from", "last_dose_until"),
        *("had", "numbers", "variants"),
    },
    ProductLimit: {*_ROW, "product", "status", "why", "age_below"},
    Wait: {*_ROW, "lasts", "after", "products", "age_from", "age_below"},
}
"""The members of rows by which the keys are made; a row that says more is not kept by a key."""


def _says_more(row: Any) -> bool:
    """Return whether a row has a member, other than by default, that the keys do not know."""
    for each in fields(row):
        if each.name in _READ[type(row)]:
            continue
        default = each.default
        if each.default_factory is not MISSING:
            default = each.default_factory()
        if getattr(row, each.name) != default:
            return True
    return False


class JudgedDay:
    """The answers of one local day."""

    def __init__(self, programme: Programme, on: date) -> None:
        self.planner = Planner(programme, on)
        self.answers: dict[Key, Terms | bool | tuple[()]] = {}
        """Answers by key: what makes an invitation; False for none, True for an ambiguous one.

        () where the day of the last dose decides.
        """
        self._on = on
        self.today = on.toordinal()
        schedule = programme.schedule
        offers = [row for row in schedule.offers if row.stands_on(on)]
        limits = [row for row in schedule.limits if row.stands_on(on)]
        self.waits = [row for row in schedule.waits if row.stands_on(on)]
        audiences = [audience for offer in offers for audience in offer.audiences]
        rows = (*offers, *limits, *self.waits, *audiences)
        self.understood = not any(map(_says_more, rows))
        self._waiting: dict[int, int] = {}
        ages = [
            *(limit.age_below for limit in limits),
            *(age for each in self.waits for age in (each.age_from, each.age_below)),
        ]
        self._ages = [age for age in ages if age is not None]
        # A wait for some stages, products or ages alone is found by the planner.
        self.one_wait = all(
            (wait.after, wait.products, wait.age_from, wait.age_below) == (None, None, None, None)
            for wait in self.waits
        )
        self.waiters_alike = self.one_wait and not any(
            offer.opens is not None and offer.opens > on for offer in offers
        )
        """Whether nobody is invited who still has to wait after an infection.

        Nobody is, unless an offer opens later. So it does not matter when the wait ends.
        """
        readings = self.planner.readings
        self.by_infection = readings.dose_after_infection is not None
        named = {name for each in audiences for name in (*(each.groups or ()), *each.except_groups)}
        if readings.extra_dose is not None:
            named.add(readings.extra_dose.group)
        self._named = frozenset(named)
        self._known = frozenset(programme.groups)
        self._asked: dict[frozenset[str], frozenset[str]] = {}
        self.courses: dict[Key, Course] = {}
        """The readings of doses, by all that decides them."""
        self.several: set[Key] = set()
        """The keys of answers that several offers give."""
        self._orders: dict[int, int] = {}
        self._stands: dict[Key, int] = {}
        self._dated: dict[tuple[Key, int], Terms] = {}
        self._by_id = {offer.id: offer for offer in offers}
        self._first = [offer for offer in offers if None in offer.after]
        self._later = [offer for offer in offers if offer.after != {None}]
        self._cuts: dict[int, _Cuts] = {}

    def key(self, plain: Plain) -> tuple[Key, int, int] | None:
        """Return all that decides the answer about a history, or None where it is odd after all.

        With it comes the day on which a wait ended, or 0: of an answer that one offer gives it can
        move the earliest day alone. Last comes the day of the last dose, or 0. In the key it stands
        for itself, below 0, where a birthday or a wait decides with it; otherwise its `order`
        stands for it.
        """
        born, groups, doses, infections = plain
        rests: tuple[int, ...] = ()
        flags = last = before_booster = before_late = 0
        earliest = born
        today = self.today
        for place, (day, rest, number, booster, late) in enumerate(doses, 1):
            if number != place or day < earliest:
                return None
            earliest = day + SHORTEST
            if day <= today:
                rests += (rest,)
                if place > 2:
                    flags = 4 * flags + 2 * (before_booster <= day) + (before_late <= day)
                before_booster, before_late, last = booster, late, day
        wait = ended = 0
        if infections:
            if infections[0] < born or self.by_infection:
                return None
            past = [day for day in infections if day <= today]
            wait = self.wait_after(past[-1]) if past else 0
            if self.one_wait:
                # No dose is given before the last one: an earlier end decides nothing.
                if wait <= last:
                    wait = 0
                elif wait <= today:
                    wait, ended = 0, wait
        asked = self._asked.get(groups)
        if asked is None:
            asked = self._asked_of(groups)
            if asked is None:
                return None
        if wait and self.waiters_alike:
            return (rests, flags, 0, 0, asked, WAITS), 0, last
        cuts, exact, lasting = self._cuts.get(last) or self._cut(last)
        piece = born if exact[bisect_right(cuts, born)] else -bisect_right(lasting, born) - 1
        order = -last if piece >= 0 or wait or not last else self.order(last)
        return (rests, flags, order, piece, asked, wait), ended, last

    def order(self, last: int) -> int:
        """Number days of last doses, from 1: alike those after which the offers stand alike.

        They stand alike where the same are open, due, and before each other.
        """
        found = self._orders.get(last)
        if found is not None:
            return found
        on, before = self._on, date.fromordinal(last)
        days = [self._days(offer, last) for offer in self._later]
        firsts = sorted({each.earliest for each in days})
        due = sorted({each.recommended or date.max for each in days})
        stand = tuple(
            (
                firsts.index(each.earliest),
                each.earliest > on,
                each.earliest == offer.opens,
                due.index(each.recommended or date.max),
                each.recommended is not None and each.recommended <= on,
                offer.last_dose_from is not None and before < offer.last_dose_from,
                offer.last_dose_until is not None and before >= offer.last_dose_until,
            )
            for offer, each in zip(self._later, days, strict=True)
        )
        if len(self._orders) >= _MOST_CUTS:
            self._orders.clear()
        found = self._orders[last] = self._stands.setdefault(stand, len(self._stands) + 1)
        return found

    def _days(self, offer: Offer, last: int) -> Match:
        """Return the days of an offer to somebody who belongs to its audience long since."""
        day = date.fromordinal(last)
        return match(offer, offer.products, date.min, day, Dose(day), None)

    def dated(self, terms: Terms, last: int) -> Terms:
        """Return the terms after another last dose that stands alike."""
        key = terms.but_days, last
        found = self._dated.get(key)
        if found is None:
            if len(self._dated) >= MOST:
                self._dated.clear()
            days = self._days(self._by_id[terms.offer], last)
            found = replace(terms, earliest=days.earliest, latest=days.latest)
            self._dated[key] = found
        return found

    def _asked_of(self, groups: frozenset[str]) -> frozenset[str] | None:
        """Return those of the groups that a row of the day names; None where a word is unknown."""
        if self._known and not groups <= self._known:
            return None
        if len(self._asked) >= MOST:
            self._asked.clear()
        found = self._asked[groups] = groups & self._named
        return found

    def pieces(self, births: Iterable[int | None], last: int) -> list[int]:
        """Number birth dates, alike those that answers after a last dose of that day or later are.

        The numbers begin with 0, which may also be that of None. From `EXACT` on each birth date
        has its own, as it decides with the last dose.
        """
        cuts, exact, _ = self._cuts.get(last) or self._cut(last)
        found = []
        for born in births:
            at = bisect_right(cuts, born or 0)
            found.append(EXACT + (born or 0) if exact[at] else at)
        return found

    def numbers_of(self, groups: Iterable[frozenset[str] | None]) -> list[int]:
        """Number groups, alike those that the day's rows do not tell apart."""
        numbers: dict[frozenset[str], int] = {}
        found = []
        for each in groups:
            asked = self._asked_of(each or _NO_GROUPS)
            alike = (each or _NO_GROUPS) if asked is None else asked
            found.append(numbers.setdefault(alike, len(numbers)))
        return found

    def wait_after(self, infection: int) -> int:
        """Return until when no dose is given after an infection, or 0 where that decides nothing.

        Where the planner alone can tell, it is the day of the infection.
        """
        if not self.waits or infection > self.today:
            return 0
        if not self.one_wait:
            return infection
        found = self._waiting.get(infection)
        if found is None:
            day = date.fromordinal(infection)
            found = max(add_to_day(day, wait.lasts) for wait in self.waits).toordinal()
            self._waiting[infection] = found
        return found

    def _cut(self, last: int) -> _Cuts:
        """Cut the birth dates where an answer after a last dose of that day may change.

        Return the first days of the pieces but for the first piece; for each piece whether the very
        day matters; and those of the days that no last dose moves. The very day matters where an
        age is reached after the day on which the offer would give the dose to others: it is given
        from that birthday on. Of those who reach it after the day of the question that matters only
        where somebody is invited for a later day. Any other birth date stands to the days that a
        last dose moves as it stands to one that none moves.
        """
        on = self._on
        ends = {born_by(on, age) for age in self._ages}
        spans: list[tuple[int, int]] = []
        offers = self._later if last else self._first
        ahead = any(offer.opens is not None and offer.opens > on for offer in offers)
        for offer in offers:
            begins = offer.starts
            if last:
                before = date.fromordinal(last)
                if offer.earliest is not None:
                    begins = add_to_day(before, offer.earliest)
                begins = max(begins, before)
            begins = min(begins, on)
            joins = on + HORIZON
            if offer.until is not None:
                joins = min(joins, offer.until - _ONE_DAY)
            for audience in offer.audiences:
                if audience.age_below is not None:
                    ends.add(born_by(on, audience.age_below))
                if audience.born is not None:
                    ends.update(day.toordinal() for day in audience.born if day is not None)
                reached = [] if audience.age_from is None else [audience.age_from]
                if audience.reached is not None:
                    age, low, high = audience.reached
                    reached.append(age)
                    ends.add(born_by(low - _ONE_DAY, age))
                    if high is not None:
                        ends.add(born_by(high, age))
                for age in reached:
                    today, end = born_by(on, age), born_by(max(joins, on), age)
                    ends.update((today, end))
                    spans.append((born_by(begins, age), end if ahead else today))
        lasting = sorted(ends)
        for span in spans:
            ends.update(span)
        cuts = sorted(ends)
        exact = [False]
        exact += [any(low <= cut < high for low, high in spans) for cut in cuts]
        if len(self._cuts) >= _MOST_CUTS:
            self._cuts.clear()
        found = self._cuts[last] = cuts, exact, lasting
        return found


_ONE_DAY: Final = timedelta(days=1)
_MOST_CUTS: Final = 5_000
"""The most last days for which the pieces of the birth dates are kept at once."""

WAITS: Final = 1
"""Stands for the end of a wait, where that decides nothing."""

EXACT: Final = 1 << 20
"""More than there are pieces of birth dates."""
