"""Read and verify an mdoc: a credential in CBOR with a digest for each element.

Implements ISO/IEC 18013-5 (IssuerSigned, MobileSecurityObject, DeviceResponse), as public
implementations and the standard's Annex D show it. The rules of verification, in order:

1. the bytes are one IssuerSigned, or a DeviceResponse of version 1.0 and status 0 with exactly one
   document, and have no members that are not known;
2. ``issuerAuth`` is an untagged COSE_Sign1 under ES256 whose ``x5chain`` leads to the trust store;
   its payload is the MobileSecurityObject of version 1.0, under tag 24;
3. the docType is one that the verifier accepts, and the document's is the signed one;
4. the certificate may issue that docType. For a driving licence that is the purpose
   1.0.18013.5.1.2; for other docTypes no purpose is standardised, and the policy is the caller's;
5. every returned element has a digest in the MobileSecurityObject, and its bytes *as received* have
   that digest; no digest identifier and no element occurs twice;
6. ``signed`` ≤ now, ``validFrom`` ≤ now ≤ ``validUntil``;
7. where the *verifier* names a session, the device signed or authenticated it: the detached payload
   is made of its transcript, the docType, and the device's own elements as received.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec

from coronapas import _signatures as signatures
from coronapas.errors import DecodeError
from coronapas.hcert import _cbor as cbor
from coronapas.hcert import _cose as cose
from coronapas.tolerances import FIELD
from coronapas.verify._verifier import DEFAULT_CLOCK_SKEW
from coronapas.wallets import _jose as jose
from coronapas.wallets import _mapping as mapping
from coronapas.wallets import _session as sessions
from coronapas.wallets import _slices as slices
from coronapas.wallets._errors import CredentialError
from coronapas.wallets._issuers import judge_usage
from coronapas.wallets._judging import Judge, judge_time
from coronapas.wallets._result import MDOC, Credential, CredentialVerification, Findings
from coronapas.wallets._status_list import certificates_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from datetime import timedelta

    from cryptography.hazmat.primitives.asymmetric.ec import (
        EllipticCurvePublicKey,
    )

    from coronapas.dcc import ValueSets
    from coronapas.trust import Certificate, TrustStore
    from coronapas.verify._keyring import CertificateTime
    from coronapas.wallets._session import Session
    from coronapas.wallets._status_list import StatusList

MICOV: Final = "org.micov.1"
"""The docType that is issued by default: known from public wallet software, not from a norm."""
MDL: Final = "org.iso.18013.5.1.mDL"
"""The docType of a driving licence."""
MDL_PURPOSE: Final = "1.0.18013.5.1.2"
"""The key purpose that a driving licence's issuer has (mdlDS)."""

MAX_BYTES: Final = 256 * 1024
"""The largest document, in bytes, inclusive."""
MAX_ELEMENTS: Final = 1000
"""The most elements of one document, inclusive."""
LEAST_RANDOM: Final = 16
"""The fewest random bytes of an element, inclusive."""

VERSION: Final = "1.0"
X5CHAIN: Final = 33
HMAC_256: Final = 5
_TAG_LENGTH: Final = 32
_DATE_TIME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
_HASHES: Final[Mapping[str, Callable[[bytes], Any]]] = {
    "SHA-256": hashlib.sha256,
    "SHA-384": hashlib.sha384,
    "SHA-512": hashlib.sha512,
}
_MALFORMED: Final = "format.malformed"


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


def elements_in(data: bytes) -> tuple[str, dict[str, dict[str, Any]]]:
    """Return the docType and the elements of an mdoc, with no trust implied.

    Raises CredentialError where it is malformed.
    """
    found = open_mdoc(data)
    return found.mso.doc_type, _tree(found.items)


class Item(NamedTuple):
    """One IssuerSignedItem, with its bytes as received."""

    name_space: str
    identifier: int
    name: str
    value: Any
    raw: bytes


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


def _load(data: bytes, what: str) -> Any:
    try:
        return cbor.load(data)[0]
    except DecodeError as error:
        raise CredentialError(_MALFORMED, f"{what}: {error.message}") from None


