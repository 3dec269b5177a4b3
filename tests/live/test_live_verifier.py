"""Live screens, judged: the age of a token, copies of it, and the proofs of holders' devices."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

import backend
import danish_world
from coronapas import FIELD, STRICT, Issuer, Outcome, catalogue
from coronapas.denmark import DanishIssuer
from coronapas.hcert import _base45 as base45
from coronapas.hcert import _envelope as envelope
from coronapas.live import PROOF_PREFIX, LiveVerifier, prove
from danish_world import AT, HOLDER

SECOND = timedelta(seconds=1)
NOW = AT.replace(microsecond=0)
DEVICE = ec.generate_private_key(ec.SECP256R1())
KEY = DEVICE.public_key()
OTHER = ec.generate_private_key(ec.SECP256R1())


def issuer(life: timedelta = timedelta(seconds=60)) -> DanishIssuer:
    return DanishIssuer(backend.dsc().signer(), life=life, granularity=SECOND)


def live(**settings: Any) -> LiveVerifier:
    inner = danish_world.verifier(tolerate=FIELD | {"content.bound"})
    return LiveVerifier(inner, **settings)


def bound_token() -> str:
    day = issuer(timedelta(hours=24))
    return day.dk1(issued_at=NOW, holder_key=DEVICE.public_key()).text


@pytest.mark.parametrize(
    ("age", "code"),
    [(-11, "live.ahead"), (-10, "live.ok"), (0, "live.ok"), (59, "live.ok"), (60, "live.stale")],
)
def test_a_token_counts_within_the_window_alone(age: int, code: str) -> None:
    token = issuer(timedelta(hours=72)).dk2(HOLDER, issued_at=NOW)
    result = live().verify(token.text, NOW + timedelta(seconds=age))
    assert result.check.code == code
    assert result.ok is (code == "live.ok")
    assert result.age == timedelta(seconds=age)
    assert result.verification.ok
    assert [check.name for check in result.checks][-1] == "live"


def test_the_skew_makes_no_copy_younger() -> None:
    token = issuer(timedelta(hours=72)).dk1(issued_at=NOW)
    wide = live(skew=timedelta(minutes=4))
    assert not wide.verify(token.text, NOW + timedelta(seconds=60))
    assert live(window=timedelta(seconds=61)).verify(token.text, NOW + timedelta(seconds=60))


def test_a_token_of_one_minute_ends_with_the_window() -> None:
    token = issuer().dk1(issued_at=NOW)
    assert live().verify(token.text, NOW + timedelta(seconds=59))
    refused = live().verify(token.text, NOW + timedelta(seconds=60))
    assert [check.code for check in refused.failures] == ["time.expired", "live.stale"]


def test_a_code_seen_before_is_replayed_on_this_device_alone() -> None:
    text = issuer().dk1(issued_at=NOW).text
    door, other_door = live(), live()
    assert door.verify(text, NOW)
    again = door.verify(text, NOW + SECOND)
    assert [check.code for check in again.failures] == ["live.replayed"]
    assert other_door.verify(text, NOW + SECOND)
    assert door.verify(issuer().dk1(issued_at=NOW).text, NOW + SECOND)


def test_a_rewritten_signature_is_the_same_code() -> None:
    """(r, s) and (r, n - s) are both signatures of the message: anybody can make the other."""
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    token = issuer().dk1(issued_at=NOW)
    message = cbor2.loads(token.message)
    r, s = message.value[3][:32], int.from_bytes(message.value[3][32:], "big")
    twin = cbor2.CBORTag(18, [*message.value[:3], r + (order - s).to_bytes(32, "big")])
    text = envelope.encode(cbor2.dumps(twin), prefix="DK1:")
    assert text != token.text
    assert live().verify(text, NOW)
    door = live()
    assert door.verify(token.text, NOW)
    assert door.verify(text, NOW).check.code == "live.replayed"


def test_the_same_look_may_ask_again_and_gets_the_same_answer() -> None:
    text = issuer().dk1(issued_at=NOW).text
    door = live()
    first = door.verify(text, NOW + 40 * SECOND, look="a")
    later = door.verify(text, NOW + 70 * SECOND, look="a")
    assert first.ok
    assert later.ok
    assert later.age == first.age
    assert door.verify(text, NOW + 50 * SECOND, look="b").check.code == "live.replayed"
    assert not door.verify(text, NOW + 111 * SECOND, look="a")


def test_what_fails_is_not_remembered() -> None:
    expired = issuer().dk1(issued_at=NOW - 3 * timedelta(minutes=1))
    door = live()
    door.verify(expired.text, NOW)
    door.verify(expired.text[:-2], NOW)
    assert len(door) == 0


def test_new_lists_forget_nothing_that_was_seen() -> None:
    text = issuer().dk1(issued_at=NOW).text
    before = live(profiles=("dk1",))
    assert before.verify(text, NOW)
    after = before.with_verifier(danish_world.verifier())
    assert after.verify(text, NOW).check.code == "live.replayed"
    assert after.window == before.window
    other = issuer().dk1(issued_at=NOW).text
    assert after.verify(other, NOW)
    assert not before.verify(other, NOW)
    with pytest.raises(ValueError, match="accepts"):
        before.with_verifier(danish_world.verifier(accept=("eu",)))


def test_memory_is_bounded_by_time_and_by_number() -> None:
    texts = [issuer().dk1(issued_at=NOW).text for _ in range(5)]
    door = live(capacity=3)
    for text in texts:
        assert door.verify(text, NOW)
    assert len(door) == 3
    assert not door.verify(texts[-1], NOW)
    later = NOW + timedelta(seconds=75)
    assert door.verify(issuer().dk1(issued_at=later).text, later)
    assert len(door) == 1


def test_profiles_that_are_not_live_say_so_and_pass() -> None:
    signer = backend.dsc().signer()
    paper = Issuer("DK", signer).issue(
        HOLDER, backend.VACCINATION, issued_at=NOW, expires=timedelta(days=90)
    )
    at = NOW + timedelta(days=3)
    static = live(profiles=("dk1", "dk2")).verify(paper.text, at)
    assert static.ok
    assert (static.check.code, static.check.outcome) == ("live.static", Outcome.UNKNOWN)
    assert live().verify(paper.text, at).check.code == "live.stale"
    assert live(profiles=("dk1",)).verify(paper.text[:-4], at).check.code == "live.skipped"


def test_the_reminder_says_what_is_left_to_the_person_at_the_door() -> None:
    named, nameless = issuer().dk2(HOLDER, issued_at=NOW), issuer().dk1(issued_at=NOW)
    assert live().verify(named.text, NOW).reminder == "live.compare"
    seen = live().verify(nameless.text, NOW)
    assert seen.reminder == "live.look"
    for language in catalogue.LANGUAGES:
        assert seen.reminder_in(language) == catalogue.sentence("live.look", language)
    refused = live().verify(named.text, NOW + timedelta(hours=1))
    assert refused.reminder is None
    assert refused.reminder_in("da") is None


def test_results_close_after_the_times_of_the_danish_scanner() -> None:
    pass_ = Issuer("DK", backend.dsc().signer()).issue(
        HOLDER, backend.VACCINATION, issued_at=NOW, expires=timedelta(days=90)
    )
    texts = (issuer().dk1(issued_at=NOW).text, "HC1:A", pass_.text)
    closing = [live().verify(text, NOW).closes_after.total_seconds() for text in texts]
    assert closing == [30, 60, 120]


def test_the_json_form_names_the_age_and_no_holder() -> None:
    token = issuer().dk2(HOLDER, issued_at=NOW)
    document = live().verify(token.text, NOW + 5 * SECOND).to_json(language="de")
    assert document["live"] == {
        "code": "live.ok",
        "age": 5.0,
        "bound": False,
        "reminder": "live.compare",
        "closes_after": 30,
    }
    assert document["checks"][-1]["sentence"] == catalogue.sentence("live.ok", "de")
    assert "Prøvesen" not in str(document)
    stale = live().verify(token.text, NOW + timedelta(hours=1)).to_json()
    assert stale["ok"] is False
    assert stale["failures"][-1] == "live.stale"


# Tokens bound to the holder's device.


def test_a_bound_token_is_proved_without_the_issuer() -> None:
    token = bound_token()
    for hours in (0, 5, 23):
        at = NOW + timedelta(hours=hours)
        result = live().verify(prove(token, DEVICE, at=at), at + 5 * SECOND)
        assert result.ok
        assert result.bound
        assert result.age == 5 * SECOND
        assert [each.code for each in result.verification.deviations] == ["content.bound"]


def test_a_verifier_that_asks_for_no_proof_refuses_bound_tokens() -> None:
    for tolerate in (STRICT, FIELD):
        plain = danish_world.verifier(tolerate=tolerate)
        for text in (bound_token(), issuer().dk2(HOLDER, issued_at=NOW, holder_key=KEY).text):
            assert [check.code for check in plain.verify(text, NOW).failures] == ["content.bound"]
    shown = prove(bound_token(), DEVICE, at=NOW)
    assert not LiveVerifier(danish_world.verifier()).verify(shown, NOW)


def test_a_copy_of_a_bound_token_is_refused() -> None:
    token = bound_token()
    at = NOW + timedelta(hours=1)
    shown = prove(token, DEVICE, at=at)
    refused = {
        "alone": (token, at, "live.unproved"),
        "alone and fresh": (token, NOW, "live.unproved"),
        "a picture": (shown, at + timedelta(seconds=60), "live.stale"),
        "ahead": (prove(token, DEVICE, at=at + timedelta(minutes=2)), at, "live.ahead"),
        "another device": (prove(token, OTHER, at=at), at, "live.proof"),
        "unbound": (
            prove(issuer(timedelta(hours=24)).dk1(issued_at=NOW).text, DEVICE, at=at),
            at,
            "live.proof",
        ),
        "over": (prove(token, DEVICE, at=NOW + timedelta(hours=24)), NOW + timedelta(hours=24), ""),
    }
    for name, (text, moment, code) in refused.items():
        result = live().verify(text, moment)
        assert not result, name
        assert code in (result.check.code, ""), name


def test_a_changed_moment_breaks_the_proof() -> None:
    shown = prove(bound_token(), DEVICE, at=NOW)
    end = len(PROOF_PREFIX) + 102
    head = bytearray(base45.decode(shown[len(PROOF_PREFIX) : end]))
    head[3] ^= 1
    forged = PROOF_PREFIX + base45.encode(bytes(head)) + shown[end:]
    assert live().verify(forged, NOW).check.code == "live.proof"


def test_a_proof_shown_twice_is_replayed_and_the_next_one_is_not() -> None:
    token, door = bound_token(), live()
    assert door.verify(prove(token, DEVICE, at=NOW), NOW)
    assert door.verify(prove(token, DEVICE, at=NOW), NOW).check.code == "live.replayed"
    assert door.verify(prove(token, DEVICE, at=NOW + 30 * SECOND), NOW + 30 * SECOND)


@pytest.mark.parametrize(
    "key",
    [
        {},
        {1: {}},
        {1: {1: 2, -1: 1, -2: b"x", -3: b"y"}},
        {1: {1: 2, -1: 1, -2: bytes(32), -3: bytes(32)}},
        {1: {1: 2, -1: 2, -2: bytes(32), -3: bytes(32)}},
        "text",
        7,
    ],
)
def test_a_claim_that_holds_no_key_proves_nothing(key: Any) -> None:
    content = {7: danish_world.CTI, 8: key}
    text = danish_world.forge("DK1", danish_world.claims(content))
    result = live().verify(prove(text, DEVICE, at=NOW), NOW)
    assert result.check.code == "live.proof"
    assert live().verify(text, NOW).check.code == "live.unproved"


def test_only_keys_of_p_256_bind_and_prove() -> None:
    strange = ec.generate_private_key(ec.SECP384R1())
    with pytest.raises(ValueError, match="P-256"):
        issuer().dk1(issued_at=NOW, holder_key=strange.public_key())
    with pytest.raises(ValueError, match="P-256"):
        prove("DK1:", strange, at=NOW)
    with pytest.raises(ValueError, match="2106"):
        prove("DK1:", DEVICE, at=NOW.replace(year=2200))


@given(st.text(max_size=300) | st.binary(max_size=300))
def test_no_text_makes_the_verifier_raise(text: str | bytes) -> None:
    prefix = PROOF_PREFIX if isinstance(text, str) else PROOF_PREFIX.encode()
    for given_text in (text, prefix + text):  # type: ignore[operator]
        assert not live().verify(given_text, NOW)


@given(st.integers(-300, 300), st.integers(1, 200), st.integers(0, 100))
def test_age_window_and_skew_decide_alone(age: int, window: int, skew: int) -> None:
    token = _of_long_life()
    door = live(window=timedelta(seconds=window), skew=timedelta(seconds=skew))
    result = door.verify(token, NOW + timedelta(seconds=age))
    assert (result.check.code == "live.ok") is (-skew <= age < window)


@cache
def _of_long_life() -> str:
    return issuer(timedelta(hours=72)).dk1(issued_at=NOW).text


@pytest.mark.parametrize(
    "settings",
    [
        {"window": timedelta(0)},
        {"skew": -SECOND},
        {"capacity": 0},
        {"profiles": ("icvp",)},
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be"):
        live(**settings)
