"""Signs the bytes of a COSE_Sign1: with a key at hand, or through the door for HSMs and services.

hcert-spec, signature algorithm; RFC 9053 chapter 2.1 (ES256: raw r and s, 32 bytes each) and RFC
8230 chapter 2 (PS256: SHA-256, MGF1 with SHA-256, a salt of 32 bytes). The keys never leave
`cryptography` or the device that holds them.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final, Literal, NoReturn

from coronapas import _signatures as signatures
from coronapas.errors import KeyMaterialError, SigningError
from coronapas.hcert._cose import (
    ALGORITHMS,
    ES256,
    KID_LENGTH,
    PS256,
    RSA_BITS,
)
from coronapas.trust._certificate import Certificate

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography.hazmat.primitives.asymmetric.ec import (
        EllipticCurvePrivateKey,
        EllipticCurvePublicKey,
    )
    from cryptography.hazmat.primitives.asymmetric.padding import PSS
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

    from coronapas.trust._material import Material

    PrivateKey = EllipticCurvePrivateKey | RSAPrivateKey
    PublicKey = EllipticCurvePublicKey | RSAPublicKey
    SignDigest = Callable[[bytes], bytes]

SignatureForm = Literal["raw", "der"]
"""How a remote signer writes an ECDSA signature: r and s in 64 bytes, or the DER of X9.62."""

_COORDINATE: Final = 32
_SALT: Final = 32


class Signer:
    """Makes COSE signatures with one key. Immutable; any number of threads may share one.

    A P-256 key signs with ES256, an RSA key of 2048 to 3072 bits (inclusive) with PS256; every
    other key is a KeyMaterialError, and so is a certificate for another key. `certificate` may come
    in any form that `Certificate.load` takes. `kid`, 8 bytes, is the certificate's unless another
    is given; without a certificate it has to be given. Whatever else it is, a text too, is a
    KeyMaterialError.

    `deterministic` asks for RFC 6979 signatures with ES256: the same bytes are always signed alike,
    which test vectors need and passes do not.
    """

    __slots__ = ("_sign", "algorithm", "certificate", "kid", "public_key", "signature_length")

    algorithm: int
    """The COSE algorithm: -7 (ES256) or -37 (PS256)."""
    kid: bytes
    signature_length: int
    """The length of every signature, in bytes."""
    certificate: Certificate | None
    public_key: PublicKey
    _sign: Callable[[bytes], bytes]

    def __init__(
        self,
        private_key: PrivateKey,
        certificate: Certificate | Material | None = None,
        *,
        kid: bytes | None = None,
        deterministic: bool = False,
    ) -> None:
        private_key = private(private_key)
        public_key = pass_key(private_key.public_key())
        own = None if certificate is None else Certificate.load(certificate)
        if own is not None and own.public_key != public_key:
            raise KeyMaterialError("the certificate is for another key")
        self._fill(public_key, own, kid, _local(private_key, deterministic=deterministic))

    def _fill(
        self,
        public_key: PublicKey,
        certificate: Certificate | None,
        kid: bytes | None,
        sign: Callable[[bytes], bytes],
    ) -> None:
        if kid is None:
            if certificate is None:
                raise KeyMaterialError("a signer without a certificate needs a kid")
            kid = certificate.kid
        if not isinstance(kid, bytes | bytearray | memoryview):
            raise KeyMaterialError(f"a kid is bytes, not {type(kid).__name__}")
        if len(kid) != KID_LENGTH:
            raise KeyMaterialError(f"a kid has {KID_LENGTH} bytes, this one {len(kid)}")
        put = object.__setattr__
        put(self, "algorithm", _algorithm(public_key))
        put(self, "signature_length", _signature_length(public_key))
        put(self, "public_key", public_key)
        put(self, "certificate", certificate)
        put(self, "kid", bytes(kid))
        put(self, "_sign", sign)

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
        """From a private key in PEM: PKCS #8 or the traditional forms, encrypted or not.

        Raises KeyMaterialError also where the password is wrong, missing or not needed.
        """
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        try:
            private_key = load_pem_private_key(_to_bytes(key), _password(password))
        except Exception as error:  # refusals come in many types; none of them names the key
            raise KeyMaterialError(f"the private key cannot be read: {error}") from error
        return cls(private(private_key), certificate, kid=kid, deterministic=deterministic)

    @classmethod
    def from_pkcs12(
        cls,
        data: bytes,
        password: str | bytes | None,
        *,
        kid: bytes | None = None,
        deterministic: bool = False,
    ) -> Signer:
        """From a PKCS #12 file that holds a private key and, as a rule, its certificate."""
        from cryptography.hazmat.primitives.serialization import pkcs12

        try:
            private_key, certificate, _ = pkcs12.load_key_and_certificates(
                data, _password(password)
            )
        except Exception as error:
            raise KeyMaterialError(f"the PKCS #12 file cannot be read: {error}") from error
        if private_key is None:
            raise KeyMaterialError("the PKCS #12 file holds no private key")
        return cls(private(private_key), certificate, kid=kid, deterministic=deterministic)

    @classmethod
    def remote(
        cls,
        certificate: Certificate | Material,
        sign_digest: SignDigest,
        *,
        kid: bytes | None = None,
        signature_form: SignatureForm = "raw",
    ) -> Signer:
        """A signer whose key is elsewhere: `sign_digest` gets 32 bytes, the SHA-256 of the message.

        For a P-256 certificate it returns the ECDSA signature over the digest, as `signature_form`
        says: 64 bytes (what PKCS #11 gives) or DER (what most cloud services give). For an RSA
        certificate it returns the RSASSA-PSS signature over the digest with MGF1-SHA-256 and a salt
        of 32 bytes, and `signature_form` means nothing.

        Every answer is verified under the certificate's key before it is used. `sign` raises
        SigningError for a wrong one, and where `sign_digest` raises an exception, which is then the
        error's cause. `sign_digest` is called from whichever threads call `sign`.
        """
        own = Certificate.load(certificate)
        public_key = pass_key(own.public_key)
        if signature_form not in ("raw", "der"):
            raise ValueError("signature_form is 'raw' or 'der'")
        new = object.__new__(cls)
        new._fill(public_key, own, kid, _remote(public_key, sign_digest, signature_form))
        return new

    def sign(self, message: bytes) -> bytes:
        """The COSE signature over `message` (the Sig_structure, RFC 9052 chapter 4.4).

        ES256: r and s, 64 bytes; PS256: as many bytes as the modulus has. A remote signer that
        fails raises SigningError.
        """
        return self._sign(message)

    def __repr__(self) -> str:
        return f"<Signer {self.kid.hex()}, {ALGORITHMS[self.algorithm]}>"

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a Signer does not change")


