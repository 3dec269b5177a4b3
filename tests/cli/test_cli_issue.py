"""``coronapas issue``: facts in, passes out, faults on lines of their own."""

from __future__ import annotations

import csv
import json
import re
import stat
from datetime import date
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import pytest
from command_world import AT, DATES, FACTS, FAMILY, Country, keys, make_country, run
from PIL import Image

from coronapas import Verifier, decode
from coronapas.cli import _issue as issue
from coronapas.cli import _qr as qr
from coronapas.presentation import scan
from coronapas.trust import Certificate
from coronapas.trust._store import TrustStore

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


def test_an_empty_list_is_nothing_to_issue_and_ends_with_2(country: Country) -> None:
    for content in ("[]", " [ ] "):
        result = run("issue", "-", *country.key, *TERMS, input=content)
        assert (result.exit_code, result.stdout) == (2, "")
        assert "The list of facts is empty" in result.stderr


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
    name = "out.txt" if form == "terminal" else f"out.{form}"
    output = country.path(name)
    source = country.path("facts.json")
    drawn = ("--qr", form, "--output", output)
    result = run("issue", source, *country.key, *TERMS, *drawn)
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr.startswith("QR code: version ")
    content = (country.folder / name).read_bytes()
    if form == "png":
        text = scan(content)[0].text
        assert Verifier(TrustStore([keys()[1].certificate])).verify(text).signed
    assert content.startswith({"svg": b"<svg", "png": b"\x89PNG", "terminal": b" "}[form])


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

    monkeypatch.setattr(qr, "sys", Terminal)
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
    assert result.stderr.endswith("Error: The facts are not JSON, or are too large.\n")


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
        (source, *country.key, *TERMS, "--qr-size", "50"),
        (source, *country.key, *TERMS, "--qr", "terminal", "--qr-size", "50"),
        (source, *country.key, *TERMS, "--qr", "svg", "--qr-dpi", "300"),
        (source, *country.key, *TERMS, "--qr", "svg", "--qr-size", "0"),
        (source, *country.key, *TERMS, "--country", ""),
        (source, *country.key, *TERMS, "--issuer", ""),
        (source, *country.key, *TERMS, "--language", " "),
        (source, *country.key, *TERMS, "--grant", "everything"),
        (source, *country.key, *TERMS, "--grant", "inactive-codes=yes"),
        (source, *country.key, *TERMS, "--grant", "inactive-codes", "--refuse", "inactive-codes"),
        (source, *country.key, *TERMS, "--bound", "recovery-from-days"),
        (source, *country.key, *TERMS, "--bound", "recovery-from-days=-1"),
        (source, *country.key, *TERMS, "--bound", "earliest-event=11"),
        (source, *country.key, *TERMS, "--letter", "o-diaeresis=X"),
        (source, *country.key, *TERMS, "--value-sets", country.path("dsc.pem")),
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
    from coronapas.trust._certificate import Certificate

    monkeypatch.setattr(Certificate, "country", None)
    arguments = ("issue", country.path("facts.json"), *country.key, *TERMS)
    assert "--country" in run(*arguments).stderr
    assert run(*arguments, "--country", "DK").exit_code == 0


DEVICE = {
    "holder": FACTS["holder"],
    "test": {
        "kind": "RAT",
        "sampled_at": "2023-01-15T08:00:00Z",
        "result": "not detected",
        "device": "9999",
    },
}
PUBLISHED = {
    "valueSetId": "covid-19-lab-test-manufacturer-and-name",
    "valueSetDate": "2023-01-10",
    "valueSetValues": {"9999": {"display": "Invented Test", "active": True}},
}
OWN = {
    "sets": {
        "covid-19-lab-test-manufacturer-and-name": {
            "date": "2023-01-10",
            "codes": {"9999": "Invented Test"},
        }
    }
}


