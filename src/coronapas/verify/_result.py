"""What a verification found: the checks, and the result with its deviations and facts.

The table of checks is the whole of a check's identity: its name, what is said when it passes, and
which faults belong to it. Every check starts out SKIPPED; only the step that ran says PASS, FAIL or
UNKNOWN. What nobody looked at therefore never reads as passed. `Findings` is one run through the
table.

A `Verification` is what came of it; `coronapas.verify._verifier` makes them. It cannot be changed,
tells nothing about the holder in its `repr`, and hands content out as trusted only where the
signature held.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from coronapas import catalogue
from coronapas._time import moment
from coronapas.errors import CoronapasError
from coronapas.hcert import _cbor as cbor
from coronapas.hcert._envelope import Envelope, Limits, decode
from coronapas.tolerances import COUNTRIES

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime
    from typing import Self

    from coronapas.facts import PassFacts
    from coronapas.revocation._hashes import RevocationAnswer
    from coronapas.tolerances import Deviation
    from coronapas.trust._certificate import Certificate
    from coronapas.trust._list import Source
    from coronapas.trust._store import TrustStore
    from coronapas.verify._profile import Profile


class Outcome(StrEnum):
    """How a check ended."""

    PASS = "PASS"  # noqa: S105 - an outcome, no password
    FAIL = "FAIL"
    SKIPPED = "SKIPPED"
    """It did not run, because an earlier check failed."""
    UNKNOWN = "UNKNOWN"
    """It could not be decided from the data at hand."""


class Detail(NamedTuple):
    """One finding of a check, from which its sentence is made in any language.

    Attributes:
        code: The code of the catalogue.
        place: The path in the pass, or the list and its date; empty where there is none.
        parameters: Names and values for the sentence (``kid``), without the holder's data.

    """

    code: str
    place: str = ""
    parameters: tuple[tuple[str, str], ...] = ()

    def sentence_in(self, language: str) -> str:
        """Return the finding as a sentence in a language of the catalogue.

        Raises LookupError for a code that the catalogue does not have.
        """
        text = catalogue.sentence(self.code, language, **dict(self.parameters))
        return f"{text.rstrip('.')} ({self.place})." if self.place else text


class Check(NamedTuple):
    """One check of a verification.

    Attributes:
        name: One of `CHECKS`.
        outcome: How it ended.
        code: A stable code: what was judged before the dot, what was found behind it
            (``time.expired``; ``….ok`` and ``….skipped`` are every check's). A deviation that was
            not granted fails its check under its own code (``prefix.missing``).
        sentence: The finding for a person in English, without the holder's data.
        details: All findings of the check where it failed, or says more than its code.

    """

    name: str
    outcome: Outcome
    code: str
    sentence: str
    details: tuple[Detail, ...] = ()

    def sentence_in(self, language: str) -> str:
        """Return the finding in a language of the catalogue; for ``en`` that is `sentence`.

        A code of somebody else's payload, which the catalogue does not have, is said in English.
        Raises ValueError for a language that the catalogue does not have.
        """
        if catalogue.language(language) == "en":
            return self.sentence
        try:
            found = self.details or (Detail(self.code),)
            return " ".join(each.sentence_in(language) for each in found)
        except LookupError:
            return self.sentence

    def to_json(self, *, language: str = "en") -> dict[str, Any]:
        """Return ``name``, ``outcome`` and ``code``, and the ``sentence`` in a language."""
        return {
            "name": self.name,
            "outcome": str(self.outcome),
            "code": self.code,
            "sentence": self.sentence_in(language),
        }


@dataclass(frozen=True, slots=True)
class CheckRow:
    """One row of the table.

    `layers` are the layers of `DecodeError`s and deviations that belong to the check. `codes` are
    single deviations that belong to it although their layer is another check's.
    """

    name: str
    sentence: str
    layers: frozenset[str] = frozenset()
    codes: frozenset[str] = frozenset()


TABLE: Final = (
    CheckRow("prefix", "The text begins as a pass does.", frozenset({"prefix"})),
    CheckRow("base45", "The text is intact Base45.", frozenset({"base45"})),
    CheckRow("compression", "The body is intact and of a pass's size.", frozenset({"compression"})),
    CheckRow("cbor", "The content is well-formed.", frozenset({"cbor", "cwt"})),
    CheckRow("cose", "The message is one that passes use.", frozenset({"cose"})),
    CheckRow(
        "key identifier",
        "The pass names a key of the trust list.",
        codes=frozenset({"cose.kid-unprotected", "cose.kid-ambiguous", "cose.kid-length"}),
    ),
    CheckRow("signature", "The signature holds.", frozenset({"signature"})),
    CheckRow(
        "certificate validity", "The signing certificate was valid.", frozenset({"certificate"})
    ),
    CheckRow(
        "key usage",
        "The certificate may sign passes of this kind.",
        frozenset({"usage"}),
        frozenset({"cwt.issuer-country"}),
    ),
    CheckRow(
        "time",
        "The validity that the pass states covers the time of the check.",
        codes=frozenset({"cwt.float-time", "cwt.missing-iat", "cwt.missing-exp"}),
    ),
    CheckRow(
        "content",
        "The content follows the schema.",
        frozenset({"content"}),
        frozenset({"cwt.extra-claim", "cwt.issuer"}),
    ),
    CheckRow("revocation", "No revocation list holds the pass."),
)
"""Every check, in the order of the layers."""

CHECKS: Final = tuple(row.name for row in TABLE)
"""The names of the checks, in the order of the layers."""

READING: Final = CHECKS[: CHECKS.index("cose") + 1]
"""The checks that opening the layers decides."""

_PASSED: Final = {
    row.name: Check(row.name, Outcome.PASS, f"{row.name.split()[-1]}.ok", row.sentence)
    for row in TABLE
}
_SKIPPED: Final = {
    row.name: Check(
        row.name,
        Outcome.SKIPPED,
        f"{row.name.split()[-1]}.skipped",
        "Not checked, because an earlier check failed.",
    )
    for row in TABLE
}
_OF_LAYER: Final = {layer: row.name for row in TABLE for layer in row.layers}
_OF_CODE: Final = {code: row.name for row in TABLE for code in row.codes}

NO_REVOCATION_DATA: Final = Check(
    "revocation", Outcome.UNKNOWN, "revocation.no-data", "No revocation data was given."
)

ALL_PASSED: Final[Mapping[str, Check]] = {**_PASSED, "revocation": NO_REVOCATION_DATA}
"""Every check passed, and no revocation data was given. For `coronapas.verify._quick` alone."""


def skipped(name: str) -> Check:
    """Return the check `name` as it stands before anything ran."""
    return _SKIPPED[name]


def check_of(code: str) -> str:
    """Return the name of the check that a deviation or a reader's fault belongs to."""
    return _OF_CODE.get(code) or _OF_LAYER[code.partition(".")[0]]


class Findings:
    """What one verification has found so far. Every check starts out SKIPPED."""

    __slots__ = ("checks", "deviations", "granted")

    def __init__(self, granted: frozenset[str]) -> None:
        self.checks: dict[str, Check] = dict(_SKIPPED)
        self.deviations: list[Deviation] = []
        self.granted = granted

    def passed(self, *names: str) -> None:
        """Say that checks ran and found nothing; one that has failed stays failed."""
        for name in names:
            if self.checks[name].outcome is Outcome.SKIPPED:
                self.checks[name] = _PASSED[name]

    def passed_as(self, name: str, code: str, sentence: str) -> None:
        """Say that a check passed, in words of its own."""
        if self.checks[name].outcome is Outcome.SKIPPED:
            self.checks[name] = Check(name, Outcome.PASS, code, sentence)

    def fail(
        self, name: str, code: str, sentence: str, *, place: str = "", **parameters: str
    ) -> None:
        """Fail a check; of several faults in one check, the first gives the code.

        `place` and `parameters` are for the sentence in other languages (`Detail`).
        """
        earlier = self.checks[name]
        detail = Detail(code, place, tuple(parameters.items()))
        if earlier.outcome is not Outcome.FAIL:
            self.checks[name] = Check(name, Outcome.FAIL, code, sentence, (detail,))
        elif sentence not in earlier.sentence:
            self.checks[name] = earlier._replace(
                sentence=f"{earlier.sentence} {sentence}", details=(*earlier.details, detail)
            )

    def unknown(self, name: str, code: str, sentence: str) -> None:
        """Say that a check could not be decided from the data at hand."""
        if self.checks[name].outcome is not Outcome.FAIL:
            self.checks[name] = Check(name, Outcome.UNKNOWN, code, sentence)

    def deviate(self, deviations: Collection[Deviation]) -> None:
        """Report deviations, and fail the checks of those that are not granted."""
        self.deviations.extend(deviations)
        for deviation in deviations:
            if deviation.code not in self.granted:
                self.fail(
                    check_of(deviation.code),
                    deviation.code,
                    _sentence(deviation),
                    place=deviation.field,
                )


def is_ok(checks: Mapping[str, Check]) -> bool:
    """Whether all checks ran and none failed; UNKNOWN is the caller's policy to judge."""
    return all(
        name in checks and checks[name].outcome in (Outcome.PASS, Outcome.UNKNOWN)
        for name in CHECKS
    )


def _sentence(deviation: Deviation) -> str:
    note = deviation.note.rstrip(".")
    place = f" ({deviation.field})" if deviation.field else ""
    return f"{note[:1].upper()}{note[1:]}{place}."


def _named(source: Source) -> tuple[str, str]:
    """A list's name and date for a person; an empty name for what the caller put in by hand."""
    if source.format == "given":
        return "", ""
    dated = "" if source.dated is None else _written(source.dated.timestamp())
    codes = [] if source.listing is None else [code for code in source.listing if code is not None]
    listed = f" ({', '.join(codes)})" if codes else ""
    return source.name or source.format, f"{dated}{listed}"


def _written(seconds: float) -> str:
    return f"{moment(seconds):%Y-%m-%d %H:%M} UTC"


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


class VerificationError(CoronapasError):
    """A pass that did not verify; `failures` lists every check that failed."""

    def __init__(self, failures: tuple[Check, ...]) -> None:
        self.failures = failures
        super().__init__("; ".join(f"{check.name}: {check.sentence}" for check in failures))


class Verification:
    """What is true of one scanned text at one moment. Immutable; it can be copied and pickled.

    Its truth value is `ok`.
    """

    __slots__ = (
        "_at",
        "_certificate",
        "_checks",
        "_content",
        "_deviations",
        "_envelope",
        "_ok",
        "_payload",
        "_profile",
        "_revocation",
        "_trust",
    )

    def __init__(
        self,
        checks: Mapping[str, Check],
        checked_at: float,
        *,
        envelope: Envelope | tuple[str, Limits] | None = None,
        certificate: Certificate | None = None,
        deviations: tuple[Deviation, ...] = (),
        profile: Profile | None = None,
        payload: Any = None,
        content: object = None,
        revocation: RevocationAnswer | None = None,
        trust: TrustStore | None = None,
    ) -> None:
        """Made by a verifier. A check that is not in `checks` did not run.

        `envelope` may be a text that is known to open, and the limits to open it with once somebody
        asks.
        """
        # A pass that was opened already is open to all who ask: what one of them changes in it is
        # not to change what is trusted.
        if type(envelope) is Envelope:
            payload = cbor.copy(payload)
        self._ok = checks is ALL_PASSED or is_ok(checks)
        self._at = checked_at
        self._envelope = envelope
        self._certificate = certificate
        self._checks = checks
        self._deviations = deviations
        self._profile = profile
        self._payload = payload
        self._content = content
        self._revocation = revocation
        self._trust = trust

    @property
    def ok(self) -> bool:
        """Whether every check ran and none failed.

        A check whose outcome is UNKNOWN does not fail by itself: the verifier's settings say
        whether it does.
        """
        return self._ok

    @property
    def profile(self) -> str | None:
        """Which payload the text is of: ``"eu"``, ``"dk1"``, …; None where it is of none known."""
        return None if self._profile is None else self._profile.name

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
        said = cbor.pack((self._payload, self._content))
        return None, {**slots, "_trust": self._told_of_trust(), "_payload": said, "_content": None}

    def __setstate__(self, state: tuple[None, dict[str, Any]]) -> None:
        for name, value in state[1].items():
            setattr(self, name, value)
        self._payload, self._content = cbor.unpack(state[1]["_payload"])

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
        return f"<Verification {self.profile or '?'} {'ok' if self.ok else failed}>"

    @property
    def checks(self) -> tuple[Check, ...]:
        """Every check, in the order of `CHECKS`."""
        return tuple(self.check(name) for name in CHECKS)

    def _signed_by(self, check: Check) -> Check:
        if self.certificate is None:
            return check
        country, kid = self.certificate.country or "?", self.certificate.kid.hex()
        found = [(name, dated) for name, dated in map(_named, self.sources) if name]
        parameters = {"country": country, "kid": kid}
        listed = ""
        if found:
            lists = (f"the list {name}{dated and f' of {dated}'}" for name, dated in found)
            listed = f", by {', '.join(lists)}"
            parameters["lists"] = "; ".join(", ".join(filter(None, each)) for each in found)
        return check._replace(
            sentence=f"The signature holds under a key of {country}, kid {kid}{listed}.",
            details=(Detail(check.code, parameters=tuple(parameters.items())),),
        )

    def check(self, name: str) -> Check:
        """Return the check of this name; KeyError for a name that is not in `CHECKS`."""
        check = self._checks.get(name) or skipped(name)
        if name == "signature" and check.outcome is Outcome.PASS:
            return self._signed_by(check)
        answer = self._revocation
        if name == "revocation" and answer is not None and answer.code == check.code:
            return check._replace(details=(Detail(check.code, answer.place),))
        return check

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

        None for a payload that holds no DCC, such as a DK1. What an unverified pass states is at
        ``envelope.dcc``.
        """
        return cbor.copy(self._payload) if self.signed else None

    @property
    def content(self) -> object:
        """The typed content of a payload that is no EU pass; None unless the signature held.

        A `coronapas.denmark.Dk1`, `Dk2` or `Dk3`, a `coronapas.gdhcn.Icvp`, or a
        `coronapas.gdhcn.LinkClaim`; None for an EU pass, whose content is in `facts`.
        """
        return self._content if self.signed else None

    @property
    def facts(self) -> PassFacts | None:
        """The typed facts; None unless the signature held and the content could be read.

        What could not be read of an odd pass is None in the facts and a deviation of the result. Of
        a pass with several events these are the newest one's; `all_facts` has all.
        """
        if self._profile is None or not self.signed:
            return None
        return self._profile.facts(self._payload)

    @property
    def issuer(self) -> str | None:
        """The country that the pass names as its issuer (``iss``), with no trust implied.

        None where it names none, and where what it states is not two capital letters: that can be
        anything, and is at ``envelope.issuer``.
        """
        issuer = None if self.envelope is None else self.envelope.issuer
        return issuer if issuer in COUNTRIES else None

    @property
    def issued_at(self) -> datetime | None:
        """When the pass says that it was issued (``iat``), in UTC, with no trust implied."""
        stated = None if self.envelope is None else self.envelope.issued_at
        return None if stated is None else moment(stated)

    @property
    def expires(self) -> datetime | None:
        """Until when the pass says that it is valid (``exp``), in UTC, with no trust implied."""
        stated = None if self.envelope is None else self.envelope.expires
        return None if stated is None else moment(stated)

    def to_json(self, *, personal: bool = False, language: str = "en") -> dict[str, Any]:
        """Return the result as ``schemas/verification.schema.json`` describes it.

        Args:
            personal: Whether to give ``facts`` too: what the pass says of its holder.
            language: The language of the sentences: one of the catalogue's.

        Raises ValueError for a language that the catalogue does not have.

        """
        envelope, facts = self.envelope, self.facts
        document: dict[str, Any] = {
            "ok": self.ok,
            "profile": self.profile,
            "at": self.at.isoformat(),
            "signed": self.signed,
            "kid": None if envelope is None or envelope.kid is None else envelope.kid.hex(),
            "country": (self.certificate.country or "?") if self.certificate else None,
            "issuer": self.issuer,
            "issued_at": _iso(self.issued_at),
            "expires": _iso(self.expires),
            "kind": None if facts is None else facts.kind.value,
            "certificate": self._signer_json(),
            "revocation": None
            if self._revocation is None
            else self._revocation.to_json(language=language),
            "failures": [check.code for check in self.failures],
            "checks": [check.to_json(language=language) for check in self.checks],
            "deviations": [each.to_json(language=language) for each in self.deviations],
        }
        if personal:
            document["facts"] = None if facts is None else facts.to_json()
        return document

    def _signer_json(self) -> dict[str, Any] | None:
        """The certificate that signed, which lists vouch for it, and until when."""
        certificate, trust = self._certificate, self._trust
        if certificate is None:
            return None
        der = certificate.der
        return {
            "sha256": None if der is None else hashlib.sha256(der).hexdigest(),
            "not_before": _iso(certificate.not_before),
            "not_after": _iso(certificate.not_after),
            "trusted_until": None if trust is None else _iso(trust.trusted_until(certificate)),
            "lists": [
                {
                    "format": source.format,
                    "name": source.name,
                    "signature": source.signature,
                    "issued": _iso(source.issued),
                    "fetched": _iso(source.fetched),
                    "environment": source.environment,
                    "listing": None if source.listing is None else source.listing._asdict(),
                }
                for source in self.sources
            ],
        }

    @property
    def all_facts(self) -> tuple[PassFacts, ...]:
        """The facts of every event of the pass, newest first; empty where `facts` is None."""
        facts = self.facts
        return () if facts is None else facts.all

    def require(self) -> Self:
        """This result, where it is ok; raises VerificationError listing every failure otherwise."""
        if not self.ok:
            raise VerificationError(self.failures)
        return self
