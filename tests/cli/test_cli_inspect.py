"""``coronapas inspect``: every layer, and nothing of the holder unasked."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import cbor2
import pytest
from command_world import FAMILY, Country, issue, keys, make_country, run
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import backend
from coronapas.cli._inspect import (
    describe,
    masked,
)
from coronapas.dcc._claims import build
from coronapas.hcert import MASK
from coronapas.hcert import _cose as cose
from coronapas.hcert import _cwt as cwt
from coronapas.hcert import _envelope as envelope
from coronapas.hcert import cbor_to_json as in_json
from coronapas.presentation import qr
from danish_world import ENTRY, claims, dk3, forge, person
from strategies import Case, cases

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def country(tmp_path: Path) -> Country:
    return make_country(tmp_path)


def text_of(claims: object, **headers: Any) -> str:
    """A text with any claims, signed by nobody."""
    stated: dict[Any, Any] = {1: -7, 4: keys()[1].certificate.kid}
    protected = cbor2.dumps(stated | headers)
    message = cbor2.dumps(cbor2.CBORTag(18, [protected, {}, cbor2.dumps(claims), bytes(64)]))
    return envelope.encode(message)


def test_every_layer_is_shown_and_the_holder_is_not(country: Country) -> None:
    result = run("inspect", "--text", country.text)
    assert result.exit_code == 0
    for shown in (
        "prefix: HC1:",
        "algorithm: ES256",
        "iss: DK",
        "mp: Comirnaty, EU/1/20/1528",
        "dn: 2",
    ):
        assert shown in result.output
    for hidden in ("dob: (masked)", "ci: (masked)", "dt: (masked)"):
        assert hidden in result.output
    assert not [marker for marker in country.markers if marker in result.output]


def test_the_json_says_the_same_as_the_text_and_no_more(country: Country) -> None:
    result = run("inspect", "--json", country.file("p.txt", country.text))
    found = json.loads(result.output)
    assert found["cwt"]["iat"] == "2023-01-15T12:00:00+00:00"
    assert found["dcc"]["nam"]["fn"] == MASK
    assert found["cose"]["kid"] == keys()[1].certificate.kid.hex()
    assert "error" not in found
    assert not [marker for marker in country.markers if marker in result.output]


def test_asked_for_the_holders_data_and_the_bytes_are_shown(country: Country) -> None:
    spoken = run("inspect", "--show-personal-data", "--text", country.text)
    assert f"fn: {FAMILY}" in spoken.output
    found = json.loads(
        run("inspect", "--show-personal-data", "--json", "--text", country.text).output
    )
    opened = envelope.decode(country.text)
    assert found["dcc"] == opened.dcc
    assert found["base45"]["text"] == opened.body
    assert bytes.fromhex(found["compression"]["hex"]) == opened.compressed
    assert bytes.fromhex(found["cose"]["hex"]) == opened.cose
    assert bytes.fromhex(found["cwt"]["hex"]) == opened.payload


@given(cases())
@settings(max_examples=30)
def test_no_value_of_any_pass_shows_but_codes_and_dose_numbers(case: Case) -> None:
    dcc = build(**case.arguments())
    text = text_of({1: case.country, 4: 2, 6: 1, -260: {1: dcc}})
    shown = json.dumps(describe(text, personal=False)["dcc"], ensure_ascii=False)
    entry = next(dcc[group][0] for group in "vtr" if group in dcc)
    hidden = {name: value for name, value in entry.items() if name in HIDDEN}
    hidden |= {**dcc["nam"], "dob": dcc["dob"]}
    for name, value in hidden.items():
        # The names of fields and the codes shown are the only texts there are.
        assert json.loads(shown) != dcc
        assert f'"{name}": "{MASK}"' in shown, name
        assert f'"{name}": {json.dumps(value, ensure_ascii=False)}' not in shown


HIDDEN = ("ci", "is", "dt", "sc", "tr", "tc", "nm", "fr", "df", "du")


def test_a_code_in_a_field_of_names_is_masked_with_the_rest() -> None:
    dcc = {"nam": {"fn": "NO", "gn": "DK"}, "ver": "NO", "dob": "1.3.2"}
    assert masked(dcc) == {"nam": {"fn": MASK, "gn": MASK}, "ver": MASK, "dob": MASK}


def test_a_name_in_a_field_of_codes_or_as_the_name_of_a_field_is_masked() -> None:
    entry = {"tg": "Marker", "co": "Marker", "dn": 19710309, "sd": True, "Marker": {"Marker": 1}}
    shown = masked({"v": [entry], "Marker": None, b"Marker": ("Marker", None)})
    assert "Marker" not in repr(shown)
    assert isinstance(shown, dict)
    assert shown["v"] == [
        {"tg": MASK, "co": MASK, "dn": MASK, "sd": MASK, f"{MASK} 5": {f"{MASK} 1": MASK}}
    ]
    assert shown[f"{MASK} 2"] is None


def test_a_claim_or_a_header_of_an_unknown_label_is_masked(country: Country) -> None:
    claims = {1: "Marker", 4: 2.0, 6: float("nan"), 2: "Marker", "Marker": 1, -260: {1: {}}}
    text = text_of(claims, Marker="Marker")
    result = run("inspect", "--json", "--text", text)
    found = json.loads(result.output)
    assert "Marker" not in result.output
    assert found["cwt"]["iss"] == MASK
    assert found["cwt"]["other_claims"] == ["2", MASK]
    assert found["cose"]["protected"] == ["alg", "kid", MASK]
    assert found["cwt"]["iat"] is None
    assert found["dcc"] == {}
    asked = json.loads(run("inspect", "--json", "--show-personal-data", "--text", text).output)
    assert asked["cwt"]["iss"] == "Marker"


def test_a_time_beyond_the_calendar_is_shown_as_a_number() -> None:
    found = describe(text_of({4: 2**62, 6: 0}), personal=False)
    assert found["cwt"]["exp"] == 2**62
    assert found["cwt"]["iat"] == "1970-01-01T00:00:00+00:00"
    assert found["dcc"] is None


def test_what_json_cannot_say_is_put_into_words() -> None:
    value = {b"\x01": [b"\xff", 1.5, float("inf"), None], 3: cbor2.CBORTag(5, "x")}
    shown = in_json(value)
    assert json.loads(json.dumps(shown)) == shown
    assert shown == {"01": ["ff", 1.5, "inf", None], "3": str(cbor2.CBORTag(5, "x"))}


def test_an_algorithm_that_passes_do_not_use_is_shown_by_its_number() -> None:
    message = cbor2.dumps([cbor2.dumps({1: -8}), {4: b"kid"}, cbor2.dumps({}), b""])
    found = describe(envelope.encode(message), personal=False)
    assert found["cose"]["algorithm"] == -8
    assert found["cose"]["unprotected"] == ["kid"]
    codes = [one["code"] for one in found["deviations"]]
    assert "cose.untagged" in codes


@pytest.mark.parametrize(
    ("break_it", "layer", "seen"),
    [
        (lambda text: "HC2:" + text[4:], "prefix", {"prefix", "base45"}),
        (lambda text: text[:-2] + "a", "base45", {"prefix", "base45"}),
        (lambda text: "HC1:BB8", "compression", {"prefix", "base45", "compression"}),
        (lambda text: "caf\u00e9", "base45", {"prefix", "base45"}),
        (
            lambda text: envelope.encode(b"\x01"),
            "cose",
            {"prefix", "base45", "compression"},
        ),
        (
            lambda text: envelope.encode(cose.sign1(b"\x01", algorithm=-7, kid=b"", sign=bytes)),
            "cwt",
            {"prefix", "base45", "compression", "cose"},
        ),
    ],
)
def test_the_layers_below_a_broken_one_are_shown(
    country: Country, break_it: Any, layer: str, seen: set[str]
) -> None:
    source = country.file("p.txt", break_it(country.text))
    result = run("inspect", "--json", source)
    assert result.exit_code == 1
    found = json.loads(result.output)
    if layer == "base45" and "caf" in break_it(country.text):
        # As bytes of a file it is no text at all.
        assert found["error"]["layer"] == "prefix"
        return
    assert found["error"]["layer"] == layer
    assert found.keys() - {"place", "profile", "error"} == seen
    spoken = run("inspect", source)
    assert spoken.exit_code == 1
    assert f"layer: {layer}" in spoken.output


def test_a_picture_is_opened_and_its_mode_told(country: Country) -> None:
    source = country.file("p.png", qr(country.text).png())
    found = json.loads(run("inspect", "--json", source).output)
    assert found["qr"] == []
    assert run("inspect", "-", input=qr(country.text).png()).exit_code == 0


def test_several_passes_are_shown_one_after_the_other(country: Country) -> None:
    content = f"{country.text}\n{issue().text}\n"
    output = run("inspect", "--json", country.file("p.txt", content)).output
    assert len(output.splitlines()) == 2
    assert run("inspect", "--whole", country.file("w.txt", content)).exit_code == 1


def test_wrong_usage_ends_with_2(country: Country) -> None:
    blank = country.file("p.png", b"\x89PNG\r\n\x1a\n nothing")
    for arguments in ((), ("--text", "x", blank), (blank,), (country.file("e", ""),)):
        result = run("inspect", *arguments)
        assert result.exit_code == 2, arguments
        assert result.stderr.count("Error: ") == 1
    assert run("inspect", blank).stderr.startswith(f"Error: {blank}: ")


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["v", "nam", "fn", "dn", "co", "ver"]) | st.integers() | st.text(),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    ),
    st.booleans(),
)
def test_whatever_a_payload_holds_it_is_shown_in_one_piece(dcc: Any, personal: bool) -> None:
    text = text_of({cwt.ISSUER: dcc, cwt.HCERT: {cwt.DCC: dcc}})
    options = ("--show-personal-data",) if personal else ()
    result = run("inspect", "--json", "--text", text, *options)
    assert result.exit_code in (0, 1)
    json.loads(result.output, parse_constant=pytest.fail)
    spoken = run("inspect", "--text", text, *options)
    assert all(character.isprintable() or character == "\n" for character in spoken.output)


@pytest.mark.parametrize("name", ["dk1", "dk2", "dk3"])
def test_a_danish_token_is_opened_and_its_holder_is_not_shown(country: Country, name: str) -> None:
    contents = {"dk1": claims(), "dk2": claims(person()), "dk3": dk3(ENTRY)}
    text = forge(name.upper(), contents[name])
    result = run("inspect", "--json", "--text", text)
    assert result.exit_code == 0
    found = json.loads(result.output)
    assert (found["prefix"], found["profile"]) == (f"{name.upper()}:", name)
    assert found["cwt"]["iss"] == "DK"
    for hidden in ("Prøvesen", "1987-05-04", *backend.DCC["nam"].values()):
        assert hidden not in result.output
    assert f"profile: {name}" in run("inspect", "--text", text).output
    asked = run("inspect", "--json", "--show-personal-data", "--text", text)
    assert ("Prøvesen" in json.loads(asked.output)["cwt"]["claims"].get("legalName", "")) == (
        name == "dk2"
    )


def test_accept_reads_the_payloads_it_names_alone(country: Country) -> None:
    token = forge("DK1", claims())
    assert run("inspect", "--accept", "dk", "--text", token).exit_code == 0
    refused = run("inspect", "--json", "--accept", "eu", "--text", token)
    assert refused.exit_code == 1
    assert json.loads(refused.output)["error"]["code"] == "prefix.unknown"
    assert run("inspect", "--accept", "eu", "--text", country.text).exit_code == 0
    assert run("inspect", "--accept", "xx", "--text", token).exit_code == 2


def test_what_stands_beside_the_dcc_is_named_and_shown_on_request() -> None:
    text = text_of({1: "XX", 4: 2, 6: 1, -260: {1: {}, 99: {"n": "Marker"}, "Marker": 1}})
    shown = run("inspect", "--json", "--text", text).output
    assert "Marker" not in shown
    assert json.loads(shown)["content"] == ["99", MASK]
    asked = run("inspect", "--json", "--show-personal-data", "--text", text).output
    assert json.loads(asked)["content"] == {"99": {"n": "Marker"}, "Marker": 1}
