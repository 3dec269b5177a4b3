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
import gzip
import hashlib
import io
import json
import re
import tarfile
from dataclasses import dataclass
from enum import StrEnum
from typing import (
    TYPE_CHECKING,
    Any,
    Final,
    NamedTuple,
)

from coronapas.errors import RevocationListError
from coronapas.revocation import _documents as documents
from coronapas.revocation._documents import Document
from coronapas.revocation._filters import BloomFilter, PrefixList
from coronapas.revocation._hashes import HASH_LENGTH
from coronapas.revocation._list import (
    Gap,
    ListFormat,
    RevocationList,
    Slice,
    naming,
)

if TYPE_CHECKING:
    from collections.abc import (
        Collection,
        Iterable,
        Iterator,
        Mapping,
        Sequence,
    )
    from datetime import datetime

    from coronapas.revocation._hashes import HashType
    from coronapas.revocation._list import Found, Membership, Part
    from coronapas.trust._certificate import Certificate

# Archives of slices (tar, compressed with gzip), as the EU's distribution service sends them.
#
# A member's name is ``kid/id/chunk/hash``, the kid in base64, which may hold ``/``: names are
# read from the right. Reading is bounded whatever the archive states; links, devices and sparse
# files are refused, and nothing is written to a disk.
#
# The headers (POSIX.1-2001, *pax Interchange Format*, and GNU tar's long names) are read here and
# not by `tarfile`, whose reading of extended headers takes quadratic time in Python 3.11 and
# 3.12.

MAX_UNPACKED: Final = 256 * 1024 * 1024
"""Bytes that an archive may unpack to, inclusive."""

MAX_MEMBERS: Final = 200_000
"""Members that an archive may have, inclusive; folders count."""

MAX_RATIO: Final = 100
"""How many times its own size an archive may unpack to, beyond `FREE` bytes: slices are close to
random and hardly shrink, but their headers do."""

FREE: Final = 4 * 1024 * 1024
"""Bytes that an archive may unpack to however small it is."""

MAX_EXTENSION: Final = 64 * 1024
"""Bytes of a header that extends another one, inclusive."""

_BLOCK: Final = 512
_CHUNK: Final = 1 << 16
_FORM: Final = "distribution"

_FILE: Final = (b"0", b"\0")
_FOLDER: Final = b"5"
_PAX: Final = b"x"
_PAX_OF_ALL: Final = b"g"
_GNU_NAME: Final = b"L"

_OCTAL: Final = re.compile(rb" *([0-7]{1,12})[ \0]*")
_RECORD: Final = re.compile(rb"([1-9][0-9]{0,5}) ([^=\n]{1,256})=")


class Member(NamedTuple):
    """One slice: its name's parts, the kid still in base64, and its bytes."""

    kid: str
    partition: str
    chunk: str
    digest: str
    content: bytes


def limit(packed: int) -> int:
    """Return the bytes to which archives of so many bytes may unpack, together, inclusive."""
    return min(MAX_UNPACKED, FREE + MAX_RATIO * packed)


class _Stream:
    """The unpacked archive, of which no more than a bound is given."""

    def __init__(self, data: bytes) -> None:
        self._inner = gzip.GzipFile(fileobj=io.BytesIO(data))
        self._limit = limit(len(data))
        self._left = self._limit

    def some(self, size: int) -> bytes:
        """Return at most `size` bytes, none at the end."""
        data = self._inner.read(min(size, self._left + 1))
        self._left -= len(data)
        if self._left < 0:
            raise _fault("too-large", f"the archive unpacks to more than {self._limit} bytes")
        return data

    def exactly(self, size: int) -> bytes:
        """Return `size` bytes."""
        if size > self._left:
            raise _fault("too-large", f"the archive unpacks to more than {self._limit} bytes")
        pieces = []
        while size and (piece := self.some(size)):
            pieces.append(piece)
            size -= len(piece)
        if size:
            raise _fault("malformed", "the archive ends inside a member")
        return b"".join(pieces)

    def padded(self, size: int) -> bytes:
        """Return `size` bytes, and pass over what fills their last block."""
        return self.exactly(size + -size % _BLOCK)[:size]


def read_archive(data: bytes) -> Iterator[Member]:
    """Yield the slices of an archive; raises RevocationListError at the first fault."""
    try:
        yield from _members(_Stream(data))
    except RevocationListError:
        raise
    except Exception as error:  # what broken data makes gzip raise is not documented
        raise _fault("malformed", "the archive cannot be unpacked") from error


