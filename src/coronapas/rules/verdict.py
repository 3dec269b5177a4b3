"""What rules say of a pass: the outcome of each, and of all together.

A verdict is a result: it cannot be changed, and its `repr` tells nothing of the holder. What rests
on the holder's data (`explanation`, `because`, `text`) is made when it is asked for.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from coronapas import certlogic
from coronapas.rules import wording
from coronapas.rules.model import RuleType

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from coronapas.certlogic import Explanation
    from coronapas.rules.loading import Unread
    from coronapas.rules.model import Rule
    from coronapas.rules.selection import Scope


class Outcome(StrEnum):
    """What one rule, or all that were asked, came to."""

    PASS = "PASS"  # noqa: S105 - an outcome, no password
    FAIL = "FAIL"
    OPEN = "OPEN"
    """Not decided: the rule cannot be run here, or gives no answer on this pass."""
    NO_RULES = "NO RULES"
    """No acceptance rule judges the pass: neither accepted nor refused."""


CODES: Final = {
    "rule.holds": "The rule holds.",
    "rule.broken": "The rule does not hold.",
    "rule.invalidates": "The country of issue has declared such passes invalid.",
    "rule.not-invalidated": "The country of issue has not declared such passes invalid.",
    "open.engine": "The rule is written for another engine, or a later version of it.",
    "open.schema": "The rule is written for another version of the passes' schema.",
    "open.issuer": "The country that issued the pass is not known.",
    "open.refused": "The rule cannot be applied to what the pass states.",
    "open.no-answer": "The rule gives neither yes nor no.",
}
"""The codes of results, with what each means."""


class RuleResult:
    """What one rule came to, and why."""

    __slots__ = ("_code", "_data", "_language", "_outcome", "_rule")

    def __init__(
        self, rule: Rule, outcome: Outcome, code: str, data: Mapping[str, Any], language: str
    ) -> None:
        """Made by `coronapas.rules.deciding`; `data` is what the rule was given."""
        self._rule = rule
        self._outcome = outcome
        self._code = code
        self._data = data
        self._language = language

    @property
    def rule(self) -> Rule:
        """The rule, in the version that was selected."""
        return self._rule

    @property
    def outcome(self) -> Outcome:
        """PASS, FAIL or OPEN."""
        return self._outcome

    @property
    def code(self) -> str:
        """Why: one of `CODES`."""
        return self._code

    @property
    def description(self) -> str:
        """The rule's own words, in the language wanted where it has it, else in English."""
        return self._rule.description(self._language)

    @property
    def explanation(self) -> Explanation | None:
        """What decided, with the values that were seen: the holder's data, made anew on each call.

        None where the rule was not run, or refused what it was given.
        """
        if self._code not in _RUN or self._rule.expression is None:
            return None
        try:
            return certlogic.explain(self._rule.expression, self._data)
        except certlogic.CertLogicError:
            # Explaining may come to a bound that compiled code does not meet.
            return None

    @property
    def because(self) -> tuple[str, ...]:
        """The facts that decided, as English sentences for a person; they show the holder's data.

        Empty where nothing was evaluated; the meaning of `code` is then all there is to say.
        """
        explanation = self.explanation
        return () if explanation is None else wording.because(explanation)

    def __repr__(self) -> str:
        return f"<RuleResult {self._rule} {self._outcome} {self._code}>"

    def to_json(self, *, reasons: bool = False) -> dict[str, Any]:
        """For machines; with `reasons` also the sentences that show the holder's data."""
        found: dict[str, Any] = {
            "identifier": self._rule.identifier,
            "version": str(self._rule.version),
            "type": str(self._rule.type),
            "country": self._rule.country,
            "region": self._rule.region,
            "outcome": str(self._outcome),
            "code": self._code,
            "description": self.description,
        }
        if reasons:
            found["because"] = list(self.because)
        return found


_RUN: Final = frozenset(
    {"rule.holds", "rule.broken", "rule.invalidates", "rule.not-invalidated", "open.no-answer"}
)


