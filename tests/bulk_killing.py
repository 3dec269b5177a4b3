"""Kill runs of the command line at random moments, and see what is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from random import Random

import bulk_register as register
from coronapas.bulk import Manifest, status
from coronapas.errors import BulkError

PATIENCE = 300.0


@dataclass(frozen=True)
class Command:
    """A run of ``coronapas bulk issue``."""

    facts: Path
    out: Path
    keys: Path
    engine: tuple[str, ...] = ("--jobs", "2")
    part_rows: int = 25

    @property
    def arguments(self) -> list[str]:
        return [
            *(sys.executable, "-m", "coronapas", "bulk", "issue", str(self.facts), str(self.out)),
            *("--country", "DK", "--key", str(self.keys / "dsc.key")),
            *("--certificate", str(self.keys / "dsc.pem"), "--issuer", "Prøvestyrelsen"),
            *("--expires", "365d", "--issued-at", "2021-09-01T12:00:00Z"),
            *("--campaign", "autumn", "--secret-file", str(self.keys / "secret")),
            *("--part-rows", str(self.part_rows), *self.engine),
        ]

    def start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self.arguments,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def finish(self) -> None:
        """Run to the end."""
        done = subprocess.run(
            self.arguments, capture_output=True, check=False, timeout=PATIENCE, text=True
        )
        assert done.returncode in (0, 1), done.stderr


def done_parts(out: Path) -> int:
    try:
        return status(out).parts_done
    except (OSError, BulkError):
        return 0


def children(process: int) -> list[int]:
    """The processes that a process started and that are there still."""
    try:
        listed = Path(f"/proc/{process}/task/{process}/children").read_text()
    except OSError:
        return []
    return [int(child) for child in listed.split()]


def is_there(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def workers_of(process: int) -> list[int]:
    """The workers of a pool, without the tracker of resources that comes with them."""
    return [
        child
        for child in children(process)
        if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()
    ]


def kill_at(command: Command, draw: Random, victim: str) -> None:
    """Start a run, and kill it after a random number of parts and a random time.

    `victim` is ``group`` (every process of the run), ``parent`` or ``worker``.
    """
    before = done_parts(command.out)
    target = before + draw.randrange(4)
    process = command.start()
    try:
        end = time.monotonic() + PATIENCE
        while process.poll() is None and time.monotonic() < end:
            if done_parts(command.out) >= target and (
                victim != "worker" or workers_of(process.pid)
            ):
                break
            time.sleep(0.01)
        time.sleep(draw.random() * 0.3)
        started = children(process.pid)
        if victim == "group":
            kill(-process.pid)
        elif victim == "parent":
            kill(process.pid)
        else:
            own = workers_of(process.pid)
            if own:
                kill(draw.choice(own))
        _, errors = process.communicate(timeout=PATIENCE)
        if victim == "worker" and process.returncode not in (0, 1):
            assert process.returncode == 2, errors
            assert b"run the command again" in errors
        for child in started:
            while is_there(child):
                assert time.monotonic() < end, "A worker outlived its run."
                time.sleep(0.01)
    finally:
        if process.poll() is None:
            kill(-process.pid)
            process.communicate()


def kill(process: int) -> None:
    try:
        if process < 0:
            os.killpg(-process, signal.SIGKILL)
        else:
            os.kill(process, signal.SIGKILL)
    except ProcessLookupError:
        pass


def whole_files(out: Path) -> dict[str, tuple[int, bytes]]:
    """The files of the parts that the manifest names: when they were made, and what they hold."""
    try:
        found = Manifest.read(out).verified()
    except (OSError, BulkError):
        return {}
    named = [one.path for record in found.records.values() for one in record.files]
    return {name: ((out / name).stat().st_mtime_ns, (out / name).read_bytes()) for name in named}


def check_whole(out: Path, table: list[register.Row], spoilt: set[str], straight: Path) -> None:
    """Every record is there once, as a pass or with its faults, in the same bytes as always."""
    good = [row["record"] for row in register.passes(out)]
    bad = [row["record"] for row in register.faults(out)]
    assert sorted(good + bad) == sorted(row["record"] for row in table)
    assert set(bad) == spoilt
    found = status(out, check=True)
    assert found.complete
    assert (found.records, found.good, found.bad) == (len(table), len(good), len(bad))
    contents = {name: content for name, (_, content) in whole_files(out).items()}
    expected = {name: content for name, (_, content) in whole_files(straight).items()}
    assert contents == expected
    assert {path.relative_to(out).as_posix() for path in out.glob("*/*")} == set(contents)
