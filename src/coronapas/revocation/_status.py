"""What revocation data says of one pass, and the door through which a verifier asks.

Three answers, never two: REVOKED, NOT_REVOKED, and UNKNOWN where the data at hand cannot tell. What
to do about UNKNOWN is the caller's to decide; an answer says which list decided, its date, and why.
"""

from __future__ import annotations

from datetime import UTC
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

if TYPE_CHECKING:
    from datetime import datetime

    from coronapas.hcert._envelope import Envelope
    from coronapas.revocation._hashes import HashType


class RevocationOutcome(StrEnum):
    """Whether a pass is revoked, as far as the data at hand goes."""

    REVOKED = "REVOKED"
    NOT_REVOKED = "NOT_REVOKED"
    UNKNOWN = "UNKNOWN"


SENTENCES: Final = {
    "revocation.revoked": "A revocation list holds the pass.",
    "revocation.ok": "No revocation list holds the pass.",
    "revocation.no-data": "There is no revocation data for passes of this country and key.",
    "revocation.list-expired": "The revocation list is too old.",
    "revocation.list-incomplete": "A part of the revocation list that may hold the pass is absent.",
    "revocation.entry-expired": "A revocation list held the pass, and the entry has expired.",
    "revocation.no-hash": "The list names passes by what this pass does not have.",
}
"""The codes of all answers, with a sentence for a person."""


class RevocationAnswer(NamedTuple):
    """What is known of one pass.

    `code` is one of `SENTENCES`. `source` names the list that decided (empty for
    ``revocation.no-data``), `as_of` is its date where it is known. For a revoked pass `hash_type`
    says by which hash it was found, `batch` which part of the list held it, and
    `false_positive_rate` how likely the list takes another pass for a revoked one: 0 for a list of
    whole hashes, more for a Bloom filter or a list of prefixes.
    """

    outcome: RevocationOutcome
    code: str
    source: str = ""
    as_of: datetime | None = None
    hash_type: HashType | None = None
    batch: str = ""
    false_positive_rate: float = 0.0

    @property
    def sentence(self) -> str:
        """The answer for a person; it names the list and nothing of the pass."""
        where = ""
        if self.source:
            dated = ""
            if self.as_of is not None:
                dated = f" of {self.as_of.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
            where = f" ({self.source}{dated})"
        return f"{SENTENCES[self.code].rstrip('.')}{where}."


class RevocationSource(Protocol):
    """Whatever can say whether a pass is revoked; `RevocationStore` is one."""

    def status(self, envelope: Envelope, *, at: datetime) -> RevocationAnswer:
        """What is known of the pass at the moment `at`, which has a time zone.

        Never raises on any pass. The pass's signature need not have been verified.
        """
        ...
