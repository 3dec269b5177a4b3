"""The envelope: from the scanned text to the claims and back (hcert-spec, section 4).

Every step stays visible.

::

    text = prefix ‖ Base45( zlib( COSE_Sign1( CWT claims ) ) )

`decode` opens all layers and implies no trust: nothing here verifies a signature. It goes on
wherever it can and reports what it forgave, so that one reading shows everything; only where a
layer cannot be opened at all does it raise.

Decided, and tested: white space around the text is a deviation (a space can never end a Base45
text: it would make its group overflow); a missing prefix is read as Base45 right away, another
prefix is an error; a body that is no ZLIB stream but begins like COSE is read as if uncompressed,
as a deviation.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, product
from typing import (
    TYPE_CHECKING,
    Any,
    Final,
    NamedTuple,
)

from coronapas.errors import DecodeError
from coronapas.hcert import (
    _base45 as base45,
)
from coronapas.hcert import (
    _cbor as cbor,
)
from coronapas.hcert import (
    _compression as compression,
)
from coronapas.hcert import (
    _cose as cose,
)
from coronapas.hcert import (
    _cwt as cwt,
)
from coronapas.tolerances import COUNTRIES, Deviation

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

# What happened to the text of a pass on its way: wrapped, encoded, quoted, or robbed of a sign.
#
# Base45 uses nine signs beside letters and figures (RFC 9285), each of which some program treats
# as its own: mail programs wrap at blanks, shells replace ``$``, addresses encode ``%``. `damage`
# names what is seen. It never repeats the text, and a text without damage may still not be a
# pass.

_PERCENT: Final = re.compile("%(?:3A|2[0-9A-F])")
"""The colon, the blank and other signs of Base45 as an address writes them (RFC 3986)."""

_FEWEST_ENCODED: Final = 3
_QUOTES: Final = "\"'`\u2018\u2019\u201c\u201d\u201e\u00ab\u00bb<>()[]{}"
_LONG: Final = 300
"""From this length on nearly every pass has each of the 45 characters.

