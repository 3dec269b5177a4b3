"""What each dose is read as, and what settles the readings."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from programme_cases import COMIRNATY, DENMARK, EU, dose, history, infected, local, sampled

from coronapas.facts import (
    Dose,
    History,
    Holder,
    PassFacts,
    Recovery,
    Test,
    TestKind,
    TestResult,
    Vaccination,
)
from coronapas.programmes import Programme, check, is_valid
from coronapas.programmes._course import MOST_WORLDS, distinct, read_course

NONE = frozenset[str]()
IMMUNE = frozenset({"severe-immunosuppression"})


def read(
    doses: list[Dose],
    groups: frozenset[str] | None = NONE,
    programme: Programme = DENMARK,
    infection: bool = False,
) -> list[str]:
    """Each dose's readings, as one word."""
    events = [*doses, infected("2020-12-28")] if infection else doses
    one = history(*events, groups=groups)
    worlds = read_course(programme, distinct(programme, one), groups).worlds
    return ["|".join(sorted(set(stages))) for stages in zip(*worlds, strict=True)]


def course(*rows: tuple[str, str | None, str | None]) -> list[Dose]:
    return [dose(when, numbers, product) for when, numbers, product in rows]


C, M, J, A = "Comirnaty", "Moderna", "Janssen", "AstraZeneca"


@pytest.mark.parametrize(
    ("doses", "groups", "words"),
    [
        ([("2021-01-05", "1/2", C)], NONE, ["first"]),
        ([("2021-01-05", "1/2", C), ("2021-02-05", "2/2", M)], NONE, ["first", "primary"]),
        ([("2021-02-05", "2/2", M)], NONE, ["primary"]),
        ([("2021-05-05", "1/1", J)], NONE, ["single"]),
        ([("2021-05-05", "2/2", J)], NONE, ["booster"]),
        ([("2021-05-05", "1/1", J), ("2021-12-05", "2/1", M)], NONE, ["single", "booster"]),
        ([("2021-05-05", "1/1", J), ("2021-12-05", "2/2", M)], NONE, ["single", "booster|primary"]),
        ([("2021-05-05", "1/1", C)], NONE, ["first|recovered"]),
        ([("2021-05-05", "1/1", C), ("2021-06-09", "2/2", C)], NONE, ["first", "primary"]),
        ([("2021-01-05", "1/2", C), ("2021-02-09", "1/1", M)], NONE, ["first", "primary"]),
        ([("2021-12-05", "3/3", M)], NONE, ["booster"]),
        ([("2021-12-05", "3/3", M)], None, ["booster|extra"]),
        ([("2021-12-05", "3/3", M)], IMMUNE, ["extra"]),
        ([("2021-12-05", "4/4", M)], None, ["booster|extra"]),
        ([("2021-12-05", "3/2", M)], None, ["booster"]),
        ([("2021-12-05", "3/1", M)], None, ["booster"]),
        ([("2021-01-05", "2/2", C), ("2021-05-24", "3/3", C)], None, ["primary", "booster|extra"]),
        ([("2021-01-05", "2/2", C), ("2021-05-25", "3/3", C)], None, ["primary", "booster"]),
        ([("2021-01-05", "2/2", C), ("2021-09-05", "3/3", C)], IMMUNE, ["primary", "extra"]),
        ([("2021-01-05", "2/2", C), ("2021-10-05", "3/3", C)], IMMUNE, ["primary", "booster"]),
        (
            [("2021-01-05", "2/2", C), ("2021-09-05", "3/3", C), ("2022-01-05", "4/4", C)],
            IMMUNE,
            ["primary", "extra", "booster"],
        ),
        ([("2021-02-05", "2/2", "Sputnik V")], NONE, ["uncounted"]),
        ([("2021-02-05", "2/2", "Covishield")], NONE, ["uncounted"]),
        ([("2021-02-05", "2/2", "Unheard-of")], NONE, ["primary|uncounted"]),
        ([("2021-02-05", "1/2", "Commirnaty")], NONE, ["first|uncounted"]),
        ([("2021-02-05", "2/2", None)], NONE, ["primary|uncounted"]),
        ([("2021-02-05", "1/1", None)], NONE, ["first|recovered|single|uncounted"]),
        ([("2021-01-05", "2/2", C), ("2021-08-05", "1/1", J)], NONE, ["primary", "booster|single"]),
        (
            [("2021-01-05", "2/2", C), ("2021-08-05", "1/1", M)],
            NONE,
            ["primary", "booster|primary"],
        ),
        (
            [("2021-01-05", "2/2", C), ("2021-08-05", "2/2", M)],
            NONE,
            ["primary", "booster|primary"],
        ),
        ([("2021-05-05", "1/1", J), ("2021-09-05", "1/2", M)], NONE, ["single", "first"]),
        # without numbers: counted by their order
        ([("2021-01-05", None, C)], NONE, ["first"]),
        ([("2021-01-05", None, A), ("2021-04-05", None, C)], NONE, ["first", "primary"]),
        ([("2021-01-05", None, J)], NONE, ["single"]),
        ([("2021-01-05", None, C), ("2021-04-05", None, J)], NONE, ["first", "single"]),
        ([("2021-01-05", None, J), ("2021-09-05", None, J)], NONE, ["single", "booster"]),
        ([("2021-01-05", None, J), ("2021-09-05", None, C)], NONE, ["single", "booster|primary"]),
        ([("2021-01-05", None, None)], NONE, ["first|single|uncounted"]),
        (
            [("2021-01-05", None, C), ("2021-02-05", None, C), ("2021-08-05", None, C)],
            None,
            ["first", "primary", "booster"],
        ),
        ([("2022-11-05", None, C), ("2022-12-05", None, C)], NONE, ["first", "first|primary"]),
        ([("2023-12-05", None, M)], NONE, ["first|single"]),
    ],
)
def test_doses_are_read_by_number_product_order_and_group(
    doses: list[tuple[str, str | None, str | None]],
    groups: frozenset[str] | None,
    words: list[str],
) -> None:
    assert read(course(*doses), groups) == words


