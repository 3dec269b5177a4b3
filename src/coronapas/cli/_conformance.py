"""``coronapas conformance``: test vectors, rules with their tests, and CertLogic's suites."""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from coronapas.cli._output import plain, progress

if TYPE_CHECKING:
    from coronapas.conformance import Report

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)

# Each kind of suite: the parameter that names its folder, the module and the function that run it,
# and what it is made of.
_SUITES: Final = {
    "directory": ("coronapas.conformance", "run", "test vector"),
    "rules": ("coronapas.conformance._rule_suites", "run_rules", "rule"),
    "certlogic": ("coronapas.conformance._rule_suites", "run_certlogic", "suite of CertLogic"),
}


@click.command("conformance", short_help="Run test vectors, and suites of rules.")
@click.argument("directory", metavar="[DIR]", required=False, type=_FOLDER)
@click.option("--rules", type=_FOLDER, help="Run the business rules in a folder with their tests.")
@click.option("--certlogic", type=_FOLDER, help="Run the test suites of CertLogic in a folder.")
@click.option("--json", "as_json", is_flag=True, help="The whole report as JSON.")
@click.option("--show-skipped", is_flag=True, help="Show also what was skipped, and why.")
def command(as_json: bool, show_skipped: bool, **folders: Path | None) -> None:
    """Run every test vector in the EU's format below DIR, and suites of rules and of CertLogic.

    A line for each expectation that disagrees, then the count, in which an expectation counts once
    for each file. Of a rule it counts that it can be read, that its affected fields are what its
    logic reads, and each test. Files that are none of these are named on standard error.

    Exit codes: 0 nothing disagrees; 1 something does; 2 there is nothing to run.
    """
    from coronapas.conformance import Report

    chosen = [(_SUITES[name], folder) for name, folder in folders.items() if folder is not None]
    if not chosen:
        raise click.UsageError("Name a folder of test vectors, or give --rules or --certlogic.")
    reports = [_run(room, function, folder) for (room, function, _), folder in chosen]
    report = Report(()).merge(*reports)
    for passed_over in report.passed_over:
        click.echo(plain(f"{passed_over.file}: passed over: {passed_over.reason}"), err=True)
    if as_json:
        click.echo(json.dumps(report.to_json(), indent=2))
    else:
        for result in report.results:
            if result.verdict == "failed" or (show_skipped and result.verdict == "skipped"):
                click.echo(plain(str(result)))
        click.echo(report.summary)
    absent = [
        f"Error: There is no {noun} below {folder}."
        for ((_, _, noun), folder), one in zip(chosen, reports, strict=True)
        if not one.results
    ]
    if absent:
        click.echo("\n".join(map(plain, absent)), err=True)
        sys.exit(2)
    sys.exit(0 if report.ok else 1)


def _run(room: str, function: str, folder: Path) -> Report:
    from coronapas.conformance import Report

    with progress("running", None, results_meanwhile=False) as advance:
        run = getattr(import_module(room), function)
        report = run(folder, progress=lambda _done, _all: advance(1))
    assert isinstance(report, Report)  # noqa: S101 - what every suite gives
    return report
