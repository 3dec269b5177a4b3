"""Signatures as COSE and JOSE state them: judged by OpenSSL, and an ECDSA signature in both forms.

``ES256`` is r‖s of equal halves (RFC 9053, section 2.1; RFC 7518, section 3.4), ``PS256`` is
RSASSA-PSS with SHA-256, MGF1 with SHA-256 and a salt of 32 bytes (RFC 8230, section 2; RFC 7518,
section 3.5), ``RS256`` is RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518, section 3.3). DER is ASN.1's
form of an ECDSA signature (RFC 3279).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

    Holds = Callable[[bytes, bytes], bool]
    """Whether a signature is a key's over a message: ``holds(signature, message)``."""

MIN_RSA_BITS: Final = 2048
"""The smallest RSA modulus that is trusted with anything here, in bits, inclusive."""

_P256_NAME: Final = "secp256r1"
_CURVES: Final = frozenset((_P256_NAME, "secp384r1", "secp521r1"))
_DIGEST: Final = SHA256()
_ECDSA: Final = ec.ECDSA(_DIGEST)
_PADDINGS: Final[dict[str, padding.PSS | padding.PKCS1v15]] = {
    "PS256": padding.PSS(padding.MGF1(_DIGEST), salt_length=32),
    "RS256": padding.PKCS1v15(),
}


def length(key: PublicKeyTypes) -> int:
    """Return how many bytes a signature of `key` has; 0 for a key that is not used here."""
    if isinstance(key, ec.EllipticCurvePublicKey):
        return 2 * ((key.curve.key_size + 7) // 8)
    return (key.key_size + 7) // 8 if isinstance(key, rsa.RSAPublicKey) else 0


def judge(key: PublicKeyTypes, algorithm: object, *, any_curve: bool = False) -> Holds | None:
    """Return what judges signatures of `key` under ``ES256``, ``PS256`` or ``RS256``.

    None where `key` is not of the algorithm's kind, or the algorithm is none of these. ES256 is of
    P-256 alone unless `any_curve` admits P-384 and P-521 with SHA-256, as COSE does.
    """
    if isinstance(key, ec.EllipticCurvePublicKey):
        admitted = key.curve.name in _CURVES if any_curve else key.curve.name == _P256_NAME
        return _by_ecdsa(key) if algorithm == "ES256" and admitted else None
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= MIN_RSA_BITS:
        scheme = _PADDINGS.get(algorithm) if isinstance(algorithm, str) else None
        return None if scheme is None else _by_rsa(key, scheme)
    return None


def holds(key: PublicKeyTypes, algorithm: object, signature: bytes, data: bytes) -> bool:
    """Whether `signature` is one of `key` over `data` by `algorithm` (see `judge`)."""
    judged_by = judge(key, algorithm)
    return judged_by is not None and judged_by(signature, data)


def holds_der(key: PublicKeyTypes, signature: bytes, data: bytes) -> bool:
    """Whether `signature`, in DER, is one of the P-256 key `key` over `data` with SHA-256."""
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != _P256_NAME:
        return False
    try:
        key.verify(signature, data, _ECDSA)
    except InvalidSignature:
        return False
    return True


def _by_ecdsa(key: ec.EllipticCurvePublicKey) -> Holds:
    verify, size = key.verify, length(key)

    def holds(signature: bytes, message: bytes) -> bool:
        if len(signature) != size:
            return False
        try:
            verify(to_der(signature), message, _ECDSA)
        except InvalidSignature:
            return False
        return True

    return holds


def _by_rsa(key: rsa.RSAPublicKey, scheme: padding.PSS | padding.PKCS1v15) -> Holds:
    verify = key.verify

    def holds(signature: bytes, message: bytes) -> bool:
        try:
            verify(signature, message, scheme, _DIGEST)
        except InvalidSignature:
            return False
        return True

    return holds


# Nearly every signature is of P-256 with neither half beginning with a zero byte. What stands
# before r then depends on the highest bits of r and of s, and what stands before s on that of s.
_P256: Final = 64
_BEFORE_R: Final = (
    (b"\x30\x44\x02\x20", b"\x30\x45\x02\x20"),
    (b"\x30\x45\x02\x21\x00", b"\x30\x46\x02\x21\x00"),
)
_BEFORE_S: Final = (b"\x02\x20", b"\x02\x21\x00")


def to_der(signature: bytes) -> bytes:
    """The DER form of an r‖s signature whose halves are of equal length.

    A microsecond cheaper than going through two Python integers, which counts once a pass.
    """
    half = len(signature) >> 1
    r, s = signature[:half], signature[half:]
    if len(signature) == _P256 and r[0] and s[0]:
        last = s[0] >> 7
        return b"".join((_BEFORE_R[r[0] >> 7][last], r, _BEFORE_S[last], s))
    if not 0 < r[0] < 0x80:
        r = _integer(r)
    if not 0 < s[0] < 0x80:
        s = _integer(s)
    size = 4 + len(r) + len(s)
    # Two halves of P-521 make the only sequence that needs the long form of the length.
    head = bytes((0x30, size, 2, len(r))) if size < 0x80 else bytes((0x30, 0x81, size, 2, len(r)))
    return b"".join((head, r, bytes((2, len(s))), s))


def _integer(half: bytes) -> bytes:
    """The content of an ASN.1 INTEGER: no zeros in front but the one that keeps it positive."""
    shortest = half.lstrip(b"\0") or b"\0"
    return b"\0" + shortest if shortest >= b"\x80" else shortest


def from_der(signature: bytes, half: int) -> bytes:
    """The r‖s form of a DER signature, each half `half` bytes long.

    Raises ValueError where `signature` is no DER of two integers, and OverflowError where one of
    them is negative or longer than `half` bytes.
    """
    r, s = decode_dss_signature(signature)
    return r.to_bytes(half, "big") + s.to_bytes(half, "big")
