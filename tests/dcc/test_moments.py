"""Dates and times as passes write them, exact and otherwise."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coronapas.dcc import _text as dates
from coronapas.facts import PartialDate


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2021-08-20T10:03:12Z", datetime(2021, 8, 20, 10, 3, 12, tzinfo=UTC)),
        ("2021-08-20T10:03:12+02:00", datetime(2021, 8, 20, 8, 3, 12, tzinfo=UTC)),
        ("2021-08-20T10:03:12-0230", datetime(2021, 8, 20, 12, 33, 12, tzinfo=UTC)),
        ("2021-08-20T10:03:12+02", datetime(2021, 8, 20, 8, 3, 12, tzinfo=UTC)),
        ("2021-08-20T10:03:12+2", datetime(2021, 8, 20, 8, 3, 12, tzinfo=UTC)),
        ("2021-08-20T10:03:12+0", datetime(2021, 8, 20, 10, 3, 12, tzinfo=UTC)),
        ("2021-08-20T10:03:12", datetime(2021, 8, 20, 10, 3, 12, tzinfo=UTC)),
        ("2021-08-20t10:03z", datetime(2021, 8, 20, 10, 3, tzinfo=UTC)),
        ("2021-08-20T10:03:12.5Z", datetime(2021, 8, 20, 10, 3, 12, 500000, tzinfo=UTC)),
        ("2021-08-20T10:03:12.1234567Z", datetime(2021, 8, 20, 10, 3, 12, 123456, tzinfo=UTC)),
        ("2021-08-20T10:03:60Z", None),
        ("2021-08-20T10:03:12+24:00", None),
        ("2021-08-20T10:03:12+002", None),
        ("2021-02-29T10:03:12Z", None),
        ("0000-02-28T10:03:12Z", None),
        ("2021-08-20T10:03:1\u0662Z", None),
        ("", None),
    ],
)
def test_a_moment_is_read_with_its_zone(text: str, moment: datetime | None) -> None:
    assert dates.read_moment(text)[0] == moment


@given(
    st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)),
    st.integers(-23 * 60 - 59, 23 * 60 + 59),
)
def test_every_exact_date_time_is_read_as_what_it_says(at: datetime, offset: int) -> None:
    moment = at.replace(microsecond=0, tzinfo=timezone(timedelta(minutes=offset)))
    assert dates.read_moment(moment.isoformat()) == (moment, ())


@pytest.mark.parametrize(
    ("text", "born"),
    [
        ("1963-07-04", date(1963, 7, 4)),
        ("1963-07", PartialDate(1963, 7)),
        ("1963", PartialDate(1963)),
        ("1963-00", PartialDate(1963)),
        ("1963-00-00", PartialDate(1963)),
        ("1963-07-00", PartialDate(1963, 7)),
        ("1963-07-04T00:00:00", date(1963, 7, 4)),
        ("", None),
        ("0000", None),
        ("1963-13-00", None),
        ("1963-02-30", None),
        ("XXXX-XX-XX", None),
    ],
)
def test_a_date_of_birth_is_read_as_far_as_it_is_known(
    text: str, born: date | PartialDate | None
) -> None:
    assert dates.read_birth_date(text)[0] == born


@given(st.dates())
def test_every_date_is_read_as_itself(day: date) -> None:
    assert dates.read_date(day.isoformat()) == (day, ())
