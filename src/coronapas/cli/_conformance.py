"""``coronapas conformance``: test vectors, rules with their tests, and CertLogic's suites."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from coronapas.cli._output import plain, progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from coronapas.conformance import Report

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)

# The parameter that names a suite's folder, the function that runs it, and what it is made of.
_SUITES: Final = {
    "directory": ("run", "test vector"),
    "rules": ("run_rules", "rule"),
    "certlogic": ("run_certlogic", "CertLogic suite"),
}


@click.command("conformance", short_help="Run test vectors, and suites of rules.")
@click.argument("directory", metavar="[DIR]", required=False, type=_FOLDER)
@click.option("--rules", type=_FOLDER, help="Run the business rules of a folder, with their tests.")
@click.option("--certlogic", type=_FOLDER, help="Run the CertLogic test suites of a folder.")
@click.option("--json", "as_json", is_flag=True, help="Print the whole report as JSON.")
@click.option("--show-skipped", is_flag=True, help="Also show what was skipped, and why.")
def command(as_json: bool, show_skipped: bool, **folders: Path | None) -> None:
    """Run the test vectors in the EU's format below DIR, or suites of business rules or CertLogic.

    Prints a line for each expectation that disagrees, then the count; an expectation counts once
    for each file. For a rule these count: that it can be read, that its affected fields are what
    its logic reads, and each test. Other files are listed on standard error.

    Exit codes: 0 nothing disagrees; 1 something does; 2 there is nothing to run.
    """
    from coronapas.conformance import Report

    chosen = [(_SUITES[name], folder) for name, folder in folders.items() if folder is not None]
    if not chosen:
        raise click.UsageError("Name a folder of test vectors, or give --rules or --certlogic.")
    reports = [_run(function, folder) for (function, _), folder in chosen]
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
        for ((_, noun), folder), found in zip(chosen, reports, strict=True)
        if not found.results
    ]
    if absent:
        click.echo("\n".join(map(plain, absent)), err=True)
        sys.exit(2)
    sys.exit(0 if report.ok else 1)


def _run(function: str, folder: Path) -> Report:
    from coronapas import conformance

    run: Callable[..., Report] = getattr(conformance, function)
    with progress("running", None, results_meanwhile=False) as advance:
        return run(folder, progress=lambda _done, _all: advance(1))
