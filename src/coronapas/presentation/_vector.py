"""Read back the SVG drawings that `coronapas.presentation.Qr.svg` makes, module by module.

There is no reader of SVG in general here: what is not drawn exactly so is refused.
"""

from __future__ import annotations

import re
from typing import Final

from coronapas.errors import ScanError

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
