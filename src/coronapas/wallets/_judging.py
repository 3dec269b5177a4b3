"""What the verifiers of both formats share: settings, time, content, revocation."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, TypedDict

from coronapas._time import moment, seconds
from coronapas.dcc._examiner import Examiner, default_examiner
from coronapas.dcc._reader import kind_of
from coronapas.revocation._hashes import RevocationOutcome, hashes_of_payload
from coronapas.tolerances import FIELD, TOLERANCES
from coronapas.trust._store import TrustStore
from coronapas.verify._keyring import DEFAULT_POLICY
from coronapas.verify._profile import Occasion
from coronapas.verify._profiles.eu import event_deviations
from coronapas.verify._verifier import DEFAULT_CLOCK_SKEW
from coronapas.wallets._issuers import Issuers

if TYPE_CHECKING:
    from datetime import datetime

    from coronapas.dcc import ValueSets
    from coronapas.facts import EventKind
    from coronapas.revocation import RevocationAnswer, RevocationStore
    from coronapas.trust import Certificate
    from coronapas.verify import CertificateTime, TrustPolicy
    from coronapas.verify._profile import Profile
    from coronapas.wallets._result import Findings
    from coronapas.wallets._status_list import StatusList

STATUS: Final = "status"


class CredentialSettings(TypedDict, total=False):
    """The settings that the verifiers of both formats take, as keywords.

    Attributes:
        tolerate: The tolerances granted for the content (`coronapas.tolerances`); `FIELD` by
            default.
        clock_skew: How far a credential may lie in the future (inclusive); five minutes by default.
        certificate_time: Whether the certificate must be valid ``"now"``, as by default, or when
            the credential was ``"issued"``.
        value_sets: The value sets that codes are judged by; the bundled ones by default.
        policy: Which listed keys count, as for passes.
        revocation: Revocation data of passes: a credential is revoked where the pass with its
            identifier is. None for none.
        status_lists: The status lists at hand (`read_status_list`). Of several with one address,
            the latest counts.
        refuse_unknown_status: Whether a credential fails where neither its status list nor
            revocation data can tell; by default the outcome is UNKNOWN.

    """

    tolerate: Collection[str]
    clock_skew: timedelta
    certificate_time: CertificateTime
    value_sets: ValueSets | None
    policy: TrustPolicy
    revocation: RevocationStore | None
    status_lists: Iterable[StatusList]
    refuse_unknown_status: bool


class Judge:
    """The settings of a verifier of credentials, and the checks that both formats have."""

    def __init__(self, trust: TrustStore, profile: Profile, settings: CredentialSettings) -> None:
        if not isinstance(trust, TrustStore):
            raise TypeError(f"trust must be a TrustStore, got {type(trust).__name__}")
        unknown = settings.keys() - CredentialSettings.__annotations__.keys()
        if unknown:
            raise TypeError(f"there is no such setting: {', '.join(sorted(unknown))}")
        tolerate = settings.get("tolerate", FIELD)
        if isinstance(tolerate, str) or not frozenset(tolerate) <= TOLERANCES.keys():
            raise ValueError("tolerate must be a collection of names of tolerances")
        clock_skew = settings.get("clock_skew", DEFAULT_CLOCK_SKEW)
        if clock_skew < timedelta(0):
            raise ValueError("clock_skew is a duration and cannot be negative")
        certificate_time = settings.get("certificate_time", "now")
        if certificate_time not in ("now", "issued"):
            raise ValueError("certificate_time must be 'now' or 'issued'")
        self.granted = frozenset(tolerate)
        self.skew = clock_skew.total_seconds()
        policy = settings.get("policy", DEFAULT_POLICY)
        self.issuers = Issuers(trust, self.skew, certificate_time, profile, policy)
        value_sets = settings.get("value_sets")
        self._examiner = default_examiner() if value_sets is None else Examiner(value_sets)
        self._lists: dict[str, StatusList] = {}
        for each in settings.get("status_lists", ()):
            held = self._lists.get(each.uri)
            if held is None or held.issued_at <= each.issued_at:
                self._lists[each.uri] = each
        self._revocation = settings.get("revocation")
        self._refuse_unknown = settings.get("refuse_unknown_status", False)

    def now(self, at: datetime | None) -> float:
        """Return the moment of the check in seconds."""
        return time.time() if at is None else seconds(at)

    def content(
        self, payload: dict[str, Any] | None, known: bool, now: float, found: Findings
    ) -> None:
        """Decide the check "content"; `known` says whether the type is one that facts come from."""
        name = "content"
        if payload is None:
            code, sentence = (
                ("content.partial", "Too little is disclosed to make a pass's facts of it.")
                if known
                else ("content.other-type", "The type is not one that a pass's facts come from.")
            )
            found.unknown(name, code, sentence)
            return
        found.deviate(self._examiner.examine(payload))
        found.deviate(event_deviations(payload, Occasion(now, self.skew, self._examiner)))
        found.passed(name)

    @staticmethod
    def kinds(payload: dict[str, Any] | None) -> tuple[EventKind, ...]:
        """Return the kinds of event that the certificate must be allowed to sign."""
        kind = None if payload is None else kind_of(payload)
        return () if kind is None else (kind,)

    def revoked(
        self,
        holder: Mapping[Any, Any],
        payload: dict[str, Any] | None,
        signer: Certificate,
        now: float,
        found: Findings,
    ) -> RevocationAnswer | None:
        """Decide the check "revocation"; return what revocation data of passes says, if asked.

        By the claim ``status`` of a credential or an MSO, and by the identifier of the pass. What
        one of them says against the credential counts, whatever the other says.
        """
        name, unknown = "revocation", list(self._status(holder, now, found))
        answer = None
        if self._revocation is not None and payload is not None:
            hashes = hashes_of_payload(payload, signer.country)
            answer = self._revocation.status_of(hashes, signer.kid, at=moment(now))
            if STATUS not in holder:
                # There is something to ask, so nothing is missing for want of a status list.
                unknown.clear()
            if answer.outcome is RevocationOutcome.REVOKED:
                found.fail(name, answer.code, answer.sentence)
            elif answer.outcome is RevocationOutcome.UNKNOWN:
                unknown.append((answer.code, answer.sentence))
        for code, sentence in unknown:
            if self._refuse_unknown:
                found.fail(name, code, sentence)
            else:
                found.unknown(name, code, sentence)
        found.passed(name)
        return answer

    def _status(
        self, holder: Mapping[Any, Any], now: float, found: Findings
    ) -> Iterator[tuple[str, str]]:
        """Yield what the status list leaves unknown, by code and sentence; fail what it says."""
        name = "revocation"
        if STATUS not in holder:
            yield "revocation.no-data", "The credential names no status list."
            return
        reference = holder[STATUS]
        entry = reference.get("status_list") if isinstance(reference, Mapping) else None
        stated = entry if isinstance(entry, Mapping) else {}
        index, uri = stated.get("idx"), stated.get("uri")
        if type(index) is not int or index < 0 or not isinstance(uri, str):
            found.fail(name, "revocation.malformed", "The reference to a status list is malformed.")
            return
        listed = self._lists.get(uri)
        if listed is None:
            yield "revocation.no-list", "The status list that the credential names was not given."
        elif not listed.valid_at(now, self.skew):
            sentence = "The status list that the credential names is too old, or not valid yet."
            yield "revocation.stale-list", sentence
        else:
            status = listed.status_of(index)
            if status is None:
                sentence = "The status list has no such index."
                found.fail(name, "revocation.out-of-range", sentence)
            elif status != 0:
                found.fail(name, *_STATUSES.get(status, _OTHER_STATUS))


_STATUSES: Final = {
    1: ("revocation.revoked", "The status list says that the credential is revoked."),
    2: ("revocation.suspended", "The status list says that the credential is suspended."),
}
_OTHER_STATUS: Final = ("revocation.other-status", "The status list does not say valid.")


def judge_time(
    begin: float | None,
    issued_at: float | None,
    end: float | None,
    now: float,
    skew: float,
    found: Findings,
    *,
    end_inclusive: bool,
) -> None:
    """Decide the check "time". A credential without an end is valid without one."""
    name = "time"
    if end is not None and (now > end or (now == end and not end_inclusive)):
        found.fail(name, "time.expired", "The credential has expired.")
    if begin is not None and begin > now + skew:
        found.fail(name, "time.not-yet", "The credential is not valid yet.")
    if issued_at is not None and issued_at > now + skew:
        found.fail(name, "time.not-yet", "The credential was issued in the future.")
    if end is not None and any(each is not None and each > end for each in (begin, issued_at)):
        found.fail(name, "time.order", "The credential ends before it begins.")
    found.passed(name)
