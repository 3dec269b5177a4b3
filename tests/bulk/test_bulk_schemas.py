"""What is published of bulk work: JSON Schemas, and the columns in the documentation."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest

import bulk_register as register
from coronapas import bulk, schemas
from coronapas.bulk import FACTS, InputForm, ProcessEngine, run, status

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "bulk.md"


def validator(name: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(schemas.load(name))


def test_rows_of_json_lines_follow_their_schema(tmp_path: Path) -> None:
    valid = validator("bulk-facts")
    path = register.write(tmp_path / "facts.jsonl", register.rows(40))
    for line in path.read_text("utf-8").splitlines():
        valid.validate(json.loads(line))
    assert list(schemas.load("bulk-facts")["properties"]) == FACTS.names


@pytest.mark.parametrize(
    "change",
    [
        {"record": None},
        {"birth_date": None},
        {"kind": "other"},
        {"family_name": 7},
        {"strange": "x"},
        {"vaccination_date": "soon"},
        {"vaccination_doses": 1.5},
    ],
)
def test_a_row_that_cannot_be_read_does_not_follow_it(change: dict[str, object]) -> None:
    row = json.loads(json.dumps(register._members(register.rows(1)[0])))
    assert validator("bulk-facts").is_valid(row)
    assert not validator("bulk-facts").is_valid(row | change)


def test_manifest_and_status_follow_their_schemas(tmp_path: Path, keyring: Path) -> None:
    table = register.rows(12)
    table[3] = register.spoilt(table[3], "no day")
    facts = register.write(tmp_path / "facts.csv", table)
    out = tmp_path / "out"
    run([facts], out, register.kernel(keyring), engine=ProcessEngine(1), rows=5)
    lines = (out / "manifest.jsonl").read_text("utf-8").splitlines()
    manifest = schemas.load("bulk-manifest")
    parts = jsonschema.Draft202012Validator({**manifest, "anyOf": [{"$ref": "#/$defs/part"}]})
    header = jsonschema.Draft202012Validator({**manifest, "anyOf": [{"$ref": "#/$defs/header"}]})
    header.validate(json.loads(lines[0]))
    assert len(lines) == 4
    for line in lines[1:]:
        parts.validate(json.loads(line))
        assert not header.is_valid(json.loads(line))
    validator("bulk-status").validate(status(out).to_json())
    forms = manifest["$defs"]["header"]["properties"]["inputs"]["items"]["properties"]["form"]
    assert set(forms["enum"]) == set(InputForm)
    commands = manifest["$defs"]["header"]["properties"]["command"]["enum"]
    kernels = (
        each
        for name in dir(bulk)
        if name.endswith("Kernel") and name != "Kernel"
        for each in (getattr(bulk, name),)
    )
    assert {kernel.name for kernel in kernels} == set(commands)


def test_every_column_is_documented() -> None:
    text = PAGE.read_text("utf-8").partition("## The columns")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`[^|]+) \|", text, re.MULTILINE)
    assert sorted(re.findall(r"`(\w+)`", " ".join(rows))) == sorted(FACTS.names)
