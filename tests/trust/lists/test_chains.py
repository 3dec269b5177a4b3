"""The chain from a DSC to its CSCA: what breaks it, and what is only odd."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

import der_writer
import list_makers as make
from coronapas import keys
from coronapas.errors import KeyMaterialError
from coronapas.trust import _anchors as anchors
from coronapas.trust import _certificate as extensions
from coronapas.trust._certificate import Certificate

CSCA = make.csca().certificate
DSC = make.dsc(0).certificate


def link(certificate: Certificate, *authorities: Certificate) -> anchors.Link:
    return anchors.Authorities(authorities or (CSCA,)).link(certificate)


def issued(
    authority: keys.Authority,
    *,
    issuer: x509.Name | None = None,
    subject_country: str = "DK",
    digest: Any = None,
    key_identifier: bytes | None = None,
    pad: Any = None,
    key: Any = None,
    days: int = 10,
) -> Certificate:
    """A DSC of an authority, with one thing as no proper authority would do it."""
    strict = authority.certificate.to_cryptography()
    own = (key or ec.generate_private_key(ec.SECP256R1())).public_key()
    names = [x509.NameAttribute(NameOID.COUNTRY_NAME, subject_country)]
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name(names))
        .issuer_name(issuer or strict.subject)
        .public_key(own)
        .serial_number(7)
        .not_valid_before(make.BEGIN)
        .not_valid_after(make.BEGIN + timedelta(days=days))
    )
    if key_identifier is not None:
        aki = x509.AuthorityKeyIdentifier(key_identifier, None, None)
        builder = builder.add_extension(aki, critical=False)
    signed = builder.sign(
        authority.private_key,
        digest or hashes.SHA256(),
        **({} if pad is None else {"rsa_padding": pad}),
    )
    return Certificate(signed.public_bytes(Encoding.DER))


def test_a_dsc_leads_to_the_authority_that_issued_it() -> None:
    found = link(DSC, make.csca("SE").certificate, CSCA)
    assert found == anchors.Link(CSCA, None, ())
    assert found.sentence == ""


def test_of_several_authorities_of_one_name_the_one_whose_key_signed_is_found() -> None:
    namesake = keys.make_csca("DK", valid_from=make.BEGIN).certificate
    assert link(DSC, namesake, CSCA).issuer == CSCA
    assert link(DSC, namesake).fault == "chain.signature"


def test_an_issuer_that_is_not_there_is_told() -> None:
    found = link(DSC, make.csca("SE").certificate)
    assert found.fault == "chain.no-issuer"
    assert found.sentence.startswith("no authority")
    assert anchors.Authorities(()).link(DSC).issuer is None


def test_a_dsc_issues_nothing() -> None:
    child = issued(keys.Authority(make.dsc(0).private_key, make.dsc(0).certificate))
    assert link(child, DSC).fault == "chain.not-an-authority"


def test_an_authority_whose_key_may_not_certify_issues_nothing() -> None:
    constraints = der_writer.extension(
        extensions.BASIC_CONSTRAINTS, der_writer.tlv(0x30, b"\x01\x01\xff")
    )
    usage = der_writer.extension(extensions.KEY_USAGE, b"\x03\x02\x07\x80")
    authority = Certificate(der_writer.certificate(der_writer.tlv(0x30, constraints, usage)))
    assert authority.is_authority
    assert authority.key_usage == frozenset({"digitalSignature"})
    assert not authority.signs_only_certificates
    child = Certificate(der_writer.certificate(serial=b"\x02"))
    assert link(child, authority).fault == "chain.not-an-authority"


def test_a_certificate_that_names_another_issuer_is_not_the_authoritys() -> None:
    ski = CSCA.subject_key_identifier
    other = x509.Name([x509.NameAttribute(NameOID.COUNTRY_NAME, "DK")])
    child = issued(make.csca(), issuer=other, key_identifier=ski)
    assert link(child).fault == "chain.name"


def test_a_name_in_another_encoding_or_case_is_the_same_name() -> None:
    strict = CSCA.to_cryptography()
    parts = [
        x509.NameAttribute(part.oid, str(part.value).upper(), _type=x509.name._ASN1Type.BMPString)
        if part.oid == NameOID.COMMON_NAME
        else part
        for part in strict.subject
    ]
    child = issued(make.csca(), issuer=x509.Name(parts))
    assert child.raw_issuer != CSCA.raw_subject
    assert link(child).issuer == CSCA


def test_an_authority_of_another_country_issues_nothing() -> None:
    assert link(issued(make.csca(), subject_country="SE")).fault == "chain.country"


def test_sha_1_is_reported_and_does_not_break_the_chain() -> None:
    authority = keys.make_csca("DK", valid_from=make.BEGIN, key="RSA-2048")
    child = issued(authority)
    assert link(child, authority.certificate).remarks == ()
    body = child.signed_body
    assert body is not None
    # `cryptography` signs no certificates with SHA-1 any more: the frame is put together here.
    algorithm = der_writer.tlv(0x30, der_writer.oid("1.2.840.113549.1.1.5"), b"\x05\x00")
    old = der_writer.tlv(0x30, der_writer.oid("1.2.840.113549.1.1.11"), b"\x05\x00")
    assert body.count(old) == 1
    sha1 = body.replace(old, algorithm)
    assert isinstance(authority.private_key, rsa.RSAPrivateKey)
    signature = authority.private_key.sign(sha1, padding.PKCS1v15(), hashes.SHA1())
    whole = der_writer.tlv(0x30, sha1, algorithm, der_writer.tlv(0x03, b"\x00", signature))
    found = link(Certificate(whole), authority.certificate)
    assert found.issuer == authority.certificate
    assert found.remarks == ("chain.sha-1",)
    spoilt = Certificate(whole[:-1] + bytes((whole[-1] ^ 1,)))
    assert link(spoilt, authority.certificate).fault == "chain.signature"


@pytest.mark.parametrize("digest", [hashes.SHA256, hashes.SHA384, hashes.SHA512])
@pytest.mark.parametrize("kind", ["P-256", "P-384", "P-521", "RSA-2048", "PSS"])
def test_signatures_of_every_kind_are_judged(kind: str, digest: Any) -> None:
    pss = kind == "PSS"
    authority = keys.make_csca(
        "DK",
        valid_from=make.BEGIN,
        key="RSA-2048" if pss else kind,  # type: ignore[arg-type]
    )
    pad = padding.PSS(padding.MGF1(digest()), digest().digest_size) if pss else None
    child = issued(authority, digest=digest(), pad=pad)
    assert link(child, authority.certificate) == anchors.Link(authority.certificate, None, ())


def test_a_key_identifier_of_another_key_is_odd_where_the_signature_holds() -> None:
    found = link(issued(make.csca(), key_identifier=b"another"))
    assert (found.issuer, found.remarks) == (CSCA, ("chain.key-identifier",))


def test_a_validity_beyond_the_issuers_is_odd() -> None:
    found = link(issued(make.csca(), days=40_000))
    assert (found.issuer, found.remarks) == (CSCA, ("chain.validity",))


def test_a_signature_of_an_unknown_kind_is_told_apart_from_a_wrong_one() -> None:
    authority = keys.make_csca("DK", valid_from=make.BEGIN, key="RSA-2048")
    issuer = x509.load_der_x509_certificate(authority.certificate.der or b"").subject
    child = issued(make.csca(), issuer=issuer)
    # An ECDSA signature under an RSA key.
    assert link(child, authority.certificate).fault == "chain.algorithm"


def test_a_signature_that_openssl_will_not_judge_is_no_signature(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(_signature: bytes, _body: bytes) -> None:
        raise ValueError("this size of key is not allowed here")

    monkeypatch.setattr(anchors, "_verifier", lambda *_: refuse)
    assert link(DSC).fault == "chain.algorithm"


def test_an_algorithm_that_is_not_known_is_told() -> None:
    authority = keys.make_csca("DK", valid_from=make.BEGIN, key="RSA-2048")
    name = authority.certificate.to_cryptography().subject
    for kind in ("1.2.840.113549.1.1.4", "1.2.840.113549.1.1.10"):
        algorithm = der_writer.tlv(0x30, der_writer.oid(kind))
        body = issued(make.csca(), issuer=name).signed_body
        assert body is not None
        frame = der_writer.tlv(0x30, body, algorithm, der_writer.tlv(0x03, b"\x00\x01"))
        fault = link(Certificate(frame), authority.certificate).fault
        assert fault == "chain.algorithm"


def test_an_odd_identifier_or_validity_of_the_issuer_is_reported() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COUNTRY_NAME, "DK")])
    broken = x509.UnrecognizedExtension(
        x509.ObjectIdentifier(extensions.SUBJECT_KEY_IDENTIFIER), b"\x30\x00"
    )
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(make.BEGIN)
        .not_valid_after(make.BEGIN + timedelta(days=99))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(broken, critical=False)
        .sign(key, hashes.SHA256())
    )
    authority = keys.Authority(key, Certificate(signed.public_bytes(Encoding.DER)))
    child = issued(authority, key_identifier=b"stated")
    found = link(child, authority.certificate)
    assert found.issuer == authority.certificate
    assert found.remarks == ("chain.key-identifier",)
    der = child.der
    assert der is not None
    begin = make.BEGIN.strftime("%y%m%d%H%M%SZ").encode()
    assert der.count(begin) == 1
    body = (child.signed_body or b"").replace(begin, b"991399000000Z")
    algorithm = der_writer.tlv(0x30, der_writer.oid("1.2.840.10045.4.3.2"))
    signature = key.sign(body, ec.ECDSA(hashes.SHA256()))
    whole = der_writer.tlv(0x30, body, algorithm, der_writer.tlv(0x03, b"\x00", signature))
    undated = link(Certificate(whole), authority.certificate)
    assert undated.remarks == ("chain.key-identifier", "chain.validity")


def test_bare_keys_have_no_issuer_and_are_none() -> None:
    bare = Certificate.from_public_key(DSC.spki, kid=b"12345678")
    assert link(bare).fault == "chain.no-issuer"
    assert anchors.fault_between(bare, CSCA) == "chain.name"
    assert anchors.fault_between(DSC, bare) == "chain.not-an-authority"
    assert anchors.signature_fault(bare, CSCA) == "chain.unreadable"


BROKEN = [
    der_writer.extension(extensions.AUTHORITY_KEY_IDENTIFIER, b"\x04\x00"),
    der_writer.extension(extensions.SUBJECT_KEY_IDENTIFIER, b"\x30\x00"),
    der_writer.extension(extensions.BASIC_CONSTRAINTS, b"\x01"),
    der_writer.extension(extensions.KEY_USAGE, b"\x03\x00"),
]


@pytest.mark.parametrize("broken", BROKEN)
def test_extensions_that_cannot_be_read_break_the_chain_and_nothing_else(broken: bytes) -> None:
    ca = der_writer.extension(extensions.BASIC_CONSTRAINTS, der_writer.tlv(0x30, b"\x01\x01\xff"))
    whole = Certificate(der_writer.certificate(der_writer.tlv(0x30, broken, ca)))
    assert link(whole, whole).issuer is None
    assert link(DSC, whole).issuer is None


def test_absent_extensions_say_no() -> None:
    plain = Certificate(der_writer.certificate())
    assert plain.subject_key_identifier is None
    assert plain.authority_key_identifier is None
    assert not plain.is_authority
    assert plain.key_usage is None
    empty = der_writer.tlv(
        0x30,
        der_writer.extension(extensions.BASIC_CONSTRAINTS, b"\x30\x00"),
        der_writer.extension(extensions.AUTHORITY_KEY_IDENTIFIER, b"\x30\x00"),
    )
    bare = Certificate(der_writer.certificate(empty))
    assert not bare.is_authority
    assert bare.authority_key_identifier is None
    others = der_writer.tlv(
        0x30,
        der_writer.extension(extensions.BASIC_CONSTRAINTS, b"\x30\x03\x02\x01\x00"),
        der_writer.extension(extensions.AUTHORITY_KEY_IDENTIFIER, b"\x30\x03\x82\x01\x07"),
    )
    strange = Certificate(der_writer.certificate(others))
    assert not strange.is_authority
    assert strange.authority_key_identifier is None


def test_a_signature_that_is_empty_cannot_be_read() -> None:
    body = Certificate(der_writer.certificate()).signed_body
    assert body is not None
    algorithm = der_writer.tlv(0x30, der_writer.oid("1.2.840.10045.4.3.2"))
    for last in (b"\x03\x01\x00", b"\x03\x02\x01\xff"):
        changed = Certificate(der_writer.tlv(0x30, body, algorithm, last))
        with pytest.raises(KeyMaterialError):
            _ = changed.signature
        assert anchors.fault_between(changed, CSCA) in ("chain.unreadable", "chain.name")


@given(st.data())
def test_no_change_of_a_byte_of_a_certificate_leaves_its_chain_whole(data: st.DataObject) -> None:
    der = DSC.der
    assert der is not None
    place = data.draw(st.integers(0, len(der) - 1))
    changed = bytearray(der)
    changed[place] ^= data.draw(st.integers(1, 255))
    try:
        certificate = Certificate(bytes(changed))
    except KeyMaterialError:
        return
    found = link(certificate)
    # The identifier of the outer algorithm is outside the signed body: an unknown one is a fault.
    assert found.issuer is None or certificate.signed_body == DSC.signed_body


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (None, True),
        (b"\x03\x02\x07\x80", True),
        (b"\x03\x02\x01\x06", False),
        (b"\x03\x01\0", False),
    ],
)
def test_a_key_may_sign_data_unless_its_key_usage_says_otherwise(
    usage: bytes | None, expected: bool
) -> None:
    parts = [] if usage is None else [der_writer.extension(extensions.KEY_USAGE, usage)]
    certificate = Certificate(der_writer.certificate(der_writer.tlv(0x30, *parts)))
    assert certificate.may_sign_data is expected
    assert not certificate.is_authority
    assert not certificate.signs_only_certificates


def test_a_csca_signs_only_certificates_and_a_dsc_does_not() -> None:
    assert CSCA.is_authority
    assert CSCA.signs_only_certificates
    assert not CSCA.may_sign_data
    assert DSC.may_sign_data
    assert not DSC.is_authority
    bare = Certificate.from_public_key(DSC.spki)
    assert bare.may_sign_data
    assert not bare.is_authority
