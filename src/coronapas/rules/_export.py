"""A revision of a programme as CertLogic business rules, and what of it the language cannot say.

A business rule judges one pass at one moment; a programme judges a holder's history. So what is
exported is the judgement of a history that one pass tells completely, and the claim is:

    For a pass of a kind in `RuleExport.claims` that states one event, at a moment from the rules'
    ``ValidFrom``, inclusive, until their ``ValidTo``, exclusive, all rules that apply to the pass
    are true if and only if the programme's check of that event alone says *valid*.

"Alone" and *valid* matter: an answer that the programme leaves open (ambiguous) counts as a no. The
claim covers vaccinations and recoveries of `RuleExport.first_day` or later, dates as
``YYYY-MM-DD``, tests that found nothing, moments in whole seconds, codes as in the value sets and
birth dates known to the day (where the revision asks for an age). `RuleExport.omissions` lists
what is beyond it.

The identifiers (``VR-DK-9001``) and the texts are the project's own: no authority has published
these rules.

CertLogic 1.3.3 adds periods in UTC, to a text of the data and only once, and overflows short months
where programmes keep to their last day. A programme counts from local midnights. So what a period
after a local day means is worked out here for every day on which an event can lie, as whole hours
after that day's midnight in UTC; consecutive days with the same hours make one comparison, and a
tree of comparisons finds the right one. The result is exact for each of those days, by
construction. Zones that are not whole hours from UTC, and local midnights that occur twice or
never, raise `NotExpressibleError`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import (
    UTC,
    date,
    datetime,
    timedelta,
)
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from coronapas import certlogic
from coronapas.facts import TestKind, TestResult
from coronapas.programmes._clock import (
    FOREVER,
    Age,
    Period,
    Reckoning,
    after,
    after_day,
    age_words,
    midnight,
)
from coronapas.programmes._course import DoseGiven, Events, read_course
from coronapas.programmes._validity import require_known
from coronapas.rules._model import CertificateType, Rule, read_rule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from zoneinfo import ZoneInfo

    from coronapas.programmes import _model as model
    from coronapas.programmes._model import Programme, Revision, Stage

Logic = Any
"""CertLogic as JSON; True and False stand for what holds always or never."""

CLOCK: Final = {"var": "external.validationClock"}
BIRTH: Final = {"var": "payload.dob"}

_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)


class NotExpressibleError(Exception):
    """What the language cannot express, and why; it never leaves the export."""


def any_of(parts: Sequence[Logic]) -> Logic:
    """Return that at least one of the parts holds; CertLogic has no "or"."""
    kept = [part for part in parts if part is not False]
    if not kept or True in kept:
        return bool(kept)
    logic = kept[-1]
    for part in reversed(kept[:-1]):
        logic = {"if": [part, True, logic]}
    return logic


def all_of(parts: Sequence[Logic]) -> Logic:
    """Return that each of the parts holds."""
    kept = [part for part in parts if part is not True]
    if not kept or False in kept:
        return not kept
    return kept[0] if len(kept) == 1 else {"and": kept}


def negated(part: Logic) -> Logic:
    """Return that the part does not hold."""
    return (not part) if isinstance(part, bool) else {"!": [part]}


def plus(value: Logic, hours: int) -> Logic:
    """Return a date-time of the data moved by hours; in days where they are whole."""
    days, rest = divmod(hours, 24)
    return {"plusTime": [value, days if not rest else hours, "hour" if rest else "day"]}


def literal(moment: date) -> Logic:
    """Return a day, or an instant in UTC, as a date-time."""
    text = moment.isoformat()
    if isinstance(moment, datetime):
        text = f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    return plus(text, 0)


def reached(value: Logic, hours: int) -> Logic:
    """Return that the clock has reached a date-time of the data plus hours, inclusive."""
    return {"not-before": [plus(CLOCK, 0), plus(value, hours)]}


@dataclass(frozen=True, slots=True)
class Times:
    """The times of one programme: its zone, the days of its events, the span of its checks.

    `first` and `last` are the days on which an event can lie, both inclusive; checks lie from
    `start`, inclusive, until `end`, exclusive.
    """

    zone: ZoneInfo
    first: date
    last: date
    start: datetime
    end: datetime

    def days(self) -> list[date]:
        """Yield every day on which an event can lie."""
        count = (self.last - self.first).days + 1
        return [self.first + timedelta(days=place) for place in range(count)]

    def after_day(self, value: Logic, instant: Callable[[date], datetime]) -> Logic:
        """Return whether the clock has come to the `instant` of the day that `value` states."""
        runs: list[tuple[date, int]] = []
        for day in self.days():
            gap = instant(day) - datetime(day.year, day.month, day.day, tzinfo=UTC)
            hours = _whole_hours(gap)
            if not runs or runs[-1][1] != hours:
                runs.append((day, hours))
        return _tree(
            runs,
            lambda hours: reached(value, hours),
            lambda day: {"before": [plus(value, 0), literal(day)]},
        )

    def age_reached(self, age: Age) -> Logic:
        """Return that the local day is the birthday, or a later day; for full birth dates."""
        if not isinstance(age, int):
            raise NotExpressibleError("an age in months or days")
        runs = self._offsets()
        self._check_midnights()

        def leaf(hours: int) -> Logic:
            birthday = {"plusTime": [BIRTH, age, "year"]}
            return {"not-before": [plus(CLOCK, hours), birthday]}

        return _tree(runs, leaf, lambda moment: {"before": [plus(CLOCK, 0), literal(moment)]})

    def _offsets(self) -> list[tuple[datetime, int]]:
        """Return the zone's offsets from UTC in hours, each with the instant it holds from."""
        runs: list[tuple[datetime, int]] = []
        moment = self.start
        while moment < self.end:
            hours = _whole_hours(moment.astimezone(self.zone).utcoffset() or timedelta(0))
            if not runs:
                runs.append((moment, hours))
            elif runs[-1][1] != hours:
                runs.append((self._change(moment - _DAY, moment), hours))
            moment += _DAY
        return runs

    def _change(self, before: datetime, after: datetime) -> datetime:
        """Find the instant within a day at which the offset becomes what it is after it."""
        wanted = after.astimezone(self.zone).utcoffset()
        while after - before > timedelta(seconds=1):
            middle = before + (after - before) // 2
            if middle.astimezone(self.zone).utcoffset() == wanted:
                after = middle
            else:
                before = middle
        return after.replace(microsecond=0)

    def _check_midnights(self) -> None:
        day = self.start.astimezone(self.zone).date()
        while day <= self.end.astimezone(self.zone).date():
            first = midnight(day, self.zone).astimezone(self.zone)
            if first.replace(tzinfo=None) != datetime(day.year, day.month, day.day):
                raise NotExpressibleError("a local midnight that a change of the clock skips")
            later = (first.astimezone(UTC) + _HOUR).astimezone(self.zone)
            if later.date() != day or (later.hour, later.minute) == (0, 0):
                raise NotExpressibleError("a local midnight that occurs twice")
            day += _DAY


