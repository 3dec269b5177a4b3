"""``coronapas rules``: check business rules before they are uploaded, and show them as text."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from coronapas.cli._options import day_or_moment, rules_from, value_sets_from, value_sets_option
from coronapas.cli._output import plain

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from coronapas.rules import LintReport, Rule

_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group("rules", short_help="Lint business rules, and show them as text.")
def command() -> None:
    """Check business rules before they are uploaded, and show them as text.

    Exit codes: 0 no errors; 1 a rule has errors; 2 wrong usage, or no rule.
    """


@command.command("lint", short_help="Find mistakes in rules.")
@click.argument(
    "paths",
    nargs=-1,
    required=True,
    metavar="PATH...",
    type=click.Path(exists=True, path_type=Path),
)
@click.option(
    "--at",
    callback=day_or_moment,
    metavar="MOMENT",
    help="The moment of the upload. Without it, how far ahead a rule begins is not checked.",
)
@click.option(
    "--previous",
    multiple=True,
    type=click.Path(exists=True),
    help="Rules that the gateway already has: a file or folder.",
)
@value_sets_option
@click.option(
    "--all",
    "every",
    is_flag=True,
    help="Show everything the gateway would refuse, not only the first, and faultless rules.",
)
@_json_option
def lint(
    paths: tuple[Path, ...],
    at: datetime | None,
    previous: tuple[str, ...],
    value_sets: tuple[Path, ...],
    every: bool,
    as_json: bool,
) -> None:
    """Check rules: files with one or several, or folders with their tests.

    For each rule, what the gateway would refuse it for comes first, then what the gateway does not
    check: among it names that no pass has, and logic that can never decide. A rule's tests are
    those in the folder tests beside its rule.json. Warnings do not change the exit code.

    --json prints a list of findings, each with rule, place, level (error or warning), code, field,
    problem, hint and gateway (whether the gateway refuses the rule for it).

    Exit codes: 0 no errors; 1 some errors; 2 wrong usage, or no rule.
    """
    from coronapas.rules import lint_path

    known = tuple(rules_from(previous)) if previous else ()
    sets = value_sets_from(value_sets)
    reports = [
        (path, report)
        for path in paths
        for report in lint_path(path, previous=known, uploaded_at=at, value_sets=sets)
    ]
    if not reports:
        raise click.UsageError("There is no rule in these paths.")
    errors = sum(
        finding.severity == "error" for _, report in reports for finding in report.findings
    )
    warnings = sum(len(report.findings) for _, report in reports) - errors
    if as_json:
        click.echo(json.dumps([row for path, report in reports for row in _rows(path, report)]))
    else:
        for path, report in reports:
            for line in _lint_lines(_place(path, report), report, every):
                click.echo(line)
        click.echo(f"{_count(len(reports), 'rule')}: errors {errors}, warnings {warnings}")
    sys.exit(1 if errors else 0)


def _place(path: Path, report: LintReport) -> str:
    return plain(str((path if path.is_dir() else path.parent) / report.place))


def _rows(path: Path, report: LintReport) -> Iterator[dict[str, Any]]:
    """Yield the findings of a rule as JSON; a rule without an identifier is named by its place."""
    place = _place(path, report)
    rule = place if report.identifier is None else report.identifier
    for finding in report.findings:
        yield {"rule": rule, "place": place, **finding.to_json()}


def _lint_lines(place: str, report: LintReport, every: bool) -> Iterator[str]:
    """Yield the findings of a rule below its name; a faultless rule only with `every`."""
    if not report.findings and not every:
        return
    named = "" if report.identifier is None else f"  {plain(report.identifier)}"
    yield f"{place}{named}{'' if report.findings else ': ok'}"
    refused = [finding for finding in report.findings if finding.gateway]
    for finding in report.findings:
        if finding.gateway and finding is not report.refusal and not every:
            continue
        colour = "red" if finding.severity == "error" else "yellow"
        gateway = "the gateway refuses it: " if finding.gateway else ""
        level = click.style(f"{finding.severity:7}", fg=colour)
        yield f"  {level}  {finding.code}  {gateway}{plain(str(finding.fault).removeprefix(': '))}"
        if finding.gateway and not every and len(refused) > 1:
            yield f"           and {len(refused) - 1} more that the gateway refuses (--all)"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


@command.command("show", short_help="Show rules as text.")
@click.argument("names", nargs=-1, required=True, metavar="RULE...", type=click.Path())
@click.option(
    "--language",
    default="en",
    show_default=True,
    metavar="LANG",
    help="The language of the descriptions; English where a rule does not have it.",
)
@_json_option
def show(names: tuple[str, ...], language: str, as_json: bool) -> None:
    """Show rules: the description of each, when it is in force, and its logic as text.

    RULE is a file or a folder of rules, or eu-travel for the project's own set.

    Exit codes: 0 all are shown; 1 some could not be read; 2 wrong usage, or no rule.
    """
    found = rules_from(names)
    if as_json:
        click.echo(json.dumps([_shown(rule, language) for rule in found]))
    else:
        for number, rule in enumerate(found):
            click.echo("\n".join([*([""] if number else []), *_show_lines(rule, language)]))
    sys.exit(1 if found.unread else 0)


def _shown(rule: Rule, language: str) -> dict[str, Any]:
    from coronapas import certlogic

    return {
        "identifier": rule.identifier,
        "version": str(rule.version),
        "type": str(rule.type),
        "country": rule.country,
        "region": rule.region,
        "certificate_type": str(rule.certificate_type),
        "valid_from": rule.valid_from.isoformat(),
        "valid_to": rule.valid_to.isoformat(),
        "description": rule.description(language),
        "text": None if rule.expression is None else certlogic.to_text(rule.expression),
    }


def _show_lines(rule: Rule, language: str) -> Iterator[str]:
    shown = _shown(rule, language)
    place = shown["country"] if rule.region is None else f"{shown['country']} ({rule.region})"
    kind = f"{shown['type']} rule of {place} for {shown['certificate_type']}"
    yield plain(f"{rule.identifier} {rule.version}: {kind}")
    yield plain(f"  {shown['description']}")
    start, end = shown["valid_from"], shown["valid_to"]
    yield f"  in force from {start} (included) until {end} (not included)"
    text = shown["text"] or "The logic is for an engine that is not supported."
    yield from (plain(f"    {line}") for line in text.splitlines())
