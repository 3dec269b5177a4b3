"""Verify what stands in a picture or PDF: every code that is a pass; the other codes are named.

A page with a pass often has other QR codes: a web address, or a national code beside the European
one. They are no passes that failed, and must not keep the pass from being judged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Final

from coronapas.hcert._envelope import open_layers
from coronapas.presentation._scan import Scan, scan
from coronapas.verify._checks import Check, Outcome
from coronapas.verify._profiles import PROFILES
from coronapas.verify._resemblance import looks_like, looks_spoilt

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Collection, Iterable

    from PIL import Image

    from coronapas.tolerances import Deviation
    from coronapas.verify._result import Verification

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
