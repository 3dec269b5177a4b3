"""One certificate, or one bare key, that a trust list vouches for (hcert-spec; RFC 5280).

A list has hundreds of certificates and a pass needs one, so creating a `Certificate` only locates
its fields, and each field is read on first access. Real DSCs break strict parsers: the fields are
read by this library's own tolerant reader, the key by `cryptography`, and what the strict parser of
`cryptography` objects to becomes a deviation.
"""

from __future__ import annotations

import hashlib
import sys
from typing import (
    TYPE_CHECKING,
    Final,
    NamedTuple,
    NoReturn,
    TypedDict,
    TypeVar,
)

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from coronapas import _asn1 as asn1
from coronapas import _signatures as signatures
from coronapas.errors import KeyMaterialError
from coronapas.facts import EventKind
from coronapas.hcert import _cose as cose
from coronapas.hcert._cose import KID_LENGTH
from coronapas.tolerances import Deviation
from coronapas.trust import _x509 as fields
from coronapas.trust._x509 import to_der, to_pem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime
    from typing import Unpack

    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

    from coronapas._signatures import Holds
    from coronapas.trust._x509 import Material

# A certificate's key, ready to verify signatures (hcert-spec, section 3.3; RFC 9053; RFC 8230).
#
# What depends on the certificate alone (the parsed key, its algorithm, the length of its
# signatures, the validity in seconds) is computed once and used for every pass. OpenSSL does the
# cryptography, through `cryptography`.

_PROFILE_CURVE: Final = "secp256r1"


class VerifyingKey:
    """The key of one certificate; immutable by convention, created once for each certificate.

    - `algorithm`: the COSE algorithm of the key; None for a key of a kind that passes do not use.
    - `usages`: the kinds of event that the key is restricted to; empty for no restriction.
    - `signs`: whether the certificate lets the key make signatures at all.
    - `deviations`: where the certificate departs from its profile.
    - `not_before`, `not_after`: its validity in seconds since 1970-01-01 UTC, both inclusive; None
      for a bare key.
    - `signature_length`: the bytes of a signature of this key.
    - `holds`: ``holds(signature, signed_bytes)`` says whether the signature is this key's.
    """

    __slots__ = (
        "algorithm",
        "certificate",
        "deviations",
        "holds",
        "not_after",
        "not_before",
        "signature_length",
        "signs",
        "usages",
    )

    def __init__(self, certificate: Certificate) -> None:
        """Read the certificate; raise KeyMaterialError if it cannot be read."""
        certificate.check()
        self.certificate = certificate
        self.usages = certificate.usages
        self.deviations = certificate.deviations
        self.signs = certificate.may_sign_data
        if certificate.is_authority:
            note = "the certificate is an authority's, and a DSC signs passes"
            self.deviations = (*self.deviations, Deviation("certificate.authority", "", note))
        self.not_before = certificate.not_before_ts
        self.not_after = certificate.not_after_ts
        self.algorithm: int | None = None
        self.signature_length = 0
        self.holds: Holds = _never
        key = certificate.public_key
        as_profiled = False
        if isinstance(key, ec.EllipticCurvePublicKey):
            as_profiled = key.curve.name == _PROFILE_CURVE
            self._use(cose.ES256, key)
        elif isinstance(key, rsa.RSAPublicKey):
            as_profiled = key.key_size in cose.RSA_BITS
            self._use(cose.PS256, key)
        if not as_profiled:
            note = f"the key is {certificate.key_kind}, not one of the profile's"
            self.deviations = (*self.deviations, Deviation("certificate.key-kind", "", note))

    def _use(self, algorithm: int, key: PublicKeyTypes) -> None:
        # Any curve that OpenSSL supports is accepted; the profile asks for P-256.
        holds = signatures.judge(key, cose.ALGORITHMS[algorithm], any_curve=True)
        if holds is not None:
            self.algorithm = algorithm
            self.signature_length = signatures.length(key)
            self.holds = holds

    def fault(self, message: cose.Sign1) -> str | None:
        """Return why `message` is not signed by this key, as a code; None if it is.

        ``signature.algorithm`` if the stated algorithm is not that of the key,
        ``signature.length`` if signatures of the key have another length, ``signature.invalid`` if
        OpenSSL refuses the signature.
        """
        if message.algorithm != self.algorithm or self.algorithm is None:
            return "signature.algorithm"
        if len(message.signature) != self.signature_length:
            return "signature.length"
        if not self.holds(message.signature, message.signed_bytes):
            return "signature.invalid"
        return None


