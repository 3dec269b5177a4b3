"""Rules come from folders, lists, the gateway and the services; nothing is lost silently."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rule_world import AT, document, rule, vaccination

from coronapas.dcc import COUNTRY, ValueSets
from coronapas.errors import CmsError, RuleError
from coronapas.rules import RuleSet, RuleType
from coronapas.rules import _loading as loading

COUNTRY_CODES = sorted(ValueSets.default().sets[COUNTRY].entries)


def put(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return path


def names(rules: RuleSet) -> list[str]:
    return [str(one) for one in rules]


def test_a_folder_gives_its_rules_and_tells_what_it_did_not_take(tmp_path: Path) -> None:
    put(tmp_path / "DK/VR-DK-0001/rule.json", document())
    put(tmp_path / "DK/VR-DK-0001/tests/test001.json", document(Identifier="VR-DK-0009"))
    put(tmp_path / "DK/VR-DK-0002/rule.json", document(Version="x"))
    put(tmp_path / "DK/VR-DK-0003/rule.json", "{")
    put(tmp_path / "DK/VR-DK-0004/rule.json", {"not": "a rule"})
    put(tmp_path / "flat.json", document(Identifier="VR-DK-0005"))
    put(tmp_path / "list.json", [document(Identifier="VR-DK-0006"), {"Country": "se"}])
    put(tmp_path / "schema.json", {"title": "no rule"})
    put(tmp_path / "numbers.json", [1, 2])
    found = RuleSet.load(tmp_path)
    assert names(found) == ["VR-DK-0001 1.0.0", "VR-DK-0005 1.0.0", "VR-DK-0006 1.0.0"]
    assert [(one.place, one.country) for one in found.unread] == [
        ("DK/VR-DK-0002/rule.json", "DK"),
        ("DK/VR-DK-0003/rule.json", "DK"),
        ("DK/VR-DK-0004/rule.json", "DK"),
        ("list.json[1]", "SE"),
    ]
    assert found.passed_over == ("numbers.json", "schema.json")
    assert "VR-DK-0002" in str(found.unread[0])
    assert repr(found) == "<RuleSet: 3 rules, 4 unread>"


def test_a_file_a_rule_a_list_and_a_set_are_sources_as_well(tmp_path: Path) -> None:
    path = put(tmp_path / "one.json", document())
    other = rule(Identifier="VR-DK-0002")
    for source in (path, str(path), document(), rule(), [document()], [rule()]):
        assert names(RuleSet.load(source)) == ["VR-DK-0001 1.0.0"]
    both = RuleSet.load(RuleSet.load(path), [other, document()])
    assert names(both) == ["VR-DK-0001 1.0.0", "VR-DK-0002 1.0.0"]
    assert names(RuleSet.from_json(json.dumps([document()]))) == ["VR-DK-0001 1.0.0"]
    assert RuleSet.from_json("[").unread
    assert len(RuleSet.load()) == 0


def test_what_is_no_source_is_a_type_error() -> None:
    with pytest.raises(TypeError):
        RuleSet.load(b"{}")


def test_a_folder_or_file_that_is_not_there_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="none"):
        RuleSet.load(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"\xef\xbb\xbf[]", None),
        (b"\xff", "not UTF-8"),
        (b"{", "line 1"),
        (b'{"a": 1, "a": 2}', "two members"),
        (b"[NaN]", "NaN"),
        (b"[" * 100_000, "too deep"),
    ],
)
def test_json_that_readers_could_read_differently_is_refused(
    content: bytes, problem: str | None
) -> None:
    if problem is None:
        assert loading.parse(content) == []
    else:
        with pytest.raises(ValueError, match=problem):
            loading.parse(content)


def test_a_file_beyond_the_bound_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "MAX_BYTES", 10)
    with pytest.raises(ValueError, match="larger"):
        loading.parse("[" + " " * 10 + "]")


def test_more_rules_than_the_bound_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "MAX_RULES", 1)
    with pytest.raises(RuleError):
        RuleSet.load([document(), document()])


def test_the_gateways_rules_are_read_from_what_was_signed() -> None:
    signed = {"good": json.dumps(document()), "later": json.dumps(document(Version="1.1.0"))}

    def content_of(cms: str) -> str:
        if cms not in signed:
            raise CmsError("signature", "the signature does not hold")
        return signed[cms]

    answer = {
        "VR-DK-0001": [
            {"version": "1.2.0", "cms": "forged"},
            {"version": "1.3.0"},
            {"version": "1.0.0", "cms": "good"},
            {"version": "1.1.0", "cms": "later"},
        ],
        "VR-SE-0001": {"cms": "forged"},
        "odd": [5],
    }
    signed["broken"] = "{"
    answer["VR-FI-0001"] = [{"cms": "broken"}]
    found = RuleSet.from_gateway(answer, content_of)
    assert names(found) == ["VR-DK-0001 1.0.0", "VR-DK-0001 1.1.0"]
    assert [(one.place, one.country, one.faults[0].code) for one in found.unread] == [
        ("VR-DK-0001[0]", "DK", "rule.signature"),
        ("VR-DK-0001[1]", "DK", "rule.cms"),
        ("VR-SE-0001[0]", "SE", "rule.signature"),
        ("odd[0]", None, "rule.cms"),
        ("VR-FI-0001[0]", "FI", "rule.json"),
    ]


def test_a_services_rules_must_be_those_that_are_listed() -> None:
    body = json.dumps(document()).encode()
    digest = hashlib.sha256(body).hexdigest()
    index: list[Any] = [
        {"identifier": "VR-DK-0001", "country": "DK", "hash": digest},
        {"identifier": "VR-DK-0002", "country": "dk", "hash": "0" * 64},
        {"identifier": "VR-DK-0003", "country": "DK", "hash": "1" * 64},
        5,
    ]
    found = RuleSet.from_service(index, {digest: body.decode(), "0" * 64: body})
    assert names(found) == ["VR-DK-0001 1.0.0"]
    assert [(one.place, one.country, one.faults[0].code) for one in found.unread] == [
        ("VR-DK-0002", "DK", "rule.hash"),
        ("VR-DK-0003", "DK", "rule.missing"),
        ("[3]", None, "rule.missing"),
    ]


def test_a_set_is_written_and_read_back(tmp_path: Path) -> None:
    rules = RuleSet.load(
        [
            document(Version="1.0.0"),
            document(Version="1.1.0", Region="BY"),
            document(Identifier="VR-SE-0001", Country="SE", Source="a note, kept"),
        ]
    )
    rules.write(tmp_path)
    files = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.json"))
    assert files == [
        "DK/VR-DK-0001/1.0.0/rule.json",
        "DK/VR-DK-0001/1.1.0-BY/rule.json",
        "SE/VR-SE-0001/rule.json",
    ]
    assert RuleSet.load(tmp_path).to_json() == rules.to_json()
    assert rules.countries == ("DK", "SE")


@pytest.mark.parametrize(
    "documents",
    [
        [document(Identifier="../VR-DK-0001")],
        [document(Identifier="..")],
        [document(Country="a/b")],
        [document(), document({"===": [2, 2]})],
    ],
)
def test_nothing_is_written_outside_of_the_folder_or_twice(
    tmp_path: Path, documents: list[Any]
) -> None:
    with pytest.raises(ValueError, match=r"names no folder|two rules"):
        RuleSet.load(documents).write(tmp_path / "rules")
    assert not list(tmp_path.rglob("*.json"))


def test_an_unread_rule_tells_whom_it_may_concern() -> None:
    unread = RuleSet.load([document(Version="x", Type="Invalidation")]).unread[0]
    assert unread.type is RuleType.INVALIDATION
    assert unread.to_json()["country"] == "DK"
    assert not unread.concerns("DK", "SE")
    assert unread.concerns("SE", "DK")


def test_all_public_rules_load(official: Path) -> None:
    found = RuleSet.load(official / "business-rules")
    count = len(list((official / "business-rules").glob("*/*/rule.json")))
    assert (len(found), found.unread) == (count, ())
    assert RuleSet.load(found.to_json()).rules == found.rules


@pytest.mark.parametrize(
    ("place", "country", "type_"),
    [
        ("MT/VR-MT-0001/rule.json", "MT", RuleType.ACCEPTANCE),
        ("MT/broken.json", "MT", None),
        ("VR-MT-0001/rule.json", "MT", RuleType.ACCEPTANCE),
        ("ir-mt-0001.json", "MT", RuleType.INVALIDATION),
        ("EU/GR-EU-0001.json", "EU", RuleType.ACCEPTANCE),
        # Two countries, or a name of no country: it may be any country's.
        ("MT/VR-FI-0001/rule.json", None, RuleType.ACCEPTANCE),
        ("QQ/rule.json", None, None),
        ("VR-QQ-0001/rule.json", None, RuleType.ACCEPTANCE),
        ("mt/rule.json", None, None),
        ("ORVR-MT-0001/rule.json", None, None),
    ],
)
@pytest.mark.parametrize("content", ["{", "", '{"a": 1, "a": 2}', '"rule"'])
def test_what_cannot_be_read_is_of_the_country_that_its_folder_and_name_tell(
    tmp_path: Path, place: str, country: str | None, type_: RuleType | None, content: str
) -> None:
    put(tmp_path / place, content)
    found = RuleSet.load(tmp_path)
    if content == '"rule"' and not place.endswith("rule.json"):
        assert found.passed_over == (place,)
        return
    (unread,) = found.unread
    assert (unread.place, unread.country, unread.type) == (place, country, type_)


@settings(max_examples=60)
@given(st.sampled_from(COUNTRY_CODES), st.sampled_from(["GR", "VR", "TR", "RR"]))
def test_a_broken_acceptance_rule_keeps_its_own_country_from_a_verdict_and_no_other(
    country: str, kind: str
) -> None:
    with TemporaryDirectory() as folder:
        put(Path(folder) / f"{country}/{kind}-{country}-0001/rule.json", "{")
        (unread,) = RuleSet.load(folder).unread
    assert unread.concerns(country, None)
    for other in {*COUNTRY_CODES} - {country}:
        assert not unread.concerns(other, None)
        assert not unread.concerns(other, country)


def test_one_broken_file_makes_one_country_open_and_is_reported(tmp_path: Path) -> None:
    put(tmp_path / "DK/VR-DK-0001/rule.json", document())
    put(tmp_path / "MT/VR-MT-0001/rule.json", '{"Identifier": "VR-MT-0001",}')
    put(tmp_path / "FI/VR-FI-0001/rule.json", document(Identifier="VR-FI-0001", Country="FI"))
    rules = RuleSet.load(tmp_path)
    outcomes = {
        country: str(rules.decide(vaccination(), country=country, at=AT).outcome)
        for country in ("DK", "FI", "MT")
    }
    assert outcomes["MT"] == "OPEN"
    assert "OPEN" not in (outcomes["DK"], outcomes["FI"])
    assert [one.country for one in rules.unread] == ["MT"]
