"""What a format of trust lists is; and signed rules and value sets, of the same services.

The gateway serves business rules as ``{id: [{version, validFrom, validTo, cms}]}``, each `cms` an
attached message whose content is the rule's JSON, signed by an UPLOAD certificate of the rule's
country. Value sets come in the same messages. What the JSON means is for other rooms to judge.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import (
    TYPE_CHECKING,
    Any,
    Final,
    Literal,
    Protocol,
)

from coronapas.errors import KeyMaterialError, TrustListError
from coronapas.trust import _cms as cms
from coronapas.trust import _documents as documents
from coronapas.trust._certificate import Certificate
from coronapas.trust._jose import read_jws
from coronapas.trust._list import ListBuilder

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Unpack

    from coronapas.trust._anchors import Pins
    from coronapas.trust._list import (
        Circumstances,
        Dropped,
        Source,
        TrustList,
    )

NAME: Final = "gateway-documents"


@dataclass(frozen=True, slots=True)
class Document:
    """One JSON document: its name on the list, its parsed value, its bytes, and its signer.

    `signer` is None if the list as a whole was signed.
    """

    name: str
    """Its name on the list."""
    value: Any
    """The parsed JSON."""
    data: bytes
    """The bytes of the JSON."""
    signer: Certificate | None = None

    @classmethod
    def read(cls, name: str, data: bytes, signer: Certificate | None = None) -> Document:
        """Parse the bytes of a document; raise KeyMaterialError if they are not JSON."""
        try:
            value = documents.load(data, NAME)
        except TrustListError as error:
            raise KeyMaterialError(error.message) from None
        return cls(name, value, data, signer)


@dataclass(frozen=True, slots=True)
class DocumentList:
    """The documents of a list, and what was dropped from it and why."""

    source: Source
    """Where the list comes from."""
    documents: tuple[Document, ...] = ()
    """The documents, in the order of the list."""
    dropped: tuple[Dropped, ...] = ()
    """What was dropped, with the reasons."""


def open_message(
    message: bytes, name: str, signers: Iterable[Certificate], *, country: str | None = None
) -> Document:
    """Return the document in one attached CMS message (DER), signed by one of `signers`.

    With `country`, the signer must be of that country. Raises CmsError if the signature does not
    hold, KeyMaterialError if somebody else signed or the content is not JSON.
    """
    content, signer = cms.verify_attached(message)
    if signer not in frozenset(signers):
        raise KeyMaterialError("the signer of the document is not one of the given certificates")
    if country is not None and signer.country != country:
        raise KeyMaterialError("the signer of the document is of another country")
    return Document.read(name, content, signer)


def read_documents(
    data: bytes, *, signers: Iterable[Certificate], **about: Unpack[Circumstances]
) -> DocumentList:
    """Read the gateway's documents: ``{id: [{cms, ...}]}`` or ``[{id, cms, ...}]``.

    `signers` are UPLOAD certificates (`TrustList.uploaders`); a rule whose JSON states a
    ``Country`` must be signed by a certificate of that country. Documents that break these rules
    are dropped.
    Raises TrustListError if the whole cannot be read.
    """
    builder = ListBuilder(NAME, about)
    allowed = frozenset(
        Certificate.load(each, kid=None, country=None, usages=None) for each in signers
    )
    found: list[Document] = []

    def document(entry: tuple[str, Any]) -> None:
        name, item = entry
        message = documents.base64_part(item, "cms")
        opened = open_message(message, name, allowed)
        country = opened.value.get("Country") if isinstance(opened.value, dict) else None
        signer = opened.signer
        if country is not None and signer is not None and signer.country != country:
            raise KeyMaterialError("the rule's country is not its signer's")
        found.append(opened)

    for name, item in _entries(builder.json(data)):
        builder.read(f"document {name}", (name, item), document)
    listed = builder.list("verified")
    return DocumentList(listed.source, tuple(found), listed.dropped)


def _entries(content: Any) -> list[tuple[str, Any]]:
    if isinstance(content, list):
        return [(_name(item), item) for item in content]
    whole = documents.whole(content, dict, NAME, "the object or array of documents")
    return [
        (name, item)
        for name, versions in whole.items()
        for item in (versions if isinstance(versions, list) else [versions])
    ]


def _name(item: object) -> str:
    name = item.get("id") if isinstance(item, dict) else None
    return name if isinstance(name, str) else ""


# A format of trust lists as one value, and what its recogniser looks at.
#
# Each module of `coronapas.trust._lists` exports one `ListFormat`; the tuple there is the registry.

UNKNOWN: Final = "trust list"
"""The format's name in errors about bytes of which no format is known yet."""

