"""What the tests of revocation share: keys, passes with hashes of our choosing, questions."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

from coronapas import keys
from coronapas.facts import Holder, Vaccination
from coronapas.hcert._envelope import Envelope, decode
from coronapas.issue import Issuer
from coronapas.revocation import HashType, PassHashes, RevocationAnswer, RevocationStore

if TYPE_CHECKING:
    from coronapas.keys import Authority, KeyName, KeyPair

NOW = datetime(2023, 1, 15, 12, tzinfo=UTC)
BEGIN = NOW - timedelta(days=100)
DAY = timedelta(days=1)
KID = b"\xfb\xff\xfe\xff2345"  # its base64 holds a slash and a plus sign
OTHER_KID = b"another!"


@cache
def authority(country: str = "DK", name: str = "CSCA", key: KeyName = "P-256") -> Authority:
    return keys.make_csca(country, valid_from=BEGIN, name=name, key=key)


@cache
def pair(country: str = "DK", name: str = "DSC") -> KeyPair:
    return authority(country).issue_dsc(valid_from=BEGIN, name=name)


@cache
def envelope(country: str = "DK") -> Envelope:
    """A genuine pass."""
    issuer = Issuer(country, pair(country).signer(), name="Prøvestyrelsen")
    made = issuer.issue(
        Holder("Musterhus", "Agathe", date(1975, 3, 14)),
        Vaccination("Comirnaty", 2, 2, date(2022, 12, 1)),
        expires=timedelta(days=20),
        issued_at=NOW,
    )
    return decode(made.text)


def digest(number: int) -> bytes:
    """A hash of 16 bytes."""
    return hashlib.sha256(number.to_bytes(8, "big")).digest()[:16]


def hashes(
    *values: bytes, kind: HashType = HashType.UCI, countries: frozenset[str] = frozenset({"DK"})
) -> PassHashes:
    """A pass that has a hash of each type, the given ones among them."""
    all_types: dict[HashType, tuple[bytes, ...]] = {
        other: (digest(-1 % 2**63),) for other in HashType
    }
    all_types[kind] = values
    return PassHashes(None, (), None, None, tuple(all_types.items()), countries)


def ask(
    store: RevocationStore,
    value: bytes,
    *,
    kind: HashType = HashType.UCI,
    kid: bytes | None = KID,
    at: datetime = NOW,
    countries: frozenset[str] = frozenset({"DK"}),
) -> RevocationAnswer:
    return store.status_of(hashes(value, kind=kind, countries=countries), kid, at=at)
