"""The passes that are measured: our own, of all kinds, with names in several scripts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from coronapas import keys
from coronapas.facts import Event, Holder, Recovery, Test, TestKind, TestResult, Vaccination
from coronapas.issue import Issuer, Pass
from coronapas.keys import KeyPair
from coronapas.trust import TrustStore
from coronapas.verify import Verifier

NOW = datetime.now(UTC).replace(microsecond=0)
_BEGIN = NOW - timedelta(days=400)

HOLDERS = (
    Holder("Musterhus", "Agathe", date(1975, 3, 14)),
    Holder("Østergård-Prøve", "Søren Ægir", date(1990, 4, 1)),
    Holder("Παραδειγματίδου", "Ελένη", date(1968, 11, 30)),
    Holder("Примерова", "Людмила Тестова", date(2001, 7, 9)),
)
_DAY = (NOW - timedelta(days=90)).date()
EVENTS: tuple[Event, ...] = (
    Vaccination("Comirnaty", 2, 2, _DAY),
    Vaccination("Spikevax", 3, 3, _DAY),
    Test(
        TestKind.NAAT, NOW - timedelta(hours=5), TestResult.NOT_DETECTED, centre="Testcenter Nord"
    ),
    Recovery(_DAY, _DAY + timedelta(days=11), _DAY + timedelta(days=180)),
)


@dataclass(frozen=True)
class Sample:
    """A DSC, its issuer and verifier, and passes of every holder and event."""

    pair: KeyPair
    issuer: Issuer
    verifier: Verifier
    facts: tuple[tuple[Holder, Event], ...]
    passes: tuple[Pass, ...]

    def issue(self, holder: Holder, event: Event) -> Pass:
        """Issue one pass for a year."""
        return self.issuer.issue(holder, event, expires=timedelta(days=200), issued_at=NOW)


def sample(copies: int = 6) -> Sample:
    """Passes of every holder and event, `copies` of each."""
    pair = keys.make_csca("DK", valid_from=_BEGIN).issue_dsc(valid_from=_BEGIN)
    issuer = Issuer("DK", pair.signer(), name="Prøvestyrelsen")
    verifier = Verifier(TrustStore([pair.certificate]))
    facts = tuple((holder, event) for holder in HOLDERS for event in EVENTS) * copies
    made = Sample(pair, issuer, verifier, facts, ())
    passes = tuple(made.issue(holder, event) for holder, event in facts)
    return Sample(pair, issuer, verifier, facts, passes)
