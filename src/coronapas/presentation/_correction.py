"""Reed-Solomon error correction of a QR code's codewords (ISO/IEC 18004, annex B).

The field is GF(256) over x⁸+x⁴+x³+x²+1, the generator's roots are α⁰, α¹, …. A block of n
codewords, e of them for correction, is corrected when at most e/2 are wrong, and refused otherwise.
"""

from __future__ import annotations

from typing import Final


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
