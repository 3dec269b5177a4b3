"""A second, slow engine, written from the documentation alone.

It works on the JSON documents of a programme and a history, imports nothing of the library, keeps
nothing between two questions and asks every question anew for every reading, birth date and
membership that the history leaves open. Where the documentation says nothing, a note says what is
taken here.
"""

import calendar
import itertools
import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

DATA = Path(__file__).parents[2] / "src" / "coronapas"
COVID = "840539006"
OPEN = "open"  # a membership that the history leaves open
DAY = timedelta(days=1)


# -- days ------------------------------------------------------------------------------------------


def later_month(day, months):
    """Add calendar months; a day that the month lacks is its last."""
    number = day.year * 12 + day.month - 1 + months
    year, month = divmod(number, 12)
    return day.replace(
        year=year, month=month + 1, day=min(day.day, calendar.monthrange(year, month + 1)[1])
    )


def later_day(day, period):
    return later_month(day, period.get("months", 0)) + timedelta(days=period.get("days", 0))


def birthday(born, age):
    """Return the day on which somebody reaches an age."""
    if isinstance(age, int):
        age = {"years": age}
    months = 12 * age.get("years", 0) + age.get("months", 0)
    if (born.month, born.day) == (2, 29) and not (age.get("months") or age.get("days")):
        # whole years of 29 February are full on 1 March
        return later_month(born - DAY, months) + DAY
    return later_month(born, months) + timedelta(days=age.get("days", 0))


class Clock:
    def __init__(self, zone, reckoning):
        self.zone, self.reckoning = ZoneInfo(zone), reckoning

    def local(self, instant):
        return instant.astimezone(self.zone)

    def midnight(self, day):
        return datetime(day.year, day.month, day.day, tzinfo=self.zone).astimezone(UTC)

    def after(self, start, period):
        """Add a period to an instant."""
        months, days = period.get("months", 0), timedelta(days=period.get("days", 0))
        hours = timedelta(hours=period.get("hours", 0))
        if self.reckoning == "utc":
            return later_month(start.astimezone(UTC), months) + days + hours
        there = self.local(start)
        wall = later_month(there.replace(tzinfo=None), months) + days
        if self.reckoning == "offset":
            return (wall - there.utcoffset() + hours).replace(tzinfo=UTC)
        if not months and not days:
            return start.astimezone(UTC) + hours
        return wall.replace(tzinfo=self.zone).astimezone(UTC) + hours

    def bounds(self, rule, start):
        """Return from when, inclusive, until when, exclusive, a rule lets an event count."""
        first = self.after(start, rule["from"])
        if "until" not in rule:
            return first, None
        last = self.after(start, rule["until"])
        if rule.get("last_day_counts"):
            last = self.midnight(self.local(last).date() + DAY)
        return first, last


# -- the programme ---------------------------------------------------------------------------------


def known_products():
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


def plain(word):
    return " ".join(word.casefold().replace("-", " ").replace("_", " ").split())


class Country:
    """A programme's document, for one of its diseases."""

    def __init__(self, document, disease=None):
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

    def rows(self, rows):
        return {row["id"]: row for row in rows if row.get("disease", self.first) == self.disease}

    def carried(self):
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

    def revision(self, at):
        found = None
        for row in self.revisions:
            if row["starts"] <= at:
                found = row
        return found

    def code(self, word):
        """Return the code that a word for a product stands for; an unknown word stays."""
        return self.words.get(plain(word), word)

    def codes(self, words):
        """Return the codes that a row's words mean, variants included."""
        named = {self.code(word) for word in words}
        return named | {
            code
            for code, row in self.products.items()
            if "variant_of" in row and self.code(row["variant_of"]) in named
        }

    def lengths(self, code, day):
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


def identifier(row):
    """Return an identifier without its prefix and checksum, in capitals; None where none is."""
    if not row.get("uvci"):
        return None
    text = row["uvci"].strip().upper()
    return text.removeprefix("URN:UVCI:").partition("#")[0]


