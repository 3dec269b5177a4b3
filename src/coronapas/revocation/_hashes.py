"""The hashes by which revocation lists name a pass, so that a list does not name the pass itself.

eHealth Network and EU gateway, revocation of DCCs. Each is the first 16 bytes of SHA-256:

- ``UCI``: over the entry's `ci` as it is written, in UTF-8, a checksum behind ``#`` included;
- ``COUNTRYCODEUCI``: over the country's code and the `ci`. Implementations take the country from
  the claim `iss` or from the entry's `co`; where the two differ, both hashes are candidates;
- ``SIGNATURE``: over the first half (r) of an ECDSA signature, over the whole of an RSA one. An
  ECDSA signature can be altered into another one that holds, but its r stays.

The Italian list holds whole SHA-256 digests of the `ci`, whose first 16 bytes are ``UCI``.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC
from enum import StrEnum
from string import ascii_uppercase, digits
from typing import (
    TYPE_CHECKING,
    Any,
    Final,
    NamedTuple,
    Protocol,
)

from coronapas import catalogue
from coronapas.dcc._uvci import parse
from coronapas.hcert._cose import ES256, PS256
from coronapas.hcert._cwt import DCC
from coronapas.hcert._envelope import decode

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from coronapas.hcert._envelope import Envelope

HASH_LENGTH: Final = 16
"""Bytes of each of the three hashes."""

_PREFIX: Final = re.compile("(?:URN[:#/])?(?:UV?CI|DGCI)[:#/]", re.IGNORECASE)
_CHECKS: Final = ascii_uppercase + digits + "/:"
"""The characters that a checksum may be."""
_GROUPS: Final = ("v", "t", "r")
_MAX_EVENTS: Final = 16  # a pass has one


class HashType(StrEnum):
    """What a hash on a revocation list is made of, by the gateway's names."""

    SIGNATURE = "SIGNATURE"
    UCI = "UCI"
    COUNTRYCODEUCI = "COUNTRYCODEUCI"


class PassHashes(NamedTuple):
    """The hashes of one pass; what cannot be computed is None or empty.

    `country_code_uci` holds the candidates, that of the claim `iss` first. `uvci_sha256` is the
    whole digest. A pass with several events (which verifiers refuse) is named by its first; the
    others' hashes are among `candidates`, too.
    """

    uci: bytes | None
    """The hash of the identifier, 16 bytes."""
    country_code_uci: tuple[bytes, ...]
    signature: bytes | None
    """The hash of the signature, 16 bytes."""
    uvci_sha256: bytes | None
    candidates: tuple[tuple[HashType, tuple[bytes, ...]], ...]
    """Every hash under which a list may hold the pass, by its type; types without any left out."""
    countries: frozenset[str]
    """The countries that the pass names as its issuer's: `iss` and the entry's `co`."""

    def __repr__(self) -> str:
        return f"<PassHashes of {len(self.candidates)} types>"


def uci_hash(uvci: str) -> bytes:
    """Return the ``UCI`` hash of an identifier as it is written."""
    return _digest(uvci)[:HASH_LENGTH]


def country_code_uci_hash(country: str, uvci: str) -> bytes:
    """Return the ``COUNTRYCODEUCI`` hash of a country's code and an identifier, as written."""
    return _digest(country + uvci)[:HASH_LENGTH]


