"""What holds for every history."""

from __future__ import annotations

import sys
from bisect import bisect_right
from collections import Counter
from dataclasses import fields, replace
from datetime import date, datetime, timedelta
from itertools import pairwise
from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from programme_cases import (
    DENMARK,
    PROGRAMMES,
    birth_dates,
    days,
    histories,
    infections,
    moments,
    negative_tests,
    places_of,
    programmes,
    registered_courses,
)

from coronapas.errors import HistoryError
from coronapas.facts import Dose, History, Infection, PartialDate, Tested, merge
from coronapas.programmes import (
    DatedRow,
    Programme,
    Status,
    _course,
    check,
    diff,
    is_valid,
    next_dose,
    timeline,
)
from coronapas.programmes._clock import FOREVER
from coronapas.programmes._course import MOST_WORLDS, distinct, read_course

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

TICK = timedelta(microseconds=1)
ORDER = {False: 0, None: 1, True: 2}


@given(programmes, histories(), moments)
def test_the_timeline_says_what_a_check_says_at_any_moment(
    programme: Programme, history: History, moment: datetime
) -> None:
    assert timeline(programme, history).at(moment) is is_valid(programme, history, moment)


@given(programmes, histories(), moments, st.data())
def test_the_timeline_says_what_a_check_says_in_any_place(
    programme: Programme, history: History, moment: datetime, data: st.DataObject
) -> None:
    where = data.draw(places_of(programme))
    line = timeline(programme, history, **where)
    answer = check(programme, history, moment, **where)
    assert line.at(moment) is answer.valid
    assert is_valid(programme, history, moment, **where) is answer.valid
    place = bisect_right(line.validity, moment, key=lambda span: span.start)
    assert not place or line.validity[place - 1].requirement is answer.requirement


@settings(max_examples=25)
@given(programmes, histories())
def test_the_timeline_says_what_a_check_says_at_every_bound(
    programme: Programme, history: History
) -> None:
    line = timeline(programme, history)
    for span in line.validity:
        for moment in (span.start - TICK, span.start, span.start + TICK, span.end - TICK):
            answer = check(programme, history, moment)
            assert line.at(moment) is answer.valid
        assert check(programme, history, span.start).suspended is span.suspended
        assert check(programme, history, span.start).exempt is span.exempt


@given(programmes, histories())
def test_a_timeline_covers_all_time_once(programme: Programme, history: History) -> None:
    line = timeline(programme, history)
    assert line.validity[0].start == programme.revisions[0].starts
    assert line.validity[-1].end == FOREVER
    assert all(one.end == other.start for one, other in pairwise(line.validity))
    answers = line.answers()
    assert all(one[2] is not other[2] for one, other in pairwise(answers))


@given(programmes, histories())
def test_intervals_of_one_piece_of_evidence_never_overlap(
    programme: Programme, history: History
) -> None:
    for line in timeline(programme, history).evidence:
        assert all(span.start < span.end for span in line.spans)
        assert all(one.end <= other.start for one, other in pairwise(line.spans))


@given(programmes, histories(), moments)
def test_until_is_the_first_change_by_the_rules_of_the_check(
    programme: Programme, history: History, moment: datetime
) -> None:
    answer = check(programme, history, moment)
    assert answer.until is None or answer.until > moment
    assert answer.since is None or answer.since <= moment
    within = answer.revision_until or datetime.max.replace(tzinfo=moment.tzinfo)
    later = [one for one in distinct(programme, history).moments(programme.zone) if one > moment]
    horizon = min([within, *later])
    if answer.until is not None and answer.until < horizon:
        assert is_valid(programme, history, answer.until - TICK) is answer.valid
        assert is_valid(programme, history, answer.until) is not answer.valid
    elif answer.revision is not None and moment < horizon - TICK:
        assert is_valid(programme, history, horizon - TICK) is answer.valid


@st.composite
def register_rows(draw: st.DrawFn) -> History:
    """A history without positive tests: nothing in it suspends."""
    return History(
        draw(birth_dates),
        draw(registered_courses()),
        tuple(draw(st.lists(negative_tests, max_size=3))),
        (),
        None,
        frozenset(),
    )


@given(programmes, register_rows(), negative_tests, moments)
def test_another_negative_test_never_shortens_validity(
    programme: Programme, history: History, test: Tested, moment: datetime
) -> None:
    more = replace(history, tests=(*history.tests, test))
    before, after = (is_valid(programme, one, moment) for one in (history, more))
    assert ORDER[after] >= ORDER[before]


@given(programmes, register_rows(), moments)
def test_another_dose_of_a_course_never_shortens_validity(
    programme: Programme, history: History, moment: datetime
) -> None:
    for count in range(len(history.doses)):
        fewer = replace(history, doses=history.doses[:count])
        more = replace(history, doses=history.doses[: count + 1])
        assert ORDER[is_valid(programme, more, moment)] >= ORDER[is_valid(programme, fewer, moment)]


