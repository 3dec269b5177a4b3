"""Moments: the one place where datetimes become UTC, or seconds, and come back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

_FIRST: Final = datetime.min.replace(tzinfo=UTC)
_LAST: Final = datetime.max.replace(tzinfo=UTC)


def as_utc(moment: datetime) -> datetime:
    """Turn an instant into UTC; raises ValueError for one without a time zone."""
    if moment.tzinfo is UTC:
        return moment
    if moment.utcoffset() is None:
        raise ValueError("A moment needs a time zone.")
    return moment.astimezone(UTC)


def seconds(at: datetime) -> float:
    """Return a moment in seconds since 1970-01-01T00:00:00Z.

    Raises TypeError for what is not a datetime, and ValueError for one without a time zone.
    """
    if not isinstance(at, datetime):
        raise TypeError("the moment of a check must be a datetime")
    if at.tzinfo is not UTC and at.utcoffset() is None:
        raise ValueError("the moment of a check needs a time zone")
    return at.timestamp()


def moment(seconds: float) -> datetime:
    """Return seconds since 1970-01-01T00:00:00Z as a moment in UTC, or the nearest there is.

    The first moment of the year 1 at +14:00, and the last of the year 9999, are datetimes, and
    beyond them in UTC and by the rounding of seconds. Raises ValueError for NaN.
    """
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        if seconds != seconds:
            raise
        return _FIRST if seconds < 0 else _LAST


def exact_moment(seconds: float) -> datetime:
    """Return the instant in UTC; raises ValueError where the calendar ends, or for NaN."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        raise ValueError("The number of seconds is outside the calendar.") from None


def iso_utc(at: datetime) -> str:
    """Return an instant as ISO 8601 in UTC with ``Z``, in whole seconds, cut."""
    return f"{as_utc(at).replace(tzinfo=None).isoformat(timespec='seconds')}Z"
