"""Verify what is presented in Denmark: domestic tokens (DK1, DK2, DK3) and EU passes (HC1) alike.

A HC1 is judged by the verifier of EU passes, unchanged. For the tokens, by the notes on the Danish
app (its public source, September 2021):

1. The kid (protected header first) names the keys to be tried, all of them; ES256 and PS256 only.
2. A token without ``exp`` is invalid, and one has expired at its ``exp``: the bound is *exclusive*
   here and inclusive for a HC1.
3. There are no rules: whether the holder is valid was computed by the issuer from the registers.
   So no test result and no date of a DK3's entries is judged; `shown_entry` reads them.

Decided here, and stricter than what was observed: the key must be one of a Danish certificate (a
trust list holds the keys of all countries, and no other country may say who is valid in Denmark);
a certificate with key usages must cover the kinds of a DK3's entries; ``iat`` may not lie in the
future beyond the verifier's clock skew; certificates are judged as for a HC1; and the claims must
be those of the token (see `coronapas.denmark._tokens`), with the verifier's tolerances.
"""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING, Final

from coronapas.denmark._tokens import (
    Dk3,
    TokenKind,
    kind_of,
    read,
)
from coronapas.errors import DecodeError
from coronapas.verify._keyring import Findings, seconds, unreadable
from coronapas.verify._result import Check, Outcome, Verification
from coronapas.verify._verifier import Verifier

if TYPE_CHECKING:
    from collections.abc import Collection

    from coronapas.denmark._tokens import Dk1, Dk2
    from coronapas.trust._verifying_key import VerifyingKey

_NO_LISTS: Final = Check(
    "revocation",
    Outcome.UNKNOWN,
    "revocation.no-data",
    "No revocation list of domestic tokens is known.",
)


class DomesticVerification(Verification):
    """What is true of one text at one moment, and what kind of text it was. Immutable.

    Everything that a `Verification` has. `facts` are None for tokens, whose content is in `token`;
    `payload` is the DCC of a HC1 or a DK3.
    """

    __slots__ = ("_kind", "_token")

    _kind: TokenKind | None
    _token: Dk1 | Dk2 | Dk3 | None

    @classmethod
    def of(
        cls, result: Verification, kind: TokenKind | None, token: Dk1 | Dk2 | Dk3 | None = None
    ) -> DomesticVerification:
        """The same result, with what was seen."""
        new = object.__new__(cls)
        for name in Verification.__slots__:
            setattr(new, name, getattr(result, name))
        new._kind = kind
        new._token = token
        return new

    @property
    def kind(self) -> TokenKind | None:
        """Which kind was seen, by the prefix; None where the text is of none of them."""
        return self._kind

    @property
    def token(self) -> Dk1 | Dk2 | Dk3 | None:
        """The domestic token; None for a HC1, and unless the signature held."""
        return self._token if self.signed else None

    def __repr__(self) -> str:
        failed = " ".join(check.code for check in self.failures)
        return f"<DomesticVerification {self._kind or '?'} {'ok' if self.ok else failed}>"


class DomesticVerifier:
    """Verifies domestic tokens and EU passes alike; immutable and thread-safe.

    `verifier` judges EU passes, and its trust store, tolerances, clock skew, certificate time,
    value sets and limits hold for tokens too. Its revocation data and `refuse_unknown_revocation`
    do not: no revocation lists of tokens are known, and the check's outcome is UNKNOWN. `countries`
    are those whose certificates may sign tokens; a key of which no country is known may too.
    """

    def __init__(self, verifier: Verifier, *, countries: Collection[str] = ("DK",)) -> None:
        """Hold the settings; raises TypeError for those that make no sense."""
        if not isinstance(verifier, Verifier):
            raise TypeError("verifier is a Verifier; it brings the trust store and the settings")
        if isinstance(countries, str):
            raise TypeError("countries is a collection of codes, such as ('DK',)")
        self._verifier = verifier
        self._countries = frozenset(countries)

    def verify(self, text: str | bytes, at: datetime | None = None) -> DomesticVerification:
        """Verify one scanned text as of the moment `at`, by default now.

        `at` needs a time zone (ValueError without; TypeError for what is no datetime). No text and
        no bytes make this raise: what is wrong is in the result.
        """
        now = time.time() if at is None else seconds(at)
        kind = kind_of(text)
        if kind is None or kind is TokenKind.HC1:
            result = self._verifier.verify(text, at)
            # A tolerance can forgive a missing prefix: what could be opened is an EU pass.
            if kind is None and result.envelope is not None:
                kind = TokenKind.HC1
            return DomesticVerification.of(result, kind)
        try:
            token = read(text, limits=self._verifier.limits, examiner=self._verifier.examiner)
        except DecodeError as error:
            return DomesticVerification.of(unreadable(error, now), kind)
        return self._judge(token, now)

    def _judge(self, token: Dk1 | Dk2 | Dk3, now: float) -> DomesticVerification:
        verifier, envelope = self._verifier, token.envelope
        found = Findings(verifier.tolerances)
        found.deviate(token.deviations)
        key = verifier.ring.signing_key(envelope.message, now, found)
        if key is None:
            found.skip("certificate validity", "key usage")
        else:
            verifier.ring.judge_certificate(key, envelope, now, found)
            self._usage(key, token, found)
        self._time(token, now, found)
        found.checks["revocation"] = _NO_LISTS
        hcert = envelope.claims.hcert
        result = Verification(
            found.ok,
            now,
            envelope,
            None if key is None else key.certificate,
            tuple(found.deviations),
            found.checks,
            hcert.get(1) if hcert is not None and token.kind is TokenKind.DK3 else None,
            None,
            verifier.ring.trust,
        )
        return DomesticVerification.of(result, token.kind, token)

    def _usage(self, key: VerifyingKey, token: Dk1 | Dk2 | Dk3, found: Findings) -> None:
        country = key.certificate.country
        if country is not None and country not in self._countries:
            found.fail(
                "key usage",
                "usage.other-country",
                "The certificate is of a country that does not sign domestic tokens.",
            )
        if isinstance(token, Dk3) and key.usages:
            kinds = {entry.facts.kind for entry in token.entries if entry.facts is not None}
            for kind in sorted(kinds - key.usages):
                found.fail(
                    "key usage",
                    "usage.not-allowed",
                    f"The certificate may not sign a {kind} pass.",
                )

    def _time(self, token: Dk1 | Dk2 | Dk3, now: float, found: Findings) -> None:
        issued_at, expires = token.envelope.issued_at, token.envelope.expires
        if expires is None:
            found.fail("time", "time.no-end", "The token states no usable end of its validity.")
        elif now >= expires:
            found.fail("time", "time.expired", "The token has expired.")
        if issued_at is None:
            return
        if issued_at > now + self._verifier.ring.skew:
            found.fail("time", "time.not-yet", "The token was issued in the future.")
        if expires is not None and issued_at >= expires:
            found.fail("time", "time.order", "The token ends before it was issued.")