class Person:
    """What a history says about one disease."""

    def __init__(self, country, history):
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

    def is_ours(self, row):
        if "disease" in row:
            return row["disease"] == self.country.disease
        return self.country.code(row.get("product", "")) not in self.country.elsewhere

    def possible_births(self, text):
        if not text:
            return [None]
        if len(text) == 10:
            return [date.fromisoformat(text)]
        if len(text) == 7:
            first = date.fromisoformat(text + "-01")
            return [first, later_month(first, 1) - DAY]
        # both ends of the year
        return [date(int(text), 1, 1), date(int(text), 12, 31)]

    def statement(self, row):
        product = row.get("product")
        return {
            "day": date.fromisoformat(row["date"]),
            "product": None if product is None else self.country.code(product),
            "numbers": (row["dose_number"], row["doses"]) if "doses" in row else None,
            "uvci": identifier(row),
        }

    def joined(self, statements):
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
            doses.append(
                {
                    "day": min(one["day"] for one in part),
                    "products": products or {None},
                    "numbers": {max(later)} if later else numbers or {None},
                }
            )
        return sorted(doses, key=lambda dose: dose["day"])

    def probably_one(self, statements):
        """Pair the days that follow each other on which one product and number are stated.

        From the earliest on, so that a row of days is several doses.
        """
        found = []
        kinds = {(one["product"], one["numbers"]) for one in statements}
        for product, numbers in kinds:
            if product is None or numbers is None:
                continue
            ours = [s for s in statements if (s["product"], s["numbers"]) == (product, numbers)]
            before = None
            for one in sorted(ours, key=lambda one: one["day"]):
                if before is not None and one["day"] == before["day"]:
                    continue
                if before is not None and one["day"] - before["day"] == DAY:
                    found.append((before, one))
                    before = None
                    continue
                before = one
        return found

    def read_tests(self, history):
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

    def read_infections(self, history):
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

    def known_at(self, at):
        """Return the events up to an instant, those of a day from its start."""
        midnight = self.country.clock.midnight
        return {
            "doses": [dose for dose in self.doses if midnight(dose["day"]) <= at],
            "tests": [test for test in self.tests if test["at"] <= at],
            "infections": [one for one in self.infections if one["known"] <= at],
        }

    def memberships(self, words):
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


def number_of(statement):
    return statement["numbers"] and statement["numbers"][0]


def together(statements, same):
    """Put statements of one event together, also those that only others join."""
    parts = []
    for one in statements:
        joined = [part for part in parts if any(same(one, other) for other in part)]
        parts = [part for part in parts if part not in joined]
        parts.append([one, *(other for part in joined for other in part)])
    return parts


# -- readings --------------------------------------------------------------------------------------

COMPLETE = ("primary", "single", "recovered", "extra", "booster")


def readings(country, policies, doses, infections, member):
    """Return every reading of the doses: tuples of stages in the order of the doses.

    `member` says whether the person belongs to the group that gets an extra dose: True, False or
    `OPEN`.
    """
    found = [()]
    for place in range(len(doses)):
        longer = []
        for before in found:
            dose = Dose(country, policies, doses, place, before, infections, member)
            for stage in dose.stages():
                if (*before, stage) not in longer:
                    longer.append((*before, stage))
        found = longer
    return found


def counts(country, dose):
    """Say whether a dose counts: True, False, or None where nobody knows its products."""
    ours = [code in country.products for code in dose["products"]]
    if all(ours):
        return True
    if not any(ours) and all(code in KNOWN for code in dose["products"]):
        return False
    return None


