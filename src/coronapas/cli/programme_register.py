"""``coronapas programme invite``: whom of a register to invite, row by row.

The register is read as a stream: one of any size takes no more memory than its longest line, and of
a line that no history could be as long as, only its beginning.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import click

from coronapas.cli.passes import STDIN, total_size
from coronapas.cli.programme_inputs import local_date, programme_from, programme_option
from coronapas.cli.showing import plain, progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import date

    from coronapas.programmes import History, Invitation, Programme

_Row = tuple[str | int, "History"]

_BEYOND: Final = 1000
"""Bytes of a line beyond its history: the identifier and what JSON needs."""


@click.command("invite", short_help="Say whom of a register to invite.")
@programme_option
@click.option(
    "--register",
    required=True,
    type=click.Path(exists=True, dir_okay=False, allow_dash=True),
    help="A file with a JSON object {id, history} on each line; - is standard input.",
)
@click.option("--on", metavar="DATE", help="The local day of the invitations; today unless given.")
@click.option(
    "--since", metavar="DATE", help="Leave out who was to be invited on this earlier day already."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line for each invitation.")
def invite(name: str, register: str, on: str | None, since: str | None, as_json: bool) -> None:
    """Say whom of a register to invite on a day: those whose next dose is due or may be given.

    A line of the register is {"id": ..., "history": {...}}, the identifier a text or a whole
    number. One that cannot be read is named on standard error, and the others are gone through.
    Who can be read in several ways with different answers is not invited, and counted.

    Exit codes: 0 every line was judged; 2 some could not be read, or wrong usage.
    """
    programme = programme_from(name)
    day = local_date(on, programme.zone, "--on")
    earlier = None if since is None else local_date(since, programme.zone, "--since")
    if earlier is not None and earlier >= day:
        raise click.UsageError("--since is to be a day before the one of --on.")
    with progress("inviting", total_size((register,)), results_meanwhile=True) as advance:
        reading = _Reading(register, advance)
        invited = 0
        ambiguous = _Ambiguous(programme, day)
        for one in ambiguous.watched(reading.rows(), earlier):
            invited += 1
            click.echo(json.dumps(one.to_json()) if as_json else _line(one, programme))
    summary = (
        f"{reading.count} rows: {invited} to be invited, {ambiguous.count} ambiguous, "
        f"{reading.unreadable} unreadable"
    )
    click.echo(summary, err=as_json)
    sys.exit(2 if reading.unreadable else 0)


def _line(one: Invitation[str | int], programme: Programme) -> str:
    products = ", ".join(map(programme.product_name, one.products))
    latest = f", latest {one.latest}" if one.latest else ""
    head = f"{one.id}: {one.status}, dose {one.dose}, since {one.earliest}{latest}, {products}"
    return plain(f"{head}: {one.reason}")


class _Ambiguous:
    """Goes through rows and counts those whose answer is ambiguous, which give no invitation."""

    def __init__(self, programme: Programme, on: date) -> None:
        from coronapas.programmes.planning import Planner

        self.count = 0
        self._programme = programme
        self._on = on
        self._planner = Planner(programme, on)

    def watched(self, rows: Iterator[_Row], since: date | None) -> Iterator[Invitation[str | int]]:
        """The invitations of the rows."""
        from coronapas.programmes import invitations

        return invitations(self._programme, map(self._look, rows), self._on, since=since)

    def _look(self, row: _Row) -> _Row:
        from coronapas.programmes.planning import Status, together

        plans, course, _ = self._planner.plans(row[1])
        # One plan cannot disagree with itself, and most histories have no other.
        if len(plans) > 1 or course.too_many:
            self.count += together(plans, course).status is Status.AMBIGUOUS
        return row


class _Reading:
    """The rows of a register, with the number of lines, and of those that cannot be read."""

    def __init__(self, source: str, advance: Callable[[int], None]) -> None:
        self.count = 0
        self.unreadable = 0
        self._source = source
        self._advance = advance

    def rows(self) -> Iterator[_Row]:
        """Every row that can be read; blank lines are none."""
        if self._source == STDIN:
            yield from self._of_stream(sys.stdin.buffer, "standard input")
            return
        with Path(self._source).open("rb") as stream:
            yield from self._of_stream(stream, self._source)

    def _of_stream(self, stream: IO[bytes], name: str) -> Iterator[_Row]:
        from coronapas.programmes.history_json import LARGEST

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
    """The row of a line, or why there is none, without any of its values."""
    from coronapas.errors import HistoryError
    from coronapas.programmes import History

    try:
        document: Any = json.loads(line)
    except (ValueError, RecursionError):
        return "The line is no JSON in UTF-8."
    if not isinstance(document, dict) or document.keys() != {"id", "history"}:
        return "Give an object with id and history, and nothing else."
    if not isinstance(document["history"], dict):
        return "Give history as an object."
    key = document["id"]
    if isinstance(key, bool) or not isinstance(key, str | int):
        return "Give id as a text or a whole number."
    try:
        return key, History.from_json(document["history"])
    except HistoryError as error:
        more = len(error.faults) - 1
        return f"history.{error.faults[0]}" + (f" (and {more} more faults)" if more else "")
