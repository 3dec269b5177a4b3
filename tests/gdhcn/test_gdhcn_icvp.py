"""Certificates of vaccination: the four shapes, what they are good for, and issuing them."""

from __future__ import annotations

import copy
import json
import pickle
import unicodedata
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import backend
import gdhcn_world as world
from coronapas.errors import CatalogueError, FactsError, IssueError
from coronapas.facts import PartialDate
from coronapas.gdhcn import (
    POLIO,
    Catalogue,
    Icvp,
    IcvpIssuer,
    Prophylaxis,
    Protection,
    Recommendation,
    Shape,
    Traveller,
    certificate_to_json,
    judge,
    read_icvp,
    read_icvp_facts,
    write_icvp,
)
from coronapas.hcert import base45_encode, compress, decode
from coronapas.hcert._base45 import ALPHABET
from coronapas.keys import make_csca
from coronapas.presentation import scan
from coronapas.signing import Signer
from coronapas.tolerances import TOLERANCES

TEXT = (
    st.text(
        st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Mn", "Mc", "Me"]), max_size=12
    )
    .map(lambda text: unicodedata.normalize("NFC", text).strip())
    .filter(bool)
)
MAYBE = st.none() | TEXT
DAYS = st.dates(date(1900, 1, 1), date(2099, 12, 31))
BIRTHS = DAYS | st.builds(PartialDate, st.integers(1900, 2099), st.none() | st.integers(1, 12))
DOSE_MEMBERS: dict[str, Any] = {
    "product": TEXT,
    "given_on": DAYS,
    "batch": TEXT,
    "clinician": MAYBE,
    "authority": MAYBE,
}
STATED = {"valid_from": st.none() | DAYS, "valid_until": st.none() | DAYS}
IN_A1 = {"disease": TEXT, "dose": TEXT, "manufacturer": TEXT}
ALSO_IN_A1 = {"market_holder": MAYBE, "manufacturer_id": MAYBE}


@st.composite
def certificates(draw: st.DrawFn) -> Icvp:
    """A certificate of any shape, with nothing in it but what its shape has."""
    shape = draw(st.sampled_from(Shape))
    new = shape in (Shape.B0, Shape.B)
    person: dict[str, Any] = {
        "name": draw(TEXT),
        "birth_date": draw(BIRTHS),
        "sex": draw(TEXT if new else MAYBE),
        "nationality": draw(TEXT if new else MAYBE),
        "document_id": draw(MAYBE),
        "document_type": None if shape is Shape.A1 else draw(MAYBE),
        "guardian": draw(MAYBE),
    }
    members = dict(DOSE_MEMBERS)
    if not new:
        members |= STATED
    if shape is Shape.A1:
        members |= IN_A1 | ALSO_IN_A1
    count = draw(st.integers(1, 3)) if shape is Shape.A2 else 1
    doses = tuple(
        Prophylaxis(**{name: draw(values) for name, values in members.items()})
        for _ in range(count)
    )
    version = draw(TEXT) if new else None
    issued_on = draw(st.none() | DAYS) if shape is Shape.B else None
    return Icvp(shape, Traveller(**person), doses, version, issued_on)


@given(certificates())
def test_what_is_written_is_read_back(certificate: Icvp) -> None:
    claim = cbor2.loads(cbor2.dumps(write_icvp(certificate)))
    found, deviations = read_icvp(claim)
    assert found == certificate
    grave = {each.code for each in deviations if not TOLERANCES[each.code].granted_by_field}
    assert grave == set()
    assert any(each.code == "content.older-shape" for each in deviations) is (
        certificate.shape is not Shape.B
    )
    assert pickle.loads(pickle.dumps(found)) == copy.deepcopy(found) == found


CBOR = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.binary(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "n",
                    "dob",
                    "s",
                    "nt",
                    "ntl",
                    "v",
                    "vx",
                    "vp",
                    "dt",
                    "dv",
                    "bo",
                    "tg",
                    "vls",
                    "is",
                    "cn",
                    "d",
                ]
            )
            | st.integers(-9, 9),
            inner,
            max_size=6,
        )
    ),
    max_leaves=12,
)


@given(CBOR)
def test_no_claim_makes_the_reader_raise(claim: Any) -> None:
    found, deviations = read_icvp(claim)
    assert found is not None or deviations
    assert {each.code for each in deviations} <= TOLERANCES.keys()
    if found is not None:
        assert read_icvp(write_icvp(found)) is not None


