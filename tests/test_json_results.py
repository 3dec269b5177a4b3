"""Every result as JSON: by its schema, without the holder unless asked, and readable again."""

from __future__ import annotations

import copy
import json
import pickle
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import backend
from coronapas import catalogue, schemas
from coronapas.dcc import PRODUCT, ValueSets
from coronapas.dcc._claims import build
from coronapas.errors import Fault, HistoryError
from coronapas.facts import (
    EventKind,
    History,
    Holder,
    PassFacts,
    Recovery,
    Test,
    TestKind,
    TestResult,
    Vaccination,
    facts_from_json,
    facts_to_json,
    read_facts,
    read_history,
)
from coronapas.hcert import MASK, decode
from coronapas.issue import Issuer
from coronapas.verify import Verification, Verifier
from strategies import Case, cases

if TYPE_CHECKING:
    from collections.abc import Callable

AT = datetime(2021, 10, 1, tzinfo=UTC)


@cache
def validator(name: str) -> jsonschema.Draft202012Validator:
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    return jsonschema.Draft202012Validator(schemas.load(name), format_checker=checker)


def valid(name: str, document: Any) -> Any:
    """The document, which follows the schema, as JSON gives it back."""
    written = json.loads(json.dumps(document))
    assert [error.message for error in validator(name).iter_errors(written)] == []
    return written


def verify(text: str | bytes, **settings: Any) -> Verification:
    return Verifier(backend.trust(), **settings).verify(text, at=backend.NOW)


# A verification

TEXTS: dict[str, Callable[[], str | bytes]] = {
    "good": lambda: backend.issue().text,
    "unsigned": lambda: backend.issue().text[:-4] + "0000",
    "not a pass": lambda: "https://example.invalid",
    "nothing": lambda: b"\xff",
    "no payload": lambda: backend.forge({1: "DK", 4: 2**61, 6: -(2**61)}),
    "a stranger as issuer": lambda: backend.forge(backend.claims(iss="Marker")),
    "no issuer or times": lambda: backend.forge(backend.claims(iss=..., exp=..., iat=...)),
    "expired": lambda: backend.forge(backend.claims(exp=1, iat=2)),
    "an unknown key": lambda: backend.forge(backend.claims(), kid=b"Marker!!"),
    "several events": lambda: backend.forge(
        backend.claims({**backend.DCC, "v": backend.DCC["v"] * 2})
    ),
}


@pytest.mark.parametrize("language", catalogue.LANGUAGES)
@pytest.mark.parametrize("name", TEXTS)
def test_a_verification_is_json_by_its_schema_in_every_language(name: str, language: str) -> None:
    found = verify(TEXTS[name]())
    document = valid("verification", found.to_json(personal=True, language=language))
    assert document["ok"] is found.ok
    assert [each["code"] for each in document["checks"]] == [each.code for each in found.checks]
    assert document["failures"] == [each.code for each in found.failures]
    assert "Marker" not in json.dumps(found.to_json(language=language))


def test_who_issued_a_pass_and_when_is_in_its_json() -> None:
    found = verify(backend.issue().text)
    document = found.to_json()
    assert (found.issuer, document["issuer"]) == ("DK", "DK")
    assert document["issued_at"] == backend.NOW.isoformat()
    assert document["expires"] == backend.LATER.isoformat()
    assert found.issued_at == backend.NOW
    assert found.expires == backend.LATER
    assert verify("x").to_json()["issuer"] is None


def test_a_failed_check_says_the_same_in_words_of_the_language() -> None:
    found = verify(backend.forge(backend.claims(), kid=b"\1\2\3\4\5\6\7\x08"))
    check = found.check("key identifier")
    assert check.sentence_in("en") == check.sentence
    assert (
        check.sentence_in("da") == "Der er ingen nøgle med kid 0102030405060708 på tillidslisten."
    )
    good = verify(backend.issue().text).check("signature")
    kid = backend.dsc().certificate.kid.hex()
    assert good.sentence_in("da") == f"Signaturen er gyldig med en nøgle fra DK, kid {kid}."


@pytest.mark.parametrize("name", TEXTS)
def test_every_failure_is_said_from_the_catalogue(name: str) -> None:
    for check in verify(TEXTS[name](), tolerate=frozenset()).failures:
        assert check.details[0].code == check.code
        for language in ("da", "de"):
            said = [each.sentence_in(language) for each in check.details]
            assert check.sentence_in(language) == " ".join(said)


