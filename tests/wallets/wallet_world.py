"""Keys, facts and public vectors for the tests of wallet credentials."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from cryptography.hazmat.primitives.asymmetric import ec

from coronapas.dcc import build_dcc
from coronapas.facts import Holder, Recovery, Test, TestKind, TestResult, Vaccination
from coronapas.keys import make_csca, make_key
from coronapas.signing import Signer
from coronapas.trust import Certificate, TrustStore
from coronapas.wallets import KeyBinding, openid4vp_transcript

if TYPE_CHECKING:
    from pathlib import Path

    from coronapas.facts import Event
    from coronapas.keys import Authority, KeyPair

ISSUED: Final = datetime(2023, 1, 15, 12, tzinfo=UTC)
NOW: Final = datetime(2023, 2, 1, tzinfo=UTC)
LIFE: Final = timedelta(days=90)
UVCI: Final = "URN:UVCI:01:DK:187/37512422923"
HOLDER: Final = Holder("Markerfamily", "Markergiven", date(1971, 3, 9))
DOSE: Final = Vaccination("Comirnaty", 2, 2, date(2022, 11, 17))
TEST: Final = Test(
    TestKind.NAAT,
    datetime(2023, 1, 14, 12, tzinfo=UTC),
    TestResult.NOT_DETECTED,
    centre="Centre",
    name="A test",
)
RECOVERY: Final = Recovery(date(2022, 12, 20), date(2022, 12, 31), date(2023, 6, 18))
ASKED: Final = KeyBinding("https://verifier.example", "a nonce")
TRANSCRIPT: Final = openid4vp_transcript(
    "x509_san_dns:verifier.example", "n", "https://v.example/r"
)


@cache
def keys() -> tuple[Authority, KeyPair]:
    """A CSCA and a DSC; made once, for making them takes long."""
    authority = make_csca("DK", valid_from=ISSUED - timedelta(days=30))
    return authority, authority.issue_dsc(valid_from=ISSUED - timedelta(days=20))


def signer() -> Signer:
    return keys()[1].signer()


@cache
def trust() -> TrustStore:
    """The authority alone: credentials state the certificate that it issued."""
    return TrustStore([keys()[0].certificate])


@cache
def holder_private() -> ec.EllipticCurvePrivateKey:
    key = make_key()
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key


@cache
def holder() -> Signer:
    return Signer(holder_private(), kid=bytes(8))


def holder_public() -> ec.EllipticCurvePublicKey:
    return holder_private().public_key()


def dcc_of(event: Event = DOSE, who: Holder = HOLDER) -> dict[str, Any]:
    return build_dcc(who, event, country="DK", issuer="Health Data", uvci=UVCI, on=ISSUED)


# The published keys of the public vectors.
ISSUER_JWK: Final = {
    "kty": "EC",
    "crv": "P-256",
    "x": "b28d4MwZMjw8-00CG4xfnn9SLMVMM19SlqZpVb_uNtQ",
    "y": "Xv5zWwuoaTgdS6hV43yI6gBwTnjukmFQQnJ_kCxzqk8",
}


def public_trust() -> TrustStore:
    from coronapas.trust import pinned

    return TrustStore(pin.certificate for pin in pinned(json.dumps(ISSUER_JWK)))


def vectors(folder: Path) -> list[Path]:
    return sorted((folder / "wallets" / "sd-jwt").glob("*.txt"))


def asked_of(path: Path) -> KeyBinding | None:
    """The binding that a vector answers, by its name."""
    if path.name.endswith("-nokb.txt"):
        return None
    rfc = path.name.startswith("rfc")
    audience = "https://verifier.example.org" if rfc else "https://example.com/verifier"
    return KeyBinding(audience, "1234567890")


def annex_d(folder: Path) -> tuple[bytes, TrustStore, bytes, ec.EllipticCurvePrivateKey]:
    """The response, its certificate, the transcript's bytes and the reader's ephemeral key."""

    def hexadecimal(name: str) -> bytes:
        return bytes.fromhex((folder / "wallets" / "mdoc" / name).read_text("ascii").strip())

    stated = json.loads((folder / "wallets" / "mdoc" / "annex-d-keys.json").read_text("utf-8"))
    reader = ec.derive_private_key(int(stated["ephemeral_reader_key"]["d"], 16), ec.SECP256R1())
    return (
        hexadecimal("annex-d-device-response.hex"),
        TrustStore([Certificate(hexadecimal("annex-d-ds-certificate.hex"))]),
        hexadecimal("annex-d-session-transcript-bytes.hex"),
        reader,
    )
