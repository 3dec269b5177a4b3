"""The segments of a QR code's data: in which mode which characters are written.

ISO/IEC 18004, chapter 7.4. A pass is one segment in alphanumeric mode (hcert-spec 1.0.8, QR code).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from coronapas.hcert._base45 import ALPHABET


class Mode(StrEnum):
    """The mode of a segment, or of a whole code.

    `MIXED`, `EMPTY` and `UNKNOWN` are for whole codes only: segments of several modes, no segment
    at all, and a symbol whose segments could not be read.
    """

    NUMERIC = "numeric"
    ALPHANUMERIC = "alphanumeric"
    BYTE = "byte"
    KANJI = "kanji"
    HANZI = "hanzi"
    ECI = "eci"
    STRUCTURED_APPEND = "structured-append"
    FNC1 = "fnc1"
    MIXED = "mixed"
    EMPTY = "empty"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment: its mode, and its characters as bytes (empty for modes that only announce)."""

    mode: Mode
    content: bytes = field(default=b"", repr=False)


class SegmentError(ValueError):
    """Data that cannot be divided into segments."""


def segments(codewords: bytes, version: int) -> tuple[Segment, ...]:
    """Divide `codewords`, the corrected data codewords of a symbol of `version` 1 to 40.

    Raises SegmentError where a mode is unknown, or a segment runs past the end.
    """
    bits = _Bits(codewords)
    found = []
    while bits.left >= 4 and (indicator := bits.take(4)):
        mode, read = _READERS.get(indicator, (None, None))
        if mode is None or read is None:
            raise SegmentError("a segment of an unknown mode")
        found.append(Segment(mode, read(bits, (version >= 10) + (version >= 27))))
    return tuple(found)


def whole_mode(parts: tuple[Segment, ...]) -> Mode:
    """Return the mode of all segments; `Mode.MIXED` where they differ, `Mode.EMPTY` for none."""
    modes = {part.mode for part in parts}
    if len(modes) > 1:
        return Mode.MIXED
    return modes.pop() if modes else Mode.EMPTY


class _Bits:
    """A run of bits, read from the front."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self.left = len(data) * 8

    def take(self, count: int) -> int:
        if count > self.left:
            raise SegmentError("a segment that runs past the end of the data")
        self.left -= count
        return self._value >> self.left & (1 << count) - 1


_ALPHABET: Final = ALPHABET.encode("ascii")


def _numeric(bits: _Bits, size: int) -> bytes:
    count = bits.take((10, 12, 14)[size])
    groups = [3] * (count // 3) + [count % 3] * (count % 3 > 0)
    return b"".join(b"%0*d" % (digits, bits.take(1 + 3 * digits)) for digits in groups)


def _alphanumeric(bits: _Bits, size: int) -> bytes:
    count = bits.take((9, 11, 13)[size])
    values: list[int] = []
    for _ in range(count // 2):
        values += divmod(bits.take(11), 45)
    if count % 2:
        values.append(bits.take(6))
    if any(value >= 45 for value in values):
        raise SegmentError("a value without an alphanumeric character")
    return bytes(_ALPHABET[value] for value in values)


def _byte(bits: _Bits, size: int) -> bytes:
    count = bits.take((8, 16, 16)[size])
    return bits.take(8 * count).to_bytes(count, "big")


def _kanji(bits: _Bits, size: int) -> bytes:
    return b"".join(_shift_jis(bits.take(13)) for _ in range(bits.take((8, 10, 12)[size])))


def _shift_jis(value: int) -> bytes:
    code = value // 0xC0 << 8 | value % 0xC0
    return (code + (0x8140 if code < 0x1F00 else 0xC140)).to_bytes(2, "big")


def _hanzi(bits: _Bits, size: int) -> bytes:
    bits.take(4)
    return b"".join(_gb2312(bits.take(13)) for _ in range(bits.take((8, 10, 12)[size])))


def _gb2312(value: int) -> bytes:
    code = value // 0x60 << 8 | value % 0x60
    return (code + (0xA1A1 if code < 0x0A00 else 0xA6A1)).to_bytes(2, "big")


def _eci(bits: _Bits, _: int) -> bytes:
    """Skip a character set's designator, whose first bits say whether it has 1, 2 or 3 bytes."""
    first = bits.take(8)
    bits.take(0 if first < 0x80 else 8 if first < 0xC0 else 16)
    return b""


def _skip(count: int) -> Callable[[_Bits, int], bytes]:
    def read(bits: _Bits, _: int) -> bytes:
        bits.take(count)
        return b""

    return read


_READERS: Final[dict[int, tuple[Mode, Callable[[_Bits, int], bytes]]]] = {
    0b0001: (Mode.NUMERIC, _numeric),
    0b0010: (Mode.ALPHANUMERIC, _alphanumeric),
    0b0011: (Mode.STRUCTURED_APPEND, _skip(16)),
    0b0100: (Mode.BYTE, _byte),
    0b0101: (Mode.FNC1, _skip(0)),
    0b0111: (Mode.ECI, _eci),
    0b1000: (Mode.KANJI, _kanji),
    0b1001: (Mode.FNC1, _skip(8)),
    0b1101: (Mode.HANZI, _hanzi),
}
