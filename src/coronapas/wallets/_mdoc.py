"""mdoc: a credential in CBOR with a digest for each element, issued, presented and verified.

Implements ISO/IEC 18013-5 (IssuerSigned, MobileSecurityObject, DeviceResponse), as public
implementations and the standard's Annex D show it. What is issued has digests in SHA-256 with
identifiers in random order, 32 random bytes for each element, and an ``x5chain`` without the
anchor; a presentation holds the elements' bytes as the issuer made them.

The rules of verification, in order:

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
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Unpack

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec

from coronapas import _signatures as signatures
from coronapas._time import iso_utc
from coronapas._time import moment as moment_of
from coronapas.errors import CredentialError
from coronapas.hcert import _cbor as cbor
from coronapas.hcert import _cose as cose
from coronapas.wallets import _jose as jose
from coronapas.wallets import _mapping as mapping
from coronapas.wallets import _mdoc_structure as parts
from coronapas.wallets._issuers import (
    StatusReference,
    chain_of,
    check_signer,
    judge_usage,
    lifetime,
)
from coronapas.wallets._judging import STATUS, Judge, judge_time
from coronapas.wallets._result import (
    MDOC,
    Credential,
    CredentialVerification,
    Findings,
    sentence_of,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from datetime import datetime, timedelta

    from cryptography.hazmat.primitives.asymmetric.ec import (
        EllipticCurvePrivateKey,
        EllipticCurvePublicKey,
    )

    from coronapas.signing._signer import SignatureCheck, SignatureForm, Signer
    from coronapas.trust import Certificate, TrustStore
    from coronapas.wallets._judging import CredentialSettings
    from coronapas.wallets._mapping import Loss
    from coronapas.wallets._mdoc_structure import Opened, Session

MICOV: Final = "org.micov.1"
"""The docType that is issued by default: known from public wallet software, not from a norm."""
MDL: Final = "org.iso.18013.5.1.mDL"
"""The docType of a driving licence."""
MDL_PURPOSE: Final = "1.0.18013.5.1.2"
"""The key purpose that a driving licence's issuer has (mdlDS)."""

RANDOM_BYTES: Final = 32
"""The random bytes of an issued element."""


@dataclass(frozen=True, slots=True)
class IssuedMdoc:
    """An issued mdoc: the CBOR of its IssuerSigned, its docType, and what it does not state."""

    data: bytes = field(repr=False)
    """The CBOR of the IssuerSigned."""
    doc_type: str
    """The docType."""
    losses: tuple[Loss, ...] = ()
    """What the source states and this form has no place for."""


@dataclass(frozen=True, slots=True)
class PreparedMdoc:
    """An mdoc that waits for its signature: nothing is missing but that.

    `digest` is what is to be signed (SHA-256, 32 bytes), `kid` names the key that must sign; the
    rest is that of the `IssuedMdoc`. It can be pickled, and holds no key but public ones.
    """

    digest: bytes = field(repr=False)
    """What is to be signed: a SHA-256 digest, 32 bytes."""
    kid: bytes = field(repr=False)
    """The key identifier of the key that must sign."""
    doc_type: str
    """The docType."""
    losses: tuple[Loss, ...]
    """What the source states and this form has no place for."""
    _check: SignatureCheck = field(repr=False)
    _head: bytes = field(repr=False)

    @property
    def algorithm(self) -> int:
        """The COSE algorithm of the signature: -7 (ES256)."""
        return self._check.algorithm

    def complete(self, signature: bytes, *, form: SignatureForm = "raw") -> IssuedMdoc:
        """Return the mdoc with its signature over `digest`, which is checked.

        `form` says how the signature is encoded. Raises SigningError if it is not a signature of
        that key over this mdoc.
        """
        return self._sealed(self._check(signature, self.digest, form=form))

    def _sealed(self, signature: bytes) -> IssuedMdoc:
        """Return the mdoc with a signature in COSE's form that is known to hold."""
        data = cose.with_signature(self._head, signature)
        return IssuedMdoc(data, self.doc_type, self.losses)


