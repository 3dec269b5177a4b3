"""WHO's Global Digital Health Certification Network: its DID documents, reader and writer.

A list is a DID document whose verification methods carry certificates. The x5c counts: over half
of the coordinates on the production list have a wrong length, some name no curve, and they are
ignored. The document's proof (`coronapas.trust._did_proof`) is verified under the pinned key; the
signing key is itself published as a DID document, which `pins` accepts as it is.

Four kinds of document, each a format of its own:

- ``gdhcn``: version 2. It states domain, participant (ISO 3166-1 alpha-3, as a rule) and usage of
  each key: ``DSC`` signs passes, ``SCA`` (on today's lists also ``CSCA``) signs DSCs. They stay
  with each certificate as its `Listing`. The form since May 2026 is written; the former one, which
  names no third context, is read, too.
- ``gdhcn-references``: names other lists and holds no key. What it names is in
  `TrustList.references` and is never followed: production's own names the development list.
- ``gdhcn-v1``: version 1, deprecated by WHO. Its proof is of a kind that nobody has published how
  to verify, so that it is always ``not verified``, whatever is pinned. The kid is in the method's
  identifier alone, and domains are not stated.
- ``gdhcn-key``: a key that signs lists, without certificate and without proof. It signs no pass;
  it is there to be pinned, by a caller who got it on another way.

A DSC must be signed by the certificate after it in its x5c. These signatures take longer than all
else: they are verified, and the DSCs' fields read, when the list's certificates are first asked
for. A key is revoked by leaving the list.
The date is the proof's `created`; no end is stated, so that the caller should set an age limit.
The environment is that of the third context, else that for which the proof holds, else that of the
pin, else that of the network's host in the document's identifier.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import string
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import unquote

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from coronapas.errors import KeyMaterialError
from coronapas.trust import _anchors as chain
from coronapas.trust import _did_proof as did_proof
from coronapas.trust import _documents as documents
from coronapas.trust import _jose as jose
from coronapas.trust._anchors import pinned
from coronapas.trust._certificate import Certificate, Listing
from coronapas.trust._format import ListFormat
from coronapas.trust._list import ListBuilder, Remark, kid_remarks

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Unpack

    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

    from coronapas.trust._anchors import Pins
    from coronapas.trust._format import Content
    from coronapas.trust._list import Circumstances, SignatureState, TrustList

NAME: Final = did_proof.NAME
REFERENCES: Final = "gdhcn-references"
VERSION_1: Final = "gdhcn-v1"
KEY: Final = "gdhcn-key"

# A certificate with this purpose only carries a key: its kid is made from the key alone.
_RAW_KEY: Final = frozenset(("1.3.6.1.4.1.1847.2022.1.22", "1.3.6.1.4.1.0.1847.2022.1.22"))

_DSC: Final = "DSC"
_AUTHORITY: Final = "SCA"
_AUTHORITIES: Final = frozenset((_AUTHORITY, "CSCA"))

_BROKEN: Final = "chain.signature"
_UNUSED: Final = "the key's usage is not the signing of passes"
_NOT_AN_AUTHORITY: Final = "the certificate of an authority must be one by its extensions"

_HOST: Final = re.compile(r"did:web:tng-cdn(|-uat|-dev)\.who\.int(?::.*)?")
_OF_HOST: Final = {"": "production", "-uat": "uat", "-dev": "development"}


def read(
    data: bytes, *, pins: Pins, beside: Sequence[bytes] = (), **about: Unpack[Circumstances]
) -> TrustList:
    """Read the list, whose proof must hold under a pinned key; raise TrustListError.

    A document with members, types or contexts outside the network's vocabulary is refused as a
    whole, even without pins: what they state would not be under the signature.
    """
    return read_value(documents.load(data, NAME), pins=pins, **about)


def read_value(value: Any, *, pins: Pins, **about: Unpack[Circumstances]) -> TrustList:
    """Read the list from its parsed JSON, as `read` does from bytes."""
    document = documents.whole(value, dict, NAME, "the DID document")
    builder = ListBuilder(_kind(document), about)
    stated = did_proof.statements(document)
    state = _judge(document, stated, pins, builder)
    reader = _Methods(builder, named=stated.environment is not None)
    methods = document.get("verificationMethod", [])
    mixed = _mixed(methods)
    for number, method in enumerate(methods, start=1):
        place = f"method {number}"
        if isinstance(method, str):
            if "#" in method:
                builder.drop(_fragment_kid(method), "the entry is a reference without a key", place)
            else:
                builder.references.append(method)
        elif method["id"] in mixed:
            reason = "the identifier stands for keys of different usage"
            builder.drop(_fragment_kid(method["id"]), reason, place)
        else:
            kid = _stated(method)
            builder.read(place, (method, kid), reader.read, kid)
    return builder.list(state, _created(document, builder))


def _kind(document: dict[str, Any]) -> str:
    """Return the name of the document's format.

    Version 1 states no codes and has one context less; a list of version 2 states them of each key.
    """
    methods = document.get("verificationMethod")
    if not isinstance(methods, list) or not methods:
        return NAME
    if all(isinstance(method, str) and "#" not in method for method in methods):
        return REFERENCES
    embedded = [method for method in methods if isinstance(method, dict)]
    if not embedded or any(map(did_proof.is_coded, embedded)):
        return NAME
    if document.get("proof") is None and all(map(_is_bare, embedded)):
        return KEY
    return VERSION_1


def _is_bare(method: dict[str, Any]) -> bool:
    key = method.get("publicKeyJwk")
    return isinstance(key, dict) and "x5c" not in key


def _judge(
    document: dict[str, Any], stated: did_proof.Statements, pins: Pins, builder: ListBuilder
) -> SignatureState:
    """Verify the proof, as far as it can be, and set the list's environment."""
    trusted = pinned(pins)
    host = _HOST.fullmatch(document["id"])
    builder.environment = stated.environment or (host and _OF_HOST[host[1]]) or None
    if not trusted or builder.form in (VERSION_1, KEY):
        return "not verified"
    if document.get("proof") is None:
        raise builder.error("unsigned", "the document has no proof")
    found = did_proof.verify(document, stated, [pin.certificate for pin in trusted])
    if found is None:
        raise builder.error("signature", "the signature holds under none of the pinned keys")
    signer, proven = found
    own = [pin for pin in trusted if pin.certificate == signer]
    environment = stated.environment or proven
    fitting = [pin for pin in own if environment in (None, pin.environment or environment)]
    if not fitting:
        raise builder.error("signer", "the pinned key is that of another environment")
    if builder.at is not None and not signer.valid_at(builder.at):
        raise builder.error("signer", "the pinned certificate is not valid at that time")
    builder.environment = environment or fitting[0].environment or builder.environment
    return "verified"


