"""What a run over test vectors found: one result for each file and expectation."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any, NamedTuple


class Verdict(StrEnum):
    """How one expectation of one file came out."""

    PASSED = "passed"
    """The step did what the vector expects."""
    FAILED = "failed"
    """It did not: the two disagree."""
    SKIPPED = "skipped"
    """It was not judged; the reason says why."""


class Result(NamedTuple):
    """One expectation of one file; `reason` is empty where it passed."""

    file: str
    expectation: str
    verdict: Verdict
    reason: str

    def __str__(self) -> str:
        return f"{self.file} {self.expectation}: {self.verdict}: {self.reason}".rstrip(": ")


class PassedOver(NamedTuple):
    """A file that is not a test vector, and why."""

    file: str
    reason: str


@dataclass(frozen=True)
class Report:
    """Every result, in the order of the files' paths and of the expectations in each file."""

    results: tuple[Result, ...]
    passed_over: tuple[PassedOver, ...] = ()

    @cached_property
    def _counts(self) -> Counter[Verdict]:
        return Counter(result.verdict for result in self.results)

    @property
    def passed(self) -> int:
        """How many expectations agree."""
        return self._counts[Verdict.PASSED]

    @property
    def failed(self) -> int:
        """How many disagree."""
        return self._counts[Verdict.FAILED]

    @property
    def skipped(self) -> int:
        """How many were not judged."""
        return self._counts[Verdict.SKIPPED]

    @property
    def disagreements(self) -> tuple[Result, ...]:
        """The results that failed, in order."""
        return tuple(result for result in self.results if result.verdict is Verdict.FAILED)

    @property
    def ok(self) -> bool:
        """Whether nothing disagrees."""
        return not self.failed

    @property
    def summary(self) -> str:
        """The counts in one line."""
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"

    def merge(self, *others: Report) -> Report:
        """Return one report of this run and others, in the order given."""
        reports = (self, *others)
        return Report(
            tuple(result for report in reports for result in report.results),
            tuple(passed_over for report in reports for passed_over in report.passed_over),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form (``schemas/conformance-report.schema.json``)."""
        return {
            "passed": self.passed,
            "failed": self.failed,
            "skipped": self.skipped,
            "results": [
                {**result._asdict(), "verdict": result.verdict.value} for result in self.results
            ],
            "passed_over": [passed_over._asdict() for passed_over in self.passed_over],
        }
