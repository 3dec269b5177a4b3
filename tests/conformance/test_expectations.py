"""Each expectation holds on a true vector, fails when its own thing is broken, and never raises."""

from __future__ import annotations

import base64
import sys
from typing import TYPE_CHECKING, Any

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vector_world import certificate, document, pairs, resigned, vector

from coronapas.conformance._runner import Verdict, results_of
from coronapas.conformance._vectors import EXPECTATIONS, difference, judge
from coronapas.hcert import _compression as compression
from coronapas.presentation import qr

if TYPE_CHECKING:
    from collections.abc import Callable

Change = "Callable[[dict[str, Any]], None]"


def holds(name: str, content: dict[str, Any]) -> bool | None:
    return judge(EXPECTATIONS[name], vector(content)).holds


def changed(change: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    content = document()
    change(content)
    return content


def put(*path_and_value: Any) -> Callable[[dict[str, Any]], None]:
    *path, last, value = path_and_value

    def change(content: dict[str, Any]) -> None:
        place: Any = content
        for step in path:
            place = place[step]
        place[last] = value

    return change


def times(iat: object = 0, exp: object = 0) -> Callable[[dict[str, Any]], None]:
    """Claims whose times are moved; None takes one away."""

    def change(claims: dict[Any, Any]) -> None:
        for label, by in ((6, iat), (4, exp)):
            if by is None:
                del claims[label]
            else:
                claims[label] += by

    return put("COSE", resigned(change))


def dcc_with(**changes: Any) -> Callable[[dict[str, Any]], None]:
    return put("COSE", resigned(lambda claims: claims[-260][1].update(changes)))


def second_event(claims: dict[Any, Any]) -> None:
    claims[-260][1]["v"] = claims[-260][1]["v"] * 2


def other_picture() -> str:
    return base64.b64encode(qr("HC1:OTHER").png()).decode()


TEST_KEY = certificate(pairs()[1])

BROKEN: list[tuple[str, Callable[[dict[str, Any]], Any]]] = [
    ("EXPECTEDVALIDOBJECT", put("JSON", "v", 0, "dn", 0)),
    ("EXPECTEDVALIDOBJECT", lambda content: content["JSON"].pop("nam")),
    ("EXPECTEDENCODE", put("JSON", "nam", "fn", "Other")),
    ("EXPECTEDENCODE", put("CBOR", "ff")),
    ("EXPECTEDPICTUREDECODE", put("2DCODE", other_picture())),
    ("EXPECTEDPICTUREDECODE", put("2DCODE", base64.b64encode(b"no picture").decode())),
    ("EXPECTEDUNPREFIX", put("PREFIX", "HC2:NCF")),
    ("EXPECTEDUNPREFIX", lambda content: content.update(PREFIX=content["BASE45"])),
    ("EXPECTEDB45DECODE", put("BASE45", "QED8WEX0")),
    ("EXPECTEDB45DECODE", put("BASE45", "a")),
    ("EXPECTEDCOMPRESSION", lambda content: content.update(COMPRESSED=content["COSE"])),
    ("EXPECTEDCOMPRESSION", put("COMPRESSED", compression.compress(b"other").hex())),
    ("EXPECTEDVERIFY", put("TESTCTX", "CERTIFICATE", TEST_KEY)),
    ("EXPECTEDVERIFY", put("TESTCTX", "CERTIFICATE", "AAAA")),
    ("EXPECTEDVERIFY", put("COSE", "d2")),
    ("EXPECTEDVERIFY", put("COSE", resigned(lambda claims: None, kid=b"elsewhere"[:8]))),
    ("EXPECTEDVERIFY", put("COSE", resigned(lambda claims: None, algorithm=-37))),
    ("EXPECTEDVERIFY", lambda content: content.update(COSE=content["COSE"][:-2] + "00")),
    ("EXPECTEDVERIFY", put("COSE", cbor2.dumps([b"", {}, b"", b""]).hex())),
    ("EXPECTEDDECODE", dcc_with(dob="1980")),
    ("EXPECTEDDECODE", put("JSON", "dob", "1980")),
    ("EXPECTEDDECODE", put("CBOR", cbor2.dumps({"dob": "1980"}).hex())),
    ("EXPECTEDDECODE", put("COSE", resigned(lambda claims: claims.pop(-260)))),
    ("EXPECTEDVALIDJSON", put("JSON", "dob", "1980")),
    ("EXPECTEDVALIDJSON", lambda content: content["JSON"].pop("dob")),
    ("EXPECTEDVALIDJSON", lambda content: content["JSON"].update(more=None)),
    ("EXPECTEDSCHEMAVALIDATION", dcc_with(dob="1st of May")),
    ("EXPECTEDSCHEMAVALIDATION", dcc_with(t=None)),
    ("EXPECTEDSCHEMAVALIDATION", dcc_with(v=[])),
    ("EXPECTEDSCHEMAVALIDATION", put("COSE", resigned(second_event))),
    ("EXPECTEDSCHEMAVALIDATION", put("COSE", "00")),
    ("EXPECTEDEXPIRATIONCHECK", put("TESTCTX", "VALIDATIONCLOCK", "2023-01-15T11:59:59Z")),
    ("EXPECTEDEXPIRATIONCHECK", put("TESTCTX", "VALIDATIONCLOCK", "2023-04-15T12:00:01Z")),
    ("EXPECTEDEXPIRATIONCHECK", times(iat=-21 * 86_400)),
    ("EXPECTEDEXPIRATIONCHECK", times(exp=3 * 365 * 86_400)),
    ("EXPECTEDEXPIRATIONCHECK", times(iat=None)),
    ("EXPECTEDEXPIRATIONCHECK", times(exp=None)),
    ("EXPECTEDEXPIRATIONCHECK", times(exp=float("nan"))),
    ("EXPECTEDKEYUSAGE", put("TESTCTX", "CERTIFICATE", TEST_KEY)),
    ("EXPECTEDKEYUSAGE", dcc_with(v=None)),
]


@pytest.mark.parametrize("name", EXPECTATIONS)
def test_it_holds_where_it_should(name: str) -> None:
    assert judge(EXPECTATIONS[name], vector()) == (True, "")


@pytest.mark.parametrize(("name", "change"), BROKEN)
def test_it_does_not_hold_where_its_own_thing_is_broken(
    name: str, change: Callable[[dict[str, Any]], Any]
) -> None:
    found = judge(EXPECTATIONS[name], vector(changed(change)))
    assert found.holds is False
    assert found.reason


def test_every_expectation_is_broken_by_something() -> None:
    assert {name for name, _ in BROKEN} == set(EXPECTATIONS)


@pytest.mark.parametrize(
    ("name", "inputs"),
    [
        ("EXPECTEDVALIDOBJECT", ("JSON", "SCHEMA")),
        ("EXPECTEDENCODE", ("JSON", "CBOR")),
        ("EXPECTEDPICTUREDECODE", ("2DCODE", "PREFIX")),
        ("EXPECTEDUNPREFIX", ("PREFIX", "BASE45")),
        ("EXPECTEDB45DECODE", ("BASE45", "COMPRESSED")),
        ("EXPECTEDCOMPRESSION", ("COMPRESSED", "COSE")),
        ("EXPECTEDVERIFY", ("COSE", "CERTIFICATE")),
        ("EXPECTEDDECODE", ("COSE", "JSON")),
        ("EXPECTEDVALIDJSON", ("CBOR", "JSON")),
        ("EXPECTEDEXPIRATIONCHECK", ("COSE", "CERTIFICATE", "VALIDATIONCLOCK")),
        ("EXPECTEDKEYUSAGE", ("COSE", "CERTIFICATE")),
    ],
)
def test_without_one_of_its_inputs_it_is_skipped_and_says_which(
    name: str, inputs: tuple[str, ...]
) -> None:
    for missing in inputs:
        content = document()
        content.pop(missing, None)
        content["TESTCTX"].pop(missing, None)
        found = judge(EXPECTATIONS[name], vector(content))
        assert found.holds is None
        assert missing in found.reason
        others = {"JSON", "CBOR", "COSE", "COMPRESSED", "BASE45", "PREFIX", "2DCODE"} - set(inputs)
        alone = {key: value for key, value in document().items() if key not in others}
        assert holds(name, alone) is True


def test_the_schema_is_checked_on_the_json_where_there_is_no_message() -> None:
    content = document()
    del content["COSE"]
    assert holds("EXPECTEDSCHEMAVALIDATION", content) is True
    content["JSON"]["t"] = None
    assert holds("EXPECTEDSCHEMAVALIDATION", content) is False
    del content["JSON"]
    assert holds("EXPECTEDSCHEMAVALIDATION", content) is None


def test_a_schema_that_is_no_release_says_nothing_of_the_json() -> None:
    assert holds("EXPECTEDVALIDOBJECT", changed(put("TESTCTX", "SCHEMA", "newest"))) is None


@pytest.mark.parametrize("name", ["EXPECTEDENCODE", "EXPECTEDDECODE", "EXPECTEDVALIDJSON"])
def test_the_cbor_may_be_the_whole_cwt(name: str) -> None:
    content = document()
    dcc = cbor2.loads(bytes.fromhex(content["CBOR"]))
    content["CBOR"] = cbor2.dumps({1: "DK", -260: {1: dcc}}).hex()
    assert holds(name, content) is True
    content["CBOR"] = cbor2.dumps({1: "DK", -260: {2: dcc}}).hex()
    assert holds(name, content) is False


@pytest.mark.parametrize(
    "clock", ["2023-01-15T12:00:00Z", "2023-01-15T13:00:00+01:00", "2023-04-15T12:00:00"]
)
def test_both_ends_of_the_validity_belong_to_it(clock: str) -> None:
    content = changed(put("TESTCTX", "VALIDATIONCLOCK", clock))
    assert holds("EXPECTEDEXPIRATIONCHECK", content) is True


def test_a_kid_in_the_unprotected_header_leads_to_the_certificate_too() -> None:
    signer = pairs()[0].signer()
    payload = cbor2.dumps({})
    protected = cbor2.dumps({1: -7})
    to_sign = cbor2.dumps(["Signature1", protected, b"", payload])
    message = [protected, {4: signer.kid}, payload, signer.sign(to_sign)]
    assert holds("EXPECTEDVERIFY", changed(put("COSE", cbor2.dumps(message).hex()))) is True
    message[1] = {4: b"elsewher"}
    assert holds("EXPECTEDVERIFY", changed(put("COSE", cbor2.dumps(message).hex()))) is False


def test_json_that_cbor_cannot_say_does_not_hold() -> None:
    found = judge(EXPECTATIONS["EXPECTEDENCODE"], vector(changed(put("JSON", "dob", "\ud800"))))
    assert found == (False, "UnicodeEncodeError")


def test_without_the_qr_extra_the_picture_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    found = judge(EXPECTATIONS["EXPECTEDPICTUREDECODE"], vector())
    assert found.holds is None
    assert "pip install '.[qr]' in a checkout" in found.reason


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ([1, (2,)], ((1, [2]))),
        (2, 2.0),
        (float("nan"), float("nan")),
        (None, None),
        (True, True),
        ("\u00e9", "e\u0301"),
        ("2021-05-01T10:00:00+02:00", "2021-05-01T08:00:00Z"),
        ("2021-05-01T10:00:00+0200", "2021-05-01T08:00:00.999Z"),
        ("2021-05-01T08:00:00", "2021-05-01T08:00:00Z"),
    ],
)
def test_these_mean_the_same(one: object, other: object) -> None:
    assert difference(one, other) is None
    assert difference(other, one) is None


