"""What the tests of the Danish tokens share: an issuer, a verifier, and short names."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import cbor2

import backend
from coronapas.denmark import DanishIssuer
from coronapas.facts import Holder
from coronapas.hcert import _cose as cose
from coronapas.hcert import _envelope as envelope
from coronapas.keys import Authority
from coronapas.trust._certificate import Certificate
from coronapas.trust._store import TrustStore
from coronapas.verify._verifier import Verifier

if TYPE_CHECKING:
    from pathlib import Path

    from coronapas.keys import KeyPair

AT = datetime(2021, 6, 28, 9, 30, 15, 250_000, tzinfo=UTC)
BORN = date(1987, 5, 4)
HOLDER = Holder("Prøvesen", "Åse Marie", BORN)
CTI = b"5b2f9c10-2d64-4b0e-9a35-0c6d7d8c1a01"
COPENHAGEN = ZoneInfo("Europe/Copenhagen")

ENTRY: dict[str, Any] = {**backend.DCC["v"][0], "xdu": "2022-01-31T22:00:00Z"}
DCC: dict[str, Any] = {**backend.DCC, "v": [ENTRY]}


@cache
def issuer(key: str = "P-256") -> DanishIssuer:
    return DanishIssuer(backend.dsc(key=key).signer())


def verifier(*pairs: KeyPair, **settings: Any) -> Verifier:
    return Verifier(backend.trust(*pairs), **{"accept": ("eu", "dk"), **settings})


@cache
def stranger() -> KeyPair:
    """A key of another country."""
    from coronapas import keys

    other: Authority = keys.make_csca("XX", valid_from=backend.BEGIN)
    return other.issue_dsc(valid_from=backend.BEGIN)


def seconds(moment: datetime) -> int:
    return int(moment.timestamp())


def claims(content: dict[Any, Any] | None = None, **changes: Any) -> dict[Any, Any]:
    """The claims of a good DK1, or of another token by `content`; ... takes a claim out."""
    labels = {"iss": 1, "exp": 4, "iat": 6, "cti": 7}
    whole: dict[Any, Any] = {1: "DK", 4: seconds(AT + timedelta(hours=72)), 6: seconds(AT)}
    whole.update({7: CTI} if content is None else content)
    whole.update((labels[name], value) for name, value in changes.items())
    return {label: value for label, value in whole.items() if value is not ...}


def person(**changes: Any) -> dict[Any, Any]:
    """The claims of a good DK2 beside the times."""
    content: dict[Any, Any] = {7: CTI}
    content.update({"legalName": "Åse Marie Prøvesen", "dateOfBirth": "1987-05-04"} | changes)
    return {label: value for label, value in content.items() if value is not ...}


def forge(
    kind: str,
    content: dict[Any, Any] | bytes,
    pair: KeyPair | None = None,
    *,
    kid: bytes | None = None,
    algorithm: int | None = None,
) -> str:
    """A token with any claims (or any payload bytes), well signed by `pair`."""
    signer = (pair or backend.dsc()).signer()
    message = cose.sign1(
        content if isinstance(content, bytes) else cbor2.dumps(content),
        algorithm=signer.algorithm if algorithm is None else algorithm,
        kid=signer.kid if kid is None else kid,
        sign=signer.sign,
    )
    return envelope.encode(message, prefix=kind if len(kind) == 4 else f"{kind}:")


def dk3(*entries: dict[str, Any], group: str = "v", **changes: Any) -> dict[Any, Any]:
    """The claims of a DK3 with these entries."""
    return claims({-260: {1: {**backend.DCC, "v": [], group: [*entries], **changes}}})


def public_tokens(official: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((official / "denmark/tokens.json").read_bytes())
    return found


def public_trust(official: Path) -> TrustStore:
    vector = json.loads((official / "dgc-testdata/DK/2DCode/raw/10.json").read_bytes())
    return TrustStore([Certificate.load(vector["TESTCTX"]["CERTIFICATE"])])
