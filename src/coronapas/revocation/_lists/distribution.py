"""The EU distribution service for revocations: lists, partitions, and slices that hold filters.

- The lists: ``[{kid, mode, hashTypes, expires, lastUpdated}]``, every kid with revocations.
- A kid's partitions: ``[{kid, id, x, y, lastUpdated, expired, chunks: {cid: {expiry: {type,
  version, hash}}}}]``, `hash` being the hexadecimal SHA-256 of the slice.
- The slices: Bloom filters or partial variable hash lists, in archives.

Where a hash belongs follows from its hexadecimal digits h: in POINT mode the chunk is h[0]; in
VECTOR mode x is h[0] and the chunk h[1]; in COORDINATE mode x is h[0], y is h[1], the chunk h[2].

None of these documents is signed: the digests tie the slices to the partitions, and only the
connection ties those to their publisher. Slices that are missing or do not fit leave gaps.
The types' names ``BLOOMFILTER`` and ``VARHASHLIST`` are recalled and were not checked [K].
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from coronapas.errors import RevocationListError
from coronapas.revocation import _archive as archive
from coronapas.revocation import _documents as documents
from coronapas.revocation._bloom import BloomFilter
from coronapas.revocation._documents import Document
from coronapas.revocation._hashes import HASH_LENGTH
from coronapas.revocation._list import Gap, ListFormat, RevocationList, Slice, naming
from coronapas.revocation._prefixes import PrefixList

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from coronapas.revocation._hashes import HashType
    from coronapas.revocation._list import Found, Membership, Part
    from coronapas.trust._certificate import Certificate

NAME: Final = "distribution"
MAX_KIDS: Final = 100_000
"""Kids that the lists may name, inclusive."""

MAX_SLICES: Final = 512
"""Slices that a chunk may have, inclusive, one for each expiry: a pass is looked up in all."""

_GZIP: Final = b"\x1f\x8b"


class SliceMode(StrEnum):
    """Into how many parts the hashes of a kid are divided."""

    POINT = "POINT"
    VECTOR = "VECTOR"
    COORDINATE = "COORDINATE"

    @property
    def depth(self) -> int:
        """The number of hexadecimal digits of a hash that say where it belongs, 1 to 3."""
        return tuple(SliceMode).index(self) + 1

    @classmethod
    def of(cls, count: int) -> SliceMode:
        """Return the mode for this number of hashes of one kid."""
        if count <= 100_000:
            return cls.POINT
        return cls.VECTOR if count <= 1_600_000 else cls.COORDINATE


class SliceType(StrEnum):
    """The two kinds of slices."""

    BLOOMFILTER = "BLOOMFILTER"
    VARHASHLIST = "VARHASHLIST"


@dataclass(frozen=True, slots=True)
class _Listed:
    """One kid of the lists."""

    kid: bytes
    mode: SliceMode
    hash_types: frozenset[HashType]
    expires: datetime


@dataclass(frozen=True, slots=True)
class _Wanted:
    """One slice that a partition names."""

    id: str
    prefix: str
    digest: str
    kind: SliceType
    expires: datetime


def read(
    lists: bytes,
    partitions: Mapping[bytes, bytes],
    archives: Iterable[bytes],
    *,
    as_of: datetime,
    valid_until: datetime | None = None,
    source: str = "EU distribution service",
) -> RevocationList:
    """Return the list that these documents make.

    Args:
        lists: The lists of kids. What they say of a kid counts until its `expires`.
        partitions: The partitions, by kid.
        archives: The archives of slices, in any order.
        as_of: When `lists` was fetched.
        valid_until: The last moment at which the list may be relied on, if there is one.
        source: The list's name.

    Raises:
        RevocationListError: `lists` or an archive cannot be read. A kid whose partitions are
            missing or faulty, and a slice that is missing or not the one named, leave gaps.

    """
    slices_by_digest = _unpacked(archives)
    read_already: dict[tuple[str, SliceType], Membership] = {}
    slices: list[Slice] = []
    gaps: list[Gap] = []
    listed = _listed(lists)
    for item in listed.values():
        data = partitions.get(item.kid)
        if data is None:
            gaps.append(Gap(f"the partitions of {item.kid.hex()} were not fetched", item.kid))
            continue
        try:
            wanted = _wanted(data, item)
        except RevocationListError as error:
            gaps.append(Gap(error.message, item.kid))
            continue
        for piece in wanted:
            try:
                # Partitions may name the same slice again and again, and each is large.
                content = read_already.get((piece.digest, piece.kind))
                if content is None:
                    content = _content(slices_by_digest.get(piece.digest), piece.kind)
                    read_already[piece.digest, piece.kind] = content
            except RevocationListError as error:
                gaps.append(Gap(f"slice {piece.id}: {error.message}", item.kid, None, piece.prefix))
                continue
            slices.append(
                Slice(piece.id, item.kid, piece.prefix, item.hash_types, content, piece.expires)
            )
    return RevocationList(
        source=source,
        as_of=as_of,
        valid_until=valid_until,
        slices=tuple(slices),
        gaps=tuple(gaps),
        kid_valid_until={item.kid: item.expires for item in listed.values()},
        form=NAME,
    )


def _recognise(data: bytes, content: Any) -> bool:
    if content is None:
        return data[:2] == _GZIP
    return _first_has(content, "chunks") or _first_has(content, "mode")


def _first_has(content: Any, member: str) -> bool:
    first = content[0] if isinstance(content, list) and content else None
    return isinstance(first, dict) and member in first


def _read_parts(parts: Sequence[Part], pins: Sequence[Certificate]) -> Iterator[Found]:
    lists: list[Part] = []
    archives: list[Part] = []
    partitions: dict[bytes, bytes] = {}
    for part in parts:
        if part.data[:2] == _GZIP:
            archives.append(part)
            continue
        with naming(part.name):
            first = _array(part.data, "the file")[0]
            if "chunks" in first:
                partitions[first.kid("kid")] = part.data
            else:
                lists.append(part)
    if len(lists) != 1:
        problem = f"there must be one file with the lists of kids, not {len(lists)}"
        raise RevocationListError(NAME, "inconsistent", problem)
    with naming(lists[0].name):
        packed = [part.data for part in archives]
        found = read(lists[0].data, partitions, packed, as_of=lists[0].fetched)
    yield found, (lists[0], *(part for part in parts if part is not lists[0]))


def _listed(data: bytes) -> dict[bytes, _Listed]:
    found: dict[bytes, _Listed] = {}
    for item in _array(data, "the lists"):
        kid = item.kid("kid")
        if kid in found:
            item.fail("the kid must not stand twice")
        types = item.items("hashTypes")
        if not types or not all(isinstance(name, str) for name in types):
            item.fail("`hashTypes` must name types")
        found[kid] = _Listed(
            kid,
            _mode(item),
            frozenset(documents.hash_type(name, form=NAME) for name in types),
            item.moment("expires"),
        )
        if len(found) > MAX_KIDS:
            raise RevocationListError(NAME, "too-large", f"more than {MAX_KIDS} kids")
    return found


def _mode(item: Document) -> SliceMode:
    try:
        return SliceMode(item.text("mode"))
    except ValueError as error:
        raise RevocationListError(NAME, "unsupported", "a mode is unknown") from error


def _array(data: bytes, what: str) -> list[Document]:
    value = documents.parse(data, form=NAME, what=what)
    if not isinstance(value, list):
        raise RevocationListError(NAME, "malformed", f"{what} must be an array")
    return [Document.of(item, form=NAME, what=f"an item of {what}") for item in value]


def _wanted(data: bytes, listed: _Listed) -> list[_Wanted]:
    """Return every slice of a kid's partitions."""
    found: dict[str, _Wanted] = {}
    for partition in _array(data, "the partitions"):
        if partition.kid("kid") != listed.kid:
            partition.fail("it belongs to another kid")
        id_ = partition.text("id") if "id" in partition else "null"
        start = _coordinates(partition, listed.mode)
        for chunk, by_expiry in partition.members("chunks").items():
            prefix = start + _digit(chunk)
            slices = Document.of(by_expiry, form=NAME, what="a chunk")
            if len(by_expiry) > MAX_SLICES:
                problem = f"a chunk has more than {MAX_SLICES} slices"
                raise RevocationListError(NAME, "too-large", problem)
            for expiry in by_expiry:
                wanted = _wanted_slice(slices, expiry, f"{listed.kid.hex()}/{id_}/{chunk}", prefix)
                if wanted.id in found:
                    partition.fail("a slice stands twice")
                found[wanted.id] = wanted
    return list(found.values())


