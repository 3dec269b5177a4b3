"""Examining payloads: the ordinary ones at once, and every oddity under its own name."""

from __future__ import annotations

import timeit
from datetime import date
from functools import cache
from itertools import product
from string import ascii_lowercase
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coronapas.dcc._examiner import (
    MOST_DEVIATIONS,
    NOTES,
    Examiner,
    Recogniser,
    default_examiner,
    examine,
    tidy,
)
from coronapas.dcc._reader import facts_of
from coronapas.dcc._schema import VALUE_SETS, codes_for, violations
from coronapas.dcc._valuesets import Entry, Product, ValueSet, ValueSets
from coronapas.tolerances import FIELD, TOLERANCES
from odd_payloads import (
    ANYTHING,
    CBOR_VALUES,
    ENTRIES,
    NAM,
    PLAIN_VALUES,
    RELEASES,
    VALID,
    mutated,
    payload,
)

CLOSE = default_examiner().examine_closely


def codes(dcc: object) -> list[tuple[str, str]]:
    found = examine(dcc)
    assert found == CLOSE(dcc)
    return sorted((one.code.removeprefix("content."), one.field) for one in found)


# ---- the ordinary pass -------------------------------------------------------------------------


@pytest.mark.parametrize("document", VALID)
def test_a_correct_pass_has_no_deviation(document: dict[str, Any]) -> None:
    assert codes(document) == []


@cache
def recogniser(version: str) -> Recogniser:
    return Recogniser(version, codes_for(version, ValueSets.default()))


@pytest.mark.parametrize("document", VALID)
def test_a_correct_pass_is_recognised_at_once(document: dict[str, Any]) -> None:
    assert recogniser(document["ver"]).examine(document) == ()


@pytest.mark.parametrize("kind", ENTRIES)
def test_a_pass_odd_in_nothing_but_its_uvci_is_recognised_at_once(kind: str) -> None:
    document = payload(kind, ci="01DK0EXAMPLE#Q")
    assert recogniser("1.3.2").examine(document) == CLOSE(document)
    assert [one.code for one in examine(document)] == ["content.uvci"]


@pytest.mark.parametrize(
    "document",
    [
        payload("NAAT", nm=...),
        payload("RAT", tc=...),
        payload("NAAT", "1.0.0", dr="2021-08-20T12:00:00Z"),
        payload("RAT", "1.1.0", dr="2021-08-20T12:00:00Z"),
        payload() | {"dob": "1990"},
        payload() | {"dob": "1990-07"},
        payload() | {"dob": ""},
        payload("vaccination", "1.1.0") | {"dob": "1990-07"},
        payload(dn=10**30),
    ],
)
def test_the_forms_that_a_release_leaves_open_are_recognised_at_once(
    document: dict[str, Any],
) -> None:
    assert recogniser(document["ver"]).examine(document) == () == CLOSE(document)


@given(mutated())
def test_what_is_recognised_at_once_is_what_a_close_look_finds(document: Any) -> None:
    assert examine(document) == CLOSE(document)


@given(mutated(PLAIN_VALUES + CBOR_VALUES))
def test_the_same_holds_for_values_that_only_cbor_has(document: Any) -> None:
    assert examine(document) == CLOSE(document)


@given(st.sampled_from(sorted(ENTRIES)), st.sampled_from(RELEASES), st.data())
def test_the_same_holds_for_texts_of_any_kind_in_any_field(
    kind: str, version: str, data: st.DataObject
) -> None:
    document = payload(kind, version)
    parts = [document["nam"], document[ENTRIES[kind][0]][0], document]
    part = data.draw(st.sampled_from(parts))
    name = data.draw(st.sampled_from(sorted(set(part) - {"nam", "v", "t", "r"})))
    characters = st.sampled_from("A a9-:/#<\n\t\x00\x85\u00a0\u0308\u0301éÅ\u212b\u2028Z+T.")
    old = str(part[name])
    at = data.draw(st.integers(0, len(old)))
    part[name] = old[:at] + data.draw(st.text(characters, max_size=3)) + old[at:]
    assert examine(document) == CLOSE(document)


