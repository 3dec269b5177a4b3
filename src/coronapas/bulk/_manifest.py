"""The folder of a run: its manifest, its lock, and what of it is done.

``manifest.jsonl`` is the only account of what is done; whoever delivers the results reads it, and
never the folder. Its first line says what the work is: the kernel's settings, the inputs with their
digests, the digests of the certificates, the number of parts. Then comes a line for each part that
is done, with its counts and the size and SHA-256 digest of each of its files. Only the process that
leads the run writes it: a whole line at a time, synchronised to the disk.

A part's files are written under other names and moved to their own when all are complete; only then
the line is written. So wherever a run is killed, a part either has its line and its files, or is
done again. A line that was torn by a kill is cut off before the next one is written. On resuming, a
line counts only if every file that it names is there, with its size and its digest.

Two locks keep runs apart: ``.lock`` belongs to the leading process, and ``.workers`` is shared by
the workers while they write a part. A new run waits for workers that a killed one left behind.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from coronapas import files
from coronapas._version import __version__
from coronapas.errors import BulkError

if sys.platform != "win32":
    import fcntl

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from coronapas.bulk._inputs import Plan

MANIFEST: Final = "manifest.jsonl"
TEMPORARY: Final = ".tmp-"
_FORMAT: Final = 1
_LOCK: Final = ".lock"
_WORKERS: Final = ".workers"
_PATIENCE: Final = 60.0
_PART_NAME: Final = re.compile("part-([0-9]{5,9})(?![0-9])")
_MAX_LINE: Final = 64 * 1024 * 1024
# What makes other work of the same folder. Where the inputs are does not count, nor does what made
# the manifest but for the version of this library, whose passes a later one may write otherwise.
_IDENTITY: Final = ("format", "command", "version", "settings", "certificates", "form", "parts")


@dataclass(frozen=True, slots=True)
class PartFile:
    """A file of a part: its path below the run's folder, its size and its digest."""

    path: str
    """The path below the run's folder."""
    size: int
    """The size in bytes."""
    sha256: str
    """The SHA-256 digest, in hexadecimal."""


@dataclass(frozen=True, slots=True)
class PartRecord:
    """What the manifest says of a part that is done.

    Attributes:
        part: The part's number.
        rows: How many rows it has.
        bad: How many of them were refused.
        results: How many rows its results have.
        files: Its files.
        seconds: How long a worker worked on it.

    """

    part: int
    rows: int
    bad: int
    results: int
    files: tuple[PartFile, ...]
    seconds: float = field(compare=False, default=0.0)

    @property
    def good(self) -> int:
        """How many rows were not refused."""
        return self.rows - self.bad

    def to_json(self) -> dict[str, Any]:
        """Return the line of the manifest."""
        return {
            "part": self.part,
            "rows": self.rows,
            "good": self.good,
            "bad": self.bad,
            "results": self.results,
            "files": [asdict(file) for file in self.files],
            "seconds": round(self.seconds, 3),
        }

    @classmethod
    def of(cls, line: Mapping[str, Any]) -> PartRecord:
        """Read a line of the manifest.

        Raises KeyError, TypeError or ValueError if it is not the line of a part.
        """
        numbers = (line["part"], line["rows"], line["bad"], line["results"])
        if not all(type(number) is int and number >= 0 for number in numbers):
            raise ValueError("a number is not one")
        named = tuple(PartFile(**each) for each in line["files"])
        # A digit that was damaged since must not make one part's files another part.
        if not all(isinstance(each.path, str) for each in named):
            raise TypeError("a path is not text")
        if not all(_part_of(each.path) == numbers[0] for each in named):
            raise ValueError("a file is of another part")
        return cls(*numbers, named, float(line["seconds"]))


def _part_of(path: str) -> int | None:
    """Return the number of the part that a file of a run belongs to, by its name."""
    found = _PART_NAME.match(path.rpartition("/")[2])
    return None if found is None else int(found[1])


