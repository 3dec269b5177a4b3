"""The whole history under all revisions: when which evidence held, and when the pass was valid.

At each instant a timeline says what `coronapas.programmes.check` says there: by the revision in
force, and with the events known by then.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from coronapas._time import as_utc
from coronapas.programmes._clock import (
    FOREVER,
    Span,
    layers,
    midnight,
    union,
    within,
)
from coronapas.programmes._course import Events, distinct, read_course
from coronapas.programmes._evidence import (
    DoseJudge,
    Evidence,
    Needed,
    View,
    asks_doses,
    bounds,
    counted,
    describe,
    shared_by_all,
)
from coronapas.programmes._model import Stage
from coronapas.programmes._validity import agreed, people_of, require_known

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from coronapas.facts._history import History
    from coronapas.programmes._course import Ambiguous, Course, World
    from coronapas.programmes._evidence import Holding, Person, Shared
    from coronapas.programmes._model import Programme, Requirement, Revision


class ValiditySpan(NamedTuple):
    """A time with one answer under one revision: from `start`, inclusive, until `end`, exclusive.

    `end` is `coronapas.programmes.FOREVER` for the last one.
    """

    start: datetime
    end: datetime
    valid: bool | None
    """Whether the holder is valid; None where readings differ."""
    revision: str | None
    """The identifier of the revision in force; None before the first."""
    requirement: Requirement | None
    """Whether a pass is asked for; None before the first revision."""
    suspended: bool
    """Whether a positive test suspends the pass."""
    exempt: bool
    """Whether nobody asks this holder for a pass."""

    def __repr__(self) -> str:
        return f"<ValiditySpan: {self.valid} by {self.revision}>"


class EvidenceSpan(NamedTuple):
    """A time for which a piece of evidence counts: from `start`, inclusive, until `end`, exclusive.

    `rules` and `revision` say by what; `certain` is false where only some readings of the history
    let it count.
    """

    start: datetime
    end: datetime
    revision: str
    rules: tuple[str, ...]
    certain: bool

    def __repr__(self) -> str:
        return f"<EvidenceSpan: {', '.join(self.rules)} of {self.revision}>"


@dataclass(frozen=True, slots=True)
class EvidenceLine:
    """One piece of evidence over time; its spans are in order and never overlap.

    Every dose has a line, also one that never counts; other events only where they count. With
    several readings of a dose `evidence` has one of them, and `words` names all.
    """

    kind: str
    """``vaccination``, ``test`` or ``recovery``."""
    number: int
    """The place among the events of its kind, from 1."""
    words: str = field(repr=False)
    evidence: Evidence
    spans: tuple[EvidenceSpan, ...] = field(repr=False)
    """When it counts and under which rule."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """All intervals of a history under all revisions of a programme.

    `validity` covers all time from the first revision on without gap or overlap; before it nothing
    is valid. `suspensions` are the times for which a positive test suspended the pass.
    """

    programme: Programme
    """The programme."""
    validity: tuple[ValiditySpan, ...] = field(repr=False)
    evidence: tuple[EvidenceLine, ...] = field(repr=False)
    """A line for each piece of evidence."""
    suspensions: tuple[Span, ...] = field(repr=False)
    ambiguous: tuple[Ambiguous, ...] = field(repr=False)
    """The doses that can be read in several ways, where the readings lead to different answers."""
    events: Events = field(repr=False)
    """The distinct events of the history."""

    def at(self, moment: datetime) -> bool | None:
        """Return the answer at an instant, which must have a time zone (ValueError)."""
        moment = as_utc(moment)
        place = bisect_right(self.validity, moment, key=lambda span: span.start)
        return self.validity[place - 1].valid if place else False

    def answers(self) -> list[tuple[datetime, datetime, bool | None]]:
        """Return the answers alone as (start, end, valid), joined where revisions agree."""
        joined: list[tuple[datetime, datetime, bool | None]] = []
        for span in self.validity:
            if joined and joined[-1][2] is span.valid:
                joined[-1] = (joined[-1][0], span.end, span.valid)
            else:
                joined.append((span.start, span.end, span.valid))
        return joined

    def to_json(self) -> dict[str, Any]:
        """Return the timeline as a JSON object: instants in UTC and local time, ends exclusive."""
        zone = self.programme.zone
        return {
            "programme": self.programme.id,
            "time_zone": str(zone),
            "bounds": "from is inclusive, until is exclusive",
            "revisions": [
                {
                    "id": revision.id,
                    "title": revision.title,
                    **_bounds(self.programme.period_of(revision), zone),
                    "requirement": str(revision.requirement),
                    "source": revision.source,
                    "confidence": revision.confidence,
                    "marks": [mark.to_json() for mark in revision.marks()],
                }
                for revision in self.programme.revisions
            ],
            "validity": [
                {
                    **_bounds((span.start, span.end), zone),
                    "valid": span.valid,
                    "revision": span.revision,
                    "requirement": span.requirement and str(span.requirement),
                    "suspended": span.suspended,
                    "exempt": span.exempt,
                }
                for span in self.validity
            ],
            "evidence": [
                {
                    "kind": line.kind,
                    "number": line.number,
                    "words": line.words,
                    "date": line.evidence.moment.isoformat(),
                    "spans": [
                        {
                            **_bounds((span.start, span.end), zone),
                            "revision": span.revision,
                            "rules": list(span.rules),
                            "certain": span.certain,
                        }
                        for span in line.spans
                    ],
                }
                for line in self.evidence
            ],
            "suspensions": [_bounds(span, zone) for span in self.suspensions],
            "ambiguous": [each.to_json() for each in self.ambiguous],
        }


def _bounds(span: Span, zone: ZoneInfo) -> dict[str, str | None]:
    start, end = span
    endless = end is FOREVER
    return {
        "from": start.isoformat().replace("+00:00", "Z"),
        "from_local": start.astimezone(zone).isoformat(),
        "until": None if endless else end.isoformat().replace("+00:00", "Z"),
        "until_local": None if endless else end.astimezone(zone).isoformat(),
    }


def timeline(
    programme: Programme,
    history: History,
    *,
    place: str | None = None,
    region: str | None = None,
) -> Timeline:
    """Follow a history through all revisions of a programme.

    `place` and `region` are those of all the checks; raises ValueError for one that the programme
    does not know.
    """
    require_known(programme, place, region)
    events = distinct(programme, history)
    builder = _Builder(programme, history, people_of(history, place, region), events)
    for start, end in _slabs(programme, events):
        builder.add(_with_doses(events, start, programme.zone), start, end)
    return Timeline(
        programme,
        tuple(builder.validity),
        tuple(builder.lines(events)),
        tuple(union(builder.suspensions)),
        builder.last_course(events).ambiguous(),
        events,
    )


def _slabs(programme: Programme, events: Events) -> Iterator[Span]:
    """Cut all time from the first revision on where a revision begins or a dose becomes known.

    Tests and infections need no cut: what they say begins no earlier than they are known, while a
    dose can change what an earlier one is read as.
    """
    if not programme.revisions:
        return
    first = programme.revisions[0].starts
    cuts = {revision.starts for revision in programme.revisions}
    known = (midnight(dose.date, programme.zone) for dose in events.doses)
    cuts.update(moment for moment in known if moment > first)
    marks = [*sorted(cuts), FOREVER]
    yield from pairwise(marks)


def _with_doses(events: Events, moment: datetime, zone: ZoneInfo) -> Events:
    known = tuple(dose for dose in events.doses if midnight(dose.date, zone) <= moment)
    return events._replace(doses=known)


_Key = tuple[str, object, str | None]


def _key(evidence: Evidence) -> _Key:
    """Name a piece of evidence whatever its reading."""
    detail = None if evidence.kind == "vaccination" else evidence.detail
    return evidence.kind, evidence.moment, detail


_Readings = dict[tuple["Person", "Stage"], tuple["Holding", ...]]
"""What one dose counts for, in each reading of the birth date and of the dose."""


class _Builder:
    def __init__(
        self, programme: Programme, history: History, people: list[Person], events: Events
    ) -> None:
        self.needed = Needed(programme, events)
        self.programme = programme
        self.history = history
        self.validity: list[ValiditySpan] = []
        self.suspensions: list[Span] = []
        self.spans: dict[_Key, list[EvidenceSpan]] = {}
        self.evidence: dict[_Key, list[Evidence]] = {}
        self.people = people
        self.revision: Revision | None = None
        self.asks_doses = False
        self.shared: dict[tuple[bool, ...], tuple[Shared, ...]] = {}

    def add(self, known: Events, start: datetime, end: datetime) -> None:
        revision = self.programme.revision_at(start)
        if revision is None:  # pragma: no cover - slabs begin with the first revision
            return
        changed = self.revision is not revision
        if changed:
            self.asks_doses = asks_doses(revision)
        course = read_course(self.programme, known, self.history.groups, revision.readings)
        if changed or self.asks_doses:
            self.revision = revision
            self.shared = {}
            for world in course.worlds:
                which = self._which_count(world)
                if which not in self.shared:
                    events = counted(known, [world]) if self.asks_doses else known
                    self.shared[which] = shared_by_all(
                        self.programme, revision, events, self.people, self.needed
                    )
            self.judge = DoseJudge(
                self.programme, revision, counted(known, course.worlds), self.needed
            )
        doses = self._doses(known, course, start, end)
        self._add_validity(revision, course, self._views(course, doses), start, end)
        shared = [each for several in self.shared.values() for each in several]
        self.suspensions.extend(within(shared[0].suspended, start, end))
        for readings in doses:
            self._add_evidence(revision, list(readings.values()), start, end)
        self._add_evidence(revision, [each.holdings for each in shared], start, end)

    def _which_count(self, world: World) -> tuple[bool, ...]:
        """Return which doses count in a reading, where a rule asks for the dose before an event."""
        return tuple(stage is not Stage.UNCOUNTED for stage in world) if self.asks_doses else ()

    def _doses(
        self, known: Events, course: Course, start: datetime, end: datetime
    ) -> list[_Readings]:
        """Judge each dose in each of its own readings; worlds only combine these."""
        stages = [dict.fromkeys(each) for each in zip(*course.worlds, strict=True)]
        return [
            {
                (person, stage): tuple(
                    holding
                    for holding in self.judge.holdings(place, dose, stage, person)
                    if holding.start < end and holding.end > start
                )
                for person in self.people
                for stage in stages[place]
            }
            for place, dose in enumerate(known.doses)
        ]

    def _views(self, course: Course, doses: list[_Readings]) -> tuple[View, ...]:
        # With too many worlds the answer is open everywhere, whatever the doses are.
        worlds = course.worlds[:1] if course.too_many else course.worlds
        found = []
        for world in worlds:
            several = self.shared[self._which_count(world)]
            for person, shared in zip(self.people, several, strict=True):
                holdings = tuple(
                    reading
                    for readings, stage in zip(doses, world, strict=True)
                    for reading in readings[person, stage]
                )
                spans = tuple(union((holding.start, holding.end) for holding in holdings))
                found.append(View(holdings, spans, shared))
        return tuple(found)

    def _add_validity(
        self,
        revision: Revision,
        course: Course,
        several: tuple[View, ...],
        start: datetime,
        end: datetime,
    ) -> None:
        marks = [start, *sorted(bounds(several, start, end)), end]
        for low, high in pairwise(marks):
            span = ValiditySpan(
                low,
                high,
                agreed(several, course, low),
                revision.id,
                self.requirement_of(revision),
                several[0].suspended_at(low),
                all(each.exempt_at(low) for each in several),
            )
            last = self.validity[-1] if self.validity else None
            if last and last[2:] == span[2:]:
                self.validity[-1] = last._replace(end=high)
            else:
                self.validity.append(span)

    def requirement_of(self, revision: Revision) -> Requirement:
        person = self.people[0]
        return revision.requirement_at(person.place, person.region, person.sector)

    def _add_evidence(
        self,
        revision: Revision,
        readings: Sequence[Sequence[Holding]],
        start: datetime,
        end: datetime,
    ) -> None:
        """Add what counts in this time; it is certain where it does in every reading."""
        pieces: dict[_Key, list[list[Span]]] = {}
        rules: dict[_Key, set[str]] = {}
        for place, holdings in enumerate(readings):
            for holding in holdings:
                if holding.start >= end or holding.end <= start:
                    continue
                key = _key(holding.evidence)
                spans = pieces.setdefault(key, [[] for _ in readings])
                spans[place].append((holding.start, holding.end))
                rules.setdefault(key, set()).add(holding.rule.id)
                known = self.evidence.setdefault(key, [])
                if holding.evidence not in known:
                    known.append(holding.evidence)
        for key, several in pieces.items():
            clipped = [within(union(spans), start, end) for spans in several]
            ends = [bound for spans in clipped for span in spans for bound in span]
            for (low, high), count in layers(clipped, ends):
                if count:
                    names = tuple(sorted(rules[key]))
                    certain = count == len(readings)
                    self._keep(key, EvidenceSpan(low, high, revision.id, names, certain))

    def _keep(self, key: _Key, span: EvidenceSpan) -> None:
        spans = self.spans.setdefault(key, [])
        if spans and spans[-1].end == span.start and spans[-1][2:] == span[2:]:
            spans[-1] = spans[-1]._replace(end=span.end)
        else:
            spans.append(span)

    def last_course(self, events: Events) -> Course:
        """Return how the doses are read in the end, by the last revision."""
        readings = self.programme.revisions[-1].readings if self.programme.revisions else None
        return read_course(self.programme, events, self.history.groups, readings)

    def lines(self, events: Events) -> Iterator[EvidenceLine]:
        last = self.last_course(events).worlds[0]
        for place, (dose, stage) in enumerate(zip(events.doses, last, strict=True)):
            piece = Evidence("vaccination", place + 1, dose.date, stage, dose.product)
            self.evidence.setdefault(_key(piece), [piece])
        order = {"vaccination": 0, "recovery": 1, "test": 2}
        rows = sorted(self.evidence.items(), key=lambda row: (order[row[0][0]], row[1][0].number))
        for key, pieces in rows:
            stages = " or ".join(sorted({str(each.stage) for each in pieces if each.stage}))
            words = describe(pieces[0], self.programme)
            if len(pieces) > 1:
                words = words.replace(f", {pieces[0].stage})", f", {stages})")
            spans = tuple(self.spans.get(key, ()))
            yield EvidenceLine(pieces[0].kind, pieces[0].number, words, pieces[0], spans)
