"""Who signs our vectors: private keys and certificates, made once and kept in `testdata/keys`.

The keys are public on purpose and therefore worth nothing; every file of them says so. The profile
of the ordinary DSCs is `coronapas.keys`' (hcert-spec, chapter 4), the others are written by hand
(`making.der`). A missing file is made anew, which changes every vector that it signs.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, get_args

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from coronapas import _signatures as signatures
from coronapas.facts import EventKind
from coronapas.hcert import _cose as cose
from coronapas.keys import Authority, KeyName, make_csca, make_key
from coronapas.trust import Certificate
from making import der

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey

FOLDER: Final = Path(__file__).resolve().parent.parent / "keys"
COUNTRY: Final = "DK"

FIRST: Final = datetime(2021, 6, 1, tzinfo=UTC)
LAST: Final = FIRST + timedelta(days=730)
"""The validity of a DSC of ours, unless its name says otherwise; both inclusive."""

ES384: Final = -35
EDDSA: Final = -8
"""Two algorithms of RFC 9053 that passes may not use."""

_MARK: Final = "Test key of the coronapas test vectors: public, worthless, never to be trusted.\n\n"
_NEW_ARC: Final = "1.3.6.1.4.1.1847.2021.1."
_OLD_ARC: Final = "1.3.6.1.4.1.0.1847.2021.1."
_CLIENT_AUTH: Final = "1.3.6.1.5.5.7.3.2"
_NO_EXTENSION: Final = b""
_P256: Final = der.oid("1.2.840.10045.3.1.7")
_NO_CURVE: Final = der.oid("1.2.840.10045.3.1.99")


@dataclass(frozen=True, slots=True)
class Identity:
    """A private key and one certificate of it. Its ECDSA signatures are the same at every run."""

    key: PrivateKey
    certificate: Certificate

    @property
    def algorithm(self) -> int:
        """The COSE algorithm that goes with the key."""
        if isinstance(self.key, ed25519.Ed25519PrivateKey):
            return EDDSA
        return cose.PS256 if isinstance(self.key, rsa.RSAPrivateKey) else cose.ES256

    def sign(self, message: bytes) -> bytes:
        """The COSE signature with SHA-256; with Ed25519 what that makes."""
        if isinstance(self.key, ed25519.Ed25519PrivateKey):
            return self.key.sign(message)
        if isinstance(self.key, rsa.RSAPrivateKey):
            pss = padding.PSS(padding.MGF1(SHA256()), salt_length=32)
            return self.key.sign(message, pss, SHA256())
        return self._ecdsa(message, SHA256())

    def sign_es384(self, message: bytes) -> bytes:
        """The COSE signature with SHA-384 of an EC key."""
        return self._ecdsa(message, SHA384())

    def _ecdsa(self, message: bytes, digest: SHA256 | SHA384) -> bytes:
        if not isinstance(self.key, ec.EllipticCurvePrivateKey):
            raise TypeError("the key is no EC key")
        signature = self.key.sign(message, ec.ECDSA(digest, deterministic_signing=True))
        return signatures.from_der(signature, (self.key.key_size + 7) // 8)


def _profile(
    *kinds: EventKind, first: datetime = FIRST, last: datetime = LAST
) -> Callable[[PrivateKey], Certificate]:
    """A DSC after the profile, restricted to `kinds` (none: to nothing)."""

    def make(key: PrivateKey) -> Certificate:
        public_key = key.public_key()
        if isinstance(public_key, ed25519.Ed25519PublicKey):
            raise TypeError("the profile knows no Ed25519 keys")
        name = "Worthless test DSC" + "".join(f" {kind}" for kind in kinds)
        return _csca().certify(
            public_key, valid_from=first, valid_for=last - first, usages=kinds, name=name
        )

    return make


def _odd(
    serial: int,
    extensions: bytes | None = _NO_EXTENSION,
    parameters: bytes = b"",
    curve: bytes = _P256,
    first: datetime = FIRST,
    last: datetime = LAST,
    country: str = COUNTRY,
) -> Callable[[PrivateKey], Certificate]:
    """A DSC that no builder makes; `curve` stands in the place of P-256's identifier."""

    def make(key: PrivateKey) -> Certificate:
        spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        spki = spki.replace(_P256, curve)
        body = der.Body(spki, first, last, serial, extensions, parameters)
        csca = _csca()
        return Certificate(
            der.certificate(
                body,
                country=country,
                name=f"Worthless test DSC {serial}",
                issuer="Worthless test CSCA",
                key=csca.private_key,
            )
        )

    return make