def _never(_signature: bytes, _message: bytes) -> bool:
    return False


T = TypeVar("T")

if TYPE_CHECKING or sys.version_info >= (3, 12):
    from functools import cached_property
else:

    class _Kept:
        """A `cached_property` without the lock that Python 3.11 takes for every first access."""

        def __init__(self, read):
            self._read = read
            self.__doc__ = read.__doc__

        def __set_name__(self, _owner, name):
            self._name = name

        def __get__(self, instance, _owner=None):
            if instance is None:
                return self
            value = instance.__dict__[self._name] = self._read(instance)
            return value

    cached_property = _Kept

USAGE_OIDS: Final = {
    "1.3.6.1.4.1.1847.2021.1.1": EventKind.TEST,
    "1.3.6.1.4.1.1847.2021.1.2": EventKind.VACCINATION,
    "1.3.6.1.4.1.1847.2021.1.3": EventKind.RECOVERY,
    "1.3.6.1.4.1.0.1847.2021.1.1": EventKind.TEST,
    "1.3.6.1.4.1.0.1847.2021.1.2": EventKind.VACCINATION,
    "1.3.6.1.4.1.0.1847.2021.1.3": EventKind.RECOVERY,
}
"""Key purposes of both arcs: the one in force, and the older one with a 0, which most DSCs use."""

SUBJECT_KEY_IDENTIFIER: Final = "2.5.29.14"
KEY_USAGE: Final = "2.5.29.15"
BASIC_CONSTRAINTS: Final = "2.5.29.19"
AUTHORITY_KEY_IDENTIFIER: Final = "2.5.29.35"

_NO_AUTHORITY: Final = b"\x30\x00"  # basic constraints that state nothing
_KEY_IDENTIFIER: Final = 0x80
_KEY_USAGE_BITS: Final = (
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

_NO_USAGES: Final[frozenset[EventKind]] = frozenset()
_REPLACEABLE: Final = frozenset(("country", "usages", "_identity"))
"""The attributes that are kept once they were read and that a list's statement may replace."""

_CURVES: Final = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}
_NOTE_LENGTH: Final = 200


class Listing(NamedTuple):
    """What a list of WHO's network states about a key.

    Attributes:
        domain: What the key is for, by its code: ``DCC``, ``ICVP``, ``IPS-PILGRIMAGE``; None where
            the list states none.
        participant: The code of the participant whose key it is, as a rule ISO 3166-1 alpha-3.
        usage: ``DSC`` for a key that signs passes, ``SCA`` for one that signs DSCs.
        environment: ``production``, ``uat`` or ``development``; None where it is not known.

    """

    domain: str | None = None
    participant: str | None = None
    usage: str = "DSC"
    environment: str | None = None


class Overrides(TypedDict, total=False):
    """What a list states about a certificate in addition to the certificate itself.

    `kid`, `country` and `usages` replace what would be read from the certificate, unless they are
    None. An empty collection of `usages` means that passes of every kind may be signed. `listing`
    is what only a list can state; None for lists that know no domains.
    """

    kid: bytes | None
    country: str | None
    usages: Iterable[EventKind] | None
    listing: Listing | None


