"""Health links (claim 5 of ``hcert``): SMART Health Links and Verifiable Health Links.

A link names an encrypted file, or a manifest of such files, and holds their key: whoever has the
link can read them. ``shlink:/`` (HL7 SMART Health Cards and Links 1.0.0) and ``vhlink:/`` (IHE
ITI.VHL 1.0.0) stand before the base64url of one JSON object ``{url, key, exp?, flag?, label?, v?,
extension?}``, maybe behind the address of a viewer.

Claim 5 is met as that text, as the object itself, as a list of ``{"u": text}``, and as base64url
without a scheme. All are read; only the text is written. Published examples have faults of form:
``exp`` in milliseconds or as text, ``v`` as text, padded base64, a key of 33 bytes or encoded
twice, no key, ``type`` added, ``extensions`` for ``extension``, an address that is too long. They
are deviations.

Nothing here fetches anything: retrieval is the caller's. The key and the address are secrets and
are in no repr and no error.
"""

from __future__ import annotations

import json
import math
import os
import re
import secrets
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from itertools import islice
from typing import Any, Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from coronapas import _base64 as base64
from coronapas import _json
from coronapas._time import moment, seconds
from coronapas.errors import (
    Fault,
    IssueError,
    KeyMaterialError,
    LinkError,
)
from coronapas.tolerances import Deviation, _step

LINK_LABEL: Final = 5
"""The label of the claim inside ``hcert``."""

KEY_LENGTH: Final = 32
"""The length of a key in bytes (AES-256)."""

LONGEST_URL: Final = 128
"""The longest address of a SMART Health Link, in characters, inclusive."""

LONGEST_LABEL: Final = 80
"""The longest label, in characters, inclusive."""

LONGEST_TEXT: Final = 65_536
"""The longest text that is read as a link, in characters, inclusive."""

MOST_LINKS: Final = 16
"""The most links of one claim that are read, inclusive."""

MOST_UNKNOWN: Final = 16
"""The most unknown members of one link that are reported, inclusive."""

VERSION: Final = 1
"""The version of the payload that is read and written; a later one cannot be read."""

FLAGS: Final = "LPU"
"""The flags: L long-term, P passcode, U one file directly, without a manifest; never P with U."""

_KEY_CHARACTERS: Final = 43
_MILLISECONDS: Final = 100_000_000_000
_ENTROPY_CHARACTERS: Final = 43
_HTTPS: Final = re.compile(r"https://[^\s/?#]+[^\s]*", re.IGNORECASE)
_SCHEME: Final = re.compile(r"(?:^|#)(shlink|vhlink):/", re.IGNORECASE)
_BASE64: Final = re.compile(r"[A-Za-z0-9_+/-]{2,}={0,2}")
_DIGITS: Final = re.compile(r"[0-9]{1,16}")
_RESERVED: Final = ("url", "key", "exp", "flag", "label", "v", "extension")


class LinkKind(StrEnum):
    """Which specification a link is of, by its scheme."""

    SHL = "shlink"
    VHL = "vhlink"


@dataclass(frozen=True, slots=True)
class Link:
    """One health link, as it was read or is written.

    Attributes:
        kind: By the scheme; None where the claim states none.
        url: The address of the manifest or the file: a secret.
        key: The key, 32 bytes: a secret. None where none is stated, or it cannot be used.
        expires: Until when the link is to be used, in seconds since 1970-01-01T00:00:00Z.
        flags: The letters of `FLAGS` that are stated, and unknown ones, in their order.
        label: What the sharer calls it.
        extension: What ``extension`` holds, as it was decoded.
        deviations: What departs from the form.

    """

    kind: LinkKind | None
    url: str = field(repr=False)
    key: bytes | None = field(default=None, repr=False)
    expires: int | None = None
    flags: str = field(default="", repr=False)
    label: str | None = field(default=None, repr=False)
    extension: Mapping[str, Any] | None = field(default=None, repr=False, hash=False)
    deviations: tuple[Deviation, ...] = field(default=(), compare=False, repr=False)

    @property
    def long_term(self) -> bool:
        """Whether the sharer may change the content, and the receiver may ask again (L)."""
        return "L" in self.flags

    @property
    def passcode(self) -> bool:
        """Whether a passcode must be given to retrieve the content (P)."""
        return "P" in self.flags

    @property
    def direct(self) -> bool:
        """Whether the address is that of the one file, without a manifest (U)."""
        return "U" in self.flags

    @property
    def expires_at(self) -> datetime | None:
        """The end in UTC, inclusive; None where none is stated."""
        return None if self.expires is None else moment(self.expires)

    @property
    def text(self) -> str:
        """The link as text, which holds the key: a secret. Without a kind it is an SHL's."""
        members: dict[str, Any] = {"url": self.url}
        if self.key is not None:
            members["key"] = base64.encode_url(self.key)
        for name, value in (
            ("exp", self.expires),
            ("flag", self.flags or None),
            ("label", self.label),
            ("extension", self.extension),
        ):
            if value is not None:
                members[name] = value
        payload = json.dumps(members, separators=(",", ":"), ensure_ascii=False)
        return f"{self.kind or LinkKind.SHL}:/{base64.encode_url(payload.encode('utf-8'))}"


