"""Signed rules and value sets: the JSON inside them, once the signature was verified.

The gateway serves business rules as ``{id: [{version, validFrom, validTo, cms}]}``, each `cms` an
attached message whose content is the rule's JSON, signed by an UPLOAD certificate of the rule's
country. Value sets come in the same messages. What the JSON means is for other rooms to judge.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from coronapas.errors import KeyMaterialError, TrustListError
from coronapas.trust import _cms as cms
from coronapas.trust import _documents as documents
from coronapas.trust._certificate import Certificate
from coronapas.trust._list import ListBuilder

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Unpack

    from coronapas.trust._list import Circumstances, Dropped, Source

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