class Dose:
    """One dose, after those before it were read."""

    def __init__(self, country, policies, doses, place, before, infections, member):
        self.country, self.policies, self.member = country, policies, member
        self.infections = infections
        self.dose = doses[place]
        self.next = doses[place + 1] if place + 1 < len(doses) else None
        self.counted = [stage for stage in before if stage != "uncounted"]
        self.complete = any(stage in COMPLETE for stage in self.counted)
        earlier = [dose for dose in doses[:place] if counts(country, dose) is not False]
        self.previous = earlier[-1]["day"] if earlier else None
        several = [country.lengths(code, self.dose["day"]) for code in self.dose["products"]]
        self.lengths = None if None in several else set().union(*several)

    def stages(self):
        recognised = counts(self.country, self.dose)
        if recognised is False:
            return ["uncounted"]
        found = []
        for numbers in self.dose["numbers"]:
            found += self.unnumbered() if numbers is None else self.numbered(*numbers)
        return found if recognised else [*found, "uncounted"]

    def policy(self, name, default):
        """Return what a reading of the programme says, or what stands in its place."""
        row = self.policies.get(name)
        if row is None:
            return default
        if row["is"] != "ambiguous":
            return [row["is"]]
        if name in ("one_dose_recovered", "dose_after_infection"):
            return ["first", "recovered"]
        return ["primary", "booster"]

    def only_single(self):
        return self.lengths == {1}

    def can_be_single(self):
        return self.lengths is None or 1 in self.lengths

    def by_one_dose(self):
        """Return the stage of the one dose that made the course, with no complete one after it."""
        complete = [stage for stage in self.counted if stage in COMPLETE]
        if len(complete) == 1 and complete[0] in ("single", "recovered"):
            return complete[0]
        return None

    def started(self):
        """Return what a dose is that begins a course: a first one, or the only one needed."""
        row = self.policies.get("dose_after_infection")
        if row is None or self.counted:
            return ["first"]
        for one in self.infections:
            after = max(later_day(one["day"], row.get("at_least", {})), one["day"] + DAY)
            if one["proof"] in row.get("kinds", ["naat"]) and self.dose["day"] >= after:
                return self.policy("dose_after_infection", ["first"])
        return ["first"]

    def after_course(self):
        """Return what a dose after a course is: a booster, or an extra dose."""
        row = self.policies.get("extra_dose")
        if row is None or "extra" in self.counted or "booster" in self.counted:
            return ["booster"]
        if self.member is False:
            return ["booster"]
        if self.member is True:
            late = self.previous and later_day(self.previous, row["within"]) <= self.dose["day"]
            return ["booster"] if late else ["extra"]
        if self.counted and later_day(self.previous, row["booster_from"]) <= self.dose["day"]:
            return ["booster"]
        return ["booster", "extra"]

    def after_one(self):
        """Return what a further product after a complete course is, numbered 2/2 or not at all."""
        then = self.policy("single_then_other", None)
        if self.by_one_dose() == "single":
            return then
        if self.by_one_dose() == "recovered":
            return self.policy("recovered_then_other", then)
        return ["primary", "booster"]

    def infected_before(self):
        return any(
            one["day"] < self.dose["day"] and (one["stated"] or one["proof"] == "naat")
            for one in self.infections
        )

    def unnumbered(self):
        if self.complete:
            if self.by_one_dose() and not self.only_single():
                return self.after_one()
            return self.after_course()
        if self.only_single():
            return ["single"]
        place = len(self.counted) + 1
        if place >= (max(self.lengths) if self.lengths else 2):
            return ["primary"]
        found = self.started()
        if place == 1 and "dose_after_infection" not in self.policies:
            recovered = self.policies["one_dose_recovered"]["is"] == "recovered"
            if recovered and self.infected_before():
                found = ["recovered"]
        if self.lengths is None or place in self.lengths:
            found = [*found, "single" if place == 1 else "primary"]
        return found

    def numbered(self, number, of):
        if number < of:
            return self.started() if number == 1 else ["first"]
        if number > of:
            if (number, of) == (2, 1) and self.by_one_dose() != "recovered":
                return self.policy("two_of_one", ["booster"])
            return ["booster"]
        if of == 1:
            return self.one_of_one()
        if of == 2:
            if self.only_single():
                if self.by_one_dose():
                    return self.policy("two_of_one", ["booster"])
                return ["booster"]
            return self.after_one() if self.complete else ["primary"]
        if self.lengths and max(self.lengths) >= of and not self.complete:
            return ["primary", *(self.after_course() if min(self.lengths) < of else [])]
        return self.after_course()

    def one_of_one(self):
        if self.complete:
            return ["single" if self.can_be_single() else "primary", "booster"]
        if self.only_single():
            return ["single"]
        if self.next is not None and self.next["numbers"] == {(2, 2)}:
            return ["first"]
        if self.counted:
            return ["primary"]
        recovered = self.policy("one_dose_recovered", None)
        return ["single", *recovered] if self.can_be_single() else recovered


# -- evidence --------------------------------------------------------------------------------------


def applies(row, place, region, sector):
    if "places" in row and place not in row["places"]:
        return False
    if "regions" in row and region not in row["regions"]:
        return False
    if "sectors" in row and sector not in row["sectors"]:
        return False
    return place not in row.get("except_places", []) and region not in row.get("except_regions", [])


def old_enough(born, day, age):
    """An unknown birth date is an adult's."""
    return True if born is None else day >= birthday(born, age)


def young_enough(born, day, age):
    return False if born is None else day < birthday(born, age)


