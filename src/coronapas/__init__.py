"""Issue, verify and judge EU DCC-compatible health passes, and say when the next dose is due.

Four verbs: **issue** (facts → pass), **verify** (text → what is true of it), **decide** (rules →
PASS / FAIL / OPEN with reasons), **plan** (history → next dose, validity from and until).

Only names are re-exported here, each from the room that defines it, and a room is loaded when one
of its names is first used: importing the package stays cheap.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from coronapas._version import __version__ as __version__
    from coronapas.dcc.claim_values import ContentPolicy as ContentPolicy
    from coronapas.dcc.valuesets import ValueSets as ValueSets
    from coronapas.errors import CoronapasError as CoronapasError
    from coronapas.errors import DecodeError as DecodeError
    from coronapas.errors import FactsError as FactsError
    from coronapas.errors import Fault as Fault
    from coronapas.errors import FaultsError as FaultsError
    from coronapas.errors import IssueError as IssueError
    from coronapas.errors import KeyMaterialError as KeyMaterialError
    from coronapas.errors import SigningError as SigningError
    from coronapas.facts import EventKind as EventKind
    from coronapas.facts import Holder as Holder
    from coronapas.facts import PartialDate as PartialDate
    from coronapas.facts import PassFacts as PassFacts
    from coronapas.facts import Recovery as Recovery
    from coronapas.facts import Test as Test
    from coronapas.facts import TestKind as TestKind
    from coronapas.facts import TestResult as TestResult
    from coronapas.facts import Vaccination as Vaccination
    from coronapas.hcert.envelope import Envelope as Envelope
    from coronapas.hcert.envelope import Limits as Limits
    from coronapas.hcert.envelope import decode as decode
    from coronapas.issuing import Issuer as Issuer
    from coronapas.issuing import Pass as Pass
    from coronapas.signing import Signer as Signer
    from coronapas.tolerances import FIELD as FIELD
    from coronapas.tolerances import STRICT as STRICT
    from coronapas.tolerances import Deviation as Deviation
    from coronapas.trust.certificate import Certificate as Certificate
    from coronapas.trust.store import TrustStore as TrustStore
    from coronapas.verifying import Check as Check
    from coronapas.verifying import Outcome as Outcome
    from coronapas.verifying import Verification as Verification
    from coronapas.verifying import VerificationError as VerificationError
    from coronapas.verifying import Verifier as Verifier

_HOME: Final = {
    "__version__": "_version",
    **dict.fromkeys(
        (
            "CoronapasError",
            "DecodeError",
            "FactsError",
            "Fault",
            "FaultsError",
            "IssueError",
            "KeyMaterialError",
            "SigningError",
        ),
        "errors",
    ),
    **dict.fromkeys(
        (
            "EventKind",
            "Holder",
            "PartialDate",
            "PassFacts",
            "Recovery",
            "Test",
            "TestKind",
            "TestResult",
            "Vaccination",
        ),
        "facts",
    ),
    **dict.fromkeys(("Envelope", "Limits", "decode"), "hcert.envelope"),
    **dict.fromkeys(("Issuer", "Pass"), "issuing"),
    "Signer": "signing",
    "ContentPolicy": "dcc.claim_values",
    "ValueSets": "dcc.valuesets",
    **dict.fromkeys(("FIELD", "STRICT", "Deviation"), "tolerances"),
    "Certificate": "trust.certificate",
    "TrustStore": "trust.store",
    **dict.fromkeys(
        ("Check", "Outcome", "Verification", "VerificationError", "Verifier"), "verifying"
    ),
}

# Rooms that are reached as attributes: coronapas.certlogic.evaluate, coronapas.rules.RuleSet.
_ROOMS: Final = (
    "certlogic",
    "conformance",
    "dcc",
    "denmark",
    "hcert",
    "keys",
    "presentation",
    "programmes",
    "revocation",
    "rules",
    "schemas",
    "trust",
)

__all__ = sorted(_HOME)


def __getattr__(name: str) -> object:
    if name in _HOME:
        value = getattr(import_module(f"coronapas.{_HOME[name]}"), name)
    elif name in _ROOMS:
        value = import_module(f"coronapas.{name}")
    else:
        raise AttributeError(f"module 'coronapas' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME, *_ROOMS})
