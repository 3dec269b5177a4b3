"""Whom of a register to invite: one person after the other, as their histories say.

Nothing of a person is kept, so that memory does not grow with the register. A person whose readings
lead to different answers is not invited, and is to be looked at instead (`ToLookAt`).

Of a history without any oddity the answer is kept by a key (`coronapas.programmes._keys`); every
other one goes to the planner.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from coronapas.facts._history import Dose, History, Infection
from coronapas.programmes._clock import add_to_day, local_day
from coronapas.programmes._course import Events, read_course
from coronapas.programmes._keys import MOST, JudgedDay, Key, Parts, Plain, PlainDose
from coronapas.programmes._model import (
    Access,
    Mark,
    Programme,
)
from coronapas.programmes._plan import (
    Plan,
    Status,
    joined,
    plan_reasons,
)
from coronapas.programmes._reasons import Reason, remarks

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator

_Id = TypeVar("_Id", bound="Hashable")

_INVITED: Final = frozenset({Status.ELIGIBLE, Status.DUE})


class InvitationState(StrEnum):
    """How far an invitation has come, as the caller's records say."""

    INVITED = "invited"
    BOOKED = "booked"
    DECLINED = "declined"
    DONE = "done"
    """The dose was given, though the history may not state it yet."""


@dataclass(frozen=True, slots=True)
class InvitationRecord:
    """What the caller's records say about a person's invitation.

    `dose` is the number of the dose that it is for: a record of an earlier dose than the next one
    is passed over; None stands for the next one. `day` and `product` are those of the appointment,
    where there is one.
    """

    state: InvitationState
    """How far the invitation is."""
    dose: int | None = None
    day: date | None = field(default=None, repr=False)
    product: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Invitation(Generic[_Id]):
    """One invitation.

    `id` is the register's own; `offer` names the row of the schedule that says so.
    `dose` is the number of the dose among those that count; days are local and inclusive;
    `products` are codes. `marks` are what is uncertain about the row, `warnings` what is odd about
    the history, such as doses out of order. `carried` are members of the register's row that are
    not ours.
    """

    id: _Id = field(repr=False)
    status: Status
    """Whether the dose is due, may be given, or opens later."""
    dose: int
    earliest: date = field(repr=False)
    """The first day on which it may be given."""
    latest: date | None = field(repr=False)
    """The last day; None where there is none."""
    products: tuple[str, ...]
    offer: str
    reason: str
    """Why, as a sentence."""
    marks: tuple[Mark, ...] = field(default=(), repr=False)
    warnings: tuple[str, ...] = field(default=(), repr=False)
    carried: Mapping[str, Any] | None = field(default=None, repr=False)

    def to_json(self) -> dict[str, Any]:
        """Return the invitation as a JSON object; ``carried`` only where there is something."""
        found: dict[str, Any] = {
            "id": self.id,
            "status": str(self.status),
            "dose": self.dose,
            "earliest": self.earliest.isoformat(),
            "latest": self.latest and self.latest.isoformat(),
            "products": list(self.products),
            "offer": self.offer,
            "reason": self.reason,
            "marks": [mark.to_json() for mark in self.marks],
            "warnings": list(self.warnings),
        }
        if self.carried:
            found["carried"] = dict(self.carried)
        return found

    def to_line(self) -> str:
        """Return what `to_json` returns as a line of JSON, without its end."""
        parts = self.status, self.dose, self.earliest, self.latest, self.products, self.offer
        middle = _middle(*parts, self.reason, self.marks)
        warnings = json.dumps(self.warnings) if self.warnings else "[]"
        identifier = self.id if type(self.id) is int else json.dumps(self.id)
        line = f'{{"id": {identifier}, {middle}, "warnings": {warnings}'
        return f'{line}, "carried": {json.dumps(self.carried)}}}' if self.carried else line + "}"


@lru_cache(maxsize=8192)
def _middle(*parts: Any) -> str:
    """Return what many invitations have alike, as the members of a JSON object."""
    return json.dumps(dict(list(Invitation("", *parts).to_json().items())[1:-1]))[1:-1]


