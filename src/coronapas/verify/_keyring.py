"""What the verifiers share: how findings become checks, and which key signed a message.

`Findings` gathers what one verification finds; `KeyRing` knows the trust store's keys and judges a
message's signature and its certificate's validity (hcert-spec, chapters 3 and 4). What a pass says
is judged by those who know its kind: `coronapas.verify._verifier` and `coronapas.denmark`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import (
    TYPE_CHECKING,
    Any,
    Final,
    Literal,
)

from coronapas.errors import DecodeError, KeyMaterialError
from coronapas.hcert import _cose as cose
from coronapas.tolerances import Deviation
from coronapas.trust._verifying_key import VerifyingKey
from coronapas.verify._result import (
    CHECKS,
    Check,
    Outcome,
    Verification,
    skipped,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from coronapas.hcert._envelope import Envelope
    from coronapas.trust._store import TrustStore

CertificateTime = Literal["now", "issued"]
"""When the signing certificate must have been valid: at the moment of the check, or of the
issue."""

# The check that a fault belongs to, by its code and else by its layer.
_CHECK_OF_CODE: Final = {
    "cose.kid-unprotected": "key identifier",
    "cose.kid-ambiguous": "key identifier",
    "cose.kid-length": "key identifier",
    "cwt.float-time": "time",
    "cwt.missing-iat": "time",
    "cwt.extra-claim": "content",
    "cwt.issuer": "content",
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


class Findings:
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


class KeyRing:
    """The keys of one trust store, ready to judge; safe to share between threads.

    `skew` is in seconds and is granted to what is not yet valid; `certificate_time` says when a
    certificate must have been valid. `keys` holds those that were used, by kid, and `plain` those
    of them that alone have their kid and have nothing odd about them: what is stored follows from
    the trust store alone, so that two threads that fill the same place store the same.
    """

    def __init__(self, trust: TrustStore, skew: float, certificate_time: CertificateTime) -> None:
        self.trust = trust
        self.skew = skew
        self.certificate_time = certificate_time
        self.keys: dict[bytes, tuple[VerifyingKey, ...]] = {}
        self.plain: dict[bytes, VerifyingKey] = {}

    def __getstate__(self) -> dict[str, Any]:
        # Loaded keys do not travel to another process; they are loaded again where they are needed.
        return {**self.__dict__, "keys": {}, "plain": {}}

    def _keys_of(self, kid: bytes) -> tuple[VerifyingKey, ...]:
        keys = self.keys.get(kid)
        if keys is None:
            keys = tuple(_readable(self.trust, kid))
            # A kid that the store does not hold is not remembered: strangers choose those.
            if keys:
                self.keys[kid] = keys
                if len(keys) == 1 and keys[0].plain:
                    self.plain[kid] = keys[0]
        return keys

    def signing_key(self, message: cose.Sign1, now: float, found: Findings) -> VerifyingKey | None:
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

    def judge_certificate(
        self, key: VerifyingKey, envelope: Envelope, now: float, found: Findings
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
        if self.certificate_time == "issued":
            return
        if now > last:
            found.fail(name, "validity.over", "The certificate is no longer valid.")
        elif now + self.skew < first:
            found.fail(name, "validity.not-begun", "The certificate is not valid yet.")

    def _no_key(self, kid: bytes) -> tuple[str, str]:
        """Why there is no key for a kid: a code and a sentence."""
        shown = kid[: cose.KID_LENGTH].hex()
        if self.trust.by_kid(kid):
            return (
                "identifier.unreadable",
                f"The trust list's certificate with the kid {shown} cannot be read.",
            )
        dropped = self.trust.dropped_with(kid)
        if dropped:
            return (
                "identifier.dropped",
                f"The key with the kid {shown} was left out of the trust list: "
                f"{dropped[0].reason.rstrip('.')}.",
            )
        return "identifier.unknown", f"The trust list holds no key with the kid {shown}."


def _readable(trust: TrustStore, kid: bytes) -> Iterator[VerifyingKey]:
    """Those certificates that can be read to the end; a broken one cannot speak for a pass."""
    for certificate in trust.by_kid(kid):
        try:
            yield VerifyingKey(certificate, until=trust.trusted_until_ts(certificate))
        except KeyMaterialError:
            continue


def seconds(at: datetime) -> float:
    """A moment in seconds since 1970-01-01T00:00:00Z; TypeError or ValueError for what is none."""
    if not isinstance(at, datetime):
        raise TypeError("the moment of a check is a datetime")
    if at.tzinfo is not UTC and at.utcoffset() is None:
        raise ValueError("the moment of a check needs a time zone")
    return at.timestamp()


def unreadable(error: DecodeError, now: float) -> Verification:
    """The result for a text that could not be opened: what stands after the fault is skipped."""
    failed = _CHECK_OF_LAYER[error.layer]
    sentence = f"{error.message[:1].upper()}{error.message[1:]}."
    checks = {failed: Check(failed, Outcome.FAIL, error.code, sentence)}
    checks.update((name, skipped(name)) for name in CHECKS[CHECKS.index(failed) + 1 :])
    return Verification(False, now, None, None, (), checks, None)
