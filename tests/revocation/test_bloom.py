"""Bloom filters in the reference's binary form."""

from __future__ import annotations

import base64
import json
import struct
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coronapas.errors import RevocationListError
from coronapas.revocation import _filters as filters
from coronapas.revocation._filters import BloomFilter

if TYPE_CHECKING:
    from pathlib import Path

ELEMENTS = [bytes((number, *range(1, 16))) for number in range(3)]
KNOWN = bytes.fromhex("000107003c23d70a0000000300000003000000012b7e0126")


def head(
    version: int = 1,
    rounds: int = 1,
    function: int = 0,
    rate: float = 0.5,
    capacity: int = 1,
    count: int = 1,
    words: int = 1,
) -> bytes:
    return struct.pack(">hbbfiii", version, rounds, function, rate, capacity, count, words)


def test_a_known_filter_is_made_bit_by_bit() -> None:
    made = BloomFilter.make(ELEMENTS, rate=0.01)
    assert made.write() == KNOWN
    assert BloomFilter.read(KNOWN) == made


def test_the_published_filters_are_made_bit_by_bit(official: Path) -> None:
    samples = json.loads((official / "revocation" / "bloom-filters.json").read_text("utf-8"))
    assert len(samples) == 4
    for sample in samples:
        words = json.loads(base64.b64decode(sample["filter"]))
        members = [
            text.encode()
            for text, written in zip(sample["data"], sample["written"], strict=True)
            if written
        ]
        made = BloomFilter.make(members, rate=sample["p"], capacity=len(sample["data"]))
        assert made.bits == struct.pack(f">{len(words)}i", *words)
        assert [int(text.encode() in made) for text in sample["data"]] == sample["written"]


@given(st.sets(st.binary(max_size=20), min_size=1, max_size=50), st.floats(1e-12, 0.5))
def test_a_filter_never_misses_a_member_and_survives_writing(
    elements: set[bytes], rate: float
) -> None:
    made = BloomFilter.make(elements, rate=rate)
    assert all(element in made for element in elements)
    assert BloomFilter.read(made.write()) == made
    assert 1 <= made.rounds <= filters.MAX_ROUNDS
    assert 0 < made.fill <= 1


def test_strangers_match_about_as_seldom_as_was_asked_for() -> None:
    made = BloomFilter.make([number.to_bytes(16, "big") for number in range(2000)], rate=0.01)
    matches = sum(number.to_bytes(16, "big") in made for number in range(10_000, 20_000))
    assert matches < 250
    assert made.false_positive_rate < 0.02


def test_a_full_filter_says_that_everything_matches() -> None:
    full = BloomFilter.read(head() + b"\xff" * 4)
    assert full.false_positive_rate == 1.0
    assert b"anything" in full


@pytest.mark.parametrize("rate", [0.0, 1.0, -1.0, 2.0, 1e-60, 1e60, float("nan")])
def test_a_rate_that_is_none_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="rate"):
        BloomFilter.make([b"x"], rate=rate)


def test_a_capacity_of_nothing_or_too_much_is_refused() -> None:
    with pytest.raises(ValueError, match="1 or more"):
        BloomFilter.make([], rate=0.1)
    with pytest.raises(ValueError, match="bytes"):
        BloomFilter.make([b"x"], rate=0.1, capacity=2**30)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "list.malformed"),
        (KNOWN[:19], "list.malformed"),
        (KNOWN[:-1], "list.malformed"),
        (KNOWN + b"\0", "list.malformed"),
        (head(version=2) + bytes(4), "list.unsupported"),
        (head(function=1) + bytes(4), "list.unsupported"),
        (head(rounds=0) + bytes(4), "list.malformed"),
        (head(rounds=-1) + bytes(4), "list.malformed"),
        (head(rate=0.0) + bytes(4), "list.malformed"),
        (head(rate=float("nan")) + bytes(4), "list.malformed"),
        (head(capacity=-1) + bytes(4), "list.malformed"),
        (head(count=-1) + bytes(4), "list.malformed"),
        (head(words=0), "list.malformed"),
        (head(words=-1) + bytes(4), "list.malformed"),
        (head(words=2**31 - 1) + bytes(4), "list.malformed"),
        (bytes(filters.MAX_BLOOM_BYTES + 21), "list.too-large"),
    ],
    ids=lambda value: None if isinstance(value, bytes) else value,
)
def test_what_is_no_filter_is_refused(data: bytes, code: str) -> None:
    with pytest.raises(RevocationListError) as caught:
        BloomFilter.read(data)
    assert caught.value.code == code
    assert caught.value.form == "bloom"


@given(st.binary(max_size=64))
def test_any_bytes_are_a_filter_or_an_error(data: bytes) -> None:
    try:
        found = BloomFilter.read(data)
    except RevocationListError:
        return
    assert found.write() == data
