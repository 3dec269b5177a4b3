"""Saves a trust store to one file and loads it again, safely.

The file: one line with the format's name and version, one with the SHA-256 of the rest, then JSON.
It is written beside its place and moved there, so that a reader finds the old file or the new one,
never half of one. It is checked when it is read: the version, the sum, the size, and the form of
every part. The sum finds damage; it is no signature, and who can write the file can write its sum.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import tempfile
from pathlib import Path
from typing import Any, Final

from coronapas.errors import KeyMaterialError, TrustListError, TrustStoreError
from coronapas.facts import EventKind
from coronapas.trust import documents, files
from coronapas.trust.certificate import Certificate
from coronapas.trust.source import Source
from coronapas.trust.store import Dropped, TrustStore

VERSION: Final = 1
MAX_BYTES: Final = documents.MAX_BYTES
"""Larger files are neither written nor read (bytes, inclusive)."""

_NAME: Final = b"coronapas trust store "
_SUM: Final = 64


def save(store: TrustStore, path: str | os.PathLike[str]) -> None:
    """Write the store to `path`, in whose folder a temporary file is made; raises OSError.

    A file that is there already is replaced at once, or stays as it is where anything fails; its
    permissions are kept. A new one is readable by everybody: certificates are public.
    """
    target = Path(path)
    if target.is_symlink():
        target = target.resolve()
    data = dump(store)
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(_mode(target))
        Path(temporary).replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
        raise
    _sync_folder(target.parent)


def load(path: str | os.PathLike[str]) -> TrustStore:
    """The store in a file that `save` wrote; raises TrustStoreError for any other, and OSError."""
    return parse(files.read(path, MAX_BYTES))


def dump(store: TrustStore) -> bytes:
    """The store as the bytes of a file; TrustStoreError if they are more than `MAX_BYTES`."""
    # Lists that vouch for nothing are kept too: their dates stand against older editions.
    places = {source: place for place, source in enumerate(store.lists)}
    certificates = []
    for certificate in store:
        known = store.listed_sources(certificate)
        vouching = None if known is None else [places.setdefault(s, len(places)) for s in known]
        certificates.append(_pack(certificate, vouching))
    content = documents.dump(
        {
            "sources": [source.to_json() for source in places],
            "lists": len(store.lists),
            "certificates": certificates,
            "dropped": [[_text(drop.kid), drop.reason, drop.source] for drop in store.dropped],
        }
    )
    digest = hashlib.sha256(content).hexdigest().encode("ascii")
    data = b"".join((_NAME, str(VERSION).encode(), b"\n", digest, b"\n", content))
    if len(data) > MAX_BYTES:
        raise TrustStoreError("too-large", f"the file would have more than {MAX_BYTES} bytes")
    return data


def parse(data: bytes) -> TrustStore:
    """The store from the bytes of a file; raises TrustStoreError for anything wrong with them."""
    if len(data) > MAX_BYTES:
        raise TrustStoreError("too-large", f"the file has more than {MAX_BYTES} bytes")
    content = _checked(data)
    try:
        whole = documents.load(content, "trust store")
        sources = [Source.from_json(item) for item in whole["sources"]]
        lists = sources[: _count(whole["lists"], len(sources))]
        by_certificate: dict[Certificate, tuple[Source, ...]] = {}
        certificates = []
        for item in whole["certificates"]:
            certificate, vouching = _unpack(item)
            certificates.append(certificate)
            if vouching is not None:
                by_certificate[certificate] = tuple(_picked(sources, vouching))
        dropped = [_dropped(item) for item in whole["dropped"]]
    except TrustListError as error:
        raise TrustStoreError(error.code.partition(".")[2], error.message) from None
    except (KeyMaterialError, TypeError, ValueError, LookupError, OverflowError) as error:
        raise TrustStoreError("malformed", f"the content cannot be read: {error}") from error
    return TrustStore(certificates, dropped, sources=by_certificate, lists=lists)


def _checked(data: bytes) -> bytes:
    first, _, rest = data.partition(b"\n")
    if not first.startswith(_NAME):
        raise TrustStoreError("malformed", "the file is no saved trust store")
    if first != _NAME + str(VERSION).encode():
        raise TrustStoreError("version", f"the file is not of version {VERSION}")
    digest, newline, content = rest[:_SUM], rest[_SUM : _SUM + 1], rest[_SUM + 1 :]
    if newline != b"\n" or digest != hashlib.sha256(content).hexdigest().encode("ascii"):
        raise TrustStoreError("checksum", "the file was changed, or is not whole")
    return content


def _pack(certificate: Certificate, sources: list[int] | None) -> list[Any]:
    said = certificate.overrides
    usages = said["usages"]
    bare = certificate.der is None
    return [
        "key" if bare else "certificate",
        _text(certificate.spki if bare else certificate.der),
        _text(said["kid"]),
        said["country"],
        None if usages is None else sorted(kind.value for kind in usages),
        sources,
    ]


def _unpack(item: Any) -> tuple[Certificate, Any]:
    form, data, kid, country, usages, sources = item
    if country is not None and not isinstance(country, str):
        raise TypeError("a country is of the wrong type")
    kinds = None if usages is None else [EventKind(kind) for kind in usages]
    own, stated = _bytes(data), None if kid is None else _bytes(kid)
    if form == "certificate":
        return Certificate(own, kid=stated, country=country, usages=kinds), sources
    if form != "key" or stated is None:
        raise ValueError("a certificate is neither certificate nor key")
    return Certificate.from_public_key(own, kid=stated, country=country, usages=kinds), sources


def _text(data: bytes | None) -> str | None:
    return None if data is None else base64.b64encode(data).decode("ascii")


def _bytes(text: Any) -> bytes:
    return base64.b64decode(text, validate=True)


def _count(value: Any, most: int) -> int:
    if type(value) is not int or not 0 <= value <= most:
        raise ValueError("the number of lists is none")
    return value


def _picked(sources: list[Source], places: Any) -> list[Source]:
    if not places or not all(type(p) is int and 0 <= p < len(sources) for p in places):
        raise ValueError("a certificate has no source, or one that is not there")
    return [sources[place] for place in places]


def _dropped(item: Any) -> Dropped:
    kid, reason, source = item
    if not isinstance(reason, str) or not isinstance(source, str):
        raise TypeError("what was dropped is of the wrong type")
    return Dropped(None if kid is None else _bytes(kid), reason, source)


def _mode(target: Path) -> int:
    try:
        return target.stat().st_mode & 0o777
    except FileNotFoundError:
        return 0o644


def _sync_folder(folder: Path) -> None:
    """Make the move last through a power cut, where the system lets a folder be synced."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
