"""What a revocation list says, whatever its format, and what a format is.

A list is a source's whole state (`complete`) or a change to it. It says what it covers, what it
holds (batches of whole hashes; slices, which are Bloom filters or prefix lists) and what it should
hold and does not (gaps): where a gap may hide a pass, no answer says that the pass is not revoked.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from coronapas.errors import CoronapasError
from coronapas.revocation._filters import BloomFilter, PrefixList
from coronapas.revocation._hashes import HASH_LENGTH, HashType

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from coronapas.trust._certificate import Certificate

Membership: TypeAlias = BloomFilter | PrefixList


@dataclass(frozen=True, slots=True)
class Batch:
    """Hashes that were put on a list together and leave it together.

    `id` is unique within the source. `kid` is the key identifier of the passes' DSC, None where
    the list does not say: then the batch counts for every pass. `hashes` are 16 bytes each, one
    after the other. The entries count until `expires` (inclusive; None for ever). `country` is the
    country that put them on the list.
    """

    id: str
    hash_type: HashType
    """What the hashes are made of."""
    hashes: bytes = field(repr=False)
    kid: bytes | None = None
    expires: datetime | None = None
    country: str | None = None

    def __post_init__(self) -> None:
        if len(self.hashes) % HASH_LENGTH:
            raise ValueError(f"hashes must have {HASH_LENGTH} bytes each")

    def __len__(self) -> int:
        return len(self.hashes) // HASH_LENGTH


@dataclass(frozen=True, slots=True)
class Slice:
    """A filter or a prefix list for those hashes of one kid that begin with `prefix`.

    `prefix` is in hexadecimal digits, empty for all hashes; `hash_types` are those of the hashes
    inside. The slice counts until `expires` (inclusive; None for ever).
    """

    id: str
    """The identifier, unique within the source."""
    kid: bytes
    """The key identifier of the passes' DSC."""
    prefix: str
    hash_types: frozenset[HashType]
    content: Membership
    """The filter or the prefix list."""
    expires: datetime | None = None


@dataclass(frozen=True, slots=True)
class Gap:
    """A part of a list that is known to exist and is missing, with the reason.

    `kid`, `hash_type` and `prefix` (hexadecimal digits) say what it may hold; None and the empty
    string stand for anything. `id` is that of the batch or slice that would fill the gap, if known.
    """

    reason: str
    """Why it is missing, as a sentence."""
    kid: bytes | None = None
    hash_type: HashType | None = None
    prefix: str = ""
    id: str = ""


@dataclass(frozen=True, slots=True)
class RevocationList:
    """One list as it was read. All its moments have a time zone.

    Attributes:
        source: The list's name, by which later changes find it.
        as_of: The moment whose state the list shows.
        valid_until: The last moment at which the list may be relied on.
        batches: Whole hashes.
        slices: Filters and prefix lists.
        gaps: What is missing.
        complete: Whether the list is the source's whole state, or a change to an earlier one.
        removed: For a change, the ids of the batches and slices to remove. What is to be removed
            goes first; then the change's own parts are added, which replace those with their id.
        removed_groups: The kids and hash types (None for every type) whose batches to remove.
        removed_hashes: Single hashes to remove, 16 bytes each.
        countries: Whose passes a complete list covers, whatever their kid; None for all.
        kids: The only kids that the list covers; None for all.
        kid_valid_until: As `valid_until`, for single kids.
        revision: The number of this state, at sources that number their states.
        follows: The revision that a change was made for.
        form: The format that the list was read from.
        signature: Whether a signature was verified, or the format has none.

    """

    source: str
    as_of: datetime | None = None
    valid_until: datetime | None = None
    batches: tuple[Batch, ...] = ()
    slices: tuple[Slice, ...] = ()
    gaps: tuple[Gap, ...] = ()
    complete: bool = True
    removed: frozenset[str] = frozenset()
    removed_groups: frozenset[tuple[bytes | None, HashType | None]] = frozenset()
    removed_hashes: bytes = field(default=b"", repr=False)
    countries: frozenset[str] | None = None
    kids: frozenset[bytes] | None = None
    kid_valid_until: Mapping[bytes, datetime] = field(default_factory=dict)
    revision: int | None = None
    follows: int | None = None
    form: str = ""
    signature: Literal["verified", "none"] = "none"

    def __post_init__(self) -> None:
        for moment in (self.as_of, self.valid_until, *self.kid_valid_until.values()):
            if moment is not None and moment.tzinfo is None:
                raise ValueError("the moments of a list must have a time zone")
        parts: tuple[Batch | Slice, ...] = (*self.batches, *self.slices)
        if any(part.expires is not None and part.expires.tzinfo is None for part in parts):
            raise ValueError("the moments of a list must have a time zone")
        if len({part.id for part in parts}) != len(parts):
            raise ValueError("the ids of a list's parts must differ")
        if len(self.removed_hashes) % HASH_LENGTH:
            raise ValueError(f"hashes must have {HASH_LENGTH} bytes each")

    @property
    def batch_ids(self) -> frozenset[str]:
        """The ids of the batches."""
        return frozenset(batch.id for batch in self.batches)

    @property
    def slice_ids(self) -> frozenset[str]:
        """The ids of the slices."""
        return frozenset(piece.id for piece in self.slices)

    @property
    def hash_count(self) -> int:
        """The number of whole hashes, repeated ones counted each time."""
        return sum(map(len, self.batches))


def pack(hashes: Iterable[bytes]) -> bytes:
    """Return hashes in the packed form of `Batch.hashes`; ValueError for one of another length."""
    packed = bytearray()
    for value in hashes:
        if len(value) != HASH_LENGTH:
            raise ValueError(f"a hash must have {HASH_LENGTH} bytes")
        packed += value
    return bytes(packed)


def unpack(hashes: bytes) -> list[bytes]:
    """Return the hashes of `Batch.hashes`, one by one."""
    return [hashes[at : at + HASH_LENGTH] for at in range(0, len(hashes), HASH_LENGTH)]


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a list.

    `name` is the file's path, relative to the list's folder where the format has folders. `fetched`
    is when the file was fetched, as far as is known.
    """

    name: str
    data: bytes = field(repr=False)
    """The bytes of the file."""
    fetched: datetime


Found: TypeAlias = "tuple[RevocationList, Sequence[Part]]"
"""A list, and the parts that it was read from."""


@dataclass(frozen=True, slots=True)
class ListFormat:
    """One format of revocation lists: a row of the table of formats.

    Attributes:
        name: The format's name, as lists and errors state it.
        signed: Whether lists of the format are signed: then reading them takes a pin.
        recognise: Tell whether bytes are a list of this format, or a part of one. The second
            argument is the value of the bytes where they are JSON, else None.
        read: Yield the lists in the parts that were recognised, each with its own parts; the
            certificates are the pins. Raises RevocationListError.
        write: Make a list of this format, where this library does; the arguments differ.
        mark: The name of the file that makes a folder one list of this format, all of its files
            being parts; empty for formats that are recognised by their content.

    """

    name: str
    signed: bool
    recognise: Callable[[bytes, Any], bool]
    read: Callable[[Sequence[Part], Sequence[Certificate]], Iterable[Found]]
    write: Callable[..., object] | None = None
    mark: str = ""


@contextmanager
def naming(name: str) -> Iterator[None]:
    """Put a file's name before the errors of reading it; their kinds and codes stay."""
    try:
        yield
    except CoronapasError as error:
        error.args = (f"{name}: {error}",)
        raise
