"""From a register to what its holder carries: events → the programme's verdict → tokens and passes.

The issuer's side of the Danish flow. A register knows a holder's events; the programme says at a
moment which of them count and until when; from this follow

- a DK1 and a DK2 where the verdict is *valid*; they end with the verdict if that is before the end
  of their life, as only the token tells a verifier when it is over;
- a DK3 with an entry for each event that counts or has counted by the rules in force, each with its
  ``xdu``; one that counts later has none yet, as an entry states no beginning;
- an EU pass (HC1) for each dose, each recovery, and each negative test that still counts.

Where the verdict is *not valid* or ambiguous no domestic token is made; EU passes do not depend on
it. Nor is a DK1 or a DK2 made for an exempt holder: exemption means that nobody asks for a pass,
not that one is issued, and a DK1 says no more than "valid", whoever shows it. `Issue.withheld` says
why what could not be issued was not. Decided here, without a source:

- Where months can be counted in two ways (`Programme.other_reckoning`) an entry and a token end
  with the earlier, and a token is made only where both ways say *valid*.

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
from coronapas.errors import IssueError
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
    """The event's place among those given, from 0."""
    kind: EventKind
    """The kind of the event."""
    why: str


@dataclass(frozen=True, slots=True)
class Withheld:
    """A token or a pass that was not issued, and why.

    `what` is ``DK1``, ``DK2``, ``DK3`` or ``HC1``; `place` the event's among those given, from 0,
    or None; `code` one of ``not-valid``, ``ambiguous``, ``exempt``, ``suspended``, ``short`` (less
    than the issuer's granularity is left), ``no-entry``, or the code of the first fault that the
    issuer found.
    """

    what: str
    code: str
    why: str
    """A sentence for a person."""
    place: int | None = None


@dataclass(frozen=True, slots=True)
class Issue:
    """What was issued for one holder at one moment.

    `verdict` is the programme's. `dk1`, `dk2` and `dk3` are None where the verdict is not *valid*,
    a DK3 also where no event has an entry. `entries` are those of the DK3, with their identifiers,
    which the EU passes of the same events state too; `left_out` are the events without one;
    `withheld` says of each token and pass that was not issued why.
    """

    verdict: Validity
    dk1: DomesticToken | None
    dk2: DomesticToken | None
    dk3: DomesticToken | None
    passes: tuple[Pass, ...]
    """The EU passes of the events, in the order of the entries."""
    entries: tuple[DatedEvent, ...]
    left_out: tuple[LeftOut, ...]
    withheld: tuple[Withheld, ...] = ()


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

    What the issuer refuses, for faults in the facts or because a certificate ends sooner, is
    stated in `Issue.withheld`, and the rest is issued. Raises ValueError for a moment without a
    time zone.
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
        replace(each, uvci=uvci_of(each.event) or uvcis.make(issuer.country)) for each in dated
    )
    eu: list[Pass] = []
    withheld: list[Withheld] = []
    named = {id(each.event): each for each in dated}
    for event in _for_eu_passes(stated, named, moment):
        if passes is None:
            break
        uvci = named[id(event)].uvci if id(event) in named else uvci_of(event)
        try:
            eu.append(passes.issue(holder, event, expires=pass_life, issued_at=moment, uvci=uvci))
        except IssueError as error:
            withheld.append(_refused("HC1", error, stated.index(event)))
    tokens: dict[str, DomesticToken] = {}
    end, refusals = _end_of_token(rules, history, verdict, moment, issuer)
    makers: dict[str, Callable[[datetime], DomesticToken]] = {
        "DK1": lambda until: issuer.dk1(issued_at=moment, expires=until),
        "DK2": lambda until: issuer.dk2(holder, issued_at=moment, expires=until),
        "DK3": lambda _: issuer.dk3(holder, dated, issued_at=moment),
    }
    for name, make in makers.items():
        refusal = refusals.get(name)
        if refusal is None and name == "DK3" and not dated:
            refusal = Withheld(name, "no-entry", "No event has an entry.")
        if refusal is not None or end is None:
            withheld += [refusal] if refusal else []
            continue
        try:
            tokens[name] = make(end)
        except IssueError as error:
            withheld.append(_refused(name, error, None))
    return Issue(
        verdict,
        tokens.get("DK1"),
        tokens.get("DK2"),
        tokens.get("DK3"),
        tuple(eu),
        dated,
        left_out,
        tuple(withheld),
    )


def _refused(what: str, error: IssueError, place: int | None) -> Withheld:
    fault = error.faults[0]
    return Withheld(what, fault.code, f"{fault.problem} {fault.hint}", place)


