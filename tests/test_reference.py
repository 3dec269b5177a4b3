"""The reference: every public name is on a page, and each page shows what a caller needs.

``make docs`` builds the pages and then has the tests marked ``site`` read them as a browser would:
what a template or an option leaves out is missing here too.
"""

from __future__ import annotations

import ast
import dataclasses
import enum
import importlib
import inspect
import re
from pathlib import Path
from types import ModuleType

import pytest

from codes_in_source import tree_of

PROJECT = Path(__file__).resolve().parent.parent
SOURCE = PROJECT / "src" / "coronapas"
PAGES = PROJECT / "docs" / "reference"

DIRECTIVE = re.compile(r"^::: (coronapas\S+)$", re.MULTILINE)
HEADING = re.compile(r'<h[1-6] id="(?P<id>[^"]+)" class="doc doc-heading"')


def public_modules() -> list[str]:
    """The rooms and top-level modules that callers import from, the command line apart."""
    names = {path.name.removesuffix(".py") for path in SOURCE.iterdir()}
    there = {
        name
        for name in names
        if (SOURCE / f"{name}.py").exists() or (SOURCE / name / "__init__.py").exists()
    }
    return sorted(name for name in there - {"cli"} if not name.startswith("_"))


def offered(module: ModuleType) -> list[str]:
    """The public names of a module: its `__all__`, or what it defines without an underscore."""
    if hasattr(module, "__all__"):
        return list(module.__all__)
    tree = ast.parse(Path(str(module.__file__)).read_text("utf-8"))
    names = []
    for node in tree.body:
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
                names.append(name)
            case ast.AnnAssign(target=ast.Name(id=name)):
                names.append(name)
            case ast.Assign(targets=[ast.Name(id=name)]):
                names.append(name)
    return [name for name in names if not name.startswith("_")]


def public_names() -> list[tuple[str, str]]:
    return [
        (module, name)
        for module in public_modules()
        for name in offered(importlib.import_module(f"coronapas.{module}"))
    ]


def page_of() -> dict[str, Path]:
    return {
        name.removeprefix("coronapas."): path
        for path in PAGES.glob("*.md")
        for name in DIRECTIVE.findall(path.read_text("utf-8"))
    }


def test_every_public_module_has_one_page() -> None:
    directives = [
        name for path in PAGES.glob("*.md") for name in DIRECTIVE.findall(path.read_text("utf-8"))
    ]
    assert sorted(directives) == [f"coronapas.{name}" for name in public_modules()]
    index = (PAGES / "index.md").read_text("utf-8")
    assert [name for name, path in page_of().items() if f"[{name}]({path.name})" not in index] == []


def sections(html: str) -> dict[str, str]:
    """What a built page says under each heading of the reference, up to the next one."""
    found = list(HEADING.finditer(html))
    ends = [*(match.start() for match in found), len(html)][1:]
    return {match["id"]: html[match.end() : end] for match, end in zip(found, ends, strict=True)}


@pytest.fixture(scope="module")
def built() -> dict[str, str]:
    """The sections of all reference pages, by the full name that each describes."""
    pages = list((PROJECT / "site" / "reference").glob("*.html"))
    assert pages, "The documentation is not built: `make docs` builds it and runs this test."
    found: dict[str, str] = {}
    for page in pages:
        found |= sections(page.read_text("utf-8"))
    return found


@pytest.mark.site
def test_every_public_name_is_on_a_page_and_no_private_one(built: dict[str, str]) -> None:
    names = {f"coronapas.{module}.{name}" for module, name in public_names()}
    assert len(names) > 200
    assert names - set(built) == set()
    assert [name for name in built if re.search(r"\._(?!_)", name)] == []
    modules = {f"coronapas.{name}" for name in public_modules()}
    doors = tuple(f"coronapas.{path.parent.name}." for path in SOURCE.glob("*/__init__.py"))
    shown = {name for name in built if name.startswith(doors) and name.count(".") == 2}
    strangers = shown - names - modules
    assert strangers == set(), "These are shown, and no door offers them."


def fields_of(value: type) -> set[str]:
    """The fields of a data class or named tuple and the members of an enumeration."""
    if issubclass(value, enum.Enum):
        return set(value.__members__)
    if dataclasses.is_dataclass(value):
        return {each.name for each in dataclasses.fields(value) if not each.name.startswith("_")}
    return set(getattr(value, "_fields", ()))


def parameters_of(value: type) -> set[str]:
    """The parameters of the constructor that Python makes for a data class or named tuple."""
    if dataclasses.is_dataclass(value) and value.__init__.__module__ == value.__module__:
        return {each.name for each in dataclasses.fields(value) if each.init and not each.kw_only}
    return set(getattr(value, "_fields", ()))


