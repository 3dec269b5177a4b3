"""Read the QR codes in an image or a PDF: their text, and how each of them was written.

hcert-spec 1.0.8, QR code; checks Q1 (a code that cannot be read) and Q2 (another mode than
alphanumeric) of the EU's basic list. zxing-cpp finds and reads the codes, Pillow opens the image
and PDFium the PDF (extra ``qr``). zxing-cpp does not say the mode: it is read from the
modules that were seen. What kind of file it is, its content says.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING, BinaryIO, Final, cast

from coronapas.errors import MissingExtraError, ScanError
from coronapas.presentation import _kinds as kinds
from coronapas.presentation._kinds import HEAD, kind_of
from coronapas.presentation._symbol import (
    ErrorLevel,
    Mode,
    Modules,
    Segment,
    SegmentError,
    SymbolError,
    data_codewords,
    modules_of,
    segments,
    whole_mode,
)
from coronapas.tolerances import Deviation

if TYPE_CHECKING:
    from PIL import Image
    from zxingcpp import Barcode, Binarizer

    from coronapas.presentation._kinds import Kind

MAX_BYTES: Final = 32 * 1024 * 1024
"""The largest file that is opened, in bytes."""

MAX_PIXELS: Final = 36_000_000
"""The most pixels that are unpacked, over all frames of an image: A4 at 600 dots an inch."""

MAX_SIDE: Final = 65_535
"""The longest side of an image, in pixels: what zxing-cpp takes."""

MAX_FRAMES: Final = 100
"""The most frames (pages) of one image."""

_FORMATS: Final = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM")
"""What is opened. Pillow knows more, some of which run other programmes or are rarely tested."""

MAX_CODES: Final = 100
"""The most QR codes of one image."""

MAX_EDGES: Final = 150_000
"""The most edges between neighbours in the rows of a picture that is searched.

