"""Revocation lists of any number of sources, ready to be asked about a pass, and their file.

A store never changes: `apply` and `without` return new ones, which share with the old one what did
not change. Every source keeps its own date, validity and gaps.

The sources' answers make one: any that says revoked decides; else any that covers the pass and
cannot tell makes it unknown; else not revoked, if any source covers the pass; else unknown.

The file has a head in JSON and the columns of hashes as they lie in memory::

    magic (8 bytes) ‖ length of the head (8 bytes, little-endian) ‖ head ‖ body ‖ SHA-256 of it all

The head names what lies where in the body; offsets are multiples of 8 and count from the body's
start. Loading sorts nothing and copies no hash. The last character of the magic is the version of
the format: a reader refuses every other one. Why there is such a format: decision 0010.
"""

from __future__ import annotations

import hashlib
import json
import math
import mmap
import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import (
    TYPE_CHECKING,
    Any,
    Final,
    NamedTuple,
    NoReturn,
    TypeVar,
)

from coronapas import files
from coronapas.errors import RevocationListError
from coronapas.revocation._filters import BloomFilter, PrefixList
from coronapas.revocation._hashes import HashType, RevocationAnswer, RevocationOutcome, hashes_of
from coronapas.revocation._holding import (
    HEAD,
    MAX_BATCH,
    RECORD,
    Held,
    Holding,
    Table,
    hold,
    view,
)
from coronapas.revocation._list import Gap, RevocationList, Slice

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from coronapas.hcert._envelope import Envelope
    from coronapas.revocation._hashes import PassHashes
    from coronapas.revocation._list import Membership

    T = TypeVar("T")

MAX_FILE: Final = 4 * 1024 * 1024 * 1024
"""Bytes of a file that is loaded, inclusive: enough for 200 million hashes."""

MAX_HEAD: Final = 256 * 1024 * 1024
"""Bytes of a file's head, inclusive: enough for 4 million batches."""

_NO_DATA: Final = RevocationAnswer(RevocationOutcome.UNKNOWN, "revocation.no-data")


class SourceSummary(NamedTuple):
    """What a store holds of one source.

    `form` is the format that the list was read from, `signature` whether one was verified
    (``verified`` or ``none``). `batches`, `hashes` and `slices` are numbers; `gaps` is what is
    missing.
    """

    source: str
    """The name of the source."""
    form: str
    as_of: datetime | None
    """The moment of which the list is true, in UTC."""
    valid_until: datetime | None
    """The last moment (inclusive) for which it counts; None where there is none."""
    signature: str
    batches: int
    hashes: int
    slices: int
    gaps: tuple[Gap, ...]


