"""Certificates without a list around them: PEM and DER files, bundles, folders of them.

Unsigned and undated: the caller vouches for them. A certificate that is a CSCA by its extensions (a
CA whose key may sign no passes) becomes an authority and not a key for passes; if there are any, a
DSC that none of them issued is kept with a remark.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from coronapas import _base64 as base64
from coronapas.errors import KeyMaterialError
from coronapas.trust import _documents as documents
from coronapas.trust import _x509 as x509
from coronapas.trust._anchors import REMARKS, Authorities
from coronapas.trust._certificate import Certificate
from coronapas.trust._format import ListFormat
from coronapas.trust._list import MAX_ENTRIES, ListBuilder

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Unpack

    from coronapas.trust._anchors import Pins
    from coronapas.trust._format import Content
    from coronapas.trust._list import Circumstances, TrustList

NAME: Final = "plain"


def read(
    files: Mapping[str, bytes] | bytes,
    /,
    *,
    pins: Pins = (),
    beside: Sequence[bytes] = (),
    **about: Unpack[Circumstances],
) -> TrustList:
    """Read the certificates of files by their names, or of one file: DER, PEM, base64.

    Files without a certificate are dropped with their names. Raises TrustListError
    (``trust.too-large``) for too many bytes in all.
    """
    builder = ListBuilder(NAME, about)
    whole = {"the file": files} if isinstance(files, bytes) else files
    if sum(map(len, whole.values())) > documents.MAX_BYTES:
        raise builder.error("too-large", f"there are more than {documents.MAX_BYTES} bytes")
    found: list[Certificate] = []

    def certificate(piece: Any) -> None:
        loaded = Certificate.load(piece)
        builder.check(loaded)
        if loaded.signs_only_certificates:
            builder.authorities.append(loaded)
        else:
            found.append(loaded)

    for name, data in whole.items():
        try:
            pieces = list(islice(x509.pieces(data), MAX_ENTRIES + 1))
        except KeyMaterialError as error:
            builder.drop(None, str(error), name)
            continue
        for number, piece in enumerate(pieces, start=1):
            builder.read(name if len(pieces) == 1 else f"{name}, part {number}", piece, certificate)
    authorities = Authorities(builder.authorities)
    for each in found:
        _keep(each, authorities, builder)
    return builder.list("none")


def _keep(certificate: Certificate, authorities: Authorities, builder: ListBuilder) -> None:
    builder.keep(certificate)
    if not authorities.certificates:
        return
    link = authorities.link(certificate, builder.spend)
    if link.fault is not None:
        builder.remark(certificate.kid, link.fault, link.sentence)
    for code in link.remarks:
        builder.remark(certificate.kid, code, REMARKS[code])


def _recognise(content: Content) -> bool:
    if content.shape != "other":
        return False
    try:
        return content.holds_certificates or base64.decode(content.data)[:1] == b"0"
    except KeyMaterialError:
        return False


FORMAT: Final = ListFormat(NAME, _recognise, read, signed="no")
