"""The compact sets of hashes of the EU's distribution service, read, made and written.

The two binary formats of eu-digital-green-certificates/dgc-bloomfilter, both big-endian. A Bloom
filter: version (16 bits, 1), hash rounds k (8 bits), hash function (8 bits, 0), false-positive rate
p (32-bit float), expected number of elements n, elements added, number of 32-bit words (32 bits
each), and the words. Bit ``SHA-256(element ‖ byte i)`` modulo the number of bits, for i from 0 to
k - 1, the digest being a signed number and the remainder not negative. Bit 0 is the highest bit of
the first word. Making follows the reference, its oddity included: the number of words is bytes
div 4 *plus* bytes mod 4, not rounded up.

A partial variable hash list, the first bytes of hashes, as many as tell them apart: version (16
bits, 1), rate p (32-bit float), number of hashes n (32 bits), bytes a prefix (8 bits), then the
prefixes, sorted as signed numbers. The reference's writer has a fault: it drops a leading FF before
a byte of 80 or more, as two's complement allows, and fills up with 00 where it ought to
sign-extend, so that FF9A0102 is stored as 009A0102. (Its look-up also fails for whatever lies above
the largest prefix.) A list does not say who wrote it, hence a hash is looked up in both forms: a
pass whose prefix begins with FF may then be taken for one that begins with 00, which is a false
match like any other of the format.
"""

from __future__ import annotations

import hashlib
import math
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from coronapas.errors import RevocationListError
from coronapas.revocation._hashes import HASH_LENGTH

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

MAX_BLOOM_BYTES: Final = 16 * 1024 * 1024
"""Bytes of a filter, inclusive: enough for 7 million elements at one false match in 10,000."""

MAX_ROUNDS: Final = 127
"""The format has a signed byte for the number of hash rounds."""

MAX_PREFIX_BYTES: Final = 4 * 1024 * 1024
"""Bytes of a list of prefixes, inclusive."""

_BLOOM_HEAD: Final = struct.Struct(">hbbfiii")
_PREFIX_HEAD: Final = struct.Struct(">hfib")
_VERSION: Final = 1  # of both formats
_SHA_256: Final = 0
_MAX_COUNT: Final = 0x7FFF_FFFF


@dataclass(frozen=True, slots=True)
class BloomFilter:
    """A set of byte strings that never misses a member and seldom takes another for one.

    `rounds` is k, `rate` the rate of false matches that it was made for (over 0, under 1),
    `capacity` the number of elements it was made for, `count` the number added, `bits` the words.
    """

    rounds: int
    rate: float
    capacity: int
    count: int
    bits: bytes = field(repr=False)

    def __contains__(self, element: bytes) -> bool:
        start = hashlib.sha256(element)
        bits, size = self.bits, 8 * len(self.bits)
        for number in range(self.rounds):
            place = _place(start, number, size)
            if not bits[place >> 3] & (0x80 >> (place & 7)):
                return False
        return True

    @property
    def fill(self) -> float:
        """The share of the bits that are set, 0 to 1."""
        return int.from_bytes(self.bits, "big").bit_count() / (8 * len(self.bits))

    @property
    def false_positive_rate(self) -> float:
        """The rate of false matches that the set bits make, whatever rate was asked for."""
        return float(self.fill**self.rounds)

    @classmethod
    def make(
        cls, elements: Collection[bytes], *, rate: float, capacity: int | None = None
    ) -> BloomFilter:
        """Return a filter of `elements`, made for `capacity` elements; by default, for as many.

        Raises ValueError for a rate that is not between 0 and 1, both exclusive, and for a
        capacity below 1 or of more than `MAX_BLOOM_BYTES` can hold.
        """
        room = len(elements) if capacity is None else capacity
        stated = _as_float32(rate)
        if not 0 < stated < 1:
            raise ValueError("the rate of false matches must be between 0 and 1")
        if room < 1:
            raise ValueError("the capacity of a Bloom filter must be 1 or more")
        words = _words(room, stated)
        if 4 * words > MAX_BLOOM_BYTES or room > _MAX_COUNT:
            raise ValueError(f"the filter would have more than {MAX_BLOOM_BYTES} bytes")
        rounds = min(MAX_ROUNDS, max(1, math.floor(words * 32 / room * math.log(2) + 0.5)))
        bits = bytearray(4 * words)
        for element in elements:
            start = hashlib.sha256(element)
            for number in range(rounds):
                place = _place(start, number, 32 * words)
                bits[place >> 3] |= 0x80 >> (place & 7)
        return cls(rounds, stated, room, len(elements), bytes(bits))

    @classmethod
    def read(cls, data: bytes) -> BloomFilter:
        """Return the filter in `data`, which must hold nothing else."""
        if len(data) > MAX_BLOOM_BYTES + _BLOOM_HEAD.size:
            raise RevocationListError(
                "bloom", "too-large", f"the filter has more than {MAX_BLOOM_BYTES} bytes"
            )
        if len(data) < _BLOOM_HEAD.size:
            raise RevocationListError("bloom", "malformed", "the filter ends inside its head")
        version, rounds, function, rate, capacity, count, words = _BLOOM_HEAD.unpack_from(data)
        if version != _VERSION or function != _SHA_256:
            raise RevocationListError(
                "bloom", "unsupported", f"version {version} with hash function {function}"
            )
        if rounds < 1 or not 0 < rate < 1 or capacity < 0 or count < 0:
            raise RevocationListError(
                "bloom", "malformed", "the filter's head states impossible values"
            )
        if words < 1 or len(data) != _BLOOM_HEAD.size + 4 * words:
            raise RevocationListError(
                "bloom", "malformed", "the filter's length is not the one that it states"
            )
        return cls(rounds, rate, capacity, count, bytes(data[_BLOOM_HEAD.size :]))

    def write(self) -> bytes:
        """Return the filter in its binary form."""
        head = _BLOOM_HEAD.pack(
            _VERSION,
            self.rounds,
            _SHA_256,
            self.rate,
            self.capacity,
            self.count,
            len(self.bits) // 4,
        )
        return head + self.bits


