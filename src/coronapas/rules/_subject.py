"""The data of a rule: a pass's payload, and the external parameter (EU DCC business rules).

``external`` holds validationClock, valueSets, countryCode, exp, iat, issuerCountryCode, kid and
region. Date-times are texts in UTC to the second (to the millisecond where the moment has a
fraction); `kid` is in base64, as trust lists show it; what is not known is left out, and reads as
null. That exp and iat are texts, and kid is in base64, is recalled, not sourced.

The validation clock is the moment asked for. Some implementations take the start of its day, which
the specification does not say.

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

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from functools import cache, reduce
from math import ceil, floor, isfinite
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from coronapas.dcc._chronology import newest_first
from coronapas.dcc._examiner import may_be_absent
from coronapas.dcc._reader import holder_of
from coronapas.dcc._text import normal, plain_birth_date, plain_date, plain_moment
from coronapas.errors import WalletError
from coronapas.facts._model import compare_holders
from coronapas.rules._model import Version

if TYPE_CHECKING:
    from coronapas.dcc._valuesets import ValueSets
    from coronapas.hcert._envelope import Envelope
    from coronapas.verify._result import Check, Verification
    from coronapas.wallets._result import CredentialVerification


Judged: TypeAlias = "Verification | Envelope | Mapping[str, Any]"
"""What rules can be asked about: a result, an opened pass, or a payload."""

MAX_PASSES: Final = 100
"""The most passes of one wallet, inclusive."""
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""The beginning of the count of microseconds."""
TICK: Final = timedelta(microseconds=1)
"""The least time between two moments."""
_SECOND: Final = 10**6
_GROUPS: Final = ("v", "t", "r")
_EXCLUSIVE_ENDS: Final = frozenset({"sd-jwt"})
"""The profiles that are no longer valid at the very end that they state (``exp``, RFC 7519)."""


def microseconds(moment: datetime) -> int:
    """Return a moment in microseconds since 1970; ValueError where it has no time zone."""
    if moment.utcoffset() is None:
        raise ValueError("the moment must have a time zone")
    return (moment - EPOCH) // TICK


class Lifetime(NamedTuple):
    """The time for which a verified pass is valid by its own statement.

    Both ends are in microseconds since 1970 and included; None where there is no such end.
    """

    first: int | None = None
    """The first moment, in microseconds since 1970-01-01T00:00:00Z."""
    last: int | None = None
    """The last moment, likewise."""

    @classmethod
    def of(cls, judged: Verification, begin: float | None, end: float | None) -> Lifetime:
        """Return the lifetime of a pass that verified at a moment; its ends are in seconds.

        That moment is always within it: a verifier grants clocks that differ.
        """
        first = None if begin is None else _microseconds(begin, ceil)
        if first is not None:
            first = min(first, microseconds(judged.at))
        excluded = judged.profile in _EXCLUSIVE_ENDS
        last = None if end is None else _microseconds(end, ceil if excluded else floor)
        return cls(first, last - excluded if last is not None else None)

    def within(self, other: Lifetime) -> Lifetime:
        """Return the time that both have; of two that never meet, the first is after the last."""
        first = [each for each in (self.first, other.first) if each is not None]
        last = [each for each in (self.last, other.last) if each is not None]
        return Lifetime(max(first, default=None), min(last, default=None))

    def lapses(self, moment: datetime) -> tuple[Check, ...]:
        """Return why the pass is not valid at a moment; nothing where it is."""
        # As a float it is exact to far less than a second, and costs a tenth.
        near = moment.timestamp() * _SECOND
        if (self.first is None or self.first + _SECOND < near) and (
            self.last is None or near < self.last - _SECOND
        ):
            return ()
        at = microseconds(moment)
        early = self.first is not None and at < self.first
        late = self.last is not None and at > self.last
        return tuple(
            _lapse(code) for code, holds in zip(LAPSES, (early, late), strict=True) if holds
        )


