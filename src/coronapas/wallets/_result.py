"""The checks of a wallet credential, and the result: a `Verification` with checks of its own.

The layers of a pass (Base45, compression and so on) are not those of a credential, so the table is
another one; what a check and an outcome are, how a check fails closed, and what a result hands out
are the same (`coronapas.verify`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from coronapas import _base64 as base64
from coronapas._time import moment
from coronapas.dcc._reader import facts_of
from coronapas.errors import KeyMaterialError
from coronapas.verify._profile import Examined, Profile
from coronapas.verify._result import Check, CheckRow, Outcome, Verification
from coronapas.verify._result import Findings as PassFindings

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from coronapas.errors import CredentialError
    from coronapas.facts import PassFacts
    from coronapas.hcert import Envelope
    from coronapas.revocation import RevocationAnswer
    from coronapas.tolerances import Deviation
    from coronapas.trust import Certificate, TrustStore
    from coronapas.verify._profile import Occasion
    from coronapas.wallets._mapping import Loss

TABLE: Final = (
    CheckRow("format", "The credential is well-formed."),
    CheckRow("type", "The credential is of a type that is accepted."),
    CheckRow("key identifier", "The credential names a key that is trusted."),
    CheckRow("signature", "The issuer's signature holds.", frozenset({"signature"})),
    CheckRow(
        "certificate validity", "The signing certificate was valid.", frozenset({"certificate"})
    ),
    CheckRow("key usage", "The certificate may sign credentials of this kind."),
    CheckRow("disclosure", "Everything disclosed is what the issuer signed."),
    CheckRow("time", "The validity that the credential states covers the time of the check."),
    CheckRow("holder binding", "The holder's key signed this presentation."),
    CheckRow("content", "The content follows the schema.", frozenset({"content"})),
    CheckRow("revocation", "The status list says that the credential is valid."),
)
"""Every check of a wallet credential, in the order in which they depend on each other."""

CREDENTIAL_CHECKS: Final = tuple(row.name for row in TABLE)
"""The names of the checks of a wallet credential, in order."""

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


class Findings(PassFindings):
    """What one verification of a credential has found so far. Every check starts out SKIPPED."""

    __slots__ = ()

    def __init__(self, granted: frozenset[str]) -> None:
        super().__init__(granted)
        self.checks = dict(_SKIPPED)

    def passed(self, *names: str) -> None:
        """Say that checks ran and found nothing; one that has failed stays failed."""
        for name in names:
            if self.checks[name].outcome is Outcome.SKIPPED:
                self.checks[name] = _PASSED[name]

    def deviate(self, deviations: Collection[Deviation]) -> None:
        """Report deviations, and fail the checks of those that are not granted."""
        self.deviations.extend(deviations)
        for deviation in deviations:
            if deviation.code not in self.granted:
                layer = deviation.code.partition(".")[0]
                place = f" ({deviation.field})" if deviation.field else ""
                note = f"{deviation.note[:1].upper()}{deviation.note[1:].rstrip('.')}{place}."
                self.fail(_OF_LAYER.get(layer, "content"), deviation.code, note)

    def result(self, at: float, profile: Profile, **known: Any) -> CredentialVerification:
        """Return what was found as a result; `known` is what the signature vouches for."""
        found = tuple(self.deviations)
        return CredentialVerification(self.checks, at, profile, deviations=found, **known)


def sentence_of(error: CredentialError) -> str:
    """Return an error as the sentence of a check."""
    return f"{error.message[:1].upper()}{error.message[1:].rstrip('.')}."


@dataclass(frozen=True, slots=True)
class Credential:
    """What a wallet credential states; `Verification.content` of one.

    Attributes:
        type: The ``vct`` of an SD-JWT VC, the docType of an mdoc; None where it states none.
        claims: What is disclosed: the claims of an SD-JWT, or the elements of an mdoc by their
            namespace.
        issued_at: The moment of issue, in seconds since 1970-01-01T00:00:00Z; None if not stated.
        valid_from: The first moment of validity in the same seconds; None if not stated.
        expires: The end of the validity in the same seconds, which belongs to it in an mdoc and not
            in an SD-JWT; None if not stated.
        holder_key: The public key of the holder's device as a JWK; None where none is stated.
        losses: What the format cannot state of a pass, and what a pass cannot state of this.

    """

    type: str | None
    claims: Mapping[str, Any] = field(repr=False)
    issued_at: float | None = None
    valid_from: float | None = None
    expires: float | None = None
    holder_key: Mapping[str, str] | None = field(default=None, repr=False)
    losses: tuple[Loss, ...] = ()


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else moment(seconds)


def _examine(envelope: Envelope, _occasion: Occasion) -> Examined:
    return Examined(envelope, fault=("content.other-profile", "A wallet credential is no text."))


def _facts(payload: Any) -> PassFacts | None:
    return None if payload is None else facts_of(payload)[0]


def _profile(name: str, title: str) -> Profile:
    # A wallet credential has no prefix and no claims of the container: no text of the container is
    # ever of these profiles.
    return Profile(
        name=name,
        family="wallet",
        title=title,
        noun="credential",
        plural="credentials",
        prefix="",
        marks=frozenset(),
        required=frozenset(),
        examine=_examine,
        facts=_facts,
        end_inclusive=name == "mdoc",
    )


SD_JWT: Final = _profile("sd-jwt", "an SD-JWT VC")
MDOC: Final = _profile("mdoc", "an mdoc")


class CredentialVerification(Verification):
    """What is true of one wallet credential at one moment: a `Verification` with other checks.

    `profile` is ``"sd-jwt"`` or ``"mdoc"``, `content` a `Credential`, and `payload` and `facts` are
    those of the pass that states the same, where the credential states enough of one. There is no
    `envelope`. Rules judge it as they judge a pass.
    """

    __slots__ = ()

    def __init__(
        self,
        checks: Mapping[str, Check],
        checked_at: float,
        profile: Profile,
        *,
        deviations: tuple[Deviation, ...] = (),
        certificate: Certificate | None = None,
        payload: Any = None,
        content: Credential | None = None,
        revocation: RevocationAnswer | None = None,
        trust: TrustStore | None = None,
    ) -> None:
        """Made by a verifier of this room."""
        super().__init__(
            checks,
            checked_at,
            certificate=certificate,
            deviations=deviations,
            profile=profile,
            payload=payload,
            content=content,
            revocation=revocation,
            trust=trust,
        )
        self._ok = all(
            self.check(name).outcome in (Outcome.PASS, Outcome.UNKNOWN)
            for name in CREDENTIAL_CHECKS
        )

    @property
    def checks(self) -> tuple[Check, ...]:
        """Every check, in the order of `CREDENTIAL_CHECKS`."""
        return tuple(self.check(name) for name in CREDENTIAL_CHECKS)

    def check(self, name: str) -> Check:
        """Return the check of this name; KeyError for a name not in `CREDENTIAL_CHECKS`."""
        check = self._checks.get(name) or _SKIPPED[name]
        if name == "signature" and check.outcome is Outcome.PASS:
            return self._signed_by(check)
        return check

    @property
    def issued_at(self) -> datetime | None:
        """When the credential says that it was issued, in UTC; None unless the signature held."""
        return _moment(None if self.credential is None else self.credential.issued_at)

    @property
    def expires(self) -> datetime | None:
        """When the credential says that it ends, in UTC; None unless the signature held."""
        return _moment(None if self.credential is None else self.credential.expires)

    def to_json(self, *, personal: bool = False, language: str = "en") -> dict[str, Any]:
        """Return the result as `Verification.to_json` does, with ``credential`` beside it."""
        document = super().to_json(personal=personal, language=language)
        content, certificate = self.credential, self.certificate
        document["kid"] = None if certificate is None else certificate.kid.hex()
        document["credential"] = None
        if content is not None:
            document["credential"] = {
                "type": content.type,
                "bound": content.holder_key is not None,
                "losses": [{"field": each.field, "reason": each.reason} for each in content.losses],
            }
        return document

    @property
    def credential(self) -> Credential | None:
        """The content; None unless the issuer's signature held over all that is disclosed."""
        content = self.content
        return content if isinstance(content, Credential) else None


