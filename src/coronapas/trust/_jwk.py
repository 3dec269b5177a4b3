"""JSON Web Keys as lists carry them (RFC 7517, RFC 7518 chapter 6).

Where a key comes with its certificate (x5c) the certificate is the key, and the coordinates are not
looked at: over half of those on WHO's list have a wrong length. Where there is none, a coordinate
of another length than the curve's is read by its value, which is never ambiguous.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any, Final

from coronapas.errors import KeyMaterialError
from coronapas.trust import _documents as documents
from coronapas.trust import _kids as kids
from coronapas.trust import _material as material
from coronapas.trust._certificate import Certificate, bare_key

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurve
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

MAX_CHAIN: Final = 8
"""How many certificates an x5c may hold (inclusive)."""

_MAX_NUMBER: Final = 1024  # bytes of a coordinate or modulus; RSA with 8192 bits
_URL_SAFE: Final = str.maketrans("-_", "+/")


def read(item: object, *, kid: bytes | None = None, country: str | None = None) -> Certificate:
    """The key of a JWK: its certificate, else the bare key; KeyMaterialError for neither.

    `kid` is the key's own unless given, and without any that of the certificate or key itself.
    """
    if kid is None and isinstance(item, dict) and item.get("kid") is not None:
        kid = kids.decode(documents.part(item, "kid", str))
    chain = certificates(item)
    if chain:
        return Certificate.load(chain[0], kid=kid, country=country)
    return bare_key(spki(item), kid=kid, country=country)


def certificates(item: object) -> tuple[Certificate, ...]:
    """The certificates of a JWK's or JWS header's x5c, the key's own first; none where none are."""
    if not isinstance(item, dict) or item.get("x5c") is None:
        return ()
    found = documents.part(item, "x5c", list)
    if not 0 < len(found) <= MAX_CHAIN or not all(isinstance(each, str) for each in found):
        raise KeyMaterialError(f"the x5c is no list of 1 to {MAX_CHAIN} certificates")
    return tuple(Certificate(material.from_base64(each)) for each in found)


def spki(item: object) -> bytes:
    """The SubjectPublicKeyInfo of a JWK's own numbers; KeyMaterialError where they make no key."""
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

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
        raise KeyMaterialError(f"the numbers of the key make none: {error}") from error
    raise KeyMaterialError(f"keys of the type {kind[:20]!r} sign no passes")


def write(certificate: Certificate, *, chain: tuple[Certificate, ...] = ()) -> dict[str, Any]:
    """The JWK of a certificate or bare key, with its x5c where there is a certificate."""
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    key = certificate.public_key
    found: dict[str, Any] = {"kid": kids.encode(certificate.kid)}
    if isinstance(key, ec.EllipticCurvePublicKey):
        size = (key.curve.key_size + 7) // 8
        numbers = key.public_numbers()
        found |= {
            "kty": "EC",
            "crv": f"P-{key.curve.key_size}",
            "x": encode(numbers.x.to_bytes(size, "big")),
            "y": encode(numbers.y.to_bytes(size, "big")),
        }
    elif isinstance(key, rsa.RSAPublicKey):
        modulus = key.public_numbers()
        found |= {"kty": "RSA", "n": _integer(modulus.n), "e": _integer(modulus.e)}
    else:
        raise KeyMaterialError("keys of this type sign no passes")
    shown = [each.der for each in (certificate, *chain)]
    if None not in shown:
        found["x5c"] = [base64.b64encode(der or b"").decode("ascii") for der in shown]
    return found


def encode(data: bytes) -> str:
    """base64url without padding (RFC 7515, chapter 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def decode(text: str) -> bytes:
    """What base64url stands for, and standard base64 too; padding may be there or not."""
    plain = text.translate(_URL_SAFE).rstrip("=")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise KeyMaterialError("a number of the key is no base64") from error


def _number(item: object, name: str) -> int:
    data = decode(documents.part(item, name, str))
    if not 0 < len(data) <= _MAX_NUMBER:
        raise KeyMaterialError(f"the number {name!r} of the key is empty or far too long")
    return int.from_bytes(data, "big")


def _integer(value: int) -> str:
    return encode(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def _curve(name: str) -> EllipticCurve:
    from cryptography.hazmat.primitives.asymmetric import ec

    curves: dict[str, EllipticCurve] = {
        "P-256": ec.SECP256R1(),
        "P-384": ec.SECP384R1(),
        "P-521": ec.SECP521R1(),
    }
    if name not in curves:
        raise KeyMaterialError(f"the curve {name[:20]!r} is none that passes use")
    return curves[name]


def _der(key: PublicKeyTypes) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
