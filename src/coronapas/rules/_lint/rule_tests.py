"""The tests of a rule: data, and the value that the rule must have on it.

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
