"""X.509 certificates as bytes: the forms they come in, and their fields (RFC 5280, RFC 7468).

Certificates are passed around as DER, PEM, base64 or parsed objects. `pieces` splits a bundle,
`to_der` reads one piece.

The fields are read from the DER in two steps (RFC 5280, chapters 4.1 and 4.2): `layout` locates
each field and refuses anything other than a certificate (microseconds); the functions after it read
one field each. Only the frame of the extensions is read: a fault inside an extension that nobody
asks for does no harm.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias, Union

from coronapas import _asn1 as asn1
from coronapas import _base64 as base64
from coronapas.errors import KeyMaterialError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from cryptography import x509

MAX_CERTIFICATE_BYTES: Final = 64 * 1024
"""Larger certificates are refused unread (inclusive); real DSCs have one or two KiB."""

EXTENDED_KEY_USAGE: Final = "2.5.29.37"
COUNTRY: Final = "2.5.4.6"
COMMON_NAME: Final = "2.5.4.3"

_VERSION: Final = 0xA0
_UNIQUE_IDS: Final = frozenset({0x81, 0x82, 0xA1, 0xA2})
_EXTENSIONS: Final = 0xA3

_BARE_ALGORITHMS: Final = ("1.2.840.10045.4.", "2.16.840.1.101.3.4.3.")  # ECDSA, DSA

_LABELS: Final = {
    "2.5.4.3": "CN",
    "2.5.4.6": "C",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.9": "STREET",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "0.9.2342.19200300.100.1.25": "DC",
    "0.9.2342.19200300.100.1.1": "UID",
}
"""Names of attributes, RFC 4514 chapter 3; others are written as dotted object identifiers."""

_SPECIAL: Final = str.maketrans(
    {character: "\\" + character for character in '\\"+,;<>'} | {"\0": "\\00"}
)

Names: TypeAlias = list[list[tuple[str, str]]]
"""Relative distinguished names in their order, each a list of dotted type and text."""

_SHORT: Final = 0x80
"""A length below this is one byte of the encoding."""

_KEPT_NAME_BYTES: Final = 512
"""A longer name is read anew whenever it is asked for (bytes, inclusive)."""

Material: TypeAlias = Union[bytes, str, "x509.Certificate"]
"""DER bytes; PEM or base64 of DER as text or bytes; a certificate parsed by `cryptography`."""

_PEM_LABELS: Final = ("CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE")
_BYTES: Final = (bytes, bytearray, memoryview)
_MARK: Final = "-----BEGIN "


def pieces(material: Material) -> Iterator[Material]:
    """Yield each certificate of a PEM bundle, or `material` itself if it is something else.

    PEM blocks of other kinds (keys, requests) are ignored; a bundle without any certificate is an
    error (KeyMaterialError), and a cut-off block is a piece that `to_der` refuses.
    """
    text = _as_text(material)
    if text is None or _MARK not in text:
        yield material
        return
    block = None
    for block in _pem_blocks(text):
        yield block
    if block is None:
        raise KeyMaterialError("the PEM text holds no certificate")


def to_der(material: Material) -> bytes:
    """Return the DER of one certificate; a PEM text must hold exactly one.

    Raises KeyMaterialError.
    """
    text = _as_text(material)
    if text is not None:
        return from_pem(text) if _MARK in text else from_base64(text)
    if isinstance(material, _BYTES):
        return bytes(material)
    return _from_parsed(material)


def to_pem(data: bytes) -> bytes:
    """Return the DER of one certificate as PEM, in lines of 64 characters."""
    body = base64.encode(data).encode("ascii")
    lines = [body[at : at + 64] for at in range(0, len(body), 64)]
    head, foot = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"
    return b"\n".join((head, *lines, foot, b""))


def from_base64(text: str | bytes) -> bytes:
    """Return the bytes of standard base64; white space is ignored."""
    try:
        return base64.decode(text)
    except KeyMaterialError:
        raise KeyMaterialError("the certificate is neither DER, PEM nor base64") from None


def _as_text(material: Material) -> str | None:
    """Return the text of PEM or base64, or None for DER."""
    if isinstance(material, str):
        return material
    if isinstance(material, _BYTES) and not _is_der(material):
        return bytes(material).decode("latin-1")
    return None


def _is_der(data: bytes | bytearray | memoryview) -> bool:
    """Return whether these are the bytes of a certificate or key, and not those of a text.

    DER begins with the character 0, as a note before a PEM block may. The next byte is a length: up
    to 127 it is the length of all the rest, and above that it is outside ASCII.
    """
    head = bytes(data[:2])
    return head[:1] == b"0" and len(head) == 2 and (head[1] >= 0x80 or head[1] == len(data) - 2)


def from_pem(source: str | bytes) -> bytes:
    """Return the DER of the one certificate in a PEM text."""
    text = source if isinstance(source, str) else source.decode("latin-1")
    blocks = list(_pem_blocks(text))
    if len(blocks) != 1:
        raise KeyMaterialError(f"the PEM text must hold one certificate, got {len(blocks)}")
    head, _, rest = blocks[0].partition("\n")
    body, mark, _ = rest.partition("-----END " + head.strip().removeprefix(_MARK))
    if not mark:
        raise KeyMaterialError("the PEM text ends inside a certificate")
    return from_base64(body)


def _pem_blocks(text: str) -> Iterator[str]:
    """Yield the block of each certificate with its markers, in one pass over the text."""
    at = text.find(_MARK)
    while at >= 0:
        following = text.find(_MARK, at + len(_MARK))
        block = text[at : following if following >= 0 else len(text)]
        label = block[len(_MARK) : len(_MARK) + 40].partition("-----")[0]
        if label in _PEM_LABELS:
            yield block
        at = following


def _from_parsed(material: object) -> bytes:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    if not isinstance(material, x509.Certificate):
        raise KeyMaterialError(
            f"a certificate must be bytes, text or x509.Certificate, got {type(material).__name__}"
        )
    return material.public_bytes(Encoding.DER)


class _Name(NamedTuple):
    """A name: its parts, and its first country and common name."""

    parts: Names
    country: str | None
    common_name: str | None


class Layout(NamedTuple):
    """Where the fields of a certificate start in its DER; `extensions` is 0 where there are none.

    `body_end` and `public_key_end` are the first bytes behind what the issuer signed, and behind
    the key. Plain numbers keep it small: a list has hundreds of certificates.
    """

    body: int
    body_end: int
    signature_algorithm: int
    signature: int
    serial: int
    issuer: int
    not_before: int
    not_after: int
    subject: int
    public_key: int
    public_key_end: int
    extensions: int


class Extension(NamedTuple):
    """One extension: dotted object identifier, whether critical, and the DER of its value."""

    oid: str
    """The dotted object identifier."""
    critical: bool
    """Whether a reader that does not know it must refuse the certificate."""
    value: bytes
    """The DER inside its octet string."""


def layout(data: bytes) -> Layout:
    """Return where the fields lie; raise KeyMaterialError for other bytes than a certificate."""
    if len(data) > MAX_CERTIFICATE_BYTES:
        raise KeyMaterialError(
            f"a certificate must have at most {MAX_CERTIFICATE_BYTES} bytes, got {len(data)}"
        )
    return _plain_layout(data) or _layout(data)


def _layout(data: bytes) -> Layout:
    outer = asn1.only(data, asn1.SEQUENCE, "the certificate")
    end = outer.end
    tbs = asn1.expect(data, outer.begin, end, asn1.SEQUENCE, "the certificate's body")
    at, tbs_end = tbs.begin, tbs.end
    algorithm = asn1.expect(data, tbs_end, end, asn1.SEQUENCE, "the signature's algorithm")
    signature = asn1.expect(data, algorithm.after, end, asn1.BIT_STRING, "the signature")
    if signature.after != end:
        raise KeyMaterialError("bytes follow the certificate's signature")

    first = asn1.element(data, at, tbs_end)
    if first.tag == _VERSION:
        at = first.after
    serial = asn1.expect(data, at, tbs_end, asn1.INTEGER, "the serial number")
    inner = asn1.expect(data, serial.after, tbs_end, asn1.SEQUENCE, "the algorithm")
    issuer = asn1.expect(data, inner.after, tbs_end, asn1.SEQUENCE, "the issuer")
    validity = asn1.expect(data, issuer.after, tbs_end, asn1.SEQUENCE, "the validity")
    not_before = asn1.element(data, validity.begin, validity.end)
    not_after = asn1.element(data, not_before.after, validity.end)
    subject = asn1.expect(data, validity.after, tbs_end, asn1.SEQUENCE, "the subject")
    key = asn1.expect(data, subject.after, tbs_end, asn1.SEQUENCE, "the public key")
    return Layout(
        tbs.start,
        tbs.after,
        algorithm.start,
        signature.start,
        serial.start,
        issuer.start,
        not_before.start,
        not_after.start,
        subject.start,
        key.start,
        key.after,
        _extensions_field(data, key.after, tbs_end),
    )


def _plain_layout(data: bytes) -> Layout | None:
    """Return the layout of a certificate of version 2 or 3, quickly; None for any others."""
    whole = asn1.starts(data, 0, len(data), _WHOLE)
    if whole is None or whole[-1] != len(data):
        return None
    parts = asn1.starts(data, asn1.content(data, 0)[0], len(data), _PARTS)
    if parts is None or parts[-1] != len(data):
        return None
    tbs, algorithm, signature, _ = parts
    fields = asn1.starts(data, asn1.content(data, tbs)[0], algorithm, _FIELDS)
    if fields is None:
        return None
    _, serial, _, issuer, validity, subject, key, key_end = fields
    times = asn1.starts(data, asn1.content(data, validity)[0], subject, _VALIDITY)
    if times is None:
        return None
    return Layout(
        tbs,
        algorithm,
        algorithm,
        signature,
        serial,
        issuer,
        times[0],
        times[1],
        subject,
        key,
        key_end,
        _extensions_field(data, key_end, algorithm),
    )


_WHOLE: Final = (asn1.SEQUENCE,)
_PARTS: Final = (asn1.SEQUENCE, asn1.SEQUENCE, asn1.BIT_STRING)
_FIELDS: Final = (_VERSION, asn1.INTEGER, *(asn1.SEQUENCE,) * 5)
_VALIDITY: Final = (asn1.ANY, asn1.ANY)


def _extensions_field(data: bytes, at: int, end: int) -> int:
    while at < end:
        field = asn1.element(data, at, end)
        at = field.after
        if field.tag == _EXTENSIONS:
            if at != end:
                raise KeyMaterialError("bytes follow the certificate's extensions")
            asn1.expect(data, field.begin, field.end, asn1.SEQUENCE, "the extensions")
            return field.begin
        if field.tag not in _UNIQUE_IDS:
            raise KeyMaterialError(f"the certificate has an unknown field 0x{field.tag:02x}")
    return 0


def extensions(data: bytes, where: Layout) -> tuple[Extension, ...]:
    """Return the extensions in their order, repeated ones included."""
    if not where.extensions:
        return ()
    begin, end = asn1.content(data, where.extensions)
    plain = _plain_extensions(data, begin, end)
    if plain is not None:
        return plain
    return tuple(_extension(data, item) for item in asn1.children(data, begin, end))


def _plain_extensions(data: bytes, at: int, end: int) -> tuple[Extension, ...] | None:
    """Return extensions that are as plain as most are, quickly; None for any others.

    Plain is one whose lengths take one byte each, or two for the value and what holds it.
    """
    found = []
    try:
        while at < end:
            size = data[at + 1]
            begin = at + 2
            if size >= _SHORT:
                size, begin = data[at + 2], at + 3
                if data[at + 1] != _SHORT + 1:
                    return None
            after = begin + size
            value = begin + 2 + data[begin + 1]
            oid = data[begin + 2 : value]
            if data[at] != asn1.SEQUENCE or data[begin] != asn1.OBJECT_IDENTIFIER or after > end:
                return None
            if not 2 < len(oid) < _SHORT // 2 or oid[-1] >= _SHORT:
                return None
            critical = data[value] == asn1.BOOLEAN
            if critical:
                if data[value + 1] != 1 or data[value + 2] != _TRUE:
                    return None
                value += 3
            content, length = value + 2, data[value + 1]
            if length == _SHORT + 1:
                content, length = value + 3, data[value + 2]
            if data[value] != asn1.OCTET_STRING or length + content != after or content > after:
                return None
            found.append(_new(Extension, (asn1.dotted(oid), critical, data[content:after])))
            at = after
    except IndexError:
        return None
    return tuple(found)


_TRUE: Final = 0xFF
_new: Final = tuple.__new__  # a list has thousands of extensions


def _extension(data: bytes, item: asn1.Element) -> Extension:
    if item.tag != asn1.SEQUENCE:
        raise KeyMaterialError("an extension must be a SEQUENCE")
    end = item.end
    oid = asn1.expect(data, item.begin, end, asn1.OBJECT_IDENTIFIER, "an extension's identifier")
    value = asn1.element(data, oid.after, end)
    critical = False
    if value.tag == asn1.BOOLEAN:
        critical = any(data[value.begin : value.end])
        value = asn1.element(data, value.after, end)
    if value.tag != asn1.OCTET_STRING:
        raise KeyMaterialError("the value of an extension must be an OCTET STRING")
    return Extension(asn1.object_identifier(data, oid), critical, data[value.begin : value.end])


def key_purposes(found: Iterable[Extension]) -> frozenset[str]:
    """Return the dotted key purposes of the extendedKeyUsage extension (RFC 5280 4.2.1.12).

    Empty without the extension. If it is repeated, the purposes of all count: strict parsers refuse
    that, so that the certificate shows it as a deviation.
    """
    purposes: set[str] = set()
    for extension in found:
        if extension.oid == EXTENDED_KEY_USAGE:
            purposes |= _purposes(extension.value)
    return frozenset(purposes)


@lru_cache(maxsize=64)
def _purposes(value: bytes) -> frozenset[str]:
    whole = asn1.only(value, asn1.SEQUENCE, "the extended key usage")
    purposes = set()
    for item in asn1.children(value, whole.begin, whole.end):
        if item.tag != asn1.OBJECT_IDENTIFIER:
            raise KeyMaterialError("a key purpose must be an object identifier")
        purposes.add(asn1.object_identifier(value, item))
    return frozenset(purposes)


def _element(data: bytes, at: int) -> asn1.Element:
    """Return the element at a place of a layout, where it was found to be whole."""
    return asn1.element(data, at, len(data))


def _content(data: bytes, at: int) -> bytes:
    begin, end = asn1.content(data, at)
    return data[begin:end]


def serial(data: bytes, where: Layout) -> int:
    """Return the serial number."""
    return asn1.integer(data, _element(data, where.serial))


def signature_algorithm(data: bytes, where: Layout) -> str:
    """Return the dotted identifier of the algorithm with which the issuer signed."""
    return _algorithm(_content(data, where.signature_algorithm))


@lru_cache(maxsize=32)
def _algorithm(content: bytes) -> str:
    what = "the signature's algorithm"
    oid = asn1.expect(content, 0, len(content), asn1.OBJECT_IDENTIFIER, what)
    return asn1.object_identifier(content, oid)


def signed_body(data: bytes, where: Layout) -> bytes:
    """Return the bytes that the issuer signed."""
    return data[where.body : where.body_end]


def signature(data: bytes, where: Layout) -> bytes:
    """Return the issuer's signature; its BIT STRING must have whole bytes."""
    begin, end = asn1.content(data, where.signature)
    if end - begin < 2 or data[begin]:
        raise KeyMaterialError("the certificate's signature is empty or not of whole bytes")
    return data[begin + 1 : end]


