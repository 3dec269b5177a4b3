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
4. The certificate must have been valid, must not be a CA's, and its key usages, where it has any,
   must admit signatures and cover the kinds of event. An ``iss`` must name its country.
5. ``iat`` ≤ now ≤ ``exp``, both inclusive; of a Danish token the end is exclusive.
6. The prefix is not signed, and several profiles may share one. The signed content says which
   profile it is of; content of another profile than the text begins as fails. The content is then
   judged by its profile.
7. Revocation is looked up where the verifier has revocation data and the signature held. What the
   data cannot tell is UNKNOWN.

Content is handed out as trusted only where the signature held. Nothing here raises on any text.
"""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from coronapas._time import moment, seconds
from coronapas.dcc._examiner import Examiner, default_examiner
from coronapas.hcert._envelope import DEFAULT_LIMITS, Limits, open_layers
from coronapas.revocation._hashes import RevocationOutcome
from coronapas.tolerances import COUNTRIES, FIELD, TOLERANCES, Deviation
from coronapas.trust._store import TrustStore
from coronapas.verify._keyring import DEFAULT_POLICY, CertificateTime, KeyRing, TrustPolicy
from coronapas.verify._picture import resemblance
from coronapas.verify._profile import Examined, Occasion, Profile, mismatch, owner
from coronapas.verify._profiles import PROFILES, RECOGNISED
from coronapas.verify._profiles.eu import EU
from coronapas.verify._result import (
    CHECKS,
    NO_REVOCATION_DATA,
    READING,
    Findings,
    Outcome,
    Verification,
    check_of,
)

try:
    from coronapas.verify._quick import QuickLook
except ModuleNotFoundError:  # pragma: no cover - without that module all works, only slower
    QuickLook = None  # type: ignore[assignment,misc]

if TYPE_CHECKING:
    import os
    from collections.abc import Collection, Iterable
    from datetime import datetime
    from typing import BinaryIO

    from PIL import Image

    from coronapas.dcc import ValueSets
    from coronapas.hcert._envelope import Envelope, Layers
    from coronapas.revocation import RevocationAnswer, RevocationSource
    from coronapas.trust._certificate import VerifyingKey
    from coronapas.verify._picture import Sighting

DEFAULT_CLOCK_SKEW: Final = timedelta(minutes=5)
"""How far the clocks of issuer and verifier may differ by default.