def is_among(audience, born, day, groups):
    """Say whether somebody is one of an audience on a day."""
    if "groups" in audience and not set(audience["groups"]) & groups:
        return False
    if set(audience.get("except_groups", [])) & groups:
        return False
    if "age_from" in audience and not old_enough(born, day, audience["age_from"]):
        return False
    if "age_below" in audience and not young_enough(born, day, audience["age_below"]):
        return False
    if "born" in audience:
        if born is None:
            return False
        if born.isoformat() < audience["born"].get("from", ""):
            return False
        if born.isoformat() >= audience["born"].get("until", "9"):
            return False
    if "reached" in audience:
        if born is None:
            return False
        reached = birthday(born, audience["reached"]["age"]).isoformat()
        return audience["reached"]["from"] <= reached <= audience["reached"].get("until", "9")
    return True


class Case:
    """A person with everything settled: a reading of the doses, a birth date, the groups."""

    def __init__(self, person, events, reading, born, groups, revision, clock=None):
        self.person, self.events, self.reading = person, events, reading
        self.born, self.groups, self.revision = born, groups, revision
        self.country = person.country
        self.clock = clock or person.country.clock

    def evidence(self, kinds, at, place, region):
        """Return what counts at an instant by rules of these lists: (kind, number, rule)."""
        found = []
        for kind in kinds:
            for name in self.revision[kind]:
                rule = self.country.rules.get(name)
                if rule is not None:
                    found += self.by_rule(rule, at, place, region)
        return found

    def by_rule(self, rule, at, place, region):
        day = self.clock.local(at).date()
        if not applies(rule, place, region, self.person.sector):
            return []
        if "age_from" in rule and not old_enough(self.born, day, rule["age_from"]):
            return []
        if "age_below" in rule and not young_enough(self.born, day, rule["age_below"]):
            return []
        if "needs" in rule:
            needed = [self.country.rules[name] for name in rule["needs"]]
            if not any(self.by_rule(one, at, place, region) for one in needed):
                return []
        found = []
        for start, number in self.accepted(rule):
            first, last = self.clock.bounds(rule, start)
            if first <= at and (last is None or at < last):
                found.append((rule["evidence"], number, rule["id"]))
        return found

    def accepted(self, rule):
        """Yield the start and the place of each event of which a rule speaks."""
        if rule["evidence"] == "test":
            for number, test in enumerate(self.events["tests"]):
                if test["positive"] is False and test["kind"] in rule["kinds"]:
                    yield test["at"], number
            return
        if rule["evidence"] == "recovery":
            for number, one in enumerate(self.events["infections"]):
                if one["proof"] not in rule["kinds"]:
                    continue
                if one["day"].isoformat() < rule.get("proved_from", ""):
                    continue
                if "preceded_by" in rule and not self.preceded(rule["preceded_by"], one["day"]):
                    continue
                yield self.clock.midnight(one["day"]), number
            return
        for number, (dose, step) in enumerate(zip(self.events["doses"], self.reading)):
            if step not in rule["stages"]:
                continue
            if "products" in rule and not (
                len(dose["products"]) == 1
                and dose["products"] <= self.country.codes(rule["products"])
            ):
                continue
            if "preceded_by" in rule and not self.preceded(rule["preceded_by"], dose["day"]):
                continue
            yield self.clock.midnight(dose["day"]), number

    def preceded(self, wanted, day):
        if wanted["event"] == "dose":
            # the last dose that counts
            days = [
                dose["day"]
                for dose, step in zip(self.events["doses"], self.reading)
                if step != "uncounted" and dose["day"] < day
            ][-1:]
        else:
            days = [
                one["day"]
                for one in self.events["infections"]
                if one["proof"] in wanted["kinds"] and one["day"] < day
            ]
        for before in days:
            if "at_least" in wanted and day < later_day(before, wanted["at_least"]):
                continue
            if "at_most" in wanted and day > later_day(before, wanted["at_most"]):
                continue
            return True
        return False

    def is_suspended(self, at):
        row = self.country.suspensions.get(self.revision["suspension"])
        if row is None:
            return False
        for one in self.events["infections"]:
            if one["proof"] not in row["kinds"]:
                continue
            end = self.clock.after(self.clock.midnight(one["day"]), row["lasts"])
            if one["proof"] in row.get("lifted_for", []):
                for other in self.events["tests"]:
                    if (
                        other["positive"] is False
                        and other["kind"] in row.get("lifted_by", [])
                        and other["at"] > one["known"]
                    ):
                        end = min(end, other["at"])
            if one["known"] <= at < end:
                return True
        return False

    def is_exempt(self, at, place, region):
        day = self.clock.local(at).date()
        if set(self.revision["exempt_groups"]) & self.groups:
            return True
        below = self.revision["exempt_below"]
        if below is not None and self.is_young(day, below):
            return True
        for name in self.revision["exemptions"]:
            row = self.country.exemptions.get(name)
            if row is None or not applies(row, place, region, self.person.sector):
                continue
            of = row["of"]
            if self.born is None and {"age_from", "age_below", "born"} & set(of):
                continue
            if "age_below" in of and not self.is_young(day, of["age_below"]):
                continue
            if is_among(of, self.born, day, self.groups):
                return True
        return False

    def is_young(self, day, age):
        """From birth until the age is reached; nobody of an unknown birth date is."""
        return self.born is not None and self.born <= day and young_enough(self.born, day, age)

    def answer(self, at, place, region):
        """Return (valid, exempt, suspended)."""
        exempt = self.is_exempt(at, place, region)
        suspended = self.is_suspended(at)
        if exempt:
            return True, True, suspended
        if suspended:
            return False, False, True
        holds = self.evidence(("tests", "recoveries", "vaccinations"), at, place, region)
        return bool(holds), False, False


