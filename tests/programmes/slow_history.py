"""What the slow engine works on: days, a programme's document, and what a history states.

Written from the documentation and the schemas alone: it imports nothing of the library, reads the
JSON documents as they are, and keeps nothing between two questions.
"""

from __future__ import annotations

import calendar
import itertools
import json
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

Row = dict[str, Any]
_Day = TypeVar("_Day", date, datetime)

DATA = Path(__file__).parents[2] / "src" / "coronapas"
COVID = "840539006"
DAY = timedelta(days=1)


# -- days ------------------------------------------------------------------------------------------


def later_month(day: _Day, months: int) -> _Day:
    """Add calendar months; a day that the month lacks is its last."""
    number = day.year * 12 + day.month - 1 + months
    year, month = divmod(number, 12)
    return day.replace(
        year=year, month=month + 1, day=min(day.day, calendar.monthrange(year, month + 1)[1])
    )


def later_day(day: date, period: Row) -> date:
    return later_month(day, period.get("months", 0)) + timedelta(days=period.get("days", 0))


def birthday(born: date, age: int | Row) -> date:
    """Return the day on which somebody reaches an age."""
    if isinstance(age, int):
        age = {"years": age}
    months = 12 * age.get("years", 0) + age.get("months", 0)
    if (born.month, born.day) == (2, 29) and not (age.get("months") or age.get("days")):
        # whole years of 29 February are full on 1 March
        return later_month(born - DAY, months) + DAY
    return later_month(born, months) + timedelta(days=age.get("days", 0))


class Clock:
    def __init__(self, zone: str, reckoning: str) -> None:
        self.zone, self.reckoning = ZoneInfo(zone), reckoning

    def local(self, instant: datetime) -> datetime:
        return instant.astimezone(self.zone)

    def midnight(self, day: date) -> datetime:
        return datetime(day.year, day.month, day.day, tzinfo=self.zone).astimezone(UTC)

    def after(self, start: datetime, period: Row) -> datetime:
        """Add a period to an instant."""
        months, days = period.get("months", 0), timedelta(days=period.get("days", 0))
        hours = timedelta(hours=period.get("hours", 0))
        if self.reckoning == "utc":
            return later_month(start.astimezone(UTC), months) + days + hours
        there = self.local(start)
        offset = there.utcoffset()
        assert offset is not None
        wall = later_month(there.replace(tzinfo=None), months) + days
        if self.reckoning == "offset":
            return (wall - offset + hours).replace(tzinfo=UTC)
        if not months and not days:
            return start.astimezone(UTC) + hours
        return wall.replace(tzinfo=self.zone).astimezone(UTC) + hours

    def bounds(self, rule: Row, start: datetime) -> tuple[datetime, datetime | None]:
        """Return from when, inclusive, until when, exclusive, a rule lets an event count."""
        first = self.after(start, rule["from"])
        if "until" not in rule:
            return first, None
        last = self.after(start, rule["until"])
        if rule.get("last_day_counts"):
            last = self.midnight(self.local(last).date() + DAY)
        return first, last


# -- the programme ---------------------------------------------------------------------------------


def known_products() -> dict[str, list[str]]:
    values = json.loads((DATA / "dcc/data/valuesets.json").read_text("utf-8"))
    known = {}
    for code, display in values["sets"]["vaccines-covid-19-names"]["codes"].items():
        known[code] = [display]
    for code, row in values["products"]["rows"].items():
        known.setdefault(code, []).extend([row["name"], *row.get("aliases", [])])
    names = json.loads((DATA / "dcc/data/product-names.json").read_text("utf-8"))["names"]
    for name, code in names.items():
        known.setdefault(code, []).append(name)
    return known


KNOWN = known_products()
COURSES = json.loads((DATA / "dcc/data/courses.json").read_text("utf-8"))["courses"]


def plain(word: str) -> str:
    return " ".join(word.casefold().replace("-", " ").replace("_", " ").split())


