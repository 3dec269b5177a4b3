"""Records of a register: JSON, JSON lines and CSV, each with its line, its id and its UVCI."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

import strategies
from coronapas import schemas
from coronapas.errors import FactsError
from coronapas.facts import (
    Record,
    RecordForm,
    RecordMapping,
    facts_to_json,
    read_records,
    record_form,
)
from coronapas.facts import _records as records

HOLDER = {"family_name": "Eksempel", "given_name": "Ibine", "birth_date": "1979-04-14"}
DOSE = {
    "product": "Comirnaty",
    "dose_number": 2,
    "doses": 2,
    "date": "2021-06-01",
    "disease": "840539006",
}
DOCUMENT: dict[str, Any] = {"holder": HOLDER, "vaccination": DOSE}
MAPPING_SCHEMA = jsonschema.Draft202012Validator(schemas.load("facts-mapping"))


def flat(document: dict[str, Any], **own: str) -> dict[str, Any]:
    found = {
        f"{part}.{name}": value
        for part, members in document.items()
        for name, value in members.items()
    }
    return {**own, **found}


def table(rows: list[dict[str, Any]], delimiter: str = ",") -> bytes:
    header = list(dict.fromkeys(name for row in rows for name in row))
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, header, delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue().encode()


def facts(record: Record) -> Any:
    document = record.document
    assert document.faults == ()
    assert document.holder is not None
    assert document.event is not None
    return facts_to_json(document.holder, document.event)


def codes(record: Record) -> list[tuple[str, str]]:
    return [(fault.field, fault.code) for fault in record.document.faults]


# The same records in each form

DRAWN = st.lists(st.tuples(strategies.cases(), st.none() | st.integers(0, 999)), max_size=5)


@given(DRAWN)
def test_every_form_gives_the_same_records(drawn: Any) -> None:
    documents = [facts_to_json(case.holder, case.event) for case, _ in drawn]
    named = [
        {"id": str(number), "uvci": f"URN:UVCI:01:DK:{number}"} if number is not None else {}
        for _, number in drawn
    ]
    whole = [{**own, **document} for own, document in zip(named, documents, strict=True)]
    array = json.dumps(whole, indent=1).encode()
    lines = "\n".join(map(json.dumps, whole)).encode()
    for content, form in ((array, "json"), (lines, "jsonl")):
        found = list(read_records(content, form))
        assert [facts(record) for record in found] == documents
        assert [(one.id, one.uvci) for one in found] == [
            (own.get("id"), own.get("uvci")) for own in named
        ]
    # A table has no way to say that a birth date is unknown but leaving it empty, which is refused.
    rows = [flat(document, **own) for own, document in zip(named, documents, strict=True)]
    for row, document in zip(rows, documents, strict=True):
        if document["holder"]["birth_date"] is None:
            row["holder.birth_date"] = "unknown"
    if rows:
        columns = {name: name for row in rows for name in row}
        mapping = RecordMapping(columns, values={"holder.birth_date": {"unknown": None}})
        found = list(read_records(table(rows), "csv", mapping))
        assert [facts(record) for record in found] == documents
        assert [one.id for one in found] == [own.get("id") for own in named]


@given(st.lists(st.sampled_from(["{}", "[]", "5", '"a,[{\\"\\n"', '{"a": [1, {}]}', "null"])))
def test_the_line_of_each_item_of_an_array_is_its_own(items: list[str]) -> None:
    content = "[\n" + ",\n\n".join(items) + "\n]"
    found = list(read_records(content.encode(), "json"))
    assert [record.line for record in found] == [2 + 2 * place for place in range(len(items))]


def test_items_on_one_line_and_over_several() -> None:
    text = f"[{json.dumps(DOCUMENT)},{json.dumps(DOCUMENT, indent=2)},\n{json.dumps(DOCUMENT)}]"
    lines = [record.line for record in read_records(text.encode())]
    assert lines == [1, 1, 2 + json.dumps(DOCUMENT, indent=2).count("\n")]


def test_blank_lines_and_a_byte_order_mark_are_passed_over_and_lines_stay_true() -> None:
    text = "﻿" + json.dumps(DOCUMENT) + "\n\n  \r\n" + json.dumps(DOCUMENT) + "\n"
    assert [record.line for record in read_records(text.encode())] == [1, 4]
    rows = table([flat(DOCUMENT), flat(DOCUMENT)]).decode().split("\r\n")
    text = "﻿" + "\r\n".join([rows[0], rows[1], "", ",,", rows[2]])
    assert [record.line for record in read_records(text.encode())] == [2, 5]


def test_a_cell_over_several_lines_is_one_record() -> None:
    document = {**DOCUMENT, "holder": {**HOLDER, "family_name": "A\nB"}}
    found = list(read_records(table([flat(document), flat(DOCUMENT)])))
    assert [record.line for record in found] == [2, 4]


# What cannot be read


@pytest.mark.parametrize("broken", ["{", "5", '"text"', "[1]", "{}", '{"holder": 5}', "\x00"])
def test_a_bad_line_is_a_record_with_faults_and_the_rest_is_read(broken: str) -> None:
    text = "\n".join([json.dumps(DOCUMENT), broken, json.dumps(DOCUMENT)])
    first, bad, last = read_records(text.encode(), "jsonl")
    assert facts(first) == facts(last) == DOCUMENT
    assert bad.line == 2
    assert bad.document.faults


@pytest.mark.parametrize("code", ["csv.cells", "csv.malformed"])
def test_a_bad_row_is_a_record_with_faults_and_the_rest_is_read(code: str) -> None:
    rows = table([flat(DOCUMENT)] * 3).decode().split("\r\n")
    rows[2] = f"{rows[2]},more" if code == "csv.cells" else '"x"y,' + rows[2]
    first, bad, last = read_records("\r\n".join(rows).encode())
    assert facts(first) == facts(last) == DOCUMENT
    assert (bad.line, codes(bad)) == (3, [("", code)])


def test_a_cell_that_is_no_number_is_a_fault_of_its_field() -> None:
    (record,) = read_records(table([flat(DOCUMENT) | {"vaccination.doses": "two"}]))
    assert codes(record) == [("vaccination.doses", "json.type")]


def test_an_empty_birth_date_is_missing_and_not_unknown() -> None:
    (record,) = read_records(table([flat(DOCUMENT) | {"holder.birth_date": " "}]))
    assert codes(record) == [("holder.birth_date", "json.missing")]


def test_columns_of_two_kinds_need_cells_of_one() -> None:
    test = {"kind": "NAAT", "sampled_at": "2021-09-01T08:00:00Z", "result": "not detected"}
    other = {"holder": HOLDER, "test": {**test, "centre": "Invented Centre"}}
    rows = [flat(DOCUMENT), flat(other), flat({**DOCUMENT, **other}), flat({"holder": HOLDER})]
    first, second, both, none = read_records(table(rows))
    assert facts(first) == DOCUMENT
    assert second.document.event is not None
    assert codes(both) == codes(none) == [("", "json.one-event")]
    # With the kind named, cells of others do not count.
    row = flat({**DOCUMENT, **other}, kind="vaccination")
    (record, wrong) = read_records(table([row, row | {"kind": "flight"}]))
    assert facts(record) == DOCUMENT
    assert ("kind", "record.kind") in codes(wrong)


def test_an_id_may_be_a_number_and_nothing_else_than_text() -> None:
    found = list(
        read_records(json.dumps([{**DOCUMENT, "id": 7}, {**DOCUMENT, "id": [7]}]).encode())
    )
    assert found[0].id == "7"
    assert codes(found[1]) == [("id", "json.type")]
    (record,) = read_records(json.dumps([{**DOCUMENT, "uvci": 7}]).encode())
    assert (record.uvci, codes(record)) == (None, [("uvci", "json.type")])


def test_a_member_that_stands_twice_is_a_fault() -> None:
    text = json.dumps(DOCUMENT)
    twice = f'{text[:-1]}, "holder": {{"birth_date": null}}}}'
    (record,) = read_records(twice.encode(), "jsonl")
    assert ("", "json.repeated-field") in codes(record)
    mapping = RecordMapping({"holder.family_name": "holder.birth_date"})
    (record,) = read_records(twice.encode(), "jsonl", mapping)
    assert ("", "json.repeated-field") in codes(record)


@pytest.mark.parametrize(
    ("content", "form", "code"),
    [
        (b"{", "json", "json.malformed"),
        (b"\xff", "csv", "csv.encoding"),
        (b"", "csv", "csv.column"),
        (b"holder.family_name,name\nx,y", "csv", "csv.column"),
        (b"uvci,uvci\nx,y", "csv", "csv.column"),
        (b'"a"b,c\n', "csv", "csv.column"),
    ],
)
def test_a_file_that_cannot_be_read_at_all_is_an_error(
    content: bytes, form: str, code: str
) -> None:
    with pytest.raises(FactsError) as caught:
        list(read_records(content, form))
    assert code in [fault.code for fault in caught.value.faults]


def test_no_record_and_no_fault_shows_a_value() -> None:
    rows = [flat(DOCUMENT, id="A-17", uvci="URN:UVCI:01:DK:X") | {"vaccination.doses": "Eksempel"}]
    (record,) = read_records(table(rows))
    shown = repr(record) + "".join(map(str, record.document.faults))
    assert not [text for text in ("Eksempel", "Ibine", "1979", "A-17", "01:DK") if text in shown]


@given(st.binary(max_size=200), st.none() | st.sampled_from(RecordForm))
def test_any_bytes_are_records_or_a_typed_error(content: bytes, form: RecordForm | None) -> None:
    try:
        for record in read_records(content, form):
            assert record.line >= 1
    except FactsError as error:
        assert error.faults


# Forms


@pytest.mark.parametrize(
    ("content", "name", "form"),
    [
        (b"[]", "x.csv", "csv"),
        (b"[]", "x.NDJSON", "jsonl"),
        (b"a,b", "x.json", "json"),
        (b'{"a": 1}\n{"a": 2}', "x.json", "jsonl"),
        (b"id;uvci\n", "", "csv"),
        (b"id\tuvci\n", "", "csv"),
        (b"id\tuvci\n", "x.tsv", "csv"),
        (b" [\n", "", "json"),
        (b'{"a": 1}', "", "json"),
        (b'{"a": 1}\n', "", "json"),
        (b'{"a": 1}\n{"a": 2}', "", "jsonl"),
        (b'{\n"a": 1}', "", "json"),
        (b"\xef\xbb\xbfid,uvci\n", "-", "csv"),
        (b"text", "-", "json"),
        (b"", "-", "json"),
    ],
)
def test_the_form_is_told_by_name_or_beginning(content: bytes, name: str, form: str) -> None:
    assert record_form(content, name) == form


# Mappings

EXPORT = "Journal;Efternavn;Fødselsdato;Vaccine;Stik;Dato\n17;Eksempel;14.04.1979;PFZ;2;1/6-2021\n"
MAPPED = {
    "fields": {
        "id": "Journal",
        "holder.family_name": "Efternavn",
        "holder.birth_date": "Fødselsdato",
        "vaccination.product": "Vaccine",
        "vaccination.dose_number": "Stik",
        "vaccination.date": "Dato",
    },
    "constants": {"vaccination.doses": 2, "holder.given_name": "Ibine"},
    "values": {"vaccination.product": {"PFZ": "Comirnaty"}},
    "dates": {"holder.birth_date": "DD.MM.YYYY"},
    "delimiter": ";",
    "encoding": "windows-1252",
}


def test_a_table_of_a_register_s_own_is_read_with_its_mapping() -> None:
    text = EXPORT.replace("1/6-2021", "2021-06-01")
    mapping = RecordMapping.load(json.dumps(MAPPED))
    (record,) = read_records(text.encode("cp1252"), "csv", mapping)
    assert facts(record) == DOCUMENT
    assert (record.id, record.line) == ("17", 2)
    (record,) = read_records(EXPORT.encode("cp1252"), "csv", mapping)
    assert codes(record) == [("vaccination.date", "json.date")]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_delimiter_is_told_from_the_header(delimiter: str) -> None:
    content = table([flat({**DOCUMENT, "holder": {**HOLDER, "given_name": "a,;\tb"}})], delimiter)
    (record,) = read_records(content)
    assert record.document.faults == ()
    mapping = RecordMapping.load({**MAPPED, "delimiter": delimiter})
    text = EXPORT.replace("1/6-2021", "2021-06-01").replace(";", delimiter)
    (record,) = read_records(text.encode("cp1252"), "csv", mapping)
    assert facts(record) == DOCUMENT


def test_the_same_mapping_reads_json_by_members_or_by_paths() -> None:
    row = dict(zip(*[line.split(";") for line in EXPORT.splitlines()], strict=True))
    row |= {"Stik": 2, "Dato": "2021-06-01"}
    mapping = RecordMapping.load(MAPPED)
    (record,) = read_records(json.dumps([row]).encode(), "json", mapping)
    assert facts(record) == DOCUMENT
    nested = {**MAPPED, "fields": {**MAPPED["fields"], "vaccination.date": "given.on"}}  # type: ignore[dict-item]
    row["given"] = {"on": row.pop("Dato")}
    (record,) = read_records(json.dumps(row).encode(), "jsonl", RecordMapping.load(nested))
    assert facts(record) == DOCUMENT


def test_a_column_that_the_header_lacks_is_named() -> None:
    mapping = RecordMapping({"holder.family_name": "Navn"})
    with pytest.raises(FactsError) as caught:
        list(read_records(b"Name\nx\n", "csv", mapping))
    (fault,) = caught.value.faults
    assert fault.field == "mapping.fields.holder.family_name"


BAD_MAPPINGS: list[Any] = [
    5,
    {},
    {"fields": {}},
    {"fields": {"holder.name": "x"}},
    {"fields": {"id": 5}},
    {"fields": {"id": ""}},
    {"fields": {"id": "x"}, "more": 1},
    {"fields": {"id": "x"}, "constants": 5},
    {"fields": {"id": "x"}, "constants": {"holder": 5}},
    {"fields": {"id": "x"}, "values": {"id": 5}},
    {"fields": {"id": "x"}, "dates": {"id": "YYYY-MM-DD"}},
    {"fields": {"id": "x"}, "dates": {"vaccination.date": "%d"}},
    {"fields": {"id": "x"}, "dates": {"vaccination.date": "YYYY-MM-DD-DD"}},
    {"fields": {"id": "x"}, "delimiter": ";;"},
    {"fields": {"id": "x"}, "delimiter": 5},
    {"fields": {"id": "x"}, "encoding": "rot13"},
]


@pytest.mark.parametrize("document", BAD_MAPPINGS, ids=str)
def test_a_mapping_that_means_nothing_is_refused_as_by_the_schema(document: Any) -> None:
    assert not MAPPING_SCHEMA.is_valid(document)
    with pytest.raises(FactsError) as caught:
        RecordMapping.load(document)
    assert all(fault.field.startswith("mapping") for fault in caught.value.faults)
    with pytest.raises(FactsError):
        RecordMapping.load(json.dumps(document))


def test_a_sound_mapping_is_one_by_the_schema_and_the_fields_are_the_same() -> None:
    MAPPING_SCHEMA.validate(MAPPED)
    MAPPING_SCHEMA.validate({"$schema": "x", "fields": {"id": "x"}})
    assert RecordMapping.load({"$schema": "x", "fields": {"id": "x"}}).fields == {"id": "x"}
    document = schemas.load("facts-mapping")
    assert set(document["$defs"]["field"]["enum"]) == set(records.FIELDS)
    assert set(document["properties"]["dates"]["propertyNames"]["enum"]) == records._DAYS
    with pytest.raises(FactsError):
        RecordMapping.load(b"{")


def test_a_misspelt_field_is_suggested() -> None:
    with pytest.raises(FactsError) as caught:
        RecordMapping.load({"fields": {"holder.familyname": "x"}})
    assert "holder.family_name" in caught.value.faults[0].hint
