"""COSE_Sign1 (RFC 9052, section 4.2; hcert-spec, section 3): the signed message.

A message is ``[protected bstr, unprotected map, payload bstr, signature bstr]``, as a rule under
tag 18. What is signed is the CBOR of ``["Signature1", protected, h'', payload]``.

This module frames and reads; it signs nothing and verifies nothing. Decided, and tested: a
missing tag and a CWT tag (61) around are deviations, any other tag is an error; the protected
header wins over the unprotected one; a critical header (``crit``) is an error, because nothing
here could honour it; so is a payload that is detached (nil).
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import cbor2

from coronapas.errors import DecodeError
from coronapas.hcert import _cbor as cbor
from coronapas.tolerances import Deviation

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ES256: Final = -7
"""ECDSA with SHA-256, signature r‖s (RFC 9053, section 2.1)."""
PS256: Final = -37
"""RSASSA-PSS with SHA-256, MGF1 with SHA-256, a salt of 32 bytes (RFC 8230, section 2)."""

ALGORITHMS: Final[dict[int, str]] = {ES256: "ES256", PS256: "PS256"}
"""The algorithms that a pass may use (hcert-spec, section 3.3)."""

RSA_BITS: Final = range(2048, 3073)
"""The sizes of RSA keys for PS256, in bits: 2048 to 3072 inclusive (hcert-spec, section 3.3.1)."""

HEADER_ALG: Final = 1
HEADER_CRIT: Final = 2
HEADER_KID: Final = 4

_LABELS: Final = {HEADER_ALG: "alg", HEADER_KID: "kid"}

KID_LENGTH: Final = 8
"""Length of a key identifier in bytes (hcert-spec, section 3.4)."""

_TAG_SIGN1: Final = 18
_TAG_CWT: Final = 61

# CBOR of an array of four whose first item is the text "Signature1".
_SIGNATURE1: Final = b"\x84\x6aSignature1"
_EMPTY_BYTES: Final = b"\x40"


class Sign1(NamedTuple):
    """A COSE_Sign1 message as it was read; nothing about it is verified.

    `protected` holds the very bytes that were signed. `kid` and `algorithm` are the ones that
    count: the protected header's, else the unprotected header's, else None; None also where the
    value is of a type that COSE does not allow.
    """

    protected: bytes
    headers: Mapping[Any, Any]
    """The protected headers, read."""
    unprotected: Mapping[Any, Any]
    """The unprotected headers, which anybody may have changed."""
    payload: bytes
    """The bytes that the message carries: a CWT."""
    signature: bytes
    """The signature, for ECDSA r and s of equal length (RFC 9053, section 2.1)."""
    kid: bytes | None
    algorithm: int | None
    deviations: tuple[Deviation, ...] = ()
    """What departed from the specifications and was read all the same, in the order met."""

    @property
    def signed_bytes(self) -> bytes:
        """What the signature covers: the CBOR of the Sig_structure (RFC 9052, section 4.4)."""
        return signed_bytes(self.protected, self.payload)

    def to_json(self) -> dict[str, Any]:
        """Return the headers' labels and the lengths, and nothing that may be the holder's.

        The value of ``algorithm`` is its name, or its number where passes do not use it; a label
        that is not an integer is masked.
        """
        return {
            "algorithm": ALGORITHMS.get(self.algorithm or 0, self.algorithm),
            "kid": None if self.kid is None else self.kid.hex(),
            "protected": list(map(_label, self.headers)),
            "unprotected": list(map(_label, self.unprotected)),
            "signature": {"bytes": len(self.signature)},
        }

    def __repr__(self) -> str:
        return f"<Sign1 algorithm={self.algorithm} kid={self.kid.hex() if self.kid else None}>"

    def __reduce__(self) -> tuple[object, ...]:
        return cbor.rebuild, (type(self), cbor.pack(tuple(self)))


def _label(label: object) -> str:
    """Return a header's name; only an integer label is certain not to be personal data."""
    if type(label) is not int:
        return cbor.MASK
    return _LABELS.get(label, str(label))


def signed_bytes(protected: bytes, payload: bytes) -> bytes:
    """The CBOR of ``["Signature1", protected, h'', payload]``."""
    return b"".join(
        (_SIGNATURE1, cbor.byte_string(protected), _EMPTY_BYTES, cbor.byte_string(payload))
    )


def sign1(payload: bytes, *, algorithm: int, kid: bytes, sign: Callable[[bytes], bytes]) -> bytes:
    """A tagged message with `algorithm` and `kid` in the protected header.

    `sign` gets the bytes to be signed and gives the signature in COSE's form.
    """
    to_sign, head = unsigned(payload, algorithm=algorithm, kid=kid)
    return with_signature(head, sign(to_sign))


def unsigned(payload: bytes, *, algorithm: int, kid: bytes) -> tuple[bytes, bytes]:
    """Return the bytes to be signed, and the tagged message up to its signature."""
    header = _header(algorithm, kid)
    content = cbor.byte_string(payload)
    to_sign = b"".join((_SIGNATURE1, header, _EMPTY_BYTES, content))
    return to_sign, b"".join((b"\xd2\x84", header, b"\xa0", content))


