"""``coronapas rules``, and the suites of rules and CertLogic of ``coronapas conformance``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from command_world import run

if TYPE_CHECKING:
    from pathlib import Path

DOSE: dict[str, Any] = {"var": "payload.v.0.dn"}


def rule(**members: Any) -> dict[str, Any]:
    return {
        "Identifier": "VR-DK-0001",
        "Type": "Acceptance",
        "Country": "DK",
        "Version": "1.0.0",
        "SchemaVersion": "1.0.0",
        "Engine": "CERTLOGIC",
        "EngineVersion": "1.3.3",
        "CertificateType": "Vaccination",
        "Description": [
            {"lang": "en", "desc": "At least one dose must have been given."},
            {"lang": "da", "desc": "Der skal vaere givet mindst et stik."},
        ],
        "ValidFrom": "2022-03-04T00:00:00Z",
        "ValidTo": "2023-01-01T00:00:00Z",
        "AffectedFields": ["v.0.dn"],
        "Logic": {">=": [DOSE, 1]},
        **members,
    }


def test_case(dose: int, expected: object) -> dict[str, Any]:
    payload = {"ver": "1.3.0", "v": [{"dn": dose}]}
    clock = {"validationClock": "2022-03-05T00:00:00Z"}
    return {"payload": payload, "external": clock, "expected": expected}


test_case.__test__ = False  # type: ignore[attr-defined]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A sound rule with its tests."""
    write(tmp_path, rule())
    return tmp_path


def write(root: Path, document: Any, name: str = "VR-DK-0001") -> Path:
    place = root / "DK" / name
    (place / "tests").mkdir(parents=True, exist_ok=True)
    (place / "rule.json").write_text(json.dumps(document))
    (place / "tests" / "one.json").write_text(json.dumps(test_case(1, True)))
    (place / "tests" / "none.json").write_text(json.dumps(test_case(0, False)))
    return place


def test_a_sound_rule_is_counted_and_shown_only_with_all(folder: Path) -> None:
    result = run("rules", "lint", str(folder))
    assert (result.exit_code, result.output) == (0, "1 rule: errors 0, warnings 0\n")
    place = folder / "DK" / "VR-DK-0001" / "rule.json"
    result = run("rules", "lint", str(folder), "--all")
    assert result.output.splitlines()[0] == f"{place}  VR-DK-0001: ok"


def test_the_gateways_first_answer_is_shown_and_with_all_every_one(folder: Path) -> None:
    write(folder, rule(Identifier="XX", ValidTo="2022-03-01T00:00:00Z", Country="Denmark"))
    result = run("rules", "lint", str(folder))
    assert result.exit_code == 1
    short = [line for line in result.stdout.splitlines() if "the gateway refuses it" in line]
    assert len(short) == 1
    assert "more that the gateway refuses (--all)" in result.stdout
    every = run("rules", "lint", str(folder), "--all").stdout
    lines = [line for line in every.splitlines() if "the gateway refuses it" in line]
    assert lines[0] == short[0]
    assert f"and {len(lines) - 1} more" in result.stdout
    assert "(--all)" not in every


def test_findings_beyond_the_gateway_are_shown_and_errors_end_with_1(folder: Path) -> None:
    write(folder, rule(AffectedFields=["v.0.sd", "v.0.dn"]))
    result = run("rules", "lint", str(folder))
    assert result.exit_code == 1
    assert result.stdout.splitlines()[1:] == [
        "  error    fields.unread  AffectedFields: The logic does not read v.0.sd, which is "
        "listed. Remove v.0.sd.",
        "1 rule: errors 1, warnings 0",
    ]


def test_warnings_alone_end_with_0(folder: Path) -> None:
    (folder / "DK" / "VR-DK-0001" / "tests" / "none.json").unlink()
    result = run("rules", "lint", str(folder))
    assert result.exit_code == 0
    assert "  warning  tests.one-sided  No test shows what the rule refuses." in result.stdout
    assert result.stdout.splitlines()[-1] == "1 rule: errors 0, warnings 1"


