"""The profile of WHO's certificate of vaccination (ICVP): claim -6 in an EU-compatible container.

1. Any of the four shapes is read (`coronapas.gdhcn`); what departs from its shape is a deviation.
2. ``exp`` is the end of the signature and not of the protection, which lasts for life in the case
   of yellow fever. Passes of shape A1 state none: a deviation, never a failure by itself.
3. ``iss`` has two capitals, or the three of a participant of WHO's network.
4. A certificate with key usages must cover vaccinations.
5. A dose from the future fails, whatever is tolerated; the latest day on earth counts (UTC+14).
6. A version that is not known is ambiguous: the content's check is UNKNOWN.

7. Where a list names the participant whose key signed, an authority that the content names must be
   that one: a difference is a deviation (`certificate.participant`).

Whether a dose protects its holder at a border is another question: `coronapas.gdhcn.judge` answers
it with the caller's catalogue of products. No revocation list of these certificates exists.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Final

from coronapas._time import moment
from coronapas.facts import EventKind
from coronapas.gdhcn._icvp import (
    COUNTRY_3,
    ICVP_LABEL,
    Shape,
    read,
)
from coronapas.hcert._cwt import HCERT
from coronapas.hcert._envelope import PREFIX
from coronapas.tolerances import Deviation, _step
from coronapas.verify._profile import Examined, Profile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from coronapas.gdhcn._icvp import Icvp
    from coronapas.hcert import Envelope
    from coronapas.verify._profile import Occasion

_BEGIN: Final = datetime(2025, 9, 19, tzinfo=UTC).timestamp()
"""When the amended International Health Regulations entered into force."""

_MOST_EXTRA: Final = 64
_AHEAD: Final = timedelta(hours=14)
_NO_END: Final = Deviation("cwt.missing-exp", "exp", "no usable end of the signature is stated")
_EARLY: Final = Deviation(
    "content.issued-early", "iat", "issued before the amended regulations admitted such passes"
)
_FUTURE: Final = ("content.dose-in-future", "A dose is dated after the day of the check.")
_UNREADABLE: Final = ("content.no-icvp", "The pass holds no certificate of vaccination.")
_AMBIGUOUS: Final = (
    "content.version-ambiguous",
    "The certificate is of a version that is not known, and was read as the latest one.",
)


def extra_claims(envelope: Envelope, label: int) -> Iterator[Deviation]:
    """Report what stands in ``hcert`` beside the sub-claim `label`."""
    others = (other for other in envelope.claims.hcert or () if other != label)
    for other in islice(others, _MOST_EXTRA):
        place = f"{HCERT}.{_step(other)}"
        yield Deviation("cwt.extra-claim", place, "beside the claim stands more")


def as_who_issues(envelope: Envelope) -> Envelope:
    """Return the envelope without the deviation of an issuer that is a participant's code."""
    if not COUNTRY_3.fullmatch(envelope.issuer or ""):
        return envelope
    kept = tuple(each for each in envelope.deviations if each.code != "cwt.issuer")
    return envelope._replace(deviations=kept)


def _examine(envelope: Envelope, occasion: Occasion) -> Examined:
    envelope = as_who_issues(envelope)
    hcert = envelope.claims.hcert
    certificate, found = read(None if hcert is None else hcert.get(ICVP_LABEL))
    deviations = [*extra_claims(envelope, ICVP_LABEL), *found]
    if envelope.expires is None:
        deviations.append(_NO_END)
    issued_at = envelope.issued_at
    if issued_at is not None and issued_at < _BEGIN:
        deviations.append(_EARLY)
    if certificate is None:
        return Examined(envelope, tuple(deviations), fault=_UNREADABLE)
    issued_on = None if issued_at is None else _latest_day(issued_at)
    days = [dose.given_on for dose in certificate.doses if dose.given_on is not None]
    if issued_on is not None and any(day > issued_on for day in days):
        deviations.append(
            Deviation("content.date-order", "iat", "issued before the dose was given")
        )
    today = _latest_day(occasion.now)
    return Examined(
        envelope,
        tuple(deviations),
        kinds=(EventKind.VACCINATION,),
        content=certificate,
        fault=_FUTURE if any(day > today for day in days) else None,
        ambiguity=_AMBIGUOUS if certificate.ambiguous else None,
        authorities=tuple(_authorities(certificate)),
    )


def _authorities(certificate: Icvp) -> Iterator[tuple[str, str]]:
    """Yield the authorities that are participants' codes; shape A1 has free text."""
    if certificate.shape is not Shape.A1:
        for dose in certificate.doses:
            if dose.authority is not None and COUNTRY_3.fullmatch(dose.authority):
                yield f"{certificate.shape.container}.is", dose.authority


def _latest_day(seconds: float) -> date:
    """Return the latest local day anywhere at a moment."""
    at = moment(seconds)
    return (at + _AHEAD).date() if at.year < date.max.year else date.max


ICVP: Final = Profile(
    name="icvp",
    family="icvp",
    title="an ICVP (WHO's certificate of vaccination)",
    noun="certificate",
    plural="ICVPs",
    prefix=PREFIX,
    marks=frozenset({f"{HCERT}.{ICVP_LABEL}", "7"}),
    required=frozenset({f"{HCERT}.{ICVP_LABEL}"}),
    examine=_examine,
    end_optional=True,
    revocable=False,
    domains=frozenset(("ICVP",)),
)
