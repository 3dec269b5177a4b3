"""QR codes drawn: what the text may be, and that each drawing holds the same modules."""

from __future__ import annotations

import io
import math
import re
import struct
import subprocess
import sys
from collections.abc import Callable
from typing import Any, Literal, cast
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from coronapas.errors import CoronapasError, MissingExtraError, QrError
from coronapas.presentation import ErrorLevel, Qr, qr
from coronapas.presentation._qr import ALPHABET
from coronapas.presentation._segments import Mode, segments
from coronapas.presentation._symbol import data_codewords

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
    with pytest.raises(TypeError, match=f"^{name} is a "):
        call()


def test_another_background_is_refused() -> None:
    with pytest.raises(QrError) as caught:
        qr("A").terminal(background=cast("Any", "zzz"))
    assert fault_of(caught) == "background.unknown"


def test_a_missing_segno_is_named_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "segno", None)
    with pytest.raises(MissingExtraError, match=r"pip install coronapas\[qr\]") as caught:
        qr("A")
    assert isinstance(caught.value, ImportError)
    assert (caught.value.extra, caught.value.package) == ("qr", "segno")


def test_importing_the_room_loads_none_of_its_packages() -> None:
    code = (
        "import sys, coronapas.presentation\n"
        "print(sorted({'segno', 'zxingcpp', 'PIL', 'urllib.request'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"