@given(CBOR)
@settings(max_examples=150)
def test_whatever_a_trusted_key_signs_does_not_make_the_verifier_raise(claim: Any) -> None:
    text = backend.forge(world.claims(-6, claim), world.dsc())
    result = world.verifier().verify(text, world.NOW)
    assert result.profile == "icvp"
    assert result.failures or result.ok


def test_no_repr_and_no_error_shows_the_holder() -> None:
    found, _ = read_icvp(write_icvp(Icvp(Shape.B, world.TRAVELLER, (world.DOSE,), "1.0.0")))
    result = world.verifier().verify(world.issued().text, world.NOW)
    assert result.ok
    validity = judge(world.DOSE, world.NOW.date(), catalogue=world.catalogue())
    shown = f"{found!r} {result!r} {result.content!r} {result.checks!r} {validity!r}"
    with pytest.raises(IssueError) as caught:
        world.issuer().issue(
            replace(world.TRAVELLER, nationality="XX"),
            replace(world.DOSE, product="none", manufacturer="Maker"),
            expires=world.END,
            issued_at=world.NOW,
        )
    shown += str(caught.value) + repr(world.issued())
    assert [secret for secret in world.SECRETS if secret in shown] == []


def test_a_hint_of_the_product_is_read_from_its_name_alone() -> None:
    named = Prophylaxis("PolioVaccineInactivatedSproduct" + "A" * 32)
    assert named.product_hint == "PolioVaccineInactivatedS"
    assert Prophylaxis("a3K3X000005atRtUAI").product_hint is None
    assert Prophylaxis().product_hint is None


# What a dose is good for.


def protection(dose: Prophylaxis, on: date, **settings: Any) -> tuple[Protection, list[str]]:
    found = judge(dose, on, catalogue=settings.pop("catalogue", world.catalogue()), **settings)
    return found.protection, [reason.code for reason in found.reasons]


@pytest.mark.parametrize(
    ("on", "expected"),
    [
        (date(2026, 2, 11), (Protection.INVALID, ["dose.too-recent"])),
        (date(2026, 2, 12), (Protection.VALID, ["dose.valid"])),
        (date(9999, 12, 31), (Protection.VALID, ["dose.valid"])),
    ],
)
def test_yellow_fever_counts_from_the_tenth_day_for_life(on: date, expected: Any) -> None:
    assert protection(world.DOSE, on) == expected


def test_a_stated_end_does_not_end_yellow_fever_and_is_reported() -> None:
    dose = replace(world.DOSE, valid_until=date(2026, 3, 1))
    assert protection(dose, date(2030, 1, 1)) == (
        Protection.VALID,
        ["dose.valid", "validity.end-ignored"],
    )
    found = judge(dose, date(2030, 1, 1), catalogue=world.catalogue(), signature_until=world.END)
    assert (found.valid_from, found.valid_until) == (date(2026, 2, 12), None)
    assert found.signature_until == world.END


@given(DAYS, DAYS)
def test_yellow_fever_is_valid_exactly_from_ten_days_on(given_on: date, on: date) -> None:
    found, _ = protection(replace(world.DOSE, given_on=given_on), on)
    assert (found is Protection.VALID) is ((on - given_on).days >= 10)


def test_polio_counts_at_once_where_the_product_was_approved() -> None:
    dose = Prophylaxis("pv-1", date(2026, 3, 31), "B")
    assert protection(dose, date(2026, 3, 31))[0] is Protection.VALID
    assert protection(dose, date(2026, 3, 30))[0] is Protection.INVALID
    for day in (date(2019, 12, 31), date(2026, 4, 1)):
        found = protection(replace(dose, given_on=day), date(2026, 5, 1))
        assert found == (Protection.INVALID, ["product.not-approved"])


@pytest.mark.parametrize(
    ("on", "expected"),
    [
        (date(2025, 3, 28), Protection.INVALID),
        (date(2025, 3, 29), Protection.VALID),
        (date(2026, 2, 28), Protection.VALID),
        (date(2026, 3, 1), Protection.VALID),
        (date(2026, 3, 2), Protection.INVALID),
    ],
)
def test_a_temporary_recommendation_narrows_the_window(on: date, expected: Protection) -> None:
    dose = Prophylaxis("pv-1", date(2025, 3, 1), "B")
    rule = Recommendation(POLIO, "invented")
    assert protection(dose, on, recommendations=[rule])[0] is expected
    other = Recommendation("1D47", "invented")
    assert protection(dose, date(2025, 3, 1), recommendations=[other])[0] is Protection.VALID


