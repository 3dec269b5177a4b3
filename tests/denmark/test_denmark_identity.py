"""A name and a birth date held against an identity document."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

import strategies
from coronapas.dcc._names import transliterate
from coronapas.denmark import Dk2, compare, read
from coronapas.denmark._identity import LONGEST_NAME, MOST_PARTS, compare_token
from coronapas.facts import Agreement, PartialDate
from danish_world import BORN, claims, forge, person

MATCH, NO_MATCH, UNSURE = Agreement.MATCH, Agreement.NO_MATCH, Agreement.UNSURE


@pytest.mark.parametrize(
    ("legal", "document", "expected"),
    [
        ("Bente Bendtsen", "Bente Bendtsen", MATCH),
        ("Bente Bendtsen", "BENDTSEN, BENTE", MATCH),
        ("Bente Bendtsen", "bendtsen  bente", MATCH),
        ("Åse Sørensen", "Aase Soerensen", MATCH),
        ("Aase Soerensen", "Åse Sørensen", MATCH),
        ("Aase Sorensen", "Åse Sørensen", UNSURE),
        ("Sorensen", "SØRENSEN", UNSURE),
        ("Łukasz", "Lukasz", MATCH),
        ("Đorđe Holm", "Djordje Holm", NO_MATCH),
        ("Jörg Müller", "Jorg Muller", MATCH),
        ("Anne-Marie Møller", "MOELLER ANNE MARIE", MATCH),
        ("Anne Marie Holm", "Annemarie Holm", UNSURE),
        ("Annemarie Holm", "HOLM ANNE MARIE", UNSURE),
        ("Bente Maria Bendtsen", "Bente Bendtsen", UNSURE),
        ("Bente Bendtsen", "Bente Maria Bendtsen", UNSURE),
        ("Bente Maria Bendtsen", "Bente M Bendtsen", UNSURE),
        ("Bente Bendtsen", "Bente", UNSURE),
        ("Bente Bendtsen", "Hanne", NO_MATCH),
        ("Bente Bendtsen", "Bente Hansen", NO_MATCH),
        ("Bente Bendtsen", "Hans Hansen", NO_MATCH),
        ("Bente Bendtsen", "Benta Bendtsen", NO_MATCH),
        ("Bente Bendtsen", "B B", NO_MATCH),
        ("Bente Bente", "Bente", UNSURE),
        ("Bente Bente", "Bente Bendtsen", NO_MATCH),
        ("王 Bendtsen", "Bente Bendtsen", UNSURE),
        ("王小明", "Wang Xiaoming", UNSURE),
        ("", "Bente", UNSURE),
        ("Bente", " - ", UNSURE),
        ("x" * (LONGEST_NAME + 1), "x" * (LONGEST_NAME + 1), UNSURE),
        ("A " * (MOST_PARTS + 1), "A " * (MOST_PARTS + 1), UNSURE),
    ],
)
def test_names_agree_part_by_part_in_any_order(
    legal: str, document: str, expected: Agreement
) -> None:
    found = compare(legal, BORN, document_name=document, document_birth_date=BORN)
    assert found.name is expected
    assert found.outcome is expected
    assert found.matches is (expected is MATCH)


@pytest.mark.parametrize(
    ("legal", "mrz", "expected"),
    [
        ("Bente Bendtsen", "BENDTSEN<<BENTE<<<<<<<<<<<<<<<", MATCH),
        ("Åse Marie Prøvesen", "PROEVESEN<<AASE<MARIE", MATCH),
        ("Åse Marie Prøvesen", "PROVESEN<<ASE<MARIE", UNSURE),
        ("Åse Marie Prøvesen", "PROEVESEN<<AASE", UNSURE),
        ("Åse Marie Prøvesen", "PROEVESEN<<AASE<MAR", UNSURE),
        ("Åse Marie Prøvesen", "PROEVESEN<<OLE<MARIE", NO_MATCH),
        ("Åse Marie Prøvesen", "<<<", UNSURE),
    ],
)
def test_names_agree_with_a_machine_readable_zone_in_all_its_forms(
    legal: str, mrz: str, expected: Agreement
) -> None:
    found = compare(legal, BORN, document_mrz=mrz, document_birth_date="870504")
    assert found.name is expected


@pytest.mark.parametrize(
    ("name", "mrz", "expected"),
    [
        ("Bente Bendtsen", "BENDTSEN<<BEN", MATCH),
        ("Bente Hansen", "HANSEN<<BENTE", NO_MATCH),
        ("Bente Hansen", "BENDTSEN<<BENTE", UNSURE),
        ("Bente Hansen", "BENDTSEN<<BENTE<MARIA", UNSURE),
    ],
)
def test_a_document_that_contradicts_itself_is_unsure(
    name: str, mrz: str, expected: Agreement
) -> None:
    found = compare(
        "Bente Bendtsen", BORN, document_name=name, document_mrz=mrz, document_birth_date=BORN
    )
    if (name, mrz) == ("Bente Hansen", "BENDTSEN<<BENTE<MARIA"):
        expected = NO_MATCH  # an unsure zone does not outweigh a printed name that is another
    assert found.name is expected


@pytest.mark.parametrize(
    ("own", "document", "expected"),
    [
        (BORN, BORN, MATCH),
        (BORN, "870504", MATCH),
        (date(1912, 5, 4), "120504", UNSURE),
        (date(2012, 5, 4), "120504", UNSURE),
        (date(1950, 5, 4), "500504", MATCH),
        (BORN, date(1987, 4, 5), NO_MATCH),
        (BORN, "870505", NO_MATCH),
        (BORN, PartialDate(1987), UNSURE),
        (BORN, PartialDate(1987, 5), UNSURE),
        (BORN, PartialDate(1987, 6), NO_MATCH),
        (BORN, "87<<<<", UNSURE),
        (BORN, "8705<<", UNSURE),
        (BORN, "8706<<", NO_MATCH),
        (PartialDate(1987), BORN, UNSURE),
        (PartialDate(1987), PartialDate(1987), UNSURE),
        (PartialDate(1987), PartialDate(1988, 1), NO_MATCH),
        (PartialDate(1987, 5), "870504", UNSURE),
        (None, BORN, UNSURE),
        (BORN, None, UNSURE),
    ],
)
def test_birth_dates_agree_as_far_as_both_are_known(
    own: date | PartialDate | None, document: date | PartialDate | str | None, expected: Agreement
) -> None:
    found = compare("Bente", own, document_name="Bente", document_birth_date=document)
    assert found.birth_date is expected
    assert found.outcome is expected


def test_the_whole_matches_where_both_halves_do_and_not_where_either_does_not() -> None:
    other = date(1990, 1, 1)
    assert compare("A", BORN, document_name="B", document_birth_date=None).outcome is NO_MATCH
    assert compare("A", BORN, document_birth_date=other).outcome is NO_MATCH
    assert compare("A", BORN, document_birth_date=BORN).outcome is UNSURE
    assert compare(None, BORN, document_name="A", document_birth_date=BORN).outcome is UNSURE


def test_a_dk2_is_compared_with_what_it_states() -> None:
    token = read(forge("DK2", claims(person())))
    assert isinstance(token, Dk2)
    found = compare_token(token, document_mrz="PROEVESEN<<AASE<MARIE", document_birth_date="870504")
    assert found.matches


def test_what_is_no_machine_readable_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="A-Z"):
        compare("A", BORN, document_mrz="Bendtsen")
    for text in ("8705", "1987-05-04", "87<<04x", "٨٧٠٥٠٤"):
        with pytest.raises(ValueError, match="YYMMDD"):
            compare("A", BORN, document_name="A", document_birth_date=text)


@given(strategies.names(), strategies.names(), st.randoms())
def test_a_name_matches_its_own_transliteration_in_any_order(
    family: str, given_name: str, random: object
) -> None:
    written = [transliterate(name).mrz for name in (family, given_name)]
    mrz = "<<".join(written)
    if len(mrz) <= 80 and all(len(name) <= 80 for name in written):
        for legal in (f"{given_name} {family}", f"{family} {given_name}"):
            assert compare(legal, BORN, document_mrz=mrz).name is MATCH


@given(strategies.names(), strategies.names())
def test_comparing_two_printed_names_does_not_depend_on_which_is_the_documents(
    one: str, two: str
) -> None:
    there = compare(one, BORN, document_name=two).name
    back = compare(two, BORN, document_name=one).name
    assert there is back
    assert compare(one, BORN, document_name=one).name is MATCH


@given(st.text(max_size=60), st.text(max_size=60), st.text("ABÅ<-, ", max_size=60))
def test_no_names_make_comparing_fail(one: str, two: str, three: str) -> None:
    for document in (two, three):
        assert compare(one, None, document_name=document).outcome in (UNSURE, NO_MATCH)
