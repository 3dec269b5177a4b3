"""The tables of the documentation hold every name and code that the code has, and no other."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import coronapas
from coronapas.errors import CoronapasError
from coronapas.hcert import _cbor as cbor
from coronapas.hcert import _compression as compression
from coronapas.hcert._envelope import Limits
from coronapas.revocation import _documents as of_revocation
from coronapas.revocation import _reading as reading_revocation
from coronapas.revocation._hashes import SENTENCES
from coronapas.revocation._lists import distribution
from coronapas.tolerances import TOLERANCES
from coronapas.trust import _cms as cms
from coronapas.trust import _documents as of_trust
from coronapas.trust import _reading as reading_trust
from coronapas.trust._anchors import MAX_NAMESAKES
from coronapas.trust._list import MAX_ENTRIES
from coronapas.trust._lists import ec_zip
from coronapas.trust._x509 import MAX_CERTIFICATE_BYTES
from coronapas.verify._result import CHECKS

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT = Path(__file__).resolve().parent.parent
DOCS = PROJECT / "docs"
SOURCE = PROJECT / "src" / "coronapas"

ROW = re.compile(r"^\| (?P<names>`[^|]+`) \|(?P<rest>.*)\|$", re.MULTILINE)
CODE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*\.[a-z]+(-[a-z0-9]+)*")
ISSUING = (
    "issue.py",
    "dcc/_claims.py",
    "dcc/_scrutiny.py",
    "dcc/_chronology.py",
    "dcc/_names.py",
    "dcc/_uvci.py",
    "facts/_json.py",
    "facts/_records.py",
    "cli/_issue.py",
)
# Codes that are put together from a part's name.
COMPOSED = {
    "uvci.issuer",
    "uvci.vaccine",
    "uvci.opaque",
    "vaccine.missing",
    "vaccine.not-of-product",
    "manufacturer.missing",
    "manufacturer.not-of-product",
}


def rows(page: str) -> dict[str, str]:
    """The first cell of each table row, one code each, with the rest of the row."""
    text = (DOCS / page).read_text("utf-8")
    return {
        name: row["rest"].strip()
        for row in ROW.finditer(text)
        for name in re.findall(r"`([^`]+)`", row["names"])
        if CODE.fullmatch(name)
    }


def calls(path: Path) -> Iterator[tuple[str, list[str | None]]]:
    """Each call in a module: what is called, and its positional arguments where they are texts."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
            name = node.func.id if isinstance(node.func, ast.Name) else name
            yield name, [text_of(argument) for argument in node.args]


def text_of(node: ast.AST) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def texts(path: Path) -> set[str]:
    return {
        text for node in ast.walk(ast.parse(path.read_text("utf-8"))) if (text := text_of(node))
    }


def decode_codes() -> set[str]:
    """The codes of all DecodeErrors of the container's layers."""
    found = set()
    for path in (SOURCE / "hcert").glob("*.py"):
        for name, arguments in calls(path):
            if name == "DecodeError" and len(arguments) >= 2 and arguments[1] is not None:
                # `cbor` and `cwt` name their layer by an argument whose default is the layer.
                found.add(f"{arguments[0] or path.stem.lstrip('_')}.{arguments[1]}")
    reasons = next(
        node
        for node in ast.walk(ast.parse((SOURCE / "hcert" / "_cbor.py").read_text("utf-8")))
        if isinstance(node, ast.FunctionDef) and node.name == "_reason"
    )
    tuples = [node for node in ast.walk(reasons) if isinstance(node, ast.Tuple)]
    found |= {f"cbor.{code}" for node in tuples if node.elts and (code := text_of(node.elts[0]))}
    return found


def verifier_codes() -> set[str]:
    """The codes that the verifier itself gives, tolerances and fields apart."""
    words = {check.split()[-1] for check in CHECKS}
    found = {
        text
        for module in (
            "verify/_keyring.py",
            "verify/_keyring.py",
            "verify/_verifier.py",
            *(f"verify/_profiles/{name}.py" for name in ("eu", "icvp", "link")),
        )
        for text in texts(SOURCE / module)
        if CODE.fullmatch(text) and text.partition(".")[0] in words
    }
    return (found | set(SENTENCES)) - set(TOLERANCES) - {"revocation.ok"}


def public_errors() -> set[str]:
    """The errors that a caller may meet: those of the rooms' public names, and of `errors`."""
    found = set()
    for module in pkgutil.walk_packages(coronapas.__path__, "coronapas."):
        if "cli" in module.name or module.name.endswith("__main__"):
            continue
        room = importlib.import_module(module.name)
        offered = dir(room) if module.name == "coronapas.errors" else getattr(room, "__all__", ())
        for name in offered:
            value = getattr(room, name)
            if isinstance(value, type) and issubclass(value, CoronapasError):
                found.add(name)
    return found - {"CoronapasError"}


