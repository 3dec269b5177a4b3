"""The files and the manifest that a health link leads to (HL7 SMART Health Links 1.0.0).

Each file is a compact JWE (RFC 7516): ``alg`` dir, ``enc`` A256GCM, a new IV of 96 bits each
time, and ``zip`` DEF (raw DEFLATE) or none. The header is authenticated with the content. A
manifest lists the files, each embedded or at a place of its own. Fetching is the caller's.

Whoever has the address can put anything there: the size is bounded before and after inflating.
"""

from __future__ import annotations

import json
import os
import re
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from coronapas import _base64 as base64
from coronapas import _json
from coronapas.errors import KeyMaterialError, LinkError
from coronapas.gdhcn._link import KEY_LENGTH

if TYPE_CHECKING:
    from collections.abc import Mapping

LARGEST_FILE: Final = 16 * 1024 * 1024
"""The largest file after decrypting and inflating, in bytes, inclusive, unless the caller asks."""

LARGEST_MANIFEST: Final = 32 * 1024 * 1024
"""The largest manifest, in bytes, inclusive; files may be embedded."""

MOST_FILES: Final = 1_000
"""The most files of a manifest, inclusive."""

HEALTH_CARD: Final = "application/smart-health-card"
"""The content type of a file of SMART Health Cards."""

FHIR: Final = "application/fhir+json"
"""The content type of a FHIR resource."""

API_ACCESS: Final = "application/smart-api-access"
"""The content type of a file that describes access to an interface."""

