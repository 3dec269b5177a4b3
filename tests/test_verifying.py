"""The verifier: every check passes, fails and is skipped for its own reason, and nothing raises."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import backend
from coronapas import keys
from coronapas.dcc._valuesets import ValueSets
from coronapas.errors import CoronapasError
from coronapas.facts import EventKind, Vaccination
from coronapas.hcert import _base45 as base45
from coronapas.hcert import _cose as cose
from coronapas.hcert import _envelope as envelope
from coronapas.hcert._envelope import Limits
from coronapas.revocation import Batch, HashType, RevocationList, RevocationStore, hashes_of
from coronapas.tolerances import FIELD, STRICT, TOLERANCES
from coronapas.trust import Dropped, TrustStore
from coronapas.trust._certificate import Certificate
from coronapas.trust._list import Source, TrustList
from coronapas.verify._result import CHECKS, Check, Outcome, Verification, VerificationError
from coronapas.verify._verifier import DEFAULT_CLOCK_SKEW, Verifier

NOW, LATER = backend.NOW, backend.LATER
SECOND = timedelta(seconds=1)
GOOD = backend.forge(backend.claims())


def short(value: Any) -> str:
    """A name for a parameter; a pass is long, and another one in every worker."""
    return str(value) if len(str(value)) < 40 else "a pass"


def verify(text: Any, at: datetime = NOW, **settings_: Any) -> Verification:
    return Verifier(settings_.pop("trust", backend.trust()), **settings_).verify(text, at)


def outcomes(result: Verification) -> dict[str, Outcome]:
    return {check.name: check.outcome for check in result.checks}


def codes(result: Verification) -> list[str]:
    return [check.code for check in result.failures]


def event(**changes: Any) -> dict[str, Any]:
    """The DCC with fields of its vaccination changed."""
    return {**backend.DCC, "v": [{**backend.DCC["v"][0], **changes}]}


def pcr(**changes: Any) -> dict[str, Any]:
    entry = {
        "tg": "840539006",
        "tt": "LP6464-4",
        "sc": "2021-08-31T08:00:00Z",
        "tr": "260415000",
        "tc": "Teststed 7",
        "co": "DK",
        "is": "DK",
        "ci": "URN:UVCI:01:DK:ABCDEFGHIJKL",
        **changes,
    }
    whole = {name: value for name, value in backend.DCC.items() if name != "v"}
    return {**whole, "t": [entry]}


def test_a_good_pass_passes_every_check_but_revocation_which_is_unknown() -> None:
    result = verify(backend.issue().text)
    assert result.ok
    assert result
    assert [check.name for check in result.checks] == list(CHECKS)
    expected = dict.fromkeys(CHECKS, Outcome.PASS) | {"revocation": Outcome.UNKNOWN}
    assert outcomes(result) == expected
    assert result.failures == ()
    assert result.deviations == ()
    assert result.require() is result
    assert result.at == NOW


def test_the_facts_come_back_typed() -> None:
    facts = verify(backend.issue().text).facts
    assert facts is not None
    assert facts.kind is EventKind.VACCINATION
    assert isinstance(facts.event, Vaccination)
    assert facts.event.date == backend.VACCINATION.date
    assert facts.holder.family_name == "Prøvesen"


def test_the_result_cannot_be_changed() -> None:
    result = verify(GOOD)
    with pytest.raises(AttributeError):
        result.ok = False  # type: ignore[misc]
    with pytest.raises(AttributeError):
        del result.ok
    payload = result.payload
    payload["v"].clear()
    assert result.payload == backend.DCC


def test_no_repr_and_no_error_shows_the_holder() -> None:
    expired = verify(GOOD, LATER + SECOND)
    shown = repr(verify(GOOD)) + repr(expired) + str(expired.checks)
    with pytest.raises(VerificationError) as caught:
        expired.require()
    shown += str(caught.value)
    assert caught.value.failures == expired.failures
    assert isinstance(caught.value, CoronapasError)
    for secret in ("Prøvesen", "PROEVESEN", "1990", "ABCDEFGHIJKL"):
        assert secret not in shown


class Nowhere(tzinfo):
    """A time zone that does not know its offset, as the standard library admits them."""

    def utcoffset(self, _: datetime | None) -> None:
        return None

    dst = utcoffset

    def tzname(self, _: datetime | None) -> None:
        return None


@pytest.mark.parametrize("zone", [None, Nowhere()])
def test_a_moment_without_a_zone_is_a_programming_error(zone: tzinfo | None) -> None:
    with pytest.raises(ValueError, match="zone"):
        verify(GOOD, NOW.replace(tzinfo=zone))


def test_without_a_moment_it_is_now() -> None:
    result = Verifier(backend.trust()).verify(GOOD)
    assert abs(result.at - datetime.now(UTC)) < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("settings_", "message"),
    [
        ({"clock_skew": timedelta(seconds=-1)}, "negative"),
        ({"certificate_time": "never"}, "issued"),
        ({"tolerate": {"prefix.missing", "no.such"}}, "no.such"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings_: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Verifier(backend.trust(), **settings_)


# The layers.


@pytest.mark.parametrize(
    ("text", "check"),
    [
        ("HC2:" + GOOD[4:], "prefix"),
        ("https://example.org/", "prefix"),
        ("", "prefix"),
        (b"\xff", "prefix"),
        (None, "prefix"),
        ("HC1:abc", "base45"),
        ("HC1:" + base45.encode(b"x" * 9), "compression"),
        (envelope.encode(b"\xff"), "cbor"),
        (envelope.encode(cbor2.dumps(5)), "cose"),
        (backend.forge(b"\xff"), "cbor"),
        (backend.forge(b"\x05"), "cbor"),
    ],
    ids=short,
)
def test_a_layer_that_cannot_be_opened_fails_and_the_later_ones_are_skipped(
    text: Any, check: str
) -> None:
    result = verify(text)
    place = CHECKS.index(check)
    assert not result.ok
    assert [found.outcome for found in result.checks] == (
        [Outcome.PASS] * place + [Outcome.FAIL] + [Outcome.SKIPPED] * (len(CHECKS) - place - 1)
    )
    assert (result.envelope, result.payload, result.facts, result.certificate) == (None,) * 4


@pytest.mark.parametrize(
    ("text", "code", "check"),
    [
        (GOOD[4:], "prefix.missing", "prefix"),
        ("HC1:" + base45.encode(envelope.decode(GOOD).cose), "compression.missing", "compression"),
    ],
    ids=short,
)
def test_what_is_opt_in_fails_by_default_and_passes_where_granted(
    text: str, code: str, check: str
) -> None:
    refused = verify(text)
    assert codes(refused) == [code]
    assert refused.failures[0].name == check
    assert not refused.failures[0].sentence.endswith(").")  # no field is meant
    assert refused.payload == backend.DCC
    granted = verify(text, tolerate=FIELD | {code})
    assert granted.ok
    assert [deviation.code for deviation in granted.deviations] == [code]


def test_what_the_field_preset_grants_fails_under_the_strict_one() -> None:
    text = " " + GOOD
    assert verify(text).ok
    assert codes(verify(text, tolerate=STRICT)) == ["prefix.whitespace"]


def test_every_tolerance_that_the_field_preset_grants_is_a_known_one() -> None:
    assert TOLERANCES.keys() >= FIELD
    assert not STRICT


def test_the_limits_are_the_caller_s() -> None:
    assert codes(verify(GOOD, limits=Limits(text=len(GOOD) - 1))) == ["prefix.too-long"]
    assert verify(GOOD, limits=Limits(text=len(GOOD))).ok


# Keys and signatures.


def test_an_unknown_kid_fails_and_no_other_key_is_tried() -> None:
    result = verify(backend.forge(backend.claims(), kid=b"strange!"))
    assert codes(result) == ["identifier.unknown"]
    assert outcomes(result)["signature"] is Outcome.SKIPPED
    assert outcomes(result)["certificate validity"] is Outcome.SKIPPED
    assert outcomes(result)["key usage"] is Outcome.SKIPPED
    assert result.payload is None
    assert result.facts is None


def test_a_pass_without_a_kid_fails() -> None:
    message = cbor2.CBORTag(
        18, [cbor2.dumps({1: -7}), {}, cbor2.dumps(backend.claims()), bytes(64)]
    )
    assert codes(verify(envelope.encode(cbor2.dumps(message)))) == ["identifier.missing"]


@pytest.mark.parametrize("kid", [b"seven!!", b"nine!!!!!", b"", bytes(40)])
def test_a_kid_of_another_length_fails_even_where_the_list_holds_it(kid: bytes) -> None:
    listed = TrustStore([Certificate.load(backend.dsc().certificate, kid=kid)])
    text = backend.forge(backend.claims(), kid=kid)
    result = verify(text, trust=listed)
    assert codes(result) == ["cose.kid-length"]
    assert result.failures[0].sentence == "The kid is not 8 bytes long (kid)."
    assert verify(text, trust=listed, tolerate=FIELD | {"cose.kid-length"}).ok


@pytest.mark.parametrize("algorithm", [-35, -36, -8, -257, 0, 5])
def test_an_algorithm_that_passes_do_not_use_fails(algorithm: int) -> None:
    result = verify(backend.forge(backend.claims(), algorithm=algorithm))
    assert codes(result) == ["cose.algorithm"]
    assert outcomes(result)["signature"] is Outcome.SKIPPED


def test_an_algorithm_that_is_not_the_key_s_fails() -> None:
    rsa = backend.dsc(key="RSA-2048")
    text = backend.forge(backend.claims(), algorithm=cose.PS256)
    assert codes(verify(text)) == ["signature.algorithm"]
    text = backend.forge(backend.claims(), rsa, algorithm=cose.ES256)
    assert codes(verify(text, trust=backend.trust(rsa))) == ["signature.algorithm"]


@pytest.mark.parametrize("key", ["P-256", "RSA-2048", "RSA-3072"])
def test_each_algorithm_verifies(key: str) -> None:
    pair = backend.dsc(key=key)
    assert verify(backend.issue(pair).text, trust=backend.trust(pair)).ok


def with_signature(signature: bytes) -> str:
    message = cbor2.loads(envelope.decode(GOOD).cose).value
    return envelope.encode(cbor2.dumps(cbor2.CBORTag(18, [*message[:3], signature])))


@pytest.mark.parametrize("length", [0, 1, 63, 65, 72, 96, 10_000])
def test_a_signature_of_another_length_fails_and_does_not_crash(length: int) -> None:
    assert codes(verify(with_signature(b"\xff" * length))) == ["signature.length"]


@pytest.mark.parametrize(
    "signature", [bytes(64), b"\xff" * 64, bytes(32) + b"\1" * 32, b"\1" * 32 + bytes(32)]
)
def test_a_wrong_signature_fails_and_content_is_not_handed_out(signature: bytes) -> None:
    result = verify(with_signature(signature))
    assert codes(result) == ["signature.invalid"]
    assert (result.payload, result.facts, result.certificate) == (None,) * 3
    assert result.envelope is not None
    assert result.envelope.dcc == backend.DCC


def test_a_wrong_rsa_signature_fails() -> None:
    pair = backend.dsc(key="RSA-2048")
    message = cbor2.loads(envelope.decode(backend.issue(pair).text).cose).value
    wrong = [*message[:3], bytes(256)]
    text = envelope.encode(cbor2.dumps(cbor2.CBORTag(18, wrong)))
    assert codes(verify(text, trust=backend.trust(pair))) == ["signature.invalid"]


def test_every_certificate_of_a_kid_is_tried() -> None:
    kid = backend.dsc().certificate.kid
    others = [
        Certificate.load(backend.dsc(EventKind.TEST).certificate, kid=kid),
        Certificate.load(backend.dsc(key="RSA-2048").certificate, kid=kid),
    ]
    right = backend.dsc().certificate
    for certificates in ([*others, right], [right, *others], [others[0], right, others[1]]):
        result = verify(GOOD, trust=TrustStore(certificates))
        assert result.ok
        assert result.certificate == right
    assert codes(verify(GOOD, trust=TrustStore(others))) == ["signature.invalid"]


def test_a_certificate_that_cannot_be_read_is_passed_over_and_told() -> None:
    kid = backend.dsc().certificate.kid
    broken = Certificate.from_public_key(b"\x30\x03\x02\x01\x05", kid=kid)
    assert verify(GOOD, trust=TrustStore([broken, backend.dsc().certificate])).ok
    assert codes(verify(GOOD, trust=TrustStore([broken]))) == ["identifier.unreadable"]


def test_a_key_on_another_curve_is_told_and_granted_in_the_field() -> None:
    key, certificate = _on_p384(authority=False)
    listed = TrustStore([certificate])
    text = _signed_on_p384(key, certificate)
    result = verify(text, trust=listed)
    assert result.ok
    assert [deviation.code for deviation in result.deviations] == ["certificate.key-kind"]
    assert codes(verify(text, trust=listed, tolerate=STRICT)) == ["certificate.key-kind"]


def test_the_certificate_of_an_authority_signs_no_pass_unless_that_is_granted() -> None:
    key, certificate = _on_p384(authority=True)
    listed = TrustStore([certificate])
    text = _signed_on_p384(key, certificate)
    assert codes(verify(text, trust=listed)) == ["certificate.authority"]
    assert verify(text, trust=listed, tolerate=FIELD | {"certificate.authority"}).ok


def test_a_csca_that_may_sign_certificates_alone_signs_no_pass() -> None:
    authority = backend.csca()
    text = backend.forge(
        backend.claims(), keys.KeyPair(authority.private_key, authority.certificate)
    )
    trust = TrustStore([authority.certificate])
    granted = FIELD | {"certificate.authority"}
    assert codes(verify(text, trust=trust, tolerate=granted)) == ["usage.no-signature"]


def _on_p384(*, authority: bool) -> tuple[Any, Certificate]:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding

    key = ec.generate_private_key(ec.SECP384R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COUNTRY_NAME, "DK")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(backend.BEGIN)
        .not_valid_after(LATER + timedelta(days=365))
        .add_extension(x509.BasicConstraints(authority, None), critical=True)
    )
    made = builder.sign(key, hashes.SHA256())
    return key, Certificate(made.public_bytes(Encoding.DER))


def _signed_on_p384(key: Any, certificate: Certificate) -> str:
    payload = cbor2.dumps(backend.claims())
    return envelope.encode(
        cose.sign1(payload, algorithm=cose.ES256, kid=certificate.kid, sign=_p384(key))
    )


def _p384(key: Any) -> Any:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    from coronapas import _signatures as signatures

    return lambda data: signatures.from_der(key.sign(data, ec.ECDSA(hashes.SHA256())), 48)


@pytest.mark.parametrize("key", ["RSA-1024", "RSA-4096", "secp256k1", "Ed25519"])
def test_keys_outside_the_profile_are_judged_by_their_kind(key: str) -> None:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    made: Any = {
        "RSA-1024": lambda: rsa.generate_private_key(65537, 1024),
        "RSA-4096": lambda: rsa.generate_private_key(65537, 4096),
        "secp256k1": lambda: ec.generate_private_key(ec.SECP256K1()),
        "Ed25519": ed25519.Ed25519PrivateKey.generate,
    }[key]()
    spki = made.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    kid = b"odd key!"
    listed = TrustStore([Certificate.from_public_key(spki, kid=kid)])
    if key == "RSA-4096":
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import padding

        pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)

        message = cose.sign1(
            cbor2.dumps(backend.claims()),
            algorithm=cose.PS256,
            kid=kid,
            sign=lambda data: made.sign(data, pss, hashes.SHA256()),
        )
        result = verify(envelope.encode(message), trust=listed)
        assert result.ok
        assert [found.code for found in result.deviations] == ["certificate.key-kind"]
        assert outcomes(result)["certificate validity"] is Outcome.UNKNOWN
    else:
        for algorithm in (cose.ES256, cose.PS256):
            text = backend.forge(backend.claims(), kid=kid, algorithm=algorithm)
            assert codes(verify(text, trust=listed)) == ["signature.algorithm"]


def listed_until(moment: datetime) -> TrustStore:
    source = Source("plain", "national", issued=NOW - DAY, expires=moment)
    return TrustStore.from_lists(TrustList(source, (backend.dsc().certificate,)))


def test_a_list_that_is_too_old_fails_closed_and_is_told_from_an_unknown_key() -> None:
    trust = listed_until(NOW)
    verifier = Verifier(trust)
    for _ in "close", "quick":
        assert verifier.verify(GOOD, NOW).ok
        late = verifier.verify(GOOD, NOW + SECOND)
        assert codes(late) == ["identifier.list-expired"]
        assert late.check("signature").outcome is Outcome.SKIPPED


def test_the_list_that_vouches_for_the_key_is_named_with_its_date() -> None:
    verifier = Verifier(listed_until(NOW))
    for _ in "close", "quick":
        result = verifier.verify(GOOD, NOW)
        assert [(one.name, one.issued) for one in result.sources] == [("national", NOW - DAY)]
        assert "by the list national of 2021-08-31 12:00 UTC" in result.check("signature").sentence
    assert verify(GOOD, trust=TrustStore()).sources == ()
    assert "list" not in verify(GOOD).check("signature").sentence


def test_a_key_that_a_list_dropped_is_told_from_an_unknown_one() -> None:
    kid = backend.dsc().certificate.kid
    trust = TrustStore((), [Dropped(kid, "its signature does not hold")])
    result = verify(GOOD, trust=trust)
    assert codes(result) == ["identifier.dropped"]
    assert "its signature does not hold" in result.failures[0].sentence


# The certificate.


def lifetimes(**bounds: Any) -> tuple[Verification, Verification]:
    """The result by the two ways to look at a certificate valid from `first` to `last`."""
    first, last = bounds["first"], bounds["last"]
    authority = keys.make_csca("DK", valid_from=first - SECOND, valid_for=last - first + 9 * SECOND)
    pair = authority.issue_dsc(valid_from=first, valid_for=last - first)
    text = backend.forge(backend.claims(iat=bounds["iat"], exp=bounds["exp"]), pair)
    listed = backend.trust(pair)
    now, issued = (
        verify(text, bounds["at"], trust=listed, certificate_time=way) for way in ("now", "issued")
    )
    return now, issued


DAY = timedelta(days=1)
FIRST, LAST = NOW - 10 * DAY, NOW + 10 * DAY


@pytest.mark.parametrize(
    ("at", "iat", "exp", "now_code", "issued_code"),
    [
        (NOW, NOW, NOW + DAY, None, None),
        (LAST, NOW, LAST, None, None),
        (LAST + SECOND, NOW, LAST + DAY, "validity.over", None),
        (NOW, FIRST, NOW + DAY, None, None),
        (NOW, FIRST - SECOND, NOW + DAY, *["validity.not-when-issued"] * 2),
        (LAST + DAY, LAST + SECOND, LAST + DAY, *["validity.not-when-issued"] * 2),
    ],
)
def test_the_certificate_is_held_against_issue_and_check(
    at: datetime, iat: datetime, exp: datetime, now_code: str | None, issued_code: str | None
) -> None:
    results = lifetimes(
        first=FIRST, last=LAST, at=at, iat=int(iat.timestamp()), exp=int(exp.timestamp())
    )
    for result, code in zip(results, (now_code, issued_code), strict=True):
        assert codes(result) == ([] if code is None else [code])


def test_a_certificate_that_is_not_valid_yet_gets_the_skew_and_no_more() -> None:
    for early, expected in ((DEFAULT_CLOCK_SKEW, []), (DEFAULT_CLOCK_SKEW + SECOND, None)):
        result, _ = lifetimes(
            first=FIRST,
            last=LAST,
            at=FIRST - early,
            iat=int(FIRST.timestamp()),
            exp=int(NOW.timestamp()),
        )
        assert codes(result) == (["validity.not-begun", "time.not-yet"] if expected is None else [])


def test_a_pass_that_outlives_its_certificate_is_told() -> None:
    result, _ = lifetimes(
        first=FIRST, last=LAST, at=NOW, iat=int(NOW.timestamp()), exp=int(LAST.timestamp()) + 1
    )
    assert result.ok
    assert [found.code for found in result.deviations] == ["certificate.outlived"]


@pytest.mark.parametrize("usage", list(EventKind))
@pytest.mark.parametrize("kind", list(EventKind))
def test_the_key_usage_covers_its_own_kind_alone(usage: EventKind, kind: EventKind) -> None:
    whole = {name: value for name, value in backend.DCC.items() if name != "v"}
    recovery = {
        **{name: backend.DCC["v"][0][name] for name in ("tg", "co", "is", "ci")},
        "fr": "2021-05-01",
        "df": "2021-05-12",
        "du": "2021-10-28",
    }
    dcc = {
        EventKind.VACCINATION: backend.DCC,
        EventKind.TEST: pcr(),
        EventKind.RECOVERY: {**whole, "r": [recovery]},
    }[kind]
    pair = backend.dsc(usage)
    result = verify(backend.forge(backend.claims(dcc), pair), trust=backend.trust(pair))
    assert codes(result) == ([] if usage is kind else ["usage.not-allowed"])


def test_the_key_usage_of_a_pass_without_event_cannot_be_judged() -> None:
    pair = backend.dsc(EventKind.TEST)
    dcc = {name: value for name, value in backend.DCC.items() if name != "v"}
    result = verify(backend.forge(backend.claims(dcc), pair), trust=backend.trust(pair))
    assert outcomes(result)["key usage"] is Outcome.SKIPPED
    assert not result.ok


# Time.


def at(moment: datetime) -> int:
    return int(moment.timestamp())


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (LATER, []),
        (LATER + timedelta(microseconds=1), ["time.expired"]),
        (LATER + SECOND, ["time.expired"]),
        (NOW, []),
        (NOW - DEFAULT_CLOCK_SKEW, []),
        (NOW - DEFAULT_CLOCK_SKEW - SECOND, ["time.not-yet"]),
    ],
)
def test_both_ends_of_the_validity_are_inclusive_and_only_the_first_has_skew(
    moment: datetime, expected: list[str]
) -> None:
    assert codes(verify(GOOD, moment)) == expected


def test_without_skew_a_pass_begins_with_its_issue() -> None:
    assert verify(GOOD, NOW, clock_skew=timedelta(0)).ok
    result = verify(GOOD, NOW - SECOND, clock_skew=timedelta(0))
    assert codes(result) == ["time.not-yet"]


@pytest.mark.parametrize("value", [..., None, "soon", float("nan"), float("inf"), True])
def test_a_pass_without_a_usable_end_fails(value: Any) -> None:
    assert codes(verify(backend.forge(backend.claims(exp=value)))) == ["time.no-end"]


def test_a_pass_that_ends_before_it_begins_fails() -> None:
    text = backend.forge(backend.claims(exp=at(NOW) - 1))
    assert codes(verify(text, NOW - SECOND)) == ["time.order"]


def test_a_pass_without_a_time_of_issue_fails_unless_granted() -> None:
    text = backend.forge(backend.claims(iat=...))
    assert codes(verify(text)) == ["cwt.missing-iat"]
    assert verify(text, tolerate=FIELD | {"cwt.missing-iat"}).ok


@pytest.mark.parametrize("value", [2**80, -(2**80), 2**63])
def test_times_far_outside_the_calendar_do_no_harm(value: int) -> None:
    result = verify(backend.forge(backend.claims(exp=value, iat=value)))
    assert not result.ok


def test_several_faults_are_all_told() -> None:
    dcc = {**backend.DCC, "t": pcr()["t"]}
    result = verify(backend.forge(backend.claims(dcc, iat=at(LATER) + 1)), LATER + SECOND)
    assert [check.name for check in result.failures] == ["time", "content"]
    assert "expired" in result.failures[0].sentence
    assert "before it was issued" in result.failures[0].sentence


# Content.


def test_a_pass_of_another_kind_holds_no_dcc() -> None:
    absent: tuple[Any, ...] = (..., None, {9: {}}, "x")
    for hcert in absent:
        result = verify(backend.forge(backend.claims(hcert=hcert)))
        assert codes(result) == ["content.no-dcc"]
        assert result.facts is None


def test_two_events_are_rejected() -> None:
    two = {**backend.DCC, "v": backend.DCC["v"] * 2}
    both = {**backend.DCC, "t": pcr()["t"]}
    for dcc in (two, both):
        assert "content.several-events" in codes(verify(backend.forge(backend.claims(dcc))))


def test_of_two_events_that_are_granted_every_one_is_in_the_facts() -> None:
    first, second = backend.DCC["v"][0], {**backend.DCC["v"][0], "dt": "2021-04-01", "dn": 1}
    tolerate = FIELD | {"content.several-events"}
    for entries in ([first, second], [second, first]):
        result = verify(backend.forge(backend.claims({**backend.DCC, "v": entries})))
        assert codes(result) == ["content.several-events"]
        granted = verify(
            backend.forge(backend.claims({**backend.DCC, "v": entries})), tolerate=tolerate
        )
        assert granted.ok
        assert granted.facts is not None
        events = [one.event for one in granted.all_facts]
        assert [getattr(one, "dose_number", None) for one in events] == [2, 1]
        assert granted.facts.event == events[0]


@pytest.mark.parametrize("usage", [(), (EventKind.VACCINATION,), tuple(EventKind)])
def test_a_certificate_must_cover_every_kind_of_a_pass_with_several(
    usage: tuple[EventKind, ...],
) -> None:
    pair = backend.dsc(*usage)
    text = backend.forge(backend.claims({**backend.DCC, "t": pcr()["t"]}), pair)
    tolerate = FIELD | {"content.several-events"}
    result = verify(text, trust=backend.trust(pair), tolerate=tolerate)
    assert codes(result) == ([] if len(usage) != 1 else ["usage.not-allowed"])
    assert result.ok == (len(usage) != 1)


@pytest.mark.parametrize("place", [0, 1])
def test_each_of_several_events_is_judged(place: int) -> None:
    for changes, code in (
        ({"tg": "6142004"}, "content.disease"),
        ({"dt": "2031-01-01"}, "content.in-future"),
        ({"dt": "1980-01-01"}, "content.born-after"),
    ):
        entries = [{**backend.DCC["v"][0]}, {**backend.DCC["v"][0], "ci": "URN:UVCI:01:DK:B"}]
        entries[place] |= changes
        text = backend.forge(backend.claims({**backend.DCC, "v": entries}))
        result = verify(text, tolerate=FIELD | {"content.several-events"})
        assert codes(result) == [code]
        assert {one.field.split(".")[1] for one in result.deviations if one.code == code} == {
            str(place)
        }


@pytest.mark.parametrize("group", [None, []])
def test_a_group_without_entries_beside_the_real_one_is_told_and_granted(group: Any) -> None:
    result = verify(backend.forge(backend.claims({**backend.DCC, "t": group})))
    assert result.ok
    assert [found.code for found in result.deviations] == ["content.null-group"]


def test_a_positive_test_is_shown_as_what_it_is_and_proves_nothing() -> None:
    text = backend.forge(backend.claims(pcr(tr="260373001")))
    result = verify(text)
    assert codes(result) == ["content.positive-test"]
    assert result.facts is not None
    assert getattr(result.facts.event, "result", None) == "260373001"
    assert verify(text, tolerate=FIELD | {"content.positive-test"}).ok


def test_a_result_that_nobody_knows_proves_nothing_either() -> None:
    text = backend.forge(backend.claims(pcr(tr="123456")))
    assert codes(verify(text)) == ["content.unknown-result"]


@pytest.mark.parametrize(
    ("ahead", "expected"),
    [
        (timedelta(0), []),
        (DEFAULT_CLOCK_SKEW, []),
        (DEFAULT_CLOCK_SKEW + SECOND, ["content.sampled-in-future"]),
    ],
)
def test_a_sample_from_the_future_fails(ahead: timedelta, expected: list[str]) -> None:
    moment = (NOW + ahead).isoformat()
    result = verify(backend.forge(backend.claims(pcr(sc=moment))))
    assert codes(result) == expected


def recovery(**changes: Any) -> dict[str, Any]:
    entry = {name: backend.DCC["v"][0][name] for name in ("tg", "co", "is", "ci")}
    dates = {"fr": "2021-08-01", "df": "2021-08-12", "du": "2022-01-28"}
    whole = {name: value for name, value in backend.DCC.items() if name != "v"}
    return {**whole, "r": [{**entry, **dates, **changes}]}


MAKERS: dict[str, Any] = {"v": event, "t": pcr, "r": recovery}
HOUR = timedelta(hours=1)


@pytest.mark.parametrize("group", MAKERS)
@pytest.mark.parametrize("disease", ["6142004", "840539007", "0", "COVID-19"])
def test_another_disease_is_granted_by_no_preset(group: str, disease: str) -> None:
    text = backend.forge(backend.claims(MAKERS[group](tg=disease)))
    for preset in (FIELD, STRICT):
        result = verify(text, tolerate=preset)
        assert codes(result)[0] == ("content.disease" if preset else "content.value-set")
        assert ("content.disease", f"{group}.0.tg") in {
            (one.code, one.field) for one in result.deviations
        }
    assert verify(text, tolerate=FIELD | {"content.disease"}).ok


@given(
    st.sampled_from([("v", "dt"), ("r", "fr")]),
    st.integers(-2, 3),
    st.integers(0, 24 * 3600 - 1),
)
@settings(max_examples=40)
def test_a_day_is_in_the_future_until_it_has_begun_somewhere(
    where: tuple[str, str], days: int, second: int
) -> None:
    group, name = where
    at = NOW.replace(hour=0) + timedelta(seconds=second)
    day = (at + timedelta(days=days)).date()
    begins = datetime(day.year, day.month, day.day, tzinfo=UTC) - 14 * HOUR
    text = backend.forge(backend.claims(MAKERS[group](**{name: day.isoformat()}), iat=0))
    result = verify(text, at, certificate_time="now", tolerate=FIELD | {"certificate.outlived"})
    found = [(one.code, one.field) for one in result.deviations]
    expected = [("content.in-future", f"{group}.0.{name}")] if at < begins else []
    assert [one for one in found if one[0].startswith("content.")] == expected


@pytest.mark.parametrize("zone", ["Z", "+14:00", "-12:00"])
@pytest.mark.parametrize("ahead", [timedelta(0), DEFAULT_CLOCK_SKEW, DEFAULT_CLOCK_SKEW + SECOND])
def test_a_result_is_a_moment_as_a_sample_is(ahead: timedelta, zone: str) -> None:
    offset = timedelta(hours=0 if zone == "Z" else int(zone[:3]))
    moment = f"{(NOW + ahead + offset).replace(tzinfo=None).isoformat()}{zone}"
    dcc = {**pcr(dr=moment), "ver": "1.1.0"}
    late = ["content.in-future"] if ahead > DEFAULT_CLOCK_SKEW else []
    assert codes(verify(backend.forge(backend.claims(dcc)))) == late


@pytest.mark.parametrize(
    ("born", "found"),
    [
        ("2021-09-01", []),
        ("2021-09-02", []),
        ("2021-09-03", ["in-future"]),
        ("2021", []),
        ("2021-09", []),
        ("2021-10", ["in-future"]),
        ("2022", ["in-future"]),
        ("2022-00-00", ["in-future"]),
        (" 2031-01-01", ["in-future"]),
        ("\t2031", ["in-future"]),
        ("2031-01-01T00:00:00", ["in-future"]),
        ("", []),
    ],
)
def test_a_birth_in_the_future_is_one_in_every_form(born: str, found: list[str]) -> None:
    dcc = {**event(dt="2021-09-02"), "dob": born}
    told = verify(backend.forge(backend.claims(dcc)), NOW.replace(hour=12)).deviations
    expected = {f"content.{one}" for one in found}
    kinds = {"content.in-future", "content.born-after"}
    assert {one.code for one in told if one.field == "dob"} & kinds == expected


@pytest.mark.parametrize(
    ("group", "name", "when", "born", "late"),
    [
        ("v", "dt", "2021-06-01", "2021-06-01", False),
        ("v", "dt", "2021-06-01", "2021-06-02", True),
        ("v", "dt", "2021-06-01", "2021-06", False),
        ("v", "dt", "2021-06-01", "2021-07", True),
        ("v", "dt", "2021-06-01", "2021", False),
        ("v", "dt", " 2021-06-01", " 2021-06-02", True),
        ("v", "dt", "2021-06-01T00:00:00+02:00", "2021-06-01", False),
        ("r", "fr", "2021-06-01", "2021-06-02", True),
        ("r", "fr", "2021-06-01", "2021-06-01", False),
        ("t", "sc", "2021-08-20T09:59:59Z", "2021-08-21", True),
        ("t", "sc", "2021-08-20T10:00:00Z", "2021-08-21", False),
        ("t", "sc", "2021-08-20T23:00:00-12:00", "2021-08-22", False),
        ("t", "sc", "2021-08-20 23:00", "2021-08-22", True),
    ],
)
def test_nobody_is_born_after_an_event(
    group: str, name: str, when: str, born: str, late: bool
) -> None:
    dcc = {**MAKERS[group](**{name: when}), "dob": born}
    text = backend.forge(backend.claims(dcc))
    result = verify(text)
    assert codes(result) == (["content.born-after"] if late else [])
    if late:
        assert [one.field for one in result.deviations][-1] == f"{group}.0.{name}"
        assert verify(text, tolerate=FIELD | {"content.born-after"}).ok


def test_the_days_of_a_recovery_s_validity_may_lie_ahead() -> None:
    dcc = recovery(fr="2021-08-30", df="2021-09-10", du="2022-02-26")
    result = verify(backend.forge(backend.claims(dcc)))
    assert (result.ok, result.deviations) == (True, ())


@pytest.mark.parametrize("country", ["GB", "SE", "gb", " GB"])
def test_an_issuer_of_another_country_than_the_certificate_fails(country: str) -> None:
    text = backend.forge(backend.claims(iss=country))
    result = verify(text)
    assert codes(result) == ["cwt.issuer-country"]
    assert result.check("key usage").outcome is Outcome.FAIL
    assert verify(text, tolerate=FIELD | {"cwt.issuer-country"}).ok


@pytest.mark.parametrize("issuer", ["DK", "dk", "DK ", ..., "Sundhedsdatastyrelsen", ""])
def test_an_issuer_may_be_absent_and_one_that_is_no_country_says_nothing(issuer: Any) -> None:
    result = verify(backend.forge(backend.claims(iss=issuer)))
    assert "cwt.issuer-country" not in {one.code for one in result.deviations}
    assert result.ok


def test_a_manufacturer_or_kind_of_vaccine_of_another_product_is_told_and_granted() -> None:
    text = backend.forge(backend.claims(event(mp="EU/1/21/1529")))
    result = verify(text)
    assert result.ok
    assert [(one.code, one.field) for one in result.deviations] == [
        ("content.product", "v.0.vp"),
        ("content.product", "v.0.ma"),
    ]
    assert codes(verify(text, tolerate=STRICT)) == ["content.product"]


def test_codes_are_judged_by_the_caller_s_value_sets() -> None:
    text = backend.forge(backend.claims(event(mp="EU/9/99/9999")))
    assert [found.code for found in verify(text).deviations] == ["content.value-set"]
    assert codes(verify(text, tolerate=STRICT)) == ["content.value-set"]
    bundled = verify(text, tolerate=STRICT, value_sets=ValueSets.default())
    assert codes(bundled) == ["content.value-set"]


def test_revocation_that_must_be_known_fails_where_it_is_not() -> None:
    result = verify(GOOD, refuse_unknown_revocation=True)
    assert not result.ok
    assert codes(result) == ["revocation.no-data"]


def test_a_revoked_pass_fails_and_the_list_is_named() -> None:
    listed = hashes_of(envelope.decode(GOOD)).uci
    assert listed is not None
    store = RevocationStore([revoking([listed])])
    result = verify(GOOD, revocation=store)
    assert codes(result) == ["revocation.revoked"]
    assert result.revocation is not None
    assert result.revocation.source == "a list"
    assert "a list" in result.check("revocation").sentence
    assert result.payload == backend.DCC


def test_a_pass_that_no_list_holds_passes_the_check() -> None:
    store = RevocationStore([revoking([bytes(16)])])
    for refuse in (False, True):
        result = verify(GOOD, revocation=store, refuse_unknown_revocation=refuse)
        assert result.ok
        assert result.check("revocation").outcome is Outcome.PASS


def test_what_the_data_cannot_tell_is_unknown_and_the_caller_s_to_refuse() -> None:
    store = RevocationStore()
    told = verify(GOOD, revocation=store)
    assert told.ok
    assert told.check("revocation").outcome is Outcome.UNKNOWN
    refused = verify(GOOD, revocation=store, refuse_unknown_revocation=True)
    assert codes(refused) == ["revocation.no-data"]


def test_a_pass_whose_signature_does_not_hold_is_not_looked_up() -> None:
    result = verify(with_signature(bytes(64)), revocation=RevocationStore())
    assert result.check("revocation").outcome is Outcome.SKIPPED
    assert result.revocation is None


def revoking(hashes: list[bytes]) -> RevocationList:
    batch = Batch("1", HashType.UCI, b"".join(hashes))
    return RevocationList("a list", NOW, batches=(batch,))


# The quick look and the close one.


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=10)
    | st.binary(max_size=10)
    | st.just(cbor2.CBORTag(99, 1)),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["v", "t", "r", "ver", "nam", "dob", "sc", "tr", "dn"])
            | st.integers(-260, 8)
            | st.binary(max_size=3),
            inner,
            max_size=5,
        )
    ),
    max_leaves=15,
)


def same(one: Verification, other: Verification) -> bool:
    parts = ("ok", "checks", "deviations", "facts", "certificate", "at")
    # A payload may be NaN, which is not even equal to itself.
    return (
        all(getattr(one, part) == getattr(other, part) for part in parts)
        and cbor2.dumps(one.payload) == cbor2.dumps(other.payload)
        and layers(one) == layers(other)
    )


def layers(found: Verification) -> tuple[Any, ...] | None:
    opened = found.envelope
    return opened and (opened.text, opened.compressed, opened.cose, opened.deviations)


@given(st.data())
@settings(max_examples=150)
def test_the_quick_look_says_what_the_close_one_says(data: st.DataObject) -> None:
    usages = data.draw(st.sampled_from([(), (EventKind.TEST,), (EventKind.VACCINATION,)]))
    pair = backend.dsc(*usages)
    sampled = st.sampled_from(
        ["2021-08-31T08:00:00Z", "2021-08-31T08:00:00+02:00", "2021-08-31T08:00:00", "never"]
        + [(NOW + timedelta(minutes=minutes)).isoformat() for minutes in (-1, 0, 1, 5, 6)]
    )
    dcc = data.draw(
        st.one_of(
            st.just(backend.DCC),
            st.builds(event, ci=st.sampled_from(["URN:UVCI:01:DK:A", "01:DK:odd#x", " x"])),
            st.builds(pcr, sc=sampled, tr=st.sampled_from(["260415000", "260373001", "x", ""])),
            st.just({**backend.DCC, "t": None}),
            st.just({**pcr(), "t": pcr()["t"] * 2}),
            VALUES,
        )
    )
    times = st.integers(-400 * 86_400, 800 * 86_400).map(lambda offset: at(NOW) + offset)
    content = backend.claims(
        dcc, exp=data.draw(st.just(at(LATER)) | times), iat=data.draw(st.just(at(NOW)) | times)
    )
    text = backend.forge(content, pair)
    verifier = Verifier(
        backend.trust(pair),
        tolerate=data.draw(st.sampled_from([STRICT, FIELD, TOLERANCES.keys()])),
        certificate_time=data.draw(st.sampled_from(["now", "issued"])),
    )
    moment = data.draw(st.sampled_from([NOW, LATER, LATER + SECOND, NOW - SECOND]))
    first = verifier.verify(text, moment)  # meets the key, so it looks closely
    assert same(first, verifier.verify(text, moment))


def test_the_quick_look_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    verifier = Verifier(backend.trust())
    verifier.verify(GOOD, NOW)
    monkeypatch.delattr(Verifier, "_verify")
    assert verifier.verify(GOOD, NOW).ok
    assert verifier.verify(GOOD.encode(), NOW).ok
    assert verifier.verify(backend.forge(backend.claims(pcr())), NOW).ok


# Every text.


def test_any_change_of_one_character_is_never_ok_with_other_content() -> None:
    verifier = Verifier(backend.trust())
    for place in range(len(GOOD)):
        for character in "0A%:" + base45.ALPHABET[(place * 7) % 45]:
            if GOOD[place] != character:
                changed = GOOD[:place] + character + GOOD[place + 1 :]
                result = verifier.verify(changed, NOW)
                assert not result.ok or result.payload == backend.DCC
                assert not result.ok or result.facts == verifier.verify(GOOD, NOW).facts


@given(st.data())
def test_a_tampered_message_is_never_ok_with_other_content(data: st.DataObject) -> None:
    message = bytearray(envelope.decode(GOOD).cose)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(message) - 1))
        message[place] = data.draw(st.integers(0, 255))
    result = verify(envelope.encode(bytes(message)))
    assert not result.ok or result.payload == backend.DCC


@given(st.text(max_size=400) | st.binary(max_size=400))
def test_no_text_and_no_bytes_make_it_raise(text: str | bytes) -> None:
    result = verify(text)
    assert not result.ok
    assert len(result.checks) == len(CHECKS)


@given(VALUES, st.sampled_from([(), (EventKind.TEST,)]))
@settings(max_examples=200)
def test_whatever_a_trusted_key_signs_does_not_make_it_raise(
    value: Any, usages: tuple[EventKind, ...]
) -> None:
    pair = backend.dsc(*usages)
    for content in (value, backend.claims(value), {**backend.claims(), 4: value, 6: value}):
        result = verify(backend.forge(cbor2.dumps(content), pair), trust=backend.trust(pair))
        assert result.checks
        assert result.failures or result.ok
        assert result.facts is None or result.certificate is not None


def test_one_verifier_serves_many_threads() -> None:
    from concurrent.futures import ThreadPoolExecutor

    verifier = Verifier(backend.trust())
    texts = [GOOD, " " + GOOD, GOOD[4:], "HC1:", GOOD] * 20
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda text: verifier.verify(text, NOW).ok, texts))
    assert results == [True, True, False, False, True] * 20


def test_a_verifier_can_go_to_another_process() -> None:
    verifier = Verifier(backend.trust())
    assert verifier.verify(GOOD, NOW).ok
    assert pickle.loads(pickle.dumps(verifier)).verify(GOOD, NOW).ok


def test_a_check_names_its_certificate() -> None:
    signature = next(check for check in verify(GOOD).checks if check.name == "signature")
    assert isinstance(signature, Check)
    assert backend.dsc().certificate.kid.hex() in signature.sentence
    assert "DK" in signature.sentence


def test_a_check_is_found_by_its_name() -> None:
    assert verify(GOOD).check("time").outcome is Outcome.PASS
    assert verify(GOOD, LATER + SECOND).check("time").code == "time.expired"
    with pytest.raises(KeyError):
        verify(GOOD).check("weather")


def test_settings_of_the_wrong_type_are_refused_when_they_are_made() -> None:
    with pytest.raises(TypeError, match="from_certificates"):
        Verifier([backend.dsc().certificate])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="collection of names"):
        Verifier(backend.trust(), tolerate="prefix.missing")
    with pytest.raises(TypeError, match="datetime"):
        Verifier(backend.trust()).verify(GOOD, 5)  # type: ignore[arg-type]


# Checks fail closed: whatever a later layer does, a departure that is not granted fails its check.

_MESSAGE = envelope.decode(GOOD).cose
_BODIES: dict[str, tuple[str, bytes]] = {
    # What is compressed, and the check that it fails.
    "cut message": ("cbor", _MESSAGE[:-1]),
    "no message": ("cbor", b"\xff"),
    "another item": ("cose", cbor2.dumps({1: 2})),
    "no claims": ("cbor", cose.sign1(b"\x01", algorithm=-7, kid=bytes(8), sign=lambda _: b"x")),
    "whole": ("", _MESSAGE),
}
_DEPARTURES: dict[str, str] = {
    "prefix.missing": "prefix",
    "compression.missing": "compression",
    "prefix.whitespace": "prefix",
}


@pytest.mark.parametrize("body", _BODIES)
@pytest.mark.parametrize("codes_", [*((one,) for one in _DEPARTURES), tuple(_DEPARTURES)])
@pytest.mark.parametrize("granted", [STRICT, frozenset({"prefix.whitespace"}), FIELD])
def test_a_departure_that_is_not_granted_never_passes_whatever_fails_later(
    body: str, codes_: tuple[str, ...], granted: frozenset[str]
) -> None:
    failing, data = _BODIES[body]
    raw = "compression.missing" in codes_
    text = "HC1:" + base45.encode(data) if raw else envelope.encode(data)
    if "prefix.missing" in codes_:
        text = text.removeprefix("HC1:")
    if "prefix.whitespace" in codes_:
        text = f" {text}\n"
    result = verify(text, tolerate=granted)
    found = outcomes(result)
    refused = [code for code in codes_ if code not in granted]
    assert not (refused or failing) or not result.ok
    for code in refused:
        check = _DEPARTURES[code]
        # Where the text is not even known to be a pass, nothing behind its beginning was looked at.
        lost = "prefix.missing" in refused and check != "prefix"
        assert found[check] in ({Outcome.FAIL, Outcome.SKIPPED} if lost else {Outcome.FAIL})
    if failing:
        later = CHECKS[CHECKS.index(failing) + 1 :]
        assert Outcome.PASS not in {found[name] for name in later}
        assert found[failing] is not Outcome.PASS


@pytest.mark.parametrize("place", range(4, 60, 5))
@pytest.mark.parametrize("granted", [STRICT, FIELD])
def test_white_space_under_strict_fails_the_prefix_beside_any_broken_text(
    place: int, granted: frozenset[str]
) -> None:
    broken = f" {GOOD[:place]}\u00e9{GOOD[place:]}"
    result = verify(broken, tolerate=granted)
    assert outcomes(result)["base45"] is Outcome.FAIL
    prefix = result.check("prefix")
    assert prefix.outcome is (Outcome.PASS if granted else Outcome.FAIL)
    assert prefix.code == ("prefix.ok" if granted else "prefix.whitespace")
