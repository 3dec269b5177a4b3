"""The file of a revocation store: a head in JSON, the columns of hashes as they lie in memory.

::

    magic (8 bytes) ‖ length of the head (8 bytes, little-endian) ‖ head ‖ body ‖ SHA-256 of it all

The head names what lies where in the body; all offsets are multiples of 8 and count from the body's
start. Loading needs no sorting and copies no hash. The last character of the magic is the version
of the format: a reader refuses every other one.
"""

from __future__ import annotations

import hashlib
import json
from binascii import Error as HexError
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Protocol

from coronapas.errors import RevocationListError
from coronapas.revocation import table
from coronapas.revocation.bloom import BloomFilter
from coronapas.revocation.hashes import HashType
from coronapas.revocation.holding import Held, Holding
from coronapas.revocation.lists import Gap, RevocationList, Slice
from coronapas.revocation.prefixes import PrefixList

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from coronapas.revocation.lists import Membership

MAGIC: Final = b"CPrevoc1"

_DIGEST: Final = 32
_ALIGN: Final = 8
_START: Final = len(MAGIC) + 8
_CHUNK: Final = 1 << 20
_KINDS: Final[dict[str, type[BloomFilter] | type[PrefixList]]] = {
    "bloom": BloomFilter,
    "prefixes": PrefixList,
}


class Writable(Protocol):
    """A binary file, open for writing."""

    def write(self, data: bytes | memoryview, /) -> object:
        """Write all of `data`."""
        ...


class _Body:
    """The body while it is planned: chunks in their order, and where the next one begins."""

    def __init__(self) -> None:
        self.chunks: list[table.Table | bytes] = []
        self.size = 0

    def add(self, chunk: table.Table | bytes) -> int:
        """Plan a chunk; where it begins, counted from the body's start."""
        at = self.size
        length = table.RECORD * len(chunk) if isinstance(chunk, table.Table) else len(chunk)
        self.chunks.append(chunk)
        self.size += length + -length % _ALIGN
        return at


def write(file: Writable, holdings: Iterable[Holding]) -> None:
    """Write these lists."""
    body = _Body()
    head = json.dumps([_head_of(held, body) for held in holdings], separators=(",", ":")).encode()
    head += b" " * (-(_START + len(head)) % _ALIGN)
    digest = hashlib.sha256()
    for piece in (MAGIC, len(head).to_bytes(8, "little"), head, *_pieces(body)):
        digest.update(piece)
        file.write(piece)
    file.write(digest.digest())


def _pieces(body: _Body) -> Iterator[bytes | memoryview]:
    for chunk in body.chunks:
        pieces = (
            (chunk.bytes_of_heads(), chunk.tails) if isinstance(chunk, table.Table) else (chunk,)
        )
        yield from pieces
        yield bytes(-sum(map(len, pieces)) % _ALIGN)


def _head_of(held: Holding, body: _Body) -> dict[str, object]:
    state = held.state
    return {
        "source": state.source,
        "form": state.form,
        "signature": state.signature,
        "as_of": _moment(state.as_of),
        "valid_until": _moment(state.valid_until),
        "countries": None if state.countries is None else sorted(state.countries),
        "kids": None if state.kids is None else sorted(map(bytes.hex, state.kids)),
        "kid_valid_until": {
            kid.hex(): end.isoformat() for kid, end in state.kid_valid_until.items()
        },
        "gaps": [
            [gap.reason, _hex(gap.kid), gap.hash_type, gap.prefix, gap.id] for gap in state.gaps
        ],
        "revision": state.revision,
        "next_number": held.next_number,
        "batches": [
            [number, batch.id, batch.hash_type, _hex(batch.kid), *batch[3:]]
            for number, batch in held.batches.items()
        ],
        "tables": [
            [_hex(kid), hash_type, len(rows), body.add(rows)]
            for (kid, hash_type), stack in held.tables.items()
            for rows in stack
        ],
        "slices": [_slice_head(piece, body) for piece in held.slices.values()],
    }


