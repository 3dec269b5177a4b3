"""What the commands that judge codes read: value sets, which take the place of the bundled ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from coronapas.cli.showing import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from coronapas.dcc.valuesets import ValueSets

_MOST_FILES: Final = 10_000

value_sets_option = click.option(
    "--value-sets",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    metavar="FILE",
    help="Value sets in the official form or in that of schemas/valuesets.schema.json, a file or a "
    "folder: each set takes the place of the bundled one. Of several, the last counts.",
)


def value_sets_from(sources: Iterable[Path]) -> ValueSets | None:
    """The bundled value sets with those of files and folders in their places; None for no source.

    A JSON file of a folder that holds no value set is named on standard error. One that should and
    cannot be read, and a source without any, ends the command with 2.
    """
    from coronapas.dcc.valuesets import ValueSets
    from coronapas.errors import ValueSetError

    found = None
    for source in sources:
        held = False
        try:
            for newer in _sets(source):
                held = held or bool(newer.sets or newer.products)
                found = (found or ValueSets.default()).replace(newer)
        except ValueSetError as error:
            raise click.UsageError(plain(f"{source}: {error}")) from None
        if not held:
            raise click.UsageError(plain(f"{source}: there is no value set in it."))
    return found


def _sets(source: Path) -> Iterator[ValueSets]:
    """The value sets of one source; those in the official form together, for none may recur."""
    from coronapas.dcc.valuesets import ValueSets

    official: dict[str, Any] = {}
    for place, document in _documents(source):
        if _is_official(document):
            official[place] = document
        elif _is_own(document):
            yield ValueSets.load(document)
        else:
            yield ValueSets.from_official(document)
    if official:
        yield ValueSets.from_official(official)


def _documents(source: Path) -> Iterator[tuple[str, Any]]:
    """The documents of a file or folder, by their place; of a folder, value sets alone."""
    from coronapas.rules import loading

    files = sorted(source.rglob("*.json"))[:_MOST_FILES] if source.is_dir() else [source]
    for path in files:
        try:
            document = loading.parse(loading.content(path))
        except ValueError as error:
            raise click.UsageError(plain(f"{path}: {error}")) from None
        if path != source and not (_is_official(document) or _is_own(document)):
            click.echo(plain(f"{path}: passed over: it is no value set"), err=True)
            continue
        yield path.name if path == source else path.relative_to(source).as_posix(), document


def _is_official(document: object) -> bool:
    return isinstance(document, dict) and "valueSetId" in document


def _is_own(document: object) -> bool:
    return isinstance(document, dict) and "sets" in document