class _Methods:
    """The reader of one document's methods; many keys share an issuer, which is read once."""

    def __init__(self, builder: ListBuilder, *, named: bool) -> None:
        self._builder = builder
        self._named = named
        self._certificates: dict[str, Certificate] = {}
        self._authorities: dict[str, chain.Authorities] = {}

    def read(self, entry: tuple[dict[str, Any], bytes | None]) -> None:
        """Read one method and its kid; raise KeyMaterialError for what is not kept."""
        method, kid = entry
        found = jose.x5c(method.get("publicKeyJwk"))
        if not found:
            raise KeyMaterialError("the key must have a certificate (x5c)")
        domain, participant, usage = (
            did_proof.code_of(method, member, named=self._named) if member in method else None
            for member in did_proof.CODE_LISTS
        )
        usage = usage or _usage_of(self._certificate(found[0]))
        listing = Listing(
            domain,
            participant or _participant(method["id"]),
            _AUTHORITY if usage in _AUTHORITIES else usage,
            self._builder.environment,
        )
        if kid is None:
            raise KeyMaterialError("the method states no kid")
        leaf = Certificate.load(self._certificate(found[0]), listing=listing)
        if listing.usage == _AUTHORITY:
            if not leaf.is_authority:
                raise KeyMaterialError(_NOT_AN_AUTHORITY)
            self._builder.check(leaf)
            self._builder.authorities.append(leaf)
            return
        if usage != _DSC:
            raise KeyMaterialError(_UNUSED)
        issuers = found[1:]
        for place, text in enumerate(issuers):
            issuer = self._certificate(text)
            if not place:
                self._builder.spend(issuer)
        beside: tuple[Remark, ...] = ()
        if kid != leaf.kid and not leaf.key_purposes & _RAW_KEY:
            beside = kid_remarks(leaf, kid)
        kept = leaf if kid == leaf.kid else Certificate.load(leaf, kid=kid)
        self._builder.keep(kept, partial(self._judge_chain, leaf, issuers, beside))

    def _certificate(self, text: str) -> Certificate:
        """Return the certificate in a text; the issuers of many keys are on the list themselves."""
        known = self._certificates.get(text)
        if known is None:
            known = self._certificates[text] = jose.certificate(text)
        return known

    def _judge_chain(
        self, leaf: Certificate, issuers: Sequence[str], beside: tuple[Remark, ...]
    ) -> tuple[Remark, ...]:
        """Return what is unusual about the chain of a DSC, then the remarks `beside`.

        Raises KeyMaterialError where the next certificate of its x5c did not sign it.
        """
        if not issuers:
            note = "the list holds no issuer of the certificate"
            return (Remark(leaf.kid, "chain.no-issuer", note), *beside)
        issuer = issuers[0]
        if issuer not in self._authorities:
            self._authorities[issuer] = chain.Authorities((self._certificate(issuer),))
        found = _link(leaf, self._authorities[issuer])
        if found.broken:
            raise KeyMaterialError(chain.FAULTS[_BROKEN])
        remarks = [Remark(leaf.kid, code, chain.REMARKS[code]) for code in found.remarks]
        if found.fault is not None:
            remarks.insert(0, Remark(leaf.kid, found.fault, chain.FAULTS[found.fault]))
        return (*remarks, *beside)


