"""WHO's Global Digital Health Certification Network: trust lists v1 and v2, reader and writer.

A list is a DID document whose verification methods carry certificates. The x5c counts: over half
of the coordinates on the production list have a wrong length, some name no curve, and they are
ignored. The document's proof (`coronapas.trust._did_proof`) is verified under the pinned key; the
signing key is itself published as a DID document, which `pins` accepts as it is.

v2 states domain, participant (ISO 3166-1 alpha-3, as a rule) and usage of each key (``DSC`` signs
passes, ``SCA`` signs DSCs) and its kid; in v1 the kid is in the method's identifier alone. A DSC
must be signed by the certificate after it in its x5c. A key is revoked by leaving the list. The
date is the proof's `created`; no end is stated, so that the caller should set an age limit.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from coronapas.errors import KeyMaterialError
from coronapas.trust import _chain as chain
from coronapas.trust import _did_proof as did_proof
from coronapas.trust import _documents as documents
from coronapas.trust import _jwk as jwk
from coronapas.trust._certificate import Certificate
from coronapas.trust._format import ListFormat
from coronapas.trust._list import ListBuilder
from coronapas.trust._pins import judge_pins, pinned

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Unpack

    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

    from coronapas.trust._format import Content
    from coronapas.trust._list import Circumstances, SignatureState, TrustList
    from coronapas.trust._pins import Pins

NAME: Final = did_proof.NAME

# A certificate with this purpose only carries a key: its kid is made from the key alone.
_RAW_KEY: Final = ("1.3.6.1.4.1.1847.2022.1.22", "1.3.6.1.4.1.0.1847.2022.1.22")

_UNUSED: Final = "the key's usage is not the signing of passes"


def read(
    data: bytes, *, pins: Pins, beside: Sequence[bytes] = (), **about: Unpack[Circumstances]
) -> TrustList:
    """Read the list, whose proof must hold under a pinned key; raise TrustListError.

    A document with members, types or contexts outside the network's vocabulary is refused as a
    whole, even without pins: what they state would not be under the signature.
    """
    builder = ListBuilder(NAME, about)
    document = documents.whole(builder.json(data), dict, NAME, "the DID document")
    did_proof.check_vocabulary(document)
    state = _judge(document, pins, builder)
    methods = document.get("verificationMethod", [])
    mixed = _mixed(methods)
    for number, method in enumerate(methods, start=1):
        place = f"method {number}"
        if isinstance(method, str):
            builder.drop(_fragment_kid(method), "the entry is a reference without a key", place)
        elif method["id"] in mixed:
            reason = "the identifier stands for keys of different usage"
            builder.drop(_fragment_kid(method["id"]), reason, place)
        else:
            builder.read(place, method, lambda each: _read_method(each, builder), _stated(method))
    return builder.list(state, _created(document, builder))


def _judge(document: dict[str, Any], pins: Pins, builder: ListBuilder) -> SignatureState:
    trusted = pinned(pins)
    if not trusted:
        return "not verified"
    if document.get("proof") is None:
        raise builder.error("unsigned", "the document has no proof")
    signer = did_proof.verify(document, [pin.certificate for pin in trusted])
    judge_pins(trusted, lambda certificate: certificate == signer, builder.at, NAME)
    return "verified"


def _read_method(method: dict[str, Any], builder: ListBuilder) -> None:
    key = method.get("publicKeyJwk")
    found = jwk.certificates(key)
    if not found:
        raise KeyMaterialError("the key must have a certificate (x5c)")
    leaf = found[0]
    kid = _stated(method)
    if kid is None:
        raise KeyMaterialError("the method states no kid")
    usage = did_proof.code_of(method, "keyusage") if "keyusage" in method else _usage_of(leaf)
    if usage != "DSC":
        if not leaf.is_authority:
            raise KeyMaterialError(_UNUSED)
        leaf.check()
        builder.authorities.append(leaf)
        return
    _chained(found, builder)
    if not leaf.key_purposes & set(_RAW_KEY):
        builder.match_kid(leaf, kid)
    builder.keep(Certificate.load(leaf, kid=kid))


def _usage_of(leaf: Certificate) -> str:
    """Return the usage by the certificate's extensions, for documents that state none (v1)."""
    return "SCA" if leaf.signs_only_certificates else "DSC"


def _chained(found: tuple[Certificate, ...], builder: ListBuilder) -> None:
    """Require that the next certificate of the x5c signed the DSC; remark anything unusual."""
    leaf, *rest = found
    if not rest:
        builder.remark(leaf.kid, "chain.no-issuer", "the list holds no issuer of the certificate")
        return
    if chain.signature_fault(leaf, rest[0]) == "chain.signature":
        raise KeyMaterialError(chain.FAULTS["chain.signature"])
    link = chain.Authorities(rest[:1]).link(leaf)
    if link.fault is not None:
        builder.remark(leaf.kid, link.fault, link.sentence)
    for code in link.remarks:
        builder.remark(leaf.kid, code, chain.REMARKS[code])


def _mixed(methods: list[Any]) -> frozenset[str]:
    """Return the identifiers whose methods differ in what they state besides the key.

    Statements about one identifier are signed one by one: with several methods of one identifier,
    which code belongs to which key is not under the signature.
    """
    seen: dict[str, Any] = {}
    mixed = set()
    for method in methods:
        if isinstance(method, dict):
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
    participant: str
    chain: tuple[Certificate, ...] = ()
    usage: str = "DSC"
    domain: str = "DCC"


def write_gdhcn(
    entries: Iterable[GdhcnEntry],
    key: EllipticCurvePrivateKey,
    *,
    did: str,
    signing_key: str,
    created: datetime,
    environment: str = "",
) -> bytes:
    """Return a v2 list with a proof by a P-256 key.

    `did` is the document's own identifier and controller (``did:web:example.org:v2:trustlist``),
    `signing_key` the identifier of the signing key's method, `created` the date (in UTC, whole
    seconds), `environment` one of `did_proof.ENVIRONMENTS`.
    """
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.hashes import SHA256

    document = {
        "@context": list(did_proof.CONTEXTS),
        "id": did,
        "controller": did,
        "verificationMethod": [_method(entry, did) for entry in entries],
    }
    proof = {
        "type": "JsonWebSignature2020",
        "created": created.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "nonce": secrets.token_urlsafe(16),
        "proofPurpose": "assertionMethod",
        "verificationMethod": signing_key,
    }
    signed = did_proof.sign(
        document, proof, lambda data: key.sign(data, ec.ECDSA(SHA256())), environment=environment
    )
    return documents.dump(signed)


def _method(entry: GdhcnEntry, did: str) -> dict[str, Any]:
    item = jwk.write(entry.certificate, chain=entry.chain)
    if "x5c" not in item:
        raise KeyMaterialError("every key of the list must have a certificate")
    return {
        "id": f"{did}:{entry.domain}:{entry.participant}:{entry.usage}#{item['kid']}",
        "type": "JsonWebKey2020",
        "controller": f"{did}:{entry.domain}:{entry.participant}:{entry.usage}",
        "publicKeyJwk": item,
        "domain": {"code": entry.domain},
        "participant": {"code": entry.participant},
        "keyusage": {"code": entry.usage},
    }


def _recognise(content: Content) -> bool:
    return content.shape == "json" and content.has_member("verificationMethod")


FORMAT: Final = ListFormat(NAME, _recognise, read, signed="whole", write=write_gdhcn)
