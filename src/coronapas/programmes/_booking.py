"""Who may book a dose, who may be given one on arrival, and how a given dose is registered.

The schedule decides (`coronapas.programmes._plan`); this module asks it as a booking system and a
vaccination centre ask:

- `may_book`: may this person book on this day, and for when? Only the invited book, unless the
  dose is given on a person's own initiative.
- `may_give`: a person has come; is everything right for a dose of this product today?
- `register_dose`: a dose was given; number it from the history, say what is odd about it, and give
  the facts for the pass and the new history.

Whether somebody was invited, has booked, or has declined is the caller's knowledge. It is given in
as an `InvitationRecord` and respected; without one the answers say what the programme says.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from coronapas.facts._history import Dose, History, births
from coronapas.facts._model import Holder, Vaccination
from coronapas.programmes._clock import birthday
from coronapas.programmes._invitations import InvitationRecord, InvitationState, to_be_invited
from coronapas.programmes._model import (
    COMPLETE,
    Access,
    Mark,
    Policy,
    ProductLimit,
    Programme,
    Stage,
    is_known,
)
from coronapas.programmes._plan import Plan, Status, joined, plan_reasons, planner_of
from coronapas.programmes._reasons import Reason, suggestion

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from coronapas.programmes._course import Course, Events, World


class BookingAnswer(StrEnum):
    """Whether somebody may book."""

    INVITED = "invited"
    """Yes: is invited, or is to be."""
    OWN_INITIATIVE = "own-initiative"
    """Yes, without an invitation."""
    REFERRAL = "referral"
    """Only with a doctor's referral."""
    NOT_YET = "not-yet"
    """No; from a later day on."""
    NO = "no"
    UNCLEAR = "unclear"
    """The history can be read in several ways with different answers: somebody must look at it."""


@dataclass(frozen=True, slots=True)
class SecondDose:
    """When the dose after one of a course can be given; days are local and inclusive."""

    earliest: date = field(repr=False)
    """The first day."""
    recommended: date | None = field(repr=False)
    """The day that is recommended; None where none is."""
    latest: date | None = field(repr=False)
    """The last day; None where there is none."""
    products: tuple[str, ...]
    """The codes of the products that may be given."""

    def to_json(self) -> dict[str, Any]:
        """Return the dose as a JSON object."""
        return {
            "earliest": self.earliest.isoformat(),
            "recommended": self.recommended and self.recommended.isoformat(),
            "latest": self.latest and self.latest.isoformat(),
            "products": list(self.products),
        }


@dataclass(frozen=True, slots=True)
class CourseDates:
    """A dose of one product that can be booked, and the dose after it.

    `day` is the first day on which the dose can be given, or the day that was asked for.
    `dose_number` and `doses` are the numbers that it would have. `second` is None where the dose
    completes a course, or where the schedule offers nothing after it.
    """

    product: str
    """The code of the product."""
    product_name: str
    """Its name."""
    day: date = field(repr=False)
    dose_number: int
    doses: int
    second: SecondDose | None = field(repr=False)

    def to_json(self) -> dict[str, Any]:
        """Return both dates as a JSON object."""
        return {
            "product": self.product,
            "product_name": self.product_name,
            "day": self.day.isoformat(),
            "dose_number": self.dose_number,
            "doses": self.doses,
            "second": self.second and self.second.to_json(),
        }


@dataclass(frozen=True, slots=True)
class Booking:
    """Whether a person may book a dose on a day, with what, and when.

    Days are local and inclusive. `until` is the day from which the answer can be another one: set
    where it is `BookingAnswer.NOT_YET`. `earliest` is the first day of an appointment, which can
    lie ahead for the invited. `courses` has both dates for each product. The first of the `reasons`
    decides; `marks` name uncertain rows of the programme.
    """

    programme: str
    """The programme's identifier."""
    on: date
    """The local day that was asked about."""
    answer: BookingAnswer
    """Whether the person may book."""
    dose: int
    """The number of the dose among those that count."""
    until: date | None = field(repr=False)
    earliest: date | None = field(repr=False)
    latest: date | None = field(repr=False)
    """The last day of an appointment; None where there is none."""
    courses: tuple[CourseDates, ...] = field(repr=False)
    reasons: tuple[Reason, ...] = field(repr=False)
    marks: tuple[Mark, ...] = field(repr=False)

    @property
    def allowed(self) -> bool:
        """Whether the person may book now, by invitation or on their own initiative."""
        return self.answer in (BookingAnswer.INVITED, BookingAnswer.OWN_INITIATIVE)

    @property
    def products(self) -> tuple[str, ...]:
        """The codes of the products."""
        return tuple(each.product for each in self.courses)

    def to_json(self) -> dict[str, Any]:
        """Return the answer as a JSON object."""
        return {
            "programme": self.programme,
            "on": self.on.isoformat(),
            "answer": str(self.answer),
            "allowed": self.allowed,
            "dose": self.dose,
            "until": self.until and self.until.isoformat(),
            "earliest": self.earliest and self.earliest.isoformat(),
            "latest": self.latest and self.latest.isoformat(),
            "courses": [each.to_json() for each in self.courses],
            "reasons": [reason.to_json() for reason in self.reasons],
            "marks": [mark.to_json() for mark in self.marks],
        }


