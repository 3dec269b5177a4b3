"""What is wrong, or probably wrong, with a rule before it is uploaded.

    report = lint(json_text, uploaded_at=now, previous=rules)
    report.refusal       # what the gateway would answer: its first violation
    report.findings      # all of them, and what the gateway does not look for

The gateway's constraints come first, in its order (`coronapas.rules._lint.upload`). Then: an engine
that is not supported; names that no pass has, operations that cannot succeed, and results that
decide nothing (`coronapas.rules._lint.data`); affected fields that differ from what the logic
reads; branches that are never taken, and bounds that contradict each other, each proved,
and boosters that are rejected (`coronapas.rules._lint.dead_ends`); tests that fail or are missing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from coronapas import certlogic
from coronapas.errors import Fault, RuleError
from coronapas.rules import _loading as loading
from coronapas.rules._lint.data import data_faults
from coronapas.rules._lint.dead_ends import dead_ends, rejected
from coronapas.rules._lint.upload import Upload, violations
from coronapas.rules._model import Rule, canonical, looks_like_rule, read_rule
from coronapas.rules._subject import codes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime
    from os import PathLike

    from coronapas.dcc._valuesets import ValueSets


MAX_FINDINGS: Final = 200
"""The most findings on one rule."""

_DEAD_ENDS: Final = {
    "unreachable": (
        "This branch is never taken, whatever the pass states: {}",
        "Remove the branch, or check its condition.",
    ),
    "contradiction": (
        "This can never hold where it stands: {}",
        "Check the bounds: they exclude each other, or a condition around them.",
    ),
    "always": (
        "This always holds where it stands: {}",
        "Remove it, or check the conditions around it.",
    ),
}


class Severity(StrEnum):
    """How bad a finding is."""

    ERROR = "error"
    """The gateway refuses the rule, or it does not do what it says."""
    WARNING = "warning"
    """Something to check: it may be intended."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A thing to change or to check; `gateway` says whether the gateway refuses the rule for it."""

    severity: Severity
    """Whether it is an error or something to check."""
    fault: Fault
    """The field, the code, what is wrong, and a hint."""
    gateway: bool = False

    @property
    def code(self) -> str:
        """The stable code: ``upload.prefix``, ``fields.missing``, ``boosters.rejected``."""
        return self.fault.code

    def __str__(self) -> str:
        return f"{self.severity}: {self.code}: {self.fault}"

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "level": str(self.severity),
            "code": self.code,
            "field": self.fault.field,
            "problem": self.fault.problem,
            "hint": self.fault.hint,
            "gateway": self.gateway,
        }


@dataclass(frozen=True, slots=True)
class LintReport:
    """All findings on one rule, the gateway's first; `place` is its file."""

    place: str
    identifier: str | None
    """The rule's identifier; None where it cannot be read."""
    findings: tuple[Finding, ...]
    """The findings."""

    @property
    def ok(self) -> bool:
        """Whether there are no errors."""
        return not any(finding.severity is Severity.ERROR for finding in self.findings)

    @property
    def refusal(self) -> Finding | None:
        """The first violation of the gateway's constraints: what the gateway answers with."""
        return next((finding for finding in self.findings if finding.gateway), None)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "place": self.place,
            "identifier": self.identifier,
            "ok": self.ok,
            "refusal": None if self.refusal is None else self.refusal.to_json(),
            "findings": [finding.to_json() for finding in self.findings],
        }


def lint(
    rule: bytes | str | Mapping[str, Any] | Rule,
    *,
    previous: Iterable[Rule] = (),
    uploaded_at: datetime | None = None,
    tests: Sequence[RuleTest] | None = None,
    value_sets: ValueSets | Mapping[str, Any] | None = None,
    place: str = "rule",
) -> LintReport:
    """Check one rule: its text, its JSON, or the rule itself.

    Args:
        rule: JSON as text or parsed, or the rule itself.
        previous: Rules that the gateway has, of which those of the same identifier count.
        uploaded_at: The moment of the upload, with a time zone; None skips how far ahead the rule
            begins.
        tests: The rule's tests; None skips them, an empty sequence is a finding.
        value_sets: Those in which the rule looks codes up; None for the bundled release.
        place: The name of the rule in the report.

    Raises:
        ValueError: `uploaded_at` has no time zone.

    """
    if uploaded_at is not None and uploaded_at.utcoffset() is None:
        raise ValueError("the moment of the upload must have a time zone")
    document: Any = rule
    if isinstance(rule, Rule):
        document = rule.to_json()
    elif isinstance(rule, (bytes, str)):
        try:
            document = loading.parse(rule)
        except ValueError as error:
            fault = Fault("", "upload.json", str(error), "Give one rule as JSON in UTF-8.")
            return LintReport(place, None, (Finding(Severity.ERROR, fault, True),))
    found: list[Finding] = []
    for fault in violations(Upload(document, tuple(previous), uploaded_at)):
        found.append(Finding(Severity.ERROR, fault, True))
    room = max(0, MAX_FINDINGS - len(found))
    found += islice(_beyond(document, tests, value_sets), room)
    identifier = document.get("Identifier") if isinstance(document, dict) else None
    return LintReport(place, identifier if isinstance(identifier, str) else None, tuple(found))