def _whole_hours(gap: timedelta) -> int:
    hours, rest = divmod(gap, _HOUR)
    if rest:
        raise NotExpressibleError("a time zone that is not whole hours from UTC")
    return hours


def _tree(
    runs: Sequence[tuple[Any, int]],
    leaf: Callable[[int], Logic],
    before: Callable[[Any], Logic],
) -> Logic:
    """Return a tree that finds the run of a value; each run goes on until the next begins."""
    if len(runs) == 1:
        return leaf(runs[0][1])
    middle = len(runs) // 2
    return {
        "if": [
            before(runs[middle][0]),
            _tree(runs[:middle], leaf, before),
            _tree(runs[middle:], leaf, before),
        ]
    }


FIRST_NUMBER: Final = 9001
"""The number of the first rule of each kind: far from those that authorities use."""

FIRST_DAY: Final = date(2020, 1, 1)
"""The first day of the events for which an export is exact, by default."""

OPEN_END: Final = timedelta(days=730)
"""How long the rules of a revision without end are valid, by default."""

MADE_BY: Final = "Made by coronapas from programme data, published by no authority"
"""How every description begins."""

_DN: Final = {"var": "payload.v.0.dn"}
_SD: Final = {"var": "payload.v.0.sd"}
_MP: Final = {"var": "payload.v.0.mp"}
_DT: Final = {"var": "payload.v.0.dt"}
_FR: Final = {"var": "payload.r.0.fr"}
_SC: Final = {"var": "payload.t.0.sc"}
_TT: Final = {"var": "payload.t.0.tt"}
_TR: Final = {"var": "payload.t.0.tr"}

