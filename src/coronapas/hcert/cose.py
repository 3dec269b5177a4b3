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
from coronapas.hcert import cbor
from coronapas.tolerances import Deviation

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ES256: Final = -7
"""ECDSA with SHA-256, signature r‖s (RFC 9053, section 2.1)."""
PS256: Final = -37
"""RSASSA-PSS with SHA-256, MGF1 with SHA-256, a salt of 32 bytes (RFC 8230, section 2)."""

ALGORITHMS: Final[dict[int, str]] = {ES256: "ES256", PS256: "PS256"}
"""The algorithms that a pass may use (hcert-spec, section 3.3)."""

HEADER_ALG: Final = 1
HEADER_CRIT: Final = 2
HEADER_KID: Final = 4

KID_LENGTH: Final = 8
"""Length of a key identifier in bytes (hcert-spec, section 3.4)."""

_TAG_SIGN1: Final = 18
_TAG_CWT: Final = 61

# CBOR of an array of four whose first item is the text "Signature1".
_SIGNATURE1: Final = b"\x84\x6aSignature1"
_EMPTY_BYTES: Final = b"\x40"

_PLAIN_LABELS: Final = {HEADER_ALG, HEADER_KID}
_PLAIN_HEADER: Final = 32  # bytes; the header of a real pass has 13 or 14


class Sign1(NamedTuple):
    """A COSE_Sign1 message as it was read; nothing about it is verified.

    `protected` holds the very bytes that were signed. `kid` and `algorithm` are the ones that
    count: the protected header's, else the unprotected header's, else None; None also where the
    value is of a type that COSE does not allow.
    """

    protected: bytes
    headers: Mapping[Any, Any]
    unprotected: Mapping[Any, Any]
    payload: bytes
    signature: bytes
    kid: bytes | None
    algorithm: int | None
    deviations: tuple[Deviation, ...] = ()

    @property
    def signed_bytes(self) -> bytes:
        """What the signature covers: the CBOR of the Sig_structure (RFC 9052, section 4.4)."""
        return signed_bytes(self.protected, self.payload)

    def __repr__(self) -> str:
        return f"<Sign1 algorithm={self.algorithm} kid={self.kid.hex() if self.kid else None}>"


def signed_bytes(protected: bytes, payload: bytes) -> bytes:
    """The CBOR of ``["Signature1", protected, h'', payload]``."""
    return b"".join(
        (_SIGNATURE1, cbor.byte_string(protected), _EMPTY_BYTES, cbor.byte_string(payload))
    )


def sign1(payload: bytes, *, algorithm: int, kid: bytes, sign: Callable[[bytes], bytes]) -> bytes:
    """A tagged message with `algorithm` and `kid` in the protected header.

    `sign` gets the bytes to be signed and gives the signature in COSE's form.
    """
    protected = cbor.dump({HEADER_ALG: algorithm, HEADER_KID: kid})
    signature = sign(signed_bytes(protected, payload))
    return b"".join(
        (
            b"\xd2\x84",
            cbor.byte_string(protected),
            b"\xa0",
            cbor.byte_string(payload),
            cbor.byte_string(signature),
        )
    )


def read(data: bytes) -> Sign1:
    """The message that `data` holds.

    Raises DecodeError, of the layer ``cbor`` where `data` is no CBOR, of the layer ``cose`` where
    it is no COSE_Sign1 (``unexpected-tag``, ``structure``, ``protected-header``,
    ``critical-header``).
    """
    plain = _frame(data)
    if plain is not None:
        protected, payload, signature = plain
        kid, algorithm = (
            _plain_header(protected) if len(protected) <= _PLAIN_HEADER else (None, None)
        )
        if kid is not None:
            headers = {HEADER_ALG: algorithm, HEADER_KID: kid}
            return Sign1(protected, headers, {}, payload, signature, kid, algorithm, ())
    return _read_closely(data)


def _read_closely(data: bytes) -> Sign1:
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
    if HEADER_CRIT in headers:
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


def _frame(data: bytes) -> tuple[bytes, bytes, bytes] | None:
    """The three byte strings of a message in its plainest frame, or None for any other frame.

    The plainest frame has tag 18, an empty unprotected header, and lengths in one or two bytes; it
    is by far the most frequent one, and taking it apart needs no CBOR decoder. What this function
    takes apart, `_read_closely` reads alike.
    """
    if data[:2] != b"\xd2\x84":
        return None
    try:
        protected, place = _string(data, 2)
        if data[place] != 0xA0:
            return None
        payload, place = _string(data, place + 1)
        signature, place = _string(data, place)
    except (IndexError, ValueError):
        return None
    return (protected, payload, signature) if place == len(data) else None


def _string(data: bytes, place: int) -> tuple[bytes, int]:
    """The byte string that begins at `place`, and where it ends; ValueError where there is none."""
    head = data[place]
    if head == 0x58:
        start = place + 2
        end = start + data[place + 1]
    elif head == 0x59:
        start = place + 3
        end = start + (data[place + 1] << 8 | data[place + 2])
    elif 0x40 <= head < 0x58:
        start = place + 1
        end = start + head - 0x40
    else:
        raise ValueError
    string = data[start:end]
    if len(string) != end - start:
        raise ValueError
    return string, end


@lru_cache(maxsize=256)
def _plain_header(protected: bytes) -> tuple[bytes | None, int | None]:
    """The kid and algorithm of a protected header that states just these two, as it should.

    Both None for any other header. An issuer's passes all share their header, hence the cache; it
    holds nothing but what the bytes themselves say, and only short ones get here.
    """
    try:
        headers, indefinite = cbor.load(protected)
    except DecodeError:
        return None, None
    if indefinite or type(headers) is not dict or headers.keys() != _PLAIN_LABELS:
        return None, None
    kid, algorithm = headers[HEADER_KID], headers[HEADER_ALG]
    if type(kid) is not bytes or len(kid) != KID_LENGTH or type(algorithm) is not int:
        return None, None
    return kid, algorithm


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
    return kid, algorithm


def _indefinite(where: str) -> Deviation:
    return Deviation("cbor.indefinite-length", "", f"{where} uses indefinite lengths")
