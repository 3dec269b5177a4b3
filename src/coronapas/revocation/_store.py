"""Revocation lists of any number of sources, ready to be asked about a pass.

A store never changes: `apply` and `without` make new ones, which share with the old one what did
not change. Every source keeps its own date, validity and gaps.

How the sources' answers make one: any that says revoked decides; else any that covers the pass and
cannot tell makes it unknown; else not revoked, if any source covers the pass; else unknown.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import secrets
from binascii import Error as HexError
from datetime import datetime
from pathlib import Path
from typing import (
    TYPE_CHECKING,
    Any,
    Final,
    NamedTuple,
    NoReturn,
    Protocol,
)

from coronapas.errors import RevocationListError
from coronapas.revocation._bloom import BloomFilter
from coronapas.revocation._hashes import HashType, hashes_of
from coronapas.revocation._holding import HEAD, RECORD, Held, Holding, Table, hold, view
from coronapas.revocation._list import Gap, RevocationList, Slice
from coronapas.revocation._prefixes import PrefixList
from coronapas.revocation._status import RevocationAnswer, RevocationOutcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import timedelta

    from coronapas.hcert._envelope import Envelope
    from coronapas.revocation._hashes import PassHashes
    from coronapas.revocation._list import Membership


_NO_DATA: Final = RevocationAnswer(RevocationOutcome.UNKNOWN, "revocation.no-data")


class SourceSummary(NamedTuple):
    """What a store holds of one source."""

    source: str
    form: str
    as_of: datetime | None
    valid_until: datetime | None
    signature: str
    batches: int
    hashes: int
    slices: int
    gaps: tuple[Gap, ...]


class RevocationStore:
    """What is known of revoked passes; immutable, and safe to share between threads.

    `max_age` is how old (inclusive) a list may be before its silence means nothing; None leaves it
    to what the lists say themselves. It is the caller's policy and is not saved with the store.
    """

    __slots__ = ("_holdings", "max_age")

    _holdings: Mapping[str, Holding]
    max_age: timedelta | None

    def __init__(
        self, lists: Iterable[RevocationList] = (), *, max_age: timedelta | None = None
    ) -> None:
        """A store of these lists, applied in their order."""
        holdings: dict[str, Holding] = {}
        for given in lists:
            holdings[given.source] = _applied(holdings.get(given.source), given, False)
        self._fill(holdings, max_age)

    def _fill(self, holdings: Mapping[str, Holding], max_age: timedelta | None) -> None:
        object.__setattr__(self, "_holdings", holdings)
        object.__setattr__(self, "max_age", max_age)

    @classmethod
    def _make(cls, holdings: Mapping[str, Holding], max_age: timedelta | None) -> RevocationStore:
        new = object.__new__(cls)
        new._fill(holdings, max_age)
        return new

    def apply(self, given: RevocationList, *, allow_older: bool = False) -> RevocationStore:
        """A store with this list: a complete one replaces what its source said before.

        A list that is older than what its source said last, by its date or its revision, raises
        RevocationListError (``list.rollback``), unless `allow_older` says that this is meant:
        replaying an old list is how a revocation is hidden. A change that was made for another
        revision than the one at hand raises it too (``list.inconsistent``).
        """
        before = self._holdings.get(given.source)
        after = _applied(before, given, allow_older)
        return self._make({**self._holdings, given.source: after}, self.max_age)

    def without(self, source: str) -> RevocationStore:
        """A store without this source; the same store where there is none of that name."""
        if source not in self._holdings:
            return self
        rest = {name: held for name, held in self._holdings.items() if name != source}
        return self._make(rest, self.max_age)

    def with_max_age(self, max_age: timedelta | None) -> RevocationStore:
        """The same data under another policy."""
        return self._make(self._holdings, max_age)

    def compact(self) -> RevocationStore:
        """The same data in as few tables as can be, for the quickest look-ups."""
        compacted = {name: held.compacted() for name, held in self._holdings.items()}
        return self._make(compacted, self.max_age)

    def status(self, envelope: Envelope, *, at: datetime) -> RevocationAnswer:
        """What is known of a pass at the moment `at`; ValueError for a time without a zone."""
        return self.status_of(hashes_of(envelope), envelope.kid, at=at)

    def status_of(self, hashes: PassHashes, kid: bytes | None, *, at: datetime) -> RevocationAnswer:
        """What is known of the pass with these hashes, signed with the key of this kid."""
        if at.tzinfo is None:
            raise ValueError("the moment of a check needs a time zone")
        now = at.timestamp()
        best: RevocationAnswer | None = None
        for holding in self._holdings.values():
            answer = holding.answer(hashes, kid, now, self.max_age)
            if answer is None:
                continue
            if answer.outcome is RevocationOutcome.REVOKED:
                return answer
            if best is None or (
                best.outcome is RevocationOutcome.NOT_REVOKED
                and answer.outcome is RevocationOutcome.UNKNOWN
            ):
                best = answer
        return best or _NO_DATA

    @property
    def sources(self) -> tuple[SourceSummary, ...]:
        """What the store holds, by source, in the order in which they came."""
        return tuple(
            SourceSummary(
                name,
                held.state.form,
                held.state.as_of,
                held.state.valid_until,
                held.state.signature,
                len(held.batches),
                held.hash_count,
                len(held.slices),
                held.state.gaps,
            )
            for name, held in self._holdings.items()
        )

    def __len__(self) -> int:
        """Whole hashes in the store; those in filters and prefix lists are not counted."""
        return sum(held.hash_count for held in self._holdings.values())

    def __bool__(self) -> bool:
        """Whether there is any source, be its list empty."""
        return bool(self._holdings)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the store to one file, whole or not at all, and synchronised to the disk.

        The file is checked when it is loaded; it is not signed, so it belongs where only the
        verifier's operator can write. Raises OSError.
        """
        target = Path(path)
        beside = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
        try:
            with beside.open("xb") as file:
                write(file, self._holdings.values())
                file.flush()
                os.fsync(file.fileno())
            beside.replace(target)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        *,
        max_age: timedelta | None = None,
        mapped: bool = False,
    ) -> RevocationStore:
        """The store that `save` wrote, its checksum checked over the whole file.

        `mapped` leaves the hashes in the file, from which the operating system fetches what is
        needed; the file must then not be changed in place while the store is in use (`save`
        replaces it instead). Raises RevocationListError for a file that is no intact store or of
        another version, and OSError.
        """
        with Path(path).open("rb") as file:
            if mapped and os.fstat(file.fileno()).st_size:
                data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
            else:
                data = memoryview(file.read())
        holdings = read(data)
        return cls._make({held.state.source: held for held in holdings}, max_age)

    def __repr__(self) -> str:
        return f"<RevocationStore of {len(self._holdings)} sources, {len(self)} hashes>"

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a RevocationStore does not change; apply and without make new ones")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("a RevocationStore does not change; apply and without make new ones")


