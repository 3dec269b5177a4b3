"""The Danish schedule of doses, row by row, and what it answers where it offers nothing."""

from __future__ import annotations

import runpy
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from programme_cases import (
    COMIRNATY,
    DENMARK,
    EU,
    SPIKEVAX,
    day,
    days,
    dose,
    histories,
    history,
    infected,
    local,
    sampled,
)

from coronapas.facts import Dose, History, Infection, Tested
from coronapas.programmes import Access, Reason, Status, invitations, next_dose

ONE = timedelta(days=1)
NONE = frozenset[str]()


def status(one: History, on: date) -> str:
    return str(next_dose(DENMARK, one, on).status)


def born(age: int, on: str) -> date:
    """The birth date of someone who reaches an age on a day."""
    when = day(on)
    return when.replace(year=when.year - age)


@pytest.mark.parametrize(
    ("product", "first", "asked", "earliest", "latest"),
    [
        ("Comirnaty", "2020-12-27", "2021-01-03", 21, 28),
        ("Comirnaty", "2020-12-27", "2021-01-04", 21, 42),
        ("Comirnaty", "2021-02-01", "2021-02-05", 21, 42),
        ("Comirnaty", "2021-04-10", "2021-04-21", 21, 42),
        ("Comirnaty", "2021-04-10", "2021-04-22", 28, 42),
        ("Moderna", "2021-04-10", "2021-04-21", 28, 42),
        ("Moderna", "2021-04-10", "2021-04-22", 28, 42),
        ("Moderna", "2021-07-01", "2021-07-14", 28, 42),
        ("Moderna", "2021-07-01", "2021-07-15", 28, 42),
        ("Comirnaty", "2021-07-01", "2021-07-14", 28, 42),
        ("Comirnaty", "2021-07-01", "2021-07-15", 21, 42),
    ],
)
def test_the_second_dose_has_the_interval_of_the_day(
    product: str, first: str, asked: str, earliest: int, latest: int
) -> None:
    begun = history(dose(first, "1/2", product))
    answer = next_dose(DENMARK, begun, day(asked))
    assert answer.earliest == day(first) + timedelta(days=earliest)
    assert answer.latest == day(first) + timedelta(days=latest)
    assert answer.product_names == ({"Moderna": "Spikevax"}.get(product, product),)
    if day(asked) < answer.earliest:
        assert answer.status is Status.TOO_EARLY
        assert "too early until" in answer.reasons[0].text


@pytest.mark.parametrize(
    ("first", "earliest"), [("2021-07-10", "2021-07-31"), ("2021-09-01", "2021-09-22")]
)
def test_the_second_dose_is_too_early_then_due_then_overdue(first: str, earliest: str) -> None:
    begun = history(dose(first, "1/2"))
    assert status(begun, day(earliest) - ONE) == "too-early"
    assert status(begun, day(earliest)) == "due"
    latest = day(first) + timedelta(days=42)
    assert not next_dose(DENMARK, begun, latest).overdue
    assert next_dose(DENMARK, begun, latest + ONE).overdue


COURSE = (dose("2021-05-01", "1/2"), dose("2021-06-10", "2/2"))


