"""What a scanned text that is no pass looks like, in one sentence for the person who scanned it."""

from __future__ import annotations

import re
from typing import Final

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
        (r"eyJ[^~]+~", "an SD-JWT of a wallet (coronapas wallet verify)"),
        (r"eyJ[A-Za-z0-9_-]+(?:\.|$)", "a JSON Web Token"),
        (
            r"omppc3N1ZXJBdXRo|ompuYW1lU3BhY2Vz|o2d2ZXJzaW9u",
            "an mdoc of a wallet (coronapas wallet verify)",
        ),
        (r"otpauth:|mailto:|tel:|sms(?:to)?:|geo:|wifi:|begin:v|mecard:", "an everyday QR code"),
        (r"[0-9]{6,}$", "a number, as bar codes carry"),
    )
)
_BEGINNING: Final = 64


def resemblance(text: object) -> str:
    """Return a sentence that says what a text is instead of a pass, without quoting it."""
    if isinstance(text, bytes | bytearray | memoryview):
        text = bytes(text[:_BEGINNING]).decode("latin-1")
    start = text[:_BEGINNING].lstrip() if isinstance(text, str) else ""
    if not start:
        return "The text is empty: not a pass."
    for pattern, what in _LOOKS:
        if pattern.match(start):
            return f"The text looks like {what}: not a pass."
    return "The text does not begin as a pass does, and is none without its beginning."
