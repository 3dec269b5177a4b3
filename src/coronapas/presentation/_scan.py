"""Read the QR codes in an image: their text, and how each of them was written.

hcert-spec 1.0.8, QR code; checks Q1 (a code that cannot be read) and Q2 (another mode than
alphanumeric) of the EU's basic list. zxing-cpp finds and reads the codes, Pillow opens the image
(extra ``coronapas[qr]``). zxing-cpp does not tell the mode; it is read from the modules it saw.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO, Final, cast

from coronapas.errors import MissingExtraError, ScanError
from coronapas.presentation._segments import (
    Mode,
    Segment,
    SegmentError,
    segments,
    whole_mode,
)
from coronapas.presentation._symbol import SymbolError, data_codewords
from coronapas.tolerances import Deviation

if TYPE_CHECKING:
    from PIL import Image
    from zxingcpp import Barcode, Binarizer

MAX_BYTES: Final = 32 * 1024 * 1024
"""The largest file that is opened, in bytes."""

MAX_PIXELS: Final = 60_000_000
"""The most pixels that are unpacked, over all frames of an image."""

MAX_FRAMES: Final = 100
"""The most frames (pages) of one image."""

_FORMATS: Final = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM")
"""What is opened. Pillow knows more, some of which run other programmes or are rarely tested."""

MAX_CODES: Final = 100
"""The most QR codes of one image."""

_MARGIN: Final = 16
_SECOND_LOOK_SIDE: Final = 2000
_UPSCALED_SIDE: Final = 1200
_MAX_UPSCALING: Final = 4
_SMALLEST_SIDE: Final = 21
"""Version 1 at a pixel a module; a smaller image holds no QR code."""

_WHITE: Final = 255


@dataclass(frozen=True, slots=True)
class Scan:
    """One QR code that was found in an image.

    `text` is what it says (not shown in the `repr`: it is the holder's pass). `version` is 1 to 40,
    `error_level` one of L, M, Q, H. `mode` is the mode of all its segments, `Mode.MIXED` where they
    differ; `segment_modes` names them in order. `frame` counts the image's frames from 0.
    """

    text: str = field(repr=False)
    mode: Mode
    segment_modes: tuple[Mode, ...]
    error_level: str
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
    PNG, JPEG, GIF, BMP, WebP, TIFF and PPM are opened. Rotated, mirrored and light-on-dark codes
    are read. A frame is first read as it is, and prepared otherwise only where nothing was found.

    `max_bytes` bounds the file, `max_pixels` the pixels of all frames together, both inclusive; an
    image has at most 100 frames and 100 codes. Raises ScanError for an image that is too large or
    cannot be opened, and where no QR code can be read in any frame; TypeError where `image` is none
    of these kinds, or a bound no whole number; MissingExtraError where Pillow or zxing-cpp is not
    installed; OSError where the path cannot be read.
    """
    bounds: dict[str, object] = {"max_bytes": max_bytes, "max_pixels": max_pixels}
    for name, bound in bounds.items():
        if not isinstance(bound, int) or isinstance(bound, bool):
            raise TypeError(f"{name} is a whole number (int), not {type(bound).__name__}")
    found: list[Scan] = []
    for index, frame in enumerate(_frames(_opened(image, max_bytes), max_pixels)):
        barcodes = _barcodes(frame)
        if len(found) + len(barcodes) > MAX_CODES:
            raise ScanError("image-too-large", f"the image has more than {MAX_CODES} QR codes")
        found += [_described(barcode, index) for barcode in barcodes]
    if not found:
        raise ScanError("not-found", "no QR code can be read in the image")
    return tuple(found)


def _opened(
    image: bytes | str | os.PathLike[str] | BinaryIO | Image.Image, max_bytes: int
) -> Image.Image:
    from io import BytesIO

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
        raise TypeError(f"an image is bytes, a path or an open file, not {type(image).__name__}")
    if not isinstance(content, bytes):
        raise TypeError("the file is open as text; open it as binary")
    if len(content) > max_bytes:
        raise ScanError("image-too-large", f"the image has more than {max_bytes} bytes")
    try:
        return Image.open(BytesIO(content), formats=_FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as bomb:
        raise ScanError("image-too-large", "the image has too many pixels") from bomb
    except Exception as unreadable:  # Pillow's decoders raise nearly anything on hostile bytes
        raise _unreadable() from unreadable


def _frames(image: Image.Image, max_pixels: int) -> Iterator[Image.Image]:
    """Yield the frames as greyscale images; a caller's own image is left on the frame it was on."""
    start = image.tell()
    left = max_pixels
    try:
        index = 0
        while index == 0 or _sought(image, index):
            left -= image.width * image.height
            if left < 0 or index == MAX_FRAMES:
                raise ScanError("image-too-large", "the image has too many pixels or frames")
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
    """Turn the frame into 256 greys; what is transparent becomes white, as on paper."""
    from PIL import Image

    try:
        if image.has_transparency_data:
            colours = image.convert("RGBA")
            page = Image.new("RGBA", colours.size, "white")
            return Image.alpha_composite(page, colours).convert("L")
        if image.mode in ("I", "F") or image.mode.startswith("I;16"):
            return _spread(image.convert("F"))
        return image.convert("L")
    except Exception as unreadable:
        raise _unreadable() from unreadable


def _spread(image: Image.Image) -> Image.Image:
    """Make the darkest of an image of deep greys 0 and the lightest 255."""
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


def _described(barcode: Barcode, frame: int) -> Scan:
    modules = _modules(barcode)
    parts = _segments(modules, barcode.bytes)
    return Scan(
        text=barcode.text,
        mode=Mode.UNKNOWN if parts is None else whole_mode(parts),
        segment_modes=() if parts is None else tuple(part.mode for part in parts),
        error_level=barcode.ec_level,
        version=(len(modules) - 17) // 4,
        frame=frame,
    )


def _modules(barcode: Barcode) -> list[list[bool]]:
    """Return the modules as zxing-cpp sampled them, before its error correction."""
    drawn: Any = barcode.to_image(scale=1, add_quiet_zones=False)  # a buffer, which its stub omits
    rows: list[list[int]] = cast("Any", memoryview(drawn)).tolist()
    return [[value == 0 for value in row] for row in rows]


def _segments(modules: list[list[bool]], content: bytes) -> tuple[Segment, ...] | None:
    """Return the segments, or None unless they say exactly what zxing-cpp read."""
    try:
        parts = segments(data_codewords(modules), (len(modules) - 17) // 4)
    except (SymbolError, SegmentError):
        return None
    return parts if b"".join(part.content for part in parts) == content else None


def _unreadable() -> ScanError:
    return ScanError("image-unreadable", "the bytes are no image that can be opened")
