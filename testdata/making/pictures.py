"""Pictures of QR codes: a good one, one that is torn, and one in another mode (ISO/IEC 18004)."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from typing import Final

import segno

from coronapas.presentation import qr

_SCALE: Final = 2


def good(text: str) -> bytes:
    """The QR code as it should be."""
    return qr(text).png(scale=_SCALE)


def torn(text: str) -> bytes:
    """The upper half of the code alone, far more gone than error correction makes good."""
    code = qr(text)
    half = code.side // 2
    blank = (False,) * code.side
    rows = tuple(row if place < half else blank for place, row in enumerate(code.modules))
    return replace(code, modules=rows).png(scale=_SCALE)


def in_byte_mode(text: str) -> bytes:
    """The same text in the mode for bytes: a denser symbol than need be."""
    file = BytesIO()
    segno.make_qr(text, error="M", mode="byte", boost_error=False).save(
        file, kind="png", scale=_SCALE
    )
    return file.getvalue()
