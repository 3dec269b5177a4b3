"""The options that make verifiers of passes and of wallet credentials, for all that judge them."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import click

from coronapas.cli import _revocation as revocation_data
from coronapas.cli._certificates import (
    FILE,
    PLACE,
    beside_option,
    named,
    pin_option,
    policy_options,
    trust_from,
    unverified_option,
)
from coronapas.cli._options import accept_option, duration, filled, password_from
from coronapas.cli._output import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import timedelta
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

    from coronapas.dcc import ValueSets
    from coronapas.trust import TrustStore
    from coronapas.verify import CertificateTime, Check, TrustPolicy, Verification, Verifier
    from coronapas.wallets import KeyBinding, MdocVerifier, SdJwtVerifier, Session, StatusList

NAMES: Final = frozenset(
    {
        "trust",
        "accept",
        "pins",
        "beside",
        "unverified_trust",
        "revocation",
        "revocation_pins",
        "revocation_fetched",
        "revocation_max_age",
        "refuse_unknown_revocation",
        "clock_skew",
        "strict",
        "tolerate",
        "certificate_time",
        "environments",
        "domains",
        "trust_max_age",
        "audience",
        "nonce",
        "session_transcript",
        "reader_key",
        "credential_types",
        "status_lists",
    }
)
"""The names of the parameters that `verifier_options` adds to a command."""


@dataclass(frozen=True)
class Judge:
    """What the command line verifies with: passes, and credentials of wallets.

    Attributes:
        verifier: The verifier of passes.
        store: The keys.
        granted: The tolerances.
        by_jwt: The verifier of SD-JWTs; None where no credentials are judged.
        by_mdoc: The verifier of mdocs; None as `by_jwt`.
        binding: The holder's binding that an SD-JWT must have; None for any or none.
        session: The session that an mdoc must be bound to; None for any or none.

    """

    verifier: Verifier
    store: TrustStore
    granted: frozenset[str]
    by_jwt: SdJwtVerifier | None = None
    by_mdoc: MdocVerifier | None = None
    binding: KeyBinding | None = None
    session: Session | None = None

    def verify(self, text: str | bytes, at: datetime | None = None) -> Verification:
        """Return what is true of a pass or a credential, whichever the text is."""
        from coronapas.wallets import credential_in

        credential = credential_in(text)
        if isinstance(credential, str) and self.by_jwt is not None:
            return self.by_jwt.verify(credential, at, binding=self.binding)
        if isinstance(credential, bytes) and self.by_mdoc is not None:
            return self.by_mdoc.verify(credential, at, session=self.session)
        return self.verifier.verify(text, at)

    def objections(self, found: Verification) -> tuple[Check, ...]:
        """Return what must fail beside the checks of a result.

        Whether the holder's binding is required is the caller's choice, so what was received cannot
        avoid it by being a pass, or a credential of the other format.
        """
        from coronapas.verify import Check, Outcome

        asked = {"sd-jwt": self.binding, "mdoc": self.session}
        if not any(asked.values()) or asked.get(found.profile or ""):
            return ()
        sentence = "A binding to the holder was asked for, and what was received has none."
        return (Check("holder binding", Outcome.FAIL, "binding.missing", sentence),)


def credential_options(function: Callable[..., None]) -> Callable[..., None]:
    """Add what only credentials of wallets are asked: the binding, their types, status lists."""
    for option in reversed(
        (
            audience_option,
            nonce_option,
            transcript_option,
            reader_key_option,
            click.option(
                "--credential-type",
                "credential_types",
                multiple=True,
                metavar="TYPE",
                help="A vct or docType that a wallet's credential may have; repeatable. Default: "
                "all, of which this project's and org.micov.1 state a pass.",
            ),
            status_list_option,
        )
    ):
        function = option(function)
    return function


audience_option = click.option(
    "--audience",
    callback=filled,
    help="The verifier that the holder's binding of an SD-JWT must name.",
)
nonce_option = click.option(
    "--nonce", callback=filled, help="The nonce that the binding must repeat."
)
transcript_option = click.option(
    "--session-transcript",
    type=FILE,
    metavar="FILE",
    help="The session that an mdoc must be bound to: the SessionTranscript in CBOR or hexadecimal, "
    "with or without its tag 24.",
)
reader_key_option = click.option(
    "--reader-key", type=FILE, help="The reader's ephemeral private key (PEM), for a device's MAC."
)
status_list_option = click.option(
    "--status-list",
    "status_lists",
    multiple=True,
    type=FILE,
    help="A status list of credentials (JWT or CWT); repeatable.",
)


def binding_from(audience: str | None, nonce: str | None) -> KeyBinding | None:
    """Return the binding that is asked for; both parts or neither must be given."""
    from coronapas.wallets import KeyBinding

    if (audience is None) is not (nonce is None):
        raise click.UsageError("Give --audience and --nonce together.")
    return None if audience is None or nonce is None else KeyBinding(audience, nonce)


def session_from(transcript: Path | None, reader_key: Path | None) -> Session | None:
    """Return the session that is asked for; a reader's key alone is an error."""
    from coronapas.wallets import Session, read_transcript

    if transcript is None:
        if reader_key is not None:
            raise click.UsageError("--reader-key needs --session-transcript.")
        return None
    with named(transcript):
        read = read_transcript(decoded(content_of(str(transcript))))
    return Session(read, None if reader_key is None else private_key(reader_key, None))


def private_key(path: Path, password: str | None) -> EllipticCurvePrivateKey:
    """Return the private key of a PEM file, which must be on P-256."""
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    secret = password_from(password)
    try:
        key = load_pem_private_key(path.read_bytes(), None if secret is None else secret.encode())
    except (ValueError, TypeError):
        raise click.UsageError(plain(f"{path}: the private key cannot be read.")) from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
        raise click.UsageError(plain(f"{path}: the key must be on P-256."))
    return key


