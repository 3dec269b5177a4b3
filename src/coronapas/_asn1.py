"""Reads DER: just what a certificate needs, and no more (ITU-T X.690, chapters 8 and 11).

It exists for certificates on real trust lists that strict parsers refuse (an encoded default, an
empty list of purposes) although the passes signed with them are good. It only reads. Nothing here
recurses, no step reads outside the bytes it was given, and the work grows with their length; what
cannot be read is a `KeyMaterialError`. Lengths in more bytes than needed are accepted, indefinite
ones are not.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import Final, TypeAlias

from coronapas.errors import KeyMaterialError

BOOLEAN: Final = 0x01
INTEGER: Final = 0x02
BIT_STRING: Final = 0x03
OCTET_STRING: Final = 0x04
OBJECT_IDENTIFIER: Final = 0x06
UTC_TIME: Final = 0x17
GENERALIZED_TIME: Final = 0x18
SEQUENCE: Final = 0x30
SET: Final = 0x31

Element: TypeAlias = tuple[int, int, int]
"""Tag, first byte of the content, first byte after it. A plain tuple: a list needs thousands."""

_MAX_LENGTH_BYTES: Final = 4
_MAX_OID_BYTES: Final = 64
_MAX_INTEGER_BYTES: Final = 64
_CENTURY_PIVOT: Final = 50  # RFC 5280 4.1.2.5.1: two-digit years from 50 belong to the 1900s

_CLOCK: Final = rb"(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)?(?:[.,]\d{1,9})?(?:Z|([+-])(\d\d)(\d\d))"
_TIMES: Final = {
    UTC_TIME: re.compile(rb"(\d\d)" + _CLOCK),
    GENERALIZED_TIME: re.compile(rb"(\d{4})" + _CLOCK),
}
_TEXT_CODECS: Final = {
    0x0C: "utf-8",
    0x12: "ascii",
    0x13: "ascii",
    0x14: "latin-1",
    0x16: "ascii",
    0x1A: "ascii",
    0x1C: "utf-32-be",
    0x1E: "utf-16-be",
}


def element(data: bytes, at: int, limit: int) -> Element:
    """The element that starts at `at` and ends at or before `limit`."""
    if limit - at < 2:
        raise KeyMaterialError("DER ends inside an element")
    tag = data[at]
    if tag & 0x1F == 0x1F:
        raise KeyMaterialError("DER has a tag number above 30 where none may be")
    length = data[at + 1]
    begin = at + 2
    if length >= 0x80:
        begin += length - 0x80
        if not 0 < length - 0x80 <= _MAX_LENGTH_BYTES or begin > limit:
            raise KeyMaterialError("DER has an indefinite, oversized or cut-off length")
        length = int.from_bytes(data[at + 2 : begin], "big")
    end = begin + length
    if end > limit:
        raise KeyMaterialError("DER has an element that is longer than what holds it")
    return tag, begin, end


def expect(data: bytes, at: int, limit: int, tag: int, what: str) -> Element:
    """The element at `at`, which has to have `tag`; `what` names it in the error."""
    found = element(data, at, limit)
    if found[0] != tag:
        raise KeyMaterialError(f"DER has tag 0x{found[0]:02x} instead of 0x{tag:02x} for {what}")
    return found


def only(data: bytes, tag: int, what: str) -> Element:
    """The one element that `data` is, from its first byte to its last."""
    found = expect(data, 0, len(data), tag, what)
    if found[2] != len(data):
        raise KeyMaterialError(f"DER goes on after the end of {what}")
    return found


def children(data: bytes, begin: int, end: int) -> list[Element]:
    """The elements that stand side by side from `begin` to `end`."""
    found = []
    while begin < end:
        child = element(data, begin, end)
        found.append(child)
        begin = child[2]
    return found


def integer(data: bytes, found: Element) -> int:
    """The value of an INTEGER of at most 64 bytes."""
    _, begin, end = found
    if not 0 < end - begin <= _MAX_INTEGER_BYTES:
        raise KeyMaterialError("DER has an empty or oversized integer")
    return int.from_bytes(data[begin:end], "big", signed=True)


def object_identifier(data: bytes, found: Element) -> str:
    """The dotted form of an OBJECT IDENTIFIER of at most 64 bytes (X.690 8.19)."""
    _, begin, end = found
    if not 0 < end - begin <= _MAX_OID_BYTES or data[end - 1] >= 0x80:
        raise KeyMaterialError("DER has an empty, oversized or cut-off object identifier")
    return _dotted(data[begin:end])


@lru_cache(maxsize=256)
def _dotted(content: bytes) -> str:
    """The same few identifiers stand in all certificates, ten in each."""
    arcs: list[int] = []
    arc = 0
    for byte in content:
        arc = arc << 7 | byte & 0x7F
        if byte < 0x80:
            arcs.append(arc)
            arc = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, (first, arcs[0] - 40 * first, *arcs[1:])))


def text(data: bytes, found: Element) -> str:
    """The text of a character string; what its encoding does not allow becomes U+FFFD.

    A value that is no character string is given as ``#`` and the hexadecimal of its content.
    """
    tag, begin, end = found
    codec = _TEXT_CODECS.get(tag)
    if codec is None:
        return "#" + data[begin:end].hex()
    return data[begin:end].decode(codec, "replace")


def time(data: bytes, found: Element) -> datetime:
    """The instant of a UTCTime or GeneralizedTime, in UTC, fractions of a second dropped.

    DER allows whole seconds and ``Z`` only; a missing seconds field (00) and an offset are read,
    too. A time without any zone is refused: what it means is anyone's guess.
    """
    tag, begin, end = found
    pattern = _TIMES.get(tag)
    match = pattern.fullmatch(data, begin, end) if pattern else None
    if match is None:
        raise KeyMaterialError("DER has a time that cannot be read")
    year, month, day, hour, minute, second, sign, off_hours, off_minutes = match.groups()
    years = int(year)
    if tag == UTC_TIME:
        years += 1900 if years >= _CENTURY_PIVOT else 2000
    try:
        zone = _zone(sign, off_hours, off_minutes)
        return datetime(
            years, int(month), int(day), int(hour), int(minute), int(second or 0), tzinfo=zone
        ).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise KeyMaterialError("DER has a time that is on no calendar") from error


def _zone(sign: bytes | None, hours: bytes, minutes: bytes) -> timezone:
    if sign is None:
        return UTC
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    return timezone(-offset if sign == b"-" else offset)
