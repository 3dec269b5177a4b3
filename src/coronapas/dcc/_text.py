"""Dates and times as passes write them: the exact forms, and those that real passes need.

Implements the payload's ``dob`` (full, year and month, year, or empty), its dates (``YYYY-MM-DD``)
and its date-times (``YYYY-MM-DDThh:mm:ss`` with ``Z`` or an offset; RFC 3339). Each reader gives
the value, or None where there is none to read, and the names of the tolerances that the reading
used (see `coronapas.tolerances`); no name stands for the exact form. Only ASCII digits count as
digits.
"""

from __future__ import annotations

import re
from datetime import (
    UTC,
    date,
    datetime,
    timedelta,
    timezone,
)
from typing import Final, Literal
from unicodedata import combining, is_normalized, normalize

from coronapas.facts import PartialDate

# Unicode's normal forms, in time that grows no faster than the text (Unicode, UAX #15).
#
# To put a run of combining marks into order takes time by the square of its length, and a
# stranger chooses the run: thirty thousand marks fit into one QR code, and took two seconds.
# Names have a few marks in a row; the Stream-Safe Text Format (UAX #15, section 13) admits 30. A
# text with a longer run is in no normal form here, and is left as it is.

LONGEST_RUN: Final = 30
"""Combining marks in a row that a text may have, inclusive (UAX #15, section 13)."""

CONTROLS: Final = r"\x00-\x1f\x7f-\x9f"
"""The control characters (C0, DEL, C1) as the inside of a regular expression's character class."""

# So many characters are put into order at once, whatever they are.
_SHORT: Final = 320

# Marks by their decomposition, though their own combining class is 0 (UAX #15, non-starter
# decompositions).
_MARKS_OF_CLASS_0: Final = "\u0f73\u0f75\u0f81"

Form = Literal["NFC", "NFD"]


def is_normal(text: str, form: Form = "NFC") -> bool:
    """Whether `text` is in the normal form, with no run beyond `LONGEST_RUN` if it is long."""
    return (len(text) <= _SHORT or _in_bounds(text)) and is_normalized(form, text)


def normal(text: str, form: Form = "NFC") -> str:
    """`text` in the normal form; one that is long and has a run beyond `LONGEST_RUN` as it is."""
    return normalize(form, text) if len(text) <= _SHORT or _in_bounds(text) else text


def _in_bounds(text: str) -> bool:
    run = 0
    for character in text:
        run = run + 1 if combining(character) or character in _MARKS_OF_CLASS_0 else 0
        if run > LONGEST_RUN:
            return False
    return True


_MONTH_AND_DAY: Final = (
    "(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])"
    "|(?:0[13-9]|1[0-2])-(?:29|30)"
    "|(?:0[13578]|1[02])-31)"
)
_LEAP_DAY: Final = (
    "(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)-02-29"
)

DATE: Final = f"(?:(?!0000)[0-9]{{4}}-{_MONTH_AND_DAY}|(?!0000){_LEAP_DAY})"
"""A regular expression for the dates from 0001-01-01 to 9999-12-31, and nothing else."""

TIME: Final = "T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
"""A regular expression for the time and zone of an exact date-time."""

_ONLY_DATE: Final = re.compile("([0-9]{4})-([0-9]{2})-([0-9]{2})")
_BIRTH: Final = re.compile("([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?")
_MOMENT: Final = re.compile(
    "([0-9]{4})-([0-9]{2})-([0-9]{2})([Tt ])([0-9]{2}):([0-9]{2})(?::([0-9]{2}))?"
    "(?:[.,]([0-9]{1,12}))?"
    "([Zz]|[+-](?:[0-9]{1,2}|[0-9]{2}:?[0-9]{2}))?"
)
_MILLISECOND: Final = 1000  # in microseconds
_EXACT: Final = re.compile(DATE + TIME)


