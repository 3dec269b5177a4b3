"""Until when a verdict holds: the intervals of time over which rules say the same of a pass.

::

    timeline = rules.timeline(pass_, country="FI", at=moment)
    window = timeline.window_at(moment)
    window.outcome, window.start, window.end, window.ends_because
    window.sentence                  # Accepted in FI from … until …, when …

`coronapas.rules._search` finds the intervals; here is the result. It never changes. `sentence`,
`text` and `to_json` are made when they are asked for, and show the holder's dates, moved by what
the rules add to them; no `repr` does. The rules' own words come in the language that was asked for,
the rest is English.

Moments are those of `datetime`, to the microsecond. Rules read the clock cut to the millisecond
before it: what is "not after noon" is so until 12:00:00.000999. `first` and `last` say exactly
that; `start` and `end` say "noon, included".
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property
from itertools import groupby
from typing import (
    TYPE_CHECKING,
    Any,
    Final,
    NamedTuple,
)
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from coronapas.rules import _verdict as verdict
from coronapas.rules._model import RuleType
from coronapas.rules._verdict import Outcome

if TYPE_CHECKING:
    from coronapas.rules._loading import Scope
    from coronapas.rules._model import Rule
    from coronapas.rules._verdict import RuleResult, Verdict
    from coronapas.verify._result import Check


_TICK: Final = timedelta(microseconds=1)


class Bound(NamedTuple):
    """An end of an interval: a moment in UTC, and whether it belongs to the interval."""

    moment: datetime
    """The moment, in UTC."""
    included: bool
    """Whether it belongs to the interval."""

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"at": self.moment.isoformat(), "included": self.included}


@dataclass(frozen=True, slots=True)
class Change:
    """The results of one rule before a moment and after it; None where it was not in force."""

    before: RuleResult | None
    """The result before the moment."""
    after: RuleResult | None
    """The result after it."""

    @property
    def rule(self) -> Rule:
        """The rule, in the later of its versions here."""
        return self.shown.rule

    @property
    def description(self) -> str:
        """The rule's own words, in the language wanted where it has it, else in English."""
        return self.shown.description

    @property
    def sentence(self) -> str:
        """What happens to the rule, in words: ``VR-FI-0004 1.0.6 ceases to hold (…)``."""
        return change(self)

    @property
    def shown(self) -> RuleResult:
        """The result after the moment, otherwise the one before it."""
        shown = self.after or self.before
        assert shown is not None, "a change of nothing"  # noqa: S101 - nobody makes one
        return shown

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "rule": self.rule.identifier,
            "description": self.description,
            "before": _state(self.before),
            "after": _state(self.after),
        }


@dataclass(frozen=True, slots=True, repr=False)
class Phase:
    """From `first` to `last` (inclusive) every rule has the same result: that in `verdict`."""

    first: datetime
    last: datetime
    verdict: Verdict

    @property
    def outcome(self) -> Outcome:
        """The outcome of all rules together."""
        return self.verdict.outcome

    def __repr__(self) -> str:
        return f"<Phase {self.verdict.country} {self.outcome}>"