_PARTS: Final = 5
_HEADER_LIMIT: Final = 4096
_IV: Final = 12
_TAG: Final = 16
_DEFLATE_WINDOW: Final = -15
_TYPE: Final = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,127}(/[A-Za-z0-9!#$&^_.+-]{1,127})?(;.{0,200})?")
_LONGEST: Final = 2048


@dataclass(frozen=True, slots=True)
class LinkFile:
    """A file behind a link, decrypted.

    Attributes:
        content_type: What its ``cty`` says it is; empty where the header has none.
        content: The bytes.

    """

    content_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ManifestFile:
    """One file of a manifest.

    Attributes:
        content_type: What the manifest says it is.
        location: Where it is to be fetched, for an hour at most; a secret.
        embedded: The encrypted file itself.
        status: ``finalized``, ``can-change`` or ``no-longer-valid``; None where it is not stated.
        last_updated: When it was changed last, as stated.
        fhir_version: The version of FHIR, as stated.

    """

    content_type: str
    location: str | None = field(default=None, repr=False)
    embedded: str | None = field(default=None, repr=False)
    status: str | None = None
    last_updated: str | None = None
    fhir_version: str | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a link leads to: its files, and the FHIR List that describes them, if there is one."""

    files: tuple[ManifestFile, ...]
    listed: Mapping[str, Any] | None = field(default=None, repr=False, hash=False)


def encrypt_file(
    content: bytes, key: bytes, content_type: str = FHIR, *, compress: bool = False
) -> str:
    """Return a file as the compact JWE that a link leads to.

    Args:
        content: The bytes of the file.
        key: The link's key, 32 bytes.
        content_type: What it is (``cty``).
        compress: Whether to deflate it first.

    Raises:
        LinkError: The key or the content type cannot be used.

    """
    cipher = _cipher(key)
    if not _TYPE.fullmatch(content_type):
        raise LinkError("unsupported", "the content type has not the form of one")
    header: dict[str, str] = {"alg": "dir", "enc": "A256GCM", "cty": content_type}
    if compress:
        header["zip"] = "DEF"
        deflater = zlib.compressobj(9, zlib.DEFLATED, _DEFLATE_WINDOW)
        content = deflater.compress(content) + deflater.flush()
    head = base64.encode_url(json.dumps(header, separators=(",", ":")).encode("ascii"))
    iv = os.urandom(_IV)
    sealed = cipher.encrypt(iv, content, head.encode("ascii"))
    parts = (base64.encode_url(iv), base64.encode_url(sealed[:-_TAG]))
    return f"{head}..{'.'.join(parts)}.{base64.encode_url(sealed[-_TAG:])}"


def decrypt_file(jwe: str | bytes, key: bytes, *, limit: int = LARGEST_FILE) -> LinkFile:
    """Decrypt a file that was fetched, or that a manifest embeds.

    Args:
        jwe: The compact JWE.
        key: The link's key, 32 bytes.
        limit: The most bytes of the file, inclusive, before and after inflating.

    Raises:
        LinkError: For anything but a file that was encrypted with this key, and nothing else.

    """
    cipher = _cipher(key)
    if isinstance(jwe, bytes | bytearray | memoryview):
        jwe = bytes(jwe).decode("ascii", "replace")
    if not isinstance(jwe, str):
        raise LinkError("malformed", "the file is not text")
    # A third more for base64, and as much again for what DEFLATE adds to random bytes.
    if len(jwe) > limit // 2 * 3 + 2 * _HEADER_LIMIT:
        raise LinkError("too-large", f"the file is larger than {limit} bytes")
    parts = jwe.strip().split(".", _PARTS)
    if len(parts) != _PARTS:
        raise LinkError("malformed", "the file has not the five parts of a JWE")
    head, wrapped, *encoded = parts
    header = _header(head)
    if wrapped:
        raise LinkError("unsupported", "the file has an encrypted key of its own")
    iv, sealed, tag = map(_decoded, encoded)
    if len(iv) != _IV or len(tag) != _TAG:
        raise LinkError("malformed", "the IV or the tag of the file has another length")
    try:
        content = cipher.decrypt(iv, sealed + tag, head.encode("ascii"))
    except (InvalidTag, ValueError):
        problem = "the file was encrypted with another key, or changed since"
        raise LinkError("decryption", problem) from None
    if header.get("zip") == "DEF":
        content = _inflated(content, limit)
    if len(content) > limit:
        raise LinkError("too-large", f"the file is larger than {limit} bytes")
    stated = header.get("cty")
    return LinkFile(stated if isinstance(stated, str) else "", content)


def read_manifest(document: bytes | str) -> Manifest:
    """Read a manifest that was fetched for a link.

    Raises LinkError for anything else. A Verifiable Health Link leads to a FHIR Bundle, which is
    not read here.
    """
    try:
        members = _json.load(document, limit=LARGEST_MANIFEST, depth=64)
    except _json.JsonError as error:
        raise LinkError("manifest", f"the manifest cannot be read: {error}") from None
    if not isinstance(members, dict):
        raise LinkError("manifest", "the manifest is not an object")
    if "resourceType" in members:
        raise LinkError("unsupported", "a FHIR resource in place of a manifest")
    listed = members.get("list")
    if listed is not None and not isinstance(listed, dict):
        raise LinkError("manifest", "the list of the manifest is not an object")
    files = members.get("files")
    if not isinstance(files, list) or not 1 <= len(files) <= MOST_FILES:
        raise LinkError("manifest", f"the manifest does not list 1 to {MOST_FILES} files")
    return Manifest(tuple(map(_manifest_file, files)), listed)


def write_manifest(manifest: Manifest) -> str:
    """Return a manifest as JSON, as `read_manifest` reads it."""
    document: dict[str, Any] = {} if manifest.listed is None else {"list": manifest.listed}
    document["files"] = [
        {
            name: value
            for name, value in (
                ("contentType", file.content_type),
                ("location", file.location),
                ("embedded", file.embedded),
                ("status", file.status),
                ("lastUpdated", file.last_updated),
                ("fhirVersion", file.fhir_version),
            )
            if value is not None
        }
        for file in manifest.files
    ]
    return json.dumps(document, ensure_ascii=False)


def _manifest_file(file: object) -> ManifestFile:
    if not isinstance(file, dict):
        raise LinkError("manifest", "a file of the manifest is not an object")
    text: dict[str, str | None] = {}
    for name in ("contentType", "location", "embedded", "status", "lastUpdated", "fhirVersion"):
        value = file.get(name)
        if value is not None and not isinstance(value, str):
            raise LinkError("manifest", "a member of a file of the manifest is not text")
        if value is not None and name != "embedded" and len(value) > _LONGEST:
            raise LinkError("manifest", "a member of a file of the manifest is too long")
        text[name] = value
    if not text["contentType"]:
        raise LinkError("manifest", "a file of the manifest states no content type")
    if text["location"] is None and text["embedded"] is None:
        raise LinkError("manifest", "a file of the manifest is neither embedded nor located")
    return ManifestFile(
        text["contentType"],
        text["location"],
        text["embedded"],
        text["status"],
        text["lastUpdated"],
        text["fhirVersion"],
    )


def _cipher(key: bytes) -> AESGCM:
    if len(key) != KEY_LENGTH:
        raise LinkError("no-key", f"the key is not {KEY_LENGTH} bytes")
    return AESGCM(key)


def _header(head: str) -> dict[str, Any]:
    """Read the header of a JWE; only the encryption of links is supported."""
    if len(head) > _HEADER_LIMIT:
        raise LinkError("malformed", "the header of the file is too long")
    try:
        header = _json.load(_decoded(head), limit=_HEADER_LIMIT, depth=8)
    except _json.JsonError:
        raise LinkError("malformed", "the header of the file is not JSON") from None
    if not isinstance(header, dict):
        raise LinkError("malformed", "the header of the file is not an object")
    if header.get("alg") != "dir" or header.get("enc") != "A256GCM":
        raise LinkError("unsupported", "the file is encrypted in another way than links are")
    if header.get("zip", "DEF") != "DEF":
        raise LinkError("unsupported", "the file is compressed in another way than links are")
    if "crit" in header:
        raise LinkError("unsupported", "the header of the file has members that must be understood")
    return header


def _decoded(part: str) -> bytes:
    """Decode base64url; every spelling but the one without padding is refused."""
    try:
        data = base64.decode_any(part)
    except KeyMaterialError:
        raise LinkError("malformed", "a part of the file is not base64url") from None
    if base64.encode_url(data) != part:
        raise LinkError("malformed", "a part of the file is not base64url")
    return data


def _inflated(data: bytes, limit: int) -> bytes:
    inflater = zlib.decompressobj(_DEFLATE_WINDOW)
    try:
        content = inflater.decompress(data, limit + 1)
    except zlib.error:
        raise LinkError("malformed", "the file cannot be inflated") from None
    if len(content) > limit:
        raise LinkError("too-large", f"the file is larger than {limit} bytes")
    if not inflater.eof:
        # At exactly the limit the end of the stream may not have been read yet.
        try:
            more = inflater.decompress(inflater.unconsumed_tail, 1)
        except zlib.error:
            raise LinkError("malformed", "the file cannot be inflated") from None
        if more:
            raise LinkError("too-large", f"the file is larger than {limit} bytes")
    if not inflater.eof or inflater.unused_data:
        raise LinkError("malformed", "the file ends too early, or bytes follow it")
    return content