def uvci_spellings(uvci: str) -> tuple[str, ...]:
    """Return every spelling of an identifier that passes carry, the one given first.

    A register may write an identifier in other ways than the pass it went into: in small letters,
    without ``URN:UVCI:``, without the checksum or with it. A hash knows only one of them, so that a
    list must hold the hash of each. The checksum is one character of 38 (eHN guidelines, annex 2),
    and issuers compute it in many ways, so that all of them are there: about 200 spellings.

    Raises:
        FaultsError: The text is not an identifier.

    """
    given = uvci.strip()
    parse(given)
    bare = given.removesuffix("#")
    body = bare[:-2] if bare[-2:-1] == "#" else bare
    prefix = _PREFIX.match(body)
    own = "" if prefix is None else prefix[0]
    core = body[len(own) :]
    found = [given]
    for text, starts, checks in (
        (core, (own,), _CHECKS),
        (core.upper(), (own, "URN:UVCI:", "urn:uvci:", ""), _CHECKS),
        (core.lower(), (own, "urn:uvci:", ""), _CHECKS.lower()),
    ):
        for start in starts:
            found.append(start + text)
            found += (f"{start}{text}#{check}" for check in checks)
    return tuple(dict.fromkeys(found))


def signature_hash(signature: bytes, algorithm: int | None) -> bytes | None:
    """Return the ``SIGNATURE`` hash of a COSE signature; None for an unknown algorithm."""
    if algorithm == ES256:
        signature = signature[: len(signature) >> 1]
    elif algorithm != PS256:
        return None
    return hashlib.sha256(signature).digest()[:HASH_LENGTH]


def hashes_of(envelope: Envelope) -> PassHashes:
    """Return the hashes of a pass that was opened; no trust in it is implied."""
    signature = signature_hash(envelope.signature, envelope.algorithm)
    hcert = envelope.claims.hcert
    return _hashes(None if hcert is None else hcert.get(DCC), envelope.issuer, signature)


def hashes_of_payload(dcc: object, issuer: str | None) -> PassHashes:
    """Return the hashes of an EU payload that lies in another container, without a signature's."""
    return _hashes(dcc, issuer, None)


def _hashes(dcc: object, issuer: str | None, signature: bytes | None) -> PassHashes:
    uci: list[bytes] = []
    country_code_uci: list[bytes] = []
    whole: bytes | None = None
    countries = set() if issuer is None else {issuer}
    for uvci, country in _identifiers(dcc):
        digest = _digest(uvci)
        whole = whole or digest
        uci.append(digest[:HASH_LENGTH])
        if issuer is not None:
            country_code_uci.append(country_code_uci_hash(issuer, uvci))
        if country is not None and country != issuer:
            country_code_uci.append(country_code_uci_hash(country, uvci))
            countries.add(country)
    by_type = (
        (HashType.SIGNATURE, () if signature is None else (signature,)),
        (HashType.UCI, tuple(uci)),
        (HashType.COUNTRYCODEUCI, tuple(country_code_uci)),
    )
    return PassHashes(
        uci[0] if uci else None,
        tuple(country_code_uci),
        signature,
        whole,
        tuple(pair for pair in by_type if pair[1]),
        frozenset(countries),
    )


def hashes_json(text: str | bytes) -> dict[str, str | None]:
    """Return three hashes of a pass in hexadecimal: ``uci``, ``countrycodeuci``, ``signature``.

    ``countrycodeuci`` is the first candidate. A hash that the pass does not have is None. Raises
    DecodeError for a text that cannot be opened.
    """
    found = hashes_of(decode(text))
    first = found.country_code_uci[0] if found.country_code_uci else None
    return {
        "uci": _hex(found.uci),
        "countrycodeuci": _hex(first),
        "signature": _hex(found.signature),
    }


def _hex(value: bytes | None) -> str | None:
    return None if value is None else value.hex()


def _digest(text: str) -> bytes:
    # A lone surrogate cannot come out of CBOR, but a caller's text may hold one.
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _identifiers(dcc: object) -> Iterator[tuple[str, str | None]]:
    """Yield the `ci` and `co` of each event, from content that nobody has checked."""
    if not isinstance(dcc, dict):
        return
    for group in _GROUPS:
        events = dcc.get(group)
        for event in events[:_MAX_EVENTS] if isinstance(events, list | tuple) else ():
            if isinstance(event, dict) and isinstance(event.get("ci"), str):
                country = event.get("co")
                yield event["ci"], country if isinstance(country, str) else None


