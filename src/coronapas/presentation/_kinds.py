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

import ctypes
import re
import time
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import (
    TYPE_CHECKING,
    Any,
    Final,
    Literal,
)

from coronapas.errors import MissingExtraError, ScanError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL import Image

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


# The pages of a PDF document as pictures, drawn by PDFium (extra ``qr``).
#
# A page is drawn at 200 dots an inch, at which a module of a code of the advised size has two
# dots or more, and once more at 400 where nothing was found. PDFium is a program of its own in
# the same process, which one thread at a time may use. It draws a page in steps, between which
# the time is looked at: a page that takes longer than `MAX_SECONDS` is given up. It reads a whole
# page before it draws, so that how much its streams unpack to is measured first (`MAX_UNPACKED`).
# That bounds what ordinary compression (FlateDecode, also nested) can do; other filters expand
# less.

MAX_PAGES: Final = 50
"""The most pages of one document, inclusive."""

MAX_SECONDS: Final = 10.0
"""The longest that drawing one page may take, in seconds."""

RESOLUTIONS: Final = (200, 400)
"""Dots an inch of the first and the second look at a page."""

MAX_PAGE_PIXELS: Final = 16_000_000
"""The most pixels of a page that is drawn, inclusive: A4 at 400 dots an inch. A larger page is
drawn at a lower resolution."""

MAX_UNPACKED: Final = 128 * 1024 * 1024
"""The most bytes that the streams of one document unpack to together, inclusive."""

MAX_STREAMS: Final = 20_000
"""The most streams of one document, inclusive."""

_NESTED: Final = 3
"""How often what was unpacked is unpacked again where it is compressed once more."""

_STREAM: Final = re.compile(rb"stream\r?\n")
_PIECE: Final = 65_536
_POINTS_PER_INCH: Final = 72
_WHITE: Final = 0xFFFFFFFF
_ONE_AT_A_TIME: Final = Lock()


class Pages:
    """An open PDF document."""

    def __init__(self, content: bytes) -> None:
        """Open it; raises ScanError where it cannot be, or has too many pages."""
        try:
            import pypdfium2
            import pypdfium2.raw
        except ImportError as missing:
            raise MissingExtraError("qr", "pypdfium2") from missing
        self._pdfium = pypdfium2
        _measure(content)
        with _ONE_AT_A_TIME:
            try:
                self._document = pypdfium2.PdfDocument(content)
                self.count = len(self._document)
            except pypdfium2.PdfiumError as error:
                if "assword" in str(error):
                    raise _unreadable("the PDF document is locked with a password") from None
                raise _unreadable("the PDF document is broken") from None
            if self.count > MAX_PAGES:
                self._document.close()
                raise ScanError(
                    "image-too-large", f"the PDF document has more than {MAX_PAGES} pages"
                )

    def close(self) -> None:
        """Give the document's memory back."""
        with _ONE_AT_A_TIME:
            self._document.close()

    def picture(self, index: int, dpi: int) -> Image.Image:
        """Return a page, counted from 0, as a greyscale image; raises ScanError."""
        with _ONE_AT_A_TIME:
            try:
                page = self._document[index]
                try:
                    return self._drawn(page, dpi)
                finally:
                    page.close()
            except ScanError:
                raise
            except (self._pdfium.PdfiumError, ValueError) as error:
                raise _unreadable(f"page {index + 1} of the PDF document is broken") from error

    def _drawn(self, page: Any, dpi: int) -> Image.Image:
        raw = self._pdfium.raw
        width, height = page.get_size()
        scale = dpi / _POINTS_PER_INCH
        area = width * height * scale**2
        if not 0 < area < float("inf"):
            raise ValueError("a page without an area")
        if area > MAX_PAGE_PIXELS:
            scale *= (MAX_PAGE_PIXELS / area) ** 0.5
        across, down = (max(1, int(side * scale)) for side in (width, height))
        bitmap = self._pdfium.PdfBitmap.new_native(across, down, raw.FPDFBitmap_Gray)
        try:
            raw.FPDFBitmap_FillRect(bitmap, 0, 0, across, down, _WHITE)
            flags = raw.FPDF_ANNOT | raw.FPDF_GRAYSCALE | raw.FPDF_RENDER_LIMITEDIMAGECACHE
            _draw(raw, bitmap, page, (0, 0, across, down, 0, flags))
            picture: Image.Image = bitmap.to_pil().copy()
            return picture
        finally:
            bitmap.close()


@contextmanager
def opened(content: bytes) -> Iterator[Pages]:
    """Open a PDF document and close it in the end."""
    pages = Pages(content)
    try:
        yield pages
    finally:
        pages.close()


