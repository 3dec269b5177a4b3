"""Verify what a screen shows: how old it is, whether it was seen before, whose key proves it.

A token for a screen is minted each time it is displayed and states when: ``iat``. A copy grows
older, so the verifier refuses what is older than its window. The rules, in their order:

1. The token is verified as any pass is. A token without a signature that holds has no age.
2. A token bound to its holder's key (claim 8 ``cnf``, RFC 8747) comes in a proof: the text
   ``LV1:``, then in Base45 four bytes (the moment in seconds since 1970-01-01T00:00:00Z,
   big-endian) and 64 bytes (the signature r‖s, ES256), then the token's text. What is signed is
   ``coronapas live proof 1:``, the token's text, and the four bytes. The age counts from that
   moment, and a bound token without a proof fails.
3. The age must be less than the window; at exactly the window the token is stale. A moment further
   ahead than the skew fails too.
4. The same token seen again by this verifier fails as replayed, unless it is the same look. What is
   compared is what was signed, since an ECDSA signature can be rewritten by anybody.

The form of the proof is this project's own: no authority has published one.
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from coronapas import _signatures as signatures
from coronapas import catalogue
from coronapas._time import moment, seconds
from coronapas.denmark._tokens import CONFIRMATION
from coronapas.errors import CoronapasError
from coronapas.hcert import _base45 as base45
from coronapas.hcert._envelope import DEFAULT_LIMITS
from coronapas.verify._result import Check, Outcome

if TYPE_CHECKING:
    from collections.abc import Collection

    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

    from coronapas.verify._result import Verification
    from coronapas.verify._verifier import Verifier

DEFAULT_WINDOW: Final = timedelta(seconds=60)
"""How old a token on a screen may be by default (exclusive), as in the Netherlands in 2021."""

DEFAULT_SKEW: Final = timedelta(seconds=10)
"""How far a token's moment may lie ahead of the verifier's clock by default (inclusive)."""

DEFAULT_CAPACITY: Final = 10_000
"""How many tokens are remembered by default."""

PROOF_PREFIX: Final = "LV1:"
"""What the text of a proof begins with."""

CONTEXT: Final = "coronapas live proof 1:"
"""What the signed bytes of a proof begin with, so that they are of no other use."""

_NAME: Final = "live"
_MOMENT: Final = 4
_SIGNATURE: Final = 64
_PROOF_LENGTH: Final = 102
"""The characters of 68 bytes in Base45."""

_LONGEST: Final = DEFAULT_LIMITS.text
"""The most characters of a proof with its token, inclusive."""

_OUTCOMES: Final = {
    "live.ok": Outcome.PASS,
    "live.static": Outcome.UNKNOWN,
    "live.skipped": Outcome.SKIPPED,
    "live.undated": Outcome.FAIL,
    "live.stale": Outcome.FAIL,
    "live.ahead": Outcome.FAIL,
    "live.replayed": Outcome.FAIL,
    "live.unproved": Outcome.FAIL,
    "live.proof": Outcome.FAIL,
}

_NAMELESS: Final = frozenset(("dk1", "link"))
"""Profiles whose content names nobody."""

_CLOSING: Final = (timedelta(seconds=30), timedelta(seconds=60), timedelta(seconds=120))
"""How long a result is shown: a domestic one, a refusal, another (Coronapas.Mobile, 2021)."""


class _Proof(NamedTuple):
    token: str
    moment: int
    signature: bytes

    @property
    def message(self) -> bytes:
        """The bytes that the holder's key signs."""
        return (CONTEXT + self.token).encode() + self.moment.to_bytes(_MOMENT, "big")


