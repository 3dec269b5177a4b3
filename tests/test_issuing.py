"""The issuer: what it issues verifies everywhere; what it refuses it refuses with every reason."""

from __future__ import annotations

import pickle
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from typing import Any

import cbor2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

import backend
import strategies
from backend import HOLDER, LATER, NOW, VACCINATION
from coronapas.errors import IssueError
from coronapas.facts import Event, EventKind, Holder, Recovery, Test, TestKind, TestResult, kind_of
from coronapas.hcert import _envelope as envelope
from coronapas.issue import Issuer
from coronapas.signing import Signer
from coronapas.verify._verifier import Verifier

RECOVERY = Recovery(date(2021, 5, 1), date(2021, 5, 12), date(2021, 10, 28))
NEGATIVE = Test(
    TestKind.NAAT,
    datetime(2021, 8, 31, 8, tzinfo=UTC),
    TestResult.NOT_DETECTED,
    centre="Teststed 7",
)
EVENTS: dict[EventKind, Event] = {
    EventKind.VACCINATION: VACCINATION,
    EventKind.TEST: NEGATIVE,
    EventKind.RECOVERY: RECOVERY,
}


TIMES = {"issued_at": NOW, "expires": LATER}


def issuer(*usages: EventKind, key: str = "P-256", **settings: Any) -> Issuer:
    return Issuer("DK", backend.dsc(*usages, key=key).signer(), **settings)


def refused(made: Issuer, holder: Any = HOLDER, event: Any = VACCINATION, **more: Any) -> list[str]:
    options = {"expires": LATER, "issued_at": NOW, **more}
    with pytest.raises(IssueError) as caught:
        made.issue(holder, event, **options)
    assert "Prøvesen" not in str(caught.value)
    return [fault.code for fault in caught.value.faults]


@pytest.mark.parametrize("kind", list(EventKind))
@pytest.mark.parametrize("key", ["P-256", "RSA-2048", "RSA-3072"])
def test_each_kind_of_pass_is_issued_and_verifies(kind: EventKind, key: str) -> None:
    issued = issuer(kind, key=key).issue(HOLDER, EVENTS[kind], expires=LATER, issued_at=NOW)
    trust = backend.trust(backend.dsc(kind, key=key))
    result = Verifier(trust, tolerate=()).verify(issued.text, NOW)
    assert result.ok
    assert result.deviations == ()
    assert result.facts is not None
    assert result.facts.kind is kind
    assert result.facts.uvci == issued.uvci
    assert issued.message == envelope.decode(issued.text).cose


@given(strategies.cases())
def test_facts_come_back_as_they_went_in(case: strategies.Case) -> None:
    made = Issuer(
        case.country, Signer(backend.dsc().private_key, kid=b"no cert!"), name=case.issuer
    )
    begin = strategies.ISSUED_ON
    begin = (
        begin if isinstance(begin, datetime) else datetime(*begin.timetuple()[:3], 23, tzinfo=UTC)
    )
    issued = made.issue(
        case.holder, case.event, expires=timedelta(days=1), issued_at=begin, uvci=case.uvci
    )
    from coronapas.trust._certificate import Certificate
    from coronapas.trust._store import TrustStore

    listed = Certificate.load(backend.dsc().certificate, kid=b"no cert!")
    verifier = Verifier(TrustStore([listed]), tolerate=(), certificate_time="issued")
    result = verifier.verify(issued.text, begin)
    unexpected = [
        check.code
        for check in result.failures
        if check.code
        not in ("validity.not-when-issued", "content.positive-test", "cwt.issuer-country")
    ]
    assert unexpected == []
    assert result.facts is not None
    assert result.facts.uvci == case.uvci
    assert kind_of(result.facts.event) is kind_of(case.event)
    assert result.facts.holder.birth_date == case.holder.birth_date


def test_the_validity_is_cut_to_whole_seconds_and_stated_in_utc() -> None:
    zone = timezone(timedelta(hours=2))
    begin = NOW.astimezone(zone).replace(microsecond=999_999)
    issued = issuer().issue(HOLDER, VACCINATION, expires=timedelta(days=2), issued_at=begin)
    assert issued.issued_at == NOW
    assert issued.expires == NOW + timedelta(days=2)
    assert issued.issued_at.tzinfo is UTC
    seen = envelope.decode(issued.text)
    assert (seen.issued_at, seen.expires) == (
        int(issued.issued_at.timestamp()),
        int(issued.expires.timestamp()),
    )


