"""Keys and signatures in JSON, as lists have them: JWK and compact JWS (RFC 7515, 7517, 7518).

Where a key comes with its certificate (x5c), the certificate alone counts and the coordinates are
ignored: over half of those on WHO's list have a wrong length. Where it comes without, a coordinate
whose length is not the curve's is read by its value, which is never ambiguous.

Lists are signed with ES256, PS256 or RS256; `none` and everything else is refused, and so is a
critical header (``crit``), as no extension is supported. The algorithm must be that of the key. Who
may sign is for `coronapas.trust._anchors` to judge.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from coronapas import _base64 as base64
from coronapas import _signatures as signatures
from coronapas.errors import KeyMaterialError, TrustListError
from coronapas.trust import _documents as documents
from coronapas.trust._certificate import Certificate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography.hazmat.primitives.asymmetric.ec import (
        EllipticCurve,
        EllipticCurvePrivateKey,
    )
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

MAX_CHAIN: Final = 8
"""The most certificates of an x5c (inclusive)."""

_MAX_NUMBER: Final = 1024  # bytes of a coordinate or modulus; RSA with 8192 bits
_COORDINATE: Final = 32


def read_jwk(item: object, *, kid: bytes | None = None, country: str | None = None) -> Certificate:
    """Return the key of a JWK: its certificate, else the bare key; KeyMaterialError for neither.

    `kid` replaces the one that the JWK states; where neither exists, the kid is computed from the
    certificate or key.
    """
    if kid is None and isinstance(item, dict) and item.get("kid") is not None:
        kid = documents.kid_part(item, "kid")
    chain = certificates(item)
    if chain:
        return Certificate.load(chain[0], kid=kid, country=country)
    return Certificate.from_public_key(spki(item), kid=kid, country=country)


def certificates(item: object) -> tuple[Certificate, ...]:
    """Return the certificates in the x5c of a JWK or JWS header, the key's own first."""
    return tuple(map(certificate, x5c(item)))


def x5c(item: object) -> list[str]:
    """Return the texts of the x5c, undecoded; empty without one, KeyMaterialError if invalid."""
    if not isinstance(item, dict) or item.get("x5c") is None:
        return []
    found = documents.part(item, "x5c", list)
    if not 0 < len(found) <= MAX_CHAIN or not all(isinstance(each, str) for each in found):
        raise KeyMaterialError(f"the x5c must be a list of 1 to {MAX_CHAIN} certificates")
    return found


def certificate(text: str) -> Certificate:
    """Return the certificate in one text of an x5c; KeyMaterialError for any other text."""
    return Certificate(base64.decode(text, "a certificate of the x5c"))


def spki(item: object) -> bytes:
    """Return the SubjectPublicKeyInfo of a JWK's numbers; KeyMaterialError for invalid ones."""
    kind = documents.part(item, "kty", str)
    try:
        if kind == "EC":
            curve = _curve(documents.part(item, "crv", str))
            return _der(
                ec.EllipticCurvePublicNumbers(
                    _number(item, "x"), _number(item, "y"), curve
                ).public_key()
            )
        if kind == "RSA":
            return _der(rsa.RSAPublicNumbers(_number(item, "e"), _number(item, "n")).public_key())
    except ValueError as error:
        if isinstance(error, KeyMaterialError):
            raise
        raise KeyMaterialError(f"the numbers do not form a key: {error}") from error
    raise KeyMaterialError(f"the key type must be EC or RSA, got {kind[:20]!r}")


def write_jwk(certificate: Certificate, *, chain: tuple[Certificate, ...] = ()) -> dict[str, Any]:
    """Return the JWK of a certificate or bare key, with an x5c for a certificate."""
    key = certificate.public_key
    found: dict[str, Any] = {"kid": base64.encode(certificate.kid)}
    if isinstance(key, ec.EllipticCurvePublicKey):
        size = (key.curve.key_size + 7) // 8
        numbers = key.public_numbers()
        found |= {
            "kty": "EC",
            "crv": f"P-{key.curve.key_size}",
            "x": base64.encode_url(numbers.x.to_bytes(size, "big")),
            "y": base64.encode_url(numbers.y.to_bytes(size, "big")),
        }
    elif isinstance(key, rsa.RSAPublicKey):
        modulus = key.public_numbers()
        found |= {"kty": "RSA", "n": _integer(modulus.n), "e": _integer(modulus.e)}
    else:
        raise KeyMaterialError("the key must be an EC or RSA key")
    shown = [each.der for each in (certificate, *chain)]
    if None not in shown:
        found["x5c"] = [base64.encode(der or b"") for der in shown]
    return found


class Jws(NamedTuple):
    """A compact JWS, taken apart; nothing about it is verified."""

    header: dict[str, Any]
    payload: bytes
    signed: bytes
    signature: bytes

    def holds(self, signer: Certificate) -> bool:
        """Return whether the signature holds under the key of a certificate."""
        try:
            key = signer.public_key
        except KeyMaterialError:
            return False
        return signatures.holds(key, self.header.get("alg"), self.signature, self.signed)


def read_jws(data: bytes, form: str) -> Jws:
    """Return the parts of a compact JWS.

    Raises TrustListError: ``trust.too-large``, or ``trust.malformed`` if it is not one.
    """
    pieces = documents.bounded(data, form).strip().split(b".")
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
    return Jws(found, content, b".".join(pieces[:2]), signature)


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
            "kid": write_jwk(chain[0])["kid"],
            "x5c": write_jwk(chain[0], chain=tuple(chain[1:]))["x5c"],
        }
    signed = f"{base64.encode_url(documents.dump(header))}.{base64.encode_url(content)}".encode(
        "ascii"
    )
    return signed + b"." + base64.encode_url(_sign(key, signed, rsa_algorithm)).encode("ascii")


def _sign(key: EllipticCurvePrivateKey | RSAPrivateKey, signed: bytes, rsa_algorithm: str) -> bytes:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        if key.curve.name != "secp256r1":
            raise KeyMaterialError("an EC key that signs lists must be on P-256")
        return signatures.from_der(key.sign(signed, ec.ECDSA(SHA256())), _COORDINATE)
    if rsa_algorithm == "PS256":
        return key.sign(signed, padding.PSS(padding.MGF1(SHA256()), 32), SHA256())
    return key.sign(signed, padding.PKCS1v15(), SHA256())


def _number(item: object, name: str) -> int:
    data = base64.decode_any(documents.part(item, name, str), repr(name))
    if not 0 < len(data) <= _MAX_NUMBER:
        raise KeyMaterialError(f"the number {name!r} of the key must have 1 to {_MAX_NUMBER} bytes")
    return int.from_bytes(data, "big")


def _integer(value: int) -> str:
    return base64.encode_url(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def _curve(name: str) -> EllipticCurve:
    curves: dict[str, EllipticCurve] = {
        "P-256": ec.SECP256R1(),
        "P-384": ec.SECP384R1(),
        "P-521": ec.SECP521R1(),
    }
    if name not in curves:
        raise KeyMaterialError(f"the curve must be one of {', '.join(curves)}, got {name[:20]!r}")
    return curves[name]


def _der(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
