"""Sentences in other languages, codes in words, and JSON that one command hands to the next."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import jsonschema
import pytest
from command_world import (
    AT,
    DOSE,
    FACTS,
    FAMILY,
    HOLDER,
    ISSUED,
    Country,
    issue,
    keys,
    make_country,
    run,
)

from coronapas import catalogue, schemas
from coronapas.cli._codes import meaning, spoken
from coronapas.dcc import (
    COUNTRY,
    DISEASE,
    MANUFACTURER,
    PRODUCT,
    PROPHYLAXIS,
    TEST_DEVICE,
    TEST_RESULT,
    TEST_TYPE,
    ValueSets,
)
from coronapas.facts import Test, TestKind, TestResult
from coronapas.issue import Issuer
from coronapas.rules import CODES

if TYPE_CHECKING:
    from pathlib import Path

ENVELOPE = schemas.load("envelope")["properties"]
TERMS = ("--expires", "365d", "--issued-at", "2023-01-15T12:00:00Z")


@pytest.fixture
def country(tmp_path: Path) -> Country:
    return make_country(tmp_path)


# verify


@pytest.mark.parametrize(
    ("language", "first", "last"),
    [
        ("da", "--text 1: ok  vaccination, signeret af DK, udsteder DK, "
         "udstedt 2023-01-15 12:00 UTC, udløber 2023-04-15 12:00 UTC",
         "1 ok, 0 med fejl, spærring uvis for 1"),
        ("de", "--text 1: in Ordnung  Impfung, signiert von DK, Aussteller DK, "
         "ausgestellt am 2023-01-15 12:00 UTC, gültig bis 2023-04-15 12:00 UTC",
         "1 in Ordnung, 0 mit Fehlern, Sperrung ungewiss bei 1"),
    ],
)  # fmt: skip
def test_a_good_pass_is_told_in_the_language(
    country: Country, language: str, first: str, last: str
) -> None:
    result = run("verify", "--text", country.text, *country.trust, *AT, "--language", language)
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert (lines[0], lines[-1]) == (first, last)


@pytest.mark.parametrize("language", ["da", "de-AT"])
def test_every_check_of_a_broken_pass_is_told_in_the_language(
    country: Country, language: str
) -> None:
    text = f" {country.text[:-6]}000000"
    asked = ("verify", "--text", text, *country.trust, *AT, "--strict", "--language", language)
    found = json.loads(run(*asked, "--json").output)
    sentences = {entry.code: entry.sentence for entry in catalogue.entries(language)}
    for check in found["checks"]:
        assert check["sentence"] == sentences[check["code"]]
    for deviation in found["deviations"]:
        assert deviation["note"] == sentences[deviation["code"]]
    spoken = run(*asked, "--checks").output
    for check in found["checks"]:
        assert f"{catalogue.word(check['name'], language)}: {check['sentence']}" in spoken


@pytest.mark.parametrize(
    "command", [("verify", "--text", "x", "--trust", "."), ("programme", "check"), ("codes",)]
)
def test_a_language_that_is_not_there_is_wrong_usage(command: tuple[str, ...]) -> None:
    result = run(*command, "--language", "fr")
    assert result.exit_code == 2
    assert "it has en, da, de" in result.stderr


def test_asked_for_a_persons_data_is_shown_in_words_with_the_codes(country: Country) -> None:
    asked = ("verify", "--text", country.text, *country.trust, *AT, "--show-personal-data")
    lines = [" ".join(line.split()) for line in run(*asked).output.splitlines()]
    for wanted in (
        f"name {FAMILY}, Markergiven",
        "birth date 1971-03-09",
        "disease COVID-19, 840539006",
        "vaccine Comirnaty, EU/1/20/1528",
        "manufacturer Biontech Manufacturing GmbH, ORG-100030215",
        "dose 2 of 2",
        "country Denmark, DK",
    ):
        assert wanted in lines
    spoken = run(*asked, "--language", "da").output
    assert "fødselsdato" in spoken
    assert "2 af 2" in spoken


def test_a_test_is_shown_in_words_with_its_codes(country: Country) -> None:
    sampled = datetime(2023, 1, 10, 9, tzinfo=UTC)
    text = issue(Test(TestKind.NAAT, sampled, TestResult.NOT_DETECTED, centre="Centre")).text
    asked = ("verify", "--text", text, *country.trust, *AT, "--show-personal-data")
    assert "not detected, 260415000" in run(*asked).output
    assert "nicht nachgewiesen, 260415000" in run(*asked, "--language", "de").output
    assert "LP6464-4" in run(*asked).output


def test_inspect_shows_codes_in_words_to_people_alone(country: Country) -> None:
    spoken = run("inspect", "--text", country.text).output
    assert "mp: Comirnaty, EU/1/20/1528" in spoken
    assert "tg: COVID-19, 840539006" in spoken
    found = json.loads(run("inspect", "--json", "--text", country.text).output)
    assert found["dcc"]["v"][0]["mp"] == "EU/1/20/1528"
    found = {name: part for name, part in found.items() if name in ENVELOPE}
    jsonschema.validate(found, schemas.load("envelope"))


@pytest.mark.parametrize("language", ["da", "de"])
def test_inspect_says_deviations_and_errors_in_the_language(
    country: Country, language: str
) -> None:
    asked = ("inspect", "--json", "--language", language, "--text")
    found = json.loads(run(*asked, f" {country.text}").output)
    assert [each["note"] for each in found["deviations"]] == [_said("prefix.whitespace", language)]
    broken = json.loads(run(*asked, "HC1:A").output)
    assert broken["error"]["message"] == _said("base45.dangling-character", language)


# verify's facts into issue


def test_what_verify_says_of_a_pass_can_be_issued(country: Country) -> None:
    asked = ("verify", "--json", "--show-personal-data", *country.trust, *AT, "--text")
    first = json.loads(run(*asked, country.text).output)
    path = country.file("again.json", json.dumps(first["facts"]))
    made = json.loads(run("issue", path, *country.key, *TERMS, "--json").output)
    jsonschema.validate(made, schemas.load("pass"))
    assert made["uvci"] == country.uvci
    second = json.loads(run(*asked, made["text"]).output)
    assert second["facts"] == first["facts"]
    named = ("issue", path, *country.key, *TERMS, "--issuer", "Another", "--uvci", "")
    third = json.loads(run(*asked, run(*named[:-2]).output.rstrip("\n")).output)
    assert third["facts"]["issuer"] == "Another"


def test_documents_may_name_several_issuers(country: Country) -> None:
    facts = [{**FACTS, "issuer": name} for name in ("One", "Two", None)]
    path = country.file("several.json", json.dumps(facts))
    texts = run("issue", path, *country.key, *TERMS).output.splitlines()
    asked = ("verify", "--json", "--show-personal-data", *country.trust, *AT)
    found = [json.loads(run(*asked, "--text", text).output)["facts"]["issuer"] for text in texts]
    assert found == ["One", "Two", "DK"]


@pytest.mark.parametrize(("name", "code"), [("issuer", "text.empty"), ("uvci", "uvci.form")])
def test_a_wrong_issuer_or_identifier_of_a_document_is_a_fault(
    country: Country, name: str, code: str
) -> None:
    wrong = {"issuer": "", "uvci": "URN:UVCI:02:DK:X"}[name]
    path = country.file("wrong.json", json.dumps([FACTS, {**FACTS, name: wrong}]))
    result = run("issue", path, *country.key, *TERMS, "--message-language", "da")
    assert result.exit_code == 1
    assert catalogue.sentence(code, "da") in result.stderr
    assert result.stderr.startswith("Error: 1.")


def test_faults_of_issuing_are_told_in_the_language(country: Country) -> None:
    dose = {**FACTS["vaccination"], "dose_number": 0, "product": "No product"}
    path = country.file("wrong.json", json.dumps({**FACTS, "vaccination": dose}))
    for language in ("da", "de"):
        asked = ("issue", path, *country.key, *TERMS, "--message-language", language)
        lines = run(*asked).stderr.splitlines()
        dose_line = f"Error: vaccination.dose_number: {_said('dose.number-below-one', language)}"
        code_line = f"Error: vaccination.product: {_said('code.unknown', language)} (--value-sets)"
        assert dose_line in lines
        assert code_line in lines


def _said(code: str, language: str) -> str:
    return catalogue.sentence(code, language)


# decide


@pytest.mark.parametrize(
    ("language", "wanted"),
    [
        ("da", ("Godtaget i EU den 2023-02-01 00:00:00 UTC.", "Godtaget, fra ", "(medregnet)",
                "Selve passet er gyldigt til og med")),
        ("de", ("Anerkannt in EU am 2023-02-01 00:00:00 UTC.", "Anerkannt, ab ",
                "Der Nachweis selbst ist bis einschließlich")),
    ],
)  # fmt: skip
def test_decide_answers_in_the_language(
    country: Country, language: str, wanted: tuple[str, ...]
) -> None:
    arguments = ["decide", country.file("p.txt", country.text), "--country", "EU", *country.trust]
    arguments += ["--rules", "eu-travel", "--at", "2023-02-01", "--language", language]
    spoken = run(*arguments).stdout
    for text in wanted:
        assert text in spoken
    (decision,) = json.loads(run(*arguments, "--json").stdout)["decisions"]
    assert decision["sentence"] == wanted[0]


def test_decide_says_why_a_pass_is_refused_in_the_language(country: Country) -> None:
    asked = ("decide", "--text", "HC1:A", "--country", "EU", "--rules", "eu-travel", *country.trust)
    assert _said("base45.dangling-character", "da") in run(*asked, "--language", "da").stdout
    assert "base45: One character is left over" in run(*asked, "--language", "fr").stdout


@pytest.mark.parametrize("language", catalogue.LANGUAGES)
def test_the_result_of_a_rule_means_the_same_in_every_language(language: str) -> None:
    for code, text in CODES.items():
        assert meaning(code, language) == (text if language == "en" else _said(code, language))
    assert spoken(language.upper()) == language
    assert spoken("fr") == "en"


# codes


@pytest.mark.parametrize("language", catalogue.LANGUAGES)
def test_the_codes_are_listed_with_their_sentences(language: str) -> None:
    lines = run("codes", "--language", language).output.splitlines()
    entries = catalogue.entries(language)
    assert [line.split("  ")[0] for line in lines] == [entry.code for entry in entries]
    document = json.loads(run("codes", "--json", "--language", language).output)
    jsonschema.validate(document, schemas.load("codes"))
    assert document == {"language": language, "codes": [entry.to_json() for entry in entries]}


def test_one_code_or_those_of_a_subject_are_listed() -> None:
    assert run("codes", "time.expired").output == "time.expired  The pass has expired.\n"
    lines = run("codes", "signature").output.splitlines()
    assert len(lines) > 2
    assert all(line.startswith("signature.") for line in lines)


@pytest.mark.parametrize("name", ["prodcts", "time.expird", "nothing-like-it"])
def test_a_name_that_is_not_there_is_wrong_usage_with_what_is_near(name: str) -> None:
    result = run("codes", name)
    assert result.exit_code == 2
    near = {"prodcts": "products", "time.expird": "time.expired"}.get(name, "There is no code")
    assert near in result.stderr


@pytest.mark.parametrize(
    ("name", "set_id"),
    [
        ("products", PRODUCT), ("manufacturers", MANUFACTURER), ("vaccines", PROPHYLAXIS),
        ("diseases", DISEASE), ("test-kinds", TEST_TYPE), ("test-results", TEST_RESULT),
        ("test-devices", TEST_DEVICE), ("countries", COUNTRY),
    ],
)  # fmt: skip
def test_a_value_set_is_listed_with_its_codes_in_words(name: str, set_id: str) -> None:
    entries = ValueSets.default().sets[set_id].entries
    document = json.loads(run("codes", name, "--json").output)
    assert document["set"] == set_id
    assert [row["code"] for row in document["codes"]] == list(entries)
    lines = run("codes", name).output.splitlines()
    assert [line.split("  ")[0] for line in lines] == list(entries)
    assert sum(line.endswith(", not active") for line in lines) == sum(
        not entry.active for entry in entries.values()
    )


def test_products_have_their_other_names_and_results_their_words() -> None:
    document = json.loads(run("codes", "products", "--json").output)
    names = {row["code"]: row.get("names") for row in document["codes"]}
    jcovden = "EU/1/20/1525"
    assert names[jcovden]
    for code, others in names.items():
        for other in others or ():
            product = ValueSets.default().product(other)
            assert product is not None
            assert product.code == code or ValueSets.default().product(code) is not None
    assert "260415000  ikke påvist" in run("codes", "test-results", "--language", "da").output


def test_other_value_sets_are_listed_and_are_for_value_sets_alone(country: Country) -> None:
    official = {
        "valueSetId": PRODUCT,
        "valueSetDate": "2022-01-01",
        "valueSetValues": {
            "X1": {"display": "Own", "lang": "en", "active": True, "version": "", "system": "x"}
        },
    }
    path = country.file("sets.json", json.dumps(official))
    assert run("codes", "products", "--value-sets", path).output == "X1  Own\n"
    assert run("codes", "time", "--value-sets", path).exit_code == 2


# schema


def test_every_schema_is_printed() -> None:
    names = run("schema").output.split()
    assert names == list(schemas.names())
    for name in names:
        assert json.loads(run("schema", name).output) == schemas.load(name)
    assert run("schema", "facts.schema.json").output == run("schema", "facts").output


def test_a_schema_that_is_not_there_is_wrong_usage() -> None:
    result = run("schema", "verificaton")
    assert result.exit_code == 2
    assert "verification" in result.stderr
    assert "facts" in run("schema", "?").stderr


# programme


def test_programme_takes_facts_and_passes_as_they_are(country: Country) -> None:
    asked = ("programme", "check", "--at", "2023-02-01T12:00", "--json")
    facts = run(*asked, "--history", country.path("facts.json"))
    file = country.file("pass.txt", country.text)
    passes = run(*asked, "--pass", file, *country.trust)
    assert passes.exit_code == facts.exit_code
    assert passes.output == facts.output
    assert json.loads(facts.output)["valid"] in (True, False)
    listed = country.file("list.json", json.dumps([FACTS, FACTS]))
    both = run(*asked, "--history", listed, "--history", country.path("facts.json"))
    assert both.output == facts.output
    for command in ("next", "timeline"):
        result = run("programme", command, "--pass", file, *country.trust, "--json")
        assert json.loads(result.output)


def test_programme_counts_a_pass_that_has_ended_and_no_other_that_fails(country: Country) -> None:
    office = Issuer("DK", keys()[1].signer(deterministic=True))
    ended = office.issue(HOLDER, DOSE, expires=ISSUED + timedelta(days=1), issued_at=ISSUED)
    file = country.file("ended.txt", ended.text)
    asked = ("programme", "next", "--on", "2023-02-01")
    assert "dose 3" in run(*asked, "--pass", file, *country.trust).output
    forged = country.file("forged.txt", f"{ended.text[:-4]}0000")
    result = run(*asked, "--pass", forged, *country.trust)
    assert result.exit_code == 2
    assert "forged.txt:1: " in result.stderr
    assert FAMILY not in result.output + result.stderr


@pytest.mark.parametrize("given", [(), ("--pass", "p.txt"), ("--trust", "dsc.pem")])
def test_programme_needs_evidence_and_trust_for_passes(
    country: Country, given: tuple[str, ...]
) -> None:
    country.file("p.txt", country.text)
    arguments = [country.path(each) if "." in each else each for each in given]
    assert run("programme", "check", *arguments).exit_code == 2


def test_a_pass_and_a_history_of_two_holders_are_no_history(country: Country) -> None:
    file = country.file("pass.txt", country.text)
    other = country.file("h.json", json.dumps({"birth_date": "1999-01-01"}))
    result = run("programme", "check", "--pass", file, *country.trust, "--history", other)
    assert result.exit_code == 2
    assert "birth dates" in result.stderr


def test_programme_answers_in_the_language(country: Country) -> None:
    history = ("--history", country.path("facts.json"))
    spoken = run("programme", "check", *history, "--at", "2022-01-01T12:00", "--language", "da")
    assert spoken.output.splitlines()[0].startswith("ikke gyldig")
    assert catalogue.sentence("no-evidence", "da") in spoken.output
    german = run("programme", "next", *history, "--on", "2023-02-01", "--language", "de").output
    assert german.startswith("Dosis 3: nicht angeboten")
    assert "Impfplan vom 2023-02-01" in german
