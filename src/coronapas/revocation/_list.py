"""What a revocation list says, whatever form it came in: the readers make it, the store takes it.

A list is a source's whole state (`complete`) or a change to it. It says what it covers, what it
holds (batches of whole hashes; slices, which are Bloom filters or prefix lists) and what it should
hold and does not (gaps): where a gap may hide a pass, no answer says that the pass is not revoked.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from coronapas.revocation._bloom import BloomFilter
from coronapas.revocation._hashes import HASH_LENGTH, HashType
from coronapas.revocation._prefixes import PrefixList

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

Membership: TypeAlias = BloomFilter | PrefixList


@dataclass(frozen=True, slots=True)
class Batch:
    """Hashes that were put on a list together and leave it together.

    `id` is unique within the source. `kid` is the key identifier of the passes' DSC, None where
    the list does not say it: then the batch counts for every pass. `hashes` are 16 bytes each, one
    after the other. After `expires` (inclusive; None for never) the entries no longer count.
    `country` is who put them on the list.
    """

    id: str
    hash_type: HashType
    hashes: bytes = field(repr=False)
    kid: bytes | None = None
    expires: datetime | None = None
    country: str | None = None

    def __post_init__(self) -> None:
        if len(self.hashes) % HASH_LENGTH:
            raise ValueError(f"hashes have {HASH_LENGTH} bytes each")

    def __len__(self) -> int:
        return len(self.hashes) // HASH_LENGTH


@dataclass(frozen=True, slots=True)
class Slice:
    """A filter or a prefix list for those hashes of one kid that begin with `prefix`.

    `prefix` is in hexadecimal digits, none for all hashes; `hash_types` are those of the hashes
    inside. After `expires` (inclusive; None for never) the slice no longer counts.
    """

    id: str
    kid: bytes
    prefix: str
    hash_types: frozenset[HashType]
    content: Membership
    expires: datetime | None = None


@dataclass(frozen=True, slots=True)
class Gap:
    """A part of a list that is known to exist and is not at hand, with the reason.

    `kid`, `hash_type` and `prefix` (hexadecimal digits) say what it may hold; None and the empty
    text stand for anything. `id` is that of the batch or slice that would fill the gap, if known.
    """

    reason: str
    kid: bytes | None = None
    hash_type: HashType | None = None
    prefix: str = ""
    id: str = ""


@dataclass(frozen=True, slots=True)
class RevocationList:
    """One list as it was read.

    `source` is its name, under which later changes find it again. `as_of` is the moment whose state
    the list shows, `valid_until` the last moment at which it may be leant on; `kid_valid_until` is
    the same for single kids. A complete list covers every pass of `countries` (None: of all), be
    its kid named or not; `kids`, where given, narrows that to some.

    A change (`complete` False) first takes away the batches and slices whose ids `removed` names,
    the batches of the kids and hash types in `removed_groups` (None for every type), and the single
    hashes in `removed_hashes`; then it adds its own, which replace those with the same id.

    `revision` numbers the states of sources that number them; a change `follows` the one that it
    was made for.

    `signature` says whether a signature was verified, or the form has none.
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
                raise ValueError("the moments of a list need their time zone")
        parts: tuple[Batch | Slice, ...] = (*self.batches, *self.slices)
        if any(part.expires is not None and part.expires.tzinfo is None for part in parts):
            raise ValueError("the moments of a list need their time zone")
        if len({part.id for part in parts}) != len(parts):
            raise ValueError("the parts of a list need ids of their own")
        if len(self.removed_hashes) % HASH_LENGTH:
            raise ValueError(f"hashes have {HASH_LENGTH} bytes each")

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
        """How many whole hashes the list holds, repeated ones counted as often as they stand."""
        return sum(map(len, self.batches))


def pack(hashes: Iterable[bytes]) -> bytes:
    """Hashes in the packed form of `Batch.hashes`; ValueError for one of another length."""
    packed = bytearray()
    for value in hashes:
        if len(value) != HASH_LENGTH:
            raise ValueError(f"a hash has {HASH_LENGTH} bytes")
        packed += value
    return bytes(packed)


def unpack(hashes: bytes) -> list[bytes]:
    """The hashes of `Batch.hashes`, one by one."""
    return [hashes[at : at + HASH_LENGTH] for at in range(0, len(hashes), HASH_LENGTH)]
