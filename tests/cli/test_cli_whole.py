"""The command as a whole: help, version, errors, the demonstration, and what it loads."""

from __future__ import annotations

import contextlib
import json
import os
import runpy
import subprocess
import sys
from typing import TYPE_CHECKING

import click
import pytest
from command_world import run

from coronapas import __version__, cli
from coronapas.cli import _app as app
from coronapas.cli import _demo as demo
from coronapas.cli import _output as showing
from coronapas.errors import MissingExtraError

if TYPE_CHECKING:
    from pathlib import Path

    from coronapas.issue import Pass

COMMANDS = (
    "issue",
    "verify",
    "bulk",
    "inspect",
    "qr",
    "paper",
    "link",
    "trust",
    "revocation",
    "decide",
    "rules",
    "programme",
    "wallet",
    "keys",
    "codes",
    "schema",
    "conformance",
    "demo",
)


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], capture_output=True, check=False, text=True)


def test_the_help_lists_every_command_with_a_whole_sentence() -> None:
    output = run("--help").output
    lines = output.partition("Commands:\n")[2].splitlines()
    assert [line.split()[0] for line in lines] == list(COMMANDS)
    assert all(line.endswith(".") and "..." not in line for line in lines)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_and_says_how_it_ends(command: str) -> None:
    result = run(command, "--help")
    assert result.exit_code == 0
    assert "Exit codes: 0" in result.output or command == "keys"


def test_the_version_is_the_packages() -> None:
    assert run("--version").output == f"coronapas {__version__}\n"


def test_the_package_runs_as_a_module() -> None:
    assert python("-m", "coronapas", "--version").stdout == f"coronapas {__version__}\n"
    assert python("-m", "coronapas", "nothing").returncode == 2


def test_the_module_is_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["coronapas", "--version"])
    with pytest.raises(SystemExit) as end:
        runpy.run_module("coronapas", run_name="__main__")
    assert end.value.code == 0


def test_help_does_not_load_the_library() -> None:
    code = "import sys\nfrom coronapas.cli._app import coronapas\n"
    code += "coronapas(['--help'], standalone_mode=False)\nprint(*sys.modules, file=sys.stderr)"
    loaded = set(python("-c", code).stderr.split())
    assert "click" in loaded
    assert not loaded & {"cryptography", "cbor2", "coronapas.verify._verifier", "segno"}


def test_the_short_help_of_every_command_is_its_own() -> None:
    shown = app.coronapas
    context = click.Context(shown)
    for name, text in app._COMMANDS.items():
        command = shown.get_command(context, name)
        assert command is not None
        assert command.get_short_help_str(limit=100) == text


def test_an_unknown_command_is_a_usage_error() -> None:
    result = run("frobnicate")
    assert result.exit_code == 2
    assert "No such command" in result.stderr


@pytest.mark.parametrize("package", cli.PACKAGES)
def test_without_its_packages_the_command_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    monkeypatch.setattr(cli, "find_spec", lambda name: None if name == package else object())
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert f"needs the package {package}" in str(end.value)
    assert "pip install '.[cli]' in a checkout" in str(end.value)


def test_with_its_packages_the_command_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["coronapas", "--version"])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 0


def raising(error: Exception) -> click.Group:
    @click.command("boom")
    def boom() -> None:
        raise error

    class Group(app._Commands):
        def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
            return boom

    return Group("coronapas")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (MissingExtraError("qr", "segno"), "pip install '.[qr]' in a checkout"),
        (PermissionError(13, "Permission denied", "keys\x1b[2J.pem"), "keys\ufffd[2J.pem: Perm"),
        (OSError("odd"), "odd"),
    ],
)
def test_an_error_is_one_line_and_ends_with_2(error: Exception, told: str) -> None:
    from click.testing import CliRunner

    result = CliRunner().invoke(raising(error), ["boom"])
    assert result.exit_code == 2
    assert told in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_reader_that_went_away_is_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    group = raising(BrokenPipeError(32, "Broken pipe"))
    context = group.make_context("coronapas", ["boom"])
    monkeypatch.setattr(sys, "stdout", sys.stdout)
    monkeypatch.setattr(sys, "stderr", sys.stderr)
    with pytest.raises(SystemExit) as end:
        group.invoke(context)
    sys.stdout.close()
    assert end.value.code == 141


