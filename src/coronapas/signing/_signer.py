"""The signer: one key, here or elsewhere, and sets of signers; the check of a signature.

A signature is made over the SHA-256 digest of the message, so that what needs the pass and what
needs the key can lie in two places and two moments (`Signer.sign_digest`, `SignatureCheck`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256 as _sha256
from math import floor, inf
from typing import TYPE_CHECKING, Final, Literal, NoReturn, TypeAlias

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    load_der_public_key,
    load_pem_private_key,
    pkcs12,
)

from coronapas import _signatures as signatures
from coronapas.errors import KeyMaterialError, SigningError
from coronapas.facts import EventKind
from coronapas.hcert._cose import ALGORITHMS, ES256, KID_LENGTH, PS256, RSA_BITS
from coronapas.trust._certificate import Certificate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

    from cryptography.hazmat.primitives.asymmetric.ec import (
        EllipticCurvePrivateKey,
        EllipticCurvePublicKey,
    )
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

    from coronapas.trust._x509 import Material

# As text, so that importing this module does not load `cryptography`.
PrivateKey: TypeAlias = "EllipticCurvePrivateKey | RSAPrivateKey"
"""A private key of `cryptography` for ECDSA or RSA."""

PublicKey: TypeAlias = "EllipticCurvePublicKey | RSAPublicKey"
"""A public key of `cryptography` for ECDSA or RSA."""

SignDigest: TypeAlias = "Callable[[bytes], bytes]"
"""A function that signs a SHA-256 digest of 32 bytes: see `Signer.remote`."""

SignatureForm = Literal["raw", "der"]
"""How a remote signer encodes an ECDSA signature: r and s in 64 bytes, or DER (ANSI X9.62)."""

DIGEST_LENGTH: Final = 32
"""The length of a SHA-256 digest, in bytes."""

_COORDINATE: Final = 32
_PREHASHED: Final = Prehashed(SHA256())
_PSS: Final = PSS(mgf=MGF1(SHA256()), salt_length=32)


class Signer:
    """Makes COSE signatures with one key. Immutable; any number of threads may share one.

    Args:
        private_key: A P-256 key, which signs with ES256, or an RSA key of 2048 to 3072 bits
            (inclusive), which signs with PS256.
        certificate: The key's certificate, in any form that `Certificate.load` takes.
        kid: The key identifier, 8 bytes; by default the certificate's, and required without one.
        deterministic: Sign with RFC 6979 under ES256, so that the same bytes always get the same
            signature. Test vectors need this; passes do not.

    Raises:
        KeyMaterialError: Another kind of key, a certificate for another key, or a kid that is
            missing, not bytes, or not 8 bytes long.

    A signer can be pickled, to hand it to another process. The pickle of a local signer holds its
    private key, unencrypted (PKCS #8): keep it as you would keep the key itself. That of a remote
    signer holds the callable, which must be picklable: a function of a module, or an object with
    ``__call__``. A copy of a signer is the signer.

    """

    __slots__ = (
        "_sign_digest",
        "_source",
        "algorithm",
        "certificate",
        "check",
        "kid",
        "public_key",
        "signature_length",
    )

    algorithm: int
    """The COSE algorithm: -7 (ES256) or -37 (PS256)."""
    kid: bytes
    """The key identifier that messages name, 8 bytes."""
    signature_length: int
    """The length of every signature, in bytes."""
    certificate: Certificate | None
    """The certificate; None for a signer without one."""
    public_key: PublicKey
    """The public half of the key."""
    check: SignatureCheck
    """Whether a signature is one of this key: ``check(signature, digest)``."""
    _sign_digest: Callable[[bytes], bytes]
    _source: _Source

    def __init__(
        self,
        private_key: PrivateKey,
        certificate: Certificate | Material | None = None,
        *,
        kid: bytes | None = None,
        deterministic: bool = False,
    ) -> None:
        private_key = _private(private_key)
        public_key = _pass_key(private_key.public_key())
        own = None if certificate is None else Certificate.load(certificate)
        if own is not None and own.public_key != public_key:
            raise KeyMaterialError("the certificate is for another key")
        self._fill(public_key, own, kid, _Local(private_key, deterministic))

    def _fill(
        self,
        public_key: PublicKey,
        certificate: Certificate | None,
        kid: bytes | None,
        source: _Source,
    ) -> None:
        if kid is None:
            if certificate is None:
                raise KeyMaterialError("a signer without a certificate needs a kid")
            kid = certificate.kid
        if not isinstance(kid, bytes | bytearray | memoryview):
            raise KeyMaterialError(f"a kid must be bytes, got {type(kid).__name__}")
        if len(kid) != KID_LENGTH:
            raise KeyMaterialError(f"a kid must be {KID_LENGTH} bytes long, got {len(kid)}")
        check = SignatureCheck(public_key)
        put = object.__setattr__
        put(self, "algorithm", check.algorithm)
        put(self, "signature_length", check.signature_length)
        put(self, "public_key", public_key)
        put(self, "certificate", certificate)
        put(self, "kid", bytes(kid))
        put(self, "check", check)
        put(self, "_source", source)
        put(self, "_sign_digest", source.signing(check))

    @classmethod
    def from_pem(
        cls,
        key: str | bytes,
        certificate: Certificate | Material | None = None,
        password: str | bytes | None = None,
        *,
        kid: bytes | None = None,
        deterministic: bool = False,
    ) -> Signer:
        """Load a private key from PEM or DER: see `load_private_key`.

        Raises KeyMaterialError also if the password is wrong, missing or not needed.
        """
        private_key = load_private_key(key, password)
        return cls(private_key, certificate, kid=kid, deterministic=deterministic)

    @classmethod
    def from_pkcs12(
        cls,
        data: bytes,
        password: str | bytes | None,
        *,
        kid: bytes | None = None,
        deterministic: bool = False,
    ) -> Signer:
        """Load a private key, and its certificate if there is one, from a PKCS #12 file.

        Raises KeyMaterialError also if the password is wrong or there is no private key.
        """
        try:
            private_key, certificate, _ = pkcs12.load_key_and_certificates(
                data, _password(password)
            )
        except Exception as error:
            raise KeyMaterialError(f"the PKCS #12 file cannot be read: {error}") from error
        if private_key is None:
            raise KeyMaterialError("the PKCS #12 file holds no private key")
        return cls(_private(private_key), certificate, kid=kid, deterministic=deterministic)

    @classmethod
    def remote(
        cls,
        certificate: Certificate | Material,
        sign_digest: SignDigest,
        *,
        kid: bytes | None = None,
        signature_form: SignatureForm = "raw",
    ) -> Signer:
        """Return a signer whose key is elsewhere: in an HSM, or with a key service.

        `sign_digest` is called with 32 bytes, the SHA-256 digest of the message. For a P-256
        certificate it must return the ECDSA signature over the digest in the encoding that
        `signature_form` names: 64 bytes (as PKCS #11 returns it) or DER (as most cloud services
        do). For an RSA certificate it must return the RSASSA-PSS signature over the digest with
        MGF1-SHA-256 and a salt of 32 bytes; `signature_form` is then ignored.

        Every answer is verified with the certificate's key before it is used. `sign` raises
        SigningError for a wrong answer, and if `sign_digest` raises an exception, which becomes the
        error's cause. `sign_digest` runs in whichever thread calls `sign`.
        """
        own = Certificate.load(certificate)
        public_key = _pass_key(own.public_key)
        if signature_form not in ("raw", "der"):
            raise ValueError("signature_form must be 'raw' or 'der'")
        new = object.__new__(cls)
        new._fill(public_key, own, kid, _Remote(sign_digest, signature_form))
        return new

    @classmethod
    def detached(cls, certificate: Certificate | Material, *, kid: bytes | None = None) -> Signer:
        """Return a signer that cannot sign: it is for issuers that only prepare.

        An issuer with it can `prepare` whatever the key may sign; the signatures come from
        elsewhere. `sign` raises SigningError. Its pickle holds the certificate and no key.
        """
        own = Certificate.load(certificate)
        new = object.__new__(cls)
        new._fill(_pass_key(own.public_key), own, kid, _Detached())
        return new

    def sign(self, message: bytes) -> bytes:
        """Return the COSE signature over `message` (the Sig_structure, RFC 9052 section 4.4).

        ES256: r and s, 64 bytes; PS256: as many bytes as the modulus has. Raises SigningError if a
        remote signer fails.
        """
        return self._sign_digest(_sha256(message).digest())

    def sign_digest(self, digest: bytes) -> bytes:
        """Return the COSE signature over a message by its SHA-256 digest, 32 bytes.

        Raises what `sign` raises, and ValueError for a digest of another length.
        """
        if len(digest) != DIGEST_LENGTH:
            raise ValueError(f"a digest must be {DIGEST_LENGTH} bytes long, got {len(digest)}")
        return self._sign_digest(digest)

    def __repr__(self) -> str:
        return f"<Signer {self.kid.hex()}, {ALGORITHMS[self.algorithm]}>"

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a Signer is immutable")

    def __copy__(self) -> Signer:
        return self

    def __deepcopy__(self, memo: object) -> Signer:
        return self

    def __reduce__(self) -> tuple[object, ...]:
        return self._source.rebuilder(self.certificate, self.kid)


@dataclass(frozen=True, slots=True)
class SignerTerm:
    """When one signer of a set signs, and for what.

    Attributes:
        signer: The signer.
        kinds: The kinds of passes that it signs; None for those that its certificate allows, which
            are all kinds without a certificate.
        begins: The first moment of issue (inclusive), with a time zone; None for the certificate's
            first. Let a new key begin only once verifiers have its certificate.
        ends: The moment of issue from which it signs no more (exclusive), with a time zone; None
            for the certificate's end.

    Raises:
        ValueError: A moment has no time zone, the term ends before it begins, or a kind is not one.
        TypeError: `signer` is not a Signer.

    """

    signer: Signer
    kinds: frozenset[EventKind] | None = None
    begins: datetime | None = None
    ends: datetime | None = None
    _range: tuple[float, float] = field(init=False, repr=False, compare=False)
    _kinds: frozenset[EventKind] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.signer, Signer):
            raise TypeError(f"must be a Signer, got {type(self.signer).__name__}")
        for moment in (self.begins, self.ends):
            if moment is not None and moment.utcoffset() is None:
                raise ValueError("a term's moments must have a time zone")
        if self.begins is not None and self.ends is not None and self.ends <= self.begins:
            raise ValueError("a term must end after it begins")
        certificate = self.signer.certificate
        kinds = (
            frozenset(EventKind) if self.kinds is None else frozenset(map(EventKind, self.kinds))
        )
        if certificate is not None and certificate.usages:
            kinds &= certificate.usages
        first, last = -inf, inf
        if certificate is not None:
            first = -inf if certificate.not_before_ts is None else certificate.not_before_ts
            # The last second of a certificate's validity belongs to it.
            last = inf if certificate.not_after_ts is None else certificate.not_after_ts + 1
        if self.begins is not None:
            first = max(first, self.begins.timestamp())
        if self.ends is not None:
            last = min(last, self.ends.timestamp())
        object.__setattr__(self, "_kinds", kinds)
        object.__setattr__(self, "_range", (first, last))

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.signer, self.kinds, self.begins, self.ends)

    def covers(self, kind: EventKind, at: float) -> bool:
        """Return whether the signer signs a pass of this kind at a time, in seconds since 1970."""
        first, last = self._range
        return kind in self._kinds and first <= at < last


class SignerSet:
    """Several signers, chosen by the kind of event and the moment of issue; immutable.

    Of several that sign a kind at a moment, the one whose term began last does, so that a new key
    takes over when its term begins; of those, the first in the set. A set is picklable as far as
    its signers are.

    Args:
        terms: The signers, each with its term; a plain `Signer` signs the kinds that its
            certificate allows, as long as the certificate is valid.

    Raises:
        ValueError: There is no signer.
        TypeError: A term is something else.

    """

    __slots__ = ("_terms",)

    _terms: tuple[SignerTerm, ...]

    def __init__(self, terms: Iterable[Signer | SignerTerm]) -> None:
        found = tuple(term if isinstance(term, SignerTerm) else SignerTerm(term) for term in terms)
        if not found:
            raise ValueError("a set must have a signer")
        # Those that begin last come first; sorting keeps the order of equals.
        ordered = sorted(found, key=lambda term: -term._range[0])
        object.__setattr__(self, "_terms", tuple(ordered))

    @property
    def terms(self) -> tuple[SignerTerm, ...]:
        """The signers with their terms, those that begin last first."""
        return self._terms

    @property
    def signers(self) -> tuple[Signer, ...]:
        """The signers, each once, those that begin last first."""
        return tuple(dict.fromkeys(term.signer for term in self._terms))

    def choose(self, kind: EventKind, issued_at: datetime) -> Signer | None:
        """Return the signer for a kind of pass issued at a moment; None where none may sign.

        Raises:
            ValueError: The moment has no time zone.

        """
        if issued_at.utcoffset() is None:
            raise ValueError("the moment must have a time zone")
        at = floor(issued_at.timestamp())
        return next((term.signer for term in self._terms if term.covers(kind, at)), None)

    def __iter__(self) -> Iterator[Signer]:
        return iter(self.signers)

    def __repr__(self) -> str:
        return f"<SignerSet of {', '.join(signer.kid.hex() for signer in self)}>"

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a SignerSet is immutable")

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self._terms,)


def load_private_key(data: str | bytes, password: str | bytes | None = None) -> PrivateKey:
    """Load a private key: PKCS #8 or the traditional forms, in PEM or DER, encrypted or not.

    Raises:
        KeyMaterialError: The key cannot be read, is of a kind that signs no passes, or the password
            is wrong, missing or not needed; the message says which.

    """
    content, secret = _to_bytes(data), _password(password)
    pem = _PEM in content
    load = load_pem_private_key if pem else load_der_private_key
    try:
        return _private(load(content, secret))
    except KeyMaterialError:
        raise
    except TypeError as error:
        # That is what `cryptography` raises for a password too few, or too many.
        problem = (
            "it is encrypted, and no password was given"
            if secret is None
            else "it is not encrypted, but a password was given"
        )
        raise KeyMaterialError(f"the private key cannot be read: {problem}") from error
    except Exception as error:  # refusals come in many types; none of them names the key
        raise KeyMaterialError(
            f"the private key cannot be read: {_why(content, secret)}"
        ) from error


_PEM: Final = b"-----BEGIN "


def _why(content: bytes, password: bytes | None) -> str:
    """Return why a private key could not be read."""
    if b"-----BEGIN CERTIFICATE" in content:
        return "this is a certificate"
    if b"-----BEGIN PUBLIC KEY" in content:
        return "this is a public key"
    if _PEM not in content and not content.startswith(b"\x30"):
        return "it is neither PEM nor DER"
    if password is not None:
        return "the password is wrong, or the file is damaged"
    if _PEM not in content and _encrypted(content):
        return "it is encrypted, and no password was given"
    return "it is damaged, or no private key"


def _encrypted(der: bytes) -> bool:
    """Return whether DER is an EncryptedPrivateKeyInfo with PBES2 (RFC 5958, RFC 8018)."""
    return _PBES2 in der[:64]


_PBES2: Final = bytes.fromhex("06092a864886f70d01050d")


def _pass_key(public_key: object) -> PublicKey:
    """Return the key if passes may be signed with its kind; raise KeyMaterialError if not."""
    if isinstance(public_key, ec.EllipticCurvePublicKey):
        if public_key.curve.name == "secp256r1":
            return public_key
        raise KeyMaterialError(
            f"the key must be on the curve P-256, not on {public_key.curve.name}"
        )
    if isinstance(public_key, rsa.RSAPublicKey):
        if public_key.key_size in RSA_BITS:
            return public_key
        raise KeyMaterialError(
            f"an RSA key must have {RSA_BITS.start} to {RSA_BITS.stop - 1} bits, "
            f"got {public_key.key_size}"
        )
    raise KeyMaterialError(f"passes cannot be signed with {type(public_key).__name__}")


def _algorithm(key: PublicKey) -> int:
    return ES256 if isinstance(key, ec.EllipticCurvePublicKey) else PS256


def _private(key: object) -> PrivateKey:
    """Return the key if it is a private key for EC or RSA; raise KeyMaterialError if not."""
    if isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        return key
    raise KeyMaterialError(f"passes cannot be signed with {type(key).__name__}")


def _signature_length(key: PublicKey) -> int:
    if isinstance(key, ec.EllipticCurvePublicKey):
        return 2 * _COORDINATE
    return (key.key_size + 7) // 8


def _private_bytes(key: PrivateKey) -> bytes:
    """Return the DER of a private key (PKCS #8), unencrypted."""
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def _load_private(data: bytes) -> PrivateKey:
    """Return the private key that `_private_bytes` wrote."""
    return _private(load_der_private_key(data, None))


@dataclass(frozen=True, slots=True)
class _Local:
    """A private key at hand."""

    private_key: PrivateKey = field(repr=False)
    deterministic: bool

    def signing(self, _check: SignatureCheck) -> Callable[[bytes], bytes]:
        """Return the signing function; whatever depends on the key alone is computed once."""
        key = self.private_key
        if isinstance(key, ec.EllipticCurvePrivateKey):
            sign_ecdsa, scheme = key.sign, ec.ECDSA(_PREHASHED, self.deterministic)
            from_der = signatures.from_der
            return lambda digest: from_der(sign_ecdsa(digest, scheme), _COORDINATE)
        sign_pss = key.sign
        return lambda digest: sign_pss(digest, _PSS, _PREHASHED)

    def rebuilder(self, certificate: Certificate | None, kid: bytes) -> tuple[object, ...]:
        """Return what `Signer.__reduce__` returns for this key."""
        key = _private_bytes(self.private_key)
        return _rebuild_local, (key, certificate, kid, self.deterministic)


@dataclass(frozen=True, slots=True)
class _Remote:
    """A private key that is elsewhere, and the form of the answers."""

    sign_digest: SignDigest = field(repr=False)
    form: SignatureForm

    def signing(self, check: SignatureCheck) -> Callable[[bytes], bytes]:
        """Return the signing function, which checks each answer before it is used."""
        ask, form = self.sign_digest, self.form

        def signature(digest: bytes) -> bytes:
            try:
                answer = ask(digest)
            except SigningError:
                raise
            except Exception as error:
                raise SigningError(f"the remote signer failed ({type(error).__name__})") from error
            return check(answer, digest, form=form)

        return signature

    def rebuilder(self, certificate: Certificate | None, kid: bytes) -> tuple[object, ...]:
        """Return what `Signer.__reduce__` returns for this key."""
        return _rebuild_remote, (certificate, self.sign_digest, kid, self.form)


@dataclass(frozen=True, slots=True)
class _Detached:
    """A private key that this program cannot reach."""

    def signing(self, _check: SignatureCheck) -> Callable[[bytes], bytes]:
        """Return a signing function that refuses."""

        def signature(_digest: bytes) -> bytes:
            raise SigningError("a detached signer cannot sign: prepare, and complete")

        return signature

    def rebuilder(self, certificate: Certificate | None, kid: bytes) -> tuple[object, ...]:
        """Return what `Signer.__reduce__` returns for this key."""
        return _rebuild_detached, (certificate, kid)


_Source: TypeAlias = _Local | _Remote | _Detached


def _rebuild_local(
    key: bytes, certificate: Certificate | None, kid: bytes, deterministic: bool
) -> Signer:
    return Signer(_load_private(key), certificate, kid=kid, deterministic=deterministic)


def _rebuild_remote(
    certificate: Certificate, sign_digest: SignDigest, kid: bytes, form: SignatureForm
) -> Signer:
    return Signer.remote(certificate, sign_digest, kid=kid, signature_form=form)


def _rebuild_detached(certificate: Certificate, kid: bytes) -> Signer:
    return Signer.detached(certificate, kid=kid)


class SignatureCheck:
    """Says whether a signature is one of a key over a digest. Immutable; it can be pickled.

    It holds the public key alone, so it may travel where the private key may not.

    Args:
        public_key: A key of a kind that signs passes.

    Raises:
        KeyMaterialError: Another kind of key.

    """

    __slots__ = ("_verify", "algorithm", "public_key", "signature_length")

    algorithm: int
    """The COSE algorithm: -7 (ES256) or -37 (PS256)."""
    public_key: PublicKey
    """The public key."""
    signature_length: int
    """The length of every signature in COSE's form, in bytes."""
    _verify: Callable[[bytes, bytes, SignatureForm], bytes]

    def __init__(self, public_key: PublicKey) -> None:
        public_key = _pass_key(public_key)
        put = object.__setattr__
        put(self, "public_key", public_key)
        put(self, "algorithm", _algorithm(public_key))
        put(self, "signature_length", _signature_length(public_key))
        put(self, "_verify", _verifying(public_key))

    def __call__(self, signature: bytes, digest: bytes, *, form: SignatureForm = "raw") -> bytes:
        """Return the signature in COSE's form if it holds over the SHA-256 digest.

        `form` says how an ECDSA signature is encoded; it is ignored under PS256. Raises
        SigningError if the signature does not hold or is encoded in another way.
        """
        if not isinstance(signature, bytes):
            raise SigningError(
                f"the remote signer must return bytes, got {type(signature).__name__}"
            )
        try:
            return self._verify(signature, digest, form)
        except InvalidSignature as error:
            raise SigningError(
                "the remote signer's answer is not a signature under the certificate's key"
            ) from error

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a SignatureCheck is immutable")

    def __copy__(self) -> SignatureCheck:
        return self

    def __deepcopy__(self, memo: object) -> SignatureCheck:
        return self

    def __reduce__(self) -> tuple[object, ...]:
        spki = self.public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return _check_of, (spki,)


@lru_cache(maxsize=64)
def _check_of(spki: bytes) -> SignatureCheck:
    """Return the check of a public key in DER: unpickling many passes reads their key once."""
    return SignatureCheck(_pass_key(load_der_public_key(spki)))


def _verifying(key: PublicKey) -> Callable[[bytes, bytes, SignatureForm], bytes]:
    """Return what turns a signature into COSE's form, or raises InvalidSignature."""
    if isinstance(key, ec.EllipticCurvePublicKey):
        scheme, verify_ecdsa = ec.ECDSA(_PREHASHED), key.verify

        def verify(answer: bytes, digest: bytes, form: SignatureForm) -> bytes:
            raw, der = _both_forms(answer, form)
            verify_ecdsa(der, digest, scheme)
            return raw
    else:
        verify_pss = key.verify

        def verify(answer: bytes, digest: bytes, form: SignatureForm) -> bytes:
            verify_pss(answer, digest, _PSS, _PREHASHED)
            return answer

    return verify


def _both_forms(answer: bytes, form: SignatureForm) -> tuple[bytes, bytes]:
    """Return an ECDSA signature as raw r and s, and as DER."""
    if form == "der":
        try:
            return signatures.from_der(answer, _COORDINATE), answer
        except (ValueError, OverflowError) as error:
            raise SigningError(
                "the remote signer's answer is not an ECDSA signature in DER"
            ) from error
    if len(answer) != 2 * _COORDINATE:
        raise SigningError(
            f"the remote signer returned {len(answer)} bytes, not {2 * _COORDINATE} (r and s);"
            " use signature_form='der' for answers in DER"
        )
    return answer, signatures.to_der(answer)


def _to_bytes(text: str | bytes) -> bytes:
    return text.encode("utf-8") if isinstance(text, str) else text


def _password(password: str | bytes | None) -> bytes | None:
    return None if password is None else _to_bytes(password)