def _slice_head(piece: Slice, body: _Body) -> list[object]:
    content = piece.content.write()
    kind = "bloom" if isinstance(piece.content, BloomFilter) else "prefixes"
    types, end = sorted(piece.hash_types), _moment(piece.expires)
    where = [kind, len(content), body.add(content)]
    return [piece.id, piece.kid.hex(), piece.prefix, types, end, *where]


def read(data: memoryview) -> list[Holding]:
    """The lists of a file; raises RevocationListError where it is not intact."""
    _check(data)
    length = int.from_bytes(data[len(MAGIC) : _START], "little")
    end = len(data) - _DIGEST
    if length > end - _START:
        raise _fault("the head is longer than the file")
    body = data[_START + length : end]
    try:
        head = json.loads(bytes(data[_START : _START + length]))
        return [_holding(item, body) for item in head]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, HexError) as error:
        raise _fault("the head cannot be read") from error


def _check(data: memoryview) -> None:
    if bytes(data[: len(MAGIC) - 1]) != MAGIC[:-1]:
        raise _fault("it is no revocation store")
    if bytes(data[len(MAGIC) - 1 : len(MAGIC)]) != MAGIC[-1:]:
        raise RevocationListError("store", "unsupported", "the file is of another version")
    if len(data) < _START + _DIGEST:
        raise _fault("the file was cut off")
    digest = hashlib.sha256()
    end = len(data) - _DIGEST
    for at in range(0, end, _CHUNK):
        digest.update(data[at : min(at + _CHUNK, end)])
    if digest.digest() != bytes(data[end:]):
        raise _fault("the file was cut off or changed: its checksum does not fit")


def _holding(head: dict[str, Any], body: memoryview) -> Holding:
    kids, countries = head["kids"], head["countries"]
    state = RevocationList(
        source=head["source"],
        as_of=_from_moment(head["as_of"]),
        valid_until=_from_moment(head["valid_until"]),
        gaps=tuple(
            Gap(reason, _from_hex(kid), None if kind is None else HashType(kind), prefix, id_)
            for reason, kid, kind, prefix, id_ in head["gaps"]
        ),
        countries=None if countries is None else frozenset(countries),
        kids=None if kids is None else frozenset(map(bytes.fromhex, kids)),
        kid_valid_until={
            bytes.fromhex(kid): datetime.fromisoformat(end)
            for kid, end in head["kid_valid_until"].items()
        },
        form=head["form"],
        revision=head["revision"],
        signature=head["signature"],
    )
    tables: dict[tuple[bytes | None, HashType], tuple[table.Table, ...]] = {}
    for kid, kind, count, at in head["tables"]:
        key = (_from_hex(kid), HashType(kind))
        rows = _part(body, at, count * table.RECORD)
        column = count * table.HEAD
        tables[key] = (*tables.get(key, ()), table.view(rows[:column], rows[column:]))
    batches = {
        number: Held(id_, HashType(kind), _from_hex(kid), expires, country, size)
        for number, id_, kind, kid, expires, country, size in head["batches"]
    }
    slices = {item[0]: _slice(item, body) for item in head["slices"]}
    return Holding(state, tables, batches, slices, head["next_number"])


def _slice(head: list[Any], body: memoryview) -> Slice:
    id_, kid, prefix, types, end, kind, size, at = head
    content: Membership = _KINDS[kind].read(bytes(_part(body, at, size)))
    hash_types = frozenset(map(HashType, types))
    return Slice(id_, bytes.fromhex(kid), prefix, hash_types, content, _from_moment(end))


def _part(body: memoryview, at: int, size: int) -> memoryview:
    if at < 0 or size < 0 or at + size > len(body):
        raise ValueError("a part lies outside the file")
    return body[at : at + size]


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _from_moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _hex(value: bytes | None) -> str | None:
    return None if value is None else value.hex()


def _from_hex(text: str | None) -> bytes | None:
    return None if text is None else bytes.fromhex(text)


def _fault(message: str) -> RevocationListError:
    return RevocationListError("store", "malformed", message)