def test_a_disease_without_a_rule_is_open_within_what_is_stated() -> None:
    dose = Prophylaxis(
        "ot-1",
        date(2026, 1, 1),
        "B",
        valid_from=date(2026, 1, 10),
        valid_until=date(2026, 2, 1),
    )
    assert protection(dose, date(2026, 1, 9)) == (Protection.INVALID, ["dose.too-recent"])
    assert protection(dose, date(2026, 2, 1)) == (Protection.OPEN, ["disease.no-rule"])
    assert protection(dose, date(2026, 2, 2)) == (Protection.INVALID, ["validity.over"])


@pytest.mark.parametrize(
    ("dose", "settings_", "expected"),
    [
        (world.DOSE, {"catalogue": None}, (Protection.OPEN, ["product.no-catalogue"])),
        (Prophylaxis("x", date(2026, 1, 1), "B"), {}, (Protection.INVALID, ["product.unknown"])),
        (replace(world.DOSE, batch=None), {}, (Protection.INVALID, ["batch.missing"])),
        (
            replace(world.DOSE, batch=None),
            {"catalogue": None},
            (Protection.INVALID, ["product.no-catalogue", "batch.missing"]),
        ),
        (replace(world.DOSE, given_on=None), {}, (Protection.INVALID, ["date.missing"])),
        (
            replace(world.DOSE, disease="RA01"),
            {},
            (Protection.INVALID, ["disease.differs"]),
        ),
    ],
)
def test_what_is_missing_or_unknown_is_said(
    dose: Prophylaxis, settings_: Any, expected: Any
) -> None:
    assert protection(dose, date(2026, 6, 1), **settings_) == expected


# The catalogue.


def test_a_product_is_found_by_the_identifiers_of_every_family() -> None:
    catalogue = world.catalogue()
    for found in ("yf-1", "YF-1", "yellowfeverproduct" + "0" * 32, "a3K"):
        product = catalogue.find(found)
        assert product is not None
        assert product.name == "Yellow One"
    assert catalogue.find("a3k") is None
    assert catalogue.find("") is None
    again = pickle.loads(pickle.dumps(catalogue))
    assert again == catalogue
    assert again.find("pv-1") == catalogue.find("pv-1")


@pytest.mark.parametrize(
    ("document", "code"),
    [
        (b"{", "json.malformed"),
        ("[]", "json.type"),
        ({**world.CATALOGUE, "families": {}}, "json.missing"),
        ({**world.CATALOGUE, "families": {"Words": {}}}, "json.name"),
        ({**world.CATALOGUE, "products": world.CATALOGUE["products"] * 2}, "json.repeated"),
        ({**world.CATALOGUE, "more": 1}, "json.unknown"),
        ('{"name": "a", "name": "b", "families": {"a": {}}, "products": []}', "json.doubled"),
    ],
)
def test_a_catalogue_that_is_none_is_refused_with_every_fault(document: Any, code: str) -> None:
    with pytest.raises(CatalogueError) as caught:
        Catalogue.load(document)
    assert code in [fault.code for fault in caught.value.faults]


# Issuing.


def test_an_issued_certificate_verifies_and_is_of_todays_shape() -> None:
    issued = world.issued()
    result = world.verifier().verify(issued.text, world.NOW)
    assert result.ok
    assert result.deviations == ()
    content = result.content
    assert isinstance(content, Icvp)
    assert content.shape is Shape.B
    assert content.traveller == world.TRAVELLER
    assert content.doses == (replace(world.DOSE, authority="XXA"),)
    assert (issued.issued_at, issued.expires) == (world.NOW, world.END)
    assert decode(issued.text).claims.hcert == {
        -6: {
            "n": world.NAME,
            "dob": "1979-04-14",
            "s": "female",
            "nt": "XXA",
            "id": "P7654321",
            "dt": "PPN",
            "vx": {"vp": "yf-1", "dv": "2026-02-02", "bo": "BATCHMARK", "is": "XXA"},
            "v": "1.0.0",
        }
    }
    assert world.verifier(tolerate=frozenset()).verify(issued.text, world.NOW).ok


