"""QR codes drawn: what the text may be, and that each drawing holds the same modules."""

from __future__ import annotations

import io
import math
import re
import struct
import subprocess
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, cast
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from coronapas.errors import CoronapasError, MissingExtraError, QrError
from coronapas.hcert._base45 import ALPHABET
from coronapas.presentation import ErrorLevel, Qr, form_of, module_for_diagonal, qr, scan
from coronapas.presentation._symbol import Mode, data_codewords, segments

SVG = "{http://www.w3.org/2000/svg}"
LEVELS: tuple[ErrorLevel, ...] = ("L", "M", "Q", "H")
# ISO/IEC 18004, table 7: the alphanumeric characters that version 40 holds.
CAPACITY: dict[ErrorLevel, int] = {"L": 4296, "M": 3391, "Q": 2420, "H": 1852}

texts = st.text(st.sampled_from(sorted(ALPHABET)), min_size=1, max_size=120)


def fault_of(error: pytest.ExceptionInfo[QrError]) -> str:
    (fault,) = error.value.faults
    assert fault.problem
    assert fault.hint
    return fault.code


def framed(code: Qr) -> list[list[bool]]:
    whole = code.side + 2 * code.border
    rows = [[False] * whole for _ in range(whole)]
    for y, row in enumerate(code.modules):
        rows[code.border + y][code.border : code.border + code.side] = row
    return rows


@given(texts, st.sampled_from(LEVELS))
@settings(max_examples=30)
def test_a_text_is_written_as_one_alphanumeric_segment_at_the_level_asked_for(
    text: str, level: ErrorLevel
) -> None:
    code = qr(text, error=level)
    (segment,) = segments(data_codewords(code.modules), code.version)
    assert (segment.mode, segment.content.decode()) == (Mode.ALPHANUMERIC, text)
    assert (code.error, code.mode, code.side) == (level, "alphanumeric", 17 + 4 * code.version)


def test_a_text_of_digits_is_alphanumeric_too() -> None:
    code = qr("0123456789")
    assert [s.mode for s in segments(data_codewords(code.modules), 1)] == [Mode.ALPHANUMERIC]


@pytest.mark.parametrize(
    ("text", "position", "kind"),
    [
        ("HC1:secret", "5 of 10", "a lower-case letter"),
        ("HC1:ABC\n", "8 of 8", "white space or a control character"),
        ("HC1:Æ", "5 of 5", "not ASCII"),
        ("HC1_ABC", "4 of 7", "punctuation"),
    ],
)
def test_a_text_that_is_not_alphanumeric_is_refused_by_place_and_kind_and_not_shown(
    text: str, position: str, kind: str
) -> None:
    with pytest.raises(QrError, match=f"Character {position} is {kind}") as caught:
        qr(text)
    assert fault_of(caught) == "text.not-alphanumeric"
    assert text.strip() not in str(caught.value)
    assert isinstance(caught.value, CoronapasError)


@given(st.characters().filter(lambda character: character not in ALPHABET))
def test_no_character_outside_the_alphabet_is_drawn(character: str) -> None:
    with pytest.raises(QrError):
        qr(f"HC1:{character}")


def test_an_empty_text_is_refused() -> None:
    with pytest.raises(QrError) as caught:
        qr("")
    assert fault_of(caught) == "text.empty"


@pytest.mark.parametrize("level", LEVELS)
def test_a_text_fits_up_to_the_capacity_of_its_level_and_no_further(level: ErrorLevel) -> None:
    assert qr("A" * CAPACITY[level], error=level).version == 40
    with pytest.raises(QrError, match=f"{CAPACITY[level] + 1} characters") as caught:
        qr("A" * (CAPACITY[level] + 1), error=level)
    assert fault_of(caught) == "text.too-long"
    assert "error='auto'" in str(caught.value)


@pytest.mark.parametrize(
    ("length", "level"),
    [(2420, "Q"), (2421, "M"), (3391, "M"), (3392, "L"), (4296, "L")],
)
def test_only_auto_lowers_the_level_and_no_more_than_needed(length: int, level: str) -> None:
    assert qr("A" * length, error="auto").error == level


