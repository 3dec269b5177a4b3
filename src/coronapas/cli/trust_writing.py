"""Trust lists in the forms that ``coronapas trust convert`` writes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import click

from coronapas.cli.parameters import password_from

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    from coronapas.trust import Certificate, TrustStore


@dataclass(frozen=True, slots=True)
class Terms:
    """What the options say of a list to be written; see ``coronapas trust convert --help``."""

    key: Path | None
    cert: Path | None
    anchor_key: Path | None
    anchor_cert: Path | None
    cscas: tuple[Path, ...]
    password: str | None
    issuer: str | None
    hours: int
    issued_at: datetime | None

    @property
    def issued(self) -> datetime:
        """The moment of the list: the given one, or now."""
        return self.issued_at or datetime.now(UTC)


def written(form: str, store: TrustStore, terms: Terms) -> bytes:
    """The list as the bytes of a file."""
    return _WRITERS[form](store, terms)


def _jwks(store: TrustStore, terms: Terms) -> bytes:
    from coronapas.trust import jwks

    return jwks.write(store)


def _pem(store: TrustStore, terms: Terms) -> bytes:
    return b"".join(each.pem() for each in store)


def _sweden(store: TrustStore, terms: Terms) -> bytes:
    from coronapas.trust import sweden

    if terms.issuer is None:
        raise click.UsageError("The form sweden needs --issuer.")
    password = password_from(terms.password)
    key, certificate = _signer(terms.key, terms.cert, "--key and --cert", password)
    ends = terms.issued + timedelta(hours=terms.hours)
    return sweden.write(
        store, key, [certificate], issuer=terms.issuer, issued=terms.issued, expires=ends
    )


def _gateway(store: TrustStore, terms: Terms) -> bytes:
    """DSCs signed by the UPLOAD key; the UPLOAD certificate and the CSCAs by the trust anchor."""
    from coronapas.trust import gateway

    password = password_from(terms.password)
    upload_key, upload = _signer(terms.key, terms.cert, "--key and --cert", password)
    anchor_key, anchor = _signer(
        terms.anchor_key, terms.anchor_cert, "--anchor-key and --anchor-cert", password
    )
    moment = terms.issued
    entries = [
        gateway.entry(_certificate(path), "CSCA", anchor_key, anchor, timestamp=moment)
        for path in terms.cscas
    ]
    entries.append(gateway.entry(upload, "UPLOAD", anchor_key, anchor, timestamp=moment))
    entries += [gateway.entry(each, "DSC", upload_key, upload, timestamp=moment) for each in store]
    return gateway.write(entries)


_WRITERS: Final[dict[str, Callable[[TrustStore, Terms], bytes]]] = {
    "jwks": _jwks,
    "pem": _pem,
    "sweden": _sweden,
    "gateway": _gateway,
}


def _signer(
    key: Path | None, cert: Path | None, names: str, password: str | None
) -> tuple[EllipticCurvePrivateKey | RSAPrivateKey, Certificate]:
    if key is None or cert is None:
        raise click.UsageError(f"This form needs {names}.")
    return private_key(key, password), _certificate(cert)


def _certificate(path: Path) -> Certificate:
    from coronapas.cli.certificates import named
    from coronapas.trust import Certificate

    with named(path):
        return Certificate.load(path.read_bytes())


def private_key(path: Path, password: str | None) -> EllipticCurvePrivateKey | RSAPrivateKey:
    """The EC or RSA key in a PEM file; raises KeyMaterialError."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    from coronapas.errors import KeyMaterialError

    secret = None if password is None else password.encode()
    try:
        key = load_pem_private_key(path.read_bytes(), secret)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise KeyMaterialError(
            f"{path}: no private key in PEM, or not with this password"
        ) from None
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise KeyMaterialError(f"{path}: a key of a kind that signs no lists")
    return key
