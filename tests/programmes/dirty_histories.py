"""Histories as bad registers have them, by the seed of a random generator."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

_PRODUCTS = ["Comirnaty"] * 6 + [
    "EU/1/20/1528", "Pfizer", "Spikevax", "Moderna", "EU/1/20/1507", "Vaxzevria", "AstraZeneca",
    "Janssen", "EU/1/20/1525", "Nuvaxovid", "Commirnaty", "Covishield", "Sputnik-V", "CoronaVac",
    "xyz", None,
]  # fmt: skip
_NUMBERS = [None, (1, 2), (2, 2), (1, 1), (2, 1), (3, 3), (4, 4), (3, 1), (1, 3), (2, 3), (5, 5)]
_GROUPS = [
    "care-home", "home-care", "staff", "special-risk", "relatives", "high-risk",
    "severe-immunosuppression", "pregnant", "opt-in-vector", "cannot-be-tested", "carehome",
]  # fmt: skip
_BEGINNING = date(2020, 12, 27)


def _day(draw: Random, low: date = _BEGINNING, days: int = 800) -> date:
    return low + timedelta(days=draw.randrange(days))


def _birth(draw: Random) -> str | None:
    chance = draw.random()
    if chance < 0.05:
        return None
    born = date(1925, 1, 1) + timedelta(days=draw.randrange(35_400))
    if draw.random() < 0.02:
        born = date(draw.choice([1932, 1960, 1984, 2004, 2008]), 2, 29)
    if chance < 0.09:
        return f"{born:%Y}"
    if chance < 0.13:
        return f"{born:%Y-%m}"
    return born.isoformat()


def _course(draw: Random) -> list[dict[str, Any]]:
    """Doses as they should be: a course, then boosters."""
    found: list[dict[str, Any]] = []
    day = _day(draw, days=500)
    single = draw.random() < 0.07
    product = (
        "Janssen" if single else draw.choice(["Comirnaty", "Comirnaty", "Moderna", "AstraZeneca"])
    )
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
            product = "Comirnaty"
    return found


def _stray(draw: Random) -> dict[str, Any]:
    one: dict[str, Any] = {"date": _day(draw).isoformat()}
    product = draw.choice(_PRODUCTS)
    if product is not None:
        one["product"] = product
    number = draw.choice(_NUMBERS)
    if number is not None:
        one |= {"dose_number": number[0], "doses": number[1]}
    if draw.random() < 0.05:
        one["disease"] = draw.choice(["840539006", "6142004"])
    return one


def _spoiled(draw: Random, doses: list[dict[str, Any]]) -> list[dict[str, Any]]:
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
            found.append({**one, "product": draw.choice(["Spikevax", "Commirnaty", "Covishield"])})
        elif chance < 0.26:
            found.append({**one, "dose_number": 2, "doses": 1})
    if found and draw.random() < 0.2:
        draw.choice(found)["product"] = draw.choice(["Commirnaty", "Covishield", "xyz"])
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


def dirty_history(draw: Random) -> dict[str, Any]:
    """Return a history's JSON; nearly every kind of dirt is in a tenth of them."""
    doses = [] if draw.random() < 0.1 else _course(draw)
    if draw.random() < 0.3:
        doses += [_stray(draw) for _ in range(draw.randrange(1, 4))]
    if draw.random() < 0.5:
        doses = _spoiled(draw, doses)
    draw.shuffle(doses)
    history: dict[str, Any] = {"vaccinations": doses}
    born = _birth(draw)
    if born is not None:
        history["birth_date"] = born
    if draw.random() < 0.85:
        count = draw.choice([0, 0, 0, 1, 1, 2])
        history["groups"] = draw.sample(_GROUPS, count)
    if draw.random() < 0.1:
        history["sector"] = "business"
    if draw.random() < 0.4:
        history["tests"] = [_test(draw) for _ in range(draw.randrange(1, 5))]
    if draw.random() < 0.25:
        history["infections"] = [_infection(draw) for _ in range(draw.randrange(1, 3))]
    return history


def _test(draw: Random) -> dict[str, Any]:
    at = datetime(2021, 1, 1, tzinfo=UTC) + timedelta(minutes=draw.randrange(900_000))
    one = {
        "kind": draw.choice(["naat", "rat"]),
        "sampled_at": at.isoformat(),
        "result": draw.choice(["positive", "negative", "negative", "inconclusive"]),
    }
    if draw.random() < 0.05:
        one["disease"] = "6142004"
    if draw.random() < 0.2:
        one["uvci"] = "01:DK:T"
    return one


def _infection(draw: Random) -> dict[str, Any]:
    one = {"first_positive": _day(draw).isoformat()}
    if draw.random() < 0.2:
        one["proof"] = "rat"
    if draw.random() < 0.05:
        one["disease"] = "6142004"
    if draw.random() < 0.2:
        one["uvci"] = "01:DK:I"
    return one


def day_asked(draw: Random) -> date:
    """Return a day of the programme; one in twenty lies outside it."""
    if draw.random() < 0.05:
        return _day(draw, date(2020, 11, 1), 2200)
    return _day(draw, days=760)


def moment_asked(draw: Random) -> datetime:
    """Return an instant of the time of the pass, often a local midnight of Denmark."""
    at = datetime(2021, 3, 1, tzinfo=UTC) + timedelta(minutes=draw.randrange(610_000))
    if draw.random() < 0.4:
        at = at.replace(hour=draw.choice([22, 23]), minute=0)
    return at
