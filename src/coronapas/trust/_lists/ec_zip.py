"""The European Commission's archive: certificates as PEM files, each with a signature file.

``CSCA/DCC/<CC>/<sha256>.pem`` and ``DSC/DCC/<CC>/<sha256>.pem``, each with a ``.sig.txt`` that is a
detached CMS over the certificate (over its DER; some tools sign the PEM file, which is accepted,
too). The same layout in an unpacked folder is read in the same way. The rules, all enforced with a
pinned trust anchor:

1. A CSCA is signed by the trust anchor.
2. A DSC is issued by a CSCA of the archive, and signed for the list by the trust anchor or by one
   of the `uploaders`. The archive itself has no UPLOAD certificates: without `uploaders` the signer
   of a DSC must only be of its country, and the CSCA vouches for the DSC.

The archive has no date; `fetched` gives it one. The format does not show whether somebody left
certificates out, or put older ones back in.
"""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final, NamedTuple

from coronapas import _base64 as base64
from coronapas.errors import CmsError, KeyMaterialError, TrustListError
from coronapas.trust import _cms as cms
from coronapas.trust import _documents as documents
from coronapas.trust._anchors import REMARKS, Authorities, pinned
from coronapas.trust._certificate import Certificate
from coronapas.trust._format import ListFormat
from coronapas.trust._list import ListBuilder
from coronapas.trust._lists import plain
from coronapas.trust._x509 import to_der

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Unpack

    from coronapas.trust._anchors import Pins
    from coronapas.trust._format import Content
    from coronapas.trust._list import Circumstances, TrustList

NAME: Final = "ec-zip"

MAX_FILES: Final = 20_000
MAX_FILE_BYTES: Final = 128 * 1024
MAX_UNPACKED_BYTES: Final = 64 * 1024 * 1024
"""The bounds of an archive, all inclusive; one with more is refused."""

FREE: Final = 4 * 1024 * 1024
"""Bytes that an archive may unpack to however small it is."""

MAX_RATIO: Final = 20
"""How many times its own size an archive may unpack to, beyond `FREE` bytes: certificates and
signatures in base64 shrink to three quarters, and much that they have in common to less."""

# With the others, `zipfile` unpacks all that a piece of input holds before any bound is checked.
_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)

_PATH: Final = re.compile(r"(?:.*/)?(CSCA|DSC)/[^/]+/([A-Za-z]{2})/([^/]+)\.(?:pem|crt|cer|der)")
_SIGNATURES: Final = (".sig.txt", ".sig")


class _File(NamedTuple):
    name: str
    kind: str
    country: str
    thumbprint: str
    data: bytes
    signature: bytes | None


def read(
    data: bytes,
    *,
    pins: Pins,
    uploaders: Iterable[Certificate] = (),
    **about: Unpack[Circumstances],
) -> TrustList:
    """Read the archive of the trust anchor `pins`; raise TrustListError for any other archive."""
    return read_files(unpack(data), pins=pins, uploaders=uploaders, **about)


def limit(packed: int) -> int:
    """Return the bytes to which an archive of so many bytes may unpack, inclusive."""
    return min(MAX_UNPACKED_BYTES, FREE + MAX_RATIO * packed)


def unpack(data: bytes) -> dict[str, bytes]:
    """Return the files of a ZIP archive; raise TrustListError beyond the bounds."""
    documents.bounded(data, NAME)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = [info for info in archive.infolist() if not info.is_dir()]
            if len(infos) > MAX_FILES:
                raise TrustListError(NAME, "too-large", f"there are more than {MAX_FILES} files")
            found: dict[str, bytes] = {}
            left = limit(len(data))
            for info in infos:
                content = _content(archive, info)
                left -= len(content)
                if left < 0:
                    raise TrustListError(NAME, "too-large", "the archive unpacks to too much")
                if info.filename in found:
                    raise TrustListError(NAME, "malformed", "a file name occurs twice")
                found[info.filename] = content
            return found
    except TrustListError:
        raise
    except Exception as error:  # what a broken archive makes zipfile and zlib raise is not bounded
        raise TrustListError(NAME, "malformed", f"the archive cannot be read: {error}") from None


