"""A timeline as a picture (SVG 1.1, or characters): requirement, evidence, suspensions, validity.

The SVG is one file without scripts, fonts or references to elsewhere. Every bar has a tooltip in
words, and the whole has a title and a description for readers who cannot see it. What a tooltip
says on a screen, paper and phones do not show: the day of each event and the times of validity
stand there as text too. Below `NARROW` pixels of width the labels stand above their bars. The
pictures show the holder's dates and no name.
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
    from collections.abc import Iterator, Sequence
    from zoneinfo import ZoneInfo

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
    ("answer-exempt", "exempt"),
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
.heading.narrow{font-size:16px}.strong{font-size:14px;font-weight:bold}.small{font-size:11px;fill:#4a5663}
.day{font-size:10px;fill:#4a5663}.year{font-size:11px;font-weight:bold;fill:#4a5663}.number{font-size:10.5px;fill:#fff}
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
"""Width of the picture by default, in pixels."""
WIDTHS: Final = (320, 4000)
"""The narrowest and the widest picture, in pixels, inclusive."""
NARROW: Final = 720
"""Below this width, in pixels, the labels stand above their bars."""
EDGE: Final = 24
LABELS: Final = 236
LANE: Final = 26
BADGE: Final = 21
MOST_LINES: Final = 30
"""The most pieces of evidence with a lane of their own: the latest; the others are counted."""

_CONFIDENCES: Final = (
    "[S] read in the source, [P] press or another secondary source, [K] recalled without a source, "
    "[U] uncertain; an orange number has something uncertain about it."
)
_DOUBTFUL: Final = "doubtful-bar"
_ANSWERS: Final = {True: "valid", False: "not valid", None: "ambiguous"}
_REQUIRED: Final = {
    Requirement.IN_FORCE: "a pass is asked for",
    Requirement.LIFTED: "lifted: no pass is asked for, the rules stay",
    Requirement.ENDED: "the requirement has ended",
}


@dataclass(frozen=True, slots=True)
class _Scale:
    """Maps instants to places from `left` to `right`: pixels, or columns."""

    start: datetime
    end: datetime
    left: float
    right: float

    def x(self, moment: datetime) -> float:
        inside = min(max(moment, self.start), self.end)
        share = (inside - self.start) / (self.end - self.start)
        return round(self.left + share * (self.right - self.left), 1)

    def shows(self, start: datetime, end: datetime) -> bool:
        return start < self.end and end > self.start


def timeline_svg(
    timeline: Timeline,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    width: int = WIDTH,
) -> str:
    """Draw a timeline.

    `start` and `end` limit what is shown and need time zones; by default everything from the first
    event or revision to a while after the last one. `width` is in pixels: 1280 suits a screen and
    paper, 390 a phone. Raises ValueError for less than an hour, and for a width outside of 320 to
    4000 pixels.
    """
    narrowest, widest = WIDTHS
    if not narrowest <= width <= widest:
        raise ValueError(f"The width must be {narrowest} to {widest} pixels.")
    drawing = _Drawing(timeline, _limits(timeline, start, end), width)
    drawing.draw()
    return drawing.svg()


def _limits(
    timeline: Timeline, start: datetime | None, end: datetime | None
) -> tuple[datetime, datetime]:
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
    return first, last


class _Drawing:
    def __init__(self, timeline: Timeline, limits: tuple[datetime, datetime], width: int) -> None:
        self.timeline = timeline
        self.width = width
        self.narrow = width < NARROW
        self.edge = EDGE / 2 if self.narrow else EDGE
        self.scale = _Scale(*limits, self.edge if self.narrow else LABELS, width - self.edge)
        self.zone = timeline.programme.zone
        self.parts: list[str] = []
        self.kinds: set[str] = set()
        self.y = 0.0

    def draw(self) -> None:
        self._heading()
        header = self.y
        badges = self._badges()
        self.y += 10 + BADGE * (1 + max((row for _, _, row in badges), default=0))
        top = self.y
        body = len(self.parts)
        self._requirement()
        self._evidence()
        self._suspensions()
        self._validity()
        bottom = self.y + 4
        front = self.parts[body:]
        del self.parts[body:]
        self._revisions(badges, header, top, bottom)
        self._months(top, bottom)
        self.parts += front
        self.y = bottom + 42
        self._answers()
        self._legend()
        self._revision_list([place for place, _, _ in badges])

    def svg(self) -> str:
        title = escape(f"Timeline: {self.timeline.programme.title}")
        height = round(self.y + 16)
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {height}" '
            f'width="{self.width}" height="{height}" role="img" '
            'aria-labelledby="title description">'
            f'<title id="title">{title}</title>'
            f'<desc id="description">{escape(self._description())}</desc>'
            f"<style>{STYLE}</style><defs>{HATCHES}</defs>"
            f'<rect class="paper" width="{self.width}" height="{height}"/>'
        )
        return f"{head}{''.join(self.parts)}</svg>\n"

    def _heading(self) -> None:
        kind, size = ("heading narrow", 16) if self.narrow else ("heading", 19)
        self.y = 14
        for line in wrapped(self.timeline.programme.title, self._letters(size)):
            self.y += size + 4
            self._text(self.edge, self.y, line, kind)
        note = (
            f"Times in {self.zone}; a bar begins with its first instant and ends before its last."
        )
        for line in wrapped(note, self._letters(11)):
            self.y += 16
            self._text(self.edge, self.y, line, "small")
        self.y += 12

    def _letters(self, size: float, width: float | None = None) -> int:
        """Return how many letters of a size surely stand in a line, in pixels both."""
        room = self.width - 2 * self.edge if width is None else width
        return max(10, int(room / (0.58 * size)))

    def _description(self) -> str:
        parts = []
        for start, end, valid in self.timeline.answers():
            until = self._until(end, endless="on")
            parts.append(f"{_ANSWERS[valid]} from {self._when(start)} {until}")
        return "; ".join(parts) or "The programme has no revisions."

    def _when(self, moment: datetime) -> str:
        return f"{moment.astimezone(self.zone):%Y-%m-%d %H:%M}"

    def _until(self, end: datetime, endless: str = "without end") -> str:
        return endless if end is FOREVER else f"until {self._when(end)}"

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
        self.kinds.add(kind)
        x, until = self.scale.x(start), self.scale.x(end)
        width = max(round(until - x, 1), 1.5)
        y = self.y + drop
        last = self._until(end)
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
        room = self.scale.right - self.scale.left
        step = next((step for step in (1, 2, 3, 6, 12) if len(months) * 34 <= step * room), 12)
        dated = False
        for month in months:
            moment = midnight(month, self.zone)
            if moment < self.scale.start or (month.month - 1) % step:
                continue
            x = self.scale.x(moment)
            kind = "year-line" if month.month == 1 else "month-line"
            self.parts.append(f'<line class="{kind}" x1="{x}" y1="{top}" x2="{x}" y2="{bottom}"/>')
            if x + 26 > self.width:
                continue  # the name would be cut off
            self._text(x + 3, bottom + 14, f"{month:%b}", "small")
            if month.month == 1 or not dated:
                self._text(x + 3, bottom + 28, f"{month.year}", "year")
                dated = True

    def _badges(self) -> list[tuple[int, float, int]]:
        """Return which revisions are shown, where, and in which row their numbers do not touch."""
        found: list[tuple[int, float, int]] = []
        last: list[float] = []
        for place, revision in enumerate(self.timeline.programme.revisions):
            if not self.scale.shows(*self.timeline.programme.period_of(revision)):
                continue
            x = self.scale.x(self.timeline.programme.period_of(revision)[0])
            row = next((row for row, used in enumerate(last) if x - used >= BADGE), len(last))
            last[row : row + 1] = [x]
            found.append((place, x, row))
        return found

    def _revisions(
        self, badges: list[tuple[int, float, int]], header: float, top: float, bottom: float
    ) -> None:
        """Draw each revision as a column behind the lanes, with its number on top."""
        for place, x, row in badges:
            revision = self.timeline.programme.revisions[place]
            until = self.scale.x(self.timeline.programme.period_of(revision)[1])
            kind = "revision odd" if place % 2 else "revision"
            words = escape(f"{place + 1}: {revision.id}: {revision.title}")
            y = header + 10 + BADGE * row
            badge = "badge doubtful" if revision.uncertain else "badge"
            self.parts.append(
                f'<rect class="{kind}" x="{x}" y="{top - 6}" width="{round(until - x, 1)}" '
                f'height="{round(bottom - top + 6, 1)}"><title>{words}</title></rect>'
                f'<line class="revision-line" x1="{x}" y1="{y}" x2="{x}" y2="{bottom}"/>'
                f'<circle class="{badge}" cx="{x}" cy="{y}" r="9"><title>{words}</title></circle>'
            )
            self._text(x, y + 4, str(place + 1), "number", "middle")
        if not self.narrow:
            self._text(LABELS - 12, header + 15, "Revisions", "label", "end")

    def _lane(self, label: str, kind: str = "label", note: str = "") -> None:
        """Write the label of the next lane, with a note such as a day; go to where its bar is."""
        if self.narrow:
            beside = f"{label}, {note}" if note else label
            self._text(self.edge, self.y + 11, _cut(beside, self._letters(12)), kind)
            self.y += 13
            return
        if len(label) > 32:
            label, kind = _cut(label, 44), "small"
        self._text(LABELS - 12, self.y + (10 if note else 15), label, kind, "end")
        if note:
            self._text(LABELS - 12, self.y + 22, note, "day", "end")

    def _next(self) -> None:
        self.y += LANE

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
        self._next()

    def _evidence(self) -> None:
        lines = self.timeline.evidence
        shown = sorted(lines, key=_first_moment)[-MOST_LINES:]
        if len(lines) > len(shown):
            self._lane(f"{len(lines) - len(shown)} earlier pieces not shown", "small")
            self._next()
        for line in shown:
            day = self._when(_instant(line.evidence.moment, self.zone))
            self._lane(line.words[0].upper() + line.words[1:], note=day.removesuffix(" 00:00"))
            colour = str(line.evidence.stage or line.kind)
            for span in line.spans:
                kind = f"{colour}" if span.certain else f"{colour} doubtful-bar"
                words = f"{line.words}, {', '.join(span.rules)}, revision {span.revision}"
                if not span.certain:
                    words += ", in some readings only"
                self._bar(span.start, span.end, kind, words, height=14, drop=4)
            self._event(line)
            self._next()

    def _event(self, line: EvidenceLine) -> None:
        when = _instant(line.evidence.moment, self.zone)
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
        self._next()

    def _validity(self) -> None:
        self.y += 6
        if self.narrow:
            self._text(self.edge, self.y + 12, "Pass", "strong")
            self.y += 18
        else:
            self._text(LABELS - 12, self.y + 22, "Pass", "strong", "end")
        for span in self.timeline.validity:
            self._bar(span.start, span.end, _answer_kind(span), _answer_words(span), height=30)
        self.y += 34

    def _answers(self) -> None:
        """Write when the pass is valid or ambiguous, as far as it is shown."""
        rows = [
            (valid, f"{_ANSWERS[valid]} from {self._when(start)} {self._until(end)}")
            for start, end, valid in self.timeline.answers()
            if valid is not False and self.scale.shows(start, end)
        ]
        rows = [(valid, text.replace(" 00:00", "")) for valid, text in rows]
        if not rows:
            return
        room = self.width - 2 * self.edge
        columns = max(1, int(room // 380))
        shown = rows[:MOST_LINES]
        for place, (valid, text) in enumerate(shown):
            x = self.edge + place % columns * room / columns
            kind = "answer-open" if valid is None else "answer-valid"
            self.parts.append(
                f'<rect class="{kind}" x="{x}" y="{self.y}" width="12" height="12" rx="2"/>'
            )
            lines = wrapped(text, self._letters(12, room / columns - 18))
            for number, line in enumerate(lines):
                self._text(x + 18, self.y + 10.5 + 15 * number, line)
            if place % columns == columns - 1 or place == len(shown) - 1:
                self.y += 5 + 15 * len(lines)
        if len(rows) > MOST_LINES:
            self._text(self.edge, self.y + 10.5, f"and {len(rows) - MOST_LINES} later", "small")
            self.y += 20
        self.y += 8

    def _legend(self) -> None:
        """Say what the bars mean that are there."""
        x = self.edge
        for kind, words in COLOURS:
            if not self._used(kind):
                continue
            length = 52 + 6.4 * len(words)
            if x > self.edge and x + length - 24 > self.width - self.edge:
                x, self.y = self.edge, self.y + 20
            self.parts.append(
                f'<rect class="{kind}" x="{x}" y="{self.y}" width="22" height="12" rx="2"/>'
            )
            self._text(x + 28, self.y + 10.5, words, "small")
            x = round(x + length, 1)
        self.y += 34

    def _used(self, kind: str) -> bool:
        if kind.endswith(_DOUBTFUL):
            return any(used.endswith(_DOUBTFUL) for used in self.kinds)
        alike = {"primary", "single", "recovered"} if kind == "primary" else {kind}
        return any(used.removesuffix(_DOUBTFUL).strip() in alike for used in self.kinds)

    def _revision_list(self, shown: list[int]) -> None:
        """List the revisions shown by number, each with its source's confidence."""
        columns = 1 if self.narrow else 2
        room = (self.width - 2 * self.edge) / columns
        rows = [row for row in self._list_rows(self._letters(11, room - 40)) if row[0] - 1 in shown]
        half = -(-len(rows) // columns)
        top, lowest = self.y, self.y
        for column, part in enumerate((rows[:half], rows[half:])):
            self.y = top
            x = self.edge + column * room
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
        for line in wrapped(_CONFIDENCES, self._letters(11)):
            self._text(self.edge, self.y, line, "small")
            self.y += 16
        self.y -= 16

    def _list_rows(self, letters: int) -> Iterator[tuple[int, list[str], bool]]:
        for place, revision in enumerate(self.timeline.programme.revisions):
            when = self._when(revision.starts).removesuffix(" 00:00")
            # A blank at which no line is broken: the mark does not stand alone.
            words = f"{when}  {revision.title}\u00a0[{revision.confidence}]"
            lines = wrapped(words, letters)
            if revision.uncertain:
                lines += wrapped(revision.uncertain, letters)
            yield place + 1, lines, revision.uncertain is not None


# The same in characters.

COLUMNS: Final = (40, 400)
"""The narrowest and the widest picture in characters, inclusive."""

_WHOLE, _PART, _SOME, _NONE = "█", "▄", "▒", "·"
_CHARACTERS: Final = (
    ("█", "all of the time"),
    ("▄", "some of it"),
    ("▒", "in some readings"),
    ("?", "ambiguous"),
    ("·", "not valid"),
    ("●", "the event"),
    ("━", "pass asked for"),
    ("─", "lifted"),
)


def timeline_text(
    timeline: Timeline,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    columns: int = 80,
) -> str:
    """Draw a timeline in characters, in lines of at most so many columns.

    `start` and `end` are those of `timeline_svg`. A column stands for a stretch of time, and says
    whether something holds for all or for some of it. The last line says what the characters mean.
    Raises ValueError for less than an hour, and for columns outside of 40 to 400.
    """
    fewest, most = COLUMNS
    if not fewest <= columns <= most:
        raise ValueError(f"There must be {fewest} to {most} columns.")
    return _Characters(timeline, _limits(timeline, start, end), columns).text()


class _Characters:
    def __init__(self, timeline: Timeline, limits: tuple[datetime, datetime], columns: int) -> None:
        self.timeline = timeline
        self.columns = columns
        self.labels = 12 + columns // 5
        self.cells = columns - self.labels - 1
        self.scale = _Scale(*limits, 0, self.cells)
        self.zone = timeline.programme.zone

    def text(self) -> str:
        lines = [*wrapped(self.timeline.programme.title, self.columns), *self._axis()]
        lanes = [*self._lanes()]
        for label, cells in lanes:
            lines.append(f"{_cut(label, self.labels):{self.labels}} {cells}".rstrip())
        drawn = "".join(cells for _, cells in lanes)
        # With blanks at which no line is broken.
        meanings = [
            f"{sign} {words}".replace(" ", "\u00a0") for sign, words in _CHARACTERS if sign in drawn
        ]
        lines += wrapped("   ".join(meanings), self.columns)
        return "\n".join(lines).replace("\u00a0", " ")

    def _lanes(self) -> Iterator[tuple[str, str]]:
        yield "Requirement", self._requirement()
        lines = sorted(self.timeline.evidence, key=_first_moment)
        if len(lines) > MOST_LINES:
            yield f"{len(lines) - MOST_LINES} earlier pieces not shown", ""
        for line in lines[-MOST_LINES:]:
            certain = [(span.start, span.end) for span in line.spans if span.certain]
            others = [(span.start, span.end) for span in line.spans if not span.certain]
            cells = self._over(self._shaded(others, _SOME, _SOME), self._shaded(certain))
            mark = self._event(_instant(line.evidence.moment, self.zone))
            yield line.words[0].upper() + line.words[1:], self._over(cells, mark)
        if self.timeline.suspensions:
            yield "Suspended", self._shaded(list(self.timeline.suspensions))
        yield "Pass", self._pass()

    def _requirement(self) -> str:
        signs = {Requirement.IN_FORCE: "━", Requirement.LIFTED: "─"}
        cells = " " * self.cells
        for revision in self.timeline.programme.revisions:
            sign = signs.get(revision.requirement, " ")
            period = self.timeline.programme.period_of(revision)
            cells = self._over(cells, self._shaded([period], sign, sign))
        return cells

    def _pass(self) -> str:
        cells = _NONE * self.cells
        answers = self.timeline.answers()
        for wanted, signs in ((True, (_WHOLE, _PART)), (None, ("?", "?"))):
            spans = [(start, end) for start, end, valid in answers if valid is wanted]
            cells = self._over(cells, self._shaded(spans, *signs))
        return cells

    def _shaded(
        self, spans: Sequence[tuple[datetime, datetime]], whole: str = _WHOLE, part: str = _PART
    ) -> str:
        """Return a cell for each column: whether the spans cover all, some or nothing of it."""
        covered = [0.0] * self.cells
        for start, end in spans:
            if not self.scale.shows(start, end):
                continue
            low, high = self.scale.x(start), max(self.scale.x(end), self.scale.x(start) + 0.01)
            for cell in range(int(low), min(self.cells, int(high) + 1)):
                covered[cell] += max(0.0, min(high, cell + 1) - max(low, cell))
        return "".join(
            whole if share > 0.9 else part if share > 0.001 else " " for share in covered
        )

    def _event(self, moment: datetime) -> str:
        if not self.scale.start <= moment < self.scale.end:
            return ""
        return " " * int(self.scale.x(moment)) + "●"

    def _over(self, below: str, above: str) -> str:
        """Lay one lane over another; blanks are transparent."""
        return "".join(
            low if high == " " else high
            for low, high in zip(below, above.ljust(self.cells), strict=True)
        )

    def _axis(self) -> list[str]:
        """Return the years and the months: names, their first letters, or each third one's."""
        months: list[tuple[date, int]] = []
        month = local_day(self.scale.start, self.zone).replace(day=1)
        while (moment := midnight(month, self.zone)) < self.scale.end:
            if moment >= self.scale.start:
                months.append((month, int(self.scale.x(moment))))
            month = add_months(month, 1)
        each = self.cells / max(1, len(months))
        letters, step = (3, 1) if each >= 4 else (1, 1) if each >= 2 else (1, 3)
        years, names = "", ""
        for month, place in months:
            if (month.month == 1 or not years) and len(years) <= place <= self.cells - 4:
                years = f"{years:{place}}{month.year}"
            if (month.month - 1) % step == 0 and place + letters <= self.cells:
                names = f"{names:{place}}{month:%b}"[: place + letters]
        margin = " " * (self.labels + 1)
        return [(margin + row).rstrip() for row in (years, names)]


def _cut(text: str, letters: int) -> str:
    return text if len(text) <= letters else f"{text[: letters - 1]}…"


def _instant(moment: date | datetime, zone: ZoneInfo) -> datetime:
    """Return a moment, or the midnight with which a day begins."""
    return moment if isinstance(moment, datetime) else midnight(moment, zone)


def _first_moment(line: EvidenceLine) -> tuple[str, int]:
    return f"{line.evidence.moment:%Y-%m-%d}", line.number


def _answer_kind(span: ValiditySpan) -> str:
    if span.exempt:
        return "answer-exempt"
    return {True: "answer-valid", False: "answer-not", None: "answer-open"}[span.valid]


def _answer_words(span: ValiditySpan) -> str:
    words = _ANSWERS[span.valid]
    if span.exempt:
        words += ", exempt"
    if span.suspended:
        words += ", suspended"
    return f"{words}, revision {span.revision}"
