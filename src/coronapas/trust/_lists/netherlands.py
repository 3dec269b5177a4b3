"""The Dutch list: JSON around a payload and a detached CMS over it, both in base64.

``{payload, signature}``; the payload is ``{eu_keys: {kid: [{subjectPk, keyUsage, san, ian}]}}``
with one or several keys a kid: `subjectPk` is the base64 of a SubjectPublicKeyInfo, `keyUsage`
letters of t, v and r (no letters mean all). `ian` is read as the issuing country if it is two
letters: what else it may hold is not known [U]. The list states no date; `fetched` gives it one.
Keys for the domestic passes are ignored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from coronapas.errors import CmsError, KeyMaterialError
from coronapas.trust import _cms as cms
from coronapas.trust import _documents as documents
from coronapas.trust._anchors import pinned, trusted_signer
from coronapas.trust._certificate import Certificate, usages_of
from coronapas.trust._format import ListFormat
from coronapas.trust._list import ListBuilder

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Unpack

    from coronapas.trust._anchors import Pins
    from coronapas.trust._format import Content
    from coronapas.trust._list import Circumstances, SignatureState, TrustList

NAME: Final = "netherlands"


def read(
    data: bytes, *, pins: Pins, beside: Sequence[bytes] = (), **about: Unpack[Circumstances]
) -> TrustList:
    """Read the list, whose signer must be pinned or certified by a pin; raise TrustListError."""
    builder = ListBuilder(NAME, about)
    outer = documents.whole(builder.json(data), dict, NAME, "the object")
    payload, signature = (
        documents.frame_base64(
            documents.whole(outer.get(name), str, NAME, f"{name!r}"), NAME, f"{name!r}"
        )
        for name in ("payload", "signature")
    )
    state = _judge(payload, signature, pins, builder)
    content = documents.whole(builder.json(payload), dict, NAME, "the payload's object")
    by_kid = documents.whole(content.get("eu_keys"), dict, NAME, "'eu_keys'")
    for stated, entries in by_kid.items():
        _keys(stated, entries, builder)
    return builder.list(state)


def _keys(stated: str, entries: object, builder: ListBuilder) -> None:
    try:
        kid = documents.decode_kid(stated)
    except KeyMaterialError as error:
        builder.drop(None, str(error), f"kid {stated[:24]!r}")
        return

    def key(entry: Any) -> None:
        spki = documents.base64_part(entry, "subjectPk")
        letters = documents.part(entry, "keyUsage", list) if entry.get("keyUsage") else []
        usages = usages_of(letters) or None
        country = _country(entry.get("ian"))
        builder.keep(Certificate.from_public_key(spki, kid=kid, country=country, usages=usages))

    found = entries if isinstance(entries, list) else [entries]
    for number, entry in enumerate(found, start=1):
        builder.read(f"kid {stated[:24]!r}, key {number}", entry, key, kid)


def _country(stated: object) -> str | None:
    plain = isinstance(stated, str) and len(stated) == 2 and stated.isalpha()
    return str(stated) if plain else None


def _judge(payload: bytes, signature: bytes, pins: Pins, builder: ListBuilder) -> SignatureState:
    trusted = pinned(pins)
    if not trusted:
        return "not verified"
    try:
        signer = cms.verify_detached(signature, payload)
    except CmsError as error:
        raise builder.error("signature", error.message) from error
    objection = trusted_signer([signer], trusted, builder.at)
    if objection is not None:
        raise builder.error("signer", objection)
    return "verified"


def _recognise(content: Content) -> bool:
    value = content.value
    if content.shape != "json" or not isinstance(value, dict):
        return False
    return isinstance(value.get("payload"), str) and "signature" in value


FORMAT: Final = ListFormat(NAME, _recognise, read, signed="whole")
