"""Hours, days and calendar months by their own arithmetic."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from programme_cases import COPENHAGEN, day

from coronapas._time import as_utc
from coronapas.programmes._clock import (
    FOREVER,
    Period,
    Reckoning,
    add_in_local,
    add_in_utc,
    add_months,
    add_to_day,
    after,
    after_day,
    age_on,
    birthday,
    layers,
    midnight,
    union,
)

HOURS = [datetime(2021, 1, 1, hour, tzinfo=UTC) for hour in range(24)]
spans = st.tuples(st.sampled_from(HOURS), st.sampled_from(HOURS))


@pytest.mark.parametrize(
    ("given_on", "period", "expires"),
    [
        ("2021-03-16", Period(days=42), "2021-04-26T23:00Z"),
        ("2021-03-01", Period(days=42), "2021-04-11T23:00Z"),
        ("2021-04-26", Period(months=8), "2021-12-25T22:00Z"),
        ("2021-06-01", Period(months=8), "2022-01-31T22:00Z"),
    ],
)
def test_the_expiry_of_a_danish_dose_is_computed_to_the_minute(
    given_on: str, period: Period, expires: str
) -> None:
    found = after_day(day(given_on), period, COPENHAGEN, Reckoning.UTC)
    assert found == datetime.fromisoformat(expires)


@pytest.mark.parametrize(
    ("sampled", "hours", "expires"),
    [
        ("2021-06-21T04:00Z", 96, "2021-06-25T04:00Z"),
        ("2021-06-21T16:00Z", 72, "2021-06-24T16:00Z"),
        ("2021-03-27T12:00+01:00", 72, "2021-03-30T13:00+02:00"),
    ],
)
def test_the_expiry_of_a_test_is_counted_in_hours(sampled: str, hours: int, expires: str) -> None:
    moment = as_utc(datetime.fromisoformat(sampled))
    for reckoning in Reckoning:
        found = after(moment, Period(hours=hours), COPENHAGEN, reckoning)
        assert found == datetime.fromisoformat(expires)


def test_eight_months_from_the_last_of_may_2021_are_245_days() -> None:
    start = day("2021-05-31")
    assert add_to_day(start, Period(months=8)) - start == timedelta(days=245)


def test_a_month_that_is_too_short_gives_its_last_day() -> None:
    assert add_months(day("2021-08-31"), 6) == day("2022-02-28")
    assert add_months(day("2023-08-31"), 6) == day("2024-02-29")
    assert add_months(day("2021-12-15"), 1) == day("2022-01-15")


def test_months_come_before_days_in_one_period() -> None:
    assert add_to_day(day("2021-01-31"), Period(months=1, days=1)) == day("2021-03-01")


def test_local_reckoning_ends_at_local_midnight_and_utc_reckoning_drifts() -> None:
    dose, period = day("2021-03-01"), Period(days=42)
    assert after_day(dose, period, COPENHAGEN, Reckoning.LOCAL) == midnight(
        day("2021-04-12"), COPENHAGEN
    )
    drifted = after_day(dose, period, COPENHAGEN, Reckoning.UTC)
    assert drifted.astimezone(COPENHAGEN).isoformat() == "2021-04-12T01:00:00+02:00"


def test_local_months_keep_the_time_on_the_wall() -> None:
    moment = datetime(2021, 6, 1, 10, tzinfo=COPENHAGEN)
    later = add_in_local(as_utc(moment), Period(months=8, hours=1), COPENHAGEN)
    assert later.astimezone(COPENHAGEN).isoformat() == "2022-02-01T11:00:00+01:00"


def test_a_day_whose_midnight_is_skipped_begins_after_the_skip() -> None:
    beirut = ZoneInfo("Asia/Beirut")
    first = midnight(day("2021-03-28"), beirut)
    assert first.astimezone(beirut).isoformat() == "2021-03-28T01:00:00+03:00"
    assert (first - timedelta(microseconds=1)).astimezone(beirut).date() == day("2021-03-27")


def test_a_day_with_two_midnights_begins_with_the_first() -> None:
    havana = ZoneInfo("America/Havana")
    assert midnight(day("2021-11-07"), havana) == datetime(2021, 11, 7, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    ("born", "age", "reached"),
    [
        ("2004-01-16", 18, "2022-01-16"),
        ("2004-02-29", 18, "2022-03-01"),
        ("2004-02-29", 20, "2024-02-29"),
    ],
)
def test_an_age_is_reached_on_the_birthday(born: str, age: int, reached: str) -> None:
    assert birthday(day(born), age) == day(reached)
    assert age_on(day(born), day(reached)) == age
    assert age_on(day(born), day(reached) - timedelta(days=1)) == age - 1


def test_a_time_beyond_the_calendar_is_without_end() -> None:
    far = Period(months=2400)
    assert add_in_utc(datetime(9900, 1, 1, tzinfo=UTC), far) is FOREVER
    assert add_in_local(datetime(9900, 1, 1, tzinfo=UTC), far, COPENHAGEN) is FOREVER
    assert add_to_day(date(9900, 1, 1), far) == date.max
    assert birthday(date(9990, 2, 28), 150) == date.max


def test_a_moment_without_a_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        as_utc(datetime(2021, 1, 1))


@pytest.mark.parametrize(
    ("period", "words", "written"),
    [
        (Period(), "0 days", {"days": 0}),
        (Period(months=1), "1 calendar month", {"months": 1}),
        (Period(months=5, days=14), "5 calendar months and 14 days", {"months": 5, "days": 14}),
        (Period(hours=72), "72 hours", {"hours": 72}),
    ],
)
def test_a_period_is_said_and_written_in_its_own_units(
    period: Period, words: str, written: dict[str, int]
) -> None:
    assert str(period) == words
    assert period.to_json() == written


@given(st.dates(date(2000, 1, 1), date(2100, 1, 1)), st.integers(0, 400))
def test_days_of_the_local_calendar_end_at_local_midnight(start: date, count: int) -> None:
    end = after_day(start, Period(days=count), COPENHAGEN, Reckoning.LOCAL)
    assert end == midnight(start + timedelta(days=count), COPENHAGEN)


@given(st.dates(date(2000, 1, 1), date(2100, 1, 1)), st.integers(0, 100), st.integers(0, 100))
def test_more_months_never_end_earlier(start: date, one: int, other: int) -> None:
    low, high = sorted((one, other))
    assert add_months(start, low) <= add_months(start, high)
    assert add_months(start, high).month == (start.month - 1 + high) % 12 + 1


def covered(found: list[tuple[datetime, datetime]]) -> set[datetime]:
    return {hour for hour in HOURS for start, end in found if start <= hour < end}


@example([(HOURS[0], HOURS[1]), (HOURS[2], HOURS[6]), (HOURS[3], HOURS[4])])
@given(st.lists(spans))
def test_joined_spans_cover_what_the_spans_cover_and_do_not_touch(
    found: list[tuple[datetime, datetime]],
) -> None:
    joined = union(found)
    assert covered(joined) == covered(found)
    edges = [edge for span in joined for edge in span]
    assert edges == sorted(set(edges))


@given(
    st.lists(st.lists(spans, max_size=4).map(union), max_size=3), st.sets(st.sampled_from(HOURS))
)
def test_layers_count_what_covers_each_piece(
    several: list[list[tuple[datetime, datetime]]], bounds: set[datetime]
) -> None:
    pieces = layers(several, bounds)
    for (start, end), count in pieces:
        for hour in HOURS:
            if start <= hour < end:
                assert count == sum(hour in covered(layer) for layer in several)
    if bounds:
        whole = {hour for hour in HOURS if min(bounds) <= hour < max(bounds)}
        assert covered([span for span, _ in pieces]) == whole