def lint_folder(
    folder: str | PathLike[str],
    *,
    previous: Iterable[Rule] = (),
    uploaded_at: datetime | None = None,
    value_sets: ValueSets | Mapping[str, Any] | None = None,
) -> tuple[LintReport, ...]:
    """Check every rule of a folder with its tests, ordered by path.

    Files without rules are skipped; the parameters are those of `lint`.

    Raises:
        OSError: The folder cannot be read.
        ValueError: `uploaded_at` has no time zone.

    """
    root = Path(folder)
    known = tuple(previous)
    reports = []
    for path in loading.rule_files(root):
        place, data = path.relative_to(root).as_posix(), loading.content(path)
        # A file of several rules has no place for tests.
        tests: tuple[RuleTest, ...] | None = None
        try:
            document: Any = loading.parse(data)
        except ValueError:
            document = data
        if path.name == loading.RULE_FILE:
            tests = tuple(_tests(path, root))
        elif isinstance(document, list):
            documents = [each for each in document if looks_like_rule(each)]
            for number, each in enumerate(documents):
                reports.append(
                    lint(
                        each,
                        previous=known,
                        uploaded_at=uploaded_at,
                        value_sets=value_sets,
                        place=f"{place}[{number}]",
                    )
                )
            continue
        elif not looks_like_rule(document):
            continue
        reports.append(
            lint(
                document,
                previous=known,
                uploaded_at=uploaded_at,
                tests=tests,
                value_sets=value_sets,
                place=place,
            )
        )
    return tuple(reports)


def lint_path(
    path: str | PathLike[str],
    *,
    previous: Iterable[Rule] = (),
    uploaded_at: datetime | None = None,
    value_sets: ValueSets | Mapping[str, Any] | None = None,
) -> tuple[LintReport, ...]:
    """Check the rules of a folder, or of one file; a ``rule.json`` with the tests beside it.

    The parameters are those of `lint`. Unlike `lint_folder`, a file of which nothing looks like a
    rule gets a report, as it was named.

    Raises:
        OSError: The folder or the file cannot be read.
        ValueError: `uploaded_at` has no time zone.

    """
    named, known = Path(path), tuple(previous)
    check = partial(lint, previous=known, uploaded_at=uploaded_at, value_sets=value_sets)
    if named.is_dir():
        return lint_folder(named, previous=known, uploaded_at=uploaded_at, value_sets=value_sets)
    data = loading.content(named)
    if named.name == loading.RULE_FILE:
        return (check(data, place=named.name, tests=tuple(_tests(named, named.parent))),)
    try:
        document = loading.parse(data)
    except ValueError:
        document = None
    if isinstance(document, list):
        return tuple(
            check(rule, place=f"{named.name}[{number}]") for number, rule in enumerate(document)
        )
    return (check(data, place=named.name),)


def _tests(path: Path, root: Path) -> Iterator[RuleTest]:
    """Yield the tests beside a rule; one that cannot be read is a test that fails."""
    for file in test_files(path):
        place = file.relative_to(root).as_posix()
        try:
            yield read_test(loading.parse(loading.content(file)), place)
        except ValueError:
            yield RuleTest(place, "", {}, _UNREADABLE)


_UNREADABLE: Final = {"test": "unreadable"}


def _beyond(
    document: Any,
    tests: Sequence[RuleTest] | None,
    value_sets: ValueSets | Mapping[str, Any] | None,
) -> Iterator[Finding]:
    """Yield what the gateway does not look for."""
    try:
        rule = read_rule(document)
    except RuleError as error:
        # What the schema has said already is not said again.
        logic = [fault for fault in error.faults if fault.code == "rule.logic"]
        for fault in logic or error.faults:
            yield Finding(Severity.ERROR, fault)
        return
    expression = rule.expression
    if expression is None:
        yield _error(
            "EngineVersion",
            "engine.unsupported",
            "The engine, or its version, is not one that is supported: the rule will be OPEN.",
            "Give CERTLOGIC, and a version up to 1.3.3.",
        )
        return
    known = {*codes(None), *codes(value_sets)}
    for fault in data_faults(expression, rule.certificate_type, known):
        yield Finding(Severity.ERROR, fault)
    yield from _affected_fields(canonical(document)[0], expression)
    ends, rejections = dead_ends(expression), rejected(rule, value_sets)
    if not (ends.complete and rejections.complete):
        yield _warning(
            "Logic",
            "logic.unfinished",
            "The logic takes too much work to check it for dead ends and boosters to the end.",
            "Make it simpler: shorter lists, fewer conditions within conditions.",
        )
    for end in ends.found:
        problem, hint = _DEAD_ENDS[end.code]
        yield _warning("Logic", f"logic.{end.code}", problem.format(end.text), hint)
    for rejection in rejections.found:
        yield _warning(
            "Logic",
            "boosters.rejected",
            rejection.text,
            "Treat dn > sd, and dn = sd from 3 on, as boosters, unless this is intended.",
        )
    if tests is not None:
        yield from _tested(rule, tests)


