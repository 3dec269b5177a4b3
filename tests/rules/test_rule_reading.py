"""A rule's JSON is read in every form in use, written back as it was, and refused with reasons."""

from __future__ import annotations

import copy
import json
import pickle
import re
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rule_world import HOLDS, document, rule

from coronapas import schemas
from coronapas.errors import RuleError
from coronapas.rules import CertificateType, RuleType, Version, read_rule
from coronapas.rules._lint.upload import schema_faults

VALIDATOR = jsonschema.Draft202012Validator(schemas.load("rule"))
NUMBERS = st.integers(0, 30)
VERSIONS = st.builds("{}.{}.{}".format, NUMBERS, NUMBERS, NUMBERS)


def codes(given: Any) -> list[tuple[str, str]]:
    with pytest.raises(RuleError) as caught:
        read_rule(given)
    return [(fault.field, fault.code) for fault in caught.value.faults]


def test_a_sound_rule_is_read_into_types() -> None:
    found = rule(Region=" by ", Country="de", Extra={"kept": [1]})
    assert found.type is RuleType.ACCEPTANCE
    assert found.certificate_type is CertificateType.VACCINATION
    assert (found.country, found.region) == ("DE", "BY")
    assert found.version == Version.parse("1.0.0")
    assert found.valid_from == datetime(2022, 1, 1, tzinfo=UTC)
    assert found.runnable
    assert found.members["Extra"] == {"kept": [1]}
    assert str(found) == "VR-DK-0001 1.0.0"


def test_a_rule_is_written_back_as_it_was_read() -> None:
    given = document(Region="BY", Source="somewhere")
    written = rule(Region="BY", Source="somewhere").to_json()
    assert written == given
    written["Logic"].clear()
    assert rule(Region="BY").to_json()["Logic"] == HOLDS


def test_a_rule_of_the_verifier_apps_says_the_same_as_the_gateways() -> None:
    given = document(Region="BY")
    other = {
        "identifier": given["Identifier"],
        "type": "ACCEPTANCE",
        "countryCode": "dk",
        "region": "BY",
        "version": "1.0.0",
        "schemaVersion": "1.0.0",
        "engine": "CERTLOGIC",
        "engineVersion": "1.3.3",
        "ruleCertificateType": "VACCINATION",
        "descriptions": {"en": given["Description"][0]["desc"]},
        "validFrom": "2022-01-01T01:00:00+01:00",
        "validTo": given["ValidTo"],
        "affectedFields": given["AffectedFields"],
        "logic": given["Logic"],
    }
    assert read_rule(other) == read_rule(given)
    assert hash(read_rule(other)) == hash(read_rule(given))
    assert read_rule(other).to_json().keys() == given.keys()
    assert list(read_rule(other).to_json())[2:5] == ["Country", "Region", "Version"]


def test_a_rule_travels_to_another_process() -> None:
    found = rule()
    assert found.compiled is not None
    assert pickle.loads(pickle.dumps(found)) == found


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("Identifier", ..., "rule.missing"),
        ("Identifier", " ", "rule.identifier"),
        ("Identifier", "x" * 5000, "rule.identifier"),
        ("Type", "Advice", "rule.type"),
        ("Type", None, "rule.type"),
        ("Country", 45, "rule.country"),
        ("Region", 45, "rule.region"),
        ("Version", "1.0", "rule.version"),
        ("Version", "1" * 100 + ".0.0", "rule.version"),
        ("SchemaVersion", None, "rule.schema-version"),
        ("Engine", "", "rule.engine"),
        ("EngineVersion", "one", "rule.engine-version"),
        ("CertificateType", "Passport", "rule.certificate-type"),
        ("Description", "text", "rule.description"),
        ("Description", ["text"], "rule.description"),
        ("Description", [{"lang": "en"}], "rule.description"),
        ("ValidFrom", "2022-01-01", "rule.valid-from"),
        ("ValidFrom", "2022-01-01T00:00:00", "rule.valid-from"),
        ("ValidFrom", "2022-02-30T00:00:00Z", "rule.valid-from"),
        ("ValidTo", "0001-01-01T00:00:00+23:00", "rule.valid-to"),
        ("ValidTo", 5, "rule.valid-to"),
        ("AffectedFields", "v.0", "rule.affected-fields"),
        ("AffectedFields", [1], "rule.affected-fields"),
        ("Logic", ..., "rule.missing"),
        ("Logic", {"or": [1, 2]}, "rule.logic"),
        ("Logic", None, "rule.logic"),
    ],
)
def test_a_fault_names_the_member_and_what_is_wrong(name: str, value: Any, code: str) -> None:
    assert codes(document(**{name: value})) == [(name, code)]