class RevocationStore:
    """What is known of revoked passes; immutable, and safe to share between threads.

    `max_age` is how old (inclusive) a list may be before its silence means nothing; None leaves it
    to what the lists say themselves. It is the caller's policy and is not saved with the store.

    A store can be copied and pickled; a pickle of a mapped store holds its hashes.
    """

    __slots__ = ("_holdings", "max_age")

    _holdings: Mapping[str, Holding]
    max_age: timedelta | None

    def __init__(
        self, lists: Iterable[RevocationList] = (), *, max_age: timedelta | None = None
    ) -> None:
        """Make a store of these lists, applied in their order."""
        holdings: dict[str, Holding] = {}
        for given in lists:
            holdings[given.source] = _applied(holdings.get(given.source), given, False)
        self._fill(holdings, max_age)

    def _fill(self, holdings: Mapping[str, Holding], max_age: timedelta | None) -> None:
        if max_age is not None and not isinstance(max_age, timedelta):
            raise TypeError(f"max_age must be a timedelta or None, got {type(max_age).__name__}")
        object.__setattr__(self, "_holdings", holdings)
        object.__setattr__(self, "max_age", max_age)

    @classmethod
    def _make(cls, holdings: Mapping[str, Holding], max_age: timedelta | None) -> RevocationStore:
        new = object.__new__(cls)
        new._fill(holdings, max_age)
        return new

    def apply(self, given: RevocationList, *, allow_older: bool = False) -> RevocationStore:
        """Return a store with this list; a complete one replaces what its source said before.

        Raises:
            RevocationListError: ``list.rollback`` for a list that is older than what its source
                said last, by its date or its revision, unless `allow_older`: replaying an old list
                is how a revocation is hidden. ``list.inconsistent`` for a change that was made for
                another revision than the store's.

        """
        before = self._holdings.get(given.source)
        after = _applied(before, given, allow_older)
        return self._make({**self._holdings, given.source: after}, self.max_age)

    def without(self, source: str) -> RevocationStore:
        """Return a store without this source; the same store if it has no source of that name."""
        if source not in self._holdings:
            return self
        rest = {name: held for name, held in self._holdings.items() if name != source}
        return self._make(rest, self.max_age)

    def with_max_age(self, max_age: timedelta | None) -> RevocationStore:
        """Return the same data under another policy."""
        return self._make(self._holdings, max_age)

    def merge(self, *others: RevocationStore) -> RevocationStore:
        """Return a store of all sources of several stores, under this one's `max_age`.

        Nothing is dropped: of sources with the same name and different content, the later ones get
        a number, as in ``list (2)``, and all of them answer.
        """
        holdings = dict(self._holdings)
        for other in others:
            for name, held in other._holdings.items():
                free, number = name, 1
                while free in holdings and holdings[free] is not held:
                    number += 1
                    free = f"{name} ({number})"
                holdings[free] = held if free == name else held.renamed(free)
        return self._make(holdings, self.max_age)

    def compact(self) -> RevocationStore:
        """Return the same data in as few tables as possible, for the fastest look-ups."""
        compacted = {name: held.compacted() for name, held in self._holdings.items()}
        return self._make(compacted, self.max_age)

    def status(self, envelope: Envelope, *, at: datetime) -> RevocationAnswer:
        """Return what is known of a pass at the moment `at`; ValueError if it has no time zone."""
        return self.status_of(hashes_of(envelope), envelope.kid, at=at)

    def status_of(self, hashes: PassHashes, kid: bytes | None, *, at: datetime) -> RevocationAnswer:
        """Return what is known of the pass with these hashes, signed with the key of this kid.

        Raises ValueError if `at` has no time zone.
        """
        if at.tzinfo is None:
            raise ValueError("the moment of a check must have a time zone")
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
        """Return the number of whole hashes; those in filters and prefix lists do not count."""
        return sum(held.hash_count for held in self._holdings.values())

    def __bool__(self) -> bool:
        """Tell whether there is any source, even one whose list is empty."""
        return bool(self._holdings)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the store to a file, whole or not at all; raises OSError.

        A file that exists keeps its permissions. The file's checksum shows damage, not forgery: it
        is not signed, so it belongs where only the verifier's operator can write.
        """
        files.write(path, _pieces(self._holdings.values()))

    def to_bytes(self) -> bytes:
        """Return what `save` writes."""
        return b"".join(_pieces(self._holdings.values()))

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        *,
        max_age: timedelta | None = None,
        mapped: bool = False,
    ) -> RevocationStore:
        """Return the store that `save` wrote, its checksum verified over the whole file.

        Args:
            path: The file, of at most `MAX_FILE` bytes.
            max_age: As for the class.
            mapped: Whether to leave the hashes in the file, from which the operating system fetches
                what is needed. The file must then not be changed in place while the store is in
                use; `save` replaces it instead.

        Raises:
            RevocationListError: The file is not an intact store (``list.malformed``), of another
                version (``list.unsupported``), or too large (``list.too-large``).
            OSError: The file cannot be read.

        """
        if not mapped:
            return cls.from_bytes(files.read(path, MAX_FILE), max_age=max_age)
        with Path(path).open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > MAX_FILE:
                raise _too_large()
            # An empty file, or what has no size, cannot be mapped.
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size else b""
        return cls.from_bytes(data, max_age=max_age)

    @classmethod
    def from_bytes(
        cls, data: bytes | mmap.mmap, *, max_age: timedelta | None = None
    ) -> RevocationStore:
        """Return the store that `to_bytes` gave; errors as for `load`."""
        if len(data) > MAX_FILE:
            raise _too_large()
        return cls._make(_read(memoryview(data)), max_age)

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle the parts: setting attributes, as unpickling does by itself, is refused."""
        return type(self)._make, (dict(self._holdings), self.max_age)

    def __copy__(self) -> RevocationStore:
        """Return the store itself, which does not change."""
        return self

    def __deepcopy__(self, memo: object) -> RevocationStore:
        """Return the store itself, which does not change."""
        return self

    def __repr__(self) -> str:
        return f"<RevocationStore of {len(self._holdings)} sources, {len(self)} hashes>"

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a RevocationStore cannot change; apply and without return new ones")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("a RevocationStore cannot change; apply and without return new ones")


