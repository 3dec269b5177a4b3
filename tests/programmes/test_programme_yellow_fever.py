"""Yellow fever and measles in one programme of 2026: two diseases that never merge."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from programme_cases import YELLOW_FEVER_2026 as YELLOW_FEVER
from programme_cases import day

from coronapas.facts import Dose, History
from coronapas.programmes import Access, Status, check, is_valid, lint, next_dose, timeline

BERLIN = ZoneInfo("Europe/Berlin")
TICK = timedelta(microseconds=1)
MEASLES = YELLOW_FEVER.for_disease("measles")
NONE = frozenset[str]()
TRAVELLER = frozenset({"traveller"})
ADULT = date(1980, 1, 1)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


def given(*doses: str, born: date = ADULT, groups: frozenset[str] | None = NONE) -> History:
    """Doses as ``2026-01-05 MMR``, of which no source states disease or number."""
    pairs = (text.split(" ", 1) for text in doses)
    return History(born, tuple(Dose(day(when), name) for when, name in pairs), groups=groups)


def test_nothing_is_to_look_at() -> None:
    assert lint(YELLOW_FEVER) == ()


# Yellow fever: from day 10, for life.


def test_the_certificate_counts_from_day_10_for_life() -> None:
    """IHR (2005), Annex 7, as amended: from 10 days after the vaccination, for life."""
    person = given("2026-03-01 Stamaril")
    first = at("2026-03-11")
    assert is_valid(YELLOW_FEVER, person, first - TICK) is False
    answer = check(YELLOW_FEVER, person, first, region="saudi-arabia")
    assert (answer.valid, answer.since, answer.until) == (True, first, None)
    assert str(answer.requirement) == "in-force"
    assert is_valid(YELLOW_FEVER, given("1990-05-05 Stamaril"), at("2026-06-01")) is True
    assert timeline(YELLOW_FEVER, person).answers()[-1][2] is True


@pytest.mark.parametrize("region", ["saudi-arabia", "egypt"])
def test_it_is_asked_for_from_nine_months_on(region: str) -> None:
    """moh.gov.sa, 2020-01-14; CDC Yellow Book, Egypt."""
    child = given(born=date(2025, 5, 31))
    turns = at("2026-02-28")
    assert is_valid(YELLOW_FEVER, child, turns - TICK, region=region) is True
    assert is_valid(YELLOW_FEVER, child, turns, region=region) is False
    assert is_valid(YELLOW_FEVER, child, turns - TICK) is False


def test_a_doctor_s_letter_exempts_and_is_marked_as_uncertain() -> None:
    """expertsbiography.com 1576: acceptance is at the discretion of the country."""
    person = given(groups=frozenset({"cannot-be-vaccinated"}))
    answer = check(YELLOW_FEVER, person, at("2026-06-01"), region="egypt")
    assert (answer.valid, answer.exempt) == (True, True)
    (reason,) = [one for one in answer.reasons if one.code == "exempt"]
    assert (reason.row, "contraindication" in reason.text) == ("yellow-fever-waiver", True)
    assert "yellow-fever-waiver" in {mark.row for mark in answer.marks}


@pytest.mark.parametrize(
    ("born", "status", "access"),
    [
        ("2025-12-01", "too-early", "referral"),
        ("2025-11-30", "eligible", "referral"),
        ("2025-08-31", "eligible", "own-initiative"),
        ("1966-06-01", "eligible", "own-initiative"),
        ("1966-05-31", "eligible", "referral"),
    ],
)
def test_who_is_vaccinated_goes_by_age_in_months(born: str, status: str, access: str) -> None:
    """impfakademie.de: from 9 months; from 6 months and from 60 years a doctor weighs the risk."""
    person = given(born=day(born), groups=TRAVELLER)
    answer = next_dose(YELLOW_FEVER, person, day("2026-05-31"))
    assert (str(answer.status), str(answer.access)) == (status, access)
    stays = next_dose(YELLOW_FEVER, given(born=day(born)), day("2026-05-31"))
    assert stays.status is Status.NOT_OFFERED


def test_once_more_after_ten_years_and_then_never() -> None:
    """auswaertiges-amt.de 2551640: STIKO, August 2022."""
    person = given("2016-06-01 Stamaril", groups=TRAVELLER)
    assert next_dose(YELLOW_FEVER, person, day("2026-05-31")).status is Status.TOO_EARLY
    due = next_dose(YELLOW_FEVER, person, day("2026-06-01"))
    assert (due.status, due.dose) == (Status.DUE, 2)
    twice = given("2005-06-01 Stamaril", "2015-06-01 Stamaril", groups=TRAVELLER)
    assert next_dose(YELLOW_FEVER, twice, day("2026-06-01")).status is Status.NOT_OFFERED


# Measles: two doses, ages in months.

CHILD = date(2025, 1, 15)


@pytest.mark.parametrize(
    ("doses", "on", "status", "earliest"),
    [
        ((), "2025-12-14", "not-offered", None),  # the programme begins in 2026
        ((), "2026-01-01", "eligible", "2026-01-01"),
        (("2026-01-05 MMR",), "2026-04-14", "too-early", "2026-04-15"),
        (("2026-01-05 MMR",), "2026-04-15", "due", "2026-04-15"),
        (("2026-04-10 MMR",), "2026-05-07", "too-early", "2026-05-08"),
        (("2026-04-10 MMR",), "2026-05-08", "due", "2026-05-08"),
        (("2026-01-05 MMR", "2026-04-20 Priorix"), "2026-09-01", "not-offered", None),
    ],
)
def test_the_second_dose_is_at_15_months_and_four_weeks_after_the_first(
    doses: tuple[str, ...], on: str, status: str, earliest: str | None
) -> None:
    """rki.de, FAQ MMR, 2021-11-04."""
    answer = next_dose(MEASLES, given(*doses, born=CHILD), day(on))
    assert (str(answer.status), answer.earliest and str(answer.earliest)) == (status, earliest)


def test_the_first_dose_is_at_11_months_or_at_9_for_a_nursery() -> None:
    """rki.de, FAQ MMR; volksfreund.de 22518511."""
    born = date(2025, 6, 30)
    before = next_dose(MEASLES, given(born=born), day("2026-05-29"))
    assert (before.status, before.earliest) == (Status.TOO_EARLY, day("2026-05-30"))
    nursery = given(born=born, groups=frozenset({"early-childcare"}))
    assert next_dose(MEASLES, nursery, day("2026-03-30")).status is Status.ELIGIBLE
    assert next_dose(MEASLES, nursery, day("2026-03-29")).status is Status.TOO_EARLY


def test_adults_born_after_1970_are_offered_one_dose_and_staff_two() -> None:
    """rki.de, FAQ MMR."""
    on = day("2026-06-01")
    young, old = given(born=date(1971, 1, 1)), given(born=date(1970, 12, 31))
    answer = next_dose(MEASLES, young, on)
    assert (answer.status, answer.access) == (Status.ELIGIBLE, Access.OWN_INITIATIVE)
    assert next_dose(MEASLES, old, on).status is Status.NOT_OFFERED
    once = given("2026-01-10 MMR", born=date(1985, 1, 1))
    assert next_dose(MEASLES, once, on).status is Status.NOT_OFFERED
    staff = given("2026-01-10 MMR", born=date(1985, 1, 1), groups=frozenset({"measles-staff"}))
    assert next_dose(MEASLES, staff, on).status is Status.DUE


@pytest.mark.parametrize(
    ("doses", "when", "expected"),
    [
        ((), "2026-01-14T23:59:59", True),  # before the first birthday nothing is asked
        ((), "2026-01-15", False),
        (("2026-01-05 MMR",), "2026-01-15", True),
        (("2026-01-05 MMR",), "2027-01-14T23:59:59", True),
        (("2026-01-05 MMR",), "2027-01-15", False),
        (("2026-01-05 MMR", "2026-04-20 MMR"), "2027-01-15", True),
    ],
)
def test_one_dose_from_the_first_birthday_and_two_from_the_second(
    doses: tuple[str, ...], when: str, expected: bool
) -> None:
    """IfSG § 20 (Masernschutzgesetz), by fernlehrgang-heilpraktiker.com and rp-online.de."""
    person = given(*doses, born=CHILD)
    assert is_valid(MEASLES, person, at(when), place="kindergarten") is expected
    assert timeline(MEASLES, person, place="kindergarten").at(at(when)) is expected


@pytest.mark.parametrize(
    ("born", "group", "expected"),
    [
        (date(1970, 12, 31), None, True),
        (date(1971, 1, 1), None, False),
        (date(1990, 1, 1), "immune-to-measles", True),
        (date(1990, 1, 1), "cannot-be-vaccinated", True),
    ],
)
def test_older_ones_the_immune_and_the_ill_are_exempt(
    born: date, group: str | None, expected: bool
) -> None:
    person = given(born=born, groups=frozenset({group} if group else ()))
    answer = check(MEASLES, person, at("2026-06-01"), place="health-facility")
    assert (answer.valid, answer.exempt) == (expected, expected)
    assert is_valid(MEASLES, person, at("2026-06-01")) is False


# The two never merge.


def test_both_on_one_day_are_two_doses() -> None:
    person = given("2026-03-01 Stamaril", "2026-03-01 MMR", "2026-04-20 MMR", born=CHILD)
    for programme, count in ((YELLOW_FEVER, 1), (MEASLES, 2)):
        answer = check(programme, person, at("2027-06-01"))
        assert (answer.valid, answer.ambiguous) == (True, ())
        assert len(timeline(programme, person).evidence) == count
    assert is_valid(MEASLES, given("2026-03-01 Stamaril"), at("2026-06-01")) is False
    assert is_valid(YELLOW_FEVER, given("2026-03-01 MMR"), at("2026-06-01")) is False


def test_the_requirement_of_one_is_not_that_of_the_other() -> None:
    when = at("2026-06-01")
    assert str(check(YELLOW_FEVER, given(), when, place="kindergarten").requirement) == "lifted"
    assert str(check(MEASLES, given(), when, place="kindergarten").requirement) == "in-force"
    assert str(check(MEASLES, given(), when, region="egypt").requirement) == "lifted"


@pytest.mark.parametrize("programme", [YELLOW_FEVER, MEASLES], ids=["yellow-fever", "measles"])
def test_every_row_has_a_source_that_is_named(programme: object) -> None:
    assert programme in (YELLOW_FEVER, MEASLES)
    for part in (YELLOW_FEVER, MEASLES):
        for row in (*part.schedule.offers, *part.revisions[0].rules, *part.revisions[0].exemptions):
            assert row.source
            assert row.disease == part.disease