def _link(leaf: Certificate, issuers: chain.Authorities) -> _Found:
    """Return what is between a DSC and the certificate after it.

    The network repeats a key in each day's edition and in the lists of its domain and participant,
    so that what was found is remembered. It depends on nothing but the bytes of the two.
    """
    (issuer,) = issuers.certificates
    place = _digest(leaf) + _digest(issuer)
    known = _found.get(place)
    if known is None:
        link = issuers.link(leaf)
        broken = link.fault is not None and (
            link.fault == _BROKEN or chain.signature_fault(leaf, issuer) == _BROKEN
        )
        known = _Found(broken, link.fault, link.remarks)
        if len(_found) >= MAX_REMEMBERED:
            _found.clear()  # safe with several threads: at worst, one looks again
        _found[place] = known
    return known


class _Found(NamedTuple):
    """What is between two certificates: `broken` where the second did not sign the first."""

    broken: bool
    fault: str | None
    remarks: tuple[str, ...]


MAX_REMEMBERED: Final = 4_096
"""How many pairs of certificates are remembered, at most; they take less than a megabyte."""

_found: dict[bytes, _Found] = {}


def _digest(certificate: Certificate) -> bytes:
    return hashlib.sha256(certificate.der or b"").digest()


def _usage_of(leaf: Certificate) -> str:
    """Return the usage by the certificate's extensions, for documents that state none (v1)."""
    return _AUTHORITY if leaf.signs_only_certificates else _DSC


def _participant(identifier: str) -> str | None:
    """Return the participant in the identifier of a method of version 1 (``…:prt#kid``)."""
    found = _PARTICIPANT.search(identifier)
    return None if found is None else found[1].upper()


_PARTICIPANT: Final = re.compile(r":([A-Za-z]{3})#")


def _mixed(methods: list[Any]) -> frozenset[str]:
    """Return the identifiers whose methods differ in what they state besides the key.

    Statements about one identifier are signed one by one: with several methods of one identifier,
    which code belongs to which key is not under the signature.
    """
    embedded = [method for method in methods if isinstance(method, dict)]
    if len({method["id"] for method in embedded}) == len(embedded):
        return frozenset()
    seen: dict[str, Any] = {}
    mixed = set()
    for method in embedded:
        beside = {name: method.get(name) for name in did_proof.CODE_LISTS}
        if seen.setdefault(method["id"], beside) != beside:
            mixed.add(method["id"])
    return frozenset(mixed)


