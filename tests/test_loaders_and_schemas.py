"""Each published schema and the loader of its documents accept the same documents.

Valid documents are changed at random places, at every depth. A loader may refuse more than its
schema only where the schema's language has no words for it; `Pair.beyond` lists those faults, each
with its reason. It may never accept more.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from coronapas import schemas
from coronapas.conformance._vectors import NotUnderstoodError, expected
from coronapas.dcc import ValueSets
from coronapas.dcc._schema import RELEASES
from coronapas.dcc._schema import violations as payload_violations
from coronapas.errors import FaultsError, RuleError, ValueSetError
from coronapas.facts import History, RecordMapping
from coronapas.facts import _json as facts_json
from coronapas.gdhcn import Catalogue, read_icvp_facts
from coronapas.programmes import load as load_programme
from coronapas.rules import read_rule
from coronapas.rules._lint.upload import schema_faults

Faults = frozenset[tuple[str, str]]
"""Where a loader found a fault, and its code; empty where the document was accepted."""

CHECKER = jsonschema.FormatChecker(formats=())


@CHECKER.checks("date", ValueError)
def is_date(text: object) -> bool:
    return not isinstance(text, str) or bool(date.fromisoformat(text))


@CHECKER.checks("date-time", ValueError)
def is_date_time(text: object) -> bool:
    return not isinstance(text, str) or bool(datetime.fromisoformat(text))


@dataclass(frozen=True)
class Pair:
    """A schema, its loader, and valid documents to begin with.

    `beyond` maps patterns of ``path code`` to the reason why the schema cannot say it.
    """

    schema: str
    load: Callable[[Any], Faults]
    documents: Sequence[Any]
    beyond: Mapping[str, str] = field(default_factory=dict)
    part: str = ""
    formats: bool = True

    def validator(self) -> Draft202012Validator:
        return _validator(self.schema, self.part, self.formats)

    def is_beyond(self, faults: Faults) -> bool:
        """Whether nothing but what the schema cannot say is wrong."""
        found = [f"{path} {code}" for path, code in faults]
        return all(any(re.fullmatch(one, text) for one in self.beyond) for text in found)


@cache
def _validator(name: str, part: str = "", formats: bool = True) -> Draft202012Validator:
    document = schemas.load(name)
    assert document["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    registry: Registry[Any] = Registry().with_resource("it", Resource.from_contents(document))
    checker = CHECKER if formats else None
    return Draft202012Validator({"$ref": f"it#{part}"}, format_checker=checker, registry=registry)


def faults_of(load: Callable[[Any], object]) -> Callable[[Any], Faults]:
    def faults(document: Any) -> Faults:
        try:
            load(document)
        except FaultsError as error:
            assert error.faults
            return frozenset((fault.field, fault.code) for fault in error.faults)
        return frozenset()

    return faults


def value_set_faults(document: Any) -> Faults:
    try:
        # Not every document is a mapping, and a text would be a path.
        ValueSets.load(document if isinstance(document, Mapping) else {"": document})
    except ValueSetError as error:
        return frozenset({(error.path, error.problem)})
    return frozenset()


def extension_faults(document: Any) -> Faults:
    try:
        expected(document)
    except NotUnderstoodError as error:
        return frozenset({("", str(error))})
    return frozenset()


def upload_faults(document: Any) -> Faults:
    return frozenset((fault.field, fault.code) for fault in schema_faults(document))


def payload_faults(release: str) -> Callable[[Any], Faults]:
    return lambda document: frozenset(
        (found.path, found.keyword) for found in payload_violations(document, release)
    )


PROGRAMME: Final[dict[str, Any]] = {
    "$schema": "programme.schema.json",
    "about": {"any": ["thing", None]},
    "id": "small",
    "title": "Small",
    "time_zone": "Europe/Copenhagen",
    "reckoning": "local",
    "products": [
        {"code": "EU/1/20/1528", "name": "Comirnaty", "also": ["Pfizer"], "doses": [2, 3],
         "source": "a", "confidence": "S", "note": "b", "uncertain": "c"},
        {"code": "EU/1/20/1507", "name": "Spikevax"},
        {"code": "half", "name": "Half", "variant_of": "Spikevax", "strength": "50 micrograms",
         "diseases": ["840539006"]},
        {"code": "mmr", "name": "MMR", "doses": [2], "diseases": ["14189004"]},
    ],
    "diseases": [{"id": "840539006", "meaning": "COVID-19"}, {"id": "14189004", "meaning": "m"}],
    "regions": [{"id": "north", "meaning": "The north", "source": "a"}],
    "readings": {
        "single_then_other": {"is": "primary", "source": "a"},
        "one_dose_recovered": {"is": "first", "confidence": "K"},
        "extra_dose": {"group": "high-risk", "within": {"days": 90},
                       "booster_from": {"months": 3, "days": 1}, "source": "a"},
        "two_of_one": {"is": "booster"},
        "dose_after_infection": {"is": "recovered", "kinds": ["naat"], "at_least": {"days": 28}},
    },
    "exemptions": [
        {"id": "e", "reason": "young", "places": ["bar"], "sectors": ["business"],
         "of": {"age_below": {"years": 12, "months": 3}, "groups": ["x"], "except_groups": ["y"],
                "born": {"from": "1950-01-01"}}},
    ],
    "requirements": [{"id": "q", "is": "lifted", "regions": ["north"], "disease": "840539006"}],
    "rules": [
        {"id": "t", "evidence": "test", "kinds": ["naat"], "from": {"hours": 0},
         "until": {"hours": 72}, "age_from": 2, "age_below": 150, "sectors": ["business"]},
        {"id": "r", "evidence": "recovery", "kinds": ["naat", "rat"], "from": {"days": 11},
         "until": {"days": 180}, "last_day_counts": True, "proved_from": "2021-01-01"},
        {"id": "v", "evidence": "vaccination", "stages": ["primary", "booster"],
         "from": {"days": 14}, "products": ["Comirnaty"], "needs": ["t", "r"],
         "preceded_by": {"event": "dose", "at_least": {"days": 14}, "at_most": {"months": 9}}},
        {"id": "u", "evidence": "vaccination", "stages": ["first"], "from": {"days": 0},
         "places": ["bar"], "except_regions": ["north"], "age_from": {"days": 42},
         "disease": "14189004", "preceded_by": {"event": "infection", "kinds": ["naat"]}},
    ],
    "suspensions": [
        {"id": "s", "kinds": ["naat"], "lasts": {"days": 14}, "lifted_for": ["naat"],
         "lifted_by": ["rat"], "source": "a"},
    ],
    "revisions": [
        {"id": "one", "from": "2021-04-06", "title": "One", "requirement": "in-force",
         "exempt_below": 15, "tests": ["t"], "recoveries": ["r"], "vaccinations": ["v"],
         "suspension": "s", "earliest": "2021-04-01", "latest": "2021-04-07"},
        {"id": "two", "from": "2021-06-01T05:30", "title": "Two", "exempt_below": None,
         "suspension": None, "requirement": "lifted", "exemptions": ["e"], "requirements": ["q"],
         "readings": {"recovered_then_other": {"is": "primary"}}},
    ],
    "schedule": {
        "offers": [
            {"id": "o", "from": "2020-12-27", "until": "2021-12-27", "after": ["nothing"],
             "to": [{"groups": ["staff"], "age_from": 18, "age_below": 65,
                     "reached": {"age": 65, "from": "2021-01-01", "until": "2021-09-01"}}, {}],
             "products": ["Spikevax"], "previous": ["Comirnaty"], "earliest": {"days": 1},
             "recommended": {"days": 21}, "latest": {"months": 2}, "free_of_limits": True,
             "dose": [1, 2]},
            {"id": "p", "from": "2021-03-01", "after": ["first"], "why": "Stopped"},
        ],
        "limits": [
            {"id": "l", "product": "Spikevax", "from": "2021-04-14", "until": "2021-06-01",
             "status": "paused", "why": "Rare clots", "age_below": 18},
        ],
        "waits": [{"id": "w", "from": "2021-01-01", "until": "2022-01-01", "lasts": {"months": 1},
                   "after": ["nothing", "first"], "products": ["Half"], "age_from": 5,
                   "age_below": {"months": 200}}],
        "target_groups": [
            {"id": "g", "from": "2021-01-01", "groups": [{"number": 1, "who": "Care homes"}]},
        ],
    },
}  # fmt: skip

OVERLAY: Final[dict[str, Any]] = {
    "extends": "eu-travel",
    "title": "Travel, and a museum",
    "places": [{"id": "museum", "meaning": "A museum", "source": "a"}],
    "requirements": [{"id": "q", "is": "lifted", "places": ["museum"], "source": "a"}],
    "readings": {"two_of_one": {"is": "primary", "source": "a"}},
    "revisions": [{"id": "museums", "from": "2022-03-01", "title": "Museums",
                   "requirements": ["q"], "source": "a"}],
    "schedule": {"limits": [{"id": "l", "product": "Spikevax", "from": "2021-04-14",
                             "status": "paused", "why": "Rare clots", "source": "a"}]},
    "without": {"revisions": ["2023-07-01"]},
}  # fmt: skip

HISTORY: Final[dict[str, Any]] = {
    "$schema": "history.schema.json",
    "birth_date": "1980-02-03",
    "sector": "business",
    "groups": ["staff"],
    "vaccinations": [
        {"date": "2021-06-01", "product": "Comirnaty", "dose_number": 1, "doses": 2, "uvci": "x"},
        {"date": "2021-07-01"},
    ],
    "tests": [
        {"kind": "PCR", "sampled_at": "2021-06-01T10:00:00.5+02:00", "result": "not_detected",
         "uvci": "x"},
        {"kind": "LP217198-3", "sampled_at": "2021-06-01 10:00Z", "result": "260373001"},
    ],
    "infections": [{"first_positive": "2021-01-01", "proof": "antigen", "uvci": "x"}],
}  # fmt: skip

VALUE_SETS: Final[dict[str, Any]] = {
    "$schema": "valuesets.schema.json",
    "title": "Small",
    "release": "1",
    "source": "here",
    "sets": {
        "a": {
            "date": "2021-01-01", "complete": False, "note": "b", "system": "urn:a",
            "codes": {"1": "One", "2": "Two"}, "inactive": ["2"],
            "valid_until": {"2": "2021-12-31"}, "other_systems": {"urn:b": ["1"]},
        }
    },
    "products": {
        "date": "2021-01-01",
        "note": "c",
        "rows": {
            "P": {"name": "Product", "manufacturer": "M", "prophylaxis": ["1"],
                  "aliases": ["Q"], "replaced_by": "R"},
        },
    },
}  # fmt: skip

FACTS: Final[list[dict[str, Any]]] = [
    {
        "holder": {"family_name": "Sørensen", "given_name": "Åse", "birth_date": "1980-02-03",
                   "family_name_mrz": "SOERENSEN", "given_name_mrz": "AASE"},
        "vaccination": {"product": "Comirnaty", "dose_number": 2, "doses": 2, "date": "2021-06-11",
                        "country": "DK", "vaccine": None, "manufacturer": "ORG-100030215",
                        "disease": "840539006"},
    },
    {
        "holder": {"family_name": "A", "birth_date": None},
        "test": {"kind": "NAAT", "sampled_at": "2021-06-01T10:00:00+02:00", "centre": "Here",
                 "result": "not detected", "name": "n", "device": None, "country": None},
    },
    {
        "holder": {"given_name": "A", "birth_date": "1980-02"},
        "recovery": {"first_positive": "2021-01-01", "valid_from": "2021-01-12",
                     "valid_until": "2021-06-30", "country": "DK"},
    },
]  # fmt: skip

PRODUCTS: Final[dict[str, Any]] = {
    "$schema": "products.schema.json",
    "name": "Small",
    "source": "here",
    "families": {
        "old": {"system": "urn:a", "ignore_case": True},
        "new": {},
    },
    "products": [
        {"name": "One", "disease": "1D47", "manufacturer": "M", "ids": {"old": ["A"], "new": ["b"]},
         "approved_from": "2020-01-01", "approved_until": "2030-12-31"},
        {"name": "Two", "disease": "1C81.0", "ids": {"new": ["c", "d"]}},
    ],
}  # fmt: skip

ICVP: Final[dict[str, Any]] = {
    "$schema": "icvp.schema.json",
    "traveller": {"name": "A B", "birth_date": "1980-02-03", "sex": "female", "nationality": "XXA",
                  "document_id": "P1", "document_type": "PPN", "guardian": "C"},
    "dose": {"product": "A", "given_on": "2026-01-02", "batch": "B", "clinician": "D",
             "authority": "XXA"},
}  # fmt: skip

RULE: Final[dict[str, Any]] = {
    "Identifier": "GR-DK-0001", "Type": "Acceptance", "Country": "DK", "Region": "AB1",
    "Version": "1.0.0", "SchemaVersion": "1.3.0", "Engine": "CERTLOGIC", "EngineVersion": "0.7.5",
    "CertificateType": "General",
    "Description": [
        {"lang": "en", "desc": "A description of twenty characters."},
        {"lang": "de-at", "desc": "Eine Beschreibung von zwanzig Zeichen."},
    ],
    "ValidFrom": "2021-07-01T00:00:00Z", "ValidTo": "2030-06-01T00:00:00+02:00",
    "AffectedFields": ["dob"],
    "Logic": {"===": [{"var": "payload.dob"}, "1980-02-03"]},
}  # fmt: skip

EXTENSION: Final[dict[str, Any]] = {
    "verify": [
        {"ok": False, "failures": ["time.expired"], "deviations": ["cbor.order", "cwt.extra-claim"],
         "tolerate": ["field"], "at": "2021-07-01T00:00:00.5+0200", "from": "picture",
         "kid": "0aF9", "facts": {"holder": {}}},
        {"ok": True, "tolerate": "strict", "from": "text"},
    ]
}  # fmt: skip


def payload(**group: Any) -> dict[str, Any]:
    name = {"fn": "A", "gn": "B", "fnt": "A", "gnt": "B"}
    return {"ver": "1.3.0", "nam": name, "dob": "1980-02-03", **group}


VACCINATION: Final = {
    "tg": "840539006", "vp": "1119349007", "mp": "EU/1/20/1528", "ma": "ORG-100030215", "dn": 2,
    "sd": 2, "dt": "2021-06-11", "co": "DK", "is": "Issuer", "ci": "URN:UVCI:01:DK:ABC#D",
}  # fmt: skip
PAYLOADS: Final = [payload(v=[VACCINATION])]

MAPPING = {
    "$schema": "mapping.schema.json",
    "fields": {"id": "Nr", "holder.family_name": "Name"},
    "constants": {"vaccination.doses": 2},
    "values": {"holder.birth_date": {"unknown": None}},
    "dates": {"vaccination.date": "DD.MM.YYYY"},
    "delimiter": ";",
    "encoding": "utf-16",
}
PAIRS: Final = {
    "programme": Pair(
        "programme",
        faults_of(lambda one: load_programme(one if isinstance(one, Mapping) else {"": one})),
        [PROGRAMME, OVERLAY],
        {
            r"time_zone programme\.zone": "which time zones there are",
            r".* programme\.doubled": "names that are unique in a list",
            r".* programme\.product": "a name that another list has",
            r"revisions\.\d+\.(tests|recoveries|vaccinations|suspension) json\.choice": (
                "a name that another list has"
            ),
            r"revisions\.\d+\.(exemptions|requirements) json\.choice": (
                "a name that another list has"
            ),
            r"rules\.\d+\.needs programme\.needs": "a name that another list has",
            r"rules\.\d+\.preceded_by programme\.preceded": "a member that depends on another",
            r"products\.\d+\.variant_of programme\.variant": "a name that the list has",
            r"diseases? programme\.disease": "a name that another list has",
            r".* programme\.overlay": "what another document has",
            r".* programme\.overlay-source": "rows that need more in an overlay",
            r".* programme\.order": "the order of two dates",
            r"rules\.\d+ programme\.rule-hours": "a period whose units depend on the rule",
            r".*\.(earliest|recommended|latest|at_least|at_most) programme\.hours": (
                "doses and infections have no hours"
            ),
            r".*\.last_day_counts programme\.last-day": "a member that depends on another's value",
            r"revisions\.\d+\.from json\.local-time": (
                "a day of the calendar: JSON Schema's date-time has a zone"
            ),
        },
    ),
    "history": Pair(
        "history",
        faults_of(lambda one: History.from_json(one if isinstance(one, Mapping) else {"": one})),
        [HISTORY, {}, {"birth_date": ""}, {"birth_date": "1980"}],
        {
            r"tests\.\d+\.sampled_at json\.instant": (
                "a day of the calendar: JSON Schema's date-time has no spaces and needs seconds"
            ),
        },
    ),
    "facts": Pair("facts", faults_of(facts_json.from_json), FACTS),
    "facts of several": Pair(
        "facts", faults_of(facts_json.from_json_list), [FACTS, []], part="/$defs/batch"
    ),
    "mapping of records": Pair(
        "facts-mapping",
        faults_of(lambda one: RecordMapping.load(one if isinstance(one, Mapping) else {"": one})),
        [MAPPING, {"fields": {"id": "x"}}],
    ),
    "value sets": Pair(
        "valuesets",
        value_set_faults,
        [VALUE_SETS],
        {r".* A code is described that the set does not have\.": "names that another list has"},
    ),
    "products": Pair(
        "products",
        faults_of(Catalogue.load),
        [PRODUCTS],
        {
            r"products\.\d+\.ids json\.family": "a name that another list has",
            r"products\.\d+\.approved_until json\.order": "the order of two dates",
            r"products\.\d+\.ids\.\w+ json\.repeated": "identifiers that no other product has",
        },
    ),
    "icvp": Pair("icvp", faults_of(read_icvp_facts), [ICVP]),
    "rule": Pair("rule", upload_faults, [RULE]),
    "extension of a vector": Pair(
        "test-vector",
        extension_faults,
        [EXTENSION, {"verify": EXTENSION["verify"][0]}],
        {
            " tolerate must be field, strict, or a list of tolerances": "the names of tolerances",
            " at must be a date-time": "a day of the calendar: the zone may be left out",
        },
        part="/properties/CORONAPAS",
    ),
    # In a payload's schemas formats annotate and assert nothing: their $comment says so.
    **{
        f"payload {release}": Pair(
            f"payload-{release}", payload_faults(release), PAYLOADS, formats=False
        )
        for release in RELEASES
    },
}


@pytest.mark.parametrize("name", PAIRS)
def test_the_documents_to_begin_with_are_accepted_by_both(name: str) -> None:
    pair = PAIRS[name]
    for document in pair.documents:
        assert [error.json_path for error in pair.validator().iter_errors(document)] == []
        assert pair.load(document) == frozenset()


def test_every_schema_is_compared_with_its_loader_or_is_of_documents_we_only_write() -> None:
    written = {
        *("codes", "conformance-report", "envelope", "fault", "pass", "verification"),
        *("bulk-manifest", "bulk-status", "reissue"),
    }
    rows = {"bulk-facts"}  # one row of a table, compared in tests/bulk/test_bulk_schemas.py
    assert {pair.schema for pair in PAIRS.values()} | written | rows == set(schemas.names())


VALUES: Final = st.sampled_from(
    (
        None, True, False, 0, 1, 2, -1, 10**9, 10**25, 1.0, 2.0, 1.5, -0.0, 1e300, "", " ", "\n",
        "x", "１", "a.b", "A" * 4001, "2021-02-30", "2021-02-28", "1492-10-12", "2021-06-01T10:00",
        "2021-06-01T24:00Z", "2021-02-29T10:00:00Z", "first", "naat", "K", "nothing", "field",
        "２０２１-01-01", [], [None], ["x"], [""], [1.0], {}, {"x": 1}, {"": None},
    )
).map(copy.deepcopy)  # fmt: skip
TEXT_CHANGES: Final[Sequence[Callable[[str], Any]]] = (
    lambda text: f"{text}\n",
    lambda text: f" {text}",
    lambda text: f"{text} ",
    lambda text: f"\x1c{text}",
    str.upper,
    str.lower,
    lambda text: text.replace("-", "_"),
    lambda text: text.replace("-", " "),
    lambda text: text.replace("i", "İ").replace("s", "ſ"),
    lambda text: text[:-1],
    lambda text: text * 2,
    lambda text: [text],
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path]
    if isinstance(value, dict):
        for key, item in value.items():
            found += places(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            found += places(item, (*path, index))
    return found


def at(value: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        value = value[step]
    return value


@st.composite
def changed(draw: st.DrawFn, document: Any) -> Any:
    """Draw a document with one to three changes at random places."""
    document = copy.deepcopy(document)
    for _ in range(draw(st.sampled_from((1, 1, 1, 2, 3)))):
        everywhere = places(document)
        path = draw(st.sampled_from(everywhere))
        value = at(document, path)
        change = draw(st.sampled_from(("value", "value", "delete", "add", "kind", "other")))
        if not path:
            if change == "add" and isinstance(document, dict):
                document[draw(st.sampled_from(("x", "", "date", "$schema", "id")))] = draw(VALUES)
            elif change == "kind":
                document = draw(VALUES)
            continue
        holder, key = at(document, path[:-1]), path[-1]
        match change, value:
            case "delete", _:
                del holder[key]
            case "add", dict():
                value[draw(st.sampled_from(("x", "", "note", "from", "until", "days")))] = draw(
                    VALUES
                )
            case "add", list():
                value.append(
                    draw(VALUES) if not value or draw(st.booleans()) else copy.deepcopy(value[0])
                )
            case "kind", str():
                holder[key] = draw(st.sampled_from(TEXT_CHANGES))(value)
            case "kind", bool():
                holder[key] = int(value)
            case "kind", int():
                holder[key] = draw(st.sampled_from((float(value), value + 0.5, str(value), True)))
            case "other", _:
                holder[key] = copy.deepcopy(at(document, draw(st.sampled_from(everywhere[1:]))))
            case _:
                holder[key] = draw(VALUES)
    return document


def agree(pair: Pair, document: Any) -> None:
    faults = pair.load(document)
    errors = [
        (error.json_path, error.message[:200]) for error in pair.validator().iter_errors(document)
    ]
    if errors:
        assert faults, f"the schema alone refuses: {errors}"
    else:
        assert pair.is_beyond(faults), f"the loader alone refuses: {sorted(faults)}"


@pytest.mark.parametrize("name", PAIRS)
@given(data=st.data())
def test_a_loader_and_its_schema_accept_the_same_documents(name: str, data: st.DataObject) -> None:
    pair = PAIRS[name]
    document = data.draw(st.sampled_from(pair.documents).flatmap(changed))
    agree(pair, document)


@given(document=changed(RULE))
def test_a_rule_that_the_schema_accepts_is_read_but_for_what_a_schema_cannot_say(
    document: Any,
) -> None:
    if _validator("rule").is_valid(document):
        try:
            read_rule(document)
        except RuleError as error:
            codes = {fault.code for fault in error.faults}
            assert codes <= {
                "rule.logic",  # an expression of CertLogic
                "rule.version", "rule.schema-version", "rule.engine-version",  # what follows 1.0.0
                "rule.valid-from", "rule.valid-to",  # a day of the calendar
                "rule.engine",  # an empty text
                "rule.bounds",
            }  # fmt: skip


def test_a_null_in_a_period_is_refused_by_both() -> None:
    document = copy.deepcopy(PROGRAMME)
    document["rules"][0]["from"]["hours"] = None
    pair = PAIRS["programme"]
    assert pair.load(document) == {("rules.0.from.hours", "json.null")}
    assert not pair.validator().is_valid(document)


def test_the_bundled_documents_follow_their_schemas() -> None:
    source = Path(__file__).resolve().parent.parent / "src" / "coronapas"
    for name, path in (
        ("programme", "programmes/data/denmark.json"),
        ("programme", "programmes/data/eu-travel.json"),
        ("valuesets", "dcc/data/valuesets.json"),
    ):
        assert _validator(name).is_valid(json.loads((source / path).read_bytes()))