@given(st.dates(date(1, 1, 1), date(9999, 12, 31)), st.integers(0, 3))
def test_dates_around_the_ends_of_months_are_told_apart(day: date, beyond: int) -> None:
    text = f"{day:%m}-{day.day + beyond:02}"
    document = payload(dt=f"{day.year:04}-{text}")
    assert codes(document) in ([], [("date", "v.0.dt")])
    try:
        date(day.year, day.month, day.day + beyond)
    except ValueError:
        assert codes(document) == [("date", "v.0.dt")]
    else:
        assert codes(document) == []


@pytest.mark.parametrize("year", [1900, 1999, 2000, 2004, 2020, 2021, 2100, 400, 4])
def test_the_leap_day_is_recognised_in_leap_years_alone(year: int) -> None:
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    document = payload(dt=f"{year:04}-02-29")
    assert (recogniser("1.3.2").examine(document) == ()) == leap
    assert (codes(document) == []) == leap


def test_an_ordinary_pass_is_examined_far_faster_than_by_a_close_look() -> None:
    document = payload()
    fast = min(timeit.repeat(lambda: examine(document), number=300, repeat=7))
    slow = min(timeit.repeat(lambda: CLOSE(document), number=300, repeat=7))
    assert fast < slow / 3


# ---- every oddity under its own name -----------------------------------------------------------


def without(name: str, **changes: Any) -> dict[str, Any]:
    nam = {key: value for key, value in {**NAM, **changes}.items() if key != name}
    return payload() | {"nam": nam}


