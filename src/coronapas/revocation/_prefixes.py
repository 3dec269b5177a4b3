"""Partial variable hash lists: the first bytes of hashes, as many as tell them apart.

The format of eu-digital-green-certificates/dgc-bloomfilter, big-endian: version (16 bits, 1), rate
p (32-bit float), number of hashes n (32 bits), bytes a prefix (8 bits), then the prefixes, sorted
as signed numbers.

The reference's writer has a fault: it drops a leading FF before a byte of 80 or more, as two's
complement allows, and fills up with 00 where it ought to sign-extend, so that FF9A0102 is stored
as 009A0102. (Its look-up also fails for whatever lies above the largest prefix.) A list does not
say who wrote it, hence a hash is looked up in both forms: a pass whose prefix begins with FF may
then be taken for one that begins with 00, which is a false match like any other of the format.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from coronapas.errors import RevocationListError
from coronapas.revocation._hashes import HASH_LENGTH

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

MAX_BYTES: Final = 4 * 1024 * 1024
"""Bytes of a list, inclusive."""

_HEAD: Final = struct.Struct(">hfib")
_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class PrefixList:
    """Prefixes of hashes, `size` bytes each (1 to 16); `count` is the number of hashes behind them.

    `rate` is the false-positive rate that the list was made for, as it states.
    """

    size: int
    rate: float
    count: int
    prefixes: frozenset[bytes] = field(repr=False)
    """The prefixes."""

    def __contains__(self, value: bytes) -> bool:
        prefix = value[: self.size]
        return prefix in self.prefixes or (
            # Only these differ between the two forms.
            prefix[:1] == b"\xff" and _zero_padded(prefix) in self.prefixes
        )

    @property
    def false_positive_rate(self) -> float:
        """The chance that another hash matches, at most: prefixes, in both forms, over all."""
        return min(1.0, 2 * len(self.prefixes) / (1 << 8 * self.size))

    @classmethod
    def make(
        cls, hashes: Collection[bytes], *, rate: float, offset: int = 0, least: int = 1
    ) -> PrefixList:
        """Return a list of the prefixes of `hashes`, of the length that the reference would take.

        `offset` is that of the mode: 0 for POINT, 1 for VECTOR, 2 for COORDINATE; `least` the
        shortest length in bytes.
        """
        if any(len(value) != HASH_LENGTH for value in hashes):
            raise ValueError(f"a hash must have {HASH_LENGTH} bytes")
        size = prefix_length(len(hashes), rate=rate, offset=offset, least=least)
        stated = struct.unpack(">f", struct.pack(">f", rate))[0]  # as the format can hold it
        return cls(size, stated, len(hashes), frozenset(value[:size] for value in hashes))

    @classmethod
    def read(cls, data: bytes) -> PrefixList:
        """Return the list in `data`, which must hold nothing else."""
        if len(data) > MAX_BYTES:
            raise _fault("too-large", f"the list has more than {MAX_BYTES} bytes")
        if len(data) < _HEAD.size:
            raise _fault("malformed", "the list ends inside its head")
        version, rate, count, size = _HEAD.unpack_from(data)
        if version != _VERSION:
            raise _fault("unsupported", f"version {version} is unknown")
        if not 1 <= size <= HASH_LENGTH or not 0 <= rate < 1 or count < 0:
            raise _fault("malformed", "the list's head states impossible values")
        body = data[_HEAD.size :]
        # Prefixes that are equal may stand once or as often as they come.
        if len(body) % size or len(body) // size > count or (count and not body):
            raise _fault("malformed", "the list's length is not the one that it states")
        pieces = (body[at : at + size] for at in range(0, len(body), size))
        return cls(size, rate, count, frozenset(pieces))

    def write(self, *, zero_padded: bool = False) -> bytes:
        """Return the list in its binary form; `zero_padded` repeats the reference's fault."""
        ordered: Iterable[bytes] = sorted(self.prefixes, key=_signed)
        if zero_padded:
            ordered = map(_zero_padded, ordered)
        return _HEAD.pack(_VERSION, self.rate, self.count, self.size) + b"".join(ordered)


def prefix_length(count: int, *, rate: float, offset: int = 0, least: int = 1) -> int:
    """Return how many bytes the reference takes for prefixes of `count` hashes, 1 to 16.

    ceil(b div 8 + b mod 8 - offset + rate) with b = ceil(log2(count)), and `least` at least.
    That the division gives whole numbers is how we read the formula, and was not checked against
    a list of the reference [U]; readers do not depend on it.
    """
    if not 1 <= least <= HASH_LENGTH or not 0 <= rate < 1 or offset < 0:
        raise ValueError("the values are out of range for the length of prefixes")
    bits = (count - 1).bit_length() if count > 1 else 0
    wanted = math.ceil(bits // 8 + bits % 8 - offset + rate)
    return min(HASH_LENGTH, max(least, wanted, 1))


def _signed(prefix: bytes) -> int:
    return int.from_bytes(prefix, "big", signed=True)


def _zero_padded(prefix: bytes) -> bytes:
    """Return the form in which the reference's writer stores a prefix."""
    at = 0
    while at + 1 < len(prefix) and prefix[at] == 0xFF and prefix[at + 1] >= 0x80:
        at += 1
    return bytes(at) + prefix[at:]


def _fault(code: str, message: str) -> RevocationListError:
    return RevocationListError("prefixes", code, message)