What looks like the corner of a QR code has 30 of them or more, and the time of a search grows with
the square of their number. A busier picture is searched at half its size, or a quarter and so on.
"""

_EDGE: Final = 12
"""The least difference of two neighbours that makes an edge: half of what zxing-cpp tells apart."""

_FEWEST_EDGES: Final = 100
"""Fewer edges than any QR code has: version 1 has 21 rows with at least six in each."""

_ALWAYS_SEARCHED: Final = 500
"""The side, in pixels, of a picture too small to hold many corners, whatever its edges."""

_MARGIN: Final = 16
_SECOND_LOOK_SIDE: Final = 2000
_UPSCALED_SIDE: Final = 1200
_MAX_UPSCALING: Final = 4
_SMALLEST_SIDE: Final = 21
"""Version 1 at a pixel a module; a smaller image holds no QR code."""

_WHITE: Final = 255


@dataclass(frozen=True, slots=True)
class Scan:
    """A QR code that was found in an image.

    Attributes:
        text: What it says. It is the holder's pass and is left out of the `repr`.
        mode: The mode of all its segments, or `Mode.MIXED`, `Mode.EMPTY` or `Mode.UNKNOWN`.
        segment_modes: The modes of its segments in their order.
        error_level: The level of error correction.
        version: The size of the symbol, 1 to 40.
        frame: The frame (page) of the image in which it was found, counted from 0.

    """

    text: str = field(repr=False)
    mode: Mode
    segment_modes: tuple[Mode, ...]
    error_level: ErrorLevel
    version: int
    frame: int = 0

    @property
    def deviations(self) -> tuple[Deviation, ...]:
        """``qr.mode`` where the code is not alphanumeric throughout, or its mode unknown (Q2)."""
        if self.mode is Mode.ALPHANUMERIC:
            return ()
        if self.mode is Mode.UNKNOWN:
            note = "the mode of the QR code could not be determined"
        else:
            found = ", ".join(dict.fromkeys(self.segment_modes)) or "no"
            note = f"the QR code has {found} segments where alphanumeric is asked for"
        return (Deviation("qr.mode", "", note),)


def scan(
    image: bytes | str | os.PathLike[str] | BinaryIO | Image.Image,
    *,
    max_bytes: int = MAX_BYTES,
    max_pixels: int = MAX_PIXELS,
) -> tuple[Scan, ...]:
    """Read every QR code in `image`, frame by frame, in the order they are found.

    `image` is the content of a file (`bytes`), its path, an open binary file, or a Pillow image.
    PNG, JPEG, GIF, BMP, WebP, TIFF and PPM are opened, every page of a PDF, and an SVG that
    `Qr.svg` made. Rotated, mirrored and light-on-dark codes are read. A frame is first read as it
    is, and prepared otherwise only where nothing was found. A large frame with very many edges is
    searched at a smaller size, so that the time is bounded.

    `max_bytes` bounds the file and `max_pixels` the pixels of all frames together, both inclusive.
    An image has at most 65 535 pixels a side, 100 frames and 100 codes. A PDF has at most 50 pages,
    of which each may take 10 seconds to draw; its pages are drawn at a resolution that is chosen
    here, so that `max_pixels` does not bound them.

    Raises:
        ScanError: The image cannot be opened or exceeds a bound, or no QR code can be read in it.
        TypeError: `image` is of another type, or a bound is not an int.
        MissingExtraError: Pillow, zxing-cpp or pypdfium2 is not installed.
        OSError: The path cannot be read.

    """
    bounds: dict[str, object] = {"max_bytes": max_bytes, "max_pixels": max_pixels}
    for name, bound in bounds.items():
        if not isinstance(bound, int) or isinstance(bound, bool):
            raise TypeError(f"{name} must be an int, got {type(bound).__name__}")
    found: list[Scan] = []
    for index, barcodes in enumerate(_of_frames(_content(image, max_bytes), max_pixels)):
        if len(found) + len(barcodes) > MAX_CODES:
            raise ScanError("image-too-large", f"the image has more than {MAX_CODES} QR codes")
        found += [_described(barcode, index) for barcode in barcodes]
    if not found:
        raise ScanError("not-found", "no QR code can be read in the image")
    return tuple(found)


def _content(
    image: bytes | str | os.PathLike[str] | BinaryIO | Image.Image, max_bytes: int
) -> bytes | Image.Image:
    """Return the bytes of a file, bounded; a Pillow image as it is."""
    try:
        from PIL import Image
    except ImportError as missing:
        raise MissingExtraError("qr", "pillow") from missing
    if isinstance(image, Image.Image):
        return image
    if isinstance(image, bytes):
        content = image
    elif isinstance(image, str | os.PathLike):
        with open(image, "rb") as file:
            content = file.read(max_bytes + 1)
    elif hasattr(image, "read"):
        content = image.read(max_bytes + 1)
    else:
        raise TypeError(f"image must be bytes, a path or an open file, got {type(image).__name__}")
    if not isinstance(content, bytes):
        raise TypeError("image must be a file that is open as binary, not as text")
    if len(content) > max_bytes:
        raise ScanError("image-too-large", f"the image has more than {max_bytes} bytes")
    return content


def _of_frames(content: bytes | Image.Image, max_pixels: int) -> Iterator[list[Barcode]]:
    """Yield the codes of each frame or page."""
    if not isinstance(content, bytes):
        yield from map(_barcodes, _frames(content, max_pixels))
        return
    kind = kind_of(content[:HEAD])
    if kind.read_as == "pdf":
        with kinds.opened(content) as pages:
            for index in range(pages.count):
                looks = (pages.picture(index, dpi) for dpi in kinds.RESOLUTIONS)
                full = itertools.takewhile(_has_edges, looks)
                yield next(filter(None, map(_barcodes, full)), [])
    elif kind.read_as == "svg":
        yield from map(_barcodes, _frames(_opened(kinds.picture(content), kind), max_pixels))
    else:
        yield from map(_barcodes, _frames(_opened(content, kind), max_pixels))


def _opened(content: bytes, kind: Kind) -> Image.Image:
    from PIL import Image

    try:
        return Image.open(BytesIO(content), formats=_FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as bomb:
        raise ScanError("image-too-large", "the image has too many pixels") from bomb
    except Exception as unreadable:  # Pillow's decoders raise nearly anything on hostile bytes
        if kind.read_as == "image":
            raise _unreadable() from unreadable
        raise ScanError(
            "image-unreadable", f"this is {kind.title}, and not a picture"
        ) from unreadable


def _frames(image: Image.Image, max_pixels: int) -> Iterator[Image.Image]:
    """Yield the frames as greyscale images; a caller's own image is left on the frame it was on."""
    start = image.tell()
    left = max_pixels
    try:
        index = 0
        while index == 0 or _sought(image, index):
            left -= image.width * image.height
            if left < 0:
                raise ScanError("image-too-large", f"the image has more than {max_pixels} pixels")
            if max(image.size) > MAX_SIDE:
                raise ScanError("image-too-large", f"a side has more than {MAX_SIDE} pixels")
            if index == MAX_FRAMES:
                raise ScanError("image-too-large", f"the image has more than {MAX_FRAMES} frames")
            yield _grey(image)
            index += 1
    finally:
        _sought(image, start)


def _sought(image: Image.Image, index: int) -> bool:
    try:
        image.seek(index)
    except EOFError:
        return False
    except Exception as unreadable:
        raise _unreadable() from unreadable
    return True