def test_all_faults_are_named_in_the_order_of_the_members() -> None:
    found = codes({"ValidTo": 1, "Identifier": "", "Logic": []})
    assert [name for name, _ in found][:3] == ["Identifier", "Type", "Country"]
    assert ("ValidTo", "rule.valid-to") in found


def test_a_member_in_two_spellings_is_a_fault() -> None:
    assert ("Country", "rule.twice") in codes(document(country="SE"))


@pytest.mark.parametrize("given", [None, [], "rule", 5])
def test_what_is_no_object_is_no_rule(given: Any) -> None:
    assert codes(given) == [("", "rule.kind")]


def test_a_rule_in_force_is_not_lost_for_a_short_or_absent_description() -> None:
    assert read_rule(document(Description=...)).description() == "VR-DK-0001"
    assert read_rule(document(Description=[{"lang": "da", "desc": "Kort"}])).description() == "Kort"
    assert read_rule(document(AffectedFields=...)).affected_fields == ()


def test_the_description_comes_in_the_language_wanted_else_in_english() -> None:
    found = rule(
        Description=[
            {"lang": "da", "desc": "dansk"},
            {"lang": "en", "desc": "English"},
            {"lang": "EN", "desc": "again"},
        ]
    )
    assert found.description() == "English"
    assert found.description("DA") == "dansk"
    assert found.description("da_DK") == "dansk"
    assert found.description("fi") == "English"


@pytest.mark.parametrize(
    "members",
    [{"Engine": "PROLOG"}, {"EngineVersion": "1.3.4"}, {"EngineVersion": "2.0.0"}],
)
def test_a_rule_for_another_engine_is_read_without_its_logic(members: dict[str, Any]) -> None:
    found = rule({"or": [True, False]}, **members)
    assert not found.runnable
    assert found.compiled is None
    assert found.reads == ()
    assert found.to_json()["Logic"] == {"or": [True, False]}


def test_hostile_depth_is_refused_whatever_the_engine() -> None:
    deep: Any = {"!": [1]}
    for _ in range(5000):
        deep = {"!": [deep]}
    assert codes(document(deep)) == [("Logic", "rule.logic")]
    assert codes(document(deep, Engine="PROLOG")) == [("Logic", "rule.bounds")]
    assert codes(document(Extra=deep)) == [("Extra", "rule.bounds")]


# Versions


def test_versions_are_compared_as_numbers_with_prereleases_first() -> None:
    ascending = [
        *("0.9.9", "1.0.0-1", "1.0.0-2", "1.0.0-11", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-beta"),
        *("1.0.0", "1.0.1", "1.0.10", "1.2.0", "1.10.0", "2.0.0", "10.0.0"),
    ]
    parsed = [Version.parse(version) for version in ascending]
    assert sorted(parsed, key=lambda version: (version, 0)) == parsed
    assert all(one < other for one, other in pairwise(parsed))


def test_build_metadata_does_not_count() -> None:
    one, other = Version.parse("1.0.0+5"), Version.parse("1.0.0")
    assert one == other
    assert hash(one) == hash(other)
    assert str(one) == "1.0.0+5"
    assert one != "1.0.0"


@given(VERSIONS, VERSIONS)
def test_versions_are_ordered_as_their_numbers_are(one: str, other: str) -> None:
    numbers = [tuple(map(int, version.split("."))) for version in (one, other)]
    assert (Version.parse(one) < Version.parse(other)) is (numbers[0] < numbers[1])


@pytest.mark.parametrize("text", ["", "1", "1.0", "1.0.x", "v1.0.0", "1.0.0 ", "1.0.0-", "１.0.0"])
def test_what_is_no_version_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="A version is"):
        Version.parse(text)


# The schema

