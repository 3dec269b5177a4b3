"""The profile of the EU Digital COVID Certificate (hcert-spec; DCC schema; EU basic checks)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from coronapas.dcc import _reader as reader
from coronapas.hcert._cwt import DCC
from coronapas.hcert._envelope import PREFIX
from coronapas.tolerances import Deviation
from coronapas.verify._profile import Examined, Profile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from coronapas.facts import PassFacts
    from coronapas.hcert import Envelope
    from coronapas.verify._profile import Occasion

_POSITIVE_TEST: Final = Deviation(
    "content.positive-test",
    "t.0.tr",
    "the test found the infection, and the pass is no proof of its absence",
)
_UNKNOWN_RESULT: Final = Deviation(
    "content.unknown-result", "t.0.tr", "the result is neither positive nor negative"
)
_SAMPLED_IN_FUTURE: Final = Deviation(
    "content.sampled-in-future", "t.0.sc", "the sample is stated to be taken in the future"
)
_NO_DCC: Final = ("content.no-dcc", "The pass holds no EU DCC.")


def _examine(envelope: Envelope, occasion: Occasion) -> Examined:
    hcert = envelope.claims.hcert
    dcc = None if hcert is None else hcert.get(DCC)
    if dcc is None:
        return Examined(envelope, fault=_NO_DCC)
    kind = reader.kind_of(dcc)
    found = occasion.examiner.examine(dcc)
    if type(dcc) is dict and dcc.get("t"):
        found = (*found, *test_deviations(dcc, occasion))
    return Examined(envelope, found, None if kind is None else (kind,), dcc)


def test_deviations(dcc: Any, occasion: Occasion) -> Iterator[Deviation]:
    """Judge what a test must be beyond its schema: negative (DGC7) and in the past (DGC8)."""
    if reader.positive_test(dcc):
        yield _POSITIVE_TEST
    elif not reader.negative_test(dcc):
        yield _UNKNOWN_RESULT
    sampled = reader.sampled_at(dcc)
    if sampled is not None and sampled.timestamp() > occasion.now + occasion.skew:
        yield _SAMPLED_IN_FUTURE


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
