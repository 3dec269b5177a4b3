"""From a register's events by the programme's verdict to tokens and passes."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import backend
from coronapas.denmark import (
    DanishIssuer,
    Dk3,
    Issue,
    dated_events,
    read,
    shown_entry,
    tokens_for,
)
from coronapas.denmark._grants import WITHOUT_END
from coronapas.facts import (
    Event,
    EventKind,
    History,
    Holder,
    Recovery,
    Test,
    TestKind,
    TestResult,
    Vaccination,
)
from coronapas.issue import Issuer
from coronapas.programmes import Programme, check, load
from danish_world import HOLDER, public_tokens, verifier

if TYPE_CHECKING:
    from pathlib import Path

DENMARK = load("denmark")
PAIR = backend.dsc()
PASSES = Issuer("DK", PAIR.signer())
DEFAULTS: dict[str, Any] = {"passes": PASSES, "pass_life": timedelta(days=180)}
CHILD = replace(HOLDER, birth_date=date(2010, 3, 3))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def dose(text: str, number: int, doses: int, product: str = "Comirnaty") -> Vaccination:
    return Vaccination(product, number, doses, date.fromisoformat(text))


def sampled(text: str, kind: TestKind = TestKind.NAAT, *, positive: bool = False) -> Test:
    return Test(
        kind,
        utc(text),
        TestResult.DETECTED if positive else TestResult.NOT_DETECTED,
        centre="Telt 1",
        device="1833" if kind is TestKind.RAT else None,
    )


def issue(*events: Event, at: str, holder: Holder = HOLDER, **settings: Any) -> Issue:
    maker = DanishIssuer(PAIR.signer())
    return tokens_for(holder, events, utc(at), maker, **(DEFAULTS | settings))


def ends(found: Issue) -> list[datetime]:
    return [one.valid_until for one in found.entries]


@pytest.mark.parametrize(
    ("event", "at", "expires"),
    [
        # Every xdu in the notes on the tokens of the app's tests, under the rules that gave it.
        (dose("2021-03-16", 1, 2), "2021-06-28T09:00", "2021-04-26T23:00"),
        (dose("2021-03-01", 1, 2, "Spikevax"), "2021-06-28T09:00", "2021-04-11T23:00"),
        (dose("2021-04-26", 2, 2), "2021-06-28T09:00", "2021-12-25T22:00"),
        (dose("2021-06-01", 2, 2), "2021-06-28T09:00", "2022-01-31T22:00"),
        (sampled("2021-06-21T04:00"), "2021-07-01T09:00", "2021-06-25T04:00"),
        (sampled("2021-06-21T16:00", TestKind.RAT), "2021-06-28T09:00", "2021-06-24T16:00"),
        (sampled("2021-06-28T04:00", TestKind.RAT), "2021-06-28T09:00", "2021-07-01T04:00"),
    ],
)
def test_every_xdu_that_was_observed_is_computed_to_the_minute(
    event: Event, at: str, expires: str
) -> None:
    history = History.from_facts(event, birth_date=HOLDER.birth_date)
    dated, left_out = dated_events(DENMARK, history, [event], utc(at))
    assert [one.valid_until for one in dated] == [utc(expires)]
    assert not left_out


def test_the_ends_in_the_public_dk3_tokens_are_those_that_the_programme_gives(
    official: Path,
) -> None:
    for row in public_tokens(official):
        token = read(row["token"])
        if isinstance(token, Dk3) and token.issued_at is not None:
            events = [one.facts.event for one in token.entries if one.facts is not None]
            assert token.holder is not None
            history = History.from_facts(*events, birth_date=token.holder.birth_date)
            dated, left_out = dated_events(DENMARK, history, events, token.issued_at)
            assert [one.valid_until for one in dated] == [
                entry.valid_until for entry in token.entries
            ]
            assert not left_out


def test_a_vaccinated_holder_gets_every_token_and_a_pass_for_each_dose() -> None:
    found = issue(
        dose("2021-03-01", 1, 2, "Spikevax"), dose("2021-06-01", 2, 2), at="2021-06-28T09:30:15"
    )
    assert found.verdict.valid is True
    assert found.dk1 is not None
    assert found.dk2 is not None
    assert found.dk3 is not None
    judge = verifier(PAIR)
    for made, kind in ((found.dk1, "DK1"), (found.dk2, "DK2"), (found.dk3, "DK3")):
        result = judge.verify(made.text, utc("2021-06-28T10:00"))
        assert result.ok
        assert result.profile == kind.lower()
        assert made.expires - made.issued_at == timedelta(hours=72)
    assert len(found.passes) == 2
    for one in found.passes:
        assert judge.verify(one.text, utc("2021-06-28T10:00")).profile == "eu"
    token = read(found.dk3.text)
    assert isinstance(token, Dk3)
    assert [entry.valid_until for entry in token.entries] == [
        utc("2021-04-11T23:00"),
        utc("2022-01-31T22:00"),
    ]
    shown = shown_entry(token, utc("2021-06-28T10:00"))
    assert shown is not None
    assert shown.place == "v.1"
    # The token and the passes say of one event that it is one.
    assert [entry.facts and entry.facts.uvci for entry in token.entries] == [
        one.uvci for one in found.passes
    ]


def test_a_token_ends_with_the_evidence_where_that_is_sooner() -> None:
    found = issue(sampled("2021-06-27T08:15:40", TestKind.RAT), at="2021-06-28T09:30")
    assert found.dk1 is not None
    assert found.dk2 is not None
    assert found.dk3 is not None
    end = utc("2021-06-30T08:15")
    assert found.dk1.expires == found.dk2.expires == end
    assert found.dk3.expires == utc("2021-07-01T09:30")
    assert ends(found) == [utc("2021-06-30T08:15:40")]


def test_a_token_ends_with_its_revision_where_the_next_one_refuses_the_evidence() -> None:
    found = issue(dose("2021-03-01", 1, 2), dose("2021-04-12", 2, 2), at="2022-01-14T12:00")
    assert found.dk1 is not None
    assert found.dk1.expires == utc("2022-01-15T23:00")
    assert ends(found)[1] == utc("2022-04-11T22:00")
    assert issue(dose("2021-04-12", 2, 2), at="2022-01-15T23:00").dk1 is None


def test_a_token_does_not_count_on_a_later_revision_that_prolongs_the_evidence() -> None:
    # A PCR test counts for 72 hours here, and for 96 from 2021-07-01 on.
    found = issue(sampled("2021-06-28T00:00"), at="2021-06-30T12:00")
    assert found.dk1 is not None
    assert found.dk1.expires == utc("2021-07-01T00:00")


def test_a_token_is_not_made_for_less_than_the_granularity() -> None:
    test = sampled("2021-06-25T09:30:59", TestKind.RAT)
    found = issue(test, at="2021-06-28T09:30:10")
    assert found.verdict.valid is True
    assert found.dk1 is found.dk2 is found.dk3 is None
    assert issue(test, at="2021-06-28T09:29:59").dk1 is not None


def test_without_valid_evidence_there_are_no_tokens_and_the_eu_passes_stay() -> None:
    found = issue(dose("2021-06-20", 1, 2), at="2021-06-28T09:30")
    assert found.verdict.valid is False
    assert found.dk1 is found.dk2 is found.dk3 is None
    assert len(found.passes) == 1
    assert [one.why for one in found.left_out] == ["It does not count yet."]


def test_a_suspended_holder_gets_no_token() -> None:
    doses = dose("2021-03-01", 1, 2), dose("2021-06-01", 2, 2)
    positive = sampled("2021-06-27T08:00", TestKind.RAT, positive=True)
    lifted = sampled("2021-06-28T08:00")
    assert issue(*doses, positive, at="2021-06-28T07:59").dk1 is None
    found = issue(*doses, positive, lifted, at="2021-06-28T08:00")
    assert found.dk1 is not None
    # The positive antigen test is neither evidence nor stated anywhere.
    assert len(found.entries) == 3
    assert len(found.passes) == 3


def test_an_open_verdict_makes_no_token_and_says_what_is_left_out() -> None:
    events = dose("2021-05-01", 1, 1, "EU/1/20/1525"), dose("2021-09-01", 2, 2)
    found = issue(*events, at="2022-02-10T12:00")
    assert found.verdict.valid is None
    assert found.dk1 is found.dk2 is found.dk3 is None


def test_an_event_with_several_readings_gets_the_earliest_of_their_ends() -> None:
    # After Janssen, 2/2 completes a course (five months) or is a booster (without end).
    events = dose("2021-05-01", 1, 1, "EU/1/20/1525"), dose("2021-12-01", 2, 2)
    found = issue(*events, at="2022-01-20T12:00")
    assert found.verdict.valid is True
    assert ends(found)[1] == utc("2022-04-30T23:00")


def test_an_event_that_counts_in_one_reading_only_has_no_entry() -> None:
    # 1/1 of a two-dose product: a first dose, which does not count yet, or a completed course.
    found = issue(dose("2021-04-20", 1, 1), at="2021-05-15T12:00")
    assert not found.entries
    assert [(one.place, one.kind) for one in found.left_out] == [(0, EventKind.VACCINATION)]
    assert "readings" in found.left_out[0].why
    assert found.passes


def test_an_event_that_no_rule_accepts_has_no_entry() -> None:
    found = issue(dose("2021-05-01", 1, 2), at="2021-05-20T12:00")
    assert [one.why for one in found.left_out] == ["No rule in force accepts it."]
    before = issue(dose("2021-02-01", 2, 2), at="2021-03-01T12:00")
    assert before.verdict.valid is False
    assert len(before.left_out) == 1


def test_a_positive_test_is_stated_as_the_recovery_that_it_proves() -> None:
    found = issue(sampled("2021-04-30T23:30", positive=True), at="2021-06-28T09:30")
    assert found.verdict.valid is True
    assert found.dk3 is not None
    token = read(found.dk3.text)
    assert isinstance(token, Dk3)
    facts = token.entries[0].facts
    assert facts is not None
    # Half past eleven in UTC is the first of May in Copenhagen.
    assert facts.event == Recovery(
        date(2021, 5, 1), date(2021, 5, 12), date(2021, 10, 28), country="DK"
    )
    assert ends(found) == [utc("2021-12-30T22:00")]
    assert len(found.passes) == 1


def test_a_recovery_that_is_stated_is_not_stated_again_by_its_test() -> None:
    recovery = Recovery(date(2021, 5, 1), date(2021, 5, 12), date(2021, 10, 28))
    found = issue(sampled("2021-05-01T08:00", positive=True), recovery, at="2021-06-28T09:30")
    assert [one.event for one in found.entries] == [recovery]
    assert len(found.passes) == 1
    twice = issue(recovery, recovery, at="2021-06-28T09:30")
    assert len(twice.entries) == len(twice.passes) == 1


def test_evidence_without_end_has_an_end_far_away() -> None:
    course = dose("2021-03-01", 1, 2), dose("2021-04-12", 2, 2), dose("2021-10-15", 3, 3)
    found = issue(*course, at="2022-01-20T12:00", groups=[])
    assert ends(found)[2] == WITHOUT_END
    assert found.dk3 is not None
    token = read(found.dk3.text)
    assert isinstance(token, Dk3)
    assert token.entries[2].valid_until == WITHOUT_END
    assert not token.deviations


def withheld(found: Issue) -> dict[str, str]:
    return {one.what: one.code for one in found.withheld}


def test_a_child_that_is_exempt_gets_no_dk1_and_no_dk2() -> None:
    """Exemption means that nobody asks for a pass, not that one is issued."""
    found = issue(at="2021-06-28T09:30", holder=CHILD)
    assert found.verdict.valid is True
    assert found.verdict.exempt
    assert (found.dk1, found.dk2, found.dk3) == (None, None, None)
    assert withheld(found) == {"DK1": "exempt", "DK2": "exempt", "DK3": "no-entry"}
    assert not found.passes
    vaccinated = issue(dose("2021-06-01", 2, 2), at="2021-06-28T09:30", holder=CHILD)
    assert withheld(vaccinated) == {"DK1": "exempt", "DK2": "exempt"}
    assert vaccinated.dk3 is not None
    assert len(vaccinated.passes) == 1


def test_an_exempt_child_with_a_positive_test_gets_no_token() -> None:
    """Born 2012, positive three days ago: the parents' pass is not theirs to walk in on."""
    child = replace(CHILD, birth_date=date(2012, 1, 1))
    found = issue(sampled("2022-01-22T08:00", positive=True), at="2022-01-25T12:00", holder=child)
    assert (found.verdict.valid, found.verdict.exempt, found.verdict.suspended) == (
        True, True, True,
    )  # fmt: skip
    assert (found.dk1, found.dk2, found.dk3) == (None, None, None)
    assert withheld(found) == dict.fromkeys(("DK1", "DK2", "DK3"), "suspended")