def test_a_programme_decides_how_one_dose_after_recovery_is_read() -> None:
    assert read(course(("2021-05-05", "1/1", C)), programme=EU) == ["recovered"]
    assert read(course(("2021-05-05", None, C)), programme=EU, infection=True) == ["recovered"]
    assert read(course(("2021-05-05", None, C)), programme=EU) == ["first"]
    positive = history(sampled("2021-01-05T10:00", "naat", positive=True), dose("2021-05-05"))
    assert read_course(EU, distinct(EU, positive), None).worlds == (("recovered",),)


def test_a_programme_without_extra_doses_reads_three_of_three_as_a_booster() -> None:
    assert read(course(("2021-12-05", "3/3", M)), None, EU) == ["booster"]


@pytest.mark.parametrize("groups", [NONE, IMMUNE, None], ids=str)
@pytest.mark.parametrize("numbers", [(2, None), (None, 2)])
def test_half_of_a_dose_s_numbers_says_nothing(
    numbers: tuple[int | None, int | None], groups: frozenset[str] | None
) -> None:
    before = course(("2021-01-05", "1/2", COMIRNATY), ("2021-02-05", "2/2", COMIRNATY))
    for product in (COMIRNATY, C):  # a code alone is read a quicker way than a name
        half, neither = (Dose(date(2021, 6, 5), product, *each) for each in (numbers, (None, None)))
        for first in ([], before):
            assert read([*first, half], groups) == read([*first, neither], groups)


def test_an_ambiguous_dose_names_its_readings_and_what_would_settle_them() -> None:
    mixed = history(dose("2021-05-05", "1/1", J), dose("2021-12-05", "2/2", M))
    answer = check(DENMARK, mixed, local("2022-06-01"))
    (found,) = check(DENMARK, mixed, local("2022-01-20")).ambiguous
    assert answer.valid is False
    assert found.dose == 2
    assert found.to_json()["readings"].keys() == {"booster", "primary"}
    assert any("2/1" in text for text in found.settled_by)
    assert "single_then_other" in {
        mark.row for mark in check(DENMARK, mixed, local("2022-01-20")).marks
    }


def test_too_many_readings_are_no_answer() -> None:
    unknown = [Dose(dose(f"2021-0{month}-01").date) for month in range(1, 9)]
    one = history(*unknown)
    events = distinct(DENMARK, one)
    course_read = read_course(DENMARK, events, None)
    assert course_read.too_many
    assert len(course_read.worlds) == MOST_WORLDS
    answer = check(DENMARK, one, local("2021-10-01"))
    assert answer.valid is None
    assert any("Too many" in reason.text for reason in answer.reasons)


