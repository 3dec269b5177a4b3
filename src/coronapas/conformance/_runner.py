"""Business rules with their tests, and the suites of CertLogic, run and counted.

`run_rules` takes a folder of rules as the public ones lie (``<country>/<rule>/rule.json`` with
``tests/*.json``). For each rule it counts whether it can be read and whether its affected fields
are what its logic reads; for each test whether the rule gives what is expected, interpreted and
compiled. `run_certlogic` takes the test suites of CertLogic, for evaluation and for validation.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from coronapas import certlogic
from coronapas.conformance import _vectors as verifications
from coronapas.conformance._vectors import (
    EXPECTATIONS,
    EXTENSION,
    MAX_BYTES,
    NotAVectorError,
    TestVector,
    judge,
    read,
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

# What a run over test vectors found: one result for each file and expectation.


class Verdict(StrEnum):
    """How one expectation of one file came out."""

    PASSED = "passed"
    """The step did what the vector expects."""
    FAILED = "failed"
    """It did not: the two disagree."""
    SKIPPED = "skipped"
    """It was not judged; the reason says why."""


class Result(NamedTuple):
    """One expectation of one file; `reason` is empty where it passed."""

    file: str
    """The path of the file, below the folder that was run."""
    expectation: str
    """The name of the expectation, such as ``EXPECTEDVERIFY``."""
    verdict: Verdict
    """Passed, failed or skipped."""
    reason: str

    def __str__(self) -> str:
        return f"{self.file} {self.expectation}: {self.verdict}: {self.reason}".rstrip(": ")


class PassedOver(NamedTuple):
    """A file that is not a test vector, and why."""

    file: str
    """The path of the file, below the folder that was run."""
    reason: str
    """Why, as a sentence."""


@dataclass(frozen=True)
class Report:
    """Every result, in the order of the files' paths and of the expectations in each file."""

    results: tuple[Result, ...]
    """Every result."""
    passed_over: tuple[PassedOver, ...] = ()
    """The files that are not test vectors."""

    @cached_property
    def _counts(self) -> Counter[Verdict]:
        return Counter(result.verdict for result in self.results)

    @property
    def passed(self) -> int:
        """How many expectations agree."""
        return self._counts[Verdict.PASSED]

    @property
    def failed(self) -> int:
        """How many disagree."""
        return self._counts[Verdict.FAILED]

    @property
    def skipped(self) -> int:
        """How many were not judged."""
        return self._counts[Verdict.SKIPPED]

    @property
    def disagreements(self) -> tuple[Result, ...]:
        """The results that failed, in order."""
        return tuple(result for result in self.results if result.verdict is Verdict.FAILED)

    @property
    def ok(self) -> bool:
        """Whether nothing disagrees."""
        return not self.failed

    @property
    def summary(self) -> str:
        """The counts in one line."""
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"

    def merge(self, *others: Report) -> Report:
        """Return one report of this run and others, in the order given."""
        reports = (self, *others)
        return Report(
            tuple(result for report in reports for result in report.results),
            tuple(passed_over for report in reports for passed_over in report.passed_over),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form (``schemas/conformance-report.schema.json``)."""
        return {
            "passed": self.passed,
            "failed": self.failed,
            "skipped": self.skipped,
            "results": [
                {**result._asdict(), "verdict": result.verdict.value} for result in self.results
            ],
            "passed_over": [passed_over._asdict() for passed_over in self.passed_over],
        }


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
    yield _rule_result(place, "rule", problem)
    runnable = rule is not None and rule.runnable
    if rule is not None and rule.expression is not None:
        yield _rule_result(place, "affected fields", _fields(rule, rule.expression))
    else:
        yield _rules_skipped(place, "affected fields", "the logic cannot be read")
    for file in test_files(path):
        name = file.relative_to(folder).as_posix()
        case, problem = _parsed(file)
        if problem:
            yield _rules_skipped(name, "expected", problem)
        elif rule is None or not runnable:
            yield _rules_skipped(name, "expected", "the rule cannot be run")
        else:
            try:
                test = read_test(case, name)
            except ValueError as error:
                yield _rules_skipped(name, "expected", str(error))
            else:
                yield _rule_result(name, "expected", disagreement(rule, test) or "")


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
            yield _rules_skipped(
                place, name, f"the case must be an object, got {type(case).__name__}"
            )
            continue
        if "issues" in case and "certLogicExpression" in case:
            yield _rule_result(place, name, _validation(case))
        elif isinstance(case.get("assertions"), list):
            for position, assertion in enumerate(case["assertions"]):
                yield _assertion(case, assertion, place, f"{name} assertion {position}")
        else:
            yield _rules_skipped(place, name, "neither assertions nor issues are stated")


def _validation(case: dict[str, Any]) -> str:
    issues = [issue.to_json() for issue in certlogic.validate(case["certLogicExpression"])]
    if _canonical(issues) == _canonical(case["issues"]):
        return ""
    return f"the issues are: {'; '.join(issue['message'] for issue in issues) or 'none'}"


def _assertion(case: dict[str, Any], assertion: Any, place: str, name: str) -> Result:
    if not isinstance(assertion, dict) or not {"data", "expected"} <= assertion.keys():
        return _rules_skipped(place, name, "data and expected are not both stated")
    source = next((each for each in (case, assertion) if "certLogicExpression" in each), None)
    if source is None:
        return _rules_skipped(place, name, "no expression is stated")
    try:
        expression = certlogic.parse(source["certLogicExpression"])
    except certlogic.CertLogicError as error:
        return _rule_result(place, name, error.message)
    for run in (certlogic.compile(expression), _interpreter(expression)):
        try:
            value = run(assertion["data"])
        except certlogic.CertLogicError as error:
            return _rule_result(place, name, f"refused: {error.message}")
        if _canonical(value) != _canonical(assertion["expected"]):
            return _rule_result(place, name, "the value is not the one expected")
    return _rule_result(place, name, "")


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


def _rule_result(place: str, name: str, problem: str) -> Result:
    return Result(place, name, Verdict.FAILED if problem else Verdict.PASSED, problem)


def _rules_skipped(place: str, name: str, reason: str) -> Result:
    return Result(place, name, Verdict.SKIPPED, reason)


# Run every test vector of a folder: the walk, and what is counted.
#
# Every file ``*.json`` below the folder is read, in the order of the paths. A file that is not a
# vector is listed as passed over. An expectation that is not understood, or whose inputs are
# absent, is counted as skipped, with its name and the reason: nothing is guessed, and nothing is
# left out silently.


def run(
    directory: str | os.PathLike[str], *, progress: Callable[[int, int], None] | None = None
) -> Report:
    """Run every vector below `directory`; files in the report are named relative to it.

    `progress` is called after each file with the files done and the files in all. Raises OSError
    where the folder cannot be read; whatever its files hold, nothing else is raised.
    """
    folder = Path(directory)
    # Path.rglob says nothing of a folder that is absent or may not be read.
    os.listdir(folder)
    files = sorted(
        (path.relative_to(folder).as_posix(), path)
        for path in folder.rglob("*.json")
        if path.is_file()
    )
    results: list[Result] = []
    passed_over: list[PassedOver] = []
    for done, (name, path) in enumerate(files, start=1):
        try:
            results += results_of(read(_content(path), name))
        except NotAVectorError as error:
            passed_over.append(PassedOver(name, str(error)))
        except OSError as error:
            passed_over.append(PassedOver(name, f"the file cannot be read: {error.strerror}"))
        if progress is not None:
            progress(done, len(files))
    return Report(tuple(results), tuple(passed_over))


def results_of(vector: TestVector) -> tuple[Result, ...]:
    """Return the results of a vector: for each name in EXPECTEDRESULTS and run in the extension."""
    stated: dict[str, list[object]] = {}
    for name, value in vector.statements:
        stated.setdefault(name, []).append(value)
    found = [_result(vector, name, values) for name, values in stated.items()]
    if vector.extension is not None:
        found += _extension(vector)
    return tuple(found)


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)


def _result(vector: TestVector, name: str, values: list[object]) -> Result:
    step, value = EXPECTATIONS.get(name), values[0]
    if step is None:
        return _skipped(vector, name, "no expectation of this name is known")
    if not all(isinstance(each, bool) for each in values):
        return _skipped(vector, name, "the expectation is neither true nor false")
    if len(set(values)) > 1:
        return _skipped(vector, name, "the file states it twice, and differently")
    holds, reason = judge(step, vector)
    if holds is None:
        return _skipped(vector, name, reason)
    if holds is value:
        return Result(vector.name, name, Verdict.PASSED, "")
    why = f"expected to hold, and does not: {reason}" if value else "expected to fail, and holds"
    return Result(vector.name, name, Verdict.FAILED, why)


def _extension(vector: TestVector) -> Iterator[Result]:
    try:
        runs = verifications.expected(vector.extension)
    except verifications.NotUnderstoodError as error:
        yield _skipped(vector, EXTENSION, f"not understood: {error}")
        return
    for name, step in runs:
        holds, reason = judge(step, vector)
        if holds is None:
            yield _skipped(vector, name, reason)
        else:
            verdict = Verdict.PASSED if holds else Verdict.FAILED
            yield Result(vector.name, name, verdict, reason)


def _skipped(vector: TestVector, name: str, reason: str) -> Result:
    return Result(vector.name, name, Verdict.SKIPPED, reason)