def signature_in(section: str) -> str:
    """The words of the first signature under a heading."""
    block = section.partition("doc-signature")[2].partition("</pre>")[0]
    return re.sub(r"<[^>]+>", "", block)


@pytest.mark.site
def test_the_constructor_of_a_data_class_shows_its_fields(built: dict[str, str]) -> None:
    lacking, seen = [], 0
    for module, name in public_names():
        value = getattr(importlib.import_module(f"coronapas.{module}"), name)
        if isinstance(value, type) and not issubclass(value, enum.Enum):
            seen += bool(parameters_of(value))
            shown = set(re.findall(r"\w+", signature_in(built[f"coronapas.{module}.{name}"])))
            lacking += [f"{module}.{name}: {each}" for each in parameters_of(value) - shown]
    assert lacking == []
    assert seen > 50


@pytest.mark.site
def test_every_public_class_shows_how_it_is_made_and_what_it_holds(built: dict[str, str]) -> None:
    bare, lacking = [], []
    for module, name in public_names():
        value = getattr(importlib.import_module(f"coronapas.{module}"), name)
        if not isinstance(value, type):
            continue
        path = f"coronapas.{module}.{name}"
        fields = fields_of(value)
        lacking += [f"{path}.{field}" for field in fields if f"{path}.{field}" not in built]
        # Nobody calls a protocol, and a typed dictionary is written as a dictionary.
        protocol = getattr(value, "_is_protocol", False) or hasattr(value, "__total__")
        members = [each for each in built if each.startswith(f"{path}.")]
        made = issubclass(value, enum.Enum) or protocol or "doc-signature" in built[path]
        if not made or not (members or "doc-signature" in built[path]):
            bare.append(path)
    assert (bare, lacking) == ([], [])


@pytest.mark.site
def test_every_public_function_shows_its_signature(built: dict[str, str]) -> None:
    functions = [
        f"coronapas.{module}.{name}"
        for module, name in public_names()
        if inspect.isfunction(getattr(importlib.import_module(f"coronapas.{module}"), name))
    ]
    assert len(functions) > 50
    assert [path for path in functions if "doc-signature" not in built[path]] == []


def test_the_sections_of_a_page_are_read() -> None:
    html = (
        '<h3 id="coronapas.a.B" class="doc doc-heading">B</h3><div class="doc-signature"></div>'
        '<h4 id="coronapas.a.B.c" class="doc doc-heading">c</h4><p>c</p><h2 id="other">d</h2>'
    )
    found = sections(html)
    assert list(found) == ["coronapas.a.B", "coronapas.a.B.c"]
    assert "doc-signature" in found["coronapas.a.B"]
    assert "doc-signature" not in found["coronapas.a.B.c"]


def fields_without_words() -> list[str]:
    """The public fields, of the classes that a door offers, of which no docstring says anything."""
    classes = {
        (value.__module__, value.__name__)
        for module, name in public_names()
        if isinstance(value := getattr(importlib.import_module(f"coronapas.{module}"), name), type)
    }
    found = []
    for path in SOURCE.rglob("*.py"):
        parts = ("coronapas", *path.relative_to(SOURCE).with_suffix("").parts)
        module = ".".join(parts).removesuffix(".__init__")
        for node in tree_of(path).body:
            if isinstance(node, ast.ClassDef) and (module, node.name) in classes:
                found += [f"{module}.{node.name}.{name}" for name in unsaid(node)]
    return found


def unsaid(node: ast.ClassDef) -> list[str]:
    """The fields of a class that neither a docstring of their own nor the class's names."""
    whole = ast.get_docstring(node) or ""
    found = []
    for statement, after in zip(node.body, [*node.body[1:], None], strict=True):
        match statement:
            case ast.AnnAssign(target=ast.Name(id=name), annotation=kind):
                pass
            case _:
                continue
        said = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
        shared = "ClassVar" in ast.unparse(kind)  # said where the protocol is
        if not (name.startswith("_") or said or shared or re.search(rf"\b{name}\b[`:]", whole)):
            found.append(name)
    return found


def test_every_field_has_words() -> None:
    assert fields_without_words() == []


def test_a_field_without_words_is_found() -> None:
    node = ast.parse(
        'class A:\n    """A: `b` is said."""\n    a: int\n    """Said."""\n    b: int\n    c: int\n'
    ).body[0]
    assert isinstance(node, ast.ClassDef)
    assert unsaid(node) == ["c"]
