"""The value sets: the bundled data, look-ups, and both written forms."""

from __future__ import annotations

import copy
import json
from dataclasses import FrozenInstanceError
from datetime import date
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coronapas import schemas
from coronapas.dcc import _valuesets as vs
from coronapas.dcc._valuesets import Entry, Product, ValueSets
from coronapas.errors import ValueSetError
from strategies import active_codes, value_sets

if TYPE_CHECKING:
    from pathlib import Path

VALIDATOR = jsonschema.Draft202012Validator(
    schemas.load("valuesets"), format_checker=jsonschema.FormatChecker()
)


def bundled() -> dict[str, Any]:
    text = files("coronapas.dcc").joinpath("data/valuesets.json").read_text("utf-8")
    document: dict[str, Any] = json.loads(text)
    return document


def official_sets(folder: Path) -> dict[str, dict[str, Any]]:
    found = {}
    for path in sorted((folder / "valuesets").glob("*.json")):
        document = json.loads(path.read_text("utf-8"))
        found[document["valueSetId"]] = document
    assert len(found) == 9
    return found


# --- the bundled release --------------------------------------------------------------------------


def test_the_bundled_release_is_that_of_the_official_files(official: Path) -> None:
    documents = official_sets(official)
    encodings = documents.pop(vs.ENCODING)["valueSetValues"]
    ours = ValueSets.default()
    assert set(ours.ids) == set(documents)
    for set_id, document in documents.items():
        assert ours.sets[set_id].date == document["valueSetDate"]
        theirs = {
            code: (row["display"], row["active"], row["system"])
            for code, row in document["valueSetValues"].items()
        }
        assert theirs == {
            code: (entry.display, entry.active, entry.system)
            for code, entry in ours.sets[set_id].entries.items()
        }
        assert not any(row.get("validUntil") for row in document["valueSetValues"].values())
    assert not any(e.valid_until for one in ours.sets.values() for e in one.entries.values())
    suffixed = written_deprecated(encodings)
    assert {
        name: (row["vaccine-code"], row["vaccine-manufacturer"], set(row["sct-codes"]))
        for name, row in encodings.items()
    } == {
        product.name: (
            product.code + (" (deprecated)" if product.code in suffixed else ""),
            product.manufacturer,
            set(product.prophylaxis),
        )
        for product in ours.products.values()
    }


def written_deprecated(encodings: dict[str, Any]) -> set[str]:
    """The codes that the encoding instructions write with a suffix, unlike the set of names."""
    codes = [row["vaccine-code"] for row in encodings.values()]
    return {code.removesuffix(" (deprecated)") for code in codes if code.endswith(" (deprecated)")}


def test_the_official_files_read_to_the_same_codes_and_products(official: Path) -> None:
    documents = official_sets(official)
    theirs, ours = ValueSets.from_official(documents, release="2.12.0"), ValueSets.default()
    assert theirs.release == "2.12.0"
    for set_id in ours.ids:
        assert dict(theirs.sets[set_id].entries) == dict(ours.sets[set_id].entries)
    for code, product in ours.products.items():
        other = theirs.products[code]
        assert (other.name, other.manufacturer) == (product.name, product.manufacturer)
        assert set(other.prophylaxis) == set(product.prophylaxis)


def test_the_bundled_release_says_where_it_is_from_and_that_the_rat_list_is_an_example() -> None:
    ours = ValueSets.default()
    assert ours.release == "2.12.0"
    assert ours.source
    incomplete = [one.id for one in ours.sets.values() if not one.complete]
    assert incomplete == [vs.TEST_DEVICE]
    assert ours.sets[vs.TEST_DEVICE].note


def test_the_bundled_release_has_the_numbers_of_codes_that_the_guidelines_state() -> None:
    counts = {
        set_id: (len(one.entries), sum(entry.active for entry in one.entries.values()))
        for set_id, one in ValueSets.default().sets.items()
    }
    assert counts == {
        vs.COUNTRY: (250, 250),
        vs.DISEASE: (1, 1),
        vs.TEST_DEVICE: (88, 86),
        vs.TEST_RESULT: (2, 2),
        vs.TEST_TYPE: (2, 2),
        vs.MANUFACTURER: (31, 31),
        vs.PRODUCT: (39, 35),
        vs.PROPHYLAXIS: (9, 8),
    }
    assert len(ValueSets.default().products) == 39


