"""Keys that lists give without a certificate, and the letters that restrict them.

The Dutch list (keyUsage) and the Swiss one (use) name the kinds of event by letters.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from coronapas.errors import KeyMaterialError
from coronapas.facts import EventKind
from coronapas.hcert.cose import KID_LENGTH
from coronapas.trust.certificate import Certificate

if TYPE_CHECKING:
    from collections.abc import Iterable

_LETTERS: Final = {
    "t": EventKind.TEST,
    "v": EventKind.VACCINATION,
    "r": EventKind.RECOVERY,
}


def bare_key(
    spki: bytes,
    *,
    kid: bytes | None = None,
    country: str | None = None,
    usages: Iterable[EventKind] | None = None,
) -> Certificate:
    """A key from the DER of its SubjectPublicKeyInfo; KeyMaterialError for one that is none.

    Without a `kid`, it is the first eight bytes of the SHA-256 over `spki`.
    """
    own = hashlib.sha256(spki).digest()[:KID_LENGTH] if kid is None else kid
    key = Certificate.from_public_key(spki, kid=own, country=country, usages=usages)
    _ = key.public_key
    return key


def usages_of(letters: Iterable[object]) -> frozenset[EventKind]:
    """The kinds of event that letters of t, v and r stand for.

    An unknown letter is a KeyMaterialError: passed over, it could leave none, and none means that
    everything may be signed.
    """
    found = set()
    for letter in letters:
        kind = _LETTERS.get(letter) if isinstance(letter, str) else None
        if kind is None:
            raise KeyMaterialError("the use of the key is none of t, v and r")
        found.add(kind)
    return frozenset(found)