_TEST_CODES: Final = {"naat": TestKind.NAAT.value, "rat": TestKind.RAT.value}
_GROUPS: Final = {
    CertificateType.VACCINATION: ("v", "VR"),
    CertificateType.TEST: ("t", "TR"),
    CertificateType.RECOVERY: ("r", "RR"),
}


@dataclass(frozen=True, slots=True)
class Omission:
    """Something in a revision that the rules leave out (`what`), and `why` they must."""

    what: str
    why: str


@dataclass(frozen=True, slots=True)
class RuleExport:
    """The rules of one revision.

    Attributes:
        programme: The programme's identifier.
        revision: The revision's identifier.
        rules: The rules.
        claims: The kinds of pass for which the rules are claimed to agree with the revision.
        first_day: The first day (local) of events for which they do, inclusive.
        omissions: What the rules leave out.

    """

    programme: str
    revision: str
    rules: tuple[Rule, ...] = field(repr=False)
    claims: frozenset[CertificateType]
    first_day: date
    omissions: tuple[Omission, ...] = field(repr=False)

    def to_json(self) -> list[dict[str, Any]]:
        """Return the rules as fresh JSON, in the gateway's form."""
        return [rule.to_json() for rule in self.rules]


def export_rules(
    programme: Programme,
    revision: Revision,
    *,
    country: str,
    sector: str | None = None,
    place: str | None = None,
    region: str | None = None,
    first_day: date = FIRST_DAY,
    until: datetime | None = None,
) -> RuleExport:
    """Write a revision as business rules of a country (ISO 3166-1 alpha-2, in capitals).

    Args:
        programme: The programme.
        revision: One of its revisions.
        country: The country of the rules.
        sector: The sector that the rules are for; None for where no sector is named.
        place: The kind of place that they are for, likewise.
        region: The region that they are for, likewise.
        first_day: The first day of the events for which the rules are exact, inclusive.
        until: The end of the rules, exclusive, where it comes before that of the revision; it must
            have a time zone. The last revision ends by default `OPEN_END` after its start.

    Raises:
        ValueError: `until` is not after the revision's start, or the programme does not know the
            place or the region.

    """
    require_known(programme, place, region)
    start, end = programme.period_of(revision)
    if until is not None:
        end = min(end, until.astimezone(UTC))
    elif end is FOREVER:
        end = start + OPEN_END
    if end <= start:
        raise ValueError("the rules would end before they begin")
    last = max(end.astimezone(programme.zone).date(), first_day)
    times = Times(programme.zone, first_day, last, start, end)
    where = _Where(place, region, sector)
    writer = _Writer(programme, revision, where, times)
    rules: list[Rule] = []
    claims = set()
    omissions = [*_beyond(programme, revision, where)]
    for kind, write in (
        (CertificateType.VACCINATION, writer.vaccination),
        (CertificateType.TEST, writer.test),
        (CertificateType.RECOVERY, writer.recovery),
    ):
        try:
            parts = [*write()]
            exempt = writer.exempt()
        except NotExpressibleError as reason:
            omissions.append(Omission(f"passes of the kind {kind}", f"It would need {reason}."))
            continue
        claims.add(kind)
        found = [(any_of((exempt, logic)), text) for logic, text in parts]
        # Where every pass is accepted one rule says so: without rules nothing is accepted.
        said = [(logic, text) for logic, text in found if logic is not True] or found[:1]
        rules += (
            _rule(kind, country, place, logic, text, writer)
            for place, (logic, text) in enumerate(said)
        )
    return RuleExport(
        programme.id, revision.id, tuple(rules), frozenset(claims), first_day, tuple(omissions)
    )


def _rule(
    kind: CertificateType, country: str, place: int, logic: Logic, text: str, writer: _Writer
) -> Rule:
    group, prefix = _GROUPS[kind]
    if logic is False:
        # A logic is an object that reads the payload; an entry that is there is never falsy.
        logic = {"!": [{"var": f"payload.{group}.0"}]}
    elif logic is True:
        logic = {"!": [{"!": [{"var": f"payload.{group}.0"}]}]}
    revision = writer.revision
    document = {
        "Identifier": f"{prefix}-{country}-{FIRST_NUMBER + place}",
        "Type": "Acceptance",
        "Country": country,
        "Version": "1.0.0",
        "SchemaVersion": "1.0.0",
        "Engine": "CERTLOGIC",
        "EngineVersion": "0.7.5",
        "CertificateType": kind.value,
        "Description": [
            {"lang": "en", "desc": f"{MADE_BY} ({writer.programme.id}, {revision.id}). {text}"}
        ],
        "ValidFrom": f"{writer.times.start:%Y-%m-%dT%H:%M:%SZ}",
        "ValidTo": f"{writer.times.end:%Y-%m-%dT%H:%M:%SZ}",
        "AffectedFields": [*certlogic.affected_fields(logic)],
        "Logic": logic,
    }
    return read_rule(document)