def test_one_rule_file_is_linted_with_its_own_tests_alone(folder: Path) -> None:
    place = folder / "DK" / "VR-DK-0001"
    write(place, rule(Identifier="broken"), "inner")
    (place / "tests" / "wrong.json").write_text(json.dumps(test_case(1, False)))
    result = run("rules", "lint", str(place / "rule.json"))
    assert result.exit_code == 1
    assert "tests.fails  tests/wrong.json" in result.stdout
    assert result.stdout.splitlines()[-1] == "1 rule: errors 1, warnings 0"


def test_a_file_of_another_name_may_hold_one_rule_or_several(tmp_path: Path) -> None:
    one = tmp_path / "one.json"
    one.write_text(json.dumps(rule()))
    assert run("rules", "lint", str(one)).output == "1 rule: errors 0, warnings 0\n"
    several = tmp_path / "several.json"
    several.write_text(json.dumps([rule(), rule(Identifier="other")]))
    result = run("rules", "lint", str(several), str(one))
    assert result.exit_code == 1
    assert result.stdout.startswith(f"{several}[1]  other\n")
    assert result.stdout.splitlines()[-1].startswith("3 rules: ")


def test_a_file_that_is_no_json_is_what_the_gateway_refuses(tmp_path: Path) -> None:
    odd = tmp_path / "odd.json"
    odd.write_text("{\x1b")
    result = run("rules", "lint", str(odd))
    assert result.exit_code == 1
    assert "upload.json" in result.stdout


def test_the_json_holds_every_finding(folder: Path) -> None:
    write(folder, rule(Identifier="XX", Country="Denmark"))
    result = run("rules", "lint", str(folder), "--json")
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert len(found) > 1
    assert found[0]["gateway"] is True
    for finding in found:
        assert finding["rule"] == "XX"
        assert finding["level"] == "error"
        assert finding["code"].startswith(("schema.", "rule."))
        assert finding["place"] == str(folder / "DK" / "VR-DK-0001" / "rule.json")


def test_the_json_of_sound_rules_is_an_empty_list(folder: Path) -> None:
    result = run("rules", "lint", str(folder), "--json")
    assert (result.exit_code, json.loads(result.stdout)) == (0, [])


def test_the_json_names_a_file_without_an_identifier_by_its_place(tmp_path: Path) -> None:
    path = tmp_path / "rule.json"
    path.write_text("{")
    (finding,) = json.loads(run("rules", "lint", str(path), "--json").stdout)
    assert (finding["rule"], finding["code"]) == (str(path), "upload.json")


def test_names_and_types_that_no_pass_has_are_errors_for_programs(folder: Path) -> None:
    logic = {"===": [{"var": "external.validationClockAtStartOfDay"}, "x"]}
    write(folder, rule(Logic=logic))
    result = run("rules", "lint", str(folder), "--json")
    assert result.exit_code == 1
    found = {(one["rule"], one["level"], one["code"]) for one in json.loads(result.stdout)}
    assert ("VR-DK-0001", "error", "logic.unknown-external") in found


@pytest.mark.parametrize(("at", "status"), [("2022-03-01T09:00:00Z", 0), ("2022-03-03T09:00Z", 1)])
def test_with_the_moment_of_upload_the_lead_time_is_judged(
    folder: Path, at: str, status: int
) -> None:
    assert run("rules", "lint", str(folder), "--at", at).exit_code == status


def test_a_version_has_to_follow_those_that_the_gateway_has(folder: Path, tmp_path: Path) -> None:
    known = tmp_path / "known.json"
    known.write_text(json.dumps(rule(Version="1.0.0")))
    result = run("rules", "lint", str(folder / "DK"), "--previous", str(known))
    assert result.exit_code == 1
    assert "the gateway refuses it: Version" in result.stdout


def test_a_folder_without_rules_and_wrong_usage_end_with_2(tmp_path: Path) -> None:
    result = run("rules", "lint", str(tmp_path))
    assert (result.exit_code, "There is no rule" in result.stderr) == (2, True)
    for arguments in (("lint",), ("lint", str(tmp_path / "absent")), ("show",), ("frobnicate",)):
        assert run("rules", *arguments).exit_code == 2


