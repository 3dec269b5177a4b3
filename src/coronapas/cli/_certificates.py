"""Trust material from files: what ``--trust`` names becomes a trust store.

The one place where the command line reads trust lists. The content of a file tells what it is: a
saved store, a list of any format, or plain certificates.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from coronapas.cli._options import duration
from coronapas.cli._output import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import datetime, timedelta

    from coronapas.trust import Certificate, Source, TrustList, TrustStore
    from coronapas.verify import TrustPolicy

STORE: Final = "store"
"""What `coronapas.trust.format_of_path` calls a saved store."""

PLAIN: Final = "plain"
"""What `coronapas.trust.format_of_path` calls certificates without a list."""

FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)
PLACE: Final = click.Path(exists=True, path_type=Path)

pin_option = click.option(
    "--pin",
    "pins",
    multiple=True,
    type=FILE,
    metavar="CERT_OR_KEY",
    help="The key or authority that must have signed a list: a certificate, a public key, a JWK or "
    "a DID document.",
)
beside_option = click.option(
    "--beside",
    multiple=True,
    type=FILE,
    metavar="FILE",
    help="A file that belongs to the list: Austria's signature, Switzerland's active keys, a "
    "further part of a gateway list.",
)


def unverified_option(function: Callable[..., None]) -> Callable[..., None]:
    """Add the option to accept signed lists without a pin."""
    return click.option(
        "--unverified-trust",
        is_flag=True,
        help="Accept signed lists without --pin; their signatures are not verified.",
    )(function)


def policy_options(function: Callable[..., None]) -> Callable[..., None]:
    """Add the options of a trust policy, which the command takes as ``policy``."""

    @click.option(
        "--environment",
        "environments",
        multiple=True,
        type=click.Choice(["production", "uat", "development", "unknown"]),
        help="An environment of WHO's network whose keys count, in place of production.",
    )
    @click.option(
        "--domain",
        "domains",
        multiple=True,
        callback=_domains,
        metavar="PAYLOAD=DOMAIN",
        help="A domain of WHO's network whose keys may sign a payload, in addition to its own, "
        "such as icvp=DCC.",
    )
    @click.option(
        "--trust-max-age",
        callback=duration,
        metavar="DURATION",
        help="The greatest age of a trust list: seconds, or a number with s, m or h.",
    )
    @wraps(function)
    def decorated(
        *args: Any,
        environments: tuple[str, ...],
        domains: tuple[tuple[str, str], ...],
        trust_max_age: timedelta | None,
        **more: Any,
    ) -> None:
        policy = _policy(environments, domains, trust_max_age)
        function(*args, policy=policy, **more)

    return decorated


def _policy(
    environments: tuple[str, ...],
    domains: tuple[tuple[str, str], ...],
    max_age: timedelta | None,
) -> TrustPolicy:
    from coronapas.verify import PROFILES, TrustPolicy

    found: dict[str, frozenset[str]] = {}
    for payload, domain in domains:
        for row in PROFILES:
            if payload in (row.name, row.family):
                found[row.name] = found.get(row.name, row.domains) | {domain}
    asked = environments or ("production",)
    return TrustPolicy(
        environments=frozenset(None if name == "unknown" else name for name in asked),
        domains=found,
        max_age=max_age,
    )


def _domains(
    ctx: click.Context, param: click.Parameter, values: tuple[str, ...]
) -> tuple[tuple[str, str], ...]:
    from coronapas.verify import PROFILES

    known = {name for row in PROFILES for name in (row.name, row.family)}
    found = []
    for value in values:
        payload, _, domain = value.partition("=")
        if payload not in known or not domain:
            names = ", ".join(sorted(known))
            message = f"must be PAYLOAD=DOMAIN with a payload of {names}, got {value!r}"
            raise click.BadParameter(message, ctx, param)
        found.append((payload, domain))
    return tuple(found)


def pins_from(paths: Iterable[Path]) -> tuple[Any, ...]:
    """Return the pins in files; errors name the file."""
    from coronapas.trust import pinned, read_file

    found: list[Any] = []
    for path in paths:
        with named(path):
            found += pinned(read_file(path))
    return tuple(found)


def trust_from(
    paths: Sequence[Path],
    *,
    pins: Iterable[Path] = (),
    beside: Sequence[Path] = (),
    unverified: bool = False,
    at: datetime | None = None,
) -> TrustStore:
    """Return one store of the trust in files and folders.

    A file is a list of any format, a saved store, or certificates (PEM, also several; DER; base64),
    all of which must be readable. In a folder of certificates, other files are passed over.
    Standard error says what each list was taken for; plain certificates are not mentioned.

    A signed list needs a pin, or `unverified`. With `at`, the certificate of a list's signer must
    be valid then, and the list must have begun; whether a list has ended is left to the store,
    which judges that for each key.
    """
    from coronapas.trust import TrustStore

    if beside and len(paths) != 1:
        raise click.UsageError("--beside is for one --trust; make a store of it first.")
    trusted = pins_from(pins)
    stores = [_store(path, trusted, beside, unverified, at) for path in paths]
    return TrustStore().merge(*stores)


def list_from(
    path: Path, pins: Iterable[Any], beside: Sequence[Path] = (), at: datetime | None = None
) -> TrustList:
    """Return the list in one file or folder, for display; errors name the file.

    A saved store becomes a list of the format `STORE`. Unverified lists are accepted.
    """
    from coronapas.trust import TrustList, TrustStore, read_path

    with named(path):
        if _format(path) == STORE:
            store = TrustStore.load(path)
            return TrustList(_of_store(store, path), _listed(store), store.dropped)
        return read_path(path, pins=tuple(pins), beside=beside, at=at)


def _of_store(store: TrustStore, path: Path) -> Source:
    """Return a source that stands for a saved store; with the environment if there is one."""
    from coronapas.trust import Source

    found = {source.environment for source in store.sources}
    return Source(STORE, path.name, environment=found.pop() if len(found) == 1 else None)


def _listed(store: TrustStore) -> tuple[Certificate, ...]:
    """Return the store's certificates, one that is listed in several domains for each of them."""
    from coronapas.trust import Certificate

    return tuple(
        Certificate.load(each, listing=listing)
        for each in store
        for listing in dict.fromkeys(source.listing for source in store.sources_of(each))
    )


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Put a file's name before the errors of reading it, and keep their classes and codes."""
    from coronapas.errors import CoronapasError

    try:
        yield
    except CoronapasError as error:
        error.args = (f"{path}: {error}",)
        raise


