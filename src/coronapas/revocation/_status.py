"""What revocation data says of one pass, and the protocol by which a verifier asks.

There are three answers: REVOKED, NOT_REVOKED, and UNKNOWN where the data cannot tell. What to do
about UNKNOWN is the caller's decision; an answer says which list decided, its date, and why.
"""

from __future__ import annotations

from datetime import UTC
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from coronapas import catalogue

if TYPE_CHECKING:
    from datetime import datetime

    from coronapas.hcert._envelope import Envelope
    from coronapas.revocation._hashes import HashType


class RevocationOutcome(StrEnum):
    """Whether a pass is revoked, as far as the data goes."""

    REVOKED = "REVOKED"
    NOT_REVOKED = "NOT_REVOKED"
    UNKNOWN = "UNKNOWN"


SENTENCES: Final = {
    "revocation.revoked": "A revocation list holds the pass.",
    "revocation.ok": "No revocation list holds the pass.",
    "revocation.no-data": "There is no revocation data for passes of this country and key.",
    "revocation.list-expired": "The revocation list is too old.",
    "revocation.list-incomplete": "A part of the list that may hold the pass is missing.",
    "revocation.entry-expired": "A revocation list held the pass, and the entry has expired.",
    "revocation.no-hash": "The list names passes by what this pass does not have.",
}
"""The codes of all answers, with a sentence for a person."""


class RevocationAnswer(NamedTuple):
    """What is known of one pass.

    Attributes:
        outcome: The answer.
        code: The reason, one of ``revocation.revoked``, ``revocation.ok``, ``revocation.no-data``,
            ``revocation.list-expired``, ``revocation.list-incomplete``,
            ``revocation.entry-expired`` and ``revocation.no-hash``.
        source: The name of the list that decided; empty for ``revocation.no-data``.
        as_of: The list's date, if known.
        hash_type: For a revoked pass, the type of the hash by which it was found.
        batch: For a revoked pass, the part of the list that holds it.
        false_positive_rate: The chance that the list takes another pass for a revoked one: 0 for
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
        """The answer for a person; it names the list, and nothing of the pass."""
        where = ""
        if self.source:
            dated = ""
            if self.as_of is not None:
                dated = f" of {_dated(self.as_of)}"
            where = f" ({self.source}{dated})"
        return f"{SENTENCES[self.code].rstrip('.')}{where}."

    @property
    def place(self) -> str:
        """The list that decided and its date, for a person; empty where no list did."""
        if not self.source or self.as_of is None:
            return self.source
        return f"{self.source}, {_dated(self.as_of)}"

    def to_json(self, *, language: str = "en") -> dict[str, Any]:
        """Return the answer as ``schemas/verification.schema.json`` has it."""
        text = self.sentence
        if catalogue.language(language) != "en":
            text = catalogue.sentence(self.code, language)
            text = f"{text.rstrip('.')} ({self.place})." if self.place else text
        return {
            "outcome": self.outcome.value,
            "code": self.code,
            "sentence": text,
            "source": self.source,
            "as_of": None if self.as_of is None else self.as_of.isoformat(),
            "hash_type": None if self.hash_type is None else self.hash_type.value,
            "batch": self.batch,
            "false_positive_rate": self.false_positive_rate,
        }


def _dated(moment: datetime) -> str:
    try:
        return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    except OverflowError:  # in UTC it would be beyond the years 1 to 9999
        return moment.isoformat(" ", "minutes")


class RevocationSource(Protocol):
    """Whatever can say whether a pass is revoked; `RevocationStore` is one."""

    def status(self, envelope: Envelope, *, at: datetime) -> RevocationAnswer:
        """Return what is known of the pass at the moment `at`, which must have a time zone.

        Must not raise on any pass. The pass's signature need not have been verified.
        """
        ...