class _Where(NamedTuple):
    """Where the rules are asked, in the order that `model.PlacedRow.holds` takes."""

    place: str | None
    region: str | None
    sector: str | None


class _Writer:
    """Writes the conditions of one revision."""

    def __init__(
        self, programme: Programme, revision: Revision, where: _Where, times: Times
    ) -> None:
        self.programme = programme
        self.revision = revision
        self.where = where
        self.times = times

    def exempt(self) -> Logic:
        """Return whether no pass is asked for, by age or birth date."""
        below = self.revision.exempt_below
        found = [] if below is None else [negated(self.times.age_reached(below))]
        for row in self.revision.exemptions:
            # The groups of a pass's holder are not known, so that it is a member of none.
            if row.holds(*self.where) and row.audience.groups is None:
                found.append(self._belongs(row.audience))
        return any_of(found)

    def _belongs(self, audience: model.Audience) -> Logic:
        parts = []
        if audience.age_from is not None:
            parts.append(self.times.age_reached(audience.age_from))
        if audience.age_below is not None:
            parts.append(negated(self.times.age_reached(audience.age_below)))
        first, end = audience.born or (None, None)
        if first is not None:
            parts.append({"not-before": [plus(BIRTH, 0), literal(first)]})
        if end is not None:
            parts.append({"before": [plus(BIRTH, 0), literal(end)]})
        return all_of(parts)

    def vaccination(self) -> Iterable[tuple[Logic, str]]:
        """Return the conditions that a vaccination must all meet."""
        codes = sorted(self.programme.products)
        yield {"in": [_MP, codes]}, "The vaccine must be one that the programme recognises."
        readings = self.revision.readings or self.programme.readings
        for stages, doses in sorted(_readings(self.programme, readings, self.times).items()):
            words = " or ".join(stages)
            accepted = all_of([self._dose_of(stage) for stage in stages])
            logic = {"if": [any_of(doses), accepted, True]}
            rules = [self._words(rule) for stage in stages for rule in self._for(stage)]
            text = "; ".join(dict.fromkeys(rules)) or "It does not count"
            yield logic, f"A dose that is read as {words}: {text}."

    def _for(self, stage: Stage) -> list[model.EvidenceRule]:
        return [rule for rule in self._applying(self.revision.vaccinations) if stage in rule.stages]

    def _dose_of(self, stage: Stage) -> Logic:
        return any_of(
            [
                all_of(
                    [
                        True if rule.products is None else {"in": [_MP, sorted(rule.products)]},
                        *self._window(rule, _DT),
                    ]
                )
                for rule in self._for(stage)
            ]
        )

    def test(self) -> Iterable[tuple[Logic, str]]:
        """Return the conditions that a test must all meet."""
        yield (
            {"===": [_TR, TestResult.NOT_DETECTED.value]},
            "The test must have found no infection.",
        )
        rules = [rule for rule in self._applying(self.revision.tests) if self._codes(rule)]
        windows = [
            all_of(
                [
                    {"in": [_TT, self._codes(rule)]},
                    reached(_SC, self._hours(rule.starts)),
                    True if rule.ends is None else negated(reached(_SC, self._hours(rule.ends))),
                    *self._ages(rule),
                ]
            )
            for rule in rules
        ]
        text = "; ".join(self._words(rule) for rule in rules) or "No test counts"
        yield any_of(windows), f"{text}."

    def recovery(self) -> Iterable[tuple[Logic, str]]:
        """Return the conditions that a recovery must all meet; a pass states NAAT-proved ones."""
        rules = [rule for rule in self._applying(self.revision.recoveries) if "naat" in rule.kinds]
        windows = []
        for rule in rules:
            proved: Logic = True
            if rule.proved_from is not None:
                proved = {"not-before": [plus(_FR, 0), literal(rule.proved_from)]}
            windows.append(all_of([proved, *self._window(rule, _FR)]))
        text = "; ".join(self._words(rule) for rule in rules) or "No recovery counts"
        yield any_of(windows), f"{text}."
        suspension = self.revision.suspension
        if suspension is not None and "naat" in suspension.kinds:
            over = self.times.after_day(_FR, self._moved(suspension.lasts))
            yield over, f"The infection suspends the pass for {suspension.lasts}."

    def _applying(self, rules: Iterable[model.EvidenceRule]) -> list[model.EvidenceRule]:
        """Return the rules that can accept an event on its own, here."""
        return [
            rule
            for rule in rules
            if rule.holds(*self.where) and not rule.needs and rule.preceded_by is None
        ]

    def _moved(self, period: Period, *, whole_day: bool = False) -> Callable[[date], datetime]:
        zone, reckoning = self.programme.zone, self.programme.reckoning

        def instant(day: date) -> datetime:
            moved = after_day(day, period, zone, reckoning)
            return after(moved, Period(days=1), zone, reckoning) if whole_day else moved

        return instant

    def _window(self, rule: model.EvidenceRule, value: Logic) -> list[Logic]:
        """Return from when until when a rule lets the event of a day count."""
        found = [self.times.after_day(value, self._moved(rule.starts))]
        if rule.ends is not None:
            end = self._moved(rule.ends, whole_day=rule.last_day_counts)
            found.append(negated(self.times.after_day(value, end)))
        return [*found, *self._ages(rule)]

    def _ages(self, rule: model.EvidenceRule) -> list[Logic]:
        found = []
        if rule.age_from is not None:
            found.append(self.times.age_reached(rule.age_from))
        if rule.age_below is not None:
            found.append(negated(self.times.age_reached(rule.age_below)))
        return found

    def _codes(self, rule: model.EvidenceRule) -> list[str]:
        return sorted(_TEST_CODES[kind] for kind in rule.kinds if kind in _TEST_CODES)

    def _hours(self, period: Period) -> int:
        """Return a period after an instant in hours."""
        if period.months:
            raise NotExpressibleError(
                "calendar months after an instant, kept to a month's last day"
            )
        if period.days and self.programme.reckoning is Reckoning.LOCAL:
            raise NotExpressibleError("days after an instant on the local wall clock")
        return period.days * 24 + period.hours

    def _words(self, rule: model.EvidenceRule) -> str:
        until = "without end" if rule.ends is None else f"until {rule.ends} after it"
        day = ", that day included" if rule.last_day_counts else ""
        ages = [
            "" if rule.age_from is None else f"from {age_words(rule.age_from)} of age",
            "" if rule.age_below is None else f"below {age_words(rule.age_below)} of age",
        ]
        kinds = f" ({', '.join(sorted(rule.kinds))})" if rule.kinds else ""
        words = [f"{rule.id}{kinds}: from {rule.starts} after the event, {until}{day}", *ages]
        return ", ".join(word for word in words if word)