BROKEN: list[tuple[str, Any]] = [
    *((name, ...) for name in document()),
    *((name, None) for name in document()),
    *((name, 5) for name in document()),
    ("Identifier", "XR-DK-0001"),
    ("Identifier", "VR-DK-1"),
    ("Identifier", "VR-dk-0001"),
    ("Type", "acceptance"),
    ("Country", "DNK"),
    ("Region", "BY"),
    ("Region", ""),
    ("Region", "by"),
    ("Region", "ABCDEF"),
    ("Region", 5),
    ("Version", "1.0"),
    ("Version", "1.0.0-rc"),
    ("EngineVersion", "1"),
    ("SchemaVersion", "1.3"),
    ("Engine", ""),
    ("CertificateType", "Passport"),
    ("Description", []),
    ("Description", [{"lang": "da", "desc": "En regel på dansk alene."}]),
    ("Description", [{"lang": "en", "desc": "Nineteen characters"}]),
    ("Description", [{"lang": "en", "desc": "Of twenty characters"}]),
    ("Description", [{"lang": "en-gb", "desc": "Of twenty characters, and more"}]),
    ("Description", [document()["Description"][0], {"lang": "DA", "desc": "x" * 20}]),
    ("Description", [document()["Description"][0], "text"]),
    ("ValidFrom", "2022-01-01"),
    ("ValidFrom", "2022-01-01T00:00:00"),
    ("ValidFrom", "2022-01-01T00:00:00.000Z"),
    ("ValidTo", "2022-19-39T29:00:00+29:00"),
    ("AffectedFields", []),
    ("AffectedFields", ["v.0", 1]),
    ("Logic", {}),
    ("Logic", [1]),
    ("Extra", "kept"),
]


@pytest.mark.parametrize(("name", "value"), BROKEN)
def test_the_schema_and_the_constraints_agree_on_a_broken_member(name: str, value: Any) -> None:
    given = document(**{name: value})
    assert VALIDATOR.is_valid(given) is (schema_faults(given) == ())


def test_the_schema_and_the_constraints_agree_on_what_is_no_object() -> None:
    others: list[Any] = [None, [], 5]
    for other in others:
        assert not VALIDATOR.is_valid(other)
        assert schema_faults(other)


@pytest.fixture(scope="module")
def theirs(official: Path) -> Any:
    """The official schema, but for what our notes name as its errors.

    Its identifiers have no leading zeros, which all public rules have; it knows no regions; it asks
    for a `minLength` of an array, which means nothing, in place of `minItems`.
    """
    found = json.loads(
        (official / "business-rules/schemas/validation-rule-schema.json").read_text()
    )
    ours = schemas.load("rule")["properties"]
    for name in ("Identifier", "Region"):
        found["properties"][name] = ours[name]
    found["properties"]["AffectedFields"]["minItems"] = 1
    return jsonschema.Draft202012Validator(found)


@pytest.mark.parametrize(("name", "value"), BROKEN)
def test_our_schema_and_the_official_one_agree_on_a_broken_member(
    theirs: Any, name: str, value: Any
) -> None:
    given = document(**{name: value})
    assert VALIDATOR.is_valid(given) is theirs.is_valid(given)


def test_our_schema_and_the_official_one_agree_on_public_rules_broken_in_one_place(
    official: Path, theirs: Any
) -> None:
    count = 0
    for path in sorted((official / "business-rules").glob("*/*/rule.json")):
        given = json.loads(path.read_bytes())
        assert VALIDATOR.is_valid(given), path
        assert theirs.is_valid(given), path
        assert schema_faults(given) == (), path
        # A third of them each, by turns: every member of every kind of rule is broken somewhere.
        for name, value in BROKEN[count % 3 :: 3]:
            broken = copy.deepcopy(given)
            broken[name] = value
            if value is ...:
                del broken[name]
            assert VALIDATOR.is_valid(broken) is theirs.is_valid(broken), (path, name)
            assert VALIDATOR.is_valid(broken) is (schema_faults(broken) == ()), (path, name)
        count += 1
    assert count > 50


def test_every_public_rule_is_read_and_written_back(official: Path) -> None:
    for path in sorted((official / "business-rules").glob("*/*/rule.json")):
        given = json.loads(path.read_bytes())
        assert read_rule(given).to_json() == given, path


@given(
    st.dictionaries(
        st.sampled_from([*document(), "region", "Other"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.text(max_size=4), inner, max_size=3)
            ),
            max_leaves=8,
        ),
    )
)
def test_no_json_makes_reading_raise_anything_else(members: dict[str, Any]) -> None:
    given = {**document(), **members}
    schema_faults(given)
    try:
        read_rule(given)
    except RuleError as error:
        assert error.faults
        assert all(re.fullmatch(r"rule\.[a-z-]+", fault.code) for fault in error.faults)
