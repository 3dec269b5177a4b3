"""From the rules and a pass to a verdict, at any moment; for one pass, or a holder's whole wallet.

A `Case` is all of a decision but its moment: the normalised payload, the external parameter without
its clock, and the rules that some moment may select. `Case.at` is a function of the moment alone.

A rule is OPEN, as in the reference's Kotlin engine, where its engine is not CERTLOGIC or its engine
version is later than what is supported, where its schema version has another major number than the
payload's ``ver`` or is later than it (or ``ver`` is not a version), and where evaluating it fails
or returns neither true nor false.

Domestic and booster rules of some countries read ``payload.v.0`` and ``payload.r.0`` in one rule,
or ``payload.h``: they expect a whole wallet as one payload. It is put together like this:

- ``v``, ``t`` and ``r`` hold the entries of all passes, the newest first (by ``dt``, ``sc`` and
  ``fr``; entries without a readable date come last), so that ``v.0`` is the latest dose; of entries
  with the same UVCI only the first of these stays. The order of the passes decides nothing here.
- ``nam`` and ``dob`` are those of the first pass that has them; ``ver`` is the lowest version among
  the passes, so that a rule for a later schema is OPEN.
- ``h`` is the list of all payloads, in the order given. What ``h`` held in the countries that used
  it is not publicly documented: this is the project's own reading, and uncertain.

Travel rules expect a single pass, and some of them refuse a payload with more than one entry; for
them `WalletVerdict.each` has the verdict on every pass alone. Nothing in a rule says which of the
two it is written for: the caller has to know.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from functools import reduce
from typing import TYPE_CHECKING, Any, Final

from coronapas.certlogic import CertLogicError, Dates
from coronapas.dcc._chronology import newest_first
from coronapas.dcc._reader import holder_of
from coronapas.errors import WalletError
from coronapas.facts._model import compare_holders
from coronapas.rules._loading import Candidates, Policy, Scope
from coronapas.rules._model import Rule, RuleType, Version
from coronapas.rules._subject import Lifetime, Subject, instant
from coronapas.rules._verdict import Outcome, RuleResult, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from coronapas.rules._loading import Unread
    from coronapas.verify._result import Check


@dataclass(frozen=True, slots=True)
class Case:
    """One pass and the rules of one country, at no moment yet."""

    payload: Mapping[str, Any] = field(repr=False)
    """The payload that the rules judge."""
    external: Mapping[str, Any] = field(repr=False)
    """The external parameters, without the clock."""
    scope: Scope
    """What selects the rules, but for the time."""
    candidates: Candidates
    """The rules that some moment may select."""
    unread: tuple[Unread, ...] = ()
    """What could not be read as a rule and may be one of this country."""
    language: str = "en"
    """The language of the rules' descriptions."""
    refusals: tuple[Check, ...] = ()
    """Why no rule is asked: the failures of passes that did not verify."""
    lifetime: Lifetime | None = None
    """The time outside of which the pass is refused by its own validity; None for all time."""

    @property
    def policy(self) -> Policy:
        """The policy by which rules are selected and results are read."""
        return self.candidates.policy

    def data(self, moment: datetime) -> dict[str, Any]:
        """Return what rules are given at a moment; ValueError where it has no time zone."""
        clock = {"validationClock": instant(moment)}
        return {"payload": self.payload, "external": {**self.external, **clock}}

    def at(self, moment: datetime) -> Verdict:
        """Return the verdict at a moment; ValueError where it has no time zone."""
        data = self.data(moment)
        refusals = self.refusals or (self.lifetime and self.lifetime.lapses(moment))
        if refusals:
            return Verdict((), self.scope, moment, refusals=refusals)
        # The same for the whole decision: no date of the pass is read twice.
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
        """Return the outcome of one rule on the data, and the code that says why."""
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
        """Return what it means that a rule is true, or false."""
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


MAX_PASSES: Final = 100
"""The most passes of one wallet, inclusive."""

_GROUPS: Final = ("v", "t", "r")
_ORDER: Final = (
    Outcome.PASS,
    Outcome.OPEN,
    Outcome.NO_RULES,
    Outcome.FAIL,
    Outcome.REFUSED,
)


