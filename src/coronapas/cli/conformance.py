"""``coronapas conformance``: test vectors in the EU's format, run and counted."""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from coronapas.cli.showing import plain, progress

if TYPE_CHECKING:
    from coronapas.conformance import Report

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)

# Each kind of suite: the parameter that names its folder, and the room whose `run` runs it.
_SUITES: Final = {"directory": "coronapas.conformance"}


@click.command("conformance", short_help="Run test vectors.")
@click.argument("directory", metavar="DIR", type=_FOLDER)
@click.option("--json", "as_json", is_flag=True, help="The whole report as JSON.")
@click.option("--show-skipped", is_flag=True, help="Show also what was skipped, and why.")
def command(as_json: bool, show_skipped: bool, **folders: Path | None) -> None:
    """Run every test vector in the EU's format below DIR.

    A line for each expectation that disagrees, then the count, in which an expectation counts once
    for each file. Files that are no vectors are named on standard error.

    Exit codes: 0 nothing disagrees; 1 something does; 2 there is no vector.
    """
    from coronapas.conformance import Report

    chosen = ((_SUITES[name], folder) for name, folder in folders.items() if folder is not None)
    report = Report(()).merge(*(_run(room, folder) for room, folder in chosen))
    for passed_over in report.passed_over:
        click.echo(plain(f"{passed_over.file}: passed over: {passed_over.reason}"), err=True)
    if as_json:
        click.echo(json.dumps(report.to_json(), indent=2))
    else:
        for result in report.results:
            if result.verdict == "failed" or (show_skipped and result.verdict == "skipped"):
                click.echo(plain(str(result)))
        click.echo(report.summary)
    if not report.results:
        click.echo("Error: There is no test vector.", err=True)
        sys.exit(2)
    sys.exit(0 if report.ok else 1)


def _run(room: str, folder: Path) -> Report:
    from coronapas.conformance import Report

    with progress("running", None) as advance:
        report = import_module(room).run(folder, progress=lambda _done, _all: advance(1))
    assert isinstance(report, Report)  # noqa: S101 - what every suite gives
    return report
