"""Make keys and certificates for a backend: a CSCA, its DSCs, and requests for real DSCs.

hcert-spec, certificates (a CSCA signs DSCs, a DSC signs passes); RFC 5280 chapter 4 for the fields.
Real passes need DSCs signed by the country's own CSCA: `make_request` makes the request to send
there. The CSCAs of `make_csca` are for tests, demonstrations and closed deployments.

Times are arguments with a time zone; validity counts whole seconds, and both ends are inclusive.
Anything that does not fit raises KeyMaterialError; a time that is not a datetime, or a span that is
not a timedelta, raises TypeError.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, Literal, get_args

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PrivateFormat, pkcs12
from cryptography.x509.oid import NameOID

from coronapas.errors import KeyMaterialError
from coronapas.facts import EventKind
from coronapas.signing._signer import (
    Signer,
    _load_private,
    _pass_key,
    _private,
    _private_bytes,
)
from coronapas.trust._certificate import USAGE_OIDS, Certificate

if TYPE_CHECKING:
    from collections.abc import Collection

    from cryptography import x509
    from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512
    from cryptography.hazmat.primitives.serialization import KeySerializationEncryption

    from coronapas.signing import PrivateKey, PublicKey

__all__ = [
    "CSCA_VALIDITY",
    "DSC_VALIDITY",
    "USAGE_PURPOSES",
    "Authority",
    "KeyName",
    "KeyPair",
    "make_csca",
    "make_key",
    "make_request",
]

CSCA_VALIDITY: Final = timedelta(days=4 * 365)
"""How long a CSCA is valid by default. Four years is recalled from the EU's certificate
governance and was not checked against its text [K]."""

DSC_VALIDITY: Final = timedelta(days=2 * 365)
"""How long a DSC is valid by default. Two years is recalled from the same place [K]. It
has to outlast every pass that the key signs: a pass must not expire after its DSC does."""

KeyName = Literal["P-256", "P-384", "P-521", "RSA-2048", "RSA-3072", "RSA-4096"]

USAGE_PURPOSES: Final = {
    EventKind.TEST: "1.3.6.1.4.1.1847.2021.1.1",
    EventKind.VACCINATION: "1.3.6.1.4.1.1847.2021.1.2",
    EventKind.RECOVERY: "1.3.6.1.4.1.1847.2021.1.3",
}
"""The key purpose of each kind of event, in the arc in force (hcert-spec, key usage)."""

_COUNTRY: Final = re.compile("[A-Z]{2}")
_LONGEST_PASSWORD: Final = 1023  # bytes; OpenSSL takes no more
_FIRST_INSTANT: Final = datetime(1950, 1, 1, tzinfo=UTC)  # RFC 5280, section 4.1.2.5: UTCTime
_LONGEST_NAME: Final = 64  # RFC 5280 appendix A.1, ub-common-name and ub-organization-name


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A private key and its certificate; raises KeyMaterialError if that is for another key.

    A pickle of it holds the private key without encryption: keep it as you would keep the key.
    """

    private_key: PrivateKey = field(repr=False)
    """The private key, never shown."""
    certificate: Certificate
    """The certificate for it."""

    def __post_init__(self) -> None:
        if self.certificate.public_key != self.private_key.public_key():
            raise KeyMaterialError("the certificate is for another key")

    def __reduce__(self) -> tuple[object, ...]:
        return _pair, (type(self), _private_bytes(self.private_key), self.certificate)

    def signer(self, *, deterministic: bool = False) -> Signer:
        """Return a signer with this key (see `Signer` for `deterministic`).

        A signer signs anything; it is an issuer that refuses the certificate of a CSCA.
        """
        return Signer(self.private_key, self.certificate, deterministic=deterministic)

    def key_pem(self, password: str | bytes | None = None) -> bytes:
        """Return the private key as PKCS #8 in PEM, encrypted if there is a password.

        Raises KeyMaterialError for a password that is empty or of more than 1023 bytes.
        """
        return self.private_key.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, _encryption(password)
        )

    def certificate_pem(self) -> bytes:
        """Return the certificate as PEM."""
        return self.certificate.pem()

    def pkcs12(self, password: str | bytes, name: str = "coronapas") -> bytes:
        """Return key and certificate as an encrypted PKCS #12 file; `name` is its friendly name.

        Raises KeyMaterialError for a password that is empty or of more than 1023 bytes.
        """
        return pkcs12.serialize_key_and_certificates(
            name.encode("utf-8"),
            self.private_key,
            self.certificate.to_cryptography(),
            None,
            _encrypted(password),
        )


