"""The errors of CertLogic, and the bounds on expressions and on the work that they may ask for.

CertLogic 1.3.3 states none; without them a rule of a few kilobytes could exhaust the stack
(nesting) or run for years (`reduce` within `reduce`). The deepest public rule nests 8 levels.

The work of one evaluation is counted in steps, apart from visiting each value of the expression
once: a `reduce` costs the length of its operand times the number of values in its lambda (counted
as for `MAX_NODES`), an `in` costs the length of its array, and a UVCI longer than `LONG_UVCI`
costs a step for each `UVCI_STEP` characters, each time that it is evaluated. So an evaluation
visits at most `MAX_NODES` values and does at most `MAX_STEPS` further steps, whatever the
expression and the data. Of the hostile expressions and data of the tests, made to use the bounds
up, none took more than a tenth of a second to evaluate (Python 3.11 on a shared virtual core).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from coronapas.errors import CoronapasError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coronapas.certlogic._expressions import Expr

# The errors of the language.
#
# Every refusal is a `CertLogicError`. Its text names the operation and the kind of value that does
# not fit, and never the value: that may be the holder's.


class CertLogicError(CoronapasError, ValueError):
    """Base of everything that the language refuses; `code` is stable."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class ValidationError:
    """One fault: the JSON of the (sub-)expression that has it, and what is wrong with it.

    `to_json` is the shape of the official validation suite.
    """

    expr: Any = field(repr=False)
    """The JSON of the (sub-)expression."""
    message: str
    """What is wrong with it."""

    def to_json(self) -> dict[str, Any]:
        """Return ``{"expr": …, "message": …}``."""
        return {"expr": self.expr, "message": self.message}


class InvalidExpressionError(CertLogicError):
    """JSON that is not an expression; `issues` holds every fault, in the order of the JSON."""

    def __init__(self, issues: Sequence[ValidationError]) -> None:
        self.issues = tuple(issues)
        super().__init__("expression.invalid", "; ".join(issue.message for issue in self.issues))


class EvaluationError(CertLogicError):
    """An operation met a value that it is not defined on.

    `expr` is the operation that refused, where it is known.
    """

    def __init__(self, code: str, message: str, expr: Expr | None = None) -> None:
        super().__init__(code, message)
        self.expr = expr


class DateTimeError(EvaluationError):
    """A string that is not a date or date-time, or a date-time out of range."""


class LimitError(CertLogicError):
    """An expression, or the work that it asks for, beyond a limit."""


class NotationError(CertLogicError):
    """A text that is not in the notation of `to_text`; `position` counts characters from 0."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__("notation.invalid", f"at character {position}: {message}")
        self.position = position


MAX_DEPTH: Final = 100
"""The deepest nesting: an operation or an array is one level below what holds it."""

MAX_NODES: Final = 65_536
"""The most values in an expression: literals, arrays, operations, fragments of paths."""

MAX_STEPS: Final = 100_000
"""The most steps of one evaluation, as counted above."""

LONG_UVCI: Final = 128
"""The longest UVCI that costs no steps, in characters; passes allow 72."""

UVCI_STEP: Final = 16
"""The characters of a longer UVCI that make one step."""

MAX_INTEGER: Final = 2**53 - 1
"""The largest magnitude of a literal or a sum: what every JSON implementation holds exactly."""

MAX_RESULT_DEPTH: Final = 200
"""The deepest nesting of arrays that an evaluation may build as its result."""


def check_json(document: object) -> None:
    """Refuse JSON beyond `MAX_DEPTH` or `MAX_NODES`, without recursion.

    Raises:
        LimitError: nested too deep (also what holds itself), or too large.

    """
    nodes = 0
    stack: list[tuple[object, int]] = [(document, 1)]
    while stack:
        value, depth = stack.pop()
        if depth > MAX_DEPTH:
            raise LimitError("limit.depth", f"an expression nested deeper than {MAX_DEPTH} levels")
        items: list[object] = []
        nodes += 1
        if isinstance(value, list):
            items = value
        elif isinstance(value, dict):
            # {"operator": [operands]} is one level: the object and its array belong together.
            for part in value.values():
                if isinstance(part, list):
                    items.extend(part)
                else:
                    items.append(part)
            path = value.get("var")
            nodes += path.count(".") if isinstance(path, str) else 0
        if nodes + len(stack) + len(items) > MAX_NODES:
            raise LimitError("limit.nodes", f"an expression of more than {MAX_NODES} values")
        stack.extend((item, depth + 1) for item in items)