def raw_subject(data: bytes, where: Layout) -> bytes:
    """Return the content of the subject's DER, for comparing names byte by byte."""
    return _content(data, where.subject)


def raw_issuer(data: bytes, where: Layout) -> bytes:
    """Return the content of the issuer's DER."""
    return _content(data, where.issuer)


def tolerated_fault(data: bytes, where: Layout) -> str | None:
    """Return a fault that strict parsing only warns of, as a fragment, or None.

    RFC 5280 4.1.2.2: serial numbers are positive. RFC 5758 3.2: ECDSA's algorithms and DSA's have
    no parameters.
    """
    if serial(data, where) <= 0:
        return "the serial number is not positive"
    algorithm = signature_algorithm(data, where)
    field = _element(data, where.signature_algorithm)
    bare = algorithm.startswith(_BARE_ALGORITHMS)
    if bare and asn1.element(data, field.begin, field.end).after != field.end:
        return "the signature algorithm has parameters"
    return None


def validity(data: bytes, where: Layout) -> tuple[datetime, datetime]:
    """Return the first and last instant of the validity, inclusive, in UTC (RFC 5280 4.1.2.5)."""
    return asn1.time_at(data, where.not_before), asn1.time_at(data, where.not_after)


def spki(data: bytes, where: Layout) -> bytes:
    """Return the DER of the SubjectPublicKeyInfo."""
    return data[where.public_key : where.public_key_end]


