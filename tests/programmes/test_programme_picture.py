"""The picture of a timeline, and what the answers look like as JSON."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from programme_cases import (
    DENMARK,
    EU,
    day,
    dose,
    histories,
    history,
    infected,
    local,
    sampled,
)

from coronapas.facts import History, Tested
from coronapas.programmes import check, timeline, timeline_svg, timeline_text
from coronapas.programmes._picture import MOST_LINES, WIDTH

SVG = "{http://www.w3.org/2000/svg}"

PERSON = history(
    dose("2021-03-01", "1/2", "AstraZeneca"),
    dose("2021-05-26", "2/2"),
    dose("2022-01-24", "3/3"),
    infected("2021-01-01"),
    sampled("2021-12-01T10:00", "rat", positive=True),
    sampled("2021-12-04T10:00", "naat"),
    born=day("1983-05-05"),
)


def drawn(one: History, **limits: Any) -> ElementTree.Element:
    return ElementTree.fromstring(timeline_svg(timeline(DENMARK, one), **limits))


def words(svg: ElementTree.Element) -> list[str]:
    return [element.text or "" for element in svg.iter(f"{SVG}text")]


def bars(svg: ElementTree.Element, kind: str) -> list[ElementTree.Element]:
    """The bars of a kind that have a tooltip: the legend's have none."""
    return [
        one
        for one in svg.iter(f"{SVG}rect")
        if one.get("class") == kind and one.find(f"{SVG}title") is not None
    ]


def test_the_picture_shows_revisions_evidence_suspensions_and_validity() -> None:
    svg = drawn(PERSON)
    found = words(svg)
    for label in ("Revisions", "Requirement", "Pass", "Dose 1 (Vaxzevria, first)"):
        assert label in found
    assert "Dose 3 (Comirnaty, booster|extra)".replace("|", " or ") not in found
    assert "Dose 3 (Comirnaty, booster)" in found
    assert "Negative PCR test 2" in found
    assert "Suspended by positive test" in found
    answers = bars(svg, "answer-valid")
    assert len(answers) >= 3
    assert any("2022-01-16 00:00" in (one.findtext(f"{SVG}title") or "") for one in answers)
    description = svg.findtext(f"{SVG}desc") or ""
    assert "valid from 2022-01-24 00:00 until 2022-03-31 00:00" in description


@pytest.mark.parametrize("width", [320, 390, 719, 720, WIDTH, 4000])
def test_every_bar_lies_inside_the_picture(width: int) -> None:
    few_days = {"start": local("2021-12-01"), "end": local("2021-12-20")}
    for svg in (drawn(PERSON, width=width), drawn(PERSON, width=width, **few_days)):
        height = float(svg.get("height") or 0)
        assert svg.get("width") == str(width)
        for one in svg.iter(f"{SVG}rect"):
            x, y = float(one.get("x") or 0), float(one.get("y") or 0)
            assert 0 <= x <= width
            assert x + float(one.get("width") or 0) <= width + 1.5
            assert y + float(one.get("height") or 0) <= height


# Widths of letters in DejaVu Sans, the widest of the fonts named, against the size of the font.
WIDE = {"heading": 19, "heading narrow": 16, "label": 12, "strong": 14, "small": 11, "day": 10}


@pytest.mark.parametrize("width", [320, 390, 719, 720, WIDTH])
def test_every_text_lies_inside_the_picture_and_on_no_other(width: int) -> None:
    svg = drawn(PERSON, width=width)
    height = float(svg.get("height") or 0)
    places: set[tuple[str | None, str | None]] = set()
    for text in svg.iter(f"{SVG}text"):
        x, y = float(text.get("x") or 0), float(text.get("y") or 0)
        length = 0.58 * len(text.text or "") * WIDE.get(text.get("class") or "", 11)
        if text.get("text-anchor") == "end":
            x -= length
        assert x >= 0, text.text
        assert x + length <= width or text.get("text-anchor") == "middle", text.text
        assert 10 <= y <= height
        place = (text.get("x"), text.get("y"))
        assert place not in places
        places.add(place)