def test_auto_never_lowers_the_level_past_l() -> None:
    with pytest.raises(QrError, match="at level auto") as caught:
        qr("A" * 4297, error="auto")
    assert "error='auto'" not in str(caught.value)


def test_the_version_is_bounded_inclusively() -> None:
    text = "A" * 300
    version = qr(text).version
    assert qr(text, max_version=version).version == version
    with pytest.raises(QrError) as caught:
        qr(text, max_version=version - 1)
    assert fault_of(caught) == "text.too-long"
    coarser = qr(text, error="auto", max_version=version - 1)
    assert coarser.error == "M"
    assert coarser.version < version


@pytest.mark.parametrize("version", [0, 41, -1])
def test_versions_end_at_1_and_40(version: int) -> None:
    with pytest.raises(QrError) as caught:
        qr("A", max_version=version)
    assert fault_of(caught) == "max_version.out-of-range"


def test_a_level_that_does_not_exist_is_refused() -> None:
    with pytest.raises(QrError) as caught:
        qr("A", error=cast("ErrorLevel", "q"))
    assert fault_of(caught) == "error.unknown"


@pytest.mark.parametrize("border", [0, 4, 100])
def test_the_quiet_zone_is_drawn_as_wide_as_asked_for(border: int) -> None:
    code = qr("A", border=border)
    whole = 21 + 2 * border
    assert Image.open(io.BytesIO(code.png(scale=1))).size == (whole, whole)
    assert f'viewBox="0 0 {whole} {whole}"' in code.svg()


@pytest.mark.parametrize("border", [-1, 101])
def test_the_quiet_zone_has_bounds(border: int) -> None:
    with pytest.raises(QrError) as caught:
        qr("A", border=border)
    assert fault_of(caught) == "border.out-of-range"


def test_a_code_does_not_show_its_content_in_its_repr() -> None:
    assert repr(qr("HC1:SECRET")) == "Qr(version=1, error='Q', border=4)"


@given(texts, st.integers(1, 5), st.integers(0, 5))
@settings(max_examples=20)
def test_a_png_holds_the_modules(text: str, scale: int, border: int) -> None:
    code = qr(text, border=border)
    image = Image.open(io.BytesIO(code.png(scale=scale))).convert("L")
    image.load()
    for y, row in enumerate(framed(code)):
        for x, dark in enumerate(row):
            box = (x * scale, y * scale, (x + 1) * scale, (y + 1) * scale)
            assert image.crop(box).getextrema() == ((0, 0) if dark else (255, 255))


def test_a_png_says_its_resolution_when_told() -> None:
    image = Image.open(io.BytesIO(qr("A").png(dpi=300)))
    assert image.info["dpi"] == pytest.approx((300, 300), rel=1e-3)
    assert "dpi" not in Image.open(io.BytesIO(qr("A").png())).info


def test_no_resolution_overflows_the_png() -> None:
    assert struct.pack(">I", 2**31 - 1) in qr("A").png(dpi=1e300)


def test_a_resolution_below_one_dot_a_metre_is_written_as_one() -> None:
    assert struct.pack(">IIB", 1, 1, 1) in qr("A").png(dpi=0.001)


@pytest.mark.parametrize("scale", [0, -1, 690, 10**9, pytest.param(10**5000, id="huge")])
def test_a_png_has_bounds(scale: int) -> None:
    with pytest.raises(QrError) as caught:
        qr("A").png(scale=scale)
    assert fault_of(caught) == "scale.out-of-range"


@given(texts, st.integers(0, 5))
@settings(max_examples=20)
def test_an_svg_is_well_formed_and_holds_the_modules(text: str, border: int) -> None:
    code = qr(text, border=border)
    root = ElementTree.fromstring(code.svg())
    light, dark = root.findall(f"{SVG}path")
    whole = code.side + 2 * border
    assert (root.tag, root.get("viewBox")) == (f"{SVG}svg", f"0 0 {whole} {whole}")
    assert light.get("d") == f"M0 0h{whole}v{whole}h-{whole}z"
    drawn = [[False] * whole for _ in range(whole)]
    path = dark.get("d", "")
    runs = re.findall(r"M(\d+) (\d+)h(\d+)v1h-(\d+)z", path)
    assert "".join(f"M{x} {y}h{width}v1h-{back}z" for x, y, width, back in runs) == path
    for x, y, width, back in runs:
        assert width == back
        for column in range(int(x), int(x) + int(width)):
            assert not drawn[int(y)][column]
            drawn[int(y)][column] = True
    assert drawn == framed(code)