@pytest.mark.parametrize("document", [PUBLISHED, [PUBLISHED], {"a": PUBLISHED}, OWN])
def test_a_device_of_a_newer_list_is_issued_with_that_list(country: Country, document: Any) -> None:
    source = facts_file(country, DEVICE)
    refused = run("issue", source, *country.key, *TERMS)
    assert refused.exit_code == 1
    assert "--value-sets" in refused.stderr
    assert "ValueSets" not in refused.stderr
    sets = ("--value-sets", country.file("sets.json", json.dumps(document)))
    issued = run("issue", source, *country.key, *TERMS, *sets)
    assert issued.exit_code == 0
    assert decode(issued.stdout.strip()).dcc["t"][0]["ma"] == "9999"


def with_dose(**members: Any) -> dict[str, Any]:
    return {**FACTS, "vaccination": {**FACTS["vaccination"], **members}}


RECOVERY = {"first_positive": "2022-11-01", "valid_from": "2022-11-06", "valid_until": "2023-06-30"}


@pytest.mark.parametrize(
    ("facts", "options"),
    [
        (with_dose(vaccine="1119305005"), ("--grant", "other-encodings")),
        (with_dose(date="2019-12-31"), ("--bound", "earliest-event=2019-12-31")),
        (with_dose(date="2019-12-31"), ("--bound", "earliest-event=none")),
        (
            {"holder": FACTS["holder"], "recovery": RECOVERY},
            ("--bound", "recovery-from-days=5", "--bound", "recovery-until-days=none"),
        ),
    ],
)
def test_what_the_state_grants_is_issued_and_the_fault_says_how(
    country: Country, facts: dict[str, Any], options: tuple[str, ...]
) -> None:
    source = facts_file(country, facts)
    refused = run("issue", source, *country.key, *TERMS)
    assert refused.exit_code == 1
    for name, value in zip(options[::2], options[1::2], strict=True):
        assert f"{name} {value.partition('=')[0]}" in refused.stderr
    assert run("issue", source, *country.key, *TERMS, *options).exit_code == 0


def test_what_the_state_refuses_is_not_issued(country: Country) -> None:
    source = facts_file(country, with_dose(dose_number=1, doses=1))
    assert run("issue", source, *country.key, *TERMS).exit_code == 0
    refused = ("--refuse", "one-dose-after-recovery")
    assert run("issue", source, *country.key, *TERMS, *refused).exit_code == 1


def test_the_state_chooses_how_letters_are_written(country: Country) -> None:
    facts = {**FACTS, "holder": {**FACTS["holder"], "family_name": "Öpdigtet"}}
    chosen = ("--letter", "o-diaeresis=O")
    issued = run("issue", facts_file(country, facts), *country.key, *TERMS, *chosen)
    assert decode(issued.stdout.strip()).dcc["nam"]["fnt"] == "OPDIGTET"


def test_every_field_of_the_policy_has_its_option_and_every_hint_names_one() -> None:
    from dataclasses import fields

    from coronapas.dcc import ContentPolicy

    switches, bounds = issue.names(bool), issue.names(int, date)
    told = {*switches.values(), *bounds.values(), "alternatives"}
    assert told == {one.name for one in fields(ContentPolicy)}
    page = Path(__file__).parents[2] / "docs" / "how-to" / "command-line.md"
    shown = set(re.findall(r"`--(?:grant|refuse|bound) ([a-z-]+)", page.read_text("utf-8")))
    assert shown == {*switches, *bounds}
    for hint in issue._OPTIONS.values():
        for option, names in (("--grant", switches), ("--bound", bounds)):
            _, mark, rest = hint.partition(f"{option} ")
            assert not mark or re.split("[=.]", rest)[0] in names


def drawn(country: Country, *options: str) -> tuple[bytes, str]:
    result = run("issue", country.path("facts.json"), *country.key, *TERMS, *options)
    assert result.exit_code == 0
    return result.stdout_bytes, result.stderr


