"""Verify a pass: from the scanned text to what is true of it (hcert-spec, chapters 3 to 5).

The rules, in the order in which they are applied:

1. The text is opened layer by layer. A layer that cannot be opened fails its check, and the checks
   that need its content are skipped. A departure that is no obstacle is a deviation; one that the
   verifier's tolerances do not grant fails its check too, and the reading goes on, so that every
   fault shows.
2. The kid (protected header first) names the keys to be tried: every certificate of the trust store
   with that kid whose list is not too old. No kid, or one that the store does not hold, fails; no
   other key is ever tried.
3. The algorithm must be the key's own, and the signature must hold under one of those keys.
4. The certificate must have been valid, and its key usages, where it has any, must cover the pass's
   kind.
5. ``iat`` ≤ now ≤ ``exp``, both inclusive.
6. The content must be one event by the schema of its release, sampled in the past, and no positive
   test.
7. Revocation is looked up where the verifier has revocation data and the signature held. What the
   data cannot tell is UNKNOWN.

Content is handed out as trusted only where the signature held. Nothing here raises on any text.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from coronapas.dcc import _reader as reader
from coronapas.dcc._examiner import Examiner, default_examiner
from coronapas.errors import DecodeError
from coronapas.hcert import _base45 as base45
from coronapas.hcert import _cose as cose
from coronapas.hcert import _cwt as cwt
from coronapas.hcert._compression import inflate
from coronapas.hcert._cwt import DCC
from coronapas.hcert._envelope import (
    DEFAULT_LIMITS,
    PREFIX,
    Envelope,
    Limits,
    decode,
)
from coronapas.revocation._status import RevocationOutcome
from coronapas.tolerances import FIELD, TOLERANCES, Deviation
from coronapas.trust._store import TrustStore
from coronapas.trust._verifying_key import VerifyingKey
from coronapas.verify._keyring import (
    CertificateTime,
    Findings,
    KeyRing,
    seconds,
    unreadable,
)
from coronapas.verify._result import (
    Check,
    Outcome,
    Verification,
    VerificationError,
    moment,
)

if TYPE_CHECKING:
    from collections.abc import Collection

    from coronapas.dcc._valuesets import ValueSets
    from coronapas.revocation._status import RevocationAnswer, RevocationSource

__all__ = ["Check", "Outcome", "Verification", "VerificationError", "Verifier"]

DEFAULT_CLOCK_SKEW: Final = timedelta(minutes=5)
"""How far the clocks of issuer and verifier may differ by default.

