"""Symbols in alphanumeric mode, judged by our reader and by segno's version and modules."""

from __future__ import annotations

import itertools
from typing import get_args

import pytest
import segno
from hypothesis import example, given, settings
from hypothesis import strategies as st

from coronapas.hcert._base45 import ALPHABET
from coronapas.presentation import ErrorLevel, Modules
from coronapas.presentation._symbol import Mode, _shares, _value, data_codewords, segments, symbol

LEVELS: tuple[ErrorLevel, ...] = get_args(ErrorLevel)

# Digits in runs, which zxing-cpp would write in numeric mode.
texts = st.lists(
    st.text(st.sampled_from(ALPHABET), min_size=1, max_size=40)
    | st.text(st.sampled_from(ALPHABET[:10]), min_size=1, max_size=30),
    min_size=1,
    max_size=4,
).map("".join)


def assert_alphanumeric(text: str, level: ErrorLevel, version: int | None = None) -> None:
    modules = symbol(text, level, version=version)
    assert modules is not None
    (segment,) = segments(data_codewords(modules), (len(modules) - 17) // 4)
    assert (segment.mode, segment.content.decode()) == (Mode.ALPHANUMERIC, text)


@given(texts, st.sampled_from(LEVELS))
@example("7", "Q")
@example("0123456789", "L")
@example("HC1:0123456", "H")
@example("0123456:HC1", "H")
@settings(max_examples=12)
def test_a_text_is_one_alphanumeric_segment(text: str, level: ErrorLevel) -> None:
    assert_alphanumeric(text, level)


def test_every_run_of_digits_at_every_place_is_alphanumeric() -> None:
    # A run just below the bounds is left to zxing-cpp, one above them is not.
    for run, head, tail in itertools.product((5, 6, 7, 11, 12, 13), ("", "A"), ("", "AB")):
        assert_alphanumeric(head + "12345678901234"[:run] + tail, "Q")


@pytest.mark.parametrize(("text", "level"), [("HC1:ABCD", "Q"), ("HC1:1234567", "M")])
def test_the_modules_are_segno_s(text: str, level: ErrorLevel) -> None:
    for mask in range(8):
        judge = segno.make_qr(text, error=level, mode="alphanumeric", mask=mask, boost_error=False)
        wanted = tuple(tuple(map(bool, row)) for row in judge.matrix)
        # Not where the data ends on a whole byte: segno 1.6 adds a byte of zeros there.
        same = symbol(text, level, mask=mask) == wanted
        assert same


def test_a_text_that_does_not_fit_is_none() -> None:
    assert symbol("A" * 17, "Q", version=1) is None
    assert symbol("1" * 17, "Q", version=1) is None  # in numeric mode it would fit
    assert symbol("1" * 4297, "L") is None


@given(st.text(st.sampled_from(ALPHABET), min_size=1, max_size=2))
def test_shares_are_without_digits_and_add_up_to_their_group(group: str) -> None:
    first, second, third = _shares(group)
    assert _value(first) ^ _value(second) ^ _value(third) == _value(group)
    assert {len(first), len(second), len(third)} == {len(group)}
    assert set(ALPHABET[10:]).issuperset(first + second + third)


def penalty(modules: Modules) -> int:
    """The points of ISO/IEC 18004, table 11, counted module by module."""
    side = len(modules)
    points = 0
    for lines in (modules, tuple(zip(*modules, strict=True))):
        for line in lines:
            runs = [len(list(run)) for _, run in itertools.groupby(line)]
            points += sum(run - 2 for run in runs if run >= 5)
            quiet = (False,) * 4
            framed = (*quiet, *line, *quiet)
            for start in range(4, side - 2):
                finder = framed[start : start + 7] == (True, False, True, True, True, False, True)
                beside = (framed[start - 4 : start], framed[start + 7 : start + 11])
                points += 40 * (finder and quiet in beside)
    for y, x in itertools.product(range(side - 1), repeat=2):
        block = {modules[y][x], modules[y][x + 1], modules[y + 1][x], modules[y + 1][x + 1]}
        points += 3 * (len(block) == 1)
    share = sum(map(sum, modules)) * 100 / side**2
    return points + 10 * int(abs(share - 50) / 5)


@given(texts, st.sampled_from(LEVELS))
@settings(max_examples=12, deadline=None)
def test_the_mask_is_the_one_with_the_lowest_penalty(text: str, level: ErrorLevel) -> None:
    chosen = symbol(text, level)
    assert chosen is not None
    each = [symbol(text, level, version=(len(chosen) - 17) // 4, mask=mask) for mask in range(8)]
    points = [penalty(modules) for modules in each if modules is not None]
    assert len(points) == 8
    assert chosen == each[points.index(min(points))]


def test_a_mask_that_is_asked_for_is_used() -> None:
    assert len({symbol("HC1:ABC", "Q", mask=mask) for mask in range(8)}) == 8
