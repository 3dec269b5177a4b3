"""Reading payloads: facts from all that can be read, and from every official pass."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coronapas.dcc import _claims as claims
from coronapas.dcc._examiner import default_examiner, examine
from coronapas.dcc._reader import (
    facts_of,
    kind_of,
    positive_test,
    sampled_at,
)
from coronapas.facts import (
    Event,
    EventKind,
    History,
    Holder,
    PartialDate,
    Recovery,
    Test,
    TestKind,
    TestResult,
    Vaccination,
)
from coronapas.tolerances import FIELD
from odd_payloads import (
    ANYTHING,
    CBOR_VALUES,
    NAAT,
    PLAIN_VALUES,
    RECOVERY,
    VACCINATION,
    mutated,
    payload,
)

if TYPE_CHECKING:
    from random import Random

CLOSE = default_examiner().examine_closely


def test_the_facts_of_a_vaccination_are_those_that_the_pass_states() -> None:
    facts, odd = facts_of(payload())
    assert facts is not None
    assert odd == ()
    assert facts.event == Vaccination(
        "EU/1/20/1528",
        2,
        2,
        date(2021, 6, 11),
        country="DK",
        vaccine="1119349007",
        manufacturer="ORG-100030215",
    )
    assert facts.kind is EventKind.VACCINATION
    assert facts.holder.family_name == "Ærtebjerg-Testsen"
    assert facts.holder.given_name_mrz == "PROEVE<MARIA"
    assert facts.holder.birth_date == date(1979, 4, 14)
    assert facts.issuer == "Example Health Authority"
    assert facts.uvci == "URN:UVCI:01:DK:0EXAMPLE0000000000001#Q"
    assert facts.schema_version == "1.3.2"


def test_the_facts_of_a_test_are_those_that_the_pass_states() -> None:
    facts, odd = facts_of(payload("RAT"))
    assert facts is not None
    assert odd == ()
    assert facts.event == Test(
        TestKind.RAT,
        datetime(2021, 8, 20, 8, 3, 12, tzinfo=UTC),
        TestResult.NOT_DETECTED,
        centre="Example Test Centre",
        country="DK",
        device="1232",
    )


def test_the_facts_of_a_recovery_are_those_that_the_pass_states() -> None:
    facts, odd = facts_of(payload("recovery"))
    assert facts is not None
    assert odd == ()
    assert facts.event == Recovery(
        date(2021, 4, 21), date(2021, 5, 2), date(2021, 10, 18), country="DK"
    )


def test_codes_beyond_the_known_tests_and_results_stay_as_they_are() -> None:
    facts, _ = facts_of(payload("NAAT", tt="other", tr="unclear", tg="other disease"))
    assert facts is not None
    assert isinstance(facts.event, Test)
    assert (facts.event.kind, facts.event.result) == ("other", "unclear")
    assert facts.event.disease == "other disease"


def test_a_pass_that_names_no_disease_is_about_the_only_one_there_is() -> None:
    facts, _ = facts_of(payload(tg=...))
    assert facts is not None
    assert facts.event.disease == "840539006"


def test_facts_are_read_through_oddities_and_the_oddities_are_told() -> None:
    document = payload(dn=2.0, mp=" EU/1/20/1528 ", dt="2021-06-11T00:00:00") | {
        "t": None,
        "dob": "1963-00",
    }
    facts, odd = facts_of(document)
    assert facts is not None
    assert isinstance(facts.event, Vaccination)
    assert (facts.event.product, facts.event.dose_number) == ("EU/1/20/1528", 2)
    assert facts.event.date == date(2021, 6, 11)
    assert facts.holder.birth_date == PartialDate(1963)
    assert sorted(one.code.removeprefix("content.") for one in odd) == [
        *("birth-date", "date-with-time", "null-group", "whitespace", "whole-float")
    ]


@pytest.mark.parametrize(
    ("document", "code", "field"),
    [
        (payload(dt="soon"), "date", "v.0.dt"),
        (payload(dt=...), "schema", "v.0.dt"),
        (payload(mp=5), "schema", "v.0.mp"),
        (payload(mp=""), "empty-field", "v.0.mp"),
        (payload(dn=0), "schema", "v.0.dn"),
        (payload(dn=True), "schema", "v.0.dn"),
        (payload(sd="2"), "schema", "v.0.sd"),
        (payload("NAAT", sc="today"), "date", "t.0.sc"),
        (payload("NAAT", tr=None), "schema", "t.0.tr"),
        (payload("NAAT", tt=...), "schema", "t.0.tt"),
        (payload("recovery", fr="2021-02-30"), "date", "r.0.fr"),
        (payload("recovery", du=...), "schema", "r.0.du"),
        (payload() | {"v": [7]}, "schema", "v.0"),
        (payload() | {"v": []}, "no-event", ""),
        (payload() | {"v": [*payload()["v"], {}]}, "several-events", ""),
        (payload() | {"v": payload()["v"] * 65}, "several-events", ""),
    ],
)
def test_without_what_makes_the_event_there_are_no_facts_and_the_reason_is_told(
    document: dict[str, Any], code: str, field: str
) -> None:
    facts, odd = facts_of(document)
    assert facts is None
    assert (f"content.{code}", field) in {(one.code, one.field) for one in odd}


@pytest.mark.parametrize(
    "event",
    [
        Vaccination("Comirnaty", 2, 2, date(2021, 6, 11)),
        Test(
            TestKind.NAAT,
            datetime(2021, 8, 20, 10, tzinfo=UTC),
            TestResult.NOT_DETECTED,
            centre="Example Test Centre",
        ),
        Recovery(date(2021, 4, 21), date(2021, 5, 2), date(2021, 10, 18)),
    ],
)
@pytest.mark.parametrize("version", ["1.3.0", "1.3.2"])
def test_what_is_issued_has_no_deviation_and_its_facts_issue_it_again(
    event: Event, version: str
) -> None:
    def built(holder: Holder, stated: Event) -> dict[str, Any]:
        return claims.build(
            holder,
            stated,
            country="DK",
            issuer="Example Health Authority",
            uvci="URN:UVCI:01:DK:0EXAMPLE0000000000001",
            on=datetime(2021, 9, 1, tzinfo=UTC),
            version=version,
        )

    dcc = built(Holder("Ærtebjerg", "Prøve", PartialDate(1979)), event)
    assert examine(dcc) == ()
    facts, odd = facts_of(dcc)
    assert odd == ()
    assert facts is not None
    assert built(facts.holder, facts.event) == dcc


def test_a_value_of_another_type_that_facts_can_do_without_is_told_and_left_out() -> None:
    facts, odd = facts_of(payload(co=5) | {"nam": None})
    assert facts is not None
    assert facts.event.country is None
    assert facts.holder.family_name is None
    assert {one.field for one in odd} == {"v.0.co", "nam"}


@given(ANYTHING)
def test_no_object_makes_the_reading_raise(dcc: object) -> None:
    facts, odd = facts_of(dcc)
    assert facts is not None or odd
    assert isinstance(positive_test(dcc), bool)
    moment = sampled_at(dcc)
    assert moment is None or moment.tzinfo is not None
    assert kind_of(dcc) in (None, *EventKind)


@given(mutated(PLAIN_VALUES + CBOR_VALUES))
def test_a_pass_in_which_nothing_is_odd_has_facts(document: Any) -> None:
    facts, odd = facts_of(document)
    assert facts is not None or odd
    if examine(document) == ():
        assert facts is not None
        assert odd == ()


@given(mutated())
def test_reading_facts_finds_no_tolerance_that_examining_does_not(document: Any) -> None:
    examined = {(one.code, one.field) for one in examine(document)}
    told = {(one.code, one.field) for one in facts_of(document)[1]}
    tolerated = {(code, field) for code, field in told if code in FIELD}
    assert {one for one in tolerated if one[0] != "content.empty-field"} <= examined


def test_the_kind_is_that_of_the_one_group_with_events() -> None:
    assert kind_of(payload()) is EventKind.VACCINATION
    assert kind_of(payload("RAT")) is EventKind.TEST
    assert kind_of(payload("recovery") | {"v": None, "t": []}) is EventKind.RECOVERY
    assert kind_of({"v": [1, 2]}) is EventKind.VACCINATION
    assert kind_of({"v": [1], "t": [1]}) is None
    assert kind_of({"v": []}) is None
    assert kind_of(None) is None


def test_a_positive_test_is_told_whatever_stands_around_its_code() -> None:
    assert positive_test(payload("NAAT", tr="260373001"))
    assert positive_test(payload("NAAT", tr=" 260373001\n"))
    assert not positive_test(payload("NAAT"))
    assert not positive_test(payload("NAAT", tr=260373001))
    assert not positive_test(payload())
    assert not positive_test({"t": [None]})
    assert not positive_test({"t": None})


def test_the_moment_of_sampling_is_that_of_the_latest_test() -> None:
    assert sampled_at(payload("NAAT")) == datetime(2021, 8, 20, 10, 3, 12, tzinfo=UTC)
    assert sampled_at(payload("NAAT", sc=" 2021-08-20T10:03:12")) is not None
    assert sampled_at(payload("NAAT", sc="today")) is None
    assert sampled_at(payload("NAAT", sc=5)) is None
    assert sampled_at(payload()) is None
    two = payload("NAAT")["t"] + payload("NAAT", sc="2022-01-01T00:00:00Z")["t"]
    assert sampled_at({"t": two}) == datetime(2022, 1, 1, tzinfo=UTC)


# ---- the official vectors ----------------------------------------------------------------------


def official_passes(official: Path) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Every DCC in a COSE of the vectors: (file, DCC, expectations)."""
    passes = []
    for path in sorted((official / "dgc-testdata").rglob("*.json")):
        vector = json.loads(path.read_text(encoding="utf-8-sig"))
        message = cbor2.loads(bytes.fromhex(vector.get("COSE", "")) or b"\xf6")
        while isinstance(message, cbor2.CBORTag):
            message = message.value
        if isinstance(message, list | tuple) and len(message) == 4:
            dcc = _plain(cbor2.loads(message[2])[-260][1])
            name = path.relative_to(official).as_posix()
            passes.append((name, dcc, vector.get("EXPECTEDRESULTS", {})))
    return passes


