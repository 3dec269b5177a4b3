"""The list of the EU gateway (DGCG): reader and writer.

A JSON array of ``{kid, timestamp, country, certificateType, thumbprint, signature, rawData}``; the
signature is a detached CMS over the DER. The rules, all enforced with a pinned trust anchor:

1. CSCA and UPLOAD certificates are signed by the trust anchor.
2. A DSC is signed by an UPLOAD certificate of its country, *and* issued by a CSCA of the list.
3. The thumbprint is the SHA-256 of the DER, and the stated country the certificate's.

Entries that break a rule are dropped alone, as is a DSC whose CMS does not hold. The stated kid is
not signed: the certificate's own counts. AUTHENTICATION certificates sign nothing here and are
ignored with a remark. The list has no date; `fetched` gives it one.

Without a pin the CMS messages must still hold and the types must still fit together, but nobody
knows who signed them: the list is ``not verified``.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from coronapas import _base64 as base64
from coronapas.errors import KeyMaterialError
from coronapas.trust import _cms as cms
from coronapas.trust import _documents as documents
from coronapas.trust._anchors import REMARKS, Authorities, pinned
from coronapas.trust._certificate import Certificate
from coronapas.trust._format import ListFormat
from coronapas.trust._list import ListBuilder, stated_kid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime
    from typing import Unpack

    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    from coronapas.trust._anchors import Pin, Pins
    from coronapas.trust._format import Content
    from coronapas.trust._list import Circumstances, TrustList

NAME: Final = "gateway"

CertificateType = Literal["AUTHENTICATION", "UPLOAD", "CSCA", "DSC"]

# In the order in which they are needed: DSCs are judged by the others.
_TYPES: Final = ("CSCA", "UPLOAD", "AUTHENTICATION", "DSC")


class Signed(NamedTuple):
    """A certificate and who signed it for the list."""

    certificate: Certificate
    signer: Certificate


def read(
    data: bytes, *, pins: Pins, beside: Sequence[bytes] = (), **about: Unpack[Circumstances]
) -> TrustList:
    """Read the list of the trust anchor `pins`; `beside` are further parts of a split list.

    Raises TrustListError if the whole cannot be read; entries that break the rules are dropped.
    """
    builder = ListBuilder(NAME, about)
    entries = [
        entry
        for part in (data, *beside)
        for entry in documents.whole(builder.json(part), list, NAME, "the array of entries")
    ]
    return read_entries(entries, pinned(pins), builder)


def read_entries(
    entries: Iterable[Any], anchors: tuple[Pin, ...], builder: ListBuilder
) -> TrustList:
    """Return the list of parsed entries."""
    reading = _Reading(anchors, builder)
    by_type: dict[str, list[tuple[int, Any]]] = {name: [] for name in _TYPES}
    for number, entry in enumerate(entries, start=1):
        kind = entry.get("certificateType") if isinstance(entry, dict) else None
        if isinstance(kind, str) and kind in by_type:
            by_type[kind].append((number, entry))
        else:
            reason = "the certificateType of the entry is unknown"
            builder.drop(stated_kid(entry), reason, f"entry {number}")
    readers = (reading.csca, reading.upload, reading.authentication, reading.dsc)
    for kind, reader in zip(_TYPES, readers, strict=True):
        for number, entry in by_type[kind]:
            builder.read(f"entry {number}", entry, reader, stated_kid(entry))
    return builder.list("verified" if anchors else "not verified")


class _Reading:
    """The rules, and what has been read so far."""

    def __init__(self, anchors: tuple[Pin, ...], builder: ListBuilder) -> None:
        self.anchors = anchors
        self.builder = builder
        self.authorities: Authorities | None = None
        self.uploaders: dict[bytes, set[str | None]] = {}

    def csca(self, entry: Any) -> None:
        self.builder.authorities.append(self._anchored(entry))

    def upload(self, entry: Any) -> None:
        certificate = self._anchored(entry)
        self.builder.uploaders.append(certificate)
        self.uploaders.setdefault(certificate.spki, set()).add(certificate.country)

    def authentication(self, entry: Any) -> None:
        certificate = self._anchored(entry)
        self.builder.remark(
            certificate.kid, "list.authentication", "an AUTHENTICATION certificate signs no passes"
        )

    def dsc(self, entry: Any) -> None:
        certificate, signer = open_entry(entry, self.builder.spend)
        self._uploaded(certificate, signer)
        self._chained(certificate)
        stated = entry.get("kid")
        if isinstance(stated, str):
            self.builder.match_kid(certificate, documents.decode_kid(stated))
        self.builder.keep(certificate)

    def _anchored(self, entry: Any) -> Certificate:
        certificate, signer = open_entry(entry, self.builder.spend)
        self.builder.check(certificate)
        if self.anchors:
            self._is_anchor(signer)
        return certificate

    def _is_anchor(self, signer: Certificate) -> None:
        at = self.builder.at
        for pin in self.anchors:
            if pin.certificate.spki == signer.spki and (at is None or pin.certificate.valid_at(at)):
                return
        raise KeyMaterialError("the entry is not signed by the pinned trust anchor")

    def _uploaded(self, certificate: Certificate, signer: Certificate) -> None:
        countries = self.uploaders.get(signer.spki)
        if countries is None:
            if not self.anchors and not self.uploaders:
                return
            raise KeyMaterialError("no UPLOAD certificate of the list signed the DSC")
        if certificate.country not in countries:
            raise KeyMaterialError("an UPLOAD certificate of another country signed the DSC")

    def _chained(self, certificate: Certificate) -> None:
        if self.authorities is None:
            self.authorities = Authorities(self.builder.authorities)
        if not self.anchors and not self.authorities.certificates:
            return
        link = self.authorities.link(certificate, self.builder.spend)
        if link.fault is not None:
            raise KeyMaterialError(link.sentence)
        for code in link.remarks:
            self.builder.remark(certificate.kid, code, REMARKS[code])


def open_entry(entry: Any, spend: Callable[[Certificate], None] | None = None) -> Signed:
    """Return the certificate of an entry whose CMS holds, and the CMS's signer (no trust implied).

    Raises CmsError or KeyMaterialError, also for a wrong thumbprint or country. `spend` is that of
    `cms.verify_detached`.
    """
    der = documents.base64_part(entry, "rawData")
    certificate = Certificate(der)
    thumbprint = entry.get("thumbprint")
    if thumbprint is not None and str(thumbprint).lower() != hashlib.sha256(der).hexdigest():
        raise KeyMaterialError("the thumbprint is not the certificate's")
    stated = documents.part(entry, "country", str).strip().upper()
    if certificate.country is not None and certificate.country != stated:
        raise KeyMaterialError("the stated country is not the certificate's")
    signature = documents.base64_part(entry, "signature")
    return Signed(
        Certificate.load(certificate, country=stated)
        if certificate.country is None
        else certificate,
        cms.verify_detached(signature, der, spend),
    )


def gateway_entry(
    certificate: Certificate,
    kind: CertificateType,
    signer_key: EllipticCurvePrivateKey | RSAPrivateKey,
    signer: Certificate,
    *,
    timestamp: datetime,
) -> dict[str, str]:
    """Return a signed entry of the list; the trust anchor signs it, or an UPLOAD key for a DSC.

    `timestamp` is the aware datetime at which the gateway received it. Raises KeyMaterialError for
    a bare key, or if `signer_key` is not the key of `signer`.
    """
    if certificate.der is None:
        raise KeyMaterialError("every key of the list must have a certificate")
    signature = cms.sign(certificate.der, signer_key, signer)
    return {
        "kid": base64.encode(certificate.kid),
        "timestamp": timestamp.isoformat(timespec="seconds"),
        "country": certificate.country or "",
        "certificateType": kind,
        "thumbprint": hashlib.sha256(certificate.der).hexdigest(),
        "signature": base64.encode(signature),
        "rawData": base64.encode(certificate.der),
    }


def write_gateway(entries: Iterable[dict[str, str]]) -> bytes:
    """Return the list of `gateway_entry` values, as the gateway serves it."""
    return documents.dump(list(entries))


def _recognise(content: Content) -> bool:
    return content.shape == "json" and content.has_entry_with("rawData", "certificateType")


FORMAT: Final = ListFormat(NAME, _recognise, read, signed="entries", write=write_gateway)