def _applied(before: Holding | None, given: RevocationList, allow_older: bool) -> Holding:
    if before is None:
        return hold(given)
    last = before.state
    older = _less(given.as_of, last.as_of) or _less(given.revision, last.revision)
    if older and not allow_older:
        raise RevocationListError(
            "store", "rollback", f"the list of {given.source} is older than the one at hand"
        )
    if given.complete:
        return hold(given)
    if given.follows is not None and given.follows != last.revision:
        raise RevocationListError(
            "store", "inconsistent", f"the change of {given.source} is for another revision"
        )
    return before.applied(given)


def _less(one: Any, other: Any) -> bool:
    return one is not None and other is not None and one < other


# The file of a revocation store: a head in JSON, the columns of hashes as they lie in memory.
#
# ::
#
# magic (8 bytes) ‖ length of the head (8 bytes, little-endian) ‖ head ‖ body ‖ SHA-256 of it all
#
# The head names what lies where in the body; all offsets are multiples of 8 and count from the
# body's start. Loading needs no sorting and copies no hash. The last character of the magic is the
# version of the format: a reader refuses every other one.

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
        self.chunks: list[Table | bytes] = []
        self.size = 0

    def add(self, chunk: Table | bytes) -> int:
        """Plan a chunk; where it begins, counted from the body's start."""
        at = self.size
        length = RECORD * len(chunk) if isinstance(chunk, Table) else len(chunk)
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
        pieces = (chunk.bytes_of_heads(), chunk.tails) if isinstance(chunk, Table) else (chunk,)
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
    tables: dict[tuple[bytes | None, HashType], tuple[Table, ...]] = {}
    for kid, kind, count, at in head["tables"]:
        key = (_from_hex(kid), HashType(kind))
        rows = _part(body, at, count * RECORD)
        column = count * HEAD
        tables[key] = (*tables.get(key, ()), view(rows[:column], rows[column:]))
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
