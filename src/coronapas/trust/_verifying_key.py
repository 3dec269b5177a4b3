"""A certificate's key, ready to verify signatures (hcert-spec, section 3.3; RFC 9053; RFC 8230).

What depends on the certificate alone (the parsed key, its algorithm, the length of its signatures,
the validity in seconds) is computed once and used for every pass. OpenSSL does the cryptography,
through `cryptography`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from coronapas import _signatures as signatures
from coronapas.hcert import _cose as cose
from coronapas.tolerances import Deviation

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

    from coronapas._signatures import Holds
    from coronapas.trust._certificate import Certificate

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
