"""JSON from strangers, read within bounds, and its members asked for by type (RFC 8259).

A document that states a member twice is refused: which of the two counts is anyone's guess, and
lists that have kids as member names would lose a key silently.
"""

from __future__ import annotations

import base64
import binascii
import json
from datetime import datetime
from typing import Any, Final, TypeVar

from coronapas import _json
from coronapas._time import exact_moment
from coronapas.errors import KeyMaterialError, TrustListError

MAX_BYTES: Final = 16 * 1024 * 1024
"""Larger lists are refused unread. The largest real ones have some 3 MB."""

MAX_CBOR_BYTES: Final = 4 * 1024 * 1024
"""The same for CBOR, whose smallest values fill the memory fastest."""

MAX_PARTS: Final = 1_000_000
"""A document with more commas, colons and brackets than this is refused unread: its values would
fill the memory."""

T = TypeVar("T")


def bounded(data: bytes, form: str, limit: int = MAX_BYTES) -> bytes:
    """The bytes themselves; TrustListError ``trust.too-large`` if they are more than `limit`."""
    if len(data) > limit:
        raise TrustListError(form, "too-large", f"the list has more than {limit} bytes")
    return data


def load(data: bytes, form: str) -> Any:
    """The value that a JSON text stands for; a byte-order mark before it is passed over.

    Raises TrustListError: ``trust.too-large``, or ``trust.malformed`` for what is not JSON, states
    a member twice, holds NaN or half a surrogate pair, or is nested too deep.
    """
    try:
        return _json.load(data, limit=MAX_BYTES, parts=MAX_PARTS)
    except _json.JsonError as error:
        code = "too-large" if error.reason == "too-large" else "malformed"
        raise TrustListError(form, code, f"the list cannot be read: {error}") from None


def dump(value: object) -> bytes:
    """Compact JSON in UTF-8."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8")


def whole(value: object, kind: type[T], form: str, what: str) -> T:
    """A part without which the list cannot be read: `value`, if it is of `kind`."""
    if not isinstance(value, kind):
        raise TrustListError(form, "malformed", f"{what} is missing or of the wrong type")
    return value


def part(value: object, name: str, kind: type[T]) -> T:
    """A member of one entry of a list; KeyMaterialError, which drops the entry, if it is not so."""
    found = value.get(name) if isinstance(value, dict) else None
    if not isinstance(found, kind) or isinstance(found, bool) is not (kind is bool):
        raise KeyMaterialError(f"the entry has no {name!r} of the right type")
    return found


def moment(value: object, form: str, what: str) -> datetime | None:
    """A NumericDate (seconds since 1970 UTC) as a time, None for none (RFC 7519, chapter 2)."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TrustListError(form, "malformed", f"{what} is not a number of seconds")
    try:
        return exact_moment(value)
    except ValueError:
        raise TrustListError(form, "malformed", f"{what} is outside the calendar") from None


def base64_bytes(text: str, form: str, what: str) -> bytes:
    """What standard base64 stands for, white space passed over; for parts of the list's frame."""
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise TrustListError(form, "malformed", f"{what} is no base64") from None
