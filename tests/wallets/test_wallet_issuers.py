"""From a credential's certificates to the trust store: chains of every kind."""

from __future__ import annotations

import base64
import pickle
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from wallet_world import (
    ASKED,
    DOSE,
    HOLDER,
    ISSUED,
    LIFE,
    NOW,
    RECOVERY,
    TEST,
    UVCI,
    dcc_of,
    holder_public,
    keys,
    signer,
    trust,
)

from coronapas import Issuer, Verifier
from coronapas.errors import CredentialError, IssueError
from coronapas.facts import EventKind, TestResult
from coronapas.keys import make_csca, make_key
from coronapas.revocation import (
    Batch,
    HashType,
    RevocationList,
    RevocationStore,
    country_code_uci_hash,
    uci_hash,
)
from coronapas.signing import Signer
from coronapas.tolerances import FIELD
from coronapas.trust import Certificate, Dropped, Listing, Source, TrustStore
from coronapas.verify import Outcome, TrustPolicy
from coronapas.wallets import (
    VCT,
    KeyBinding,
    MdocVerifier,
    SdJwtVerifier,
    StatusList,
    StatusReference,
    issue_claims,
    issue_mdoc,
    issue_sd_jwt,
    jwk_of,
    make_status_list,
    present_sd_jwt,
    read_status_list,
    read_transcript,
    to_claims,
)
from coronapas.wallets._result import MDOC, SD_JWT

if TYPE_CHECKING:
    from coronapas.verify import Verification

BEGIN = ISSUED - timedelta(days=10)
END = ISSUED + timedelta(days=1000)


@cache
def key(name: str) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def certificate(
    name: str,
    issuer: str,
    *,
    ca: bool = False,
    path_length: int | None = None,
    begin: datetime = BEGIN,
    end: datetime = END,
    critical: bool = False,
) -> Certificate:
    def named(text: str) -> x509.Name:
        return x509.Name(
            [
                x509.NameAttribute(NameOID.COUNTRY_NAME, "DK"),
                x509.NameAttribute(NameOID.COMMON_NAME, text),
            ]
        )

    builder = (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(named(issuer))
        .public_key(key(name).public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca, path_length), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=not ca,
                key_cert_sign=ca,
                crl_sign=ca,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
    )
    if critical:
        odd = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")
        builder = builder.add_extension(odd, critical=True)
    return Certificate(builder.sign(key(issuer), hashes.SHA256()).public_bytes(Encoding.DER))


def verified(
    leaf: Certificate, between: list[Certificate], anchors: list[Certificate], **more: Any
) -> Verification:
    by = Signer(key("leaf"), leaf)
    text = issue_sd_jwt(dcc_of(), by, expires=LIFE, issued_at=ISSUED, chain=between).text
    return SdJwtVerifier(TrustStore(anchors), **more).verify(text, NOW)


def failures(found: Verification) -> list[str]:
    return [check.code for check in found.failures]


def test_a_chain_of_two_links_holds() -> None:
    root = certificate("root", "root", ca=True)
    middle = certificate("middle", "root", ca=True)
    leaf = certificate("leaf", "middle")
    assert verified(leaf, [middle], [root]).ok
    assert failures(verified(leaf, [], [root])) == ["identifier.unknown"]
    assert verified(leaf, [middle, root], [root]).ok
    assert verified(leaf, [], [middle]).ok


def test_each_broken_chain_is_refused() -> None:
    root = certificate("root", "root", ca=True)
    leaf = certificate("leaf", "middle")
    no_authority = certificate("middle", "root")
    assert failures(verified(leaf, [no_authority], [root])) == ["identifier.unknown"]
    over = certificate("middle", "root", ca=True, end=ISSUED + timedelta(days=1))
    assert failures(verified(leaf, [over], [root])) == ["identifier.chain"]
    odd = certificate("middle", "root", ca=True, critical=True)
    assert failures(verified(leaf, [odd], [root])) == ["identifier.critical-extension"]
    short = certificate("root", "root", ca=True, path_length=0)
    middle = certificate("middle", "root", ca=True)
    assert failures(verified(leaf, [middle], [short])) == ["identifier.chain"]
    direct = certificate("leaf", "root")
    assert verified(direct, [], [short]).ok
    old = certificate("root", "root", ca=True, end=ISSUED + timedelta(days=1))
    assert failures(verified(direct, [], [old])) == ["identifier.chain"]
    long = [middle] * 6
    assert failures(verified(leaf, long, [root])) == ["identifier.chain-too-long"]
    other = certificate("other", "other", ca=True)
    assert failures(verified(direct, [], [other])) == ["identifier.unknown"]


