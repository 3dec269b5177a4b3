"""One certificate, or one bare key, that a trust list vouches for (hcert-spec; RFC 5280).

A list has hundreds of certificates and a pass needs one, so making a `Certificate` only checks that
it is one, and everything else is read when it is first asked for. Real DSCs break strict parsers:
the fields are read by this package's own tolerant reader, the key by `cryptography`, and what the
strict parser of `cryptography` says of the certificate is told as a deviation.
"""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import (
    TYPE_CHECKING,
    Final,
    NoReturn,
    TypedDict,
    TypeVar,
)

from coronapas import _asn1 as asn1
from coronapas._asn1 import SEQUENCE, only
from coronapas.errors import KeyMaterialError
from coronapas.facts import EventKind
from coronapas.hcert._cose import KID_LENGTH
from coronapas.tolerances import Deviation
from coronapas.trust import _material as material
from coronapas.trust import _x509 as fields

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime
    from typing import Unpack

    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

T = TypeVar("T")

USAGE_OIDS: Final = {
    "1.3.6.1.4.1.1847.2021.1.1": EventKind.TEST,
    "1.3.6.1.4.1.1847.2021.1.2": EventKind.VACCINATION,
    "1.3.6.1.4.1.1847.2021.1.3": EventKind.RECOVERY,
    "1.3.6.1.4.1.0.1847.2021.1.1": EventKind.TEST,
    "1.3.6.1.4.1.0.1847.2021.1.2": EventKind.VACCINATION,
    "1.3.6.1.4.1.0.1847.2021.1.3": EventKind.RECOVERY,
}
"""Key purposes of both arcs: the one in force, and the older one with a 0, which most DSCs use."""

_CURVES: Final = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}
_NOTE_LENGTH: Final = 200


class Overrides(TypedDict, total=False):
    """What a list says of a certificate beside the certificate itself.

    `kid` and `country` replace what would be read; `usages` too, where an empty collection means
    that everything may be signed.
    """

    kid: bytes | None
    country: str | None
    usages: Iterable[EventKind] | None


