"""Questions to the Danish programme and what the public sources answer; each names its source.

The names (C03, N01, W1 …) are those of an audit of the first data by use.
"""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from programme_cases import (
    COMIRNATY,
    DENMARK,
    EU,
    SPIKEVAX,
    day,
    dose,
    history,
    infected,
    local,
    sampled,
)

from coronapas.facts import (
    Dose,
    History,
    Infection,
    PartialDate,
    Recovery,
    Test,
    Tested,
    TestKind,
    TestResult,
    Vaccination,
)
from coronapas.programmes import (
    Access,
    NextDose,
    Status,
    check,
    invitations,
    is_valid,
    lint,
    load,
    next_dose,
)

NONE = frozenset[str]()
COURSE = dose("2021-05-01", "1/2"), dose("2021-06-10", "2/2")
TICK = timedelta(microseconds=1)
INFLUENZA = "6142004"


def asked(on: str, *events: Dose | Tested | Infection, age: int = 40, groups: str = "") -> NextDose:
    when = day(on)
    born = when.replace(year=when.year - age) - timedelta(days=100)
    named = frozenset({groups} if groups else ())
    return next_dose(DENMARK, history(*events, born=born, groups=named), when)


def said(answer: NextDose) -> tuple[str, str | None]:
    return str(answer.status), answer.access and str(answer.access)


# What was offered to whom and when.


def test_a_twenty_year_old_was_not_offered_a_dose_in_january_2021() -> None:
    """N01, W1: nyheder.tv2.dk, 2021-01-16; devdiscourse, 2021-01-08."""
    assert said(asked("2021-01-10", age=20)) == ("not-offered", None)
    assert said(asked("2021-01-10", age=20, groups="staff")) == ("eligible", "invitation")


@pytest.mark.parametrize(
    ("on", "age", "status"),
    [
        ("2021-05-09", 57, "not-offered"),  # sst.dk, 2021-05-10: 55 to 59 in this week
        ("2021-05-10", 57, "eligible"),
        ("2021-06-30", 32, "not-offered"),  # sst.dk, 2021-07-01: 30 to 34
        ("2021-07-01", 32, "eligible"),
        ("2021-07-13", 13, "not-offered"),  # ekstrabladet 8699385, 2021-07-14
        ("2021-07-14", 13, "eligible"),
        ("2021-11-26", 5, "too-early"),  # ekstrabladet 9013314: 5 and 6 from 6 December
        ("2021-12-06", 5, "eligible"),
    ],
)
def test_first_doses_came_by_age(on: str, age: int, status: str) -> None:
    answer = asked(on, age=age)
    if status == "too-early":
        assert answer.status in {Status.NOT_OFFERED, Status.TOO_EARLY}
    else:
        assert str(answer.status) == status


def test_astrazeneca_was_for_those_of_18_to_65_and_its_second_dose_at_four_weeks() -> None:
    """N03 to N05, W5, W6: bt.dk, 2021-03-05."""
    older = asked("2021-02-20", age=70, groups="staff")
    assert "EU/1/21/1529" not in older.products
    begun = dose("2021-02-08", "1/2", "AstraZeneca")
    before = asked("2021-03-04", begun)
    assert before.earliest == before.recommended == day("2021-03-08")
    after = asked("2021-03-08", begun)
    assert (str(after.status), after.latest) == ("eligible", day("2021-05-03"))
    risk = asked("2021-03-08", groups="special-risk")
    assert "EU/1/21/1529" not in risk.products


def test_who_chose_astrazeneca_got_two_doses_of_it() -> None:
    """N07, W7: sn.dk 1447818, June 2021: one dose of Janssen against two of AstraZeneca."""
    chosen = asked("2021-07-20", dose("2021-06-01", "1/2", "AstraZeneca"))
    assert chosen.products == ("EU/1/21/1529",)
    assert chosen.access is Access.OPT_IN
    early = asked("2021-07-20", dose("2021-03-01", "1/2", "AstraZeneca"))
    assert set(early.products) == {COMIRNATY, SPIKEVAX}


def test_those_of_85_were_revaccinated_from_the_end_of_september_2021() -> None:
    """W10: thelocal.dk, 2021-09-28."""
    doses = dose("2021-02-01", "1/2"), dose("2021-02-25", "2/2")
    assert asked("2021-09-02", *doses, age=86).status is Status.NOT_OFFERED
    assert asked("2021-09-28", *doses, age=86).status is Status.DUE


