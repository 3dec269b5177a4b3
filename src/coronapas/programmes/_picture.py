"""A timeline as a picture (SVG 1.1): revisions, requirement, evidence, suspensions and validity.

One file without scripts, fonts or references to elsewhere. Every bar has a tooltip in words, and
the whole has a title and a description for readers who cannot see it. The picture shows the
holder's dates and no name.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from textwrap import wrap
from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import escape

from coronapas._time import as_utc
from coronapas.programmes._clock import (
    FOREVER,
    add_months,
    local_day,
    midnight,
)
from coronapas.programmes._model import Requirement

if TYPE_CHECKING:
    from collections.abc import Iterator

    from coronapas.programmes._timeline import EvidenceLine, Timeline, ValiditySpan

# Colours, hatches and sizes.

COLOURS: Final = (
    ("first", "first dose"),
    ("primary", "completed course"),
    ("extra", "extra dose"),
    ("booster", "booster"),
    ("recovery", "recovery"),
    ("test", "negative test"),
    ("primary doubtful-bar", "counts in some readings only"),
    ("suspension", "suspended"),
    ("answer-valid", "valid"),
    ("answer-exempt", "exempt by age"),
    ("answer-open", "ambiguous"),
    ("answer-not", "not valid"),
    ("required-in-force", "pass asked for"),
    ("required-lifted", "lifted"),
    ("required-ended", "ended"),
)
"""The classes of bars with their words, in the order of the legend."""

STYLE: Final = """
text{font-family:'DejaVu Sans','Segoe UI','Helvetica Neue',Arial,sans-serif;fill:#1d2733}
.paper{fill:#fff}.heading{font-size:19px;font-weight:bold}.label{font-size:12px}
.strong{font-size:14px;font-weight:bold}.small{font-size:11px;fill:#4a5663}
.year{font-size:11px;font-weight:bold;fill:#4a5663}.number{font-size:10.5px;fill:#fff}
.revision{fill:#f4f6f9}.revision.odd{fill:#e8edf3}.revision-line{stroke:#9fb0c3;stroke-width:1}
.month-line{stroke:#c9d2dd;stroke-width:.6;stroke-dasharray:2 3}
.year-line{stroke:#8796a8;stroke-width:1}
.badge{fill:#34506e}.badge.doubtful{fill:#a8620b}
.first{fill:#8fbcdb}.primary,.single,.recovered{fill:#2f7fb8}.extra{fill:#4a5fb0}
.booster{fill:#6b3fa0}.recovery{fill:#c98a1b}.test{fill:#3a9a93}
.doubtful-bar{fill-opacity:.35;stroke:#b07100;stroke-width:1.2;stroke-dasharray:4 2}
.event{fill:#fff;stroke:#1d2733;stroke-width:2}.suspension{fill:#b4413c}
.answer-valid{fill:#2e8b57}.answer-not{fill:url(#not)}.answer-open{fill:url(#open)}
.answer-exempt{fill:#7fb3d5}
.required-in-force{fill:#34506e}.required-lifted{fill:#b8c4d2}
.required-ended{fill:#fff;stroke:#9fb0c3}
"""

HATCHES: Final = (
    '<pattern id="not" width="8" height="8" patternUnits="userSpaceOnUse">'
    '<rect width="8" height="8" fill="#eadfdd"/>'
    '<path d="M0 8L8 0" stroke="#d3bdb9" stroke-width="1.2"/></pattern>'
    '<pattern id="open" width="8" height="8" patternUnits="userSpaceOnUse">'
    '<rect width="8" height="8" fill="#f7d58a"/>'
    '<path d="M0 8L8 0M-2 2L2 -2M6 10L10 6" stroke="#c98a1b" stroke-width="2"/></pattern>'
)


def wrapped(text: str, width: int) -> list[str]:
    """Break a text into lines of at most `width` characters."""
    return wrap(text, width) or [""]


WIDTH: Final = 1280
"""Width of the picture, in pixels."""
LEFT: Final = 236
RIGHT: Final = 24
LANE: Final = 26
MOST_LINES: Final = 30
"""The most pieces of evidence with a lane of their own: the latest; the others are counted."""

_CONFIDENCES: Final = (
    "[S] read in the source, [P] press or another secondary source, [K] recalled without a source, "
    "[U] uncertain; an orange number has something uncertain about it."
)
_ANSWERS: Final = {True: "valid", False: "not valid", None: "ambiguous"}
_REQUIRED: Final = {
    Requirement.IN_FORCE: "a pass is asked for",
    Requirement.LIFTED: "lifted: no pass is asked for, the rules stay",
    Requirement.ENDED: "the requirement has ended",
}


@dataclass(frozen=True, slots=True)
class _Scale:
    """Maps instants to pixels."""

    start: datetime
    end: datetime

    def x(self, moment: datetime) -> float:
        inside = min(max(moment, self.start), self.end)
        share = (inside - self.start) / (self.end - self.start)
        return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)

    def shows(self, start: datetime, end: datetime) -> bool:
        return start < self.end and end > self.start


def timeline_svg(
    timeline: Timeline, *, start: datetime | None = None, end: datetime | None = None
) -> str:
    """Draw a timeline.

    `start` and `end` limit what is shown and need time zones; by default everything from the first
    event or revision to a while after the last one. Raises ValueError for less than an hour.
    """
    scale = _scale(timeline, start, end)
    drawing = _Drawing(timeline, scale)
    drawing.draw()
    return drawing.svg()


def _scale(timeline: Timeline, start: datetime | None, end: datetime | None) -> _Scale:
    zone = timeline.programme.zone
    moments = timeline.events.moments(zone)
    moments += [revision.starts for revision in timeline.programme.revisions]
    first = as_utc(start) if start else None
    last = as_utc(end) if end else None
    if first is None:
        first = min(moments, default=last or datetime.fromisoformat("2021-01-01T00:00Z"))
        first -= timedelta(days=12)
    if last is None:
        last = max(moments, default=first) + timedelta(days=60)
    if last - first < timedelta(hours=1):
        raise ValueError("The end must be at least an hour after the start.")
    return _Scale(first, last)


class _Drawing:
    def __init__(self, timeline: Timeline, scale: _Scale) -> None:
        self.timeline = timeline
        self.scale = scale
        self.zone = timeline.programme.zone
        self.parts: list[str] = []
        self.y = 0.0

    def draw(self) -> None:
        self.y = 66
        header = self.y
        self.y += 46
        top = self.y
        body = len(self.parts)
        self._requirement()
        self._evidence()
        self._suspensions()
        self._validity()
        bottom = self.y + 4
        front = self.parts[body:]
        del self.parts[body:]
        self._revisions(header, top, bottom)
        self._months(header + 46, bottom)
        self.parts += front
        self.y = bottom + 40
        self._legend()
        self._revision_list()

    def svg(self) -> str:
        title = escape(f"Timeline: {self.timeline.programme.title}")
        height = round(self.y + 16)
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
            f'width="{WIDTH}" height="{height}" role="img" aria-labelledby="title description">'
            f'<title id="title">{title}</title>'
            f'<desc id="description">{escape(self._description())}</desc>'
            f"<style>{STYLE}</style><defs>{HATCHES}</defs>"
            f'<rect class="paper" width="{WIDTH}" height="{height}"/>'
        )
        heading = f'<text class="heading" x="24" y="36">{title[10:]}</text>'
        note = (
            f"Times in {self.zone}; a bar begins with its first instant and ends before its last."
        )
        body = "".join(self.parts)
        return f'{head}{heading}<text class="small" x="24" y="55">{note}</text>{body}</svg>\n'

    def _description(self) -> str:
        parts = []
        for start, end, valid in self.timeline.answers():
            until = "on" if end is FOREVER else f"until {self._when(end)}"
            parts.append(f"{_ANSWERS[valid]} from {self._when(start)} {until}")
        return "; ".join(parts) or "The programme has no revisions."

    def _when(self, moment: datetime) -> str:
        return f"{moment.astimezone(self.zone):%Y-%m-%d %H:%M}"

    def _text(
        self, x: float, y: float, text: str, kind: str = "label", anchor: str = "start"
    ) -> None:
        self.parts.append(
            f'<text class="{kind}" x="{x}" y="{y}" text-anchor="{anchor}">{escape(text)}</text>'
        )

    def _bar(
        self,
        start: datetime,
        end: datetime,
        kind: str,
        words: str,
        *,
        height: float,
        drop: float = 0,
    ) -> None:
        if not self.scale.shows(start, end):
            return
        x, until = self.scale.x(start), self.scale.x(end)
        width = max(round(until - x, 1), 1.5)
        y = self.y + drop
        last = "without end" if end is FOREVER else f"until {self._when(end)}"
        self.parts.append(
            f'<rect class="{kind}" x="{x}" y="{y}" width="{width}" height="{height}" rx="2">'
            f"<title>{escape(words)}: from {self._when(start)} {last}</title></rect>"
        )

    def _months(self, top: float, bottom: float) -> None:
        """Draw the axis below the lanes: months, thinned where they would touch, and years."""
        first = local_day(self.scale.start, self.zone).replace(day=1)
        last = local_day(self.scale.end, self.zone)
        months: list[date] = []
        while (month := add_months(first, len(months))) <= last:
            months.append(month)
        step = max(1, round(len(months) * 34 / (WIDTH - LEFT - RIGHT)))
        for month in months:
            moment = midnight(month, self.zone)
            if moment < self.scale.start or (month.month - 1) % step:
                continue
            x = self.scale.x(moment)
            kind = "year-line" if month.month == 1 else "month-line"
            self.parts.append(f'<line class="{kind}" x1="{x}" y1="{top}" x2="{x}" y2="{bottom}"/>')
            self._text(x + 3, bottom + 14, f"{month:%b}", "small")
            if month.month == 1 or month is months[0] or month is months[min(1, len(months) - 1)]:
                self._text(x + 3, bottom + 28, f"{month.year}", "year")

    def _revisions(self, header: float, top: float, bottom: float) -> None:
        """Draw each revision as a column behind the lanes, with its number on top."""
        used = [-100.0, -100.0]
        for place, revision in enumerate(self.timeline.programme.revisions):
            start, end = self.timeline.programme.period_of(revision)
            if not self.scale.shows(start, end):
                continue
            x, until = self.scale.x(start), self.scale.x(end)
            kind = "revision odd" if place % 2 else "revision"
            words = escape(f"{place + 1}: {revision.id}: {revision.title}")
            self.parts.append(
                f'<rect class="{kind}" x="{x}" y="{top - 6}" width="{round(until - x, 1)}" '
                f'height="{round(bottom - top + 6, 1)}"><title>{words}</title></rect>'
                f'<line class="revision-line" x1="{x}" y1="{header + 8}" x2="{x}" y2="{bottom}"/>'
            )
            row = 0 if x - used[0] >= 22 else 1
            used[row] = x
            y = header + 10 + 21 * row
            badge = "badge doubtful" if revision.uncertain else "badge"
            self.parts.append(
                f'<circle class="{badge}" cx="{x}" cy="{y}" r="9"><title>{words}</title></circle>'
            )
            self._text(x, y + 4, str(place + 1), "number", "middle")
        self._text(LEFT - 12, header + 15, "Revisions", "label", "end")

    def _lane(self, label: str, kind: str = "label") -> None:
        if len(label) > 44:
            label = f"{label[:43]}…"
        if len(label) > 32:
            kind = "small"
        self._text(LEFT - 12, self.y + 15, label, kind, "end")

    def _requirement(self) -> None:
        self._lane("Requirement")
        joined: list[tuple[datetime, datetime, Requirement]] = []
        for revision in self.timeline.programme.revisions:
            start, end = self.timeline.programme.period_of(revision)
            if joined and joined[-1][2] is revision.requirement:
                joined[-1] = (joined[-1][0], end, revision.requirement)
            else:
                joined.append((start, end, revision.requirement))
        for start, end, requirement in joined:
            kind = f"required-{requirement}"
            self._bar(start, end, kind, _REQUIRED[requirement], height=8, drop=7)
        self.y += LANE

    def _evidence(self) -> None:
        lines = self.timeline.evidence
        shown = sorted(lines, key=_first_moment)[-MOST_LINES:]
        if len(lines) > len(shown):
            self._lane(f"{len(lines) - len(shown)} earlier pieces not shown", "small")
            self.y += LANE
        for line in shown:
            self._lane(line.words[0].upper() + line.words[1:])
            self._event(line)
            colour = str(line.evidence.stage or line.kind)
            for span in line.spans:
                kind = f"{colour}" if span.certain else f"{colour} doubtful-bar"
                words = f"{line.words}, {', '.join(span.rules)}, revision {span.revision}"
                if not span.certain:
                    words += ", in some readings only"
                self._bar(span.start, span.end, kind, words, height=14, drop=4)
            self.y += LANE

    def _event(self, line: EvidenceLine) -> None:
        moment = line.evidence.moment
        when = moment if isinstance(moment, datetime) else midnight(moment, self.zone)
        if self.scale.start <= when <= self.scale.end:
            self._mark(when, line.words)

    def _mark(self, when: datetime, words: str) -> None:
        self.parts.append(
            f'<circle class="event" cx="{self.scale.x(when)}" cy="{self.y + 11}" r="4.5">'
            f"<title>{escape(words)}: {self._when(when)}</title></circle>"
        )

    def _suspensions(self) -> None:
        if not self.timeline.suspensions:
            return
        self._lane("Suspended by positive test")
        for start, end in self.timeline.suspensions:
            self._bar(start, end, "suspension", "suspended by a positive test", height=14, drop=4)
            if self.scale.start <= start <= self.scale.end:
                self._mark(start, "positive test")
        self.y += LANE

    def _validity(self) -> None:
        self.y += 6
        self._text(LEFT - 12, self.y + 22, "Pass", "strong", "end")
        for span in self.timeline.validity:
            self._bar(span.start, span.end, _answer_kind(span), _answer_words(span), height=30)
        self.y += 34

    def _legend(self) -> None:
        x = 24.0
        for kind, words in COLOURS:
            self.parts.append(
                f'<rect class="{kind}" x="{x}" y="{self.y}" width="22" height="12" rx="2"/>'
            )
            self._text(x + 28, self.y + 10.5, words, "small")
            x += 52 + 6.1 * len(words)
            if x > WIDTH - 190:
                x, self.y = 24.0, self.y + 20
        self.y += 34

    def _revision_list(self) -> None:
        """List the revisions by number, in two columns, each with its source's confidence."""
        rows = list(self._list_rows())
        half = (len(rows) + 1) // 2
        top, lowest = self.y, self.y
        for column, part in enumerate((rows[:half], rows[half:])):
            self.y = top
            x = 24 + column * (WIDTH - 48) / 2
            for number, lines, doubtful in part:
                badge = "badge doubtful" if doubtful else "badge"
                self.parts.append(f'<circle class="{badge}" cx="{x + 9}" cy="{self.y + 2}" r="9"/>')
                self._text(x + 9, self.y + 6, str(number), "number", "middle")
                for line in lines:
                    self._text(x + 28, self.y + 6, line, "small")
                    self.y += 16
                self.y += 8
            lowest = max(lowest, self.y)
        self.y = lowest + 6
        self._text(24, self.y, _CONFIDENCES, "small")

    def _list_rows(self) -> Iterator[tuple[int, list[str], bool]]:
        for place, revision in enumerate(self.timeline.programme.revisions):
            when = f"{revision.starts.astimezone(self.zone):%Y-%m-%d %H:%M}".removesuffix(" 00:00")
            words = f"{when}  {revision.title} [{revision.confidence}]"
            lines = wrapped(words, 92)
            if revision.uncertain:
                lines += wrapped(revision.uncertain, 92)
            yield place + 1, lines, revision.uncertain is not None


def _first_moment(line: EvidenceLine) -> tuple[str, int]:
    return f"{line.evidence.moment:%Y-%m-%d}", line.number


def _answer_kind(span: ValiditySpan) -> str:
    if span.exempt:
        return "answer-exempt"
    return {True: "answer-valid", False: "answer-not", None: "answer-open"}[span.valid]


def _answer_words(span: ValiditySpan) -> str:
    words = _ANSWERS[span.valid]
    if span.exempt:
        words += ", exempt by age"
    if span.suspended:
        words += ", suspended"
    return f"{words}, revision {span.revision}"