def issue_mdoc(
    dcc: Mapping[str, Any],
    signer: Signer,
    *,
    device_key: EllipticCurvePublicKey,
    expires: datetime | timedelta,
    issued_at: datetime | None = None,
    doc_type: str = MICOV,
    status: StatusReference | None = None,
    chain: Sequence[Certificate] = (),
) -> IssuedMdoc:
    """Issue an mdoc with the elements of ``org.micov.1`` that state what an EU payload does.

    Args:
        dcc: The payload of a vaccination or a test.
        signer: The key, on P-256, with its certificate.
        device_key: The public key of the holder's device, on P-256.
        expires: The end of the validity (inclusive), or the time from the issue to it.
        issued_at: The moment of issue; by default now.
        doc_type: The docType.
        status: Where the credential's status stands.
        chain: The certificates between the signer's and the trust anchor, without the anchor.

    Raises:
        IssueError: With every fault of the payload and of the signer's certificate.
        CredentialError: What the elements have no place for.
        SigningError: A remote signer failed.

    """
    prepared = prepare_mdoc(
        dcc,
        signer,
        device_key=device_key,
        expires=expires,
        issued_at=issued_at,
        doc_type=doc_type,
        status=status,
        chain=chain,
    )
    return prepared._sealed(signer.sign_digest(prepared.digest))


def prepare_mdoc(
    dcc: Mapping[str, Any],
    signer: Signer,
    *,
    device_key: EllipticCurvePublicKey,
    expires: datetime | timedelta,
    issued_at: datetime | None = None,
    doc_type: str = MICOV,
    status: StatusReference | None = None,
    chain: Sequence[Certificate] = (),
) -> PreparedMdoc:
    """Return the mdoc that `issue_mdoc` would issue, before it is signed; no key is used.

    The arguments are those of `issue_mdoc`.

    Raises:
        IssueError: With every fault of the payload and of the signer's certificate.
        CredentialError: What the elements have no place for.

    """
    content = mapping.to_elements(dcc)
    life = lifetime(issued_at, expires)
    check_signer(signer, life, dcc)
    to_sign, head = _unsigned(
        content.content,
        signer,
        doc_type=doc_type,
        device_key=device_key,
        issued_at=moment_of(life.issued_at),
        expires=moment_of(life.expires),
        status=status,
        chain=chain,
    )
    digest = hashlib.sha256(to_sign).digest()
    return PreparedMdoc(digest, signer.kid, doc_type, content.losses, signer.check, head)


def issue_elements(
    elements: Mapping[str, Mapping[str, Any]],
    signer: Signer,
    *,
    doc_type: str,
    device_key: EllipticCurvePublicKey,
    issued_at: datetime,
    expires: datetime,
    status: StatusReference | None = None,
    chain: Sequence[Certificate] = (),
) -> bytes:
    """Issue elements as they are, by namespace; returns the CBOR of an IssuerSigned.

    The arguments are those of `issue_mdoc`. Raises CredentialError for a signer without certificate
    or another kind of key.
    """
    to_sign, head = _unsigned(
        elements,
        signer,
        doc_type=doc_type,
        device_key=device_key,
        issued_at=issued_at,
        expires=expires,
        status=status,
        chain=chain,
    )
    return cose.with_signature(head, signer.sign(to_sign))


def _unsigned(
    elements: Mapping[str, Mapping[str, Any]],
    signer: Signer,
    *,
    doc_type: str,
    device_key: EllipticCurvePublicKey,
    issued_at: datetime,
    expires: datetime,
    status: StatusReference | None,
    chain: Sequence[Certificate],
) -> tuple[bytes, bytes]:
    """Return what is to be signed, and the IssuerSigned up to its signature, which is its end."""
    ders = [each.der for each in chain_of(signer, chain)]
    if not ders or signer.algorithm != cose.ES256:
        raise CredentialError("issue.signer", "an mdoc needs a P-256 signer with its certificate")
    name_spaces: dict[str, list[cbor2.CBORTag]] = {}
    digests: dict[str, dict[int, bytes]] = {}
    for name_space, values in elements.items():
        # Random, or the identifiers would tell which elements the holder keeps back.
        identifiers = list(range(len(values)))
        secrets.SystemRandom().shuffle(identifiers)
        name_spaces[name_space], digests[name_space] = [], {}
        for identifier, (name, value) in zip(identifiers, values.items(), strict=True):
            item = cbor.dump(
                {
                    "digestID": identifier,
                    "random": secrets.token_bytes(RANDOM_BYTES),
                    "elementIdentifier": name,
                    "elementValue": value,
                }
            )
            name_spaces[name_space].append(cbor2.CBORTag(24, item))
            digests[name_space][identifier] = hashlib.sha256(parts.encoded(item)).digest()
    begin, end = _tdate(issued_at), _tdate(expires)
    mso: dict[str, Any] = {
        "version": parts.VERSION,
        "digestAlgorithm": "SHA-256",
        "valueDigests": {name: dict(sorted(each.items())) for name, each in digests.items()},
        "deviceKeyInfo": {"deviceKey": cose_key(device_key)},
        "docType": doc_type,
        "validityInfo": {"signed": begin, "validFrom": begin, "validUntil": end},
    }
    if status is not None:
        mso[STATUS] = status.to_claim()
    protected = cbor.dump({cose.HEADER_ALG: signer.algorithm})
    payload = parts.encoded(cbor.dump(mso))
    stated = ders[0] if len(ders) == 1 else ders
    auth = [protected, {parts.X5CHAIN: stated}, payload, b""]
    whole = cbor.dump({"nameSpaces": name_spaces, "issuerAuth": auth})
    return cose.signed_bytes(protected, payload), whole.removesuffix(cbor.byte_string(b""))


