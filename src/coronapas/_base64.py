"""Base64 in both alphabets, decoded strictly and within a bound (RFC 4648, chapters 4 and 5).

A character outside the alphabet is an error and never skipped: skipping would give one value many
spellings. What cannot be decoded is a `KeyMaterialError`, as with DER.
"""

from __future__ import annotations

import base64
import binascii
from typing import Final

from coronapas.errors import KeyMaterialError

MAX_CHARACTERS: Final = 24 * 1024 * 1024
"""Longer texts are refused undecoded (inclusive): the base64 of 18 MiB."""

_URL_SAFE: Final = bytes.maketrans(b"-_", b"+/")


def encode(data: bytes) -> str:
    """Return standard base64 with its padding."""
    return base64.b64encode(data).decode("ascii")


def encode_url(data: bytes) -> str:
    """Return URL-safe base64 without padding, as JOSE writes it (RFC 7515, chapter 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def decode(text: str | bytes, what: str = "the text", *, limit: int = MAX_CHARACTERS) -> bytes:
    """Return the bytes of standard base64 with its padding; white space is ignored.

    `what` names the text in the error; `limit` is the greatest length in characters (inclusive).
    """
    return _decode(b"".join(_ascii(text, what, limit).split()), what)


def decode_any(text: str | bytes, what: str = "the text", *, limit: int = MAX_CHARACTERS) -> bytes:
    """Return the bytes of base64 in either alphabet, with or without padding.

    White space is an error. `what` and `limit` are those of `decode`.
    """
    plain = _ascii(text, what, limit).translate(_URL_SAFE).rstrip(b"=")
    return _decode(plain + b"=" * (-len(plain) % 4), what)


def _ascii(text: str | bytes, what: str, limit: int) -> bytes:
    if len(text) > limit:
        raise KeyMaterialError(f"{what} has more than {limit} characters")
    try:
        return text.encode("ascii") if isinstance(text, str) else text
    except UnicodeEncodeError:
        raise KeyMaterialError(f"{what} is not base64") from None


def _decode(text: bytes, what: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise KeyMaterialError(f"{what} is not base64") from None
