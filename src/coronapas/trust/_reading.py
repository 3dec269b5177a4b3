"""Find out which list some bytes, a file or a folder are, and read it.

The content decides, never the name: an archive by its first bytes, CBOR and JWS by their shape,
JSON by its members. The `format` of the list that comes back says which it was.

Only the last section touches files; all other modules of this room work on bytes.
"""

from __future__ import annotations

import os
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

from coronapas import files
from coronapas.errors import TrustListError
from coronapas.trust import _documents as documents
from coronapas.trust import _lists as lists
from coronapas.trust._format import UNKNOWN, classify
from coronapas.trust._list import Dropped, Source
from coronapas.trust._lists import ec_zip, plain
from coronapas.trust._store import SAVED, TrustStore, is_saved

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Unpack

    from coronapas.trust._anchors import Pins
    from coronapas.trust._certificate import Certificate
    from coronapas.trust._format import Content, ListFormat, Shape
    from coronapas.trust._list import Circumstances, TrustList

MAX_FILES: Final = 20_000
"""A folder with more files is refused (inclusive)."""

_ENDINGS: Final = (".pem", ".crt", ".cer", ".der", ".sig.txt", ".sig")

_UNKNOWN_CONTENT: Final[dict[Shape, str]] = {
    "json": "no member of the JSON is that of a known list",
    "jws": "the JWS does not hold a known list",
    "cbor": "the CBOR does not hold a known list",
}


def format_of(data: bytes) -> str:
    """Return the name of a list's format.

    Raises TrustListError, ``trust.unknown-format`` for bytes that are not a known list. An array
    without entries is not known, either: an empty gateway list looks like an empty list of keys.
    """
    return _recognise(classify(data)).name


def read(
    data: bytes, *, pins: Pins, beside: Sequence[bytes] = (), **about: Unpack[Circumstances]
) -> TrustList:
    """Read a list of any format; the `format` of the result says which it was.

    `beside` are the files that belong to it: Austria's signature file, Switzerland's list of active
    keys (of several Swiss files, in any order), further parts of a gateway list. With empty `pins`
    a signed list is read as ``not verified``. Raises TrustListError.
    """
    content = classify(data)
    form = _recognise(content)
    if form.read_value is not None:
        return form.read_value(content.value, pins=pins, **about)
    return form.read(data, pins=pins, beside=beside, **about)


def _recognise(content: Content) -> ListFormat:
    for known in lists.FORMATS:
        if known.recognise(content):
            return known
    message = _UNKNOWN_CONTENT.get(content.shape, "the bytes are not a list of a known format")
    raise TrustListError(UNKNOWN, "unknown-format", message)


# Files and folders. A file may be any list, or a saved store; a folder holds the layout of the
# Commission's archive, or certificates in any layout.


def format_of_path(path: str | os.PathLike[str]) -> str:
    """Return the name of the format of a file or folder; ``store`` for a saved trust store.

    The file is read, so that a pipe would have nothing left for a reader. Raises TrustListError, as
    `format_of` does, and OSError.
    """
    place = Path(path)
    if place.is_dir():
        names = (name.as_posix() for name in _walk(place))
        found = ec_zip.FORMAT if ec_zip.is_layout(islice(names, MAX_FILES)) else plain.FORMAT
        return found.name
    return SAVED if is_saved(place) else format_of(read_file(place))


def read_path(
    path: str | os.PathLike[str],
    *,
    pins: Pins,
    beside: Iterable[str | os.PathLike[str]] = (),
    **about: Unpack[Circumstances],
) -> TrustList:
    """Read the list in a file or folder; its name is the path's, unless `name` is given.

    `beside` are the paths of the files that belong to it. In a folder and its subfolders, files
    with the endings of certificates and signatures are read; links to folders are not followed.
    Raises TrustListError, and OSError for what cannot be opened.
    """
    place = Path(path)
    about.setdefault("name", place.name)
    if place.is_dir():
        return ec_zip.read_folder(dict(_listed_files(place)), pins=pins, **about)
    parts = [read_file(each) for each in beside]
    return read(read_file(place), pins=pins, beside=parts, **about)


def read_file(path: str | os.PathLike[str]) -> bytes:
    """Return a file's bytes; TrustListError (``trust.too-large``) beyond the size of any list."""
    return documents.bounded(files.read(path, documents.MAX_BYTES), UNKNOWN)


def certificates_in(path: str | os.PathLike[str]) -> TrustStore:
    """Return a store of the certificates in a file, or in the files of a folder.

    A file is DER, PEM (bundles too) or base64, and each certificate in it must be readable; else
    KeyMaterialError. Of a folder, every file is tried whatever its name is, except hidden ones and
    subfolders; what is not a certificate is in `dropped`, with the file's name as its source.

    All of it is trusted as it is: an authority's certificate becomes a key like any other, which
    `read_path` would keep apart. Raises TrustListError for too much of it, and OSError.
    """
    place = Path(path)
    if not place.is_dir():
        return _with_source(TrustStore.from_certificates([read_file(place)]), place.name)
    names = [name for name in _walk(place, deep=False) if not name.name.startswith(".")]
    names = [name for name in names if (place / name).is_file()]
    stores = []
    for name, data in _read_each(place, sorted(names)):
        store = TrustStore.from_certificates([data], on_error="drop")
        stores.append(_with_source(store, name))
    return TrustStore().merge(*stores)


def _with_source(store: TrustStore, name: str) -> TrustStore:
    """Return the same store with the file `name` as the source of all that is in it."""
    source = (Source(plain.FORMAT.name, name),)
    sources: dict[Certificate, tuple[Source, ...]] = dict.fromkeys(store.certificates, source)
    dropped = [
        Dropped(drop.kid, drop.reason, drop.source.replace("source 1", name, 1))
        for drop in store.dropped
    ]
    return TrustStore(store.certificates, dropped, sources=sources)


def _listed_files(folder: Path) -> Iterator[tuple[str, bytes]]:
    names = (name for name in _walk(folder) if name.name.lower().endswith(_ENDINGS))
    return _read_each(folder, names)


def _walk(folder: Path, *, deep: bool = True) -> Iterator[Path]:
    """Yield the files of a folder by their paths within it, sorted in each subfolder."""
    for place, _, names in os.walk(folder):
        for name in sorted(names):
            yield (Path(place) / name).relative_to(folder)
        if not deep:
            return


def _read_each(folder: Path, names: Iterable[Path]) -> Iterator[tuple[str, bytes]]:
    """Yield each file's name and bytes; TrustListError for too many files or bytes in all."""
    total = 0
    for count, name in enumerate(names, start=1):
        data = read_file(folder / name)
        total += len(data)
        if count > MAX_FILES or total > documents.MAX_BYTES:
            raise TrustListError(UNKNOWN, "too-large", "the folder holds too many files or bytes")
        yield name.as_posix(), data
