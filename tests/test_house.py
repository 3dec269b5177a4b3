"""The rules of the house that no other tool checks."""

from __future__ import annotations

import ast
import importlib
import io
import os
import re
import shutil
import subprocess
import sys
import tokenize
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT = Path(__file__).resolve().parent.parent
SOURCE = PROJECT / "src" / "coronapas"

# Low to high (docs/explanation/house.md); a room may import from itself and from those before it.
ROOMS = (
    "_version",
    "_lazy",
    "errors",
    "tolerances",
    "_time",
    "_files",
    "_base64",
    "_json",
    "_asn1",
    "_signatures",
    "schemas",
    "facts",
    "hcert",
    "dcc",
    "presentation",
    "trust",
    "signing",
    "pycose_bridge",
    "keys",
    "issue",
    "revocation",
    "programmes",
    "denmark",
    "verify",
    "certlogic",
    "rules",
    "conformance",
    "__init__",
    "cli",
    "__main__",
)
# Rooms that stand apart see even less than the order lets them.
ONLY = {
    "hcert": {"_version", "_lazy", "errors", "tolerances", "hcert"},
    "certlogic": {"_lazy", "errors", "certlogic"},
}
CLI_ROOMS = {"cli", "__main__"}
CLI_PACKAGES = {"click", "rich"}
NETWORK_MODULES = re.compile(
    r"(socket|ssl|ftplib|smtplib|telnetlib|http|urllib\.request|urllib3|requests|httpx|aiohttp)(\.|$)"
)
MAX_LINES = 800
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "common", "misc"}

# In pieces, or this file would hold what it forbids.
FOREIGN = re.compile(
    "|".join(
        (
            "/" + "work/",
            "/" + r"tmp/(bash|brief)",
            "/" + r"opt/(wheels|pypi)",
            "/" + r"(root|home/\w+|Users/\w+)/",
            "cl" + "aude",
            "anth" + "ropic",
            "chat" + "gpt",
            "open" + r"ai\b",
            "co" + r"pilot\b",
            "language" + " model",
            "pypi" + r"\.org",
            "python" + r"hosted\.org",
            "npm" + r"js\.(org|com)",
            "proxy" + r"\.golang\.org",
        )
    ),
    re.IGNORECASE,
)
BARE_EXEMPTION = re.compile(
    r"type:\s*ignore(?!\[\w)|noqa(?!:\s*[A-Z])|(mypy|pyright):\s*ignore-errors"
)


def modules() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def python_files() -> list[Path]:
    folders = ("src", "tests", "benchmarks", "testdata")
    return sorted(path for folder in folders for path in (PROJECT / folder).rglob("*.py"))


@cache
def project_files() -> tuple[Path, ...]:
    """The files that are, or are to be, tracked; in an unpacked archive, all that is not hidden."""
    if (PROJECT / ".git").exists():
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=PROJECT,
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        found = [PROJECT / name for name in listed.split("\0") if name]
    else:
        made = re.compile(r"[\\/](\.|(site|dist|build|node_modules|__pycache__)\b)")
        found = [
            Path(folder) / name
            for folder, _, names in os.walk(PROJECT)
            if not made.search(folder.removeprefix(str(PROJECT)))
            for name in names
        ]
    return tuple(sorted(path for path in found if path.is_file()))


def shown(path: Path) -> str:
    return path.relative_to(PROJECT).as_posix()


