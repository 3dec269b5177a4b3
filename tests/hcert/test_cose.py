"""COSE_Sign1: the frame both ways, the headers that count, and messages made to mislead."""

from __future__ import annotations

from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coronapas.errors import DecodeError
from coronapas.hcert import _cose as cose

KID = bytes(range(8))
PROTECTED = cbor2.dumps({1: cose.ES256, 4: KID})
PAYLOAD = cbor2.dumps({1: "DK"})
SIGNATURE = bytes(64)

BYTES = st.binary(max_size=400)


def message(
    protected: Any = PROTECTED,
    unprotected: Any = None,
    payload: Any = PAYLOAD,
    signature: Any = SIGNATURE,
    tags: tuple[int, ...] = (18,),
) -> bytes:
    item: Any = [protected, {} if unprotected is None else unprotected, payload, signature]
    for tag in tags:
        item = cbor2.CBORTag(tag, item)
    return cbor2.dumps(item)


def codes(data: bytes) -> list[str]:
    return [deviation.code for deviation in cose.read(data).deviations]


def refused(data: bytes, code: str) -> None:
    with pytest.raises(DecodeError) as caught:
        cose.read(data)
    assert caught.value.code == code


@given(BYTES, st.binary(min_size=8, max_size=8), BYTES, st.sampled_from(sorted(cose.ALGORITHMS)))
def test_reading_undoes_signing(payload: bytes, kid: bytes, signature: bytes, alg: int) -> None:
    signed: list[bytes] = []

    def sign(data: bytes) -> bytes:
        signed.append(data)
        return signature

    read = cose.read(cose.sign1(payload, algorithm=alg, kid=kid, sign=sign))
    assert (read.payload, read.signature, read.kid, read.algorithm) == (
        payload,
        signature,
        kid,
        alg,
    )
    assert read.deviations == ()
    assert signed == [read.signed_bytes]
    assert cbor2.loads(read.signed_bytes) == ["Signature1", read.protected, b"", payload]


@pytest.mark.parametrize(("size", "span"), [(64, 66), (255, 257), (256, 259), (384, 387)])
def test_the_span_of_the_signature_is_the_end_of_the_message(size: int, span: int) -> None:
    data = message(payload=bytes(30), signature=b"\xaa" * size)
    assert cose.signature_span(size) == span
    assert cbor2.loads(data[-span:]) == b"\xaa" * size


def test_the_protected_header_wins() -> None:
    read = cose.read(message(unprotected={4: b"another!", 1: cose.PS256}))
    assert (read.kid, read.algorithm) == (KID, cose.ES256)
    told = [(deviation.code, deviation.field) for deviation in read.deviations]
    assert told == [("cose.kid-ambiguous", "kid"), ("cose.alg-ambiguous", "alg")]
    agreed = cose.read(message(unprotected={4: KID, 1: cose.ES256}))
    assert agreed.deviations == ()


def test_the_same_kid_in_both_headers_is_no_deviation() -> None:
    assert codes(message(unprotected={4: KID})) == []


@pytest.mark.parametrize(
    ("protected", "unprotected", "expected"),
    [
        (cbor2.dumps({1: -7}), {4: KID}, ["cose.kid-unprotected"]),
        (cbor2.dumps({4: KID}), {1: -7}, ["cose.alg-unprotected"]),
        (b"", {1: -7, 4: KID}, ["cose.kid-unprotected", "cose.alg-unprotected"]),
        (b"\xa0", {1: -7, 4: KID}, ["cose.kid-unprotected", "cose.alg-unprotected"]),
        (b"\xbf\x01\x26\x04\x48" + KID + b"\xff", {}, ["cbor.indefinite-length"]),
    ],
)
def test_what_stands_elsewhere_is_found_and_told(
    protected: bytes, unprotected: dict[int, Any], expected: list[str]
) -> None:
    read = cose.read(message(protected, unprotected))
    assert (read.kid, read.algorithm) == (KID, cose.ES256)
    assert [deviation.code for deviation in read.deviations] == expected


@pytest.mark.parametrize("length", [0, 1, 7, 9, 40])
def test_a_kid_of_another_length_is_told(length: int) -> None:
    read = cose.read(message(cbor2.dumps({1: -7, 4: bytes(length)})))
    assert read.kid == bytes(length)
    assert [deviation.code for deviation in read.deviations] == ["cose.kid-length"]


@pytest.mark.parametrize("kid", ["text", 5, None, [1], {1: 2}, True])
def test_a_kid_that_is_no_byte_string_is_none(kid: Any) -> None:
    assert cose.read(message(cbor2.dumps({1: -7, 4: kid}))).kid is None


