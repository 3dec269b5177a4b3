"""``coronapas programme book``, ``give``, ``register`` and ``invite``: appointments and doses."""

from __future__ import annotations

import json
import sys
from datetime import date
from pathlib import Path
from typing import (
    TYPE_CHECKING,
    Any,
    Final,
)

import click

from coronapas.catalogue import word
from coronapas.cli._evidence import evidence_options, history_from, unusable
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
    from collections.abc import Iterator

    from coronapas.programmes import (
        Arrival,
        Booking,
        CourseDates,
        Invitation,
        InvitationRecord,
        Programme,
        Registration,
        ToLookAt,
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


@click.command("invite", short_help="Say whom in a register to invite.")
@programme_option
@click.option(
    "--register",
    "source",
    required=True,
    type=click.Path(exists=True, dir_okay=False, allow_dash=True),
    help="A file with a JSON object {id, history} on each line, or a table (CSV, Parquet); "
    "- reads standard input.",
)
@click.option(
    "--form",
    type=click.Choice(["jsonl", "csv", "parquet"]),
    help="The form of the register. Default: by the file's name.",
)
@click.option("--on", metavar="DATE", help="The local day of the invitations. Default: today.")
@click.option(
    "--since", metavar="DATE", help="Leave out those who were already to be invited on this day."
)
@click.option("--jobs", type=click.IntRange(1, 256), default=1, help="How many processes work.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each invitation.")
def invite(
    name: str,
    source: str,
    form: str | None,
    on: str | None,
    since: str | None,
    jobs: int,
    as_json: bool,
) -> None:
    """Say whom in a register to invite on a day: those whose next dose is due or may be given.

    A line of the register is {"id": ..., "history": {...}}; the identifier is a string or an
    integer, and other members are carried through. People at whom somebody must look are named on
    standard error, with the reasons: a history with several readings with different answers, or
    one that cannot be read. They are not invited, and the rest is still judged.

    Exit codes: 0 every row could be read; 2 a row could not be read, or wrong usage.
    """
    from coronapas import programmes
    from coronapas.errors import HistoryError

    programme = programme_from(name)
    day = local_date(on, programme.zone, "--on")
    earlier = None if since is None else local_date(since, programme.zone, "--since")
    if earlier is not None and earlier >= day:
        raise click.UsageError("--since must be a day before --on.")
    shown = RowWriter(
        "standard input" if source == STDIN else source,
        {code: product.name for code, product in programme.products.items()},
        as_json=as_json,
    )
    total = None if source != STDIN and _is_table(source, form) else total_size((source,))
    try:
        with progress("inviting", total, results_meanwhile=True) as advance:
            run = programmes.invite_register(
                programme,
                sys.stdin.buffer if source == STDIN else source,
                day,
                since=earlier,
                form=None if form is None else programmes.RegisterForm(form),
                jobs=jobs,
                then=shown,
                advance=advance,
            )
            for invited, line in run:
                click.echo(line, err=not invited)
    except HistoryError as error:
        unusable(source, error)
    summary = (
        f"{run.rows} rows: {run.invited} to be invited, {run.ambiguous} ambiguous, "
        f"{run.unreadable} unreadable"
    )
    click.echo(summary, err=as_json)
    sys.exit(2 if run.unreadable else 0)


def _is_table(source: str, form: str | None) -> bool:
    from coronapas.programmes import RegisterForm

    return (RegisterForm.of(source) if form is None else form) != RegisterForm.LINES


class RowWriter:
    """Makes the line of an answer, in the process that found it; says whether it is an invitation.

    Args:
        source: The name of the register.
        names: The names of products by their codes.
        as_json: Whether the line is JSON.

    """

    def __init__(self, source: str, names: dict[str, str], *, as_json: bool) -> None:
        self._source = source
        self._names = names
        self._as_json = as_json

    def __call__(self, answer: Invitation[str | int] | ToLookAt[str | int]) -> tuple[bool, str]:
        """Return whether the answer is an invitation, and its line."""
        from coronapas.programmes import Invitation

        invited = isinstance(answer, Invitation)
        if self._as_json:
            return invited, answer.to_line()
        if isinstance(answer, Invitation):
            return True, self._invitation(answer)
        return False, self._to_look_at(answer)

    def _invitation(self, found: Invitation[str | int]) -> str:
        products = ", ".join(self._names.get(code, code) for code in found.products)
        latest = f", latest {found.latest}" if found.latest else ""
        head = f"{found.id}: {found.status}, dose {found.dose}"
        return plain(f"{head}, since {found.earliest}{latest}, {products}: {found.reason}")

    def _to_look_at(self, found: ToLookAt[str | int]) -> str:
        if found.ambiguous:
            texts = [reason.text for reason in found.reasons if reason.code != "reading"]
            return plain(f"{found.id}: ambiguous: {' '.join(texts)}")
        more = len(found.reasons) - 1
        text = found.reasons[0].text + (f" (and {more} more faults)" if more else "")
        whom = "" if found.id is None else f"{found.id}: "
        return plain(f"{self._source}:{found.line}: {whom}{text}")
