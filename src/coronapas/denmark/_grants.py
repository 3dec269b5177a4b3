"""From a register to what its holder carries: events → the programme's verdict → tokens and passes.

The issuer's side of the Danish flow. A register knows a holder's events; the programme says at a
moment which of them count and until when; from this follow

- a DK1 and a DK2 where the verdict is *valid*; they end with the verdict if that is before the end
  of their life, as only the token tells a verifier when it is over;
- a DK3 with an entry for each event that counts or has counted by the rules in force, each with its
  ``xdu``; one that counts later has none yet, as an entry states no beginning;
- an EU pass (HC1) for each dose, each recovery, and each negative test that still counts.

Where the verdict is *not valid* or ambiguous no domestic token is made; EU passes do not depend on
it. Decided here, without a source:

- An event whose validity differs between the readings of a history gets the earliest end; one that
  does not count in every reading has no entry (see `Issue.left_out`).
- Evidence without end (boosters from 2022-01-16) gets `WITHOUT_END`.
- A positive test that proves a recovery is stated as one, valid by the EU's rule (11 to 180 days).
- The end of a token is cut to the issuer's granularity, so that it singles out few holders. With a
  test as the only evidence it still shows roughly when that was taken.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Final

from coronapas._time import as_utc
from coronapas.dcc import _uvci as uvcis
from coronapas.denmark._issuer import DatedEvent
from coronapas.facts import Event, Recovery, Test, TestKind, TestResult, Vaccination, kind_of
from coronapas.facts._history import History
from coronapas.programmes._clock import FOREVER, Span, midnight, union
from coronapas.programmes._course import distinct, read_course
from coronapas.programmes._loader import load
from coronapas.programmes._timeline import timeline
from coronapas.programmes._validity import Validity, check, views_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from zoneinfo import ZoneInfo

    from coronapas.denmark._issuer import DanishIssuer, DomesticToken
    from coronapas.facts import EventKind, Holder
    from coronapas.issue import Issuer, Pass
    from coronapas.programmes._evidence import View
    from coronapas.programmes._model import Programme

WITHOUT_END: Final = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
"""The ``xdu`` of evidence without end; this project's choice, as none was observed."""

RECOVERY_DAYS: Final = (11, 180)
"""First and last day of a recovery's validity after the positive test (Regulation 2021/953)."""

_KINDS: Final = {TestKind.NAAT: "naat", TestKind.RAT: "rat"}

