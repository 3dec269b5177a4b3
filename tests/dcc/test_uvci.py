from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coronapas.dcc import _uvci as uvci
from coronapas.dcc._uvci import UvciForm
from coronapas.errors import FaultsError

if TYPE_CHECKING:
    from pathlib import Path

CAPITALS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
ALPHABET = f"{CAPITALS}0123456789/:"
countries = st.text(alphabet=CAPITALS, min_size=2, max_size=2)
parts = st.text(alphabet=CAPITALS + "0123456789", min_size=1, max_size=19)


def luhn_mod_38(text: str) -> str:
    """The check character, step by step as the note on the algorithm words it."""
    total = 0
    for place, char in enumerate(reversed(text)):
        addend = (2 if place % 2 == 0 else 1) * ALPHABET.index(char)
        total += addend // 38 + addend % 38
    return ALPHABET[(38 - total % 38) % 38]


def fields_of(caught: pytest.ExceptionInfo[FaultsError]) -> list[str]:
    return [fault.field for fault in caught.value.faults]


def test_the_published_example_has_its_published_checksum() -> None:
    assert uvci.checksum("URN:UVCI:01:NL:187/37512422923") == "Z"
    assert uvci.checksum("URN:UVCI:01:NL:187/37512422923#Q") == "Z"
    assert uvci.checksum_holds(" urn:uvci:01:nl:187/37512422923#z\n") is True
    assert uvci.checksum_holds("URN:UVCI:01:NL:187/37512422923#Y") is False


@given(st.text(alphabet=ALPHABET, max_size=80))
def test_the_checksum_follows_the_algorithm_step_by_step(text: str) -> None:
    assert uvci.checksum(text) == luhn_mod_38(text)


@given(st.text(alphabet=ALPHABET, min_size=1, max_size=80), st.data())
def test_a_checksum_tells_every_single_wrong_character(text: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from(ALPHABET.replace(text[place], "")))
    wrong = text[:place] + other + text[place + 1 :]
    assert uvci.checksum(wrong) != uvci.checksum(text)


def test_a_checksum_over_other_characters_is_refused_without_showing_them() -> None:
    with pytest.raises(FaultsError) as caught:
        uvci.checksum("URN:UVCI:01:NL:SECRET_9")
    assert fields_of(caught) == ["uvci"]
    assert "SECRET" not in str(caught.value)


def test_a_checksum_that_cannot_be_computed_does_not_hold() -> None:
    assert uvci.checksum_holds("URN:UVCI:01:NL:A_9#A") is False


@pytest.mark.parametrize("text", ["URN:UVCI:01:NL:A9", "", "#", "URN:UVCI:01:NL:A9#", "A"])
def test_without_a_checksum_there_is_nothing_to_hold(text: str) -> None:
    assert uvci.checksum_holds(text) is None


@pytest.mark.parametrize(
    ("rest", "form", "issuer", "vaccine", "opaque"),
    [
        ("K7", UvciForm.OPAQUE, None, None, "K7"),
        ("I1/K7", UvciForm.ISSUER, "I1", None, "K7"),
        ("I1/V2/K7", UvciForm.VACCINE, "I1", "V2", "K7"),
        ("I1/V2/X/K7", UvciForm.OPAQUE, None, None, "I1/V2/X/K7"),
        ("I1//K7", UvciForm.OPAQUE, None, None, "I1//K7"),
        ("K7/", UvciForm.OPAQUE, None, None, "K7/"),
        ("ab-c:d", UvciForm.OPAQUE, None, None, "ab-c:d"),
    ],
)
def test_the_three_forms_are_told_apart_and_what_fits_none_is_opaque(
    rest: str, form: UvciForm, issuer: str | None, vaccine: str | None, opaque: str
) -> None:
    found = uvci.parse(f"URN:UVCI:01:DK:{rest}#Q")
    assert (found.form, found.issuer, found.vaccine, found.opaque) == (
        form,
        issuer,
        vaccine,
        opaque,
    )
    assert (found.country, found.version, found.checksum) == ("DK", "01", "Q")
    assert found.canonical == f"URN:UVCI:01:DK:{rest}".upper()