def _store(
    path: Path,
    pins: tuple[Any, ...],
    beside: Sequence[Path],
    unverified: bool,
    at: datetime | None,
) -> TrustStore:
    """Return the store of one file or folder, and say on standard error what it was."""
    from coronapas.errors import TrustListError
    from coronapas.trust import TrustStore, certificates_in

    with named(path):
        form = _format(path)
        if form == STORE:
            store = TrustStore.load(path)
            _say(path, f"taken for a saved trust store of {len(store)} keys")
            return store
        if form == PLAIN:
            store = certificates_in(path)
            for drop in store.dropped:
                _say(path / drop.source, f"passed over: {drop.reason}")
            return store
        found = _list(path, pins, beside, at)
        kind = f"{found.format} ({found.environment})" if found.environment else found.format
        _say(path, f"taken for {kind}, {len(found.certificates)} keys, {_state(found)}")
        if found.signature == "not verified" and not unverified:
            reason = "the list is signed: name its signer with --pin, or give --unverified-trust"
            if pins:
                reason = "no pin can verify lists of this kind: --unverified-trust takes them"
            raise TrustListError(found.format, "unverified", reason)
        return TrustStore.from_lists(found, allow_unverified=unverified)


def _format(path: Path) -> str | None:
    """Return the format of a file or folder; None for a pipe, which can be read only once."""
    from coronapas.trust import format_of_path

    return format_of_path(path) if path.is_file() or path.is_dir() else None


def _list(
    path: Path, pins: tuple[Any, ...], beside: Sequence[Path], at: datetime | None
) -> TrustList:
    from coronapas.errors import TrustListError
    from coronapas.trust import read_path

    try:
        return read_path(path, pins=pins, beside=beside, at=at)
    except TrustListError as error:
        if error.code != "trust.expired":
            raise
    return read_path(path, pins=pins, beside=beside)


def _state(found: TrustList) -> str:
    return {
        "verified": "signature verified",
        "not verified": "signature NOT VERIFIED",
        "none": "not signed",
    }[found.signature]


def _say(path: Path, what: str) -> None:
    click.echo(plain(f"{path}: {what}"), err=True)
