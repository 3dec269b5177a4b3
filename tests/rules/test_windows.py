"""Until when a verdict holds: windows, their bounds, their reasons, their words."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import available_timezones

import pytest

from coronapas.dcc import COUNTRY, ValueSets
from coronapas.rules import KOTLIN, Case, Outcome, Policy, RuleSet, eu_travel
from coronapas.rules._loading import DEFAULT
from coronapas.rules._search import EARLIEST, LATEST, timeline
from coronapas.rules._timeline import (
    ZONES,
    Bound,
    Timeline,
    Window,
    moment,
)

CLOCK: Any = {"plusTime": [{"var": "external.validationClock"}, 0, "day"]}
DOSE = "2022-01-15"
TICK = timedelta(microseconds=1)
FIRST_DAY = datetime(2021, 7, 1, tzinfo=UTC)
LAST_DAY = datetime(2024, 1, 1, tzinfo=UTC)
DAY_14 = datetime(2022, 1, 29, tzinfo=UTC)
DAY_270 = datetime(2022, 10, 12, tzinfo=UTC)


def dose(amount: int) -> Any:
    return {"plusTime": [{"var": "payload.v.0.dt"}, amount, "day"]}


def rule(number: int, logic: Any, words: str = "", **changes: Any) -> dict[str, Any]:
    return {
        "Identifier": f"VR-DK-000{number}",
        "Type": "Acceptance",
        "Country": "DK",
        "Version": "1.0.0",
        "SchemaVersion": "1.0.0",
        "Engine": "CERTLOGIC",
        "EngineVersion": "1.3.3",
        "CertificateType": "Vaccination",
        "Description": [{"lang": "en", "desc": words}, {"lang": "da", "desc": f"{words} (da)"}],
        "ValidFrom": "2021-07-01T00:00:00Z",
        "ValidTo": "2024-01-01T00:00:00Z",
        "AffectedFields": ["v.0.dt"],
        "Logic": logic,
    } | changes


FROM_14 = rule(1, {"not-before": [CLOCK, dose(14)]}, "14 days have to pass")
TO_270 = rule(2, {"not-after": [CLOCK, dose(270)]}, "a dose counts for 270 days")


def case(*rules: dict[str, Any], policy: Policy = DEFAULT, **context: Any) -> Case:
    payload = {"ver": "1.3.0", "v": [{"dt": DOSE, "dn": 2, "sd": 2}]}
    return RuleSet.load(list(rules)).case(payload, country="DK", policy=policy, **context)


def outcomes(found: Timeline) -> list[Outcome]:
    return [one.outcome for one in found.windows]


def at(found: Timeline, moment: datetime) -> Window:
    window = found.window_at(moment)
    assert window is not None
    return window


def test_a_pass_is_accepted_from_one_bound_to_the_other_each_as_the_rules_include_it() -> None:
    found = timeline(case(FROM_14, TO_270))
    assert outcomes(found) == ["NO RULES", "FAIL", "PASS", "FAIL", "NO RULES"]
    (window,) = found.accepted
    assert window.start == Bound(DAY_14, included=True)
    assert window.end == Bound(DAY_270, included=True)
    assert (window.first, window.last) == (DAY_14, DAY_270 + 999 * TICK)
    assert DAY_14 in window
    assert DAY_14 - TICK not in window
    assert DAY_270 + 999 * TICK in window
    assert DAY_270 + 1000 * TICK not in window


def test_bounds_that_the_rules_exclude_are_told_as_excluded() -> None:
    after = rule(1, {"after": [CLOCK, dose(14)]})
    before = rule(2, {"before": [CLOCK, dose(270)]})
    (window,) = timeline(case(after, before)).accepted
    assert window.start == Bound(DAY_14, included=False)
    assert window.end == Bound(DAY_270, included=False)
    assert window.first == DAY_14 + 1000 * TICK
    assert window.last == DAY_270 - TICK


def test_a_bound_within_a_second_is_told_as_it_is() -> None:
    moved = {"plusTime": ["2022-03-01T10:00:00.250Z", 0, "day"]}
    found = timeline(case(rule(1, {"before": [CLOCK, moved]})))
    (window,) = found.accepted
    bound = datetime(2022, 3, 1, 10, 0, 0, 250_000, tzinfo=UTC)
    assert window.end == Bound(bound, included=False)
    assert (
        "2022-03-01 10:00:00.250000 UTC, 2022-03-01 11:00:00.250000 +01:00 in DK (not included)"
        in window.sentence
    )


def test_the_reasons_are_the_rules_that_make_the_change() -> None:
    (window,) = timeline(case(FROM_14, TO_270)).accepted
    (begins,) = window.begins_because
    (ends,) = window.ends_because
    assert begins.rule.identifier == "VR-DK-0001"
    assert begins.before is not None
    assert begins.after is not None
    assert (begins.before.outcome, begins.after.outcome) == (Outcome.FAIL, Outcome.PASS)
    assert ends.rule.identifier == "VR-DK-0002"
    assert ends.description == "a dose counts for 270 days"
    assert ends.sentence == "VR-DK-0002 1.0.0 ceases to hold (a dose counts for 270 days)"


def test_the_sentence_says_from_when_until_when_and_why() -> None:
    (window,) = timeline(case(FROM_14, TO_270)).accepted
    assert window.sentence == (
        "Accepted in DK from 2022-01-29 00:00:00 UTC,"
        " 2022-01-29 01:00:00 +01:00 in DK (included), when VR-DK-0001 1.0.0 begins to"
        " hold (14 days have to pass), until 2022-10-12 00:00:00 UTC,"
        " 2022-10-12 02:00:00 +02:00 in DK (included), when VR-DK-0002"
        " 1.0.0 ceases to hold (a dose counts for 270 days)."
    )


def test_the_reasons_come_in_the_language_wanted() -> None:
    (window,) = timeline(case(FROM_14, TO_270, language="da")).accepted
    assert "a dose counts for 270 days (da)" in window.sentence


def test_a_window_in_which_one_failing_rule_follows_another_is_one_window() -> None:
    too_old = rule(3, {"before": [CLOCK, dose(10)]}, "no older than ten days")
    found = timeline(case(FROM_14, too_old))
    assert outcomes(found) == ["NO RULES", "FAIL", "NO RULES"]
    window = found.windows[1]
    assert [len(one.verdict.failures) for one in window.phases] == [1, 2, 1]
    assert [one.rule.identifier for one in window.deciding] == ["VR-DK-0001", "VR-DK-0003"]
    assert window.sentence == (
        "Not accepted in DK from 2021-07-01 00:00:00 UTC,"
        " 2021-07-01 02:00:00 +02:00 in DK (included), when VR-DK-0001 1.0.0 comes"
        " into force and does not hold (14 days have to pass), until 2024-01-01 00:00:00 UTC,"
        " 2024-01-01 01:00:00 +01:00 in DK (not"
        " included), when VR-DK-0001 1.0.0 is no longer in force (14 days have to pass) and"
        " VR-DK-0003 1.0.0 is no longer in force (no older than ten days)."
    )


def test_a_failing_rule_that_makes_neither_bound_is_named_too() -> None:
    found = timeline(case(rule(1, False, "never")), first=FIRST_DAY, last=FIRST_DAY)
    assert [one.sentence for one in found.windows] == [
        "Not accepted in DK at every moment asked about, because of VR-DK-0001 1.0.0 (never)."
    ]


def test_rules_that_come_and_go_together_are_counted_when_they_are_many() -> None:
    found = timeline(case(*(rule(number, True) for number in range(5))))
    assert [one.sentence for one in found.windows] == [
        "No acceptance rule for such a pass in DK until 2021-07-01 00:00:00 UTC,"
        " 2021-07-01 02:00:00 +02:00 in DK (not included),"
        " when 5 rules come into force.",
        "Accepted in DK from 2021-07-01 00:00:00 UTC,"
        " 2021-07-01 02:00:00 +02:00 in DK (included), when 5 rules come into force,"
        " until 2024-01-01 00:00:00 UTC,"
        " 2024-01-01 01:00:00 +01:00 in DK (not included), when 5 rules are no longer in force.",
        "No acceptance rule for such a pass in DK from 2024-01-01 00:00:00 UTC,"
        " 2024-01-01 01:00:00 +01:00 in DK (included), when 5"
        " rules are no longer in force.",
    ]


def test_many_rules_that_change_at_once_are_not_all_named() -> None:
    rules = [rule(n, {"not-after": [CLOCK, dose(9)]}, "nine days") for n in range(5)]
    (window,) = timeline(case(*rules)).accepted
    assert len(window.ends_because) == 5
    assert window.sentence.endswith("(nine days) and 2 more change.")


def test_a_later_version_of_a_rule_ends_what_an_earlier_one_said() -> None:
    later = rule(
        2,
        {"not-after": [CLOCK, dose(90)]},
        "now 90 days",
        Version="1.1.0",
        ValidFrom="2022-06-01T12:00:00+02:00",
    )
    (window,) = timeline(case(FROM_14, TO_270, later)).accepted
    assert window.end == Bound(datetime(2022, 6, 1, 10, tzinfo=UTC), included=False)
    assert window.sentence.endswith(
        "when VR-DK-0002 1.1.0 follows version 1.0.0 and does not hold (now 90 days)."
    )
    (change,) = window.ends_because
    assert change.to_json() == {
        "rule": "VR-DK-0002",
        "description": "now 90 days",
        "before": {"version": "1.0.0", "outcome": "PASS", "code": "rule.holds"},
        "after": {"version": "1.1.0", "outcome": "FAIL", "code": "rule.broken"},
    }


def test_a_later_version_that_says_the_same_is_a_phase_and_no_window() -> None:
    later = rule(1, True, Version="1.0.1", ValidFrom="2022-06-01T00:00:00Z")
    found = timeline(case(rule(1, True), later))
    assert outcomes(found) == ["NO RULES", "PASS", "NO RULES"]
    assert len(found.windows[1].phases) == 2


def test_a_rules_last_moment_counts_where_the_policy_says_so() -> None:
    (window,) = timeline(case(rule(1, True), policy=KOTLIN)).accepted
    assert (window.last, window.end) == (LAST_DAY, Bound(LAST_DAY, included=True))
    following = timeline(case(rule(1, True), policy=KOTLIN)).windows[-1]
    assert (following.first, following.start) == (LAST_DAY + TICK, Bound(LAST_DAY, included=False))


def test_a_rule_that_refuses_is_open_and_says_so() -> None:
    found = timeline(case(rule(1, {"before": [CLOCK, {"var": "payload.v.0.dt"}]}, "odd")))
    assert outcomes(found) == ["NO RULES", "OPEN", "NO RULES"]
    assert found.windows[1].sentence.startswith(
        "Not decided for DK from 2021-07-01 00:00:00 UTC,"
        " 2021-07-01 02:00:00 +02:00 in DK (included), when VR-DK-0001 1.0.0 comes"
        " into force and gives no answer (odd), until"
    )


def test_a_rule_that_turns_from_an_answer_to_none_and_back() -> None:
    logic = {
        "if": [
            {"before": [CLOCK, dose(14)]},
            True,
            {"if": [{"before": [CLOCK, dose(20)]}, 1, True]},
        ]
    }
    found = timeline(case(rule(1, logic, "odd")))
    assert outcomes(found) == ["NO RULES", "PASS", "OPEN", "PASS", "NO RULES"]
    assert "when VR-DK-0001 1.0.0 gives no answer (odd)" in found.windows[1].sentence
    assert "when VR-DK-0001 1.0.0 begins to hold (odd)" in found.windows[3].sentence


def test_a_rule_for_another_engine_is_open_for_its_whole_time() -> None:
    found = timeline(case(rule(1, {"new": [CLOCK]}, Engine="OTHER")))
    assert outcomes(found) == ["NO RULES", "OPEN", "NO RULES"]


def test_an_invalidation_rule_tells_that_it_strikes_and_that_it_ceases_to() -> None:
    strikes = rule(
        1,
        {"not-after": [dose(30), CLOCK, dose(60)]},
        "a bad lot",
        Identifier="IR-XX-0001",
        Type="Invalidation",
        Country="XX",
        CertificateType="General",
    )
    found = timeline(case(rule(2, True), strikes, issuer_country="XX"))
    assert outcomes(found) == ["NO RULES", "PASS", "FAIL", "PASS", "NO RULES"]
    assert (
        "when IR-XX-0001 1.0.0 declares the pass invalid (a bad lot)" in found.windows[1].sentence
    )
    assert (
        "when IR-XX-0001 1.0.0 no longer declares the pass invalid (a bad lot)"
        in found.windows[2].sentence
    )
    assert "does not declare the pass invalid" in found.windows[0].sentence


def test_a_rule_whose_time_is_over_before_what_was_asked_changes_nothing() -> None:
    over = rule(1, {"before": [CLOCK, dose(14)]}, ValidTo="2022-01-20T00:00:00Z")
    found = timeline(case(over, TO_270), first=DAY_14)
    assert outcomes(found) == ["PASS", "FAIL", "NO RULES"]


def test_without_any_rule_there_is_one_window_without_bounds() -> None:
    found = timeline(case())
    (window,) = found.windows
    assert (found.first, found.last, found.complete) == (EARLIEST, LATEST, True)
    assert (window.start, window.end, window.outcome) == (None, None, Outcome.NO_RULES)
    assert (window.begins_because, window.ends_because) == ((), ())
    assert window.sentence == (
        "No acceptance rule for such a pass in DK at every moment asked about."
    )


def test_what_was_asked_bounds_what_is_found_and_no_change_is_claimed_there() -> None:
    first, last = datetime(2022, 2, 1, tzinfo=UTC), datetime(2022, 11, 1, tzinfo=UTC)
    found = timeline(case(FROM_14, TO_270), first=first, last=last)
    assert outcomes(found) == ["PASS", "FAIL"]
    assert (found.first, found.last, found.complete) == (first, last, True)
    assert found.windows[0].start is None
    assert found.windows[-1].end is None
    single = timeline(case(FROM_14, TO_270), first=first, last=first)
    assert (single.first, single.last) == (first, first)


@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=5, minutes=30))])
def test_a_moment_in_any_zone_finds_its_window(zone: timezone) -> None:
    found = timeline(case(FROM_14, TO_270))
    assert at(found, DAY_14.astimezone(zone)).outcome is Outcome.PASS
    assert at(found, (DAY_14 - TICK).astimezone(zone)).outcome is Outcome.FAIL


def test_a_moment_outside_of_the_timeline_has_no_window() -> None:
    found = timeline(case(FROM_14), first=DAY_14, last=DAY_270)
    assert found.window_at(DAY_14 - TICK) is None
    assert found.window_at(DAY_270 + TICK) is None
    assert found.window_at(DAY_270) is not None


def test_a_moment_without_a_zone_is_refused() -> None:
    found = timeline(case(FROM_14))
    naive = datetime(2022, 1, 1)
    with pytest.raises(ValueError, match="time zone"):
        found.window_at(naive)
    for name in ("first", "last", "around"):
        given: dict[str, Any] = {name: naive}
        with pytest.raises(ValueError, match="time zone"):
            timeline(case(FROM_14), **given)


def test_an_end_before_its_beginning_is_refused() -> None:
    with pytest.raises(ValueError, match="before"):
        timeline(case(FROM_14), first=DAY_270, last=DAY_14)


EVERY_MINUTE = rule(
    3,
    {
        "in": [
            {"extractFromUVCI": [{"var": "external.validationClock"}, 1]},
            ["00", "15", "16", "30", "45"],
        ]
    },
    "only at the quarters",
)


def test_a_rule_that_changes_all_the_time_is_told_as_far_as_the_effort_goes() -> None:
    around = datetime(2022, 3, 1, 12, 7, tzinfo=UTC)
    asked = case(EVERY_MINUTE)
    found = timeline(asked, around=around, effort=4000)
    assert not found.complete
    assert found.first < around < found.last
    assert found.first > EARLIEST
    assert found.last < LATEST
    minute = timedelta(minutes=1)
    assert timedelta(hours=1) < found.last - found.first < timedelta(hours=20)
    for number in range(-30, 30):
        moment = around + number * minute
        assert at(found, moment).outcome is asked.at(moment).outcome
    quarter = at(found, datetime(2022, 3, 1, 12, 16, tzinfo=UTC))
    assert (quarter.last + TICK) - quarter.first == 2 * minute
    assert found.text().splitlines()[-1].startswith("Not known before 2022-03-01 ")


def test_without_a_moment_of_interest_the_search_begins_at_the_first() -> None:
    found = timeline(case(EVERY_MINUTE), effort=500)
    assert found.first == EARLIEST
    assert FIRST_DAY < found.last < FIRST_DAY + timedelta(days=1)
    backwards = timeline(case(EVERY_MINUTE), around=LATEST, effort=500)
    assert backwards.last == LATEST
    assert LAST_DAY - timedelta(days=1) < backwards.first < LAST_DAY


def test_many_changes_before_many_rules_are_asked_about_no_further_than_the_effort_goes() -> None:
    even = [f"{minute:02}" for minute in range(0, 60, 2)]
    minute = {"extractFromUVCI": [{"var": "external.validationClock"}, 1]}
    every_minute = rule(3, {"in": [minute, even]})
    last = {"reduce": [{"var": "external.valueSets.x"}, {"var": "current"}, "x"]}
    heavy = rule(4, {"===": [last, "x"]})
    sets = {"x": ["x"] * 5000}
    around = datetime(2022, 3, 1, 12, 7, 30, tzinfo=UTC)
    wide = timeline(case(every_minute), around=around, effort=10_000)
    narrow = timeline(case(every_minute, heavy, value_sets=sets), around=around, effort=10_000)
    assert narrow.last - narrow.first < wide.last - wide.first
    assert narrow.first <= around <= narrow.last
    assert not narrow.complete
    assert 2 < len(narrow.phases) < 20


def test_the_bounds_of_the_pass_itself_are_kept_beside_what_the_rules_say() -> None:
    expires = datetime(2022, 6, 1, tzinfo=UTC)
    found = timeline(case(TO_270, exp=expires, iat=datetime(2022, 1, 16, tzinfo=UTC)))
    assert (found.issued_at, found.expires) == (datetime(2022, 1, 16, tzinfo=UTC), expires)
    assert found.text().splitlines()[-1] == (
        "The pass itself is valid until 2022-06-01 00:00:00 UTC,"
        " 2022-06-01 02:00:00 +02:00 in DK (included)."
    )
    assert timeline(case(TO_270)).expires is None


def test_a_timeline_is_json_for_machines() -> None:
    found = timeline(case(FROM_14, TO_270), first=FIRST_DAY)
    document = json.loads(json.dumps(found.to_json()))
    assert document["country"] == "DK"
    assert document["complete"] is True
    assert document["first"] == "2021-07-01T00:00:00+00:00"
    assert [one["outcome"] for one in document["windows"]] == ["FAIL", "PASS", "FAIL", "NO RULES"]
    window = document["windows"][1]
    assert window["start"] == {"at": "2022-01-29T00:00:00+00:00", "included": True}
    assert window["end"] == {"at": "2022-10-12T00:00:00+00:00", "included": True}
    assert [one["rule"] for one in window["ends_because"]] == ["VR-DK-0002"]
    assert document["windows"][0]["start"] is None
    assert document["windows"][0]["deciding"][0]["identifier"] == "VR-DK-0001"
    assert document["windows"][-1]["begins_because"][0]["after"] is None


def test_the_text_has_a_line_for_each_window() -> None:
    found = timeline(case(FROM_14, TO_270))
    assert found.text().splitlines() == [one.sentence for one in found.windows]


def test_no_repr_tells_the_holders_dates() -> None:
    found = timeline(case(FROM_14, TO_270))
    window = found.windows[2]
    shown = " ".join(map(repr, (found, window, window.phases, window.ends_because)))
    assert "2022" not in shown
    assert repr(found) == "<Timeline DK: NO RULES FAIL PASS FAIL NO RULES>"
    assert repr(window) == "<Window DK PASS>"


def test_what_was_found_does_not_change() -> None:
    found = timeline(case(FROM_14))
    with pytest.raises(FrozenInstanceError):
        found.complete = False  # type: ignore[misc]


def test_a_rule_set_gives_the_timeline_itself() -> None:
    rules: RuleSet = eu_travel()
    moment = datetime(2022, 3, 1, tzinfo=UTC)
    payload = {
        "ver": "1.3.2",
        "nam": {"fnt": "PROEVE"},
        "dob": "1990-01-01",
        "v": [
            {
                "tg": "840539006",
                "vp": "1119349007",
                "mp": "EU/1/20/1528",
                "ma": "ORG-100030215",
                "dn": 2,
                "sd": 2,
                "dt": "2021-12-01",
                "co": "DK",
                "is": "DK",
                "ci": "URN:UVCI:01:DK:A",
            }
        ],
    }
    found = rules.timeline(payload, country="EU", at=moment)
    alone = timeline(rules.case(payload, country="EU"), around=moment)
    assert [one.to_json() for one in found.windows] == [one.to_json() for one in alone.windows]
    window = found.window_at(moment)
    assert window is not None
    assert window.outcome == rules.decide(payload, country="EU", at=moment).outcome


def test_a_bound_is_shown_in_local_time_where_a_country_has_one_zone() -> None:
    winter, summer = datetime(2022, 1, 1, tzinfo=UTC), datetime(2022, 7, 1, tzinfo=UTC)
    assert moment(winter, "DK") == "2022-01-01 00:00:00 UTC, 2022-01-01 01:00:00 +01:00 in DK"
    assert moment(summer, "DK") == "2022-07-01 00:00:00 UTC, 2022-07-01 02:00:00 +02:00 in DK"
    assert moment(winter, "CO") == "2022-01-01 00:00:00 UTC, 2021-12-31 19:00:00 -05:00 in CO"
    # Several zones, or none known: UTC alone.
    for country in ("PT", "ES", "US", "CY", "EU", "XX", None):
        assert moment(summer, country) == "2022-07-01 00:00:00 UTC"
    first = datetime.min.replace(tzinfo=UTC)
    assert moment(first, "CO") == "0001-01-01 00:00:00 UTC"


@pytest.mark.parametrize("country", sorted(ZONES))
def test_every_zone_is_a_countrys_and_in_the_database(country: str) -> None:
    assert ValueSets.default().code(COUNTRY, country) is not None
    assert ZONES[country] in available_timezones()
    shown = moment(datetime(2022, 7, 1, 12, tzinfo=UTC), country)
    assert shown.endswith(f" in {country}")
