"""No rule makes a verified pass good outside of its own validity, whenever it is asked."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import backend
from coronapas.rules import RuleSet, Timeline
from coronapas.rules._subject import LAPSES, Lifetime, Subject
from coronapas.verify import Verification, Verifier
from coronapas.verify._profiles import PROFILES
from coronapas.wallets._result import MDOC, SD_JWT

ISSUED, EXPIRES = backend.NOW, backend.LATER
TICK = timedelta(microseconds=1)
SECOND = timedelta(seconds=1)


@cache
def rules() -> RuleSet:
    """A rule that every pass follows, so that only the pass's own validity can refuse it."""
    return RuleSet.load(
        {
            "Identifier": "GR-XX-0001",
            "Type": "Acceptance",
            "Country": "XX",
            "Version": "1.0.0",
            "SchemaVersion": "1.0.0",
            "Engine": "CERTLOGIC",
            "EngineVersion": "0.7.5",
            "CertificateType": "General",
            "Description": [{"lang": "en", "desc": "There is a pass."}],
            "ValidFrom": "2020-01-01T00:00:00Z",
            "ValidTo": "2030-01-01T00:00:00Z",
            "AffectedFields": [],
            "Logic": {"===": [{"var": "external.countryCode"}, "XX"]},
        }
    )


@cache
def verified(at: datetime = ISSUED + timedelta(days=3), **changes: int) -> Verification:
    found = Verifier(backend.trust()).verify(backend.forge(backend.claims(**changes)), at)
    assert found.ok, found.failures
    return found


def decide(judged: Any, at: datetime) -> Any:
    return rules().decide(judged, country="XX", at=at)


def codes(verdict: Any) -> list[str]:
    return [check.code for check in verdict.refusals]


@pytest.mark.parametrize(
    ("at", "outcome", "code"),
    [
        (ISSUED - TICK, "REFUSED", "time.not-begun"),
        (ISSUED, "PASS", None),
        (EXPIRES, "PASS", None),
        (EXPIRES + TICK, "REFUSED", "time.over"),
        (datetime.min.replace(tzinfo=UTC), "REFUSED", "time.not-begun"),
        (datetime.max.replace(tzinfo=UTC), "REFUSED", "time.over"),
    ],
)
def test_a_pass_counts_from_its_issue_to_its_end_both_included(
    at: datetime, outcome: str, code: str | None
) -> None:
    verdict = decide(verified(), at)
    assert verdict.outcome == outcome
    assert codes(verdict) == ([] if code is None else [code])
    assert bool(verdict) is (outcome == "PASS")
    assert verdict.results == () or outcome == "PASS"


moments = st.one_of(
    st.datetimes(
        ISSUED.replace(tzinfo=None) - timedelta(days=400),
        EXPIRES.replace(tzinfo=None) + timedelta(days=400),
        timezones=st.just(UTC),
    ),
    st.builds(
        lambda end, micros: end + timedelta(microseconds=micros),
        st.sampled_from([ISSUED, EXPIRES]),
        st.integers(-2_000_000, 2_000_000),
    ),
)


@given(moments)
def test_at_every_moment_the_verdict_asks_what_a_verifier_asks(at: datetime) -> None:
    """Verified once and asked of a moment, or verified at that moment: the same."""
    once = decide(verified(), at)
    text = backend.forge(backend.claims())
    then = Verifier(backend.trust(), clock_skew=timedelta(0)).verify(text, at)
    assert bool(once) is then.check("time").outcome.value.startswith("PASS")
    assert once.outcome == ("PASS" if once else "REFUSED")
    assert (once.outcome == "REFUSED") is bool(set(codes(once)) & set(LAPSES))


@cache
def whole() -> Timeline:
    return rules().timeline(verified(), country="XX")


@given(moments)
def test_the_timeline_says_what_a_verdict_says_at_every_moment(at: datetime) -> None:
    window = whole().window_at(at)
    assert window is not None
    verdict = decide(verified(), at)
    assert window.outcome == verdict.outcome
    assert [check.code for check in window.refusals] == codes(verdict)


def test_a_timeline_says_why_its_windows_begin_and_end() -> None:
    found = whole()
    assert found.complete
    assert [str(each.outcome) for each in found.windows] == ["REFUSED", "PASS", "REFUSED"]
    early, good, late = found.windows
    assert (good.first, good.last) == (ISSUED, EXPIRES)
    assert found.accepted == (good,)
    assert good.begins_because == good.ends_because == late.begins_because == ()
    assert good.sentence == (
        "Accepted in XX from 2021-09-01 12:00:00 UTC (included), when the pass's own validity "
        "begins, until 2022-02-28 12:00:00 UTC (included), when the pass's own validity ends."
    )
    assert late.sentence.endswith(
        "from 2022-02-28 12:00:00 UTC (not included), when the pass's own validity ends."
    )
    assert early.to_json()["refusals"] == ["time.not-begun"]
    assert late.to_json()["refusals"] == ["time.over"]
    assert json.dumps(found.to_json())


