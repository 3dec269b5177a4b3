"""Passes that are issued again: what is refused, what comes out, and what it replaces."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

import backend
from coronapas import Verifier, decode, schemas
from coronapas.catalogue import sentence
from coronapas.dcc import lengths, misnumbering
from coronapas.errors import IssueError, ReissueError
from coronapas.facts import EventKind, Holder, Recovery, Test, TestKind, TestResult, Vaccination
from coronapas.issue import Issuer
from coronapas.keys import make_csca
from coronapas.reissue import (
    MOST_PASSES,
    Action,
    ReissuePolicy,
    prepare_reissue,
    reissue,
    renumber,
)
from coronapas.revocation import (
    BatchEntry,
    HashType,
    RevocationStore,
    hashes_of,
    read_gateway,
    write_batch,
    write_batch_list,
)
from coronapas.signing import Signer

if TYPE_CHECKING:
    from coronapas.facts import Event
    from coronapas.reissue import Reissue

NOW = backend.NOW
COMIRNATY, JANSSEN = "EU/1/20/1528", "EU/1/20/1525"
FIRST = Vaccination(JANSSEN, 1, 1, date(2021, 3, 1), country="DK")
BOOSTER = Vaccination(COMIRNATY, 2, 2, date(2021, 7, 1), country="DK")
EARLY = replace(BOOSTER, date=date(2021, 5, 1))
RECOVERY = Recovery(date(2021, 2, 1), date(2021, 2, 12), date(2021, 7, 31), country="DK")
TEST = Test(
    TestKind.RAT, NOW - timedelta(hours=9), TestResult.NOT_DETECTED, device="1833", centre="Telt 1"
)
LIFE = timedelta(days=365)


@cache
def issuer() -> Issuer:
    return Issuer("DK", backend.dsc().signer())


def made(
    event: Event,
    holder: Holder = backend.HOLDER,
    *,
    issued_at: datetime = NOW - timedelta(days=30),
    expires: datetime | timedelta = NOW + timedelta(days=14),
    uvci: str | None = None,
    by: Issuer | None = None,
) -> str:
    return (
        (by or issuer()).issue(holder, event, issued_at=issued_at, expires=expires, uvci=uvci).text
    )


def again(*passes: str, action: Any = "extend", at: datetime = NOW, **settings: Any) -> Reissue:
    settings = {"verifier": Verifier(backend.trust()), "issuer": issuer(), **settings}
    return reissue(passes, action, expires=LIFE, at=at, **settings)


def faults(*passes: str, **settings: Any) -> list[tuple[str, str]]:
    with pytest.raises(ReissueError) as caught:
        again(*passes, **settings)
    text = str(caught.value)
    for secret in ("Prøvesen", "PROEVESEN", "1990", "URN:UVCI"):
        assert secret not in text
    for fault in caught.value.faults:
        assert all(sentence(fault.code, language) for language in ("en", "da", "de"))
    return [(fault.field, fault.code) for fault in caught.value.faults]


def facts_of(answer: Reissue) -> Any:
    result = Verifier(backend.trust()).verify(answer.issued.text, NOW)
    assert result.ok, result.failures
    assert not result.deviations
    assert result.facts is not None
    return result.facts


def said(answer: Reissue) -> Any:
    """The event of the new pass; what follows from the product is left out of a vaccination."""
    event = facts_of(answer).event
    if isinstance(event, Vaccination):
        return replace(event, vaccine=None, manufacturer=None)
    return event


def test_an_extended_pass_states_the_same_for_longer_and_replaces_the_old_one() -> None:
    old = made(BOOSTER)
    answer = again(old)
    assert answer.action is Action.EXTEND
    assert said(answer) == BOOSTER
    assert facts_of(answer).holder.family_name == "Prøvesen"
    assert answer.issued.expires == NOW + LIFE
    assert [(each.index, each.action) for each in answer.relations] == [(0, "replace")]
    before, after = decode(old), decode(answer.issued.text)
    assert before.dcc["v"][0]["ci"] != after.dcc["v"][0]["ci"] == answer.issued.uvci
    assert answer.replaced[0].hashes == hashes_of(before)
    assert answer.replaced[0].uvci == before.dcc["v"][0]["ci"]
    assert answer.replaced[0].until == NOW + timedelta(days=14 + 90)


@pytest.mark.parametrize(
    ("days", "code"),
    [
        (29, "reissue.too-early"),
        (28, None),
        (0, None),
        (-1, None),
        (-90, None),
        (-91, "reissue.expired"),
    ],
)
def test_a_pass_is_extended_from_28_days_before_its_end_to_90_days_after_it(
    days: int, code: str | None
) -> None:
    old = made(EARLY, issued_at=NOW - timedelta(days=120), expires=NOW + timedelta(days=days))
    if code is None:
        assert said(again(old)) == EARLY
    else:
        assert faults(old) == [("passes.0", code)]


def test_the_ends_of_the_window_are_inclusive_to_the_second() -> None:
    end = NOW + timedelta(days=28)
    old = made(BOOSTER, expires=end)
    second = timedelta(seconds=1)
    assert faults(old, at=NOW - second) == [("passes.0", "reissue.too-early")]
    again(old, at=NOW)
    again(old, at=end + timedelta(days=90))
    assert faults(old, at=end + timedelta(days=90) + second) == [("passes.0", "reissue.expired")]


def test_a_pass_whose_certificate_is_over_too_is_extended_and_one_that_was_never_good_is_not() -> (
    None
):
    short = backend.csca().issue_dsc(
        valid_from=NOW - timedelta(days=100), valid_for=timedelta(days=99)
    )
    by = Issuer("DK", short.signer())
    old = made(BOOSTER, by=by, expires=NOW - timedelta(days=2))
    verifier = Verifier(backend.trust(backend.dsc(), short))
    again(old, verifier=verifier)
    # Over, and of a stranger: the end of its validity is not the only thing wrong.
    assert "identifier.unknown" in [code for _, code in faults(old)]


def revoking(text: str, until: datetime) -> RevocationStore:
    """A store of one list that holds the pass until a moment."""
    upload = make_csca("DK", valid_from=backend.BEGIN, name="DK upload")
    uci = hashes_of(decode(text)).uci
    assert uci is not None
    batch = write_batch(
        [uci],
        HashType.UCI,
        country="DK",
        expires=until,
        kid=backend.dsc().certificate.kid,
        key=upload.private_key,
        certificate=upload.certificate,
    )
    page = write_batch_list([BatchEntry("1", "DK", NOW, deleted=False)])
    found = read_gateway([page], {"1": batch}, [upload.certificate], as_of=NOW)
    return RevocationStore([found])


@pytest.mark.parametrize("days", [14, -1])
def test_a_revoked_pass_is_not_issued_again_even_when_it_has_expired(days: int) -> None:
    old, kept = (made(BOOSTER, expires=NOW + timedelta(days=days)) for _ in range(2))
    store = revoking(old, NOW + LIFE)
    verifier = Verifier(backend.trust(), revocation=store)
    assert ("passes.0", "revocation.revoked") in faults(old, verifier=verifier)
    again(kept, verifier=verifier)
    # The entry has run out, as entries may with the pass: unknown to a verifier, no pass to us.
    late = Verifier(backend.trust(), revocation=revoking(old, NOW - timedelta(days=2)))
    code = "revocation.entry-expired"
    if days > 0:
        assert late.verify(old, NOW).ok
    assert faults(old, verifier=late) == [("passes.0", code)]


def test_a_list_must_hold_a_replaced_pass_as_long_as_it_could_be_issued_again() -> None:
    old = made(BOOSTER)
    until = again(old).replaced[0].until
    last = Verifier(backend.trust(), revocation=revoking(old, until))
    assert ("passes.0", "revocation.revoked") in faults(old, at=until, verifier=last)
    assert faults(old, at=until + timedelta(seconds=1)) == [("passes.0", "reissue.expired")]


@pytest.mark.parametrize("action", ["renew", "extend", "combine"])
def test_a_test_and_a_pass_of_another_kind_than_the_action_takes_are_refused(action: str) -> None:
    test = made(TEST, issued_at=NOW - timedelta(hours=1))
    wanted = {
        "renew": [("passes.0", "reissue.kind")],
        "extend": [("passes.0", "reissue.kind")],
        "combine": [("passes", "reissue.too-few")],
    }
    assert faults(test, action=action) == wanted[action]
    if action != "extend":
        recovery = made(RECOVERY)
        code = "reissue.kind" if action == "renew" else "reissue.too-few"
        assert [found for _, found in faults(recovery, action=action)] == [code]


def test_a_recovery_is_extended_and_a_country_may_extend_tests() -> None:
    assert said(again(made(RECOVERY))) == RECOVERY
    policy = ReissuePolicy(extends=frozenset(EventKind))
    assert facts_of(again(made(TEST, issued_at=NOW - timedelta(hours=1)), policy=policy))


def test_an_older_vaccination_is_not_extended_where_a_newer_one_is_at_hand() -> None:
    old, new = made(FIRST), made(replace(BOOSTER, doses=1))
    assert faults(old, new) == [("passes.0", "reissue.not-newest")]
    assert facts_of(again(new, old)).event.date == BOOSTER.date


def test_a_booster_after_one_dose_is_renewed_from_2_of_2_to_2_of_1() -> None:
    booster, first = made(BOOSTER), made(FIRST)
    answer = again(booster, first, action="renew")
    assert said(answer) == replace(BOOSTER, doses=1)
    assert [each.index for each in answer.relations] == [0]
    # Without the first dose nobody can know.
    assert faults(booster, action="renew") == [("passes.0", "reissue.nothing")]
    assert faults(answer.issued.text, first, action="renew") == [("passes.0", "reissue.nothing")]


def test_combining_states_the_newest_dose_and_replaces_its_passes_alone() -> None:
    first = made(FIRST)
    booster = made(replace(BOOSTER, dose_number=1, doses=1))
    twice = made(BOOSTER)
    answer = again(first, booster, action="combine")
    assert said(answer) == replace(BOOSTER, doses=1)
    assert [each.index for each in answer.relations] == [1]
    both = again(booster, first, twice, action="combine")
    assert said(both) == replace(BOOSTER, doses=1)
    assert [each.index for each in both.replaced] == [0, 2]


def test_there_is_nothing_to_combine_where_the_numbers_are_right() -> None:
    doses = [replace(BOOSTER, dose_number=1, date=date(2021, 6, 1)), BOOSTER]
    passes = [made(dose) for dose in doses]
    assert faults(*passes, action="combine") == [("passes.1", "reissue.nothing")]
    assert faults(passes[1], action="combine") == [("passes", "reissue.too-few")]
    recovered = [made(RECOVERY), made(replace(BOOSTER, dose_number=1))]
    assert faults(*recovered, action="combine") == [("passes.1", "reissue.nothing")]


def test_a_country_may_number_by_rules_of_its_own() -> None:
    def one_after_recovery(dose: Vaccination, events: Any) -> Vaccination:
        if any(isinstance(each, Recovery) for each in events):
            return replace(dose, dose_number=1, doses=1)
        return renumber(dose, events)

    passes = [made(RECOVERY), made(replace(BOOSTER, dose_number=1))]
    answer = again(*passes, action="combine", policy=ReissuePolicy(number=one_after_recovery))
    assert said(answer) == replace(BOOSTER, dose_number=1, doses=1)


def test_passes_of_two_persons_are_refused() -> None:
    mine, other = made(BOOSTER), replace(backend.HOLDER, given_name="Anna")
    assert faults(mine, made(FIRST, other)) == [("passes.1", "reissue.name")]
    twin = replace(backend.HOLDER, birth_date=date(1990, 4, 2))
    assert faults(mine, made(FIRST, twin)) == [("passes.1", "reissue.birth-date")]
    both = replace(twin, given_name="Anna")
    assert faults(mine, made(FIRST, both)) == [
        ("passes.1", "reissue.name"),
        ("passes.1", "reissue.birth-date"),
    ]


def test_a_name_that_may_be_the_same_is_a_matter_of_policy() -> None:
    shorter = replace(backend.HOLDER, given_name="Mathilde")
    passes = made(BOOSTER), made(FIRST, shorter)
    assert faults(*passes) == [("passes.1", "reissue.name")]
    again(*passes, policy=ReissuePolicy(unsure_names=True))


def test_two_doses_of_one_day_are_refused_and_one_dose_stated_twice_is_not() -> None:
    same_day = replace(FIRST, date=BOOSTER.date)
    assert faults(made(BOOSTER), made(same_day)) == [("passes.1", "reissue.same-day")]
    other_number = replace(BOOSTER, dose_number=3, doses=3)
    assert faults(made(BOOSTER), made(other_number)) == [("passes.1", "reissue.same-day")]
    again(made(BOOSTER), made(replace(BOOSTER, doses=1)))


def test_a_pass_that_is_given_twice_is_refused_however_it_is_written() -> None:
    old = made(BOOSTER)
    assert faults(old, old) == [("passes.1", "reissue.repeated")]


def test_passes_of_another_country_or_with_a_foreign_identifier_are_refused() -> None:
    german = make_csca("DE", valid_from=backend.BEGIN).issue_dsc(valid_from=backend.BEGIN)
    verifier = Verifier(backend.trust(backend.dsc(), german))
    foreign = made(BOOSTER, by=Issuer("DE", german.signer()))
    assert faults(foreign, verifier=verifier) == [
        ("passes.0", "reissue.country"),
        ("passes.0", "reissue.identifier"),
    ]
    dcc = json.loads(json.dumps(backend.DCC))
    dcc["v"][0]["ci"] = "URN:UVCI:01:SE:ABC"
    lent = backend.forge(backend.claims(dcc))
    assert faults(lent, at=backend.LATER) == [("passes.0", "reissue.identifier")]


def test_a_pass_with_several_events_is_refused_where_a_verifier_accepts_it() -> None:
    dcc = json.loads(json.dumps(backend.DCC))
    dcc["v"].append({**dcc["v"][0], "dt": "2021-05-01", "dn": 1, "ci": "URN:UVCI:01:DK:B"})
    text = backend.forge(backend.claims(dcc))
    tolerant = Verifier(backend.trust(), tolerate={"content.several-events"})
    assert faults(text, at=backend.LATER, verifier=tolerant) == [("passes.0", "reissue.events")]


def test_a_token_that_is_no_eu_pass_is_refused_whatever_the_verifier_accepts() -> None:
    from coronapas.denmark import DanishIssuer

    token = DanishIssuer(backend.dsc().signer()).dk1(issued_at=NOW)
    verifier = Verifier(backend.trust(), accept=("eu", "dk"))
    assert faults(token.text, verifier=verifier) == [("passes.0", "reissue.payload")]


def test_what_does_not_verify_is_refused_with_the_codes_of_the_checks() -> None:
    good, text = made(BOOSTER), made(FIRST)
    stranger = Issuer("DK", backend.csca().issue_dsc(valid_from=backend.BEGIN).signer())
    found = faults(good, made(FIRST, by=stranger), f"{text[:-1]}:", "HC1:")
    assert ("passes.1", "identifier.unknown") in found
    assert {place for place, _ in found} == {"passes.1", "passes.2", "passes.3"}


def test_there_must_be_passes_and_not_too_many() -> None:
    assert faults() == [("passes", "reissue.number")]
    assert faults(*["x"] * (MOST_PASSES + 1)) == [("passes", "reissue.number")]
    with pytest.raises(TypeError, match="got str"):
        reissue(
            made(BOOSTER),
            "extend",
            verifier=Verifier(backend.trust()),
            issuer=issuer(),
            expires=LIFE,
        )
    with pytest.raises(ValueError, match="'prolong'"):
        again(made(BOOSTER), action="prolong")


def test_what_comes_out_is_as_strict_as_any_pass() -> None:
    with pytest.raises(IssueError) as caught:
        reissue(
            [made(BOOSTER)],
            "extend",
            verifier=Verifier(backend.trust()),
            issuer=issuer(),
            expires=timedelta(days=3650),
            at=NOW,
        )
    assert [fault.code for fault in caught.value.faults] == ["certificate.outlived"]


def test_issuing_again_in_two_phases_gives_the_same_answer() -> None:
    signer = backend.dsc().signer(deterministic=True)
    old = made(BOOSTER)
    settings: dict[str, Any] = {
        "verifier": Verifier(backend.trust()),
        "expires": LIFE,
        "at": NOW,
        "uvci": "URN:UVCI:01:DK:NEW",
    }
    assert signer.certificate is not None
    away = Issuer("DK", Signer.detached(signer.certificate))
    prepared = pickle.loads(pickle.dumps(prepare_reissue([old], "extend", issuer=away, **settings)))
    answer = prepared.complete(signer.sign_digest(prepared.digest))
    assert answer == reissue([old], "extend", issuer=Issuer("DK", signer), **settings)


def test_the_answer_follows_its_schema_and_its_repr_shows_nobody() -> None:
    answer = again(made(BOOSTER), made(FIRST), action="renew")
    validator = Draft202012Validator(schemas.load("reissue"))
    document = json.loads(json.dumps(answer.to_json()))
    validator.validate(document)
    assert document["relations"] == [{"index": 0, "action": "replace"}]
    assert document["revoke"][0]["uci"] == (answer.replaced[0].hashes.uci or b"").hex()
    shown = repr(answer)
    assert not [word for word in ("URN", "HC1", "Prøvesen", "1990") if word in shown]


PRODUCTS = st.sampled_from([COMIRNATY, JANSSEN, "EU/1/20/1507"])
DAYS = st.dates(date(2021, 1, 1), date(2022, 12, 31))
DOSES = st.builds(
    Vaccination, PRODUCTS, st.integers(1, 5), st.integers(1, 5), DAYS, country=st.just("DK")
)


@given(DOSES, st.lists(DOSES, max_size=5))
def test_a_renumbered_dose_can_be_issued_and_stays_as_it_is(
    dose: Vaccination, others: list[Vaccination]
) -> None:
    numbered = renumber(dose, others)
    assert replace(numbered, dose_number=dose.dose_number, doses=dose.doses) == dose
    assert numbered.dose_number >= dose.dose_number
    course = lengths(numbered.product, numbered.date)
    wrong = misnumbering(numbered.dose_number, numbered.doses, course)
    # The number of a first dose of another product's course is that course's.
    assert wrong is None or wrong.code in ("dose.course-length", "dose.single-dose-product")
    assert renumber(numbered, [each for each in others if each.date != dose.date]) in (
        numbered,
        renumber(numbered, others),
    )


@pytest.mark.parametrize(
    ("doses", "numbers"),
    [
        ([(JANSSEN, 1, 1), (COMIRNATY, 2, 2)], (2, 1)),
        ([(JANSSEN, 1, 1), (COMIRNATY, 1, 1)], (2, 1)),
        ([(JANSSEN, 1, 1), (COMIRNATY, 2, 2), (COMIRNATY, 3, 3)], (3, 1)),
        ([(COMIRNATY, 1, 2), (COMIRNATY, 2, 2)], (2, 2)),
        ([(COMIRNATY, 1, 2), (COMIRNATY, 2, 2), (COMIRNATY, 1, 1)], (3, 3)),
        ([(COMIRNATY, 2, 2), (COMIRNATY, 3, 2)], (3, 3)),
        ([(COMIRNATY, 2, 2), (COMIRNATY, 2, 1)], (3, 3)),
        ([(COMIRNATY, 1, 1), (COMIRNATY, 2, 2)], (2, 1)),
        ([(COMIRNATY, 3, 3), (COMIRNATY, 4, 4)], (4, 4)),
        ([(JANSSEN, 2, 2)], (2, 1)),
    ],
)
def test_doses_are_numbered_as_the_implementing_decision_numbers_them(
    doses: list[tuple[str, int, int]], numbers: tuple[int, int]
) -> None:
    given_doses = [
        Vaccination(product, number, total, date(2021, 3, 1) + timedelta(days=60 * place))
        for place, (product, number, total) in enumerate(doses)
    ]
    numbered = renumber(given_doses[-1], given_doses)
    assert (numbered.dose_number, numbered.doses) == numbers


def test_the_moment_defaults_to_now() -> None:
    now = datetime.now(UTC)
    pair = make_csca("DK", valid_from=now - timedelta(days=9)).issue_dsc(
        valid_from=now - timedelta(days=9)
    )
    by = Issuer("DK", pair.signer())
    old = by.issue(backend.HOLDER, BOOSTER, expires=timedelta(days=9)).text
    answer = reissue(
        [old], "extend", verifier=Verifier(backend.trust(pair)), issuer=by, expires=LIFE
    )
    assert abs(answer.issued.issued_at - now) < timedelta(minutes=5)
