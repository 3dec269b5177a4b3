"""What the commands of ``coronapas programme`` read: the programme, a history, a day or a time."""

from __future__ import annotations

import sys
from datetime import date, datetime
from typing import TYPE_CHECKING, NoReturn

import click

from coronapas.cli.passes import STDIN
from coronapas.cli.showing import plain

if TYPE_CHECKING:
    from collections.abc import Callable
    from zoneinfo import ZoneInfo

    from coronapas.errors import FaultsError
    from coronapas.programmes import History, Mark, Programme

DEFAULT = "denmark"

programme_option = click.option(
    "--programme",
    "name",
    metavar="PROGRAMME",
    default=DEFAULT,
    show_default=True,
    help="A bundled programme by its name, or a file.",
)
history_option = click.option(
    "--history",
    "source",
    required=True,
    type=click.Path(exists=True, dir_okay=False, allow_dash=True),
    help="A JSON file by schemas/history.schema.json; - is standard input.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object.")


def programme_from(name: str) -> Programme:
    """The programme of that name or file; one with faults ends the command with 2."""
    from coronapas.errors import ProgrammeError
    from coronapas.programmes import load

    try:
        return load(name)
    except ProgrammeError as error:
        unusable(name, error)


def history_from(source: str) -> History:
    """The history in a file or standard input; one with faults ends the command with 2."""
    from coronapas.errors import HistoryError
    from coronapas.programmes import History
    from coronapas.programmes.history_json import LARGEST

    if source == STDIN:
        content = sys.stdin.buffer.read(LARGEST + 1)
    else:
        with open(source, "rb") as stream:
            content = stream.read(LARGEST + 1)
    try:
        return History.from_json(content if len(content) <= LARGEST else b"")
    except HistoryError as error:
        unusable("standard input" if source == STDIN else source, error)


def unusable(place: str, error: FaultsError) -> NoReturn:
    """End with 2 and a line for each fault: 1 would say that something had been judged."""
    for fault in error.faults:
        where = f"{fault.field}: " if fault.field else ""
        click.echo(plain(f"Error: {place}: {where}{fault.problem} {fault.mend}"), err=True)
    sys.exit(2)


def when(text: str, zone: ZoneInfo, option: str) -> date | datetime:
    """A local day, or an instant; a time without a zone is one of the programme's own zone.

    Of a local time that occurs twice, as clocks are put back, the first is meant.
    """
    from coronapas.programmes.json_rows import YEARS

    found = _read(date.fromisoformat, text) or _read(datetime.fromisoformat, text)
    if found is None or found.year not in YEARS:
        problem = "Write YYYY-MM-DD, or YYYY-MM-DDThh:mm with or without Z or an offset"
        years = f"the year from {YEARS.start} to {YEARS.stop - 1}"
        raise click.BadParameter(f"{problem}, {years}.", param_hint=option)
    if isinstance(found, datetime) and found.utcoffset() is None:
        return found.replace(tzinfo=zone)
    return found


def _read(reader: Callable[[str], date], text: str) -> date | None:
    try:
        return reader(text)
    except ValueError:
        return None


def instant(text: str | None, zone: ZoneInfo, option: str) -> datetime:
    """An instant: now without a text, and the first instant of the local day for a day alone."""
    from coronapas.programmes.clock import midnight

    if text is None:
        return datetime.now(zone)
    found = when(text, zone, option)
    return found if isinstance(found, datetime) else midnight(found, zone)


def local_date(text: str | None, zone: ZoneInfo, option: str) -> date:
    """A local day: today without a text, and the day on which an instant lies."""
    from coronapas.programmes.clock import local_day

    found = datetime.now(zone) if text is None else when(text, zone, option)
    return local_day(found, zone) if isinstance(found, datetime) else found


def shown(moment: datetime | None, zone: ZoneInfo) -> str:
    """An instant in local time, to the minute, to the second where it needs that; ever without."""
    from coronapas.programmes.clock import FOREVER

    if moment is None or moment == FOREVER:
        return "without end"
    local = moment.astimezone(zone)
    whole = not (local.second or local.microsecond)
    return f"{local:%Y-%m-%d %H:%M}" if whole else f"{local:%Y-%m-%d %H:%M:%S}"


def uncertainties(marks: tuple[Mark, ...]) -> list[str]:
    """A line for each mark of an answer."""
    return [plain(f"  uncertain: {mark.row}: {mark.text}") for mark in marks]
