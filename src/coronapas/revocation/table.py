"""Millions of hashes in two plain columns, found by bisection: 20 bytes a hash.

The first 8 bytes of each hash stand in a sorted column of 64-bit numbers, so that the search runs
inside the standard library's `bisect`. The other 8 bytes, and the number of the batch that the hash
came with, stand beside in the same order. Hashes are evenly spread, so a small index by their first
bits leaves a search a hundred neighbours; a table of hashes that are not is searched all the same,
in a few steps more. A table does not change; changes make new ones.
"""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, Final

from coronapas.revocation.hashes import HASH_LENGTH

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Sequence

HEAD: Final = 8
"""Bytes of a hash that the sorted column holds."""

REST: Final = HASH_LENGTH - HEAD
TAIL: Final = REST + 4
RECORD: Final = HEAD + TAIL
"""Bytes that each hash takes."""

MAX_BATCH: Final = 0xFFFF_FFFF

# The index: so many rows share a place of it, and it has at most 2 to so many places.
_ROWS_A_PLACE_BITS: Final = 7
_MAX_INDEX_BITS: Final = 16

# So many rows are sorted at once; more are sorted in parts.
_IN_ONE_PART: Final = 1 << 16

_SWAP: Final = sys.byteorder == "big"


class Table:
    """Hashes with the numbers of their batches; sorted, immutable by convention."""

    __slots__ = ("_shift", "_starts", "heads", "tails")

    heads: Sequence[int]
    tails: bytes | memoryview

    def __init__(self, heads: Sequence[int], tails: bytes | memoryview) -> None:
        self.heads = heads
        self.tails = tails
        bits = min(_MAX_INDEX_BITS, max(0, len(heads).bit_length() - _ROWS_A_PLACE_BITS))
        self._shift = 64 - bits
        self._starts = _starts(heads, bits)

    def __len__(self) -> int:
        return len(self.heads)

    def batches_of(self, value: bytes) -> list[int]:
        """The numbers of the batches that hold this hash of 16 bytes, in no order."""
        heads = self.heads
        head = int.from_bytes(value[:HEAD], "big")
        place = head >> self._shift
        end = self._starts[place + 1]
        first = bisect_left(heads, head, self._starts[place], end)
        if first == end or heads[first] != head:
            return []
        if first + 1 < end and heads[first + 1] == head:
            return self._among(first, bisect_right(heads, head, first, end), value[HEAD:])
        tail = bytes(self.tails[first * TAIL : (first + 1) * TAIL])
        return [int.from_bytes(tail[REST:], "little")] if tail[:REST] == value[HEAD:] else []

    def _among(self, first: int, last: int, rest: bytes) -> list[int]:
        """Of the rows whose heads are equal, those that go on like this: rows are sorted."""
        tails = self.tails

        def rest_of(row: int) -> bytes:
            return bytes(tails[row * TAIL : row * TAIL + REST])

        row = bisect_left(range(last), rest, first, last, key=rest_of)
        numbers = []
        while row < last and rest_of(row) == rest:
            at = row * TAIL + REST
            numbers.append(int.from_bytes(tails[at : at + TAIL - REST], "little"))
            row += 1
        return numbers

    def records(self, first: int = 0, last: int | None = None) -> bytes:
        """The rows from `first` to before `last`: hash and batch number, 20 bytes each."""
        end = len(self.heads) if last is None else last
        heads = _little_endian(self.heads[first:end])
        tails = self.tails[first * TAIL : end * TAIL]
        packed = bytearray(RECORD * (end - first))
        for byte in range(HEAD):
            packed[byte::RECORD] = heads[HEAD - 1 - byte :: HEAD]
        for byte in range(TAIL):
            packed[HEAD + byte :: RECORD] = tails[byte::TAIL]
        return bytes(packed)

    def bytes_of_heads(self) -> bytes:
        """The sorted column as little-endian bytes."""
        return _little_endian(self.heads)


def _starts(heads: Sequence[int], bits: int) -> Sequence[int]:
    """The first row of each place of the index, and the number of rows at the end."""
    starts = array("Q", [0])
    for place in range(1, 1 << bits):
        starts.append(bisect_left(heads, place << (64 - bits), starts[-1]))
    starts.append(len(heads))
    return starts