def _stated(method: dict[str, Any]) -> bytes | None:
    """Return the JWK's own kid, else the one in the method's identifier."""
    key = method.get("publicKeyJwk")
    own = key.get("kid") if isinstance(key, dict) else None
    if isinstance(own, str):
        return documents.kid_or_none(own)
    return _fragment_kid(method["id"])


def _fragment_kid(identifier: str) -> bytes | None:
    return documents.kid_or_none(unquote(identifier.partition("#")[2]))


def _created(document: dict[str, Any], builder: ListBuilder) -> datetime | None:
    proof = document.get("proof")
    if proof is None:
        return None
    try:
        moment = datetime.fromisoformat(proof["created"])
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise builder.error("malformed", "the proof's 'created' must be a date") from None


@dataclass(frozen=True, slots=True)
class GdhcnEntry:
    """One key for a list: its certificate, those up to its authority, and its codes.

    `participant` is the code of the network's participant (``DNK``), `usage` ``DSC`` or ``SCA``.
    """

    certificate: Certificate
    """The certificate."""
    participant: str
    chain: tuple[Certificate, ...] = ()
    """The certificates that lead from it to its authority."""
    usage: str = "DSC"
    domain: str = "DCC"
    """The domain that it is listed in, such as ``DCC``."""


def write_gdhcn(
    entries: Iterable[GdhcnEntry],
    key: EllipticCurvePrivateKey,
    *,
    did: str,
    signing_key: str,
    created: datetime,
    environment: str = "production",
    references: Iterable[str] = (),
) -> bytes:
    """Return a list of version 2 in the form of today, with a proof by a P-256 key.

    Args:
        entries: The keys on the list.
        key: The key that signs the proof.
        did: The document's own identifier and controller (``did:web:example.org:v2:trustlist``).
        signing_key: The identifier of the signing key's document.
        created: The date (aware; whole seconds).
        environment: ``production``, ``uat`` or ``development``.
        references: The identifiers of other lists to be named after the keys.

    Raises:
        ValueError: The environment is unknown, or `created` has no time zone.
        TrustListError: An identifier or a code is invalid.
        KeyMaterialError: An entry has no certificate.

    """
    if created.tzinfo is None:
        raise ValueError("created must have a time zone")
    document = {
        "@context": did_proof.contexts(environment),
        "id": did,
        "controller": did,
        "verificationMethod": [*(_method(entry, did) for entry in entries), *references],
    }
    proof = {
        "type": "JsonWebSignature2020",
        "created": created.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "nonce": "".join(secrets.choice(_NONCE) for _ in range(32)),
        "proofPurpose": "assertionMethod",
        "verificationMethod": signing_key,
    }
    signed = did_proof.sign(document, proof, lambda data: key.sign(data, ec.ECDSA(SHA256())))
    return documents.dump(signed)


_NONCE: Final = string.ascii_letters + string.digits


def _method(entry: GdhcnEntry, did: str) -> dict[str, Any]:
    item = jose.write_jwk(entry.certificate, chain=entry.chain)
    if "x5c" not in item:
        raise KeyMaterialError("every key of the list must have a certificate")
    usage = _AUTHORITY if entry.usage in _AUTHORITIES else entry.usage
    code = "CSCA" if usage == _AUTHORITY else usage
    return {
        "id": f"{did}:{entry.domain}:{entry.participant}:{usage}#{item['kid']}",
        "type": "JsonWebKey2020",
        "controller": did,
        "publicKeyJwk": item,
        "domain": {"code": f"#{entry.domain}"},
        "participant": {"code": f"#{entry.participant}"},
        "keyusage": {"code": f"#{code}"},
    }


def _is(name: str, content: Content) -> bool:
    return (
        content.shape == "json"
        and content.has_member("verificationMethod")
        and _kind(content.value) == name
    )


FORMAT: Final = ListFormat(
    NAME, partial(_is, NAME), read, signed="whole", write=write_gdhcn, read_value=read_value
)
FORMAT_REFERENCES: Final = ListFormat(
    REFERENCES, partial(_is, REFERENCES), read, signed="whole", read_value=read_value
)
FORMAT_KEY: Final = ListFormat(KEY, partial(_is, KEY), read, signed="whole", read_value=read_value)
FORMAT_VERSION_1: Final = ListFormat(
    VERSION_1, partial(_is, VERSION_1), read, signed="whole", read_value=read_value
)
