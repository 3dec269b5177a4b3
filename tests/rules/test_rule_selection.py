"""Which rules are asked: by time, version, kind of pass, region, and country."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rule_world import AT, rule, text

from coronapas.rules import KOTLIN, CertificateType, Policy, Rule, RuleSet, Scope, Version

SECOND = timedelta(seconds=1)
START, END = datetime(2022, 1, 1, tzinfo=UTC), datetime(2023, 1, 1, tzinfo=UTC)
VACCINATION = frozenset({CertificateType.VACCINATION})
HOURS = st.integers(0, 40).map(lambda hours: START + timedelta(hours=hours))


def selected(
    rules: list[Rule],
    at: datetime = AT,
    policy: Policy | None = None,
    kinds: frozenset[CertificateType] = VACCINATION,
    issuer: str | None = "DK",
    region: str | None = None,
    country: str = "DK",
) -> list[str]:
    scope = Scope(country, kinds, issuer, region)
    found = RuleSet(rules).candidates(scope, policy or Policy()).at(at)
    return [str(one) for one in found]


@pytest.mark.parametrize(
    ("at", "default", "end_included"),
    [
        (START - SECOND, False, False),
        (START, True, True),
        (END - SECOND, True, True),
        (END, False, True),
        (END + SECOND, False, False),
    ],
)
def test_a_rule_counts_from_its_start_to_just_before_its_end(
    at: datetime, default: bool, end_included: bool
) -> None:
    assert bool(selected([rule()], at)) is default
    assert bool(selected([rule()], at, Policy(end_included=True))) is end_included


def test_the_moment_may_be_in_any_zone() -> None:
    ahead = START.astimezone(ZoneInfo("Europe/Copenhagen"))
    assert selected([rule()], ahead)
    assert not selected([rule()], ahead - SECOND)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 12), HOURS, HOURS), max_size=6), HOURS)
def test_the_highest_version_among_those_valid_then_is_taken(
    versions: list[tuple[int, int, datetime, datetime]], at: datetime
) -> None:
    rules = [
        rule(Version=f"{major}.{minor}.0", ValidFrom=text(begin), ValidTo=text(end))
        for major, minor, begin, end in versions
    ]
    valid = [one.version for one in rules if one.valid_from <= at < one.valid_to]
    expected = [f"VR-DK-0001 {max(valid)}"] if valid else []
    assert selected(rules, at) == expected
    assert selected(rules[::-1], at) == expected


@given(st.lists(st.tuples(HOURS, HOURS), max_size=5), HOURS)
def test_between_two_neighbouring_bounds_the_selection_stays(
    spans: list[tuple[datetime, datetime]], at: datetime
) -> None:
    rules = [
        rule(Version=f"{number}.0.0", ValidFrom=text(begin), ValidTo=text(end))
        for number, (begin, end) in enumerate(spans)
    ]
    candidates = RuleSet(rules).candidates(Scope("DK", VACCINATION, "DK"))
    before = [bound for bound in candidates.bounds if bound <= at]
    if before:
        assert candidates.at(at) == candidates.at(before[-1])
    else:
        assert candidates.at(at) == ()


def test_a_version_to_come_does_not_silence_the_one_in_force() -> None:
    later = rule(Version="2.0.0", ValidFrom="2022-06-01T00:00:00Z")
    assert selected([rule(), later]) == ["VR-DK-0001 1.0.0"]


def test_of_equal_versions_the_one_that_begins_later_counts_then_the_last() -> None:
    one = rule(ValidFrom="2022-02-01T00:00:00Z")
    other = rule({"===": [2, 2]}, ValidFrom="2022-02-01T00:00:00Z")
    scope = Scope("DK", VACCINATION, "DK")
    assert RuleSet([one, rule()]).candidates(scope).at(AT) == (one,)
    assert RuleSet([rule(), one]).candidates(scope).at(AT) == (one,)
    assert RuleSet([one, other]).candidates(scope).at(AT) == (other,)


def test_only_general_rules_and_those_for_the_kind_of_pass_are_asked() -> None:
    kinds = [str(kind) for kind in CertificateType]
    rules = [rule(Identifier=f"VR-DK-{kind}", CertificateType=kind) for kind in kinds]
    assert selected(rules) == ["VR-DK-General 1.0.0", "VR-DK-Vaccination 1.0.0"]
    assert len(selected(rules, policy=Policy(by_certificate_type=False))) == 4
    assert selected(rules, kinds=frozenset()) == ["VR-DK-General 1.0.0"]
    both = frozenset({CertificateType.TEST, CertificateType.RECOVERY})
    assert len(selected(rules, kinds=both)) == 3


@pytest.mark.parametrize(
    ("region", "default", "own_only"),
    [
        (None, ["whole"], ["whole"]),
        ("", ["whole"], ["whole"]),
        ("BY", ["whole", "by"], ["by"]),
        (" by ", ["whole", "by"], ["by"]),
        ("SN", ["whole"], []),
    ],
)
def test_in_a_region_its_own_rules_and_the_countrys_are_asked(
    region: str | None, default: list[str], own_only: list[str]
) -> None:
    rules = [rule(Identifier="whole"), rule(Identifier="by", Region="BY")]
    assert selected(rules, region=region) == [f"{name} 1.0.0" for name in default]
    assert selected(rules, region=region, policy=KOTLIN) == [f"{name} 1.0.0" for name in own_only]


def test_acceptance_is_the_country_of_arrivals_and_invalidation_that_of_issue() -> None:
    rules = [
        rule(Identifier=f"{kind}-{country}", Type=kind, Country=country)
        for kind in ("Acceptance", "Invalidation")
        for country in ("DK", "SE", "FI")
    ]
    found = selected(rules, country=" dk ", issuer="se")
    assert found == ["Acceptance-DK 1.0.0", "Invalidation-SE 1.0.0"]
    unknown = selected(rules, issuer=None)
    assert unknown == [
        "Acceptance-DK 1.0.0",
        *(f"Invalidation-{c} 1.0.0" for c in ("DK", "SE", "FI")),
    ]


def test_an_invalidation_rule_does_not_silence_an_acceptance_rule_of_its_identifier() -> None:
    assert len(selected([rule(Type="Acceptance"), rule(Type="Invalidation", Version="2.0.0")])) == 2


@pytest.mark.parametrize("country", ["", "  "])
def test_without_a_country_nothing_can_be_asked(country: str) -> None:
    with pytest.raises(ValueError, match="country must not be empty"):
        Scope(country, VACCINATION)


def test_versions_written_otherwise_are_compared_as_versions() -> None:
    rules = [rule(Version="1.9.0"), rule(Version="1.10.0")]
    assert selected(rules) == ["VR-DK-0001 1.10.0"]
    assert rules[1].version > Version.parse("1.9.9")


def test_a_scope_takes_no_rule_of_another_country() -> None:
    assert Scope("DK", VACCINATION).takes(rule())
    assert not Scope("SE", VACCINATION).takes(rule())
