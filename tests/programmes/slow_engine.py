"""A second engine for programmes, slow and plain, to hold the library's answers against.

It is written from the published notes on the Danish programme and from the documented meaning of
the members of a programme (``schemas/programme.schema.json``, ``docs/explanation/programmes.md``,
``docs/explanation/dose-numbers.md``). It shares no code with the library: it reads the programme's
JSON, the table of the lengths of courses and a history's JSON, and nothing else. It never asks how
fast it is: worlds are listed one by one, joined statements are found by trying every pair until
nothing changes any more, and intervals are walked as whole days.

A member of the programme that it does not know is an error, so that it cannot agree by silence.
"""

from __future__ import annotations

import calendar
import json
from datetime import UTC, date, datetime, timedelta
from itertools import product as combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Callable

DATA = Path(__file__).resolve().parents[2] / "src/coronapas"

DONE = {"primary", "single", "recovered", "extra", "booster"}
MANY = 64
NEVER = date(9999, 12, 31)

# What the words of a history mean. Each is a name that people write and the code behind it; a code
# without a programme's row is known and not recognised.
NAMES = {
    "comirnaty": "EU/1/20/1528",
    "pfizer": "EU/1/20/1528",
    "spikevax": "EU/1/20/1507",
    "moderna": "EU/1/20/1507",
    "vaxzevria": "EU/1/21/1529",
    "astrazeneca": "EU/1/21/1529",
    "jcovden": "EU/1/20/1525",
    "janssen": "EU/1/20/1525",
    "nuvaxovid": "EU/1/21/1618",
    "sputnik-v": "Sputnik-V",
    "covishield": "Covishield",
    "coronavac": "CoronaVac",
}
KNOWN = set(NAMES.values())

_RULE = {
    "id", "source", "confidence", "note", "uncertain", "evidence", "kinds", "stages", "from",
    "until", "last_day_counts", "age_from", "age_below", "sectors", "products", "proved_from",
}  # fmt: skip
_OFFER = {
    "id", "source", "confidence", "note", "uncertain", "from", "until", "after", "to", "previous",
    "products", "why", "earliest", "recommended", "latest", "free_of_limits", "access", "opens",
    "last_dose_from", "last_dose_until", "had", "variants",
}  # fmt: skip
_AUDIENCE = {"groups", "except_groups", "age_from", "age_below", "born", "reached"}
_ROW = {"id", "source", "confidence", "note", "uncertain", "from", "until"}


class UnknownMemberError(Exception):
    """The programme says something that this engine cannot read."""


def _only(row: dict[str, Any], known: set[str]) -> None:
    if row.keys() - known:
        raise UnknownMemberError(f"{row.get('id')}: {sorted(row.keys() - known)}")


