"""Business rules of the EU DCC: load them, ask them, lint them.

::

    rules = RuleSet.load("business-rules")
    verdict = rules.decide(verification, country="FI", at=moment)
    verdict.outcome          # PASS, FAIL, OPEN or NO RULES
    verdict.text()           # the reasons, for the holder
    rules.timeline(verification, country="FI").text()  # from when until when, and why

`coronapas.rules.selection` says which rules count and where that is a choice; `Policy` makes it
otherwise. `eu_travel` gives the EU's dated travel rules as a set of the project's own. `lint` looks
through a rule before it is uploaded.
"""

from coronapas.rules.deciding import Case
from coronapas.rules.linting import Finding, LintReport, lint, lint_folder
from coronapas.rules.loading import Unread
from coronapas.rules.model import CertificateType, Rule, RuleType
from coronapas.rules.reading import read_rule
from coronapas.rules.ruleset import RuleSet
from coronapas.rules.selection import JAVASCRIPT, KOTLIN, Candidates, Policy, Scope
from coronapas.rules.travel import eu_travel
from coronapas.rules.verdict import Outcome, RuleResult, Verdict
from coronapas.rules.versions import Version
from coronapas.rules.wallet import WalletVerdict
from coronapas.rules.windows import Bound, Change, Timeline, Window
from coronapas.rules.windows_search import timeline

__all__ = [
    "JAVASCRIPT",
    "KOTLIN",
    "Bound",
    "Candidates",
    "Case",
    "CertificateType",
    "Change",
    "Finding",
    "LintReport",
    "Outcome",
    "Policy",
    "Rule",
    "RuleResult",
    "RuleSet",
    "RuleType",
    "Scope",
    "Timeline",
    "Unread",
    "Verdict",
    "Version",
    "WalletVerdict",
    "Window",
    "eu_travel",
    "lint",
    "lint_folder",
    "read_rule",
    "timeline",
]
