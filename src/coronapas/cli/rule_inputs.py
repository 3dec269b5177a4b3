"""What the commands on rules read: a rule set, value sets, and a moment."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from coronapas.cli.parameters import moment
from coronapas.cli.showing import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from coronapas.dcc.valuesets import ValueSets
    from coronapas.rules import RuleSet

EU_TRAVEL: Final = "eu-travel"
"""The name of the project's own rule set; a file of that name is ``./eu-travel``."""

_MOST_FILES: Final = 10_000

value_sets_option = click.option(
    "--value-sets",
    type=click.Path(exists=True, path_type=Path),
    help="Value sets in the official form, a file or a folder; each replaces the bundled one.",
)


def day_or_moment(ctx: click.Context, param: click.Parameter, value: str | None) -> datetime | None:
    """A moment by ISO 8601 with its time zone; a date alone is its midnight in UTC."""
    if value is not None:
        try:
            day = date.fromisoformat(value)
        except ValueError:
            return moment(ctx, param, value)
        return datetime(day.year, day.month, day.day, tzinfo=UTC)
    return None


def rules_from(names: Iterable[str]) -> RuleSet:
    """The rules of files, of folders, and of the bundled set.

    What could not be read, and what is no rule, is named on standard error. Without any rule at all
    the command ends with 2.
    """
    from coronapas.rules import RuleSet, eu_travel

    found = RuleSet.load(*(eu_travel() if name == EU_TRAVEL else Path(name) for name in names))
    for place in found.passed_over:
        click.echo(plain(f"{place}: passed over: it is no rule"), err=True)
    for unread in found.unread:
        click.echo(plain(f"{unread.place}: not read: {_problems(unread.faults)}"), err=True)
    if not found and not found.unread:
        raise click.UsageError("There is no rule in what --rules or the arguments name.")
    return found


def _problems(faults: Iterable[Any]) -> str:
    return " ".join(f"{fault.field}: {fault.problem}".removeprefix(": ") for fault in faults)


def value_sets_from(source: Path | None) -> ValueSets | None:
    """The bundled value sets with those of a file or folder in their places; None for none.

    A JSON file of a folder that holds no value set is named on standard error. One that should and
    cannot be read, and a folder without any, ends the command with 2.
    """
    if source is None:
        return None
    from coronapas.dcc.valuesets import ValueSets
    from coronapas.errors import ValueSetError

    documents = dict(_documents(source))
    if not documents:
        raise click.UsageError(f"{source}: there is no value set in it.")
    try:
        return ValueSets.default().replace(ValueSets.from_official(documents))
    except ValueSetError as error:
        raise click.UsageError(plain(f"{source}: {error}")) from None


def _documents(source: Path) -> Iterator[tuple[str, Any]]:
    """The value sets of a file or folder, by their place; other JSON files are passed over."""
    from coronapas.rules import loading

    files = sorted(source.rglob("*.json"))[:_MOST_FILES] if source.is_dir() else [source]
    for path in files:
        try:
            document = loading.parse(loading.content(path))
        except ValueError as error:
            raise click.UsageError(plain(f"{path}: {error}")) from None
        if path != source and not (isinstance(document, dict) and "valueSetId" in document):
            click.echo(plain(f"{path}: passed over: it is no value set"), err=True)
            continue
        yield path.name if path == source else path.relative_to(source).as_posix(), document
