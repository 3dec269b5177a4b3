"""JSON from strangers: one bounded parser, and one reader of members by name and type (RFC 8259).

`load` parses text within bounds and refuses what two parsers could read in two ways: members of one
name in one object, NaN, numbers that no float holds, half a surrogate pair. `Reader` takes the
members of one object by name and type. It knows the path of each, and leaves every fault to a
`Faults`: the collector goes on, `Raising` raises the first one as the caller's own error.

A fault names the path and never the value: it may be the holder's. The names of unknown members are
chosen by whoever wrote the document, and are shown only where they look like a member's name.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import date, datetime
from typing import Any, Final, NoReturn

from coronapas.errors import Fault

MAX_DEPTH: Final = 200
"""How deep arrays and objects may nest, inclusive, unless the caller asks for less."""

MAX_DIGITS: Final = 300
"""The longest whole number, in characters, inclusive: whatever is longer fits no float."""

YEARS: Final = range(1880, 2200)
"""The years that a date may have: this project's bound."""

MAX_TEXT: Final = 4000
"""The longest text of a member, in characters, inclusive."""

_HALF_PAIR: Final = re.compile(rb"\\u[dD][89a-fA-F]")
_HARMLESS: Final = re.compile(r"[a-z][a-z_]{0,39}")
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_HOUR: Final = "([01][0-9]|2[0-3])"
_MOMENT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    rf"([T ]{_HOUR}:[0-5][0-9](:[0-5][0-9](\.[0-9]{{1,6}})?)?(Z|[+-]{_HOUR}:?[0-5][0-9])?)?"
)


class JsonError(ValueError):
    """A text that is not JSON, or JSON beyond the bounds; the message repeats nothing of it.

    `reason` is ``too-large``, ``encoding``, ``syntax``, ``too-deep``, ``doubled`` or ``number``.
    """

    def __init__(self, reason: str, problem: str) -> None:
        super().__init__(reason, problem)
        self.reason = reason
        self.problem = problem

    def __str__(self) -> str:
        return self.problem


class Doubled(dict[str, Any]):
    """An object in which a member stood twice; the last of its values counts."""


def load(
    data: bytes | str,
    *,
    limit: int,
    parts: int | None = None,
    depth: int = MAX_DEPTH,
    keep_doubled: bool = False,
    half_pairs: bool = False,
) -> Any:
    """Return the value that a JSON text stands for.

    Args:
        data: The text; bytes are UTF-8, with or without a byte-order mark.
        limit: The largest size, in bytes (in characters for a str), inclusive.
        parts: The most commas, colons and opening brackets, inclusive: what fills the memory.
        depth: How deep arrays and objects may nest, inclusive.
        keep_doubled: Return an object that states a member twice as a `Doubled`, for a `Reader` to
            note with its path, and do not refuse it.
        half_pairs: Accept half a surrogate pair, which no text of UTF-8 can hold.

    Raises:
        JsonError: The text is not JSON, or is beyond the bounds.

    """
    if len(data) > limit:
        raise JsonError("too-large", f"it is larger than {limit} bytes")
    if parts is not None and _parts(data) > parts:
        raise JsonError("too-large", f"it is larger than {parts} parts")
    try:
        text = data.decode("utf-8-sig") if isinstance(data, bytes) else data
        if not half_pairs and (isinstance(data, str) or _HALF_PAIR.search(data)):
            _check_characters(text)
    except UnicodeError:
        raise JsonError("encoding", "it is not UTF-8") from None
    try:
        value = json.loads(
            text,
            object_pairs_hook=_keep if keep_doubled else _refuse_doubled,
            parse_constant=_refuse_constant,
            parse_float=_float,
            parse_int=_integer,
        )
    except JsonError:
        raise
    except RecursionError:
        raise JsonError("too-deep", "it is nested too deep") from None
    except json.JSONDecodeError as error:
        raise JsonError("syntax", f"it is not JSON (line {error.lineno})") from None
    if (text.count("[") + text.count("{")) > depth and is_deeper(value, depth):
        raise JsonError("too-deep", "it is nested too deep")
    return value


def _parts(data: bytes | str) -> int:
    if isinstance(data, bytes):
        return len(data) - len(data.translate(None, b",:[{"))
    return sum(map(data.count, (",", ":", "[", "{")))