def _pair(kind: type[KeyPair], key: bytes, certificate: Certificate) -> KeyPair:
    return kind(_load_private(key), certificate)


@dataclass(frozen=True, slots=True)
class Authority(KeyPair):
    """A CSCA with its key, which issues DSCs."""

    def issue_dsc(
        self,
        *,
        valid_from: datetime,
        valid_for: timedelta = DSC_VALIDITY,
        usages: Collection[EventKind] = (),
        key: Literal["P-256", "RSA-2048", "RSA-3072"] = "P-256",
        name: str | None = None,
        organisation: str | None = None,
    ) -> KeyPair:
        """Make a key (P-256 signs with ES256, RSA with PS256) and its certificate; see `certify`.

        Raises what `certify` raises, and KeyMaterialError for an unknown kind of key.
        """
        private_key = make_key(key)
        certificate = self.certify(
            private_key.public_key(),
            valid_from=valid_from,
            valid_for=valid_for,
            usages=usages,
            name=name,
            organisation=organisation,
        )
        return KeyPair(private_key, certificate)

    def certify(
        self,
        public_key: PublicKey,
        *,
        valid_from: datetime,
        valid_for: timedelta = DSC_VALIDITY,
        usages: Collection[EventKind] = (),
        name: str | None = None,
        organisation: str | None = None,
    ) -> Certificate:
        """Issue a DSC for a public key, with digitalSignature and the CSCA's country.

        Args:
            public_key: A key of a kind that signs passes.
            valid_from: The first moment of validity (inclusive).
            valid_for: How long it is valid; it must end within the CSCA's validity.
            usages: The kinds of event that may be signed; all if the collection is empty.
            name: The subject's CN, at most 64 characters.
            organisation: The subject's O, at most 64 characters.

        Raises:
            KeyMaterialError: A key of another kind, names that do not fit, usages that are not
                kinds of event (or not a collection), a validity outside the CSCA's.

        """
        _pass_key(public_key)
        kinds = _kinds(usages)
        issuer = self._issuer()
        first, last = _period(valid_from, valid_for)
        if first < issuer.not_valid_before_utc or last > issuer.not_valid_after_utc:
            raise KeyMaterialError("the DSC's validity is not within the CSCA's")
        country = self.certificate.country
        if country is None:
            raise KeyMaterialError("the CSCA has no country")
        subject = _name(country, name or f"{country} DSC", organisation)
        builder = (
            _builder(subject, issuer.subject, public_key, first, last)
            .add_extension(_key_usage(authority=False), critical=True)
            .add_extension(_authority_key_identifier(issuer), critical=False)
        )
        if kinds:
            builder = builder.add_extension(_extended_key_usage(kinds), critical=False)
        return _sign(builder, self.private_key)

    def certify_request(
        self,
        request: x509.CertificateSigningRequest | bytes,
        *,
        valid_from: datetime,
        valid_for: timedelta = DSC_VALIDITY,
    ) -> Certificate:
        """Issue a DSC for a request (parsed, or PEM or DER bytes), with its CN, O and usages.

        Raises KeyMaterialError also if the request's own signature is wrong, its country is not the
        CSCA's or it asks for other purposes. The caller decides who may ask for what.
        """
        asked = _parse_request(request)
        country = _attribute(asked.subject, "C")
        if country != self.certificate.country:
            raise KeyMaterialError("the request is for another country than the CSCA's")
        return self.certify(
            _pass_key(asked.public_key()),
            valid_from=valid_from,
            valid_for=valid_for,
            usages=_requested_usages(asked),
            name=_attribute(asked.subject, "CN"),
            organisation=_attribute(asked.subject, "O"),
        )

    def _issuer(self) -> x509.Certificate:
        certificate = self.certificate.to_cryptography()
        try:
            constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
        except (x509.ExtensionNotFound, ValueError) as error:
            raise KeyMaterialError("the certificate must be a CA's") from error
        if not constraints.value.ca:
            raise KeyMaterialError("the certificate must be a CA's")
        return certificate


