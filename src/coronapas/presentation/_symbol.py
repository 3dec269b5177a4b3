"""From the modules of a QR code to its data codewords (ISO/IEC 18004, chapters 7.3 to 7.10).

Scanners return a code's text, but not the mode that it was written in, which the EU's check Q2
asks for. The mode is in the modules: they are decoded here, error correction included, so that the
answer comes from the symbol itself and is not guessed from the text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Final

from coronapas.presentation._correction import UncorrectableError, corrected

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
