"""Plant faults and run the tests: ``python -m mutants [--sample N] [--seed S] [ROOM ...]``.

Faults are planted one at a time into a copy of the checkout below ``DIR/copy``; the checkout itself
is never changed. The suite is run once to learn which tests reach which line; a fault is then shown
to the tests that reach its line, those of its own room first and the quick ones first, and then to
the rest of its room. A fault that no test notices is a survivor. What was run is kept in
``DIR/results.jsonl``, and is not run again: a run that was stopped goes on. Survivors that change
nothing are named, with the reason, in ``mutants/equivalents.toml``.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

from mutants.drawing import ROOMS, Mutant, allotted, draw, lines_of, modules

if TYPE_CHECKING:
    from collections.abc import Mapping

PROJECT: Final = Path(__file__).resolve().parent.parent
EQUIVALENTS: Final = Path(__file__).resolve().parent / "equivalents.toml"
_FLAGS: Final = ("-q", "-x", "-n", "0", "-p", "no:cacheprovider", "--no-header", "--tb=line")
_NOT_ABOUT_THE_ROOMS: Final = (
    *("tests/bulk", "tests/services", "tests/test_house.py", "tests/test_docs.py"),
    *("tests/test_packaging.py", "tests/test_reference.py", "tests/test_pkcs11.py"),
    *("tests/test_fuzz.py", "tests/test_mutants.py", "tests/presentation", "tests/live"),
)
"""Tests of the source's form, of other programs and of other rooms; they are not asked."""

_OF_FORM: Final = ("tests/test_values.py", "tests/test_documented_tables.py")
"""The tests of classes and constants that run no line of them."""

_TESTS_OF: Final = {
    "issue": ("tests/test_issuing.py", "tests/test_reissue.py", "tests/test_two_phases.py"),
}
"""Where a room's own tests are, if not in the folder of its name."""

_STAGES: Final = ((12.0, 120), (45.0, 600), (20.0, 150))
"""How many seconds of tests, and how many tests, each stage asks at most: the tests of the room
that reach the line, all others that do, and the tests that reach the module."""

_SLACK: Final = 15.0
"""Seconds of processor time that a run may take beyond twice what its tests took."""
_KILLED: Final = ("killed", "timeout")


class Reach(NamedTuple):
    """What one run of the whole suite showed."""

    seconds: dict[str, float]
    """How long each test that passed took."""
    lines: dict[str, dict[int, list[str]]]
    """For each module and line, the tests that reached it."""
    hashes: dict[str, str]
    """The digest of each module and test file as it was then."""


def main() -> int:
    """Read the command line, draw, run, and print the score."""
    parser = argparse.ArgumentParser(prog="python -m mutants", description=__doc__)
    parser.add_argument("rooms", nargs="*", help=f"by default all: {', '.join(ROOMS)}")
    parser.add_argument("--sample", type=int, default=300, help="how many faults; 0 is all of them")
    parser.add_argument("--seed", type=int, default=0, help="of the draw")
    parser.add_argument("--into", type=Path, default=Path(".mutants"), help="copy and results")
    parser.add_argument("--python", type=Path, default=Path(sys.executable), help="with the tests")
    parser.add_argument("--again", action="store_true", help="run the survivors again")
    parser.add_argument("--report", action="store_true", help="run nothing, print the score")
    parser.add_argument("--reach", nargs="+", metavar="PATH", help="the tests to ask, if not all")
    given = parser.parse_args()
    if unknown := sorted(set(given.rooms) - set(ROOMS)):
        parser.error(f"there is no room {', '.join(unknown)}; there are {', '.join(ROOMS)}")
    given.into.mkdir(parents=True, exist_ok=True)
    into = given.into.resolve()
    python = given.python.absolute()  # not resolved: an environment's is a link to another
    results = _results(into)
    drawn = _drawn(into, given.rooms or list(ROOMS), given.sample, given.seed)
    if not given.report:
        _copy(into)
        reach = _reach(into, python, given.reach)
        asked = [
            mutant
            for mutant in drawn
            if mutant.key not in results
            or (given.again and results[mutant.key]["outcome"] not in _KILLED)
        ]
        killers = {each.key: results.get(each.key, {}).get("by", "") for each in drawn}
        _run(asked, drawn, killers, reach, into, python)
        results = _results(into)
    return report([results[each.key] for each in drawn if each.key in results])