@dataclass(frozen=True, slots=True)
class LiveVerification:
    """What is true of a text that a screen shows. Its truth value is `ok`.

    Attributes:
        verification: What is true of the token, whatever its age.
        check: The check of its age, ``live`` by name.
        age: How old it is, at the moment of the check; None where that is not known.
        bound: Whether the token is bound to a key of its holder's device.

    """

    verification: Verification
    check: Check
    age: timedelta | None
    bound: bool = False

    @property
    def ok(self) -> bool:
        """Whether neither the check of the age nor one of the token failed."""
        return self.verification.ok and self.check.outcome in (Outcome.PASS, Outcome.UNKNOWN)

    def __bool__(self) -> bool:
        return self.ok

    @property
    def checks(self) -> tuple[Check, ...]:
        """The checks of the token in their order, then that of its age."""
        return (*self.verification.checks, self.check)

    @property
    def failures(self) -> tuple[Check, ...]:
        """The checks that failed, in order."""
        return tuple(check for check in self.checks if check.outcome is Outcome.FAIL)

    @property
    def reminder(self) -> str | None:
        """The code of what is left to the person at the door; None where the answer is no.

        ``live.compare``: the code says who, and not that this is who shows it. ``live.look``: it
        names nobody, so the moving screen in the holder's hand is all there is.
        """
        if not self.ok:
            return None
        return "live.look" if self.verification.profile in _NAMELESS else "live.compare"

    def reminder_in(self, language: str) -> str | None:
        """Return the reminder as a sentence in a language of the catalogue; None for none.

        Raises ValueError for a language that the catalogue does not have.
        """
        code = self.reminder
        return None if code is None else catalogue.sentence(code, language)

    @property
    def closes_after(self) -> timedelta:
        """How long the result should stay on the verifier's screen.

        30 seconds for a Danish token, 60 for a refusal, 120 for any other pass: the times of the
        Danish scanner (Coronapas.Mobile, 2021).
        """
        domestic, refused, other = _CLOSING
        if not self.ok:
            return refused
        return domestic if str(self.verification.profile).startswith("dk") else other

    def to_json(self, *, personal: bool = False, language: str = "en") -> dict[str, Any]:
        """Return the verification's JSON form, with the check of the age and the reminder.

        Args:
            personal: Whether to give ``facts`` too: what the pass says of its holder.
            language: The language of the sentences: one of the catalogue's.

        """
        document = self.verification.to_json(personal=personal, language=language)
        document["ok"] = self.ok
        document["checks"].append(self.check.to_json(language=language))
        document["failures"] = [check.code for check in self.failures]
        document["live"] = {
            "code": self.check.code,
            "age": None if self.age is None else self.age.total_seconds(),
            "bound": self.bound,
            "reminder": self.reminder,
            "closes_after": int(self.closes_after.total_seconds()),
        }
        return document


@dataclass(slots=True)
class _Seen:
    """When something was seen first, and in which look."""

    first: float
    look: str | None = field(repr=False)


class LiveVerifier:
    """Verifies what screens show, and remembers for a moment what it saw. Thread-safe.

    Args:
        verifier: Verifies the tokens themselves. It refuses bound ones (``content.bound``), unless
            that tolerance is granted; here it may be, as the proof is asked for.
        window: How old a token may be (exclusive).
        skew: How far its moment may lie ahead of this device's clock (inclusive). It never makes an
            old token younger.
        profiles: The names of the profiles that must be live (``dk1``, ``eu``), by default all that
            `verifier` accepts. Passes of the others have the check ``live.static``, which is
            UNKNOWN.
        capacity: How many tokens are remembered, at least 1. Where more are seen within the window,
            the oldest is forgotten, and its copy would not be found out.

    Raises:
        ValueError: `window` is not positive, `skew` is negative, `capacity` is below 1, or a
            profile is not accepted by `verifier`.

    """

    def __init__(
        self,
        verifier: Verifier,
        *,
        window: timedelta = DEFAULT_WINDOW,
        skew: timedelta = DEFAULT_SKEW,
        profiles: Collection[str] | None = None,
        capacity: int = DEFAULT_CAPACITY,
    ) -> None:
        if window <= timedelta(0) or skew < timedelta(0) or capacity < 1:
            raise ValueError("the window and the capacity must be positive, the skew not negative")
        names = frozenset(verifier.accepted if profiles is None else profiles)
        if not names <= frozenset(verifier.accepted):
            raise ValueError("profiles must be names that the verifier accepts")
        self._verifier = verifier
        self._window = window.total_seconds()
        self._skew = skew.total_seconds()
        self._profiles = names
        self._capacity = capacity
        self._seen: OrderedDict[bytes, _Seen] = OrderedDict()
        self._lock = Lock()

    @property
    def window(self) -> timedelta:
        """How old a token may be (exclusive)."""
        return timedelta(seconds=self._window)

    def with_verifier(self, verifier: Verifier) -> LiveVerifier:
        """Return the same with another verifier, as after new lists.

        Both share their memory, so that no copy gets through while lists are replaced. Raises
        ValueError where `verifier` does not accept a profile that must be live.
        """
        other = LiveVerifier(
            verifier,
            window=timedelta(seconds=self._window),
            skew=timedelta(seconds=self._skew),
            profiles=self._profiles,
            capacity=self._capacity,
        )
        other._seen, other._lock = self._seen, self._lock
        return other

    def __len__(self) -> int:
        """How many tokens are remembered."""
        return len(self._seen)

    def verify(
        self, text: str | bytes, at: datetime | None = None, *, look: str | None = None
    ) -> LiveVerification:
        """Verify one scanned text as of the moment `at`, by default now.

        `look` names one encounter at the door. A token that is asked about again within the same
        look, with another question, is judged as when it was seen first, for as long as the window.

        No text makes this raise. Raises TypeError and ValueError for `at` as
        `coronapas.Verifier.verify` does.
        """
        now = time.time() if at is None else seconds(at)
        proof = _proof_of(text)
        token = text if proof is None else proof.token
        verification = self._verifier.verify(token, moment(now))
        key = _key(verification, proof)
        first = None if key is None or look is None else self._first_sight(key, look, now)
        if first is not None:
            verification = self._verifier.verify(token, moment(first))
            now = first
        code, made, bound = self._judge(verification, proof, now)
        if (
            code == "live.ok"
            and verification.ok
            and key is not None
            and first is None
            and not self._remember(key, look, now)
        ):
            code = "live.replayed"
        check = Check(_NAME, _OUTCOMES[code], code, catalogue.sentence(code))
        age = None if made is None else timedelta(seconds=now - made)
        return LiveVerification(verification, check, age, bound)

    def _judge(
        self, verification: Verification, proof: _Proof | None, now: float
    ) -> tuple[str, int | None, bool]:
        """Return the code of the check, the token's moment, and whether it is bound."""
        envelope = verification.envelope
        if not verification.signed or envelope is None:
            return "live.skipped", None, proof is not None
        stated = envelope.claims.tree.get(CONFIRMATION)
        bound = stated is not None and str(verification.profile).startswith("dk")
        if proof is not None or bound:
            if proof is None:
                return "live.unproved", None, True
            holder = _confirmed_key(stated) if bound else None
            if holder is None or not signatures.holds(
                holder, "ES256", proof.signature, proof.message
            ):
                return "live.proof", None, bound
            made: int | None = proof.moment
        elif verification.profile not in self._profiles:
            return "live.static", envelope.issued_at, False
        else:
            made = envelope.issued_at
        if made is None:
            return "live.undated", None, bound
        age = now - made
        if age >= self._window:
            return "live.stale", made, bound
        return ("live.ahead" if age < -self._skew else "live.ok"), made, bound

    def _first_sight(self, key: bytes, look: str, now: float) -> float | None:
        """Return when a token was first seen in the same look; None where it was not."""
        with self._lock:
            self._forget(now)
            seen = self._seen.get(key)
            return seen.first if seen is not None and seen.look == look else None

    def _remember(self, key: bytes, look: str | None, now: float) -> bool:
        """Remember a token; False where it was seen before."""
        with self._lock:
            self._forget(now)
            if key in self._seen:
                return False
            if len(self._seen) >= self._capacity:
                self._seen.popitem(last=False)
            self._seen[key] = _Seen(now, look)
            return True

    def _forget(self, now: float) -> None:
        """Drop what could no longer be accepted anyway; the oldest stand first."""
        kept = self._window + self._skew
        while self._seen and next(iter(self._seen.values())).first <= now - kept:
            self._seen.popitem(last=False)


