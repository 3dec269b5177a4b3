"""Base45 (RFC 9285): two bytes as three characters of the QR alphanumeric set, one byte as two.

The whole text is converted at once: every group becomes one lane of a big integer, and a handful of
multiplications and masks compute all groups together. Nothing here depends on a secret.

Decided, and tested: lower case is illegal (QR alphanumeric has none), a group over 65535 or a
last pair over 255 is an error, one dangling character is an error, and so is every character
outside the set of 45. The white space that scanners leave around a text is the envelope's affair,
not this layer's.
"""

from __future__ import annotations

from typing import Final

from coronapas.errors import DecodeError

ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
"""The 45 characters in the order of their values (RFC 9285, section 4.2)."""

_ILLEGAL: Final = 0xFF
_VALUE: Final = bytes(ALPHABET.find(chr(code)) & _ILLEGAL for code in range(256))
_CHARACTER: Final = bytes(map(ord, ALPHABET.ljust(256, "\0")))

# A text longer than a chunk is converted chunk by chunk, so that the masks below always suffice
# and the big integers stay small enough for multiplication in linear time.
_CHUNK_GROUPS: Final = 2048
_CHUNK: Final = 3 * _CHUNK_GROUPS


def _lanes(pattern: bytes) -> int:
    return int.from_bytes(pattern * _CHUNK_GROUPS, "big")


# Decoding: lanes of three bytes, one for each character of a group.
_LOW_BYTE: Final = _lanes(b"\x00\x00\xff")
_NOT_A_VALUE: Final = _lanes(b"\xc0\xc0\xc0")  # values end at 44, so these bits tell an illegal one
_OVERFLOW: Final = _lanes(b"\xff\x00\x00")

# Encoding: lanes of five bytes, wide enough for a 16-bit number times the 17-bit reciprocal of
# 2025.
_LANE_6: Final = _lanes(b"\x00\x00\x00\x00\x3f")
# n // 2025 == n * 66281 >> 27 for every n below 65536, and r // 45 == r * 1457 >> 16 for every r
# below 2025; the tests try them all.
_BY_2025: Final = 66281
_BY_45: Final = 1457


def encode(data: bytes) -> str:
    """Base45 text of `data`; the empty text for no bytes.

    Source: RFC 9285, section 4.
    """
    size = len(data)
    if size > 2 * _CHUNK_GROUPS:
        step = 2 * _CHUNK_GROUPS
        return "".join(encode(data[start : start + step]) for start in range(0, size, step))
    groups = size >> 1
    spread = bytearray(5 * groups)
    spread[3::5] = data[0 : 2 * groups : 2]
    spread[4::5] = data[1 : 2 * groups : 2]
    number = int.from_bytes(spread, "big")
    high = (number * _BY_2025 >> 27) & _LANE_6
    rest = number - 2025 * high
    middle = (rest * _BY_45 >> 16) & _LANE_6
    low = rest - 45 * middle
    digits = ((low << 16) | (middle << 8) | high).to_bytes(5 * groups, "big")
    values = bytearray(3 * groups)
    values[0::3] = digits[2::5]
    values[1::3] = digits[3::5]
    values[2::3] = digits[4::5]
    if size & 1:
        last = data[-1]
        values += bytes((last % 45, last // 45))
    return values.translate(_CHARACTER).decode("ascii")


def decode(text: str) -> bytes:
    """The bytes that `text` stands for.

    Raises DecodeError with the code ``base45.illegal-character``, ``base45.group-overflow`` or
    ``base45.dangling-character``; the message tells the position, never the character.

    Source: RFC 9285, sections 4 and 6.
    """
    size = len(text)
    step = _CHUNK
    if size <= step:
        return _decode(text, 0)
    return b"".join(_decode(text[start : start + step], start) for start in range(0, size, step))


def _decode(text: str, start: int) -> bytes:
    """The bytes of one chunk, which begins at the place `start` of the whole text."""
    try:
        values = text.encode("ascii").translate(_VALUE)
    except UnicodeEncodeError:
        raise _fault(text, start) from None
    left = len(values) % 3
    whole = len(values) - left
    number = int.from_bytes(values[:whole] if left else values, "big")
    numbers = (
        ((number >> 16) & _LOW_BYTE)
        + 45 * ((number >> 8) & _LOW_BYTE)
        + 2025 * (number & _LOW_BYTE)
    )
    if number & _NOT_A_VALUE or numbers & _OVERFLOW:
        raise _fault(text, start)
    lanes = numbers.to_bytes(whole, "big")
    data = bytearray(whole // 3 * 2)
    data[0::2] = lanes[1::3]
    data[1::2] = lanes[2::3]
    if left == 0:
        return bytes(data)
    if left == 1:
        raise _fault(text, start)
    low, high = values[whole], values[whole + 1]
    last = low + 45 * high
    if low == _ILLEGAL or high == _ILLEGAL or last > 255:
        raise _fault(text, start)
    data.append(last)
    return bytes(data)


def _fault(part: str, start: int) -> DecodeError:
    """The first fault of a text that is known to have one, in reading order."""
    known = {character: value for value, character in enumerate(ALPHABET)}
    for group_start in range(0, len(part), 3):
        group = part[group_start : group_start + 3]
        position = start + group_start
        for offset, character in enumerate(group):
            if character not in known:
                return DecodeError(
                    "base45",
                    "illegal-character",
                    f"character {position + offset} is not one of the 45 allowed",
                )
        if len(group) == 1:
            return DecodeError(
                "base45", "dangling-character", f"one character is left over at position {position}"
            )
        number = sum(known[character] * 45**power for power, character in enumerate(group))
        bound = 0xFFFF if len(group) == 3 else 0xFF
        if number > bound:
            return DecodeError(
                "base45", "group-overflow", f"the group at position {position} exceeds {bound}"
            )
    raise AssertionError("a text without fault was taken for faulty")
