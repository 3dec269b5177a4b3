"""A second, slow engine, to be compared with the library.

It was written from the documentation, and goes by ``docs/explanation/how-a-history-is-read.md``
where numbers and dates leave something open. Every question is asked anew for every reading of the
doses, every birth date, every product of the last dose and every membership that the history leaves
open; nothing is kept, and nothing of the library is imported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, timedelta

from slow_history import DAY, Country, Person, Row, birthday, later_day, later_month
from slow_readings import COMPLETE, Member, Reading, counts, readings

_NOBODY_KNOWS: list[date | None] = [None]

# -- evidence --------------------------------------------------------------------------------------


def applies(row: Row, place: str | None, region: str | None, sector: str | None) -> bool:
    if "places" in row and place not in row["places"]:
        return False
    if "regions" in row and region not in row["regions"]:
        return False
    if "sectors" in row and sector not in row["sectors"]:
        return False
    return place not in row.get("except_places", []) and region not in row.get("except_regions", [])


def old_enough(born: date | None, day: date, age: int | Row) -> bool:
    """An unknown birth date is an adult's."""
    return True if born is None else day >= birthday(born, age)


def young_enough(born: date | None, day: date, age: int | Row) -> bool:
    return False if born is None else day < birthday(born, age)


def is_among(audience: Row, born: date | None, day: date, groups: set[str]) -> bool:
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
        if not audience["reached"]["from"] <= reached <= audience["reached"].get("until", "9"):
            return False
    return True


_EVIDENCE = ("tests", "recoveries", "vaccinations")


