"""Histories as bad registers have them, by the seed of a random generator."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

_NUMBERS = [None, (1, 2), (2, 2), (1, 1), (2, 1), (3, 3), (4, 4), (3, 1), (1, 3), (2, 3), (5, 5)]
_BEGINNING = date(2020, 12, 27)


@dataclass(frozen=True)
class World:
    """The words that the histories of one programme use, and the time they lie in.

    `begun` are the products of a course in good order, `single` that of one dose, `products` those
    of stray doses, None among them for an unknown one. Doses lie within `days` of `beginning`,
    births within `ages` days of `oldest`; checks are made within `minutes` of `opening`.
    """

    begun: tuple[str, ...]
    single: str
    later: str
    products: tuple[str | None, ...]
    spoiled: tuple[str, ...]
    groups: tuple[str, ...]
    diseases: tuple[str, ...] = ("840539006", "6142004")
    sectors: tuple[str, ...] = ("business",)
    places: tuple[str | None, ...] = (None,)
    regions: tuple[str | None, ...] = (None,)
    beginning: date = _BEGINNING
    days: int = 800
    oldest: date = date(1925, 1, 1)
    ages: int = 35_400
    opening: datetime = datetime(2021, 3, 1, tzinfo=UTC)
    minutes: int = 610_000


DENMARK = World(
    ("Comirnaty", "Comirnaty", "Moderna", "AstraZeneca"),
    "Janssen",
    "Comirnaty",
    (
        *["Comirnaty"] * 6, "EU/1/20/1528", "Pfizer", "Spikevax", "Moderna", "EU/1/20/1507",
        "Vaxzevria", "AstraZeneca", "Janssen", "EU/1/20/1525", "Nuvaxovid", "Commirnaty",
        "Covishield", "Sputnik-V", "CoronaVac", "xyz", None,
    ),
    ("Commirnaty", "Covishield", "xyz"),
    (
        "care-home", "home-care", "staff", "special-risk", "relatives", "high-risk",
        "severe-immunosuppression", "pregnant", "opt-in-vector", "cannot-be-tested", "carehome",
    ),
    places=(None, None, "library", "museum", "restaurant", "nightclub"),
)  # fmt: skip

EU = World(
    DENMARK.begun, DENMARK.single, DENMARK.later, DENMARK.products, DENMARK.spoiled, ("staff",),
    opening=datetime(2021, 6, 1, tzinfo=UTC), minutes=1_150_000,
)  # fmt: skip

GERMANY = World(
    (*DENMARK.begun, "Comirnaty for children"),
    "Janssen",
    "Spikevax, half a dose",
    (*DENMARK.products, "Comirnaty 10 µg", "Spikevax 50 µg", "Janssen", "Janssen"),
    DENMARK.spoiled,
    ("pupil", "care-home", "staff", "pregnant", "Pupil"),
    places=(None, "3g", "transport-work", "2g", "2g-restaurant", "2g-plus", "2g-plus"),
    regions=(None, "bavaria"),
    opening=datetime(2021, 5, 1, tzinfo=UTC),
    minutes=520_000,
)

YELLOW_FEVER = World(
    ("MMR", "Priorix", "M-M-RvaxPro"),
    "Stamaril",
    "ProQuad",
    (*["Stamaril"] * 4, *["MMR"] * 4, "Priorix", "ProQuad", "Comirnaty", "Stamarill", "xyz", None),
    ("Stamarill", "Priorixx", "Comirnaty"),
    (
        "traveller", "cannot-be-vaccinated", "immune-to-measles", "measles-staff",
        "early-childcare", "travellers",
    ),
    ("16541001", "14189004", "840539006"),
    places=(None, "kindergarten", "school", "health-facility"),
    regions=(None, "saudi-arabia", "egypt"),
    beginning=date(2024, 9, 1),
    oldest=date(1960, 1, 1),
    ages=24_000,
    opening=datetime(2025, 12, 20, tzinfo=UTC),
    minutes=700_000,
)  # fmt: skip

WORLDS = {
    "denmark": DENMARK,
    "eu-travel": EU,
    "germany": GERMANY,
    "yellow-fever-measles": YELLOW_FEVER,
}


def _day(draw: Random, low: date = _BEGINNING, days: int = 800) -> date:
    return low + timedelta(days=draw.randrange(days))


def _birth(draw: Random, world: World) -> str | None:
    chance = draw.random()
    if chance < 0.05:
        return None
    born = world.oldest + timedelta(days=draw.randrange(world.ages))
    if draw.random() < 0.02:
        born = date(draw.choice([1932, 1960, 1984, 2004, 2008, 2024]), 2, 29)
    elif draw.random() < 0.1:
        born = _day(draw, world.beginning - timedelta(days=365), 900)
    if chance < 0.09:
        return f"{born:%Y}"
    if chance < 0.13:
        return f"{born:%Y-%m}"
    return born.isoformat()


def _course(draw: Random, world: World) -> list[dict[str, Any]]:
    """Doses as they should be: a course, then boosters."""
    found: list[dict[str, Any]] = []
    day = _day(draw, world.beginning, 500)
    single = draw.random() < (0.07 if world.beginning == _BEGINNING else 0.4)
    product = world.single if single else draw.choice(world.begun)
    for place in range(1, draw.choice([1, 2, 2, 3, 3, 3, 4]) + 1):
        if single:
            number = (place, 1) if draw.random() < 0.5 else (place, place)
        else:
            number = (place, max(place, 2))
        one: dict[str, Any] = {"date": day.isoformat(), "product": product}
        if draw.random() < 0.9:
            one |= {"dose_number": number[0], "doses": number[1]}
        found.append(one)
        short = place == 1 and not single
        day += timedelta(days=draw.randrange(18, 60) if short else draw.randrange(90, 260))
        if draw.random() < 0.3:
            product = world.later
    return found


def _stray(draw: Random, world: World) -> dict[str, Any]:
    one: dict[str, Any] = {"date": _day(draw, world.beginning, world.days).isoformat()}
    product = draw.choice(world.products)
    if product is not None:
        one["product"] = product
    number = draw.choice(_NUMBERS)
    if number is not None:
        one |= {"dose_number": number[0], "doses": number[1]}
    if draw.random() < 0.05:
        one["disease"] = draw.choice(world.diseases)
    return one


def _spoiled(draw: Random, world: World, doses: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Repeat, shift, contradict and blur what is stated."""
    found = [dict(one) for one in doses]
    for one in doses:
        chance = draw.random()
        if chance < 0.08:
            found.append(dict(one))
        elif chance < 0.16:
            day = date.fromisoformat(one["date"]) + timedelta(days=draw.choice([-1, 1, 1, 2]))
            found.append({**one, "date": day.isoformat()})
        elif chance < 0.22:
            found.append({**one, "product": draw.choice((world.later, *world.spoiled))})
        elif chance < 0.26:
            found.append({**one, "dose_number": 2, "doses": 1})
    if found and draw.random() < 0.2:
        draw.choice(found)["product"] = draw.choice(world.spoiled)
    if found and draw.random() < 0.1:
        draw.choice(found).pop("product", None)
    if found and draw.random() < 0.05:
        early = date(draw.choice([1930, 2019]), 5, 5)
        found.append({**found[0], "date": early.isoformat()})
    if draw.random() < 0.3:
        for one in found:
            if draw.random() < 0.5:
                one["uvci"] = draw.choice(["URN:UVCI:01:DK:A", "urn:uvci:01:dk:a#X", "01:DK:B"])
    return found