def _map(
    data: bytes, what: str, known: Collection[str], needed: Collection[str]
) -> dict[str, bytes]:
    """Return the bytes of a map's members by their names; unknown ones are an error."""
    if not isinstance(_load(data, what), Mapping):
        raise CredentialError(_MALFORMED, f"{what} must be a map")
    found = {}
    for key, value in slices.members(data).items():
        name = _load(key, what)
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
    top = _load(data, "the document")
    if isinstance(top, Mapping) and "issuerAuth" in top:
        return _issuer_signed(data)
    response = _map(
        data,
        "the response",
        ("version", "documents", "documentErrors", "status"),
        ("version", "status"),
    )
    if _load(response["version"], "the version") != VERSION:
        raise CredentialError("format.version", "the response is of another version")
    status = _load(response["status"], "the status")
    if type(status) is not int or status != 0:
        raise CredentialError("format.status", "the response says that something went wrong")
    documents = _load(response.get("documents", b"\x80"), "the documents")
    if not isinstance(documents, list | tuple) or len(documents) != 1:
        raise CredentialError("format.documents", "the response must hold exactly one document")
    (document,) = slices.items(response["documents"])
    parts = _map(
        document,
        "the document",
        ("docType", "issuerSigned", "deviceSigned", "errors"),
        ("docType", "issuerSigned", "deviceSigned"),
    )
    doc_type = _load(parts["docType"], "the docType")
    if not isinstance(doc_type, str):
        raise CredentialError(_MALFORMED, "the docType must be a text")
    found = _issuer_signed(parts["issuerSigned"])
    return found._replace(doc_type=doc_type, device_signed=parts["deviceSigned"])


def _issuer_signed(data: bytes) -> Opened:
    parts = _map(data, "issuerSigned", ("nameSpaces", "issuerAuth"), ("issuerAuth",))
    auth = _load(parts["issuerAuth"], "issuerAuth")
    protected, unprotected, payload, signature = _message(auth, "issuerAuth")
    if type(payload) is not bytes:
        raise CredentialError(_MALFORMED, "issuerAuth must hold its payload")
    _algorithm(protected, cose.ES256, "issuerAuth")
    if set(unprotected) != {X5CHAIN}:
        raise CredentialError("format.certificates", "issuerAuth must state its x5chain alone")
    chain = certificates_of(unprotected[X5CHAIN])
    items = tuple(_items(parts.get("nameSpaces")))
    mso = _mso(_embedded(payload, "the MSO"))
    return Opened(items, parts["issuerAuth"], chain, protected, payload, signature, mso)


def _message(auth: Any, what: str) -> tuple[bytes, Mapping[Any, Any], Any, bytes]:
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


def _algorithm(protected: bytes, algorithm: int, what: str) -> None:
    """Raise CredentialError unless the protected header states this algorithm and no more."""
    headers = _load(protected, f"the protected header of {what}")
    if not isinstance(headers, Mapping) or set(headers) != {cose.HEADER_ALG}:
        raise CredentialError("format.header", f"{what} must state its algorithm alone")
    stated = headers[cose.HEADER_ALG]
    if type(stated) is not int or stated != algorithm:
        raise CredentialError("format.algorithm", f"the algorithm of {what} is not accepted")


def _embedded(data: bytes, what: str) -> bytes:
    """Return the bytes under tag 24."""
    item = _load(data, what)
    if not isinstance(item, cbor2.CBORTag) or item.tag != 24 or type(item.value) is not bytes:
        raise CredentialError(_MALFORMED, f"{what} must be bytes under tag 24")
    found: bytes = item.value
    return found


def _items(data: bytes | None) -> Iterable[Item]:
    if data is None:
        return
    if not isinstance(_load(data, "nameSpaces"), Mapping):
        raise CredentialError(_MALFORMED, "nameSpaces must be a map")
    count = 0
    seen: set[tuple[str, object]] = set()
    for key, value in slices.members(data).items():
        name_space = _load(key, "a namespace")
        if not isinstance(name_space, str) or not isinstance(
            _load(value, "a namespace"), list | tuple
        ):
            raise CredentialError(_MALFORMED, "a namespace must be a list of elements")
        for raw in slices.items(value):
            count += 1
            if count > MAX_ELEMENTS:
                raise CredentialError("format.too-large", "the document has too many elements")
            item = _item(name_space, raw)
            if {(name_space, item.name), (name_space, item.identifier)} & seen:
                raise CredentialError("disclosure.repeated", "an element is stated twice")
            seen |= {(name_space, item.name), (name_space, item.identifier)}
            yield item


def _item(name_space: str, raw: bytes) -> Item:
    content = _load(_embedded(raw, "an element"), "an element")
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