def test_facts_are_there_only_when_they_are_asked_for() -> None:
    found = verify(backend.issue().text)
    assert "facts" not in found.to_json()
    asked = found.to_json(personal=True)["facts"]
    assert found.facts is not None
    assert asked == found.facts.to_json()
    assert verify("x").to_json(personal=True)["facts"] is None


def test_a_copied_result_gives_the_same_json() -> None:
    found = verify(backend.issue().text)
    for other in (pickle.loads(pickle.dumps(found)), copy.copy(found), copy.deepcopy(found)):
        assert other.to_json(personal=True) == found.to_json(personal=True)


def test_a_result_in_a_language_that_is_not_there_is_an_error() -> None:
    with pytest.raises(ValueError, match="language"):
        verify("x").to_json(language="xx")


# A pass, a fault, an envelope


def test_a_pass_is_json_by_its_schema() -> None:
    made = backend.issue()
    document = valid("pass", made.to_json())
    assert document["text"] == made.text
    assert datetime.fromisoformat(document["expires"]) == made.expires


@pytest.mark.parametrize("language", catalogue.LANGUAGES)
@pytest.mark.parametrize("code", ["dose.type", "max_version.out-of-range", "own.code"])
def test_a_fault_is_json_by_its_schema(language: str, code: str) -> None:
    valid("fault", Fault("a.b", code, "Wrong.", "Mend it.").to_json(language=language))


@given(cases())
@settings(max_examples=30)
def test_an_envelope_is_json_by_its_schema_and_shows_the_holder_only_when_asked(case: Case) -> None:
    dcc = build(**case.arguments())
    opened = decode(backend.forge(backend.claims(dcc, iss=case.country)))
    document = valid("envelope", opened.to_json())
    assert document["dcc"] is None
    assert document["cwt"]["iss"] == case.country
    assert not {"text", "hex"} & {name for part in document.values() if part for name in part}
    asked = valid("envelope", opened.to_json(personal=True))
    assert asked["dcc"] == json.loads(json.dumps(dcc))
    assert asked["base45"]["text"] == opened.body


def test_an_envelope_masks_what_can_be_anything() -> None:
    claims = {1: "Marker", 4: 2**61, 6: 1, "Marker": 1, 2: "Marker", -260: {1: {}}}
    opened = decode(backend.forge(claims))
    document = valid("envelope", opened.to_json())
    assert "Marker" not in json.dumps(document)
    assert document["cwt"]["iss"] == MASK
    assert document["cwt"]["other_claims"] == [MASK, "2"]
    assert document["cwt"]["exp"] == 2**61
    assert opened.to_json(personal=True)["cwt"]["iss"] == "Marker"


# Facts


@given(cases())
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
def test_what_a_pass_states_can_be_issued_again_as_it_is(case: Case) -> None:
    dcc = build(**case.arguments())
    found = Verifier(backend.trust(), tolerate=frozenset()).verify(
        backend.forge(backend.claims(dcc, iss=case.country)), at=backend.NOW
    )
    assert found.facts is not None
    document = valid("facts", found.to_json(personal=True)["facts"])
    again = read_facts(document)
    assert again.faults == ()
    assert again.holder is not None
    assert again.event is not None
    arguments = {
        **case.arguments(),
        "holder": again.holder,
        "event": again.event,
        "issuer": again.issuer,
        "uvci": again.uvci,
    }
    assert build(**arguments) == dcc


@given(cases())
@settings(max_examples=60)
def test_facts_are_written_alike_by_the_value_and_by_the_function(case: Case) -> None:
    stated = PassFacts(case.holder, case.event, case.issuer, case.uvci)
    document = stated.to_json()
    assert {**facts_to_json(case.holder, case.event), "issuer": case.issuer, "uvci": case.uvci} == (
        document
    )
    assert facts_from_json(document) == facts_from_json(facts_to_json(case.holder, case.event))
    assert PassFacts(case.holder, case.event).to_json() == facts_to_json(case.holder, case.event)


@pytest.mark.parametrize("name", ["issuer", "uvci"])
def test_an_issuer_and_an_identifier_of_facts_must_be_texts(name: str) -> None:
    document = facts_to_json(backend.HOLDER, backend.VACCINATION)
    assert read_facts({**document, name: None}).faults == ()
    (fault,) = read_facts({**document, name: 1}).faults
    assert (fault.field, fault.code) == (name, "json.type")


