"""Partial variable hash lists, and the fault of their reference writer."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coronapas.errors import RevocationListError
from coronapas.revocation import _filters as filters
from coronapas.revocation._filters import PrefixList, prefix_length

hashes_ = st.sets(st.binary(min_size=16, max_size=16), min_size=1, max_size=40)
# Most of these begin with the bytes that the reference's writer gets wrong.
negative = st.builds(
    lambda ones, rest: (b"\xff" * ones + rest)[:16],
    st.integers(0, 6),
    st.binary(min_size=16, max_size=16),
)


def head(version: int = 1, rate: float = 0.5, count: int = 1, size: int = 4) -> bytes:
    return struct.pack(">hfib", version, rate, count, size)


@given(st.one_of(hashes_, st.sets(negative, min_size=1, max_size=40)), st.booleans())
def test_a_list_never_misses_a_member_however_it_was_written(
    members: set[bytes], zero_padded: bool
) -> None:
    made = PrefixList.make(members, rate=0.1)
    read = PrefixList.read(made.write(zero_padded=zero_padded))
    assert all(value in read for value in members)
    assert (read.size, read.count) == (made.size, made.count)
    if not zero_padded:
        assert read.prefixes == made.prefixes


def test_the_reference_s_fault_is_repeated_on_demand_and_survived() -> None:
    value = bytes.fromhex("ff9a0102") + bytes(12)
    made = PrefixList(4, 0.5, 1, frozenset({value[:4]}))
    assert made.write()[-4:].hex() == "ff9a0102"
    faulty = made.write(zero_padded=True)
    assert faulty[-4:].hex() == "009a0102"
    assert value in PrefixList.read(faulty)
    assert bytes.fromhex("fe9a0102") + bytes(12) not in PrefixList.read(faulty)


@pytest.mark.parametrize(
    ("right", "stored"),
    [
        ("ffff9a01", "00009a01"),
        ("ffffffff", "000000ff"),
        ("ff7f0000", "ff7f0000"),
        ("80000000", "80000000"),
        ("009a0102", "009a0102"),
        ("7fffffff", "7fffffff"),
    ],
)
def test_only_what_two_s_complement_can_drop_is_dropped(right: str, stored: str) -> None:
    made = PrefixList(4, 0.5, 1, frozenset({bytes.fromhex(right)}))
    assert made.write(zero_padded=True)[-4:].hex() == stored


def test_prefixes_are_written_in_the_order_of_signed_numbers() -> None:
    made = PrefixList(1, 0.5, 4, frozenset({b"\x7f", b"\x00", b"\xff", b"\x80"}))
    assert made.write()[-4:] == b"\x80\xff\x00\x7f"


def test_a_hash_above_the_greatest_prefix_is_simply_not_listed() -> None:
    made = PrefixList.make([bytes(16)], rate=0.1)
    assert b"\x7f" + b"\xff" * 15 not in made


@pytest.mark.parametrize(
    ("count", "offset", "size"),
    [(1, 0, 1), (2, 0, 2), (100_000, 0, 4), (2**16, 0, 3), (2**20, 1, 6), (2**20, 2, 5), (0, 2, 1)],
)
def test_the_length_of_prefixes_follows_the_formula(count: int, offset: int, size: int) -> None:
    assert prefix_length(count, rate=0.1, offset=offset) == size


def test_a_least_length_is_kept() -> None:
    assert prefix_length(10, rate=0.1, least=8) == 8
    for least, rate, offset in ((0, 0.1, 0), (17, 0.1, 0), (1, 1.0, 0), (1, -0.1, 0), (1, 0.1, -1)):
        with pytest.raises(ValueError, match="length"):
            prefix_length(10, rate=rate, least=least, offset=offset)


def test_hashes_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        PrefixList.make([b"short"], rate=0.1)


def test_the_rate_of_false_matches_counts_both_forms() -> None:
    assert PrefixList(
        1, 0.5, 64, frozenset(bytes((n,)) for n in range(64))
    ).false_positive_rate == (0.5)
    assert PrefixList(1, 0.5, 0, frozenset()).false_positive_rate == 0.0


def test_an_empty_list_holds_nothing() -> None:
    empty = PrefixList.read(head(count=0))
    assert bytes(16) not in empty


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "list.malformed"),
        (head()[:-1], "list.malformed"),
        (head(), "list.malformed"),
        (head() + bytes(3), "list.malformed"),
        (head() + bytes(8), "list.malformed"),
        (head(version=2) + bytes(4), "list.unsupported"),
        (head(size=0) + bytes(4), "list.malformed"),
        (head(size=-4) + bytes(4), "list.malformed"),
        (head(size=17) + bytes(17), "list.malformed"),
        (head(count=-1) + bytes(4), "list.malformed"),
        (head(rate=1.5) + bytes(4), "list.malformed"),
        (bytes(filters.MAX_PREFIX_BYTES + 1), "list.too-large"),
    ],
    ids=lambda value: None if isinstance(value, bytes) else value,
)
def test_what_is_no_list_is_refused(data: bytes, code: str) -> None:
    with pytest.raises(RevocationListError) as caught:
        PrefixList.read(data)
    assert caught.value.code == code


@given(st.binary(max_size=64))
def test_any_bytes_are_a_list_or_an_error(data: bytes) -> None:
    try:
        found = PrefixList.read(data)
    except RevocationListError:
        return
    assert all(len(prefix) == found.size for prefix in found.prefixes)