def _microseconds(seconds: float, rounded: Callable[[Fraction], int]) -> int | None:
    """Return seconds in whole microseconds; None for infinity."""
    if isinstance(seconds, int):
        return seconds * _SECOND
    return rounded(Fraction(seconds) * _SECOND) if isfinite(seconds) else None


LAPSES: Final = {
    "time.not-begun": "The pass's own validity has not begun at the moment asked about.",
    "time.over": "The pass's own validity is over at the moment asked about.",
}
"""Why a pass that verified is refused at another moment, by code."""


@cache
def _lapse(code: str) -> Check:
    from coronapas.verify._result import Check, Outcome

    return Check("time", Outcome.FAIL, code, LAPSES[code])


@dataclass(frozen=True, slots=True)
class Subject:
    """A normalised payload and what its container says; times are seconds since 1970 (UTC)."""

    payload: Mapping[str, Any] = field(repr=False)
    issuer: str | None = field(default=None, repr=False)
    kid: bytes | None = None
    issued_at: int | None = None
    expires: int | None = None
    refusals: tuple[Check, ...] = ()
    """Why no rule may be asked: the checks of a verification that is not ok."""
    lifetime: Lifetime | None = None
    """When the pass is valid by itself; None for what nobody verified."""

    @classmethod
    def of(cls, judged: Judged) -> Subject:
        """Read a verification, an envelope (no trust implied), or a bare payload.

        Of a verification that is not ok nothing is kept but its `refusals`: what it states is not
        to be trusted.

        Raises:
            TypeError: It is something else, or a pass without a payload.

        """
        if isinstance(judged, Mapping):
            return cls(normalised(judged))
        from coronapas.hcert._envelope import Envelope
        from coronapas.verify._result import Verification
        from coronapas.wallets._result import CredentialVerification

        if isinstance(judged, Verification | CredentialVerification) and not judged.ok:
            return cls({}, refusals=_refusals(judged))
        if isinstance(judged, CredentialVerification):
            return cls._of_credential(judged)
        if isinstance(judged, Verification):
            if judged.profile != "eu":
                # A DK3 holds a DCC too, whose entries end by a date that no rule reads.
                raise TypeError("the pass has no payload that rules could judge")
            envelope, certificate = judged.envelope, judged.certificate
            verified: Verification | None = judged
        elif isinstance(judged, Envelope):
            envelope, certificate, verified = judged, None, None
        else:
            raise TypeError(
                "rules judge a Verification, an Envelope or a payload (a mapping), "
                f"got {type(judged).__name__}"
            )
        payload = None if envelope is None else envelope.dcc
        if envelope is None or not isinstance(payload, Mapping):
            raise TypeError("the pass has no payload that rules could judge")
        return cls(
            normalised(payload),
            envelope.issuer or (certificate.country if certificate else None),
            envelope.kid,
            envelope.issued_at,
            envelope.expires,
            lifetime=None
            if verified is None
            else Lifetime.of(verified, envelope.issued_at, envelope.expires),
        )

    @classmethod
    def _of_credential(cls, judged: CredentialVerification) -> Subject:
        """Read a wallet credential that is ok; its payload is that of the pass it states."""
        payload, content, certificate = judged.payload, judged.credential, judged.certificate
        if content is None or not isinstance(payload, Mapping):
            raise TypeError("the credential states no pass that rules could judge")
        issued_at, expires = (
            int(each) if each is not None and isfinite(each) else None
            for each in (content.issued_at, content.expires)
        )
        return cls(
            normalised(payload),
            None if certificate is None else certificate.country,
            None if certificate is None else certificate.kid,
            issued_at,
            expires,
            lifetime=Lifetime.of(judged, content.valid_from, content.expires),
        )


def _refusals(verification: Verification | CredentialVerification) -> tuple[Check, ...]:
    """Return the checks that failed, or those that did not run where none failed."""
    from coronapas.verify._result import Outcome

    skipped = (check for check in verification.checks if check.outcome is Outcome.SKIPPED)
    return verification.failures or tuple(skipped)


