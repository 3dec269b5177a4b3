"""``coronapas programme book``, ``give`` and ``register``: the answers and how they end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from command_world import run

from coronapas.facts import History, Holder, facts_from_json, facts_to_json, parse_facts
from coronapas.programmes import load, may_book, may_give, register_dose

if TYPE_CHECKING:
    from click.testing import Result

ADULT: dict[str, Any] = {
    "birth_date": "1970-01-01",
    "groups": [],
    "vaccinations": [
        {"date": "2021-06-20", "product": "Comirnaty", "dose_number": 1, "doses": 2},
        {"date": "2021-07-25", "product": "Comirnaty", "dose_number": 2, "doses": 2},
    ],
}
DENMARK = load("denmark")


@pytest.fixture
def adult(tmp_path: Path) -> str:
    path = tmp_path / "history.json"
    path.write_text(json.dumps(ADULT))
    return str(path)


def programme(*arguments: str) -> Result:
    return run("programme", *arguments)


def test_who_may_book_is_told_both_dates(tmp_path: Path) -> None:
    path = tmp_path / "history.json"
    path.write_text(json.dumps({"birth_date": "1990-01-01", "groups": ["staff"]}))
    result = programme("book", "--history", str(path), "--on", "2021-02-10")
    assert result.exit_code == 0
    assert "dose 1: invited" in result.stdout
    assert "Comirnaty: 1/2 2021-02-10, then 2021-03-03 – 2021-03-24" in result.stdout
    nobody = programme("book", "--history", str(path), "--on", "2021-02-10", "--group", "pregnant")
    assert nobody.exit_code == 1
    assert "dose 1: no" in nobody.stdout


def test_the_json_of_a_booking_is_the_librarys_answer(adult: str) -> None:
    result = programme("book", "--history", adult, "--on", "2022-01-15", "--json")
    expected = may_book(DENMARK, History.from_json(ADULT), None, DAY)
    assert json.loads(result.stdout) == expected.to_json()


def test_the_state_of_an_invitation_is_given_in(adult: str) -> None:
    asked = ("book", "--history", adult, "--on", "2022-01-15")
    assert programme(*asked, "--state", "booked").exit_code == 1
    assert programme(*asked, "--state", "booked", "--for-dose", "2").exit_code == 0
    assert "Say the --state" in programme(*asked, "--for-dose", "2").output


def test_an_arrival_is_a_line_for_each_check(adult: str) -> None:
    asked = ("give", "--history", adult, "--on", "2022-01-15", "--product")
    right = programme(*asked, "Moderna", "--state", "booked", "--appointment", "2022-01-15")
    assert right.exit_code == 0
    assert right.stdout.startswith("Spikevax 3/3: yes\n")
    wrong = programme(*asked, "AstraZeneca", "--language", "da")
    assert wrong.exit_code == 1
    assert "vaccine      nej" in wrong.stdout
    assert "Vaccinen gives ikke på dette tidspunkt." in wrong.stdout


def test_the_json_of_an_arrival_is_the_librarys_answer(adult: str) -> None:
    result = programme(
        "give", "--history", adult, "--on", "2022-01-15", "--product", "Moderna", "--json"
    )
    expected = may_give(DENMARK, History.from_json(ADULT), None, DAY, "Moderna")
    assert json.loads(result.stdout) == expected.to_json()


def test_a_registered_dose_is_in_the_new_history(adult: str, tmp_path: Path) -> None:
    out = tmp_path / "new.json"
    asked = ("register", "--history", adult, "--product", "Moderna", "--on", "2022-01-15")
    result = programme(*asked, "--place", "Odense", "--batch", "A1", "--out", str(out))
    assert (result.exit_code, result.stdout) == (0, "Spikevax 3/3 2022-01-15\n")
    expected = register_dose(
        DENMARK, History.from_json(ADULT), "Moderna", DAY, place="Odense", batch="A1"
    )
    assert History.from_json(out) == expected.history
    assert programme("next", "--history", str(out), "--on", "2022-01-16").exit_code == 0


def test_the_facts_for_the_pass_name_the_holder(adult: str, tmp_path: Path) -> None:
    holder = Holder("Hansen", "Anna", History.from_json(ADULT).birth_date)
    before = register_dose(DENMARK, History(), "Comirnaty", DAY).vaccination
    path = tmp_path / "facts.json"
    path.write_text(json.dumps(facts_to_json(holder, before)))
    asked = ("register", "--history", adult, "--product", "Moderna", "--on", "2022-01-15")
    result = programme(*asked, "--holder", str(path), "--json")
    found, event = facts_from_json(json.loads(result.stdout)["facts"])
    assert found == holder
    assert event.to_json() == json.loads(result.stdout)["vaccination"]
    path.write_text("{}")
    assert programme(*asked, "--holder", str(path), "--json").exit_code == 2
    assert parse_facts("{}") == {}


def test_a_dose_with_warnings_is_registered_and_ends_with_1(adult: str) -> None:
    asked = ("register", "--history", adult, "--on", "2022-01-15", "--product")
    result = programme(*asked, "AstraZeneca")
    assert result.exit_code == 1
    assert "AstraZeneca's vaccine is withdrawn" in result.stdout
    assert programme(*asked, "Moderna", "--numbers", "2/1").stdout.startswith("Spikevax 2/1")
    assert programme(*asked, "Moderna", "--numbers", "0/1").exit_code == 2


DAY = History.from_json({"vaccinations": [{"date": "2022-01-15"}]}).doses[0].date


@pytest.mark.parametrize("command", ["book", "give", "register"])
def test_every_command_has_help_and_says_how_it_ends(command: str) -> None:
    result = programme(command, "--help")
    assert result.exit_code == 0
    assert "Exit codes: 0 " in result.stdout
