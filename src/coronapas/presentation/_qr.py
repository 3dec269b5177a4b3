"""Draw a pass as a QR code: as SVG, PNG or PDF, and on a terminal.

hcert-spec 1.0.8, QR code, and ISO/IEC 18004: alphanumeric mode always, error correction level Q as
recommended, a quiet zone of four modules. zxing-cpp makes the symbol, Pillow the PNG (extra
``qr``). zxing-cpp draws SVG too, but in pixels and without a label.
"""

from __future__ import annotations

import html
import math
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, get_args

from coronapas.errors import Fault, MissingExtraError, QrError
from coronapas.hcert._base45 import ALPHABET
from coronapas.presentation._symbol import ErrorLevel, Modules, symbol

# The printed size of a QR code, compared with the advised size.
#
# hcert-spec 1.0.8, QR code: a diagonal of 35 to 60 mm is recommended. It does not say whether the
# quiet zone counts; ISO/IEC 18004 calls the modules alone the symbol, so the symbol is what is
# judged here, and the size with the quiet zone is stated beside it.

ADVISED_DIAGONAL_MM: Final = (35.0, 60.0)
"""The recommended diagonal of the symbol in millimetres, both bounds inclusive."""

DEFAULT_DIAGONAL_MM: Final = sum(ADVISED_DIAGONAL_MM) / 2
"""The diagonal of a symbol, in millimetres, by default: the middle of the advice."""

MM_PER_INCH: Final = 25.4

_MOST_DOTS: Final = 10**9
_PRECISION: Final = 9
"""Decimals of a millimetre that count: the bounds stay inclusive in floating-point arithmetic."""


@dataclass(frozen=True, slots=True)
class SizeReport:
    """The printed size of a symbol.

    Attributes:
        modules: The modules a side, without the quiet zone.
        border: The width of the quiet zone on every side, in modules.
        module_mm: The side of a module in millimetres.
        dpi: The resolution in dots an inch, where the size was asked for by one.

    """

    modules: int
    border: int
    module_mm: float
    dpi: float | None = None

    @property
    def side_mm(self) -> float:
        """The side of the symbol in millimetres, without the quiet zone."""
        return self.modules * self.module_mm

    @property
    def diagonal_mm(self) -> float:
        """The diagonal of the symbol in millimetres, without the quiet zone."""
        return self.side_mm * math.sqrt(2)

    @property
    def side_with_border_mm(self) -> float:
        """The side in millimetres, quiet zone included: the room that the code takes on a page."""
        return (self.modules + 2 * self.border) * self.module_mm

    @property
    def diagonal_with_border_mm(self) -> float:
        """The diagonal in millimetres, quiet zone included."""
        return self.side_with_border_mm * math.sqrt(2)

    @property
    def smallest_module_mm(self) -> float:
        """The smallest module, in millimetres, at which the symbol meets the advice."""
        return module_for_diagonal(self.modules, ADVISED_DIAGONAL_MM[0])

    @property
    def largest_module_mm(self) -> float:
        """The largest module, in millimetres, at which the symbol meets the advice."""
        return module_for_diagonal(self.modules, ADVISED_DIAGONAL_MM[1])

    @property
    def scales(self) -> range:
        """The whole dots a module at `dpi` that meet the advice; empty where no number does."""
        if self.dpi is None:
            return range(0)
        dots_per_mm = self.dpi / MM_PER_INCH
        first = math.ceil(round(self.smallest_module_mm * dots_per_mm, _PRECISION))
        last = math.floor(round(self.largest_module_mm * dots_per_mm, _PRECISION))
        return range(first, last + 1)

    @property
    def meets_advice(self) -> bool:
        """Whether the symbol's diagonal lies within 35 to 60 mm, both inclusive."""
        smallest, largest = ADVISED_DIAGONAL_MM
        return smallest <= round(self.diagonal_mm, _PRECISION) <= largest

    def __str__(self) -> str:
        verdict = "within" if self.meets_advice else "outside"
        smallest, largest = ADVISED_DIAGONAL_MM
        return (
            f"module {self.module_mm:.3f} mm, diagonal {self.diagonal_mm:.1f} mm "
            f"({self.diagonal_with_border_mm:.1f} mm with the quiet zone), "
            f"{verdict} the advised {smallest:g} to {largest:g} mm"
        )


