"""The fuzzer: its entries take their seeds, its oracles can fail, and a short run finds nothing."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from fuzz import entries, keeping
from fuzz.__main__ import ROOMS

if TYPE_CHECKING:
    from fuzz.entries import Entry

PROJECT = Path(__file__).resolve().parent.parent
BY_NAME = {entry.name: entry for entry in entries.ENTRIES}


@pytest.mark.parametrize("entry", entries.ENTRIES, ids=lambda entry: entry.name)
def test_an_entry_takes_its_seeds_and_what_was_found_before(entry: Entry) -> None:
    seeds = list(entry.seeds())
    corpus = PROJECT / "fuzz" / "corpus" / entry.name
    found = [path.read_bytes() for path in sorted(corpus.glob("*"))]
    assert seeds
    for data in (*seeds[:5], *found, b"", b"\xff" * 50):
        entry.run(data)


def test_the_corpus_is_small_and_of_entries_alone() -> None:
    files = [path for path in (PROJECT / "fuzz" / "corpus").rglob("*") if path.is_file()]
    assert {path.parent.name for path in files} == BY_NAME.keys()
    for path in files:
        assert path.name == hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        assert path.stat().st_size <= keeping.LARGEST.get(path.parent.name, 2_048)
    assert sum(path.stat().st_size for path in files) < 300_000


def branching(data: bytes) -> int:
    count = 0
    if b"a" in data:
        count += 1
        count += 1
    if b"b" in data:
        count += 1
    if b"c" in data:
        raise ValueError
    return count


def test_what_is_kept_reaches_the_most_lines_that_nothing_else_reaches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "_SOURCE", PROJECT / "tests")
    entry = replace(BY_NAME["uvci"], run=branching, seeds=lambda: [b"seed"])
    work, kept = tmp_path / "work", tmp_path / "kept"
    work.mkdir()
    for data in (b"seed", b"", b"b", b"-a-", b"a", b"c", b"ab" + b" " * 2_047):
        (work / hashlib.sha256(data).hexdigest()).write_bytes(data)

    def keep(number: int, room: str = "test_fuzz.py") -> list[bytes]:
        count = keeping.keep(entry, (room,), number, work, kept)
        found = [path.read_bytes() for path in kept.glob("*")]
        assert count <= len(found)
        return sorted(found)

    assert keep(9, "another_room") == keep(0) == []
    assert keep(1) == keep(1) == [b"a"]
    assert keep(9) == keep(9) == [b"a", b"b"]


def test_every_entry_has_rooms_to_watch() -> None:
    assert list(ROOMS) == [entry.name for entry in entries.ENTRIES]


def test_a_seed_is_accepted_so_that_the_oracles_have_something_to_tell() -> None:
    texts = [text.decode("utf-8", "replace") for text in entries.texts()]
    accepted = [text for text in texts if entries.verifier().verify(text, at=entries.AT).ok]
    assert len(accepted) > 10


def test_a_pass_that_no_seed_carries_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entries, "signed", frozenset)
    accepted = next(
        text
        for text in entries.texts()
        if entries.verifier().verify(text.decode("utf-8", "replace"), at=entries.AT).ok
    )
    with pytest.raises(entries.UnexpectedAcceptanceError):
        BY_NAME["pass"].run(accepted)


def test_the_plain_engine_runs_an_entry_and_counts(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "fuzz", "uvci", "--engine", "plain", "--minutes", "0.01"]
    run = subprocess.run(
        [*command, "--into", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=PROJECT,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.splitlines()[-1] == "1 entries, 0.01 minutes, plain: 0 findings"


def test_a_crash_is_kept_and_told_without_its_text(tmp_path: Path) -> None:
    (tmp_path / "fuzz").mkdir()
    for name in ("__init__.py", "__main__.py"):
        (tmp_path / "fuzz" / name).write_bytes((PROJECT / "fuzz" / name).read_bytes())
    (tmp_path / "fuzz" / "entries.py").write_text(
        "from types import SimpleNamespace\n"
        "MEMORY = 10**12\n"
        "def run(data):\n"
        "    if len(data) > 3: raise KeyError(data)\n"
        "ENTRIES = (SimpleNamespace(\n"
        "    name='uvci', run=run, seeds=lambda: [b'abc'], longest=99, seconds=1),)\n"
    )
    command = [sys.executable, "-m", "fuzz", "--engine", "plain", "--minutes", "0.02"]
    run = subprocess.run(
        [*command, "--into", str(tmp_path / "out")],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert run.returncode == 1
    assert "KeyError at entries.py:4" in run.stdout
    assert len(list((tmp_path / "out" / "found" / "uvci").iterdir())) == 1


def test_seeds_that_are_signed_are_the_same_in_every_process() -> None:
    """What an earlier run kept must not look like something that nobody signed."""
    script = (
        "from fuzz.entries import _credentials, proofs; "
        "print([part.hex() for part in (*_credentials(), proofs()[1])])"
    )
    first, second = (
        subprocess.run(
            [sys.executable, "-c", script], cwd=PROJECT, capture_output=True, text=True, check=True
        ).stdout
        for _ in range(2)
    )
    assert first == second
