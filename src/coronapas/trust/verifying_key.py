"""A certificate's key, ready to judge signatures (hcert-spec, section 3.3; RFC 9053; RFC 8230).

What depends on the certificate alone (the parsed key, the algorithm that goes with it, the length
of its signatures, the validity in seconds) is computed once and used for every pass. OpenSSL does
the cryptography, through `cryptography`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from coronapas.hcert import cose, ecdsa
from coronapas.tolerances import Deviation

if TYPE_CHECKING:
    from collections.abc import Callable

    from coronapas.trust.certificate import Certificate

    Holds = Callable[[bytes, bytes], bool]

_PROFILE_CURVE: Final = "secp256r1"
# Any of these gives a signature that OpenSSL can judge; the profile asks for P-256.
_CURVES: Final = frozenset(("secp256r1", "secp384r1", "secp521r1"))

_DIGEST: Final = hashes.SHA256()
_ECDSA: Final = ec.ECDSA(_DIGEST)
_PSS: Final = padding.PSS(padding.MGF1(_DIGEST), salt_length=32)


class VerifyingKey:
    """The key of one certificate; immutable by convention, made once for each certificate.

    `algorithm` is the one COSE algorithm that goes with the key (None for a key that passes do not
    use), `usages` the kinds of event it is restricted to (empty for none), `deviations` where the
    certificate departs from its profile; `not_before` and `not_after` are its validity in seconds
    since 1970-01-01T00:00:00Z, both inclusive, None for a bare key. `plain` says that there are a
    validity (then also in `first` and `last`, as numbers in any case) and no deviations.

    `until` is the moment (inclusive) to which a list vouches for the certificate; by default for
    ever.

    `holds` tells whether a signature, which needs `signature_length`, is this key's over the signed
    bytes of a message.
    """

    __slots__ = (
        "algorithm",
        "certificate",
        "deviations",
        "first",
        "holds",
        "last",
        "not_after",
        "not_before",
        "plain",
        "signature_length",
        "until",
        "usages",
    )

    def __init__(self, certificate: Certificate, *, until: float = math.inf) -> None:
        """Read the certificate; raises KeyMaterialError where that cannot be done."""
        certificate.check()
        self.certificate = certificate
        self.until = until
        self.usages = certificate.usages
        self.deviations = certificate.deviations
        self.not_before = certificate.not_before_ts
        self.not_after = certificate.not_after_ts
        self.algorithm: int | None = None
        self.signature_length = 0
        self.holds: Holds = _never
        key = certificate.public_key
        as_profiled = False
        if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES:
            self.algorithm = cose.ES256
            self.signature_length = 2 * ((key.curve.key_size + 7) // 8)
            self.holds = _by_ecdsa(key)
            as_profiled = key.curve.name == _PROFILE_CURVE
        elif isinstance(key, rsa.RSAPublicKey) and key.key_size >= cose.RSA_BITS.start:
            self.algorithm = cose.PS256
            self.signature_length = (key.key_size + 7) // 8
            self.holds = _by_rsa(key)
            as_profiled = key.key_size in cose.RSA_BITS
        if not as_profiled:
            note = f"the key is {certificate.key_kind}, not one of the profile's"
            self.deviations = (*self.deviations, Deviation("certificate.key-kind", "", note))
        # For a quick look: a bare key's validity is nowhere, and so it is never plain.
        self.plain = not self.deviations and self.not_before is not None
        self.first = self.not_before or 0
        self.last = self.not_after or 0

    def fault(self, message: cose.Sign1) -> str | None:
        """Why `message` is not signed by this key, as a code, or None where it is.

        ``signature.algorithm`` where the stated algorithm is not the key's own,
        ``signature.length`` where no signature of the key has that length, ``signature.invalid``
        where OpenSSL says no.
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


def _by_ecdsa(key: ec.EllipticCurvePublicKey) -> Holds:
    verify, to_der = key.verify, ecdsa.to_der

    def holds(signature: bytes, message: bytes) -> bool:
        try:
            verify(to_der(signature), message, _ECDSA)
        except InvalidSignature:
            return False
        return True

    return holds


def _by_rsa(key: rsa.RSAPublicKey) -> Holds:
    verify = key.verify

    def holds(signature: bytes, message: bytes) -> bool:
        try:
            verify(signature, message, _PSS, _DIGEST)
        except InvalidSignature:
            return False
        return True

    return holds
