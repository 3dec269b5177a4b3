"""The parts of an mdoc: IssuerSigned, MobileSecurityObject, DeviceResponse, DeviceAuthentication.

Implements ISO/IEC 18013-5, as public implementations and its Annex D show it, and the handover of
OpenID4VP 1.0, appendix B.2.6. Nothing is verified here. Three things are read, or made:

- the structure, within bounds; a member that is not known is an error;
- where items begin and end in the bytes: a digest covers an item *as it was received*, and an
  encoder may have written a length in more bytes than it needs, which a decoder does not tell;
- the session that a presentation is bound to. Its transcript is kept as the bytes that were given.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import cbor2
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from coronapas.errors import CredentialError, DecodeError
from coronapas.hcert import _cbor as cbor
from coronapas.hcert import _cose as cose
from coronapas.wallets._issuers import certificates_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from cryptography.hazmat.primitives.asymmetric.ec import (
        EllipticCurvePrivateKey,
        EllipticCurvePublicKey,
    )

    from coronapas.trust import Certificate

MAX_BYTES: Final = 256 * 1024
"""The largest document, in bytes, inclusive."""
MAX_ELEMENTS: Final = 1000
"""The most elements of one document, inclusive."""
LEAST_RANDOM: Final = 16
"""The fewest random bytes of an element, inclusive."""

VERSION: Final = "1.0"
X5CHAIN: Final = 33
HMAC_256: Final = 5
_DATE_TIME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
_HASHES: Final[Mapping[str, Callable[[bytes], Any]]] = {
    "SHA-256": hashlib.sha256,
    "SHA-384": hashlib.sha384,
    "SHA-512": hashlib.sha512,
}
_MALFORMED: Final = "format.malformed"
MAX_HEADS: Final = 5_000
"""The most items that are walked at once, those inside others included (inclusive)."""
MAX_TRANSCRIPT: Final = 64 * 1024
"""The longest session transcript, in bytes, inclusive."""

_MAP: Final = 5
_ARRAY: Final = 4
_TAG: Final = 6
_STRINGS: Final = (2, 3)
_BREAK: Final = 0xFF
_INDEFINITE: Final = 31
_ENCODED: Final = 24
_TAG_24: Final = b"\xd8\x18"


# Where items begin and end (RFC 8949, chapter 3). Only whole items that a decoder has read, and so
# found well-formed and bounded, are walked.


class _Walk:
    """One walk through bytes, which may meet so many items and no more."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._left = MAX_HEADS

    def head(self, at: int) -> tuple[int, int, int | None]:
        """Return the major type, the place behind the head, and its number; None: indefinite."""
        self._left -= 1
        if self._left < 0:
            raise CredentialError("format.too-large", "the document has too many items")
        first = self._data[at]
        major, low = first >> 5, first & 31
        if low < 24:
            return major, at + 1, low
        if low == _INDEFINITE:
            return major, at + 1, None
        size = 1 << (low - 24)
        return major, at + 1 + size, int.from_bytes(self._data[at + 1 : at + 1 + size], "big")

    def end(self, at: int) -> int:
        """Return where the item that begins at `at` ends."""
        major, place, number = self.head(at)
        if major == _TAG:
            return self.end(place)
        if major in _STRINGS:
            if number is not None:
                return place + number
            while self._data[place] != _BREAK:
                place = self.end(place)
            return place + 1
        if major in (_ARRAY, _MAP):
            found = self.inside(major, place, number)
            return (found[-1][1] if found else place) + (number is None)
        return place

    def inside(self, major: int, place: int, number: int | None) -> list[tuple[int, int]]:
        """Return where each item inside an array or map begins and ends."""
        found = []
        left = None if number is None else number * (2 if major == _MAP else 1)
        while left != 0 and not (left is None and self._data[place] == _BREAK):
            end = self.end(place)
            found.append((place, end))
            place = end
            left = None if left is None else left - 1
        return found


