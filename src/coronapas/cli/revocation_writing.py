"""Revocation lists in the forms that ``coronapas revocation build`` writes."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import click

from coronapas.revocation.hashes import (
    HASH_LENGTH,
    HashType,
    country_code_uci_hash,
    uci_hash,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    Line = tuple[int, bytes | str]


@dataclass(frozen=True, slots=True)
class Terms:
    """What the options say of a list to be written; see ``coronapas revocation build --help``."""

    kind: HashType
    country: str | None
    kid: bytes | None
    name: str
    as_of: datetime | None
    expires: datetime | None
    rate: float
    key: Path | None
    cert: Path | None
    password: str | None

    def with_password(self, ask: Callable[[str | None], str | None]) -> Terms:
        """The same with the password itself in the place of where it comes from."""
        return replace(self, password=ask(self.password))


def written(form: str, lines: Sequence[Line], terms: Terms) -> tuple[bytes, int]:
    """The list as the bytes of a file, and how many hashes it holds; equal ones count once."""
    if form == "italy":
        return _italy(lines, terms)
    hashes = list(dict.fromkeys(_hash(line, terms) for line in lines))
    try:
        return _WRITERS[form](hashes, terms), len(hashes)
    except ValueError as error:
        raise click.UsageError(f"The list cannot be made: {error}.") from error


def _hash(line: Line, terms: Terms) -> bytes:
    number, value = line
    if isinstance(value, bytes):
        if len(value) != HASH_LENGTH and terms.kind is HashType.SIGNATURE:
            raise click.UsageError(f"Line {number}: a hash of a signature has 32 digits.")
        return value[:HASH_LENGTH]
    if terms.kind is HashType.SIGNATURE:
        raise click.UsageError(f"Line {number}: a UVCI gives no hash of a signature.")
    if terms.kind is HashType.UCI:
        return uci_hash(value)
    if terms.country is None:
        raise click.UsageError("Hashes of country and UVCI need --country.")
    return country_code_uci_hash(terms.country, value)


def _store(hashes: Sequence[bytes], terms: Terms) -> bytes:
    from coronapas.revocation import Batch, RevocationList, storefile
    from coronapas.revocation.holding import hold
    from coronapas.revocation.lists import pack

    batch = Batch("build", terms.kind, pack(hashes), terms.kid, terms.expires, terms.country)
    made = RevocationList(
        terms.name,
        as_of=terms.as_of or datetime.now(UTC),
        batches=(batch,),
        countries=None if terms.country is None else frozenset({terms.country}),
        kids=None if terms.kid is None else frozenset({terms.kid}),
        form="store",
    )
    file = io.BytesIO()
    storefile.write(file, [hold(made)])
    return file.getvalue()


def _batch(hashes: Sequence[bytes], terms: Terms) -> bytes:
    from coronapas.cli.trust_writing import private_key
    from coronapas.revocation import gateway
    from coronapas.trust import Certificate

    country, expires, key, cert = terms.country, terms.expires, terms.key, terms.cert
    if country is None or expires is None or key is None or cert is None:
        raise click.UsageError("A batch needs --country, --expires, --key and --cert.")
    return gateway.make_batch(
        hashes,
        terms.kind,
        country=country,
        expires=expires,
        kid=terms.kid,
        key=private_key(key, terms.password),
        certificate=Certificate.load(cert.read_bytes()),
    )


def _filter(hashes: Sequence[bytes], terms: Terms) -> bytes:
    from coronapas.revocation.bloom import BloomFilter

    return BloomFilter.make(hashes, rate=terms.rate).write()


def _italy(lines: Sequence[Line], terms: Terms) -> tuple[bytes, int]:
    """One chunk; the Italian list holds whole digests, which only a UVCI gives."""
    from coronapas.revocation import italy

    uvcis = [value for _, value in lines if isinstance(value, str)]
    if len(uvcis) != len(lines) or terms.kind is not HashType.UCI:
        raise click.UsageError("An Italian list is made of UVCIs alone.")
    unique = list(dict.fromkeys(uvcis))
    (chunk,) = italy.make(unique, version=1, chunk_size=max(1, len(unique)))
    return chunk, len(unique)


_WRITERS: Final[dict[str, Callable[[Sequence[bytes], Terms], bytes]]] = {
    "store": _store,
    "batch": _batch,
    "filter": _filter,
}
