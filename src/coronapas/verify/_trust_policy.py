"""Which listed keys may sign which payload: a verifier's policy for lists that state domains.

WHO's network lists keys of several domains, environments and usages side by side, and one key on it
says nothing about another's business: a pilgrimage's key must not make an EU pass valid. No text of
WHO's maps payloads to domains, so the table is this project's: `Profile.domains`, which the caller
can replace. Rules, for each list that vouches for a key:

1. The usage must be ``DSC``.
2. The environment must be one that was asked for.
3. A participant that WHO tests with does not count in production.
4. The domain must be one of the payload's. A list that knows no domains counts as DCC's: that is
   what the lists of the EU and of its countries are for.

A certificate that the caller put in by hand, without a list, is on none of these terms: whoever
trusts it by itself, and accepts a payload, has decided. Its listing counts if it has one.

Whatever a list states about itself and its keys is as trustworthy as its signature.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from coronapas.trust._list import later
from coronapas.trust._participants import PARTICIPANTS, TEST_PARTICIPANTS, is_participant

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import timedelta

    from coronapas.trust import Listing, Source
    from coronapas.verify._profile import Profile

DCC: Final = "DCC"
"""The domain of lists that know no domains."""

_BY_HAND: Final = frozenset(("given", "plain"))
_TESTED: Final = frozenset(("production", None))


class Admission(NamedTuple):
    """What a policy says of one key for one payload.

    Attributes:
        until: The end of the trust of the lists that count (inclusive), in seconds since
            1970-01-01T00:00:00Z; infinity for no end.
        participants: The participants whose key it is by those lists; empty where one of them
            names none.
        objection: A code and a sentence where no list counts; else None.

    """

    until: float
    participants: frozenset[str]
    objection: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class TrustPolicy:
    """Which listed keys a verifier accepts. Immutable.

    Attributes:
        environments: The environments of WHO's network that are accepted: ``production``, ``uat``,
            ``development``; None for its lists that state none. Lists of others have none to match.
        domains: The domains whose keys may sign a payload, by the name or family of its profile
            (``"icvp"``), in place of those of `Profile.domains`.
        test_participants: The participants that do not count in production.
        max_age: The greatest age of a list (inclusive), counted from its date, or from when it was
            fetched if that is earlier; a list without any date is then too old. None for no limit
            but the lists' own. Certificates that were put into the store by hand have no age.
        participants: The participants of each alpha-2 code, by which the issuer of a pass is
            compared with the participant whose key signed it.

    """

    environments: Collection[str | None] = frozenset(("production",))
    domains: Mapping[str, Collection[str]] = field(default_factory=dict)
    test_participants: Collection[str] = TEST_PARTICIPANTS
    max_age: timedelta | None = None
    participants: Mapping[str, Collection[str]] = field(default_factory=lambda: PARTICIPANTS)

    def __post_init__(self) -> None:
        if isinstance(self.environments, str) or isinstance(self.test_participants, str):
            raise TypeError("environments and test_participants must be collections of codes")
        if any(isinstance(codes, str) for codes in self.domains.values()):
            raise TypeError("domains must map a payload to a collection of codes")
        if self.max_age is not None and self.max_age.total_seconds() < 0:
            raise ValueError("max_age must not be negative")

    def domains_of(self, profile: Profile) -> Collection[str]:
        """Return the domains whose keys may sign a payload."""
        for name in (profile.name, profile.family):
            if name in self.domains:
                return self.domains[name]
        return profile.domains

    def objection(self, listing: Listing | None, profile: Profile) -> tuple[str, str] | None:
        """Return why a key of this listing may not sign a payload: a code and a sentence, or None.

        `listing` is None for a list that knows no domains.
        """
        domain = DCC
        if listing is not None:
            domain = listing.domain or DCC
            if listing.usage != "DSC":
                said = f"The key is listed as {listing.usage}, which signs no passes."
                return "identifier.usage", said
            if listing.environment not in self.environments:
                name = listing.environment or "unknown"
                said = f"The key is listed in an environment that is not accepted ({name})."
                return "identifier.environment", said
            if listing.participant in self.test_participants and listing.environment in _TESTED:
                said = f"The key is that of a test participant ({listing.participant})."
                return "identifier.test-participant", said
        if domain not in self.domains_of(profile):
            said = f"The key is listed for the domain {domain}, which signs no {profile.plural}."
            return "identifier.domain", said
        return None

    def names(self, issuer: str, participants: Collection[str]) -> bool:
        """Return whether the issuer that a pass names is one of the participants."""
        table = {issuer: frozenset(self.participants.get(issuer, ()))}
        return any(is_participant(issuer, each, table) for each in participants)


def admission(policy: TrustPolicy, sources: Iterable[Source], profile: Profile) -> Admission:
    """Return what the lists that vouch for a key come to for a payload."""
    ends: list[float] = []
    participants: set[str | None] = set()
    objections: list[tuple[str, str]] = []
    for source in sources:
        by_hand = source.format in _BY_HAND and source.listing is None
        objection = None if by_hand else policy.objection(source.listing, profile)
        if objection is not None:
            objections.append(objection)
            continue
        ends.append(_end(policy, source))
        participants.add(None if source.listing is None else source.listing.participant)
    if not ends:
        # Of several objections, the one that came furthest tells most.
        furthest = max(objections, key=_furthest, default=_UNLISTED)
        return Admission(-math.inf, frozenset(), furthest)
    named = frozenset(code for code in participants if code is not None)
    return Admission(max(ends), frozenset() if None in participants else named)


def _end(policy: TrustPolicy, source: Source) -> float:
    end = math.inf if source.until is None else source.until.timestamp()
    if policy.max_age is None or source.format in _BY_HAND:
        return end
    if source.dated is None:
        return -math.inf
    return min(end, later(source.dated, policy.max_age).timestamp())


_UNLISTED: Final = ("identifier.unknown", "No list vouches for the key.")
_ORDER: Final = (
    "identifier.usage",
    "identifier.environment",
    "identifier.test-participant",
    "identifier.domain",
)


def _furthest(objection: tuple[str, str]) -> int:
    return _ORDER.index(objection[0])


DEFAULT_POLICY: Final = TrustPolicy()
"""Production's keys alone, for the payloads that their domains are for."""
