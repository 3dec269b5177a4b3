"""One list inside a store: what it covers, its hashes ready to be searched, and its answer.

The rules of the answer, first to last:

1. A hash in a batch or slice that has not expired: revoked, whatever else is wrong with the list.
2. A hash in an expired one only: unknown. The list said so once, and no longer does.
3. The pass's country or kid is not covered: the list has no say.
4. The list is past its validity, or older than the caller allows: unknown.
5. A part of the list is missing that may hold the pass: unknown.
6. The list names passes of this kid by a hash that this pass does not have: unknown.
7. Not revoked.

Hashes stand in tables of two plain columns, 20 bytes a hash, and are found by bisection. The first
8 bytes of each hash stand in a sorted column of 64-bit numbers, so that the search runs inside the
standard library's `bisect`. The other 8 bytes, and the number of the batch that the hash came with,
stand beside in the same order. Hashes are evenly spread, so a small index by their first bits
leaves about a hundred neighbours to search; a table of hashes that are not evenly spread is
searched all the same, in a few steps more. A table does not change; changes make new ones.
"""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property
from typing import (
    TYPE_CHECKING,
    Final,
    NamedTuple,
    TypeAlias,
)

from coronapas.revocation._hashes import HASH_LENGTH, HashType, RevocationAnswer, RevocationOutcome
from coronapas.revocation._list import Gap, RevocationList, unpack

if TYPE_CHECKING:
    from collections.abc import (
        Callable,
        Container,
        Iterable,
        Iterator,
        Mapping,
        Sequence,
    )

    from coronapas.revocation._hashes import PassHashes
    from coronapas.revocation._list import Membership, Slice

# Tables of hashes

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

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle the columns as bytes: they may lie in a file, of which no view can be pickled."""
        return _from_bytes, (self.bytes_of_heads(), bytes(self.tails))

    def batches_of(self, value: bytes) -> list[int]:
        """Return the numbers of the batches that hold this hash of 16 bytes, in no order."""
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
        """Return the numbers in the rows, of those with equal heads, that go on with `rest`."""
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
        """Return the rows from `first` to before `last`: hash and batch number, 20 bytes each."""
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
        """Return the sorted column as little-endian bytes."""
        return _little_endian(self.heads)


def _starts(heads: Sequence[int], bits: int) -> Sequence[int]:
    """Return the first row of each place of the index, and the number of rows at the end."""
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
    """Return a table on columns elsewhere, as `bytes_of_heads` and `tails` wrote them."""
    if _SWAP:  # pragma: no cover - big-endian machines
        return Table(_column(heads.tobytes()), tails)
    return Table(heads.cast("Q"), tails)


def _from_bytes(heads: bytes, tails: bytes) -> Table:
    return Table(_column(heads), tails)


def _column(data: bytes | bytearray) -> array[int]:
    column = array("Q")
    column.frombytes(data)
    if _SWAP:  # pragma: no cover - big-endian machines
        column.byteswap()
    return column


def build(batches: Iterable[tuple[int, bytes]]) -> Table:
    """Return a table of batches: number and packed hashes. Takes twice its memory on the way."""
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
    """Return how the first byte makes parts to sort one by one: 8 for one part, 0 for 256."""
    return 8 if rows <= _IN_ONE_PART else 0


def merge(tables: Sequence[Table], keep: Callable[[int], bool] | None = None) -> Table:
    """Return one table of the rows of several; with `keep`, of those whose number it keeps."""
    if keep is None:
        return _stack(_parts(tables))
    return _stack([row for row in rows if keep(_number(row))] for rows in _parts(tables))


def without(table: Table, hashes: Container[bytes]) -> Table:
    """Return the table without these hashes, whatever batch they came with."""
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
    """Return a table of rows that come in parts, which are in their order."""
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


# Lists

GroupKey: TypeAlias = tuple[bytes | None, HashType]

MERGE_FACTOR = 4
"""A table is merged with the one before as long as that one is at most this many times as long."""


class Held(NamedTuple):
    """A batch whose hashes are in the tables; `expires` in seconds since 1970-01-01T00:00:00Z."""

    id: str
    hash_type: HashType
    kid: bytes | None
    expires: float | None
    country: str | None
    size: int


_Shelf: TypeAlias = "Mapping[str, tuple[tuple[Membership, tuple[Slice, ...]], ...]]"
"""One kid's slices by prefix; those that share their content together, to ask it once."""


class _Plan(NamedTuple):
    """What to search for a pass of one kid, and by which hashes the list names such passes."""

    stacks: tuple[tuple[HashType, tuple[Table, ...]], ...]
    needs: tuple[HashType, ...]