@pytest.mark.parametrize(
    ("groups", "age", "begins", "before", "after"),
    [
        (frozenset({"severe-immunosuppression"}), 30, "2021-08-30", "not-offered", "due"),
        (frozenset({"care-home"}), 70, "2021-09-01", "not-offered", "too-early"),
        (NONE, 85, "2021-09-28", "not-offered", "too-early"),
        (NONE, 65, "2021-10-15", "not-offered", "too-early"),
        (frozenset({"staff"}), 30, "2021-10-15", "not-offered", "too-early"),
        (frozenset({"high-risk"}), 30, "2021-10-15", "not-offered", "too-early"),
        (NONE, 40, "2021-11-25", "not-offered", "too-early"),
        (NONE, 19, "2021-11-25", "not-offered", "too-early"),
        (NONE, 40, "2021-12-04", "too-early", "due"),
        (NONE, 40, "2021-12-13", "due", "due"),
        (NONE, 30, "2021-12-22", "due", "due"),
        (NONE, 17, "2021-12-22", "not-offered", "not-offered"),
        (NONE, 30, "2022-05-15", "due", "eligible"),
        (frozenset({"care-home"}), 70, "2022-09-15", "too-early", "due"),
        (NONE, 85, "2022-09-15", "too-early", "due"),
        (NONE, 50, "2022-10-01", "too-early", "due"),
        (frozenset({"high-risk"}), 30, "2022-10-01", "eligible", "due"),
        (frozenset({"pregnant"}), 30, "2022-10-01", "not-offered", "due"),
        (NONE, 49, "2022-10-01", "not-offered", "not-offered"),
    ],
)
def test_each_row_of_third_doses_begins_on_its_day(
    groups: frozenset[str], age: int, begins: str, before: str, after: str
) -> None:
    when = day(begins)
    second = when - timedelta(days=150) if begins < "2021-12-04" else day("2021-06-20")
    if begins == "2021-12-04":
        second = day("2021-06-20")  # 5 months and 14 days have just passed, 6 months have not
    person = history(
        Dose(second - timedelta(days=35), COMIRNATY, 1, 2),
        Dose(second, COMIRNATY, 2, 2),
        born=(when - timedelta(days=100)).replace(year=when.year - age),
        groups=groups,
    )
    assert status(person, when - ONE) == before
    assert status(person, when) == after


@pytest.mark.parametrize(
    ("asked", "age", "earliest"),
    [
        ("2021-11-30", 30, "2021-12-10"),
        ("2021-12-03", 30, "2021-12-10"),
        ("2021-12-04", 30, "2021-11-24"),
        ("2021-12-12", 60, "2021-11-24"),
        ("2021-12-13", 60, "2021-10-28"),
        ("2021-12-13", 30, "2021-11-24"),
        ("2021-12-21", 39, "2021-11-24"),
        ("2021-12-22", 39, "2021-10-28"),
        ("2022-05-14", 39, "2021-10-28"),
    ],
)
def test_the_interval_of_a_booster_goes_by_date_and_age(
    asked: str, age: int, earliest: str
) -> None:
    person = history(*COURSE, born=born(age, asked), groups=NONE)
    answer = next_dose(DENMARK, person, day(asked))
    assert answer.earliest == answer.recommended == day(earliest)


def test_the_booster_is_due_at_140_days_to_the_day() -> None:
    person = history(dose("2021-07-20", "1/2"), dose("2021-08-20", "2/2"), groups=NONE)
    due = day("2021-08-20") + timedelta(days=140)
    assert status(person, due - ONE) == "too-early"
    assert status(person, due) == "due"


def test_the_third_dose_of_the_immunosuppressed_lies_one_to_nine_months_after_the_second() -> None:
    person = history(*COURSE, groups=frozenset({"severe-immunosuppression"}))
    answer = next_dose(DENMARK, person, day("2021-09-01"))
    assert (answer.earliest, answer.latest) == (day("2021-07-10"), day("2022-03-10"))
    third = history(*person.doses, dose("2021-09-10", "3/3"), groups=person.groups)
    assert status(third, day("2022-01-18")) == "not-offered"
    fourth = next_dose(DENMARK, third, day("2022-01-19"))
    assert (str(fourth.status), str(fourth.access), fourth.dose) == ("eligible", "referral", 4)
    late = history(*person.doses, dose("2022-01-18", "3/3"), groups=person.groups)
    assert status(late, day("2022-01-19")) == "too-early"
    assert status(third, day("2022-06-01")) == "eligible"


