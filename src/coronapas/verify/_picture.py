"""Verify what stands in a picture or PDF: every code that is a pass; the other codes are named.

A page with a pass often has other QR codes: a web address, or a national code beside the European
one. They are no passes that failed, and must not keep the pass from being judged.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Final

from coronapas.hcert._envelope import damage, open_layers
from coronapas.presentation._scan import Scan, scan
from coronapas.verify._profiles import PROFILES
from coronapas.verify._result import Check, Outcome

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Collection, Iterable

    from PIL import Image

    from coronapas.tolerances import Deviation
    from coronapas.verify._result import Verification

# What a scanned text that is no pass looks like, in one sentence for the person who scanned it.

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


_PREFIXES: Final = tuple(row.prefix for row in PROFILES)
_COLONLESS: Final = tuple(row.prefix for row in PROFILES if row.colonless)
_NAME: Final = "qr code"


@dataclass(frozen=True, slots=True)
class SeenPass:
    """A pass that was read from a picture, and what is true of it. Its truth value is `ok`.

    Attributes:
        scan: The QR code: its mode, level, version, and the page it stands on.
        verification: What is true of its text.
        check: The check of the QR code itself (Q2 of the EU's basic list), ``qr code`` by name.

    """

    scan: Scan
    verification: Verification
    check: Check

    @property
    def ok(self) -> bool:
        """Whether neither the check of the QR code nor one of its text failed."""
        return self.verification.ok and self.check.outcome is not Outcome.FAIL

    @property
    def checks(self) -> tuple[Check, ...]:
        """The check of the QR code, then those of the text in their order."""
        return (self.check, *self.verification.checks)

    @property
    def failures(self) -> tuple[Check, ...]:
        """The checks that failed, in order."""
        return tuple(check for check in self.checks if check.outcome is Outcome.FAIL)

    @property
    def deviations(self) -> tuple[Deviation, ...]:
        """The deviations of the QR code, then those of its text."""
        return self.scan.deviations + self.verification.deviations

    def __bool__(self) -> bool:
        return self.ok


@dataclass(frozen=True, slots=True)
class Sighting:
    """What was found in a picture or PDF. Its truth value is `ok`.

    Attributes:
        passes: The passes, in the order in which they were found.
        others: What the other codes look like, such as "a web address", in their order.

    """

    passes: tuple[SeenPass, ...]
    others: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether there is a pass, and every one of them is ok."""
        return bool(self.passes) and all(self.passes)

    def __bool__(self) -> bool:
        return self.ok


def foreign_code(text: str | bytes) -> str | None:
    """Return what a scanned text is that is not meant as a pass, such as "a web address".

    None for a pass of any known payload, intact or not, accepted or not.
    """
    if isinstance(text, bytes):
        text = text.decode("latin-1")
    layers = open_layers(text, prefixes=_PREFIXES, colonless=_COLONLESS)
    if layers.prefix or layers.claims is not None or looks_spoilt(text):
        return None
    return looks_like(text) or "a code of another kind"


def sighting(
    image: bytes | str | os.PathLike[str] | BinaryIO | Image.Image,
    verify: Callable[[str], Verification],
    granted: Collection[str],
) -> Sighting:
    """Read the codes of a picture and verify those that are passes; see `scan` for its errors."""
    passes, others = [], []
    for code in scan(image):
        foreign = foreign_code(code.text)
        if foreign is None:
            passes.append(SeenPass(code, verify(code.text), qr_check(code.deviations, granted)))
        else:
            others.append(foreign)
    return Sighting(tuple(passes), tuple(others))


def qr_check(deviations: Iterable[Deviation], granted: Collection[str]) -> Check:
    """Return the check of a QR code that was read, by what was odd in it and what is granted."""
    for deviation in deviations:
        if deviation.code not in granted:
            sentence = f"{deviation.note[:1].upper()}{deviation.note[1:]}."
            return Check(_NAME, Outcome.FAIL, deviation.code, sentence)
    return Check(_NAME, Outcome.PASS, "qr.ok", "The QR code was read.")