def test_a_certificate_of_the_same_key_is_another_certificate() -> None:
    leaf = certificate("leaf", "root")
    assert verified(leaf, [], [leaf]).ok
    late = certificate("leaf", "root", begin=ISSUED + timedelta(days=1), end=END)
    by = Signer(key("leaf"), leaf)
    text = issue_sd_jwt(dcc_of(), by, expires=LIFE, issued_at=ISSUED).text
    # The store holds the same key under a certificate that was not valid at the issue: the one in
    # the text leads to no authority, and so does not count.
    assert failures(SdJwtVerifier(TrustStore([late])).verify(text, NOW)) == ["identifier.unknown"]


def test_the_certificate_must_be_valid_now_or_at_the_issue() -> None:
    leaf = certificate("leaf", "root", end=ISSUED + LIFE)
    by = Signer(key("leaf"), leaf)
    text = issue_sd_jwt(dcc_of(), by, expires=LIFE, issued_at=ISSUED).text
    store = TrustStore([leaf])
    assert SdJwtVerifier(store).verify(text, NOW).ok
    after = ISSUED + LIFE + timedelta(seconds=1)
    found = SdJwtVerifier(store).verify(text, after)
    assert failures(found) == ["validity.over", "time.expired"]
    found = SdJwtVerifier(store, certificate_time="issued").verify(text, after)
    assert failures(found) == ["time.expired"]


def test_a_list_that_is_too_old_vouches_for_nothing() -> None:
    leaf = keys()[1].certificate
    source = Source("gateway", "x", "verified", fetched=BEGIN).limited(timedelta(days=1))
    store = TrustStore([leaf], sources={leaf: (source,)})
    text = issue_sd_jwt(dcc_of(), keys()[1].signer(), expires=LIFE, issued_at=ISSUED).text
    assert failures(SdJwtVerifier(store).verify(text, NOW)) == ["identifier.list-expired"]
    assert SdJwtVerifier(trust()).verify(text, NOW).ok


@pytest.mark.parametrize("form", ["sd-jwt", "mdoc"])
@pytest.mark.parametrize(
    ("listing", "code"),
    [
        (Listing("DCC", "DNK", "DSC", "production"), None),
        (Listing("PH4H", "DNK", "DSC", "production"), "identifier.domain"),
        (Listing("DCC", "DNK", "DSC", "uat"), "identifier.environment"),
        (Listing("DCC", "XXA", "DSC", "production"), "identifier.test-participant"),
        (Listing("DCC", "DNK", "DECA", "production"), "identifier.usage"),
    ],
)
def test_the_trust_policy_holds_for_credentials_as_for_passes(
    form: str, listing: Listing, code: str | None
) -> None:
    authority, pair = keys()
    text, data = issued_both()
    for held, listed in (
        (pair.certificate, listing),
        # The list states of an authority that it is one; all else counts for what it issued.
        (authority.certificate, listing._replace(usage="SCA" if code is None else listing.usage)),
    ):
        source = Source("gdhcn", "list", "verified", listing=listed)
        store = TrustStore([held], sources={held: (source,)})
        found: Verification = (
            SdJwtVerifier(store).verify(text, NOW)
            if form == "sd-jwt"
            else MdocVerifier(store).verify(data, NOW)
        )
        assert failures(found) == ([] if code is None else [code])
    policy = TrustPolicy(
        environments=("production", "uat"),
        domains={"wallet": {"DCC", "PH4H"}},
        test_participants=(),
    )
    own = pair.certificate
    store = TrustStore([own], sources={own: (Source("gdhcn", "list", listing=listing),)})
    if code != "identifier.usage":
        assert SdJwtVerifier(store, policy=policy).verify(text, NOW).ok


