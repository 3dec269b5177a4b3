"""Booking, arrival and registration: who may book, who may be given a dose, how it is numbered."""

from __future__ import annotations

import json
from datetime import date, timedelta
from random import Random

import pytest
from dirty_histories import day_asked, dirty_history
from hypothesis import given
from hypothesis import strategies as st
from programme_cases import (
    COMIRNATY,
    DENMARK,
    JCOVDEN,
    SPIKEVAX,
    VAXZEVRIA,
    day,
    days,
    dose,
    histories,
    history,
    infected,
    registered_courses,
)

from coronapas import catalogue
from coronapas.dcc import lengths, misnumbering
from coronapas.facts import Dose, History, Holder, facts_from_json
from coronapas.programmes import (
    Access,
    Arrival,
    Booking,
    BookingAnswer,
    InvitationRecord,
    InvitationState,
    Status,
    invitations,
    load,
    may_book,
    may_give,
    next_dose,
    register_dose,
)

NONE = frozenset[str]()
ALLOWED = {BookingAnswer.INVITED, BookingAnswer.OWN_INITIATIVE}


def book(one: History, on: str, record: InvitationRecord | None = None) -> Booking:
    return may_book(DENMARK, one, None, day(on), invitation=record)


def give(one: History, on: str, product: str, record: InvitationRecord | None = None) -> Arrival:
    return may_give(DENMARK, one, None, day(on), product, invitation=record)


def outcomes(arrival: Arrival) -> dict[str, bool | None]:
    return {check.name: check.passed for check in arrival.checks}


def codes(arrival: Arrival) -> set[str]:
    return {reason.code for check in arrival.checks for reason in check.reasons}


# Booking


def test_only_the_invited_book_in_january_2021() -> None:
    young = history(born=date(1990, 1, 1), groups=NONE)
    assert book(young, "2021-01-10").answer is BookingAnswer.NO
    in_care = may_book(DENMARK, young, ["care-home"], day("2021-01-10"))
    assert in_care.answer is BookingAnswer.INVITED
    assert in_care.allowed
    assert in_care.reasons[0].code == "booking.invited"


def test_both_dates_of_a_course_stand_for_each_product() -> None:
    one = history(born=date(1990, 1, 1), groups=frozenset({"care-home"}))
    booking = book(one, "2021-02-10")
    assert set(booking.products) == {COMIRNATY, SPIKEVAX}
    by_product = {course.product: course for course in booking.courses}
    comirnaty = by_product[COMIRNATY]
    assert (comirnaty.day, comirnaty.dose_number, comirnaty.doses) == (day("2021-02-10"), 1, 2)
    assert comirnaty.second is not None
    assert comirnaty.second.earliest == day("2021-03-03")
    assert comirnaty.second.latest == day("2021-03-24")
    assert comirnaty.second.products == (COMIRNATY,)
    spikevax = by_product[SPIKEVAX]
    assert spikevax.second is not None
    assert spikevax.second.earliest == day("2021-03-10")


def test_the_second_date_follows_the_day_of_the_first_appointment() -> None:
    one = history(born=date(1990, 1, 1), groups=frozenset({"care-home"}))
    booking = may_book(DENMARK, one, None, day("2021-02-10"), first=day("2021-02-15"))
    course = next(each for each in booking.courses if each.product == COMIRNATY)
    assert course.day == day("2021-02-15")
    assert course.second is not None
    assert course.second.earliest == day("2021-03-08")


def test_a_dose_that_completes_a_course_has_no_second_date() -> None:
    one = history(dose("2021-06-20", "1/2"), dose("2021-07-25", "2/2"), groups=NONE)
    booking = book(one, "2022-01-15")
    assert booking.answer is BookingAnswer.INVITED
    assert booking.dose == 3
    assert {(each.dose_number, each.doses) for each in booking.courses} == {(3, 3)}
    assert all(each.second is None for each in booking.courses)


def test_who_is_too_early_is_told_until_when() -> None:
    one = history(dose("2021-02-01", "1/2"), born=date(1930, 1, 1), groups=NONE)
    booking = book(one, "2021-02-10")
    assert booking.answer is BookingAnswer.NOT_YET
    assert not booking.allowed
    assert booking.until == booking.earliest == day("2021-02-22")


