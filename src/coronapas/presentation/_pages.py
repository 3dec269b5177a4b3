"""The pages of a PDF document as pictures, drawn by PDFium (extra ``qr``).

A page is drawn at 200 dots an inch, at which a module of a code of the advised size has two dots
or more, and once more at 400 where nothing was found. PDFium is a program of its own in the same
process, which one thread at a time may use. It draws a page in steps, between which the time is
looked at: a page that takes longer than `MAX_SECONDS` is given up. It reads a whole page before it
draws, so that how much its streams unpack to is measured first (`MAX_UNPACKED`). That bounds what
ordinary compression (FlateDecode, also nested) can do; other filters expand less.
"""

from __future__ import annotations

import ctypes
import re
import time
import zlib
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from coronapas.errors import MissingExtraError, ScanError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL import Image

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