def may_book(
    programme: Programme,
    history: History,
    groups: Iterable[str] | None,
    day: date,
    *,
    invitation: InvitationRecord | None = None,
    first: date | None = None,
) -> Booking:
    """Say whether a person may book the next dose on a local day, and for when.

    Without `invitation` the answer agrees with `coronapas.programmes.invitations`: it is
    `BookingAnswer.INVITED` for those whom that invites.

    Args:
        programme: Whose schedule decides.
        history: What is known of the person.
        groups: The target groups that the person belongs to; None takes those of the history.
        day: The local day of the question.
        invitation: What the caller's records say of the invitation.
        first: The day of the appointment that the second date follows, where it is later than the
            earliest one.

    """
    history = _with_groups(history, groups)
    asked = _ask(programme, history, day)
    plan = asked.plan
    answer, leading = _answer(plan, _of_this_dose(invitation, plan))
    open_ = answer not in (BookingAnswer.NO, BookingAnswer.UNCLEAR)
    return Booking(
        programme=programme.id,
        on=day,
        answer=answer,
        dose=plan.dose,
        until=plan.earliest if answer is BookingAnswer.NOT_YET else None,
        earliest=_not_before(plan, day) if open_ else None,
        latest=plan.latest if open_ else None,
        courses=tuple(_courses(programme, history, asked, first)) if open_ else (),
        reasons=(leading, *asked.reasons()),
        marks=asked.marks(),
    )


class _Asked(NamedTuple):
    """A question to the schedule, and its answer in every reading."""

    programme: Programme
    history: History
    on: date
    plan: Plan
    plans: list[Plan]
    course: Course
    events: Events

    def reasons(self) -> tuple[Reason, ...]:
        """Return the schedule's own reasons."""
        return plan_reasons(
            self.programme, self.on, self.plan, self.plans, self.course, self.events, self.history
        )

    def marks(self) -> tuple[Mark, ...]:
        """Return what is uncertain about the rows that the answer rests on."""
        plan = self.plan
        marks = [*self.course.marks(planner_of(self.programme, self.on).readings)]
        for row in (*plan.offers, *plan.refusals, *((plan.waiting,) if plan.waiting else ())):
            marks += row.marks()
        return tuple(dict.fromkeys(marks))


def _ask(programme: Programme, history: History, on: date) -> _Asked:
    plans, course, events = planner_of(programme, on).plans(history)
    return _Asked(programme, history, on, joined(plans, course), plans, course, events)


def _with_groups(history: History, groups: Iterable[str] | None) -> History:
    return history if groups is None else replace(history, groups=frozenset(groups))


def _of_this_dose(invitation: InvitationRecord | None, plan: Plan) -> InvitationRecord | None:
    """Return a record if it is about the next dose or a later one."""
    if invitation is None or invitation.dose is None or invitation.dose >= plan.dose:
        return invitation
    return None


def _not_before(plan: Plan, day: date) -> date | None:
    return None if plan.earliest is None else max(plan.earliest, day)


_WAYS: Final = {
    Access.INVITATION: (BookingAnswer.INVITED, "booking.invited", "The dose is by invitation."),
    Access.OWN_INITIATIVE: (
        BookingAnswer.OWN_INITIATIVE,
        "booking.own-initiative",
        "The dose is given to those who ask for it; no invitation is needed.",
    ),
    Access.OPT_IN: (
        BookingAnswer.OWN_INITIATIVE,
        "booking.opted-in",
        "The dose is given to those who chose it beside the programme.",
    ),
    Access.REFERRAL: (
        BookingAnswer.REFERRAL,
        "booking.referral",
        "The dose is given to those whom a doctor refers.",
    ),
}