@given(
    programmes, register_rows(), days, st.sampled_from(["EU/1/20/1528", "EU/1/20/1507"]), moments
)
def test_an_unnumbered_dose_more_never_shortens_validity(
    programme: Programme, history: History, when: date, product: str, moment: datetime
) -> None:
    plain = replace(history, doses=tuple(Dose(one.date, one.product) for one in history.doses))
    if any(one.date == when for one in plain.doses):
        return
    more = replace(plain, doses=(*plain.doses, Dose(when, product)))
    assert ORDER[is_valid(programme, more, moment)] >= ORDER[is_valid(programme, plain, moment)]


@given(programmes, register_rows(), infections, moments)
def test_an_infection_shortens_validity_by_suspension_alone(
    programme: Programme, history: History, infection: Infection, moment: datetime
) -> None:
    more = replace(history, infections=(infection,))
    after = check(programme, more, moment)
    assert after.suspended or ORDER[after.valid] >= ORDER[is_valid(programme, history, moment)]


@given(st.lists(histories(), max_size=4), st.randoms(use_true_random=False))
def test_merging_is_free_of_order_and_grouping(parts: list[History], random: Random) -> None:
    parts = [replace(one, birth_date=None, sector=None) for one in parts]
    shuffled = list(parts)
    random.shuffle(shuffled)
    merged = merge(*parts)
    assert merge(*shuffled) == merged
    assert merge(*parts[:2], merge(*parts[2:])) == merged
    assert merge(merged, *parts) == merged
    assert distinct(DENMARK, merge(*shuffled)) == distinct(DENMARK, merged)


@given(programmes, histories(), days)
def test_the_next_dose_is_never_before_the_last_one(
    programme: Programme, history: History, on: date
) -> None:
    answer = next_dose(programme, history, on)
    last = max(
        (one.date for one in distinct(programme, history).doses if one.date <= on), default=None
    )
    for found in (answer.earliest, answer.recommended):
        assert found is None or last is None or found >= last
    if answer.earliest and answer.recommended:
        assert answer.earliest <= answer.recommended


@given(programmes, histories(), days)
def test_a_status_agrees_with_its_days(programme: Programme, history: History, on: date) -> None:
    answer = next_dose(programme, history, on)
    match answer.status:
        case Status.TOO_EARLY:
            assert answer.earliest is not None
            assert on < answer.earliest
        case Status.DUE:
            assert answer.recommended is not None
            assert answer.recommended <= on
        case Status.ELIGIBLE:
            assert answer.earliest is not None
            assert answer.earliest <= on
        case _:
            assert answer.earliest is None
    assert answer.reasons
    assert bool(answer.products) <= (answer.status in set(Status) - {Status.NOT_OFFERED})


@given(programmes, histories(), moments)
def test_no_repr_shows_the_holder_s_data(
    programme: Programme, history: History, moment: datetime
) -> None:
    secret = {str(one.date.year) + "-" for one in history.doses}
    line = timeline(programme, history)
    shown = [repr(history), repr(distinct(programme, history)), repr(line)]
    shown += [repr(history.doses), repr(history.tests), repr(history.infections)]
    shown += [repr(line.evidence), repr(line.evidence and line.evidence[0].evidence)]
    answer = check(programme, history, moment)
    shown += [repr(answer.holdings), repr(line.suspensions and None)]
    rules = {one.rule.id for one in answer.holdings}
    for text in shown:
        for rule in rules:  # a rule may be named by the year that it is of
            text = text.replace(f" by {rule}>", "")
        assert "datetime" not in text
        assert not any(year in text for year in secret)


@st.composite
def two_days(draw: st.DrawFn) -> tuple[Programme, date, date]:
    """A programme and two days in order, on, before or after the bounds of its rows."""
    programme = draw(programmes)
    bounds = [revision.starts.astimezone(programme.zone).date() for revision in programme.revisions]
    schedule = programme.schedule
    for row in (*schedule.offers, *schedule.limits, *schedule.waits):
        bounds += [row.starts, *([row.until] if row.until else [])]
    near = [date(2021, 2, 3), *(day + timedelta(days=step) for day in bounds for step in (-1, 0))]
    found = sorted(draw(st.lists(st.sampled_from(near), min_size=2, max_size=2)))
    return programme, found[0], found[1]


def said(rows: Iterable[DatedRow], day: date) -> set[tuple[object, ...]]:
    """What the rows of a schedule say on a day, whatever their names, sources and bounds."""
    apart = {"id", "source", "confidence", "note", "uncertain", "starts", "until", "free_of_limits"}
    return {
        (type(row), *(getattr(row, one.name) for one in fields(row) if one.name not in apart))
        for row in rows
        if row.stands_on(day)
    }


