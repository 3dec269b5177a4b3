"""Reading CBOR from strangers: bounds, tags, duplicates, and everything that is no CBOR at all."""

from __future__ import annotations

from typing import Any

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coronapas.errors import DecodeError
from coronapas.hcert import _cbor as cbor

ITEMS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**64), 2**64 - 1)
    | st.text(max_size=20)
    | st.binary(max_size=20)
    | st.floats(allow_nan=False),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=5) | st.integers(-300, 300), inner, max_size=4)
    ),
    max_leaves=12,
)


def refused(data: bytes, code: str) -> None:
    with pytest.raises(DecodeError) as caught:
        cbor.load(data)
    assert caught.value.code == f"cbor.{code}"


@given(ITEMS)
def test_reading_undoes_writing(item: Any) -> None:
    assert cbor.load(cbor.dump(item)) == (item, False)


@given(ITEMS, st.binary(min_size=1, max_size=5))
def test_bytes_after_the_item_are_refused(item: Any, more: bytes) -> None:
    refused(cbor.dump(item) + more, "trailing-bytes")


@given(ITEMS, st.data())
def test_a_cut_item_is_refused(item: Any, data: st.DataObject) -> None:
    whole = cbor.dump(item)
    with pytest.raises(DecodeError):
        cbor.load(whole[: data.draw(st.integers(0, len(whole) - 1))])


@pytest.mark.parametrize(
    "data",
    ["bf616101ff", "9f01ff", "7f6161ff", "5f4161ff", "bf61619f01ffff"],
)
def test_indefinite_lengths_are_read_and_told(data: str) -> None:
    item, indefinite = cbor.load(bytes.fromhex(data))
    assert indefinite
    assert cbor.load(cbor.dump(item)) == (item, False)


def test_bytes_after_an_item_of_indefinite_length_are_refused() -> None:
    refused(bytes.fromhex("9f01ff00"), "trailing-bytes")


@pytest.mark.parametrize(
    "data", ["a2616101616102", "a201010102", "bf616101616102ff", "81a2616101616102"]
)
def test_a_key_stated_twice_is_refused(data: str) -> None:
    refused(bytes.fromhex(data), "duplicate-key")


def test_nesting_is_read_to_its_cap_and_no_deeper() -> None:
    at_the_cap = b"\x81" * (cbor.MAX_DEPTH - 1) + b"\x80"
    assert cbor.load(at_the_cap)[1] is False
    refused(b"\x81" * cbor.MAX_DEPTH + b"\x80", "too-deep")
    refused(b"\x81" * 60_000 + b"\x80", "malformed")
    refused(b"\xc1" * 60_000 + b"\x00", "malformed")


@pytest.mark.parametrize(
    "data",
    [
        "9b00000000ffffffff",
        "5b000000ffffffffff",
        "bb0000000fffffffff",
        "7affffffff",
        "1a0000",
        "",
        "9f01",
    ],
)
def test_lengths_that_are_not_there_cost_nothing(data: str) -> None:
    refused(bytes.fromhex(data), "truncated")


@pytest.mark.parametrize("data", ["1c", "ff", "62ffff", "fc", "f800"])
def test_what_is_no_cbor_is_malformed(data: str) -> None:
    with pytest.raises(DecodeError) as caught:
        cbor.load(bytes.fromhex(data))
    assert caught.value.code in ("cbor.malformed", "cbor.truncated")


def test_no_tag_is_obeyed() -> None:
    contents = [b"\x00", b"\x61a", b"\x41a", b"\x80", b"\x82\x01\x02", b"\x81\x61a", b"\xf6"]
    for number in range(1, 66_000):
        head = cbor2.dumps(cbor2.CBORTag(number, 0))[:-1]
        for content in contents if number < 1200 or number in (43000, 55799) else contents[:1]:
            item, _ = cbor.load(head + content)
            assert type(item) is cbor2.CBORTag
            assert item.tag == number