def subject(data: bytes, where: Layout) -> str:
    """Return the subject in the notation of RFC 4514."""
    return _text(data, where.subject)


def issuer(data: bytes, where: Layout) -> str:
    """Return the issuer in the notation of RFC 4514."""
    return _text(data, where.issuer)


def country(data: bytes, where: Layout) -> str | None:
    """Return the subject's first countryName in upper case; None if absent or blank."""
    return (_name(data, where.subject).country or "").strip().upper() or None


def common_name(data: bytes, where: Layout) -> str | None:
    """Return the subject's first commonName, or None."""
    return _name(data, where.subject).common_name


def check(data: bytes, where: Layout) -> None:
    """Raise KeyMaterialError if a name, the serial number or the algorithm cannot be read."""
    _name(data, where.subject)
    _name(data, where.issuer)
    serial(data, where)
    signature_algorithm(data, where)


def _name(data: bytes, at: int) -> _Name:
    """Return a name; the same few stand in the certificates of a list, and are kept."""
    content = _content(data, at)
    return _kept_name(content) if len(content) <= _KEPT_NAME_BYTES else _read_name(content)


def _read_name(content: bytes) -> _Name:
    names = _plain_names(content) or _names(content)
    first: dict[str, str] = {}
    for attributes in names:
        for oid, value in attributes:
            first.setdefault(oid, value)
    return _Name(names, first.get(COUNTRY), first.get(COMMON_NAME))


