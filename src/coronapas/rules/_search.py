"""The search for the moments at which a verdict changes (see `coronapas.rules._timeline`).

A verdict depends on the moment in two ways: which rules are in force, which changes at their own
bounds; and the clock that the rules in force read. All moments at which either can matter are
found, those of the logic by `coronapas.rules._hold` whatever the logic is, and `Case.at`
is asked once between each two neighbours. So what a `Timeline` says is what `RuleSet.decide` says,
at every moment.

Not every rule changes at few moments: one that asks for the minute of the clock changes sixty times
an hour for as long as it is in force. The work is bounded by `effort`; what lies beyond the moments
for which it sufficed is left out, and `Timeline.complete` is then false. Nothing is guessed.
"""

from __future__ import annotations

from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from coronapas.certlogic import Dates, DateTimeError
from coronapas.certlogic._datetimes import parse, to_datetime
from coronapas.rules._hold import Hold, hold, reads_clock
from coronapas.rules._timeline import Phase, Timeline

if TYPE_CHECKING:
    from coronapas.certlogic import Expr
    from coronapas.rules._decision import Case
    from coronapas.rules._model import Rule
    from coronapas.rules._verdict import Verdict

EFFORT: Final = 1_000_000
"""The default work after which the search ends, in visits of a node of an expression.

That is a second or a few. Each rule is evaluated once and each phase judged whatever it costs, so
that of rules which take long to decide about it takes some times as long.
"""