@dataclass(frozen=True, repr=False)
class Window:
    """An interval with one outcome: one phase, or several in which different rules decide.

    `before` and `after` are the phases next to it; None where the timeline ends.
    """

    phases: tuple[Phase, ...]
    """The phases, in the order of time; at least one."""
    before: Phase | None = None
    after: Phase | None = None

    @property
    def outcome(self) -> Outcome:
        """PASS, FAIL, OPEN, NO RULES or REFUSED."""
        return self.phases[0].outcome

    @property
    def scope(self) -> Scope:
        """Whom the rules were asked for."""
        return self.phases[0].verdict.scope

    @property
    def first(self) -> datetime:
        """The first moment (UTC, microseconds), included."""
        return self.phases[0].first

    @property
    def last(self) -> datetime:
        """The last moment (UTC, microseconds), included."""
        return self.phases[-1].last

    @cached_property
    def start(self) -> Bound | None:
        """Where it starts, to the second wherever the rules and the pass know no less.

        None where the timeline starts: that something changes there is not known.
        """
        if self.before is None:
            return None
        earlier = _to_millisecond(self.before.last)
        if self.first.microsecond and not earlier.microsecond:
            return Bound(earlier, included=False)
        return Bound(self.first, included=True)

    @cached_property
    def end(self) -> Bound | None:
        """Where it ends, as `start`; None where the timeline ends."""
        if self.after is None:
            return None
        latest = _to_millisecond(self.last)
        if self.after.first.microsecond and not latest.microsecond:
            return Bound(latest, included=True)
        return Bound(self.after.first, included=False)

    @cached_property
    def begins_because(self) -> tuple[Change, ...]:
        """The rules whose change makes the outcome.

        Empty where `start` is None, and where the pass's own validity begins or ends.
        """
        return () if self.before is None else _decided(self.before, self.phases[0])

    @cached_property
    def ends_because(self) -> tuple[Change, ...]:
        """The rules whose change ends the outcome; empty as `begins_because`."""
        return () if self.after is None else _decided(self.phases[-1], self.after)

    @property
    def deciding(self) -> tuple[RuleResult, ...]:
        """The rules that fail, or that are open, in any phase of it; each once."""
        found: dict[Rule, RuleResult] = {}
        for phase in self.phases:
            verdict = phase.verdict
            decisive = {Outcome.FAIL: verdict.failures, Outcome.OPEN: verdict.open}
            for each in decisive.get(self.outcome, ()):
                found.setdefault(each.rule, each)
        return tuple(found.values())

    @property
    def refusals(self) -> tuple[Check, ...]:
        """Why the pass is refused, as `Verdict.refusals`, in any phase of it; each once."""
        found = (check for phase in self.phases for check in phase.verdict.refusals)
        return tuple(dict.fromkeys(found))

    def __contains__(self, moment: datetime) -> bool:
        return self.first <= moment <= self.last

    def __repr__(self) -> str:
        return f"<Window {self.scope.country} {self.outcome}>"

    @property
    def sentence(self) -> str:
        """The interval as a sentence; it shows the holder's dates."""
        return window(self)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form; it shows the holder's dates."""
        return {
            "outcome": str(self.outcome),
            "start": None if self.start is None else self.start.to_json(),
            "end": None if self.end is None else self.end.to_json(),
            "begins_because": [each.to_json() for each in self.begins_because],
            "ends_because": [each.to_json() for each in self.ends_because],
            "deciding": [each.to_json() for each in self.deciding],
            "refusals": [check.code for check in self.refusals],
            "sentence": self.sentence,
        }