def test_a_dose_by_own_initiative_needs_no_invitation() -> None:
    unvaccinated = history(groups=NONE)
    booking = book(unvaccinated, "2022-05-20")
    assert booking.answer is BookingAnswer.OWN_INITIATIVE
    assert booking.allowed


def test_an_ambiguous_history_is_to_be_looked_at() -> None:
    mixed = history(dose("2021-07-01", "1/1", JCOVDEN), dose("2021-10-10", "2/2"), groups=NONE)
    booking = book(mixed, "2022-03-20")
    assert booking.answer is BookingAnswer.UNCLEAR
    assert not booking.courses


def test_the_groups_given_replace_those_of_the_history() -> None:
    staff = history(born=date(1990, 1, 1), groups=frozenset({"staff"}))
    assert may_book(DENMARK, staff, (), day("2021-01-10")).answer is BookingAnswer.NO
    assert may_book(DENMARK, staff, None, day("2021-01-10")).answer is BookingAnswer.INVITED


@pytest.mark.parametrize(
    ("state", "answer", "code"),
    [
        (InvitationState.INVITED, BookingAnswer.INVITED, "booking.invited"),
        (InvitationState.BOOKED, BookingAnswer.NO, "booking.booked"),
        (InvitationState.DECLINED, BookingAnswer.OWN_INITIATIVE, "booking.declined"),
        (InvitationState.DONE, BookingAnswer.NO, "booking.done"),
    ],
)
def test_the_state_of_an_invitation_is_respected(
    state: InvitationState, answer: BookingAnswer, code: str
) -> None:
    one = history(dose("2021-06-20", "1/2"), dose("2021-07-25", "2/2"), groups=NONE)
    booking = book(one, "2022-01-15", InvitationRecord(state))
    assert (booking.answer, booking.reasons[0].code) == (answer, code)
    # A record of the dose before says nothing about this one.
    before = book(one, "2022-01-15", InvitationRecord(state, dose=2))
    assert before == book(one, "2022-01-15")


def test_an_invitation_does_not_outlive_the_offer() -> None:
    one = history(born=date(1990, 1, 1), groups=NONE)
    booking = book(one, "2026-11-28", InvitationRecord(InvitationState.INVITED))
    assert booking.answer is BookingAnswer.NO
    assert booking.reasons[0].code == "booking.invitation-over"


def test_who_was_invited_needs_no_other_way() -> None:
    record = InvitationRecord(InvitationState.INVITED)
    assert book(history(groups=NONE), "2022-05-20", record).answer is BookingAnswer.INVITED


def agrees(one: History, on: date) -> None:
    booking = may_book(DENMARK, one, None, on)
    found = next_dose(DENMARK, one, on)
    invited = list(invitations(DENMARK, [("x", one)], on))
    assert bool(invited) is (booking.answer is BookingAnswer.INVITED)
    assert booking.dose == found.dose
    match booking.answer:
        case BookingAnswer.NO:
            assert found.status is Status.NOT_OFFERED
        case BookingAnswer.NOT_YET:
            assert found.status is Status.TOO_EARLY
            assert booking.until == found.earliest
        case BookingAnswer.UNCLEAR:
            assert found.status is Status.AMBIGUOUS or not found.products
        case BookingAnswer.OWN_INITIATIVE:
            assert found.access in (Access.OWN_INITIATIVE, Access.OPT_IN)
        case BookingAnswer.REFERRAL:
            assert found.access is Access.REFERRAL
    if booking.allowed:
        assert set(booking.products) == set(found.products)
        for course in booking.courses:
            assert course.day == max(found.earliest or on, on)
            if course.second is not None:
                assert course.second.earliest >= course.day


@given(histories(), days)
def test_booking_agrees_with_next_and_invite(one: History, on: date) -> None:
    agrees(one, on)


def test_booking_agrees_with_next_and_invite_on_dirty_histories() -> None:
    draw = Random(4)
    answers = set()
    for _ in range(400):
        one, on = History.from_json(dirty_history(draw)), day_asked(draw)
        agrees(one, on)
        answers.add(may_book(DENMARK, one, None, on).answer)
    assert answers >= ALLOWED | {BookingAnswer.NO, BookingAnswer.NOT_YET, BookingAnswer.UNCLEAR}