def _items_in(data: bytes) -> list[bytes]:
    """Return the bytes of each item of an array, or of each key and value of a map, in order.

    Raises CredentialError where `data` is neither, or holds too many items.
    """
    walk = _Walk(data)
    try:
        major, place, number = walk.head(0)
        if major not in (_ARRAY, _MAP):
            raise CredentialError("format.malformed", "an array or a map is missing")
        return [data[begin:end] for begin, end in walk.inside(major, place, number)]
    except (IndexError, RecursionError):
        raise CredentialError("format.malformed", "the CBOR ends too early") from None


def _members_in(data: bytes) -> dict[bytes, bytes]:
    """Return the bytes of a map's values by the bytes of their keys."""
    parts = _items_in(data)
    return dict(zip(parts[::2], parts[1::2], strict=True))


# What is read.


def elements_in(data: bytes) -> tuple[str, dict[str, dict[str, Any]]]:
    """Return the docType and the elements of an mdoc, with no trust implied.

    Raises CredentialError where it is malformed.
    """
    found = open_mdoc(data)
    return found.mso.doc_type, tree_of(found.items)


class Item(NamedTuple):
    """One IssuerSignedItem, with its bytes as received."""

    name_space: str
    identifier: int
    name: str
    value: Any
    raw: bytes

    def __repr__(self) -> str:
        return "<Item>"


class Mso(NamedTuple):
    """A MobileSecurityObject; times are seconds since 1970-01-01T00:00:00Z."""

    doc_type: str
    hash: Callable[[bytes], Any]
    digests: Mapping[str, Mapping[int, bytes]]
    device_key: EllipticCurvePublicKey
    authorised: Mapping[str, Any]
    signed: float
    valid_from: float
    valid_until: float
    members: Mapping[str, Any]

    def __repr__(self) -> str:
        return f"<Mso {self.doc_type}>"


class Opened(NamedTuple):
    """An mdoc as it was read; nothing about it is verified."""

    items: tuple[Item, ...]
    raw_auth: bytes
    chain: tuple[Certificate, ...]
    protected: bytes
    payload: bytes
    signature: bytes
    mso: Mso
    doc_type: str | None = None
    device_signed: bytes | None = None

    def __repr__(self) -> str:
        return f"<Opened: {len(self.items)} items, {self.mso!r}>"


def load(data: bytes, what: str) -> Any:
    """Return the value of bounded CBOR; raise CredentialError where it is not that."""
    try:
        return cbor.load(data)[0]
    except DecodeError as error:
        raise CredentialError(_MALFORMED, f"{what}: {error.message}") from None


def members_of(
    data: bytes, what: str, known: Collection[str], needed: Collection[str]
) -> dict[str, bytes]:
    """Return the bytes of a map's members by their names; unknown ones are an error."""
    if not isinstance(load(data, what), Mapping):
        raise CredentialError(_MALFORMED, f"{what} must be a map")
    found = {}
    for key, value in _members_in(data).items():
        name = load(key, what)
        if not isinstance(name, str) or name not in known:
            raise CredentialError("format.unknown-member", f"{what} has an unknown member")
        found[name] = value
    if not set(needed) <= found.keys():
        raise CredentialError(_MALFORMED, f"{what} lacks a member")
    return found


def open_mdoc(data: bytes) -> Opened:
    """Read an IssuerSigned, or the one document of a DeviceResponse."""
    if len(data) > MAX_BYTES:
        raise CredentialError("format.too-large", "the document is too large")
    top = load(data, "the document")
    if isinstance(top, Mapping) and "issuerAuth" in top:
        return _issuer_signed(data)
    response = members_of(
        data,
        "the response",
        ("version", "documents", "documentErrors", "status"),
        ("version", "status"),
    )
    if load(response["version"], "the version") != VERSION:
        raise CredentialError("format.version", "the response is of another version")
    status = load(response["status"], "the status")
    if type(status) is not int or status != 0:
        raise CredentialError("format.status", "the response says that something went wrong")
    documents = load(response.get("documents", b"\x80"), "the documents")
    if not isinstance(documents, list | tuple) or len(documents) != 1:
        raise CredentialError("format.documents", "the response must hold exactly one document")
    (document,) = _items_in(response["documents"])
    parts = members_of(
        document,
        "the document",
        ("docType", "issuerSigned", "deviceSigned", "errors"),
        ("docType", "issuerSigned", "deviceSigned"),
    )
    doc_type = load(parts["docType"], "the docType")
    if not isinstance(doc_type, str):
        raise CredentialError(_MALFORMED, "the docType must be a text")
    found = _issuer_signed(parts["issuerSigned"])
    return found._replace(doc_type=doc_type, device_signed=parts["deviceSigned"])