def module_for_diagonal(modules: int, diagonal_mm: float) -> float:
    """Return the module's side in mm at which `modules` a side have that diagonal in mm."""
    return diagonal_mm / (modules * math.sqrt(2))


def scale_for_diagonal(modules: int, diagonal_mm: float, dpi: float) -> int:
    """Return the whole dots a module, at least 1, that come nearest to a diagonal in mm at `dpi`.

    A diagonal within the advice stays within it where any whole number of dots does.
    """
    per_module = module_for_diagonal(modules, diagonal_mm) * (dpi / MM_PER_INCH)
    nearest = max(1, round(min(per_module, _MOST_DOTS)))
    smallest, largest = ADVISED_DIAGONAL_MM
    advised = SizeReport(modules, 0, module_for_diagonal(modules, diagonal_mm), dpi).scales
    if not advised or not smallest <= diagonal_mm <= largest:
        return nearest
    return min(max(nearest, advised.start), advised.stop - 1)


Form = Literal["svg", "png", "pdf", "terminal"]
"""What a QR code is drawn as; ``terminal`` is text."""

FORMS: Final[dict[str, Form]] = {".svg": "svg", ".png": "png", ".pdf": "pdf", ".txt": "terminal"}
"""The forms by the ending of a file's name, in lower case."""

DEFAULT_DPI: Final = 300.0
"""The resolution of a PNG, in dots an inch, where none is given."""

_ALPHABET: Final = frozenset(ALPHABET)

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
_POINTS_PER_MM: Final = 72 / MM_PER_INCH