_kept_name: Final = lru_cache(maxsize=1024)(_read_name)


def _text(data: bytes, at: int) -> str:
    content = _content(data, at)
    return _kept_text(content) if len(content) <= _KEPT_NAME_BYTES else _write_name(content)


def _write_name(content: bytes) -> str:
    return _rfc4514(_read_name(content).parts)


_kept_text: Final = lru_cache(maxsize=256)(_write_name)


def _plain_names(content: bytes) -> Names | None:
    """Return names that are as plain as most are, quickly; None for any others.

    Plain is one attribute a name, and lengths of one byte.
    """
    names: Names = []
    at, end = 0, len(content)
    try:
        while at < end:
            size, oid_end = content[at + 1], at + 6 + content[at + 5]
            after = at + 2 + size
            oid, begin = content[at + 6 : oid_end], oid_end + 2
            if (
                content[at] != asn1.SET
                or size >= _SHORT
                or after > end
                or content[at + 2] != asn1.SEQUENCE
                or content[at + 3] != size - 2
                or content[at + 4] != asn1.OBJECT_IDENTIFIER
                or not 2 < len(oid) < _SHORT // 2
                or oid[-1] >= _SHORT
                or content[oid_end + 1] >= _SHORT
                or begin + content[oid_end + 1] != after
                or content[oid_end] & _LONG_TAG == _LONG_TAG
            ):
                return None
            value = asn1.Element(content[oid_end], oid_end, begin, after, after)
            names.append([(asn1.dotted(oid), asn1.text(content, value))])
            at = after
    except IndexError:
        return None
    return names