@pytest.mark.parametrize(
    "text",
    [
        "URN:UVCI:01:ES:K7AB",
        "URN:UVCI:01:ES:K7AB#",
        "URN:UVCI:01:ES:K7AB#3",
        "URN:UVCI:01:ES:K7AB##",
        "urn:uvci:01:es:k7ab#4",
        "URN:UCI:01:ES:K7AB",
        "UVCI:01:ES:K7AB",
        "dgci:01:ES:K7AB",
        "01:ES:K7AB",
        "01ESK7AB#9",
        "01 ES/K7AB",
        "URN:UVCI:01ES/K7AB",
        "URN/UVCI/01/ES/K7AB",
        "URN#UVCI#01#ES#K7AB",
        "  URN:UVCI:01:ES:K7AB\r\n",
    ],
)
def test_every_way_of_writing_that_occurs_is_one_identifier(text: str) -> None:
    found = uvci.parse(text)
    assert (found.country, found.opaque.upper()) == ("ES", "K7AB")
    assert found.text == text.strip()
    assert uvci.same(text, "URN:UVCI:01:ES:K7AB")
    assert uvci.normalise(text) == "URN:UVCI:01:ES:K7AB"


def test_other_countries_values_and_versions_are_other_identifiers() -> None:
    assert uvci.parse("URN:UVCI:V1:CY:K7").version == "V1"
    for other in ("URN:UVCI:01:DE:K7", "URN:UVCI:01:ES:K8", "URN:UVCI:V1:ES:K7", "K7", ""):
        assert not uvci.same("URN:UVCI:01:ES:K7", other)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "#",
        "K7",
        "URN:UVCI:",
        "URN:UVCI:01",
        "URN:UVCI:01:",
        "URN:UVCI:01:ES",
        "URN:UVCI:01:E1:K7",
        "URN:UVCI:02:ES:K7",
        "URN:OTHER:01:ES:K7",
        "URN:UVCI:01:ES:K 7",
        "URN:UVCI:01:ES:K\u00e97",
        "URN:UVCI:01:E\u017f:K7",
        "URN:UVCI:01:ES:K\x007",
        "URN:UVCI:01:ES:",
        "URN:UVCI:01:ES://",
        "URN:UVCI:01:ES#",
        "01ES/",
        "URN:UVCI:01:ES:#A",
        "URN:UVCI:01:ES:" + "K" * 66,
    ],
)
def test_what_cannot_be_an_identifier_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(FaultsError) as caught:
        uvci.parse(text)
    assert fields_of(caught) == ["uvci"]
    assert "K7" not in str(caught.value)
    assert uvci.same(text, text.lower())


def test_an_identifier_of_80_characters_is_read_and_one_of_81_is_not() -> None:
    assert uvci.parse("URN:UVCI:01:ES:" + "K" * 65).opaque == "K" * 65
    with pytest.raises(FaultsError):
        uvci.parse("URN:UVCI:01:ES:" + "K" * 66)


@given(st.text(max_size=200))
def test_no_text_breaks_reading_comparing_or_checking(text: str) -> None:
    uvci.normalise(text)
    assert uvci.same(text, text)
    assert uvci.checksum_holds(text) in {True, False, None}
    with suppress(FaultsError):
        assert uvci.parse(text).canonical == uvci.normalise(text)


def test_hostile_text_is_refused_by_its_length() -> None:
    for text in ("URN:UVCI:01:ES:" + "K" * 2**20, "#" * 2**20, " " * 2**20, "01" * 2**19):
        with pytest.raises(FaultsError):
            uvci.parse(text)
        uvci.normalise(text)