# What was received

_HEAD: Final = 64
"""The characters by whose bytes an mdoc that is written as text is known."""

_SD_JWT: Final = re.compile(r"eyJ[\w-]*\.[\w-]*\.[\w-]*~", re.ASCII)
_MDOC: Final = re.compile(
    rb"[\xa1-\xb7\xbf]"
    rb"(?:j(?:nameSpaces|issuerAuth)|gversion|idocuments|fstatus|ndocumentErrors)"
)
"""A map of CBOR whose first key is one of an IssuerSigned's or a DeviceResponse's."""


def credential_in(content: str | bytes) -> str | bytes | None:
    """Return a credential as its verifier takes it: an SD-JWT's text, or an mdoc's bytes.

    By how it begins, so that what is returned may still be malformed: an SD-JWT is text; an mdoc is
    CBOR, or hexadecimal, base64 or base64url of it. None for anything else, such as a pass. White
    space within text does not count.
    """
    if isinstance(content, bytes):
        if _MDOC.match(content):
            return content
        if not content.isascii():
            return None
        content = content.decode("ascii")
    if not content.isascii():
        return None
    text = "".join(content.split())
    if _SD_JWT.match(text):
        return text
    for read in (_hexadecimal, _base64):
        if _MDOC.match(read(text[:_HEAD]) or b""):
            return read(text) or b""
    return None


def _hexadecimal(text: str) -> bytes | None:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return None


def _base64(text: str) -> bytes | None:
    try:
        return base64.decode_any(text, "an mdoc")
    except KeyMaterialError:
        return None
