"""``coronapas conformance``: a line for each disagreement, the count last, and how it ends."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from command_world import run
from jsonschema import Draft202012Validator

from coronapas import schemas
from coronapas.cli import _output as output

if TYPE_CHECKING:
    from pathlib import Path

VECTOR: dict[str, Any] = {
    "PREFIX": "HC1:BB8",
    "BASE45": "BB8",
    "COMPRESSED": "4142",
    "EXPECTEDRESULTS": {"EXPECTEDUNPREFIX": True, "EXPECTEDB45DECODE": True},
}


def with_results(folder: Path, **expected: object) -> str:
    (folder / "v.json").write_text(json.dumps({**VECTOR, "EXPECTEDRESULTS": expected}))
    return str(folder)


def test_where_nothing_disagrees_there_is_the_count_alone(tmp_path: Path) -> None:
    (tmp_path / "v.json").write_text(json.dumps(VECTOR))
    result = run("conformance", str(tmp_path))
    assert result.exit_code == 0
    assert result.output == "2 passed, 0 failed, 0 skipped\n"


def test_a_disagreement_is_a_line_and_the_count_the_last(tmp_path: Path) -> None:
    folder = with_results(
        tmp_path, EXPECTEDUNPREFIX=False, EXPECTEDB45DECODE=True, EXPECTEDVERIFY=True
    )
    result = run("conformance", folder)
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "v.json EXPECTEDUNPREFIX: failed: expected to fail, and holds",
        "1 passed, 1 failed, 1 skipped",
    ]


def test_what_was_skipped_is_shown_when_asked_for(tmp_path: Path) -> None:
    folder = with_results(tmp_path, EXPTECTEDEXPIRED=True, **{"O\x1bD\nD": True})
    result = run("conformance", folder, "--show-skipped")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "v.json EXPTECTEDEXPIRED: skipped: no expectation of this name is known",
        "v.json O\ufffdD\ufffdD: skipped: no expectation of this name is known",
        "0 passed, 0 failed, 2 skipped",
    ]


def test_the_json_says_the_same(tmp_path: Path) -> None:
    folder = with_results(tmp_path, EXPECTEDUNPREFIX=False, EXPECTEDVERIFY=True)
    (tmp_path / "other.json").write_text("[]")
    result = run("conformance", folder, "--json")
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    Draft202012Validator(schemas.load("conformance-report")).validate(found)
    assert [found[name] for name in ("passed", "failed", "skipped")] == [0, 1, 1]
    assert found["passed_over"][0]["file"] == "other.json"
    assert result.stderr == "other.json: passed over: the file has no EXPECTEDRESULTS\n"


def test_without_any_vector_it_ends_with_2(tmp_path: Path) -> None:
    result = run("conformance", str(tmp_path))
    assert result.exit_code == 2
    assert result.stdout == "0 passed, 0 failed, 0 skipped\n"
    assert run("conformance", str(tmp_path / "absent")).exit_code == 2
    assert run("conformance").exit_code == 2


def test_progress_is_shown_on_a_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "on_terminal", lambda **_: True)
    monkeypatch.setenv("FORCE_COLOR", "1")
    result = run("conformance", with_results(tmp_path, EXPECTEDUNPREFIX=True))
    assert result.stdout == "1 passed, 0 failed, 0 skipped\n"
    assert "running" in result.stderr
