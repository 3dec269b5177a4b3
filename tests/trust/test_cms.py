"""CMS messages: genuine ones of every kind, tampered ones, and those that are none."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from hypothesis import given
from hypothesis import strategies as st

from coronapas import _asn1 as asn1
from coronapas import keys
from coronapas.errors import CmsError, KeyMaterialError
from coronapas.trust import _cms as cms
from coronapas.trust._certificate import Certificate
from der_writer import certificate as written
from der_writer import oid, tlv

if TYPE_CHECKING:
    from coronapas.keys import Authority, KeyName
    from coronapas.trust._cms import HashName, RsaPadding

CONTENT = b'{"country": "DK"}'
DATA = "1.2.840.113549.1.7.1"
SIGNED_DATA = "1.2.840.113549.1.7.2"
SHA256 = "2.16.840.1.101.3.4.2.1"
ECDSA_SHA256 = "1.2.840.10045.4.3.2"
CONTENT_TYPE = "1.2.840.113549.1.9.3"
MESSAGE_DIGEST = "1.2.840.113549.1.9.4"
SIGNING_TIME = "1.2.840.113549.1.9.5"


def pair(key: KeyName = "P-256", name: str = "upload") -> Authority:
    return _made(key, name)


@cache
def _made(key: KeyName, name: str) -> Authority:
    return keys.make_csca("DK", valid_from=datetime(2023, 1, 1, tzinfo=UTC), key=key, name=name)


def attached(key: KeyName = "P-256", **more: Any) -> bytes:
    own = pair(key)
    return cms.sign(CONTENT, own.private_key, own.certificate, detached=False, **more)


def detached(key: KeyName = "P-256", **more: Any) -> bytes:
    own = pair(key)
    return cms.sign(CONTENT, own.private_key, own.certificate, **more)


def fault(message: bytes, content: bytes | None = None) -> str:
    with pytest.raises(CmsError) as caught:
        cms.verify_attached(message) if content is None else cms.verify_detached(message, content)
    return caught.value.code


@pytest.mark.parametrize("digest", ["sha256", "sha384", "sha512"])
@pytest.mark.parametrize(
    ("key", "padding"),
    [
        *(("P-256", "pkcs1v15"), ("P-384", "pkcs1v15"), ("P-521", "pkcs1v15")),
        *(("RSA-2048", "pkcs1v15"), ("RSA-2048", "pss")),
    ],
)
def test_what_was_signed_is_read(key: KeyName, padding: RsaPadding, digest: HashName) -> None:
    content, certificate = cms.verify_attached(attached(key, digest=digest, rsa_padding=padding))
    assert (content, certificate) == (CONTENT, pair(key).certificate)
    message = detached(key, digest=digest, rsa_padding=padding)
    assert cms.verify_detached(message, CONTENT) == pair(key).certificate
    assert fault(message, CONTENT + b" ") == "cms.digest"


def test_a_key_that_is_not_the_certificate_s_signs_nothing() -> None:
    with pytest.raises(KeyMaterialError):
        cms.sign(CONTENT, pair().private_key, pair(name="other").certificate)


def test_attached_content_may_be_compared_with_content_at_hand() -> None:
    assert cms.verify_detached(attached(), CONTENT) == pair().certificate
    assert fault(attached(), b"other") == "cms.content"


def test_a_message_without_its_content_is_no_attached_one() -> None:
    assert fault(detached()) == "cms.content"


def test_tampered_content_fails_by_its_digest() -> None:
    assert fault(attached().replace(b"DK", b"SE", 1)) in {"cms.digest", "cms.signature"}
    at = attached().index(CONTENT)
    message = bytearray(attached())
    message[at] ^= 1
    assert fault(bytes(message)) == "cms.digest"


def test_a_tampered_signature_fails() -> None:
    message = bytearray(attached())
    message[-1] ^= 1
    assert fault(bytes(message)) == "cms.signature"


def test_another_certificate_in_the_message_fails() -> None:
    mine, other = pair().certificate.der, pair(name="other!").certificate.der
    assert mine is not None
    assert other is not None
    own, theirs = Certificate(mine), Certificate(other)
    message = Built(certificates=[other], serial=own.serial).make()
    assert fault(message) == "cms.signature"
    assert fault(Built(certificates=[other], serial=theirs.serial).make()) == "cms.signature"


@given(st.integers(0, 3000), st.integers(1, 255))
def test_no_flipped_bit_makes_other_content_or_another_signer(at: int, flip: int) -> None:
    message = bytearray(attached())
    message[at % len(message)] ^= flip
    try:
        content, certificate = cms.verify_attached(bytes(message))
    except CmsError:
        return
    assert content == CONTENT
    assert certificate.spki == pair().certificate.spki


@given(st.integers(0, 3000))
def test_a_message_that_was_cut_off_is_malformed(length: int) -> None:
    message = attached()
    assert fault(message[: length % len(message)]) == "cms.malformed"


@given(st.binary(max_size=200))
def test_any_bytes_are_an_error_and_nothing_else(data: bytes) -> None:
    assert fault(data).startswith("cms.")


def test_bytes_behind_the_message_are_refused() -> None:
    assert fault(attached() + b"\0") == "cms.malformed"


def test_a_message_that_is_too_large_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    message = attached()
    monkeypatch.setattr(cms, "MAX_MESSAGE_BYTES", len(message))
    assert cms.verify_attached(message)
    monkeypatch.setattr(cms, "MAX_MESSAGE_BYTES", len(message) - 1)
    assert fault(message) == "cms.too-large"


def test_several_signers_and_several_certificates_are_refused() -> None:
    one, two = pair(), pair(name="two")
    assert isinstance(one.private_key, ec.EllipticCurvePrivateKey)
    builder = (
        pkcs7.PKCS7SignatureBuilder()
        .set_data(CONTENT)
        .add_signer(one.certificate.to_cryptography(), one.private_key, hashes.SHA256())
    )
    chain = builder.add_certificate(two.certificate.to_cryptography())
    assert fault(chain.sign(Encoding.DER, [pkcs7.PKCS7Options.Binary])) == "cms.unsupported"
    none = builder.sign(Encoding.DER, [pkcs7.PKCS7Options.Binary, pkcs7.PKCS7Options.NoCerts])
    assert fault(none) == "cms.unsupported"
    assert isinstance(two.private_key, ec.EllipticCurvePrivateKey)
    both = builder.add_signer(two.certificate.to_cryptography(), two.private_key, hashes.SHA256())
    assert fault(both.sign(Encoding.DER, [pkcs7.PKCS7Options.Binary])) == "cms.unsupported"


def test_a_message_without_signed_attributes_is_read() -> None:
    own = pair()
    assert isinstance(own.private_key, ec.EllipticCurvePrivateKey)
    options = [pkcs7.PKCS7Options.Binary, pkcs7.PKCS7Options.NoAttributes]
    message = (
        pkcs7.PKCS7SignatureBuilder()
        .set_data(CONTENT)
        .add_signer(own.certificate.to_cryptography(), own.private_key, hashes.SHA256())
        .sign(Encoding.DER, options)
    )
    assert cms.verify_attached(message).content == CONTENT


# --- messages that no library would write ---


def indefinite(tag: int, *parts: bytes) -> bytes:
    return bytes((tag, 0x80)) + b"".join(parts) + b"\0\0"


class Built:
    """A message built part by part; what is not given is as it should be."""

    def __init__(self, **parts: Any) -> None:
        self.own = pair()
        self.parts = parts

    def attributes(self) -> list[bytes]:
        digest = hashlib.sha256(CONTENT).digest()
        return [
            tlv(0x30, oid(CONTENT_TYPE), tlv(0x31, oid(self.parts.get("kind", DATA)))),
            tlv(0x30, oid(SIGNING_TIME), tlv(0x31, tlv(0x17, b"230101000000Z"))),
            tlv(0x30, oid(MESSAGE_DIGEST), tlv(0x31, tlv(0x04, digest))),
        ]

    def make(self) -> bytes:
        part = self.parts.get
        wrap = part("wrap", tlv)
        attributes = part("attributes", self.attributes())
        signed = part("signed", tlv(0x31, *sorted(attributes or ())) if attributes else CONTENT)
        key = self.own.private_key
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        signature = key.sign(signed, ec.ECDSA(hashes.SHA256()))
        serial: int = part("serial", None) or self.own.certificate.serial or 0
        size = (serial.bit_length() + 8) // 8
        sid = part("sid", tlv(0x30, tlv(0x30), tlv(0x02, serial.to_bytes(size, "big"))))
        signer = tlv(
            0x30,
            tlv(0x02, b"\x01"),
            sid,
            tlv(0x30, oid(part("digest", SHA256))),
            b"" if attributes is None else tlv(0xA0, *attributes),
            part("algorithm", tlv(0x30, oid(ECDSA_SHA256))),
            *part("signature", [tlv(0x04, signature)]),
            *part("unsigned", []),
        )
        certificates = part("certificates", [self.own.certificate.der])
        content = part("content", wrap(0x24, tlv(0x04, CONTENT[:5]), tlv(0x04, CONTENT[5:])))
        signed_data = wrap(
            0x30,
            tlv(0x02, b"\x01"),
            tlv(0x31, tlv(0x30, oid(SHA256))),
            wrap(0x30, oid(part("content_type", DATA)), wrap(0xA0, content)),
            wrap(0xA0, *certificates),
            *part("crls", []),
            tlv(0x31, *part("signers", [signer] * part("times", 1))),
        )
        return bytes(wrap(0x30, oid(part("outer", SIGNED_DATA)), wrap(0xA0, signed_data)))


@pytest.mark.parametrize("wrap", [tlv, indefinite])
def test_lengths_may_be_indefinite_and_strings_in_pieces(wrap: Any) -> None:
    assert cms.verify_attached(Built(wrap=wrap).make()).content == CONTENT


def test_attributes_are_signed_in_sorted_order_or_as_they_stand() -> None:
    unsorted = sorted(Built().attributes(), reverse=True)
    assert cms.verify_attached(Built(attributes=unsorted).make())
    as_they_stand = Built(attributes=unsorted, signed=tlv(0x31, *unsorted)).make()
    assert cms.verify_attached(as_they_stand)
    in_another_order = tlv(0x31, unsorted[1], unsorted[0], unsorted[2])
    assert fault(Built(attributes=unsorted, signed=in_another_order).make()) == "cms.signature"


def test_signed_attributes_of_every_length_are_framed_rightly() -> None:
    for size in (*range(1, 200), 300, 70_000):  # the forms of a length change at 128 and at 256
        extra = tlv(0x30, oid(SIGNING_TIME), tlv(0x31, tlv(0x04, bytes(size))))
        assert cms.verify_attached(Built(attributes=[*Built().attributes(), extra]).make())


def test_signed_attributes_cannot_be_passed_off_as_content() -> None:
    # The signature of a message with attributes holds over the attributes themselves.
    attributes = tlv(0x31, *sorted(Built().attributes()))
    message = Built(attributes=None, signed=attributes, content=tlv(0x04, attributes)).make()
    assert fault(message) == "cms.unsupported"


def test_unsigned_attributes_and_revocation_lists_count_for_nothing() -> None:
    assert cms.verify_attached(Built(unsigned=[tlv(0xA1)], crls=[tlv(0xA1)]).make())


def test_the_signer_may_be_named_by_the_key_identifier() -> None:
    (ski,) = (e.value[2:] for e in pair().certificate.extensions if e.oid == "2.5.29.14")
    assert cms.verify_attached(Built(sid=tlv(0x80, ski)).make())
    assert fault(Built(sid=tlv(0x80, b"other")).make()) == "cms.signature"


def attribute(name: str, *values: bytes) -> bytes:
    return tlv(0x30, oid(name), tlv(0x31, *values))


WRONG = [
    ({"outer": DATA}, "cms.unsupported"),
    ({"content_type": SIGNED_DATA}, "cms.digest"),
    ({"kind": SIGNED_DATA}, "cms.digest"),
    ({"attributes": None, "content_type": SIGNED_DATA}, "cms.unsupported"),
    ({"attributes": []}, "cms.malformed"),
    ({"attributes": Built().attributes()[:2]}, "cms.malformed"),
    ({"attributes": Built().attributes()[1:]}, "cms.malformed"),
    ({"attributes": [*Built().attributes(), Built().attributes()[2]]}, "cms.malformed"),
    ({"attributes": [attribute(CONTENT_TYPE, tlv(0x05))]}, "cms.malformed"),
    ({"attributes": [tlv(0x30, oid(CONTENT_TYPE))]}, "cms.malformed"),
    ({"attributes": [tlv(0x31)]}, "cms.malformed"),
    ({"serial": 5}, "cms.signature"),
    ({"sid": tlv(0x30, tlv(0x30))}, "cms.malformed"),
    ({"sid": tlv(0x31, tlv(0x30), tlv(0x02, b"\1"))}, "cms.malformed"),
    ({"digest": "1.3.14.3.2.26"}, "cms.unsupported"),
    ({"algorithm": tlv(0x30, oid("1.2.840.10045.4.1"))}, "cms.unsupported"),
    ({"algorithm": tlv(0x30, oid("1.2.840.113549.1.1.11"))}, "cms.unsupported"),
    ({"algorithm": tlv(0x30)}, "cms.malformed"),
    ({"signature": []}, "cms.malformed"),
    ({"signature": [], "unsigned": [tlv(0xA1)]}, "cms.malformed"),
    ({"signature": [tlv(0x24, tlv(0x05))]}, "cms.malformed"),
    ({"certificates": []}, "cms.unsupported"),
    ({"certificates": [tlv(0xA0)]}, "cms.unsupported"),
    ({"certificates": [tlv(0x30)]}, "cms.malformed"),
    ({"signers": []}, "cms.malformed"),
    ({"times": 2}, "cms.unsupported"),
    ({"signers": [tlv(0x30, tlv(0x02, b"\1"))]}, "cms.malformed"),
    ({"content": tlv(0x30)}, "cms.malformed"),
    ({"content": tlv(0x24, tlv(0x30))}, "cms.malformed"),
]


@pytest.mark.parametrize(("parts", "code"), WRONG, ids=lambda value: str(value)[:50])
def test_a_message_with_one_wrong_part_is_refused(parts: dict[str, Any], code: str) -> None:
    assert fault(Built(**parts).make()) == code


def test_signed_data_that_lacks_fields_is_refused() -> None:
    three = tlv(0x02, b"\1"), tlv(0x31), tlv(0x30, oid(DATA))
    for inner in (tlv(0x30, *three), tlv(0x30, *three[:1]), tlv(0x30), tlv(0x31)):
        assert fault(tlv(0x30, oid(SIGNED_DATA), tlv(0xA0, inner))) == "cms.malformed"


def test_a_key_that_cannot_be_loaded_is_an_error() -> None:
    strange = written(key=tlv(0x30, tlv(0x30, oid("1.2.3")), tlv(0x03, b"\0")))
    assert fault(Built(certificates=[strange], serial=1).make()) == "cms.malformed"


@pytest.mark.parametrize("bits", [1024])
def test_a_short_rsa_key_is_refused(bits: int) -> None:
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(65537, bits)
    spki = key.public_key().public_bytes(Encoding.DER, cms_format())
    message = Built(
        certificates=[written(key=spki)],
        serial=1,
        algorithm=tlv(0x30, oid("1.2.840.113549.1.1.11")),
    ).make()
    assert fault(message) == "cms.unsupported"


def cms_format() -> Any:
    from cryptography.hazmat.primitives.serialization import PublicFormat

    return PublicFormat.SubjectPublicKeyInfo


# --- RSASSA-PSS and its parameters ---

PSS = "1.2.840.113549.1.1.10"
MGF1 = "1.2.840.113549.1.1.8"
SHA1 = "1.3.14.3.2.26"


def rsa_message(algorithm: bytes, padding: Any, digest: str = SHA256) -> bytes:
    """A message signed with RSA-2048 and this padding over SHA-256, whatever it states."""
    from cryptography.hazmat.primitives.asymmetric import rsa

    own = pair("RSA-2048")
    assert isinstance(own.private_key, rsa.RSAPrivateKey)
    attributes = Built().attributes()
    signature = own.private_key.sign(tlv(0x31, *sorted(attributes)), padding, hashes.SHA256())
    return Built(
        certificates=[own.certificate.der],
        serial=own.certificate.serial,
        algorithm=algorithm,
        signature=[tlv(0x04, signature)],
        digest=digest,
    ).make()


def pss(digest: bytes | None = None, mask: bytes | None = None, *rest: bytes) -> bytes:
    sha256 = tlv(0x30, oid(SHA256))
    return tlv(
        0x30,
        oid(PSS),
        tlv(
            0x30,
            tlv(0xA0, sha256) if digest is None else digest,
            tlv(0xA1, tlv(0x30, oid(MGF1), sha256)) if mask is None else mask,
            *rest,
        ),
    )


def pss_padding(salt: int) -> Any:
    from cryptography.hazmat.primitives.asymmetric import padding

    return padding.PSS(padding.MGF1(hashes.SHA256()), salt)


def test_a_salt_has_the_stated_length_or_twenty_bytes() -> None:
    assert cms.verify_attached(rsa_message(pss(), pss_padding(20)))
    stated = pss(None, None, tlv(0xA2, tlv(0x02, b"\x20")))
    assert cms.verify_attached(rsa_message(stated, pss_padding(32)))
    assert fault(rsa_message(stated, pss_padding(20))) == "cms.signature"


def test_a_salt_may_be_empty_and_has_at_most_512_bytes() -> None:
    def stated(length: bytes) -> bytes:
        return pss(None, None, tlv(0xA2, tlv(0x02, length)))

    assert cms.verify_attached(rsa_message(stated(b"\0"), pss_padding(0)))
    # No signature of 2048 bits has room for such a salt, but the statement is read.
    assert fault(rsa_message(stated(b"\x02\x00"), pss_padding(20))) == "cms.signature"
    assert fault(rsa_message(stated(b"\x02\x01"), pss_padding(20))) == "cms.unsupported"


@pytest.mark.parametrize(
    "algorithm",
    [
        tlv(0x30, oid(PSS)),
        pss(b""),
        pss(None, b""),
        pss(tlv(0xA0, tlv(0x30, oid(SHA1)))),
        pss(None, tlv(0xA1, tlv(0x30, oid(MGF1)))),
        pss(None, tlv(0xA1, tlv(0x30, oid(MGF1), tlv(0x30, oid(SHA1))))),
        pss(None, tlv(0xA1, tlv(0x30, oid(DATA), tlv(0x30, oid(SHA256))))),
        pss(None, None, tlv(0xA3, tlv(0x02, b"\1"))),
        pss(None, None, tlv(0xA2, tlv(0x02, b"\xff"))),
        pss(None, None, tlv(0xA2, tlv(0x02, b"\x7f\xff"))),
        tlv(0x30, oid("1.2.840.113549.1.1.5")),
    ],
    ids=range(11),
)
def test_other_parameters_of_pss_are_refused(algorithm: bytes) -> None:
    assert fault(rsa_message(algorithm, pss_padding(20))) == "cms.unsupported"


@pytest.mark.parametrize("algorithm", ["1.2.840.113549.1.1.1", "1.2.840.113549.1.1.11"])
def test_rsa_takes_the_digest_s_algorithm_or_states_it(algorithm: str) -> None:
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

    plain = tlv(0x30, oid(algorithm), tlv(0x05))
    assert cms.verify_attached(rsa_message(plain, PKCS1v15()))


# --- BER ---


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x30",
        b"\x1f\x01\x00",
        b"\x04\x80\x00\x00",
        b"\x30\x85\x00\x00\x00\x00\x00",
        b"\x30\x82\x01",
        b"\x30\x02\x00",
        b"\x30\x80\x04\x01",
        b"\x30\x80\x04\x01\x00\x00",
        b"\x30\x80" * 40,
    ],
    ids=bytes.hex,
)
def test_what_is_no_element_is_refused(data: bytes) -> None:
    with pytest.raises(KeyMaterialError):
        asn1.element(data, 0, len(data), ber=True)


def test_an_element_of_indefinite_length_ends_where_it_is_closed() -> None:
    data = indefinite(0x30, indefinite(0x30, tlv(0x04, b"\0\0")), tlv(0x05)) + b"rest"
    found = asn1.element(data, 0, len(data), ber=True)
    assert (found.after, found.end) == (len(data) - 4, len(data) - 6)
    inner, null = asn1.children(data, found.begin, found.end, ber=True)
    assert (inner.tag, null.tag) == (0x30, 0x05)


def test_the_end_of_a_list_may_not_lie_outside_what_holds_it() -> None:
    data = b"\x30\x80\x00\x00"
    with pytest.raises(KeyMaterialError):
        asn1.element(data, 0, 3, ber=True)


def test_a_million_nested_elements_are_refused_at_once() -> None:
    with pytest.raises(KeyMaterialError):
        asn1.element(b"\x30\x80" * 1_000_000, 0, 2_000_000, ber=True)
