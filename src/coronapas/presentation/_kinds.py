"""What kind of file an input is, by its content: a text, a picture, a PDF, or nothing readable.

The name of a file is never asked: files are renamed, and standard input has no name. The rules, in
their order:

1. A byte-order mark says UTF-8, UTF-16 or UTF-32; without one, a text in which every second byte is
   NUL is UTF-16.
2. A signature at its place says the format (PDF, PNG, ZIP and so on). Signatures that are letters
   alone count only where the rest is not text either: Base45 has letters too.
3. What begins as a pass does is text, whatever follows: one spoilt line must not take the others
   along.
4. NULs, other control characters, or many bytes that are not UTF-8 say that it is no text.
5. What is left is text. Its beginning may say that it is a document of another kind (XML, HTML,
   JSON, PEM, RTF, a drawing in block characters).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

HEAD: Final = 8192
"""How many bytes of a file's beginning are looked at; fewer do, where there are not more."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of file.

    Attributes:
        name: A stable name, such as ``"zip"``.
        title: What it is called in sentences, with its article, such as "a ZIP archive".
        read_as: How passes are read from it; None where they are not.
        encoding: The encoding of a text, as Python names it; None for another kind.
        hint: What helps where it is not read, as a lower-case fragment.

    """

    name: str
    title: str
    read_as: Literal["text", "image", "pdf", "svg"] | None = None
    encoding: str | None = None
    hint: str = "give the text of the pass, a picture or a PDF"

    @property
    def refusal(self) -> str:
        """Why nothing is read from it and what helps, as a lower-case fragment."""
        return f"this is {self.title}, from which no pass can be read: {self.hint}"


_UNPACK: Final = "unpack it, and give the files in it"
_AS_PICTURE: Final = "save it as PNG, JPEG or PDF"

_TEXT: Final = Kind("text", "a text", "text", "utf-8")
_BINARY: Final = Kind("binary", "a binary file of an unknown kind")
_PDF: Final = Kind("pdf", "a PDF document", "pdf")
_WALLET: Final = Kind(
    "pkpass", "a wallet pass (pkpass)", hint="show it on a screen, and take a picture of its code"
)


def _image(name: str, title: str) -> Kind:
    return Kind(name, title, "image")


# At which place which bytes stand in the formats that are told apart.
_SIGNATURES: Final[tuple[tuple[int, bytes, Kind], ...]] = (
    (0, b"\x89PNG", _image("png", "a PNG picture")),
    (0, b"\xff\xd8\xff", _image("jpeg", "a JPEG picture")),
    (0, b"GIF8", _image("gif", "a GIF picture")),
    (0, b"II*\0", _image("tiff", "a TIFF picture")),
    (0, b"MM\0*", _image("tiff", "a TIFF picture")),
    (0, b"\x1f\x8b", Kind("gzip", "a gzip file", hint=_UNPACK)),
    (0, b"BZh", Kind("bzip2", "a bzip2 file", hint=_UNPACK)),
    (0, b"\xfd7zXZ\0", Kind("xz", "an XZ file", hint=_UNPACK)),
    (0, b"(\xb5/\xfd", Kind("zstd", "a Zstandard file", hint=_UNPACK)),
    (0, b"\x04\x22M\x18", Kind("lz4", "an LZ4 file", hint=_UNPACK)),
    (0, b"7z\xbc\xaf'\x1c", Kind("7z", "a 7-Zip archive", hint=_UNPACK)),
    (0, b"Rar!\x1a\x07", Kind("rar", "a RAR archive", hint=_UNPACK)),
    (257, b"ustar", Kind("tar", "a tar archive", hint=_UNPACK)),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Kind(
        "ole", "an older Office document or message (doc, xls, ppt, msg)",
        hint="save it as PDF",
    )),
    (0, b"8BPS\0", Kind("psd", "a Photoshop document", hint=_AS_PICTURE)),
    (0, b"\0\0\1\0", Kind("ico", "an icon", hint=_AS_PICTURE)),
    (0, b"\0\0\0\x0cjP  ", Kind("jpeg2000", "a JPEG 2000 picture", hint=_AS_PICTURE)),
    (0, b"\0\0\0\x0cJXL ", Kind("jxl", "a JPEG XL picture", hint=_AS_PICTURE)),
    (0, b"\xff\x0a", Kind("jxl", "a JPEG XL picture", hint=_AS_PICTURE)),
    (0, b"%!PS", Kind("postscript", "a PostScript document", hint=_AS_PICTURE)),
    (0, b"\xc5\xd0\xd3\xc6", Kind("postscript", "a PostScript document", hint=_AS_PICTURE)),
    (0, b"AT&TFORM", Kind("djvu", "a DjVu document", hint=_AS_PICTURE)),
    (128, b"DICM", Kind("dicom", "a DICOM picture", hint=_AS_PICTURE)),
    (0, b"SQLite format 3\0", Kind("sqlite", "an SQLite database")),
    (0, b"\x1aE\xdf\xa3", Kind("matroska", "a Matroska or WebM video")),
    (0, b"OggS\0", Kind("ogg", "an Ogg recording")),
    (0, b"fLaC\0", Kind("flac", "a FLAC recording")),
    (0, b"ID3", Kind("mp3", "an MP3 recording")),
    (0, b"\x7fELF", Kind("elf", "a program")),
    (0, b"\xca\xfe\xba\xbe", Kind("program", "a program")),
    (0, b"\xcf\xfa\xed\xfe", Kind("program", "a program")),
    (0, b"\0asm", Kind("program", "a program")),
    (0, b"\0\1\0\0\0", Kind("font", "a font")),
    (0, b"OTTO\0", Kind("font", "a font")),
    (0, b"wOFF", Kind("font", "a font")),
    (0, b"wOF2", Kind("font", "a font")),
    (0, b"0\x82", Kind("der", "a DER file, such as a certificate or a key")),
)  # fmt: skip
# Signatures that a text could have too: they count in what is not text.
_OF_BINARIES: Final[tuple[tuple[int, bytes, Kind], ...]] = (
    (0, b"MZ", Kind("program", "a program")),
    (0, b"PAR1", Kind("parquet", "a Parquet file")),
    (0, b"Obj\x01", Kind("avro", "an Avro file")),
)
_BRANDS: Final = (
    # ISO/IEC 14496-12: the brand stands behind "ftyp".
    (rb"avi[fs]", Kind("avif", "an AVIF picture", hint=_AS_PICTURE)),
    (
        rb"hei[cxms]|hev[cxms]|mif1|msf1",
        Kind("heic", "an HEIC picture, as phones take them", hint=_AS_PICTURE),
    ),
    (rb"qt  ", Kind("mov", "a QuickTime video")),
    (rb"", Kind("mp4", "an MP4 video or recording")),
)
_ZIPPED: Final = (
    # The names of members, which stand uncompressed in the archive.
    (rb"pass\.json", _WALLET),
    (rb"word/", Kind("docx", "a Word document", hint="save it as PDF")),
    (rb"xl/", Kind("xlsx", "an Excel workbook", hint="save its column of passes as text")),
    (rb"ppt/", Kind("pptx", "a PowerPoint document", hint="save it as PDF")),
    (rb"\[Content_Types\]\.xml", Kind("ooxml", "an Office document", hint="save it as PDF")),
    (
        rb"mimetypeapplication/vnd\.oasis",
        Kind("odf", "an OpenDocument file", hint="save it as PDF"),
    ),
    (rb"mimetypeapplication/epub", Kind("epub", "an EPUB book", hint="save it as PDF")),
    (rb"META-INF/MANIFEST\.MF", Kind("jar", "a Java archive")),
)
_ZIP: Final = Kind("zip", "a ZIP archive", hint=_UNPACK)
_DOCUMENTS: Final = (
    (r"(?:<\?xml[^>]*>|<!--.*?-->|<!DOCTYPE svg[^>]*>|\s)*<svg[\s>]", Kind(
        "svg", "an SVG drawing", "svg", hint=_AS_PICTURE,
    )),
    (r"(?:<!--.*?-->|\s)*<(?:!doctype html|html|head|body)\b", Kind(
        "html", "an HTML page", hint="print it as PDF, or copy the text of the pass out of it",
    )),
    (r"\s*<[?!a-z]", Kind("xml", "an XML document")),
    (r"\s*\{\\rtf", Kind("rtf", "an RTF document", hint="save it as PDF")),
    (r"\s*(?:\{\s*[\"}]|\[\s*[\[{\"\]])", Kind(
        "json", "a JSON document", hint="give the text of the pass, which may stand in it",
    )),
    (r"-----BEGIN PGP", Kind("pgp", "an encrypted or signed message (PGP)")),
    (r"\s*-----BEGIN [A-Z0-9 ]+-----", Kind("pem", "a PEM file, such as a certificate or a key")),
    (r"(?:\x1b\[[0-9;]*m)*[ \n]*(?:\x1b\[[0-9;]*m)*[ \n]*[▀▄█🬀-🬻]", Kind(
        "drawing", "a QR code drawn in characters", hint="take a picture of it",
    )),
)  # fmt: skip
_COMPILED: Final = tuple(
    (re.compile(pattern, re.IGNORECASE | re.DOTALL), kind) for pattern, kind in _DOCUMENTS
)

_MARKS: Final = (
    # UTF-32's little-endian mark begins as UTF-16's does.
    (b"\xff\xfe\0\0", "utf-32-le"),
    (b"\0\0\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
_UTF8_MARK: Final = b"\xef\xbb\xbf"
_PASS: Final = re.compile(rb"\s*[A-Z]{2}[0-9]:[0-9A-Z $%*+./:-]{20}")
_CONTROLS: Final = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_MOST_FOREIGN: Final = 0.3
"""The share of bytes above 127, where they are not UTF-8, beyond which it is no text."""

_NETPBM: Final = re.compile(rb"P[1-6](?:\s+|#[^\n]*\n)+[0-9]+(?:\s+|#[^\n]*\n)+[0-9]+\s")
_PDF_MARK_BOUND: Final = 1024
"""ISO 32000-1, annex H.3.4.1: readers find the header within the first 1,024 bytes."""


def kind_of(head: bytes) -> Kind:
    """Return the kind of a file that begins with `head`, of which `HEAD` bytes suffice.

    Nothing is opened or unpacked, and the time is linear in the length of `HEAD`.
    """
    head = head[:HEAD]
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return _wide(head, encoding, len(mark))
    if head.startswith(_UTF8_MARK):
        head = head[len(_UTF8_MARK) :]
    return _format(head) or _guessed(head)


def _format(head: bytes) -> Kind | None:
    """Return the kind that a signature tells."""
    if head.startswith(b"%PDF-"):
        return _PDF
    for place, signature, kind in _SIGNATURES:
        if head.startswith(signature, place):
            return kind
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")):
        return next((kind for name, kind in _ZIPPED if re.search(name, head)), _ZIP)
    if head.startswith(b"ftyp", 4):
        return next(kind for brand, kind in _BRANDS if re.match(brand, head[8:12]))
    if head.startswith(b"RIFF"):
        return {
            b"WEBP": _image("webp", "a WebP picture"),
            b"WAVE": Kind("wav", "a WAV recording"),
            b"AVI ": Kind("avi", "an AVI video"),
        }.get(head[8:12])
    # A text could begin like both: a bitmap has zeros in its head, a Netpbm file its dimensions.
    if head.startswith(b"BM") and head[6:10] == bytes(4):
        return _image("bmp", "a BMP picture")
    if _NETPBM.match(head):
        return _image("netpbm", "a Netpbm picture")
    return None


def _guessed(head: bytes) -> Kind:
    """Return the kind of what has no signature: text in some encoding, or not text."""
    if _PASS.match(head):
        return _TEXT
    encoding = _encoding_by_nuls(head)
    if encoding is not None:
        return _wide(head, encoding, 0)
    text = head.decode("utf-8", "replace")
    foreign = text.count("\ufffd")
    # One character may be cut off at the end.
    garbled = foreign > 1 and sum(byte > 127 for byte in head) > _MOST_FOREIGN * len(head)
    if garbled or _CONTROLS.search(head):
        if b"%PDF-" in head[:_PDF_MARK_BOUND]:
            return _PDF
        found = (kind for place, mark, kind in _OF_BINARIES if head.startswith(mark, place))
        return next(found, _BINARY)
    return _document(text) or _TEXT


def _document(text: str) -> Kind | None:
    return next((kind for pattern, kind in _COMPILED if pattern.match(text)), None)


def _encoding_by_nuls(head: bytes) -> str | None:
    """Return the encoding of a text without a mark in which one half of the bytes are NUL."""
    pairs = len(head) // 2
    even, odd = head[0 : 2 * pairs : 2], head[1 : 2 * pairs : 2]
    for nul, letters, encoding in ((odd, even, "utf-16-le"), (even, odd, "utf-16-be")):
        if letters.strip() and nul == bytes(pairs) and not _CONTROLS.search(letters):
            return encoding
    return None


def _wide(head: bytes, encoding: str, mark: int) -> Kind:
    """Return the kind of a text in UTF-16 or UTF-32."""
    text = head[mark:].decode(encoding, "replace")
    whole = text[:-1].replace("\ufffd", "\0")  # the last character may be cut off
    if _CONTROLS.search(whole.encode("utf-8", "replace")):
        return _BINARY
    return _document(text) or Kind("text", f"a text in {encoding[:-3].upper()}", "text", encoding)