@dataclass(frozen=True, slots=True)
class WalletVerdict:
    """The verdict on all passes put together, and the one on each alone, in the order given.

    Where one of the passes is refused, so are all of them together.
    """

    together: Verdict
    """The verdict on all passes put together."""
    each: tuple[Verdict, ...]
    """The verdict on each pass alone."""

    @property
    def best(self) -> int:
        """The position of the pass to show: the first with the best outcome, alone."""
        outcomes = [verdict.outcome for verdict in self.each]
        return min(range(len(outcomes)), key=lambda place: _ORDER.index(outcomes[place]))

    def to_json(self, *, reasons: bool = False) -> dict[str, Any]:
        """Return the JSON form; with `reasons` also the sentences that show the holder's data."""
        return {
            "together": self.together.to_json(reasons=reasons),
            "each": [verdict.to_json(reasons=reasons) for verdict in self.each],
            "best": self.best,
        }


def wallet_payload(
    subjects: Sequence[Subject], *, same_holder: bool = True, unsure_names: bool = False
) -> dict[str, Any]:
    """Return one payload of all passes.

    Raises:
        WalletError: There are no passes, more than `MAX_PASSES`, or (with `same_holder`) names or
            dates of birth that cannot belong to one person.

    """
    if not 0 < len(subjects) <= MAX_PASSES:
        raise WalletError(f"A wallet must hold 1 to {MAX_PASSES} passes.")
    payloads = [subject.payload for subject in subjects]
    if same_holder:
        _require_one_holder(payloads, unsure_names)
    found: dict[str, Any] = {"h": payloads}
    version = _lowest_version(payloads)
    if version is not None:
        found["ver"] = version
    for name in ("nam", "dob"):
        values = [payload[name] for payload in payloads if payload.get(name)]
        if values:
            found[name] = values[0]
    for group in _GROUPS:
        entries = _entries(payloads, group)
        if entries:
            found[group] = entries
    return found


def wallet_subject(
    subjects: Sequence[Subject], *, same_holder: bool = True, unsure_names: bool = False
) -> Subject:
    """Return all passes as one, by `wallet_payload`; refused where any of them is.

    Of their containers only the country of issue is kept, where all name the same, and the time
    for which all are valid by themselves.

    Raises:
        WalletError: As for `wallet_payload`.

    """
    trusted = [subject for subject in subjects if not subject.refusals]
    if len(trusted) == len(subjects):
        payload = wallet_payload(subjects, same_holder=same_holder, unsure_names=unsure_names)
        lifetimes = [each.lifetime for each in subjects if each.lifetime is not None]
        lifetime = reduce(Lifetime.within, lifetimes) if lifetimes else None
        return Subject(payload, issuer=_common_issuer(subjects), lifetime=lifetime)
    if len(subjects) > MAX_PASSES:
        raise WalletError(f"A wallet must hold 1 to {MAX_PASSES} passes.")
    if trusted and same_holder:
        _require_one_holder([subject.payload for subject in trusted], unsure_names)
    refusals = (check for subject in subjects for check in subject.refusals)
    return Subject({}, refusals=tuple(dict.fromkeys(refusals)))


def _common_issuer(subjects: Sequence[Subject]) -> str | None:
    """Return the country of issue where all passes have the same, otherwise None."""
    issuers = {subject.issuer.strip().upper() if subject.issuer else None for subject in subjects}
    return issuers.pop() if len(issuers) == 1 else None


def _entries(payloads: Sequence[Mapping[str, Any]], group: str) -> list[Any]:
    given = (payload.get(group) for payload in payloads)
    entries = [entry for value in given if isinstance(value, list) for entry in value]
    found: list[Any] = []
    seen: set[str] = set()
    for _, _, entry in newest_first((group, "", entry) for entry in entries):
        uvci = entry.get("ci") if isinstance(entry, dict) else None
        if isinstance(uvci, str):
            if uvci.upper() in seen:
                continue
            seen.add(uvci.upper())
        found.append(entry)
    return found


def _lowest_version(payloads: Sequence[Mapping[str, Any]]) -> str | None:
    """Return the lowest version; None where a pass has no version, which fits no rule either."""
    try:
        return str(min(Version.parse(payload.get("ver")) for payload in payloads))
    except ValueError:
        return None


def _require_one_holder(payloads: Sequence[Mapping[str, Any]], unsure_names: bool) -> None:
    holders = [holder_of(payload) for payload in payloads]
    for place, each in enumerate(holders):
        for other in holders[:place]:
            if not compare_holders(each, other).is_same(unsure_names=unsure_names):
                raise WalletError(
                    "The passes are not of one holder: names or dates of birth differ."
                )
