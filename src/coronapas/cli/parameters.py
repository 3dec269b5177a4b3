"""The kinds of value that options take, as click's callbacks.

Moments, lifetimes, durations, names, and where passwords come from.
"""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime, timedelta
from typing import Final

import click

_DAYS: Final = re.compile("([0-9]{1,5})d")
_DURATION: Final = re.compile("([0-9]{1,7})([smh]?)")
_SECONDS: Final = {"": 1, "s": 1, "m": 60, "h": 3600}
_SOURCE: Final = re.compile("prompt|env:[A-Za-z_][A-Za-z0-9_]*")


def moment(ctx: click.Context, param: click.Parameter, value: str | None) -> datetime | None:
    """A moment by ISO 8601, with its time zone."""
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


def lifetime(ctx: click.Context, param: click.Parameter, value: str) -> datetime | timedelta | None:
    """A moment, or a number of days: ``365d``."""
    days = _DAYS.fullmatch(value)
    return timedelta(days=int(days[1])) if days else moment(ctx, param, value)


def duration(ctx: click.Context, param: click.Parameter, value: str | None) -> timedelta | None:
    """A duration in seconds (``90``, ``90s``), minutes (``5m``) or hours (``1h``)."""
    if value is None:
        return None
    found = _DURATION.fullmatch(value)
    if found is None:
        problem = "Write a whole number of seconds, or one with s, m or h: 90s, 5m, 1h."
        raise click.BadParameter(problem, ctx, param)
    return timedelta(seconds=int(found[1]) * _SECONDS[found[2]])


def filled(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """A text with something in it: an empty one is no way to ask for what is usual."""
    if value is not None and not value.strip():
        raise click.BadParameter("It is empty. Leave the option out, or fill it.", ctx, param)
    return value


def password(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Where a password comes from; never the password itself, which others could see."""
    if value is not None and not _SOURCE.fullmatch(value):
        raise click.BadParameter("Write prompt, or env: and a variable's name.", ctx, param)
    return value


def password_from(source: str | None, *, new: bool = False) -> str | None:
    """The password from where `source` says; a `new` one is asked for twice."""
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
