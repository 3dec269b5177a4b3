"""Signed rules and value sets: the JSON inside, handed on once its signature held.

The gateway serves business rules as ``{id: [{version, validFrom, validTo, cms}]}``, each `cms` an
attached message whose content is the rule's JSON, signed by an UPLOAD certificate of the rule's
country. Value sets travel in the same messages. What the JSON says is for other rooms to judge.
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
    """One JSON document: what the list calls it, its parsed value, its bytes, and its signer.

    `signer` is None where the list as a whole was signed.
    """

    name: str
    value: Any
    data: bytes
    signer: Certificate | None = None

    @classmethod
    def read(cls, name: str, data: bytes, signer: Certificate | None = None) -> Document:
        """From the JSON's bytes; KeyMaterialError for what is no JSON, which drops it."""
        try:
            value = documents.load(data, NAME)
        except TrustListError as error:
            raise KeyMaterialError(error.message) from None
        return cls(name, value, data, signer)


@dataclass(frozen=True, slots=True)
class DocumentList:
    """Documents as a list held them, with what was dropped and why."""

    source: Source
    documents: tuple[Document, ...] = ()
    dropped: tuple[Dropped, ...] = ()


def open_message(
    message: bytes, name: str, signers: Iterable[Certificate], *, country: str | None = None
) -> Document:
    """The document in one attached CMS message (DER), signed by one of `signers`.

    With `country`, the signer has to be of that country. Raises CmsError where the signature does
    not hold, KeyMaterialError where the signer is another or the content is no JSON.
    """
    content, signer = cms.verify_attached(message)
    if signer not in frozenset(signers):
        raise KeyMaterialError("the document is not signed by any of the certificates given")
    if country is not None and signer.country != country:
        raise KeyMaterialError("the document's signer is of another country")
    return Document.read(name, content, signer)


def read_documents(
    data: bytes, *, signers: Iterable[Certificate], **about: Unpack[Circumstances]
) -> DocumentList:
    """The documents of a gateway answer: ``{id: [{cms, ...}]}`` or ``[{id, cms, ...}]``.

    `signers` are UPLOAD certificates (`TrustList.uploaders`); a rule whose JSON names a ``Country``
    has to be signed by a certificate of that country. Documents that break a rule are dropped.
    Raises TrustListError where the answer itself cannot be read.
    """
    builder = ListBuilder(NAME, about)
    allowed = frozenset(
        Certificate.load(each, kid=None, country=None, usages=None) for each in signers
    )
    found: list[Document] = []

    def one(entry: tuple[str, Any]) -> None:
        name, item = entry
        message = documents.base64_part(item, "cms")
        document = open_message(message, name, allowed)
        country = document.value.get("Country") if isinstance(document.value, dict) else None
        signer = document.signer
        if country is not None and signer is not None and signer.country != country:
            raise KeyMaterialError("the rule's country is not its signer's")
        found.append(document)

    for name, item in _entries(builder.json(data)):
        builder.read(f"document {name}", (name, item), one)
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
