"""Where the items of a CBOR map or array begin and end (RFC 8949, chapter 3).

A digest covers an item as it was received, and an encoder may have written a length in more bytes
than it needs. So the bytes must be found, which a decoder does not tell. Only whole items that
`coronapas.hcert._cbor` has already read, and so found well-formed and bounded, are walked here.
"""

from __future__ import annotations

from typing import Final

from coronapas.wallets._errors import CredentialError

MAX_HEADS: Final = 5_000
"""The most items that are walked at once, those inside others included (inclusive)."""

_MAP: Final = 5
_ARRAY: Final = 4
_TAG: Final = 6
_STRINGS: Final = (2, 3)
_BREAK: Final = 0xFF
_INDEFINITE: Final = 31


class _Walk:
    """One walk through bytes, which may meet so many items and no more."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._left = MAX_HEADS

    def head(self, at: int) -> tuple[int, int, int | None]:
        """Return the major type, the place behind the head, and its number; None: indefinite."""
        self._left -= 1
        if self._left < 0:
            raise CredentialError("format.too-large", "the document has too many items")
        first = self._data[at]
        major, low = first >> 5, first & 31
        if low < 24:
            return major, at + 1, low
        if low == _INDEFINITE:
            return major, at + 1, None
        size = 1 << (low - 24)
        return major, at + 1 + size, int.from_bytes(self._data[at + 1 : at + 1 + size], "big")

    def end(self, at: int) -> int:
        """Return where the item that begins at `at` ends."""
        major, place, number = self.head(at)
        if major == _TAG:
            return self.end(place)
        if major in _STRINGS:
            if number is not None:
                return place + number
            while self._data[place] != _BREAK:
                place = self.end(place)
            return place + 1
        if major in (_ARRAY, _MAP):
            found = self.inside(major, place, number)
            return (found[-1][1] if found else place) + (number is None)
        return place

    def inside(self, major: int, place: int, number: int | None) -> list[tuple[int, int]]:
        """Return where each item inside an array or map begins and ends."""
        found = []
        left = None if number is None else number * (2 if major == _MAP else 1)
        while left != 0 and not (left is None and self._data[place] == _BREAK):
            end = self.end(place)
            found.append((place, end))
            place = end
            left = None if left is None else left - 1
        return found


def items(data: bytes) -> list[bytes]:
    """Return the bytes of each item of an array, or of each key and value of a map, in order.

    Raises CredentialError where `data` is neither, or holds too many items.
    """
    walk = _Walk(data)
    try:
        major, place, number = walk.head(0)
        if major not in (_ARRAY, _MAP):
            raise CredentialError("format.malformed", "an array or a map is missing")
        return [data[begin:end] for begin, end in walk.inside(major, place, number)]
    except (IndexError, RecursionError):
        raise CredentialError("format.malformed", "the CBOR ends too early") from None


def members(data: bytes) -> dict[bytes, bytes]:
    """Return the bytes of a map's values by the bytes of their keys."""
    parts = items(data)
    return dict(zip(parts[::2], parts[1::2], strict=True))
