"""What the commands read passes from: kinds of files, pages, encodings, folders, spoilt texts."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import pytest
import segno
from command_world import AT, Country, issue, make_country, run
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from coronapas.cli._passes import UnreadableError, passes_of
from coronapas.presentation import qr
from file_kinds import other_kinds

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KINDS: Final = tuple(other_kinds("HC1:ABC"))


@pytest.fixture
def country(tmp_path: Path) -> Country:
    return make_country(tmp_path)


def lines_of(result: Any) -> list[str]:
    """What a person sees, without how a command is used."""
    return [line for line in result.output.splitlines() if line.strip()]


def codes(*texts: str, gap: int = 40) -> Image.Image:
    """A page with QR codes side by side, of passes and of anything else."""
    drawn = []
    for text in texts:
        out = io.BytesIO()
        segno.make_qr(text, error="M").save(out, kind="png", scale=4, border=4)
        drawn.append(Image.open(out).convert("L"))
    page = Image.new("L", (sum(one.width + gap for one in drawn), 900), 255)
    place = 0
    for one in drawn:
        page.paste(one, (place, 20))
        place += one.width + gap
    return page


def saved(page: Image.Image, form: str, **options: Any) -> bytes:
    out = io.BytesIO()
    page.save(out, form, **options)
    return out.getvalue()


COMMANDS: Final[dict[str, Callable[[Country, str], tuple[str, ...]]]] = {
    "verify": lambda country, source: ("verify", source, *country.trust, *AT),
    "verify --whole": lambda country, source: ("verify", "--whole", source, *country.trust, *AT),
    "inspect": lambda _, source: ("inspect", source),
    "qr": lambda _, source: ("qr", source, "--form", "svg"),
    "decide": lambda country, source: (
        *("decide", source, *country.trust, *AT, "--country", "EU", "--rules", "eu-travel"),
    ),
    "revocation hash": lambda _, source: ("revocation", "hash", source),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_of_another_kind_is_one_line_that_names_it_in_every_command(
    country: Country, kind: str
) -> None:
    content, words = other_kinds(country.text)[kind]
    source = country.file("given.txt", content)
    for name, arguments in COMMANDS.items():
        result = run(*arguments(country, source))
        assert result.exit_code == 2, name
        said = lines_of(result)
        assert len(said) == 1, (name, said)
        assert words.lower() in said[0].lower(), name
        assert "given.txt" in said[0], name
        assert not [marker for marker in country.markers if marker in result.output]


@pytest.mark.parametrize("kind", KINDS)
def test_on_standard_input_too(country: Country, kind: str) -> None:
    content, words = other_kinds(country.text)[kind]
    result = run("inspect", "-", input=content)
    assert result.exit_code == 2
    assert words in result.stderr
    assert "standard input" in result.stderr


def test_a_file_of_another_kind_keeps_no_other_from_being_judged(country: Country) -> None:
    good = country.file("p.txt", country.text)
    bad = country.file("a.zip", other_kinds(country.text)["zip"][0])
    result = run("verify", bad, good, *country.trust, *AT)
    assert result.exit_code == 2
    assert lines_of(result)[-1] == "1 ok, 0 failed, 1 unreadable, revocation not known of 1"
    found = [
        json.loads(line)
        for line in run("verify", bad, good, "--json", *country.trust, *AT).stdout.splitlines()
    ]
    assert [one["failures"] for one in found] == [["input.unsupported"], []]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(min_size=1, max_size=400), st.integers(0, 400))
def test_nuls_anywhere_make_no_passes_of_lines(country: Country, content: bytes, at: int) -> None:
    content = content[:at] + b"\0\1\n" + content[at:]
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        content = b"A" + content
    result = run("verify", country.file("any", content), *country.trust, *AT)
    assert result.exit_code == 2
    assert len(lines_of(result)) <= 3


def test_one_spoilt_line_takes_no_other_along(country: Country) -> None:
    content = f"{country.text}\n\0\1\2\n{country.text}\n"
    result = run("verify", country.file("p.txt", content), *country.trust, *AT)
    assert result.exit_code == 1
    assert "2 ok, 1 failed" in result.output


# Encodings.


@pytest.mark.parametrize("mark", [True, False])
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be", "utf-8"])
def test_text_of_every_unicode_encoding_is_read(
    country: Country, encoding: str, mark: bool
) -> None:
    if "32" in encoding and not mark:
        return
    text = f"{country.text}\r\n\r\n{country.text[:-1]}\r\n"
    content = (("\ufeff" if mark else "") + text).encode(encoding)
    for whole, count in (((), "1 ok, 1 failed"), (("--whole",), "0 ok, 1 failed")):
        source = country.file("p.txt", content)
        assert count in run("verify", source, *whole, *country.trust, *AT).output
    assert run("inspect", "-", input=country.text.encode(encoding)).exit_code == (
        2 if "32" in encoding else 0
    )


def test_a_long_file_in_utf_16_is_read_to_its_end(country: Country) -> None:
    content = "\n".join([country.text] * 400).encode("utf-16")
    result = run("verify", country.file("p.txt", content), *country.trust, *AT, "--quiet")
    assert result.output.startswith("400 ok, 0 failed")


# Pages and pictures.


def test_the_codes_of_every_page_of_a_pdf_are_read(country: Country) -> None:
    pages = [codes(country.text), Image.new("L", (900, 900), 255), codes(country.text)]
    content = saved(pages[0], "PDF", resolution=150, save_all=True, append_images=pages[1:])
    result = run("verify", country.file("p.pdf", content), *country.trust, *AT)
    assert result.exit_code == 0
    assert "p.pdf, code 1: ok" in result.output
    assert "p.pdf, code 2: ok" in result.output


def test_what_we_draw_we_read(country: Country) -> None:
    for ending in ("svg", "png", "pdf"):
        drawn = country.path(f"p.{ending}")
        assert run("qr", "--text", country.text, "--output", drawn).exit_code == 0
        for name, arguments in COMMANDS.items():
            result = run(*arguments(country, drawn))
            assert result.exit_code == 0, (ending, name)
            assert "FAIL" not in result.stdout


@pytest.mark.parametrize("form", ["PNG", "PDF"])
def test_a_pass_beside_other_codes_is_judged_and_they_are_counted_and_named(
    country: Country, form: str
) -> None:
    page = codes("https://example.org/verify", country.text, "https://example.org/help")
    source = country.file("page", saved(page, form))
    result = run("verify", source, *country.trust, *AT)
    assert result.exit_code == 0
    assert (
        result.stdout.splitlines()[0]
        .partition(", issuer")[0]
        .endswith("page: ok  vaccination, signed by DK")
    )
    assert "page: 2 other codes, not judged: a web address (2 times)." in result.stderr
    for name in ("inspect", "qr", "revocation hash"):
        found = run(*COMMANDS[name](country, source))
        assert found.exit_code == 0, name
        assert "2 other codes" in found.stderr
    decided = run(*COMMANDS["decide"](country, source), "--json")
    assert json.loads(decided.stdout)["decisions"][0]["outcome"] in ("PASS", "FAIL")


def test_a_spoilt_pass_is_still_a_pass_among_other_codes(country: Country) -> None:
    page = codes("https://example.org", country.text[:-3])
    result = run("verify", country.file("p.png", saved(page, "PNG")), *country.trust, *AT)
    assert result.exit_code == 1
    assert "1 failed" in result.output


def test_where_no_code_is_a_pass_each_is_said_to_be_none(country: Country) -> None:
    page = codes("https://example.org", "shc:/5676")
    result = run("verify", country.file("p.png", saved(page, "PNG")), *country.trust, *AT)
    assert result.exit_code == 1
    assert "a web address" in result.output
    assert "a SMART Health Card" in result.output


# Folders.


def test_a_folder_is_every_file_in_it_but_hidden_ones(country: Country) -> None:
    folder = country.folder / "inbox"
    (folder / "below").mkdir(parents=True)
    (folder / ".git").mkdir()
    (folder / ".git" / "config").write_text("no pass")
    (folder / ".hidden").write_text("no pass")
    (folder / "b.txt").write_text(f"{country.text}\n{country.text}\n")
    (folder / "below" / "a.png").write_bytes(qr(country.text).png())
    result = run("verify", str(folder), *country.trust, *AT)
    assert result.exit_code == 0
    assert result.output.splitlines()[-1].startswith("3 ok, 0 failed")
    places = [line.partition(": ")[0] for line in result.output.splitlines()[:-1]]
    assert [place.rpartition("inbox/")[2] for place in places] == [
        "b.txt:1",
        "b.txt:2",
        "below/a.png",
    ]


def test_a_folder_gives_all_its_passes_to_a_command_that_takes_several(country: Country) -> None:
    folder = country.folder / "wallet"
    folder.mkdir()
    (folder / "a.txt").write_text(country.text)
    (folder / "b.pdf").write_bytes(qr(country.text).pdf())
    texts = [item.text for item in passes_of(str(folder))]
    assert [text if isinstance(text, str) else text.decode() for text in texts] == (
        [country.text] * 2
    )
    (alone,) = passes_of(str(folder / "b.pdf"))
    assert alone.text == country.text
    (folder / "c.zip").write_bytes(other_kinds(country.text)["zip"][0])
    with pytest.raises(UnreadableError, match="a ZIP archive"):
        passes_of(str(folder))


def test_an_empty_folder_is_an_input_without_a_pass(country: Country) -> None:
    (country.folder / "empty").mkdir()
    result = run("verify", str(country.folder / "empty"), *country.trust, *AT)
    assert result.exit_code == 2
    assert "It contains no file." in result.output


# Texts that were changed on their way.


def broken_at_blanks(text: str, width: int) -> list[str]:
    """Lines that lose the blank at which they were broken; without one they are cut."""
    lines = []
    while len(text) > width:
        blank = text.rfind(" ", 1, width + 1)
        end, start = (width, width) if blank < 0 else (blank, blank + 1)
        lines.append(text[:end])
        text = text[start:]
    return [*lines, text]


WRAPPED: Final[dict[str, Callable[[str], str]]] = {
    "at a width": lambda text: "\n".join(text[i : i + 76] for i in range(0, len(text), 76)),
    "with line ends of Windows": lambda text: "\r\n".join(
        text[i : i + 60] for i in range(0, len(text), 60)
    ),
    "as a reply": lambda text: "\n".join(f"> {text[i : i + 70]}" for i in range(0, len(text), 70)),
    "at blanks": lambda text: "\n".join(broken_at_blanks(text, 76)),
    "with empty lines": lambda text: "\n\n".join(text[i : i + 90] for i in range(0, len(text), 90)),
}


@pytest.mark.parametrize("how", WRAPPED)
def test_whole_puts_wrapped_text_together(country: Country, how: str) -> None:
    wrapped = WRAPPED[how](country.text)
    source = country.file("mail.txt", wrapped)
    plain = run("verify", source, *country.trust, *AT)
    assert plain.exit_code == 1
    assert "--whole reads it so" in plain.stderr
    whole = run("verify", "--whole", source, *country.trust, *AT)
    assert whole.exit_code == 0
    assert "mail.txt: put together from its lines." in whole.stderr
    assert run("inspect", "--whole", source).exit_code == 0
    assert run("qr", "--whole", source).exit_code == 0


def test_lines_that_make_no_pass_are_left_as_they_are(country: Country) -> None:
    wrapped = f"{country.text[:70]}\n{country.text[70:-3]}\n"
    result = run("verify", "--whole", country.file("p.txt", wrapped), *country.trust, *AT)
    assert result.exit_code == 1
    assert "it is wrapped into lines" in result.output


DAMAGED: Final[dict[str, tuple[Callable[[str], str], str]]] = {
    "blanks": (lambda text: text.replace(" ", ""), "there are no blanks in it"),
    "dollars": (lambda text: text.replace("$", ""), "there are no dollar signs in it"),
    "percent": (lambda text: quote(text, safe=""), "percent-encoded"),
    "percent in part": (lambda text: quote(text, safe=":/+*"), "percent-encoded"),
    "lower": (str.lower, "its letters are lower-case"),
    "some lower": (lambda text: text[:90] + text[90:].lower(), "it holds lower-case letters"),
    "quotes": (lambda text: f'"{text}"', "quotation marks"),
    "typographic quotes": (lambda text: f"\u201c{text}\u201d", "quotation marks"),
    "tabs": (lambda text: text.replace(" ", "\t"), "wrapped into lines"),
}


@pytest.mark.parametrize("how", DAMAGED)
def test_damage_is_named_by_its_kind(country: Country, how: str) -> None:
    change, words = DAMAGED[how]
    texts = (issue().text for _ in range(100))
    text = next(text for text in texts if " " in text and "$" in text)
    changed = change(text)
    result = run("verify", "--text", changed, *country.trust, *AT)
    assert result.exit_code == 1
    assert words in result.output
    assert "haracter 7" not in result.output
    assert text[20:40] not in result.output


# The moment of the check.


def test_a_day_is_its_midnight_and_it_is_said_which(country: Country) -> None:
    result = run("verify", "--text", country.text, *country.trust, "--at", "2023-02-01", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["at"] == "2023-02-01T00:00:00+00:00"
    assert result.stderr == "--at 2023-02-01 is taken as 2023-02-01T00:00:00Z.\n"


@pytest.mark.parametrize("day", ["2023-02-30", "0000-01-01", "2023-W05", "20230201T"])
def test_what_is_no_day_is_a_usage_error(country: Country, day: str) -> None:
    result = run("verify", "--text", country.text, *country.trust, "--at", day)
    assert result.exit_code == 2
    assert "Invalid value for '--at'" in result.output


# Commands.


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("verfy", "verify"), ("inspekt", "inspect"), ("revoke", "revocation"), ("key", "keys")],
)
def test_a_mistyped_command_suggests(typed: str, meant: str) -> None:
    result = run(typed)
    assert result.exit_code == 2
    assert f"Did you mean '{meant}'?" in result.stderr


def test_a_mistyped_command_of_a_group_suggests_and_a_strange_one_does_not() -> None:
    assert run("revocation", "hsh").stderr.count("Did you mean 'hash'?") == 1
    assert "Did you mean" not in run("xyzzy").stderr


@pytest.mark.parametrize(
    ("words", "wanted"),
    [("coronapas ver", "verify"), ("coronapas verify --ch", "--checks"), ("coronapas x", None)],
)
def test_a_shell_can_complete_commands_and_options(words: str, wanted: str | None) -> None:
    asked = {
        "_CORONAPAS_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(words.count(" ")),
    }
    done = subprocess.run(
        [sys.executable, "-m", "coronapas"],
        env={**os.environ, **asked},
        capture_output=True,
        check=True,
        text=True,
    )
    assert done.stdout.split() == ([] if wanted is None else [f"plain,{wanted}"])
