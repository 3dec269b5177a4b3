"""What an evaluation comes to, for comparison: a value to the last kind, or a refusal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from coronapas.certlogic import CertLogicError, EvaluationError

if TYPE_CHECKING:
    from collections.abc import Callable


def outcome(function: Callable[..., Any], *arguments: Any) -> Any:
    """A value, told from equal ones of other kinds; or what was refused, and where."""
    try:
        return "value", exactly(function(*arguments))
    except EvaluationError as error:
        return "refused", error.code, error.message, error.expr
    except CertLogicError as error:
        return "refused", error.code, error.message


def exactly(value: Any) -> Any:
    """1, 1.0 and true apart."""
    if isinstance(value, list):
        return "list", [exactly(item) for item in value]
    if isinstance(value, dict):
        return "dict", {key: exactly(item) for key, item in value.items()}
    return type(value).__name__, value