def test_those_who_cannot_be_tested_get_no_token_either() -> None:
    found = issue(at="2021-07-02T09:30", groups=["cannot-be-tested"])
    assert found.verdict.exempt
    assert withheld(found) == {"DK1": "exempt", "DK2": "exempt", "DK3": "no-entry"}


@pytest.mark.parametrize(
    ("given", "code"), [("2021-06-27", "not-valid"), ("2021-08-10", "ambiguous")]
)
def test_what_is_withheld_is_said_with_its_reason(given: str, code: str) -> None:
    at = "2021-06-28T09:30" if code == "not-valid" else "2022-01-25T09:30"
    number = 2 if code == "not-valid" else 3
    found = issue(dose(given, number, number), at=at)
    assert withheld(found) == dict.fromkeys(("DK1", "DK2", "DK3"), code)
    assert all(one.why.endswith(".") for one in found.withheld)


def test_no_token_and_no_entry_goes_beyond_the_earlier_of_two_ways_of_counting_months() -> None:
    """Eight months from 1 March: 31 October in UTC, 1 November by the calendar's reading."""
    second = dose("2021-03-01", 2, 2)
    found = issue(second, at="2021-07-15T12:00")
    assert found.verdict.until == utc("2021-10-31T23:00")
    assert ends(found) == [utc("2021-10-28T23:00")]
    between = issue(second, at="2021-07-15T12:00", programme=_eight_months_to_the_end())
    assert between.verdict.valid is True
    last = issue(second, at="2021-10-29T12:00", programme=_eight_months_to_the_end())
    assert last.verdict.valid is True
    assert withheld(last) == dict.fromkeys(("DK1", "DK2", "DK3"), "not-valid")
    assert "other way of counting" in last.withheld[0].why
    near = issue(second, at="2021-10-27T12:00", programme=_eight_months_to_the_end())
    assert near.dk1 is not None
    assert near.dk1.expires <= utc("2021-10-28T23:00")