It is granted where a pass, a certificate or a sample is *not yet* there. It never lengthens a
validity.
"""

_PREFIX_MISSING: Final = "prefix.missing"
_OTHER_ISSUER: Final = Deviation(
    "cwt.issuer-country", "iss", "the issuer is another country than the certificate's"
)


class Verifier:
    """Verifies passes against one trust store with one set of settings.

    Immutable and thread-safe; it can be copied and pickled as far as its `revocation` can.

    Args:
        trust: The certificates that are trusted.
        accept: The payloads that are accepted: ``"eu"`` (EU passes), ``"dk"`` (the Danish tokens;
            ``"dk1"``, ``"dk2"``, ``"dk3"`` for single ones), ``"icvp"`` (WHO's certificate of
            vaccination), ``"link"`` (health links), or a `Profile`. A text of a known payload that
            is not accepted fails with ``prefix.not-accepted``.
        tolerate: The names of the tolerances granted (`coronapas.tolerances`): `FIELD`, `STRICT`,
            or either with single names added or taken away.
        clock_skew: How far a pass, its certificate or its sample may lie in the future
            (inclusive). The end of a validity knows no skew.
        certificate_time: Whether the certificate must be valid ``"now"``, or only when the pass was
            ``"issued"``.
        value_sets: The value sets that codes are judged by; the bundled ones by default.
        revocation: Revocation data (`coronapas.revocation.RevocationStore`, or whatever answers as
            it does); None for none.
        refuse_unknown_revocation: Whether missing revocation data fails a pass. By default the
            outcome is UNKNOWN and the decision the caller's. Of Danish tokens no revocation lists
            exist, and none are missed.
        limits: How much text and how large a body is read at all.
        policy: Which keys of WHO's lists are accepted, by environment, participant, domain and the
            age of the list. Keys of other lists count as domain DCC.

    Raises:
        TypeError: A setting is of the wrong type.
        ValueError: A setting makes no sense, or names a payload or tolerance that does not exist.

    """

    def __init__(
        self,
        trust: TrustStore,
        *,
        accept: Iterable[str | Profile] = ("eu",),
        tolerate: Collection[str] = FIELD,
        clock_skew: timedelta = DEFAULT_CLOCK_SKEW,
        certificate_time: CertificateTime = "now",
        value_sets: ValueSets | None = None,
        revocation: RevocationSource | None = None,
        refuse_unknown_revocation: bool = False,
        limits: Limits = DEFAULT_LIMITS,
        policy: TrustPolicy = DEFAULT_POLICY,
    ) -> None:
        if not isinstance(trust, TrustStore):
            raise TypeError("trust must be a TrustStore; TrustStore.from_certificates makes one")
        if isinstance(tolerate, str):
            raise TypeError(
                "tolerate must be a collection of names, such as FIELD | {'prefix.missing'}"
            )
        if clock_skew < timedelta(0):
            raise ValueError("clock_skew is a duration and cannot be negative")
        if certificate_time not in ("now", "issued"):
            raise ValueError("certificate_time must be 'now' or 'issued'")
        granted = frozenset(tolerate)
        if not granted <= TOLERANCES.keys():
            unknown = ", ".join(sorted(granted - TOLERANCES.keys()))
            raise ValueError(f"there are no such tolerances: {unknown}")
        self._accepted = _accepted(accept)
        # Accepted rows come first: where nothing tells two apart, the caller's choice does.
        known = {row.name: row for row in (*self._accepted, *PROFILES, *RECOGNISED)}
        self._known = tuple({**known, **{row.name: row for row in self._accepted}}.values())
        self._prefixes = {row.prefix for row in self._known if row.prefix}
        self._colonless = [row.prefix for row in self._known if row.colonless]
        self._granted = granted
        self._examiner = default_examiner() if value_sets is None else Examiner(value_sets)
        self._revocation = revocation
        self._refuse_unknown = refuse_unknown_revocation
        self._limits = limits
        self._ring = KeyRing(trust, clock_skew.total_seconds(), certificate_time, policy)
        self._quick = (
            QuickLook(self._ring, self._examiner, granted, limits)
            if QuickLook is not None
            and next(filter(_may_be_dcc, self._accepted), None) is EU
            and revocation is None
            and not refuse_unknown_revocation
            else None
        )

    @property
    def accepted(self) -> tuple[str, ...]:
        """The names of the profiles that are accepted."""
        return tuple(row.name for row in self._accepted)

    def verify(self, text: str | bytes, at: datetime | None = None) -> Verification:
        """Verify one scanned text as of the moment `at`, by default now.

        No text and no bytes make this raise: what is wrong is in the result. Time and memory are
        bounded by the verifier's limits.

        Raises:
            TypeError: `at` is not a datetime.
            ValueError: `at` has no time zone.

        """
        now = time.time() if at is None else seconds(at)
        if type(text) is bytes and text.isascii():
            text = text.decode("ascii")
        if self._quick is not None:
            result = self._quick.verify(text, now)
            if result is not None:
                return result
        return self._verify(text, now)

    def verify_image(
        self,
        image: bytes | str | os.PathLike[str] | BinaryIO | Image.Image,
        at: datetime | None = None,
    ) -> Sighting:
        """Verify every pass in a picture or PDF; codes that are no passes are named, not judged.

        Args:
            image: The content of a file, its path, an open binary file, or a Pillow image, as
                `coronapas.presentation.scan` takes them, with its bounds.
            at: The moment of the check, by default now.

        Raises:
            ScanError: The file cannot be opened or exceeds a bound, or no QR code can be read.
            MissingExtraError: A package of the extra ``qr`` is not installed.

        """
        from coronapas.verify._picture import sighting

        now = time.time() if at is None else seconds(at)
        return sighting(image, lambda text: self.verify(text, moment(now)), self._granted)

    def _verify(self, text: str | bytes, now: float) -> Verification:
        found = Findings(self._granted)
        layers = open_layers(
            text, limits=self._limits, prefixes=self._prefixes, colonless=self._colonless
        )
        profile = self._profile_of(text, layers, found)
        envelope = layers.envelope
        if profile is None or envelope is None or profile not in self._accepted:
            return self._unopened(layers, profile, found, now)
        return self._judge(envelope, profile, now, found)

    def _profile_of(self, text: str | bytes, layers: Layers, found: Findings) -> Profile | None:
        """The profile of a text: by its prefix, and by its content where that leaves a choice."""
        claims = layers.claims
        start = f"{layers.prefix[:3]}:" if layers.prefix else ""
        rows = tuple(row for row in self._known if row.prefix == start)
        owned = None if claims is None else owner(claims, rows, self._known)
        if start and rows:
            profile = owned or rows[0]
        elif owned is not None:
            profile = owned
        elif layers.text is None or (layers.fault and layers.fault.code == "prefix.too-long"):
            return None
        elif claims is not None:
            accepted = self._accepted
            fitting = (row for row in accepted if mismatch(row, claims, self._known) is None)
            return owner(claims, accepted, self._known) or next(fitting, accepted[0])
        else:
            if layers.prefix is None or _PREFIX_MISSING not in self._granted:
                found.fail("prefix", "prefix.not-a-pass", resemblance(text))
            return None
        if profile not in self._accepted:
            sentence = f"The text is {profile.title}, which this verifier does not accept."
            found.fail("prefix", "prefix.not-accepted", sentence)
        return profile

    def _unopened(
        self, layers: Layers, profile: Profile | None, found: Findings, now: float
    ) -> Verification:
        """The result for a text that could not be opened: what needs the lost layer is skipped."""
        fault = layers.fault
        if fault is not None and found.checks["prefix"].outcome is Outcome.SKIPPED:
            failed = check_of(fault.code)
            found.passed(*CHECKS[: CHECKS.index(failed)])
            found.deviate(layers.deviations)
            found.fail(failed, fault.code, f"{fault.message[:1].upper()}{fault.message[1:]}.")
        else:
            found.deviations.extend(layers.deviations)
        return Verification(found.checks, now, deviations=tuple(found.deviations), profile=profile)

    def _judge(
        self, envelope: Envelope, profile: Profile, now: float, found: Findings
    ) -> Verification:
        other = mismatch(profile, envelope.claims, self._known)
        if other is None:
            occasion = Occasion(now, self._ring.skew, self._examiner)
            examined = profile.examine(envelope, occasion)
        else:
            examined = Examined(envelope, fault=("content.other-profile", other))
        found.passed(*READING)
        found.deviate(examined.envelope.deviations)
        key = self._ring.signing_key(envelope.message, profile, now, found)
        if key is not None:
            self._ring.judge_certificate(key, profile, envelope, now, found)
            self._ring.judge_participant(key, profile, examined.authorities, found)
            _judge_usage(key, profile, examined, found)
            _judge_issuer(key, profile, envelope, found)
        _judge_time(envelope, profile, now, self._ring.skew, found)
        found.deviate(examined.deviations)
        if examined.fault is not None:
            found.fail("content", *examined.fault)
        elif examined.ambiguity is not None:
            found.unknown("content", *examined.ambiguity)
        found.passed("content")
        answer = self._revoked(None if key is None else envelope, profile, now, found)
        return Verification(
            found.checks,
            now,
            envelope=examined.envelope,
            certificate=None if key is None else key.certificate,
            deviations=tuple(found.deviations),
            profile=profile,
            payload=examined.payload,
            content=examined.content,
            revocation=answer,
            trust=self._ring.trust,
        )

    def _revoked(
        self, envelope: Envelope | None, profile: Profile, now: float, found: Findings
    ) -> RevocationAnswer | None:
        """Look the pass up; `envelope` is None where the signature did not hold."""
        name = "revocation"
        if not profile.revocable:
            found.unknown(name, "revocation.no-data", f"No revocation list of {profile.plural}.")
            return None
        if self._revocation is None:
            code, sentence = NO_REVOCATION_DATA.code, NO_REVOCATION_DATA.sentence
            answer, outcome = None, RevocationOutcome.UNKNOWN
        elif envelope is None:
            return None
        else:
            answer = self._revocation.status(envelope, at=moment(now))
            outcome, code, sentence = answer.outcome, answer.code, answer.sentence
        if outcome is RevocationOutcome.NOT_REVOKED:
            found.passed_as(name, code, sentence)
        elif outcome is RevocationOutcome.UNKNOWN and not self._refuse_unknown:
            found.unknown(name, code, sentence)
        else:
            found.fail(name, code, sentence)
        return answer


def _may_be_dcc(row: Profile) -> bool:
    """Whether a plain EU DCC under its own prefix may be content of this profile."""
    return row.prefix == EU.prefix and bool(row.required & EU.required)


def _accepted(accept: Iterable[str | Profile]) -> tuple[Profile, ...]:
    """The profiles to accept, each once, in the order in which they are named."""
    if isinstance(accept, str):
        raise TypeError("accept must be a collection of names, such as ('eu', 'dk')")
    found: dict[str, Profile] = {}
    for each in accept:
        if isinstance(each, Profile):
            found[each.name] = each
            continue
        rows = [row for row in PROFILES if each in (row.name, row.family)]
        if not rows:
            names = sorted({row.family for row in PROFILES} | {row.name for row in PROFILES})
            raise ValueError(f"there is no such payload: {each!r}; known are {', '.join(names)}")
        found.update((row.name, row) for row in rows)
    if not found:
        raise ValueError("accept must name at least one payload")
    return tuple(found.values())


def _judge_usage(key: VerifyingKey, profile: Profile, examined: Examined, found: Findings) -> None:
    name = "key usage"
    country = key.certificate.country
    if profile.countries is not None and country is not None and country not in profile.countries:
        found.fail(
            name,
            "usage.other-country",
            f"Certificates of this country do not sign {profile.plural}.",
        )
    if not key.signs:
        found.fail(name, "usage.no-signature", "The certificate's key may not sign anything.")
    if examined.kinds is None and (key.usages or examined.payload is None):
        # What the content does not tell cannot be judged.
        return
    for kind in examined.kinds or ():
        if key.usages and kind not in key.usages:
            sentence = f"The certificate may not sign a {kind} pass."
            found.fail(name, "usage.not-allowed", sentence, kind=kind.value)
    found.passed(name)


def _judge_issuer(key: VerifyingKey, profile: Profile, envelope: Envelope, found: Findings) -> None:
    """``iss`` may be absent; where it names a country, that is the certificate's (hcert-spec).

    A profile that says which countries may sign is judged by that alone (`_judge_usage`).
    """
    if profile.countries is not None:
        return
    country, issuer = key.certificate.country, (envelope.issuer or "").strip().upper()
    if country is not None and issuer in COUNTRIES and issuer != country.strip().upper():
        found.deviate([_OTHER_ISSUER])


def _judge_time(
    envelope: Envelope, profile: Profile, now: float, skew: float, found: Findings
) -> None:
    """``iat`` ≤ now ≤ ``exp``; without an end nothing is valid (hcert-spec, section 3.2)."""
    name, what = "time", profile.noun
    issued_at, expires = envelope.issued_at, envelope.expires
    if expires is None:
        if not profile.end_optional:
            found.fail(name, "time.no-end", f"The {what} states no usable end of its validity.")
    elif now > expires or (now == expires and not profile.end_inclusive):
        found.fail(name, "time.expired", f"The {what} has expired.")
    if issued_at is not None:
        if issued_at > now + skew:
            found.fail(name, "time.not-yet", f"The {what} was issued in the future.")
        if expires is not None and (
            issued_at > expires or (issued_at == expires and not profile.end_inclusive)
        ):
            found.fail(name, "time.order", f"The {what} ends before it was issued.")
    found.passed(name)
