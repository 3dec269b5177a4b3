"""Key identifiers as lists write them: base64 or base64url, padded or not (hcert-spec, 3.4)."""

from __future__ import annotations

import base64
import binascii
from typing import Final

from coronapas.errors import KeyMaterialError

_MAX_TEXT: Final = 512
_URL_SAFE: Final = str.maketrans("-_", "+/")


def decode(text: str) -> bytes:
    """The bytes of a kid; raises KeyMaterialError for a text that is no base64 of either kind."""
    plain = text.strip().rstrip("=").translate(_URL_SAFE)
    if not plain or len(plain) > _MAX_TEXT:
        raise KeyMaterialError("the kid is empty or far too long")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise KeyMaterialError("the kid is no base64") from error


def encode(kid: bytes) -> str:
    """Standard base64 with its padding, as the gateway and WHO write it."""
    return base64.b64encode(kid).decode("ascii")
