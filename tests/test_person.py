"""One notion of the same person: for a wallet, a history, and what an identity document states."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coronapas.denmark import compare
from coronapas.errors import HistoryError, WalletError
from coronapas.facts import (
    Agreement,
    History,
    Holder,
    PartialDate,
    PassFacts,
    Vaccination,
    compare_holders,
)
from coronapas.rules import RuleSet

MATCH, NO_MATCH, UNSURE = Agreement.MATCH, Agreement.NO_MATCH, Agreement.UNSURE
BORN = date(1979, 4, 14)
AT = datetime(2022, 3, 1, tzinfo=UTC)
ONE = Holder("Günther", "Alan Rick", BORN, "GUENTHER", "ALAN<RICK")

PAIRS = [
    (ONE, ONE, MATCH),
    (ONE, replace(ONE, family_name_mrz="GUNTHER"), MATCH),
    (ONE, replace(ONE, given_name_mrz="ALANRICK"), MATCH),
    (ONE, replace(ONE, given_name_mrz="ALAN<<RICK"), MATCH),
    (ONE, replace(ONE, family_name="G\u00dcNTHER ", given_name="alan  rick"), MATCH),
    (ONE, replace(ONE, family_name="Gu\u0308nther", family_name_mrz="GUNTHER"), MATCH),
    (ONE, replace(ONE, family_name=None, given_name=None), MATCH),
    (ONE, replace(ONE, family_name="Guenther"), MATCH),
    (
        replace(ONE, family_name=None, family_name_mrz="DR<<X"),
        replace(ONE, family_name=None, family_name_mrz="DR<X"),
        MATCH,
    ),
    (ONE, replace(ONE, family_name="Gunther", family_name_mrz="GUNTHER"), UNSURE),
    (ONE, replace(ONE, given_name="Alan", given_name_mrz="ALAN"), UNSURE),
    (ONE, replace(ONE, given_name=None, given_name_mrz=None), UNSURE),
    (
        replace(ONE, family_name=None, family_name_mrz="A" * 40),
        replace(ONE, family_name=None, family_name_mrz="A" * 35),
        UNSURE,
    ),
    (ONE, replace(ONE, family_name="Huber", family_name_mrz="HUBER"), NO_MATCH),
    (ONE, replace(ONE, given_name="Alen", given_name_mrz="ALEN"), NO_MATCH),
    (ONE, replace(ONE, family_name="Guntherson", family_name_mrz="GUNTHERSON"), NO_MATCH),
]


def facts(holder: Holder) -> PassFacts:
    return PassFacts(holder, Vaccination("Comirnaty", 2, 2, date(2021, 6, 1)))


def payload(holder: Holder) -> dict[str, object]:
    names = {
        "fn": holder.family_name,
        "gn": holder.given_name,
        "fnt": holder.family_name_mrz,
        "gnt": holder.given_name_mrz,
    }
    return {
        "ver": "1.3.0",
        "nam": {name: value for name, value in names.items() if value is not None},
        "dob": "" if holder.birth_date is None else str(holder.birth_date),
    }


@pytest.mark.parametrize(("one", "other", "expected"), PAIRS)
def test_two_holders_get_one_answer_from_comparison_wallet_and_history(
    one: Holder, other: Holder, expected: Agreement
) -> None:
    for pair in ((one, other), (other, one)):
        found = compare_holders(*pair)
        assert found.name is expected
        assert found.outcome is expected
        for unsure in (False, True):
            same = expected is MATCH or (unsure and expected is UNSURE)
            wallet = [payload(each) for each in pair]
            rules = RuleSet([])
            if same:
                rules.decide_wallet(wallet, country="DK", at=AT, unsure_names=unsure)
                rules.wallet_timeline(wallet, country="DK", at=AT, unsure_names=unsure)
                History.from_passes(map(facts, pair), unsure_names=unsure)
                continue
            with pytest.raises(WalletError):
                rules.decide_wallet(wallet, country="DK", at=AT, unsure_names=unsure)
            with pytest.raises(WalletError):
                rules.wallet_timeline(wallet, country="DK", at=AT, unsure_names=unsure)
            with pytest.raises(HistoryError) as caught:
                History.from_passes(map(facts, pair), unsure_names=unsure)
            assert [fault.code for fault in caught.value.faults] == ["history.names"]
            assert "GUENTHER" not in str(caught.value)


@pytest.mark.parametrize(
    ("born", "expected"),
    [
        (BORN, MATCH),
        (PartialDate(1979), UNSURE),
        (PartialDate(1979, 4), UNSURE),
        (None, UNSURE),
        (PartialDate(1979, 5), NO_MATCH),
        (PartialDate(1980), NO_MATCH),
        (date(1979, 4, 15), NO_MATCH),
    ],
)
def test_a_birth_date_known_in_part_may_be_the_same_and_another_is_another(
    born: date | PartialDate | None, expected: Agreement
) -> None:
    other = replace(ONE, birth_date=born)
    assert compare_holders(ONE, other).birth_date is expected
    wallet = [payload(ONE), payload(other)]
    if expected is NO_MATCH:
        with pytest.raises(WalletError):
            RuleSet([]).decide_wallet(wallet, country="DK", at=AT, unsure_names=True)
        with pytest.raises(HistoryError, match="birth dates"):
            History.from_passes(map(facts, (ONE, other)), unsure_names=True)
    else:
        RuleSet([]).decide_wallet(wallet, country="DK", at=AT)
        assert History.from_passes(map(facts, (ONE, other))).birth_date == BORN


names = st.text("ABCEOU<", max_size=12)


@given(names, names, names, names)
def test_the_comparison_is_symmetric_and_everybody_is_themselves(
    a: str, b: str, c: str, d: str
) -> None:
    one, other = Holder(None, None, BORN, a, b), Holder(None, None, BORN, c, d)
    assert compare_holders(one, other) == compare_holders(other, one)
    assert compare_holders(one, one).outcome is MATCH
    squeezed = Holder(None, None, BORN, a.replace("<", ""), b.replace("<", ""))
    assert compare_holders(one, squeezed).outcome is MATCH


@pytest.mark.parametrize(
    ("legal", "document", "expected"),
    [
        ("Юлия Соловьёва", "Solovyeva Yuliya", UNSURE),
        ("Юлия Соловьёва", "Soloveva Iuliia", MATCH),
        ("Yuliya Solovyeva", "Iuliia Soloveva", UNSURE),
        ("Yuliya", "Iuliia", UNSURE),
        ("Muhammad Khan", "Mohammed Khan", UNSURE),
        ("Muhammad", "Mohamed", UNSURE),
        ("Mohammad Hussein", "Muhammed Husain", UNSURE),
        ("محمد خان", "Muhammad Khan", UNSURE),
        ("Γιώργος", "Georgios", UNSURE),
        ("Muhammad Khan", "Mohammed Hansen", NO_MATCH),
        ("Muhammad", "Ahmed", NO_MATCH),
        ("Yuliya Hansen", "Iuliia Jensen", NO_MATCH),
    ],
)
def test_scripts_and_transliterations_of_another_era_are_unsure(
    legal: str, document: str, expected: Agreement
) -> None:
    for pair in ((legal, document), (document, legal)):
        found = compare(pair[0], BORN, document_name=pair[1], document_birth_date=BORN)
        assert found.name is expected


@given(st.integers(1900, 2029), st.integers(2021, 2029))
def test_a_year_of_two_digits_is_unsure_where_two_centuries_fit(year: int, now: int) -> None:
    born, at = date(year, 5, 4), date(now, 6, 1)
    found = compare(
        "Bente", born, document_name="Bente", document_birth_date=f"{year % 100:02}0504", at=at
    )
    fits = [other for other in (year - 100, year + 100) if now - 120 <= other <= now]
    assert found.birth_date is (UNSURE if fits else MATCH)
    wrong = compare("Bente", born, document_birth_date=f"{(year + 1) % 100:02}0504", at=at)
    assert wrong.birth_date is NO_MATCH