@pytest.mark.parametrize(
    ("one", "other", "place"),
    [
        (1, True, "the whole"),
        (0, False, "the whole"),
        (0, None, "the whole"),
        ("1", 1, "the whole"),
        (float("nan"), 1.0, "the whole"),
        ([], {}, "the whole"),
        ([1], [1, 2], "the whole"),
        ({"a": [1]}, {"a": [1, 2]}, "a"),
        ({"a": {"b": [1, {"c": 2}]}}, {"a": {"b": [1, {"c": 3}]}}, "a.b.1.c"),
        ({"a": 1}, {"a": 1, "b": None}, "b"),
        ({"a": 1, "b": None}, {"a": 1}, "b"),
        ([0, 1], [0, 2], "1"),
        ("2021-05-01T08:00:00Z", "2021-05-01T08:00:01Z", "the whole"),
        ("2021-05-01", "2021-05-01T00:00:00Z", "the whole"),
        ("a", "A", "the whole"),
    ],
)
def test_these_do_not_and_the_place_is_told(one: object, other: object, place: str) -> None:
    assert difference(one, other) == place
    assert difference(other, one) == place


JUNK = st.one_of(
    st.none(),
    st.integers(),
    st.text(max_size=20),
    st.binary(max_size=40).map(bytes.hex),
    st.binary(max_size=40).map(lambda data: base64.b64encode(data).decode()),
    st.dictionaries(st.sampled_from(["v", "ver", "nam"]), st.lists(st.integers()), max_size=2),
    st.recursive(
        st.integers() | st.text() | st.binary() | st.floats(),
        lambda inner: st.lists(inner) | st.dictionaries(st.integers() | st.text(), inner),
        max_leaves=8,
    ).map(lambda item: cbor2.dumps(item).hex()),
)


