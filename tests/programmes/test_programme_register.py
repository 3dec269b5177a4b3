"""Invitations at scale: every form of a register gives what the single answers give."""

from __future__ import annotations

import copy
import io
import json
import pickle
import re
from array import array
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from benchmarks.register import made_up_register
from dirty_histories import dirty_history
from hypothesis import given
from hypothesis import strategies as st
from programme_cases import DENMARK, days, histories

from coronapas.errors import HistoryError
from coronapas.facts import Dose, History
from coronapas.programmes import (
    BUNDLED,
    Audience,
    BookingAnswer,
    Invitation,
    InvitationRecord,
    InvitationState,
    Inviter,
    Period,
    RegisterForm,
    Status,
    ToLookAt,
    invitations,
    invite_register,
    load,
    may_book,
    next_dose,
)
from coronapas.programmes import _invitations as inside
from coronapas.programmes import _keys as keys
from coronapas.programmes._clock import add_to_day, birthday, born_by
from coronapas.programmes._invitations import Asker
from coronapas.programmes._people import People
from coronapas.programmes._plan import Plan

DAYS = [
    date(2021, 1, 10),
    date(2021, 3, 20),
    date(2021, 7, 20),
    date(2021, 10, 5),
    date(2022, 1, 16),
    date(2022, 2, 28),
    date(2022, 9, 10),
    date(2022, 9, 20),
    date(2022, 10, 1),
]
AGES = (5, 12, 16, 18, 40, 50, 65, 75, 80, 85)


def population(draw: Random, on: date) -> list[dict[str, Any]]:
    """Histories in order and dirty ones; many people have a birthday that decides."""
    found = [
        history.to_json()
        for _, history in made_up_register(150, seed=draw.randrange(10**6), tests=True)
    ]
    for document in found[:80]:
        born = date(on.year - draw.choice(AGES), on.month, min(on.day, 28))
        born += timedelta(days=draw.randrange(-500, 500))
        document["birth_date"] = born.isoformat()
    found += [dirty_history(draw) for _ in range(100)]
    draw.shuffle(found)
    return found


def slowly(inviter: Inviter, identifier: Any, history: History) -> Any:
    """Ask the planner itself, without any key."""
    inviter._asker._keyed = False
    return inviter.ask(identifier, history)


def without_place(answer: Any) -> Any:
    """An answer as JSON, without the place that the forms count differently."""
    if answer is None:
        return None
    found = answer.to_json()
    found.pop("line", None)
    return found


@pytest.mark.parametrize("on", DAYS, ids=str)
@pytest.mark.parametrize("back", [None, 7])
def test_kept_answers_are_those_of_the_planner(on: date, back: int | None) -> None:
    draw = Random(on.toordinal())
    since = None if back is None else on - timedelta(days=back)
    fast, slow = Inviter(DENMARK, on, since=since), Inviter(DENMARK, on, since=since)
    people = [History.from_json(document) for document in population(draw, on)]
    for _ in range(2):  # the second time every answer is there
        for place, history in enumerate(people):
            assert fast.ask(place, history) == slowly(slow, place, history)


def offered_now_or_opening(plan: Plan) -> bool:
    """Invite without an invitation too, so that the days of every answer are compared.

    Those who are too early for any other reason than the opening of an offer are never invited:
    their days are not kept.
    """
    if plan.status is Status.TOO_EARLY:
        return bool(plan.products) and plan.earliest == plan.offers[0].opens
    return bool(plan.products)


@pytest.mark.parametrize("name", BUNDLED)
def test_a_key_holds_all_that_decides(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inside, "to_be_invited", offered_now_or_opening)
    programme = load(name)
    for place, on in enumerate(DAYS[::2]):
        draw = Random(place)
        fast, slow = Inviter(programme, on), Inviter(programme, on)
        assert fast._asker._keyed
        people = [History.from_json(document) for document in population(draw, on)]
        for history in people * 2:
            assert fast.ask(1, history) == slowly(slow, 1, history)


@pytest.mark.parametrize("name", BUNDLED)
def test_last_doses_and_births_at_every_edge_are_kept_apart(name: str) -> None:
    """The days at which an offer begins, a day before and after, with births at every age."""
    programme = load(name)
    product = sorted(programme.products)[0]
    for on in DAYS[2:]:
        draw = Random(f"{name} {on}")
        offers = [offer for offer in programme.schedule.offers if offer.stands_on(on)]
        spans = {offer.earliest for offer in offers if offer.earliest is not None}
        edges = {
            on - timedelta(days=back)
            for span in spans
            for back in range(800)
            if abs((add_to_day(on - timedelta(days=back), span) - on).days) <= 1
        }
        births = [
            date(on.year - age, on.month, min(on.day, 28)) + timedelta(days=away)
            for age in range(2, 96, 3)
            for away in (-40, 0, 40)
        ]
        fast, slow = Inviter(programme, on), Inviter(programme, on)
        for last in sorted(edges):
            for born in draw.sample(births, 16):
                for count in (2, 3):
                    doses = [
                        Dose(last - timedelta(days=170 * (count - place)), product, place, count)
                        for place in range(1, count + 1)
                    ]
                    history = History(born, tuple(doses), groups=frozenset())
                    assert fast.ask(1, history) == slowly(slow, 1, history)


