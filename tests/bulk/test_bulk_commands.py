"""The command line of bulk work."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

import bulk_register as register
from coronapas.bulk import Manifest, Progress
from coronapas.cli import _runs
from coronapas.cli._app import coronapas

if TYPE_CHECKING:
    from pathlib import Path


def call(*arguments: object) -> Result:
    return CliRunner().invoke(coronapas, ["bulk", *map(str, arguments)])


def issue(facts: Path, out: Path, keys: Path, *more: object) -> Result:
    return call(
        *("issue", facts, out, "--country", "DK", "--key", keys / "dsc.key"),
        *("--certificate", keys / "dsc.pem", "--issuer", "Prøvestyrelsen", "--expires", "365d"),
        *("--issued-at", "2021-09-01T12:00:00Z", "--campaign", "autumn"),
        *("--secret-file", keys / "secret", "--jobs", 1, "--part-rows", 5, *more),
    )


@pytest.fixture
def facts(tmp_path: Path) -> Path:
    return register.write(tmp_path / "facts.csv", register.rows(12))


def test_issuing_says_how_many_and_gives_what_the_library_gives(
    facts: Path, tmp_path: Path, keyring: Path
) -> None:
    done = issue(facts, tmp_path / "out", keyring)
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("12 records: 12 issued\n")
    assert len(register.passes(tmp_path / "out")) == 12
    again = issue(facts, tmp_path / "out", keyring, "--json")
    assert json.loads(again.stdout) == {
        "command": "issue",
        "records": 12,
        "good": 12,
        "bad": 0,
        "results": 12,
        "parts": 3,
        "parts_done": 3,
        "complete": True,
    }


def test_refused_rows_end_with_1_and_say_nothing_of_a_person(tmp_path: Path, keyring: Path) -> None:
    table = register.rows(6)
    table[2] = register.spoilt(table[2], "strange product")
    facts = register.write(tmp_path / "facts.parquet", table)
    done = issue(facts, tmp_path / "out", keyring)
    assert done.exit_code == 1
    assert "6 records: 5 issued, 1 refused" in done.stdout
    assert register.SECRETIVE not in done.output


def test_too_many_faults_stop_the_run_with_1(tmp_path: Path, keyring: Path) -> None:
    table = [register.spoilt(row, "no day") for row in register.rows(12)]
    facts = register.write(tmp_path / "facts.parquet", table)
    done = issue(facts, tmp_path / "out", keyring, "--max-faults", "2")
    assert done.exit_code == 1
    assert "more than the bound" in done.stderr
    status = call("status", tmp_path / "out")
    assert status.exit_code == 0
    assert status.stdout == ("issue: not complete, 1 of 3 parts; 12 records, 0 good, 5 refused\n")
    assert issue(facts, tmp_path / "out", keyring, "--max-faults", "x").exit_code == 2


def test_other_work_in_the_folder_ends_with_2(facts: Path, tmp_path: Path, keyring: Path) -> None:
    issue(facts, tmp_path / "out", keyring)
    other = issue(facts, tmp_path / "out", keyring, "--campaign", "spring")
    assert other.exit_code == 2
    assert "campaign is different" in other.stderr


def test_without_a_moment_the_first_one_counts(facts: Path, tmp_path: Path, keyring: Path) -> None:
    table = [row for row in register.rows(30) if row["kind"] == "vaccination"][:4]
    facts = register.write(tmp_path / "facts.jsonl", table)
    arguments = (
        *("issue", facts, tmp_path / "out", "--key", keyring / "dsc.key", "--expires", "5d"),
        *("--certificate", keyring / "dsc.pem", "--campaign", "x", "--jobs", 1),
        *("--secret-file", keyring / "secret"),
    )
    first = call(*arguments)
    # The certificate may have ended by now: what counts is that the moment is kept.
    assert first.exit_code in (0, 1), first.output
    kept = Manifest.read(tmp_path / "out").header["settings"]["issued_at"]
    assert call(*arguments).exit_code == first.exit_code
    assert Manifest.read(tmp_path / "out").header["settings"]["issued_at"] == kept


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--password", "geheim"), "env:"),
        (("--ray-address", "auto"), "--engine ray"),
        (("--key", "KEY"), "as many of each"),
    ],
)
def test_wrong_usage_ends_with_2(
    facts: Path, tmp_path: Path, keyring: Path, more: tuple[str, ...], words: str
) -> None:
    given = [str(keyring / "dsc.key") if each == "KEY" else each for each in more]
    done = issue(facts, tmp_path / "out", keyring, *given)
    assert done.exit_code == 2
    assert words in done.stderr


def test_resuming_gives_the_arguments_again(
    tmp_path: Path, keyring: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = [register.spoilt(row, "no day") for row in register.rows(12)]
    facts = register.write(tmp_path / "facts.parquet", table)
    monkeypatch.chdir(tmp_path)
    issue(facts.relative_to(tmp_path), tmp_path / "out", keyring, "--max-faults", "2")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    stopped = call("resume", tmp_path / "out")
    assert stopped.exit_code == 1
    assert "more than the bound" in stopped.stderr
    done = call("resume", "../out", "--max-faults", "none", "--jobs", 1)
    assert done.exit_code == 1
    assert "12 records: 0 issued, 12 refused" in done.stdout
    (tmp_path / "out").rename(tmp_path / "moved")
    moved = call("resume", tmp_path / "moved")
    assert moved.exit_code == 2
    assert "was moved" in moved.stderr


def test_only_a_run_of_the_command_line_is_resumed(tmp_path: Path) -> None:
    header: dict[str, Any] = {"format": 1, "command": "issue", "records": 0, "parts": 0}
    (tmp_path / "manifest.jsonl").write_text(json.dumps(header) + "\n")
    assert "not begun" in call("resume", tmp_path).stderr
    header["note"] = {"arguments": [], "directory": str(tmp_path / "gone")}
    (tmp_path / "manifest.jsonl").write_text(json.dumps(header) + "\n")
    assert "is gone" in call("resume", tmp_path).stderr


def test_a_folder_without_a_manifest_has_no_status(tmp_path: Path) -> None:
    assert call("status", tmp_path).exit_code == 2


def test_passes_of_a_run_are_verified_and_decided(
    facts: Path, tmp_path: Path, keyring: Path
) -> None:
    issue(facts, tmp_path / "out", keyring)
    moment = "2021-09-02T00:00:00Z"
    common = ("--trust", keyring / "dsc.pem", "--at", moment, "--jobs", 1)
    done = call("verify", tmp_path / "out", *common, "--out", tmp_path / "seen")
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("12 records: 12 ok\n")
    assert call("verify", tmp_path / "out", *common, "--out", tmp_path / "seen").exit_code == 0
    changed = call(
        *("verify", tmp_path / "out", *common, "--out", tmp_path / "seen"), "--clock-skew", "9m"
    )
    assert changed.exit_code == 2
    decided = call(
        *("decide", tmp_path / "out", *common, "--out", tmp_path / "decided"),
        *("--country", "eu", "--rules", "eu-travel"),
    )
    assert decided.exit_code == 0, decided.output
    rows = register.read_results((tmp_path / "decided" / "verdicts").iterdir())
    assert len(rows) == 12
    assert {row["country"] for row in rows} == {"EU"}


def test_passes_of_a_run_that_is_not_complete_are_not_verified(
    tmp_path: Path, keyring: Path
) -> None:
    table = [register.spoilt(row, "no day") for row in register.rows(12)]
    facts = register.write(tmp_path / "facts.parquet", table)
    issue(facts, tmp_path / "out", keyring, "--max-faults", "2")
    done = call(
        *("verify", tmp_path / "out", "--trust", keyring / "dsc.pem"), "--out", tmp_path / "seen"
    )
    assert done.exit_code == 2
    assert "not complete" in done.stderr


def test_passes_that_do_not_verify_end_with_1(tmp_path: Path, keyring: Path) -> None:
    path = tmp_path / "passes.csv"
    path.write_text("record,text\n1,HC1:NOTHING\n")
    done = call("verify", path, "--trust", keyring / "dsc.pem", "--out", tmp_path / "seen")
    assert done.exit_code == 1
    assert register.faults(tmp_path / "seen")[0]["record"] == "1"


def test_a_register_is_invited(tmp_path: Path) -> None:
    history = {
        "birth_date": "1950-04-01",
        "groups": [],
        "vaccinations": [{"date": f"2021-0{month}-01", "product": "Comirnaty"} for month in (2, 3)],
    }
    path = tmp_path / "register.jsonl"
    path.write_text(json.dumps({"record": 7, "history": history}) + "\n")
    arguments = ("invite", path, "--out", tmp_path / "out", "--jobs", 1)
    done = call(*arguments, "--on", "2021-11-01")
    assert done.exit_code == 0, done.output
    (row,) = register.read_results((tmp_path / "out" / "invitations").iterdir())
    assert (row["record"], row["dose"]) == ("7", 3)
    wrong = call(*arguments, "--on", "2021-11-01", "--since", "2021-11-01")
    assert wrong.exit_code == 2


def test_a_bar_shows_rate_end_and_faults(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    moments = iter([0.0, 10.0])
    monkeypatch.setattr(_runs, "on_terminal", lambda **_: True)
    monkeypatch.setattr(_runs, "monotonic", lambda: next(moments))
    with _runs.bar("issue") as show:
        show(Progress(0, 10_000, 0))
        show(Progress(2_000, 10_000, 3))
    shown = capsys.readouterr().err
    assert "20%  200/s  0:40 left  3 refused" in shown
    assert _runs._clock(3_725) == "1:02:05"