@dataclass(frozen=True, slots=True)
class Qr:
    """A QR code, ready to be drawn.

    Attributes:
        version: The size of the symbol, 1 to 40: it has ``17 + 4 * version`` modules a side.
        error: The level of error correction.
        border: The width of the quiet zone on every side, in modules.
        modules: The symbol row by row without the quiet zone, True being dark. It is the whole pass
            and is left out of the `repr`.

    """

    version: int
    error: ErrorLevel
    border: int
    modules: Modules = field(repr=False)

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
        """Return the printed size, which compares itself with the advised 35 to 60 mm.

        Give either `module_mm`, the side of a module in millimetres, or `dpi` and `scale`, the
        printer's dots an inch and the whole dots (pixels of `png`) a module.

        Raises:
            QrError: Neither or both are given, or a number or the resulting size is not finite and
                above zero.
            TypeError: A value is not a number.

        """
        if module_mm is not None and dpi is None and scale is None:
            return self._sized(_positive("module_mm", module_mm), None, "module_mm")
        if module_mm is None and dpi is not None and scale is not None:
            dots = _positive("scale", _whole("scale", scale))
            resolution = _positive("dpi", dpi)
            return self._sized(dots * MM_PER_INCH / resolution, resolution, "dpi")
        raise _fault(
            "size", "ambiguous", "The size must be given in exactly one way.",
            "Give `module_mm`, or `dpi` together with `scale`.",
        )  # fmt: skip

    def _sized(self, module_mm: float, dpi: float | None, cause: str) -> SizeReport:
        """Return the report; a finite size of a module may still give an infinite symbol."""
        report = SizeReport(self.side, self.border, module_mm, dpi)
        _positive(cause, report.diagonal_with_border_mm)
        return report

    def scale_for(self, *, dpi: float, diagonal_mm: float = DEFAULT_DIAGONAL_MM) -> int:
        """Return the `scale` of `png`, at least 1, that comes nearest to a diagonal at `dpi`.

        `dpi` is the printer's dots an inch; `diagonal_mm` is without the quiet zone, by default the
        middle of the advised 35 to 60 mm. Dots are whole, so the size is approximate; a diagonal
        within the advice stays within it where any whole number of dots does. Raises QrError when a
        number is not finite and above zero, TypeError when it is not a number.
        """
        resolution, wished = _positive("dpi", dpi), _positive("diagonal_mm", diagonal_mm)
        return scale_for_diagonal(self.side, wished, resolution)

    def save(
        self,
        path: str | os.PathLike[str],
        *,
        diagonal_mm: float = DEFAULT_DIAGONAL_MM,
        dpi: float = DEFAULT_DPI,
    ) -> None:
        """Write the drawing that the ending of `path` names: .svg, .png, .pdf or .txt.

        An existing file is replaced. The sizes are those of `draw`. Raises QrError for another
        ending, OSError where the file cannot be written.
        """
        target = Path(path)
        target.write_bytes(self.draw(form_of(target), diagonal_mm=diagonal_mm, dpi=dpi))

    def draw(
        self, form: Form, *, diagonal_mm: float = DEFAULT_DIAGONAL_MM, dpi: float = DEFAULT_DPI
    ) -> bytes:
        """Return the drawing in a form, at a size.

        `diagonal_mm` is the diagonal without the quiet zone in millimetres, which ``terminal`` has
        no use for; `dpi` is the resolution of a ``png`` in dots an inch. ``terminal`` is drawn for
        dark ink on a light page, without colours, as it goes to files. Raises QrError when the
        form is unknown, or a number is not finite and above zero.
        """
        module_mm = module_for_diagonal(self.side, _positive("diagonal_mm", diagonal_mm))
        if form == "svg":
            return self.svg(module_mm=module_mm).encode()
        if form == "pdf":
            return self.pdf(module_mm=module_mm)
        if form == "png":
            return self.png(scale=self.scale_for(dpi=dpi, diagonal_mm=diagonal_mm), dpi=dpi)
        if form == "terminal":
            return self.terminal(background="light").encode()
        raise _fault("form", "unknown", "No such form.", f"Choose {', '.join(get_args(Form))}.")

    def svg(self, *, module_mm: float | None = None, label: str = "QR code") -> str:
        """Return the symbol with its quiet zone as an SVG document, sized in millimetres.

        `module_mm` is the side of a module; without it the symbol's diagonal is 47.5 mm, the middle
        of the advised range. `label` is what a screen reader says. Raises QrError when `module_mm`
        or the resulting side is not finite and above zero, or the label is not printable; TypeError
        when `module_mm` is not a number or the label not a string.
        """
        if not _text("label", label).isprintable():
            raise _fault(
                "label", "not-printable", "The label must be printable.",
                "Give a line of plain text.",
            )  # fmt: skip
        whole = self.side + 2 * self.border
        length = f"{self._side_mm(module_mm):.4f}mm"
        runs = "".join(f"M{x} {y}h{width}v1h-{width}z" for x, y, width in self._dark_runs())
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{length}" height="{length}" '
            f'viewBox="0 0 {whole} {whole}" shape-rendering="crispEdges" role="img" '
            f'aria-label="{html.escape(label)}">'
            f'<path fill="#fff" d="M0 0h{whole}v{whole}h-{whole}z"/>'
            f'<path fill="#000" d="{runs}"/></svg>'
        )

    def pdf(self, *, module_mm: float | None = None) -> bytes:
        """Return a PDF document of one page, which is the symbol with its quiet zone.

        It holds vectors (ISO 32000-1), and the same symbol gives the same bytes. `module_mm` and
        its errors are those of `svg`.
        """
        whole = self.side + 2 * self.border
        points = self._side_mm(module_mm) * _POINTS_PER_MM
        unit = f"{points / whole:.6f}"
        runs = "".join(f"{x} {y} {width} 1 re\n" for x, y, width in self._dark_runs())
        # One unit is a module, and the first row is on top; all runs are one path, without seams.
        drawing = (
            f"{unit} 0 0 -{unit} 0 {points:.4f} cm\n1 g\n0 0 {whole} {whole} re\nf\n0 g\n{runs}f\n"
        )
        return _pdf_document(
            "<</Type/Catalog/Pages 2 0 R>>",
            "<</Type/Pages/Kids[3 0 R]/Count 1>>",
            f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 {points:.4f} {points:.4f}]"
            "/Resources<<>>/Contents 4 0 R>>",
            f"<</Length {len(drawing)}>>\nstream\n{drawing}endstream",
        )

    def png(self, *, scale: int = 8, dpi: float | None = None) -> bytes:
        """Return the symbol with its quiet zone as a black-and-white PNG.

        `scale` is the pixels a module. `dpi` (dots an inch), when given, is written into the file,
        so that it prints at the size that `size_report` states; the file counts in whole dots a
        metre. Raises QrError when `scale` is below 1, the image would have more than 20 000 pixels
        a side, or `dpi` is not finite and above zero; TypeError when `scale` is not an int or `dpi`
        not a number; MissingExtraError where Pillow is not installed.
        """
        from io import BytesIO

        whole = self.side + 2 * self.border
        if _whole("scale", scale) < 1 or whole * scale > MAX_PNG_SIDE:
            raise _fault(
                "scale", "out-of-range", "The image would have no pixels, or too many.",
                f"Choose a scale that gives 1 to {MAX_PNG_SIDE} pixels a side.",
            )  # fmt: skip
        options = {} if dpi is None else {"dpi": (_png_dpi(dpi),) * 2}
        try:
            from PIL import Image
        except ImportError as missing:
            raise MissingExtraError("qr", "pillow") from missing
        pixels = bytes(0 if dark else 255 for row in self._framed() for dark in row)
        image = Image.frombytes("L", (whole, whole), pixels).convert("1")
        content = BytesIO()
        larger = image.resize((whole * scale,) * 2, Image.Resampling.NEAREST)
        larger.save(content, "PNG", optimize=True, **options)
        return content.getvalue()

    def terminal(
        self,
        *,
        background: Literal["any", "dark", "light"] = "any",
        columns: int | None = None,
    ) -> str:
        """Return the symbol with its quiet zone as lines of characters for a terminal.

        A character holds one module by two (half blocks), so that a line has as many columns as the
        symbol has modules a side. Where `columns` is less, a character holds two modules by three
        (sextants: Unicode 13, in most terminals' fonts), in half as many columns.

        ``any`` sets the colours itself (ANSI, 256 colours) and so reads on dark and on light
        terminals. ``dark`` and ``light`` are plain text without colours, right for terminals with
        that background alone. Every line ends with a newline. Raises QrError for another
        background, and for fewer columns than the sextants need (``columns.too-few``).
        """
        if background not in BACKGROUNDS:
            raise _fault(
                "background", "unknown", "No such background.", "Choose any, dark or light."
            )
        rows = self._framed()
        width, height, glyphs = 1, 2, _HALF_BLOCKS
        if columns is not None and _whole("columns", columns) < len(rows):
            width, height, glyphs = 2, 3, _SEXTANTS
            needed = -(-len(rows) // 2)
            if columns < needed:
                raise _fault(
                    "columns", "too-few",
                    f"The QR code needs {needed} columns, and there are {columns}.",
                    f"Widen the terminal to {needed} columns, or draw a picture.",
                )  # fmt: skip
        ink_is_light = background == "dark"
        whole = len(rows)
        places = [
            [(x + dx, y + dy) for dy in range(height) for dx in range(width)]
            for y in range(0, whole, height)
            for x in range(0, whole, width)
        ]
        # What a character holds beyond the quiet zone is light, too.
        drawn = "".join(
            glyphs[
                sum(
                    ((x < whole and y < whole and rows[y][x]) != ink_is_light) << place
                    for place, (x, y) in enumerate(cell)
                )
            ]
            for cell in places
        )
        before, after = (_BLACK_ON_WHITE, _RESET) if background == "any" else ("", "")
        length = -(-whole // width)
        return "".join(
            before + drawn[start : start + length] + after + "\n"
            for start in range(0, len(drawn), length)
        )

    def _side_mm(self, module_mm: float | None) -> float:
        """Return the side in mm, quiet zone included, by default of a diagonal of 47.5 mm."""
        if module_mm is None:
            module_mm = module_for_diagonal(self.side, DEFAULT_DIAGONAL_MM)
        return self.size_report(module_mm=module_mm).side_with_border_mm

    def _dark_runs(self) -> list[tuple[int, int, int]]:
        """Return the dark stretches as (column, row, width), the quiet zone included."""
        runs = []
        for y, row in enumerate(self.modules):
            pairs = zip((False, *row), (*row, False), strict=True)
            edges = [x for x, (left, right) in enumerate(pairs) if left != right]
            for start, end in zip(edges[::2], edges[1::2], strict=True):
                runs.append((self.border + start, self.border + y, end - start))
        return runs

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
    """Return the QR code of `text`, which must be alphanumeric as a pass's text is.

    `error` is the level of error correction, used as it is: nothing is lowered or raised silently.
    ``auto`` takes the first of Q, M and L at which the text fits. `border` is the quiet zone in
    modules, 0 to 100 (ISO/IEC 18004 asks for 4). `max_version` (1 to 40) bounds the symbol: a
    coarser symbol is easier to scan.

    Raises:
        QrError: The text is empty, not alphanumeric or too long (the error says what is wrong and
            where, and never repeats the text), or a setting is outside its bounds.
        TypeError: The text is not a string, or the border or version not an int.
        MissingExtraError: zxing-cpp is not installed.

    """
    _check_arguments(error, border, max_version)
    _check_text(text)
    for level in AUTO_LEVELS if error == "auto" else (error,):
        code = _encode(text, level, border)
        if code is not None and code.version <= max_version:
            return code
    raise _fault(
        "text",
        "too-long",
        f"{len(text)} characters do not fit into version {max_version} at level {error}.",
        "Shorten the pass, raise `max_version`, or allow a lower level with error='auto'."
        if error != "auto"
        else "Shorten the pass or raise `max_version`.",
    )


def form_of(path: str | os.PathLike[str]) -> Form:
    """Return the form that the ending of a file's name stands for, whatever its case.

    Raises QrError (``path.unknown-ending``) for an ending that is not one of `FORMS`.
    """
    ending = Path(path).suffix.lower()
    if ending not in FORMS:
        raise _fault(
            "path", "unknown-ending", "The ending of the file's name stands for no drawing.",
            f"Choose {', '.join(FORMS)}.",
        )  # fmt: skip
    return FORMS[ending]


def _encode(text: str, level: ErrorLevel, border: int) -> Qr | None:
    modules = symbol(text, level)
    return None if modules is None else Qr((len(modules) - 17) // 4, level, border, modules)


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
    if _ALPHABET.issuperset(text):
        return
    for index, character in enumerate(text):
        if character not in _ALPHABET:
            raise _fault(
                "text",
                "not-alphanumeric",
                f"Character {index + 1} of {len(text)} is {_kind(character)}, which the "
                "alphanumeric mode does not have.",
                "Give the pass's text as issued: its prefix and Base45, without line breaks.",
            )


def _kind(character: str) -> str:
    """Return the kind of a character; the character itself may be the holder's."""
    if not character.isascii():
        return "not ASCII"
    if character.islower():
        return "a lower-case letter"
    return "white space or a control character" if character < " " else "punctuation"


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a string, got {type(value).__name__}")
    return value


def _whole(name: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name} must be an int, got {type(value).__name__}")
    return value


def _positive(name: str, value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise TypeError(f"{name} must be a number, got {type(value).__name__}")
    try:
        number = float(value)
    except OverflowError:  # an int beyond all floats
        number = math.inf
    if not (math.isfinite(number) and number > 0):
        raise _fault(name, "out-of-range", "It must be a size.", "Give a finite number above zero.")
    return number


def _fault(name: str, code: str, problem: str, hint: str) -> QrError:
    return QrError([Fault(name, f"{name}.{code}", problem, hint)])


def _png_dpi(dpi: float) -> float:
    """Return the resolution as far as a PNG holds it: 1 to 2³¹-1 whole dots a metre."""
    metre = 1000 / MM_PER_INCH
    return max(1, round(min(_positive("dpi", dpi) * metre, 2**31 - 1))) / metre


def _pdf_document(*objects: str) -> bytes:
    """Return a document of these objects, numbered from 1, of which the first is the catalogue."""
    document = "%PDF-1.4\n"
    offsets = []
    for number, body in enumerate(objects, start=1):
        offsets.append(f"{len(document):010d} 00000 n \n")
        document += f"{number} 0 obj\n{body}\nendobj\n"
    size = len(objects) + 1
    return (
        f"{document}xref\n0 {size}\n0000000000 65535 f \n{''.join(offsets)}"
        f"trailer\n<</Size {size}/Root 1 0 R>>\nstartxref\n{len(document)}\n%%EOF\n"
    ).encode("ascii")


def _sextant(bits: int) -> str:
    """Return the block with these of its two by three parts filled, row by row from bit 0."""
    others = {0: " ", 0b010101: "▌", 0b101010: "▐", 0b111111: "█"}  # older than the sextants
    return others.get(bits) or chr(0x1FB00 + bits - 1 - (bits > 0b010101) - (bits > 0b101010))


_HALF_BLOCKS: Final = " ▀▄█"
_SEXTANTS: Final = "".join(map(_sextant, range(64)))
