"""The British and Norwegian lists: unsigned keys without certificates.

``[{kid, publicKey}]`` with the base64 of a SubjectPublicKeyInfo. Nothing is signed and nothing is
dated: the caller must know which service answered, and `fetched` gives the list a date. Neither
country nor usage nor validity of a bare key is known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from coronapas.trust import _documents as documents
from coronapas.trust._certificate import Certificate
from coronapas.trust._format import ListFormat
from coronapas.trust._list import ListBuilder

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Unpack

    from coronapas.trust._anchors import Pins
    from coronapas.trust._format import Content
    from coronapas.trust._list import Circumstances, TrustList

NAME: Final = "key-list"


def read(
    data: bytes,
    *,
    pins: Pins = (),
    beside: Sequence[bytes] = (),
    **about: Unpack[Circumstances],
) -> TrustList:
    """Read the list; raise TrustListError where the whole cannot be read."""
    builder = ListBuilder(NAME, about)
    entries = documents.whole(builder.json(data), list, NAME, "the array of keys")

    def key(entry: Any) -> None:
        kid = documents.kid_part(entry, "kid")
        spki = documents.base64_part(entry, "publicKey")
        builder.keep(Certificate.from_public_key(spki, kid=kid))

    builder.each(entries, key)
    return builder.list("none")


def _recognise(content: Content) -> bool:
    return content.shape == "json" and content.has_entry_with("publicKey")


FORMAT: Final = ListFormat(NAME, _recognise, read, signed="no")