def _place(start: hashlib._Hash, number: int, size: int) -> int:
    digest = start.copy()
    digest.update(bytes((number,)))
    return int.from_bytes(digest.digest(), "big", signed=True) % size


def _words(capacity: int, rate: float) -> int:
    """Return how many 32-bit words the reference gives a filter."""
    bits = math.ceil(capacity * math.log(rate) / math.log(1 / 2 ** math.log(2)))
    size = bits // 8 + 1
    return size // 4 + size % 4


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
        return cls(
            size, _as_float32(rate), len(hashes), frozenset(value[:size] for value in hashes)
        )

    @classmethod
    def read(cls, data: bytes) -> PrefixList:
        """Return the list in `data`, which must hold nothing else."""
        if len(data) > MAX_PREFIX_BYTES:
            raise RevocationListError(
                "prefixes", "too-large", f"the list has more than {MAX_PREFIX_BYTES} bytes"
            )
        if len(data) < _PREFIX_HEAD.size:
            raise RevocationListError("prefixes", "malformed", "the list ends inside its head")
        version, rate, count, size = _PREFIX_HEAD.unpack_from(data)
        if version != _VERSION:
            raise RevocationListError("prefixes", "unsupported", f"version {version} is unknown")
        if not 1 <= size <= HASH_LENGTH or not 0 <= rate < 1 or count < 0:
            raise RevocationListError(
                "prefixes", "malformed", "the list's head states impossible values"
            )
        body = data[_PREFIX_HEAD.size :]
        # Prefixes that are equal may stand once or as often as they come.
        if len(body) % size or len(body) // size > count or (count and not body):
            raise RevocationListError(
                "prefixes", "malformed", "the list's length is not the one that it states"
            )
        pieces = (body[at : at + size] for at in range(0, len(body), size))
        return cls(size, rate, count, frozenset(pieces))

    def write(self, *, zero_padded: bool = False) -> bytes:
        """Return the list in its binary form; `zero_padded` repeats the reference's fault."""
        ordered: Iterable[bytes] = sorted(self.prefixes, key=_signed)
        if zero_padded:
            ordered = map(_zero_padded, ordered)
        return _PREFIX_HEAD.pack(_VERSION, self.rate, self.count, self.size) + b"".join(ordered)


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


def _as_float32(number: float) -> float:
    """Return the number as the formats' 32-bit float holds it, as the reference does."""
    try:
        return float(struct.unpack(">f", struct.pack(">f", number))[0])
    except OverflowError:
        return math.inf
