"""Options that several commands share: values and their forms, passwords, value sets, rules."""

from __future__ import annotations

import json
import os
import re
from datetime import UTC, date, datetime, timedelta, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from coronapas.cli._output import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from coronapas.dcc import ValueSets
    from coronapas.rules import RuleSet

_EXISTING: Final = click.Path(exists=True, dir_okay=False, path_type=Path)

# Callbacks of click, each for one form of value.


def accepted(ctx: click.Context, param: click.Parameter, value: str) -> tuple[str, ...]:
    """The payloads to accept, by their names with commas between."""
    from coronapas.verify import PROFILES

    known = {name for row in PROFILES for name in (row.name, row.family)}
    names = tuple(name.strip().lower() for name in value.split(","))
    for name in names:
        if name not in known:
            raise click.BadParameter(
                f"there is no such payload: {name}. Known are {', '.join(sorted(known))}.",
                ctx,
                param,
            )
    return names


accept_option = click.option(
    "--accept",
    default="eu",
    show_default=True,
    callback=accepted,
    metavar="NAMES",
    help="The payloads to accept, with commas between: eu, dk (or dk1, dk2, dk3 alone), icvp "
    "(WHO's certificates of vaccination), link (health links).",
)


def _of_catalogue(ctx: click.Context, param: click.Parameter, value: str) -> str:
    from coronapas import catalogue

    try:
        return catalogue.language(value)
    except ValueError as error:
        raise click.BadParameter(f"{error}.", ctx, param) from None


language_option = click.option(
    "--language",
    default="en",
    show_default=True,
    metavar="LANG",
    callback=_of_catalogue,
    help="The language of sentences and labels: en, da or de.",
)
message_language_option = click.option(
    "--message-language",
    default="en",
    show_default=True,
    metavar="LANG",
    callback=_of_catalogue,
    help="The language of what is said of faults: en, da or de.",
)

_DAY: Final = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DAYS: Final = re.compile("([0-9]{1,5})d")
_SPAN: Final = re.compile("([0-9]{1,5})[ ]*((?:d|day|w|week|m|month|y|year)?s?)", re.IGNORECASE)
_IN_DAYS: Final = {"d": 1, "day": 1, "w": 7, "week": 7, "m": 30, "month": 30, "y": 365, "year": 365}
_DURATION: Final = re.compile("([0-9]{1,7})([smh]?)")
_SECONDS: Final = {"": 1, "s": 1, "m": 60, "h": 3600}
_SOURCE: Final = re.compile("prompt|env:[A-Za-z_][A-Za-z0-9_]*")


def moment(ctx: click.Context, param: click.Parameter, value: str | None) -> datetime | None:
    """Read a moment in ISO 8601 with its time zone."""
    if value is None:
        return None
    try:
        found = datetime.fromisoformat(value)
        found.astimezone(UTC)
    except (ValueError, OverflowError):
        problem = "Write YYYY-MM-DDThh:mm:ss and Z or an offset."
        raise click.BadParameter(problem, ctx, param) from None
    if found.tzinfo is None:
        problem = "The time zone is missing: add Z or an offset such as +02:00."
        raise click.BadParameter(problem, ctx, param)
    return found


def _zone(ctx: click.Context, param: click.Parameter, value: str) -> tzinfo:
    if value.upper() == "UTC":
        return UTC
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return ZoneInfo(value)
    except (ZoneInfoNotFoundError, OSError, ValueError):
        problem = "there is no such time zone; write a name such as Europe/Copenhagen"
        raise click.BadParameter(problem, ctx, param) from None


zone_option = click.option(
    "--zone",
    default="UTC",
    show_default=True,
    metavar="ZONE",
    callback=_zone,
    help="The time zone in which moments are shown, such as Europe/Copenhagen.",
)


def shown_in(at: datetime, zone: tzinfo) -> str:
    """Return a moment as a person reads it in a time zone, which it names; outside UTC its offset.

    As clocks are put back an hour occurs twice: only the offset tells which is meant.
    """
    try:
        local = at.astimezone(zone)
    except OverflowError:  # there it would be beyond the years 1 to 9999
        zone, local = UTC, at.astimezone(UTC)
    text = local.replace(tzinfo=None).isoformat(sep=" ")
    return f"{text} UTC" if zone is UTC else f"{text} {local.isoformat()[-6:]} {zone}"


def lifetime(ctx: click.Context, param: click.Parameter, value: str) -> datetime | timedelta | None:
    """Read a moment, or a number of days: ``365d``."""
    days = _DAYS.fullmatch(value)
    if days:
        return timedelta(days=int(days[1]))
    if meant := _in_days(value):
        problem = f"Write a number of days with d: {meant}; or a moment in ISO 8601."
        raise click.BadParameter(problem, ctx, param)
    return moment(ctx, param, value)


def _in_days(value: str) -> str | None:
    """Return the number of days that another way of writing a time seems to mean: ``365d``."""
    found = _SPAN.fullmatch(value.strip())
    if found is None:
        return None
    unit = found[2].lower().removesuffix("s") or "d"
    return f"{min(int(found[1]) * _IN_DAYS[unit], 99_999)}d"


def duration(ctx: click.Context, param: click.Parameter, value: str | None) -> timedelta | None:
    """Read a duration in seconds (``90``, ``90s``), minutes (``5m``) or hours (``1h``)."""
    if value is None:
        return None
    found = _DURATION.fullmatch(value)
    if found is None:
        problem = "Write a whole number of seconds, or one with s, m or h: 90s, 5m, 1h."
        raise click.BadParameter(problem, ctx, param)
    return timedelta(seconds=int(found[1]) * _SECONDS[found[2]])


