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

from codes_in_source import tree_of

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT = Path(__file__).resolve().parent.parent
SOURCE = PROJECT / "src" / "coronapas"

# Low to high (docs/explanation/house.md); a room may import from itself and from those before it.
ROOMS = (
    "_version",
    "_lazy",
    "catalogue",
    "errors",
    "tolerances",
    "_time",
    "files",
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
    "gdhcn",
    "verify",
    "reissue",
    "live",
    "wallets",
    "certlogic",
    "rules",
    "bulk",
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
CLI_PACKAGES = {"click"}
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
    folders = ("src", "tests", "benchmarks", "fuzz", "mutants", "examples", "testdata")
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
        assert not wrong_imports(room_of(path), tree_of(path), package_of(path))


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
        ("facts", "from click.testing import CliRunner"),
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
        ("cli", "import click, coronapas\nfrom coronapas import Holder"),
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
    assert not undocumented(tree_of(path))


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
    if not BARE_EXEMPTION.search(code):
        return []
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
    extras = {
        "click",
        "segno",
        "zxingcpp",
        "PIL",
        "pypdfium2",
        "pycose",
        "pyarrow",
        "jsonschema",
        "pkcs11",
    }
    code = "import sys, coronapas; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert set(run.stdout.split()) & extras == set()


QUICK_PYTEST = (
    *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
    *("-p", "xdist", "-p", "_hypothesis_pytestplugin"),
)
"""pytest with the plugins that these runs need: to load the others takes most of their time."""


def quick_environment(unset: set[str], given: dict[str, str]) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if key not in unset}
    return kept | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"} | given


