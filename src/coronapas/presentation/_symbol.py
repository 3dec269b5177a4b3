"""QR symbols, made from a text and read back from their modules (ISO/IEC 18004).

A pass is one segment in alphanumeric mode (hcert-spec 1.0.8, QR code). zxing-cpp's writer divides a
text into segments by itself: a long run of digits becomes a segment in numeric mode. A text with
such a run is therefore made from three texts without digits, as `_pixels` explains. The mask is
chosen here: zxing-cpp chooses it module by module, which takes three quarters of its time. Here a
symbol is one big integer, and a penalty a few dozen shifts and masks of it, so that codes are made
more than twice as fast.

Scanners return a code's text, but not the mode that it was written in, which the EU's check Q2
asks for. The mode is in the modules: they are decoded here, error correction included (chapters 7.3
to 7.10, annex B), so that the answer comes from the symbol itself and is not guessed from the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache, lru_cache, reduce
from itertools import chain
from math import isqrt
from struct import Struct
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from coronapas.errors import MissingExtraError
from coronapas.hcert._base45 import ALPHABET

if TYPE_CHECKING:
    from zxingcpp import Barcode

ErrorLevel = Literal["L", "M", "Q", "H"]
"""ISO/IEC 18004's levels of error correction: about 7, 15, 25 and 30 % may be lost."""

Modules = tuple[tuple[bool, ...], ...]
"""A symbol row by row without its quiet zone, True being dark."""

_Grid = Sequence[Sequence[bool]]
"""`Modules`, as the functions that read them take them."""

# A segment in numeric mode saves bits from 7 digits on at either end of a text, from 13 on in its
# middle, and always in a text of digits alone. The bounds here are one lower.
_DIGITS: Final = re.compile(r"\A[0-9]+\Z|\A[0-9]{6}|[0-9]{6}\Z|[0-9]{12}")

_LETTERS: Final = ALPHABET[10:]
_DARK: Final = bytes(pixel == 0 for pixel in range(256))

_PAD: Final = 4
"""Zeros behind each row: what looks beyond its end sees the quiet zone, and never the next row."""

