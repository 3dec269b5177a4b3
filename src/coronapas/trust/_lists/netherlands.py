"""The Dutch list: JSON around a payload and a detached CMS over it, both in base64.

``{payload, signature}``; the payload is ``{eu_keys: {kid: [{subjectPk, keyUsage, san, ian}]}}``
with one or several keys a kid: `subjectPk` is the base64 of a SubjectPublicKeyInfo, `keyUsage`
letters of t, v and r (none means all). `ian` is taken for the issuing country where it is two
letters: what else it may hold is not known [U]. The list states no date; `fetched` gives it one.
Keys for the domestic passes are passed over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from coronapas.errors import CmsError, KeyMaterialError
from coronapas.trust import (
    _cms as cms,
)
from coronapas.trust import (
    _documents as documents,
)
from coronapas.trust import (
    _kids as kids,
)
from coronapas.trust import (
    _material as material,
)
from coronapas.trust._certificate import bare_key, usages_of
from coronapas.trust._list import ListBuilder
from coronapas.trust._pins import pinned, trusted_signer

if TYPE_CHECKING:
    from typing import Unpack

    from coronapas.trust._list import Circumstances, SignatureState, TrustList
    from coronapas.trust._pins import Pins

FORMAT: Final = "netherlands"


def read(data: bytes, *, pins: Pins, **about: Unpack[Circumstances]) -> TrustList:
    """The list, its signer being a pin or certified by one; raises TrustListError."""
    builder = ListBuilder(FORMAT, about)
    outer = documents.whole(builder.json(data), dict, FORMAT, "the object")
    payload, signature = (
        documents.base64_bytes(
            documents.whole(outer.get(name), str, FORMAT, f"{name!r}"), FORMAT, f"{name!r}"
        )
        for name in ("payload", "signature")
    )
    state = _judge(payload, signature, pins, builder)
    content = documents.whole(builder.json(payload), dict, FORMAT, "the payload's object")
    by_kid = documents.whole(content.get("eu_keys"), dict, FORMAT, "'eu_keys'")
    for stated, entries in by_kid.items():
        _key(stated, entries, builder)
    return builder.list(state)


def _key(stated: str, entries: object, builder: ListBuilder) -> None:
    try:
        kid = kids.decode(stated)
    except KeyMaterialError as error:
        builder.drop(None, str(error), f"kid {stated[:24]!r}")
        return

    def one(entry: Any) -> None:
        spki = material.from_base64(documents.part(entry, "subjectPk", str))
        letters = documents.part(entry, "keyUsage", list) if entry.get("keyUsage") else []
        usages = usages_of(letters) or None
        builder.keep(bare_key(spki, kid=kid, country=_country(entry.get("ian")), usages=usages))

    found = entries if isinstance(entries, list) else [entries]
    for number, entry in enumerate(found, start=1):
        builder.one(f"kid {stated[:24]!r}, key {number}", entry, one, kid)


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