def test_an_svg_has_the_size_of_its_modules() -> None:
    root = ElementTree.fromstring(qr("A").svg(module_mm=0.5))
    assert (root.get("width"), root.get("height")) == ("14.5000mm", "14.5000mm")


def test_an_svg_without_a_size_meets_the_advice() -> None:
    code = qr("A" * 500)
    width = ElementTree.fromstring(code.svg()).get("width", "").removesuffix("mm")
    report = code.size_report(module_mm=float(width) / (code.side + 8))
    assert report.meets_advice
    assert report.diagonal_mm == pytest.approx(47.5, rel=1e-4)


def test_an_svg_escapes_its_label_and_refuses_what_xml_cannot_hold() -> None:
    label = """<"'&>æ"""
    assert ElementTree.fromstring(qr("A").svg(label=label)).get("aria-label") == label
    with pytest.raises(QrError) as caught:
        qr("A").svg(label="a\0b")
    assert fault_of(caught) == "label.not-printable"


@pytest.mark.parametrize("background", ["any", "dark", "light"])
@pytest.mark.parametrize("border", [0, 3, 4])
def test_a_terminal_shows_the_modules_on_its_background(
    background: Literal["any", "dark", "light"], border: int
) -> None:
    code = qr("HC1:ABC", border=border)
    shown = code.terminal(background=background)
    if background == "any":
        line = re.compile(r"\x1b\[38;5;16;48;5;231m([ ▀▄█]+)\x1b\[0m")
        rows = [match[1] for match in map(line.fullmatch, shown.splitlines()) if match]
        assert len(rows) == len(shown.splitlines())
    else:
        rows = shown.splitlines()
    ink_is_dark = background != "dark"
    drawn = []
    for row in rows:
        drawn.append([(glyph in "▀█") is ink_is_dark for glyph in row])
        drawn.append([(glyph in "▄█") is ink_is_dark for glyph in row])
    whole = code.side + 2 * border
    assert drawn[:whole] == framed(code)
    assert not any(dark for row in drawn[whole:] for dark in row)
    assert len(rows) == math.ceil(whole / 2)
    assert shown.endswith("\n")


SEXTANTS = {" ": 0, "▌": 0b010101, "▐": 0b101010, "█": 0b111111} | {
    # Unicode names a sextant by its parts: BLOCK SEXTANT-135 and so on, in the order of the parts.
    character: sum(1 << int(part) - 1 for part in unicodedata.name(character).split("-")[1])
    for character in map(chr, range(0x1FB00, 0x1FB3C))
}


def of_sextants(shown: str) -> list[list[bool]]:
    """The modules that the lines of a terminal show, True where the ink is."""
    drawn = []
    for line in shown.splitlines():
        cells = [SEXTANTS[character] for character in line]
        drawn += [
            [bool(cell >> 2 * row + column & 1) for cell in cells for column in range(2)]
            for row in range(3)
        ]
    return drawn


@given(texts, st.sampled_from(["light", "dark"]), st.integers(0, 5))
@settings(max_examples=20)
def test_a_narrow_terminal_shows_the_modules_in_half_the_columns(
    text: str, background: Literal["light", "dark"], border: int
) -> None:
    code = qr(text, border=border)
    whole = code.side + 2 * border
    assert code.terminal(columns=whole) == code.terminal()
    shown = code.terminal(background=background, columns=math.ceil(whole / 2))
    assert {len(line) for line in shown.splitlines()} == {math.ceil(whole / 2)}
    drawn = [[ink is (background == "light") for ink in row] for row in of_sextants(shown)]
    assert [row[:whole] for row in drawn[:whole]] == framed(code)
    assert not any(any(row[whole:]) for row in drawn)
    assert not any(any(row) for row in drawn[whole:])


