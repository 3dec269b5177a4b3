"""X.509 certificates written by hand, for what the certificate builders refuse to make.

RFC 5280, chapter 4.1; ITU-T X.690. Real DSCs hold such encodings, and a verifier meets them. Only
the framing is written here; `cryptography` signs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

if TYPE_CHECKING:
    from datetime import datetime

_ECDSA_SHA256: Final = "1.2.840.10045.4.3.2"
_COUNTRY: Final = "2.5.4.6"
_COMMON_NAME: Final = "2.5.4.3"
_KEY_USAGE: Final = "2.5.29.15"
_BASIC_CONSTRAINTS: Final = "2.5.29.19"
_EXTENDED_KEY_USAGE: Final = "2.5.29.37"


def tlv(tag: int, *parts: bytes) -> bytes:
    """One element; the parts are its content."""
    content = b"".join(parts)
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def oid(dotted: str) -> bytes:
    """An OBJECT IDENTIFIER."""
    first, second, *rest = map(int, dotted.split("."))
    content = b""
    for arc in (40 * first + second, *rest):
        groups = [arc & 0x7F]
        while arc := arc >> 7:
            groups.insert(0, 0x80 | arc & 0x7F)
        content += bytes(groups)
    return tlv(0x06, content)


def extension(dotted: str, value: bytes) -> bytes:
    """An extension that is not critical."""
    return tlv(0x30, oid(dotted), tlv(0x04, value))


def key_purposes(*purposes: str) -> bytes:
    """An extendedKeyUsage extension."""
    return extension(_EXTENDED_KEY_USAGE, tlv(0x30, *map(oid, purposes)))


EXPLICIT_DEFAULT: Final = extension(_BASIC_CONSTRAINTS, tlv(0x30, b"\x01\x01\x00"))
AUTHORITY: Final = extension(_BASIC_CONSTRAINTS, tlv(0x30, b"\x01\x01\xff"))
"""Basic constraints that say that the certificate is a CA's."""
KEY_AGREEMENT: Final = extension(_KEY_USAGE, b"\x03\x02\x03\x08")
"""A key usage of keyAgreement alone."""
"""BasicConstraints with ``cA FALSE`` written out: DER leaves a default away (X.690, 11.5)."""


@dataclass(frozen=True, slots=True)
class Body:
    """What a DSC says. `extensions` is their concatenation; None leaves the whole field away.

    `parameters` stands behind the signature algorithm's identifier: a NULL there is what RFC 5758
    forbids for ECDSA and some issuers write all the same.
    """

    spki: bytes
    first: datetime
    last: datetime
    serial: int
    extensions: bytes | None = None
    parameters: bytes = b""


def certificate(body: Body, *, country: str, name: str, issuer: str, key: object) -> bytes:
    """The DER of a certificate that the CSCA's P-256 `key` signs, the same at every run."""
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError("the CSCA's key is no EC key")
    algorithm = tlv(0x30, oid(_ECDSA_SHA256), body.parameters)
    tbs = tlv(
        0x30,
        tlv(0xA0, b"\x02\x01\x02"),
        tlv(0x02, _integer(body.serial)),
        algorithm,
        _name(country, issuer),
        tlv(0x30, _time(body.first), _time(body.last)),
        _name(country, name),
        body.spki,
        b"" if body.extensions is None else tlv(0xA3, tlv(0x30, body.extensions)),
    )
    signature = key.sign(tbs, ec.ECDSA(SHA256(), deterministic_signing=True))
    return tlv(0x30, tbs, algorithm, tlv(0x03, b"\x00", signature))


def _integer(value: int) -> bytes:
    return value.to_bytes(value.bit_length() // 8 + 1, "big")


def _name(country: str, common_name: str) -> bytes:
    parts = ((_COUNTRY, 0x13, country), (_COMMON_NAME, 0x0C, common_name))
    return tlv(
        0x30,
        *(tlv(0x31, tlv(0x30, oid(kind), tlv(tag, text.encode()))) for kind, tag, text in parts),
    )


def _time(moment: datetime) -> bytes:
    return tlv(0x17, moment.strftime("%y%m%d%H%M%SZ").encode())