_Key = tuple[str, date | datetime, str | None]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An event without an entry, and why: its place among those given, from 0, and a sentence."""

    place: int
    kind: EventKind
    why: str


@dataclass(frozen=True, slots=True)
class Issue:
    """What was issued for one holder at one moment.

    `verdict` is the programme's. `dk1`, `dk2` and `dk3` are None where the verdict is not *valid*,
    a DK3 also where no event has an entry. `entries` are those of the DK3, with their identifiers,
    which the EU passes of the same events state too; `left_out` are the events without one.
    """

    verdict: Validity
    dk1: DomesticToken | None
    dk2: DomesticToken | None
    dk3: DomesticToken | None
    passes: tuple[Pass, ...]
    entries: tuple[DatedEvent, ...]
    left_out: tuple[LeftOut, ...]


def tokens_for(
    holder: Holder,
    events: Iterable[Event],
    at: datetime,
    issuer: DanishIssuer,
    *,
    passes: Issuer | None = None,
    pass_life: timedelta = timedelta(days=365),
    programme: Programme | None = None,
    sector: str | None = None,
    groups: Iterable[str] | None = None,
    uvci_of: Callable[[Event], str | None] = lambda _: None,
) -> Issue:
    """Issue what a register's events entitle a holder to at a moment, which must have a time zone.

    Events after the moment do not count. `passes` issues the EU passes (none without it), which end
    `pass_life` after the moment. `programme` is by default the bundled Danish one; `sector` and
    `groups` are as in `coronapas.facts.History`.

    `uvci_of` gives the register's identifier of an event, or None for a new one; it may be called
    with a recovery that only a positive test states.

    Raises IssueError for faults in the facts, and ValueError for a moment without a time zone.
    """
    moment = as_utc(at)
    rules = load("denmark") if programme is None else programme
    known = [event for event in events if _begins(event, rules.zone) <= moment]
    stated = _with_recoveries(known, rules.zone)
    history = History.from_facts(*known, birth_date=holder.birth_date, sector=sector, groups=groups)
    verdict = check(rules, history, moment)
    dated, left_out = dated_events(rules, history, stated, moment)
    # Each has an identifier, so that a token and a pass show that they state the same event.
    dated = tuple(
        replace(one, uvci=uvci_of(one.event) or uvcis.make(issuer.country)) for one in dated
    )
    eu: tuple[Pass, ...] = ()
    if passes is not None:
        named = {id(one.event): one for one in dated}
        eu = tuple(
            passes.issue(
                holder,
                event,
                expires=pass_life,
                issued_at=moment,
                uvci=named[id(event)].uvci if id(event) in named else uvci_of(event),
            )
            for event in _for_eu_passes(stated, named, moment)
        )
    end = _end_of_token(rules, history, verdict, moment, issuer)
    if end is None:
        return Issue(verdict, None, None, None, eu, dated, left_out)
    return Issue(
        verdict,
        issuer.dk1(issued_at=moment, expires=end),
        issuer.dk2(holder, issued_at=moment, expires=end),
        issuer.dk3(holder, dated, issued_at=moment) if dated else None,
        eu,
        dated,
        left_out,
    )


def dated_events(
    programme: Programme, history: History, events: Iterable[Event], at: datetime
) -> tuple[tuple[DatedEvent, ...], tuple[LeftOut, ...]]:
    """Return the events with the ends of their validity, by the rules in force at a moment.

    `events` are those that `history` was made of (`History.from_facts`). Two statements of one
    event give one entry. An end may be past, a beginning may not be in the future; exemption
    and suspension change neither.
    """
    moment = as_utc(at)
    revision = programme.revision_at(moment)
    views: tuple[View, ...] = ()
    if revision is not None:
        given = distinct(programme, history).known_at(moment, programme.zone)
        course = read_course(programme, given, history.groups)
        if not course.too_many:
            views = views_of(programme, revision, given, course, history)
    dated: dict[_Key, DatedEvent] = {}
    left_out = []
    for place, event in enumerate(events):
        key = _key(event)
        if key in dated:
            continue
        spans = [_spans(one, key) for one in views]
        begun = [[end for start, end in one if start <= moment] for one in spans]
        if begun and all(begun):
            until = min(one[-1] for one in begun)
            dated[key] = DatedEvent(event, WITHOUT_END if until is FOREVER else until)
        elif any(begun):
            left_out.append(LeftOut(place, kind_of(event), "It counts in some readings only."))
        elif any(spans):
            left_out.append(LeftOut(place, kind_of(event), "It does not count yet."))
        else:
            left_out.append(LeftOut(place, kind_of(event), "No rule in force accepts it."))
    return tuple(dated.values()), tuple(left_out)


def _begins(event: Event, zone: ZoneInfo) -> datetime:
    """Return the instant from which an event is known."""
    if isinstance(event, Test):
        return as_utc(event.sampled_at)
    return midnight(event.date if isinstance(event, Vaccination) else event.first_positive, zone)


def _key(event: Event) -> _Key:
    """Return how the programme identifies an event: kind, time, and the kind of test or proof."""
    if isinstance(event, Vaccination):
        return "vaccination", event.date, None
    if isinstance(event, Recovery):
        return "recovery", event.first_positive, "naat"
    return "test", as_utc(event.sampled_at), _word(event)


def _word(test: Test) -> str:
    kind = TestKind.of(test.kind)
    return _KINDS[kind] if kind else str(test.kind)


def _with_recoveries(events: list[Event], zone: ZoneInfo) -> list[Event]:
    """Return the events that a pass can state: positive tests are stated as recoveries."""
    stated = {event.first_positive for event in events if isinstance(event, Recovery)}
    found: list[Event] = []
    first, last = (timedelta(days=days) for days in RECOVERY_DAYS)
    for event in events:
        if not isinstance(event, Test) or TestResult.of(event.result) is TestResult.NOT_DETECTED:
            found.append(event)
        elif TestResult.of(event.result) is TestResult.DETECTED and _word(event) == "naat":
            day = event.sampled_at.astimezone(zone).date()
            if day not in stated:
                stated.add(day)
                found.append(Recovery(day, day + first, day + last, event.country, event.disease))
    return found


def _spans(view: View, key: _Key) -> list[Span]:
    """Return when an event counts in one reading."""
    kind, when, detail = key
    return union(
        (one.start, one.end)
        for one in view.holdings
        if one.evidence.kind == kind
        and one.evidence.moment == when
        and (detail is None or one.evidence.detail == detail)
    )


def _end_of_token(
    programme: Programme,
    history: History,
    verdict: Validity,
    moment: datetime,
    issuer: DanishIssuer,
) -> datetime | None:
    """Return when a DK1 ends: with its life or, if sooner, the verdict; None without a DK1.

    The verdict can end by the rules in force, or by those of a later revision.
    """
    if verdict.valid is not True:
        return None
    ends = [moment + issuer.life]
    if verdict.until is not None:
        ends.append(verdict.until)
    ends += [
        end for start, end, _ in timeline(programme, history).answers() if start <= moment < end
    ]
    end = min(ends)
    step = int(issuer.granularity.total_seconds())
    return end if int(end.timestamp()) // step > int(moment.timestamp()) // step else None


def _for_eu_passes(
    events: list[Event], named: Mapping[int, DatedEvent], moment: datetime
) -> Iterator[Event]:
    """Yield the events that get an EU pass, each once: of the tests those that still count."""
    for event in dict.fromkeys(events):
        entry = named.get(id(event))
        if not isinstance(event, Test) or (entry is not None and entry.valid_until > moment):
            yield event