def cases(person, at, known=None, clock=None):
    """Return every way of settling what a history leaves open, by the rules of an instant."""
    country = person.country
    revision = country.revision(known or at)
    events = person.known_at(known or at)
    member = extra_dose_member(person, revision["readings"], person.groups or set())
    found = []
    for reading in readings(
        country, revision["readings"], events["doses"], events["infections"], member
    ):
        for born in person.births:
            # nobody is exempt by a group that is not known
            groups = person.groups or set()
            found.append(Case(person, events, reading, born, groups, revision, clock))
    return found


def extra_dose_member(person, policies, groups):
    row = policies.get("extra_dose")
    if row is None or row["group"] in groups:
        return row is not None
    return OPEN if person.groups is None or person.strange else False


def one_answer(answers):
    answers = set(answers)
    return answers.pop() if len(answers) == 1 else None


def requirement(country, revision, place, region, sector):
    for name in revision["requirements"]:
        row = country.requirements.get(name)
        if row is not None and applies(row, place, region, sector):
            return row["is"]
    return revision["places"].get(place, revision["requirement"])


def check(country, history, at, place=None, region=None):
    """Judge a history at an instant."""
    person = Person(country, history)
    revision = country.revision(at)
    if revision is None:
        return {"valid": False, "revision": None, "exempt": False, "suspended": False}
    found = cases(person, at)
    answers = [case.answer(at, place, region) for case in found]
    holding = set()
    for case in found:
        holding |= {
            (kind, rule)
            for kind, _, rule in case.evidence(
                ("tests", "recoveries", "vaccinations"), at, place, region
            )
        }
    open_doses = {}
    for number in range(len(found[0].reading)):
        stages_of = {case.reading[number] for case in found}
        if len(stages_of) > 1:
            open_doses[number + 1] = stages_of
    return {
        "valid": one_answer(valid for valid, _, _ in answers),
        "exempt": all(exempt for _, exempt, _ in answers),
        "suspended": any(suspended for _, _, suspended in answers),
        "revision": revision["id"],
        "requirement": requirement(country, revision, place, region, person.sector),
        "holding": holding,
        "open": open_doses,
    }


def frozen(country, history, at, moments, place=None, region=None):
    """Answer at other moments by the rules in force at a check and the events known then."""
    person = Person(country, history)
    found = cases(person, at)
    return [
        one_answer(case.answer(moment, place, region)[0] for case in found) for moment in moments
    ]


# -- the schedule ----------------------------------------------------------------------------------


def stands(row, day):
    return row["from"] <= day.isoformat() < row.get("until", "9")


ACCESS = ["invitation", "referral", "own-initiative", "opt-in"]


