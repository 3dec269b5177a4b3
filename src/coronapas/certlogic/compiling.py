"""From an expression to a Python function.

The code object comes from a syntax tree (`ast`), never from text: nothing of an expression, its
paths and strings included, is ever read as Python. The function gives what `evaluate` gives and
raises what it raises: it leaves for the interpreter wherever the data is not as expected (see
`generating`).
"""

from __future__ import annotations

import ast
import builtins
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Protocol

from coronapas.certlogic import syntax as py
from coronapas.certlogic.datetimes import Dates, Instant, add_months, to_datetime
from coronapas.certlogic.emitting import NotCompilableError, leave_statement
from coronapas.certlogic.errors import EvaluationError
from coronapas.certlogic.evaluating import evaluate
from coronapas.certlogic.expressions import size
from coronapas.certlogic.generating import generate
from coronapas.certlogic.parsing import as_expression
from coronapas.certlogic.values import PLAIN_KINDS, equal, member, present, uvci_fragment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from coronapas.certlogic.expressions import Expr

MAX_COMPILED_NODES: Final = 4096
"""Larger expressions are interpreted; the time to compile stays below a second."""


class CompiledExpression(Protocol):
    """What `compile` gives: a function of the data, and of the decision's `Dates` if there are."""

    def __call__(self, data: Any, dates: Dates | None = None) -> Any:
        """What `evaluate` gives and raises for the expression."""


def compile(expression: object) -> CompiledExpression:  # noqa: A001 - the language's own word for it
    """A function that evaluates an expression (a tree, or its JSON), faster than `evaluate`.

    What the generator does not take on (more than `MAX_COMPILED_NODES` nodes, `reduce` nested more
    than 8 deep) is interpreted by the function that comes back.

    Raises:
        InvalidExpressionError: the JSON is no expression.
        LimitError: it is beyond a bound of `coronapas.certlogic.bounds`.

    """
    expr = as_expression(expression)
    slow = _interpreter(expr)
    if size(expr) > MAX_COMPILED_NODES:
        return slow
    try:
        tree = syntax_tree(expr)
        code = builtins.compile(tree, "<certlogic>", "exec")
    except (NotCompilableError, RecursionError, MemoryError):
        return slow
    names: dict[str, Any] = {**_NAMES, "slow": slow}
    exec(code, names)  # noqa: S102 - a code object made from a tree of our own
    compiled: CompiledExpression = names["evaluate_compiled"]
    return compiled


def syntax_tree(expr: Expr) -> ast.Module:
    """The module that defines the function; `ast.unparse` shows it.

    Raises:
        NotCompilableError: the generator does not take the expression on.

    """
    body = [py.attempt(generate(expr), "SURPRISES", [leave_statement()])]
    return ast.Module([py.function("evaluate_compiled", ["data", "dates"], body)], [])


def _interpreter(expr: Expr) -> CompiledExpression:
    def slow(data: Any, dates: Dates | None = None) -> Any:
        return evaluate(expr, data, dates)

    return slow


_NAMES: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "__builtins__": {},
        "bool": bool,
        "int": int,
        "len": len,
        "list": list,
        "str": str,
        "type": type,
        "Dates": Dates,
        "Instant": Instant,
        "PLAIN_KINDS": PLAIN_KINDS,
        "SURPRISES": (AttributeError, TypeError, EvaluationError),
        "add_months": add_months,
        "equal": equal,
        "member": member,
        "present": present,
        "to_datetime": to_datetime,
        "uvci_fragment": uvci_fragment,
    }
)
"""All that the generated code can name."""
