"""The published schemas are found by name, here and in a wheel."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from coronapas import schemas

FOLDER = Path(__file__).resolve().parent.parent / "schemas"


def test_every_schema_of_the_source_tree_is_listed_and_loads_as_it_is() -> None:
    listed = schemas.names()
    assert {"facts", "valuesets"} <= set(listed)
    assert list(listed) == sorted(listed)
    for name in listed:
        assert schemas.load(name) == json.loads((FOLDER / f"{name}.schema.json").read_bytes())


@pytest.mark.parametrize("name", schemas.names())
def test_every_schema_is_a_valid_schema(name: str) -> None:
    document = schemas.load(name)
    jsonschema.validators.validator_for(document).check_schema(document)


def test_a_caller_cannot_change_what_the_next_one_gets() -> None:
    schemas.load("facts").clear()
    assert schemas.load("facts")


@pytest.mark.parametrize(
    "name", ["", "none", "../pyproject", "facts/", "/facts", "a//b", "facts\n"]
)
def test_a_name_of_no_schema_is_a_lookup_error(name: str) -> None:
    with pytest.raises(LookupError):
        schemas.load(name)


def test_in_a_wheel_the_schemas_lie_in_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = tmp_path / "_schemas" / "deep"
    inside.mkdir(parents=True)
    (inside / "one.schema.json").write_text('{"title": "One"}')
    (inside / "note.txt").write_text("no schema")
    monkeypatch.setattr(schemas, "files", lambda _: tmp_path)
    schemas._folder.cache_clear()
    try:
        assert schemas.names() == ("deep/one",)
        assert schemas.load("deep/one") == {"title": "One"}
    finally:
        schemas._folder.cache_clear()
        schemas._read.cache_clear()