_BITS_AS_DIGITS: Final = bytes.maketrans(b"\0\1", b"01")

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
_INVERTED: Final[tuple[Callable[[int, int], bool], ...]] = (
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


def symbol(
    text: str, level: ErrorLevel, *, version: int | None = None, mask: int | None = None
) -> Modules | None:
    """Return the symbol of a text as one segment in alphanumeric mode, or None if it does not fit.

    Without `version` (1 to 40) it is the smallest that holds the text at `level`; without `mask`
    (0 to 7) the mask is chosen. `text` has at least one character, all of the 45. Raises
    MissingExtraError where zxing-cpp is not installed.
    """
    fixed = 0 if mask is None else mask
    try:
        pixels = _pixels(text, level, version, fixed)
    except ValueError:  # the text is too long
        return None
    side = isqrt(len(pixels))
    if mask is None:
        masks = _masks(side, level)
        chosen = lowest(packed(pixels, side), [change for change, _ in masks], side)
        pixels = _sum(pixels, masks[chosen][1])
    return _rows(pixels, side)


def modules_of(barcode: Barcode) -> Modules:
    """Return the modules of a symbol that zxing-cpp made, or sampled from an image."""
    pixels = _drawn(barcode)
    return _rows(pixels, isqrt(len(pixels)))


def _rows(pixels: bytes, side: int) -> Modules:
    return tuple(Struct(f"{side}?").iter_unpack(pixels))


def _drawn(barcode: Barcode) -> bytes:
    """Return the modules row by row, a byte each: 1 is dark."""
    drawn: Any = barcode.to_image(scale=1, add_quiet_zones=False)  # a buffer, which its stub omits
    return bytes(drawn).translate(_DARK)


def _pixels(text: str, level: ErrorLevel, version: int | None, mask: int) -> bytes:
    """Return the symbol with a mask as `_drawn` does; ValueError where the text is too long.

    The sum (modulo 2) of the symbols of three texts without digits stands for a text with a long
    run of digits. Of symbols of the same version, level and mask, the data bits, the Reed-Solomon
    code, the mask and the patterns are all linear over GF(2): an odd number of symbols adds up to
    the symbol of the sum of their data. The three texts are chosen such that their data adds up to
    the text's.
    """
    if not _DIGITS.search(text):
        return _written(text, level, version, mask)
    groups = (_shares(text[start : start + 2]) for start in range(0, len(text), 2))
    shares = ("".join(share) for share in zip(*groups, strict=True))
    return reduce(_sum, (_written(share, level, version, mask) for share in shares))


def _written(text: str, level: ErrorLevel, version: int | None, mask: int) -> bytes:
    try:
        import zxingcpp
    except ImportError as missing:
        raise MissingExtraError("qr", "zxing-cpp") from missing
    sized = {} if version is None else {"version": version}
    made = zxingcpp.create_barcode(
        text, zxingcpp.BarcodeFormat.QRCodeModel2, ec_level=level, data_mask=mask, **sized
    )
    return _drawn(made)


@lru_cache(maxsize=32)
def _masks(side: int, level: ErrorLevel) -> tuple[tuple[Packed, bytes], ...]:
    """Return what each mask turns in a symbol with mask 0: the same for every text of a size."""
    version = (side - 17) // 4
    plain, *others = (_written("A", level, version, mask) for mask in range(8))
    changes = [bytes(len(plain)), *(_sum(plain, other) for other in others)]
    return tuple((packed(change, side), change) for change in changes)


def _sum(a: bytes, b: bytes) -> bytes:
    """Return the sum (modulo 2) of two symbols."""
    return (int.from_bytes(a, "big") ^ int.from_bytes(b, "big")).to_bytes(len(a), "big")


@cache
def _shares(group: str) -> tuple[str, str, str]:
    """Return three groups without digits whose values add up (modulo 2) to that of one or two.

    They exist: more than half of the 64 values of one character, and of the 2048 of two, belong to
    groups without digits.
    """
    seconds = _LETTERS if len(group) == 2 else ("",)
    without = {_value(first + second): first + second for first in _LETTERS for second in seconds}
    some = _LETTERS[0] * len(group)
    rest = _value(group) ^ _value(some)
    value = next(value for value in without if value ^ rest in without)
    return some, without[value], without[value ^ rest]


def _value(group: str) -> int:
    """Return the value of one or two characters in alphanumeric mode (chapter 7.4.5)."""
    value = 0
    for character in group:
        value = 45 * value + ALPHABET.index(character)
    return value


class Packed(NamedTuple):
    """A symbol as two integers, a bit a module: row by row, and column by column."""

    rows: int
    columns: int


def packed(pixels: bytes, side: int) -> Packed:
    """Pack the modules of a symbol, row by row a byte each: 1 is dark."""
    digits = pixels.translate(_BITS_AS_DIGITS)
    gap = b"0" * _PAD
    rows = gap.join(digits[start : start + side] for start in range(0, len(digits), side))
    columns = gap.join(digits[start::side] for start in range(side))
    return Packed(int(rows + gap, 2), int(columns + gap, 2))


def lowest(symbol: Packed, changes: Sequence[Packed], side: int) -> int:
    """Return the number of the mask with the lowest penalty (ISO/IEC 18004, 7.8.3).

    `changes` says for each mask which modules it turns in `symbol`. Of two masks with the same
    penalty the first counts.
    """
    inside = _inside(side)
    penalties = [
        _penalty(Packed(symbol.rows ^ change.rows, symbol.columns ^ change.columns), side, inside)
        for change in changes
    ]
    return penalties.index(min(penalties))


def _inside(side: int) -> int:
    """Return the bits that are modules, not padding."""
    row = (1 << side) - 1 << _PAD
    width = side + _PAD
    return sum(row << width * number for number in range(side))


def _penalty(symbol: Packed, side: int, inside: int) -> int:
    """Return the points of table 11: runs, blocks, what looks like a finder, and the balance."""
    dark, light = symbol.rows, symbol.rows ^ inside
    points = 0
    for line in (dark, light, symbol.columns, symbol.columns ^ inside):
        points += _runs(line)
    for colour in (dark, light):
        pairs = colour & colour >> 1
        points += 3 * (pairs & pairs >> side + _PAD).bit_count()
    points += _finders(dark) + _finders(symbol.columns)
    modules = side * side
    return points + 10 * (abs(20 * dark.bit_count() - 10 * modules) // modules)


def _runs(line: int) -> int:
    """Return 3 points for each run of five modules of a colour, and 1 for each module more."""
    two = line & line >> 1
    five = two & two >> 2 & line >> 4
    # A run of n modules has n-4 bits here.
    return five.bit_count() + 2 * (five & ~(five << 1)).bit_count()


def _finders(dark: int) -> int:
    """Return 40 points for each 1:1:3:1:1 with four light modules on one side of it."""
    core = dark & dark >> 2 & dark >> 3 & dark >> 4 & dark >> 6
    core &= ~(dark >> 1 | dark >> 5)
    before = dark << 1 | dark << 2 | dark << 3 | dark << 4
    behind = dark >> 7 | dark >> 8 | dark >> 9 | dark >> 10
    return 40 * (core & ~(before & behind)).bit_count()


class SymbolError(ValueError):
    """Modules that are not a QR code, or that are too damaged."""


def data_codewords(modules: _Grid) -> bytes:
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


def _decoded(modules: _Grid, level: str, mask: int) -> bytes:
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


def _codewords(modules: _Grid, mask: int) -> bytes:
    turns = _INVERTED[mask]
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


def _formats(modules: _Grid) -> Iterator[tuple[str, int]]:
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


def _tables() -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the powers of α and the logarithms in GF(256) over x⁸+x⁴+x³+x²+1 (annex B)."""
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

    Reed-Solomon: the generator's roots are α⁰, α¹, …. Raises UncorrectableError when more than half
    as many codewords as `checks` are wrong.
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