class Case:
    """A person with everything settled: a reading of the doses, a birth date, the groups."""

    def __init__(
        self,
        person: Person,
        events: dict[str, list[Row]],
        reading: Reading,
        born: date | None,
        revision: Row,
    ) -> None:
        self.person, self.events, self.reading = person, events, reading
        self.born, self.revision = born, revision
        # nobody is exempt by a group that is not known
        self.groups = person.groups or set()
        self.country = person.country
        self.clock = person.country.clock

    def evidence(
        self, at: datetime, place: str | None, region: str | None
    ) -> list[tuple[str, str]]:
        """Return what counts at an instant, as (kind of evidence, rule)."""
        return [piece for rule in self.rules() for piece in self.by_rule(rule, at, place, region)]

    def rules(self) -> list[Row]:
        names = [name for kind in _EVIDENCE for name in self.revision[kind]]
        return [self.country.rules[name] for name in names if name in self.country.rules]

    def counted_in_two_ways(self, at: datetime, place: str | None, region: str | None) -> bool:
        """Say whether the end of something that counts depends on how months are counted."""
        if self.country.other is None:
            return False
        for rule in self.rules():
            if rule["evidence"] == "test" or not rule.get("until", {}).get("months"):
                continue
            if "age_below" in rule or not applies(rule, place, region, self.person.sector):
                continue
            day = self.clock.local(at).date()
            if "age_from" in rule and not old_enough(self.born, day, rule["age_from"]):
                continue
            for start in self.accepted(rule):
                first, last = self.clock.bounds(rule, start)
                other = self.country.other.bounds(rule, start)[1]
                if last and other and last != other and first <= at < max(last, other):
                    return True
        return False

    def by_rule(
        self, rule: Row, at: datetime, place: str | None, region: str | None
    ) -> list[tuple[str, str]]:
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
        for start in self.accepted(rule):
            first, last = self.clock.bounds(rule, start)
            if first <= at and (last is None or at < last):
                found.append((rule["evidence"], rule["id"]))
        return found

    def accepted(self, rule: Row) -> Iterator[datetime]:
        """Yield the start and the place of each event of which a rule speaks."""
        if rule["evidence"] == "test":
            for test in self.events["tests"]:
                if test["positive"] is False and test["kind"] in rule["kinds"]:
                    yield test["at"]
            return
        if rule["evidence"] == "recovery":
            for one in self.events["infections"]:
                if one["proof"] not in rule["kinds"]:
                    continue
                if one["day"].isoformat() < rule.get("proved_from", ""):
                    continue
                if "preceded_by" in rule and not self.preceded(rule["preceded_by"], one["day"]):
                    continue
                yield self.clock.midnight(one["day"])
            return
        for dose, step in zip(self.events["doses"], self.reading, strict=True):
            if step not in rule["stages"]:
                continue
            if "products" in rule and not (
                len(dose["products"]) == 1
                and dose["products"] <= self.country.codes(rule["products"])
            ):
                continue
            if "preceded_by" in rule and not self.preceded(rule["preceded_by"], dose["day"]):
                continue
            yield self.clock.midnight(dose["day"])

    def preceded(self, wanted: Row, day: date) -> bool:
        if wanted["event"] == "dose":
            # the last dose that counts
            days = [
                dose["day"]
                for dose, step in zip(self.events["doses"], self.reading, strict=True)
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

    def is_suspended(self, at: datetime) -> bool:
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

    def is_exempt(self, at: datetime, place: str | None, region: str | None) -> bool:
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

    def is_young(self, day: date, age: int | Row) -> bool:
        """From birth until the age is reached; nobody of an unknown birth date is."""
        return self.born is not None and self.born <= day and young_enough(self.born, day, age)

    def answer(
        self, at: datetime, place: str | None, region: str | None
    ) -> tuple[bool, bool, bool]:
        """Return (valid, exempt, suspended)."""
        exempt = self.is_exempt(at, place, region)
        suspended = self.is_suspended(at)
        if exempt:
            return True, True, suspended
        if suspended:
            return False, False, True
        holds = self.evidence(at, place, region)
        return bool(holds), False, False


def cases(person: Person, at: datetime) -> list[Case]:
    """Return every way of settling what a history leaves open, by the rules of an instant."""
    revision = person.country.revision(at)
    if revision is None:
        return []
    events = person.known_at(at)
    policies = revision["readings"]
    member = extra_dose_member(person, policies)
    return [
        Case(person, events, reading, born, revision)
        for reading in readings(
            person.country, policies, events["doses"], events["infections"], member
        )
        for born in person.births or _NOBODY_KNOWS
    ]


def extra_dose_member(person: Person, policies: Row) -> Member:
    row = policies.get("extra_dose")
    if row is None or row["group"] in (person.groups or set()):
        return row is not None
    return "open" if person.groups is None or person.strange else False


def one_answer(answers: Iterable[bool]) -> bool | None:
    answers = set(answers)
    return answers.pop() if len(answers) == 1 else None


def requirement(
    country: Country, revision: Row, place: str | None, region: str | None, sector: str | None
) -> str:
    for name in revision["requirements"]:
        row = country.requirements.get(name)
        if row is not None and applies(row, place, region, sector):
            return str(row["is"])
    return str(revision["places"].get(place, revision["requirement"]))


def check(
    country: Country,
    history: Row,
    at: datetime,
    place: str | None = None,
    region: str | None = None,
) -> Row:
    """Judge a history at an instant."""
    person = Person(country, history)
    revision = country.revision(at)
    if revision is None:
        return {"valid": False, "revision": None, "exempt": False, "suspended": False}
    found = cases(person, at)
    answers = [case.answer(at, place, region) for case in found]
    holding = set()
    for case in found:
        holding |= set(case.evidence(at, place, region))
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
        "oddities": oddities(person, person.known_at(at)),
        "two ways": any(case.counted_in_two_ways(at, place, region) for case in found),
        "open": open_doses,
    }


def frozen(
    country: Country,
    history: Row,
    at: datetime,
    moments: list[datetime],
    place: str | None = None,
    region: str | None = None,
) -> list[bool | None]:
    """Answer at other moments by the rules in force at a check and the events known then."""
    person = Person(country, history)
    found = cases(person, at)
    return [
        one_answer(case.answer(moment, place, region)[0] for case in found) for moment in moments
    ]


ODDITIES = {"product", "group", "contradiction", "probably-same", "disputed"}
"""What is said about a history whatever the answer."""


def oddities(person: Person, events: dict[str, list[Row]]) -> set[str]:
    """Say what is odd about a history: what nobody knows, and what contradicts itself."""
    country, doses = person.country, events["doses"]
    found = set()
    if person.strange and country.groups:
        found.add("group")
    for dose in doses:
        recognised = counts(country, dose)
        (product, *others) = dose["products"]
        if recognised is False or (recognised is None and product is not None and not others):
            found.add("product")
        if dose["probably"]:
            found.add("probably-same")
        if dose["disputed"]:
            found.add("disputed")
    numbers = [max((one[0] for one in dose["numbers"] if one), default=None) for dose in doses]
    for place in range(1, len(doses)):
        one, other = numbers[place - 1], numbers[place]
        if one is not None and other is not None and other != one + 1:
            found.add("contradiction")
        if (doses[place]["day"] - doses[place - 1]["day"]).days < 14:
            found.add("contradiction")
    if person.births:
        born = person.births[0]
        days = [dose["day"] for dose in doses] + [one["day"] for one in events["infections"]]
        days += [country.clock.local(test["at"]).date() for test in events["tests"]]
        if any(day < born for day in days):
            found.add("contradiction")
    return found


