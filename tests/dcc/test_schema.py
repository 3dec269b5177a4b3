"""The payload's schema: our tables, our JSON Schema files and the official releases agree."""

from __future__ import annotations

import csv
import json
import re
import time
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from coronapas.dcc import _schema as schema
from coronapas.dcc._schema import (
    MOST_VIOLATIONS,
    field_names,
    file_name,
    groups_fault,
    json_schema,
    release_for,
    version_number,
    violations,
    write,
)
from odd_payloads import ANYTHING, CBOR_VALUES, PLAIN_VALUES, RELEASES, VALID, mutated, payload

PROJECT = Path(__file__).resolve().parents[2]


@cache
def ours(version: str) -> Draft202012Validator:
    text = (PROJECT / "schemas" / file_name(version)).read_text(encoding="utf-8")
    return Draft202012Validator(json.loads(text))


@cache
def theirs(folder: Path, version: str) -> Draft202012Validator:
    text = (folder / "schema" / "releases" / f"{version}.json").read_text(encoding="utf-8")
    return Draft202012Validator(json.loads(text))


def found(dcc: object, version: str | None = None) -> set[tuple[str, str]]:
    return {(one.path, one.keyword) for one in violations(dcc, version)}


def test_the_tables_name_the_nine_releases_oldest_first() -> None:
    assert tuple(schema.RELEASES) == RELEASES
    assert schema.LATEST == "1.3.3"


@pytest.mark.parametrize("version", RELEASES)
def test_the_published_schema_files_are_those_that_the_tables_give(version: str) -> None:
    text = (PROJECT / "schemas" / file_name(version)).read_text(encoding="utf-8")
    hint = "run: python -m coronapas.dcc._schema schemas"
    assert json.loads(text) == json_schema(version), hint
    Draft202012Validator.check_schema(json_schema(version))


