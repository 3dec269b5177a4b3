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
            "uvci": row.get("uvci"),
        }

    def joined(self, statements):
        """Join the statements of one dose: of one day, or of one identifier and number.

        Then those of days that follow each other, with one product and number: probably one.
        """
        parts = [[one] for one in statements]

        def join(same):
            again = True
            while again:
                again = False
                for one, other in itertools.combinations(range(len(parts)), 2):
                    if any(same(a, b) for a in parts[one] for b in parts[other]):
                        parts[one] += parts.pop(other)
                        again = True
                        break

        join(
            lambda a, b: a["day"] == b["day"]
            or (
                a["uvci"] is not None
                and a["uvci"] == b["uvci"]
                and (a["numbers"] == b["numbers"] or None in (a["numbers"], b["numbers"]))
            )
        )
        sure = [list(part) for part in parts]
        join(
            lambda a, b: abs(a["day"] - b["day"]) == DAY
            and a["product"] == b["product"]
            and a["product"] is not None
            and a["numbers"] == b["numbers"]
            and a["numbers"] is not None
        )
        doses = []
        for part in parts:
            days = sorted({one["day"] for one in part})
            products = {one["product"] for one in part} - {None}
            numbers = {one["numbers"] for one in part} - {None}
            doses.append(
                {
                    "day": days[0],
                    "products": products or {None},
                    "numbers": numbers or {None},
                    "probably": part not in sure,
                    "disputed": len(days) > 1 or len(products) > 1 or len(numbers) > 1,
                }
            )
        return sorted(doses, key=lambda dose: dose["day"])

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
                }
            )
        return found

    def read_infections(self, history):
        """Every positive test is an infection of its own, beside those that are stated."""
        found = []
        for row in history.get("infections", []):
            if row.get("disease", self.country.disease) == self.country.disease:
                day = date.fromisoformat(row["first_positive"])
                proof = KINDS[plain(row.get("proof", "naat"))]
                at = self.country.clock.midnight(day)
                found.append({"day": day, "proof": proof, "known": at})
        for test in self.tests:
            if test["positive"]:
                day = self.country.clock.local(test["at"]).date()
                found.append({"day": day, "proof": test["kind"], "known": test["at"]})
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
        """Return each set of these groups that the person may belong to."""
        known = self.groups or set()
        if self.groups is not None and not self.strange:
            return [known]
        asked = sorted(set(words) - known)
        return [
            known | set(some)
            for count in range(len(asked) + 1)
            for some in itertools.combinations(asked, count)
        ]


# -- readings --------------------------------------------------------------------------------------

COMPLETE = ("primary", "single", "recovered", "extra", "booster")


def readings(country, policies, doses, infections, member):
    """Return every reading of the doses: tuples of (stage, product code or None) in their order.

    `member` says whether the person belongs to the group that gets an extra dose: True, False or
    `OPEN`.
    """
    found = [()]
    for dose in doses:
        longer = []
        for before in found:
            for product in sorted(dose["products"], key=str):
                for numbers in sorted(dose["numbers"], key=str):
                    for stage in stages(
                        country, policies, doses, before, dose, product, numbers, infections, member
                    ):
                        step = (*before, (stage, product, numbers))
                        if step not in longer:
                            longer.append(step)
        found = longer
    return [one for one in found if consistent(country, doses, one, found)]


def consistent(country, doses, reading, all_readings):
    """A later 2/2 makes the 1/1 before it a first dose, where that is open."""
    for place, (stage, product, numbers) in enumerate(reading):
        if stage != "recovered" or numbers != (1, 1):
            continue
        rest = [step for step in reading[place + 1 :] if step[0] != "uncounted"]
        if rest and rest[0][2] == (2, 2):
            firsts = [one for one in all_readings if one[place][0] == "first"]
            if firsts:
                return False
    return True


def stages(country, policies, doses, before, dose, product, numbers, infections, member):
    """Return what a dose can be, after the doses before it were read."""
    if product is None or (product not in country.products and product not in KNOWN):
        # a missing product, or a word that nobody knows: it may count
        counted = counted_stages(
            country, policies, doses, before, dose, None, numbers, infections, member
        )
        return [*counted, "uncounted"]
    if product not in country.products:
        return ["uncounted"]
    return counted_stages(
        country, policies, doses, before, dose, product, numbers, infections, member
    )