def test_a_png_has_the_advised_size_by_itself_and_says_its_resolution(country: Country) -> None:
    content, told = drawn(country, "--qr", "png")
    image = Image.open(BytesIO(content))
    dpi = image.info["dpi"][0]
    assert dpi == pytest.approx(300, rel=1e-3)
    (found,) = scan(content)
    modules = 17 + 4 * found.version
    pixels = image.width / (modules + 8)
    diagonal = modules * pixels / dpi * 25.4 * 2**0.5
    assert 35 <= diagonal <= 60
    assert told == (
        f"QR code: version {found.version}, level Q, {modules} modules a side, "
        f"{pixels:.0f}x{pixels:.0f} dots each at 300 dpi; module {pixels / 300 * 25.4:.3f} mm, "
        f"diagonal {diagonal:.1f} mm ({diagonal * (modules + 8) / modules:.1f} mm with the quiet "
        "zone), within the advised 35 to 60 mm\n"
    )


def test_size_resolution_and_level_are_options(country: Country) -> None:
    content, told = drawn(country, "--qr", "png", "--qr-size", "58", "--qr-dpi", "1200")
    assert Image.open(BytesIO(content)).info["dpi"][0] == pytest.approx(1200, rel=1e-3)
    assert "diagonal 58." in told or "diagonal 57." in told
    vector, told = drawn(country, "--qr", "svg", "--qr-size", "40", "--qr-level", "L")
    assert "level L" in told
    assert "diagonal 40.0 mm" in told
    width = float(vector.decode().partition('width="')[2].partition("mm")[0])
    assert f"({width * 2**0.5:.1f} mm with the quiet zone)" in told


@pytest.mark.parametrize(
    ("options", "change"),
    [
        (("--qr", "svg", "--qr-size", "34.9"), "--qr-size changes it."),
        (("--qr", "png", "--qr-size", "90"), "--qr-size changes it, and --qr-dpi."),
        (("--qr", "png", "--qr-dpi", "20"), "--qr-size changes it, and --qr-dpi."),
    ],
)
def test_a_size_outside_the_advice_is_drawn_and_warned_of(
    country: Country, options: tuple[str, ...], change: str
) -> None:
    _, told = drawn(country, *options)
    assert "outside the advised 35 to 60 mm" in told
    assert told.endswith(f"Warning: this size is outside the advice: {change}\n")


def test_of_a_terminal_the_size_is_its_own(country: Country) -> None:
    _, told = drawn(country, "--qr", "terminal")
    assert "sized by the terminal (advised is a diagonal of 35 to 60 mm)" in told
    assert "Warning" not in told


@pytest.mark.parametrize(
    ("given", "meant"),
    [("365", "365d"), ("1y", "365d"), ("2 years", "730d"), ("6m", "180d"), ("2w", "14d")],
)
def test_a_life_in_another_form_says_how_to_write_it(
    country: Country, given: str, meant: str
) -> None:
    result = run("issue", country.path("facts.json"), *country.key, "--expires", given)
    assert result.exit_code == 2
    assert meant in result.stderr


@pytest.mark.parametrize("name", ["Pfizer", "moderna", "AstraZeneca", "JANSSEN", "Novavax"])
def test_a_product_is_known_by_its_maker(country: Country, name: str) -> None:
    dose = {"dose_number": 2, "doses": 2, "date": DATES[1]}
    if name == "JANSSEN":
        dose = dose | {"dose_number": 1, "doses": 1}
    source = facts_file(country, {**FACTS, "vaccination": {"product": name, **dose}})
    result = run("issue", source, *country.key, *TERMS)
    assert result.exit_code == 0
    assert decode(result.stdout.strip()).dcc["v"][0]["mp"].startswith("EU/1/2")


def test_a_misspelt_product_is_refused_with_the_one_probably_meant(country: Country) -> None:
    result = run(
        "issue", facts_file(country, with_dose(product="Commirnaty")), *country.key, *TERMS
    )
    assert result.exit_code == 1
    assert "Did you mean Comirnaty?" in result.stderr
    assert "Commirnaty" not in result.stderr


# Many records

GOOD = {**FACTS, "id": "A-1", "uvci": "URN:UVCI:01:DK:FIRST"}
BAD = {**FACTS, "id": "A-2", "vaccination": {**FACTS["vaccination"], "product": "Marker"}}