@dataclass(frozen=True, slots=True)
class LinkClaim:
    """A claim 5: its links, and what departs from its form."""

    links: tuple[Link, ...]
    """The links, in the order of the claim."""
    deviations: tuple[Deviation, ...] = field(default=(), repr=False)
    """What departs from the form of the claim."""


class LinkFinding(NamedTuple):
    """Something that a receiver should know of a link before it is used.

    Attributes:
        code: A stable code.
        sentence: What it is, for a person.
        hard: Whether the link must not be used.

    """

    code: str
    sentence: str
    hard: bool


def read_link(text: str | bytes) -> Link:
    """Read a link as text, as it stands in a claim or is scanned; no trust implied.

    The part before the scheme, such as a viewer's address, is left out.

    Raises LinkError for any text that is not a link, and nothing else.
    """
    if isinstance(text, bytes | bytearray | memoryview):
        try:
            text = bytes(text).decode("utf-8")
        except UnicodeDecodeError:
            raise LinkError("malformed", "it is not text") from None
    if not isinstance(text, str):
        raise LinkError("malformed", "it is not text")
    if len(text) > LONGEST_TEXT:
        raise LinkError("too-large", f"it has more than {LONGEST_TEXT} characters")
    found: list[Deviation] = []
    stripped = text.strip()
    if stripped != text:
        found.append(Deviation("content.link-form", "", "white space around the link"))
    scheme = _SCHEME.search(stripped)
    body = stripped if scheme is None else stripped[scheme.end() :]
    if scheme is None:
        found.append(Deviation("content.link-form", "", "no scheme before the link"))
    elif scheme[1] != scheme[1].lower():
        found.append(Deviation("content.link-form", "", "a scheme in capitals"))
    if not _BASE64.fullmatch(body):
        raise LinkError("malformed", "it is not base64url")
    try:
        content = base64.decode_any(body)
    except KeyMaterialError:
        raise LinkError("malformed", "it is not base64url") from None
    if base64.encode_url(content) != body:
        found.append(Deviation("content.link-form", "", "base64 that is padded or not base64url"))
    try:
        members = _json.load(content, limit=LONGEST_TEXT, depth=16)
    except _json.JsonError:
        raise LinkError("malformed", "it holds no JSON") from None
    kind = None if scheme is None else LinkKind(scheme[1].lower())
    return _read_members(members, kind, found)


def read_claim(claim: object) -> LinkClaim:
    """Read a claim 5 in any of its forms; no trust implied.

    Raises LinkError where it holds no link, or one that cannot be read, and nothing else.
    """
    if isinstance(claim, str):
        link = read_link(claim)
        return LinkClaim((link,), link.deviations)
    if isinstance(claim, dict):
        if set(claim) == {"u"}:
            return _listed([claim], "an object around the link")
        form = Deviation("content.link-form", "", "an object in place of the link's text")
        link = _read_members(claim, None, [form])
        return LinkClaim((link,), link.deviations)
    if isinstance(claim, list):
        return _listed(claim, "a list in place of the link's text")
    raise LinkError("malformed", "the claim is not a link")


