"""Issue, verify and judge EU DCC-compatible health passes, and say when the next dose is due.

Four verbs: **issue** (facts → pass), **verify** (text → what is true of it), **decide** (rules →
PASS / FAIL / OPEN with reasons), **plan** (history → next dose, validity from and until).

Only names are re-exported here, each from the room that defines it, and a room is loaded when one
of its names is first used: importing the package stays cheap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coronapas import _lazy

if TYPE_CHECKING:
    from coronapas._version import __version__ as __version__
    from coronapas.dcc import ContentPolicy as ContentPolicy
    from coronapas.dcc import ValueSets as ValueSets
    from coronapas.errors import CoronapasError as CoronapasError
    from coronapas.errors import DecodeError as DecodeError
    from coronapas.errors import FactsError as FactsError
    from coronapas.errors import Fault as Fault
    from coronapas.errors import FaultsError as FaultsError
    from coronapas.errors import IssueError as IssueError
    from coronapas.errors import KeyMaterialError as KeyMaterialError
    from coronapas.errors import SigningError as SigningError
    from coronapas.facts import EventKind as EventKind
    from coronapas.facts import History as History
    from coronapas.facts import Holder as Holder
    from coronapas.facts import PartialDate as PartialDate
    from coronapas.facts import PassFacts as PassFacts
    from coronapas.facts import Recovery as Recovery
    from coronapas.facts import Test as Test
    from coronapas.facts import TestKind as TestKind
    from coronapas.facts import TestResult as TestResult
    from coronapas.facts import Vaccination as Vaccination
    from coronapas.hcert import Envelope as Envelope
    from coronapas.hcert import Limits as Limits
    from coronapas.hcert import decode as decode
    from coronapas.issue import Issuer as Issuer
    from coronapas.issue import Pass as Pass
    from coronapas.signing import Signer as Signer
    from coronapas.tolerances import FIELD as FIELD
    from coronapas.tolerances import STRICT as STRICT
    from coronapas.tolerances import Deviation as Deviation
    from coronapas.trust import Certificate as Certificate
    from coronapas.trust import TrustStore as TrustStore
    from coronapas.verify import Check as Check
    from coronapas.verify import Outcome as Outcome
    from coronapas.verify import Verification as Verification
    from coronapas.verify import VerificationError as VerificationError
    from coronapas.verify import Verifier as Verifier
else:
    __getattr__, __dir__, __all__ = _lazy.attach(
        __name__,
        {
            "_version": "__version__",
            "errors": (
                "CoronapasError DecodeError FactsError Fault FaultsError IssueError "
                "KeyMaterialError SigningError"
            ),
            "facts": (
                "EventKind History Holder PartialDate PassFacts Recovery Test TestKind "
                "TestResult Vaccination"
            ),
            "dcc": "ContentPolicy ValueSets",
            "hcert": "Envelope Limits decode",
            "issue": "Issuer Pass",
            "signing": "Signer",
            "tolerances": "Deviation FIELD STRICT",
            "trust": "Certificate TrustStore",
            "verify": "Check Outcome Verification VerificationError Verifier",
        },
        rooms=(
            "catalogue certlogic conformance dcc denmark errors facts files gdhcn hcert keys live "
            "presentation programmes revocation rules schemas tolerances trust verify "
        ),
    )
