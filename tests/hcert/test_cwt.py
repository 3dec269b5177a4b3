"""The claims: what is read, what is told, and times that are no times."""

from __future__ import annotations

from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coronapas.errors import DecodeError
from coronapas.hcert import _cwt as cwt

DCC = {"ver": "1.3.2"}
SECONDS = st.integers(0, 2**33)
LABELS = {"iss": 1, "exp": 4, "iat": 6, "hcert": -260}


def claims(**changes: Any) -> dict[Any, Any]:
    whole: dict[Any, Any] = {1: "DK", 4: 200, 6: 100, -260: {1: DCC}}
    whole.update((LABELS[name], value) for name, value in changes.items())
    return {label: value for label, value in whole.items() if value is not ...}


def read(**changes: Any) -> cwt.Claims:
    return cwt.read(cbor2.dumps(claims(**changes)))


def codes(found: cwt.Claims) -> list[tuple[str, str]]:
    return [(deviation.code, deviation.field) for deviation in found.deviations]


@given(st.from_regex("[A-Z]{2}", fullmatch=True), SECONDS, SECONDS)
def test_reading_undoes_writing(issuer: str, issued_at: int, expires: int) -> None:
    data = cwt.dump(issuer=issuer, issued_at=issued_at, expires=expires, hcert={1: DCC})
    found = cwt.read(data)
    assert (found.issuer, found.issued_at, found.expires) == (issuer, issued_at, expires)
    assert found.hcert == {1: DCC}
    assert found.deviations == ()


@given(st.permutations(list(claims().items())))
def test_the_order_of_the_claims_is_free(items: list[tuple[Any, Any]]) -> None:
    assert cwt.read(cbor2.dumps(dict(items))) == read()._replace(tree=dict(items))


@given(st.floats(min_value=0, max_value=2**33))
def test_floating_point_times_are_read_down_to_the_second_and_told(value: float) -> None:
    found = read(exp=value, iat=value)
    assert found.expires == found.issued_at == int(value)
    assert codes(found) == [("cwt.float-time", "iat"), ("cwt.float-time", "exp")]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_is_not_finite_is_no_time(value: float) -> None:
    found = read(exp=value)
    assert found.expires is None
    assert codes(found) == [("cwt.float-time", "exp")]


@pytest.mark.parametrize("value", [..., None, "100", b"100", True, [100], {1: 1}])
def test_what_is_no_number_is_no_time(value: Any) -> None:
    assert read(exp=value).expires is None
    assert read(iat=value).issued_at is None
    assert codes(read(iat=value)) == [("cwt.missing-iat", "iat")]
    assert codes(read(exp=value)) == []


@pytest.mark.parametrize("value", [..., None, 5, b"DK"])
def test_an_issuer_that_is_no_text_is_none(value: Any) -> None:
    assert read(iss=value).issuer is None


@pytest.mark.parametrize("value", [..., None, 5, [1], "x", cbor2.CBORTag(99, {1: 2})])
def test_an_hcert_claim_that_is_no_map_is_none(value: Any) -> None:
    assert read(hcert=value).hcert is None


def test_claims_beyond_the_four_are_told_by_number_and_not_by_text() -> None:
    found = cwt.read(cbor2.dumps({**claims(), 2: "x", 7: b"y", "Mathilde": 1}))
    assert codes(found) == [
        ("cwt.extra-claim", "2"),
        ("cwt.extra-claim", "7"),
        ("cwt.extra-claim", "?"),
    ]


def test_what_stands_beside_the_dcc_is_told() -> None:
    assert codes(read(hcert={1: DCC, 2: {}, "Mathilde": 1})) == [
        ("cwt.extra-claim", "-260.2"),
        ("cwt.extra-claim", "-260.?"),
    ]


@pytest.mark.parametrize("value", ["", "dk", "D", "DKK", "Dä", 5, None, ["DK"]])
def test_an_issuer_that_is_no_two_capitals_is_told(value: Any) -> None:
    assert codes(read(iss=value)) == [("cwt.issuer", "iss")]


def test_an_issuer_may_be_left_out() -> None:
    assert codes(read(iss=...)) == []


def test_indefinite_lengths_are_told() -> None:
    data = b"\xbf" + cbor2.dumps(claims())[1:] + b"\xff"
    assert codes(cwt.read(data)) == [("cbor.indefinite-length", "")]


def test_a_date_time_under_tag_0_is_the_text_it_was_and_told_with_its_place() -> None:
    text = "2021-06-01T10:00:00Z"
    dcc = {"t": [{"sc": cbor2.CBORTag(0, text)}], "a key too long to be a field": ["x"], 5: 1}
    data = cbor2.dumps(claims(hcert={1: dcc})).replace(b"\xd8\x00", b"\xc0")
    found = cwt.read(data)
    assert found.hcert is not None
    assert found.hcert[1]["t"][0]["sc"] == text
    assert codes(found) == [("cbor.tagged-date-time", "t.0.sc")]


def test_a_tagged_text_under_an_odd_key_is_told_without_the_key() -> None:
    data = cbor2.dumps(claims(hcert={1: {"a b": [cbor2.CBORTag(0, "x")]}}))
    assert codes(cwt.read(data)) == [("cbor.tagged-date-time", "?.0")]


@pytest.mark.parametrize(
    "changes", [{}, {6: 0x6AC0_0000}, {4: 0x7000_00C0}, {-260: {1: {"x": b"\xc0"}}}]
)
def test_the_byte_of_tag_0_elsewhere_changes_nothing(changes: dict[int, Any]) -> None:
    whole = {1: "DK", 4: 1_900_000_000, 6: 1_800_000_000, -260: {1: {"x": 1}}, **changes}
    data = cbor2.dumps(whole)
    found = cwt.read(data)
    assert codes(found) == []
    assert found.hcert == whole[-260]


@pytest.mark.parametrize("label", [True, 4.0, 6.0, -260.0])
def test_a_label_that_is_a_boolean_or_a_float_is_refused(label: Any) -> None:
    content = {name: value for name, value in claims().items() if name != label}
    for odd in ({**content, label: 5}, {**claims(), -260: {True: {}}}):
        with pytest.raises(DecodeError) as caught:
            cwt.read(cbor2.dumps(odd))
        assert caught.value.code == "cwt.label"


@pytest.mark.parametrize("item", [1, [], "x", None, [1, 2]])
def test_claims_that_are_no_map_are_refused(item: Any) -> None:
    with pytest.raises(DecodeError) as caught:
        cwt.read(cbor2.dumps(item))
    assert caught.value.code == "cwt.structure"


def test_no_repr_shows_content() -> None:
    assert "1.3.2" not in repr(read())


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_with_a_code(data: bytes) -> None:
    try:
        cwt.read(data)
    except DecodeError as error:
        assert error.layer in ("cbor", "cwt")


@given(st.dictionaries(st.integers(-300, 10) | st.text(max_size=3), st.none() | st.floats()))
def test_any_map_is_read(tree: dict[Any, Any]) -> None:
    assert cwt.read(cbor2.dumps(tree)).tree.keys() == tree.keys()
