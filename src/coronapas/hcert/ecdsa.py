"""The two forms of an ECDSA signature: COSE's r‖s (RFC 9053, section 2.1) and ASN.1 DER (RFC 3279).

Only the form changes here; a signature is public, and OpenSSL judges it.
"""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

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
