"""Business rules with their tests, and the suites of CertLogic, run and counted.

`run_rules` takes a folder of rules as the public ones lie (``<country>/<rule>/rule.json`` with
``tests/*.json``). For each rule it counts whether it can be read and whether its affected fields
are what its logic reads; for each test whether the rule gives what is expected, interpreted and
compiled. `run_certlogic` takes the test suites of CertLogic, for evaluation and for validation.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from coronapas import certlogic
from coronapas.conformance._report import (
    PassedOver,
    Report,
    Result,
    Verdict,
)
from coronapas.errors import RuleError
from coronapas.rules import (
    RULE_FILE,
    disagreement,
    read_json,
    read_rule,
    read_test,
    rule_files,
    test_files,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from coronapas.rules import Rule

    Progress = Callable[[int, int], None]


def run_rules(directory: str | os.PathLike[str], *, progress: Progress | None = None) -> Report:
    """Run every rule below a folder against its tests; places are relative to the folder.

    `progress` is called after each file with the files done and the files in all. Raises OSError
    where the folder cannot be read; whatever its files hold, nothing else is raised.
    """
    folder = Path(directory)
    files = list(rule_files(folder))
    results: list[Result] = []
    passed_over: list[PassedOver] = []
    for done, path in enumerate(files, start=1):
        place = path.relative_to(folder).as_posix()
        if path.name == RULE_FILE:
            results += _of_rule(path, place, folder)
        else:
            passed_over.append(PassedOver(place, f"not named {RULE_FILE}"))
        if progress is not None:
            progress(done, len(files))
    return Report(tuple(results), tuple(passed_over))


def run_certlogic(directory: str | os.PathLike[str], *, progress: Progress | None = None) -> Report:
    """Run every suite of CertLogic below a folder; places are relative to the folder.

    An assertion, or a case of validation, counts once. The directives of the suites' own runner
    (``skip``, ``only``) are not followed. `progress` and what is raised are as for `run_rules`.
    """
    folder = Path(directory)
    # Path.rglob says nothing of a folder that is absent or may not be read.
    os.listdir(folder)
    files = sorted(path for path in folder.rglob("*.json") if path.is_file())
    results: list[Result] = []
    passed_over: list[PassedOver] = []
    for done, path in enumerate(files, start=1):
        place = path.relative_to(folder).as_posix()
        document, problem = _parsed(path)
        cases = document.get("cases") if isinstance(document, dict) else None
        if isinstance(cases, list):
            results += _of_suite(cases, place)
        else:
            passed_over.append(PassedOver(place, problem or "not a suite: it has no cases"))
        if progress is not None:
            progress(done, len(files))
    return Report(tuple(results), tuple(passed_over))


# Rules


def _of_rule(path: Path, place: str, folder: Path) -> Iterator[Result]:
    document, problem = _parsed(path)
    rule: Rule | None = None
    if not problem:
        try:
            rule = read_rule(document)
        except RuleError as error:
            problem = "; ".join(str(fault) for fault in error.faults)
    yield _result(place, "rule", problem)
    runnable = rule is not None and rule.runnable
    if rule is not None and rule.expression is not None:
        yield _result(place, "affected fields", _fields(rule, rule.expression))
    else:
        yield _skipped(place, "affected fields", "the logic cannot be read")
    for file in test_files(path):
        name = file.relative_to(folder).as_posix()
        case, problem = _parsed(file)
        if problem:
            yield _skipped(name, "expected", problem)
        elif rule is None or not runnable:
            yield _skipped(name, "expected", "the rule cannot be run")
        else:
            try:
                test = read_test(case, name)
            except ValueError as error:
                yield _skipped(name, "expected", str(error))
            else:
                yield _result(name, "expected", disagreement(rule, test) or "")


def _fields(rule: Rule, expression: certlogic.Expr) -> str:
    stated, read = set(rule.affected_fields), set(certlogic.affected_fields(expression))
    if stated == read:
        return ""
    missing, unread = sorted(read - stated), sorted(stated - read)
    return f"read and not listed: {missing}; listed and not read: {unread}"


# CertLogic


def _of_suite(cases: list[Any], place: str) -> Iterator[Result]:
    for number, case in enumerate(cases):
        name = f"case {number}"
        if not isinstance(case, dict):
            yield _skipped(place, name, f"the case must be an object, got {type(case).__name__}")
            continue
        if "issues" in case and "certLogicExpression" in case:
            yield _result(place, name, _validation(case))
        elif isinstance(case.get("assertions"), list):
            for position, assertion in enumerate(case["assertions"]):
                yield _assertion(case, assertion, place, f"{name} assertion {position}")
        else:
            yield _skipped(place, name, "neither assertions nor issues are stated")


def _validation(case: dict[str, Any]) -> str:
    issues = [issue.to_json() for issue in certlogic.validate(case["certLogicExpression"])]
    if _canonical(issues) == _canonical(case["issues"]):
        return ""
    return f"the issues are: {'; '.join(issue['message'] for issue in issues) or 'none'}"


def _assertion(case: dict[str, Any], assertion: Any, place: str, name: str) -> Result:
    if not isinstance(assertion, dict) or not {"data", "expected"} <= assertion.keys():
        return _skipped(place, name, "data and expected are not both stated")
    source = next((one for one in (case, assertion) if "certLogicExpression" in one), None)
    if source is None:
        return _skipped(place, name, "no expression is stated")
    try:
        expression = certlogic.parse(source["certLogicExpression"])
    except certlogic.CertLogicError as error:
        return _result(place, name, error.message)
    for run in (certlogic.compile(expression), _interpreter(expression)):
        try:
            value = run(assertion["data"])
        except certlogic.CertLogicError as error:
            return _result(place, name, f"refused: {error.message}")
        if _canonical(value) != _canonical(assertion["expected"]):
            return _result(place, name, "the value is not the one expected")
    return _result(place, name, "")


def _interpreter(expression: certlogic.Expr) -> Callable[[Any], Any]:
    return lambda data: certlogic.evaluate(expression, data)


# Results


def _parsed(path: Path) -> tuple[Any, str]:
    """Return the JSON of a file, or what is wrong with it."""
    try:
        return read_json(path), ""
    except OSError as error:
        return None, f"the file cannot be read: {error.strerror}"
    except ValueError as error:
        return None, str(error)


def _canonical(value: Any) -> str:
    """Return a value as JSON, one string for each value (1 and true differ; key order does not)."""
    return json.dumps(value, sort_keys=True, default=str)


def _result(place: str, name: str, problem: str) -> Result:
    return Result(place, name, Verdict.FAILED if problem else Verdict.PASSED, problem)


def _skipped(place: str, name: str, reason: str) -> Result:
    return Result(place, name, Verdict.SKIPPED, reason)