def _applied(before: Holding | None, given: RevocationList, allow_older: bool) -> Holding:
    if before is None:
        return hold(given)
    last = before.state
    older = _less(given.as_of, last.as_of) or _less(given.revision, last.revision)
    if older and not allow_older:
        raise RevocationListError(
            "store", "rollback", f"the list of {given.source} is older than the store's"
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


# The file

MAGIC: Final = b"CPrevoc1"

_DIGEST: Final = 32
_ALIGN: Final = 8
_START: Final = len(MAGIC) + 8
_CHUNK: Final = 1 << 20
_KINDS: Final[dict[str, type[BloomFilter] | type[PrefixList]]] = {
    "bloom": BloomFilter,
    "prefixes": PrefixList,
}
_SIGNATURES: Final = ("verified", "none")
_TYPES: Final = {hash_type.value: hash_type for hash_type in HashType}


class _Body:
    """The body while it is planned: chunks in their order, and where the next one begins."""

    def __init__(self) -> None:
        self.chunks: list[Table | bytes] = []
        self.size = 0
        self._contents: dict[int, tuple[Membership, list[object]]] = {}

    def add(self, chunk: Table | bytes) -> int:
        """Plan a chunk; return where it begins, counted from the body's start."""
        at = self.size
        length = RECORD * len(chunk) if isinstance(chunk, Table) else len(chunk)
        self.chunks.append(chunk)
        self.size += length + -length % _ALIGN
        return at

    def add_content(self, content: Membership) -> list[object]:
        """Plan what a slice holds; return its kind, its length and where it begins.

        What several slices share is written once: unsigned lists may name one filter of megabytes
        for thousands of slices.
        """
        if id(content) not in self._contents:
            data = content.write()
            kind = "bloom" if isinstance(content, BloomFilter) else "prefixes"
            # The content is kept, or another one could get its id.
            self._contents[id(content)] = content, [kind, len(data), self.add(data)]
        return self._contents[id(content)][1]


def _pieces(holdings: Iterable[Holding]) -> Iterator[bytes | memoryview]:
    """Yield the bytes of a file."""
    body = _Body()
    head = _head(holdings, body)
    digest = hashlib.sha256()
    for piece in (MAGIC, len(head).to_bytes(8, "little"), head, *_pieces_of_body(body)):
        digest.update(piece)
        yield piece
    yield digest.digest()


def _head(holdings: Iterable[Holding], body: _Body) -> bytes:
    head = json.dumps([_head_of(held, body) for held in holdings], separators=(",", ":")).encode()
    return head + b" " * (-(_START + len(head)) % _ALIGN)


def _pieces_of_body(body: _Body) -> Iterator[bytes | memoryview]:
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
        "as_of": _text(state.as_of),
        "valid_until": _text(state.valid_until),
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
        "slices": [
            [
                piece.id,
                piece.kid.hex(),
                piece.prefix,
                sorted(piece.hash_types),
                _text(piece.expires),
                *body.add_content(piece.content),
            ]
            for piece in held.slices.values()
        ],
    }


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _hex(value: bytes | None) -> str | None:
    return None if value is None else value.hex()


