"""Facts to claims: what is built, and that each thing wrong is found, alone and with others."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from breakage import Break, breaks
from coronapas import schemas
from coronapas.dcc import _valuesets as vs
from coronapas.dcc._chronology import courses, lengths, misnumbering
from coronapas.dcc._claims import (
    FAMILY_NAME_NEEDED,
    build,
    faults,
    notices,
)
from coronapas.dcc._names import Alternatives
from coronapas.dcc._scrutiny import ContentPolicy
from coronapas.errors import FaultsError, IssueError
from coronapas.facts import (
    EventKind,
    Holder,
    PartialDate,
    Recovery,
    Test,
    TestKind,
    TestResult,
    Vaccination,
)
from strategies import (
    ISSUED_ON,
    Case,
    cases,
    cases_of,
    countries,
    naats,
    names,
    rats,
    recoveries,
    vaccinations,
    value_sets,
)

if TYPE_CHECKING:
    from pathlib import Path

FIRST_ZONE = timezone(timedelta(hours=14))
HOLDER = Holder("Sørensen", "Åse", date(1980, 2, 3))
DOSE = Vaccination("Comirnaty", 2, 2, date(2021, 6, 1))
CASE = Case(HOLDER, DOSE, "DK", "Opfundet Styrelse", "URN:UVCI:01:DK:ABC")


def built(case: Case) -> dict[str, Any]:
    return build(**case.arguments())


def codes(case: Case) -> list[tuple[str, str]]:
    return [(fault.field, fault.code) for fault in faults(**case.arguments())]


def entry(case: Case) -> dict[str, Any]:
    claims = built(case)
    (group,) = claims.keys() & {"v", "t", "r"}
    (only,) = claims[group]
    assert isinstance(only, dict)
    return only


# --- what is built --------------------------------------------------------------------------------


def test_a_vaccination_is_stated_with_its_products_codes() -> None:
    assert built(CASE) == {
        "ver": "1.3.2",
        "nam": {"fn": "Sørensen", "fnt": "SOERENSEN", "gn": "Åse", "gnt": "AASE"},
        "dob": "1980-02-03",
        "v": [
            {
                "tg": "840539006",
                "vp": "1119349007",
                "mp": "EU/1/20/1528",
                "ma": "ORG-100030215",
                "dn": 2,
                "sd": 2,
                "dt": "2021-06-01",
                "co": "DK",
                "is": "Opfundet Styrelse",
                "ci": "URN:UVCI:01:DK:ABC",
            }
        ],
    }


def test_a_naat_states_its_centre_and_name_and_a_rat_its_device() -> None:
    moment = datetime(2021, 8, 1, 10, 11, 12, 999_999, tzinfo=UTC)
    naat = Test(TestKind.NAAT, moment, TestResult.NOT_DETECTED, "Valby", "SE", "RT-PCR")
    common = {"tg": "840539006", "is": "Opfundet Styrelse", "ci": "URN:UVCI:01:DK:ABC"}
    assert entry(replace(CASE, event=naat)) == {
        **common,
        "tt": "LP6464-4",
        "nm": "RT-PCR",
        "sc": "2021-08-01T10:11:12Z",
        "tr": "260415000",
        "tc": "Valby",
        "co": "SE",
    }
    rat = Test("rat", moment, "Detected", device="1232")
    assert entry(replace(CASE, event=rat)) == {
        **common,
        "tt": "LP217198-3",
        "ma": "1232",
        "sc": "2021-08-01T10:11:12Z",
        "tr": "260373001",
        "co": "DK",
    }


def test_a_recovery_states_its_three_days() -> None:
    event = Recovery(date(2021, 3, 1), date(2021, 3, 12), date(2021, 8, 28))
    assert entry(replace(CASE, event=event)) == {
        "tg": "840539006",
        "fr": "2021-03-01",
        "df": "2021-03-12",
        "du": "2021-08-28",
        "co": "DK",
        "is": "Opfundet Styrelse",
        "ci": "URN:UVCI:01:DK:ABC",
    }


@given(cases(), st.sampled_from(sorted(FAMILY_NAME_NEEDED)))
def test_whatever_is_valid_is_built_and_follows_the_published_schema(
    case: Case, version: str
) -> None:
    if version == "1.3.0" and not (case.holder.family_name or case.holder.family_name_mrz):
        case = case.with_holder(family_name="Jensen")
    case = replace(case, version=version)
    assert codes(case) == []
    claims = built(case)
    schema = schemas.load(f"payload-{version}")
    jsonschema.Draft202012Validator(schema).validate(claims)
    (inner,) = [claims[group][0] for group in "vtr" if group in claims]
    assert None not in inner.values()
    assert "" not in inner.values()
    assert "" not in claims["nam"].values()


@given(cases())
def test_claims_hold_nothing_but_plain_texts_and_integers(case: Case) -> None:
    claims = built(case)
    values = [*claims["nam"].values(), claims["dob"], claims["ver"]]
    values += [value for group in "vtr" for row in claims.get(group, ()) for value in row.values()]
    assert {type(value) for value in values} <= {str, int}


def test_texts_are_brought_into_nfc() -> None:
    case = replace(CASE.with_holder(family_name="A\u030ase"), issuer="A\u030a" * 80)
    claims = built(case)
    assert claims["nam"]["fn"] == "\u00e5se".capitalize()
    assert claims["v"][0]["is"] == "\u00c5" * 80


class Shout(str):
    __slots__ = ()


def test_subclasses_of_plain_types_become_plain() -> None:
    class Day(date):
        pass

    class Count(int):
        pass

    event = Vaccination(Shout("EU/1/20/1528"), Count(2), Count(2), Day(2021, 6, 1), Shout("DK"))
    case = replace(CASE, event=event, issuer=Shout("Opfundet Styrelse"), country=Shout("DK"))
    case = replace(case, on=Day(2021, 6, 1))
    assert built(case) == built(CASE)
    assert {type(value) for value in entry(case).values()} == {str, int}
    assert codes(replace(case, on=Day(2021, 5, 31))) == [("vaccination.date", "date.future")]


@pytest.mark.parametrize(
    ("born", "written"),
    [
        (None, ""),
        (PartialDate(1980), "1980"),
        (PartialDate(1980, 2), "1980-02"),
        (date(1900, 1, 1), "1900-01-01"),
        (PartialDate(1900), "1900"),
        (DOSE.date, "2021-06-01"),
        (PartialDate(2021, 6), "2021-06"),
        (PartialDate(2021), "2021"),
    ],
)
def test_a_birth_date_is_written_as_far_as_it_is_known_and_may_be_the_events_day(
    born: date | PartialDate | None, written: str
) -> None:
    assert built(CASE.with_holder(birth_date=born))["dob"] == written


@pytest.mark.parametrize("born", [date(2021, 6, 2), PartialDate(2021, 7), PartialDate(2022)])
def test_a_birth_after_the_event_is_a_fault(born: date | PartialDate) -> None:
    assert codes(CASE.with_holder(birth_date=born)) == [
        ("holder.birth_date", "birth-date.after-event")
    ]


# --- one thing broken -----------------------------------------------------------------------------


@pytest.mark.parametrize("broken", breaks(), ids=str)
@settings(max_examples=2)
@given(data=st.data())
def test_one_thing_broken_gives_exactly_its_fault(broken: Break, data: st.DataObject) -> None:
    case, field = data.draw(broken.broken())
    assert codes(case) == [(field, broken.code)]
    with pytest.raises(IssueError) as caught:
        built(case)
    assert caught.value.faults == faults(**case.arguments())


def test_all_faults_are_reported_together_in_the_order_of_the_input() -> None:
    event = Vaccination("none", 0, 1, date(2030, 1, 1), country="QQ")
    case = Case(Holder(birth_date=date(1899, 1, 1)), event, "qq", "", "x", version="2")
    assert codes(case) == [
        ("version", "version.unsupported"),
        ("holder.family_name", "name.missing"),
        ("holder.birth_date", "birth-date.year"),
        ("vaccination.date", "date.future"),
        ("vaccination.product", "code.unknown"),
        ("vaccination.dose_number", "dose.number-below-one"),
        ("vaccination.country", "code.unknown"),
        ("country", "code.unknown"),
        ("issuer", "text.empty"),
        ("uvci", "uvci.form"),
    ]


ODD: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.binary(max_size=5),
    st.dates(),
    st.datetimes(),
    st.datetimes(timezones=st.just(UTC)),
    st.timedeltas(),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=1),
    st.builds(PartialDate, st.integers(), st.integers() | st.none()),
    st.sampled_from((TestKind.NAAT, TestResult.DETECTED, object(), date, float("nan"))),
)


@settings(max_examples=200)
@given(cases(), st.data())
def test_no_value_of_any_type_makes_building_crash(case: Case, data: st.DataObject) -> None:
    for part in ("event", "holder"):
        target = getattr(case, part)
        name = data.draw(st.sampled_from([field.name for field in fields(target)]))
        changes: dict[str, Any] = {part: replace(target, **{name: data.draw(ODD)})}
        case = replace(case, **changes)
    argument = data.draw(st.sampled_from(("country", "issuer", "uvci", "on", "version")))
    changes = {argument: data.draw(ODD)}
    case = replace(case, **changes)
    if found := faults(**case.arguments()):
        with pytest.raises(IssueError) as caught:
            built(case)
        assert caught.value.faults == found
    else:
        built(case)


@given(cases())
def test_no_fault_shows_the_holders_data(case: Case) -> None:
    # Broken so that every field of the holder and every date is at fault.
    secret = "Hemmelighed"
    broken = replace(
        case.with_holder(family_name=f" {secret}", given_name=f"{secret} 7", given_name_mrz=secret),
        uvci=f"URN:UVCI:01:{secret}",
        issuer=f"{secret}\n",
    )
    found = faults(**broken.arguments())
    assert len(found) >= 4
    assert secret not in repr(found) + "".join(map(str, found)) + str(IssueError(found))


# --- bounds ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["family_name", "given_name"])
def test_a_name_of_80_characters_is_issued_and_its_shortening_told(place: str) -> None:
    case = CASE.with_holder(**{place: "Ø" * 80})
    assert built(case)["nam"][{"family_name": "fnt", "given_name": "gnt"}[place]] == "OE" * 40
    told = notices(case.holder)
    assert [(notice.field, notice.code) for notice in told] == [
        (f"holder.{place}", "name.truncated")
    ]
    assert codes(CASE.with_holder(**{place: "Ø" * 81})) == [(f"holder.{place}", "text.too-long")]


def test_an_ordinary_name_needs_no_notice_nor_does_one_with_its_mrz_form() -> None:
    assert notices(HOLDER) == ()
    assert notices(Holder("王", None, family_name_mrz="WANG")) == ()


def test_dropped_characters_stop_the_issuing_unless_granted_and_are_told() -> None:
    case = CASE.with_holder(given_name="Åse 2")
    assert codes(case) == [("holder.given_name", "name.letters-dropped")]
    granted = replace(case, more={"policy": ContentPolicy(dropped_letters=True)})
    assert built(granted)["nam"]["gnt"] == "AASE"
    assert [notice.code for notice in notices(case.holder)] == ["name.letters-dropped"]
    # A grant cannot make a name of nothing.
    nothing = replace(granted, holder=replace(HOLDER, given_name="2"))
    assert codes(nothing) == [("holder.given_name", "name.no-transliteration")]


def test_the_language_and_the_issuing_states_alternatives_reach_the_transliteration() -> None:
    serbian = replace(CASE.with_holder(family_name="Живковић"), more={"language": "sr"})
    assert built(serbian)["nam"]["fnt"] != built(replace(serbian, more={}))["nam"]["fnt"]
    policy = ContentPolicy(alternatives=Alternatives(a_ring="A"))
    assert built(replace(CASE, more={"policy": policy}))["nam"]["gnt"] == "ASE"


@pytest.mark.parametrize(
    "name",
    [
        "علی\u200cزاده",  # Persian: a non-joiner between the parts
        "شريف\u200dة",
        "ක්\u200dරිෂාන්",  # Sinhala: a joiner makes a cluster
        "ര്\u200d",  # Malayalam: a chillu, in the older spelling
        "ᠠ\u180eᠨ",
        "葛\U000e0100城",  # Han with a variation selector
        "王\u3000小明",
        "Anne\u00a0Marie",
        "Nuñez\u2019",
    ],
)
def test_what_a_script_needs_is_no_fault(name: str) -> None:
    assert codes(CASE.with_holder(family_name=name, family_name_mrz="ALIZADEH")) == []


@pytest.mark.parametrize(
    "character",
    [
        *"\x00\x1f\x7f\x85\n\u2028\u2029\ud800\udfff",
        *"\u061c\u200e\u200f\u202a\u202e\u2066\u2069",
        *"\xad\u200b\u200c\u200d\u2060\u2064\u206a\ufeff\U000e0001\U000e0041\U000e007f",
        *"\ue000\uf8ff\U000f0000\U0010ffff\ufdd0\ufffe\uffff\U0001fffe\U000effff",
        *"\ufff9\ufffc\ufffd\u115f\u3164\uffa0",
    ],
    ids=lambda character: f"U+{ord(character):04X}",
)
def test_what_no_name_needs_is_unwritable_and_alone_is_empty(character: str) -> None:
    path = "holder.family_name"
    for text in (f"Søren{character}sen", f"王{character}明"):
        case = CASE.with_holder(family_name=text, family_name_mrz="SOEREN")
        assert codes(case) == [(path, "text.unwritable-character")]
    alone = codes(CASE.with_holder(family_name=character, family_name_mrz="SOEREN"))
    assert alone[-1] == (path, "text.empty")


def test_a_joiner_needs_a_letter_that_joins_before_it() -> None:
    for text in ("\u200cزاده", "علی\u200c\u200cزاده", "علی \u200dزاده"):
        case = CASE.with_holder(family_name=text, family_name_mrz="ALIZADEH")
        assert codes(case) == [("holder.family_name", "text.unwritable-character")]


@given(st.characters())
def test_every_letter_of_every_script_is_writable(character: str) -> None:
    if character.isalnum() and character not in "\u115f\u1160\u3164\uffa0":
        case = CASE.with_holder(family_name=f"A{character}", family_name_mrz="A")
        assert codes(case) == []


@pytest.mark.parametrize("language", ["ua", "Ukrainian", "", 5, ["uk"]])
def test_a_language_that_is_none_is_a_fault_beside_others(language: Any) -> None:
    case = replace(CASE.with_holder(family_name="Гоголь ", given_name="Іван"), on=DOSE.date)
    found = codes(replace(case, more={"language": language}))
    assert [field for field, _ in found] == ["language", "holder.family_name"]
    if isinstance(language, str):
        with pytest.raises(FaultsError):
            notices(HOLDER, language=language)


def test_all_faults_of_one_text_are_told_together() -> None:
    long = " A\x00" + "b" * 90
    assert codes(CASE.with_holder(family_name=long)) == [
        ("holder.family_name", "text.too-long"),
        ("holder.family_name", "text.outer-whitespace"),
        ("holder.family_name", "text.unwritable-character"),
    ]
    trimmed = " " + "B" * 80
    assert codes(CASE.with_holder(family_name=trimmed)) == [
        ("holder.family_name", "text.outer-whitespace")
    ]


def test_the_year_and_the_month_of_a_birth_are_told_together() -> None:
    assert codes(CASE.with_holder(birth_date=PartialDate(1800, 13))) == [
        ("holder.birth_date", "birth-date.month"),
        ("holder.birth_date", "birth-date.year"),
    ]


@pytest.mark.parametrize(("form", "length", "told"), [("U", 41, 0), ("UXX", 30, 1), ("UE", 41, 1)])
def test_notices_know_the_issuing_states_alternatives(form: str, length: int, told: int) -> None:
    policy = ContentPolicy(alternatives=Alternatives(u_diaeresis=form))
    holder = replace(HOLDER, family_name="Ü" * length)
    assert [notice.code for notice in notices(holder, policy=policy)] == ["name.truncated"] * told
    case = replace(CASE, holder=holder, more={"policy": policy})
    assert len(built(case)["nam"]["fnt"]) == (80 if told else length)


@pytest.mark.parametrize("event", [DOSE, Recovery(DOSE.date, date(2021, 6, 12), date(2021, 7, 1))])
def test_an_event_of_the_day_of_issue_is_issued_and_one_of_the_next_day_is_not(
    event: Vaccination | Recovery,
) -> None:
    path = "vaccination.date" if event is DOSE else "recovery.first_positive"
    day = DOSE.date
    assert codes(replace(CASE, event=event, on=day)) == []
    assert codes(replace(CASE, event=event, on=day - timedelta(1))) == [(path, "date.future")]
    first = datetime(day.year, day.month, day.day, tzinfo=FIRST_ZONE)
    before = first - timedelta(seconds=1)
    for zone in (FIRST_ZONE, UTC, timezone(timedelta(hours=-12))):
        assert codes(replace(CASE, event=event, on=first.astimezone(zone))) == []
        assert codes(replace(CASE, event=event, on=before.astimezone(zone))) == [
            (path, "date.future")
        ]


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Auckland", "America/Los_Angeles"])
def test_a_dose_of_the_local_day_is_issued_in_whichever_zone_the_moment_is_written(
    zone: str,
) -> None:
    moment = datetime(2021, 9, 2, 10, tzinfo=ZoneInfo("Pacific/Auckland"))
    case = CASE.with_event(date=moment.date())
    assert codes(replace(case, on=moment.astimezone(ZoneInfo(zone)))) == []


@given(
    st.dates(date(2020, 1, 2), date(2030, 1, 1)),
    st.datetimes(datetime(2020, 1, 2), datetime(2030, 1, 1)),
    st.integers(-24 * 60 + 1, 24 * 60 - 1),
)
def test_a_day_is_future_when_it_has_begun_nowhere_and_not_in_the_moments_zone(
    day: date, wall: datetime, minutes: int
) -> None:
    # As near to each other as a day and a moment have to be for the zone to matter.
    wall = datetime.combine(day, wall.time()) + timedelta(days=wall.day % 4 - 2)
    moment = wall.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    begun = day <= max(moment.date(), moment.astimezone(FIRST_ZONE).date())
    free = {"policy": ContentPolicy(earliest_event=None)}
    case = replace(CASE.with_event(date=day), on=moment, more=free)
    assert codes(case) == ([] if begun else [("vaccination.date", "date.future")])
    if moment.utcoffset() == timedelta(0) or abs(minutes) <= 12 * 60:
        other = replace(case, on=moment.astimezone(UTC))
        assert codes(other) == codes(case)


@pytest.mark.parametrize("on", [datetime.min, datetime.max])
@pytest.mark.parametrize("day", [date.min, date.max])
@pytest.mark.parametrize("hours", [-23, 0, 23])
def test_days_at_the_ends_of_the_calendar_do_not_overflow(
    on: datetime, day: date, hours: int
) -> None:
    moment = on.replace(tzinfo=timezone(timedelta(hours=hours)))
    free = {"policy": ContentPolicy(earliest_event=None)}
    case = replace(CASE.with_event(date=day).with_holder(birth_date=None), on=moment, more=free)
    expected = [("vaccination.date", "date.future")] if day.year > on.year else []
    assert codes(case) == expected


def test_a_newborn_of_the_local_day_is_tested_whatever_zone_the_sampling_is_written_in() -> None:
    sampled = datetime(2021, 9, 2, 10, tzinfo=ZoneInfo("Pacific/Auckland"))
    for zone in (sampled.tzinfo, UTC):
        case = replace(CASE, event=naat(sampled.astimezone(zone)), on=sampled + timedelta(hours=1))
        assert codes(case.with_holder(birth_date=date(2021, 9, 2))) == []
        assert codes(case.with_holder(birth_date=date(2021, 9, 3))) == [
            ("holder.birth_date", "birth-date.after-event")
        ]


def test_a_birth_is_held_against_the_issuing_where_the_event_s_day_is_at_fault() -> None:
    moment = datetime(2021, 9, 1, 22, tzinfo=UTC)
    case = replace(CASE.with_event(date=None), on=moment)
    assert codes(case.with_holder(birth_date=date(2021, 9, 2))) == [
        ("vaccination.date", "date.type")
    ]
    assert ("holder.birth_date", "birth-date.after-event") in codes(
        case.with_holder(birth_date=date(2021, 9, 3))
    )


def naat(moment: datetime) -> Test:
    return Test(TestKind.NAAT, moment, TestResult.NOT_DETECTED, centre="Valby")


def test_a_sampling_at_the_moment_of_issue_is_issued_and_one_second_later_is_not() -> None:
    moment = datetime(2021, 8, 1, 12, tzinfo=UTC)
    zone = timezone(timedelta(hours=-7))
    case = replace(CASE, event=naat(moment.astimezone(zone)), on=moment)
    assert codes(case) == []
    late = case.with_event(sampled_at=moment + timedelta(seconds=1))
    assert codes(late) == [("test.sampled_at", "date.future")]


@pytest.mark.parametrize(
    ("day", "hour", "hours", "future"),
    [(1, 23, -5, False), (2, 1, 2, False), (2, 2, 2, True), (2, 23, -5, True), (2, 0, 0, True)],
)
def test_on_a_day_of_issue_a_sampling_is_future_when_both_its_days_are(
    day: int, hour: int, hours: int, future: bool
) -> None:
    moment = datetime(2021, 8, day, hour, tzinfo=timezone(timedelta(hours=hours)))
    case = replace(CASE, event=naat(moment), on=date(2021, 8, 1))
    assert codes(case) == ([("test.sampled_at", "date.future")] if future else [])


@pytest.mark.parametrize("hours", [-23, 0, 23])
@pytest.mark.parametrize("on", [date(2021, 8, 1), date(9999, 12, 30), date.max, date.min])
def test_moments_at_the_ends_of_the_calendar_do_not_overflow(hours: int, on: date) -> None:
    zone = timezone(timedelta(hours=hours, seconds=1))
    free = ContentPolicy(earliest_event=None)
    for moment in (datetime.max, datetime.min):
        case = replace(CASE, event=naat(moment.replace(tzinfo=zone)), on=on, more={"policy": free})
        found = faults(**case.with_holder(birth_date=None).arguments())
        assert {fault.field for fault in found} <= {"test.sampled_at"}


@pytest.mark.parametrize(
    ("zone", "written"),
    [
        (UTC, "2021-08-01T10:00:00Z"),
        (timezone(timedelta(0)), "2021-08-01T10:00:00Z"),
        (timezone(timedelta(hours=2)), "2021-08-01T12:00:00+02:00"),
        (timezone(-timedelta(hours=3, minutes=30)), "2021-08-01T06:30:00-03:30"),
        (timezone(timedelta(hours=1, seconds=30)), "2021-08-01T10:00:00Z"),
        (timezone(timedelta(microseconds=1)), "2021-08-01T10:00:00Z"),
        (ZoneInfo("Europe/Copenhagen"), "2021-08-01T12:00:00+02:00"),
    ],
)
def test_a_sampling_keeps_its_offset_where_the_payload_can_say_it(
    zone: timezone | ZoneInfo, written: str
) -> None:
    moment = datetime(2021, 8, 1, 10, tzinfo=UTC).astimezone(zone)
    assert entry(replace(CASE, event=naat(moment)))["sc"] == written


@given(cases_of(EventKind.TEST))
def test_a_written_sampling_is_the_same_moment(case: Case) -> None:
    assert isinstance(case.event, Test)
    assert datetime.fromisoformat(entry(case)["sc"]) == case.event.sampled_at


def test_events_begin_with_the_first_day_that_the_policy_grants() -> None:
    first = date(2020, 1, 1)
    assert codes(CASE.with_event(date=first)) == []
    earlier = CASE.with_event(date=first - timedelta(1))
    assert codes(earlier) == [("vaccination.date", "date.too-early")]
    assert codes(replace(earlier, more={"policy": ContentPolicy(earliest_event=None)})) == []


@given(recoveries(), st.integers(0, 400), st.integers(0, 400))
def test_a_recovery_is_valid_from_11_to_180_days_after_the_positive_test(
    event: Recovery, start: int, end: int
) -> None:
    first = event.first_positive
    changed = replace(
        event, valid_from=first + timedelta(start), valid_until=first + timedelta(end)
    )
    expected = {
        "recovery.period-reversed": end < start,
        "recovery.starts-too-early": start < 11,
        "recovery.ends-too-late": end > 180,
    }
    case = replace(CASE.with_holder(birth_date=None), event=changed)
    assert {code for _, code in codes(case)} == {code for code, holds in expected.items() if holds}
    free = ContentPolicy(recovery_from_days=None, recovery_until_days=None)
    found = codes(replace(case, more={"policy": free}))
    assert {code for _, code in found} == ({"recovery.period-reversed"} if end < start else set())


def test_a_country_can_set_its_own_bounds_for_recoveries() -> None:
    event = Recovery(date(2021, 3, 1), date(2021, 3, 1), date(2022, 3, 1))
    policy = ContentPolicy(recovery_from_days=0, recovery_until_days=365)
    case = replace(CASE, event=event, more={"policy": policy})
    assert codes(case) == []
    assert codes(case.with_event(valid_until=date(2022, 3, 2))) == [
        ("recovery.valid_until", "recovery.ends-too-late")
    ]


# --- doses ----------------------------------------------------------------------------------------

SINGLE, DOUBLE, TRIPLE = frozenset({1}), frozenset({2}), frozenset({3})


@pytest.mark.parametrize(
    ("course", "pairs"),
    [
        (SINGLE, {(1, 1), (2, 1), (3, 1), (4, 1), (3, 3), (4, 4)}),
        (DOUBLE, {(1, 1), (1, 2), (2, 2), (2, 1), (3, 1), (4, 1), (3, 3), (4, 4)}),
        (TRIPLE, {(1, 1), (1, 3), (2, 3), (2, 1), (3, 1), (4, 1), (3, 3), (4, 4)}),
        (
            None,
            {
                *((1, 1), (1, 2), (2, 2), (1, 3), (2, 3), (3, 3), (1, 4), (2, 4), (3, 4), (4, 4)),
                *((2, 1), (3, 1), (4, 1)),
            },
        ),
    ],
)
def test_the_numbers_that_can_be_issued_are_those_of_the_table(
    course: frozenset[int] | None, pairs: set[tuple[int, int]]
) -> None:
    numbers = range(1, 5)
    issued = {(dn, sd) for dn in numbers for sd in numbers if misnumbering(dn, sd, course) is None}
    assert issued == pairs


def test_a_refused_number_is_told_with_its_mend() -> None:
    case = CASE.with_event(product="Jcovden", dose_number=2, doses=2)
    (fault,) = faults(**case.arguments())
    assert fault.code == "dose.single-dose-product"
    assert "2 of 1" in fault.hint
    (fault,) = faults(**CASE.with_event(dose_number=3, doses=2).arguments())
    assert "3 of 3" in fault.hint


def test_one_dose_after_recovery_is_a_grant_that_can_be_withdrawn() -> None:
    case = CASE.with_event(dose_number=1, doses=1)
    assert codes(case) == []
    strict = replace(case, more={"policy": ContentPolicy(one_dose_after_recovery=False)})
    assert codes(strict) == [("vaccination.dose_number", "dose.one-dose-course")]
    assert codes(strict.with_event(product="Jcovden")) == []
    assert codes(strict.with_event(product="R-COVI")) == []


def test_the_length_of_a_course_is_that_of_the_doses_day() -> None:
    comirnaty = "EU/1/20/1528"
    assert lengths(comirnaty, date(2022, 10, 18)) == frozenset({2})
    assert lengths(comirnaty, date(2022, 10, 19)) == frozenset({2, 3})
    toddler = CASE.with_event(dose_number=1, doses=3)
    assert codes(toddler.with_event(date=date(2022, 10, 18))) == [
        ("vaccination.dose_number", "dose.course-length")
    ]
    assert codes(toddler.with_event(date=date(2022, 10, 19))) == []
    assert lengths("no such product", ISSUED_ON) is None


def test_every_course_is_of_a_known_product_and_says_how_sure_it_is() -> None:
    assert courses()
    for product, rows in courses().items():
        assert value_sets().code(vs.PRODUCT, product)
        assert len({row.since for row in rows}) == len(rows)
        for row in rows:
            assert row.confidence in ("documented", "recalled")
            assert row.lengths
            assert min(row.lengths) >= 1


def test_the_numbers_of_the_published_examples_can_be_issued(official: Path) -> None:
    # The files named 2-of-1, 3-of-1 and 4-of-1 hold 1/2 by mistake: their names count.
    found = sorted((official / "schema" / "examples" / "vaccination").glob("standard_case_*"))
    assert found
    for path in found:
        number, _, doses = path.stem.split("_")[2].partition("-of-")
        total, _, products = doses.partition("-")
        product = {"janssen": "Jcovden", "moderna": "Spikevax"}[products.split("-")[-1]]
        case = CASE.with_event(product=product, dose_number=int(number), doses=int(total))
        assert codes(case) == []


# --- value sets -----------------------------------------------------------------------------------


@given(cases(vaccinations()), countries())
def test_the_events_country_stands_before_the_issuers(case: Case, country: str) -> None:
    assert entry(case.with_event(country=country))["co"] == country
    assert entry(case.with_event(country=None))["co"] == case.country


def test_a_product_that_is_given_up_names_its_heir_and_can_be_granted() -> None:
    case = CASE.with_event(product="VLA2001")
    (fault,) = faults(**case.arguments())
    assert (fault.field, fault.code) == ("vaccination.product", "code.inactive")
    assert "EU/1/21/1624" in fault.hint
    granted = replace(case, more={"policy": ContentPolicy(inactive_codes=True)})
    assert entry(granted)["mp"] == "VLA2001"


def device_list(entries: dict[str, Any]) -> vs.ValueSets:
    document = {
        "valueSetId": vs.TEST_DEVICE,
        "valueSetDate": "2022-05-01",
        "valueSetValues": entries,
    }
    return value_sets().replace(vs.ValueSets.from_official(document))


def test_a_code_is_good_for_events_up_to_its_last_day() -> None:
    old = {"display": "Old", "active": False, "validUntil": "2021-08-01"}
    sets = device_list({"9": old, "8": old | {"active": True}})
    moment = datetime(2021, 8, 1, 23, 59, 59, tzinfo=timezone(timedelta(hours=-3)))
    for device in ("9", "8"):
        event = Test(TestKind.RAT, moment, TestResult.NOT_DETECTED, device=device)
        case = replace(CASE, event=event, more={"value_sets": sets})
        assert codes(case) == []
        late = case.with_event(sampled_at=moment + timedelta(seconds=1))
        assert codes(late) == [("test.device", "code.expired")]
        faulty = case.with_event(sampled_at=None)
        assert codes(faulty) == [("test.sampled_at", "date-time.type")]
        granted = ContentPolicy(inactive_codes=True)
        assert codes(replace(late, more={"value_sets": sets, "policy": granted})) == []


def test_an_unknown_device_is_told_with_what_list_was_at_hand() -> None:
    moment = datetime(2021, 8, 1, tzinfo=UTC)
    event = Test(TestKind.RAT, moment, TestResult.NOT_DETECTED, device="9999")
    case = replace(CASE, event=event)
    (fault,) = faults(**case.arguments())
    assert "example" in fault.hint
    known = device_list({"9999": {"display": "New", "active": True}})
    assert entry(replace(case, more={"value_sets": known}))["ma"] == "9999"
    (fault,) = faults(**replace(case, more={"value_sets": device_list({})}).arguments())
    assert "2022-05-01" in fault.hint


def test_a_value_set_that_is_not_loaded_is_told() -> None:
    case = replace(CASE, more={"value_sets": vs.ValueSets({}, {})})
    found = faults(**case.arguments())
    assert {fault.code for fault in found} == {"code.unknown"}
    assert all("Load the value set" in fault.hint for fault in found)


def test_codes_that_no_instructions_give_must_be_given() -> None:
    bare = vs.ValueSets(value_sets().sets, {})
    case = replace(CASE, more={"value_sets": bare})
    assert codes(case) == [
        ("vaccination.vaccine", "vaccine.missing"),
        ("vaccination.manufacturer", "manufacturer.missing"),
    ]
    given_codes = case.with_event(vaccine="1119349007", manufacturer="ORG-100030215")
    assert entry(given_codes) == entry(CASE)


def test_an_encoding_of_ones_own_is_a_grant() -> None:
    case = CASE.with_event(vaccine="1119305005", manufacturer="ORG-100031184")
    assert codes(case) == [
        ("vaccination.vaccine", "vaccine.not-of-product"),
        ("vaccination.manufacturer", "manufacturer.not-of-product"),
    ]
    granted = replace(case, more={"policy": ContentPolicy(other_encodings=True)})
    assert entry(granted)["vp"] == "1119305005"


# --- identifier -----------------------------------------------------------------------------------


def test_an_identifier_may_have_a_checksum_that_holds_and_80_characters() -> None:
    checked = replace(CASE, country="NL", uvci="URN:UVCI:01:NL:187/37512422923#Z")
    assert entry(checked)["ci"] == "URN:UVCI:01:NL:187/37512422923#Z"
    longest = "URN:UVCI:01:DK:".ljust(80, "A")
    assert entry(replace(CASE, uvci=longest))["ci"] == longest
    assert codes(replace(CASE, uvci=longest + "A")) == [("uvci", "text.too-long")]


def test_an_identifier_is_not_held_against_a_country_that_is_at_fault_itself() -> None:
    assert codes(replace(CASE, country="dk")) == [("country", "code.unknown")]


@given(naats(), rats(), names())
def test_drawn_tests_hold_what_their_kind_asks_for(a: Test, b: Test, name: str) -> None:
    assert a.centre
    assert a.device is None
    assert b.device
    assert b.name is None
    assert codes(CASE.with_holder(given_name=name)) == []
