"""Archives of slices (tar, compressed with gzip), as the EU's distribution service sends them.

A member's name is ``kid/id/chunk/hash``, the kid in base64, which may hold ``/``: names are read
from the right. Reading is bounded whatever the archive states; links, devices and sparse files are
refused, and nothing is written to a disk.

The headers (POSIX.1-2001, *pax Interchange Format*, and GNU tar's long names) are read here and not
by `tarfile`, whose reading of extended headers takes quadratic time in Python 3.11 and 3.12.
"""

from __future__ import annotations

import gzip
import io
import re
import tarfile
from typing import TYPE_CHECKING, Final, NamedTuple

from coronapas.errors import RevocationListError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

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


def read(data: bytes) -> Iterator[Member]:
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


def write(members: Iterable[Member]) -> bytes:
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