@settings(max_examples=150)
@given(st.data())
def test_nothing_hostile_in_a_vector_stops_a_run(data: st.DataObject) -> None:
    content = document()
    inputs = [key for key in content if key not in ("TESTCTX", "EXPECTEDRESULTS")]
    for key in data.draw(st.sets(st.sampled_from(inputs), min_size=1)):
        content[key] = data.draw(JUNK, label=key)
    for key in data.draw(st.sets(st.sampled_from(sorted(content["TESTCTX"])))):
        content["TESTCTX"][key] = data.draw(JUNK, label=key)
    found = results_of(vector(content))
    assert [result.expectation for result in found] == list(EXPECTATIONS)
    assert all(result.reason or result.verdict is Verdict.PASSED for result in found)


def test_a_payload_of_any_claims_is_judged() -> None:
    items: list[dict[Any, Any]] = [{}, {-260: 5}, {-260: {1: []}}, {-260: {1: {"v": 3}}}]
    for item in items:

        def replace(claims: dict[Any, Any], item: dict[Any, Any] = item) -> None:
            claims.clear()
            claims.update(item)

        content = changed(put("COSE", resigned(replace)))
        for name in ("EXPECTEDDECODE", "EXPECTEDSCHEMAVALIDATION", "EXPECTEDKEYUSAGE"):
            assert holds(name, content) is False