@dataclass(frozen=True)
class Holding:
    """One list's state; immutable by convention, `applied` returns the next one.

    `state` is the list without its batches and slices. A batch that is in the tables and not in
    `batches` was removed.
    """

    state: RevocationList
    tables: Mapping[GroupKey, tuple[Table, ...]]
    batches: Mapping[int, Held]
    slices: Mapping[str, Slice]
    next_number: int = 0

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle the fields alone: what was computed of them is computed again."""
        tables, batches, slices = dict(self.tables), dict(self.batches), dict(self.slices)
        return Holding, (self.state, tables, batches, slices, self.next_number)

    def renamed(self, source: str) -> Holding:
        """Return the same state under another source's name."""
        return replace(self, state=replace(self.state, source=source))

    @cached_property
    def _shelves(self) -> Mapping[bytes | None, _Shelf]:
        """The slices by kid, prefix and content."""
        shelves: dict[bytes | None, dict[str, dict[int, list[Slice]]]] = {}
        for piece in self.slices.values():
            shelf = shelves.setdefault(piece.kid, {}).setdefault(piece.prefix, {})
            shelf.setdefault(id(piece.content), []).append(piece)
        return {
            kid: {
                prefix: tuple((pieces[0].content, tuple(pieces)) for pieces in shared.values())
                for prefix, shared in shelf.items()
            }
            for kid, shelf in shelves.items()
        }

    @cached_property
    def _gaps(self) -> Mapping[bytes | None, tuple[Gap, ...]]:
        """The gaps by the kid that they are of; under None, those that may be of any."""
        gaps: dict[bytes | None, list[Gap]] = {}
        for gap in self.state.gaps:
            gaps.setdefault(gap.kid, []).append(gap)
        return {kid: tuple(found) for kid, found in gaps.items()}

    # The look-ups below run for every pass, so that what they need is laid out for them once: no
    # set is built, no enumeration is hashed, and the answer that most passes get is made already.

    @cached_property
    def _plans(self) -> Mapping[bytes | None, _Plan]:
        """What to search for passes of each kid; under None, for those of every other."""
        stacks: dict[bytes | None, list[tuple[HashType, tuple[Table, ...]]]] = {None: []}
        for (kid, hash_type), stack in self.tables.items():
            stacks.setdefault(kid, []).append((hash_type, stack))
        plans: dict[bytes | None, _Plan] = {}
        for kid in {**stacks, **self._shelves}:
            found = [*stacks.get(kid, ()), *(stacks[None] if kid is not None else ())]
            types = {hash_type for hash_type, _ in found}
            for shared in self._shelves.get(kid, {}).values():
                for _, pieces in shared:
                    types.update(*(piece.hash_types for piece in pieces))
            plans[kid] = _Plan(tuple(found), tuple(types))
        return plans

    @cached_property
    def _ends(self) -> Mapping[bytes | None, float]:
        """When what is said of a kid is over; under None, when the whole list is."""
        ends: dict[bytes | None, float] = {
            kid: end.timestamp() for kid, end in self.state.kid_valid_until.items()
        }
        if self.state.valid_until is not None:
            ends[None] = self.state.valid_until.timestamp()
        return ends

    @cached_property
    def _not_revoked(self) -> RevocationAnswer:
        return RevocationAnswer(
            RevocationOutcome.NOT_REVOKED, "revocation.ok", self.state.source, self.state.as_of
        )

    @cached_property
    def hash_count(self) -> int:
        """Hashes in the tables, those of removed batches left out."""
        return sum(held.size for held in self.batches.values())

    def answer(
        self, hashes: PassHashes, kid: bytes | None, now: float, max_age: timedelta | None
    ) -> RevocationAnswer | None:
        """Return what the list says of a pass; None where it has no say.

        `now` is in seconds since 1970-01-01T00:00:00Z.
        """
        plan = self._plans.get(kid) or self._plans[None]
        found = self._in_tables(hashes, plan, now)
        if self.slices and kid in self._shelves:
            found = self._worse(found, self._in_slices(hashes, self._shelves[kid], now))
        if found is not None:
            return found
        if not self._covers(hashes, kid):
            return None
        if self._expired(kid, now, max_age):
            return self._unknown("revocation.list-expired")
        if self.state.gaps and self._may_hide(hashes, kid):
            return self._unknown("revocation.list-incomplete")
        given = [hash_type for hash_type, _ in hashes.candidates]
        for hash_type in plan.needs:
            if hash_type not in given:
                return self._unknown("revocation.no-hash")
        return self._not_revoked

    def _in_tables(self, hashes: PassHashes, plan: _Plan, now: float) -> RevocationAnswer | None:
        """Return the answer for a pass in a batch: revoked, or unknown if all such have expired."""
        lapsed = None
        for hash_type, stack in plan.stacks:
            for candidate_type, values in hashes.candidates:
                if candidate_type is not hash_type:
                    continue
                for number in _numbers(stack, values):
                    held = self.batches.get(number)
                    if held is None:
                        continue
                    if held.expires is None or now <= held.expires:
                        return self._revoked(hash_type, held.id, 0.0)
                    lapsed = self._lapsed(hash_type, held.id)
        return lapsed

    def _in_slices(self, hashes: PassHashes, shelf: _Shelf, now: float) -> RevocationAnswer | None:
        """Return the answer for a pass in a slice: revoked, or unknown if all such have expired."""
        lapsed = None
        lengths = {len(prefix) for prefix in shelf}
        for hash_type, values in hashes.candidates:
            for value in values:
                digits = value.hex()
                for content, pieces in (
                    each for size in lengths for each in shelf.get(digits[:size], ())
                ):
                    named = [piece for piece in pieces if hash_type in piece.hash_types]
                    if not named or value not in content:
                        continue
                    for piece in named:
                        if piece.expires is None or now <= piece.expires.timestamp():
                            rate = content.false_positive_rate
                            return self._revoked(hash_type, piece.id, rate)
                    lapsed = self._lapsed(hash_type, named[-1].id)
        return lapsed

    @staticmethod
    def _worse(
        first: RevocationAnswer | None, second: RevocationAnswer | None
    ) -> RevocationAnswer | None:
        if first is None or second is None:
            return first or second
        return first if first.outcome is RevocationOutcome.REVOKED else second

    def _revoked(self, hash_type: HashType, batch: str, rate: float) -> RevocationAnswer:
        return RevocationAnswer(
            RevocationOutcome.REVOKED,
            "revocation.revoked",
            self.state.source,
            self.state.as_of,
            hash_type,
            batch,
            rate,
        )

    def _lapsed(self, hash_type: HashType, batch: str) -> RevocationAnswer:
        answer = self._unknown("revocation.entry-expired")
        return answer._replace(hash_type=hash_type, batch=batch)

    def _unknown(self, code: str) -> RevocationAnswer:
        return RevocationAnswer(
            RevocationOutcome.UNKNOWN, code, self.state.source, self.state.as_of
        )

    def _covers(self, hashes: PassHashes, kid: bytes | None) -> bool:
        countries, kids = self.state.countries, self.state.kids
        if countries is not None and not countries & hashes.countries:
            return False
        return kids is None or kid in kids

    def _may_hide(self, hashes: PassHashes, kid: bytes | None) -> bool:
        """Tell whether a missing part may hold the pass; one without a kid may be in any part."""
        if kid is None:
            return any(_may_hold(gap, hashes) for gap in self.state.gaps)
        gaps = (*self._gaps.get(kid, ()), *self._gaps.get(None, ()))
        return any(_may_hold(gap, hashes) for gap in gaps)

    def _expired(self, kid: bytes | None, now: float, max_age: timedelta | None) -> bool:
        ends = self._ends
        if ends and min(ends.get(None, now), ends.get(kid, now)) < now:
            return True
        if max_age is None:
            return False
        # A list that does not say how old it is may be any age.
        as_of = self.state.as_of
        if as_of is None:
            return True
        try:
            return now > (as_of + max_age).timestamp()
        except OverflowError:  # the end lies beyond the calendar, after all moments or before
            return max_age < timedelta(0)

    def applied(self, change: RevocationList) -> Holding:
        """Return the state after a change."""
        removed = change.removed.union(change.batch_ids, change.slice_ids)
        batches = {
            number: held
            for number, held in self.batches.items()
            if held.id not in removed and not _in_groups(held, change)
        }
        slices = {id_: piece for id_, piece in self.slices.items() if id_ not in removed}
        slices.update((piece.id, piece) for piece in change.slices)
        tables = self.tables
        if change.removed_hashes:
            gone = frozenset(unpack(change.removed_hashes))
            tables = {
                key: tuple(without(rows, gone) for rows in stack) for key, stack in tables.items()
            }
        tables = _swept(tables, batches, len(batches) != len(self.batches))
        fresh, held = _filed(change, self.next_number)
        batches.update(held)
        return Holding(
            _state_after(self.state, change, removed),
            _stacked(tables, fresh),
            batches,
            slices,
            self.next_number + len(held),
        )

    def compacted(self) -> Holding:
        """Return the same state with one table for each kid and hash type, and nothing removed."""
        alive = self.batches.keys()
        tables = {key: (merge(stack, alive.__contains__),) for key, stack in self.tables.items()}
        return replace(self, tables={key: stack for key, stack in tables.items() if stack[0]})