def _read(data: memoryview) -> dict[str, Holding]:
    """Return the lists of a file by their sources; RevocationListError where it is not intact."""
    _check(data)
    length = int.from_bytes(data[len(MAGIC) : _START], "little")
    end = len(data) - _DIGEST
    if length > end - _START:
        raise _fault("the head is longer than the file")
    head = bytes(data[_START : _START + length])
    # The least that a head takes for a part of it: less would be a file made to fill the memory.
    if length > MAX_HEAD or 3 * sum(map(head.count, b",[{")) > length + 64:
        raise RevocationListError("store", "too-large", "the head is too large")
    try:
        holdings = _Head(data[_START + length : end]).holdings(json.loads(head))
        # Writing gives one head for each content, so any other text was not written by this.
        body = _Body()
        if _head(holdings.values(), body) != head or body.size != end - _START - length:
            raise ValueError("the head is not as a store writes it")
    except RevocationListError:
        raise
    except (ValueError, RecursionError, OverflowError) as error:
        raise _fault("the head cannot be read") from error
    return holdings


def _check(data: memoryview) -> None:
    if bytes(data[: len(MAGIC) - 1]) != MAGIC[:-1]:
        raise _fault("the file must be a revocation store")
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


class _Head:
    """Reads the values of a head, each of which must have its type; raises ValueError."""

    def __init__(self, body: memoryview) -> None:
        self._body = body
        self._contents: dict[tuple[str, int, int], Membership] = {}

    def holdings(self, value: object) -> dict[str, Holding]:
        """Return all lists, by source."""
        found: dict[str, Holding] = {}
        for item in _items(value):
            held = self._holding(item)
            if held.state.source in found:
                raise ValueError("a source stands twice")
            found[held.state.source] = held
        return found

    def _holding(self, head: Any) -> Holding:
        if not isinstance(head, dict) or len(head) != 14:
            raise ValueError("a list is not an object with its 14 members")
        head = _Members(head)
        signature = _string(head["signature"])
        if signature not in _SIGNATURES:
            raise ValueError("a signature is neither verified nor none")
        countries, kids = head["countries"], head["kids"]
        ends = head["kid_valid_until"]
        if not isinstance(ends, dict):
            raise ValueError("kid_valid_until is not an object")
        state = RevocationList(
            source=_string(head["source"]),
            as_of=_optional(_moment, head["as_of"]),
            valid_until=_optional(_moment, head["valid_until"]),
            gaps=tuple(map(_gap, _items(head["gaps"]))),
            countries=None if countries is None else frozenset(map(_string, _items(countries))),
            kids=None if kids is None else frozenset(map(_bytes, _items(kids))),
            kid_valid_until={_bytes(kid): _moment(end) for kid, end in ends.items()},
            form=_string(head["form"]),
            revision=_optional(_revision, head["revision"]),
            signature="verified" if signature == "verified" else "none",
        )
        tables: dict[tuple[bytes | None, HashType], tuple[Table, ...]] = {}
        for item in _items(head["tables"]):
            key, table = self._table(item)
            tables[key] = (*tables.get(key, ()), table)
        next_number = _integer(head["next_number"])
        batches: dict[int, Held] = {}
        for item in _items(head["batches"]):
            number, batch = _batch(item)
            if number >= next_number or number in batches:
                raise ValueError("the number of a batch stands twice or is too large")
            batches[number] = batch
        slices = {piece.id: piece for piece in map(self._slice, _items(head["slices"]))}
        ids = {batch.id for batch in batches.values()} | slices.keys()
        if next_number > MAX_BATCH or len(ids) != len(batches) + len(slices):
            raise ValueError("the batches are too many, or an id stands twice")
        return Holding(state, tables, batches, slices, next_number)

    def _table(self, item: object) -> tuple[tuple[bytes | None, HashType], Table]:
        kid, kind, count, at = _items(item, 4)
        count = _integer(count)
        rows = self._part(_integer(at), count * RECORD)
        column = count * HEAD
        return (_optional(_bytes, kid), _type(kind)), view(rows[:column], rows[column:])

    def _slice(self, item: object) -> Slice:
        id_, kid, prefix, types, end, kind, size, at = _items(item, 8)
        where = _string(kind), _integer(size), _integer(at)
        if where[0] not in _KINDS:
            raise ValueError("a slice is neither a filter nor a list of prefixes")
        content = self._contents.get(where)
        if content is None:
            data = bytes(self._part(where[2], where[1]))
            content = _KINDS[where[0]].read(data)
            if content.write() != data:
                raise ValueError("a list of prefixes is not as a store writes it")
            self._contents[where] = content
        hash_types = frozenset(map(_type, _items(types)))
        expires = _optional(_moment, end)
        return Slice(_string(id_), _bytes(kid), _string(prefix), hash_types, content, expires)

    def _part(self, at: int, size: int) -> memoryview:
        if at % _ALIGN or at + size > len(self._body):
            raise ValueError("a part lies outside the file")
        if any(self._body[at + size : at + size + -size % _ALIGN]):
            raise ValueError("a part is not filled up with zeros")
        return self._body[at : at + size]


