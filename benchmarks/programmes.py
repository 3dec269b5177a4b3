"""Invitations over one million generated histories, and checks of validity, in the Danish rules.

The register is made up (`benchmarks.register`) as it is gone through, in a process of
its own: its peak memory is that of going through a register of that size. The making of the
histories is also measured alone, and taken off for the rate of the engine. Another process runs
``coronapas programme invite`` on a file, from which each history is read as JSON. Checks run on
histories that are there already, at moments all over the time of the pass, in rounds. Everything is
by processor time, which neighbours on the machine lengthen less than the time on the wall.

    python -m benchmarks.programmes [ROWS]
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from time import process_time
from typing import TYPE_CHECKING, Final

from benchmarks.memory import peak
from benchmarks.register import made_up_register
from benchmarks.rounds import interleave
from coronapas.programmes import check, invitations, is_valid, load, next_dose

if TYPE_CHECKING:
    from collections.abc import Callable

    from coronapas.facts import History

ROWS: Final = 1_000_000
LINES: Final = 50_000
CHECKED: Final = 2_000
ON: Final = date(2022, 1, 16)

_FIRST: Final = datetime(2021, 4, 6, tzinfo=UTC)
_DAYS: Final = 360


def invite(rows: int) -> None:
    """Print how fast a register of this size is gone through; run in a process of its own."""
    idle = peak()
    programme = load("denmark")
    began = process_time()
    for _ in made_up_register(rows):
        pass
    making = process_time() - began
    began = process_time()
    invited = sum(1 for _ in invitations(programme, made_up_register(rows), ON))
    took = process_time() - began
    print(
        f"  {rows:,} histories, {invited:,} to be invited: {rows / took:,.0f} rows a second "
        f"({rows / (took - making):,.0f} without the making of the histories), "
        f"peak memory {peak():.0f} MiB ({idle:.0f} MiB before the first)"
    )


def invite_from_file(register: str) -> None:
    """Print how fast the command goes through a file; run in a process of its own."""
    from coronapas.cli import main

    idle = peak()
    began = process_time()
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        shown, sys.stdout = sys.stdout, nowhere
        sys.argv = ["coronapas", "programme", "invite", "--register", register]
        sys.argv += ["--on", ON.isoformat()]
        try:
            main()
        except SystemExit as end:
            if end.code:
                raise
        finally:
            sys.stdout = shown
    print(
        f"  the command, from a file of {LINES:,} lines: "
        f"{LINES / (process_time() - began):,.0f} rows a second, "
        f"peak memory {peak():.0f} MiB ({idle:.0f} MiB before the first)"
    )


def checks(rounds: int = 9) -> None:
    """Print how many answers a second the engines give on histories that are there already."""
    programme = load("denmark")
    draw = Random(7)
    cases: list[tuple[History, datetime]] = [
        (history, _FIRST + timedelta(minutes=draw.randrange(_DAYS * 24 * 60)))
        for _, history in made_up_register(CHECKED, seed=2, tests=True)
    ]
    days = [(history, at.date()) for history, at in cases]
    measured = interleave(
        {
            "is_valid, the answer alone": _timed(
                lambda: [is_valid(programme, history, at) for history, at in cases]
            ),
            "check, with bounds and reasons": _timed(
                lambda: [check(programme, history, at) for history, at in cases]
            ),
            "next_dose, with reasons": _timed(
                lambda: [next_dose(programme, history, day) for history, day in days]
            ),
        },
        rounds,
    )
    for name in measured.seconds:
        each = measured.each(name, CHECKED)
        print(f"  {name:32} {1e6 / each:9,.0f} a second ({each:.0f} µs)")


def _timed(work: Callable[[], object]) -> Callable[[], float]:
    """Return a contender that returns the processor time of its round, in seconds."""

    def round_() -> float:
        began = process_time()
        work()
        return process_time() - began

    return round_


def run(rows: int = ROWS) -> None:
    """Print the table."""
    print("programmes, Denmark:", flush=True)
    _measure("invite", str(rows))
    with tempfile.TemporaryDirectory() as folder:
        register = Path(folder, "register.jsonl")
        with register.open("w", encoding="utf-8") as lines:
            for key, history in made_up_register(LINES):
                lines.write(json.dumps({"id": key, "history": history.to_json()}) + "\n")
        _measure("file", str(register))
    checks()


def _measure(what: str, argument: str) -> None:
    subprocess.run([sys.executable, "-m", "benchmarks.programmes", what, argument], check=True)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["invite", rows]:
            invite(int(rows))
        case ["file", register]:
            invite_from_file(register)
        case [rows]:
            run(int(rows))
        case _:
            run()
