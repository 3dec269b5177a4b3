"""The keys of a trust store, ready to judge passes (hcert-spec, chapters 3 and 4).

`KeyRing` finds the key that signed a message, and judges its certificate's validity. What a pass
says is judged by its profile.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Literal

from coronapas.errors import KeyMaterialError
from coronapas.hcert import _cose as cose
from coronapas.tolerances import Deviation
from coronapas.trust._certificate import VerifyingKey
from coronapas.verify._trust_policy import DEFAULT_POLICY, TrustPolicy, admission

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from coronapas.hcert import Envelope
    from coronapas.trust import Certificate, TrustStore
    from coronapas.verify._checks import Findings
    from coronapas.verify._profile import Profile
    from coronapas.verify._trust_policy import Admission

CertificateTime = Literal["now", "issued"]
"""When the signing certificate must have been valid: at the moment of the check, or of the
issue."""

_SIGNATURE_FAULTS: Final = {
    "signature.algorithm": "The stated algorithm is not that of the key.",
    "signature.length": "The signature does not have the length of the key's signatures.",
    "signature.invalid": (
        "The signature does not hold: the pass was changed, or another key signed it."
    ),
}


_OTHER_ISSUER: Final = Deviation(
    "certificate.participant",
    "iss",
    "the issuer of the pass is not the participant whose key signed it",
)


class KeyRing:
    """The keys of one trust store, ready to judge; safe to share between threads.

    `skew` is in seconds and is granted to what is not yet valid; `certificate_time` says when a
    certificate must have been valid; `policy` which listed keys count. The keys that were used are
    kept by kid: what is stored follows from the trust store and the policy alone, so that two
    threads that fill the same place store the same.
    """

    def __init__(
        self,
        trust: TrustStore,
        skew: float,
        certificate_time: CertificateTime,
        policy: TrustPolicy = DEFAULT_POLICY,
    ) -> None:
        self.trust = trust
        self.skew = skew
        self.certificate_time = certificate_time
        self.policy = policy
        self._keys: dict[bytes, tuple[VerifyingKey, ...]] = {}
        self._admissions: dict[tuple[Certificate, str], Admission] = {}

    def __getstate__(self) -> dict[str, Any]:
        # Loaded keys do not travel to another process; they are loaded again where they are needed.
        return {**self.__dict__, "_keys": {}, "_admissions": {}}

    def admission(self, key: VerifyingKey, profile: Profile) -> Admission:
        """Return what the policy says of a key of the store for a payload."""
        place = (key.certificate, profile.name)
        found = self._admissions.get(place)
        if found is None:
            sources = self.trust.sources_of(key.certificate)
            found = self._admissions[place] = admission(self.policy, sources, profile)
        return found

    def keys_of(self, kid: bytes) -> tuple[VerifyingKey, ...]:
        """Return the keys of the trust store with this kid, ready to judge signatures."""
        keys = self._keys.get(kid)
        if keys is None:
            keys = tuple(_readable(self.trust, kid))
            # A kid that the store does not hold is not remembered: strangers choose those.
            if keys:
                self._keys[kid] = keys
        return keys

    def signing_key(
        self, message: cose.Sign1, profile: Profile, now: float, found: Findings
    ) -> VerifyingKey | None:
        """Return the key that signed the message; None where none did, with the reason in `found`.

        Decides the checks "key identifier" and "signature", and fails "cose" for an algorithm that
        passes do not use.
        """
        if message.algorithm not in cose.ALGORITHMS:
            found.fail("cose", "cose.algorithm", "Passes do not use this signature algorithm.")
            return None
        if message.kid is None:
            found.fail("key identifier", "identifier.missing", "The pass names no key.")
            return None
        keys = self.keys_of(message.kid)
        if not keys:
            found.fail("key identifier", *self._no_key(message.kid), kid=message.kid.hex())
            return None
        admissions = [(key, self.admission(key, profile)) for key in keys]
        objections = [each.objection for _, each in admissions if each.objection is not None]
        if len(objections) == len(admissions):
            found.fail("key identifier", *objections[-1])
            return None
        listed = [key for key, each in admissions if each.objection is None and now <= each.until]
        if not listed:
            found.fail(
                "key identifier",
                "identifier.list-expired",
                "Every list that holds the key is too old.",
            )
            return None
        found.passed("key identifier")
        faults: list[str] = []
        for key in listed:
            fault = key.fault(message)
            if fault is None:
                found.passed("signature")
                if key.deviations:
                    found.deviate(key.deviations)
                return key
            faults.append(fault)
        # With several keys, the fault of the one that came furthest tells most.
        fault = max(faults, key=tuple(_SIGNATURE_FAULTS).index)
        found.fail("signature", fault, _SIGNATURE_FAULTS[fault])
        return None

    def judge_participant(
        self,
        key: VerifyingKey,
        profile: Profile,
        stated: Iterable[tuple[str, str]],
        found: Findings,
    ) -> None:
        """Compare the participants that a content names, by their places, with the key's own."""
        participants = self.admission(key, profile).participants
        if not participants:
            return
        for place, code in stated:
            if not self.policy.names(code, participants):
                found.deviate((replace(_OTHER_ISSUER, field=place),))

    def judge_certificate(
        self, key: VerifyingKey, profile: Profile, envelope: Envelope, now: float, found: Findings
    ) -> None:
        """Judge the certificate's validity against the issue, the check and the end of the pass.

        The issuer that the pass names is compared with the participant whose key it is.
        """
        name = "certificate validity"
        participants, issuer = self.admission(key, profile).participants, envelope.issuer
        if participants and issuer is not None and not self.policy.names(issuer, participants):
            found.deviate((_OTHER_ISSUER,))
        first, last = key.not_before, key.not_after
        if first is None or last is None:
            found.unknown(name, "validity.not-stated", "The list states no validity.")
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
        if self.certificate_time == "now":
            if now > last:
                found.fail(name, "validity.over", "The certificate is no longer valid.")
            elif now + self.skew < first:
                found.fail(name, "validity.not-begun", "The certificate is not valid yet.")
        found.passed(name)

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
            yield VerifyingKey(certificate)
        except KeyMaterialError:
            continue
