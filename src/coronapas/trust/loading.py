"""Reads lists from files and folders; everything else in this room works on bytes.

A file may be any list (`coronapas.trust.sniffing`), or a store that was saved. A folder is the
Commission's layout or certificates in any layout.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from coronapas.errors import TrustListError
from coronapas.trust import documents, files, sniffing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Unpack

    from coronapas.trust.listing import TrustList
    from coronapas.trust.pins import Pins
    from coronapas.trust.source import Circumstances

MAX_FILES: Final = 20_000
"""A folder with more files is refused."""

_ENDINGS: Final = (".pem", ".crt", ".cer", ".der", ".sig.txt", ".sig")


def read_path(
    path: str | os.PathLike[str],
    *,
    pins: Pins,
    beside: Iterable[str | os.PathLike[str]] = (),
    **about: Unpack[Circumstances],
) -> TrustList:
    """The list in a file or folder, its name being the path's unless another is given.

    `beside` are the paths of the files that belong to it. Of a folder, files with the endings of
    certificates and signatures are read, subfolders included and links to folders left out. Raises
    TrustListError, and OSError for what cannot be opened.
    """
    place = Path(path)
    about.setdefault("name", place.name)
    if place.is_dir():
        return sniffing.read_files(dict(_folder(place)), pins=pins, **about)
    parts: Sequence[bytes] = [read_file(each) for each in beside]
    return sniffing.read_any(read_file(place), pins=pins, beside=parts, **about)


def read_file(path: str | os.PathLike[str]) -> bytes:
    """A file's bytes; TrustListError (``trust.too-large``) for one that no list could be."""
    return documents.bounded(files.read(path, documents.MAX_BYTES), sniffing.UNKNOWN)


def _folder(place: Path) -> Iterator[tuple[str, bytes]]:
    count = total = 0
    for folder, _, names in os.walk(place):
        for name in sorted(names):
            if not name.lower().endswith(_ENDINGS):
                continue
            count += 1
            file = Path(folder) / name
            data = read_file(file)
            total += len(data)
            if count > MAX_FILES or total > documents.MAX_BYTES:
                raise TrustListError(sniffing.UNKNOWN, "too-large", "the folder holds too much")
            yield file.relative_to(place).as_posix(), data
