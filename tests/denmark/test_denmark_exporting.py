"""A programme's revisions as CertLogic rules, held against the engine."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coronapas import certlogic
from coronapas.facts import Dose, History, Infection, Tested
from coronapas.programmes import (
    Audience,
    EvidenceRule,
    Exemption,
    Period,
    Policy,
    Preceding,
    Programme,
    Reading,
    Readings,
    Reckoning,
    Requirement,
    Revision,
    Stage,
    Suspension,
    Term,
    check,
    load,
)
from coronapas.programmes._clock import after_day, birthday, midnight
from coronapas.rules._export import (
    MADE_BY,
    NotExpressibleError,
    RuleExport,
    Times,
    all_of,
    any_of,
    export_rules,
    literal,
    negated,
)
from coronapas.rules._model import CertificateType, Rule

if TYPE_CHECKING:
    from importlib.resources import files
from pathlib import Path

DENMARK = load("denmark")
EU = load("eu-travel")
GERMANY = load("germany")
PLACES = [
    *(
        (DENMARK, revision, sector)
        for revision in DENMARK.revisions
        for sector in (None, "business")
    ),
    *((EU, revision, None) for revision in EU.revisions),
    *((GERMANY, revision, None) for revision in GERMANY.revisions[1:6:2]),
]
CODES = {"naat": "LP6464-4", "rat": "LP217198-3"}


def place_name(value: object) -> str:
    return value.id if isinstance(value, Programme | Revision) else str(value)


@cache
def exported(programme_id: str, revision_id: str, sector: str | None) -> RuleExport:
    programme = {one.id: one for one in (DENMARK, EU, GERMANY)}[programme_id]
    revision = next(one for one in programme.revisions if one.id == revision_id)
    return export_rules(programme, revision, country="DK", sector=sector)


def accepts(
    found: RuleExport, kind: CertificateType, payload: dict[str, Any], at: datetime
) -> bool:
    data = {"payload": payload, "external": {"validationClock": f"{at:%Y-%m-%dT%H:%M:%SZ}"}}
    answers = []
    for rule in found.rules:
        if rule.covers({kind}) and rule.valid_at(at):
            compiled = rule.compiled
            assert compiled is not None
            answers.append(compiled(data))
    assert answers, "no rule applies"
    assert all(isinstance(answer, bool) for answer in answers)
    return all(answers)


births = st.one_of(
    st.dates(date(1930, 1, 1), date(2000, 12, 31)),
    st.dates(date(2002, 1, 1), date(2012, 12, 31)),
    st.just(date(2004, 2, 29)),
)
products = st.sampled_from([*DENMARK.products, "Sputnik-V", "EU/1/21/9999"])
numbers = st.one_of(
    st.tuples(st.integers(1, 4), st.integers(1, 4)),
    st.integers(1, 12).map(lambda count: (count, count)),
)


@st.composite
def moments(draw: st.DrawFn, programme: Programme, found: RuleExport, history: History) -> datetime:
    """A moment of the rules' time, as a rule at, or a second before, a bound of the history.

    What is drawn does not depend on what the engine answers: hypothesis asks for the same draws
    whenever it comes back to an example.
    """
    start, end = found.rules[0].valid_from, found.rules[0].valid_to
    bounds = [start, end]
    revision = next(one for one in programme.revisions if one.id == found.revision)
    at = draw(
        st.datetimes(start.replace(tzinfo=None), end.replace(tzinfo=None) - timedelta(seconds=1))
    )
    near, which = draw(st.booleans()), draw(st.integers(0, 2**16))
    before = draw(st.sampled_from([0, 1, 0, 1, 3600, 7200]))
    if near:
        # Where the engine says that its answer changes.
        verdict = check(programme, history, at.replace(tzinfo=UTC, microsecond=0))
        bounds += [one for one in (verdict.since, verdict.until) if one is not None]
        assert isinstance(history.birth_date, date)
        ages = dict.fromkeys([revision.exempt_below, *(rule.age_from for rule in revision.rules)])
        bounds += [
            midnight(birthday(history.birth_date, age), programme.zone)
            for age in ages
            if age is not None
        ]
        bound = bounds[which % len(bounds)] - before * timedelta(seconds=1)
        if start <= bound < end:
            return bound.astimezone(UTC)
    return at.replace(tzinfo=UTC, microsecond=0)


@st.composite
def places(draw: st.DrawFn) -> tuple[Programme, Revision, RuleExport, str | None]:
    programme, revision, sector = draw(st.sampled_from(PLACES))
    return programme, revision, exported(programme.id, revision.id, sector), sector


def event_days(found: RuleExport) -> st.SearchStrategy[date]:
    last = min(found.rules[0].valid_to.date(), date(2023, 12, 31))
    early = max(found.first_day, last - timedelta(days=460))
    return st.one_of(
        st.dates(early, last),
        st.dates(early, last).map(lambda day: day.replace(day=1)).map(lambda day: max(day, early)),
    )


@given(places(), st.data())
def test_the_rules_accept_a_vaccination_where_the_programme_does(
    place: tuple[Programme, Revision, RuleExport, str | None], data: st.DataObject
) -> None:
    programme, _, found, sector = place
    born, product, (dn, sd) = data.draw(births), data.draw(products), data.draw(numbers)
    day = data.draw(event_days(found))
    history = History(born, (Dose(day, product, dn, sd),), sector=sector)
    at = data.draw(moments(programme, found, history))
    payload = {
        "dob": born.isoformat(),
        "v": [{"mp": product, "dn": dn, "sd": sd, "dt": day.isoformat()}],
    }
    assert accepts(found, CertificateType.VACCINATION, payload, at) is (
        check(programme, history, at).valid is True
    )


@given(places(), st.data())
def test_the_rules_accept_a_negative_test_where_the_programme_does(
    place: tuple[Programme, Revision, RuleExport, str | None], data: st.DataObject
) -> None:
    programme, _, found, sector = place
    born, kind = data.draw(births), data.draw(st.sampled_from(["naat", "rat"]))
    start, end = found.rules[0].valid_from, found.rules[0].valid_to
    sampled = data.draw(
        st.datetimes(
            (start - timedelta(days=5)).replace(tzinfo=None),
            min(end, start + timedelta(days=9)).replace(tzinfo=None),
        )
    ).replace(tzinfo=UTC, microsecond=0)
    history = History(born, (), (Tested(kind, sampled, False),), sector=sector)
    near = st.sampled_from([0, 24, 48, 72, 96, 97])
    at = sampled + timedelta(hours=data.draw(near), seconds=data.draw(st.integers(-1, 1)))
    if not start <= at < end:
        at = data.draw(moments(programme, found, history))
    payload = {
        "dob": born.isoformat(),
        "t": [
            {
                "tt": CODES[kind],
                "tr": "260415000",
                "sc": sampled.astimezone(DENMARK.zone).isoformat(),
            }
        ],
    }
    assert accepts(found, CertificateType.TEST, payload, at) is (
        check(programme, history, at).valid is True
    )


@given(places(), st.data())
def test_the_rules_accept_a_recovery_where_the_programme_does(
    place: tuple[Programme, Revision, RuleExport, str | None], data: st.DataObject
) -> None:
    programme, _, found, sector = place
    born, day = data.draw(births), data.draw(event_days(found))
    history = History(born, (), (), (Infection(day),), sector=sector)
    at = data.draw(moments(programme, found, history))
    payload = {"dob": born.isoformat(), "r": [{"fr": day.isoformat()}]}
    assert accepts(found, CertificateType.RECOVERY, payload, at) is (
        check(programme, history, at).valid is True
    )


@pytest.mark.parametrize("programme", [DENMARK, EU], ids=lambda one: one.id)
def test_every_revision_is_exported_whole_and_with_what_it_leaves_out(programme: Programme) -> None:
    for revision in programme.revisions:
        found = exported(programme.id, revision.id, None)
        assert found.claims == {
            CertificateType.VACCINATION,
            CertificateType.TEST,
            CertificateType.RECOVERY,
        }
        assert (found.programme, found.revision) == (programme.id, revision.id)
        said = {one.what for one in found.omissions}
        assert "a history of several events" in said
        assert any("asked for" in what for what in said)
        assert all(one.what and one.why.endswith(".") for one in found.omissions)
        assert ("the suspension by a positive test" in said) is (revision.suspension is not None)


def test_what_depends_on_the_revision_is_told_of_it_alone() -> None:
    document = json.loads(files("coronapas.programmes").joinpath("data/denmark.json").read_bytes())
    rules = {rule["id"]: rule for rule in document["rules"]}
    rules["recovery-14-180-days-2021-11"]["sectors"] = ["business"]
    programme = load(document)
    said = {
        revision.id: {one.what for one in export_rules(programme, revision, country="DK").omissions}
        for revision in programme.revisions
    }
    sectors = "the sectors (business)"
    assert {name for name, found in said.items() if sectors in found} == {
        *("2021-11-12", "2021-11-29")
    }
    assert all("the group severe-immunosuppression" in found for found in said.values())
    later = {one.what for one in exported("eu-travel", "2022-02-24", None).omissions}
    assert "recoveries proved by a rapid test" in later
    assert not any("group" in what for what in later)


@pytest.mark.parametrize(("programme", "revision", "sector"), PLACES, ids=place_name)
def test_every_rule_is_one_that_a_gateway_would_read(
    programme: Programme, revision: Revision, sector: str | None, official: Path
) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    (folder,) = [official / "business-rules" / "schemas"]
    schema = next(
        document
        for document in (json.loads(path.read_bytes()) for path in sorted(folder.glob("*.json")))
        if "Identifier" in document.get("properties", {})
    )
    for document in exported(programme.id, revision.id, sector).to_json():
        jsonschema.validate(document, schema)


def test_the_rules_say_that_they_are_the_projects_own() -> None:
    for programme, revision, sector in PLACES:
        found = exported(programme.id, revision.id, sector)
        identifiers = [rule.identifier for rule in found.rules]
        assert len(set(identifiers)) == len(identifiers)
        for rule in found.rules:
            assert re.fullmatch(r"(VR|TR|RR)-DK-90\d\d", rule.identifier)
            assert rule.description().startswith(MADE_BY)
            assert programme.id in rule.description()
            assert rule.affected_fields == certlogic.affected_fields(rule.logic)
            assert rule.affected_fields
            assert not certlogic.validate(rule.logic)
            assert rule.runnable


def test_a_rule_on_doses_says_when_they_count_or_that_they_do_not() -> None:
    found = exported("denmark", DENMARK.revisions[0].id, None)
    counts = "last-dose-14-days: from 14 days after the event, without end."
    assert rule_for(found, "read as primary:").description().endswith(f"primary: {counts}")
    assert rule_for(found, "read as first:").description().endswith("first: It does not count.")


def test_a_rule_is_valid_for_as_long_as_its_revision() -> None:
    revision = DENMARK.revisions[3]
    found = exported("denmark", revision.id, None)
    for rule in found.rules:
        assert (rule.valid_from, rule.valid_to) == DENMARK.period_of(revision)
    last = exported("denmark", DENMARK.revisions[-1].id, None)
    assert last.rules[0].valid_to == DENMARK.revisions[-1].starts + timedelta(days=730)


def test_an_end_can_be_given_and_lies_within_the_revision() -> None:
    revision = DENMARK.revisions[3]
    start, end = DENMARK.period_of(revision)
    sooner = start + timedelta(days=3)
    for until, expected in ((sooner, sooner), (end + timedelta(days=3), end)):
        found = export_rules(DENMARK, revision, country="DK", until=until)
        assert found.rules[0].valid_to == expected
    with pytest.raises(ValueError, match="end before they begin"):
        export_rules(DENMARK, revision, country="DK", until=start)
    far = datetime(2030, 1, 1, tzinfo=UTC)
    assert (
        export_rules(DENMARK, DENMARK.revisions[-1], country="DK", until=far).rules[0].valid_to
        == far
    )


def rule_for(found: RuleExport, words: str) -> Rule:
    (rule,) = [rule for rule in found.rules if words in rule.description()]
    return rule


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (date(2021, 6, 1), "2021-06-01"),
        (datetime(2021, 6, 1, 1, 30, tzinfo=ZoneInfo("Europe/Copenhagen")), "2021-05-31T23:30:00Z"),
    ],
)
def test_a_literal_is_its_instant_and_no_other(moment: date, text: str) -> None:
    same = {"plusTime": [text, 0, "day"]}
    for comparison in ("not-before", "not-after"):
        assert certlogic.evaluate({comparison: [literal(moment), same]}, {}) is True


@pytest.mark.parametrize("revision_id", ["2021-05-31", "2021-09-15", "2022-01-16"])
@pytest.mark.parametrize(
    ("words", "numbers", "stage"),
    [("read as primary:", (2, 2), Stage.PRIMARY), ("read as first:", (1, 2), Stage.FIRST)],
)
def test_the_bounds_of_every_single_day_are_exact_to_the_second(
    revision_id: str, words: str, numbers: tuple[int, int], stage: Stage
) -> None:
    found = exported("denmark", revision_id, None)
    revision = next(one for one in DENMARK.revisions if one.id == revision_id)
    logic = rule_for(found, words).compiled
    assert logic is not None
    rules = [one for one in revision.vaccinations if stage in one.stages and one.age_below is None]
    (row,) = rules
    dn, sd = numbers
    day = date(2020, 12, 27)
    second = timedelta(seconds=1)
    tried = 0
    while day <= found.rules[0].valid_to.date():
        payload = {
            "dob": "1950-01-01",
            "v": [{"mp": "EU/1/20/1528", "dn": dn, "sd": sd, "dt": day.isoformat()}],
        }
        start = after_day(day, row.starts, DENMARK.zone, DENMARK.reckoning)
        assert row.ends is not None
        end = after_day(day, row.ends, DENMARK.zone, DENMARK.reckoning)
        for moment, expected in (
            (start - second, False),
            (start, True),
            (end - second, True),
            (end, False),
        ):
            external = {"validationClock": f"{moment:%Y-%m-%dT%H:%M:%SZ}"}
            assert logic({"payload": payload, "external": external}) is expected, (day, moment)
            tried += 1
        day += timedelta(days=1)
    assert tried > 600


def test_an_open_answer_is_a_no() -> None:
    at = datetime(2021, 12, 1, tzinfo=UTC)
    history = History(date(1970, 1, 1), (Dose(date(2021, 9, 1), "EU/1/20/1528", 1, 1),))
    assert check(DENMARK, history, at).valid is None
    payload = {
        "dob": "1970-01-01",
        "v": [{"mp": "EU/1/20/1528", "dn": 1, "sd": 1, "dt": "2021-09-01"}],
    }
    found = exported("denmark", "2021-11-29", None)
    assert not accepts(found, CertificateType.VACCINATION, payload, at)


def test_a_positive_test_is_refused() -> None:
    found = exported("denmark", "2021-11-29", None)
    payload = {
        "dob": "1970-01-01",
        "t": [{"tt": "LP6464-4", "tr": "260373001", "sc": "2021-12-01T10:00:00+01:00"}],
    }
    assert not accepts(found, CertificateType.TEST, payload, datetime(2021, 12, 2, tzinfo=UTC))


def test_a_zone_that_is_not_whole_hours_from_utc_cannot_be_said_of_days() -> None:
    programme = replace(DENMARK, zone=ZoneInfo("Asia/Kathmandu"))
    revision = programme.revisions[0]
    ageless = replace(revision, exempt_below=None)
    found = export_rules(replace(programme, revisions=(ageless,)), ageless, country="NP")
    assert found.claims == {CertificateType.TEST}
    why = {one.what: one.why for one in found.omissions}
    assert "whole hours" in why["passes of the kind Vaccination"]
    assert "whole hours" in why["passes of the kind Recovery"]
    none = export_rules(programme, revision, country="NP")
    assert not none.claims
    assert not none.rules
    assert not none.to_json()


@pytest.mark.parametrize(
    ("zone", "start", "words"),
    [
        ("Asia/Beirut", datetime(2021, 3, 1, tzinfo=UTC), "skips"),
        ("America/Havana", datetime(2021, 10, 20, tzinfo=UTC), "twice"),
    ],
)
def test_midnights_that_occur_twice_or_never_cannot_be_said_of_ages(
    zone: str, start: datetime, words: str
) -> None:
    times = Times(ZoneInfo(zone), date(2021, 1, 1), date(2021, 2, 1), start, start + timedelta(60))
    with pytest.raises(NotExpressibleError, match=words):
        times.age_reached(18)


def test_periods_of_tests_that_are_no_hours_cannot_be_said() -> None:
    revision = DENMARK.revisions[0]
    months = replace(revision.tests[0], ends=Period(months=1))
    days = replace(revision.tests[0], ends=Period(days=3))
    for tests, reckoning, said in (
        ((months,), Reckoning.UTC, False),
        ((days,), Reckoning.UTC, True),
        ((days,), Reckoning.LOCAL, False),
    ):
        changed = replace(revision, tests=tests)
        programme = replace(DENMARK, reckoning=reckoning, revisions=(changed,))
        found = export_rules(programme, changed, country="DK")
        assert (CertificateType.TEST in found.claims) is said


@given(
    st.sampled_from(
        ["Europe/Copenhagen", "Europe/Lisbon", "America/New_York", "Asia/Tokyo", "UTC"]
    ),
    st.sampled_from(list(Reckoning)),
    st.builds(Period, st.integers(0, 13), st.integers(0, 60)),
    st.booleans(),
    st.dates(date(2021, 1, 1), date(2022, 6, 30)),
    st.integers(-3 * 3600, 3 * 3600),
)
def test_a_period_after_a_day_is_exact_in_any_zone_and_reckoning(
    zone: str, reckoning: Reckoning, period: Period, year_ends: bool, day: date, seconds: int
) -> None:
    place = ZoneInfo(zone)
    last = date(2022, 6, 30)
    end = datetime(2022, 7, 1, tzinfo=UTC)
    times = Times(place, date(2021, 1, 1), last, end - timedelta(days=30), end)
    if year_ends:
        day = day.replace(day=1) - timedelta(days=1)
    if day < times.first:
        return
    logic = times.after_day(
        {"var": "payload.v.0.dt"}, lambda one: after_day(one, period, place, reckoning)
    )
    bound = after_day(day, period, place, reckoning)
    moment = bound + timedelta(seconds=seconds)
    data = {
        "payload": {"v": [{"dt": day.isoformat()}]},
        "external": {"validationClock": f"{moment:%Y-%m-%dT%H:%M:%SZ}"},
    }
    assert certlogic.evaluate(logic, data) is (seconds >= 0)


@given(
    st.sampled_from(["Europe/Copenhagen", "America/New_York", "Asia/Tokyo"]),
    st.dates(date(2003, 1, 1), date(2006, 12, 31)),
    st.integers(-7200, 7200),
)
def test_an_age_is_reached_at_local_midnight(zone: str, born: date, seconds: int) -> None:
    start, end = datetime(2021, 1, 1, tzinfo=UTC), datetime(2025, 2, 1, tzinfo=UTC)
    times = Times(ZoneInfo(zone), date(2021, 1, 1), date(2021, 1, 1), start, end)
    reached = midnight(birthday(born, 18), ZoneInfo(zone))
    moment = reached + timedelta(seconds=seconds)
    if not start <= moment < end:
        return
    data = {
        "payload": {"dob": born.isoformat()},
        "external": {"validationClock": f"{moment:%Y-%m-%dT%H:%M:%SZ}"},
    }
    assert certlogic.evaluate(times.age_reached(18), data) is (seconds >= 0)


@given(st.lists(st.sampled_from([True, False, None]), max_size=4), st.data())
def test_connectives_say_what_they_are_named_for(
    parts: list[bool | None], data: st.DataObject
) -> None:
    """None stands for what only the data says."""
    found = data.draw(st.booleans())
    logic = [{"===": [{"var": "x"}, 1]} if part is None else part for part in parts]
    values = [found if part is None else part for part in parts]
    given_data = {"x": 1 if found else 0}

    def value(expression: Any) -> object:
        return (
            expression
            if isinstance(expression, bool)
            else certlogic.evaluate(expression, given_data)
        )

    assert value(any_of(logic)) is any(values)
    assert value(all_of(logic)) is all(values)
    assert [value(negated(part)) for part in logic] == [not one for one in values]


periods = st.one_of(
    st.builds(Period, days=st.integers(0, 60)),
    st.builds(Period, months=st.integers(0, 4), days=st.integers(0, 3)),
)
ages = st.sampled_from([None, None, 15, 18])
BAR = frozenset({"bar"})
BESIDE = EvidenceRule(
    id="beside",
    source="made up",
    confidence="U",
    evidence="test",
    starts=Period(),
    ends=Period(hours=48),
    kinds=frozenset({"naat"}),
)
"""What a rule may need beside its own evidence: no pass of one event has it."""
PRECEDING = [
    None,
    None,
    None,
    Preceding(event="dose"),
    Preceding(event="infection", kinds=frozenset({"naat"})),
]


@st.composite
def made_up_rules(draw: st.DrawFn, evidence: str, place: int) -> EvidenceRule:
    start, length = draw(periods), draw(st.none() | periods)
    kinds: frozenset[str] = frozenset()
    stages: frozenset[Stage] = frozenset()
    if evidence == "vaccination":
        stages = draw(st.frozensets(st.sampled_from([*Stage][:-1]), min_size=1, max_size=4))
    else:
        kinds = draw(st.frozensets(st.sampled_from(["naat", "rat", "other"]), min_size=1))
    if evidence == "test":
        start, length = (
            Period(hours=draw(st.integers(0, 5))),
            Period(hours=draw(st.integers(1, 96))),
        )
    return EvidenceRule(
        id=f"{evidence}-{place}",
        source="made up",
        confidence="U",
        evidence=evidence,
        starts=start,
        ends=length,
        last_day_counts=evidence != "test" and draw(st.booleans()),
        kinds=kinds,
        stages=stages,
        products=draw(st.sampled_from([None, None, frozenset({"EU/1/20/1528"})]))
        if evidence == "vaccination"
        else None,
        age_from=draw(ages),
        age_below=draw(ages),
        sectors=draw(st.sampled_from([None, None, frozenset({"business"})])),
        places=draw(st.sampled_from([None, None, BAR])),
        except_places=draw(st.sampled_from([frozenset[str](), frozenset[str](), BAR])),
        needs=(BESIDE,) if evidence != "test" and draw(st.integers(0, 3)) == 0 else (),
        preceded_by=None if evidence == "test" else draw(st.sampled_from(PRECEDING)),
        proved_from=draw(st.none() | st.dates(date(2022, 3, 1), date(2022, 5, 1)))
        if evidence == "recovery"
        else None,
    )


exemptions = st.builds(
    Exemption,
    id=st.just("exempt"),
    source=st.just("made up"),
    confidence=st.just("U"),
    reason=st.just("made up"),
    places=st.sampled_from([None, BAR]),
    audience=st.builds(
        Audience,
        groups=st.sampled_from([None, None, frozenset({"staff"})]),
        age_from=st.sampled_from([None, None, 16]),
        age_below=st.sampled_from([None, 14]),
        born=st.sampled_from(
            [None, (date(2005, 1, 1), None), (None, date(2009, 1, 1)),
             (date(2004, 1, 1), date(2006, 1, 1))]
        ),
    ),
)  # fmt: skip
read = st.sampled_from([Policy.AMBIGUOUS, Policy.PRIMARY, Policy.BOOSTER])


@st.composite
def made_up_readings(draw: st.DrawFn, before: Readings) -> Readings:
    row = {"id": "made-up", "source": "made up", "confidence": "U"}
    return replace(
        before,
        single_then_other=Reading(policy=draw(read), **row),
        two_of_one=Reading(policy=draw(read), **row) if draw(st.booleans()) else None,
    )


@st.composite
def made_up_programmes(draw: st.DrawFn) -> Programme:
    """One revision of random rules, in one of three zones, in either reckoning."""
    suspension = None
    if draw(st.booleans()):
        suspension = Suspension(
            id="suspension",
            source="made up",
            confidence="U",
            kinds=draw(st.frozensets(st.sampled_from(["naat", "rat"]))),
            lasts=Period(days=draw(st.integers(1, 40))),
        )
    revision = Revision(
        id="made-up",
        source="made up",
        confidence="U",
        starts=datetime(2022, 6, 1, draw(st.integers(0, 5)), tzinfo=UTC),
        title="Made up",
        requirement=Requirement.IN_FORCE,
        exempt_below=draw(st.sampled_from([None, None, 12])),
        tests=tuple(draw(made_up_rules("test", place)) for place in range(draw(st.integers(0, 2)))),
        recoveries=tuple(
            draw(made_up_rules("recovery", place)) for place in range(draw(st.integers(0, 2)))
        ),
        vaccinations=tuple(
            draw(made_up_rules("vaccination", place)) for place in range(draw(st.integers(0, 3)))
        ),
        suspension=suspension,
        exemptions=tuple(draw(st.lists(exemptions, max_size=2))),
        readings=draw(st.none() | made_up_readings(EU.readings)),
    )
    return replace(
        draw(st.sampled_from([DENMARK, EU])),
        places={"bar": Term(id="bar", meaning="a bar", source="made up", confidence="U")},
        zone=ZoneInfo(draw(st.sampled_from(["Europe/Copenhagen", "America/New_York", "UTC"]))),
        reckoning=draw(st.sampled_from(list(Reckoning))),
        revisions=(revision,),
    )


# A programme's rows are many; hypothesis warns of what it would print of them, once in a process.
@pytest.mark.filterwarnings("ignore:Generating overly large repr")
@settings(max_examples=max(settings().max_examples // 3, 10))
@given(
    made_up_programmes(),
    st.sampled_from([None, "business"]),
    st.sampled_from([None, "bar"]),
    st.data(),
)
def test_the_rules_of_any_programme_agree_with_it(
    programme: Programme, sector: str | None, place: str | None, data: st.DataObject
) -> None:
    (revision,) = programme.revisions
    found = export_rules(
        programme,
        revision,
        country="XX",
        sector=sector,
        place=place,
        first_day=date(2022, 3, 1),
        until=revision.starts + timedelta(days=200),
    )
    assert CertificateType.VACCINATION in found.claims
    assert CertificateType.TEST in found.claims
    for _ in range(8):
        born = data.draw(st.dates(date(2003, 6, 1), date(2012, 1, 1)))
        near = st.dates(date(2022, 3, 1), date(2022, 12, 10))
        day, (dn, sd) = data.draw(near), data.draw(numbers)
        product = data.draw(st.sampled_from(["EU/1/20/1528", "EU/1/20/1525", "EU/1/20/1507"]))
        sampled = data.draw(st.datetimes(datetime(2022, 6, 1), datetime(2022, 6, 9))).replace(
            tzinfo=UTC, microsecond=0
        )
        kind = data.draw(st.sampled_from(["naat", "rat"]))
        dob = {"dob": born.isoformat()}
        dose = {"mp": product, "dn": dn, "sd": sd, "dt": day.isoformat()}
        test = {"tt": CODES[kind], "tr": "260415000", "sc": sampled.isoformat()}
        for type_, history, payload in (
            (
                CertificateType.VACCINATION,
                History(born, (Dose(day, product, dn, sd),), sector=sector),
                {**dob, "v": [dose]},
            ),
            (
                CertificateType.TEST,
                History(born, (), (Tested(kind, sampled, False),), sector=sector),
                {**dob, "t": [test]},
            ),
            (
                CertificateType.RECOVERY,
                History(born, (), (), (Infection(day),), sector=sector),
                {**dob, "r": [{"fr": day.isoformat()}]},
            ),
        ):
            at = data.draw(moments(programme, found, history))
            expected = check(programme, history, at, place=place).valid is True
            assert accepts(found, type_, payload, at) is expected


def test_where_everybody_is_exempt_every_pass_is_accepted() -> None:
    everybody = Exemption(
        id="all", source="made up", confidence="U", reason="made up", audience=Audience()
    )
    exempt = replace(EU.revisions[-1], exemptions=(everybody,))
    programme = replace(EU, revisions=(exempt,))
    at = exempt.starts + timedelta(days=10)
    found = export_rules(programme, exempt, country="XX", until=at + timedelta(days=30))
    payload = {"dob": "1970-01-01", "v": [{"mp": "none", "dn": 1, "sd": 9, "dt": "1999-01-01"}]}
    history = History(date(1970, 1, 1), (Dose(date(1999, 1, 1), "none", 1, 9),))
    assert check(programme, history, at).exempt
    assert accepts(found, CertificateType.VACCINATION, payload, at)


@pytest.mark.parametrize(
    ("given_on", "at", "expected"),
    [
        # Three doses are a course from 2022-10-19 on, and a third one was a booster before.
        ("2022-10-18", "2022-10-18T00:00", True),
        ("2022-10-19", "2022-10-19T00:00", False),
        ("2022-10-19", "2022-11-01T23:59", False),
        ("2022-10-19", "2022-11-02T00:00", True),
        ("2022-07-20", "2022-12-20T00:00", True),
    ],
)
def test_a_course_whose_length_changed_is_read_by_the_day_of_the_dose(
    given_on: str, at: str, expected: bool
) -> None:
    found = exported("eu-travel", "2022-06-29", None)
    moment = datetime.fromisoformat(at).replace(tzinfo=UTC)
    dose = {"mp": "EU/1/20/1528", "dn": 3, "sd": 3, "dt": given_on}
    payload = {"dob": "1970-01-01", "v": [dose]}
    history = History(date(1970, 1, 1), (Dose(date.fromisoformat(given_on), "EU/1/20/1528", 3, 3),))
    assert check(EU, history, moment).valid is expected
    assert accepts(found, CertificateType.VACCINATION, payload, moment) is expected


def test_what_the_wider_model_says_of_more_than_one_pass_is_listed_as_left_out() -> None:
    revision = next(one for one in GERMANY.revisions if one.id == "2021-12-15")
    found = export_rules(GERMANY, revision, country="DE", place="2g", region="bavaria")
    left_out = {one.what: one.why for one in found.omissions}
    together = next(what for what in left_out if "together or in an order" in what)
    for rule in ("course-tested", "recovery-6-months-tested", "booster-tested"):
        assert rule in together
    assert left_out["the places (2g, 2g-plus, 2g-restaurant, 3g, transport-work)"].endswith(
        "these rules are for 2g."
    )
    assert left_out["the regions (bavaria)"].endswith("these rules are for bavaria.")
    assert "exemptions of groups (pupil)" in left_out
    assert "the reading of a dose after an infection" in left_out
    # An age in months cannot be reckoned in the language: nothing is claimed where it is asked for.
    assert found.claims == frozenset()
    assert any("an age in months or days" in why for why in left_out.values())
    assert export_rules(GERMANY, revision, country="DE", place="2g").claims
    with pytest.raises(ValueError, match="does not know the place"):
        export_rules(GERMANY, revision, country="DE", place="pub")


COMIRNATY = "EU/1/20/1528"
ROW: dict[str, Any] = {"source": "made up", "confidence": "U"}


def dose_rule(stage: Stage, ends: Period | None = None, **members: Any) -> EvidenceRule:
    return EvidenceRule(
        id=str(stage),
        evidence="vaccination",
        starts=Period(),
        ends=ends,
        stages=frozenset({stage}),
        **ROW,
        **members,
    )


def recovery_rule(**members: Any) -> EvidenceRule:
    return EvidenceRule(
        id="recovery",
        evidence="recovery",
        starts=Period(),
        ends=None,
        kinds=frozenset({"naat"}),
        **ROW,
        **members,
    )


NOTHING: dict[str, Any] = {"tests": (), "recoveries": (), "vaccinations": (), "suspension": None}
LASTING = dose_rule(Stage.PRIMARY, Period(days=10), last_day_counts=True)
ADULTS = dose_rule(Stage.PRIMARY, age_from=18)
PROVED = recovery_rule(proved_from=date(2022, 7, 5))
SUSPENDING = Suspension(id="s", kinds=frozenset({"naat"}), lasts=Period(days=20), **ROW)
SECTOR = recovery_rule(sectors=frozenset({"business"}))


@pytest.mark.parametrize(
    ("rules", "event", "at", "expected"),
    [
        ({"vaccinations": (LASTING,)}, ("2022-07-01", 2), "2022-07-11T23:59:59", True),
        ({"vaccinations": (LASTING,)}, ("2022-07-01", 2), "2022-07-12T00:00:00", False),
        ({"vaccinations": (ADULTS,)}, ("2022-07-01", 2), "2022-07-14T23:59:59", False),
        ({"vaccinations": (ADULTS,)}, ("2022-07-01", 2), "2022-07-15T00:00:00", True),
        # A third dose of three is a booster up to 2022-10-18 and completes a course from then on.
        ({"vaccinations": (dose_rule(Stage.PRIMARY),)}, ("2022-10-18", 3), "2022-11-01T00", False),
        ({"vaccinations": (dose_rule(Stage.PRIMARY),)}, ("2022-10-19", 3), "2022-11-01T00", True),
        ({"vaccinations": (dose_rule(Stage.BOOSTER),)}, ("2022-10-18", 3), "2022-11-01T00", True),
        ({"vaccinations": (dose_rule(Stage.BOOSTER),)}, ("2022-10-19", 3), "2022-11-01T00", False),
        ({"recoveries": (PROVED,)}, ("2022-07-04", None), "2022-08-01T00:00:00", False),
        ({"recoveries": (PROVED,)}, ("2022-07-05", None), "2022-08-01T00:00:00", True),
        (
            {"recoveries": (recovery_rule(),), "suspension": SUSPENDING},
            ("2022-07-01", None),
            "2022-07-20T23:59:59",
            False,
        ),
        (
            {"recoveries": (recovery_rule(),), "suspension": SUSPENDING},
            ("2022-07-01", None),
            "2022-07-21T00:00:00",
            True,
        ),
        ({"recoveries": (SECTOR,)}, ("2022-07-01", None), "2022-08-01T00:00:00", False),
    ],
)
def test_each_member_of_a_rule_decides_on_both_sides_of_its_bound(
    rules: dict[str, Any], event: tuple[str, int | None], at: str, expected: bool
) -> None:
    made = {**NOTHING, "exempt_below": None, "starts": datetime(2022, 6, 1, tzinfo=UTC), **rules}
    programme = replace(EU, revisions=(replace(EU.revisions[0], **made),))
    found = export_rules(programme, programme.revisions[0], country="XX")
    born, day, number = date(2004, 7, 15), date.fromisoformat(event[0]), event[1]
    moment = datetime.fromisoformat(at).replace(tzinfo=UTC)
    if number is None:
        kind, history = CertificateType.RECOVERY, History(born, (), (), (Infection(day),))
        payload: dict[str, Any] = {"r": [{"fr": event[0]}]}
    else:
        kind = CertificateType.VACCINATION
        history = History(born, (Dose(day, COMIRNATY, number, number),))
        payload = {"v": [{"mp": COMIRNATY, "dn": number, "sd": number, "dt": event[0]}]}
    assert check(programme, history, moment).valid is expected
    assert accepts(found, kind, {"dob": born.isoformat(), **payload}, moment) is expected