class Country:
    """A programme's document, for one of its diseases."""

    def __init__(self, document: Row, disease: str | None = None) -> None:
        listed = [row["id"] for row in document.get("diseases", [])]
        self.first = listed[0] if listed else document.get("disease", COVID)
        self.disease = disease or self.first
        self.document = document
        self.clock = Clock(document["time_zone"], document["reckoning"])
        self.other = None
        if "other_reckoning" in document:
            self.other = Clock(document["time_zone"], document["other_reckoning"]["is"])
        self.products = {}
        self.elsewhere = set()
        for row in document.get("products", []):
            if self.disease in row.get("diseases", [self.first]):
                self.products[row["code"]] = row
            else:
                self.elsewhere.add(row["code"])
        rows = {row["code"]: row for row in document.get("products", [])}
        self.words = {}
        for code, names in KNOWN.items():
            for name in [code, *names]:
                self.words[plain(name)] = code
        for code, row in rows.items():
            for name in [code, row["name"], *row.get("also", [])]:
                self.words[plain(name)] = code
        self.groups = {row["id"] for row in document.get("groups", [])}
        self.places = [row["id"] for row in document.get("places", [])]
        self.regions = [row["id"] for row in document.get("regions", [])]
        self.sectors = {row["id"] for row in document.get("sectors", [])}
        self.rules = self.rows(document.get("rules", []))
        self.suspensions = self.rows(document.get("suspensions", []))
        self.exemptions = self.rows(document.get("exemptions", []))
        self.requirements = self.rows(document.get("requirements", []))
        schedule = document.get("schedule", {})
        self.offers = list(self.rows(schedule.get("offers", [])).values())
        self.limits = list(self.rows(schedule.get("limits", [])).values())
        self.waits = list(self.rows(schedule.get("waits", [])).values())
        self.revisions = self.carried()

    def rows(self, rows: list[Row]) -> dict[str, Row]:
        return {row["id"]: row for row in rows if row.get("disease", self.first) == self.disease}

    def carried(self) -> list[Row]:
        """Write each revision out: what it does not name is as before."""
        found = []
        now = {
            "requirement": "in-force",
            "exempt_below": None,
            "exempt_groups": [],
            "tests": [],
            "recoveries": [],
            "vaccinations": [],
            "suspension": None,
            "places": {},
            "exemptions": [],
            "requirements": [],
            "readings": self.document["readings"],
        }
        for row in self.document.get("revisions", []):
            now = dict(now)
            if "requirement" in row:
                now["places"], now["requirements"] = {}, []
            for name, value in row.items():
                if name in ("readings", "places"):
                    now[name] = {**now[name], **value}
                else:
                    now[name] = value
            now.pop("uncertain", None) if "uncertain" not in row else None
            start = row["from"].replace(" ", "T")
            if "T" in start:
                wall = datetime.fromisoformat(start).replace(tzinfo=self.clock.zone)
                now["starts"] = wall.astimezone(UTC)
            else:
                now["starts"] = self.clock.midnight(date.fromisoformat(start))
            found.append(now)
        return found

    def revision(self, at: datetime) -> Row | None:
        found = None
        for row in self.revisions:
            if row["starts"] <= at:
                found = row
        return found

    def code(self, word: str) -> str:
        """Return the code that a word for a product stands for; an unknown word stays."""
        return self.words.get(plain(word), word)

    def codes(self, words: Iterable[str]) -> set[str]:
        """Return the codes that a row's words mean, variants included."""
        named = {self.code(word) for word in words}
        return named | {
            code
            for code, row in self.products.items()
            if "variant_of" in row and self.code(row["variant_of"]) in named
        }

    def lengths(self, code: str | None, day: date) -> set[int] | None:
        row = self.products.get(code, {})
        if "doses" in row:
            return set(row["doses"])
        if "variant_of" in row:
            return self.lengths(self.code(row["variant_of"]), day)
        found = None
        for course in COURSES:
            if course["product"] == code and course.get("from", "") <= day.isoformat():
                found = set(course["lengths"])
        return found


