"""The extensions that a chain is checked by (RFC 5280, section 4.2.1), read tolerantly.

Real CSCAs and DSCs carry encodings that strict parsers refuse, so these go through this package's
own reader. Each function raises KeyMaterialError for an extension that cannot be read at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from coronapas.errors import KeyMaterialError
from coronapas.trust import der

if TYPE_CHECKING:
    from coronapas.trust.certificate import Certificate

SUBJECT_KEY_IDENTIFIER: Final = "2.5.29.14"
KEY_USAGE: Final = "2.5.29.15"
BASIC_CONSTRAINTS: Final = "2.5.29.19"
AUTHORITY_KEY_IDENTIFIER: Final = "2.5.29.35"

_KEY_IDENTIFIER: Final = 0x80
_BITS: Final = (
    "digitalSignature",
    "nonRepudiation",
    "keyEncipherment",
    "dataEncipherment",
    "keyAgreement",
    "keyCertSign",
    "cRLSign",
    "encipherOnly",
    "decipherOnly",
)


def subject_key_identifier(certificate: Certificate) -> bytes | None:
    """The identifier of the certificate's own key; None where it states none."""
    value = _value(certificate, SUBJECT_KEY_IDENTIFIER)
    if value is None:
        return None
    _, begin, end = der.only(value, der.OCTET_STRING, "the subject key identifier")
    return value[begin:end]


def authority_key_identifier(certificate: Certificate) -> bytes | None:
    """The identifier of the issuer's key; None where the certificate states none."""
    value = _value(certificate, AUTHORITY_KEY_IDENTIFIER)
    if value is None:
        return None
    _, begin, end = der.only(value, der.SEQUENCE, "the authority key identifier")
    for tag, inner, inner_end in der.children(value, begin, end):
        if tag == _KEY_IDENTIFIER:
            return value[inner:inner_end]
    return None


def is_authority(certificate: Certificate) -> bool:
    """Whether the basic constraints say that the certificate is a CA's; absent ones say no."""
    value = _value(certificate, BASIC_CONSTRAINTS)
    if value is None:
        return False
    _, begin, end = der.only(value, der.SEQUENCE, "the basic constraints")
    for tag, inner, inner_end in der.children(value, begin, end):
        if tag == der.BOOLEAN:
            return any(value[inner:inner_end])
    return False


def key_usage(certificate: Certificate) -> frozenset[str] | None:
    """The names of the uses that the key is restricted to; None where none are stated."""
    value = _value(certificate, KEY_USAGE)
    if value is None:
        return None
    _, begin, end = der.only(value, der.BIT_STRING, "the key usage")
    if begin == end:
        raise KeyMaterialError("DER has a key usage without content")
    bits = value[begin + 1 : end]
    return frozenset(
        name
        for number, name in enumerate(_BITS)
        if number // 8 < len(bits) and bits[number // 8] & 0x80 >> number % 8
    )


def signs_only_certificates(certificate: Certificate) -> bool:
    """Whether the certificate is a CSCA's by its extensions: a CA whose key may sign no passes."""
    usage = key_usage(certificate)
    return is_authority(certificate) and usage is not None and "digitalSignature" not in usage


def _value(certificate: Certificate, oid: str) -> bytes | None:
    """The value of the first extension of that kind."""
    for extension in certificate.extensions:
        if extension.oid == oid:
            return extension.value
    return None
