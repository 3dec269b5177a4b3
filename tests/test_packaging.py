"""What is published: wheel and sdist, the same bytes each time; dependencies and licences."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path
from typing import Any, Final

import pytest

PROJECT: Final = Path(__file__).resolve().parent.parent
SOURCE: Final = PROJECT / "src" / "coronapas"
PUBLISHED: Final = ("cli", "qr", "paper", "pycose", "hsm", "bulk", "ray", "spark", "services")


def build(into: Path) -> dict[str, bytes]:
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "1640995200"}
    command = [sys.executable, "-m", "hatchling", "build", "--directory", str(into)]
    run = subprocess.run(
        command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    return {path.name: path.read_bytes() for path in sorted(into.iterdir()) if path.is_file()}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    first = build(tmp_path_factory.mktemp("first"))
    assert first == build(tmp_path_factory.mktemp("second"))
    return first


def test_the_same_source_gives_the_same_bytes(built: dict[str, bytes]) -> None:
    assert [Path(name).suffix for name in built] == [".whl", ".gz"]


def test_the_wheel_holds_the_package_and_nothing_else(
    built: dict[str, bytes], tmp_path: Path
) -> None:
    name = next(name for name in built if name.endswith(".whl"))
    path = tmp_path / name
    path.write_bytes(built[name])
    names = set(zipfile.ZipFile(path).namelist())
    package = {each for each in names if each.startswith("coronapas/")}
    information = {each for each in names if re.match(r"coronapas-[\d.]+\.dist-info/", each)}
    assert names == package | information
    assert {each.rpartition("/")[2] for each in information} == {
        "METADATA", "WHEEL", "RECORD", "entry_points.txt", "LICENSE",
    }  # fmt: skip
    tracked = {
        f"coronapas/{file.relative_to(SOURCE).as_posix()}"
        for file in SOURCE.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    schemas = {f"coronapas/_schemas/{file.name}" for file in (PROJECT / "schemas").glob("*.json")}
    assert package == tracked | schemas


def test_the_sdist_holds_what_the_tests_need_and_no_secrets(
    built: dict[str, bytes], tmp_path: Path
) -> None:
    name = next(name for name in built if name.endswith(".gz"))
    path = tmp_path / name
    path.write_bytes(built[name])
    with tarfile.open(path) as archive:
        names = {member.name.partition("/")[2] for member in archive.getmembers()}
    tops = {each.partition("/")[0] for each in names}
    folders = {"src", "tests", "testdata", "schemas", "fuzz", "mutants"}
    assert tops >= folders | {"LICENSE", "pyproject.toml"}
    assert not {each for each in tops if each.startswith(".") and each != ".gitignore"}
    # The keys of the test vectors are public, and say so.
    keys = {each for each in names if each.endswith(".key.pem")}
    assert all(each.startswith("testdata/keys/") for each in keys)


def requirements() -> dict[str, str]:
    """Each published dependency, with its extra."""
    project: dict[str, Any] = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    listed = [("always", each) for each in project["dependencies"]]
    listed += [
        (extra, each) for extra in PUBLISHED for each in project["optional-dependencies"][extra]
    ]
    named = ((extra, re.match(r"[\w.-]+", each)) for extra, each in listed)
    return {name[0]: extra for extra, name in named if name and name[0] != "coronapas"}


def test_every_dependency_is_documented_with_its_licence() -> None:
    text = (PROJECT / "docs" / "explanation" / "dependencies.md").read_text("utf-8")
    rows = re.findall(r"^\| `([\w-]+)` \| ([^|]+) \|[^|]+\| ([^|]+) \|$", text, re.MULTILINE)
    documented = {
        name: "always" if extra.startswith("always") else extra.strip("`")
        for name, extra, licence in rows
        if licence
    }
    assert documented == requirements()


def test_the_readme_names_every_extra_and_its_packages() -> None:
    text = (PROJECT / "README.md").read_text("utf-8")
    rows = re.findall(r"^\| (none|`[^|]+`) \|[^|]+\| ([^|]+) \|$", text, re.MULTILINE)
    extras = [name for cell, _ in rows for name in re.findall(r"`([\w-]+)`", cell)]
    assert sorted(extras) == sorted(PUBLISHED)
    words = " ".join(packages for _, packages in rows).replace(";", ",")
    named = set(re.split(r"[, ]+", words)) - {"those", "of", "and", "`qr`", "`paper`", ""}
    assert named == set(requirements()) - {"tzdata"}


def test_every_dependency_has_a_lower_bound() -> None:
    project: dict[str, Any] = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    listed = [*project["dependencies"]]
    for extra in (*PUBLISHED, "test"):
        listed += project["optional-dependencies"][extra]
    unbound = [
        each for each in listed if ">=" not in each and not each.startswith(("coronapas", "tzdata"))
    ]
    assert unbound == []


def test_the_lock_names_the_hashes_of_every_package() -> None:
    text = (PROJECT / "requirements" / "dev.txt").read_text("utf-8")
    packages = re.split(r"\n(?=\S)", text.strip())
    assert len(packages) > 40
    assert [each.split()[0] for each in packages if "--hash=sha256:" not in each] == []
    assert "://" not in text
    locked = {re.split(r"[=\[ ]", each)[0] for each in packages}
    published = {name for name, extra in requirements().items() if extra not in ("ray", "spark")}
    assert published <= locked
