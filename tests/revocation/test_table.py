"""The sorted columns in which a store keeps hashes."""

from __future__ import annotations

import hashlib
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coronapas.revocation import _holding as holding

# Few distinct bytes, so that heads and whole hashes are often equal.
crowded = st.binary(min_size=16, max_size=16).map(
    lambda raw: bytes(byte & 1 for byte in raw[:2]) + bytes(12) + bytes(b & 3 for b in raw[14:])
)
hashes = st.one_of(crowded, st.binary(min_size=16, max_size=16))
batches = st.lists(st.lists(hashes, max_size=12), max_size=6)


def built(parts: list[list[bytes]]) -> holding.Table:
    return holding.build((number, b"".join(part)) for number, part in enumerate(parts))


def expected(parts: list[list[bytes]], value: bytes) -> Counter[int]:
    return Counter(number for number, part in enumerate(parts) for each in part if each == value)


@given(batches, hashes)
def test_a_table_finds_what_it_was_built_of_and_nothing_else(
    parts: list[list[bytes]], stranger: bytes
) -> None:
    rows = built(parts)
    assert len(rows) == sum(map(len, parts))
    for value in (stranger, *(value for part in parts for value in part)):
        assert Counter(rows.batches_of(value)) == expected(parts, value)


@given(batches, batches)
def test_merged_tables_are_the_table_of_all_rows(
    first: list[list[bytes]], second: list[list[bytes]]
) -> None:
    both = holding.merge([built(first), built([*([[]] * len(first)), *second])])
    whole = built([*first, *second])
    assert both.records() == whole.records()
    assert both.bytes_of_heads() == whole.bytes_of_heads()


@given(batches)
def test_merging_keeps_the_wanted_batches_only(parts: list[list[bytes]]) -> None:
    kept = holding.merge([built(parts)], lambda number: number % 2 == 0)
    for value in {value for part in parts for value in part}:
        assert Counter(kept.batches_of(value)) == Counter(
            {n: count for n, count in expected(parts, value).items() if n % 2 == 0}
        )


@given(batches, st.sets(hashes, max_size=5))
def test_hashes_that_are_taken_out_are_gone_and_the_others_stay(
    parts: list[list[bytes]], strangers: set[bytes]
) -> None:
    gone = strangers | {value for part in parts[:2] for value in part[:3]}
    rest = holding.without(built(parts), gone)
    left = built([[value for value in part if value not in gone] for part in parts])
    assert rest.records() == left.records()


@given(batches, hashes)
def test_a_table_on_foreign_memory_answers_as_the_one_that_was_written(
    parts: list[list[bytes]], stranger: bytes
) -> None:
    rows = built(parts)
    seen = holding.view(memoryview(rows.bytes_of_heads()), memoryview(bytes(rows.tails)))
    for value in (stranger, *(value for part in parts for value in part)):
        assert seen.batches_of(value) == rows.batches_of(value)
    assert seen.records() == rows.records()


def test_ten_thousand_hashes_with_one_head_are_still_searched_by_bisection() -> None:
    values = [bytes(8) + number.to_bytes(8, "big") for number in range(10_000)]
    rows = holding.build([(7, b"".join(values))])
    assert rows.batches_of(values[4321]) == [7]
    assert rows.batches_of(bytes(8) + b"\xff" * 8) == []


def test_a_hash_takes_twenty_bytes() -> None:
    rows = built([[bytes(16)] * 3])
    assert len(rows.bytes_of_heads()) + len(rows.tails) == 3 * holding.RECORD == 60


def test_a_large_table_of_hashes_that_are_not_evenly_spread_finds_them_all_the_same() -> None:
    even = [hashlib.sha256(bytes([n & 255, n >> 8])).digest()[:16] for n in range(3000)]
    low = [bytes(4) + hashlib.sha256(bytes([n & 255, n >> 8])).digest()[:12] for n in range(3000)]
    high = [b"\xff" * 4 + value[4:] for value in low]
    for values in (even, low, high, [*even, *low, *high]):
        rows = holding.build([(1, b"".join(values[:1500])), (2, b"".join(values[1500:]))])
        assert all(rows.batches_of(value) == [1] for value in values[:1500])
        assert all(rows.batches_of(value) == [2] for value in values[1500:])
        for stranger in (bytes(16), b"\xff" * 16, even[0][:8] + bytes(8), bytes(8) + even[0][:8]):
            assert rows.batches_of(stranger) == []


def test_filling_keeps_the_wanted_batches_by_their_whole_number() -> None:
    numbers = [0, 1, 255, 256, 65_536, holding.MAX_BATCH]
    rows = holding.build((number, bytes(16)) for number in numbers)
    assert sorted(rows.batches_of(bytes(16))) == numbers
    assert holding.merge([rows], {255, holding.MAX_BATCH}.__contains__).batches_of(bytes(16)) == [
        *(255, holding.MAX_BATCH)
    ]


def test_a_table_that_is_sorted_in_parts_is_the_one_that_is_sorted_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    values = [hashlib.sha256(bytes([n & 255, n >> 8])).digest()[:16] for n in range(2000)]
    at_once = built([values[:900], values[900:]])
    monkeypatch.setattr(holding, "_IN_ONE_PART", 100)
    in_parts = built([values[:900], values[900:]])
    assert in_parts.records() == at_once.records()
    first, second = built([values[:900]]), built([[], values[900:]])
    assert holding.merge([first, second]).records() == at_once.records()
    assert holding.without(at_once, set(values[:900])).records() == second.records()
