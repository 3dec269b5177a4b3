"""Normal forms: Unicode's own for every text of people, and bounded for the texts of others."""

from __future__ import annotations

import sys
import time
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from coronapas.dcc._examiner import examine
from coronapas.dcc._names import match_mrz, transliterate
from coronapas.dcc._reader import facts_of
from coronapas.dcc._text import (
    LONGEST_RUN,
    Form,
    is_normal,
    normal,
)
from odd_payloads import payload

FORMS = st.sampled_from(("NFC", "NFD"))
MARKS = st.text("\u0301\u0334\u0323", max_size=LONGEST_RUN)
# Two classes of marks in the wrong order, each step of a sort by insertion: the costliest of runs.
HOSTILE = "a" + "\u0301" * 16_100 + "\u0334" * 16_100
# Real texts take microseconds; without a bound on runs, each of these took two seconds and more.
SECONDS = 0.5


@given(st.text(max_size=60), FORMS)
@example("e\u0301" * 30, "NFC")
def test_short_texts_have_the_form_that_unicode_gives_them(text: str, form: Form) -> None:
    assert normal(text, form) == unicodedata.normalize(form, text)
    assert is_normal(text, form) == unicodedata.is_normalized(form, text)


@given(st.lists(MARKS, min_size=20, max_size=40), FORMS)
def test_long_texts_with_short_runs_do_too(runs: list[str], form: Form) -> None:
    text = "".join(f"a{run}" for run in runs) + "b" * 321
    assert normal(text, form) == unicodedata.normalize(form, text)
    assert is_normal(text, form) == unicodedata.is_normalized(form, text)


@pytest.mark.parametrize("extra", [0, 1])
def test_the_longest_run_is_inclusive(extra: int) -> None:
    text = "b" * 400 + "\u0301" * (LONGEST_RUN - 1 + extra) + "\u0334"
    assert (normal(text) == text) is bool(extra)
    assert not is_normal(text)
    assert is_normal(normal(text)) is not bool(extra)


MARKS_BY_DECOMPOSITION = [
    character
    for character in map(chr, range(sys.maxunicode + 1))
    if unicodedata.combining(unicodedata.normalize("NFD", character)[0])
]


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_run_of_any_marks_is_bounded(form: Form) -> None:
    # U+0F73 is of class 0 and decomposes into two marks: a run of it is a run of marks too.
    assert "\u0f73" in MARKS_BY_DECOMPOSITION
    for mark in MARKS_BY_DECOMPOSITION:
        long = mark * 400
        assert normal(long, form) == long
        assert not is_normal(long, form)


def test_a_run_of_marks_costs_no_more_than_its_length() -> None:
    odd = payload() | {"nam": {"fn": HOSTILE, "gn": "x", "fnt": "A", "gnt": "B"}}
    began = time.process_time()
    assert "content.not-nfc" in {one.code for one in examine(odd)}
    facts, _ = facts_of(odd)
    assert facts is not None
    assert facts.holder.family_name == HOSTILE
    assert transliterate(HOSTILE).mrz == "A"
    match_mrz(HOSTILE, "A")
    assert time.process_time() - began < SECONDS