@dataclass(frozen=True, repr=False)
class Timeline:
    """What the rules say of one pass at every moment from `first` to `last` (both included).

    `complete` is false where less was found than was asked for: the verdict changes too often for
    the effort allowed, and is not known outside of `first` and `last`. `issued_at` and
    `expires` are what the container of the pass says of its own validity, where that is known. A
    pass that was verified is REFUSED outside of it; of an envelope or a payload that nobody
    verified, the rules alone decide.
    """

    scope: Scope
    """Whom the rules were asked for."""
    phases: tuple[Phase, ...]
    """All phases, in the order of time, without gap or overlap."""
    complete: bool = True
    issued_at: datetime | None = None
    expires: datetime | None = None
    end_included: bool = True
    """Whether the pass is still valid at `expires`."""

    @property
    def first(self) -> datetime:
        """The first moment that it covers, included."""
        return self.phases[0].first

    @property
    def last(self) -> datetime:
        """The last moment that it covers, included."""
        return self.phases[-1].last

    @cached_property
    def windows(self) -> tuple[Window, ...]:
        """The phases put together by their outcome, ascending; they leave no gap."""
        groups = [tuple(found) for _, found in groupby(self.phases, lambda each: each.outcome)]
        before = [None, *(group[-1] for group in groups[:-1])]
        after = [*(group[0] for group in groups[1:]), None]
        return tuple(map(Window, groups, before, after))

    @property
    def accepted(self) -> tuple[Window, ...]:
        """The windows whose outcome is PASS."""
        return tuple(each for each in self.windows if each.outcome is Outcome.PASS)

    def window_at(self, moment: datetime) -> Window | None:
        """Return the window that a moment lies in; None outside of what is covered.

        Raises ValueError for a moment without a time zone.
        """
        if moment.utcoffset() is None:
            raise ValueError("the moment must have a time zone")
        place = bisect_right(self.windows, moment, key=lambda each: each.first) - 1
        return self.windows[place] if place >= 0 and moment in self.windows[place] else None

    def __repr__(self) -> str:
        found = " ".join(f"{each.outcome}" for each in self.windows)
        return f"<Timeline {self.scope.country}: {found}>"

    def text(self) -> str:
        """Return a line for each window; it shows the holder's dates."""
        return timeline(self)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form; it shows the holder's dates."""
        return {
            "country": self.scope.country,
            "region": self.scope.region,
            "first": self.first.isoformat(),
            "last": self.last.isoformat(),
            "complete": self.complete,
            "issued_at": None if self.issued_at is None else self.issued_at.isoformat(),
            "expires": None if self.expires is None else self.expires.isoformat(),
            "end_included": self.end_included,
            "windows": [each.to_json() for each in self.windows],
        }


def _decided(before: Phase, after: Phase) -> tuple[Change, ...]:
    """Return the rules that make a change between two phases; none where one is refused."""
    refused = Outcome.REFUSED in (before.outcome, after.outcome)
    return () if refused else changes(before, after)


def changes(before: Phase, after: Phase) -> tuple[Change, ...]:
    """Return the rules whose change makes the outcome of two neighbouring phases differ.

    Where no rule is left, those that left; where the pass begins to fail, those that begin to;
    where it ceases to, those that cease to; else all.
    """
    was = {(result.rule.type, result.rule.identifier): result for result in before.verdict.results}
    now = {(each.rule.type, each.rule.identifier): each for each in after.verdict.results}
    found = [Change(was.get(key), now.get(key)) for key in {**was, **now}]
    found = [each for each in found if _differs(each.before, each.after)]
    fails = Outcome.FAIL
    if after.outcome is Outcome.NO_RULES:
        decisive = [each for each in found if each.after is None]
    elif after.outcome is fails:
        decisive = [each for each in found if each.after and each.after.outcome is fails]
    elif before.outcome is fails:
        decisive = [each for each in found if each.before and each.before.outcome is fails]
    else:
        decisive = [each for each in found if _outcome(each.before) is not _outcome(each.after)]
    return tuple(decisive)


def _outcome(result: RuleResult | None) -> Outcome | None:
    return None if result is None else result.outcome


def _differs(before: RuleResult | None, after: RuleResult | None) -> bool:
    return (
        before is None
        or after is None
        or before.rule is not after.rule
        or before.outcome is not after.outcome
    )


def _state(result: RuleResult | None) -> dict[str, Any] | None:
    if result is None:
        return None
    return {
        "version": str(result.rule.version),
        "outcome": str(result.outcome),
        "code": result.code,
    }


def _to_millisecond(moment: datetime) -> datetime:
    """Cut a moment as the rules' clock is cut."""
    return moment - _TICK * (moment.microsecond % 1000)


MAX_NAMED: Final = 3
"""As many rules as are named for one bound."""

_OUTCOMES: Final = {
    Outcome.PASS: "Accepted in",
    Outcome.FAIL: "Not accepted in",
    Outcome.OPEN: "Not decided for",
    Outcome.NO_RULES: "No acceptance rule for such a pass in",
    Outcome.REFUSED: "Refused in",
}