def test_no_fourth_dose_for_those_of_85_and_over_and_the_reason_is_told() -> None:
    person = history(*COURSE, dose("2021-11-10", "3/3"), born=day("1930-01-01"), groups=NONE)
    refused = next_dose(DENMARK, person, day("2022-01-21"))
    assert refused.status is Status.NOT_OFFERED
    assert "No fourth dose" in refused.reasons[0].text
    assert refused.reasons[0].row == "no-fourth"
    autumn = next_dose(DENMARK, person, day("2022-09-15"))
    assert (autumn.status, autumn.dose) == (Status.DUE, 4)


def test_those_turning_18_in_may_2022_are_invited_and_later_ones_are_not() -> None:
    """W16: coronasmitte.dk, 2022-05-16, quoting the Danish Health Authority."""
    doses = dose("2021-12-01", "1/2"), dose("2022-01-10", "2/2")
    person = history(*doses, born=day("2004-05-20"), groups=NONE)
    answer = next_dose(DENMARK, person, day("2022-05-01"))
    assert (str(answer.status), answer.earliest) == ("too-early", day("2022-05-30"))
    assert status(person, day("2022-05-30")) == "due"
    assert [one.id for one in invitations(DENMARK, [("a", person)], day("2022-05-30"))] == ["a"]
    later = history(*doses, born=day("2004-06-01"), groups=NONE)
    assert status(later, day("2022-06-02")) == "not-offered"
    earlier = history(*doses, born=day("2004-04-14"), groups=NONE)
    own = next_dose(DENMARK, earlier, day("2022-05-30"))
    assert (str(own.status), str(own.access)) == ("eligible", "own-initiative")
    assert list(invitations(DENMARK, [("a", earlier)], day("2022-05-30"))) == []


@pytest.mark.parametrize("event", ["infection", "test"])
def test_after_an_infection_a_month_is_waited_from_january_2022(event: str) -> None:
    ill = (
        infected("2022-09-20")
        if event == "infection"
        else sampled("2022-09-20T12:00", "rat", positive=True)
    )
    person = history(*COURSE, ill, groups=NONE)
    answer = next_dose(DENMARK, person, day("2022-10-05"))
    assert answer.status is Status.TOO_EARLY
    assert answer.earliest == answer.recommended == day("2022-10-20")
    assert "waiting" in {reason.code for reason in answer.reasons}
    assert status(person, day("2022-10-20")) == "due"
    early = history(*COURSE, infected("2022-01-01"), groups=NONE)
    assert status(early, day("2022-01-05")) == "due"
    # W13: "tidligst en måned efter overstået sygdom" (Danish Health Authority, 6 January 2022)
    assert status(early, day("2022-01-06")) == "too-early"
    assert status(early, day("2022-02-01")) == "due"
    before = history(*COURSE, infected("2022-10-06"), groups=NONE)
    assert status(before, day("2022-10-05")) == "due"
    negative = history(*COURSE, sampled("2022-09-20T12:00", "naat"), groups=NONE)
    assert status(negative, day("2022-10-05")) == "due"


@pytest.mark.parametrize("event", ["infection", "test"])
def test_two_statements_of_one_infection_are_of_the_first_day(event: str) -> None:
    def stated(number: int, uvci: str) -> Infection | Tested:
        if event == "infection":
            return Infection(date(2022, 9, number), uvci=uvci)
        return Tested("naat", local(f"2022-09-{number}T08:00"), True, uvci)

    def earliest(uvci: str) -> date | None:
        events = (stated(10, "URN:UVCI:01:DK:T"), stated(20, uvci))
        person = history(*COURSE, *events, groups=NONE)
        return next_dose(DENMARK, person, day("2022-10-05")).earliest

    assert earliest("URN:UVCI:01:DK:T") == day("2022-10-10")
    assert earliest("URN:UVCI:01:DK:U") == day("2022-10-20")