def issued_both() -> tuple[str, bytes]:
    terms: dict[str, Any] = {"expires": LIFE, "issued_at": ISSUED}
    return (
        issue_sd_jwt(dcc_of(), signer(), **terms).text,
        issue_mdoc(dcc_of(), signer(), device_key=holder_public(), **terms).data,
    )


def test_what_a_list_left_out_counts_though_its_authority_is_there_no_more() -> None:
    authority, pair = keys()
    dropped = Dropped(pair.certificate.kid, "revoked", "list")
    store = TrustStore([authority.certificate], [dropped])
    text, data = issued_both()
    assert failures(SdJwtVerifier(store).verify(text, NOW)) == ["identifier.dropped"]
    assert failures(MdocVerifier(store).verify(data, NOW)) == ["identifier.dropped"]
    # Whoever puts the certificate into the store nevertheless has decided.
    both = TrustStore([authority.certificate, pair.certificate], [dropped])
    assert SdJwtVerifier(both).verify(text, NOW).ok


def revoking(*entries: bytes, kind: str = "UCI") -> RevocationStore:
    batch = Batch("1", HashType(kind), b"".join(entries), country="DK")
    return RevocationStore().apply(RevocationList("list", as_of=ISSUED, batches=(batch,)))


@pytest.mark.parametrize("form", ["sd-jwt", "mdoc"])
def test_a_credential_is_revoked_where_the_pass_with_its_identifier_is(form: str) -> None:
    text, data = issued_both()

    def asked(**settings: Any) -> Verification:
        if form == "sd-jwt":
            return SdJwtVerifier(trust(), **settings).verify(text, NOW)
        return MdocVerifier(trust(), **settings).verify(data, NOW)

    for listed in (
        revoking(uci_hash(UVCI)),
        revoking(country_code_uci_hash("DK", UVCI), kind="COUNTRYCODEUCI"),
    ):
        found = asked(revocation=listed)
        assert failures(found) == ["revocation.revoked"]
        assert found.revocation is not None
        assert found.to_json()["revocation"]["outcome"] == "REVOKED"
        assert UVCI not in found.check("revocation").sentence
    good = asked(revocation=revoking(uci_hash("URN:UVCI:01:DK:OTHER")))
    assert good.check("revocation").outcome is Outcome.PASS
    # Hashes of signatures alone cannot tell: a credential has another signature than the pass.
    blind = {"revocation": revoking(bytes(16), kind="SIGNATURE")}
    assert asked(**blind).check("revocation").code == "revocation.no-hash"
    assert asked(**blind).ok
    refused = asked(**blind, refuse_unknown_status=True)
    assert failures(refused) == ["revocation.no-hash"]
    assert failures(asked(refuse_unknown_status=True)) == ["revocation.no-data"]


def test_what_either_list_says_against_a_credential_counts() -> None:
    address = "https://status.example/1"
    text = issue_sd_jwt(
        dcc_of(), signer(), expires=LIFE, issued_at=ISSUED, status=StatusReference(0, address)
    ).text

    def listed(status: int, at: datetime = ISSUED) -> StatusList:
        token = make_status_list([status], address, signer(), issued_at=at)
        return read_status_list(token, trust(), at=NOW)

    other, own = revoking(uci_hash("URN:UVCI:01:DK:OTHER")), revoking(uci_hash(UVCI))
    for lists, data, codes in (
        ([listed(0)], other, []),
        ([listed(1)], other, ["revocation.revoked"]),
        ([listed(0)], own, ["revocation.revoked"]),
        ([], own, ["revocation.revoked"]),
        ([], other, []),
    ):
        found = SdJwtVerifier(trust(), status_lists=lists, revocation=data).verify(text, NOW)
        assert failures(found) == codes
    found = SdJwtVerifier(trust(), revocation=other).verify(text, NOW)
    assert found.check("revocation").code == "revocation.no-list"
    # Of two lists with one address the latest counts, in whatever order they come.
    early, late = listed(0), listed(1, ISSUED + timedelta(days=1))
    for both in ([early, late], [late, early]):
        found = SdJwtVerifier(trust(), status_lists=both).verify(text, NOW)
        assert failures(found) == ["revocation.revoked"]