@dataclass(frozen=True, slots=True)
class ToLookAt(Generic[_Id]):
    """A person who is neither invited nor passed over: somebody must look at the history.

    `id` is the register's own, or None where the row states none that can be read; `line` is the
    row's place in the register, from 1, where it was read from one. `ambiguous`: the history has
    several readings with different answers; otherwise it, or the row, cannot be read. The reasons
    hold none of the row's values where it cannot be read.
    """

    id: _Id | None = field(repr=False)
    line: int | None
    ambiguous: bool
    reasons: tuple[Reason, ...] = field(repr=False)
    """Why somebody must look."""
    carried: Mapping[str, Any] | None = field(default=None, repr=False)
    """The members of the register's row that are not ours."""

    def to_json(self) -> dict[str, Any]:
        """Return the person as a JSON object; ``carried`` only where there is something."""
        found: dict[str, Any] = {
            "id": self.id,
            "line": self.line,
            "status": "ambiguous" if self.ambiguous else "unreadable",
            "reasons": [reason.to_json() for reason in self.reasons],
        }
        if self.carried:
            found["carried"] = dict(self.carried)
        return found

    def to_line(self) -> str:
        """Return what `to_json` returns as a line of JSON, without its end."""
        return json.dumps(self.to_json())


def invitations(
    programme: Programme,
    rows: Iterable[tuple[_Id, History]],
    on: date,
    *,
    since: date | None = None,
    on_ambiguous: Callable[[_Id, tuple[Reason, ...]], object] | None = None,
) -> Iterator[Invitation[_Id]]:
    """Yield an invitation for each row of a register that is to be invited on a local day.

    A holder is invited where the next dose is due or may be given on that day in every reading of
    the history, or from a later day for which invitations go out, and where the dose is offered by
    invitation: not where one has to ask for it, or is referred.

    Args:
        programme: Whose schedule decides.
        rows: Pairs of an identifier and a history; each is read once, in order.
        on: The local day.
        since: An earlier day; those who were to be invited on it already are left out.
        on_ambiguous: Called with the identifier of each row whose readings lead to different
            answers, and the reasons; such a row is not invited.

    """
    inviter = Inviter(programme, on, since=since)
    for key, history in rows:
        answer = inviter.ask(key, history)
        if answer is None:
            continue
        if isinstance(answer, Invitation):
            yield answer
        elif on_ambiguous is not None:
            on_ambiguous(key, answer.reasons)


def to_be_invited(plan: Plan) -> bool:
    """Return whether a plan makes an invitation."""
    if not plan.products or plan.access is not Access.INVITATION:
        return False
    if plan.status is Status.TOO_EARLY:
        return plan.earliest is not None and plan.earliest == plan.offers[0].opens
    return plan.status in _INVITED


_SETTERS: Final = tuple(Invitation.__dict__[each.name].__set__ for each in fields(Invitation))
_set_id, *_set_parts, _set_warnings, _set_carried = _SETTERS
_set_1, _set_2, _set_3, _set_4, _set_5, _set_6, _set_7, _set_8 = _set_parts


def invitation(
    identifier: _Id,
    parts: Parts,
    warnings: tuple[str, ...],
    carried: Mapping[str, Any] | None,
) -> Invitation[_Id]:
    """Return an invitation; in a third of the time that its class takes, as it is frozen."""
    made: Invitation[_Id] = object.__new__(Invitation)
    status, dose, earliest, latest, products, offer, reason, marks = parts
    _set_id(made, identifier)
    _set_1(made, status)
    _set_2(made, dose)
    _set_3(made, earliest)
    _set_4(made, latest)
    _set_5(made, products)
    _set_6(made, offer)
    _set_7(made, reason)
    _set_8(made, marks)
    _set_warnings(made, warnings)
    _set_carried(made, carried)
    return made