def _eight_months_to_the_end() -> Programme:
    """The Danish programme as it would have gone on from June 2021."""
    denmark = load("denmark")
    kept = [one for one in denmark.revisions if one.id <= "2021-07-01"]
    return replace(denmark, revisions=tuple(kept))


def test_what_would_outlive_the_certificate_is_withheld_and_the_rest_is_issued() -> None:
    """A DSC's last year: an EU pass of 365 days does not fit, the domestic tokens do."""
    event = dose("2021-06-01", 2, 2)
    found = issue(event, at="2021-06-28T09:30", pass_life=timedelta(days=5000))
    assert found.passes == ()
    assert found.dk1 is not None
    assert found.dk3 is not None
    (one,) = found.withheld
    assert (one.what, one.place) == ("HC1", 0)
    assert one.code == "certificate.outlived"
    assert one.why


def test_a_statement_about_another_disease_has_no_entry_and_suspends_nothing() -> None:
    flu = replace(sampled("2021-06-27T08:00", positive=True), disease="6142004")
    ill = Recovery(date(2021, 5, 1), date(2021, 5, 12), date(2021, 10, 28), disease="6142004")
    found = issue(dose("2021-06-01", 2, 2), flu, ill, at="2021-06-28T09:30", passes=None)
    assert found.verdict.valid is True
    assert not found.verdict.suspended
    assert len(found.entries) == 1
    assert {one.why for one in found.left_out} == {"It is about another disease."}