def _readings(
    programme: Programme, readings: model.Readings, times: Times
) -> dict[tuple[Stage, ...], list[Logic]]:
    """Return the conditions under which a dose is read as each stage.

    The engine is asked about a dose of each product and number, so that the two cannot differ.
    """
    alike: dict[tuple[date | None, date | None, str], list[str]] = {}
    tables: dict[str, dict[tuple[Stage, ...], list[Logic]]] = {}
    for code in sorted(programme.products):
        for start, end, day in _spans_of_lengths(programme, code, times.days()):
            table = _numbers(programme, readings, code, day)
            written = repr(table)
            tables[written] = table
            alike.setdefault((start, end, written), []).append(code)
    found: dict[tuple[Stage, ...], list[Logic]] = {}
    for (start, end, written), codes in alike.items():
        dated: list[Logic] = [{"in": [_MP, codes]}]
        if start is not None:
            dated.append({"not-before": [plus(_DT, 0), literal(start)]})
        if end is not None:
            dated.append({"before": [plus(_DT, 0), literal(end)]})
        for stages, numbers in tables[written].items():
            found.setdefault(stages, []).append(all_of([*dated, any_of(numbers)]))
    return found


def _spans_of_lengths(
    programme: Programme, code: str, days: list[date]
) -> list[tuple[date | None, date | None, date]]:
    """Yield spans of days with the same lengths of a course: first, day after, a day in it."""
    firsts: list[date] = []
    for day in days:
        if not firsts or programme.lengths(code, day) != programme.lengths(code, firsts[-1]):
            firsts.append(day)
    return [
        (
            day if place else None,
            firsts[place + 1] if place + 1 < len(firsts) else None,
            day,
        )
        for place, day in enumerate(firsts)
    ]


