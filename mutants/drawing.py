"""Which faults can be planted where, and which of them are drawn.

The faults are those of cosmic-ray, less the ones that every test or no test can notice, and one
more: a condition that never holds, which takes a guard away.
"""

from __future__ import annotations

import ast
import difflib
from functools import lru_cache
from itertools import islice
from random import Random
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROOMS: Final[dict[str, tuple[str, ...]]] = {
    "verify": ("verify",),
    "hcert": ("hcert",),
    "issue": ("issue.py", "reissue.py"),
    "trust": ("trust",),
    "revocation": ("revocation",),
    "rules": ("rules",),
    "programmes": ("programmes",),
}
"""The rooms in which faults are planted: folders and modules below ``src/coronapas``."""

_NEAR: Final = (
    *("Add_Sub", "Sub_Add", "Mul_FloorDiv", "Div_Mul", "FloorDiv_Mul", "Mod_FloorDiv", "Pow_Mul"),
    *("RShift_LShift", "LShift_RShift", "BitOr_BitAnd", "BitAnd_BitOr", "BitXor_BitOr"),
)
"""The binary operators are swapped for their neighbours: most others fail on any operand."""

_NEVER: Final = ("NoOp", "VariableReplacer", "VariableInserter")


class Mutant(NamedTuple):
    """A fault: the one line, or the few, that it changes in one module."""

    room: str
    path: str
    """The module, below ``src/coronapas``."""
    line: int
    """The first line that changes, from 1."""
    operator: str
    before: str
    """The changed lines as they are, each without its indentation."""
    after: str
    nth: int
    """Which of the equal lines of the module, from 0; indentation makes no difference."""
    code: str
    """The module with the fault."""

    @property
    def key(self) -> str:
        """What names this fault as long as its line stays the same."""
        return " | ".join((self.path, str(self.nth), self.before, self.after))


def lines_of(source: Path, room: str) -> int:
    """Return how many lines the modules of `room` have."""
    return sum(len(path.read_text("utf-8").splitlines()) for path in modules(source, room))


def modules(source: Path, room: str) -> list[Path]:
    """Return the modules of `room` below `source`, which is ``src/coronapas``."""
    found: list[Path] = []
    for name in ROOMS[room]:
        place = source / name
        found += sorted(place.rglob("*.py")) if place.is_dir() else [place]
    return found


def allotted(lines: dict[str, int], sample: int) -> dict[str, int]:
    """Share `sample` faults out over the rooms by their lines (largest remainders)."""
    total = sum(lines.values())
    shares = {room: sample * count / total for room, count in lines.items()}
    given = {room: int(share) for room, share in shares.items()}
    behind = sorted(shares, key=lambda room: given[room] - shares[room])
    for room in behind[: sample - sum(given.values())]:
        given[room] += 1
    return given


def draw(source: Path, room: str, number: int | None, seed: int) -> list[Mutant]:
    """Draw `number` faults of a room by `seed`; all of them where it is None.

    Lines are drawn, and one fault for each, so that a line of many operators counts once. A larger
    number of the same seed holds the smaller one.
    """
    planted = _all(source, room, Random(f"{seed} {room}"), once=number is not None)
    return list(islice(planted, number))


def _all(source: Path, room: str, random: Random, *, once: bool) -> Iterator[Mutant]:
    """Give the faults of `room` line by line, the lines in chance order; `once` is one a line."""
    from cosmic_ray.mutating import mutate_code

    texts = {path: path.read_text("utf-8") for path in modules(source, room)}
    meanings = {path: meaning(text) for path, text in texts.items()}
    operators = dict(_operators())
    places: dict[tuple[Path, int], list[tuple[str, int]]] = {}
    for path, text in texts.items():
        for name, operator in operators.items():
            for occurrence, line in enumerate(_lines(text, operator)):
                places.setdefault((path, line), []).append((name, occurrence))
    order = sorted(places)
    random.shuffle(order)
    for path, line in order:
        faults = sorted(places[path, line])
        random.shuffle(faults)
        for name, occurrence in faults:
            code = mutate_code(texts[path], operators[name], occurrence)
            if code is None or not differs(code, meanings[path]):
                continue
            where = path.relative_to(source).as_posix()
            yield _mutant(room, where, name, texts[path], code)
            if once:
                break


