"""Issue and present an mdoc: a credential in CBOR with a digest for each element.

Implements ISO/IEC 18013-5 (IssuerSigned, DeviceResponse), as public implementations and the
standard's Annex D show it. The digests are SHA-256, their identifiers are in random order, each
element has 32 random bytes, and ``x5chain`` holds the issuer's certificates without the anchor. A
presentation holds the elements' bytes as the issuer made them.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec

from coronapas._time import iso_utc
from coronapas._time import moment as moment_of
from coronapas.hcert import _cbor as cbor
from coronapas.hcert import _cose as cose
from coronapas.wallets import _mapping as mapping
from coronapas.wallets import _session as sessions
from coronapas.wallets._errors import CredentialError
from coronapas.wallets._issuing import StatusReference, chain_of, check_signer, lifetime
from coronapas.wallets._judging import STATUS
from coronapas.wallets._mdoc import HMAC_256, MICOV, VERSION, X5CHAIN, open_mdoc

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime, timedelta

    from cryptography.hazmat.primitives.asymmetric.ec import (
        EllipticCurvePrivateKey,
        EllipticCurvePublicKey,
    )

    from coronapas.signing._signer import SignatureCheck, SignatureForm, Signer
    from coronapas.trust import Certificate
    from coronapas.wallets._mapping import Loss

RANDOM_BYTES: Final = 32
"""The random bytes of an issued element."""


@dataclass(frozen=True, slots=True)
class IssuedMdoc:
    """An issued mdoc: the CBOR of its IssuerSigned, its docType, and what it does not state."""

    data: bytes = field(repr=False)
    doc_type: str
    losses: tuple[Loss, ...] = ()


@dataclass(frozen=True, slots=True)
class PreparedMdoc:
    """An mdoc that waits for its signature: nothing is missing but that.

    `digest` is what is to be signed (SHA-256, 32 bytes), `kid` names the key that must sign; the
    rest is that of the `IssuedMdoc`. It can be pickled, and holds no key but public ones.
    """

    digest: bytes = field(repr=False)
    kid: bytes = field(repr=False)
    doc_type: str
    losses: tuple[Loss, ...]
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
            digests[name_space][identifier] = hashlib.sha256(sessions.encoded(item)).digest()
    begin, end = _tdate(issued_at), _tdate(expires)
    mso: dict[str, Any] = {
        "version": VERSION,
        "digestAlgorithm": "SHA-256",
        "valueDigests": {name: dict(sorted(each.items())) for name, each in digests.items()},
        "deviceKeyInfo": {"deviceKey": cose_key(device_key)},
        "docType": doc_type,
        "validityInfo": {"signed": begin, "validFrom": begin, "validUntil": end},
    }
    if status is not None:
        mso[STATUS] = status.to_claim()
    protected = cbor.dump({cose.HEADER_ALG: signer.algorithm})
    payload = sessions.encoded(cbor.dump(mso))
    stated = ders[0] if len(ders) == 1 else ders
    auth = [protected, {X5CHAIN: stated}, payload, b""]
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
    found = open_mdoc(issuer_signed)
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
    empty = sessions.encoded(cbor.dump({}))
    payload = sessions.device_authentication(
        sessions.read_transcript(transcript), mso.doc_type, empty
    )
    if isinstance(device, ec.EllipticCurvePrivateKey):
        if reader_key is None:
            raise CredentialError("present.reader-key", "a MAC needs the reader's public key")
        protected = cbor.dump({cose.HEADER_ALG: HMAC_256})
        tag = sessions.mac_of(
            device, reader_key, sessions.read_transcript(transcript), protected, payload
        )
        auth: dict[str, Any] = {"deviceMac": [protected, {}, None, tag]}
    else:
        protected = cbor.dump({cose.HEADER_ALG: device.algorithm})
        signature = device.sign(sessions.signature_input(protected, payload))
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
            "version": cbor.dump(VERSION),
            "documents": _raw_array([document]),
            "status": cbor.dump(0),
        }
    )


def _raw_array(items: Sequence[bytes]) -> bytes:
    return _count(4, len(items)) + b"".join(items)


def _raw_map(members: Mapping[str, bytes]) -> bytes:
    parts = (cbor.dump(name) + value for name, value in members.items())
    return _count(5, len(members)) + b"".join(parts)


def _count(major: int, size: int) -> bytes:
    """Return the head of an array or map: that of a number, with the major type in it."""
    number = cbor.dump(size)
    return bytes((major << 5 | number[0],)) + number[1:]