def make_key(name: KeyName = "P-256") -> PrivateKey:
    """Make a private key; raise KeyMaterialError for a name that is not in `KeyName`."""
    if name not in get_args(KeyName):
        raise KeyMaterialError(f"a key must be one of {', '.join(get_args(KeyName))}")
    if name.startswith("RSA-"):
        return rsa.generate_private_key(65537, int(name.removeprefix("RSA-")))
    curves = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1()}
    return ec.generate_private_key(curves[name])


def make_csca(
    country: str,
    *,
    valid_from: datetime,
    valid_for: timedelta = CSCA_VALIDITY,
    name: str | None = None,
    organisation: str | None = None,
    key: KeyName | PrivateKey = "P-256",
) -> Authority:
    """Make a CSCA for a country (ISO 3166-1 alpha-2): self-signed, CA, path length 0.

    `name` and `organisation` are its CN and O. `key` is the kind of the new key, or a key at hand,
    such as one in a token (`coronapas.signing.Pkcs11Key.private_key`). Raises KeyMaterialError for
    a country or names that do not fit, a key that is not in `KeyName`, and a validity that is
    empty, begins before 1950 or ends after 9999: certificates have no other years (RFC 5280,
    section 4.1.2.5).
    """
    first, last = _period(valid_from, valid_for)
    subject = _name(country, name or f"{country} CSCA", organisation)
    if isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        private_key: PrivateKey = key
    else:
        private_key = make_key(key)
    public_key = private_key.public_key()
    ski = x509.SubjectKeyIdentifier.from_public_key(public_key)
    own = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(ski)
    builder = (
        _builder(subject, subject, public_key, first, last)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(authority=True), critical=True)
        .add_extension(own, critical=False)
    )
    return Authority(private_key, _sign(builder, private_key))


def make_request(
    private_key: PrivateKey,
    *,
    country: str,
    organisation: str,
    name: str | None = None,
    usages: Collection[EventKind] = (),
) -> x509.CertificateSigningRequest:
    """Make a PKCS #10 request for a DSC, to be sent to the country's CSCA.

    It asks for digitalSignature, and for the key purposes of the kinds of event in `usages`. Raises
    KeyMaterialError for a key of another kind, names that do not fit, and usages that are not kinds
    of event.
    """
    kinds = _kinds(usages)
    _pass_key(_private(private_key).public_key())
    builder = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(_name(country, name or f"{country} DSC", organisation))
        .add_extension(_key_usage(authority=False), critical=True)
    )
    if kinds:
        builder = builder.add_extension(_extended_key_usage(kinds), critical=False)
    return builder.sign(private_key, _digest_for(private_key))


def _period(valid_from: datetime, valid_for: timedelta) -> tuple[datetime, datetime]:
    if not isinstance(valid_from, datetime):
        raise TypeError(f"valid_from must be a datetime, got {type(valid_from).__name__}")
    if not isinstance(valid_for, timedelta):
        raise TypeError(f"valid_for must be a timedelta, got {type(valid_for).__name__}")
    if valid_from.utcoffset() is None:
        raise KeyMaterialError("the start of a validity must have a time zone")
    if valid_from < _FIRST_INSTANT:
        raise KeyMaterialError("a validity must not begin before the year 1950")
    try:
        first = valid_from.astimezone(UTC).replace(microsecond=0)
        last = (first + valid_for).replace(microsecond=0)
    except OverflowError as error:
        raise KeyMaterialError("a validity must not end after the year 9999") from error
    if last <= first:
        raise KeyMaterialError("a validity must last for a second at least")
    return first, last


def _name(country: object, common_name: object, organisation: object) -> x509.Name:
    if not isinstance(country, str) or not _COUNTRY.fullmatch(country):
        raise KeyMaterialError("a country must be two capital letters (ISO 3166-1 alpha-2)")
    attributes = [x509.NameAttribute(NameOID.COUNTRY_NAME, country)]
    if organisation is not None:
        attributes.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, _name_part(organisation)))
    attributes.append(x509.NameAttribute(NameOID.COMMON_NAME, _name_part(common_name)))
    return x509.Name(attributes)


