"""Builds a `TrustList` entry by entry: what cannot be read is dropped with its reason and place.

A fault of the list's frame is a `TrustListError`, and nothing is read; a fault of one entry drops
that entry alone. Silently dropped keys were a real complaint about real lists.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from coronapas.errors import CmsError, KeyMaterialError, TrustListError
from coronapas.hcert.cose import KID_LENGTH
from coronapas.trust import documents, kids
from coronapas.trust.certificate import Certificate
from coronapas.trust.listing import Remark, TrustList
from coronapas.trust.source import Source
from coronapas.trust.store import Dropped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from coronapas.trust.source import Circumstances, SignatureState

CLOCK_SKEW: Final = timedelta(minutes=5)
"""How far a list's begin may lie in the future (inclusive). Its end knows no skew."""

# Under which names the formats state the kid of an entry.
_KID_NAMES: Final = ("kid", "keyId", "i")


class ListBuilder:
    """Gathers what one reader finds; for one reading, by one thread."""

    def __init__(self, form: str, about: Circumstances) -> None:
        self.form = form
        self.at = about.get("at")
        self._name = about.get("name", "")
        self.fetched = about.get("fetched")
        if self.at is not None and self.at.tzinfo is None:
            raise ValueError("the moment of a check needs a time zone")
        self._kept: list[Certificate] = []
        self._dropped: list[Dropped] = []
        self._remarks: list[Remark] = []
        self.authorities: list[Certificate] = []
        self.uploaders: list[Certificate] = []

    def error(self, code: str, message: str) -> TrustListError:
        """An error of this format, to be raised."""
        return TrustListError(self.form, code, message)

    def each(self, entries: Iterable[Any], read: Callable[[Any], None]) -> None:
        """Read every entry; those whose reading raises KeyMaterialError or CmsError are dropped."""
        for number, entry in enumerate(entries, start=1):
            self.one(f"entry {number}", entry, read, stated_kid(entry))

    def one(
        self, place: str, entry: Any, read: Callable[[Any], None], kid: bytes | None = None
    ) -> None:
        """Read one entry, or drop it: `place` and `kid` then say which it was."""
        try:
            read(entry)
        except (KeyMaterialError, CmsError) as error:
            self.drop(kid, str(error), place)

    def keep(self, certificate: Certificate) -> None:
        """Keep a key that may sign passes; KeyMaterialError if a part of it cannot be read."""
        plain = _plainly(certificate)
        plain.check()
        self._kept.append(plain)

    def drop(self, kid: bytes | None, reason: str, place: str) -> None:
        """Note what is not kept."""
        self._dropped.append(Dropped(kid, reason, f"{self._name or self.form}, {place}"))

    def remark(self, kid: bytes | None, code: str, note: str) -> None:
        """Note what is odd about what is kept."""
        self._remarks.append(Remark(kid, code, note))

    def match_kid(self, certificate: Certificate, stated: bytes) -> None:
        """Remark a stated kid that is not the first eight bytes of the certificate's SHA-256."""
        if hashlib.sha256(certificate.der or b"").digest()[:KID_LENGTH] != stated:
            self.remark(stated, "list.kid", "the list states another kid than the certificate's")

    def list(
        self,
        signature: SignatureState,
        issued: datetime | None = None,
        expires: datetime | None = None,
    ) -> TrustList:
        """The finished list; TrustListError where it is not good at the moment that was given."""
        self.in_time(issued, expires)
        unique = dict.fromkeys(self._kept)
        repeated = len(self._kept) - len(unique)
        if repeated:
            note = f"{repeated} entries repeat others and are kept once"
            self.remark(None, "list.repeated", note)
        return TrustList(
            Source(self.form, self._name, signature, issued, expires, self.fetched),
            tuple(unique),
            tuple(self._dropped),
            tuple(dict.fromkeys(self._remarks)),
            tuple(dict.fromkeys(self.authorities)),
            tuple(dict.fromkeys(self.uploaders)),
        )

    def in_time(self, issued: datetime | None, expires: datetime | None) -> None:
        """Raise TrustListError where the list has ended, or not begun, at the moment given."""
        if self.at is None:
            return
        if expires is not None and self.at > expires:
            raise self.error("expired", "the list has expired")
        if issued is not None and issued - self.at > CLOCK_SKEW:
            raise self.error("not-yet", "the list is dated in the future")

    def json(self, data: bytes) -> Any:
        """The list's JSON (`documents.load`)."""
        return documents.load(data, self.form)


def _plainly(certificate: Certificate) -> Certificate:
    """The certificate without overrides that only repeat it, so that lists agree on what it is."""
    said = certificate.overrides
    if certificate.der is None or (said["kid"] is None and said["country"] is None):
        return certificate
    own = Certificate.load(certificate, kid=None, country=None)
    kid = None if said["kid"] == own.kid else said["kid"]
    country = said["country"]
    if country is not None and country == own.country:
        country = None
    if kid is None and country is None:
        return own
    return Certificate.load(own, kid=kid, country=country)


def stated_kid(entry: object) -> bytes | None:
    """The kid that an entry states, as far as it can be read; for telling what was dropped."""
    if not isinstance(entry, dict):
        return None
    for name in _KID_NAMES:
        found = entry.get(name)
        if isinstance(found, bytes):
            return found
        if isinstance(found, str):
            try:
                return kids.decode(found)
            except KeyMaterialError:
                return None
    return None