def _wanted_slice(slices: Document, expiry: str, where: str, prefix: str) -> _Wanted:
    stated = Document.of(slices.members(expiry), form=NAME, what="a slice")
    try:
        kind = SliceType(stated.text("type"))
    except ValueError as error:
        raise RevocationListError(NAME, "unsupported", "a type of slice is unknown") from error
    digest = stated.text("hash").lower()
    expires = documents.moment(expiry, form=NAME, what="a slice's expiry")
    return _Wanted(f"{where}/{expiry}/{digest}", prefix, digest, kind, expires)


def _coordinates(partition: Document, mode: SliceMode) -> str:
    """Return the first digits of the hashes of a partition."""
    names = ("x", "y")[: mode.depth - 1]
    if any(name in partition for name in ("x", "y")[mode.depth - 1 :]):
        partition.fail(f"mode {mode} has fewer coordinates")
    return "".join(_digit(partition.text(name)) for name in names)


def _digit(text: str) -> str:
    digit = text.lower()
    if len(digit) != 1 or digit not in "0123456789abcdef":
        raise RevocationListError(NAME, "malformed", "a coordinate must be a hexadecimal digit")
    return digit


def _unpacked(archives: Iterable[bytes]) -> dict[str, bytes]:
    """Return the slices of the archives by digest; one that does not match its name is refused."""
    found: dict[str, bytes] = {}
    total = packed = 0
    for data in archives:
        packed += len(data)
        for member in archive.read(data):
            documents.kid(member.kid, form=NAME)
            digest = hashlib.sha256(member.content).hexdigest()
            if digest != member.digest.lower():
                raise RevocationListError(NAME, "inconsistent", "a slice does not match its name")
            if digest not in found:
                total += len(member.content)
            if total > archive.limit(packed):
                raise RevocationListError(NAME, "too-large", "the archives hold too much")
            found[digest] = member.content
    return found


