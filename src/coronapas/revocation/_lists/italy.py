"""The Italian revocation list (DRL): whole SHA-256 digests of UVCIs, in base64, in chunks.

A chunk is JSON with `version`, `chunk` and `lastChunk` (from 1), and either ``revokedUcvi``: every
digest, or ``delta: {insertions, deletions}``: the changes since `fromVersion`. The list is not
signed: it is as trustworthy as the connection that it came through.

A store keeps the first 16 bytes of a digest, which are the pass's ``UCI`` hash. By default the list
has its say on Italian passes only: that a foreign pass is not on it means nothing. A pass that is
on it is revoked wherever it was issued.

The names `version`, `chunk`, `lastChunk` and `fromVersion` are recalled from the service and were
not checked against it [K]; chunks without them are taken for the only one.
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING, Any, Final

from coronapas.errors import RevocationListError
from coronapas.revocation import _documents as documents
from coronapas.revocation._documents import Document
from coronapas.revocation._hashes import HASH_LENGTH, HashType
from coronapas.revocation._list import Batch, Gap, ListFormat, RevocationList, naming

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from datetime import datetime

    from coronapas.revocation._list import Found, Part
    from coronapas.trust._certificate import Certificate

NAME: Final = "italy"
COUNTRIES: Final = frozenset({"IT"})

MAX_CHUNKS: Final = 100_000
"""Chunks that a list may state to have, inclusive."""

_DIGEST: Final = 32


def read(
    chunks: Iterable[bytes],
    *,
    as_of: datetime,
    valid_until: datetime | None = None,
    countries: Collection[str] | None = COUNTRIES,
    source: str = "IT DRL",
) -> RevocationList:
    """Return the list, or the change, that `chunks` of one version make, in any order.

    `as_of` is when they were fetched; the list states no validity. `countries` are those whose
    passes the list has a say on (None: all). A chunk that is missing leaves a gap. Raises
    RevocationListError, ``list.inconsistent`` for chunks of several versions or kinds.
    """
    parsed = [Document.parse(data, form=NAME, what="the chunk") for data in chunks]
    if not parsed:
        raise RevocationListError(NAME, "malformed", "there must be at least one chunk")
    version = _same([_number(chunk, "version") for chunk in parsed], "versions")
    last = _same([_number(chunk, "lastChunk") or len(parsed) for chunk in parsed], "lengths")
    is_change = _same(["delta" in chunk for chunk in parsed], "kinds")
    if last > MAX_CHUNKS:
        raise RevocationListError(NAME, "too-large", f"more than {MAX_CHUNKS} chunks")
    numbers = [_number(chunk, "chunk") or place for place, chunk in enumerate(parsed, start=1)]
    if len(set(numbers)) != len(numbers):
        raise RevocationListError(NAME, "inconsistent", "a chunk stands twice")
    absent = sorted(set(range(1, last + 1)) - set(numbers))
    batches: list[Batch] = []
    removed = bytearray()
    for number, chunk in zip(numbers, parsed, strict=True):
        added = chunk.items("revokedUcvi") if not is_change else _changes(chunk, "insertions")
        hashes = _hashes(added)
        if is_change:
            removed += _hashes(_changes(chunk, "deletions"))
        batches.append(Batch(f"version {version or 0}, chunk {number}", HashType.UCI, hashes))
    return RevocationList(
        source=source,
        as_of=as_of,
        valid_until=valid_until,
        batches=tuple(batches),
        gaps=tuple(Gap(f"chunk {number} was not fetched") for number in absent),
        complete=not is_change,
        removed_hashes=bytes(removed),
        countries=None if countries is None else frozenset(countries),
        revision=version,
        follows=_number(parsed[0], "fromVersion") if is_change else None,
        form=NAME,
    )


def _recognise(data: bytes, content: Any) -> bool:
    return isinstance(content, dict) and ("revokedUcvi" in content or "delta" in content)


def _read_parts(parts: Sequence[Part], pins: Sequence[Certificate]) -> Iterator[Found]:
    """Yield whole lists first, then changes by version; a store refuses those that do not fit."""
    groups: dict[tuple[bool, int], list[Part]] = {}
    for part in parts:
        with naming(part.name):
            content = Document.parse(part.data, form=NAME, what="the chunk")
            version = _number(content, "version") or 0
        groups.setdefault(("delta" in content, version), []).append(part)
    for key in sorted(groups):
        group = groups[key]
        with naming(group[0].name):
            as_of = min(part.fetched for part in group)
            yield read([part.data for part in group], as_of=as_of), group


def _number(chunk: Document, name: str) -> int | None:
    return chunk.number(name) if name in chunk else None


def _same(values: Sequence[Any], what: str) -> Any:
    if len(set(values)) != 1:
        raise RevocationListError(NAME, "inconsistent", f"the chunks are of several {what}")
    return values[0]


def _changes(chunk: Document, name: str) -> list[Any]:
    change = Document.of(chunk.members("delta"), form=NAME, what="the change")
    return change.items(name) if name in change else []


def _hashes(items: list[Any]) -> bytes:
    packed = bytearray()
    for item in items:
        if not isinstance(item, str):
            raise RevocationListError(NAME, "malformed", "an entry must be a string")
        digest = documents.from_base64(item, form=NAME, what="an entry")
        if len(digest) != _DIGEST:
            raise RevocationListError(
                NAME, "malformed", f"an entry has {len(digest)} bytes instead of {_DIGEST}"
            )
        packed += digest[:HASH_LENGTH]
    return bytes(packed)


def write(uvcis: Sequence[str], *, version: int, chunk_size: int = 1000) -> list[bytes]:
    """Return the chunks of a whole list of UVCIs; one empty chunk where there are none."""
    parts = [uvcis[at : at + chunk_size] for at in range(0, len(uvcis), chunk_size)] or [[]]
    return [
        json.dumps(
            {
                "version": version,
                "chunk": number,
                "lastChunk": len(parts),
                "revokedUcvi": [_entry(uvci) for uvci in part],
            }
        ).encode()
        for number, part in enumerate(parts, start=1)
    ]


def write_change(
    insertions: Iterable[str], deletions: Iterable[str], *, from_version: int, version: int
) -> bytes:
    """Return the one chunk of a change from one version to another."""
    return json.dumps(
        {
            "fromVersion": from_version,
            "version": version,
            "chunk": 1,
            "lastChunk": 1,
            "delta": {
                "insertions": [_entry(uvci) for uvci in insertions],
                "deletions": [_entry(uvci) for uvci in deletions],
            },
        }
    ).encode()


def _entry(uvci: str) -> str:
    return base64.b64encode(hashlib.sha256(uvci.encode()).digest()).decode()


FORMAT: Final = ListFormat(NAME, False, _recognise, _read_parts, write)
