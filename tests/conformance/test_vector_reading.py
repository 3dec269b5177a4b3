"""Files in the test-vector format, in the form and out of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vector_world import document, pairs, vector

from coronapas.conformance._vectors import (
    MAX_BYTES,
    MAX_DEPTH,
    NotAVectorError,
    VectorInputError,
    read,
)
from coronapas.errors import KeyMaterialError


def read_json(content: Any) -> Any:
    return read(json.dumps(content).encode(), "v.json")


def test_a_byte_order_mark_is_passed_over() -> None:
    assert read(b"\xef\xbb\xbf" + json.dumps(document()).encode()).prefix is not None


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff\xfe{}", "not JSON"),
        (b"[" * 200_000, "deeper"),
        (b'{"n": ' + b"1" * 10_000 + b"}", "not JSON"),
        (b"[]", "no EXPECTEDRESULTS"),
        (b"{}", "no EXPECTEDRESULTS"),
        (b'{"EXPECTEDRESULTS": null}', "no EXPECTEDRESULTS"),
        (b'{"EXPECTEDRESULTS": [true]}', "no EXPECTEDRESULTS"),
        (b'{"EXPECTEDRESULTS": {}}' + b" " * MAX_BYTES, "more than"),
    ],
)
def test_what_is_no_vector_is_refused_with_the_reason(content: bytes, told: str) -> None:
    with pytest.raises(NotAVectorError, match=told):
        read(content)


@pytest.mark.parametrize(("depth", "good"), [(MAX_DEPTH, True), (MAX_DEPTH + 1, False)])
def test_a_document_may_nest_so_deep_and_no_deeper(depth: int, good: bool) -> None:
    inner: Any = 1
    for _ in range(depth - 1):
        inner = [inner]
    content = {"JSON": inner, "EXPECTEDRESULTS": {}}
    if good:
        assert read_json(content).document == content
    else:
        with pytest.raises(NotAVectorError, match="deeper"):
            read_json(content)


def test_expected_results_inside_expected_results_are_all_read() -> None:
    inner = {"EXPECTEDVERIFY": True, "EXPECTEDRESULTS": {"EXPECTEDDECODE": False}}
    found = read_json({"EXPECTEDRESULTS": {"EXPECTEDRESULTS": inner, "A": 1}}).statements
    assert [tuple(one) for one in found] == [
        ("EXPECTEDVERIFY", True),
        ("EXPECTEDDECODE", False),
        ("A", 1),
    ]


def test_a_statement_that_only_looks_nested_keeps_its_name() -> None:
    found = read_json({"EXPECTEDRESULTS": {"EXPECTEDRESULTS": True}}).statements
    assert [tuple(one) for one in found] == [("EXPECTEDRESULTS", True)]


def test_the_name_of_a_statement_is_shown_at_most_in_part() -> None:
    (found,) = read_json({"EXPECTEDRESULTS": {"X" * 1000: True}}).statements
    assert found.name == "X" * 57 + "..."


@pytest.mark.parametrize("absent", [None, ""])
def test_null_and_empty_inputs_are_absent(absent: Any) -> None:
    keys = ("JSON", "CBOR", "COSE", "COMPRESSED", "BASE45", "PREFIX", "2DCODE", "TESTCTX")
    found = read_json({**dict.fromkeys(keys, absent), "EXPECTEDRESULTS": {}})
    inputs = (found.json, found.cbor, found.cose, found.compressed, found.base45, found.prefix)
    assert inputs == (None,) * 6
    assert (found.picture, found.schema, found.certificate, found.clock) == (None,) * 4
    assert found.extension is None


@pytest.mark.parametrize(
    ("key", "attribute", "value"),
    [
        ("JSON", "json", "{}"),
        ("CBOR", "cbor", "0g"),
        ("CBOR", "cbor", "abc"),
        ("COSE", "cose", 5),
        ("COMPRESSED", "compressed", ["78"]),
        ("BASE45", "base45", {}),
        ("PREFIX", "prefix", 1.5),
        ("2DCODE", "picture", "%%%"),
        ("2DCODE", "picture", "caf\u00e9"),
    ],
)
def test_an_input_that_cannot_be_opened_is_an_error_when_asked_for(
    key: str, attribute: str, value: Any
) -> None:
    content = document()
    content[key] = value
    found = vector(content)
    with pytest.raises(VectorInputError, match=key):
        getattr(found, attribute)


def test_hexadecimal_may_have_white_space_and_either_case() -> None:
    content = {"EXPECTEDRESULTS": {}, "COSE": "D2 8 4\n".replace(" 4", "4"), "CBOR": "Ff 00"}
    found = read_json(content)
    assert (found.cose, found.cbor) == (b"\xd2\x84", b"\xff\x00")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2021-05-03T18:00:00Z", datetime(2021, 5, 3, 18, tzinfo=UTC)),
        ("2021-05-03T18:00:00", datetime(2021, 5, 3, 18, tzinfo=UTC)),
        ("2021-05-03T18:00:00+0000", datetime(2021, 5, 3, 18, tzinfo=UTC)),
        ("2021-05-03T18:00:00.1234567Z", datetime(2021, 5, 3, 18, 0, 0, 123456, tzinfo=UTC)),
        (
            "2021-05-03T18:00:00+02:00 ",
            datetime(2021, 5, 3, 18, tzinfo=timezone(timedelta(hours=2))),
        ),
    ],
)
def test_a_clock_is_read_in_every_form_and_without_zone_is_utc(text: str, moment: datetime) -> None:
    assert vector(VALIDATIONCLOCK=text).clock == moment


def test_a_clock_that_is_none_is_an_error() -> None:
    with pytest.raises(VectorInputError, match="clock"):
        _ = vector(VALIDATIONCLOCK="noon").clock


def test_a_certificate_is_read_in_any_form() -> None:
    certificate = pairs()[0].certificate
    assert vector(CERTIFICATE=certificate.pem().decode()).certificate == certificate
    assert vector().certificate == certificate
    with pytest.raises(KeyMaterialError):
        _ = vector(CERTIFICATE="AAAA").certificate


def test_a_vector_does_not_show_its_content() -> None:
    assert "Opdigtet" not in repr(vector())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(st.binary(max_size=100) | JSON.map(lambda value: json.dumps(value).encode()))
def test_reading_raises_nothing_but_that_it_is_no_vector(content: bytes) -> None:
    with pytest.raises(NotAVectorError):
        read(content)