def policy(policies, name, default):
    row = policies.get(name)
    if row is None:
        return default
    if row["is"] != "ambiguous":
        return [row["is"]]
    if name in ("one_dose_recovered", "dose_after_infection"):
        return ["first", "recovered"]
    return ["primary", "booster"]


def counted_stages(country, policies, doses, before, dose, product, numbers, infections, member):
    lengths = country.lengths(product, dose["day"]) if product else None
    counted = [
        (step, doses[place]) for place, step in enumerate(before) if step[0] != "uncounted"
    ]
    reached = counted[-1][0][0] if counted else None
    last = counted[-1] if counted else None

    def started():
        """A first dose, or the only one of somebody who had recovered."""
        row = policies.get("dose_after_infection")
        if row is None:
            return ["first"]
        kinds = row.get("kinds", ["naat"])
        for one in infections:
            if one["proof"] in kinds:
                earliest = (
                    later_day(one["day"], row["at_least"])
                    if "at_least" in row
                    else one["day"] + DAY
                )
                if dose["day"] >= earliest:
                    return policy(policies, "dose_after_infection", ["first"])
        return ["first"]

    def after_course():
        """A booster, or an extra dose of the course."""
        row = policies.get("extra_dose")
        if row is None or reached in ("extra", "booster"):
            return ["booster"]
        if member is False:
            return ["booster"]
        if last is None:
            return ["booster", "extra"]
        if member is True:
            if dose["day"] <= later_day(last[1]["day"], row["within"]):
                return ["extra"]
            return ["booster"]
        if dose["day"] >= later_day(last[1]["day"], row["booster_from"]):
            return ["booster"]
        return ["booster", "extra"]

    def second_product():
        then = policy(policies, "single_then_other", ["booster"])
        if reached == "recovered":
            then = policy(policies, "recovered_then_other", then)
        return then

    if numbers is None:
        if reached in (None, "first"):
            count = len(counted) + 1
            if reached is None:
                if lengths == {1}:
                    return ["single"]
                return started()
            if lengths and count < min(lengths):
                return ["first"]
            return ["primary"]
        if reached == "single" and last[0][1] == product:
            return after_course()
        if reached in ("single", "recovered"):
            return second_product()
        return after_course()
    number, of = numbers
    if number < of:
        return started() if number == 1 else ["first"]
    if number == of == 1:
        if lengths and 1 in lengths:
            return ["single"]
        return policy(policies, "one_dose_recovered", ["first"])
    if number == of == 2:
        if lengths == {1}:
            return after_course()
        if reached == "single" and last[0][1] != product:
            return second_product()
        if reached == "recovered":
            if policies["one_dose_recovered"]["is"] == "ambiguous":
                return ["primary"]
            return second_product()
        return ["primary"]
    if number == of:
        if lengths and of in lengths and reached not in COMPLETE:
            return ["primary"]
        return after_course()
    if (number, of) == (2, 1):
        return policy(policies, "two_of_one", after_course())
    return after_course()


# -- evidence --------------------------------------------------------------------------------------