class Certificate:
    """A DSC or CSCA, or a bare public key from a list without certificates. Immutable.

    Created from DER, by `load` from any form, or by `from_public_key` from a bare key. Two are
    equal when their bytes and their overrides are, without `listing`: it is the same certificate
    whatever list it came from (`TrustStore.sources_of` has what each list states). An attribute
    raises KeyMaterialError when that part of the certificate cannot be read; `check` reads them
    all.
    """

    kid: bytes
    """The key identifier: the override, else the first 8 bytes of the SHA-256 of the DER (of the
    SubjectPublicKeyInfo for a bare key)."""

    _der: bytes | None
    _layout: fields.Layout | None
    _spki: bytes
    _overrides: tuple[bytes | None, str | None, frozenset[EventKind] | None, Listing | None]

    def __init__(self, der: bytes, **overrides: Unpack[Overrides]) -> None:
        """Locate the fields of a DER certificate; raise KeyMaterialError for any other bytes."""
        self._fill(bytes(der), fields.layout(der), b"", overrides)

    def _fill(
        self, der: bytes | None, layout: fields.Layout | None, spki: bytes, given: Overrides
    ) -> None:
        own = _own_kid(spki if der is None else der) if given.get("kid") is None else b""
        self.__dict__.update(_der=der, _layout=layout, _spki=spki)
        self._override(given, own)

    def _override(self, given: Overrides, own_kid: bytes) -> None:
        """Set what a list states; `own_kid` is for a list that states no kid."""
        kid, country, usages = given.get("kid"), given.get("country"), given.get("usages")
        self.__dict__.update(
            _overrides=(
                kid,
                None if country is None else country.strip().upper(),
                None if usages is None else frozenset(map(EventKind, usages)),
                given.get("listing"),
            ),
            kid=own_kid if kid is None else kid,
        )

    @classmethod
    def load(cls, source: Certificate | Material, **overrides: Unpack[Overrides]) -> Certificate:
        """Return the certificate in DER, PEM, base64, an `x509.Certificate` or a `Certificate`.

        A PEM text must hold exactly one certificate; its other blocks are ignored. A `Certificate`
        keeps those of its own overrides that are not given here. Raises KeyMaterialError.
        """
        if not isinstance(source, Certificate):
            return cls(to_der(source), **overrides)
        given: Overrides = {**source.overrides, **overrides}
        own_kid = source.kid
        if given.get("kid") is None and source._overrides[0] is not None:
            own_kid = _own_kid(source._spki if source._der is None else source._der)
        new = object.__new__(cls)
        # What was read of the certificate need not be read again; what a list may replace must.
        new.__dict__.update(source.__dict__)
        for name in _REPLACEABLE & new.__dict__.keys():
            del new.__dict__[name]
        new._override(given, own_kid)
        return new

    @classmethod
    def _make(
        cls, der: bytes | None, layout: fields.Layout | None, spki: bytes, given: Overrides
    ) -> Certificate:
        new = object.__new__(cls)
        new._fill(der, layout, spki, given)
        return new

    @classmethod
    def from_public_key(
        cls,
        spki: bytes,
        *,
        kid: bytes | None = None,
        country: str | None = None,
        usages: Iterable[EventKind] | None = None,
        listing: Listing | None = None,
    ) -> Certificate:
        """Return the bare key of a SubjectPublicKeyInfo's DER, for lists without certificates.

        Such a key has no validity, subject or issuer (all None), and only the usages given here: by
        default it may sign passes of every kind. Whether the key itself can be loaded shows in
        `public_key`.
        """
        if len(spki) > fields.MAX_CERTIFICATE_BYTES:
            raise KeyMaterialError(f"a public key of {len(spki)} bytes is over the limit")
        asn1.only(spki, asn1.SEQUENCE, "the public key")
        own = _own_kid(spki) if kid is None else kid
        given = Overrides(kid=own, country=country, usages=usages, listing=listing)
        return cls._make(None, None, bytes(spki), given)

    def _read(self, reader: Callable[[bytes, fields.Layout], T]) -> T | None:
        if self._der is None or self._layout is None:
            return None
        return reader(self._der, self._layout)

    @property
    def der(self) -> bytes | None:
        """The DER of the certificate; None for a bare key."""
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

    @cached_property
    def signature_algorithm(self) -> str | None:
        """The dotted identifier of the issuer's signature algorithm; None for a bare key."""
        return self._read(fields.signature_algorithm)

    @property
    def signed_body(self) -> bytes | None:
        """The DER of the tbsCertificate, which the issuer signed; None for a bare key."""
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
        """What the list states itself: `kid`, `country`, `usages`, `listing`, or None for each.

        `Certificate.load(plain, **other.overrides)` gives another certificate the same overrides.
        """
        kid, country, usages, listing = self._overrides
        return Overrides(kid=kid, country=country, usages=usages, listing=listing)

    @property
    def listing(self) -> Listing | None:
        """Domain, participant, usage and environment by the list; None for lists without them."""
        return self._overrides[3]

    @property
    def domain(self) -> str | None:
        """The domain that the list states for the key; None where it states none."""
        return None if self._overrides[3] is None else self._overrides[3].domain

    @property
    def participant(self) -> str | None:
        """The code of the network's participant whose key it is; None where none is stated."""
        return None if self._overrides[3] is None else self._overrides[3].participant

    @property
    def environment(self) -> str | None:
        """The environment of the network that the key is listed in; None where it is unknown."""
        return None if self._overrides[3] is None else self._overrides[3].environment

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
        """Return whether the aware datetime `at` lies in the validity, both ends included.

        The ends are instants (RFC 5280, section 4.1.2.5): a moment later than `not_after` by any
        fraction of a second is too late. A bare key states no validity, and the answer is True.
        Raises ValueError for a datetime without a time zone.
        """
        if at.tzinfo is None:
            raise ValueError("the moment must have a time zone to be compared with a validity")
        first, last = self.not_before, self.not_after
        return first is None or last is None or first <= at <= last

    @cached_property
    def public_key(self) -> PublicKeyTypes:
        """The key, loaded by `cryptography`; KeyMaterialError where that fails."""
        from cryptography.hazmat.primitives.serialization import load_der_public_key

        try:
            return load_der_public_key(self.spki)
        except Exception as error:  # its kinds of refusal are many and change with its releases
            raise KeyMaterialError(f"the public key cannot be loaded: {error}") from error

    @cached_property
    def key_kind(self) -> str:
        """``P-256``, ``RSA-2048``, ``Ed25519``...; ``unsupported`` if the key cannot be loaded."""
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
        return fields.key_purposes(self.extensions)

    @cached_property
    def usages(self) -> frozenset[EventKind]:
        """The kinds of event that the key is restricted to; empty for a key without restriction.

        The override, else those of the certificate's key purposes that name kinds of event. Other
        purposes (clientAuth and so on) restrict nothing (hcert-spec, key usage).
        """
        given = self._overrides[2]
        if given is not None:
            return given
        restricting = USAGE_OIDS.keys() & self.key_purposes
        return frozenset(USAGE_OIDS[oid] for oid in restricting) if restricting else _NO_USAGES

    def may_sign(self, kind: EventKind) -> bool:
        """Return whether the usages allow the key to sign passes of this kind."""
        return not self.usages or kind in self.usages

    @cached_property
    def extensions(self) -> tuple[fields.Extension, ...]:
        """The certificate's extensions with their values in DER; empty for a bare key."""
        return self._read(fields.extensions) or ()

    @cached_property
    def is_authority(self) -> bool:
        """Whether the basic constraints make this a CA's certificate (RFC 5280, 4.2.1.9).

        False where the extension is absent, and for a bare key.
        """
        value = self._extension(BASIC_CONSTRAINTS)
        if value is None or value == _NO_AUTHORITY:
            return False
        whole = asn1.only(value, asn1.SEQUENCE, "the basic constraints")
        for item in asn1.children(value, whole.begin, whole.end):
            if item.tag == asn1.BOOLEAN:
                return any(value[item.begin : item.end])
        return False

    @cached_property
    def key_usage(self) -> frozenset[str] | None:
        """The names of the bits of the key usage extension, as RFC 5280, 4.2.1.3 spells them.

        None where the extension is absent, and for a bare key.
        """
        value = self._extension(KEY_USAGE)
        if value is None:
            return None
        whole = asn1.only(value, asn1.BIT_STRING, "the key usage")
        if whole.begin == whole.end:
            raise KeyMaterialError("the key usage must have content")
        bits = value[whole.begin + 1 : whole.end]
        return frozenset(
            name
            for number, name in enumerate(_KEY_USAGE_BITS)
            if number // 8 < len(bits) and bits[number // 8] & 0x80 >> number % 8
        )

    @property
    def may_sign_data(self) -> bool:
        """Whether the key usage, where it is stated, includes ``digitalSignature``."""
        return self.key_usage is None or "digitalSignature" in self.key_usage

    @property
    def signs_only_certificates(self) -> bool:
        """Whether this is a CSCA by its extensions: a CA whose key may sign no passes."""
        return self.is_authority and not self.may_sign_data

    @cached_property
    def subject_key_identifier(self) -> bytes | None:
        """The identifier of the certificate's own key; None where it states none."""
        value = self._extension(SUBJECT_KEY_IDENTIFIER)
        if value is None:
            return None
        whole = asn1.only(value, asn1.OCTET_STRING, "the subject key identifier")
        return value[whole.begin : whole.end]

    @cached_property
    def authority_key_identifier(self) -> bytes | None:
        """The identifier of the issuer's key; None where the certificate states none."""
        value = self._extension(AUTHORITY_KEY_IDENTIFIER)
        if value is None:
            return None
        whole = asn1.only(value, asn1.SEQUENCE, "the authority key identifier")
        for item in asn1.children(value, whole.begin, whole.end):
            if item.tag == _KEY_IDENTIFIER:
                return value[item.begin : item.end]
        return None

    def _extension(self, oid: str) -> bytes | None:
        """Return the value of the first extension of that kind."""
        for each in self.extensions:
            if each.oid == oid:
                return each.value
        return None

    @cached_property
    def deviations(self) -> tuple[Deviation, ...]:
        """``certificate.encoding``, with the reason, where strict parsing refuses the certificate.

        The first access parses strictly. The attributes are read in spite of the fault.
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
        """Read every attribute that is read lazily; raise KeyMaterialError at the first fault.

        For readers of lists, which drop a certificate while its place in the list is known.
        """
        self._read(fields.check)
        _ = (self._validity, self.usages)
        if "public_key" not in self.__dict__ and not is_sound(self.spki):
            _ = self.public_key

    def to_cryptography(self) -> x509.Certificate:
        """Return the certificate as `cryptography` parses it; KeyMaterialError where it refuses."""
        from cryptography import x509

        der = self._require_der()
        try:
            return x509.load_der_x509_certificate(der)
        except Exception as error:
            raise KeyMaterialError(f"strict parsing refuses the certificate: {error}") from error

    def pem(self) -> bytes:
        """Return the certificate as PEM (RFC 7468); KeyMaterialError for a bare key."""
        return to_pem(self._require_der())

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
        return (self._der, self._spki, *self._overrides[:3])

    def __repr__(self) -> str:
        what = "bare key" if self._der is None else "certificate"
        return (
            f"<Certificate {self.kid.hex()}: {what}, country {self._overrides[1] or 'as stated'}>"
        )

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a Certificate is immutable")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("a Certificate is immutable")

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
        listing: Listing | None = None,
    ) -> Certificate:
        """Rebuild a pickled or copied certificate from its bytes."""
        layout = None if der is None else fields.layout(der)
        given = Overrides(kid=kid, country=country, usages=usages, listing=listing)
        return cls._make(der, layout, spki, given)


_P256_SPKI: Final = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")
_P256_PRIME: Final = 2**256 - 2**224 + 2**192 + 2**96 - 1
_P256_B: Final = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B


def is_sound(spki: bytes) -> bool:
    """Return whether this is a P-256 key in its usual form, with a point on the curve.

    OpenSSL loads every such key (SEC 1, section 3.2.2.1), which takes ten times as long: a list has
    hundreds of keys, and few of them are used. False says nothing of a key.
    """
    if len(spki) != len(_P256_SPKI) + 64 or not spki.startswith(_P256_SPKI):
        return False
    x, y = int.from_bytes(spki[-64:-32], "big"), int.from_bytes(spki[-32:], "big")
    if x >= _P256_PRIME or y >= _P256_PRIME:
        return False
    return (y * y - (x * x - 3) * x - _P256_B) % _P256_PRIME == 0


_RSA: Final = bytes.fromhex("06092a864886f70d010101")


def signature_work(spki: bytes) -> int:
    """Return what judging a signature under a key costs at most, in units of some ten microseconds.

    By the form of the key alone: nothing is loaded.
    """
    if spki.startswith(_P256_SPKI):
        return 10
    if _RSA not in spki[:32]:
        return 170  # other curves, of which brainpoolP512r1 takes longest
    return 4 if len(spki) <= 300 else 10 if len(spki) <= 560 else 40 if len(spki) <= 1100 else 600


def key_work(spki: bytes) -> int:
    """Return what loading a key costs at most; see `signature_work`."""
    if spki.startswith(_P256_SPKI) or _RSA in spki[:32]:
        return 1
    return 60  # a compressed point has a root to be found


def _own_kid(data: bytes) -> bytes:
    """Return the first bytes of the SHA-256, which identify a key (hcert-spec, 3.4)."""
    return hashlib.sha256(data).digest()[:KID_LENGTH]


_LETTERS: Final = {
    "t": EventKind.TEST,
    "v": EventKind.VACCINATION,
    "r": EventKind.RECOVERY,
}


def usages_of(letters: Iterable[object]) -> frozenset[EventKind]:
    """Return the kinds of event that the letters t, v and r stand for.

    The Dutch list (keyUsage) and the Swiss one (use) restrict keys in this way. An unknown letter
    is a KeyMaterialError: ignored, it could leave no kind at all, which means no restriction.
    """
    found = set()
    for letter in letters:
        kind = _LETTERS.get(letter) if isinstance(letter, str) else None
        if kind is None:
            raise KeyMaterialError("the use of a key must be given by the letters t, v and r")
        found.add(kind)
    return frozenset(found)
