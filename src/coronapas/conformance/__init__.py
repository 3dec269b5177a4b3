"""Conformance suites: the EU's test vectors, business rules with their tests, CertLogic's suites.

`run` runs the test vectors of a folder against the library's own layers, `run_rules` business rules
against their tests, `run_certlogic` the test suites of CertLogic. Each returns a `Report` with one
`Result` for each file and expectation. `read` reads a single vector.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coronapas import _lazy

if TYPE_CHECKING:
    from coronapas.conformance._runner import PassedOver as PassedOver
    from coronapas.conformance._runner import Report as Report
    from coronapas.conformance._runner import Result as Result
    from coronapas.conformance._runner import Verdict as Verdict
    from coronapas.conformance._runner import run as run
    from coronapas.conformance._runner import run_certlogic as run_certlogic
    from coronapas.conformance._runner import run_rules as run_rules
    from coronapas.conformance._vectors import NotAVectorError as NotAVectorError
    from coronapas.conformance._vectors import Statement as Statement
    from coronapas.conformance._vectors import TestVector as TestVector
    from coronapas.conformance._vectors import VectorInputError as VectorInputError
    from coronapas.conformance._vectors import read as read
else:
    __getattr__, __dir__, __all__ = _lazy.attach(
        __name__,
        {
            "_runner": "PassedOver Report Result Verdict run run_certlogic run_rules",
            "_vectors": "NotAVectorError Statement TestVector VectorInputError read",
        },
    )
