"""From a credential's certificates to the trust store: chains of every kind."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from wallet_world import ISSUED, LIFE, NOW, dcc_of, keys, trust

from coronapas.signing import Signer
from coronapas.trust import Certificate, Source, TrustStore
from coronapas.wallets import SdJwtVerifier, issue_sd_jwt

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
