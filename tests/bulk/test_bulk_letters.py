"""Letters by the million: a ZIP of sheets for each part, with their addresses."""

from __future__ import annotations

import csv
import io
import json
import pickle
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from backend import claims, forge
from coronapas.bulk import ADDRESSES, LetterFiles, Manifest, PrintKernel, ProcessEngine, run
from coronapas.cli._app import coronapas
from coronapas.presentation import Paper, scan
from odd_payloads import payload

HERE = ProcessEngine(1)
ADDRESS = {
    "recipient": 'Anna "Ann" Prøve',
    "address_1": "Vej 1,\n2. tv",
    "postcode": "0999",
    "city": "=København",
    "address_country": "DK",
}


def passed(name: str, **changes: Any) -> str:
    dcc = payload()
    dcc["nam"]["fn"] = name
    return forge(claims({**dcc, **changes}))


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    texts = [passed(name) for name in ("Alfa", "Beta", "Gamma", "Delta한", "Epsilon")]
    found = [
        {"record": str(place), "text": text, "uvci": "left alone", **ADDRESS}
        for place, text in enumerate([*texts, "HC1:SPOILT", ""], start=1)
    ]
    found[1]["language"] = "de"
    found[2]["language"] = "xx"
    return found


@pytest.fixture(scope="module")
def table(rows: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("letters") / "passes.parquet"
    pq.write_table(
        pa.Table.from_pylist(rows, pa.schema([(name, pa.string()) for name in rows[1]])), path
    )
    return path


def printed(table: Path, out: Path, **given: Any) -> Any:
    settings: dict[str, Any] = {"engine": HERE, "rows": 4, "writers": (LetterFiles(),)} | given
    return run([table], out, PrintKernel(Paper("flat")), **settings)


def letters(out: Path) -> dict[str, dict[str, bytes]]:
    found = {}
    for path in sorted(out.glob("letters/*")):
        with ZipFile(path) as archive:
            assert archive.testzip() is None
            found[path.name] = {name: archive.read(name) for name in archive.namelist()}
    return found


def test_each_part_has_its_sheets_and_their_addresses(
    rows: list[dict[str, Any]], table: Path, tmp_path: Path
) -> None:
    done = printed(table, tmp_path / "out")
    assert (done.records, done.good, done.bad, done.complete) == (7, 3, 4, True)
    archives = letters(tmp_path / "out")
    assert list(archives) == ["part-00000.zip", "part-00001.zip"]
    sent = {}
    for content in archives.values():
        addresses = list(csv.DictReader(io.StringIO(content.pop("addresses.csv").decode(), "")))
        assert {address["file"] for address in addresses} == content.keys()
        for address in addresses:
            (code,) = scan(content[address["file"]])
            sent[address["record"]] = code.text
            assert address["city"] == ADDRESS["city"]
            assert address["recipient"] == ADDRESS["recipient"]
            assert address["address_1"] == ADDRESS["address_1"]
            assert address["address_2"] == ""
    assert sent == {row["record"]: row["text"] for row in rows if row["record"] in {"1", "2", "5"}}
    english = archives["part-00000.zip"]
    assert Paper("flat", language="da").pdf(rows[0]["text"]) in english.values()
    assert Paper("flat", language="de").pdf(rows[1]["text"]) in english.values()


def test_the_results_are_the_addresses_without_the_sheets(table: Path, tmp_path: Path) -> None:
    printed(table, tmp_path / "out")
    found = pa.concat_tables(map(pq.read_table, Manifest.read(tmp_path / "out").results()))
    assert found.schema.names == ADDRESSES.names
    assert found.column("record").to_pylist() == ["1", "2", "5"]
    names = found.column("file").to_pylist()
    assert len(set(names)) == 3
    assert all(name.endswith(".pdf") and name.isascii() for name in names)


def test_what_cannot_be_printed_has_codes_and_no_values(table: Path, tmp_path: Path) -> None:
    printed(table, tmp_path / "out")
    faults = pa.concat_tables(
        pq.read_table(path) for path in sorted((tmp_path / "out").glob("faults/*"))
    ).to_pylist()
    assert [
        (row["record"], fault["field"], fault["code"]) for row in faults for fault in row["faults"]
    ] == [
        ("3", "language", "paper.language-unknown"),
        ("4", "text", "paper.glyph-missing"),
        ("6", "text", "compression.malformed"),
        ("7", "text", "compression.truncated"),
    ]


def test_the_same_passes_give_the_same_files(table: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        printed(table, tmp_path / name)
    first, second = (
        {path.name: path.read_bytes() for path in (tmp_path / name).glob("letters/*")}
        for name in ("a", "b")
    )
    assert first == second


def test_the_kernel_goes_to_other_processes_and_keeps_the_records_type() -> None:
    kernel = pickle.loads(pickle.dumps(PrintKernel(Paper("fold", language="da"), {"a": "b"})))
    assert kernel.settings() == {"sheet": "fold", "language": "da", "about": {"a": "b"}}
    assert kernel.keys() == ()
    batch = pa.record_batch({"record": pa.array([7], pa.int64()), "text": [passed("Alfa")]})
    good, faults = kernel(batch)
    assert (good.column("record").to_pylist(), len(faults)) == ([7], 0)
    assert good.column("sheet").to_pylist()[0].startswith(b"%PDF-1.7")


def test_a_part_without_a_sheet_has_no_zip(tmp_path: Path) -> None:
    path = tmp_path / "passes.csv"
    path.write_text("record,text\n1,HC1:SPOILT\n")
    done = printed(path, tmp_path / "out")
    assert (done.good, done.bad) == (0, 1)
    assert letters(tmp_path / "out") == {}


def test_the_command_prints_for_the_post_and_goes_on(table: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = ["bulk", "print", str(table), "--out", str(out), "--sheet", "flat", "--jobs", "1"]
    result = CliRunner().invoke(coronapas, arguments)
    assert result.exit_code == 1
    assert result.output.startswith("7 records: 3 printed, 4 refused\n")
    (archive,) = letters(out).values()
    assert len(archive) == 4
    manifest = out / "manifest.jsonl"
    lines = manifest.read_text().splitlines()
    header = json.loads(lines[0])
    assert header["settings"]["sheet"] == "flat"
    # As after a stop: the part's line is not there, and its ZIP is made again.
    manifest.write_text("".join(f"{line}\n" for line in lines[:1]))
    before = {path.name: path.read_bytes() for path in out.glob("letters/*")}
    again = CliRunner().invoke(coronapas, ["bulk", "resume", str(out)])
    assert again.exit_code == 1
    assert {path.name: path.read_bytes() for path in out.glob("letters/*")} == before
    other = CliRunner().invoke(coronapas, [*arguments[:-4], "--sheet", "fold"])
    assert other.exit_code == 2
    assert "--font" in CliRunner().invoke(coronapas, ["bulk", "print", "--help"]).output
