"""Germany, 2021 to 2022: 3G, 2G, 2G plus, Johnson & Johnson, 90 days; each with its source."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from programme_cases import COMIRNATY, GERMANY, SPIKEVAX, day, dose, history, infected

from coronapas.facts import Dose, History, Infection, Tested
from coronapas.programmes import Status, check, diff, is_valid, lint, next_dose, timeline

BERLIN = ZoneInfo("Europe/Berlin")
TICK = timedelta(microseconds=1)
Event = Dose | Tested | Infection
COURSE = dose("2021-06-01", "1/2"), dose("2021-07-10", "2/2")
BOOSTED = *COURSE, dose("2021-12-20", "3/3")
JANSSEN = dose("2021-07-01", "1/1", "Janssen")
NONE = frozenset[str]()


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


def negative(text: str, kind: str = "rat") -> Tested:
    return Tested(kind, at(text), positive=False)


def let_in(
    when: str,
    *events: Event,
    place: str | None = None,
    region: str | None = None,
    born: date = date(1980, 1, 1),
    groups: frozenset[str] = NONE,
) -> bool | None:
    """Whether somebody was let in, by a check and by the timeline."""
    person = history(*events, born=born, groups=groups)
    where = {"place": place, "region": region}
    answer = is_valid(GERMANY, person, at(when), **where)
    assert timeline(GERMANY, person, **where).at(at(when)) is answer
    return answer


# What each revision changed, on its day: before and from its first instant on.

TABLE: dict[str, list[tuple[dict[str, Any], tuple[Event, ...], bool, bool]]] = {
    # BAnz AT 08.05.2021 V1: in force on 9 May.
    "2021-05-09": [({"place": None}, (negative("2021-05-08T12:00"),), False, True)],
    # zdf.de, August 2021: 3G by 23 August; PCR tests of 48 hours.
    "2021-08-23": [
        ({"place": "3g"}, (negative("2021-08-21T12:00", "naat"),), False, True),
        ({"place": "2g"}, (negative("2021-08-22T12:00"),), True, False),
    ],
    # schwaebische.de 11436397, 2021-11-17.
    "2021-11-17": [
        ({"place": "2g-restaurant", "region": "bavaria", "born": date(2006, 1, 1),
          "groups": frozenset({"pupil"})}, (), False, True),
    ],
    # gifhorner-rundschau.de 233881969; nordbayern.de 1.11304766.
    "2021-11-24": [
        ({"place": "2g-plus"}, COURSE, True, False),
        ({"place": "2g-plus"}, (infected("2021-09-01"),), True, False),
        ({"place": "2g-plus"}, (*COURSE, negative("2021-11-23T12:00")), True, True),
        ({"place": "2g", "region": "bavaria", "born": date(2009, 10, 1)}, (), False, True),
    ],
    # welt.de 235665358: after a booster no test, from the 15th day.
    "2021-12-15": [({"place": "2g-plus"}, (*COURSE, dose("2021-11-30", "3/3")), False, True)],
    # vebwk.com; presse-augsburg.de 772419; remszeitung.de, 2022-01-18; hotellerie.de, 2022-01-07.
    "2022-01-15": [
        ({"place": "2g"}, (JANSSEN,), True, False),
        ({"place": "2g"}, (infected("2021-10-01"),), True, False),
        ({"place": "2g"}, (infected("2021-11-01"),), True, True),
        ({"place": "2g-plus"}, (JANSSEN, dose("2021-11-01", "2/2")), True, False),
        ({"place": "2g-plus"}, (JANSSEN, dose("2021-11-01", "2/1")), True, False),
        ({"place": "2g"}, (JANSSEN, dose("2021-11-01", "2/2")), True, True),
        ({"place": "2g-plus"}, (*COURSE, dose("2022-01-10", "3/3")), False, True),
        ({"place": "2g"}, (infected("2021-03-01"), JANSSEN), True, True),
    ],
    # saaleholzlandkreis.de, on § 22a IfSG.
    "2022-03-19": [
        ({"place": "2g"}, (dose("2021-06-01", "1/2"), infected("2021-07-10")), False, True),
        ({"place": "2g"}, (infected("2021-07-10"),), False, False),
    ],
}  # fmt: skip
CASES = [(name, *case) for name, cases in TABLE.items() for case in cases]


@pytest.mark.parametrize(("name", "who", "events", "before", "after"), CASES)
def test_a_revision_changes_the_answer_from_its_first_instant(
    name: str, who: dict[str, Any], events: tuple[Event, ...], before: bool, after: bool
) -> None:
    (revision,) = [one for one in GERMANY.revisions if one.id == name]
    place, region = who.get("place"), who.get("region")
    person = history(
        *events,
        born=who.get("born", date(1980, 1, 1)),
        groups=who.get("groups", NONE),
    )
    where = {"place": place, "region": region}
    line = timeline(GERMANY, person, **where)
    for moment, expected in ((revision.starts - TICK, before), (revision.starts, after)):
        assert is_valid(GERMANY, person, moment, **where) is expected
        assert line.at(moment) is expected


def test_the_table_and_the_requirement_name_every_revision() -> None:
    """§ 28b IfSG for work and transport (Wikipedia); Handelsblatt, 2022-03-20, for the ends."""
    asked = {}
    for revision in GERMANY.revisions:
        answers = [
            str(check(GERMANY, history(), revision.starts, place=place).requirement)
            for place in ("2g", "transport-work")
        ]
        asked[revision.id] = answers
    assert asked == {
        "2021-05-09": ["in-force", "lifted"],
        "2021-08-23": ["in-force", "lifted"],
        "2021-11-17": ["in-force", "lifted"],
        "2021-11-24": ["in-force", "in-force"],
        "2021-12-15": ["in-force", "in-force"],
        "2022-01-15": ["in-force", "in-force"],
        "2022-03-19": ["in-force", "in-force"],
        "2022-03-20": ["in-force", "lifted"],
        "2022-04-03": ["ended", "ended"],
    }
    assert TABLE.keys() | {"2022-03-20", "2022-04-03"} == asked.keys()


# Scenarios.


def test_2g_plus_is_vaccinated_and_tested_unless_boosted() -> None:
    """gifhorner-rundschau.de 233881969; br.de, 2022-01-07."""
    test = negative("2022-01-20T10:00")
    assert let_in("2022-01-20T12:00", *COURSE, place="2g-plus") is False
    assert let_in("2022-01-20T12:00", test, place="2g-plus") is False
    assert let_in("2022-01-20T12:00", *COURSE, test, place="2g-plus") is True
    assert let_in("2022-01-21T10:00", *COURSE, test, place="2g-plus") is False
    assert let_in("2022-01-20T12:00", *BOOSTED, place="2g-plus") is True
    found = check(GERMANY, history(*COURSE), at("2022-01-20T12:00"), place="2g-plus")
    assert "together" in {one.code for one in found.reasons}


def test_3g_lets_the_tested_in_and_2g_does_not() -> None:
    """mdr.de, September 2021; noz.de, 2021-08-24, on Hamburg's 2G option."""
    for kind, hours in (("rat", 24), ("naat", 48)):
        test = negative("2021-09-01T10:00", kind)
        end = at("2021-09-01T10:00") + timedelta(hours=hours)
        person = history(test)
        assert is_valid(GERMANY, person, end - TICK, place="3g") is True
        assert is_valid(GERMANY, person, end, place="3g") is False
        assert is_valid(GERMANY, person, at("2021-09-01T12:00"), place="2g") is False