def test_every_product_is_encoded_by_codes_of_the_sets_and_every_heir_is_active() -> None:
    ours = ValueSets.default()
    assert set(ours.products) == set(ours.sets[vs.PRODUCT].entries)
    for product in ours.products.values():
        assert product.manufacturer in ours.undated[vs.MANUFACTURER]
        assert product.prophylaxis
        assert set(product.prophylaxis) <= ours.undated[vs.PROPHYLAXIS]
        entry = ours.code(vs.PRODUCT, product.code)
        assert entry is not None
        assert entry.active == (product.replaced_by is None)
        if product.replaced_by:
            assert product.replaced_by in ours.undated[vs.PRODUCT]


def test_the_default_is_read_once_and_cannot_be_changed() -> None:
    ours = ValueSets.default()
    assert ours is ValueSets.default()
    with pytest.raises(FrozenInstanceError):
        ours.release = "other"  # type: ignore[misc]
    for mapping in (ours.sets, ours.products, ours.undated, ours.sets[vs.COUNTRY].entries):
        assert isinstance(mapping, MappingProxyType)


# --- look-ups -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("EU/1/20/1528", "EU/1/20/1528"),
        ("eu/1/20/1528", "EU/1/20/1528"),
        ("Comirnaty", "EU/1/20/1528"),
        ("COMIRNATY", "EU/1/20/1528"),
        ("COVID-19 Vaccine Janssen", "EU/1/20/1525"),
        ("Sputnik V", "Sputnik-V"),
        ("NVX-CoV2373", "NVX-CoV2373"),
        ("NVX-CoV2373 (deprecated)", "NVX-CoV2373"),
        ("Vidprevtyn", "Vidprevtyn"),
        ("VidPrevtyn Beta", "EU/1/21/1580"),
        ("Inactivated SARS-CoV-2 (Vero Cell)", "Inactivated-SARS-CoV-2-Vero-Cell"),
    ],
)
def test_a_product_is_found_by_code_name_display_and_alias(name: str, code: str) -> None:
    product = value_sets().product(name)
    assert product is not None
    assert product.code == code


def test_what_is_unknown_is_none() -> None:
    ours = value_sets()
    assert ours.product("") is None
    assert ours.product("Comirnat") is None
    assert ours.code(vs.COUNTRY, "dk") is None
    assert ours.code("no such set", "DK") is None
    assert ours.display(vs.COUNTRY, "QQ") is None


@given(active_codes(vs.TEST_DEVICE))
def test_a_code_is_displayed(code: str) -> None:
    entry = value_sets().code(vs.TEST_DEVICE, code)
    assert entry is not None
    assert entry.code == code
    assert value_sets().display(vs.TEST_DEVICE, code) == entry.display != ""


def test_a_code_that_is_given_up_is_displayed_all_the_same() -> None:
    assert value_sets().display(vs.PROPHYLAXIS, "J07BX03") == "covid-19 vaccines (deprecated)"
    assert "J07BX03" not in value_sets().undated[vs.PROPHYLAXIS]


def test_rules_get_all_codes_in_lists_of_their_own() -> None:
    given_out = value_sets().for_rules()
    assert set(given_out) == set(value_sets().ids)
    assert given_out[vs.TEST_TYPE] == ["LP217198-3", "LP6464-4"]
    assert "J07BX03" in given_out[vs.PROPHYLAXIS]
    given_out[vs.TEST_TYPE].clear()
    assert value_sets().for_rules()[vs.TEST_TYPE]


@pytest.mark.parametrize(
    ("active", "end", "day", "usable"),
    [
        (True, None, date.max, True),
        (False, None, date.min, False),
        (True, date(2022, 3, 1), date(2022, 3, 1), True),
        (True, date(2022, 3, 1), date(2022, 3, 2), False),
        (False, date(2022, 3, 1), date(2022, 3, 1), True),
        (False, date(2022, 3, 1), date(2022, 3, 2), False),
    ],
)
def test_a_code_is_usable_through_its_last_day(
    active: bool, end: date | None, day: date, usable: bool
) -> None:
    assert Entry("1", "One", active, end).usable_on(day) is usable


