"""Images read: what is found in them, how it was written, and what is refused."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import random
import struct
import sys
import zlib
from pathlib import Path
from typing import Any, cast

import pytest
import segno
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFilter, ImageOps

from coronapas.errors import DecodeError, MissingExtraError, ScanError
from coronapas.hcert._base45 import ALPHABET
from coronapas.presentation import ErrorLevel, Mode, Scan, qr, scan
from coronapas.presentation import _scan as scanning
from coronapas.presentation._symbol import SymbolError, data_codewords
from coronapas.tolerances import FIELD, TOLERANCES

TEXT = "HC1:" + "".join(random.Random(7).choices(sorted(ALPHABET), k=320))

texts = st.text(st.sampled_from(sorted(ALPHABET)), min_size=1, max_size=200)


def drawn(text: str = TEXT, scale: int = 4, border: int = 4) -> Image.Image:
    return Image.open(io.BytesIO(qr(text, border=border).png(scale=scale))).convert("L")


def by_segno(content: object, **options: Any) -> Image.Image:
    """A code that `qr` would refuse to make."""
    anything: Any = content
    file = io.BytesIO()
    segno.make_qr(anything, **options).save(file, kind="png", scale=4)
    return Image.open(file).convert("L")


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def only(image: Image.Image | bytes) -> Scan:
    (found,) = scan(image)
    return found


def code_of(image: Image.Image | bytes, **bounds: int) -> str:
    with pytest.raises(ScanError) as caught:
        scan(image, **bounds)
    assert caught.value.layer == "qr"
    assert isinstance(caught.value, DecodeError)
    return caught.value.code


@given(texts, st.sampled_from(["L", "M", "Q", "H"]), st.integers(1, 6))
@settings(max_examples=40)
def test_what_was_drawn_is_read(text: str, level: ErrorLevel, scale: int) -> None:
    code = qr(text, error=level)
    (found,) = scan(code.png(scale=scale))
    assert found == Scan(text, Mode.ALPHANUMERIC, (Mode.ALPHANUMERIC,), level, code.version)
    assert found.deviations == ()


@pytest.mark.parametrize("angle", [0, 33, 90, 135, 180, 270, 301])
def test_a_rotated_code_is_read_with_its_mode(angle: int) -> None:
    image = drawn().rotate(angle, Image.Resampling.BICUBIC, expand=True, fillcolor=255)
    assert (only(image).text, only(image).mode) == (TEXT, Mode.ALPHANUMERIC)


@pytest.mark.parametrize(
    "image",
    [
        pytest.param(ImageOps.mirror(drawn()), id="mirrored"),
        pytest.param(ImageOps.invert(drawn()), id="light on dark"),
        pytest.param(drawn(border=0), id="without a quiet zone"),
        pytest.param(drawn(scale=1, border=0), id="one pixel a module"),
        pytest.param(drawn(scale=10).resize((333, 333), Image.Resampling.BICUBIC), id="shrunk"),
        pytest.param(drawn().resize((900, 700)), id="stretched"),
        pytest.param(drawn().filter(ImageFilter.GaussianBlur(1.5)), id="blurred"),
        pytest.param(drawn().point([96 + value // 8 for value in range(256)]), id="pale"),
        pytest.param(ImageOps.expand(drawn(), 1500, 255), id="small in a large page"),
        pytest.param(drawn().convert("1"), id="two colours"),
        pytest.param(drawn().convert("P"), id="a palette"),
        pytest.param(drawn().convert("RGB"), id="colours"),
        pytest.param(drawn().convert("CMYK"), id="ink"),
        pytest.param(drawn().convert("F"), id="floating point"),
        pytest.param(drawn().convert("I").point(lambda value: value * 257), id="deep greys"),
    ],
)
def test_a_code_is_read_however_it_was_put_into_an_image(image: Image.Image) -> None:
    assert (only(image).text, only(image).mode) == (TEXT, Mode.ALPHANUMERIC)


@pytest.mark.parametrize("seed", range(5))
def test_a_noisy_code_is_read_with_its_mode(seed: int) -> None:
    chance = random.Random(seed)
    image = drawn(scale=6)
    pixels = bytearray(image.tobytes())
    for place in chance.sample(range(len(pixels)), len(pixels) // 12):
        pixels[place] = chance.randrange(256)
    noisy = Image.frombytes("L", image.size, bytes(pixels))
    assert (only(noisy).text, only(noisy).mode) == (TEXT, Mode.ALPHANUMERIC)


def test_a_damaged_code_is_read_with_its_mode() -> None:
    image = drawn(scale=6)
    middle = image.width // 2
    image.paste(255, (middle - 45, middle - 45, middle + 15, middle + 15))
    assert (only(image).text, only(image).mode) == (TEXT, Mode.ALPHANUMERIC)


def test_what_is_transparent_is_white() -> None:
    grey = drawn()
    black = Image.new("L", grey.size, 0)
    image = Image.merge("LA", (black, ImageOps.invert(grey)))
    assert only(image).text == TEXT


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM"])
def test_the_kinds_of_image_that_are_promised_are_opened(kind: str) -> None:
    assert only(saved(drawn().convert("RGB"), kind)).text == TEXT


def test_a_path_a_file_and_an_image_are_read_like_bytes(tmp_path: Path) -> None:
    path = tmp_path / "pass.png"
    path.write_bytes(qr(TEXT).png())
    wanted = scan(path.read_bytes())
    assert scan(path) == scan(str(path)) == scan(Image.open(path)) == wanted
    with path.open("rb") as file:
        assert scan(file) == wanted


def test_a_path_that_does_not_exist_is_the_system_s_own_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        scan(tmp_path / "none.png")


def test_every_code_of_an_image_is_read() -> None:
    page = Image.new("L", (800, 800), 255)
    wanted = {f"HC1:CODE {index}" for index in range(4)}
    for index, text in enumerate(sorted(wanted)):
        page.paste(drawn(text), (index % 2 * 400, index // 2 * 400))
    assert {found.text for found in scan(page)} == wanted


@pytest.mark.parametrize("kind", ["TIFF", "GIF", "WEBP"])
def test_every_frame_is_read_and_a_caller_s_image_left_where_it_was(kind: str) -> None:
    frames = [drawn(f"HC1:PAGE {index}").convert("RGB") for index in range(3)]
    content = saved(frames[0], kind, save_all=True, append_images=frames[1:])
    wanted = [(f"HC1:PAGE {index}", index) for index in range(3)]
    assert [(found.text, found.frame) for found in scan(content)] == wanted
    image = Image.open(io.BytesIO(content))
    image.seek(1)
    assert len(scan(image)) == 3
    assert image.tell() == 1


def test_a_frame_without_a_code_does_not_hide_the_others() -> None:
    blank = Image.new("L", (200, 200), 255)
    content = saved(blank, "TIFF", save_all=True, append_images=[drawn()])
    assert [(found.text, found.frame) for found in scan(content)] == [(TEXT, 1)]


@pytest.mark.parametrize(
    ("content", "options", "mode", "parts"),
    [
        ("HC1:ABC", {"mode": "byte"}, Mode.BYTE, [Mode.BYTE]),
        ("hc1:æøå", {}, Mode.BYTE, [Mode.BYTE]),
        ("12345678", {}, Mode.NUMERIC, [Mode.NUMERIC]),
        ("点茗", {"mode": "kanji"}, Mode.KANJI, [Mode.KANJI]),
        (["HC1:ABC", "12345678"], {}, Mode.MIXED, [Mode.ALPHANUMERIC, Mode.NUMERIC]),
        (["HC1:ABC", "xyz"], {}, Mode.MIXED, [Mode.ALPHANUMERIC, Mode.BYTE]),
        ("æ€", {"eci": True, "encoding": "utf-8"}, Mode.MIXED, [Mode.ECI, Mode.BYTE]),
    ],
)
def test_another_mode_than_alphanumeric_is_noticed(
    content: object, options: dict[str, Any], mode: Mode, parts: list[Mode]
) -> None:
    found = only(by_segno(content, version=4, **options))
    assert (found.mode, list(found.segment_modes)) == (mode, parts)
    (deviation,) = found.deviations
    assert (deviation.code, deviation.field, deviation.layer) == ("qr.mode", "", "qr")
    assert all(part in deviation.note for part in parts)
    assert found.text not in deviation.note


@given(st.text(st.sampled_from(sorted(ALPHABET)), min_size=1, max_size=300))
@settings(max_examples=30)
def test_the_same_text_in_two_modes_is_told_apart(text: str) -> None:
    found = only(by_segno(text, mode="byte"))
    assert (found.text, found.mode) == (text, Mode.BYTE)


def test_a_text_in_parts_is_noticed() -> None:
    (first, _) = segno.make_sequence("HC1:" + "A" * 99, symbol_count=2, mode="alphanumeric")
    file = io.BytesIO()
    first.save(file, kind="png", scale=4)
    assert only(file.getvalue()).segment_modes == (Mode.STRUCTURED_APPEND, Mode.ALPHANUMERIC)
    assert only(file.getvalue()).deviations


def test_an_empty_code_is_noticed() -> None:
    (deviation,) = Scan("", Mode.EMPTY, (), "Q", 1).deviations
    assert deviation.note == "the QR code has no segments where alphanumeric is asked for"


def test_a_mode_that_cannot_be_determined_is_said_to_be_unknown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    image = drawn()

    def broken(_: object) -> bytes:
        raise SymbolError("no symbol")

    monkeypatch.setattr(scanning, "data_codewords", broken)
    found = only(image)
    assert (found.text, found.mode, found.segment_modes) == (TEXT, Mode.UNKNOWN, ())
    assert [d.note for d in found.deviations] == ["the mode of the QR code could not be determined"]


def test_a_mode_read_from_other_content_than_the_text_is_not_believed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = qr("HC1:OTHER")
    monkeypatch.setattr(scanning, "data_codewords", lambda _: data_codewords(other.modules))
    assert only(drawn("HC1:THIS")).mode is Mode.UNKNOWN


def test_the_field_tolerates_the_mode_and_the_strict_do_not() -> None:
    assert TOLERANCES["qr.mode"].granted_by_field
    assert "qr.mode" in FIELD


def test_a_scan_does_not_show_its_text() -> None:
    assert TEXT not in repr(only(drawn()))
    assert "text" not in repr(only(drawn()))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"HC1:NOT AN IMAGE",
        b"\x89PNG\r\n\x1a\n",
        qr("A").png()[:200],
        b"GIF89a" + bytes(20),
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        saved(drawn(), "ICO"),
    ],
)
def test_bytes_that_are_no_image_are_refused_by_name(content: bytes) -> None:
    assert code_of(content) == "qr.image-unreadable"


@given(st.binary(max_size=300), st.sampled_from(["PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF"]))
@settings(max_examples=60)
def test_hostile_bytes_are_read_or_refused(noise: bytes, kind: str) -> None:
    good = saved(drawn("HC1:A").convert("RGB"), kind)
    chance = random.Random(noise)
    hostile = bytearray(good)
    for value in noise[:20]:
        hostile[chance.randrange(len(hostile))] = value
    for content in (noise, bytes(hostile), good[: chance.randrange(len(good))]):
        with contextlib.suppress(ScanError):
            assert scan(content)


@pytest.mark.parametrize(
    "image",
    [
        Image.new("L", (300, 300), 255),
        Image.new("L", (1, 1), 0),
        Image.new("L", (5, 60_000), 0),
        Image.new("L", (700, 700), 128),
        Image.new("L", (21, 21), 0),
        Image.new("F", (50, 50), float("nan")),
        Image.new("I", (50, 50), 7),
        Image.frombytes("L", (200, 200), random.Random(1).randbytes(40_000)),
        Image.new("RGBA", (2500, 20)),
    ],
)
def test_an_image_without_a_readable_code_is_an_error(image: Image.Image) -> None:
    assert code_of(image) == "qr.not-found"


def test_a_code_of_another_kind_is_no_qr_code() -> None:
    file = io.BytesIO()
    segno.make_micro("ABC").save(file, kind="png", scale=5)
    assert code_of(file.getvalue()) == "qr.not-found"


def png_of_size(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds next to nothing."""
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(bytes(100))),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    )