@pytest.mark.parametrize("length", [30, 300, 560, 1200])
def test_what_a_narrow_terminal_shows_can_be_scanned(length: int) -> None:
    code = qr("HC1:" + "AZ09 $" * (length // 6))
    rows = of_sextants(code.terminal(background="light", columns=(code.side + 9) // 2))
    pixels = bytes(0 if ink else 255 for row in rows for ink in row)
    image = Image.frombytes("L", (len(rows[0]), len(rows)), pixels)
    # A terminal's cell is about twice as high as wide, and a sextant its half by its third.
    shown = image.resize((image.width * 3, image.height * 4), Image.Resampling.NEAREST)
    (found,) = scan(shown)
    assert (found.version, found.mode) == (code.version, Mode.ALPHANUMERIC)


def test_a_terminal_that_is_too_narrow_is_refused_with_the_columns_needed() -> None:
    code = qr("A")
    assert code.terminal(columns=15)
    with pytest.raises(QrError, match="needs 15 columns, and there are 14") as caught:
        code.terminal(columns=14)
    assert fault_of(caught) == "columns.too-few"
    with pytest.raises(TypeError, match="columns must be an int"):
        code.terminal(columns=cast("Any", "80"))


@given(texts, st.integers(0, 5), st.floats(0.1, 2))
@settings(max_examples=20)
def test_a_pdf_holds_the_modules_at_their_size(text: str, border: int, module_mm: float) -> None:
    code = qr(text, border=border)
    content = code.pdf(module_mm=module_mm)
    assert content == code.pdf(module_mm=module_mm)
    whole = code.side + 2 * border
    box = re.search(rb"/MediaBox\[0 0 ([0-9.]+) ([0-9.]+)\]", content)
    length = re.search(rb"/Length (\d+)>>\nstream\n", content)
    assert box
    assert length
    points = whole * module_mm * 72 / 25.4
    assert [float(side) for side in box.groups()] == [pytest.approx(points, abs=1e-4)] * 2
    drawing = content[length.end() :][: int(length[1])].decode()
    assert content[length.end() :].startswith(f"{drawing}endstream\n".encode())
    start, runs = drawing.split("0 g\n")
    unit, a, b, down, left, top, operator = start.splitlines()[0].split()
    assert (a, b, left, operator) == ("0", "0", "0", "cm")
    assert float(unit) == -float(down) == pytest.approx(module_mm * 72 / 25.4, abs=1e-6)
    assert float(top) == float(box[1])
    assert start.splitlines()[1:] == ["1 g", f"0 0 {whole} {whole} re", "f"]
    drawn = [[False] * whole for _ in range(whole)]
    *rectangles, end = runs.splitlines()
    assert end == "f"
    for rectangle in rectangles:
        x, y, width, height, operator = rectangle.split()
        assert (height, operator) == ("1", "re")
        for column in range(int(x), int(x) + int(width)):
            drawn[int(y)][column] = True
    assert drawn == framed(code)


def test_a_pdf_says_where_its_objects_are() -> None:
    content = qr("HC1:ABC").pdf()
    assert content.startswith(b"%PDF-1.4\n")
    assert content.endswith(b"%%EOF\n")
    (start,) = re.findall(rb"startxref\n(\d+)\n", content)
    table = content[int(start) :].splitlines(keepends=True)
    assert table[:3] == [b"xref\n", b"0 5\n", b"0000000000 65535 f \n"]
    assert all(len(line) == 20 for line in table[2:7])
    for number, line in enumerate(table[3:7], start=1):
        assert content[int(line[:10]) :].startswith(b"%d 0 obj\n" % number)


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("a.svg", b"<svg"),
        ("a.PNG", b"\x89PNG"),
        ("a.b.pdf", b"%PDF"),
        ("a.txt", b"    "),
    ],
)
def test_a_file_holds_what_its_name_says(name: str, start: bytes, tmp_path: Path) -> None:
    code = qr("HC1:ABC")
    path = tmp_path / name
    path.write_bytes(b"older")
    code.save(path, diagonal_mm=40)
    code.save(str(path), diagonal_mm=40)
    assert path.read_bytes().startswith(start)
    assert path.read_bytes() == code.draw(form_of(path), diagonal_mm=40)


@pytest.mark.parametrize("name", ["a", "a.jpg", ".svg", "svg"])
def test_a_name_that_says_nothing_known_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(QrError, match=r"\.svg, \.png, \.pdf, \.txt") as caught:
        qr("A").save(tmp_path / name)
    assert fault_of(caught) == "path.unknown-ending"
    assert list(tmp_path.iterdir()) == []


def test_a_drawing_has_the_size_asked_for() -> None:
    code = qr("A" * 500)
    module_mm = module_for_diagonal(code.side, 40)
    assert code.draw("svg", diagonal_mm=40) == code.svg(module_mm=module_mm).encode()
    assert code.draw("pdf", diagonal_mm=40) == code.pdf(module_mm=module_mm)
    assert code.draw("png", diagonal_mm=40, dpi=600) == code.png(
        scale=code.scale_for(dpi=600, diagonal_mm=40), dpi=600
    )
    assert code.draw("pdf") == code.pdf()
    with pytest.raises(QrError) as caught:
        code.draw(cast("Any", "jpg"))
    assert fault_of(caught) == "form.unknown"
    with pytest.raises(QrError) as caught:
        code.draw("pdf", diagonal_mm=0)
    assert fault_of(caught) == "diagonal_mm.out-of-range"


def test_a_size_report_tells_sides_and_diagonals() -> None:
    report = qr("A").size_report(module_mm=1)
    assert report.side_mm == 21
    assert report.side_with_border_mm == 29
    assert report.diagonal_mm == pytest.approx(29.698, abs=1e-3)
    assert report.diagonal_with_border_mm == pytest.approx(41.012, abs=1e-3)
    assert not report.meets_advice
    assert "diagonal 29.7 mm (41.0 mm with the quiet zone), outside the advised 35 to 60" in str(
        report
    )


@given(st.integers(1, 40))
@settings(max_examples=40)
def test_the_smallest_and_largest_modules_meet_the_advice_and_beyond_them_none(
    version: int,
) -> None:
    modules = ((False,) * (17 + 4 * version),) * (17 + 4 * version)
    code = Qr(version, "Q", 4, modules)
    report = code.size_report(module_mm=1)
    smallest, largest = report.smallest_module_mm, report.largest_module_mm
    assert code.size_report(module_mm=smallest).meets_advice
    assert code.size_report(module_mm=largest).meets_advice
    assert "within" in str(code.size_report(module_mm=largest))
    assert not code.size_report(module_mm=smallest * 0.999999).meets_advice
    assert not code.size_report(module_mm=largest * 1.000001).meets_advice


@given(st.integers(1, 40), st.floats(20, 2400))
@settings(max_examples=40)
def test_the_scales_of_a_resolution_are_those_that_meet_the_advice(
    version: int, dpi: float
) -> None:
    modules = ((False,) * (17 + 4 * version),) * (17 + 4 * version)
    code = Qr(version, "Q", 4, modules)
    scales = code.size_report(dpi=dpi, scale=1).scales
    tried = {*scales, scales.start - 1, scales.stop} - {0}
    good = {s for s in tried if code.size_report(dpi=dpi, scale=s).meets_advice}
    assert good == set(scales)


def test_a_size_by_resolution_is_that_of_its_dots() -> None:
    report = qr("A").size_report(dpi=254, scale=10)
    assert report.module_mm == pytest.approx(1)
    assert report.dpi == 254
    assert list(qr("A").size_report(module_mm=1).scales) == []


@pytest.mark.parametrize(
    "size",
    [
        {},
        {"dpi": 300},
        {"scale": 3},
        {"module_mm": 1, "dpi": 300},
        {"module_mm": 1, "scale": 3},
        {"module_mm": 1, "dpi": 300, "scale": 3},
    ],
)
def test_a_size_is_told_in_one_way(size: dict[str, int]) -> None:
    code = qr("A")
    with pytest.raises(QrError) as caught:
        code.size_report(
            module_mm=size.get("module_mm"), dpi=size.get("dpi"), scale=size.get("scale")
        )
    assert fault_of(caught) == "size.ambiguous"


@given(
    st.integers(1, 40), st.floats(30, 2400), st.floats(5, 200) | st.sampled_from([35.0, 47.5, 60.0])
)
def test_the_scale_for_a_diagonal_is_the_nearest_that_keeps_to_the_advice(
    version: int, dpi: float, wished: float
) -> None:
    modules = ((False,) * (17 + 4 * version),) * (17 + 4 * version)
    code = Qr(version, "Q", 4, modules)
    scale = code.scale_for(dpi=dpi, diagonal_mm=wished)

    def off(scale: int) -> float:
        return abs(code.size_report(dpi=dpi, scale=scale).diagonal_mm - wished)

    advised = code.size_report(dpi=dpi, scale=scale).scales
    tried = [scale, scale + 1, *([scale - 1] if scale > 1 else [])]
    if 35 <= wished <= 60 and advised:
        assert scale in advised
        tried = [one for one in tried if one in advised]
    assert off(scale) == pytest.approx(min(map(off, tried)), abs=1e-6)


@pytest.mark.parametrize("dpi", [0.0, math.inf, -300])
def test_the_scale_for_a_diagonal_needs_sizes(dpi: float) -> None:
    with pytest.raises(QrError):
        qr("A").scale_for(dpi=dpi)
    with pytest.raises(QrError):
        qr("A").scale_for(dpi=300, diagonal_mm=dpi)
    assert qr("A").scale_for(dpi=1e300) >= 10**9


@pytest.mark.parametrize(
    "size", [0.0, -1.0, math.inf, math.nan, pytest.param(10**400, id="huge"), 1e308]
)
def test_sizes_are_finite_and_above_zero(size: float) -> None:
    code = qr("A")
    for call in (
        lambda: code.size_report(module_mm=size),
        lambda: code.svg(module_mm=size),
        *(() if size == 1e308 else (lambda: code.png(dpi=size),)),
        lambda: code.size_report(dpi=5e-324 if size == 1e308 else size, scale=1),
    ):
        with pytest.raises(QrError) as caught:
            call()
        assert fault_of(caught).endswith("out-of-range")
    with pytest.raises(QrError):
        code.size_report(dpi=300, scale=0)


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("text", lambda: qr(cast("Any", b"HC1:"))),
        ("text", lambda: qr(cast("Any", None))),
        ("border", lambda: qr("A", border=cast("Any", 2.5))),
        ("border", lambda: qr("A", border=True)),
        ("max_version", lambda: qr("A", max_version=cast("Any", "40"))),
        ("scale", lambda: qr("A").png(scale=cast("Any", 2.5))),
        ("dpi", lambda: qr("A").png(dpi=cast("Any", "300"))),
        ("dpi", lambda: qr("A").scale_for(dpi=cast("Any", None))),
        ("label", lambda: qr("A").svg(label=cast("Any", None))),
        ("module_mm", lambda: qr("A").svg(module_mm=cast("Any", "1"))),
        ("module_mm", lambda: qr("A").size_report(module_mm=True)),
        ("scale", lambda: qr("A").size_report(dpi=300, scale=cast("Any", 2.5))),
    ],
)
def test_a_value_of_the_wrong_type_is_a_type_error_that_names_it(
    name: str, call: Callable[[], object]
) -> None:
    with pytest.raises(TypeError, match=f"^{name} must be a"):
        call()


