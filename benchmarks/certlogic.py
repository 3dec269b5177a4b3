"""Microseconds for one rule evaluation: compiled, interpreted, and by the npm package certlogic-js.

    python -m benchmarks.certlogic [RULES] [--js NODE_MODULES] [--rounds 41]

RULES is a folder of ``<country>/<rule>/rule.json`` with ``tests/*.json`` (the public
dgc-business-rules-testdata; by default where the tests look for it). Every rule is evaluated on
the data of each of its tests. *One decision*: the date-times of the data have been read already,
as when several rules decide on one pass. *Alone*: each evaluation reads them anew, as certlogic-js
does. JavaScript runs in a process of its own, its data parsed and its functions warm before it
takes turns with the rest.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from benchmarks.rounds import interleave, timed
from coronapas import certlogic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

PROJECT = Path(__file__).resolve().parents[1]
RUNNER = Path(__file__).with_suffix(".js")
WARM_UP = 100
"""Rounds of JavaScript before the measurement; its engine compiles what has run often."""


@dataclass(frozen=True)
class Corpus:
    """Rules (their logic), and pairs of a rule's position and data."""

    rules: list[Any]
    pairs: list[tuple[int, Any]]

    @classmethod
    def read(cls, folder: Path) -> Corpus:
        """All rules and tests below a folder."""
        rules: list[Any] = []
        pairs: list[tuple[int, Any]] = []
        for path in sorted(folder.rglob("rule.json")):
            rules.append(json.loads(path.read_bytes())["Logic"])
            for test in sorted((path.parent / "tests").glob("*.json")):
                case = json.loads(test.read_bytes())
                data = {"payload": case["payload"], "external": case["external"]}
                pairs.append((len(rules) - 1, data))
        return cls(rules, pairs)


def compiled_alone(corpus: Corpus) -> Callable[[], None]:
    """Compiled functions, called with the data alone."""
    functions = [certlogic.compile(rule) for rule in corpus.rules]
    work = [(functions[rule], data) for rule, data in corpus.pairs]

    def evaluate_all() -> None:
        for function, data in work:
            function(data)

    return evaluate_all


def compiled_in_one_decision(corpus: Corpus) -> Callable[[], None]:
    """Compiled functions, called with the dates that an earlier rule has read."""
    functions = [certlogic.compile(rule) for rule in corpus.rules]
    work = [(functions[rule], data, certlogic.Dates()) for rule, data in corpus.pairs]

    def evaluate_all() -> None:
        for function, data, dates in work:
            function(data, dates)

    return evaluate_all


def interpreted(corpus: Corpus) -> Callable[[], None]:
    """The interpreter, on parsed expressions."""
    expressions = [certlogic.parse(rule) for rule in corpus.rules]
    work = [(expressions[rule], data) for rule, data in corpus.pairs]

    def evaluate_all() -> None:
        for expression, data in work:
            certlogic.evaluate(expression, data)

    return evaluate_all


@contextlib.contextmanager
def javascript(corpus: Corpus, modules: Path) -> Iterator[Callable[[], float]]:
    """certlogic-js's `evaluate`; a round takes the seconds that its own process measured."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pairs.json"
        pairs = [{"rule": rule, "data": data} for rule, data in corpus.pairs]
        path.write_text(json.dumps({"rules": corpus.rules, "pairs": pairs}), "utf-8")
        process = subprocess.Popen(
            ["node", str(RUNNER), str(modules.resolve()), str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("Node.js was started without pipes.")
        ask, answer = process.stdin, process.stdout

        def round_() -> float:
            ask.write("\n")
            ask.flush()
            return float(answer.readline())

        try:
            for _ in range(WARM_UP):
                round_()
            yield round_
        finally:
            ask.close()
            process.wait()
            answer.close()


def compile_time(corpus: Corpus) -> float:
    """Microseconds to compile one rule from its JSON."""
    began = perf_counter()
    for rule in corpus.rules:
        certlogic.compile(rule)
    return (perf_counter() - began) / len(corpus.rules) * 1e6


def compare(corpus: Corpus, modules: Path | None, rounds: int) -> None:
    """Let all take turns, and print the account."""
    contenders = {
        "compiled, one decision": timed(compiled_in_one_decision(corpus)),
        "compiled, alone": timed(compiled_alone(corpus)),
        "interpreted, alone": timed(interpreted(corpus)),
    }
    with contextlib.ExitStack() as stack:
        if modules is not None:
            contenders["certlogic-js"] = stack.enter_context(javascript(corpus, modules))
        measured = interleave(contenders, rounds)
    print(f"CertLogic, {len(corpus.rules)} rules, {len(corpus.pairs)} evaluations a round:")
    for name in contenders:
        line = f"  {name:24}{measured.each(name, len(corpus.pairs)):8.2f} µs for one"
        if modules is not None and name != "certlogic-js":
            line += f"{measured.ratio('certlogic-js', name):8.2f} times as fast as certlogic-js"
        print(line)
    print(f"  {'compiling, once':24}{compile_time(corpus):8.0f} µs for a rule")


def default_rules() -> Path:
    """Where the tests look for the public rules."""
    named = os.environ.get("CORONAPAS_OFFICIAL")
    return (Path(named) if named else PROJECT.parent / "shared" / "official") / "business-rules"


def default_modules() -> Path | None:
    """Where the tests look for certlogic-js."""
    named = os.environ.get("CORONAPAS_CERTLOGIC_JS")
    folder = Path(named) if named else PROJECT / ".oracle" / "node_modules"
    return folder if (folder / "certlogic-js").is_dir() else None


def run(rounds: int = 41) -> None:
    """The comparison on what is at hand, or a line that says what is missing."""
    corpus = Corpus.read(default_rules())
    if not corpus.pairs:
        print("CertLogic: not measured; CORONAPAS_OFFICIAL names no folder with business-rules.")
        return
    modules = default_modules()
    if modules is None:
        print("CertLogic: without certlogic-js, which `make oracle` installs.")
    compare(corpus, modules, rounds)


def main(arguments: Sequence[str] | None = None) -> int:
    """The comparison on the folders that the command line names."""
    parser = argparse.ArgumentParser(description="Measure CertLogic over a folder of rules.")
    parser.add_argument("rules", type=Path, nargs="?", default=default_rules())
    parser.add_argument("--js", type=Path, default=default_modules(), metavar="NODE_MODULES")
    parser.add_argument("--rounds", type=int, default=41)
    options = parser.parse_args(arguments)
    corpus = Corpus.read(options.rules)
    if not corpus.pairs:
        parser.error("no rules with tests there")
    compare(corpus, options.js, options.rounds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
