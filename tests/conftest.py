"""What every test shares: the public data, hypothesis profiles, a loud account of tests not run."""

from __future__ import annotations

import gc
import os
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.database import DirectoryBasedExampleDatabase

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
    "cose-wg/Examples as cose, testvectors_v1 of C2SP/wycheproof as wycheproof "
    "(docs/how-to/develop.md has the whole table)."
)

EXAMPLES = PROJECT / ".hypothesis" / "examples"
"""Where exploring keeps the examples that failed: in the checkout, whatever the current folder."""

# A slow or busy machine is no fault of the code, so no profile has a deadline.
#
# `test` draws the same examples on every run and every machine, and reads no database: a change
# fails for what it changed. `explore` (`make explore`) draws new ones, and begins with those that
# failed the last time.
settings.register_profile(
    "test",
    deadline=None,
    derandomize=True,
    database=None,
    max_examples=30,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "explore",
    parent=settings.get_profile("test"),
    derandomize=False,
    database=DirectoryBasedExampleDatabase(EXAMPLES),
    max_examples=int(os.environ.get("CORONAPAS_EXAMPLES", "2000")),
)
settings.load_profile("test")


LEFT_OUT = {
    "services": "The services were not run, in a browser and under load: `make services` does.",
    "bulk": "The engines of bulk work were not started and killed: `make engines` does.",
    "test_reference.py": "The pages of the reference were not built and read: `make docs` does.",
}
"""Folders and files whose tests have a target of their own, and what a run without them says."""


@pytest.fixture(scope="session")
def official() -> Path:
    """The folder of public data; the test is skipped, loudly, where there is none."""
    named = os.environ.get("CORONAPAS_OFFICIAL")
    folder = Path(named) if named else PROJECT.parent / "shared" / "official"
    if folder.is_dir():
        return folder
    if named:
        pytest.fail("CORONAPAS_OFFICIAL names a folder that does not exist.")
    pytest.skip(NOT_RUN)


@pytest.fixture(scope="session")
def wycheproof(request: pytest.FixtureRequest) -> Path:
    """The folder of Wycheproof's vectors; the test is skipped, loudly, where there is none."""
    named = os.environ.get("CORONAPAS_WYCHEPROOF")
    if named is None:
        official: Path = request.getfixturevalue("official")
        folder = official / "wycheproof"
    else:
        folder = Path(named)
    if folder.is_dir():
        return folder
    if named:
        pytest.fail("CORONAPAS_WYCHEPROOF names a folder that does not exist.")
    pytest.skip(NOT_RUN)


@pytest.fixture(scope="session")
def keyring(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a DSC, its key, and the secret of a campaign, for bulk work."""
    from bulk_register import make_keys

    folder = tmp_path_factory.mktemp("keys")
    make_keys(folder)
    return folder


def pytest_collection_finish() -> None:
    """Collect garbage seldom: what was collected for the run lives as long as it."""
    gc.set_threshold(100_000, 20, 100)


def pytest_terminal_summary(terminalreporter: TerminalReporter, config: pytest.Config) -> None:
    """Account for the tests that were not run, and for what exploring found."""
    for name, text in LEFT_OUT.items():
        there = (PROJECT / "tests" / name).exists()
        if there and not config.option.file_or_dir and config.option.markexpr:
            terminalreporter.write_line(text, yellow=True)
    reasons = Counter(map(_reason, terminalreporter.stats.get("skipped", [])))
    if reasons:
        terminalreporter.section("NOT RUN", yellow=True, bold=True)
        for reason, count in reasons.most_common():
            terminalreporter.write_line(f"{count} skipped: {reason}", yellow=True)
    if reasons[NOT_RUN]:
        terminalreporter.section("NOT RUN FOR WANT OF PUBLIC DATA", red=True, bold=True)
        terminalreporter.write_line(
            f"{reasons[NOT_RUN]} tests were not run. {HOW_TO_GET_IT}", red=True
        )
    failed = terminalreporter.stats.get("failed", [])
    if failed and config.getoption("hypothesis_profile", None) == "explore":
        terminalreporter.section("FOUND BY EXPLORING", red=True, bold=True)
        terminalreporter.write_line(
            f"Kept in {EXAMPLES}: `make explore` tries them first. To turn one into a test, put "
            "its line above the test function (import it from hypothesis); @example stays, "
            "@reproduce_failure only holds for this version of hypothesis."
        )
        for report in failed:
            terminalreporter.write_line(report.nodeid, bold=True)
            for line in _decorators(report.longreprtext):
                terminalreporter.write_line(f"    {line}")


def _reason(report: pytest.TestReport) -> str:
    """Return why a test was skipped, in one line."""
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longreprtext
    return " ".join(text.removeprefix("Skipped: ").split())


_CALL = re.compile(
    r"(?:Failing test case|Falsifying example): \w+\((.*?)^(?:E\s+)?\)", re.DOTALL | re.MULTILINE
)
_BLOB = re.compile(r"@reproduce_failure\(.*\)")
_UNWRITTEN = re.compile(r"=data\(\.\.\.\)|=<|self=")


def _decorators(failure: str) -> list[str]:
    """Return the lines that reproduce a failure: ``@example(...)`` where the values can be written.

    Drawn values without a literal (`st.data()`, objects) leave the ``@reproduce_failure`` line.
    """
    found = []
    for arguments in _CALL.findall(failure):
        lines = [line.removeprefix("E").strip() for line in arguments.splitlines()]
        # hypothesis marks arguments that do not matter with a comment.
        written = " ".join(line.partition("  # or any other")[0] for line in lines if line)
        if not _UNWRITTEN.search(written):
            found.append(f"@example({written.rstrip(', ')})")
    return found + _BLOB.findall(failure)