_IDENTITIES: Final[Mapping[str, tuple[str, Callable[[PrivateKey], Certificate]]]] = {
    "dsc": ("p-256", _profile()),
    "dsc-other": ("p-256-other", _profile()),
    "dsc-rsa-2048": ("rsa-2048", _profile()),
    "dsc-rsa-3072": ("rsa-3072", _profile()),
    "dsc-rsa-4096": ("rsa-4096", _odd(4096, None)),
    "dsc-p-384": ("p-384", _odd(384, None)),
    "dsc-ed25519": ("ed25519", _odd(255, None)),
    "dsc-secp256k1": ("secp256k1", _odd(0x256B, None)),
    "dsc-unreadable-key": ("p-256", _odd(10, curve=_NO_CURVE)),
    "dsc-test": ("p-256", _profile(EventKind.TEST)),
    "dsc-vaccination": ("p-256", _profile(EventKind.VACCINATION)),
    "dsc-recovery": ("p-256", _profile(EventKind.RECOVERY)),
    "dsc-all-kinds": ("p-256", _profile(*EventKind)),
    "dsc-ends-early": ("p-256", _profile(last=datetime(2022, 4, 1, tzinfo=UTC))),
    "dsc-over": ("p-256", _profile(last=datetime(2022, 2, 1, tzinfo=UTC))),
    "dsc-begins-late": ("p-256", _profile(first=datetime(2022, 2, 1, tzinfo=UTC))),
    "dsc-claims": (
        "p-256",
        # It outlives the CSCA, which is of no account where the DSC itself is trusted.
        _odd(
            13,
            der.key_purposes(f"{_NEW_ARC}2"),
            first=datetime(2024, 1, 1, tzinfo=UTC),
            last=datetime(2034, 1, 1, tzinfo=UTC),
            country="XX",
        ),
    ),
    "dsc-empty-extension-list": ("p-256", _odd(1)),
    "dsc-explicit-default": (
        "p-256",
        _odd(2, der.EXPLICIT_DEFAULT + der.key_purposes(f"{_NEW_ARC}2")),
    ),
    "dsc-old-arc": ("p-256", _odd(3, der.key_purposes(f"{_OLD_ARC}2"))),
    "dsc-both-arcs": ("p-256", _odd(4, der.key_purposes(f"{_NEW_ARC}1", f"{_OLD_ARC}2"))),
    "dsc-client-auth": ("p-256", _odd(5, der.key_purposes(_CLIENT_AUTH))),
    "dsc-client-auth-and-test": (
        "p-256",
        _odd(6, der.key_purposes(_CLIENT_AUTH, f"{_NEW_ARC}1")),
    ),
    "dsc-repeated-extension": (
        "p-256",
        _odd(7, der.key_purposes(f"{_NEW_ARC}1") + der.key_purposes(f"{_NEW_ARC}3")),
    ),
    "dsc-no-purposes": ("p-256", _odd(8, der.key_purposes())),
    "dsc-authority": ("p-256", _odd(11, der.AUTHORITY)),
    "dsc-key-agreement": ("p-256", _odd(12, der.KEY_AGREEMENT)),
    "dsc-null-parameters": (
        "p-256",
        _odd(9, der.key_purposes(f"{_NEW_ARC}2"), b"\x05\x00"),
    ),
}

NAMES: Final = tuple(_IDENTITIES)
"""The identities by name; a name is that of the certificate's file."""


@cache
def identity(name: str) -> Identity:
    """One of `NAMES`, from its files; what is missing is made and written."""
    key_name, make = _IDENTITIES[name]
    key = _key(key_name)
    path = FOLDER / f"{name}.cert.pem"
    if not path.exists():
        _write(path, make(key).pem())
    return Identity(key, Certificate.load(path.read_bytes()))


@cache
def _csca() -> Authority:
    """The CSCA of all our DSCs."""
    path = FOLDER / "csca.cert.pem"
    if not path.exists():
        made = make_csca(
            COUNTRY,
            valid_from=FIRST - timedelta(days=31),
            name="Worthless test CSCA",
        )
        _write(FOLDER / "csca.key.pem", made.key_pem())
        _write(path, made.certificate_pem())
    key = _key("csca")
    if isinstance(key, ed25519.Ed25519PrivateKey):
        raise TypeError("the CSCA's key is no EC key")
    return Authority(key, Certificate.load(path.read_bytes()))


@cache
def _key(name: str) -> PrivateKey:
    path = FOLDER / f"{name}.key.pem"
    if not path.exists():
        made = _new_key(name)
        _write(
            path,
            made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        )
    key = load_pem_private_key(path.read_bytes(), None)
    if not isinstance(
        key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
    ):
        raise TypeError(f"{path.name} holds a key of another kind")
    return key


def _new_key(name: str) -> PrivateKey:
    if name == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    if name == "secp256k1":
        return ec.generate_private_key(ec.SECP256K1())
    wanted = name.upper().removesuffix("-OTHER")
    kind: KeyName = next(known for known in get_args(KeyName) if known == wanted)
    return make_key(kind)


def _write(path: Path, pem: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_MARK.encode() + pem)
