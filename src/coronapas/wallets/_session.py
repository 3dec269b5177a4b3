"""The session that a presentation of an mdoc is bound to, and the device's authentication.

Implements ISO/IEC 18013-5, section 9.1.3, as public implementations and its Annex D show it, and
the handover of OpenID4VP 1.0, appendix B.2.6. The transcript is kept as the bytes that were given:
what is signed or authenticated is made of them and is never encoded again.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import cbor2
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from coronapas.errors import DecodeError
from coronapas.hcert import _cbor as cbor
from coronapas.wallets._errors import CredentialError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import (
        EllipticCurvePrivateKey,
        EllipticCurvePublicKey,
    )

MAX_TRANSCRIPT: Final = 64 * 1024
"""The longest session transcript, in bytes, inclusive."""

_ENCODED: Final = 24
_TAG_24: Final = b"\xd8\x18"


@dataclass(frozen=True, slots=True)
class Session:
    """The session that a verifier holds with one device.

    Attributes:
        transcript: The SessionTranscript: the CBOR of an array of three.
        reader_key: The reader's ephemeral private key, where a device may authenticate by a MAC.

    """

    transcript: bytes = field(repr=False)
    reader_key: EllipticCurvePrivateKey | None = field(default=None, repr=False)


def read_transcript(data: bytes) -> bytes:
    """Return the SessionTranscript of its bytes, or of those bytes under tag 24.

    Raises CredentialError for anything that is not an array of three.
    """
    if len(data) > MAX_TRANSCRIPT:
        raise CredentialError("session.transcript", "the session transcript is too large")
    try:
        item, _ = cbor.load(data)
        if isinstance(item, cbor2.CBORTag) and item.tag == _ENCODED:
            data = item.value if isinstance(item.value, bytes) else b""
            item, _ = cbor.load(data)
    except DecodeError:
        raise CredentialError("session.transcript", "the session transcript is not CBOR") from None
    if not isinstance(item, list | tuple) or len(item) != 3:
        raise CredentialError("session.transcript", "the session transcript is not an array of 3")
    return data


def openid4vp_transcript(
    client_id: str, nonce: str, response_uri: str, jwk_thumbprint: bytes | None = None
) -> bytes:
    """Return the SessionTranscript of a presentation by OpenID4VP 1.0 (redirects).

    Args:
        client_id: The verifier's identifier, with its prefix, as the request states it.
        nonce: The nonce of the request.
        response_uri: The ``response_uri``, or the ``redirect_uri`` without one.
        jwk_thumbprint: The SHA-256 thumbprint of the key that the response is encrypted to; None
            where it is not encrypted.

    """
    info = cbor.dump([client_id, nonce, jwk_thumbprint, response_uri])
    digest = hashlib.sha256(info).digest()
    return cbor.dump([None, None, ["OpenID4VPHandover", digest]])


def encoded(data: bytes) -> bytes:
    """Return CBOR bytes as an embedded item: tag 24 around a byte string (RFC 8949, 3.4.5.1)."""
    return _TAG_24 + cbor.byte_string(data)


def device_authentication(transcript: bytes, doc_type: str, name_spaces: bytes) -> bytes:
    """Return DeviceAuthenticationBytes; `name_spaces` are DeviceNameSpacesBytes as received."""
    parts = (b"\x84", cbor.dump("DeviceAuthentication"), transcript, cbor.dump(doc_type))
    return encoded(b"".join((*parts, name_spaces)))


def signature_input(protected: bytes, payload: bytes) -> bytes:
    """Return what a COSE_Sign1 with a detached payload signs (RFC 9052, section 4.4)."""
    return cbor.dump(["Signature1", protected, b"", payload])


def mac_of(
    private: EllipticCurvePrivateKey,
    public: EllipticCurvePublicKey,
    transcript: bytes,
    protected: bytes,
    payload: bytes,
) -> bytes:
    """Return the tag of a COSE_Mac0 by the key that both sides agree on (section 9.1.3.5).

    HMAC with SHA-256, under HKDF with SHA-256 of the ECDH secret, salted with the SHA-256 of the
    SessionTranscriptBytes, info ``EMacKey``.

    Raises ValueError for keys of two curves.
    """
    secret = private.exchange(ec.ECDH(), public)
    salt = hashlib.sha256(encoded(transcript)).digest()
    key = HKDF(hashes.SHA256(), 32, salt, b"EMacKey").derive(secret)
    mac = hmac.HMAC(key, hashes.SHA256())
    mac.update(cbor.dump(["MAC0", protected, b"", payload]))
    return mac.finalize()