def _content(data: bytes | None, kind: SliceType) -> Membership:
    if data is None:
        raise RevocationListError(NAME, "inconsistent", "it was not fetched")
    return BloomFilter.read(data) if kind is SliceType.BLOOMFILTER else PrefixList.read(data)


@dataclass(frozen=True, slots=True)
class DistributionFiles:
    """The files of a distribution service, as `read_distribution` takes them."""

    lists: bytes
    partitions: dict[bytes, bytes]
    archives: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class RevokedHashes:
    """The revoked passes of one kid, to be published: hashes of the types named, 16 bytes each.

    A `mode` of None stands for the one that goes with the number of hashes.
    """

    hashes: frozenset[bytes]
    hash_types: frozenset[HashType]
    expires: datetime
    mode: SliceMode | None = None


def write(
    kids: Mapping[bytes, RevokedHashes],
    *,
    at: datetime,
    kind: SliceType = SliceType.BLOOMFILTER,
    rate: float = 1e-10,
) -> DistributionFiles:
    """Return the files that publish these revocations, each kid in an archive of its own.

    `rate` is the rate of false matches of every slice. Raises ValueError for hashes that are not
    16 bytes long and for numbers of them that no slice can hold.
    """
    lists: list[dict[str, Any]] = []
    partitions: dict[bytes, bytes] = {}
    archives: list[bytes] = []
    for kid, revoked in kids.items():
        mode = revoked.mode or SliceMode.of(len(revoked.hashes))
        stated = base64.b64encode(kid).decode()
        lists.append(
            {
                "kid": stated,
                "mode": mode.value,
                "hashTypes": sorted(revoked.hash_types),
                "expires": documents.stamp(revoked.expires),
                "lastUpdated": documents.stamp(at),
            }
        )
        parts: dict[str, dict[str, Any]] = {}
        members: list[archive.Member] = []
        for prefix, hashes in _divided(revoked.hashes, mode).items():
            content = _made(hashes, mode, kind, rate)
            digest = hashlib.sha256(content).hexdigest()
            part = parts.setdefault(prefix[:-1], _partition(stated, prefix[:-1], revoked, at))
            part["chunks"][prefix[-1]] = {
                documents.stamp(revoked.expires): {
                    "type": kind.value,
                    "version": "1.0",
                    "hash": digest,
                }
            }
            members.append(archive.Member(stated, part["id"], prefix[-1], digest, content))
        partitions[kid] = json.dumps(list(parts.values())).encode()
        archives.append(archive.write(members))
    return DistributionFiles(json.dumps(lists).encode(), partitions, tuple(archives))


def _partition(kid: str, start: str, revoked: RevokedHashes, at: datetime) -> dict[str, Any]:
    return {
        "kid": kid,
        "id": start or "point",
        "x": start[:1] or None,
        "y": start[1:2] or None,
        "lastUpdated": documents.stamp(at),
        "expired": documents.stamp(revoked.expires),
        "chunks": {},
    }


def _divided(hashes: Collection[bytes], mode: SliceMode) -> dict[str, list[bytes]]:
    """Return the hashes by the digits that say where they belong."""
    parts: dict[str, list[bytes]] = {}
    for value in sorted(hashes):
        if len(value) != HASH_LENGTH:
            raise ValueError(f"a hash must have {HASH_LENGTH} bytes")
        parts.setdefault(value.hex()[: mode.depth], []).append(value)
    return parts


def _made(hashes: list[bytes], mode: SliceMode, kind: SliceType, rate: float) -> bytes:
    if kind is SliceType.BLOOMFILTER:
        return BloomFilter.make(hashes, rate=rate).write()
    # At least 8 bytes: the reference's shortest prefixes would match strangers.
    return PrefixList.make(hashes, rate=rate, offset=mode.depth - 1, least=8).write()


FORMAT: Final = ListFormat(NAME, False, _recognise, _read_parts, write)