@given(two_days())
def test_the_difference_of_two_days_is_what_differs(case: tuple[Programme, date, date]) -> None:
    programme, earlier, later = case
    changes = diff(programme, earlier, later)
    assert all(change.before != change.after for change in changes)
    schedule = programme.schedule
    areas = {"offer": schedule.offers, "product": schedule.limits, "wait": schedule.waits}
    for area, rows in areas.items():
        several: Sequence[DatedRow] = rows
        differs = said(several, earlier) != said(several, later)
        assert any(change.area == area for change in changes) is differs
    names = {row.id for rows in areas.values() for row in rows}
    names |= {revision.id for revision in programme.revisions}
    assert all(set(change.rows) <= names for change in changes)


@given(two_days())
def test_what_is_new_was_not_there_and_what_has_ended_was(
    case: tuple[Programme, date, date],
) -> None:
    programme, earlier, later = case
    nothing = date(1900, 1, 1)
    before, after = (
        Counter((one.area, one.subject, one.after) for one in diff(programme, nothing, day))
        for day in (earlier, later)
    )
    for change in diff(programme, earlier, later):
        if change.area in {"place", "reading", "revision"}:
            continue  # these are told from a programme that is not there yet in other words
        was, now = ((change.area, change.subject, text) for text in (change.before, change.after))
        assert change.before is None or (was in before and was not in after)
        assert change.after is None or (now in after and now not in before)


@pytest.mark.parametrize("programme", PROGRAMMES, ids=lambda one: f"{one.id} {one.disease}")
def test_the_difference_of_a_day_with_itself_is_nothing(programme: Programme) -> None:
    for revision in programme.revisions:
        assert diff(programme, revision.starts, revision.starts) == ()


@pytest.mark.parametrize(
    ("one", "other", "merged"),
    [
        (None, date(2004, 5, 6), date(2004, 5, 6)),
        (PartialDate(2004), PartialDate(2004, 5), PartialDate(2004, 5)),
        (PartialDate(2004, 12), date(2004, 12, 31), date(2004, 12, 31)),
        (PartialDate(2004), None, PartialDate(2004)),
    ],
)
def test_the_more_exact_birth_date_is_kept(
    one: date | PartialDate | None, other: date | PartialDate | None, merged: date | PartialDate
) -> None:
    for pair in ((one, other), (other, one)):
        assert merge(*(History(birth) for birth in pair)).birth_date == merged


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (date(2004, 5, 6), date(2004, 5, 7)),
        (PartialDate(2004, 5), date(2004, 6, 1)),
        (PartialDate(2004), PartialDate(2005)),
    ],
)
def test_birth_dates_that_contradict_each_other_are_not_one_holder_s(
    one: date | PartialDate, other: date | PartialDate
) -> None:
    with pytest.raises(HistoryError) as caught:
        merge(History(one), History(other))
    assert caught.value.faults[0].code == "history.birth-dates"
    assert "2004" not in str(caught.value)


def test_sectors_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(HistoryError, match="sector"):
        merge(History(sector="business"), History(sector="culture"))
    assert merge(History(sector="business"), History()).sector == "business"


def test_groups_of_several_sources_are_united() -> None:
    one, other = History(groups=frozenset({"a"})), History(groups=frozenset({"b"}))
    assert merge(one, other, History()).groups == frozenset({"a", "b"})
    assert merge(History(), History(groups=frozenset())).groups == frozenset()
    assert merge(History()).groups is None


def steps(programme: Programme, history: History) -> int:
    """How many calls the making of a timeline takes, with nothing remembered from before."""
    for function in vars(_course).values():
        if hasattr(function, "cache_clear"):
            function.cache_clear()
    calls = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        timeline(programme, history)
    finally:
        sys.setprofile(before)
    return calls


def unknown_doses(number: int) -> tuple[Dose, ...]:
    """Doses of which nothing but the day is known: more worlds than are tried."""
    return tuple(Dose(date(2021, 5, 1) + timedelta(days=3 * place)) for place in range(number))


def doses_in_many_worlds(number: int) -> tuple[Dose, ...]:
    """Doses with as many worlds as are tried, and not one more."""
    first = date(2021, 5, 1)
    open_ = tuple(Dose(first + timedelta(days=3 * place), None, 2, 1) for place in range(6))
    return open_ + tuple(
        Dose(first + timedelta(days=3 * place), "EU/1/20/1528", 4, 3) for place in range(6, number)
    )


@pytest.mark.parametrize("doses", [unknown_doses, doses_in_many_worlds])
def test_a_timeline_of_many_doses_takes_steps_by_their_square_at_most(
    doses: Callable[[int], tuple[Dose, ...]],
) -> None:
    fewer, more = (
        steps(DENMARK, History(date(1980, 1, 1), doses(number), groups=None))
        for number in (50, 100)
    )
    assert more < 5 * fewer
    assert more < 5_000_000
    course = read_course(DENMARK, distinct(DENMARK, History(None, doses(100))), None)
    assert len(course.worlds) == MOST_WORLDS
    assert course.too_many is (doses is unknown_doses)
