"""Keys and certificates of one's own follow the profile, and their chain holds."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from functools import cache
from itertools import chain, combinations
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key, pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID, NameOID

from coronapas.errors import KeyMaterialError
from coronapas.facts import EventKind
from coronapas.keys import (
    CSCA_VALIDITY,
    DSC_VALIDITY,
    Authority,
    KeyPair,
    make_csca,
    make_key,
    make_request,
)
from coronapas.trust import Certificate

if TYPE_CHECKING:
    from collections.abc import Collection

    from coronapas.keys import KeyName

START = datetime(2021, 5, 1, tzinfo=UTC)
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
EVERY_SET_OF_KINDS = [*chain.from_iterable(combinations(EventKind, n) for n in range(4))]


@cache
def csca() -> Authority:
    return make_csca("DK", valid_from=START, organisation="Opdigtet Styrelse")


def value(certificate: x509.Certificate, kind: type[x509.ExtensionType]) -> Any:
    return certificate.extensions.get_extension_for_class(kind).value


def critical(certificate: x509.Certificate) -> dict[str, bool]:
    return {e.oid._name: e.critical for e in certificate.extensions}


@pytest.mark.parametrize(
    ("key", "digest"),
    [
        ("P-256", hashes.SHA256),
        ("P-384", hashes.SHA384),
        ("P-521", hashes.SHA512),
        ("RSA-3072", hashes.SHA256),
    ],
)
def test_a_csca_of_any_key_follows_the_profile(
    key: KeyName, digest: type[hashes.HashAlgorithm]
) -> None:
    authority = make_csca("DK", valid_from=START, name="CSCA 1", organisation="O", key=key)
    parsed = authority.certificate.to_cryptography()
    parsed.verify_directly_issued_by(parsed)
    assert parsed.version is x509.Version.v3
    assert parsed.subject == parsed.issuer
    assert parsed.subject.rfc4514_string() == "CN=CSCA 1,O=O,C=DK"
    assert isinstance(parsed.signature_hash_algorithm, digest)
    assert value(parsed, x509.BasicConstraints) == x509.BasicConstraints(True, 0)
    usage = value(parsed, x509.KeyUsage)
    assert usage.key_cert_sign
    assert usage.crl_sign
    assert not usage.digital_signature
    assert critical(parsed) == {
        "subjectKeyIdentifier": False,
        "basicConstraints": True,
        "keyUsage": True,
        "authorityKeyIdentifier": False,
    }
    assert value(parsed, x509.AuthorityKeyIdentifier).key_identifier == ski(parsed)
    assert authority.certificate.not_before == START
    assert authority.certificate.not_after == START + CSCA_VALIDITY
    assert authority.certificate.deviations == ()


def ski(certificate: x509.Certificate) -> bytes:
    digest: bytes = value(certificate, x509.SubjectKeyIdentifier).digest
    return digest


@pytest.mark.parametrize("usages", EVERY_SET_OF_KINDS, ids=",".join)
def test_a_dsc_for_any_kinds_of_event_follows_the_profile(usages: Collection[EventKind]) -> None:
    pair = csca().issue_dsc(valid_from=START, usages=usages, name="DSC 1", organisation="O")
    issuer, parsed = (c.to_cryptography() for c in (csca().certificate, pair.certificate))
    parsed.verify_directly_issued_by(issuer)
    assert parsed.subject.rfc4514_string() == "CN=DSC 1,O=O,C=DK"
    usage = value(parsed, x509.KeyUsage)
    assert usage.digital_signature
    assert not usage.key_cert_sign
    assert not usage.content_commitment
    assert value(parsed, x509.AuthorityKeyIdentifier).key_identifier == ski(issuer)
    assert ski(parsed) != ski(issuer)
    extended = {"extendedKeyUsage": False} if usages else {}
    assert critical(parsed) == {
        "subjectKeyIdentifier": False,
        "keyUsage": True,
        "authorityKeyIdentifier": False,
        **extended,
    }
    assert pair.certificate.usages == set(usages)
    assert all(oid.startswith("1.3.6.1.4.1.1847.2021.1.") for oid in pair.certificate.key_purposes)
    assert pair.certificate.not_after == START + DSC_VALIDITY
    assert pair.certificate.deviations == ()
    assert pair.signer().kid == pair.certificate.kid


def test_a_dsc_can_have_an_rsa_key() -> None:
    pair = csca().issue_dsc(valid_from=START, key="RSA-2048")
    assert isinstance(pair.private_key, rsa.RSAPrivateKey)
    assert pair.certificate.key_kind == "RSA-2048"
    pair.certificate.to_cryptography().verify_directly_issued_by(
        csca().certificate.to_cryptography()
    )


def test_serial_numbers_are_positive_random_and_short_enough() -> None:
    serials = {csca().issue_dsc(valid_from=START).certificate.serial for _ in range(5)}
    assert len(serials) == 5
    assert all(serial is not None and 2**64 < serial < 2**159 for serial in serials)


def test_a_dsc_may_fill_the_validity_of_its_csca_and_not_pass_it() -> None:
    first, whole = START, CSCA_VALIDITY
    csca().issue_dsc(valid_from=first, valid_for=whole)
    for valid_from, valid_for in (
        (first - SECOND, DAY),
        (first, whole + SECOND),
        (first + SECOND, whole),
        (first + whole + SECOND, DAY),
    ):
        with pytest.raises(KeyMaterialError, match="within the CSCA's"):
            csca().issue_dsc(valid_from=valid_from, valid_for=valid_for)


def test_a_validity_is_given_in_any_zone_and_kept_in_whole_seconds() -> None:
    local = datetime(2021, 5, 1, 2, 0, 0, 999_999, tzinfo=timezone(timedelta(hours=2)))
    certificate = make_csca("DK", valid_from=local, valid_for=SECOND).certificate
    assert (certificate.not_before, certificate.not_after) == (START, START + SECOND)


@pytest.mark.parametrize(
    ("valid_from", "valid_for", "problem"),
    [
        (START.replace(tzinfo=None), DAY, "time zone"),
        (START, timedelta(0), "a second at least"),
        (START, -DAY, "a second at least"),
        (START, timedelta(milliseconds=999), "a second at least"),
        (START, timedelta(days=10_000 * 366), "9999"),
        (datetime(1949, 12, 31, 23, 59, 59, tzinfo=UTC), DAY, "1950"),
        (datetime(1950, 1, 1, tzinfo=timezone(timedelta(hours=2))), DAY, "1950"),
        (datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))), DAY, "1950"),
        (datetime.max.replace(tzinfo=timezone(-timedelta(hours=12))), DAY, "9999"),
    ],
)
def test_a_validity_that_cannot_be_is_refused(
    valid_from: datetime, valid_for: timedelta, problem: str
) -> None:
    with pytest.raises(KeyMaterialError, match=problem):
        make_csca("DK", valid_from=valid_from, valid_for=valid_for)


def test_a_validity_can_begin_with_1950_and_end_with_9999() -> None:
    first = datetime(1950, 1, 1, tzinfo=UTC)
    made = make_csca("DK", valid_from=first, valid_for=DAY).certificate
    assert made.not_before == first
    last = datetime(9999, 12, 31, tzinfo=UTC)
    assert make_csca("DK", valid_from=last, valid_for=DAY - SECOND).certificate.not_before == last


@pytest.mark.parametrize("wrong", ["2021-05-01", date(2021, 5, 1), None, 5])
def test_a_time_of_the_wrong_type_is_a_type_error(wrong: Any) -> None:
    with pytest.raises(TypeError, match="valid_from must be a datetime"):
        make_csca("DK", valid_from=wrong)
    with pytest.raises(TypeError, match="valid_for must be a timedelta"):
        make_csca("DK", valid_from=START, valid_for=wrong)


@pytest.mark.parametrize("name", ["P-257", "RSA-x", "RSA-1024", "RSA-", "p-256", "", None, 5])
def test_a_key_of_another_name_is_refused(name: Any) -> None:
    for make in (
        lambda: make_key(name),
        lambda: make_csca("DK", valid_from=START, key=name),
        lambda: csca().issue_dsc(valid_from=START, key=name),
    ):
        with pytest.raises(KeyMaterialError, match="one of P-256, P-384"):
            make()


@pytest.mark.parametrize("usages", ["test", EventKind.TEST, "", ["vacc"], [5], [[]], 5, None])
def test_usages_are_a_collection_of_kinds(usages: Any) -> None:
    for make in (
        lambda: csca().issue_dsc(valid_from=START, usages=usages),
        lambda: make_request(make_key(), country="DK", organisation="O", usages=usages),
    ):
        with pytest.raises(KeyMaterialError, match="usage"):
            make()


def test_usages_may_be_named() -> None:
    made = csca().issue_dsc(valid_from=START, usages=["test", "recovery"])  # type: ignore[list-item]
    assert made.certificate.usages == {EventKind.TEST, EventKind.RECOVERY}


@pytest.mark.parametrize("wrong", [5, b"O", "O\ud800"])
def test_a_name_is_a_text_that_can_be_written(wrong: Any) -> None:
    with pytest.raises(KeyMaterialError, match="a name in a certificate must"):
        make_csca("DK", valid_from=START, organisation=wrong)


@pytest.mark.parametrize(
    ("password", "problem"),
    [("x" * 1024, "1023 bytes"), (5, "must be a string or bytes"), ("x\ud800", "surrogate")],
)
def test_a_password_that_cannot_be_is_refused_and_not_repeated(password: Any, problem: str) -> None:
    for write in (csca().key_pem, csca().pkcs12):
        with pytest.raises(KeyMaterialError, match=problem) as caught:
            write(password)
        assert caught.value.__cause__ is None


def test_a_pkcs12_file_is_never_written_open() -> None:
    nothing: Any = None
    with pytest.raises(KeyMaterialError, match="password"):
        csca().pkcs12(nothing)


def test_a_request_is_made_of_a_private_key() -> None:
    wrong: Any = make_key().public_key()
    with pytest.raises(KeyMaterialError, match="cannot be signed with"):
        make_request(wrong, country="DK", organisation="O")


@pytest.mark.parametrize("country", ["", "D", "dk", "DNK", "D1", "DK\n", "ÆØ", None, 5])
def test_a_country_is_two_capital_letters(country: Any) -> None:
    with pytest.raises(KeyMaterialError, match="two capital letters"):
        make_csca(country, valid_from=START)


def test_names_have_one_to_64_characters() -> None:
    pair = csca().issue_dsc(valid_from=START, name="n" * 64, organisation="ø" * 64)
    assert pair.certificate.subject == f"CN={'n' * 64},O={'ø' * 64},C=DK"
    for name, organisation in (("n" * 65, "o"), ("n", "o" * 65), ("n", "")):
        with pytest.raises(KeyMaterialError, match="1 to 64"):
            csca().issue_dsc(valid_from=START, name=name, organisation=organisation)


def test_a_key_that_passes_do_not_use_gets_no_dsc() -> None:
    with pytest.raises(KeyMaterialError, match="P-256"):
        csca().certify(make_key("P-384").public_key(), valid_from=START)


def test_a_dsc_issues_no_further_certificates() -> None:
    pair = csca().issue_dsc(valid_from=START)
    with pytest.raises(KeyMaterialError, match="must be a CA"):
        Authority(pair.private_key, pair.certificate).issue_dsc(valid_from=START)


def foreign_authority(*extensions: x509.ExtensionType, country: str | None = "DK") -> Authority:
    """A self-signed certificate that this library would not make."""
    key = ec.generate_private_key(ec.SECP256R1())
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, "CSCA")]
    if country:
        attributes.append(x509.NameAttribute(NameOID.COUNTRY_NAME, country))
    subject = x509.Name(attributes)
    builder = x509.CertificateBuilder(
        subject, subject, key.public_key(), 1, START, START + CSCA_VALIDITY
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return Authority(key, Certificate.load(builder.sign(key, hashes.SHA256())))


CA = x509.BasicConstraints(True, 0)
SKI = x509.SubjectKeyIdentifier(b"any bytes")


def test_an_authority_needs_what_its_dscs_are_to_repeat() -> None:
    for authority, problem in (
        (foreign_authority(SKI), "must be a CA"),
        (foreign_authority(x509.BasicConstraints(False, None), SKI), "must be a CA"),
        (foreign_authority(CA), "no subject key identifier"),
        (foreign_authority(CA, SKI, country=None), "no country"),
    ):
        with pytest.raises(KeyMaterialError, match=problem):
            authority.issue_dsc(valid_from=START)


def test_the_key_identifier_of_a_foreign_csca_is_repeated_as_it_is() -> None:
    authority = foreign_authority(CA, SKI)
    parsed = authority.issue_dsc(valid_from=START).certificate.to_cryptography()
    assert value(parsed, x509.AuthorityKeyIdentifier).key_identifier == b"any bytes"


def test_key_and_certificate_have_to_belong_together() -> None:
    with pytest.raises(KeyMaterialError, match="another key"):
        KeyPair(make_key(), csca().certificate)


def test_a_key_pair_is_written_and_read_again() -> None:
    pair = csca().issue_dsc(valid_from=START)
    for password in (None, "hemmelig", b"hemmelig"):
        secret = b"hemmelig" if password else None
        pem = pair.key_pem(password)
        assert (b"ENCRYPTED" in pem) is (password is not None)
        key = load_pem_private_key(pem, secret)
        assert key.public_key() == pair.certificate.public_key
    assert Certificate.load(pair.certificate_pem()) == pair.certificate
    read = pkcs12.load_pkcs12(pair.pkcs12("hemmelig", "navn"), b"hemmelig")
    assert read.cert is not None
    assert read.cert.friendly_name == b"navn"
    assert Certificate.load(read.cert.certificate) == pair.certificate


def test_an_empty_password_is_refused() -> None:
    with pytest.raises(KeyMaterialError, match="must not be empty"):
        csca().key_pem("")
    with pytest.raises(KeyMaterialError, match="must not be empty"):
        csca().pkcs12(b"")


def test_no_repr_shows_a_key() -> None:
    assert "private" not in repr(csca()).lower()


@pytest.mark.parametrize("usages", EVERY_SET_OF_KINDS, ids=",".join)
def test_a_request_asks_for_what_a_dsc_has(usages: Collection[EventKind]) -> None:
    key = make_key()
    request = make_request(key, country="DK", organisation="O", name="DSC 7", usages=usages)
    assert request.is_signature_valid
    assert request.subject.rfc4514_string() == "CN=DSC 7,O=O,C=DK"
    for form in (
        request,
        request.public_bytes(Encoding.PEM),
        request.public_bytes(Encoding.DER),
    ):
        certificate = csca().certify_request(form, valid_from=START)
        assert certificate.public_key == key.public_key()
        assert certificate.usages == set(usages)
        assert certificate.subject == "CN=DSC 7,O=O,C=DK"
        certificate.to_cryptography().verify_directly_issued_by(
            csca().certificate.to_cryptography()
        )


def test_a_request_is_made_only_for_keys_that_passes_use() -> None:
    with pytest.raises(KeyMaterialError, match="P-256"):
        make_request(make_key("P-521"), country="DK", organisation="O")


def test_a_request_of_another_country_is_refused() -> None:
    request = make_request(make_key(), country="SE", organisation="O")
    with pytest.raises(KeyMaterialError, match="another country"):
        csca().certify_request(request, valid_from=START)


def signed_request(*extensions: x509.ExtensionType, country: str = "DK") -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COUNTRY_NAME, country)])
    builder = x509.CertificateSigningRequestBuilder().subject_name(name)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def test_a_request_without_extensions_or_names_gets_a_plain_dsc() -> None:
    certificate = csca().certify_request(signed_request(), valid_from=START)
    assert certificate.usages == set()
    assert certificate.subject == "CN=DK DSC,C=DK"


def test_a_purpose_that_a_dsc_has_not_is_refused_and_never_left_out() -> None:
    request = signed_request(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]))
    with pytest.raises(KeyMaterialError, match="purposes that a DSC cannot have"):
        csca().certify_request(request, valid_from=START)


def test_a_request_with_unreadable_extensions_is_refused() -> None:
    garbage = x509.UnrecognizedExtension(ExtensionOID.EXTENDED_KEY_USAGE, b"\x05\x00")
    with pytest.raises(KeyMaterialError, match="extensions cannot be read"):
        csca().certify_request(signed_request(garbage), valid_from=START)


def test_a_request_that_its_key_did_not_sign_is_refused() -> None:
    request = bytearray(signed_request())
    place = request.rindex(b"DK")
    request[place : place + 2] = b"SE"
    with pytest.raises(KeyMaterialError, match="must be signed with the key"):
        csca().certify_request(bytes(request), valid_from=START)


@pytest.mark.parametrize("request_bytes", [b"", b"garbage", b"-----BEGIN CERTIFICATE REQUEST-----"])
def test_what_is_no_request_is_a_typed_error(request_bytes: bytes) -> None:
    with pytest.raises(KeyMaterialError, match="cannot be read"):
        csca().certify_request(request_bytes, valid_from=START)
