"""Verdicts: PASS, FAIL, OPEN and NO RULES, with reasons, of one pass and of a wallet."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rule_world import AT, BREAKS, HOLDS, document, recovery, rule, swab, vaccination

from coronapas import (
    Holder,
    Issuer,
    TrustStore,
    Vaccination,
    Verifier,
    certlogic,
    decode,
    keys,
)
from coronapas.certlogic import Dates
from coronapas.certlogic import _values as datetimes
from coronapas.certlogic._expressions import Equal
from coronapas.certlogic._values import parse
from coronapas.dcc._reader import facts_of
from coronapas.dcc._valuesets import ValueSets
from coronapas.errors import WalletError
from coronapas.rules import JAVASCRIPT, KOTLIN, Outcome, Policy, RuleSet, Verdict
from coronapas.rules._subject import instant, normalised

if TYPE_CHECKING:
    from random import Random

CLOCK_0 = {"plusTime": [{"var": "external.validationClock"}, 0, "day"]}
CLOCK = {"var": "external.validationClock"}
SECRETS = ("Eksempel", "EKSEMPEL", "1979-04-14", "2021-12-01", "EXAMPLE1")


def decide(*rules: Any, given: Any = None, country: str = "DK", **options: Any) -> Verdict:
    options.setdefault("at", AT)
    options.setdefault("issuer_country", "DK")
    made = RuleSet.load([*rules])
    return made.decide(vaccination() if given is None else given, country=country, **options)


def asked(path: str, value: Any) -> dict[str, Any]:
    return document({"===": [{"var": path}, value]})


# Outcomes


@pytest.mark.parametrize(
    ("logics", "outcome"),
    [
        ([], Outcome.NO_RULES),
        ([HOLDS], Outcome.PASS),
        ([HOLDS, HOLDS], Outcome.PASS),
        ([HOLDS, BREAKS], Outcome.FAIL),
        ([HOLDS, {"+": [1, 1]}], Outcome.OPEN),
        ([{"+": [1, "x"]}, HOLDS], Outcome.OPEN),
        ([{"+": [1, 1]}, BREAKS], Outcome.FAIL),
    ],
)
def test_one_failure_fails_one_open_rule_leaves_open_and_no_rule_is_no_acceptance(
    logics: list[Any], outcome: Outcome
) -> None:
    rules = [document(logic, Identifier=f"VR-DK-{n:04}") for n, logic in enumerate(logics)]
    verdict = decide(*rules)
    assert verdict.outcome is outcome
    assert bool(verdict) is (outcome is Outcome.PASS)
    assert len(verdict.results) == len(list(verdict)) == len(logics)


@pytest.mark.parametrize(
    ("members", "logic", "code"),
    [
        ({"Engine": "PROLOG"}, HOLDS, "open.engine"),
        ({"EngineVersion": "1.3.4"}, {"or": []}, "open.engine"),
        ({"EngineVersion": "1.4.0"}, HOLDS, "open.engine"),
        ({"SchemaVersion": "1.3.1"}, HOLDS, "open.schema"),
        ({"SchemaVersion": "2.0.0"}, HOLDS, "open.schema"),
        ({"SchemaVersion": "0.9.0"}, HOLDS, "open.schema"),
        ({}, {"+": [1, "x"]}, "open.refused"),
        ({}, {"plusTime": ["2022-01-01", 0, "day"]}, "open.no-answer"),
        ({}, {"var": "payload.nothing"}, "open.no-answer"),
        ({}, {"var": "payload.v"}, "open.no-answer"),
    ],
)
def test_what_cannot_be_decided_is_open_with_its_reason(
    members: dict[str, Any], logic: Any, code: str
) -> None:
    verdict = decide(document(logic, **members))
    assert verdict.outcome is Outcome.OPEN
    assert [one.code for one in verdict.open] == [code]
    assert verdict.open[0].because == () or code == "open.no-answer"


@pytest.mark.parametrize("version", ["1.3.3", "1.3.0", "0.7.5", "1.0.0"])
def test_an_engine_version_up_to_ours_is_run(version: str) -> None:
    assert decide(document(EngineVersion=version)).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("version", "outcome"),
    [
        ("1.3.0", Outcome.PASS),
        ("1.3.1", Outcome.PASS),
        ("1.10.0", Outcome.PASS),
        ("1.2.9", Outcome.OPEN),
        ("2.0.0", Outcome.OPEN),
        ("one", Outcome.OPEN),
        (None, Outcome.OPEN),
    ],
)
def test_a_rule_for_a_later_schema_than_the_payloads_is_open(
    version: Any, outcome: Outcome
) -> None:
    given = {**vaccination(), "ver": version}
    of = document(SchemaVersion="1.3.0")
    assert decide(of, given=given).outcome is outcome
    assert decide(of, given=given, policy=Policy(schema_versions=False)).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("logic", "default", "negated"),
    [(HOLDS, Outcome.FAIL, Outcome.PASS), (BREAKS, Outcome.PASS, Outcome.FAIL)],
)
def test_an_invalidation_rule_that_holds_says_that_the_pass_is_invalid(
    logic: Any, default: Outcome, negated: Outcome
) -> None:
    rules = document(), document(logic, Identifier="IR-SE-0001", Type="Invalidation", Country="SE")
    assert decide(*rules, issuer_country="SE").outcome is default
    assert decide(*rules, issuer_country="SE", policy=KOTLIN).outcome is negated
    assert decide(*rules, issuer_country="FI").outcome is Outcome.PASS


def test_without_a_country_of_issue_invalidation_rules_leave_open() -> None:
    of = document(Identifier="IR-SE-0001", Type="Invalidation", Country="SE")
    verdict = decide(document(), of, issuer_country=None)
    assert verdict.outcome is Outcome.OPEN
    assert [one.code for one in verdict.open] == ["open.issuer"]


def test_an_invalidation_rule_that_does_not_strike_is_no_acceptance() -> None:
    verdict = decide(document(BREAKS, Type="Invalidation"))
    assert verdict.outcome is Outcome.NO_RULES
    assert [one.code for one in verdict.results] == ["rule.not-invalidated"]


@pytest.mark.parametrize(
    ("logic", "outcome"),
    [
        ({"var": "payload.v"}, Outcome.PASS),
        ({"var": "payload.r"}, Outcome.FAIL),
        ({"plusTime": ["2022-01-01", 0, "day"]}, Outcome.OPEN),
    ],
)
def test_a_deployment_may_take_truth_for_an_answer(logic: Any, outcome: Outcome) -> None:
    assert decide(document(logic), policy=JAVASCRIPT).outcome is outcome


def test_the_javascript_policy_knows_neither_kinds_of_pass_nor_schema_versions() -> None:
    of_tests = document(BREAKS, CertificateType="Test")
    assert decide(of_tests).outcome is Outcome.NO_RULES
    assert decide(of_tests, policy=JAVASCRIPT).outcome is Outcome.FAIL
    later, given = document(SchemaVersion="1.3.0"), {**vaccination(), "ver": "1.2.9"}
    assert decide(later, given=given).outcome is Outcome.OPEN
    assert decide(later, given=given, policy=JAVASCRIPT).outcome is Outcome.PASS


# What could not be read


def test_a_rule_that_could_not_be_read_keeps_its_country_from_a_pass() -> None:
    broken = document(Version="x", Country="SE")
    verdict = decide(document(), document(Country="SE"), broken, country="SE")
    assert verdict.outcome is Outcome.OPEN
    assert [one.place for one in verdict.unread] == ["rules[2]"]
    assert decide(document(), broken).outcome is Outcome.PASS
    assert decide(broken, country="SE").outcome is Outcome.OPEN
    for ignoring in (Policy(unread_is_open=False), JAVASCRIPT):
        assert decide(broken, country="SE", policy=ignoring).outcome is Outcome.NO_RULES


def test_a_rule_of_which_nothing_is_known_may_be_any_countrys() -> None:
    assert decide(document(), {"Logic": 1, "Identifier": 5}).outcome is Outcome.OPEN


def test_an_unread_invalidation_rule_counts_for_its_passes_only() -> None:
    broken = document(Version="x", Country="SE", Type="Invalidation")
    assert decide(document(), broken, issuer_country="SE").outcome is Outcome.OPEN
    assert decide(document(), broken, issuer_country=None).outcome is Outcome.OPEN
    assert decide(document(), broken, issuer_country="DK").outcome is Outcome.PASS


# What rules are given


def test_the_external_parameter_has_all_that_is_known() -> None:
    options: dict[str, Any] = {
        "region": "by",
        "issuer_country": "se",
        "kid": bytes(8),
        "iat": 0,
        "exp": datetime(2022, 6, 1, tzinfo=UTC),
    }
    for path, value in {
        "validationClock": "2022-03-01T12:00:00Z",
        "countryCode": "DK",
        "region": "BY",
        "issuerCountryCode": "SE",
        "kid": "AAAAAAAAAAA=",
        "iat": "1970-01-01T00:00:00Z",
        "exp": "2022-06-01T00:00:00Z",
    }.items():
        assert decide(asked(f"external.{path}", value), **options), path


@pytest.mark.parametrize("path", ["region", "issuerCountryCode", "kid", "iat", "exp"])
def test_what_is_not_known_reads_as_null(path: str) -> None:
    logic = {"!": [{"var": f"external.{path}"}]}
    assert decide(document(logic), issuer_country=None, iat=10**30)


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2022, 3, 1, 1, 2, 3, tzinfo=UTC), "2022-03-01T01:02:03Z"),
        (datetime(2022, 3, 1, 1, 2, 3, 999, tzinfo=UTC), "2022-03-01T01:02:03Z"),
        (datetime(2022, 3, 1, 1, 2, 3, 4999, tzinfo=UTC), "2022-03-01T01:02:03.004Z"),
        (datetime(2022, 3, 1, 1, tzinfo=timezone(timedelta(hours=2))), "2022-02-28T23:00:00Z"),
    ],
)
def test_the_clock_is_the_moment_itself_in_utc(moment: datetime, text: str) -> None:
    assert instant(moment) == text


def test_a_moment_without_a_zone_is_refused() -> None:
    naive = AT.replace(tzinfo=None)
    for name in ("at", "iat", "exp"):
        options: dict[str, Any] = {name: naive}
        with pytest.raises(ValueError, match="time zone"):
            decide(document(), **options)


def test_value_sets_are_the_bundled_ones_unless_others_are_given() -> None:
    of = document(
        {"in": [{"var": "payload.v.0.mp"}, {"var": "external.valueSets.vaccines-covid-19-names"}]}
    )
    assert decide(of)
    assert decide(of, value_sets=ValueSets.default())
    assert not decide(of, value_sets={"vaccines-covid-19-names": ["EU/1/20/1507"]})
    assert not decide(of, value_sets={})


def test_what_real_passes_have_around_their_values_does_not_decide() -> None:
    class Tagged(str):
        __slots__ = ()

    given = vaccination(mp=" EU/1/20/1528 ", dn=2.0, dt=Tagged("2021-12-01"), co="Å")
    of = document(
        {
            "and": [
                {"===": [{"var": "payload.v.0.mp"}, "EU/1/20/1528"]},
                {"===": [{"var": "payload.v.0.dn"}, {"var": "payload.v.0.sd"}]},
                {"===": [{"var": "payload.v.0.co"}, "Å"]},
                {"before": [{"plusTime": [{"var": "payload.v.0.dt"}, 0, "day"]},
                            {"plusTime": [CLOCK, 0, "day"]}]},
            ]
        }
    )  # fmt: skip
    assert decide(of, given=given)
    assert given["v"][0]["mp"] == " EU/1/20/1528 "


@given(
    st.dictionaries(
        st.sampled_from(["ver", "nam", "dob", "v", "t", "r", "h", "x"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.sampled_from(["dt", "ci", "fnt"]), inner, max_size=3)
            ),
            max_leaves=8,
        ),
    )
)
def test_no_payload_makes_a_decision_raise(payload: dict[str, Any]) -> None:
    before = repr(payload)
    logic = {"if": [{"var": "payload.v.0"}, {">": [{"var": "payload.v.0.dn"}, 1]}, True]}
    rules = RuleSet([rule(logic, CertificateType="General")])
    verdict = rules.decide(payload, country="DK", at=AT)
    verdict.text()
    json.dumps(verdict.to_json(reasons=True))
    rules.decide_wallet([payload], country="DK", at=AT)
    assert repr(payload) == before
    assert repr(normalised(normalised(payload))) == repr(normalised(payload))


@pytest.mark.parametrize("given", [None, 5, "HC1:", [vaccination()]])
def test_what_is_no_pass_is_a_type_error(given: Any) -> None:
    with pytest.raises(TypeError):
        RuleSet().decide(given, country="DK", at=AT)


# Verified passes


@pytest.fixture(scope="module")
def signed() -> tuple[str, Verifier]:
    start = datetime(2021, 1, 1, tzinfo=UTC)
    dsc = keys.make_csca("DK", valid_from=start).issue_dsc(valid_from=start)
    issued = Issuer("DK", dsc.signer()).issue(
        Holder("Eksempel", "Ibine", datetime(1979, 4, 14).date()),
        Vaccination("Comirnaty", 2, 2, datetime(2021, 12, 1).date()),
        issued_at=datetime(2022, 1, 1, tzinfo=UTC),
        expires=datetime(2022, 12, 1, tzinfo=UTC),
    )
    return issued.text, Verifier(TrustStore.from_certificates([dsc.certificate]))


def test_of_a_verified_pass_the_container_speaks_too(signed: tuple[str, Verifier]) -> None:
    text, verifier = signed
    verification = verifier.verify(text, at=AT)
    assert verification.envelope is not None
    for path, value in {
        "issuerCountryCode": "DK",
        "iat": "2022-01-01T00:00:00Z",
        "exp": "2022-12-01T00:00:00Z",
        "validationClock": "2022-03-01T12:00:00Z",
    }.items():
        rules = RuleSet.load([asked(f"external.{path}", value)])
        assert rules.decide(verification, country="DK"), path
        assert rules.decide(verification.envelope, country="DK", at=AT), path
    other = RuleSet.load([asked("external.issuerCountryCode", "SE")])
    assert other.decide(verification, country="DK", issuer_country="SE")


def test_a_pass_that_did_not_verify_is_not_judged_unless_asked_for(
    signed: tuple[str, Verifier],
) -> None:
    text, verifier = signed
    late = verifier.verify(text, at=AT + timedelta(days=300))
    assert late.envelope is not None
    rules = RuleSet.load([document()])
    verdict = rules.decide(late, country="DK", at=AT)
    assert (verdict.outcome, bool(verdict), verdict.results) == (Outcome.REFUSED, False, ())
    assert verdict.refusals == late.failures
    assert verdict.sentence == (
        "Refused in DK on 2022-03-01 at 12:00:00 UTC: the pass does not verify."
    )
    assert verdict.text().splitlines()[1:] == ["- time: The pass has expired."]
    assert repr(verdict) == "<Verdict DK REFUSED time.expired>"
    assert verdict.to_json()["refusals"] == [
        {"check": "time", "code": "time.expired", "sentence": "The pass has expired."}
    ]
    found = rules.timeline(late, country="DK", at=AT)
    assert [window.sentence for window in found.windows] == [
        "Refused in DK at every moment asked about."
    ]
    assert (found.expires, found.accepted) == (None, ())
    assert rules.decide(late.envelope, country="DK", at=AT)


@pytest.mark.parametrize("text", ["", "HC1:", "HC1:6BF", "https://example.org", "\0", "DK1:6BF"])
def test_whatever_text_was_verified_the_verdict_is_refused_and_nothing_raises(
    text: str, signed: tuple[str, Verifier]
) -> None:
    found = signed[1].verify(text, at=AT)
    for rules in (RuleSet([]), RuleSet.load([document()])):
        verdict = rules.decide(found, country="DK")
        assert (verdict.outcome, verdict.at) == (Outcome.REFUSED, AT)
        assert verdict.refusals == found.failures != ()


@pytest.mark.parametrize("good", [0, 1, 2])
def test_a_refused_pass_refuses_its_wallet_and_is_never_the_one_to_show(
    good: int, signed: tuple[str, Verifier]
) -> None:
    text, verifier = signed
    accepted, forged = verifier.verify(text, at=AT), verifier.verify(text[:-3], at=AT)
    passes = [accepted] * good
    passes.insert(good // 2, forged)
    rules = RuleSet.load([document()])
    wallet = rules.decide_wallet(passes, country="DK", at=AT)
    assert (wallet.together.outcome, wallet.together.refusals) == (
        Outcome.REFUSED,
        forged.failures,
    )
    assert [one.outcome for one in wallet.each].count(Outcome.PASS) == good
    assert (wallet.each[wallet.best].outcome is Outcome.REFUSED) == (good == 0)
    assert not rules.wallet_timeline(passes, country="DK", at=AT).accepted
    assert not good or rules.wallet_timeline([accepted] * good, country="DK", at=AT).accepted


# What is forgiven, and what rules read.


MIDNIGHT = ("2021-06-01", "2021-06-01T00:00:00+02:00", "2021-06-01T23:59:59Z", " 2021-06-01 ")
NINE = (
    *("2022-03-01T09:00:00Z", "2022-03-01T09:00Z", "2022-03-01 09:00:00Z", "2022-03-01t09:00:00z"),
    *("2022-03-01T09:00:00,000Z", "2022-03-01T09:00:00.000000Z", "2022-03-01T09:00:00"),
    *("2022-03-01T10:00:00+01", "2022-03-01T10:00:00+0100", "2022-03-01T10:00:00+01:00"),
)


@pytest.mark.parametrize("written", MIDNIGHT)
@pytest.mark.parametrize(("group", "name"), [("v", "dt"), ("r", "fr"), ("r", "df"), ("r", "du")])
def test_a_date_with_a_time_is_its_day_for_rules_as_for_facts(
    group: str, name: str, written: str
) -> None:
    given = {"v": vaccination, "r": recovery}[group](**{name: written})
    facts = facts_of(given)[0]
    assert facts is not None
    names = {"dt": "date", "fr": "first_positive", "df": "valid_from", "du": "valid_until"}
    assert getattr(facts.event, names[name]).isoformat() == "2021-06-01"
    kind = {"v": "Vaccination", "r": "Recovery"}[group]
    day = {"plusTime": [{"var": f"payload.{group}.0.{name}"}, 0, "day"]}
    of = document({"not-before": [CLOCK_0, day]}, CertificateType=kind)
    of |= {"ValidFrom": "2020-01-01T00:00:00Z"}
    found = RuleSet.load([of]).timeline(given, country="DK", at=datetime(2021, 6, 1, tzinfo=UTC))
    first = found.accepted[0]
    assert first.start is not None
    assert first.start.moment == datetime(2021, 6, 1, tzinfo=UTC)


@pytest.mark.parametrize("written", NINE)
def test_a_sample_in_every_form_that_is_forgiven_is_one_moment(written: str) -> None:
    nine = datetime(2022, 3, 1, 9, tzinfo=UTC)
    given = swab(sc=written)
    facts = facts_of(given)[0]
    assert facts is not None
    assert getattr(facts.event, "sampled_at", None) == nine
    sampled = {"plusTime": [{"var": "payload.t.0.sc"}, 0, "hour"]}
    rules = RuleSet.load([document({"not-before": [CLOCK_0, sampled]}, CertificateType="Test")])
    for at, outcome in ((nine - timedelta(seconds=1), Outcome.FAIL), (nine, Outcome.PASS)):
        assert rules.decide(given, country="DK", at=at).outcome is outcome


@given(st.datetimes(min_value=datetime(1, 1, 3), max_value=datetime(9998, 1, 1)), st.data())
def test_what_the_facts_read_the_rules_read(moment: datetime, data: st.DataObject) -> None:
    mark, zone = (
        data.draw(st.sampled_from("Tt ")),
        data.draw(st.sampled_from(("Z", "z", "", "+01"))),
    )
    form = data.draw(st.sampled_from(("seconds", "minutes", "milliseconds", "microseconds")))
    written = moment.isoformat(sep=mark, timespec=form) + zone
    if data.draw(st.booleans()):
        written = written.replace(".", ",")
    facts = facts_of(swab(sc=written))[0]
    assert facts is not None
    sampled = getattr(facts.event, "sampled_at", None)
    assert isinstance(sampled, datetime)
    normal = normalised(swab(sc=written))["t"][0]["sc"]
    assert (
        Dates()[normal] * 1000
        == (sampled - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1) * 1000
    )


@pytest.mark.parametrize(
    ("born", "read"),
    [
        ("1979-04-14T00:00:00", "1979-04-14"),
        ("1979-04-00", "1979-04"),
        ("1979-00-00", "1979"),
        ("1979-00", "1979"),
        (" 1979 ", "1979"),
        ("", ""),
        ("soon", "soon"),
        (None, None),
    ],
)
def test_a_birth_date_is_read_as_the_facts_read_it(born: Any, read: Any) -> None:
    assert normalised({**vaccination(), "dob": born})["dob"] == read


def test_optional_fields_without_a_value_are_absent_and_so_are_empty_groups() -> None:
    given = swab(nm="", tc=None, ma=" ")
    given = {**given, "v": None, "r": [], "nam": {**given["nam"], "fn": None, "gn": ""}}
    found = normalised(given)
    assert not {"nm", "tc", "ma"} & found["t"][0].keys()
    assert not {"v", "r"} & found.keys()
    assert not {"fn", "gn"} & found["nam"].keys()
    assert {**given}["v"] is None


@given(
    st.lists(st.tuples(st.integers(1, 4), st.integers(1, 3)), min_size=1, max_size=5),
    st.randoms(),
)
def test_several_events_get_one_verdict_in_whatever_order_they_stand(
    doses: list[tuple[int, int]], random: Random
) -> None:
    rules = RuleSet.load([document({"===": [{"var": "payload.v.0.dn"}, 2]})])

    def verdict() -> Any:
        entries = [
            vaccination(dt=f"2021-0{month}-01", dn=number)["v"][0] for month, number in doses
        ]
        return rules.decide({**vaccination(), "v": entries}, country="DK", at=AT)

    before = verdict()
    latest = max(month for month, _ in doses)
    of_latest = {number for month, number in doses if month == latest}
    assert bool(before) == (2 in of_latest) or len(of_latest) > 1
    random.shuffle(doses)
    assert verdict().outcome is before.outcome


def test_without_a_moment_it_is_now() -> None:
    of = document(ValidFrom="2000-01-01T00:00:00Z", ValidTo="2999-01-01T00:00:00Z")
    verdict = RuleSet.load([of]).decide(vaccination(), country="DK")
    assert abs(verdict.at - datetime.now(UTC)) < timedelta(minutes=5)
    assert verdict


# Reasons


DOSE = {"var": "payload.v.0.dn"}
LIMIT = {
    "before": [
        {"plusTime": [CLOCK, 0, "day"]},
        {"plusTime": [{"var": "payload.v.0.dt"}, 14, "day"]},
    ]
}


def test_a_refusal_says_which_facts_decided() -> None:
    verdict = decide(document({"if": [{"var": "payload.v.0"}, LIMIT, True]}))
    assert verdict.outcome is Outcome.FAIL
    assert verdict.failures[0].because == (
        "The time of the check (2022-03-01 12:00:00 UTC) is not before 14 days after the date of"
        " the dose (2021-12-01), which is 2021-12-15.",
    )
    assert verdict.sentence == "Not accepted in DK on 2022-03-01 at 12:00:00 UTC."
    assert verdict.text().splitlines()[1] == (
        "- The rule of this test must hold. (VR-DK-0001 1.0.0)"
    )


@pytest.mark.parametrize(
    ("logic", "sentences"),
    [
        ({">": [DOSE, 2]}, ["The number of the dose (2) is not greater than 2."]),
        (
            {"if": [{">": [DOSE, 2]}, True, {"<": [{"var": "payload.v.0.sd"}, 2]}]},
            [
                "The number of the dose (2) is not greater than 2.",
                "The number of doses in the course (2) is not less than 2.",
            ],
        ),
        (
            {"in": [{"var": "payload.v.0.mp"}, ["EU/1/20/1507"]]},
            ["The vaccine (EU/1/20/1528) is not among those listed."],
        ),
        (
            {"in": [{"var": "payload.v.0.tg"}, {"var": "external.valueSets.nothing"}]},
            ["The disease (840539006) is not in the value set nothing."],
        ),
        (
            {"if": [{"===": [{"var": "payload.v.0.co"}, "DK"]}, False, True]},
            ["The country (DK) is DK."],
        ),
        ({"if": [{"var": "payload.v.0"}, False, True]}, ["The pass states a vaccination."]),
        (
            {"if": [{"var": "payload.r.0"}, True, {">": [DOSE, 2]}]},
            ["The number of the dose (2) is not greater than 2."],
        ),
        (
            {"!": [{"===": [{"var": "payload.v.0.nn"}, {"var": "payload.v.0.tc"}]}]},
            ["payload.v.0.nn (not stated) is the place of the test (not stated)."],
        ),
        (
            {"===": [{"var": "payload.r"}, True]},
            ["The recoveries (not stated) is not yes."],
        ),
        (
            {"===": [{"var": "payload.v"}, {"var": "payload.nam"}]},
            ["The vaccinations (a list) is not the name (an entry)."],
        ),
        (
            {"===": [{"var": "external"}, {"var": "payload"}]},
            ["external (an entry) is not payload (an entry)."],
        ),
        (
            {"===": [{"var": "payload.dob"}, "x" * 100]},
            [f"The date of birth (1979-04-14) is not {'x' * 79}…."],
        ),
        (
            {"===": [{"reduce": [{"var": "payload.v"}, {"+": [1, 1]}, 0]}, 1]},
            None,
        ),
        ({"!": [{"var": "payload.v.0"}]}, ["The pass states a vaccination."]),
        (
            {"!": [{"!": [{"var": "payload.v.1"}]}]},
            ["The pass does not state vaccination number 2."],
        ),
        (
            {"===": [{"var": "payload.v.0.ma"}, "ORG-1"]},
            ["The manufacturer of the vaccine (ORG-100030215) is not ORG-1."],
        ),
        ({"!": [{"===": [{"var": "payload.r.0.fr"}, "x"]}]}, []),
        (
            {"!": [{"!": [{"and": [{"var": "payload.dob"}, {"!": [{"var": "payload.v.0.co"}]}]}]}]},
            ["The country is DK."],
        ),
        (
            {"===": [{"extractFromUVCI": [{"var": "payload.v.0.ci"}, 1]}, "XX"]},
            None,
        ),
        (
            {
                "after": [
                    {"dccDateOfBirth": [{"var": "payload.dob"}]},
                    {"plusTime": [CLOCK, -18, "year"]},
                ]
            },
            [
                "The date of birth (1979-04-14), read as its last day is not after 18 years before"
                " the time of the check (2022-03-01T12:00:00Z), which is 2004-03-01 12:00:00 UTC."
            ],
        ),
        (
            {
                "not-after": [
                    {"plusTime": [{"var": "payload.v.0.dt"}, 1, "month"]},
                    {"plusTime": ["2021-12-31", 0, "day"]},
                    {"plusTime": ["2022-12-31", 0, "day"]},
                ]
            },
            [
                "1 month after the date of the dose (2021-12-01), which is 2022-01-01 is after"
                " 2021-12-31."
            ],
        ),
    ],
)
def test_every_operation_that_decides_has_words(logic: Any, sentences: list[str] | None) -> None:
    result = decide(document(logic)).results[0]
    if sentences == []:
        assert result.outcome is Outcome.PASS
    elif sentences is None:
        # What has no words is shown in the notation of the language.
        expression = result.rule.expression
        assert isinstance(expression, Equal)
        assert certlogic.to_text(expression.left) in result.because[0]
    else:
        assert list(result.because) == sentences


def test_the_description_comes_in_the_language_asked_for() -> None:
    texts = [{"lang": "en", "desc": "English"}, {"lang": "da", "desc": "Dansk"}]
    verdict = decide(document(BREAKS, Description=texts), language="da")
    assert verdict.failures[0].description == "Dansk"
    assert "- Dansk (VR-DK-0001 1.0.0)" in verdict.text()


def test_the_holders_data_shows_only_where_it_is_asked_for() -> None:
    verdict = decide(document(LIMIT))
    shown = [repr(verdict), repr(verdict.results), str(verdict), json.dumps(verdict.to_json())]
    shown += [verdict.sentence, repr(RuleSet([rule(LIMIT)]).case(vaccination(), country="DK"))]
    assert not [secret for secret in SECRETS for text in shown if secret in text]
    assert "2021-12-01" in json.dumps(verdict.to_json(reasons=True))
    assert "2021-12-01" in verdict.text()


def test_a_verdict_in_json_has_the_outcome_of_every_rule() -> None:
    found = decide(document(), document(BREAKS, Identifier="VR-DK-0002")).to_json()
    assert found["outcome"] == "FAIL"
    assert [one["outcome"] for one in found["rules"]] == ["PASS", "FAIL"]
    assert found["at"] == "2022-03-01T12:00:00+00:00"
    assert found["unread"] == []
    unread = decide(document(Version="x")).to_json()["unread"]
    assert unread[0]["faults"][0]["code"] == "rule.version"


def test_every_outcome_has_its_sentence() -> None:
    sentences = {
        decide(document()).sentence,
        decide(document(BREAKS)).sentence,
        decide(document({"+": [1, 1]})).sentence,
        decide().sentence,
        decide(document(), region="H").sentence,
    }
    assert len(sentences) == 5
    text = decide(document({"+": [1, "x"]}), document(Version="x")).text()
    assert "The rule cannot be applied to what the pass states." in text
    assert "A rule could not be read: rules[1]" in text
    assert decide(document({"+": [1, "x"]})).results[0].explanation is None
    assert decide(document()).results[0].explanation is not None


def test_a_rule_without_comparisons_says_what_it_gives() -> None:
    reducing = {"reduce": [{"var": "payload.v"}, {"if": [True, False, True]}, True]}
    (sentence,) = decide(document(reducing)).failures[0].because
    assert sentence.endswith("gives no.")
    assert decide(document({"if": [True, False, True]})).failures[0].because == ()
    unstated = {"!": [{"!": [{"var": "payload.v.0.tc"}]}]}
    (sentence,) = decide(document(unstated)).failures[0].because
    assert sentence == "The place of the test is not stated."


def test_no_date_is_read_twice_within_one_decision(
    official: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = RuleSet.load(official / "business-rules")
    moment = datetime(2023, 5, 1, 12, tzinfo=UTC)
    read: list[object] = []
    count = 0

    def counted(text: object) -> int:
        read.append(text)
        return parse(text)

    monkeypatch.setattr(datetimes, "parse", counted)
    for country in rules.countries:
        for one in (vaccination(), recovery(), swab()):
            # Compiling reads the dates that stand in the rule, once for all decisions.
            rules.decide(one, country=country, at=moment)
            read.clear()
            verdict = rules.decide(one, country=country, at=moment)
            assert verdict.results
            assert len(read) == len(set(read))
            count += len(read)
    assert count > 10


def test_an_explanation_that_meets_a_bound_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    result = decide(document(BREAKS)).results[0]

    def refuse(*_: Any) -> None:
        raise certlogic.LimitError("limit.steps", "too many steps")

    monkeypatch.setattr(certlogic, "explain", refuse)
    assert result.explanation is None
    assert result.because == ()


def test_a_verdict_knows_what_was_asked() -> None:
    verdict = decide(document(), region="by", country="dk")
    assert (verdict.scope.country, verdict.scope.region, verdict.at) == ("DK", "BY", AT)
    case = RuleSet([rule()]).case(vaccination(), country="DK")
    assert case.policy == Policy()


def test_a_pass_that_holds_no_payload_is_a_type_error(signed: tuple[str, Verifier]) -> None:
    text, _ = signed
    envelope = decode(text)
    empty = envelope._replace(claims=envelope.claims._replace(hcert=None))
    with pytest.raises(TypeError, match="no payload"):
        RuleSet().decide(empty, country="DK", at=AT)


# Wallets


def both(*passes: Any, logic: Any = None, **options: Any) -> Any:
    of = document(HOLDS if logic is None else logic, CertificateType="General")
    return RuleSet.load([of]).decide_wallet(passes, country="DK", at=AT, **options)


def test_rules_that_read_a_vaccination_and_a_recovery_together_see_both() -> None:
    logic = {
        "if": [
            {"var": "payload.v.0"},
            {"===": [{"var": "payload.r.0.fr"}, "2022-01-01"]},
            False,
        ]
    }
    verdict = both(vaccination(), recovery(), logic=logic)
    assert verdict.together.outcome is Outcome.PASS
    assert [one.outcome for one in verdict.each] == [Outcome.FAIL, Outcome.FAIL]
    assert verdict.to_json()["together"]["outcome"] == "PASS"


def test_the_newest_event_comes_first_and_one_without_a_date_last() -> None:
    first = vaccination(dt="2021-05-01", ci="A", dn=1)
    second = vaccination(dt="2021-06-01", ci="B", dn=2)
    undated = vaccination(dt="soon", ci="C", dn=9)
    for wallet in ([first, undated, second], [second, first, undated]):
        logic = {
            "and": [
                {"===": [{"var": f"payload.v.{place}.dn"}, number]}
                for place, number in enumerate((2, 1, 9))
            ]
        }
        assert both(*wallet, logic=logic).together


def test_one_event_on_two_passes_counts_once() -> None:
    again = vaccination(ci="urn:uvci:01:dk:example1")
    assert both(vaccination(), again, logic={"!": [{"var": "payload.v.1"}]}).together


def test_the_history_holds_every_payload_in_the_order_given() -> None:
    logic = {
        "and": [
            {"var": "payload.h.0.t.0"},
            {"===": [{"var": "payload.h.1.v.0.dn"}, 2]},
            {"===": [1, 1]},
        ]
    }
    assert both(swab(), vaccination(), logic=logic).together


def test_the_best_pass_to_show_is_the_first_that_is_accepted_alone() -> None:
    logic = {"if": [{"var": "payload.v.0"}, True, False]}
    verdict = both(recovery(), vaccination(), swab(), logic=logic)
    assert verdict.best == 1
    assert verdict.to_json()["best"] == 1
    assert both(recovery(), swab(), logic=logic).best == 0


def test_the_lowest_version_of_a_wallet_counts() -> None:
    old = {**recovery(), "ver": "1.0.0"}
    assert both(vaccination(), old, logic={"===": [{"var": "payload.ver"}, "1.0.0"]}).together
    none = {**recovery(), "ver": None}
    assert both(vaccination(), none).together.outcome is Outcome.OPEN


def test_the_country_of_issue_is_known_where_all_passes_have_it(
    signed: tuple[str, Verifier],
) -> None:
    text, verifier = signed
    one = verifier.verify(text, at=AT)
    logic = {"===": [{"var": "external.issuerCountryCode"}, "DK"]}
    rules = RuleSet.load([document(logic)])
    assert rules.decide_wallet([one, one], country="DK").together
    # A bare payload says nothing of its issuer.
    mixed = rules.decide_wallet([one, recovery()], country="DK", same_holder=False)
    assert not mixed.together


@pytest.mark.parametrize(
    "other",
    [
        {"nam": {"fnt": "ANDEN", "gnt": "IBINE"}},
        {"dob": "1980-01-01"},
        {"nam": None},
    ],
)
def test_passes_of_two_holders_are_no_wallet(other: dict[str, Any]) -> None:
    with pytest.raises(WalletError):
        both(vaccination(), {**recovery(), **other})
    assert both(vaccination(), {**recovery(), **other}, same_holder=False).together


def test_a_birth_date_known_in_part_may_be_the_same() -> None:
    assert both(vaccination(), {**recovery(), "dob": "1979"}, {**swab(), "dob": ""}).together


@pytest.mark.parametrize("count", [0, 101])
def test_a_wallet_of_no_passes_or_too_many_is_refused(count: int) -> None:
    with pytest.raises(WalletError):
        both(*[vaccination()] * count)
