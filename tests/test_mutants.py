"""The driver of the mutants: what it draws, whom it asks, how it counts."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mutants import __main__ as driver
from mutants import drawing

PROJECT = Path(__file__).resolve().parent.parent
SOURCE = PROJECT / "src" / "coronapas"


@pytest.mark.parametrize("room", drawing.ROOMS)
def test_a_room_has_modules(room: str) -> None:
    found = drawing.modules(SOURCE, room)
    assert found
    assert all(path.is_file() for path in found)
    assert drawing.lines_of(SOURCE, room) > 100 * len(found) ** 0.5


@given(st.dictionaries(st.text(), st.integers(1, 9999), min_size=1), st.integers(1, 999))
def test_a_sample_is_shared_out_by_lines(lines: dict[str, int], sample: int) -> None:
    given = drawing.allotted(lines, sample)
    assert sum(given.values()) == sample
    for room, count in lines.items():
        assert abs(given[room] - sample * count / sum(lines.values())) < 1


def test_equal_lines_are_told_apart_by_their_number_alone() -> None:
    code = "if a:\n    return False\nif b:\n    if c:\n        return False\n"
    found = [
        drawing._mutant("rules", "rules/a.py", "X", code, code[:at] + "True" + code[at + 5 :])
        for at in (code.index("False"), code.rindex("False"))
    ]
    assert [each.nth for each in found] == [0, 1]
    assert [each.key.split(" | ")[1:] for each in found] == [
        ["0", "return False", "return True"],
        ["1", "return False", "return True"],
    ]


@pytest.mark.parametrize(
    ("code", "other", "differs"),
    [
        ("x: int | None = 1", "x: int & None = 1", False),
        ("def f(a: int | str) -> None: ...", "def f(a: int) -> None: ...", False),
        ("@lru_cache(maxsize=4)\ndef f(): ...", "@lru_cache(maxsize=5)\ndef f(): ...", False),
        ("@cache\ndef f(): ...", "def f(): ...", False),
        ("@property\ndef f(): ...", "def f(): ...", True),
        ("if TYPE_CHECKING:\n    import a", "if not TYPE_CHECKING:\n    import a", False),
        ("if TYPE_CHECKING:\n    import a", "if False:\n    import a", False),
        ("if a:\n    b()", "if False:\n    b()", True),
        ("x = 1", "x = 2", True),
        ("x = 1  # one", "x = 1", False),
        ("x = 1", "x = 1 1", False),  # what cannot be compiled is no fault either
    ],
)
def test_what_no_run_can_show_is_no_fault(code: str, other: str, differs: bool) -> None:
    assert drawing.differs(other, drawing.meaning(code)) is differs


CODE = """\
LIMIT = 5

@dataclass
class A:
    size: int = 3

    def f(
        self,
        a=1,
    ):
        if (
            a
        ):
            return g(
                a,
            )
        return None, size