In two of three places a character is as likely as the others: a given one is missing from 300 in
one text of a hundred.
"""


def damage(text: str) -> str | None:
    """Return what happened to the text of a pass, as a lower-case fragment; None if unknown.

    What is certain comes first: characters that no pass has. A missing sign is a guess, which makes
    sense for a text that cannot be opened.
    """
    found = "; ".join(_damages(text))
    return found or None


def _damages(text: str) -> Iterator[str]:
    body = text.strip()
    inner = body.strip(_QUOTES + " ")
    if inner != body:
        yield "quotation marks or brackets stand around it"
    encoded = " " not in inner and "$" not in inner
    encoded = encoded and len(_PERCENT.findall(inner.upper())) >= _FEWEST_ENCODED
    if encoded:
        yield "it is percent-encoded, as in a web address"
    if any(end in inner for end in "\r\n\t"):
        yield "it is wrapped into lines"
    if any(letter.islower() for letter in inner if letter.isascii()) and not encoded:
        lower = not any(letter.isupper() for letter in inner)
        yield "its letters are lower-case" if lower else "it holds lower-case letters"
    if not inner.isascii():
        yield "it holds letters or signs that no pass has"
    if encoded or len(inner) < _LONG:
        return
    missing = [name for sign, name in ((" ", "blanks"), ("$", "dollar signs")) if sign not in inner]
    if missing:
        yield f"there are no {' and '.join(missing)} in it: they were probably lost"


PREFIX: Final = "HC1:"
"""Context identifier of an EU-compatible pass (hcert-spec, section 4.3)."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a reader takes before it refuses; both bounds are inclusive.

    `text` is in characters, `inflated` in bytes. A QR symbol holds 4,296 characters at most, and
    real passes inflate to less than 2 KiB.
    """

    text: int = 65_536
    inflated: int = compression.MAX_INFLATED


DEFAULT_LIMITS: Final = Limits()

_FOREIGN: Final = re.compile("[A-Z]{2}[0-9]:")


_CLAIMS: Final = (cwt.ISSUER, cwt.EXPIRES, cwt.ISSUED_AT, cwt.HCERT)


class Envelope(NamedTuple):
    """One pass with every layer open; no trust implied.

    `text` is what was read, `prefix` its context identifier (empty where it was missing), `body`
    the Base45 text, `compressed` and `cose` the bytes after Base45 and after inflating, `message`
    the COSE_Sign1 message, `claims` the CWT claims. `deviations` lists what the reading forgave,
    in the order of the layers.
    """

    text: str
    prefix: str
    body: str
    compressed: bytes
    cose: bytes
    message: cose.Sign1
    claims: cwt.Claims
    deviations: tuple[Deviation, ...]

    @property
    def kid(self) -> bytes | None:
        """The key identifier that counts: the protected header's, else the unprotected one's."""
        return self.message.kid

    @property
    def algorithm(self) -> int | None:
        """The COSE number of the signature algorithm: -7 is ES256, -37 is PS256."""
        return self.message.algorithm

    @property
    def payload(self) -> bytes:
        """The CBOR of the claims: what the signature covers beside the protected header."""
        return self.message.payload

    @property
    def signature(self) -> bytes:
        """The signature as COSE carries it (r‖s for ES256)."""
        return self.message.signature

    @property
    def issuer(self) -> str | None:
        """Claim 1 `iss`: the issuing country's ISO 3166-1 alpha-2 code, as stated."""
        return self.claims.issuer

    @property
    def issued_at(self) -> int | None:
        """Claim 6 `iat` in seconds since 1970-01-01T00:00:00Z."""
        return self.claims.issued_at

    @property
    def expires(self) -> int | None:
        """Claim 4 `exp` in seconds since 1970-01-01T00:00:00Z."""
        return self.claims.expires

    @property
    def dcc(self) -> Any:
        """A copy of the EU DCC (claim -260, key 1) as it was decoded, or None."""
        hcert = self.claims.hcert
        return None if hcert is None else cbor.copy(hcert.get(cwt.DCC))

    def to_json(self, *, personal: bool = False) -> dict[str, Any]:
        """Return every layer as ``schemas/envelope.schema.json`` describes it; no trust implied.

        `personal` adds what the pass says of its holder (``dcc``) and the bytes of the layers,
        which contain it. Without it, whatever is not a length, a time, a header of an integer label
        or two capitals as the issuer is left out or masked.
        """
        claims = self.claims
        stranger = claims.issuer is not None and claims.issuer not in COUNTRIES
        document: dict[str, Any] = {
            "prefix": self.prefix,
            "base45": {"characters": len(self.body)},
            "compression": {"bytes": len(self.compressed), "begins": self.compressed[:2].hex()},
            "cose": {"bytes": len(self.cose), **self.message.to_json()},
            "cwt": {
                "bytes": len(self.payload),
                "iss": cbor.MASK if stranger and not personal else claims.issuer,
                "iat": _moment(claims.issued_at),
                "exp": _moment(claims.expires),
                "other_claims": [
                    str(label) if type(label) is int else cbor.MASK
                    for label in claims.tree
                    if label not in _CLAIMS
                ],
            },
            "dcc": None,
            "deviations": [each.to_json() for each in self.deviations],
        }
        if personal:
            document["dcc"] = cbor.to_json(self.dcc)
            document["base45"]["text"] = self.body
            document["compression"]["hex"] = self.compressed.hex()
            document["cose"]["hex"] = self.cose.hex()
            document["cwt"]["hex"] = self.payload.hex()
        return document

    def __repr__(self) -> str:
        kid = self.kid[: cose.KID_LENGTH].hex() if self.kid else None
        # Anything but a country's code may be anything, the holder's name too.
        issuer = self.issuer if self.issuer in COUNTRIES else None
        return f"<Envelope {self.prefix or '(no prefix)'} issuer={issuer!r} kid={kid}>"


def _moment(seconds: int | None) -> str | int | None:
    """Return a moment in UTC; the number itself where it is beyond the calendar."""
    if seconds is None:
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat()
    except (OverflowError, ValueError, OSError):
        return seconds


