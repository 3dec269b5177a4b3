"""Profiles: the signed content alone says what a text is, and a new payload is one row."""

from __future__ import annotations

import sys
import types
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import backend
from coronapas.hcert import Envelope
from coronapas.tolerances import FIELD, TOLERANCES
from coronapas.verify import PROFILES, Examined, Occasion, Outcome, Profile, Verifier
from danish_world import AT, ENTRY, claims, dk3, forge, person

CONTENTS: dict[str, dict[Any, Any]] = {
    "eu": {**claims(), -260: {1: {**backend.DCC}}},
    "dk1": claims(),
    "dk2": claims(person()),
    "dk3": dk3(ENTRY),
}
CONTENTS["eu"].pop(7)
PREFIXES = {row.name: row.prefix for row in PROFILES}
PAIRS = list(permutations(CONTENTS, 2))


def verify(text: str, *accept: str, **settings: Any) -> Any:
    verifier = Verifier(backend.trust(), accept=accept or ("eu", "dk"), **settings)
    return verifier.verify(text, AT)


def text_of(content: dict[Any, Any], name: str) -> str:
    return forge(PREFIXES[name].rstrip(":"), content)


@pytest.mark.parametrize("name", CONTENTS)
def test_content_under_its_own_prefix_is_accepted_and_named(name: str) -> None:
    result = verify(text_of(CONTENTS[name], name))
    assert result.ok, result.failures
    assert result.profile == name


@pytest.mark.parametrize(("content", "prefix"), PAIRS)
@pytest.mark.parametrize("extra", [{}, {7: b"an identifier"}, {2: "subject"}])
@pytest.mark.parametrize("tolerate", [FIELD, frozenset(TOLERANCES)])
def test_content_under_the_prefix_of_another_profile_fails_whatever_is_tolerated(
    content: str, prefix: str, extra: dict[Any, Any], tolerate: frozenset[str]
) -> None:
    result = verify(text_of({**CONTENTS[content], **extra}, prefix), tolerate=tolerate)
    assert not result.ok
    assert "content.other-profile" in [check.code for check in result.failures]
    assert (result.payload, result.content, result.facts) == (None, None, None)


@given(
    st.sampled_from(sorted(CONTENTS)),
    st.sampled_from(sorted(CONTENTS)),
    st.sets(st.sampled_from([7, "legalName", "dateOfBirth", "xdu", 2, -260])),
)
def test_no_mixture_of_claims_is_two_profiles_at_once(
    first: str, second: str, more: set[Any]
) -> None:
    content = {**CONTENTS[first], **dict.fromkeys(more - {-260, "xdu"}, "2021-01-01")}
    if "xdu" in more and first == "eu":
        content[-260] = {1: {**backend.DCC, "v": [{**backend.DCC["v"][0], "xdu": "x"}]}}
    names = [name for name in CONTENTS if verify(text_of(content, name)).ok]
    assert len(names) <= 1
    assert second in names or not verify(text_of(content, second)).ok


def test_a_token_whose_entry_is_over_is_no_eu_pass() -> None:
    text = forge("DK3", dk3({**ENTRY, "xdu": "2021-01-01T00:00:00Z"}))
    relabelled = "HC1:" + text.removeprefix("DK3:")
    assert [check.code for check in verify(relabelled).failures] == ["content.other-profile"]


@pytest.mark.parametrize("name", ["dk1", "dk2", "dk3"])
def test_a_known_payload_that_is_not_accepted_says_so(name: str) -> None:
    for text in (text_of(CONTENTS[name], name), text_of(CONTENTS[name], name).replace(":", "", 1)):
        result = verify(text, "eu")
        assert [check.code for check in result.failures] == ["prefix.not-accepted"]
        assert name.upper() in result.failures[0].sentence
        assert result.profile == name
        outcomes = {check.outcome for check in result.checks[1:]}
        assert outcomes == {Outcome.SKIPPED}