class _Members(dict[str, Any]):
    """An object whose missing members are a ValueError."""

    def __missing__(self, name: str) -> NoReturn:
        raise ValueError(f"{name} is missing")


def _items(value: object, count: int | None = None) -> list[Any]:
    if not isinstance(value, list) or count not in (None, len(value)):
        raise ValueError("an array is not one, or has another length")
    return value


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("a string is not one")
    return value


def _integer(value: object) -> int:
    if type(value) is not int or not 0 <= value < 1 << 63:
        raise ValueError("a number is not one, or is too large")
    return value


def _revision(value: object) -> int:
    if type(value) is not int:
        raise ValueError("a revision is not a whole number")
    return value


def _moment(value: object) -> datetime:
    moment = datetime.fromisoformat(_string(value))
    if moment.tzinfo is None:
        raise ValueError("a moment has no time zone")
    return moment


def _bytes(value: object) -> bytes:
    return bytes.fromhex(_string(value))


def _type(value: object) -> HashType:
    found = _TYPES.get(_string(value))
    if found is None:
        raise ValueError("a type of hash is unknown")
    return found


def _optional(read: Callable[[object], T], value: object) -> T | None:
    return None if value is None else read(value)


def _gap(item: object) -> Gap:
    reason, kid, kind, prefix, id_ = _items(item, 5)
    where = _optional(_bytes, kid), _optional(_type, kind), _string(prefix)
    return Gap(_string(reason), *where, _string(id_))


def _batch(item: object) -> tuple[int, Held]:
    number, id_, kind, kid, expires, country, size = _items(item, 7)
    if expires is not None and (type(expires) not in (int, float) or not math.isfinite(expires)):
        raise ValueError("an expiry is not a number of seconds")
    named = _string(id_), _type(kind), _optional(_bytes, kid)
    size = _integer(size)
    if size > MAX_BATCH:
        raise ValueError("a batch has more hashes than there can be")
    return _integer(number), Held(*named, expires, _optional(_string, country), size)


def _fault(message: str) -> RevocationListError:
    return RevocationListError("store", "malformed", message)


def _too_large() -> RevocationListError:
    return RevocationListError("store", "too-large", f"the file has more than {MAX_FILE} bytes")