@pytest.mark.parametrize("algorithm", ["ES256", None, -7.0, True, [1]])
def test_an_algorithm_that_is_no_integer_is_none(algorithm: Any) -> None:
    assert cose.read(message(cbor2.dumps({1: algorithm, 4: KID}))).algorithm is None


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ((18,), []),
        ((18, 61), ["cose.cwt-tag"]),
        ((), ["cose.untagged"]),
        ((61,), ["cose.cwt-tag", "cose.untagged"]),
    ],
)
def test_each_way_of_tagging_is_read(tags: tuple[int, ...], expected: list[str]) -> None:
    assert codes(message(tags=tags)) == expected


@pytest.mark.parametrize("tags", [(17,), (98,), (18, 61, 61), (0,)])
def test_any_other_tag_is_refused(tags: tuple[int, ...]) -> None:
    refused(message(tags=tags), "cose.unexpected-tag")


@pytest.mark.parametrize("tags", [(18, 18), (61, 18)])
def test_a_tag_where_the_message_should_stand_is_refused(tags: tuple[int, ...]) -> None:
    refused(message(tags=tags), "cose.structure")


@pytest.mark.parametrize(
    "item",
    [
        1,
        {},
        [],
        [b"", {}, b""],
        [b"", {}, b"", b"", b""],
        [1, {}, b"", b""],
        [{}, {}, b"", b""],
        [b"", [], b"", b""],
        [b"", {}, None, b""],
        [b"", {}, "text", b""],
        [b"", {}, b"", None],
    ],
)
def test_what_has_not_the_parts_of_a_message_is_refused(item: Any) -> None:
    refused(cbor2.dumps(cbor2.CBORTag(18, item)), "cose.structure")


@pytest.mark.parametrize("protected", [b"\x01", b"\x80", b"\xff", b"\xa1", PROTECTED + b"\0"])
def test_a_protected_header_that_is_no_map_is_refused(protected: bytes) -> None:
    refused(message(protected), "cose.protected-header")


def test_a_critical_header_is_refused() -> None:
    protected = cbor2.dumps({1: -7, 2: [42], 4: KID, 42: 1})
    refused(message(protected), "cose.critical-header")


def test_other_protected_headers_change_nothing() -> None:
    read = cose.read(message(cbor2.dumps({1: -7, 3: "application/cwt", 4: KID, "x": 1})))
    assert (read.kid, read.algorithm, read.deviations) == (KID, -7, ())


def test_bytes_after_the_message_are_refused() -> None:
    refused(message() + b"\0", "cbor.trailing-bytes")


def test_no_repr_shows_content() -> None:
    read = cose.read(message(payload=b"Mathilde"))
    assert "Mathilde" not in repr(read)
    assert KID.hex() in repr(read)
    assert "None" in repr(cose.read(message(b"")))


@given(st.binary(max_size=600))
def test_any_bytes_are_read_or_refused_with_a_code(data: bytes) -> None:
    for candidate in (data, b"\xd2\x84" + data):
        try:
            cose.read(candidate)
        except DecodeError as error:
            assert error.layer in ("cbor", "cose")


@pytest.mark.parametrize("label", [True, 1.0, 4.0, b"kid", None, (1,)])
@pytest.mark.parametrize("protected", [True, False])
def test_a_label_that_is_neither_integer_nor_text_is_refused(label: Any, protected: bool) -> None:
    odd = {label: bytes(8)}
    header, outer = (odd, {}) if protected else ({1: -7, 4: bytes(8)}, odd)
    data = cbor2.dumps(cbor2.CBORTag(18, [cbor2.dumps(header), outer, b"x", bytes(64)]))
    with pytest.raises(DecodeError) as caught:
        cose.read(data)
    assert caught.value.code == "cose.label"


def test_a_critical_header_in_the_unprotected_part_is_refused_too() -> None:
    header = cbor2.dumps({1: -7, 4: bytes(8)})
    data = cbor2.dumps(cbor2.CBORTag(18, [header, {2: [99]}, b"x", bytes(64)]))
    with pytest.raises(DecodeError) as caught:
        cose.read(data)
    assert caught.value.code == "cose.critical-header"


@pytest.mark.parametrize("kid", [[1], "text", 5, None, {}])
@pytest.mark.parametrize("protected", [True, False])
def test_a_kid_of_another_type_counts_as_none(kid: Any, protected: bool) -> None:
    header, outer = ({1: -7, 4: kid}, {}) if protected else ({1: -7}, {4: kid})
    data = cbor2.dumps(cbor2.CBORTag(18, [cbor2.dumps(header), outer, b"x", bytes(64)]))
    assert cose.read(data).kid is None