def plan(country, day, doses, reading, product, infections, born, groups):
    """Say which dose is next for a person with everything settled."""
    given = [
        (dose, stage) for dose, stage in zip(doses, reading, strict=True) if stage != "uncounted"
    ]
    number, reached = 0, "nothing"
    for dose, stage in given:
        greatest = max((one[0] for one in dose["numbers"] if one), default=0)
        number = max(number + 1, greatest)
        if stage in COMPLETE or reached == "nothing":
            reached = stage
    last = given[-1][0]["day"] if given else None
    newest = doses[-1]["day"] if doses else None
    had = {code for dose, _ in given if len(dose["products"]) == 1 for code in dose["products"]}
    found = []
    for offer in country.offers:
        if not stands(offer, day) or reached not in offer["after"] or "why" in offer:
            continue
        if "previous" in offer and product not in country.codes(offer["previous"]):
            continue
        if "had" in offer and not had & country.codes(offer["had"]):
            continue
        if "dose" in offer and number + 1 not in offer["dose"]:
            continue
        if last and not offer.get("last_dose_from", "") <= last.isoformat() < offer.get(
            "last_dose_until", "9"
        ):
            continue
        found += offered(country, day, offer, last, newest, reached, infections, born, groups)
    now = [one for one in found if one["grown"] <= day]
    # who is offered something waits for no birthday
    found = now or found
    if not found:
        return {"status": "not-offered", "dose": number + 1, "products": (), "invite": False}
    best = min(
        found,
        key=lambda one: (
            max(one["earliest"], day),
            ACCESS.index(one["access"]),
            one["earliest"],
            one["recommended"] or date.max,
            -len(one["products"]),
        ),
    )
    beside = [one for one in found if one is best or one["earliest"] <= max(day, best["earliest"])]
    status = "eligible"
    if day < best["earliest"]:
        status = "too-early"
    elif best["recommended"] and best["recommended"] <= day:
        status = "due"
    return {
        "status": status,
        "dose": number + 1,
        "earliest": best["earliest"],
        "recommended": best["recommended"],
        "latest": best["latest"],
        "products": tuple(sorted({code for one in beside for code in one["products"]})),
        "offers": tuple(one["offer"] for one in beside),
        "access": best["access"],
        "invite": best["access"] == "invitation"
        and (status != "too-early" or best["earliest"] == best["opens"]),
    }


def member_since(offer, born, day, groups):
    """Return the day since which somebody is offered a dose, or from which on; or None."""
    found = []
    for audience in offer.get("to", [{}]):
        since = date.min
        if "age_from" in audience:
            since = birthday(born, audience["age_from"])
        others = {name: value for name, value in audience.items() if name != "age_from"}
        if is_among(others, born, day, groups):
            found.append(since)
    return min(found, default=None)


YEAR = timedelta(days=366)


def offered(country, day, offer, last, newest, reached, infections, born, groups):
    """Say when an offer's dose is given to a person, for those products that wait alike."""
    grown = member_since(offer, born, day, groups)
    if grown is None:
        return []
    if grown > day and (grown > day + YEAR or grown.isoformat() >= offer.get("until", "9")):
        return []
    products = [
        code
        for code in map(country.code, offer["products"])
        if offer.get("free_of_limits") or not is_limited(country, code, day, born)
    ]
    found = []
    for code in products:
        if last and "earliest" in offer:
            bounds = [later_day(last, offer["earliest"]), grown]
        else:
            bounds = [date.fromisoformat(offer["from"]), grown]
        if newest:
            bounds.append(newest)
        if "opens" in offer:
            bounds.append(date.fromisoformat(offer["opens"]))
        bounds += waits(country, day, code, reached, infections, born)
        earliest = max(bounds)
        recommended = latest = None
        if last and "recommended" in offer:
            recommended = max(earliest, later_day(last, offer["recommended"]))
        if last and "latest" in offer:
            latest = later_day(last, offer["latest"])
        same = [one for one in found if one["earliest"] == earliest]
        if same:
            same[0]["products"].append(code)
            continue
        found.append(
            {
                "offer": offer["id"],
                "grown": grown,
                "earliest": earliest,
                "recommended": recommended,
                "latest": latest,
                "products": [code],
                "access": offer.get("access", "invitation"),
                "opens": date.fromisoformat(offer["opens"]) if "opens" in offer else None,
            }
        )
    return found


def is_limited(country, code, day, born):
    """Say whether a product is not given today to somebody of this age."""
    return any(
        stands(limit, day)
        and code in country.codes([limit["product"]])
        and ("age_below" not in limit or young_enough(born, day, limit["age_below"]))
        for limit in country.limits
    )