def _content(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """Return what a file unpacks to, whatever length its header states."""
    if info.compress_type not in _METHODS:
        raise TrustListError(NAME, "malformed", "a file must be stored or packed by DEFLATE")
    with archive.open(info) as file:
        content = file.read(MAX_FILE_BYTES + 1)
    if len(content) > MAX_FILE_BYTES:
        raise TrustListError(NAME, "too-large", "a file of the archive is too large")
    return content


def is_layout(names: Iterable[str]) -> bool:
    """Return whether files of these names have the layout of the archive."""
    return any(_PATH.fullmatch(name) for name in names)


def read_files(
    files: Mapping[str, bytes],
    *,
    pins: Pins,
    uploaders: Iterable[Certificate] = (),
    **about: Unpack[Circumstances],
) -> TrustList:
    """Read the list from its files by their names."""
    builder = ListBuilder(NAME, about)
    found = _files(files, builder)
    if files and not found:
        raise builder.error(
            "malformed", "the archive must hold a file with the name of a certificate"
        )
    anchors = frozenset(
        pin.certificate.spki
        for pin in pinned(pins)
        if builder.at is None or pin.certificate.valid_at(builder.at)
    )
    pinned_at_all = bool(pinned(pins))
    allowed = frozenset(each.spki for each in uploaders)

    def csca(file: _File) -> None:
        certificate, signer = _open(file, builder)
        builder.check(certificate)
        if pinned_at_all and signer.spki not in anchors:
            raise KeyMaterialError("the CSCA is not signed by the pinned trust anchor")
        builder.authorities.append(certificate)

    for file in found:
        if file.kind == "CSCA":
            builder.read(file.name, file, csca)
    authorities = Authorities(builder.authorities)

    def dsc(file: _File) -> None:
        certificate, signer = _open(file, builder)
        if signer.spki not in anchors | allowed:
            _foreign(certificate, signer, uploaders_known=bool(allowed))
        if pinned_at_all or authorities.certificates:
            link = authorities.link(certificate, builder.spend)
            if link.fault is not None:
                raise KeyMaterialError(link.sentence)
            for code in link.remarks:
                builder.remark(certificate.kid, code, REMARKS[code])
        builder.keep(certificate)

    for file in found:
        if file.kind == "DSC":
            builder.read(file.name, file, dsc)
    return builder.list("verified" if pinned_at_all else "not verified")


def _foreign(certificate: Certificate, signer: Certificate, *, uploaders_known: bool) -> None:
    """Judge the signer of a DSC that is neither the anchor nor a known uploader."""
    if uploaders_known:
        raise KeyMaterialError("the signer of the DSC is not one of the given UPLOAD certificates")
    if signer.country != certificate.country:
        raise KeyMaterialError("the signer of the DSC is of another country")


def _open(file: _File, builder: ListBuilder) -> tuple[Certificate, Certificate]:
    """Return the certificate of a file whose CMS holds, and the CMS's signer."""
    der = to_der(file.data)
    certificate = Certificate(der)
    if certificate.country is None:
        certificate = Certificate(der, country=file.country)
    elif certificate.country != file.country:
        raise KeyMaterialError("the folder's country is not the certificate's")
    if file.signature is None:
        raise KeyMaterialError("the signature file is missing")
    message = _message(file.signature)
    try:
        signer = cms.verify_detached(message, der, builder.spend)
    except CmsError as error:
        if error.code not in ("cms.digest", "cms.content"):
            raise
        signer = cms.verify_detached(message, file.data, builder.spend)
    if file.thumbprint != hashlib.sha256(der).hexdigest():
        note = "the file's name is not the SHA-256 of the certificate"
        builder.remark(certificate.kid, "list.thumbprint", note)
    return certificate, signer


def _message(data: bytes) -> bytes:
    """Return the CMS of a signature file: DER, base64, or base64 between PEM's lines."""
    if data[:1] == b"0":
        return data
    lines = [line for line in data.split(b"\n") if not line.startswith(b"-----")]
    return base64.decode(b"".join(lines), "the signature file")


def _files(files: Mapping[str, bytes], builder: ListBuilder) -> list[_File]:
    found = []
    for name, data in files.items():
        match = _PATH.fullmatch(name)
        if match is None:
            if not name.endswith(_SIGNATURES):
                builder.drop(
                    None, "the name of the file is not that of a certificate of the archive", name
                )
            continue
        kind, country, stem = match.groups()
        stems = (PurePosixPath(name).with_suffix("").as_posix(), name)
        signature = next((files[s + e] for s in stems for e in _SIGNATURES if s + e in files), None)
        found.append(_File(name, kind, country.upper(), stem.lower(), data, signature))
    return found


def read_folder(
    files: Mapping[str, bytes], *, pins: Pins, **about: Unpack[Circumstances]
) -> TrustList:
    """Read the files of a folder or archive: this layout, or certificates in any other."""
    if is_layout(files):
        return read_files(files, pins=pins, **about)
    return plain.read(files, **about)


def _read_archive(
    data: bytes, *, pins: Pins, beside: Sequence[bytes] = (), **about: Unpack[Circumstances]
) -> TrustList:
    return read_folder(unpack(data), pins=pins, **about)


def _recognise(content: Content) -> bool:
    return content.shape == "archive"


FORMAT: Final = ListFormat(NAME, _recognise, _read_archive, signed="entries")