def hold(given: RevocationList) -> Holding:
    """Return the state that a first list makes; a mere change leaves everything else unknown."""
    gaps = given.gaps
    if not given.complete:
        gaps = (*gaps, Gap("the list that this change belongs to is missing"))
    empty = replace(given, batches=(), slices=(), gaps=gaps, removed_hashes=b"")
    return Holding(empty, {}, {}, {}).applied(replace(given, complete=False, gaps=gaps))


def _numbers(stack: tuple[Table, ...], values: tuple[bytes, ...]) -> list[int]:
    """Return the numbers of all batches in a stack of tables that hold one of the hashes."""
    if len(stack) == 1 and len(values) == 1:
        return stack[0].batches_of(values[0])
    return [number for rows in stack for value in values for number in rows.batches_of(value)]


def _in_groups(held: Held, change: RevocationList) -> bool:
    groups = change.removed_groups
    return (held.kid, held.hash_type) in groups or (held.kid, None) in groups


def _state_after(
    state: RevocationList, change: RevocationList, filled: frozenset[str]
) -> RevocationList:
    """Return what is known of the list after a change; what the change does not state stays."""
    left = (gap for gap in state.gaps if not gap.id or gap.id not in filled)
    gaps = dict.fromkeys((*left, *change.gaps))
    return replace(
        state,
        as_of=change.as_of or state.as_of,
        valid_until=change.valid_until or state.valid_until,
        gaps=tuple(gaps),
        kid_valid_until={**state.kid_valid_until, **change.kid_valid_until},
        form=change.form or state.form,
        revision=state.revision if change.revision is None else change.revision,
        # A list is as trustworthy as the least of its parts.
        signature=state.signature if state.signature == change.signature else "none",
    )


