"""Walks BER (ITU-T X.690, chapter 8), for the CMS messages that gateways send.

`coronapas._asn1` reads certificates, which are DER. CMS messages made with common Java
libraries use indefinite lengths and strings in pieces; this module finds its way through those.
It only reads, nothing recurses, and the work grows with the length of the bytes.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from coronapas.errors import KeyMaterialError

OCTET_STRING: Final = 0x04
_CONSTRUCTED: Final = 0x20
_CONSTRUCTED_OCTET_STRING: Final = OCTET_STRING | _CONSTRUCTED
_INDEFINITE: Final = 0x80
_END: Final = b"\x00\x00"
_MAX_LENGTH_BYTES: Final = 4
_MAX_DEPTH: Final = 32
_MAX_CHILDREN: Final = 65_536  # pieces of 1,000 bytes each, of as large a message as is read


class Element(NamedTuple):
    """One element: its tag, its first byte, its content from `begin` to `end`, the byte after it.

    `end` and `after` differ by the two bytes that close an indefinite length.
    """

    tag: int
    start: int
    begin: int
    end: int
    after: int


def element(data: bytes, at: int, limit: int) -> Element:
    """The element that starts at `at` and ends at or before `limit`."""
    tag, begin, length = _head(data, at, limit)
    if length is None:
        end = _end_of_contents(data, begin, limit)
        return Element(tag, at, begin, end, end + len(_END))
    return Element(tag, at, begin, begin + length, begin + length)


def _head(data: bytes, at: int, limit: int) -> tuple[int, int, int | None]:
    """Tag, first byte of the content, and its length; None for an indefinite one."""
    if limit - at < 2:
        raise KeyMaterialError("BER ends inside an element")
    tag, length = data[at], data[at + 1]
    if tag & 0x1F == 0x1F:
        raise KeyMaterialError("BER has a tag number above 30 where none may be")
    begin = at + 2
    if length == _INDEFINITE:
        if not tag & _CONSTRUCTED:
            raise KeyMaterialError("BER has an indefinite length where none may be")
        return tag, begin, None
    if length > _INDEFINITE:
        begin += length - _INDEFINITE
        if length - _INDEFINITE > _MAX_LENGTH_BYTES or begin > limit:
            raise KeyMaterialError("BER has an oversized or cut-off length")
        length = int.from_bytes(data[at + 2 : begin], "big")
    if begin + length > limit:
        raise KeyMaterialError("BER has an element that is longer than what holds it")
    return tag, begin, length


def _end_of_contents(data: bytes, at: int, limit: int) -> int:
    """Where the content of indefinite length that begins at `at` ends."""
    depth = 1
    while True:
        if data[at : at + 2] == _END and at + 2 <= limit:
            depth -= 1
            if not depth:
                return at
            at += 2
            continue
        _, begin, length = _head(data, at, limit)
        if length is None:
            depth += 1
            if depth > _MAX_DEPTH:
                raise KeyMaterialError(f"BER nests deeper than {_MAX_DEPTH}")
            at = begin
        else:
            at = begin + length


def children(data: bytes, begin: int, end: int) -> list[Element]:
    """The elements that stand side by side from `begin` to `end`."""
    found = []
    while begin < end:
        child = element(data, begin, end)
        found.append(child)
        if len(found) > _MAX_CHILDREN:
            raise KeyMaterialError(f"BER has more than {_MAX_CHILDREN} elements side by side")
        begin = child.after
    return found


def octets(data: bytes, found: Element) -> bytes:
    """The bytes of an OCTET STRING, whole or in pieces (X.690 8.7)."""
    if found.tag == OCTET_STRING:
        return data[found.begin : found.end]
    if found.tag != _CONSTRUCTED_OCTET_STRING:
        raise KeyMaterialError(f"BER has tag 0x{found.tag:02x} instead of an OCTET STRING")
    pieces = children(data, found.begin, found.end)
    if any(piece.tag != OCTET_STRING for piece in pieces):
        raise KeyMaterialError("BER has an OCTET STRING whose pieces are none")
    return b"".join(data[piece.begin : piece.end] for piece in pieces)