def _tdate(at: datetime) -> cbor2.CBORTag:
    return cbor2.CBORTag(0, iso_utc(at))


def cose_key(key: EllipticCurvePublicKey) -> dict[int, Any]:
    """Return a public key on P-256 as a COSE_Key (RFC 9053, section 7.1)."""
    if key.curve.name != "secp256r1":
        raise CredentialError("issue.device-key", "the device's key must be on P-256")
    numbers = key.public_numbers()
    return {1: 2, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}


def present_mdoc(
    issuer_signed: bytes,
    disclose: Mapping[str, Collection[str]],
    *,
    transcript: bytes,
    device: Signer | EllipticCurvePrivateKey,
    reader_key: EllipticCurvePublicKey | None = None,
) -> bytes:
    """Return a DeviceResponse that discloses some elements to one session.

    Args:
        issuer_signed: The issued mdoc; its signature is not verified here.
        disclose: The elements to disclose, by namespace.
        transcript: The SessionTranscript (`openid4vp_transcript`).
        device: The device's key. A signer signs; a private key makes a MAC with `reader_key`.
        reader_key: The reader's ephemeral public key, for a MAC.

    Raises:
        CredentialError: The mdoc is malformed, has no such element, or is bound to another key.

    """
    found = parts.open_mdoc(issuer_signed)
    mso = found.mso
    kept: dict[str, list[Any]] = {}
    for name_space, names in disclose.items():
        held = {item.name: item for item in found.items if item.name_space == name_space}
        if not set(names) <= held.keys():
            raise CredentialError("present.path", "there is no such element")
        kept[name_space] = [held[name].raw for name in names]
    own = (
        device.public_key() if isinstance(device, ec.EllipticCurvePrivateKey) else device.public_key
    )
    if own != mso.device_key:
        raise CredentialError("present.holder", "the mdoc is bound to another key")
    empty = parts.encoded(cbor.dump({}))
    payload = parts.device_authentication(parts.read_transcript(transcript), mso.doc_type, empty)
    if isinstance(device, ec.EllipticCurvePrivateKey):
        if reader_key is None:
            raise CredentialError("present.reader-key", "a MAC needs the reader's public key")
        protected = cbor.dump({cose.HEADER_ALG: parts.HMAC_256})
        tag = parts.mac_of(
            device, reader_key, parts.read_transcript(transcript), protected, payload
        )
        auth: dict[str, Any] = {"deviceMac": [protected, {}, None, tag]}
    else:
        protected = cbor.dump({cose.HEADER_ALG: device.algorithm})
        signature = device.sign(parts.signature_input(protected, payload))
        auth = {"deviceSignature": [protected, {}, None, signature]}
    # The items go out as they came in: their digests are of these very bytes.
    spaces = _raw_map({name: _raw_array(items) for name, items in kept.items()})
    signed = _raw_map({"nameSpaces": spaces, "issuerAuth": found.raw_auth})
    device_signed = _raw_map({"nameSpaces": empty, "deviceAuth": cbor.dump(auth)})
    document = _raw_map(
        {
            "docType": cbor.dump(mso.doc_type),
            "issuerSigned": signed,
            "deviceSigned": device_signed,
        }
    )
    return _raw_map(
        {
            "version": cbor.dump(parts.VERSION),
            "documents": _raw_array([document]),
            "status": cbor.dump(0),
        }
    )


def _raw_array(items: Sequence[bytes]) -> bytes:
    return _count(4, len(items)) + b"".join(items)


