"""The errors of the language.

Every refusal is a `CertLogicError`. Its text names the operation and the kind of value that does
not fit, and never the value: that may be the holder's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from coronapas.errors import CoronapasError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coronapas.certlogic._expressions import Expr


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