def fault_codes() -> set[str]:
    """The codes of all faults of facts, certificates and identifiers."""
    place = {"add": 1, "Fault": 1, "Misnumbering": 0}
    found = set(COMPOSED)
    for name in ISSUING:
        for called, arguments in calls(SOURCE / name):
            at = place.get(called)
            if at is not None and len(arguments) > at and (code := arguments[at]):
                found.add(code)
    return found


def bulk_codes() -> set[str]:
    """The codes of bulk work: of its error, and those of its rows alone."""
    return {
        text
        for path in (SOURCE / "bulk").glob("*.py")
        for text in texts(path)
        if CODE.fullmatch(text) and text.startswith(("bulk.", "record."))
    }


def test_every_tolerance_is_documented_as_it_is() -> None:
    documented = rows("how-to/tolerances.md")
    assert documented == {
        name: f"{row.forgives} | {row.seen} | {'yes' if row.granted_by_field else 'no'}"
        for name, row in TOLERANCES.items()
    }


def test_every_code_of_a_check_is_documented() -> None:
    documented = set(rows("explanation/checks.md"))
    assert documented == decode_codes() | verifier_codes()


def test_every_fault_of_issuing_is_documented() -> None:
    documented = set(rows("how-to/errors.md"))
    found = fault_codes()
    # Two stand in tuples that are handed on whole.
    held = {"name.letters-dropped", "name.truncated"}
    assert held <= texts(SOURCE / "dcc" / "_claims.py")
    assert documented == found | held | bulk_codes()


def test_every_public_error_is_documented() -> None:
    text = (DOCS / "how-to/errors.md").read_text("utf-8").partition("## ")[0]
    names = [name for row in ROW.finditer(text) for name in re.findall(r"`(\w+)`", row["names"])]
    assert len(set(names)) == len(names)
    assert set(names) == public_errors()


@pytest.mark.parametrize("code", ["signature.invalid", "base45.group-overflow", "cbor.too-deep"])
def test_the_codes_are_found_in_the_source(code: str) -> None:
    assert code in decode_codes() | verifier_codes()


def test_the_rows_of_a_table_are_read() -> None:
    assert rows("how-to/errors.md")["uvci.opaque"].startswith("a part has the wrong")
    assert "issue passes from a register" not in rows("index.md")


def mib(size: int) -> str:
    assert size % 1024**2 == 0
    return f"{size // 1024**2} MiB"


def test_the_limits_are_those_of_the_code() -> None:
    text = (DOCS / "explanation" / "hostile-input.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| ([^|]+) \| ([^|]+) \| [^|]+ \|$", text, re.MULTILINE))
    expected = {
        "length of the text": f"{Limits().text:,} characters, inclusive",
        "inflated body": f"{Limits().inflated:,} bytes, inclusive",
        "nesting of containers and tags": f"{cbor.MAX_DEPTH}",
        "size of a certificate": f"{MAX_CERTIFICATE_BYTES:,} bytes",
        "authorities with the same name that are tried for a certificate": f"{MAX_NAMESAKES}",
        "size of a trust list": (
            f"{mib(of_trust.MAX_BYTES)} (CBOR {mib(of_trust.MAX_CBOR_BYTES)}), "
            f"{of_trust.MAX_PARTS:,} parts of JSON or items of CBOR, {MAX_ENTRIES:,} entries, "
            "inclusive"
        ),
        "what an archive of trusted certificates unpacks to": (
            f"{mib(ec_zip.FREE)} and {ec_zip.MAX_RATIO} times its size, "
            f"{mib(ec_zip.MAX_UNPACKED_BYTES)} together, inclusive"
        ),
        "what an archive of revocation slices unpacks to": (
            f"{mib(distribution.FREE)} and {distribution.MAX_RATIO} times its size, "
            f"{mib(distribution.MAX_UNPACKED)} together, inclusive"
        ),
        "CMS message beside a list's file": f"{mib(cms.MAX_MESSAGE_BYTES)}, inclusive",
        "size of a revocation document": (
            f"{mib(of_revocation.MAX_BYTES)}, and parts of JSON by its size: one for every "
            f"{of_revocation.BYTES_A_PART} bytes beyond {of_revocation.FREE_PARTS:,}, "
            f"and {of_revocation.MAX_PARTS:,} at most"
        ),
        "files of a folder of trust lists, of revocation lists": (
            f"{reading_trust.MAX_FILES:,} with {mib(of_trust.MAX_BYTES)}; "
            f"{reading_revocation.MAX_FILES:,} with {mib(reading_revocation.MAX_TOTAL)}, inclusive"
        ),
    }
    assert {name: rows.get(name) for name in expected} == expected
    assert Limits().inflated == compression.MAX_INFLATED
    assert of_trust.MAX_CBOR_ITEMS == of_trust.MAX_PARTS
