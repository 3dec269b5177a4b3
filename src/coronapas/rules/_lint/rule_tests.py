"""The tests of a rule: data and what the rule is to give on it.

The format is that of the public rules (``validation-rule-test.schema.json``): a file a test, in the
folder ``tests`` next to ``rule.json``, with ``payload``, ``external`` and ``expected``. A
``validationClock`` of the test's own stands for the one in ``external``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from coronapas import certlogic
from coronapas.rules import _loading as loading

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from coronapas.rules._model import Rule

MAX_SHOWN: Final = 120
"""The longest value that a reason shows, in characters."""


@dataclass(frozen=True, slots=True)
class RuleTest:
    """One test; `place` is its file below the folder of rules."""

    place: str
    name: str
    data: dict[str, Any] = field(repr=False)
    expected: Any = field(repr=False)


def read_test(document: object, place: str) -> RuleTest:
    """A test from its JSON; raises ValueError that says what is missing."""
    if not isinstance(document, dict):
        raise ValueError("A test is a JSON object.")
    for needed in ("payload", "expected"):
        if needed not in document:
            raise ValueError(f"A test has {needed}.")
    given = document.get("external", {})
    if not isinstance(given, dict):
        raise ValueError("The external parameter is an object.")
    external = dict(given)
    if "validationClock" in document:
        external.setdefault("validationClock", document["validationClock"])
    name = document.get("name")
    data = {"payload": document["payload"], "external": external}
    return RuleTest(place, name if isinstance(name, str) else "", data, document["expected"])


def files_of_tests(rule_file: Path) -> Iterator[Path]:
    """The files of a rule's tests, in the order of their paths."""
    folder = rule_file.parent / loading.TESTS_FOLDER
    if folder.is_dir():
        yield from sorted(path for path in folder.rglob("*.json") if path.is_file())


def disagreement(rule: Rule, test: RuleTest) -> str | None:
    """How the rule disagrees with its test, interpreted or compiled; None where it does not.

    The rule must be runnable.
    """
    expression, compiled = rule.expression, rule.compiled
    if expression is None or compiled is None:
        raise ValueError("The rule is for an engine that is not supported.")
    outcomes = [
        _outcome(lambda: compiled(test.data), test.expected),
        _outcome(lambda: certlogic.evaluate(expression, test.data), test.expected),
    ]
    if outcomes == ["", ""]:
        return None
    fault = outcomes[0] or f"interpreted, {outcomes[1]}"
    return f"expected {_cut(shown(test.expected))}; {fault}"


def _outcome(run: Callable[[], Any], expected: Any) -> str:
    """What a run gives in place of what is expected; empty where it gives that."""
    try:
        value = run()
    except certlogic.CertLogicError as error:
        return f"it refuses: {error.message}"
    return "" if shown(value) == shown(expected) else f"it gives {_cut(shown(value))}"


def shown(value: Any) -> str:
    """A value as JSON, one text for each value (1 and true differ, the order of keys does not)."""
    return json.dumps(value, sort_keys=True, default=str)


def _cut(text: str) -> str:
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 1]}…"
