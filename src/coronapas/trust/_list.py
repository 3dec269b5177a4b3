"""Builds a `TrustList` entry by entry: what cannot be read is dropped with its reason and place.

A fault of the list's frame is a `TrustListError`, and nothing is read; a fault of one entry drops
that entry alone. Silently dropped keys were a real complaint about real lists.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import (
    TYPE_CHECKING,
    Any,
    Final,
    Literal,
    TypedDict,
)

from coronapas import _base64 as base64
from coronapas.errors import CmsError, KeyMaterialError, TrustListError
from coronapas.hcert._cose import KID_LENGTH
from coronapas.trust import _documents as documents
from coronapas.trust._certificate import Certificate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

# Where a certificate comes from: which list, how it was checked, and how long it may be used.
#
# A list that is too old fails closed: a key that only lists beyond their age vouch for is not
# trusted, which is told apart from a key that no list knows.

SignatureState = Literal["verified", "not verified", "none"]
"""``verified`` against a pin, ``not verified`` for want of one, ``none`` for unsigned formats."""


class Circumstances(TypedDict, total=False):
    """What a reader is told beside the list itself; each reader takes these by name.

    - `name`: what the list is called (a file's name, an address); it stays with each certificate.
    - `at`: the moment at which the list has to be good (with its zone): a list past its end or
      before its begin is then an error, and so is a signer's certificate that is not valid. Without
      it the dates are only carried along, and the store judges them whenever a key is used.
    - `fetched`: when the caller got the list (with its zone), for lists that state no date.
    """

    name: str
    at: datetime | None
    fetched: datetime | None


@dataclass(frozen=True, slots=True)
class Source:
    """One list as the origin of certificates. All times have their zones.

    `issued` and `expires` (inclusive) are what the list states, `fetched` is when the caller got
    it, `max_age` how old the caller lets it become; each may be None.
    """

    format: str
    name: str = ""
    signature: SignatureState = "none"
    issued: datetime | None = None
    expires: datetime | None = None
    fetched: datetime | None = None
    max_age: timedelta | None = None

    def __post_init__(self) -> None:
        for moment in (self.issued, self.expires, self.fetched):
            if moment is not None and moment.tzinfo is None:
                raise ValueError("a list's dates need their time zones")
        if self.max_age is not None and self.max_age < timedelta(0):
            raise ValueError("an age cannot be negative")

    @property
    def dated(self) -> datetime | None:
        """The moment from which the age counts: the earlier one of `issued` and `fetched`."""
        return min((day for day in (self.issued, self.fetched) if day is not None), default=None)

    @property
    def until(self) -> datetime | None:
        """The last moment (inclusive) at which the list may be used; None for no limit.

        The earlier one of `expires` and the end of `max_age`; with a `max_age` and no date to count
        it from, the beginning of time.
        """
        ends = [] if self.expires is None else [self.expires]
        if self.max_age is not None:
            ends.append(_BEGIN if self.dated is None else later(self.dated, self.max_age))
        return min(ends, default=None)

    def limited(self, max_age: timedelta) -> Source:
        """The same source with an age limit, where it has no stricter one."""
        if self.max_age is not None and self.max_age <= max_age:
            return self
        return replace(self, max_age=max_age)

    def to_json(self) -> dict[str, str | float | None]:
        """For people's eyes and for saving: times in ISO 8601, the age in seconds."""
        return {
            "format": self.format,
            "name": self.name,
            "signature": self.signature,
            "issued": _text(self.issued),
            "expires": _text(self.expires),
            "fetched": _text(self.fetched),
            "max_age": None if self.max_age is None else self.max_age.total_seconds(),
        }

    @classmethod
    def from_json(cls, item: Mapping[str, object]) -> Source:
        """The source that `to_json` wrote; raises ValueError, TypeError or KeyError for others."""
        form, name, signature = item["format"], item["name"], item["signature"]
        if signature not in _STATES or not isinstance(form, str) or not isinstance(name, str):
            raise ValueError("no source")
        age = item["max_age"]
        if age is not None and not isinstance(age, int | float):
            raise TypeError("no age")
        return cls(
            form,
            name,
            _STATES[signature],
            _moment(item["issued"]),
            _moment(item["expires"]),
            _moment(item["fetched"]),
            None if age is None else timedelta(seconds=age),
        )


_STATES: Final[dict[object, SignatureState]] = {
    "verified": "verified",
    "not verified": "not verified",
    "none": "none",
}
_BEGIN: Final = datetime.min.replace(tzinfo=UTC)
_END: Final = datetime.max.replace(tzinfo=UTC)

GIVEN: Final = Source("given")
"""The source of certificates that the caller put into a store by hand."""


def later(moment: datetime, by: timedelta) -> datetime:
    """A moment and a duration together; the last moment of the calendar for all beyond it."""
    try:
        return moment + by
    except OverflowError:
        return _END


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _moment(text: object) -> datetime | None:
    if text is None:
        return None
    if not isinstance(text, str):
        raise TypeError("no date")
    return datetime.fromisoformat(text)


# What a reader of a list gives: certificates, what was dropped and why, dates, provenance.
#
# The same for all formats, so that whoever reads `a list` need not know which it was.


@dataclass(frozen=True, slots=True)
class Remark:
    """Something odd about a certificate that was kept all the same.

    `code` is stable (``chain.sha-1``), `note` a sentence for a person; `kid` is None for a remark
    on the list as a whole.
    """

    kid: bytes | None
    code: str
    note: str


@dataclass(frozen=True, slots=True)
class Dropped:
    """A certificate that was on a list and is not in the store.

    `kid` is None where the list does not say it, `reason` is a sentence for a person, `source`
    names the list, and the place on it, as far as the reader knows them.
    """

    kid: bytes | None
    reason: str
    source: str = ""


@dataclass(frozen=True, slots=True)
class TrustList:
    """A list as it was read.

    - `certificates`: the keys that may sign passes, equal ones once, several of one kid each.
    - `authorities`: the CSCAs on the list; they sign DSCs and never passes.
    - `uploaders`: the gateway's UPLOAD certificates; they sign DSCs, rules and revocation batches.
    - `dropped`: what was on the list and is not kept, with the reasons.
    - `remarks`: what is odd about what was kept.
    """

    source: Source
    certificates: tuple[Certificate, ...] = ()
    dropped: tuple[Dropped, ...] = ()
    remarks: tuple[Remark, ...] = ()
    authorities: tuple[Certificate, ...] = ()
    uploaders: tuple[Certificate, ...] = ()

    @property
    def format(self) -> str:
        """The format's name, one of `coronapas.trust._reading.FORMATS`."""
        return self.source.format

    @property
    def signature(self) -> SignatureState:
        """Whether the signature was verified against a pin, was not, or does not exist."""
        return self.source.signature

    @property
    def issued(self) -> datetime | None:
        """When the list was issued, as it states."""
        return self.source.issued

    @property
    def expires(self) -> datetime | None:
        """The last moment (inclusive) of the list, as it states."""
        return self.source.expires

    def limited(self, max_age: timedelta) -> TrustList:
        """The same list with an age limit, counted from its date or from when it was fetched."""
        return replace(self, source=self.source.limited(max_age))

    def to_json(self) -> dict[str, Any]:
        """A summary for machines, of strings, numbers, lists and maps; kids are base64.

        `keys` counts the certificates that may sign passes, `countries` counts them by country.
        """
        source = self.source.to_json()
        del source["max_age"]
        return {
            **source,
            "keys": len(self.certificates),
            "kids": [_kid(certificate.kid) for certificate in self.certificates],
            "countries": dict(sorted(Counter(map(_country, self.certificates)).items())),
            "authorities": len(self.authorities),
            "dropped": [
                {"kid": _kid(drop.kid), "reason": drop.reason, "place": drop.source}
                for drop in self.dropped
            ],
            "remarks": [
                {"kid": _kid(remark.kid), "code": remark.code, "note": remark.note}
                for remark in self.remarks
            ],
        }


def _kid(kid: bytes | None) -> str | None:
    return None if kid is None else base64.encode(kid)


def _country(certificate: Certificate) -> str:
    try:
        return certificate.country or ""
    except KeyMaterialError:
        return ""


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
            self.read(f"entry {number}", entry, read, stated_kid(entry))

    def read(
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
            return documents.kid_or_none(found)
    return None