def test_the_country_may_have_two_letters_or_three_and_the_day_of_issue_is_asked_for() -> None:
    issued = world.issuer(country="XXA", issue_date=True).issue(
        world.TRAVELLER, world.DOSE, expires=timedelta(days=30), issued_at=world.NOW
    )
    assert decode(issued.text).issuer == "XXA"
    result = world.verifier(tolerate=frozenset()).verify(issued.text, world.NOW)
    assert result.ok
    assert isinstance(result.content, Icvp)
    assert result.content.issued_on == world.NOW.date()


BEFORE = datetime(2025, 9, 18, 23, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("person", "dose", "terms", "expected"),
    [
        ({"name": " "}, {}, {}, {"field.missing"}),
        ({"name": "A\x07B"}, {}, {}, {"text.unwritable"}),
        ({"name": "A" * 201}, {}, {}, {"text.length"}),
        ({"birth_date": PartialDate(1979)}, {}, {}, {"birth-date.partial"}),
        ({"birth_date": None}, {}, {}, {"birth-date.partial"}),
        ({"birth_date": date(2026, 2, 3)}, {}, {}, {"date.order"}),
        ({"sex": "F"}, {}, {}, {"code.unknown"}),
        ({"sex": None}, {}, {}, {"code.unknown"}),
        ({"nationality": "XX"}, {}, {}, {"code.unknown"}),
        ({"nationality": None}, {}, {}, {"code.unknown"}),
        ({"document_id": None}, {}, {}, {"document.no-number"}),
        ({}, {"product": "nothing"}, {}, {"product.unknown"}),
        ({}, {"product": None}, {}, {"field.missing"}),
        ({}, {"product": "pv-1", "given_on": date(2026, 4, 1)}, {}, {"product.not-approved"}),
        ({}, {"batch": None}, {}, {"field.missing"}),
        ({}, {"batch": "  "}, {}, {"field.missing"}),
        ({}, {"given_on": None}, {}, {"field.missing"}),
        ({}, {"given_on": date(2026, 6, 3)}, {}, {"date.order"}),
        ({}, {"authority": "XXB"}, {}, {"participant.other"}),
        ({}, {"disease": "1D47"}, {}, {"field.derived"}),
        ({}, {"valid_until": date(2030, 1, 1)}, {}, {"field.derived"}),
        ({}, {}, {"expires": world.NOW}, {"time.order"}),
        ({}, {}, {"expires": datetime(2030, 1, 1, tzinfo=UTC)}, {"certificate.outlived"}),
        (
            {},
            {"given_on": date(2025, 9, 1)},
            {"issued_at": BEFORE},
            {"certificate.not-begun", "time.before-regulations"},
        ),
    ],
)
def test_each_fault_keeps_a_certificate_from_being_issued(
    person: dict[str, Any], dose: dict[str, Any], terms: dict[str, Any], expected: set[str]
) -> None:
    traveller, given_dose = replace(world.TRAVELLER, **person), replace(world.DOSE, **dose)
    terms = {"expires": world.END, "issued_at": world.NOW, **terms}
    with pytest.raises(IssueError) as caught:
        world.issuer().issue(traveller, given_dose, **terms)
    assert {fault.code for fault in caught.value.faults} == expected
    assert world.issuer().faults(traveller, given_dose, **terms) == caught.value.faults


def test_the_settings_of_an_issuer_are_checked() -> None:
    signer = world.dsc().signer()
    for wrong in ({"participant": "XX"}, {"version": " "}, {"country": "DK"}, {"country": "x"}):
        arguments: dict[str, Any] = {"participant": "XXA", **wrong}
        with pytest.raises(IssueError):
            IcvpIssuer(signer, catalogue=world.catalogue(), **arguments)
    with pytest.raises(TypeError, match="catalogue"):
        IcvpIssuer(signer, "XXA", {})  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="signer"):
        IcvpIssuer(None, "XXA", world.catalogue())  # type: ignore[arg-type]
    from coronapas import EventKind

    tests_only = make_csca("XX", valid_from=world.BEGIN).issue_dsc(
        valid_from=world.BEGIN, usages=[EventKind.TEST]
    )
    office = IcvpIssuer(tests_only.signer(), "XXA", world.catalogue())
    found = office.faults(world.TRAVELLER, world.DOSE, expires=world.END, issued_at=world.NOW)
    assert [fault.code for fault in found] == ["certificate.usage"]