class Certificate:
    """A DSC or CSCA, or a bare public key from a list that has no certificates. Immutable.

    Made from DER, or by `load` from any form. Two are equal when their bytes and their overrides
    are. Reading an attribute raises KeyMaterialError when that part of the certificate cannot be
    read; `check` reads them all.
    """

    kid: bytes
    """The key identifier: the override, else the first 8 bytes of SHA-256 over the DER."""

    _der: bytes | None
    _layout: fields.Layout | None
    _spki: bytes
    _overrides: tuple[bytes | None, str | None, frozenset[EventKind] | None]

    def __init__(self, der: bytes, **overrides: Unpack[Overrides]) -> None:
        """A certificate from its DER; raises KeyMaterialError if it is none."""
        self._fill(bytes(der), fields.layout(der), b"", overrides)

    def _fill(
        self, der: bytes | None, layout: fields.Layout | None, spki: bytes, given: Overrides
    ) -> None:
        kid, country, usages = given.get("kid"), given.get("country"), given.get("usages")
        self.__dict__.update(
            _der=der,
            _layout=layout,
            _spki=spki,
            _overrides=(
                kid,
                None if country is None else country.strip().upper(),
                None if usages is None else frozenset(map(EventKind, usages)),
            ),
            kid=hashlib.sha256(der or b"").digest()[:KID_LENGTH] if kid is None else kid,
        )

    @classmethod
    def load(
        cls, source: Certificate | material.Material, **overrides: Unpack[Overrides]
    ) -> Certificate:
        """From whatever is at hand: DER, PEM, base64, an `x509.Certificate`, or a `Certificate`.

        A `Certificate` keeps those of its own overrides that are not given here.
        """
        if not isinstance(source, Certificate):
            return cls(material.to_der(source), **overrides)
        kid, country, usages = source._overrides
        kept = Overrides(kid=kid, country=country, usages=usages)
        return cls._make(source._der, source._layout, source._spki, {**kept, **overrides})

    @classmethod
    def _make(
        cls, der: bytes | None, layout: fields.Layout | None, spki: bytes, given: Overrides
    ) -> Certificate:
        new = object.__new__(cls)
        new._fill(der, layout, spki, given)
        return new

    @classmethod
    def from_der(cls, der: bytes, **overrides: Unpack[Overrides]) -> Certificate:
        """From DER bytes."""
        return cls(der, **overrides)

    @classmethod
    def from_pem(cls, text: str | bytes, **overrides: Unpack[Overrides]) -> Certificate:
        """From a PEM text that holds one certificate; other blocks in it are passed over."""
        return cls(material.from_pem(text), **overrides)

    @classmethod
    def from_base64(cls, text: str | bytes, **overrides: Unpack[Overrides]) -> Certificate:
        """From the standard base64 of the DER."""
        return cls(material.from_base64(text), **overrides)

    @classmethod
    def from_public_key(
        cls,
        spki: bytes,
        *,
        kid: bytes,
        country: str | None = None,
        usages: Iterable[EventKind] | None = None,
    ) -> Certificate:
        """From the DER of a SubjectPublicKeyInfo, for lists that give keys without certificates.

        Such a key has no validity, subject or issuer (all None), and only the usages given here:
        none given means that everything may be signed.
        """
        if len(spki) > fields.MAX_CERTIFICATE_BYTES:
            raise KeyMaterialError(f"a public key of {len(spki)} bytes is over the limit")
        only(spki, SEQUENCE, "the public key")
        given = Overrides(kid=kid, country=country, usages=usages)
        return cls._make(None, None, bytes(spki), given)

    def _read(self, reader: Callable[[bytes, fields.Layout], T]) -> T | None:
        if self._der is None or self._layout is None:
            return None
        return reader(self._der, self._layout)

    @property
    def der(self) -> bytes | None:
        """The certificate's DER; None for a bare key."""
        return self._der

    @property
    def spki(self) -> bytes:
        """The DER of the SubjectPublicKeyInfo."""
        return self._read(fields.spki) or self._spki

    @cached_property
    def country(self) -> str | None:
        """The override, else the subject's C; upper case; None where neither exists."""
        return self._overrides[1] or self._read(fields.country)

    @cached_property
    def common_name(self) -> str | None:
        """The subject's first CN; None where there is none, and for a bare key."""
        return self._read(fields.common_name)

    @cached_property
    def subject(self) -> str | None:
        """The subject as RFC 4514 writes it; None for a bare key."""
        return self._read(fields.subject)

    @cached_property
    def issuer(self) -> str | None:
        """The issuer as RFC 4514 writes it; None for a bare key."""
        return self._read(fields.issuer)

    @property
    def serial(self) -> int | None:
        """The serial number; None for a bare key."""
        return self._read(fields.serial)

    @property
    def signature_algorithm(self) -> str | None:
        """The dotted identifier of the issuer's signature algorithm; None for a bare key."""
        return self._read(fields.signature_algorithm)

    @property
    def signed_body(self) -> bytes | None:
        """What the issuer signed (the tbsCertificate's DER); None for a bare key."""
        return self._read(fields.signed_body)

    @property
    def signature(self) -> bytes | None:
        """The issuer's signature; None for a bare key."""
        return self._read(fields.signature)

    @property
    def raw_subject(self) -> bytes | None:
        """The subject's DER without its outer frame; None for a bare key."""
        return self._read(fields.raw_subject)

    @property
    def raw_issuer(self) -> bytes | None:
        """The issuer's DER without its outer frame; None for a bare key."""
        return self._read(fields.raw_issuer)

    @property
    def overrides(self) -> Overrides:
        """What the list said beside the certificate: `kid`, `country`, `usages`, None if unsaid.

        `Certificate.load(plain, **other.overrides)` says the same of another form.
        """
        kid, country, usages = self._overrides
        return Overrides(kid=kid, country=country, usages=usages)

    @cached_property
    def _validity(self) -> tuple[datetime | None, datetime | None]:
        return self._read(fields.validity) or (None, None)

    @property
    def not_before(self) -> datetime | None:
        """First instant of the validity (inclusive, UTC); None for a bare key."""
        return self._validity[0]

    @property
    def not_after(self) -> datetime | None:
        """Last second of the validity (inclusive, UTC); None for a bare key."""
        return self._validity[1]

    @cached_property
    def not_before_ts(self) -> int | None:
        """`not_before` in seconds since 1970-01-01 UTC."""
        return None if self.not_before is None else int(self.not_before.timestamp())

    @cached_property
    def not_after_ts(self) -> int | None:
        """`not_after` in seconds since 1970-01-01 UTC."""
        return None if self.not_after is None else int(self.not_after.timestamp())

    def valid_at(self, at: datetime) -> bool:
        """Whether `at` (with its time zone) lies in the validity; both its ends belong to it.

        The ends are moments (RFC 5280, section 4.1.2.5): what is later than `not_after` by any
        fraction of a second is too late, for a verifier too. A bare key has no validity: it is on
        its list, which is all that is known, and the answer is True. Raises ValueError for a time
        without a zone.
        """
        if at.tzinfo is None:
            raise ValueError("a time without a zone cannot be compared with a validity")
        first, last = self.not_before, self.not_after
        return first is None or last is None or first <= at <= last

    @cached_property
    def public_key(self) -> PublicKeyTypes:
        """The key, loaded by `cryptography`; KeyMaterialError for one that it cannot load."""
        from cryptography.hazmat.primitives.serialization import load_der_public_key

        try:
            return load_der_public_key(self.spki)
        except Exception as error:  # its kinds of refusal are many and change with its releases
            raise KeyMaterialError(f"the public key cannot be loaded: {error}") from error

    @cached_property
    def key_kind(self) -> str:
        """``P-256``, ``RSA-2048``, ``Ed25519``...; ``unsupported`` if it cannot be loaded."""
        from cryptography.hazmat.primitives.asymmetric import ec, rsa

        try:
            key = self.public_key
        except KeyMaterialError:
            return "unsupported"
        if isinstance(key, ec.EllipticCurvePublicKey):
            return _CURVES.get(key.curve.name, key.curve.name)
        if isinstance(key, rsa.RSAPublicKey):
            return f"RSA-{key.key_size}"
        return type(key).__name__.removesuffix("PublicKey")

    @cached_property
    def key_purposes(self) -> frozenset[str]:
        """All purposes of the extendedKeyUsage extension, as dotted object identifiers."""
        return self._read(fields.key_purposes) or frozenset()

    @cached_property
    def usages(self) -> frozenset[EventKind]:
        """The kinds of event the key is restricted to; empty when it is restricted to none.

        The override, else those of the certificate's key purposes that name events. Other purposes
        (clientAuth and so on) restrict nothing (hcert-spec, key usage).
        """
        given = self._overrides[2]
        if given is not None:
            return given
        return frozenset(USAGE_OIDS[oid] for oid in self.key_purposes if oid in USAGE_OIDS)

    def may_sign(self, kind: EventKind) -> bool:
        """Whether passes of this kind may be signed with the key."""
        return not self.usages or kind in self.usages

    @property
    def extensions(self) -> tuple[fields.Extension, ...]:
        """The certificate's extensions, their values unread; none for a bare key."""
        return self._read(fields.extensions) or ()

    @cached_property
    def deviations(self) -> tuple[Deviation, ...]:
        """``certificate.encoding``, with the reason, where strict parsing refuses the certificate.

        The first call parses strictly. What is read here was read all the same.
        """
        if self._der is None:
            return ()
        try:
            # These first: strict parsing only warns of them, and warnings may be off.
            fault = self._read(fields.tolerated_fault)
            if fault is None:
                _ = self.to_cryptography().extensions
        except Exception as error:  # its kinds of refusal are many and change with its releases
            fault = str(error)[:_NOTE_LENGTH]
        return () if fault is None else (Deviation("certificate.encoding", "", fault),)

    def check(self) -> None:
        """Read everything that is read late otherwise; raises KeyMaterialError at the first fault.

        For readers of lists, which want to drop a certificate where its place in the list is known.
        """
        _ = (self.country, self.subject, self.issuer, self.serial, self.signature_algorithm)
        _ = (self.not_before_ts, self.not_after_ts, self.usages, self.public_key)

    def to_cryptography(self) -> x509.Certificate:
        """The certificate as `cryptography` parses it; KeyMaterialError where it refuses to."""
        from cryptography import x509

        der = self._require_der()
        try:
            return x509.load_der_x509_certificate(der)
        except Exception as error:
            raise KeyMaterialError(f"strict parsing refuses the certificate: {error}") from error

    def pem(self) -> bytes:
        """The certificate as PEM (RFC 7468); KeyMaterialError for a bare key."""
        return material.to_pem(self._require_der())

    def _require_der(self) -> bytes:
        if self._der is None:
            raise KeyMaterialError("a bare key has no certificate")
        return self._der

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Certificate):
            return NotImplemented
        return self._identity == other._identity

    def __hash__(self) -> int:
        return hash(self._identity)

    @cached_property
    def _identity(self) -> tuple[object, ...]:
        return (self._der, self._spki, *self._overrides)

    def __repr__(self) -> str:
        what = "bare key" if self._der is None else "certificate"
        return (
            f"<Certificate {self.kid.hex()}: {what}, country {self._overrides[1] or 'as stated'}>"
        )

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a Certificate does not change")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("a Certificate does not change")

    def __reduce__(self) -> tuple[object, ...]:
        return Certificate._restore, (self._der, self._spki, *self._overrides)

    @classmethod
    def _restore(
        cls,
        der: bytes | None,
        spki: bytes,
        kid: bytes | None,
        country: str | None,
        usages: frozenset[EventKind] | None,
    ) -> Certificate:
        """What pickle calls: other processes get the bytes and read them anew."""
        layout = None if der is None else fields.layout(der)
        return cls._make(der, layout, spki, Overrides(kid=kid, country=country, usages=usages))


