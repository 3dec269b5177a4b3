"""Passes as people meet them: QR codes drawn and read, and sheets of paper.

`qr` draws a text, `scan` reads the codes in an image or a PDF, `kind_of` says what a file is, and
`Paper` prints a pass on a sheet of A4. Drawing and reading need the extra ``qr``, printing the
extra ``paper`` too, and only when they are called: importing this room loads none of their
packages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coronapas import _lazy

if TYPE_CHECKING:
    from coronapas.presentation._kinds import HEAD as KIND_HEAD
    from coronapas.presentation._kinds import Kind as Kind
    from coronapas.presentation._kinds import kind_of as kind_of
    from coronapas.presentation._paper import MAX_TEXT as MAX_PAPER_TEXT
    from coronapas.presentation._paper import MAX_VALUE as MAX_PAPER_VALUE
    from coronapas.presentation._paper import QR_MM as PAPER_QR_MM
    from coronapas.presentation._paper import SHEETS as SHEETS
    from coronapas.presentation._paper import Paper as Paper
    from coronapas.presentation._paper import Sheet as Sheet
    from coronapas.presentation._qr import ADVISED_DIAGONAL_MM as ADVISED_DIAGONAL_MM
    from coronapas.presentation._qr import DEFAULT_DIAGONAL_MM as DEFAULT_DIAGONAL_MM
    from coronapas.presentation._qr import FORMS as FORMS
    from coronapas.presentation._qr import Form as Form
    from coronapas.presentation._qr import Qr as Qr
    from coronapas.presentation._qr import SizeReport as SizeReport
    from coronapas.presentation._qr import form_of as form_of
    from coronapas.presentation._qr import module_for_diagonal as module_for_diagonal
    from coronapas.presentation._qr import qr as qr
    from coronapas.presentation._scan import MAX_BYTES as MAX_BYTES
    from coronapas.presentation._scan import Scan as Scan
    from coronapas.presentation._scan import scan as scan
    from coronapas.presentation._symbol import ErrorLevel as ErrorLevel
    from coronapas.presentation._symbol import Mode as Mode
    from coronapas.presentation._symbol import Modules as Modules

    # Names that differ from those in their modules are exported to type checkers by this alone.
    __all__ = ["KIND_HEAD", "MAX_PAPER_TEXT", "MAX_PAPER_VALUE", "PAPER_QR_MM"]
else:
    __getattr__, __dir__, __all__ = _lazy.attach(
        __name__,
        {
            "_kinds": "KIND_HEAD=HEAD Kind kind_of",
            "_paper": (
                "MAX_PAPER_TEXT=MAX_TEXT MAX_PAPER_VALUE=MAX_VALUE PAPER_QR_MM=QR_MM Paper "
                "SHEETS Sheet"
            ),
            "_qr": (
                "FORMS Form Qr form_of qr ADVISED_DIAGONAL_MM DEFAULT_DIAGONAL_MM SizeReport "
                "module_for_diagonal"
            ),
            "_scan": "MAX_BYTES Scan scan",
            "_symbol": "ErrorLevel Mode Modules",
        },
    )
