"""``coronapas programme``: what a holder's history is worth, and which dose is next."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from coronapas.cli.files import write
from coronapas.cli.programme_inputs import (
    history_from,
    history_option,
    instant,
    json_option,
    local_date,
    programme_from,
    programme_option,
    shown,
    uncertainties,
)
from coronapas.cli.programme_register import invite
from coronapas.cli.programme_rules import diff, lint
from coronapas.cli.showing import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from coronapas.programmes import Mark, NextDose, Reason, Timeline, Validity
    from coronapas.programmes.timelines import ValiditySpan

_ANSWERS: Final = {True: "valid", False: "not valid", None: "ambiguous"}
_COLOURS: Final = {
    "valid": "green",
    "not valid": "red",
    "ambiguous": "yellow",
    "due": "green",
    "eligible": "green",
    "too-early": "yellow",
    "not-offered": "red",
}


@click.group("programme", short_help="Judge a history by a country's dated rules.")
def command() -> None:
    """Judge a holder's history by a country's dated rules: what is valid, and what is due.

    A day or time without a zone is one of the programme's own time zone, and what is shown is in
    that zone. A history is JSON by schemas/history.schema.json; the answers show its dates.

    Exit codes: 0 all is well; 1 something was judged and is not well; 2 it could not be judged.
    """


@command.command("check", short_help="Say whether the evidence is valid at a moment.")
@programme_option
@history_option
@click.option(
    "--at",
    metavar="TIME",
    help="The moment of the check; for a day alone its first instant. Now unless given.",
)
@json_option
def check(name: str, source: str, at: str | None, as_json: bool) -> None:
    """Say whether a history's evidence is valid at a moment, until when, and why.

    The rules are those in force at the moment; later events are not known then. The end of the
    answer is excluded, and counted by the same rules.

    Exit codes: 0 valid; 1 not valid, or ambiguous; 2 an input that cannot be read.
    """
    from coronapas import programmes

    programme = programme_from(name)
    moment = instant(at, programme.zone, "--at")
    found = programmes.check(programme, history_from(source), moment)
    if as_json:
        click.echo(json.dumps(found.to_json()))
    else:
        click.echo("\n".join(_check_lines(found)))
    sys.exit(0 if found.valid else 1)


def _check_lines(found: Validity) -> Iterator[str]:
    zone = found.zone
    answer = _answer(_ANSWERS[found.valid])
    if found.since is not None:
        answer += f"  from {shown(found.since, zone)}"
    end = "without end" if found.until is None else f"until {shown(found.until, zone)}"
    yield f"{answer}  {end}{'' if found.until is None else ', the end excluded'}"
    revision = "no revision yet" if found.revision is None else f"revision {found.revision}"
    yield plain(f"{found.programme}, {revision}, at {shown(found.at, zone)} ({zone})")
    yield from _reason_lines(found.reasons)
    yield from uncertainties(found.marks)
    if found.revision_until is not None and found.revision is not None:
        yield f"  Other rules are in force from {shown(found.revision_until, zone)} on."


def _answer(word: str, width: int = 0) -> str:
    return click.style(word.ljust(width), fg=_COLOURS.get(word))


def _reason_lines(reasons: tuple[Reason, ...]) -> Iterator[str]:
    """The reasons in words, each with the row that says so where there is one."""
    for reason in reasons:
        source = ""
        if reason.row is not None and reason.source is not None:
            source = f" [{reason.row}: {reason.source}, {reason.confidence}]"
        yield plain(f"  {reason.text}{source}")


@command.command("next", short_help="Say which dose is next, and when.")
@programme_option
@history_option
@click.option("--on", metavar="DATE", help="The local day asked about; today unless given.")
@json_option
def next_(name: str, source: str, on: str | None, as_json: bool) -> None:
    """Say which dose is next for a holder by the schedule of a day, when, and with which products.

    The status is eligible, due, too-early, not-offered or ambiguous. Days are inclusive.

    Exit codes: 0 there is one answer; 1 it is ambiguous; 2 an input that cannot be read.
    """
    from coronapas.programmes import Status, next_dose

    programme = programme_from(name)
    day = local_date(on, programme.zone, "--on")
    found = next_dose(programme, history_from(source), day)
    if as_json:
        click.echo(json.dumps(found.to_json()))
    else:
        click.echo("\n".join(_next_lines(found)))
    sys.exit(1 if found.status is Status.AMBIGUOUS else 0)


def _next_lines(found: NextDose) -> Iterator[str]:
    overdue = ", overdue" if found.overdue else ""
    yield f"dose {found.dose}: {_answer(str(found.status))}{overdue}"
    yield plain(f"{found.programme}, schedule of {found.on}")
    days = {
        "earliest": found.earliest,
        "recommended": found.recommended,
        "latest": found.latest,
        "products": ", ".join(found.product_names) or None,
    }
    yield from (plain(f"  {label:12} {value}") for label, value in days.items() if value)
    yield from _reason_lines(found.reasons)
    yield from uncertainties(found.marks)


@command.command("timeline", short_help="Show a history under all revisions.")
@programme_option
@history_option
@click.option("--svg", type=click.Path(path_type=Path), help="Draw a picture into this file.")
@click.option("--from", "start", metavar="TIME", help="Where the picture begins.")
@click.option("--until", "end", metavar="TIME", help="Where the picture ends.")
@click.option("--force", is_flag=True, help="Replace the picture's file if it exists.")
@json_option
def timeline(
    name: str,
    source: str,
    svg: Path | None,
    start: str | None,
    end: str | None,
    force: bool,
    as_json: bool,
) -> None:
    """Show when which evidence of a history held under all revisions: as a table, picture or JSON.

    Ends are excluded. The picture shows the history's dates, and its file can be read by its owner
    alone; its name is printed.

    Exit codes: 0 it is shown; 2 wrong usage, or an input that cannot be read.
    """
    from coronapas import programmes

    if svg is None and (start or end or force):
        raise click.UsageError("--from, --until and --force are for a picture: add --svg.")
    programme = programme_from(name)
    bounds = [
        None if text is None else instant(text, programme.zone, option)
        for text, option in ((start, "--from"), (end, "--until"))
    ]
    found = programmes.timeline(programme, history_from(source))
    if svg is not None:
        try:
            picture = programmes.timeline_svg(found, start=bounds[0], end=bounds[1])
        except ValueError as error:
            raise click.UsageError(str(error)) from None
        write(svg, picture.encode(), force=force)
    if as_json:
        click.echo(json.dumps(found.to_json()))
    elif svg is not None:
        click.echo(plain(str(svg)))
    else:
        click.echo("\n".join(_timeline_lines(found)))


def _timeline_lines(found: Timeline) -> Iterator[str]:
    zone = found.programme.zone
    yield plain(f"{found.programme.title} ({zone}; ends are excluded)")
    yield "validity:"
    for span in found.validity:
        remarks = "".join(f", {remark}" for remark in _remarks(span))
        times = _times(shown(span.start, zone), shown(span.end, zone))
        yield f"{times}  {_answer(_ANSWERS[span.valid], 9)}  {plain(f'[{span.revision}]{remarks}')}"
    for line in found.evidence:
        yield plain(f"{line.words}:{'' if line.spans else ' never counts'}")
        for piece in line.spans:
            rules = ", ".join(piece.rules) + ("" if piece.certain else ", in some readings")
            times = _times(shown(piece.start, zone), shown(piece.end, zone))
            yield plain(f"{times}  {rules}  [{piece.revision}]")
    if found.suspensions:
        yield "suspended:"
        for low, high in found.suspensions:
            yield _times(shown(low, zone), shown(high, zone))
    for one in found.ambiguous:
        readings, settled = " or ".join(one.readings), "; ".join(one.settled_by)
        yield f"dose {one.dose} can be read as {readings}; it would be settled by: {settled}"
    yield from uncertainties(_marks(found))


def _times(start: str, end: str) -> str:
    return f"  {start:16}  {end:16}"


def _remarks(span: ValiditySpan) -> Iterator[str]:
    if span.suspended:
        yield "suspended"
    if span.exempt:
        yield "exempt by age"
    if span.requirement is not None and span.requirement != "in-force":
        yield f"requirement {span.requirement}"


def _marks(found: Timeline) -> tuple[Mark, ...]:
    """What is uncertain about the revisions, and about the rules that let something count."""
    used = {rule for line in found.evidence for piece in line.spans for rule in piece.rules}
    marks: list[Mark] = []
    for revision in found.programme.revisions:
        marks += revision.marks()
        if found.suspensions and revision.suspension is not None:
            marks += revision.suspension.marks()
        for rule in revision.rules:
            marks += rule.marks() if rule.id in used else ()
    return tuple(dict.fromkeys(marks))


for _command in (invite, diff, lint):
    command.add_command(_command)
