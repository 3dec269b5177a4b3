"""Every code that the source can give, found in the source itself."""

from __future__ import annotations

import ast
import json
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from coronapas.rules import _model
from coronapas.verify._result import CHECKS

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCE: Final = Path(__file__).resolve().parent.parent / "src" / "coronapas"

CODE: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*\.[a-z][a-z0-9]*(-[a-z0-9]+)*")

LAST: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")

# Texts that have the form of a code and are something else: modules, places in a pass, the names
# of members of an archive, paths of input fields.
NOT_CODES: Final = frozenset(
    """
    coronapas.catalogue coronapas.dcc coronapas.presentation coronapas.programmes coronapas.rules
    coronapas.wallets
    payload.v payload.dob kid.lst chunk.lst addresses.csv manifest.jsonl
    vaccination.date vaccination.disease vaccination.doses vaccination.product vaccination.country
    vaccination.vaccine vaccination.manufacturer
    test.disease test.kind test.name test.device test.result test.centre test.country
    recovery.disease recovery.country signer.certificate
    dose.authority dose.batch dose.product traveller.name traveller.nationality traveller.sex
    """.split()  # noqa: SIM905 - forty quoted names would be harder to read
)

# Constructors and helpers whose arguments make a code: the place of the code's last part, and what
# stands before the dot (a text, or the place of an argument with that text).
MAKERS: Final[dict[str, tuple[int, str | int]]] = {
    "DecodeError": (1, 0),
    "ScanError": (0, "qr"),
    "TrustListError": (1, "trust"),
    "TrustStoreError": (0, "store"),
    "RevocationListError": (1, "list"),
    "CmsError": (0, "cms"),
    "LinkError": (0, "link"),
}
# Helpers of single modules, by the module's path or folder.
HELPERS: Final[dict[tuple[str, str], tuple[int, str | int]]] = {
    ("_json.py", "note"): (1, "json"),
    ("programmes/_rows.py", "note"): (1, "json"),
    ("presentation/_qr.py", "_fault"): (1, 0),
    ("presentation/_paper.py", "_fault"): (1, "paper"),
    ("cli/_passes.py", "_without"): (1, "input"),
    ("revocation/_lists/distribution.py", "_fault"): (0, "list"),
    ("trust/", "error"): (0, "trust"),
}
# Codes of one word: the callables that take them, the place, and the modules.
WORDS: Final = {
    ("programmes/", "Reason"): 0,
    ("programmes/", "_said"): 0,
    ("programmes/_lint.py", "Finding"): 0,
}
ENUMERATIONS: Final = {
    "verify/_result.py": ("Outcome",),
    "rules/_verdict.py": ("Outcome",),
    "revocation/_hashes.py": ("RevocationOutcome",),
    "programmes/_plan.py": ("Status",),
}
# Codes that are put together in an f-string: the templates in the source, and what they give.
COMPOSED: Final[dict[str, tuple[str, ...]]] = {
    "paper.{}": (),  # by `_fault`
    "json.{}": (),  # by `note`
    "cose.{}": (),
    "uvci.{}": ("uvci.issuer", "uvci.vaccine", "uvci.opaque"),
    "{}.missing": ("vaccine.missing", "manufacturer.missing"),
    "{}.not-of-product": ("vaccine.not-of-product", "manufacturer.not-of-product"),
    "rule.{}": (),  # by `members`
    "logic.{}": ("logic.unreachable", "logic.contradiction", "logic.always"),
    "passes.{}": (),  # a place, not a code
    "{}.ok": (),  # by `verifications`
    "{}.skipped": (),
    "trust.{}": (),
    "list.{}": (),
    "store.{}": (),
    "cms.{}": (),
    "link.{}": (),
}


@cache
def tree_of(path: Path) -> ast.Module:
    """The tree of a module, parsed once for all tests that read the source."""
    return ast.parse(path.read_bytes())


@cache
def nodes_of(tree: ast.Module) -> tuple[ast.AST, ...]:
    """Every node of a module, in one walk: many questions are asked of each module."""
    return tuple(ast.walk(tree))