@pytest.mark.parametrize("arguments", [("--help",), ("issue", "--help"), ("demo",)])
def test_a_closed_pipe_ends_with_141_and_without_a_word(arguments: tuple[str, ...]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        ended = subprocess.run(
            [sys.executable, "-m", "coronapas", *arguments],
            stdout=writer,
            stderr=subprocess.PIPE,
            check=False,
        )
    finally:
        os.close(writer)
    assert (ended.returncode, ended.stderr) == (141, b"")


def test_the_demonstration_comes_out_as_it_should() -> None:
    result = run("demo")
    assert result.exit_code == 0
    assert result.output.count(": ok\n") == 3
    assert result.output.count(": FAIL\n") == 1
    assert "FAIL     signature" in result.output
    assert "\u2580" in result.output
    assert "as expected" in result.output.splitlines()[-1]


def test_the_demonstration_ends_with_1_when_a_tampered_pass_is_ok(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def untouched(issued: Pass) -> str:
        return issued.text

    monkeypatch.setattr(demo, "_tamper", untouched)
    result = run("demo")
    assert result.exit_code == 1
    assert "not as expected" in result.output


def test_the_demonstration_ends_with_1_when_a_good_pass_is_not_ok(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from datetime import timedelta

    monkeypatch.setattr(demo, "_LIFETIME", timedelta(seconds=1))
    real = demo._verify
    monkeypatch.setattr(
        demo,
        "_verify",
        lambda verifier, title, text, now: real(verifier, title, text, now + timedelta(days=1)),
    )
    assert run("demo").exit_code == 1


def test_text_that_could_steer_a_terminal_is_made_harmless() -> None:
    assert showing.plain("fine text") == "fine text"
    assert showing.plain("a\x1b[31m\nb\u202e") == "a\ufffd[31m\ufffdb\ufffd"


def test_a_note_becomes_a_sentence_and_its_names_stay_as_they_are() -> None:
    assert showing.sentence("the QR code has byte segments") == "The QR code has byte segments."


def test_a_progress_bar_needs_a_terminal_to_which_no_results_are_written_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Stream:
        def __init__(self, terminal: bool) -> None:
            self.isatty = lambda: terminal

    for errors in (True, False):
        for results in (True, False):
            monkeypatch.setattr(sys, "stderr", Stream(errors))
            monkeypatch.setattr(sys, "stdout", Stream(results))
            meanwhile = showing.on_terminal(results_meanwhile=True)
            at_the_end = showing.on_terminal(results_meanwhile=False)
            monkeypatch.undo()
            assert meanwhile is (errors and not results)
            assert at_the_end is errors


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="there are no terminals to open")
@pytest.mark.parametrize("results_go_elsewhere", [True, False])
def test_on_a_real_terminal_the_bar_is_drawn_and_the_results_are_whole(
    tmp_path: Path, results_go_elsewhere: bool
) -> None:
    vector = {"PREFIX": "HC1:BB8", "BASE45": "BB8", "EXPECTEDRESULTS": {"EXPECTEDUNPREFIX": True}}
    (tmp_path / "v.json").write_text(json.dumps(vector))
    ours, theirs = os.openpty()
    command = [sys.executable, "-m", "coronapas", "conformance", str(tmp_path)]
    with subprocess.Popen(
        command,
        stdin=theirs,
        stdout=subprocess.PIPE if results_go_elsewhere else theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "80"},
    ) as process:
        os.close(theirs)
        seen = b""
        with contextlib.suppress(OSError):  # the other side is closed
            while more := os.read(ours, 4096):
                seen += more
        results = process.stdout.read() if process.stdout else seen
    os.close(ours)
    assert b"running" in seen
    assert b"1 passed, 0 failed, 0 skipped" in results