def test_without_a_moment_it_is_issued_now() -> None:
    pair = backend.csca().issue_dsc(valid_from=backend.BEGIN, valid_for=timedelta(days=1))
    made = Issuer("DK", Signer(pair.private_key, kid=b"no cert!"))
    issued = made.issue(HOLDER, VACCINATION, expires=timedelta(hours=1))
    assert abs(issued.issued_at - datetime.now(UTC)) < timedelta(minutes=1)


def test_the_identifier_is_random_or_given() -> None:
    made = issuer()
    one, other = (made.issue(HOLDER, VACCINATION, expires=LATER, issued_at=NOW) for _ in "ab")
    assert one.uvci != other.uvci
    assert one.uvci.startswith("URN:UVCI:01:DK:")
    given_one = "URN:UVCI:01:DK:PROEVE/OPAQUE"
    issued = made.issue(HOLDER, VACCINATION, expires=LATER, issued_at=NOW, uvci=given_one)
    assert envelope.decode(issued.text).dcc["v"][0]["ci"] == given_one


def test_the_issuing_country_and_name_stand_in_the_pass() -> None:
    issued = issuer(name="Prøvestyrelsen").issue(HOLDER, VACCINATION, expires=LATER, issued_at=NOW)
    seen = envelope.decode(issued.text)
    assert seen.issuer == seen.dcc["v"][0]["co"] == "DK"
    assert seen.dcc["v"][0]["is"] == "Prøvestyrelsen"


@pytest.mark.parametrize("version", ["1.3.0", "1.3.2"])
def test_the_schema_release_is_the_one_asked_for(version: str) -> None:
    issued = issuer(version=version).issue(HOLDER, VACCINATION, expires=LATER, issued_at=NOW)
    assert envelope.decode(issued.text).dcc["ver"] == version


def test_a_dsc_signs_only_the_kinds_in_its_usage() -> None:
    assert refused(issuer(EventKind.TEST)) == ["certificate.usage"]
    assert refused(issuer(EventKind.TEST, EventKind.RECOVERY)) == ["certificate.usage"]
    both = issuer(EventKind.TEST, EventKind.VACCINATION)
    assert both.issue(HOLDER, VACCINATION, expires=LATER, issued_at=NOW).text


def test_the_dsc_must_be_valid_from_issue_to_expiry() -> None:
    certificate = backend.dsc().certificate
    first, last = certificate.not_before, certificate.not_after
    assert first is not None
    assert last is not None
    second = timedelta(seconds=1)
    made = issuer()
    assert made.issue(HOLDER, VACCINATION, expires=last, issued_at=NOW).text
    assert refused(made, expires=last + second) == ["certificate.outlived"]
    early = Test(TestKind.NAAT, first - second, TestResult.NOT_DETECTED, centre="Teststed 7")
    assert made.issue(HOLDER, early, expires=LATER, issued_at=first).text
    assert refused(made, event=early, issued_at=first - second) == ["certificate.not-begun"]


def test_every_fault_of_facts_and_certificate_is_told_at_once() -> None:
    codes = refused(
        issuer(EventKind.TEST),
        Holder(),
        VACCINATION,
        expires=LATER + timedelta(days=10_000),
    )
    assert len(codes) >= 3
    assert {"certificate.usage", "certificate.outlived"} < set(codes)


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"expires": NOW}, "time.order"),
        ({"expires": timedelta(0)}, "time.order"),
        ({"expires": timedelta(seconds=-5)}, "time.order"),
        ({"expires": LATER.replace(tzinfo=None)}, "time.no-zone"),
        ({"issued_at": NOW.replace(tzinfo=None)}, "time.no-zone"),
        ({"uvci": "URN:UVCI:01:SE:ABC"}, "uvci.other-country"),
        ({"uvci": "nothing of the kind"}, "uvci.form"),
    ],
)
def test_each_argument_at_fault_has_its_code(more: dict[str, Any], code: str) -> None:
    assert code in refused(issuer(), **more)


