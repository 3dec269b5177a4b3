"""Datetimes to seconds and back."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coronapas._time import as_utc, exact_moment, iso_utc, moment, seconds

ZONES = st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m)))
INSTANTS = st.datetimes(datetime(2, 1, 1), datetime(9999, 1, 1), timezones=ZONES)


@given(INSTANTS)
def test_whole_seconds_come_back(at: datetime) -> None:
    at = at.replace(microsecond=0)
    assert moment(seconds(at)) == exact_moment(seconds(at)) == as_utc(at) == at
    assert datetime.fromisoformat(iso_utc(at)) == at
    assert iso_utc(at).endswith("Z")
    assert as_utc(at).tzinfo is UTC


@given(st.floats(allow_nan=False))
def test_any_number_of_seconds_has_a_nearest_moment(number: float) -> None:
    first, last = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    try:
        assert moment(number) == exact_moment(number)
    except ValueError:
        assert moment(number) == (first if number < 0 else last)


@pytest.mark.parametrize("read", [moment, exact_moment])
def test_what_is_not_a_number_is_no_moment(read: Any) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read(math.nan)


@pytest.mark.parametrize("write", [as_utc, seconds, iso_utc])
def test_a_datetime_without_a_zone_is_refused(write: Any) -> None:
    with pytest.raises(ValueError, match="time zone"):
        write(datetime(2021, 6, 1))


def test_seconds_are_asked_of_a_datetime() -> None:
    given_: Any = 5
    with pytest.raises(TypeError):
        seconds(given_)