def _lines(text: str, operator: Any) -> list[int]:
    """Return the line of each place where `operator` can change `text`."""
    return [
        int(start[0]) for node in _nodes(text) for start, _ in operator.mutation_positions(node)
    ]


@lru_cache(maxsize=1)
def _nodes(text: str) -> list[Any]:
    from cosmic_ray.ast import ast_nodes, get_ast

    return list(ast_nodes(get_ast(text)))


def differs(code: str, plain: str) -> bool:
    """Whether `code` can be compiled, and does anything but what has the meaning `plain`."""
    try:
        return meaning(code) != plain
    except SyntaxError:
        return False


def _mutant(room: str, path: str, operator: str, text: str, code: str) -> Mutant:
    """Say which lines differ between `text` and `code`."""
    before, after = text.splitlines(), code.splitlines()
    for tag, first, last, begin, end in difflib.SequenceMatcher(
        None, before, after, autojunk=False
    ).get_opcodes():
        if tag != "equal":
            old = " ".join(line.strip() for line in before[first:last])
            new = " ".join(" ".join(after[begin:end]).split())
            nth = sum(line.strip() == before[first].strip() for line in before[:first])
            return Mutant(room, path, first + 1, operator, old, new, nth, code)
    raise ValueError("the codes are equal")


def _operators() -> Iterator[tuple[str, Any]]:
    """Give the operators by name: cosmic-ray's that fit, and our own."""
    from cosmic_ray.plugins import get_operator, operator_names

    for each in operator_names():
        name = each.removeprefix("core/")
        if name in _NEVER:
            continue
        kind, _, change = name.partition("_")
        if kind == "ReplaceBinaryOperator" and change not in _NEAR:
            continue
        # An identity compared with another kind of comparison raises, or is the same by chance.
        if kind == "ReplaceComparisonOperator" and ("Is" in change) != (
            change in ("Is_IsNot", "IsNot_Is")
        ):
            continue
        yield name, get_operator(each)()
    yield "RemoveGuard", RemoveGuard()


class RemoveGuard:
    """An operator of cosmic-ray's kind: the condition of an ``if`` never holds."""

    def mutation_positions(self, node: Any) -> Iterator[tuple[Any, Any]]:
        """Give where the condition of an ``if`` stands."""
        if node.type == "if_stmt":
            yield node.children[1].start_pos, node.children[1].end_pos

    def mutate(self, node: Any, index: int) -> Any:
        """Put False in the condition's place."""
        import parso

        node.children[1] = parso.parse(" False")
        return node


class _Meaning(ast.NodeTransformer):
    """Take away what no run of the code can show: annotations, and imports for types alone."""

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        node.annotation = ast.Constant(None)
        return self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST | None:
        names = [ast.unparse(each) for each in node.decorator_list]
        if "overload" in names:
            return None
        # A cache saves time, and changes no result.
        node.decorator_list = [
            each
            for each, name in zip(node.decorator_list, names, strict=True)
            if name.partition("(")[0] not in ("cache", "lru_cache")
        ]
        node.returns = None
        return self.generic_visit(node)

    def visit_If(self, node: ast.If) -> ast.AST | None:
        if "TYPE_CHECKING" in ast.unparse(node.test):
            return None
        # What is imported for types alone is nothing but a name here.
        if isinstance(node.test, ast.Constant) and all(
            isinstance(each, ast.ImportFrom | ast.Import) for each in node.body
        ):
            return None
        return self.generic_visit(node)


def meaning(code: str) -> str:
    """Return what is left of `code` when all is taken away that no run of it can show."""
    return ast.dump(_Meaning().visit(ast.parse(code)))
