"""What happened to people under the programmes, told as tests."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from programme_cases import (
    COMIRNATY,
    DENMARK,
    EU,
    JCOVDEN,
    MINOR_BORN,
    SPIKEVAX,
    day,
    dose,
    history,
    infected,
    local,
    sampled,
)

from coronapas.programmes import Status, check, is_valid, next_dose, timeline

TICK = timedelta(microseconds=1)
MRNA = {COMIRNATY, SPIKEVAX}


def test_a_first_dose_of_astrazeneca_in_march_2021_leads_to_an_mrna_vaccine() -> None:
    begun = history(dose("2021-03-01", "1/2", "AstraZeneca"))
    paused = next_dose(DENMARK, begun, day("2021-03-20"))
    assert paused.status is Status.NOT_OFFERED
    assert "paused" in paused.reasons[0].text
    waiting = next_dose(DENMARK, begun, day("2021-04-14"))
    assert waiting.status is Status.TOO_EARLY
    assert waiting.earliest == day("2021-05-24")
    assert set(waiting.products) == MRNA
    due = next_dose(DENMARK, begun, day("2021-05-24"))
    assert (due.status, due.dose) == (Status.DUE, 2)
    # The first dose lapsed on day 42, long before the second: a gap, then the course counts.
    mixed = history(dose("2021-03-01", "1/2", "AstraZeneca"), dose("2021-05-26", "2/2"))
    assert is_valid(DENMARK, mixed, local("2021-06-08T23:59")) is False
    assert is_valid(DENMARK, mixed, local("2021-06-09")) is True


def test_nobody_begins_with_astrazeneca_after_it_was_withdrawn() -> None:
    staff = history(groups=frozenset({"staff"}))
    assert "EU/1/21/1529" in next_dose(DENMARK, staff, day("2021-03-01")).products
    assert set(next_dose(DENMARK, staff, day("2021-04-15")).products) == MRNA
    volunteer = history(groups=frozenset({"opt-in-vector"}))
    assert {"EU/1/21/1529", JCOVDEN} <= set(
        next_dose(DENMARK, volunteer, day("2021-08-31")).products
    )
    assert set(next_dose(DENMARK, volunteer, day("2021-09-01")).products) == MRNA


def test_moderna_then_comirnaty_is_one_course() -> None:
    mixed = history(dose("2021-06-01", "1/2", "Moderna"), dose("2021-07-06", "2/2", "Comirnaty"))
    assert is_valid(DENMARK, mixed, local("2021-07-13")) is False
    assert is_valid(DENMARK, mixed, local("2021-07-20")) is True
    booster = next_dose(DENMARK, mixed, day("2021-12-22"))
    assert booster.status is Status.DUE
    assert booster.earliest == day("2021-07-06") + timedelta(days=140)
    young = history(*mixed.doses, born=day("1995-01-01"))
    assert next_dose(DENMARK, young, day("2021-12-21")).earliest == day("2021-12-20")


def test_forty_two_days_without_a_second_dose_end_the_pass_and_not_the_course() -> None:
    begun = history(dose("2021-06-10", "1/2"))
    assert is_valid(DENMARK, begun, local("2021-06-23T23:59")) is False
    assert is_valid(DENMARK, begun, local("2021-06-24")) is True
    assert is_valid(DENMARK, begun, local("2021-07-22") - TICK) is True
    assert is_valid(DENMARK, begun, local("2021-07-22")) is False
    later = next_dose(DENMARK, begun, day("2021-12-01"))
    assert (later.status, later.dose, later.overdue) == (Status.DUE, 2, True)
    assert "overdue" in {reason.code for reason in later.reasons}
    revived = history(dose("2021-06-10", "1/2"), dose("2021-12-01", "2/2"))
    assert is_valid(DENMARK, revived, local("2021-11-30T23:59")) is False
    assert is_valid(DENMARK, revived, local("2021-12-01")) is True


def test_dose_two_leaves_a_gap_until_a_course_counts_at_once() -> None:
    person = history(dose("2021-06-01", "1/2"), dose("2021-07-06", "2/2"))
    assert is_valid(DENMARK, person, local("2021-07-12T23:59")) is True
    assert is_valid(DENMARK, person, local("2021-07-13")) is False
    assert is_valid(DENMARK, person, local("2021-07-20")) is True
    prompt = history(dose("2021-09-01", "1/2"), dose("2021-10-06", "2/2"))
    assert is_valid(DENMARK, prompt, local("2021-10-06")) is True


def test_one_dose_after_recovery_is_a_first_dose_beside_the_recovery_in_denmark() -> None:
    person = history(infected("2021-02-01"), dose("2021-07-01", "1/2"))
    answer = check(DENMARK, person, local("2021-07-20"))
    assert answer.valid is True
    assert {one.evidence.kind for one in answer.holdings} == {"recovery", "vaccination"}
    assert is_valid(DENMARK, person, local("2021-08-12")) is True
    assert is_valid(DENMARK, person, local("2021-11-13")) is False


def test_a_recovered_person_whose_one_dose_is_numbered_as_a_course_stays_open() -> None:
    person = history(infected("2021-01-10"), dose("2021-05-01", "1/1"))
    open_ = check(DENMARK, person, local("2021-11-20"))
    assert open_.valid is None
    (ambiguous,) = open_.ambiguous
    assert set(ambiguous.readings) == {"first", "recovered"}
    assert any("second dose" in text for text in ambiguous.settled_by)
    settled = history(infected("2021-01-10"), dose("2021-05-01", "1/1"), dose("2021-11-10", "2/2"))
    assert check(DENMARK, settled, local("2021-11-20")).valid is True
    assert check(DENMARK, settled, local("2021-11-20")).ambiguous == ()
    assert is_valid(EU, person, datetime(2022, 1, 20, tzinfo=UTC)) is True


def test_janssen_then_mrna_is_open_until_it_is_numbered_anew() -> None:
    janssen = history(dose("2021-07-01", "1/1", "Janssen"), groups=frozenset())
    offered = next_dose(DENMARK, janssen, day("2021-10-01"))
    assert (offered.status, set(offered.products)) == (Status.ELIGIBLE, MRNA)
    assert next_dose(DENMARK, janssen, day("2021-09-30")).status is Status.NOT_OFFERED
    mixed = (dose("2021-07-01", "1/1", "Janssen"), dose("2021-10-10", "2/2"))
    assert is_valid(DENMARK, history(*mixed), local("2022-03-09T22:59")) is True
    # Counted in UTC, five months over the end of daylight saving end at 23:00 on the wall.
    assert is_valid(DENMARK, history(*mixed), local("2022-03-09T23:00")) is None
    assert next_dose(DENMARK, history(*mixed), day("2022-03-10")).status is Status.AMBIGUOUS
    anew = history(*mixed, dose("2021-10-10", "2/1"))
    assert is_valid(DENMARK, anew, local("2022-03-10")) is True
    assert check(DENMARK, anew, local("2022-03-10")).ambiguous == ()


def test_a_booster_revives_a_pass_that_has_lapsed() -> None:
    person = history(
        dose("2021-02-01", "1/2"), dose("2021-03-01", "2/2"), dose("2022-01-25", "3/3")
    )
    assert is_valid(DENMARK, person, local("2022-01-15T23:59")) is True
    assert is_valid(DENMARK, person, local("2022-01-16")) is False
    assert is_valid(DENMARK, person, local("2022-01-24T23:59")) is False
    assert is_valid(DENMARK, person, local("2022-01-25")) is True
    assert check(DENMARK, person, local("2022-01-26")).until is None


def test_passes_expire_en_bloc_on_the_sixteenth_of_january_2022() -> None:
    eve, new = local("2022-01-16") - TICK, local("2022-01-16")
    for second in ("2021-02-01", "2021-05-01", "2021-08-10"):
        person = history(dose("2021-01-05", "1/2"), dose(second, "2/2"))
        assert is_valid(DENMARK, person, eve) is True
        assert is_valid(DENMARK, person, new) is False
        answers = timeline(DENMARK, person).answers()
        assert any(end == new and valid for _, end, valid in answers)
    late = history(dose("2021-08-20", "2/2"))
    assert is_valid(DENMARK, late, new) is True
    assert check(DENMARK, late, new).until == local("2022-01-19T23:00")


def test_five_months_begin_to_bite_on_the_eighteenth_birthday() -> None:
    person = history(dose("2021-07-01", "1/2"), dose("2021-08-01", "2/2"), born=day("2004-01-20"))
    assert is_valid(DENMARK, person, local("2022-01-16")) is True
    assert check(DENMARK, person, local("2022-01-16")).until == local("2022-01-20")
    assert is_valid(DENMARK, person, local("2022-01-20") - TICK) is True
    assert is_valid(DENMARK, person, local("2022-01-20")) is False


def test_a_birth_date_known_to_the_month_is_open_between_the_two_birthdays() -> None:
    from coronapas.facts import PartialDate

    person = history(dose("2021-08-01", "2/2"))
    partly = type(person)(PartialDate(2004, 1), person.doses)
    assert is_valid(DENMARK, partly, local("2022-01-16")) is None
    assert check(DENMARK, partly, local("2022-01-16")).reasons[-1].code == "birth-date"
    assert is_valid(DENMARK, partly, local("2022-01-31")) is False
    assert check(DENMARK, type(person)(PartialDate(2004, 1)), local("2021-05-01")).valid is False


def test_a_positive_antigen_test_is_answered_by_a_negative_pcr() -> None:
    vaccinated = (dose("2021-08-01", "1/2"), dose("2021-09-05", "2/2"))
    positive = sampled("2021-12-01T10:00", "rat", positive=True)
    alone = history(*vaccinated, positive)
    assert is_valid(DENMARK, alone, local("2021-12-01T10:00") - TICK) is True
    suspended = check(DENMARK, alone, local("2021-12-01T10:00"))
    assert (suspended.valid, suspended.suspended) == (False, True)
    assert suspended.until == local("2021-12-15")
    assert is_valid(DENMARK, alone, local("2021-12-15")) is True
    lifted = history(*vaccinated, positive, sampled("2021-12-03T09:00", "naat"))
    assert is_valid(DENMARK, lifted, local("2021-12-03T09:00") - TICK) is False
    assert is_valid(DENMARK, lifted, local("2021-12-03T09:00")) is True
    assert "lifted" in {one.code for one in check(DENMARK, lifted, local("2021-12-04")).reasons}
    confirmed = history(
        *vaccinated,
        sampled("2021-12-01T10:00", "naat", positive=True),
        sampled("2021-12-03T09:00", "naat"),
    )
    assert is_valid(DENMARK, confirmed, local("2021-12-04")) is False


def test_the_suspension_is_eleven_days_from_the_new_year_s_revision() -> None:
    person = history(
        dose("2021-12-20", "3/3"),
        sampled("2022-01-04T12:00", "naat", positive=True),
        groups=frozenset(),
    )
    assert is_valid(DENMARK, person, local("2022-01-16") - TICK) is False
    assert is_valid(DENMARK, person, local("2022-01-16")) is True


def test_a_child_needs_no_pass_and_is_offered_doses_by_age() -> None:
    child = history(born=day("2009-05-01"), groups=frozenset())
    assert check(DENMARK, child, local("2021-06-01")).exempt
    # W4: announced on 17 June for September; invitations went out on 14 July.
    assert next_dose(DENMARK, child, day("2021-07-13")).status is Status.NOT_OFFERED
    assert next_dose(DENMARK, child, day("2021-07-14")).products == (COMIRNATY,)
    assert next_dose(DENMARK, child, day("2022-05-14")).status is Status.ELIGIBLE
    small = history(born=day("2014-05-01"), groups=frozenset())
    assert next_dose(DENMARK, small, day("2021-11-28")).status is Status.NOT_OFFERED
    assert next_dose(DENMARK, small, day("2021-11-29")).products == (COMIRNATY,)
    # W3: Spikevax was not authorised below 18 before 23 July 2021.
    teen = history(born=MINOR_BORN, groups=frozenset())
    restricted = next_dose(DENMARK, teen, day("2021-07-22"))
    assert restricted.products == (COMIRNATY,)
    assert "restricted" in {reason.code for reason in restricted.reasons}
    assert SPIKEVAX in next_dose(DENMARK, teen, day("2021-07-23")).products
    assert SPIKEVAX in next_dose(DENMARK, teen, day("2021-10-07")).products


def test_the_age_of_exemption_went_up_and_down() -> None:
    teen = history(born=date(2006, 3, 1))
    answers = {at: is_valid(DENMARK, teen, local(at)) for at in ("2021-06-30", "2021-07-01")}
    assert answers == {"2021-06-30": False, "2021-07-01": True}
    assert is_valid(DENMARK, teen, local("2021-11-12T05:59")) is True
    assert is_valid(DENMARK, teen, local("2021-11-12T06:00")) is False


def test_a_traveller_with_a_booster_has_no_limit_and_one_with_a_course_has_270_days() -> None:
    late = datetime(2022, 12, 1, tzinfo=UTC)
    for numbers in ("3/3", "2/1"):
        person = history(dose("2021-11-01", numbers))
        assert is_valid(EU, person, datetime(2022, 2, 1, tzinfo=UTC)) is True
        assert is_valid(EU, person, late) is True
    course = history(dose("2021-06-01", "2/2"))
    ends = datetime(2021, 6, 1, tzinfo=UTC) + timedelta(days=270)
    assert is_valid(EU, course, ends - TICK) is True
    assert is_valid(EU, course, ends) is False
    fresh = history(dose("2022-03-01", "2/2"))
    assert is_valid(EU, fresh, datetime(2022, 3, 15, tzinfo=UTC) - TICK) is False
    assert is_valid(EU, fresh, datetime(2022, 3, 15, tzinfo=UTC)) is True


def test_an_old_third_dose_stays_open_in_denmark_unless_the_history_settles_it() -> None:
    alone = history(dose("2021-08-10", "3/3"))
    at = local("2022-01-20")
    assert is_valid(DENMARK, alone, at) is None
    assert set(check(DENMARK, alone, at).ambiguous[0].readings) == {"booster", "extra"}
    assert is_valid(DENMARK, history(*alone.doses, groups=frozenset()), at) is True
    immune = history(*alone.doses, groups=frozenset({"severe-immunosuppression"}))
    assert is_valid(DENMARK, immune, at) is False
    course = history(dose("2021-01-05", "1/2"), dose("2021-02-02", "2/2"), *alone.doses)
    assert is_valid(DENMARK, course, at) is True
    short = history(dose("2021-06-05", "1/2"), dose("2021-07-02", "2/2"), *alone.doses)
    assert is_valid(DENMARK, short, at) is None


def test_a_traveller_s_270_days_do_not_bind_the_young_from_april_2022() -> None:
    minor = history(dose("2021-06-01", "2/2"), born=date(2006, 1, 1))
    begin = datetime(2022, 4, 6, tzinfo=UTC)
    assert is_valid(EU, minor, begin - TICK) is False
    assert is_valid(EU, minor, begin) is True


def test_travel_recovery_counts_from_day_11_to_the_end_of_day_180() -> None:
    person = history(infected("2022-01-10"))
    start = datetime(2022, 1, 21, tzinfo=UTC)
    assert is_valid(EU, person, start - TICK) is False
    assert is_valid(EU, person, start) is True
    end = datetime(2022, 1, 10, tzinfo=UTC) + timedelta(days=181)
    assert is_valid(EU, person, end - TICK) is True
    assert is_valid(EU, person, end) is False


def test_a_rapid_test_proves_recovery_for_travel_from_february_2022() -> None:
    positive = sampled("2022-01-10T12:00", "rat", positive=True)
    old = sampled("2021-09-30T12:00", "rat", positive=True)
    begin = datetime(2022, 2, 24, tzinfo=UTC)
    assert is_valid(EU, history(positive), begin - TICK) is False
    assert is_valid(EU, history(positive), begin) is True
    assert is_valid(EU, history(old), begin) is False


def test_no_evidence_counts_after_the_danish_view_has_closed() -> None:
    boosted = history(dose("2021-12-01", "3/3"))
    assert is_valid(DENMARK, boosted, local("2022-03-31") - TICK) is True
    closed = check(DENMARK, boosted, local("2022-03-31"))
    assert closed.valid is False
    assert "no-rule" in {reason.code for reason in closed.reasons}


def test_the_xdu_of_observed_tokens_is_what_a_check_of_that_time_answers() -> None:
    at = datetime(2021, 6, 28, tzinfo=UTC)
    course = history(dose("2021-06-01", "2/2", "Comirnaty"))
    assert check(DENMARK, course, at).until == datetime(2022, 1, 31, 22, tzinfo=UTC)
    assert check(DENMARK, history(dose("2021-04-26", "2/2")), at).until == datetime(
        2021, 12, 25, 22, tzinfo=UTC
    )
    first = dose("2021-05-20", "1/2")
    found = check(DENMARK, history(first), datetime(2021, 6, 10, tzinfo=UTC))
    assert found.until == datetime(2021, 5, 19, 22, tzinfo=UTC) + timedelta(days=42)
    pcr = check(DENMARK, history(sampled("2021-07-05T06:00", "naat")), local("2021-07-06"))
    assert pcr.until == local("2021-07-09T06:00")
