"""Whom of a register to invite on a day: a stream of histories in, a stream of invitations out.

Rows are taken one by one and nothing is kept of them, so that the memory needed does not grow with
the register. A row that is not to be invited gives nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from coronapas.programmes.planning import Plan, Planner, Status, together

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator

    from coronapas.programmes.history import History
    from coronapas.programmes.model import Programme

_Id = TypeVar("_Id", bound="Hashable")

_INVITED = frozenset({Status.ELIGIBLE, Status.DUE})


@dataclass(frozen=True, slots=True)
class Invitation(Generic[_Id]):
    """One invitation.

    `id` is the register's own; `offer` names the row of the schedule that says so.
    `dose` is the number of the dose among those that count; days are local and inclusive;
    `products` are codes.
    """

    id: _Id = field(repr=False)
    status: Status
    dose: int
    earliest: date = field(repr=False)
    latest: date | None = field(repr=False)
    products: tuple[str, ...]
    offer: str
    reason: str

    def to_json(self) -> dict[str, Any]:
        """Give the invitation for JSON."""
        return {
            "id": self.id,
            "status": str(self.status),
            "dose": self.dose,
            "earliest": self.earliest.isoformat(),
            "latest": self.latest and self.latest.isoformat(),
            "products": list(self.products),
            "offer": self.offer,
            "reason": self.reason,
        }


def invitations(
    programme: Programme,
    rows: Iterable[tuple[_Id, History]],
    on: date,
    *,
    since: date | None = None,
) -> Iterator[Invitation[_Id]]:
    """Go through rows of (id, history) and give those who are to be invited on a local day.

    Invited are those whose next dose is due or may be given on that day, in every reading of their
    history. With `since`, those who were to be invited on that earlier day already are left out.
    """
    planner = Planner(programme, on)
    earlier = None if since is None else Planner(programme, since)
    reasons: dict[tuple[str, Status, int], str] = {}
    for key, history in rows:
        plan = _invited(planner, history)
        if (
            plan is None
            or plan.earliest is None
            or (earlier is not None and _invited(earlier, history) is not None)
        ):
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
        )


def _invited(planner: Planner, history: History) -> Plan | None:
    plans, course, _ = planner.plans(history)
    plan = plans[0] if len(plans) == 1 and not course.too_many else together(plans, course)
    return plan if plan.status in _INVITED and plan.products else None