# -- the history -----------------------------------------------------------------------------------

KINDS = {"naat": "naat", "pcr": "naat", "lp6464 4": "naat"} | {
    "rat": "rat",
    "antigen": "rat",
    "lp217198 3": "rat",
}
RESULTS = {"positive": True, "detected": True, "260373001": True, "negative": False} | {
    "not detected": False,
    "260415000": False,
    "inconclusive": None,
}


def identifier(row: Row) -> str | None:
    """Return an identifier without its prefix and checksum, in capitals; None where none is."""
    if not row.get("uvci"):
        return None
    text: str = row["uvci"].strip().upper()
    return text.removeprefix("URN:UVCI:").partition("#")[0]


class Person:
    """What a history says about one disease."""

    def __init__(self, country: Country, history: Row) -> None:
        self.country = country
        self.births = self.possible_births(history.get("birth_date", ""))
        self.birth_known = bool(history.get("birth_date"))
        self.birth_partial = self.birth_known and len(history["birth_date"]) < 10
        self.sector = history.get("sector")
        self.groups, self.strange = None, []
        if "groups" in history:
            words = history["groups"]
            self.groups = {word for word in words if word in country.groups}
            self.strange = [word for word in words if word not in country.groups]
        doses = [row for row in history.get("vaccinations", []) if self.is_ours(row)]
        self.doses = self.joined([self.statement(row) for row in doses])
        self.tests = self.read_tests(history)
        self.infections = self.read_infections(history)

    def is_ours(self, row: Row) -> bool:
        if "disease" in row:
            return bool(row["disease"] == self.country.disease)
        return self.country.code(row.get("product", "")) not in self.country.elsewhere

    def possible_births(self, text: str) -> list[date]:
        if not text:
            return []
        if len(text) == 10:
            return [date.fromisoformat(text)]
        if len(text) == 7:
            first = date.fromisoformat(text + "-01")
            return [first, later_month(first, 1) - DAY]
        # both ends of the year
        return [date(int(text), 1, 1), date(int(text), 12, 31)]

    def statement(self, row: Row) -> Row:
        product = row.get("product")
        return {
            "day": date.fromisoformat(row["date"]),
            "product": None if product is None else self.country.code(product),
            "numbers": (row["dose_number"], row["doses"]) if "doses" in row else None,
            "uvci": identifier(row),
        }

    def joined(self, statements: list[Row]) -> list[Row]:
        """Join the statements of one dose: of one day, or of one identifier and number.

        Then those of days that follow each other, with one product and number: probably one.
        """
        parts = together(
            statements,
            lambda a, b: (
                a["day"] == b["day"]
                or (a["uvci"] and a["uvci"] == b["uvci"] and number_of(a) == number_of(b))
            ),
        )
        for one, other in self.probably_one(statements):
            first = next(part for part in parts if one in part)
            second = next(part for part in parts if other in part)
            if first is not second:
                parts.remove(second)
                first += second
        doses = []
        for part in parts:
            products = {one["product"] for one in part} - {None}
            # who names a product agrees with who names its variant
            rows = [self.country.products.get(code, {}) for code in products]
            names = {self.country.code(row["variant_of"]) for row in rows if "variant_of" in row}
            products = products - names if len(products) > 1 else products
            numbers = {one["numbers"] for one in part} - {None}
            # a booster that is numbered as one settles the number
            later = {one for one in numbers if one[0] > one[1]}
            days = {one["day"] for one in part}
            identifiers = {one["uvci"] for one in part}
            unsure = len(identifiers) > 1 or None in identifiers
            doses.append(
                {
                    "day": min(days),
                    "products": products or {None},
                    "numbers": {max(later)} if later else numbers or {None},
                    "probably": len(days) > 1 and unsure,
                    "disputed": max(len(days), len(products), len(numbers)) > 1,
                }
            )
        return sorted(doses, key=lambda dose: dose["day"])

    def probably_one(self, statements: list[Row]) -> list[tuple[Row, Row]]:
        """Pair the days that follow each other on which one product and number are stated.

        From the earliest on, so that a row of days is several doses.
        """
        found = []
        kinds = {(one["product"], one["numbers"]) for one in statements}
        for product, numbers in kinds:
            if product is None or numbers is None:
                continue
            ours = [s for s in statements if (s["product"], s["numbers"]) == (product, numbers)]
            before: Row | None = None
            for one in sorted(ours, key=lambda one: one["day"]):
                if before is not None and one["day"] == before["day"]:
                    continue
                if before is not None and one["day"] - before["day"] == DAY:
                    found.append((before, one))
                    before = None
                    continue
                before = one
        return found

    def read_tests(self, history: Row) -> list[Row]:
        found = []
        for row in history.get("tests", []):
            if row.get("disease", self.country.disease) != self.country.disease:
                continue
            at = datetime.fromisoformat(row["sampled_at"].replace("Z", "+00:00"))
            found.append(
                {
                    "kind": KINDS[plain(row["kind"])],
                    "at": at.astimezone(UTC),
                    "positive": RESULTS[plain(row["result"])],
                    "uvci": identifier(row),
                }
            )
        parts = together(
            found,
            lambda a, b: (
                (a["kind"], a["positive"]) == (b["kind"], b["positive"])
                and (a["at"] == b["at"] or (a["uvci"] and a["uvci"] == b["uvci"]))
            ),
        )
        return [min(part, key=lambda one: one["at"]) for part in parts]

    def read_infections(self, history: Row) -> list[Row]:
        """Every positive test is an infection of its own, beside those that are stated."""
        stated = []
        for row in history.get("infections", []):
            if row.get("disease", self.country.disease) == self.country.disease:
                day = date.fromisoformat(row["first_positive"])
                proof = KINDS[plain(row.get("proof", "naat"))]
                at = self.country.clock.midnight(day)
                one = {"day": day, "proof": proof, "known": at, "uvci": identifier(row)}
                stated.append(one | {"stated": True})
        parts = together(
            stated,
            lambda a, b: a["day"] == b["day"] or (a["uvci"] and a["uvci"] == b["uvci"]),
        )
        found = [min(part, key=lambda one: (one["day"], one["proof"])) for part in parts]
        for test in self.tests:
            if test["positive"]:
                day = self.country.clock.local(test["at"]).date()
                one = {"day": day, "proof": test["kind"], "known": test["at"], "stated": False}
                found.append(one)
        return found

    def known_at(self, at: datetime) -> dict[str, list[Row]]:
        """Return the events up to an instant, those of a day from its start."""
        midnight = self.country.clock.midnight
        return {
            "doses": [dose for dose in self.doses if midnight(dose["day"]) <= at],
            "tests": [test for test in self.tests if test["at"] <= at],
            "infections": [one for one in self.infections if one["known"] <= at],
        }

    def memberships(self, words: Iterable[str]) -> list[set[str]]:
        """Return the sets of these groups that the person may belong to.

        One group lets somebody in and another keeps them out, so that two at a time are enough.
        """
        known = self.groups or set()
        if self.groups is not None and not self.strange:
            return [known]
        asked = sorted(set(words) - known)
        return [
            known | set(some) for count in range(3) for some in itertools.combinations(asked, count)
        ]


def number_of(statement: Row) -> int | None:
    return None if statement["numbers"] is None else int(statement["numbers"][0])


def together(statements: list[Row], same: Callable[[Row, Row], object]) -> list[list[Row]]:
    """Put statements of one event together, also those that only others join."""
    parts: list[list[Row]] = []
    for one in statements:
        joined = [part for part in parts if any(same(one, other) for other in part)]
        parts = [part for part in parts if part not in joined]
        parts.append([one, *(other for part in joined for other in part)])
    return parts