def text_of(node: ast.AST | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def modules() -> Iterator[tuple[str, ast.Module]]:
    """Yield every module but the catalogue itself and the bridge to another package."""
    for path in sorted(SOURCE.rglob("*.py")):
        name = path.relative_to(SOURCE).as_posix()
        if not name.startswith("catalogue/") and name != "pycose_bridge.py":
            yield name, tree_of(path)


def calls(tree: ast.Module) -> Iterator[tuple[str, list[ast.expr]]]:
    for node in nodes_of(tree):
        if isinstance(node, ast.Call):
            function = node.func
            name = function.attr if isinstance(function, ast.Attribute) else ""
            name = function.id if isinstance(function, ast.Name) else name
            yield name, node.args


def texts_of(node: ast.expr) -> Iterator[str]:
    """Yield a text, or both of a choice between two."""
    if (text := text_of(node)) is not None:
        yield text
    elif isinstance(node, ast.IfExp):
        yield from texts_of(node.body)
        yield from texts_of(node.orelse)


def literal_codes() -> Iterator[str]:
    for name, tree in modules():
        if name.startswith("cli/"):
            continue
        for node in nodes_of(tree):
            text = text_of(node)
            if text is not None and CODE.fullmatch(text):
                yield text


def outcomes_of_commands() -> Iterator[str]:
    """Yield the outcomes that the command line adds: constants in capitals."""
    for node in nodes_of(tree_of(SOURCE / "cli" / "_decide.py")):
        if isinstance(node, ast.AnnAssign) and (value := text_of(node.value)) and value.isupper():
            yield value


def checks_of_commands() -> Iterator[str]:
    """Yield the codes of the checks and faults that the command line makes itself."""
    for name, tree in modules():
        if name.startswith("cli/"):
            for called, arguments in calls(tree):
                place = {"Check": 2, "Fault": 1}.get(called, len(arguments))
                if len(arguments) > place and (code := text_of(arguments[place])):
                    yield code


def made_codes() -> Iterator[str]:
    for path, tree in modules():
        helpers = {
            name: how for (place, name), how in HELPERS.items() if path.startswith(place)
        } | MAKERS
        for name, arguments in calls(tree):
            if name not in helpers:
                continue
            place, before = helpers[name]
            if len(arguments) <= place:
                continue
            for last in texts_of(arguments[place]):
                first = text_of(arguments[before]) if isinstance(before, int) else before
                if first is None and name == "DecodeError":
                    # `cbor` and `cwt` name their layer by an argument whose default is the layer.
                    first = Path(path).stem.lstrip("_")
                if first is not None and LAST.fullmatch(last):
                    yield f"{first}.{last}"


def assigned_codes() -> Iterator[str]:
    """Yield the last parts that a module chooses before it makes its error."""
    for path, tree in modules():
        if not path.startswith(("trust/", "revocation/")):
            continue
        for node in nodes_of(tree):
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.IfExp):
                target = node.targets[0]
                if isinstance(target, ast.Name) and target.id == "code":
                    first = "trust" if path.startswith("trust/") else "list"
                    for last in filter(LAST.fullmatch, texts_of(node.value)):
                        yield f"{first}.{last}"


def cbor_codes() -> Iterator[str]:
    """Yield the codes in the tuples of the CBOR reader's table of reasons."""
    for node in nodes_of(tree_of(SOURCE / "hcert" / "_cbor.py")):
        if isinstance(node, ast.FunctionDef) and node.name == "_reason":
            for each in ast.walk(node):
                if isinstance(each, ast.Tuple) and each.elts and (code := text_of(each.elts[0])):
                    yield f"cbor.{code}"


def rule_members() -> Iterator[str]:
    """Yield the codes of the members of a rule, which `_snake` makes of their names."""
    for name, arguments in calls(tree_of(SOURCE / "rules" / "_model.py")):
        if name in ("take", "optional") and arguments and (member := text_of(arguments[0])):
            yield f"rule.{_model._snake(member)}"


def listed_rule_members() -> Iterator[str]:
    """Yield those of the members that are taken in a loop: texts in capitals and small letters."""
    for node in nodes_of(tree_of(SOURCE / "rules" / "_model.py")):
        if isinstance(node, ast.comprehension) and isinstance(node.iter, ast.Tuple):
            yield from (
                f"rule.{_model._snake(text)}" for each in node.iter.elts if (text := text_of(each))
            )


def sizes() -> Iterator[str]:
    """Yield the codes of the sizes of a QR code that must be above zero."""
    for name, arguments in calls(tree_of(SOURCE / "presentation" / "_qr.py")):
        if name == "_positive" and arguments and (size := text_of(arguments[0])):
            yield f"{size}.out-of-range"


def statuses() -> Iterator[str]:
    """Yield the words by which the bundled programmes limit a product."""
    for path in (SOURCE / "programmes" / "data").glob("*.json"):
        for limit in json.loads(path.read_bytes()).get("schedule", {}).get("limits", ()):
            yield limit["status"]


def check_codes() -> Iterator[str]:
    """Yield ``….ok`` and ``….skipped`` of every check."""
    for check in CHECKS:
        word = check.split()[-1]
        yield f"{word}.ok"
        yield f"{word}.skipped"


def words() -> Iterator[str]:
    for path, tree in modules():
        for name, arguments in calls(tree):
            for (folder, maker), place in WORDS.items():
                if path.startswith(folder) and name == maker and len(arguments) > place:
                    yield from texts_of(arguments[place])
        for node in nodes_of(tree):
            if isinstance(node, ast.ClassDef) and node.name in ENUMERATIONS.get(path, ()):
                for line in node.body:
                    if isinstance(line, ast.Assign) and (value := text_of(line.value)):
                        yield value


def templates() -> Iterator[tuple[str, str]]:
    """Yield each f-string of the form of a code, with ``{}`` for what is filled in."""
    form = re.compile(r"(?=.*[a-z])([a-z0-9-]+|\{\})\.([a-z0-9-]+|\{\})")
    for path, tree in modules():
        for node in nodes_of(tree):
            if isinstance(node, ast.JoinedStr):
                text = "".join(text_of(part) or "{}" for part in node.values)
                if form.fullmatch(text):
                    yield path, text


@cache
def all_codes() -> frozenset[str]:
    """Return every code: of checks, deviations, faults, errors, findings, answers and reasons."""
    found = {
        *literal_codes(),
        *made_codes(),
        *assigned_codes(),
        *cbor_codes(),
        *rule_members(),
        *listed_rule_members(),
        *sizes(),
        *statuses(),
        *check_codes(),
        *checks_of_commands(),
        *outcomes_of_commands(),
        *words(),
    }
    found.update(code for codes in COMPOSED.values() for code in codes)
    return frozenset(found - NOT_CODES)