"""


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (1, (1, 1, ["LIMIT"])),
        (3, (3, 4, ["A"])),
        (5, (5, 5, ["size"])),
        (9, (7, 10, ["f"])),
        (12, (11, 13, None)),
        (15, (14, 16, None)),
        (17, (17, 17, None)),
    ],
)
def test_the_statement_of_a_line_is_found(
    line: int, expected: tuple[int, int, list[str] | None]
) -> None:
    assert driver.statement(CODE, line) == expected


TEXTS = {"rules/a.py": CODE}


def mutant(line: int) -> drawing.Mutant:
    return drawing.Mutant("rules", "rules/a.py", line, "AddNot", "a", "b", 0, "")


REACH = driver.Reach(
    {
        "tests/rules/test_a.py::slow": 9.0,
        "tests/rules/test_a.py::quick": 1.0,
        "tests/rules/test_b.py::other": 1.0,
        "tests/cli/test_c.py::far": 1.0,
    },
    {
        "rules/a.py": {
            14: ["tests/rules/test_a.py::quick", "tests/rules/test_a.py::slow"],
            15: ["tests/cli/test_c.py::far", "failed"],
            17: ["tests/rules/test_b.py::other"],
        }
    },
    {"src/coronapas/rules/a.py": "1"},
)


def test_those_that_reach_the_line_are_asked_first_and_those_of_the_room_before_others() -> None:
    assert driver.stages(mutant(15), TEXTS, REACH, set()) == [
        ["tests/rules/test_a.py::quick", "tests/rules/test_a.py::slow"],
        ["tests/cli/test_c.py::far"],
        ["tests/rules/test_b.py::other"],
    ]


def test_what_stands_in_no_function_is_shown_to_those_that_reach_what_uses_it() -> None:
    assert driver.stages(mutant(5), TEXTS, REACH, set()) == [
        ["tests/rules/test_b.py::other"],
        ["tests/rules/test_a.py::quick", "tests/rules/test_a.py::slow"],
        ["tests/test_values.py", "tests/test_documented_tables.py"],
    ]


@pytest.mark.parametrize(
    ("line", "changed", "after"), [(1, (), 1), (15, ("src/coronapas/rules/a.py",), 0)]
)
def test_what_cannot_be_placed_is_shown_to_all_that_reach_the_module(
    line: int, changed: tuple[str, ...], after: int
) -> None:
    own, others, *values = driver.stages(mutant(line), TEXTS, REACH, set(changed))
    assert (len(own), len(others), len(values)) == (3, 1, after)


def test_test_files_that_were_written_since_are_asked_whole_in_the_end() -> None:
    changed = {"tests/rules/test_a.py", "tests/test_top.py", "tests/cli/test_c.py", "tests/x.py"}
    order = driver.stages(mutant(17), TEXTS, REACH, changed)
    assert order[0] == ["tests/rules/test_b.py::other"]
    assert order[-1] == ["tests/rules/test_a.py", "tests/test_top.py"]


def result(outcome: str, before: str) -> dict[str, Any]:
    fields = {**mutant(1)._asdict(), "before": before, "outcome": outcome}
    return {**fields, "key": f"rules/a.py | 0 | {before} | b"}


def test_named_equivalents_are_left_out_of_the_score(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(driver, "equivalents", lambda: {"rules/a.py | 0 | same | b": "why"})
    results = [result("killed", "x"), result("timeout", "y"), result("survived", "same")]
    assert driver.report(results) == 0
    assert capsys.readouterr().out.splitlines()[-1].split() == ["all", "3", "2", "0", "1", "100.0%"]
    assert driver.report([*results, result("unreached", "z")]) == 1
    text = capsys.readouterr().out
    assert "66.7%" in text
    assert "rules/a.py:1 unreached (AddNot)\n  - z\n  + b" in text


def test_every_named_equivalent_is_still_in_the_source() -> None:
    for key, reason in driver.equivalents().items():
        path, nth, before, _ = key.split(" | ", 3)
        lines = [line.strip() for line in (SOURCE / path).read_text("utf-8").splitlines()]
        assert " ".join(lines).count(before) > int(nth), key
        assert len(reason) > 20


def test_tests_run_in_a_fork_and_end_when_their_time_is_over(tmp_path: Path) -> None:
    for name, body in (("good", "pass"), ("bad", "assert 0"), ("endless", "while True: pass")):
        (tmp_path / f"test_{name}.py").write_text(f"def test_it():\n    {body}\n")
    flags = ["-q", "-n", "0", "-p", "no:cacheprovider", "-c", str(PROJECT / "pyproject.toml")]
    asked = [
        {
            "arguments": [*flags, "--rootdir", str(tmp_path), str(tmp_path / f"test_{name}.py")],
            "seconds": seconds,
            "log": str(tmp_path / "log"),
        }
        for name, seconds in (("good", 60), ("bad", 60), ("endless", 2), ("good", 60))
    ]
    run = subprocess.run(
        [sys.executable, "-m", "mutants.runner"],
        input="".join(json.dumps(each) + "\n" for each in asked),
        capture_output=True,
        text=True,
        check=True,
        cwd=PROJECT,
        timeout=200,
    )
    assert list(map(json.loads, run.stdout.splitlines())) == [0, 1, "timeout", 0]


def test_a_copy_is_without_what_was_taken_out_since(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, into = tmp_path / "project", tmp_path / "into"
    for name in ("src/a.py", "src/old.py", "data.json"):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(name)
    for command in (["init"], ["add", "-A"]):
        subprocess.run(["git", *command], cwd=project, check=True, capture_output=True)
    (project / ".gitignore").write_text("*.log\n")
    (project / "src" / "run.log").write_text("")
    monkeypatch.setattr(driver, "PROJECT", project)
    driver._copy(into)
    (project / "src" / "old.py").rename(project / "src" / "new.py")
    driver._copy(into)
    copied = {path.relative_to(into / "copy").as_posix() for path in into.rglob("*.*")}
    assert copied == {".gitignore", "data.json", "src/a.py", "src/new.py"}


class Runs:
    """What runs tests, with the answer of each that is there; also what plants the fault."""

    def __init__(self, there: dict[str, int]) -> None:
        self.there = there
        self.unsound: set[str] = set()
        self.planted = False
        self.asked: list[tuple[bool, list[str]]] = []

    def plant(self) -> None:
        self.planted = True

    def heal(self) -> None:
        self.planted = False

    def run(self, asked: list[str]) -> int:
        self.asked.append((self.planted, asked))
        if set(asked) - self.there.keys():
            return 4
        return max(self.there[test] for test in asked) if self.planted else 0

    def failed(self) -> list[str]:
        asked = self.asked[-1][1]
        found = set(asked) <= self.there.keys()
        return [test for test in asked if found and self.there[test] == 1]

    def forget(self) -> bool:
        gone = set(self.asked[-1][1]) - self.there.keys()
        self.unsound |= gone
        return bool(gone)


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        ({"a": 0, "b": 0, "c": 1}, ("killed", "c", 3)),
        ({"a": 0, "b": 0, "c": 0}, ("survived", "", 3)),
        ({"a": 0, "c": 1}, ("killed", "c", 2)),  # b was renamed
        ({"a": 1, "c": 1}, ("killed", "a", 1)),
        ({"c": 0}, ("survived", "", 1)),
        ({}, ("unreached", "", 0)),
        ({"a": 3, "b": 0}, ("killed", "", 2)),  # the fault keeps pytest from running at all
    ],
)
def test_tests_that_are_no_longer_there_are_put_aside(
    there: dict[str, int], expected: tuple[str, str, int]
) -> None:
    runs = Runs(there)
    runs_as: Any = runs
    assert driver._shown([["a", "b"], ["c"]], runs_as, runs_as) == expected
    assert runs.unsound <= {"a", "b", "c"} - there.keys()


def test_what_pytest_does_not_find_is_read_from_its_log(tmp_path: Path) -> None:
    there = tmp_path / "copy" / "tests" / "test_a.py"
    there.parent.mkdir(parents=True)
    there.write_text("def test_it():\n    pass\n")
    flags = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", "."]
    tests: Any = object.__new__(driver._Tests)
    tests._copy, tests._log, tests.unsound = tmp_path / "copy", tmp_path / "log", set()
    asked = ["tests/test_a.py::test_it", "tests/test_a.py::gone", "tests/test_b.py::test_it"]
    for gone in (asked[2], asked[1]):
        with tests._log.open("w") as log:
            command = [*flags, *(each for each in asked if each not in tests.unsound)]
            run = subprocess.run(
                command, cwd=tmp_path / "copy", stdout=log, stderr=log, check=False
            )
        assert run.returncode == 4
        assert tests.forget()
        assert gone in tests.unsound
    assert tests.unsound == set(asked[1:])
    assert not tests.forget()