def _little_endian(heads: Sequence[int]) -> bytes:
    column = array("Q", heads)
    if _SWAP:  # pragma: no cover - big-endian machines
        column.byteswap()
    return column.tobytes()


EMPTY: Final = Table((), b"")


def view(heads: memoryview, tails: memoryview) -> Table:
    """A table on columns that lie somewhere else, as `bytes_of_heads` and `tails` wrote them."""
    if _SWAP:  # pragma: no cover - big-endian machines
        return Table(_column(heads.tobytes()), tails)
    return Table(heads.cast("Q"), tails)


def _column(data: bytes | bytearray) -> array[int]:
    column = array("Q")
    column.frombytes(data)
    if _SWAP:  # pragma: no cover - big-endian machines
        column.byteswap()
    return column


def build(batches: Iterable[tuple[int, bytes]]) -> Table:
    """A table of batches: number and packed hashes. Takes twice the table's memory on the way."""
    given = list(batches)
    shift = _shift(sum(len(hashes) for _, hashes in given) // HASH_LENGTH)
    buckets = [bytearray() for _ in range(256 >> shift)]
    for number, hashes in given:
        suffix = number.to_bytes(TAIL - REST, "little")
        for at in range(0, len(hashes), HASH_LENGTH):
            buckets[hashes[at] >> shift] += hashes[at : at + HASH_LENGTH] + suffix
    # From the last one on, each bucket is given back when it has been sorted.
    buckets.reverse()
    return _stack(_rows(buckets.pop()) for _ in range(256 >> shift))


def _shift(rows: int) -> int:
    """How the first byte makes parts that are sorted one by one: 8 for one part, 0 for 256."""
    return 8 if rows <= _IN_ONE_PART else 0


def merge(tables: Sequence[Table], keep: Callable[[int], bool] | None = None) -> Table:
    """One table of the rows of several, those only whose batch number `keep` takes, if given."""
    if keep is None:
        return _stack(_parts(tables))
    return _stack([row for row in rows if keep(_number(row))] for rows in _parts(tables))


def without(table: Table, hashes: Container[bytes]) -> Table:
    """The table without these hashes, whatever batch they came with."""
    return _stack(
        [row for row in rows if row[:HASH_LENGTH].encode("latin-1") not in hashes]
        for rows in _parts([table])
    )


# A row is a text of 20 characters, one for each byte: Python sorts texts of this kind about twice
# as quickly as bytes or tuples.


def _rows(packed: bytes | bytearray) -> list[str]:
    text = packed.decode("latin-1")
    return [text[at : at + RECORD] for at in range(0, len(text), RECORD)]


def _number(row: str) -> int:
    return int.from_bytes(row[HASH_LENGTH:].encode("latin-1"), "little")


def _parts(tables: Sequence[Table]) -> Iterator[list[str]]:
    """All rows, in parts by their first byte: a part has to be in memory beside the result."""
    starts = [0] * len(tables)
    shift = _shift(sum(map(len, tables)))
    for part in range(1, (256 >> shift) + 1):
        ends = [bisect_left(table.heads, part << (56 + shift)) for table in tables]
        yield [
            row
            for table, start, end in zip(tables, starts, ends, strict=True)
            for row in _rows(table.records(start, end))
        ]
        starts = ends


def _stack(parts: Iterable[list[str]]) -> Table:
    """A table of rows that come in parts, ordered among each other."""
    heads = array("Q")
    tails = bytearray()
    for rows in parts:
        if not rows:
            continue
        rows.sort()
        packed = "".join(rows).encode("latin-1")
        column = bytearray(HEAD * len(rows))
        for byte in range(HEAD):
            column[HEAD - 1 - byte :: HEAD] = packed[byte::RECORD]
        heads.extend(_column(column))
        rest = bytearray(TAIL * len(rows))
        for byte in range(TAIL):
            rest[byte::TAIL] = packed[HEAD + byte :: RECORD]
        tails += rest
    return Table(heads, bytes(tails)) if len(heads) else EMPTY
