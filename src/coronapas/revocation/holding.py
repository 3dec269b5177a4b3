"""One list inside a store: what it covers, its hashes ready to be searched, and its answer.

The rules of the answer, first to last:

1. A hash in a batch or slice that has not expired: revoked, whatever else is wrong with the list.
2. A hash in an expired one only: unknown. The list said so once, and no longer does.
3. The pass's country or kid is not covered: the list has no say.
4. The list is past its validity, or older than the caller allows: unknown.
5. A part of the list is absent that may hold the pass: unknown.
6. The list names passes of this kid by a hash that this pass does not have: unknown.
7. Not revoked.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from coronapas.revocation import table
from coronapas.revocation.hashes import HashType
from coronapas.revocation.lists import Gap, RevocationList, unpack
from coronapas.revocation.status import RevocationAnswer, RevocationOutcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import timedelta

    from coronapas.revocation.hashes import PassHashes
    from coronapas.revocation.lists import Slice

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


class _Plan(NamedTuple):
    """What to search for a pass of one kid, and by which hashes the list names such passes."""

    stacks: tuple[tuple[HashType, tuple[table.Table, ...]], ...]
    needs: tuple[HashType, ...]


@dataclass(frozen=True)
class Holding:
    """One list's state; immutable by convention, `applied` makes the next one.

    `state` is the list without its batches and slices. A batch that is in the tables and not in
    `batches` was removed.
    """

    state: RevocationList
    tables: Mapping[GroupKey, tuple[table.Table, ...]]
    batches: Mapping[int, Held]
    slices: Mapping[str, Slice]
    next_number: int = 0

    @cached_property
    def _shelves(self) -> Mapping[bytes | None, Mapping[str, tuple[Slice, ...]]]:
        """The slices by kid and by prefix."""
        shelves: dict[bytes | None, dict[str, list[Slice]]] = {}
        for piece in self.slices.values():
            shelves.setdefault(piece.kid, {}).setdefault(piece.prefix, []).append(piece)
        return {
            kid: {prefix: tuple(pieces) for prefix, pieces in shelf.items()}
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
        stacks: dict[bytes | None, list[tuple[HashType, tuple[table.Table, ...]]]] = {None: []}
        for (kid, hash_type), stack in self.tables.items():
            stacks.setdefault(kid, []).append((hash_type, stack))
        plans: dict[bytes | None, _Plan] = {}
        for kid in {**stacks, **self._shelves}:
            found = [*stacks.get(kid, ()), *(stacks[None] if kid is not None else ())]
            types = {hash_type for hash_type, _ in found}
            for pieces in self._shelves.get(kid, {}).values():
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
        """What the list says of a pass; None where it has no say. `now` in seconds since 1970."""
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
        """The answer for a pass that a batch holds: revoked, or unknown if only expired ones do."""
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

    def _in_slices(
        self, hashes: PassHashes, shelf: Mapping[str, tuple[Slice, ...]], now: float
    ) -> RevocationAnswer | None:
        """The answer for a pass that a slice holds: revoked, or unknown if only expired ones do."""
        lapsed = None
        lengths = {len(prefix) for prefix in shelf}
        for hash_type, values in hashes.candidates:
            for value in values:
                digits = value.hex()
                for piece in (one for size in lengths for one in shelf.get(digits[:size], ())):
                    if hash_type not in piece.hash_types or value not in piece.content:
                        continue
                    if piece.expires is None or now <= piece.expires.timestamp():
                        rate = piece.content.false_positive_rate
                        return self._revoked(hash_type, piece.id, rate)
                    lapsed = self._lapsed(hash_type, piece.id)
        return lapsed

    @staticmethod
    def _worse(
        one: RevocationAnswer | None, other: RevocationAnswer | None
    ) -> RevocationAnswer | None:
        if one is None or other is None:
            return one or other
        return one if one.outcome is RevocationOutcome.REVOKED else other

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
        """Whether an absent part may hold the pass; one without a kid may be of any part."""
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
        return as_of is None or now > (as_of + max_age).timestamp()

    def applied(self, change: RevocationList) -> Holding:
        """The state after a change."""
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
                key: tuple(table.without(rows, gone) for rows in stack)
                for key, stack in tables.items()
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
        """The same state with one table for each kid and hash type, without removed batches."""
        alive = self.batches.keys()
        tables = {
            key: (table.merge(stack, alive.__contains__),) for key, stack in self.tables.items()
        }
        return replace(self, tables={key: stack for key, stack in tables.items() if stack[0]})


def hold(given: RevocationList) -> Holding:
    """The state that a first list makes; a mere change leaves everything else unknown."""
    gaps = given.gaps
    if not given.complete:
        gaps = (*gaps, Gap("the list that this change belongs to is absent"))
    empty = replace(given, batches=(), slices=(), gaps=gaps, removed_hashes=b"")
    return Holding(empty, {}, {}, {}).applied(replace(given, complete=False, gaps=gaps))


def _numbers(stack: tuple[table.Table, ...], values: tuple[bytes, ...]) -> list[int]:
    """The numbers of all batches in a stack of tables that hold one of the hashes."""
    if len(stack) == 1 and len(values) == 1:
        return stack[0].batches_of(values[0])
    return [number for rows in stack for value in values for number in rows.batches_of(value)]


def _in_groups(held: Held, change: RevocationList) -> bool:
    groups = change.removed_groups
    return (held.kid, held.hash_type) in groups or (held.kid, None) in groups


def _state_after(
    state: RevocationList, change: RevocationList, filled: frozenset[str]
) -> RevocationList:
    """What is known of the list after a change; what the change leaves open stays as it was."""
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
) -> tuple[dict[GroupKey, table.Table], dict[int, Held]]:
    """New tables for the change's batches, and what is to be known of each batch."""
    groups: dict[GroupKey, list[tuple[int, bytes]]] = {}
    held: dict[int, Held] = {}
    if next_number + len(change.batches) > table.MAX_BATCH:
        raise ValueError("a list has had more batches than can be counted")
    for number, batch in enumerate(change.batches, start=next_number):
        expires = None if batch.expires is None else batch.expires.timestamp()
        held[number] = Held(
            batch.id, batch.hash_type, batch.kid, expires, batch.country, len(batch)
        )
        groups.setdefault((batch.kid, batch.hash_type), []).append((number, batch.hashes))
    return {key: table.build(parts) for key, parts in groups.items()}, held


