"""Our own vectors: complete, made by their script, valid by their schema, and all passed."""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

from coronapas.conformance import TestVector, run
from coronapas.tolerances import FIELD, STRICT, TOLERANCES
from coronapas.trust import TrustStore
from coronapas.verify._verifier import Verifier

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

PROJECT = Path(__file__).resolve().parent.parent.parent
TESTDATA = PROJECT / "testdata"

BASIC_LIST = {
    *("Q1", "Q2", "H1", "H2", "H3", "B1", "Z1", "Z2", "CBO1", "CBO2"),
    *(f"CO{number}" for number in range(1, 29)),
    *(f"DGC{number}" for number in range(1, 9)),
}
FOLDERS = ("basic", "ordinary", "tolerances")
TABLE_ROW = re.compile(r"\| `(?P<tolerance>[a-z.-]+)` \| (?P<files>[^|]+) \|")
MOST_BYTES = 1_500_000


@cache
def vectors() -> dict[str, dict[str, Any]]:
    found = sorted(TESTDATA.rglob("*.json"))
    return {
        path.relative_to(TESTDATA).as_posix(): json.loads(path.read_text("utf-8")) for path in found
    }


def runs(name: str) -> list[dict[str, Any]]:
    stated: list[dict[str, Any]] = vectors()[name]["CORONAPAS"]["verify"]
    return stated


@pytest.fixture(scope="module")
def files() -> Iterator[ModuleType]:
    """The maker's module that tells whether two vectors say the same."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(TESTDATA))
        yield importlib.import_module("making.files")


def make(into: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, TESTDATA / "make.py", "--into", into],
        capture_output=True,
        check=False,
        text=True,
    )


@pytest.fixture(scope="module")
def made_again(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which the maker has written every vector anew."""
    folder = tmp_path_factory.mktemp("vectors")
    done = make(folder)
    assert done.returncode == 0, done.stderr
    return folder


def test_every_identifier_of_the_basic_list_has_a_vector_and_nothing_else_is_among_them() -> None:
    assert {Path(name).stem for name in vectors() if name.startswith("basic/")} == BASIC_LIST


def test_every_vector_stands_in_one_of_the_three_folders() -> None:
    assert {name.partition("/")[0] for name in vectors()} == set(FOLDERS)


# The EU's format knows no other payloads. tests/denmark and tests/live have the texts of tokens;
# for the others there are the vectors in testdata/gdhcn, of a form of their own (tests/gdhcn).
# A vector names no list, and so no participant that vouches for the key (tests/verify).
OTHER_PAYLOADS = {
    "certificate.participant",
    "prefix.no-colon",
    "content.bound",
    "cwt.missing-exp",
    "content.older-shape",
    "content.field-missing",
    "content.issued-early",
    "content.several-doses",
    "content.version-ambiguous",
    "content.link-form",
    "content.link-member",
    "content.link-key",
}
INTERNATIONAL = {name: row for name, row in TOLERANCES.items() if name not in OTHER_PAYLOADS}


@pytest.mark.parametrize("tolerance", INTERNATIONAL.values(), ids=INTERNATIONAL)
def test_every_tolerance_has_a_vector_that_needs_it(tolerance: Any) -> None:
    found = [one for name in vectors() for one in runs(name) if tolerance.name in one["deviations"]]
    granted = [one for one in found if one["ok"]]
    refused = [one for one in found if tolerance.name in one["failures"]]
    assert granted
    assert refused
    assert any(
        one["tolerate"] == "field" for one in (granted if tolerance.granted_by_field else refused)
    )


def test_every_vector_follows_the_schema() -> None:
    schema = json.loads((PROJECT / "schemas" / "test-vector.schema.json").read_text("utf-8"))
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    for name, vector in vectors().items():
        assert list(validator.iter_errors(vector)) == [], name


def test_every_vector_tells_its_moment_its_oddity_and_what_the_verifier_must_find() -> None:
    context = {"VERSION", "SCHEMA", "CERTIFICATE", "VALIDATIONCLOCK", "DESCRIPTION"}
    for name, vector in vectors().items():
        assert vector["TESTCTX"].keys() == context, name
        assert vector["TESTCTX"]["DESCRIPTION"].endswith("."), name
        for one in runs(name):
            assert one.keys() >= {"ok", "failures", "deviations", "tolerate"}, name
            assert one["ok"] is not bool(one["failures"]), name


