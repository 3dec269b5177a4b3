"""A made-up country's programme: the parts of the format that the bundled ones do not use."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from programme_cases import DENMARK, dose, history, infected, sampled

from coronapas.programmes import Programme, check, diff, is_valid, lint, load, timeline
from coronapas.programmes._clock import layers, union
from coronapas.programmes._course import distinct
from coronapas.programmes._evidence import Person, shared_by_all, views
from coronapas.programmes._plan import Planner

ATHENS = ZoneInfo("Europe/Athens")
SAID: dict[str, Any] = {"source": "an order", "confidence": "S"}


def programme(**changes: Any) -> Programme:
    """Two products, each with its own rule; minors have longer; tests for adults only."""
    document: dict[str, Any] = {
        "id": "arcadia",
        "title": "Arcadia",
        "time_zone": "Europe/Athens",
        "reckoning": "local",
        "products": [
            {"code": "EU/1/20/1528", "name": "Comirnaty"},
            {"code": "Arcavax", "name": "Arcavax", "doses": [3]},
        ],
        "readings": {
            "single_then_other": {"is": "booster", **SAID},
            "one_dose_recovered": {"is": "first", **SAID},
        },
        "rules": [
            {"id": "test", "evidence": "test", "kinds": ["naat"], "from": {"hours": 1},
             "age_from": 18, **SAID},
            {"id": "minor-test", "evidence": "test", "kinds": ["naat"], "from": {"hours": 1},
             "until": {"hours": 100}, "age_below": 18, **SAID},
            {"id": "ill", "evidence": "recovery", "kinds": ["naat", "rat"], "from": {"days": 0},
             "until": {"days": 20}, "last_day_counts": True, **SAID},
            {"id": "own", "evidence": "vaccination", "stages": ["primary"], "from": {"days": 3},
             "until": {"days": 50}, "products": ["Arcavax"], **SAID},
            {"id": "other", "evidence": "vaccination", "stages": ["primary"], "from": {"days": 0},
             "until": {"days": 200}, "products": ["Comirnaty"], **SAID},
        ],
        "suspensions": [{"id": "none", "kinds": [], "lasts": {"days": 3}, **SAID}],
        "revisions": [
            {"id": "start", "from": "2021-01-01", "title": "Start", "tests": ["test", "minor-test"],
             "recoveries": ["ill"], "vaccinations": ["own", "other"], "suspension": "none", **SAID},
        ],
    }  # fmt: skip
    return load({**document, **changes})


ARCADIA = programme()


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ATHENS)


def test_products_can_have_rules_of_their_own() -> None:
    shots = [dose(f"2021-0{month}-01", f"{month}/3", "Arcavax") for month in (1, 2, 3)]
    own = history(*shots)
    assert is_valid(ARCADIA, own, at("2021-03-03T23:59")) is False
    assert is_valid(ARCADIA, own, at("2021-03-04")) is True
    # Over the change of the clock the day still ends at midnight on the wall.
    assert is_valid(ARCADIA, own, at("2021-04-19T23:59")) is True
    assert is_valid(ARCADIA, own, at("2021-04-20")) is False
    assert is_valid(ARCADIA, history(dose("2021-03-01", "2/2")), at("2021-04-20")) is True
    assert lint(ARCADIA) == ()


def test_a_three_dose_product_without_numbers_is_counted_to_three() -> None:
    shots = [dose(f"2021-0{month}-01", None, "Arcavax") for month in (1, 2, 3)]
    assert is_valid(ARCADIA, history(*shots), at("2021-03-10")) is True
    assert is_valid(ARCADIA, history(*shots[:2]), at("2021-03-10")) is False


def test_a_policy_can_refuse_one_dose_after_recovery_and_take_a_second_product_as_a_booster() -> (
    None
):
    one = history(dose("2021-05-01", "1/1"))
    assert check(ARCADIA, one, at("2021-06-01")).ambiguous == ()
    assert is_valid(ARCADIA, one, at("2021-06-01")) is False


def test_tests_may_begin_late_have_no_end_and_go_by_age() -> None:
    person = history(sampled("2021-05-01T10:00", "naat"))
    assert is_valid(ARCADIA, person, at("2021-05-01T11:59")) is False
    assert is_valid(ARCADIA, person, at("2021-05-01T12:00")) is True
    assert is_valid(ARCADIA, person, at("2025-05-01T12:00")) is True
    child = history(sampled("2021-05-01T10:00", "naat"), born=date(2010, 1, 1))
    assert is_valid(ARCADIA, child, at("2021-05-10T12:00")) is False
    turning = history(sampled("2021-05-01T10:00", "naat"), born=date(2003, 6, 1))
    assert is_valid(ARCADIA, turning, at("2021-05-31T23:59")) is False
    assert is_valid(ARCADIA, turning, at("2021-06-01")) is True
    unknown = history(sampled("2021-05-01T10:00", "naat"), born=None)
    assert is_valid(ARCADIA, unknown, at("2022-05-01T12:00")) is True


def test_an_infection_that_counts_at_once_counts_from_the_sample() -> None:
    person = history(sampled("2021-05-01T10:00", "rat", positive=True))
    assert is_valid(ARCADIA, person, at("2021-05-01T10:59")) is False
    assert is_valid(ARCADIA, person, at("2021-05-01T11:00")) is True
    assert timeline(ARCADIA, person).at(at("2021-05-01T10:59")) is False
    stated = history(infected("2021-05-01"))
    assert is_valid(ARCADIA, stated, at("2021-05-01")) is True
    assert is_valid(ARCADIA, stated, at("2021-05-21T23:59")) is True
    assert is_valid(ARCADIA, stated, at("2021-05-22")) is False


def test_a_suspension_of_no_kind_of_test_suspends_nothing() -> None:
    person = history(dose("2021-03-01", "2/2"), sampled("2021-05-01T10:00", "naat", positive=True))
    assert is_valid(ARCADIA, person, at("2021-05-02")) is True


def test_an_answer_with_many_lapsed_tests_names_the_latest() -> None:
    tests = [
        sampled(f"2021-{month:02}-{day:02}T08:00", "naat")
        for month in (4, 5)
        for day in range(1, 26)
    ]
    answer = check(DENMARK, history(*tests), at("2021-06-10"))
    lapsed = [reason for reason in answer.reasons if reason.code == "lapsed"]
    assert len(lapsed) == 21
    assert lapsed[-1].text == "30 earlier pieces of evidence have lapsed too."
    assert "test 50" in lapsed[0].text


def test_products_sectors_and_nothing_are_said_in_words() -> None:
    words = " ".join(str(change) for change in diff(ARCADIA, date(2020, 12, 31), date(2021, 1, 1)))
    assert "products Arcavax" in words
    assert "from 1 hour after sampling, without end, 18 years of age and over" in words
    assert "below 18 years of age" in words
    rule = {"id": "ill", "evidence": "recovery", "kinds": ["naat"], "from": {"days": 0}, **SAID}
    start = {"id": "start", "from": "2021-01-01", "title": "Start", "recoveries": ["ill"], **SAID}
    sectors = programme(rules=[{**rule, "sectors": ["business"]}], revisions=[start])
    words = " ".join(str(change) for change in diff(sectors, date(2020, 12, 31), date(2021, 1, 1)))
    assert "in the sector business" in words


def test_no_repr_of_a_part_shows_dates() -> None:
    shared = shared_by_all(DENMARK, DENMARK.revisions[0], distinct(DENMARK, history()), [])
    assert shared == ()
    ill = distinct(DENMARK, history(sampled("2021-05-01T10:00", "rat", positive=True)))
    (common,) = shared_by_all(DENMARK, DENMARK.revisions[0], ill, [Person(date(1990, 1, 1))])
    (view,) = views(DENMARK, DENMARK.revisions[0], ill, [()], [Person(None)], [common])
    (plan, *_) = Planner(DENMARK, date(2021, 7, 1)).plans(history())[0]
    parts = [common, view, common.suspensions[0], plan, timeline(DENMARK, history()).validity[0]]
    assert all("datetime" not in repr(part) for part in parts)


def test_spans_that_touch_are_one_and_empty_ones_vanish() -> None:
    one, two, three = at("2021-01-01"), at("2021-01-02"), at("2021-01-03")
    assert union([(two, three), (one, two), (one, one)]) == [(one, three)]
    assert layers([], []) == []


def test_a_document_without_readings_or_revisions_is_told_apart() -> None:
    assert programme(revisions=[]).revision_at(at("2021-06-01")) is None
    findings = lint(programme(revisions=[]))
    assert {one.code for one in findings} == {"unused"}
    assert {one.row for one in findings} == {"test", "minor-test", "ill", "own", "other", "none"}