_LONG_TAG: Final = 0x1F


def _names(content: bytes) -> Names:
    names = []
    for name in asn1.children(content, 0, len(content)):
        if name.tag != asn1.SET:
            raise KeyMaterialError("a relative distinguished name must be a SET")
        items = asn1.children(content, name.begin, name.end)
        names.append([_attribute(content, item) for item in items])
    return names


def _attribute(data: bytes, item: asn1.Element) -> tuple[str, str]:
    if item.tag != asn1.SEQUENCE:
        raise KeyMaterialError("an attribute of a name must be a SEQUENCE")
    oid = asn1.expect(data, item.begin, item.end, asn1.OBJECT_IDENTIFIER, "an attribute's type")
    value = asn1.element(data, oid.after, item.end)
    return asn1.object_identifier(data, oid), asn1.text(data, value)


def _rfc4514(names: Names) -> str:
    """Return the names, last part first and special characters escaped (RFC 4514, chapter 2)."""
    return ",".join(
        "+".join(f"{_LABELS.get(oid, oid)}={_escape(value)}" for oid, value in attributes)
        for attributes in reversed(names)
    )


def _escape(value: str) -> str:
    escaped = value.translate(_SPECIAL)
    if escaped[:1] in ("#", " "):
        escaped = "\\" + escaped
    if escaped[-1:] == " " and escaped != "\\ ":
        escaped = escaped[:-1] + "\\ "
    return escaped
