"""``coronapas keys``: a test CSCA, DSCs, and requests for real DSCs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from coronapas.cli._options import KEY_PLACE, filled, key_place, moment, password_from
from coronapas.cli._options import password as password_source
from coronapas.cli._output import write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

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


_pkcs11 = click.option(
    "--pkcs11",
    metavar="URI",
    help="Make the key in a token, under the label object= (RFC 7512); no key file is written. "
    "pin-source=env:NAME or a file says where the PIN is.",
)
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

    Only their owner can read key files. No file is replaced without --force. A key may also be in
    a hardware module, described by a URI (needs the extra hsm):
    pkcs11:token=LABEL;object=KEY?module-path=MODULE.so&pin-source=env:NAME
    """


@command.command("csca")
@click.option("--country", required=True, help="ISO 3166-1 alpha-2.")
@_name
@_organisation
@_pkcs11
@_validity(4 * 365)
@_places
def csca(
    country: str,
    name: str | None,
    organisation: str | None,
    pkcs11: str | None,
    start: datetime | None,
    days: int,
    out: Path,
    stem: str | None,
    password: str | None,
    force: bool,
) -> None:
    """Make a CSCA for tests: a self-signed P-256 key that certifies DSCs."""
    from coronapas.keys import make_csca

    stem = stem or "csca"
    key = _in_token(pkcs11, "P-256", password, [out / f"{stem}.pem"], force)
    pair = make_csca(
        country,
        valid_from=start or datetime.now(UTC),
        valid_for=timedelta(days=days),
        name=name,
        organisation=organisation,
        key="P-256" if key is None else key,
    )
    _write_pairs({stem: pair}, out, password, force, keys=key is None)


@command.command("dsc")
@click.option(
    "--csca-key",
    required=True,
    type=key_place,
    metavar=KEY_PLACE,
    help="The CSCA's key, PEM or DER.",
)
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
@_pkcs11
@_validity(2 * 365)
@_places
def dsc(
    csca_key: Path | str,
    csca_cert: Path,
    csca_password: str | None,
    usages: tuple[str, ...],
    each: bool,
    key_type: Any,
    name: str | None,
    organisation: str | None,
    pkcs11: str | None,
    start: datetime | None,
    days: int,
    out: Path,
    stem: str | None,
    password: str | None,
    force: bool,
) -> None:
    """Make a DSC, and its key, under a CSCA that is at hand."""
    from coronapas.keys import KeyPair, make_key

    if each and usages:
        raise click.UsageError("Give --usage or --each, not both.")
    authority = _authority(csca_key, csca_cert, csca_password)
    stem = stem or "dsc"
    wanted = {f"-{kind}": (kind,) for kind in _KINDS} if each else {"": usages}
    pairs = {}
    for suffix, kinds in wanted.items():
        files = [out / f"{stem}{other}.pem" for other in wanted]
        key = _in_token(pkcs11, key_type, password, files, force, suffix)
        private_key = make_key(key_type) if key is None else key
        certificate = authority.certify(
            private_key.public_key(),
            valid_from=start or datetime.now(UTC),
            valid_for=timedelta(days=days),
            usages=_kinds(kinds),
            name=name,
            organisation=organisation,
        )
        pairs[f"{stem}{suffix}"] = KeyPair(private_key, certificate)
    _write_pairs(pairs, out, password, force, keys=pkcs11 is None)


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
@click.option(
    "--key", type=key_place, metavar=KEY_PLACE, help="An existing key [default: a new one]."
)
@click.option(
    "--key-password",
    callback=password_source,
    metavar="prompt|env:NAME",
    help="Where to read its password.",
)
@_pkcs11
@_places
def request(
    country: str,
    organisation: str,
    name: str | None,
    usages: tuple[str, ...],
    key_type: Any,
    key: Path | str | None,
    key_password: str | None,
    pkcs11: str | None,
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
    if key is not None and pkcs11 is not None:
        raise click.UsageError("--pkcs11 is for a new key: give its URI to --key.")
    stem = stem or "request"
    in_token = _in_token(pkcs11, key_type, password, [out / f"{stem}.csr.pem"], force)
    if in_token is not None:
        private_key = in_token
    elif key is not None:
        private_key = _private_key(key, password_from(key_password))
    else:
        private_key = make_key(key_type)
    asked = make_request(
        private_key, country=country, organisation=organisation, name=name, usages=_kinds(usages)
    )
    files = {out / f"{stem}.csr.pem": (asked.public_bytes(Encoding.PEM), False)}
    if key is None and in_token is None:
        secret = password_from(password, new=True)
        files[out / f"{stem}.key.pem"] = _key_pem(private_key, secret), True
    _write_all(files, force)


def _in_token(
    uri: str | None,
    kind: Any,
    password: str | None,
    files: Sequence[Path],
    force: bool,
    suffix: str = "",
) -> PrivateKey | None:
    """Return a new key in the token of a URI, its label with a suffix; None without a URI.

    Nothing is made in the token where a file of `files` could not be written afterwards.
    """
    from coronapas.signing import Pkcs11Key

    if uri is None:
        return None
    if password is not None:
        raise click.UsageError("--password is for a key file, and --pkcs11 writes none.")
    described = Pkcs11Key.from_uri(uri)
    if described.label is None:
        raise click.UsageError("--pkcs11 must state the label of the new key: object=LABEL.")
    _refuse_existing(files, force)
    key_id = None if suffix else described.key_id
    new = described.token.make_key(f"{described.label}{suffix}", kind, key_id=key_id)
    return new.private_key()


def _authority(key: Path | str, certificate: Path, password: str | None) -> Authority:
    from coronapas.keys import Authority
    from coronapas.trust import Certificate

    return Authority(
        _private_key(key, password_from(password)), Certificate.load(certificate.read_bytes())
    )


def _private_key(path: Path | str, password: str | None) -> PrivateKey:
    """Return the key in a file or a token; KeyMaterialError, with the file, says why it cannot."""
    from coronapas.errors import KeyMaterialError
    from coronapas.signing import Pkcs11Key, load_private_key

    if isinstance(path, str):
        return Pkcs11Key.from_uri(path).private_key()
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


def _write_pairs(
    pairs: dict[str, KeyPair], out: Path, password: str | None, force: bool, *, keys: bool
) -> None:
    """Write certificates, and their keys unless these are in a token."""
    secret = password_from(password, new=True)
    files: dict[Path, tuple[bytes, bool]] = {}
    for stem, pair in pairs.items():
        if keys:
            files[out / f"{stem}.key.pem"] = pair.key_pem(secret), True
        files[out / f"{stem}.pem"] = pair.certificate_pem(), False
    _write_all(files, force)


def _write_all(files: dict[Path, tuple[bytes, bool]], force: bool) -> None:
    """Write all files, or none if one exists that must not be replaced."""
    _refuse_existing(files, force)
    for path, (content, secret) in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, content, force=force, secret=secret)
        click.echo(path)


def _refuse_existing(files: Iterable[Path], force: bool) -> None:
    for path in files:
        if path.exists() and not force:
            raise click.UsageError(f"{path} exists; --force replaces it.")
