"""Signed JSON in the compact form of JWS (RFC 7515), as national lists travel in it.

Signed with ES256, PS256 or RS256; `none` and everything else is refused, and so is a critical
header (``crit``), as no extension is supported. The algorithm must be that of the key. The
certificates in the header (x5c) only state who signed: a signer is trusted if it leads to a pin.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.hashes import SHA256

from coronapas import _base64 as base64
from coronapas import _signatures as signatures
from coronapas.errors import KeyMaterialError, TrustListError
from coronapas.trust import _documents as documents
from coronapas.trust import _jwk as jwk
from coronapas.trust._anchors import judge_pins, pinned, trusted_signer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    from coronapas.trust._anchors import Pins
    from coronapas.trust._certificate import Certificate
    from coronapas.trust._list import SignatureState

_COORDINATE: Final = 32


class Opened(NamedTuple):
    """The payload and header of a JWS, and whether its signature was verified."""

    payload: bytes
    header: dict[str, Any]
    signature: SignatureState


class _Parts(NamedTuple):
    header: dict[str, Any]
    payload: bytes
    signed: bytes
    signature: bytes


def verify(data: bytes, pins: Pins, at: datetime | None, form: str) -> Opened:
    """Return the payload of a compact JWS; with pins, only after its signature held.

    Raises TrustListError: ``trust.malformed``, ``trust.signature``, ``trust.signer``. Without pins
    the state is ``not verified``, and the signature is ignored.
    """
    parts = _take_apart(documents.bounded(data, form), form)
    trusted = pinned(pins)
    if not trusted:
        return Opened(parts.payload, parts.header, "not verified")
    try:
        chain = jwk.certificates(parts.header)
    except KeyMaterialError as error:
        raise TrustListError(form, "malformed", f"the header's x5c: {error}") from error
    if chain:
        if not _holds(parts, chain[0]):
            raise TrustListError(form, "signature", "the signature does not hold")
        objection = trusted_signer(chain, trusted, at)
        if objection is not None:
            raise TrustListError(form, "signer", objection)
    else:
        # Without an x5c, the pinned keys themselves are tried.
        judge_pins(trusted, lambda certificate: _holds(parts, certificate), at, form)
    return Opened(parts.payload, parts.header, "verified")


def payload(data: bytes, form: str) -> bytes:
    """Return the payload of a compact JWS, unverified, to recognise what a file is."""
    return _take_apart(documents.bounded(data, form), form).payload


def sign(
    content: bytes,
    key: EllipticCurvePrivateKey | RSAPrivateKey,
    chain: Sequence[Certificate] = (),
    *,
    rsa_algorithm: str = "PS256",
) -> bytes:
    """Return a compact JWS with the certificates of `chain` (the signer's first) in its header.

    P-256 keys sign with ES256, RSA keys with PS256 or RS256.
    """
    curve = isinstance(key, ec.EllipticCurvePrivateKey)
    header: dict[str, Any] = {"typ": "JWT", "alg": "ES256" if curve else rsa_algorithm}
    if chain:
        header |= {
            "kid": jwk.write(chain[0])["kid"],
            "x5c": jwk.write(chain[0], chain=tuple(chain[1:]))["x5c"],
        }
    signed = f"{base64.encode_url(documents.dump(header))}.{base64.encode_url(content)}".encode(
        "ascii"
    )
    return signed + b"." + base64.encode_url(_sign(key, signed, rsa_algorithm)).encode("ascii")


def _take_apart(data: bytes, form: str) -> _Parts:
    pieces = data.strip().split(b".")
    if len(pieces) != 3:
        raise TrustListError(form, "malformed", "a JWS must have three parts")
    try:
        header, content, signature = (
            base64.decode_any(piece, "a part of the JWS") for piece in pieces
        )
    except KeyMaterialError as error:
        raise TrustListError(form, "malformed", str(error)) from None
    found = documents.whole(documents.load(header, form), dict, form, "the JWS header")
    if "crit" in found:
        raise TrustListError(
            form, "malformed", "the JWS requires extensions, and none are supported"
        )
    return _Parts(found, content, b".".join(pieces[:2]), signature)


def _holds(parts: _Parts, signer: Certificate) -> bool:
    try:
        key = signer.public_key
    except KeyMaterialError:
        return False
    return signatures.holds(key, parts.header.get("alg"), parts.signature, parts.signed)


def _sign(key: EllipticCurvePrivateKey | RSAPrivateKey, signed: bytes, rsa_algorithm: str) -> bytes:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        if key.curve.name != "secp256r1":
            raise KeyMaterialError("an EC key that signs lists must be on P-256")
        return signatures.from_der(key.sign(signed, ec.ECDSA(SHA256())), _COORDINATE)
    if rsa_algorithm == "PS256":
        return key.sign(signed, padding.PSS(padding.MGF1(SHA256()), 32), SHA256())
    return key.sign(signed, padding.PKCS1v15(), SHA256())