@pytest.mark.parametrize("side", [8_000, 10_000, 100_000, 2**31 - 1])
def test_an_image_that_claims_to_be_huge_is_refused_before_it_is_unpacked(side: int) -> None:
    assert code_of(png_of_size(side, side)) == "qr.image-too-large"


def test_an_image_with_too_long_a_side_is_refused() -> None:
    for size in ((1_000_000, 60), (60, 65_536)):
        assert code_of(png_of_size(*size)) == "qr.image-too-large"
    with pytest.raises(ScanError, match="65535"):
        scan(Image.new("L", (65_536, 30), 255))
    assert code_of(Image.new("L", (65_535, 30), 255)) == "qr.not-found"


def corners(side: int, scale: int) -> Image.Image:
    """A picture full of what looks like the corners of QR codes."""
    corner = Image.new("L", (8, 8), 255)
    corner.paste(0, (0, 0, 7, 7))
    corner.paste(255, (1, 1, 6, 6))
    corner.paste(0, (2, 2, 5, 5))
    corner = corner.resize((8 * scale,) * 2, Image.Resampling.NEAREST)
    page = Image.new("L", (side, side), 255)
    for place in range(0, side, 8 * scale):
        page.paste(corner, (place, 0))
    for place in range(8 * scale, side, 8 * scale):
        page.paste(page.crop((0, 0, side, 8 * scale)), (0, place))
    return page


