"""A rule's explanation as sentences for a person.

What decided is found in the explanation: of a condition the branch taken, or its guard where the
branch is a bare yes or no. Each comparison that decided becomes a sentence that names the field in
words, shows what it held, and says how it compares. What has no words here is shown in the
notation of `certlogic.to_text`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from coronapas.certlogic import to_text
from coronapas.certlogic.expressions import (
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

if TYPE_CHECKING:
    from collections.abc import Iterator

    from coronapas.certlogic import Explanation, Expr
    from coronapas.rules.selection import Scope

MAX_SENTENCES: Final = 8
"""As many facts as a person reads of one rule."""

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
"""The fields of a pass in words, by the last part of their path that is no number."""

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
    """The facts that decided, each once, at most `MAX_SENTENCES`; they show the data."""
    found = dict.fromkeys(_sentences(explanation))
    return tuple(list(found)[:MAX_SENTENCES])


def moment(at: datetime) -> str:
    """A moment as a person reads it, in UTC."""
    utc = at.astimezone(UTC)
    return f"{utc:%Y-%m-%d} at {utc:%H:%M:%S} UTC"


def place(scope: Scope) -> str:
    """The country of arrival, with the region where there is one."""
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
    """Whether the guard is part of the answer, or only leads to it.

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
    """What a path says that stands for itself."""
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
    """Where something is looked for."""
    if isinstance(expr, Var) and expr.path.startswith(_VALUE_SETS):
        return f"in the value set {expr.path.removeprefix(_VALUE_SETS)}"
    return "among those listed"


def _comparison(part: Explanation, words: str) -> str:
    first, *rest = part.because
    others = f" and {words} ".join(_operand(one) for one in rest)
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