def room_of(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imported(tree: ast.AST, package: str) -> Iterator[tuple[int, str]]:
    """Every module imported anywhere in the tree by its full name, names taken from it included."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                for alias in names:
                    yield node.lineno, alias.name
            case ast.ImportFrom(module=module, names=names, level=level):
                parents = package.split(".")[: len(package.split(".")) - level + 1] if level else []
                base = ".".join([*parents, *([module] if module else [])])
                for alias in names:
                    yield node.lineno, f"{base}.{alias.name}"
            case ast.Call(
                func=ast.Name(id="import_module" | "__import__")
                | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                yield node.lineno, name


def room_imported(name: str) -> str | None:
    """The room that an import reaches; the package's own names stand for the package itself."""
    root, _, rest = name.partition(".")
    if root != "coronapas":
        return None
    room = rest.partition(".")[0]
    return room if room in ROOMS else "__init__"


def wrong_imports(room: str, tree: ast.AST, package: str) -> list[str]:
    allowed = ONLY.get(room, set(ROOMS[: ROOMS.index(room) + 1]))
    wrong = []
    for line, name in imported(tree, package):
        target = room_imported(name)
        if target is not None and target not in allowed:
            wrong.append(f"line {line}: {room} imports {name}, which it must not know")
        elif name.split(".")[0] in CLI_PACKAGES and room not in CLI_ROOMS:
            wrong.append(f"line {line}: {name} is for the command line alone")
        elif NETWORK_MODULES.match(name):
            wrong.append(f"line {line}: {name} reaches for the network")
    return wrong


def package_of(path: Path) -> str:
    return ".".join(path.relative_to(SOURCE.parent).parent.parts)


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts).removesuffix(".__init__")


def test_every_module_stands_in_a_known_room() -> None:
    strange = {room_of(path) for path in modules()} - set(ROOMS)
    assert not strange, f"Give {strange} a place in ROOMS and in docs/explanation/house.md."


@pytest.mark.parametrize("path", modules(), ids=shown)
def test_no_module_imports_from_a_later_room(path: Path) -> None:
    if room_of(path) in ROOMS:
        assert not wrong_imports(room_of(path), ast.parse(path.read_bytes()), package_of(path))


@pytest.mark.parametrize(
    ("room", "code"),
    [
        ("errors", "import coronapas.facts"),
        ("errors", "from coronapas import facts"),
        ("errors", "from .facts import Holder"),
        ("errors", "from . import facts"),
        ("errors", "from coronapas import Holder"),
        ("errors", "def f():\n    from coronapas.facts import Holder"),
        ("errors", "if TYPE_CHECKING:\n    from coronapas.facts import Holder"),
        ("errors", "importlib.import_module('coronapas.facts')"),
        ("hcert", "from coronapas.facts import Holder"),
        ("certlogic", "from coronapas.tolerances import FIELD"),
        ("facts", "import click"),
        ("facts", "from rich.table import Table"),
        ("facts", "import urllib.request"),
        ("facts", "from urllib import request"),
        ("cli", "from http.client import HTTPConnection"),
    ],
)
def test_a_wrong_import_is_found_however_it_is_written(room: str, code: str) -> None:
    assert len(wrong_imports(room, ast.parse(code), "coronapas")) == 1


@pytest.mark.parametrize(
    ("room", "code"),
    [
        ("facts", "from coronapas.errors import Fault"),
        ("facts", "from .errors import Fault"),
        ("hcert", "from coronapas.tolerances import FIELD"),
        ("certlogic", "from coronapas.errors import CoronapasError"),
        ("cli", "import click, rich, coronapas\nfrom coronapas import Holder"),
        ("__init__", "from coronapas.facts import Holder"),
        ("facts", "from urllib.parse import quote\nimport coronapasta, httpbin_like"),
    ],
)
def test_a_right_import_is_let_be(room: str, code: str) -> None:
    assert not wrong_imports(room, ast.parse(code), "coronapas")


def test_a_relative_import_is_resolved_from_its_own_folder() -> None:
    tree = ast.parse("from .cose import a\nfrom ..facts import b\nfrom ... import c")
    names = [name for _, name in imported(tree, "coronapas.hcert.deep")]
    assert names == ["coronapas.hcert.deep.cose.a", "coronapas.hcert.facts.b", "coronapas.c"]


def test_no_module_has_a_name_that_says_nothing() -> None:
    parts = {path: re.split(r"[/.]", shown(path)) for path in python_files()}
    vague = {path for path in parts if VAGUE_NAMES & {part.strip("_") for part in parts[path]}}
    assert not vague