def test_faults_are_told_without_a_signature() -> None:
    def sign(digest: bytes) -> bytes:
        raise AssertionError

    made = Issuer("DK", Signer.remote(backend.dsc(EventKind.TEST).certificate, sign))
    arguments: dict[str, Any] = {"expires": LATER + timedelta(days=10_000), "issued_at": NOW}
    found = made.faults(Holder(), VACCINATION, **arguments)
    with pytest.raises(IssueError) as caught:
        made.issue(Holder(), VACCINATION, **arguments)
    assert found == caught.value.faults
    assert len(found) == 3
    assert made.faults(HOLDER, NEGATIVE, expires=LATER, issued_at=NOW) == ()


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"expires": LATER.replace(tzinfo=None)}, "time.no-zone"),
        ({"expires": timedelta(0)}, "time.order"),
    ],
)
def test_a_fault_of_the_times_does_not_hide_the_certificate_s_usage(
    more: dict[str, Any], code: str
) -> None:
    assert refused(issuer(EventKind.TEST), **more) == [code, "certificate.usage"]


class NoZone(tzinfo):
    """A zone that does not know its offset, so that a moment in it is as good as without one."""

    def utcoffset(self, dt: datetime | None) -> None:
        return None

    def dst(self, dt: datetime | None) -> None:
        return None

    def tzname(self, dt: datetime | None) -> str:
        return "nowhere"


def test_a_zone_that_knows_no_offset_is_none() -> None:
    nowhere = {name: moment.replace(tzinfo=NoZone()) for name, moment in TIMES.items()}
    assert refused(issuer(), expires=nowhere["expires"]) == ["time.no-zone"]
    assert "on.no-zone" in refused(issuer(), issued_at=nowhere["issued_at"])


def test_a_moment_without_zone_is_one_fault() -> None:
    naive = NOW.replace(tzinfo=None)
    assert refused(issuer(), issued_at=naive) == ["time.no-zone"]
    assert refused(issuer(), issued_at=naive, expires=timedelta(days=1)) == ["time.no-zone"]


def test_a_life_beyond_the_calendar_is_a_fault() -> None:
    assert refused(issuer(), expires=timedelta(days=10**8)) == ["time.order"]


@pytest.mark.parametrize("moment", [date(2030, 1, 1), 5, "2030-01-01", None])
def test_what_is_no_moment_is_a_type_error(moment: Any) -> None:
    with pytest.raises(TypeError, match="expires"):
        issuer().issue(HOLDER, VACCINATION, expires=moment, issued_at=NOW)
    if moment is not None:
        with pytest.raises(TypeError, match="issued_at"):
            issuer().issue(HOLDER, VACCINATION, expires=LATER, issued_at=moment)


@pytest.mark.parametrize("version", ["1.0.0", "9", "", "1.3.4"])
def test_a_release_that_cannot_be_issued_is_refused_at_once(version: str) -> None:
    with pytest.raises(IssueError, match="version"):
        issuer(version=version)


@pytest.mark.parametrize("event", [None, "vaccination", 5, HOLDER])
def test_what_is_no_event_is_a_fault_and_no_crash(event: Any) -> None:
    assert refused(issuer(EventKind.TEST), event=event)


@pytest.mark.parametrize("country", ["dk", "D", "DNK", "", "Ø1", "XX"])
def test_a_country_that_is_no_code_is_refused_at_once(country: str) -> None:
    with pytest.raises(IssueError):
        Issuer(country, backend.dsc().signer())


def refused_settings(**settings: Any) -> list[tuple[str, str]]:
    arguments = {"country": "DK", "signer": backend.dsc().signer(), **settings}
    with pytest.raises(IssueError) as caught:
        Issuer(**arguments)
    return [(fault.field, fault.code) for fault in caught.value.faults]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("", "text.empty"),
        (" Agency", "text.outer-whitespace"),
        ("x" * 81, "text.too-long"),
        ("A\u202eB", "text.unwritable-character"),
        (5, "text.type"),
    ],
)
def test_a_name_that_no_pass_can_state_is_refused_at_once(name: Any, code: str) -> None:
    assert refused_settings(name=name) == [("name", code)]


