"""``coronapas qr``: the QR code of a pass that was issued before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from command_world import Country, make_country, run

from coronapas.presentation import qr, scan

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def country(tmp_path: Path) -> Country:
    return make_country(tmp_path)


def test_a_pass_in_a_file_a_picture_a_pipe_or_an_option_is_drawn(country: Country) -> None:
    text = country.file("p.txt", f"{country.text}\r\n")
    picture = country.file("p.png", qr(country.text).png())
    for arguments, given in (
        ((text,), None),
        ((picture,), None),
        (("--text", f" {country.text} "), None),
        (("-",), country.text),
        (("-",), qr(country.text).png()),
    ):
        result = run("qr", *arguments, "--form", "png", input=given)
        assert result.exit_code == 0
        (found,) = scan(result.stdout_bytes)
        assert found.text == country.text
        assert "within the advised 35 to 60 mm" in result.stderr


@pytest.mark.parametrize(
    ("name", "form", "start"),
    [
        ("a.svg", (), b"<svg"),
        ("a.PNG", (), b"\x89PNG"),
        ("a.txt", (), b"\x1b"),
        ("a.pdf", (), b"%PDF"),
        ("a", ("--form", "svg"), b"<svg"),
        ("a.svg", ("--form", "svg"), b"<svg"),
    ],
)
def test_the_form_follows_from_the_files_name_unless_given(
    country: Country, name: str, form: tuple[str, ...], start: bytes
) -> None:
    output = country.path(name)
    result = run("qr", "--text", country.text, *form, "--output", output)
    assert (result.exit_code, result.stdout) == (0, "")
    assert (country.folder / name).read_bytes().startswith(start)
    assert run("qr", "--text", country.text, *form, "--output", output).exit_code == 2
    assert run("qr", "--text", country.text, *form, "--output", output, "--force").exit_code == 0


def test_level_and_size_are_options(country: Country) -> None:
    result = run("qr", "--text", country.text, "--form", "svg", "--level", "M", "--size", "80")
    assert "level M" in result.stderr
    assert "diagonal 80.0 mm" in result.stderr
    assert "Warning: this size is outside the advice: --size changes it.\n" in result.stderr


def test_a_text_that_is_too_long_ends_with_1_and_says_what_helps() -> None:
    refused = run("qr", "--text", "A" * 2421)
    assert refused.exit_code == 1
    assert refused.stderr.endswith("Allow a lower level with --level auto.\n")
    assert "max_version" not in refused.stderr
    assert "level M" in run("qr", "--text", "A" * 2421, "--level", "auto").stderr
    assert run("qr", "--text", "A" * 4297, "--level", "auto").exit_code == 1


def test_a_text_that_no_pass_could_be_ends_with_1_and_is_not_repeated(country: Country) -> None:
    for content in (b"secret", b"\xff\xfe\xfd"):
        result = run("qr", country.file("odd", content))
        assert (result.exit_code, result.stdout) == (1, "")
        assert "secret" not in result.stderr


def test_wrong_usage_and_what_is_not_one_pass_end_with_2(country: Country) -> None:
    two = country.file("two.txt", f"{country.text}\n{country.text}\n")
    for arguments in (
        (),
        ("--text", country.text, two),
        (two,),
        (country.file("none.txt", ""),),
        (country.file("none.png", b"\x89PNG nothing"),),
        ("--text", country.text, "--size", "40"),
        ("--text", country.text, "--form", "svg", "--dpi", "300"),
        ("--text", country.text, "--level", "X"),
    ):
        result = run("qr", *arguments)
        assert result.exit_code == 2, arguments
        assert "Error: " in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("--output", "a.jpg"),
        ("--output", "a"),
        ("--output", "a.svg", "--form", "png"),
        ("--output", "a.txt", "--form", "svg"),
    ],
)
def test_a_name_that_says_nothing_or_another_form_ends_with_2(
    country: Country, arguments: tuple[str, ...]
) -> None:
    result = run("qr", "--text", country.text, *arguments)
    assert result.exit_code == 2
    assert len([line for line in result.stderr.splitlines() if line.startswith("Error: ")]) == 1