@given(st.text(max_size=30))
def test_text_under_tag_0_stays_text(text: str) -> None:
    item, _ = cbor.load(cbor.dump(cbor2.CBORTag(0, "x"))[:1] + cbor.dump(text))
    assert item == text
    assert type(item) is cbor.TaggedText


def test_a_number_under_tag_0_stays_tagged() -> None:
    assert cbor.load(b"\xc0\x01")[0] == cbor2.CBORTag(0, 1)


@given(st.binary(max_size=70_000 // 2**6) | st.binary(max_size=40))
@settings(max_examples=300)
def test_any_bytes_are_read_or_refused_with_a_code(data: bytes) -> None:
    try:
        cbor.load(data)
    except DecodeError as error:
        assert error.layer == "cbor"


@pytest.mark.parametrize("size", [0, 1, 23, 24, 255, 256, 65_535, 65_536])
def test_byte_strings_are_framed_as_the_library_frames_them(size: int) -> None:
    assert cbor.byte_string(bytes(size)) == cbor2.dumps(bytes(size))


KEYS = st.recursive(
    st.integers(-(2**64), 2**64 - 1) | st.text(max_size=3) | st.binary(max_size=3) | st.booleans(),
    lambda inner: st.tuples(inner, inner) | st.builds(cbor2.CBORTag, st.just(99), inner),
    max_leaves=3,
)
TREES = st.recursive(
    st.integers(-5, 5) | st.text(max_size=3) | st.floats() | st.none(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(KEYS, inner, max_size=4)
        | st.builds(cbor2.CBORTag, st.just(99), inner)
    ),
    max_leaves=12,
)


def container_key(item: Any) -> bool:
    if isinstance(item, dict):
        odd = any(isinstance(key, tuple | cbor2.CBORTag) for key in item)
        return odd or any(map(container_key, item.values()))
    if isinstance(item, list | tuple):
        return any(map(container_key, item))
    return isinstance(item, cbor2.CBORTag) and container_key(item.value)


@given(TREES, st.booleans())
def test_a_container_as_a_key_is_found_wherever_it_stands(item: Any, indefinite: bool) -> None:
    data = cbor2.dumps(item, indefinite_containers=indefinite)
    assert cbor.has_container_key(data) is container_key(item)


@given(st.binary(max_size=60))
def test_looking_for_containers_as_keys_never_raises(data: bytes) -> None:
    cbor.has_container_key(data)


@given(TREES, st.data())
def test_what_was_cut_has_no_container_as_a_key_that_the_whole_has_not(
    item: Any, data: st.DataObject
) -> None:
    whole = cbor2.dumps(item)
    cut = whole[: data.draw(st.integers(0, len(whole)))]
    assert cbor.has_container_key(cut) <= container_key(item)


def test_a_large_item_that_was_cut_is_truncated() -> None:
    refused(cbor2.dumps([{1: "x" * 5000}, 2])[:-1], "truncated")


def test_keys_that_collide_are_refused_before_they_are_compared() -> None:
    prime = 2**61 - 1
    pairs = [(a * prime, b) for a in range(8) for b in range(24)]
    keys = [bytes([0x82, 0x1B, *a.to_bytes(8, "big"), b]) for a, b in pairs]
    body = b"".join(key + b"\x00" for key in keys)
    data = b"\xb9" + len(keys).to_bytes(2, "big") + body
    padded = b"\x82" + data + b"\x59\x20\x00" + bytes(8192)
    with pytest.raises(DecodeError) as caught:
        cbor.load(padded)
    assert caught.value.code == "cbor.container-key"
    assert cbor.load(cbor2.dumps({"x" * 9000: 1, 5: [{-1: 2}]}))[0][5] == [{-1: 2}]


def test_bytes_are_hexadecimal_in_json() -> None:
    item = {1: b"\x00\xff", b"\x01": [b"", "text", 2.5, None]}
    assert cbor.to_json(item) == {"1": "00ff", "01": ["", "text", 2.5, None]}
