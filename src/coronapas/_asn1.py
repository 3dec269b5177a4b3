"""Read the ASN.1 encodings DER and BER (ITU-T X.690, chapters 8 and 11), and no more than needed.

Certificates are DER. This reader exists for those on real trust lists that strict parsers refuse
(an encoded default, an empty list of purposes) although the passes signed with them are good.
Lengths in more bytes than needed are accepted, indefinite ones are not.

CMS messages made with common Java libraries use BER's indefinite lengths and strings in pieces;
`element` and `children` accept those with ``ber=True``.

Nothing here recurses, no step reads outside the bytes it was given, and the work grows linearly
with their length; what cannot be read is a `KeyMaterialError`.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from coronapas.errors import KeyMaterialError

if TYPE_CHECKING:
    from collections.abc import Sequence

BOOLEAN: Final = 0x01
INTEGER: Final = 0x02
BIT_STRING: Final = 0x03
OCTET_STRING: Final = 0x04
OBJECT_IDENTIFIER: Final = 0x06
UTC_TIME: Final = 0x17
GENERALIZED_TIME: Final = 0x18
SEQUENCE: Final = 0x30
SET: Final = 0x31

_CONSTRUCTED: Final = 0x20
_INDEFINITE: Final = 0x80
_END_OF_CONTENTS: Final = b"\x00\x00"

_MAX_LENGTH_BYTES: Final = 4
_MAX_OID_BYTES: Final = 64
_MAX_INTEGER_BYTES: Final = 64
_MAX_DEPTH: Final = 32  # of indefinite lengths
_MAX_CHILDREN: Final = 65_536  # pieces of 1,000 bytes each, of as large a message as is read
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


class Element(NamedTuple):
    """One element, by offsets into the bytes that hold it.

    `tag` is the identifier octet, `start` its place; the content goes from `begin` up to `end`, and
    `after` is the first byte behind the element. `end` and `after` differ by the two bytes that
    close an indefinite length, and are equal otherwise.
    """

    tag: int
    start: int
    begin: int
    end: int
    after: int


# A list needs thousands of elements, and this makes each without a call of the class.
_new: Final = tuple.__new__


def element(data: bytes, at: int, limit: int, *, ber: bool = False) -> Element:
    """Return the element that starts at `at` and ends at or before `limit`."""
    if limit - at < 2:
        raise KeyMaterialError("the ASN.1 encoding ends inside an element")
    tag, length = data[at], data[at + 1]
    if tag & 0x1F == 0x1F:
        raise KeyMaterialError("the ASN.1 encoding has an unsupported tag number above 30")
    begin = at + 2
    if length >= _INDEFINITE:
        if ber and _is_indefinite(data, at):
            end = _end_of_contents(data, begin, limit)
            return Element(tag, at, begin, end, end + len(_END_OF_CONTENTS))
        begin += length - _INDEFINITE
        if not 0 < length - _INDEFINITE <= _MAX_LENGTH_BYTES or begin > limit:
            message = "the ASN.1 encoding has an indefinite, oversized or cut-off length"
            raise KeyMaterialError(message)
        length = int.from_bytes(data[at + 2 : begin], "big")
    end = begin + length
    if end > limit:
        raise KeyMaterialError("the ASN.1 encoding has an element longer than what holds it")
    return _new(Element, (tag, at, begin, end, end))


def _is_indefinite(data: bytes, at: int) -> bool:
    """Return whether the element at `at` has an indefinite length (X.690 8.1.3.6)."""
    return data[at + 1] == _INDEFINITE and bool(data[at] & _CONSTRUCTED)


def _end_of_contents(data: bytes, at: int, limit: int) -> int:
    """Return where the content of indefinite length that begins at `at` ends."""
    depth = 1
    while True:
        if at + 2 <= limit and data[at : at + 2] == _END_OF_CONTENTS:
            depth -= 1
            if not depth:
                return at
            at += 2
        elif at + 2 <= limit and _is_indefinite(data, at):
            depth += 1
            if depth > _MAX_DEPTH:
                raise KeyMaterialError(f"the ASN.1 encoding is nested deeper than {_MAX_DEPTH}")
            at += 2
        else:
            at = element(data, at, limit).after


def expect(data: bytes, at: int, limit: int, tag: int, what: str) -> Element:
    """Return the element at `at`, which must have `tag`; `what` names it in the error."""
    if at + 2 <= limit and data[at] == tag and (length := data[at + 1]) < _INDEFINITE:
        # Most elements have a length of one byte.
        begin = at + 2
        end = begin + length
        if end <= limit:
            return _new(Element, (tag, at, begin, end, end))
    found = element(data, at, limit)
    if found.tag != tag:
        raise KeyMaterialError(f"{what} must have tag 0x{tag:02x}, got 0x{found.tag:02x}")
    return found


def only(data: bytes, tag: int, what: str) -> Element:
    """Return the one element that `data` is, from its first byte to its last."""
    found = expect(data, 0, len(data), tag, what)
    if found.after != len(data):
        raise KeyMaterialError(f"bytes follow the end of {what}")
    return found


def starts(data: bytes, at: int, limit: int, tags: Sequence[int]) -> list[int] | None:
    """Return where elements with these tags start that stand side by side, and where they end.

    It is quick, and None where one has another tag or does not fit: `expect` says what is wrong. A
    tag of `ANY` stands for every tag.
    """
    found = [at]
    try:
        for wanted in tags:
            tag, size = data[at], data[at + 1]
            if size < _INDEFINITE:
                at += 2 + size
            elif size == _ONE_BYTE:
                at += 3 + data[at + 2]
            elif size == _TWO_BYTES:
                at += 4 + (data[at + 2] << 8 | data[at + 3])
            else:
                return None
            if at > limit or (wanted and wanted != tag) or tag & 0x1F == 0x1F:
                return None
            found.append(at)
    except IndexError:
        return None
    return found


def content(data: bytes, at: int) -> tuple[int, int]:
    """Return where the content of a whole element begins and ends."""
    size = data[at + 1]
    if size < _INDEFINITE:
        return at + 2, at + 2 + size
    found = element(data, at, len(data))
    return found.begin, found.end


ANY: Final = 0
_ONE_BYTE: Final = 0x81
_TWO_BYTES: Final = 0x82


def children(data: bytes, begin: int, end: int, *, ber: bool = False) -> list[Element]:
    """Return the elements that stand side by side from `begin` to `end`."""
    found = []
    while begin < end:
        child = element(data, begin, end, ber=ber)
        found.append(child)
        if len(found) > _MAX_CHILDREN:
            raise KeyMaterialError(f"more than {_MAX_CHILDREN} elements stand side by side")
        begin = child.after
    return found


def octets(data: bytes, found: Element) -> bytes:
    """Return the bytes of an OCTET STRING, whole or in pieces (BER; X.690 8.7)."""
    if found.tag == OCTET_STRING:
        return data[found.begin : found.end]
    if found.tag != OCTET_STRING | _CONSTRUCTED:
        raise KeyMaterialError(f"an OCTET STRING must have tag 0x04, got 0x{found.tag:02x}")
    pieces = children(data, found.begin, found.end, ber=True)
    if any(piece.tag != OCTET_STRING for piece in pieces):
        raise KeyMaterialError("a piece of an OCTET STRING must be an OCTET STRING")
    return b"".join(data[piece.begin : piece.end] for piece in pieces)


def integer(data: bytes, found: Element) -> int:
    """Return the value of an INTEGER of at most 64 bytes."""
    if not 0 < found.end - found.begin <= _MAX_INTEGER_BYTES:
        raise KeyMaterialError("the ASN.1 encoding has an empty or oversized integer")
    return int.from_bytes(data[found.begin : found.end], "big", signed=True)


def object_identifier(data: bytes, found: Element) -> str:
    """Return the dotted form of an OBJECT IDENTIFIER of at most 64 bytes (X.690 8.19)."""
    _, _, begin, end, _ = found
    if not 0 < end - begin <= _MAX_OID_BYTES or data[end - 1] >= 0x80:
        raise KeyMaterialError(
            "the ASN.1 encoding has an empty, oversized or cut-off object identifier"
        )
    return dotted(data[begin:end])


@lru_cache(maxsize=256)
def dotted(content: bytes) -> str:
    """Return the dotted form of the content of an OBJECT IDENTIFIER, of 1 to 64 bytes."""
    # The same few identifiers stand in all certificates, ten in each.
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
    """Return the text of a character string; what its encoding does not allow becomes U+FFFD.

    A value of another type is returned as ``#`` and the hexadecimal of its content.
    """
    content = data[found.begin : found.end]
    codec = _TEXT_CODECS.get(found.tag)
    return "#" + content.hex() if codec is None else content.decode(codec, "replace")


def time(data: bytes, found: Element) -> datetime:
    """Return the instant of a UTCTime or GeneralizedTime, in UTC, without fractions of a second.

    DER allows whole seconds and ``Z`` only; absent seconds (00) and an offset are accepted, too. A
    time without any zone is refused: nobody can say what it means.
    """
    pattern = _TIMES.get(found.tag)
    match = pattern.fullmatch(data, found.begin, found.end) if pattern else None
    if match is None:
        raise KeyMaterialError("the ASN.1 encoding has a time that cannot be read")
    year, month, day, hour, minute, second, sign, off_hours, off_minutes = match.groups()
    years = int(year)
    if found.tag == UTC_TIME:
        years += 1900 if years >= _CENTURY_PIVOT else 2000
    try:
        zone = _zone(sign, off_hours, off_minutes)
        found_at = datetime(
            years, int(month), int(day), int(hour), int(minute), int(second or 0), tzinfo=zone
        )
        return found_at if zone is UTC else found_at.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise KeyMaterialError(
            "the ASN.1 encoding has a time that is outside the calendar"
        ) from error


def time_at(data: bytes, at: int) -> datetime:
    """Return the instant of the whole element at a place; see `time`."""
    return _plain_time(data[at : at + _UTC_LENGTH]) or time(data, element(data, at, len(data)))


def _plain_time(whole: bytes) -> datetime | None:
    """Return the instant of a UTCTime ``YYMMDDhhmmssZ``, quickly; None for anything else."""
    digits = whole[2:-1]
    if len(whole) != _UTC_LENGTH or whole[:2] != _UTC_HEAD or whole[-1:] != b"Z":
        return None
    if not digits.isdigit():
        return None
    century = b"19" if digits[0] >= _FIRST_OF_1950 else b"20"
    iso = b"".join((century, digits[:6], b"T", digits[6:], b"+00:00"))
    try:
        return datetime.fromisoformat(iso.decode("ascii"))
    except ValueError:
        return None


_UTC_LENGTH: Final = 15
_UTC_HEAD: Final = b"\x17\x0d"
_FIRST_OF_1950: Final = ord("5")


def _zone(sign: bytes | None, hours: bytes, minutes: bytes) -> timezone:
    if sign is None:
        return UTC
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    return timezone(-offset if sign == b"-" else offset)