def _filed(
    change: RevocationList, next_number: int
) -> tuple[dict[GroupKey, Table], dict[int, Held]]:
    """New tables for the change's batches, and what is to be known of each batch."""
    groups: dict[GroupKey, list[tuple[int, bytes]]] = {}
    held: dict[int, Held] = {}
    if next_number + len(change.batches) > MAX_BATCH:
        raise ValueError("a list must not have had more batches than can be counted")
    for number, batch in enumerate(change.batches, start=next_number):
        expires = None if batch.expires is None else batch.expires.timestamp()
        held[number] = Held(
            batch.id, batch.hash_type, batch.kid, expires, batch.country, len(batch)
        )
        groups.setdefault((batch.kid, batch.hash_type), []).append((number, batch.hashes))
    return {key: build(parts) for key, parts in groups.items()}, held


def _swept(
    tables: Mapping[GroupKey, tuple[Table, ...]], batches: Mapping[int, Held], due: bool
) -> dict[GroupKey, tuple[Table, ...]]:
    """Return the tables; those that are mostly removed batches, without these."""
    if not due:
        return dict(tables)
    alive: dict[GroupKey, int] = {}
    for held in batches.values():
        key = (held.kid, held.hash_type)
        alive[key] = alive.get(key, 0) + held.size
    swept: dict[GroupKey, tuple[Table, ...]] = {}
    for key, stack in tables.items():
        if key not in alive:
            continue
        rows = sum(map(len, stack))
        swept[key] = (merge(stack, batches.__contains__),) if 2 * alive[key] < rows else stack
    return swept


def _stacked(
    tables: Mapping[GroupKey, tuple[Table, ...]], fresh: Mapping[GroupKey, Table]
) -> dict[GroupKey, tuple[Table, ...]]:
    """Return the tables with new ones on top, merged so that each stack stays low."""
    stacked = dict(tables)
    for key, rows in fresh.items():
        stack = [*stacked.get(key, ()), rows]
        while len(stack) > 1 and len(stack[-2]) <= MERGE_FACTOR * len(stack[-1]):
            last, before = stack.pop(), stack.pop()
            stack.append(merge([before, last]))
        stacked[key] = tuple(stack)
    return stacked


def _may_hold(gap: Gap, hashes: PassHashes) -> bool:
    """Tell whether the missing part may hold one of the hashes."""
    values: Iterable[bytes] = [
        value
        for hash_type, candidates in hashes.candidates
        if gap.hash_type is None or gap.hash_type is hash_type
        for value in candidates
    ]
    # Without a hash of the type nothing excludes the pass.
    return not values or any(value.hex().startswith(gap.prefix) for value in values)
