"""Is the evidence valid at a moment? The check of one history against one programme.

The rules are those in force at the moment of the check, however long ago a dose was; events after
that moment do not count. A history with doses that can
be read in several ways is judged in each of them: where the answers differ, `Validity.valid` is
None.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from coronapas._time import as_utc
from coronapas.facts._history import births
from coronapas.programmes._clock import FOREVER
from coronapas.programmes._course import Ambiguous, Course, Events, distinct, read_course
from coronapas.programmes._evidence import (
    Holding,
    Person,
    View,
    all_holdings,
    asks_doses,
    bounds,
    counted,
    exemptions,
    other_end,
    shared_by_all,
    views,
)
from coronapas.programmes._model import (
    Mark,
    Programme,
    Requirement,
    Revision,
)
from coronapas.programmes._reasons import Reason, reasons_of

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from coronapas.facts._history import History

_BEGINNING: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Validity:
    """The answer of one check.

    `valid` is None where readings of the history lead to different answers; `ambiguous` says which
    and what would settle them. `until` is the first instant at which the answer changes by the
    rules in force at the check and the events known then (exclusive end of the answer; None: it
    does not change); it is what an issuer would have written into a pass. A later revision can end
    it before: `revision_until` is the instant from which another revision is in force, and a
    `coronapas.programmes.Timeline` follows them all. `since` is the start of the answer
    by the same rules, inclusive, or None.

    All instants are in UTC; `zone` is the programme's. `requirement` is whether a pass is asked
    for at all. `holdings` is the evidence that holds at the moment, in at least one reading.
    """

    programme: str
    """The programme's identifier."""
    at: datetime = field(repr=False)
    """The moment of the question, in UTC."""
    valid: bool | None
    since: datetime | None = field(repr=False)
    until: datetime | None = field(repr=False)
    revision: str | None
    """The identifier of the revision in force; None before the first."""
    revision_until: datetime | None = field(repr=False)
    requirement: Requirement
    exempt: bool
    """Whether nobody asks this holder for a pass."""
    suspended: bool
    """Whether a positive test suspends the pass."""
    holdings: tuple[Holding, ...] = field(repr=False)
    reasons: tuple[Reason, ...] = field(repr=False)
    """The reasons, the leading one first."""
    ambiguous: tuple[Ambiguous, ...] = field(repr=False)
    marks: tuple[Mark, ...] = field(repr=False)
    """What is uncertain about the rows that the answer rests on."""
    zone: ZoneInfo = field(repr=False)

    def to_json(self) -> dict[str, Any]:
        """Return the answer as a JSON object: each instant in UTC, and again in local time."""
        local = {
            name: moment.astimezone(self.zone).isoformat()
            for name, moment in (("at", self.at), ("since", self.since), ("until", self.until))
            if moment is not None
        }
        return {
            "programme": self.programme,
            "at": _written(self.at),
            "valid": self.valid,
            "since": _written(self.since),
            "until": _written(self.until),
            "until_is": "exclusive",
            "local": local,
            "time_zone": str(self.zone),
            "revision": self.revision,
            "revision_until": _written(self.revision_until),
            "requirement": str(self.requirement),
            "exempt": self.exempt,
            "suspended": self.suspended,
            "reasons": [reason.to_json() for reason in self.reasons],
            "evidence": [holding_to_json(holding, self.zone) for holding in self.holdings],
            "ambiguous": [each.to_json() for each in self.ambiguous],
            "marks": [mark.to_json() for mark in self.marks],
        }


def holding_to_json(holding: Holding, zone: ZoneInfo) -> dict[str, Any]:
    """Return one piece of evidence with its interval for JSON."""
    evidence, rule, start, end = holding
    until = None if end is FOREVER else end
    return {
        "kind": evidence.kind,
        "number": evidence.number,
        "date": evidence.moment.isoformat(),
        "stage": evidence.stage and str(evidence.stage),
        "detail": evidence.detail,
        "from": _written(start),
        "from_local": start.astimezone(zone).isoformat(),
        "from_is": "inclusive",
        "until": _written(until),
        "until_local": until and until.astimezone(zone).isoformat(),
        "until_is": "exclusive",
        "rule": rule.id,
        "source": rule.source,
        "confidence": rule.confidence,
    }