def judge_link(link: Link, at: datetime) -> tuple[LinkFinding, ...]:
    """Return what a receiver should know of a link at a moment; nothing where all is well.

    The end is inclusive. Past it a Verifiable Health Link must not be used; that of a SMART Health
    Link is a hint. Raises ValueError for a moment without a time zone.
    """
    found = []
    if link.expires is not None and seconds(at) > link.expires:
        hard = link.kind is LinkKind.VHL
        found.append(LinkFinding("link.expired", "The link has expired.", hard))
    if link.key is None:
        sentence = "The link has no key with which its files could be decrypted."
        found.append(LinkFinding("link.no-key", sentence, True))
    if not _HTTPS.fullmatch(link.url):
        found.append(LinkFinding("link.not-https", "The address is not one of https.", True))
    if link.direct and link.passcode:
        sentence = "The link asks for a passcode and for none."
        found.append(LinkFinding("link.flags", sentence, False))
    return tuple(found)


def build_link(
    url: str,
    *,
    key: bytes | None = None,
    kind: LinkKind = LinkKind.SHL,
    expires: datetime | None = None,
    flags: str = "",
    label: str | None = None,
    extension: Mapping[str, Any] | None = None,
) -> Link:
    """Build a link, by the letter of its specification.

    Args:
        url: The address of the manifest, or of the file with the flag U. That of a SMART Health
            Link must be hard to guess: 43 characters of base64url hold 256 bits.
        key: The key, 32 bytes; by default a new random one.
        kind: Which specification the link is of.
        expires: Until when it is to be used, with a time zone, cut to whole seconds.
        flags: Letters of `FLAGS`, in alphabetical order.
        label: What it is called, at most `LONGEST_LABEL` characters.
        extension: Members of ``extension``, which must be JSON.

    Raises:
        IssueError: With every fault.

    """
    faults: list[Fault] = []
    if not _HTTPS.fullmatch(url):
        faults.append(
            Fault("url", "link.not-https", "The address is not one of https.", "Give such a one.")
        )
    elif kind is LinkKind.SHL:
        faults += _address_faults(url)
    if key is not None and len(key) != KEY_LENGTH:
        problem = f"The key must have {KEY_LENGTH} bytes."
        faults.append(Fault("key", "link.no-key", problem, "Leave it out for a random one."))
    if flags != "".join(letter for letter in FLAGS if letter in flags):
        problem = "The flags must be letters of LPU, each once, in alphabetical order."
        faults.append(Fault("flags", "link.flags", problem, "Correct them."))
    elif "U" in flags and "P" in flags:
        problem = "A single file cannot have a passcode."
        faults.append(Fault("flags", "link.flags", problem, "Leave out P or U."))
    if label is not None and not 1 <= len(label) <= LONGEST_LABEL:
        problem = f"The label must have 1 to {LONGEST_LABEL} characters."
        faults.append(Fault("label", "link.label", problem, "Shorten it, or leave it out."))
    if expires is not None and expires.utcoffset() is None:
        problem = "The moment must have a time zone."
        faults.append(Fault("expires", "time.no-zone", problem, "Give a datetime with a tzinfo."))
    if extension is not None and not _is_json(extension):
        problem = "The extension must be a JSON object."
        faults.append(Fault("extension", "link.extension", problem, "Correct it."))
    if faults:
        raise IssueError(faults)
    return Link(
        kind,
        url,
        secrets.token_bytes(KEY_LENGTH) if key is None else key,
        None if expires is None else math.floor(expires.timestamp()),
        flags,
        label,
        extension,
    )


def _address_faults(url: str) -> list[Fault]:
    faults = []
    if len(url) > LONGEST_URL:
        problem = f"The address has more than {LONGEST_URL} characters."
        faults.append(Fault("url", "link.url", problem, "Shorten it."))
    if not re.search(f"[A-Za-z0-9_-]{{{_ENTROPY_CHARACTERS}}}", url):
        problem = "The address is not hard to guess."
        hint = f"Put {_ENTROPY_CHARACTERS} random characters of base64url into it."
        faults.append(Fault("url", "link.url", problem, hint))
    return faults


def _is_json(extension: object) -> bool:
    try:
        return isinstance(extension, Mapping) and isinstance(
            json.loads(json.dumps(extension, allow_nan=False)), dict
        )
    except (TypeError, ValueError, RecursionError):
        return False


