"""``coronapas paper``: sheets of passes, which can be verified again from what is printed."""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING

import pytest
from command_world import AT, DOSE, Country, issue, make_country, run

from coronapas.facts import Holder
from coronapas.presentation import Paper, scan

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def country(tmp_path: Path) -> Country:
    return make_country(tmp_path)


@pytest.mark.parametrize("sheet", ["fold", "flat"])
def test_what_is_printed_is_verified_again_from_the_pdf(country: Country, sheet: str) -> None:
    given = country.file("p.txt", country.text)
    output = country.path("p.pdf")
    printed = run("paper", given, "--output", output, "--language", "da", "--sheet", sheet)
    assert (printed.exit_code, printed.output) == (0, "")
    verified = run("verify", output, *country.trust, *AT)
    assert verified.exit_code == 0
    assert verified.output.splitlines()[-1].startswith("1 ok, 0 failed")


def test_the_sheet_is_the_librarys(country: Country) -> None:
    made = Paper("flat", language="de").pdf(country.text)
    for arguments, given in (
        (("--text", f" {country.text}\n"), None),
        (("-",), country.text),
        (("-",), made),
    ):
        result = run("paper", *arguments, "--sheet", "flat", "--language", "de", input=given)
        assert (result.exit_code, result.stderr) == (0, "")
        assert result.stdout_bytes == made
    by_country = run("paper", "--text", country.text)
    assert by_country.stdout_bytes == Paper("fold", language="da").pdf(country.text)


def test_many_passes_are_printed_at_once_and_numbered(country: Country) -> None:
    texts = [issue(DOSE, Holder(name, "Anna", date(1980, 1, 1))).text for name in ("Aa", "Bb")]
    several = country.file("several.txt", "\n".join((texts[0], "HC1:SPOILT", texts[1])))
    other = country.file("other.zip", b"PK\x03\x04")
    folder = country.path("sheets")
    result = run("paper", several, other, "--output", folder)
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1] == "2 printed, 1 refused, 1 unreadable"
    assert f"{several}:2: " in result.stderr
    assert "SPOILT" not in result.stderr
    names = sorted(path.name for path in (country.folder / "sheets").iterdir())
    assert names == ["000001.pdf", "000003.pdf"]
    found = [scan(country.folder / "sheets" / name)[0].text for name in names]
    assert found == texts
    again = run("paper", several, "--output", folder)
    assert again.exit_code == 2
    assert "--force replaces it" in again.stderr
    assert run("paper", several, "--output", folder, "--force").exit_code == 1


def test_with_trust_only_a_pass_that_is_ok_is_printed(country: Country) -> None:
    output = country.path("p.pdf")
    arguments = ("paper", "--text", country.text, *country.trust, "--output", output)
    late = run(*arguments, "--at", "2030-01-01T00:00:00Z")
    assert late.exit_code == 1
    assert late.stdout == ""
    assert "time: " in late.stderr
    assert not (country.folder / "p.pdf").exists()
    assert run(*arguments, *AT).exit_code == 0
    alone = run("paper", "--text", country.text, *AT)
    assert alone.exit_code == 2
    assert "Give --trust" in alone.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("HC1:ABC", "compression: "),
        (
            "shc:/567629095243206034602924374044603122295953265460346029254077",
            "this is a smart",
        ),
        ("https://example.org/", "this is a web address"),
        ("HC2:ABC", "this is a health certificate of another version"),
    ],
)
def test_a_text_that_is_no_pass_is_refused_and_told_what_it_is(text: str, said: str) -> None:
    result = run("paper", "--text", text)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.lower().startswith(f"--text 1: {said}")


def test_nothing_of_the_holder_is_in_what_is_said(country: Country) -> None:
    strange = issue(
        DOSE, Holder("Markerfamily한", "Markergiven", date(1971, 3, 9), "MARKER", "MARKER")
    ).text
    result = run("paper", "--text", strange)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("--text 1: holder: None of the fonts has a letter")
    assert "--font" in result.stderr
    assert not any(marker in result.stderr for marker in (*country.markers, "한"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "Name a file"),
        (("--text", "A", "--text", "B"), "several passes: name a folder"),
        (("--text", "A", "--text", "B", "--output", "x.pdf"), "several passes: name a folder"),
        (("--text", "A", "--language", "xx"), "language: The sheet has no texts"),
        (("--text", "A", "--font", "No Such Font"), "--fonts"),
        (("--text", "A", "--sheet", "round"), "'fold', 'flat'"),
    ],
)
def test_wrong_usage_is_explained(arguments: tuple[str, ...], said: str) -> None:
    result = run("paper", *arguments)
    assert result.exit_code == 2
    assert said in result.stderr


def test_the_callers_texts_make_another_language(country: Country) -> None:
    texts = {name: f"pl {{moment}} {name}" for name in Paper.texts_of("en")}
    file = country.file("texts.json", json.dumps({"pl": texts}))
    result = run("paper", "--text", country.text, "--texts", file, "--language", "pl")
    assert result.exit_code == 0
    assert result.stdout_bytes == Paper(language="pl", texts={"pl": texts}).pdf(country.text)
    for content in ("[]", '{"pl": 1}', "{", "[" * 100_000, " " * 2_000_000):
        wrong = run("paper", "--text", country.text, "--texts", country.file("t.json", content))
        assert wrong.exit_code == 2
        assert "not a JSON object of texts" in wrong.stderr
    missing = country.file("missing.json", '{"pl": {"title": "Tytuł"}}')
    wrong = run("paper", "--text", country.text, "--texts", missing, "--language", "pl")
    assert wrong.exit_code == 2
    assert "texts.pl.notice: The text is missing." in wrong.stderr