It is granted where a pass, a certificate or a sample is *not yet* there. It never lengthens a
validity.
"""

_NO_REVOCATION_DATA: Final = Check(
    "revocation", Outcome.UNKNOWN, "revocation.no-data", "No revocation data was given."
)


class Verifier:
    """Verifies passes against one trust store with one set of settings; immutable and thread-safe.

    - `trust`: the certificates that are trusted.
    - `tolerate`: the names of the tolerances granted (`coronapas.tolerances`): `FIELD`, `STRICT`,
      or either with single names added or taken away.
    - `clock_skew`: how far a pass, its certificate or its sample may lie in the future (inclusive);
      `DEFAULT_CLOCK_SKEW` unless given. The end of a validity knows no skew.
    - `certificate_time`: whether the certificate must be valid ``"now"``, or only when the pass was
      ``"issued"``.
    - `value_sets`: those against which codes are judged; the bundled ones unless given.
    - `revocation`: revocation data (`coronapas.revocation.RevocationStore`, or whatever answers as
      it does); None for none.
    - `refuse_unknown_revocation`: whether missing revocation data fails the pass. By default it is
      told (outcome UNKNOWN) and left to the caller.
    - `limits`: how much text and how large a body is read at all.
    """

    def __init__(
        self,
        trust: TrustStore,
        *,
        tolerate: Collection[str] = FIELD,
        clock_skew: timedelta = DEFAULT_CLOCK_SKEW,
        certificate_time: CertificateTime = "now",
        value_sets: ValueSets | None = None,
        revocation: RevocationSource | None = None,
        refuse_unknown_revocation: bool = False,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        """Check the settings: TypeError and ValueError for those that make no sense."""
        if not isinstance(trust, TrustStore):
            raise TypeError("trust is a TrustStore; TrustStore.from_certificates makes one")
        if isinstance(tolerate, str):
            raise TypeError("tolerate is a collection of names, such as FIELD | {'prefix.missing'}")
        if clock_skew < timedelta(0):
            raise ValueError("clock_skew is a duration and cannot be negative")
        if certificate_time not in ("now", "issued"):
            raise ValueError("certificate_time is 'now' or 'issued'")
        granted = frozenset(tolerate)
        if not granted <= TOLERANCES.keys():
            unknown = ", ".join(sorted(granted - TOLERANCES.keys()))
            raise ValueError(f"there are no such tolerances: {unknown}")
        self._granted = granted
        self._examiner = default_examiner() if value_sets is None else Examiner(value_sets)
        self._revocation = revocation
        self._refuse_unknown = refuse_unknown_revocation
        self._limits = limits
        self._asks_revocation = revocation is not None or refuse_unknown_revocation
        self._ring = KeyRing(trust, clock_skew.total_seconds(), certificate_time)

    @property
    def ring(self) -> KeyRing:
        """The keys of the trust store, with the clock skew and the certificate time."""
        return self._ring

    @property
    def tolerances(self) -> frozenset[str]:
        """The names of the tolerances granted."""
        return self._granted

    @property
    def examiner(self) -> Examiner:
        """What judges the content of EU passes."""
        return self._examiner

    @property
    def limits(self) -> Limits:
        """How much text and how large a body is read at all."""
        return self._limits

    def verify(self, text: str | bytes, at: datetime | None = None) -> Verification:
        """Verify one scanned text as of the moment `at`, by default now.

        `at` needs a time zone (ValueError without; TypeError for what is no datetime). No text and
        no bytes make this raise: what is wrong is in the result. Time and memory are bounded by the
        verifier's limits.
        """
        now = time.time() if at is None else seconds(at)
        if type(text) is bytes and text.isascii():
            text = text.decode("ascii")
        result = self._verify_plain(text, now)
        return self._verify_closely(text, now) if result is None else result

    def _verify_plain(self, text: object, now: float) -> Verification | None:
        """The result for a good pass with nothing odd about it, as most are; None for any other.

        What this says of a pass `_verify_closely` says too, with an object for every layer and a
        record of every fault on the way; here nothing is made that a caller may not ask for.
        """
        if (
            type(text) is not str
            or text[:4] != PREFIX
            or text[-1] <= " "  # a line's end; telling it at once spares a reading in vain
            or len(text) > self._limits.text
            or self._asks_revocation
        ):
            return None
        try:
            data = inflate(base45.decode(text[4:]), limit=self._limits.inflated)
        except DecodeError:
            return None
        message = cose.read_plain(data)
        if message is None:
            return None
        kid, algorithm, signed, payload, signature = message
        ring = self._ring
        key = ring.plain.get(kid)
        claims = cwt.read_plain(payload)
        if claims is None or key is None:
            return None
        issued_at, expires, dcc = claims
        if not (
            key.first <= issued_at <= now <= expires <= key.last
            and now <= key.until
            and algorithm == key.algorithm
            and len(signature) == key.signature_length
            and type(dcc) is dict
        ):
            return None
        deviations = self._examiner.examine(dcc)
        if (
            (deviations and not all(one.code in self._granted for one in deviations))
            or (key.usages and reader.kind_of(dcc) not in key.usages)
            or ("t" in dcc and not reader.negative_by(dcc, now))
            or not key.holds(signature, signed)
        ):
            return None
        opener = text, self._limits
        return Verification(
            True, now, opener, key.certificate, deviations, _UNKNOWN, dcc, None, ring.trust
        )

    def _verify_closely(self, text: str | bytes, now: float) -> Verification:
        try:
            envelope = decode(text, limits=self._limits)
        except DecodeError as error:
            return unreadable(error, now)
        found = Findings(self._granted)
        if envelope.deviations:
            found.deviate(envelope.deviations)
        hcert = envelope.claims.hcert
        dcc = None if hcert is None else hcert.get(DCC)
        key = self._ring.signing_key(envelope.message, now, found)
        if key is None:
            found.skip("certificate validity", "key usage")
        else:
            self._ring.judge_certificate(key, envelope, now, found)
            _usage(key, dcc, found)
        self._time(envelope, now, found)
        self._content(dcc, now, found)
        answer = self._revoked(None if key is None else envelope, now, found)
        return Verification(
            found.ok,
            now,
            envelope,
            None if key is None else key.certificate,
            tuple(found.deviations),
            found.checks,
            dcc,
            answer,
            self._ring.trust,
        )

    def _time(self, envelope: Envelope, now: float, found: Findings) -> None:
        """``iat`` ≤ now ≤ ``exp``; a pass without an end is none (hcert-spec, section 3.2)."""
        issued_at, expires = envelope.issued_at, envelope.expires
        if expires is None:
            found.fail("time", "time.no-end", "The pass states no usable end of its validity.")
        elif now > expires:
            found.fail("time", "time.expired", "The pass has expired.")
        if issued_at is None:
            return
        if issued_at > now + self._ring.skew:
            found.fail("time", "time.not-yet", "The pass was issued in the future.")
        if expires is not None and issued_at > expires:
            found.fail("time", "time.order", "The pass ends before it was issued.")

    def _content(self, dcc: Any, now: float, found: Findings) -> None:
        """The rules of the schema and of the issuers' guidelines, and those for tests."""
        if dcc is None:
            found.fail("content", "content.no-dcc", "The pass holds no EU DCC.")
            return
        deviations = self._examiner.examine(dcc)
        if deviations:
            found.deviate(deviations)
        if type(dcc) is dict and dcc.get("t"):
            self._test(dcc, now, found)

    def _test(self, dcc: Any, now: float, found: Findings) -> None:
        """What a test must be beyond its schema: negative (DGC7) and in the past (DGC8)."""
        if reader.positive_test(dcc):
            found.deviate((_POSITIVE_TEST,))
        elif not reader.negative_test(dcc):
            found.deviate((_UNKNOWN_RESULT,))
        sampled = reader.sampled_at(dcc)
        if sampled is not None and sampled.timestamp() > now + self._ring.skew:
            found.deviate((_SAMPLED_IN_FUTURE,))

    def _revoked(
        self, envelope: Envelope | None, now: float, found: Findings
    ) -> RevocationAnswer | None:
        """Look the pass up; without an envelope the signature did not hold."""
        name = "revocation"
        if self._revocation is None:
            answer, outcome, code, sentence = None, *_NO_REVOCATION_DATA[1:]
        elif envelope is None:
            found.skip(name)
            return None
        else:
            answer = self._revocation.status(envelope, at=moment(now))
            outcome, code, sentence = _OUTCOMES[answer.outcome], answer.code, answer.sentence
        if outcome is Outcome.FAIL or (outcome is Outcome.UNKNOWN and self._refuse_unknown):
            found.fail(name, code, sentence)
        else:
            found.checks[name] = Check(name, outcome, code, sentence)
        return answer


_OUTCOMES: Final = {
    RevocationOutcome.REVOKED: Outcome.FAIL,
    RevocationOutcome.NOT_REVOKED: Outcome.PASS,
    RevocationOutcome.UNKNOWN: Outcome.UNKNOWN,
}
_UNKNOWN: Final = {"revocation": _NO_REVOCATION_DATA}
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


def _usage(key: VerifyingKey, dcc: Any, found: Findings) -> None:
    # A certificate without usages may sign everything, whatever this is.
    if not key.usages and dcc is not None:
        return
    kind = reader.kind_of(dcc)
    if kind is None:
        found.skip("key usage")
    elif key.usages and kind not in key.usages:
        found.fail("key usage", "usage.not-allowed", f"The certificate may not sign a {kind} pass.")
