"""The values of the language: which are truthy, which are equal, what a path leads to.

CertLogic 1.3.3, “Truthiness”, `===`, `in`, `var`, `extractFromUVCI`. Values are those of JSON, as
`json.loads` gives them (tuples pass as arrays, mappings as objects), and `Instant`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from coronapas.certlogic._bounds import MAX_RESULT_DEPTH, MAX_STEPS
from coronapas.certlogic._datetimes import Instant, to_datetime
from coronapas.certlogic._errors import LimitError

if TYPE_CHECKING:
    from collections.abc import Sequence

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