def test_the_booster_came_half_a_month_nearer_on_4_december_2021() -> None:
    """W11: nordjyske.dk, December 2021."""
    doses = dose("2021-05-15", "1/2"), dose("2021-06-18", "2/2")
    assert asked("2021-12-03", *doses).status is Status.TOO_EARLY
    assert asked("2021-12-04", *doses).status is Status.DUE


def test_a_fourth_dose_was_by_referral_and_not_on_the_day_after_the_third() -> None:
    """N23, W12: randersidag.dk, 2022-01-19."""
    third = (*COURSE, dose("2022-01-01", "3/3"))
    day_after = asked("2022-01-02", *third, groups="severe-immunosuppression")
    assert day_after.status is Status.NOT_OFFERED
    soon = asked("2022-01-20", *third, groups="severe-immunosuppression")
    assert soon.status is Status.TOO_EARLY
    late = asked("2022-06-01", *third, groups="severe-immunosuppression")
    assert said(late) == ("eligible", "referral")


def test_an_mrna_dose_does_not_follow_janssen_on_the_next_day() -> None:
    """N24: no interval was found; some weeks are kept, and the row is marked."""
    answer = asked("2021-10-02", dose("2021-10-01", "1/1", "Janssen"))
    assert answer.status is Status.TOO_EARLY
    assert any("four weeks are assumed" in mark.text for mark in answer.marks)


def test_who_was_infected_waits_a_month() -> None:
    """W13: TV SYD, 2022-01-06."""
    answer = asked("2022-01-15", *COURSE, infected("2022-01-05"))
    assert (answer.status, answer.earliest) == (Status.TOO_EARLY, day("2022-02-05"))


def test_after_15_may_2022_the_offer_stayed_and_the_invitations_ended() -> None:
    """W14: ekstrabladet 9229185; jyllands-posten ECE14199193; N34."""
    assert said(asked("2022-05-20")) == ("eligible", "own-initiative")
    assert said(asked("2022-09-20", age=87)) == ("eligible", "own-initiative")
    boosted = (*COURSE, dose("2021-12-20", "3/3"))
    assert asked("2022-06-26", *boosted, groups="high-risk").status is Status.NOT_OFFERED
    assert said(asked("2022-06-27", *boosted, groups="high-risk")) == ("eligible", "referral")
    people = enumerate([history(groups=NONE), history(*COURSE, groups=NONE)])
    assert list(invitations(DENMARK, people, day("2022-05-20"))) == []


@pytest.mark.parametrize(
    ("on", "first", "second"),
    [
        ("2022-06-30", "eligible", "due"),
        ("2022-07-01", "not-offered", "due"),
        ("2022-08-31", "not-offered", "due"),
        ("2022-09-01", "not-offered", "not-offered"),
        ("2026-11-28", "not-offered", "not-offered"),
    ],
)
def test_children_could_begin_until_june_and_end_until_august_2022(
    on: str, first: str, second: str
) -> None:
    """W15: coronaheadsup.com, quoting the Danish Health Authority."""
    assert str(asked(on, age=10).status) == first
    assert str(asked(on, dose("2022-05-01", "1/2"), age=10).status) == second


def test_one_booster_a_season_and_none_years_later() -> None:
    """N25, W17: jyllands-posten ECE14756666: no fifth dose in December 2022."""
    boosted = *COURSE, dose("2021-12-01", "3/3"), dose("2022-09-16", "4/4")
    assert asked("2022-12-16", *boosted, age=86).status is Status.NOT_OFFERED
    assert asked("2026-11-28", *boosted, age=60).status is Status.NOT_OFFERED
    waiting = *COURSE, dose("2022-08-01", "3/3")
    assert asked("2022-10-05", *waiting, age=60).earliest == day("2022-11-01")


@pytest.mark.parametrize(
    ("age", "groups", "access"),
    [
        (60, "", "invitation"),
        (40, "high-risk", "own-initiative"),
        (40, "staff", "own-initiative"),
        (30, "pregnant", "own-initiative"),
        (40, "relatives", "own-initiative"),
        (40, "", None),
    ],
)
def test_autumn_2022_was_by_audience_and_below_50_without_invitation(
    age: int, groups: str, access: str | None
) -> None:
    """W18: SSI, EPI-NYT 35/36 of 2022; kristeligt-dagblad.dk, 2022-09-13."""
    answer = asked("2022-10-03", *COURSE, dose("2021-12-01", "3/3"), age=age, groups=groups)
    assert (answer.access and str(answer.access)) == access
    assert (answer.status is Status.NOT_OFFERED) is (access is None)
    if access:
        assert "Original/Omicron BA.1" in answer.variants


