"""Date-times and calendar arithmetic in UTC (CertLogic 1.3.3, `plusTime`, `dccDateOfBirth`).

Inside the language a date-time is an instant in integer milliseconds since 1970-01-01T00:00:00Z,
within `MAX_MILLISECONDS` of it on either side (some 271,000 years). Only a result that leaves the
language becomes an aware `datetime` in UTC, whose range is the years 1–9999.

Formats: ``YYYY`` and ``YYYY-MM`` (rounded up to the last day they can mean), ``YYYY-MM-DD``, and
``YYYY-MM-DDThh:mm:ss`` with an optional fraction (cut to milliseconds) and an optional offset
(``Z``, ``±h``, ``±hh``, ``±hmm``, ``±hhmm``, ``±h:mm``, ``±hh:mm``, below 24 hours; none means
``Z``). Dates without time are midnight UTC; ``24:00:00`` is the next midnight. A date that is in
no calendar (30 February) is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from coronapas.certlogic._expressions import MAX_RESULT_DEPTH, MAX_STEPS, DateTimeError, LimitError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coronapas.certlogic._expressions import TimeUnit

HOUR: Final = 3_600_000
DAY: Final = 86_400_000
UNIT_MILLISECONDS: Final[dict[str, int]] = {"day": DAY, "hour": HOUR}
"""The units of constant length."""
UNIT_MONTHS: Final[dict[str, int]] = {"year": 12, "month": 1}
"""The units of calendar length, in months."""

MAX_MILLISECONDS: Final = 8_640_000_000_000_000
"""The range of an instant, inclusive, on both sides of 1970: that of ECMAScript's time values."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NAIVE_EPOCH: Final = datetime(1970, 1, 1)
_EPOCH_ORDINAL: Final = date(1970, 1, 1).toordinal()
_MONTH_DAYS: Final = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)

