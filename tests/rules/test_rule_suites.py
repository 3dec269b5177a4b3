"""The official suites and rule tests, and the counting of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from rule_world import BREAKS, HOLDS, document

from coronapas.conformance._runner import Verdict, run_certlogic, run_rules
from coronapas.rules import _loading as loading


def put(folder: Path, files: dict[str, Any]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return folder


def test_every_test_of_every_public_rule_passes(official: Path) -> None:
    folder = official / "business-rules"
    report = run_rules(folder)
    rules, tests = (len(list(folder.glob(path))) for path in ("*/*/rule.json", "*/*/tests/*.json"))
    assert tests > 100
    assert report.summary == f"{2 * rules + tests} passed, 0 failed, 0 skipped"


def test_every_assertion_and_case_of_certlogics_suites_passes(official: Path) -> None:
    report = run_certlogic(official / "certlogic")
    assertions = [one for one in report.results if "assertion" in one.expectation]
    assert len(assertions) == 232
    assert (report.passed, report.failed, report.skipped) == (len(report.results), 0, 0)
    assert report.passed > 232


def test_rules_are_counted_once_for_each_thing_that_is_expected(tmp_path: Path) -> None:
    test = {"payload": {}, "external": {}, "expected": True}
    steps: list[tuple[int, int]] = []
    put(
        tmp_path,
        {
            "DK/good/rule.json": document(HOLDS, AffectedFields=[]),
            "DK/good/tests/1.json": test,
            "DK/good/tests/2.json": {**test, "expected": False},
            "DK/good/tests/3.json": {"payload": {}},
            "DK/good/tests/4.json": "{",
            "DK/fields/rule.json": document(BREAKS, AffectedFields=["v.0"]),
            "DK/broken/rule.json": document(Version="x"),
            "DK/broken/tests/1.json": test,
            "DK/engine/rule.json": document(Engine="PROLOG"),
            "DK/torn/rule.json": "{",
            "other.json": {},
        },
    )
    report = run_rules(tmp_path, progress=lambda done, of: steps.append((done, of)))
    assert [tuple(one[:3]) for one in report.results] == [
        ("DK/broken/rule.json", "rule", Verdict.FAILED),
        ("DK/broken/rule.json", "affected fields", Verdict.SKIPPED),
        ("DK/broken/tests/1.json", "expected", Verdict.SKIPPED),
        ("DK/engine/rule.json", "rule", Verdict.PASSED),
        ("DK/engine/rule.json", "affected fields", Verdict.SKIPPED),
        ("DK/fields/rule.json", "rule", Verdict.PASSED),
        ("DK/fields/rule.json", "affected fields", Verdict.FAILED),
        ("DK/good/rule.json", "rule", Verdict.PASSED),
        ("DK/good/rule.json", "affected fields", Verdict.PASSED),
        ("DK/good/tests/1.json", "expected", Verdict.PASSED),
        ("DK/good/tests/2.json", "expected", Verdict.FAILED),
        ("DK/good/tests/3.json", "expected", Verdict.SKIPPED),
        ("DK/good/tests/4.json", "expected", Verdict.SKIPPED),
        ("DK/torn/rule.json", "rule", Verdict.FAILED),
        ("DK/torn/rule.json", "affected fields", Verdict.SKIPPED),
    ]
    assert [one.file for one in report.passed_over] == ["other.json"]
    assert steps[-1] == (6, 6)
    assert report.disagreements[-2].reason == "expected false; it gives true"


def test_suites_are_counted_once_for_each_assertion_and_case(tmp_path: Path) -> None:
    steps: list[tuple[int, int]] = []
    cases: list[Any] = [
        {"certLogicExpression": {"var": ""}, "assertions": [{"data": 1, "expected": 1}]},
        {"assertions": [{"certLogicExpression": {"var": ""}, "data": 1, "expected": True}]},
        {"assertions": [{"data": 1, "expected": 1}]},
        {"certLogicExpression": {"or": 1}, "assertions": [{"data": 1, "expected": 1}, {"data": 1}]},
        {"certLogicExpression": {"+": [1, "x"]}, "assertions": [{"data": 1, "expected": 1}]},
        {"certLogicExpression": 1, "issues": []},
        {"certLogicExpression": 1, "issues": [{"expr": 1, "message": "one"}]},
        {"certLogicExpression": None, "issues": []},
        {"neither": 1},
        5,
    ]  # fmt: skip
    put(tmp_path, {"a.json": {"cases": cases}, "b.json": [], "c.json": "{"})
    report = run_certlogic(tmp_path, progress=lambda done, of: steps.append((done, of)))
    assert [str(one.verdict) for one in report.results] == [
        *("passed", "failed", "skipped", "failed", "skipped", "failed"),
        *("passed", "failed", "failed", "skipped", "skipped"),
    ]
    assert [one.file for one in report.passed_over] == ["b.json", "c.json"]
    assert steps[-1] == (3, 3)


@pytest.mark.parametrize("run", [run_rules, run_certlogic])
def test_a_folder_that_is_not_there_is_an_os_error(run: Any, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="none"):
        run(tmp_path / "none")


def test_a_file_that_cannot_be_read_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, {"DK/good/rule.json": document()})

    def refuse(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(loading, "content", refuse)
    assert run_rules(tmp_path).results[0].reason == "the file cannot be read: Permission denied"
    assert run_certlogic(tmp_path).passed_over[0].reason.endswith("Permission denied")