def test_pictures_are_in_the_vectors_that_are_about_them_alone() -> None:
    pictured = {name for name, vector in vectors().items() if "2DCODE" in vector}
    ordinary = {name for name in vectors() if name.startswith("ordinary/")}
    assert pictured == {*ordinary, "basic/Q1.json", "basic/Q2.json"}


def test_every_vector_agrees_with_the_library() -> None:
    report = run(TESTDATA)
    assert report.disagreements == ()
    assert (report.failed, report.skipped, report.passed_over) == (0, 0, ())
    assert {result.file for result in report.results} == vectors().keys()


def found_by(verifier: Verifier, vector: TestVector) -> tuple[object, ...]:
    result = verifier.verify(vector.prefix or "", at=vector.clock)
    return result.ok, result.checks, result.deviations, result.payload, result.facts


@pytest.mark.parametrize("tolerate", [FIELD, STRICT], ids=["field", "strict"])
def test_a_verifier_that_knows_the_key_already_finds_the_same(tolerate: frozenset[str]) -> None:
    for name, document in vectors().items():
        vector = TestVector(name, document)
        certificate = vector.certificate
        assert certificate is not None
        verifier = Verifier(TrustStore([certificate]), tolerate=tolerate)
        first = found_by(verifier, vector)
        for _ in range(2):
            assert found_by(verifier, vector) == first, name


def test_the_maker_makes_the_same_vectors_again(made_again: Path, files: ModuleType) -> None:
    paths = made_again.rglob("*.json")
    made = {path.relative_to(made_again).as_posix(): path for path in paths}
    assert made.keys() == vectors().keys()
    for name, path in made.items():
        assert files.same(vectors()[name], json.loads(path.read_text("utf-8"))), name


def test_ecdsa_signatures_are_the_same_at_every_run(made_again: Path) -> None:
    name = "ordinary/full-course.json"
    again = json.loads((made_again / name).read_text("utf-8"))
    assert again["COSE"] == vectors()[name]["COSE"]


def test_the_maker_leaves_what_is_there_already_and_reports_what_has_no_recipe(
    made_again: Path,
) -> None:
    rsa = made_again / "ordinary" / "rsa-2048.json"
    before = rsa.read_bytes()
    stranger = made_again / "ordinary" / "stranger.json"
    stranger.write_text("{}")
    done = make(made_again)
    stranger.unlink()
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        f"{len(vectors())} vectors, 0 written anew",
        "ordinary/stranger.json has no recipe",
    ]
    assert rsa.read_bytes() == before


@pytest.mark.parametrize("name", ["ordinary/rsa-2048.json", "ordinary/full-course.json"])
@pytest.mark.parametrize("layer", ["COSE", "COMPRESSED", "BASE45", "PREFIX", "CBOR"])
def test_a_change_in_any_layer_makes_another_vector(
    name: str, layer: str, files: ModuleType
) -> None:
    vector = vectors()[name]
    changed = deepcopy(vector)
    text: str = changed[layer]
    changed[layer] = text[:-4] + ("0" if text[-4] != "0" else "1") + text[-3:]
    assert files.same(vector, deepcopy(vector))
    assert not files.same(vector, changed)


@pytest.mark.parametrize("part", ["JSON", "TESTCTX", "EXPECTEDRESULTS", "CORONAPAS", "2DCODE"])
def test_a_missing_part_makes_another_vector(part: str, files: ModuleType) -> None:
    vector = vectors()["ordinary/rsa-2048.json"]
    emptied = {**vector, part: ""}
    if part == "TESTCTX":
        emptied[part] = {**vector[part], "DESCRIPTION": ""}
    assert not files.same(vector, emptied)


def test_the_readme_names_for_every_tolerance_vectors_that_need_it() -> None:
    _, _, text = (TESTDATA / "README.md").read_text("utf-8").partition("## Tolerance and vectors")
    table = {
        row["tolerance"]: re.findall("`([^`]+)`", row["files"]) for row in TABLE_ROW.finditer(text)
    }
    assert list(table) == list(INTERNATIONAL)
    for tolerance, names in table.items():
        assert names
        for name in names:
            assert any(tolerance in one["deviations"] for one in runs(f"{name}.json")), name


def test_every_key_and_certificate_says_that_it_is_worthless() -> None:
    pems = sorted((TESTDATA / "keys").iterdir())
    assert pems
    assert [path.name for path in pems if b"worthless" not in path.read_bytes()] == []


def test_the_vectors_stay_small() -> None:
    paths = [path for path in TESTDATA.rglob("*") if path.suffix in (".json", ".pem")]
    assert sum(path.stat().st_size for path in paths) < MOST_BYTES
