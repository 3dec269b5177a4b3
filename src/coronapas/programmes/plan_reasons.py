"""Why the next dose is as `coronapas.programmes.planning` says: reasons in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coronapas.programmes.model import Audience, Offer, ProductLimit, Row
from coronapas.programmes.planning import Plan, Status
from coronapas.programmes.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from coronapas.programmes.course import Course
    from coronapas.programmes.events import Events
    from coronapas.programmes.history import History
    from coronapas.programmes.model import Programme


def plan_reasons(
    programme: Programme,
    on: date,
    plan: Plan,
    plans: list[Plan],
    course: Course,
    events: Events,
    history: History,
) -> tuple[Reason, ...]:
    """Give the reasons, the deciding ones first."""
    found: list[Reason] = []
    if plan.status is Status.AMBIGUOUS:
        found += _ambiguous(plans, course)
    elif plan.status is Status.NOT_OFFERED:
        found += _not_offered(programme, on, plan, events)
    else:
        found += _offered(on, plan)
    if history.birth_date is None:
        text = "The birth date is unknown: an answer stands only where every adult age leads to it."
        found.append(Reason("birth-date", text))
    return tuple(dict.fromkeys(found))


def _said(code: str, text: str, row: Row) -> Reason:
    return Reason(code, text, row.id, None, row.source or None, row.confidence)


def _offered(on: date, plan: Plan) -> Iterator[Reason]:
    offer = plan.offers[0]
    if plan.status is Status.TOO_EARLY:
        text = f"Dose {plan.dose} is too early until {plan.earliest}"
        text += f": {offer.earliest} after the last dose." if offer.earliest else "."
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
        whom = "; or ".join(audience_words(one) for one in offer.audiences)
        yield _said("audience", f"A dose is offered to: {whom}.", offer)


def audience_words(audience: Audience) -> str:
    """Say in words whom an offer is made to."""
    parts = []
    if audience.groups is not None:
        parts.append("members of " + " or ".join(sorted(audience.groups)))
    if audience.age_from is not None and audience.age_below is not None:
        parts.append(f"{audience.age_from} to {audience.age_below - 1} years of age")
    elif audience.age_from is not None:
        parts.append(f"{audience.age_from} years of age and over")
    elif audience.age_below is not None:
        parts.append(f"below {audience.age_below} years of age")
    if audience.reached is not None:
        age, first, last = audience.reached
        parts.append(f"those turning {age} from {first}" + (f" until {last}" if last else ""))
    return ", ".join(parts) or "everyone"


def _ambiguous(plans: list[Plan], course: Course) -> Iterator[Reason]:
    if course.too_many:
        text = "Too many doses can be read in several ways to try every combination."
        yield Reason("ambiguous", text)
    for one in course.ambiguous():
        words, settled = " or ".join(one.readings), "; ".join(one.settled_by)
        text = f"Dose {one.dose} can be read as {words}. It would be settled by: {settled}."
        yield Reason("ambiguous", text)
    if len(course.worlds) < len(plans):
        yield Reason("birth-date", "The answer depends on the exact birth date.")
    for plan in plans:
        since = f" from {plan.earliest}" if plan.earliest else ""
        row = plan.offers[0].id if plan.offers else None
        yield Reason("reading", f"In one reading: {plan.status}{since}.", row)