def _swept(
    tables: Mapping[GroupKey, tuple[table.Table, ...]], batches: Mapping[int, Held], due: bool
) -> dict[GroupKey, tuple[table.Table, ...]]:
    """The tables, those mostly of removed batches without them."""
    if not due:
        return dict(tables)
    alive: dict[GroupKey, int] = {}
    for held in batches.values():
        key = (held.kid, held.hash_type)
        alive[key] = alive.get(key, 0) + held.size
    swept: dict[GroupKey, tuple[table.Table, ...]] = {}
    for key, stack in tables.items():
        if key not in alive:
            continue
        rows = sum(map(len, stack))
        swept[key] = (table.merge(stack, batches.__contains__),) if 2 * alive[key] < rows else stack
    return swept


def _stacked(
    tables: Mapping[GroupKey, tuple[table.Table, ...]], fresh: Mapping[GroupKey, table.Table]
) -> dict[GroupKey, tuple[table.Table, ...]]:
    """The tables with new ones on top, merged so that each stack stays low."""
    stacked = dict(tables)
    for key, rows in fresh.items():
        stack = [*stacked.get(key, ()), rows]
        while len(stack) > 1 and len(stack[-2]) <= MERGE_FACTOR * len(stack[-1]):
            last, before = stack.pop(), stack.pop()
            stack.append(table.merge([before, last]))
        stacked[key] = tuple(stack)
    return stacked


def _may_hold(gap: Gap, hashes: PassHashes) -> bool:
    """Whether the absent part may hold one of the hashes."""
    values: Iterable[bytes] = [
        value
        for hash_type, candidates in hashes.candidates
        if gap.hash_type is None or gap.hash_type is hash_type
        for value in candidates
    ]
    # Without a hash of the type nothing excludes the pass.
    return not values or any(value.hex().startswith(gap.prefix) for value in values)
