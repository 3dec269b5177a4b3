"""Verifying domestic tokens and EU passes alike."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import backend
from coronapas.denmark import Dk1, Dk2, Dk3, Token
from coronapas.facts import EventKind
from coronapas.hcert import _cose as cose
from coronapas.hcert import _envelope as envelope
from coronapas.tolerances import FIELD, STRICT
from coronapas.trust._certificate import Certificate
from coronapas.trust._store import TrustStore
from coronapas.verify import PROFILES
from coronapas.verify._result import CHECKS, Outcome, VerificationError
from coronapas.verify._verifier import Verifier
from danish_world import (
    AT,
    CTI,
    ENTRY,
    claims,
    dk3,
    forge,
    person,
    public_tokens,
    public_trust,
    stranger,
    verifier,
)

if TYPE_CHECKING:
    from pathlib import Path

GOOD: dict[str, dict[Any, Any]] = {
    "DK1": claims(),
    "DK2": claims(person()),
    "DK3": dk3(ENTRY, {**ENTRY, "dn": 1, "ci": "URN:UVCI:01:DK:FIRST"}),
}
TYPES = {"DK1": Dk1, "DK2": Dk2, "DK3": Dk3}
END = datetime.fromtimestamp(claims()[4], UTC)


def failed(text: Any, at: datetime = AT, **settings: Any) -> list[str]:
    result = verifier(**settings).verify(text, at)
    assert result.ok is (not result.failures)
    return [check.code for check in result.failures]


def test_the_public_dk3_tokens_verify_with_the_dsc_of_the_public_vectors(official: Path) -> None:
    judge = Verifier(public_trust(official), accept=("eu", "dk"))
    at = datetime(2021, 6, 30, tzinfo=UTC)
    rows = [row for row in public_tokens(official) if row["certificate"]]
    assert len(rows) == 2
    for row in rows:
        for text in (row["token"], row["token"].replace(":", "", 1)):
            result = judge.verify(text, at)
            assert result.ok, result.failures
            assert result.profile == "dk3"
            assert isinstance(result.content, Dk3)
            assert result.payload == row["claims"]["-260"]["1"]


def test_the_public_dk3_tokens_expire_at_their_exp(official: Path) -> None:
    judge = Verifier(public_trust(official), accept=("eu", "dk"))
    for row in public_tokens(official):
        if row["certificate"]:
            end = datetime.fromtimestamp(row["claims"]["4"], UTC)
            assert judge.verify(row["token"], end - timedelta(microseconds=1)).ok
            late = judge.verify(row["token"], end)
            assert [check.code for check in late.failures] == ["time.expired"]


def test_a_changed_public_token_does_not_verify(official: Path) -> None:
    judge = Verifier(public_trust(official), accept=("eu", "dk"))
    for row in public_tokens(official):
        if row["certificate"]:
            opened = envelope.decode(row["token"], prefixes=("DK3:",))
            changed = opened.cose.replace(b"2021-06", b"2031-06")
            result = judge.verify(
                envelope.encode(changed, prefix="DK3:"), datetime(2021, 6, 30, tzinfo=UTC)
            )
            assert [check.code for check in result.failures] == ["signature.invalid"]
            assert result.content is None
            assert result.payload is None


def test_the_public_dk1_and_dk2_name_a_key_that_is_not_public(official: Path) -> None:
    judge = Verifier(public_trust(official), accept=("eu", "dk"))
    for row in public_tokens(official)[:2]:
        result = judge.verify(row["token"], datetime(2021, 4, 25, tzinfo=UTC))
        assert [check.code for check in result.failures] == ["identifier.unknown"]
        assert result.profile == row["token"][:3].lower()
        assert result.content is None


@pytest.mark.parametrize("key", ["P-256", "RSA-2048"])
@pytest.mark.parametrize("kind", ["DK1", "DK2", "DK3"])
def test_a_good_token_verifies_and_is_named(kind: str, key: str) -> None:
    pair = backend.dsc(key=key)
    result = verifier(pair).verify(forge(kind, GOOD[kind], pair), AT)
    assert result.ok, result.failures
    assert result.profile == kind.lower()
    assert type(result.content) is TYPES[kind]
    assert result.certificate is not None
    assert [check.name for check in result.checks] == [*CHECKS]
    assert result.check("revocation").outcome is Outcome.UNKNOWN
    assert not result.deviations
    assert result.require() is result
    assert result.facts is None
    assert (result.payload is not None) is (kind == "DK3")
    assert repr(result) == f"<Verification {kind.lower()} ok>"


def test_an_eu_pass_is_judged_as_the_eu_verifier_judges_it_and_is_named() -> None:
    judge, eu = verifier(), Verifier(backend.trust())
    for text in (backend.issue().text, backend.forge(backend.claims(iat=...)), "HC1:nonsense"):
        result, same = judge.verify(text, backend.NOW), eu.verify(text, backend.NOW)
        assert result.profile == "eu"
        assert result.content is None
        assert (result.ok, result.checks) == (same.ok, same.checks)
        assert (result.deviations, result.facts) == (same.deviations, same.facts)
        assert (result.envelope, result.at) == (same.envelope, same.at)


def test_an_eu_pass_is_good_at_its_exp_and_a_token_is_not() -> None:
    issued = backend.issue()
    assert verifier().verify(issued.text, issued.expires).ok
    assert failed(forge("DK1", GOOD["DK1"]), END) == ["time.expired"]
    assert not failed(forge("DK1", GOOD["DK1"]), END - timedelta(microseconds=1))


def test_a_text_of_no_kind_is_told_as_the_eu_verifier_tells_it() -> None:
    for text in ("", "DK4:NCF", "hello", b"\xff", None):
        result = verifier().verify(text, AT)  # type: ignore[arg-type]
        assert result.profile is None
        assert not result.ok
        assert repr(result).startswith("<Verification ? ")


def test_a_pass_without_its_prefix_is_an_eu_pass_where_that_is_tolerated() -> None:
    text = backend.issue().text.removeprefix("HC1:")
    result = verifier(tolerate=FIELD | {"prefix.missing"}).verify(text, backend.NOW)
    assert result.ok
    assert result.profile == "eu"


def test_without_a_moment_a_token_is_judged_now() -> None:
    assert failed(forge("DK1", GOOD["DK1"]), AT) == []
    old = verifier().verify(forge("DK1", GOOD["DK1"]))
    assert "time.expired" in [check.code for check in old.failures]


@pytest.mark.parametrize("kind", ["DK1", "DK2", "DK3"])
@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"exp": ...}, "time.no-end"),
        ({"exp": "soon"}, "time.no-end"),
        ({"exp": float("nan")}, "time.no-end"),
        ({"iat": ...}, "cwt.missing-iat"),
        ({"iat": claims()[6] + 3600}, "time.not-yet"),
        ({"exp": claims()[6] - 60, "iat": claims()[6]}, "time.expired"),
    ],
)
def test_the_times_of_a_token_must_be_there_and_cover_the_check(
    kind: str, changes: dict[str, Any], code: str
) -> None:
    content = {label: value for label, value in GOOD[kind].items() if label not in (1, 4, 6)}
    assert code in failed(forge(kind, claims(content, **changes)))


def test_a_token_may_be_issued_within_the_clock_skew_and_not_after_it() -> None:
    text = forge("DK1", claims(iat=int(AT.timestamp()) + 300))
    start = datetime.fromtimestamp(int(AT.timestamp()), UTC)
    assert failed(text, start) == []
    assert failed(text, start - timedelta(seconds=1)) == ["time.not-yet"]


def test_a_token_that_ends_when_it_was_issued_is_out_of_order() -> None:
    text = forge("DK1", claims(iat=claims()[4]))
    assert failed(text, END - timedelta(seconds=1)) == ["time.order"]


@pytest.mark.parametrize("kind", ["DK1", "DK2", "DK3"])
def test_a_token_of_another_countrys_key_fails_and_one_can_be_named(kind: str) -> None:
    text = forge(kind, GOOD[kind], stranger())
    result = verifier(stranger()).verify(text, AT)
    assert [check.code for check in result.failures] == ["usage.other-country"]
    rows = [replace(row, countries=frozenset({"DK", "XX"})) for row in PROFILES]
    assert Verifier(backend.trust(stranger()), accept=rows).verify(text, AT).ok


def test_the_same_key_signs_an_eu_pass_of_its_country() -> None:
    text = backend.forge(backend.claims(iss="XX"), stranger())
    assert verifier(stranger()).verify(text, backend.NOW).ok


def test_a_certificate_with_usages_must_cover_the_entries_of_a_dk3() -> None:
    vaccination, test = backend.dsc(EventKind.VACCINATION), backend.dsc(EventKind.TEST)
    good, bad = (forge("DK3", GOOD["DK3"], pair) for pair in (vaccination, test))
    judge = verifier(vaccination, test)
    assert judge.verify(good, AT).ok
    assert [check.code for check in judge.verify(bad, AT).failures] == ["usage.not-allowed"]
    # A DK1 states no event that a usage could be held against.
    assert judge.verify(forge("DK1", GOOD["DK1"], test), AT).ok


def test_every_key_with_the_kid_is_tried() -> None:
    mine, other = backend.dsc(), backend.dsc(key="RSA-2048")
    kid = mine.signer().kid
    der = other.certificate.der
    assert der is not None
    store = TrustStore([Certificate(der, kid=kid), mine.certificate])
    judge = Verifier(store, accept=("eu", "dk"))
    for pair in (mine, other):
        assert judge.verify(forge("DK2", GOOD["DK2"], pair, kid=kid), AT).ok


def test_a_kid_in_the_unprotected_header_is_found() -> None:
    signer = backend.dsc().signer()
    good = forge("DK1", GOOD["DK1"])
    opened = envelope.decode(good, prefixes=("DK1:",))
    import cbor2

    protected = cbor2.dumps({1: signer.algorithm})
    signature = signer.sign(cose.signed_bytes(protected, opened.payload))
    message = cbor2.dumps(
        cbor2.CBORTag(18, [protected, {4: signer.kid}, opened.payload, signature])
    )
    result = verifier().verify(envelope.encode(message, prefix="DK1:"), AT)
    assert result.ok
    assert [one.code for one in result.deviations] == ["cose.kid-unprotected"]


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"kid": b"unknown!"}, "identifier.unknown"),
        ({"algorithm": -37}, "signature.algorithm"),
        ({"algorithm": -7000}, "cose.algorithm"),
    ],
)
def test_a_token_of_an_unknown_key_or_algorithm_fails(settings: dict[str, Any], code: str) -> None:
    assert failed(forge("DK1", GOOD["DK1"], **settings)) == [code]


@pytest.mark.parametrize(
    ("kind", "content", "code"),
    [
        ("DK1", claims(cti=...), "content.schema"),
        ("DK2", claims(person(legalName=...)), "content.no-name"),
        ("DK2", claims(person(dateOfBirth="x")), "content.date"),
        ("DK3", dk3(), "content.other-profile"),
        ("DK3", dk3({**ENTRY, "xdu": 5}), "content.schema"),
    ],
)
def test_a_token_that_lacks_what_it_is_made_of_fails(
    kind: str, content: dict[Any, Any], code: str
) -> None:
    assert failed(forge(kind, content)) == [code]


def test_a_token_of_one_kind_is_none_of_another() -> None:
    for kind in ("DK2", "DK3"):
        assert failed(forge(kind, GOOD["DK1"])), kind
    assert failed(forge("DK1", GOOD["DK2"])) == ["content.other-profile"]


def test_the_content_of_entries_is_not_judged_beyond_its_form() -> None:
    positive = {
        **{name: ENTRY[name] for name in ("tg", "co", "is", "ci", "xdu")},
        "tt": "LP217198-3",
        "ma": "1833",
        "sc": "2021-06-27T20:00:00Z",
        "tr": "260373001",
    }
    assert failed(forge("DK3", dk3(positive, group="t"))) == []


def test_a_prefix_without_its_colon_is_a_tolerance() -> None:
    text = forge("DK1", GOOD["DK1"]).replace(":", "", 1)
    assert failed(text) == []
    assert failed(text, tolerate=STRICT) == ["prefix.no-colon"]
    assert failed(text, tolerate=FIELD - {"prefix.no-colon"}) == ["prefix.no-colon"]


def test_missing_revocation_data_fails_eu_passes_alone() -> None:
    judge = verifier(refuse_unknown_revocation=True)
    assert judge.verify(forge("DK1", GOOD["DK1"]), AT).ok
    assert not judge.verify(backend.issue().text, backend.NOW).ok


def test_an_expired_certificate_signs_no_token() -> None:
    late = backend.dsc().certificate.not_after
    assert late is not None
    text = forge("DK1", claims(exp=int(late.timestamp()) + 3600, iat=int(late.timestamp()) - 60))
    assert failed(text, late + timedelta(seconds=1)) == ["validity.over"]


def test_a_result_raises_with_every_failure_where_that_is_asked() -> None:
    text = forge("DK2", claims(person(legalName=...), exp=...))
    with pytest.raises(VerificationError) as caught:
        verifier().verify(text, AT).require()
    assert {check.code for check in caught.value.failures} == {"time.no-end", "content.no-name"}
    assert "1987" not in str(caught.value)


def test_an_unreadable_token_is_told_by_its_layer_and_keeps_its_kind() -> None:
    result = verifier().verify("DK2:nonsense", AT)
    assert result.profile == "dk2"
    assert [check.code for check in result.failures] == ["base45.illegal-character"]
    assert result.check("signature").outcome is Outcome.SKIPPED


def test_settings_and_moments_that_make_no_sense_are_refused() -> None:
    with pytest.raises(TypeError, match="accept"):
        Verifier(backend.trust(), accept="dk")
    for accept in ((), ("hc1",), ("eu", "DK")):
        with pytest.raises(ValueError, match="payload"):
            Verifier(backend.trust(), accept=accept)
    with pytest.raises(ValueError, match="time zone"):
        verifier().verify("DK1:", datetime(2021, 7, 1))
    with pytest.raises(TypeError, match="datetime"):
        verifier().verify("DK1:", "now")  # type: ignore[arg-type]


@given(st.sampled_from(["DK1:", "DK2", "DK3:", "HC1:", ""]), st.text() | st.binary())
def test_no_text_makes_verifying_raise(prefix: str, body: str | bytes) -> None:
    text = prefix.encode() + body if isinstance(body, bytes) else prefix + body
    assert not verifier().verify(text, AT).ok


@given(st.sampled_from(["DK1", "DK2", "DK3"]), st.data())
def test_a_changed_byte_never_verifies(kind: str, data: st.DataObject) -> None:
    opened = envelope.decode(forge(kind, GOOD[kind]), prefixes=(f"{kind}:",))
    place = data.draw(st.integers(0, len(opened.cose) - 1))
    mask = data.draw(st.integers(1, 255))
    changed = bytearray(opened.cose)
    changed[place] ^= mask
    result = verifier().verify(envelope.encode(bytes(changed), prefix=f"{kind}:"), AT)
    # What no signature covers: the frame (told as a deviation) and the unprotected header.
    same = isinstance(result.content, Token) and result.content.envelope.payload == opened.payload
    assert not result.ok or same


def test_what_is_unverified_hands_out_nothing() -> None:
    result = verifier(backend.dsc(key="RSA-2048")).verify(forge("DK2", GOOD["DK2"]), AT)
    assert not result.ok
    assert result.content is None
    assert result.envelope is not None
    assert CTI.decode() not in repr(result)
