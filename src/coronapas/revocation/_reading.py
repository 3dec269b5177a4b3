"""Revocation data from files: each file's format is found from its content.

A file is a saved store, or a list or a part of one. The parts of a list (the chunks of Italy's, the
pages and batches of the gateway, the documents of a distribution service) are put together whatever
their order. The files of a German list are told apart by their paths, so a German list is a folder,
the one with ``kid.lst``.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from coronapas import files
from coronapas.errors import RevocationListError
from coronapas.revocation import _documents as documents
from coronapas.revocation import _lists as lists
from coronapas.revocation._list import Part, naming
from coronapas.revocation._store import MAGIC, RevocationStore
from coronapas.trust._anchors import pinned

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import timedelta

    from coronapas.revocation._list import ListFormat, RevocationList
    from coronapas.trust._anchors import Pins
    from coronapas.trust._certificate import Certificate

STORE: Final = "store"
"""The format of a saved `RevocationStore`."""

MAX_FILES: Final = 100_000
"""Files that a folder may hold, inclusive."""

MAX_TOTAL: Final = 512 * 1024 * 1024
"""Bytes that all files together may have, inclusive; saved stores are not counted."""

UNKNOWN: Final = "revocation list"
"""What errors name in place of a format where none was recognised."""

_STORE_MARK: Final = MAGIC[:-1]  # of every version: loading says which it does not know


@dataclass(frozen=True, slots=True)
class Reading:
    """What one file, or the files of one list, were taken for.

    Attributes:
        format: The format's name; ``store`` for a saved store.
        paths: The files; of a German list, its folder.
        sources: The names of the lists: one, or those in the store.
        signature: Whether a signature was verified; a store is not signed.
        hashes: The number of whole hashes.
        gaps: The number of parts that are missing or were refused.

    """

    format: str
    paths: tuple[Path, ...]
    sources: tuple[str, ...]
    signature: Literal["verified", "none"]
    hashes: int
    gaps: int


def format_of(data: bytes) -> str:
    """Return the name of the format of a revocation list, or of a part of one.

    Raises RevocationListError, ``list.unsupported`` for bytes of no format that is known. The files
    of a German list are not recognised one by one.
    """
    if data.startswith(_STORE_MARK):
        return STORE
    return _format_of(data).name


def read_path(
    *paths: str | os.PathLike[str],
    pins: Pins = (),
    as_of: datetime | None = None,
    max_age: timedelta | None = None,
    report: Callable[[Reading], object] | None = None,
) -> RevocationStore:
    """Return one store of all revocation data in files and folders.

    Args:
        paths: Saved stores, lists of any format, parts of lists, and folders of all these. Hidden
            files in folders are passed over.
        pins: The certificates, public keys, or authorities that must have signed the lists of
            signed formats; see `coronapas.trust.pinned`.
        as_of: When the lists were fetched; if None, a list is as old as the oldest of its files.
        max_age: As for `RevocationStore`.
        report: Called with what each file or list was taken for.

    Raises:
        RevocationListError: A file is not a revocation list, or its list must not be believed; the
            error names the file.
        KeyMaterialError: A pin is not a key or certificate.
        OSError: A file cannot be read.

    """
    collected = _Collected(tuple(pin.certificate for pin in pinned(pins)), as_of)
    for path in map(Path, paths):
        collected.add(path)
    told = report or (lambda _: None)
    found: list[RevocationList] = []
    for path, saved in collected.stores:
        names = tuple(each.source for each in saved.sources)
        gaps = sum(len(each.gaps) for each in saved.sources)
        told(Reading(STORE, (path,), names, "none", len(saved), gaps))
    for each, where in collected.lists():
        count, gaps = each.hash_count, len(each.gaps)
        told(Reading(each.form, where, (each.source,), each.signature, count, gaps))
        found.append(each)
    store = RevocationStore(found, max_age=max_age)
    return store.merge(*(saved for _, saved in collected.stores))


@dataclass(slots=True)
class _Collected:
    """The files that were found: stores, folders of one list each, and single parts by format."""

    pins: tuple[Certificate, ...]
    as_of: datetime | None
    stores: list[tuple[Path, RevocationStore]] = field(default_factory=list)
    folders: list[tuple[ListFormat, Path, list[Part]]] = field(default_factory=list)
    parts: dict[str, list[Part]] = field(default_factory=dict)
    total: int = 0

    def add(self, path: Path) -> None:
        """Take in a file or a folder."""
        if not path.is_dir():
            self._add_file(path)
            return
        count = 0
        for place, folders, names in os.walk(path):
            folders.sort()
            marked = next((each for each in lists.FORMATS if each.mark in names), None)
            if marked is not None:
                folders.clear()
                self._add_folder(marked, Path(place))
                continue
            for name in sorted(names):
                count += 1
                if count > MAX_FILES:
                    raise _too_many(path)
                if not name.startswith("."):
                    self._add_file(Path(place) / name)

    def _add_file(self, path: Path) -> None:
        with naming(str(path)):
            if _begins_like_a_store(path):
                self.stores.append((path, RevocationStore.load(path, mapped=True)))
                return
            part = self._part(path, str(path))
            self.parts.setdefault(_format_of(part.data).name, []).append(part)

    def _add_folder(self, found: ListFormat, folder: Path) -> None:
        parts: list[Part] = []
        for place, folders, names in os.walk(folder):
            folders.sort()
            for name in sorted(names):
                if len(parts) >= MAX_FILES:
                    raise _too_many(folder)
                path = Path(place) / name
                if not name.startswith("."):
                    parts.append(self._part(path, path.relative_to(folder).as_posix()))
        self.folders.append((found, folder, parts))

    def _part(self, path: Path, name: str) -> Part:
        data = files.read(path, documents.MAX_BYTES)
        self.total += len(data)
        if len(data) > documents.MAX_BYTES or self.total > MAX_TOTAL:
            raise RevocationListError(UNKNOWN, "too-large", "the files together are too large")
        changed = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        return Part(name, data, changed if self.as_of is None else self.as_of)

    def lists(self) -> Iterator[tuple[RevocationList, tuple[Path, ...]]]:
        """Yield the lists that the parts make, each with the files that it came from."""
        for found, folder, parts in self.folders:
            with naming(str(folder)):
                for each, _ in found.read(parts, self.pins):
                    yield each, (folder,)
        for found in lists.FORMATS:
            if found.name in self.parts:
                for each, own in found.read(self.parts[found.name], self.pins):
                    yield each, tuple(Path(part.name) for part in own)


def _format_of(data: bytes) -> ListFormat:
    content: Any = None
    if data[:64].lstrip()[:1] in (b"{", b"["):
        content = documents.parse(data, form=UNKNOWN, what="the file")
    for found in lists.FORMATS:
        if found.recognise(data, content):
            return found
    problem = "the file must be a revocation list of a format that is known"
    raise RevocationListError(UNKNOWN, "unsupported", problem)


def _begins_like_a_store(path: Path) -> bool:
    return files.read(path, len(_STORE_MARK) - 1) == _STORE_MARK


def _too_many(folder: Path) -> RevocationListError:
    return RevocationListError(UNKNOWN, "too-large", f"{folder} holds too many files")