ODD: list[tuple[dict[Any, Any], list[tuple[str, str]]]] = [
    (payload(mp=" EU/1/20/1528\n"), [("whitespace", "v.0.mp")]),
    (payload() | {"nam": {**NAM, "fn": "Testsen "}}, [("whitespace", "nam.fn")]),
    (payload() | {"ver": " 1.3.2"}, [("whitespace", "ver")]),
    (payload(**{"is": "A\nB"}), [("control-character", "v.0.is")]),
    (payload() | {"nam": {**NAM, "fn": "A\u0308"}}, [("not-nfc", "nam.fn")]),
    (payload() | {"t": None}, [("null-group", "t")]),
    (payload() | {"t": None, "r": []}, [("null-group", "r"), ("null-group", "t")]),
    (payload("NAAT", nm=None), [("null-field", "t.0.nm")]),
    (payload("RAT", tc=None), [("null-field", "t.0.tc")]),
    (without("", gn=None, gnt=None), [("null-field", "nam.gn"), ("null-field", "nam.gnt")]),
    (payload("NAAT", "1.1.0", dr=""), [("empty-field", "t.0.dr")]),
    (payload("NAAT", nm=""), [("empty-field", "t.0.nm")]),
    (payload(**{"is": ""}), [("empty-field", "v.0.is")]),
    (payload(ci="  "), [("empty-field", "v.0.ci"), ("whitespace", "v.0.ci")]),
    (without("", gn="", gnt=""), [("empty-field", "nam.gn"), ("empty-field", "nam.gnt")]),
    (payload("NAAT", "1.3.0", dr=""), [("unknown-field", "t.0.dr")]),
    (payload(zz=1) | {"zz": 1}, [("unknown-field", "v.0.zz"), ("unknown-field", "zz")]),
    (payload() | {1: 2, "a b": 3}, [("unknown-field", "1"), ("unknown-field", "?")]),
    (payload() | {"Opdigtet": 2, 19_790_414: 3}, [("unknown-field", "?")]),
    (payload("NAAT", tc=...), [("centre-missing", "t.0.tc")]),
    (payload("NAAT", "1.2.1", tc=...), [("centre-missing", "t.0.tc")]),
    (payload("RAT", "1.2.1", tc=...), [("centre-missing", "t.0.tc")]),
    (payload("NAAT", tc=""), [("centre-missing", "t.0.tc"), ("empty-field", "t.0.tc")]),
    (payload("NAAT", ma="1232"), [("test-fields", "t.0.ma")]),
    (payload("RAT", nm="x"), [("test-fields", "t.0.nm")]),
    (payload("RAT", ma=...), [("test-fields", "t.0.ma")]),
    (payload(dt="2021-06-11T00:00:00"), [("date-with-time", "v.0.dt")]),
    (payload(dt="2021-06-11T00:00:00.000Z"), [("date-with-time", "v.0.dt")]),
    (payload("recovery", du="2021-10-18T00:00:00"), [("date-with-time", "r.0.du")]),
    (payload(dt="2021-06-31"), [("date", "v.0.dt")]),
    (payload(dt="11.06.2021"), [("date", "v.0.dt")]),
    (payload(dt=""), [("date", "v.0.dt")]),
    (payload(dt="2021-06-31T00:00:00"), [("date", "v.0.dt")]),
    (payload() | {"dob": "1963-00"}, [("birth-date", "dob")]),
    (payload() | {"dob": "1963-00-00"}, [("birth-date", "dob")]),
    (payload() | {"dob": "1963-07-00"}, [("birth-date", "dob")]),
    (payload() | {"dob": "1963-00-07"}, [("date", "dob")]),
    (payload() | {"dob": "1963-13"}, [("date", "dob")]),
    (payload() | {"dob": "1963-13-00"}, [("date", "dob")]),
    (payload() | {"dob": "1963-XX-XX"}, [("date", "dob")]),
    (payload() | {"dob": "1899-07-01"}, [("birth-date", "dob")]),
    (payload() | {"dob": "1963-07-01T00:00:00"}, [("date-with-time", "dob")]),
    (payload("vaccination", "1.0.0") | {"dob": "1963"}, [("birth-date", "dob")]),
    (payload("vaccination", "1.2.1") | {"dob": ""}, [("birth-date", "dob")]),
    (payload("NAAT", sc="2021-08-20T10:03:12+0200"), [("date-time-offset", "t.0.sc")]),
    (payload("NAAT", sc="2021-08-20T10:03:12+02"), [("date-time-offset", "t.0.sc")]),
    (payload("NAAT", sc="2021-08-20T10:03:12+0"), [("date-time-offset", "t.0.sc")]),
    (payload("NAAT", sc="2021-08-20T10:03:12"), [("date-time-zone", "t.0.sc")]),
    (payload("NAAT", sc="2021-08-20T10:03:12.123Z"), [("date-time-form", "t.0.sc")]),
    (payload("NAAT", sc="2021-08-20t10:03:12z"), [("date-time-form", "t.0.sc")]),
    (payload("NAAT", sc="2021-08-20T10:03:12z"), [("date-time-form", "t.0.sc")]),
    (payload("NAAT", sc="2021-08-20 10:03Z"), [("date-time-form", "t.0.sc")]),
    (
        payload("NAAT", sc="2021-08-20T10:03:12.5+0200"),
        [("date-time-form", "t.0.sc"), ("date-time-offset", "t.0.sc")],
    ),
    (payload("NAAT", sc="2021-08-20"), [("date", "t.0.sc")]),
    (payload("NAAT", sc="2021-08-20T25:03:12Z"), [("date", "t.0.sc")]),
    (payload("NAAT", sc="2021-08-20T10:03:12+2500"), [("date", "t.0.sc")]),
    (payload("NAAT", sc="2021-08-20T10:03:12+0260"), [("date", "t.0.sc")]),
    (payload("NAAT", "1.0.0", dr="2021-08-20T10:03:12"), [("date-time-zone", "t.0.dr")]),
    (payload("recovery", du="2021-05-01"), [("date-order", "r.0.du")]),
    (payload("recovery", du="2021-05-02"), []),
    (payload(dn=2.0, sd=2.0), [("whole-float", "v.0.dn"), ("whole-float", "v.0.sd")]),
    (payload(dn=2.5), [("schema", "v.0.dn")]),
    (payload(dn=0), [("schema", "v.0.dn")]),
    (payload(dn=0.0), [("schema", "v.0.dn"), ("whole-float", "v.0.dn")]),
    (payload(dn=True), [("schema", "v.0.dn")]),
    (payload("vaccination", "1.2.1", sd=9), []),
    (payload("vaccination", "1.2.1", sd=10), [("dose-limit", "v.0.sd")]),
    (payload(ci="URN:UVCI:01:DK:" + "A" * 65), []),
    (payload(ci="URN:UVCI:01:DK:" + "A" * 66), [("length", "v.0.ci")]),
    (payload("vaccination", "1.2.1", **{"is": "A" * 51}), [("length", "v.0.is")]),
    (without("", fnt="TESTSEN-HANSEN"), [("name-alphabet", "nam.fnt")]),
    (payload() | {"nam": {"gnt": "A"}}, []),
    (
        payload("vaccination", "1.3.1") | {"nam": {"gnt": "A"}},
        [("surname-missing", "nam.fnt")],
    ),
    (
        payload("vaccination", "1.3.1") | {"nam": {"gnt": "A", "fnt": None}},
        [("null-field", "nam.fnt"), ("surname-missing", "nam.fnt")],
    ),
    (payload() | {"nam": {"fn": "A"}}, [("schema", "nam")]),
    (payload("vaccination", "1.3.0") | {"nam": {"fn": "A"}}, [("schema", "nam.fnt")]),
    (payload() | {"nam": {"fnt": ""}}, [("empty-field", "nam.fnt"), ("no-name", "nam")]),
    (payload() | {"nam": {}}, [("no-name", "nam"), ("schema", "nam")]),
    (payload() | {"nam": None}, [("schema", "nam")]),
    (payload() | {"nam": "A"}, [("schema", "nam")]),
    (payload(mp="EU/1/99/9999"), [("value-set", "v.0.mp")]),
    (payload(co="XX"), [("value-set", "v.0.co")]),
    *(
        (payload(kind, tg=code), [("disease", f"{group}.0.tg"), ("value-set", f"{group}.0.tg")])
        for kind, (group, _) in ENTRIES.items()
        for code in ("6142004", "840539007", "840539006x", "COVID-19")
    ),
    (payload(ma="ORG-100001699"), [("product", "v.0.ma")]),
    (payload(vp="J07BX03"), [("product", "v.0.vp")]),
    (payload(mp="EU/1/21/1529"), [("product", "v.0.ma"), ("product", "v.0.vp")]),
    (payload(co="dk"), [("value-set", "v.0.co")]),
    (payload("vaccination", "1.2.1", co="ZZ"), []),
    (payload("vaccination", "1.2.1", co="dk"), [("value-set", "v.0.co")]),
    (payload("NAAT", tr="x"), [("value-set", "t.0.tr")]),
    (payload("NAAT", tt="x", nm=..., tc=...), [("value-set", "t.0.tt")]),
    (payload("NAAT", "1.0.0", tt="x"), []),
    (payload("RAT", ma="0"), [("value-set", "t.0.ma")]),
    (payload(ci="urn:uvci:01:dk:a"), [("uvci", "v.0.ci")]),
    (payload() | {"ver": "1.3.9"}, [("version", "ver")]),
    (payload() | {"ver": "1.3"}, [("version", "ver")]),
    (payload() | {"ver": "2.0.0"}, [("version-unknown", "ver")]),
    (payload() | {"ver": "one"}, [("version-unknown", "ver")]),
    (payload() | {"ver": 1.3}, [("schema", "ver")]),
    ({**payload(), "t": payload("NAAT")["t"]}, [("several-events", "")]),
    (payload() | {"v": payload()["v"] * 2}, [("several-events", "")]),
    ({**payload("vaccination", "1.2.1"), "t": payload("NAAT")["t"]}, [("several-events", "")]),
    (payload() | {"v": []}, [("no-event", "")]),
    (payload() | {"v": None}, [("no-event", ""), ("schema", "v")]),
    ({**payload(), "v": {}}, [("no-event", ""), ("schema", "v")]),
    (payload() | {"v": [1]}, [("schema", "v.0")]),
    (payload() | {"t": {}}, [("schema", ""), ("schema", "t")]),
    (payload(tg=...), [("schema", "v.0.tg")]),
    *((payload(**{name: ""}), [("schema", f"v.0.{name}")]) for name in ("tg", "vp", "mp", "ma")),
    (payload(ci="URN:UVCI:01:DK:" + "A" * 65), []),
    (payload(ci="URN:UVCI:01:DK:" + "A" * 66), [("length", "v.0.ci")]),
    (payload(co=""), [("schema", "v.0.co"), ("value-set", "v.0.co")]),
    (payload("NAAT", tt=" "), [("schema", "t.0.tt"), ("whitespace", "t.0.tt")]),
    (payload() | {"nam": {"fnt": "<<", "gnt": "<"}}, [("no-name", "nam")]),
    (payload(tg=840539006), [("schema", "v.0.tg")]),
    (payload(tg=None), [("schema", "v.0.tg")]),
    (payload(dt=None), [("schema", "v.0.dt")]),
    (payload("recovery", df=None), [("schema", "r.0.df")]),
    (payload(ci=None), [("schema", "v.0.ci")]),
    ({}, [("no-event", ""), ("schema", "dob"), ("schema", "nam"), ("schema", "ver")]),
]


