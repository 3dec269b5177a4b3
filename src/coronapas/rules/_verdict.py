"""From the rules and a pass to a verdict, at any moment: each rule's outcome, and why.

A `Case` is all of a decision but its moment: the normalised payload, the external parameter without
its clock, and the rules that some moment may select. `Case.at` is a function of the moment alone.

A rule is OPEN, as in the reference's Kotlin engine, where its engine is not CERTLOGIC or its engine
version is later than what is supported, where its schema version has another major number than the
payload's ``ver`` or is later than it (or ``ver`` is not a version), and where evaluating it fails
or returns neither true nor false.

A verdict never changes, and its `repr` shows nothing of the holder. What shows the holder's data
(`explanation`, `because`, `text`) is made when it is asked for.

The facts that decided come from the rule's explanation: for a condition the branch taken, or its
guard where the branch is a bare yes or no. Each comparison that decided becomes a sentence that
names the field in words, shows its value, and says how it compares. What has no words here is shown
in the notation of `certlogic.to_text`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from coronapas import certlogic
from coronapas.certlogic import CertLogicError, Dates, to_text
from coronapas.certlogic._expressions import (
    And,
    CompareDateTimes,
    CompareIntegers,
    DccDateOfBirth,
    Equal,
    If,
    In,
    Literal,
    Not,
    PlusTime,
    Var,
)
from coronapas.rules._model import RuleType, Version
from coronapas.rules._subject import LAPSES, instant

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from coronapas.certlogic import Explanation, Expr
    from coronapas.rules._loading import Candidates, Policy, Scope, Unread
    from coronapas.rules._model import Rule
    from coronapas.rules._subject import Lifetime
    from coronapas.verify._result import Check

MAX_SENTENCES: Final = 8
"""The most facts that are shown for one rule."""

FIELDS: Final = {
    "dob": "the date of birth",
    "nam": "the name",
    "ver": "the version of the pass",
    "v": "the vaccinations",
    "t": "the tests",
    "r": "the recoveries",
    "tg": "the disease",
    "vp": "the kind of vaccine",
    "mp": "the vaccine",
    "dn": "the number of the dose",
    "sd": "the number of doses in the course",
    "dt": "the date of the dose",
    "tt": "the kind of test",
    "tr": "the result of the test",
    "sc": "the time of the test",
    "nm": "the name of the test",
    "tc": "the place of the test",
    "fr": "the date of the first positive test",
    "df": "the first day of validity",
    "du": "the last day of validity",
    "co": "the country",
    "is": "the issuer",
    "ci": "the identifier of the pass",
}
"""The fields of a pass in words, by the last part of their path that is not a number."""

_GROUPS: Final = {"v": "vaccination", "t": "test", "r": "recovery"}
_MAKERS: Final = {"v": "the manufacturer of the vaccine", "t": "the device of the test"}
_EXTERNAL: Final = {
    "validationClock": "the time of the check",
    "countryCode": "the country of arrival",
    "issuerCountryCode": "the country of issue",
    "exp": "the end of the pass's validity",
    "iat": "the time of issue",
    "kid": "the key of the signature",
    "region": "the region",
}
_VALUE_SETS: Final = "external.valueSets."
_HOLDS: Final = {
    "before": "is before",
    "after": "is after",
    "not-before": "is not before",
    "not-after": "is not after",
    "<": "is less than",
    ">": "is greater than",
    "<=": "is at most",
    ">=": "is at least",
}
_FAILS: Final = {
    "before": "is not before",
    "after": "is not after",
    "not-before": "is before",
    "not-after": "is after",
    "<": "is not less than",
    ">": "is not greater than",
    "<=": "is greater than",
    ">=": "is less than",
}


def because(explanation: Explanation) -> tuple[str, ...]:
    """Return the facts that decided, each once, at most `MAX_SENTENCES`; they show the data."""
    found: dict[str, None] = {}
    for sentence in _sentences(explanation):
        found[sentence] = None
        if len(found) == MAX_SENTENCES:
            break
    return tuple(found)


def moment(at: datetime) -> str:
    """Return a moment as a person reads it, in UTC."""
    utc = at.astimezone(UTC)
    return f"{utc:%Y-%m-%d} at {utc:%H:%M:%S} UTC"


def place(scope: Scope) -> str:
    """Return the country of arrival, with the region where there is one."""
    return scope.country if scope.region is None else f"{scope.country} ({scope.region})"


def _sentences(part: Explanation) -> Iterator[str]:
    expr = part.expr
    match expr:
        case Literal():
            return
        case If():
            guard, branch = part.because
            if _guard_decided(expr, guard, branch):
                yield from _sentences(guard)
            yield from _sentences(branch)
        case And():
            for operand in part.because:
                yield from _sentences(operand)
        case Not():
            yield from _sentences(part.because[0])
        case CompareDateTimes(operator) | CompareIntegers(operator):
            yield _comparison(part, (_HOLDS if part.value is True else _FAILS)[operator])
        case Equal():
            yield _comparison(part, "is" if part.value is True else "is not")
        case In():
            left, right = part.because
            verb = "is" if part.value is True else "is not"
            yield _sentence(f"{_operand(left)} {verb} {_listed(right.expr)}")
        case Var(path):
            there = _there(path, part.value)
            yield _sentence(there)
        case _:
            yield f"{to_text(expr)} gives {_shown(part.value)}."


def _guard_decided(expr: If, guard: Explanation, branch: Explanation) -> bool:
    """Return whether the guard is part of the answer, or only leads to it.

    It is where the branch taken is a bare yes or no, and where the one not taken is, and says
    something else (``if A then yes else B``: both A and B failed). That the pass states what the
    rule is about goes without saying.
    """
    if isinstance(branch.expr, Literal):
        return True
    other = expr.otherwise if branch.expr is expr.then else expr.then
    return (
        isinstance(other, Literal)
        and other.value is not branch.value
        and not isinstance(guard.expr, Var)
    )


def _sentence(text: str) -> str:
    # A path or an operation at the start keeps its spelling.
    return f"{text[:1].upper()}{text[1:]}." if text.startswith("the ") else f"{text}."


def _there(path: str, value: Any) -> str:
    """Return what it says that a path leads somewhere, or nowhere."""
    name = path.rpartition(".")[2]
    if name.isdecimal() or name in _GROUPS:
        group = next((part for part in path.split(".") if part in _GROUPS), "")
        kind = _GROUPS.get(group, "entry")
        number = int(name) + 1 if name.isdecimal() and len(name) < 6 else 1
        which = f"a {kind}" if number == 1 else f"{kind} number {number}"
        return f"the pass {'states' if value else 'does not state'} {which}"
    if value is None or value == "":
        return f"{_named(path)} is not stated"
    return f"{_named(path)} is {_shown(value)}"


def _listed(expr: Expr) -> str:
    """Return where something is looked for."""
    if isinstance(expr, Var) and expr.path.startswith(_VALUE_SETS):
        return f"in the value set {expr.path.removeprefix(_VALUE_SETS)}"
    return "among those listed"


def _comparison(part: Explanation, words: str) -> str:
    first, *rest = part.because
    others = f" and {words} ".join(_operand(each) for each in rest)
    return _sentence(f"{_operand(first)} {words} {others}")


def _operand(part: Explanation) -> str:
    expr = part.expr
    match expr:
        case Literal(value):
            return _shown(value)
        case Var(path):
            return f"{_named(path)} ({_shown(part.value)})"
        case DccDateOfBirth():
            return f"{_operand(part.because[0])}, read as its last day"
        case PlusTime(operand, amount, unit):
            (source,) = part.because
            if isinstance(operand, Literal):
                return _shown(part.value)
            name = _named(operand.path) if isinstance(operand, Var) else to_text(operand)
            if amount == 0:
                return f"{name} ({_shown(part.value)})"
            count = f"{abs(amount)} {unit}{'' if abs(amount) == 1 else 's'}"
            side = "after" if amount > 0 else "before"
            shown = _shown(part.value)
            return f"{count} {side} {name} ({_shown(source.value)}), which is {shown}"
        case _:
            return f"{to_text(expr)} ({_shown(part.value)})"


def _named(path: str) -> str:
    parts = path.split(".")
    if parts[0] == "external":
        return _EXTERNAL.get(parts[-1], path)
    names = [part for part in parts[1:] if not part.isdecimal()]
    if names and names[-1] == "ma":
        return _MAKERS.get(names[0], path)
    return FIELDS.get(names[-1], path) if names else path


def _shown(value: Any) -> str:
    if value is None:
        return "not stated"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        if value.hour == value.minute == value.second == value.microsecond == 0:
            return f"{value:%Y-%m-%d}"
        return f"{value:%Y-%m-%d %H:%M:%S} UTC"
    if isinstance(value, (int, str)):
        text = str(value)
        return text if len(text) <= 80 else f"{text[:79]}…"
    return "a list" if isinstance(value, (list, tuple)) else "an entry"


class Outcome(StrEnum):
    """The outcome of one rule, or of all that were applied."""

    PASS = "PASS"  # noqa: S105 - an outcome, no password
    FAIL = "FAIL"
    OPEN = "OPEN"
    """Not decided: the rule cannot be run here, or gives no answer on this pass."""
    NO_RULES = "NO RULES"
    """No acceptance rule judges the pass: neither accepted nor refused."""
    REFUSED = "REFUSED"
    """The pass did not verify, or its own validity does not cover the moment: no rule was asked."""


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


_ORDER: Final = (
    Outcome.PASS,
    Outcome.OPEN,
    Outcome.NO_RULES,
    Outcome.FAIL,
    Outcome.REFUSED,
)


class RuleResult:
    """The result of one rule, and why."""

    __slots__ = ("_code", "_data", "_language", "_outcome", "_rule")

    def __init__(
        self, rule: Rule, outcome: Outcome, code: str, data: Mapping[str, Any], language: str
    ) -> None:
        """Keep the result; `data` is what the rule was given."""
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
            # Explaining may reach a limit that compiled code does not.
            return None

    @property
    def because(self) -> tuple[str, ...]:
        """The facts that decided, as English sentences for a person; they show the holder's data.

        Empty where nothing was evaluated; the meaning of `code` is then all there is to say.
        """
        explanation = self.explanation
        return () if explanation is None else because(explanation)

    def __repr__(self) -> str:
        return f"<RuleResult {self._rule} {self._outcome} {self._code}>"

    def to_json(self, *, reasons: bool = False) -> dict[str, Any]:
        """Return the JSON form; with `reasons` also the sentences that show the holder's data."""
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

    `outcome` is REFUSED where the pass did not verify, or is itself not valid at the moment; else
    FAIL where a rule fails; else OPEN where rules of the country could not be read; else NO RULES
    where no acceptance rule judged; else OPEN where a rule is open; else PASS. Only PASS is true as
    a truth value.
    """

    __slots__ = ("_at", "_outcome", "_refusals", "_results", "_scope", "_unread")

    def __init__(
        self,
        results: tuple[RuleResult, ...],
        scope: Scope,
        at: datetime,
        unread: tuple[Unread, ...] = (),
        refusals: tuple[Check, ...] = (),
    ) -> None:
        """Keep the results of the rules that were selected, or why none was asked."""
        self._results = results
        self._scope = scope
        self._at = at
        self._unread = unread
        self._refusals = refusals
        self._outcome = Outcome.REFUSED if refusals else _overall(results, unread)

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
        return tuple(result for result in self._results if result.outcome is Outcome.FAIL)

    @property
    def open(self) -> tuple[RuleResult, ...]:
        """The rules that are open."""
        return tuple(result for result in self._results if result.outcome is Outcome.OPEN)

    @property
    def unread(self) -> tuple[Unread, ...]:
        """What could not be read when the rules were loaded, and may be a rule of the country."""
        return self._unread

    @property
    def refusals(self) -> tuple[Check, ...]:
        """Why no rule was asked; empty unless the outcome is REFUSED.

        The checks of the verification that failed, or ``time.not-begun`` or ``time.over``, where
        the pass verified and the moment asked about is outside of its own validity.
        """
        return self._refusals

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
        decisive = " ".join(
            [check.code for check in self._refusals]
            or [str(each.rule) for each in self.failures or self.open]
        )
        return f"<Verdict {self.country} {self._outcome}{' ' if decisive else ''}{decisive}>"

    @property
    def sentence(self) -> str:
        """The outcome for a person, without any of the holder's data."""
        where, when = place(self._scope), moment(self._at)
        match self._outcome:
            case Outcome.PASS:
                return f"Accepted in {where} on {when}."
            case Outcome.FAIL:
                return f"Not accepted in {where} on {when}."
            case Outcome.REFUSED:
                lapsed = all(check.code in LAPSES for check in self._refusals)
                why = "the pass itself is not valid then" if lapsed else "the pass does not verify"
                return f"Refused in {where} on {when}: {why}."
            case Outcome.NO_RULES:
                return (
                    f"No acceptance rule of {where} that is in force on {when} is at hand for such "
                    "a pass: neither accepted nor refused."
                )
            case _:
                return f"Not decided for {where} on {when}."

    def text(self) -> str:
        """Return the verdict for its holder: the outcome, each rule that decided, and the facts.

        It shows the holder's data. The rules' words come in the language that was asked for; the
        rest is English.
        """
        lines = [self.sentence]
        lines += [f"- {check.name}: {check.sentence}" for check in self._refusals]
        for each in (*self.failures, *self.open):
            lines.append(f"- {each.description} ({each.rule})")
            lines += [f"    {sentence}" for sentence in each.because or (CODES[each.code],)]
        lines += [f"- A rule could not be read: {each.place}" for each in self._unread]
        return "\n".join(lines)

    def to_json(self, *, reasons: bool = False) -> dict[str, Any]:
        """Return the JSON form; with `reasons` also the sentences that show the holder's data."""
        return {
            "outcome": str(self._outcome),
            "country": self.country,
            "region": self._scope.region,
            "issuer_country": self._scope.issuer_country,
            "at": self._at.isoformat(),
            "sentence": self.sentence,
            "refusals": [
                {"check": check.name, "code": check.code, "sentence": check.sentence}
                for check in self._refusals
            ],
            "rules": [result.to_json(reasons=reasons) for result in self._results],
            "unread": [each.to_json() for each in self._unread],
        }


def _overall(results: tuple[RuleResult, ...], unread: tuple[Unread, ...]) -> Outcome:
    outcomes = {result.outcome for result in results}
    if Outcome.FAIL in outcomes:
        return Outcome.FAIL
    if unread:
        return Outcome.OPEN
    # An invalidation rule that does not apply is not an acceptance.
    if not any(each.rule.type is RuleType.ACCEPTANCE for each in results):
        return Outcome.NO_RULES
    return Outcome.OPEN if Outcome.OPEN in outcomes else Outcome.PASS


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