def _numbers(
    programme: Programme, readings: model.Readings, code: str, day: date
) -> dict[tuple[Stage, ...], list[Logic]]:
    """Return the conditions on dn and sd that make a dose each stage."""
    # Beyond the longest course that a product can have, all equal numbers are read alike.
    most = max(programme.lengths(code, day) or {2}) + 2
    asked: list[tuple[tuple[int, int], Logic]] = [((1, 2), {"<": [_DN, _SD]})]
    beyond, two_of_one = {">": [_DN, _SD]}, {"and": [{"===": [_DN, 2]}, {"===": [_SD, 1]}]}
    if readings.two_of_one is None:
        asked.append(((2, 1), beyond))
    else:
        asked += [((2, 1), two_of_one), ((3, 1), {"and": [beyond, negated(two_of_one)]})]
    for number in range(1, most + 1):
        last = number == most
        same = {">=": [_SD, number]} if last else {"===": [_SD, number]}
        asked.append(((number, number), {"and": [{"===": [_DN, _SD]}, same]}))
    found: dict[tuple[Stage, ...], list[Logic]] = {}
    for (dose_number, doses), condition in asked:
        given = Events((DoseGiven(day, code, dose_number, doses),), (), ())
        worlds = read_course(programme, given, None, readings).worlds
        stages = tuple(sorted({world[0] for world in worlds}))
        found.setdefault(stages, []).append(condition)
    return found


def _beyond(programme: Programme, revision: Revision, where: _Where) -> Iterable[Omission]:
    """Return what no rule on one pass can say, of this revision."""
    yield Omission(
        "a history of several events",
        "A rule sees one pass: a lapse that a later dose mends is seen on that dose's pass alone, "
        "and no other pass settles what a dose is.",
    )
    yield Omission(
        "an answer that is left open",
        "A rule says yes or no. Where readings of a dose or of a birth date known in part lead to "
        "different answers, the rules say no; and a birth date that is not known to the day, where "
        "an age is asked for, is read as the last day that it can mean, or not at all.",
    )
    yield Omission(
        "the schedule of doses",
        "When the next dose is due is not a question about a pass.",
    )
    yield Omission(
        f"whether a pass is asked for at all (here: {revision.requirement})",
        "The rules say what counts; who asks is beyond them.",
    )
    yield Omission("sources, confidences and doubts of the rows", "A rule has no member for them.")
    if revision.suspension is not None:
        yield Omission(
            "the suspension by a positive test",
            "It is known from another pass, or from none; a recovery's own infection is said.",
        )
    if revision.recoveries:
        yield Omission(
            "a positive test as the proof of a recovery",
            "The local day of an instant cannot be computed; the test's pass is refused.",
        )
        if any("naat" not in rule.kinds for rule in revision.recoveries):
            yield Omission(
                "recoveries proved by a rapid test",
                "A recovery's pass does not say how the infection was proved.",
            )
    rows = (*revision.rules, *revision.exemptions)
    for kind, here, named in (
        ("sectors", where.sector, {each for row in rows for each in row.sectors or ()}),
        ("places", where.place, {each for row in rows for each in row.places or ()}),
        ("regions", where.region, {each for row in rows for each in row.regions or ()}),
    ):
        if named:
            words = ", ".join(sorted(named))
            yield Omission(
                f"the {kind} ({words})",
                "No data says where a pass is shown; these rules are for "
                f"{here or 'none of them'}.",
            )
    joint = [rule.id for rule in revision.rules if rule.needs or rule.preceded_by]
    if joint:
        yield Omission(
            f"evidence that counts together or in an order ({', '.join(joint)})",
            "A rule sees one pass, and these ask for another event.",
        )
    groups = set(revision.exempt_groups)
    for row in revision.exemptions:
        groups |= {*(row.audience.groups or ()), *row.audience.except_groups}
    if groups:
        yield Omission(
            f"exemptions of groups ({', '.join(sorted(groups))})",
            "A pass does not say to which groups its holder belongs: it is read as to none.",
        )
    readings = revision.readings or programme.readings
    if readings.dose_after_infection is not None:
        yield Omission(
            "the reading of a dose after an infection",
            "The infection is on another pass; the dose is read as without one.",
        )
    if readings.extra_dose is not None:
        yield Omission(
            f"the group {readings.extra_dose.group}",
            "A pass does not say to which groups its holder belongs.",
        )