def test_fourteen_days_have_passed_on_the_fifteenth() -> None:
    """SchAusnahmV § 2; VR-DE-0003 counts dt + 15 days."""
    assert let_in("2021-07-24T23:59:59", *COURSE, place="2g") is False
    assert let_in("2021-07-25", *COURSE, place="2g") is True
    assert let_in("2021-08-30", BOOSTED[0], place="2g") is False


def test_the_recovered_have_28_days_to_six_months_and_later_90_days() -> None:
    """deutsche-apotheker-zeitung.de, 2021-05-07; vebwk.com, January 2022."""
    ill = infected("2021-06-10")
    assert let_in("2021-07-07T23:59:59", ill) is False
    assert let_in("2021-07-08", ill) is True
    assert let_in("2021-12-10T23:59:59", ill) is True
    assert let_in("2021-12-11", ill) is False
    later = infected("2021-11-20")
    assert let_in("2022-02-18T23:59:59", later) is True
    assert let_in("2022-02-19", later) is False


@pytest.mark.parametrize(("gap", "expected"), [(28, True), (27, False)])
@pytest.mark.parametrize("numbers", ["1/2", "1/1", None])
def test_one_dose_after_recovery_counts_at_once(
    numbers: str | None, gap: int, expected: bool
) -> None:
    """SchAusnahmV § 2 no. 3 b: for a recovered person one dose is the course."""
    ill = Infection(day("2021-08-01") - timedelta(days=gap))
    answer = let_in("2022-06-01", dose("2021-08-01", numbers), ill, place="2g")
    # Numbered 1/1 it says itself that the holder had recovered.
    assert answer is (True if numbers == "1/1" else expected)


