"""Trust material from files: what ``--trust`` names becomes a trust store.

The one place where the command line reads trust lists. What a file is shows in its content: a saved
store, a list of any format (`coronapas.trust._reading`), or plain certificates.
"""

from __future__ import annotations

import os
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from coronapas.cli._output import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from coronapas.trust import TrustList, TrustStore

STORE: Final = "store"
"""What a saved store is called where other files have a format."""

_MAGIC: Final = b"coronapas trust store "
_MOST_FILES: Final = 20_000
_MAX_PIN: Final = 1024 * 1024

FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)
PLACE: Final = click.Path(exists=True, path_type=Path)

pin_option = click.option(
    "--pin",
    "pins",
    multiple=True,
    type=FILE,
    metavar="CERT_OR_KEY",
    help="The key, or the authority, that has to have signed a list: a certificate, a public key, "
    "a JWK or a DID document.",
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
    """The option to take signed lists without a pin."""
    return click.option(
        "--unverified-trust",
        is_flag=True,
        help="Take signed lists without --pin, their signatures not verified.",
    )(function)


def pins_from(paths: Iterable[Path]) -> tuple[Any, ...]:
    """The pins in files; a file that is none raises KeyMaterialError with its name."""
    from coronapas import _files as files
    from coronapas.errors import KeyMaterialError
    from coronapas.trust import pinned

    found: list[Any] = []
    for path in paths:
        try:
            data = files.read(path, _MAX_PIN)
            if len(data) > _MAX_PIN:
                raise KeyMaterialError(f"it has more than {_MAX_PIN} bytes")
            found += pinned(data)
        except (KeyMaterialError, UnicodeDecodeError) as error:
            raise KeyMaterialError(f"{path}: {error}") from error
    return tuple(found)


def trust_from(
    paths: Sequence[Path],
    *,
    pins: Iterable[Path] = (),
    beside: Sequence[Path] = (),
    unverified: bool = False,
    at: datetime | None = None,
) -> TrustStore:
    """The trust in files and folders, all of it together.

    A file may be a list of any format, a saved store, or certificates (PEM, also several; DER;
    base64), of which each has to be one. In a folder of certificates, what holds none is passed
    over. Standard error says which list was taken for what; plain certificates are not mentioned.

    A signed list needs a pin, or `unverified`, which standard error tells too. With `at`, a list's
    signer has to be certified then, and the list begun; that a list has ended is left to the store,
    which tells it of every key.
    """
    from coronapas.trust import TrustStore

    if beside and len(paths) != 1:
        raise click.UsageError("--beside is for one --trust; make a store of it first.")
    trusted = pins_from(pins)
    stores = [_one(path, trusted, beside, unverified, at) for path in paths]
    return TrustStore().merge(*stores)


def list_from(
    path: Path, pins: Iterable[Any], beside: Sequence[Path] = (), at: datetime | None = None
) -> TrustList:
    """What one file or folder is, for looking at: errors name it.

    A saved store becomes a list of the format `STORE`. Nothing is refused for being unverified.
    """
    from coronapas.trust import Source, TrustList, load, read_path

    with named(path):
        if is_store(path):
            store = load(path)
            source = Source(STORE, path.name)
            return TrustList(source, store.certificates, store.dropped)
        return read_path(path, pins=tuple(pins), beside=beside, at=at)


class named:  # noqa: N801 - used as a function is
    """Puts a file's name before the errors of reading it, and keeps their kinds and codes."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        from coronapas.errors import CoronapasError

        if isinstance(error, CoronapasError):
            error.args = (f"{self._path}: {error}",)


def is_store(path: Path) -> bool:
    """Whether a file is a saved trust store, by how it begins."""
    return path.is_file() and beginning(path, len(_MAGIC)) == _MAGIC


def beginning(path: Path, length: int) -> bytes:
    """The first bytes of a file."""
    with path.open("rb") as file:
        return file.read(length)


def _one(
    path: Path,
    pins: tuple[Any, ...],
    beside: Sequence[Path],
    unverified: bool,
    at: datetime | None,
) -> TrustStore:
    from coronapas.errors import TrustListError
    from coronapas.trust import TrustStore, format_of, read_file
    from coronapas.trust._lists.plain import FORMAT

    with named(path):
        if is_store(path):
            store = TrustStore.load(path)
            _say(path, f"taken for a saved trust store of {len(store)} keys")
            return store
        if path.is_dir() and not _is_commissions(path):
            return _of_folder(path)
        if path.is_file() and format_of(data := read_file(path)) == FORMAT:
            return _of_certificates(path, TrustStore.from_certificates([data]))
        found = _read(path, pins, beside, at)
        _say(path, f"taken for {found.format}, {len(found.certificates)} keys, {_state(found)}")
        if found.signature == "not verified" and not unverified:
            reason = "the list is signed: name its signer with --pin, or give --unverified-trust"
            raise TrustListError(found.format, "unverified", reason)
        return TrustStore.from_lists(found, allow_unverified=unverified)


def _read(
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


def _is_commissions(folder: Path) -> bool:
    """Whether a folder has the layout of the Commission's archive."""
    from coronapas.trust._lists import ec_zip

    names = (
        (Path(place) / name).relative_to(folder).as_posix()
        for place, _, files in os.walk(folder)
        for name in files
    )
    return ec_zip.is_layout(islice(names, _MOST_FILES))


def _of_certificates(path: Path, store: TrustStore) -> TrustStore:
    """The same certificates, their source being the file."""
    from coronapas.trust import Source, TrustStore
    from coronapas.trust._lists.plain import FORMAT

    sources = dict.fromkeys(store.certificates, (Source(FORMAT, path.name),))
    return TrustStore(store.certificates, store.dropped, sources=sources)


def _of_folder(folder: Path) -> TrustStore:
    from coronapas.trust import TrustStore

    stores = []
    for path in sorted(folder.iterdir()):
        if path.is_file() and not path.name.startswith("."):
            store = TrustStore.from_certificates([path.read_bytes()], on_error="drop")
            for dropped in store.dropped:
                _say(path, f"passed over: {dropped.reason}")
            stores.append(_of_certificates(path, store))
    return TrustStore().merge(*stores)