def test_no_module_is_too_long_to_read_in_one_sitting() -> None:
    lengths = {shown(path): len(path.read_text("utf-8").splitlines()) for path in modules()}
    assert {name: lines for name, lines in lengths.items() if lines > MAX_LINES} == {}


def undocumented(tree: ast.Module) -> list[str]:
    """Public definitions without a docstring; overloads are documented by their implementation."""
    missing = [] if ast.get_docstring(tree) else ["the module"]
    todo: list[tuple[str, ast.stmt]] = [("", node) for node in tree.body]
    while todo:
        prefix, node = todo.pop(0)
        match node:
            case ast.If(body=body, orelse=orelse) | ast.Try(body=body, orelse=orelse):
                todo = [*((prefix, inner) for inner in (*body, *orelse)), *todo]
            case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                name = node.name
                marks = {ast.unparse(mark).rpartition(".")[2] for mark in node.decorator_list}
                if name.startswith("_") or marks & {"overload", "override", "setter", "deleter"}:
                    continue
                if not ast.get_docstring(node):
                    missing.append(f"{prefix}{name}")
                if isinstance(node, ast.ClassDef):
                    todo = [*((f"{prefix}{name}.", inner) for inner in node.body), *todo]
    return missing


@pytest.mark.parametrize(
    "path", [path for path in modules() if room_of(path) not in CLI_ROOMS], ids=shown
)
def test_everything_public_has_a_docstring(path: Path) -> None:
    assert not undocumented(ast.parse(path.read_bytes()))


def test_a_missing_docstring_is_found_at_every_depth() -> None:
    code = """
def _private(): ...
def first(): ...
async def second(): ...
class Third:
    def __len__(self): ...
    def method(self): ...
    @overload
    def told(self): ...
    @property
    def shown(self): ...
if sys.version_info > (3, 12):
    def fourth(): ...
"""
    assert undocumented(ast.parse(code)) == [
        *("the module", "first", "second", "Third", "Third.method", "Third.shown", "fourth")
    ]


def test_the_project_speaks_of_itself_alone() -> None:
    found = []
    for path in project_files():
        text = f"{shown(path)}\n{path.read_bytes().decode('utf-8', 'replace')}"
        found += [f"{shown(path)}: {match[0]}" for match in FOREIGN.finditer(text)]
    assert not found


@pytest.mark.parametrize(
    "text", ["/" + "work/main", "by Cl" + "aude", "https://pypi" + ".org/simple", "/" + "home/x/y"]
)
def test_a_foreign_word_is_found(text: str) -> None:
    assert FOREIGN.search(text)


def bare_exemptions(code: str) -> list[int]:
    tokens = tokenize.generate_tokens(io.StringIO(code).readline)
    return [
        token.start[0]
        for token in tokens
        if token.type == tokenize.COMMENT and BARE_EXEMPTION.search(token.string)
    ]


@pytest.mark.parametrize("path", python_files(), ids=shown)
def test_no_exemption_from_a_check_is_without_its_code(path: Path) -> None:
    assert not bare_exemptions(path.read_text("utf-8"))


def test_a_bare_exemption_is_told_from_one_with_a_code() -> None:
    mark = "# "
    with_code = f"a = 1  {mark}type: ignore[arg-type]\nb = 2  {mark}noqa: S101\n"
    bare = f"a = 1  {mark}type: ignore\nb = 2  {mark}noqa\nc = '{mark}noqa'\n"
    bare += f"{mark}mypy: ignore-errors\n"
    assert bare_exemptions(with_code) == []
    assert bare_exemptions(bare) == [1, 2, 4]


DOORS = sorted(
    module_of(path)
    for path in modules()
    if path.name == "__init__.py" and "._" not in module_of(path) and ".cli" not in module_of(path)
)