def test_the_invitations_of_autumn_2022_went_out_in_three_rounds() -> None:
    """kristeligt-dagblad.dk, 2022-09-13."""
    doses = *COURSE, dose("2021-12-01", "3/3")
    people = {
        age: history(*doses, born=date(2022 - age, 1, 1), groups=NONE) for age in (55, 70, 90)
    }

    def invited(on: str) -> dict[int, date]:
        return {one.id: one.earliest for one in invitations(DENMARK, people.items(), day(on))}

    assert invited("2022-09-12") == {}
    assert invited("2022-09-13") == {90: day("2022-09-15")}
    assert invited("2022-09-14") == {90: day("2022-09-15"), 70: day("2022-10-01")}
    assert set(invited("2022-09-19")) == {55, 70, 90}


def test_who_turns_18_soon_is_too_early_until_the_birthday() -> None:
    """N45."""
    person = history(*COURSE, born=day("2004-02-05"), groups=NONE)
    answer = next_dose(DENMARK, person, day("2022-01-15"))
    assert (answer.status, answer.earliest) == (Status.TOO_EARLY, day("2022-02-05"))
    child = history(*COURSE, born=day("2006-02-05"), groups=NONE)
    assert next_dose(DENMARK, child, day("2022-01-15")).status is Status.NOT_OFFERED


# Groups that are unknown.


def test_unknown_groups_are_judged_as_unknown() -> None:
    """N36."""
    person = history(*COURSE, born=day("1960-01-01"))
    answer = next_dose(DENMARK, person, day("2021-09-20"))
    assert answer.status is Status.AMBIGUOUS
    (told,) = [one.text for one in answer.reasons if one.code == "groups"]
    assert "severe-immunosuppression" in told
    named = next_dose(DENMARK, history(*COURSE, groups=NONE), day("2021-09-20"))
    assert named.status is Status.NOT_OFFERED


def test_unknown_groups_do_not_matter_where_every_group_has_the_same_answer() -> None:
    infant = history(born=day("2021-03-01"))
    assert next_dose(DENMARK, infant, day("2022-02-01")).status is Status.NOT_OFFERED
    begun = history(dose("2021-08-01", "1/2"))
    assert next_dose(DENMARK, begun, day("2021-09-01")).status is Status.DUE


def test_rows_of_unknown_groups_are_named_and_not_invited() -> None:
    named: dict[str, str] = {}
    found = invitations(
        DENMARK,
        [("a", history(born=day("1960-01-01")))],
        day("2021-01-10"),
        on_ambiguous=lambda key, reasons: named.update({key: reasons[0].text}),
    )
    assert list(found) == []
    assert "staff" in named["a"]


@pytest.mark.parametrize("word", ["Care-Home", "carehome"])
def test_a_misspelt_group_is_unknown_and_not_silently_none(word: str) -> None:
    born = day("1940-01-01")
    person = history(born=born, groups=frozenset({word}))
    answer = next_dose(DENMARK, person, day("2021-01-10"))
    assert answer.status is Status.AMBIGUOUS
    codes = {one.code: one.text for one in answer.reasons}
    assert "Did you mean care-home?" in codes["group"]
    assert "care-home" in codes["groups"]
    # Where no group matters the answer stands, and the word is named all the same.
    course = history(*COURSE, born=born, groups=frozenset({word}))
    later = next_dose(DENMARK, course, day("2023-06-01"))
    assert later.status is Status.NOT_OFFERED
    assert "group" in {one.code for one in later.reasons}
    assert "group" in {one.code for one in check(DENMARK, course, local("2021-07-01")).reasons}
    (one,) = invitations(
        DENMARK, [("a", history(born=born, groups=frozenset({"staff", word})))], day("2021-01-10")
    )
    assert "Did you mean care-home?" in one.warnings[0]


def test_a_place_that_is_not_known_is_refused() -> None:
    with pytest.raises(ValueError, match="library, association"):
        check(DENMARK, history(), local("2021-07-15"), place="libary")


# Months.


