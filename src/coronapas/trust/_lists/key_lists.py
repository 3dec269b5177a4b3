"""Unsigned lists of keys: the British and Norwegian ones, and the French one.

UK, NO: ``[{kid, publicKey}]`` with the base64 of a SubjectPublicKeyInfo. FR: ``{certificatesDCC:
{kid: base64 of base64}}``, of a certificate or a SubjectPublicKeyInfo. Nothing is signed and
nothing is dated: the caller has to know who was asked, and `fetched` gives the list a date. Of a
bare key neither country nor usage nor validity is known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from coronapas.errors import KeyMaterialError
from coronapas.trust import _documents as documents
from coronapas.trust import _kids as kids
from coronapas.trust import _material as material
from coronapas.trust._certificate import bare_key
from coronapas.trust._list import ListBuilder
from coronapas.trust._pins import key_or_certificate

if TYPE_CHECKING:
    from typing import Unpack

    from coronapas.trust._list import Circumstances, TrustList

KEY_LIST: Final = "key-list"
FRANCE: Final = "france"


def read(data: bytes, **about: Unpack[Circumstances]) -> TrustList:
    """The British or Norwegian list; raises TrustListError where the whole cannot be read."""
    builder = ListBuilder(KEY_LIST, about)
    entries = documents.whole(builder.json(data), list, KEY_LIST, "the array of keys")

    def one(entry: Any) -> None:
        kid = kids.decode(documents.part(entry, "kid", str))
        spki = material.from_base64(documents.part(entry, "publicKey", str))
        builder.keep(bare_key(spki, kid=kid))

    builder.each(entries, one)
    return builder.list("none")


def read_france(data: bytes, **about: Unpack[Circumstances]) -> TrustList:
    """The French list; raises TrustListError where the whole cannot be read."""
    builder = ListBuilder(FRANCE, about)
    content = documents.whole(builder.json(data), dict, FRANCE, "the object")
    by_kid = documents.whole(content.get("certificatesDCC"), dict, FRANCE, "'certificatesDCC'")

    def one(member: tuple[str, Any]) -> None:
        stated, value = member
        kid = kids.decode(stated)
        if not isinstance(value, str):
            raise KeyMaterialError("the entry is no text")
        inner = material.from_base64(value)
        # Twice in base64 as a rule; once is told apart by the first byte of DER.
        der = inner if inner[:1] == b"0" else material.from_base64(inner)
        found = key_or_certificate(der, kid=kid)
        if found.der is not None:
            builder.match_kid(found, kid)
        builder.keep(found)

    for member in by_kid.items():
        builder.one(f"kid {member[0][:24]!r}", member, one, _kid(member[0]))
    return builder.list("none")


def _kid(stated: str) -> bytes | None:
    try:
        return kids.decode(stated)
    except KeyMaterialError:
        return None
