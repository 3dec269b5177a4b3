"""Facts as JSON: there and back, and the same verdict on a document's shape as its schema gives."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from referencing import Registry, Resource

from coronapas import schemas
from coronapas.dcc import _claims as claims
from coronapas.errors import FactsError, Fault
from coronapas.facts import (
    Event,
    Holder,
    PartialDate,
    Recovery,
    Test,
    TestKind,
    TestResult,
    Vaccination,
)
from coronapas.facts._json import (
    Document,
    from_json,
    from_json_list,
    loads,
    read,
    to_json,
)
from strategies import ISSUED_ON, cases, events, holders

SCHEMA = schemas.load("facts")
CHECKER = jsonschema.FormatChecker(formats=())


@CHECKER.checks("date", ValueError)
def is_date(text: object) -> bool:
    return not isinstance(text, str) or bool(date.fromisoformat(text))


@CHECKER.checks("date-time", ValueError)
def is_moment(text: object) -> bool:
    return not isinstance(text, str) or bool(datetime.fromisoformat(text))


VALIDATOR = jsonschema.Draft202012Validator(SCHEMA, format_checker=CHECKER)
BATCH = jsonschema.Draft202012Validator(
    {"$ref": "facts.schema.json#/$defs/batch"},
    format_checker=CHECKER,
    registry=Registry().with_resource("facts.schema.json", Resource.from_contents(SCHEMA)),
)

DOCUMENT: dict[str, Any] = {
    "holder": {"family_name": "Sørensen", "given_name": "Åse", "birth_date": "1980-02-03"},
    "vaccination": {
        "product": "Comirnaty",
        "dose_number": 2,
        "doses": 2,
        "date": "2021-06-01",
        "country": "DK",
    },
}
TEST: dict[str, Any] = {
    "kind": "NAAT",
    "sampled_at": "2021-06-01T10:00:00+02:00",
    "result": "not detected",
    "centre": "Valby",
}
RECOVERY: dict[str, Any] = {
    "first_positive": "2021-03-01",
    "valid_from": "2021-03-12",
    "valid_until": "2021-08-28",
}


def with_event(kind: str, event: Any) -> dict[str, Any]:
    return {"holder": {"given_name": "Åse", "birth_date": None}, kind: event}


def faults(document: Any) -> list[tuple[str, str]]:
    with pytest.raises(FactsError) as caught:
        from_json(document)
    return [(fault.field, fault.code) for fault in caught.value.faults]


# --- what is read and written ---------------------------------------------------------------------


def test_a_vaccination_is_read() -> None:
    assert from_json(DOCUMENT) == (
        Holder("Sørensen", "Åse", date(1980, 2, 3)),
        Vaccination("Comirnaty", 2, 2, date(2021, 6, 1), "DK"),
    )


@pytest.mark.parametrize("kind", ["NAAT", "naat", "LP6464-4"])
@pytest.mark.parametrize("result", ["not detected", "Not Detected", "260415000"])
def test_a_test_is_read_by_names_or_codes(kind: str, result: str) -> None:
    moment = datetime(2021, 6, 1, 10, tzinfo=timezone(timedelta(hours=2)))
    _, event = from_json(with_event("test", TEST | {"kind": kind, "result": result}))
    assert event == Test(TestKind.NAAT, moment, TestResult.NOT_DETECTED, "Valby")
    assert isinstance(event, Test)
    assert type(event.kind) is TestKind
    assert type(event.result) is TestResult


def test_a_recovery_is_read() -> None:
    _, event = from_json(with_event("recovery", RECOVERY))
    assert event == Recovery(date(2021, 3, 1), date(2021, 3, 12), date(2021, 8, 28))


@pytest.mark.parametrize(
    ("written", "born"),
    [
        ("1980-02-03", date(1980, 2, 3)),
        ("1980-02", PartialDate(1980, 2)),
        ("1980", PartialDate(1980)),
        (None, None),
    ],
)
def test_a_birth_date_is_read_and_written_as_far_as_it_is_known(
    written: str | None, born: date | PartialDate | None
) -> None:
    document = with_event("recovery", RECOVERY)
    document["holder"]["birth_date"] = written
    holder, event = from_json(document)
    assert holder.birth_date == born
    assert to_json(holder, event)["holder"]["birth_date"] == written


def test_a_whole_float_is_an_integer_and_true_is_none() -> None:
    document = copy.deepcopy(DOCUMENT)
    document["vaccination"] |= {"dose_number": 2.0, "doses": 2}
    assert agree(document)
    assert from_json(document) == from_json(DOCUMENT)
    document["vaccination"]["doses"] = True
    assert not agree(document)
    assert faults(document) == [("vaccination.doses", "json.type")]


def test_null_is_the_same_as_a_field_left_out() -> None:
    full = copy.deepcopy(DOCUMENT)
    full["holder"] |= {"family_name_mrz": None, "given_name_mrz": None}
    full["vaccination"] |= {"vaccine": None, "manufacturer": None}
    VALIDATOR.validate(full)
    assert from_json(full) == from_json(DOCUMENT)


def test_kinds_and_results_are_written_by_name_and_other_text_as_it_is() -> None:
    event = Test(TestKind.RAT, datetime(2021, 6, 1, tzinfo=UTC), TestResult.DETECTED, device="1232")
    written = to_json(Holder(), event)["test"]
    assert (written["kind"], written["result"]) == ("RAT", "detected")
    other = replace(event, kind="LP0", result="unclear")
    document = to_json(Holder(), other)
    assert (document["test"]["kind"], document["test"]["result"]) == ("LP0", "unclear")
    assert from_json(document) == (Holder(), other)


@pytest.mark.parametrize(
    ("zone", "written"),
    [
        (UTC, "2021-06-01T10:00:00Z"),
        (timezone(timedelta(hours=-3)), "2021-06-01T07:00:00-03:00"),
        (timezone(timedelta(seconds=1)), "2021-06-01T10:00:00Z"),
        (None, "2021-06-01T10:00:00"),
    ],
)
def test_a_moment_is_written_with_its_offset_where_rfc_3339_can_say_it(
    zone: timezone | None, written: str
) -> None:
    moment = datetime(2021, 6, 1, 10, tzinfo=UTC).astimezone(zone)
    if zone is None:
        moment = datetime(2021, 6, 1, 10)
    event = Test(TestKind.RAT, moment, TestResult.DETECTED)
    assert to_json(Holder(), event)["test"]["sampled_at"] == written


@given(holders(), events())
def test_facts_come_back_from_json_as_they_were(holder: Holder, event: Event) -> None:
    document = json.loads(json.dumps(to_json(holder, event)))
    VALIDATOR.validate(document)
    assert from_json(document) == (holder, event)


@given(st.lists(cases(), max_size=3))
def test_a_list_of_facts_comes_back_in_its_order(drawn: Any) -> None:
    pairs = [(case.holder, case.event) for case in drawn]
    documents = [to_json(*pair) for pair in pairs]
    BATCH.validate(documents)
    assert from_json_list(documents) == pairs


# --- faults ---------------------------------------------------------------------------------------


def test_all_faults_of_a_document_are_reported_together() -> None:
    document = {
        "holder": {"family_name": 5, "birth_date": "1980-02-30", "age": 41},
        "vaccination": {"product": None, "doses": "2", "dose_number": 1.5, "date": "1 June"},
    }
    assert sorted(faults(document)) == [
        ("holder", "json.unknown-field"),
        ("holder.birth_date", "json.date"),
        ("holder.family_name", "json.type"),
        ("vaccination.date", "json.date"),
        ("vaccination.dose_number", "json.type"),
        ("vaccination.doses", "json.type"),
        ("vaccination.product", "json.type"),
    ]


def test_the_faults_of_a_list_name_the_place_in_it() -> None:
    with pytest.raises(FactsError) as caught:
        from_json_list([DOCUMENT, 5, {"holder": {}, "test": TEST}, {}])
    assert [(fault.field, fault.code) for fault in caught.value.faults] == [
        ("1", "json.type"),
        ("2.holder.birth_date", "json.missing"),
        ("3.holder", "json.missing"),
        ("3", "json.one-event"),
    ]
    assert BATCH.is_valid([DOCUMENT])
    assert not BATCH.is_valid([DOCUMENT, {}])
    with pytest.raises(FactsError) as caught:
        from_json_list(DOCUMENT)
    assert [fault.code for fault in caught.value.faults] == ["json.type"]


@pytest.mark.parametrize(
    "document",
    [{}, {"holder": DOCUMENT["holder"]}, DOCUMENT | {"test": TEST}, DOCUMENT | {"recovery": None}],
)
def test_a_document_states_exactly_one_event(document: dict[str, Any]) -> None:
    assert ("", "json.one-event") in faults(document)
    assert not VALIDATOR.is_valid(document)


def test_no_fault_shows_what_the_document_holds() -> None:
    secret = "Hemmelighed"
    document = {
        "holder": {"birth_date": secret, secret: secret},
        "vaccination": dict.fromkeys(("date", "dose_number", secret), secret),
        secret: secret,
    }
    with pytest.raises(FactsError) as caught:
        from_json(document)
    assert len(caught.value.faults) >= 6
    assert secret not in repr(caught.value.faults) + str(caught.value)


def content_faults(document: Document, **more: Any) -> list[Fault]:
    arguments: dict[str, Any] = {
        "holder": document.holder,
        "event": document.event,
        "country": "DK",
        "issuer": "Opfundet Styrelse",
        "uvci": "URN:UVCI:01:DK:ABC",
        "on": ISSUED_ON,
    }
    return [*claims.faults(**arguments | more)]


def told(document: Any) -> list[tuple[str, str]]:
    found = read(document)
    return [(fault.field, fault.code) for fault in found.all_faults(content_faults(found))]


def test_a_document_without_faults_is_read_as_its_facts() -> None:
    found = read(DOCUMENT)
    assert (found.holder, found.event) == from_json(DOCUMENT)
    assert (found.faults, told(DOCUMENT)) == ((), [])


def test_faults_of_the_shape_do_not_hide_those_of_the_content() -> None:
    document = copy.deepcopy(DOCUMENT)
    document["holder"] |= {"family_name": " Sørensen", "given_name": 5, "age": 41}
    document["vaccination"] |= {"product": "Nothing", "doses": "2", "dose_number": 0, "x": 1}
    assert told(document) == [
        ("holder", "json.unknown-field"),
        ("holder.given_name", "json.type"),
        ("vaccination", "json.unknown-field"),
        ("vaccination.doses", "json.type"),
        ("holder.family_name", "text.outer-whitespace"),
        ("vaccination.product", "code.unknown"),
        ("vaccination.dose_number", "dose.number-below-one"),
    ]


def test_of_a_document_with_two_events_or_none_the_holder_is_still_judged() -> None:
    document = {"holder": {"family_name": " ", "birth_date": None}}
    for events_ in ({}, {"test": TEST, "recovery": RECOVERY}, {"test": 5}):
        assert told(document | events_)[-1] == ("holder.family_name", "text.empty")
    assert told(5) == [("", "json.type")]
    wrong = {"vaccination": DOCUMENT["vaccination"] | {"product": "Nothing"}}
    assert told(wrong) == [("holder", "json.missing"), ("vaccination.product", "code.unknown")]


@settings(max_examples=200)
@given(st.data())
def test_of_a_value_of_the_wrong_shape_nothing_else_is_told(data: st.DataObject) -> None:
    case = data.draw(cases())
    document = to_json(case.holder, case.event)
    part = data.draw(st.sampled_from(sorted(document)))
    name = data.draw(st.sampled_from(sorted(document[part])))
    document[part][name] = data.draw(st.sampled_from(([], {}, True, ["x"])))
    found = read(document)
    content = content_faults(found, country=case.country, uvci=case.uvci)
    assert [fault.field for fault in found.all_faults(content)] == [f"{part}.{name}"]
    with pytest.raises(FactsError):
        from_json(document)


@settings(max_examples=200)
@given(st.data())
def test_whatever_is_read_can_be_judged(data: st.DataObject) -> None:
    found = read(data.draw(documents()))
    both = found.all_faults(content_faults(found))
    assert both[: len(found.faults)] == found.faults


# --- the text -------------------------------------------------------------------------------------


def test_a_text_is_read_as_its_document() -> None:
    text = json.dumps(DOCUMENT)
    for written in (text, text.encode(), b"\xef\xbb\xbf" + text.encode()):
        assert loads(written) == DOCUMENT


@pytest.mark.parametrize(
    "text", ["{", "", b"\xff\xfe", "[" * 200_000, "Sørensen", "9" * 5000, '{"a": "Sørensen}']
)
def test_what_is_no_json_is_one_fault_that_repeats_nothing(text: str | bytes) -> None:
    with pytest.raises(FactsError) as caught:
        loads(text)
    assert [(fault.field, fault.code) for fault in caught.value.faults] == [("", "json.malformed")]
    assert "Sørensen" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_field_that_stands_twice_is_a_fault_of_its_object() -> None:
    text = json.dumps(DOCUMENT)
    twice = text.replace('"doses": 2', '"doses": 3, "doses": 2')
    twice = twice.replace('"given_name"', '"birth_date": null, "given_name"')
    assert faults(loads(twice)) == [
        ("holder", "json.repeated-field"),
        ("vaccination", "json.repeated-field"),
    ]
    assert told(loads(twice)) == faults(loads(twice))
    whole = f'{text[:-1]}, "holder": {{"birth_date": null}}}}'
    assert ("", "json.repeated-field") in faults(loads(whole))
    with pytest.raises(FactsError) as caught:
        from_json_list(loads(f"[{text}, {whole}]"))
    assert [fault.field for fault in caught.value.faults] == ["1"]


# --- the schema's verdict and ours ----------------------------------------------------------------


def agree(document: Any) -> bool:
    valid = VALIDATOR.is_valid(document)
    try:
        from_json(document)
    except FactsError as error:
        assert error.faults
        assert not valid, f"Only the reader refuses: {error}"
    else:
        assert valid, "Only the schema refuses."
    return valid


SCALARS: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from((2.0, 1.5, float("inf"), 1e300)),
    st.text(max_size=4),
    st.sampled_from(
        (
            *("2021-06-01", "2021-6-1", "20210601", "2021-02-29", "2021-06", "2021-13", "2021"),
            *("2021-06-01\n", "2021\n", "2021-06\n", "0000", "0000-01-01", "٢٠٢١-٠٦-٠١", "٢٠٢١"),
            *("2021-06-01T10:00:00Z", "2021-06-01T10:00:00.123456-02:30", "2021-06-01T10:00:00"),
            *("2021-06-01T24:00:00Z", "2021-06-01T10:60:00Z", "2021-02-30T10:00:00Z", "2021-W01-1"),
            *("2021-06-01T10:00:00Z\n", "2021-06-01 10:00:00Z", "2021-06-01T10:00:00+0200"),
            *("2021-06-01T10:00:00+02", "2021-06-01T10:00:00z", "2021-06-01T10:00:00.Z"),
            *("2021-06-01T10:00:00.1234567Z", "2021-06-01T10:00:00+24:00", "2021-06-01T23:59:60Z"),
        )
    ),
    st.lists(st.integers(), max_size=1),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=1),
)


@st.composite
def documents(draw: st.DrawFn) -> Any:
    """A valid document in which up to two values are changed, removed or added anywhere."""
    case = draw(cases())
    document = to_json(case.holder, case.event)
    for _ in range(draw(st.integers(0, 2))):
        parts = [document, *(part for part in document.values() if isinstance(part, dict))]
        part = draw(st.sampled_from(parts))
        name = draw(
            st.sampled_from(sorted(part))
            if part and draw(st.booleans())
            else st.sampled_from(("test", "country", "disease", "name", "birth_date", "x"))
        )
        if draw(st.booleans()):
            part.pop(name, None)
        else:
            part[name] = draw(SCALARS)
    return document


@settings(max_examples=200)
@given(documents())
def test_the_reader_and_the_schema_agree_on_every_document(document: Any) -> None:
    agree(document)


@pytest.mark.parametrize("field", ["birth_date", "date", "sampled_at", "first_positive"])
@settings(max_examples=100)
@given(SCALARS)
def test_the_reader_and_the_schema_agree_on_every_date(field: str, value: Any) -> None:
    document = {
        "birth_date": copy.deepcopy(DOCUMENT),
        "date": copy.deepcopy(DOCUMENT),
        "sampled_at": with_event("test", dict(TEST)),
        "first_positive": with_event("recovery", dict(RECOVERY)),
    }[field]
    next(part for part in document.values() if field in part)[field] = value
    agree(document)


@pytest.mark.parametrize(
    "document",
    [
        DOCUMENT | {"holder": "Åse"},
        with_event("vaccination", []),
        with_event("test", "NAAT"),
        with_event("recovery", None),
        with_event("test", TEST | {"sampled_at": "2021-02-30T10:00:00Z"}),
        with_event("test", TEST | {"sampled_at": "2021-02-28T10:00:00"}),
        with_event("test", TEST | {"device": 1232}),
        with_event("recovery", RECOVERY | {"disease": 840539006}),
    ],
)
def test_the_reader_and_the_schema_refuse_what_has_the_wrong_shape(document: Any) -> None:
    assert not agree(document)


def test_a_disease_that_is_null_is_left_out() -> None:
    document = with_event("recovery", RECOVERY | {"disease": None})
    assert agree(document)
    assert from_json(document) == from_json(with_event("recovery", RECOVERY))


@given(SCALARS)
def test_the_reader_and_the_schema_agree_on_what_is_no_document(document: Any) -> None:
    assert not agree(document)


@pytest.mark.parametrize("kind", ["vaccination", "test", "recovery"])
def test_the_reader_and_the_schema_know_the_same_fields(kind: str) -> None:
    event = {"vaccination": DOCUMENT["vaccination"], "test": TEST, "recovery": RECOVERY}[kind]
    defined = SCHEMA["$defs"][kind]["properties"]
    for name in (*defined, "x", "dn"):
        document = with_event(kind, {key: event[key] for key in event if key != name})
        agree(document)
        document[kind][name] = event.get(name, "x")
        assert agree(document) == (name in defined)
    for name in (*SCHEMA["$defs"]["holder"]["properties"], "x"):
        document = with_event(kind, event)
        document["holder"].pop(name, None)
        agree(document)
        document["holder"][name] = None
        assert agree(document) == (name != "x")


# --- birth dates of which parts were filled -------------------------------------------------------

FILLED = ("XX", "xx", "00", "??", "**", "__", "X", "0")


@pytest.mark.parametrize("filled", FILLED)
@pytest.mark.parametrize("separator", ["-", ".", "/", ""])
@pytest.mark.parametrize(
    "form", ["{y}{s}{f}{s}{f}", "{f}{s}{f}{s}{y}", "{y}{s}05{s}{f}", "{f}{s}05{s}{y}"]
)
def test_filled_parts_of_a_birth_date_are_refused_and_the_hint_names_the_form(
    filled: str, separator: str, form: str
) -> None:
    text = form.format(y="1987", s=separator, f=filled)
    document = {"holder": {"family_name": "X", "birth_date": text}, "test": TEST}
    with pytest.raises(FactsError) as caught:
        from_json(document)
    (fault,) = caught.value.faults
    assert (fault.field, fault.code) == ("holder.birth_date", "json.date")
    assert "1963 for a year" in fault.hint
    assert "1987" not in str(fault)


@given(st.dates(date(1900, 1, 1), date(2099, 12, 31)))
def test_no_whole_or_partial_date_counts_as_filled(day: date) -> None:
    from coronapas.facts._json import _padded

    for text in (day.isoformat(), f"{day:%d-%m-%Y}", f"{day:%Y%m%d}", f"{day:%Y-%m}", f"{day:%Y}"):
        assert not _padded(text)
