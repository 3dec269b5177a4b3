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

from __future__ import annotations

from typing import TYPE_CHECKING

from coronapas import _lazy

if TYPE_CHECKING:
    from coronapas.rules._export import Omission as Omission
    from coronapas.rules._export import RuleExport as RuleExport
    from coronapas.rules._export import export_rules as export_rules
    from coronapas.rules._lint import Finding as Finding
    from coronapas.rules._lint import LintReport as LintReport
    from coronapas.rules._lint import RuleTest as RuleTest
    from coronapas.rules._lint import Severity as Severity
    from coronapas.rules._lint import disagreement as disagreement
    from coronapas.rules._lint import lint as lint
    from coronapas.rules._lint import lint_folder as lint_folder
    from coronapas.rules._lint import lint_path as lint_path
    from coronapas.rules._lint import read_test as read_test
    from coronapas.rules._lint import test_files as test_files
    from coronapas.rules._loading import JAVASCRIPT as JAVASCRIPT
    from coronapas.rules._loading import KOTLIN as KOTLIN
    from coronapas.rules._loading import RULE_FILE as RULE_FILE
    from coronapas.rules._loading import Candidates as Candidates
    from coronapas.rules._loading import Policy as Policy
    from coronapas.rules._loading import Scope as Scope
    from coronapas.rules._loading import Unread as Unread
    from coronapas.rules._loading import read_json as read_json
    from coronapas.rules._loading import rule_files as rule_files
    from coronapas.rules._model import CertificateType as CertificateType
    from coronapas.rules._model import Rule as Rule
    from coronapas.rules._model import RuleType as RuleType
    from coronapas.rules._model import Version as Version
    from coronapas.rules._model import read_rule as read_rule
    from coronapas.rules._ruleset import Question as Question
    from coronapas.rules._ruleset import QuestionParts as QuestionParts
    from coronapas.rules._ruleset import RuleSet as RuleSet
    from coronapas.rules._ruleset import eu_travel as eu_travel
    from coronapas.rules._subject import Judged as Judged
    from coronapas.rules._subject import Lifetime as Lifetime
    from coronapas.rules._timeline import Bound as Bound
    from coronapas.rules._timeline import Change as Change
    from coronapas.rules._timeline import Phase as Phase
    from coronapas.rules._timeline import Timeline as Timeline
    from coronapas.rules._timeline import Window as Window
    from coronapas.rules._timeline import moment as moment
    from coronapas.rules._verdict import CODES as CODES
    from coronapas.rules._verdict import Case as Case
    from coronapas.rules._verdict import Outcome as Outcome
    from coronapas.rules._verdict import RuleResult as RuleResult
    from coronapas.rules._verdict import Verdict as Verdict
    from coronapas.rules._verdict import WalletVerdict as WalletVerdict
else:
    __getattr__, __dir__, __all__ = _lazy.attach(
        __name__,
        {
            "_lint": (
                "Finding LintReport Severity lint lint_folder lint_path RuleTest disagreement "
                "read_test test_files"
            ),
            "_loading": (
                "RULE_FILE Unread read_json rule_files Candidates JAVASCRIPT KOTLIN Policy Scope"
            ),
            "_model": "CertificateType Rule RuleType Version read_rule",
            "_ruleset": "Question QuestionParts RuleSet eu_travel",
            "_verdict": "CODES Case Outcome RuleResult Verdict WalletVerdict",
            "_timeline": "Bound Change Phase Timeline Window moment",
            "_subject": "Judged Lifetime",
            "_export": "RuleExport Omission export_rules",
        },
    )