Shape = Literal["archive", "cbor", "json", "jws", "other"]
"""What bytes are before a format is known: a ZIP archive, CBOR, JSON, a compact JWS, or others."""

Signed = Literal["whole", "entries", "no"]
"""What is signed in a format: the list as a whole, each entry by itself, or nothing."""

_ARCHIVES: Final = (b"PK\x03\x04", b"PK\x05\x06")
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_JSON: Final = (b"{", b"[")
_JWS: Final = re.compile(rb"\s*[\w-]+\.[\w-]+\.[\w-]*\s*")
_MAP: Final = range(0xA0, 0xC0)  # CBOR, major type 5
_DER: Final = b"0"
_PEM: Final = b"-----BEGIN "


@dataclass(frozen=True, slots=True)
class Content:
    """The bytes of a file, classified and parsed as far as recognising a format needs.

    `value` is the parsed JSON or CBOR, or the parsed payload of a JWS; None for other shapes.
    """

    data: bytes = field(repr=False)
    """The bytes."""
    shape: Shape
    """What they are before a format is known."""
    value: Any = field(default=None, repr=False)

    @property
    def holds_certificates(self) -> bool:
        """Whether these are DER or PEM."""
        return self.data[:1] == _DER or _PEM in self.data

    def has_member(self, *names: str) -> bool:
        """Return whether `value` is an object with one of these members."""
        return isinstance(self.value, dict) and any(name in self.value for name in names)

    def has_entry_with(self, *names: str) -> bool:
        """Return whether `value` is an array in which an object has one of these members."""
        return isinstance(self.value, list) and any(
            isinstance(entry, dict) and any(name in entry for name in names) for entry in self.value
        )


class Reader(Protocol):
    """Read a list of one format from its bytes; formats that are not signed ignore `pins`.

    `beside` are the files that belong to the list. Raises TrustListError.
    """

    def __call__(
        self,
        data: bytes,
        /,
        *,
        pins: Pins,
        beside: Sequence[bytes],
        **about: Unpack[Circumstances],
    ) -> TrustList:
        """Return the list."""


@dataclass(frozen=True, slots=True)
class ListFormat:
    """One format of trust lists.

    `name` is shown to people and kept as `Source.format`; `recognise` says whether a content is of
    this format, and the first format of the registry that says so counts; `read` reads it;
    `signed` says what is signed; `read_value` does what `read` does from the parsed value, for a
    format that needs no other bytes; `write` writes the format, for those that the library writes,
    with parameters of its own.
    """

    name: str
    recognise: Callable[[Content], bool]
    read: Reader
    signed: Signed
    read_value: Callable[..., TrustList] | None = None
    write: Callable[..., bytes] | None = None


def classify(data: bytes) -> Content:
    """Return the content of a file of any format.

    Raises TrustListError: ``trust.too-large``, or ``trust.malformed`` for JSON, CBOR or a JWS that
    cannot be read.
    """
    documents.bounded(data, UNKNOWN)
    if data[:4] in _ARCHIVES:
        return Content(data, "archive")
    if data[:64].removeprefix(_BYTE_ORDER_MARK).lstrip()[:1] in _JSON:
        return Content(data, "json", documents.load(data, UNKNOWN))
    content = Content(data, "other")
    if content.holds_certificates:
        return content
    if _JWS.fullmatch(data):
        payload = read_jws(data, UNKNOWN).payload
        return Content(data, "jws", documents.load(payload, UNKNOWN))
    if data and data[0] in _MAP:
        return Content(data, "cbor", documents.load_cbor(data, UNKNOWN))
    return content