@pytest.mark.parametrize(("side", "scale"), [(600, 1), (2000, 1), (2000, 3), (4000, 2)])
@pytest.mark.parametrize("inverted", [False, True])
def test_a_picture_full_of_corners_is_searched_at_a_size_that_holds_few(
    side: int, scale: int, inverted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = corners(side, scale)
    searched = []

    def look(image: Image.Image, **_: object) -> list[object]:
        searched.append(image)
        return []

    monkeypatch.setattr("zxingcpp.read_barcodes", look)
    assert code_of(ImageOps.invert(page) if inverted else page) == "qr.not-found"
    assert 0 < len(searched) <= 6
    assert searched[0].size != page.size
    for image in searched:
        assert (
            scanning._edges(image) <= scanning.MAX_EDGES
            or max(image.size) <= scanning._UPSCALED_SIDE + 2 * scanning._MARGIN * 4
        )


def test_a_code_in_a_busy_picture_is_read() -> None:
    chance = random.Random(3)
    page = Image.frombytes("L", (1600, 1200), chance.randbytes(1600 * 1200))
    assert scanning._edges(page) > scanning.MAX_EDGES
    page.paste(drawn(scale=6), (300, 400))
    assert only(page).text == TEXT


def test_pixels_are_bounded_inclusively_over_all_frames() -> None:
    image = drawn()
    area = image.width * image.height
    content = saved(image, "TIFF", save_all=True, append_images=[image])
    assert len(scan(content, max_pixels=2 * area)) == 2
    assert code_of(content, max_pixels=2 * area - 1) == "qr.image-too-large"


def test_bytes_are_bounded_inclusively(tmp_path: Path) -> None:
    content = qr(TEXT).png()
    path = tmp_path / "pass.png"
    path.write_bytes(content)
    assert scan(content, max_bytes=len(content)) == scan(path, max_bytes=len(content))
    assert code_of(content, max_bytes=len(content) - 1) == "qr.image-too-large"
    with pytest.raises(ScanError, match="bytes"):
        scan(path, max_bytes=len(content) - 1)


def test_what_is_no_image_is_a_type_error(tmp_path: Path) -> None:
    (tmp_path / "words").write_text("words")
    with pytest.raises(TypeError, match="got NoneType"):
        scan(cast("Any", None))
    with pytest.raises(TypeError, match="got int"):
        scan(cast("Any", 3))
    with (
        (tmp_path / "words").open(encoding="utf-8") as file,
        pytest.raises(TypeError, match="open as binary"),
    ):
        scan(cast("Any", file))
    with pytest.raises(TypeError, match="max_bytes must be an int"):
        scan(b"", max_bytes=cast("Any", 1.5))
    with pytest.raises(TypeError, match="max_pixels must be an int"):
        scan(b"", max_pixels=cast("Any", None))


@pytest.mark.parametrize(("count", "fits"), [(100, True), (101, False)])
def test_frames_are_bounded_and_none_is_left_out_silently(count: int, fits: bool) -> None:
    code = drawn("A", scale=2)
    blanks = [Image.new("L", (9, 9), 255)] * (count - 1)
    content = saved(code, "TIFF", save_all=True, append_images=blanks)
    if fits:
        assert len(scan(content)) == 1
    else:
        assert code_of(content) == "qr.image-too-large"


def test_codes_are_bounded_and_none_is_left_out_silently(monkeypatch: pytest.MonkeyPatch) -> None:
    page = Image.new("L", (400, 200), 255)
    page.paste(drawn("HC1:A"), (0, 0))
    page.paste(drawn("HC1:B"), (200, 0))
    monkeypatch.setattr(scanning, "MAX_CODES", 2)
    assert len(scan(page)) == 2
    monkeypatch.setattr(scanning, "MAX_CODES", 1)
    assert code_of(page) == "qr.image-too-large"


def test_a_frame_that_breaks_off_is_refused() -> None:
    content = saved(drawn("A"), "TIFF", save_all=True, append_images=[drawn("B")])
    (directory,) = struct.unpack_from("<I", content, 4)
    (entries,) = struct.unpack_from("<H", content, directory)
    (second,) = struct.unpack_from("<I", content, directory + 2 + 12 * entries)
    assert code_of(content[: second + 1]) == "qr.image-unreadable"


class Unsteady(Image.Image):
    """An image whose second frame cannot be reached."""

    def seek(self, frame: int) -> None:
        if frame:
            raise OSError("broken")


def test_a_frame_that_cannot_be_reached_is_refused() -> None:
    image = Unsteady()
    image.im, image._mode, image._size = drawn("A").im, "L", drawn("A").size
    assert code_of(image) == "qr.image-unreadable"


@pytest.mark.parametrize(("module", "package"), [("PIL", "pillow"), ("zxingcpp", "zxing-cpp")])
def test_a_missing_package_is_named_with_what_installs_it(
    module: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = qr("A").png()
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=r"pip install '\.\[qr\]' in a checkout") as caught:
        scan(content)
    assert caught.value.package == package


def vectors(official: Path) -> list[tuple[str, dict[str, Any]]]:
    found = []
    for path in sorted((official / "dgc-testdata").rglob("*.json")):
        vector = json.loads(path.read_bytes().decode("utf-8-sig"))
        if isinstance(vector, dict) and vector.get("2DCODE"):
            found.append((path.relative_to(official).as_posix(), vector))
    return found


def expected(vector: dict[str, Any]) -> bool | None:
    results = vector.get("EXPECTEDRESULTS")
    wanted = results.get("EXPECTEDPICTUREDECODE") if isinstance(results, dict) else None
    return wanted if isinstance(wanted, bool) else None


def test_the_official_images_are_read_as_their_vectors_expect(official: Path) -> None:
    judged = 0
    wrong = []
    for name, vector in vectors(official):
        wanted = expected(vector)
        if wanted is None:
            continue
        judged += 1
        try:
            read = vector["PREFIX"] in {f.text for f in scan(base64.b64decode(vector["2DCODE"]))}
        except ScanError:
            read = False
        if read is not wanted:
            wrong.append(name)
    assert judged
    assert not wrong


def test_the_mode_of_every_official_image_is_determined(official: Path) -> None:
    modes = set()
    for _, vector in vectors(official):
        try:
            modes |= {found.mode for found in scan(base64.b64decode(vector["2DCODE"]))}
        except ScanError:
            continue
    assert Mode.ALPHANUMERIC in modes
    assert Mode.UNKNOWN not in modes