def dated_events(
    programme: Programme, history: History, events: Iterable[Event], at: datetime
) -> tuple[tuple[DatedEvent, ...], tuple[LeftOut, ...]]:
    """Return the events with the ends of their validity, by the rules in force at a moment.

    `events` are those that `history` was made of (`History.from_facts`). Two statements of one
    event give one entry. Where months can be counted in two ways the earlier end is given. An end
    may be past, a beginning may not be in the future; exemption
    and suspension change neither.
    """
    moment = as_utc(at)
    revision = programme.revision_at(moment)
    views: tuple[View, ...] = ()
    if revision is not None:
        given = distinct(programme, history).known_at(moment, programme.zone)
        course = read_course(programme, given, history.groups, revision.readings)
        if not course.too_many:
            for each in _by_each_reckoning(programme):
                views += views_of(each, revision, given, course, history)
    dated: dict[_Key, DatedEvent] = {}
    left_out = []
    for place, event in enumerate(events):
        key = _key(event)
        if event.disease != programme.disease:
            left_out.append(LeftOut(place, kind_of(event), "It is about another disease."))
            continue
        if key in dated:
            continue
        spans = [_spans(view, key) for view in views]
        begun = [[end for start, end in span if start <= moment] for span in spans]
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
    stated = {
        (event.first_positive, event.disease) for event in events if isinstance(event, Recovery)
    }
    found: list[Event] = []
    first, last = (timedelta(days=days) for days in RECOVERY_DAYS)
    for event in events:
        if not isinstance(event, Test) or TestResult.of(event.result) is TestResult.NOT_DETECTED:
            found.append(event)
        elif TestResult.of(event.result) is TestResult.DETECTED and _word(event) == "naat":
            day = event.sampled_at.astimezone(zone).date()
            if (day, event.disease) not in stated:
                stated.add((day, event.disease))
                found.append(Recovery(day, day + first, day + last, event.country, event.disease))
    return found


def _spans(view: View, key: _Key) -> list[Span]:
    """Return when an event counts in one reading."""
    kind, when, detail = key
    return union(
        (holding.start, holding.end)
        for holding in view.holdings
        if holding.evidence.kind == kind
        and holding.evidence.moment == when
        and (detail is None or holding.evidence.detail == detail)
    )


def _by_each_reckoning(programme: Programme) -> tuple[Programme, ...]:
    other = programme.by_other_reckoning()
    return (programme,) if other is None else (programme, other)


def _end_of_token(
    programme: Programme,
    history: History,
    verdict: Validity,
    moment: datetime,
    issuer: DanishIssuer,
) -> tuple[datetime | None, dict[str, Withheld]]:
    """Return when a DK1 ends, and why which token is not made.

    The end is that of its life or, if sooner, of the verdict, which can end by the rules in force
    or by those of a later revision, in each way of counting.
    """
    names = ("DK1", "DK2", "DK3")
    if verdict.suspended:
        why = "A positive test suspends the pass."
        return None, {name: Withheld(name, "suspended", why) for name in names}
    if verdict.valid is not True:
        code = "ambiguous" if verdict.valid is None else "not-valid"
        why = "The verdict is ambiguous." if verdict.valid is None else "The verdict is not valid."
        return None, {name: Withheld(name, code, why) for name in names}
    ends = [moment + issuer.life]
    for each in _by_each_reckoning(programme):
        answer = verdict if each is programme else check(each, history, moment)
        if answer.valid is not True:
            why = "By the other way of counting months the evidence has ended."
            return None, {name: Withheld(name, "not-valid", why) for name in names}
        if answer.until is not None:
            ends.append(answer.until)
        ends += [
            end for start, end, _ in timeline(each, history).answers() if start <= moment < end
        ]
    end = min(ends)
    refusals: dict[str, Withheld] = {}
    if verdict.exempt:
        why = "The holder is exempt: nobody asks for a pass, and none is issued for it."
        refusals = {name: Withheld(name, "exempt", why) for name in ("DK1", "DK2")}
    step = int(issuer.granularity.total_seconds())
    if int(end.timestamp()) // step <= int(moment.timestamp()) // step:
        why = "Less than the issuer's granularity is left until the verdict ends."
        return None, {name: Withheld(name, "short", why) for name in names}
    return end, refusals


def _for_eu_passes(
    events: list[Event], named: Mapping[int, DatedEvent], moment: datetime
) -> Iterator[Event]:
    """Yield the events that get an EU pass, each once: of the tests those that still count."""
    for event in dict.fromkeys(events):
        entry = named.get(id(event))
        if not isinstance(event, Test) or (entry is not None and entry.valid_until > moment):
            yield event