def key_place(value: str) -> Path | str:
    """Return where a private key is: the path of a file that exists, or a ``pkcs11:`` URI."""
    if value.startswith("pkcs11:"):
        return value
    path: Path = _EXISTING.convert(value, None, None)
    return path


KEY_PLACE: Final = "FILE|pkcs11:URI"
"""What the help shows for an option that takes a `key_place`."""


def filled(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Refuse an empty text: leaving the option out is the way to ask for its default."""
    if value is not None and not value.strip():
        raise click.BadParameter(
            "The value is empty: fill it, or leave the option out.", ctx, param
        )
    return value


def password(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Check where a password comes from; the password itself would be visible to others."""
    if value is not None and not _SOURCE.fullmatch(value):
        raise click.BadParameter(
            "Write prompt, or env: followed by the name of a variable.", ctx, param
        )
    return value


def password_from(source: str | None, *, new: bool = False) -> str | None:
    """Return the password from `source`; the prompt for a `new` one asks twice."""
    if source is None:
        return None
    if source == "prompt":
        answer: str = click.prompt("Password", hide_input=True, err=True, confirmation_prompt=new)
        return answer
    name = source.removeprefix("env:")
    value = os.environ.get(name)
    if not value:
        raise click.UsageError(f"The variable {name} is not set, or empty.")
    return value


_MOST_FILES: Final = 10_000
_MOST_BYTES: Final = 10_000_000

value_sets_option = click.option(
    "--value-sets",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    metavar="FILE",
    help="A file or folder of value sets, in the official form or coronapas's own: each set "
    "replaces the bundled one. Of several, the last counts.",
)


def value_sets_from(sources: Iterable[Path]) -> ValueSets | None:
    """Return the bundled value sets, with those of the sources in their place; None for no source.

    A JSON file of a folder that is not a value set is named on standard error. A value set that
    cannot be read, or a source without any, ends the command with 2.
    """
    from coronapas.dcc import ValueSets
    from coronapas.errors import ValueSetError

    found = None
    for source in sources:
        held = False
        try:
            for newer in _sets(source):
                held = held or bool(newer.sets or newer.products)
                found = (found or ValueSets.default()).replace(newer)
        except ValueSetError as error:
            raise click.UsageError(plain(f"{source}: {error}")) from None
        if not held:
            raise click.UsageError(plain(f"{source}: it contains no value set."))
    return found


def _sets(source: Path) -> Iterator[ValueSets]:
    """Yield the value sets of one source; official ones together, as none may occur twice."""
    from coronapas.dcc import ValueSets

    official: dict[str, Any] = {}
    for place, document in _documents(source):
        if _is_official(document):
            official[place] = document
        elif _is_own(document):
            yield ValueSets.load(document)
        else:
            yield ValueSets.from_official(document)
    if official:
        yield ValueSets.from_official(official)


def _documents(source: Path) -> Iterator[tuple[str, Any]]:
    """Yield the documents of a file or folder with their places; of a folder, only value sets."""
    files = sorted(source.rglob("*.json"))[:_MOST_FILES] if source.is_dir() else [source]
    for path in files:
        try:
            document = _read_json(path)
        except ValueError as error:
            raise click.UsageError(plain(f"{path}: {error}")) from None
        if path != source and not (_is_official(document) or _is_own(document)):
            click.echo(plain(f"{path}: skipped: not a value set"), err=True)
            continue
        yield path.name if path == source else path.relative_to(source).as_posix(), document


def _is_official(document: object) -> bool:
    return isinstance(document, dict) and "valueSetId" in document


def _is_own(document: object) -> bool:
    return isinstance(document, dict) and "sets" in document


def _read_json(path: Path) -> object:
    """Read a file of bounded size; ValueError says why it is not JSON, without repeating it."""
    with path.open("rb") as file:
        content = file.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise ValueError(f"The file is larger than {_MOST_BYTES} bytes.")
    try:
        return json.loads(content.decode("utf-8-sig"), object_pairs_hook=_without_repeats)
    except UnicodeDecodeError:
        raise ValueError("The file is not UTF-8.") from None
    except RecursionError:
        raise ValueError("The JSON is nested too deeply.") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"The file is not JSON: line {error.lineno}.") from None


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("An object of the JSON states a field twice.")
    return found


EU_TRAVEL: Final = "eu-travel"
"""The name of the project's own rule set; a file of that name must be given as ``./eu-travel``."""


def day_or_moment(ctx: click.Context, param: click.Parameter, value: str | None) -> datetime | None:
    """Read a moment in ISO 8601 with its time zone; a day alone means its midnight in UTC.

    Which moment was taken for a day is said on standard error.
    """
    if value is None or not _DAY.fullmatch(value):
        return moment(ctx, param, value)
    try:
        day = date.fromisoformat(value)
    except ValueError:
        raise click.BadParameter("There is no such day.", ctx, param) from None
    click.echo(f"{param.opts[0]} {value} is taken as {value}T00:00:00Z.", err=True)
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def rules_from(names: Iterable[str]) -> RuleSet:
    """Load the rules of files, of folders, and of the bundled set.

    What could not be read, and what is not a rule, is named on standard error. Without any rule the
    command ends with 2.
    """
    from coronapas.rules import RuleSet, eu_travel

    found = RuleSet.load(*(eu_travel() if name == EU_TRAVEL else Path(name) for name in names))
    for place in found.passed_over:
        click.echo(plain(f"{place}: skipped: not a rule"), err=True)
    for unread in found.unread:
        click.echo(plain(f"{unread.place}: not read: {_problems(unread.faults)}"), err=True)
    if not found and not found.unread:
        raise click.UsageError("The given files and folders contain no rule.")
    return found


def _problems(faults: Iterable[Any]) -> str:
    return " ".join(f"{fault.field}: {fault.problem}".removeprefix(": ") for fault in faults)
