"""``coronapas keys``: a test CSCA, DSCs, and requests for real DSCs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from coronapas.cli._options import filled, moment, password_from
from coronapas.cli._options import password as password_source
from coronapas.cli._output import write

if TYPE_CHECKING:
    from collections.abc import Callable

    from coronapas.facts import EventKind
    from coronapas.keys import Authority, KeyPair
    from coronapas.signing import PrivateKey

_KINDS: Final = ("vaccination", "test", "recovery")
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


def _places(function: Callable[..., None]) -> Callable[..., None]:
    """Add the options for the new files, which all three commands share."""
    options = (
        click.option(
            "--out",
            type=click.Path(file_okay=False, path_type=Path),
            default=Path(),
            help="The folder for the files [default: the current one].",
        ),
        click.option(
            "--file-name", "stem", callback=filled, help="What the files' names begin with."
        ),
        click.option(
            "--password",
            callback=password_source,
            metavar="prompt|env:NAME",
            help="Encrypt the new key; where to read its password.",
        ),
        click.option("--force", is_flag=True, help="Replace existing files."),
    )
    for option in reversed(options):
        function = option(function)
    return function


def _validity(days: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Add the options for the validity of a certificate."""

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        since = click.option(
            "--from",
            "start",
            callback=moment,
            metavar="MOMENT",
            help="The first moment [default: now].",
        )
        span = click.option(
            "--days", type=click.IntRange(1, 36500), default=days, show_default=True
        )
        return since(span(function))

    return decorate


_name = click.option("--name", callback=filled, help="The certificate's common name.")
_organisation = click.option(
    "--organisation", callback=filled, help="The certificate's organisation."
)
_usage = click.option(
    "--usage",
    "usages",
    multiple=True,
    type=click.Choice(_KINDS),
    help="A kind of pass that the key may sign; repeatable [default: all kinds].",
)


@click.group("keys", short_help="Make keys, certificates and requests.")
def command() -> None:
    """Make keys and certificates: a test CSCA, its DSCs, and requests for real DSCs.

    Only their owner can read key files. No file is replaced without --force.
    """


@command.command("csca")
@click.option("--country", required=True, help="ISO 3166-1 alpha-2.")
@_name
@_organisation
@_validity(4 * 365)
@_places
def csca(
    country: str,
    name: str | None,
    organisation: str | None,
    start: datetime | None,
    days: int,
    out: Path,
    stem: str | None,
    password: str | None,
    force: bool,
) -> None:
    """Make a CSCA for tests: a self-signed P-256 key that certifies DSCs."""
    from coronapas.keys import make_csca

    pair = make_csca(
        country,
        valid_from=start or datetime.now(UTC),
        valid_for=timedelta(days=days),
        name=name,
        organisation=organisation,
    )
    _write_pairs({stem or "csca": pair}, out, password, force)


@command.command("dsc")
@click.option("--csca-key", required=True, type=_FILE, help="The CSCA's key, PEM or DER.")
@click.option("--csca-cert", required=True, type=_FILE, help="The CSCA's certificate.")
@click.option(
    "--csca-password",
    callback=password_source,
    metavar="prompt|env:NAME",
    help="Where to read its password.",
)
@_usage
@click.option("--each", is_flag=True, help="Make three, one for each kind of pass.")
@click.option(
    "--type",
    "key_type",
    type=click.Choice(["P-256", "RSA-2048", "RSA-3072"]),
    default="P-256",
    show_default=True,
)
@_name
@_organisation
@_validity(2 * 365)
@_places
def dsc(
    csca_key: Path,
    csca_cert: Path,
    csca_password: str | None,
    usages: tuple[str, ...],
    each: bool,
    key_type: Any,
    name: str | None,
    organisation: str | None,
    start: datetime | None,
    days: int,
    out: Path,
    stem: str | None,
    password: str | None,
    force: bool,
) -> None:
    """Make a DSC, and its key, under a CSCA that is at hand."""
    if each and usages:
        raise click.UsageError("Give --usage or --each, not both.")
    authority = _authority(csca_key, csca_cert, csca_password)
    stem = stem or "dsc"
    wanted = {f"{stem}-{kind}": (kind,) for kind in _KINDS} if each else {stem: usages}
    pairs = {
        file: authority.issue_dsc(
            valid_from=start or datetime.now(UTC),
            valid_for=timedelta(days=days),
            usages=_kinds(kinds),
            key=key_type,
            name=name,
            organisation=organisation,
        )
        for file, kinds in wanted.items()
    }
    _write_pairs(pairs, out, password, force)