def applies(row, place, region, sector):
    if "places" in row and place not in row["places"]:
        return False
    if "regions" in row and region not in row["regions"]:
        return False
    if "sectors" in row and sector not in row["sectors"]:
        return False
    return place not in row.get("except_places", []) and region not in row.get(
        "except_regions", []
    )


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
        return (
            audience["reached"]["from"] <= reached <= audience["reached"].get("until", "9")
        )
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
            if step[0] not in rule["stages"]:
                continue
            if "products" in rule and step[1] not in self.country.codes(rule["products"]):
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
                if step[0] != "uncounted" and dose["day"] < day
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
        for test in self.events["tests"]:
            if not test["positive"] or test["kind"] not in row.get("kinds", ["naat", "rat"]):
                continue
            local = self.clock.local(test["at"]).date()
            end = self.clock.after(self.clock.midnight(local), row["lasts"])
            if test["kind"] in row.get("lifted_for", []):
                for other in self.events["tests"]:
                    if (
                        other["positive"] is False
                        and other["kind"] in row.get("lifted_by", [])
                        and other["at"] > test["at"]
                    ):
                        end = min(end, other["at"])
            if test["at"] <= at < end:
                return True
        return False

    def is_exempt(self, at, place, region):
        day = self.clock.local(at).date()
        if self.born is not None and day < self.born:
            return False
        below = self.revision["exempt_below"]
        if below is not None and young_enough(self.born, day, below):
            return True
        if set(self.revision["exempt_groups"]) & self.groups:
            return True
        for name in self.revision["exemptions"]:
            row = self.country.exemptions.get(name)
            if row is None or not applies(row, place, region, self.person.sector):
                continue
            if self.born is None and any(
                limit in row["of"] for limit in ("age_from", "age_below", "born")
            ):
                continue
            if is_among(row["of"], self.born, day, self.groups):
                return True
        return False

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
    extra = revision["readings"].get("extra_dose")
    asked = set(revision["exempt_groups"]) if person.strange else set()
    for name in revision["exemptions"]:
        row = country.exemptions.get(name)
        if row is not None and person.strange:
            asked |= set(row["of"].get("groups", [])) | set(row["of"].get("except_groups", []))
    found = []
    for groups in person.memberships(asked):
        member = False
        if extra is not None:
            member = extra["group"] in groups
            if not member and (person.groups is None or person.strange):
                member = OPEN
        for reading in readings(
            country, revision["readings"], events["doses"], events["infections"], member
        ):
            for born in person.births:
                found.append(Case(person, events, reading, born, groups, revision, clock))
    return found


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
        stages_of = {case.reading[number][0] for case in found}
        if len(stages_of) > 1:
            open_doses[number + 1] = stages_of
    return {
        "valid": one_answer(valid for valid, _, _ in answers),
        "exempt": one_answer(exempt for _, exempt, _ in answers),
        "suspended": one_answer(suspended for _, _, suspended in answers),
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


def plan(country, day, doses, reading, infections, born, groups):
    """Say which dose is next for a person with everything settled."""
    counted = [(dose, step) for dose, step in zip(doses, reading) if step[0] != "uncounted"]
    number = 0
    for dose, step in counted:
        number = max(number + 1, step[2][0] if step[2] else 0)
    reached = counted[-1][1][0] if counted else "nothing"
    last = counted[-1][0]["day"] if counted else None
    had = {step[1] for _, step in counted}
    previous = counted[-1][1][1] if counted else None
    candidates = []
    for offer in country.offers:
        if not stands(offer, day) or reached not in offer["after"] or "why" in offer:
            continue
        if "previous" in offer and previous not in country.codes(offer["previous"]):
            continue
        if "had" in offer and not had & country.codes(offer["had"]):
            continue
        if "dose" in offer and number + 1 not in offer["dose"]:
            continue
        if "last_dose_from" in offer and not (
            last and last.isoformat() >= offer["last_dose_from"]
        ):
            continue
        if "last_dose_until" in offer and not (
            last and last.isoformat() < offer["last_dose_until"]
        ):
            continue
        answer = offered(country, day, offer, number + 1, last, reached, infections, born, groups)
        if answer is not None:
            candidates.append(answer)
    best = []
    for status in ("due", "eligible", "too-early"):
        best = [one for one in candidates if one["status"] == status]
        if best:
            break
    if not best:
        return {"status": "not-offered", "dose": number + 1, "products": (), "invite": False}
    first = min(best, key=lambda one: one["earliest"] or date.min)
    return {
        "status": first["status"],
        "dose": number + 1,
        "earliest": first["earliest"],
        "recommended": first["recommended"],
        "latest": first["latest"],
        "products": tuple(sorted({code for one in best for code in one["products"]})),
        "offers": tuple(one["offer"] for one in best),
        "access": first["access"],
        "invite": any(one["invite"] for one in candidates),
    }


def offered(country, day, offer, number, last, reached, infections, born, groups):
    """Say when one offer's dose is given to a person; None where it is not."""
    audiences = offer.get("to", [{}])
    grown = None  # the birthday that makes the person old enough
    if not any(is_among(one, born, day, groups) for one in audiences):
        if born is None:
            return None
        days = [
            birthday(born, one["age_from"])
            for one in audiences
            if "age_from" in one
            and birthday(born, one["age_from"]) > day
            and is_among(one, born, birthday(born, one["age_from"]), groups)
        ]
        days = [one for one in days if stands(offer, one)]
        if not days:
            return None
        grown = min(days)
    products = [country.code(word) for word in offer["products"]]
    if not offer.get("free_of_limits"):
        products = [
            code
            for code in products
            if not any(
                stands(limit, day)
                and code in country.codes([limit["product"]])
                and (
                    "age_below" not in limit
                    or young_enough(born, grown or day, limit["age_below"])
                )
                for limit in country.limits
            )
        ]
    if not products:
        return None
    after = {
        name: later_day(last, offer[name]) if last and name in offer else None
        for name in ("earliest", "recommended", "latest")
    }
    waits = [
        later_day(one["day"], wait["lasts"])
        for wait in country.waits
        if stands(wait, day)
        and reached in wait.get("after", [reached])
        and ("products" not in wait or country.codes(wait["products"]) & set(products))
        and ("age_from" not in wait or old_enough(born, day, wait["age_from"]))
        and ("age_below" not in wait or young_enough(born, day, wait["age_below"]))
        for one in infections
    ]
    bounds = [one for one in (after["earliest"], grown, *waits) if one]
    without = max(bounds, default=None)
    if "opens" in offer:
        bounds.append(date.fromisoformat(offer["opens"]))
    earliest = max(bounds, default=None)
    recommended = after["recommended"]
    if recommended and earliest:
        recommended = max(recommended, earliest)
    if earliest and day < earliest:
        status = "too-early"
    elif recommended is None or day < recommended:
        status = "eligible"
    else:
        status = "due"
    access = offer.get("access", "invitation")
    invite = access == "invitation" and (
        status != "too-early"
        or (
            "opens" in offer
            and day.isoformat() < offer["opens"]
            and (without is None or without.isoformat() <= offer["opens"])
        )
    )
    return {
        "offer": offer["id"],
        "status": status,
        "earliest": earliest,
        "recommended": recommended,
        "latest": after["latest"],
        "products": products,
        "access": access,
        "invite": invite,
    }


def plans(country, history, day):
    """Return the plan of each way of settling what the history leaves open."""
    person = Person(country, history)
    end = country.clock.midnight(day + DAY) - timedelta(microseconds=1)
    events = person.known_at(end)
    revision = country.revision(end)
    policies = revision["readings"] if revision else country.document["readings"]
    extra = policies.get("extra_dose")
    asked = {extra["group"]} if extra else set()
    for offer in country.offers:
        if stands(offer, day):
            for one in offer.get("to", []):
                asked |= set(one.get("groups", [])) | set(one.get("except_groups", []))
    births = person.births
    if births == [None]:
        births = [later_month(day, -12 * age) for age in range(18, 100)]
    found = []
    for groups in person.memberships(asked):
        member = extra is not None and extra["group"] in groups
        for reading in readings(
            country, policies, events["doses"], events["infections"], member
        ):
            for born in births:
                one = plan(
                    country, day, events["doses"], reading, events["infections"], born, groups
                )
                if one not in found:
                    found.append(one)
    return found


def next_dose(country, history, day):
    found = plans(country, history, day)
    first = found[0]
    if any(
        (one["status"], one["dose"], one["products"])
        != (first["status"], first["dose"], first["products"])
        for one in found
    ):
        return {"status": "ambiguous"}

    def cautious(name, choose):
        days = [one.get(name) for one in found]
        days = [one for one in days if one]
        return choose(days) if days else None

    return first | {
        "earliest": cautious("earliest", max),
        "recommended": cautious("recommended", max),
        "latest": cautious("latest", min),
        "invite": all(one["invite"] for one in found),
    }