def _listed(claim: list[Any], note: str) -> LinkClaim:
    found = [Deviation("content.link-form", "", note)]
    if not 1 <= len(claim) <= MOST_LINKS:
        raise LinkError("malformed", f"the claim does not hold 1 to {MOST_LINKS} links")
    if len(claim) > 1:
        found.append(Deviation("content.link-form", "", "several links in one claim"))
    links = []
    for place, each in enumerate(claim):
        stated = each.get("u") if isinstance(each, dict) else each
        if not isinstance(stated, str):
            raise LinkError("malformed", "the claim is not a list of links")
        link = read_link(stated)
        links.append(link)
        found += (
            Deviation(deviation.code, f"{place}.{deviation.field}".rstrip("."), deviation.note)
            for deviation in link.deviations
        )
    return LinkClaim(tuple(links), tuple(found))


def _read_members(members: object, kind: LinkKind | None, found: list[Deviation]) -> Link:
    """Read the payload of a link; raises LinkError where it cannot be one."""
    if not isinstance(members, dict):
        raise LinkError("malformed", "it holds no object")
    _check_version(members, found)
    url = members.get("url")
    if not isinstance(url, str) or not url or len(url) > LONGEST_TEXT:
        raise LinkError("malformed", "it states no address")
    note = found.append
    if not _HTTPS.fullmatch(url):
        note(Deviation("content.link-member", "url", "not an address of https"))
    if len(url) > LONGEST_URL and kind is not LinkKind.VHL:
        note(Deviation("content.link-member", "url", f"longer than {LONGEST_URL} characters"))
    kind = _kind_stated(members, kind, found)
    key = _key(members.get("key"), found)
    expires = _expires(members.get("exp"), found)
    flags = _text(members, "flag", found) or ""
    if [*flags] != sorted(set(flags)):
        note(Deviation("content.link-member", "flag", "flags not in alphabetical order"))
    if "P" in flags and "U" in flags:
        note(Deviation("content.link-member", "flag", "P together with U"))
    label = _text(members, "label", found)
    if label is not None and len(label) > LONGEST_LABEL:
        note(Deviation("content.link-member", "label", f"longer than {LONGEST_LABEL} characters"))
    extension = members.get("extension")
    if "extensions" in members:
        note(Deviation("content.link-member", "?", "extensions in place of extension"))
        extension = members["extensions"] if extension is None else extension
    if extension is not None and not _is_json(extension):
        note(Deviation("content.link-member", "?", "an extension that is not a JSON object"))
        extension = None
    known = {*_RESERVED, "extensions", "type"}
    unknown = (name for name in members if name not in known and not str(name).startswith("_"))
    for name in islice(unknown, MOST_UNKNOWN):
        note(Deviation("content.link-member", _step(name), "not a member of a link"))
    return Link(kind, url, key, expires, flags, label, extension, tuple(dict.fromkeys(found)))


def _check_version(members: Mapping[Any, Any], found: list[Deviation]) -> None:
    stated = members.get("v")
    if isinstance(stated, str) and _DIGITS.fullmatch(stated):
        found.append(Deviation("content.link-member", "v", "the version is a text"))
        stated = int(stated)
    number = VERSION if stated is None else _json.whole_number(stated)
    if number is None or number < 1:
        raise LinkError("malformed", "its version is not a number")
    if number > VERSION:
        raise LinkError("version", "it is of a later version, which cannot be read")


def _kind_stated(
    members: Mapping[Any, Any], kind: LinkKind | None, found: list[Deviation]
) -> LinkKind | None:
    """Return the kind: by the scheme, else by ``type``, which some examples have."""
    if "type" not in members:
        return kind
    found.append(Deviation("content.link-member", "?", "a type, which links do not state"))
    named = {"shl": LinkKind.SHL, "vhl": LinkKind.VHL}
    stated = members["type"]
    return kind or (named.get(stated.lower()) if isinstance(stated, str) else None)