@pytest.mark.parametrize("name", DOORS)
def test_every_name_of_a_door_is_there_and_no_other(name: str) -> None:
    door = importlib.import_module(name)
    assert door.__all__, "The door offers no names."
    assert len(set(door.__all__)) == len(door.__all__)
    assert [each for each in door.__all__ if not hasattr(door, each)] == []
    assert set(door.__all__) <= set(dir(door))
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        door.nothing  # noqa: B018


@pytest.mark.parametrize("name", DOORS)
def test_the_names_of_a_door_for_type_checkers_are_those_at_run_time(name: str) -> None:
    door = importlib.import_module(name)
    tree = ast.parse(Path(str(door.__file__)).read_text(encoding="utf-8"))
    declared = {
        alias.asname
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("coronapas.")
        for alias in node.names
    }
    assert declared == set(door.__all__)


def test_importing_the_package_loads_no_extra() -> None:
    extras = {"click", "rich", "segno", "zxingcpp", "PIL", "pycose", "pyarrow", "jsonschema"}
    code = "import sys, coronapas; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert set(run.stdout.split()) & extras == set()


def run_where_data_is_absent(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Two tests that need the public data, run with this project's conftest in another place."""
    tests = folder / "project" / "tests"
    tests.mkdir(parents=True)
    shutil.copy(PROJECT / "tests" / "conftest.py", tests)
    (tests / "test_it.py").write_text("def test_a(official): ...\ndef test_b(official): ...\n")
    unset = {"CORONAPAS_OFFICIAL", "PYTEST_ADDOPTS"}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", "1", "-p", "no:cacheprovider", tests],
        cwd=folder / "project",
        env={key: value for key, value in os.environ.items() if key not in unset} | environment,
        capture_output=True,
        check=False,
        text=True,
    )


def test_a_run_without_public_data_says_how_many_tests_it_left_out(tmp_path: Path) -> None:
    run = run_where_data_is_absent(tmp_path)
    assert run.returncode == 0
    assert "2 tests were not run" in run.stdout
    assert "eu-digital-green-certificates/dgc-testdata" in run.stdout


def test_public_data_that_was_promised_and_is_absent_fails_the_run(tmp_path: Path) -> None:
    run = run_where_data_is_absent(tmp_path, CORONAPAS_OFFICIAL=str(tmp_path / "none"))
    assert run.returncode == 1
    assert "names a folder that does not exist" in run.stdout


@cache
def imports_between_modules() -> dict[str, frozenset[str]]:
    """Which modules each module imports, anywhere in it, imports for type checkers included."""
    names = {module_of(path) for path in modules()}
    found = {}
    for path in modules():
        package = package_of(path)
        targets = set()
        for _, name in imported(ast.parse(path.read_bytes()), package):
            target = name if name in names else name.rpartition(".")[0]
            if target in names:
                targets.add(target)
        found[module_of(path)] = frozenset(targets - {module_of(path)})
    return found


def circles(graph: dict[str, frozenset[str]]) -> list[list[str]]:
    """The groups of modules that import each other, directly or by way of others (Tarjan, 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for target in graph[node]:
            if target not in index:
                visit(target)
                low[node] = min(low[node], low[target])
            elif target in stack:
                low[node] = min(low[node], index[target])
        if low[node] == index[node]:
            group = [stack.pop()]
            while group[-1] != node:
                group.append(stack.pop())
            if len(group) > 1:
                found.append(sorted(group))

    for node in graph:
        if node not in index:
            visit(node)
    return found


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert circles(imports_between_modules()) == []


def test_a_circle_is_found() -> None:
    graph = {"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": set[str]()}
    assert circles({name: frozenset(to) for name, to in graph.items()}) == [["a", "b", "c"]]


def test_no_two_test_modules_share_a_basename() -> None:
    # pytest imports test modules by their basename alone, and takes one for the other.
    names = [path.name for path in (PROJECT / "tests").rglob("test_*.py")]
    assert sorted(names) == sorted(set(names))


def test_the_public_names_and_rooms_are_listed() -> None:
    package = importlib.import_module("coronapas")
    assert {*package.__all__, "rules", "programmes"} <= set(dir(package))
