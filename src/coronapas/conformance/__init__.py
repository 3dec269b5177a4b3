"""Test vectors in the EU's format: read, run against the library's own layers, and counted.

`run` walks a folder; `coronapas.conformance.vectors` reads one file,
`coronapas.conformance.expectations` holds what each expectation means, and
`coronapas.conformance.verifications` what the format's one extension means.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coronapas import _lazy

if TYPE_CHECKING:
    from coronapas.conformance._report import PassedOver as PassedOver
    from coronapas.conformance._report import Report as Report
    from coronapas.conformance._report import Result as Result
    from coronapas.conformance._report import Verdict as Verdict
    from coronapas.conformance._rule_suites import run_rules as run_rules
    from coronapas.conformance._runner import run as run
    from coronapas.conformance._vectors import NotAVectorError as NotAVectorError
    from coronapas.conformance._vectors import TestVector as TestVector
    from coronapas.conformance._vectors import VectorInputError as VectorInputError
    from coronapas.conformance._vectors import read as read
else:
    __getattr__, __dir__, __all__ = _lazy.attach(
        __name__,
        {
            "_report": "PassedOver Report Result Verdict",
            "_runner": "run",
            "_rule_suites": "run_rules",
            "_vectors": "NotAVectorError TestVector VectorInputError read",
        },
    )
