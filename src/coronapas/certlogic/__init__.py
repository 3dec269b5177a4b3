"""CertLogic 1.3.3, the language of the EU's business rules, and nothing of passes.

::

    expr = certlogic.parse(logic)  # typed, immutable; InvalidExpressionError lists why not
    decide = certlogic.compile(expr)  # a function of the data
    decide({"payload": dcc, "external": more})  # a value; CertLogicError where it refuses

`evaluate` does the same without compiling, `explain` says why, `partial` does what part of the data
allows. `validate` and `type_issues` find faults, `affected_fields` and `data_accesses` tell what is
read; `to_text` and `from_text` are a notation that people read.

Date-times among results are aware `datetime`s in UTC. Bounds on depth, size and work are in
`coronapas.certlogic.bounds`; where this differs from the package certlogic-js is told in
``docs/explanation/certlogic-differences.md``.
"""

from coronapas.certlogic.checking import type_issues
from coronapas.certlogic.compiling import CompiledExpression, compile  # noqa: A004
from coronapas.certlogic.datetimes import Dates
from coronapas.certlogic.errors import (
    CertLogicError,
    DateTimeError,
    EvaluationError,
    InvalidExpressionError,
    LimitError,
    NotationError,
)
from coronapas.certlogic.evaluating import evaluate
from coronapas.certlogic.explaining import Explanation, Read, explain
from coronapas.certlogic.expressions import Expr, to_json
from coronapas.certlogic.fields import affected_fields, data_accesses
from coronapas.certlogic.notation import from_text
from coronapas.certlogic.parsing import parse
from coronapas.certlogic.partial import partial
from coronapas.certlogic.text import to_text
from coronapas.certlogic.validating import ValidationError, validate

__all__ = [
    "CertLogicError",
    "CompiledExpression",
    "DateTimeError",
    "Dates",
    "EvaluationError",
    "Explanation",
    "Expr",
    "InvalidExpressionError",
    "LimitError",
    "NotationError",
    "Read",
    "ValidationError",
    "affected_fields",
    "compile",
    "data_accesses",
    "evaluate",
    "explain",
    "from_text",
    "parse",
    "partial",
    "to_json",
    "to_text",
    "type_issues",
    "validate",
]
