"""Reading the schedule of doses of a programme's document."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Final

from coronapas.programmes.clock import Period
from coronapas.programmes.loading_rules import codes
from coronapas.programmes.model import (
    Audience,
    Offer,
    ProductLimit,
    Schedule,
    Stage,
    TargetGroups,
    Wait,
)
from coronapas.programmes.row_members import row_members

if TYPE_CHECKING:
    from collections.abc import Mapping

    from coronapas.programmes.json_rows import RowReader

NOTHING: Final = "nothing"
"""The word for the stage before any dose."""
_AFTER: Final = (NOTHING, *(stage for stage in Stage if stage is not Stage.UNCOUNTED))


def read_schedule(top: RowReader, names: Mapping[str, str]) -> Schedule:
    """Read the schedule; a programme without one offers nothing."""
    row = top.row("schedule")
    if row is None:
        return Schedule()
    schedule = Schedule(
        offers=tuple(_offer(one, names) for one in row.rows("offers")),
        limits=tuple(_limit(one, names) for one in row.rows("limits")),
        waits=tuple(_wait(one) for one in row.rows("waits")),
        groups=tuple(_groups(one) for one in row.rows("target_groups")),
    )
    row.close()
    ids = [one.id for one in (*schedule.offers, *schedule.limits, *schedule.waits)]
    if len(set(ids)) < len(ids):
        row.faults.note("schedule", "programme.doubled", "A name is here twice.", "Rename one.")
    return schedule


def _span(row: RowReader) -> tuple[date, date | None]:
    starts, until = row.day("from", required=True), row.day("until")
    if starts and until and until <= starts:
        row.faults.note(
            f"{row.path}.until",
            "programme.order",
            "The row ends before it begins.",
            "Give a later day; until is exclusive.",
        )
    return starts or date.max, until


def _offer(row: RowReader, names: Mapping[str, str]) -> Offer:
    starts, until = _span(row)
    after = row.words("after", _AFTER)
    previous = codes(row, "previous", names)
    products = codes(row, "products", names) or ()
    why = row.maybe_text("why")
    if bool(products) == bool(why) or not after:
        row.faults.note(
            row.path,
            "programme.offer",
            "An offer names the stages it comes after, and products or why there are none.",
            "Give after, and either products or why.",
        )
    offer = Offer(
        starts=starts,
        until=until,
        after=frozenset(None if word == NOTHING else Stage(word) for word in after or ()),
        audiences=tuple(_audience(one) for one in row.rows("to")) or (Audience(),),
        products=products,
        previous=None if previous is None else frozenset(previous),
        earliest=_days(row, "earliest"),
        recommended=_days(row, "recommended"),
        latest=_days(row, "latest"),
        why=why,
        free_of_limits=row.flag("free_of_limits"),
        **row_members(row),
    )
    row.close()
    return offer


def _days(row: RowReader, name: str) -> Period | None:
    period = row.period(name)
    if period and period.hours:
        path = f"{row.path}.{name}"
        row.faults.note(path, "programme.hours", "Doses have no hours.", "Give days or months.")
    return period


def _audience(row: RowReader) -> Audience:
    groups = row.words("groups")
    reached = row.row("reached")
    found = None
    if reached is not None:
        age = reached.number("age", 0, 150, required=True)
        first, last = reached.day("from", required=True), reached.day("until")
        reached.close()
        if age is not None and first is not None:
            found = (age, first, last)
    audience = Audience(
        groups=None if groups is None else frozenset(groups),
        age_from=row.number("age_from", 0, 150),
        age_below=row.number("age_below", 0, 150),
        reached=found,
    )
    row.close()
    return audience


def _limit(row: RowReader, names: Mapping[str, str]) -> ProductLimit:
    starts, until = _span(row)
    product = row.text("product", required=True)
    code = names.get(product.casefold())
    if product and code is None:
        row.faults.note(
            f"{row.path}.product",
            "programme.product",
            "The product is not among the programme's products.",
            "Add it to products, or correct the name.",
        )
    limit = ProductLimit(
        product=code or product,
        starts=starts,
        until=until,
        status=row.text("status", required=True),
        why=row.text("why", required=True),
        age_below=row.number("age_below", 0, 150),
        **row_members(row),
    )
    row.close()
    return limit


def _wait(row: RowReader) -> Wait:
    starts, until = _span(row)
    lasts = row.period("lasts", required=True) or Period()
    wait = Wait(starts=starts, until=until, lasts=lasts, **row_members(row))
    row.close()
    return wait


def _groups(row: RowReader) -> TargetGroups:
    starts = row.day("from", required=True) or date.max
    groups = []
    for one in row.rows("groups"):
        groups.append(
            (one.number("number", 1, 99, required=True) or 0, one.text("who", required=True))
        )
        one.close()
    found = TargetGroups(starts=starts, groups=tuple(groups), **row_members(row))
    row.close()
    return found
