"""Other implementations as judges: pycose, and a verification built by hand from RFC 9052.

pycose 1.1.0 decodes nothing under cbor2 6, but takes a message that is decoded already.
"""

from __future__ import annotations

import hashlib
import zlib
from typing import Any

import base45 as base45_package
import cbor2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import given, settings
from hypothesis import strategies as st
from pycose.keys.curves import P256, P384
from pycose.keys.ec2 import EC2Key
from pycose.messages.sign1message import Sign1Message

import backend
from coronapas import pycose_bridge
from coronapas.errors import DecodeError, KeyMaterialError, MissingExtraError
from coronapas.hcert import _envelope as envelope
from coronapas.verify._verifier import Verifier

KEYS = ("P-256", "RSA-2048", "RSA-3072")


def opened(text: str) -> list[Any]:
    """The message's four parts, by the packages alone."""
    message = zlib.decompress(base45_package.b45decode(text.removeprefix("HC1:")))
    parts = cbor2.loads(message).value
    return [parts[0], dict(parts[1]), parts[2], parts[3]]


def by_hand(text: str, certificate: x509.Certificate) -> dict[Any, Any]:
    """The claims of a pass, verified by RFC 9052's words and nothing of this project."""
    protected, _, payload, signature = opened(text)
    headers = cbor2.loads(protected)
    to_be_signed = cbor2.dumps(["Signature1", protected, b"", payload])
    from cryptography.hazmat.primitives.serialization import Encoding

    assert headers[4] == hashlib.sha256(certificate.public_bytes(Encoding.DER)).digest()[:8]
    key = certificate.public_key()
    if headers[1] == -7:
        assert isinstance(key, ec.EllipticCurvePublicKey)
        assert len(signature) == 64
        r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
        key.verify(encode_dss_signature(r, s), to_be_signed, ec.ECDSA(hashes.SHA256()))
    else:
        assert headers[1] == -37
        assert isinstance(key, rsa.RSAPublicKey)
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
        key.verify(signature, to_be_signed, pss, hashes.SHA256())
    claims: dict[Any, Any] = cbor2.loads(payload)
    return claims


@pytest.mark.parametrize("key", KEYS)
def test_every_pass_that_we_issue_is_verified_by_pycose(key: str) -> None:
    pair = backend.dsc(key=key)
    for _ in range(3):
        message = pycose_bridge.to_pycose(backend.issue(pair).message)
        message.key = pycose_bridge.public_key(pair.private_key.public_key())
        assert message.verify_signature()
        message.payload = b"another payload"
        assert not message.verify_signature()


@pytest.mark.parametrize("key", KEYS)
def test_every_pass_that_we_issue_is_verified_by_hand(key: str) -> None:
    pair = backend.dsc(key=key)
    for _ in range(10):
        issued = backend.issue(pair)
        claims = by_hand(issued.text, pair.certificate.to_cryptography())
        assert claims[-260][1]["v"][0]["ci"] == issued.uvci
        assert (claims[4], claims[6]) == (
            int(issued.expires.timestamp()),
            int(issued.issued_at.timestamp()),
        )


@pytest.mark.parametrize("key", KEYS)
def test_every_message_of_pycose_is_verified_by_us(key: str) -> None:
    from pycose.algorithms import Es256, Ps256
    from pycose.headers import KID, Algorithm

    pair = backend.dsc(key=key)
    algorithm = Es256 if key == "P-256" else Ps256
    kid = pair.certificate.kid
    verifier = Verifier(backend.trust(pair), tolerate=())
    message = Sign1Message(
        phdr={Algorithm: algorithm, KID: kid}, payload=cbor2.dumps(backend.claims())
    )
    message.key = pycose_bridge.private_key(pair.private_key)
    result = verifier.verify(envelope.encode(pycose_bridge.from_pycose(message)), backend.NOW)
    assert result.ok
    assert result.payload == backend.DCC


@given(st.binary(max_size=300))
@settings(max_examples=25)
def test_pycose_and_we_sign_the_same_bytes(payload: bytes) -> None:
    pair = backend.dsc()
    text = backend.forge(payload, pair)
    message = Sign1Message.from_cose_obj(opened(text), True)
    message.key = pycose_bridge.public_key(pair.private_key.public_key())
    assert message.verify_signature()


@pytest.mark.parametrize("key", KEYS)
def test_keys_go_over_the_bridge_and_back(key: str) -> None:
    private = backend.dsc(key=key).private_key
    for there in (
        pycose_bridge.public_key(private.public_key()),
        pycose_bridge.private_key(private),
    ):
        assert pycose_bridge.from_pycose_key(there) == private.public_key()


def test_what_is_no_key_of_passes_does_not_cross_the_bridge() -> None:
    other: Any = ec.generate_private_key(ec.SECP384R1())
    with pytest.raises(KeyMaterialError):
        pycose_bridge.private_key(other)
    with pytest.raises(KeyMaterialError):
        pycose_bridge.public_key(other.public_key())
    from pycose.keys.symmetric import SymmetricKey

    symmetric: Any = SymmetricKey(k=b"0" * 16)
    with pytest.raises(KeyMaterialError):
        pycose_bridge.from_pycose_key(symmetric)
    curve: Any = EC2Key(crv=P384, x=b"1" * 48, y=b"2" * 48)
    with pytest.raises(KeyMaterialError):
        pycose_bridge.from_pycose_key(curve)
    off_curve: Any = EC2Key(crv=P256, x=b"1" * 32, y=b"2" * 32)
    with pytest.raises(KeyMaterialError):
        pycose_bridge.from_pycose_key(off_curve)


def test_what_is_no_message_does_not_cross_the_bridge() -> None:
    with pytest.raises(DecodeError):
        pycose_bridge.to_pycose(b"\x80")


def test_without_pycose_the_bridge_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "pycose.keys.ec2", None)
    with pytest.raises(MissingExtraError, match="pycose"):
        pycose_bridge.public_key(backend.dsc().private_key.public_key())
