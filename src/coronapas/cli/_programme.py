"""``coronapas programme``: whether a holder's evidence is valid, and which dose is next."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from datetime import date, datetime
from pathlib import Path
from typing import (
    TYPE_CHECKING,
    Any,
    Final,
)

import click

from coronapas.catalogue import language as known_language
from coronapas.catalogue import word
from coronapas.cli._evidence import evidence_options, history_from, unusable
from coronapas.cli._options import language_option
from coronapas.cli._output import plain, write
from coronapas.cli._programme_inputs import (
    DEFAULT,
    disease_option,
    instant,
    json_option,
    local_date,
    programme_from,
    programme_option,
    reason_lines,
    shown,
    uncertainties,
    when,
    where_options,
)
from coronapas.cli._register import book, give, invite, register

if TYPE_CHECKING:
    from collections.abc import Iterator

    from coronapas.programmes import (
        Finding,
        Mark,
        NextDose,
        Programme,
        Row,
        Timeline,
        Validity,
        ValiditySpan,
    )

# ``coronapas programme diff`` and ``lint``


_ADVICE: Final = frozenset({"uncertain", "unused", "pause", "endless"})
"""Codes of findings that are advice; every other one is an error."""


@click.command("diff", short_help="Say in words what changed between two dates.")
@click.argument("arguments", nargs=-1, metavar="[PROGRAMME] DATE DATE")
@click.option("--programme", "name", metavar="PROGRAMME", help=f"Default: {DEFAULT}.")
@disease_option
@json_option
def diff(arguments: tuple[str, ...], name: str | None, as_json: bool) -> None:
    """Say in words what changed in a programme between two dates.

    A day stands for its end, so that what begins on it counts; a time stands for itself.

    Exit codes: 0 compared, with changes or without; 2 wrong usage, or a programme that cannot be
    read.
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

    Errors are faults of format, gaps, overlaps, dates out of order, and rows without a source; the
    other findings are advice.

    Exit codes: 0 no errors; 1 errors; 2 a file that cannot be read as JSON.
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
            programmes.Finding(fault.code, fault.field, f"{fault.problem} {fault.hint}")
            for fault in error.faults
        )
    else:
        identity = programme.id
        findings = programmes.lint(programme)
    errors = sum(_level(each) == "error" for each in findings)
    if as_json:
        rows = [{"level": _level(each), **each.to_json()} for each in findings]
        click.echo(json.dumps({"programme": identity, "errors": errors, "findings": rows}))
    else:
        for finding in findings:
            level = _level(finding)
            colour = "red" if level == "error" else "yellow"
            click.echo(f"{click.style(level, fg=colour)}  {finding.code}  {plain(str(finding))}")
        click.echo(plain(f"{identity}: errors {errors}, advice {len(findings) - errors}"))
    sys.exit(1 if errors else 0)


def _level(finding: Finding) -> str:
    return "advice" if finding.code in _ADVICE else "error"


@click.command("show", short_help="Print a programme, or the words that it knows.")
@click.argument("name", metavar="PROGRAMME", default=DEFAULT)
@click.option("--groups", "only_groups", is_flag=True, help="Print the groups that it knows alone.")
@click.option("--document", is_flag=True, help="Print the document that can be loaded, as JSON.")
@json_option
def show(name: str, only_groups: bool, document: bool, as_json: bool) -> None:
    """Print the rows of a programme, with their sources: a bundled one by its name, or a file.

    With --groups the words that a history's groups, sector and places may use are printed alone.
    With --document its whole document is printed, which can be changed and loaded again.

    Exit codes: 0 shown; 2 a file that cannot be read.
    """
    programme = programme_from(name)
    if document:
        click.echo(json.dumps(programme.to_json(), indent=1, ensure_ascii=False))
        return
    words = {
        "groups": programme.groups,
        "sectors": programme.sectors,
        "places": programme.places,
        "regions": programme.regions,
        "diseases": programme.diseases,
    }
    if as_json:
        told: dict[str, object] = {"programme": programme.id, "title": programme.title}
        told |= {
            kind: {word: term.meaning for word, term in terms.items()}
            for kind, terms in words.items()
        }
        if not only_groups:
            told["rows"] = [
                {"id": row.id, "kind": kind, "source": row.source, "confidence": row.confidence}
                for kind, row in _rows_of(programme)
            ]
        click.echo(json.dumps(told))
        return
    click.echo(plain(f"{programme.id}: {programme.title}"))
    for kind, terms in words.items():
        if terms:
            click.echo(f"{kind}:")
        for name_of_term, term in terms.items():
            click.echo(plain(f"  {name_of_term:24} {term.meaning}"))
    if only_groups:
        return
    for kind, row in _rows_of(programme):
        click.echo(plain(f"{kind} {row.id} [{row.source}, {row.confidence}]"))
        for mark in row.marks():
            click.echo(plain(f"  uncertain: {mark.text}"))