@pytest.mark.parametrize("age", [0, 5, 18, 85, Period(months=15), Period(months=1, days=3)])
@pytest.mark.parametrize(
    "on", [date(2022, 2, 28), date(2022, 3, 1), date(2024, 2, 29), date(2021, 12, 31)]
)
def test_the_first_birth_date_that_is_too_young_is_found(age: int | Period, on: date) -> None:
    first = date.fromordinal(born_by(on, age))
    assert birthday(first, age) > on
    assert birthday(first - timedelta(days=1), age) <= on


@given(histories(), days)
def test_an_inviter_says_what_the_next_dose_says(history: History, on: date) -> None:
    answer = Inviter(DENMARK, on).ask("x", history)
    found = next_dose(DENMARK, history, on)
    if isinstance(answer, ToLookAt):
        assert answer.ambiguous
        assert found.status is Status.AMBIGUOUS
    elif answer is not None:
        assert (answer.status, answer.dose, answer.earliest) == (
            found.status,
            found.dose,
            found.earliest,
        )
        assert set(answer.products) == set(found.products)
        assert set(answer.marks) <= set(found.marks)
    else:
        assert found.status is not Status.AMBIGUOUS


def test_a_programme_that_says_something_new_is_not_kept_by_keys(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(keys._READ, Audience, keys._READ[Audience] - {"age_from"})
    assert not Inviter(DENMARK, DAYS[4])._asker._keyed
    monkeypatch.undo()
    assert Inviter(DENMARK, DAYS[4])._asker._keyed


# Lines


def lines(rows: list[dict[str, Any]]) -> io.BytesIO:
    return io.BytesIO("".join(json.dumps(row) + "\n" for row in rows).encode())


_LINES_ON = date(2022, 1, 16)
_USUAL_LINES = [
    json.dumps({"id": identifier, "history": document}, separators=separators)
    for separators in ((", ", ": "), (",", ":"))
    for identifier, document in enumerate(population(Random(3), _LINES_ON)[:60])
]
_USUAL_LINES += [
    re.sub(r'("doses": ?\d)', rf'\1, "batch": "B{number}", "place": "Prøvested, {number}"', line)
    for number, line in enumerate(_USUAL_LINES)
]
# Identifiers decide about infections and tests: one of them may stand for two.
_USUAL_LINES += [
    re.sub(r'("(?:first_positive|result)": ?"[^"]*")', r'\1, "uvci": "ONE"', line)
    for line in _USUAL_LINES
]
_PIECES = (
    *(
        '"',
        "\\",
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        " ",
        "}, {",
        "},{",
        "null",
        "1",
        "-0",
        "1.0",
        "true",
    ),
    *('"dose_number": 2', '"date": "2021-06-01", ', '"uvci": "A", ', '"batch": "}, {", ', "ø"),
    *(
        ', "uvci": "TWO"',
        ', "batch": "B7"',
        ', "place":"Q, "',
        ', "uvci": " "',
        ', "batch": ""',
        '"place": "P", ',
    ),
    *('"tests": [], ', '"infections": [], ', '"groups": [], ', '"id": 7, ', "\t", "\x00", "1e999"),
)


@given(
    st.lists(st.sampled_from(_USUAL_LINES), min_size=1, max_size=4),
    st.lists(
        st.tuples(st.floats(0, 1), st.integers(0, 12), st.sampled_from(("", *_PIECES))), max_size=3
    ),
)
def test_lines_in_the_usual_form_are_read_as_any_other(
    texts: list[str], changes: list[tuple[float, int, str]]
) -> None:
    for place, length, piece in changes:
        text = texts[0]
        start = int(place * len(text))
        texts[0] = text[:start] + piece + text[start + length :]
    content = "\n".join([*texts, *texts]).encode(errors="replace")
    quick, close = (People(Asker(DENMARK, _LINES_ON)) for _ in range(2))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(close, "_usual", lambda _: None)
        expected = close.of_lines(content, 1)
    assert quick.of_lines(content, 1) == expected
    assert quick.gone_through() == close.gone_through()


def test_an_identifier_joins_infections_in_a_line_of_the_usual_form() -> None:
    dose = {"product": "EU/1/20/1528", "doses": 2}
    doses = [{**dose, "date": f"2021-0{2 + each}-01", "dose_number": each} for each in (1, 2)]
    days = ("2021-11-20", "2022-01-10")
    answers = []
    for names in (("ONE", "ONE"), ("ONE", "TWO"), None):
        infections = [
            {"first_positive": day} | ({"uvci": name} if name else {})
            for day, name in zip(days, names or (None, None), strict=True)
        ]
        document = {"birth_date": "1950-01-01", "groups": [], "vaccinations": doses}
        history = {**document, "infections": infections}
        line = json.dumps({"id": 1, "history": history}).encode()
        (answers_,) = [People(Asker(DENMARK, _LINES_ON)).of_lines(line, 1).answers]
        expected = slowly(Inviter(DENMARK, _LINES_ON), 1, History.from_json(history))
        assert answers_ == ([] if expected is None else [expected])
        answers.append(len(answers_))
    assert answers == [1, 0, 0]


def test_lines_that_the_library_writes_are_in_the_usual_form() -> None:
    people = People(Asker(DENMARK, _LINES_ON))
    usual = [people._usual(line) is not None for line in _USUAL_LINES]
    assert sum(usual) > len(usual) // 3


@pytest.mark.parametrize("on", DAYS[3:8], ids=str)
def test_lines_give_the_single_answers(on: date) -> None:
    people = population(Random(on.toordinal() + 1), on)
    rows = [{"id": place, "history": document} for place, document in enumerate(people)]
    run = invite_register(DENMARK, lines(rows), on)
    found = {answer.id: without_place(answer) for answer in run}
    slow = Inviter(DENMARK, on)
    for place, document in enumerate(people):
        expected = slowly(slow, place, History.from_json(document))
        assert found.get(place) == without_place(expected)
    assert (run.rows, run.unreadable) == (len(people), 0)
    assert run.invited + run.ambiguous == len(found)


@pytest.mark.parametrize(
    "spoiled",
    [
        {"dose_number": True},
        {"dose_number": 1.0},
        {"dose_number": "1"},
        {"doses": None},
        {"product": 5},
        {"product": ["Comirnaty"]},
        {"date": "2021-13-40"},
        {"date": 20210620},
        {"uvci": ""},
        {"uvci": 5},
        {"batch": "A1"},
        {"unknown": "x"},
        {"disease": "6142004"},
        {"disease": 5},
    ],
    ids=str,
)
def test_a_dose_that_looks_like_one_in_order_is_read_as_it_is(spoiled: dict[str, Any]) -> None:
    """A dose that equals a kept one for Python, as 1 and true do, has its own answer."""
    right = {"date": "2021-06-20", "product": "Comirnaty", "dose_number": 1, "doses": 2}
    person = {"birth_date": "1970-01-01", "groups": []}
    odd = {**person, "vaccinations": [{**right, **spoiled}]}
    rows: list[dict[str, Any]] = [
        {"id": 1, "history": {**person, "vaccinations": [right]}},
        {"id": 2, "history": odd},
    ]
    for register in (list(rows), list(reversed(rows))):
        run = invite_register(DENMARK, lines(register), date(2021, 7, 25))
        found = {answer.id: without_place(answer) for answer in run}
        assert found[1]["status"] == "due"
        try:
            expected = Inviter(DENMARK, date(2021, 7, 25)).ask(2, History.from_json(odd))
            assert found.get(2) == without_place(expected)
        except HistoryError as error:
            assert found[2]["status"] == "unreadable"
            assert [each["code"] for each in found[2]["reasons"]] == [
                fault.code for fault in error.faults
            ]


POSITIVE = {"kind": "naat", "sampled_at": "2022-01-20T08:00:00Z", "result": "positive"}
EARLIER = {**POSITIVE, "sampled_at": "2022-01-02T08:00:00Z", "uvci": "URN:UVCI:01:DK:T"}


@pytest.mark.parametrize(
    "tests",
    [
        [POSITIVE],
        [{**POSITIVE, "disease": "840539006"}],
        [{**POSITIVE, "disease": "6142004"}],
        [{**POSITIVE, "disease": "999"}],
        [{**POSITIVE, "result": "negative"}],
        [{**POSITIVE, "uvci": "URN:UVCI:01:DK:T"}, EARLIER],
        [EARLIER, {**POSITIVE, "uvci": "URN:UVCI:01:DK:T"}],
        [{**POSITIVE, "sampled_at": "2022-01-28T08:00:00Z"}],
        [EARLIER, {**POSITIVE, "sampled_at": "2022-01-28T08:00:00Z"}],
        [5],
        ["uvci"],
        [None, POSITIVE],
    ],
    ids=str,
)
def test_tests_are_read_from_lines_as_they_are_one_by_one(tests: list[Any]) -> None:
    doses = [
        {"date": day, "product": "Comirnaty", "dose_number": number, "doses": 2}
        for number, day in enumerate(("2021-06-01", "2021-07-06"), start=1)
    ]
    person = {"birth_date": "1970-01-01", "groups": [], "vaccinations": doses, "tests": tests}
    for on in (date(2022, 1, 25), date(2022, 2, 24)):
        run = invite_register(DENMARK, lines([{"id": 1, "history": person}]), on)
        found = {answer.id: without_place(answer) for answer in run}
        if tests == [POSITIVE]:  # no dose within a month of an infection
            assert (1 in found) is (on == date(2022, 2, 24))
        try:
            expected = Inviter(DENMARK, on).ask(1, History.from_json(person))
            assert found.get(1) == without_place(expected)
        except HistoryError:
            assert found[1]["status"] == "unreadable"


def test_a_bad_dose_makes_a_person_to_be_looked_at_and_members_are_carried() -> None:
    adult = {
        "birth_date": "1970-01-01",
        "groups": [],
        "vaccinations": [
            {"date": "2021-06-20", "product": "Comirnaty", "dose_number": 1, "doses": 2},
            {"date": "2021-07-25", "product": "Comirnaty", "dose_number": 2, "doses": 2},
        ],
    }
    bad = {**adult, "vaccinations": [{"date": "Marker"}, *adult["vaccinations"]]}
    rows: list[dict[str, Any]] = [
        {"id": "a", "history": adult, "region": {"code": 83}, "status": "theirs"},
        {"id": "b", "history": bad, "region": 84},
        {"id": "c", "history": adult, "invitation": {"state": "booked", "dose": 3}},
        {"id": "d", "history": adult, "invitation": {"state": "booked", "dose": 2}},
        {"id": "e", "history": adult, "invitation": {"state": "Marker"}},
    ]
    run = invite_register(DENMARK, lines(rows), date(2022, 1, 16))
    found = {answer.id: answer.to_json() for answer in run}
    assert found["a"]["carried"] == {"region": {"code": 83}, "status": "theirs"}
    assert found["a"]["status"] == "due"
    assert found["b"]["status"] == "unreadable"
    assert found["b"]["carried"] == {"region": 84}
    assert found["b"]["reasons"][0]["code"] == "json.date"
    assert found["b"]["reasons"][0]["text"].startswith("history.vaccinations.0.date")
    assert "c" not in found
    assert found["d"]["status"] == "due"
    assert found["e"]["reasons"][0]["code"] == "register.invitation"
    assert "Marker" not in str(found)
    assert (run.rows, run.invited, run.ambiguous, run.unreadable) == (5, 2, 0, 2)


def test_who_was_invited_has_booked_or_declined_is_not_invited_again() -> None:
    adult = History.from_json(
        {
            "birth_date": "1970-01-01",
            "groups": [],
            "vaccinations": [
                {"date": "2021-06-20", "product": "Comirnaty", "dose_number": 1, "doses": 2},
                {"date": "2021-07-25", "product": "Comirnaty", "dose_number": 2, "doses": 2},
            ],
        }
    )
    inviter = Inviter(DENMARK, date(2022, 1, 16))
    for _ in range(2):
        for state in InvitationState:
            assert inviter.ask(1, adult, record=InvitationRecord(state)) is None
            assert inviter.ask(1, adult, record=InvitationRecord(state, 3)) is None
            assert inviter.ask(1, adult, record=InvitationRecord(state, 2)) is not None


def test_lines_that_are_longer_than_a_chunk_are_read_and_too_long_ones_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from coronapas.programmes import _people, _register

    monkeypatch.setattr(_register, "CHUNK", 64)
    for module in (_register, _people):
        monkeypatch.setattr(module, "LONGEST", 2000)
    person = {"birth_date": "1990-01-01", "groups": ["staff"]}
    rows: list[dict[str, Any]] = [
        {"id": place, "history": person, "x": letter * length}
        for place, (length, letter) in enumerate(
            zip([0, 500, 3000, 1500, 10, 6000, 0], "yyyyyøy", strict=True)
        )
    ]
    for end in ("", "\n"):
        content = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + end
        run = invite_register(DENMARK, io.BytesIO(content.encode()), date(2021, 1, 10))
        answers = list(run)
        assert [answer.reasons[0].code for answer in answers if isinstance(answer, ToLookAt)] == [
            "register.long-line"
        ] * 2
        found = [(answer.id, getattr(answer, "line", None)) for answer in answers]
        assert found == [
            (0, None),
            (1, None),
            (None, 3),
            (3, None),
            (4, None),
            (None, 6),
            (6, None),
        ]
        assert (run.rows, run.invited, run.unreadable) == (7, 5, 2)


INVITED: dict[str, Any] = {"birth_date": "1990-01-01", "groups": ["staff"]}
"""Somebody whom Denmark invited in January 2021."""


def codes(answer: Any) -> list[str]:
    return [reason.code for reason in answer.reasons] if isinstance(answer, ToLookAt) else []


@pytest.mark.parametrize(
    ("line", "whom", "code"),
    [
        ('{"id": 1, "history": H, "region": 1, "region": 1}', 1, "json.doubled"),
        ('{"id": 1, "history": H, "history": H}', 1, "json.doubled"),
        ('{"id": 1, "history": H, "id": 2}', None, "json.doubled"),
        ('{"id": 1, "history": {"groups": [], "birth_date": "1990-01-01", "groups": ["staff"]}}',
         1, "json.doubled"),
        ('{"id": 1, "history": {"birth_date": "1990-01-01", "groups": [], "tests": [], '
         '"infections": [{"first_positive": "2020-03-01", "first_positive": "2020-03-01"}]}}',
         1, "json.doubled"),
        ('{"id": 1, "history": {"birth_date": "1990-01-01", "groups": [], "vaccinations": '
         '[{"date": "2021-01-01", "date": "2021-01-01", "product": "Comirnaty", "dose_number": 1, '
         '"doses": 2}]}}', 1, "json.doubled"),
        ('{"id": 1, "history": H, "invitation": {"state": "done", "state": "declined"}}',
         1, "register.invitation"),
        ('{"id": 1, "history": {"birth_date": "1990-01-01", "groups": [], "vaccinations": '
         '{"date": "2021-01-01"}}}', 1, "json.list"),
        ('{"id": 1, "history": [["birth_date", "1990-01-01"], ["groups", []]]}',
         1, "register.history"),
        ('[["id", 1], ["history", H]]', None, "register.line"),
        ('{"id": 1, "history": H} {}', None, "register.line"),
        ('{"id": NaN, "history": H}', None, "register.line"),
        ('{"id": 1, "history": H, "far": 1e999}', None, "register.line"),
        ('{"id": true, "history": H}', None, "register.id"),
        ('{"id": 1, "history": ' + '{"a":' * 5000 + "1" + "}" * 5001, None, "register.line"),
    ],
)  # fmt: skip
def test_a_line_that_says_something_twice_or_wrong_is_to_be_looked_at(
    line: str, whom: int | None, code: str
) -> None:
    content = line.replace("H", json.dumps(INVITED)) + "\n"
    (answer,) = invite_register(DENMARK, io.BytesIO(content.encode()), date(2021, 1, 10))
    assert codes(answer) == [code]
    assert answer.id == whom


def test_blanks_around_a_line_and_lines_that_are_not_utf_8_change_no_other_line() -> None:
    line = json.dumps({"id": 1, "history": INVITED, "who": {"name": "Søren", "of": [{}, []]}})
    content = b" \t" + line.encode() + b" \r\n\n  \n\xff\n" + line.replace("1,", "2,", 1).encode()
    first, second, third = invite_register(DENMARK, io.BytesIO(content), date(2021, 1, 10))
    assert (first.id, codes(second), second.line, third.id) == (1, ["register.line"], 4, 2)
    assert first.carried == third.carried == {"who": {"name": "Søren", "of": [{}, []]}}


def test_an_id_that_repeats_is_to_be_looked_at_wherever_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person in two rows has two halves of a history: the second is not answered by itself."""
    from coronapas.programmes import _register, _tables

    monkeypatch.setattr(_register, "CHUNK", 5_000)
    monkeypatch.setattr(_tables, "ROWS", 40)
    names: list[int | str] = [*range(8_000), "7", 7, -1, -2, 7_999, "7", ""]
    nobody = {"birth_date": "1990-01-01", "groups": []}
    rows = [
        {"id": name, "history": nobody if place > 3 and name == 7 else INVITED}
        for place, name in enumerate(names)
    ]
    path = tmp_path / "register.jsonl"
    path.write_bytes(lines(rows).getvalue())
    for jobs in (1, 2):
        run = invite_register(DENMARK, path, date(2021, 1, 10), then=shown_with_line, jobs=jobs)
        found = [json.loads(answer) for answer in run]
        again = [each for each in found if each["status"] == "unreadable"]
        assert [(each["id"], each["line"]) for each in again] == [
            (7, 8002),
            (7999, 8005),
            ("7", 8006),
        ]
        assert {reason["code"] for each in again for reason in each["reasons"]} == {
            "register.repeated"
        }
        assert (run.rows, run.invited, run.unreadable) == (len(names), len(names) - 4, 3)
    people = [{"groups": ["staff"], "birth_date": "1990-01-01"}] * 30
    table = pa.concat_tables([table_of(people), table_of(people[:2])])
    run = invite_register(
        DENMARK, written(table, RegisterForm.PARQUET), date(2021, 1, 10), form=RegisterForm.PARQUET
    )
    assert [(each.id, each.line) for each in run if codes(each) == ["register.repeated"]] == [
        (0, 31),
        (1, 32),
    ]


def test_a_full_table_of_ids_still_knows_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    from coronapas.programmes import _register

    monkeypatch.setattr(_register, "_MOST_SLOTS", 1 << 12)
    for ascending in (True, False):
        seen = _register._Seen()
        seen._table = array("q", bytes(8 << 10))
        for start in range(0, 6_000, 500):
            identifiers: list[str | int | None] = [*range(start, start + 500)]
            assert seen.again(identifiers if ascending else identifiers[::-1]) == []
        assert seen.again([1, 2_000, None, None]) == [0, 1]
        assert seen.again([5_999 if ascending else 5_500]) == []


_IDENTIFIERS = st.integers(-3, 40) | st.integers() | st.text(max_size=2) | st.none()


@given(st.lists(st.lists(_IDENTIFIERS) | st.lists(st.integers(0, 300)).map(sorted), max_size=8))
def test_an_id_that_repeats_is_seen_in_any_order(chunks: list[list[Any]]) -> None:
    from coronapas.programmes import _register

    seen, known = _register._Seen(), set()
    for chunk in chunks:
        again = []
        for place, identifier in enumerate(chunk):
            key = type(identifier), identifier
            if key in known and identifier is not None:
                again.append(place)
            known.add(key)
        assert seen.again(chunk) == again


def shown_with_line(answer: Any) -> str:
    text: str = answer.to_line()
    return text


def test_a_line_of_an_answer_is_its_json() -> None:
    people = population(Random(5), date(2022, 1, 16))
    rows: list[dict[str, Any]] = [
        {"id": f'p"{place}' if place % 2 else place, "history": each}
        | ({"note": {"a": [1.5, None, "ø"]}} if place % 3 else {})
        for place, each in enumerate(people)
    ]
    answers = list(invite_register(DENMARK, lines(rows), date(2022, 1, 16)))
    assert {type(answer) for answer in answers} == {Invitation, ToLookAt}
    for answer in answers:
        assert answer.to_line() == json.dumps(answer.to_json())


def shown(answer: Any) -> str:
    return json.dumps(without_place(answer), sort_keys=True)


def test_an_invitation_is_a_value_that_shows_no_person() -> None:
    given = ("P-1", Status.DUE, 3, date(2021, 12, 1), None, ("EU/1/20/1528",), "offer", "Why.")
    one = Invitation(*given, warnings=("odd",), carried={"note": "secret"})
    assert pickle.loads(pickle.dumps(one)) == copy.deepcopy(one) == one
    assert hash(one) == hash(copy.copy(one))
    members = ("id", "status", "dose", "earliest", "latest", "products", "offer", "reason")
    assert tuple(getattr(one, name) for name in members) == given
    assert (one.marks, one.warnings, one.carried) == ((), ("odd",), {"note": "secret"})
    changes = {"id": "P-2", "dose": 4, "latest": date(2022, 1, 1), "warnings": (), "carried": None}
    for name, value in changes.items():
        document: dict[str, Any] = {**dict(zip(members, given, strict=True)), "warnings": ("odd",)}
        assert Invitation(**{**document, "carried": {"note": "secret"}, name: value}) != one
        with pytest.raises(AttributeError):
            setattr(one, name, value)
    assert one != "P-1"
    for personal in ("P-1", "2021", "secret", "odd"):
        assert personal not in repr(one)


def test_several_processes_give_the_same_answers_in_order(tmp_path: Path) -> None:
    on = date(2022, 1, 16)
    people = population(Random(3), on) * 12
    path = tmp_path / "register.jsonl"
    path.write_bytes(
        lines([{"id": place, "history": each} for place, each in enumerate(people)]).getvalue()
    )
    alone = invite_register(DENMARK, path, on, then=shown)
    together = invite_register(DENMARK, path, on, then=shown, jobs=2)
    assert list(alone) == list(together)
    assert (alone.rows, alone.invited, alone.ambiguous) == (
        together.rows,
        together.invited,
        together.ambiguous,
    )
    with pytest.raises(ValueError, match="job"):
        invite_register(DENMARK, path, on, jobs=0)


# Tables

COLUMNS = [
    "id", "region", "birth_date", "groups", "kind", "vaccination_date", "vaccination_product",
    "vaccination_dose_number", "vaccination_doses", "test_kind", "test_sampled_at", "test_result",
    "recovery_first_positive", "disease", "uvci",
]  # fmt: skip


def event_rows(identifier: Any, document: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of a person in a table of events."""
    groups = document.get("groups")
    person = {
        "id": identifier,
        "region": f"r{identifier}",
        "birth_date": document.get("birth_date"),
        "groups": None if groups is None else " ".join(groups) or "none",
    }
    rows: list[dict[str, Any]] = []
    for dose in document.get("vaccinations", []):
        rows.append(
            {
                "kind": "vaccination",
                "vaccination_date": dose["date"],
                "vaccination_product": dose.get("product"),
                "vaccination_dose_number": dose.get("dose_number"),
                "vaccination_doses": dose.get("doses"),
            }
        )
        rows[-1] |= {name: dose.get(name) for name in ("disease", "uvci")}
    for test in document.get("tests", []):
        rows.append(
            {
                "kind": "test",
                "test_kind": test["kind"],
                "test_sampled_at": test["sampled_at"],
                "test_result": test["result"],
            }
        )
        rows[-1] |= {name: test.get(name) for name in ("disease", "uvci")}
    for one in document.get("infections", []):
        rows.append({"kind": "recovery", "recovery_first_positive": one["first_positive"]})
        rows[-1] |= {name: one.get(name) for name in ("disease", "uvci")}
    return [{**person, **row} for row in rows] or [person]


def table_of(people: list[dict[str, Any]]) -> pa.Table:
    rows = [row for place, each in enumerate(people) for row in event_rows(place, each)]
    return pa.table({name: [row.get(name) for row in rows] for name in COLUMNS})


def written(table: pa.Table, form: RegisterForm) -> io.BytesIO:
    sink = io.BytesIO()
    if form is RegisterForm.CSV:
        pyarrow.csv.write_csv(table, sink)
    else:
        pyarrow.parquet.write_table(table, sink, row_group_size=100)
    return io.BytesIO(sink.getvalue())


@pytest.mark.parametrize("form", [RegisterForm.CSV, RegisterForm.PARQUET])
@pytest.mark.parametrize("on", DAYS[4:6], ids=str)
def test_tables_give_the_single_answers(
    on: date, form: RegisterForm, monkeypatch: pytest.MonkeyPatch
) -> None:
    from coronapas.programmes import _tables

    monkeypatch.setattr(_tables, "ROWS", 70)
    monkeypatch.setattr(_tables, "BLOCK", 5000)
    people = population(Random(on.toordinal() + 2), on)
    for person in people:
        person.pop("sector", None)
        for one in person.get("infections", []):
            one.pop("proof", None)
    run = invite_register(DENMARK, written(table_of(people), form), on, form=form)
    found = {int(answer.id): without_place(answer) for answer in run}
    slow = Inviter(DENMARK, on)
    for place, document in enumerate(people):
        expected = without_place(slowly(slow, place, History.from_json(document)))
        answer = found.get(place)
        if expected is None:
            assert answer is None, document
            continue
        assert answer is not None, document
        assert answer.pop("carried") == {"region": f"r{place}"}
        answer["id"] = place
        assert answer == expected
    assert run.rows == len(people)


@pytest.mark.parametrize("name", BUNDLED)
@pytest.mark.parametrize("seed", range(3))
def test_every_form_gives_the_single_answers_on_any_day(
    name: str, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On days drawn at random, in each bundled programme, with people who are put together."""
    monkeypatch.setattr(inside, "to_be_invited", offered_now_or_opening)
    programme = load(name)
    draw = Random(f"{name} {seed}")
    on = date(2020, 12, 1) + timedelta(days=draw.randrange(800))
    since = on - timedelta(days=draw.randrange(1, 40)) if seed else None
    people = population(draw, on)
    # The same doses some days later or earlier: the offers stand alike, or not.
    for document in people[:200]:
        for dose in document.get("vaccinations", [])[-1:]:
            if len(dose["date"]) == 10:
                moved = date.fromisoformat(dose["date"]) + timedelta(days=draw.randrange(-40, 40))
                copy = {**document, "vaccinations": [*document["vaccinations"]]}
                copy["vaccinations"][-1] = {**dose, "date": moved.isoformat()}
                people.append(copy)
    for person in people:
        person.pop("sector", None)
        for one in person.get("infections", []):
            one.pop("proof", None)
    slow = Inviter(programme, on, since=since)
    expected = [
        without_place(slowly(slow, place, History.from_json(document)))
        for place, document in enumerate(people)
    ]
    rows = [{"id": place, "history": document} for place, document in enumerate(people)]
    of_lines = invite_register(programme, lines(rows), on, since=since)
    found = {answer.id: without_place(answer) for answer in of_lines}
    assert [found.get(place) for place in range(len(people))] == expected
    table = table_of(people).drop_columns("region")
    of_columns = invite_register(
        programme, written(table, RegisterForm.PARQUET), on, since=since, form=RegisterForm.PARQUET
    )
    found = {answer.id: without_place(answer) for answer in of_columns}
    assert [found.get(place) for place in range(len(people))] == expected


@pytest.mark.parametrize("name", BUNDLED)
def test_whom_a_register_invites_may_book(name: str) -> None:
    programme = load(name)
    draw = Random(name)
    on = date(2021, 1, 1) + timedelta(days=draw.randrange(500))
    people = [History.from_json(document) for document in population(draw, on)]
    rows = [{"id": place, "history": each.to_json()} for place, each in enumerate(people)]
    invited = {
        answer.id: (answer.dose, answer.earliest, answer.latest, set(answer.products))
        for answer in invite_register(programme, lines(rows), on)
        if isinstance(answer, Invitation)
    }
    asked = [may_book(programme, history, None, on) for history in people]
    assert invited.keys() == {
        place for place, each in enumerate(asked) if each.answer is BookingAnswer.INVITED
    }
    for place, (dose, earliest, latest, products) in invited.items():
        booking = asked[int(place)]
        assert (booking.dose, booking.latest) == (dose, latest)
        assert booking.earliest == max(earliest, on)
        assert set(booking.products) == products


@pytest.mark.parametrize("form", [RegisterForm.CSV, RegisterForm.PARQUET])
@pytest.mark.parametrize("of", ["events", "histories"])
def test_records_of_invitations_stand_in_tables_too(of: str, form: RegisterForm) -> None:
    doses = [
        {"date": day, "product": "Comirnaty", "dose_number": number, "doses": 2}
        for number, day in ((1, "2021-06-20"), (2, "2021-07-25"))
    ]
    adult = {"birth_date": "1970-01-01", "groups": [], "vaccinations": doses}
    states: list[tuple[str | None, int | None]]
    states = [(None, None), ("booked", 3), ("booked", 2), ("booked", None), ("done", 1), ("x", 3)]
    rows: list[dict[str, Any]] = []
    documents: list[dict[str, Any]] = []
    for place, (state, number) in enumerate(states):
        person = event_rows(f"p{place}", adult)
        if of == "histories":
            person = [{"id": f"p{place}", "history": json.dumps(adult)}]
        told = {"invitation_state": state, "invitation_dose": number}
        rows += [{**row, **told} for row in person]
        record = {} if number is None else {"dose": number}
        documents.append({"id": f"p{place}", "history": adult})
        documents[-1] |= {} if state is None else {"invitation": {"state": state, **record}}
    table = pa.table({name: [row[name] for row in rows] for name in rows[0]})
    on = date(2022, 1, 16)
    runs = (
        invite_register(DENMARK, written(table, form), on, form=form),
        invite_register(DENMARK, lines(documents), on),
    )
    for run in runs:
        found = {answer.id: codes(answer) or answer.to_json()["dose"] for answer in run}
        assert found == {"p0": 3, "p2": 3, "p4": 3, "p5": ["register.invitation"]}


@pytest.mark.parametrize("form", [RegisterForm.CSV, RegisterForm.PARQUET])
def test_a_row_of_a_table_of_histories_is_named_by_its_number(form: RegisterForm) -> None:
    table = pa.table({"id": ["a", "b", "c"], "history": ["5", "[]", "x"]})
    run = invite_register(DENMARK, written(table, form), date(2022, 1, 16), form=form)
    answers = [each.to_json() for each in run]
    assert [(each["id"], each["line"]) for each in answers] == [("a", 1), ("b", 2), ("c", 3)]
    rows = {"id": ["a", None, "b", None], "kind": ["vaccination"] * 4}
    table = pa.table({**rows, "birth_date": ["1970-01-01"] * 4, "vaccination_date": ["x"] * 4})
    run = invite_register(DENMARK, written(table, form), date(2022, 1, 16), form=form)
    found = {(each["line"], each["reasons"][0]["code"]) for each in (one.to_json() for one in run)}
    assert {line for line, code in found if code == "register.id"} == {2, 4}
    assert {line for line, _ in found} == {1, 2, 3, 4}


def test_typed_columns_are_read_as_well_as_texts() -> None:
    adult = [
        {
            "id": 7,
            "birth_date": date(1970, 1, 1),
            "groups": [],
            "kind": "vaccination",
            "vaccination_date": when,
            "vaccination_product": "Comirnaty",
            "vaccination_dose_number": number,
            "vaccination_doses": 2.0,
        }
        for number, when in ((1, date(2021, 6, 20)), (2, date(2021, 7, 25)))
    ]
    table = pa.Table.from_pylist(adult)
    table = table.append_column(
        "test_sampled_at", pa.array([None, None], pa.timestamp("us", tz="UTC"))
    )
    run = invite_register(
        DENMARK, written(table, RegisterForm.PARQUET), date(2022, 1, 16), form=RegisterForm.PARQUET
    )
    (answer,) = run
    assert isinstance(answer, Invitation)
    assert (answer.id, answer.dose, answer.warnings) == (7, 3, ())


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"vaccination_date": "2021-02-30"}, "json.date"),
        ({"vaccination_dose_number": "two"}, "json.number"),
        ({"vaccination_doses": None}, "history.dose-numbers"),
        ({"kind": "jab"}, "json.unknown"),
        ({"recovery_first_positive": "2021-02-02"}, "json.unknown"),
        ({"birth_date": "1971-01-01"}, "register.person"),
        ({"id": None}, "register.id"),
    ],
    ids=str,
)
def test_a_cell_that_cannot_be_read_makes_a_person_to_be_looked_at(
    change: dict[str, Any], code: str
) -> None:
    rows = event_rows(
        "x",
        {
            "birth_date": "1970-01-01",
            "groups": [],
            "vaccinations": [
                {"date": "2021-06-20", "product": "Comirnaty", "dose_number": 1, "doses": 2},
                {"date": "2021-07-25", "product": "Comirnaty", "dose_number": 2, "doses": 2},
            ],
        },
    )
    rows[1] |= change
    rows += event_rows("y", {"birth_date": "1970-01-01", "groups": ["staff"]})
    values = {name: [row.get(name) for row in rows] for name in COLUMNS}
    table = pa.table(
        {
            name: pa.array([None if each is None else str(each) for each in column], pa.string())
            for name, column in values.items()
        }
    )
    for form in (RegisterForm.PARQUET, RegisterForm.CSV):
        run = invite_register(DENMARK, written(table, form), date(2021, 5, 1), form=form)
        found = list(run)
        assert found[-1].id == "y"
        codes = {
            reason.code
            for answer in found
            if isinstance(answer, ToLookAt)
            for reason in answer.reasons
        }
        assert code in codes
        assert run.unreadable == 1


def test_a_table_of_histories_is_read_too() -> None:
    on = date(2022, 1, 16)
    people = population(Random(8), on)[:150]
    table = pa.table(
        {
            "record": [f"p{place}" for place in range(len(people))],
            "history": [json.dumps(each) for each in people],
        }
    )
    run = invite_register(
        DENMARK, written(table, RegisterForm.PARQUET), on, form=RegisterForm.PARQUET
    )
    found = {answer.id: without_place(answer) for answer in run}
    slow = Inviter(DENMARK, on)
    for place, document in enumerate(people):
        expected = slowly(slow, f"p{place}", History.from_json(document))
        assert found.get(f"p{place}") == without_place(expected)


@pytest.mark.parametrize(
    ("content", "form"),
    [
        (b"", RegisterForm.CSV),
        (b"id\n1\n", RegisterForm.CSV),
        (b"kind\nvaccination\n", RegisterForm.CSV),
        (b"id,kind,kind\n1,,\n", RegisterForm.CSV),
        (b"id,kind\n1\n", RegisterForm.CSV),
        (b"\xff\xfe", RegisterForm.CSV),
        (b"not parquet", RegisterForm.PARQUET),
    ],
)
def test_a_table_that_is_none_is_an_error(content: bytes, form: RegisterForm) -> None:
    with pytest.raises(HistoryError):
        list(invite_register(DENMARK, io.BytesIO(content), date(2022, 1, 16), form=form))


def test_the_form_is_that_of_the_name() -> None:
    assert RegisterForm.of("a/b.CSV") is RegisterForm.CSV
    assert RegisterForm.of("a.parquet") is RegisterForm.PARQUET
    assert RegisterForm.of("register") is RegisterForm.LINES


def test_nobody_is_invited_today_by_offers_of_2022() -> None:
    rows = list(made_up_register(300))
    on = max(date(2026, 11, 28), datetime.now().astimezone().date())
    assert list(invitations(load("denmark"), rows, on)) == []
