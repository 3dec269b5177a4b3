"""Invitations over one million generated histories, and checks of validity, in the Danish rules.

The register is made up (`benchmarks.register`) as it is gone through, in a process of
its own: its peak memory is that of going through a register of that size. The making of the
histories is also measured alone, and taken off for the rate of the engine. Other processes go
through files, as lines and as columns (Parquet), with one working process and with two; the raw
cost beside them is `json.loads` of each line, and Arrow's reading of the columns into Python.
Checks run on histories that are there already, at moments all over the time of the pass, in rounds.
Everything else is by processor time, which neighbours on the machine lengthen less than the time on
the wall.

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
from time import perf_counter, process_time
from typing import TYPE_CHECKING, Final

import pyarrow
import pyarrow.parquet

from benchmarks.memory import peak
from benchmarks.register import made_up_register
from benchmarks.rounds import interleave
from coronapas.programmes import (
    check,
    invitations,
    invite_register,
    is_valid,
    load,
    next_dose,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from coronapas.facts import History
    from coronapas.programmes import RegisterAnswer

ROWS: Final = 1_000_000
LINES: Final = 1_000_000
COLUMNS: Final = 3_000_000
CHECKED: Final = 2_000
ON: Final = date(2022, 1, 16)

_GROUP: Final = 50_000
_EVENTS: Final = pyarrow.schema(
    [
        ("id", pyarrow.int64()),
        ("birth_date", pyarrow.string()),
        ("groups", pyarrow.string()),
        ("kind", pyarrow.string()),
        ("vaccination_date", pyarrow.date32()),
        ("vaccination_product", pyarrow.string()),
        ("vaccination_dose_number", pyarrow.int32()),
        ("vaccination_doses", pyarrow.int32()),
        ("recovery_first_positive", pyarrow.date32()),
    ]
)

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


def invite_from_file(register: str, jobs: str) -> None:
    """Print how fast a file is gone through; run in a process of its own."""
    idle = peak()
    programme = load("denmark")
    raw = _raw(register)
    began, wall = _processor_time(), perf_counter()
    run = invite_register(programme, register, ON, jobs=int(jobs), then=_written)
    for _ in run:
        pass
    took, wall = _processor_time() - began, perf_counter() - wall
    kind = "columns" if register.endswith("parquet") else "JSON lines"
    print(
        f"  {run.rows:,} histories from {kind}, {jobs} working: {run.rows / wall:,.0f} a second, "
        f"{run.rows / took:,.0f} a processor second, {took / raw:.1f} times the raw cost, "
        f"peak memory {peak():.0f} MiB ({idle:.0f} MiB before the first)"
    )


def _raw(register: str) -> float:
    """Return the processor time of reading a file into Python's objects, and nothing else."""
    began = process_time()
    if register.endswith("parquet"):
        for batch in pyarrow.parquet.ParquetFile(register).iter_batches(use_threads=False):
            for column in batch.columns:
                column.to_pylist()
    else:
        with open(register, "rb") as lines:
            for line in lines:
                json.loads(line)
    return process_time() - began


def _processor_time() -> float:
    """Return the processor time of this process and of those that it started and that ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _written(answer: RegisterAnswer) -> str:
    """Return the line that a command writes, in the working process."""
    return answer.to_line()


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
        lines, columns = Path(folder, "register.jsonl"), Path(folder, "register.parquet")
        _write_lines(lines)
        _write_columns(columns)
        _describe()
        for register in (lines, columns):
            for jobs in ("1", "2"):
                _measure("file", str(register), jobs)
    checks()


def _describe() -> None:
    """Print how much of the register is different."""
    births, doses, different = set(), set(), set()
    for _, history in made_up_register(LINES):
        births.add(history.birth_date)
        doses.add(hash(history.doses))
        different.add(hash(history))
    print(
        f"  of {LINES:,} histories {len(different):,} are different; "
        f"{len(births):,} birth dates, {len(doses):,} different courses of doses"
    )


def _write_lines(path: Path) -> None:
    with path.open("w", encoding="utf-8") as lines:
        for key, history in made_up_register(LINES):
            lines.write(json.dumps({"id": key, "history": history.to_json()}) + "\n")


def _write_columns(path: Path) -> None:
    """Write a register as a table of events, with the columns of bulk work."""
    with pyarrow.parquet.ParquetWriter(path, _EVENTS) as writer:
        rows: list[dict[str, object]] = []
        for key, history in made_up_register(COLUMNS):
            person = {"id": key, "birth_date": str(history.birth_date)}
            person["groups"] = " ".join(history.groups or ()) or "none"
            events = [
                {
                    "kind": "vaccination",
                    "vaccination_date": dose.date,
                    "vaccination_product": dose.product,
                    "vaccination_dose_number": dose.dose_number,
                    "vaccination_doses": dose.doses,
                }
                for dose in history.doses
            ]
            events += [
                {"kind": "recovery", "recovery_first_positive": one.first_positive}
                for one in history.infections
            ]
            rows += [{**person, **event} for event in events] or [person]
            if len(rows) >= _GROUP:
                writer.write_table(pyarrow.Table.from_pylist(rows, _EVENTS))
                rows.clear()
        writer.write_table(pyarrow.Table.from_pylist(rows, _EVENTS))


def _measure(what: str, *arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "benchmarks.programmes", what, *arguments], check=True)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["invite", rows]:
            invite(int(rows))
        case ["file", register, jobs]:
            invite_from_file(register, jobs)
        case [rows]:
            run(int(rows))
        case _:
            run()
