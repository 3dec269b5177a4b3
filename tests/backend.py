"""A national backend for tests: a CSCA, DSCs for each purpose, and passes signed by them.

Keys are made once a session; nothing here is a mock. `forge` signs whatever claims it is given, so
that a test can put exactly one thing wrong behind a good signature."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

import cbor2

from coronapas import keys
from coronapas.facts import EventKind, Holder, Vaccination
from coronapas.hcert import _cose as cose
from coronapas.hcert import _envelope as envelope
from coronapas.issue import Issuer, Pass
from coronapas.keys import Authority, KeyPair
from coronapas.trust._store import TrustStore

BEGIN = datetime(2021, 1, 1, tzinfo=UTC)
NOW = datetime(2021, 9, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(days=180)

HOLDER = Holder("Prøvesen", "Mathilde Øst", date(1990, 4, 1))
VACCINATION = Vaccination("Comirnaty", 2, 2, date(2021, 6, 1))

DCC: dict[str, Any] = {
    "ver": "1.3.2",
    "nam": {"fn": "Prøvesen", "gn": "Mathilde", "fnt": "PROEVESEN", "gnt": "MATHILDE"},
    "dob": "1990-04-01",
    "v": [
        {
            "tg": "840539006",
            "vp": "1119349007",
            "mp": "EU/1/20/1528",
            "ma": "ORG-100030215",
            "dn": 2,
            "sd": 2,
            "dt": "2021-06-01",
            "co": "DK",
            "is": "DK",
            "ci": "URN:UVCI:01:DK:ABCDEFGHIJKL",
        }
    ],
}


@cache
def csca() -> Authority:
    return keys.make_csca("DK", valid_from=BEGIN)


@cache
def dsc(*usages: EventKind, key: str = "P-256") -> KeyPair:
    return csca().issue_dsc(valid_from=BEGIN, usages=usages, key=key)  # type: ignore[arg-type]


def trust(*pairs: KeyPair) -> TrustStore:
    return TrustStore(pair.certificate for pair in pairs or (dsc(),))


def issue(pair: KeyPair | None = None) -> Pass:
    issuer = Issuer("DK", (pair or dsc()).signer())
    return issuer.issue(HOLDER, VACCINATION, expires=LATER, issued_at=NOW)


def claims(dcc: Any = DCC, **changes: Any) -> dict[Any, Any]:
    """The four claims, good ones; `changes` go by iss, exp, iat, hcert, and ... takes one out."""
    whole: dict[Any, Any] = {
        1: "DK",
        4: int(LATER.timestamp()),
        6: int(NOW.timestamp()),
        -260: {1: dcc},
    }
    labels = {"iss": 1, "exp": 4, "iat": 6, "hcert": -260}
    whole.update((labels[name], value) for name, value in changes.items())
    return {label: value for label, value in whole.items() if value is not ...}


def forge(
    content: dict[Any, Any] | bytes,
    pair: KeyPair | None = None,
    *,
    kid: bytes | None = None,
    algorithm: int | None = None,
) -> str:
    """A pass with any claims (or any payload bytes), well signed by `pair`."""
    signer = (pair or dsc()).signer()
    message = cose.sign1(
        content if isinstance(content, bytes) else cbor2.dumps(content),
        algorithm=signer.algorithm if algorithm is None else algorithm,
        kid=signer.kid if kid is None else kid,
        sign=signer.sign,
    )
    return envelope.encode(message)
