"""The linter knows what rules are evaluated on: names, types, and what an expression may give."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rule_world import AT, document, recovery, swab, text, vaccination

from coronapas import certlogic
from coronapas.certlogic import CertLogicError
from coronapas.certlogic._analysis import (
    ARRAY,
    BOOLEAN,
    DATE_TIME,
    INTEGER,
    NULL,
    OBJECT,
    STRING,
)
from coronapas.dcc import _schema as schema
from coronapas.rules import CertificateType, lint
from coronapas.rules._lint import data
from coronapas.rules._subject import codes, external

SETS = tuple(codes(None))
CLOCK = {"plusTime": [{"var": "external.validationClock"}, 0, "day"]}
PREFIX = {"Vaccination": "VR", "Test": "TR", "Recovery": "RR", "General": "GR"}
KINDS = {"v": "Vaccination", "t": "Test", "r": "Recovery"}
PASSES = {"v": vaccination(), "t": swab(), "r": recovery()}


def var(path: str) -> Any:
    return {"var": path}


def linted(logic: Any, kind: str = "Vaccination") -> list[str]:
    """The codes of what is wrong with the logic of a rule for a kind of pass."""
    rule = document(logic, CertificateType=kind, Identifier=f"{PREFIX[kind]}-DK-0001")
    return [
        finding.code
        for finding in lint(rule).findings
        if finding.code.startswith("logic.") and finding.severity == "error"
    ]


def guarded(logic: Any, group: str = "v") -> Any:
    return {"if": [var(f"payload.{group}.0"), logic, True]}


# Names


def test_external_has_the_members_that_rules_are_given() -> None:
    given_to_rules = external(
        country="DK",
        value_sets={},
        region="01",
        issuer_country="DK",
        kid=b"12345678",
        issued_at=0,
        expires=0,
    )
    assert {"validationClock", *given_to_rules} == data.EXTERNAL
    dates = {name for name, value in given_to_rules.items() if str(value).endswith("Z")}
    assert dates | {"validationClock"} == data.MOMENTS


@pytest.mark.parametrize("name", sorted(data.EXTERNAL - {"valueSets"}))
def test_every_member_of_external_is_known_and_no_longer_name(name: str) -> None:
    def compared(path: str) -> Any:
        return {"===": [var(path), "x"]}

    assert linted(compared(f"external.{name}")) == []
    assert linted(compared(f"external.{name}AtStartOfDay")) == ["logic.unknown-external"]
    assert linted(compared(f"external.{name}.x")) == ["logic.unknown-field"]


@given(st.text("abcdefXYZ-", min_size=1, max_size=20).filter(lambda name: name not in SETS))
def test_a_value_set_that_nobody_has_is_found(name: str) -> None:
    logic = {"in": [var("payload.v.0.mp"), var(f"external.valueSets.{name}")]}
    assert linted(guarded(logic)) == ["logic.unknown-value-set"]


@pytest.mark.parametrize("name", SETS)
def test_the_bundled_value_sets_are_known(name: str) -> None:
    logic = {"in": [var("payload.v.0.mp"), var(f"external.valueSets.{name}")]}
    assert linted(guarded(logic)) == []


def test_value_sets_that_are_given_are_known_beside_the_bundled_ones() -> None:
    logic = guarded({"in": [var("payload.v.0.mp"), var("external.valueSets.own")]})
    assert not lint(document(logic)).ok
    assert lint(document(logic), value_sets={"own": ["x"]}).ok


FIELDS = sorted(
    {
        (group, name)
        for version in schema.RELEASES
        for group in schema.GROUPS
        for name in schema.field_names(version)[group]
    }
)


@pytest.mark.parametrize(("group", "name"), FIELDS)
def test_every_field_of_every_release_is_known_and_a_misspelt_one_is_not(
    group: str, name: str
) -> None:
    kind = KINDS[group]

    def present(path: str) -> Any:
        return {"!": [var(path)]}

    path = f"payload.{group}.0.{name}"
    assert linted(present(path), kind) == []
    assert linted(present(f"{path}x"), kind) == ["logic.unknown-field"]
    assert linted(present(f"{path}.0"), kind) == ["logic.unknown-field"]
    assert linted(present(f"payload.{group}.{name}"), kind) == ["logic.unknown-field"]
    # The entries that a lambda goes through are the same.
    for inner, expected in ((name, []), (f"{name}x", ["logic.unknown-field"])):
        each = {"reduce": [var(f"payload.{group}"), present(f"current.{inner}"), True]}
        assert linted(each, kind) == expected
    outer = {"reduce": [var(f"payload.{group}"), present(f"data.{path}x"), True]}
    assert linted(outer, kind) == ["logic.unknown-field"]


@pytest.mark.parametrize("group", KINDS)
@pytest.mark.parametrize("other", KINDS)
@pytest.mark.parametrize("rest", ["", ".0", ".1", ".0.tg"])
def test_a_rule_for_one_kind_reads_no_other(group: str, other: str, rest: str) -> None:
    logic = {"!": [var(f"payload.{other}{rest}")]}
    assert linted(logic, KINDS[group]) == ([] if group == other else ["logic.other-kind"])
    assert linted(logic, "General") == []


def test_a_name_that_is_nearly_right_is_suggested() -> None:
    def hint(path: str) -> str:
        (finding,) = lint(document({"!": [var(path)]}, AffectedFields=["x"])).findings[:1]
        return finding.fault.hint

    assert hint("payload.v.0.ddn") == "Did you mean payload.v.0.dn?"
    assert hint("external.validationClok") == "Did you mean external.validationClock?"
    assert hint("payload.v.dn") == "Read one of its items, the first with payload.v.0."
    assert hint("payloads.v") == "Did you mean payload?"
    assert "countryCode" in hint("external.qqqq")


def test_a_long_name_is_cut_in_the_message() -> None:
    finding = lint(document({"!": [var("payload." + "x" * 5000)]})).findings[0]
    assert len(str(finding)) < 1000


# Types


DN, DT, MP = var("payload.v.0.dn"), var("payload.v.0.dt"), var("payload.v.0.mp")
WRONG_TYPES: list[Any] = [
    {"===": [DN, "2"]},
    {"===": [DN, MP]},
    {"===": [DN, True]},
    {"===": [DT, 20210601]},
    {">=": [DT, "2021-06-01"]},
    {">=": [DT, MP]},
    {"<": [1, DT, 3]},
    {"===": [{"+": [MP, 1]}, 2]},
    {"in": [DN, ["1", "2"]]},
    {"in": [DN, var("external.valueSets.vaccines-covid-19-names")]},
    {"in": [MP, [1, 2]]},
    {"in": [MP, DT]},
    {"before": [DT, CLOCK]},
    {"before": [{"plusTime": [DN, 1, "day"]}, CLOCK]},
    {"before": [{"plusTime": [MP, 1, "day"]}, CLOCK]},
    {"before": [{"plusTime": [var("external.countryCode"), 1, "day"]}, CLOCK]},
    {"before": [{"dccDateOfBirth": [var("payload.nam.fnt")]}, CLOCK]},
    {"===": [{"extractFromUVCI": [DN, 0]}, "DK"]},
]
RIGHT_TYPES: list[Any] = [
    {"===": [DN, 2]},
    {"===": [MP, DT]},
    {"===": [DN, var("payload.v.0.sd")]},
    {">=": [DN, var("payload.v.0.sd")]},
    {"in": [DN, [1, 2]]},
    {"in": [DN, [1, "2"]]},
    {"in": [MP, var("external.valueSets.vaccines-covid-19-names")]},
    {"before": [{"plusTime": [DT, 1, "day"]}, CLOCK]},
    {"before": [{"dccDateOfBirth": [var("payload.dob")]}, CLOCK]},
    {"before": [{"plusTime": [var("external.exp"), 1, "day"]}, CLOCK]},
    {"===": [{"extractFromUVCI": [var("payload.v.0.ci"), 0]}, "DK"]},
]


@pytest.mark.parametrize("logic", WRONG_TYPES, ids=str)
def test_operations_that_the_types_of_the_fields_rule_out_are_found(logic: Any) -> None:
    found = linted({"if": [var("payload.v.0"), {"if": [logic, True, False]}, True]})
    assert set(found) - {"logic.never-decides"} == {"logic.type"}


@pytest.mark.parametrize("logic", RIGHT_TYPES, ids=str)
def test_operations_of_the_right_types_are_let_be(logic: Any) -> None:
    assert linted(guarded(logic)) == []


# Results


@pytest.mark.parametrize("result", ["yes", 1, 0, DN, MP, ["x"], {"+": [1, 2]}, CLOCK, var("")])
def test_a_result_that_is_neither_true_nor_false_is_found_wherever_it_stands(result: Any) -> None:
    assert "logic.result" in linted(result)
    # Then it decides no pass with a vaccination.
    assert linted(guarded(result)) == ["logic.result", "logic.never-decides"]
    assert "logic.result" in linted({"and": [{"===": [DN, 1]}, result]})
    inner = {"if": [{"===": [DN, 2]}, True, result]}
    assert linted({"if": [{"===": [DN, 1]}, inner, True]}) == ["logic.result"]


def test_what_is_carried_from_dose_to_dose_may_be_anything() -> None:
    doses = var("payload.v")
    false_or_one = {"reduce": [doses, {"and": [var("accumulator"), 1]}, False]}
    true_or_text = {"if": [{"reduce": [doses, var("accumulator"), True]}, True, "x"]}
    assert linted(false_or_one) == linted(guarded(false_or_one)) == []
    assert linted(true_or_text) == ["logic.result"]


# Rules that decide nothing


@pytest.mark.parametrize("group", KINDS)
def test_a_general_rule_without_a_guard_is_found_for_every_other_kind(group: str) -> None:
    date = var(f"payload.{group}.0.{ {'v': 'dt', 't': 'sc', 'r': 'fr'}[group] }")
    bare = {"before": [{"plusTime": [date, 1, "day"]}, CLOCK]}
    rule = document(bare, CertificateType="General", Identifier="GR-DK-0001")
    found = [one for one in lint(rule).findings if one.code == "logic.never-decides"]
    others = {"v": "a vaccination", "t": "a test", "r": "a recovery"}
    del others[group]
    assert [one.fault.problem for one in found] == [
        f"The rule is OPEN for every pass with {other}." for other in others.values()
    ]
    assert linted(bare, KINDS[group]) == []
    assert linted(guarded(bare, group), "General") == []
    # A guard that lets another kind through is no guard.
    assert linted({"if": [var("payload.dob"), bare, True]}, "General") == []
    assert linted({"and": [True, bare]}, "General") == ["logic.never-decides"] * 2


@pytest.mark.parametrize("group", KINDS)
def test_a_rule_of_one_kind_that_decides_no_pass_of_it_is_found(group: str) -> None:
    (other, *_) = (each for each in KINDS if each != group)
    wrong = {"before": [{"plusTime": [var(f"payload.{other}.0.dt"), 1, "day"]}, CLOCK]}
    assert "logic.never-decides" in linted(wrong, KINDS[group])
    assert linted(guarded("text", group), KINDS[group]) == ["logic.result", "logic.never-decides"]


# The public rules


def paths_of(logic: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The places of the variables of an expression that read a pass or its surroundings."""
    if isinstance(logic, dict):
        name = logic.get("var")
        if isinstance(name, str) and name.startswith(("payload.", "external.")):
            yield path
        for key, inner in logic.items():
            yield from paths_of(inner, (*path, key))
    elif isinstance(logic, list):
        for number, inner in enumerate(logic):
            yield from paths_of(inner, (*path, number))


