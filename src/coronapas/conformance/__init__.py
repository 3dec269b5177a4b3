"""Test vectors in the EU's format: read, run against the library's own layers, and counted.

`run` walks a folder; `coronapas.conformance.vectors` reads one file,
`coronapas.conformance.expectations` holds what each expectation means, and
`coronapas.conformance.verifications` what the format's one extension means.
"""

from coronapas.conformance.report import PassedOver, Report, Result, Verdict
from coronapas.conformance.running import run
from coronapas.conformance.vectors import NotAVectorError, TestVector, VectorInputError, read

__all__ = [
    "NotAVectorError",
    "PassedOver",
    "Report",
    "Result",
    "TestVector",
    "VectorInputError",
    "Verdict",
    "read",
    "run",
]
