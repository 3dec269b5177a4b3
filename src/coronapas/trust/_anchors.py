"""The anchors of trust: the authorities that certify keys, and the pins of a caller.

An authority (CSCA) vouches for a DSC (RFC 5280, chapter 6; hcert-spec, certificates). The rules:
the issuer is found by the authority key identifier or by its name; it must be an authority by its
extensions, of the same country, named as the certificate's issuer, and the signature must hold
under its key. Disagreeing identifiers under a signature that holds, SHA-1, and a validity outside
the issuer's are reported and accepted: real lists have all three. Whether a certificate is valid
*at* some time is for the store and the verifier to judge. No fault of a certificate makes
`Authorities` or `fault_between` raise.

A pin is a key or an authority that a caller trusts to sign lists. Nothing that travels with a list
is trusted for its own sake: a signature counts if its key is a pinned key, or is in a certificate
that a pinned authority issued.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from coronapas import _base64 as base64
from coronapas.errors import KeyMaterialError, TrustListError
from coronapas.trust import _jose as jose
from coronapas.trust._certificate import Certificate
from coronapas.trust._x509 import to_der

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from cryptography.hazmat.primitives.hashes import HashAlgorithm

    from coronapas.trust._list import SignatureState

_ECDSA: Final = {
    "1.2.840.10045.4.1": "SHA1",
    "1.2.840.10045.4.3.2": "SHA256",
    "1.2.840.10045.4.3.3": "SHA384",
    "1.2.840.10045.4.3.4": "SHA512",
}
_PKCS1: Final = {
    "1.2.840.113549.1.1.5": "SHA1",
    "1.2.840.113549.1.1.11": "SHA256",
    "1.2.840.113549.1.1.12": "SHA384",
    "1.2.840.113549.1.1.13": "SHA512",
}
_PSS: Final = "1.2.840.113549.1.1.10"
_SHA1: Final = frozenset(oid for table in (_ECDSA, _PKCS1) for oid in table if table[oid] == "SHA1")

MAX_NAMESAKES: Final = 32
"""The most authorities with one name, and with one key identifier, that are tried (inclusive, the
first ones). Real names are shared by a handful; a list of thousands with one name would have every
signature tried under every key."""

REMARKS: Final = {
    "chain.sha-1": "the certificate's signature uses SHA-1",
    "chain.key-identifier": "the authority key identifier is not that of the issuer's key",
    "chain.validity": "the certificate's validity is not within its issuer's",
}
"""The remarks on a chain that holds, by their stable codes."""

FAULTS: Final = {
    "chain.no-issuer": "no authority on the list has the name or key of the issuer",
    "chain.not-an-authority": "the issuer is not an authority by its extensions",
    "chain.name": "the certificate names another issuer",
    "chain.country": "the issuer is of another country",
    "chain.algorithm": "the signature is of an unsupported kind",
    "chain.signature": "the signature does not hold under the issuer's key",
    "chain.unreadable": "the certificate or its issuer cannot be read",
}
"""The faults of a chain, by their stable codes."""

_MAX_CHAIN: Final = 5
_PUBLIC_KEY: Final = b"-----BEGIN PUBLIC KEY-----"

# Where WHO publishes the keys that sign the lists of each environment.
_REPOSITORY: Final = re.compile(r":tng-participants-(prod|uat|dev):")
_OF_REPOSITORY: Final = {"prod": "production", "uat": "uat", "dev": "development"}


class Link(NamedTuple):
    """What is known about the issuer of a certificate.

    `issuer` is None if the chain does not hold, and `fault` is then the stable code of the reason
    (``chain.no-issuer``, ``chain.signature`` and so on); `remarks` are codes of `REMARKS`.
    """

    issuer: Certificate | None
    fault: str | None
    remarks: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """The fault as a sentence for a person; empty without a fault."""
        return "" if self.fault is None else FAULTS[self.fault]


class Authorities:
    """CSCAs, found by name or by key identifier. Immutable by convention."""

    def __init__(self, certificates: Iterable[Certificate]) -> None:
        """Index the certificates; one that cannot be read is never found as an issuer."""
        self.certificates = tuple(dict.fromkeys(certificates))
        self._by_name: dict[object, list[Certificate]] = {}
        self._by_key: dict[bytes, list[Certificate]] = {}
        for certificate in self.certificates:
            try:
                self._by_name.setdefault(_name(certificate.subject), []).append(certificate)
                own = certificate.subject_key_identifier
            except KeyMaterialError:
                continue
            if own is not None:
                self._by_key.setdefault(own, []).append(certificate)

    def link(
        self, certificate: Certificate, spend: Callable[[Certificate], None] | None = None
    ) -> Link:
        """Return the issuer of `certificate` among these, or the fault.

        `spend` is called before each attempt; what it raises ends the search.
        """
        try:
            candidates = self._candidates(certificate)
        except KeyMaterialError:
            return Link(None, "chain.unreadable")
        fault = "chain.no-issuer"
        for candidate in candidates:
            if spend is not None:
                spend(candidate)
            found = fault_between(certificate, candidate)
            if found is None:
                return Link(candidate, None, _remarks(certificate, candidate))
            fault = found
        return Link(None, fault)

    def _candidates(self, certificate: Certificate) -> tuple[Certificate, ...]:
        """Return the possible issuers, each once; those with the key identifier come first."""
        stated = certificate.authority_key_identifier
        by_key = [] if stated is None else self._by_key.get(stated, [])
        by_name = self._by_name.get(_name(certificate.issuer), [])
        first = (itertools.islice(found, MAX_NAMESAKES) for found in (by_key, by_name))
        return tuple(dict.fromkeys(itertools.chain.from_iterable(first)))


def fault_between(certificate: Certificate, issuer: Certificate) -> str | None:
    """Return why `issuer` did not issue `certificate`, as a code; None if it did."""
    try:
        if not issuer.is_authority or not _may_certify(issuer):
            return "chain.not-an-authority"
        if not _same_name(certificate, issuer):
            return "chain.name"
        if None not in (theirs := {certificate.country, issuer.country}) and len(theirs) > 1:
            return "chain.country"
        return signature_fault(certificate, issuer)
    except KeyMaterialError:
        return "chain.unreadable"


def _may_certify(issuer: Certificate) -> bool:
    return issuer.key_usage is None or "keyCertSign" in issuer.key_usage


def _same_name(certificate: Certificate, issuer: Certificate) -> bool:
    """Compare names by their bytes, or by their texts: a name can have several encodings."""
    if certificate.raw_issuer is None:
        return False
    return certificate.raw_issuer == issuer.raw_subject or (
        _name(certificate.issuer) == _name(issuer.subject)
    )


def _name(text: str | None) -> str | None:
    """Return a name for comparison, without case and runs of white space (RFC 5280, 7.1)."""
    return None if text is None else " ".join(text.casefold().split())


def signature_fault(certificate: Certificate, issuer: Certificate) -> str | None:
    """Return why the issuer's key did not sign the certificate, as a code; None if it did.

    ``chain.signature``, ``chain.algorithm`` or ``chain.unreadable``. Raises KeyMaterialError for an
    issuer whose key cannot be loaded.
    """
    body, signature = certificate.signed_body, certificate.signature
    if body is None or signature is None:
        return "chain.unreadable"
    verify = _verifier(certificate, issuer)
    if verify is None:
        return "chain.algorithm"
    try:
        verify(signature, body)
    except InvalidSignature:
        return "chain.signature"
    except Exception:  # OpenSSL may be configured to refuse SHA-1 or a key size, in its own words
        return "chain.algorithm"
    return None


def _verifier(
    certificate: Certificate, issuer: Certificate
) -> Callable[[bytes, bytes], None] | None:
    """Return what verifies the certificate's signature under the issuer's key, or None."""
    key, oid = issuer.public_key, certificate.signature_algorithm
    if isinstance(key, ec.EllipticCurvePublicKey) and oid in _ECDSA:
        curve_key, scheme = key, ec.ECDSA(_hash(_ECDSA[oid]))
        return lambda signature, body: curve_key.verify(signature, body, scheme)
    if isinstance(key, rsa.RSAPublicKey):
        rsa_key = key
        if oid in _PKCS1:
            digest = _hash(_PKCS1[oid])
            pkcs1 = padding.PKCS1v15()
            return lambda signature, body: rsa_key.verify(signature, body, pkcs1, digest)
        if oid == _PSS:
            return _pss_verifier(certificate, rsa_key)
    return None


def _pss_verifier(
    certificate: Certificate, key: rsa.RSAPublicKey
) -> Callable[[bytes, bytes], None] | None:
    """Return what verifies PSS, by the parameters that `cryptography` reads, or None."""
    try:
        strict = certificate.to_cryptography()
        scheme, digest = strict.signature_algorithm_parameters, strict.signature_hash_algorithm
    except Exception:  # meaningless parameters are refused in several ways
        return None
    if not isinstance(scheme, padding.PSS) or digest is None:
        return None
    return lambda signature, body: key.verify(signature, body, scheme, digest)


def _hash(name: str) -> HashAlgorithm:
    found: HashAlgorithm = getattr(hashes, name)()
    return found


def _remarks(certificate: Certificate, issuer: Certificate) -> tuple[str, ...]:
    """Return what is unusual about a chain that holds."""
    remarks = []
    if _uses_sha1(certificate):
        remarks.append("chain.sha-1")
    try:
        stated = certificate.authority_key_identifier
        own = issuer.subject_key_identifier
    except KeyMaterialError:
        stated, own = b"", None
    if stated is not None and stated != own:
        remarks.append("chain.key-identifier")
    if not _within(certificate, issuer):
        remarks.append("chain.validity")
    return tuple(remarks)


def _uses_sha1(certificate: Certificate) -> bool:
    if certificate.signature_algorithm != _PSS:
        return certificate.signature_algorithm in _SHA1
    digest = certificate.to_cryptography().signature_hash_algorithm
    return digest is not None and digest.name == "sha1"


def _within(certificate: Certificate, issuer: Certificate) -> bool:
    try:
        ends = (certificate.not_before, certificate.not_after)
        return all(moment is not None and issuer.valid_at(moment) for moment in ends)
    except KeyMaterialError:
        return False


@dataclass(frozen=True, slots=True)
class Pin:
    """One trusted key or authority.

    `certificate` is the signer's own, its authority's, or a bare key. With `common_name`, only a
    signer whose subject has that CN is accepted: an authority that also certifies others needs it.
    With `environment` (``production``, ``uat``, ``development``), the key signs lists of WHO's
    network for that environment alone; the DID documents of the network's keys state it.
    """

    certificate: Certificate
    common_name: str | None = None
    environment: str | None = None


OnePin: TypeAlias = Pin | Certificate | str | bytes
Pins: TypeAlias = OnePin | Iterable[OnePin]
"""One or several of: `Pin`, `Certificate`, or a key or certificate in DER, PEM, base64, a JWK or a
DID document. With an empty collection a list is read without its signature being verified."""


def pinned(pins: Pins) -> tuple[Pin, ...]:
    """Return every pin; raise KeyMaterialError for anything that cannot be one."""
    if isinstance(pins, Pin | Certificate | str | bytes):
        return (_pin(pins),)
    return tuple(map(_pin, pins))


def _pin(source: OnePin) -> Pin:
    if isinstance(source, Certificate):
        source = Pin(source)
    elif not isinstance(source, Pin):
        data = source.encode("utf-8") if isinstance(source, str) else bytes(source)
        source = Pin(key_or_certificate(data), environment=_environment(data))
    _ = source.certificate.public_key  # a pin that cannot be used is the caller's mistake
    return source


def key_or_certificate(
    source: str | bytes, *, kid: bytes | None = None, country: str | None = None
) -> Certificate:
    """Return the certificate or bare public key in DER, PEM, base64, a JWK or a DID document.

    A DID document must hold exactly one key; none of it is verified, because it is itself the pin.
    The kid of a bare key defaults to the first 8 bytes of the SHA-256 of its SubjectPublicKeyInfo.
    Raises KeyMaterialError.
    """
    data = source.encode("utf-8") if isinstance(source, str) else bytes(source)
    if data.lstrip()[:1] == b"{":
        return _from_jwk(data)
    if _PUBLIC_KEY in data:
        body = data.partition(_PUBLIC_KEY)[2].partition(b"-----END")[0]
        data = base64.decode(body, "the public key")
    der = to_der(data)
    try:
        return Certificate(der, kid=kid, country=country)
    except KeyMaterialError as refusal:
        try:
            key = Certificate.from_public_key(der, kid=kid, country=country)
            _ = key.public_key  # bytes that are neither are refused as a certificate
        except KeyMaterialError:
            raise refusal from None
        return key


def _from_jwk(data: bytes) -> Certificate:
    item = _json(data)
    methods = item.get("verificationMethod")
    if isinstance(methods, list):
        if len(methods) != 1 or not isinstance(methods[0], dict):
            raise KeyMaterialError("the DID document must hold exactly one key")
        item = {**_object(methods[0].get("publicKeyJwk")), "kid": None}
    return jose.read_jwk(item)


def _json(data: bytes) -> dict[str, object]:
    try:
        item: dict[str, object] = json.loads(data)
    except (ValueError, RecursionError):
        raise KeyMaterialError("the pin begins like JSON and cannot be read as JSON") from None
    return item


def _environment(data: bytes) -> str | None:
    """Return the environment that the identifier of a DID document names, or None."""
    if data.lstrip()[:1] != b"{":
        return None
    identifier = _json(data).get("id")
    found = _REPOSITORY.search(identifier) if isinstance(identifier, str) else None
    return None if found is None else _OF_REPOSITORY[found[1]]


def _object(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def trusted_signer(
    chain: Sequence[Certificate], pins: Sequence[Pin], at: datetime | None
) -> str | None:
    """Return why the signer ``chain[0]`` is not trusted, as a sentence; None if it is trusted.

    `chain` holds the signer's certificate and those that were sent with it, each followed by its
    issuer. The walk ends at a pin: the same key, or the authority that issued the current
    certificate. With `at`, every certificate on the way must be valid then, the pin's too.
    """
    reason = "the signer is neither pinned nor certified by a pinned authority"
    for pin in pins:
        objection = _reaches(chain[:_MAX_CHAIN], pin, at)
        if objection is None:
            return None
        reason = objection or reason
    return reason


def judge_pins(
    pins: Sequence[Pin], holds: Callable[[Certificate], bool], at: datetime | None, form: str
) -> None:
    """Require that a signature holds under a pin's own key, and that the pin is valid at `at`.

    `holds` judges the signature under the key of one certificate. Raises TrustListError of the
    format `form`: ``trust.signature``, or ``trust.signer`` for a pin that is not valid then.
    """
    signer = next((pin.certificate for pin in pins if holds(pin.certificate)), None)
    if signer is None:
        raise TrustListError(form, "signature", "the signature holds under none of the pinned keys")
    if at is not None and not signer.valid_at(at):
        raise TrustListError(form, "signer", "the pinned certificate is not valid at that time")


class Opened(NamedTuple):
    """The payload and header of a JWS, and whether its signature was verified."""

    payload: bytes
    header: dict[str, Any]
    signature: SignatureState


def open_jws(data: bytes, pins: Pins, at: datetime | None, form: str) -> Opened:
    """Return the payload of a compact JWS; with pins, only after its signature held.

    Raises TrustListError: ``trust.malformed``, ``trust.signature``, ``trust.signer``. Without pins
    the state is ``not verified``, and the signature is ignored.
    """
    parts = jose.read_jws(data, form)
    trusted = pinned(pins)
    if not trusted:
        return Opened(parts.payload, parts.header, "not verified")
    try:
        chain = jose.certificates(parts.header)
    except KeyMaterialError as error:
        raise TrustListError(form, "malformed", f"the header's x5c: {error}") from error
    if chain:
        if not parts.holds(chain[0]):
            raise TrustListError(form, "signature", "the signature does not hold")
        objection = trusted_signer(chain, trusted, at)
        if objection is not None:
            raise TrustListError(form, "signer", objection)
    else:
        # Without an x5c, the pinned keys themselves are tried.
        judge_pins(trusted, parts.holds, at, form)
    return Opened(parts.payload, parts.header, "verified")


def _reaches(chain: Sequence[Certificate], pin: Pin, at: datetime | None) -> str | None:
    """Return None if the chain leads to the pin, else why not; an empty text if they never meet."""
    for place, certificate in enumerate(chain):
        met = certificate.spki == pin.certificate.spki
        if met or fault_between(certificate, pin.certificate) is None:
            return _objection(chain[: place + 1], pin, at)
        following = chain[place + 1 : place + 2]
        if not following or fault_between(certificate, following[0]) is not None:
            break
    return ""


def _objection(way: Sequence[Certificate], pin: Pin, at: datetime | None) -> str | None:
    if pin.common_name is not None and way[0].common_name != pin.common_name:
        return "the signer's certificate has another name than the pinned one"
    if at is not None and not all(each.valid_at(at) for each in (*way, pin.certificate)):
        return "a certificate of the signer is not valid at that time"
    return None