EARLIEST: Final = datetime.min.replace(tzinfo=UTC)
LATEST: Final = datetime.max.replace(tzinfo=UTC)
"""The first and the last moment there is, both included."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TICK: Final = timedelta(microseconds=1)
_MILLISECOND: Final = 1000
_FEW: Final = 64
"""So few verdicts need no estimate of their cost."""

# What other work is worth in visits of a node, roughly as it was measured.
_SETTING_OUT: Final = 20
_RULE_JUDGED: Final = 5
_COMPILED: Final = 8
"""Nodes of compiled code that cost one visit."""


def timeline(
    case: Case,
    *,
    first: datetime = EARLIEST,
    last: datetime = LATEST,
    around: datetime | None = None,
    effort: int = EFFORT,
) -> Timeline:
    """Return what the rules say of a pass at every moment from `first` to `last` (inclusive).

    By default those are all moments there are. `around` is the moment of interest, by default
    `first`: where `effort` does not suffice for all, the moments next to it are found.

    Raises:
        ValueError: a moment without a time zone; `last` before `first`.
        LimitError: no stack left.

    """
    low, high = _microseconds(first), _microseconds(last)
    if high < low:
        raise ValueError("the last moment must not be before the first")
    centre = low if around is None else min(max(_microseconds(around), low), high)
    search = _Search(case, low, high, centre)
    search.run(effort)
    starts = sorted({search.low, *(cut for cut in search.cuts if search.low < cut <= search.high)})
    ends = [*(start - 1 for start in starts[1:]), search.high]
    if len(starts) > _FEW:
        # Outward from the centre as many as there is effort for.
        allowed = max(1, effort // search.weight())
        begin = max(0, bisect_right(starts, centre) - 1 - allowed // 2)
        starts, ends = starts[begin : begin + allowed], ends[begin : begin + allowed]
    return Timeline(
        case.scope,
        _phases(case, starts, ends),
        complete=(starts[0], ends[-1]) == (low, high),
        issued_at=_stated(case, "iat"),
        expires=_stated(case, "exp"),
    )


class _Search:
    """The cuts: moments (microseconds since 1970) at which something new may begin.

    Between `low` and `high` all of them are known; both are included.
    """

    def __init__(self, case: Case, low: int, high: int, centre: int) -> None:
        self.case, self.low, self.high, self.centre = case, low, high, centre
        self.cuts: set[int] = set()
        self.dates = Dates()
        self.walks: list[_Walk] = []

    def run(self, effort: int) -> None:
        for rule in self.case.candidates.rules:
            start = max(self.low, _microseconds(rule.valid_from))
            until = _microseconds(rule.valid_to)
            end = min(self.high, until if self.case.policy.end_included else until - 1)
            if start <= end:
                self.cuts |= {start, end + 1}
                if rule.expression is not None:
                    walk = _Walk(self.case, rule, rule.expression, start, end, self.dates)
                    self.walks.append(walk)
        moving = [walk for walk in self.walks if walk.moves]
        for walk in moving:
            self.follow(walk, effort // len(moving))

    def follow(self, walk: _Walk, effort: int) -> None:
        """Find the cuts of one rule's logic while the rule is in force."""
        found = walk.out_from(self.centre // _MILLISECOND, effort)
        self.cuts.update(cut * _MILLISECOND for cut in walk.cuts)
        if found.first > walk.first:
            self.low = max(self.low, found.first * _MILLISECOND)
        if found.last < walk.last:
            self.high = min(self.high, found.last * _MILLISECOND + _MILLISECOND - 1)

    def weight(self) -> int:
        """Return what one verdict takes at most, as far as was seen."""
        heaviest: dict[object, int] = {}
        for walk in self.walks:
            if not walk.moves:
                walk.hold(walk.first)
            # Of the versions of one rule at most one is in force.
            key = walk.rule.type, walk.rule.identifier
            heaviest[key] = max(heaviest.get(key, 0), walk.heaviest)
        selection = _SETTING_OUT + len(self.case.candidates.rules) // 2
        return selection + sum(_RULE_JUDGED + one // _COMPILED for one in heaviest.values())


class _Walk:
    """From hold to hold of one rule, between the bounds (microseconds) of its time.

    `first`, `last` and `cuts` are in milliseconds.
    """

    def __init__(
        self, case: Case, rule: Rule, expr: Expr, start: int, end: int, dates: Dates
    ) -> None:
        self.case, self.rule, self.expr, self.dates = case, rule, expr, dates
        self.moves = reads_clock(rule.reads)
        self.first, self.last = start // _MILLISECOND, end // _MILLISECOND
        self.cuts: set[int] = set()
        self.spent = self.heaviest = 0

    def hold(self, at: int) -> Hold:
        found = hold(self.expr, self.case.payload, self.case.external, at, self.dates)
        self.spent += found.effort + _SETTING_OUT
        self.heaviest = max(self.heaviest, found.effort)
        return found

    def out_from(self, centre: int, effort: int) -> Hold:
        """Go both ways in turns, until the time of the rule or the effort ends; return how far."""
        left = right = self.hold(min(max(centre, self.first), self.last))
        while self.spent < effort and (left.first > self.first or right.last < self.last):
            if right.last < self.last:
                following = self.hold(right.last + 1)
                if not _same(right, following):
                    self.cuts.add(following.first)
                right = following
            if left.first > self.first:
                preceding = self.hold(left.first - 1)
                if not _same(preceding, left):
                    self.cuts.add(left.first)
                left = preceding
        return Hold(max(left.first, self.first), min(right.last, self.last), self.spent, None)


def _same(one: Hold, other: Hold) -> bool:
    return one.result is not None and one.result is other.result


def _phases(case: Case, starts: list[int], ends: list[int]) -> tuple[Phase, ...]:
    """Return the phases; neighbours in which every rule has the same result become one."""
    found: list[Phase] = []
    state: object = None
    for start, end in zip(starts, ends, strict=True):
        verdict = case.at(_moment(start))
        now = _state(verdict)
        if found and now == state:
            found[-1] = Phase(found[-1].first, _moment(end), found[-1].verdict)
        else:
            found.append(Phase(_moment(start), _moment(end), verdict))
        state = now
    return tuple(found)


def _state(verdict: Verdict) -> object:
    return verdict.outcome, [(id(one.rule), one.outcome, one.code) for one in verdict.results]


def _stated(case: Case, name: str) -> datetime | None:
    """Return what the container says; None for a time that no calendar has."""
    try:
        return to_datetime(parse(case.external.get(name)))
    except DateTimeError:
        return None


def _microseconds(moment: datetime) -> int:
    if moment.utcoffset() is None:
        raise ValueError("the moment must have a time zone")
    return (moment - _EPOCH) // _TICK


def _moment(microseconds: int) -> datetime:
    return _EPOCH + microseconds * _TICK
