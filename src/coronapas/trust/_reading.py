"""Finds out by itself which list some bytes are, and reads it.

The content decides, never the name: an archive by its first bytes, CBOR and JWS by their shape,
JSON by its members. What was taken is the `format` of the list that comes back.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from coronapas import _files as files
from coronapas.errors import DecodeError, KeyMaterialError, TrustListError
from coronapas.hcert import _cbor as cbor
from coronapas.trust import _documents as documents
from coronapas.trust import _jws as jws
from coronapas.trust._lists import (
    austria,
    ec_zip,
    gateway,
    gdhcn,
    germany,
    jwks,
    key_lists,
    netherlands,
    plain,
    sweden,
    switzerland,
    verifier_service,
)

if TYPE_CHECKING:
    from collections.abc import (
        Callable,
        Iterable,
        Iterator,
        Sequence,
    )
    from typing import Unpack

    from coronapas.trust._list import Circumstances, TrustList
    from coronapas.trust._pins import Pins

UNKNOWN: Final = "trust list"

_JWS: Final = re.compile(rb"\s*[\w-]+\.[\w-]+\.[\w-]*\s*")
_SIGNED_JSON: Final = re.compile(rb"[A-Za-z0-9+/=]{16,1024}\r?\n\s*\{")
_MAP: Final = range(0xA0, 0xC0)  # CBOR, major type 5
_JSON: Final = (b"{", b"[")

_OBJECTS: Final = (
    ("verificationMethod", gdhcn.FORMAT),
    ("keys", jwks.FORMAT),
    ("certificatesDCC", key_lists.FRANCE),
    ("responses", verifier_service.FORMAT),
)
"""JSON objects by the member that gives them away."""

_ENTRIES: Final = (
    ("rawData", gateway.FORMAT),
    ("certificateType", gateway.FORMAT),
    ("publicKey", key_lists.KEY_LIST),
)
"""JSON arrays by a member of their entries."""


def format_of(data: bytes) -> str:
    """The format of a list; TrustListError (``trust.unknown-format``) for bytes that are none.

    For an array without entries that could tell, too: an empty gateway list looks like an empty
    list of keys, and either gives no key.
    """
    documents.bounded(data, UNKNOWN)
    if data[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return ec_zip.FORMAT
    start = data[:64].removeprefix(b"\xef\xbb\xbf").lstrip()
    if start[:1] in _JSON:
        return _of_json(documents.load(data, UNKNOWN))
    # Before DER is thought of: one signature in 64 begins with the figure 0, as all DER does.
    if _SIGNED_JSON.match(data):
        return germany.FORMAT
    if data[:1] == b"0" or b"-----BEGIN " in data:
        return plain.FORMAT
    if _JWS.fullmatch(data):
        return _of_jws(data)
    if data and data[0] in _MAP:
        return _of_cbor(data)
    if _is_base64(data):
        return plain.FORMAT
    raise _unknown("the bytes are no trust list of any format that is known")


def read_any(
    data: bytes, *, pins: Pins, beside: Sequence[bytes] = (), **about: Unpack[Circumstances]
) -> TrustList:
    """The list, whatever its format is; `format` of what comes back says which it was.

    `beside` are the files that belong to it: Austria's signature file, Switzerland's list of active
    keys (of several Swiss files, the order is free), further parts of a gateway list. Without
    `pins` a signed format is read as ``not verified``. Raises TrustListError.
    """
    return _READERS[format_of(data)](data, pins, beside, about)


def _of_json(content: Any) -> str:
    if isinstance(content, dict):
        for member, form in _OBJECTS:
            if member in content:
                return form
        if isinstance(content.get("payload"), str) and "signature" in content:
            return netherlands.FORMAT
        raise _unknown("the JSON object has no member of a list that is known")
    entries = content if isinstance(content, list) else []
    for entry in entries:
        for member, form in _ENTRIES:
            if isinstance(entry, dict) and member in entry:
                return form
    raise _unknown("the JSON array has no entry of a list that is known")


def _of_jws(data: bytes) -> str:
    claims = documents.load(jws.payload(data, UNKNOWN), UNKNOWN)
    members = claims.keys() if isinstance(claims, dict) else ()
    if "dsc_trust_list" in members:
        return sweden.FORMAT
    if "certs" in members or "activeKeyIds" in members:
        return switzerland.FORMAT
    raise _unknown("the JWS holds no list that is known")


def _of_cbor(data: bytes) -> str:
    documents.bounded(data, austria.FORMAT, documents.MAX_CBOR_BYTES)
    try:
        content, _ = cbor.load(data)
    except DecodeError as error:
        raise TrustListError(
            UNKNOWN, "malformed", f"CBOR that cannot be read: {error.message}"
        ) from None
    if isinstance(content, dict) and "c" in content:
        return austria.FORMAT
    raise _unknown("the CBOR holds no list that is known")


def _is_base64(data: bytes) -> bool:
    from coronapas.trust._material import from_base64

    try:
        return from_base64(data)[:1] == b"0"
    except KeyMaterialError:
        return False


def _unknown(message: str) -> TrustListError:
    return TrustListError(UNKNOWN, "unknown-format", message)


def _switzerland(
    data: bytes, pins: Pins, beside: Sequence[bytes], about: Circumstances
) -> TrustList:
    """Pages of keys and the list of active keys, in whatever order they were given."""
    pages: list[bytes] = []
    active: bytes | None = None
    for part in (data, *beside):
        claims = documents.load(jws.payload(part, switzerland.FORMAT), switzerland.FORMAT)
        if isinstance(claims, dict) and "activeKeyIds" in claims:
            active = part
        else:
            pages.append(part)
    if not pages:
        raise TrustListError(switzerland.FORMAT, "incomplete", "the list of the keys is missing")
    return switzerland.read(pages[0], active, pins=pins, beside=pages[1:], **about)


def _austria(data: bytes, pins: Pins, beside: Sequence[bytes], about: Circumstances) -> TrustList:
    return austria.read(data, beside[0] if beside else None, pins=pins, **about)


_READERS: Final[dict[str, Callable[[bytes, Pins, Sequence[bytes], Circumstances], TrustList]]] = {
    gateway.FORMAT: lambda d, p, b, a: gateway.read(d, pins=p, beside=b, **a),
    ec_zip.FORMAT: lambda d, p, _b, a: _archive(d, p, a),
    germany.FORMAT: lambda d, p, _b, a: germany.read(d, pins=p, **a),
    austria.FORMAT: _austria,
    sweden.FORMAT: lambda d, p, _b, a: sweden.read(d, pins=p, **a),
    switzerland.FORMAT: _switzerland,
    netherlands.FORMAT: lambda d, p, _b, a: netherlands.read(d, pins=p, **a),
    verifier_service.FORMAT: lambda d, _p, _b, a: verifier_service.read_file(d, **a),
    key_lists.KEY_LIST: lambda d, _p, _b, a: key_lists.read(d, **a),
    key_lists.FRANCE: lambda d, _p, _b, a: key_lists.read_france(d, **a),
    gdhcn.FORMAT: lambda d, p, _b, a: gdhcn.read(d, pins=p, **a),
    jwks.FORMAT: lambda d, _p, _b, a: jwks.read(d, **a),
    plain.FORMAT: lambda d, _p, _b, a: plain.read(d, **a),
}

FORMATS: Final = tuple(_READERS)
"""The names of all formats."""


def _archive(data: bytes, pins: Pins, about: Circumstances) -> TrustList:
    """An archive of the Commission's layout; any other one is a folder of certificates."""
    return read_files(ec_zip.unpack(data), pins=pins, **about)


