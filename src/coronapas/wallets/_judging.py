"""What the verifiers of both formats share: settings, time, content, status."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from coronapas._time import seconds
from coronapas.dcc._examiner import Examiner, default_examiner
from coronapas.dcc._reader import kind_of
from coronapas.tolerances import FIELD, TOLERANCES
from coronapas.trust._store import TrustStore
from coronapas.verify._profile import Occasion
from coronapas.verify._profiles.eu import event_deviations
from coronapas.verify._verifier import DEFAULT_CLOCK_SKEW
from coronapas.wallets._issuers import Issuers

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from coronapas.dcc import ValueSets
    from coronapas.facts import EventKind
    from coronapas.verify._keyring import CertificateTime
    from coronapas.wallets._result import Findings
    from coronapas.wallets._status_list import StatusList

STATUS: Final = "status"


class Judge:
    """The settings of a verifier of credentials, and the checks that both formats have."""

    def __init__(
        self,
        trust: TrustStore,
        *,
        tolerate: Collection[str] = FIELD,
        clock_skew: timedelta = DEFAULT_CLOCK_SKEW,
        certificate_time: CertificateTime = "now",
        value_sets: ValueSets | None = None,
        status_lists: Iterable[StatusList] = (),
        refuse_unknown_status: bool = False,
    ) -> None:
        if not isinstance(trust, TrustStore):
            raise TypeError(f"trust must be a TrustStore, got {type(trust).__name__}")
        if isinstance(tolerate, str) or not frozenset(tolerate) <= TOLERANCES.keys():
            raise ValueError("tolerate must be a collection of names of tolerances")
        if clock_skew < timedelta(0):
            raise ValueError("clock_skew is a duration and cannot be negative")
        if certificate_time not in ("now", "issued"):
            raise ValueError("certificate_time must be 'now' or 'issued'")
        self.granted = frozenset(tolerate)
        self.skew = clock_skew.total_seconds()
        self.issuers = Issuers(trust, self.skew, certificate_time)
        self._examiner = default_examiner() if value_sets is None else Examiner(value_sets)
        self._lists = {each.uri: each for each in status_lists}
        self._refuse_unknown = refuse_unknown_status

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

    def status(self, holder: Mapping[Any, Any], now: float, found: Findings) -> None:
        """Decide the check "revocation" by the claim ``status`` of a credential or an MSO."""
        name = "revocation"
        if STATUS not in holder:
            found.unknown(name, "revocation.no-data", "The credential names no status list.")
            return
        reference = holder[STATUS]
        entry = reference.get("status_list") if isinstance(reference, Mapping) else None
        stated = entry if isinstance(entry, Mapping) else {}
        index, uri = stated.get("idx"), stated.get("uri")
        if type(index) is not int or index < 0 or not isinstance(uri, str):
            found.fail(name, "revocation.malformed", "The reference to a status list is malformed.")
            return
        listed = self._lists.get(uri)
        if listed is None or not listed.valid_at(now, self.skew):
            known = "is too old, or not valid yet" if listed is not None else "was not given"
            code = "revocation.no-list" if listed is None else "revocation.stale-list"
            sentence = f"The status list that the credential names {known}."
            if self._refuse_unknown:
                found.fail(name, code, sentence)
            else:
                found.unknown(name, code, sentence)
            return
        status = listed.status_of(index)
        if status is None:
            found.fail(name, "revocation.out-of-range", "The status list has no such index.")
        elif status == 0:
            found.passed(name)
        elif status in _STATUSES:
            found.fail(name, *_STATUSES[status])
        else:
            found.fail(name, "revocation.other-status", "The status list does not say valid.")


_STATUSES: Final = {
    1: ("revocation.revoked", "The status list says that the credential is revoked."),
    2: ("revocation.suspended", "The status list says that the credential is suspended."),
}


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
