"""What a programme can say beyond the Danish one: each member of a row by what it decides."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from programme_cases import DENMARK, day, dose, history, infected

from coronapas.errors import ProgrammeError
from coronapas.facts import Dose, History, Infection, PartialDate, Tested
from coronapas.programmes import (
    BUNDLED,
    NextDose,
    Period,
    Programme,
    Requirement,
    Status,
    check,
    diff,
    is_valid,
    lint,
    load,
    next_dose,
    timeline,
)
from coronapas.programmes._clock import age_words, birthday
from coronapas.programmes._evidence import MOST_TOGETHER
from coronapas.programmes._reasons import condition_words, rule_words

ATHENS = ZoneInfo("Europe/Athens")
SAID: dict[str, Any] = {"source": "an order", "confidence": "S"}
TICK = timedelta(microseconds=1)
DOCUMENT: dict[str, Any] = {
    "id": "arcadia",
    "title": "Arcadia",
    "time_zone": "Europe/Athens",
    "reckoning": "local",
    "products": [
        {"code": "EU/1/20/1528", "name": "Comirnaty", **SAID},
        {"code": "EU/1/20/1525", "name": "Jcovden", "also": ["Janssen"], **SAID},
        {"code": "EU/1/20/1507", "name": "Spikevax", "strength": "100 µg", **SAID},
        {"code": "half", "name": "Half", "variant_of": "Spikevax", "strength": "50 µg", **SAID},
    ],
    "readings": {
        "single_then_other": {"is": "booster", **SAID},
        "one_dose_recovered": {"is": "first", **SAID},
    },
}
COURSE = {"id": "course", "evidence": "vaccination", "stages": ["primary"], "from": {"days": 14},
          **SAID}  # fmt: skip
PCR = {"id": "pcr", "evidence": "test", "kinds": ["naat"], "from": {"hours": 0},
       "until": {"hours": 48}, **SAID}  # fmt: skip
ILL = {"id": "ill", "evidence": "recovery", "kinds": ["naat"], "from": {"days": 28}, **SAID}
DOSES = dose("2021-05-01", "1/2"), dose("2021-06-01", "2/2")


def rule(base: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {**base, **changes}


def arcadia(rules: list[dict[str, Any]], **members: Any) -> Programme:
    """One revision that takes every rule of which the name does not begin with "only"."""
    taken: dict[str, list[str]] = {"test": [], "recovery": [], "vaccination": []}
    for one in rules:
        if not one["id"].startswith("only"):
            taken[one["evidence"]].append(one["id"])
    revision = {
        "id": "start",
        "from": "2021-01-01",
        "title": "Start",
        "tests": taken["test"],
        "recoveries": taken["recovery"],
        "vaccinations": taken["vaccination"],
        **members.pop("revision", {}),
        **SAID,
    }
    later = members.pop("later", [])
    return load({**DOCUMENT, "rules": rules, "revisions": [revision, *later], **members})


def offering(*offers: dict[str, Any], **schedule: Any) -> Programme:
    rows = [{"from": "2021-01-01", **SAID, **one} for one in offers]
    return load({**DOCUMENT, "schedule": {"offers": rows, **schedule}})


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ATHENS)


def negative(text: str) -> Tested:
    return Tested("naat", at(text), positive=False)


# Evidence in conjunction.

BOTH = arcadia([rule(COURSE, needs=["only-pcr"]), rule(PCR, id="only-pcr")])


def test_evidence_in_conjunction_counts_while_both_do() -> None:
    person = history(*DOSES, negative("2021-07-10T12:00"))
    answers = {when: is_valid(BOTH, person, at(when)) for when in (
        "2021-07-10T11:59", "2021-07-10T12:00", "2021-07-12T11:59", "2021-07-12T12:00"
    )}  # fmt: skip
    assert list(answers.values()) == [False, True, True, False]
    found = check(BOTH, person, at("2021-07-11"))
    assert (found.since, found.until) == (at("2021-07-10T12:00"), at("2021-07-12T12:00"))
    assert not is_valid(BOTH, history(negative("2021-07-10T12:00")), at("2021-07-11"))


def test_what_is_missing_for_a_conjunction_is_named() -> None:
    found = check(BOTH, history(*DOSES), at("2021-07-11"))
    (reason,) = [one for one in found.reasons if one.code == "together"]
    assert "only together with a negative test (only-pcr)" in reason.text
    assert reason.sentence_in("da") != reason.text


def test_two_tests_make_two_times_of_one_dose() -> None:
    person = history(*DOSES, negative("2021-07-10T12:00"), negative("2021-07-20T12:00"))
    line = timeline(BOTH, person)
    assert [span[:2] for span in line.validity if span.valid] == [
        (at("2021-07-10T12:00"), at("2021-07-12T12:00")),
        (at("2021-07-20T12:00"), at("2021-07-22T12:00")),
    ]
    (second,) = [one for one in line.evidence if one.spans]
    assert len(second.spans) == 2


@pytest.mark.parametrize(
    ("rules", "field"),
    [
        ([rule(COURSE, needs=["pcr"]), rule(PCR, needs=["course"])], "rules.1.needs"),
        ([rule(COURSE, needs=["nothing"])], "rules.0.needs"),
        ([rule(COURSE, needs=[]), PCR], "rules.0.needs"),
        ([rule(COURSE, needs=["other"]), rule(COURSE, id="other")], "rules.0.needs"),
        ([rule(COURSE, needs=["ill"]), rule(ILL, needs=["pcr"]), PCR], "rules.0.needs"),
    ],
)
def test_a_conjunction_that_cannot_be_is_refused(rules: list[dict[str, Any]], field: str) -> None:
    with pytest.raises(ProgrammeError) as caught:
        arcadia(rules)
    assert field in {fault.field for fault in caught.value.faults}


# Order and interval.


@pytest.mark.parametrize(
    ("infection", "expected"),
    [("2021-05-04", True), ("2021-05-05", False), ("2021-06-02", False), (None, False)],
)
def test_a_dose_can_have_to_follow_an_infection(infection: str | None, expected: bool) -> None:
    after = {"event": "infection", "kinds": ["naat"], "at_least": {"days": 28}}
    programme = arcadia([rule(COURSE, preceded_by=after)])
    events = [infected(infection)] if infection else []
    person = history(*DOSES, *events)
    assert is_valid(programme, person, at("2021-09-01")) is expected
    assert timeline(programme, person).at(at("2021-09-01")) is expected


@pytest.mark.parametrize(
    ("second", "expected"),
    [("2021-05-14", False), ("2021-05-15", True), ("2021-11-01", True), ("2021-11-02", False)],
)
def test_a_dose_can_have_to_keep_an_interval(second: str, expected: bool) -> None:
    within = {"event": "dose", "at_least": {"days": 14}, "at_most": {"months": 6}}
    programme = arcadia([rule(COURSE, preceded_by=within)])
    person = history(dose("2021-05-01", "1/2"), dose(second, "2/2"))
    assert is_valid(programme, person, at("2022-03-01")) is expected
    assert timeline(programme, person).at(at("2022-03-01")) is expected


def test_an_infection_can_have_to_follow_a_dose() -> None:
    programme = arcadia([rule(ILL, preceded_by={"event": "dose"})])
    for day_of_dose, expected in (("2021-05-01", True), ("2021-06-10", False)):
        person = history(dose(day_of_dose, "1/2"), infected("2021-06-01"))
        assert is_valid(programme, person, at("2021-08-01")) is expected
        assert timeline(programme, person).at(at("2021-08-01")) is expected
    assert timeline(programme, history(infected("2021-06-01"))).at(at("2021-08-01")) is False


def test_what_must_come_before_is_named() -> None:
    within = {"event": "dose", "at_least": {"days": 14}}
    programme = arcadia([rule(COURSE, preceded_by=within)])
    found = check(programme, history(dose("2021-06-01", "2/2")), at("2021-07-01"))
    assert "counts only at least 14 days after a dose" in " ".join(
        one.text for one in found.reasons
    )


# Readings.


def with_readings(**readings: Any) -> Programme:
    rows = {name: {**row, **SAID} for name, row in readings.items()}
    stages = ("first", "primary", "single", "recovered", "booster")
    rules = [rule(COURSE, id=stage, stages=[stage], **{"from": {"days": 0}}) for stage in stages]
    return arcadia(rules, readings={**DOCUMENT["readings"], **rows})


def stages_of(programme: Programme, person: History, moment: str = "2021-12-01") -> str:
    found = check(programme, person, at(moment))
    return " ".join(
        str(one.evidence.stage) for one in found.holdings if one.evidence.kind == "vaccination"
    )


JANSSEN = dose("2021-05-01", "1/1", "Janssen")


@pytest.mark.parametrize(
    ("numbers", "policy", "expected"),
    [
        ("2/1", None, "single booster"), ("2/1", "booster", "single booster"),
        ("2/1", "primary", "single primary"), ("2/1", "ambiguous", "single primary booster"),
        ("3/1", "primary", "single booster"),
    ],
)  # fmt: skip
def test_2_of_1_can_be_the_end_of_a_course(numbers: str, policy: str | None, expected: str) -> None:
    programme = with_readings(**({"two_of_one": {"is": policy}} if policy else {}))
    person = history(JANSSEN, dose("2021-08-01", numbers))
    assert stages_of(programme, person) == expected


def test_2_of_1_after_one_dose_for_the_recovered_is_a_booster() -> None:
    programme = with_readings(two_of_one={"is": "primary"}, one_dose_recovered={"is": "recovered"})
    person = history(dose("2021-05-01", "1/1"), dose("2021-08-01", "2/1"))
    assert stages_of(programme, person) == "recovered booster"


@pytest.mark.parametrize(
    ("policy", "expected"),
    [(None, "recovered booster"), ("primary", "recovered primary")],
)
def test_a_dose_after_one_for_the_recovered_has_a_reading_of_its_own(
    policy: str | None, expected: str
) -> None:
    own = {"recovered_then_other": {"is": policy}} if policy else {}
    programme = with_readings(one_dose_recovered={"is": "recovered"}, **own)
    person = history(dose("2021-05-01", "1/1"), dose("2021-08-01"))
    assert stages_of(programme, person) == expected


@pytest.mark.parametrize(
    ("first", "second", "reading"),
    [
        (JANSSEN, dose("2021-08-01", "2/2", "Janssen"), "two_of_one"),
        (JANSSEN, dose("2021-08-01", "2/2"), "single_then_other"),
        (dose("2021-05-01", "1/1"), dose("2021-08-01"), "recovered_then_other"),
    ],
)
@pytest.mark.parametrize("policy", ["primary", "booster"])
def test_a_second_dose_goes_by_its_own_reading_and_by_no_other(
    first: Dose, second: Dose, reading: str, policy: str
) -> None:
    other = {"primary": "booster", "booster": "primary"}[policy]
    names = ("two_of_one", "single_then_other", "recovered_then_other")
    readings = {name: {"is": policy if name == reading else other} for name in names}
    programme = with_readings(one_dose_recovered={"is": "recovered"}, **readings)
    assert stages_of(programme, history(first, second)).split()[1] == policy


@pytest.mark.parametrize("numbers", ["1/2", None])
@pytest.mark.parametrize(
    ("infection", "policy", "expected"),
    [
        ("2021-04-03", "recovered", "recovered"), ("2021-04-04", "recovered", "first"),
        ("2021-05-20", "recovered", "first"), ("2021-04-03", "first", "first"),
        ("2021-04-03", "ambiguous", "first recovered"),
    ],
)  # fmt: skip
def test_one_dose_after_an_infection_can_complete_a_course(
    numbers: str | None, infection: str, policy: str, expected: str
) -> None:
    after = {"is": policy, "kinds": ["naat"], "at_least": {"days": 28}}
    programme = with_readings(dose_after_infection=after)
    person = history(dose("2021-05-01", numbers), infected(infection))
    assert sorted(stages_of(programme, person).split()) == expected.split()
    line = timeline(programme, person)
    assert line.at(at("2021-12-01")) is True


def test_an_infection_of_the_day_of_the_dose_does_not_precede_it() -> None:
    programme = with_readings(dose_after_infection={"is": "recovered"})
    person = history(dose("2021-05-01", "1/2"), infected("2021-05-01"))
    assert stages_of(programme, person) == "first"
    assert stages_of(programme, history(dose("2021-05-02", "1/2"), infected("2021-05-01"))) == (
        "recovered"
    )


def test_readings_change_with_a_revision_for_doses_long_past() -> None:
    later = {
        "id": "2022-01-15",
        "from": "2022-01-15",
        "title": "Two doses after all",
        "readings": {"single_then_other": {"is": "primary", **SAID}},
        **SAID,
    }
    rules = [rule(COURSE, id=one, stages=[one]) for one in ("booster", "primary")]
    offer = {"id": "third", "from": "2021-06-01", "after": ["primary"], "products": ["Comirnaty"],
             "earliest": {"months": 3}, **SAID}  # fmt: skip
    programme = arcadia(rules, later=[later], schedule={"offers": [offer]})
    person = history(JANSSEN, dose("2021-08-01", "2/2"))
    assert stages_of(programme, person, "2022-01-14T23:59") == "booster"
    assert stages_of(programme, person, "2022-01-15") == "primary"
    line = timeline(programme, person)
    assert {span.revision: span.rules for one in line.evidence for span in one.spans} == {
        "start": ("booster",),
        "2022-01-15": ("primary",),
    }
    eve, on = (next_dose(programme, person, day(f"2022-01-{text}")) for text in ("14", "15"))
    assert (eve.status, on.status) == (Status.NOT_OFFERED, Status.ELIGIBLE)
    (change,) = diff(programme, day("2022-01-14"), day("2022-01-15"))
    assert str(change) == (
        "A second product after a single-dose course: read as primary (before: read as booster)"
    )


# Requirement and exemption.

PLACES: dict[str, Any] = {
    "places": [{"id": "bar", "meaning": "a bar", **SAID}],
    "regions": [{"id": "north", "meaning": "the north", **SAID},
                {"id": "south", "meaning": "the south", **SAID}],
    "sectors": [{"id": "trade", "meaning": "trade", **SAID}],
}  # fmt: skip


def test_the_requirement_goes_by_place_region_and_sector() -> None:
    rows = [
        {"id": "north-bars", "is": "in-force", "places": ["bar"], "regions": ["north"], **SAID},
        {"id": "bars", "is": "lifted", "places": ["bar"], **SAID},
        {"id": "trade", "is": "ended", "sectors": ["trade"], **SAID},
    ]
    taken = {"requirement": "in-force", "requirements": [one["id"] for one in rows]}
    ended = {"id": "end", "from": "2021-10-01", "title": "End", "requirement": "ended", **SAID}
    programme = arcadia([PCR], requirements=rows, revision=taken, later=[ended], **PLACES)

    def found(sector: str | None = None, when: str = "2021-06-01", **where: str) -> str:
        person = history(sector=sector)
        return str(check(programme, person, at(when), **where).requirement)

    assert found() == "in-force"
    assert found(place="bar") == "lifted"
    assert found(place="bar", region="north") == "in-force"
    assert found(place="bar", region="south") == "lifted"
    assert found(sector="trade") == "ended"
    assert found(place="bar", region="north", when="2021-10-01") == "ended"
    texts = [
        one.text for one in check(programme, history(), at("2021-06-01"), region="north").reasons
    ]
    assert "In this region a pass is asked for." in texts
    line = timeline(programme, history(), place="bar", region="south")
    assert [span.requirement for span in line.validity] == [
        Requirement.LIFTED,
        Requirement.ENDED,
    ]
    (change, *_) = diff(programme, day("2021-09-30"), day("2021-10-01"))
    assert change.area == "requirement"


def exempting(*rows: dict[str, Any]) -> Programme:
    taken = {"exemptions": [one["id"] for one in rows]}
    return arcadia([PCR], exemptions=[{**SAID, **one} for one in rows], revision=taken, **PLACES)


def test_an_exemption_goes_by_age_in_months_place_region_and_reason() -> None:
    programme = exempting(
        {"id": "young", "reason": "no time for two doses", "regions": ["north"], "places": ["bar"],
         "of": {"age_below": {"years": 12, "months": 3}}}
    )  # fmt: skip
    child = history(born=date(2009, 3, 31))
    turn = at("2021-06-30")
    here = {"place": "bar", "region": "north"}
    assert is_valid(programme, child, turn - TICK, **here) is True
    assert is_valid(programme, child, turn, **here) is False
    assert is_valid(programme, child, turn - TICK) is False
    assert is_valid(programme, child, turn - TICK, place="bar", region="south") is False
    found = check(programme, child, turn - TICK, **here)
    assert (found.exempt, found.until) == (True, turn)
    (reason,) = [one for one in found.reasons if one.code == "exempt"]
    assert "no time for two doses" in reason.text
    assert reason.row == "young"
    line = timeline(programme, child, **here)
    assert (line.at(turn - TICK), line.at(turn)) == (True, False)


def test_uncertain_rows_of_requirement_exemption_and_need_mark_the_answer() -> None:
    doubt = {"uncertain": "The day was not found."}
    programme = arcadia(
        [rule(COURSE, needs=["only-pcr"]), rule(PCR, id="only-pcr", **doubt)],
        exemptions=[{"id": "old", "reason": "x", "of": {"age_from": 90}, **doubt, **SAID}],
        requirements=[{"id": "bars", "is": "lifted", "places": ["bar"], **doubt, **SAID}],
        revision={"exemptions": ["old"], "requirements": ["bars"]},
        **PLACES,
    )

    def marks(person: History, **where: str) -> set[str]:
        return {one.row for one in check(programme, person, at("2021-07-11"), **where).marks}

    both = history(*DOSES, negative("2021-07-10T12:00"))
    assert marks(both) == {"only-pcr"}
    assert marks(history(*DOSES)) == set()
    assert marks(history(), place="bar") == {"bars"}
    assert marks(history(born=date(1930, 1, 1))) == {"old"}


def test_an_exemption_goes_by_group_and_birth_cohort() -> None:
    programme = exempting(
        {"id": "old", "reason": "had it as a child", "of": {"born": {"until": "1971-01-01"}}},
        {"id": "ill", "reason": "a doctor's letter",
         "of": {"groups": ["cannot"], "except_groups": ["staff"]}},
    )  # fmt: skip
    when = at("2021-06-01")
    assert is_valid(programme, history(born=date(1970, 12, 31)), when) is True
    assert is_valid(programme, history(born=date(1971, 1, 1)), when) is False
    assert is_valid(programme, history(born=None), when) is False
    young = date(1990, 1, 1)
    for groups, expected in ((["cannot"], True), (["cannot", "staff"], False), ([], False)):
        person = history(born=young, groups=frozenset(groups))
        assert is_valid(programme, person, when) is expected
        assert check(programme, person, when).valid is expected


def test_rules_can_apply_in_some_places_or_not_in_some() -> None:
    programme = arcadia(
        [rule(PCR, places=["bar"]), rule(COURSE, except_places=["bar"], except_regions=["south"])],
        **PLACES,
    )
    doses, test = history(*DOSES), history(negative("2021-07-01"))
    when = at("2021-07-01")
    assert [is_valid(programme, one, when) for one in (doses, test)] == [True, False]
    assert [is_valid(programme, one, when, place="bar") for one in (doses, test)] == [False, True]
    assert is_valid(programme, doses, when, region="south") is False
    assert is_valid(programme, doses, when, region="north") is True
    with pytest.raises(ValueError, match="it knows north, south"):
        is_valid(programme, doses, when, region="nort")
    with pytest.raises(ValueError, match="it knows bar"):
        timeline(programme, doses, place="pub")


# Ages.


@pytest.mark.parametrize(
    ("born", "age", "reached"),
    [
        ("2024-01-31", Period(months=1), "2024-02-29"),
        ("2024-02-29", Period(months=12), "2025-02-28"),
        ("2024-02-29", 1, "2025-03-01"),
        ("2024-03-15", Period(months=15), "2025-06-15"),
        ("2024-03-15", Period(days=42), "2024-04-26"),
    ],
)
def test_an_age_in_months_is_reached_on_a_day(born: str, age: Any, reached: str) -> None:
    assert birthday(day(born), age) == day(reached)


def test_ages_have_words() -> None:
    ages = (12, Period(months=15), Period(months=147), Period(months=24), Period(days=1))
    assert [age_words(one) for one in ages] == [
        "12 years", "15 months", "12 years and 3 months", "2 years", "1 day",
    ]  # fmt: skip


def test_a_dose_is_offered_from_an_age_in_months() -> None:
    programme = offering(
        {"id": "one", "after": ["nothing"], "products": ["Comirnaty"],
         "to": [{"age_from": {"months": 15}, "age_below": {"years": 2, "months": 6}}]}
    )  # fmt: skip
    child = History(date(2020, 1, 31), groups=frozenset())
    before = next_dose(programme, child, day("2021-04-29"))
    assert (before.status, before.earliest) == (Status.TOO_EARLY, day("2021-04-30"))
    assert next_dose(programme, child, day("2021-04-30")).status is Status.ELIGIBLE
    assert next_dose(programme, child, day("2022-07-30")).status is Status.ELIGIBLE
    assert next_dose(programme, child, day("2022-07-31")).status is Status.NOT_OFFERED


# Offers, waits, products.


@pytest.mark.parametrize(
    ("age", "until", "words"),
    [
        (18, None, "those turning 18 from 2021-05-01"),
        (18, "2021-06-01", "those turning 18 from 2021-05-01 until 2021-06-01"),
        ({"months": 15}, None, "those turning 15 months from 2021-05-01"),
    ],
)
def test_those_who_reach_an_age_in_time_are_named(age: Any, until: str | None, words: str) -> None:
    reached = {"age": age, "from": "2021-05-01", **({"until": until} if until else {})}
    programme = offering(
        {"id": "one", "after": ["nothing"], "products": ["Comirnaty"], "to": [{"reached": reached}]}
    )
    refused = next_dose(programme, history(born=date(1950, 1, 1)), day("2021-07-01"))
    assert f"A dose is offered to: {words}." in [reason.text for reason in refused.reasons]


@pytest.mark.parametrize(
    "other",
    [
        {"groups": ["nurses"]},
        {"age_from": 0, "except_groups": ["pilots"]},
        {"age_below": 12},
        {"born": {"from": "2000-01-01"}},
        {"born": {"until": "1940-01-01"}},
        {"reached": {"age": 18, "from": "2021-05-01"}},
        {"reached": {"age": 18, "from": "1950-05-01", "until": "1960-05-01"}},
    ],
    ids=str,
)
def test_who_is_not_of_one_audience_may_be_of_another(other: dict[str, Any]) -> None:
    offer = {"id": "one", "after": ["nothing"], "products": ["Comirnaty"]}
    person = history(born=date(1970, 1, 1), groups=frozenset({"pilots"}))
    for audiences, expected in (
        ([other], Status.NOT_OFFERED),
        ([other, {"age_from": 12}], Status.ELIGIBLE),
        ([{"age_from": 12}, other], Status.ELIGIBLE),
    ):
        programme = offering({**offer, "to": audiences})
        assert next_dose(programme, person, day("2021-07-01")).status is expected


def test_of_a_birth_date_known_in_part_both_ends_count_with_their_days() -> None:
    programme = offering(
        {"id": "one", "after": ["nothing"], "products": ["Comirnaty"], "to": [{"age_from": 12}]}
    )
    on = day("2021-12-15")
    days = [
        next_dose(programme, history(born=born, groups=frozenset()), on).earliest
        for born in (date(2010, 3, 1), date(2010, 3, 31))
    ]
    assert days == [day("2022-03-01"), day("2022-03-31")]
    either = next_dose(programme, History(PartialDate(2010, 3), groups=frozenset()), on)
    assert (either.status, either.earliest) == (Status.TOO_EARLY, days[1])


def test_of_a_birth_date_known_in_part_every_day_between_counts() -> None:
    """Those who turn 13 when the one offer has ended, and are too old for the other: two days."""
    members = {"after": ["primary"], "products": ["Comirnaty"], "earliest": {"days": 90}}
    programme = offering(
        {"id": "older", "until": "2022-06-30", "to": [{"age_from": 13}], **members},
        {"id": "younger", "to": [{"age_below": 12}], **members},
    )

    def asked(born: date | PartialDate) -> NextDose:
        doses = (dose("2021-05-01", "1/2"), dose("2021-06-01", "2/2"))
        person = History(born, doses, groups=frozenset())
        return next_dose(programme, person, day("2021-07-01"))

    edges = [date(2009, 6, 29), date(2009, 6, 30), date(2009, 7, 1), date(2009, 7, 2)]
    assert [asked(born).status for born in edges] == [
        *(Status.TOO_EARLY, Status.NOT_OFFERED),
        *(Status.NOT_OFFERED, Status.TOO_EARLY),
    ]
    whole = asked(PartialDate(2009))
    assert whole.status is Status.AMBIGUOUS
    readings = {reason.text for reason in whole.reasons if reason.code == "reading"}
    assert readings == {
        "In one reading: too-early from 2022-01-01.",
        "In one reading: too-early from 2021-08-30.",
        "In one reading: not-offered.",
    }


def test_an_offer_goes_by_the_number_of_the_dose() -> None:
    members = {"after": ["booster"], "products": ["Comirnaty"], "earliest": {"days": 90}}
    programme = offering({"id": "fourth", "dose": [4], **members})
    doses = [dose("2021-01-01", "1/2"), dose("2021-02-01", "2/2"), dose("2021-08-01", "3/3")]
    third, fourth = history(*doses), history(*doses, dose("2021-11-15", "4/4"))
    assert next_dose(programme, third, day("2022-06-01")).offers == ("fourth",)
    assert next_dose(programme, fourth, day("2022-06-01")).status is Status.NOT_OFFERED


WAITS: list[dict[str, Any]] = [
    {"id": "first", "from": "2021-01-01", "lasts": {"months": 6}, "after": ["nothing"], **SAID},
    {"id": "booster", "from": "2021-01-01", "lasts": {"months": 3}, "after": ["primary"], **SAID},
    {"id": "half", "from": "2021-01-01", "lasts": {"months": 4}, "after": ["primary"],
     "products": ["Spikevax"], **SAID},
    {"id": "old", "from": "2021-01-01", "lasts": {"months": 1}, "age_from": 60, **SAID},
]  # fmt: skip


def test_a_wait_goes_by_stage_product_and_age() -> None:
    programme = offering(
        {"id": "one", "after": ["nothing"], "products": ["Comirnaty"]},
        {"id": "three", "after": ["primary"], "products": ["Comirnaty", "Half"],
         "earliest": {"days": 1}},
        {"id": "two", "after": ["first"], "products": ["Comirnaty"], "earliest": {"days": 21}},
        waits=WAITS,
    )  # fmt: skip
    ill = infected("2021-07-10")
    first = next_dose(programme, history(ill), day("2021-08-01"))
    assert first.earliest == day("2022-01-10")
    third = next_dose(programme, history(*DOSES, ill), day("2021-08-01"))
    assert (third.earliest, third.products) == (day("2021-10-10"), ("EU/1/20/1528",))
    later = next_dose(programme, history(*DOSES, ill), day("2021-11-10"))
    assert set(later.products) == {"EU/1/20/1528", "half"}
    second = next_dose(programme, history(DOSES[0], ill), day("2021-07-11"))
    assert second.earliest == day("2021-05-22")
    old = next_dose(programme, history(DOSES[0], ill, born=date(1940, 1, 1)), day("2021-07-11"))
    assert old.earliest == day("2021-08-10")
    words = [str(one) for one in diff(programme, day("2020-12-31"), day("2021-01-01"))]
    assert "Wait after infection, after primary, Spikevax or Half: new: no dose for 4 calendar " \
        "months after an infection" in words  # fmt: skip


def test_a_variant_counts_where_its_product_does_and_is_offered_by_itself() -> None:
    programme = offering(
        {"id": "two", "after": ["first"], "previous": ["Spikevax"], "products": ["Half"],
         "earliest": {"days": 28}},
        limits=[{"id": "none", "product": "Spikevax", "from": "2021-09-01", "status": "withdrawn",
                 "why": "x", **SAID}],
    )  # fmt: skip
    begun = history(dose("2021-05-01", "1/2", "Half"))
    found = next_dose(programme, begun, day("2021-06-01"))
    assert (found.product_names, found.strengths) == (("Half",), ("50 µg",))
    assert found.to_json()["strengths"] == ["50 µg"]
    assert next_dose(programme, begun, day("2021-09-01")).status is Status.NOT_OFFERED
    counting = arcadia([rule(COURSE, products=["Spikevax"])])
    doses = dose("2021-05-01", "1/2", "Half"), dose("2021-06-01", "2/2", "Half")
    assert is_valid(counting, history(*doses), at("2021-07-01")) is True
    assert is_valid(counting, history(*DOSES), at("2021-07-01")) is False


def test_a_source_that_names_the_variant_agrees_with_one_that_names_the_product() -> None:
    counting = arcadia([rule(COURSE, products=["half"])])
    twice = dose("2021-06-01", "2/2", "Half"), dose("2021-06-01", "2/2", "Spikevax")
    found = check(counting, history(*twice), at("2021-07-01"))
    assert found.valid is True
    assert "disputed" not in {one.code for one in found.reasons}


@pytest.mark.parametrize("base", ["Nothing", "Half"])
def test_a_variant_is_one_of_a_product_that_is_none(base: str) -> None:
    document = copy.deepcopy(DOCUMENT)
    document["products"][3]["variant_of"] = base
    with pytest.raises(ProgrammeError) as caught:
        load(document)
    assert [(one.field, one.code) for one in caught.value.faults] == [
        ("products.3.variant_of", "programme.variant")
    ]


def test_variants_and_diseases_are_bounded() -> None:
    variants = [{"code": f"v{one}", "name": "v", "variant_of": "Half"} for one in range(101)]
    products = [{"code": "Half", "name": "Half"}, *variants]
    with pytest.raises(ProgrammeError) as caught:
        load({**DOCUMENT, "products": products})
    assert [one.field for one in caught.value.faults] == ["products.101.variant_of"]
    load({**DOCUMENT, "products": products[:-1]})
    with pytest.raises(ProgrammeError, match="at most 50"):
        load({**DOCUMENT, "diseases": [{"id": str(one), "meaning": "x"} for one in range(51)]})


# Diseases.

MEASLES = "14189004"
SEVERAL: dict[str, Any] = {
    **DOCUMENT,
    "diseases": [
        {"id": "840539006", "meaning": "COVID-19", **SAID},
        {"id": MEASLES, "meaning": "measles", **SAID},
    ],
    "products": [
        *DOCUMENT["products"],
        {"code": "MMR", "name": "MMR", "doses": [2], "diseases": [MEASLES], **SAID},
    ],
    "rules": [rule(COURSE, **{"from": {"days": 0}}),
              rule(COURSE, id="measles", disease=MEASLES)],
    "revisions": [{"id": "start", "from": "2021-01-01", "title": "Start",
                   "vaccinations": ["course", "measles"], **SAID}],
    "schedule": {
        "offers": [
            {"id": "c", "from": "2021-01-01", "after": ["nothing"], "products": ["Comirnaty"],
             **SAID},
            {"id": "m", "from": "2021-01-01", "after": ["nothing"], "products": ["MMR"],
             "disease": MEASLES, **SAID},
        ],
        "waits": [{"id": "w", "from": "2021-01-01", "lasts": {"months": 9}, "disease": MEASLES,
                   **SAID}],
    },
}  # fmt: skip


def test_each_row_of_a_programme_has_its_disease() -> None:
    covid = load(SEVERAL)
    measles = covid.for_disease("Measles")
    assert covid.for_disease("840539006") is covid
    assert measles is covid.for_disease(MEASLES)
    assert measles.for_disease("covid-19") is covid
    assert [one.id for one in covid.revisions[0].rules] == ["course"]
    assert [one.id for one in measles.revisions[0].rules] == ["measles"]
    assert [one.id for one in measles.schedule.offers] == ["m"]
    assert list(measles.products) == ["MMR"]
    with pytest.raises(ValueError, match=r"840539006 .COVID-19., 14189004 .measles."):
        covid.for_disease("mumps")
    assert covid.parts == {"840539006": covid, MEASLES: measles}
    assert DENMARK.for_disease("840539006") is DENMARK
    assert not DENMARK.parts


def test_doses_of_one_day_against_two_diseases_are_two() -> None:
    covid = load(SEVERAL)
    measles = covid.for_disease(MEASLES)
    both = History(
        date(2015, 1, 1),
        tuple(
            Dose(day(when), product)
            for when in ("2021-05-01", "2021-06-01")
            for product in ("Comirnaty", "MMR")
        ),
    )
    for programme in (covid, measles):
        found = check(programme, both, at("2021-07-01"))
        assert (found.valid, found.ambiguous) == (True, ())
        assert len(timeline(programme, both).evidence) == 2
    stated = History(None, (Dose(day("2021-05-01"), "MMR", 2, 2, disease="840539006"),))
    assert is_valid(measles, stated, at("2021-07-01")) is False


def test_an_infection_is_with_one_disease() -> None:
    measles = load(SEVERAL).for_disease(MEASLES)
    ill = History(None, (), (), (Infection(day("2021-05-01"), disease="840539006"),))
    assert next_dose(measles, ill, day("2021-06-01")).status is Status.ELIGIBLE
    had = History(None, (), (), (Infection(day("2021-05-01"), disease=MEASLES),))
    assert next_dose(measles, had, day("2021-06-01")).earliest == day("2022-02-01")


def test_a_disease_that_is_not_listed_is_refused() -> None:
    for change in (
        {"disease": "1"},
        {"rules": [rule(COURSE, disease="1"), rule(COURSE, id="measles")]},
    ):
        with pytest.raises(ProgrammeError) as caught:
            load({**SEVERAL, **change})
        assert {one.code for one in caught.value.faults} == {"programme.disease"}


# Overlays, and the document of a programme.


def overlay(**members: Any) -> dict[str, Any]:
    return {"extends": "denmark", "id": "denmark-without", "title": "Denmark, changed", **members}


WITHDRAWN = {"id": "spikevax-withdrawn", "product": "Spikevax", "from": "2021-06-01",
             "until": "2024-01-01", "status": "withdrawn", "why": "x", **SAID}  # fmt: skip


def test_an_overlay_adds_rows_to_a_bundled_programme() -> None:
    changed = load(overlay(schedule={"limits": [WITHDRAWN]}))
    assert changed.title == "Denmark, changed"
    assert changed.schedule.offers == DENMARK.schedule.offers
    assert len(changed.schedule.limits) == len(DENMARK.schedule.limits) + 1
    begun = history(dose("2021-06-01", "1/2", "Spikevax"), groups=frozenset())
    codes = next_dose(changed, begun, day("2021-07-20")).products
    assert "EU/1/20/1507" not in codes
    assert "EU/1/20/1507" in next_dose(DENMARK, begun, day("2021-07-20")).products


def test_an_overlay_replaces_rows_in_their_places_and_leaves_others_out() -> None:
    offers = DENMARK.to_json()["schedule"]["offers"]
    other = {**offers[3], "from": "2021-01-01", "until": "2021-01-08", "source": "mine"}
    changed = load(overlay(schedule={"offers": [other]}, without={"offers": [offers[5]["id"]]}))
    ids = [one.id for one in DENMARK.schedule.offers]
    assert [one.id for one in changed.schedule.offers] == [
        one for one in ids if one != offers[5]["id"]
    ]
    assert changed.schedule.offers[3].source == "mine"
    days = [one.starts for one in changed.revisions]
    assert days == sorted(days)


def test_a_revision_of_an_overlay_takes_its_place_in_time() -> None:
    row = {"id": "mine", "from": "2021-07-15", "title": "Mine", "exempt_below": 10, **SAID}
    changed = load(overlay(revisions=[row]))
    place = [one.id for one in changed.revisions].index("mine")
    assert changed.revisions[place - 1].starts < changed.revisions[place].starts
    assert changed.revisions[place + 1].starts > changed.revisions[place].starts


def test_an_overlay_extends_a_file_beside_it(tmp_path: Path) -> None:
    folder = tmp_path / "programmes"
    folder.mkdir()
    (folder / "base.json").write_text(json.dumps(DOCUMENT))
    (folder / "mine.json").write_text(
        json.dumps({"extends": "base.json", "title": "Mine", "readings": {
            "two_of_one": {"is": "primary", **SAID}}})
    )  # fmt: skip
    mine = load(folder / "mine.json")
    assert (mine.id, mine.title) == ("arcadia", "Mine")
    assert mine.readings.two_of_one is not None
    assert mine.readings.single_then_other.policy == "booster"


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"extends": "nowhere.json"}, "programme.overlay"),
        ({"extends": "\0"}, "programme.overlay"),
        ({"extends": "/etc/passwd"}, "programme.overlay"),
        ({"without": {"offers": ["nothing"]}}, "programme.overlay"),
        ({"without": {"x": ["nothing"]}}, "programme.overlay"),
        ({"schedule": {"limits": [{**WITHDRAWN, "source": ""}]}}, "programme.overlay-source"),
        ({"readings": {"two_of_one": {"is": "primary"}}}, "programme.overlay-source"),
        ({"schedule": {"limits": [{**WITHDRAWN, "product": "Elixir"}]}}, "programme.product"),
        ({"groups": [{"id": ["a"], "source": "x"}]}, "json.text"),
    ],
)
def test_a_fault_of_an_overlay_is_named(members: dict[str, Any], code: str) -> None:
    with pytest.raises(ProgrammeError) as caught:
        load({**overlay(), **members})
    assert code in {fault.code for fault in caught.value.faults}


def test_an_overlay_reads_no_file_but_those_beside_its_own(tmp_path: Path) -> None:
    (tmp_path / "base.json").write_text(json.dumps(DOCUMENT))
    folder = tmp_path / "programmes"
    folder.mkdir()
    for name in ("../base.json", str(tmp_path / "base.json"), "..", "."):
        (folder / "mine.json").write_text(json.dumps({"extends": name}))
        with pytest.raises(ProgrammeError, match="not there"):
            load(folder / "mine.json")
        with pytest.raises(ProgrammeError, match="not there"):
            load({"extends": name})
    (folder / "list.json").write_text("[]")
    (folder / "mine.json").write_text(json.dumps({"extends": "list.json"}))
    with pytest.raises(ProgrammeError, match="not there"):
        load(folder / "mine.json")


@pytest.mark.parametrize("name", BUNDLED)
def test_an_overlay_that_changes_nothing_is_what_it_extends(name: str) -> None:
    assert load({"extends": name}) == load(name)


def test_overlays_lie_on_each_other_only_so_deep(tmp_path: Path) -> None:
    (tmp_path / "0.json").write_text(json.dumps(DOCUMENT))
    for number in range(1, 6):
        below = {"extends": f"{number - 1}.json", "title": str(number)}
        (tmp_path / f"{number}.json").write_text(json.dumps(below))
    assert load(tmp_path / "4.json").title == "4"
    with pytest.raises(ProgrammeError, match="Too many"):
        load(tmp_path / "5.json")
    (tmp_path / "round.json").write_text(json.dumps({"extends": "round.json", "title": "x"}))
    with pytest.raises(ProgrammeError, match="Too many"):
        load(tmp_path / "round.json")


@pytest.mark.parametrize("name", BUNDLED)
def test_a_programme_is_loaded_again_from_its_document(name: str) -> None:
    programme = load(name)
    document = json.loads(json.dumps(programme.to_json()))
    assert load(document) == programme
    document["title"] = "changed"
    assert programme.to_json()["title"] == programme.title
    other = programme.by_other_reckoning()
    assert other is None or load(other.to_json()) == other


def test_the_document_of_an_overlay_is_whole() -> None:
    changed = load(overlay(schedule={"limits": [WITHDRAWN]}))
    document = changed.to_json()
    assert "extends" not in document
    assert load(document) == changed


# Lint.


def codes(programme: Programme) -> set[tuple[str, str]]:
    return {(one.code, one.row) for one in lint(programme)}


def test_linting_finds_misspelt_regions_sectors_and_groups_of_new_rows() -> None:
    row = {"id": "young", "reason": "x", "of": {"groups": ["staf"]}, "regions": ["nort"], **SAID}
    groups = [{"id": "staff", "meaning": "x", **SAID}]
    programme = arcadia(
        [rule(PCR, sectors=["trad"], except_places=["barr"])],
        exemptions=[row],
        revision={"exemptions": ["young"]},
        groups=groups,
        **PLACES,
    )
    found = {one.row: one.text for one in lint(programme) if one.code == "word"}
    texts = [one.text for one in lint(programme) if one.code == "word"]
    for meant in ("staff", "north", "trade", "bar"):
        assert any(f"Did you mean {meant}?" in text for text in texts)
    assert found.keys() == {"young", "pcr"}


def test_linting_finds_new_rows_that_nothing_takes_and_rows_without_a_source() -> None:
    row = {"id": "young", "reason": "x", "of": {}, **SAID}
    unsourced = rule(PCR, id="only-pcr")
    del unsourced["source"]
    programme = arcadia([rule(COURSE, needs=["only-pcr"]), unsourced],
                        exemptions=[row])  # fmt: skip
    assert {("unused", "young"), ("source", "only-pcr")} <= codes(programme)
    assert ("unused", "only-pcr") not in codes(programme)


def test_linting_looks_at_every_disease() -> None:
    document = copy.deepcopy(SEVERAL)
    del document["rules"][1]["source"]
    assert ("source", "measles") in codes(load(document))


def test_rules_of_other_places_or_with_a_condition_do_not_overlap() -> None:
    tested_ = rule(COURSE, id="tested", needs=["only-pcr"], places=["bar"])
    apart = rule(COURSE, except_places=["bar"])
    programme = arcadia([apart, tested_, rule(PCR, id="only-pcr")], **PLACES)
    assert not [one for one in lint(programme) if one.code == "overlap"]
    same = arcadia([COURSE, rule(COURSE, id="again")])
    assert ("overlap", "course") in codes(same)


def test_many_tests_beside_many_doses_take_bounded_steps() -> None:
    """Of the times of needed evidence so many are looked at for each dose, and no more."""
    start = at("2021-07-10T12:00")
    moments = [start + timedelta(hours=50 * place) for place in range(300)]
    tests = tuple(Tested("naat", moment, positive=False) for moment in moments)
    doses = tuple(
        Dose(day("2021-05-01") + timedelta(days=2 * place), "EU/1/20/1528", 2, 2)
        for place in range(100)
    )
    person = History(date(1980, 1, 1), doses, tests)
    counted = [len(one.spans) for one in timeline(BOTH, person).evidence]
    assert max(counted) == MOST_TOGETHER // len(doses)
    alone = replace(person, doses=doses[:1])
    assert max(len(one.spans) for one in timeline(BOTH, alone).evidence) == len(tests)
    latest = check(BOTH, person, tests[-1].sampled_at + timedelta(hours=1))
    assert {one.start for one in latest.holdings} == {tests[-1].sampled_at}


def test_a_rule_is_described_with_what_it_asks_for_beside_its_evidence() -> None:
    after = {"event": "dose", "at_least": {"days": 2}}
    for programme in (BOTH, arcadia([rule(COURSE, preceded_by=after)])):
        described = programme.revisions[-1].rules[0]
        assert condition_words(described)
        assert rule_words(described).endswith(condition_words(described))
