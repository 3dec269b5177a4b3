"""Every dated row of the Danish table: just before, at and just after each bound.

The table is written out here once more, by hand, and the bounds are computed with plain arithmetic,
so that neither the data nor the engine is held against itself.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

import pytest
from programme_cases import ADULT, COPENHAGEN, DENMARK, day, dose, history, local

from coronapas.facts import History, Infection, Tested
from coronapas.programmes import check, is_valid

TICK = timedelta(microseconds=1)

Bound = tuple[str, int] | None
"""An end in days or months after the event; None: without end."""
Span = tuple[int, Bound] | None
"""The days until evidence counts, and its end; None: it never counts."""

EIGHT, TWELVE, FIVE = ("months", 8), ("months", 12), ("months", 5)


class Row(NamedTuple):
    """One row of the table; `minor` is a course below 18."""

    begins: str
    naat: int
    rat: int
    recovery: Span
    first: Span
    course: Span
    single: Span
    booster: Span
    minor: Span
    exempt: int

    def span(self, kind: str) -> Span:
        found: Span = getattr(self, kind)
        return found


OPEN, LAST_8 = (14, None), (14, EIGHT)
FIRST = (14, ("days", 42))
ONE, AT_ONCE = (14, TWELVE), (0, TWELVE)
DAYS_180 = (14, ("days", 180))

TABLE = (
    Row("2021-04-06", 72, 72, (14, ("days", 84)), None, OPEN, OPEN, OPEN, OPEN, 15),
    Row("2021-04-16", 72, 72, DAYS_180, None, OPEN, OPEN, OPEN, OPEN, 15),
    Row("2021-05-31", 72, 72, (14, EIGHT), None, LAST_8, LAST_8, LAST_8, LAST_8, 15),
    Row("2021-06-01", 72, 72, (14, EIGHT), FIRST, LAST_8, LAST_8, LAST_8, LAST_8, 15),
    Row("2021-07-01", 96, 72, (14, EIGHT), FIRST, LAST_8, LAST_8, LAST_8, LAST_8, 16),
    Row("2021-09-10", 96, 72, (14, EIGHT), FIRST, LAST_8, LAST_8, LAST_8, LAST_8, 16),
    Row("2021-09-15", 96, 72, (14, TWELVE), FIRST, AT_ONCE, ONE, AT_ONCE, AT_ONCE, 16),
    Row("2021-11-12T06:00", 96, 72, DAYS_180, FIRST, AT_ONCE, ONE, AT_ONCE, AT_ONCE, 15),
    Row("2021-11-29", 72, 48, DAYS_180, FIRST, AT_ONCE, ONE, AT_ONCE, AT_ONCE, 15),
    Row("2022-01-16", 72, 48, (11, FIVE), FIRST, (0, FIVE), (14, FIVE), (0, None), (0, None), 15),
    Row("2022-02-01", 72, 48, (11, FIVE), FIRST, (0, FIVE), (14, FIVE), (0, None), (0, None), 15),
    Row("2022-03-31", 0, 0, None, None, None, None, None, None, 0),
)

KINDS = ("recovery", "first", "course", "single", "booster", "minor")
MINOR = date(2004, 12, 1)


def begins(text: str) -> datetime:
    return local(text)


def periods() -> list[tuple[int, datetime, datetime]]:
    starts = [begins(row.begins) for row in TABLE] + [datetime(2023, 1, 1, tzinfo=UTC)]
    return [(place, low, high) for place, (low, high) in enumerate(pairwise(starts))]


def made(kind: str, when: date) -> History:
    """A history with one piece of evidence, of this day."""
    text = when.isoformat()
    match kind:
        case "recovery":
            return history(Infection(when))
        case "first":
            return history(dose(text, "1/2"))
        case "single":
            return history(dose(text, "1/1", "Janssen"))
        case "booster":
            return history(dose(text, "2/1"))
        case "minor":
            return history(dose(text, "2/2"), born=MINOR)
        case _:
            return history(dose(text, "2/2"))


def bounds(span: Span, when: date) -> tuple[datetime, datetime] | None:
    """When evidence of a day counts: Copenhagen midnight in UTC, and the rest added there."""
    if span is None:
        return None
    midnight = datetime(when.year, when.month, when.day, tzinfo=COPENHAGEN).astimezone(UTC)
    start = midnight + timedelta(days=span[0])
    if span[1] is None:
        return start, datetime(9999, 1, 1, tzinfo=UTC)
    unit, number = span[1]
    if unit == "days":
        return start, midnight + timedelta(days=number)
    years, month = divmod(midnight.month - 1 + number, 12)
    last = midnight.day
    while True:
        try:
            end = midnight.replace(year=midnight.year + years, month=month + 1, day=last)
        except ValueError:
            last -= 1
        else:
            return start, end


def expected(kind: str, place: int, when: date, at: datetime) -> bool:
    row = TABLE[place]
    found = bounds(row.span(kind), when)
    return found is not None and found[0] <= at < found[1]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("place", "low", "high"), periods(), ids=lambda value: str(value)[:16])
def test_evidence_of_days_counts_exactly_between_its_bounds(
    kind: str, place: int, low: datetime, high: datetime
) -> None:
    span = TABLE[place].span(kind)
    seen = 0
    for back in range(460):
        when = low.date() + timedelta(days=20 - back)
        found = bounds(span, when)
        if found is None:
            assert is_valid(DENMARK, made(kind, when), low) is False
            continue
        for bound in found:
            if not low <= bound < high - TICK:
                continue
            seen += 1
            for at in (bound - TICK, bound, bound + TICK):
                if low <= at:
                    valid = is_valid(DENMARK, made(kind, when), at)
                    assert valid is expected(kind, place, when, at), (when, at)
    assert seen or span is None


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("place", range(1, len(TABLE)))
def test_a_new_revision_judges_old_evidence_from_its_first_instant(kind: str, place: int) -> None:
    begin = begins(TABLE[place].begins)
    for back in range(0, 420, 6):
        when = begin.date() - timedelta(days=back)
        before, after = begin - TICK, begin
        assert is_valid(DENMARK, made(kind, when), before) is expected(
            kind, place - 1, when, before
        )
        assert is_valid(DENMARK, made(kind, when), after) is expected(kind, place, when, after)


@pytest.mark.parametrize("kind", ["naat", "rat"])
@pytest.mark.parametrize(("place", "low", "high"), periods(), ids=lambda value: str(value)[:16])
def test_a_negative_test_counts_its_hours(
    kind: str, place: int, low: datetime, high: datetime
) -> None:
    hours = getattr(TABLE[place], kind)
    at = min(low + timedelta(days=4), high - TICK - TICK)
    one = history(Tested(kind, at - timedelta(hours=hours), False))
    if low <= at - TICK:
        assert is_valid(DENMARK, one, at - TICK) is (hours > 0)
    assert is_valid(DENMARK, one, at) is False
    assert is_valid(DENMARK, one, at + TICK) is False
    before = history(Tested(kind, at + TICK, False))
    assert is_valid(DENMARK, before, at) is False
    assert is_valid(DENMARK, before, at + TICK) is (hours > 0)


@pytest.mark.parametrize("place", range(1, len(TABLE)))
def test_a_new_revision_judges_old_tests_from_its_first_instant(place: int) -> None:
    begin = begins(TABLE[place].begins)
    for kind in ("naat", "rat"):
        for age in (1, 47, 48, 71, 72, 95, 96):
            one = history(Tested(kind, begin - timedelta(hours=age), False))
            was, now = getattr(TABLE[place - 1], kind), getattr(TABLE[place], kind)
            assert is_valid(DENMARK, one, begin - TICK) is (age <= was)
            assert is_valid(DENMARK, one, begin) is (age < now)


@pytest.mark.parametrize("place", range(len(TABLE)))
def test_exemption_ends_with_the_birthday(place: int) -> None:
    low = begins(TABLE[place].begins)
    limit = TABLE[place].exempt
    turning = low.astimezone(COPENHAGEN).date() + timedelta(days=1)
    born = turning.replace(year=turning.year - limit) if limit else date(2015, 1, 1)
    child = history(born=born)
    at = datetime(turning.year, turning.month, turning.day, tzinfo=COPENHAGEN)
    for moment, below in ((at - TICK, True), (at, False), (at + TICK, False)):
        if place + 1 < len(TABLE) and moment >= begins(TABLE[place + 1].begins):
            continue
        answer = check(DENMARK, child, moment)
        assert answer.valid is (below and limit > 0)
        assert answer.exempt is (below and limit > 0)


def test_the_business_sector_takes_recovery_for_twelve_months_in_autumn_2021() -> None:
    infection = Infection(day("2021-03-01"))
    general, business = history(infection), history(infection, sector="business")
    at = local("2021-11-20")
    assert is_valid(DENMARK, general, at) is False
    assert is_valid(DENMARK, business, at) is True
    assert is_valid(DENMARK, business, local("2022-01-16")) is False


def test_the_table_names_every_revision_of_the_data() -> None:
    starts = [revision.starts for revision in DENMARK.revisions]
    assert starts == [begins(row.begins) for row in TABLE]


@pytest.mark.parametrize(
    ("at", "word"),
    [
        ("2021-04-05", None),
        ("2021-04-06", "in-force"),
        ("2021-09-09T23:59", "in-force"),
        ("2021-09-10", "lifted"),
        ("2021-11-12T05:59", "lifted"),
        ("2021-11-12T06:00", "in-force"),
        ("2022-01-31T23:59", "in-force"),
        ("2022-02-01", "ended"),
        ("2022-04-01", "ended"),
    ],
)
def test_the_requirement_begins_is_lifted_and_ends_on_its_days(at: str, word: str | None) -> None:
    answer = check(DENMARK, history(), local(at))
    assert str(answer.requirement) == (word or "ended")
    assert (answer.revision is None) is (word is None)


def test_no_rule_of_seven_months_was_ever_in_force() -> None:
    rules = [rule for revision in DENMARK.revisions for rule in revision.rules]
    assert all(rule.ends is None or rule.ends.months != 7 for rule in rules)


@pytest.mark.parametrize(
    ("at", "row"),
    [
        ("2021-04-20", "2021-04-16"),
        ("2021-05-25", "2021-05-31"),
        ("2021-06-10", "2021-06-01"),
        ("2021-08-01", "2021-09-15"),
        ("2021-10-01", "2021-09-15"),
    ],
)
def test_an_answer_that_rests_on_an_uncertain_day_says_so(at: str, row: str) -> None:
    answer = check(DENMARK, history(dose("2021-01-01", "2/2")), local(at))
    assert row in {mark.row for mark in answer.marks}
    assert row in {mark["row"] for mark in answer.to_json()["marks"]}


def test_an_answer_from_certain_rows_carries_no_mark() -> None:
    answer = check(
        DENMARK, history(dose("2021-12-20", "3/3"), groups=frozenset()), local("2022-01-20")
    )
    assert answer.valid is True
    assert answer.marks == ()


def test_a_first_dose_in_2022_carries_the_mark_of_an_assumption() -> None:
    answer = check(DENMARK, history(dose("2022-01-01", "1/2")), local("2022-01-20"))
    assert "first-dose-kept-2022" in {mark.row for mark in answer.marks}


@pytest.mark.parametrize("born", [ADULT, None])
def test_an_unknown_birth_date_is_judged_as_an_adult_and_said(born: date | None) -> None:
    answer = check(DENMARK, history(dose("2021-06-01", "2/2"), born=born), local("2022-01-20"))
    assert answer.valid is False
    said = {reason.code for reason in answer.reasons}
    assert ("birth-date" in said) is (born is None)