@pytest.mark.parametrize("width", [320, 719, 720, WIDTH, 4000])
@pytest.mark.parametrize("years", range(1, 13))
def test_the_names_of_months_do_not_touch_and_are_no_fewer_than_fit(width: int, years: int) -> None:
    limits = {"start": local("2021-01-01"), "end": local(f"{2021 + years}-01-01")}
    svg = drawn(PERSON, width=width, **limits)
    lines = [
        float(line.get("x1") or 0)
        for line in svg.iter(f"{SVG}line")
        if line.get("class") in ("month-line", "year-line")
    ]
    step = 12 * years // (len(lines) - 1)
    apart = min(right - left for left, right in pairwise(lines))
    assert apart > 30 or step == 12
    assert apart < 75 or step == 1


def test_days_and_times_stand_as_text_where_no_tooltip_can_be_seen() -> None:
    for width in (390, WIDTH):
        found = words(drawn(PERSON, width=width))
        assert any(text.endswith("2021-05-26") for text in found)
        assert any(text.endswith("2021-12-04 10:00") for text in found)
        assert "valid from 2021-12-04 10:00 until 2022-01-16" in found
    open_ended = words(drawn(history(born=day("2012-01-01"))))
    assert any(text.startswith("valid from") for text in open_ended)
    mixed = history(dose("2021-06-01", "1/1", "Janssen"), dose("2021-09-01", "2/2"))
    assert any(text.startswith("ambiguous from 2022-01-31") for text in words(drawn(mixed)))


def test_the_legend_and_the_list_have_what_is_drawn_and_nothing_else() -> None:
    shown = words(drawn(PERSON))
    assert "booster" in shown
    assert "first dose" not in shown
    assert "counts in some readings only" not in shown
    mixed = history(dose("2021-06-01", "1/1", "Janssen"), dose("2021-09-01", "2/2"))
    assert {"counts in some readings only", "ambiguous", "completed course"} <= set(
        words(drawn(mixed))
    )
    late = words(drawn(PERSON, start=local("2022-01-01"), end=local("2022-03-01")))
    assert not any(text.startswith("2021-04-06") for text in late)
    assert any(text.startswith("2022-01-16") for text in late)


def test_lines_of_evidence_are_of_doses_then_infections_then_tests() -> None:
    events = [sampled(f"2021-07-0{number}T10:00", "naat") for number in (1, 5)]
    events += [sampled("2021-10-08T10:00", "naat")]
    ill = [infected("2021-03-01"), infected("2021-09-20")]
    found = timeline(DENMARK, history(*events, *ill, dose("2021-06-01", "1/2"))).evidence
    assert not any("EvidenceSpan" in repr(line) for line in found)
    kinds = [(line.kind, line.number) for line in found]
    assert kinds == [
        *(("vaccination", 1), ("recovery", 1), ("recovery", 2)),
        *(("test", 1), ("test", 2), ("test", 3)),
    ]


def test_an_event_is_marked_on_top_of_its_bar() -> None:
    svg = list(drawn(PERSON).iter())
    booster = next(place for place, one in enumerate(svg) if one.get("class") == "booster")
    marks = [place for place, one in enumerate(svg) if one.get("class") == "event"]
    assert any(mark > booster for mark in marks)


@pytest.mark.parametrize("width", [319, 4001])
def test_a_picture_has_a_width_that_can_be_seen(width: int) -> None:
    with pytest.raises(ValueError, match="320 to 4000"):
        drawn(PERSON, width=width)


def test_in_characters_a_timeline_is_read_in_eighty_columns() -> None:
    lines = timeline_text(timeline(DENMARK, PERSON)).splitlines()
    lanes = {line[:28].strip(): line[29:] for line in lines}
    assert lines[1].split() == ["2021", "2022"]
    assert lines[2].split()[:3] == ["J", "F", "M"]
    assert re.fullmatch(" +━+─+━+", lanes["Requirement"])
    assert re.fullmatch(" +●▄?█+▄?", lanes["Dose 2 (Comirnaty, primary)"])
    assert re.fullmatch(" +●", lanes["Dose 1 (Vaxzevria, first)"])
    assert re.fullmatch("·+▄?█+▄█+▄█+▄?·+", lanes["Pass"])
    assert "● the event" in lines[-2] + lines[-1]
    assert "ambiguous" not in lines[-1]