def records_file(country: Country, form: str, *rows: dict[str, Any]) -> str:
    if form == "json":
        return country.file("r.json", json.dumps(list(rows), indent=1))
    if form == "jsonl":
        return country.file("r.jsonl", "\n".join(map(json.dumps, rows)))
    flat = [
        {"id": row.get("id"), "uvci": row.get("uvci")}
        | {
            f"{part}.{name}": value
            for part in ("holder", "vaccination")
            for name, value in row[part].items()
        }
        for row in rows
    ]
    file = StringIO(newline="")
    writer = csv.DictWriter(file, list(flat[0]))
    writer.writeheader()
    writer.writerows(flat)
    return country.file("r.csv", file.getvalue())


@pytest.mark.parametrize(("form", "line"), [("json", None), ("jsonl", 2), ("csv", 3)])
def test_a_bad_record_is_named_by_its_line_and_the_rest_is_issued(
    country: Country, form: str, line: int | None
) -> None:
    source = records_file(country, form, GOOD, BAD, FACTS)
    rejects = country.folder / "rejects.jsonl"
    more = ("--keep-going", "--rejects", str(rejects), "--json")
    result = run("issue", source, *country.key, *TERMS, *more)
    assert result.exit_code == 1
    first, last = map(json.loads, result.stdout.splitlines())
    assert (first["id"], first["uvci"]) == ("A-1", "URN:UVCI:01:DK:FIRST")
    assert decode(first["text"]).dcc["v"][0]["ci"] == "URN:UVCI:01:DK:FIRST"
    assert "id" not in last
    (row,) = map(json.loads, rejects.read_text().splitlines())
    assert row["id"] == "A-2"
    assert {"field": "vaccination.product", "code": "code.unknown"} in row["faults"]
    if line is None:
        # The object that holds the second record begins where its text does.
        content = json.dumps([GOOD, BAD, FACTS], indent=1)
        start = len(json.dumps([GOOD], indent=1)) - len("\n]") + len(",\n")
        line = content[:start].count("\n") + 1
    assert f"Error: line {row['line']}: vaccination.product: " in result.stderr
    assert row["line"] == line
    assert result.stderr.endswith("2 issued, 1 refused\n")
    texts = result.stderr + rejects.read_text()
    assert not [marker for marker in (*country.markers, "Marker") if marker in texts]
    assert run("issue", source, *country.key, *TERMS, *more).exit_code == 2
    assert run("issue", source, *country.key, *TERMS, *more, "--force").exit_code == 1


@pytest.mark.parametrize("form", ["json", "jsonl", "csv"])
def test_without_keep_going_nothing_is_issued_of_a_file_with_a_bad_record(
    country: Country, form: str
) -> None:
    source = records_file(country, form, GOOD, BAD)
    result = run("issue", source, *country.key, *TERMS)
    assert (result.exit_code, result.stdout) == (1, "")
    place = {"json": "1.", "jsonl": "line 2: ", "csv": "line 3: "}[form]
    assert f"Error: {place}vaccination.product: " in result.stderr


def test_a_line_that_is_no_json_is_a_bad_record(country: Country) -> None:
    source = country.file("r.jsonl", f"{json.dumps(FACTS)}\n{{broken\n{json.dumps(FACTS)}\n")
    result = run("issue", source, *country.key, *TERMS, "--keep-going")
    assert result.exit_code == 1
    assert len(result.stdout.splitlines()) == 2
    assert result.stderr.startswith("Error: line 2: The line is not JSON")


def test_records_that_are_all_good_end_with_0_and_an_empty_file_of_rejects(
    country: Country,
) -> None:
    source = records_file(country, "csv", GOOD)
    rejects = country.folder / "rejects.jsonl"
    more = ("--keep-going", "--rejects", str(rejects))
    assert run("issue", source, *country.key, *TERMS, *more).exit_code == 0
    assert rejects.read_bytes() == b""


