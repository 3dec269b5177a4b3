"""Random expressions and data: well typed as a rule, ill typed now and then, and all of it small.

Everything is drawn from a `random.Random`: a seeded one makes long runs that can be repeated, and
hypothesis hands in one of its own, which it can shrink.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

DATES = (
    *("2021-06-01", "2021-12-31", "2020-02-29", "2022-01-31", "1964-08-12", "0001-01-01"),
    *("9999-12-31", "2004", "2004-02", "2003-02", "1999-12", "2000-02", "0000"),
    *("2021-06-01T00:00:00Z", "2021-06-01T13:37:00.042Z", "2021-06-01T00:00:00+02:00"),
    *("2021-06-01T23:59:59-0130", "2021-06-01T12:00:00", "2021-06-01T12:00:00.5"),
    *("2021-06-01T12:00:00.123987+5", "2021-06-01T12:00:00+130", "2021-06-01T12:00:00-11"),
    *("2021-10-31T02:30:00+1:00", "2020-12-31T24:00:00Z", "1970-01-01T00:00:00.001Z"),
)
BAD_DATES = (
    *("2021-02-30", "2021-02-32", "2021-13-01", "2021-00-10", "2021-01-00", "2021-13", "2021-00"),
    *("2021-06-01T24:00:01Z", "2021-06-01T12:60:00Z", "2021-06-01T12:00:60Z", "2021-06-01T12:00Z"),
    *("2021-06-01T12:00:00+24:00", "2021-06-01T12:00:00+01:60", "2021-06-01T12:00:00+01:"),
    *("2021-06-01 12:00:00Z", "2021-06-01t12:00:00z", "20210601", "2021-W01-1", "2021-1-1", "x"),
    *("2021-06-01\n", " 2021-06-01", "2021-06-01T12:00:00.Z", "٢٠٢١-٠٦-٠١", "-2021-06-01", ""),
    *("2021-04-31", "2021-04-31T10:00:00+02:00", "20221-06-01", "2021-06-01Z", "2021-06-01T"),
)
STRINGS = (
    "",
    "a",
    "foo",
    "EU/1/20/1528",
    "840539006",
    "260415000",
    "DK",
    "0",
    "true",
    "ä𝄞",
    "x\ny",
)
UVCIS = (
    *("URN:UVCI:01:NL:187/37512422923", "01:AT:10807843F94AEE0EE5093FBC254BD813#B", "a::c/#/f"),
    *("URN:UVCI:", "urn:uvci:01:XX:1#2", "URN:UVCI:URN:UVCI:01"),
)
INTEGERS = (0, 1, -1, 2, 3, 14, 270, -18, 1_000_000, 2**53 - 1, -(2**53 - 1))
KEYS = ("dn", "sd", "dt", "mp", "tg", "ci", "x", "0", "1", "a-b", "covid-19", "", "ä")
UNITS = ("year", "month", "day", "hour")


class Maker:
    """Makes expressions (as JSON) and data; of 100 things, `strange` do not fit."""

    def __init__(self, random: Random, *, strange: int = 4) -> None:
        self.random = random
        self.strange = strange
        self.in_lambda = 0

    # Data

    def data(self) -> Any:
        """Mostly the shape of a pass and its surroundings; at times any JSON."""
        if self.chance(self.strange):
            return self.json(3)
        payload: dict[str, Any] = {"dob": self.date_text(), "x": self.json(2)}
        for kind in "vtrh":
            payload[kind] = [self.event() for _ in range(self.random.randint(0, 2))]
            if self.chance(25):
                payload[kind] = self.random.choice((None, [], [None], self.json(1)))
        external = {
            "validationClock": self.date_text(),
            "valueSets": {"a": self.texts(), "b-c": self.texts()},
            "n": self.random.choice(INTEGERS),
        }
        data: dict[str, Any] = {"payload": payload, "external": external}
        if self.chance(self.strange):
            del data[self.random.choice(("payload", "external"))]
        return data

    def event(self) -> Any:
        if self.chance(self.strange):
            return self.json(1)
        event: dict[str, Any] = {
            "dn": self.random.randint(0, 4),
            "sd": self.random.randint(0, 4),
            "dt": self.date_text(),
            "mp": self.text(),
            "tg": self.text(),
            "ci": self.random.choice(UVCIS),
        }
        if self.chance(20):
            event[self.random.choice(tuple(event))] = self.json(1)
        if self.chance(20):
            del event[self.random.choice(tuple(event))]
        return event

    def json(self, depth: int) -> Any:
        """Any JSON."""
        kind = self.random.randint(0, 8 if depth > 0 else 5)
        match kind:
            case 0:
                return None
            case 1:
                return self.chance(50)
            case 2:
                return self.random.choice(INTEGERS)
            case 3:
                return self.random.choice((0.5, -3.25, 1e-7, 3.0, 0.0, 1e300, 2.0**53))
            case 4 | 5:
                return self.random.choice((*STRINGS, *UVCIS, *DATES))
            case 6:
                return [self.json(depth - 1) for _ in range(self.random.randint(0, 3))]
            case _:
                keys = self.random.choices(KEYS, k=self.random.randint(0, 3))
                return {key: self.json(depth - 1) for key in keys}

    def text(self) -> str:
        return self.random.choice(STRINGS)

    def texts(self) -> list[Any]:
        texts: list[Any] = [self.text() for _ in range(self.random.randint(0, 5))]
        if self.chance(self.strange):
            texts.append(self.json(1))
        return texts

    def date_text(self) -> str:
        if self.chance(self.strange):
            return self.random.choice(BAD_DATES)
        if self.chance(30):
            year, month = self.random.randint(1900, 2100), self.random.randint(1, 12)
            return f"{year:04}-{month:02}-{self.random.randint(1, 28):02}"
        return self.random.choice(DATES)

    def chance(self, percent: int) -> bool:
        return self.random.randrange(100) < percent

    # Expressions

    def expression(self, depth: int = 4) -> Any:
        """An expression of any kind, mostly one that gives a truth value."""
        return self.boolean(depth) if self.chance(70) else self.any(depth)

    def any(self, depth: int) -> Any:
        makers: tuple[Callable[[int], Any], ...] = (
            *(self.boolean, self.integer, self.string, self.date_time, self.array, self.path),
        )
        return self.random.choice(makers)(depth)

    def operand(self, make: Callable[[int], Any], depth: int) -> Any:
        """An operand of the right kind, or now and then of any."""
        return (self.any if self.chance(self.strange) else make)(depth - 1)

    def path(self, _depth: int = 0) -> Any:
        """A `var` of any kind."""
        kinds = (self.boolean_path, self.integer_path, self.text_path, self.array_path)
        return self.random.choice(kinds)()

    def at(self, path: str) -> Any:
        """A path of the data, from where the expression stands."""
        if self.in_lambda:
            if self.chance(50):
                last = path.rpartition(".")[2]
                start = self.random.choice(("current", "current", "accumulator"))
                return {"var": f"{start}.{last}" if last and self.chance(50) else start}
            path = ("data." * self.in_lambda + path).rstrip(".")
        return {"var": path}

    def event_path(self) -> str:
        return f"payload.{self.random.choice('vvvtrh')}.{self.random.choice('00012')}"

    def boolean_path(self) -> Any:
        return self.at(self.random.choice((self.event_path(), "payload.v", "payload.x", "nothing")))

    def integer_path(self) -> Any:
        field = self.random.choice(("dn", "sd"))
        return self.at(self.random.choice((f"{self.event_path()}.{field}", "external.n")))

    def text_path(self) -> Any:
        field = self.random.choice(("mp", "tg", "ci"))
        return self.at(f"{self.event_path()}.{field}")

    def date_path(self) -> Any:
        paths = (f"{self.event_path()}.dt", "payload.dob", "external.validationClock")
        return self.at(self.random.choice(paths))

    def array_path(self) -> Any:
        paths = ("external.valueSets.a", "external.valueSets.b-c", "payload.v", "payload.t")
        if self.chance(self.strange):
            odd = ("", "payload", "payload.x.0", "external.valueSets.none", "payload.v.00", "0")
            return self.at(self.random.choice(odd))
        return self.at(self.random.choice(paths))

    def boolean(self, depth: int) -> Any:
        if depth <= 0:
            return self.random.choice((True, False, self.boolean_path()))
        match self.random.randint(0, 9):
            case 0:
                return {"!": [self.operand(self.condition, depth)]}
            case 1:
                count = self.random.randint(2, 4)
                return {"and": [self.operand(self.condition, depth) for _ in range(count)]}
            case 2:
                return self.choice_of(self.boolean, depth)
            case 3 | 4:
                return self.equality(depth)
            case 5:
                return {"in": [self.operand(self.scalar, depth), self.operand(self.array, depth)]}
            case 6 | 7:
                operator = self.random.choice(("<", ">", "<=", ">="))
                return {operator: self.several(self.integer, depth)}
            case _:
                operator = self.random.choice(("after", "before", "not-after", "not-before"))
                return {operator: self.several(self.date_time, depth)}

    def condition(self, depth: int) -> Any:
        return (self.boolean if self.chance(75) else self.path)(depth)

    def equality(self, depth: int) -> Any:
        make = self.random.choice((self.integer, self.string, self.boolean, self.scalar))
        return {"===": [self.operand(make, depth), self.operand(make, depth)]}

    def several(self, make: Callable[[int], Any], depth: int) -> list[Any]:
        return [self.operand(make, depth) for _ in range(self.random.choice((2, 2, 3)))]

    def choice_of(self, make: Callable[[int], Any], depth: int) -> Any:
        guard = self.operand(self.condition, depth)
        return {"if": [guard, self.operand(make, depth), self.operand(make, depth)]}

    def scalar(self, depth: int) -> Any:
        return self.random.choice((self.string, self.string, self.integer, self.boolean))(depth)

    def integer(self, depth: int) -> Any:
        match self.random.randint(0, 5) if depth > 0 else self.random.randint(0, 1):
            case 0:
                return self.random.choice(INTEGERS)
            case 1 | 2:
                return self.integer_path()
            case 3:
                return {"+": [self.operand(self.integer, depth), self.operand(self.integer, depth)]}
            case 4:
                return self.reduction(self.integer, depth)
            case _:
                return self.choice_of(self.integer, depth)

    def string(self, depth: int) -> Any:
        match self.random.randint(0, 4) if depth > 0 else self.random.randint(0, 1):
            case 0:
                return self.text()
            case 1 | 2:
                return self.text_path()
            case 3:
                operand = self.random.choice((self.text_path(), self.random.choice(UVCIS)))
                return {"extractFromUVCI": [operand, self.random.randint(-1, 5)]}
            case _:
                return self.choice_of(self.string, depth)

    def date_time(self, depth: int) -> Any:
        if depth > 0 and self.chance(15):
            return self.choice_of(self.date_time, depth)
        if depth > 0 and self.chance(5):
            return self.reduction(self.date_time, depth)
        text = self.date_text() if self.chance(20) else self.date_path()
        if self.chance(self.strange):
            text = self.any(depth - 1)
        if self.chance(15):
            return {"dccDateOfBirth": [text]}
        amounts = (0, 0, 1, -1, 14, 180, -18, 12, 400, 90_000_000, 10**15)
        amount = self.random.choice(amounts[:-2]) if self.chance(97) else amounts[-1]
        return {"plusTime": [text, amount, self.random.choice(UNITS)]}

    def array(self, depth: int) -> Any:
        if depth > 0 and self.chance(40):
            count = self.random.randint(0, 3)
            return [self.operand(self.scalar, depth) for _ in range(count)]
        if self.chance(30):
            return [self.text() for _ in range(self.random.randint(0, 3))]
        return self.array_path()

    def reduction(self, make: Callable[[int], Any], depth: int) -> Any:
        operand = self.operand(self.array, depth)
        initial = self.operand(make, depth)
        self.in_lambda += 1
        lambda_ = self.operand(make, depth)
        if self.chance(40):
            one = {"if": [{"var": "current.0"}, 1, 0]}
            lambda_ = {"+": [{"var": "accumulator"}, one]}
        self.in_lambda -= 1
        return {"reduce": [operand, lambda_, initial]}

    # Faults

    def spoil(self, expression: Any) -> Any:
        """The expression with one thing in it changed, so that it may be no expression any more."""
        document = json.loads(json.dumps(expression))
        places: list[tuple[Any, Any]] = []
        stack = [document]
        while stack:
            value = stack.pop()
            keys: Any = ()
            if isinstance(value, list):
                keys = range(len(value))
            elif isinstance(value, dict):
                keys = tuple(value)
            for key in keys:
                places.append((value, key))
                stack.append(value[key])
        if not places:
            return self.json(2)
        holder, key = self.random.choice(places)
        match self.random.randint(0, 3):
            case 0:
                holder[key] = self.json(2)
            case 1:
                del holder[key]
            case 2 if isinstance(holder, list):
                holder.insert(key, self.json(1))
            case _ if isinstance(holder, dict):
                operators = ("all", "if", "!", "plusTime", "reduce", "and", "in", "var", "<")
                holder[self.random.choice(operators)] = holder.pop(key)
            case _:
                holder[key] = None
        return document
