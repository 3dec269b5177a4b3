"""Input files: parts, rows, and what is wrong with single rows."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bulk_register as register
from coronapas.bulk import FACTS, TEXTS, InputForm, plan
from coronapas.bulk._inputs import _cells, chunks, form_of
from coronapas.errors import BulkError

if TYPE_CHECKING:
    from pathlib import Path

FORMS = ("parquet", "csv", "jsonl")


def read(path: Path, rows: int | None = None, columns: pa.Schema = FACTS) -> list[tuple[int, Any]]:
    """Every row of a file by its place: its record, or its faults."""
    found: list[tuple[int, Any]] = []
    planned = plan([path], columns, rows=rows)
    for part in planned.parts:
        for chunk in chunks(part, columns):
            names = chunk.batch.column("record").to_pylist()
            found += zip(chunk.places, names, strict=True)
            found += ((place, trouble) for place, _, trouble in chunk.broken)
    return sorted(found, key=lambda row: row[0])


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("rows", [1, 7, 100, None])
def test_the_parts_of_a_file_hold_every_row_once_and_in_order(
    tmp_path: Path, form: str, rows: int | None
) -> None:
    table = register.rows(30)
    path = register.write(tmp_path / f"facts.{form}", table)
    assert read(path, rows) == list(enumerate(row["record"] for row in table))
    planned = plan([path], FACTS, rows=rows)
    assert planned.records == 30
    assert [part.number for part in planned.parts] == list(range(len(planned.parts)))
    assert sum(part.rows for part in planned.parts) == 30


def test_row_groups_are_cut_and_joined(tmp_path: Path) -> None:
    table = pa.Table.from_pylist(
        register.rows(25), schema=pa.schema([one.with_nullable(True) for one in FACTS])
    )
    path = tmp_path / "facts.parquet"
    pq.write_table(table, path, row_group_size=4)
    found = [name for _, name in read(path, 6)]
    assert found == table.column("record").to_pylist()


def test_several_files_are_numbered_one_after_the_other(tmp_path: Path) -> None:
    table = register.rows(10)
    paths = [
        register.write(tmp_path / "a.csv", table[:4]),
        register.write(tmp_path / "b.jsonl", table[4:7]),
        register.write(tmp_path / "c.parquet", table[7:]),
    ]
    planned = plan(paths, FACTS, rows=2)
    assert [part.rows for part in planned.parts] == [2, 2, 2, 1, 2, 1]
    assert [one.form for one in planned.inputs] == [*map(InputForm, ("csv", "jsonl", "parquet"))]


@pytest.mark.parametrize("form", FORMS)
def test_an_empty_table_has_no_parts(tmp_path: Path, form: str) -> None:
    path = register.write(tmp_path / f"facts.{form}", [])
    assert plan([path], FACTS).parts == ()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("rows", [2, 100])
def test_all_rows_that_share_a_record_or_an_identifier_are_refused(
    tmp_path: Path, form: str, rows: int
) -> None:
    table = register.rows(8)
    table[5]["record"] = table[1]["record"]
    for place in (2, 3, 5):
        table[place]["uvci"] = "URN:UVCI:01:DK:ONE"
    path = register.write(tmp_path / f"facts.{form}", table)
    found = dict(read(path, rows))
    both = (("record", "record.repeated"), ("uvci", "uvci.repeated"))
    assert {place: row for place, row in found.items() if not isinstance(row, str)} == {
        1: both[:1],
        2: both[1:],
        3: both[1:],
        5: both,
    }


def test_a_record_is_found_again_in_another_file(tmp_path: Path) -> None:
    table = register.rows(4)
    table[3]["record"] = table[0]["record"]
    paths = [
        register.write(tmp_path / "a.csv", table[:2]),
        register.write(tmp_path / "b.jsonl", table[2:]),
    ]
    first, second = plan(paths, FACTS).parts
    assert first.repeated == ((0, ("record",)),)
    assert second.repeated == ((1, ("record",)),)


def test_too_many_repeated_rows_refuse_the_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("coronapas.bulk._inputs.MAX_REPEATED", 3)
    table = [row | {"record": "same"} for row in register.rows(5)]
    with pytest.raises(BulkError) as caught:
        plan([register.write(tmp_path / "a.csv", table)], FACTS)
    assert caught.value.code == "bulk.repeated"
    table = [row | {"record": str(number // 2)} for number, row in enumerate(register.rows(10))]
    with pytest.raises(BulkError, match="3 rows"):
        plan([register.write(tmp_path / "b.csv", table)], FACTS)


CSV_ROWS: dict[str, tuple[bytes, str]] = {
    "more cells": (b"a,b,c", "csv.cells"),
    "fewer cells": (b"a", "csv.cells"),
    "a quotation mark that is never closed": (b'"a,b', "csv.malformed"),
    "text behind a closed cell": (b'"a"b,c', "csv.malformed"),
    "not UTF-8": (b"a\xff,b", "record.unreadable"),
}


@pytest.mark.parametrize("name", CSV_ROWS)
@pytest.mark.parametrize("rows", [1, 2, 100])
def test_a_broken_line_of_csv_is_a_fault_of_its_own_row_alone(
    tmp_path: Path, name: str, rows: int
) -> None:
    content, code = CSV_ROWS[name]
    schema = pa.schema([pa.field("record", pa.string()), pa.field("text", pa.string())])
    path = tmp_path / "facts.csv"
    lines = [b"record,text", b"1,x", content, b"2,y", b'3,"z ""q"", w"', b"4,"]
    path.write_bytes(b"\n".join(lines) + b"\n")
    assert read(path, rows, schema) == [
        (0, "1"),
        (1, (("", code),)),
        (2, "2"),
        (3, "3"),
        (4, "4"),
    ]


def test_cells_of_csv_may_hold_line_breaks_and_other_delimiters(tmp_path: Path) -> None:
    path = tmp_path / "facts.csv"
    path.write_bytes(
        b'\xef\xbb\xbfrecord;family_name;birth_date;kind\r\n1;"A\r\nB";1979;test\r\n\r\n2;C;;\r\n'
    )
    (part,) = plan([path], FACTS).parts
    (chunk,) = chunks(part, FACTS)
    assert chunk.batch.column("record").to_pylist() == ["1", "2"]
    assert chunk.batch.column("family_name").to_pylist() == ["A\r\nB", "C"]


@pytest.mark.parametrize("rows", [1, 2, 100])
@pytest.mark.parametrize(
    ("first", "last"),
    [
        (b'2,"Dal,Ane,1975', b'5,Hus",Ane,1975'),
        (b'2,"Dal,Ane,1975', b'5,Hus,Ane",1975'),
        (b'2,Dal,"Ane,1975', b'5,Hus",Ane,1975'),
        (b'"2,Dal,Ane,1975', b'5",Hus,Ane,1975'),
        (b'2,Dal,"Ane,1975', b'5,Hus,"Ane",1975'),
    ],
)
def test_two_stray_quotation_marks_do_not_swallow_the_rows_between_them(
    tmp_path: Path, rows: int, first: bytes, last: bytes
) -> None:
    schema = pa.schema([pa.field(name, pa.string()) for name in ("record", "family", "given", "b")])
    path = tmp_path / "facts.csv"
    between = [b"3,Hus,Ane,1975", b'4,"Hus, Ane",Ane,1975']
    lines = [b"record,family,given,b", b"1,Hus,Ane,1975", first, *between, last, b"6,Hus,Ane,1975"]
    path.write_bytes(b"\n".join(lines) + b"\n")
    found = read(path, rows, schema)
    assert [place for place, _ in found] == list(range(6))
    assert found[1] == (1, (("", "csv.malformed"),))
    good = [record for _, record in found if isinstance(record, str)]
    assert good[:3] == ["1", "3", "4"]
    assert good[-1] == "6"


def test_the_first_cell_of_a_wide_row_may_hold_line_breaks(tmp_path: Path) -> None:
    path = tmp_path / "facts.csv"
    path.write_bytes(b'texts,record,a,b\n"HC1:A\nHC1:B",1,x,y\n"HC1:C\nHC1:D\nHC1:E",2,"x","y"\n')
    schema = pa.schema([pa.field(name, pa.string()) for name in ("record", "texts")])
    (part,) = plan([path], schema, others=True).parts
    (chunk,) = chunks(part, schema, others=True)
    assert chunk.batch.column("record").to_pylist() == ["1", "2"]
    assert chunk.batch.column("texts").to_pylist() == ["HC1:A\nHC1:B", "HC1:C\nHC1:D\nHC1:E"]


@given(
    st.lists(
        st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r\0")), min_size=1),
        max_size=3,
    )
)
def test_rows_that_the_csv_module_writes_are_read_back(table: list[list[str]]) -> None:
    for row in table:
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerow(row)
        if text.getvalue().count("\n") == 1:
            assert _cells(text.getvalue(), ",") == row


JSON_LINES = {
    "not JSON": (b"{", "", "json.malformed"),
    "no object": (b"[1]", "", "json.type"),
    "a member twice": (b'{"record": "1", "record": "2"}', "", "json.repeated-field"),
    "a strange member": (b'{"record": "1", "strange": 1}', "", "json.unknown-field"),
    "a number for a text": (b'{"record": "1", "family_name": 7}', "family_name", "json.type"),
    "a list": (b'{"record": "1", "country": ["DK"]}', "country", "json.type"),
    "a fraction": (
        b'{"record": "1", "vaccination_doses": 1.5}',
        "vaccination_doses",
        "json.type",
    ),
    "a very long line": (b'{"record": "' + b"x" * 2**20 + b'"}', "", "json.malformed"),
}


@pytest.mark.parametrize("name", JSON_LINES)
@pytest.mark.parametrize("rows", [1, 100])
def test_a_broken_line_of_json_is_a_fault_of_its_own_row_alone(
    tmp_path: Path, name: str, rows: int
) -> None:
    line, field, code = JSON_LINES[name]
    path = tmp_path / "facts.jsonl"
    path.write_bytes(b'{"record": 1}\n\n' + line + b'\n{"record": "3", "disease": null}')
    assert read(path, rows) == [(0, "1"), (1, ((field, code),)), (2, "3")]


def test_numbers_of_json_are_read_as_the_columns_are(tmp_path: Path) -> None:
    path = tmp_path / "facts.jsonl"
    path.write_bytes(b'{"record": 12, "vaccination_doses": 2.0, "vaccination_dose_number": "1"}\n')
    (part,) = plan([path], FACTS).parts
    (chunk,) = chunks(part, FACTS)
    found = chunk.batch.to_pylist()[0]
    assert (found["record"], found["vaccination_doses"], found["vaccination_dose_number"]) == (
        "12",
        "2",
        "1",
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"birth_date": None}, "birth_date is missing"),
        ({"given_nmae": pa.string()}, "1 of its columns are not in the schema"),
        ({"vaccination_date": pa.timestamp("us")}, "cannot be read from timestamp"),
        ({"vaccination_doses": pa.float64()}, "cannot be read from double"),
        ({"test_sampled_at": pa.timestamp("us")}, "cannot be read from timestamp"),
        ({"record": pa.float64()}, "cannot be read from double"),
        ({"family_name": pa.int64()}, "cannot be read from int64"),
    ],
)
def test_columns_that_do_not_fit_refuse_the_file(
    tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    fields = {one.name: one.type for one in FACTS} | change
    schema = pa.schema([(name, kind) for name, kind in fields.items() if kind is not None])
    path = tmp_path / "facts.parquet"
    pq.write_table(pa.Table.from_pylist([], schema=schema), path)
    with pytest.raises(BulkError, match=words) as caught:
        plan([path], FACTS)
    assert caught.value.code == "bulk.columns"


@pytest.mark.parametrize(
    "kinds",
    [
        {"record": pa.int32(), "kind": pa.string(), "birth_date": pa.date32()},
        {"vaccination_date": pa.string(), "vaccination_doses": pa.int64()},
        {"test_sampled_at": pa.timestamp("ns", tz="Europe/Copenhagen"), "country": pa.null()},
        {"family_name": pa.large_string(), "given_name": pa.string_view()},
        {"family_name": pa.dictionary(pa.int16(), pa.string()), "vaccination_date": pa.date64()},
    ],
)
def test_columns_may_have_other_types_that_say_the_same(
    tmp_path: Path, kinds: dict[str, Any]
) -> None:
    fields = {one.name: one.type for one in FACTS} | kinds
    path = tmp_path / "facts.parquet"
    pq.write_table(pa.Table.from_pylist([], schema=pa.schema(list(fields.items()))), path)
    assert plan([path], FACTS).records == 0


def test_a_table_of_passes_may_have_more_columns(tmp_path: Path) -> None:
    path = tmp_path / "passes.csv"
    path.write_text("record,uvci,text\n1,u,HC1:X\n")
    (part,) = plan([path], TEXTS, others=True).parts
    (chunk,) = chunks(part, TEXTS, others=True)
    assert chunk.batch.schema.names == ["record", "text"]
    with pytest.raises(BulkError, match="1 of its columns"):
        plan([path], TEXTS)


def test_a_header_that_stands_twice_or_is_missing_refuses_the_file(tmp_path: Path) -> None:
    path = tmp_path / "facts.csv"
    for content in (b"record,record,birth_date,kind\n", b"", b"record", b"\xff\n", b"\n"):
        path.write_bytes(content)
        with pytest.raises(BulkError) as caught:
            plan([path], FACTS)
        assert caught.value.code == "bulk.columns"


def test_an_input_must_be_a_file_of_a_known_form(tmp_path: Path) -> None:
    with pytest.raises(BulkError) as caught:
        form_of("facts.xlsx")
    assert caught.value.code == "bulk.form"
    (tmp_path / "folder.parquet").mkdir()
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 and nothing else")
    for name in ("folder.parquet", "broken.parquet"):
        with pytest.raises(BulkError) as caught:
            plan([tmp_path / name], FACTS)
        assert caught.value.code == "bulk.input"
    with pytest.raises(BulkError):
        plan([], FACTS)
    with pytest.raises(FileNotFoundError):
        plan([tmp_path / "none.csv"], FACTS)
    with pytest.raises(ValueError, match="at least one row"):
        plan([tmp_path / "none.csv"], FACTS, rows=0)


@pytest.mark.parametrize("form", FORMS)
def test_a_file_that_shrank_since_it_was_planned_is_not_read_to_a_false_end(
    tmp_path: Path, form: str
) -> None:
    path = register.write(tmp_path / f"facts.{form}", register.rows(6))
    (part,) = plan([path], FACTS).parts
    register.write(path, register.rows(5))
    with pytest.raises(BulkError, match="changed"):
        list(chunks(part, FACTS))
