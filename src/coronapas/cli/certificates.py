"""Certificates from files: what ``--trust`` names becomes a trust store.

The one place where the command line reads trust material; other list formats are read here too,
once the library knows them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from coronapas.cli.showing import plain

if TYPE_CHECKING:
    from collections.abc import Iterable

    from coronapas.trust.store import TrustStore


def trust_from(paths: Iterable[Path]) -> TrustStore:
    """The certificates in files (PEM, also several; DER; base64) and in the files of folders.

    A file that is named has to hold certificates. In a folder, what holds none is passed over, and
    named on standard error.
    """
    from coronapas.errors import KeyMaterialError
    from coronapas.trust.store import TrustStore

    stores: list[TrustStore] = []
    for path in paths:
        if path.is_dir():
            stores += _of_folder(path)
            continue
        try:
            stores.append(TrustStore.from_certificates([path.read_bytes()]))
        except KeyMaterialError as error:
            raise KeyMaterialError(f"{path}: {error}") from error
    return TrustStore().merge(*stores)


def _of_folder(folder: Path) -> list[TrustStore]:
    from coronapas.trust.store import TrustStore

    stores = []
    for path in sorted(folder.iterdir()):
        if path.is_file() and not path.name.startswith("."):
            store = TrustStore.from_certificates([path.read_bytes()], on_error="drop")
            for dropped in store.dropped:
                click.echo(plain(f"{path}: passed over: {dropped.reason}"), err=True)
            stores.append(store)
    return stores
