"""From the modules of a QR code to its data codewords (ISO/IEC 18004, chapters 7.3 to 7.10).

Scanners return a code's text, but not the mode that it was written in, which the EU's check Q2
asks for. The mode is in the modules: they are decoded here, error correction included, so that the
answer comes from the symbol itself and is not guessed from the text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import chain
from typing import Final

from coronapas.hcert._base45 import ALPHABET

# Reed-Solomon error correction of a QR code's codewords (ISO/IEC 18004, annex B).
#
# The field is GF(256) over x⁸+x⁴+x³+x²+1, the generator's roots are α⁰, α¹, …. A block of n
# codewords, e of them for correction, is corrected when at most e/2 are wrong, and refused
# otherwise.


def _tables() -> tuple[tuple[int, ...], tuple[int, ...]]:
    exponents, logarithms, value = [0] * 255, [0] * 256, 1
    for power in range(255):
        exponents[power] = value
        logarithms[value] = power
        value = value << 1 ^ (0x11D if value & 0x80 else 0)
    return tuple(exponents * 2), tuple(logarithms)


_EXPONENTS_AND_LOGARITHMS: Final = _tables()
_EXP: Final = _EXPONENTS_AND_LOGARITHMS[0]
_LOG: Final = _EXPONENTS_AND_LOGARITHMS[1]


class UncorrectableError(ValueError):
    """A block with more wrong codewords than can be corrected."""


def corrected(block: bytes, checks: int) -> bytes:
    """Return the data codewords of a block whose last `checks` codewords are for correction.

    Raises UncorrectableError when more than half as many codewords as `checks` are wrong.
    """
    syndromes = _syndromes(block, checks)
    if not any(syndromes):
        return block[:-checks]
    locator, count = _locator(syndromes)
    positions = [
        place for place in range(len(block)) if _evaluate(locator, _EXP[-place % 255]) == 0
    ]
    if 2 * count > checks or len(positions) != count:
        raise UncorrectableError("more codewords are wrong than can be corrected")
    evaluator = _product(syndromes, locator)[:checks]
    slope = [coefficient if power % 2 else 0 for power, coefficient in enumerate(locator)][1:]
    repaired = bytearray(block)
    for place in positions:
        inverse = _EXP[-place % 255]
        size = _quotient(_evaluate(evaluator, inverse), _evaluate(slope, inverse))
        repaired[-1 - place] ^= _times(size, _EXP[place])
    return bytes(repaired[:-checks])


def _syndromes(block: bytes, checks: int) -> list[int]:
    lowest_first = block[::-1]
    return [_evaluate(lowest_first, _EXP[root]) for root in range(checks)]


def _locator(syndromes: list[int]) -> tuple[list[int], int]:
    """Return the polynomial whose roots are the places of the errors, and the number of errors.

    Berlekamp and Massey's algorithm. Where there are too many errors, the polynomial has
    fewer roots than that number.
    """
    current, previous = [1], [1]
    length, gap, last = 0, 1, 1
    for step, syndrome in enumerate(syndromes):
        discrepancy = syndrome
        for power in range(1, min(length, len(current) - 1) + 1):
            discrepancy ^= _times(current[power], syndromes[step - power])
        if discrepancy == 0:
            gap += 1
            continue
        factor = _quotient(discrepancy, last)
        shifted = [0] * gap + [_times(factor, coefficient) for coefficient in previous]
        width = max(len(current), len(shifted))
        updated = [
            a ^ b
            for a, b in zip(
                current + [0] * (width - len(current)),
                shifted + [0] * (width - len(shifted)),
                strict=True,
            )
        ]
        if 2 * length <= step:
            length, previous, last, gap = step + 1 - length, current, discrepancy, 1
        else:
            gap += 1
        current = updated
    return current, length


def _times(a: int, b: int) -> int:
    return _EXP[_LOG[a] + _LOG[b]] if a and b else 0


def _quotient(a: int, b: int) -> int:
    """Divide by `b`, which is not zero: neither a discrepancy nor a slope at a simple root is."""
    return _EXP[_LOG[a] - _LOG[b] + 255] if a else 0


def _evaluate(polynomial: bytes | list[int], at: int) -> int:
    """Evaluate the polynomial, whose coefficients stand lowest power first."""
    value = 0
    for coefficient in reversed(polynomial):
        value = _times(value, at) ^ coefficient
    return value


def _product(a: list[int], b: list[int]) -> list[int]:
    result = [0] * (len(a) + len(b) - 1)
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            result[i + j] ^= _times(x, y)
    return result


# The segments of a QR code's data: in which mode which characters are written.
#
# ISO/IEC 18004, chapter 7.4. A pass is one segment in alphanumeric mode (hcert-spec 1.0.8, QR
# code).


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


Modules = Sequence[Sequence[bool]]
"""A symbol row by row without its quiet zone, True being dark."""

# ISO/IEC 18004, table 9: for versions 1 to 40, the correction codewords of a block, and the blocks.
_CHECKS: Final = {
    "L": "7 10 15 20 26 18 20 24 30 18 20 24 26 30 22 24 28 30 28 28 "
    "28 28 30 30 26 28 30 30 30 30 30 30 30 30 30 30 30 30 30 30",
    "M": "10 16 26 18 24 16 18 22 22 26 30 22 22 24 24 28 28 26 26 26 "
    "26 28 28 28 28 28 28 28 28 28 28 28 28 28 28 28 28 28 28 28",
    "Q": "13 22 18 26 18 24 18 22 20 24 28 26 24 20 30 24 28 28 26 30 "
    "28 30 30 30 30 28 30 30 30 30 30 30 30 30 30 30 30 30 30 30",
    "H": "17 28 22 16 22 28 26 26 24 28 24 28 22 24 24 30 28 28 26 28 "
    "30 24 30 30 30 30 30 30 30 30 30 30 30 30 30 30 30 30 30 30",
}
_BLOCKS: Final = {
    "L": "1 1 1 1 1 2 2 2 2 4 4 4 4 4 6 6 6 6 7 8 "
    "8 9 9 10 12 12 12 13 14 15 16 17 18 19 19 20 21 22 24 25",
    "M": "1 1 1 2 2 4 4 4 5 5 5 8 9 9 10 10 11 13 14 16 "
    "17 17 18 20 21 23 25 26 28 29 31 33 35 37 38 40 43 45 47 49",
    "Q": "1 1 2 2 4 4 6 6 8 8 8 10 12 16 12 17 16 18 21 20 "
    "23 23 25 27 29 34 34 35 38 40 43 45 48 51 53 56 59 62 65 68",
    "H": "1 1 2 4 4 4 5 6 8 8 11 11 16 16 18 16 19 21 25 25 "
    "25 34 30 32 35 37 40 42 45 48 51 54 57 60 63 66 70 74 77 81",
}

_LEVELS: Final = "MLHQ"
"""The levels by the two bits that stand for them (table 12)."""

# Table 10: where a condition holds, the mask inverts the module at column x, row y.
_MASKS: Final[tuple[Callable[[int, int], bool], ...]] = (
    lambda x, y: (x + y) % 2 == 0,
    lambda x, y: y % 2 == 0,
    lambda x, y: x % 3 == 0,
    lambda x, y: (x + y) % 3 == 0,
    lambda x, y: (x // 3 + y // 2) % 2 == 0,
    lambda x, y: x * y % 2 + x * y % 3 == 0,
    lambda x, y: (x * y % 2 + x * y % 3) % 2 == 0,
    lambda x, y: ((x + y) % 2 + x * y % 3) % 2 == 0,
)

_FORMAT_DISTANCE: Final = 3
"""How many wrong bits of the format information can be corrected (annex C)."""


class SymbolError(ValueError):
    """Modules that are not a QR code, or that are too damaged."""


def data_codewords(modules: Modules) -> bytes:
    """Return the data codewords of a symbol, corrected and in their order.

    A mirrored symbol is read too. Raises SymbolError where the modules are not a square of a
    version's size, or where more of them are wrong than can be corrected.
    """
    side = len(modules)
    if (side - 17) % 4 or not 21 <= side <= 177 or any(len(row) != side for row in modules):
        raise SymbolError("no version of QR code has these dimensions")
    for turned in (modules, tuple(zip(*modules, strict=True))):
        for level, mask in _formats(turned):
            try:
                return _decoded(turned, level, mask)
            except UncorrectableError:
                continue
    raise SymbolError("the symbol is damaged beyond its error correction")


def blocks_of(version: int, level: str) -> tuple[int, int]:
    """Return how many blocks a symbol has, and how many correction codewords each (table 9)."""
    return int(_BLOCKS[level].split()[version - 1]), int(_CHECKS[level].split()[version - 1])


def _decoded(modules: Modules, level: str, mask: int) -> bytes:
    codewords = _codewords(modules, mask)
    count, checks = blocks_of((len(modules) - 17) // 4, level)
    short, longer = divmod(len(codewords) - checks * count, count)
    lengths = [short] * (count - longer) + [short + 1] * longer
    data = sum(lengths)
    blocks = [
        _interleaved(codewords, lengths, index) + codewords[data + index :: count]
        for index in range(count)
    ]
    return b"".join(corrected(block, checks) for block in blocks)


def _interleaved(codewords: bytes, lengths: list[int], index: int) -> bytes:
    """Return the data codewords of one block, which are interleaved with the others'."""
    count, short = len(lengths), lengths[0]
    regular = codewords[index : short * count : count]
    first_longer = lengths.count(short)
    if lengths[index] == short:
        return regular
    return regular + codewords[short * count + index - first_longer :][:1]


