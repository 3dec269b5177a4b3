"""The French list: unsigned certificates and bare keys by their kids.

``{certificatesDCC: {kid: base64 of base64}}``, of a certificate or a SubjectPublicKeyInfo. Nothing
is signed and nothing is dated: the caller must know which service answered, and `fetched` gives
the list a date.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from coronapas import _base64 as base64
from coronapas.errors import KeyMaterialError
from coronapas.trust import _documents as documents
from coronapas.trust._anchors import key_or_certificate
from coronapas.trust._format import ListFormat
from coronapas.trust._list import ListBuilder

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Unpack

    from coronapas.trust._anchors import Pins
    from coronapas.trust._format import Content
    from coronapas.trust._list import Circumstances, TrustList

NAME: Final = "france"


def read(
    data: bytes,
    *,
    pins: Pins = (),
    beside: Sequence[bytes] = (),
    **about: Unpack[Circumstances],
) -> TrustList:
    """Read the list; raise TrustListError where the whole cannot be read."""
    builder = ListBuilder(NAME, about)
    content = documents.whole(builder.json(data), dict, NAME, "the object")
    by_kid = documents.whole(content.get("certificatesDCC"), dict, NAME, "'certificatesDCC'")

    def key(member: tuple[str, Any]) -> None:
        stated, value = member
        kid = documents.decode_kid(stated)
        if not isinstance(value, str):
            raise KeyMaterialError(f"the entry must be a string, got {type(value).__name__}")
        inner = base64.decode(value, "the entry")
        # Base64 of base64 as a rule; plain base64 shows by the first byte of DER.
        der = inner if inner[:1] == b"0" else base64.decode(inner, "the entry")
        found = key_or_certificate(der, kid=kid)
        if found.der is not None:
            builder.match_kid(found, kid)
        builder.keep(found)

    for member in by_kid.items():
        builder.read(f"kid {member[0][:24]!r}", member, key, documents.kid_or_none(member[0]))
    return builder.list("none")


def _recognise(content: Content) -> bool:
    return content.shape == "json" and content.has_member("certificatesDCC")


FORMAT: Final = ListFormat(NAME, _recognise, read, signed="no")
