"""The engine against a second, slow one, on histories as bad registers have them.

A small fixed sample runs with every test. ``CORONAPAS_ORACLE_HISTORIES=100000`` (`make oracle`)
asks about as many as one likes.
"""

from __future__ import annotations

import os
from datetime import date
from random import Random
from typing import Any

import pytest
from dirty_histories import day_asked, dirty_history, moment_asked
from slow_engine import Slow

from coronapas.facts import History
from coronapas.programmes import Programme, is_valid, load, next_dose

HISTORIES = int(os.environ.get("CORONAPAS_ORACLE_HISTORIES", "600"))
SHARE = 200
"""Histories of one seed: a failure names the seed, and is found again by it."""


def differences(programme: Programme, slow: Slow, draw: Random) -> list[tuple[str, Any, Any, Any]]:
    """Ask both engines about one history; return what they say differently."""
    document = dirty_history(draw)
    history = History.from_json(document)
    on, at = day_asked(draw), moment_asked(draw)
    found: list[tuple[str, Any, Any, Any]] = []
    expected = slow.next(document, on)
    answer = next_dose(programme, history, on)
    said: dict[str, Any] = {"status": str(answer.status)}
    if said["status"] != "ambiguous":
        said |= {
            "dose": answer.dose,
            "earliest": answer.earliest,
            "recommended": answer.recommended,
            "latest": answer.latest,
            "products": set(answer.products),
        }
    if said != expected:
        found.append((f"next on {on}", document, said, expected))
    valid, right = is_valid(programme, history, at), slow.valid(document, at)
    if valid is not right:
        found.append((f"valid at {at}", document, valid, right))
    return found


@pytest.mark.parametrize("seed", range(-(-HISTORIES // SHARE)))
@pytest.mark.parametrize("name", ["denmark", "eu-travel"])
def test_the_slow_engine_agrees_on_dirty_histories(name: str, seed: int) -> None:
    programme, slow, draw = load(name), Slow(name), Random(seed)
    found = []
    for _ in range(min(SHARE, HISTORIES - seed * SHARE)):
        found += differences(programme, slow, draw)
    assert not found, found[0]


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
