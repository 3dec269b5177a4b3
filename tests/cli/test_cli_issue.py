"""``coronapas issue``: facts in, passes out, faults on lines of their own."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING, Any

import pytest
from command_world import AT, DATES, FACTS, FAMILY, Country, keys, make_country, run

from coronapas import Verifier, decode
from coronapas.cli import issue as issue_module
from coronapas.presentation import scan
from coronapas.trust.store import TrustStore

if TYPE_CHECKING:
    from pathlib import Path

TERMS = ("--expires", "90d", "--issued-at", "2023-01-15T12:00:00Z")


@pytest.fixture
def country(tmp_path: Path) -> Country:
    return make_country(tmp_path)


def facts_file(country: Country, document: Any) -> str:
    return country.file("these.json", json.dumps(document))


def test_an_issued_pass_verifies(country: Country) -> None:
    result = run("issue", country.path("facts.json"), *country.key, *TERMS)
    assert result.exit_code == 0
    (text,) = result.output.splitlines()
    assert run("verify", "--text", text, *country.trust, *AT).exit_code == 0
    assert decode(text).dcc["v"][0]["is"] == "DK"


def test_the_facts_may_come_from_standard_input_with_a_byte_order_mark(country: Country) -> None:
    content = b"\xef\xbb\xbf" + json.dumps(FACTS).encode()
    assert run("issue", "-", *country.key, *TERMS, input=content).exit_code == 0


def test_a_list_of_facts_gives_a_pass_a_line(country: Country) -> None:
    source = facts_file(country, [FACTS, FACTS, FACTS])
    result = run("issue", source, *country.key, *TERMS)
    assert len(result.output.splitlines()) == 3
    assert run("issue", source, *country.key, *TERMS, "--qr", "svg").exit_code == 2
    assert run("issue", source, *country.key, *TERMS, "--uvci", "x").exit_code == 2
    assert run("issue", facts_file(country, []), *country.key, *TERMS).output == ""


def test_what_the_pass_is_to_say_can_be_chosen(country: Country) -> None:
    uvci = "URN:UVCI:01:DK:CHOSEN"
    options = ("--uvci", uvci, "--issuer", "Invented Agency", "--schema-version", "1.3.0")
    more = ("--expires", "2023-03-01T00:00:00+01:00", "--issued-at", "2023-01-15T12:00:00Z")
    source = country.path("facts.json")
    result = run("issue", source, *country.key, *options, *more, "--json", "--country", "DK")
    found = json.loads(result.output)
    assert found["uvci"] == uvci
    assert found["expires"] == "2023-02-28T23:00:00+00:00"
    assert found["issued_at"] == "2023-01-15T12:00:00+00:00"
    dcc = decode(found["text"]).dcc
    assert (dcc["ver"], dcc["v"][0]["is"], dcc["v"][0]["ci"]) == ("1.3.0", "Invented Agency", uvci)


def test_the_language_decides_the_transliteration(country: Country) -> None:
    facts = {**FACTS, "holder": {"family_name": "Гоголь", "birth_date": "1971-03-09"}}
    source = facts_file(country, facts)
    names = [
        decode(run("issue", source, *country.key, *TERMS, *language).output.strip()).dcc["nam"]
        for language in ((), ("--language", "uk"))
    ]
    assert names[0]["fnt"] != names[1]["fnt"]


@pytest.mark.parametrize("form", ["svg", "png", "terminal"])
def test_the_qr_code_is_drawn(country: Country, form: str) -> None:
    output = country.path(f"out.{form}")
    source = country.path("facts.json")
    drawn = ("--qr", form, "--output", output)
    assert run("issue", source, *country.key, *TERMS, *drawn).output == ""
    content = (country.folder / f"out.{form}").read_bytes()
    if form == "png":
        text = scan(content)[0].text
        assert Verifier(TrustStore([keys()[1].certificate])).verify(text).signed
    assert content.startswith({"svg": b"<svg", "png": b"\x89PNG", "terminal": b"\x1b"}[form])


def test_a_png_goes_to_a_pipe_and_not_to_a_terminal(
    country: Country, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = country.path("facts.json")
    piped = run("issue", source, *country.key, *TERMS, "--qr", "png")
    assert piped.stdout_bytes.startswith(b"\x89PNG")

    class Terminal:
        class stdout:  # noqa: N801 - stands in for sys.stdout
            @staticmethod
            def isatty() -> bool:
                return True

    monkeypatch.setattr(issue_module, "sys", Terminal)
    refused = run("issue", source, *country.key, *TERMS, "--qr", "png")
    assert refused.exit_code == 2
    assert "--output" in refused.stderr


def test_a_file_is_the_owners_alone_and_replaced_only_when_forced(country: Country) -> None:
    arguments = ("issue", country.path("facts.json"), *country.key, *TERMS)
    output = country.folder / "pass.txt"
    assert run(*arguments, "--output", str(output)).exit_code == 0
    assert stat.S_IMODE(output.stat().st_mode) == 0o600
    first = output.read_bytes()
    again = run(*arguments, "--output", str(output))
    assert again.exit_code == 2
    assert "--force" in again.stderr
    assert output.read_bytes() == first
    assert run(*arguments, "--output", str(output), "--force").exit_code == 0
    assert output.read_bytes() != first
    assert [path.name for path in country.folder.iterdir() if path.name.startswith(".")] == []


def test_every_fault_of_the_facts_is_a_line_without_the_holders_data(country: Country) -> None:
    dose = {"product": "Marker", "dose_number": 0, "doses": 2, "date": DATES[1]}
    result = run("issue", facts_file(country, {**FACTS, "vaccination": dose}), *country.key, *TERMS)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "Error: vaccination.product: " in result.stderr
    assert "Error: vaccination.dose_number: " in result.stderr
    assert not [marker for marker in (*country.markers, "Marker") if marker in result.stderr]


def test_of_a_list_the_faults_name_the_document_and_nothing_is_issued(country: Country) -> None:
    bad = {**FACTS, "vaccination": {**FACTS["vaccination"], "product": "None such"}}
    result = run("issue", facts_file(country, [FACTS, bad]), *country.key, *TERMS)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "Error: 1.vaccination.product: " in result.stderr


def test_a_wrong_shape_hides_no_fault_of_the_content_in_any_document(country: Country) -> None:
    shape = {**FACTS, "vaccination": {**FACTS["vaccination"], "doses": "2", "product": "None such"}}
    content = {**FACTS, "vaccination": {**FACTS["vaccination"], "dose_number": 0}}
    source = facts_file(country, [FACTS, shape, 5, content])
    result = run("issue", source, *country.key, *TERMS)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert [line.partition(": ")[2].partition(": ")[0] for line in result.stderr.splitlines()] == [
        "1.vaccination.doses",
        "1.vaccination.product",
        "2",
        "3.vaccination.dose_number",
    ]


def test_a_fault_of_the_whole_document_is_a_sentence(country: Country) -> None:
    source = facts_file(country, {"holder": FACTS["holder"]})
    result = run("issue", source, *country.key, *TERMS)
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: There must be exactly one of vaccination")


def test_a_field_that_stands_twice_is_refused(country: Country) -> None:
    text = json.dumps(FACTS)
    twice = f'{text[:-1]}, "holder": {{"birth_date": null}}}}'
    result = run("issue", country.file("f", twice), *country.key, *TERMS)
    assert result.exit_code == 1
    assert "A field stands twice." in result.stderr


def test_an_unknown_language_is_refused_with_the_one_probably_meant(country: Country) -> None:
    source = country.path("facts.json")
    result = run("issue", source, *country.key, *TERMS, "--language", "ua")
    assert result.exit_code == 1
    assert "uk is probably meant" in result.stderr


def test_a_certificate_that_may_not_sign_is_refused(country: Country) -> None:
    key = ("--key", country.path("csca.key.pem"), "--cert", country.path("csca.pem"))
    result = run("issue", country.path("facts.json"), *key, *TERMS)
    assert result.exit_code == 1
    assert result.stderr.count("Error: signer.certificate: ") == 2


def test_facts_of_the_wrong_shape_are_refused_with_their_faults(country: Country) -> None:
    result = run("issue", facts_file(country, {"holder": {}}), *country.key, *TERMS)
    assert result.exit_code == 1
    assert "holder.birth_date" in result.stderr


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"[" * 100_000, FAMILY.encode()])
def test_facts_that_are_no_json_end_with_2_and_are_not_repeated(
    country: Country, content: bytes
) -> None:
    result = run("issue", country.file("f", content), *country.key, *TERMS)
    assert result.exit_code == 2
    assert result.stderr.endswith("Error: The facts are no JSON.\n")


def test_a_pkcs12_file_gives_key_and_certificate(
    country: Country, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = country.file("dsc.p12", keys()[1].pkcs12("invented"))
    arguments = ("issue", country.path("facts.json"), "--pkcs12", bundle, *TERMS)
    monkeypatch.setenv("DSC_PASSWORD", "invented")
    assert run(*arguments, "--password", "env:DSC_PASSWORD").exit_code == 0
    asked = run(*arguments, "--password", "prompt", input="invented\n")
    assert asked.exit_code == 0
    assert "invented" not in asked.output
    assert run(*arguments).exit_code == 2
    monkeypatch.setenv("DSC_PASSWORD", "wrong")
    wrong = run(*arguments, "--password", "env:DSC_PASSWORD")
    assert wrong.exit_code == 2
    assert wrong.stderr.count("\n") == 1


def test_a_password_is_named_and_never_given(
    country: Country, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ABSENT", raising=False)
    arguments = ("issue", country.path("facts.json"), *country.key, *TERMS, "--password")
    assert "prompt, or env:" in run(*arguments, "secret").stderr
    assert "ABSENT is not set" in run(*arguments, "env:ABSENT").stderr


def test_wrong_usage_ends_with_2(country: Country) -> None:
    source = country.path("facts.json")
    key = ("--key", country.path("dsc.key.pem"))
    bundle = ("--pkcs12", country.path("dsc.pem"))
    for arguments in (
        (source, *country.key),
        (source, *key, *TERMS),
        (source, *key, *bundle, *TERMS),
        (source, *TERMS),
        (source, *country.key, "--expires", "soon"),
        (source, *country.key, "--expires", "2023-03-01"),
        (source, *country.key, *TERMS, "--qr", "svg", "--json"),
        (source, "--key", country.path("dsc.pem"), "--cert", country.path("dsc.pem"), *TERMS),
        (source, *key, "--cert", country.path("csca.pem"), *TERMS),
        (country.path("absent.json"), *country.key, *TERMS),
    ):
        result = run("issue", *arguments)
        assert result.exit_code == 2, arguments
        assert result.stdout == ""


def test_a_life_beyond_the_calendar_is_refused(country: Country) -> None:
    source = country.path("facts.json")
    terms = ("--expires", "99999d", "--issued-at", "9998-01-01T00:00:00Z")
    result = run("issue", source, *country.key, *terms)
    assert result.exit_code == 1
    assert "beyond the calendar" in result.stderr


def test_another_country_than_the_certificates_is_refused(country: Country) -> None:
    result = run("issue", country.path("facts.json"), *country.key, *TERMS, "--country", "SE")
    assert result.exit_code == 1
    assert "another country" in result.stderr


def test_a_certificate_without_a_country_needs_one_named(
    country: Country, monkeypatch: pytest.MonkeyPatch
) -> None:
    from coronapas.trust.certificate import Certificate

    monkeypatch.setattr(Certificate, "country", None)
    arguments = ("issue", country.path("facts.json"), *country.key, *TERMS)
    assert "--country" in run(*arguments).stderr
    assert run(*arguments, "--country", "DK").exit_code == 0