def prove(token: str, private_key: EllipticCurvePrivateKey, *, at: datetime) -> str:
    """Return the proof that the holder of a key shows a bound token at a moment.

    The holder's page does the same in the browser. `private_key` is of P-256, and `at` has a time
    zone; it is cut to whole seconds. Raises ValueError for another curve, or a moment that four
    bytes cannot state (before 1970 or after 2106).
    """
    if not isinstance(private_key.curve, ec.SECP256R1):
        raise ValueError("the key must be of P-256")
    stated = int(seconds(at))
    if not 0 <= stated < 1 << 8 * _MOMENT:
        raise ValueError("the moment must lie between 1970 and 2106")
    unsigned = _Proof(token, stated, b"")
    signature = signatures.from_der(
        private_key.sign(unsigned.message, ec.ECDSA(SHA256())), _SIGNATURE // 2
    )
    head = base45.encode(stated.to_bytes(_MOMENT, "big") + signature)
    return f"{PROOF_PREFIX}{head}{token}"


def _proof_of(text: str | bytes) -> _Proof | None:
    """Return the parts of a proof; None for any other text."""
    if isinstance(text, bytes):
        text = text.decode("latin-1")
    text = text.strip()
    start = len(PROOF_PREFIX)
    if (
        len(text) > DEFAULT_LIMITS.text
        or not text.startswith(PROOF_PREFIX)
        or len(text) <= start + _PROOF_LENGTH
    ):
        return None
    try:
        head = base45.decode(text[start : start + _PROOF_LENGTH])
    except CoronapasError:
        return None
    made = int.from_bytes(head[:_MOMENT], "big")
    return _Proof(text[start + _PROOF_LENGTH :], made, head[_MOMENT:])


def _confirmed_key(stated: object) -> ec.EllipticCurvePublicKey | None:
    """Return the key of a claim ``cnf``: a COSE_Key of P-256 (RFC 8747); None for anything else."""
    key = stated.get(1) if isinstance(stated, Mapping) else None
    if not isinstance(key, Mapping) or (key.get(1), key.get(-1)) != (2, 1):
        return None
    x, y = key.get(-2), key.get(-3)
    if not (type(x) is bytes and type(y) is bytes and len(x) == len(y) == _SIGNATURE // 2):
        return None
    curve = ec.SECP256R1()
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(curve, b"\4" + x + y)
    except ValueError:
        return None


def _key(verification: Verification, proof: _Proof | None) -> bytes | None:
    """Return what a token is remembered by; None where its signature does not hold."""
    envelope = verification.envelope
    if not verification.signed or envelope is None:
        return None
    digest = hashlib.sha256(envelope.message.signed_bytes)
    if proof is not None:
        digest.update(proof.moment.to_bytes(_MOMENT, "big"))
    return digest.digest()
