"""Draw a pass as a QR code: as SVG, as PNG, on a terminal.

hcert-spec 1.0.8, QR code, and ISO/IEC 18004: alphanumeric mode always, error correction level Q as
recommended, a quiet zone of four modules. The encoding is segno's (extra ``coronapas[qr]``); the
drawing needs nothing else, so that a server that only issues loads no image decoder.
"""

from __future__ import annotations

import html
import math
import struct
import zlib
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

from coronapas.errors import Fault, MissingExtraError, QrError
from coronapas.presentation._size import (
    DEFAULT_DIAGONAL_MM,
    MM_PER_INCH,
    SizeReport,
    module_for_diagonal,
    scale_for_diagonal,
)

ErrorLevel = Literal["L", "M", "Q", "H"]
"""ISO/IEC 18004's levels of error correction: about 7, 15, 25 and 30 % may be lost."""

ALPHABET: Final = frozenset("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:")
"""The 45 characters of the alphanumeric mode (ISO/IEC 18004, table 5)."""

AUTO_LEVELS: Final[tuple[ErrorLevel, ...]] = ("Q", "M", "L")
"""What ``error="auto"`` tries, in this order."""

MAX_BORDER: Final = 100
"""The widest quiet zone that is drawn, in modules."""

MAX_PNG_SIDE: Final = 20_000
"""The largest PNG that is made, in pixels a side."""

BACKGROUNDS: Final = ("any", "dark", "light")
"""The terminals that `Qr.terminal` draws for."""

_RESET: Final = "\x1b[0m"
_BLACK_ON_WHITE: Final = "\x1b[38;5;16;48;5;231m"