def run_where_data_is_absent(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Two tests that need the public data, run with this project's conftest in another place."""
    tests = folder / "project" / "tests"
    tests.mkdir(parents=True)
    shutil.copy(PROJECT / "tests" / "conftest.py", tests)
    (tests / "test_it.py").write_text("def test_a(official): ...\ndef test_b(official): ...\n")
    unset = {"CORONAPAS_OFFICIAL", "PYTEST_ADDOPTS"}
    return subprocess.run(
        [*QUICK_PYTEST, "-n", "1", tests],
        cwd=folder / "project",
        env=quick_environment(unset, environment),
        capture_output=True,
        check=False,
        text=True,
    )


def test_a_run_without_public_data_says_how_many_tests_it_left_out(tmp_path: Path) -> None:
    run = run_where_data_is_absent(tmp_path)
    assert run.returncode == 0
    assert "2 tests were not run" in run.stdout
    assert "eu-digital-green-certificates/dgc-testdata" in run.stdout


def run_project(
    folder: Path, tests: str, *options: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run `tests` with this project's conftest and options in another place."""
    (folder / "tests").mkdir(parents=True, exist_ok=True)
    shutil.copy(PROJECT / "tests" / "conftest.py", folder / "tests")
    shutil.copy(PROJECT / "pyproject.toml", folder)
    (folder / "tests" / "test_it.py").write_text(tests)
    unset = {"CORONAPAS_OFFICIAL", "CORONAPAS_EXAMPLES", "CI", "PYTEST_ADDOPTS"}
    return subprocess.run(
        [*QUICK_PYTEST, "-n", "0", *options],
        cwd=folder,
        env=quick_environment(unset, environment),
        capture_output=True,
        check=False,
        text=True,
    )


def test_skipped_tests_take_one_line_for_each_reason(tmp_path: Path) -> None:
    skipped = """
import pytest

@pytest.mark.parametrize("number", range(3))
def test_a(official, number): ...

@pytest.mark.parametrize("number", range(4))
def test_b(number):
    pytest.skip("there is no terminal")

@pytest.mark.skip(reason="there is no terminal")
def test_c(): ...
"""
    lines = run_project(tmp_path / "there", skipped).stdout.splitlines()
    assert "3 skipped: public test data is absent" in lines
    assert "5 skipped: there is no terminal" in lines
    assert sum("there is no terminal" in line for line in lines) == 1
    assert sum("public test data is absent" in line for line in lines) == 1
    assert any(line.startswith("3 tests were not run. Put copies") for line in lines)


DRAWING = """
from pathlib import Path
from hypothesis import given, strategies as st

@given(st.integers())
def test_drawing(number):
    with Path("drawn.txt").open("a") as file:
        print(number, file=file)
"""


def test_the_same_examples_are_drawn_on_every_run_with_and_without_ci(tmp_path: Path) -> None:
    drawn = []
    for name, environment in (("a", {}), ("b", {"CI": "true"}), ("b", {})):
        (tmp_path / name / "drawn.txt").unlink(missing_ok=True)
        assert run_project(tmp_path / name, DRAWING, **environment).returncode == 0
        drawn.append((tmp_path / name / "drawn.txt").read_text().splitlines())
    assert drawn[0] == drawn[1] == drawn[2]
    assert len(drawn[0]) == 30
    assert not (tmp_path / "a" / ".hypothesis" / "examples").exists()


def test_exploring_draws_new_examples_and_more(tmp_path: Path) -> None:
    for name in ("a", "b"):
        options = ("--hypothesis-profile=explore",)
        run = run_project(tmp_path / name, DRAWING, *options, CORONAPAS_EXAMPLES="100")
        assert run.returncode == 0
    first, second = ((tmp_path / name / "drawn.txt").read_text().splitlines() for name in "ab")
    assert len(first) == len(second) == 100
    assert first != second


def test_exploring_keeps_what_fails_and_says_how_to_make_it_a_test(tmp_path: Path) -> None:
    failing = """
from hypothesis import given, strategies as st

@given(st.integers(), st.text(), st.data())
def test_drawn(number, text, data):
    assert data.draw(st.integers()) < 40

@given(st.integers(), st.text())
def test_written(number, text):
    assert number < 40
"""
    run = run_project(tmp_path, failing, "--hypothesis-profile=explore", CORONAPAS_EXAMPLES="60")
    found = run.stdout.partition("FOUND BY EXPLORING")[2].splitlines()
    assert run.returncode == 1
    assert "    @example(number=40, text='')" in found
    assert sum("@example(" in line for line in found) == 1
    assert sum(line.startswith("    @reproduce_failure(") for line in found) == 2
    assert str(tmp_path / ".hypothesis" / "examples") in run.stdout
    assert any((tmp_path / ".hypothesis" / "examples").iterdir())


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
        for _, name in imported(tree_of(path), package):
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


def imports_inside_functions(tree: ast.AST) -> int:
    """How many import statements stand inside functions, at any depth."""
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    found = {
        node
        for function in ast.walk(tree)
        if isinstance(function, functions)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    return len(found)


def test_an_import_inside_a_function_is_counted_once() -> None:
    nested = "import a\ndef f():\n    import b\n    def g():\n        from c import d\n"
    assert imports_inside_functions(ast.parse(nested)) == 2


def single_importers(graph: dict[str, frozenset[str]], doors: set[str]) -> set[str]:
    """The modules that one other module imports, and that have no users besides it.

    A module that its door offers has users outside; one format of a list is a module of its own so
    that the next one can be added; the command line's modules are its commands.
    """
    return {
        name
        for name in graph
        if len(importers := {other for other, targets in graph.items() if name in targets}) == 1
        and not importers & doors
        and name not in doors
        and "._lists." not in name
        and room_of_name(name) not in CLI_ROOMS
    }


def room_of_name(name: str) -> str:
    return name.split(".")[1] if "." in name else "__init__"


def test_a_module_with_a_single_importer_is_found() -> None:
    graph = {
        "p": {"p._offered"},
        "p._offered": {"p._lonely", "p._shared", "p._lists.one"},
        "p._other": {"p._shared"},
        "p._lonely": set[str](),
        "p._shared": set[str](),
        "p._lists.one": set[str](),
    }
    frozen = {name: frozenset(to) for name, to in graph.items()}
    assert single_importers(frozen, {"p"}) == {"p._lonely"}


def is_private(name: str) -> bool:
    return any(part.startswith("_") and part != "__main__" for part in name.split("."))


def defined(tree: ast.Module) -> set[str]:
    """The names without an underscore that a module defines at its top."""
    names: set[str] = set()
    for node in tree.body:
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
                names.add(name)
            case ast.AsyncFunctionDef(name=name) | ast.AnnAssign(target=ast.Name(id=name)):
                names.add(name)
            case ast.Assign(targets=targets):
                names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return {name for name in names if not name.startswith("_")}


def test_the_names_that_a_module_defines_are_found() -> None:
    code = "A: Final = 1\nb = _c = 2\nclass D: ...\ndef e(): ...\ndef _f(): ...\nimport g\n"
    assert defined(ast.parse(code)) == {"A", "b", "D", "e"}


def unlisted_names() -> list[str]:
    """The public names of public modules that are not in the module's `__all__`."""
    found = []
    for path in modules():
        name = module_of(path)
        if is_private(name) or room_of(path) in CLI_ROOMS:
            continue
        listed = set(getattr(importlib.import_module(name), "__all__", ()))
        found += [f"{name}.{each}" for each in defined(tree_of(path)) - listed]
    return sorted(found)


@cache
def figures() -> dict[str, int]:
    trees = {path: tree_of(path) for path in modules()}
    lengths = [len(path.read_text("utf-8").splitlines()) for path in trees]
    graph = imports_between_modules()
    doors = {module_of(path) for path in trees if path.name == "__init__.py"}
    return {
        "modules": len(trees),
        "modules, those of `cli`, list formats and profiles apart": sum(
            not re.search(r"/(cli|_lists|_profiles)/", path.as_posix()) for path in trees
        ),
        "lines": sum(lengths),
        "lines of the longest module": max(lengths),
        "circles of imports, imports for type checkers included": len(circles(graph)),
        "imports inside functions, `cli` apart": sum(
            imports_inside_functions(tree)
            for path, tree in trees.items()
            if room_of(path) not in CLI_ROOMS
        ),
        "modules with a single importer": len(single_importers(graph, doors)),
        "public names that no `__all__` lists": len(unlisted_names()),
    }


def bounds() -> dict[str, int]:
    """The figures that docs/explanation/house.md promises, with their bounds."""
    text = (PROJECT / "docs" / "explanation" / "house.md").read_text("utf-8")
    rows = re.findall(r"^\| (.+?) \| (?:at most )?([\d,]+) \|$", text, re.MULTILINE)
    return {name: int(bound.replace(",", "")) for name, bound in rows}


@pytest.mark.parametrize("figure", bounds())
def test_the_figures_of_the_house_are_within_their_bounds(figure: str) -> None:
    assert figures()[figure] <= bounds()[figure]


def test_the_figures_of_the_house_are_those_documented() -> None:
    assert list(bounds()) == list(figures())
    assert bounds()["lines of the longest module"] == MAX_LINES


def test_the_rooms_and_their_order_are_those_documented() -> None:
    text = (PROJECT / "docs" / "explanation" / "house.md").read_text("utf-8")
    table = text.partition("## The order")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`[^|]+) \|", table, re.MULTILINE)
    documented = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    hidden = {"_version", "_lazy", "__main__"}
    named = [{"__init__": "coronapas"}.get(room, room) for room in ROOMS if room not in hidden]
    assert documented == named


def private_imports(tree: ast.AST, package: str, own: str) -> list[str]:
    """What a user of the doors imports from behind them, its own room's modules apart."""
    return [
        f"line {line}: {name}"
        for line, name in imported(tree, package)
        if name.split(".")[0] == "coronapas"
        and is_private(name.replace("__version__", ""))
        and not name.startswith(own)
    ]


@pytest.mark.parametrize(
    "path",
    sorted(
        path
        for folder in (SOURCE / "cli", PROJECT / "benchmarks", PROJECT / "examples")
        for path in folder.rglob("*.py")
    ),
    ids=shown,
)
def test_users_of_the_doors_import_nothing_from_behind_them(path: Path) -> None:
    package = package_of(path) if path.is_relative_to(SOURCE) else ""
    assert private_imports(tree_of(path), package, "coronapas.cli.") == []


@pytest.mark.parametrize(
    ("code", "count"),
    [
        ("from coronapas.trust import TrustStore", 0),
        ("from coronapas import __version__", 0),
        ("from coronapas.cli._output import fail", 0),
        ("from coronapas.trust import _store", 1),
        ("from coronapas.trust._lists import jwks", 1),
        ("import coronapas._json", 1),
        ("importlib.import_module('coronapas.trust._store')", 1),
    ],
)
def test_an_import_from_behind_a_door_is_found(code: str, count: int) -> None:
    assert len(private_imports(ast.parse(code), "", "coronapas.cli.")) == count


def test_no_two_test_modules_share_a_basename() -> None:
    # pytest imports test modules by their basename alone, and takes one for the other.
    names = [path.name for path in (PROJECT / "tests").rglob("test_*.py")]
    assert sorted(names) == sorted(set(names))


def test_the_public_names_and_rooms_are_listed() -> None:
    package = importlib.import_module("coronapas")
    assert {*package.__all__, "rules", "programmes"} <= set(dir(package))


# What public signatures mention. All of it is read from the source: many types are imported for
# type checkers alone, and some are only there where an extra is installed.

PUBLIC_MODULES = {
    "coronapas.files",
    "coronapas.errors",
    "coronapas.issue",
    "coronapas.keys",
    "coronapas.pycose_bridge",
    "coronapas.reissue",
    "coronapas.schemas",
    "coronapas.tolerances",
}


# Public modules that are yet to be moved behind a door, or away.
BESIDE_THE_DOORS: set[str] = set()


def test_every_public_module_is_a_door_or_one_of_a_few_and_lists_its_names() -> None:
    public = {
        module_of(path)
        for path in modules()
        if room_of(path) not in CLI_ROOMS and "._" not in module_of(path)
    }
    assert PUBLIC_MODULES | set(DOORS) <= public
    assert public - PUBLIC_MODULES - set(DOORS) == BESIDE_THE_DOORS
    listing = public - BESIDE_THE_DOORS
    assert [name for name in listing if not importlib.import_module(name).__all__] == []


def tree_of_module(module: str) -> ast.Module:
    path = SOURCE.parent.joinpath(*module.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return tree_of(file)


@cache
def bindings(module: str) -> dict[str, str | ast.AST]:
    """What each global name of a module is: a full name where it is imported, else its node."""
    found: dict[str, str | ast.AST] = {}
    for node in ast.walk(tree_of_module(module)):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                found.setdefault(alias.asname or alias.name, f"{node.module}.{alias.name}")
    for node in tree_of_module(module).body:
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
                found[name] = node
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                found[name] = node
    return found


def home(module: str, name: str) -> tuple[str, str] | None:
    """The module of the package that defines a name, and its name there; None if it is foreign."""
    bound = bindings(module).get(name)
    if bound is None:
        return None
    if isinstance(bound, ast.Assign) and isinstance(bound.value, ast.Name):
        return home(module, bound.value.id)  # another name for the same
    if not isinstance(bound, str):
        return module, name
    parent, _, last = bound.rpartition(".")
    return home(parent, last) if parent.partition(".")[0] == "coronapas" else None


@cache
def offered() -> frozenset[tuple[str, str]]:
    """Every name that a public module offers, by where it is defined."""
    places = set()
    for module in (*sorted(PUBLIC_MODULES), *DOORS):
        for name in importlib.import_module(module).__all__:
            place = home(module, name)
            if place is not None:
                places.add(place)
    return frozenset(places)


def annotations_of(node: ast.AST) -> Iterator[ast.expr]:
    """The annotations that a caller sees: of a function, or of a class's public members."""
    match node:
        case ast.FunctionDef(args=args, returns=returns):
            every = [*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg]
            yield from (arg.annotation for arg in every if arg and arg.annotation)
            if returns:
                yield returns
        case ast.AnnAssign(annotation=annotation):
            yield annotation
        case ast.ClassDef(body=body):
            for member in body:
                match member:
                    case ast.FunctionDef(name=name) | ast.AnnAssign(target=ast.Name(id=name)):
                        if name == "__init__" or not name.startswith("_"):
                            yield from annotations_of(member)


def unquoted(annotation: ast.expr) -> ast.expr:
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        return ast.parse(annotation.value, mode="eval").body
    return annotation


def mentioned(annotation: ast.expr, module: str) -> Iterator[tuple[str, str]]:
    """The names of the package in an annotation, by where they are defined; no type variables."""
    for node in ast.walk(unquoted(annotation)):
        place = None
        match node:
            case ast.Name(id=name):
                place = home(module, name)
            case ast.Attribute(value=ast.Name(id=name), attr=attribute):
                bound = bindings(module).get(name)
                if isinstance(bound, str) and bound.partition(".")[0] == "coronapas":
                    place = home(bound, attribute)
        if place is None:
            continue
        bound = bindings(place[0])[place[1]]
        if not (isinstance(bound, ast.Assign) and "TypeVar(" in ast.unparse(bound.value)):
            yield place


def hidden_types(places: frozenset[tuple[str, str]]) -> dict[tuple[str, str], list[str]]:
    """The types in signatures at these places that no door offers, and where they show."""
    found: dict[tuple[str, str], list[str]] = {}
    for module, name in sorted(places):
        bound = bindings(module)[name]
        assert isinstance(bound, ast.AST)
        for annotation in annotations_of(bound):
            for place in mentioned(annotation, module):
                if place not in places:
                    found.setdefault(place, []).append(f"{module}.{name}")
    return found


# Types that public signatures mention and no door offers yet. One that is offered must leave this.
NOT_OFFERED: set[str] = set()


def test_no_public_signature_mentions_a_type_that_no_door_offers() -> None:
    hidden = {
        f"{module}.{name}": where for (module, name), where in hidden_types(offered()).items()
    }
    assert {name: where for name, where in hidden.items() if name not in NOT_OFFERED} == {}
    assert NOT_OFFERED - set(hidden) == set(), "These are offered now; remove them from the list."


@pytest.mark.parametrize(
    ("code", "seen"),
    [
        ("def f(a: int, *b: Mine) -> 'Other | None': ...", {"Mine", "Other"}),
        (
            "class f:\n  def __init__(self, x: Mine): ...\n  def _y(self) -> Other: ...",
            {"Mine"},
        ),
        (
            "class f:\n  x: list[Mine]\n  _y: Other\n  @property\n  def z(self) -> Other: ...",
            {"Mine", "Other"},
        ),
        ("f: dict[str, Mine] = {}", {"Mine"}),
    ],
)
def test_a_type_is_found_wherever_a_signature_mentions_it(code: str, seen: set[str]) -> None:
    node = ast.parse(code).body[-1]
    names = {
        inner.id
        for annotation in annotations_of(node)
        for inner in ast.walk(unquoted(annotation))
        if isinstance(inner, ast.Name)
    }
    assert names & {"Mine", "Other"} == seen


def test_a_name_is_followed_to_where_it_is_defined() -> None:
    assert home("coronapas", "Verifier") == ("coronapas.verify._verifier", "Verifier")
    assert home("coronapas.hcert", "read_sign1") == ("coronapas.hcert._cose", "read")
    assert home("coronapas.keys", "Signer") == ("coronapas.signing._signer", "Signer")
    assert home("coronapas.keys", "datetime") is None


def test_no_example_imports_from_behind_a_door() -> None:
    behind = re.compile(
        r"^\s*(?:from|import) coronapas\S*\._.*|^\s*from coronapas\S* import _\w.*", re.M
    )
    pages = [PROJECT / "README.md", *sorted((PROJECT / "docs").rglob("*.md"))]
    found = {
        shown(page): [
            line
            for block in re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
            for line in behind.findall(block)
        ]
        for page in pages
    }
    assert {page for page, lines in found.items() if lines} == EXAMPLES_BEHIND_DOORS


# Pages whose examples still reach behind a door; one that no longer does must leave this.
EXAMPLES_BEHIND_DOORS: set[str] = set()