@pytest.mark.parametrize(
    ("second", "at", "ours", "other"),
    [
        ("2021-03-01", "2021-07-15", "2021-11-01 00:00", "2021-10-29 01:00"),  # C03
        ("2021-05-01", "2021-07-15", "2021-12-31 23:00", "2021-12-30 23:00"),  # C04
        ("2021-09-30", "2022-01-20", "2022-02-27 23:00", "2022-02-28 23:00"),
        ("2021-09-29", "2022-01-20", "2022-02-27 23:00", "2022-02-28 23:00"),
    ],
)
def test_both_ways_of_counting_months_are_named(
    second: str, at: str, ours: str, other: str
) -> None:
    answer = check(DENMARK, history(dose(second, "2/2")), local(at))
    assert answer.valid is True
    assert answer.until == local(ours)
    (told,) = [one for one in answer.reasons if one.code == "reckoning"]
    assert f"until {ours} by the one taken here, and until {other} by the other" in told.text
    assert (told.row, told.confidence) == ("other_reckoning", "U")
    assert "other_reckoning" in {mark.row for mark in answer.marks}


def test_where_both_ways_agree_nothing_is_said_of_them() -> None:
    for second in ("2021-06-10", "2021-04-26", "2021-06-01"):
        answer = check(DENMARK, history(dose(second, "2/2")), local("2021-07-15"))
        assert "reckoning" not in {one.code for one in answer.reasons}
        assert "other_reckoning" not in {mark.row for mark in answer.marks}


def test_the_data_say_which_way_holds() -> None:
    assert str(DENMARK.reckoning) == "offset"
    assert DENMARK.other_reckoning is not None
    assert str(DENMARK.other_reckoning.reckoning) == "utc"
    other = DENMARK.by_other_reckoning()
    assert other is not None
    assert other.by_other_reckoning() is None
    assert EU.by_other_reckoning() is None


@pytest.mark.parametrize(
    ("event", "at", "valid"),
    [
        # C02: the offset of summer is kept, so that the last evening of the winter is cut.
        (dose("2021-08-31", "2/2"), "2022-01-30T22:59", True),
        (dose("2021-08-31", "2/2"), "2022-01-30T23:30", False),
        # C42: "højst 180 dage gammel"; the end is exclusive here.
        (infected("2021-06-01"), "2021-11-27T23:59", False),
        (infected("2021-06-01"), "2021-11-27T22:59", True),
        # C43: an xdu is exclusive.
        (sampled("2021-12-01T10:00", "naat"), "2021-12-04T09:59", True),
        (sampled("2021-12-01T10:00", "naat"), "2021-12-04T10:00", False),
    ],
)
def test_ends_are_exclusive_and_keep_the_offset_of_the_event(
    event: Dose | Tested | Infection, at: str, valid: bool
) -> None:
    assert is_valid(DENMARK, history(event), local(at)) is valid


# Facts are never lost.


def test_an_influenza_test_suspends_nothing_and_a_recovery_proves_nothing() -> None:
    """2b."""
    facts = (
        Vaccination("Comirnaty", 2, 2, day("2021-09-01")),
        Test(
            TestKind.NAAT, local("2021-11-20T08:00"), TestResult.DETECTED, centre="x",
            disease=INFLUENZA,
        ),
    )  # fmt: skip
    one = History.from_facts(*facts, birth_date=day("1970-01-01"))
    answer = check(DENMARK, one, local("2021-11-21"))
    assert (answer.valid, answer.suspended) == (True, False)
    ill = Recovery(day("2021-10-01"), day("2021-10-12"), day("2022-03-30"), disease=INFLUENZA)
    only = History.from_facts(ill, birth_date=day("1970-01-01"))
    assert is_valid(DENMARK, only, local("2021-11-21")) is False
    for product in ("X", None, "EU/1/20/1528"):
        flu = History(
            day("1970-01-01"), (Dose(day("2021-09-01"), product, 1, 1, disease=INFLUENZA),)
        )
        assert next_dose(DENMARK, flu, day("2021-09-10")).dose == 1
    waiting = history(*COURSE, Infection(day("2022-01-20"), disease=INFLUENZA), groups=NONE)
    assert next_dose(DENMARK, waiting, day("2022-01-25")).status is Status.DUE


def test_a_suspension_is_a_reason_while_it_lasts() -> None:
    one = history(*COURSE, sampled("2021-11-20T08:00", "naat", positive=True))
    for moment, expected in (("2021-11-19T08:00", False), ("2021-11-21T08:00", True)):
        answer = check(DENMARK, one, local(moment))
        assert answer.suspended is expected
        assert ("suspended" in {reason.code for reason in answer.reasons}) is expected