def _tree(items: Iterable[Item]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for item in items:
        found.setdefault(item.name_space, {})[item.name] = item.value
    return found


def _mso(data: bytes) -> Mso:
    mso = _load(data, "the MSO")
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


class MdocVerifier:
    """Verifies mdocs against one trust store. Immutable and thread-safe.

    Args:
        trust: The certificates, authorities (IACAs) and bare keys that are trusted.
        doc_types: The docTypes that are accepted; None for all. Facts come from `MICOV` and from
            those named here.
        purposes: The key purpose that the issuer of a docType must have, by docType. For other
            docTypes every certificate that the trust store vouches for may sign: give a store of
            issuers of that docType alone.
        tolerate: The tolerances granted for the content (`coronapas.tolerances`).
        clock_skew: How far the mdoc may lie in the future (inclusive).
        certificate_time: Whether the certificate must be valid ``"now"``, or when it ``"issued"``.
        value_sets: The value sets that codes are judged by; the bundled ones by default.
        status_lists: The status lists at hand (`read_status_list`).
        refuse_unknown_status: Whether an mdoc fails where its status list is not at hand.

    """

    def __init__(
        self,
        trust: TrustStore,
        *,
        doc_types: Collection[str] | None = None,
        purposes: Mapping[str, str] | None = None,
        tolerate: Collection[str] = FIELD,
        clock_skew: timedelta = DEFAULT_CLOCK_SKEW,
        certificate_time: CertificateTime = "now",
        value_sets: ValueSets | None = None,
        status_lists: Iterable[StatusList] = (),
        refuse_unknown_status: bool = False,
    ) -> None:
        if isinstance(doc_types, str):
            raise TypeError("doc_types must be a collection of names")
        self._doc_types = None if doc_types is None else frozenset(doc_types)
        self._purposes = {MDL: MDL_PURPOSE, **(purposes or {})}
        self._judge = Judge(
            trust,
            tolerate=tolerate,
            clock_skew=clock_skew,
            certificate_time=certificate_time,
            value_sets=value_sets,
            status_lists=status_lists,
            refuse_unknown_status=refuse_unknown_status,
        )

    def verify(
        self, data: bytes, at: datetime | None = None, *, session: Session | None = None
    ) -> CredentialVerification:
        """Verify one IssuerSigned or DeviceResponse as of `at`, by default now; raises on no bytes.

        `session` is the verifier's own. With None the device's authentication is not checked,
        whether there is one or not, and the check "holder binding" is UNKNOWN.

        Raises:
            TypeError: `at` is not a datetime.
            ValueError: `at` has no time zone.

        """
        now = self._judge.now(at)
        found = Findings(self._judge.granted)
        try:
            opened = open_mdoc(_bytes(data))
        except CredentialError as error:
            check = "disclosure" if error.code.startswith("disclosure.") else "format"
            found.fail(check, error.code, _sentence(error))
            return found.result(now, MDOC)
        found.passed("format")
        return self._judged(opened, now, session, found)

    def _judged(
        self, opened: Opened, now: float, session: Session | None, found: Findings
    ) -> CredentialVerification:
        mso, judge = opened.mso, self._judge
        self._judge_type(opened, found)
        signed = cose.signed_bytes(opened.protected, opened.payload)
        signer = judge.issuers.signer(
            opened.chain,
            None,
            lambda key: signatures.holds(key, "ES256", opened.signature, signed),
            mso.signed,
            now,
            found,
        )
        if signer is None:
            return found.result(now, MDOC)
        judge.issuers.judge_certificate(signer, mso.signed, mso.valid_until, now, found)
        judge_time(
            mso.valid_from, mso.signed, mso.valid_until, now, judge.skew, found, end_inclusive=True
        )
        genuine = _judge_digests(opened, found)
        _judge_device(opened, session, found)
        known = mso.doc_type == MICOV or (
            self._doc_types is not None and mso.doc_type in self._doc_types
        )
        elements = _tree(opened.items) if genuine else {}
        payload = mapping.from_elements(elements) if known and genuine else None
        judge_usage(signer, judge.kinds(payload), self._purposes.get(mso.doc_type), found)
        if not genuine:
            return found.result(now, MDOC)
        judge.content(payload, known, now, found)
        judge.status(mso.members, now, found)
        lost = mapping.losses("dcc", "micov") if known else ()
        content = Credential(
            mso.doc_type,
            elements,
            mso.signed,
            max(mso.signed, mso.valid_from),
            mso.valid_until,
            jose.jwk_of(mso.device_key),
            lost,
        )
        return found.result(
            now,
            MDOC,
            certificate=signer,
            payload=payload,
            content=content,
            trust=judge.issuers.trust,
        )

    def _judge_type(self, opened: Opened, found: Findings) -> None:
        name, signed = "type", opened.mso.doc_type
        if opened.doc_type is not None and opened.doc_type != signed:
            sentence = "The document says another docType than its issuer signed."
            found.fail(name, "type.swapped", sentence)
        if self._doc_types is not None and signed not in self._doc_types:
            sentence = "The docType is not one that this verifier accepts."
            found.fail(name, "type.not-accepted", sentence)
        found.passed(name)


def _bytes(given: object) -> bytes:
    return given if isinstance(given, bytes) else b""


def _sentence(error: CredentialError) -> str:
    return f"{error.message[:1].upper()}{error.message[1:].rstrip('.')}."


def _judge_digests(opened: Opened, found: Findings) -> bool:
    """Decide the check "disclosure": every element has its digest, over its bytes as received."""
    name, mso = "disclosure", opened.mso
    for item in opened.items:
        expected = mso.digests.get(item.name_space, {}).get(item.identifier)
        if expected is None:
            sentence = "An element has no digest in what the issuer signed."
            found.fail(name, "disclosure.unreferenced", sentence)
            return False
        if not hmac.compare_digest(mso.hash(item.raw).digest(), expected):
            found.fail(name, "disclosure.digest", "An element is not what the issuer signed.")
            return False
    found.passed(name)
    return True


def _judge_device(opened: Opened, session: Session | None, found: Findings) -> None:
    """Decide the check "holder binding": the device authenticated this session."""
    name = "holder binding"
    if session is None:
        sentence = "The verifier did not ask for the holder's binding."
        found.unknown(name, "binding.not-asked", sentence)
    elif opened.device_signed is None:
        found.fail(name, "binding.missing", "The mdoc is not presented by a device.")
    else:
        try:
            _check_device(opened, opened.device_signed, session)
            found.passed(name)
        except CredentialError as error:
            code = error.code if error.code.startswith("binding.") else "binding.malformed"
            found.fail(name, code, _sentence(error))


def _check_device(opened: Opened, device_signed: bytes, session: Session) -> None:
    mso = opened.mso
    both = ("nameSpaces", "deviceAuth")
    parts = _map(device_signed, "deviceSigned", both, both)
    own = _load(_embedded(parts["nameSpaces"], "the device's elements"), "the device's elements")
    if not isinstance(own, Mapping):
        raise CredentialError("binding.malformed", "the device's elements are malformed")
    _check_authorised(own, mso.authorised)
    auth = _load(parts["deviceAuth"], "deviceAuth")
    if not isinstance(auth, Mapping) or len(auth) != 1:
        raise CredentialError("binding.malformed", "deviceAuth must be one signature or MAC")
    transcript = sessions.read_transcript(session.transcript)
    payload = sessions.device_authentication(
        transcript, opened.doc_type or mso.doc_type, parts["nameSpaces"]
    )
    ((kind, message),) = auth.items()
    protected, unprotected, detached, proof = _message(message, "deviceAuth")
    if detached is not None or unprotected:
        raise CredentialError("binding.malformed", "deviceAuth must be detached and plain")
    if kind == "deviceSignature":
        _algorithm(protected, cose.ES256, "deviceAuth")
        signed = sessions.signature_input(protected, payload)
        if not signatures.holds(mso.device_key, "ES256", proof, signed):
            raise CredentialError("binding.signature", "the device's signature does not hold")
    elif kind == "deviceMac":
        _algorithm(protected, HMAC_256, "deviceAuth")
        if session.reader_key is None:
            sentence = "the device's MAC needs the reader's private key, which was not given"
            raise CredentialError("binding.reader-key", sentence)
        try:
            tag = sessions.mac_of(
                session.reader_key, mso.device_key, transcript, protected, payload
            )
        except ValueError:
            raise CredentialError("binding.reader-key", "the keys are of two curves") from None
        if not hmac.compare_digest(tag, proof):
            raise CredentialError("binding.signature", "the device's MAC does not hold")
    else:
        raise CredentialError("binding.malformed", "deviceAuth is neither a signature nor a MAC")


def _check_authorised(own: Mapping[Any, Any], authorised: Mapping[str, Any]) -> None:
    """Raise CredentialError for elements that the issuer did not allow the device to state."""
    whole = authorised.get("nameSpaces") or ()
    single = authorised.get("dataElements") or {}
    for name_space, elements in own.items():
        if isinstance(whole, list | tuple) and name_space in whole:
            continue
        named = single.get(name_space) if isinstance(single, Mapping) else None
        allowed = named if isinstance(named, list | tuple) else ()
        if not isinstance(elements, Mapping) or any(each not in allowed for each in elements):
            sentence = "the device states elements that it was not allowed to"
            raise CredentialError("binding.not-authorised", sentence)