# -- the schedule ----------------------------------------------------------------------------------


def stands(row: Row, day: date) -> bool:
    return bool(row["from"] <= day.isoformat() < row.get("until", "9"))


UNDATED = {"earliest": None, "recommended": None, "latest": None}
ACCESS = ["invitation", "referral", "own-initiative", "opt-in"]


def plan(
    country: Country,
    day: date,
    doses: list[Row],
    reading: Reading,
    product: str | None,
    infections: list[Row],
    born: date,
    groups: set[str],
) -> Row:
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


def member_since(offer: Row, born: date, day: date, groups: set[str]) -> date | None:
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


def offered(
    country: Country,
    day: date,
    offer: Row,
    last: date | None,
    newest: date | None,
    reached: str,
    infections: list[Row],
    born: date,
    groups: set[str],
) -> list[Row]:
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
    found: list[Row] = []
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


def is_limited(country: Country, code: str, day: date, born: date) -> bool:
    """Say whether a product is not given today to somebody of this age."""
    return any(
        stands(limit, day)
        and code in country.codes([limit["product"]])
        and ("age_below" not in limit or young_enough(born, day, limit["age_below"]))
        for limit in country.limits
    )


def waits(
    country: Country, day: date, code: str, reached: str, infections: list[Row], born: date
) -> Iterator[date]:
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


def possible_products(country: Country, doses: list[Row], reading: Reading) -> list[str | None]:
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


def turning_days(country: Country, day: date, first: date, last: date) -> list[date]:
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


def plans(country: Country, history: Row, day: date) -> Iterator[Row]:
    """Yield the plan of each way of settling what the history leaves open."""
    person = Person(country, history)
    end = country.clock.midnight(day + DAY) - timedelta(microseconds=1)
    events = person.known_at(end)
    revision = country.revision(end)
    policies = revision["readings"] if revision else country.document["readings"]
    # of an unknown birth date every adult's; nobody is taken to have a birthday on the day itself
    births = person.births or [date(1850, 1, 1), later_month(day, -19 * 12) + DAY]
    if births[0] != births[-1]:
        births = turning_days(country, day, births[0], births[-1])
    member = extra_dose_member(person, policies)
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
                    one = plan(country, day, doses, reading, product, infections, born, groups)
                    # the days are those of the first and the last birth date
                    yield one | ({} if born in (births[0], births[-1]) else UNDATED)


def next_dose(country: Country, history: Row, day: date) -> Row:
    """Say which dose is next on a day, and whether to invite the person to it."""
    person = Person(country, history)
    end = country.clock.midnight(day + DAY) - timedelta(microseconds=1)
    events = person.known_at(end)
    # other tests than positive ones play no part in the schedule
    events["tests"] = [test for test in events["tests"] if test["positive"]]
    return one_plan(plans(country, history, day)) | {"oddities": oddities(person, events)}


def one_plan(settled: Iterable[Row]) -> Row:
    """Put the plans of all readings into one."""
    found: list[Row] = []
    for one in settled:
        found.append(one)
        if one["status"] != found[0]["status"]:
            return {"status": "ambiguous", "invitation": "to look at"}
    products = set.intersection(*(set(one["products"]) for one in found))
    if found[0]["products"] and not products:
        return {"status": "ambiguous", "invitation": "to look at"}

    def cautious(name: str, choose: Callable[..., date | None]) -> date | None:
        return choose((one[name] for one in found if one.get(name)), default=None)

    accesses = [ACCESS.index(one["access"]) for one in found if "access" in one]
    return {
        "status": found[0]["status"],
        "dose": max(one["dose"] for one in found),
        "earliest": cautious("earliest", max),
        "recommended": cautious("recommended", max),
        "latest": cautious("latest", min),
        "products": products,
        "offers": {name for one in found for name in one.get("offers", ())},
        "access": ACCESS[max(accesses)] if accesses else None,
        "invitation": "invited" if all(one["invite"] for one in found) else None,
    }
