"""Microseconds for one full decision: one pass against the rules of one country.

    python -m benchmarks.rules [RULES] [--rounds 41]

RULES is a folder of ``<country>/<rule>/rule.json`` (the public dgc-business-rules-testdata; by
default where the tests look for it). *decide* is all of it: the payload normalised, rules selected,
evaluated (compiled), and the verdict; *again* is one more moment of the same case; *rules alone* is
what calling the compiled rules costs; *reasons* is the verdict's text for its holder.
"""

from __future__ import annotations

import argparse
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.rounds import interleave, timed
from coronapas.certlogic import CertLogicError, Dates
from coronapas.rules import RuleSet

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PROJECT = Path(__file__).resolve().parents[1]
AT = datetime(2023, 5, 1, 12, tzinfo=UTC)
REPEATS = 20
"""How often each decision is made in a round."""


def passes() -> list[dict[str, Any]]:
    """A vaccination, a booster, a test and a recovery, of recent days."""

    def day(ago: int) -> str:
        return f"{AT - timedelta(days=ago):%Y-%m-%d}"

    origin = {"tg": "840539006", "co": "DK", "is": "Example", "ci": "URN:UVCI:01:DK:EXAMPLE"}
    vaccine = {"vp": "1119349007", "mp": "EU/1/20/1528", "ma": "ORG-100030215", **origin}
    groups: list[tuple[str, dict[str, Any]]] = [
        ("v", {**vaccine, "dn": 2, "sd": 2, "dt": day(100)}),
        ("v", {**vaccine, "dn": 3, "sd": 3, "dt": day(400)}),
        (
            "t",
            {
                **origin,
                "tt": "LP6464-4",
                "sc": f"{day(1)}T08:00:00Z",
                "tr": "260415000",
                "tc": "Example",
            },
        ),
        ("r", {**origin, "fr": day(60), "df": day(49), "du": day(-120)}),
    ]
    name = {"fn": "Eksempel", "fnt": "EKSEMPEL", "gn": "Ibine", "gnt": "IBINE"}
    return [
        {"ver": "1.3.0", "nam": name, "dob": "1979-04-14", group: [entry]}
        for group, entry in groups
    ]


def contenders(rules: RuleSet, country: str) -> tuple[dict[str, Callable[[], None]], int]:
    """What is measured, and how many rules one round of it asks."""
    of = passes()
    cases = [rules.case(one, country=country) for one in of]
    verdicts = [case.at(AT) for case in cases]
    work = [
        ([result.rule.compiled for result in verdict.results], case.data(AT))
        for case, verdict in zip(cases, verdicts, strict=True)
    ]

    def decide() -> None:
        for _ in range(REPEATS):
            for one in of:
                rules.decide(one, country=country, at=AT)

    def again() -> None:
        for _ in range(REPEATS):
            for case in cases:
                case.at(AT)

    def alone() -> None:
        for _ in range(REPEATS):
            for functions, data in work:
                dates = Dates()
                for function in functions:
                    try:
                        function and function(data, dates)
                    except CertLogicError:
                        continue

    def reasons() -> None:
        for _ in range(REPEATS):
            for verdict in verdicts:
                verdict.text()

    asked = sum(len(verdict.results) for verdict in verdicts)
    found = {"decide": decide, "again": again, "rules alone": alone, "reasons": reasons}
    return found, asked


def measure(folder: Path, rounds: int) -> None:
    """Print a line for each country."""
    rules = RuleSet.load(folder)
    count = len(passes())
    print(f"Decisions, {len(rules)} rules, {count} passes before each country, µs for one:")
    print(f"  {'':6}{'rules':>8}{'decide':>10}{'again':>10}{'rules alone':>14}{'reasons':>10}")
    for country in rules.countries:
        work, asked = contenders(rules, country)
        measured = interleave({name: timed(one) for name, one in work.items()}, rounds)
        line = f"  {country:6}{asked / count:8.1f}"
        for name, width in (("decide", 10), ("again", 10), ("rules alone", 14), ("reasons", 10)):
            line += f"{measured.each(name, count * REPEATS):{width}.1f}"
        print(line)


def default_rules() -> Path:
    """Where the tests look for the public rules."""
    named = os.environ.get("CORONAPAS_OFFICIAL")
    return (Path(named) if named else PROJECT.parent / "shared" / "official") / "business-rules"


def run(rounds: int = 41) -> None:
    """The measurement on what is at hand, or a line that says what is missing."""
    folder = default_rules()
    if not folder.is_dir():
        print("Rules: not measured; CORONAPAS_OFFICIAL names no folder with business-rules.")
        return
    measure(folder, rounds)


def main(arguments: Sequence[str] | None = None) -> int:
    """The measurement on the folder that the command line names."""
    parser = argparse.ArgumentParser(description="Measure decisions over a folder of rules.")
    parser.add_argument("rules", type=Path, nargs="?", default=default_rules())
    parser.add_argument("--rounds", type=int, default=41)
    options = parser.parse_args(arguments)
    if not options.rules.is_dir():
        parser.error("no such folder")
    measure(options.rules, options.rounds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