def _plain(value: Any) -> Any:
    """Tag 0 as the text that the container hands on."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value


def test_facts_come_back_from_every_official_pass_with_one_event(official: Path) -> None:
    passes = official_passes(official)
    assert passes
    for name, dcc, expected in passes:
        if expected.get("EXPECTEDVERIFY") is not False and kind_of(dcc) is not None:
            facts, _ = facts_of(dcc)
            single = "content.several-events" not in {one.code for one in examine(dcc)}
            assert (facts is not None) == single, name
            if facts is not None:
                assert facts.kind is kind_of(dcc), name


@given(mutated())
def test_what_is_granted_in_the_field_has_facts(document: Any) -> None:
    if {one.code for one in examine(document)} <= FIELD:
        assert facts_of(document)[0] is not None


several = st.lists(
    st.one_of(
        st.builds(
            lambda day, number: ("v", {**VACCINATION, "dt": f"2021-06-{day:02}", "dn": number}),
            st.integers(1, 5),
            st.integers(1, 3),
        ),
        st.builds(
            lambda day: ("t", {**NAAT, "sc": f"2021-06-{day:02}T00:00:00+02:00"}),
            st.integers(1, 5),
        ),
        st.builds(lambda day: ("r", {**RECOVERY, "fr": f"2021-06-{day:02}"}), st.integers(1, 5)),
    ),
    min_size=1,
    max_size=6,
)


def of_entries(entries: list[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    whole = {name: value for name, value in payload().items() if name != "v"}
    for group, entry in entries:
        whole.setdefault(group, []).append({**entry})
    return whole


@given(several, st.randoms())
def test_of_several_events_none_is_lost_and_their_order_in_the_pass_says_nothing(
    entries: list[tuple[str, dict[str, Any]]], random: Random
) -> None:
    facts, odd = facts_of(of_entries(entries))
    assert facts is not None
    assert len(facts.all) == len(facts.events) == len(entries)
    assert ("content.several-events" in {one.code for one in odd}) == (len(entries) > 1)
    for one, (group, entry) in zip(
        sorted(facts.all, key=lambda one: one.kind),
        sorted(entries, key=lambda one: {"v": "vaccination", "t": "test"}.get(one[0], "recovery")),
        strict=True,
    ):
        assert one.kind.group == group
        assert (one.uvci, one.issuer) == (entry["ci"], entry["is"])
    days = [one.date for one in facts.events if isinstance(one, Vaccination)]
    assert days == sorted(days, reverse=True)
    random.shuffle(entries)
    assert facts_of(of_entries(entries))[0] == facts
    history = History.from_passes([facts])
    stated = {(one.date, one.dose_number) for one in history.doses}
    assert stated == {
        (one.date, one.dose_number) for one in facts.events if isinstance(one, Vaccination)
    }


def test_every_official_pass_with_one_event_is_granted_in_the_field(official: Path) -> None:
    for name, dcc, expected in official_passes(official):
        refused = {one.code for one in examine(dcc)} - FIELD
        if expected.get("EXPECTEDVERIFY") and "content.several-events" not in refused:
            # These two state a disease that is in no value set.
            other = name.endswith(("ES/2DCode/raw/1101.json", "ES/2DCode/raw/1103.json"))
            assert refused == ({"content.disease"} if other else set()), name


def test_a_close_look_finds_the_same_in_every_official_pass(official: Path) -> None:
    for name, dcc, _ in official_passes(official):
        assert examine(dcc) == CLOSE(dcc), name