_DATES: Final[Mapping[str, Mapping[str, Callable[[str], str]]]] = {
    "v": {"dt": plain_date},
    "t": {"sc": plain_moment, "dr": plain_moment},
    "r": {"fr": plain_date, "df": plain_date, "du": plain_date},
}
_NO_DATES: Final[Mapping[str, Callable[[str], str]]] = {}


def normalised(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the payload as `coronapas.dcc` reads it, so that rules and facts mean the same.

    White space around texts, texts not in NFC, whole numbers written as floats, optional fields
    that are null or empty, dates with a time, date-times in other forms than the exact one: a rule
    would refuse or misread them for nothing. What the verifier saw of it is among its deviations.
    Of several entries in a group the newest comes first. The payload given is not changed.
    """
    changed: dict[str, Any] = {}
    for name, value in payload.items():
        if isinstance(value, Mapping):
            better: Any = _normalised_record(value, name)
        elif isinstance(value, (list, tuple)):
            better = [
                _normalised_record(i, name) if isinstance(i, Mapping) else _plain(i) for i in value
            ]
            if len(better) > 1 and name in _DATES:
                better = [entry for *_, entry in newest_first((name, "", each) for each in better)]
        else:
            better = _plain(value)
            if name == "dob" and isinstance(better, str):
                better = plain_birth_date(better)
        changed[name] = better
    stated = {name for name in _DATES if changed.get(name)}
    for name in _DATES.keys() - stated if stated else ():
        # An empty group beside the real one is one that is not there.
        changed.pop(name, None)
    return changed


def _normalised_record(record: Mapping[str, Any], kind: str) -> dict[str, Any]:
    dates = _DATES.get(kind, _NO_DATES)
    found = {}
    for name, value in record.items():
        plain = _plain(value)
        if may_be_absent(kind, name, plain):
            continue
        read = dates.get(name)
        found[name] = plain if read is None or not isinstance(plain, str) else read(plain)
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        # Also from a subclass (a date-time that stood under CBOR tag 0) to a plain text.
        text = str(value).strip()
        return text if text.isascii() else normal(text)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def instant(moment: datetime) -> str:
    """Return a moment as rules read it: UTC, with ``Z``; cut to the millisecond before it.

    Raises ValueError for a moment without a time zone.
    """
    if moment.utcoffset() is None:
        raise ValueError("the moment must have a time zone")
    utc = moment.astimezone(UTC)
    shown = utc.isoformat(timespec="milliseconds" if utc.microsecond >= 1000 else "seconds")
    return f"{shown[:-6]}Z"


def external(
    *,
    country: str,
    value_sets: Mapping[str, Any],
    region: str | None = None,
    issuer_country: str | None = None,
    kid: bytes | None = None,
    issued_at: int | None = None,
    expires: int | None = None,
) -> dict[str, Any]:
    """Return the external parameter, except for its clock."""
    found: dict[str, Any] = {"valueSets": value_sets, "countryCode": country}
    if region is not None:
        found["region"] = region
    if issuer_country is not None:
        found["issuerCountryCode"] = issuer_country
    if kid is not None:
        found["kid"] = base64.b64encode(kid).decode("ascii")
    for name, seconds in (("exp", expires), ("iat", issued_at)):
        text = _date_time(seconds)
        if text is not None:
            found[name] = text
    return found


def _date_time(seconds: int | None) -> str | None:
    """Return seconds since 1970 as a text; None where no calendar has them."""
    if seconds is None:
        return None
    try:
        return instant(datetime.fromtimestamp(seconds, UTC))
    except (OverflowError, ValueError, OSError):
        return None


def codes(value_sets: ValueSets | Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Return value sets as rules read them: lists of codes by id; None: the bundled release."""
    if value_sets is None:
        return _bundled()
    if isinstance(value_sets, Mapping):
        return value_sets
    return value_sets.for_rules()


@cache
def _bundled() -> Mapping[str, Any]:
    from coronapas.dcc._valuesets import ValueSets

    return ValueSets.default().for_rules()


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