def test_public_rules_have_no_errors_and_one_with_any_name_misspelt_has(official: Path) -> None:
    places = 0
    for file in sorted((official / "business-rules").glob("*/*/rule.json")):
        rule = json.loads(file.read_bytes())
        kind = CertificateType(rule["CertificateType"])
        assert data.data_faults(certlogic.parse(rule["Logic"]), kind, SETS) == ()
        for path in list(paths_of(rule["Logic"])):
            changed = copy.deepcopy(rule)
            place = changed["Logic"]
            for step in path:
                place = place[step]
            place["var"] += "x"
            faults = data.data_faults(certlogic.parse(changed["Logic"]), kind, SETS)
            assert any(fault.code.startswith("logic.unknown-") for fault in faults), place["var"]
            places += 1
    assert places > 100


# What is said is true: an expression gives nothing that the reading rules out

_PATHS = [
    *(f"payload.{group}.{number}.{name}" for group, name in FIELDS for number in (0, 1)),
    *(f"payload.{group}" for group in KINDS),
    *(f"payload.{group}.0" for group in KINDS),
    *("", "payload", "payload.dob", "payload.nam.fnt", "payload.nam", "payload.v.x", "nothing"),
    *(f"external.{name}" for name in sorted(data.EXTERNAL)),
    *(f"external.valueSets.{name}" for name in SETS),
    *("current", "current.dn", "current.dt", "accumulator", "data.payload.v.0", "data"),
]
_LEAVES = st.one_of(
    st.sampled_from(_PATHS).map(var),
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from(["", "x", "2021-06-01", "840539006"]),
)


