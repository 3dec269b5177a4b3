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
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

from coronapas.dcc import reading
from coronapas.dcc.examining import Examiner, default_examiner
from coronapas.errors import DecodeError, KeyMaterialError
from coronapas.hcert import base45, cose, cwt
from coronapas.hcert.compression import inflate
from coronapas.hcert.cwt import DCC, EXPIRES, HCERT, ISSUED_AT
from coronapas.hcert.envelope import DEFAULT_LIMITS, PREFIX, Envelope, Limits, decode
from coronapas.revocation.status import RevocationOutcome
from coronapas.tolerances import FIELD, TOLERANCES, Deviation
from coronapas.trust.store import TrustStore
from coronapas.trust.verifying_key import VerifyingKey
from coronapas.verification import (
    CHECKS,
    Check,
    Outcome,
    Verification,
    VerificationError,
    skipped,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from coronapas.dcc.valuesets import ValueSets
    from coronapas.revocation.status import RevocationAnswer, RevocationSource

__all__ = ["Check", "Outcome", "Verification", "VerificationError", "Verifier"]

CertificateTime = Literal["now", "issued"]
"""When the signing certificate must have been valid: at the moment of the check, or of the
issue."""

DEFAULT_CLOCK_SKEW: Final = timedelta(minutes=5)
"""How far the clocks of issuer and verifier may differ by default.

It is granted where a pass, a certificate or a sample is *not yet* there. It never lengthens a
validity.
"""

# The check that a fault belongs to, by its code and else by its layer.
_CHECK_OF_CODE: Final = {
    "cose.kid-unprotected": "key identifier",
    "cose.kid-ambiguous": "key identifier",
    "cose.kid-length": "key identifier",
    "cwt.float-time": "time",
    "cwt.missing-iat": "time",
    "cwt.extra-claim": "content",
}
_CHECK_OF_LAYER: Final = {
    "prefix": "prefix",
    "base45": "base45",
    "compression": "compression",
    "cbor": "cbor",
    "cose": "cose",
    "cwt": "cbor",
    "signature": "signature",
    "certificate": "certificate validity",
    "content": "content",
}

_SIGNATURE_FAULTS: Final = {
    "signature.algorithm": "The stated algorithm is not that of the key.",
    "signature.length": "The signature does not have the length of the key's signatures.",
    "signature.invalid": (
        "The signature does not hold: the pass was changed, or another key signed it."
    ),
}

_NO_REVOCATION_DATA: Final = Check(
    "revocation", Outcome.UNKNOWN, "revocation.no-data", "No revocation data was given."
)


class _Findings:
    """What one verification has found so far; a check that passes as usual is not written down."""

    __slots__ = ("checks", "deviations", "granted", "ok")

    def __init__(self, granted: frozenset[str]) -> None:
        self.ok = True
        self.checks: dict[str, Check] = {}
        self.deviations: list[Deviation] = []
        self.granted = granted

    def fail(self, name: str, code: str, sentence: str) -> None:
        """Fail a check; of several faults in one check, the first gives the code."""
        self.ok = False
        earlier = self.checks.get(name)
        if earlier is None or earlier.outcome is not Outcome.FAIL:
            self.checks[name] = Check(name, Outcome.FAIL, code, sentence)
        elif sentence not in earlier.sentence:
            self.checks[name] = earlier._replace(sentence=f"{earlier.sentence} {sentence}")

    def deviate(self, deviations: Collection[Deviation]) -> None:
        """Report deviations, and fail the checks of those that are not granted."""
        self.deviations.extend(deviations)
        for deviation in deviations:
            if deviation.code not in self.granted:
                name = _CHECK_OF_CODE.get(deviation.code) or _CHECK_OF_LAYER[deviation.layer]
                self.fail(name, deviation.code, _sentence(deviation))

    def skip(self, *names: str) -> None:
        """Say of checks that they could not run."""
        for name in names:
            self.checks[name] = skipped(name)


def _sentence(deviation: Deviation) -> str:
    note = deviation.note.rstrip(".")
    place = f" ({deviation.field})" if deviation.field else ""
    return f"{note[:1].upper()}{note[1:]}{place}."


class Verifier:
    """Verifies passes against one trust store with one set of settings; immutable and thread-safe.

    - `trust`: the certificates that are trusted.
    - `tolerate`: the names of the tolerances granted (`coronapas.tolerances`): `FIELD`, `STRICT`,
      or either with single names added or taken away.
    - `clock_skew`: how far a pass, its certificate or its sample may lie in the future (inclusive);
      `DEFAULT_CLOCK_SKEW` unless given. The end of a validity knows no skew.
    - `certificate_time`: whether the certificate must be valid ``"now"``, or only when the pass was
      ``"issued"``.
    - `value_sets`: those against which codes are judged; the bundled ones unless given. -
    `revocation`: revocation data (`coronapas.revocation.RevocationStore`, or whatever answers as
    it
      does); None for none.
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
        self._trust = trust
        self._granted = granted
        self._skew = clock_skew.total_seconds()
        self._certificate_time = certificate_time
        self._examiner = default_examiner() if value_sets is None else Examiner(value_sets)
        self._revocation = revocation
        self._refuse_unknown = refuse_unknown_revocation
        self._limits = limits
        # Filled as kids are met. What is stored follows from the trust store alone, so that two
        # threads that fill the same place store the same.
        self._keys: dict[bytes, tuple[VerifyingKey, ...]] = {}

    def __getstate__(self) -> dict[str, Any]:
        # Loaded keys do not travel to another process; they are loaded again where they are needed.
        return {**self.__dict__, "_keys": {}}

    def verify(self, text: str | bytes, at: datetime | None = None) -> Verification:
        """Verify one scanned text as of the moment `at`, by default now.

        `at` needs a time zone (ValueError without; TypeError for what is no datetime). No text and
        no bytes make this raise: what is wrong is in the result. Time and memory are bounded by the
        verifier's limits.
        """
        now = time.time() if at is None else _seconds(at)
        result = self._verify_plain(text, now)
        return self._verify_closely(text, now) if result is None else result

    def _verify_plain(self, text: object, now: float) -> Verification | None:
        """The result for a good pass with nothing odd about it, as most are; None for any other.

        What this says of a pass `_verify_closely` says too, with an object for every layer and a
        record of every fault on the way; here nothing is made that a caller may not ask for.
        """
        limits = self._limits
        if (
            type(text) is not str
            or text[:4] != PREFIX
            or len(text) > limits.text
            or self._revocation is not None
            or self._refuse_unknown
        ):
            return None
        try:
            data = inflate(base45.decode(text[4:]), limit=limits.inflated)
        except DecodeError:
            return None
        message = cose.read_plain(data)
        if message is None:
            return None
        kid, algorithm, signed, payload, signature = message
        keys = self._keys.get(kid, ())
        claims = cwt.read_plain(payload)
        if claims is None or len(keys) != 1:
            return None
        key = keys[0]
        if not (
            key.plain
            and now <= key.until
            and algorithm == key.algorithm
            and len(signature) == key.signature_length
            and key.first <= claims[ISSUED_AT] <= now <= claims[EXPIRES] <= key.last
        ):
            return None
        dcc = claims[HCERT].get(DCC)
        deviations = self._examiner.examine(dcc)
        if (
            type(dcc) is not dict
            or (deviations and not all(one.code in self._granted for one in deviations))
            or (key.usages and reading.kind_of(dcc) not in key.usages)
            or ("t" in dcc and not reading.negative_by(dcc, now))
            or not key.holds(signature, signed)
        ):
            return None
        return Verification(True, now, (text, limits), key.certificate, deviations, _UNKNOWN, dcc)

    def _verify_closely(self, text: str | bytes, now: float) -> Verification:
        try:
            envelope = decode(text, limits=self._limits)
        except DecodeError as error:
            return _unreadable(error, now)
        found = _Findings(self._granted)
        if envelope.deviations:
            found.deviate(envelope.deviations)
        hcert = envelope.claims.hcert
        dcc = None if hcert is None else hcert.get(DCC)
        key = self._signing_key(envelope.message, now, found)
        if key is None:
            found.skip("certificate validity", "key usage")
        else:
            self._certificate(key, envelope, now, found)
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
        )

    def _keys_of(self, kid: bytes) -> tuple[VerifyingKey, ...]:
        keys = self._keys.get(kid)
        if keys is None:
            keys = tuple(_readable(self._trust, kid))
            # A kid that the store does not hold is not remembered: strangers choose those.
            if keys:
                self._keys[kid] = keys
        return keys

    def _signing_key(
        self, message: cose.Sign1, now: float, found: _Findings
    ) -> VerifyingKey | None:
        """The key that signed the message; None, and the reason in `found`, where there is none."""
        if message.algorithm not in cose.ALGORITHMS:
            found.fail("cose", "cose.algorithm", "The algorithm is none that passes may use.")
            found.skip("key identifier", "signature")
            return None
        if message.kid is None:
            found.fail("key identifier", "identifier.missing", "The pass names no key.")
            found.skip("signature")
            return None
        keys = self._keys_of(message.kid)
        if not keys:
            found.fail("key identifier", *self._no_key(message.kid))
            found.skip("signature")
            return None
        listed = [key for key in keys if now <= key.until]
        if not listed:
            found.fail(
                "key identifier",
                "identifier.list-expired",
                "Every list that holds the key is too old.",
            )
            found.skip("signature")
            return None
        faults: list[str] = []
        for key in listed:
            fault = key.fault(message)
            if fault is None:
                if key.deviations:
                    found.deviate(key.deviations)
                return key
            faults.append(fault)
        # With several keys, the fault of the one that came furthest tells most.
        fault = max(faults, key=tuple(_SIGNATURE_FAULTS).index)
        found.fail("signature", fault, _SIGNATURE_FAULTS[fault])
        return None

    def _no_key(self, kid: bytes) -> tuple[str, str]:
        """Why there is no key for a kid: a code and a sentence."""
        shown = kid[: cose.KID_LENGTH].hex()
        if self._trust.by_kid(kid):
            return (
                "identifier.unreadable",
                f"The trust list's certificate with the kid {shown} cannot be read.",
            )
        dropped = self._trust.dropped_with(kid)
        if dropped:
            return (
                "identifier.dropped",
                f"The key with the kid {shown} was left out of the trust list: "
                f"{dropped[0].reason.rstrip('.')}.",
            )
        return "identifier.unknown", f"The trust list holds no key with the kid {shown}."

    def _certificate(
        self, key: VerifyingKey, envelope: Envelope, now: float, found: _Findings
    ) -> None:
        """The validity of the certificate against the issue, the check and the end of the pass."""
        name = "certificate validity"
        first, last = key.not_before, key.not_after
        if first is None or last is None:
            found.checks[name] = Check(
                name, Outcome.UNKNOWN, "validity.not-stated", "The list states no validity."
            )
            return
        issued_at, expires = envelope.issued_at, envelope.expires
        if issued_at is not None and not first <= issued_at <= last:
            found.fail(
                name,
                "validity.not-when-issued",
                "The pass was issued when the certificate was not valid.",
            )
        if expires is not None and expires > last:
            found.deviate(
                (Deviation("certificate.outlived", "exp", "the pass outlives its certificate"),)
            )
        if self._certificate_time == "issued":
            return
        if now > last:
            found.fail(name, "validity.over", "The certificate is no longer valid.")
        elif now + self._skew < first:
            found.fail(name, "validity.not-begun", "The certificate is not valid yet.")

    def _time(self, envelope: Envelope, now: float, found: _Findings) -> None:
        """``iat`` ≤ now ≤ ``exp``; a pass without an end is none (hcert-spec, section 3.2)."""
        issued_at, expires = envelope.issued_at, envelope.expires
        if expires is None:
            found.fail("time", "time.no-end", "The pass states no usable end of its validity.")
        elif now > expires:
            found.fail("time", "time.expired", "The pass has expired.")
        if issued_at is None:
            return
        if issued_at > now + self._skew:
            found.fail("time", "time.not-yet", "The pass was issued in the future.")
        if expires is not None and issued_at > expires:
            found.fail("time", "time.order", "The pass ends before it was issued.")

    def _content(self, dcc: Any, now: float, found: _Findings) -> None:
        """The rules of the schema and of the issuers' guidelines, and those for tests."""
        if dcc is None:
            found.fail("content", "content.no-dcc", "The pass holds no EU DCC.")
            return
        deviations = self._examiner.examine(dcc)
        if deviations:
            found.deviate(deviations)
        if type(dcc) is dict and dcc.get("t"):
            self._test(dcc, now, found)

    def _test(self, dcc: Any, now: float, found: _Findings) -> None:
        """What a test must be beyond its schema: negative (DGC7) and in the past (DGC8)."""
        if reading.positive_test(dcc):
            found.deviate((_POSITIVE_TEST,))
        elif not reading.negative_test(dcc):
            found.deviate((_UNKNOWN_RESULT,))
        sampled = reading.sampled_at(dcc)
        if sampled is not None and sampled.timestamp() > now + self._skew:
            found.deviate((_SAMPLED_IN_FUTURE,))

    def _revoked(
        self, envelope: Envelope | None, now: float, found: _Findings
    ) -> RevocationAnswer | None:
        """Look the pass up; without an envelope the signature did not hold."""
        name = "revocation"
        if self._revocation is None:
            answer, outcome, code, sentence = None, *_NO_REVOCATION_DATA[1:]
        elif envelope is None:
            found.skip(name)
            return None
        else:
            answer = self._revocation.status(envelope, at=datetime.fromtimestamp(now, UTC))
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


def _readable(trust: TrustStore, kid: bytes) -> Iterator[VerifyingKey]:
    """Those certificates that can be read to the end; a broken one cannot speak for a pass."""
    for certificate in trust.by_kid(kid):
        try:
            yield VerifyingKey(certificate, until=trust.trusted_until_ts(certificate))
        except KeyMaterialError:
            continue


def _usage(key: VerifyingKey, dcc: Any, found: _Findings) -> None:
    # A certificate without usages may sign everything, whatever this is.
    if not key.usages and dcc is not None:
        return
    kind = reading.kind_of(dcc)
    if kind is None:
        found.skip("key usage")
    elif key.usages and kind not in key.usages:
        found.fail("key usage", "usage.not-allowed", f"The certificate may not sign a {kind} pass.")


def _seconds(at: datetime) -> float:
    if not isinstance(at, datetime):
        raise TypeError("the moment of a check is a datetime")
    if at.tzinfo is None:
        raise ValueError("the moment of a check needs a time zone")
    return at.timestamp()


def _unreadable(error: DecodeError, now: float) -> Verification:
    """The result for a text that could not be opened: what stands after the fault is skipped."""
    failed = _CHECK_OF_LAYER[error.layer]
    sentence = f"{error.message[:1].upper()}{error.message[1:]}."
    checks = {failed: Check(failed, Outcome.FAIL, error.code, sentence)}
    checks.update((name, skipped(name)) for name in CHECKS[CHECKS.index(failed) + 1 :])
    return Verification(False, now, None, None, (), checks, None)