def test_the_timeline_of_a_person_in_characters() -> None:
    # The last line is that of what the characters mean.
    assert timeline_text(timeline(DENMARK, PERSON)).splitlines()[1:-2] == [
        "                              2021                               2022",
        "                              J  F M  A  M  J  J  A  S  O  N  D  J  F  M  A  M",
        "Requirement                            ━━━━━━━━━━━━━━━──────━━━━━━━━━",
        "Infection 1 (positive PCR)    ●         ▄████████████▄ ▄████▄",
        "Dose 1 (Vaxzevria, first)          ●",
        "Dose 2 (Comirnaty, primary)                 ●▄█████████████████████",
        "Negative PCR test 2                                           ●▄",
        "Dose 3 (Comirnaty, booster)                                        ●██████▄",
        "Suspended                                                     ▄",
        "Pass                         ···········▄█████████████████████▄████▄██████▄·····",
    ]


@pytest.mark.parametrize("width", [390, 1280])
def test_the_picture_of_a_person_does_not_change_unnoticed(width: int) -> None:
    """Where it has changed on purpose: look at the new one, and write it to the file."""
    kept = Path(__file__).parent / "pictures" / f"person-{width}.svg"
    assert timeline_svg(timeline(DENMARK, PERSON), width=width) == kept.read_text("utf-8")


def test_a_short_time_is_not_lost_between_columns() -> None:
    person = history(sampled("2021-12-04T10:00", "naat"))
    lanes = timeline_text(timeline(DENMARK, person), columns=40).splitlines()
    (passed,) = (line for line in lanes if line.startswith("Pass"))
    assert "▄" in passed
    line = timeline(DENMARK, person)
    closer = timeline_text(line, start=local("2021-12-04"), end=local("2021-12-08"))
    assert re.search(r"^Pass +·+▄?█+▄?·+$", closer, re.MULTILINE)


@settings(max_examples=15)
@given(histories(), st.integers(40, 200))
def test_any_history_fits_into_the_columns(one: History, columns: int) -> None:
    text = timeline_text(timeline(DENMARK, one), columns=columns)
    assert all(len(line) <= columns for line in text.splitlines())
    assert text.count("Pass ") == 1


@pytest.mark.parametrize("columns", [39, 401])
def test_a_picture_in_characters_has_columns_that_can_be_seen(columns: int) -> None:
    with pytest.raises(ValueError, match="40 to 400"):
        timeline_text(timeline(DENMARK, PERSON), columns=columns)


@settings(max_examples=20)
@given(histories())
def test_neighbouring_times_of_validity_differ(one: History) -> None:
    for before, after in pairwise(timeline(DENMARK, one).validity):
        assert before.end == after.start
        assert before[2:] != after[2:]


def test_before_the_first_revision_nobody_is_valid_or_exempt() -> None:
    answer = check(DENMARK, PERSON, local("2019-06-01"))
    assert (answer.valid, answer.exempt, answer.suspended) == (False, False, False)
    assert [reason.code for reason in answer.reasons] == ["no-revision"]


def test_ambiguous_and_exempt_times_have_bars_of_their_own() -> None:
    mixed = history(dose("2021-06-01", "1/1", "Janssen"), dose("2021-09-01", "2/2"))
    svg = drawn(mixed)
    assert bars(svg, "answer-open")
    assert "Dose 2 (Comirnaty, booster or primary)" in words(svg)
    assert any("doubtful-bar" in (one.get("class") or "") for one in svg.iter(f"{SVG}rect"))
    assert bars(drawn(history(born=day("2012-01-01"))), "answer-exempt")


def test_a_history_of_many_tests_keeps_to_a_page_and_says_what_it_leaves_out() -> None:
    start = local("2021-05-01T10:00")
    tests = [Tested("naat", start + timedelta(days=place), False) for place in range(60)]
    svg = drawn(history(*tests))
    labels = [text for text in words(svg) if text.startswith("Negative PCR test")]
    assert len(labels) == MOST_LINES
    assert f"{60 - MOST_LINES} earlier pieces not shown" in words(svg)


def test_many_times_of_validity_are_cut_off_and_counted() -> None:
    start = local("2021-07-05T10:00")
    person = history(
        *(Tested("naat", start + timedelta(days=8 * place), False) for place in range(33))
    )
    found = words(drawn(person))
    assert len([text for text in found if text.startswith("valid from")]) == MOST_LINES
    assert "and 3 later" in found
    lines = timeline_text(timeline(DENMARK, person)).splitlines()
    assert "3 earlier pieces not shown" in lines
    late = timeline_text(timeline(DENMARK, person), start=local("2022-01-01"))
    assert len(re.findall("^Negative.*●", late, re.MULTILINE)) < 20


