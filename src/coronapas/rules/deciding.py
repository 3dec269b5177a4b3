"""From the rules and a pass to a verdict, at any moment.

A `Case` is all of a decision but its moment: the payload made even, the external parameter without
its clock, and the rules that some moment may select. `Case.at` is a function of the moment alone.

A rule is OPEN, as in the reference's Kotlin engine, where its engine is not CERTLOGIC or its engine
version is beyond what is supported, where its schema version has another major number than the
payload's ``ver`` or is beyond it (or ``ver`` is no version), and where evaluating it fails or gives
neither true nor false.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from coronapas.certlogic import CertLogicError, Dates
from coronapas.rules.model import Rule, RuleType
from coronapas.rules.selection import Candidates, Policy, Scope
from coronapas.rules.subject import instant
from coronapas.rules.verdict import Outcome, RuleResult, Verdict
from coronapas.rules.versions import Version

if TYPE_CHECKING:
    from collections.abc import Mapping

    from coronapas.rules.loading import Unread


@dataclass(frozen=True, slots=True)
class Case:
    """One pass before the rules of one country, at no moment yet."""

    payload: Mapping[str, Any] = field(repr=False)
    external: Mapping[str, Any] = field(repr=False)
    scope: Scope
    candidates: Candidates
    unread: tuple[Unread, ...] = ()
    language: str = "en"

    @property
    def policy(self) -> Policy:
        """The choices made."""
        return self.candidates.policy

    def data(self, moment: datetime) -> dict[str, Any]:
        """What rules are given at a moment (which needs a time zone: ValueError without)."""
        clock = {"validationClock": instant(moment)}
        return {"payload": self.payload, "external": {**self.external, **clock}}

    def at(self, moment: datetime) -> Verdict:
        """The verdict at a moment (which needs a time zone: ValueError without)."""
        data = self.data(moment)
        # One for the whole decision: no date of the pass is read twice.
        dates = Dates()
        payload_version = _version(self.payload.get("ver"))
        results = []
        for rule in self.candidates.at(moment):
            outcome, code = self.judge(rule, data, dates, payload_version)
            results.append(RuleResult(rule, outcome, code, data, self.language))
        return Verdict(tuple(results), self.scope, moment, self.unread)

    def judge(
        self, rule: Rule, data: Mapping[str, Any], dates: Dates, payload_version: Version | None
    ) -> tuple[Outcome, str]:
        """What one rule comes to on the data, and the code that says why."""
        compiled = rule.compiled
        if compiled is None:
            return Outcome.OPEN, "open.engine"
        if self.policy.schema_versions and not _fits(rule.schema_version, payload_version):
            return Outcome.OPEN, "open.schema"
        if rule.type is RuleType.INVALIDATION and self.scope.issuer_country is None:
            return Outcome.OPEN, "open.issuer"
        try:
            value = compiled(data, dates)
        except CertLogicError:
            return Outcome.OPEN, "open.refused"
        if value is not True and value is not False:
            if not self.policy.truthiness or isinstance(value, (float, datetime)):
                return Outcome.OPEN, "open.no-answer"
            value = bool(value)
        return self.meaning(rule, value)

    def meaning(self, rule: Rule, value: bool) -> tuple[Outcome, str]:
        """What it means that a rule gave true, or false."""
        if rule.type is RuleType.ACCEPTANCE:
            return (Outcome.PASS, "rule.holds") if value else (Outcome.FAIL, "rule.broken")
        if value is self.policy.true_invalidates:
            return Outcome.FAIL, "rule.invalidates"
        return Outcome.PASS, "rule.not-invalidated"


def _fits(schema: Version, payload: Version | None) -> bool:
    # The keys, as comparing them is what comparing versions does, but for two calls.
    return payload is not None and payload.major == schema.major and payload.key >= schema.key


def _version(value: object) -> Version | None:
    try:
        return Version.parse(value)
    except ValueError:
        return None