def read_date(text: str) -> tuple[date | None, tuple[str, ...]]:
    """Read a date. Of a date with a time the date counts as it is written, whatever its zone."""
    found = _ONLY_DATE.fullmatch(text)
    if found is not None:
        day = _calendar(*found.groups())
        return day, () if day is not None else ("content.date",)
    found = _MOMENT.fullmatch(text)
    day = None if found is None else _calendar(*found.group(1, 2, 3))
    return day, ("content.date",) if day is None else ("content.date-with-time",)


def read_birth_date(text: str) -> tuple[date | PartialDate | None, tuple[str, ...]]:
    """Read a date of birth: known to the day, the month or the year, or unknown (None) where empty.

    A month or day of ``00`` counts as unknown. Whether a release admits the form is not judged
    here.
    """
    if not text:
        return None, ()
    found = _BIRTH.fullmatch(text)
    if found is None:
        return read_date(text)
    year, month, day = found.groups()
    zero: tuple[str, ...] = ("content.birth-date",) if "00" in (month, day) else ()
    if year == "0000" or (month == "00" and day not in (None, "00")):
        return None, ("content.date",)
    if month is None or month == "00":
        return PartialDate(int(year)), zero
    if day is None or day == "00":
        known = _calendar(year, month, "01")
        partial = PartialDate(int(year), int(month)) if known else None
        return partial, zero if partial else ("content.date",)
    full = _calendar(year, month, day)
    return full, () if full else ("content.date",)


def read_moment(text: str) -> tuple[datetime | None, tuple[str, ...]]:
    """Read a date-time, with its zone. One without a zone counts as UTC.

    Read besides the exact form: fractions of a second (to the microsecond), no seconds, ``t``,
    ``z`` or a space for ``T`` and ``Z``, offsets as ``+0200``, ``+02`` or ``+0``, and no offset.
    """
    if _EXACT.fullmatch(text):
        return datetime.fromisoformat(text), ()
    found = _MOMENT.fullmatch(text)
    if found is None:
        return None, ("content.date",)
    year, month, day, mark, hour, minute, second, fraction, zone = found.groups()
    try:
        moment = datetime(
            *(int(year), int(month), int(day), int(hour), int(minute), int(second or 0)),
            microsecond=int((fraction or "0").ljust(6, "0")[:6]),
            tzinfo=_zone(zone),
        )
    except ValueError:
        return None, ("content.date",)
    used = []
    if mark != "T" or second is None or fraction is not None or zone == "z":
        used.append("content.date-time-form")
    if zone is None:
        used.append("content.date-time-zone")
    elif zone not in ("Z", "z") and ":" not in zone:
        used.append("content.date-time-offset")
    return moment, tuple(used)


def plain_date(text: str) -> str:
    """Write a date as ``YYYY-MM-DD``; what cannot be read stays as it is."""
    day = read_date(text)[0]
    return text if day is None else day.isoformat()


def plain_birth_date(text: str) -> str:
    """Write a date of birth as ``YYYY-MM-DD``, ``YYYY-MM`` or ``YYYY``, or leave it as it is."""
    born = read_birth_date(text)[0]
    return text if born is None else str(born)


def plain_moment(text: str) -> str:
    """Write a date-time in its exact form, its fraction cut to the millisecond where it has one.

    What cannot be read stays as it is.
    """
    moment, used = read_moment(text)
    if moment is None or not used:
        return text
    fraction = "milliseconds" if moment.microsecond >= _MILLISECOND else "seconds"
    return moment.isoformat(timespec=fraction).replace("+00:00", "Z")


def _calendar(year: str, month: str, day: str) -> date | None:
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        return None


def _zone(text: str | None) -> timezone:
    """Give the zone of ``Z``, ``+2``, ``+02``, ``+0200`` or ``+02:00``; raises ValueError."""
    if text is None or text in "Zz":
        return UTC
    digits = text[1:].replace(":", "")
    hours, minutes = int(digits[:2]), int(digits[2:] or 0)
    if hours > 23 or minutes > 59:
        raise ValueError("no such offset")
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if text[0] == "-" else offset)
