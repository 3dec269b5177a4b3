"""What ``coronapas decide`` shows of one country: verdict, reasons, and windows of time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import click

from coronapas.cli.showing import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from coronapas.rules import RuleSet, Verdict
    from coronapas.rules.deciding import Case
    from coronapas.rules.windows import Bound, Timeline, Window

_COLOURS: Final = {"PASS": "green", "FAIL": "red", "OPEN": "yellow", "NO RULES": "yellow"}
_HEAD: Final = ("country", "verdict", "from", "until")


@dataclass(frozen=True)
class Decision:
    """A verdict and the time around it; `countries` are those of the rules at hand."""

    verdict: Verdict
    timeline: Timeline
    countries: tuple[str, ...]

    @property
    def expiry(self) -> str | None:
        """Until when the pass itself is valid, in words, where that is known."""
        expires = self.timeline.expires
        if expires is None:
            return None
        return f"The pass itself is valid until {_moment(expires)} (included)."

    @property
    def window(self) -> Window | None:
        """The interval around the moment asked about in which the outcome stays."""
        return self.timeline.window_at(self.verdict.at)

    @property
    def later(self) -> Window | None:
        """Where the pass is not accepted now: the next interval in which it is."""
        if self.verdict:
            return None
        return next((one for one in self.timeline.accepted if one.first > self.verdict.at), None)

    def lines(self, *, personal: bool) -> Iterator[str]:
        """The verdict, its reasons, and until when; with `personal` also the facts that decided."""
        verdict = self.verdict
        yield f"{_coloured(str(verdict.outcome))}  {plain(verdict.sentence)}"
        for result in (*verdict.failures, *verdict.open):
            yield plain(f"  - {result.description} ({result.rule})")
            facts = result.because if personal else ()
            for sentence in facts or (_meaning(result.code),):
                yield plain(f"      {sentence}")
        for unread in verdict.unread:
            yield plain(f"  - A rule could not be read: {unread.place}")
        if verdict.country not in self.countries:
            yield plain(f"  The rules at hand are of {', '.join(self.countries) or 'no country'}.")
        for window in filter(None, (self.window, self.later)):
            yield plain(f"  {window.sentence}")
        if not self.timeline.complete:
            yield "  Before or after that the rules change too often to be told."

    def row(self) -> tuple[str, str, str, str]:
        """The table's: country, outcome, start and end."""
        window = self.window
        start, end = (None, None) if window is None else (window.start, window.end)
        return self.verdict.country, str(self.verdict.outcome), _bound(start), _bound(end)

    def to_json(self, *, personal: bool) -> dict[str, Any]:
        """For machines; only with `personal` the rules have `because`, the facts that decided."""
        window, later = self.window, self.later
        document = self.verdict.to_json(reasons=personal)
        document["reasons"] = [
            {
                "rule": result.rule.identifier,
                "version": str(result.rule.version),
                "description": result.description,
                "code": result.code,
                "meaning": _meaning(result.code),
            }
            for result in (*self.verdict.failures, *self.verdict.open)
        ]
        document["window"] = None if window is None else window.to_json()
        document["accepted_later"] = None if later is None else later.to_json()
        document["complete"] = self.timeline.complete
        expires = self.timeline.expires
        document["expires"] = None if expires is None else expires.isoformat()
        return document


def decided(rules: RuleSet, case: Case, at: datetime) -> Decision:
    """Ask the rules at a moment, and about all time around it."""
    from coronapas.rules.windows_search import timeline

    return Decision(case.at(at), timeline(case, around=at), rules.countries)


def table(decisions: Iterable[Decision]) -> Iterator[str]:
    """A line for each country, in the order asked for."""
    rows = [_HEAD, *(one.row() for one in decisions)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [plain(cell).ljust(width) for cell, width in zip(row, widths, strict=True)]
        cells[1] = click.style(cells[1], fg=_COLOURS.get(row[1]))
        yield "  ".join(cells).rstrip()


def _meaning(code: str) -> str:
    from coronapas.rules.verdict import CODES

    return CODES[code]


def _coloured(outcome: str) -> str:
    return click.style(outcome, fg=_COLOURS[outcome])


def _bound(bound: Bound | None) -> str:
    """A bound in a cell; none where nothing changes that is known of."""
    if bound is None:
        return "-"
    return f"{_moment(bound.moment)} ({'included' if bound.included else 'not included'})"


def _moment(at: datetime) -> str:
    from coronapas.rules.windows_wording import moment

    return moment(at)