def _copy(into: Path) -> None:
    """Copy what git knows, and what it does not ignore, to where faults may be planted.

    Modules and tests that are no longer there are taken out of an earlier copy.
    """
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=PROJECT, capture_output=True, check=True).stdout
    names = {name for name in listed.decode().split("\0") if name and (PROJECT / name).is_file()}
    copy = into / "copy"
    for path in [*copy.rglob("*.py")]:
        if path.relative_to(copy).as_posix() not in names:
            path.unlink()
    for name in sorted(names):
        target = copy / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(PROJECT / name, target)


def _environment(into: Path) -> dict[str, str]:
    """Return an environment in which the copy is what is imported."""
    official = PROJECT.parent / "shared" / "official"
    paths = (into / "copy" / "src", into / "copy")
    return {
        **({"CORONAPAS_OFFICIAL": str(official)} if official.is_dir() else {}),
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, paths)),
    }


def _reach(into: Path, python: Path, tests: list[str] | None) -> Reach:
    """Return which tests reach which lines; runs the suite where that is not known yet."""
    known = into / "reach.json"
    if not known.exists():
        _run_all(into, python, tests)
        known.write_text(json.dumps(_read_reach(into)))
    seconds, lines, hashes = json.loads(known.read_text(), object_hook=_numbered)
    # Files of tests may have been taken out since.
    files = {path: into / "copy" / path for path in {test.partition("::")[0] for test in seconds}}
    there = {path for path, file in files.items() if file.is_file()}
    return Reach(
        {test: spent for test, spent in seconds.items() if test.partition("::")[0] in there},
        lines,
        hashes,
    )


def _numbered(read: dict[str, Any]) -> dict[Any, Any]:
    return {int(key) if key.isdigit() else key: value for key, value in read.items()}


def _run_all(into: Path, python: Path, tests: list[str] | None) -> None:
    copy = into / "copy"
    included = "\n".join(
        f"    {copy}/src/coronapas/{name}{'' if name.endswith('.py') else '/*'}"
        for names in ROOMS.values()
        for name in names
    )
    settings = into / "coverage.ini"
    settings.write_text(f"[run]\ndata_file = {into}/coverage.data\ninclude =\n{included}\n")
    print("running the suite once, to learn which tests reach which line", flush=True)
    flags = [each for each in _FLAGS if each != "-x"]
    command = [python, "-m", "pytest", *flags, "--cov", f"--cov-config={settings}"]
    command += ["--cov-context=test", "--cov-report=", "--cov-fail-under=0"]
    command += [f"--junitxml={into}/junit.xml"]
    command += tests or [f"--ignore={path}" for path in _NOT_ABOUT_THE_ROOMS]
    subprocess.run([*map(str, command)], cwd=copy, env=_environment(into), check=False)


def _read_reach(into: Path) -> Reach:
    from coverage import CoverageData

    copy = into / "copy"
    seconds = {}
    for case in ElementTree.parse(into / "junit.xml").iter("testcase"):
        if not list(case.iter("failure")) and not list(case.iter("error")):
            seconds[_case(case)] = float(case.get("time", "0"))
    data = CoverageData(str(into / "coverage.data"))
    data.read()
    lines: dict[str, dict[int, list[str]]] = {}
    for file in data.measured_files():
        path = Path(file).relative_to(copy / "src" / "coronapas").as_posix()
        lines[path] = {
            line: sorted({context.rpartition("|")[0] for context in contexts if context})
            for line, contexts in data.contexts_by_lineno(file).items()
        }
    names = {name for tests in lines.values() for found in tests.values() for name in found}
    # What has no name in both accounts cannot be asked for.
    spent = {name: seconds.get(_plain(name), -1.0) for name in names}
    return Reach({name: time for name, time in spent.items() if time >= 0}, lines, _hashes(copy))


def _case(case: Any) -> str:
    return f"{case.get('classname')} {case.get('name')}"