_FORMAT: Final = re.compile(
    r"(?P<year>\d{4})"
    r"(?:-(?P<month>\d\d)"
    r"(?:-(?P<day>\d\d)"
    r"(?:T(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)"
    r"(?:\.(?P<fraction>\d+))?"
    r"(?:Z|(?P<sign>[+-])(?P<ahead>\d{1,2})(?::?(?P<past>\d\d))?)?"
    r")?)?)?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Instant:
    """A date-time among untyped values, in `milliseconds`.

    `===` on date-times is identity, as on arrays and objects: compare with `not-after` and its kin.
    """

    milliseconds: int


class Dates(dict[str, int]):
    """The date-times read within one decision, by their text: none of them is read twice.

    Give one and the same object to every evaluation of a decision, and drop it afterwards: it
    holds the holder's dates. `dates[text]` gives milliseconds, and raises `DateTimeError` as
    `parse` does.
    """

    def __missing__(self, text: str) -> int:
        instant = self[text] = parse(text)
        return instant

    def __repr__(self) -> str:
        return f"<Dates: {len(self)} read>"


def parse(text: object) -> int:
    """Read a date, partial date or date-time in one of the formats above; return milliseconds.

    Raises:
        DateTimeError: anything else.

    """
    if not isinstance(text, str):
        raise DateTimeError("date-time.kind", "a date-time must be read from a string")
    # What passes have, nearly always; C does the work. Its parser reads other formats too, and so
    # the hyphens and letters are looked at here.
    try:
        if len(text) == 10:
            if text[4] == text[7] == "-":
                return (date.fromisoformat(text).toordinal() - _EPOCH_ORDINAL) * DAY
        elif (text[19:] == "Z" or text[19:] == "+00:00") and (
            text[4] == text[7] == "-" and text[10] == "T" and text[13] == text[16] == ":"
        ):
            gap = datetime.fromisoformat(text[:19]) - _NAIVE_EPOCH
            return gap.days * DAY + gap.seconds * 1000
    except ValueError:
        pass
    return _parse_any(text)


def parse_birth_date(text: object) -> int:
    """Read a date of birth (``YYYY``, ``YYYY-MM``, ``YYYY-MM-DD``) as the last day it can mean.

    Raises:
        DateTimeError: anything else.

    """
    if isinstance(text, str) and len(text) <= 10:
        return parse(text)
    raise DateTimeError(
        "date-time.birth-format", "a date of birth must be YYYY, YYYY-MM or YYYY-MM-DD"
    )


def add(instant: int, amount: int, unit: TimeUnit) -> int:
    """Return an instant (ms) moved by `amount` (negative: back) units of the calendar in UTC.

    A day that the month of arrival lacks flows over: 2020-02-29 plus 1 year is 2021-03-01,
    2021-01-31 plus 1 month is 2021-03-03. The time of day stays.

    Raises:
        DateTimeError: the result is out of range.

    """
    if unit in UNIT_MILLISECONDS:
        return in_range(instant + amount * UNIT_MILLISECONDS[unit])
    return add_months(instant, amount * UNIT_MONTHS[unit])


def add_months(instant: int, months: int) -> int:
    """Return an instant moved by months, as `add` moves it."""
    if not months:
        return instant
    days, time_of_day = divmod(instant, DAY)
    try:
        start = date.fromordinal(days + _EPOCH_ORDINAL)
        year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
        days = date(year, month + 1, 1).toordinal() - _EPOCH_ORDINAL + start.day - 1
    except (ValueError, OverflowError):
        days = _add_months_anywhere(days, months)
    return in_range(days * DAY + time_of_day)


def in_range(instant: int) -> int:
    """Return the instant, where it is in the range of date-times."""
    if -MAX_MILLISECONDS <= instant <= MAX_MILLISECONDS:
        return instant
    raise DateTimeError("date-time.range", "a date-time out of range")


def to_datetime(instant: int) -> datetime:
    """Return an instant as an aware `datetime` in UTC.

    Raises:
        DateTimeError: the year is not one of 1–9999.

    """
    try:
        return _EPOCH + timedelta(milliseconds=instant)
    except OverflowError:
        raise DateTimeError("date-time.range", "a date-time outside the years 1–9999") from None


def from_datetime(moment: datetime) -> int:
    """Return an aware `datetime` as an instant, cut to the millisecond before it.

    Raises:
        DateTimeError: the `datetime` has no zone.

    """
    if moment.utcoffset() is None:
        raise DateTimeError("date-time.zone", "a datetime without a zone")
    return _milliseconds(moment)


def _milliseconds(moment: datetime) -> int:
    gap = moment - _EPOCH
    return gap.days * DAY + gap.seconds * 1000 + gap.microseconds // 1000


def _parse_any(text: str) -> int:
    found = _FORMAT.fullmatch(text)
    if found is None:
        raise DateTimeError("date-time.format", "not an allowed date or date-time format")
    year, month = int(found["year"]), int(found["month"] or 12)
    if not 1 <= month <= 12:
        raise DateTimeError("date-time.calendar", "a month that is not one of 01–12")
    last = 29 if month == 2 and _is_leap(year) else _MONTH_DAYS[month - 1]
    day = int(found["day"] or last)
    if not 1 <= day <= last:
        raise DateTimeError("date-time.calendar", "a day that its month does not have")
    days = _days_before(year, month) + day - 1
    return days * DAY if found["hour"] is None else days * DAY + _time_of_day(found)


def _time_of_day(found: re.Match[str]) -> int:
    hour, minute, second = int(found["hour"]), int(found["minute"]), int(found["second"])
    fraction = int((found["fraction"] or "0")[:3].ljust(3, "0"))
    time = ((hour * 60 + minute) * 60 + second) * 1000 + fraction
    if minute > 59 or second > 59 or time > DAY:
        raise DateTimeError("date-time.calendar", "a time of day that no clock shows")
    if found["sign"] is None:
        return time
    ahead, past = int(found["ahead"]), int(found["past"] or 0)
    if ahead > 23 or past > 59:
        raise DateTimeError("date-time.offset", "an offset of 24 hours or more")
    offset = (ahead * 60 + past) * 60_000
    return time + offset if found["sign"] == "-" else time - offset


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def _days_before(year: int, month: int) -> int:
    """Return the days from 1970-01-01 to the first of a month, for any year."""
    era = year - (month <= 2)
    ordinal = (153 * ((month + 9) % 12) + 2) // 5
    return era * 365 + era // 4 - era // 100 + era // 400 + ordinal - 719_468


def _add_months_anywhere(days: int, months: int) -> int:
    """Add months to days since 1970, for years that `date` does not have."""
    if abs(months) > 12 * 600_000:
        raise DateTimeError("date-time.range", "a date-time out of range")
    # 400 years are 146,097 days: brought into the years 2000–2399, then back.
    cycles, within = divmod(days - 10_957, 146_097)
    start = date.fromordinal(within + 10_957 + _EPOCH_ORDINAL)
    total = (start.year + cycles * 400) * 12 + start.month - 1 + months
    return _days_before(total // 12, total % 12 + 1) + start.day - 1


# The values of the language: which are truthy, which are equal, what a path leads to.
#
# CertLogic 1.3.3, “Truthiness”, `===`, `in`, `var`, `extractFromUVCI`. Values are those of JSON, as
# `json.loads` gives them (tuples pass as arrays, mappings as objects), and `Instant`.


PLAIN_KINDS: Final = frozenset({type(None), bool, int, str, list, dict})
"""The kinds of values whose truth in Python is their truth here."""

_UVCI_PREFIX: Final = "URN:UVCI:"
_UVCI_SEPARATOR: Final = re.compile("[/#:]")
_MAX_INDEX_DIGITS: Final = 9


def truth(value: object) -> bool | None:
    """Return whether a value is truthy; None when it is neither (date-times, fractions)."""
    if type(value) in PLAIN_KINDS:
        return bool(value)
    if isinstance(value, float):
        return bool(value) if value.is_integer() else None
    if isinstance(value, (tuple, Mapping, str, int, list)):
        return bool(value)
    return None


def integer(value: object) -> int | None:
    """Return a value as an integer, else None; JSON has one kind of number, so 3.0 is one."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return None


def equal(left: object, right: object) -> bool:
    """Apply `===`; arrays, objects and date-times are equal to nothing but themselves."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, str):
        return isinstance(right, str) and left == right
    if isinstance(left, (int, float)):
        return isinstance(right, (int, float)) and left == right
    return left is right


def member(value: object, array: Sequence[object]) -> bool:
    """Return whether an item of the array is `equal` to a value."""
    if type(value) is str:
        # Python's == never holds between a string and anything else of JSON.
        return value in array
    return any(equal(item, value) for item in array)


def step(value: Any, fragment: str) -> Any:
    """Follow one fragment of a path: a key of an object, or an index of an array; else null."""
    if isinstance(value, (list, tuple)):
        if len(fragment) <= _MAX_INDEX_DIGITS and fragment.isascii() and fragment.isdigit():
            index = int(fragment)
            return value[index] if index < len(value) else None
        return None
    if isinstance(value, Mapping):
        return value.get(fragment)
    return None


def access(data: Any, path: str) -> Any:
    """Return what a path leads to; null where it leads nowhere."""
    if not path:
        return data
    for fragment in path.split("."):
        if data is None:
            return None
        data = step(data, fragment)
    return data


def uvci_fragment(uvci: str | None, index: int) -> str | None:
    """Return the fragment of a UVCI with an index from 0; None where it has fewer."""
    if uvci is None or index < 0:
        return None
    fragments = _UVCI_SEPARATOR.split(uvci.removeprefix(_UVCI_PREFIX))
    return fragments[index] if index < len(fragments) else None


def present(value: Any) -> Any:
    """Return a result for the caller: instants within it as aware datetimes, in fresh lists.

    Raises:
        DateTimeError: a date-time outside the years 1–9999. LimitError: arrays nested too deep, or
        too large: a `reduce` can build what no one could print.

    """
    return _Presenter().present(value, 1)


class _Presenter:
    """`present`, with the count of what it has seen."""

    def __init__(self) -> None:
        self.seen = 0

    def present(self, value: Any, depth: int) -> Any:
        if isinstance(value, Instant):
            return to_datetime(value.milliseconds)
        if not isinstance(value, list):
            return value
        self.seen += len(value)
        if self.seen > MAX_STEPS or depth > MAX_RESULT_DEPTH:
            raise LimitError("limit.result", "a result too large or nested too deep")
        if not any(isinstance(item, (Instant, list)) for item in value):
            return value
        return [self.present(item, depth + 1) for item in value]
