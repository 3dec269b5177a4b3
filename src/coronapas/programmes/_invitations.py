"""Whom of a register to invite: a stream of histories in, a stream of invitations out.

The rows are taken one by one and nothing of them is kept, so that memory does not grow with the
register. A row whose readings lead to different answers is not invited, and is named instead.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from coronapas.programmes._model import Access, Mark, Programme
from coronapas.programmes._plan import Plan, Planner, Status, joined, plan_reasons
from coronapas.programmes._reasons import Reason, remarks

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator

    from coronapas.facts._history import History
    from coronapas.programmes._course import Events

_Id = TypeVar("_Id", bound="Hashable")

_INVITED = frozenset({Status.ELIGIBLE, Status.DUE})


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
    dose: int | None = None
    day: date | None = field(default=None, repr=False)
    product: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Invitation(Generic[_Id]):
    """One invitation.

    `id` is the register's own; `offer` names the row of the schedule that says so.
    `dose` is the number of the dose among those that count; days are local and inclusive;
    `products` are codes. `marks` are what is uncertain about the row, `warnings` what is odd about
    the history, such as doses out of order.
    """

    id: _Id = field(repr=False)
    status: Status
    dose: int
    earliest: date = field(repr=False)
    latest: date | None = field(repr=False)
    products: tuple[str, ...]
    offer: str
    reason: str
    marks: tuple[Mark, ...] = field(default=(), repr=False)
    warnings: tuple[str, ...] = field(default=(), repr=False)

    def to_json(self) -> dict[str, Any]:
        """Return the invitation as a JSON object."""
        return {
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
    planner = Planner(programme, on)
    earlier = None if since is None else Planner(programme, since)
    reasons: dict[tuple[str, Status, int], str] = {}
    for key, history in rows:
        plans, course, events = planner.plans(history)
        plan = plans[0] if len(plans) == 1 and not course.too_many else joined(plans, course)
        if plan.status is Status.AMBIGUOUS:
            if on_ambiguous is not None:
                reasons_ = plan_reasons(programme, on, plan, plans, course, events, history)
                on_ambiguous(key, reasons_)
            continue
        if plan.earliest is None or not to_be_invited(plan):
            continue
        if earlier is not None and to_be_invited(earlier.plan(history)):
            continue
        offer = plan.offers[0]
        kind = (offer.id, plan.status, plan.dose)
        reason = reasons.get(kind)
        if reason is None:
            word = "due" if plan.status is Status.DUE else "offered"
            reason = f"Dose {plan.dose} is {word}: {offer.source}."
            reasons[kind] = reason
        yield Invitation(
            key,
            plan.status,
            plan.dose,
            plan.earliest,
            plan.latest,
            plan.products,
            offer.id,
            reason,
            offer.marks(),
            _warnings(programme, history, events),
        )


def _warnings(programme: Programme, history: History, events: Events) -> tuple[str, ...]:
    if not (events.doses or history.groups):
        return ()
    return tuple(one.text for one in remarks(programme, history, events))


def to_be_invited(plan: Plan) -> bool:
    """Return whether a plan makes an invitation."""
    if not plan.products or plan.access is not Access.INVITATION:
        return False
    if plan.status is Status.TOO_EARLY:
        return plan.earliest is not None and plan.earliest == plan.offers[0].opens
    return plan.status in _INVITED
