"""``coronapas qr``: the QR code of a pass that was issued before."""

from __future__ import annotations

import os
import re
import struct
import subprocess
import sys
from typing import TYPE_CHECKING, Any

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
        ("a.txt", (), b" "),
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


def test_colours_are_for_terminals_alone(country: Country) -> None:
    output = country.path("a.txt")
    assert run("qr", "--text", country.text, "--output", output).exit_code == 0
    piped = run("qr", "--text", country.text).stdout_bytes
    saved = (country.folder / "a.txt").read_bytes()
    qr(country.text).save(country.path("b.txt"))
    assert saved == piped == (country.folder / "b.txt").read_bytes()
    assert b"\x1b" not in saved
    assert set(saved.decode()) == set(" \u2580\u2584\u2588\n")


def on_a_terminal(columns: int, *arguments: str) -> tuple[int, str]:
    """Run the command on a terminal of this width; return its exit code and what it showed."""
    fcntl: Any = pytest.importorskip("fcntl")
    termios: Any = pytest.importorskip("termios")
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    hidden = {"COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR"}
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    command = [sys.executable, "-m", "coronapas", *arguments]
    # Standard error goes to the same terminal, as it does for people.
    with subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment
    ) as process:
        os.close(theirs)
        shown = b""
        try:
            while piece := os.read(ours, 65_536):
                shown += piece
        except OSError:  # the terminal is closed
            pass
        finally:
            os.close(ours)
    return process.returncode, shown.decode().replace("\r\n", "\n")


def plain_lines(drawing: str) -> list[str]:
    return re.sub(r"\x1b\[[0-9;]*m", "", drawing).splitlines()


def test_a_wide_terminal_shows_half_blocks_and_a_narrow_one_sextants(country: Country) -> None:
    text = "HC1:" + "A" * 100
    side = len(qr(text).modules) + 8
    for columns, width in ((side, side), (side - 1, (side + 1) // 2), ((side + 1) // 2, None)):
        code, shown = on_a_terminal(columns, "qr", "--text", text)
        assert code == 0
        wanted = qr(text).terminal(columns=columns)
        assert wanted in shown
        assert "QR code: version" in shown
        if width is not None:
            assert {len(line) for line in plain_lines(wanted)} == {width}


def test_a_terminal_that_is_too_narrow_is_refused_in_a_sentence(country: Country) -> None:
    code, shown = on_a_terminal(20, "qr", "--text", country.text)
    assert code == 2
    needed = (len(qr(country.text).modules) + 9) // 2
    sentence = f"The QR code needs {needed} columns, and there are 20. Widen it, or give --output."
    assert sentence in shown.replace("\n", " ")
    assert "\u2580" not in shown