def test_before_the_programme_and_without_a_schedule_nothing_is_offered() -> None:
    early = next_dose(DENMARK, history(), day("2020-12-26"))
    assert early.status is Status.NOT_OFFERED
    assert "begins on 2020-12-27" in early.reasons[0].text
    home = frozenset({"care-home"})
    assert status(history(born=day("1940-01-01"), groups=home), day("2020-12-27")) == "eligible"
    assert status(history(groups=NONE), day("2020-12-27")) == "not-offered"
    travel = next_dose(EU, history(), day("2022-03-01"))
    assert travel.status is Status.NOT_OFFERED
    assert "no schedule" in travel.reasons[0].text


def test_those_whom_no_offer_fits_are_told_whom_it_is_made_to() -> None:
    infant = next_dose(DENMARK, history(born=day("2021-01-01"), groups=NONE), day("2022-01-01"))
    texts = " ".join(reason.text for reason in infant.reasons)
    assert "5 to 6 years of age" in texts
    assert "born from 1957-01-01 to 1961-12-31" in texts
    boosted = next_dose(
        DENMARK, history(*COURSE, dose("2021-12-01", "3/3"), groups=NONE), day("2022-02-01")
    )
    assert any(reason.code == "audience" for reason in boosted.reasons)


def test_a_course_begun_with_a_product_without_a_row_is_told_so() -> None:
    begun = history(dose("2022-02-01", "1/2", "Nuvaxovid"))
    answer = next_dose(DENMARK, begun, day("2022-03-01"))
    assert answer.status is Status.NOT_OFFERED
    assert "no Danish row" in answer.reasons[0].text
    assert answer.marks


def test_a_dose_that_does_not_count_still_keeps_the_next_one_after_it() -> None:
    foreign = history(dose("2021-08-01", "1/2", "Sputnik V"))
    answer = next_dose(DENMARK, foreign, day("2021-08-02"))
    assert (answer.dose, answer.earliest) == (1, day("2021-08-01"))
    assert any("not recognised" in one.text for one in answer.reasons if one.code == "product")


def test_minors_who_began_with_spikevax_go_on_with_it() -> None:
    """W2: the statement of 6 October 2021 was withdrawn on 8 October."""
    teen = history(dose("2021-09-20", "1/2", "Moderna"), born=day("2005-01-01"))
    for asked in ("2021-10-05", "2021-10-07", "2021-10-18"):
        assert next_dose(DENMARK, teen, day(asked)).products == (SPIKEVAX,)


def test_an_unknown_birth_date_is_open_where_the_age_decides() -> None:
    person = history(*COURSE, born=None, groups=NONE)
    unknown = next_dose(DENMARK, person, day("2021-12-13"))
    assert unknown.status is Status.DUE
    assert unknown.earliest == day("2021-11-24")
    autumn = next_dose(DENMARK, person, day("2022-10-05"))
    assert autumn.status is Status.AMBIGUOUS
    assert {"birth-date", "reading"} <= {reason.code for reason in autumn.reasons}
    assert autumn.earliest is None


def test_a_history_with_too_many_readings_is_ambiguous() -> None:
    unknown = [Dose(day(f"2021-0{month}-01")) for month in range(1, 9)]
    answer = next_dose(DENMARK, history(*unknown), day("2021-10-01"))
    assert answer.status is Status.AMBIGUOUS
    assert any("Too many" in reason.text for reason in answer.reasons)


def test_an_instant_stands_for_its_day_in_copenhagen() -> None:
    person = history(dose("2021-07-20", "1/2"), dose("2021-08-20", "2/2"), groups=NONE)
    late = datetime(2022, 1, 6, 23, 30, tzinfo=UTC)
    assert next_dose(DENMARK, person, late).on == day("2022-01-07")


def test_events_after_the_day_are_not_known() -> None:
    person = history(*COURSE, groups=NONE)
    answer = next_dose(DENMARK, person, day("2021-05-10"))
    assert (answer.dose, answer.status) == (2, Status.TOO_EARLY)