_ESCAPES: Final = re.compile(r"\\(?:u([dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL)


def _check_characters(text: str) -> None:
    """Raise UnicodeError for half a surrogate pair, as a character or as an escape."""
    text.encode("utf-8")
    if "\\u" not in text:
        return
    end, high = -1, False
    for found in _ESCAPES.finditer(text):
        if not found[1]:
            continue
        code = int(found[1], 16)
        follows = high and found.start() == end
        if (code >= 0xDC00) is not follows or (high and not follows):
            raise UnicodeError
        end, high = found.end(), code < 0xDC00
    if high:
        raise UnicodeError


def _keep(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    return members if len(members) == len(pairs) else Doubled(members)


# Documents by the million.

PAIRS: Final = json.JSONDecoder(
    object_pairs_hook=tuple,
    parse_constant=lambda name: _refuse_constant(name),
    parse_float=lambda text: _float(text),
)
"""Reads objects as tuples of pairs: what stands twice is still there, and they can be keys."""

_BLANKS: Final = " \t\r\n"


def read_pairs(text: str) -> Any:
    """Return the value that a text stands for, with objects as `PAIRS` has them.

    Raises ValueError for what is not JSON, and for what is nested deeper than `MAX_DEPTH`.
    """
    text = text.strip(_BLANKS)
    try:
        value, end = PAIRS.raw_decode(text)
    except RecursionError:
        raise JsonError("too-deep", "it is nested too deep") from None
    if end < len(text):
        raise JsonError("syntax", "it is not JSON")
    if may_be_deep(text) and is_deeper(value, MAX_DEPTH):
        raise JsonError("too-deep", "it is nested too deep")
    return value


def may_be_deep(text: str) -> bool:
    """Return whether a text has brackets enough to nest deeper than `MAX_DEPTH`."""
    return text.count("[") + text.count("{") > MAX_DEPTH


def value_of(pairs: Any) -> Any:
    """Return a value that `PAIRS` read, with objects as `load` keeps them."""
    if type(pairs) is tuple:
        return _keep([(name, value_of(value)) for name, value in pairs])
    return [value_of(value) for value in pairs] if type(pairs) is list else pairs


def _refuse_doubled(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise JsonError("doubled", "a member stands twice: an object has two members of one name")
    return members


def _refuse_constant(name: str) -> NoReturn:
    raise JsonError("number", f"{name} is not JSON")


def _float(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise JsonError("number", "a number is too large")
    return value


def _integer(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise JsonError("number", "a number is too large")
    return int(text)


def is_deeper(value: object, depth: int) -> bool:
    """Return whether arrays and objects nest deeper than `depth`; uses no recursion.

    Objects are dictionaries, or tuples of pairs as `PAIRS` has them.
    """
    level = [value] if isinstance(value, _CONTAINERS) else []
    for _ in range(depth):
        if not level:
            return False
        level = [
            inner for item in level for inner in _inside(item) if isinstance(inner, _CONTAINERS)
        ]
    return bool(level)


_CONTAINERS: Final = (dict, list, tuple)


def _inside(container: Any) -> Iterable[Any]:
    if type(container) is tuple:
        return [value for _, value in container]
    return container.values() if isinstance(container, dict) else container


class Faults:
    """The faults that were found, in order."""

    def __init__(self) -> None:
        self.found: list[Fault] = []

    def note(self, path: str, code: str, problem: str, hint: str) -> None:
        """Note one fault."""
        self.found.append(Fault(path, code, problem, hint))


class Raising(Faults):
    """Faults of which the first is raised, as the error that `make` returns for it."""

    def __init__(self, make: Callable[[Fault], Exception]) -> None:
        super().__init__()
        self._make = make

    def note(self, path: str, code: str, problem: str, hint: str) -> NoReturn:
        """Raise the fault."""
        raise self._make(Fault(path, code, problem, hint))


class Reader:
    """One JSON object: its members are taken by name and type, and unknown ones are faults.

    A member that is absent or wrong gives the default; the fault is noted once. A null is a wrong
    value, not an absent member.
    """

    __slots__ = ("_taken", "faults", "malformed", "path", "values")

    def __init__(self, value: object, path: str, faults: Faults) -> None:
        self.path = path
        self.faults = faults
        self.values: Mapping[str, Any] = value if isinstance(value, Mapping) else {}
        self._taken: set[str] = set()
        self.malformed = not isinstance(value, Mapping)
        if self.malformed:
            self.note("", "type", "This is not an object.", "Give a JSON object.")
        if isinstance(value, Doubled):
            hint = "Leave out all but one of them."
            self.note("", "doubled", "A member is there twice.", hint)

    def at(self, name: str) -> str:
        """Return the path of a member; the path of the object for an empty name."""
        return f"{self.path}.{name}".strip(".")

    def note(self, name: str, code: str, problem: str, hint: str) -> None:
        """Note a fault of a member."""
        self.faults.note(self.at(name), f"json.{code}", problem, hint)

    def take(self, name: str, *, required: bool = False, nullable: bool = False) -> Any:
        """Take a member as it is; None where it is absent, or null, a fault unless `nullable`."""
        self._taken.add(name)
        value = self.values.get(name)
        if value is not None or (nullable and name in self.values):
            return value
        if required:
            self.note(name, "missing", "The member is missing or null.", f"Give {name}.")
        elif name in self.values:
            self.note(name, "null", "The member is null.", "Give a value, or leave it out.")
        return value

    def has(self, name: str) -> bool:
        """Return whether a member is there, whatever its value."""
        return name in self.values

    def close(self) -> None:
        """Note every member that was never taken."""
        for name in self.values:
            if name not in self._taken:
                shown = name if _HARMLESS.fullmatch(str(name)) else ""
                self.note(shown, "unknown", "The member is unknown.", "Leave it out.")

    def string(self, name: str, *, least: int = 1, required: bool = False) -> str | None:
        """Take a text as it is written, of `least` characters or more."""
        value = self.take(name, required=required)
        if value is None:
            return None
        if not isinstance(value, str) or len(value) < least:
            self.note(name, "text", "This is not a text, or is empty.", "Give a text.")
            return None
        return value

    def strings(self, name: str, *, required: bool = False) -> tuple[str, ...] | None:
        """Take a list of texts as they are written, none of them empty."""
        value = self.take(name, required=required)
        if value is None:
            return None
        if not isinstance(value, list | tuple):
            self.note(name, "list", "This is not a list.", "Give a list of texts.")
            return None
        row = Reader(
            {str(place): item for place, item in enumerate(value)}, self.at(name), self.faults
        )
        return tuple(row.string(place) or "" for place in row.values)

    def text(self, name: str, *, required: bool = False, default: str = "") -> str:
        """Take a text that is not blank."""
        return self.maybe_text(name, required=required) or default

    def maybe_text(self, name: str, *, required: bool = False) -> str | None:
        """Take a text that is not blank, or None."""
        value = self.take(name, required=required)
        if value is None:
            return None
        if not isinstance(value, str) or not value.strip() or len(value) > MAX_TEXT:
            problem = f"This is not a text of 1 to {MAX_TEXT} characters."
            self.note(name, "text", problem, "Give a text.")
            return None
        return value.strip()

    def choice(
        self,
        name: str,
        choices: Collection[str],
        *,
        required: bool = False,
        nullable: bool = False,
        default: str = "",
    ) -> str:
        """Take one of a few words."""
        value = self.take(name, required=required, nullable=nullable)
        if value is None:
            return default
        if not isinstance(value, str) or value not in choices:
            self.note(name, "choice", "The word is unknown here.", f"Give one of {_list(choices)}.")
            return default
        return value

    def number(
        self, name: str, low: int, high: int, *, required: bool = False, nullable: bool = False
    ) -> int | None:
        """Take a whole number between two bounds, both inclusive."""
        value = self.take(name, required=required, nullable=nullable)
        if value is None:
            return None
        number = whole_number(value)
        if number is None or not low <= number <= high:
            hint = f"Give a whole number from {low} to {high}."
            self.note(name, "number", "This is not a number that fits here.", hint)
            return None
        return number

    def numbers(self, name: str, low: int, high: int) -> tuple[int, ...] | None:
        """Take a filled list of whole numbers between two bounds, both inclusive."""
        value = self.take(name)
        if value is None:
            return None
        found = [whole_number(item) for item in value] if isinstance(value, list) else []
        numbers = [number for number in found if number is not None and low <= number <= high]
        if not numbers or len(numbers) < len(found):
            hint = f"Give a list of whole numbers from {low} to {high}."
            self.note(name, "list", "This is not a list of numbers that fit here.", hint)
            return None
        return tuple(numbers)

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
        day = calendar_day(value)
        if day is None or day.year not in YEARS:
            self.note(name, "date", "This is not a date of the calendar.", "Write YYYY-MM-DD.")
            return None
        return day

    def local_instant(self, name: str) -> datetime | None:
        """Take a required local time, YYYY-MM-DD or YYYY-MM-DDThh:mm without offset; naive."""
        value = self.take(name, required=True)
        if value is None:
            return None
        moment = _date_time(value)
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
        moment = _date_time(value)
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

    def rows(self, name: str, *, most: int = 10_000) -> Iterator[Reader]:
        """Take a list of at most `most` objects; yield each. Nothing where it is absent."""
        value = self.take(name)
        if value is None:
            return
        if not isinstance(value, list) or len(value) > most:
            hint = f"Give a list of at most {most} objects."
            self.note(name, "list", "This is not a list, or is too long.", hint)
            return
        for place, item in enumerate(value):
            yield Reader(item, self.at(f"{name}.{place}"), self.faults)

    def row(self, name: str, *, required: bool = False) -> Reader | None:
        """Take an object."""
        value = self.take(name, required=required)
        if value is None:
            return None
        return Reader(value, self.at(name), self.faults)


def _list(choices: Collection[str]) -> str:
    return ", ".join(sorted(choices))


def whole_number(value: object) -> int | None:
    """Return a whole number; 2.0 is 2, as in JSON Schema. None for anything else, booleans too."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def calendar_day(value: object) -> date | None:
    """Return the day that a text YYYY-MM-DD states; None for anything else."""
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        return None
    try:
        return date.fromisoformat(value)
    except ValueError:
        return None


def _date_time(value: object) -> datetime | None:
    if not isinstance(value, str) or not _MOMENT.fullmatch(value):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment if moment.year in YEARS else None