class Verdict:
    """What the rules say of one pass at one moment.

    `outcome` is FAIL where a rule fails; else OPEN where rules of the country could not be read;
    else NO RULES where no acceptance rule judged; else OPEN where a rule is open; else PASS. Only
    PASS is true as a truth value.
    """

    __slots__ = ("_at", "_outcome", "_results", "_scope", "_unread")

    def __init__(
        self,
        results: tuple[RuleResult, ...],
        scope: Scope,
        at: datetime,
        unread: tuple[Unread, ...] = (),
    ) -> None:
        """Made by `coronapas.rules.deciding`."""
        self._results = results
        self._scope = scope
        self._at = at
        self._unread = unread
        self._outcome = _overall(results, unread)

    @property
    def outcome(self) -> Outcome:
        """What all rules came to together."""
        return self._outcome

    @property
    def results(self) -> tuple[RuleResult, ...]:
        """Every rule that was asked, in the order of the set."""
        return self._results

    @property
    def failures(self) -> tuple[RuleResult, ...]:
        """The rules that fail."""
        return tuple(one for one in self._results if one.outcome is Outcome.FAIL)

    @property
    def open(self) -> tuple[RuleResult, ...]:
        """The rules that are open."""
        return tuple(one for one in self._results if one.outcome is Outcome.OPEN)

    @property
    def unread(self) -> tuple[Unread, ...]:
        """What could not be read when the rules were loaded, and may be a rule of the country."""
        return self._unread

    @property
    def scope(self) -> Scope:
        """Whom the rules were asked for."""
        return self._scope

    @property
    def country(self) -> str:
        """The country of arrival."""
        return self._scope.country

    @property
    def at(self) -> datetime:
        """The moment that was asked about."""
        return self._at

    def __bool__(self) -> bool:
        return self._outcome is Outcome.PASS

    def __iter__(self) -> Iterator[RuleResult]:
        return iter(self._results)

    def __repr__(self) -> str:
        decisive = " ".join(str(one.rule) for one in self.failures or self.open)
        return f"<Verdict {self.country} {self._outcome}{' ' if decisive else ''}{decisive}>"

    @property
    def sentence(self) -> str:
        """The outcome for a person, without any of the holder's data."""
        place, when = wording.place(self._scope), wording.moment(self._at)
        match self._outcome:
            case Outcome.PASS:
                return f"Accepted in {place} on {when}."
            case Outcome.FAIL:
                return f"Not accepted in {place} on {when}."
            case Outcome.NO_RULES:
                return (
                    f"No acceptance rule of {place} that is in force on {when} is at hand for such "
                    "a pass: neither accepted nor refused."
                )
            case _:
                return f"Not decided for {place} on {when}."

    def text(self) -> str:
        """The verdict for its holder: the outcome, each rule that decided, and the facts.

        It shows the holder's data. The rules' words come in the language that was asked for; the
        rest is English.
        """
        lines = [self.sentence]
        for one in (*self.failures, *self.open):
            lines.append(f"- {one.description} ({one.rule})")
            lines += [f"    {sentence}" for sentence in one.because or (CODES[one.code],)]
        lines += [f"- A rule could not be read: {one.place}" for one in self._unread]
        return "\n".join(lines)

    def to_json(self, *, reasons: bool = False) -> dict[str, Any]:
        """For machines; with `reasons` also the sentences that show the holder's data."""
        return {
            "outcome": str(self._outcome),
            "country": self.country,
            "region": self._scope.region,
            "issuer_country": self._scope.issuer_country,
            "at": self._at.isoformat(),
            "sentence": self.sentence,
            "rules": [one.to_json(reasons=reasons) for one in self._results],
            "unread": [one.to_json() for one in self._unread],
        }


def _overall(results: tuple[RuleResult, ...], unread: tuple[Unread, ...]) -> Outcome:
    outcomes = {one.outcome for one in results}
    if Outcome.FAIL in outcomes:
        return Outcome.FAIL
    if unread:
        return Outcome.OPEN
    # An invalidation rule that does not strike is no acceptance.
    if not any(one.rule.type is RuleType.ACCEPTANCE for one in results):
        return Outcome.NO_RULES
    return Outcome.OPEN if Outcome.OPEN in outcomes else Outcome.PASS
