"""``coronapas programme book``, ``give``, ``register`` and ``invite``: appointments and doses."""

from __future__ import annotations

import json
import sys
from datetime import date
from pathlib import Path
from typing import (
    IO,
    TYPE_CHECKING,
    Any,
    Final,
)

import click

from coronapas.catalogue import word
from coronapas.cli._evidence import evidence_options, history_from
from coronapas.cli._options import language_option
from coronapas.cli._output import plain, progress, write
from coronapas.cli._passes import STDIN, total_size
from coronapas.cli._programme_inputs import (
    json_option,
    local_date,
    programme_from,
    programme_option,
    reason_lines,
    uncertainties,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from coronapas.facts import History
    from coronapas.programmes import (
        Arrival,
        Booking,
        CourseDates,
        Invitation,
        InvitationRecord,
        Programme,
        Reason,
        Registration,
    )

# What the commands read.

_STATES: Final = ("invited", "booked", "declined", "done")

group_option = click.option(
    "--group",
    "groups",
    metavar="GROUP",
    multiple=True,
    help="A target group of the person, in place of the history's; may be repeated.",
)
state_option = click.option(
    "--state",
    type=click.Choice(_STATES),
    help="What your records say of the invitation.",
)
for_dose_option = click.option(
    "--for-dose",
    metavar="NUMBER",
    type=click.IntRange(1, 99),
    help="The number of the dose that the invitation is for. Default: the next one.",
)
on_option = click.option("--on", metavar="DATE", help="The local day. Default: today.")


def _record(
    state: str | None,
    dose: int | None,
    day: date | None = None,
    product: str | None = None,
) -> InvitationRecord | None:
    """Return the record of an invitation, or None where no state is given."""
    from coronapas.programmes import InvitationRecord, InvitationState

    if state is None:
        if dose is not None or day is not None or product is not None:
            raise click.UsageError("Say the --state of the invitation too.")
        return None
    return InvitationRecord(InvitationState(state), dose, day, product)


# ``coronapas programme book`` and ``give``


@click.command("book", short_help="Say whether a person may book a dose, and for when.")
@programme_option
@evidence_options
@group_option
@on_option
@click.option("--first", metavar="DATE", help="The day of the first appointment, if it is later.")
@state_option
@for_dose_option
@language_option
@json_option
def book(
    name: str,
    groups: tuple[str, ...],
    on: str | None,
    first: str | None,
    state: str | None,
    for_dose: int | None,
    language: str,
    as_json: bool,
    **evidence: Any,
) -> None:
    """Say whether a person may book the next dose, by invitation or without.

    The answer is invited, own-initiative, referral, not-yet, no or unclear. For each product there
    are both dates of a course.

    Exit codes: 0 may book; 1 may not, not yet, or unclear; 2 an input that cannot be read.
    """
    from coronapas.programmes import may_book

    programme = programme_from(name)
    found = may_book(
        programme,
        history_from(**evidence),
        groups or None,
        local_date(on, programme.zone, "--on"),
        invitation=_record(state, for_dose),
        first=None if first is None else local_date(first, programme.zone, "--first"),
    )
    if as_json:
        click.echo(json.dumps(found.to_json()))
    else:
        click.echo("\n".join(_booking_lines(found, language)))
    sys.exit(0 if found.allowed else 1)


def _booking_lines(found: Booking, language: str) -> Iterator[str]:
    dose = word("dose {number}", language, number=found.dose)
    colour = "green" if found.allowed else "red"
    yield f"{dose}: {click.style(word(str(found.answer), language), fg=colour)}"
    schedule = word("schedule of {day}", language, day=found.on)
    yield plain(f"{found.programme}, {schedule}")
    for course in found.courses:
        yield plain(f"  {_course_line(course, language)}")
    yield from reason_lines(found.reasons, language)
    yield from uncertainties(found.marks, language)


def _course_line(course: CourseDates, language: str) -> str:
    line = f"{course.product_name}: {course.dose_number}/{course.doses} {course.day}"
    if course.second is not None:
        second = course.second
        latest = f" – {second.latest}" if second.latest else ""
        line += f", {word('then', language)} {second.earliest}{latest}"
    return line


@click.command("give", short_help="Say whether a person who has come may be given a dose.")
@programme_option
@evidence_options
@group_option
@on_option
@click.option("--product", required=True, metavar="NAME", help="The vaccine, by name or code.")
@state_option
@for_dose_option
@click.option("--appointment", metavar="DATE", help="The day of the appointment.")
@click.option("--booked-product", metavar="NAME", help="The vaccine of the appointment.")
@language_option
@json_option
def give(
    name: str,
    groups: tuple[str, ...],
    on: str | None,
    product: str,
    state: str | None,
    for_dose: int | None,
    appointment: str | None,
    booked_product: str | None,
    language: str,
    as_json: bool,
    **evidence: Any,
) -> None:
    """Check on arrival: invited, booked, the right vaccine, the interval, the age.

    Without --state whether the person has booked is not checked.

    Exit codes: 0 the dose may be given; 1 it may not, or unclear; 2 an input that cannot be read.
    """
    from coronapas.programmes import may_give

    programme = programme_from(name)
    booked = None
    if appointment is not None:
        booked = local_date(appointment, programme.zone, "--appointment")
    found = may_give(
        programme,
        history_from(**evidence),
        groups or None,
        local_date(on, programme.zone, "--on"),
        product,
        invitation=_record(state, for_dose, booked, booked_product),
    )
    if as_json:
        click.echo(json.dumps(found.to_json()))
    else:
        click.echo("\n".join(_arrival_lines(found, programme, language)))
    sys.exit(0 if found.answer else 1)


_OUTCOMES: Final = {True: ("yes", "green"), False: ("no", "red"), None: ("unclear", "yellow")}


def _outcome(passed: bool | None, language: str) -> str:
    text, colour = _OUTCOMES[passed]
    return click.style(word(text, language), fg=colour)


def _arrival_lines(found: Arrival, programme: Programme, language: str) -> Iterator[str]:
    numbers = f"{found.dose_number}/{found.doses}"
    product = plain(programme.product_name(found.product))
    yield f"{product} {numbers}: {_outcome(found.answer, language)}"
    schedule = word("schedule of {day}", language, day=found.on)
    yield plain(f"{found.programme}, {schedule}")
    for check in found.checks:
        yield f"  {word(check.name, language):12} {_outcome(check.passed, language)}"
        yield from (f"  {line}" for line in reason_lines(check.reasons, language))
    yield from uncertainties(found.marks, language)


# ``coronapas programme register``


@click.command("register", short_help="Register a dose that was given.")
@programme_option
@evidence_options
@group_option
@click.option("--product", required=True, metavar="NAME", help="The vaccine, by name or code.")
@click.option("--on", metavar="DATE", help="The local day of the dose. Default: today.")
@click.option("--place", metavar="TEXT", help="Where it was given.")
@click.option("--batch", metavar="TEXT", help="The batch of the vaccine.")
@click.option("--country", metavar="CC", help="The country. Default: the issuer's.")
@click.option("--numbers", metavar="N/N", help="Dose number and doses, where you know better.")
@click.option(
    "--holder",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file with the facts of any event of the holder; with --json the facts for the pass "
    "are given too.",
)
@click.option("--out", type=click.Path(path_type=Path), help="Write the new history to this file.")
@click.option("--force", is_flag=True, help="Replace the file if it exists.")
@language_option
@json_option
def register(
    name: str,
    groups: tuple[str, ...],
    product: str,
    on: str | None,
    place: str | None,
    batch: str | None,
    country: str | None,
    numbers: str | None,
    holder: Path | None,
    out: Path | None,
    force: bool,
    language: str,
    as_json: bool,
    **evidence: Any,
) -> None:
    """Register a dose: number it from the history, and say what is odd about it.

    A dose that was given is registered whatever the warnings say. The facts and the new history
    have the forms that 'coronapas issue' and the other commands read.

    Exit codes: 0 registered; 1 registered, with warnings; 2 an input that cannot be read.
    """
    from coronapas.programmes import register_dose

    programme = programme_from(name)
    found = register_dose(
        programme,
        history_from(**evidence),
        product,
        local_date(on, programme.zone, "--on"),
        place=place,
        batch=batch,
        country=country,
        groups=groups or None,
        numbers=None if numbers is None else _numbers(numbers),
    )
    document = found.to_json()
    if holder is not None:
        document["facts"] = _facts(found, holder)
    if out is not None:
        write(out, (json.dumps(document["history"], indent=1) + "\n").encode(), force=force)
    if as_json:
        click.echo(json.dumps(document))
    else:
        click.echo("\n".join(_registration_lines(found, programme, language)))
    sys.exit(1 if found.warnings else 0)


def _numbers(text: str) -> tuple[int, int]:
    number, _, doses = text.partition("/")
    if not (number.isdecimal() and doses.isdecimal() and 0 < int(number) < 100 > int(doses) > 0):
        problem = "Write the dose number and the doses of the series, as in 2/2, from 1 to 99."
        raise click.BadParameter(problem, param_hint="--numbers")
    return int(number), int(doses)


def _facts(found: Registration, source: Path) -> dict[str, Any]:
    """Return the facts for the pass, of the holder whom a file of facts names."""
    from coronapas.cli._evidence import unusable
    from coronapas.errors import FactsError
    from coronapas.facts import facts_from_json, parse_facts

    try:
        holder, _ = facts_from_json(parse_facts(source.read_bytes()))
    except FactsError as error:
        unusable(str(source), error)
    return found.facts(holder)


def _registration_lines(found: Registration, programme: Programme, language: str) -> Iterator[str]:
    dose = found.vaccination
    product = programme.product_name(dose.product)
    yield plain(f"{product} {dose.dose_number}/{dose.doses} {dose.date}")
    yield from reason_lines(found.warnings, language)


# ``coronapas programme invite``
#
# The register is read as a stream: it takes no more memory than its longest line, whatever its
# size, and a line that is longer than any history is not kept.

_Row = tuple[str | int, "History"]

_BEYOND: Final = 1000
"""Bytes of a line beyond its history: the identifier and what JSON needs."""


@click.command("invite", short_help="Say whom in a register to invite.")
@programme_option
@click.option(
    "--register",
    required=True,
    type=click.Path(exists=True, dir_okay=False, allow_dash=True),
    help="A file with a JSON object {id, history} on each line; - reads standard input.",
)
@click.option("--on", metavar="DATE", help="The local day of the invitations. Default: today.")
@click.option(
    "--since", metavar="DATE", help="Leave out those who were already to be invited on this day."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each invitation.")
def invite(name: str, register: str, on: str | None, since: str | None, as_json: bool) -> None:
    """Say whom in a register to invite on a day: those whose next dose is due or may be given.

    A line of the register is {"id": ..., "history": {...}}; the identifier is a string or an
    integer. A line that cannot be read is named on standard error, and the rest is still judged.
    Holders whose history has several readings with different answers are not invited; they are
    named there too, with the reasons.

    Exit codes: 0 every line was judged; 2 a line could not be read, or wrong usage.
    """
    from coronapas import programmes

    programme = programme_from(name)
    day = local_date(on, programme.zone, "--on")
    earlier = None if since is None else local_date(since, programme.zone, "--since")
    if earlier is not None and earlier >= day:
        raise click.UsageError("--since must be a day before --on.")
    with progress("inviting", total_size((register,)), results_meanwhile=True) as advance:
        reading = _Reading(register, advance, as_json=as_json)
        invited = 0
        for each in programmes.invitations(
            programme, reading.rows(), day, since=earlier, on_ambiguous=reading.name_ambiguous
        ):
            invited += 1
            click.echo(json.dumps(each.to_json()) if as_json else _line(each, programme))
    summary = (
        f"{reading.count} rows: {invited} to be invited, {reading.ambiguous} ambiguous, "
        f"{reading.unreadable} unreadable"
    )
    click.echo(summary, err=as_json)
    sys.exit(2 if reading.unreadable else 0)


def _line(invitation: Invitation[str | int], programme: Programme) -> str:
    products = ", ".join(map(programme.product_name, invitation.products))
    latest = f", latest {invitation.latest}" if invitation.latest else ""
    head = f"{invitation.id}: {invitation.status}, dose {invitation.dose}"
    since = f"since {invitation.earliest}{latest}"
    return plain(f"{head}, {since}, {products}: {invitation.reason}")


class _Reading:
    """A register that is read once, with the numbers of its rows of each kind."""

    def __init__(self, source: str, advance: Callable[[int], None], *, as_json: bool) -> None:
        self._as_json = as_json
        self.count = 0
        self.ambiguous = 0
        self.unreadable = 0
        self._source = source
        self._advance = advance

    def name_ambiguous(self, identifier: object, reasons: tuple[Reason, ...]) -> None:
        """Count and name a row whose readings have different answers, with the reasons."""
        self.ambiguous += 1
        texts = [one.text for one in reasons if one.code != "reading"]
        if self._as_json:
            line = {"id": identifier, "status": "ambiguous", "reasons": texts}
            click.echo(json.dumps(line), err=True)
        else:
            click.echo(plain(f"{identifier}: ambiguous: {' '.join(texts)}"), err=True)

    def rows(self) -> Iterator[_Row]:
        """Yield every row that can be read; blank lines do not count."""
        if self._source == STDIN:
            yield from self._of_stream(sys.stdin.buffer, "standard input")
            return
        with Path(self._source).open("rb") as stream:
            yield from self._of_stream(stream, self._source)

    def _of_stream(self, stream: IO[bytes], name: str) -> Iterator[_Row]:
        from coronapas.facts import LARGEST

        number = 0
        while line := stream.readline(LARGEST + _BEYOND):
            number += 1
            taken, whole = len(line), True
            end = line
            while len(end) == LARGEST + _BEYOND and not end.endswith(b"\n"):
                whole = False
                end = stream.readline(LARGEST + _BEYOND)
                taken += len(end)
            self._advance(taken)
            if not line.strip():
                continue
            self.count += 1
            row = _row(line) if whole else "The line is too long."
            if isinstance(row, str):
                self.unreadable += 1
                click.echo(plain(f"{name}:{number}: {row}"), err=True)
            else:
                yield row


def _row(line: bytes) -> _Row | str:
    """Return the row of a line, or why it cannot be read, without any of its values."""
    from coronapas.errors import HistoryError
    from coronapas.facts import History

    try:
        document: Any = json.loads(line)
    except (ValueError, RecursionError):
        return "The line must be JSON in UTF-8."
    if not isinstance(document, dict) or document.keys() != {"id", "history"}:
        return "The line must be an object with id and history alone."
    if not isinstance(document["history"], dict):
        return "history must be an object."
    key = document["id"]
    if isinstance(key, bool) or not isinstance(key, str | int):
        return "id must be a string or an integer."
    try:
        return key, History.from_json(document["history"])
    except HistoryError as error:
        more = len(error.faults) - 1
        return f"history.{error.faults[0]}" + (f" (and {more} more faults)" if more else "")