def test_names_of_a_code_win_over_those_of_another_product() -> None:
    rows = {
        "B": Product("B", "A", "m", ("1",), aliases=("C",)),
        "A": Product("A", "Alpha", "m", ("1",), aliases=("alpha", "D")),
        "C": Product("C", "Gamma", "m", ("1",), aliases=("D",)),
    }
    ours = ValueSets({}, rows)
    found = {name: ours.product(name) for name in ("a", "b", "c", "d", "alpha")}
    assert {name: product.code for name, product in found.items() if product} == {
        "a": "A",
        "b": "B",
        "c": "C",
        "d": "A",
        "alpha": "A",
    }


# --- this project's form --------------------------------------------------------------------------


def test_the_bundled_file_follows_its_published_schema() -> None:
    VALIDATOR.validate(bundled())
    jsonschema.Draft202012Validator.check_schema(schemas.load("valuesets"))


def test_a_file_of_ones_own_is_loaded_whole(tmp_path: Path) -> None:
    document = {
        "$schema": "valuesets.schema.json",
        "title": "Own",
        "release": "1",
        "source": "us",
        "sets": {
            "things": {
                "date": "2022-02-01",
                "complete": False,
                "note": "an example",
                "system": "urn:a",
                "codes": {"1": "One", "2": "Two"},
                "inactive": ["2"],
                "valid_until": {"1": "2022-03-01"},
                "other_systems": {"urn:b": ["2"]},
            },
            "empty": {"date": "2022-02-01", "codes": {}},
        },
        "products": {
            "date": "2022-02-01",
            "note": "none",
            "rows": {
                "p": {
                    "name": "P",
                    "manufacturer": "m",
                    "prophylaxis": ["1"],
                    "aliases": ["Q"],
                    "replaced_by": "r",
                }
            },
        },
    }
    VALIDATOR.validate(document)
    path = tmp_path / "own.json"
    path.write_text(json.dumps(document), "utf-8")
    for source in (document, path, str(path), MappingProxyType(document)):
        ours = ValueSets.load(source)
        assert (ours.release, ours.source) == ("1", "us")
        things = ours.sets["things"]
        assert (things.id, things.date, things.complete) == ("things", "2022-02-01", False)
        assert things.note == "an example"
        assert dict(things.entries) == {
            "1": Entry("1", "One", True, date(2022, 3, 1), "urn:a"),
            "2": Entry("2", "Two", False, None, "urn:b"),
        }
        assert ours.undated["things"] == frozenset()
        assert ours.sets["empty"].complete
        assert ours.product("q") == Product("p", "P", "m", ("1",), ("Q",), "r")


def test_a_file_that_is_no_json_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "broken.json"
    for content in (b"{", b"\xff\xfe\x00", b"[" * 100_000):
        path.write_bytes(content)
        with pytest.raises(ValueSetError):
            ValueSets.load(path)
    with pytest.raises(FileNotFoundError):
        ValueSets.load(tmp_path / "none.json")


def test_a_folder_and_an_endless_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueSetError, match="folder"):
        ValueSets.load(tmp_path)
    with pytest.raises(ValueSetError, match="bytes"):
        ValueSets.load("/dev/zero")


def changed(*path: str | int, value: object) -> dict[str, Any]:
    """A small valid document with one value changed, or removed where the value is `...`."""
    document: dict[str, Any] = {
        "release": "1",
        "sets": {"a": {"date": "2022-02-01", "codes": {"1": "One"}, "inactive": ["1"]}},
        "products": {"rows": {"p": {"name": "P", "manufacturer": "m", "prophylaxis": ["1"]}}},
    }
    copied = copy.deepcopy(document)
    target: Any = copied
    for step in path[:-1]:
        target = target[step]
    if value is ...:
        del target[path[-1]]
    else:
        target[path[-1]] = value
    return copied