@dataclass(frozen=True, slots=True)
class Status:
    """How far a run is.

    Attributes:
        command: The name of the work.
        records: How many rows the inputs have.
        good: How many rows of the parts that are done were not refused.
        bad: How many of them were refused.
        results: How many rows the results have.
        parts: How many parts there are.
        parts_done: How many of them are done.

    """

    command: str
    records: int
    good: int
    bad: int
    results: int
    parts: int
    parts_done: int

    @property
    def complete(self) -> bool:
        """Whether every part is done."""
        return self.parts_done == self.parts

    def to_json(self) -> dict[str, Any]:
        """Return the status as JSON."""
        return {**asdict(self), "complete": self.complete}


class Manifest:
    """The manifest of a run's folder, as it was when it was read."""

    def __init__(
        self, folder: Path, header: Mapping[str, Any], records: Mapping[int, PartRecord]
    ) -> None:
        self.folder = folder
        self.header = header
        self.records = dict(records)

    @classmethod
    def read(cls, folder: str | os.PathLike[str]) -> Manifest:
        """Read a manifest.

        Raises:
            BulkError: It cannot be read.
            OSError: There is none.

        """
        place = Path(folder)
        records: dict[int, PartRecord] = {}
        with (place / MANIFEST).open("rb") as file:
            header = _parsed(file.readline(_MAX_LINE))
            if header is None or not _is_header(header):
                raise BulkError(
                    "bulk.manifest", f"{MANIFEST}: it is not a manifest of this version"
                )
            while line := file.readline(_MAX_LINE):
                value = _parsed(line)
                # A line that was torn, or damaged since, says nothing: its part is done again.
                with suppress(KeyError, TypeError, ValueError):
                    record = PartRecord.of(value or {})
                    records[record.part] = record
        return cls(place, header, records)

    @property
    def status(self) -> Status:
        """How far the run is, by the manifest."""
        done = self.records.values()
        return Status(
            str(self.header["command"]),
            int(self.header["records"]),
            sum(each.good for each in done),
            sum(each.bad for each in done),
            sum(each.results for each in done),
            int(self.header["parts"]),
            len(done),
        )

    def results(self) -> tuple[Path, ...]:
        """Return the files with the results of the parts that are done, in order.

        Raises:
            BulkError: Not every part is done, or the manifest does not name the results.

        """
        if not self.status.complete:
            raise BulkError("bulk.incomplete", "the run is not complete; resume it first")
        name = self.header.get("results")
        if not isinstance(name, str):
            raise BulkError("bulk.manifest", f"{MANIFEST}: it does not name the results")
        return self.files(name)

    def files(self, kind: str) -> tuple[Path, ...]:
        """Return the files of the parts that are done, in order, that lie in a folder of the run.

        Args:
            kind: The name of the folder: that of the results, ``faults``, or a writer's.

        """
        return tuple(
            self.folder / file.path
            for _, record in sorted(self.records.items())
            for file in record.files
            if file.path.startswith(f"{kind}/")
        )

    def verified(self) -> Manifest:
        """Return the manifest with those parts alone whose files are there as they were."""
        sound = {
            number: record
            for number, record in self.records.items()
            if all(_is_sound(self.folder, file) for file in record.files)
        }
        return Manifest(self.folder, self.header, sound)


def status(folder: str | os.PathLike[str], *, check: bool = False) -> Status:
    """Return how far the run of a folder is.

    Args:
        folder: The folder of the run.
        check: Whether to read every file again, and count those parts alone that are unharmed.

    Raises:
        BulkError: The manifest cannot be read.
        OSError: There is none.

    """
    found = Manifest.read(folder)
    return (found.verified() if check else found).status


def _is_sound(folder: Path, one: PartFile) -> bool:
    try:
        with (folder / one.path).open("rb") as file:
            if os.fstat(file.fileno()).st_size != one.size:
                return False
            return hashlib.file_digest(file, "sha256").hexdigest() == one.sha256
    except OSError:
        return False


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(line) if line.endswith(b"\n") else None
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _is_header(value: Mapping[str, Any]) -> bool:
    """Return whether the first line is one that this version writes, as far as it is read here."""
    numbers = (value.get("records"), value.get("parts"))
    return (
        value.get("format") == _FORMAT
        and isinstance(value.get("command"), str)
        and all(type(number) is int and number >= 0 for number in numbers)
    )