def test_two_records_with_one_identifier_are_one_too_many(country: Country) -> None:
    source = records_file(country, "jsonl", GOOD, {**GOOD, "id": "A-3"})
    result = run("issue", source, *country.key, *TERMS, "--keep-going")
    assert result.exit_code == 1
    assert "line 2: uvci: Another record has the same identifier." in result.stderr


def test_a_register_s_own_table_is_read_with_a_mapping(country: Country) -> None:
    mapping = {
        "fields": {
            "id": "Nr",
            "holder.family_name": "Name",
            "holder.birth_date": "Born",
            "vaccination.product": "Vaccine",
            "vaccination.dose_number": "Dose",
            "vaccination.date": "Day",
        },
        "constants": {"vaccination.doses": 2},
        "dates": {"holder.birth_date": "DD.MM.YYYY", "vaccination.date": "DD.MM.YYYY"},
        "delimiter": ";",
    }
    export = "Nr;Name;Born;Vaccine;Dose;Day\n7;Eksempel;14.04.1979;Pfizer;2;01.06.2021\n"
    arguments = (
        *(country.file("export.csv", export), *country.key, *TERMS, "--json"),
        *("--mapping", country.file("mapping.json", json.dumps(mapping))),
    )
    found = json.loads(run("issue", *arguments).stdout)
    assert (found["id"], found["line"]) == ("7", 2)
    dcc = decode(found["text"]).dcc
    assert (dcc["dob"], dcc["v"][0]["dt"]) == ("1979-04-14", "2021-06-01")
    wrong = country.file("wrong.json", json.dumps({"fields": {"holder.name": "Name"}}))
    refused = run("issue", country.path("export.csv"), *country.key, *TERMS, "--mapping", wrong)
    assert refused.exit_code == 2
    assert "A field is not known." in refused.stderr


def test_of_several_keys_each_signs_what_its_certificate_allows(country: Country) -> None:
    for kind in ("vaccination", "test"):
        made = run(
            *("keys", "dsc", "--csca-key", country.path("csca.key.pem")),
            *("--csca-cert", country.path("csca.pem"), "--usage", kind, "--file-name", kind),
            *("--out", str(country.folder), "--from", "2023-01-01T00:00:00Z"),
        )
        assert made.exit_code == 0, made.stderr
    pairs = [
        option
        for kind in ("vaccination", "test")
        for option in (
            *("--key", country.path(f"{kind}.key.pem")),
            *("--cert", country.path(f"{kind}.pem")),
        )
    ]
    issued = run("issue", country.path("facts.json"), *pairs, *TERMS)
    certificate = Certificate.load(Path(country.path("vaccination.pem")).read_bytes())
    assert decode(issued.stdout.strip()).kid == certificate.kid
    assert run("issue", country.path("facts.json"), *pairs[:-2], *TERMS).exit_code == 2
    refused = run("issue", country.path("facts.json"), *pairs[4:], *TERMS)
    assert "The certificate may not sign a vaccination pass." in refused.stderr


def test_rejects_need_keep_going(country: Country) -> None:
    result = run("issue", country.path("facts.json"), *country.key, *TERMS, "--rejects", "x")
    assert result.exit_code == 2


def test_a_key_or_certificate_that_cannot_be_read_is_named_with_its_reason(
    country: Country,
) -> None:
    good, key = country.path("dsc.pem"), country.path("dsc.key.pem")
    junk = country.file("junk.pem", "no key!")
    for arguments, place, reason in (
        (("--key", junk, "--cert", good), junk, "it is neither PEM nor DER"),
        (("--key", good, "--cert", good), good, "this is a certificate"),
        (("--key", key, "--cert", junk), junk, "neither DER, PEM nor base64"),
        (("--pkcs12", junk), junk, "the PKCS #12 file cannot be read"),
    ):
        result = run("issue", country.path("facts.json"), *arguments, *TERMS)
        assert result.exit_code == 2
        assert result.stderr.startswith(f"Error: {place}: ")
        assert reason in result.stderr
