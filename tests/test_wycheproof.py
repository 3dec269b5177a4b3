"""Wycheproof's signature vectors: what is valid verifies, what is not is refused.

The vectors are C2SP's (``testvectors_v1``), in the folder that CORONAPAS_WYCHEPROOF names, or in
``wycheproof`` among the other public data.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from coronapas import _signatures as signatures
from coronapas.hcert._cose import ES256, PS256, Sign1
from coronapas.trust import Certificate
from coronapas.trust._certificate import VerifyingKey

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

    Verify = Callable[[bytes, bytes], bool]

RAW = ("ecdsa_secp256r1_sha256_p1363_test",)
DER = ("ecdsa_secp256r1_sha256_test", "ecdsa_secp384r1_sha256_test")
OTHER_DIGESTS = (
    "ecdsa_secp256r1_sha512_p1363_test",
    "ecdsa_secp384r1_sha384_p1363_test",
    "ecdsa_secp384r1_sha512_p1363_test",
    "ecdsa_secp521r1_sha512_p1363_test",
)
PSS = (
    "rsa_pss_2048_sha256_mgf1_32_test",
    "rsa_pss_2048_sha256_mgf1_32_params_test",
    "rsa_pss_3072_sha256_mgf1_32_test",
    "rsa_pss_3072_sha256_mgf1_32_params_test",
    "rsa_pss_4096_sha256_mgf1_32_test",
)
OTHER_PSS = (
    "rsa_pss_2048_sha1_mgf1_20_test",
    "rsa_pss_2048_sha256_mgf1_0_test",
    "rsa_pss_2048_sha256_mgf1sha1_20_test",
    "rsa_pss_2048_sha384_mgf1_48_test",
    "rsa_pss_2048_sha512_256_mgf1_32_test",
    "rsa_pss_4096_sha384_mgf1_48_test",
    "rsa_pss_4096_sha512_mgf1_32_test",
    "rsa_pss_4096_sha512_mgf1_64_test",
)
PKCS1 = (
    "rsa_signature_2048_sha256_test",
    "rsa_signature_3072_sha256_test",
    "rsa_signature_4096_sha256_test",
)

ACCEPTABLE = {"MissingNull": False}
"""What is made of signatures that Wycheproof leaves to the implementation, by their flag: a digest
algorithm without its NULL is refused (RFC 8017, appendix A.2.4, lets a verifier be strict)."""


class Vector(NamedTuple):
    """One signature, and whether it is one."""

    number: int
    message: bytes
    signature: bytes
    valid: bool


def groups(folder: Path, name: str) -> Iterator[tuple[PublicKeyTypes, list[Vector]]]:
    """Each key of a file with its vectors; a file that is missing is a failure."""
    content: dict[str, Any] = json.loads((folder / f"{name}.json").read_text("utf-8"))
    for group in content["testGroups"]:
        key = load_der_public_key(bytes.fromhex(group["publicKeyDer"]))
        yield key, list(map(read, group["tests"]))


def read(test: dict[str, Any]) -> Vector:
    if test["result"] == "acceptable":
        (valid,) = {ACCEPTABLE[flag] for flag in test["flags"]}
    else:
        valid = {"valid": True, "invalid": False}[test["result"]]
    return Vector(test["tcId"], bytes.fromhex(test["msg"]), bytes.fromhex(test["sig"]), valid)


def wrong(vectors: list[Vector], verify: Verify) -> list[int]:
    """The numbers of the vectors that `verify` judges otherwise than Wycheproof."""
    return [
        vector.number
        for vector in vectors
        if verify(vector.signature, vector.message) != vector.valid
    ]


class Message(Sign1):
    """A message whose signed bytes are a vector's."""

    @property
    def signed_bytes(self) -> bytes:
        return self.payload


AUTHORITY = ec.generate_private_key(ec.SECP256R1())


def as_signer(key: PublicKeyTypes) -> VerifyingKey:
    """The key as a trust list gives it: in a certificate of a year."""
    assert isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey)
    begin = datetime(2021, 6, 1, tzinfo=UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COUNTRY_NAME, "DK")])
    builder = x509.CertificateBuilder(name, name, key, 1, begin, begin + timedelta(365))
    return VerifyingKey(Certificate.load(builder.sign(AUTHORITY, SHA256())))


def of_passes(key: PublicKeyTypes, algorithm: int) -> Verify:
    """How a pass's signature is judged, with the key from a certificate."""
    signer = as_signer(key)

    def verify(signature: bytes, message: bytes) -> bool:
        return signer.fault(Message(b"", {}, {}, message, signature, None, algorithm)) is None

    return verify


def by(key: PublicKeyTypes, algorithm: str) -> Verify:
    """How a list's signature is judged."""
    return lambda signature, message: signatures.holds(key, algorithm, signature, message)


def by_der(key: PublicKeyTypes) -> Verify:
    return lambda signature, message: signatures.holds_der(key, signature, message)


def by_der_made_raw(key: PublicKeyTypes) -> Verify:
    """How the DER of a key service comes to be a pass's signature."""
    verify = of_passes(key, ES256)

    def converted(signature: bytes, message: bytes) -> bool:
        try:
            raw = signatures.from_der(signature, signatures.length(key) // 2)
        except (ValueError, OverflowError):
            return False
        return verify(raw, message)

    return converted


@pytest.mark.parametrize("name", RAW)
def test_raw_ecdsa(wycheproof: Path, name: str) -> None:
    for key, vectors in groups(wycheproof, name):
        assert wrong(vectors, of_passes(key, ES256)) == []
        assert wrong(vectors, by(key, "ES256")) == []


@pytest.mark.parametrize("name", DER)
def test_der_ecdsa(wycheproof: Path, name: str) -> None:
    for key, vectors in groups(wycheproof, name):
        assert wrong(vectors, by_der_made_raw(key)) == []
        if "secp256r1" in name:
            assert wrong(vectors, by_der(key)) == []


@pytest.mark.parametrize("name", PSS)
def test_pss(wycheproof: Path, name: str) -> None:
    for key, vectors in groups(wycheproof, name):
        assert wrong(vectors, of_passes(key, PS256)) == []
        assert wrong(vectors, by(key, "PS256")) == []


@pytest.mark.parametrize("name", PKCS1)
def test_pkcs1(wycheproof: Path, name: str) -> None:
    for key, vectors in groups(wycheproof, name):
        assert wrong(vectors, by(key, "RS256")) == []


@pytest.mark.parametrize("name", OTHER_DIGESTS)
def test_ecdsa_with_another_digest_is_refused(wycheproof: Path, name: str) -> None:
    for key, vectors in groups(wycheproof, name):
        verify = of_passes(key, ES256)
        assert not any(verify(each.signature, each.message) for each in vectors)


@pytest.mark.parametrize("name", OTHER_PSS)
def test_pss_with_other_parameters_is_refused(wycheproof: Path, name: str) -> None:
    for key, vectors in groups(wycheproof, name):
        verify = of_passes(key, PS256)
        # What is invalid there may be so for its salt of 32 bytes, which is PS256's.
        assert not any(verify(each.signature, each.message) for each in vectors if each.valid)


def test_each_scheme_refuses_the_signatures_of_the_other(wycheproof: Path) -> None:
    for name, other in ((PSS[0], "RS256"), (PKCS1[0], "PS256")):
        for key, vectors in groups(wycheproof, name):
            verify = by(key, other)
            assert not any(verify(each.signature, each.message) for each in vectors if each.valid)
