"""The picture of a timeline, and what the answers look like as JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
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
from coronapas.programmes import check, timeline, timeline_svg
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


def drawn(one: History, **limits: datetime) -> ElementTree.Element:
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


def test_every_bar_lies_inside_the_picture() -> None:
    for svg in (drawn(PERSON), drawn(PERSON, start=local("2021-12-01"), end=local("2021-12-20"))):
        height = float(svg.get("height") or 0)
        for one in svg.iter(f"{SVG}rect"):
            x, y = float(one.get("x") or 0), float(one.get("y") or 0)
            assert 0 <= x <= WIDTH
            assert x + float(one.get("width") or 0) <= WIDTH + 1.5
            assert y + float(one.get("height") or 0) <= height


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
