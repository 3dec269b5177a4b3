"""Reading JSON rows with every fault: a reader that notes what is wrong and goes on.

Used for programmes and for histories. A fault names the path and never the value: it may be the
holder's.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from datetime import date, datetime
from typing import Any, Final

from coronapas.errors import Fault

YEARS: Final = range(1880, 2200)
"""The years that a date may have: this project's bound."""

_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)


class Faults:
    """The faults that were found, in order."""

    def __init__(self) -> None:
        self.found: list[Fault] = []

    def note(self, path: str, code: str, problem: str, hint: str) -> None:
        """Note one fault."""
        self.found.append(Fault(path, code, problem, hint))


class RowReader:
    """One JSON object: its members are taken by name and type, and unknown ones are faults.

    A member that is absent or wrong gives the default; the fault is noted once.
    """

    def __init__(self, value: object, path: str, faults: Faults) -> None:
        self.path = path
        self.faults = faults
        self.values: Mapping[str, Any] = value if isinstance(value, Mapping) else {}
        self._taken: set[str] = set()
        self.malformed = not isinstance(value, Mapping)
        if self.malformed:
            self.note("", "type", "This is not an object.", "Give a JSON object.")

    def note(self, name: str, code: str, problem: str, hint: str) -> None:
        """Note a fault of a member."""
        path = f"{self.path}.{name}".strip(".")
        self.faults.note(path, f"json.{code}", problem, hint)

    def take(self, name: str, *, required: bool = False) -> Any:
        """Take a member as it is; None where it is absent or null."""
        self._taken.add(name)
        value = self.values.get(name)
        if value is None and required:
            self.note(name, "missing", "The member is missing.", f"Give {name}.")
        return value

    def has(self, name: str) -> bool:
        """Tell whether a member is there."""
        return name in self.values

    def close(self) -> None:
        """Note every member that was never taken."""
        for name in self.values:
            if name not in self._taken:
                self.note(str(name)[:40], "unknown", "The member is unknown.", "Leave it out.")

    def text(self, name: str, *, required: bool = False, default: str = "") -> str:
        """Take a text that is not empty."""
        return self.maybe_text(name, required=required) or default

    def maybe_text(self, name: str, *, required: bool = False) -> str | None:
        """Take a text that is not empty, or None."""
        value = self.take(name, required=required)
        if value is None:
            return None
        if not isinstance(value, str) or not value.strip() or len(value) > 4000:
            self.note(name, "text", "This is not a text, or is empty or too long.", "Give a text.")
            return None
        return value.strip()

    def choice(
        self, name: str, choices: Collection[str], *, required: bool = False, default: str = ""
    ) -> str:
        """Take one of a few words."""
        value = self.take(name, required=required)
        if value is None:
            return default
        if not isinstance(value, str) or value not in choices:
            self.note(name, "choice", "The word is unknown here.", f"Give one of {_list(choices)}.")
            return default
        return value

    def number(self, name: str, low: int, high: int, *, required: bool = False) -> int | None:
        """Take a whole number between two bounds, both inclusive."""
        value = self.take(name, required=required)
        if value is None:
            return None
        whole = isinstance(value, int) and not isinstance(value, bool)
        if not whole or not low <= value <= high:
            hint = f"Give a whole number from {low} to {high}."
            self.note(name, "number", "This is not a number that fits here.", hint)
            return None
        return int(value)

    def flag(self, name: str) -> bool:
        """Take true or false; false where it is absent."""
        value = self.take(name)
        if value is not None and not isinstance(value, bool):
            self.note(name, "flag", "This is neither true nor false.", "Give true or false.")
        return value is True

    def day(self, name: str, *, required: bool = False) -> date | None:
        """Take a day, YYYY-MM-DD."""
        value = self.take(name, required=required)
        if value is None:
            return None
        day = _parse_day(value)
        if day is None:
            self.note(name, "date", "This is not a date of the calendar.", "Write YYYY-MM-DD.")
        return day

    def local_instant(self, name: str) -> datetime | None:
        """Take a required local time, YYYY-MM-DD or YYYY-MM-DDThh:mm without offset; naive."""
        value = self.take(name, required=True)
        if value is None:
            return None
        moment = _parse_moment(value)
        if moment is None or moment.tzinfo is not None:
            hint = "Write YYYY-MM-DD or YYYY-MM-DDThh:mm, in the programme's time zone."
            self.note(name, "local-time", "This is not a local time without offset.", hint)
            return None
        return moment

    def instant(self, name: str) -> datetime | None:
        """Take a required instant with its offset."""
        value = self.take(name, required=True)
        if value is None:
            return None
        moment = _parse_moment(value)
        if moment is None or moment.tzinfo is None:
            hint = "Write YYYY-MM-DDThh:mm:ss with Z or an offset."
            self.note(name, "instant", "This is not an instant with its offset.", hint)
            return None
        return moment

    def words(self, name: str, choices: Collection[str] | None = None) -> tuple[str, ...] | None:
        """Take a list of texts, each one of `choices` where they are given; None where absent."""
        value = self.take(name)
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
            self.note(name, "list", "This is not a list of texts.", "Give a list of texts.")
            return None
        if choices is not None and not set(value) <= set(choices):
            self.note(name, "choice", "A word is unknown here.", f"Give some of {_list(choices)}.")
            return None
        return tuple(value)

    def rows(self, name: str, *, most: int = 10_000) -> Iterator[RowReader]:
        """Take a list of objects, each with its path; none where it is absent."""
        value = self.take(name)
        if value is None:
            return
        if not isinstance(value, list) or len(value) > most:
            hint = f"Give a list of at most {most} objects."
            self.note(name, "list", "This is not a list, or is too long.", hint)
            return
        for place, item in enumerate(value):
            yield RowReader(item, f"{self.path}.{name}.{place}".strip("."), self.faults)

    def row(self, name: str, *, required: bool = False) -> RowReader | None:
        """Take an object."""
        value = self.take(name, required=required)
        if value is None:
            return None
        return RowReader(value, f"{self.path}.{name}".strip("."), self.faults)


def _list(choices: Collection[str]) -> str:
    return ", ".join(sorted(choices))


def _parse_day(value: object) -> date | None:
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        return None
    try:
        day = date.fromisoformat(value)
    except ValueError:
        return None
    return day if day.year in YEARS else None


def _parse_moment(value: object) -> datetime | None:
    if not isinstance(value, str) or not _MOMENT.fullmatch(value):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment if moment.year in YEARS else None