# The extensions that a chain is checked by (RFC 5280, section 4.2.1), read tolerantly.
#
# Real CSCAs and DSCs carry encodings that strict parsers refuse, so these go through this package's
# own reader. Each function raises KeyMaterialError for an extension that cannot be read at all.

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
    _, begin, end = asn1.only(value, asn1.OCTET_STRING, "the subject key identifier")
    return value[begin:end]


def authority_key_identifier(certificate: Certificate) -> bytes | None:
    """The identifier of the issuer's key; None where the certificate states none."""
    value = _value(certificate, AUTHORITY_KEY_IDENTIFIER)
    if value is None:
        return None
    _, begin, end = asn1.only(value, asn1.SEQUENCE, "the authority key identifier")
    for tag, inner, inner_end in asn1.children(value, begin, end):
        if tag == _KEY_IDENTIFIER:
            return value[inner:inner_end]
    return None


def is_authority(certificate: Certificate) -> bool:
    """Whether the basic constraints say that the certificate is a CA's; absent ones say no."""
    value = _value(certificate, BASIC_CONSTRAINTS)
    if value is None:
        return False
    _, begin, end = asn1.only(value, asn1.SEQUENCE, "the basic constraints")
    for tag, inner, inner_end in asn1.children(value, begin, end):
        if tag == asn1.BOOLEAN:
            return any(value[inner:inner_end])
    return False


