"""Ten million revoked passes: what it takes to hold them, to ask about one, to save and to load.

The hashes are random, in gateway batches of a thousand, over 100 kids. Times are processor time,
which neighbours on the machine do not lengthen. Memory is the resident set beyond what the process
had before (the pages of a mapped file count, although the system may take them back at any time). A
look-up of one hash is the store's answer where all hashes are in one table, the largest there can
be; a look-up of three is its answer to a pass with a hash of each type, all under one kid; a
look-up of a pass computes its hashes, too. The other ways are what decision 0010 compares with.
"""

from __future__ import annotations

import gc
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
from bisect import bisect_left
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from statistics import median
from time import process_time
from typing import TYPE_CHECKING, Final

from benchmarks.memory import peak
from benchmarks.sample import sample
from coronapas.hcert import decode
from coronapas.revocation import (
    Batch,
    HashType,
    PassHashes,
    RevocationList,
    RevocationOutcome,
    RevocationStore,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HASHES: Final = 10_000_000
PER_BATCH: Final = 1000
KIDS: Final = 100
ASKED: Final = 20_000
ROUNDS: Final = 7

Asked = tuple[PassHashes, bytes | None, bool]

_NOW: Final = datetime(2023, 1, 1, tzinfo=UTC)
_MIB: Final = 1 << 20


def run(hashes: int = HASHES) -> None:
    """Print the table."""
    before = int(peak() * (1 << 20))
    print(f"revocation, {hashes:,} hashes of 16 bytes in batches of {PER_BATCH:,}:")
    given = RevocationList("bench", as_of=_NOW, batches=tuple(_batches(hashes)))
    asked = _asked(given)
    with _line("built"):
        store = RevocationStore([given])
    del given
    _memory("peak while built, its input included", int(peak() * (1 << 20)) - before, hashes)
    _look_ups("", store, asked)
    change = RevocationList("bench", _NOW, batches=tuple(_batches(10_000, "more")), complete=False)
    with _line("a change of 10,000 hashes"):
        changed = store.apply(change)
    _look_ups(", after the change", changed, asked)
    del changed
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "revocation.store"
        with _line("saved"):
            store.save(path)
        print(f"  {'the file':42} {path.stat().st_size / _MIB:9.0f} MiB")
        del store
        gc.collect()
        for name in ("loaded", "mapped"):
            _memory(f"memory of another process, {name}", _elsewhere(path, name), hashes)
        with _line("loaded, checksum checked"):
            loaded = RevocationStore.load(path)
        _look_ups(", loaded", loaded, asked)
        del loaded
        gc.collect()
        with _line("mapped, checksum checked"):
            mapped = RevocationStore.load(path, mapped=True)
        _look_ups(", mapped", mapped, asked)
        _passes(mapped)
        del mapped
        gc.collect()
    _one_table(hashes)
    _other_ways(hashes // 5)


def _batches(hashes: int, name: str = "batch") -> Iterator[Batch]:
    random = Random(1)  # only the kids: the hashes come from the system
    kids = [random.randbytes(8) for _ in range(KIDS)]
    types = tuple(HashType)
    for number in range(hashes // PER_BATCH):
        yield Batch(
            f"{name} {number}",
            types[number % len(types)],
            os.urandom(16 * PER_BATCH),
            kids[number % KIDS],
            _NOW + timedelta(days=365),
        )


def _asked(given: RevocationList) -> list[Asked]:
    """Passes with a hash of each type; every second one is on the list by one of them."""
    random = Random(2)
    asked: list[Asked] = []
    for number in range(ASKED):
        batch = random.choice(given.batches)
        at = 16 * random.randrange(len(batch))
        values = {hash_type: random.randbytes(16) for hash_type in HashType}
        revoked = number % 2 == 0
        if revoked:
            values[batch.hash_type] = batch.hashes[at : at + 16]
        candidates = tuple((hash_type, (value,)) for hash_type, value in values.items())
        hashes = PassHashes(None, (), None, None, candidates, frozenset())
        asked.append((hashes, batch.kid, revoked))
    return asked


def _look_ups(name: str, store: RevocationStore, asked: list[Asked]) -> None:
    for revoked in (True, False):
        part = [(hashes, kid) for hashes, kid, on_list in asked if on_list is revoked]
        expected = RevocationOutcome.REVOKED if revoked else RevocationOutcome.NOT_REVOKED

        def ask(
            part: list[tuple[PassHashes, bytes | None]] = part,
            expected: RevocationOutcome = expected,
        ) -> int:
            return sum(
                store.status_of(hashes, kid, at=_NOW).outcome is expected for hashes, kid in part
            )

        if ask() != len(part):
            sys.exit("the store's answers are wrong")
        _each(f"three hashes{name}, {'revoked' if revoked else 'not'}", ask, len(part))


def _one_table(hashes: int) -> None:
    """All hashes under one kid and type: the largest table that there can be."""
    batches = [os.urandom(16 * PER_BATCH) for _ in range(hashes // PER_BATCH)]
    held, strange = _held_and_strange(batches)
    given = [Batch(str(n), HashType.UCI, each, b"one kid.") for n, each in enumerate(batches)]
    with _line("one table built"):
        store = RevocationStore([RevocationList("bench", _NOW, batches=tuple(given))])
    for name, values, code in (
        ("on it", held, "revocation.revoked"),
        ("not on it", strange, "revocation.ok"),
    ):
        passes = [
            PassHashes(None, (), None, None, ((HashType.UCI, (value,)),), frozenset())
            for value in values
        ]

        def ask(passes: list[PassHashes] = passes, code: str = code) -> int:
            return sum(store.status_of(each, b"one kid.", at=_NOW).code == code for each in passes)

        if ask() != len(values):
            sys.exit("the table's answers are wrong")
        _each(f"one hash in one table, {name}", ask, len(values))


def _held_and_strange(batches: list[bytes]) -> tuple[list[bytes], list[bytes]]:
    random = Random(3)
    held = [random.choice(batches)[:16] for _ in range(ASKED)]
    return held, [random.randbytes(16) for _ in range(ASKED)]


def _other_ways(hashes: int) -> None:
    """The same hashes with their batches in a dictionary, in sqlite3, and in plain sorted rows."""
    print(f"other ways, {hashes:,} hashes:")
    batches = [os.urandom(16 * PER_BATCH) for _ in range(hashes // PER_BATCH)]
    held, strange = _held_and_strange(batches)

    def rows() -> Iterator[tuple[bytes, int]]:
        for number, each in enumerate(batches):
            for at in range(0, len(each), 16):
                yield each[at : at + 16], number

    def ask_both(name: str, holds: Callable[[bytes], object]) -> None:
        for where, values, expected in (("held", held, ASKED), ("not held", strange, 0)):

            def ask(values: list[bytes] = values) -> int:
                return sum(bool(holds(value)) for value in values)

            if ask() != expected:
                sys.exit(f"the answers of {name} are wrong")
            _each(f"{name}, {where}", ask, ASKED)

    before = _resident()
    with _line("a dictionary built"):
        known = dict(rows())
    _memory("memory of the dictionary", _resident() - before, hashes)
    ask_both("the dictionary", known.__contains__)
    del known
    gc.collect()
    packed = b"".join(sorted(value + number.to_bytes(4, "little") for value, number in rows()))

    def among_rows(value: bytes) -> bool:
        row = bisect_left(range(hashes), value, key=lambda row: packed[20 * row : 20 * row + 16])
        return packed[20 * row : 20 * row + 16] == value

    ask_both("plain sorted rows, bisection", among_rows)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "revoked.sqlite"
        with closing(sqlite3.connect(path)) as database:
            database.execute("CREATE TABLE held (hash BLOB PRIMARY KEY, batch INT) WITHOUT ROWID")
            with _line("a table of sqlite3 built"):
                database.executemany("INSERT OR IGNORE INTO held VALUES (?, ?)", rows())
                database.commit()
            _memory("the file of sqlite3", path.stat().st_size, hashes)
            query = "SELECT batch FROM held WHERE hash = ?"
            ask_both(
                "sqlite3",
                lambda value: database.execute(query, (value,)).fetchone() is not None,
            )
            with _line("integrity checked by sqlite3"):
                database.execute("PRAGMA integrity_check").fetchall()


def _passes(store: RevocationStore) -> None:
    envelopes = [decode(made.text) for made in sample().passes] * 50
    _each(
        "a pass, its hashes computed, mapped",
        lambda: [store.status(envelope, at=_NOW) for envelope in envelopes],
        len(envelopes),
    )


def _each(name: str, work: Callable[[], object], items: int) -> None:
    seconds = []
    for _ in range(ROUNDS):
        began = process_time()
        work()
        seconds.append(process_time() - began)
    print(f"  {name:42} {median(seconds) / items * 1e6:9.2f} µs")


@contextmanager
def _line(name: str) -> Iterator[None]:
    began = process_time()
    yield
    print(f"  {name:42} {process_time() - began:9.2f} s")


def _memory(name: str, taken: int, hashes: int) -> None:
    print(f"  {name:42} {taken / _MIB:9.0f} MiB, {taken / hashes:.1f} bytes a hash")


def _elsewhere(path: Path, how: str) -> int:
    """Bytes that a new process takes to have the file loaded, beyond what it had before."""
    code = (
        "import sys; from benchmarks import revocation as bench; before = bench._resident();"
        "store = bench.RevocationStore.load(sys.argv[1], mapped=sys.argv[2] == 'mapped');"
        "print(bench._resident() - before)"
    )
    run = [sys.executable, "-c", code, str(path), how]
    return int(subprocess.run(run, capture_output=True, check=True, text=True).stdout)


def _resident() -> int:
    """Bytes of memory that this process has now; where that cannot be told, its peak."""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    except OSError:
        return int(peak() * (1 << 20))
    return pages * resource.getpagesize()


if __name__ == "__main__":
    run()
