"""``coronapas programme diff`` and ``lint``: the rules of a programme themselves."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Final

import click

from coronapas.cli.programme_inputs import DEFAULT, json_option, programme_from, unusable, when
from coronapas.cli.showing import plain

if TYPE_CHECKING:
    from datetime import date, datetime

    from coronapas.programmes import Finding

_ADVICE: Final = frozenset({"uncertain", "unused"})
"""Codes of findings that are advice; every other one is an error."""


@click.command("diff", short_help="Say in words what changed between two dates.")
@click.argument("arguments", nargs=-1, metavar="[PROGRAMME] DATE DATE")
@click.option("--programme", "name", metavar="PROGRAMME", help=f"{DEFAULT} unless given.")
@json_option
def diff(arguments: tuple[str, ...], name: str | None, as_json: bool) -> None:
    """Say in words what changed in a programme between two dates.

    A day stands for its end, so that what begins on it counts; a time for itself.

    Exit codes: 0 it is said, changes or none; 2 wrong usage, or a programme that cannot be read.
    """
    from coronapas import programmes

    if not 2 <= len(arguments) <= (3 if name is None else 2):
        raise click.UsageError("Give two dates, and a programme before them or by --programme.")
    *named, first, second = arguments
    programme = programme_from(name if name is not None else (named or [DEFAULT])[0])
    earlier, later = (when(text, programme.zone, "DATE") for text in (first, second))
    try:
        changes = programmes.diff(programme, earlier, later)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    if as_json:
        document = {
            "programme": programme.id,
            "time_zone": str(programme.zone),
            "earlier": earlier.isoformat(),
            "later": later.isoformat(),
            "changes": [change.to_json() for change in changes],
        }
        click.echo(json.dumps(document))
        return
    click.echo(plain(f"{programme.id}, {_shown(earlier)} to {_shown(later)}:"))
    for change in changes:
        click.echo(plain(f"  {change}"))
        for mark in change.marks:
            click.echo(plain(f"    uncertain: {mark}"))
    if not changes:
        click.echo("  nothing changed")


def _shown(found: date | datetime) -> str:
    return found.isoformat().replace("T", " ")


@click.command("lint", short_help="Look for mistakes in a programme's rows.")
@click.argument("name", metavar="PROGRAMME")
@json_option
def lint(name: str, as_json: bool) -> None:
    """Look for mistakes in a programme: a bundled one by its name, or a file.

    Errors are faults of the format, gaps, overlaps, dates out of order and rows without a source;
    other findings are advice.

    Exit codes: 0 no error; 1 some errors; 2 a file that cannot be read as JSON.
    """
    from coronapas import programmes
    from coronapas.errors import ProgrammeError

    identity = name
    try:
        programme = programmes.load(name)
    except ProgrammeError as error:
        if error.faults[0].code == "json.syntax":
            unusable(name, error)
        findings = tuple(
            programmes.Finding(fault.code, fault.field, f"{fault.problem} {fault.mend}")
            for fault in error.faults
        )
    else:
        identity = programme.id
        findings = programmes.lint(programme)
    errors = sum(_level(one) == "error" for one in findings)
    if as_json:
        rows = [{"level": _level(one), **one.to_json()} for one in findings]
        click.echo(json.dumps({"programme": identity, "errors": errors, "findings": rows}))
    else:
        for one in findings:
            level = _level(one)
            colour = "red" if level == "error" else "yellow"
            click.echo(f"{click.style(level, fg=colour)}  {one.code}  {plain(str(one))}")
        click.echo(plain(f"{identity}: errors {errors}, advice {len(findings) - errors}"))
    sys.exit(1 if errors else 0)


def _level(finding: Finding) -> str:
    return "advice" if finding.code in _ADVICE else "error"
