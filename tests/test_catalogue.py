"""The catalogue: a sentence for every code of the source, alike in every language."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import codes_in_source
from coronapas import catalogue
from coronapas.catalogue import LANGUAGES, entries, sentence, word
from coronapas.errors import Fault
from coronapas.revocation import RevocationAnswer, RevocationOutcome
from coronapas.revocation._hashes import SENTENCES
from coronapas.rules import CODES
from coronapas.tolerances import TOLERANCES, Deviation
from coronapas.verify._result import TABLE, Check, Findings, Outcome

DOCUMENTS: dict[str, Any] = {
    language: json.loads(
        files("coronapas.catalogue").joinpath(f"data/{language}.json").read_bytes()
    )
    for language in LANGUAGES
}
PARAMETER = re.compile(r"\{[a-z]+\}")
# f-strings of the form of a code that are places in an input, or names of files.
PLACES = frozenset(
    """
    alternatives.{} dose.{} entries.{} history.{} holder.{} mapping.{} vaccination.{} {}.born
    {}.ci {}.code {}.du {}.event {}.from {}.id {}.is {}.ma {}.nm {}.pem {}.product {}.tc {}.tg
    {}.until {}.verify pyarrow.{}
    """.split()  # noqa: SIM905 - twenty quoted names would be harder to read
)


def forms(language: str, code: str) -> list[str]:
    found = DOCUMENTS[language]["sentences"][code]
    return [found] if isinstance(found, str) else found


# Every code, and no other


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_code_of_the_source_has_a_sentence_and_no_sentence_is_of_no_code(
    language: str,
) -> None:
    listed = {entry.code for entry in entries(language)}
    found = codes_in_source.all_codes()
    assert sorted(found - listed) == []
    assert sorted(listed - found) == []


def test_the_codes_of_the_source_are_found() -> None:
    found = codes_in_source.all_codes()
    assert len(found) > 400
    assert found > set(TOLERANCES) | set(SENTENCES) | set(CODES)
    # One of each way in which a code is made.
    assert found > {
        "base45.group-overflow", "cbor.too-deep", "cwt.label", "signature.invalid", "time.ok",
        "uvci.opaque", "json.period", "list.rollback", "trust.rolled-back", "cms.digest",
        "store.checksum", "qr.not-found", "input.empty", "rule.engine-version", "logic.always",
        "module_mm.out-of-range", "max_version.out-of-range", "lapsed", "paused", "NO RULES",
        "NOT_REVOKED", "SKIPPED", "qr.ok", "gap", "limit.steps",
    }  # fmt: skip


def test_a_code_that_is_put_together_is_known_to_this_test() -> None:
    made = {template for _, template in codes_in_source.templates()}
    assert sorted(made - set(codes_in_source.COMPOSED) - PLACES) == []


# The languages are alike


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("part", ["sentences", "words"])
def test_the_files_have_the_same_entries_in_the_same_order(language: str, part: str) -> None:
    assert list(DOCUMENTS[language][part]) == list(DOCUMENTS["en"][part])


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_sentences_of_a_code_take_the_same_parameters(language: str) -> None:
    for code in DOCUMENTS["en"]["sentences"]:
        taken = [sorted(PARAMETER.findall(form)) for form in forms(language, code)]
        assert taken == [sorted(PARAMETER.findall(form)) for form in forms("en", code)], code
        assert taken[0] == [], code
        assert all(set(less) < set(more) for less, more in pairwise(taken))


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_word_takes_the_parameters_that_stand_in_it(language: str) -> None:
    for text, said in DOCUMENTS[language]["words"].items():
        assert sorted(PARAMETER.findall(said)) == sorted(PARAMETER.findall(text)), text


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_is_one_to_print(language: str) -> None:
    for code in DOCUMENTS["en"]["sentences"]:
        for form in forms(language, code):
            assert form.endswith("."), code
            assert form[0].isupper(), code
            assert form == form.strip(), code
            assert "  " not in form, code
            assert form.isprintable(), code


def test_no_sentence_was_left_in_another_language() -> None:
    for code in DOCUMENTS["en"]["sentences"]:
        said = [forms(language, code)[0] for language in LANGUAGES]
        assert len(set(said)) == len(LANGUAGES), code


def test_english_says_what_the_tables_of_the_code_say() -> None:
    said = {entry.code: entry.sentence for entry in entries()}
    tables = {f"{row.name.split()[-1]}.ok": row.sentence for row in TABLE} | SENTENCES | CODES
    assert {code: said[code] for code in tables} == tables


# What a caller gets


def test_a_sentence_is_as_specific_as_what_is_given() -> None:
    assert sentence("identifier.unknown") == (
        "The trust list does not hold the key that the pass names."
    )
    assert sentence("identifier.unknown", "da", kid="00ff") == (
        "Der er ingen nøgle med kid 00ff på tillidslisten."
    )
    assert sentence("signature.ok", "de", country="DK", kid="00ff") == (
        "Die Signatur ist mit einem Schlüssel aus DK gültig, kid 00ff."
    )
    assert sentence("usage.not-allowed", "de", kind="recovery", more=1) == (
        "Mit dem Zertifikat dürfen Nachweise der Art „Genesung“ nicht signiert werden."
    )
    assert [entry.parameters for entry in entries("da") if entry.code == "signature.ok"] == [
        ("country", "kid", "lists")
    ]


@given(st.sampled_from(LANGUAGES), st.text(max_size=30))
def test_a_value_is_put_in_as_it_is(language: str, value: str) -> None:
    empty = sentence("identifier.unknown", language, kid="")
    start, _, end = empty.partition("kid ")
    found = sentence("identifier.unknown", language, kid=value)
    assert found == f"{start}kid {value}{end}"


@pytest.mark.parametrize("tag", ["da", "DA", "da-DK", "da_DK", " da"])
def test_a_language_is_found_by_its_tag(tag: str) -> None:
    assert catalogue.language(tag) == "da"
    assert sentence("time.expired", tag) == "Passet er udløbet."
    assert word("signature", tag) == "signatur"


@pytest.mark.parametrize("tag", ["", "fr", "dansk", "d"])
def test_a_language_that_is_not_there_is_an_error(tag: str) -> None:
    for call in (catalogue.language, entries, lambda tag: sentence("time.expired", tag)):
        with pytest.raises(ValueError, match="it has en, da, de"):
            call(tag)


def test_a_code_that_is_not_there_is_an_error_and_an_unknown_word_is_itself() -> None:
    with pytest.raises(LookupError):
        sentence("no.such-code", "da")
    assert word("no such word", "da") == "no such word"


def test_an_entry_is_json() -> None:
    entry = next(entry for entry in entries("da") if entry.code == "time.expired")
    assert entry.to_json() == {
        "code": "time.expired",
        "sentence": "Passet er udløbet.",
        "parameters": [],
    }


# Values that say themselves


def test_a_check_with_several_faults_says_all_of_them_in_every_language() -> None:
    found = Findings(frozenset())
    found.fail("time", "time.expired", "The pass has expired.")
    found.fail("time", "time.order", "The pass ends before it was issued.")
    found.fail("time", "time.order", "The pass ends before it was issued.")
    check = found.checks["time"]
    assert check.sentence_in("da") == "Passet er udløbet. Passet udløber, før det begynder."
    assert check.sentence_in("en") == check.sentence
    assert check.to_json(language="de") == {
        "name": "time",
        "outcome": "FAIL",
        "code": "time.expired",
        "sentence": "Der Nachweis ist abgelaufen. Der Nachweis endet, bevor er beginnt.",
    }


@given(st.sampled_from(sorted(TOLERANCES)), st.sampled_from(LANGUAGES))
def test_a_deviation_says_its_field_in_every_language(code: str, language: str) -> None:
    deviation = Deviation(code, "v.0.mp", "a note")
    if code != "qr.mode" and not code.startswith(("certificate.", "compression.")):
        found = Findings(frozenset())
        found.deviate([deviation])
        (check,) = (each for each in found.checks.values() if each.outcome is Outcome.FAIL)
        assert check.sentence_in(language).endswith("(v.0.mp).")
    said = deviation.to_json(language=language)["note"]
    assert said == ("a note" if language == "en" else sentence(code, language))


def test_what_the_catalogue_does_not_have_is_said_in_english() -> None:
    assert Check("content", Outcome.FAIL, "own.code", "Own.").sentence_in("da") == "Own."
    assert Fault("", "own.code", "A.", "B.").sentence_in("da") == "A. B."
    assert Deviation("own.code", "", "own").note_in("de") == "own"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_fault_is_json_with_its_sentence(language: str) -> None:
    fault = Fault("vaccination.dose_number", "dose.number-below-one", "Wrong.", "Right it.")
    found = fault.to_json(language=language)
    wanted = "Wrong. Right it." if language == "en" else sentence(fault.code, language)
    assert found["sentence"] == wanted
    assert (found["field"], found["problem"], found["hint"]) == (
        "vaccination.dose_number", "Wrong.", "Right it.",
    )  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("code", SENTENCES)
def test_an_answer_about_revocation_names_its_list(language: str, code: str) -> None:
    answer = RevocationAnswer(RevocationOutcome.UNKNOWN, code, "liste.json")
    said = answer.to_json(language=language)["sentence"]
    assert said == f"{sentence(code, language).rstrip('.')} (liste.json)."


def test_a_language_is_an_argument_and_no_setting() -> None:
    fault = Fault("", "text.empty", "A.", "B.")
    first = fault.sentence_in("en")
    fault.sentence_in("da")
    assert fault.sentence_in("en") == first
    with pytest.raises(ValueError, match="it has en, da, de"):
        fault.sentence_in("xx")