# On arrival


def test_who_is_invited_booked_and_in_time_is_given_the_dose() -> None:
    one = history(dose("2021-06-20", "1/2"), dose("2021-07-25", "2/2"), groups=NONE)
    record = InvitationRecord(InvitationState.BOOKED, 3, day("2022-01-15"), "Comirnaty")
    arrival = give(one, "2022-01-15", "Comirnaty", record)
    assert arrival.answer is True
    assert (arrival.dose_number, arrival.doses) == (3, 3)
    assert list(outcomes(arrival)) == ["invited", "booked", "product", "interval", "age"]


@pytest.mark.parametrize(
    ("on", "product", "record", "failed", "code"),
    [
        ("2022-01-15", "Comirnaty", "declined", "booked", "booking.no-appointment"),
        ("2022-01-15", "Comirnaty", "done", "invited", "booking.done"),
        ("2022-01-15", "Vaxzevria", None, "product", "dose.withdrawn"),
        ("2022-01-15", "Covishield", None, "product", "dose.product-unrecognised"),
        ("2022-01-15", "Commirnaty", None, "product", "dose.product-unknown"),
        ("2022-01-15", "Nuvaxovid", None, "product", "dose.not-offered"),
        ("2021-12-06", "Comirnaty", None, "interval", "dose.too-early"),
        ("2021-11-20", "Comirnaty", None, "product", "dose.not-offered"),
    ],
)
def test_what_is_wrong_on_arrival_is_a_check_that_fails(
    on: str, product: str, record: str | None, failed: str, code: str
) -> None:
    one = history(dose("2021-06-20", "1/2"), dose("2021-07-25", "2/2"), groups=NONE)
    given_in = None if record is None else InvitationRecord(InvitationState(record))
    arrival = give(one, on, product, given_in)
    assert arrival.answer is False
    assert outcomes(arrival)[failed] is False
    assert code in codes(arrival)


def test_a_course_that_goes_on_with_a_product_of_unknown_length_is_one_of_two() -> None:
    said = {"source": "x", "confidence": "S"}
    offer = {"from": "2021-01-01", "products": ["novel"], **said}
    document = {
        "id": "new",
        "title": "New",
        "time_zone": "Europe/Athens",
        "reckoning": "local",
        "products": [{"code": code, "name": code, **said} for code in (COMIRNATY, "novel")],
        "readings": {
            "single_then_other": {"is": "booster", **said},
            "one_dose_recovered": {"is": "first", **said},
        },
        "schedule": {
            "offers": [{"id": after, "after": [after], **offer} for after in ("nothing", "first")]
        },
        "rules": [],
        "revisions": [],
    }
    numbers = [
        (arrival.dose_number, arrival.doses)
        for doses in ((), (dose("2021-05-01"),))
        for arrival in (
            may_give(load(document), history(*doses), None, day("2021-07-01"), "novel"),
        )
    ]
    assert numbers == [(1, 2), (2, 2)]


@pytest.mark.parametrize("record", [None, InvitationRecord(InvitationState.DECLINED)])
def test_whoever_the_schedule_offers_a_dose_needs_no_record_of_an_invitation(
    record: InvitationRecord | None,
) -> None:
    one = history(dose("2021-06-20", "1/2"), dose("2021-07-25", "2/2"), groups=NONE)
    arrival = give(one, "2022-01-15", "Comirnaty", record)
    assert outcomes(arrival)["invited"] is True


def test_an_appointment_on_another_day_or_for_another_product_fails() -> None:
    one = history(dose("2021-06-20", "1/2"), dose("2021-07-25", "2/2"), groups=NONE)
    booked = InvitationState.BOOKED
    other_day = give(one, "2022-01-15", "Comirnaty", InvitationRecord(booked, 3, day("2022-01-16")))
    assert outcomes(other_day)["booked"] is False
    assert codes(other_day) == {"booking.other-day"}
    other = give(one, "2022-01-15", "Comirnaty", InvitationRecord(booked, 3, None, "Moderna"))
    assert outcomes(other)["booked"] is False
    assert codes(other) == {"booking.other-product"}


