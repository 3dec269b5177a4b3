"""certlogic-js's own ways, one by one: each known difference as a change to our interpreter.

docs/explanation/certlogic-differences.md tells each of them. A difference counts as explained only
if our interpreter, with these ways put in, gives exactly what certlogic-js gave.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from coronapas.certlogic import _evaluation as evaluation
from coronapas.certlogic import _evaluation as operations
from coronapas.certlogic._expressions import DateTimeError, EvaluationError, Reduce
from coronapas.certlogic._values import (
    DAY,
    Dates,
    Instant,
    add,
    integer,
    parse,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_contains = operations.contains
_add_integers = operations.add_integers
_plus_time = operations.plus_time
_birth_date = operations.birth_date
_compare = operations.compare

_LENIENT_DAY = re.compile(r"(\d{4})-(\d\d)-(\d\d)(T.*)?", re.ASCII)
_NO_MINUTES = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?[+-]\d{1,2}):", re.ASCII)
_ANY_DATE_TIME = re.compile(
    r"\d{4}(-\d\d)?|\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d{1,2}(:?\d\d)?)?)?", re.ASCII
)


def units(text: str) -> list[str]:
    """The UTF-16 code units of a string, which are JavaScript's characters."""
    raw = text.encode("utf-16-le", "surrogatepass")
    return [raw[i : i + 2].decode("utf-16-le", "surrogatepass") for i in range(0, len(raw), 2)]


def step(value: Any, fragment: str) -> Any:
    """A property: a fragment's leading digits are an index, and strings have characters."""
    number = re.match(r"\s*([+-]?\d+)", fragment)
    name = str(int(number[1])) if number else fragment
    if isinstance(value, Mapping):
        return value.get(name)
    if isinstance(value, (str, list)):
        items: list[Any] = units(value) if isinstance(value, str) else value
        if name == "length":
            return len(items)
        return items[int(name)] if name.isdigit() and int(name) < len(items) else None
    return None


def access(data: Any, path: str) -> Any:
    if not path:
        return data
    for fragment in path.split("."):
        data = None if data is None else step(data, fragment)
    return data


def truth(value: object) -> bool | None:
    """Fractions are truthy."""
    if isinstance(value, Instant):
        return None
    return bool(value)


def contains(expr: Any, value: object, array: object, work: Any) -> bool:
    """Null is no array."""
    if array is None:
        raise EvaluationError("operand.array", "null", expr)
    return _contains(expr, value, array, work)


def add_integers(expr: Any, left: Any, right: Any) -> Any:
    """Numbers are double-precision ones."""
    first, second = integer(left), integer(right)
    if first is None or second is None:
        return _add_integers(expr, left, right)
    total = float(first) + float(second)
    return int(total) if math.isfinite(total) and abs(total) < 2**53 else total


def read(text: str) -> Any:
    """Days up to 31 flow over; what else looks like a date and is none is an “Invalid Date”."""
    text = _NO_MINUTES.sub(r"\1", text) if _NO_MINUTES.fullmatch(text) else text
    try:
        return parse(text)
    except DateTimeError:
        if not _ANY_DATE_TIME.fullmatch(text):
            raise
    found = _LENIENT_DAY.fullmatch(text)
    if found is None or not 1 <= int(found[3]) <= 31:
        return None
    try:
        first = parse(f"{found[1]}-{found[2]}-01{found[4] or ''}")
    except DateTimeError:
        return None
    return first + (int(found[3]) - 1) * DAY


def moved(instant: int, amount: int, unit: Any) -> int | None:
    try:
        return add(instant, amount, unit)
    except DateTimeError:
        return None


def as_instant(milliseconds: int | None) -> Instant:
    # A fresh object for each: identity is what `===` looks at.
    return Instant(math.nan if milliseconds is None else milliseconds)  # type: ignore[arg-type]


def plus_time(expr: Any, text: object, dates: Dates) -> Instant:
    if not isinstance(text, str):
        return _plus_time(expr, text, dates)
    start = read(text)
    return as_instant(None if start is None else moved(start, expr.amount, expr.unit))


def birth_date(expr: Any, text: object, dates: Dates) -> Instant:
    if not isinstance(text, str) or not re.fullmatch(r"\d{4}(-\d\d){0,2}", text, re.ASCII):
        return _birth_date(expr, text, dates)
    return as_instant(read(text))


def compare(operator: str, numbers: Any) -> bool:
    """Comparisons with an “Invalid Date” do not hold."""
    return not any(number != number for number in numbers) and _compare(operator, numbers)


def reduce(expr: Reduce, data: Any, work: Any) -> Any:
    """The lambda sees no `data`."""
    items = operations.iterations(expr, evaluation.run(expr.operand, data, work), work)
    accumulator = evaluation.run(expr.initial, data, work)
    for current in items:
        scope = {"accumulator": accumulator, "current": current}
        accumulator = evaluation.run(expr.lambda_, scope, work)
    return accumulator


@contextmanager
def dates_that_do_not_exist() -> Iterator[None]:
    with (
        patch.object(operations, "plus_time", plus_time),
        patch.object(operations, "birth_date", birth_date),
        patch.object(operations, "compare", compare),
    ):
        yield


WAYS: dict[str, Callable[[], Any]] = {
    "properties of strings and arrays": lambda: patch.object(evaluation, "access", access),
    "fractions are truthy": lambda: patch.object(operations, "truth", truth),
    "in refuses null": lambda: patch.object(operations, "contains", contains),
    "sums beyond 2^53": lambda: patch.object(operations, "add_integers", add_integers),
    "dates that do not exist": dates_that_do_not_exist,
    "no data in lambdas": lambda: patch.dict(evaluation._RULES, {Reduce: reduce}),
}


@contextmanager
def ways(*names: str) -> Iterator[None]:
    """Our interpreter with some of JavaScript's ways."""
    with ExitStack() as stack:
        for name in names:
            stack.enter_context(WAYS[name]())
        yield