# What revocation data says of one pass, and the protocol by which a verifier asks.
#
# There are three answers: REVOKED, NOT_REVOKED, and UNKNOWN where the data cannot tell. What to do
# about UNKNOWN is the caller's decision; an answer says which list decided, its date, and why.


class RevocationOutcome(StrEnum):
    """Whether a pass is revoked, as far as the data goes."""

    REVOKED = "REVOKED"
    NOT_REVOKED = "NOT_REVOKED"
    UNKNOWN = "UNKNOWN"


SENTENCES: Final = {
    "revocation.revoked": "A revocation list holds the pass.",
    "revocation.ok": "No revocation list holds the pass.",
    "revocation.no-data": "There is no revocation data for passes of this country and key.",
    "revocation.list-expired": "The revocation list is too old.",
    "revocation.list-incomplete": "A part of the list that may hold the pass is missing.",
    "revocation.entry-expired": "A revocation list held the pass, and the entry has expired.",
    "revocation.no-hash": "The list names passes by what this pass does not have.",
}
"""The codes of all answers, with a sentence for a person."""


class RevocationAnswer(NamedTuple):
    """What is known of one pass.

    Attributes:
        outcome: The answer.
        code: The reason, one of ``revocation.revoked``, ``revocation.ok``, ``revocation.no-data``,
            ``revocation.list-expired``, ``revocation.list-incomplete``,
            ``revocation.entry-expired`` and ``revocation.no-hash``.
        source: The name of the list that decided; empty for ``revocation.no-data``.
        as_of: The list's date, if known.
        hash_type: For a revoked pass, the type of the hash by which it was found.
        batch: For a revoked pass, the part of the list that holds it.
        false_positive_rate: The chance that the list takes another pass for a revoked one: 0 for
            whole hashes, more for a Bloom filter or a list of prefixes.

    """

    outcome: RevocationOutcome
    code: str
    source: str = ""
    as_of: datetime | None = None
    hash_type: HashType | None = None
    batch: str = ""
    false_positive_rate: float = 0.0

    @property
    def sentence(self) -> str:
        """The answer for a person; it names the list, and nothing of the pass."""
        where = ""
        if self.source:
            dated = ""
            if self.as_of is not None:
                dated = f" of {_dated(self.as_of)}"
            where = f" ({self.source}{dated})"
        return f"{SENTENCES[self.code].rstrip('.')}{where}."

    @property
    def place(self) -> str:
        """The list that decided and its date, for a person; empty where no list did."""
        if not self.source or self.as_of is None:
            return self.source
        return f"{self.source}, {_dated(self.as_of)}"

    def to_json(self, *, language: str = "en") -> dict[str, Any]:
        """Return the answer as ``schemas/verification.schema.json`` has it."""
        text = self.sentence
        if catalogue.language(language) != "en":
            text = catalogue.sentence(self.code, language)
            text = f"{text.rstrip('.')} ({self.place})." if self.place else text
        return {
            "outcome": self.outcome.value,
            "code": self.code,
            "sentence": text,
            "source": self.source,
            "as_of": None if self.as_of is None else self.as_of.isoformat(),
            "hash_type": None if self.hash_type is None else self.hash_type.value,
            "batch": self.batch,
            "false_positive_rate": self.false_positive_rate,
        }


def _dated(moment: datetime) -> str:
    try:
        return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    except OverflowError:  # in UTC it would be beyond the years 1 to 9999
        return moment.isoformat(" ", "minutes")


class RevocationSource(Protocol):
    """Whatever can say whether a pass is revoked; `RevocationStore` is one."""

    def status(self, envelope: Envelope, *, at: datetime) -> RevocationAnswer:
        """Return what is known of the pass at the moment `at`, which must have a time zone.

        Must not raise on any pass. The pass's signature need not have been verified.
        """
        ...
