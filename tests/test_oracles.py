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
from pycose.keys.curves import P256
from pycose.keys.ec2 import EC2Key
from pycose.keys.rsa import RSAKey
from pycose.messages.sign1message import Sign1Message

import backend
from coronapas.hcert import envelope
from coronapas.keys import KeyPair
from coronapas.verifying import Verifier

KEYS = ("P-256", "RSA-2048", "RSA-3072")


def number(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def pycose_key(pair: KeyPair, *, private: bool = False) -> Any:
    key: Any = pair.private_key
    if isinstance(key, ec.EllipticCurvePrivateKey):
        secret = key.private_numbers()
        public = secret.public_numbers
        d = secret.private_value.to_bytes(32, "big") if private else b""
        x, y = (part.to_bytes(32, "big") for part in (public.x, public.y))
        return EC2Key(crv=P256, x=x, y=y, d=d)
    secret = key.private_numbers()
    public = secret.public_numbers
    if not private:
        return RSAKey(n=number(public.n), e=number(public.e))
    return RSAKey(
        n=number(public.n),
        e=number(public.e),
        d=number(secret.d),
        p=number(secret.p),
        q=number(secret.q),
        dp=number(secret.dmp1),
        dq=number(secret.dmq1),
        qinv=number(secret.iqmp),
    )


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
        message = Sign1Message.from_cose_obj(opened(backend.issue(pair).text), True)
        message.key = pycose_key(pair)
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
    message.key = pycose_key(pair, private=True)
    result = verifier.verify(envelope.encode(message.encode()), backend.NOW)
    assert result.ok
    assert result.payload == backend.DCC


@given(st.binary(max_size=300))
@settings(max_examples=25)
def test_pycose_and_we_sign_the_same_bytes(payload: bytes) -> None:
    pair = backend.dsc()
    parts = opened(backend.forge(payload, pair))
    message = Sign1Message.from_cose_obj(parts, True)
    message.key = pycose_key(pair)
    assert message.verify_signature()