def dirty_history(draw: Random, world: World = DENMARK) -> dict[str, Any]:
    """Return a history's JSON; nearly every kind of dirt is in a tenth of them."""
    doses = [] if draw.random() < 0.1 else _course(draw, world)
    if draw.random() < 0.3:
        doses += [_stray(draw, world) for _ in range(draw.randrange(1, 4))]
    if draw.random() < 0.5:
        doses = _spoiled(draw, world, doses)
    draw.shuffle(doses)
    history: dict[str, Any] = {"vaccinations": doses}
    born = _birth(draw, world)
    if born is not None:
        history["birth_date"] = born
    if draw.random() < 0.85:
        count = draw.choice([0, 0, 0, 1, 1, 2])
        history["groups"] = draw.sample(world.groups, min(count, len(world.groups)))
    if draw.random() < 0.1:
        history["sector"] = draw.choice(world.sectors)
    if draw.random() < 0.4:
        history["tests"] = [_test(draw, world) for _ in range(draw.randrange(1, 5))]
    if draw.random() < 0.25:
        history["infections"] = [_infection(draw, world) for _ in range(draw.randrange(1, 3))]
    return history


def _test(draw: Random, world: World) -> dict[str, Any]:
    at = world.opening - timedelta(days=60) + timedelta(minutes=draw.randrange(900_000))
    one = {
        "kind": draw.choice(["naat", "rat"]),
        "sampled_at": at.isoformat(),
        "result": draw.choice(["positive", "negative", "negative", "inconclusive"]),
    }
    if draw.random() < 0.05:
        one["disease"] = draw.choice(world.diseases)
    if draw.random() < 0.2:
        one["uvci"] = "01:DK:T"
    return one


def _infection(draw: Random, world: World) -> dict[str, Any]:
    one = {"first_positive": _day(draw, world.beginning, world.days).isoformat()}
    if draw.random() < 0.2:
        one["proof"] = "rat"
    if draw.random() < 0.05:
        one["disease"] = draw.choice(world.diseases)
    if draw.random() < 0.2:
        one["uvci"] = "01:DK:I"
    return one


def day_asked(draw: Random, world: World = DENMARK) -> date:
    """Return a day of the programme; one in twenty lies outside it."""
    if draw.random() < 0.05:
        return _day(draw, world.beginning - timedelta(days=60), 2200)
    return _day(draw, world.beginning, world.days - 40)


def moment_asked(draw: Random, world: World = DENMARK) -> datetime:
    """Return an instant of the time of the pass, often a local midnight of Denmark."""
    at = world.opening + timedelta(minutes=draw.randrange(world.minutes))
    if draw.random() < 0.4:
        at = at.replace(hour=draw.choice([22, 23]), minute=0)
    return at