def _issuer_signed(data: bytes) -> Opened:
    parts = members_of(data, "issuerSigned", ("nameSpaces", "issuerAuth"), ("issuerAuth",))
    auth = load(parts["issuerAuth"], "issuerAuth")
    protected, unprotected, payload, signature = message_of(auth, "issuerAuth")
    if type(payload) is not bytes:
        raise CredentialError(_MALFORMED, "issuerAuth must hold its payload")
    check_algorithm(protected, cose.ES256, "issuerAuth")
    if set(unprotected) != {X5CHAIN}:
        raise CredentialError("format.certificates", "issuerAuth must state its x5chain alone")
    chain = certificates_of(unprotected[X5CHAIN])
    items = tuple(_items(parts.get("nameSpaces")))
    mso = _mso(embedded_in(payload, "the MSO"))
    return Opened(items, parts["issuerAuth"], chain, protected, payload, signature, mso)


def message_of(auth: Any, what: str) -> tuple[bytes, Mapping[Any, Any], Any, bytes]:
    """Return the four parts of an untagged COSE message."""
    if not isinstance(auth, list | tuple) or len(auth) != 4:
        raise CredentialError(_MALFORMED, f"{what} must be an array of four")
    protected, unprotected, payload, signature = auth
    if (
        type(protected) is not bytes
        or not isinstance(unprotected, Mapping)
        or type(signature) is not bytes
    ):
        raise CredentialError(_MALFORMED, f"{what} has a part of the wrong type")
    return protected, unprotected, payload, signature


def check_algorithm(protected: bytes, algorithm: int, what: str) -> None:
    """Raise CredentialError unless the protected header states this algorithm and no more."""
    headers = load(protected, f"the protected header of {what}")
    if not isinstance(headers, Mapping) or set(headers) != {cose.HEADER_ALG}:
        raise CredentialError("format.header", f"{what} must state its algorithm alone")
    stated = headers[cose.HEADER_ALG]
    if type(stated) is not int or stated != algorithm:
        raise CredentialError("format.algorithm", f"the algorithm of {what} is not accepted")


def embedded_in(data: bytes, what: str) -> bytes:
    """Return the bytes under tag 24."""
    item = load(data, what)
    if not isinstance(item, cbor2.CBORTag) or item.tag != 24 or type(item.value) is not bytes:
        raise CredentialError(_MALFORMED, f"{what} must be bytes under tag 24")
    found: bytes = item.value
    return found


def _items(data: bytes | None) -> Iterable[Item]:
    if data is None:
        return
    if not isinstance(load(data, "nameSpaces"), Mapping):
        raise CredentialError(_MALFORMED, "nameSpaces must be a map")
    count = 0
    seen: set[tuple[str, object]] = set()
    for key, value in _members_in(data).items():
        name_space = load(key, "a namespace")
        if not isinstance(name_space, str) or not isinstance(
            load(value, "a namespace"), list | tuple
        ):
            raise CredentialError(_MALFORMED, "a namespace must be a list of elements")
        for raw in _items_in(value):
            count += 1
            if count > MAX_ELEMENTS:
                raise CredentialError("format.too-large", "the document has too many elements")
            item = _item(name_space, raw)
            if {(name_space, item.name), (name_space, item.identifier)} & seen:
                raise CredentialError("disclosure.repeated", "an element is stated twice")
            seen |= {(name_space, item.name), (name_space, item.identifier)}
            yield item


