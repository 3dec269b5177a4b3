"""Parts of an expression that can never matter: unreachable branches, bounds that contradict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from coronapas.certlogic import to_text
from coronapas.certlogic.expressions import (
    And,
    CompareDateTimes,
    CompareIntegers,
    If,
    Reduce,
    children,
)
from coronapas.rules.facts import Budget, Facts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from coronapas.certlogic import Expr


@dataclass(frozen=True, slots=True)
class DeadEnd:
    """One of them. `code` is ``unreachable``, ``contradiction`` or ``always``.

    `part` is the branch that is never taken, the ``and`` or comparison that never holds, or the
    comparison that always does where it stands; `text` shows it in the notation of the language.
    """

    code: str
    part: Expr

    @property
    def text(self) -> str:
        """The part in the notation of `certlogic.to_text`, in one line, cut to 200 characters."""
        shown = " ".join(to_text(self.part).split())
        return shown if len(shown) <= 200 else f"{shown[:199]}…"


def dead_ends(expr: Expr) -> tuple[DeadEnd, ...]:
    """What is proved to be one, in the order of the expression; each holds for all data."""
    return tuple(dict.fromkeys(_search(expr, Facts(Budget()))))


def _search(expr: Expr, facts: Facts) -> Iterator[DeadEnd]:
    match expr:
        case If(guard, then, otherwise):
            yield from _search(guard, facts)
            for branch, holds in ((then, True), (otherwise, False)):
                there = facts.assume(guard, holds)
                if there is None:
                    yield DeadEnd("unreachable", branch)
                else:
                    yield from _search(branch, there)
        case And(operands):
            there = facts
            for operand in operands:
                yield from _search(operand, there)
                further = there.assume(operand, True)
                if further is None:
                    if operand is not operands[0]:
                        yield DeadEnd("contradiction", expr)
                    return
                there = further
        case CompareIntegers() | CompareDateTimes():
            if facts.assume(expr, True) is None:
                yield DeadEnd("contradiction", expr)
            elif facts.assume(expr, False) is None:
                yield DeadEnd("always", expr)
            for operand in children(expr):
                yield from _search(operand, facts)
        case Reduce(operand, lambda_, initial):
            yield from _search(operand, facts)
            # A lambda has data of its own.
            yield from _search(lambda_, Facts(facts.budget))
            yield from _search(initial, facts)
        case _:
            for child in children(expr):
                yield from _search(child, facts)