def _grey(image: Image.Image) -> Image.Image:
    """Return the frame in 256 greys; what is transparent becomes white, as on paper."""
    from PIL import Image

    try:
        if image.has_transparency_data:
            colours = image if image.mode in ("LA", "RGBA") else image.convert("RGBA")
            page = Image.new("L", image.size, _WHITE)
            page.paste(colours.convert("L"), mask=colours.getchannel("A"))
            return page
        if image.mode in ("I", "F") or image.mode.startswith("I;16"):
            return _spread(image.convert("F"))
        return image.convert("L")
    except Exception as unreadable:
        raise _unreadable() from unreadable


def _spread(image: Image.Image) -> Image.Image:
    """Return an image of deep greys with 0 as its darkest and 255 as its lightest."""
    extrema = image.getextrema()
    darkest, lightest = (float(value) for value in extrema if not isinstance(value, tuple))
    span = lightest - darkest or 1.0
    return image.point(lambda value: value * (255 / span) - darkest * (255 / span)).convert("L")


def _barcodes(grey: Image.Image) -> list[Barcode]:
    try:
        import zxingcpp
    except ImportError as missing:
        raise MissingExtraError("qr", "zxing-cpp") from missing
    if min(grey.size) < _SMALLEST_SIDE:
        return []
    for prepared, binarizer in _preparations(grey):
        found = zxingcpp.read_barcodes(
            prepared,
            formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCodeModel2),
            text_mode=zxingcpp.TextMode.Plain,
            binarizer=binarizer,
        )
        if found:
            return found
    return []


def _preparations(grey: Image.Image) -> Iterator[tuple[Image.Image, Binarizer]]:
    """Yield the image as it is, then what helps against cut margins, small modules and noise."""
    from PIL import Image, ImageFilter, ImageOps
    from zxingcpp import Binarizer

    grey = _searchable(grey)
    yield grey, Binarizer.LocalAverage
    grey = ImageOps.contain(grey, (_SECOND_LOOK_SIDE,) * 2) if _is_large(grey) else grey
    framed = ImageOps.expand(grey, _MARGIN, _WHITE)
    yield framed, Binarizer.LocalAverage
    yield framed, Binarizer.GlobalHistogram
    factor = min(_UPSCALED_SIDE // max(grey.size), _MAX_UPSCALING)
    if factor >= 2:
        size = (grey.width * factor, grey.height * factor)
        larger = grey.resize(size, Image.Resampling.BICUBIC)
        framed = ImageOps.expand(larger, _MARGIN * factor, _WHITE)
        yield framed, Binarizer.LocalAverage
    yield framed.filter(ImageFilter.MedianFilter(3)), Binarizer.LocalAverage
    yield framed.filter(ImageFilter.GaussianBlur(2)), Binarizer.LocalAverage


def _is_large(image: Image.Image) -> bool:
    return max(image.size) > _SECOND_LOOK_SIDE


def _searchable(grey: Image.Image) -> Image.Image:
    """Return the picture at the largest size, halved as often as needed, that is not too busy."""
    while max(grey.size) > _ALWAYS_SEARCHED and _edges(grey) > MAX_EDGES:
        grey = grey.reduce(2)
    return grey


def _has_edges(grey: Image.Image) -> bool:
    """Return whether a page can hold a code at all: a blank one need not be searched."""
    return min(grey.size) >= _SMALLEST_SIDE and _edges(grey) >= _FEWEST_EDGES


def _edges(grey: Image.Image) -> int:
    """Return how many neighbours in the rows differ visibly."""
    from PIL import ImageChops

    width, height = grey.size
    left, right = grey.crop((0, 0, width - 1, height)), grey.crop((1, 0, width, height))
    return sum(ImageChops.difference(left, right).histogram()[_EDGE:])


def _described(barcode: Barcode, frame: int) -> Scan:
    modules = modules_of(barcode)  # as zxing-cpp sampled them, before its error correction
    parts = _segments(modules, barcode.bytes)
    return Scan(
        text=barcode.text,
        mode=Mode.UNKNOWN if parts is None else whole_mode(parts),
        segment_modes=() if parts is None else tuple(part.mode for part in parts),
        error_level=cast("ErrorLevel", barcode.ec_level),
        version=(len(modules) - 17) // 4,
        frame=frame,
    )


def _segments(modules: Modules, content: bytes) -> tuple[Segment, ...] | None:
    """Return the segments, or None unless they say exactly what zxing-cpp read."""
    try:
        parts = segments(data_codewords(modules), (len(modules) - 17) // 4)
    except (SymbolError, SegmentError):
        return None
    return parts if b"".join(part.content for part in parts) == content else None


def _unreadable() -> ScanError:
    return ScanError("image-unreadable", "the image cannot be opened")