@dataclass(frozen=True, slots=True)
class Qr:
    """One QR code, ready to be drawn.

    `version` is 1 to 40, `error` the level of error correction that was used, `border` the quiet
    zone in modules, `modules` the symbol row by row, True being dark, without the quiet zone. The
    modules are the pass in full and do not show in the `repr`.
    """

    version: int
    error: ErrorLevel
    border: int
    modules: tuple[tuple[bool, ...], ...] = field(repr=False)

    @property
    def mode(self) -> Literal["alphanumeric"]:
        """The mode of the one segment: passes are always written in alphanumeric mode."""
        return "alphanumeric"

    @property
    def side(self) -> int:
        """The modules a side, without the quiet zone: 21 (version 1) to 177 (version 40)."""
        return len(self.modules)

    def size_report(
        self, *, module_mm: float | None = None, dpi: float | None = None, scale: int | None = None
    ) -> SizeReport:
        """Tell the size in millimetres against the advised 35 to 60 mm.

        Give either `module_mm`, the side of a module in millimetres, or `dpi` and `scale`, the
        printer's dots an inch and the whole dots (pixels of `png`) a module. Raises QrError when it
        is neither of the two, or a number or the size that follows is not finite and above zero;
        TypeError for what is no number.
        """
        if module_mm is not None and dpi is None and scale is None:
            return self._sized(_positive("module_mm", module_mm), None, "module_mm")
        if module_mm is None and dpi is not None and scale is not None:
            dots = _positive("scale", _whole("scale", scale))
            resolution = _positive("dpi", dpi)
            return self._sized(dots * MM_PER_INCH / resolution, resolution, "dpi")
        raise _fault(
            "size", "ambiguous", "The size is not told in one way.",
            "Give `module_mm`, or `dpi` together with `scale`.",
        )  # fmt: skip

    def _sized(self, module_mm: float, dpi: float | None, cause: str) -> SizeReport:
        """The report; a module of a size that is one may still make a symbol beyond all numbers."""
        report = SizeReport(self.side, self.border, module_mm, dpi)
        _positive(cause, report.diagonal_with_border_mm)
        return report

    def scale_for(self, *, dpi: float, diagonal_mm: float = DEFAULT_DIAGONAL_MM) -> int:
        """Tell the `scale` of `png` whose symbol comes nearest to a diagonal when printed at `dpi`.

        `dpi` is the printer's dots an inch; `diagonal_mm` is without the quiet zone, by default the
        middle of the advised 35 to 60 mm. Dots are whole, so that the size is met about; where the
        wish lies within the advice, so does the result if any whole number does. At least 1.
        Raises QrError when a number is not finite and above zero, TypeError for what is none.
        """
        resolution, wished = _positive("dpi", dpi), _positive("diagonal_mm", diagonal_mm)
        return scale_for_diagonal(self.side, wished, resolution)

    def svg(self, *, module_mm: float | None = None, label: str = "QR code") -> str:
        """Draw the symbol with its quiet zone as an SVG document, sized in millimetres.

        `module_mm` is the side of a module; without it the symbol's diagonal is 47.5 mm, the middle
        of the advised range. `label` is what a screen reader says. Raises QrError when `module_mm`
        or the side that follows is not finite and above zero, or the label is not printable;
        TypeError when `module_mm` is no number or the label no text.
        """
        if not _text("label", label).isprintable():
            raise _fault("label", "not-printable", "It is no text.", "Give a line of plain text.")
        if module_mm is None:
            module_mm = module_for_diagonal(self.side, DEFAULT_DIAGONAL_MM)
        whole = self.side + 2 * self.border
        length = f"{self.size_report(module_mm=module_mm).side_with_border_mm:.4f}mm"
        runs = "".join(
            f"M{self.border + start} {self.border + y}h{end - start}v1h-{end - start}z"
            for y, row in enumerate(self.modules)
            for start, end in _dark_runs(row)
        )
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{length}" height="{length}" '
            f'viewBox="0 0 {whole} {whole}" shape-rendering="crispEdges" role="img" '
            f'aria-label="{html.escape(label)}">'
            f'<path fill="#fff" d="M0 0h{whole}v{whole}h-{whole}z"/>'
            f'<path fill="#000" d="{runs}"/></svg>'
        )

    def png(self, *, scale: int = 8, dpi: float | None = None) -> bytes:
        """Draw the symbol with its quiet zone as a black-and-white PNG of `scale` pixels a module.

        `dpi` (dots an inch), when given, is written into the file, so that it prints at the size
        that `size_report` tells; the file counts in whole dots a metre. Raises QrError when `scale`
        is below 1, the image would have more than 20 000 pixels a side, or `dpi` is not finite and
        above zero; TypeError when `scale` is no whole number or `dpi` no number.
        """
        side = (self.side + 2 * self.border) * _whole("scale", scale)
        if scale < 1 or side > MAX_PNG_SIDE:
            raise _fault(
                "scale", "out-of-range", "The image would have no pixels, or too many.",
                f"Choose a scale that gives 1 to {MAX_PNG_SIDE} pixels a side.",
            )  # fmt: skip
        lines = (b"\0" + _packed(row, scale) for row in self._framed())
        chunks = [(b"IHDR", struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0))]
        if dpi is not None:
            per_metre = _positive("dpi", dpi) / MM_PER_INCH * 1000
            dots_per_metre = max(1, round(min(per_metre, 2**31 - 1)))
            chunks.append((b"pHYs", struct.pack(">IIB", dots_per_metre, dots_per_metre, 1)))
        chunks.append((b"IDAT", zlib.compress(b"".join(line * scale for line in lines), 9)))
        chunks.append((b"IEND", b""))
        return b"\x89PNG\r\n\x1a\n" + b"".join(
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
            for name, body in chunks
        )

    def terminal(self, *, background: Literal["any", "dark", "light"] = "any") -> str:
        """Draw the symbol with its quiet zone for a terminal, two modules to a character.

        ``any`` sets the colours itself (ANSI, 256 colours) and so reads on dark and on light
        terminals. ``dark`` and ``light`` are plain text without colours, right for terminals with
        that background alone. Every line ends with a newline. Raises QrError for another
        background.
        """
        if background not in BACKGROUNDS:
            raise _fault(
                "background", "unknown", "No such background.", "Choose any, dark or light."
            )
        rows = [[not dark for dark in row] for row in self._framed()]
        rows.append([True] * len(rows[0]))  # every symbol has an odd number of rows
        ink_is_light = background == "dark"
        glyphs = {
            (upper, lower): " ▀▄█"[(upper is ink_is_light) + 2 * (lower is ink_is_light)]
            for upper in (False, True)
            for lower in (False, True)
        }
        before, after = (_BLACK_ON_WHITE, _RESET) if background == "any" else ("", "")
        return "".join(
            before + "".join(map(glyphs.__getitem__, zip(*pair, strict=True))) + after + "\n"
            for pair in zip(rows[::2], rows[1::2], strict=True)
        )

    def _framed(self) -> list[tuple[bool, ...]]:
        edge = (False,) * self.border
        blank = (False,) * (self.side + 2 * self.border)
        margin = [blank] * self.border
        return [*margin, *(edge + row + edge for row in self.modules), *margin]