def test_a_vaccine_that_is_not_for_the_age_fails_by_age_alone() -> None:
    child = history(born=date(2008, 3, 1), groups=NONE)
    arrival = give(child, "2021-07-20", "Spikevax")
    assert outcomes(arrival)["age"] is False
    assert outcomes(arrival)["product"] is True
    infant = give(history(born=date(2019, 3, 1), groups=NONE), "2021-12-10", "Comirnaty")
    assert outcomes(infant)["age"] is False


def test_an_infection_makes_the_interval_fail() -> None:
    one = history(
        dose("2021-06-20", "1/2"), dose("2021-07-25", "2/2"), infected("2022-01-05"), groups=NONE
    )
    arrival = give(one, "2022-01-15", "Comirnaty")
    assert outcomes(arrival)["interval"] is False
    assert "dose.waiting" in codes(arrival)


def test_who_has_not_been_invited_is_not_given_a_dose_in_january_2021() -> None:
    arrival = give(history(born=date(1990, 1, 1), groups=NONE), "2021-01-10", "Comirnaty")
    assert outcomes(arrival)["invited"] is False
    assert arrival.answer is False


def test_a_history_with_two_answers_is_neither_right_nor_wrong() -> None:
    mixed = history(dose("2021-07-01", "1/1", JCOVDEN), dose("2021-10-10", "2/2"), groups=NONE)
    assert give(mixed, "2022-03-20", "Comirnaty").answer is None


@given(histories(), days)
def test_who_may_be_given_a_dose_may_book_it_that_day(one: History, on: date) -> None:
    for product in (COMIRNATY, SPIKEVAX):
        arrival = may_give(DENMARK, one, None, on, product)
        booking = may_book(DENMARK, one, None, on)
        if arrival.answer:
            assert booking.allowed
            assert product in booking.products
            assert next_dose(DENMARK, one, on).status in (Status.DUE, Status.ELIGIBLE)


# Registration


def registered(one: History, product: str, on: str) -> tuple[str, set[str]]:
    found = register_dose(DENMARK, one, product, day(on))
    numbers = f"{found.vaccination.dose_number}/{found.vaccination.doses}"
    return numbers, {reason.code for reason in found.warnings}


@pytest.mark.parametrize(
    ("before", "product", "on", "numbers"),
    [
        ((), "Comirnaty", "2021-03-01", "1/2"),
        ((), "Janssen", "2021-04-20", "1/1"),
        ((dose("2021-06-20", "1/2"),), "Comirnaty", "2021-07-25", "2/2"),
        ((dose("2021-03-01", "1/2", VAXZEVRIA),), "Comirnaty", "2021-05-25", "2/2"),
        ((dose("2021-06-20", "1/2"), dose("2021-07-25", "2/2")), "Moderna", "2022-01-15", "3/3"),
        ((dose("2021-04-20", "1/1", JCOVDEN),), "Comirnaty", "2021-12-15", "2/1"),
        (
            (dose("2021-04-20", "1/1", JCOVDEN), dose("2021-12-15", "2/1")),
            "Comirnaty",
            "2022-10-05",
            "3/1",
        ),
        ((dose("2021-12-01", "4/4"),), "Comirnaty", "2022-10-05", "5/5"),
        ((dose("2021-06-20", None),), "Comirnaty", "2021-07-25", "2/2"),
    ],
)
def test_a_dose_is_numbered_from_the_history(
    before: tuple[Dose, ...], product: str, on: str, numbers: str
) -> None:
    found, _ = registered(history(*before, groups=NONE), product, on)
    assert found == numbers


