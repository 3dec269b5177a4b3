"""Which paths of the data an expression reads (CertLogic 1.3.3; “AffectedFields” of a rule)."""

from __future__ import annotations

from typing import Final

from coronapas.certlogic.expressions import Expr, Reduce, Var, children
from coronapas.certlogic.parsing import as_expression

_PAYLOAD: Final = "payload."
_OUTER: Final = "data."


def data_accesses(expression: object) -> tuple[str, ...]:
    """Every path that the expression (a tree, or its JSON) can read from its data, sorted.

    In the lambda of a `reduce` only what it reads through `data` counts: `current` and
    `accumulator` come from the operand and the initial value, which are counted where they stand.
    """
    paths: set[str] = set()
    # Each node with the number of lambdas around it: `data.` leads out of one.
    stack: list[tuple[Expr, int]] = [(as_expression(expression), 0)]
    while stack:
        expr, lambdas = stack.pop()
        if isinstance(expr, Var):
            path = _outside(expr.path, lambdas)
            if path is not None:
                paths.add(path)
        elif isinstance(expr, Reduce):
            stack += ((expr.operand, lambdas), (expr.initial, lambdas), (expr.lambda_, lambdas + 1))
        else:
            stack.extend((child, lambdas) for child in children(expr))
    return tuple(sorted(paths))


def _outside(path: str, lambdas: int) -> str | None:
    """A path as it reads outside of the lambdas around it; None when it stays within."""
    for _ in range(lambdas):
        if path in ("", "data"):
            return ""
        if not path.startswith(_OUTER):
            return None
        path = path.removeprefix(_OUTER)
    return path


def affected_fields(expression: object) -> tuple[str, ...]:
    """The paths under ``payload.`` that the expression (a tree, or its JSON) reads, sorted.

    Without the ``payload.`` before them, each path as the expression spells it: ``v.0.dn`` does not
    bring ``v.0`` with it. This is what the gateway asks of a rule's `AffectedFields`.
    """
    return tuple(
        path.removeprefix(_PAYLOAD)
        for path in data_accesses(expression)
        if path.startswith(_PAYLOAD)
    )