def test_a_credential_without_certificates_needs_a_key_of_the_store() -> None:
    bare = Signer(key("leaf"), kid=b"leafleaf")
    text = issue_sd_jwt(dcc_of(), bare, expires=LIFE, issued_at=ISSUED).text
    spki = certificate("leaf", "root").spki
    own = Certificate.from_public_key(spki, kid=b"leafleaf")
    assert SdJwtVerifier(TrustStore([own])).verify(text, NOW).ok
    others = [Certificate.from_public_key(certificate(f"{n}", "root").spki) for n in range(33)]
    found = SdJwtVerifier(TrustStore([own, *others])).verify(text, NOW)
    assert failures(found) == ["identifier.unknown"]
    assert failures(SdJwtVerifier(TrustStore()).verify(text, NOW)) == ["identifier.unknown"]


def test_key_usages_of_passes_hold_for_credentials() -> None:
    authority, _ = keys()
    tests_only = authority.issue_dsc(usages=[EventKind.TEST], valid_from=BEGIN)
    with pytest.raises(IssueError) as error:
        issue_sd_jwt(dcc_of(), tests_only.signer(), expires=LIFE, issued_at=ISSUED)
    assert [fault.code for fault in error.value.faults] == ["certificate.usage"]
    content = {**to_claims(dcc_of()).content, "iat": int(ISSUED.timestamp())}
    text = issue_claims(content, tests_only.signer(), vct=VCT)
    assert failures(SdJwtVerifier(trust()).verify(text, NOW)) == ["usage.not-allowed"]
    mixed = {**content, **to_claims(dcc_of(RECOVERY)).content}
    text = issue_claims(mixed, keys()[1].signer(), vct=VCT)
    assert failures(SdJwtVerifier(trust()).verify(text, NOW)) == ["content.mixed-events"]
    early = {**content, "iat": int(BEGIN.timestamp()) - 86400 * 40}
    text = issue_claims(early, keys()[1].signer(), vct=VCT)
    assert "validity.not-when-issued" in failures(SdJwtVerifier(trust()).verify(text, NOW))


def test_a_test_in_a_credential_is_judged_as_in_a_pass() -> None:
    for result, ok in ((TestResult.NOT_DETECTED, True), (TestResult.DETECTED, False)):
        dcc = dcc_of(replace(TEST, result=result))
        text = issue_sd_jwt(dcc, keys()[1].signer(), expires=LIFE, issued_at=ISSUED).text
        found = SdJwtVerifier(trust()).verify(text, NOW)
        assert found.facts is not None
        assert found.ok is (ok or "content.positive-test" in FIELD)
        assert ("content.positive-test" in {each.code for each in found.deviations}) is not ok


def test_rsa_keys_issue_and_bind() -> None:
    authority = make_csca("DK", valid_from=BEGIN)
    pair = authority.issue_dsc(valid_from=BEGIN, key="RSA-2048")
    phone = Signer(make_key("RSA-2048"), kid=bytes(8))
    terms = {"expires": LIFE, "issued_at": ISSUED}
    text = issue_sd_jwt(
        dcc_of(),
        pair.signer(),
        holder_key=phone.public_key,
        issuer="https://issuer.example",
        **terms,  # type: ignore[arg-type]
    ).text
    shown = present_sd_jwt(text, [], holder=phone, binding=ASKED, at=NOW)
    found = SdJwtVerifier(TrustStore([authority.certificate])).verify(shown, NOW, binding=ASKED)
    assert found.ok
    assert found.credential is not None
    assert found.credential.claims["iss"] == "https://issuer.example"
    assert found.credential.holder_key == jwk_of(phone.public_key)
    with pytest.raises(CredentialError):
        issue_mdoc(dcc_of(), pair.signer(), device_key=key("d").public_key(), **terms)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [SdJwtVerifier, MdocVerifier])
