"""CertLogic 1.3.3, the language of the EU's business rules.

::

    expr = certlogic.parse(logic)  # typed, immutable; InvalidExpressionError lists why not
    decide = certlogic.compile(expr)  # a function of the data
    decide({"payload": dcc, "external": more})  # a value, or CertLogicError is raised

`evaluate` does the same without compiling, and `explain` says why. `validate` and `type_issues`
find faults, `affected_fields` and `data_accesses` say what is read; `to_text` and `from_text` are a
notation for people.

Date-times among results are aware `datetime`s in UTC. Depth, size and work are bounded: what goes
beyond raises `LimitError`. Differences from the package certlogic-js are listed in
``docs/explanation/certlogic-differences.md``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coronapas import _lazy

if TYPE_CHECKING:
    from coronapas.certlogic._analysis import affected_fields as affected_fields
    from coronapas.certlogic._analysis import data_accesses as data_accesses
    from coronapas.certlogic._analysis import type_issues as type_issues
    from coronapas.certlogic._compiler import CompiledExpression as CompiledExpression
    from coronapas.certlogic._compiler import compile as compile  # noqa: A004
    from coronapas.certlogic._evaluation import evaluate as evaluate
    from coronapas.certlogic._explanation import Explanation as Explanation
    from coronapas.certlogic._explanation import Read as Read
    from coronapas.certlogic._explanation import explain as explain
    from coronapas.certlogic._expressions import CertLogicError as CertLogicError
    from coronapas.certlogic._expressions import DateTimeError as DateTimeError
    from coronapas.certlogic._expressions import EvaluationError as EvaluationError
    from coronapas.certlogic._expressions import Expr as Expr
    from coronapas.certlogic._expressions import InvalidExpressionError as InvalidExpressionError
    from coronapas.certlogic._expressions import LimitError as LimitError
    from coronapas.certlogic._expressions import NotationError as NotationError
    from coronapas.certlogic._expressions import ValidationError as ValidationError
    from coronapas.certlogic._expressions import to_json as to_json
    from coronapas.certlogic._notation import from_text as from_text
    from coronapas.certlogic._notation import to_text as to_text
    from coronapas.certlogic._parser import parse as parse
    from coronapas.certlogic._parser import validate as validate
    from coronapas.certlogic._values import Dates as Dates
else:
    __getattr__, __dir__, __all__ = _lazy.attach(
        __name__,
        {
            "_analysis": "affected_fields data_accesses type_issues",
            "_compiler": "CompiledExpression compile",
            "_values": "Dates",
            "_expressions": (
                "CertLogicError DateTimeError EvaluationError InvalidExpressionError "
                "LimitError NotationError ValidationError Expr to_json"
            ),
            "_evaluation": "evaluate",
            "_explanation": "Explanation Read explain",
            "_notation": "from_text to_text",
            "_parser": "parse validate",
        },
    )