def status_lists_from(
    paths: Iterable[Path], store: TrustStore, at: datetime, policy: TrustPolicy
) -> list[StatusList]:
    """Return the status lists of files, after their signatures held."""
    from coronapas.wallets import read_status_list

    found = []
    for path in paths:
        with named(path):
            found.append(read_status_list(content_of(str(path)), store, at=at, policy=policy))
    return found


_MOST: Final = 2_000_000


def content_of(source: str) -> bytes:
    """Return the bytes of a file, or of standard input for ``-``, up to a bound."""
    with click.open_file(source, "rb") as file:
        content: bytes = file.read(_MOST + 1)
    if len(content) > _MOST:
        raise click.UsageError(plain(f"{source}: the file is larger than {_MOST} bytes."))
    return content


def decoded(content: bytes) -> bytes:
    """Return the bytes of hexadecimal or base64url; anything else as it is."""
    if not content.isascii():
        return content
    text = b"".join(content.split())
    try:
        return binascii.unhexlify(text)
    except binascii.Error:
        pass
    try:
        return base64.b64decode(text + b"=" * (-len(text) % 4), b"-_", validate=True)
    except binascii.Error:
        return content


def verifier_options(
    *, trust_required: bool
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return the options that make a verifier; `from_options` takes what they give."""

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        for option in reversed(
            (
                click.option(
                    "--trust",
                    required=trust_required,
                    multiple=True,
                    type=PLACE,
                    metavar="FILE",
                    help="A trust list of any format, a saved trust store, certificates (PEM, DER, "
                    "base64), or a folder of certificates.",
                ),
                accept_option,
                pin_option,
                beside_option,
                unverified_option,
                policy_options,
                revocation_data.options("revocation-"),
                click.option(
                    "--refuse-unknown-revocation",
                    is_flag=True,
                    help="Refuse a pass where revocation lists cannot tell.",
                ),
                click.option(
                    "--clock-skew",
                    callback=duration,
                    metavar="DURATION",
                    help="How far clocks may differ: seconds, or a number with s, m or h. 5m "
                    "unless given.",
                ),
                click.option(
                    "--strict", is_flag=True, help="Grant no tolerance but those of --tolerate."
                ),
                click.option(
                    "--tolerate",
                    multiple=True,
                    metavar="NAME",
                    callback=_tolerance,
                    help="Grant one more tolerance, by its name.",
                ),
                credential_options,
                click.option(
                    "--certificate-time",
                    type=click.Choice(["now", "issued"]),
                    default="now",
                    show_default=True,
                    help="When the signing certificate must have been valid.",
                ),
            )
        ):
            function = option(function)
        return function

    return decorate


def from_options(
    *,
    at: datetime | None,
    value_sets: ValueSets | None,
    trust: tuple[Path, ...],
    accept: tuple[str, ...],
    pins: tuple[Path, ...],
    beside: tuple[Path, ...],
    unverified_trust: bool,
    refuse_unknown_revocation: bool,
    clock_skew: timedelta | None,
    strict: bool,
    tolerate: tuple[str, ...],
    certificate_time: str,
    policy: TrustPolicy,
    audience: str | None,
    nonce: str | None,
    session_transcript: Path | None,
    reader_key: Path | None,
    credential_types: tuple[str, ...],
    status_lists: tuple[Path, ...],
    **revocation: Any,
) -> Judge:
    """Return the verifiers that the options ask for; standard error says what their lists are.

    A credential states an EU pass, so it is judged where those are accepted.
    """
    from coronapas.tolerances import FIELD, STRICT
    from coronapas.verify import DEFAULT_CLOCK_SKEW, Verifier
    from coronapas.wallets import CredentialSettings, MdocVerifier, SdJwtVerifier

    binding = binding_from(audience, nonce)
    session = session_from(session_transcript, reader_key)
    granted = (STRICT if strict else FIELD) | set(tolerate)
    store = trust_from(
        trust,
        pins=pins,
        beside=beside,
        unverified=unverified_trust,
        at=at or datetime.now(UTC),
    )
    skew = DEFAULT_CLOCK_SKEW if clock_skew is None else clock_skew
    when: CertificateTime = "issued" if certificate_time == "issued" else "now"
    revoked = revocation_data.revocations_from(revocation_data.stated(**revocation))
    verifier = Verifier(
        store,
        accept=accept,
        tolerate=granted,
        clock_skew=skew,
        value_sets=value_sets,
        certificate_time=when,
        revocation=revoked,
        refuse_unknown_revocation=refuse_unknown_revocation,
        policy=policy,
    )
    if "eu" not in verifier.accepted:
        return Judge(verifier, store, granted, binding=binding, session=session)
    settings: CredentialSettings = {
        "tolerate": granted,
        "clock_skew": skew,
        "value_sets": value_sets,
        "certificate_time": when,
        "policy": policy,
        "revocation": revoked,
        "refuse_unknown_status": refuse_unknown_revocation,
        "status_lists": status_lists_from(status_lists, store, at or datetime.now(UTC), policy),
    }
    types = credential_types or None
    return Judge(
        verifier,
        store,
        granted,
        SdJwtVerifier(store, vcts=types, **settings),
        MdocVerifier(store, doc_types=types, **settings),
        binding,
        session,
    )


def _tolerance(
    ctx: click.Context, param: click.Parameter, values: tuple[str, ...]
) -> tuple[str, ...]:
    from coronapas.tolerances import TOLERANCES

    for value in values:
        if value not in TOLERANCES:
            raise click.BadParameter(f"there is no such tolerance: {value}", ctx, param)
    return values
