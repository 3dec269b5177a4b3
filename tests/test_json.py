"""Reading JSON within bounds, and its members by name and type."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coronapas._json import MAX_DEPTH, Doubled, Faults, JsonError, Raising, Reader, load
from coronapas.errors import FactsError, Fault, HistoryError, ProgrammeError
from coronapas.facts import History
from coronapas.programmes import load as load_programme

LIMIT = 100_000
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("abc\x00é"), inner),
)


@given(VALUES, st.booleans(), st.booleans())
def test_what_json_can_state_is_read_as_it_is(value: Any, escaped: bool, as_bytes: bool) -> None:
    text = json.dumps(value, ensure_ascii=escaped)
    data = ("\ufeff" + text).encode() if as_bytes else text
    assert load(data, limit=LIMIT) == load(data, limit=LIMIT, keep_doubled=True) == value


@given(st.binary(max_size=40) | st.text(max_size=40))
def test_whatever_is_given_is_read_or_refused(data: bytes | str) -> None:
    try:
        found = load(data, limit=30)
    except JsonError as error:
        assert error.reason in {"too-large", "encoding", "syntax", "too-deep", "doubled", "number"}
    else:
        assert json.loads(json.dumps(found)) == found


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("[1]" + " " * LIMIT, "too-large"),
        (b"\xff", "encoding"),
        ("[]".encode("utf-16"), "encoding"),
        (r'"\ud800"', "encoding"),
        (rb'"\udc00"', "encoding"),
        (r'"\ud800\ud800\udc00"', "encoding"),
        (r'"\ud800 \udc00"', "encoding"),
        (r'"\ud800\n\udc00"', "encoding"),
        ('"\ud800"', "encoding"),
        ("", "syntax"),
        ("[1,]", "syntax"),
        ("[1] [2]", "syntax"),
        ("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), "too-deep"),
        ("[" * 50_000, "too-deep"),
        ('{"a":' * (MAX_DEPTH + 1) + "1" + "}" * (MAX_DEPTH + 1), "too-deep"),
        ('{"a": {"b": 1, "b": 1}}', "doubled"),
        ("NaN", "number"),
        ("[-Infinity]", "number"),
        ("1e999", "number"),
        ("-1e999", "number"),
        ("1" * 301, "number"),
        ("1" * 10_000, "number"),
    ],
)
def test_what_two_parsers_could_read_in_two_ways_or_fills_the_memory_is_refused(
    data: bytes | str, reason: str
) -> None:
    with pytest.raises(JsonError) as caught:
        load(data, limit=LIMIT)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    "text",
    [r'"\ud83d\ude00"', r'"\\ud800"', r'"\\\ud83d\ude00"', r'"\u00e9"', r'"\"\ud83d\ude00"'],
)
def test_whole_characters_are_read_however_they_are_escaped(text: str) -> None:
    assert load(text, limit=LIMIT) == load(text.encode(), limit=LIMIT) == json.loads(text)


def test_bounds_are_inclusive() -> None:
    nested = "[" * 3 + "]" * 3
    assert load(nested, limit=6, depth=3, parts=3) == [[[]]]
    tighter: tuple[dict[str, Any], ...] = (
        {"limit": 5},
        {"limit": 6, "depth": 2},
        {"limit": 6, "parts": 2},
    )
    for bounds in tighter:
        for data in (nested, nested.encode()):
            with pytest.raises(JsonError):
                load(data, **bounds)
    assert math.isfinite(float(load("9" * 300, limit=LIMIT)))


def test_half_a_pair_is_read_where_it_is_asked_for() -> None:
    assert load(rb'"\ud800"', limit=LIMIT, half_pairs=True) == "\ud800"


def test_brackets_in_texts_do_not_count_as_depth() -> None:
    assert load(json.dumps(["[" * 500]), limit=LIMIT) == ["[" * 500]


def test_a_doubled_member_is_kept_for_a_reader_to_name() -> None:
    found = load('{"a": {"b": 1, "b": 2}}', limit=LIMIT, keep_doubled=True)
    assert isinstance(found["a"], Doubled)
    faults = Faults()
    row = Reader(found, "top", faults).row("a")
    assert row is not None
    assert [(fault.field, fault.code) for fault in faults.found] == [("top.a", "json.doubled")]


@pytest.mark.parametrize(
    ("load_it", "error"), [(History.from_json, HistoryError), (load_programme, ProgrammeError)]
)
def test_histories_and_programmes_refuse_doubled_members(
    load_it: Any, error: type[HistoryError | ProgrammeError], tmp_path: Any
) -> None:
    path = tmp_path / "doubled.json"
    path.write_text('{"sector": "a", "sector": "b"}')
    with pytest.raises(error) as caught:
        load_it(path)
    assert ("", "json.doubled") in {(fault.field, fault.code) for fault in caught.value.faults}


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("weeks", "row.weeks"),
        ("dose_count", "row.dose_count"),
        ("010180-1234", "row"),
        ("Ida Hansen", "row"),
        ("\x1b[31m", "row"),
        ("a" * 41, "row"),
        ("", "row"),
        ("a.b", "row"),
        ("name\n", "row"),
    ],
)
def test_the_name_of_an_unknown_member_is_shown_only_in_a_harmless_shape(
    name: str, shown: str
) -> None:
    faults = Faults()
    Reader({name: 1}, "row", faults).close()
    assert [(fault.field, fault.code) for fault in faults.found] == [(shown, "json.unknown")]
    assert name == "" or name in shown or name not in str(faults.found[0])


def test_the_first_fault_can_be_raised_as_the_callers_error() -> None:
    def error(fault: Fault) -> FactsError:
        return FactsError([fault])

    row = Reader({"a": 1}, "row", Raising(error))
    assert row.number("a", 0, 2) == 1
    with pytest.raises(FactsError) as caught:
        row.text("a")
    assert caught.value.faults[0].field == "row.a"


def test_a_null_is_a_fault_but_where_it_means_something() -> None:
    faults = Faults()
    row = Reader({"a": None}, "", faults)
    assert row.number("a", 0, 1, nullable=True) is None
    assert faults.found == []
    assert row.number("a", 0, 1) is None
    assert row.number("a", 0, 1, required=True) is None
    assert [fault.code for fault in faults.found] == ["json.null", "json.missing"]
