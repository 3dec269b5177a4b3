"""The way back from a QR code's modules to its segments, damage included."""

from __future__ import annotations

import random
from typing import Any

import pytest
import segno
from hypothesis import given, settings
from hypothesis import strategies as st
from segno import consts

from coronapas.presentation._symbol import (
    Mode,
    SegmentError,
    SymbolError,
    UncorrectableError,
    blocks_of,
    corrected,
    data_codewords,
    segments,
    whole_mode,
)


def modules_of(code: segno.QRCode) -> list[list[bool]]:
    return [list(map(bool, row)) for row in code.matrix]


def packed(*fields: tuple[int, int]) -> bytes:
    """Codewords from (value, bits) pairs, filled up with zeros."""
    bits = "".join(f"{value:0{width}b}" for value, width in fields)
    bits = bits.ljust(-(-len(bits) // 8) * 8, "0")
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


def test_the_blocks_of_every_version_and_level_are_segno_s() -> None:
    table: Any = consts.ECC
    by_number = {consts.ERROR_LEVEL_L: "L", consts.ERROR_LEVEL_M: "M",
                 consts.ERROR_LEVEL_Q: "Q", consts.ERROR_LEVEL_H: "H"}  # fmt: skip
    for version in range(1, 41):
        for number, level in by_number.items():
            rows = table[version][number]
            (checks,) = {row.num_total - row.num_data for row in rows}
            assert blocks_of(version, level) == (sum(row.num_blocks for row in rows), checks)


@pytest.mark.parametrize(
    ("version", "level"),
    [
        *((v, level) for v in range(1, 9) for level in "LMQH"),
        *((v, "LMQH"[v % 4]) for v in range(9, 41)),
    ],
)
def test_every_version_is_read(version: int, level: str) -> None:
    code = segno.make_qr(
        "HC1:A+B", version=version, error=level, mode="alphanumeric", boost_error=False
    )
    (segment,) = segments(data_codewords(modules_of(code)), version)
    assert segment.content == b"HC1:A+B"


@pytest.mark.parametrize("mask", range(8))
def test_every_mask_is_taken_off_and_a_mirrored_symbol_read(mask: int) -> None:
    modules = modules_of(segno.make_qr("HC1:ABC", mask=mask, version=7))
    mirrored = [list(column) for column in zip(*modules, strict=True)]
    assert data_codewords(mirrored) == data_codewords(modules)


@given(st.randoms(use_true_random=False), st.integers(1, 30))
@settings(max_examples=30)
def test_damage_within_the_correction_changes_nothing_read(
    chance: random.Random, wrong: int
) -> None:
    block = bytes(chance.randrange(256) for _ in range(40))
    checks = 30
    whole = with_checks(block, checks)
    damaged = bytearray(whole)
    for place in chance.sample(range(len(whole)), wrong):
        damaged[place] ^= chance.randrange(1, 256)
    if wrong <= checks // 2:
        assert corrected(bytes(damaged), checks) == block
    else:
        with pytest.raises(UncorrectableError):
            corrected(bytes(damaged), checks)


def with_checks(data: bytes, checks: int) -> bytes:
    """A block by long division, the way an encoder makes it."""

    def times(a: int, b: int) -> int:
        result = 0
        while b:
            result ^= a * (b & 1)
            a, b = a << 1 ^ (0x11D if a & 0x80 else 0), b >> 1
        return result

    generator = [1]
    root = 1
    for _ in range(checks):
        shifted = [*generator, 0]
        for index, coefficient in enumerate(generator):
            shifted[index + 1] ^= times(coefficient, root)
        generator = shifted
        root = times(root, 2)
    rest = list(data) + [0] * checks
    for index in range(len(data)):
        factor = rest[index]
        for offset, coefficient in enumerate(generator):
            rest[index + offset] ^= times(coefficient, factor)
    return data + bytes(rest[len(data) :])


@given(st.binary(min_size=11, max_size=120))
def test_random_codewords_are_corrected_to_a_codeword_or_refused(block: bytes) -> None:
    try:
        data = corrected(block, 10)
    except UncorrectableError:
        return
    whole = with_checks(data, 10)
    assert sum(a != b for a, b in zip(whole, block, strict=True)) <= 5


@given(st.integers(1, 6), st.randoms(use_true_random=False))
@settings(max_examples=15)
def test_random_modules_are_refused(version: int, chance: random.Random) -> None:
    side = 17 + 4 * version
    modules = [[chance.random() < 0.5 for _ in range(side)] for _ in range(side)]
    with pytest.raises(SymbolError):
        data_codewords(modules)


@pytest.mark.parametrize(
    "modules",
    [
        [],
        [[True]],
        [[False] * 22] * 22,
        [[False] * 20] * 21,
        [[False] * 181] * 181,
        [[False] * 17] * 17,
        [[False] * 21] * 21,
    ],
)
def test_dimensions_that_no_version_has_and_blanks_are_refused(modules: list[list[bool]]) -> None:
    with pytest.raises(SymbolError):
        data_codewords(modules)


@pytest.mark.parametrize("copy", [0, 1])
def test_one_lost_copy_of_the_format_information_is_made_good_by_the_other(copy: int) -> None:
    code = segno.make_qr("HC1:ABC", version=5, error="Q", boost_error=False)
    intact = modules_of(code)
    modules = modules_of(code)
    side = len(modules)
    for i in range(8):
        if copy:
            modules[8][side - 1 - i] = not modules[8][side - 1 - i]
        else:
            modules[8][i] = not modules[8][i]
    assert data_codewords(modules) == data_codewords(intact)


@pytest.mark.parametrize(
    ("version", "numeric", "alphanumeric", "byte", "kanji"),
    [(1, 10, 9, 8, 8), (9, 10, 9, 8, 8), (10, 12, 11, 16, 10), (26, 12, 11, 16, 10),
     (27, 14, 13, 16, 12), (40, 14, 13, 16, 12)],
)  # fmt: skip
def test_counts_are_as_long_as_the_version_says(
    version: int, numeric: int, alphanumeric: int, byte: int, kanji: int
) -> None:
    data = packed(
        (1, 4), (4, numeric), (123, 10), (4, 4),
        (2, 4), (3, alphanumeric), (10 * 45 + 11, 11), (44, 6),
        (4, 4), (1, byte), (0xFF, 8),
        (8, 4), (1, kanji), (0xD9F, 13),
        (13, 4), (1, 4), (1, kanji), (0x200, 13),
    )  # fmt: skip
    found = segments(data, version)
    assert [segment.mode for segment in found] == [
        Mode.NUMERIC, Mode.ALPHANUMERIC, Mode.BYTE, Mode.KANJI, Mode.HANZI,
    ]  # fmt: skip
    assert [segment.content for segment in found] == [
        b"1234", b"AB:", b"\xff", "点".encode("shift_jis"), "α".encode("gb2312"),
    ]  # fmt: skip


@pytest.mark.parametrize(("text", "mode"), [("点茗書", "kanji"), ("书读百遍", "hanzi")])
def test_east_asian_characters_come_back(text: str, mode: str) -> None:
    code = segno.make_qr(text, mode=mode, version=3)
    (segment,) = segments(data_codewords(modules_of(code)), 3)
    assert segment.mode == mode
    assert segment.content == text.encode("shift_jis" if mode == "kanji" else "gb2312")


@pytest.mark.parametrize(
    ("designator", "width"), [(0x1A, 8), (0x8000 + 900, 16), (0xC00000 + 811799, 24)]
)
def test_announcing_segments_are_passed_over_in_their_length(designator: int, width: int) -> None:
    data = packed(
        (7, 4), (designator, width), (3, 4), (0xABCD, 16), (5, 4), (9, 4), (7, 8),
        (2, 4), (1, 9), (10, 6),
    )  # fmt: skip
    found = segments(data, 1)
    assert [segment.mode for segment in found] == [
        Mode.ECI, Mode.STRUCTURED_APPEND, Mode.FNC1, Mode.FNC1, Mode.ALPHANUMERIC,
    ]  # fmt: skip
    assert found[-1].content == b"A"
    assert whole_mode(found) is Mode.MIXED


def test_several_alphanumeric_segments_are_alphanumeric_as_a_whole() -> None:
    found = segments(packed((2, 4), (1, 9), (10, 6), (2, 4), (1, 9), (11, 6)), 1)
    assert [segment.content for segment in found] == [b"A", b"B"]
    assert whole_mode(found) is Mode.ALPHANUMERIC


def test_no_segments_are_an_empty_code() -> None:
    assert segments(bytes(9), 1) == ()
    assert segments(b"", 1) == ()
    assert whole_mode(()) is Mode.EMPTY


@pytest.mark.parametrize(
    "data",
    [
        packed((6, 4)),
        packed((2, 4), (511, 9)),
        packed((4, 4), (2, 8), (1, 8)),
        packed((2, 4), (2, 9), (2047, 11)),
        packed((2, 4), (1, 9), (45, 6)),
        packed((1, 4)),
        packed((7, 4), (0xFF, 8)),
    ],
)
def test_data_that_does_not_divide_into_segments_is_refused(data: bytes) -> None:
    with pytest.raises(SegmentError):
        segments(data, 1)


@given(st.binary(max_size=200), st.integers(1, 40))
def test_hostile_data_is_divided_or_refused(data: bytes, version: int) -> None:
    try:
        found = segments(data, version)
    except SegmentError:
        return
    assert sum(len(segment.content) for segment in found) <= 3 * len(data)


def test_segments_do_not_show_their_content() -> None:
    (segment,) = segments(packed((2, 4), (1, 9), (10, 6)), 1)
    assert "content" not in repr(segment)