def test_part_of_a_timeline_and_a_moment_beyond_the_end() -> None:
    def outcomes(**bounds: Any) -> list[str]:
        found = rules().timeline(verified(), country="XX", **bounds)
        assert found.complete
        return [str(each.outcome) for each in found.windows]

    later = EXPIRES + timedelta(days=1)
    assert outcomes(first=ISSUED, last=EXPIRES) == ["PASS"]
    assert outcomes(first=ISSUED, last=later) == ["PASS", "REFUSED"]
    assert outcomes(first=later, last=later + SECOND) == ["REFUSED"]
    assert outcomes(last=ISSUED - TICK) == ["REFUSED"]
    beyond = rules().timeline(verified(), country="XX", at=later).window_at(later)
    assert beyond is not None
    assert beyond.outcome == "REFUSED"


def test_a_clock_that_the_verifier_granted_is_granted_here() -> None:
    early = ISSUED - timedelta(minutes=4)
    found = verified(early)
    assert decide(found, early).outcome == "PASS"
    assert decide(found, early - TICK).outcome == "REFUSED"


def test_what_nobody_verified_is_judged_by_the_rules_alone() -> None:
    found = verified()
    assert found.envelope is not None
    for judged in (found.envelope, found.payload):
        assert decide(judged, EXPIRES + timedelta(days=1)).outcome == "PASS"
    assert rules().timeline(found.envelope, country="XX").window_at(EXPIRES + SECOND) is not None


def test_passes_of_a_wallet_count_together_while_all_of_them_are_valid() -> None:
    day = timedelta(days=1)
    first = verified()
    # The second pass begins two days before the first one ends.
    start, end = EXPIRES - 2 * day, EXPIRES + 100 * day
    second = verified(start, iat=int(start.timestamp()), exp=int(end.timestamp()))
    both = (first, second)
    at = EXPIRES - day
    found = rules().decide_wallet(both, country="XX", at=at)
    assert (found.together.outcome, [each.outcome for each in found.each]) == ("PASS", ["PASS"] * 2)
    late = rules().decide_wallet(both, country="XX", at=EXPIRES + day)
    assert codes(late.together) == ["time.over"]
    assert [str(each.outcome) for each in late.each] == ["REFUSED", "PASS"]
    assert late.best == 1
    timeline = rules().wallet_timeline(both, country="XX")
    assert [(str(each.outcome), each.first) for each in timeline.windows[1:]] == [
        ("PASS", start),
        ("REFUSED", EXPIRES + TICK),
    ]


def test_passes_that_are_never_valid_together_are_refused_at_every_moment() -> None:
    day = timedelta(days=1)
    start, end = EXPIRES + day, EXPIRES + 2 * day
    both = (verified(), verified(start, iat=int(start.timestamp()), exp=int(end.timestamp())))
    timeline = rules().wallet_timeline(both, country="XX")
    assert [str(each.outcome) for each in timeline.windows] == ["REFUSED"]
    assert timeline.complete
    between = rules().decide_wallet(both, country="XX", at=EXPIRES + day / 2)
    assert codes(between.together) == ["time.not-begun", "time.over"]
    for each in timeline.phases:
        for at in (each.first, each.last):
            asked = rules().decide_wallet(both, country="XX", at=at).together
            assert codes(asked) == codes(each.verdict)


def test_the_sentence_says_that_the_pass_was_good_and_is_not_then() -> None:
    verdict = decide(verified(), EXPIRES + timedelta(days=1))
    assert verdict.sentence == (
        "Refused in XX on 2022-03-01 at 12:00:00 UTC: the pass itself is not valid then."
    )
    assert LAPSES["time.over"] in verdict.text()
    assert verdict.to_json()["refusals"] == [
        {"check": "time", "code": "time.over", "sentence": LAPSES["time.over"]}
    ]


def test_which_ends_count_is_that_of_the_profiles() -> None:
    from coronapas.rules._subject import _EXCLUSIVE_ENDS

    judged = {"eu"} | {MDOC.name, SD_JWT.name}
    known = {row.name: row for row in (*PROFILES, MDOC, SD_JWT)}
    assert {name for name in judged if not known[name].end_inclusive} == _EXCLUSIVE_ENDS


@pytest.mark.parametrize(
    ("begin", "end", "expected"),
    [
        (None, None, Lifetime()),
        (0.5, 1.5, Lifetime(500_000, 1_500_000)),
        (1e-7, 1e-7, Lifetime(1, 0)),
        (float("-inf"), float("inf"), Lifetime()),
        (10**300, 10**300, Lifetime(int(verified().at.timestamp()) * 10**6, 10**306)),
    ],
)
def test_ends_are_exact(begin: float | None, end: float | None, expected: Lifetime) -> None:
    assert Lifetime.of(verified(), begin, end) == expected


def test_a_subject_of_a_verification_has_its_lifetime() -> None:
    found = Subject.of(verified()).lifetime
    assert found == Lifetime(int(ISSUED.timestamp()) * 10**6, int(EXPIRES.timestamp()) * 10**6)
    assert Subject.of(backend.DCC).lifetime is None
