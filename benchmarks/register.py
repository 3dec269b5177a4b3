"""A made-up register: histories by the million, for measuring and for trying programmes out.

The same seed gives the same register. The people are invented and the shares are rough: they follow
no statistics.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

from coronapas.facts import (
    Dose,
    History,
    Infection,
    Tested,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_PRODUCTS = ("EU/1/20/1528", "EU/1/20/1528", "EU/1/20/1528", "EU/1/20/1507", "EU/1/21/1529")
_JANSSEN = "EU/1/20/1525"
_NOBODY: frozenset[str] = frozenset()
_GROUPS = (
    frozenset({"care-home"}),
    frozenset({"staff"}),
    frozenset({"high-risk"}),
    frozenset({"severe-immunosuppression"}),
)


def made_up_register(
    rows: int, seed: int = 1, *, tests: bool = False
) -> Iterator[tuple[int, History]]:
    """Yield rows of (id, history), one after the other.

    Doses lie between 2020-12-27 and autumn 2022; with `tests` some have tests of the same time.
    """
    draw = Random(seed)
    for key in range(rows):
        yield key, _history(draw, tests=tests)


def _history(draw: Random, *, tests: bool) -> History:
    chance = draw.random()
    born = date(1920, 1, 1) + timedelta(days=int(draw.random() * 36_000))
    groups = _NOBODY if chance < 0.9 else _GROUPS[int(draw.random() * len(_GROUPS))]
    infections: tuple[Infection, ...] = ()
    if draw.random() < 0.1:
        day = date(2020, 12, 1) + timedelta(days=int(draw.random() * 500))
        infections = (Infection(day),)
    sampled = tuple(_test(draw) for _ in range(int(draw.random() * 4))) if tests else ()
    return History(born, _doses(draw), sampled, infections, None, groups)


def _doses(draw: Random) -> tuple[Dose, ...]:
    if draw.random() < 0.15:
        return ()
    day = date(2020, 12, 27) + timedelta(days=int(draw.random() * 270))
    if draw.random() < 0.03:
        return (Dose(day, _JANSSEN, 1, 1),)
    product = _PRODUCTS[int(draw.random() * len(_PRODUCTS))]
    first = Dose(day, product, 1, 2)
    if draw.random() < 0.1:
        return (first,)
    day += timedelta(days=21 + int(draw.random() * 25))
    if product == "EU/1/21/1529":
        day, product = day + timedelta(days=60), "EU/1/20/1528"
    second = Dose(day, product, 2, 2)
    if draw.random() < 0.4:
        return (first, second)
    return (first, second, Dose(day + timedelta(days=140 + int(draw.random() * 90)), product, 3, 3))


def _test(draw: Random) -> Tested:
    moment = datetime(2021, 1, 1, tzinfo=UTC) + timedelta(minutes=int(draw.random() * 500_000))
    return Tested("naat" if draw.random() < 0.5 else "rat", moment, draw.random() < 0.1)