class Slow:
    """One programme, from its JSON."""

    def __init__(self, name: str) -> None:
        self.raw = json.loads((DATA / f"programmes/data/{name}.json").read_text("utf-8"))
        self.zone = ZoneInfo(self.raw["time_zone"])
        self.recognised = {row["code"] for row in self.raw["products"]}
        self.disease = self.raw.get("disease", "840539006")
        self.groups = {row["id"] for row in self.raw.get("groups", [])}
        self.courses = json.loads((DATA / "dcc/data/courses.json").read_text("utf-8"))["courses"]
        self.names = dict(NAMES)
        for row in self.raw["products"]:
            for word in (row["code"], row["name"], *row.get("also", [])):
                self.names[word.lower()] = row["code"]
        self.schedule = self.raw.get("schedule", {})
        for offer in self.schedule.get("offers", []):
            _only(offer, _OFFER)
            for audience in offer.get("to", []):
                _only(audience, _AUDIENCE)
        for rule in self.raw.get("rules", []):
            _only(rule, _RULE)
        for wait in self.schedule.get("waits", []):
            _only(wait, _ROW | {"lasts"})
        for limit in self.schedule.get("limits", []):
            _only(limit, _ROW | {"product", "status", "why", "age_below"})

    # Dates.

    @staticmethod
    def plus(day: date, period: dict[str, int]) -> date:
        year, month, number = day.year, day.month, day.day
        for _ in range(period.get("months", 0)):
            year, month = (year + 1, 1) if month == 12 else (year, month + 1)
        number = min(number, calendar.monthrange(year, month)[1])
        return date(year, month, number) + timedelta(
            days=period.get("days", 0) + period.get("hours", 0) // 24
        )

    def moment_plus(self, moment: datetime, period: dict[str, int], way: str) -> datetime:
        """Add a period to an instant in UTC, by one of the three documented ways."""
        offset = moment.astimezone(self.zone).utcoffset() or timedelta()
        if way == "utc":
            offset = timedelta()
        months = {"months": period.get("months", 0)}
        wall = moment.replace(tzinfo=None) + offset
        day = self.plus(wall.date(), months) + timedelta(days=period.get("days", 0))
        moved = datetime.combine(day, wall.time())
        if way == "local" and (period.get("months") or period.get("days")):
            back = moved.replace(tzinfo=self.zone).astimezone(UTC)
        else:
            back = (moved - offset).replace(tzinfo=UTC)
        return back + timedelta(hours=period.get("hours", 0))

    def start_of(self, day: date) -> datetime:
        return datetime(day.year, day.month, day.day, tzinfo=self.zone).astimezone(UTC)

    @staticmethod
    def age(born: date, day: date) -> int:
        """Return completed years; who was born on 29 February grows older on 1 March."""
        years = day.year - born.year
        return years if (day.month, day.day) >= (born.month, born.day) else years - 1

    def turns(self, born: date, age: int) -> date:
        """Return the first day on which the age is reached."""
        day = date(born.year + age, born.month, 1)
        while self.age(born, day) < age:
            day += timedelta(days=1)
        return day

    # Statements and events.

    def code(self, text: str | None) -> str | None:
        if text is None:
            return None
        return self.names.get(text.strip().lower(), text.strip())

    def lengths(self, code: str, day: date) -> set[int] | None:
        for row in self.raw["products"]:
            if row["code"] == code and row.get("doses"):
                return set(row["doses"])
        found = None
        rows = [row for row in self.courses if row["product"] == code]
        for row in sorted(rows, key=lambda row: row.get("from", "")):
            if row.get("from", "") <= day.isoformat():
                found = set(row["lengths"])
        return found

    def _ours(self, statements: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [one for one in statements if one.get("disease") in (None, self.disease)]

    @staticmethod
    def _same_identifier(one: dict[str, Any], other: dict[str, Any]) -> bool:
        def even(text: str) -> str:
            text = "".join(text.split()).upper().removeprefix("URN:UVCI:")
            return text.partition("#")[0]

        first, second = one.get("uvci"), other.get("uvci")
        return bool(first and second) and even(str(first)) == even(str(second))

    def doses(self, history: dict[str, Any]) -> list[dict[str, Any]]:
        """Join the statements of one dose: same day, same identifier and number, or next day."""
        stated = [
            {**one, "code": self.code(one.get("product")), "day": date.fromisoformat(one["date"])}
            for one in self._ours(history.get("vaccinations", []))
        ]
        pairs = self._next_days(stated)

        def together(one: dict[str, Any], other: dict[str, Any]) -> bool:
            if one["day"] == other["day"]:
                return True
            number = one.get("dose_number") == other.get("dose_number")
            if number and self._same_identifier(one, other):
                return True
            return (
                self._what(one) == self._what(other) is not None
                and (self._what(one), *sorted((one["day"], other["day"]))) in pairs
            )

        heaps = self._heaps(stated, together)
        return sorted((self._one(heap) for heap in heaps), key=lambda one: one["day"])

    @staticmethod
    def _what(one: dict[str, Any]) -> tuple[Any, ...] | None:
        if one["code"] is None or one.get("dose_number") is None:
            return None
        return one["code"], one["dose_number"], one["doses"]

    def _next_days(self, stated: list[dict[str, Any]]) -> set[tuple[Any, ...]]:
        """Pair days that follow each other, from the earliest on; a day is in one pair."""
        found = set()
        for what in {self._what(one) for one in stated} - {None}:
            days = sorted({one["day"] for one in stated if self._what(one) == what})
            while len(days) > 1:
                if days[1] - days[0] == timedelta(days=1):
                    found.add((what, days[0], days[1]))
                    days = days[2:]
                else:
                    days = days[1:]
        return found

    @staticmethod
    def _one(heap: list[dict[str, Any]]) -> dict[str, Any]:
        codes = {one["code"] for one in heap} - {None}
        numbers = [
            (one["dose_number"], one["doses"]) for one in heap if one.get("dose_number") is not None
        ]
        # A dose that was numbered anew as a booster (2/1) settles the older number.
        renumbered = [pair for pair in numbers if pair[0] > pair[1]]
        number = max(renumbered or numbers, default=(None, None))
        return {
            "day": min(one["day"] for one in heap),
            "code": codes.pop() if len(codes) == 1 else None,
            "stated": codes if len(codes) > 1 else set(),
            "number": number[0],
            "of": number[1],
        }

    def tests(self, history: dict[str, Any]) -> list[dict[str, Any]]:
        """Join the statements of one test: kind and result alike, one moment or one identifier."""
        stated = [
            {**one, "at": datetime.fromisoformat(one["sampled_at"]).astimezone(UTC)}
            for one in self._ours(history.get("tests", []))
        ]

        def together(one: dict[str, Any], other: dict[str, Any]) -> bool:
            if (one["kind"], one["result"]) != (other["kind"], other["result"]):
                return False
            return one["at"] == other["at"] or self._same_identifier(one, other)

        return [min(heap, key=lambda one: one["at"]) for heap in self._heaps(stated, together)]

    def stated_infections(self, history: dict[str, Any]) -> list[tuple[date, str]]:
        """Join the statements of one infection: one day, or one identifier."""
        stated = self._ours(history.get("infections", []))

        def together(one: dict[str, Any], other: dict[str, Any]) -> bool:
            same = one["first_positive"] == other["first_positive"]
            return same or self._same_identifier(one, other)

        return [
            min(
                (date.fromisoformat(one["first_positive"]), one.get("proof", "naat"))
                for one in heap
            )
            for heap in self._heaps(stated, together)
        ]

    @staticmethod
    def _heaps(stated: list[Any], together: Callable[[Any, Any], bool]) -> list[list[Any]]:
        """Put together what belongs together, until nothing changes any more."""
        heaps = [[one] for one in stated]
        merged = True
        while merged:
            merged = False
            for place, heap in enumerate(heaps):
                for other in heaps[place + 1 :]:
                    if any(together(a, b) for a in heap for b in other):
                        heap += other
                        heaps.remove(other)
                        merged = True
                        break
                if merged:
                    break
        return heaps

    def infections(self, history: dict[str, Any]) -> list[tuple[date, str]]:
        found = set(self.stated_infections(history))
        for test in self.tests(history):
            if test["result"] == "positive":
                found.add((test["at"].astimezone(self.zone).date(), test["kind"]))
        return sorted(found)

    # Readings.

    def counts(self, dose: dict[str, Any]) -> bool | None:
        """Return whether the product is recognised; None where nobody knows."""
        if dose["code"] is None:
            return True if dose["stated"] and dose["stated"] <= self.recognised else None
        if dose["code"] in self.recognised:
            return True
        return False if dose["code"] in KNOWN else None

    def worlds(
        self,
        doses: list[dict[str, Any]],
        infected: date | None,
        groups: set[str] | None,
    ) -> list[list[str]] | None:
        """Return every way to read the doses; None where they are too many."""
        worlds: list[list[str]] = [[]]
        for place, dose in enumerate(doses):
            grown = []
            for world in worlds:
                counts = self.counts(dose)
                ways: list[str] = []
                if counts is not False:
                    ways += self._ways(doses, place, world, infected, groups)
                if counts is not True:
                    ways.append("uncounted")
                grown += [[*world, way] for way in ways]
            worlds = grown
            if len(worlds) > MANY:
                return None
        return worlds

    def _ways(
        self,
        doses: list[dict[str, Any]],
        place: int,
        world: list[str],
        infected: date | None,
        groups: set[str] | None,
    ) -> list[str]:
        dose = doses[place]
        length = None if dose["code"] is None else self.lengths(dose["code"], dose["day"])
        counted = [stage for stage in world if stage != "uncounted"]
        complete = [stage for stage in counted if stage in DONE]
        single = length is None or 1 in length
        number, of = dose["number"], dose["of"]
        if number is None:
            return self._unnumbered(doses, place, counted, complete, length, infected, groups)
        if number < of:
            return ["first"]
        if number > of:
            return ["booster"]
        if number == 1:
            if complete:
                return ["single" if single else "primary", "booster"]
            if length == {1}:
                return ["single"]
            after = doses[place + 1] if place + 1 < len(doses) else None
            if after is not None and (after["number"], after["of"]) == (2, 2):
                return ["first"]
            if counted:
                return ["primary"]
            recovered = self._recovered()
            return [*(["single"] if single else []), *recovered]
        if number == 2:
            if length == {1}:
                return ["booster"]
            return self._second_product(complete) if complete else ["primary"]
        if length and max(length) >= number and not complete:
            return ["primary"]
        return self._third(doses, place, counted, groups)

    def _recovered(self) -> list[str]:
        policy = self.raw["readings"]["one_dose_recovered"]["is"]
        return ["first", "recovered"] if policy == "ambiguous" else [policy]

    def _second_product(self, complete: list[str]) -> list[str]:
        """Read a dose after a complete course whose number leaves two readings."""
        policy = self.raw["readings"]["single_then_other"]["is"]
        if policy != "ambiguous" and self._by_one_dose(complete):
            return [policy]
        return ["primary", "booster"]

    @staticmethod
    def _by_one_dose(complete: list[str]) -> bool:
        return len(complete) == 1 and complete[0] in ("single", "recovered")

    def _unnumbered(
        self,
        doses: list[dict[str, Any]],
        place: int,
        counted: list[str],
        complete: list[str],
        length: set[int] | None,
        infected: date | None,
        groups: set[str] | None,
    ) -> list[str]:
        if complete:
            if self._by_one_dose(complete) and length != {1}:
                return self._second_product(complete)
            return self._third(doses, place, counted, groups)
        if length == {1}:
            return ["single"]
        nth = len(counted) + 1
        if nth >= (max(length) if length else 2):
            return ["primary"]
        policy = self.raw["readings"]["one_dose_recovered"]["is"]
        before = infected is not None and infected < doses[place]["day"]
        if nth == 1 and before and policy == "recovered":
            return ["recovered"]
        if length is None or nth in length:
            return ["first", "single" if nth == 1 else "primary"]
        return ["first"]

    def _third(
        self,
        doses: list[dict[str, Any]],
        place: int,
        counted: list[str],
        groups: set[str] | None,
    ) -> list[str]:
        """Read a dose after a complete course: a booster, or an extra dose of the course."""
        extra = self.raw["readings"].get("extra_dose")
        if extra is None or "extra" in counted or "booster" in counted:
            return ["booster"]
        day = doses[place]["day"]
        before = doses[place - 1]["day"] if place else None
        if groups is None:
            long = before is not None and self.plus(before, extra["booster_from"]) <= day
            return ["booster"] if counted and long else ["booster", "extra"]
        late = before is not None and self.plus(before, extra["within"]) <= day
        return ["extra"] if extra["group"] in groups and not late else ["booster"]

    # The next dose.

    def _stands(self, row: dict[str, Any], on: date) -> bool:
        day = on.isoformat()
        return bool(row["from"] <= day and ("until" not in row or day < row["until"]))

    def births(self, history: dict[str, Any], on: date) -> list[date]:
        text = history.get("birth_date", "")
        if not text:
            # Every adult age: the youngest adult and a very old one.
            youngest = self.turns(on, 0)
            try:
                youngest = on.replace(year=on.year - 19) + timedelta(days=1)
            except ValueError:
                youngest = date(on.year - 19, 3, 1) + timedelta(days=1)
            return [youngest, date(1850, 1, 1)]
        if len(text) == 10:
            return [date.fromisoformat(text)]
        year, month = int(text[:4]), int(text[5:7]) if len(text) == 7 else None
        last = month or 12
        end = date(year, last, calendar.monthrange(year, last)[1])
        return [date(year, month or 1, 1), end]

    def next(self, history: dict[str, Any], on: date) -> dict[str, Any]:
        """Return the answer for the next dose on a day."""
        doses = [one for one in self.doses(history) if one["day"] <= on]
        infections = [one for one in self.infections(history) if one[0] <= on]
        pcr = [day for day, kind in infections if kind == "naat"]
        first = [day for day, _ in self.stated_infections(history)]
        infected = min([*pcr, *(day for day in first if day <= on)], default=None)
        groups = set(history["groups"]) if "groups" in history else None
        worlds = self.worlds(doses, infected, groups)
        readings = worlds
        if worlds is None:
            return {"status": "ambiguous"}
        unclear = groups is None or (bool(self.groups) and not groups <= self.groups)
        certain = (groups or set()) & self.groups if unclear and self.groups else (groups or set())
        answers = []
        for born, world in combinations(self.births(history, on), readings or []):
            members = [certain]
            if unclear:
                members += [certain | {name} for name in self._names(doses, world, on)]
            answers += [
                self._plan(doses, world, born, set(several), infections, on) for several in members
            ]
        return self._agreed(answers)

    def _names(self, doses: list[dict[str, Any]], world: list[str], on: date) -> set[str]:
        """Return the groups that some offer after this stage names, but for opt-in schemes."""
        reached = self._reached(doses, world)["stage"]
        return {
            name
            for offer in self.schedule.get("offers", [])
            if self._stands(offer, on)
            and reached in offer["after"]
            and offer.get("access") != "opt-in"
            for audience in offer.get("to", [])
            for name in [*audience.get("groups", []), *audience.get("except_groups", [])]
        }

    @staticmethod
    def _reached(doses: list[dict[str, Any]], world: list[str]) -> dict[str, Any]:
        stage, count, last = "nothing", 0, None
        had = set()
        for dose, read in zip(doses, world, strict=True):
            if read == "uncounted":
                continue
            count = max(count + 1, dose["number"] or 0)
            last = dose
            had.add(dose["code"])
            if read in DONE or stage == "nothing":
                stage = read
        return {"stage": stage, "count": count, "last": last, "had": had}

    def _plan(
        self,
        doses: list[dict[str, Any]],
        world: list[str],
        born: date,
        groups: set[str],
        infections: list[tuple[date, str]],
        on: date,
    ) -> dict[str, Any]:
        reached = self._reached(doses, world)
        found = []
        for offer in self.schedule.get("offers", []):
            if not self._stands(offer, on) or reached["stage"] not in offer["after"]:
                continue
            if not offer.get("products"):
                continue
            days = self._offer(offer, doses, reached, born, groups, infections, on)
            if days is not None:
                found.append(days)
        now = [one for one in found if one["member_from"] <= on]
        chosen = now or found
        number = reached["count"] + 1
        if not chosen:
            return {"status": "not-offered", "dose": number}
        order = ["invitation", "referral", "own-initiative", "opt-in"]
        best = min(
            chosen,
            key=lambda one: (
                max(one["earliest"], on),
                order.index(one["access"]),
                one["earliest"],
                one["recommended"] or NEVER,
                -len(one["products"]),
            ),
        )
        products = set(best["products"])
        for other in chosen:
            if other["earliest"] <= max(on, best["earliest"]):
                products |= set(other["products"])
        status = "eligible"
        if on < best["earliest"]:
            status = "too-early"
        elif best["recommended"] is not None and best["recommended"] <= on:
            status = "due"
        return {
            "status": status,
            "dose": number,
            "earliest": best["earliest"],
            "recommended": best["recommended"],
            "latest": best["latest"],
            "products": products,
            "access": best["access"],
        }

    def _offer(
        self,
        offer: dict[str, Any],
        doses: list[dict[str, Any]],
        reached: dict[str, Any],
        born: date,
        groups: set[str],
        infections: list[tuple[date, str]],
        on: date,
    ) -> dict[str, Any] | None:
        """Return the days of one offer for one person, or None where it is not theirs."""
        last = reached["last"]
        if "previous" in offer:
            codes = {self.code(word) for word in offer["previous"]}
            if last is None or last["code"] not in codes:
                return None
        if last is not None:
            day = last["day"].isoformat()
            if day < offer.get("last_dose_from", "") or day >= offer.get("last_dose_until", "9"):
                return None
        if "had" in offer and not {self.code(word) for word in offer["had"]} & reached["had"]:
            return None
        member = self._member_from(offer, born, groups, on)
        if member is None:
            return None
        products = [self.code(word) for word in offer["products"]]
        if not offer.get("free_of_limits"):
            products = [code for code in products if not self._limited(str(code), born, on)]
        if not products:
            return None
        bounds = [member]
        recommended = latest = None
        if last is None or "earliest" not in offer:
            bounds.append(date.fromisoformat(offer["from"]))
        else:
            bounds.append(self.plus(last["day"], offer["earliest"]))
        if doses:
            bounds.append(doses[-1]["day"])
        if "opens" in offer:
            bounds.append(date.fromisoformat(offer["opens"]))
        waits = [row for row in self.schedule.get("waits", []) if self._stands(row, on)]
        earliest = max(bounds)
        if last is not None and "recommended" in offer:
            recommended = max(earliest, self.plus(last["day"], offer["recommended"]))
        if last is not None and "latest" in offer:
            latest = self.plus(last["day"], offer["latest"])
        if infections and waits:
            earliest = max(earliest, *(self.plus(infections[-1][0], row["lasts"]) for row in waits))
            recommended = recommended and max(recommended, earliest)
        return {
            "member_from": member,
            "earliest": earliest,
            "recommended": recommended,
            "latest": latest,
            "products": products,
            "access": offer.get("access", "invitation"),
        }

    def _limited(self, code: str, born: date, on: date) -> bool:
        return any(
            self.code(row["product"]) == code
            and self._stands(row, on)
            and ("age_below" not in row or self.age(born, on) < row["age_below"])
            for row in self.schedule.get("limits", [])
        )

    def _member_from(
        self, offer: dict[str, Any], born: date, groups: set[str], on: date
    ) -> date | None:
        """Return since when, or from when, a person belongs to those whom an offer is made to."""
        days = [
            day
            for audience in offer.get("to", [{}])
            if (day := self._joins(audience, born, groups, on)) is not None
        ]
        if not days:
            return None
        first = min(days)
        # An age that is reached within a year, while the offer stands, makes a dose too early.
        soon = first - on <= timedelta(days=366)
        if first > on and not (soon and first.isoformat() < offer.get("until", "9")):
            return None
        return first

    def _joins(
        self, audience: dict[str, Any], born: date, groups: set[str], on: date
    ) -> date | None:
        if "groups" in audience and not groups & set(audience["groups"]):
            return None
        if groups & set(audience.get("except_groups", [])):
            return None
        if "age_below" in audience and self.age(born, on) >= audience["age_below"]:
            return None
        cohort = audience.get("born", {})
        text = born.isoformat()
        if text < cohort.get("from", "") or text >= cohort.get("until", "9"):
            return None
        day = date(1, 1, 1)
        if "age_from" in audience:
            day = self.turns(born, audience["age_from"])
        if "reached" in audience:
            turned = self.turns(born, audience["reached"]["age"])
            text = turned.isoformat()
            if text < audience["reached"]["from"] or text > audience["reached"].get("until", "9"):
                return None
            day = max(day, turned)
        return day

    @staticmethod
    def _agreed(answers: list[dict[str, Any]]) -> dict[str, Any]:
        """Put the answers of all readings together: the cautious days, the products of all."""
        statuses = {one["status"] for one in answers}
        if len(statuses) > 1:
            return {"status": "ambiguous"}
        found: dict[str, Any] = {"status": statuses.pop(), "dose": answers[0]["dose"]}
        for name, choose in (("earliest", max), ("recommended", max), ("latest", min)):
            days = [one[name] for one in answers if one.get(name)]
            found[name] = choose(days) if days else None
        found["products"] = set.intersection(*(set(one.get("products", ())) for one in answers))
        return found

    # Validity.

    def revisions(self) -> list[dict[str, Any]]:
        """Return the revisions, each with what it takes over from those before it."""
        state: dict[str, Any] = {
            "tests": [], "recoveries": [], "vaccinations": [], "exempt_below": None,
            "exempt_groups": [], "suspension": None,
        }  # fmt: skip
        found = []
        for row in self.raw["revisions"]:
            state = {**state, **{name: row[name] for name in state if name in row}}
            start = datetime.fromisoformat(row["from"]).replace(tzinfo=self.zone)
            found.append({**state, "starts": start.astimezone(UTC)})
        return found

    def valid(self, history: dict[str, Any], at: datetime) -> bool | None:
        """Return whether the evidence is valid at an instant; None where readings differ."""
        revision = None
        for row in self.revisions():
            if row["starts"] <= at:
                revision = row
        if revision is None:
            return False
        doses = [one for one in self.doses(history) if self.start_of(one["day"]) <= at]
        tests = [one for one in self.tests(history) if one["at"] <= at]
        stated = self.stated_infections(history)
        stated = [one for one in stated if self.start_of(one[0]) <= at]
        proofs = {(day, kind): self.start_of(day) for day, kind in stated}
        for test in tests:
            if test["result"] == "positive":
                key = (test["at"].astimezone(self.zone).date(), test["kind"])
                proofs[key] = min(proofs.get(key, test["at"]), test["at"])
        pcr = [day for day, kind in proofs if kind == "naat"]
        infected = min([*pcr, *(day for day, _ in stated)], default=None)
        groups = set(history["groups"]) if "groups" in history else None
        worlds = self.worlds(doses, infected, groups)
        if worlds is None:
            return None
        suspended = self._suspended(revision, tests, stated, at)
        text = history.get("birth_date", "")
        births: list[date | None] = [*self.births(history, date.max)] if text else [None]
        exempt_group = bool((groups or set()) & set(revision["exempt_groups"]))
        answers = set()
        for born, world in combinations(births, worlds):
            person = (born, history.get("sector"))
            exempt = exempt_group
            if born is not None and revision["exempt_below"] is not None:
                today = at.astimezone(self.zone).date()
                exempt = exempt or (
                    born <= today and self.age(born, today) < revision["exempt_below"]
                )
            evidence = (
                any(
                    self._dose_holds(rule, dose, stage, person, at)
                    for rule in self._rules(revision["vaccinations"])
                    for dose, stage in zip(doses, world, strict=True)
                )
                or any(
                    kind in rule["kinds"]
                    and known <= at
                    and day.isoformat() >= rule.get("proved_from", "")
                    and self._day_holds(rule, day, person, at)
                    for rule in self._rules(revision["recoveries"])
                    for (day, kind), known in proofs.items()
                )
                or any(
                    test["result"] == "negative" and self._test_holds(rule, test, person, at)
                    for rule in self._rules(revision["tests"])
                    for test in tests
                )
            )
            answers.add(exempt or (evidence and not suspended))
        return answers.pop() if len(answers) == 1 else None

    def _rules(self, names: list[str]) -> list[dict[str, Any]]:
        return [rule for rule in self.raw["rules"] if rule["id"] in names]

    def _suspended(
        self,
        revision: dict[str, Any],
        tests: list[dict[str, Any]],
        stated: list[tuple[date, str]],
        at: datetime,
    ) -> bool:
        if revision["suspension"] is None:
            return False
        rows = [row for row in self.raw["suspensions"] if row["id"] == revision["suspension"]]
        (rule,) = rows
        positive = [
            (one["kind"], one["at"].astimezone(self.zone).date(), one["at"])
            for one in tests
            if one["result"] == "positive"
        ]
        positive += [(kind, day, self.start_of(day)) for day, kind in stated]
        for kind, day, since in positive:
            if kind not in rule["kinds"]:
                continue
            end = self.moment_plus(self.start_of(day), rule["lasts"], self.raw["reckoning"])
            if kind in rule.get("lifted_for", []):
                lifting = [
                    one["at"]
                    for one in tests
                    if one["result"] == "negative"
                    and one["kind"] in rule["lifted_by"]
                    and one["at"] > since
                ]
                end = min([end, *lifting])
            if since <= at < end:
                return True
        return False

    def _fits(
        self, rule: dict[str, Any], person: tuple[date | None, str | None], at: datetime
    ) -> bool:
        born, sector = person
        if "sectors" in rule and sector not in rule["sectors"]:
            return False
        if born is None:
            return "age_below" not in rule
        today = at.astimezone(self.zone).date()
        age = self.age(born, today)
        return bool(rule.get("age_from", -1000) <= age < rule.get("age_below", 1000))

    def _day_holds(
        self,
        rule: dict[str, Any],
        day: date,
        person: tuple[date | None, str | None],
        at: datetime,
    ) -> bool:
        way = self.raw["reckoning"]
        start = self.start_of(day)
        if at < self.moment_plus(start, rule["from"], way):
            return False
        if "until" in rule:
            end = self.moment_plus(start, rule["until"], way)
            if rule.get("last_day_counts"):
                end = self.moment_plus(end, {"days": 1}, way)
            if at >= end:
                return False
        return self._fits(rule, person, at)

    def _dose_holds(
        self,
        rule: dict[str, Any],
        dose: dict[str, Any],
        stage: str,
        person: tuple[date | None, str | None],
        at: datetime,
    ) -> bool:
        if stage not in rule["stages"]:
            return False
        if "products" in rule and dose["code"] not in {self.code(one) for one in rule["products"]}:
            return False
        return self._day_holds(rule, dose["day"], person, at)

    def _test_holds(
        self,
        rule: dict[str, Any],
        test: dict[str, Any],
        person: tuple[date | None, str | None],
        at: datetime,
    ) -> bool:
        way = self.raw["reckoning"]
        if test["kind"] not in rule["kinds"]:
            return False
        if at < self.moment_plus(test["at"], rule["from"], way):
            return False
        if "until" in rule and at >= self.moment_plus(test["at"], rule["until"], way):
            return False
        return self._fits(rule, person, at)
