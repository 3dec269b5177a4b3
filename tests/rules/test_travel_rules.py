"""The EU's dated travel rules: each with its source, each bound from both sides, by date."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from rule_world import recovery, swab, vaccination

import coronapas.rules
from coronapas.conformance._runner import run_rules
from coronapas.dcc import ValueSets
from coronapas.rules import Outcome, eu_travel, lint_folder

FOLDER = Path(coronapas.rules.__file__).parent / "data" / "eu-travel"
RAT = "LP217198-3"
SECOND = timedelta(seconds=1)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def outcome(payload: Any, moment: datetime) -> Outcome:
    verdict = eu_travel().decide(payload, country="EU", at=moment, issuer_country="DK")
    return verdict.outcome


def accepted(payload: Any, moment: datetime) -> bool:
    return outcome(payload, moment) is Outcome.PASS


def test_every_rule_agrees_with_its_tests_which_show_both_sides() -> None:
    report = run_rules(FOLDER)
    assert (report.failed, report.skipped) == (0, 0)
    findings = [
        (one.place, finding.code)
        for one in lint_folder(FOLDER)
        for finding in one.findings
        # That a booster waits 14 days was so before 2022-02-01 (recalled).
        if (one.identifier, finding.code) != ("VR-EU-1002", "boosters.rejected")
    ]
    assert findings == []


def test_every_rule_says_where_it_comes_from_and_how_sure_that_is() -> None:
    for rule in eu_travel():
        assert rule.members["Source"]
        assert rule.members["Confidence"] in {"S", "P", "K", "U"}
        if rule.members["Confidence"] == "K":
            assert "recalled" in rule.members["Note"]
    assert eu_travel().unread == ()
    assert eu_travel().passed_over == ()


def test_versions_of_one_rule_follow_each_other_without_gap_or_overlap() -> None:
    spans: dict[str, list[tuple[datetime, datetime]]] = {}
    for rule in eu_travel():
        spans.setdefault(rule.identifier, []).append((rule.valid_from, rule.valid_to))
    for found in spans.values():
        ordered = sorted(found)
        assert ordered[-1][1] == at("2023-07-01")
        assert all(one[1] == other[0] for one, other in pairwise(ordered))


# A dose, and the last moment before it is accepted, the first, the last, the first after.
@pytest.mark.parametrize(
    ("members", "first", "end"),
    [
        # a primary course: 14 days, then 270 days from 2022-02-01 on
        ({"dt": "2021-12-01"}, "2021-12-15", "2022-08-28"),
        ({"dt": "2022-03-01"}, "2022-03-15", "2022-11-26"),
        ({"dt": "2022-03-01", "dn": 1, "sd": 1, "mp": "EU/1/20/1525"}, "2022-03-15", "2022-11-26"),
        ({"dt": "2022-03-01", "dn": 1, "sd": 1}, "2022-03-15", "2022-11-26"),
        # older than 270 days on the day on which these began to count
        ({"dt": "2021-05-07"}, "2021-06-14", "2022-02-01"),
        ({"dt": "2021-05-08"}, "2021-06-14", "2022-02-02"),
        # boosters: at once from 2022-02-01 on, without limit but for the regulation's end
        ({"dt": "2022-03-01", "dn": 2, "sd": 1}, "2022-03-01", "2023-07-01"),
        ({"dt": "2022-03-01", "dn": 3, "sd": 3}, "2022-03-01", "2023-07-01"),
        ({"dt": "2022-03-01", "dn": 3, "sd": 2}, "2022-03-01", "2023-07-01"),
        ({"dt": "2022-01-25", "dn": 3, "sd": 3}, "2022-02-01", "2023-07-01"),
    ],
)
def test_a_vaccination_is_accepted_from_the_first_moment_until_the_end(
    members: dict[str, Any], first: str, end: str
) -> None:
    given = vaccination(**members)
    assert not accepted(given, at(first) - SECOND)
    assert accepted(given, at(first))
    assert accepted(given, at(end) - SECOND)
    assert not accepted(given, at(end))


def test_below_18_the_270_days_do_not_apply_since_2022_04_06() -> None:
    young = {**vaccination(dt="2021-05-01"), "dob": "2005-03-01"}
    assert not accepted(young, at("2022-04-06") - SECOND)
    assert accepted(young, at("2022-04-06"))
    assert accepted(young, at("2023-03-01") - SECOND)
    assert not accepted(young, at("2023-03-01"))


def test_an_incomplete_course_is_never_accepted() -> None:
    for moment in ("2021-12-20", "2022-03-01", "2023-01-01"):
        assert not accepted(vaccination(dn=1, sd=2), at(moment))


@pytest.mark.parametrize("given", [vaccination(), swab(sc="2022-03-01T09:00:00Z"), recovery()])
@pytest.mark.parametrize("disease", ["6142004", "", "840539007", ...])
def test_a_pass_about_another_disease_is_never_accepted(given: Any, disease: Any) -> None:
    moment = at("2022-03-01T10:00:00")
    assert accepted(given, moment)
    (group,) = {"v", "t", "r"} & given.keys()
    entry = {**given[group][0], "tg": disease}
    if disease is ...:
        del entry["tg"]
    assert not accepted({**given, group: [entry]}, moment)


def test_the_products_that_must_be_accepted_are_those_of_the_eus_register() -> None:
    for code in ValueSets.default().sets["vaccines-covid-19-names"].entries:
        given = vaccination(mp=code, dn=3, sd=3)
        assert accepted(given, at("2022-03-01")) == code.startswith("EU/1/"), code


@pytest.mark.parametrize(
    ("kind", "taken", "hours"),
    [
        ("LP6464-4", "2021-09-01T10:00:00", 72),
        ("LP6464-4", "2022-09-01T10:00:00", 72),
        (RAT, "2021-09-01T10:00:00", 48),
        (RAT, "2022-01-31T00:00:00", 24),
        (RAT, "2022-09-01T10:00:00", 24),
    ],
)
def test_a_test_is_accepted_for_its_hours(kind: str, taken: str, hours: int) -> None:
    given, start = swab(tt=kind, sc=f"{taken}Z"), at(taken)
    assert not accepted(given, start - SECOND)
    assert accepted(given, start)
    assert accepted(given, start + timedelta(hours=hours))
    assert not accepted(given, start + timedelta(hours=hours) + SECOND)


def test_the_hours_of_a_rapid_test_change_at_the_start_of_february_2022() -> None:
    given = swab(tt=RAT, sc="2022-01-30T20:00:00Z")
    assert accepted(given, at("2022-02-01") - SECOND)
    assert not accepted(given, at("2022-02-01"))


def test_below_12_the_age_of_a_test_does_not_matter_since_2022_02_01() -> None:
    given = {**swab(sc="2021-11-01T10:00:00Z"), "dob": "2012-06-01"}
    assert not accepted(given, at("2022-02-01") - SECOND)
    assert accepted(given, at("2022-02-01"))
    old = {**given, "dob": "2010-02-02"}
    assert accepted(old, at("2022-02-02") - SECOND)
    assert not accepted(old, at("2022-02-02"))


def test_a_positive_test_and_one_of_another_kind_are_no_proof() -> None:
    moment = at("2022-03-01T10:00:00")
    assert accepted(swab(), moment)
    assert not accepted(swab(tr="260373001"), moment)
    assert not accepted(swab(tt="94503-0"), moment)


def test_a_recovery_is_accepted_from_day_11_through_day_180() -> None:
    wide = recovery(fr="2022-01-01", df="2022-01-01", du="2023-01-01")
    assert not accepted(wide, at("2022-01-12") - SECOND)
    assert accepted(wide, at("2022-01-12"))
    assert accepted(wide, at("2022-07-01") - SECOND)
    assert not accepted(wide, at("2022-07-01"))


def test_a_recovery_is_accepted_within_its_own_days() -> None:
    narrow = recovery(fr="2022-01-01", df="2022-02-01", du="2022-03-01")
    assert not accepted(narrow, at("2022-02-01") - SECOND)
    assert accepted(narrow, at("2022-02-01"))
    assert accepted(narrow, at("2022-03-02") - SECOND)
    assert not accepted(narrow, at("2022-03-02"))


@pytest.mark.parametrize("given", [vaccination(), swab(), recovery()])
def test_before_and_after_the_regulations_there_are_no_rules(given: Any) -> None:
    assert outcome(given, at("2021-06-14") - SECOND) is Outcome.NO_RULES
    assert outcome(given, at("2023-07-01") - SECOND) is not Outcome.NO_RULES
    assert outcome(given, at("2023-07-01")) is Outcome.NO_RULES