WRONG = [
    ("sets", changed("sets", value=...)),
    ("sets", changed("sets", value=[])),
    ("release", changed("release", value="")),
    ("other", changed("other", value=1)),
    ("sets.a", changed("sets", "a", value="x")),
    ("sets.a", changed("sets", "a", "codes", value=...)),
    ("sets.a", changed("sets", "a", "date", value=...)),
    ("sets.a", changed("sets", "a", "strange", value=1)),
    ("sets.a.date", changed("sets", "a", "date", value="2022-02-30")),
    ("sets.a.date", changed("sets", "a", "date", value="20220201")),
    ("sets.a.date", changed("sets", "a", "date", value=20220201)),
    ("sets.a.codes.1", changed("sets", "a", "codes", "1", value=None)),
    ("sets.a.complete", changed("sets", "a", "complete", value=1)),
    ("sets.a.inactive", changed("sets", "a", "inactive", value="1")),
    ("sets.a.inactive.0", changed("sets", "a", "inactive", value=[1])),
    ("sets.a.valid_until", changed("sets", "a", "valid_until", value={"1": "never"})),
    ("sets.a.other_systems", changed("sets", "a", "other_systems", value={"u": "1"})),
    ("products", changed("products", "rows", value=...)),
    ("products.rows.p", changed("products", "rows", "p", "name", value=...)),
    ("products.rows.p", changed("products", "rows", "p", "aliases", value="Q")),
]


@pytest.mark.parametrize("document", [row[1] for row in WRONG], ids=[row[0] for row in WRONG])
def test_a_document_that_the_schema_refuses_is_refused_when_loaded(
    document: dict[str, Any],
) -> None:
    assert not VALIDATOR.is_valid(document)
    with pytest.raises(ValueSetError):
        ValueSets.load(document)


def test_a_small_document_without_a_fault_is_loaded() -> None:
    document = changed("release", value="2")
    VALIDATOR.validate(document)
    assert ValueSets.load(document).release == "2"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("inactive", ["9"]),
        ("valid_until", {"9": "2022-01-01"}),
        ("other_systems", {"urn:b": ["9"]}),
    ],
)
def test_a_code_must_be_of_the_set_to_be_described(field: str, value: object) -> None:
    with pytest.raises(ValueSetError, match="does not have") as caught:
        ValueSets.load(changed("sets", "a", field, value=value))
    assert caught.value.path == "sets.a"


def test_an_error_names_the_place() -> None:
    with pytest.raises(ValueSetError) as caught:
        ValueSets.load(changed("sets", "a", "codes", "1", value=5))
    assert caught.value.path == "sets.a.codes.1"
    with pytest.raises(ValueSetError, match=r"^document: "):
        ValueSets.load({})


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(("sets", "a", "date", "codes", "valueSetId", "valueSetValues", "x")),
            inner,
            max_size=4,
        )
    ),
)


@given(JSON)
def test_a_document_of_any_shape_is_loaded_or_refused_as_the_schema_says(document: Any) -> None:
    try:
        ValueSets.load({"sets": document})
    except ValueSetError:
        assert not VALIDATOR.is_valid({"sets": document})
    else:
        VALIDATOR.validate({"sets": document})


# --- the official form ----------------------------------------------------------------------------


def document(set_id: str = "things", **codes: dict[str, Any]) -> dict[str, Any]:
    row = {"display": "One", "lang": "en", "active": True, "system": "urn:a", "version": "1"}
    return {
        "valueSetId": set_id,
        "valueSetDate": "2022-02-01",
        "valueSetValues": {code: row | more for code, more in codes.items()},
    }


def test_official_sets_come_alone_in_lists_and_by_name() -> None:
    one, two = document("a", A={}), document("b", B={})
    assert ValueSets.from_official(one).ids == ("a",)
    assert ValueSets.from_official([one, two]).ids == ("a", "b")
    assert ValueSets.from_official(iter([one])).ids == ("a",)
    assert ValueSets.from_official({"x.json": one, "y.json": two}).ids == ("a", "b")
    assert ValueSets.from_official({}).ids == ()


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("2022-03-01", date(2022, 3, 1)),
        ("2022-03-01T23:59:59Z", date(2022, 3, 1)),
        ("2022-03-01T00:00:00+01:00", date(2022, 3, 1)),
        ("2022-03-01 22:00", date(2022, 3, 1)),
        (None, None),
        ("", None),
    ],
)
def test_the_end_of_a_codes_validity_is_its_date_as_written(
    written: str | None, day: date | None
) -> None:
    ours = ValueSets.from_official(document(A={"validUntil": written}))
    entry = ours.code("things", "A")
    assert entry is not None
    assert entry.valid_until == day
    assert ("A" in ours.undated["things"]) == (day is None)


