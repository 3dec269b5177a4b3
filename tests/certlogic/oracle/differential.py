"""Pairs of an expression and data, through our evaluator and through certlogic-js.

In tests/, `python -m certlogic.oracle.differential NODE_MODULES [PAIRS] [SEED]` prints them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from certlogic.generation import Maker
from certlogic.oracle.javascript import WAYS, ways
from coronapas import certlogic
from coronapas.certlogic import _evaluation as evaluation
from coronapas.certlogic._evaluation import Work
from coronapas.certlogic._expressions import CertLogicError
from coronapas.certlogic._values import Dates, Instant

if TYPE_CHECKING:
    from collections.abc import Callable

RUNNER = Path(__file__).with_name("run.js")
PROJECT = Path(__file__).resolve().parents[3]
DATA_OF_EACH = 4
BATCH = 2500
REFUSED = {"error": True}


@dataclass
class Findings:
    """What a run found: how many pairs agreed, by which of JavaScript's ways others differ."""

    pairs: int = 0
    values: int = 0
    refusals: int = 0
    invalid: int = 0
    explained: Counter[str] = field(default_factory=Counter)
    unexplained: list[str] = field(default_factory=list)

    def report(self) -> str:
        lines = [
            f"{self.pairs} pairs: {self.values} with the same value, {self.refusals} refused by "
            f"both, {self.invalid} of expressions that both call invalid, with the same issues"
        ]
        lines += [f"{count:7} differ by: {way}" for way, count in self.explained.most_common()]
        lines.append(f"{len(self.unexplained)} unexplained")
        return "\n".join((*lines, *self.unexplained[:10]))


def node_modules() -> Path | None:
    """Where certlogic-js is: CORONAPAS_CERTLOGIC_JS, else what `make oracle` installed."""
    named = os.environ.get("CORONAPAS_CERTLOGIC_JS")
    folder = Path(named) if named else PROJECT / ".oracle" / "node_modules"
    return folder if (folder / "certlogic-js").is_dir() else None


def run(modules: Path, pairs: int, seed: int) -> Findings:
    """Compare so many pairs, drawn from a seed."""
    maker = Maker(Random(seed))
    findings = Findings()
    while findings.pairs < pairs:
        batch: list[tuple[Any, list[Any]]] = []
        for _ in range(min(BATCH, pairs // DATA_OF_EACH + 1)):
            expression = maker.expression(maker.random.randint(1, 5))
            if maker.chance(10):
                expression = maker.spoil(expression)
            batch.append((expression, [maker.data() for _ in range(DATA_OF_EACH)]))
        for (expression, data), theirs in zip(batch, ask(modules, batch), strict=True):
            examine(expression, data, theirs, findings)
    return findings


def ask(modules: Path, batch: list[tuple[Any, list[Any]]]) -> list[Any]:
    """What certlogic-js makes of a batch."""
    lines = (json.dumps({"expr": expression, "data": data}) for expression, data in batch)
    process = subprocess.run(
        ["node", str(RUNNER), str(modules)],
        input="\n".join(lines) + "\n",
        capture_output=True,
        check=True,
        encoding="utf-8",
    )
    return [json.loads(line, parse_int=_number) for line in process.stdout.splitlines()]


TOO_LARGE = "an integer beyond"
"""Begins our own issue about a number that JavaScript does not hold exactly."""


def _number(digits: str) -> float:
    """JavaScript's integers beyond 2^53 are the nearest of its numbers."""
    return int(digits) if abs(int(digits)) <= 2**53 else float(digits)


def examine(expression: Any, data: list[Any], theirs: Any, findings: Findings) -> None:
    findings.pairs += len(data)
    found = [issue.to_json() for issue in certlogic.validate(expression)]
    issues = [issue for issue in found if not issue["message"].startswith(TOO_LARGE)]
    if same(issues, theirs["issues"]) is False:
        told = f"issues of {json.dumps(expression)}: {issues} / {theirs['issues']}"
        findings.unexplained.append(told)
        return
    if issues:
        findings.invalid += len(data)
        return
    if found:
        findings.explained["literals beyond 2^53"] += len(data)
        return
    expr = certlogic.parse(expression)
    compiled = certlogic.compile(expr)
    for one, outcome in zip(data, theirs["outcomes"], strict=True):
        if not alike(public(certlogic.evaluate, expr, one), public(compiled, one)):
            told = json.dumps({"expr": expression, "data": one})
            findings.unexplained.append(f"compiled otherwise: {told}")
        expected = REFUSED if "error" in outcome else outcome
        if same(ours(expr, one), expected):
            findings.values += expected is not REFUSED
            findings.refusals += expected is REFUSED
        elif (way := difference(expr, one, expected)) is not None:
            findings.explained[way] += 1
        else:
            told = json.dumps({"expr": expression, "data": one, "theirs": outcome})
            findings.unexplained.append(f"{told} ours: {ours(expr, one)}")


def public(function: Callable[..., Any], *arguments: Any) -> Any:
    """What a caller gets: the value, or the code and the words of a refusal."""
    try:
        return [function(*arguments)]
    except CertLogicError as error:
        return error.code, error.message


def alike(left: Any, right: Any) -> bool:
    """Equal to the last kind of value."""
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(alike, left, right))
    return type(left) is type(right) and bool(left == right)


def ours(expr: certlogic.Expr, data: Any) -> dict[str, Any]:
    """Our outcome in the oracle's form."""
    try:
        return {"value": shown(evaluation.run(expr, data, Work(Dates())))}
    except CertLogicError:
        return REFUSED


def shown(value: Any) -> Any:
    if isinstance(value, Instant):
        milliseconds = value.milliseconds
        return {"$date": milliseconds if milliseconds == milliseconds else None}
    return [shown(item) for item in value] if isinstance(value, list) else value


def same(left: Any, right: Any) -> bool:
    """Equal as JSON: 1 and 1.0 are, 1 and true are not."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right)


def difference(expr: certlogic.Expr, data: Any, expected: dict[str, Any]) -> str | None:
    """The one of JavaScript's ways that explains an outcome, or all that it takes."""
    for way in WAYS:
        with ways(way):
            if same(ours(expr, data), expected):
                return way
    with ways(*WAYS):
        return "several of these at once" if same(ours(expr, data), expected) else None


if __name__ == "__main__":
    arguments = sys.argv[1:]
    found = run(
        Path(arguments[0]),
        int(arguments[1]) if len(arguments) > 1 else 10_000,
        int(arguments[2]) if len(arguments) > 2 else 1,
    )
    print(found.report())
    sys.exit(bool(found.unexplained))