def test_the_disease_goes_through_json() -> None:
    one = History(
        None,
        (Dose(day("2021-09-01"), "X", 1, 1, None, INFLUENZA),),
        (Tested("naat", local("2021-09-01"), True, None, INFLUENZA),),
        (Infection(day("2021-09-01"), "naat", None, INFLUENZA),),
    )
    assert History.from_json(one.to_json()) == one


def test_a_misspelt_product_is_unknown_with_a_suggestion() -> None:
    """2c: two doses of "Commirnaty" are not an unvaccinated citizen."""
    doses = dose("2021-06-01", "1/2", "Commirnaty"), dose("2021-07-06", "2/2", "Commirnaty")
    person = history(*doses, groups=NONE)
    checked = check(DENMARK, person, local("2021-10-01"))
    assert checked.valid is None
    answer = next_dose(DENMARK, person, day("2021-10-01"))
    assert answer.status is Status.AMBIGUOUS
    for reasons in (checked.reasons, answer.reasons):
        told = [one.text for one in reasons if one.code == "product"]
        assert len(told) == 2
        assert all("Did you mean Comirnaty?" in text for text in told)
        assert not any("Commirnaty" in text for text in told)
    named: list[str] = []
    invited = invitations(
        DENMARK,
        [("a", person)],
        day("2021-10-01"),
        on_ambiguous=lambda _, reasons: named.extend(one.text for one in reasons),
    )
    assert list(invited) == []
    assert any("Did you mean Comirnaty?" in text for text in named)


def test_a_product_that_is_known_and_not_recognised_is_named_too() -> None:
    doses = dose("2021-06-01", "1/2", "Covishield"), dose("2021-07-06", "2/2", "Covishield")
    answer = next_dose(DENMARK, history(*doses, groups=NONE), day("2021-10-01"))
    assert answer.dose == 1
    assert [one.code for one in answer.reasons].count("product") == 2
    (one,) = invitations(DENMARK, [("a", history(*doses, groups=NONE))], day("2021-10-01"))
    assert len(one.warnings) == 2
    assert "not recognised" in one.to_json()["warnings"][0]


@pytest.mark.parametrize(
    ("events", "words"),
    [
        ((dose("2021-05-01", "2/2"), dose("2021-06-10", "1/2")), "do not follow"),  # C35
        ((dose("2021-05-01", "1/2"), dose("2021-06-10", "1/2")), "do not follow"),
        ((dose("2021-05-01", "1/2"), dose("2021-09-10", "3/3")), "do not follow"),
        ((dose("1960-05-01", "1/2"), dose("1960-06-10", "2/2")), "before the holder was born"),
        ((dose("2021-05-01", "1/2"), dose("2021-05-03", "2/2")), "only 2 days apart"),
        ((*COURSE, infected("1969-12-31")), "before the holder was born"),
        ((*COURSE, sampled("1969-12-31T12:00", "naat", positive=True)), "before the holder"),
    ],
)
def test_contradictions_are_told_everywhere(
    events: tuple[Dose | Tested | Infection, ...], words: str
) -> None:
    person = history(*events, groups=NONE)
    checked = check(DENMARK, person, local("2022-01-20"))
    answer = next_dose(DENMARK, person, day("2022-01-20"))
    for reasons in (checked.reasons, answer.reasons):
        told = [one.text for one in reasons if one.code == "contradiction"]
        if not isinstance(events[-1], Tested) or reasons is checked.reasons:
            assert any(words in text for text in told), reasons
    for one in invitations(DENMARK, [("a", person)], day("2022-01-20")):
        assert any(words in text for text in one.warnings)


def test_what_follows_is_no_contradiction() -> None:
    plain = *COURSE, dose("2021-12-01", "3/3"), dose("2022-10-01", "4/4")
    janssen = dose("2021-07-01", "1/1", "Janssen"), dose("2021-10-10", "2/1")
    for events in (plain, janssen, ()):
        for born in (date(1970, 1, 1), PartialDate(1970), None):
            one = History(born, events, groups=NONE)
            answer = next_dose(DENMARK, one, day("2022-10-10"))
            assert "contradiction" not in {reason.code for reason in answer.reasons}


def test_a_lone_dose_4_of_4_is_the_fourth() -> None:
    answer = asked("2022-12-20", dose("2022-10-10", "4/4"), age=60)
    assert answer.dose == 5
    assert answer.status is Status.NOT_OFFERED