def waits(country, day, code, reached, infections, born):
    """Yield the days until which a product is not given after an infection."""
    for wait in country.waits:
        if not stands(wait, day) or reached not in wait.get("after", [reached]):
            continue
        if "products" in wait and code not in country.codes(wait["products"]):
            continue
        if "age_from" in wait and not old_enough(born, day, wait["age_from"]):
            continue
        if "age_below" in wait and not young_enough(born, day, wait["age_below"]):
            continue
        for one in infections:
            yield later_day(one["day"], wait["lasts"])


def possible_products(country, doses, reading):
    """Return the products that the last dose that counts may be of."""
    given = [
        (dose, stage) for dose, stage in zip(doses, reading, strict=True) if stage != "uncounted"
    ]
    if not given:
        return [None]
    dose, stage = given[-1]
    stated = dose["products"]
    if len(stated) == 1 and stated <= set(country.products):
        return list(stated)
    found = []
    for code in stated if stated <= set(country.products) else country.products:
        lengths = country.lengths(code, dose["day"])
        if stage == "single" and lengths is not None and 1 not in lengths:
            continue
        if stage in ("first", "primary", "recovered") and lengths == {1}:
            continue
        found.append(code)
    return found or [None]


def turning_days(country, day, first, last):
    """Return birth dates at both ends of a time, and those at which an answer may change."""
    found = []
    for row in (*country.offers, *country.limits, *country.waits):
        if not stands(row, day):
            continue
        days = [day, day + YEAR]
        if "until" in row:
            days.append(date.fromisoformat(row["until"]))
        for audience in (*row.get("to", []), row):
            for bound in audience.get("born", {}).values():
                found.append(date.fromisoformat(bound))
            for name in ("age_from", "age_below"):
                age = audience.get(name, 0)
                age = {"years": age} if isinstance(age, int) else age
                less = {unit: -number for unit, number in age.items()}
                # months have different lengths, so that several birth dates come near
                for step in range(-3, 3) if "months" in age else (0,):
                    found += [birthday(one, less) + step * DAY for one in days]
    around = {one + timedelta(days=step) for one in found for step in (-1, 0, 1)}
    return [first, *sorted(one for one in around if first < one < last), last]


def plans(country, history, day):
    """Yield the plan of each way of settling what the history leaves open."""
    person = Person(country, history)
    end = country.clock.midnight(day + DAY) - timedelta(microseconds=1)
    events = person.known_at(end)
    revision = country.revision(end)
    policies = revision["readings"] if revision else country.document["readings"]
    births = person.births
    if births == [None]:
        # every adult; nobody is taken to have a birthday on the day itself
        births = turning_days(country, day, date(1850, 1, 1), later_month(day, -19 * 12) + DAY)
    elif len(births) == 2:
        births = turning_days(country, day, *births)
    member = extra_dose_member(person, policies, person.groups or set())
    asked = set()
    for offer in country.offers:
        # who opted in knows it
        if stands(offer, day) and offer.get("access") != "opt-in":
            for one in offer.get("to", []):
                asked |= set(one.get("groups", [])) | set(one.get("except_groups", []))
    doses, infections = events["doses"], events["infections"]
    for groups in person.memberships(asked):
        for reading in readings(country, policies, doses, infections, member):
            for product in possible_products(country, doses, reading):
                for born in births:
                    yield plan(country, day, doses, reading, product, infections, born, groups)


def next_dose(country, history, day):
    """Say which dose is next on a day, in every way of settling what the history leaves open."""
    found = []
    for one in plans(country, history, day):
        found.append(one)
        if one["status"] != found[0]["status"]:
            return {"status": "ambiguous"}
    products = set.intersection(*(set(one["products"]) for one in found))
    if found[0]["products"] and not products:
        return {"status": "ambiguous"}

    def cautious(name, choose):
        return choose((one[name] for one in found if one.get(name)), default=None)

    accesses = [ACCESS.index(one["access"]) for one in found if "access" in one]
    return {
        "status": found[0]["status"],
        "dose": max(one["dose"] for one in found),
        "earliest": cautious("earliest", max),
        "recommended": cautious("recommended", max),
        "latest": cautious("latest", min),
        "products": tuple(sorted(products)),
        "offers": tuple({name for one in found for name in one.get("offers", ())}),
        "access": ACCESS[max(accesses)] if accesses else None,
        "invite": all(one["invite"] for one in found),
    }
