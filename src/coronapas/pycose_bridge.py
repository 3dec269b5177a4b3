"""Keys and messages converted to pycose's and back (extra ``pycose``).

pycose 1.1.0 cannot decode anything under cbor2 6, but it takes messages that are decoded already,
and that is how they are converted here. It signs and verifies ES256 with a package in pure Python
whose running time depends on the secret key (CVE-2024-23342): use it to read and compare, and sign
with `coronapas.signing`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from coronapas.errors import KeyMaterialError, MissingExtraError
from coronapas.hcert import _cose as cose

if TYPE_CHECKING:
    from pycose.keys.ec2 import EC2Key
    from pycose.keys.rsa import RSAKey
    from pycose.messages.sign1message import Sign1Message

    from coronapas.signing import PrivateKey, PublicKey

__all__ = [
    "from_pycose",
    "from_pycose_key",
    "private_key",
    "public_key",
    "to_pycose",
]

_COORDINATE = 32


def to_pycose(data: bytes) -> Sign1Message:
    """Return the pycose message for the bytes of a COSE_Sign1 message, tagged or not.

    Raises DecodeError if `data` is not such a message, MissingExtraError without pycose.
    """
    read = cose.read(data)
    parts = [read.protected, dict(read.unprotected), read.payload, read.signature]
    message: Sign1Message = _pycose("messages.sign1message").Sign1Message.from_cose_obj(parts, True)
    return message


def from_pycose(message: Sign1Message) -> bytes:
    """Return the bytes of a pycose message under tag 18; pycose signs it if it has a key."""
    return bytes(message.encode())


def public_key(key: PublicKey) -> EC2Key | RSAKey:
    """Return the pycose key for a P-256 or RSA public key; KeyMaterialError for any other."""
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name == "secp256r1":
        point = key.public_numbers()
        return _ec2(point.x, point.y)
    if isinstance(key, rsa.RSAPublicKey):
        numbers = key.public_numbers()
        made: RSAKey = _pycose("keys.rsa").RSAKey(n=_bytes(numbers.n), e=_bytes(numbers.e))
        return made
    raise KeyMaterialError("the key must be on P-256 or for RSA")


def private_key(key: PrivateKey) -> EC2Key | RSAKey:
    """Return the pycose key for a P-256 or RSA private key; KeyMaterialError for any other."""
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name == "secp256r1":
        secret = key.private_numbers()
        point = secret.public_numbers
        return _ec2(point.x, point.y, secret.private_value)
    if isinstance(key, rsa.RSAPrivateKey):
        whole = key.private_numbers()
        parts = {
            "n": whole.public_numbers.n,
            "e": whole.public_numbers.e,
            "d": whole.d,
            "p": whole.p,
            "q": whole.q,
            "dp": whole.dmp1,
            "dq": whole.dmq1,
            "qinv": whole.iqmp,
        }
        made: RSAKey = _pycose("keys.rsa").RSAKey(
            **{name: _bytes(value) for name, value in parts.items()}
        )
        return made
    raise KeyMaterialError("the key must be on P-256 or for RSA")


def from_pycose_key(key: EC2Key | RSAKey) -> PublicKey:
    """Return the public key of a pycose key for `cryptography`; KeyMaterialError if it has none."""
    parts: Any = key  # pycose types the parts of its keys loosely
    try:
        if hasattr(parts, "crv"):
            if parts.crv is not _pycose("keys.curves").P256:
                raise KeyMaterialError("the key must be on P-256")
            x, y = (int.from_bytes(part, "big") for part in (parts.x, parts.y))
            return ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
        n, e = (int.from_bytes(part, "big") for part in (parts.n, parts.e))
        return rsa.RSAPublicNumbers(e, n).public_key()
    except (AttributeError, TypeError, ValueError) as error:
        if isinstance(error, KeyMaterialError):
            raise
        raise KeyMaterialError(
            "the pycose key must hold a public key on P-256 or for RSA"
        ) from error


def _ec2(x: int, y: int, d: int | None = None) -> EC2Key:
    parts = {name: value.to_bytes(_COORDINATE, "big") for name, value in (("x", x), ("y", y))}
    if d is not None:
        parts["d"] = d.to_bytes(_COORDINATE, "big")
    made: EC2Key = _pycose("keys.ec2").EC2Key(crv=_pycose("keys.curves").P256, **parts)
    return made


def _bytes(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def _pycose(module: str) -> Any:
    from importlib import import_module

    try:
        return import_module(f"pycose.{module}")
    except ImportError as error:
        raise MissingExtraError("pycose", "pycose") from error