def _members(stream: _Stream) -> Iterator[Member]:
    name: str | None = None
    size: int | None = None
    extended = False
    number = 0
    while (block := stream.some(_BLOCK)) and block.strip(b"\0"):
        if len(block) < _BLOCK:
            block += stream.exactly(_BLOCK - len(block))
        header = _header(block)
        if header.kind in (_PAX, _PAX_OF_ALL, _GNU_NAME):
            if header.size > MAX_EXTENSION:
                raise _fault("too-large", "a header of the archive is too large")
            content = stream.padded(header.size)
            if header.kind != _PAX_OF_ALL:
                if extended:
                    raise _fault("malformed", "a header of the archive is not followed by a member")
                extended = True
                name, size = (
                    (_text(content.rstrip(b"\0")), None)
                    if header.kind == _GNU_NAME
                    else _records(content)
                )
                continue
            number += 1  # these count as members, or there could be any number of them
            if _records(content) != (None, None):
                raise _fault("unsupported", "a header of the archive names all members alike")
        elif header.kind in (*_FILE, _FOLDER):
            number += 1
            path = header.name if name is None else name
            # A folder's size says nothing; the first archives marked folders by their names alone.
            if header.kind != _FOLDER and not (header.kind == b"\0" and path.endswith("/")):
                content = stream.padded(header.size if size is None else size)
                yield _member(path, content)
            name, size, extended = None, None, False
        else:
            raise _fault("unsupported", "the archive holds something other than plain files")
        if number > MAX_MEMBERS:
            raise _fault("too-large", f"the archive has more than {MAX_MEMBERS} members")
    if extended:
        raise _fault("malformed", "a header of the archive is not followed by a member")
    if not block:
        raise _fault("malformed", "the archive does not end as archives do")
    while stream.some(_CHUNK):  # to the end, where gzip's checksum is
        pass


class _Header(NamedTuple):
    name: str
    size: int
    kind: bytes


def _header(block: bytes) -> _Header:
    if _octal(block[148:156]) != sum(block) - sum(block[148:156]) + 8 * 0x20:
        raise _fault("malformed", "the checksum of a header of the archive does not fit")
    name = _field(block[:100])
    # Of the two magics only POSIX's (not GNU's, "ustar  ") has a prefix of the name there.
    if block[257:263] == b"ustar\0" and (prefix := _field(block[345:500])):
        name = f"{prefix}/{name}"
    return _Header(name, _octal(block[124:136]), block[156:157])


def _field(data: bytes) -> str:
    return _text(data.partition(b"\0")[0])


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise _fault("malformed", "a name in the archive is not UTF-8") from error


def _octal(field: bytes) -> int:
    match = _OCTAL.fullmatch(field)
    if match is None:
        raise _fault("malformed", "a number in a header of the archive cannot be read")
    return int(match[1], 8)


def _records(data: bytes) -> tuple[str | None, int | None]:
    """Return the path and the size that an extended header states, where it does."""
    path: str | None = None
    size: int | None = None
    at = 0
    while at < len(data):
        match = _RECORD.match(data, at)
        end = at + int(match[1]) if match else 0
        if match is None or not match.end() < end <= len(data) or data[end - 1] != 0x0A:
            raise _fault("malformed", "an extended header of the archive cannot be read")
        value = data[match.end() : end - 1]
        if match[2] == b"path":
            path = _text(value)
        elif match[2] == b"size":
            if not re.fullmatch(rb"[0-9]{1,12}", value):
                raise _fault("malformed", "an extended header of the archive cannot be read")
            size = int(value)
        elif match[2].startswith(b"GNU.sparse") or match[2] == b"hdrcharset":
            raise _fault("unsupported", "the archive holds something other than plain files")
        at = end
    return path, size


def _member(name: str, content: bytes) -> Member:
    parts = name.removeprefix("./").rsplit("/", 3)
    if len(parts) != 4:
        raise _fault("malformed", "a member's name must be kid/id/chunk/hash")
    kid, partition, chunk, digest = parts
    return Member(kid, partition, chunk, digest, content)


def write_archive(members: Iterable[Member]) -> bytes:
    """Return an archive of slices; the same members always give the same bytes."""
    packed = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as inner,
        tarfile.open(fileobj=inner, mode="w|", format=tarfile.PAX_FORMAT) as archive,
    ):
        for member in members:
            info = tarfile.TarInfo("/".join(member[:4]))
            info.size = len(member.content)
            archive.addfile(info, io.BytesIO(member.content))
    return packed.getvalue()


def _fault(code: str, message: str) -> RevocationListError:
    return RevocationListError(_FORM, code, message)


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
        for member in read_archive(data):
            documents.kid(member.kid, form=NAME)
            digest = hashlib.sha256(member.content).hexdigest()
            if digest != member.digest.lower():
                raise RevocationListError(NAME, "inconsistent", "a slice does not match its name")
            if digest not in found:
                total += len(member.content)
            if total > limit(packed):
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
    """The list of lists, JSON."""
    partitions: dict[bytes, bytes]
    """The partitions by kid, JSON each."""
    archives: tuple[bytes, ...]
    """The archives with the slices."""


@dataclass(frozen=True, slots=True)
class RevokedHashes:
    """The revoked passes of one kid, to be published: hashes of the types named, 16 bytes each.

    A `mode` of None stands for the one that goes with the number of hashes.
    """

    hashes: frozenset[bytes]
    """The hashes, 16 bytes each."""
    hash_types: frozenset[HashType]
    """What they are made of."""
    expires: datetime
    """The last moment (inclusive) for which they count."""
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
        members: list[Member] = []
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
            members.append(Member(stated, part["id"], prefix[-1], digest, content))
        partitions[kid] = json.dumps(list(parts.values())).encode()
        archives.append(write_archive(members))
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
