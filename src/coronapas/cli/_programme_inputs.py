"""What the commands of ``coronapas programme`` read and show: a programme, days and times."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Final

import click

from coronapas.catalogue import word
from coronapas.cli._evidence import unusable
from coronapas.cli._output import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from zoneinfo import ZoneInfo

    from coronapas.programmes import Mark, Programme, Reason

DEFAULT: Final = "denmark"
"""The programme that the commands use by default."""

_DISEASE: Final = "coronapas.disease"


def _keep_disease(context: click.Context, _option: click.Parameter, value: str | None) -> None:
    context.meta[_DISEASE] = value


disease_option = click.option(
    "--disease",
    metavar="DISEASE",
    expose_value=False,
    callback=_keep_disease,
    help="One of the diseases of a programme for several, by name or code. Default: its first.",
)


def programme_option(function: Callable[..., None]) -> Callable[..., None]:
    """Add the options that name the programme; `programme_from` takes what they give."""
    function = disease_option(function)
    return click.option(
        "--programme",
        "name",
        metavar="PROGRAMME",
        default=DEFAULT,
        show_default=True,
        help="The name of a bundled programme, or a file.",
    )(function)


where_options = (
    click.option("--place", help="The kind of place where the pass is asked for."),
    click.option("--region", help="The region where the pass is asked for."),
)


json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


def programme_from(name: str) -> Programme:
    """Load a programme by its name or file; exit with 2 if it has faults."""
    from coronapas.errors import ProgrammeError
    from coronapas.programmes import load

    try:
        programme = load(name)
    except ProgrammeError as error:
        unusable(name, error)
    disease = click.get_current_context().meta.get(_DISEASE)
    if disease is None:
        return programme
    try:
        return programme.for_disease(disease)
    except ValueError as error:
        raise click.UsageError(plain(str(error))) from None


def when(text: str, zone: ZoneInfo, option: str) -> date | datetime:
    """Parse a local day or an instant; a time without a zone is local to the programme.

    Where a local time occurs twice, as clocks are put back, the first is meant.
    """
    from coronapas.programmes import YEARS

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
    """Parse an instant: a day stands for its first instant, and None for now."""
    from coronapas.programmes import midnight

    if text is None:
        return datetime.now(zone)
    found = when(text, zone, option)
    return found if isinstance(found, datetime) else midnight(found, zone)


def local_date(text: str | None, zone: ZoneInfo, option: str) -> date:
    """Parse a local day: an instant stands for its day, and None for today."""
    from coronapas.programmes import local_day

    found = datetime.now(zone) if text is None else when(text, zone, option)
    return local_day(found, zone) if isinstance(found, datetime) else found


def shown(moment: datetime | None, zone: ZoneInfo) -> str:
    """Format an instant in local time, to the minute, or to the second where it has seconds."""
    from coronapas.programmes import FOREVER

    if moment is None or moment == FOREVER:
        return "without end"
    local = moment.astimezone(zone)
    whole = not (local.second or local.microsecond)
    text = f"{local:%Y-%m-%d %H:%M}" if whole else f"{local:%Y-%m-%d %H:%M:%S}"
    # As clocks are put back an hour occurs twice: only the offset tells which is meant.
    twice = local.utcoffset() != local.replace(fold=1 - local.fold).utcoffset()
    return f"{text}{local:%z}" if twice else text


def uncertainties(marks: tuple[Mark, ...], language: str = "en") -> list[str]:
    """Return a line for each mark of an answer."""
    label = word("uncertain", language)
    return [plain(f"  {label}: {mark.row}: {mark.text}") for mark in marks]


def reason_lines(reasons: tuple[Reason, ...], language: str) -> Iterator[str]:
    """Yield the reasons in words, each with the row of the programme that it comes from."""
    for reason in reasons:
        source = ""
        if reason.row is not None and reason.source is not None:
            source = f" [{reason.row}: {reason.source}, {reason.confidence}]"
        yield plain(f"  {reason.sentence_in(language)}{source}")