def qr(
    text: str,
    *,
    error: ErrorLevel | Literal["auto"] = "Q",
    border: int = 4,
    max_version: int = 40,
) -> Qr:
    """Make the QR code of `text`, which must be alphanumeric as a pass's text is.

    `error` is the level of error correction, used as it is: nothing is lowered or raised silently.
    ``auto`` takes the first of Q, M and L at which the text fits. `border` is the quiet zone in
    modules, 0 to 100 (ISO/IEC 18004 asks for 4). `max_version` (1 to 40) bounds the symbol, for a
    coarser symbol is easier to scan.

    Raises QrError for a text that is empty, not alphanumeric or too long, saying what is wrong and
    where, never the text, and for a setting outside its bounds; TypeError for a text that is none,
    and a border or version that is no whole number; MissingExtraError where segno is not installed.
    """
    _check_arguments(error, border, max_version)
    _check_text(text)
    for level in AUTO_LEVELS if error == "auto" else (error,):
        symbol = _encode(text, level, border)
        if symbol is not None and symbol.version <= max_version:
            return symbol
    raise _fault(
        "text",
        "too-long",
        f"{len(text)} characters do not fit into version {max_version} at level {error}.",
        "Shorten the pass, raise `max_version`, or allow a lower level with error='auto'."
        if error != "auto"
        else "Shorten the pass or raise `max_version`.",
    )


def _encode(text: str, level: ErrorLevel, border: int) -> Qr | None:
    try:
        import segno
    except ImportError as missing:
        raise MissingExtraError("qr", "segno") from missing
    try:
        code = segno.make_qr(text, error=level, mode="alphanumeric", boost_error=False)
    except segno.DataOverflowError:
        return None
    modules = tuple(tuple(map(bool, row)) for row in code.matrix)
    return Qr((len(modules) - 17) // 4, level, border, modules)


def _check_arguments(error: str, border: int, max_version: int) -> None:
    if error not in (*get_args(ErrorLevel), "auto"):
        raise _fault("error", "unknown", "No such level.", "Choose L, M, Q, H or auto.")
    if not 0 <= _whole("border", border) <= MAX_BORDER:
        raise _fault(
            "border", "out-of-range", "The quiet zone cannot be drawn.",
            f"Choose 0 to {MAX_BORDER} modules; 4 is the standard's.",
        )  # fmt: skip
    if not 1 <= _whole("max_version", max_version) <= 40:
        raise _fault("max_version", "out-of-range", "No such version.", "Choose 1 to 40.")


def _check_text(text: str) -> None:
    if not _text("text", text):
        raise _fault("text", "empty", "There is nothing to encode.", "Give the pass's text.")
    for index, character in enumerate(text):
        if character not in ALPHABET:
            raise _fault(
                "text",
                "not-alphanumeric",
                f"Character {index + 1} of {len(text)} is {_kind(character)}, which the "
                "alphanumeric mode does not have.",
                "Give the pass's text as issued: its prefix and Base45, without line breaks.",
            )


def _kind(character: str) -> str:
    """Tell the kind of a character; the character itself may be the holder's."""
    if not character.isascii():
        return "not ASCII"
    if character.islower():
        return "a lower-case letter"
    return "white space or a control character" if character < " " else "punctuation"


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name} is a text (str), not {type(value).__name__}")
    return value


def _whole(name: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name} is a whole number (int), not {type(value).__name__}")
    return value


def _positive(name: str, value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise TypeError(f"{name} is a number (float or int), not {type(value).__name__}")
    try:
        number = float(value)
    except OverflowError:  # an int beyond all floats
        number = math.inf
    if not (math.isfinite(number) and number > 0):
        raise _fault(name, "out-of-range", "It is not a size.", "Give a finite number above zero.")
    return number


def _fault(name: str, code: str, problem: str, hint: str) -> QrError:
    return QrError([Fault(name, f"{name}.{code}", problem, hint)])


def _dark_runs(row: tuple[bool, ...]) -> list[tuple[int, int]]:
    """Return the dark stretches of a row as (first, past the last)."""
    pairs = zip((False, *row), (*row, False), strict=True)
    edges = [x for x, (left, right) in enumerate(pairs) if left != right]
    return list(zip(edges[::2], edges[1::2], strict=True))


def _packed(row: tuple[bool, ...], scale: int) -> bytes:
    """One line of a PNG with a bit a pixel, 1 being white, each module `scale` pixels wide."""
    bits = "".join(("0" if dark else "1") * scale for dark in row)
    width = -(-len(bits) // 8)
    return int(bits.ljust(width * 8, "0"), 2).to_bytes(width, "big")