def test_there_has_to_be_time_to_show() -> None:
    with pytest.raises(ValueError, match="at least an hour"):
        drawn(PERSON, start=local("2021-12-01"), end=local("2021-12-01"))


def test_names_in_a_programme_cannot_break_out_of_the_picture() -> None:
    hostile = "<script>alert('&\"')</script>"
    first = replace(DENMARK.revisions[0], title=hostile, uncertain=hostile)
    programme = replace(DENMARK, title=hostile, revisions=(first, *DENMARK.revisions[1:]))
    svg = ElementTree.fromstring(timeline_svg(timeline(programme, PERSON)))
    assert list(svg.iter(f"{SVG}script")) == []
    assert hostile in words(svg)


def test_a_programme_without_revisions_has_an_empty_timeline() -> None:
    empty = replace(DENMARK, revisions=())
    line = timeline(empty, PERSON)
    assert line.answers() == []
    assert line.at(local("2021-12-01")) is False
    answer = check(empty, PERSON, local("2021-12-01"))
    assert (answer.valid, answer.until) == (False, None)
    svg = ElementTree.fromstring(timeline_svg(timeline(empty, history())))
    assert "no revisions" in (svg.findtext(f"{SVG}desc") or "")


@settings(max_examples=15)
@given(histories())
def test_any_history_can_be_drawn_and_written(one: History) -> None:
    for programme in (DENMARK, EU):
        line = timeline(programme, one)
        ElementTree.fromstring(timeline_svg(line))
        written = json.loads(json.dumps(line.to_json()))
        assert [row["valid"] for row in written["validity"]] == [
            span.valid for span in line.validity
        ]
        assert written["validity"][-1]["until"] is None


def test_a_check_is_written_with_both_clocks_and_its_bounds() -> None:
    written = json.loads(json.dumps(check(DENMARK, PERSON, local("2021-11-20")).to_json()))
    assert written["valid"] is True
    assert written["until"] == "2022-05-25T22:00:00Z"
    assert written["local"]["until"] == "2022-05-26T00:00:00+02:00"
    assert written["until_is"] == "exclusive"
    assert written["revision_until"] == "2021-11-28T23:00:00Z"
    assert written["reasons"][0]["row"] == "several-doses-12-months"
    (evidence,) = written["evidence"]
    assert evidence["from_local"] == "2021-05-26T00:00:00+02:00"
    assert evidence["rule"] == "several-doses-12-months"
    boosted = check(DENMARK, PERSON, local("2022-01-25")).to_json()
    assert boosted["until"] is None
    assert boosted["evidence"][0]["until_local"] is None


def test_a_check_without_evidence_says_what_there_was() -> None:
    nothing = check(DENMARK, history(), local("2021-12-01"))
    assert [reason.code for reason in nothing.reasons] == ["no-evidence"]
    waiting = check(DENMARK, history(dose("2021-06-01", "1/2")), local("2021-06-05"))
    assert "not-yet" in {reason.code for reason in waiting.reasons}
    assert waiting.until == local("2021-06-15")
    foreign = check(DENMARK, history(dose("2021-06-01", "2/2", "Sputnik V")), local("2021-08-05"))
    assert any("not recognised" in reason.text for reason in foreign.reasons)
    misspelt = check(DENMARK, history(dose("2021-06-01", "2/2", "Commirnaty")), local("2021-08-05"))
    assert any("Did you mean Comirnaty?" in reason.text for reason in misspelt.reasons)
    before = check(DENMARK, PERSON, local("2021-01-01"))
    assert before.reasons[0].code == "no-revision"
    assert before.to_json()["revision"] is None


def test_old_tests_left_out_for_speed_change_nothing() -> None:
    start = local("2021-05-01T10:00")
    many = [Tested("naat", start + timedelta(days=4 * place), False) for place in range(60)]
    ill = Tested("rat", start + timedelta(days=100, hours=1), True)
    person = history(*many, ill, dose("2021-03-01", "2/2"))
    line = timeline(DENMARK, person)
    for place in range(0, 250, 3):
        at = start + timedelta(days=place, hours=5)
        near = [test for test in person.tests if at - timedelta(days=200) < test.sampled_at]
        fewer = history(*near, dose("2021-03-01", "2/2"))
        assert check(DENMARK, person, at).valid is check(DENMARK, fewer, at).valid is line.at(at)