def _operations(parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    def of(operator: str, *counts: int) -> st.SearchStrategy[Any]:
        size = st.sampled_from(counts)
        lists = size.flatmap(lambda n: st.lists(parts, min_size=n, max_size=n))
        return lists.map(lambda operands: {operator: operands})

    comparisons = ("<", ">", "<=", ">=", "before", "after", "not-before", "not-after")
    return st.one_of(
        of("if", 3),
        of("and", 2, 3),
        of("!", 1),
        of("===", 2),
        of("in", 2),
        of("+", 2),
        st.lists(parts, max_size=3),
        of("reduce", 3),
        st.sampled_from(comparisons).flatmap(lambda operator: of(operator, 2, 3)),
        parts.map(lambda part: {"plusTime": [part, 1, "month"]}),
        parts.map(lambda part: {"dccDateOfBirth": [part]}),
        parts.map(lambda part: {"extractFromUVCI": [part, 1]}),
    )


EXPRESSIONS = st.recursive(_LEAVES, _operations, max_leaves=12)


def _kind_of(value: Any) -> int:
    for types, kind in (
        (bool, BOOLEAN),
        (int, INTEGER),
        (str, STRING),
        (datetime, DATE_TIME),
        ((list, tuple), ARRAY),
        (type(None), NULL),
    ):
        if isinstance(value, types):
            return kind
    return OBJECT


def world(group: str) -> dict[str, Any]:
    given_to_rules = external(
        country="DK", value_sets=codes(None), issuer_country="DE", issued_at=0, expires=10**9
    )
    return {
        "payload": PASSES[group],
        "external": {**given_to_rules, "validationClock": text(AT)},
    }


@given(EXPRESSIONS, st.sampled_from(list(KINDS)))
@example(var("payload.v.1"), "v")
@example({"and": [var("payload.t"), var("payload.v.0.dn")]}, "v")
def test_what_an_expression_gives_is_what_it_may_give(logic: Any, group: str) -> None:
    try:
        expression = certlogic.parse(logic)
        value = certlogic.evaluate(expression, world(group))
    except CertLogicError:
        return
    for kind in (None, CertificateType(KINDS[group])):
        reading = data.Reading(expression, data.data_of(SETS, kind))
        assert reading.value.kinds & _kind_of(value)


@given(EXPRESSIONS)
def test_a_rule_that_decides_some_pass_is_not_said_to_be_open_for_all(logic: Any) -> None:
    try:
        expression = certlogic.parse(logic)
    except CertLogicError:
        return
    faults = data.data_faults(expression, CertificateType.GENERAL, SETS)
    said = {fault.problem for fault in faults if fault.code == "logic.never-decides"}
    for group, words in (("v", "a vaccination"), ("t", "a test"), ("r", "a recovery")):
        try:
            value = certlogic.evaluate(expression, world(group))
        except CertLogicError:
            continue
        if isinstance(value, bool):
            assert f"The rule is OPEN for every pass with {words}." not in said
