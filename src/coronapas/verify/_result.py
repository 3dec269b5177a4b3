"""What a verification found: checks in the order of the layers, deviations, and the facts.

The values here are results; `coronapas.verify._verifier` makes them. A result cannot be changed,
tells nothing about the holder in its `repr`, and hands content out as trusted only where the
signature held.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from coronapas.dcc._reader import facts_of
from coronapas.errors import CoronapasError
from coronapas.hcert import _cbor as cbor
from coronapas.hcert._envelope import Envelope, Limits, decode

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from coronapas.facts import PassFacts
    from coronapas.revocation._status import RevocationAnswer
    from coronapas.tolerances import Deviation
    from coronapas.trust._certificate import Certificate
    from coronapas.trust._list import Source
    from coronapas.trust._store import TrustStore


class Outcome(StrEnum):
    """How a check ended."""

    PASS = "PASS"  # noqa: S105 - an outcome, no password
    FAIL = "FAIL"
    SKIPPED = "SKIPPED"
    """It could not run, because an earlier check failed."""
    UNKNOWN = "UNKNOWN"
    """It could not be decided from the data at hand."""


class Check(NamedTuple):
    """One check: its name, how it ended, a stable code, and a sentence for a person.

    A code names what was judged before its dot and what was found behind it (``time.expired``;
    ``….ok`` and ``….skipped`` are every check's). A deviation that was not granted fails its check
    under its own code (``prefix.missing``).
    """

    name: str
    outcome: Outcome
    code: str
    sentence: str


CHECKS: Final = (
    "prefix",
    "base45",
    "compression",
    "cbor",
    "cose",
    "key identifier",
    "signature",
    "certificate validity",
    "key usage",
    "time",
    "content",
    "revocation",
)
"""The names of the checks, in the order of the layers."""

_PASSED: Final = {
    name: Check(name, Outcome.PASS, f"{name.split()[-1]}.ok", sentence)
    for name, sentence in (
        ("prefix", "The text begins as a pass does."),
        ("base45", "The text is intact Base45."),
        ("compression", "The body is intact and of a pass's size."),
        ("cbor", "The content is well-formed."),
        ("cose", "The message is one that passes use."),
        ("key identifier", "The pass names a key of the trust list."),
        ("signature", "The signature holds."),
        ("certificate validity", "The signing certificate was valid."),
        ("key usage", "The certificate may sign passes of this kind."),
        ("time", "The validity that the pass states covers the time of the check."),
        ("content", "The content follows the schema."),
        ("revocation", "No revocation list holds the pass."),
    )
}
"""The check of each name where it passed and there is no more to say."""

_SKIPPED: Final = {
    name: Check(
        name,
        Outcome.SKIPPED,
        f"{name.split()[-1]}.skipped",
        "Not checked, because an earlier check failed.",
    )
    for name in CHECKS
}


def skipped(name: str) -> Check:
    """The check `name` where it could not run."""
    return _SKIPPED[name]


def _named(source: Source) -> str:
    """A list for a person; empty for what the caller put in by hand."""
    if source.format == "given":
        return ""
    dated = ""
    if source.dated is not None:
        dated = f" of {moment(source.dated.timestamp()):%Y-%m-%d %H:%M} UTC"
    return f"the list {source.name or source.format}{dated}"


_FIRST: Final = datetime.min.replace(tzinfo=UTC)
_LAST: Final = datetime.max.replace(tzinfo=UTC)


def moment(seconds: float) -> datetime:
    """Seconds since 1970-01-01T00:00:00Z as a moment in UTC, or the nearest that a datetime can be.

    The first moment of the year 1 at +14:00, and the last of the year 9999, are datetimes, and
    beyond them in UTC and by the rounding of seconds. Raises ValueError for NaN.
    """
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        if seconds != seconds:
            raise
        return _FIRST if seconds < 0 else _LAST


class VerificationError(CoronapasError):
    """A pass that did not verify; `failures` lists every check that failed."""

    def __init__(self, failures: tuple[Check, ...]) -> None:
        self.failures = failures
        super().__init__("; ".join(f"{check.name}: {check.sentence}" for check in failures))


class Verification:
    """What is true of one scanned text at one moment. Immutable, and it can be pickled.

    `ok` is True where no check failed (and it is the truth value of the whole); a check whose
    outcome is UNKNOWN does not fail by itself: the verifier's settings say whether it does.
    `envelope` shows every layer and implies no trust; it is None where the text could not be
    opened. `certificate` is the one under which the signature held, else None. `deviations` are
    all departures from the specification that were found, those that were granted and those that
    failed a check.
    """

    __slots__ = (
        "_at",
        "_certificate",
        "_checks",
        "_dcc",
        "_deviations",
        "_envelope",
        "_ok",
        "_revocation",
        "_trust",
    )

    def __init__(
        self,
        ok: bool,
        checked_at: float,
        envelope: Envelope | tuple[str, Limits] | None,
        certificate: Certificate | None,
        deviations: tuple[Deviation, ...],
        checks: Mapping[str, Check],
        dcc: Any,
        revocation: RevocationAnswer | None = None,
        trust: TrustStore | None = None,
    ) -> None:
        """Made by a verifier. `checks` are those that did not simply pass, `dcc` is the payload.

        `envelope` may be a text that is known to open, and the limits to open it with once somebody
        asks.
        """
        # A pass that was opened already is open to all who ask: what one of them changes in it is
        # not to change what is trusted.
        if type(envelope) is Envelope:
            dcc = cbor.copy(dcc)
        self._ok = ok
        self._at = checked_at
        self._envelope = envelope
        self._certificate = certificate
        self._deviations = deviations
        self._checks = checks
        self._dcc = dcc
        self._revocation = revocation
        self._trust = trust

    @property
    def ok(self) -> bool:
        """Whether no check failed."""
        return self._ok

    @property
    def certificate(self) -> Certificate | None:
        """The certificate under which the signature held; None where it did not."""
        return self._certificate

    @property
    def sources(self) -> tuple[Source, ...]:
        """The lists that vouch for `certificate`, with their dates; none where there is none."""
        if self._certificate is None or self._trust is None:
            return ()
        return self._trust.sources_of(self._certificate)

    @property
    def deviations(self) -> tuple[Deviation, ...]:
        """All departures from the specification that were found, granted ones and others."""
        return self._deviations

    @property
    def at(self) -> datetime:
        """The moment of the check, in UTC; at the calendar's ends, the nearest one that it has."""
        return moment(self._at)

    @property
    def revocation(self) -> RevocationAnswer | None:
        """What revocation data said of the pass, by which list of which date; None if not asked."""
        return self._revocation

    @property
    def envelope(self) -> Envelope | None:
        """Every layer of the pass, with no trust implied; None where it could not be opened."""
        envelope = self._envelope
        if envelope is None or isinstance(envelope, Envelope):
            return envelope
        text, limits = envelope
        self._envelope = opened = decode(text, limits=limits)
        return opened

    def __getstate__(self) -> object:
        """What pickle and copy take: everything, but of the trust list only what is told of it."""
        slots: dict[str, object]
        _, slots = super().__getstate__()  # type: ignore[misc]
        return None, {**slots, "_trust": self._told_of_trust()}

    def _told_of_trust(self) -> TrustStore | None:
        """A store of the one certificate, with the lists that vouch for it."""
        if self._certificate is None or self._trust is None:
            return None
        listed = self._trust.listed_sources(self._certificate)
        return type(self._trust)(
            (self._certificate,), sources=None if listed is None else {self._certificate: listed}
        )

    def __bool__(self) -> bool:
        return self._ok

    def __repr__(self) -> str:
        failed = " ".join(check.code for check in self.failures)
        return f"<Verification {'ok' if self.ok else failed}>"

    @property
    def checks(self) -> tuple[Check, ...]:
        """Every check, in the order of `CHECKS`."""
        return tuple(self.check(name) for name in CHECKS)

    def _passed(self, name: str) -> Check:
        check = _PASSED[name]
        if name != "signature" or self.certificate is None:
            return check
        country, kid = self.certificate.country or "?", self.certificate.kid.hex()
        lists = ", ".join(filter(None, map(_named, self.sources)))
        listed = f", by {lists}" if lists else ""
        sentence = f"The signature holds under a key of {country}, kid {kid}{listed}."
        return check._replace(sentence=sentence)

    def check(self, name: str) -> Check:
        """The check of this name; KeyError for a name that is not in `CHECKS`."""
        return self._checks.get(name) or self._passed(name)

    @property
    def failures(self) -> tuple[Check, ...]:
        """The checks that failed, in order."""
        return tuple(check for check in self.checks if check.outcome is Outcome.FAIL)

    @property
    def signed(self) -> bool:
        """Whether a key of the trust list signed this very content."""
        return self._certificate is not None

    @property
    def payload(self) -> Any:
        """The DCC as the pass states it, a fresh copy; None unless the signature held.

        What an unverified pass states is at `envelope.dcc`.
        """
        return cbor.copy(self._dcc) if self.signed else None

    @property
    def facts(self) -> PassFacts | None:
        """The typed facts; None unless the signature held and the content could be read.

        What could not be read of an odd pass is None in the facts and a deviation of the result.
        """
        return facts_of(self._dcc)[0] if self.signed else None

    def require(self) -> Self:
        """This result, where it is ok; raises VerificationError listing every failure otherwise."""
        if not self.ok:
            raise VerificationError(self.failures)
        return self