def test_events_after_the_moment_are_not_known() -> None:
    past, ahead = dose("2021-03-01", 1, 2), dose("2021-06-29", 2, 2)
    tests = (
        sampled("2021-06-28T09:30:01"),
        Recovery(date(2021, 6, 30), date(2021, 7, 11), date(2021, 12, 27)),
    )
    found = issue(past, ahead, *tests, at="2021-06-28T09:30")
    assert len(found.passes) == 1
    assert len(found.entries) + len(found.left_out) == 1


def test_a_test_that_is_over_or_unclear_has_no_eu_pass() -> None:
    old = sampled("2021-06-20T08:00")
    unclear = replace(sampled("2021-06-27T08:00"), result="260373009")
    found = issue(old, unclear, at="2021-06-28T09:30")
    assert not found.passes
    assert ends(found) == [utc("2021-06-23T08:00")]


def test_without_an_issuer_of_passes_there_are_none() -> None:
    found = issue(dose("2021-05-01", 2, 2), at="2021-06-28T09:30", passes=None)
    assert found.passes == ()
    assert found.dk1 is not None


def test_a_history_with_too_many_readings_has_no_entries() -> None:
    numbers = [1, *[2] * 9]
    doses = [
        dose(f"2021-02-{2 * place:02}", number, number) for place, number in enumerate(numbers, 1)
    ]
    found = issue(*doses, at="2021-06-28T09:30", passes=None)
    assert found.verdict.valid is None
    assert not found.entries
    assert found.dk1 is None