def _written(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")


def check(
    programme: Programme,
    history: History,
    at: datetime,
    *,
    place: str | None = None,
    region: str | None = None,
) -> Validity:
    """Judge a history at an instant, which must have a time zone (ValueError).

    `place` and `region` are where the pass is asked for: a kind of place (`Programme.places`) and a
    region (`Programme.regions`). They decide about `Validity.requirement`, exemptions and rules
    that are limited to them. Raises ValueError for one that the programme does not know.
    """
    require_known(programme, place, region)
    moment = as_utc(at)
    events = distinct(programme, history).known_at(moment, programme.zone)
    revision = programme.revision_at(moment)
    if revision is None:
        return _before(programme, moment)
    readings = revision.readings or programme.readings
    course = read_course(programme, events, history.groups, readings)
    people = people_of(history, place, region)
    several = views_of(programme, revision, events, course, history, people)
    valid = agreed(several, course, moment)
    since, until = _limits(several, course, moment, valid)
    later = programme.period_of(revision)[1]
    holdings = _holding_now(several, moment)
    return Validity(
        programme=programme.id,
        at=moment,
        valid=valid,
        since=since,
        until=until,
        revision=revision.id,
        revision_until=None if later is FOREVER else later,
        requirement=revision.requirement_at(place, region, history.sector),
        exempt=all(each.exempt_at(moment) for each in several),
        suspended=several[0].suspended_at(moment),
        holdings=holdings,
        reasons=reasons_of(
            programme, revision, history, people, events, course, several, valid, moment
        ),
        ambiguous=course.ambiguous(),
        marks=_marks(programme, revision, people, course, several, holdings, moment),
        zone=programme.zone,
    )


def is_valid(
    programme: Programme,
    history: History,
    at: datetime,
    *,
    place: str | None = None,
    region: str | None = None,
) -> bool | None:
    """Return the answer of `check` alone, at a fraction of its cost."""
    if place is not None or region is not None:
        require_known(programme, place, region)
    moment = as_utc(at)
    revision = programme.revision_at(moment)
    if revision is None:
        return False
    events = distinct(programme, history).known_at(moment, programme.zone)
    course = read_course(programme, events, history.groups, revision.readings)
    people = people_of(history, place, region)
    several = views_of(programme, revision, events, course, history, people)
    return agreed(several, course, moment)


def require_known(programme: Programme, place: str | None, region: str | None) -> None:
    """Raise ValueError for a place or a region that a programme does not know."""
    for kind, word, words in (
        ("place", place, programme.places),
        ("region", region, programme.regions),
    ):
        if word is not None and word not in words:
            known = ", ".join(words) or "none"
            raise ValueError(f"The programme does not know the {kind}; it knows {known}.")


def views_of(
    programme: Programme,
    revision: Revision,
    events: Events,
    course: Course,
    history: History,
    people: list[Person] | None = None,
) -> tuple[View, ...]:
    """Judge a history under one revision in every reading of its doses and its birth date.

    `people` are the holder in each reading of the birth date; None stands for those of no special
    place and region.
    """
    people = people_of(history) if people is None else people
    # Which dose came before an event depends on those that count.
    each = [(world,) for world in course.worlds] if asks_doses(revision) else [course.worlds]
    found: tuple[View, ...] = ()
    for worlds in each:
        shared = shared_by_all(programme, revision, counted(events, worlds), people)
        found += views(programme, revision, events, worlds, people, shared)
    return found


def people_of(
    history: History, place: str | None = None, region: str | None = None
) -> list[Person]:
    """Return the holder in each reading of the birth date: its first and its last day."""
    days = births(history.birth_date)
    groups = history.groups or frozenset()
    if days is None:
        return [Person(None, history.sector, groups, place, region)]
    return [Person(day, history.sector, groups, place, region) for day in dict.fromkeys(days)]


def agreed(several: tuple[View, ...], course: Course, moment: datetime) -> bool | None:
    """Return the answer that all readings agree on, or None."""
    if course.too_many:
        return None
    first = several[0].valid_at(moment)
    if len(several) == 1 or all(each.valid_at(moment) is first for each in several[1:]):
        return first
    return None


def _limits(
    several: tuple[View, ...], course: Course, moment: datetime, valid: bool | None
) -> tuple[datetime | None, datetime | None]:
    """Find from when until when the answer stays as it is."""
    # The answer is the same from one bound up to the next, so its first instant stands for all.
    stops = sorted(bounds(several, _BEGINNING, FOREVER))
    place = bisect_right(stops, moment)
    later = (stop for stop in stops[place:] if agreed(several, course, stop) is not valid)
    until = next(later, None)
    since = None
    for stop in reversed(stops[:place]):
        if agreed(several, course, stop) is not valid:
            return since, until
        since = stop
    # An exemption by a group or a birth cohort has no beginning, and neither has a no.
    return (None if agreed(several, course, _BEGINNING) is valid else since), until


def _holding_now(several: tuple[View, ...], moment: datetime) -> tuple[Holding, ...]:
    return tuple(
        holding for holding in all_holdings(several) if holding.start <= moment < holding.end
    )


def _marks(
    programme: Programme,
    revision: Revision,
    people: list[Person],
    course: Course,
    several: tuple[View, ...],
    holdings: tuple[Holding, ...],
    moment: datetime,
) -> tuple[Mark, ...]:
    readings = revision.readings or programme.readings
    found = [*programme.marks_at(moment), *course.marks(readings)]
    for person in people if revision.exemptions else ():
        for (start, end), _, row in exemptions(programme.zone, revision, person):
            if start <= moment < end and row is not revision:
                found.extend(row.marks())
    where = people[0].place, people[0].region, people[0].sector
    for local in revision.requirements:
        if local.holds(*where):
            found.extend(local.marks())
            break
    for holding in holdings:
        found.extend(holding.rule.marks())
        found.extend(mark for needed in holding.rule.needs for mark in needed.marks())
        if programme.other_reckoning and other_end(programme, holding) is not None:
            found.extend(programme.other_reckoning.marks())
    if revision.suspension and several[0].shared.suspensions:
        found.extend(revision.suspension.marks())
    return tuple(dict.fromkeys(found))


def _before(programme: Programme, moment: datetime) -> Validity:
    starts = programme.revisions[0].starts if programme.revisions else None
    text = "No revision of the programme is in force yet."
    return Validity(
        programme=programme.id,
        at=moment,
        valid=False,
        since=None,
        until=starts,
        revision=None,
        revision_until=starts,
        requirement=Requirement.ENDED,
        exempt=False,
        suspended=False,
        holdings=(),
        reasons=(Reason("no-revision", text),),
        ambiguous=(),
        marks=programme.marks_at(moment),
        zone=programme.zone,
    )
