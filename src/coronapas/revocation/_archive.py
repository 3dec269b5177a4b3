"""Archives of slices (tar, compressed with gzip), as the EU's distribution service sends them.

A member's name is ``kid/id/chunk/hash``, the kid in base64, which may hold ``/``: names are read
from the right. Reading is bounded by `MAX_UNPACKED` and `MAX_MEMBERS`, whatever the archive states;
links, devices and sparse files are refused, and nothing is written to a disk.
"""

from __future__ import annotations

import gzip
import io
import tarfile
from typing import TYPE_CHECKING, Final, NamedTuple

from coronapas.errors import RevocationListError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MAX_UNPACKED: Final = 256 * 1024 * 1024
"""Bytes that an archive may unpack to, inclusive."""

MAX_MEMBERS: Final = 200_000
"""Members that an archive may have, inclusive."""

_CHUNK: Final = 1 << 16
_FORM: Final = "distribution"


class Member(NamedTuple):
    """One slice: its name's parts, the kid still in base64, and its bytes."""

    kid: str
    partition: str
    chunk: str
    digest: str
    content: bytes


class _Bounded(io.RawIOBase):
    """A stream that refuses to give more than `MAX_UNPACKED` bytes."""

    def __init__(self, inner: gzip.GzipFile) -> None:
        self._inner = inner
        self._left = MAX_UNPACKED

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes, none at the end; all that is left for a size below 0."""
        data = self._inner.read(self._left + 1 if size < 0 else min(size, self._left + 1))
        self._left -= len(data)
        if self._left < 0:
            raise _fault("too-large", f"the archive unpacks to more than {MAX_UNPACKED} bytes")
        return data


def read(data: bytes) -> Iterator[Member]:
    """The slices of an archive, one by one; raises RevocationListError at the first fault."""
    try:
        with (
            gzip.GzipFile(fileobj=io.BytesIO(data)) as inner,
            # As a stream: nothing in the archive can make the reader go back.
            tarfile.open(fileobj=(bounded := _Bounded(inner)), mode="r|") as archive,
        ):
            for number, info in enumerate(archive):
                if number >= MAX_MEMBERS:
                    raise _fault("too-large", f"the archive has more than {MAX_MEMBERS} members")
                if not info.isdir():
                    yield _member(archive, info)
            while bounded.read(_CHUNK):  # to the end, where gzip's checksum is
                pass
    except RevocationListError:
        raise
    except Exception as error:  # what a broken archive makes tarfile and gzip raise is not bounded
        raise _fault("malformed", "the archive cannot be unpacked") from error


def _member(archive: tarfile.TarFile, info: tarfile.TarInfo) -> Member:
    if info.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or info.issparse():
        raise _fault("unsupported", "the archive holds what is no plain file")
    if not 0 <= info.size <= MAX_UNPACKED:
        raise _fault("too-large", "a member of the archive is too large")
    file = archive.extractfile(info)
    content = b"" if file is None else file.read()
    parts = info.name.removeprefix("./").rsplit("/", 3)
    if len(parts) != 4:
        raise _fault("malformed", "a member's name is not kid/id/chunk/hash")
    kid, partition, chunk, digest = parts
    return Member(kid, partition, chunk, digest, content)


def make(members: Iterable[Member]) -> bytes:
    """An archive of slices; the same members always give the same bytes."""
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
