"""Loading, linting and comparing programmes; histories from and to JSON."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from programme_cases import DENMARK, EU, day, histories, local

from coronapas.errors import HistoryError, ProgrammeError
from coronapas.facts import History, PartialDate
from coronapas.facts._history import LARGEST
from coronapas.programmes import BUNDLED, diff, lint, load

PROJECT = Path(__file__).resolve().parent.parent.parent
DATA = PROJECT / "src" / "coronapas" / "programmes" / "data"


def schema(name: str) -> Draft202012Validator:
    return Draft202012Validator(
        json.loads((PROJECT / "schemas" / f"{name}.schema.json").read_text())
    )


PROGRAMMES, HISTORIES = schema("programme"), schema("history")


def bundled(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((DATA / f"{name}.json").read_text("utf-8"))
    return document


@pytest.mark.parametrize("name", BUNDLED)
def test_a_bundled_programme_follows_the_schema_and_has_nothing_to_look_at(name: str) -> None:
    assert [error.json_path for error in PROGRAMMES.iter_errors(bundled(name))] == []
    assert lint(load(name)) == ()
    assert load(name) is load(name)


@pytest.mark.parametrize("name", BUNDLED)
def test_every_row_has_a_source_and_a_confidence(name: str) -> None:
    document = bundled(name)
    schedule = document.get("schedule", {})
    rows = [
        *document["products"],
        *document["rules"],
        *document.get("suspensions", []),
        *document["revisions"],
        *document["readings"].values(),
        *(row for part in schedule.values() for row in part),
    ]
    assert all(row.get("source") and row.get("confidence") in "SPKU" for row in rows)


@pytest.mark.parametrize("name", BUNDLED)
def test_uncertain_rows_are_marked(name: str) -> None:
    programme = load(name)
    rows = [
        *programme.schedule.offers,
        *(rule for one in programme.revisions for rule in one.rules),
    ]
    for row in rows:
        if row.confidence in "KU" or row.uncertain:
            assert row.marks()
            assert all(mark.row == row.id for mark in row.marks())
        else:
            assert row.marks() == ()


def test_a_programme_is_loaded_from_a_path_and_from_a_document(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(bundled("eu-travel")))
    assert load(path) == load(str(path)) == load(bundled("eu-travel")) == EU
    with pytest.raises(FileNotFoundError, match="denmark, eu-travel"):
        load(tmp_path / "none.json")


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "\xff", "{" + " " * 4_000_001 + "}"])
def test_what_is_no_json_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.json"
    path.write_text(text, "latin-1")
    with pytest.raises(ProgrammeError, match="JSON"):
        load(path)
    with pytest.raises(HistoryError, match="JSON"):
        History.from_json(path)


SECOND = [one.id for one in DENMARK.schedule.offers].index("second-comirnaty-2020")


def put(*path: str | int, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        place: Any = document
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value

    return change


def drop(*path: str | int) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        place: Any = document
        for step in path[:-1]:
            place = place[step]
        del place[path[-1]]

    return change


@pytest.mark.parametrize(
    ("change", "path", "code", "in_schema"),
    [
        (drop("id"), "id", "json.missing", True), (put("id", value=" "), "id", "json.text", True),
        (put("title", value=7), "title", "json.text", True), (put("colour", value="red"), "colour",
        "json.unknown", True), (put("time_zone", value="Europe/Atlantis"), "time_zone",
        "programme.zone", False), (put("reckoning", value="solar"), "reckoning", "json.choice",
        True), (drop("readings"), "readings", "json.missing", True), (put("readings", "x",
        value={}), "readings.x", "json.unknown", True), (put("readings", "single_then_other", "is",
        value="first"), "readings.single_then_other.is", "json.choice", True), (drop("readings",
        "extra_dose", "within"), "readings.extra_dose.within", "json.missing", True),
        (put("other_reckoning", "disease", value="840539006"), "other_reckoning.disease",
        "json.unknown", True),
        (put("products", value={}), "products", "json.list", True), (put("products", 0, value=3),
        "products.0", "json.type", True), (put("products", 0, "doses", value=[]),
        "products.0.doses", "json.list", True), (put("products", 0, "doses", value=["2"]),
        "products.0.doses", "json.list", True), (put("products", 1, "code", value="EU/1/20/1528"),
        "products.1.code", "programme.doubled", False), (put("rules", 0, "from", value={"weeks":
        2}), "rules.0.from.weeks", "json.unknown", True), (put("rules", 0, "from", value={}),
        "rules.0.from", "json.period", True), (put("rules", 0, "from", value=14), "rules.0.from",
        "json.type", True), (put("rules", 0, "from", value={"days": -1}), "rules.0.from.days",
        "json.number", True), (put("rules", 0, "from", value={"days": True}), "rules.0.from.days",
        "json.number", True), (put("rules", 0, "from", value={"days": 10**9}), "rules.0.from.days",
        "json.number", True), (put("rules", 0, "kinds", value=["spit"]), "rules.0.kinds",
        "json.choice", True), (put("rules", 0, "kinds", value="naat"), "rules.0.kinds",
        "json.list", True), (put("rules", 0, "stages", value=["first"]), "rules.0",
        "programme.rule-kind", True), (put("rules", 0, "last_day_counts", value=1),
        "rules.0.last_day_counts", "json.flag", True), (put("rules", 0, "last_day_counts",
        value=True), "rules.0.last_day_counts", "programme.last-day", False), (put("rules", 0,
        "confidence", value="sure"), "rules.0.confidence", "json.choice", True), (put("rules", 1,
        "id", value="pcr-72h"), "rules.1.id", "programme.doubled", False), (put("rules", 4,
        "until", value={"hours": 1}), "rules.4", "programme.rule-hours", False), (put("rules", 10,
        "products", value=["Elixir"]), "rules.10.products", "programme.product", False),
        (put("revisions", 0, "from", value="2021-02-30"), "revisions.0.from", "json.local-time",
        False), (put("revisions", 0, "from", value="2021-04-06T00:00Z"), "revisions.0.from",
        "json.local-time", True), (drop("revisions", 0, "from"), "revisions.0.from",
        "json.missing", True), (put("revisions", 1, "from", value="2021-04-06"),
        "revisions.1.from", "programme.order", False), (put("revisions", 1, "id",
        value="2021-04-06"), "revisions.1.id", "programme.doubled", False), (put("revisions", 0,
        "tests", value=["pcr-1h"]), "revisions.0.tests", "json.choice", False), (put("revisions",
        0, "suspension", value="none"), "revisions.0.suspension", "json.choice", False),
        (put("revisions", 0, "latest", value="soon"), "revisions.0.latest", "json.date", True),
        (put("schedule", "offers", 0, "from", value="1492-10-12"), "schedule.offers.0.from",
        "json.date", True), (put("schedule", "offers", 0, "until", value="2020-12-27"),
        "schedule.offers.0.until", "programme.order", False), (put("schedule", "offers", 0, "why",
        value="no"), "schedule.offers.0", "programme.offer", True), (put("schedule", "offers", 0,
        "after", value=[]), "schedule.offers.0", "programme.offer", True), (put("schedule",
        "offers", 0, "earliest", value={"hours": 1}), "schedule.offers.0.earliest",
        "programme.hours", False), (put("schedule", "offers", 0, "to", value=[{"reached": {"age":
        18}}]), "schedule.offers.0.to.0.reached.from", "json.missing", True), (put("schedule",
        "offers", 1, "id", value="first-care-homes"), "schedule", "programme.doubled", False),
        (put("schedule", "limits", 0, "product", value="Elixir"), "schedule.limits.0.product",
        "programme.product", False), (drop("schedule", "waits", 0, "lasts"),
        "schedule.waits.0.lasts", "json.missing", True), (put("schedule", "target_groups", 0,
        "groups", 0, "number", value=0), "schedule.target_groups.0.groups.0.number", "json.number",
        True),
    ],
)  # fmt: skip
def test_a_fault_is_named_by_path_and_code(
    change: Callable[[dict[str, Any]], None], path: str, code: str, in_schema: bool
) -> None:
    document = bundled("denmark")
    change(document)
    with pytest.raises(ProgrammeError) as caught:
        load(document)
    assert (path, code) in {(fault.field, fault.code) for fault in caught.value.faults}
    assert PROGRAMMES.is_valid(document) is not in_schema


def test_all_faults_are_told_at_once() -> None:
    document = bundled("denmark")
    del document["id"], document["revisions"][3]["title"]
    document["rules"][2]["until"] = "long"
    with pytest.raises(ProgrammeError) as caught:
        load(document)
    assert [fault.field for fault in caught.value.faults] == [
        "rules.2.until",
        "id",
        "revisions.3.title",
    ]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.data())
def test_a_document_with_anything_anywhere_loads_or_tells_its_faults(data: st.DataObject) -> None:
    document = bundled(data.draw(st.sampled_from(BUNDLED)))
    place: Any = document
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(place[key], dict | list) or not place[key] or data.draw(st.booleans()):
            break
        place = place[key]
    place[key] = data.draw(json_values)
    try:
        load(document)
    except ProgrammeError as error:
        assert error.faults
    else:
        assert PROGRAMMES.is_valid(without_nulls(document))


def without_nulls(value: Any) -> Any:
    """What a reader takes null for: nothing."""
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value


@given(json_values)
def test_no_document_surprises_the_readers(document: Any) -> None:
    with pytest.raises(ProgrammeError):
        load(document if isinstance(document, dict) else {"x": document})
    try:
        History.from_json(json.dumps(document))
    except HistoryError as error:
        assert error.faults


def codes(document: dict[str, Any]) -> set[tuple[str, str]]:
    return {(finding.code, finding.row) for finding in lint(load(document))}


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        (drop("rules", 0, "source"), ("source", "pcr-72h")),
        (drop("readings", "extra_dose", "source"), ("source", "extra_dose")),
        (drop("schedule", "waits", 0, "source"), ("source", "after-infection")),
        (put("revisions", 3, "latest", value="2021-05-30"), ("order", "2021-05-31")),
        (put("revisions", 3, "earliest", value="2021-06-02"), ("order", "2021-05-31")),
        (drop("revisions", 3, "uncertain"), ("uncertain", "2021-05-31")),
        (put("rules", 4, "from", value={"months": 3}), ("order", "recovery-2-12-weeks")),
        (put("revisions", 0, "tests", value=["pcr-72h", "pcr-96h"]), ("overlap", "pcr-72h")),
        (
            put("revisions", 12, "vaccinations", value=["several-doses-5-months", "booster"]),
            ("gap", "several-doses-5-months"),
        ),
        (
            put("revisions", 12, "vaccinations", value=["several-doses-minors", "booster"]),
            ("gap", "several-doses-minors"),
        ), (put("schedule", "offers", SECOND, "latest", value={"days": 1}), ("order",
        "second-comirnaty-2020")), (put("schedule", "offers", SECOND, "until", value="2021-01-03"),
        ("gap", "denmark")), (put("schedule", "offers", SECOND, "until", value="2021-01-05"),
        ("overlap", "second-comirnaty-2020")),
    ],
)  # fmt: skip
def test_linting_finds_gaps_overlaps_order_and_missing_sources(
    change: Callable[[dict[str, Any]], None], finding: tuple[str, str]
) -> None:
    document = copy.deepcopy(bundled("denmark"))
    change(document)
    assert finding in codes(document)
    (one, *_) = lint(load(document))
    assert str(one).startswith(one.row)
    assert one.to_json()["code"] == one.code


def offer_named(document: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in document["schedule"]["offers"] if one["id"] == name)
    return found


def test_linting_finds_words_that_are_misspelt() -> None:
    document = bundled("denmark")
    offer_named(document, "booster-care-homes")["to"] = [{"groups": ["carehome"]}]
    document["revisions"][4]["places"] = {"libary": "lifted"}
    document["sectors"] = [{"id": "business", "meaning": "shops", "source": "x", "confidence": "S"}]
    document["rules"][0]["sectors"] = ["bussiness"]
    texts = {one.row: one.text for one in lint(load(document)) if one.code == "word"}
    assert set(texts) == {"booster-care-homes", "2021-06-14", "pcr-72h"}
    assert "Did you mean care-home?" in texts["booster-care-homes"]
    assert "Did you mean library?" in texts["2021-06-14"]
    assert "Did you mean business?" in texts["pcr-72h"]
    del document["groups"]
    (one,) = [one for one in lint(load(document)) if one.row == "booster-care-homes"]
    assert (one.code, "care-home?" in one.text) == ("word", True)


def test_linting_finds_a_limit_that_leaves_a_course_without_a_product() -> None:
    document = bundled("denmark")
    document["schedule"]["limits"].append(
        {"id": "none", "product": "Spikevax", "from": "2021-10-10", "until": "2021-11-01",
         "status": "withdrawn", "why": "x", "age_below": 30, "source": "x", "confidence": "S"}
    )  # fmt: skip
    assert ("course", "none") in codes(document)
    eve = {**document["schedule"]["limits"][-1], "id": "eve", "from": "2021-10-09"}
    document["schedule"]["limits"].insert(-1, eve)  # it was so on the day before already
    assert codes(document) & {("course", "none"), ("course", "eve")} == {("course", "eve")}
    document["schedule"]["limits"].remove(eve)
    document["schedule"]["limits"][-1]["from"] = "2024-01-01"
    document["schedule"]["limits"][-1]["until"] = "2024-01-10"
    offer_named(document, "second-spikevax-4-weeks")["why"] = "no more"
    del offer_named(document, "second-spikevax-4-weeks")["products"]
    document["schedule"]["limits"][-1]["from"] = "2021-10-10"
    assert ("course", "none") not in codes(document)


def test_linting_finds_a_pause_between_two_offers_of_one_stage() -> None:
    document = bundled("denmark")
    offers = document["schedule"]["offers"]
    offers.remove(offer_named(document, "summer-2023-closed"))
    assert ("pause", "autumn-2023-65") in codes(document)


def test_linting_finds_rows_and_words_that_nothing_uses() -> None:
    document = bundled("denmark")
    document["rules"].append({**document["rules"][0], "id": "spare"})
    row = {"source": "x", "confidence": "S"}
    document["groups"].append({"id": "sailors", "meaning": "at sea", **row})
    document["schedule"]["limits"].append(
        {"id": "idle", "product": "Valneva", "from": "2021-10-10", "until": "2021-11-01",
         "status": "withdrawn", "why": "x", **row}
    )  # fmt: skip
    assert {("unused", "spare"), ("unused", "sailors"), ("unused", "idle")} == codes(document)


def test_linting_finds_rows_without_end_in_a_programme_that_has_ended() -> None:
    document = bundled("denmark")
    del offer_named(document, "autumn-2023-65")["until"]
    del document["schedule"]["waits"][0]["until"]
    assert codes(document) == {("endless", "autumn-2023-65"), ("endless", "after-infection")}
    document["revisions"][13]["requirement"] = "lifted"
    assert codes(document) == set()


def test_rules_for_other_ages_sectors_or_products_do_not_overlap() -> None:
    document = bundled("denmark")
    rules = {rule["id"]: rule for rule in document["rules"]}
    rules["booster"]["products"] = ["Comirnaty"]
    document["rules"].append({**rules["booster"], "id": "other", "products": ["Spikevax"]})
    document["revisions"][12]["vaccinations"].append("other")
    rules["recovery-14-180-days"]["sectors"] = ["culture"]
    assert {finding for finding in codes(document) if finding[0] == "overlap"} == set()


def test_the_difference_of_two_dates_is_told_in_words() -> None:
    changes = diff(DENMARK, day("2021-11-29"), day("2022-01-16"))
    texts = [str(change) for change in changes]
    assert any(
        text.startswith(
            "Booster: at once from the dose, without end (before: at once from the dose"
        )
        for text in texts
    )
    assert any(text.startswith("Recovery proved by a PCR test: from 11 days") for text in texts)
    assert any("suspends the pass for 11 days" in text for text in texts)
    subject = "Offer after primary or recovered, to 18 years of age and over: "
    (booster,) = [text for text in texts if text.startswith(subject)]
    assert "earliest 140 days" in booster
    assert "(before: Comirnaty or Spikevax, earliest 6 calendar months" in booster
    assert any(": no longer: " in text for text in texts)
    assert all(change.to_json()["text"] == str(change) for change in changes)
    assert {change.area for change in changes} == {
        "suspension", "recovery", "vaccination", "offer", "wait",
    }  # fmt: skip


def test_the_difference_names_every_area() -> None:
    changes = diff(DENMARK, day("2021-04-05"), day("2022-03-31"))
    assert {"requirement", "offer", "product"} <= {change.area for change in changes}
    begun = diff(DENMARK, day("2021-04-05"), day("2021-04-06"))
    assert {"requirement", "exemption", "suspension", "test", "recovery", "vaccination"} <= {
        change.area for change in begun
    }
    wait = diff(DENMARK, day("2022-01-05"), day("2022-01-06"))
    assert "no dose for 1 calendar month after an infection" in str(wait)
    uncertain = diff(DENMARK, day("2021-04-10"), day("2021-04-20"))
    assert "uncertain" in uncertain[0].marks[0]
    minors = diff(DENMARK, day("2021-07-22"), day("2021-07-23"))
    assert [change.subject for change in minors] == ["Spikevax"]
    phased = diff(DENMARK, day("2021-07-31"), day("2021-08-01"))
    assert {change.area for change in phased} == {"place"}
    assert {change.subject for change in phased} == {"museum", "small-venue", "market", "sport"}


def test_the_difference_prints_only_what_differs() -> None:
    """W9: what a row says of the same people as the one before it is no change."""
    changes = diff(DENMARK, day("2021-04-21"), day("2021-04-22"))
    assert all(change.before != change.after for change in changes)
    assert [change.subject for change in changes] == [
        "Offer after first, to everyone, last dose Comirnaty",
        "Offer after first, to everyone, last dose Spikevax",
    ]
    # From 2021-12-03 to 12-14 the care homes' row only goes into that of all adults.
    document = bundled("denmark")
    row = dict(document["schedule"]["offers"][SECOND])
    document["schedule"]["offers"][SECOND]["until"] = "2021-01-01"
    document["schedule"]["offers"].append({**row, "id": "again", "from": "2021-01-01"})
    assert diff(load(document), day("2020-12-31"), day("2021-01-01")) == ()


def test_a_revision_that_changes_no_rule_is_told() -> None:
    """E5, E2: Regulation 2021/953 and Recommendation 2022/2547 are rows."""
    begun = diff(EU, day("2021-06-20"), day("2021-08-31"))
    assert [(one.area, one.rows) for one in begun] == [
        ("revision", ("2021-07-01",)), ("revision", ("2021-08-12",)),
    ]  # fmt: skip
    lifted = diff(EU, day("2022-12-12"), day("2022-12-23"))
    assert [one.area for one in lifted] == ["requirement"]


def test_the_difference_of_a_day_with_itself_is_nothing() -> None:
    assert diff(DENMARK, day("2021-12-01"), day("2021-12-01")) == ()
    hours = diff(DENMARK, local("2021-11-12T05:59"), local("2021-11-12T06:00"))
    assert "requirement" in {change.area for change in hours}
    travel = diff(EU, day("2022-02-01"), day("2022-02-24"))
    assert "the last day included, for tests from 2021-10-01 on" in str(travel[0])
    with pytest.raises(ValueError, match="before"):
        diff(DENMARK, day("2021-12-02"), day("2021-12-01"))


@given(histories())
def test_a_history_is_read_back_from_its_json(history: History) -> None:
    written = history.to_json()
    assert [error.json_path for error in HISTORIES.iter_errors(written)] == []
    assert History.from_json(json.dumps(written)) == history
    assert History.from_json(written) == history


def test_a_history_is_read_from_a_file_with_words_in_any_form(tmp_path: Path) -> None:
    document = {
        "birth_date": "1983-05",
        "sector": "business",
        "groups": ["staff"],
        "vaccinations": [{"date": "2021-06-01", "product": "Comirnaty"}],
        "tests": [
            {"kind": "PCR", "sampled_at": "2021-06-01T10:00:00+02:00", "result": "Not_Detected"},
            {"kind": "LP217198-3", "sampled_at": "2021-06-01T10:00Z", "result": "260373001"},
            {"kind": "lp6464-4", "sampled_at": "2021-06-01T10:00Z", "result": "inconclusive"},
        ],
        "infections": [{"first_positive": "2021-01-01", "proof": "Antigen"}],
    }
    assert HISTORIES.is_valid(document)
    path = tmp_path / "history.json"
    path.write_text(json.dumps(document))
    found = History.from_json(path)
    assert found.birth_date == PartialDate(1983, 5)
    assert sorted((test.kind, str(test.positive)) for test in found.tests) == [
        ("naat", "False"),
        ("naat", "None"),
        ("rat", "True"),
    ]
    assert found.infections[0].proof == "rat"
    assert History.from_json({"birth_date": ""}).birth_date is None
    assert History.from_json({"birth_date": "1983"}).to_json()["birth_date"] == "1983"


@pytest.mark.parametrize(
    ("document", "path", "code"),
    [
        ({"birth_date": "1983-13"}, "birth_date", "json.date"), ({"birth_date": "1383"},
        "birth_date", "json.date"), ({"birth_date": 1983}, "birth_date", "json.date"),
        ({"birth_date": "1983-02-29"}, "birth_date", "json.date"), ({"name": "Ida"}, "name",
        "json.unknown"), ({"vaccinations": [{}]}, "vaccinations.0.date", "json.missing"),
        ({"vaccinations": [{"date": "2021-06-01", "dose_number": 1}]}, "vaccinations.0",
        "history.dose-numbers"), ({"vaccinations": [{"date": "2021-06-01"}] * 101}, "vaccinations",
        "json.list"), ({"tests": [{"kind": "PCR", "result": "negative", "sampled_at":
        "2021-06-01T10:00"}]}, "tests.0.sampled_at", "json.instant"), ({"tests": [{"kind": "PCR",
        "result": "negative", "sampled_at": "2021-06-31T10:00Z"}]}, "tests.0.sampled_at",
        "json.instant"), ({"tests": [{"kind": "PCR", "result": "negative"}]}, "tests.0.sampled_at",
        "json.missing"), ({"tests": [{"kind": "spit", "result": "negative", "sampled_at":
        "2021-06-01T10:00Z"}]}, "tests.0.kind", "json.choice"), ({"tests": [{"kind": "PCR",
        "result": 0, "sampled_at": "2021-06-01T10:00Z"}]}, "tests.0.result", "json.choice"),
        ({"infections": [{"proof": "naat"}]}, "infections.0.first_positive", "json.missing"),
        ({"infections": [{"first_positive": "2021-01-01", "proof": None}]}, "infections.0.proof",
        "json.missing"),
    ],
)  # fmt: skip
def test_a_fault_of_a_history_is_named_and_shows_nothing_of_it(
    document: dict[str, Any], path: str, code: str
) -> None:
    with pytest.raises(HistoryError) as caught:
        History.from_json(document)
    assert (path, code) in {(fault.field, fault.code) for fault in caught.value.faults}
    assert "2021" not in str(caught.value)
    assert "1983" not in str(caught.value)


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "large.json"
    path.write_text(" " * (LARGEST + 1) + "{}")
    with pytest.raises(HistoryError, match="too large"):
        History.from_json(path)
