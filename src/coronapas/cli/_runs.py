"""Runs of bulk work at a shell: their options, their arguments kept, a bar, and the counts."""

from __future__ import annotations

import json
import os
import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

import click

from coronapas.cli._output import on_terminal, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from coronapas.bulk import Engine, Kernel, OutputForm, PartWriter, Progress, Status

ARGUMENTS: Final = "coronapas.bulk.arguments"
"""Where the context of a command keeps its arguments."""

_CLEAR_LINE: Final = "\r\x1b[2K"


class Recorded(click.Command):
    """A command whose arguments go into the manifest, so that ``resume`` can give them again."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta[ARGUMENTS] = list(args)
        return super().parse_args(ctx, args)


def fault_bound(ctx: click.Context, param: click.Parameter, value: str) -> str:
    from coronapas.bulk import most_faults

    try:
        most_faults(value)
    except ValueError:
        problem = "Write a number, a share such as 5%, or none."
        raise click.BadParameter(problem, ctx, param) from None
    return value


def run_options(function: Callable[..., None]) -> Callable[..., None]:
    """Add the options of every run; `run_and_finish` takes what they give."""
    for option in reversed(
        (
            click.option(
                "--jobs",
                type=click.IntRange(1, 1024),
                help="How many processes work [default: one for each CPU].",
            ),
            click.option(
                "--engine",
                type=click.Choice(["processes", "ray"]),
                default="processes",
                show_default=True,
                help="Where they work: on this machine, or as actors of Ray.",
            ),
            click.option("--ray-address", metavar="ADDRESS", help="With ray: the cluster."),
            click.option(
                "--output-form",
                type=click.Choice(["parquet", "csv"]),
                default="parquet",
                show_default=True,
                help="The form of the results and faults.",
            ),
            click.option(
                "--part-rows",
                type=click.IntRange(1, 1_000_000),
                help="The most rows of a part [default: 2,000 to 50,000, by the input].",
            ),
            click.option(
                "--max-faults",
                default="50%",
                show_default=True,
                callback=fault_bound,
                metavar="NUMBER|SHARE%|none",
                help="Stop beyond so many refused rows.",
            ),
            click.option("--json", "as_json", is_flag=True, help="Print the status as JSON."),
        )
    ):
        function = option(function)
    return function


def begun(out: Path) -> datetime:
    """Return when the run of a folder first began: now, if there is none."""
    from coronapas.bulk import Manifest
    from coronapas.errors import BulkError

    try:
        return datetime.fromisoformat(Manifest.read(out).header["note"]["begun"])
    except (BulkError, OSError, KeyError, TypeError, ValueError):
        return datetime.now(UTC).replace(microsecond=0)


def run_and_finish(
    ctx: click.Context,
    inputs: Sequence[Path],
    out: Path,
    kernel: Kernel,
    good: str,
    *,
    as_json: bool,
    **given: Any,
) -> None:
    """Run a kernel, show how far it is, print the counts, and exit."""
    finish(work(ctx, inputs, out, kernel, **given), good, as_json)


def work(
    ctx: click.Context,
    inputs: Sequence[Path],
    out: Path,
    kernel: Kernel,
    *,
    jobs: int | None,
    engine: str,
    ray_address: str | None,
    output_form: OutputForm,
    part_rows: int | None,
    max_faults: str,
    writers: tuple[PartWriter, ...] = (),
) -> Status:
    """Run a kernel and show how far it is; exit with 1 if there are too many faults."""
    from coronapas.bulk import run
    from coronapas.errors import BulkError

    if ray_address is not None and engine != "ray":
        raise click.UsageError("--ray-address needs --engine ray.")
    note = {
        "arguments": ctx.meta[ARGUMENTS],
        "directory": os.getcwd(),
        "begun": begun(out).isoformat(),
    }
    try:
        with bar(kernel.name) as progress:
            return run(
                inputs,
                out,
                kernel,
                engine=_engine(engine, jobs, ray_address),
                form=output_form,
                rows=part_rows,
                max_faults=max_faults,
                writers=writers,
                progress=progress,
                note=note,
            )
    except BulkError as error:
        if error.code != "bulk.too-many-faults":
            raise
        click.echo(f"Error: {plain(str(error))}", err=True)
        sys.exit(1)


def finish(found: Status, good: str, as_json: bool, *, lacking: bool = False) -> None:
    """Print the counts of a run, and exit: with 1 also where something else is `lacking`."""
    if as_json:
        click.echo(json.dumps(found.to_json()))
    else:
        refused = f", {found.bad:,} refused" if found.bad else ""
        click.echo(f"{found.records:,} records: {found.good:,} {good}{refused}")
    sys.exit(1 if found.bad or lacking else 0)


def _engine(name: str, jobs: int | None, address: str | None) -> Engine:
    from coronapas.bulk import ProcessEngine, RayEngine

    return RayEngine(address, jobs) if name == "ray" else ProcessEngine(jobs)


@contextmanager
def bar(label: str) -> Iterator[Callable[[Progress], None]]:
    """Show on a terminal how far a run is, how fast it is and when it will end."""
    if not on_terminal(results_meanwhile=False):
        yield lambda _: None
        return
    first: tuple[float, int] | None = None

    def show(progress: Progress) -> None:
        nonlocal first
        now = monotonic()
        if first is None:
            first = now, progress.rows
        took, done = now - first[0], progress.rows - first[1]
        share = progress.rows / progress.records if progress.records else 1.0
        line = f"{label}  {'#' * int(share * 30):30}  {share:4.0%}"
        if took > 0 and done:
            rate = done / took
            left = (progress.records - progress.rows) / rate
            line += f"  {rate:,.0f}/s  {_clock(left)} left"
        if progress.bad:
            line += f"  {progress.bad:,} refused"
        click.echo(f"{_CLEAR_LINE}{line}", err=True, nl=False)

    try:
        yield show
    finally:
        click.echo(_CLEAR_LINE, err=True, nl=False)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