def key_usage(certificate: Certificate) -> frozenset[str] | None:
    """The names of the uses that the key is restricted to; None where none are stated."""
    value = _value(certificate, KEY_USAGE)
    if value is None:
        return None
    _, begin, end = asn1.only(value, asn1.BIT_STRING, "the key usage")
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


# Keys that lists give without a certificate, and the letters that restrict them.
#
# The Dutch list (keyUsage) and the Swiss one (use) name the kinds of event by letters.


_LETTERS: Final = {
    "t": EventKind.TEST,
    "v": EventKind.VACCINATION,
    "r": EventKind.RECOVERY,
}


def bare_key(
    spki: bytes,
    *,
    kid: bytes | None = None,
    country: str | None = None,
    usages: Iterable[EventKind] | None = None,
) -> Certificate:
    """A key from the DER of its SubjectPublicKeyInfo; KeyMaterialError for one that is none.

    Without a `kid`, it is the first eight bytes of the SHA-256 over `spki`.
    """
    own = hashlib.sha256(spki).digest()[:KID_LENGTH] if kid is None else kid
    key = Certificate.from_public_key(spki, kid=own, country=country, usages=usages)
    _ = key.public_key
    return key


def usages_of(letters: Iterable[object]) -> frozenset[EventKind]:
    """The kinds of event that letters of t, v and r stand for.

    An unknown letter is a KeyMaterialError: passed over, it could leave none, and none means that
    everything may be signed.
    """
    found = set()
    for letter in letters:
        kind = _LETTERS.get(letter) if isinstance(letter, str) else None
        if kind is None:
            raise KeyMaterialError("the use of the key is none of t, v and r")
        found.add(kind)
    return frozenset(found)
