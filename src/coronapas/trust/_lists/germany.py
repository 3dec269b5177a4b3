"""The German list (CovPass): one line of signature, then JSON with gateway entries.

Line 1 is the base64 of an ECDSA signature (P-256, SHA-256, raw r and s) over the exact bytes after
its newline; then ``{"certificates": [...]}``. The pinned key vouches for every entry, and the
entries' own CMS messages, whose signers are not on the list, are not looked at. The list has no
date; `fetched` gives it one.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

from coronapas import _signatures as signatures
from coronapas.errors import KeyMaterialError
from coronapas.trust import _documents as documents
from coronapas.trust import _kids as kids
from coronapas.trust import _material as material
from coronapas.trust._certificate import Certificate
from coronapas.trust._list import ListBuilder
from coronapas.trust._pins import pinned

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Unpack

    from coronapas.trust._list import Circumstances, SignatureState, TrustList
    from coronapas.trust._pins import Pin, Pins

FORMAT: Final = "germany"
_SIGNATURE: Final = 64
_MAX_LINE: Final = 1024


def read(data: bytes, *, pins: Pins, **about: Unpack[Circumstances]) -> TrustList:
    """The list, by the pinned key; raises TrustListError where the whole cannot be believed."""
    builder = ListBuilder(FORMAT, about)
    documents.bounded(data, FORMAT)
    line, newline, body = data.partition(b"\n")
    if not newline or len(line) > _MAX_LINE:
        raise builder.error("malformed", "the list has no line of signature")
    state = _judge(line, body, pinned(pins), builder)
    content = documents.whole(builder.json(body), dict, FORMAT, "the object")
    entries = documents.whole(content.get("certificates"), list, FORMAT, "'certificates'")

    def one(entry: Any) -> None:
        if documents.part(entry, "certificateType", str) != "DSC":
            raise KeyMaterialError("the entry is no DSC")
        der = material.from_base64(documents.part(entry, "rawData", str))
        thumbprint = entry.get("thumbprint")
        if thumbprint is not None and str(thumbprint).lower() != hashlib.sha256(der).hexdigest():
            raise KeyMaterialError("the thumbprint is not the certificate's")
        kid = kids.decode(documents.part(entry, "kid", str))
        certificate = Certificate(der, kid=kid, country=documents.part(entry, "country", str))
        builder.match_kid(certificate, kid)
        builder.keep(certificate)

    builder.each(entries, one)
    return builder.list(state)


def _judge(
    line: bytes, body: bytes, trusted: Sequence[Pin], builder: ListBuilder
) -> SignatureState:
    signature = documents.base64_bytes(line.decode("latin-1"), FORMAT, "the line of signature")
    if len(signature) != _SIGNATURE:
        raise builder.error("malformed", "the signature has not 64 bytes")
    if not trusted:
        return "not verified"
    for pin in trusted:
        if signatures.holds(pin.certificate.public_key, "ES256", signature, body):
            if builder.at is not None and not pin.certificate.valid_at(builder.at):
                raise builder.error("signer", "the pinned certificate is not valid at that time")
            return "verified"
    raise builder.error("signature", "the signature holds under no pinned key")