# One form of an event: facts and passes are a history

EVENTS = (
    Vaccination("EU/1/20/1528", 2, 2, date(2021, 6, 1), "DK"),
    Test(TestKind.RAT, AT, TestResult.DETECTED, "A centre", "DK", None, "1232"),
    Recovery(date(2021, 3, 1), date(2021, 3, 12), date(2021, 8, 28), "DK"),
)
HOLDER = Holder("Invented", "Name", date(1970, 1, 2))


def document_of(*events: Any, **changes: Any) -> list[dict[str, Any]]:
    return [{**facts_to_json(HOLDER, event), **changes} for event in events]


@pytest.mark.parametrize("event", EVENTS)
def test_an_event_of_facts_stands_in_a_history_as_it_is(event: Any) -> None:
    places = {"vaccination": "vaccinations", "test": "tests", "recovery": "infections"}
    (facts,) = document_of(event)
    (kind,) = facts.keys() & places.keys()
    history = {"birth_date": "1970-01-02", places[kind]: [facts[kind]]}
    valid("history", history)
    assert History.from_json(history) == History.from_facts(event, birth_date=HOLDER.birth_date)


def test_facts_alone_or_in_a_list_are_a_history() -> None:
    whole = History.from_facts(*EVENTS, birth_date=HOLDER.birth_date)
    assert read_history(document_of(*EVENTS)) == whole
    assert read_history(json.dumps(document_of(*EVENTS))) == whole
    (alone,) = document_of(EVENTS[0], uvci="URN:UVCI:01:DK:X#4")
    (dose,) = read_history(alone).doses
    assert dose.uvci == "URN:UVCI:01:DK:X#4"
    assert read_history(whole.to_json()) == whole


@given(cases())
@settings(max_examples=60)
def test_the_facts_of_any_pass_are_a_history_of_it(case: Case) -> None:
    stated = PassFacts(case.holder, case.event, case.issuer, case.uvci)
    assert read_history(stated.to_json()) == History.from_passes([stated])


@pytest.mark.parametrize(
    ("document", "field", "code"),
    [
        ("x", "", "json.syntax"),
        ("1", "", "json.type"),
        ([{}], "0.holder", "json.missing"),
        (document_of(replace(EVENTS[0], dose_number=0)),
         "0.vaccination.dose_number", "json.number"),
        (document_of(EVENTS[0])[0] | {"holder": {"birth_date": "1066-10-14"}},
         "holder.birth_date", "json.date"),
        (document_of(replace(EVENTS[1], kind="smell")), "0.test.kind", "json.choice"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_facts_is_told_by_its_place(
    document: Any, field: str, code: str
) -> None:
    with pytest.raises(HistoryError) as caught:
        read_history(document)
    assert (field, code) in [(fault.field, fault.code) for fault in caught.value.faults]


def test_facts_of_two_holders_are_no_history() -> None:
    first, second = document_of(*EVENTS[:2])
    second["holder"] = {"birth_date": "1980-01-01"}
    with pytest.raises(HistoryError) as caught:
        read_history([first, second])
    assert [fault.code for fault in caught.value.faults] == ["history.birth-dates"]


# Codes in words


def test_a_code_is_named_with_its_code() -> None:
    sets = ValueSets.default()
    assert sets.named(PRODUCT, "EU/1/20/1528") == "Comirnaty, EU/1/20/1528"
    assert sets.named(PRODUCT, "no product") == "no product"
    assert sets.named("no set", "840539006") == "840539006"


@given(st.data())
def test_every_code_of_the_value_sets_is_named(data: st.DataObject) -> None:
    sets = ValueSets.default()
    set_id = data.draw(st.sampled_from(sets.ids))
    code = data.draw(st.sampled_from(sorted(sets.sets[set_id].entries)))
    display = sets.display(set_id, code)
    assert sets.named(set_id, code) == (code if display == code else f"{display}, {code}")


def test_an_issued_pass_of_each_kind_states_the_facts_it_was_made_of() -> None:
    office = Issuer("DK", backend.dsc().signer())
    for event in EVENTS:
        made = office.issue(HOLDER, event, expires=timedelta(days=90), issued_at=AT)
        found = Verifier(backend.trust(), tolerate={"content.positive-test"}).verify(
            made.text, at=AT
        )
        assert found.facts is not None
        assert found.to_json()["kind"] in list(EventKind)
        assert read_history(found.facts.to_json()) == History.from_passes([found.facts])
