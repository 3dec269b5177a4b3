"""Certificates: read late and tolerantly, compared by content, and never the cause of a crash."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import pickle
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import chain, combinations
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

import backend
import der_writer
from coronapas import _asn1 as asn1
from coronapas.errors import KeyMaterialError
from coronapas.facts import EventKind
from coronapas.keys import make_csca
from coronapas.trust import Certificate
from coronapas.trust import _x509 as fields
from coronapas.trust._certificate import is_sound
from coronapas.trust._x509 import MAX_CERTIFICATE_BYTES
from coronapas.verify._result import Outcome
from coronapas.verify._verifier import Verifier
from der_writer import extension, key_usages, tlv

if TYPE_CHECKING:
    from pathlib import Path

START = datetime(2021, 5, 1, tzinfo=UTC)
NEW_ARC, OLD_ARC = "1.3.6.1.4.1.1847.2021.1.", "1.3.6.1.4.1.0.1847.2021.1."
KINDS = {"1": EventKind.TEST, "2": EventKind.VACCINATION, "3": EventKind.RECOVERY}
CLIENT_AUTH = "1.3.6.1.5.5.7.3.2"
# What broke strict parsing on real lists: cA written out although false is its default.
ENCODED_DEFAULT = extension("2.5.29.19", tlv(0x30, b"\x01\x01\x00"))


@cache
def genuine() -> bytes:
    """One well-formed DSC; made once, its bytes are what the tests break."""
    pair = make_csca("DK", valid_from=START).issue_dsc(
        valid_from=START, usages={EventKind.TEST}, organisation='Ö "Exempel", #1+2 '
    )
    assert pair.certificate.der is not None
    return pair.certificate.der


def official_certificates(official: Path) -> dict[bytes, str]:
    found: dict[bytes, str] = {}
    for path in sorted(official.glob("dgc-testdata/**/*.json")):
        vector = json.loads(path.read_text("utf-8-sig"))
        if isinstance(vector, dict) and (text := vector.get("TESTCTX", {}).get("CERTIFICATE")):
            found.setdefault(base64.b64decode(text), path.name)
    assert found
    return found


def assert_agrees_with_strict_parsing(certificate: Certificate) -> None:
    strict = certificate.to_cryptography()
    assert certificate.serial == strict.serial_number
    assert certificate.subject == strict.subject.rfc4514_string()
    assert certificate.issuer == strict.issuer.rfc4514_string()
    assert certificate.not_before == strict.not_valid_before_utc
    assert certificate.not_after == strict.not_valid_after_utc
    assert certificate.public_key == strict.public_key()
    assert certificate.signature_algorithm == strict.signature_algorithm_oid.dotted_string
    if not certificate.deviations:
        assert [(e.oid, e.critical) for e in certificate.extensions] == [
            (e.oid.dotted_string, e.critical) for e in strict.extensions
        ]
        assert certificate.key_purposes == strict_purposes(strict)


def strict_purposes(strict: x509.Certificate) -> frozenset[str]:
    try:
        purposes = strict.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return frozenset()
    return frozenset(oid.dotted_string for oid in purposes)


def test_every_form_gives_the_same_certificate() -> None:
    data = genuine()
    parsed = x509.load_der_x509_certificate(data)
    pem = parsed.public_bytes(Encoding.PEM)
    text = base64.b64encode(data)
    certificate = Certificate(data)
    forms = (data, bytearray(data), pem, pem.decode(), text, text.decode(), b"\n " + text, parsed)
    assert {Certificate.load(form) for form in forms} == {certificate}  # type: ignore[arg-type]
    assert Certificate(data) == Certificate.load(text) == certificate
    assert Certificate.load(pem) == Certificate.load(pem.decode()) == certificate
    assert certificate.pem() == pem
    assert Certificate.load(certificate) == certificate


def test_the_kid_is_the_first_eight_bytes_of_the_digest() -> None:
    assert Certificate(genuine()).kid == hashlib.sha256(genuine()).digest()[:8]


def test_a_well_formed_certificate_is_read_as_strict_parsing_reads_it() -> None:
    certificate = Certificate(genuine())
    certificate.check()
    assert_agrees_with_strict_parsing(certificate)
    assert certificate.deviations == ()
    assert certificate.country == "DK"
    assert certificate.key_kind == "P-256"
    assert certificate.usages == {EventKind.TEST}


def test_names_of_every_kind_are_written_as_strict_parsing_writes_them() -> None:
    oid = x509.NameOID
    subject = x509.Name(
        [
            x509.RelativeDistinguishedName([x509.NameAttribute(oid.COUNTRY_NAME, "dk")]),
            x509.RelativeDistinguishedName(
                [
                    x509.NameAttribute(oid.COMMON_NAME, " a,b;c<d>e\\f\0 "),
                    x509.NameAttribute(oid.SERIAL_NUMBER, "7"),
                ]
            ),
            x509.RelativeDistinguishedName([x509.NameAttribute(oid.LOCALITY_NAME, "#Ærø")]),
            x509.RelativeDistinguishedName([x509.NameAttribute(oid.POSTAL_CODE, " ")]),
        ]
    )
    certificate = Certificate(der_writer.certificate(subject=subject.public_bytes()))
    assert certificate.subject == certificate.to_cryptography().subject.rfc4514_string()
    assert certificate.country == "DK"


@pytest.mark.parametrize("value", ["a", "a ", " ", "  ", "a\t", "\t", "a\x1f", "#", "# "])
def test_a_value_of_a_name_is_escaped_as_strict_parsing_does(value: str) -> None:
    strict = x509.NameAttribute(x509.NameOID.COMMON_NAME, value).rfc4514_string()
    assert f"CN={fields._escape(value)}" == strict
    assert fields._escape("") == ""


def test_a_certificate_without_a_country_has_none() -> None:
    assert Certificate(der_writer.certificate(subject=der_writer.name(None))).country is None
    assert Certificate(der_writer.certificate(subject=der_writer.name(" "))).country is None


@pytest.mark.parametrize("arc", [NEW_ARC, OLD_ARC])
@pytest.mark.parametrize(
    "digits", [*chain.from_iterable(combinations("123", size) for size in range(4))], ids="".join
)
def test_usages_of_both_arcs_restrict_what_may_be_signed(arc: str, digits: tuple[str]) -> None:
    purposes = (CLIENT_AUTH, *(arc + digit for digit in digits), arc + "4")
    certificate = Certificate(der_writer.certificate(tlv(0x30, key_usages(*purposes))))
    wanted = {KINDS[digit] for digit in digits}
    assert certificate.usages == wanted
    assert certificate.key_purposes == set(purposes)
    assert {kind for kind in EventKind if certificate.may_sign(kind)} == (wanted or set(EventKind))


def test_usages_of_both_arcs_in_one_certificate_add_up() -> None:
    field = tlv(0x30, key_usages(NEW_ARC + "1", OLD_ARC + "3"))
    assert Certificate(der_writer.certificate(field)).usages == {
        EventKind.TEST,
        EventKind.RECOVERY,
    }


REFUSED = {
    "a default written out, first": (
        tlv(0x30, ENCODED_DEFAULT, key_usages(OLD_ARC + "2")),
        {EventKind.VACCINATION},
    ),
    "a default written out, last": (
        tlv(0x30, key_usages(NEW_ARC + "1"), ENCODED_DEFAULT),
        {EventKind.TEST},
    ),
    "critical written out as false": (
        tlv(0x30, extension("2.5.29.37", tlv(0x30, der_writer.oid(NEW_ARC + "1")), b"\1\1\0")),
        {EventKind.TEST},
    ),
    "an empty list inside": (tlv(0x30, extension("2.5.29.37", b"\x30\x00")), set()),
    "usages that stand twice": (
        tlv(0x30, key_usages(NEW_ARC + "1"), key_usages(NEW_ARC + "2")),
        {EventKind.TEST, EventKind.VACCINATION},
    ),
    "garbage in another extension": (
        tlv(0x30, extension("2.5.29.15", b"no DER at all"), key_usages(NEW_ARC + "3")),
        {EventKind.RECOVERY},
    ),
}


@pytest.mark.parametrize(("field", "usages"), REFUSED.values(), ids=REFUSED)
def test_usages_are_found_where_strict_parsing_gives_up(
    field: bytes, usages: set[EventKind]
) -> None:
    certificate = Certificate(der_writer.certificate(field))
    certificate.check()
    assert certificate.usages == usages
    [deviation] = certificate.deviations
    assert deviation.code == "certificate.encoding"
    assert deviation.note


@pytest.mark.parametrize(
    ("serial", "algorithm", "note"),
    [
        (b"\xff", b"", "serial number"),
        (b"\x00", b"", "serial number"),
        (b"\x01", b"\x05\x00", "parameters"),
    ],
)
def test_what_strict_parsing_only_warns_of_is_told_without_a_warning(
    serial: bytes, algorithm: bytes, note: str
) -> None:
    data = der_writer.certificate(serial=serial, algorithm_parameters=algorithm)
    certificate = Certificate(data)
    assert certificate.serial == int.from_bytes(serial, "big", signed=True)
    assert certificate.signature_algorithm == "1.2.840.10045.4.3.2"
    [deviation] = certificate.deviations
    assert deviation.code == "certificate.encoding"
    assert note in deviation.note


def test_an_extension_counts_as_critical_by_its_boolean() -> None:
    field = tlv(
        0x30,
        extension("2.5.29.15", b"\x03\x02\x07\x80", b"\x01\x01\xff"),
        extension("2.5.29.14", b"\x04\x01a"),
    )
    found = Certificate(der_writer.certificate(field)).extensions
    assert [(e.oid, e.critical, e.value) for e in found] == [
        ("2.5.29.15", True, b"\x03\x02\x07\x80"),
        ("2.5.29.14", False, b"\x04\x01a"),
    ]


def test_unique_identifiers_before_the_extensions_are_passed_over() -> None:
    data = der_writer.certificate(
        tlv(0x30, key_usages(NEW_ARC + "1")), before_extensions=b"\x81\x01\x00\x82\x01\x00"
    )
    assert Certificate(data).usages == {EventKind.TEST}


BROKEN_EXTENSIONS = {
    "an extension that is no SEQUENCE": tlv(0x30, tlv(0x31)),
    "an extension without a value": tlv(0x30, tlv(0x30, der_writer.oid("2.5.29.37"))),
    "a value that is no OCTET STRING": tlv(0x30, tlv(0x30, der_writer.oid("2.5.29.37"), b"\x05\0")),
    "a usage that is no SEQUENCE": tlv(0x30, extension("2.5.29.37", b"\x05\x00")),
    "a usage with something after it": tlv(0x30, extension("2.5.29.37", b"\x30\x00\x00")),
    "a purpose that is no identifier": tlv(0x30, extension("2.5.29.37", b"\x30\x02\x05\x00")),
}


@pytest.mark.parametrize("field", BROKEN_EXTENSIONS.values(), ids=BROKEN_EXTENSIONS)
def test_unreadable_usages_are_an_error_and_never_no_restriction(field: bytes) -> None:
    certificate = Certificate(der_writer.certificate(field))
    with pytest.raises(KeyMaterialError):
        _ = certificate.usages
    with pytest.raises(KeyMaterialError):
        certificate.may_sign(EventKind.TEST)
    with pytest.raises(KeyMaterialError):
        certificate.check()


@pytest.mark.parametrize("part", ["name", "attribute"])
def test_an_unreadable_subject_is_an_error_when_it_is_read(part: str) -> None:
    subject = tlv(0x30, b"\x05\x00" if part == "name" else tlv(0x31, b"\x05\x00"))
    certificate = Certificate(der_writer.certificate(subject=subject))
    with pytest.raises(KeyMaterialError):
        _ = certificate.subject
    assert "as stated" in repr(certificate)


CSR = tlv(0x30, tlv(0x30, b"\x02\x01\x00", der_writer.name()), tlv(0x30), b"\x03\x01\x00")
GARBAGE = {
    "nothing": b"",
    "text": b"hello",
    "text that is not ASCII": "grøn".encode(),
    "a sequence": b"0\x00",
    "a request": CSR,
    "bytes after the certificate": der_writer.certificate() + b"\x00",
    "a cut-off certificate": der_writer.certificate()[:-1],
    "too many bytes": tlv(0x30, bytes(MAX_CERTIFICATE_BYTES)),
    "no public key": der_writer.certificate(key=b""),
    "an unknown field": der_writer.certificate(before_extensions=b"\x84\x00"),
    "extensions that are no SEQUENCE": der_writer.certificate(b"\x05\x00"),
    "something in the signature's place": der_writer.certificate()[:-11] + tlv(0x04, bytes(9)),
    "base64 of no certificate": base64.b64encode(b"hello"),
    "a PEM without certificates": b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
    "a PEM that is cut off": Certificate(der_writer.certificate()).pem()[:100],
    "two certificates": Certificate(der_writer.certificate()).pem() * 2,
}


@pytest.mark.parametrize("data", GARBAGE.values(), ids=GARBAGE)
def test_what_is_no_certificate_is_refused_at_once(data: bytes) -> None:
    with pytest.raises(KeyMaterialError):
        Certificate.load(data)


def test_an_empty_list_of_extensions_restricts_nothing() -> None:
    for field in (None, tlv(0x30)):
        certificate = Certificate(der_writer.certificate(field))
        certificate.check()
        assert (certificate.extensions, certificate.usages) == ((), frozenset())


def test_something_after_the_signature_is_refused() -> None:
    whole = der_writer.certificate()
    outer = asn1.element(whole, 0, len(whole))
    inner = whole[outer.begin : outer.end]
    with pytest.raises(KeyMaterialError, match="follow the certificate's signature"):
        Certificate(tlv(0x30, inner, b"\x05\x00"))


def test_something_after_the_extensions_is_refused() -> None:
    body = der_writer.certificate(tlv(0x30))
    broken = body.replace(b"\xa3\x02\x30\x00", b"\xa3\x00\x82\x00")
    with pytest.raises(KeyMaterialError, match="follow the certificate's extensions"):
        Certificate(broken)


def test_what_has_no_form_of_a_certificate_is_refused_by_its_type() -> None:
    with pytest.raises(KeyMaterialError, match="int"):
        Certificate.load(7)  # type: ignore[arg-type]
    with pytest.raises(KeyMaterialError, match="neither DER, PEM nor base64"):
        Certificate.load("grøn")


def read_all(certificate: Certificate) -> None:
    _ = (certificate.deviations, certificate.key_kind, repr(certificate), certificate.spki)
    certificate.check()


@given(st.binary(max_size=300))
def test_any_bytes_are_a_certificate_or_a_typed_error(data: bytes) -> None:
    for source in (data, tlv(0x30, data)):
        try:
            read_all(Certificate.load(source))
        except KeyMaterialError:
            continue


@given(
    st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 255)), min_size=1, max_size=4),
    st.booleans(),
)
def test_a_damaged_certificate_is_read_or_a_typed_error(
    changes: list[tuple[int, int]], odd: bool
) -> None:
    data = bytearray(der_writer.certificate(tlv(0x30, ENCODED_DEFAULT)) if odd else genuine())
    for place, value in changes:
        data[place % len(data)] = value
    try:
        read_all(Certificate(bytes(data)))
    except KeyMaterialError:
        return


@given(st.data())
def test_a_cut_off_certificate_is_a_typed_error(data: st.DataObject) -> None:
    length = data.draw(st.integers(0, len(genuine()) - 1))
    with pytest.raises(KeyMaterialError):
        Certificate(genuine()[:length])


@given(st.text(max_size=300) | st.text("-BEGIN CERTFA\n", max_size=300))
def test_any_text_is_a_certificate_or_a_typed_error(text: str) -> None:
    with pytest.raises(KeyMaterialError):
        Certificate.load(text)
    with pytest.raises(KeyMaterialError):
        Certificate.load("-----BEGIN CERTIFICATE-----" + text)


def test_validity_includes_both_ends_and_no_moment_beyond() -> None:
    certificate = Certificate(der_writer.certificate())
    first, last = certificate.not_before, certificate.not_after
    assert (first, last) == (START, START.replace(year=2023))
    assert certificate.not_before_ts == START.timestamp()
    assert certificate.not_after_ts == START.replace(year=2023).timestamp()
    assert last is not None
    for at, valid in (
        (START - timedelta(microseconds=1), False),
        (START, True),
        (last, True),
        (last + timedelta(microseconds=1), False),
        (last + timedelta(seconds=1), False),
    ):
        assert certificate.valid_at(at) is valid


def test_a_certificate_and_a_verifier_agree_on_its_end() -> None:
    pair = backend.csca().issue_dsc(valid_from=backend.BEGIN, valid_for=timedelta(days=300))
    text, end = backend.forge(backend.claims(), pair), pair.certificate.not_after
    assert end is not None
    verifier = Verifier(backend.trust(pair))
    for late in (timedelta(0), timedelta(seconds=0.5), timedelta(seconds=1)):
        valid = verifier.verify(text, end + late).check("certificate validity").outcome
        assert (valid is Outcome.PASS) is pair.certificate.valid_at(end + late) is (not late)


def test_a_time_without_a_zone_is_not_guessed_at() -> None:
    with pytest.raises(ValueError, match="zone"):
        Certificate(genuine()).valid_at(START.replace(tzinfo=None))


def test_an_unreadable_validity_is_an_error_and_not_valid() -> None:
    times = tlv(0x30, tlv(0x17, b"210501000000Z"), tlv(0x17, b"now"))
    certificate = Certificate(der_writer.certificate(validity=times))
    with pytest.raises(KeyMaterialError):
        certificate.valid_at(START)


def test_what_a_list_says_overrides_the_certificate() -> None:
    certificate = Certificate(
        genuine(), kid=b"12345678", country=" se ", usages=[EventKind.RECOVERY]
    )
    assert certificate.kid == b"12345678"
    assert certificate.country == "SE"
    assert certificate.usages == {EventKind.RECOVERY}
    assert Certificate(genuine(), usages=()).may_sign(EventKind.RECOVERY)


def test_overrides_are_kept_where_others_are_given_later() -> None:
    first = Certificate(genuine(), kid=b"12345678", usages=[EventKind.TEST])
    second = Certificate.load(first, country="SE")
    assert (second.kid, second.country) == (b"12345678", "SE")
    assert second.usages == {EventKind.TEST}


def test_equality_is_by_content_and_overrides() -> None:
    certificate = Certificate(genuine())
    assert certificate == Certificate(bytes(bytearray(genuine())))
    assert hash(certificate) == hash(Certificate(genuine()))
    others: list[object] = [
        Certificate(genuine(), country="SE"),
        Certificate(genuine(), usages=()),
        Certificate(genuine(), kid=b"12345678"),
        Certificate(der_writer.certificate()),
        Certificate.from_public_key(certificate.spki, kid=certificate.kid),
        "a text",
    ]
    assert certificate not in others


@pytest.mark.parametrize("bare", [False, True])
def test_a_certificate_survives_pickling_with_its_overrides(bare: bool) -> None:
    certificate = Certificate(genuine(), country="SE", usages=[EventKind.TEST])
    if bare:
        certificate = Certificate.from_public_key(certificate.spki, kid=b"12345678", country="SE")
    _ = certificate.public_key
    copy = pickle.loads(pickle.dumps(certificate))
    assert copy == certificate
    assert copy.public_key == certificate.public_key


def test_a_certificate_does_not_change() -> None:
    certificate = Certificate(genuine())
    with pytest.raises(AttributeError):
        certificate.kid = b""
    with pytest.raises(AttributeError):
        del certificate.kid


def test_the_repr_shows_the_kid_in_sixteen_digits() -> None:
    certificate = Certificate(genuine(), country="DK")
    assert f"{certificate.kid.hex()}: certificate, country DK" in repr(certificate)
    assert len(certificate.kid.hex()) == 16


def test_a_bare_key_has_only_what_its_list_says() -> None:
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    bare = Certificate.from_public_key(
        spki, kid=b"12345678", country="gb", usages=[EventKind.VACCINATION]
    )
    bare.check()
    assert (bare.public_key, bare.spki, bare.key_kind) == (key, spki, "P-256")
    assert (bare.kid, bare.country) == (b"12345678", "GB")
    assert bare.usages == {EventKind.VACCINATION}
    nothing = (bare.der, bare.subject, bare.issuer, bare.serial, bare.signature_algorithm)
    times = (bare.not_before, bare.not_after, bare.not_before_ts, bare.not_after_ts)
    assert {*nothing, *times} == {None}
    assert (bare.extensions, bare.deviations, bare.key_purposes) == ((), (), frozenset())
    assert bare.valid_at(START)
    assert "bare key" in repr(bare)
    for read in (bare.to_cryptography, bare.pem):
        with pytest.raises(KeyMaterialError, match="bare key"):
            read()


@pytest.mark.parametrize("spki", [b"", b"hello", tlv(0x30, bytes(MAX_CERTIFICATE_BYTES))])
def test_what_is_no_key_is_refused(spki: bytes) -> None:
    with pytest.raises(KeyMaterialError):
        Certificate.from_public_key(spki, kid=b"12345678")


def test_a_key_that_cannot_be_loaded_is_told_and_does_not_crash() -> None:
    bare = Certificate.from_public_key(tlv(0x30, tlv(0x30), tlv(0x03)), kid=b"12345678")
    assert bare.key_kind == "unsupported"
    with pytest.raises(KeyMaterialError, match="cannot be loaded"):
        _ = bare.public_key


@pytest.mark.parametrize(
    ("algorithm", "key", "kind"),
    [
        # A modulus of 1024 bits, which no pass should rest on, and a key for another purpose.
        (
            der_writer.oid("1.2.840.113549.1.1.1") + b"\x05\x00",
            tlv(0x30, tlv(2, b"\0\xc1" + bytes(126) + b"\x01"), tlv(2, b"\x01\x00\x01")),
            "RSA-1024",
        ),
        (der_writer.oid("1.3.101.112"), bytes(32), "Ed25519"),
    ],
)
def test_keys_of_other_kinds_are_named(algorithm: bytes, key: bytes, kind: str) -> None:
    spki = tlv(0x30, tlv(0x30, algorithm), tlv(0x03, b"\x00", key))
    assert Certificate.from_public_key(spki, kid=b"12345678").key_kind == kind


def test_reading_certificates_needs_no_cryptography_until_a_key_is_used() -> None:
    code = (
        "import sys; from coronapas.trust import TrustStore; "
        f"store = TrustStore.from_certificates([bytes.fromhex('{genuine().hex()}')]); "
        "assert store.by_kid(store.certificates[0].kid)[0].country == 'DK'; "
        "assert 'cryptography.x509' not in sys.modules"
    )
    path = os.pathsep.join(sys.path)
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONPATH": path})


def test_all_official_certificates_are_read_as_strict_parsing_reads_them(official: Path) -> None:
    for data in official_certificates(official):
        certificate = Certificate(data)
        certificate.check()
        assert_agrees_with_strict_parsing(certificate)


def test_official_certificates_that_strict_parsing_refuses_have_their_usages(
    official: Path,
) -> None:
    refused = [c for c in map(Certificate, official_certificates(official)) if c.deviations]
    assert refused
    for certificate in refused:
        assert certificate.der is not None
        named = {
            digit
            for digit in KINDS
            if der_writer.oid(OLD_ARC + digit) in certificate.der
            or der_writer.oid(NEW_ARC + digit) in certificate.der
        }
        assert certificate.usages == {KINDS[digit] for digit in named}


def outcome(read: object, data: bytes) -> object:
    assert callable(read)
    try:
        return read(data)
    except KeyMaterialError:
        return "refused"


def test_names_that_are_cut_short_are_refused() -> None:
    name = x509.Name(
        [
            x509.NameAttribute(x509.NameOID.COUNTRY_NAME, "DK"),
            x509.NameAttribute(x509.NameOID.COMMON_NAME, "a name"),
        ]
    )
    der = name.public_bytes()
    content = der[2:]
    assert fields._plain_names(content) == fields._names(content)
    for size in range(1, len(content)):
        cut = content[:size]
        if fields._plain_names(cut) is not None:
            assert fields._plain_names(cut) == fields._names(cut)


def test_a_value_under_a_long_tag_is_left_to_the_careful_reader() -> None:
    # Tag number 3 in a byte of its own, and two bytes; or else three bytes under tag number 31.
    name = b"\x31\x0c\x30\x0a\x06\x03\x55\x04\x03\x1f\x03\x02AB"
    assert fields._plain_names(name) is None
    assert outcome(fields._read_name, name) == outcome(fields._names, name) == "refused"
    plain = name.replace(b"\x1f", b"\x0c")
    assert fields._plain_names(plain) == fields._names(plain)


def test_the_quick_layout_is_that_of_the_careful_reader() -> None:
    der = genuine()
    assert fields._plain_layout(der) == fields._layout(der)
    for place in range(len(der)):
        for flip in (0x01, 0x80, 0xFF):
            changed = der[:place] + bytes([der[place] ^ flip]) + der[place + 1 :]
            assert outcome(fields.layout, changed) == outcome(fields._layout, changed), place
    for size in range(len(der)):
        assert outcome(fields.layout, der[:size]) == "refused"


def test_the_layout_of_every_official_certificate_is_the_careful_reader_s(official: Path) -> None:
    for der in official_certificates(official):
        assert outcome(fields.layout, der) == outcome(fields._layout, der)


def loads(spki: bytes) -> bool:
    try:
        return bool(Certificate.from_public_key(spki).public_key)
    except KeyMaterialError:
        return False


@given(st.integers(1, 2**255), st.sampled_from([0, 1, 2, 27, 40, 58, 59, 90]), st.integers(0, 255))
def test_a_key_that_is_sound_is_one_that_openssl_loads(secret: int, place: int, flip: int) -> None:
    key = ec.derive_private_key(secret, ec.SECP256R1()).public_key()
    spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert is_sound(spki)
    assert loads(spki)
    changed = spki[:place] + bytes([spki[place] ^ flip]) + spki[place + 1 :]
    assert not is_sound(changed) or loads(changed)


@pytest.mark.parametrize("coordinate", ["prime", "all"])
def test_a_coordinate_beyond_the_field_is_not_sound(coordinate: str) -> None:
    base = der_writer.P256_KEY
    prime = (2**256 - 2**224 + 2**192 + 2**96 - 1).to_bytes(32, "big")
    big = {"prime": prime, "all": b"\xff" * 32}[coordinate]
    assert is_sound(base)
    for spki in (base[:-64] + big + base[-32:], base[:-32] + big, base[:-1], base + b"\0"):
        assert not is_sound(spki)
        assert not loads(spki)


def test_a_certificate_whose_key_is_not_on_its_curve_is_found_by_the_check() -> None:
    der = genuine()
    spki = Certificate(der).spki
    place = der.index(spki) + len(spki) - 1
    broken = Certificate(der[:place] + bytes([der[place] ^ 1]) + der[place + 1 :])
    Certificate(der).check()
    with pytest.raises(KeyMaterialError, match="public key"):
        broken.check()