def _item(name_space: str, raw: bytes) -> Item:
    content = load(embedded_in(raw, "an element"), "an element")
    if not isinstance(content, Mapping) or content.keys() != {
        "digestID",
        "random",
        "elementIdentifier",
        "elementValue",
    }:
        raise CredentialError(_MALFORMED, "an element has other members than it must")
    identifier, random = content["digestID"], content["random"]
    name = content["elementIdentifier"]
    if type(identifier) is not int or identifier < 0 or type(name) is not str:
        raise CredentialError(_MALFORMED, "an element has a member of the wrong type")
    if type(random) is not bytes or len(random) < LEAST_RANDOM:
        raise CredentialError("format.random", "an element has too little randomness")
    return Item(name_space, identifier, name, content["elementValue"], raw)


def tree_of(items: Iterable[Item]) -> dict[str, dict[str, Any]]:
    """Return the values of elements by their namespaces and names."""
    found: dict[str, dict[str, Any]] = {}
    for item in items:
        found.setdefault(item.name_space, {})[item.name] = item.value
    return found


def _mso(data: bytes) -> Mso:
    mso = load(data, "the MSO")
    if not isinstance(mso, Mapping) or mso.get("version") != VERSION:
        raise CredentialError("format.version", "the MSO is of another version")
    function = _HASHES.get(str(mso.get("digestAlgorithm")))
    if function is None:
        raise CredentialError("format.digest", "the MSO's digest algorithm is not supported")
    digests, doc_type = mso.get("valueDigests"), mso.get("docType")
    key_info, validity = mso.get("deviceKeyInfo"), mso.get("validityInfo")
    if not (isinstance(digests, Mapping) and all(map(_are_digests, digests.items()))):
        raise CredentialError(_MALFORMED, "the MSO's digests are malformed")
    if not isinstance(doc_type, str):
        raise CredentialError(_MALFORMED, "the MSO must state its docType")
    if not isinstance(key_info, Mapping) or not isinstance(validity, Mapping):
        raise CredentialError(_MALFORMED, "the MSO lacks a member")
    authorised = key_info.get("keyAuthorizations", {})
    if not isinstance(authorised, Mapping):
        raise CredentialError(_MALFORMED, "the MSO's key authorizations are malformed")
    return Mso(
        doc_type,
        function,
        digests,
        _device_key(key_info.get("deviceKey")),
        authorised,
        _moment(validity.get("signed")),
        _moment(validity.get("validFrom")),
        _moment(validity.get("validUntil")),
        mso,
    )


def _are_digests(entry: tuple[Any, Any]) -> bool:
    name, digests = entry
    return (
        isinstance(name, str)
        and isinstance(digests, Mapping)
        and all(type(key) is int and type(each) is bytes for key, each in digests.items())
    )


def _moment(value: Any) -> float:
    """Return a date-time under tag 0: UTC with ``Z``, without a fraction."""
    if not isinstance(value, cbor.TaggedText) or not _DATE_TIME.fullmatch(value):
        raise CredentialError("format.time", "a time of the MSO is malformed")
    try:
        return datetime.strptime(value, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise CredentialError("format.time", "a time of the MSO is not in the calendar") from None


def _device_key(item: Any) -> EllipticCurvePublicKey:
    if not isinstance(item, Mapping) or (item.get(1), item.get(-1)) != (2, 1):
        raise CredentialError("format.device-key", "the device's key must be on P-256")
    x, y = item.get(-2), item.get(-3)
    if type(x) is not bytes or type(y) is not bytes or not len(x) == len(y) == 32:
        raise CredentialError("format.device-key", "the device's key is malformed")
    numbers = ec.EllipticCurvePublicNumbers(
        int.from_bytes(x, "big"), int.from_bytes(y, "big"), ec.SECP256R1()
    )
    try:
        return numbers.public_key()
    except ValueError:
        raise CredentialError("format.device-key", "the device's key is not a point") from None


# The session, and what a device signs or authenticates of it.


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
