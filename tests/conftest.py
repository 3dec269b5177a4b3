"""What every test shares: the public data, hypothesis profiles, a loud account of tests not run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

PROJECT = Path(__file__).resolve().parent.parent

NOT_RUN = "public test data is absent"
HOW_TO_GET_IT = (
    "Put copies of the public repositories in one folder and name it in CORONAPAS_OFFICIAL: "
    "eu-digital-green-certificates/dgc-testdata as dgc-testdata, "
    "eu-digital-green-certificates/dgc-business-rules-testdata as business-rules, "
    "the test suites of ehn-dcc-development/dgc-business-rules as certlogic, "
    "ehn-dcc-development/eu-dcc-schema as schema, "
    "ehn-dcc-development/eu-dcc-valuesets as valuesets, "
    "cose-wg/Examples as cose (docs/how-to/develop.md has the whole table)."
)

# A slow or busy machine is no fault of the code, so neither profile has a deadline.
# ci draws the same examples on every run, so that a change fails for what it changed; dev goes on
# searching.
settings.register_profile(
    "ci",
    deadline=None,
    derandomize=True,
    max_examples=60,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("dev", deadline=None, derandomize=False, max_examples=60, print_blob=True)
settings.register_profile("thorough", parent=settings.get_profile("dev"), max_examples=2000)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


@pytest.fixture(scope="session")
def official() -> Path:
    """The folder of public data; the test is skipped, loudly, where there is none."""
    named = os.environ.get("CORONAPAS_OFFICIAL")
    folder = Path(named) if named else PROJECT.parent / "shared" / "official"
    if folder.is_dir():
        return folder
    if named:
        pytest.fail("CORONAPAS_OFFICIAL names a folder that does not exist.")
    pytest.skip(f"{NOT_RUN}. {HOW_TO_GET_IT}")


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """Say how many tests were not run for want of public data, and how to get it."""
    skipped = terminalreporter.stats.get("skipped", [])
    missed = sum(NOT_RUN in str(report.longrepr) for report in skipped)
    if missed:
        terminalreporter.section("NOT RUN FOR WANT OF PUBLIC DATA", red=True, bold=True)
        terminalreporter.write_line(f"{missed} tests were not run. {HOW_TO_GET_IT}", red=True)