def test_writing_gives_one_file_for_each_release(tmp_path: Path) -> None:
    write(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {file_name(one) for one in RELEASES}
    written = json.loads((tmp_path / file_name("1.3.2")).read_text(encoding="utf-8"))
    assert written == json_schema("1.3.2")


@pytest.mark.parametrize("document", VALID)
def test_a_correct_payload_breaks_no_rule_of_its_release(document: dict[str, Any]) -> None:
    assert violations(document) == ()
    assert groups_fault(document) is None


@given(mutated(), st.sampled_from(RELEASES))
def test_our_tables_and_our_json_schemas_agree_on_broken_payloads(
    document: Any, version: str
) -> None:
    assert (violations(document, version) == ()) == ours(version).is_valid(document)


@given(mutated(), st.sampled_from(RELEASES))
def test_our_tables_agree_with_the_official_releases_on_broken_payloads(
    official: Path, document: Any, version: str
) -> None:
    valid = theirs(official, version).is_valid(document)
    assert (violations(document, version) == ()) == valid == ours(version).is_valid(document)


def test_all_three_agree_on_the_releases_own_cases(official: Path) -> None:
    files = [
        path
        for folder in ("valid", "invalid", "examples")
        for path in sorted((official / "schema" / folder).rglob("*.json"))
    ]
    assert files
    for path in files:
        document = json.loads(path.read_text(encoding="utf-8"))
        for version in RELEASES:
            valid = theirs(official, version).is_valid(document)
            assert (violations(document, version) == ()) == valid, (path.name, version)
            assert ours(version).is_valid(document) == valid, (path.name, version)


def test_the_official_vectors_schema_expectations_hold_but_for_known_issues(
    official: Path,
) -> None:
    known = known_schema_issues(official)
    judged = 0
    for path in sorted((official / "dgc-testdata").rglob("*.json")):
        vector = json.loads(path.read_text(encoding="utf-8-sig"))
        document = vector.get("JSON")
        expected = vector.get("EXPECTEDRESULTS", {})
        if not isinstance(document, dict):
            continue
        source = path.relative_to(official / "dgc-testdata").parts[0]
        if known & {(source, ""), (source, path.stem)}:
            continue
        if isinstance(expected.get("EXPECTEDVALIDOBJECT"), bool):
            valid = violations(document, vector["TESTCTX"]["SCHEMA"]) == ()
            assert valid == expected["EXPECTEDVALIDOBJECT"], path
            judged += 1
        if isinstance(expected.get("EXPECTEDSCHEMAVALIDATION"), bool):
            valid = violations(document) == () and groups_fault(document) is None
            assert valid == expected["EXPECTEDSCHEMAVALIDATION"], path
            judged += 1
    assert judged


def known_schema_issues(official: Path) -> set[tuple[str, str]]:
    with (official / "dgc-testdata" / "known_issues.csv").open(encoding="utf-8") as file:
        return {
            (row["country"], row["test_set"] or "")
            for row in csv.DictReader(file)
            if row["test_name"] == "test_cose_schema"
        }


@pytest.mark.parametrize(
    ("document", "version", "expected"),
    [
        (payload(), "1.3.2", set()),
        (
            {},
            "1.3.2",
            {("ver", "required"), ("nam", "required"), ("dob", "required"), ("", "oneOf")},
        ),
        ({}, "1.2.1", {("ver", "required"), ("nam", "required"), ("dob", "required")}),
        (payload("NAAT", tc=...), "1.2.1", {("t.0.tc", "required")}),
        (payload("NAAT", tc=...), "1.3.0", set()),
        (payload(dn=9), "1.2.1", set()),
        (payload(dn=10), "1.2.1", {("v.0.dn", "maximum")}),
        (payload(dn=10), "1.3.0", set()),
        (payload(dn=1), "1.3.0", set()),
        (payload(dn=0), "1.3.0", {("v.0.dn", "minimum")}),
        (payload(dn=2.0), "1.3.0", set()),
        (payload(dn=2.5), "1.3.0", {("v.0.dn", "type")}),
        (payload(dn=True), "1.3.0", {("v.0.dn", "type")}),
        (payload(dn=float("nan")), "1.3.0", {("v.0.dn", "type")}),
        (payload(dn="2"), "1.3.0", {("v.0.dn", "type")}),
        (payload(ci="x" * 50), "1.2.1", set()),
        (payload(ci="x" * 51), "1.2.1", {("v.0.ci", "maxLength")}),
        (payload(ci="x" * 80), "1.3.0", set()),
        (payload(ci="x" * 81), "1.3.0", {("v.0.ci", "maxLength")}),
        (payload("NAAT", nm="x" * 81), "1.2.1", set()),
        (payload("NAAT", nm="x" * 81), "1.3.0", {("t.0.nm", "maxLength")}),
        (payload("NAAT", dr=5), "1.1.0", {("t.0.dr", "type")}),
        (payload("NAAT", dr=5), "1.2.0", set()),
        (payload(co="dk"), "1.3.0", {("v.0.co", "pattern")}),
        (payload(tg=None), "1.3.0", {("v.0.tg", "type")}),
        (payload() | {"dob": "1990"}, "1.0.1", {("dob", "pattern")}),
        (payload() | {"dob": "1990"}, "1.1.0", set()),
        (payload() | {"dob": ""}, "1.2.1", {("dob", "pattern")}),
        (payload() | {"dob": ""}, "1.3.0", set()),
        (payload() | {"nam": {"gnt": "A"}}, "1.3.1", {("nam.fnt", "required")}),
        (payload() | {"nam": {"gnt": "A"}}, "1.3.2", set()),
        (payload() | {"nam": {"fn": "A"}}, "1.3.2", {("nam", "anyOf")}),
        (payload() | {"nam": "A"}, "1.3.2", {("nam", "type")}),
        (payload() | {"t": None}, "1.3.2", {("", "oneOf"), ("t", "type")}),
        (payload() | {"v": []}, "1.3.2", {("v", "minItems")}),
        (payload() | {"v": payload()["v"] * 2}, "1.3.2", {("v", "maxItems")}),
        (payload() | {"v": payload()["v"] * 2}, "1.2.1", set()),
        (payload() | {"v": [1]}, "1.3.2", {("v.0", "type")}),
        (payload() | {"v": {}}, "1.3.2", {("v", "type")}),
        ([], "1.3.2", {("", "type")}),
    ],
)
def test_each_rule_is_broken_under_its_own_path_and_keyword(
    document: object, version: str, expected: set[tuple[str, str]]
) -> None:
    assert found(document, version) == expected


def test_tuples_and_other_mappings_count_as_arrays_and_objects() -> None:
    entry = payload()["v"][0]
    document = MappingProxyType({**payload(), "v": (MappingProxyType(entry),)})
    assert violations(document) == ()
    assert groups_fault(document) is None


@given(ANYTHING)
def test_no_object_makes_the_check_raise(document: object) -> None:
    assert len(violations(document)) <= MOST_VIOLATIONS
    fault = groups_fault(document)
    assert fault is None or isinstance(document, dict) or fault.keyword == "required"


@given(mutated(PLAIN_VALUES + CBOR_VALUES))
def test_values_that_only_cbor_has_are_judged_without_raising(document: object) -> None:
    for one in violations(document):
        assert one.keyword
        assert one.problem[0].islower()
        assert not one.problem.endswith(".")


def test_no_more_violations_are_listed_than_the_bound() -> None:
    document = payload() | {"v": [{}] * 100_000}
    assert len(violations(document, "1.2.1")) == MOST_VIOLATIONS


def test_a_long_row_of_digits_as_version_costs_little() -> None:
    start = time.process_time()
    violations(payload() | {"ver": "1" * 100_000 + "x" * 3})
    assert time.process_time() - start < 1


@given(st.text(alphabet="10a.-\n\u0661", max_size=9))
def test_the_linear_form_of_a_version_finds_what_the_releases_find(text: str) -> None:
    official = re.search(r"^\d+.\d+.\d+$", text) is not None
    assert (("ver", "pattern") not in found(payload() | {"ver": text}, "1.3.2")) == official


@pytest.mark.parametrize(
    ("version", "release"),
    [
        ("1.3.0", "1.3.0"),
        ("1.3.9", "1.3.3"),
        ("1.4.0", "1.3.3"),
        ("1.2.7", "1.2.1"),
        ("1.0.9", "1.0.1"),
        ("1.1", "1.1.0"),
        ("0.9.9", "1.3.3"),
        ("2.0.0", "1.3.3"),
        ("nonsense", "1.3.3"),
        (None, "1.3.3"),
        (1.3, "1.3.3"),
        (["1.3.0"], "1.3.3"),
    ],
)
def test_a_version_that_was_never_released_is_judged_by_the_nearest_one(
    version: object, release: str
) -> None:
    assert release_for(version).version == release


def test_a_version_number_is_three_short_numbers_of_ascii_digits() -> None:
    assert version_number("1.3.2") == (1, 3, 2)
    assert version_number("1.3") == (1, 3, 0)
    assert version_number("9999.0.0") == (9999, 0, 0)
    assert version_number("10000.0.0") is None
    assert version_number("1.3.2\n") is None
    assert version_number("\u0661.3.2") is None
    assert version_number(13) is None


def test_only_the_first_releases_name_the_time_of_the_result() -> None:
    named = {version for version in RELEASES if "dr" in field_names(version)["t"]}
    assert named == {"1.0.0", "1.0.1", "1.1.0"}


@pytest.mark.parametrize(
    ("document", "path", "keyword"),
    [
        (None, "", "required"),
        ({}, "", "required"),
        ({"v": [1], "t": None}, "", "oneOf"),
        ({"v": [1], "t": [1]}, "", "oneOf"),
        ({"v": None}, "v", "type"),
        ({"v": []}, "v", "minItems"),
        ({"v": [1, 1]}, "v", "maxItems"),
    ],
)
def test_the_fault_of_the_groups_is_named(document: object, path: str, keyword: str) -> None:
    fault = groups_fault(document)
    assert fault is not None
    assert (fault.path, fault.keyword) == (path, keyword)


def test_no_violation_repeats_the_value_at_fault() -> None:
    document = payload(ci="secret" * 20, co="secret") | {"nam": {"fnt": "secret"}, "dob": "secret"}
    assert len(violations(document)) == 4
    assert "secret" not in repr(violations(document))
