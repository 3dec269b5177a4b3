"""Compact JWS and public keys in JSON, as SD-JWT uses them (RFC 7515, 7517, 7638).

Strict where one content could otherwise have two spellings: base64url without padding in its one
form, JSON without a member that stands twice, no critical header, ``ES256`` and ``PS256`` alone.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from coronapas import _base64 as base64
from coronapas import _json
from coronapas import _signatures as signatures
from coronapas.errors import CredentialError, KeyMaterialError
from coronapas.hcert._cose import ALGORITHMS
from coronapas.trust import _jwk as jwk
from coronapas.trust._certificate import Certificate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

    from coronapas.signing import PublicKey, Signer

MAX_DEPTH: Final = 32
"""How deep the JSON of a token may nest, inclusive."""
MAX_BYTES: Final = 512 * 1024
"""The longest part of a token, in bytes, inclusive."""
MAX_PARTS: Final = 50_000
"""The most commas, colons and opening brackets in the JSON of one part, inclusive."""

_NAMES: Final = frozenset(ALGORITHMS.values())
_MALFORMED: Final = "format.malformed"


class Jws(NamedTuple):
    """A compact JWS as it was read; nothing about it is verified."""

    header: dict[str, Any]
    payload: bytes
    signed: bytes
    signature: bytes

    def __repr__(self) -> str:
        return f"<Jws {self.algorithm} {self.type}>"

    @property
    def algorithm(self) -> str | None:
        """The stated algorithm, where it is one that is accepted; else None."""
        stated = self.header.get("alg")
        return stated if isinstance(stated, str) and stated in _NAMES else None

    @property
    def type(self) -> str | None:
        """The header's ``typ`` without ``application/`` (RFC 7515, 4.1.9), in lower case."""
        stated = self.header.get("typ")
        return stated.lower().removeprefix("application/") if isinstance(stated, str) else None

    def holds(self, key: PublicKeyTypes) -> bool:
        """Whether `key` signed this under the stated algorithm."""
        return signatures.holds(key, self.algorithm, self.signature, self.signed)


def decode(text: str, what: str) -> bytes:
    """Return the bytes of base64url without padding, in its one form (RFC 7515, chapter 2)."""
    try:
        data = base64.decode_any(text, what, limit=MAX_BYTES)
    except KeyMaterialError as error:
        raise CredentialError(_MALFORMED, str(error)) from None
    if base64.encode_url(data) != text:
        raise CredentialError(_MALFORMED, f"{what} is not base64url in its one form")
    return data


def load(data: bytes, what: str) -> Any:
    """Return the value of bounded JSON without doubled members."""
    try:
        return _json.load(data, limit=MAX_BYTES, parts=MAX_PARTS, depth=MAX_DEPTH)
    except _json.JsonError as error:
        raise CredentialError(_MALFORMED, f"{what}: {error}") from None


def load_object(data: bytes, what: str) -> dict[str, Any]:
    """Return a JSON object, as `load` does."""
    found = load(data, what)
    if not isinstance(found, dict):
        raise CredentialError(_MALFORMED, f"{what} must be a JSON object")
    return found


def dump(value: object) -> bytes:
    """Return compact JSON in UTF-8."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8")


def read(text: str, what: str) -> Jws:
    """Return the parts of a compact JWS; raise CredentialError where it is not one."""
    parts = text.split(".")
    if len(parts) != 3:
        raise CredentialError(_MALFORMED, f"{what} must have three parts")
    header = load_object(decode(parts[0], what), f"the header of {what}")
    if "crit" in header:
        raise CredentialError("format.critical-header", f"{what} requires an unknown extension")
    payload, signature = decode(parts[1], what), decode(parts[2], what)
    return Jws(header, payload, f"{parts[0]}.{parts[1]}".encode("ascii"), signature)


def sign(header: Mapping[str, Any], payload: bytes, signer: Signer) -> str:
    """Return a compact JWS; the signer's algorithm is put first into the header."""
    signed = unsigned(header, payload, signer)
    return with_signature(signed, signer.sign(signed.encode("ascii")))


def unsigned(header: Mapping[str, Any], payload: bytes, signer: Signer) -> str:
    """Return what a compact JWS of `signer` signs; the algorithm is put first into the header."""
    whole = {"alg": ALGORITHMS[signer.algorithm], **header}
    return f"{base64.encode_url(dump(whole))}.{base64.encode_url(payload)}"


def with_signature(signed: str, signature: bytes) -> str:
    """Return the compact JWS of what was signed (see `unsigned`) and its signature."""
    return f"{signed}.{base64.encode_url(signature)}"


def x5c(chain: Sequence[Certificate]) -> list[str]:
    """Return certificates as the header ``x5c`` has them: standard base64 of the DER."""
    return [base64.encode(each.der) for each in chain if each.der is not None]


def certificates(header: Mapping[str, Any]) -> tuple[Certificate, ...]:
    """Return the certificates of ``x5c``, the leaf first; none where it is absent."""
    try:
        return jwk.certificates(dict(header))
    except KeyMaterialError as error:
        raise CredentialError("format.certificates", f"the x5c: {error}") from None


def public_key(item: object) -> PublicKey:
    """Return the public key of a JWK; raise CredentialError for a private or unreadable one."""
    if isinstance(item, dict) and "d" in item:
        raise CredentialError("binding.key", "the JWK holds a private key")
    try:
        key = Certificate.from_public_key(jwk.spki(item)).public_key
    except KeyMaterialError as error:
        raise CredentialError("binding.key", f"the JWK cannot be read: {error}") from None
    assert isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey)  # noqa: S101 - as spki says
    return key


def jwk_of(key: PublicKey) -> dict[str, str]:
    """Return the JWK of a public key: the members that a thumbprint is made of, no others."""
    if isinstance(key, ec.EllipticCurvePublicKey):
        size, numbers = (key.key_size + 7) // 8, key.public_numbers()
        x, y = (base64.encode_url(each.to_bytes(size, "big")) for each in (numbers.x, numbers.y))
        return {"crv": f"P-{key.key_size}", "kty": "EC", "x": x, "y": y}
    found = jwk.write(Certificate.from_public_key(_spki(key)))
    names = ("e", "kty", "n")
    return {name: found[name] for name in names}


def thumbprint(key: PublicKey) -> bytes:
    """Return the SHA-256 thumbprint of a key (RFC 7638)."""
    members = dict(sorted(jwk_of(key).items()))
    return hashlib.sha256(dump(members)).digest()


def _spki(key: PublicKey) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
