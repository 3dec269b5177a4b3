"""``coronapas programme``: the answers, what machines read of them, and how each command ends."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from command_world import run
from hypothesis import given
from hypothesis import strategies as st

from coronapas.cli import _output as showing
from coronapas.cli import _programme_inputs as programme_inputs
from coronapas.facts import History
from coronapas.facts._history import LARGEST
from coronapas.programmes import check, load, next_dose, timeline, timeline_svg, timeline_text

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
MIXED: dict[str, Any] = {
    "birth_date": "1970-01-01",
    "vaccinations": [
        {"date": "2021-07-01", "product": "Janssen", "dose_number": 1, "doses": 1},
        {"date": "2021-10-10", "product": "Comirnaty", "dose_number": 2, "doses": 2},
    ],
}
POSITIVE: dict[str, Any] = {
    "kind": "pcr",
    "sampled_at": "2022-01-20T10:00:00+01:00",
    "result": "positive",
}
COPENHAGEN = ZoneInfo("Europe/Copenhagen")
RULE = {"source": "an invented order", "confidence": "S"}
TINY: dict[str, Any] = {
    "id": "tiny",
    "title": "A programme of one rule",
    "time_zone": "Europe/Athens",
    "reckoning": "local",
    "products": [{"code": "EU/1/20/1528", "name": "Comirnaty"}],
    "readings": {
        "single_then_other": {"is": "booster", **RULE},
        "one_dose_recovered": {"is": "recovered", **RULE},
    },
    "rules": [
        {
            "id": "course",
            "evidence": "vaccination",
            "stages": ["primary"],
            "from": {"days": 14},
            "until": {"months": 9},
            **RULE,
        }
    ],
    "revisions": [
        {
            "id": "start",
            "from": "2021-06-01",
            "title": "It begins",
            "requirement": "in-force",
            "vaccinations": ["course"],
            **RULE,
        }
    ],
}


def written(path: Path, document: object) -> str:
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return str(path)


@pytest.fixture
def adult(tmp_path: Path) -> str:
    return written(tmp_path / "history.json", ADULT)


def programme(*arguments: str, **options: Any) -> Result:
    return run("programme", *arguments, **options)


def answer(result: Result, status: int = 0) -> dict[str, Any]:
    assert result.exit_code == status, result.output
    found = json.loads(result.stdout)
    assert isinstance(found, dict)
    return found


# check


def test_a_valid_history_ends_with_0_and_says_until_when_and_why(adult: str) -> None:
    result = programme("check", "--history", adult, "--at", "2021-11-29T12:00")
    assert result.exit_code == 0
    first, second, *rest = result.output.splitlines()
    assert first == "valid  from 2021-07-04 00:00  until 2022-07-25 00:00 (exclusive)"
    assert second == "denmark, revision 2021-11-29, at 2021-11-29 12:00 (Europe/Copenhagen)"
    assert rest[0].startswith("  The dose 2 (Comirnaty, primary) counts from 2021-07-25 00:00")
    assert "[several-doses-12-months: source of the pass app" in rest[0]
    assert rest[-1] == "  Other rules are in force from 2022-01-16 00:00 on."


def test_the_json_of_a_check_is_the_engines_answer(adult: str) -> None:
    at = "2022-01-15T23:59:00+01:00"
    result = programme("check", "--programme", "denmark", "--history", adult, "--at", at, "--json")
    found = answer(result)
    engine = check(load("denmark"), History.from_json(ADULT), datetime.fromisoformat(at))
    assert found == engine.to_json()
    assert found["valid"] is True
    assert found["until"] == "2022-07-24T22:00:00Z"
    assert found["reasons"][0]["code"] == "holds"


def test_a_history_that_is_not_valid_ends_with_1(adult: str) -> None:
    arguments = ("check", "--history", adult, "--at", "2022-01-16")
    found = answer(programme(*arguments, "--json"), 1)
    assert found["valid"] is False
    assert found["until"] is None
    assert [reason["code"] for reason in found["reasons"]] == ["lapsed", "lapsed"]
    result = programme(*arguments)
    assert result.exit_code == 1
    assert result.output.startswith("not valid  from 2021-12-24 23:00  without end\n")


def test_a_history_with_two_answers_is_ambiguous_and_ends_with_1(tmp_path: Path) -> None:
    source = written(tmp_path / "mixed.json", MIXED)
    arguments = ("check", "--history", source, "--at", "2022-03-20T00:00")
    found = answer(programme(*arguments, "--json"), 1)
    assert found["valid"] is None
    assert found["ambiguous"][0]["dose"] == 2
    result = programme(*arguments)
    assert result.output.startswith("ambiguous  ")
    assert "What would settle it" in result.output
    assert "  uncertain: 2022-02-01: " in result.output


def test_before_the_first_revision_nothing_is_valid(adult: str) -> None:
    result = programme("check", "--history", adult, "--at", "2020-01-01")
    assert result.exit_code == 1
    assert "denmark, no revision yet, at 2020-01-01 00:00" in result.output
    assert "Other rules" not in result.output


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2022-01-16", "2022-01-15T23:00:00Z"),
        ("2022-07-16", "2022-07-15T22:00:00Z"),
        ("2022-01-16T00:00", "2022-01-15T23:00:00Z"),
        ("2022-01-16 00:00:01", "2022-01-15T23:00:01Z"),
        ("2022-01-16T00:00Z", "2022-01-16T00:00:00Z"),
        ("2022-01-16T00:00-05:00", "2022-01-16T05:00:00Z"),
        # Twice on that night: the first is meant.
        ("2021-10-31T02:30", "2021-10-31T00:30:00Z"),
    ],
)
def test_a_time_without_a_zone_is_local_and_a_day_its_first_instant(
    adult: str, text: str, instant: str
) -> None:
    result = programme("check", "--history", adult, "--at", text, "--json")
    assert json.loads(result.stdout)["at"] == instant


def test_another_programmes_times_are_of_its_own_zone(tmp_path: Path, adult: str) -> None:
    source = written(tmp_path / "tiny.json", TINY)
    arguments = ("check", "--programme", source, "--history", adult, "--at", "2021-09-01T00:00:01")
    found = answer(programme(*arguments, "--json"))
    assert (found["programme"], found["at"]) == ("tiny", "2021-08-31T21:00:01Z")
    assert "at 2021-09-01 00:00:01 (Europe/Athens)" in programme(*arguments).output


@pytest.mark.parametrize(
    "text", ["", "soon", "2022-13-01", "1879-12-31", "2200-01-01", "9999-12-31T23:59Z", "2022"]
)
def test_a_time_that_is_none_ends_with_2(adult: str, text: str) -> None:
    result = programme("check", "--history", adult, "--at", text)
    assert result.exit_code == 2
    assert "Invalid value for --at: Write YYYY-MM-DD" in result.stderr
    assert result.stdout == ""


@given(st.text(max_size=30))
def test_no_time_is_a_traceback(text: str) -> None:
    result = programme("diff", "--", text, text)
    assert result.exit_code in (0, 2)


def test_now_is_the_time_unless_one_is_given(adult: str) -> None:
    before = datetime.now(UTC)
    found = answer(programme("check", "--history", adult, "--json"), 1)
    assert before <= datetime.fromisoformat(found["at"]) <= datetime.now(UTC)
    today = datetime.now(COPENHAGEN).date()
    on = answer(programme("next", "--history", adult, "--json"))["on"]
    assert on in {today.isoformat(), datetime.now(COPENHAGEN).date().isoformat()}


def test_a_history_is_read_from_standard_input() -> None:
    arguments = ("check", "--history", "-", "--at", "2021-12-01", "--json")
    assert answer(programme(*arguments, input=json.dumps(ADULT)))["valid"] is True


@pytest.mark.parametrize("command", ["check", "next", "timeline"])
def test_a_history_with_faults_ends_with_2_and_a_line_for_each_without_its_values(
    tmp_path: Path, command: str
) -> None:
    bad = {"birth_date": "1971-99-09", "vaccinations": [{"product": "Markerproduct"}], "x": 1}
    source = written(tmp_path / "bad.json", bad)
    result = programme(command, "--history", source)
    assert result.exit_code == 2
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert len(lines) == 3
    assert all(line.startswith(f"Error: {source}: ") for line in lines)
    assert "1971" not in result.stderr
    assert "Markerproduct" not in result.stderr


@pytest.mark.parametrize("content", ["", "{", "[" * 5000, " " * (LARGEST + 1), '"\udcff"'])
def test_a_history_that_is_no_json_or_too_large_ends_with_2(content: str) -> None:
    data = content.encode("utf-8", "surrogateescape")
    result = programme("next", "--history", "-", input=data)
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: standard input: This is ")


def test_a_history_of_the_largest_size_is_read() -> None:
    text = json.dumps(ADULT)
    padded = text + " " * (LARGEST - len(text))
    assert programme("next", "--history", "-", input=padded).exit_code == 0


def test_files_that_are_not_there_end_with_2(tmp_path: Path, adult: str) -> None:
    assert programme("check", "--history", str(tmp_path / "none.json")).exit_code == 2
    assert programme("check").exit_code == 2
    result = programme("check", "--history", adult, "--programme", "sweden")
    assert result.exit_code == 2
    assert "the bundled ones are denmark, eu-travel" in result.stderr


def test_a_programme_with_faults_ends_with_2(tmp_path: Path, adult: str) -> None:
    source = written(tmp_path / "bad.json", {**TINY, "time_zone": "Nowhere"})
    result = programme("check", "--history", adult, "--programme", source)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"Error: {source}: time_zone: The time zone is unknown")


def test_a_time_in_the_hour_that_occurs_twice_is_shown_with_its_offset(adult: str) -> None:
    for at, shown in (("00:30", "02:30+0200"), ("01:30", "02:30+0100")):
        result = programme("check", "--history", adult, "--at", f"2021-10-31T{at}Z")
        assert f"at 2021-10-31 {shown} (Europe/Copenhagen)" in result.output


# next


def test_the_next_dose_is_told_with_its_days_and_products(adult: str) -> None:
    result = programme("next", "--history", adult, "--on", "2022-01-15")
    assert result.exit_code == 0
    assert [line.rstrip() for line in result.output.splitlines()] == [
        "dose 3: due",
        "denmark, schedule of 2022-01-15",
        "  earliest     2021-12-12",
        "  recommended  2021-12-12",
        "  products     Comirnaty, EU/1/20/1528; Spikevax, EU/1/20/1507",
        "  Dose 3 is due since 2021-12-12. [booster-18-140-days: coronasmitte.dk, "
        "'Revaccination', 2022-05-16, quoting the Danish Health Authority: until 15 May everyone "
        "of 18 and over was invited 140 days after the second dose, S]",
    ]


def test_the_json_of_the_next_dose_is_the_engines_answer(adult: str) -> None:
    arguments = ("next", "--programme", "denmark", "--history", adult, "--json", "--on")
    found = answer(programme(*arguments, "2022-01-15"))
    day = datetime(2022, 1, 15).date()
    assert found == next_dose(load("denmark"), History.from_json(ADULT), day).to_json()
    assert found["status"] == "due"
    assert found["latest"] is None
    # The evening of one day in UTC is the next day in Denmark.
    assert answer(programme(*arguments, "2022-01-14T23:30Z"))["on"] == "2022-01-15"


def test_a_dose_that_is_not_offered_is_an_answer_and_an_overdue_one_says_so(
    tmp_path: Path, adult: str
) -> None:
    result = programme("next", "--history", adult, "--on", "2021-10-01")
    assert result.exit_code == 0
    assert result.output.startswith("dose 3: not-offered\n")
    first = written(tmp_path / "first.json", {**ADULT, "vaccinations": ADULT["vaccinations"][:1]})
    result = programme("next", "--history", first, "--on", "2021-12-01")
    assert result.output.startswith("dose 2: due, overdue\n")


def test_an_ambiguous_next_dose_ends_with_1(tmp_path: Path) -> None:
    source = written(tmp_path / "mixed.json", MIXED)
    result = programme("next", "--history", source, "--on", "2022-03-20", "--json")
    assert answer(result, 1)["status"] == "ambiguous"


# timeline


def test_a_timeline_is_a_table_of_validity_evidence_and_suspensions(tmp_path: Path) -> None:
    source = written(tmp_path / "history.json", {**ADULT, "tests": [POSITIVE]})
    result = programme("timeline", "--history", source)
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert "  2021-09-10 00:00  2021-09-15 00:00  valid     [2021-09-10], requirement lifted" in (
        lines
    )
    assert "  2022-01-20 10:00  2022-01-31 00:00  not valid [2022-01-16], suspended" in lines
    assert "dose 1 (Comirnaty, first):" in lines
    assert "  2021-07-04 00:00  2021-08-01 00:00  first-dose-14-42-days  [2021-07-01]" in lines
    place = lines.index("suspended:")
    assert lines[place + 1] == "  2022-01-20 10:00  2022-01-31 00:00"
    assert any(line.startswith("  2022-03-31 00:00  without end  ") for line in lines)
    assert any(line.startswith("  uncertain: 2021-04-16: ") for line in lines)


def test_a_timeline_names_readings_exemptions_and_doses_that_never_count(tmp_path: Path) -> None:
    source = written(tmp_path / "mixed.json", MIXED)
    output = programme("timeline", "--history", source).output
    assert "dose 2 can be read as booster or primary; what would settle it: " in output
    assert "in some readings  [2022-02-01]" in output
    strange = {
        "birth_date": "2012-01-01",
        "vaccinations": [{"date": "2021-07-01", "product": "Sputnik V"}],
    }
    output = programme("timeline", "--history", written(tmp_path / "x.json", strange)).output
    assert ", exempt" in output
    assert ": never counts\n" in output


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("da", ("gyldighed:", "fritaget", "kan forstås på flere måder: booster eller primary")),
        ("de", ("Gültigkeit:", "befreit", "kann verschieden gelesen werden: booster oder primary")),
    ],
)
def test_a_timeline_is_told_in_the_language(
    tmp_path: Path, language: str, words: tuple[str, ...]
) -> None:
    source = written(tmp_path / "mixed.json", {**MIXED, "birth_date": "2010-01-01"})
    output = programme("timeline", "--history", source, "--language", language).output
    assert all(text in output for text in words)
    assert "what would settle it" not in output
    assert "exempt" not in output


MEASLES = {
    "birth_date": "2025-01-15",
    "groups": [],
    "vaccinations": [{"date": "2026-01-05", "product": "MMR"}],
}
BOOKLET = ("--programme", "yellow-fever-measles")


def test_a_programme_for_several_diseases_is_asked_about_one(tmp_path: Path) -> None:
    source = written(tmp_path / "child.json", MEASLES)
    at = ("--at", "2026-06-01", "--place", "kindergarten")
    asked = programme("check", *BOOKLET, "--disease", "measles", *at, "--history", source)
    assert asked.exit_code == 0
    assert "At this place a pass is asked for." in asked.output
    assert programme("check", *BOOKLET, *at, "--history", source).exit_code == 1
    on = ("--on", "2026-06-01")
    due = programme("next", *BOOKLET, "--disease", "14189004", *on, "--history", source)
    assert due.output.startswith("dose 2: due")
    line = programme("timeline", *BOOKLET, "--disease", "measles", *at[2:], "--history", source)
    assert "measles-one-dose" in line.output


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--disease", "mumps"), "16541001 (yellow fever), 14189004 (measles)"),
        (("--place", "bar"), "it knows kindergarten, school, health-facility"),
        (("--region", "mars"), "it knows saudi-arabia, egypt"),
    ],
)
@pytest.mark.parametrize("command", ["check", "timeline"])
def test_a_disease_a_place_or_a_region_that_is_not_known_is_refused(
    tmp_path: Path, command: str, options: tuple[str, ...], words: str
) -> None:
    source = written(tmp_path / "child.json", MEASLES)
    result = programme(command, *BOOKLET, *options, "--history", source)
    assert result.exit_code == 2
    assert words in " ".join(result.output.split())


def test_the_difference_and_the_strength_are_shown_of_a_disease_and_a_product(
    tmp_path: Path,
) -> None:
    days = ("2025-12-31", "2026-01-01")
    first = programme("diff", "yellow-fever-measles", *days).output
    second = programme("diff", "yellow-fever-measles", "--disease", "measles", *days).output
    assert "Stamaril" in first
    assert "Stamaril" not in second
    assert "M-M-RvaxPro" in second
    source = written(tmp_path / "history.json", {"birth_date": "1980-01-01", "groups": []})
    on = ("--on", "2021-07-01", "--history", source)
    assert (
        "Spikevax (100 µg), EU/1/20/1507" in programme("next", "--programme", "germany", *on).output
    )


def test_the_document_of_a_programme_can_be_changed_and_loaded(tmp_path: Path) -> None:
    document = json.loads(programme("show", "denmark", "--document").output)
    document["schedule"]["offers"] = []
    changed = written(tmp_path / "changed.json", document)
    assert "offer from" not in programme("show", changed).output
    shown = programme("show", "yellow-fever-measles").output
    for words in ("regions:", "diseases:", "rule (vaccination) measles-two-doses",
                  "exemption born-before-1971", "requirement yellow-fever-at-the-border",
                  "offer from 2026-01-01, measles-2"):  # fmt: skip
        assert words in shown
    overlay = {"extends": "denmark", "title": "Denmark, without a schedule",
               "schedule": {"offers": []}}  # fmt: skip
    path = written(tmp_path / "overlay.json", overlay)
    assert programme("show", path).output.startswith("denmark: Denmark, without a schedule")


def test_what_is_uncertain_about_a_used_rule_is_named(tmp_path: Path) -> None:
    late = {
        "birth_date": "1970-01-01",
        "vaccinations": [
            {"date": "2022-01-10", "product": "Comirnaty", "dose_number": 1, "doses": 2}
        ],
    }
    output = programme("timeline", "--history", written(tmp_path / "x.json", late)).output
    assert "  uncertain: first-dose-kept-2022: " in output
    assert (
        "  uncertain: first-dose-kept-2022: "
        not in programme(
            "timeline", "--history", written(tmp_path / "y.json", {"vaccinations": []})
        ).output
    )


def test_the_json_of_a_timeline_is_the_engines_answer(adult: str) -> None:
    found = answer(programme("timeline", "--history", adult, "--json"))
    assert found == timeline(load("denmark"), History.from_json(ADULT)).to_json()


def test_a_timeline_is_drawn_into_a_file_for_its_owner_alone(tmp_path: Path, adult: str) -> None:
    picture = tmp_path / "timeline.svg"
    arguments = ("timeline", "--history", adult, "--svg", str(picture))
    result = programme(*arguments)
    assert (result.exit_code, result.output) == (0, f"{picture}\n")
    whole = picture.read_text("utf-8")
    assert whole.startswith("<svg")
    if sys.platform != "win32":
        assert picture.stat().st_mode & 0o777 == 0o600
    assert programme(*arguments).exit_code == 2
    part = ("--from", "2021-11-01", "--until", "2022-02-01T00:00Z")
    answer(programme(*arguments, "--force", "--json", *part))
    assert picture.read_text("utf-8") != whole


def test_a_picture_has_the_width_that_is_asked_for(tmp_path: Path, adult: str) -> None:
    picture = tmp_path / "phone.svg"
    programme("timeline", "--history", adult, "--svg", str(picture), "--width", "390")
    whole = picture.read_text("utf-8")
    assert whole == timeline_svg(timeline(load("denmark"), History.from_json(ADULT)), width=390)


def test_a_timeline_is_drawn_in_characters_above_its_table(adult: str) -> None:
    found = timeline(load("denmark"), History.from_json(ADULT))
    table = programme("timeline", "--history", adult).output
    whole = programme("timeline", "--history", adult, "--draw")
    assert (whole.exit_code, whole.output) == (0, f"{timeline_text(found)}\n\n{table}")
    part = programme("timeline", "--history", adult, "--draw", "--from", "2021-12-01")
    assert part.output != whole.output
    assert part.output.endswith(table)


def test_on_a_terminal_of_eighty_columns_no_line_is_longer(adult: str) -> None:
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "coronapas", "programme", "timeline", "--history", adult, "--draw"],
        stdin=theirs,
        stdout=theirs,
        env={**os.environ, "COLUMNS": "80", "NO_COLOR": ""},
    ) as process:
        os.close(theirs)
        shown = b""
        try:
            while piece := os.read(ours, 65_536):
                shown += piece
        except OSError:  # the terminal is closed
            pass
        finally:
            os.close(ours)
    assert process.returncode == 0
    lines = re.sub(r"\x1b\[[0-9;]*m", "", shown.decode()).splitlines()
    assert max(map(len, lines)) == 80
    assert len(lines) > 40


def test_options_of_the_picture_need_one_and_a_time_to_show(tmp_path: Path, adult: str) -> None:
    result = programme("timeline", "--history", adult, "--from", "2021-01-01")
    assert result.exit_code == 2
    assert "add --svg" in result.stderr
    assert programme("timeline", "--history", adult, "--draw", "--width", "390").exit_code == 2
    assert programme("timeline", "--history", adult, "--draw", "--json").exit_code == 2
    picture = tmp_path / "timeline.svg"
    arguments = ("timeline", "--history", adult, "--svg", str(picture))
    result = programme(*arguments, "--from", "2022-01-01", "--until", "2021-01-01")
    assert result.exit_code == 2
    assert "at least an hour after the start" in result.stderr
    assert not picture.exists()


# diff


def test_a_diff_says_in_words_what_changed() -> None:
    result = programme("diff", "2021-11-29", "2022-01-16")
    assert result.exit_code == 0
    assert result.output.startswith("denmark, 2021-11-29 to 2022-01-16:\n")
    assert "  Booster: at once from the dose, without end (before: " in result.output
    assert "    uncertain: The day in the last week of November 2021 is inferred" in result.output
    assert programme("diff", "denmark", "2021-11-29", "2022-01-16").output == result.output
    named = programme("diff", "2021-11-29", "2022-01-16", "--programme", "denmark")
    assert named.output == result.output


def test_a_diff_is_given_as_json_too() -> None:
    found = answer(programme("diff", "eu-travel", "2022-01-31", "2022-02-01T00:00", "--json"))
    assert (found["programme"], found["earlier"]) == ("eu-travel", "2022-01-31")
    assert {change["area"] for change in found["changes"]} >= {"vaccination"}
    assert all(change["text"] for change in found["changes"])


def test_where_nothing_changed_the_diff_says_so() -> None:
    result = programme("diff", "2021-12-01", "2021-12-02T10:00")
    assert result.exit_code == 0
    assert result.output == (
        "denmark, 2021-12-01 to 2021-12-02 10:00:00+01:00:\n  nothing changed\n"
    )


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("2021-01-01",),
        ("denmark", "denmark", "2021-01-01", "2022-01-01"),
        ("denmark", "2021-01-01", "2022-01-01", "--programme", "denmark"),
        ("2022-01-01", "2021-01-01"),
        ("2022-01-01", "x"),
        ("nowhere", "2021-01-01", "2022-01-01"),
        ("2021-01-01", "2022-01-01", "--programme", ""),
    ],
)
def test_a_diff_of_anything_but_two_dates_in_order_ends_with_2(arguments: tuple[str, ...]) -> None:
    result = programme("diff", *arguments)
    assert result.exit_code == 2
    assert "Error: " in result.stderr


# lint


@pytest.mark.parametrize("name", ["denmark", "eu-travel"])
def test_the_bundled_programmes_have_no_findings(name: str) -> None:
    result = programme("lint", name)
    assert (result.exit_code, result.output) == (0, f"{name}: errors 0, advice 0\n")
    found = answer(programme("lint", name, "--json"))
    assert found == {"programme": name, "errors": 0, "findings": []}


def test_an_error_of_the_rows_ends_with_1(tmp_path: Path) -> None:
    rows = [{**TINY["rules"][0], "until": {"days": 14}}]
    source = written(tmp_path / "tiny.json", {**TINY, "rules": rows})
    result = programme("lint", source)
    assert result.exit_code == 1
    assert result.output == (
        "error  order  course: The rule ends before it begins.\ntiny: errors 1, advice 0\n"
    )
    (finding,) = answer(programme("lint", source, "--json"), 1)["findings"]
    assert (finding["level"], finding["code"], finding["row"]) == ("error", "order", "course")


def test_advice_alone_ends_with_0(tmp_path: Path) -> None:
    revisions = [{**TINY["revisions"][0], "earliest": "2021-05-30"}]
    source = written(tmp_path / "tiny.json", {**TINY, "revisions": revisions})
    result = programme("lint", source)
    assert result.exit_code == 0
    assert result.output.startswith("advice  uncertain  start: ")
    assert result.output.endswith("tiny: errors 0, advice 1\n")


def test_faults_of_the_format_are_errors_of_lint(tmp_path: Path) -> None:
    source = written(tmp_path / "bad.json", {**TINY, "time_zone": "Nowhere", "colour": "red"})
    found = answer(programme("lint", source, "--json"), 1)
    assert found["errors"] == 2
    assert {one["row"] for one in found["findings"]} == {"time_zone", "colour"}


def test_lint_of_what_is_no_json_ends_with_2(tmp_path: Path) -> None:
    source = written(tmp_path / "bad.json", "{")
    result = programme("lint", source)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert programme("lint", "nowhere").exit_code == 2
    assert programme("lint").exit_code == 2


# show


def test_the_groups_that_a_programme_knows_are_printed() -> None:
    result = programme("show", "denmark", "--groups")
    assert result.exit_code == 0
    assert "  care-home " in result.stdout
    assert "  museum " in result.stdout
    assert "first-care-homes" not in result.stdout
    found = answer(programme("show", "denmark", "--groups", "--json"))
    assert found["groups"]["severe-immunosuppression"]
    assert "rows" not in found


def test_a_programme_is_shown_with_the_sources_of_its_rows() -> None:
    result = programme("show", "eu-travel")
    assert result.exit_code == 0
    assert "revision 2022-12-22 [Council Recommendation (EU) 2022/2547" in result.stdout
    assert "  uncertain: Whether day 270 itself counts is open" in result.stdout
    rows = answer(programme("show", "--json"))["rows"]
    named = {row["id"] for row in rows}
    assert {one.id for one in load("denmark").schedule.offers} <= named
    assert all(row["source"] and row["confidence"] for row in rows)
    assert programme("show", "nowhere").exit_code == 2


# invite


def register(path: Path, *rows: object) -> str:
    lines = (row if isinstance(row, str) else json.dumps(row) for row in rows)
    return written(path, "\n".join(lines) + "\n")


ROWS: tuple[dict[str, Any], ...] = (
    {"id": "a-1", "history": ADULT},
    {"id": 2, "history": MIXED},
    {"id": "born today", "history": {"birth_date": "2022-03-20"}},
)
ON = ("--on", "2022-03-20")


def test_those_who_are_to_be_invited_are_lines_and_the_count_is_the_last(tmp_path: Path) -> None:
    source = register(tmp_path / "register.jsonl", *ROWS, "", "   ")
    result = programme("invite", "--register", source, *ON)
    assert result.exit_code == 0
    line, count = result.stdout.splitlines()
    assert "2: ambiguous: " in result.stderr
    assert "dose 2 can be read as" in result.stderr.lower()
    assert line.startswith("a-1: due, dose 3, since 2021-12-12, Comirnaty, Spikevax: Dose 3 is due")
    assert count == "3 rows: 1 to be invited, 1 ambiguous, 0 unreadable"


def test_the_json_of_invitations_is_one_object_a_line(tmp_path: Path) -> None:
    source = register(tmp_path / "register.jsonl", *ROWS)
    result = programme("invite", "--register", source, *ON, "--json")
    assert result.exit_code == 0
    (found,) = (json.loads(line) for line in result.stdout.splitlines())
    assert (found["id"], found["status"], found["dose"]) == ("a-1", "due", 3)
    named, count = result.stderr.splitlines()
    assert json.loads(named)["id"] == 2
    assert json.loads(named)["reasons"]
    assert count == "3 rows: 1 to be invited, 1 ambiguous, 0 unreadable"


def test_every_invitation_is_what_the_next_dose_says(tmp_path: Path) -> None:
    source = register(tmp_path / "register.jsonl", *ROWS)
    lines = programme("invite", "--register", source, *ON, "--json").stdout.splitlines()
    invited = {json.loads(line)["id"] for line in lines}
    for row in ROWS:
        status = next_dose(
            load("denmark"), History.from_json(row["history"]), datetime(2022, 3, 20).date()
        ).status
        assert (row["id"] in invited) is (status in ("due", "eligible"))


def test_a_first_dose_names_its_latest_day(tmp_path: Path) -> None:
    first = {**ADULT, "vaccinations": ADULT["vaccinations"][:1]}
    source = register(tmp_path / "register.jsonl", {"id": "\x1b[2J", "history": first})
    result = programme("invite", "--register", source, "--on", "2021-07-25")
    assert result.output.startswith("\ufffd[2J: ")
    assert ", latest 2021-08-01, " in result.output


def test_who_was_to_be_invited_earlier_is_left_out(tmp_path: Path) -> None:
    source = register(tmp_path / "register.jsonl", *ROWS)
    arguments = ("invite", "--register", source, *ON, "--since")
    assert "0 to be invited" in programme(*arguments, "2022-03-01").output
    assert "1 to be invited" in programme(*arguments, "2021-10-01").output
    assert programme(*arguments, "2022-03-20").exit_code == 2


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{", "The line must be JSON in UTF-8."),
        ("[" * 5000, "The line must be JSON in UTF-8."),
        ("9" * 5000, "The line must be JSON in UTF-8."),
        ("[]", "The line must be an object with id and history."),
        ('{"id": 1}', "The line must be an object with id and history."),
        ('{"history": {}, "x": 1}', "The line must be an object with id and history."),
        ('{"id": 1, "history": "{}"}', "history must be an object."),
        ('{"id": true, "history": {}}', "id must be a string or an integer."),
        ('{"id": {}, "history": {}}', "id must be a string or an integer."),
        ('{"id": 1, "history": {"birth_date": "Marker"}}', "1: history.birth_date: "),
        ('{"id": 1, "history": {}, "invitation": 1}', "1: invitation must have a known state"),
        ('{"id": 1, "history": {"x": 1, "y": 2}}', "(and 1 more faults)"),
        ('{"id": 1, "history": {"x": "' + "z" * (2 * LARGEST) + '"}}', "The line is too long."),
    ],
)
def test_a_line_that_cannot_be_read_is_named_and_the_others_are_gone_through(
    tmp_path: Path, line: str, why: str
) -> None:
    source = register(tmp_path / "register.jsonl", line, ROWS[0])
    result = programme("invite", "--register", source, *ON)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"{source}:1: ")
    assert why in result.stderr
    assert "Marker" not in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert result.stdout.startswith("a-1: due")
    assert result.stdout.endswith("2 rows: 1 to be invited, 0 ambiguous, 1 unreadable\n")


def test_a_register_is_read_from_standard_input_line_by_line() -> None:
    arguments = ("invite", "--register", "-", *ON)
    result = programme(*arguments, input=b"\xff\n" + json.dumps(ROWS[0]).encode())
    assert result.exit_code == 2
    assert result.stderr == "standard input:1: The line must be JSON in UTF-8.\n"
    assert result.stdout.startswith("a-1: due")


def test_members_that_are_not_ours_are_carried_through(tmp_path: Path) -> None:
    rows = [{**row, "region": 80 + place} for place, row in enumerate(ROWS)]
    source = register(tmp_path / "register.jsonl", *rows)
    result = programme("invite", "--register", source, *ON, "--json")
    assert json.loads(result.stdout)["carried"] == {"region": 80}
    assert json.loads(result.stderr.splitlines()[0])["carried"] == {"region": 81}


def test_a_bad_dose_makes_a_person_to_be_looked_at(tmp_path: Path) -> None:
    bad = {**ADULT, "vaccinations": [*ADULT["vaccinations"], {"date": "Marker"}]}
    source = register(tmp_path / "register.jsonl", {"id": "A-17", "history": bad}, ROWS[0])
    result = programme("invite", "--register", source, *ON, "--json")
    named, count = result.stderr.splitlines()
    found = json.loads(named)
    assert (found["id"], found["line"], found["status"]) == ("A-17", 1, "unreadable")
    assert found["reasons"][0]["code"] == "json.date"
    assert "Marker" not in named
    assert count == "2 rows: 1 to be invited, 0 ambiguous, 1 unreadable"


def test_several_processes_write_the_same_lines_in_order(tmp_path: Path) -> None:
    rows = [{**ROWS[place % 3], "id": place} for place in range(300)]
    source = register(tmp_path / "register.jsonl", *rows)
    asked = ("invite", "--register", source, *ON)
    alone, together = programme(*asked), programme(*asked, "--jobs", "2")
    assert alone.output == together.output
    assert len(alone.stdout.splitlines()) == 101


def test_a_table_is_a_register_too(tmp_path: Path) -> None:
    table = tmp_path / "register.csv"
    table.write_text(
        "id;birth_date;groups;kind;vaccination_date;vaccination_product;"
        "vaccination_dose_number;vaccination_doses;region\n"
        "A-17;1970-01-01;none;vaccination;2021-06-20;Comirnaty;1;2;83\n"
        "A-17;;;vaccination;2021-07-25;Comirnaty;2;2;\n"
        "A-18;1970-01-01;none;vaccination;2021-07-35;Comirnaty;1;2;84\n"
    )
    result = programme("invite", "--register", str(table), *ON)
    assert result.stdout.startswith("A-17: due, dose 3, since 2021-12-12")
    assert result.stderr.startswith(f"{table}:3: A-18: history.vaccinations.0.date: ")
    assert result.exit_code == 2
    table.write_text("name\nx\n")
    assert programme("invite", "--register", str(table), *ON).exit_code == 2


def test_an_empty_register_gives_the_count_alone() -> None:
    result = programme("invite", "--register", "-", *ON, input="")
    assert (result.exit_code, result.output) == (
        0,
        "0 rows: 0 to be invited, 0 ambiguous, 0 unreadable\n",
    )


def test_progress_is_shown_on_a_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(showing, "on_terminal", lambda **_: True)
    monkeypatch.setenv("FORCE_COLOR", "1")
    source = register(tmp_path / "register.jsonl", *ROWS)
    assert "inviting" in programme("invite", "--register", source, *ON).stderr


# the group


@pytest.mark.parametrize("command", ["check", "next", "timeline", "invite", "diff", "lint", "show"])
def test_every_command_of_the_group_has_help_and_says_how_it_ends(command: str) -> None:
    result = programme(command, "--help")
    assert result.exit_code == 0
    assert "Exit codes: 0" in result.output


def test_answers_have_colours_on_a_terminal_alone(adult: str) -> None:
    arguments = ("check", "--history", adult, "--at", "2021-12-01")
    assert "\x1b[32mvalid\x1b[0m" in programme(*arguments, color=True).output
    assert "\x1b" not in programme(*arguments).output


def test_an_instant_is_shown_to_the_second_only_where_it_needs_that() -> None:
    moment = datetime(2021, 7, 1, 10, tzinfo=UTC)
    assert programme_inputs.shown(moment, COPENHAGEN) == "2021-07-01 12:00"
    assert programme_inputs.shown(moment.replace(second=5), COPENHAGEN) == "2021-07-01 12:00:05"
    assert programme_inputs.shown(None, COPENHAGEN) == "without end"