def _measure(content: bytes) -> None:
    """Refuse a document whose streams unpack to more than the bound."""
    left = MAX_UNPACKED
    for number, found in enumerate(_STREAM.finditer(content)):
        if number == MAX_STREAMS:
            raise ScanError("image-too-large", f"the PDF document has over {MAX_STREAMS} streams")
        left -= _unpacked(memoryview(content)[found.end() :], left, _NESTED)
        if left < 0:
            raise ScanError("image-too-large", "the PDF document unpacks to too much")


def _unpacked(data: memoryview, bound: int, depth: int) -> int:
    """Return to how many bytes a stream unpacks, or `bound` + 1; 0 for what is not compressed."""
    # A compressed stream knows its own end, so that what follows need not be cut off.
    stream = zlib.decompressobj()
    size, first, rest = 0, b"", bytes(data[:_PIECE])
    place = len(rest)
    try:
        while size <= bound and not stream.eof:
            piece = stream.decompress(rest, _PIECE)
            first = first or piece
            size += len(piece)
            rest = stream.unconsumed_tail
            if not rest and not stream.eof:
                rest = bytes(data[place : place + _PIECE])
                place += len(rest)
                if not rest:
                    break
    except zlib.error:
        pass
    if depth and first[:1] == b"\x78":
        size += _unpacked(memoryview(first), bound - size, depth - 1)
    return min(size, bound + 1)


def _draw(raw: Any, bitmap: Any, page: Any, arguments: tuple[int, ...]) -> None:
    """Draw a page in steps until it is ready, or its time is over."""
    end = time.monotonic() + MAX_SECONDS
    pause = raw.IFSDK_PAUSE(version=1)
    kind = type(pause.NeedToPauseNow)
    late = kind(lambda _: time.monotonic() > end)
    pause.NeedToPauseNow = late
    where = ctypes.byref(pause)
    try:
        status = raw.FPDF_RenderPageBitmap_Start(bitmap, page, *arguments, where)
        if status == raw.FPDF_RENDER_TOBECONTINUED:
            raise ScanError("image-too-large", "a page of the PDF document takes too long to draw")
        if status != raw.FPDF_RENDER_DONE:
            raise ValueError("a page that cannot be drawn")
    finally:
        raw.FPDF_RenderPage_Close(page)


def _unreadable(problem: str) -> ScanError:
    return ScanError("image-unreadable", problem)


# Read back the SVG drawings that `coronapas.presentation.Qr.svg` makes, module by module.
#
# There is no reader of SVG in general here: what is not drawn exactly so is refused.

_MAX_SIDE: Final = 177 + 2 * 100
"""A symbol of version 40 with the widest quiet zone."""

_MAX_CHARACTERS: Final = 1_000_000
_SCALE: Final = 4
_DRAWING: Final = re.compile(
    r'\s*<svg xmlns="http://www\.w3\.org/2000/svg" width="[0-9.]+mm" height="[0-9.]+mm" '
    r'viewBox="0 0 (?P<side>[0-9]{1,3}) (?P=side)" shape-rendering="crispEdges" role="img" '
    r'aria-label="[^"<>]*">'
    r'<path fill="#fff" d="M0 0h[0-9]+v[0-9]+h-[0-9]+z"/>'
    r'<path fill="#000" d="(?P<runs>[Mhvz0-9 -]*)"/></svg>\s*'
)
_RUN: Final = re.compile(r"M([0-9]{1,3}) ([0-9]{1,3})h([0-9]{1,3})v1h-\3z")


def picture(content: bytes) -> bytes:
    """Return the drawing as a greyscale picture (PGM); raises ScanError for any other SVG."""
    text = content[: _MAX_CHARACTERS + 1].decode("utf-8", "replace").removeprefix("\ufeff")
    found = _DRAWING.fullmatch(text) if len(text) <= _MAX_CHARACTERS else None
    side = 0 if found is None else int(found["side"])
    if found is None or not 0 < side <= _MAX_SIDE or _RUN.sub("", found["runs"]):
        raise ScanError(
            "image-unreadable",
            "this is an SVG drawing that coronapas did not make: save it as PNG or PDF",
        )
    pixels = bytearray(b"\xff" * side * side)
    for column, row, width in (map(int, run.groups()) for run in _RUN.finditer(found["runs"])):
        if row < side and column + width <= side:
            start = row * side + column
            pixels[start : start + width] = bytes(width)
    larger = b"".join(
        b"".join(bytes((pixel,)) * _SCALE for pixel in pixels[start : start + side]) * _SCALE
        for start in range(0, len(pixels), side)
    )
    return b"P5 %d %d 255\n%b" % (side * _SCALE, side * _SCALE, larger)
