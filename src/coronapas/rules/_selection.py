"""Which rules judge a pass (EU DCC business rules, “rule selection”).

The reference implementations disagree; what is taken here, and what `Policy` can switch:

- Time: ``ValidFrom ≤ t < ValidTo``. With the end included, two versions of a rule that follow each
  other would both be in force for an instant. (`end_included`)
- Version: of each identifier the highest semantic version *among those valid at that time*, so that
  a version whose time has not come does not silence the one in force.
- Kind of pass: the rules for what the pass states, and the general ones. (`by_certificate_type`)
- Region: in a region its own rules and those of the whole country count; without a region those of
  the whole country. (`country_wide_in_regions`)
- Acceptance rules are those of the country of arrival, invalidation rules those of the country of
  issue. Where that is not known, the invalidation rules of all countries are selected, and each is
  OPEN.
- Of two rules with one identifier and equal versions the one with the later ``ValidFrom`` counts,
  then the one given last.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from coronapas.rules._model import RuleType

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from coronapas.rules._model import CertificateType, Rule


@dataclass(frozen=True, slots=True)
class Policy:
    """The choices that a deployment may need to make differently.

    `end_included`: a rule counts at its ``ValidTo`` too. `by_certificate_type`: rules for another
    kind of pass are left out. `country_wide_in_regions`: rules of the whole country count in its
    regions. `true_invalidates`: an invalidation rule that holds says that the pass is invalid; set
    to false, that it is valid. `truthiness`: a result that is neither true nor false counts by its
    truth in place of being OPEN. `schema_versions`: a rule for a later schema than the payload's,
    or of another major version, is OPEN. `unread_is_open`: rules that could not be read, and may be
    the country's, keep the verdict from being PASS.
    """

    end_included: bool = False
    by_certificate_type: bool = True
    country_wide_in_regions: bool = True
    true_invalidates: bool = True
    truthiness: bool = False
    schema_versions: bool = True
    unread_is_open: bool = True


DEFAULT: Final = Policy()

KOTLIN: Final = Policy(end_included=True, country_wide_in_regions=False, true_invalidates=False)
"""As the reference's Kotlin engine decides (but for its comparison of versions by position)."""

JAVASCRIPT: Final = Policy(
    by_certificate_type=False, truthiness=True, schema_versions=False, unread_is_open=False
)
"""As the reference's JavaScript utilities decide (which know no regions)."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Whom the rules are asked for: what selects them, but for the time.

    `kinds` are the kinds of what the pass states. `issuer_country` None means that the country of
    issue is not known.
    """

    country: str
    """The country of arrival, whose acceptance rules count."""
    kinds: frozenset[CertificateType]
    issuer_country: str | None = None
    region: str | None = None
    """The region of that country; None for the whole."""

    def __post_init__(self) -> None:
        for name in ("country", "issuer_country", "region"):
            value = getattr(self, name)
            object.__setattr__(self, name, value.strip().upper() or None if value else None)
        if self.country is None:
            raise ValueError("the country must not be empty")

    def takes(self, rule: Rule, policy: Policy = DEFAULT) -> bool:
        """Return whether the rule judges in this scope, at whatever time."""
        if policy.by_certificate_type and not rule.covers(self.kinds):
            return False
        if rule.type is RuleType.INVALIDATION:
            # Of the region in which the pass was issued nothing is known.
            return self.issuer_country in (None, rule.country)
        if rule.country != self.country:
            return False
        if rule.region is None:
            return self.region is None or policy.country_wide_in_regions
        return rule.region == self.region


@dataclass(frozen=True, slots=True)
class Candidates:
    """All rules, in all their versions, that some moment may select."""

    rules: tuple[Rule, ...]
    """The rules."""
    policy: Policy = DEFAULT
    """How one of several versions is selected."""

    def at(self, moment: datetime) -> tuple[Rule, ...]:
        """Return the rules that judge at a moment, in the order of the set.

        General rules do not come first: the order is that of loading, which is that of the paths.
        """
        best: dict[tuple[RuleType, str], Rule] = {}
        included = self.policy.end_included
        for rule in self.rules:
            if not rule.valid_at(moment, end_included=included):
                continue
            key = rule.type, rule.identifier
            other = best.get(key)
            if other is None or not _prevails(other, rule):
                best[key] = rule
        return tuple(best.values())

    @property
    def bounds(self) -> tuple[datetime, ...]:
        """The moments at which the selection may change, ascending: the rules' own bounds.

        Between two neighbours it is the same. A rule's start belongs to what follows it, and so
        does its end, unless the policy includes it.
        """
        return tuple(sorted({time for rule in self.rules for time in _times(rule)}))


def candidates(rules: Iterable[Rule], scope: Scope, policy: Policy = DEFAULT) -> Candidates:
    """Return the rules that the scope takes, whatever the time."""
    return Candidates(tuple(rule for rule in rules if scope.takes(rule, policy)), policy)


def _times(rule: Rule) -> tuple[datetime, datetime]:
    return rule.valid_from, rule.valid_to


def _prevails(held: Rule, other: Rule) -> bool:
    """Return whether the rule held stays in the face of another one of its identifier."""
    return (held.version, held.valid_from) > (other.version, other.valid_from)