def _plain(name: str) -> str:
    """Return a test's name as junit's account has it."""
    file, _, rest = name.partition("::")
    head, bracket, parameters = rest.partition("[")
    *classes, test = head.split("::")
    place = ".".join([file.removesuffix(".py").replace("/", "."), *classes])
    return f"{place} {test}{bracket}{parameters}"


def _hashes(root: Path) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for folder in ("src/coronapas", "tests")
        for path in sorted((root / folder).rglob("*.py"))
    }


def _drawn(into: Path, rooms: list[str], sample: int, seed: int) -> list[Mutant]:
    """Draw, or read what was drawn from the same source before."""
    source = PROJECT / "src" / "coronapas"
    numbers = allotted({room: lines_of(source, room) for room in rooms}, sample)
    drawn: list[Mutant] = []
    for room in rooms:
        number = numbers[room] if sample else None
        digest = hashlib.sha256(f"{number} {seed}".encode())
        for path in modules(source, room):
            digest.update(path.read_bytes())
        kept = into / f"drawn-{room}-{digest.hexdigest()[:16]}.json"
        if not kept.exists():
            kept.write_text(json.dumps(draw(source, room, number, seed)))
        drawn += [Mutant(*each) for each in json.loads(kept.read_text())]
    return drawn


def _results(into: Path) -> dict[str, dict[str, Any]]:
    """Return the last result of each fault."""
    path = into / "results.jsonl"
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    return {result["key"]: result for result in map(json.loads, lines)}


def _run(
    asked: list[Mutant],
    drawn: list[Mutant],
    killers: dict[str, str],
    reach: Reach,
    into: Path,
    python: Path,
) -> None:
    """Plant each fault, ask the tests, and write down what they say.

    `killers` are the tests that killed what was run before, by the faults' keys. In the end all
    tests that killed are run once without a fault. Those that fail then, for want of something that
    the suite has, are not believed: what they killed is asked again, without them.
    """
    hashes = _hashes(into / "copy")
    changed = {path for path, digest in hashes.items() if reach.hashes.get(path) != digest}
    source = into / "copy" / "src" / "coronapas"
    modules = (path for path in reach.lines if (source / path).is_file())
    texts = {path: (source / path).read_text("utf-8") for path in modules}
    with _Tests(into, python, reach) as tests, (into / "results.jsonl").open("a") as results:
        while asked:
            for number, mutant in enumerate(asked, 1):
                begun = time.monotonic()
                place = _Place(source / mutant.path, mutant.code)
                order = stages(mutant, texts, reach, changed)
                try:
                    outcome, killer, count = _shown(order, place, tests)
                finally:
                    place.heal()
                spent = round(time.monotonic() - begun, 1)
                result = {**mutant._asdict(), "key": mutant.key, "outcome": outcome}
                del result["code"]
                result |= {"by": killer, "tests": count, "seconds": spent}
                print(json.dumps(result), file=results, flush=True)
                where = f"{mutant.path}:{mutant.line}"
                print(f"{number}/{len(asked)} {outcome:9} {spent:5.1f} s  {where}", flush=True)
                killers[mutant.key] = killer
            tests.confirm(set(killers.values()) - {""})
            asked = [each for each in drawn if killers[each.key] in tests.unsound]


class _Place:
    """A module in the copy, sound or with its fault."""

    def __init__(self, path: Path, code: str) -> None:
        self._path = path
        self._code = code
        self._stat = path.stat()
        self.sound = path.read_text("utf-8")

    def plant(self) -> None:
        self._path.write_text(self._code, "utf-8")

    def heal(self) -> None:
        self._path.write_text(self.sound, "utf-8")
        os.utime(self._path, ns=(self._stat.st_atime_ns, self._stat.st_mtime_ns))


