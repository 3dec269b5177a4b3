"""Symbols in alphanumeric mode (ISO/IEC 18004), made by zxing-cpp's writer.

The writer divides a text into segments by itself: a long run of digits becomes a segment in numeric
mode, which hcert-spec 1.0.8 (QR code) does not have for a pass. A text with such a run is therefore
made from three texts without digits, as `_pixels` explains. The mask is chosen here, because that
is several times as fast.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache, lru_cache, reduce
from math import isqrt
from struct import Struct
from typing import (
    TYPE_CHECKING,
    Any,
    Final,
    Literal,
    NamedTuple,
)

from coronapas.errors import MissingExtraError
from coronapas.hcert._base45 import ALPHABET

if TYPE_CHECKING:
    from zxingcpp import Barcode

# The choice of a symbol's mask: the one of eight with the lowest penalty (ISO/IEC 18004, 7.8.3).
#
# zxing-cpp chooses as well, module by module, which takes three quarters of its time. Here a symbol
# is one big integer, and a penalty a few dozen shifts and masks of it, so that codes are made more
# than twice as fast. Of two masks with the same penalty the first counts.

_PAD: Final = 4
"""Zeros behind each row: what looks beyond its end sees the quiet zone, and never the next row."""

_BITS_AS_DIGITS: Final = bytes.maketrans(b"\0\1", b"01")


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
    """Return the number of the mask with the lowest penalty.

    `changes` says for each mask which modules it turns in `symbol`.
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


ErrorLevel = Literal["L", "M", "Q", "H"]
"""ISO/IEC 18004's levels of error correction: about 7, 15, 25 and 30 % may be lost."""

Modules = tuple[tuple[bool, ...], ...]
"""A symbol row by row without its quiet zone, True being dark."""

# A segment in numeric mode saves bits from 7 digits on at either end of a text, from 13 on in its
# middle, and always in a text of digits alone. The bounds here are one lower.
_DIGITS: Final = re.compile(r"\A[0-9]+\Z|\A[0-9]{6}|[0-9]{6}\Z|[0-9]{12}")

_LETTERS: Final = ALPHABET[10:]
_DARK: Final = bytes(pixel == 0 for pixel in range(256))


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
