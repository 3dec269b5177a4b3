"""The linter: the gateway's constraints in its order, and what the gateway does not look for."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from rule_world import AT, BREAKS, HOLDS, document, rule, text, vaccination

from coronapas.certlogic._expressions import weight
from coronapas.errors import Fault
from coronapas.rules import (
    LintReport,
    RuleTest,
    Severity,
    disagreement,
    lint,
    lint_folder,
    read_test,
)
from coronapas.rules._lint import MAX_FINDINGS
from coronapas.rules._lint.dead_ends import BOOSTERS, rejected
from coronapas.rules._lint.upload import CONSTRAINTS

HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)
DOSE = {"var": "payload.v.0.dn"}
DN, SD = DOSE, {"var": "payload.v.0.sd"}
LOGIC = {"if": [{"var": "payload.v.0"}, {">=": [{"var": "payload.v.0.dn"}, 1]}, True]}
FRESH: dict[str, Any] = {"ValidFrom": text(AT + 49 * HOUR), "ValidTo": text(AT + 2000 * HOUR)}


def fresh(logic: Any = None, **members: Any) -> dict[str, Any]:
    return document(LOGIC if logic is None else logic, **{**FRESH, **members})


def codes(report: LintReport) -> list[str]:
    return [finding.code for finding in report.findings]


def case(expected: Any, payload: Any = None) -> RuleTest:
    return RuleTest("tests/test001.json", "", {"payload": payload or {}, "external": {}}, expected)


def test_a_sound_rule_has_no_findings() -> None:
    for given in (fresh(), json.dumps(fresh()), json.dumps(fresh()).encode(), rule(LOGIC, **FRESH)):
        report = lint(given, uploaded_at=AT)
        assert report.findings == ()
        assert report.ok
        assert report.refusal is None


# The gateway, with both sides of each bound

VIOLATIONS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("schema.value", {"Country": "dk"}, {}),
    ("schema.missing", {"Engine": ...}, {}),
    ("schema.english", {"Description": [{"lang": "da", "desc": "En regel på dansk alene."}]}, {}),
    ("upload.prefix", {"Identifier": "TR-DK-0001"}, {"Identifier": "VR-DK-0001"}),
    ("upload.prefix", {"CertificateType": "General"}, {"CertificateType": "Vaccination"}),
    ("upload.invalidation", {"Identifier": "IR-DK-0001"}, {}),
    (
        "upload.invalidation",
        {"Type": "Invalidation"},
        {"Type": "Invalidation", "Identifier": "IR-DK-0001"},
    ),
    ("upload.country", {"Country": "SE"}, {"Country": "SE", "Identifier": "VR-SE-0001"}),
    ("upload.dates", {"ValidTo": FRESH["ValidFrom"]}, {}),
    (
        "upload.too-far-ahead",
        {"ValidFrom": text(AT + 14 * 24 * HOUR + SECOND)},
        {"ValidFrom": text(AT + 14 * 24 * HOUR)},
    ),
    (
        "upload.too-soon",
        {"ValidFrom": text(AT + 48 * HOUR - SECOND)},
        {"ValidFrom": text(AT + 48 * HOUR)},
    ),
    (
        "upload.too-soon",
        {"ValidFrom": text(AT), "Type": "Invalidation", "Identifier": "IR-DK-0001"},
        {"ValidFrom": text(AT + SECOND), "Type": "Invalidation", "Identifier": "IR-DK-0001"},
    ),
    (
        "upload.too-short",
        {"ValidTo": text(AT + 121 * HOUR - SECOND)},
        {"ValidTo": text(AT + 121 * HOUR)},
    ),
]


@pytest.mark.parametrize(("code", "wrong", "right"), VIOLATIONS)
def test_each_constraint_of_the_gateway_is_found_and_its_other_side_is_let_be(
    code: str, wrong: dict[str, Any], right: dict[str, Any]
) -> None:
    refusal = lint(fresh(**wrong), uploaded_at=AT).refusal
    assert refusal is not None
    assert refusal.code == code
    assert lint(fresh(**right), uploaded_at=AT).refusal is None


@pytest.mark.parametrize(
    ("code", "wrong", "right"),
    [
        ("upload.version", {"Version": "1.10.0"}, {"Version": "1.10.1"}),
        (
            "upload.before-previous",
            {"Version": "2.0.0", "ValidFrom": text(AT + 60 * HOUR - SECOND)},
            {"Version": "2.0.0", "ValidFrom": text(AT + 60 * HOUR)},
        ),
    ],
)
def test_a_version_follows_the_last_one(
    code: str, wrong: dict[str, Any], right: dict[str, Any]
) -> None:
    begin = text(AT + 60 * HOUR)
    previous = [
        rule(Version="1.10.0", ValidFrom=begin),
        rule(Version="1.9.0", ValidFrom=begin),
        rule(Version="9.0.0", Identifier="VR-DK-0002", ValidFrom=begin),
    ]
    options: dict[str, Any] = {"previous": previous, "uploaded_at": AT}
    base = {"ValidFrom": begin}
    refusal = lint(fresh(**{**base, **wrong}), **options).refusal
    assert refusal is not None
    assert refusal.code == code
    assert lint(fresh(**{**base, **right}), **options).refusal is None


def test_the_first_violation_is_what_the_gateway_answers_and_all_are_listed() -> None:
    given = fresh(
        Identifier="TR-SE-0001",
        ValidFrom=text(AT + 60 * HOUR),
        ValidTo=text(AT + HOUR),
        Description=[],
    )
    last = rule(Identifier="TR-SE-0001", Version="3.0.0", ValidFrom=text(AT + 70 * HOUR))
    report = lint(given, uploaded_at=AT, previous=[last])
    gateway = [finding.code for finding in report.findings if finding.gateway]
    assert gateway == [
        *("schema.kind", "upload.prefix", "upload.country", "upload.version"),
        *("upload.dates", "upload.too-short", "upload.before-previous"),
    ]
    assert report.refusal is not None
    assert report.refusal.code == "schema.kind"
    assert len(CONSTRAINTS) == 10


@pytest.mark.parametrize("given", ["{", b"\xff", '{"a": 1, "a": 2}'])
def test_what_does_not_parse_is_refused_before_all_else(given: Any) -> None:
    report = lint(given)
    assert codes(report) == ["upload.json"]
    assert [finding.gateway for finding in report.findings] == [True]
    assert report.identifier is None


@pytest.mark.parametrize(
    "given", ["[]", "5", "null", '{"Identifier": 5, "Version": [], "Type": {}}']
)
def test_json_that_is_no_rule_is_refused_by_the_schema(given: str) -> None:
    refusal = lint(given, uploaded_at=AT).refusal
    assert refusal is not None
    assert refusal.code.startswith("schema.")


@pytest.mark.parametrize(
    "members",
    [{"Identifier": "nothing", "Type": "Invalidation"}, {"Identifier": "IR-DK-0001", "Type": "x"}],
)
def test_the_prefix_is_compared_with_the_type_where_both_are_known(members: dict[str, Any]) -> None:
    found = codes(lint(fresh(**members)))
    assert found
    assert "upload.invalidation" not in found


def test_a_report_names_the_rule() -> None:
    assert lint(fresh()).identifier == "VR-DK-0001"
    assert lint({**fresh(), "Identifier": 5}).identifier is None


def test_without_a_moment_of_upload_how_far_ahead_is_not_asked() -> None:
    assert lint(document(LOGIC)).findings == ()


def test_the_moment_of_upload_needs_a_zone() -> None:
    with pytest.raises(ValueError, match="time zone"):
        lint(fresh(), uploaded_at=AT.replace(tzinfo=None))


# Beyond the gateway


@pytest.mark.parametrize(
    ("logic", "members", "found"),
    [
        ({"or": [1]}, {}, ["rule.logic"]),
        (LOGIC, {"EngineVersion": "2.0.0"}, ["engine.unsupported"]),
        (LOGIC, {"AffectedFields": ["v.0"]}, ["fields.missing"]),
        (LOGIC, {"AffectedFields": ["v.0", "v.0.dn", "v.0.sd"]}, ["fields.unread"]),
        (LOGIC, {"AffectedFields": ["v.0.dn", "v.0"]}, []),
        ({"if": [{"var": "payload.v.0"}, True, {"+": [1, "x"]}]}, {}, ["logic.type"]),
        (
            {"if": [{"var": "payload.v"}, {"if": [{"var": "payload.v"}, True, False]}, True]},
            {},
            ["logic.unreachable"],
        ),
        (
            {"and": [{"<": [DOSE, 1]}, {">": [DOSE, 1]}]},
            {},
            ["logic.contradiction", "logic.contradiction"],
        ),
        (
            {"if": [{">": [DOSE, 2]}, {">": [DOSE, 1]}, True]},
            {},
            ["logic.always"],
        ),
    ],
)
def test_what_the_gateway_does_not_look_for_is_found(
    logic: Any, members: dict[str, Any], found: list[str]
) -> None:
    report = lint(fresh(logic, **members), uploaded_at=AT)
    assert codes(report) == found
    assert report.refusal is None


def test_absent_affected_fields_are_told_once() -> None:
    assert codes(lint(fresh(AffectedFields=...))) == ["schema.missing"]


def test_an_error_is_no_ok_and_a_warning_is() -> None:
    assert not lint(fresh(AffectedFields=["v.0"])).ok
    warned = lint(fresh({"if": [True, {"!": [{"var": "payload.v.0"}]}, False]}))
    assert [finding.severity for finding in warned.findings] == [Severity.WARNING]
    assert warned.ok
    assert str(warned.findings[0]).startswith("warning: logic.unreachable: Logic: ")


# Boosters


def dose(test: Any) -> dict[str, Any]:
    return {"if": [{"var": "payload.v.0"}, test, True]}


def within(first: int, last: int) -> dict[str, Any]:
    date = {"var": "payload.v.0.dt"}
    clock = {"plusTime": [{"var": "external.validationClock"}, 0, "day"]}
    return {
        "not-after": [{"plusTime": [date, first, "day"]}, clock, {"plusTime": [date, last, "day"]}]
    }


def test_a_rule_for_courses_of_one_dose_that_meets_boosters_is_found() -> None:
    one_dose = {"if": [{"===": [{"var": "payload.v.0.sd"}, 1]}, within(22, 270), True]}
    found = rejected(rule(dose(one_dose))).found
    assert [(one.dose_number, one.doses) for one in found] == [(2, 1), (3, 1)]
    assert found[0].days == ((0, 21), (270, 730))
    assert found[0].text == (
        "Boosters 2/1 of any product are rejected on days 0 to 21 and from day 270 on."
    )


def test_a_rule_that_knows_no_third_dose_is_found() -> None:
    two = dose({"in": [{"var": "payload.v.0.dn"}, [1, 2]]})
    assert [(one.dose_number, one.doses) for one in rejected(rule(two)).found] == [
        (3, 1),
        (3, 3),
        (4, 4),
    ]
    assert rejected(rule(two)).found[0].days == ((0, 730),)
    assert "from day 0 on" in rejected(rule(two)).found[0].text


def test_a_booster_of_one_product_is_named() -> None:
    mrna = {"in": [{"var": "payload.v.0.mp"}, ["EU/1/20/1528"]]}
    logic = dose({"if": [{">": [{"var": "payload.v.0.dn"}, 3]}, {"!": [mrna]}, mrna]})
    found = rejected(rule(logic)).found
    assert [(one.dose_number, one.products) for one in found] == [(4, ("EU/1/20/1528",))]


@pytest.mark.parametrize(
    ("logic", "members"),
    [
        (dose({">=": [{"var": "payload.v.0.dn"}, {"var": "payload.v.0.sd"}]}), {}),
        (BREAKS, {}),
        (dose({"+": [1, "x"]}), {}),
        (dose({"in": [{"var": "payload.v.0.dn"}, [1, 2]]}), {"CertificateType": "Recovery"}),
        (dose({"in": [{"var": "payload.v.0.dn"}, [1, 2]]}), {"Type": "Invalidation"}),
        (dose({"in": [{"var": "payload.v.0.dn"}, [1, 2]]}), {"Engine": "PROLOG"}),
        (dose({"in": [{"var": "payload.v.0.mp"}, ["nothing"]]}), {}),
    ],
)
def test_a_rule_that_rejects_no_boosters_or_everything_is_let_be(
    logic: Any, members: dict[str, Any]
) -> None:
    assert rejected(rule(logic, **members)).found == ()


def test_the_known_faults_of_public_rules_are_found(official: Path) -> None:
    reports = lint_folder(official / "business-rules")
    assert all(report.ok for report in reports)
    found = {report.identifier for report in reports if "boosters.rejected" in codes(report)}
    # 22–270 days for a course of one dose also meets 2/1.
    assert "VR-AT-0006" in found
    assert "VR-FI-0004" not in found


# Tests


@pytest.mark.parametrize(
    ("tests", "found"),
    [
        (None, []),
        ([], ["tests.missing"]),
        ([case(True)], ["tests.one-sided"]),
        ([case(False, {**vaccination(dn=0)})], ["tests.one-sided"]),
        ([case(True), case(False, vaccination(dn=0))], []),
        ([case(True), case(False, vaccination(dn=1))], ["tests.fails"]),
        ([case(True), case(False), case(None, vaccination(dn="x"))], ["tests.fails"] * 2),
    ],
)
def test_tests_are_run_and_asked_for(tests: list[RuleTest] | None, found: list[str]) -> None:
    assert codes(lint(fresh(), tests=tests)) == found


def test_a_folder_is_looked_through_with_its_tests(tmp_path: Path) -> None:
    for name, given in {
        "DK/VR-DK-0001/rule.json": fresh(),
        "DK/VR-DK-0001/tests/test001.json": {"payload": {}, "external": {}, "expected": True},
        "DK/VR-DK-0001/tests/test002.json": {"payload": {}},
        "DK/VR-DK-0002/rule.json": fresh(Identifier="VR-DK-0002"),
        "DK/broken/rule.json": "{",
        "flat.json": fresh(Identifier="VR-DK-0003"),
        "list.json": [fresh(Identifier="VR-DK-0004"), {"no": "rule"}],
        "schema.json": {"no": "rule"},
        "torn.json": "{",
        "zones.json": fresh(Identifier="VR-DK-0005"),
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(given if isinstance(given, str) else json.dumps(given))
    reports = {report.place: codes(report) for report in lint_folder(tmp_path, uploaded_at=AT)}
    assert reports == {
        "DK/VR-DK-0001/rule.json": ["tests.unreadable", "tests.one-sided"],
        "DK/VR-DK-0002/rule.json": ["tests.missing"],
        "DK/broken/rule.json": ["upload.json"],
        "flat.json": [],
        "list.json[0]": [],
        "zones.json": [],
    }


def test_a_report_in_json_has_every_finding() -> None:
    found = lint(fresh(Country="SE"), uploaded_at=AT, place="here").to_json()
    assert found["place"] == "here"
    assert found["ok"] is False
    assert found["refusal"]["code"] == "upload.country"
    assert found["findings"][0]["gateway"] is True
    assert json.loads(json.dumps(found)) == found


def test_a_long_list_of_findings_is_cut() -> None:
    report = lint(fresh(AffectedFields=[f"v.{number}" for number in range(500)]))
    assert len(report.findings) == 200


@pytest.mark.parametrize(
    "given", [None, {}, {"payload": 1}, {"payload": 1, "expected": 1, "external": 5}]
)
def test_what_is_no_test_is_refused(given: Any) -> None:
    with pytest.raises(ValueError, match=r"a test|external"):
        read_test(given, "test.json")


def test_a_tests_own_clock_stands_for_the_external_one() -> None:
    given = {"payload": {}, "expected": True, "validationClock": "2022-01-01T00:00:00Z"}
    assert read_test(given, "x").data["external"] == {"validationClock": "2022-01-01T00:00:00Z"}
    external = {"validationClock": "2023-01-01T00:00:00Z"}
    assert read_test({**given, "external": external}, "x").data["external"] == external


def test_a_disagreement_shows_both_sides_and_is_cut() -> None:
    assert disagreement(rule(HOLDS), case(True)) is None
    assert disagreement(rule(HOLDS), case(1)) == "expected 1; it gives true"
    assert "it refuses" in (disagreement(rule({"+": [1, "x"]}), case(True)) or "")
    assert len(disagreement(rule(HOLDS), case("x" * 500)) or "") < 200
    with pytest.raises(ValueError, match="engine"):
        disagreement(rule(Engine="PROLOG"), case(True))


def test_a_finding_names_its_member() -> None:
    (finding,) = lint(fresh(AffectedFields=["v.0"])).findings
    assert isinstance(finding.fault, Fault)
    assert finding.fault.field == "AffectedFields"
    assert "v.0.dn" in finding.fault.problem


LOOP: Any = {"var": "payload.v.0.dt"}
for _ in range(4):
    LOOP = {"reduce": [[1, 2, 3, 4, 5, 6, 7, 8], LOOP, 0]}


def test_boosters_are_asked_about_within_the_work_allowed() -> None:
    two = rule({"===": [DN, SD]})
    assert rejected(two).complete
    assert rejected(two, work=10) == ((), False)
    # Each evaluation of the loops visits thousands of values.
    looping = rejected(rule({"if": [LOOP, {"===": [DN, SD]}, True]}), work=100_000)
    assert looping == ((), False)


def test_a_product_is_recognised_by_either_full_course() -> None:
    for course in ((1, 1), (2, 2)):
        logic = {"and": [{"===": [DN, course[0]]}, {"===": [SD, course[1]]}]}
        found = rejected(rule(logic)).found
        assert [(each.dose_number, each.doses) for each in found] == list(BOOSTERS)


def test_an_evaluation_without_loops_costs_as_many_values_as_the_rule_has() -> None:
    two = rule({"===": [DN, SD]})
    assert two.expression is not None
    # A full course is recognised at the first look, and each booster is asked about once.
    enough = (1 + len(BOOSTERS)) * weight(two.expression)
    assert rejected(two, work=enough).complete
    assert not rejected(two, work=enough - 1).complete


def test_a_rule_that_takes_too_much_work_is_said_to_be_unfinished() -> None:
    guard: Any = {"in": [DN, [0] * 250]}
    for number in range(14):
        parts = [{"var": f"a{number}"}, {"var": f"a{number + 1}"}]
        guard = {"if": [guard, {"<": parts}, {">": parts}]}
    report = lint(document(Logic=guard), place="hostile")
    assert "logic.unfinished" in codes(report)
    assert "logic.unfinished" not in codes(lint(document(Logic={"===": [DN, SD]})))


def test_a_rule_of_many_faults_has_no_more_findings_than_a_person_reads() -> None:
    fields = [f"v.0.x{number}" for number in range(5000)]
    report = lint(document(AffectedFields=fields))
    assert len(report.findings) == MAX_FINDINGS