def _codewords(modules: Modules, mask: int) -> bytes:
    turns = _MASKS[mask]
    bits = [modules[y][x] != turns(x, y) for x, y in _data_places(len(modules))]
    return bytes(
        sum(bit << 7 - place for place, bit in enumerate(bits[start : start + 8]))
        for start in range(0, len(bits) - 7, 8)
    )


def _data_places(side: int) -> Iterator[tuple[int, int]]:
    """Yield the data modules (column, row) in the order of their bits (chapter 7.7.3)."""
    taken = _function_places(side)
    upwards = True
    for right in chain(range(side - 1, 6, -2), range(5, 0, -2)):
        for y in range(side - 1, -1, -1) if upwards else range(side):
            for x in (right, right - 1):
                if (x, y) not in taken:
                    yield x, y
        upwards = not upwards


def _function_places(side: int) -> set[tuple[int, int]]:
    """Return the modules (column, row) without data: patterns, format and version information."""
    taken = {(x, y) for x in range(9) for y in range(9)}
    taken |= {(x, y) for x in range(side - 8, side) for y in range(9)}
    taken |= {(x, y) for x in range(9) for y in range(side - 8, side)}
    taken |= {place for i in range(side) for place in ((6, i), (i, 6))}
    centres = alignment_centres((side - 17) // 4)
    for column in centres:
        for row in centres:
            if (column, row) in {(6, 6), (6, centres[-1]), (centres[-1], 6)}:
                continue
            taken |= {(column + x, row + y) for x in range(-2, 3) for y in range(-2, 3)}
    if side >= 45:
        taken |= {
            place
            for far in range(side - 11, side - 8)
            for near in range(6)
            for place in ((far, near), (near, far))
        }
    return taken


def alignment_centres(version: int) -> list[int]:
    """Return the rows (and columns) on which alignment patterns are centred (annex E)."""
    if version == 1:
        return []
    count = version // 7 + 2
    step = (version * 8 + count * 3 + 5) // (count * 4 - 4) * 2
    last = version * 4 + 10
    return [6, *reversed([last - step * index for index in range(count - 1)])]


def _formats(modules: Modules) -> Iterator[tuple[str, int]]:
    """Yield the levels and masks that the two copies of the format information can mean."""
    side = len(modules)
    beside_corner = [*((8, i) for i in range(6)), (8, 7), (8, 8), (7, 8)]
    beside_corner += [(14 - i, 8) for i in range(9, 15)]
    apart = [(side - 1 - i, 8) for i in range(8)] + [(8, side - 15 + i) for i in range(8, 15)]
    seen = set()
    for places in (beside_corner, apart):
        value = sum(bool(modules[y][x]) << i for i, (x, y) in enumerate(places))
        for data in range(32):
            if (_format_bits(data) ^ value).bit_count() <= _FORMAT_DISTANCE and data not in seen:
                seen.add(data)
                yield _LEVELS[data >> 3], data & 7


def _format_bits(data: int) -> int:
    rest = data
    for _ in range(10):
        rest = rest << 1 ^ (rest >> 9) * 0x537
    return (data << 10 | rest) ^ 0x5412
