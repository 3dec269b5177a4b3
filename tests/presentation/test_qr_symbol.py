"""Symbols in alphanumeric mode, judged by segno, an independent encoder."""

from __future__ import annotations

import itertools
from typing import get_args

import pytest
import segno
from hypothesis import example, given, settings
from hypothesis import strategies as st

from coronapas.hcert._base45 import ALPHABET
from coronapas.presentation import ErrorLevel, Modules
from coronapas.presentation._symbol import _shares, _value, symbol

LEVELS: tuple[ErrorLevel, ...] = get_args(ErrorLevel)

levels = st.sampled_from(LEVELS)
masks = st.integers(0, 7)
# Digits in runs, which zxing-cpp would write in numeric mode.
texts = st.lists(
    st.text(st.sampled_from(ALPHABET), min_size=1, max_size=40)
    | st.text(st.sampled_from(ALPHABET[:10]), min_size=1, max_size=30),
    min_size=1,
    max_size=4,
).map("".join)


def by_segno(
    text: str,
    level: ErrorLevel,
    mask: int,
    *,
    mode: str = "alphanumeric",
    version: int | None = None,
) -> Modules:
    code = segno.make_qr(
        text, error=level, mode=mode, mask=mask, version=version, boost_error=False
    )
    return tuple(tuple(map(bool, row)) for row in code.matrix)


@given(texts, levels, masks)
@example("7", "Q", 0)
@example("0123456789", "L", 5)
@example("HC1:0123456", "H", 3)
@example("0123456:HC1", "H", 3)
@example("A" + "1" * 13 + "A", "M", 7)
@settings(max_examples=40)
def test_a_text_is_one_alphanumeric_segment_in_the_smallest_version(
    text: str, level: ErrorLevel, mask: int
) -> None:
    assert symbol(text, level, mask=mask) == by_segno(text, level, mask)


def test_every_run_of_digits_at_every_place_is_alphanumeric() -> None:
    # A run just below the bounds is left to zxing-cpp, one above them is not.
    for run, head, tail in itertools.product(range(1, 16), ("", "A", "AB"), ("", "A", "AB")):
        text = head + "1234567890123456"[:run] + tail
        for version in (1, 10, 27):
            if version == 1 and len(text) > 16:
                continue
            assert symbol(text, "Q", version=version, mask=2) == by_segno(
                text, "Q", 2, version=version
            ), (text, version)


@pytest.mark.parametrize("version", [1, 2, 6, 7, 9, 10, 14, 21, 26, 27, 33, 40])
def test_a_text_is_written_in_the_version_asked_for(version: int) -> None:
    for level, mask in zip(LEVELS, range(4), strict=True):
        wanted = by_segno("HC1:A+B", level, mask, version=version)
        assert symbol("HC1:A+B", level, version=version, mask=mask) == wanted


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
