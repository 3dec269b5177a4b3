"""Windows of time as sentences for a person.

Every bound names its moment in UTC and says whether it is included. What is said here tells the
holder's dates, moved by what the rules add to them. The rules' own words come in the language that
was asked for; the rest is English.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from coronapas.rules import wording
from coronapas.rules.model import RuleType
from coronapas.rules.verdict import Outcome

if TYPE_CHECKING:
    from coronapas.rules.verdict import RuleResult
    from coronapas.rules.windows import Bound, Change, Timeline, Window

MAX_NAMED: Final = 3
"""As many rules as are named for one bound."""

_OUTCOMES: Final = {
    Outcome.PASS: "Accepted in",
    Outcome.FAIL: "Not accepted in",
    Outcome.OPEN: "Not decided for",
    Outcome.NO_RULES: "No acceptance rule for such a pass in",
}


def window(found: Window) -> str:
    """Outcome, start and end with the rules whose change makes them, and the rules that decide."""
    parts = [f"{_OUTCOMES[found.outcome]} {wording.place(found.scope)}"]
    if found.start is None and found.end is None:
        parts.append("at every moment asked about")
    if found.start is not None:
        parts.append(f"from {_bound(found.start, found.begins_because)}")
    if found.end is not None:
        parts.append(f"until {_bound(found.end, found.ends_because)}")
    # A bound tells why already, where it is the same rules.
    told = {change.rule for change in (*found.begins_because, *found.ends_because)}
    deciding = [one for one in found.deciding if one.rule not in told]
    if deciding:
        parts.append(f"because of {_and([_named(one) for one in deciding])}")
    first, *rest = parts
    return f"{first} {', '.join(rest)}." if rest else f"{first}."


def timeline(found: Timeline) -> str:
    """A line for each window, and what else is known of the time."""
    lines = [one.sentence for one in found.windows]
    if not found.complete:
        lines.append(
            f"Not found out before {moment(found.first)} and after {moment(found.last)}: the rules"
            " change too often."
        )
    if found.expires is not None:
        lines.append(f"The pass itself is valid until {moment(found.expires)} (included).")
    return "\n".join(lines)


def change(found: Change) -> str:
    """What happens to a rule."""
    return f"{found.rule} {_happens(found)} ({found.description})"


def moment(at: datetime) -> str:
    """A moment as a person reads it, in UTC, with a fraction of a second where it has one."""
    return f"{at.astimezone(UTC).replace(tzinfo=None).isoformat(sep=' ')} UTC"


def _happens(found: Change) -> str:
    before, after = found.before, found.after
    if after is None:
        return "is no longer in force"
    if before is None:
        return f"comes into force and {_does(after)}"
    if before.rule is not after.rule:
        return f"follows version {before.rule.version} and {_does(after)}"
    if after.rule.type is RuleType.INVALIDATION and after.outcome is Outcome.PASS:
        return "no longer declares the pass invalid"
    return {
        Outcome.PASS: "begins to hold",
        Outcome.FAIL: _does(after)
        if after.rule.type is RuleType.INVALIDATION
        else "ceases to hold",
    }.get(after.outcome, _does(after))


def _does(result: RuleResult) -> str:
    invalidates = result.rule.type is RuleType.INVALIDATION
    match result.outcome:
        case Outcome.PASS:
            return "does not declare the pass invalid" if invalidates else "holds"
        case Outcome.FAIL:
            return "declares the pass invalid" if invalidates else "does not hold"
        case _:
            return "gives no answer"


def _bound(bound: Bound, because: tuple[Change, ...]) -> str:
    text = f"{moment(bound.moment)} ({'included' if bound.included else 'not included'})"
    return f"{text}, when {_together(because)}" if because else text


def _together(because: tuple[Change, ...]) -> str:
    """All rules that make a change, or as many of them as a person reads."""
    if len(because) > MAX_NAMED:
        if all(one.before is None for one in because):
            return f"{len(because)} rules come into force"
        if all(one.after is None for one in because):
            return f"{len(because)} rules are no longer in force"
    named = [one.sentence for one in because[:MAX_NAMED]]
    more = len(because) - len(named)
    return _and([*named, f"{more} more change"] if more else named)


def _named(result: RuleResult) -> str:
    return f"{result.rule} ({result.description})"


def _and(texts: list[str]) -> str:
    *most, last = texts
    return f"{', '.join(most)} and {last}" if most else last