class Layers(NamedTuple):
    """What could be opened of one text, and why the next layer could not; no trust implied.

    A layer that was not reached is None. `fault` is None where every layer could be opened. The
    other attributes are those of `Envelope`.
    """

    text: str | None = None
    """The text that was opened."""
    prefix: str | None = None
    """The prefix in front of the Base45 text, such as ``HC1:``; None where it has none."""
    body: str | None = None
    """The Base45 text."""
    compressed: bytes | None = None
    """What the Base45 text decodes to."""
    cose: bytes | None = None
    """The inflated bytes: the COSE message."""
    message: cose.Sign1 | None = None
    """The message, read."""
    claims: cwt.Claims | None = None
    """The claims in its payload, read."""
    deviations: tuple[Deviation, ...] = ()
    """What departed from the specifications and was read all the same, in the order met."""
    fault: DecodeError | None = None

    @property
    def envelope(self) -> Envelope | None:
        """The whole, where every layer could be opened."""
        if (
            self.text is None
            or self.prefix is None
            or self.body is None
            or self.compressed is None
            or self.cose is None
            or self.message is None
            or self.claims is None
        ):
            return None
        return Envelope(
            self.text,
            self.prefix,
            self.body,
            self.compressed,
            self.cose,
            self.message,
            self.claims,
            self.deviations,
        )

    def __repr__(self) -> str:
        return f"<Layers {'fault' if self.fault else 'open'}>"


def encode(message: bytes, *, prefix: str = PREFIX, signature_length: int | None = None) -> str:
    """Return the text of a signed message: compressed, in Base45, behind its prefix.

    `signature_length` is in bytes. Where it is known the signature, which no compressor makes
    smaller, stands in a stored block of its own: the text is as short, and made sooner.
    """
    span = 0 if signature_length is None else cose.signature_span(signature_length)
    return prefix + base45.encode(compression.compress(message, random_tail=span))


def decode(
    text: str | bytes,
    *,
    limits: Limits = DEFAULT_LIMITS,
    prefixes: Collection[str] = (PREFIX,),
    colonless: Collection[str] = (),
) -> Envelope:
    """Open every layer of a scanned `text`; no trust implied.

    `prefixes` are the context identifiers that are read, colon included; the colon of those in
    `colonless` may be missing, as a deviation.

    Raises:
        DecodeError: A layer could not be opened; `layer` and `code` say which and why. No other
            exception leaves this function, whatever the text. Time and memory are bounded by
            `limits`.

    """
    layers = open_layers(text, limits=limits, prefixes=prefixes, colonless=colonless)
    envelope = layers.envelope
    if layers.fault is not None or envelope is None:
        raise layers.fault or AssertionError("unreachable: without a fault every layer is open")
    return envelope


def open_layers(
    text: str | bytes,
    *,
    limits: Limits = DEFAULT_LIMITS,
    prefixes: Collection[str] = (PREFIX,),
    colonless: Collection[str] = (),
) -> Layers:
    """Open the layers of a scanned `text` as far as they can be opened; see `decode`.

    Never raises, whatever the text. The deviations met before a layer failed are kept.
    """
    opened: dict[str, Any] = {}
    deviations: list[Deviation] = []
    try:
        _open(text, limits, prefixes, colonless, opened, deviations)
    except DecodeError as error:
        # What it was raised from may hold the text, which is the holder's.
        fault = DecodeError(error.layer, error.code.partition(".")[2], _explained(error, opened))
        return Layers(**opened, deviations=tuple(deviations), fault=fault)
    return Layers(**opened, deviations=tuple(deviations))


def _explained(error: DecodeError, opened: dict[str, Any]) -> str:
    """Return the message, or what happened to the text on its way where that can be told."""
    seen = None
    if error.layer in ("base45", "compression"):
        seen = damage(opened["text"])
    return error.message if seen is None else f"the text was changed on its way: {seen}"


def _open(
    text: object,
    limits: Limits,
    prefixes: Collection[str],
    colonless: Collection[str],
    opened: dict[str, Any],
    deviations: list[Deviation],
) -> None:
    if isinstance(text, (bytes, bytearray, memoryview)):
        text = _ascii(bytes(text))
    elif not isinstance(text, str):
        raise DecodeError("prefix", "not-text", "a pass is text")
    opened["text"] = text
    if len(text) > limits.text:
        raise DecodeError("prefix", "too-long", f"the text exceeds {limits.text} characters")
    stripped = text.strip()
    if len(stripped) != len(text):
        deviations.append(Deviation("prefix.whitespace", "", "white space stands around the text"))
    prefix, body = _split(stripped, prefixes, colonless, deviations)
    opened["prefix"], opened["body"] = prefix, body
    opened["compressed"] = compressed = base45.decode(body)
    opened["cose"] = inflated = _inflate(compressed, limits.inflated, deviations)
    opened["message"] = message = cose.read(inflated)
    deviations.extend(message.deviations)
    opened["claims"] = claims = cwt.read(message.payload)
    deviations.extend(claims.deviations)