def pass_key(public_key: object) -> PublicKey:
    """The key itself, if passes are signed with its kind; raises KeyMaterialError if not."""
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    if isinstance(public_key, ec.EllipticCurvePublicKey):
        if public_key.curve.name == "secp256r1":
            return public_key
        raise KeyMaterialError(f"passes are signed on P-256, not on {public_key.curve.name}")
    if isinstance(public_key, rsa.RSAPublicKey):
        if public_key.key_size in RSA_BITS:
            return public_key
        raise KeyMaterialError(
            f"passes are signed with RSA keys of {RSA_BITS.start} to {RSA_BITS.stop - 1} bits, "
            f"not of {public_key.key_size}"
        )
    raise KeyMaterialError(f"passes are not signed with {type(public_key).__name__}")


def _algorithm(key: PublicKey) -> int:
    from cryptography.hazmat.primitives.asymmetric import ec

    return ES256 if isinstance(key, ec.EllipticCurvePublicKey) else PS256


def private(key: object) -> PrivateKey:
    """The key itself, if it is a private one of EC or RSA; raises KeyMaterialError if not."""
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    if isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        return key
    raise KeyMaterialError(f"passes are not signed with {type(key).__name__}")


def _signature_length(key: PublicKey) -> int:
    from cryptography.hazmat.primitives.asymmetric import ec

    if isinstance(key, ec.EllipticCurvePublicKey):
        return 2 * _COORDINATE
    return (key.key_size + 7) // 8


def _local(key: PrivateKey, *, deterministic: bool) -> Callable[[bytes], bytes]:
    """The signing function of a key at hand; all that depends on the key alone is made once."""
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.hashes import SHA256

    if isinstance(key, ec.EllipticCurvePrivateKey):
        sign_ecdsa, scheme = key.sign, ec.ECDSA(SHA256(), deterministic)
        from_der = signatures.from_der
        return lambda message: from_der(sign_ecdsa(message, scheme), _COORDINATE)
    sign_pss, padding, digest = key.sign, _pss(), SHA256()
    return lambda message: sign_pss(message, padding, digest)


def _pss() -> PSS:
    from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
    from cryptography.hazmat.primitives.hashes import SHA256

    return PSS(mgf=MGF1(SHA256()), salt_length=_SALT)


def _remote(
    key: PublicKey, sign_digest: SignDigest, form: SignatureForm
) -> Callable[[bytes], bytes]:
    check = _checker(key, form)

    def signature(message: bytes) -> bytes:
        digest = hashlib.sha256(message).digest()
        try:
            answer = sign_digest(digest)
        except Exception as error:
            raise SigningError(f"the remote signer failed ({type(error).__name__})") from error
        if not isinstance(answer, bytes):
            raise SigningError(f"the remote signer gave {type(answer).__name__} instead of bytes")
        return check(answer, digest)

    return signature


def _checker(key: PublicKey, form: SignatureForm) -> Callable[[bytes, bytes], bytes]:
    """A function that gives a remote answer in COSE's form once it holds under `key`."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
    from cryptography.hazmat.primitives.hashes import SHA256

    prehashed = Prehashed(SHA256())
    if isinstance(key, ec.EllipticCurvePublicKey):
        scheme, verify_ecdsa = ec.ECDSA(prehashed), key.verify

        def verify(answer: bytes, digest: bytes) -> bytes:
            raw, der = _both_forms(answer, form)
            verify_ecdsa(der, digest, scheme)
            return raw
    else:
        padding, verify_pss = _pss(), key.verify

        def verify(answer: bytes, digest: bytes) -> bytes:
            verify_pss(answer, digest, padding, prehashed)
            return answer

    def check(answer: bytes, digest: bytes) -> bytes:
        try:
            return verify(answer, digest)
        except InvalidSignature as error:
            raise SigningError(
                "the remote signer's answer is no signature under the certificate's key"
            ) from error

    return check


def _both_forms(answer: bytes, form: SignatureForm) -> tuple[bytes, bytes]:
    """An ECDSA signature as raw r and s, and as DER."""
    if form == "der":
        try:
            return signatures.from_der(answer, _COORDINATE), answer
        except (ValueError, OverflowError) as error:
            raise SigningError("the remote signer's answer is no ECDSA signature in DER") from error
    if len(answer) != 2 * _COORDINATE:
        raise SigningError(
            f"the remote signer gave {len(answer)} bytes instead of r and s in {2 * _COORDINATE} "
            "(an answer in DER needs signature_form='der')"
        )
    return answer, signatures.to_der(answer)


def _to_bytes(text: str | bytes) -> bytes:
    return text.encode("utf-8") if isinstance(text, str) else text


def _password(password: str | bytes | None) -> bytes | None:
    return None if password is None else _to_bytes(password)