def _raw_map(members: Mapping[str, bytes]) -> bytes:
    pairs = (cbor.dump(name) + value for name, value in members.items())
    return _count(5, len(members)) + b"".join(pairs)


def _count(major: int, size: int) -> bytes:
    """Return the head of an array or map: that of a number, with the major type in it."""
    number = cbor.dump(size)
    return bytes((major << 5 | number[0],)) + number[1:]


class MdocVerifier:
    """Verifies mdocs against one trust store. Immutable and thread-safe.

    Args:
        trust: The certificates, authorities (IACAs) and bare keys that are trusted.
        doc_types: The docTypes that are accepted; None for all. Facts come from `MICOV` and from
            those named here.
        purposes: The key purpose that the issuer of a docType must have, by docType. For other
            docTypes every certificate that the trust store vouches for may sign: give a store of
            issuers of that docType alone.
        **settings: What verifiers of both formats take (`CredentialSettings`).

    """

    def __init__(
        self,
        trust: TrustStore,
        *,
        doc_types: Collection[str] | None = None,
        purposes: Mapping[str, str] | None = None,
        **settings: Unpack[CredentialSettings],
    ) -> None:
        if isinstance(doc_types, str):
            raise TypeError("doc_types must be a collection of names")
        self._doc_types = None if doc_types is None else frozenset(doc_types)
        self._purposes = {MDL: MDL_PURPOSE, **(purposes or {})}
        self._judge = Judge(trust, MDOC, settings)

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
            opened = parts.open_mdoc(_bytes(data))
        except CredentialError as error:
            check = "disclosure" if error.code.startswith("disclosure.") else "format"
            found.fail(check, error.code, sentence_of(error))
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
        elements = parts.tree_of(opened.items) if genuine else {}
        payload = mapping.from_elements(elements) if known and genuine else None
        judge_usage(signer, judge.kinds(payload), self._purposes.get(mso.doc_type), found)
        if not genuine:
            return found.result(now, MDOC)
        judge.content(payload, known, now, found)
        answer = judge.revoked(mso.members, payload, signer, now, found)
        lost: tuple[Loss, ...] = ()
        if known:
            stated = {name for each in elements.values() for name in _names_in(each)}
            lost = (*mapping.losses("dcc", "micov"), *mapping.unstated("micov", stated))
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
            revocation=answer,
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


def _names_in(elements: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names of elements, and those within a vaccination's or a test's."""
    for name, value in elements.items():
        yield name
        if isinstance(value, Mapping):
            yield from (each for each in value if isinstance(each, str))


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
            found.fail(name, code, sentence_of(error))


def _check_device(opened: Opened, device_signed: bytes, session: Session) -> None:
    mso = opened.mso
    both = ("nameSpaces", "deviceAuth")
    stated = parts.members_of(device_signed, "deviceSigned", both, both)
    what = "the device's elements"
    own = parts.load(parts.embedded_in(stated["nameSpaces"], what), what)
    if not isinstance(own, Mapping):
        raise CredentialError("binding.malformed", "the device's elements are malformed")
    _check_authorised(own, mso.authorised)
    auth = parts.load(stated["deviceAuth"], "deviceAuth")
    if not isinstance(auth, Mapping) or len(auth) != 1:
        raise CredentialError("binding.malformed", "deviceAuth must be one signature or MAC")
    transcript = parts.read_transcript(session.transcript)
    payload = parts.device_authentication(
        transcript, opened.doc_type or mso.doc_type, stated["nameSpaces"]
    )
    ((kind, message),) = auth.items()
    protected, unprotected, detached, proof = parts.message_of(message, "deviceAuth")
    if detached is not None or unprotected:
        raise CredentialError("binding.malformed", "deviceAuth must be detached and plain")
    if kind == "deviceSignature":
        parts.check_algorithm(protected, cose.ES256, "deviceAuth")
        signed = parts.signature_input(protected, payload)
        if not signatures.holds(mso.device_key, "ES256", proof, signed):
            raise CredentialError("binding.signature", "the device's signature does not hold")
    elif kind == "deviceMac":
        parts.check_algorithm(protected, parts.HMAC_256, "deviceAuth")
        if session.reader_key is None:
            sentence = "the device's MAC needs the reader's private key, which was not given"
            raise CredentialError("binding.reader-key", sentence)
        try:
            tag = parts.mac_of(session.reader_key, mso.device_key, transcript, protected, payload)
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
