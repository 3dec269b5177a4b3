"""The official suites: evaluation, validation, and the public rules with their tests."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from coronapas import certlogic

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def documents(folder: Path, pattern: str) -> Iterator[tuple[str, Any]]:
    for path in sorted(folder.glob(pattern)):
        yield str(path.relative_to(folder)), json.loads(path.read_bytes())


def assertions(official: Path) -> Iterator[tuple[str, Any, Any, Any]]:
    for name, suite in documents(official / "certlogic" / "testSuite", "*.json"):
        for case in suite["cases"]:
            for assertion in case["assertions"]:
                expression = case.get("certLogicExpression", assertion.get("certLogicExpression"))
                yield name, expression, assertion["data"], assertion["expected"]


def same(left: object, right: object) -> bool:
    return json.dumps(left, sort_keys=True) == json.dumps(right, sort_keys=True)


def test_every_assertion_of_the_official_evaluation_suite_holds(official: Path) -> None:
    # The suite's runner skips 14 of them: the wishes that `in` and `reduce` be patched.
    found = list(assertions(official))
    assert len(found) == 232
    for name, expression, data, expected in found:
        assert same(certlogic.evaluate(expression, data), expected), (name, expression, data)
        assert same(certlogic.compile(expression)(data), expected), (name, expression, data)
        assert same(certlogic.explain(expression, data).value, expected), (name, expression, data)


def test_every_case_of_the_official_validation_suite_has_its_exact_issues(official: Path) -> None:
    count = 0
    for name, suite in documents(official / "certlogic" / "validation-testSuite", "*.json"):
        for case in suite["cases"]:
            expression = case["certLogicExpression"]
            issues = [issue.to_json() for issue in certlogic.validate(expression)]
            assert same(issues, case["issues"]), (name, expression)
            count += 1
    assert count > 20


def rules(official: Path) -> Iterator[tuple[str, Any, Path]]:
    folder = official / "business-rules"
    for name, rule in documents(folder, "*/*/rule.json"):
        yield name, rule, folder / name


def test_every_test_of_every_public_rule_agrees(official: Path) -> None:
    count = 0
    for name, rule, path in rules(official):
        compiled = certlogic.compile(rule["Logic"])
        for test, case in documents(path.parent / "tests", "*.json"):
            data = {"payload": case["payload"], "external": case["external"]}
            for value in (compiled(data), certlogic.evaluate(rule["Logic"], data)):
                assert bool(value) is case["expected"], (name, test)
            assert certlogic.explain(rule["Logic"], data).value == value
            count += 1
    assert count > 100


def test_the_affected_fields_of_every_public_rule_are_what_its_logic_reads(official: Path) -> None:
    for name, rule, _ in rules(official):
        fields = certlogic.affected_fields(rule["Logic"])
        assert sorted(rule["AffectedFields"]) == list(fields), name


def test_every_public_rule_is_valid_and_of_sound_types(official: Path) -> None:
    for name, rule, _ in rules(official):
        assert certlogic.validate(rule["Logic"]) == (), name
        assert certlogic.type_issues(rule["Logic"]) == (), name


def test_every_public_rule_comes_back_from_its_text_and_from_its_json(official: Path) -> None:
    for name, rule, _ in rules(official):
        expr = certlogic.parse(rule["Logic"])
        assert certlogic.from_text(certlogic.to_text(expr)) == expr, name
        assert same(certlogic.to_json(expr), rule["Logic"]), name


def test_no_public_rule_is_left_to_the_interpreter_on_its_own_tests(official: Path) -> None:
    """The compiled code goes its fast way: it reads each date of a decision once, by `Dates`."""
    slow = count = 0
    for _, rule, path in rules(official):
        compiled = certlogic.compile(rule["Logic"])
        interpreted: list[object] = []
        # The functions of an expression have names of their own; the way out is watched here.
        names = compiled.__globals__  # type: ignore[attr-defined]
        names["slow"] = lambda *given, seen=interpreted: seen.append(given)
        for _, case in documents(path.parent / "tests", "*.json"):
            compiled({"payload": case["payload"], "external": case["external"]})
            count += 1
        slow += len(interpreted)
    assert slow <= count // 50
