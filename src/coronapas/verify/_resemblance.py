"""What a scanned text that is no pass looks like, in one sentence for the person who scanned it."""

from __future__ import annotations

import re
from typing import Final

from coronapas.hcert._damage import damage

_LOOKS: Final = tuple(
    (re.compile(pattern, re.IGNORECASE), what)
    for pattern, what in (
        (r"https?://|www\.", "a web address"),
        (r"shc:/", "a SMART Health Card"),
        (r"shlink:/", "a SMART Health Link"),
        (r"vhlink:/", "a Verifiable Health Link"),
        (r"openid4vp:|openid-credential-offer:|mdoc:|haip:", "a wallet's request"),
        (r"NL[0-9]:", "a Dutch domestic code"),
        (r"CH[0-9]:", "a Swiss domestic code"),
        (r"DC0[0-9]", "a French 2D-Doc"),
        (r"HC[0-9]:", "a health certificate of another version"),
        (r"[A-Z]{2}[0-9]:", "another national code"),
        (r"eyJ[A-Za-z0-9_-]+(?:\.|$)", "a JSON Web Token, as a wallet's SD-JWT is"),
        (r"ompuYW1lU3BhY2Vz|o2d2ZXJzaW9u|a26a6e616d65537|a36776657273", "a wallet's mdoc"),
        (r"otpauth:|mailto:|tel:|sms(?:to)?:|geo:|wifi:|begin:v|mecard:", "an everyday QR code"),
        (r"[0-9]{6,}$", "a number, as bar codes carry"),
    )
)
_BEGINNING: Final = 64
_LONGEST: Final = 65_536
_SPOILT: Final = re.compile(r"[^A-Z0-9]{0,3}(?:HC1|DK[123])(?::|%3A)", re.IGNORECASE)
"""How a pass begins that lost its upper case, was encoded, or stands in quotation marks."""


def looks_spoilt(text: str) -> bool:
    """Return whether a text begins as a pass whose characters were changed on its way."""
    return _SPOILT.match(text.lstrip()) is not None


def looks_like(text: str) -> str | None:
    """Return what a text that is not a pass begins as, such as "a web address"; None if unknown."""
    start = text[:_BEGINNING].lstrip()
    return next((what for pattern, what in _LOOKS if pattern.match(start)), None)


def resemblance(text: object) -> str:
    """Return a sentence that says what a text is instead of a pass, without quoting it."""
    if isinstance(text, bytes | bytearray | memoryview):
        text = bytes(text).decode("latin-1")
    text = text.lstrip() if isinstance(text, str) else ""
    if not text:
        return "The text is empty: not a pass."
    if looks_spoilt(text) and (seen := damage(text[:_LONGEST])) is not None:
        return f"The text was changed on its way: {seen}."
    what = looks_like(text)
    if what is not None:
        return f"The text looks like {what}: not a pass."
    return "The text does not begin as a pass does, and is none without its beginning."