def test_the_same_dose_a_day_apart_is_probably_one_dose() -> None:
    """C36: another identifier, one day later."""
    second = Dose(day("2021-06-10"), COMIRNATY, 2, 2, "URN:UVCI:01:DK:A")
    again = Dose(day("2021-06-11"), "Pfizer", 2, 2, "URN:UVCI:01:DE:B")
    person = history(dose("2021-05-01", "1/2"), second, again, groups=NONE)
    answer = next_dose(DENMARK, person, day("2022-01-15"))
    assert (answer.status, answer.dose) == (Status.DUE, 3)
    checked = check(DENMARK, person, local("2021-10-01"))
    assert checked.valid is True
    for reasons in (answer.reasons, checked.reasons):
        (told,) = [one.text for one in reasons if one.code == "probably-same"]
        assert "What would settle it: the batch" in told
    (one,) = invitations(DENMARK, [("a", person)], day("2022-01-15"))
    assert any("probably" in text for text in one.warnings)
    apart = Dose(day("2021-06-12"), COMIRNATY, 2, 2, "URN:UVCI:01:DE:B")
    two = history(dose("2021-05-01", "1/2"), second, apart, groups=NONE)
    codes = {one.code for one in next_dose(DENMARK, two, day("2022-01-15")).reasons}
    assert "contradiction" in codes
    assert "probably-same" not in codes


def test_days_in_a_row_do_not_become_one_dose() -> None:
    row = [Dose(day(f"2021-06-{place:02}"), COMIRNATY, 2, 2) for place in range(1, 9)]
    answer = next_dose(DENMARK, history(*row, groups=NONE), day("2022-01-15"))
    assert answer.dose >= 5


def test_two_recognised_products_in_dispute_still_count() -> None:
    """C38: one day, Comirnaty and Spikevax disagree."""
    person = history(dose("2021-09-20", "1/2"), dose("2021-09-20", "1/2", "Moderna"), groups=NONE)
    answer = check(DENMARK, person, local("2021-10-10"))
    assert answer.valid is True
    assert "disputed" in {one.code for one in answer.reasons}


# The EU's programme.


@pytest.mark.parametrize("product", ["VidPrevtyn Beta", "Bimervax"])
def test_a_booster_of_a_later_product_counts_for_travel(product: str) -> None:
    """E1: EU/1/21/1580, EU/1/22/1709."""
    person = history(dose("2022-12-10", "3/3", product))
    assert is_valid(EU, person, local("2022-12-20")) is True


def test_no_restrictions_are_recommended_from_december_2022() -> None:
    """E2: Council Recommendation (EU) 2022/2547, OJ L 328 of 22.12.2022."""
    assert str(check(EU, history(), local("2022-12-21")).requirement) == "in-force"
    assert str(check(EU, history(), local("2022-12-23")).requirement) == "lifted"


def test_children_below_12_needed_no_test_from_the_beginning() -> None:
    """E3: reported of Recommendation 2021/961; the wording was not read, and the row says so."""
    answer = check(EU, history(born=day("2010-01-01")), local("2021-07-10"))
    assert (answer.valid, answer.exempt) == (True, True)
    marked = check(EU, history(born=day("2010-01-01")), local("2021-06-20"))
    assert any("exact wording was not read" in mark.text for mark in marked.marks)


def test_that_day_270_is_open_is_said() -> None:
    """E4: "not more than 270 days have passed"."""
    answer = check(EU, history(dose("2022-01-10", "2/2")), local("2022-03-01"))
    assert answer.valid is True
    assert any("day 270" in mark.text for mark in answer.marks)


def test_no_rule_that_applies_is_a_reason_too() -> None:
    """Where only rules of a sector exist, nothing was said at all."""
    row = {"source": "an order", "confidence": "S"}
    programme = load(
        {
            "id": "x", "title": "x", "time_zone": "UTC", "reckoning": "utc", "products": [],
            "readings": {
                "single_then_other": {"is": "ambiguous", **row},
                "one_dose_recovered": {"is": "ambiguous", **row},
            },
            "rules": [
                {"id": "t", "evidence": "test", "kinds": ["rat"], "from": {"hours": 0},
                 "until": {"hours": 24}, "sectors": ["shop"], **row}
            ],
            "revisions": [
                {"id": "r", "from": "2021-01-01", "title": "r", "tests": ["t"], **row}
            ],
        }
    )  # fmt: skip
    answer = check(
        programme, history(sampled("2021-12-01T10:00", "rat")), local("2021-12-01T12:00")
    )
    assert answer.valid is False
    assert answer.reasons[0].code == "no-rule"
    assert lint(programme) == ()