def _key(stated: object, found: list[Deviation]) -> bytes | None:
    """Read a key; one that was encoded twice is decoded twice. None where it is of no use."""
    if stated is None:
        found.append(Deviation("content.link-key", "key", "no key"))
        return None
    try:
        key = base64.decode_any(stated, limit=128) if isinstance(stated, str) else b""
        if len(key) in (_KEY_CHARACTERS, _KEY_CHARACTERS + 1):
            inner = base64.decode_any(key, limit=128)
            if len(inner) == KEY_LENGTH:
                found.append(Deviation("content.link-key", "key", "a key that was encoded twice"))
                return inner
    except KeyMaterialError:
        key = b""
    if len(key) != KEY_LENGTH:
        found.append(Deviation("content.link-key", "key", f"a key that is not {KEY_LENGTH} bytes"))
        return None
    if base64.encode_url(key) != stated:
        found.append(Deviation("content.link-key", "key", "a key that is not plain base64url"))
    return key


def _expires(stated: object, found: list[Deviation]) -> int | None:
    """Read ``exp`` in seconds; text and milliseconds are deviations."""
    if stated is None:
        return None
    note = found.append
    if isinstance(stated, str) and _DIGITS.fullmatch(stated):
        note(Deviation("content.link-member", "exp", "the time is a text"))
        stated = int(stated)
    if isinstance(stated, float) and math.isfinite(stated) and stated >= 0:
        if not stated.is_integer():
            note(Deviation("content.link-member", "exp", "the time is a fraction"))
        stated = math.floor(stated)
    if type(stated) is not int or not 0 <= stated < 10**16:
        note(Deviation("content.link-member", "exp", "not a time in seconds"))
        # Nothing that cannot be read may lengthen a validity.
        return 0
    if stated >= _MILLISECONDS:
        note(Deviation("content.link-member", "exp", "the time is in milliseconds"))
        stated //= 1000
    return stated


def _text(members: Mapping[Any, Any], name: str, found: list[Deviation]) -> str | None:
    value = members.get(name)
    if value is None or (isinstance(value, str) and len(value) <= LONGEST_TEXT):
        return value
    place = name if len(name) <= 3 else "?"
    found.append(Deviation("content.link-member", place, "a member that is not text"))
    return None


# The files and the manifest that a health link leads to (HL7 SMART Health Links 1.0.0).
#
# Each file is a compact JWE (RFC 7516): ``alg`` dir, ``enc`` A256GCM, a new IV of 96 bits each
# time, and ``zip`` DEF (raw DEFLATE) or none. The header is authenticated with the content. A
# manifest lists the files, each embedded or at a place of its own. Fetching is the caller's.
#
# Whoever has the address can put anything there: the size is bounded before and after inflating.


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
        content_type: What the manifest says it is, once decrypted; empty where it does not say.
        location: Where it is to be fetched, for an hour at most; a secret.
        embedded: The encrypted file itself.
        status: ``finalized``, ``can-change`` or ``no-longer-valid``; behind a VHL that of its
            DocumentReference, such as ``current``. None where it is not stated.
        last_updated: When it was changed last, as stated.
        fhir_version: The version of FHIR, as stated.
        reference: The DocumentReference behind a VHL that must be fetched to know the file, as the
            manifest writes it; a secret.

    """

    content_type: str
    location: str | None = field(default=None, repr=False)
    embedded: str | None = field(default=None, repr=False)
    status: str | None = None
    last_updated: str | None = None
    fhir_version: str | None = None
    reference: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a link leads to: its files, and the FHIR List that describes them, if there is one."""

    files: tuple[ManifestFile, ...]
    """The files, in the order of the manifest."""
    listed: Mapping[str, Any] | None = field(default=None, repr=False, hash=False)
    """The FHIR List, as JSON; None where there is none."""


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
    """Read a manifest that was fetched for a link: an SHL's, or the FHIR Bundle behind a VHL.

    The Bundle is a searchset with the List of the folder, the DocumentReferences that it names, or
    both (IHE ITI.VHL 1.0.0-comment, ITI-YY5). Raises LinkError for anything else.
    """
    try:
        members = _json.load(document, limit=LARGEST_MANIFEST, depth=64)
    except _json.JsonError as error:
        raise LinkError("manifest", f"the manifest cannot be read: {error}") from None
    if not isinstance(members, dict):
        raise LinkError("manifest", "the manifest is not an object")
    if "resourceType" in members:
        files, listed = _bundle_files(members)
    else:
        stated, listed = members.get("files"), members.get("list")
        if listed is not None and not isinstance(listed, dict):
            raise LinkError("manifest", "the list of the manifest is not an object")
        files = list(map(_manifest_file, islice(_objects(stated), MOST_FILES + 1)))
    if not 1 <= len(files) <= MOST_FILES:
        raise LinkError("manifest", f"the manifest does not list 1 to {MOST_FILES} files")
    return Manifest(tuple(files), listed)