def with_signature(head: bytes, signature: bytes) -> bytes:
    """Return the message that begins with `head` (see `unsigned`), with its signature."""
    return head + cbor.byte_string(signature)


@lru_cache(maxsize=64)
def _header(algorithm: int, kid: bytes) -> bytes:
    """The protected header as a byte string in CBOR; all passes of one key share it."""
    return cbor.byte_string(cbor.dump({HEADER_ALG: algorithm, HEADER_KID: kid}))


def read(data: bytes) -> Sign1:
    """The message that `data` holds.

    Raises DecodeError, of the layer ``cbor`` where `data` is no CBOR, of the layer ``cose`` where
    it is no COSE_Sign1 (``unexpected-tag``, ``structure``, ``protected-header``,
    ``critical-header``).
    """
    item, indefinite = cbor.load(data)
    deviations: list[Deviation] = []
    if indefinite:
        deviations.append(_indefinite("the message"))
    message = _untag(item, deviations)
    if type(message) not in (list, tuple) or len(message) != 4:
        raise DecodeError("cose", "structure", "the message is no array of four")
    protected, unprotected, payload, signature = message
    if not (
        type(protected) is bytes
        and isinstance(unprotected, (dict, cbor2.frozendict))
        and type(payload) is bytes
        and type(signature) is bytes
    ):
        raise DecodeError("cose", "structure", "a part of the message is of the wrong type")
    headers = _protected_headers(protected, deviations) if protected else {}
    _check_labels(headers)
    _check_labels(unprotected)
    if HEADER_CRIT in headers or HEADER_CRIT in unprotected:
        raise DecodeError("cose", "critical-header", "a critical header asks for what is not known")
    kid, algorithm = headers.get(HEADER_KID), headers.get(HEADER_ALG)
    if unprotected or kid is None or algorithm is None:
        kid, algorithm = _from_unprotected(unprotected, kid, algorithm, deviations)
    if type(kid) is not bytes:
        kid = None
    elif len(kid) != KID_LENGTH:
        deviations.append(
            Deviation("cose.kid-length", "kid", f"the kid is not {KID_LENGTH} bytes long")
        )
    return Sign1(
        protected,
        headers,
        unprotected,
        payload,
        signature,
        kid,
        algorithm if type(algorithm) is int else None,
        tuple(deviations),
    )


def signature_span(size: int) -> int:
    """How many bytes a signature of `size` bytes takes at a message's end, its length included."""
    return size + (2 if size < 0x100 else 3)


def _untag(item: Any, deviations: list[Deviation]) -> Any:
    if type(item) is cbor2.CBORTag and item.tag == _TAG_CWT:
        deviations.append(Deviation("cose.cwt-tag", "", "a CWT tag (61) stands around the message"))
        item = item.value
    if type(item) is not cbor2.CBORTag:
        if type(item) in (list, tuple):
            deviations.append(Deviation("cose.untagged", "", "the message lacks its tag 18"))
        return item
    if item.tag != _TAG_SIGN1:
        raise DecodeError("cose", "unexpected-tag", f"tag {item.tag} is not COSE_Sign1's")
    return item.value


def _protected_headers(protected: bytes, deviations: list[Deviation]) -> Mapping[Any, Any]:
    try:
        headers, indefinite = cbor.load(protected)
    except DecodeError:
        raise DecodeError("cose", "protected-header", "the protected header is no CBOR") from None
    if not isinstance(headers, dict):
        raise DecodeError("cose", "protected-header", "the protected header is no map")
    if indefinite:
        deviations.append(_indefinite("the protected header"))
    return headers


def _check_labels(headers: Mapping[Any, Any]) -> None:
    """Refuse labels that are no integer or text: ``true`` and ``1.0`` would pass for 1."""
    if any(type(label) is not int and type(label) is not str for label in headers):
        raise DecodeError("cose", "label", "a header label must be an integer or a text")


def _from_unprotected(
    unprotected: Mapping[Any, Any], kid: object, algorithm: object, deviations: list[Deviation]
) -> tuple[object, object]:
    """kid and algorithm with the unprotected header as the second choice (hcert-spec, 3.4)."""
    outer_kid, outer_algorithm = unprotected.get(HEADER_KID), unprotected.get(HEADER_ALG)
    if kid is None and outer_kid is not None:
        kid = outer_kid
        deviations.append(
            Deviation("cose.kid-unprotected", "kid", "only the unprotected header states the kid")
        )
    elif outer_kid is not None and outer_kid != kid:
        deviations.append(
            Deviation("cose.kid-ambiguous", "kid", "the unprotected header states another kid")
        )
    if algorithm is None and outer_algorithm is not None:
        algorithm = outer_algorithm
        deviations.append(
            Deviation(
                "cose.alg-unprotected", "alg", "only the unprotected header states the algorithm"
            )
        )
    elif outer_algorithm is not None and outer_algorithm != algorithm:
        deviations.append(
            Deviation(
                "cose.alg-ambiguous", "alg", "the unprotected header states another algorithm"
            )
        )
    return kid, algorithm


def _indefinite(where: str) -> Deviation:
    return Deviation("cbor.indefinite-length", "", f"{where} uses indefinite lengths")
