"""The engine against a second, slow one, on histories as bad registers have them.

The slow engine (`slow_engine`) was written from the documentation. A small fixed sample runs with
every test. ``CORONAPAS_ORACLE_HISTORIES=100000`` (`make oracle`) asks about as many, in equal parts
for each programme and disease. Each failure names its seed, the question, and both answers.
"""

from __future__ import annotations

import itertools
import json
import os
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

import pytest
import slow_engine as slow
from dirty_histories import WORLDS, World, day_asked, dirty_history, moment_asked
from slow_history import DATA, Country

from coronapas.facts import History
from coronapas.programmes import (
    Invitation,
    Inviter,
    NextDose,
    Programme,
    Validity,
    check,
    is_valid,
    load,
    next_dose,
    timeline,
)

HISTORIES = int(os.environ.get("CORONAPAS_ORACLE_HISTORIES", "600"))
SHARE = 50
"""Histories of one seed: a failure names the seed, and is found again by it."""

PARTS = [
    ("denmark", None, 0.35),
    ("eu-travel", None, 0.2),
    ("germany", None, 0.25),
    ("yellow-fever-measles", "16541001", 0.1),
    ("yellow-fever-measles", "14189004", 0.1),
]
"""Each bundled programme and disease, and its part of the histories."""

QUESTIONS = [
    (name, disease, seed)
    for name, disease, part in PARTS
    for seed in range(-(-int(HISTORIES * part) // SHARE))
]

HEADS = {"single_then_other", "one_dose_recovered", "extra_dose", "other_reckoning"}
"""Rows that have no list of their own."""

INSTANT = timedelta(microseconds=1)
Found = list[tuple[str, Any, Any]]


class Comparison:
    """Both engines for one programme and disease; `found` is what they say differently."""

    def __init__(self, name: str, disease: str | None) -> None:
        document = json.loads((DATA / f"programmes/data/{name}.json").read_text("utf-8"))
        self.country = Country(document, disease)
        self.programme: Programme = load(name)
        if disease is not None:
            self.programme = self.programme.for_disease(disease)
        self.world: World = WORLDS[name]
        self.uncertain = _uncertain_rows(document)
        self.begun_earlier = {row["id"] for row in document["revisions"] if "earliest" in row}
        self.found: Found = []
        self.asked = 0

    def expect(self, question: str, said: Any, expected: Any) -> None:
        self.asked += 1
        if said != expected:
            self.found.append((question, said, expected))

    def ask(self, draw: Random) -> None:
        """Ask all questions about one history."""
        document = dirty_history(draw, self.world)
        on, at = day_asked(draw, self.world), moment_asked(draw, self.world)
        place, region = draw.choice(self.world.places), draw.choice(self.world.regions)
        deep = draw.random() < 0.1
        before = len(self.found)
        history = History.from_json(document)
        self.ask_check(document, history, at, place, region)
        self.ask_next(document, history, on)
        if deep:
            self.ask_timeline(draw, document, history, place, region)
        if len(self.found) > before:
            self.found.append((f"at {at}, {place}, {region}; on {on}", document, None))

    def ask_check(
        self,
        document: dict[str, Any],
        history: History,
        at: datetime,
        place: str | None,
        region: str | None,
    ) -> None:
        answer = check(self.programme, history, at, place=place, region=region)
        right = slow.check(self.country, document, at, place, region)
        self.expect("valid", answer.valid, right["valid"])
        self.expect(
            "is_valid",
            is_valid(self.programme, history, at, place=place, region=region),
            right["valid"],
        )
        self.expect("revision", answer.revision, right["revision"])
        if right["revision"] is None:
            return
        self.expect("exempt", answer.exempt, right["exempt"])
        self.expect("suspended", answer.suspended, right["suspended"])
        self.expect("requirement", str(answer.requirement), right["requirement"])
        holding = {(each.evidence.kind, each.rule.id) for each in answer.holdings}
        self.expect("holding", holding, right["holding"])
        readings = {each.dose: {str(stage) for stage in each.readings} for each in answer.ambiguous}
        self.expect("readings", readings, right["open"])
        codes = {reason.code for reason in answer.reasons}
        if not (answer.exempt or answer.suspended):
            self.expect("both ways of counting", "reckoning" in codes, right["two ways"])
        self.expect("oddities", codes & slow.ODDITIES, right["oddities"])
        rows = {rule for _, rule in right["holding"]} | {right["revision"]}
        self.ask_marks("marks of a check", answer, rows)
        self.ask_limits(document, answer, at, place, region)

    def ask_limits(
        self,
        document: dict[str, Any],
        answer: Validity,
        at: datetime,
        place: str | None,
        region: str | None,
    ) -> None:
        """From `since` until `until` the answer stays, and beyond them it is another one."""
        low, high = answer.since, answer.until
        first = low or at - timedelta(days=700)
        last = high or at + timedelta(days=20_000)
        inside = [first, last - INSTANT, *(at + (last - at) * part for part in (0.1, 0.35, 0.7))]
        outside = [low - INSTANT] if low else []
        outside += [high] if high else []
        right = slow.frozen(self.country, document, at, [*inside, *outside], place, region)
        self.expect("since, until", [answer.valid] * len(inside), right[: len(inside)])
        if answer.valid in right[len(inside) :]:
            self.expect("beyond since and until", answer.valid, right[len(inside) :])

    def ask_marks(self, question: str, answer: Validity | NextDose, rows: set[str]) -> None:
        """Every uncertain row that an answer rests on is marked, and no row that is certain."""
        marked = {mark.row for mark in answer.marks}
        self.expect(question, sorted((rows & self.uncertain) - marked), [])
        allowed = self.uncertain | HEADS | self.begun_earlier
        self.expect(f"{question}, of certain rows", sorted(marked - allowed), [])

    def ask_next(self, document: dict[str, Any], history: History, on: date) -> None:
        answer = next_dose(self.programme, history, on)
        right = slow.next_dose(self.country, document, on)
        self.expect("status", str(answer.status), right["status"])
        codes = {reason.code for reason in answer.reasons}
        self.expect("oddities of the next dose", codes & slow.ODDITIES, right["oddities"])
        invited = Inviter(self.programme, on).ask("one", history)
        state = None if invited is None else "to look at"
        state = "invited" if isinstance(invited, Invitation) else state
        self.expect("invitation", state, right["invitation"])
        if right["status"] == "ambiguous":
            return
        for name in ("dose", "earliest", "recommended", "latest"):
            self.expect(name, getattr(answer, name), right[name])
        self.expect("products", set(answer.products), right["products"])
        self.expect("access", answer.access and str(answer.access), right["access"])
        overdue = right["latest"] is not None and right["latest"] < on
        self.expect("overdue", answer.overdue, overdue)
        # of birth dates that tell nothing further the library names no rows
        self.expect("offers", sorted(set(answer.offers) - right["offers"]), [])
        self.ask_marks("marks of the next dose", answer, set(answer.offers))
        if isinstance(invited, Invitation):
            said = (invited.dose, invited.earliest, set(invited.products))
            expected = (right["dose"], right["earliest"], right["products"])
            self.expect("what one is invited to", said, expected)
            marks = {mark.row for mark in invited.marks}
            self.expect("mark of an invitation", marks, {invited.offer} & self.uncertain)

    def ask_timeline(
        self,
        draw: Random,
        document: dict[str, Any],
        history: History,
        place: str | None,
        region: str | None,
    ) -> None:
        """A timeline says at each instant what a check there says."""
        found = timeline(self.programme, history, place=place, region=region)
        bounds = [span.start for span in found.validity]
        moments = draw.sample(bounds, min(3, len(bounds)))
        moments += [moment - INSTANT for moment in moments]
        moments += [moment_asked(draw, self.world) for _ in range(3)]
        right = [
            slow.check(self.country, document, moment, place, region)["valid"] for moment in moments
        ]
        self.expect("timeline", [found.at(moment) for moment in moments], right)
        for one, other in itertools.pairwise(found.validity):
            self.expect("gap", one.end, other.start)


def _uncertain_rows(document: dict[str, Any]) -> set[str]:
    """Return the rows that are recalled or uncertain, or say what about them is."""
    schedule = document.get("schedule", {})
    rows = [
        row
        for part in (document, schedule)
        for value in part.values()
        if isinstance(value, list)
        for row in value
    ]
    return {
        row["id"]
        for row in rows
        if "id" in row and (row.get("confidence", "U") in "KU" or "uncertain" in row)
    }


@pytest.mark.parametrize(("name", "disease", "seed"), QUESTIONS)
def test_the_slow_engine_agrees_on_dirty_histories(
    name: str, disease: str | None, seed: int
) -> None:
    comparison, draw = Comparison(name, disease), Random(seed)
    for _ in range(SHARE):
        comparison.ask(draw)
    assert not comparison.found, comparison.found[:3]
    assert comparison.asked > 15 * SHARE


def test_the_histories_are_dirty() -> None:
    """The sample has what it is for: unknown products, partial births, doubles, every status."""
    draw = Random(1)
    programme = load("denmark")
    statuses, valid = set(), set()
    partial = unknown = doubled = 0
    for _ in range(400):
        document = dirty_history(draw)
        history = History.from_json(document)
        answer = next_dose(programme, history, day_asked(draw))
        statuses.add(str(answer.status))
        valid.add(is_valid(programme, history, moment_asked(draw)))
        codes = {reason.code for reason in answer.reasons}
        partial += len(document.get("birth_date", "")) in (4, 7)
        unknown += bool(codes & {"product", "group"})
        doubled += len({dose["date"] for dose in document["vaccinations"]}) < len(
            document["vaccinations"]
        )
    assert statuses == {"eligible", "due", "too-early", "not-offered", "ambiguous"}
    assert valid == {True, False, None}
    assert min(partial, unknown, doubled) > 20


@pytest.mark.parametrize("name", ["germany", "yellow-fever-measles"])
def test_the_histories_of_other_programmes_are_dirty(name: str) -> None:
    draw = Random(1)
    world, programme = WORLDS[name], load(name)
    valid, codes = set(), set()
    for _ in range(400):
        history = History.from_json(dirty_history(draw, world))
        place, region = draw.choice(world.places), draw.choice(world.regions)
        at = moment_asked(draw, world)
        answer = check(programme, history, at, place=place, region=region)
        valid.add(answer.valid)
        codes |= {reason.code for reason in answer.reasons}
    assert valid == {True, False, None}
    assert codes >= {"product", "group", "contradiction", "probably-same", "exempt", "ambiguous"}


def test_statements_of_one_infection_make_one_wait() -> None:
    """Found by the slow engine: two days under one identifier are one infection, the earlier."""
    document = {
        "birth_date": "1961-12-03",
        "groups": ["high-risk"],
        "vaccinations": [
            {"date": "2021-03-20", "product": "Moderna", "dose_number": 1, "doses": 2}
        ],
        "infections": [
            {"first_positive": "2021-04-28", "uvci": "01:DK:I"},
            {"first_positive": "2021-10-29", "uvci": "01:DK:I"},
        ],
    }
    found = next_dose(load("denmark"), History.from_json(document), date(2022, 9, 20))
    assert found.earliest == date(2021, 5, 28)


# What else the slow engine found.

COURSE = [
    {"date": "2021-01-05", "product": "Comirnaty", "dose_number": 1, "doses": 2},
    {"date": "2021-02-05", "product": "Comirnaty", "dose_number": 2, "doses": 2},
]


def one_dose(day: str, product: str | None, numbers: tuple[int, int] | None) -> dict[str, Any]:
    dose: dict[str, Any] = {"date": day}
    if product is not None:
        dose["product"] = product
    if numbers is not None:
        dose |= {"dose_number": numbers[0], "doses": numbers[1]}
    return dose


def person(*doses: dict[str, Any], **members: Any) -> History:
    base = {"birth_date": "1970-01-01", "groups": []}
    return History.from_json({**base, "vaccinations": list(doses), **members})


def readings_at(answer: Validity) -> dict[int, set[str]]:
    return {each.dose: {str(stage) for stage in each.readings} for each in answer.ambiguous}


NOON = datetime.fromisoformat("2021-08-01T12:00:00+00:00")


def test_numbers_that_sources_dispute_are_readings() -> None:
    one, two = (one_dose("2021-05-05", "Comirnaty", (place, 2)) for place in (1, 2))
    answer = check(load("denmark"), person(one, two), NOON)
    assert answer.valid is None
    assert readings_at(answer) == {1: {"first", "primary"}}
    assert readings_at(check(load("denmark"), person(one), NOON)) == {}


def test_a_booster_numbered_as_one_settles_the_number() -> None:
    janssen = one_dose("2021-04-05", "Janssen", (1, 1))
    both = [one_dose("2021-07-05", "Comirnaty", numbers) for numbers in ((2, 2), (2, 1))]
    assert readings_at(check(load("denmark"), person(janssen, both[0]), NOON))
    assert not readings_at(check(load("denmark"), person(janssen, *both), NOON))


def test_an_unknown_word_may_stand_for_the_group_with_extra_doses() -> None:
    third = one_dose("2021-05-05", "Comirnaty", (3, 3))
    for groups, readings in (
        (["carehome"], {3: {"extra", "booster"}}),
        (["care-home"], {}),
        (["carehome", "severe-immunosuppression"], {}),
    ):
        answer = check(load("denmark"), person(*COURSE, third, groups=groups), NOON)
        assert readings_at(answer) == readings


def test_a_dose_that_does_not_count_moves_no_interval() -> None:
    between = one_dose("2021-05-05", "Covishield", None)
    third = one_dose("2021-07-10", "Comirnaty", (3, 3))
    history = person(*COURSE, between, third)
    unknown = History(history.birth_date, history.doses, (), (), None, None)
    assert not readings_at(check(load("denmark"), unknown, NOON))


@pytest.mark.parametrize(
    ("products", "readings"),
    [
        (("Covishield", "CoronaVac"), {}),
        (("Comirnaty", "Covishield"), {1: {"first", "uncounted"}}),
        (("Comirnaty", "Spikevax"), {}),
        (("Comirnaty", "Janssen"), {1: {"first", "single"}}),
    ],
)
def test_disputed_products_are_read_by_what_they_have_in_common(
    products: tuple[str, str], readings: dict[int, set[str]]
) -> None:
    doses = [one_dose("2021-05-05", product, None) for product in products]
    answer = check(load("denmark"), person(*doses), NOON)
    assert readings_at(answer) == readings
    assert "disputed" in {reason.code for reason in answer.reasons}


def test_the_next_dose_is_open_where_the_last_product_is_disputed() -> None:
    doses = [one_dose("2021-08-05", product, (1, 2)) for product in ("Comirnaty", "Spikevax")]
    answer = next_dose(load("denmark"), person(*doses), date(2021, 10, 1))
    assert str(answer.status) == "ambiguous"
    assert "disputed" in {reason.code for reason in answer.reasons}
    # either product is followed by both of these
    third = [one_dose("2021-05-05", product, (1, 2)) for product in ("Vaxzevria", "Spikevax")]
    germany = next_dose(load("germany"), person(*third), date(2021, 10, 1))
    assert (str(germany.status), set(germany.product_names)) == ("due", {"Comirnaty", "Spikevax"})


def test_an_unknown_birth_date_is_asked_about_every_adult_age() -> None:
    """On that day those of 18 and of 100 were offered a first dose, and those of 33 were not."""
    anybody = History.from_json({"groups": []})
    answer = next_dose(load("denmark"), anybody, date(2021, 6, 12))
    assert str(answer.status) == "ambiguous"
    for born, status in (("2002-12-01", "eligible"), ("1988-01-01", "not-offered")):
        known = next_dose(load("denmark"), person(birth_date=born), date(2021, 6, 12))
        assert str(known.status) == status


@pytest.mark.parametrize(
    ("product", "valid"), [("Comirnaty", True), ("Covishield", False), ("Commirnaty", None)]
)
def test_only_a_dose_that_counts_comes_before_an_infection(
    product: str, valid: bool | None
) -> None:
    dose = one_dose("2021-06-05", product, (1, 2))
    infected = [{"first_positive": "2021-10-05"}]
    history = person(dose, infections=infected)
    germany = load("germany")
    at = datetime.fromisoformat("2022-03-25T12:00:00+00:00")
    assert check(germany, history, at, place="2g").valid is valid
    assert is_valid(germany, history, at, place="2g") is valid
    assert timeline(germany, history, place="2g").at(at) is valid


def test_an_exemption_by_a_group_has_no_beginning() -> None:
    exempt = person(*COURSE, groups=["cannot-be-tested"])
    answer = check(load("denmark"), exempt, NOON)
    assert (answer.exempt, answer.since, answer.until) == (True, None, None)


def test_an_unknown_product_after_an_infection_may_be_of_one_dose() -> None:
    dose = one_dose("2021-06-05", None, None)
    history = person(dose, infections=[{"first_positive": "2021-01-05"}])
    readings = readings_at(check(load("germany"), history, NOON))
    assert readings == {1: {"recovered", "single", "uncounted"}}
