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

# A text longer than a chunk is converted chunk by chunk, so that the masks below always suffice
# and the big integers stay small enough for multiplication in linear time.
_CHUNK_GROUPS: Final = 2048
_CHUNK: Final = 3 * _CHUNK_GROUPS


def _lanes(pattern: bytes) -> int:
    return int.from_bytes(pattern * _CHUNK_GROUPS, "big")


# Decoding: lanes of three bytes, one for each character of a group.
_LOW_BYTE: Final = _lanes(b"\x00\x00\xff")
_OVERFLOW: Final = _lanes(b"\xff\x00\x00")

# Encoding: lanes of one byte, one for each group, in three numbers, one for each character. The
# bytes a and b of a group give its characters c, d and e, in this order: 256 a + b = c + 45 d +
# 2025 e. The tables say what a and what b bring to each of them. Characters are kept this much too
# high, so that a sum of 45 or more, which is to be carried, shows in the top bit of its lane.
_RAISED: Final = 128 - 45
_A_IN_C: Final = bytes(256 * a % 45 + _RAISED for a in range(256))
_A_IN_D: Final = bytes(256 * a % 2025 // 45 + _RAISED for a in range(256))
_A_IN_E: Final = bytes(256 * a // 2025 + _RAISED for a in range(256))
_B_IN_C: Final = bytes(b % 45 for b in range(256))
_B_IN_D: Final = bytes(b // 45 for b in range(256))
_ONE: Final = _lanes(b"\x01")
_CHARACTER: Final = bytes(_RAISED) + ALPHABET.encode() + bytes(256 - _RAISED - len(ALPHABET))


def encode(data: bytes) -> str:
    """Base45 text of `data`; the empty text for no bytes.

    Source: RFC 9285, section 4.
    """
    size = len(data)
    if size > 2 * _CHUNK_GROUPS:
        step = 2 * _CHUNK_GROUPS
        return "".join(encode(data[start : start + step]) for start in range(0, size, step))
    groups = size >> 1
    a, b = data[0 : 2 * groups : 2], data[1::2]
    number = int.from_bytes
    c = number(a.translate(_A_IN_C), "big") + number(b.translate(_B_IN_C), "big")
    carry = c >> 7 & _ONE
    c -= 45 * carry
    d = number(a.translate(_A_IN_D), "big") + number(b.translate(_B_IN_D), "big") + carry
    carry = d >> 7 & _ONE
    d -= 45 * carry
    e = number(a.translate(_A_IN_E), "big") + carry
    values = bytearray(3 * groups)
    values[0::3] = c.to_bytes(groups, "big")
    values[1::3] = d.to_bytes(groups, "big")
    values[2::3] = e.to_bytes(groups, "big")
    if size & 1:
        last = data[-1]
        values += bytes((last % 45 + _RAISED, last // 45 + _RAISED))
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
    if _ILLEGAL in values:
        raise _fault(text, start)
    size = len(values)
    left = size % 3
    whole = size - left
    number = int.from_bytes(values[:whole] if left else values, "big")
    numbers = (
        ((number >> 16) & _LOW_BYTE)
        + 45 * ((number >> 8) & _LOW_BYTE)
        + 2025 * (number & _LOW_BYTE)
    )
    if numbers & _OVERFLOW:
        raise _fault(text, start)
    lanes = bytearray(numbers.to_bytes(whole, "big"))  # slices of it are assigned without a copy
    data = bytearray(whole // 3 * 2)
    data[0::2] = lanes[1::3]
    data[1::2] = lanes[2::3]
    if left == 0:
        return bytes(data)
    if left == 1:
        raise _fault(text, start)
    last = values[whole] + 45 * values[whole + 1]
    if last > 255:
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
