"""The Bloom filters of the EU's distribution service, read, made and written bit by bit.

The format of eu-digital-green-certificates/dgc-bloomfilter, big-endian: version (16 bits, 1), hash
rounds k (8 bits), hash function (8 bits, 0), false-positive rate p (32-bit float), expected number
of elements n, elements added, number of 32-bit words (32 bits each), and the words.

Bit ``SHA-256(element ‖ byte i)`` modulo the number of bits, for i from 0 to k - 1, the digest
being a signed number and the remainder not negative. Bit 0 is the highest bit of the first word.

Making follows the reference, its oddity included: the number of words is bytes div 4 *plus* bytes
mod 4, not rounded up.
"""

from __future__ import annotations

import hashlib
import math
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from coronapas.errors import RevocationListError

if TYPE_CHECKING:
    from collections.abc import Collection

MAX_BYTES: Final = 16 * 1024 * 1024
"""Bytes of a filter, inclusive: enough for 7 million elements at one false match in 10,000."""

MAX_ROUNDS: Final = 127
"""The format has a signed byte for the number of hash rounds."""

_HEAD: Final = struct.Struct(">hbbfiii")
_VERSION: Final = 1
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
        capacity below 1 or of more than `MAX_BYTES` can hold.
        """
        room = len(elements) if capacity is None else capacity
        stated = _as_float32(rate)
        if not 0 < stated < 1:
            raise ValueError("the rate of false matches must be between 0 and 1")
        if room < 1:
            raise ValueError("the capacity of a Bloom filter must be 1 or more")
        words = _words(room, stated)
        if 4 * words > MAX_BYTES or room > _MAX_COUNT:
            raise ValueError(f"the filter would have more than {MAX_BYTES} bytes")
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
        if len(data) > MAX_BYTES + _HEAD.size:
            raise _fault("too-large", f"the filter has more than {MAX_BYTES} bytes")
        if len(data) < _HEAD.size:
            raise _fault("malformed", "the filter ends inside its head")
        version, rounds, function, rate, capacity, count, words = _HEAD.unpack_from(data)
        if version != _VERSION or function != _SHA_256:
            raise _fault("unsupported", f"version {version} with hash function {function}")
        if rounds < 1 or not 0 < rate < 1 or capacity < 0 or count < 0:
            raise _fault("malformed", "the filter's head states impossible values")
        if words < 1 or len(data) != _HEAD.size + 4 * words:
            raise _fault("malformed", "the filter's length is not the one that it states")
        return cls(rounds, rate, capacity, count, bytes(data[_HEAD.size :]))

    def write(self) -> bytes:
        """Return the filter in its binary form."""
        head = _HEAD.pack(
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


def _as_float32(number: float) -> float:
    """Return the number as the format's 32-bit float holds it, as the reference does."""
    try:
        return float(struct.unpack(">f", struct.pack(">f", number))[0])
    except OverflowError:
        return math.inf


def _fault(code: str, message: str) -> RevocationListError:
    return RevocationListError("bloom", code, message)