def _rows_of(programme: Programme) -> Iterator[tuple[str, Row]]:
    """Yield each row with what it is; of a programme for several diseases, those of all."""
    parts = tuple(programme.parts.values()) or (programme,)
    seen = set()
    for part in parts:
        for kind, row in _rows_of_part(part):
            if (kind, row.id) not in seen:
                seen.add((kind, row.id))
                yield kind, row


def _rows_of_part(programme: Programme) -> Iterator[tuple[str, Row]]:
    for revision in programme.revisions:
        yield "revision", revision
    taken = [each for revision in programme.revisions for each in revision.rules]
    for rule in dict.fromkeys((*taken, *(needed for each in taken for needed in each.needs))):
        yield f"rule ({rule.evidence})", rule
    for revision in programme.revisions:
        yield from (("exemption", row) for row in revision.exemptions)
        yield from (("requirement", row) for row in revision.requirements)
    for offer in programme.schedule.offers:
        until = f" until {offer.until}" if offer.until else ""
        yield f"offer from {offer.starts}{until},", offer
    for limit in programme.schedule.limits:
        yield "limit", limit
    for wait in programme.schedule.waits:
        yield "wait", wait
    for groups in programme.schedule.groups:
        yield "target groups", groups


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

    Days and times without a zone are in the programme's time zone, and so is all that is shown. A
    history is JSON; the answers show its dates.

    Exit codes: 0 the answer is good; 1 the answer is not good; 2 there is no answer.
    """


@command.command("check", short_help="Say whether the evidence is valid at a moment.")
@programme_option
@evidence_options
@click.option(
    "--at",
    metavar="TIME",
    help="The moment of the check; a day stands for its first instant. Default: now.",
)
@where_options[0]
@where_options[1]
@language_option
@json_option
def check(
    name: str,
    at: str | None,
    place: str | None,
    region: str | None,
    language: str,
    as_json: bool,
    **evidence: Any,
) -> None:
    """Say whether a history's evidence is valid at a moment, until when, and why.

    The rules are those in force at the moment; later events do not count. The end of the answer
    follows from the same rules and is exclusive.

    Exit codes: 0 valid; 1 not valid or ambiguous; 2 an input that cannot be read.
    """
    from coronapas import programmes

    programme = programme_from(name)
    moment = instant(at, programme.zone, "--at")
    judged = history_from(**evidence, at=moment)
    try:
        found = programmes.check(programme, judged, moment, place=place, region=region)
    except ValueError as error:
        raise click.UsageError(plain(str(error))) from None
    if as_json:
        click.echo(json.dumps(found.to_json()))
    else:
        click.echo("\n".join(_check_lines(found, language)))
    sys.exit(0 if found.valid else 1)


def _check_lines(found: Validity, language: str) -> Iterator[str]:
    zone = found.zone
    answer = _answer(_ANSWERS[found.valid], language)
    if found.since is not None:
        answer += f"  {word('from {moment}', language, moment=shown(found.since, zone))}"
    if found.until is None:
        answer += f"  {word('without end', language)}"
    else:
        until = word("until {moment}", language, moment=shown(found.until, zone))
        answer += f"  {until} {word('(exclusive)', language)}"
    yield answer
    revision = word("no revision yet", language)
    if found.revision is not None:
        revision = word("revision {revision}", language, revision=found.revision)
    at = word("at {moment}", language, moment=shown(found.at, zone))
    yield plain(f"{found.programme}, {revision}, {at} ({zone})")
    yield from reason_lines(found.reasons, language)
    yield from uncertainties(found.marks, language)
    if found.revision_until is not None and found.revision is not None:
        later = shown(found.revision_until, zone)
        text = "Other rules are in force from {moment} on."
        yield f"  {word(text, language, moment=later)}"


def _answer(answer: str, language: str = "en", width: int = 0) -> str:
    return click.style(word(answer, language).ljust(width), fg=_COLOURS.get(answer))


@command.command("next", short_help="Say which dose is next, and when.")
@programme_option
@evidence_options
@click.option("--on", metavar="DATE", help="The local day asked about. Default: today.")
@language_option
@json_option
def next_(name: str, on: str | None, language: str, as_json: bool, **evidence: Any) -> None:
    """Say which dose is next for a holder by the schedule of a day, when, and with which products.

    The status is eligible, due, too-early, not-offered or ambiguous. Days are inclusive.

    Exit codes: 0 one answer; 1 ambiguous; 2 an input that cannot be read.
    """
    from coronapas.programmes import Status, next_dose

    programme = programme_from(name)
    day = local_date(on, programme.zone, "--on")
    found = next_dose(programme, history_from(**evidence), day)
    if as_json:
        click.echo(json.dumps(found.to_json()))
    else:
        click.echo("\n".join(_next_lines(found, language)))
    sys.exit(1 if found.status is Status.AMBIGUOUS else 0)


def _next_lines(found: NextDose, language: str) -> Iterator[str]:
    overdue = f", {word('overdue', language)}" if found.overdue else ""
    dose = word("dose {number}", language, number=found.dose)
    yield f"{dose}: {_answer(str(found.status), language)}{overdue}"
    schedule = word("schedule of {day}", language, day=found.on)
    yield plain(f"{found.programme}, {schedule}")
    rows = {
        "earliest": found.earliest,
        "recommended": found.recommended,
        "latest": found.latest,
        "products": "; ".join(_products(found)) or None,
    }
    for label, value in rows.items():
        if value:
            yield plain(f"  {word(label, language):12} {value}")
    yield from reason_lines(found.reasons, language)
    yield from uncertainties(found.marks, language)


def _products(found: NextDose) -> Iterator[str]:
    """Yield each product by its name and its code."""
    rows = zip(found.products, found.product_names, found.strengths, strict=True)
    for code, name, strength in rows:
        said = name if strength is None else f"{name} ({strength})"
        yield said if name == code else f"{said}, {code}"


@command.command("timeline", short_help="Show when a history was valid under each revision.")
@programme_option
@evidence_options
@click.option("--svg", type=click.Path(path_type=Path), help="Draw a picture (SVG) into this file.")
@click.option("--from", "start", metavar="TIME", help="Where the picture begins.")
@click.option("--until", "end", metavar="TIME", help="Where the picture ends.")
@click.option(
    "--width",
    type=click.IntRange(320, 4000),
    metavar="PIXELS",
    help="The width of the picture: 1280 by default, 390 for a phone.",
)
@click.option("--force", is_flag=True, help="Replace the picture's file if it exists.")
@click.option("--draw", is_flag=True, help="Draw it in characters, above the table.")
@where_options[0]
@where_options[1]
@language_option
@json_option
def timeline(
    name: str,
    svg: Path | None,
    start: str | None,
    end: str | None,
    width: int | None,
    force: bool,
    draw: bool,
    place: str | None,
    region: str | None,
    language: str,
    as_json: bool,
    **evidence: Any,
) -> None:
    """Show which evidence counted when, under each revision: as a table, a picture or JSON.

    Ends are exclusive. The picture shows the history's dates; only the owner can read its file,
    whose name is printed.

    Exit codes: 0 shown; 2 wrong usage, or an input that cannot be read.
    """
    from coronapas import programmes

    if svg is None and (width or force or (not draw and (start or end))):
        raise click.UsageError(
            "--from, --until, --width and --force are for a picture: add --svg, or --draw for the "
            "first two."
        )
    if draw and (svg is not None or as_json):
        raise click.UsageError("--draw is for the table: leave --svg and --json out.")
    programme = programme_from(name)
    bounds = [
        None if text is None else instant(text, programme.zone, option)
        for text, option in ((start, "--from"), (end, "--until"))
    ]
    judged = history_from(**evidence)
    try:
        found = programmes.timeline(programme, judged, place=place, region=region)
    except ValueError as error:
        raise click.UsageError(plain(str(error))) from None
    columns = max(40, shutil.get_terminal_size().columns) if sys.stdout.isatty() else None
    limits = {"start": bounds[0], "end": bounds[1]}
    picture = ""
    try:
        if svg is not None:
            picture = programmes.timeline_svg(found, **limits, width=width or 1280)
        elif draw:
            picture = programmes.timeline_text(found, **limits, columns=min(columns or 80, 400))
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    if svg is not None:
        write(svg, picture.encode(), force=force)
    if as_json:
        click.echo(json.dumps(found.to_json()))
    elif svg is not None:
        click.echo(plain(str(svg)))
    else:
        drawn = [*map(plain, picture.splitlines()), ""] if draw else []
        told = (_folded(line, columns) for line in _timeline_lines(found, language))
        click.echo("\n".join((*drawn, *told)))


def _folded(line: str, columns: int | None) -> str:
    """Break a line that is wider than the terminal between words, and indent what follows."""
    if columns is None or len(click.unstyle(line)) <= columns:
        return line
    margin = " " * (len(line) - len(line.lstrip()) + 4)
    return "\n".join(textwrap.wrap(line, columns, subsequent_indent=margin))


def _timeline_lines(found: Timeline, language: str) -> Iterator[str]:
    zone = found.programme.zone
    yield plain(f"{found.programme.title} ({zone}; {word('ends are exclusive', language)})")
    yield f"{word('validity', language)}:"
    for span in found.validity:
        remarks = "".join(f", {remark}" for remark in _remarks(span, language))
        times = _times(shown(span.start, zone), shown(span.end, zone))
        answer = _answer(_ANSWERS[span.valid], language, width=9)
        yield f"{times}  {answer} {plain(f'[{span.revision}]{remarks}')}"
    for line in found.evidence:
        never = "" if line.spans else f" {word('never counts', language)}"
        yield plain(f"{line.words}:{never}")
        for piece in line.spans:
            rules = ", ".join(piece.rules)
            rules += "" if piece.certain else f", {word('in some readings', language)}"
            times = _times(shown(piece.start, zone), shown(piece.end, zone))
            yield plain(f"{times}  {rules}  [{piece.revision}]")
    if found.suspensions:
        yield f"{word('suspended', language)}:"
        for low, high in found.suspensions:
            yield _times(shown(low, zone), shown(high, zone))
    for each in found.ambiguous:
        # The readings are named as in programmes; what they are is told by the checks.
        text = "dose {number} can be read as {readings}"
        readings = f" {word('or', language)} ".join(each.readings)
        said = word(text, language, number=each.dose, readings=readings)
        if known_language(language) == "en":
            said += f"; what would settle it: {'; '.join(each.settled_by)}"
        yield said
    yield from uncertainties(_marks(found), language)


def _times(start: str, end: str) -> str:
    return f"  {start:16}  {end:16}"


def _remarks(span: ValiditySpan, language: str) -> Iterator[str]:
    if span.suspended:
        yield word("suspended", language)
    if span.exempt:
        yield word("exempt", language)
    if span.requirement is not None and span.requirement != "in-force":
        yield word(f"requirement {span.requirement}", language)


def _marks(found: Timeline) -> tuple[Mark, ...]:
    """Return the marks of the revisions, and of the rules by which something counted."""
    used = {rule for line in found.evidence for piece in line.spans for rule in piece.rules}
    marks: list[Mark] = []
    for revision in found.programme.revisions:
        marks += revision.marks()
        if found.suspensions and revision.suspension is not None:
            marks += revision.suspension.marks()
        for rule in revision.rules:
            marks += rule.marks() if rule.id in used else ()
    return tuple(dict.fromkeys(marks))


for _command in (invite, book, give, register, diff, lint, show):
    command.add_command(_command)