@command.command("request")
@click.option("--country", required=True, help="ISO 3166-1 alpha-2.")
@click.option(
    "--organisation", required=True, callback=filled, help="The organisation that will sign passes."
)
@_name
@_usage
@click.option(
    "--type",
    "key_type",
    type=click.Choice(["P-256", "RSA-2048", "RSA-3072"]),
    default="P-256",
    show_default=True,
)
@click.option("--key", type=_FILE, help="An existing key [default: a new one].")
@click.option(
    "--key-password",
    callback=password_source,
    metavar="prompt|env:NAME",
    help="Where to read its password.",
)
@_places
def request(
    country: str,
    organisation: str,
    name: str | None,
    usages: tuple[str, ...],
    key_type: Any,
    key: Path | None,
    key_password: str | None,
    out: Path,
    stem: str | None,
    password: str | None,
    force: bool,
) -> None:
    """Make a request for a DSC, to be signed by the country's CSCA, and its key."""
    from cryptography.hazmat.primitives.serialization import Encoding

    from coronapas.keys import make_key, make_request

    if key is not None and password is not None:
        raise click.UsageError("--password is for a new key: give --key-password.")
    private_key = (
        make_key(key_type) if key is None else _private_key(key, password_from(key_password))
    )
    asked = make_request(
        private_key, country=country, organisation=organisation, name=name, usages=_kinds(usages)
    )
    stem = stem or "request"
    files = {out / f"{stem}.csr.pem": (asked.public_bytes(Encoding.PEM), False)}
    if key is None:
        secret = password_from(password, new=True)
        files[out / f"{stem}.key.pem"] = _key_pem(private_key, secret), True
    _write_all(files, force)


def _authority(key: Path, certificate: Path, password: str | None) -> Authority:
    from coronapas.keys import Authority
    from coronapas.trust import Certificate

    return Authority(
        _private_key(key, password_from(password)), Certificate.load(certificate.read_bytes())
    )


def _private_key(path: Path, password: str | None) -> PrivateKey:
    """Return the key in a file; KeyMaterialError, with the file, says why it cannot be used."""
    from coronapas.errors import KeyMaterialError
    from coronapas.signing import load_private_key

    try:
        return load_private_key(path.read_bytes(), password)
    except KeyMaterialError as error:
        raise KeyMaterialError(f"{path}: {error}") from error


def _key_pem(key: PrivateKey, password: str | None) -> bytes:
    from cryptography.hazmat.primitives.serialization import (
        BestAvailableEncryption,
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    encryption = BestAvailableEncryption(password.encode()) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


def _kinds(names: tuple[str, ...]) -> tuple[EventKind, ...]:
    from coronapas.facts import EventKind

    return tuple(map(EventKind, names))


def _write_pairs(pairs: dict[str, KeyPair], out: Path, password: str | None, force: bool) -> None:
    secret = password_from(password, new=True)
    files: dict[Path, tuple[bytes, bool]] = {}
    for stem, pair in pairs.items():
        files[out / f"{stem}.key.pem"] = pair.key_pem(secret), True
        files[out / f"{stem}.pem"] = pair.certificate_pem(), False
    _write_all(files, force)


def _write_all(files: dict[Path, tuple[bytes, bool]], force: bool) -> None:
    """Write all files, or none if one exists that must not be replaced."""
    for path in files:
        if path.exists() and not force:
            raise click.UsageError(f"{path} exists; --force replaces it.")
    for path, (content, secret) in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, content, force=force, secret=secret)
        click.echo(path)