def _answer(plan: Plan, invitation: InvitationRecord | None) -> tuple[BookingAnswer, Reason]:
    answer, reason = _by_schedule(plan)
    if invitation is None:
        return answer, reason
    match invitation.state:
        case InvitationState.DONE:
            text = "The dose was given, by the record of the invitation."
            return BookingAnswer.NO, Reason("booking.done", text)
        case InvitationState.BOOKED:
            text = "There is an appointment already: move it or cancel it."
            return BookingAnswer.NO, Reason("booking.booked", text)
        case InvitationState.DECLINED if answer is BookingAnswer.INVITED:
            text = "The invitation was declined; the dose is still offered to those who ask."
            return BookingAnswer.OWN_INITIATIVE, Reason("booking.declined", text)
        case InvitationState.INVITED if answer in (
            BookingAnswer.OWN_INITIATIVE,
            BookingAnswer.REFERRAL,
        ):
            text = "The person was invited."
            return BookingAnswer.INVITED, Reason("booking.invited", text)
        case InvitationState.INVITED if answer is BookingAnswer.NO:
            text = "The person was invited, but the schedule of this day offers no dose any more."
            return answer, Reason("booking.invitation-over", text)
    return answer, reason


def _by_schedule(plan: Plan) -> tuple[BookingAnswer, Reason]:
    offered = plan.status in (Status.ELIGIBLE, Status.DUE)
    if plan.status is Status.AMBIGUOUS or (
        plan.status is not Status.NOT_OFFERED and not plan.products
    ):
        text = "The history can be read in several ways with different answers."
        return BookingAnswer.UNCLEAR, Reason("booking.unclear", text)
    if (offered or to_be_invited(plan)) and plan.access is not None:
        answer, code, text = _WAYS[plan.access]
        if not offered:
            text = f"The dose is by invitation, for days from {plan.earliest} on."
        return answer, Reason(code, text, plan.offers[0].id)
    if plan.status is Status.TOO_EARLY:
        text = f"No dose can be booked until {plan.earliest}."
        return BookingAnswer.NOT_YET, Reason("booking.not-yet", text, plan.offers[0].id)
    text = "The schedule of this day offers the person no dose."
    return BookingAnswer.NO, Reason("booking.no", text)


def _courses(
    programme: Programme, history: History, asked: _Asked, first: date | None
) -> Iterator[CourseDates]:
    day = _not_before(asked.plan, asked.on)
    if day is None:
        return
    if first is not None and first > day:
        day = first
    for product in asked.plan.products:
        at = asked if day == asked.on else _ask(programme, history, day)
        number, doses = _numbers(at, product)[0]
        given = Dose(day, product, number, doses)
        second = None
        if number < doses:
            later = _ask(programme, _and(history, given), day).plan
            if later.earliest is not None and later.products:
                earliest = max(later.earliest, day)
                second = SecondDose(earliest, later.recommended, later.latest, later.products)
        name = programme.product_name(product)
        yield CourseDates(product, name, day, number, doses, second)


def _and(history: History, dose: Dose) -> History:
    return replace(history, doses=(*history.doses, dose))


# On arrival.


@dataclass(frozen=True, slots=True)
class ArrivalCheck:
    """One thing that was checked on arrival.

    `name` is ``invited``, ``booked``, ``product``, ``interval`` or ``age``; `passed` is None where
    it cannot be said. `reasons` say why it did not pass.
    """

    name: str
    passed: bool | None
    reasons: tuple[Reason, ...] = field(repr=False)

    def to_json(self) -> dict[str, Any]:
        """Return the check as a JSON object."""
        reasons = [reason.to_json() for reason in self.reasons]
        return {"name": self.name, "passed": self.passed, "reasons": reasons}