def test_the_same_dose_in_two_passes_is_one_dose() -> None:
    holder = Holder("Eksempel", "Ida", datetime(1980, 5, 1, tzinfo=UTC).date())
    shot = Vaccination("EU/1/20/1528", 2, 2, dose("2021-06-01").date)
    renamed = Vaccination("Comirnaty", 2, 2, dose("2021-06-01").date)
    passes = [
        PassFacts(holder, shot, "Example", "URN:UVCI:01:DK:ABC#X"),
        PassFacts(holder, renamed, "Example", "urn:uvci:01:dk:abc"),
    ]
    one = History.from_passes(passes)
    assert len(one.doses) == 2
    (joined,) = distinct(DENMARK, one).doses
    assert joined.product == "EU/1/20/1528"
    assert not joined.disputed


def test_one_identifier_with_two_days_is_one_disputed_dose() -> None:
    first = Dose(dose("2021-06-01").date, C, 2, 2, "URN:UVCI:01:DK:ABC")
    second = Dose(dose("2021-06-03").date, C, 2, 2, "01:DK:abc#Q")
    (joined,) = distinct(DENMARK, history(first, second)).doses
    assert joined.date == first.date
    assert joined.disputed
    answer = check(DENMARK, history(first, second), local("2021-10-01"))
    assert "disputed" in {reason.code for reason in answer.reasons}


def test_one_identifier_on_doses_of_two_numbers_stays_two_doses() -> None:
    shared = "URN:UVCI:01:DK:ABC"
    doses = [
        Dose(dose("2021-05-01").date, C, 1, 2, shared),
        Dose(dose("2021-06-03").date, C, 2, 2, shared),
    ]
    assert len(distinct(DENMARK, history(*doses)).doses) == 2


def test_products_that_sources_disagree_on_are_unknown() -> None:
    doses = [Dose(dose("2021-05-01").date, C), Dose(dose("2021-05-01").date, M)]
    (joined,) = distinct(DENMARK, history(*doses)).doses
    assert joined.product is None
    assert joined.disputed


def test_tests_and_infections_are_joined_by_content_and_identifier() -> None:
    tests = [
        sampled("2021-06-01T10:00", "naat"),
        sampled("2021-06-02T10:00", "naat"),
        sampled("2021-06-02T10:00", "rat"),
    ]
    named = [
        type(tests[0])("naat", local("2021-06-01T10:00"), False, "01:DK:T1"),
        type(tests[0])("naat", local("2021-06-01T11:00"), False, "URN:UVCI:01:DK:T1#8"),
    ]
    assert len(distinct(DENMARK, history(*tests, *named)).tests) == 3
    ill = [
        infected("2021-06-01"),
        type(infected("2021-06-01"))(infected("2021-06-01").first_positive, uvci="a"),
    ]
    again = type(ill[0])(infected("2021-07-01").first_positive, uvci="A")
    assert len(distinct(DENMARK, history(*ill)).infections) == 1
    assert len(distinct(DENMARK, history(*ill, again)).infections) == 1
    assert len(distinct(DENMARK, history(*ill, infected("2021-08-01"))).infections) == 2


def test_a_history_is_made_of_a_register_s_facts() -> None:
    facts = (
        Vaccination(C, 2, 2, dose("2021-06-01").date),
        Test(TestKind.NAAT, local("2021-07-01"), TestResult.NOT_DETECTED),
        Test("RAT", local("2021-07-02"), "detected"),
        Test("breath", local("2021-07-03"), "unclear"),
        Recovery(dose("2021-01-01").date, dose("2021-01-12").date, dose("2021-06-30").date),
    )
    one = History.from_facts(*facts, birth_date=None, sector="business", groups=["staff"])
    assert [(test.kind, test.positive) for test in one.tests] == [
        ("naat", False),
        ("rat", True),
        ("breath", None),
    ]
    assert len(one.doses) == len(one.infections) == 1
    assert (one.sector, one.groups) == ("business", frozenset({"staff"}))
    assert is_valid(DENMARK, one, local("2021-07-04")) is False


def test_a_test_without_a_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        history(type(sampled("2021-01-01", "naat"))("naat", datetime(2021, 1, 1), False))
    with pytest.raises(ValueError, match="time zone"):
        check(DENMARK, history(), datetime(2021, 1, 1))
