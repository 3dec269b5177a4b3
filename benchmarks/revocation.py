"""Ten million revoked passes: what it takes to hold them, to ask about one, to save and to load.

The hashes are random, in gateway batches of a thousand, over 100 kids. Times are processor time,
which neighbours on the machine do not lengthen. Memory is the
resident set beyond what the process had before (the pages of a mapped file count, although the
system may take them back at any time). A look-up of one hash is that of the largest table; a
look-up of three is the store's answer to a pass with a hash of each type, all under one kid; a
look-up of a pass computes its hashes, too.
"""

from __future__ import annotations

import gc
import os
import resource
import subprocess
import sys
import tempfile
from contextlib import contextmanager
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
from coronapas.revocation import (
    _holding as holding,
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
    batches = [(number, os.urandom(16 * PER_BATCH)) for number in range(hashes // PER_BATCH)]
    random = Random(3)
    held = [random.choice(batches)[1][:16] for _ in range(ASKED)]
    strange = [random.randbytes(16) for _ in range(ASKED)]
    with _line("one table built"):
        rows = holding.build(batches)
    del batches
    for name, values in (("on it", held), ("not on it", strange)):

        def ask(values: list[bytes] = values) -> int:
            return sum(bool(rows.batches_of(value)) for value in values)

        if ask() != (ASKED if name == "on it" else 0):
            sys.exit("the table's answers are wrong")
        _each(f"one hash in one table, {name}", ask, ASKED)


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
