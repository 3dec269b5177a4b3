"""Makes a list of every format, with keys of our own: genuine ones, which tests then spoil.

`FORMS` is the table: what each format is called, how a list of it is made, what pins its signer.
Nothing here is copied from a real list, and no format's maker is the reader it tests: only for the
four formats that the library writes is its writer used.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import cbor2
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from coronapas import _base64 as codec
from coronapas import _signatures as signatures
from coronapas import keys
from coronapas.hcert import _cose as cose
from coronapas.keys import Authority, KeyPair
from coronapas.trust import (
    GdhcnEntry,
    VerifierServiceResponse,
    gateway_entry,
    write_gateway,
    write_gdhcn,
    write_jwks,
    write_sweden,
    write_verifier_service,
)
from coronapas.trust import _cms as cms
from coronapas.trust import _jose as jose
from coronapas.trust._certificate import Certificate

PROJECT = Path(__file__).resolve().parent.parent
BEGIN = datetime(2021, 1, 1, tzinfo=UTC)
NOW = datetime(2021, 9, 1, 12, tzinfo=UTC)
ISSUED = NOW - timedelta(hours=1)
EXPIRES = NOW + timedelta(hours=47)

DID = "did:web:trust.example.org:v2:trustlist"


def csca(country: str = "DK", number: int = 0) -> Authority:
    return _csca(country, number)


@cache
def _csca(country: str, number: int) -> Authority:
    name = f"{country} CSCA {number}" if number else None
    return keys.make_csca(country, valid_from=BEGIN, name=name)


def dsc(number: int = 0, country: str = "DK", key: str = "P-256") -> KeyPair:
    return _dsc(number, country, key)


@cache
def _dsc(number: int, country: str, key: str) -> KeyPair:
    return csca(country).issue_dsc(
        valid_from=BEGIN,
        key=key,  # type: ignore[arg-type]
        name=f"{country} DSC {number}",
    )


def anchor(name: str = "trust anchor") -> Authority:
    return _anchor(name)


@cache
def _anchor(name: str) -> Authority:
    return keys.make_csca("EU", valid_from=BEGIN, name=name)


def uploader(country: str = "DK", number: int = 0) -> KeyPair:
    return _uploader(country, number)


@cache
def _uploader(country: str, number: int) -> KeyPair:
    return csca(country).issue_dsc(valid_from=BEGIN, name=f"{country} UPLOAD {number}")


def root(name: str = "signing root") -> Authority:
    return _root(name)


@cache
def _root(name: str) -> Authority:
    return keys.make_csca("SE", valid_from=BEGIN, name=name)


def list_signer(name: str = "list signer", key: str = "P-256", of: str = "signing root") -> KeyPair:
    return _list_signer(name, key, of)


@cache
def _list_signer(name: str, key: str, of: str) -> KeyPair:
    return root(of).issue_dsc(
        valid_from=BEGIN,
        key=key,  # type: ignore[arg-type]
        name=name,
    )


def certificates(*numbers: int) -> list[Certificate]:
    return [dsc(number).certificate for number in numbers or (0, 1, 2)]


def text(data: bytes | None) -> str:
    return base64.b64encode(data or b"").decode("ascii")


def dumped(value: object) -> bytes:
    return json.dumps(value).encode("utf-8")


@dataclass(frozen=True)
class Files:
    """One list: its file, and those that belong to it."""

    data: bytes
    beside: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class Form:
    """A format: its name, a maker, what pins its signer, what is true of it."""

    name: str
    make: Callable[[Sequence[Certificate]], Files]
    pin: Callable[[], Certificate | None]
    states_kid: bool
    expires: bool = False
    bare: bool = False
    each_signed: bool = False
    """Whether entries are signed one by one, so that a wrong one is dropped and the rest stays."""

    @property
    def signed(self) -> bool:
        return self.pin() is not None


def gateway_entries(
    found: Sequence[Certificate], *, by: KeyPair | None = None, trusted: KeyPair | None = None
) -> list[dict[str, str]]:
    """A CSCA, an UPLOAD certificate and DSCs of DK, properly signed unless told otherwise."""
    signer, top = by or uploader(), trusted or anchor()
    framed: list[tuple[Certificate, Any]] = [
        (csca().certificate, "CSCA"),
        (uploader().certificate, "UPLOAD"),
    ]
    entries = [
        gateway_entry(each, kind, top.private_key, top.certificate, timestamp=ISSUED)
        for each, kind in framed
    ]
    entries += [
        gateway_entry(each, "DSC", signer.private_key, signer.certificate, timestamp=ISSUED)
        for each in found
    ]
    return entries


def make_gateway(found: Sequence[Certificate]) -> Files:
    return Files(write_gateway(gateway_entries(found)))


def zipped(files: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return target.getvalue()


def ec_files(
    found: Sequence[Certificate], *, by: KeyPair | None = None, trusted: KeyPair | None = None
) -> dict[str, bytes]:
    top = trusted or anchor()
    files: dict[str, bytes] = {}
    rows = [(csca().certificate, "CSCA", top), *((each, "DSC", by or uploader()) for each in found)]
    for certificate, kind, signer in rows:
        der = certificate.der or b""
        stem = f"{kind}/DCC/{certificate.country}/{hashlib.sha256(der).hexdigest()}"
        files[f"{stem}.pem"] = certificate.pem()
        message = cms.sign(der, signer.private_key, signer.certificate)
        files[f"{stem}.sig.txt"] = base64.b64encode(message)
    return files


def make_ec_zip(found: Sequence[Certificate]) -> Files:
    return Files(zipped(ec_files(found)))


def raw_signature(pair: KeyPair, data: bytes) -> bytes:
    key = pair.private_key
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return signatures.from_der(key.sign(data, ec.ECDSA(hashes.SHA256())), 32)


def german(content: object, by: KeyPair | None = None) -> bytes:
    body = dumped(content)
    return text(raw_signature(by or list_signer(), body)).encode() + b"\n" + body


def german_entry(certificate: Certificate) -> dict[str, str]:
    return {
        "certificateType": "DSC",
        "country": certificate.country or "",
        "kid": codec.encode(certificate.kid),
        "rawData": text(certificate.der),
        "signature": text(b"of the gateway, and not looked at"),
        "thumbprint": hashlib.sha256(certificate.der or b"").hexdigest(),
        "timestamp": "2021-08-31T08:00:00+02:00",
    }


def make_germany(found: Sequence[Certificate]) -> Files:
    return Files(german({"certificates": [german_entry(each) for each in found]}))


def austrian(content: object, by: KeyPair | None = None, **life: Any) -> Files:
    data = cbor2.dumps(content)
    return Files(data, (austrian_signature(data, by, **life),))


def austrian_signature(
    data: bytes,
    by: KeyPair | None = None,
    *,
    begins: object = int(ISSUED.timestamp()),
    ends: object = int(EXPIRES.timestamp()),
    version: int = 2,
    digest: object = None,
) -> bytes:
    pair = by or list_signer()
    protected = cbor2.dumps({1: -7, 4: pair.certificate.kid, 42: version})
    payload = cbor2.dumps({5: begins, 4: ends, 2: digest or hashlib.sha256(data).digest()})
    signature = raw_signature(pair, cose.signed_bytes(protected, payload))
    return cbor2.dumps(cbor2.CBORTag(18, [protected, {}, payload, signature]))


def make_austria(found: Sequence[Certificate]) -> Files:
    return austrian({"c": [{"i": each.kid, "c": each.der} for each in found]})


def make_sweden(found: Sequence[Certificate]) -> Files:
    signer = list_signer()
    data = write_sweden(
        found,
        signer.private_key,
        [signer.certificate, root().certificate],
        issuer="SE",
        issued=ISSUED,
        expires=EXPIRES,
    )
    return Files(data)


def point(certificate: Certificate) -> tuple[bytes, bytes]:
    key = certificate.public_key
    assert isinstance(key, ec.EllipticCurvePublicKey)
    numbers = key.public_numbers()
    return numbers.x.to_bytes(32, "big"), numbers.y.to_bytes(32, "big")


def swiss_key(certificate: Certificate, use: str = "sig") -> dict[str, str]:
    x, y = point(certificate)
    return {
        "keyId": codec.encode(certificate.kid),
        "alg": "ES256",
        "use": use,
        "crv": "P-256",
        "x": text(x),
        "y": text(y),
    }


def signed_json(content: object, by: KeyPair | None = None) -> bytes:
    signer = by or list_signer()
    return jose.sign(dumped(content), signer.private_key, [signer.certificate])


def swiss_active(found: Sequence[Certificate], **more: object) -> bytes:
    content = {
        "activeKeyIds": [codec.encode(each.kid) for each in found],
        "validDuration": 47 * 3600 * 1000,
        "iat": int((NOW - timedelta(hours=1)).timestamp()),
        **more,
    }
    return signed_json(content)


def make_switzerland(found: Sequence[Certificate]) -> Files:
    listed = signed_json({"certs": [swiss_key(each) for each in found]})
    return Files(listed, (swiss_active(found),))


def dutch(content: object, by: KeyPair | None = None) -> bytes:
    signer, payload = by or list_signer(), dumped(content)
    message = cms.sign(payload, signer.private_key, signer.certificate)
    return dumped({"payload": text(payload), "signature": text(message)})


def dutch_key(certificate: Certificate, *usage: str) -> dict[str, Any]:
    return {
        "subjectPk": text(certificate.spki),
        "keyUsage": list(usage),
        "san": None,
        "ian": certificate.country,
    }


def make_netherlands(found: Sequence[Certificate]) -> Files:
    by_kid: dict[str, list[object]] = {}
    for each in found:
        by_kid.setdefault(codec.encode(each.kid), []).append(dutch_key(each))
    return Files(dutch({"cl_keys": [], "eu_keys": by_kid}))


def response(certificate: Certificate, number: int = 0) -> VerifierServiceResponse:
    kid = codec.encode(certificate.kid)
    return VerifierServiceResponse(kid, text(certificate.der).encode(), str(number))


def make_verifier_service(found: Sequence[Certificate]) -> Files:
    status = [codec.encode(each.kid) for each in found]
    return Files(write_verifier_service([response(each) for each in found], status))


def make_key_list(found: Sequence[Certificate]) -> Files:
    rows = [{"kid": codec.encode(each.kid), "publicKey": text(each.spki)} for each in found]
    return Files(dumped(rows))


def make_france(found: Sequence[Certificate]) -> Files:
    members = ",".join(
        f'"{codec.encode(each.kid)}": "{text(text(each.der).encode())}"' for each in found
    )
    return Files(f'{{"certificatesDCC": {{{members}}}}}'.encode())


def make_gdhcn(found: Sequence[Certificate]) -> Files:
    return Files(did_document([GdhcnEntry(each, "DNK", (csca().certificate,)) for each in found]))


def did_document(
    entries: Sequence[GdhcnEntry],
    by: KeyPair | None = None,
    environment: str = "production",
    references: Sequence[str] = (),
) -> bytes:
    key = (by or list_signer()).private_key
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return write_gdhcn(
        entries,
        key,
        did=DID,
        signing_key="did:web:trust.example.org:v2:signer#key-1",
        created=ISSUED,
        environment=environment,
        references=references,
    )


def make_jwks(found: Sequence[Certificate]) -> Files:
    return Files(write_jwks(found))


def make_plain(found: Sequence[Certificate]) -> Files:
    return Files(b"".join(each.pem() for each in found))


def no_pin() -> None:
    return None


FORMS = (
    Form("gateway", make_gateway, lambda: anchor().certificate, False, each_signed=True),
    Form("ec-zip", make_ec_zip, lambda: anchor().certificate, False, each_signed=True),
    Form("germany", make_germany, lambda: list_signer().certificate, True),
    Form("austria", make_austria, lambda: list_signer().certificate, True, expires=True),
    Form("sweden", make_sweden, lambda: root().certificate, True, expires=True),
    Form("switzerland", make_switzerland, lambda: root().certificate, True, True, bare=True),
    Form("netherlands", make_netherlands, lambda: root().certificate, True, bare=True),
    Form("verifier-service", make_verifier_service, no_pin, True),
    Form("key-list", make_key_list, no_pin, True, bare=True),
    Form("france", make_france, no_pin, True),
    Form("gdhcn", make_gdhcn, lambda: list_signer().certificate, True),
    Form("jwks", make_jwks, no_pin, True),
    Form("plain", make_plain, no_pin, False),
)


def public_pem(pair: KeyPair) -> bytes:
    return pair.certificate.public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def p384_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP384R1())


@cache
def odd_dsc() -> Certificate:
    """A DSC that outlives its CSCA by far, which `keys` does not make."""
    authority = csca()
    strict = authority.certificate.to_cryptography()
    built = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COUNTRY_NAME, "DK")]))
        .issuer_name(strict.subject)
        .public_key(dsc(9).private_key.public_key())
        .serial_number(9)
        .not_valid_before(BEGIN)
        .not_valid_after(BEGIN + timedelta(days=40_000))
        .sign(authority.private_key, hashes.SHA256())
    )
    return Certificate(built.public_bytes(Encoding.DER))


def short_rsa_key() -> bytes:
    """A public key of 1024 bits, in PEM."""
    key = rsa.generate_private_key(65537, 1024).public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
