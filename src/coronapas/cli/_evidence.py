"""What ``coronapas programme`` judges: a history, facts, or passes, as they are."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final, NoReturn

import click

from coronapas.cli._certificates import (
    PLACE,
    beside_option,
    pin_option,
    trust_from,
    unverified_option,
)
from coronapas.cli._output import plain
from coronapas.cli._passes import STDIN, items
from coronapas.cli._verifier import Judge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path

    from coronapas.errors import FaultsError
    from coronapas.facts import History, PassFacts
    from coronapas.trust import TrustStore
    from coronapas.verify import Verification

_FORGIVEN: Final = frozenset({"time.expired"})
"""What may fail of a pass that states an event: its own end says nothing against the event."""
_POSITIVE: Final = "content.positive-test"


def evidence_options(function: Callable[..., None]) -> Callable[..., None]:
    """Add the options that say what is judged; `history_from` takes what they give."""
    for option in (
        unverified_option,
        beside_option,
        pin_option,
        click.option(
            "--trust",
            multiple=True,
            type=PLACE,
            metavar="FILE",
            help="What --pass is verified with: trust lists or certificates.",
        ),
        click.option(
            "--pass",
            "passes",
            multiple=True,
            type=click.Path(exists=True, dir_okay=False, allow_dash=True),
            metavar="FILE",
            help="Passes of the holder: texts, pictures, a wallet's credentials; needs --trust.",
        ),
        click.option(
            "--history",
            "sources",
            multiple=True,
            type=click.Path(exists=True, dir_okay=False, allow_dash=True),
            metavar="FILE",
            help="A history, or facts of one or more events ('coronapas schema history' and "
            "'coronapas schema facts' describe them); - reads standard input.",
        ),
    ):
        function = option(function)
    return function


def history_from(
    sources: tuple[str, ...],
    passes: tuple[str, ...],
    trust: tuple[Path, ...],
    pins: tuple[Path, ...],
    beside: tuple[Path, ...],
    unverified_trust: bool,
    at: datetime | None = None,
) -> History:
    """Return one history of everything that is given; what cannot be used ends the command with 2.

    A pass counts where its signature and its content hold, also after its own end, if its
    certificate was valid when it was issued: a programme judges the event. Standard error says of
    which passes the own validity does not cover the moment `at`.
    """
    from coronapas.errors import HistoryError
    from coronapas.facts import History, merge

    if not sources and not passes:
        raise click.UsageError("Give --history or --pass.")
    if bool(passes) != bool(trust):
        raise click.UsageError("--pass and --trust need each other.")
    found = [_history(source) for source in sources]
    try:
        if passes:
            store = trust_from(trust, pins=pins, beside=beside, unverified=unverified_trust)
            found.append(History.from_passes(_facts(passes, _judge(store), at)))
        return merge(*found)
    except HistoryError as error:
        unusable("", error)


def _history(source: str) -> History:
    from coronapas.errors import HistoryError
    from coronapas.facts import LARGEST, read_history

    if source == STDIN:
        content = sys.stdin.buffer.read(LARGEST + 1)
    else:
        with open(source, "rb") as stream:
            content = stream.read(LARGEST + 1)
    try:
        return read_history(content if len(content) <= LARGEST else b"")
    except HistoryError as error:
        unusable("standard input" if source == STDIN else source, error)


def unusable(place: str, error: FaultsError) -> NoReturn:
    """Print a line for each fault and exit with 2: 1 would mean that something was judged."""
    for fault in error.faults:
        where = "".join(f"{each}: " for each in (place, fault.field) if each)
        click.echo(plain(f"Error: {where}{fault.problem} {fault.hint}"), err=True)
    sys.exit(2)


def _judge(store: TrustStore) -> Judge:
    from coronapas.tolerances import FIELD
    from coronapas.verify import Verifier
    from coronapas.wallets import CredentialSettings, MdocVerifier, SdJwtVerifier

    settings: CredentialSettings = {
        "tolerate": FIELD | {_POSITIVE},
        "certificate_time": "issued",
    }
    return Judge(
        Verifier(store, tolerate=FIELD | {_POSITIVE}, certificate_time="issued"),
        store,
        FIELD,
        SdJwtVerifier(store, **settings),
        MdocVerifier(store, **settings),
    )


def _facts(sources: tuple[str, ...], judge: Judge, at: datetime | None) -> Iterator[PassFacts]:
    for source in sources:
        for item in items(source):
            verification = judge.verify(item.readable().text)
            failed = [each for each in verification.failures if each.code not in _FORGIVEN]
            facts = verification.facts
            if failed or facts is None:
                what = failed[0].sentence if failed else "The pass states no event."
                raise click.UsageError(plain(f"{item.place}: {what}"))
            if at is not None and not _covers(verification, at):
                note = "the pass itself is not valid at that moment; its event is judged"
                click.echo(plain(f"{item.place}: {note}."), err=True)
            yield facts


def _covers(verification: Verification, at: datetime) -> bool:
    begin, end = verification.issued_at, verification.expires
    return (begin is None or begin <= at) and (end is None or at <= end)