def _ascii(data: bytes) -> str:
    try:
        return data.decode("ascii")
    except UnicodeDecodeError as error:
        raise DecodeError(
            "prefix", "not-text", f"byte {error.start} is not one of a pass's characters"
        ) from None


def _split(
    text: str,
    prefixes: Collection[str],
    colonless: Collection[str],
    deviations: list[Deviation],
) -> tuple[str, str]:
    """The context identifier and the Base45 text behind it."""
    prefix = text[:4]
    if prefix in prefixes:
        return prefix, text[4:]
    if f"{prefix[:3]}:" in colonless:
        deviations.append(Deviation("prefix.no-colon", "", "no colon stands behind the prefix"))
        return prefix[:3], text[3:]
    # "HC2:", "HL0:", "DK3:": a Base45 text of a ZLIB stream has F in the place of the figure.
    if _FOREIGN.match(prefix):
        raise DecodeError("prefix", "unknown", "the text begins with another context identifier")
    deviations.append(Deviation("prefix.missing", "", "the text does not begin with its prefix"))
    return "", text


def _inflate(data: bytes, limit: int, deviations: list[Deviation]) -> bytes:
    if not data or compression.looks_compressed(data):
        return compression.inflate(data, limit=limit)
    # COSE begins with tag 18, tag 61 or an array of four.
    if data[:1] in (b"\xd2", b"\x84") or data[:2] == b"\xd8\x3d":
        if len(data) > limit:
            raise DecodeError("compression", "too-large", f"the body exceeds {limit} bytes")
        deviations.append(Deviation("compression.missing", "", "the body is not compressed"))
        return data
    return compression.inflate(data, limit=limit)


# Put the lines of a text together that a mail program or an editor made of one pass.


MAX_CHARACTERS: Final = 8_192
"""The longest text that is put together, inclusive: nearly two full QR symbols of it."""

_MOST_LINES: Final = 500
_MOST_TRIED: Final = 9
"""As many breaks as are tried in every combination; of more, only the likely ones."""

_REPLY: Final = re.compile(r"(?:>[> ]?)+")


def unwrapped(text: str, *, prefixes: Collection[str] = (PREFIX,)) -> str | None:
    """Return the pass that the lines of a text make when they are put together, if they do.

    A program that wraps at blanks loses a blank at each break, another one loses nothing: the lines
    are tried with blanks between them and without, as they are and without white space around them.
    The marks of a reply (``>``) are dropped. Whether the lines make a pass is certain, because the
    compression has a checksum. None where they do not, or the text is a single line.
    """
    if len(text) > MAX_CHARACTERS:
        return None
    lines = [_REPLY.sub("", line, count=1) for line in text.splitlines()]
    lines = [line for line in lines if line.strip()]
    if not 1 < len(lines) <= _MOST_LINES:
        return None
    # Several lines that begin as a pass are several passes.
    begins = [line.lstrip()[: len(PREFIX)] in prefixes for line in lines]
    if not begins[0] or any(begins[1:]):
        return None
    bare = [line.strip() for line in lines]
    for candidate in dict.fromkeys(chain(_candidates(lines), _candidates(bare))):
        if open_layers(candidate, prefixes=prefixes).fault is None:
            return candidate
    return None


def _candidates(lines: Sequence[str]) -> Iterator[str]:
    yield "".join(lines)
    yield " ".join(lines)
    longest = max(map(len, lines))
    *most, last = lines
    yield "".join(line if len(line) == longest else f"{line} " for line in most) + last
    if len(most) <= _MOST_TRIED:
        for ends in product(("", " "), repeat=len(most)):
            yield "".join(f"{line}{end}" for line, end in zip(most, ends, strict=True)) + last
