"""Read JSON from strangers within bounds, and take its members by type (RFC 8259).

A document that names a member twice in one object is refused: nobody can say which of the two
counts, and lists that use kids as member names would lose a key silently.

Two kinds of fault are kept apart. A fault of the frame makes the whole list unreadable
(TrustListError); a fault of one entry drops that entry alone (KeyMaterialError).
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Final, TypeVar

from coronapas import _base64 as base64
from coronapas import _json
from coronapas._time import exact_moment
from coronapas.errors import DecodeError, KeyMaterialError, TrustListError
from coronapas.hcert import _cbor as cbor

MAX_BYTES: Final = 16 * 1024 * 1024
"""Larger lists are refused unread (bytes, inclusive). The largest real ones have some 3 MB."""

MAX_CBOR_BYTES: Final = 4 * 1024 * 1024
"""The same for CBOR, whose smallest values fill the memory fastest."""

MAX_PARTS: Final = 250_000
"""The most commas, colons and opening brackets of a document (inclusive). One with more is refused
unread: its values would fill the memory."""

MAX_CBOR_ITEMS: Final = 250_000
"""The most items of a CBOR document, inclusive; each map, array, text or number is one."""

_MAX_KID_CHARACTERS: Final = 512

T = TypeVar("T")


def bounded(data: bytes, form: str, limit: int = MAX_BYTES) -> bytes:
    """Return `data`; raise TrustListError (``trust.too-large``) for more than `limit` bytes."""
    if len(data) > limit:
        raise TrustListError(form, "too-large", f"the list has more than {limit} bytes")
    return data


def load(data: bytes, form: str) -> Any:
    """Return the value of a JSON text, without the byte-order mark that may precede it.

    Raises TrustListError: ``trust.too-large``, or ``trust.malformed`` for anything other than JSON,
    for a member named twice, NaN, half a surrogate pair, and for nesting that is too deep.
    """
    try:
        return _json.load(data, limit=MAX_BYTES, parts=MAX_PARTS)
    except _json.JsonError as error:
        code = "too-large" if error.reason == "too-large" else "malformed"
        raise TrustListError(form, code, f"the list cannot be read: {error}") from None


def parts(data: bytes) -> int:
    """Return how many parts a JSON document has, as `MAX_PARTS` counts them."""
    return len(data) - len(data.translate(None, b",:[{"))


def load_cbor(data: bytes, form: str) -> Any:
    """Return the value of CBOR; TrustListError: ``trust.too-large`` or ``trust.malformed``."""
    bounded(data, form, MAX_CBOR_BYTES)
    try:
        cbor.has_container_key(data, MAX_CBOR_ITEMS)
        return cbor.load(data)[0]
    except OverflowError:
        raise TrustListError(
            form, "too-large", f"the list has more than {MAX_CBOR_ITEMS} items"
        ) from None
    except DecodeError as error:
        message = f"the list cannot be read: {error.message}"
        raise TrustListError(form, "malformed", message) from None


def dump(value: object) -> bytes:
    """Return compact JSON in UTF-8."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8")


def whole(value: object, kind: type[T], form: str, what: str) -> T:
    """Return a part of the list's frame, which must be of `kind`; `what` names it in the error."""
    if not isinstance(value, kind):
        raise TrustListError(form, "malformed", f"{what} is missing or of the wrong type")
    return value


def moment(value: object, form: str, what: str) -> datetime | None:
    """Return a NumericDate (seconds since 1970 UTC; RFC 7519, chapter 2), or None for None."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TrustListError(form, "malformed", f"{what} must be a number of seconds")
    try:
        return exact_moment(value)
    except ValueError:
        raise TrustListError(form, "malformed", f"{what} is outside the calendar") from None


def frame_base64(text: str, form: str, what: str) -> bytes:
    """Return the bytes of a base64 text that belongs to the list's frame."""
    try:
        return base64.decode(text, what)
    except KeyMaterialError as error:
        raise TrustListError(form, "malformed", str(error)) from None


def part(value: object, name: str, kind: type[T]) -> T:
    """Return a member of one entry, which must be of `kind`; else KeyMaterialError."""
    found = value.get(name) if isinstance(value, dict) else None
    if not isinstance(found, kind) or isinstance(found, bool) is not (kind is bool):
        raise KeyMaterialError(f"the entry has no {name!r} of the right type")
    return found


def base64_part(value: object, name: str) -> bytes:
    """Return the bytes of an entry's base64 member (standard alphabet); else KeyMaterialError."""
    return base64.decode(part(value, name, str), repr(name))


def kid_part(value: object, name: str) -> bytes:
    """Return the key identifier in a member of one entry; else KeyMaterialError."""
    return decode_kid(part(value, name, str))


def decode_kid(text: str) -> bytes:
    """Return the key identifier that a list states in base64 of either alphabet (hcert-spec, 3.4).

    Padding is optional, and white space around the text is ignored. Raises KeyMaterialError.
    """
    plain = text.strip()
    if not plain.rstrip("=") or len(plain) > _MAX_KID_CHARACTERS:
        raise KeyMaterialError(f"the kid must have 1 to {_MAX_KID_CHARACTERS} characters")
    return base64.decode_any(plain, "the kid")


def kid_or_none(text: str) -> bytes | None:
    """Return what `decode_kid` does, or None for what is not a kid; to name what was dropped."""
    try:
        return decode_kid(text)
    except KeyMaterialError:
        return None