@pytest.mark.parametrize(
    "documents",
    [
        "valueSetId",
        b"{}",
        5,
        None,
        [1],
        {"a": 1},
        {"valueSetId": "a"},
        [document("a"), document("a")],
        [document(vs.ENCODING), document(vs.ENCODING)],
        document(A={"validUntil": "soon"}),
        document(A={"validUntil": 5}),
        document(A={"active": "true"}),
        document(A={"display": None}),
        document(A={}) | {"valueSetDate": "yesterday"},
        document(A={}) | {"valueSetValues": {1: {"display": "One", "active": True}}},
        document(A={}) | {"valueSetValues": {"1": {"display": "One"}}},
        document(vs.ENCODING, Comirnaty={}),
    ],
)
def test_what_is_not_in_the_official_form_is_refused(documents: Any) -> None:
    with pytest.raises(ValueSetError):
        ValueSets.from_official(documents)


@given(JSON)
def test_an_official_document_of_any_shape_is_read_or_refused(shape: Any) -> None:
    try:
        assert isinstance(ValueSets.from_official(shape), ValueSets)
    except ValueSetError:
        return


def test_newer_sets_replace_older_ones_whole_and_leave_the_rest() -> None:
    ours = value_sets()
    newer = ours.replace(ValueSets.from_official(document(vs.TEST_DEVICE, **{"9999": {}})))
    assert list(newer.sets[vs.TEST_DEVICE].entries) == ["9999"]
    assert newer.sets[vs.TEST_DEVICE].complete
    assert newer.ids == ours.ids
    assert newer.sets[vs.COUNTRY] is ours.sets[vs.COUNTRY]
    assert newer.products == ours.products
    assert newer.release == ours.release
    assert ours.code(vs.TEST_DEVICE, "1232"), "The value sets replaced are as they were."


def test_a_newer_product_is_known_by_its_instructions_or_by_its_display() -> None:
    names = document(vs.PRODUCT, New={"display": "New vaccine"}, **{"EU/1/20/1528": {}})
    bare = value_sets().replace(ValueSets.from_official(names))
    assert bare.product("new VACCINE") == Product("New", "New vaccine")
    row = {"vaccine-code": "New", "vaccine-manufacturer": "m", "sct-codes": ["1"]}
    instructions = document(vs.ENCODING) | {"valueSetValues": {"Newvax": row}}
    full = value_sets().replace(ValueSets.from_official([names, instructions]))
    assert full.product("newvax") == Product("New", "Newvax", "m", ("1",))
    assert full.product("New vaccine") == full.product("newvax")
    comirnaty = full.product("Comirnaty")
    assert comirnaty is not None
    assert comirnaty.code == "EU/1/20/1528"


# What people call the products


def usual_names() -> dict[str, str]:
    data = files("coronapas.dcc").joinpath("data/product-names.json").read_text("utf-8")
    names: dict[str, str] = json.loads(data)["names"]
    return names


def test_every_usual_name_names_the_product_it_says_in_any_case() -> None:
    sets = ValueSets.default()
    for name, code in usual_names().items():
        for text in (name, name.upper(), name.lower()):
            product = sets.product(text)
            assert product is not None, name
            assert product.code == code


def test_usual_names_are_known_with_value_sets_of_ones_own_and_never_beyond_them() -> None:
    own = ValueSets.load(
        {
            "sets": {
                "vaccines-covid-19-names": {
                    "date": "2023-01-01",
                    "codes": {"EU/1/20/1507": "Spikevax", "pfizer": "Another product"},
                }
            }
        }
    )
    moderna, pfizer = own.product("Moderna"), own.product("Pfizer")
    assert moderna is not None
    assert moderna.code == "EU/1/20/1507"
    # What the value sets say themselves comes first.
    assert pfizer is not None
    assert pfizer.code == "pfizer"
    assert own.product("Janssen") is None


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Commirnaty", "Comirnaty"),
        ("comirnarty", "Comirnaty"),
        ("Modema", "Spikevax"),
        ("Astra-Zeneca", "Vaxzevria"),
        ("Jansen", "Jcovden"),
    ],
)
def test_a_misspelt_product_has_a_similar_one(text: str, name: str) -> None:
    assert ValueSets.default().similar_product(text) == name


@pytest.mark.parametrize("text", ["", "Jensen Hansen", "1963-01-01", "x" * 5000])
def test_what_is_like_no_product_has_none(text: str) -> None:
    assert ValueSets.default().similar_product(text) is None
