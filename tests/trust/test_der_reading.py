"""The reader of DER takes nothing but DER, whatever it is given."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coronapas import _asn1 as asn1
from coronapas.errors import KeyMaterialError
from der_writer import oid, tlv

INSTANTS = st.datetimes(
    min_value=datetime(1950, 1, 1),
    max_value=datetime(2049, 12, 31, 23, 59, 59),
).map(lambda instant: instant.replace(tzinfo=UTC, microsecond=0))


def whole(data: bytes) -> asn1.Element:
    return asn1.element(data, 0, len(data))


@given(st.integers(0, 255).filter(lambda tag: tag & 0x1F != 0x1F), st.binary(max_size=70_000))
def test_an_element_is_found_from_its_tag_to_its_end(tag: int, content: bytes) -> None:
    data = tlv(tag, content)
    found = whole(data + b"more")
    assert (found.tag, data[found.begin : found.end]) == (tag, content)
    assert (found.start, found.end, found.after) == (0, len(data), len(data))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x30",
        b"\x30\x80\x00\x00",
        b"\x30\x81",
        b"\x30\x82\x01",
        b"\x30\x85\x00\x00\x00\x00\x01\x00",
        b"\x30\xff",
        b"\x30\x01",
        b"\x30\x84\xff\xff\xff\xff",
        b"\x1f\x81\x01\x00",
    ],
)
def test_an_element_with_a_broken_frame_is_refused(data: bytes) -> None:
    with pytest.raises(KeyMaterialError):
        whole(data)


def test_a_length_in_more_bytes_than_needed_is_read() -> None:
    assert whole(b"\x04\x84\x00\x00\x00\x01a") == (4, 0, 6, 7, 7)


def test_an_element_does_not_reach_past_its_holder() -> None:
    data = b"\x04\x02ab"
    assert asn1.element(data, 0, 4) == (4, 0, 2, 4, 4)
    with pytest.raises(KeyMaterialError, match="longer than what holds it"):
        asn1.element(data, 0, 3)


def test_bytes_after_the_only_element_are_refused() -> None:
    with pytest.raises(KeyMaterialError, match="bytes follow the end of the thing"):
        asn1.only(b"\x30\x00\x00", asn1.SEQUENCE, "the thing")


def test_another_tag_than_expected_is_refused_by_name() -> None:
    with pytest.raises(KeyMaterialError, match="the thing must have tag 0x30, got 0x31"):
        asn1.only(b"\x31\x00", asn1.SEQUENCE, "the thing")


@given(st.lists(st.tuples(st.integers(1, 30), st.binary(max_size=20)), max_size=8))
def test_children_are_found_side_by_side(parts: list[tuple[int, bytes]]) -> None:
    data = b"".join(tlv(tag, content) for tag, content in parts)
    found = asn1.children(data, 0, len(data))
    assert [(each.tag, data[each.begin : each.end]) for each in found] == parts


@given(st.binary(max_size=200))
def test_hostile_bytes_give_children_within_them_or_an_error(data: bytes) -> None:
    try:
        found = asn1.children(data, 0, len(data))
    except KeyMaterialError:
        return
    assert all(0 < each.begin <= each.end == each.after <= len(data) for each in found)


@given(st.integers(-(2**511), 2**511 - 1))
def test_integers_of_up_to_64_bytes_are_read(value: int) -> None:
    data = tlv(2, value.to_bytes(64, "big", signed=True))
    assert asn1.integer(data, whole(data)) == value


@pytest.mark.parametrize("size", [0, 65])
def test_empty_and_oversized_integers_are_refused(size: int) -> None:
    data = tlv(2, bytes(size))
    with pytest.raises(KeyMaterialError, match="integer"):
        asn1.integer(data, whole(data))


@given(
    st.one_of(
        st.tuples(st.integers(0, 1), st.integers(0, 39)),
        st.tuples(st.just(2), st.integers(0, 2**40)),
    ),
    st.lists(st.integers(0, 2**40), max_size=6),
)
def test_object_identifiers_are_read(first: tuple[int, int], rest: list[int]) -> None:
    dotted = ".".join(map(str, (*first, *rest)))
    data = oid(dotted)
    assert asn1.object_identifier(data, whole(data)) == dotted


@pytest.mark.parametrize("content", [b"", b"\x2a\x80", b"\x2a" * 65])
def test_empty_cut_off_and_oversized_object_identifiers_are_refused(content: bytes) -> None:
    data = tlv(6, content)
    with pytest.raises(KeyMaterialError, match="object identifier"):
        asn1.object_identifier(data, whole(data))


@pytest.mark.parametrize(
    ("tag", "content", "text"),
    [
        (0x0C, "Ærø".encode(), "Ærø"),
        (0x13, b"DK", "DK"),
        (0x16, b"a@b.example", "a@b.example"),
        (0x14, b"\xc6", "Æ"),
        (0x1E, "Æ".encode("utf-16-be"), "Æ"),
        (0x0C, b"\xff", "\ufffd"),
        (0x13, b"\xc6", "\ufffd"),
        (0x03, b"\x00\x01", "#0001"),
    ],
)
def test_text_is_read_by_its_type(tag: int, content: bytes, text: str) -> None:
    data = tlv(tag, content)
    assert asn1.text(data, whole(data)) == text


@given(INSTANTS)
def test_both_kinds_of_time_give_the_same_instant(instant: datetime) -> None:
    short = tlv(asn1.UTC_TIME, instant.strftime("%y%m%d%H%M%SZ").encode())
    long = tlv(asn1.GENERALIZED_TIME, instant.strftime("%Y%m%d%H%M%SZ").encode())
    assert asn1.time(short, whole(short)) == asn1.time(long, whole(long)) == instant


@given(INSTANTS, st.integers(-14 * 60, 14 * 60))
def test_a_time_with_an_offset_is_the_same_instant(instant: datetime, minutes: int) -> None:
    local = instant.astimezone(timezone(timedelta(minutes=minutes)))
    data = tlv(asn1.GENERALIZED_TIME, local.strftime("%Y%m%d%H%M%S%z").encode())
    read = asn1.time(data, whole(data))
    assert read == instant
    assert read.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    ("text", "year"), [(b"500101000000Z", 1950), (b"490101000000Z", 2049), (b"000101000000Z", 2000)]
)
def test_two_digits_of_a_year_mean_1950_to_2049(text: bytes, year: int) -> None:
    data = tlv(asn1.UTC_TIME, text)
    assert asn1.time(data, whole(data)).year == year


def test_the_time_that_means_no_end_is_read() -> None:
    data = tlv(asn1.GENERALIZED_TIME, b"99991231235959Z")
    assert asn1.time(data, whole(data)).timestamp() == calendar.timegm((9999, 12, 31, 23, 59, 59))


def test_a_time_without_seconds_means_the_full_minute() -> None:
    data = tlv(asn1.UTC_TIME, b"2105010203Z")
    assert asn1.time(data, whole(data)) == datetime(2021, 5, 1, 2, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("tag", "content"),
    [
        (asn1.UTC_TIME, b""),
        (asn1.UTC_TIME, b"20210501000000Z"),
        (asn1.GENERALIZED_TIME, b"210501000000Z"),
        (asn1.GENERALIZED_TIME, b"20210501000000"),
        (asn1.GENERALIZED_TIME, b"20211301000000Z"),
        (asn1.GENERALIZED_TIME, b"20210230000000Z"),
        (asn1.GENERALIZED_TIME, b"20210501240000Z"),
        (asn1.GENERALIZED_TIME, b"20210501000060Z"),
        (asn1.GENERALIZED_TIME, b"00000501000000Z"),
        (asn1.GENERALIZED_TIME, b"00010101000000+0100"),
        (asn1.GENERALIZED_TIME, b"99991231235959-0100"),
        (asn1.GENERALIZED_TIME, b"20210501000000+9999"),
        (asn1.GENERALIZED_TIME, b"20210501000000Z\n"),
        (asn1.GENERALIZED_TIME, "٢٠٢١٠٥٠١٠٠٠٠٠٠Z".encode()),
        (asn1.INTEGER, b"20210501000000Z"),
    ],
)
def test_what_is_no_time_is_refused(tag: int, content: bytes) -> None:
    data = tlv(tag, content)
    with pytest.raises(KeyMaterialError, match="time"):
        asn1.time(data, whole(data))


def test_an_indefinite_length_is_read_only_where_ber_is_allowed() -> None:
    data = b"\x30\x80\x04\x01a\x00\x00"
    for refused in (asn1.element, asn1.children):
        with pytest.raises(KeyMaterialError, match="indefinite"):
            refused(data, 0, len(data))
    found = asn1.element(data, 0, len(data), ber=True)
    assert found == (0x30, 0, 2, 5, 7)
    assert asn1.octets(data, asn1.children(data, found.begin, found.end, ber=True)[0]) == b"a"
    with pytest.raises(KeyMaterialError, match="indefinite"):
        asn1.element(b"\x04\x80\x00\x00", 0, 4, ber=True)


@given(st.binary(max_size=200))
def test_what_is_der_is_the_same_as_ber(data: bytes) -> None:
    try:
        found = asn1.children(data, 0, len(data))
    except KeyMaterialError:
        return
    assert asn1.children(data, 0, len(data), ber=True) == found


@given(
    st.lists(
        st.tuples(st.sampled_from([0x02, 0x17, 0x30, 0xA0, 0x1F]), st.binary(max_size=300)),
        max_size=5,
    ),
    st.lists(st.sampled_from([asn1.ANY, 0x02, 0x30, 0xA0]), max_size=5),
    st.integers(-3, 3),
)
def test_elements_side_by_side_are_found_quickly_as_they_are_one_by_one(
    parts: list[tuple[int, bytes]], tags: list[int], cut: int
) -> None:
    data = b"".join(tlv(tag, content) for tag, content in parts)
    limit = len(data) + cut
    limit = min(limit, len(data))
    expected, fits = [0], True
    try:
        for tag in tags:
            found = asn1.element(data, expected[-1], limit)
            fits = fits and tag in (asn1.ANY, found.tag)
            expected.append(found.after)
    except KeyMaterialError:
        fits = False
    assert asn1.starts(data, 0, limit, tags) == (expected if fits else None)


@given(
    st.sampled_from([0x17, 0x18]),
    st.from_regex(rb"[0-9]{10,14}(Z|[+-][0-9]{4})?", fullmatch=True) | st.binary(max_size=16),
    st.binary(max_size=3),
)
def test_a_time_at_a_place_is_that_of_its_element(tag: int, content: bytes, after: bytes) -> None:
    data = tlv(tag, content) + after
    try:
        expected: datetime | None = asn1.time(data, whole(tlv(tag, content)))
    except KeyMaterialError:
        expected = None
    try:
        found: datetime | None = asn1.time_at(data, 0)
    except KeyMaterialError:
        found = None
    assert found == expected
