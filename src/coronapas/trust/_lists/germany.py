"""The German list (CovPass): one line of signature, then JSON with gateway entries.

Line 1 is the base64 of an ECDSA signature (P-256, SHA-256, raw r and s) over the exact bytes after
its newline; then ``{"certificates": [...]}``. The pinned key vouches for every entry; the entries'
own CMS messages, whose signers are not on the list, are ignored. The list has no
date; `fetched` gives it one.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any, Final

from coronapas import _signatures as signatures
from coronapas.errors import KeyMaterialError
from coronapas.trust import _documents as documents
from coronapas.trust._anchors import judge_pins, pinned
from coronapas.trust._certificate import Certificate
from coronapas.trust._format import ListFormat
from coronapas.trust._list import ListBuilder

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Unpack

    from coronapas.trust._anchors import Pin, Pins
    from coronapas.trust._format import Content
    from coronapas.trust._list import Circumstances, SignatureState, TrustList

NAME: Final = "germany"
_SIGNATURE: Final = 64
_MAX_LINE: Final = 1024
_START: Final = re.compile(rb"[A-Za-z0-9+/=]{16,1024}\r?\n\s*\{")


def read(
    data: bytes, *, pins: Pins, beside: Sequence[bytes] = (), **about: Unpack[Circumstances]
) -> TrustList:
    """Read the list; raise TrustListError if the whole cannot be read or trusted."""
    builder = ListBuilder(NAME, about)
    documents.bounded(data, NAME)
    line, newline, body = data.partition(b"\n")
    if not newline or len(line) > _MAX_LINE:
        raise builder.error("malformed", "the list must begin with the line of its signature")
    state = _judge(line, body, pinned(pins), builder)
    content = documents.whole(builder.json(body), dict, NAME, "the object")
    entries = documents.whole(content.get("certificates"), list, NAME, "'certificates'")

    def key(entry: Any) -> None:
        if documents.part(entry, "certificateType", str) != "DSC":
            raise KeyMaterialError("the certificateType of the entry must be DSC")
        der = documents.base64_part(entry, "rawData")
        thumbprint = entry.get("thumbprint")
        if thumbprint is not None and str(thumbprint).lower() != hashlib.sha256(der).hexdigest():
            raise KeyMaterialError("the thumbprint is not the certificate's")
        kid = documents.kid_part(entry, "kid")
        certificate = Certificate(der, kid=kid, country=documents.part(entry, "country", str))
        builder.match_kid(certificate, kid)
        builder.keep(certificate)

    builder.each(entries, key)
    return builder.list(state)


def _judge(
    line: bytes, body: bytes, trusted: Sequence[Pin], builder: ListBuilder
) -> SignatureState:
    signature = documents.frame_base64(line.decode("latin-1"), NAME, "the signature's line")
    if len(signature) != _SIGNATURE:
        raise builder.error("malformed", f"the signature must have {_SIGNATURE} bytes")
    if not trusted:
        return "not verified"
    judge_pins(
        trusted,
        lambda certificate: signatures.holds(certificate.public_key, "ES256", signature, body),
        builder.at,
        NAME,
    )
    return "verified"


def _recognise(content: Content) -> bool:
    return content.shape == "other" and _START.match(content.data) is not None


FORMAT: Final = ListFormat(NAME, _recognise, read, signed="whole")
