"""Whom of a register to invite: one person after the other, as their histories say.

Nothing of a person is kept, so that memory does not grow with the register. A person whose readings
lead to different answers is not invited, and is to be looked at instead (`ToLookAt`).

Of a history without any oddity the answer is kept by a key (`coronapas.programmes._keys`); every
other one goes to the planner.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from coronapas.facts._history import Dose, History, Infection
from coronapas.programmes._clock import add_to_day, local_day
from coronapas.programmes._course import Events, read_course
from coronapas.programmes._keys import MOST, WAITS, JudgedDay, Key, Plain, PlainDose, Terms
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

_Answer = Terms | bool | tuple[()]
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


class Invitation(Generic[_Id]):
    """One invitation, as a value; many people share all of it but the person.

    Args:
        id: The register's own identifier of the person.
        status: Whether the dose is due, may be given, or opens later.
        dose: The number of the dose among those that count.
        earliest: The first local day on which it may be given (inclusive).
        latest: The last one (inclusive), or None where there is none.
        products: The codes of the products.
        offer: The row of the schedule that says so.
        reason: Why, as a sentence.
        marks: What is uncertain about the row.
        warnings: What is odd about the history, such as doses out of order.
        carried: The members of the register's row that are not ours.

    """

    __slots__ = ("_carried", "_id", "_terms", "_warnings")

    def __init__(
        self,
        id: _Id,  # noqa: A002 - the name of the member
        status: Status,
        dose: int,
        earliest: date,
        latest: date | None,
        products: tuple[str, ...],
        offer: str,
        reason: str,
        marks: tuple[Mark, ...] = (),
        warnings: tuple[str, ...] = (),
        carried: Mapping[str, Any] | None = None,
    ) -> None:
        self._id = id
        self._terms = Terms(status, dose, earliest, latest, products, offer, reason, marks)
        self._warnings = warnings
        self._carried = carried

    @classmethod
    def _on(
        cls,
        terms: Terms,
        identifier: _Id,
        carried: Mapping[str, Any] | None = None,
        warnings: tuple[str, ...] = (),
    ) -> Invitation[_Id]:
        made: Invitation[_Id] = object.__new__(cls)
        made._id = identifier
        made._terms = terms
        made._warnings = warnings
        made._carried = carried
        return made

    @property
    def id(self) -> _Id:
        """The register's own identifier of the person."""
        return self._id

    @property
    def status(self) -> Status:
        """Whether the dose is due, may be given, or opens later."""
        return self._terms.status

    @property
    def dose(self) -> int:
        """The number of the dose among those that count."""
        return self._terms.dose

    @property
    def earliest(self) -> date:
        """The first local day on which it may be given (inclusive)."""
        return self._terms.earliest

    @property
    def latest(self) -> date | None:
        """The last local day (inclusive); None where there is none."""
        return self._terms.latest

    @property
    def products(self) -> tuple[str, ...]:
        """The codes of the products."""
        return self._terms.products

    @property
    def offer(self) -> str:
        """The row of the schedule that says so."""
        return self._terms.offer

    @property
    def reason(self) -> str:
        """Why, as a sentence."""
        return self._terms.reason

    @property
    def marks(self) -> tuple[Mark, ...]:
        """What is uncertain about the row."""
        return self._terms.marks

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is odd about the history, such as doses out of order."""
        return self._warnings

    @property
    def carried(self) -> Mapping[str, Any] | None:
        """The members of the register's row that are not ours."""
        return self._carried

    def __reduce__(self) -> tuple[Any, ...]:
        return invitation, (self._terms, self._id, self._carried, self._warnings)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Invitation):
            return NotImplemented
        return self._id == other._id and (self._terms, self._warnings, self._carried) == (
            other._terms,
            other._warnings,
            other._carried,
        )

    def __hash__(self) -> int:
        return hash((self._id, self._terms))

    def __repr__(self) -> str:
        terms = self._terms
        return (
            f"Invitation(status={terms.status!r}, dose={terms.dose!r}, "
            f"products={terms.products!r}, offer={terms.offer!r}, reason={terms.reason!r})"
        )

    def to_json(self) -> dict[str, Any]:
        """Return the invitation as a JSON object; ``carried`` only where there is something."""
        warnings = list(self._warnings)
        found = {"id": self._id, **self._terms.to_json(), "warnings": warnings}
        return {**found, "carried": dict(self._carried)} if self._carried else found

    def to_line(self) -> str:
        """Return what `to_json` returns as a line of JSON, without its end."""
        warnings = json.dumps(self._warnings) if self._warnings else "[]"
        identifier = self._id if type(self._id) is int else json.dumps(self._id)
        line = f'{{"id": {identifier}, {self._terms.text}, "warnings": {warnings}'
        return f'{line}, "carried": {json.dumps(self._carried)}}}' if self._carried else line + "}"


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


invitation: Final = Invitation._on
"""Makes the invitation of a person to terms, without going through what makes the terms."""


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
        if record is not None and is_settled(record, found.dose):
            return None
        return invitation(found, identifier, carried)

    def judge(self, plain: Plain | None, *, shared: bool = False) -> Terms | bool:
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
            if shared or WAITS in key[5:]:
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
                if shared or WAITS in keyed[0][5:]:
                    return True
                former = self._answer(self._before, _with_day(keyed[0], keyed[2]), plain)
            if not isinstance(former, bool):
                return False
        terms: Terms = found
        if ended and ended > terms.earliest.toordinal():
            terms = replace(terms, earliest=date.fromordinal(ended))
        return terms

    def _answer(self, day: JudgedDay, key: Key, plain: Plain) -> Any:
        found = day.answers.get(key)
        return self._learn(day, key, plain) if found is None else found

    def _learn(self, day: JudgedDay, key: Key, plain: Plain) -> _Answer:
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
        if WAITS in waits and (len(course.worlds) > 1 or course.too_many):
            return self._keep(day, key, ())
        plans = day.planner.plans_of(events, course, (date.fromordinal(born),), groups)
        plan = plans[0] if len(plans) == 1 and not course.too_many else joined(plans, course)
        found: _Answer
        found = plan.status is Status.AMBIGUOUS or self._terms(plan) or False
        if key[2] > 0 and len(plans) > 1 and plan.status is not Status.AMBIGUOUS:
            found = ()
        self._keep(day, key, found)
        if found is not False and len(plan.offers) > 1:
            day.several.add(key)
        return found

    @staticmethod
    def _keep(day: JudgedDay, key: Key, found: _Answer) -> _Answer:
        if len(day.answers) >= MOST:
            day.answers.clear()
            day.several.clear()
        day.answers[key] = found
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
        found = self._terms(plan)
        if found is None:
            return None
        if self._before is not None and to_be_invited(self._before.planner.plan(history)):
            return None
        if record is not None and is_settled(record, found.dose):
            return None
        warnings = _warnings(self.programme, history, events)
        return invitation(found, identifier, carried, warnings)

    def _terms(self, plan: Plan) -> Terms | None:
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
        return Terms(
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