def test_a_certificate_is_drawn_like_a_pass() -> None:
    found = scan(world.issued().qr().png())
    assert [code.text for code in found] == [world.issued().text]
    assert [code.deviations for code in found] == [()]


# Facts in JSON.


def test_facts_are_read_from_json_and_a_certificate_is_written_to_it() -> None:
    document = {
        "traveller": {
            "name": world.NAME,
            "birth_date": "1979-04-14",
            "sex": "female",
            "nationality": "XXA",
            "document_id": "P7654321",
            "document_type": "PPN",
        },
        "dose": {"product": "yf-1", "given_on": "2026-02-02", "batch": "BATCHMARK"},
    }
    assert read_icvp_facts(json.dumps(document)) == (world.TRAVELLER, world.DOSE)
    certificate = Icvp(Shape.B, world.TRAVELLER, (world.DOSE,), "1.0.0")
    written = certificate_to_json(certificate)
    assert {"traveller": written["traveller"], "dose": written["doses"][0]} == document
    for wrong in ("{", {"traveller": document["traveller"]}, {**document, "more": 1}):
        with pytest.raises(FactsError) as caught:
            read_icvp_facts(wrong)
        assert world.NAME not in str(caught.value)


# Every text.


def test_any_change_of_one_character_is_never_ok_with_other_content() -> None:
    good = world.issued().text
    verifier = world.verifier("eu", "dk", "icvp", "link", tolerate=frozenset(TOLERANCES))
    content = verifier.verify(good, world.NOW).content
    assert content is not None
    for place in range(len(good)):
        for character in "0A%:" + ALPHABET[(place * 7) % 45]:
            if good[place] != character:
                changed = good[:place] + character + good[place + 1 :]
                result = verifier.verify(changed, world.NOW)
                assert not result.ok or result.content == content
                assert result.content in (None, content)


@given(st.data())
def test_a_tampered_message_is_never_ok_with_other_content(data: st.DataObject) -> None:
    good = world.issued()
    message = bytearray(good.message)
    for _ in range(data.draw(st.integers(1, 3))):
        message[data.draw(st.integers(0, len(message) - 1))] = data.draw(st.integers(0, 255))
    text = "HC1:" + base45_encode(compress(bytes(message)))
    result = world.verifier(tolerate=frozenset(TOLERANCES)).verify(text, world.NOW)
    original = world.verifier().verify(good.text, world.NOW).content
    assert not result.ok or result.content == original


def test_a_signer_without_a_certificate_issues_for_the_participant() -> None:
    signer = Signer(world.dsc().private_key, kid=world.dsc().certificate.kid)
    issued = IcvpIssuer(signer, "XXA", world.catalogue()).issue(
        world.TRAVELLER, world.DOSE, expires=world.END, issued_at=world.NOW
    )
    assert decode(issued.text).issuer == "XXA"
    assert world.verifier().verify(issued.text, world.NOW).ok


@pytest.mark.parametrize("day", [date(9999, 12, 25), date(9999, 12, 31)])
def test_days_at_the_end_of_the_calendar_do_no_harm(day: date) -> None:
    rule = Recommendation("1D47", "invented")
    dose = replace(world.DOSE, given_on=day)
    found = judge(dose, date.max, catalogue=world.catalogue(), recommendations=[rule])
    assert found.valid_from == date.max
    assert found.valid_until == date.max
    certificate = Icvp(Shape.B, world.TRAVELLER, (dose,), "1.0.0")
    text = backend.forge(world.claims(-6, write_icvp(certificate)), world.dsc())
    result = world.verifier().verify(text, datetime.max.replace(tzinfo=UTC))
    assert "time.expired" in [check.code for check in result.failures]


@pytest.mark.parametrize("value", ["a\x07b", "e\u0301", " a "])
def test_texts_are_read_in_one_form(value: str) -> None:
    found, deviations = read_icvp({"n": value, "vx": {}})
    assert found is not None
    codes = {each.code for each in deviations if each.field == "n"}
    assert codes <= {"content.control-character", "content.not-nfc", "content.whitespace"}
    assert codes
    assert found.traveller.name == unicodedata.normalize("NFC", value).strip()