@dataclass(frozen=True, slots=True)
class Arrival:
    """Whether a person who has come may be given a dose of a product today.

    `answer` is true where every check passed, false where one failed, and None where somebody must
    look at the history. `dose_number` and `doses` are the numbers that the dose would have.
    """

    programme: str
    """The programme's identifier."""
    on: date
    """The local day."""
    product: str
    """The code of the product."""
    answer: bool | None
    dose_number: int
    doses: int
    checks: tuple[ArrivalCheck, ...]
    """What was checked, in order."""
    marks: tuple[Mark, ...] = field(repr=False)
    """What is uncertain about the rows that the answer rests on."""

    def to_json(self) -> dict[str, Any]:
        """Return the answer as a JSON object."""
        return {
            "programme": self.programme,
            "on": self.on.isoformat(),
            "product": self.product,
            "answer": self.answer,
            "dose_number": self.dose_number,
            "doses": self.doses,
            "checks": [check.to_json() for check in self.checks],
            "marks": [mark.to_json() for mark in self.marks],
        }


def may_give(
    programme: Programme,
    history: History,
    groups: Iterable[str] | None,
    day: date,
    product: str,
    *,
    invitation: InvitationRecord | None = None,
) -> Arrival:
    """Say whether a person who has come to a vaccination centre may be given a product today.

    The checks are, in this order: invited, booked (only with an `invitation`), the right product,
    the interval, the age. Without an `invitation` the person counts as invited where the programme
    invites them.
    """
    history = _with_groups(history, groups)
    asked = _ask(programme, history, day)
    code = programme.product(product) or product
    record = _of_this_dose(invitation, asked.plan)
    found = list(_against(asked, product, code))
    open_ = [reason for reason in found if reason.code == "dose.ambiguous"]
    checks = [_invited(asked.plan, record)]
    if invitation is not None:
        checks.append(_booked(asked, record, code))
    for name, codes in _CHECKED.items():
        failed = tuple(reason for reason in found if reason.code in codes)
        passed = False if failed else (None if open_ else True)
        checks.append(ArrivalCheck(name, passed, failed or tuple(open_)))
    outcomes = {check.passed for check in checks}
    answer = False if False in outcomes else (None if None in outcomes else True)
    number, doses = _numbers(asked, code)[0]
    return Arrival(programme.id, day, code, answer, number, doses, tuple(checks), asked.marks())


_CHECKED: Final = {
    "product": frozenset(
        {
            "dose.product-unknown",
            "dose.product-unrecognised",
            "dose.withdrawn",
            "dose.not-offered",
        }
    ),
    "interval": frozenset({"dose.too-early", "dose.waiting", "dose.doubled"}),
    "age": frozenset({"dose.age", "dose.before-birth"}),
}
"""Which findings about a dose make which check fail."""


def _invited(plan: Plan, record: InvitationRecord | None) -> ArrivalCheck:
    answer, reason = _by_schedule(plan)
    if record is not None and record.state is InvitationState.DONE:
        text = "The dose was given, by the record of the invitation."
        return ArrivalCheck("invited", False, (Reason("booking.done", text),))
    if record is not None and record.state is not InvitationState.DECLINED:
        return ArrivalCheck("invited", True, ())
    if answer in (BookingAnswer.INVITED, BookingAnswer.OWN_INITIATIVE):
        return ArrivalCheck("invited", True, ())
    unsure = answer in (BookingAnswer.UNCLEAR, BookingAnswer.REFERRAL)
    return ArrivalCheck("invited", None if unsure else False, (reason,))


def _booked(asked: _Asked, record: InvitationRecord | None, code: str) -> ArrivalCheck:
    by_itself = asked.plan.access in (Access.OWN_INITIATIVE, Access.OPT_IN)
    if record is None or record.state is not InvitationState.BOOKED:
        if by_itself:
            return ArrivalCheck("booked", True, ())
        text = "There is no appointment."
        return ArrivalCheck("booked", False, (Reason("booking.no-appointment", text),))
    if record.day is not None and record.day != asked.on:
        reason = Reason("booking.other-day", f"The appointment is on {record.day}.")
        return ArrivalCheck("booked", False, (reason,))
    booked = asked.programme.product(record.product)
    if booked is not None and booked != code:
        name = asked.programme.product_name(booked)
        reason = Reason("booking.other-product", f"The appointment is for {name}.")
        return ArrivalCheck("booked", False, (reason,))
    return ArrivalCheck("booked", True, ())


# What stands against a dose of a product on a day.

_OLDEST: Final = 110
"""The ages, in years and inclusive, at which a dose is tried to find whether age is in the way."""