def write_manifest(manifest: Manifest) -> str:
    """Return a manifest as JSON, as `read_manifest` reads it: that of a SMART Health Link.

    Raises LinkError where a file is known by its `reference` alone.
    """
    if any(file.reference is not None for file in manifest.files):
        raise LinkError("unsupported", "a file is known by its DocumentReference alone")
    document: dict[str, Any] = {} if manifest.listed is None else {"list": manifest.listed}
    members = _MANIFEST_MEMBERS.items()
    rows = [{name: getattr(file, own) for name, own in members} for file in manifest.files]
    document["files"] = [{name: row[name] for name in row if row[name] is not None} for row in rows]
    return json.dumps(document, ensure_ascii=False)


_MANIFEST_MEMBERS: Final = {
    "contentType": "content_type",
    "location": "location",
    "embedded": "embedded",
    "status": "status",
    "lastUpdated": "last_updated",
    "fhirVersion": "fhir_version",
}


def _manifest_file(file: Mapping[str, Any]) -> ManifestFile:
    text = {own: _manifest_text(file, name) for name, own in _MANIFEST_MEMBERS.items()}
    kind = text.pop("content_type")
    if not kind:
        raise LinkError("manifest", "a file of the manifest states no content type")
    if text["location"] is None and text["embedded"] is None:
        raise LinkError("manifest", "a file of the manifest is neither embedded nor located")
    return ManifestFile(kind, **text)


def _bundle_files(bundle: Mapping[str, Any]) -> tuple[list[ManifestFile], Mapping[str, Any] | None]:
    """Return the files of a searchset, and its List where it has exactly one."""
    if bundle["resourceType"] != "Bundle" or bundle.get("type") != "searchset":
        raise LinkError("unsupported", "a FHIR resource that is not a manifest")
    known: set[str] = set()
    lists: list[Mapping[str, Any]] = []
    files: list[ManifestFile] = []
    for entry in _objects(bundle.get("entry")):
        (resource,) = _objects([entry.get("resource", {})])
        if resource.get("resourceType") == "List":
            lists.append(resource)
        elif resource.get("resourceType") == "DocumentReference":
            own = f"DocumentReference/{_manifest_text(resource, 'id') or ''}"
            known.update((own, _manifest_text(entry, "fullUrl") or own))
            files += _attachments(resource) or [ManifestFile("", reference=own)]
    items = [item.get("item", {}) for each in lists for item in _objects(each.get("entry"))]
    references = dict.fromkeys(_manifest_text(item, "reference") for item in _objects(items))
    files += (ManifestFile("", reference=each) for each in references if each and each not in known)
    return files, lists[0] if len(lists) == 1 else None


def _attachments(resource: Mapping[str, Any]) -> list[ManifestFile]:
    """Return the files of a DocumentReference; one without an address is none."""
    status, date = _manifest_text(resource, "status"), _manifest_text(resource, "date")
    contents = [each.get("attachment", {}) for each in _objects(resource.get("content"))]
    kinds = ((_manifest_text(each, "contentType"), each) for each in _objects(contents))
    found = ((kind or "", _manifest_text(each, "url")) for kind, each in kinds)
    return [ManifestFile(kind, url, None, status, date) for kind, url in found if url is not None]


def _objects(value: object) -> list[Mapping[str, Any]]:
    """Return a list of objects; an absent one is empty."""
    found = [] if value is None else value
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise LinkError("manifest", "a part of the manifest is not a list of objects")
    return found


def _manifest_text(item: Mapping[str, Any], name: str) -> str | None:
    value = item.get(name)
    longest = LARGEST_MANIFEST if name == "embedded" else _LONGEST
    if value is not None and (not isinstance(value, str) or len(value) > longest):
        raise LinkError("manifest", f"a member of the manifest is not text of {longest} characters")
    return value


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
