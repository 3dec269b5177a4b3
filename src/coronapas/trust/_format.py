"""A format of trust lists as one value, and what its recogniser looks at.

Each module of `coronapas.trust._lists` exports one `ListFormat`; the tuple there is the registry.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from coronapas.trust import _documents as documents
from coronapas.trust import _jws as jws

if TYPE_CHECKING:
    from typing import Unpack

    from coronapas.trust._list import Circumstances, TrustList
    from coronapas.trust._pins import Pins

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
        payload = jws.payload(data, UNKNOWN)
        return Content(data, "jws", documents.load(payload, UNKNOWN))
    if data and data[0] in _MAP:
        return Content(data, "cbor", documents.load_cbor(data, UNKNOWN))
    return content