@pytest.mark.parametrize(
    ("language", "code"),
    [
        ("ua", "language.unknown"),
        ("xx", "language.unknown"),
        ("Ukrainian", "language.form"),
        ("", "language.form"),
        ("uk-", "language.form"),
        ("ukr", "language.form"),
        (5, "language.form"),
    ],
)
def test_a_language_that_is_none_is_refused_at_once(language: Any, code: str) -> None:
    assert refused_settings(language=language) == [("language", code)]


def test_all_faults_of_the_settings_are_told_together() -> None:
    found = refused_settings(country="XX", name="", version="9", language="ua")
    assert [field for field, _ in found] == [
        "country",
        "name",
        "version",
        "language",
        "signer.certificate",
    ]


@pytest.mark.parametrize(
    "settings", [{"value_sets": "x"}, {"policy": "x"}, {"policy": 5}, {"signer": None}]
)
def test_a_setting_of_the_wrong_type_is_a_type_error_at_once(settings: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="must be a"):
        Issuer(**{"country": "DK", "signer": backend.dsc().signer(), **settings})


def certified(*extensions: tuple[x509.ExtensionType, bool]) -> Signer:
    """A signer with a certificate that has these extensions alone."""
    key = backend.dsc().private_key
    name = x509.Name([x509.NameAttribute(NameOID.COUNTRY_NAME, "DK")])
    builder = (
        x509.CertificateBuilder(name, name, key.public_key(), 5)
        .not_valid_before(backend.BEGIN)
        .not_valid_after(LATER + timedelta(days=365))
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return Signer(key, builder.sign(key, SHA256()))


def key_usage(*uses: str) -> x509.KeyUsage:
    names = (
        *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"),
        *("key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
    )
    return x509.KeyUsage(**{name: name in uses for name in names})


@pytest.mark.parametrize("use", ["key_cert_sign", "key_agreement", "content_commitment"])
def test_a_key_that_may_not_sign_is_refused_at_once(use: str) -> None:
    signer = certified((key_usage(use), True))
    assert refused_settings(signer=signer) == [("signer.certificate", "certificate.key-usage")]


def test_a_ca_s_certificate_is_refused_at_once() -> None:
    authority = (x509.BasicConstraints(ca=True, path_length=0), True)
    both = certified(authority, (key_usage("digital_signature", "key_cert_sign"), True))
    assert refused_settings(signer=both) == [("signer.certificate", "certificate.authority")]
    assert refused_settings(signer=backend.csca().signer(), country="SE") == [
        ("signer.certificate", "certificate.country"),
        ("signer.certificate", "certificate.authority"),
        ("signer.certificate", "certificate.key-usage"),
    ]


def test_a_certificate_that_states_no_restriction_signs() -> None:
    for extensions in (
        (),
        ((x509.BasicConstraints(ca=False, path_length=None), True),),
        ((key_usage("digital_signature", "key_agreement"), True),),
    ):
        made = Issuer("DK", certified(*extensions))
        assert made.issue(HOLDER, VACCINATION, expires=LATER, issued_at=NOW).text


def test_the_certificate_must_be_the_country_s_own() -> None:
    with pytest.raises(IssueError) as caught:
        Issuer("SE", backend.dsc().signer())
    assert [fault.code for fault in caught.value.faults] == ["certificate.country"]


def test_no_repr_shows_the_holder() -> None:
    issued = backend.issue()
    shown = repr(issued)
    assert issued.text not in shown
    assert issued.uvci not in shown


def test_a_pass_can_be_stored() -> None:
    issued = backend.issue()
    assert pickle.loads(pickle.dumps(issued)) == issued


def test_the_qr_code_holds_the_text() -> None:
    issued = backend.issue()
    assert issued.qr().error == "Q"
    assert issued.qr(error="L").version < issued.qr(error="Q").version


@given(st.data())
def test_the_text_fits_a_qr_code_of_level_q(data: st.DataObject) -> None:
    case = data.draw(strategies.cases())
    made = Issuer(case.country, Signer(backend.dsc().private_key, kid=b"no cert!"))
    begin = datetime(2023, 2, 1, tzinfo=UTC)
    issued = made.issue(case.holder, case.event, expires=timedelta(days=1), issued_at=begin)
    assert len(issued.text) <= 2420  # ISO 18004, table 7: alphanumeric, version 40-Q
    assert cbor2.loads(issued.message).tag == 18