def test_single_tokens_can_be_accepted() -> None:
    assert verify(text_of(CONTENTS["dk1"], "dk1"), "dk1").ok
    assert not verify(text_of(CONTENTS["dk2"], "dk2"), "dk1").ok
    assert Verifier(backend.trust(), accept=("dk", "eu")).accepted == ("dk1", "dk2", "dk3", "eu")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "empty"),
        ("   ", "empty"),
        ("https://example.org/pass", "a web address"),
        ("shc:/567629", "a SMART Health Card"),
        ("NL2:ABCDEF", "a Dutch domestic code"),
        ("XX9:ABCDEF", "another national code"),
        ("HC2:ABCDEF", "another version"),
        ("4006381333931", "a number"),
        ("Mathilde \u00d8st", "does not begin"),
    ],
)
def test_a_scan_that_is_no_pass_gets_one_code_and_one_sentence(text: str, what: str) -> None:
    for given_text in (text, text.encode("latin-1")) if text.isascii() else (text,):
        result = verify(given_text)  # type: ignore[arg-type]
        assert [check.code for check in result.failures] == ["prefix.not-a-pass"]
        assert what in result.failures[0].sentence
        assert "Mathilde" not in result.failures[0].sentence
        assert [check.outcome for check in result.checks[1:]] == [Outcome.SKIPPED] * 11
        assert result.profile is None


def test_what_was_met_before_a_layer_failed_stays_in_the_result() -> None:
    result = verify(" HC1:nonsense ")
    assert [one.code for one in result.deviations] == ["prefix.whitespace"]
    assert [check.code for check in result.failures] == ["base45.illegal-character"]
    strict = verify(" HC1:nonsense ", tolerate=frozenset())
    assert [check.code for check in strict.failures] == [
        "prefix.whitespace",
        "base45.illegal-character",
    ]


@dataclass(frozen=True)
class Ticket:
    """A made-up payload."""

    seat: str


def made_up() -> types.ModuleType:
    """One module, as a payload of its own would be."""

    def examine(envelope: Envelope, occasion: Occasion) -> Examined:
        return Examined(envelope, kinds=(), content=Ticket(envelope.claims.tree["seat"]))

    module = types.ModuleType("ticket")
    module.TICKET = Profile(  # type: ignore[attr-defined]
        name="ticket",
        family="ticket",
        title="a ticket",
        noun="ticket",
        plural="tickets",
        prefix="TK1:",
        marks=frozenset({"seat"}),
        required=frozenset({"seat"}),
        examine=examine,
        facts=lambda _: None,
    )
    return module


def test_a_new_payload_takes_one_module_and_one_row() -> None:
    row = made_up().TICKET
    text = forge("TK1", {**{k: v for k, v in claims().items() if k != 7}, "seat": "12A"})
    result = Verifier(backend.trust(), accept=("eu", row)).verify(text, AT)
    assert result.ok, result.failures
    assert result.profile == "ticket"
    assert result.content == Ticket("12A")
    for other in ("HC1:", "DK1:", "DK2:"):
        relabelled = other + text.removeprefix("TK1:")
        judge = Verifier(backend.trust(), accept=("eu", "dk", row))
        assert not judge.verify(relabelled, AT).ok
    assert sys.modules.get("ticket") is None


def test_a_result_that_nobody_filled_in_has_passed_nothing() -> None:
    from coronapas.verify import Verification

    empty = Verification({}, 0.0)
    assert not empty.ok
    assert {check.outcome for check in empty.checks} == {Outcome.SKIPPED}


@pytest.mark.parametrize("name", ["dk1", "dk2", "dk3"])
def test_rules_judge_no_domestic_token_however_good_it_is(name: str) -> None:
    from coronapas.rules import eu_travel

    result = verify(text_of(CONTENTS[name], name))
    assert result.ok
    with pytest.raises(TypeError, match="no payload"):
        eu_travel().decide(result, country="EU")
