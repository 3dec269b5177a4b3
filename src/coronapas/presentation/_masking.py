"""The choice of a symbol's mask: the one of eight with the lowest penalty (ISO/IEC 18004, 7.8.3).

zxing-cpp chooses as well, module by module, which takes three quarters of its time. Here a symbol
is one big integer, and a penalty a few dozen shifts and masks of it, so that codes are made more
than twice as fast. Of two masks with the same penalty the first counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

_PAD: Final = 4
"""Zeros behind each row: what looks beyond its end sees the quiet zone, and never the next row."""

_DIGITS: Final = bytes.maketrans(b"\0\1", b"01")


class Packed(NamedTuple):
    """A symbol as two integers, a bit a module: row by row, and column by column."""

    rows: int
    columns: int


def packed(pixels: bytes, side: int) -> Packed:
    """Pack the modules of a symbol, row by row a byte each: 1 is dark."""
    digits = pixels.translate(_DIGITS)
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
