"""What the commands on rules read: a rule set, and a moment."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from coronapas.cli.parameters import moment
from coronapas.cli.showing import plain

if TYPE_CHECKING:
    from collections.abc import Iterable

    from coronapas.rules import RuleSet

EU_TRAVEL: Final = "eu-travel"
"""The name of the project's own rule set; a file of that name is ``./eu-travel``."""


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