@pytest.mark.parametrize(("document", "expected"), ODD)
def test_an_oddity_is_reported_once_under_its_own_name(
    document: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    assert codes(document) == expected


def test_every_content_tolerance_has_an_oddity_that_it_forgives() -> None:
    told = {code for _, expected in ODD for code, _ in expected}
    judged_by_the_verifier = {
        *("positive-test", "unknown-result", "sampled-in-future", "in-future", "born-after"),
    }
    of_other_payloads = {
        *("older-shape", "issued-early", "several-doses", "version-ambiguous"),
        *("link-form", "link-member", "link-key", "field-missing", "bound"),
    }
    named = {name.removeprefix("content.") for name in TOLERANCES if name.startswith("content.")}
    assert named - judged_by_the_verifier - of_other_payloads == told


def test_what_real_passes_need_is_granted_in_the_field_and_broken_payloads_are_not() -> None:
    refused = {"schema", "several-events", "no-event", "no-name", "date", "version-unknown"}
    refused |= {"disease"}
    for _, expected in ODD:
        for code, _ in expected:
            assert (f"content.{code}" in FIELD) == (code not in refused), code
    assert set(NOTES) <= set(TOLERANCES)


def test_the_payload_that_is_no_object_is_reported() -> None:
    others: list[object] = [None, 5, "x", [], b"", float("nan")]
    for dcc in others:
        assert codes(dcc) == [("schema", "")]


@given(mutated())
def test_no_breach_of_the_schema_goes_unreported(document: Any) -> None:
    assert not violations(document) or examine(document)


@given(ANYTHING)
def test_no_object_makes_the_examination_raise(dcc: object) -> None:
    found = examine(dcc)
    assert found == CLOSE(dcc)
    assert {one.code for one in found} <= set(TOLERANCES)
    assert len(found) <= MOST_DEVIATIONS


NAMES_UNKNOWN = {"".join(letters): 1 for letters in product("xyz", "aeiou", ascii_lowercase)}


def test_a_hostile_payload_costs_no_more_deviations_than_the_bound() -> None:
    found = examine(payload() | NAMES_UNKNOWN)
    assert len(found) == MOST_DEVIATIONS
    assert found[-1].note == "there are more deviations than are listed"
    unnamed = {f"Opdigtet {number}": number for number in range(50_000)}
    assert [one.field for one in examine(payload() | unnamed)] == ["?"]
    crowd = payload("vaccination", "1.2.1") | {"v": payload(dn=0)["v"] * 20_000}
    assert len(examine(crowd)) == MOST_DEVIATIONS


def test_many_equal_deviations_hide_none_of_another_kind() -> None:
    crowd = {f"odd {number}": number for number in range(1000)}
    found = examine(crowd | payload(mp=" EU/1/20/1528") | {"t": None})
    assert [one.code.removeprefix("content.") for one in found] == [
        *("unknown-field", "whitespace", "null-group")
    ]


def test_exactly_as_many_deviations_as_the_bound_are_all_listed() -> None:
    at = payload() | dict.fromkeys([*NAMES_UNKNOWN][:MOST_DEVIATIONS], 1)
    assert {one.code for one in examine(at)} == {"content.unknown-field"}
    assert len(examine(at)) == MOST_DEVIATIONS


def test_no_deviation_repeats_the_value_or_an_odd_field_name() -> None:
    secret = "geheim-ÆØ"
    document = payload(ci=secret, dt=secret, mp=secret) | {"dob": secret, secret: 1}
    document["nam"] = {"fnt": secret, "fn": f"{secret}\u0308 "}
    found = examine(document)
    assert len(found) >= 7
    assert "geheim" not in repr(found)
    assert "geheim" not in repr(facts_of(document))
    assert "geheim" not in repr(tidy(document))


def test_tuples_and_other_mappings_from_a_decoder_are_read_as_lists_and_dicts() -> None:
    entry = MappingProxyType(payload()["v"][0])
    document = MappingProxyType({**payload(), "nam": MappingProxyType(NAM), "v": (entry,)})
    assert codes(document) == []
    assert facts_of(document) == facts_of(payload())


def test_the_given_payload_is_left_as_it_is() -> None:
    document = payload(dn=2.0, mp=" x ") | {"t": None, "zz": 1}
    before = repr(document)
    assert examine(document)
    facts_of(document)
    assert repr(document) == before


# ---- value sets in the caller's hand -----------------------------------------------------------


def test_a_value_set_that_names_another_disease_does_not_make_it_this_one() -> None:
    set_id = VALUE_SETS["v"]["tg"]
    more = {code: Entry(code, "Example") for code in ("840539006", "6142004")}
    newer = ValueSets({set_id: ValueSet(set_id, "2030-01-01", more)}, {})
    examiner = Examiner(ValueSets.default().replace(newer))
    for kind in ENTRIES:
        document = payload(kind, tg="6142004")
        for look in (examiner.examine, examiner.examine_closely):
            assert [one.code for one in look(document)] == ["content.disease"]
        assert examiner.examine(payload(kind)) == ()


def test_codes_are_judged_by_the_value_sets_that_the_examiner_was_given() -> None:
    set_id = VALUE_SETS["v"]["mp"]
    newer = ValueSet(set_id, "2030-01-01", {"EU/1/99/9999": Entry("EU/1/99/9999", "Example")})
    examiner = Examiner(ValueSets.default().replace(ValueSets({set_id: newer}, {})))
    assert examiner.examine(payload(mp="EU/1/99/9999")) == ()
    assert [one.code for one in examiner.examine(payload())] == ["content.value-set"]


def test_a_code_that_is_no_longer_active_is_no_deviation() -> None:
    set_id = VALUE_SETS["v"]["mp"]
    entries = ValueSets.default().sets[set_id].entries.values()
    inactive = [entry.code for entry in entries if not entry.active]
    assert inactive
    for code in inactive:
        assert {code for code, _ in codes(payload(mp=code))} <= {"product"}


@pytest.mark.parametrize("product", ValueSets.default().products.values())
def test_what_the_encoding_instructions_say_of_a_product_fits_it(product: Product) -> None:
    maker = product.manufacturer or "ORG-100030215"
    for vaccine in product.prophylaxis or ("1119349007",):
        document = payload(mp=product.code, vp=vaccine, ma=maker)
        assert "product" not in {code for code, _ in codes(document)}


def test_fields_whose_value_set_is_not_at_hand_are_not_judged() -> None:
    examiner = Examiner(ValueSets({}, {}))
    for kind in ENTRIES:
        assert examiner.examine(payload(kind, co="ZZ")) == ()
        # There is one disease, whatever the value sets say.
        found = examiner.examine(payload(kind, tg="anything"))
        assert [one.code for one in found] == ["content.disease"]


def test_a_value_set_with_odd_codes_makes_no_odd_pass_ordinary() -> None:
    set_id = VALUE_SETS["v"]["tg"]
    odd = {code: Entry(code, "Example") for code in ("", " x", "a\nb", "A\u0308")}
    examiner = Examiner(ValueSets({set_id: ValueSet(set_id, "2030-01-01", odd)}, {}))
    for code in odd:
        document = payload("recovery", tg=code)
        assert examiner.examine(document) == examiner.examine_closely(document)


def test_a_test_type_that_the_value_set_lacks_is_reported() -> None:
    set_id = VALUE_SETS["t"]["tt"]
    only = {"LP6464-4": Entry("LP6464-4", "Example")}
    newer = ValueSets({set_id: ValueSet(set_id, "2030-01-01", only)}, {})
    examiner = Examiner(ValueSets.default().replace(newer))
    assert examiner.examine(payload("NAAT")) == ()
    assert [one.code for one in examiner.examine(payload("RAT"))] == ["content.value-set"]
