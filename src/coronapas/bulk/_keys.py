"""Keys, secrets and identifiers of bulk work: described, and opened where they are needed.

A description may be written into a manifest and sent to a worker; a key or a secret never is.

An identifier follows from the campaign and the row's record: 22 characters from HMAC-SHA256 under a
secret, over the campaign, a zero byte and the record. Issuing again gives the same identifiers.
Without the secret nobody can tell whether a record has a pass.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import weakref
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from coronapas.dcc._uvci import OPAQUE_LENGTH, opaque_of
from coronapas.errors import BulkError, SigningError
from coronapas.signing import (
    AsyncKeyService,
    BatchKeyService,
    Pkcs11Key,
    Signer,
    SignerSet,
    load_private_key,
)
from coronapas.trust import Certificate

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from coronapas.signing import Prepared, PrivateKey

_SHORTEST_SECRET: Final = 16
_MAX_SECRET: Final = 64 * 1024
_Done = TypeVar("_Done")


def read_secret(source: str) -> bytes:
    """Return the secret that a source names: ``env:NAME`` or the path of a file.

    Raises:
        BulkError: The variable is not set, or the file is too large or cannot be read.

    """
    if source.startswith("env:"):
        value = os.environ.get(source.removeprefix("env:"))
        if not value:
            raise BulkError("bulk.secret", f"the variable {source[4:]} is not set, or empty")
        return value.encode()
    try:
        with Path(source.removeprefix("file:")).open("rb") as file:
            content = file.read(_MAX_SECRET + 1)
    except OSError as error:
        raise BulkError("bulk.secret", f"a secret cannot be read: {error.strerror}") from error
    if len(content) > _MAX_SECRET:
        raise BulkError("bulk.secret", f"a secret has more than {_MAX_SECRET} bytes")
    return content


@dataclass(frozen=True, slots=True)
class KeySource:
    """Where a signing key is: a description, which may be written down and sent to a worker.

    Exactly one of `key`, `pkcs12`, `pkcs11` and `factory` is given.

    Attributes:
        key: The path of a private key, PEM or DER.
        certificate: The path of the certificate of `key` or `pkcs11`.
        pkcs12: The path of a PKCS #12 file with both.
        pkcs11: The URI of a key in a token (RFC 7512, see `coronapas.signing.Pkcs11Key.from_uri`),
            with the place of its PIN. Each worker opens a session of its own.
        factory: A function without arguments, as ``package.module:name``, that each worker calls
            once. It returns a `Signer`, or a pair of one and what signs for it: a `BatchKeyService`
            or an `AsyncKeyService`, which then get the digests of a whole batch of rows.
        password: Where the password is: ``env:NAME``, or the path of a file, of which a line break
            at the end does not count.
        deterministic: Whether ECDSA follows RFC 6979. With it, the same input gives the same bytes.

    """

    key: str | None = None
    certificate: str | None = None
    pkcs12: str | None = None
    pkcs11: str | None = None
    factory: str | None = None
    password: str | None = None
    deterministic: bool = True

    def __post_init__(self) -> None:
        sources = (self.key, self.pkcs12, self.pkcs11, self.factory)
        if sum(source is not None for source in sources) != 1:
            raise ValueError(
                "a key source must have exactly one of key, pkcs12, pkcs11 and factory"
            )
        if self.certificate is None and (self.key or self.pkcs11):
            raise ValueError("a key must have its certificate")

    def open(self) -> Signer:
        """Return the signer.

        Raises:
            KeyMaterialError: The key or the certificate cannot be read.
            BulkError: There is no password where it should be, or the factory makes no signer.
            OSError: A file cannot be read.

        """
        return self.opened()[0]

    def private_key(self) -> tuple[PrivateKey, Certificate]:
        """Return the private key and its certificate, to sign a list with.

        Raises:
            BulkError: A factory gives no private key.
            KeyMaterialError: The key or the certificate cannot be read.
            OSError: A file cannot be read.

        """
        if self.pkcs12 is not None or self.factory is not None:
            raise BulkError("bulk.key", "a list is signed with a key and its certificate")
        certificate = Certificate.load(Path(self.certificate or "").read_bytes())
        if self.pkcs11 is not None:
            return Pkcs11Key.from_uri(self.pkcs11).private_key(), certificate
        return load_private_key(Path(self.key or "").read_bytes(), self._password()), certificate

    def _password(self) -> bytes | None:
        return None if self.password is None else read_secret(self.password).rstrip(b"\r\n")

    def opened(self) -> tuple[Signer, KeyServices | None]:
        """Return the signer, and what signs many digests at once, if there is anything.

        Raises as `open` does.
        """
        if self.factory is not None:
            return _made(self.factory)
        if self.pkcs12 is not None:
            content = Path(self.pkcs12).read_bytes()
            signer = Signer.from_pkcs12(content, self._password(), deterministic=self.deterministic)
            return signer, None
        certificate = Certificate.load(Path(self.certificate or "").read_bytes())
        if self.pkcs11 is not None:
            return Pkcs11Key.from_uri(self.pkcs11).signer(certificate), None
        key = Path(self.key or "").read_bytes()
        signer = Signer.from_pem(
            key, certificate, self._password(), deterministic=self.deterministic
        )
        return signer, None


KeyServices = BatchKeyService | AsyncKeyService
"""What signs many digests at once."""


def _made(factory: str) -> tuple[Signer, KeyServices | None]:
    module, _, name = factory.partition(":")
    try:
        made = getattr(import_module(module), name)()
    except (ImportError, AttributeError, TypeError) as error:
        raise BulkError("bulk.key", f"{factory} cannot be called: {error}") from error
    signer, service = made if isinstance(made, tuple) and len(made) == 2 else (made, None)
    if not isinstance(signer, Signer) or not isinstance(service, KeyServices | None):
        problem = f"{factory} must return a Signer, or one and a service, got {type(made).__name__}"
        raise BulkError("bulk.key", problem)
    return signer, service


class Signing:
    """The signers of a run, and the services that sign for them."""

    def __init__(self, sources: Sequence[KeySource]) -> None:
        opened = [source.opened() for source in sources]
        signers = [signer for signer, _ in opened]
        self.signers = signers[0] if len(signers) == 1 else SignerSet(signers)
        self._services = {signer.kid: each for signer, each in opened if each is not None}
        # One loop for each process: what a service keeps open belongs to it.
        self._runner: asyncio.Runner | None = None

    @property
    def is_remote(self) -> bool:
        """Whether services sign, to which prepared passes go together."""
        return bool(self._services)

    def sign(self, prepared: Sequence[tuple[bytes, Prepared[_Done]]]) -> list[_Done]:
        """Sign what is prepared for keys, each by its kid; returns the results in their order.

        Raises:
            SigningError: One of them cannot be signed.

        """
        found: dict[int, _Done] = {}
        for kid in dict.fromkeys(kid for kid, _ in prepared):
            places = [place for place, (own, _) in enumerate(prepared) if own == kid]
            items = [prepared[place][1] for place in places]
            for place, done in zip(places, self._signed(kid, items), strict=True):
                if isinstance(done, SigningError):
                    raise done
                found[place] = done
        return [found[place] for place in range(len(prepared))]

    def _signed(
        self, kid: bytes, items: Sequence[Prepared[_Done]]
    ) -> Iterable[_Done | SigningError]:
        service = self._services.get(kid)
        if isinstance(service, BatchKeyService):
            return service.sign(items)
        if isinstance(service, AsyncKeyService):
            if self._runner is None:
                self._runner = asyncio.Runner()
                weakref.finalize(self, self._runner.close)
            return self._runner.run(_collected(service, items))
        signer = self._signer(kid)
        return [each.complete(signer.sign_digest(each.digest)) for each in items]

    def _signer(self, kid: bytes) -> Signer:
        signers = self.signers
        every = (signers,) if isinstance(signers, Signer) else signers.signers
        return next(signer for signer in every if signer.kid == kid)


async def _collected(
    service: AsyncKeyService, items: Sequence[Prepared[_Done]]
) -> list[_Done | SigningError]:
    return [done async for done in service.sign(items)]


def fingerprints(signers: Signer | SignerSet) -> tuple[str, ...]:
    """Return the SHA-256 digests of the certificates of signers; of one without, its kid."""
    every = (signers,) if isinstance(signers, Signer) else signers.signers
    found = []
    for signer in every:
        der = None if signer.certificate is None else signer.certificate.der
        found.append(signer.kid.hex() if der is None else hashlib.sha256(der).hexdigest())
    return tuple(sorted(found))


def campaign_uvci(secret: bytes, campaign: str, country: str, record: str) -> str:
    """Return the identifier of a record's pass in a campaign.

    Args:
        secret: At least 16 bytes that nobody can guess; 32 from a generator of randomness are best.
        campaign: The name of the campaign, without a zero character.
        country: The issuing country's two capital letters.
        record: What the register calls the row.

    """
    return Identifiers(secret, campaign, country)(record)


class Identifiers:
    """The identifiers of one campaign."""

    def __init__(self, secret: bytes, campaign: str, country: str) -> None:
        if len(secret) < _SHORTEST_SECRET:
            raise BulkError("bulk.secret", f"the secret must have {_SHORTEST_SECRET} bytes or more")
        if "\0" in campaign:
            raise ValueError("a campaign's name cannot hold a zero character")
        self._base = hmac.new(secret, f"{campaign}\0".encode(), hashlib.sha256)
        self._start = f"URN:UVCI:01:{country}:"
        # Says whether a secret is the same one, and nothing else of it.
        self.check = hmac.digest(secret, b"coronapas bulk\0\0check", "sha256")[:8].hex()

    def __call__(self, record: str) -> str:
        """Return the identifier of a record."""
        own = self._base.copy()
        own.update(record.encode("utf-8", "surrogatepass"))
        return self._start + opaque_of(own.digest()[:OPAQUE_LENGTH])