def make_header(
    plan: Plan,
    command: str,
    results: str,
    settings: Mapping[str, Any],
    certificates: Sequence[str],
    form: str,
    note: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the first line of a manifest."""
    return {
        "format": _FORMAT,
        "command": command,
        "version": __version__,
        "pyarrow": pa.__version__,
        "run": secrets.token_hex(8),
        "results": results,
        "settings": dict(settings),
        "certificates": list(certificates),
        "form": form,
        "inputs": [each.to_json() for each in plan.inputs],
        "records": plan.records,
        "rows_of_a_part": plan.rows_of_a_part,
        "parts": len(plan.parts),
        "note": dict(note),
    }


def difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> str | None:
    """Return what two runs differ in, if they are not the same work; None if they are."""
    for name in _IDENTITY:
        if old.get(name) != new.get(name):
            if name != "settings":
                return name
            before, after = old.get(name), new.get(name)
            if not isinstance(before, dict) or not isinstance(after, dict):
                return name
            keys = sorted({*before, *after})
            return ", ".join(key for key in keys if before.get(key) != after.get(key))
    digests = [[one.get("sha256") for one in each.get("inputs", ())] for each in (old, new)]
    return None if digests[0] == digests[1] else "inputs"


class Ledger:
    """The manifest as the leading process writes it; the folder is locked meanwhile."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.folder = folder
        self.header = manifest.header
        self.records = manifest.records
        self._file = (folder / MANIFEST).open("ab")

    def add(self, record: PartRecord) -> None:
        """Write the line of a part; it lasts when this returns."""
        line = json.dumps(record.to_json(), separators=(",", ":"))
        self._file.write(f"{line}\n".encode())
        self._file.flush()
        os.fsync(self._file.fileno())
        self.records[record.part] = record

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    @property
    def status(self) -> Status:
        """How far the run is."""
        return Manifest(self.folder, self.header, self.records).status


@contextmanager
def ledger(folder: Path, header: Mapping[str, Any]) -> Iterator[Ledger]:
    """Lock a run's folder, and begin its manifest or go on with the one that is there.

    Raises:
        BulkError: Another run is at work there, or the folder belongs to other work.

    """
    with locked(folder):
        path = folder / MANIFEST
        if not path.exists() or not _begun(path):
            files.write(path, f"{json.dumps(header)}\n".encode())
        _cut_torn_line(path)
        manifest = Manifest.read(folder)
        different = difference(manifest.header, header)
        if different is not None:
            raise BulkError(
                "bulk.mismatch",
                f"the folder belongs to other work: {different} is different; take another folder",
            )
        _wait_for_workers(folder)
        remove_temporary(folder)
        found = Ledger(folder, manifest.verified())
        try:
            yield found
        finally:
            found.close()


def _begun(path: Path) -> bool:
    """Return whether a manifest has its first line."""
    with path.open("rb") as file:
        return file.readline(_MAX_LINE).endswith(b"\n")


def _cut_torn_line(path: Path) -> None:
    """Cut off what a kill left of a line, which would swallow the next one."""
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        step = 64 * 1024
        end = size
        while end > 0:
            begin = max(0, end - step)
            file.seek(begin)
            found = file.read(end - begin).rfind(b"\n")
            if found >= 0:
                if begin + found + 1 < size:
                    file.truncate(begin + found + 1)
                    os.fsync(file.fileno())
                return
            end = begin


def remove_temporary(folder: Path) -> None:
    """Remove the files that killed workers left unfinished."""
    for path in folder.glob(f"*/*{TEMPORARY}*"):
        with suppress(OSError):
            path.unlink()


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a run's folder; raises BulkError if another process does."""
    if sys.platform == "win32":  # pragma: no cover
        yield
        return
    with (folder / _LOCK).open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise BulkError("bulk.locked", "another run is at work in this folder") from None
        yield


@contextmanager
def working(folder: Path) -> Iterator[None]:
    """Show that a worker is writing into a run's folder."""
    if sys.platform == "win32":  # pragma: no cover
        yield
        return
    with (folder / _WORKERS).open("a") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        yield


def _wait_for_workers(folder: Path) -> None:
    if sys.platform == "win32":  # pragma: no cover
        return
    end = time.monotonic() + _PATIENCE
    with (folder / _WORKERS).open("a") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                if time.monotonic() > end:
                    problem = "workers of an earlier run are still at work in this folder"
                    raise BulkError("bulk.locked", problem) from None
                time.sleep(0.05)
            else:
                return