def test_another_background_is_refused() -> None:
    with pytest.raises(QrError) as caught:
        qr("A").terminal(background=cast("Any", "zzz"))
    assert fault_of(caught) == "background.unknown"


@pytest.mark.parametrize(
    ("module", "package", "call"),
    [
        ("zxingcpp", "zxing-cpp", lambda _: qr("A")),
        ("PIL", "pillow", lambda code: code.png()),
    ],
)
def test_a_missing_package_is_named_with_what_installs_it(
    module: str,
    package: str,
    call: Callable[[Qr], object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    code = qr("A")
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=r"pip install '\.\[qr\]' in a checkout") as caught:
        call(code)
    assert isinstance(caught.value, ImportError)
    assert (caught.value.extra, caught.value.package) == ("qr", package)


def test_a_server_that_only_draws_vectors_loads_no_image_decoder() -> None:
    code = (
        "import sys\nfrom coronapas.presentation import qr\n"
        "qr('HC1:A').svg(), qr('HC1:A').pdf(), qr('HC1:A').terminal()\n"
        "print(sorted({'segno', 'PIL'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"


def test_importing_the_room_loads_none_of_its_packages() -> None:
    code = (
        "import sys, coronapas.presentation\n"
        "print(sorted({'segno', 'zxingcpp', 'PIL', 'urllib.request'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"
