"""Passes as people meet them: QR codes drawn and read.

`qr` draws a pass's text, `scan` reads the codes in an image. Both need the extra ``coronapas[qr]``,
and only when they are called: importing this room loads none of its packages.
"""

from coronapas.presentation.qr import ErrorLevel, Qr, qr
from coronapas.presentation.scanning import Scan, scan
from coronapas.presentation.segments import Mode
from coronapas.presentation.size import SizeReport

__all__ = ["ErrorLevel", "Mode", "Qr", "Scan", "SizeReport", "qr", "scan"]