def test_another_programme_and_sector_can_be_asked() -> None:
    document = json.loads(files("coronapas.programmes").joinpath("data/denmark.json").read_bytes())
    rules = {rule["id"]: rule for rule in document["rules"]}
    rules["recovery-14-days-12-months"]["sectors"] = ["business"]
    document["revisions"][10]["recoveries"] = ["recovery-14-days-12-months"]
    sectors = load(document)
    infected = Recovery(date(2021, 4, 1), date(2021, 4, 12), date(2021, 9, 28))
    assert issue(infected, at="2021-11-20T12:00", programme=sectors).dk1 is None
    own = issue(infected, at="2021-11-20T12:00", programme=sectors, sector="business")
    assert own.dk1 is not None
    travel = issue(dose("2021-06-01", 2, 2), at="2021-06-28T09:30", programme=load("eu-travel"))
    assert travel.verdict.programme == "eu-travel"
    assert travel.dk1 is not None
    assert ends(travel) == [WITHOUT_END]


def test_a_moment_needs_a_time_zone() -> None:
    with pytest.raises(ValueError, match="time zone"):
        tokens_for(HOLDER, (), datetime(2021, 7, 1), DanishIssuer(PAIR.signer()))


_DAYS = st.dates(date(2021, 1, 4), date(2022, 2, 20))
_MOMENTS = st.datetimes(datetime(2021, 4, 6), datetime(2022, 3, 20)).map(
    lambda moment: moment.replace(tzinfo=UTC, microsecond=0)
)


