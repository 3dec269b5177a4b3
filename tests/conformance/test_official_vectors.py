"""The official vectors: every expectation agrees, but for those whose class of reason is known.

``docs/explanation/conformance.md`` explains the classes. They are told here from what a vector
*is*, not from its name, so that the same holds for vectors that nobody here has seen.
"""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any

import cbor2
import pytest
from jsonschema import Draft202012Validator

from coronapas.conformance import Report, TestVector, read, run
from coronapas.dcc._schema import GROUPS, release_for

if TYPE_CHECKING:
    from pathlib import Path

    from coronapas.conformance import Result

# The names that the owners' list gives the expectations of schema and usage.
OWNERS_NAMES = {
    "EXPECTEDSCHEMAVALIDATION": "test_cose_schema",
    "EXPECTEDDECODE": "test_cose_json",
    "EXPECTEDVALIDJSON": "test_cbor_json",
    "EXPECTEDVERIFY": "test_verification_check",
    "EXPECTEDEXPIRATIONCHECK": "test_expiration_check",
    "EXPECTEDKEYUSAGE": "test_expected_key_usage",
}


@pytest.fixture(scope="module")
def folder(official: Path) -> Path:
    return official / "dgc-testdata"


@pytest.fixture(scope="module")
def report(folder: Path) -> Report:
    return run(folder)


def vector_of(folder: Path, result: Result) -> TestVector:
    return read((folder / result.file).read_bytes(), result.file)


def known_to_the_owners(folder: Path, result: Result) -> bool:
    country, number = result.file.split("/")[0], result.file.split("/")[-1].removesuffix(".json")
    with (folder / "known_issues.csv").open(newline="") as file:
        return any(
            row["test_name"] == OWNERS_NAMES.get(result.expectation)
            and row["country"] == country
            and row["test_set"] in (number, "")
            for row in csv.DictReader(file)
        )


def official_schema_refuses(official: Path, release: str, dcc: object) -> bool:
    """Whether the official schema of a release, under the jsonschema package, refuses a DCC."""
    document = json.loads((official / "schema" / "releases" / f"{release}.json").read_bytes())
    return not Draft202012Validator(document).is_valid(dcc)


def decoded(vector: TestVector) -> Any:
    """The DCC in a vector, by other means than the library's."""
    if vector.cose is None:
        return vector.json
    message = cbor2.loads(vector.cose)
    while isinstance(message, cbor2.CBORTag):
        message = message.value
    return cbor2.loads(message[2])[-260][1]


def reason_class(folder: Path, result: Result) -> str | None:
    """Why a disagreement is the data's, as the explanation has it; None where nothing says so."""
    vector, official = vector_of(folder, result), folder.parent
    if known_to_the_owners(folder, result):
        return "known to the owners"
    match result.expectation:
        case "EXPECTEDVALIDOBJECT":
            if official_schema_refuses(official, vector.schema or "", vector.json):
                return "the official schema refuses it"
        case "EXPECTEDSCHEMAVALIDATION":
            dcc = decoded(vector)
            if official_schema_refuses(official, release_for(dcc.get("ver")).version, dcc):
                return "the official schema refuses it"
            if sum(len(dcc.get(group) or ()) for group in GROUPS) != 1:
                return "several events"
        case "EXPECTEDKEYUSAGE":
            certificate = vector.certificate
            if certificate is not None and not certificate.usages and "holds" in result.reason:
                return "usage of a certificate without usages"
    return None


def test_every_disagreement_has_a_known_reason(folder: Path, report: Report) -> None:
    unexplained = [
        str(result) for result in report.disagreements if reason_class(folder, result) is None
    ]
    assert unexplained == []


def test_the_disagreements_are_few_and_most_agree(report: Report) -> None:
    assert report.failed <= 0.05 * (report.passed + report.failed)
    assert report.passed > 500


def test_nothing_is_skipped_but_for_want_of_inputs_or_of_meaning(report: Report) -> None:
    odd = [
        str(result)
        for result in report.results
        if result.verdict == "skipped"
        and not result.reason.endswith("absent")
        and result.reason != "no expectation of this name is known"
    ]
    assert odd == []
    assert report.passed_over == ()


@pytest.mark.parametrize("name", ["CO22", "CO23"])
def test_a_kid_that_does_not_lead_to_the_certificate_fails_though_the_signature_is_good(
    folder: Path, report: Report, name: str
) -> None:
    from coronapas.hcert import _cose as cose
    from coronapas.trust._certificate import VerifyingKey

    (result,) = [
        one for one in report.results if one.file.endswith(f"common/2DCode/raw/{name}.json")
    ]
    assert (result.expectation, result.verdict) == ("EXPECTEDVERIFY", "passed")
    vector = vector_of(folder, result)
    assert vector.certificate is not None
    assert vector.cose is not None
    assert VerifyingKey(vector.certificate).fault(cose.read(vector.cose)) is None


def test_every_picture_is_read(report: Report) -> None:
    pictures = [one for one in report.results if one.expectation == "EXPECTEDPICTUREDECODE"]
    assert {one.verdict.value for one in pictures} <= {"passed", "skipped"}
    assert sum(one.verdict == "passed" for one in pictures) > 50