def _against(asked: _Asked, stated: str, code: str) -> Iterator[Reason]:
    programme = asked.programme
    yield from _implausible(asked)
    if code not in programme.products:
        yield _not_of_the_programme(programme, stated, code)
        return
    offered = [_offers_now(plan, code) for plan in asked.plans]
    if asked.course.too_many or (any(offered) and not all(offered)):
        text = "Whether the dose is right depends on how the history is read."
        yield Reason("dose.ambiguous", text)
        return
    if all(offered):
        latest = asked.plan.latest
        if latest is not None and latest < asked.on:
            row = asked.plan.offers[0]
            text = f"The latest day was {latest}; the course goes on and is not begun anew."
            yield Reason("dose.late", text, row.id, None, row.source, row.confidence)
        return
    limits = list(_limits(asked, code))
    yield from limits
    if not limits:
        yield _refused(asked, code)


def _not_of_the_programme(programme: Programme, stated: str, code: str) -> Reason:
    if is_known(code):
        text = "The programme does not recognise the product: the dose does not count."
        return Reason("dose.product-unrecognised", text)
    meant = suggestion(programme, stated)
    text = "The product is unknown." + (f" Did you mean {meant}?" if meant else "")
    return Reason("dose.product-unknown", text)


def _offers_now(plan: Plan, code: str) -> bool:
    return plan.status in (Status.ELIGIBLE, Status.DUE) and code in plan.products


def _implausible(asked: _Asked) -> Iterator[Reason]:
    """Name what is odd about a dose of that day, whatever its product."""
    days = births(asked.history.birth_date)
    if days is not None and asked.on < days[0]:
        yield Reason("dose.before-birth", "The day is before the holder's birth.")
    given = [dose.date for dose in asked.history.doses]
    if any(abs((day - asked.on).days) <= 1 for day in given):
        text = "The history states a dose of that day or the next to it: probably the same one."
        yield Reason("dose.doubled", text)
    if any(day > asked.on for day in given):
        yield Reason("dose.out-of-order", "The history states a later dose.")


def _limits(asked: _Asked, code: str) -> Iterator[Reason]:
    """Name the limits that stand against a product, for everyone or by age."""
    against = [row for row in asked.plan.refusals if isinstance(row, ProductLimit)]
    for limit in asked.programme.schedule.limits:
        if limit.product != code or not limit.stands_on(asked.on):
            continue
        if limit.age_below is None:
            yield _of_row("dose.withdrawn", limit.why, limit)
        elif limit in against:
            yield _of_row("dose.age", limit.why, limit)


def _of_row(code: str, text: str, row: Any) -> Reason:
    return Reason(code, text, row.id, None, row.source or None, row.confidence)


def _refused(asked: _Asked, code: str) -> Reason:
    """Say why the schedule does not offer a product that nothing else stands against."""
    plan = asked.plan
    by_age = Reason("dose.age", "The product is not offered at the holder's age for this dose.")
    if plan.status is Status.TOO_EARLY and plan.offers and plan.earliest is not None:
        if _offered_at(asked, code, [_older(asked, plan.earliest)]):
            return by_age
        if plan.waiting is not None:
            text = f"After an infection no dose before {plan.earliest}."
            return _of_row("dose.waiting", text, plan.waiting)
        text = f"The dose is too early until {plan.earliest}."
        return _of_row("dose.too-early", text, plan.offers[0])
    if _offered_at(asked, code, [birthday(asked.on, -age) for age in range(_OLDEST + 1)]):
        return by_age
    name = asked.programme.product_name(code)
    return Reason("dose.not-offered", f"The schedule of this day does not offer {name} here.")


def _offered_at(asked: _Asked, code: str, births_: Iterable[date | None]) -> bool:
    """Return whether the product would be offered at once with one of these birth dates."""
    planner = planner_of(asked.programme, asked.on)
    return asked.history.birth_date is not None and any(
        _offers_now(planner.plan(replace(asked.history, birth_date=born)), code)
        for born in births_
        if born is not None
    )


def _older(asked: _Asked, day: date) -> date | None:
    """Return the birth date of somebody who is as old today as the holder will be on a day."""
    days = births(asked.history.birth_date)
    return None if days is None else days[0] - (day - asked.on)


# Registration.