@st.composite
def registers(draw: st.DrawFn) -> list[Event]:
    """A register's events: a course, tests, recoveries."""
    found: list[Event] = []
    when = draw(st.dates(date(2021, 1, 4), date(2021, 10, 1)))
    for number in range(1, draw(st.integers(0, 3)) + 1):
        found.append(
            Vaccination(
                draw(st.sampled_from(["Comirnaty", "Spikevax"])), number, max(number, 2), when
            )
        )
        when += timedelta(days=draw(st.integers(21, 200)))
    for moment in draw(st.lists(_MOMENTS, max_size=3)):
        kind = draw(st.sampled_from([TestKind.NAAT, TestKind.RAT]))
        positive = draw(st.sampled_from([False, False, True]))
        found.append(sampled(moment.replace(tzinfo=None).isoformat(), kind, positive=positive))
    for day in draw(st.lists(_DAYS, max_size=1)):
        found.append(Recovery(day, day + timedelta(days=11), day + timedelta(days=180)))
    return found


@given(registers(), _MOMENTS)
def test_a_token_is_good_only_while_the_programme_says_valid(
    events: list[Event], at: datetime
) -> None:
    found = tokens_for(HOLDER, events, at, DanishIssuer(PAIR.signer()), groups=[])
    known = [one for one in events if _known(one, at)]
    history = History.from_facts(*known, birth_date=HOLDER.birth_date, groups=[])
    assert found.verdict == check(DENMARK, history, at)
    if found.verdict.valid is not True:
        assert found.dk1 is found.dk2 is found.dk3 is None
        return
    if found.dk1 is not None:
        assert found.dk2 is not None
        assert found.dk1.expires == found.dk2.expires
        assert found.dk1.expires <= at + timedelta(hours=72)
        last = found.dk1.expires - timedelta(seconds=1)
        for moment in (at, at + (last - at) / 2, last):
            assert check(DENMARK, history, max(at, moment)).valid is True


def _known(event: Event, at: datetime) -> bool:
    if isinstance(event, Test):
        return event.sampled_at <= at
    day = event.date if isinstance(event, Vaccination) else event.first_positive
    return datetime(day.year, day.month, day.day, tzinfo=DENMARK.zone) <= at


def test_the_registers_identifier_stands_in_the_token_and_in_the_pass() -> None:
    first, second = dose("2021-03-01", 1, 2), dose("2021-06-25", 2, 2)
    names = {first: "URN:UVCI:01:DK:FIRST", second: "URN:UVCI:01:DK:SECOND"}
    found = issue(first, second, at="2021-06-28T09:30", uvci_of=names.get)
    assert [one.uvci for one in found.entries] == ["URN:UVCI:01:DK:FIRST"]
    assert len(found.left_out) == 1
    assert [one.uvci for one in found.passes] == ["URN:UVCI:01:DK:FIRST", "URN:UVCI:01:DK:SECOND"]


@given(registers(), _MOMENTS)
def test_some_entry_is_ahead_where_evidence_holds(events: list[Event], at: datetime) -> None:
    found = tokens_for(HOLDER, events, at, DanishIssuer(PAIR.signer()), groups=[])
    if found.dk3 is not None:
        token = read(found.dk3.text)
        assert isinstance(token, Dk3)
        shown = shown_entry(token, at)
        assert shown is not None
        # What is shown counts at this moment, and nothing counts for longer.
        ends_now = {min(one.end, WITHOUT_END) for one in found.verdict.holdings}
        assert shown.valid_until == max(ends_now)


def test_the_programme_of_another_country_can_be_written_and_asked() -> None:
    programme: Programme = load("eu-travel")
    event = dose("2021-06-01", 2, 2)
    history = History.from_facts(event, birth_date=HOLDER.birth_date)
    dated, _ = dated_events(programme, history, [event], utc("2022-02-02T00:00"))
    assert [one.valid_until for one in dated] == [utc("2022-02-26T00:00")]
