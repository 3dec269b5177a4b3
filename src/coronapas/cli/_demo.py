"""``coronapas demo``: make keys; issue, draw and verify passes; verify one that was tampered with.

Everything is invented and in memory, and nothing uses a network: the keys are discarded at the end,
and the people do not exist.
"""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Final

import click

from coronapas.cli._output import coloured, plain

if TYPE_CHECKING:
    from coronapas.facts import Event, EventKind
    from coronapas.issue import Pass
    from coronapas.keys import KeyPair
    from coronapas.verify import Verification, Verifier

_COUNTRY: Final = "DK"
_ORGANISATION: Final = "Invented Health Agency"
_LIFETIME: Final = timedelta(days=90)
_GENUINE: Final = b"Eksempel"
_TAMPERED: Final = b"Uvedkom."


@click.command("demo", short_help="Issue and verify passes with test keys.")
def command() -> None:
    """Issue three passes with test keys, draw a QR code, and verify them and a tampered one.

    Exit codes: 0 every result is as expected; 1 one is not.
    """
    from coronapas.trust import TrustStore
    from coronapas.verify import Verifier

    now = datetime.now(UTC)
    pairs = _keys(now)
    passes = {kind: _issue(pairs[kind], event, now) for kind, event in _events(now).items()}
    vaccination = next(iter(passes.values()))
    click.secho("\nThe vaccination pass, as its holder carries it", bold=True)
    click.echo(vaccination.qr().terminal())
    verifier = Verifier(TrustStore(pair.certificate for pair in pairs.values()))
    good = [_verify(verifier, f"The {kind} pass", made.text, now) for kind, made in passes.items()]
    title = "The vaccination pass, with another name in it"
    tampered = _verify(verifier, title, _tamper(vaccination), now)
    as_expected = all(good) and not tampered
    click.secho(
        "\nThe three passes are ok and the tampered one is not, as expected."
        if as_expected
        else "\nThis is not as expected.",
        bold=True,
    )
    sys.exit(0 if as_expected else 1)


def _keys(now: datetime) -> dict[EventKind, KeyPair]:
    """Make a CSCA, and a DSC for each kind of pass."""
    from coronapas.facts import EventKind
    from coronapas.keys import make_csca

    since = now - timedelta(days=1)
    authority = make_csca(_COUNTRY, valid_from=since, organisation=_ORGANISATION)
    click.secho("Test keys", bold=True)
    click.echo(f"  CSCA  {authority.certificate.subject}")
    pairs = {}
    for kind in EventKind:
        name = f"{_COUNTRY} DSC {kind}"
        pair = authority.issue_dsc(
            valid_from=since, usages=[kind], name=name, organisation=_ORGANISATION
        )
        click.echo(f"  DSC   {pair.certificate.subject}, kid {pair.certificate.kid.hex()}")
        pairs[kind] = pair
    return pairs


def _events(now: datetime) -> dict[EventKind, Event]:
    from coronapas.facts import EventKind, Recovery, Test, TestKind, TestResult, Vaccination

    today = now.date()
    return {
        EventKind.VACCINATION: Vaccination("Comirnaty", 2, 2, today - timedelta(days=40)),
        EventKind.TEST: Test(
            TestKind.NAAT,
            now - timedelta(hours=3),
            TestResult.NOT_DETECTED,
            centre="Invented Test Centre",
        ),
        EventKind.RECOVERY: Recovery(
            today - timedelta(days=30), today - timedelta(days=19), today + timedelta(days=150)
        ),
    }


def _issue(pair: KeyPair, event: Event, now: datetime) -> Pass:
    from coronapas.facts import Holder
    from coronapas.issue import Issuer

    holder = Holder(_GENUINE.decode(), "Ibine Opdigtet", date(1979, 4, 14))
    issuer = Issuer(_COUNTRY, pair.signer(), name=_ORGANISATION)
    return issuer.issue(holder, event, expires=_LIFETIME, issued_at=now)


def _tamper(issued: Pass) -> str:
    """Return the pass with its holder's name overwritten, and everything else unchanged."""
    from coronapas.hcert import encode

    return encode(issued.message.replace(_GENUINE, _TAMPERED))


def _verify(verifier: Verifier, title: str, text: str, now: datetime) -> bool:
    verification = verifier.verify(text, at=now)
    click.secho(f"\n{title}: {coloured('ok' if verification.ok else 'FAIL')}", bold=True)
    _show(verification)
    return verification.ok


def _show(verification: Verification) -> None:
    for check in verification.checks:
        click.echo(f"  {coloured(check.outcome, 7)}  {check.name:<20}  {plain(check.sentence)}")
