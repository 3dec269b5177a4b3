"""``coronapas decide``: verdict, reasons and windows; what it never says unasked; how it ends."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
import segno
from command_world import DATES, DOSE, HOLDER, ISSUED, Country, make_country, run

from coronapas.cli._decide import decided
from coronapas.facts import Test, TestKind, TestResult
from coronapas.issue import Issuer
from coronapas.keys import make_csca
from coronapas.rules import Question, RuleSet

if TYPE_CHECKING:
    from pathlib import Path

    from coronapas.facts import Event, Holder
    from coronapas.issue import Pass
    from coronapas.keys import KeyPair

DAY = ("--at", "2023-02-01")
CLOCK = {"plusTime": [{"var": "external.validationClock"}, 0, "day"]}


def of_dose(days: int) -> dict[str, Any]:
    return {"plusTime": [{"var": "payload.v.0.dt"}, days, "day"]}


def rule(country: str, number: int, words: str, logic: Any, **members: Any) -> dict[str, Any]:
    return {
        "Identifier": f"VR-{country}-000{number}",
        "Type": "Acceptance",
        "Country": country,
        "Version": "1.0.0",
        "SchemaVersion": "1.0.0",
        "Engine": "CERTLOGIC",
        "EngineVersion": "1.3.3",
        "CertificateType": "Vaccination",
        "Description": [{"lang": "en", "desc": words}, {"lang": "da", "desc": "Paa dansk."}],
        "ValidFrom": "2021-07-01T00:00:00Z",
        "ValidTo": "2024-07-01T00:00:00Z",
        "AffectedFields": ["v.0.dt"],
        "Logic": logic,
        **members,
    }


RULES = (
    rule("XX", 1, "14 days have to pass", {"not-before": [CLOCK, of_dose(14)]}),
    rule("XX", 2, "a course counts for 270 days", {"not-after": [CLOCK, of_dose(270)]}),
    rule("YY", 1, "three doses are needed", {">": [{"var": "payload.v.0.dn"}, 2]}),
    rule("YY", 2, "one year has to pass", {"not-before": [CLOCK, of_dose(365)]}),
    rule("ZZ", 1, "a text is no answer", "maybe"),
    rule(
        "VV",
        1,
        "the product must be listed",
        {"in": [{"var": "payload.v.0.mp"}, {"var": "external.valueSets.vaccines-covid-19-names"}]},
    ),
    rule("RR", 1, "of a region", {"===": [{"var": "external.region"}, "SOUTH"]}, Region="SOUTH"),
)


@cache
def early_keys() -> KeyPair:
    """A DSC that is valid on all the days asked about."""
    start = ISSUED - timedelta(days=120)
    return make_csca("DK", valid_from=start).issue_dsc(valid_from=start)


@cache
def early(event: Event = DOSE, holder: Holder = HOLDER) -> Pass:
    """A pass that is valid from the day after the dose, and longer than the rules accept it."""
    issuer = Issuer("DK", early_keys().signer(deterministic=True))
    return issuer.issue(
        holder,
        event,
        issued_at=datetime(2022, 11, 18, 12, tzinfo=UTC),
        expires=datetime(2023, 10, 15, 12, tzinfo=UTC),
    )


@pytest.fixture
def country(tmp_path: Path) -> Country:
    found = replace(make_country(tmp_path), text=early().text, uvci=early().uvci)
    found.file("dsc.pem", early_keys().certificate_pem())
    found.file("rules.json", json.dumps(RULES))
    found.file("p.txt", found.text)
    return found


def decide(country: Country, *arguments: str, rules: str = "rules.json") -> Any:
    given = ("--text", country.text, "--rules", country.path(rules), *country.trust)
    return run("decide", *given, *arguments)


def document(country: Country, *arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(decide(country, "--json", *arguments).stdout)
    return found


def test_an_accepted_pass_ends_with_0_and_says_from_when_until_when(country: Country) -> None:
    result = decide(country, "--country", "XX", *DAY)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == "PASS  Accepted in XX on 2023-02-01 at 00:00:00 UTC."
    assert lines[1] == (
        "  Accepted in XX from 2022-12-01 00:00:00 UTC (included), when VR-XX-0001 1.0.0 begins to "
        "hold (14 days have to pass), until 2023-08-14 00:00:00 UTC (included), when VR-XX-0002 "
        "1.0.0 ceases to hold (a course counts for 270 days)."
    )
    assert lines[2] == "The pass itself is valid until 2023-10-15 12:00:00 UTC (included)."
    assert "Not known: revocation" in result.stderr


@pytest.mark.parametrize(
    ("at", "status"),
    [
        ("2022-11-30T23:59:59Z", 1),
        ("2022-12-01", 0),
        ("2022-12-01T00:59:59+01:00", 1),
        ("2023-08-14", 0),
        ("2023-08-14T00:00:01Z", 1),
    ],
)
def test_a_date_alone_is_its_midnight_in_utc_and_a_moment_is_itself(
    country: Country, at: str, status: int
) -> None:
    assert decide(country, "--country", "XX", "--at", at).exit_code == status


@pytest.mark.parametrize("at", ["2023-02-01T00:00:00", "yesterday", ""])
def test_a_time_without_a_zone_and_what_is_none_are_usage_errors(country: Country, at: str) -> None:
    result = decide(country, "--country", "XX", "--at", at)
    assert result.exit_code == 2
    assert "--at" in result.stderr


def test_without_a_moment_it_is_now(country: Country) -> None:
    before = datetime.now(UTC)
    given = ("--text", country.text, "--rules", country.path("rules.json"), "--country", "XX")
    for how, outcome in ((country.trust, "REFUSED"), (("--unverified",), "UNVERIFIED")):
        result = run("decide", *given, *how, "--json")
        assert result.exit_code == 1
        found = json.loads(result.stdout)
        assert before <= datetime.fromisoformat(found["at"]) <= datetime.now(UTC)
        assert found["decisions"][0]["outcome"] == outcome


def unverified(country: Country, *arguments: str) -> Any:
    given = ("--text", country.text, "--rules", country.path("rules.json"), "--unverified")
    return run("decide", *given, *arguments)


@pytest.mark.parametrize("places", [("XX",), ("YY",), ("ZZ",), ("QQ",), ("XX", "YY")])
def test_an_unverified_answer_says_so_in_its_first_word_and_never_ends_with_0(
    country: Country, places: tuple[str, ...]
) -> None:
    arguments = (*(f"--country={place}" for place in places), *DAY)
    result = unverified(country, *arguments)
    assert result.exit_code == 1
    assert result.stdout.split()[0] == "UNVERIFIED"
    assert "anybody may have made it" in result.stderr
    result = unverified(country, *arguments, "--json")
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert found["verified"] is False
    assert [one["outcome"] for one in found["decisions"]] == ["UNVERIFIED"] * len(places)
    assert [one["if_genuine"] for one in found["decisions"]] == [
        {"XX": "PASS", "YY": "FAIL", "ZZ": "OPEN", "QQ": "NO RULES"}[place] for place in places
    ]


def test_neither_trust_nor_unverified_is_wrong_usage_and_so_are_both(country: Country) -> None:
    given = ("--text", country.text, "--rules", country.path("rules.json"), "--country", "XX", *DAY)
    result = run("decide", *given)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "--trust" in result.stderr
    for other in (country.trust, ("--strict",), ("--clock-skew", "5m"), ("--accept", "eu")):
        assert run("decide", *given, "--unverified", *other).exit_code == 2


def test_it_takes_every_option_that_makes_a_verifier() -> None:
    from coronapas.cli import _decide, _verify

    options = [
        {option for param in module.command.params for option in param.opts}
        for module in (_verify, _decide)
    ]
    # What these do is to show more or less of a pass, or the products of another payload.
    assert options[0] - options[1] == {"--checks", "--quiet", "--products"}


@pytest.mark.parametrize("how", [(), ("--json",)])
def test_a_pass_that_does_not_verify_is_refused_with_its_failing_checks(
    country: Country, how: tuple[str, ...]
) -> None:
    place = len(country.text) // 2
    country.file("bad.txt", country.text[:place] + "00" + country.text[place + 2 :])
    arguments = ("--rules", country.path("rules.json"), *country.trust, *how)
    places = ("--country", "XX", "--country", "YY")
    late = ("--at", "2024-01-01")
    for source, at, code in (("bad.txt", DAY, None), ("p.txt", late, "time.expired")):
        result = run("decide", country.path(source), *places, *arguments, *at)
        assert result.exit_code == 1
        if not how:
            lines = result.stdout.splitlines()
            assert [line.split()[:2] for line in lines[1:3]] == [
                ["XX", "REFUSED"],
                ["YY", "REFUSED"],
            ]
            assert lines[-1].startswith("  FAIL  ")
            continue
        found = json.loads(result.stdout)
        assert found["verified"] is False
        for one in found["decisions"]:
            assert (one["outcome"], one["window"], one["rules"]) == ("REFUSED", None, [])
            assert [each["code"] for each in one["reasons"]] == found["failures"]
            assert code is None or found["failures"] == [code]


REVOKED = {"revoked": ("--revocation",), "unknown": ("--refuse-unknown-revocation",)}


@pytest.mark.parametrize("what", REVOKED)
def test_a_revoked_pass_is_refused(country: Country, what: str) -> None:
    arguments = list(REVOKED[what])
    if what == "revoked":
        target = country.path("revoked.store")
        made = run(
            *("revocation", "build", "-", target, "--to", "store", "--type", "UCI"),
            *("--expires", "2024-01-01T00:00:00Z", "--as-of", "2023-01-01T00:00:00Z"),
            input=country.uvci,
        )
        assert made.exit_code == 0, made.output
        arguments.append(target)
    result = decide(country, "--country", "XX", *DAY, *arguments)
    assert result.exit_code == 1
    assert result.stdout.startswith("REFUSED  Refused in XX")
    assert "revocation" in result.stdout


def other_dose(day: date, number: int) -> Event:
    return replace(DOSE, date=day, dose_number=number, doses=max(2, number))


def wallet(country: Country, *passes: Pass) -> tuple[str, ...]:
    """Files of passes, as arguments."""
    named = enumerate(passes)
    return tuple(country.file(f"w{number}.txt", each.text) for number, each in named)


def test_the_passes_of_one_holder_are_judged_each_and_together(country: Country) -> None:
    arguments = ("--rules", country.path("rules.json"), *country.trust, *DAY)
    first, second = early(other_dose(date(2022, 10, 1), 1)), early()
    for order in ((first, second), (second, first)):
        files = wallet(country, *order)
        result = run("decide", *files, "--country", "XX", *arguments, "--json")
        assert result.exit_code == 0
        found = json.loads(result.stdout)
        assert [one["place"].endswith(".txt:1") for one in found["passes"]] == [True, True]
        assert found["decisions"][0]["outcome"] == "PASS"
        assert found["decisions"][0]["decided_by"] in [one["place"] for one in found["passes"]]
        assert found["decisions"][0]["window"]["end"] is not None


def test_a_rule_for_the_whole_wallet_holds_for_all_together(country: Country) -> None:
    both = {"and": [{"var": "payload.v.1"}, {"===": [{"var": "payload.v.0.dn"}, 2]}]}
    country.file("both.json", json.dumps([rule("WW", 1, "two doses", both)]))
    files = wallet(country, early(other_dose(date(2022, 10, 1), 1)), early())
    arguments = ("--rules", country.path("both.json"), *country.trust, "--country", "WW", *DAY)
    result = run("decide", *files, *arguments, "--json")
    found = json.loads(result.stdout)["decisions"][0]
    assert (result.exit_code, found["outcome"], found["decided_by"]) == (0, "PASS", None)
    assert found["window"]["outcome"] == "PASS"
    assert run("decide", files[1], *arguments).exit_code == 1


def test_one_refused_pass_refuses_the_wallet(country: Country) -> None:
    stranger = make_csca("DK", valid_from=ISSUED).issue_dsc(valid_from=ISSUED)
    forged = Issuer("DK", stranger.signer()).issue(
        HOLDER, DOSE, issued_at=ISSUED, expires=timedelta(days=9)
    )
    arguments = ("--rules", country.path("rules.json"), *country.trust, "--country", "XX", *DAY)
    for order in ((forged, early()), (early(), forged)):
        result = run("decide", *wallet(country, *order), *arguments)
        assert result.exit_code == 1
        assert result.stdout.startswith("REFUSED")


def test_passes_of_two_holders_are_no_wallet(country: Country) -> None:
    stranger = early(DOSE, replace(HOLDER, given_name="Somebodyelse"))
    arguments = ("--rules", country.path("rules.json"), *country.trust, "--country", "XX", *DAY)
    result = run("decide", *wallet(country, early(), stranger), *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "one holder" in result.stderr


def test_a_refusal_tells_the_rules_own_words_and_when_it_ends(country: Country) -> None:
    result = decide(country, "--country", "XX", "--at", "2022-11-20")
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[0].startswith("FAIL  Not accepted in XX")
    assert lines[1:3] == [
        "  - 14 days have to pass (VR-XX-0001 1.0.0)",
        "      The rule does not hold.",
    ]
    assert "until 2022-12-01 00:00:00 UTC (not included)" in lines[3]
    assert lines[4].startswith("  Accepted in XX from 2022-12-01 00:00:00 UTC (included)")


def test_the_facts_that_decided_are_shown_only_when_asked_for(country: Country) -> None:
    arguments = ("--country", "XX", "--country", "YY", "--at", "2022-11-20")
    for how in ((), ("--json",)):
        masked = decide(country, *arguments, *how).output
        assert not [marker for marker in country.markers if marker in masked]
        assert (
            "date of the dose (2022-11-17)"
            in decide(country, *arguments, *how, "--show-personal-data").output
        )


def test_several_countries_begin_with_a_table_and_end_with_1_where_one_refuses(
    country: Country,
) -> None:
    result = decide(country, *(f"--country={name}" for name in ("xx", "YY", "ZZ", "XX")), *DAY)
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert [" ".join(line.split()) for line in lines[:2]] == [
        "country verdict from until",
        "XX PASS 2022-12-01 00:00:00 UTC (included) 2023-08-14 00:00:00 UTC (included)",
    ]
    assert [line.split()[:2] for line in lines[2:4]] == [["YY", "FAIL"], ["ZZ", "OPEN"]]
    assert lines[4] == ""
    assert "      The rule gives neither yes nor no." in lines
    assert result.stdout.count("The pass itself is valid") == 1


def test_the_json_has_for_each_country_verdict_reasons_and_window(country: Country) -> None:
    found = document(country, "--country", "XX", "--country", "YY", *DAY)
    assert found["verified"] is True
    accepted, refused = found["decisions"]
    assert accepted["window"]["start"] == {"at": "2022-12-01T00:00:00+00:00", "included": True}
    assert accepted["window"]["end"] == {"at": "2023-08-14T00:00:00+00:00", "included": True}
    assert (accepted["reasons"], accepted["accepted_later"]) == ([], None)
    assert accepted["expires"] == "2023-10-15T12:00:00+00:00"
    assert [one["rule"] for one in refused["reasons"]] == ["VR-YY-0001", "VR-YY-0002"]
    assert refused["reasons"][0]["meaning"] == "The rule does not hold."
    assert refused["accepted_later"] is None
    assert (refused["outcome"], refused["complete"]) == ("FAIL", True)
    assert [one["outcome"] for one in refused["rules"]] == ["FAIL", "FAIL"]


def test_a_country_without_rules_is_told_which_there_are(country: Country) -> None:
    result = decide(country, "--country", "QQ", *DAY)
    assert result.exit_code == 1
    assert result.stdout.startswith("NO RULES  ")
    assert "  The rules at hand are of RR, VV, XX, YY, ZZ." in result.stdout.splitlines()


def test_in_the_table_a_time_without_a_known_end_is_a_dash(country: Country) -> None:
    asked = ("--country", "QQ", "--country", "XX", *DAY)
    lines = unverified(country, *asked).stdout.splitlines()
    assert lines[2].split() == ["QQ", "UNVERIFIED", "-", "-"]
    # Of one that verified it is known that it is refused before its issue and after its end.
    lines = decide(country, *asked).stdout.splitlines()
    assert " ".join(lines[1].split()) == (
        "QQ NO RULES 2022-11-18 12:00:00 UTC (included) 2023-10-15 12:00:00 UTC (included)"
    )


def test_of_a_pass_that_states_no_end_none_is_told() -> None:
    rules = RuleSet.load(list(RULES))
    payload = {"ver": "1.3.0", "v": [{"dt": "2022-11-17", "dn": 2}]}
    found = decided(rules, payload, Question(country="XX"), datetime(2023, 2, 1, tzinfo=UTC))
    assert found.verdict.outcome == "PASS"
    assert found.to_json(personal=False)["expires"] is None


def test_the_eus_own_rules_are_there_by_name(country: Country) -> None:
    arguments = ("--text", country.text, "--rules", "eu-travel", "--country", "EU", *country.trust)
    assert run("decide", *arguments, "--at", "2022-11-30").exit_code == 1
    assert run("decide", *arguments, "--at", "2022-12-01").exit_code == 0


def test_the_language_is_that_of_the_rules_words(country: Country) -> None:
    found = decide(country, "--country", "YY", *DAY, "--language", "da").stdout
    assert "- Paa dansk. (VR-YY-0001 1.0.0)" in found


def test_a_region_has_rules_of_its_own(country: Country) -> None:
    assert decide(country, "--country", "RR", *DAY).stdout.startswith("NO RULES")
    result = decide(country, "--country", "RR", "--region", "south", *DAY)
    assert result.stdout.startswith("PASS  Accepted in RR (SOUTH)")


def value_set(folder: Path, code: str, name: str = "names.json") -> None:
    entry = {"display": "Example", "active": True, "lang": "en", "version": "", "system": "x"}
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(
        json.dumps(
            {
                "valueSetId": "vaccines-covid-19-names",
                "valueSetDate": "2023-01-01",
                "valueSetValues": {code: entry},
            }
        )
    )


def test_value_sets_of_a_folder_or_file_take_the_place_of_the_bundled(country: Country) -> None:
    folder = country.folder / "sets"
    arguments = ("--country", "VV", *DAY)
    assert decide(country, *arguments).exit_code == 0
    value_set(folder, "OTHER")
    (folder / "schema.json").write_text("{}")
    result = decide(country, *arguments, "--value-sets", str(folder))
    assert result.exit_code == 1
    assert "schema.json: skipped: not a value set" in result.stderr
    value_set(folder, "EU/1/20/1528")
    assert decide(country, *arguments, "--value-sets", str(folder / "names.json")).exit_code == 0


def test_value_sets_that_cannot_be_read_end_with_2(country: Country) -> None:
    folder = country.folder / "sets"
    folder.mkdir()
    arguments = ("--country", "VV", *DAY, "--value-sets", str(folder))
    assert "contains no value set" in decide(country, *arguments).stderr
    (folder / "a.json").write_text("{")
    assert "a.json: The file is not JSON" in decide(country, *arguments).stderr
    value_set(folder, "A", "a.json")
    value_set(folder, "B", "b.json")
    result = decide(country, *arguments)
    assert (result.exit_code, "appears twice" in result.stderr) == (2, True)
    only = decide(country, "--country", "VV", *DAY, "--value-sets", country.path("facts.json"))
    assert only.exit_code == 2
    empty = country.file("none.json", "[]")
    told = decide(country, "--country", "VV", *DAY, "--value-sets", empty)
    assert (told.exit_code, "contains no value set" in told.stderr) == (2, True)


def test_value_sets_are_read_in_this_projects_own_form_too_and_the_last_counts(
    country: Country,
) -> None:
    own = {"sets": {"vaccines-covid-19-names": {"date": "2023-01-01", "codes": {"OTHER": "Other"}}}}
    folder = country.folder / "own"
    folder.mkdir()
    (folder / "names.json").write_text(json.dumps(own))
    (folder / "schema.json").write_text("{}")
    value_set(country.folder / "sets", "EU/1/20/1528")
    for one in (folder, folder / "names.json"):
        arguments = ("--country", "VV", *DAY, "--value-sets", str(one))
        assert decide(country, *arguments).exit_code == 1
        better = ("--value-sets", str(country.folder / "sets"))
        assert decide(country, *arguments, *better).exit_code == 0
    wrong = country.file("wrong.json", '{"sets": {"a": 1}}')
    assert (
        "wrong.json: sets.a: "
        in decide(country, "--country", "VV", *DAY, "--value-sets", wrong).stderr
    )


def test_a_rule_that_cannot_be_read_is_named_and_keeps_the_verdict_open(country: Country) -> None:
    broken = {**RULES[0], "Identifier": "VR-XX-0009", "Version": "first"}
    country.file("broken.json", json.dumps([*RULES[:2], broken]))
    result = decide(country, "--country", "XX", *DAY, rules="broken.json")
    assert result.exit_code == 1
    assert result.stdout.startswith("OPEN  Not decided for XX")
    assert "  - A rule could not be read: broken.json[2]" in result.stdout.splitlines()
    assert "broken.json[2]: not read: " in result.stderr


def test_files_that_are_no_rules_are_named_and_no_rule_at_all_ends_with_2(
    country: Country,
) -> None:
    folder = country.folder / "rules"
    folder.mkdir()
    (folder / "note\x1b.json").write_text("{}")
    result = decide(country, "--country", "XX", *DAY, rules="rules")
    assert result.exit_code == 2
    assert "note\ufffd.json: skipped: not a rule" in result.stderr
    assert "contain no rule" in result.stderr
    assert decide(country, "--country", "XX", *DAY, rules="absent").exit_code == 2


def test_a_rule_that_changes_too_often_is_told_as_such(
    country: Country, monkeypatch: pytest.MonkeyPatch
) -> None:
    from coronapas.rules import RuleSet

    real = RuleSet.timeline

    def lazy(*given: Any, **options: Any) -> Any:
        return real(*given, **options, effort=1)

    monkeypatch.setattr(RuleSet, "timeline", lazy)
    result = unverified(country, "--country", "YY", *DAY)
    assert "Before or after that the rules change too often to say." in result.stdout


def test_one_pass_is_judged_from_a_file_a_picture_or_standard_input(country: Country) -> None:
    arguments = ("--country", "XX", "--rules", country.path("rules.json"), *DAY, *country.trust)
    picture = country.path("p.png")
    segno.make(country.text, error="q").save(picture, scale=4, border=4)
    assert run("decide", picture, *arguments).exit_code == 0
    assert run("decide", country.path("p.txt"), *arguments).exit_code == 0
    assert run("decide", "-", *arguments, input=f"{country.text}\n").exit_code == 0
    several = country.file("two.txt", f"{country.text}\n{country.text}\n")
    assert "several passes" in run("decide", several, *arguments).stderr


def test_a_picture_with_an_oddity_that_is_not_granted_does_not_verify(
    country: Country, monkeypatch: pytest.MonkeyPatch
) -> None:
    from coronapas.cli import _decide as module
    from coronapas.cli._passes import Item
    from coronapas.tolerances import Deviation

    item = Item("p", country.text, 1, True, (Deviation("odd.one", "", "the QR code is odd"),))
    monkeypatch.setattr(module, "passes_of", lambda _, whole: (item,))
    result = run(
        "decide",
        country.path("p.txt"),
        *("--country", "XX", "--rules", country.path("rules.json"), *DAY, *country.trust),
    )
    assert result.exit_code == 1
    assert result.stdout.splitlines()[0].startswith("REFUSED")
    assert result.stdout.splitlines()[1] == "  FAIL  qr code: The QR code is odd."


@pytest.mark.parametrize("content", ["HC1:", "no pass at all", "HC1:6BF"])
def test_what_is_no_pass_ends_with_2(country: Country, content: str) -> None:
    source = country.file("odd.txt", content)
    given = ("--country", "XX", "--rules", country.path("rules.json"), *DAY)
    result = run("decide", source, *given, "--unverified")
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1].startswith("Error: ")
    result = run("decide", source, *given, *country.trust)
    assert (result.exit_code, result.stdout.split()[0]) == (1, "REFUSED")


def test_a_picture_without_a_code_ends_with_2(country: Country) -> None:
    source = country.file("odd.png", b"\x89PNG\r\n\x1a\n" + bytes(40))
    arguments = ("--country", "XX", "--rules", country.path("rules.json"), *country.trust)
    assert run("decide", source, *arguments).exit_code == 2


def test_wrong_usage_ends_with_2(country: Country) -> None:
    rules = ("--rules", country.path("rules.json"))
    text = ("--text", country.text)
    trust = country.trust
    for arguments in (
        ("--country", "XX", *rules, *trust),
        (*text, *rules, *trust),
        (*text, "--country", "XX", *trust),
        (*text, "--country", " ", *rules, *trust),
        (*text, "--country", "XX", *rules, "--pin", country.path("dsc.pem")),
        (*text, "--country", "XX", *rules, "--unverified-trust"),
        (*text, "--country", "XX", *rules, *trust, "--tolerate", "content.nothing"),
    ):
        assert run("decide", *arguments).exit_code == 2


def test_a_message_without_a_payload_ends_with_2(
    country: Country, monkeypatch: pytest.MonkeyPatch
) -> None:
    from coronapas.hcert import _envelope as envelope

    monkeypatch.setattr(envelope.Envelope, "dcc", property(lambda _: None))
    result = decide(country, "--country", "XX", *DAY)
    assert result.exit_code == 2
    assert "holds no payload" in result.stderr


def test_rules_for_another_kind_of_pass_are_not_asked(country: Country) -> None:
    test = Test(
        kind=TestKind.NAAT,
        result=TestResult.NOT_DETECTED,
        sampled_at=datetime(2022, 11, 17, 9, tzinfo=UTC),
        centre="Example",
    )
    result = run(
        "decide",
        *("--text", early(test).text, "--country", "XX", *DAY),
        *("--rules", country.path("rules.json"), *country.trust),
    )
    assert result.stdout.startswith("NO RULES")


def test_the_public_rules_and_value_sets_answer_for_several_countries(
    country: Country, official: Path
) -> None:
    result = run(
        "decide",
        *("--text", country.text, "--rules", str(official / "business-rules"), *DAY),
        *("--value-sets", str(official / "valuesets"), "--json"),
        *("--country=FI", "--country=DE", "--country=AT", *country.trust),
    )
    found = json.loads(result.stdout)["decisions"]
    assert [one["outcome"] for one in found] == ["NO RULES", "PASS", "PASS"]
    assert found[0]["accepted_later"]["start"]["at"] == "2023-04-15T00:00:00+00:00"
    # The rule holds from the day of the dose on, and the pass counts from its issue on.
    assert found[2]["window"]["start"] == {"at": "2022-11-18T12:00:00+00:00", "included": True}
    assert DATES[1] == "2022-11-17"


def test_the_codes_in_the_facts_that_decided_are_named() -> None:
    from coronapas.cli._codes import with_names

    fact = "The vaccine (EU/1/20/1528) is not EU/1/20/1507, and 2021-06-01 is a date."
    assert with_names(fact) == (
        "The vaccine (Comirnaty, EU/1/20/1528) is not Spikevax, EU/1/20/1507, "
        "and 2021-06-01 is a date."
    )
    assert with_names("The disease (840539006) is another.") == (
        "The disease (COVID-19, 840539006) is another."
    )