class Asker:
    """Answers for people, with the answers that it keeps; what an `Inviter` works with."""

    def __init__(self, programme: Programme, on: date, *, since: date | None = None) -> None:
        self.programme = programme
        self.on = on
        self._now = JudgedDay(programme, on)
        self._before = None if since is None else JudgedDay(programme, since)
        days = self.days = [self._now] if self._before is None else [self._now, self._before]
        readings = self._now.planner.readings
        self._extra = readings.extra_dose
        self._keyed = all(
            day.understood and day.planner.readings.extra_dose == self._extra for day in days
        )
        self._doses: dict[Key, PlainDose | None] = {}
        self._rests: dict[Key, int] = {}
        self._stated: list[tuple[str, int, int]] = []
        self._given: dict[tuple[int, int], Dose] = {}
        self._reasons: dict[Key, str] = {}

    def decide(
        self,
        identifier: _Id,
        plain: Plain | None,
        source: Any,
        make: Callable[[Any], History],
        line: int | None = None,
        record: InvitationRecord | None = None,
        carried: Mapping[str, Any] | None = None,
    ) -> Invitation[_Id] | ToLookAt[_Id] | None:
        """Answer for a person; `make` makes the history of `source` where it is needed."""
        found = self.judge(plain)
        if found is False:
            return None
        if found is True:
            return self._slowly(identifier, make(source), line, record, carried)
        if record is not None and is_settled(record, found[1]):
            return None
        return invitation(identifier, found, (), carried)

    def judge(self, plain: Plain | None, *, shared: bool = False) -> Parts | bool:
        """Return what makes an invitation, False for none, True where `decide` is to be asked.

        Where it is `shared`, `JudgedDay.dated` makes it that of those whose last dose stands alike.
        """
        if plain is None or not self._keyed:
            return True
        keyed = self._now.key(plain)
        if keyed is None:
            return True
        key, ended, last = keyed
        found = self._answer(self._now, key, plain)
        if found == ():
            if shared:
                return True
            key = _with_day(key, last)
            found = self._answer(self._now, key, plain)
        if ended and found is not False and key in self._now.several:
            found, ended = self._answer(self._now, (*_with_day(key, last), ended), plain), 0
        elif key[2] > 0 and found is not True and found is not False:
            found = self._now.dated(found, last)
        if isinstance(found, bool):
            return found
        if self._before is not None:
            # The end of a wait can move the earliest day, and not whether somebody was invited.
            keyed = self._before.key(plain)
            if keyed is None:
                return True
            former = self._answer(self._before, keyed[0], plain)
            if former == ():
                if shared:
                    return True
                former = self._answer(self._before, _with_day(keyed[0], keyed[2]), plain)
            if not isinstance(former, bool):
                return False
        parts: Parts = found
        if ended and ended > parts[2].toordinal():
            parts = (*parts[:2], date.fromordinal(ended), *parts[3:])
        return parts

    def _answer(self, day: JudgedDay, key: Key, plain: Plain) -> Any:
        found = day.answers.get(key)
        return self._learn(day, key, plain) if found is None else found

    def _learn(self, day: JudgedDay, key: Key, plain: Plain) -> Parts | bool | tuple[()]:
        """Ask the planner about a history without any oddity, and keep the answer by its key.

        Return () where the key does not hold all that decides, as several readings have to agree.
        """
        born, groups, doses, infections = plain
        rests, flags, _, _, asked, *waits = key
        today = day.today
        # Where no wait decides, whoever has the key has none, or any.
        known = [each for each in infections if each <= today] if any(waits) else []
        events = Events(
            tuple(map(self._dose, doses[: len(rests)])),
            (),
            tuple([Infection(date.fromordinal(each)) for each in known]),
        )
        what = rests, flags, self._extra is not None and self._extra.group in asked
        course = day.courses.get(what)
        if course is None:
            course = read_course(self.programme, events, groups, day.planner.readings)
            day.courses[what] = course
        plans = day.planner.plans_of(events, course, (date.fromordinal(born),), groups)
        plan = plans[0] if len(plans) == 1 and not course.too_many else joined(plans, course)
        found: Parts | bool | tuple[()]
        found = plan.status is Status.AMBIGUOUS or self._parts(plan) or False
        if key[2] > 0 and len(plans) > 1 and plan.status is not Status.AMBIGUOUS:
            found = ()
        if len(day.answers) >= MOST:
            day.answers.clear()
            day.several.clear()
        day.answers[key] = found
        if found is not False and len(plan.offers) > 1:
            day.several.add(key)
        return found

    def _dose(self, plain: PlainDose) -> Dose:
        """Return a dose that the planner reads alike."""
        day, rest = plain[:2]
        found = self._given.get((day, rest))
        if found is None:
            if len(self._given) >= MOST:
                self._given.clear()
            found = Dose(date.fromordinal(day), *self._stated[rest])
            self._given[day, rest] = found
        return found

    def _slowly(
        self,
        identifier: _Id,
        history: History,
        line: int | None,
        record: InvitationRecord | None,
        carried: Mapping[str, Any] | None,
    ) -> Invitation[_Id] | ToLookAt[_Id] | None:
        """Ask the planner itself."""
        plans, course, events = self._now.planner.plans(history)
        plan = plans[0] if len(plans) == 1 and not course.too_many else joined(plans, course)
        if plan.status is Status.AMBIGUOUS:
            reasons = plan_reasons(self.programme, self.on, plan, plans, course, events, history)
            return ToLookAt(identifier, line, True, reasons, carried)
        found = self._parts(plan)
        if found is None:
            return None
        if self._before is not None and to_be_invited(self._before.planner.plan(history)):
            return None
        if record is not None and is_settled(record, found[1]):
            return None
        warnings = _warnings(self.programme, history, events)
        return invitation(identifier, found, warnings, carried)

    def _parts(self, plan: Plan) -> Parts | None:
        """Return an invitation but for its person; None where there is none."""
        if plan.earliest is None or not to_be_invited(plan):
            return None
        offer = plan.offers[0]
        kind = (offer.id, plan.status, plan.dose)
        reason = self._reasons.get(kind)
        if reason is None:
            word = "due" if plan.status is Status.DUE else "offered"
            reason = f"Dose {plan.dose} is {word}: {offer.source}."
            self._reasons[kind] = reason
        return (
            plan.status,
            plan.dose,
            plan.earliest,
            plan.latest,
            plan.products,
            offer.id,
            reason,
            offer.marks(),
        )

    # Histories in numbers.

    def plain(self, history: History) -> Plain | None:
        """Return a history in numbers, or None where anything is odd about it."""
        born, groups = history.birth_date, history.groups
        if type(born) is not date or groups is None or history.sector is not None:
            return None
        doses: tuple[PlainDose, ...] = ()
        for dose in history.doses:
            found = self.plain_dose(
                dose.date, dose.product, dose.dose_number, dose.doses, dose.disease
            )
            if found is None:
                return None
            doses += (found,)
        infections = self._infections(history, born)
        return None if infections is None else (born.toordinal(), groups, doses, infections)

    def _infections(self, history: History, born: date) -> tuple[int, ...] | None:
        if not (history.infections or history.tests):
            return ()
        disease, zone = self.programme.disease, self.programme.zone
        days = []
        for infection in history.infections:
            if infection.uvci and len(history.infections) > 1:
                return None
            if infection.disease is None or infection.disease == disease:
                days.append(infection.first_positive.toordinal())
        for test in history.tests:
            if (test.uvci and len(history.tests) > 1) or test.sampled_at.year <= born.year:
                return None
            if test.positive and (test.disease is None or test.disease == disease):
                days.append(local_day(test.sampled_at, zone).toordinal())
        return tuple(sorted(days))

    def plain_dose(
        self,
        day: date,
        product: str | None,
        number: int | None,
        doses: int | None,
        disease: str | None,
    ) -> PlainDose | None:
        """Return a dose in numbers, or None where anything is odd about it."""
        stated = (day, product, number, doses, disease)
        try:
            return self._doses[stated]
        except KeyError:
            if len(self._doses) >= MOST:
                self._doses.clear()
            found = self._doses[stated] = self._new_dose(*stated)
            return found

    def _new_dose(
        self,
        day: date,
        product: str | None,
        number: int | None,
        doses: int | None,
        disease: str | None,
    ) -> PlainDose | None:
        programme = self.programme
        code = programme.product(product)
        if code is None or code not in programme.products or number is None or doses is None:
            return None
        if code in programme.elsewhere:
            return None
        if disease is not None and disease != programme.disease:
            return None
        booster = late = date.max
        if self._extra is not None:
            booster = add_to_day(day, self._extra.booster_from)
            late = add_to_day(day, self._extra.within)
        rest = (code, number, doses, programme.lengths(code, day))
        known = self._rests.setdefault(rest, len(self._rests))
        if known == len(self._stated):
            self._stated.append((code, number, doses))
        return day.toordinal(), known, number, booster.toordinal(), late.toordinal()


