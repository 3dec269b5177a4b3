"""Every dated row of the Danish table: just before, at and just after each bound.

The table is written out here once more, by hand, and the bounds are computed with plain arithmetic,
so that neither the data nor the engine is held against itself.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

import pytest
from programme_cases import ADULT, COPENHAGEN, DENMARK, day, dose, history, local

from coronapas.facts import History, Infection, Tested
from coronapas.programmes import check, invitations, is_valid, next_dose

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
    # W19: a first dose of 7 May or before counts from Friday 21 May (Politiken).
    Row("2021-05-21", 72, 72, DAYS_180, FIRST, OPEN, OPEN, OPEN, OPEN, 15),
    Row("2021-05-31", 72, 72, (14, EIGHT), FIRST, LAST_8, LAST_8, LAST_8, LAST_8, 15),
    Row("2021-06-14", 72, 72, (14, EIGHT), FIRST, LAST_8, LAST_8, LAST_8, LAST_8, 15),
    Row("2021-07-01", 96, 72, (14, EIGHT), FIRST, LAST_8, LAST_8, LAST_8, LAST_8, 16),
    Row("2021-08-01", 96, 72, (14, EIGHT), FIRST, LAST_8, LAST_8, LAST_8, LAST_8, 16),
    Row("2021-09-01", 96, 72, (14, EIGHT), FIRST, LAST_8, LAST_8, LAST_8, LAST_8, 16),
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
    """When evidence of a day counts: days of 24 hours; months with the offset of the day kept."""
    if span is None:
        return None
    midnight = datetime(when.year, when.month, when.day, tzinfo=COPENHAGEN).astimezone(UTC)
    start = midnight + timedelta(days=span[0])
    if span[1] is None:
        return start, datetime(9999, 1, 1, tzinfo=UTC)
    unit, number = span[1]
    if unit == "days":
        return start, midnight + timedelta(days=number)
    years, month = divmod(when.month - 1 + number, 12)
    last = when.day
    while True:
        try:
            end = when.replace(year=when.year + years, month=month + 1, day=last)
        except ValueError:
            last -= 1
        else:
            return start, midnight + timedelta(days=(end - when).days)


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


def test_recovery_was_cut_to_180_days_in_every_sector_in_november_2021() -> None:
    """W22: ministers and TV 2 name no sector; a business organisation stated twelve months."""
    infection = Infection(day("2021-03-01"))
    at = local("2021-11-20")
    assert is_valid(DENMARK, history(infection), at) is False
    assert is_valid(DENMARK, history(infection, sector="business"), at) is False
    fresh = check(DENMARK, history(Infection(day("2021-09-01"))), at)
    assert "recovery-14-180-days-2021-11" in {mark.row for mark in fresh.marks}


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


@pytest.mark.parametrize(
    ("place", "free_from"),
    [
        ("library", "2021-06-14"),
        ("association", "2021-06-14"),
        ("museum", "2021-08-01"),
        ("small-venue", "2021-08-01"),
        ("market", "2021-08-01"),
        ("sport", "2021-08-01"),
        ("gym", "2021-09-01"),
        ("restaurant", "2021-09-01"),
        ("close-contact-service", "2021-09-01"),
        ("festival", "2021-09-01"),
        ("playland", "2021-09-01"),
        ("seated-event", "2021-09-01"),
        ("nightclub", "2021-09-10"),
    ],
)
def test_the_requirement_was_phased_out_by_place_in_summer_2021(place: str, free_from: str) -> None:
    begin = local(free_from)
    for at, word in ((begin - TICK, "in-force"), (begin, "lifted")):
        answer = check(DENMARK, history(), at, place=place)
        assert str(answer.requirement) == word
    assert str(check(DENMARK, history(), local("2021-11-12T06:00"), place=place).requirement) == (
        "in-force"
    )
    assert place in DENMARK.places


def test_the_places_without_a_pass_are_told() -> None:
    answer = check(DENMARK, history(), local("2021-08-15"))
    (told,) = [one.text for one in answer.reasons if one.code == "place"]
    assert "museum" in told
    assert "restaurant" not in told


@pytest.mark.parametrize("at", ["2021-04-06", "2021-07-02", "2021-11-20", "2022-01-20"])
def test_those_who_cannot_be_tested_are_exempt(at: str) -> None:
    exempt = history(groups=frozenset({"cannot-be-tested"}))
    answer = check(DENMARK, exempt, local(at))
    assert (answer.valid, answer.exempt) == (True, True)
    assert "cannot-be-tested" in answer.reasons[0].text
    for groups in (frozenset[str](), None):
        assert check(DENMARK, history(groups=groups), local(at)).exempt is False


def test_no_rule_of_seven_months_was_ever_in_force() -> None:
    rules = [rule for revision in DENMARK.revisions for rule in revision.rules]
    assert all(rule.ends is None or rule.ends.months != 7 for rule in rules)


@pytest.mark.parametrize(
    ("at", "row"),
    [
        ("2021-04-20", "2021-04-16"),
        ("2021-05-25", "2021-05-31"),
        ("2021-06-10", "2021-05-31"),
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


# The offers of doses.


class Offered(NamedTuple):
    """One offer, and a person to whom it is made on every day of its time."""

    id: str
    begins: str
    ends: str
    age: int | str
    """An age on the day asked about, or a birth date."""
    groups: str = ""
    course: str = ""
    """The numbers and products of the doses so far, such as "1/2 Comirnaty, 2/2 Comirnaty"."""
    last: int | str = 250
    """Days since the last dose, or its day."""
    access: str = "invitation"
    interval: tuple[str, int] | None = None
    """Days or months after the last dose from which the next may be given."""


TWO = "1/2 Comirnaty, 2/2 Comirnaty"
THREE = f"{TWO}, 3/3 Comirnaty"
OWN, REFERRAL, OPT_IN = "own-initiative", "referral", "opt-in"
MAY, END = "2022-05-15", "2023-03-02"

OFFERS = (
    # First doses: W1, W3, W4, W6, W15, W20, W21.
    Offered("first-care-homes", "2020-12-27", MAY, 70, "care-home"),
    Offered("first-home-care", "2021-01-04", MAY, 70, "home-care"),
    Offered("first-staff", "2020-12-27", MAY, 40, "staff"),
    Offered("first-special-risk", "2021-01-11", MAY, 40, "special-risk"),
    Offered("first-85", "2021-02-01", MAY, 86),
    Offered("first-relatives", "2021-02-22", MAY, 40, "relatives"),
    Offered("first-80", "2021-03-08", MAY, 82),
    Offered("first-75", "2021-03-29", MAY, 77),
    Offered("first-65", "2021-04-01", MAY, 70),
    Offered("first-10a", "2021-04-26", MAY, "1957-01-01"),
    Offered("first-10b", "2021-05-10", MAY, "1966-12-31"),
    Offered("first-10c", "2021-05-17", MAY, "1967-01-01"),
    Offered("first-10d1", "2021-06-01", MAY, "1976-12-31"),
    Offered("first-10d1", "2021-06-01", MAY, "2002-01-01"),
    Offered("first-10d2", "2021-06-07", MAY, "1977-01-01"),
    Offered("first-10d2", "2021-06-07", MAY, "2001-12-31"),
    Offered("first-10d3", "2021-06-21", MAY, "1986-12-31"),
    Offered("first-10d3", "2021-06-21", MAY, "1992-01-01"),
    Offered("first-10d4", "2021-07-01", MAY, "1991-12-31"),
    Offered("first-16-and-over", "2021-07-09", MAY, 16),
    Offered("first-12-15", "2021-07-14", MAY, 13),
    Offered("first-10-11", "2021-11-26", MAY, 10),
    Offered("first-7-9", "2021-11-29", MAY, 8),
    Offered("first-5-6", "2021-12-06", MAY, 5),
    Offered("first-minors-own", MAY, "2022-07-01", 10, access=OWN),
    Offered("first-adults-own", MAY, END, 30, access=OWN),
    Offered("first-vaxzevria-18-65", "2021-02-08", "2021-03-05", 65, "staff"),
    Offered("first-vaxzevria-18", "2021-03-05", "2021-03-11", 66, "staff"),
    Offered("opt-in-vector", "2021-05-20", "2021-09-01", 30, "opt-in-vector", access=OPT_IN),
    # Second doses: W5, W7, W8, W9, W15.
    *(
        Offered(name, begins, ends, 40, "", f"1/2 {product}", 60, access, ("days", least))
        for product, rows in {
            "Comirnaty": (
                ("second-comirnaty-2020", "2020-12-27", "2021-01-04", "invitation", 21),
                ("second-comirnaty-6-weeks", "2021-01-04", "2021-04-22", "invitation", 21),
                ("second-comirnaty-deferred", "2021-04-22", "2021-07-15", "invitation", 28),
                ("second-comirnaty-3-weeks", "2021-07-15", MAY, "invitation", 21),
                ("second-comirnaty-adults-own", MAY, "2023-04-13", OWN, 21),
            ),
            "Spikevax": (
                ("second-spikevax-6-weeks", "2021-01-12", "2021-04-22", "invitation", 28),
                ("second-spikevax-deferred", "2021-04-22", "2021-07-15", "invitation", 28),
                ("second-spikevax-4-weeks", "2021-07-15", MAY, "invitation", 28),
                ("second-spikevax-adults-own", MAY, "2023-04-13", OWN, 28),
            ),
        }.items()
        for name, begins, ends, access, least in rows
    ),
    Offered(
        "second-comirnaty-minors-own", MAY, "2022-09-01", 10, "", "1/2 Comirnaty", 60, OWN,
        ("days", 21),
    ),
    Offered(
        "second-spikevax-minors-own", MAY, "2022-09-01", 16, "", "1/2 Spikevax", 60, OWN,
        ("days", 28),
    ),
    Offered(
        "second-vaxzevria-4-weeks", "2021-02-08", "2021-03-05", 40, "", "1/2 Vaxzevria", 90,
        interval=("days", 28),
    ),
    Offered(
        "second-vaxzevria-12-weeks", "2021-03-05", "2021-03-11", 40, "", "1/2 Vaxzevria", 90,
        interval=("days", 28),
    ),
    Offered("second-vaxzevria-paused", "2021-03-11", "2021-04-14", 40, "", "1/2 Vaxzevria", 40),
    Offered(
        "second-after-vaxzevria", "2021-04-14", MAY, 40, "", "1/2 Vaxzevria", "2021-01-10",
        interval=("days", 84),
    ),
    Offered(
        "second-vaxzevria-opt-in", "2021-05-20", "2021-11-24", 40, "", "1/2 Vaxzevria",
        "2021-05-20", OPT_IN, ("days", 28),
    ),
    Offered(
        "second-after-opt-in", "2021-11-24", MAY, 40, "", "1/2 Vaxzevria", "2021-05-20",
        interval=("days", 84),
    ),
    Offered(
        "second-after-vaxzevria-own", MAY, "2023-04-13", 40, "", "1/2 Vaxzevria", 90, OWN,
        ("days", 84),
    ),
    Offered("second-unknown", "2021-01-04", END, 40, "", "1/2 Nuvaxovid", 60),
    # Further doses: W10 to W14, W16 to W18.
    Offered(
        "extra-immunosuppressed", "2021-08-30", MAY, 40, "severe-immunosuppression", TWO, 60,
        interval=("months", 1),
    ),
    Offered(
        "extra-immunosuppressed-own", MAY, "2022-09-15", 40, "severe-immunosuppression", TWO, 60,
        REFERRAL, ("months", 1),
    ),
    Offered(
        "booster-care-homes", "2021-09-01", "2021-12-04", 70, "care-home", TWO,
        interval=("months", 6),
    ),
    Offered("booster-85", "2021-09-28", "2021-12-04", 86, "", TWO, interval=("months", 6)),
    Offered(
        "janssen-mrna", "2021-10-01", MAY, 30, "", "1/1 Jcovden", 60, interval=("days", 28)
    ),
    Offered(
        "janssen-mrna-own", MAY, "2022-09-13", 30, "", "1/1 Jcovden", 60, OWN, ("days", 28)
    ),
    Offered(
        "third-cross-vaccinated", "2021-10-05", "2021-12-04", 30, "",
        "1/2 Vaxzevria, 2/2 Comirnaty", 40, OWN, ("days", 28),
    ),
    Offered("booster-65", "2021-10-15", "2021-11-25", 70, "", TWO),
    Offered("booster-65", "2021-10-15", "2021-11-25", 30, "staff", TWO),
    Offered("booster-65", "2021-10-15", "2021-11-25", 30, "high-risk", TWO),
    Offered(
        "booster-18-6-months", "2021-11-25", "2021-12-04", 30, "", TWO, interval=("months", 6)
    ),
    Offered("booster-5-months", "2021-12-04", "2021-12-13", 30, "", TWO),
    Offered("booster-5-months-below-40", "2021-12-13", "2021-12-22", 39, "", TWO),
    Offered(
        "booster-40-140-days", "2021-12-13", "2021-12-22", 41, "", TWO, interval=("days", 140)
    ),
    Offered(
        "booster-risk-below-40", "2021-12-13", "2021-12-22", 30, "pregnant", TWO, 145, REFERRAL,
        ("days", 140),
    ),
    Offered("booster-18-140-days", "2021-12-22", MAY, 30, "", TWO, interval=("days", 140)),
    Offered(
        "booster-turning-18", "2022-05-01", "2022-09-13", "2004-05-31", "", TWO,
        interval=("days", 140),
    ),
    Offered(
        "booster-spring-own", MAY, "2022-09-13", 30, "", TWO, 250, OWN, ("days", 140)
    ),
    Offered(
        "fourth-immunosuppressed", "2022-01-19", "2022-09-15", 40, "severe-immunosuppression",
        THREE, 120, REFERRAL, ("months", 3),
    ),
    Offered("no-fourth", "2022-01-21", "2022-09-13", 86, "", THREE),
    Offered(
        "risk-summer-2022", "2022-06-27", "2022-10-01", 30, "high-risk", THREE, 250, REFERRAL,
        ("months", 3),
    ),
    Offered("spring-2022-closed", MAY, "2022-09-13", 30, "", THREE),
    Offered("autumn-2022-85-care-homes", "2022-09-13", END, 86, "", THREE, "2022-01-10"),
    Offered("autumn-2022-85-care-homes", "2022-09-13", END, 60, "care-home", TWO, "2022-01-10"),
    Offered("autumn-2022-65", "2022-09-14", END, 70, "", THREE, "2022-01-10"),
    Offered("autumn-2022-50", "2022-09-19", END, 60, "", THREE, "2022-01-10"),
    Offered(
        "autumn-2022-below-50-own", "2022-10-01", END, 30, "staff", THREE, "2022-01-10", OWN,
        ("months", 3),
    ),
    Offered("summer-2023-closed", END, "2023-10-01", 70, "", THREE, "2022-10-10"),
    Offered(
        "autumn-2023-65", "2023-10-01", "2024-01-16", 70, "", THREE, "2022-10-10",
        interval=("months", 3),
    ),
    Offered(
        "autumn-2023-risk-own", "2023-10-01", "2024-01-16", 60, "high-risk", THREE, "2022-10-10",
        OWN, ("months", 3),
    ),
)  # fmt: skip


def whom(row: Offered, on: date) -> History:
    """The person of a row, on a day."""
    born = day(row.age) if isinstance(row.age, str) else on.replace(year=on.year - row.age)
    if isinstance(row.age, int):
        born -= timedelta(days=100)
    last = day(row.last) if isinstance(row.last, str) else on - timedelta(days=row.last)
    doses = []
    for part in reversed([one for one in row.course.split(", ") if one]):
        numbers, _, product = part.partition(" ")
        doses.append(dose(last.isoformat(), numbers, product))
        last -= timedelta(days=35 if numbers == "2/2" else 150)
    groups = frozenset({row.groups} if row.groups else ())
    return history(*doses, born=born, groups=groups)


def rows_of(row: Offered, on: date) -> set[str | None]:
    answer = next_dose(DENMARK, whom(row, on), on)
    return {*answer.offers, *(one.row for one in answer.reasons if one.code != "audience")}


@pytest.mark.parametrize("row", OFFERS, ids=lambda row: f"{row.id} {row.age}")
def test_an_offer_stands_from_its_first_day_to_the_day_before_its_end(row: Offered) -> None:
    begins, ends = day(row.begins), day(row.ends)
    one = timedelta(days=1)
    assert row.id not in rows_of(row, begins - one)
    assert row.id in rows_of(row, begins)
    assert row.id in rows_of(row, ends - one)
    assert row.id not in rows_of(row, ends)
    (offer,) = [each for each in DENMARK.schedule.offers if each.id == row.id]
    assert str(offer.access) == row.access


@pytest.mark.parametrize(
    "row", [one for one in OFFERS if one.interval], ids=lambda row: f"{row.id} {row.age}"
)
def test_an_offer_has_the_interval_of_the_table(row: Offered) -> None:
    on = day(row.begins)
    person = whom(row, on)
    last = person.doses[-1].date
    unit, number = row.interval or ("days", 0)
    earliest = last + timedelta(days=number)
    if unit == "months":
        years, month = divmod(last.month - 1 + number, 12)
        year = last.year + years
        longest = monthrange(year, month + 1)[1]
        earliest = date(year, month + 1, min(last.day, longest))
    answer = next_dose(DENMARK, person, on)
    assert row.id in answer.offers
    if answer.offers[0] == row.id:
        assert answer.earliest == earliest


def test_the_table_names_every_offer_of_the_data() -> None:
    assert {row.id for row in OFFERS} == {offer.id for offer in DENMARK.schedule.offers}


@pytest.mark.parametrize(
    ("asked", "days"),
    [("2021-01-03", (21, 21, 28)), ("2021-01-04", (21, 21, 42)), ("2021-04-22", (28, 42, 42)),
     ("2021-07-15", (21, 21, 42))],
)  # fmt: skip
def test_the_interval_of_comirnaty_changed_three_times(
    asked: str, days: tuple[int, int, int]
) -> None:
    """W8, W9: 3 to 4 weeks, then up to 6, then deferred towards 6, then 3 again."""
    first = day(asked) - timedelta(days=5)
    answer = next_dose(DENMARK, history(dose(first.isoformat(), "1/2")), day(asked))
    found = (answer.earliest, answer.recommended, answer.latest)
    assert found == tuple(first + timedelta(days=number) for number in days)


@pytest.mark.parametrize(
    ("asked", "days_"), [("2021-11-24", None), ("2021-11-25", (6, 0)), ("2021-12-04", (5, 14))]
)
def test_the_booster_of_all_adults_came_nearer(asked: str, days_: tuple[int, int] | None) -> None:
    second = day("2021-06-10")
    person = history(dose("2021-05-01", "1/2"), dose("2021-06-10", "2/2"), groups=frozenset())
    answer = next_dose(DENMARK, person, day(asked))
    if days_ is None:
        assert str(answer.status) == "not-offered"
    else:
        months, more = days_
        due = second.replace(month=second.month + months) + timedelta(days=more)
        assert answer.earliest == due


def test_nobody_is_due_today_by_an_offer_of_the_past() -> None:
    """W15, W17: the ends of all rows."""
    today = datetime.now(COPENHAGEN).date()
    people = [whom(row, today) for row in OFFERS]
    people += [history(born=born, groups=None) for born in (None, date(1940, 1, 1))]
    for person in people:
        answer = next_dose(DENMARK, person, today)
        assert str(answer.status) in {"not-offered", "ambiguous"}
        if str(answer.status) == "ambiguous":
            assert "birth-date" not in {one.code for one in answer.reasons}
    assert list(invitations(DENMARK, enumerate(people), today)) == []
    assert all(offer.until is not None for offer in DENMARK.schedule.offers)


def test_on_the_tenth_of_january_2021_only_target_groups_1_to_4_are_invited() -> None:
    """W1: 102,092 people had a first dose by 8 January 2021."""
    on = day("2021-01-10")
    groups = ("", *DENMARK.groups)
    people = {
        (age, group): history(
            born=on.replace(year=on.year - age), groups=frozenset({group} if group else ())
        )
        for age in (5, 13, 16, 20, 40, 60, 65, 70, 77, 82, 86, 95)
        for group in groups
    }
    invited = {one.id for one in invitations(DENMARK, people.items(), on)}
    assert {group for _, group in invited} == {"care-home", "home-care", "staff"}
    assert {age for age, group in invited if group == "home-care"} == {65, 70, 77, 82, 86, 95}
    assert all(age >= 16 for age, _ in invited)
