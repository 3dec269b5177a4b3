"""Signers: every signature holds under the key, whoever made it, and nothing else is handed out."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    pkcs12,
)
from hypothesis import given
from hypothesis import strategies as st

from coronapas.errors import KeyMaterialError, SigningError
from coronapas.hcert._cose import ES256, PS256
from coronapas.keys import KeyPair, make_csca
from coronapas.signing import Signer, load_private_key
from coronapas.signing._signer import _pass_key
from coronapas.trust import Certificate

if TYPE_CHECKING:
    from collections.abc import Callable

    from coronapas.signing import SignatureForm

START = datetime(2021, 5, 1, tzinfo=UTC)
PSS = padding.PSS(padding.MGF1(SHA256()), 32)
KID = b"12345678"


@cache
def ec_pair() -> KeyPair:
    return make_csca("DK", valid_from=START).issue_dsc(valid_from=START)


@cache
def rsa_pair() -> KeyPair:
    return make_csca("DK", valid_from=START).issue_dsc(valid_from=START, key="RSA-2048")


def verify(signer: Signer, signature: bytes, message: bytes) -> None:
    """The check that a verifier makes, written without the library."""
    key = signer.public_key
    if isinstance(key, ec.EllipticCurvePublicKey):
        assert len(signature) == 64
        r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
        key.verify(utils.encode_dss_signature(r, s), message, ec.ECDSA(SHA256()))
    else:
        key.verify(signature, message, PSS, SHA256())


def remote_ecdsa(digest: bytes) -> bytes:
    key = ec_pair().private_key
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key.sign(digest, ec.ECDSA(utils.Prehashed(SHA256())))


def remote_raw(digest: bytes) -> bytes:
    r, s = utils.decode_dss_signature(remote_ecdsa(digest))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def remote_pss(digest: bytes) -> bytes:
    key = rsa_pair().private_key
    assert isinstance(key, rsa.RSAPrivateKey)
    return key.sign(digest, PSS, utils.Prehashed(SHA256()))


@given(st.binary(max_size=500))
def test_a_local_es256_signature_holds_in_64_bytes(message: bytes) -> None:
    signer = ec_pair().signer()
    assert signer.algorithm == ES256
    verify(signer, signer.sign(message), message)


def test_a_local_ps256_signature_holds() -> None:
    signer = rsa_pair().signer()
    assert signer.algorithm == PS256
    verify(signer, signer.sign(b"a message"), b"a message")
    with pytest.raises(InvalidSignature):
        verify(signer, signer.sign(b"a message"), b"another message")


def test_a_short_r_or_s_is_filled_up_with_zeros() -> None:
    signer = ec_pair().signer(deterministic=True)
    signatures = {number: signer.sign(b"%d" % number) for number in range(1500)}
    short = [n for n, made in signatures.items() if made[0] == 0 or made[32] == 0]
    assert short
    for number in short:
        verify(signer, signatures[number], b"%d" % number)


def test_a_deterministic_signature_is_always_the_same_and_another_never() -> None:
    fixed, free = ec_pair().signer(deterministic=True), ec_pair().signer()
    assert fixed.sign(b"a message") == fixed.sign(b"a message")
    assert free.sign(b"a message") != free.sign(b"a message")


def test_deterministic_signatures_are_those_of_rfc_6979() -> None:
    # RFC 6979, A.2.5: P-256, SHA-256, message "sample".
    private = 0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721
    signer = Signer(ec.derive_private_key(private, ec.SECP256R1()), kid=KID, deterministic=True)
    assert signer.sign(b"sample").hex().upper() == (
        "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716"
        "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8"
    )


def test_the_kid_is_the_certificates_unless_another_is_given() -> None:
    pair = ec_pair()
    assert pair.signer().kid == pair.certificate.kid
    assert Signer(pair.private_key, pair.certificate, kid=KID).kid == KID
    assert Signer(pair.private_key, Certificate.load(pair.certificate, kid=KID)).kid == KID
    assert Signer(pair.private_key, pair.certificate_pem()).certificate == pair.certificate


def test_a_signer_without_certificate_needs_a_kid() -> None:
    with pytest.raises(KeyMaterialError, match="needs a kid"):
        Signer(ec_pair().private_key)
    assert Signer(ec_pair().private_key, kid=KID).certificate is None


@pytest.mark.parametrize("kid", ["12345678", 8, list(b"12345678")])
def test_a_kid_that_is_no_bytes_is_refused(kid: Any) -> None:
    with pytest.raises(KeyMaterialError, match="a kid must be bytes"):
        Signer(ec_pair().private_key, kid=kid)


@pytest.mark.parametrize("kid", [b"", b"1234567", b"123456789"])
def test_a_kid_of_another_length_is_refused(kid: bytes) -> None:
    with pytest.raises(KeyMaterialError, match="8 bytes"):
        Signer(ec_pair().private_key, kid=kid)


def test_a_certificate_for_another_key_is_refused() -> None:
    with pytest.raises(KeyMaterialError, match="another key"):
        Signer(ec_pair().private_key, rsa_pair().certificate)
    with pytest.raises(KeyMaterialError, match="another key"):
        Signer(ec.generate_private_key(ec.SECP256R1()), ec_pair().certificate)


def public_rsa(bits: int) -> rsa.RSAPublicKey:
    return rsa.RSAPublicNumbers(65537, (1 << bits - 1) + 1).public_key()


@pytest.mark.parametrize("bits", [2048, 3072])
def test_rsa_keys_at_both_bounds_are_taken(bits: int) -> None:
    key = public_rsa(bits)
    assert _pass_key(key) is key


@pytest.mark.parametrize(
    "key",
    [
        public_rsa(2047),
        public_rsa(3073),
        ec.generate_private_key(ec.SECP384R1()).public_key(),
        ed25519.Ed25519PrivateKey.generate().public_key(),
        None,
    ],
)
def test_keys_that_passes_do_not_use_are_refused(key: object) -> None:
    with pytest.raises(KeyMaterialError, match=r"(the|an RSA) key must|passes cannot"):
        _pass_key(key)


def test_private_keys_that_passes_do_not_use_are_refused() -> None:
    with pytest.raises(KeyMaterialError, match="P-256"):
        Signer(ec.generate_private_key(ec.SECP384R1()), kid=KID)
    with pytest.raises(KeyMaterialError, match="Ed25519"):
        Signer(ed25519.Ed25519PrivateKey.generate(), kid=KID)  # type: ignore[arg-type]


@pytest.mark.parametrize("password", [None, "hemmelig", "grød".encode()])
def test_a_key_in_pem_is_read_with_its_password(password: str | bytes | None) -> None:
    pair = ec_pair()
    signer = Signer.from_pem(pair.key_pem(password), pair.certificate_pem(), password)
    verify(signer, signer.sign(b"a message"), b"a message")
    assert signer.certificate == pair.certificate


def test_a_traditional_pem_as_text_is_read() -> None:
    pem = ec_pair().private_key.private_bytes(
        Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
    )
    assert Signer.from_pem(pem.decode(), kid=KID, deterministic=True).kid == KID


def other_pem() -> bytes:
    key = ed25519.Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize(
    ("make_pem", "password"),
    [
        (lambda: b"", None),
        (lambda: b"garbage", None),
        (lambda: ec_pair().certificate_pem(), None),
        (lambda: ec_pair().key_pem("right"), "wrong"),
        (lambda: ec_pair().key_pem("right"), None),
        (lambda: ec_pair().key_pem(), "not needed"),
        (other_pem, None),
    ],
)
def test_a_pem_that_gives_no_key_is_a_typed_error(
    make_pem: Callable[[], bytes], password: str | None
) -> None:
    with pytest.raises(KeyMaterialError):
        Signer.from_pem(make_pem(), ec_pair().certificate, password)


def der(password: bytes | None = None) -> bytes:
    encryption = NoEncryption() if password is None else BestAvailableEncryption(password)
    return ec_pair().private_key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, encryption)


@pytest.mark.parametrize("password", [None, b"right"])
def test_a_key_in_der_is_read_with_its_password(password: bytes | None) -> None:
    found = load_private_key(der(password), password)
    assert found.public_key() == ec_pair().private_key.public_key()
    signer = Signer.from_pem(der(password), ec_pair().certificate, password)
    verify(signer, signer.sign(b"a message"), b"a message")


@pytest.mark.parametrize(
    ("content", "password", "reason"),
    [
        (lambda: ec_pair().key_pem("right"), None, "it is encrypted, and no password was given"),
        (lambda: der(b"right"), None, "it is encrypted, and no password was given"),
        (lambda: ec_pair().key_pem("right"), "wrong", "the password is wrong, or the file"),
        (lambda: der(b"right"), "wrong", "the password is wrong, or the file"),
        (lambda: ec_pair().key_pem(), "x", "it is not encrypted, but a password was given"),
        (lambda: der(), "x", "it is not encrypted, but a password was given"),
        (lambda: ec_pair().certificate_pem(), None, "this is a certificate"),
        (lambda: b"-----BEGIN PUBLIC KEY-----", None, "this is a public key"),
        (lambda: b"garbage", None, "it is neither PEM nor DER"),
        (lambda: b"\x30garbage", None, "it is damaged, or no private key"),
        (lambda: ec_pair().certificate.der or b"", None, "it is damaged, or no private key"),
    ],
)
def test_a_private_key_that_cannot_be_read_says_why(
    content: Callable[[], bytes], password: str | None, reason: str
) -> None:
    with pytest.raises(KeyMaterialError) as caught:
        load_private_key(content(), password)
    assert str(caught.value).startswith(f"the private key cannot be read: {reason}")


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        (lambda: rsa.generate_private_key(65537, 1024), "2048 to 3072 bits, got 1024"),
        (lambda: ec.generate_private_key(ec.SECP256K1()), "P-256, not on secp256k1"),
        (lambda: ec.generate_private_key(ec.SECP384R1()), "P-256, not on secp384r1"),
    ],
)
def test_a_key_that_passes_do_not_use_is_refused_for_its_own_reason(
    key: Callable[[], Any], reason: str
) -> None:
    pem = key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(KeyMaterialError) as caught:
        Signer.from_pem(pem, kid=KID)
    assert reason in str(caught.value)


@given(st.binary(max_size=100), st.none() | st.binary(max_size=5))
def test_any_bytes_are_a_key_or_a_typed_error(content: bytes, password: bytes | None) -> None:
    with pytest.raises(KeyMaterialError):
        load_private_key(content, password)


def test_a_pkcs12_file_gives_key_and_certificate() -> None:
    data = ec_pair().pkcs12("hemmelig")
    signer = Signer.from_pkcs12(data, "hemmelig")
    assert signer.certificate == ec_pair().certificate
    verify(signer, signer.sign(b"a message"), b"a message")
    with pytest.raises(KeyMaterialError, match="PKCS #12"):
        Signer.from_pkcs12(data, "wrong")
    with pytest.raises(KeyMaterialError, match="PKCS #12"):
        Signer.from_pkcs12(b"garbage", None)


def test_a_pkcs12_file_without_a_usable_key_is_a_typed_error() -> None:
    certificate = ec_pair().certificate.to_cryptography()
    empty = pkcs12.serialize_key_and_certificates(
        b"x", None, certificate, None, BestAvailableEncryption(b"hemmelig")
    )
    with pytest.raises(KeyMaterialError, match="no private key"):
        Signer.from_pkcs12(empty, "hemmelig")


REMOTES: dict[str, tuple[Callable[[], KeyPair], Callable[[bytes], bytes], SignatureForm]] = {
    "raw": (ec_pair, remote_raw, "raw"),
    "DER": (ec_pair, remote_ecdsa, "der"),
    "PSS": (rsa_pair, remote_pss, "raw"),
    "PSS, where DER means nothing": (rsa_pair, remote_pss, "der"),
}


@pytest.mark.parametrize(("pair", "sign_digest", "form"), REMOTES.values(), ids=REMOTES)
def test_a_remote_signature_holds(
    pair: Callable[[], KeyPair], sign_digest: Callable[[bytes], bytes], form: SignatureForm
) -> None:
    signer = Signer.remote(pair().certificate, sign_digest, signature_form=form)
    assert signer.kid == pair().certificate.kid
    verify(signer, signer.sign(b"a message"), b"a message")


def test_a_remote_signer_sees_the_digest_and_nothing_else() -> None:
    seen: list[bytes] = []

    def sign_digest(digest: bytes) -> bytes:
        seen.append(digest)
        return remote_raw(digest)

    Signer.remote(ec_pair().certificate, sign_digest).sign(b"a message")
    assert seen == [hashlib.sha256(b"a message").digest()]


WRONG: dict[str, tuple[Callable[[], KeyPair], Callable[[bytes], object], SignatureForm]] = {
    "nothing": (ec_pair, lambda _: b"", "raw"),
    "no bytes": (ec_pair, lambda _: None, "raw"),
    "zeros": (ec_pair, lambda _: bytes(64), "raw"),
    "ones": (ec_pair, lambda _: b"\xff" * 64, "raw"),
    "another digest": (ec_pair, lambda _: remote_raw(bytes(32)), "raw"),
    "DER as raw": (ec_pair, remote_ecdsa, "raw"),
    "raw as DER": (ec_pair, remote_raw, "der"),
    "DER with something after it": (ec_pair, lambda digest: remote_ecdsa(digest) + b"\0", "der"),
    "DER of oversized numbers": (
        ec_pair,
        lambda _: utils.encode_dss_signature(1 << 300, 1),
        "der",
    ),
    "DER of negative numbers": (ec_pair, lambda _: b"\x30\x06\x02\x01\xff\x02\x01\x01", "der"),
    "RSA of another digest": (rsa_pair, lambda _: remote_pss(bytes(32)), "raw"),
    "an empty RSA signature": (rsa_pair, lambda _: b"", "raw"),
    "ECDSA for RSA": (rsa_pair, remote_ecdsa, "raw"),
}


@pytest.mark.parametrize(("pair", "sign_digest", "form"), WRONG.values(), ids=WRONG)
def test_a_wrong_remote_answer_is_never_handed_out(
    pair: Callable[[], KeyPair], sign_digest: Callable[[bytes], bytes], form: SignatureForm
) -> None:
    signer = Signer.remote(pair().certificate, sign_digest, signature_form=form)
    with pytest.raises(SigningError):
        signer.sign(b"a message")


@given(st.binary(max_size=80), st.sampled_from(["raw", "der"]))
def test_any_remote_answer_is_a_signature_or_a_typed_error(
    answer: bytes, form: SignatureForm
) -> None:
    signer = Signer.remote(ec_pair().certificate, lambda _: answer, signature_form=form)
    with pytest.raises(SigningError):
        signer.sign(b"a message")


def test_an_exception_of_a_remote_signer_is_kept_as_the_cause() -> None:
    fault = OSError("token removed")

    def sign_digest(_: bytes) -> bytes:
        raise fault

    with pytest.raises(SigningError, match="OSError") as caught:
        Signer.remote(ec_pair().certificate, sign_digest).sign(b"a message")
    assert caught.value.__cause__ is fault


def test_a_remote_signer_needs_a_key_that_passes_use_and_a_known_form() -> None:
    csca = make_csca("DK", valid_from=START, key="P-384")
    with pytest.raises(KeyMaterialError, match="P-256"):
        Signer.remote(csca.certificate, remote_raw)
    with pytest.raises(ValueError, match="'raw' or 'der'"):
        Signer.remote(ec_pair().certificate, remote_raw, signature_form="DER")  # type: ignore[arg-type]


def test_a_remote_signer_can_stand_on_a_bare_key() -> None:
    key = ec_pair().private_key.public_key()
    spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    signer = Signer.remote(Certificate.from_public_key(spki, kid=KID), remote_raw)
    assert signer.kid == KID
    verify(signer, signer.sign(b"a message"), b"a message")


@pytest.mark.parametrize(
    "signer",
    [
        pytest.param(lambda: ec_pair().signer(), id="local"),
        pytest.param(lambda: Signer.remote(ec_pair().certificate, remote_raw), id="remote"),
    ],
)
def test_threads_share_a_signer(signer: Callable[[], Signer]) -> None:
    shared = signer()
    messages = [b"%d" % number for number in range(100)]
    with ThreadPoolExecutor(8) as pool:
        signatures = list(pool.map(shared.sign, messages))
    for message, signature in zip(messages, signatures, strict=True):
        verify(shared, signature, message)


def test_a_signer_shows_no_key_and_does_not_change() -> None:
    signer = ec_pair().signer()
    assert repr(signer) == f"<Signer {signer.kid.hex()}, ES256>"
    with pytest.raises(AttributeError):
        signer.kid = b""