def _affected_fields(document: Mapping[str, Any], expression: certlogic.Expr) -> Iterator[Finding]:
    stated = document.get("AffectedFields")
    if not isinstance(stated, list):
        return
    read = certlogic.affected_fields(expression)
    for name in read:
        if name not in stated:
            yield _error(
                "AffectedFields",
                "fields.missing",
                f"The logic reads {name}, which is not listed.",
                f"Add {name}.",
            )
    for name in dict.fromkeys(str(each) for each in stated):
        if name not in read:
            yield _error(
                "AffectedFields",
                "fields.unread",
                f"The logic does not read {name}, which is listed.",
                f"Remove {name}.",
            )


def _tested(rule: Rule, tests: Sequence[RuleTest]) -> Iterator[Finding]:
    if not tests:
        yield _warning(
            "", "tests.missing", "The rule has no tests.", "Add some, on both sides of each bound."
        )
        return
    for test in tests:
        if test.expected is _UNREADABLE:
            unreadable = f"{test.place} is not a test."
            yield _error("", "tests.unreadable", unreadable, "Give payload, external and expected.")
            continue
        problem = disagreement(rule, test)
        if problem is not None:
            yield _error(
                "",
                "tests.fails",
                f"{test.place}: {problem}.",
                "Correct the rule, or the test.",
            )
    for outcome, word in ((True, "accepts"), (False, "refuses")):
        if not any(test.expected is outcome for test in tests):
            yield _warning(
                "",
                "tests.one-sided",
                f"No test shows what the rule {word}.",
                f"Add a test whose expected is {str(outcome).lower()}.",
            )


def _error(field: str, code: str, problem: str, hint: str) -> Finding:
    return Finding(Severity.ERROR, Fault(field, code, problem, hint))


def _warning(field: str, code: str, problem: str, hint: str) -> Finding:
    return Finding(Severity.WARNING, Fault(field, code, problem, hint))


# The tests of a rule: data, and the value that the rule must have on it.
#
# The format is that of the public rules (``validation-rule-test.schema.json``): a file a test, in
# the folder ``tests`` next to ``rule.json``, with ``payload``, ``external`` and ``expected``. A
# ``validationClock`` of the test's own stands for the one in ``external``.

MAX_SHOWN: Final = 120
"""The longest value that a reason shows, in characters."""


@dataclass(frozen=True, slots=True)
class RuleTest:
    """One test of a rule.

    Attributes:
        place: Its file, relative to the folder of rules.
        name: Its name; empty where it has none.
        data: What the logic is evaluated on: payload and external.
        expected: The value that the rule must have; in nearly all tests true or false.

    """

    place: str
    name: str
    data: dict[str, Any] = field(repr=False)
    expected: Any = field(repr=False)


def read_test(document: object, place: str) -> RuleTest:
    """Read a test from its JSON.

    Raises:
        ValueError: A member is missing or of the wrong type; the message says which.

    """
    if not isinstance(document, dict):
        raise ValueError(f"a test must be an object, got {type(document).__name__}")
    for needed in ("payload", "expected"):
        if needed not in document:
            raise ValueError(f"a test must have {needed}")
    given = document.get("external", {})
    if not isinstance(given, dict):
        raise ValueError(f"external must be an object, got {type(given).__name__}")
    external = dict(given)
    if "validationClock" in document:
        external.setdefault("validationClock", document["validationClock"])
    name = document.get("name")
    data = {"payload": document["payload"], "external": external}
    return RuleTest(place, name if isinstance(name, str) else "", data, document["expected"])


def test_files(rule_file: Path) -> Iterator[Path]:
    """Yield the files of a rule's tests (``tests/*.json`` beside it), ordered by path."""
    folder = rule_file.parent / loading.TESTS_FOLDER
    if folder.is_dir():
        yield from sorted(path for path in folder.rglob("*.json") if path.is_file())


def disagreement(rule: Rule, test: RuleTest) -> str | None:
    """Return how a rule disagrees with its test, interpreted or compiled; None where it agrees.

    Raises:
        ValueError: The rule is for an engine that is not supported.

    """
    expression, compiled = rule.expression, rule.compiled
    if expression is None or compiled is None:
        raise ValueError("the rule is for an engine that is not supported")
    outcomes = [
        _outcome(lambda: compiled(test.data), test.expected),
        _outcome(lambda: certlogic.evaluate(expression, test.data), test.expected),
    ]
    if outcomes == ["", ""]:
        return None
    fault = outcomes[0] or f"interpreted, {outcomes[1]}"
    return f"expected {_cut(shown(test.expected))}; {fault}"


def _outcome(run: Callable[[], Any], expected: Any) -> str:
    """Return what a run gives where it is not the value expected; otherwise an empty string."""
    try:
        value = run()
    except certlogic.CertLogicError as error:
        return f"it refuses: {error.message}"
    return "" if shown(value) == shown(expected) else f"it gives {_cut(shown(value))}"


def shown(value: Any) -> str:
    """Return a value as JSON, one string for each value (1 and true differ; key order does not)."""
    return json.dumps(value, sort_keys=True, default=str)


def _cut(text: str) -> str:
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 1]}…"