class Inviter:
    """Says of one person after the other whether to invite them on a local day.

    Make one and ask it often: it keeps answers, of up to 100,000 keys for a day, some tens of
    megabytes at the most. It is not safe to share between threads.

    Args:
        programme: Whose schedule decides.
        on: The local day.
        since: An earlier day; those who were to be invited on it already are left out.

    """

    def __init__(self, programme: Programme, on: date, *, since: date | None = None) -> None:
        self._asker = Asker(programme, on, since=since)

    def ask(
        self,
        identifier: _Id,
        history: History,
        *,
        record: InvitationRecord | None = None,
        carried: Mapping[str, Any] | None = None,
    ) -> Invitation[_Id] | ToLookAt[_Id] | None:
        """Return an invitation, or that somebody must look at the history; None for neither.

        Args:
            identifier: The register's own.
            history: What is known of the person.
            record: What the caller's records say: who is invited, has booked, has declined or was
                given the dose is not invited again.
            carried: Members of the register's row that the answer is to carry.

        """
        asker = self._asker
        return asker.decide(
            identifier, asker.plain(history), history, _itself, None, record, carried
        )


def _with_day(key: Key, last: int) -> Key:
    """Return a key in which the day of the last dose stands for itself."""
    return *key[:2], -last, *key[3:]


def _itself(history: History) -> History:
    return history


def is_settled(record: InvitationRecord, dose: int) -> bool:
    """Return whether a record says that the dose needs no invitation any more."""
    return record.dose is None or record.dose >= dose


def _warnings(programme: Programme, history: History, events: Events) -> tuple[str, ...]:
    if not (events.doses or history.groups):
        return ()
    return tuple(remark.text for remark in remarks(programme, history, events))