def _name_part(text: object) -> str:
    if not isinstance(text, str) or not 0 < len(text) <= _LONGEST_NAME:
        raise KeyMaterialError(f"a name in a certificate must have 1 to {_LONGEST_NAME} characters")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        # Not chained: the error repeats the name.
        raise KeyMaterialError(
            "a name in a certificate must not contain half a surrogate pair"
        ) from None
    return text


def _builder(
    subject: x509.Name, issuer: x509.Name, key: PublicKey, first: datetime, last: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(first)
        .not_valid_after(last)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _key_usage(*, authority: bool) -> x509.KeyUsage:
    """Return keyCertSign and cRLSign for a CSCA, digitalSignature for a DSC."""
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _authority_key_identifier(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    try:
        ski = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound as error:
        raise KeyMaterialError("the CSCA has no subject key identifier") from error
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(ski)


def _kinds(usages: object) -> frozenset[EventKind]:
    """Return the kinds of event in a collection of them, or of their names."""
    if isinstance(usages, str) or not isinstance(usages, Iterable):
        raise KeyMaterialError("usages must be a collection of kinds of event")
    try:
        return frozenset(map(EventKind, usages))
    except ValueError as error:
        known = ", ".join(EventKind)
        raise KeyMaterialError(f"a usage must be a kind of event: one of {known}") from error


def _extended_key_usage(kinds: frozenset[EventKind]) -> x509.ExtendedKeyUsage:
    purposes = sorted(USAGE_PURPOSES[kind] for kind in kinds)
    return x509.ExtendedKeyUsage([x509.ObjectIdentifier(purpose) for purpose in purposes])


def _sign(builder: x509.CertificateBuilder, key: PrivateKey) -> Certificate:
    return Certificate(builder.sign(key, _digest_for(key)).public_bytes(Encoding.DER))


def _digest_for(key: PrivateKey) -> SHA256 | SHA384 | SHA512:
    """Return a digest as strong as the key (P-384: SHA-384, and so on); SHA-256 for RSA."""
    if key.key_size == 384:
        return hashes.SHA384()
    return hashes.SHA512() if key.key_size == 521 else hashes.SHA256()


def _parse_request(
    request: x509.CertificateSigningRequest | bytes,
) -> x509.CertificateSigningRequest:
    try:
        if isinstance(request, bytes):
            pem = request.lstrip().startswith(b"-----BEGIN")
            load = x509.load_pem_x509_csr if pem else x509.load_der_x509_csr
            request = load(request)
        genuine = request.is_signature_valid
    except Exception as error:  # its kinds of refusal are many and change with its releases
        raise KeyMaterialError(f"the request cannot be read: {error}") from error
    if not genuine:
        raise KeyMaterialError("the request must be signed with the key that it is for")
    return request


def _requested_usages(request: x509.CertificateSigningRequest) -> frozenset[EventKind]:
    try:
        purposes = request.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return frozenset()
    except ValueError as error:
        raise KeyMaterialError(f"the request's extensions cannot be read: {error}") from error
    # Ignoring a purpose could leave none, and none means that everything may be signed.
    strange = [oid.dotted_string for oid in purposes if oid.dotted_string not in USAGE_OIDS]
    if strange:
        raise KeyMaterialError(f"the request asks for purposes that a DSC cannot have: {strange}")
    return frozenset(USAGE_OIDS[oid.dotted_string] for oid in purposes)


def _attribute(name: x509.Name, label: str) -> str | None:
    """Return the first attribute of that kind (``C``, ``CN``, ``O``), or None."""
    for attribute in name:
        if attribute.rfc4514_attribute_name == label:
            return str(attribute.value)
    return None


def _encryption(password: str | bytes | None) -> KeySerializationEncryption:
    return serialization.NoEncryption() if password is None else _encrypted(password)


def _encrypted(password: object) -> KeySerializationEncryption:
    try:
        secret = password.encode("utf-8") if isinstance(password, str) else password
    except UnicodeEncodeError:
        # Not chained: the error repeats the password.
        raise KeyMaterialError("a password must not contain half a surrogate pair") from None
    if not isinstance(secret, bytes):
        raise KeyMaterialError("a password must be a string or bytes")
    if not secret:
        raise KeyMaterialError("a password must not be empty")
    if len(secret) > _LONGEST_PASSWORD:
        raise KeyMaterialError(f"a password must have {_LONGEST_PASSWORD} bytes at most")
    return serialization.BestAvailableEncryption(secret)