def test_one_dose_of_johnson_and_johnson_was_a_course_until_15_january_2022() -> None:
    """extremnews.com, 2022-01-15; praxis-korok.de for the infection before it."""
    assert let_in("2022-01-14T23:59", JANSSEN, place="2g") is True
    assert let_in("2022-01-15", JANSSEN, place="2g") is False
    assert let_in("2022-01-15", JANSSEN, infected("2021-05-01"), place="2g") is True
    assert let_in("2022-01-15", JANSSEN, infected("2021-06-20"), place="2g") is False
    third = JANSSEN, dose("2021-09-01", "2/2"), dose("2021-12-20", "3/3")
    assert let_in("2022-01-15", *third, place="2g-plus") is True


def test_children_are_exempt_by_age_land_and_school() -> None:
    """zdf.de, August 2021; nordbayern.de 1.11304766; schwaebische.de 11436397."""
    child = date(2009, 10, 1)
    assert let_in("2021-12-31", place="2g", region="bavaria", born=child) is True
    assert let_in("2022-01-01", place="2g", region="bavaria", born=child) is False
    assert let_in("2021-12-31", place="2g", born=child) is False
    assert let_in("2021-12-31", place="2g", born=date(2016, 1, 1)) is True
    pupil = frozenset({"pupil"})
    young = date(2006, 1, 1)
    assert let_in("2021-12-01", place="3g", born=young, groups=pupil) is True
    assert let_in("2021-12-01", place="2g", born=young, groups=pupil) is False
    restaurant = {"place": "2g-restaurant", "region": "bavaria"}
    assert let_in("2021-12-01", born=young, groups=pupil, **restaurant) is True
    assert let_in("2021-12-01", born=date(2003, 1, 1), groups=pupil, **restaurant) is False


# The schedule.


def due(
    on: str, *events: Dose | Infection, age: int = 40, groups: frozenset[str] = NONE
) -> tuple[str, str, tuple[str, ...]]:
    when = day(on)
    born = when.replace(year=when.year - age) - timedelta(days=100)
    answer = next_dose(GERMANY, history(*events, born=born, groups=groups), when)
    return str(answer.status), str(answer.earliest), answer.product_names


FIRST_AZ = dose("2021-05-25", "1/2", "AstraZeneca")


