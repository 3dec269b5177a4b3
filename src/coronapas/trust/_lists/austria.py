"""The Austrian envelope: CBOR content and a separate signature file; certificates, rules, values.

The signature file is a COSE_Sign1 with the protected header ``{alg, kid (4), 42: 2}`` and the
payload ``{5: not before, 4: expires, 2: SHA-256 of the content}``; it lives for 48 hours. Content
is ``{"c": [{"i": kid, "c": DER}]}`` for certificates, ``{"r": [{"i", "r"}]}`` for rules and
``{"v": [{"n", "v"}]}`` for value sets.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from coronapas.errors import DecodeError
from coronapas.hcert import _cose as cose
from coronapas.trust import _documents as documents
from coronapas.trust._anchors import judge_pins, pinned
from coronapas.trust._certificate import Certificate, VerifyingKey
from coronapas.trust._format import Document, DocumentList, ListFormat
from coronapas.trust._list import ListBuilder

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from typing import Unpack

    from coronapas.trust._anchors import Pins
    from coronapas.trust._format import Content
    from coronapas.trust._list import Circumstances, SignatureState, TrustList

NAME: Final = "austria"

_NOT_BEFORE: Final = 5
_EXPIRES: Final = 4
_DIGEST: Final = 2
_VERSION_HEADER: Final = 42
_VERSION: Final = 2


class _Life(NamedTuple):
    state: SignatureState
    begins: datetime | None
    ends: datetime | None


def read(
    data: bytes, *, pins: Pins, beside: Sequence[bytes] = (), **about: Unpack[Circumstances]
) -> TrustList:
    """Read the list of certificates; `beside` is its signature file.

    Raises TrustListError where the whole cannot be trusted; ``trust.incomplete`` where there are
    pins but no signature file.
    """
    builder = ListBuilder(NAME, about)
    life = _judge(data, beside[0] if beside else None, pins, builder)
    entries = documents.whole(_content(data).get("c"), list, NAME, "'c'")

    def key(entry: Any) -> None:
        kid = documents.part(entry, "i", bytes)
        certificate = Certificate(documents.part(entry, "c", bytes), kid=kid)
        builder.match_kid(certificate, kid)
        builder.keep(certificate)

    builder.each(entries, key)
    return builder.list(*life)


def read_austrian_rules(
    data: bytes, signature: bytes | None, *, pins: Pins, **about: Unpack[Circumstances]
) -> DocumentList:
    """Read business rules: the JSON of each by its identifier, signed as the list is."""
    return _documents(data, signature, pins, about, ("r", "i", "r"))


def read_austrian_value_sets(
    data: bytes, signature: bytes | None, *, pins: Pins, **about: Unpack[Circumstances]
) -> DocumentList:
    """Read value sets: the JSON of each by its name, signed as the list is."""
    return _documents(data, signature, pins, about, ("v", "n", "v"))


def _documents(
    data: bytes,
    signature: bytes | None,
    pins: Pins,
    about: Circumstances,
    names: tuple[str, str, str],
) -> DocumentList:
    builder = ListBuilder(NAME, about)
    life = _judge(data, signature, pins, builder)
    whole, identifier, value = names
    entries = documents.whole(_content(data).get(whole), list, NAME, f"{whole!r}")
    found: list[Document] = []

    def document(entry: Any) -> None:
        text = documents.part(entry, value, str)
        found.append(Document.read(documents.part(entry, identifier, str), text.encode("utf-8")))

    for number, entry in enumerate(entries, start=1):
        builder.read(f"entry {number}", entry, document)
    listed = builder.list(*life)
    return DocumentList(listed.source, tuple(found), listed.dropped)


def _content(data: bytes) -> dict[Any, Any]:
    return documents.whole(documents.load_cbor(data, NAME), dict, NAME, "the map")


def _judge(data: bytes, signature: bytes | None, pins: Pins, builder: ListBuilder) -> _Life:
    """Return how long the signature file lets the content live; raise TrustListError."""
    documents.bounded(data, NAME, documents.MAX_CBOR_BYTES)
    trusted = pinned(pins)
    if signature is None:
        if trusted:
            raise builder.error("incomplete", "the signature file is missing")
        return _Life("not verified", None, None)
    try:
        message = cose.read(documents.bounded(signature, NAME, documents.MAX_CBOR_BYTES))
    except DecodeError as error:
        raise builder.error("malformed", f"the signature file: {error.message}") from None
    if trusted:
        judge_pins(
            trusted,
            lambda certificate: VerifyingKey(certificate).fault(message) is None,
            builder.at,
            NAME,
        )
    payload = documents.whole(
        documents.load_cbor(message.payload, NAME), dict, NAME, "the payload's map"
    )
    digest = documents.whole(payload.get(_DIGEST), bytes, NAME, "the content's digest")
    if not hmac.compare_digest(digest, hashlib.sha256(data).digest()):
        raise builder.error("signature", "the content is not the one that was signed")
    begins = documents.moment(payload.get(_NOT_BEFORE), NAME, "the beginning")
    ends = documents.moment(payload.get(_EXPIRES), NAME, "the end")
    if ends is None:
        raise builder.error("malformed", "the signature file states no end")
    _version(message.headers, builder)
    return _Life("verified" if trusted else "not verified", begins, ends)


def _version(headers: Mapping[Any, Any], builder: ListBuilder) -> None:
    if headers.get(_VERSION_HEADER) != _VERSION:
        raise builder.error("malformed", f"the signature file must be of version {_VERSION}")


def _recognise(content: Content) -> bool:
    return content.shape == "cbor" and content.has_member("c")


FORMAT: Final = ListFormat(NAME, _recognise, read, signed="whole")
