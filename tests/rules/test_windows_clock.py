"""For how long one expression gives what it gives."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coronapas import certlogic
from coronapas.certlogic._expressions import DateTimeError, LimitError
from coronapas.certlogic._values import (
    DAY,
    MAX_MILLISECONDS,
    add,
    add_months,
    parse,
)
from coronapas.rules._search import (
    FIRST,
    LAST,
    SPREAD,
    ClockText,
    Hold,
    Stay,
    clock_text,
    hold,
    reads_clock,
)
from coronapas.rules._subject import instant

HOUR, MINUTE, SECOND = 3_600_000, 60_000, 1000
CLOCK: Any = {"var": "external.validationClock"}
NOON = parse("2021-06-15T12:00:00Z")
UNITS = ("year", "month", "day", "hour")

moments = st.integers(FIRST, LAST)


def held(logic: Any, at: int = NOON) -> tuple[int, int]:
    found = hold(certlogic.parse(logic), {}, {"validationClock": "not the clock"}, at)
    return found.first, found.last


def moved(amount: int, unit: str) -> Any:
    return {"plusTime": [CLOCK, amount, unit]}


def day(text: str) -> Any:
    return {"plusTime": [text, 0, "day"]}


@given(moments)
def test_the_clock_is_written_as_decisions_write_it(at: int) -> None:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at)
    text = clock_text(at)
    assert text == instant(moment)
    assert type(text) is ClockText
    assert parse(str(text)) == at


@given(st.integers(0, 4799), st.integers(-10_000, 10_000))
def test_no_number_of_months_is_further_from_its_average_than_the_spread(
    start: int, months: int
) -> None:
    first = add_months(parse("2000-01-01"), start)
    length = add_months(first, months) - first
    assert abs(length - months * 146_097 * DAY / 4800) <= SPREAD * DAY


@given(moments, st.integers(-10_000_000, 10_000_000), st.sampled_from(("month", "year", "day")))
def test_the_clock_moves_as_the_language_moves_it_or_is_refused_alike(
    at: int, amount: int, unit: Any
) -> None:
    stay = Stay(at, FIRST, LAST)
    found = stay.moving(amount, unit)
    try:
        expected: int | None = add(at, amount, unit)
    except DateTimeError:
        expected = None
    assert (found.milliseconds if found else None) == expected
    assert stay.first <= at <= stay.last
    for other in (stay.first, stay.last, (stay.first + stay.last) // 2):
        try:
            add(other, amount, unit)
        except DateTimeError:
            assert expected is None
        else:
            assert expected is not None


@pytest.mark.parametrize("unit", UNITS)
def test_a_shift_that_leaves_the_range_of_date_times_does_so_at_one_moment(unit: Any) -> None:
    """Around the greatest shift that the clock of 2021 bears, one month more or less at a time."""
    length = {"hour": HOUR, "day": DAY, "month": 30 * DAY, "year": 365 * DAY}[unit]
    near = (MAX_MILLISECONDS - NOON) // length
    for sign in (1, -1):
        # Bisect for an amount that is in range now and for the next that is not.
        low, high = near // 2, near * 2
        while high - low > 1:
            middle = (low + high) // 2
            if Stay(NOON, FIRST, LAST).moving(sign * middle, unit) is None:
                high = middle
            else:
                low = middle
        for amount in (low, high):
            stay = Stay(NOON, FIRST, LAST)
            inside = stay.moving(sign * amount, unit) is not None
            assert inside is (amount == low)
            for other in (stay.first, stay.last):
                if FIRST < other < LAST:
                    assert (Stay(other, FIRST, LAST).moving(sign * amount, unit) is None) is (
                        amount == high
                    )


@pytest.mark.parametrize(
    ("operator", "first", "last"),
    [
        ("before", FIRST, NOON + DAY - 1),
        ("not-before", FIRST, NOON + DAY - 1),
        ("after", FIRST, NOON + DAY),
        ("not-after", FIRST, NOON + DAY),
    ],
)
def test_a_comparison_holds_to_the_millisecond_on_both_of_its_sides(
    operator: str, first: int, last: int
) -> None:
    fixed = {"plusTime": ["2021-06-16T12:00:00Z", 0, "day"]}
    logic = {operator: [moved(0, "day"), fixed]}
    assert held(logic) == (first, last)
    assert held(logic, last) == (first, last)
    assert held(logic, last + 1) == (last + 1, LAST)
    mirrored = {
        "before": "after",
        "after": "before",
        "not-before": "not-after",
        "not-after": "not-before",
    }
    assert held({mirrored[operator]: [fixed, moved(0, "day")]}) == (first, last)


def test_a_month_from_the_clock_far_from_what_it_is_compared_with_needs_no_months() -> None:
    logic = {"before": [moved(1, "month"), day("2030-01-01")]}
    first, last = held(logic)
    assert first == FIRST
    assert parse("2029-11-15") < last < parse("2029-12-01")


def test_a_month_from_the_clock_near_what_it_is_compared_with_goes_by_its_month() -> None:
    logic = {"not-before": [moved(1, "month"), day("2021-03-01")]}
    # 2021-01-29 and a month is 2021-03-01; on 2021-02-01 it is that again.
    assert held(logic, parse("2021-01-29")) == (parse("2021-01-29"), parse("2021-02-01") - 1)
    january = (parse("2021-01-01"), parse("2021-01-29") - 1)
    assert held(logic, parse("2021-01-28T23:00:00Z")) == january
    leap = {"not-before": [moved(1, "month"), day("2020-03-02")]}
    assert held(leap, parse("2020-01-31T10:00:00Z")) == (
        parse("2020-01-31"),
        parse("2020-02-01") - 1,
    )
    assert held(leap, parse("2020-02-01")) == (parse("2020-02-01"), parse("2020-02-02") - 1)


def test_two_clocks_moved_by_different_units_are_compared_month_by_month() -> None:
    logic = {"before": [moved(1, "month"), moved(30, "day")]}
    # February is shorter than 30 days, and no other month is.
    assert held(logic, parse("2021-02-10")) == (parse("2021-02-01"), parse("2021-03-01") - 1)
    assert held(logic, parse("2021-03-10"))[0] == parse("2021-03-01")
    assert held({"before": [moved(2, "month"), moved(30, "day")]}) == (FIRST, LAST)


@pytest.mark.parametrize(
    "logic",
    [
        {"before": [moved(1, "day"), moved(25, "hour")]},
        {"not-after": [moved(1, "year"), moved(12, "month")]},
        {"if": [CLOCK, True, False]},
        {"!": [CLOCK]},
        {"===": [CLOCK, CLOCK]},
        {"===": [CLOCK, "2021-06-15"]},
        {"===": [CLOCK, "2021-06-15T12:00:00.000Z"]},
        {"===": [CLOCK, "0000"]},
        {"===": [CLOCK, 1]},
        {"in": [CLOCK, [CLOCK, "2021-06-15T12:00:00Z"]]},
        {"in": [CLOCK, []]},
        {">": [CLOCK, 1]},
        {"dccDateOfBirth": [CLOCK]},
        {"plusTime": [CLOCK, 10**15, "hour"]},
        {"reduce": [CLOCK, True, False]},
        {"extractFromUVCI": [CLOCK, 3]},
        {"extractFromUVCI": [CLOCK, -1]},
        {"plusTime": [{"plusTime": [CLOCK, 1, "day"]}, 1, "day"]},
        {"var": "external.validationClock.0"},
        {"var": "external"},
        {"+": [1, 2]},
    ],
)
def test_what_the_clock_does_not_move_holds_always(logic: Any) -> None:
    assert held(logic) == (FIRST, LAST)


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2021-06-15T12:00:00Z", NOON, NOON),
        ("2021-06-15T11:59:59Z", NOON - SECOND + 1, LAST),
        ("2021-06-15T12:00:00.001Z", FIRST, NOON),
    ],
)
def test_a_text_compared_with_the_clock_is_met_for_a_millisecond(
    text: str, first: int, last: int
) -> None:
    assert held({"===": [CLOCK, text]}) == (first, last)
    assert held({"===": [text, CLOCK]}) == (first, last)
    assert held({"in": [CLOCK, ["x", text]]}) == (first, last)
    assert held({"in": [text, ["x", CLOCK, "y"]]}) == (first, last)


def test_a_clock_found_among_several_texts_is_compared_with_no_more_of_them() -> None:
    logic = {"in": ["2021-06-15T12:00:00Z", [CLOCK, CLOCK, "2021-06-15T12:00:00Z"]]}
    assert held(logic) == (NOON, NOON)
    neither = {"in": [CLOCK, ["2021-06-14T00:00:00Z", "2021-06-16T00:00:00Z"]]}
    assert held(neither) == (parse("2021-06-14") + 1, parse("2021-06-16") - 1)


def test_a_clock_in_an_array_that_a_reduce_built_is_not_overlooked() -> None:
    collected = {"reduce": [["a"], [CLOCK_IN_LAMBDA], []]}
    logic = {"in": ["2021-06-15T12:00:00Z", collected]}
    assert held(logic) == (NOON, NOON)
    inside = {
        "reduce": [
            [["x", CLOCK]],
            {"in": ["2021-06-15T12:00:00Z", {"var": "current"}]},
            False,
        ]
    }
    assert held(inside) == (NOON, NOON)


CLOCK_IN_LAMBDA: Any = {"var": "data.external.validationClock"}


@pytest.mark.parametrize(
    ("index", "first", "last"),
    [(0, NOON, NOON + HOUR - 1), (1, NOON, NOON + MINUTE - 1), (2, NOON, NOON)],
)
def test_parts_of_the_clocks_text_last_as_long_as_they_are_shown(
    index: int, first: int, last: int
) -> None:
    assert held({"===": [{"extractFromUVCI": [CLOCK, index]}, "x"]}) == (first, last)


def test_the_failing_half_of_a_comparison_of_three_is_what_holds() -> None:
    always = {"not-after": [day("2021-01-02"), day("2021-01-01"), moved(0, "day")]}
    assert held(always) == (FIRST, LAST)
    second = {"not-after": [day("2021-01-01"), day("2021-01-02"), moved(0, "day")]}
    assert held(second, parse("2020-12-01")) == (FIRST, parse("2021-01-02") - 1)


def test_a_date_time_as_the_result_ends_with_the_years_that_can_be_shown() -> None:
    for logic in (moved(7979, "year"), [moved(7979, "year")], [[1, moved(7979, "year")]]):
        december = (parse("2020-12-01"), parse("2021-01-01") - 1)
        assert held(logic, parse("2020-12-31")) == december
        assert held(logic, parse("2021-01-01"))[0] == parse("2021-01-01")
        assert held(logic)[1] == LAST
    before_year_1 = held(moved(-2021, "year"), parse("2021-12-31T23:00:00Z"))
    assert before_year_1[1] == parse("2022-01-01") - 1


def test_a_refusal_holds_as_long_as_what_led_to_it() -> None:
    logic = {
        "if": [{"before": [moved(0, "day"), day("2021-07-01")]}, {"+": [1, {"var": "x"}]}, True]
    }
    expr = certlogic.parse(logic)
    assert hold(expr, {}, {}, NOON) == Hold(FIRST, parse("2021-07-01") - 1, 9, None)
    assert hold(expr, {}, {}, parse("2021-07-01")).result is True


def test_a_refusal_for_the_steps_it_takes_is_a_result_like_any() -> None:
    numbers = [1] * 60_000
    logic = {
        "if": [
            {"before": [moved(0, "day"), day("2021-07-01")]},
            {"reduce": [{"var": "payload.x"}, {"+": [{"var": "current"}, 1]}, 0]},
            True,
        ]
    }
    found = hold(certlogic.parse(logic), {"x": numbers}, {}, NOON)
    assert (found.first, found.last, found.result) == (FIRST, parse("2021-07-01") - 1, None)


def test_a_result_too_large_to_be_shown_is_looked_through_no_further() -> None:
    doubled = {"reduce": [{"var": "payload.x"}, [{"var": "accumulator"}, {"var": "accumulator"}]]}
    logic = {"reduce": [*doubled["reduce"], moved(0, "day")]}
    found = hold(certlogic.parse(logic), {"x": [1] * 64}, {}, NOON)
    assert (found.first, found.last, found.result) == (FIRST, LAST, None)


def test_a_stack_too_short_for_the_expression_is_told_from_a_result() -> None:
    logic: Any = CLOCK
    for _ in range(60):
        logic = {"!": [logic]}
    expr = certlogic.parse(logic)

    def deeper(levels: int) -> Hold:
        return hold(expr, {}, {}, NOON) if levels == 0 else deeper(levels - 1)

    def until_refused() -> None:
        for levels in range(0, sys.getrecursionlimit(), 40):
            deeper(levels)

    with pytest.raises(LimitError, match="no stack left"):
        until_refused()


@pytest.mark.parametrize(
    ("paths", "reads"),
    [
        ((), False),
        (("payload.v", "external.valueSets.a"), False),
        (("external.validationClock",), True),
        (("external",), True),
        (("",), True),
    ],
)
def test_whether_a_rule_reads_the_clock_is_told_by_its_paths(
    paths: tuple[str, ...], reads: bool
) -> None:
    assert reads_clock(paths) is reads
