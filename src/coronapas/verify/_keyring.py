"""Which keys may sign which pass: the policy for domains, and the keys of a trust store.

Source: hcert-spec, chapters 3 and 4. `KeyRing` finds the key that signed a message, and judges its
certificate's validity. What a pass says is judged by its profile.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import (
    TYPE_CHECKING,
    Any,
    Final,
    Literal,
    NamedTuple,
)

from coronapas.errors import KeyMaterialError
from coronapas.hcert import _cose as cose
from coronapas.tolerances import Deviation
from coronapas.trust._certificate import VerifyingKey
from coronapas.trust._list import (
    PARTICIPANTS,
    TEST_PARTICIPANTS,
    is_participant,
    later,
)

if TYPE_CHECKING:
    from collections.abc import (
        Collection,
        Iterable,
        Iterator,
        Mapping,
    )
    from datetime import timedelta

    from coronapas.hcert import Envelope
    from coronapas.trust import (
        Certificate,
        Listing,
        Source,
        TrustStore,
    )
    from coronapas.verify._profile import Profile
    from coronapas.verify._result import Findings

# Which listed keys may sign which payload: a verifier's policy for lists that state domains.
#
# WHO's network lists keys of several domains, environments and usages side by side, and one key
# on it says nothing about another's business: a pilgrimage's key must not make an EU pass valid.
# No text of WHO's maps payloads to domains, so the table is this project's: `Profile.domains`,
# which the caller can replace. Rules, for each list that vouches for a key:
#
# 1. The usage must be ``DSC``.
# 2. The environment must be one that was asked for.
# 3. A participant that WHO tests with does not count in production.
# 4. The domain must be one of the payload's. A list that knows no domains counts as DCC's: that is
#    what the lists of the EU and of its countries are for.
#
# A certificate that the caller put in by hand, without a list, is on none of these terms: whoever
# trusts it by itself, and accepts a payload, has decided. Its listing counts if it has one.
#
# Whatever a list states about itself and its keys is as trustworthy as its signature.

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


CertificateTime = Literal["now", "issued"]
"""When the signing certificate must have been valid: at the moment of the check, or of the
issue."""

_SIGNATURE_FAULTS: Final = {
    "signature.algorithm": "The stated algorithm is not that of the key.",
    "signature.length": "The signature does not have the length of the key's signatures.",
    "signature.invalid": (
        "The signature does not hold: the pass was changed, or another key signed it."
    ),
}


_OTHER_ISSUER: Final = Deviation(
    "certificate.participant",
    "iss",
    "the issuer of the pass is not the participant whose key signed it",
)


class KeyRing:
    """The keys of one trust store, ready to judge; safe to share between threads.

    `skew` is in seconds and is granted to what is not yet valid; `certificate_time` says when a
    certificate must have been valid; `policy` which listed keys count. The keys that were used are
    kept by kid: what is stored follows from the trust store and the policy alone, so that two
    threads that fill the same place store the same.
    """

    def __init__(
        self,
        trust: TrustStore,
        skew: float,
        certificate_time: CertificateTime,
        policy: TrustPolicy = DEFAULT_POLICY,
    ) -> None:
        self.trust = trust
        self.skew = skew
        self.certificate_time = certificate_time
        self.policy = policy
        self._keys: dict[bytes, tuple[VerifyingKey, ...]] = {}
        self._admissions: dict[tuple[Certificate, str], Admission] = {}

    def __getstate__(self) -> dict[str, Any]:
        # Loaded keys do not travel to another process; they are loaded again where they are needed.
        return {**self.__dict__, "_keys": {}, "_admissions": {}}

    def admission(self, key: VerifyingKey, profile: Profile) -> Admission:
        """Return what the policy says of a key of the store for a payload."""
        place = (key.certificate, profile.name)
        found = self._admissions.get(place)
        if found is None:
            sources = self.trust.sources_of(key.certificate)
            found = self._admissions[place] = admission(self.policy, sources, profile)
        return found

    def keys_of(self, kid: bytes) -> tuple[VerifyingKey, ...]:
        """Return the keys of the trust store with this kid, ready to judge signatures."""
        keys = self._keys.get(kid)
        if keys is None:
            keys = tuple(_readable(self.trust, kid))
            # A kid that the store does not hold is not remembered: strangers choose those.
            if keys:
                self._keys[kid] = keys
        return keys

    def signing_key(
        self, message: cose.Sign1, profile: Profile, now: float, found: Findings
    ) -> VerifyingKey | None:
        """Return the key that signed the message; None where none did, with the reason in `found`.

        Decides the checks "key identifier" and "signature", and fails "cose" for an algorithm that
        passes do not use.
        """
        if message.algorithm not in cose.ALGORITHMS:
            found.fail("cose", "cose.algorithm", "Passes do not use this signature algorithm.")
            return None
        if message.kid is None:
            found.fail("key identifier", "identifier.missing", "The pass names no key.")
            return None
        keys = self.keys_of(message.kid)
        if not keys:
            found.fail("key identifier", *self._no_key(message.kid), kid=message.kid.hex())
            return None
        admissions = [(key, self.admission(key, profile)) for key in keys]
        objections = [each.objection for _, each in admissions if each.objection is not None]
        if len(objections) == len(admissions):
            found.fail("key identifier", *objections[-1])
            return None
        listed = [key for key, each in admissions if each.objection is None and now <= each.until]
        if not listed:
            found.fail(
                "key identifier",
                "identifier.list-expired",
                "Every list that holds the key is too old.",
            )
            return None
        found.passed("key identifier")
        faults: list[str] = []
        for key in listed:
            fault = key.fault(message)
            if fault is None:
                found.passed("signature")
                if key.deviations:
                    found.deviate(key.deviations)
                return key
            faults.append(fault)
        # With several keys, the fault of the one that came furthest tells most.
        fault = max(faults, key=tuple(_SIGNATURE_FAULTS).index)
        found.fail("signature", fault, _SIGNATURE_FAULTS[fault])
        return None

    def judge_participant(
        self,
        key: VerifyingKey,
        profile: Profile,
        stated: Iterable[tuple[str, str]],
        found: Findings,
    ) -> None:
        """Compare the participants that a content names, by their places, with the key's own."""
        participants = self.admission(key, profile).participants
        if not participants:
            return
        for place, code in stated:
            if not self.policy.names(code, participants):
                found.deviate((replace(_OTHER_ISSUER, field=place),))

    def judge_certificate(
        self, key: VerifyingKey, profile: Profile, envelope: Envelope, now: float, found: Findings
    ) -> None:
        """Judge the certificate's validity against the issue, the check and the end of the pass.

        The issuer that the pass names is compared with the participant whose key it is.
        """
        name = "certificate validity"
        participants, issuer = self.admission(key, profile).participants, envelope.issuer
        if participants and issuer is not None and not self.policy.names(issuer, participants):
            found.deviate((_OTHER_ISSUER,))
        first, last = key.not_before, key.not_after
        if first is None or last is None:
            found.unknown(name, "validity.not-stated", "The list states no validity.")
            return
        issued_at, expires = envelope.issued_at, envelope.expires
        if issued_at is not None and not first <= issued_at <= last:
            found.fail(
                name,
                "validity.not-when-issued",
                "The pass was issued when the certificate was not valid.",
            )
        if expires is not None and expires > last:
            found.deviate(
                (Deviation("certificate.outlived", "exp", "the pass outlives its certificate"),)
            )
        if self.certificate_time == "now":
            if now > last:
                found.fail(name, "validity.over", "The certificate is no longer valid.")
            elif now + self.skew < first:
                found.fail(name, "validity.not-begun", "The certificate is not valid yet.")
        found.passed(name)

    def _no_key(self, kid: bytes) -> tuple[str, str]:
        """Why there is no key for a kid: a code and a sentence."""
        shown = kid[: cose.KID_LENGTH].hex()
        if self.trust.by_kid(kid):
            return (
                "identifier.unreadable",
                f"The trust list's certificate with the kid {shown} cannot be read.",
            )
        dropped = self.trust.dropped_with(kid)
        if dropped:
            return (
                "identifier.dropped",
                f"The key with the kid {shown} was left out of the trust list: "
                f"{dropped[0].reason.rstrip('.')}.",
            )
        return "identifier.unknown", f"The trust list holds no key with the kid {shown}."


def _readable(trust: TrustStore, kid: bytes) -> Iterator[VerifyingKey]:
    """Those certificates that can be read to the end; a broken one cannot speak for a pass."""
    for certificate in trust.by_kid(kid):
        try:
            yield VerifyingKey(certificate)
        except KeyMaterialError:
            continue