@pytest.mark.parametrize(
    ("on", "age", "events", "expected"),
    [
        # newsdeutschland.com, 2021-05-17; wallstreet-online.de 14006711: no priority from 7 June.
        ("2021-06-06", 40, (), "not-offered None"),
        ("2021-06-07", 40, (), "eligible 2021-06-07"),
        # tagesschau.de, 2021-11-10: below 30 Comirnaty alone.
        ("2021-11-09", 25, (), "eligible 2021-06-07 Comirnaty Spikevax"),
        ("2021-11-10", 25, (), "eligible 2021-06-07 Comirnaty"),
        ("2021-11-10", 30, (), "eligible 2021-06-07 Comirnaty Spikevax"),
        # newsdeutschland.com: the vector vaccines as a rule from 60 on.
        ("2021-06-10", 60, (), "eligible 2021-06-07 Vaxzevria Jcovden Comirnaty Spikevax"),
        # haz.de, December 2021: the vaccine for children.
        ("2021-12-12", 8, (), "not-offered None"),
        ("2021-12-13", 8, (), "eligible 2021-12-13 Comirnaty for children"),
        # deutsche-apotheker-zeitung.de, 2021-04-14; n-tv.de 22656917, 2021-07-01.
        ("2021-06-30", 40, (FIRST_AZ,), "too-early 2021-07-27 Comirnaty Spikevax"),
        ("2021-06-30", 65, (FIRST_AZ,), "too-early 2021-07-27 Vaxzevria"),
        ("2021-07-01", 65, (FIRST_AZ,), "due 2021-06-22 Comirnaty Spikevax"),
        # euronews.com, 2021-10-07: after Johnson & Johnson's an mRNA dose from 4 weeks on.
        ("2021-10-06", 40, (JANSSEN,), "not-offered None"),
        ("2021-10-07", 40, (JANSSEN,), "due 2021-07-29 Comirnaty Spikevax"),
        # euronews.com, 2021-10-07; deutsche-apotheker-zeitung.de, 2021-11-18; Reuters, 2021-12-21.
        ("2021-10-06", 75, COURSE, "not-offered None"),
        ("2021-10-07", 75, COURSE, "too-early 2022-01-10"),
        ("2021-11-17", 40, COURSE, "not-offered None"),
        ("2021-11-18", 40, COURSE, "too-early 2021-12-10"),
        ("2021-12-20", 40, COURSE, "eligible 2021-12-10"),
        ("2021-12-21", 40, COURSE, "due 2021-10-10"),
        # br.de and deutsche-apotheker-zeitung.de, 2022-01-13.
        ("2022-01-12", 15, COURSE, "not-offered None"),
        ("2022-01-13", 15, COURSE, "due 2021-10-10 Comirnaty"),
        # kardiologie-hengstenberg.de, 2022-01-20: three months after the second dose.
        ("2022-01-14", 40, (JANSSEN, dose("2021-11-01", "2/2")), "not-offered None"),
        ("2022-01-20", 40, (JANSSEN, dose("2021-11-01", "2/2")), "too-early 2022-02-01"),
        # bild.de 75741874; hausarzt.digital, July 2021.
        ("2021-07-07", 40, (infected("2021-05-01"),), "too-early 2021-11-01"),
        ("2021-07-08", 40, (infected("2021-05-01"),), "eligible 2021-06-07"),
        # impfen-marl.de: three months for children.
        ("2022-01-10", 8, (infected("2021-12-01"),), "too-early 2022-03-01"),
        # swp.de 61399853: after an infection and one dose a booster.
        ("2022-01-10", 40, (infected("2021-01-01"), dose("2021-08-01", "1/2")), "due 2021-11-01"),
    ],
)  # fmt: skip
def test_each_row_of_the_schedule_decides_on_its_day(
    on: str, age: int, events: tuple[Dose | Infection, ...], expected: str
) -> None:
    status, earliest, names = due(on, *events, age=age)
    assert f"{status} {earliest} {' '.join(names)}".startswith(expected)


def test_the_pregnant_are_not_offered_spikevax() -> None:
    """tagesschau.de, 2021-11-10."""
    assert due("2021-12-01", age=35, groups=frozenset({"pregnant"}))[2] == ("Comirnaty",)
    unknown = next_dose(GERMANY, History(date(1986, 1, 1)), day("2021-12-01"))
    assert (unknown.status, unknown.product_names) == (Status.ELIGIBLE, ("Comirnaty",))


def test_a_booster_of_moderna_is_half_a_dose_and_a_child_s_dose_a_third() -> None:
    """The amounts are recalled, and the products are marked by their confidence."""
    booster = next_dose(GERMANY, history(*COURSE, groups=NONE), day("2022-01-20"))
    assert dict(zip(booster.product_names, booster.strengths, strict=True)) == {
        "Comirnaty": "30 µg",
        "Spikevax, half a dose": "50 µg",
    }
    half = *COURSE, dose("2022-01-20", "3/3", "Spikevax, half a dose")
    assert let_in("2022-01-21", *half, place="2g-plus") is True
    child = dose("2022-01-03", "1/2", "Comirnaty for children")
    second = due("2022-01-30", child, age=8)
    assert second == ("due", "2022-01-24", ("Comirnaty for children",))
    assert COMIRNATY in GERMANY.products
    assert GERMANY.variants_of(SPIKEVAX) == ("Spikevax 50 µg",)


def test_nothing_is_to_look_at_and_nobody_is_due_after_its_end() -> None:
    assert lint(GERMANY) == ()
    for person in (history(groups=NONE), history(*COURSE, groups=NONE)):
        assert next_dose(GERMANY, person, day("2026-11-28")).status is Status.NOT_OFFERED


def test_the_difference_of_15_january_2022_is_told_in_words() -> None:
    changes = {one.subject: str(one) for one in diff(GERMANY, day("2022-01-14"), day("2022-01-15"))}
    assert changes["A dose numbered 2/1"].endswith("read as primary (before: read as booster)")
    assert "Single-dose course" in changes
    assert "until 90 days after the positive test" in changes["Recovery proved by a PCR test"]