@pytest.mark.parametrize(
    "settings",
    [
        {"tolerate": "prefix.missing"},
        {"tolerate": ["no.such"]},
        {"clock_skew": timedelta(-1)},
        {"certificate_time": "never"},
    ],
)
def test_settings_that_make_no_sense_are_refused(kind: Any, settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"tolerate|clock_skew|certificate_time"):
        kind(TrustStore(), **settings)


def test_settings_of_the_wrong_type_are_refused() -> None:
    for kind in (SdJwtVerifier, MdocVerifier):
        with pytest.raises(TypeError):
            kind(())  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="time zone"):
            kind(TrustStore()).verify("", datetime(2023, 1, 1))  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        SdJwtVerifier(TrustStore(), types="dc+sd-jwt")
    with pytest.raises(TypeError):
        MdocVerifier(TrustStore(), doc_types="x")


def test_requests_and_references_that_say_nothing_are_refused() -> None:
    for audience, nonce in (("", "n"), ("a", "")):
        with pytest.raises(ValueError, match="empty"):
            KeyBinding(audience, nonce)
    for index, uri in ((-1, "https://status.example"), (0, "")):
        with pytest.raises(ValueError, match="index"):
            StatusReference(index, uri)
    with pytest.raises(CredentialError) as error:
        issue_claims({"vct": "urn:x:y"}, signer(), vct=VCT)
    assert error.value.code == "issue.reserved"
    with pytest.raises(TypeError, match="no such setting"):
        SdJwtVerifier(trust(), tolerated=FIELD)  # type: ignore[call-arg]


def test_what_issuing_refuses_has_its_code() -> None:
    by = keys()[1].signer()
    cases: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
        ("issue.type", {}, {"vct": "no uri"}),
        ("issue.decoys", {}, {"decoys": 101}),
        ("issue.path", {}, {"hidden": [("nothing",)]}),
        ("issue.reserved", {"a": {"_sd": []}}, {}),
        ("issue.reserved", {"...": 1}, {}),
    ]
    for code, claims, more in cases:
        with pytest.raises(CredentialError) as error:
            issue_claims({"a": 1, **claims}, by, **({"vct": "urn:x:y"} | more))
        assert error.value.code == code
        assert pickle.loads(pickle.dumps(error.value)).code == code
    with pytest.raises(CredentialError) as error:
        read_transcript(bytes(70_000))
    assert error.value.code == "session.transcript"
    for data in (b"", b"\x80", b"\xd8\x18\x41\x80", b"\xd8\x18\x01"):
        with pytest.raises(CredentialError):
            read_transcript(data)


def test_no_text_of_the_container_is_ever_a_credential() -> None:
    text = Issuer("DK", keys()[1].signer()).issue(HOLDER, DOSE, expires=LIFE, issued_at=ISSUED).text
    for profile in (SD_JWT, MDOC):
        verifier = Verifier(TrustStore([keys()[1].certificate]), accept=(profile,))
        assert not verifier.verify(text, NOW).ok
        assert not verifier.verify(text[4:], NOW).ok


def test_the_verifier_of_passes_names_what_a_wallet_shows() -> None:
    verifier = Verifier(trust())
    text = issue_sd_jwt(dcc_of(), keys()[1].signer(), expires=LIFE, issued_at=ISSUED).text
    found = verifier.verify(text, NOW).check("prefix")
    assert found.code == "prefix.not-a-pass"
    assert "SD-JWT" in found.sentence
    data = issue_mdoc(
        dcc_of(),
        keys()[1].signer(),
        device_key=key("d").public_key(),
        expires=LIFE,
        issued_at=ISSUED,
    ).data
    for shown in (base64.urlsafe_b64encode(data).decode(), data.hex()):
        found = verifier.verify(shown, NOW).check("prefix")
        assert found.code == "prefix.not-a-pass"
        assert "mdoc" in found.sentence