def window(found: Window) -> str:
    """Return a sentence: outcome, start and end with the rules whose change makes them."""
    country = found.scope.country
    parts = [f"{_OUTCOMES[found.outcome]} {verdict.place(found.scope)}"]
    if found.start is None and found.end is None:
        parts.append("at every moment asked about")
    if found.start is not None:
        own = _own_validity(found.before, found.phases[0])
        parts.append(f"from {_bound(found.start, found.begins_because, country)}{own}")
    if found.end is not None:
        own = _own_validity(found.phases[-1], found.after)
        parts.append(f"until {_bound(found.end, found.ends_because, country)}{own}")
    # The bounds name some of these rules already.
    named = {change.rule for change in (*found.begins_because, *found.ends_because)}
    deciding = [each for each in found.deciding if each.rule not in named]
    if deciding:
        parts.append(f"because of {_and([_named(each) for each in deciding])}")
    first, *rest = parts
    return f"{first} {', '.join(rest)}." if rest else f"{first}."


def timeline(found: Timeline) -> str:
    """Return a line for each window, and what else is known of the time."""
    lines = [each.sentence for each in found.windows]
    country = found.scope.country
    if not found.complete:
        lines.append(
            f"Not known before {moment(found.first, country)} and after "
            f"{moment(found.last, country)}: the rules change too often."
        )
    if found.expires is not None:
        until = moment(found.expires, country)
        included = "included" if found.end_included else "not included"
        lines.append(f"The pass itself is valid until {until} ({included}).")
    return "\n".join(lines)


def change(found: Change) -> str:
    """Return a sentence of what happens to a rule."""
    return f"{found.rule} {_happens(found)} ({found.description})"


def moment(at: datetime, country: str | None = None) -> str:
    """Return a moment as a person reads it, in UTC, with its fraction of a second.

    With a `country` that has one time zone, its local time with the offset stands beside it.
    """
    text = f"{at.astimezone(UTC).replace(tzinfo=None).isoformat(sep=' ')} UTC"
    there = local(at, country)
    if there is None:
        return text
    clock, offset = there.replace(tzinfo=None).isoformat(sep=" "), there.isoformat()[-6:]
    return f"{text}, {clock} {offset} in {country}"


def _happens(found: Change) -> str:
    before, after = found.before, found.after
    if after is None:
        return "is no longer in force"
    if before is None:
        return f"comes into force and {_does(after)}"
    if before.rule is not after.rule:
        return f"follows version {before.rule.version} and {_does(after)}"
    if after.rule.type is RuleType.INVALIDATION and after.outcome is Outcome.PASS:
        return "no longer declares the pass invalid"
    return {
        Outcome.PASS: "begins to hold",
        Outcome.FAIL: _does(after)
        if after.rule.type is RuleType.INVALIDATION
        else "ceases to hold",
    }.get(after.outcome, _does(after))


def _does(result: RuleResult) -> str:
    invalidates = result.rule.type is RuleType.INVALIDATION
    match result.outcome:
        case Outcome.PASS:
            return "does not declare the pass invalid" if invalidates else "holds"
        case Outcome.FAIL:
            return "declares the pass invalid" if invalidates else "does not hold"
        case _:
            return "gives no answer"


def _bound(bound: Bound, because: tuple[Change, ...], country: str) -> str:
    text = f"{moment(bound.moment, country)} ({'included' if bound.included else 'not included'})"
    return f"{text}, when {_together(because)}" if because else text


def _own_validity(before: Phase | None, after: Phase | None) -> str:
    """Return what the pass's own validity has to do with a change between two phases."""
    if after is not None and after.outcome is Outcome.REFUSED:
        return ", when the pass's own validity ends"
    if before is not None and before.outcome is Outcome.REFUSED:
        return ", when the pass's own validity begins"
    return ""


def _together(because: tuple[Change, ...]) -> str:
    """Return all rules that make a change, or as many of them as a person reads."""
    if len(because) > MAX_NAMED:
        if all(each.before is None for each in because):
            return f"{len(because)} rules come into force"
        if all(each.after is None for each in because):
            return f"{len(because)} rules are no longer in force"
    named = [each.sentence for each in because[:MAX_NAMED]]
    more = len(because) - len(named)
    return _and([*named, f"{more} more change"] if more else named)