def test_a_rule_is_shown_as_text(folder: Path) -> None:
    result = run("rules", "show", str(folder / "DK" / "VR-DK-0001" / "rule.json"))
    assert result.exit_code == 0
    assert result.output.splitlines() == [
        "VR-DK-0001 1.0.0: Acceptance rule of DK for Vaccination",
        "  At least one dose must have been given.",
        "  in force from 2022-03-04T00:00:00+00:00 (included) until 2023-01-01T00:00:00+00:00 "
        "(not included)",
        "    payload.v.0.dn >= 1",
    ]


def test_several_rules_are_shown_apart_in_the_language_wanted(tmp_path: Path) -> None:
    place = tmp_path / "rules.json"
    place.write_text(json.dumps([rule(), rule(Region="SOUTH", Engine="OTHER", Logic={"odd": [1]})]))
    result = run("rules", "show", str(place), "--language", "da")
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert lines[4] == ""
    assert lines[5] == "VR-DK-0001 1.0.0: Acceptance rule of DK (SOUTH) for Vaccination"
    assert lines.count("  Der skal vaere givet mindst et stik.") == 2
    assert lines[-1] == "    The logic is for an engine that is not supported."
    found = json.loads(run("rules", "show", str(place), "--json").stdout)
    assert [one["region"] for one in found] == [None, "SOUTH"]
    assert found[1]["text"] is None


def test_the_own_rules_are_shown_by_name_and_an_unreadable_one_is_named(tmp_path: Path) -> None:
    assert "VR-EU-1001 1.0.0: " in run("rules", "show", "eu-travel").output
    place = tmp_path / "rules.json"
    place.write_text(json.dumps([rule(Version="first")]))
    result = run("rules", "show", str(place))
    assert (result.exit_code, result.stdout) == (1, "")
    assert "rules.json[0]: not read: " in result.stderr
    assert run("rules", "show", str(tmp_path / "absent")).exit_code == 2


# Conformance


def test_rules_are_run_against_their_tests(folder: Path) -> None:
    result = run("conformance", "--rules", str(folder))
    assert (result.exit_code, result.output) == (0, "4 passed, 0 failed, 0 skipped\n")
    wrong = folder / "DK" / "VR-DK-0001" / "tests" / "wrong.json"
    wrong.write_text(json.dumps(test_case(1, False)))
    result = run("conformance", "--rules", str(folder))
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[0].startswith("DK/VR-DK-0001/tests/wrong.json expected: failed: ")
    assert lines[1:] == ["4 passed, 1 failed, 0 skipped"]


def suite(root: Path, expected: object) -> Path:
    root.mkdir(exist_ok=True)
    assertions = [{"data": {"a": 1}, "expected": expected}]
    case = {"name": "one", "certLogicExpression": {"var": "a"}, "assertions": assertions}
    (root / "suite.json").write_text(json.dumps({"cases": [case]}))
    return root


def test_suites_of_certlogic_are_run(tmp_path: Path) -> None:
    result = run("conformance", "--certlogic", str(suite(tmp_path, 1)))
    assert (result.exit_code, result.output) == (0, "1 passed, 0 failed, 0 skipped\n")
    result = run("conformance", "--certlogic", str(suite(tmp_path, 2)), "--json")
    assert result.exit_code == 1
    assert [json.loads(result.stdout)[name] for name in ("passed", "failed")] == [0, 1]


def test_several_kinds_of_suite_are_counted_together(folder: Path) -> None:
    both = ("--certlogic", str(suite(folder / "cl", 1)), "--rules", str(folder / "DK"))
    assert run("conformance", *both).output == "5 passed, 0 failed, 0 skipped\n"


def test_an_empty_suite_ends_with_2_also_beside_others(folder: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    for option, noun in (("--rules", "rule"), ("--certlogic", "CertLogic suite")):
        result = run("conformance", option, str(empty))
        assert result.exit_code == 2
        assert result.stderr == f"Error: There is no {noun} below {empty}.\n"
    both = ("--certlogic", str(empty), "--rules", str(folder / "DK"))
    assert run("conformance", *both).exit_code == 2


def test_the_public_suites_hold(official: Path) -> None:
    for option, name in (("--rules", "business-rules"), ("--certlogic", "certlogic")):
        result = run("conformance", option, str(official / name))
        assert result.exit_code == 0, result.stdout
        assert result.stdout.endswith(" passed, 0 failed, 0 skipped\n")
