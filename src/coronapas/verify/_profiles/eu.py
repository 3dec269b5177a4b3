"""The profile of the EU Digital COVID Certificate (hcert-spec; DCC schema; EU basic checks)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from coronapas.dcc import _chronology as chronology
from coronapas.dcc import _reader as reader
from coronapas.dcc._examiner import MOST_DEVIATIONS
from coronapas.hcert._cwt import DCC
from coronapas.hcert._envelope import PREFIX
from coronapas.verify._profile import Examined, Profile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from coronapas.facts import PassFacts
    from coronapas.hcert import Envelope
    from coronapas.tolerances import Deviation
    from coronapas.verify._profile import Occasion

_NO_DCC: Final = ("content.no-dcc", "The pass holds no EU DCC.")


def _examine(envelope: Envelope, occasion: Occasion) -> Examined:
    hcert = envelope.claims.hcert
    dcc = None if hcert is None else hcert.get(DCC)
    if dcc is None:
        return Examined(envelope, fault=_NO_DCC)
    found = occasion.examiner.examine(dcc)
    now = occasion.now
    if type(dcc) is dict and not chronology.is_past(dcc, now, chronology.day_around(now)[2]):
        found = (*found, *event_deviations(dcc, occasion))
    return Examined(envelope, found, reader.kinds_of(dcc) or None, dcc)


def event_deviations(dcc: Mapping[Any, Any], occasion: Occasion) -> tuple[Deviation, ...]:
    """Judge what events must be beyond their schema: negative (DGC7), and past (DGC8)."""
    found = (*chronology.results(dcc), *chronology.order(dcc, occasion.now, occasion.skew))
    return found[:MOST_DEVIATIONS]


def _facts(dcc: Any) -> PassFacts | None:
    return reader.facts_of(dcc)[0]


EU: Final = Profile(
    name="eu",
    family="eu",
    title="an EU Digital COVID Certificate",
    noun="pass",
    plural="EU passes",
    prefix=PREFIX,
    # Claim 7 (`cti`) is no part of the profile, and real passes have it: an extra claim.
    marks=frozenset({"-260.1", "7"}),
    required=frozenset({"-260.1"}),
    examine=_examine,
    facts=_facts,
)