def _named(result: RuleResult) -> str:
    return f"{result.rule} ({result.description})"


def _and(texts: list[str]) -> str:
    *most, last = texts
    return f"{', '.join(most)} and {last}" if most else last


# The time zones of countries that have one, so that moments can be shown in local time.
#
# Source: the IANA time zone database (zone.tab). A country is here where one zone holds for all
# that its ISO 3166-1 code stands for: the Canaries, the Azores and Madeira keep Spain and
# Portugal out. What decides a rule never depends on this table.

ZONES: Final = {
    "AD": "Europe/Andorra",
    "AE": "Asia/Dubai",
    "AL": "Europe/Tirane",
    "AM": "Asia/Yerevan",
    "AT": "Europe/Vienna",
    "BA": "Europe/Sarajevo",
    "BE": "Europe/Brussels",
    "BG": "Europe/Sofia",
    "BJ": "Africa/Porto-Novo",
    "CH": "Europe/Zurich",
    "CO": "America/Bogota",
    "CV": "Atlantic/Cape_Verde",
    "CZ": "Europe/Prague",
    "DK": "Europe/Copenhagen",
    "EE": "Europe/Tallinn",
    "FI": "Europe/Helsinki",
    "FO": "Atlantic/Faroe",
    "FR": "Europe/Paris",
    "GB": "Europe/London",
    "GE": "Asia/Tbilisi",
    "GG": "Europe/Guernsey",
    "GI": "Europe/Gibraltar",
    "GR": "Europe/Athens",
    "HR": "Europe/Zagreb",
    "HU": "Europe/Budapest",
    "IE": "Europe/Dublin",
    "IL": "Asia/Jerusalem",
    "IM": "Europe/Isle_of_Man",
    "IS": "Atlantic/Reykjavik",
    "IT": "Europe/Rome",
    "JE": "Europe/Jersey",
    "LB": "Asia/Beirut",
    "LI": "Europe/Vaduz",
    "LT": "Europe/Vilnius",
    "LU": "Europe/Luxembourg",
    "LV": "Europe/Riga",
    "MA": "Africa/Casablanca",
    "MC": "Europe/Monaco",
    "MD": "Europe/Chisinau",
    "ME": "Europe/Podgorica",
    "MK": "Europe/Skopje",
    "MT": "Europe/Malta",
    "NL": "Europe/Amsterdam",
    "NO": "Europe/Oslo",
    "PA": "America/Panama",
    "PE": "America/Lima",
    "PH": "Asia/Manila",
    "PL": "Europe/Warsaw",
    "RO": "Europe/Bucharest",
    "RS": "Europe/Belgrade",
    "SC": "Indian/Mahe",
    "SE": "Europe/Stockholm",
    "SG": "Asia/Singapore",
    "SI": "Europe/Ljubljana",
    "SK": "Europe/Bratislava",
    "SM": "Europe/San_Marino",
    "SV": "America/El_Salvador",
    "TG": "Africa/Lome",
    "TH": "Asia/Bangkok",
    "TN": "Africa/Tunis",
    "TR": "Europe/Istanbul",
    "TW": "Asia/Taipei",
    "UY": "America/Montevideo",
    "VA": "Europe/Vatican",
    "ZA": "Africa/Johannesburg",
}
"""The zone by the country's ISO 3166-1 alpha-2 code. Cyprus has two in the database."""


def local(at: datetime, country: str | None) -> datetime | None:
    """Return a moment in the local time of a country; None where it has several, or none known."""
    zone = None if country is None else _zone(country)
    try:
        return None if zone is None else at.astimezone(zone)
    except OverflowError:  # the calendar's ends
        return None


@cache
def _zone(country: str) -> ZoneInfo | None:
    name = ZONES.get(country)
    try:
        return None if name is None else ZoneInfo(name)
    except ZoneInfoNotFoundError:  # a system without the database
        return None