@given(
    countries,
    st.one_of(st.none(), parts),
    st.one_of(st.none(), parts),
    st.one_of(st.none(), parts),
    st.booleans(),
)
def test_what_is_made_reads_back_with_every_part(
    country: str, issuer: str | None, vaccine: str | None, opaque: str | None, checksum: bool
) -> None:
    vaccine = vaccine if issuer else None
    made = uvci.make(country, issuer=issuer, vaccine=vaccine, opaque=opaque, checksum=checksum)
    found = uvci.parse(made)
    assert len(made) <= uvci.MAX_LENGTH
    assert re.fullmatch(r"URN:UVCI:01:[A-Z]{2}:[A-Z0-9/]+(#[A-Z0-9/:])?", made)
    assert (found.country, found.issuer, found.vaccine) == (country, issuer, vaccine)
    assert found.opaque == (opaque if opaque is not None else found.opaque)
    assert uvci.checksum_holds(made) is (True if checksum else None)
    assert uvci.same(made, made.lower())


def test_a_drawn_opaque_part_has_the_stated_length_and_kinds_and_is_new_each_time() -> None:
    drawn = [uvci.parse(uvci.make("DK")).opaque for _ in range(2000)]
    assert len(set(drawn)) == len(drawn)
    assert {len(opaque) for opaque in drawn} == {uvci.OPAQUE_LENGTH}
    # 44 000 draws: a kind is missing from them with a probability below 1e-600.
    assert set("".join(drawn)) == set(CAPITALS + "23456789") - set("IO")


def test_the_identifier_proper_has_28_characters_and_30_with_its_checksum() -> None:
    prefix = len("URN:UVCI:")
    assert len(uvci.make("DK")) - prefix == 28
    assert len(uvci.make("DK", checksum=True)) - prefix == 30


def test_all_faults_of_the_parts_are_named_at_once() -> None:
    with pytest.raises(FaultsError) as caught:
        uvci.make("dk", vaccine="a", opaque="SECRET-")
    assert fields_of(caught) == ["country", "issuer", "vaccine", "opaque"]
    assert "SECRET" not in str(caught.value)
    assert len({fault.code for fault in caught.value.faults}) == 4


@pytest.mark.parametrize("country", ["", "D", "DNK", "dk", "D1", "DK\n", "ÆØ"])
def test_a_country_is_two_capitals(country: str) -> None:
    with pytest.raises(FaultsError) as caught:
        uvci.make(country)
    assert fields_of(caught) == ["country"]


@pytest.mark.parametrize("part", ["", "a", "A/B", "A:B", "A#B", "Å", "A ", "A\n"])
def test_a_part_is_capitals_and_digits(part: str) -> None:
    with pytest.raises(FaultsError) as caught:
        uvci.make("DK", issuer=part, vaccine=part, opaque=part)
    assert fields_of(caught) == ["issuer", "vaccine", "opaque"]


def test_80_characters_can_be_made_and_81_cannot_the_checksum_counted() -> None:
    assert len(uvci.make("DK", opaque="K" * 65)) == 80
    assert len(uvci.make("DK", opaque="K" * 63, checksum=True)) == 80
    for length, checksum in ((66, False), (64, True)):
        with pytest.raises(FaultsError) as caught:
            uvci.make("DK", opaque="K" * length, checksum=checksum)
        assert fields_of(caught) == ["uvci"]


def test_a_repr_shows_no_identifier() -> None:
    shown = repr(uvci.parse("URN:UVCI:01:DK:I1/V2/SECRET#Q"))
    assert "SECRET" not in shown
    assert "DK" in shown


def test_every_identifier_of_the_official_passes_is_read(official: Path) -> None:
    identifiers = set()
    for path in (official / "dgc-testdata").rglob("*.json"):
        payload = json.loads(path.read_text("utf-8-sig")).get("JSON") or {}
        for group in ("v", "t", "r"):
            for entry in payload.get(group) or ():
                if isinstance(entry.get("ci"), str):
                    identifiers.add(entry["ci"])
    assert identifiers
    for identifier in identifiers:
        assert re.fullmatch(r"[A-Z]{2}", uvci.parse(identifier).country)
    # Issuers compute checksums in their own ways: some hold, some do not, some are missing.
    assert {uvci.checksum_holds(identifier) for identifier in identifiers} == {True, False, None}