def read_files(files: dict[str, bytes], *, pins: Pins, **about: Unpack[Circumstances]) -> TrustList:
    """The list in a folder or archive: the Commission's layout, or certificates in any layout."""
    if ec_zip.is_layout(files):
        return ec_zip.read_files(files, pins=pins, **about)
    return plain.read(files, **about)


# Reads lists from files and folders; everything else in this room works on bytes.
#
# A file may be any list (`coronapas.trust._reading`), or a store that was saved. A folder is the
# Commission's layout or certificates in any layout.

MAX_FILES: Final = 20_000
"""A folder with more files is refused."""

_ENDINGS: Final = (".pem", ".crt", ".cer", ".der", ".sig.txt", ".sig")


def read_path(
    path: str | os.PathLike[str],
    *,
    pins: Pins,
    beside: Iterable[str | os.PathLike[str]] = (),
    **about: Unpack[Circumstances],
) -> TrustList:
    """The list in a file or folder, its name being the path's unless another is given.

    `beside` are the paths of the files that belong to it. Of a folder, files with the endings of
    certificates and signatures are read, subfolders included and links to folders left out. Raises
    TrustListError, and OSError for what cannot be opened.
    """
    place = Path(path)
    about.setdefault("name", place.name)
    if place.is_dir():
        return read_files(dict(_folder(place)), pins=pins, **about)
    parts: Sequence[bytes] = [read_file(each) for each in beside]
    return read_any(read_file(place), pins=pins, beside=parts, **about)


def read_file(path: str | os.PathLike[str]) -> bytes:
    """A file's bytes; TrustListError (``trust.too-large``) for one that no list could be."""
    return documents.bounded(files.read(path, documents.MAX_BYTES), UNKNOWN)


def _folder(place: Path) -> Iterator[tuple[str, bytes]]:
    count = total = 0
    for folder, _, names in os.walk(place):
        for name in sorted(names):
            if not name.lower().endswith(_ENDINGS):
                continue
            count += 1
            file = Path(folder) / name
            data = read_file(file)
            total += len(data)
            if count > MAX_FILES or total > documents.MAX_BYTES:
                raise TrustListError(UNKNOWN, "too-large", "the folder holds too much")
            yield file.relative_to(place).as_posix(), data