@pytest.mark.parametrize(
    ("one", "product", "on", "code"),
    [
        (history(groups=NONE), "Vaxzevria", "2021-05-10", "dose.withdrawn"),
        (history(groups=NONE), "Commirnaty", "2021-07-20", "dose.product-unknown"),
        (history(groups=NONE), "Covishield", "2021-07-20", "dose.product-unrecognised"),
        (
            history(dose("2021-06-20", "1/2"), groups=NONE),
            "Comirnaty",
            "2021-06-30",
            "dose.too-early",
        ),
        (history(dose("2021-06-01", "1/2"), groups=NONE), "Comirnaty", "2021-08-30", "dose.late"),
        (history(born=date(2019, 1, 1), groups=NONE), "Comirnaty", "2021-12-10", "dose.age"),
        (
            history(born=date(2022, 1, 1), groups=NONE),
            "Comirnaty",
            "2021-12-10",
            "dose.before-birth",
        ),
        (
            history(dose("2021-06-20", "1/2"), groups=NONE),
            "Comirnaty",
            "2021-06-21",
            "dose.doubled",
        ),
        (
            history(dose("2021-08-20", "1/2"), groups=NONE),
            "Comirnaty",
            "2021-07-20",
            "dose.out-of-order",
        ),
        (
            history(dose("2021-07-01", product=None), groups=NONE),
            "Comirnaty",
            "2021-08-10",
            "dose.number-open",
        ),
    ],
)
def test_what_is_odd_about_a_dose_is_a_warning(
    one: History, product: str, on: str, code: str
) -> None:
    _, warnings = registered(one, product, on)
    assert code in warnings


def test_a_right_dose_has_no_warning() -> None:
    one = history(dose("2021-06-20", "1/2"), groups=NONE)
    assert registered(one, "Comirnaty", "2021-07-25") == ("2/2", set())


def test_a_registration_gives_the_facts_of_the_pass_and_the_new_history() -> None:
    one = history(dose("2021-06-20", "1/2"), groups=NONE)
    found = register_dose(
        DENMARK, one, "Comirnaty", day("2021-07-25"), place="Odense", batch="FE1234", country="DK"
    )
    holder = Holder("Hansen", "Anna", date(1970, 1, 1))
    assert facts_from_json(found.facts(holder)) == (holder, found.vaccination)
    assert (found.vaccination.batch, found.vaccination.place) == ("FE1234", "Odense")
    kept = History.from_json(json.loads(json.dumps(found.to_json()["history"])))
    assert kept == found.history
    assert {each.batch for each in kept.doses} == {None, "FE1234"}
    assert found.stages == ("primary",)


def test_the_caller_may_know_the_numbers_better() -> None:
    one = history(dose("2021-07-01", product=None), groups=NONE)
    found = register_dose(DENMARK, one, "Comirnaty", day("2021-08-10"), numbers=(2, 2))
    assert found.vaccination.dose_number == 2
    assert "dose.number-open" not in {reason.code for reason in found.warnings}


@given(histories(), days, st.sampled_from([COMIRNATY, SPIKEVAX, VAXZEVRIA, JCOVDEN]))
def test_after_a_registration_the_next_dose_never_goes_back(
    one: History, on: date, product: str
) -> None:
    before = next_dose(DENMARK, one, on)
    after = register_dose(DENMARK, one, product, on).history
    assert next_dose(DENMARK, after, on).dose >= before.dose
    assert set(one.doses) <= set(after.doses)
    assert (after.tests, after.infections, after.birth_date) == (
        one.tests,
        one.infections,
        one.birth_date,
    )


@given(registered_courses(), st.sampled_from([COMIRNATY, SPIKEVAX]), st.integers(20, 300))
def test_a_clean_history_stays_clean(doses: tuple[Dose, ...], product: str, later: int) -> None:
    one = history(*doses, groups=NONE)
    on = (doses[-1].date if doses else day("2021-08-01")) + timedelta(days=later)
    found = register_dose(DENMARK, one, product, on)
    given_ = found.vaccination
    assert given_.dose_number == len(doses) + 1
    assert misnumbering(given_.dose_number, given_.doses, lengths(product, on)) is None
    assert next_dose(DENMARK, found.history, on).dose == len(doses) + 2


def test_every_code_of_booking_has_its_sentences() -> None:
    one = history(dose("2021-06-20", "1/2"), groups=NONE)
    for language in catalogue.LANGUAGES:
        for reason in (
            *book(one, "2021-07-25").reasons,
            *register_dose(DENMARK, one, "Vaxzevria", day("2021-07-25")).warnings,
        ):
            assert reason.sentence_in(language)