def test_the_answer_can_be_written_as_json() -> None:
    written = next_dose(DENMARK, history(dose("2021-09-01", "1/2")), day("2021-09-05")).to_json()
    assert written["status"] == "too-early"
    assert written["earliest"] == "2021-09-22"
    assert written["products"] == [COMIRNATY]
    assert written["reasons"][0]["row"] == "second-comirnaty-3-weeks"


OPENS = {day("2022-09-15"), day("2022-10-01")}
"""The days of autumn 2022 from which those invited before were vaccinated."""


@given(st.lists(histories(), max_size=6), days)
def test_those_invited_are_those_whose_next_dose_may_be_given(
    rows: list[History], on: date
) -> None:
    found = {one.id: one for one in invitations(DENMARK, enumerate(rows), on)}
    for place, row in enumerate(rows):
        answer = next_dose(DENMARK, row, on)
        opens = answer.status is Status.TOO_EARLY and answer.earliest in OPENS
        invited = answer.status in {Status.DUE, Status.ELIGIBLE} or opens
        invited = invited and bool(answer.products) and answer.access is Access.INVITATION
        assert (place in found) is invited
        if invited:
            assert found[place].status is answer.status
            assert found[place].products == answer.products
            assert found[place].earliest == answer.earliest
            assert found[place].offer in answer.offers


(OFFER_140,) = [one for one in DENMARK.schedule.offers if one.id == "booster-18-140-days"]


def test_an_invitation_says_why_and_is_not_repeated() -> None:
    person = history(dose("2021-07-20", "1/2"), dose("2021-08-20", "2/2"), groups=NONE)
    due = day("2021-08-20") + timedelta(days=140)
    (found,) = invitations(DENMARK, [("a", person)], due, since=due - ONE)
    assert found.to_json() == {
        "id": "a",
        "status": "due",
        "dose": 3,
        "earliest": due.isoformat(),
        "latest": None,
        "products": [COMIRNATY, SPIKEVAX],
        "offer": "booster-18-140-days",
        "reason": f"Dose 3 is due: {OFFER_140.source}.",
        "marks": [],
        "warnings": [],
    }
    assert list(invitations(DENMARK, [("a", person)], due + ONE, since=due)) == []
    assert "2021" not in repr(found).replace(found.reason, "")


def test_invitations_are_a_stream() -> None:
    taken = 0

    def rows() -> Iterator[tuple[int, History]]:
        nonlocal taken
        for key in range(10_000):
            taken += 1
            yield key, history(groups=NONE)

    found = invitations(DENMARK, rows(), day("2021-12-22"))
    assert [next(found).id, next(found).id] == [0, 1]
    assert taken == 2


def test_rows_whose_readings_disagree_are_named_with_the_reasons_and_not_invited() -> None:
    first = day("2021-12-22") - timedelta(days=30)
    open_ = History(date(1950, 1, 1), (Dose(first, COMIRNATY, 1, 1),), groups=NONE)
    assert next_dose(DENMARK, open_, day("2021-12-22")).status is Status.AMBIGUOUS
    rows = [("a", open_), ("b", history(groups=NONE)), ("c", open_)]
    named: dict[str, tuple[Reason, ...]] = {}
    found = list(invitations(DENMARK, rows, day("2021-12-22"), on_ambiguous=named.__setitem__))
    assert [one.id for one in found] == ["b"]
    assert list(named) == ["a", "c"]
    assert "can be read as" in named["a"][0].text
    assert list(invitations(DENMARK, rows, day("2021-12-22"))) == found


def test_the_register_of_the_benchmarks_is_the_same_for_the_same_seed() -> None:
    register = Path(__file__).parents[2] / "benchmarks" / "register.py"
    made_up_register = runpy.run_path(str(register))["made_up_register"]
    one, same, other = (list(made_up_register(50, seed, tests=True)) for seed in (7, 7, 8))
    assert one == same != other
    assert any(row.tests for _, row in one)
