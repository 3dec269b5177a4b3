"""The Swedish list, and the same profile as Ireland and others use it: a compact JWS.

``{iss, iat, exp, id?, aud?, dsc_trust_list: {CC: {eku: {kid: [oid]}, keys: [JWK with x5c]}}}``. The
certificate in x5c is normative: the JWK's coordinates are ignored, and key purposes that the list
states count only if the certificate states none. The JWS's own x5c is trusted only if it leads to a
pin.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from coronapas.errors import KeyMaterialError
from coronapas.trust import _documents as documents
from coronapas.trust import _jose as jose
from coronapas.trust._anchors import open_jws
from coronapas.trust._certificate import USAGE_OIDS, Certificate
from coronapas.trust._format import ListFormat
from coronapas.trust._list import ListBuilder

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from typing import Unpack

    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    from coronapas.facts import EventKind
    from coronapas.trust._anchors import Pins
    from coronapas.trust._format import Content
    from coronapas.trust._list import Circumstances, TrustList

NAME: Final = "sweden"


def read(
    data: bytes, *, pins: Pins, beside: Sequence[bytes] = (), **about: Unpack[Circumstances]
) -> TrustList:
    """Read the list, whose signer must be pinned or certified by a pin; raise TrustListError."""
    builder = ListBuilder(NAME, about)
    opened = open_jws(data, pins, builder.at, NAME)
    claims = documents.whole(builder.json(opened.payload), dict, NAME, "the object")
    countries = documents.whole(claims.get("dsc_trust_list"), dict, NAME, "'dsc_trust_list'")
    for country, content in countries.items():
        _country(country, content, builder)
    return builder.list(
        opened.signature,
        documents.moment(claims.get("iat"), NAME, "'iat'"),
        documents.moment(claims.get("exp"), NAME, "'exp'"),
    )


def _country(country: str, content: object, builder: ListBuilder) -> None:
    whole = documents.whole(content, dict, NAME, "a country's object")
    purposes = documents.whole(whole.get("eku", {}), dict, NAME, "'eku'")
    by_kid = {_lenient(kid): stated for kid, stated in purposes.items()}

    def key(entry: Any) -> None:
        kid = documents.kid_part(entry, "kid")
        chain = jose.certificates(entry)
        if not chain:
            raise KeyMaterialError("the key must have a certificate (x5c)")
        builder.match_kid(chain[0], kid)
        usages = None if chain[0].usages else _usages(by_kid.get(kid))
        builder.keep(Certificate.load(chain[0], kid=kid, country=country, usages=usages))

    keys = documents.whole(whole.get("keys", []), list, NAME, "'keys'")
    for number, entry in enumerate(keys, start=1):
        builder.read(f"{country}, key {number}", entry, key, _stated(entry))


def _lenient(kid: str) -> bytes:
    try:
        return documents.decode_kid(kid)
    except KeyMaterialError:
        return kid.encode("utf-8", "replace")


def _stated(entry: object) -> bytes | None:
    kid = entry.get("kid") if isinstance(entry, dict) else None
    return _lenient(kid) if isinstance(kid, str) else None


def _usages(stated: object) -> frozenset[EventKind] | None:
    """Return the kinds of event among the key purposes that the list states, or None."""
    if not isinstance(stated, list):
        return None
    known = (USAGE_OIDS.get(oid) for oid in stated if isinstance(oid, str))
    return frozenset(kind for kind in known if kind is not None) or None


def write_sweden(
    certificates: Iterable[Certificate],
    key: EllipticCurvePrivateKey | RSAPrivateKey,
    chain: Sequence[Certificate],
    *,
    issuer: str,
    issued: datetime,
    expires: datetime,
) -> bytes:
    """Return a signed list; `chain` is the signer's certificate and those up to its authority.

    `issuer` is the claim ``iss``; `issued` and `expires` are written in whole seconds. Raises
    KeyMaterialError for a bare key.
    """
    countries: dict[str, dict[str, Any]] = {}
    for certificate in certificates:
        if certificate.der is None:
            raise KeyMaterialError("every key of the list must have a certificate")
        place = countries.setdefault(certificate.country or "", {"eku": {}, "keys": []})
        item = jose.write_jwk(certificate)
        place["keys"].append(item)
        stated = sorted(certificate.key_purposes & USAGE_OIDS.keys())
        if stated:
            place["eku"][item["kid"]] = stated
    claims = {
        "iss": issuer,
        "iat": int(issued.timestamp()),
        "exp": int(expires.timestamp()),
        "dsc_trust_list": countries,
    }
    return jose.sign(documents.dump(claims), key, chain)


def _recognise(content: Content) -> bool:
    return content.shape == "jws" and content.has_member("dsc_trust_list")


FORMAT: Final = ListFormat(NAME, _recognise, read, signed="whole", write=write_sweden)