class _Tests:
    """The process that runs tests, and which of them can be believed there."""

    def __init__(self, into: Path, python: Path, reach: Reach) -> None:
        self._reach = reach
        self._copy = into / "copy"
        self._log = into / "last.log"
        self._runner = subprocess.Popen(
            [str(python), "-m", "mutants.runner"],
            cwd=into / "copy",
            env={**_environment(into), "PYTHONDONTWRITEBYTECODE": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.unsound: set[str] = set()
        """Those that fail without a fault, or are no longer there."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        assert self._runner.stdin
        self._runner.stdin.close()
        self._runner.wait()

    def confirm(self, tests: set[str]) -> None:
        """Find those of `tests` that fail without a fault."""
        while asked := sorted(tests - self.unsound):
            if self.run(asked, "--maxfail=1000"):
                self.unsound.update(self.failed())
                if self.forget():
                    continue
                print(f"not believed: {sorted(self.unsound)}", flush=True)
            break

    def forget(self) -> bool:
        """Put aside what the last run did not find: tests that were renamed or taken out since."""
        lines = self._log.read_text("utf-8", "replace").splitlines()
        found = (re.match(r"ERROR: (?:file or directory )?not found: (.+)", each) for each in lines)
        gone = {each[1].removeprefix(f"{self._copy}{os.sep}") for each in found if each}
        known = len(self.unsound)
        self.unsound |= gone
        return len(self.unsound) > known

    def run(self, tests: list[str], *flags: str) -> int | str:
        """Return pytest's exit code, or ``"timeout"``."""
        assert self._runner.stdin
        assert self._runner.stdout
        seconds = _SLACK + 2 * sum(self._reach.seconds.get(test, 5.0) for test in tests)
        # Of files that are asked whole, too.
        without = [f"--deselect={test}" for test in sorted(self.unsound)]
        asked = {"arguments": [*_FLAGS, *flags, *without, *tests], "seconds": seconds}
        asked["log"] = str(self._log)
        print(json.dumps(asked), file=self._runner.stdin, flush=True)
        answer: int | str = json.loads(self._runner.stdout.readline())
        return answer

    def failed(self) -> list[str]:
        """Return the tests that failed in the last run."""
        lines = self._log.read_text("utf-8", "replace").splitlines()
        return [line[7:].split(" - ")[0] for line in lines if line.startswith("FAILED ")]


def _shown(order: list[list[str]], place: _Place, tests: _Tests) -> tuple[str, str, int]:
    """Show a fault to each stage's tests in turn.

    Returns what became of it, the test that killed it, and how many tests ran.
    """
    count = 0
    for stage in order:
        while asked := [test for test in stage if test not in tests.unsound]:
            place.plant()
            answer = tests.run(asked)
            if answer == "timeout":
                return "timeout", "", count + len(asked)
            if answer and (failed := tests.failed()):
                return "killed", failed[0], count + len(asked)
            if not answer:
                count += len(asked)
                break
            # Nothing was collected, or pytest itself broke: was that the fault's doing?
            place.heal()
            if not tests.run(asked):
                return "killed", "", count + len(asked)
            if not tests.forget():
                raise RuntimeError(f"these tests cannot be run without a fault either: {asked}")
    return ("survived" if count else "unreached"), "", count


def stages(
    mutant: Mutant, texts: Mapping[str, str], reach: Reach, changed: set[str]
) -> list[list[str]]:
    """Choose the tests to show a fault to, in the order in which they are asked.

    `texts` are the modules without the fault, `changed` the files that are not as they were when
    the tests' reach was measured.
    """
    own = _TESTS_OF.get(mutant.room, (f"tests/{mutant.room}/",))
    lines = reach.lines.get(mutant.path, {})
    module = {test for tests in lines.values() for test in tests}
    first, last, names = statement(texts.get(mutant.path, ""), mutant.line)
    if f"src/coronapas/{mutant.path}" in changed:
        at = module
    elif names is None:
        at = {test for line in range(first, last + 1) for test in lines.get(line, ())}
    else:  # runs when the module is loaded, by whichever test comes first
        at = _users(names, mutant, texts, reach) or module
    groups = (
        {test for test in at if test.startswith(own)},
        {test for test in at if not test.startswith(own)},
        {test for test in module - at if test.startswith(own)},
    )
    order = [
        _cheapest(tests, reach, seconds, most)
        for tests, (seconds, most) in zip(groups, _STAGES, strict=True)
    ]
    if names is not None:
        order.append([*_OF_FORM])
    # Tests written since are not in the account: their files are asked whole, after all others.
    files = [path for path in sorted(changed) if Path(path).name.startswith("test_")]
    fresh = [
        path
        for path in files
        if path.startswith(own) or path.count("/") == 1
        if not path.startswith(_NOT_ABOUT_THE_ROOMS)
    ]
    return [tests for tests in (*order, fresh) if tests]


def _cheapest(tests: set[str], reach: Reach, seconds: float, most: int) -> list[str]:
    """Return the quickest of `tests`, as many as fit; those of one file stand together."""
    chosen: list[str] = []
    for test in sorted(tests & reach.seconds.keys(), key=lambda test: (reach.seconds[test], test)):
        seconds -= reach.seconds[test]
        if chosen and (seconds < 0 or len(chosen) >= most):
            break
        chosen.append(test)
    return sorted(chosen, key=lambda test: test.partition("::")[0])


def _users(names: list[str], mutant: Mutant, texts: Mapping[str, str], reach: Reach) -> set[str]:
    """Return the tests that reach a line of the room where one of the names is used."""
    if not names:
        return set()
    word = re.compile(rf"\b(?:{'|'.join(map(re.escape, names))})\b")
    room = mutant.path.partition("/")[0]
    return {
        test
        for path, text in texts.items()
        if path.partition("/")[0] == room
        for number, line in enumerate(text.splitlines(), 1)
        if word.search(line)
        for test in reach.lines[path].get(number, ())
    }


def statement(code: str, line: int) -> tuple[int, int, list[str] | None]:
    """Return the first and last line of the statement at `line`, and what it names.

    None for the names where it stands in a function.
    """
    first, last = line, line
    names: list[str] | None = []
    smallest = sys.maxsize
    inside = False
    for node in ast.walk(ast.parse(code)):
        if not isinstance(node, ast.stmt):
            continue
        decorators = getattr(node, "decorator_list", ())
        start = min(node.lineno, *(each.lineno for each in decorators), node.lineno)
        if not start <= line <= (node.end_lineno or 0):
            continue
        body = getattr(node, "body", None)
        end = max(body[0].lineno - 1 if body else node.end_lineno or line, node.lineno)
        inside = inside or (isinstance(node, ast.FunctionDef) and line > end)
        if line <= end and end - start < smallest:
            first, last, smallest = start, end, end - start
            names = _named(node)
    return first, last, None if inside else names


def _named(node: ast.stmt) -> list[str]:
    """Return the names that a statement makes."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    return [
        each.id
        for each in ast.walk(node)
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
    ]


def equivalents() -> dict[str, str]:
    """Return the faults that change nothing, with the reason why."""
    listed = tomllib.loads(EQUIVALENTS.read_text("utf-8")).get("equivalent", [])
    return {
        " | ".join((each["path"], str(each.get("nth", 0)), each["before"], each["after"])): each[
            "reason"
        ]
        for each in listed
    }


def report(results: list[dict[str, Any]]) -> int:
    """Print the score by room and the survivors; return 1 where a survivor is unexplained."""
    named = equivalents()
    print(f"\n{'room':12}{'run':>6}{'killed':>8}{'survived':>10}{'equivalent':>12}{'score':>8}")
    for room in [*ROOMS, "all"]:
        found = [each for each in results if room in (each["room"], "all")]
        if not found:
            continue
        killed = sum(each["outcome"] in _KILLED for each in found)
        equal = sum(each["outcome"] not in _KILLED and each["key"] in named for each in found)
        survived = len(found) - killed - equal
        score = killed / max(killed + survived, 1)
        print(f"{room:12}{len(found):>6}{killed:>8}{survived:>10}{equal:>12}{score:>8.1%}")
    survivors = [each for each in results if each["outcome"] not in _KILLED]
    for each in survivors:
        if each["key"] in named:
            continue
        print(f"\n{each['path']}:{each['line']} {each['outcome']} ({each['operator']})")
        print(f"  - {each['before']}\n  + {each['after']}")
    return 1 if any(each["key"] not in named for each in survivors) else 0


if __name__ == "__main__":
    sys.exit(main())