@dataclass(frozen=True, slots=True)
class Registration:
    """A dose that was given: the facts for its pass, and the history with it.

    `stages` are what it is to its holder in each reading. `warnings` say what is odd about it, with
    stable codes; a dose that was given is registered whatever they say.
    """

    vaccination: Vaccination = field(repr=False)
    """The facts for the pass."""
    history: History = field(repr=False)
    """The history with the dose."""
    stages: tuple[Stage, ...]
    warnings: tuple[Reason, ...] = field(repr=False)

    def facts(self, holder: Holder) -> dict[str, Any]:
        """Return the document that a pass is issued from (``schemas/facts.schema.json``)."""
        return {"holder": holder.to_json(), "vaccination": self.vaccination.to_json()}

    def to_json(self) -> dict[str, Any]:
        """Return the registration as a JSON object; it holds the holder's data."""
        return {
            "vaccination": self.vaccination.to_json(),
            "history": self.history.to_json(),
            "stages": [str(stage) for stage in self.stages],
            "warnings": [reason.to_json() for reason in self.warnings],
        }


def register_dose(
    programme: Programme,
    history: History,
    product: str,
    day: date,
    *,
    place: str | None = None,
    batch: str | None = None,
    country: str | None = None,
    groups: Iterable[str] | None = None,
    numbers: tuple[int, int] | None = None,
) -> Registration:
    """Register a dose that was given, numbered from the history.

    Args:
        programme: Whose schedule the dose is judged by, and whose products are known.
        history: What was known before; doses of later days do not change the number.
        product: Its code or name.
        day: The local day of the dose.
        place: Where it was given, as the register writes it.
        batch: The batch of the vaccine.
        country: The country (ISO 3166-1 alpha-2); None for the issuer's.
        groups: The target groups of the holder; None takes those of the history.
        numbers: Dose number and doses of the series, where the caller knows better.

    """
    history = _with_groups(history, groups)
    asked = _ask(programme, history, day)
    code = programme.product(product) or product
    warnings = list(_against(asked, product, code))
    found = _numbers(asked, code)
    if numbers is None and len(found) > 1:
        choices = " or ".join(f"{number}/{doses}" for number, doses in found)
        text = f"The history leaves the dose's number open: {choices}."
        warnings.append(Reason("dose.number-open", text))
    number, doses = numbers or found[0]
    given = Dose(day, code, number, doses, None, programme.disease, batch, place)
    after = _and(history, given)
    vaccination = Vaccination(
        code,
        number,
        doses,
        day,
        country,
        disease=programme.disease,
        batch=batch,
        place=place,
    )
    return Registration(vaccination, after, _stages(_ask(programme, after, day)), tuple(warnings))


def _stages(asked: _Asked) -> tuple[Stage, ...]:
    """Return what the dose of the day is in each reading."""
    places = [place for place, dose in enumerate(asked.events.doses) if dose.date == asked.on]
    if not places:
        return ()
    return tuple(sorted({world[places[-1]] for world in asked.course.worlds}))


# How a dose is numbered (Implementing Decision (EU) 2021/2301, see `coronapas.dcc._doses`).

_Numbers = tuple[int, int]


def _numbers(asked: _Asked, code: str) -> list[_Numbers]:
    """Return the numbers that a dose of the day may have, one pair for each way of reading."""
    found = {_numbers_after(asked, world, code): None for world in asked.course.worlds}
    return sorted(found)


def _numbers_after(asked: _Asked, world: World, code: str) -> _Numbers:
    programme = asked.programme
    given = [
        (dose, stage)
        for dose, stage in zip(asked.events.doses, world, strict=True)
        if stage is not Stage.UNCOUNTED
    ]
    count = 0
    for dose, _ in given:
        count = max(count + 1, dose.dose_number or 0)
    number = count + 1
    lengths = programme.lengths(code, asked.on)
    completing = [stage for _, stage in given if stage in COMPLETE]
    if completing:
        of_one = completing[0] in (Stage.SINGLE, Stage.RECOVERED)
        renumbered = any((dose.doses or 0) > 1 for dose, _ in given)
        return number, 1 if of_one and not renumbered else max(number, 2)
    if lengths == frozenset({1}):
        return 1, 1
    if not given:
        infected = bool(asked.events.infections)
        recovered = (
            planner_of(programme, asked.on).readings.one_dose_recovered.policy is Policy.RECOVERED
        )
        if infected and recovered:
            return 1, 1
        return 1, max(lengths) if lengths else 2
    begun = given[-1][0].doses
    series = begun or (max(lengths) if lengths else 2)
    return number, max(series, number)
