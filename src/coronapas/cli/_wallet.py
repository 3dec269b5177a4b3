"""``coronapas wallet``: passes as credentials of wallets, SD-JWT VC and mdoc."""

from __future__ import annotations

import base64
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from coronapas.cli._certificates import (
    FILE,
    PLACE,
    named,
    pin_option,
    trust_from,
    unverified_option,
)
from coronapas.cli._options import filled, lifetime, moment, password_from
from coronapas.cli._options import password as password_source
from coronapas.cli._output import coloured, plain, write
from coronapas.cli._verifier import (
    audience_option,
    binding_from,
    content_of,
    decoded,
    nonce_option,
    private_key,
    reader_key_option,
    session_from,
    status_list_option,
    status_lists_from,
    transcript_option,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from cryptography.hazmat.primitives.asymmetric.ec import (
        EllipticCurvePublicKey,
    )

    from coronapas.signing import PublicKey
    from coronapas.trust import Certificate, TrustStore
    from coronapas.wallets import CredentialVerification

SD_JWT: Final = "sd-jwt"
MDOC: Final = "mdoc"
_NO_KID: Final = bytes(8)

_format = click.option(
    "--format",
    "form",
    type=click.Choice([SD_JWT, MDOC]),
    required=True,
    help="The format of the credential.",
)
_at = click.option(
    "--at", callback=moment, metavar="MOMENT", help="The moment of the check [default: now]."
)
_credential = click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
_output = click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write to a file."
)
_force = click.option("--force", is_flag=True, help="Replace an existing --output file.")


@click.group("wallet", short_help="Passes as credentials of wallets.")
def command() -> None:
    """Issue, present, verify and show passes in wallets: SD-JWT VC and mdoc.

    SD-JWT VC is a draft (draft-ietf-oauth-sd-jwt-vc-19), and the names of a health pass's claims
    are this project's own. No command opens a network connection: OpenID4VCI and OpenID4VP, which
    carry credentials, are another component's.

    Exit codes: 0 all is well; 1 something was judged and is not; 2 it could not be judged.
    """


def _key_options(function: Callable[..., None]) -> Callable[..., None]:
    options = (
        click.option("--key", type=FILE, required=True, help="The issuer's private key (PEM)."),
        click.option("--cert", type=FILE, required=True, help="Its certificate."),
        click.option(
            "--password",
            callback=password_source,
            metavar="prompt|env:NAME",
            help="Where to read the key's password.",
        ),
        click.option(
            "--chain",
            "chain",
            multiple=True,
            type=FILE,
            help="A certificate between the issuer's and the trust anchor.",
        ),
    )
    for option in reversed(options):
        function = option(function)
    return function


@command.command("issue", short_help="Issue a credential from a register's facts.")
@click.argument("facts", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@_format
@_key_options
@click.option("--country", callback=filled, help="The country [default: the certificate's].")
@click.option("--issuer", callback=filled, help="The organisation that the entry names.")
@click.option(
    "--expires",
    required=True,
    callback=lifetime,
    metavar="MOMENT|DAYSd",
    help="The end of the validity, or its length in days: 365d.",
)
@click.option("--issued-at", callback=moment, metavar="MOMENT", help="The issue [default: now].")
@click.option("--uvci", callback=filled, help="The identifier [default: a random one].")
@click.option(
    "--holder-key", type=FILE, help="The public key of the holder's wallet: PEM, DER or JWK."
)
@click.option(
    "--type", "kind", callback=filled, help="The vct or docType [default: this project's]."
)
@click.option("--shown", multiple=True, help="A claim of an SD-JWT that is not hidden; repeatable.")
@click.option(
    "--decoys", type=click.IntRange(0, 100), default=0, help="Digests without a disclosure."
)
@_output
@_force
def issue(
    facts: str,
    form: str,
    key: Path,
    cert: Path,
    password: str | None,
    chain: tuple[Path, ...],
    country: str | None,
    issuer: str | None,
    expires: datetime | timedelta,
    issued_at: datetime | None,
    uvci: str | None,
    holder_key: Path | None,
    kind: str | None,
    shown: tuple[str, ...],
    decoys: int,
    output: Path | None,
    force: bool,
) -> None:
    """Issue a credential from FACTS, a JSON document of facts, or - for standard input.

    An SD-JWT VC is printed as its text, an mdoc as the base64url of its IssuerSigned (as OpenID4VCI
    carries it). What the format cannot state is said on standard error.

    Exit codes: 0 issued; 1 the facts are refused; 2 wrong usage, or an input that cannot be read.
    """
    from coronapas import wallets
    from coronapas.dcc import build_dcc, make_uvci
    from coronapas.facts import facts_from_json, parse_facts
    from coronapas.signing import Signer

    signer = Signer.from_pem(key.read_bytes(), cert.read_bytes(), password_from(password))
    stated = country or (signer.certificate.country if signer.certificate else None)
    if stated is None:
        raise click.UsageError("The certificate names no country: give --country.")
    holder, event = facts_from_json(parse_facts(content_of(facts)))
    begin = issued_at or datetime.now(UTC)
    dcc = build_dcc(
        holder,
        event,
        country=stated,
        issuer=issuer or stated,
        uvci=uvci or make_uvci(stated),
        on=begin,
    )
    between = [_certificate(path) for path in chain]
    public = None if holder_key is None else _public(holder_key)
    if form == SD_JWT:
        issued = wallets.issue_sd_jwt(
            dcc,
            signer,
            expires=expires,
            issued_at=begin,
            holder_key=public,
            vct=kind or wallets.VCT,
            shown=shown,
            decoys=decoys,
            chain=between,
        )
        text, lost = issued.text, issued.losses
    else:
        if public is None:
            raise click.UsageError("An mdoc needs --holder-key.")
        if shown or decoys:
            raise click.UsageError("--shown and --decoys are for --format sd-jwt.")
        made = wallets.issue_mdoc(
            dcc,
            signer,
            device_key=_on_p256(public),
            expires=expires,
            issued_at=begin,
            doc_type=kind or wallets.MICOV,
            chain=between,
        )
        text, lost = _base64url(made.data), made.losses
    for loss in lost:
        click.echo(plain(f"not stated: {loss.field}: {loss.reason}"), err=True)
    _put(text, output, force)


@command.command("present", short_help="Present a credential to a verifier.")
@_credential
@_format
@click.option(
    "--disclose",
    multiple=True,
    metavar="NAME",
    help="A claim (address.locality) or element (org.micov.vtr.1/fn) to disclose; repeatable.",
)
@click.option("--holder-key", type=FILE, help="The holder's private key (PEM).")
@click.option(
    "--password",
    callback=password_source,
    metavar="prompt|env:NAME",
    help="Where to read the key's password.",
)
@audience_option
@nonce_option
@transcript_option
@click.option(
    "--reader-key",
    type=FILE,
    help="The reader's ephemeral public key, for a MAC.",
)
@_at
@_output
@_force
def present(
    file: str,
    form: str,
    disclose: tuple[str, ...],
    holder_key: Path | None,
    password: str | None,
    audience: str | None,
    nonce: str | None,
    session_transcript: Path | None,
    reader_key: Path | None,
    at: datetime | None,
    output: Path | None,
    force: bool,
) -> None:
    """Present the credential in FILE: disclose what is named, and bind it to the request.

    An mdoc is presented as the base64url of a DeviceResponse (as OpenID4VP carries it).
    """
    from coronapas import wallets
    from coronapas.signing import Signer

    key = None if holder_key is None else private_key(holder_key, password)
    if form == SD_JWT:
        asked = binding_from(audience, nonce)
        signer = None if key is None else Signer(key, kid=_NO_KID)
        text = wallets.present_sd_jwt(_text(file), disclose, holder=signer, binding=asked, at=at)
    else:
        if key is None or session_transcript is None:
            raise click.UsageError("An mdoc needs --holder-key and --session-transcript.")
        chosen: dict[str, list[str]] = {}
        for each in disclose:
            name_space, _, name = each.rpartition("/")
            chosen.setdefault(name_space, []).append(name)
        reader = None if reader_key is None else _on_p256(_public(reader_key))
        text = _base64url(
            wallets.present_mdoc(
                _document(file),
                chosen,
                transcript=wallets.read_transcript(decoded(content_of(str(session_transcript)))),
                device=Signer(key, kid=_NO_KID) if reader is None else key,
                reader_key=reader,
            )
        )
    _put(text, output, force)


@command.command("verify", short_help="Say what is true of a credential.")
@_credential
@_format
@click.option("--key", "keys", multiple=True, type=FILE, help="The issuer's key or certificate.")
@click.option(
    "--trust",
    multiple=True,
    type=PLACE,
    metavar="FILE",
    help="A trust list, a saved trust store, or certificates of issuers and their authorities.",
)
@pin_option
@unverified_option
@_at
@audience_option
@nonce_option
@transcript_option
@reader_key_option
@click.option("--type", "kinds", multiple=True, help="A vct or docType to accept [default: all].")
@click.option("--typ", "typs", multiple=True, help="A typ of an SD-JWT to accept.")
@status_list_option
@click.option("--refuse-unknown-status", is_flag=True, help="Fail where no status list can tell.")
@click.option("--checks", is_flag=True, help="Show every check, not only those that failed.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--show-personal-data", is_flag=True, help="Show what the credential states.")
def verify(
    file: str,
    form: str,
    keys: tuple[Path, ...],
    trust: tuple[Path, ...],
    pins: tuple[Path, ...],
    unverified_trust: bool,
    at: datetime | None,
    audience: str | None,
    nonce: str | None,
    session_transcript: Path | None,
    reader_key: Path | None,
    kinds: tuple[str, ...],
    typs: tuple[str, ...],
    status_lists: tuple[Path, ...],
    refuse_unknown_status: bool,
    checks: bool,
    as_json: bool,
    show_personal_data: bool,
) -> None:
    """Verify the credential in FILE: an SD-JWT's text, or an mdoc (CBOR, hexadecimal, base64url).

    The holder's binding is required exactly where --audience and --nonce, or --session-transcript,
    are given. By default an SD-JWT may have every typ that ends in +sd-jwt but the old vc+sd-jwt;
    only dc+sd-jwt is read as a credential.

    Exit codes: 0 the credential is ok; 1 it is not; 2 wrong usage, or an input that cannot be read.
    """
    from coronapas import wallets
    from coronapas.verify import TrustPolicy

    if not keys and not trust:
        raise click.UsageError("Name whom to trust: --key or --trust.")
    when = at or datetime.now(UTC)
    store = _trusted(keys, trust, pins, unverified_trust, when)
    statuses = status_lists_from(status_lists, store, when, TrustPolicy())
    if form == SD_JWT:
        if session_transcript is not None or reader_key is not None:
            raise click.UsageError("--session-transcript and --reader-key are for --format mdoc.")
        found = wallets.SdJwtVerifier(
            store,
            types=typs or (wallets.SD_JWT_TYPE, wallets.ANY_TYPE),
            vcts=kinds or None,
            status_lists=statuses,
            refuse_unknown_status=refuse_unknown_status,
        ).verify(_text(file), when, binding=binding_from(audience, nonce))
    else:
        if audience is not None or nonce is not None or typs:
            raise click.UsageError("--audience, --nonce and --typ are for --format sd-jwt.")
        found = wallets.MdocVerifier(
            store,
            doc_types=kinds or None,
            status_lists=statuses,
            refuse_unknown_status=refuse_unknown_status,
        ).verify(_document(file), when, session=session_from(session_transcript, reader_key))
    if as_json:
        click.echo(json.dumps(_document_of(found, form, personal=show_personal_data)))
    else:
        click.echo("\n".join(_lines(found, file, every=checks, personal=show_personal_data)))
    sys.exit(0 if found.ok else 1)


@command.command("show", short_help="Show what a credential holds.")
@_credential
@_format
@click.option("--show-personal-data", is_flag=True, help="Show the values, too.")
def show(file: str, form: str, show_personal_data: bool) -> None:
    """Show what the credential in FILE discloses, as JSON. Nothing is verified.

    Without --show-personal-data, the names of claims and elements are shown, and no values.
    """
    from coronapas import wallets

    if form == SD_JWT:
        claims = wallets.claims_in(_text(file))
        kind, content = claims.get("vct"), claims
    else:
        kind, content = wallets.elements_in(_document(file))
    shown = _readable(content) if show_personal_data else _names(content)
    document = {"format": form, "type": kind, "verified": False, "discloses": shown}
    click.echo(json.dumps(document, indent=2))


def _lines(found: CredentialVerification, place: str, *, every: bool, personal: bool) -> list[str]:
    verdict = coloured("ok") if found.ok else coloured("FAIL")
    lines = [f"{plain(place)}: {verdict}  {found.profile}"]
    for check in found.checks if every else found.failures:
        lines.append(f"  {coloured(check.outcome, 7)}  {check.name}: {plain(check.sentence)}")
    lines += [f"  deviation  {each.code}: {plain(each.note)}" for each in found.deviations]
    if personal and found.credential is not None:
        lines.append(f"  {plain(json.dumps(_readable(found.credential.claims)))}")
    return lines


def _document_of(found: CredentialVerification, form: str, *, personal: bool) -> dict[str, Any]:
    content, certificate, facts = found.credential, found.certificate, found.facts
    document: dict[str, Any] = {
        "ok": found.ok,
        "profile": found.profile,
        "format": form,
        "at": found.at.isoformat(),
        "signed": found.signed,
        "type": None if content is None else content.type,
        "country": None if certificate is None else certificate.country,
        "kid": None if certificate is None else certificate.kid.hex(),
        "kind": None if facts is None else facts.kind.value,
        "failures": [check.code for check in found.failures],
        "checks": [{**check._asdict(), "outcome": str(check.outcome)} for check in found.checks],
        "deviations": [
            {"code": each.code, "field": each.field, "note": each.note} for each in found.deviations
        ],
        "losses": []
        if content is None
        else [{"field": each.field, "reason": each.reason} for each in content.losses],
    }
    if personal:
        document["claims"] = None if content is None else _readable(content.claims)
    return document


def _readable(value: Any) -> Any:
    """Return a value of JSON or CBOR as JSON shows it."""
    if isinstance(value, dict) or hasattr(value, "items"):
        return {str(name): _readable(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_readable(each) for each in value]
    if isinstance(value, bytes):
        return _base64url(value)
    if value is None or isinstance(value, str | int | float):
        return value
    return _readable(value.value) if hasattr(value, "value") else str(value)


def _names(value: Any) -> Any:
    """Return the names of what is disclosed, without values."""
    if hasattr(value, "items"):
        return {str(name): _names(each) for name, each in value.items()}
    return [_names(each) for each in value] if isinstance(value, list | tuple) else "…"


def _trusted(
    keys: tuple[Path, ...],
    trust: tuple[Path, ...],
    pins: tuple[Path, ...],
    unverified: bool,
    at: datetime,
) -> TrustStore:
    from coronapas.trust import TrustStore

    listed = trust_from(trust, pins=pins, unverified=unverified, at=at) if trust else TrustStore()
    return listed.merge(TrustStore(_certificate(path) for path in keys))


def _certificate(path: Path) -> Certificate:
    """Return the certificate or bare key in a file: PEM, DER, base64, or a JWK."""
    from coronapas.trust import pinned, read_file

    with named(path):
        (pin,) = pinned(read_file(path))
        return pin.certificate


def _public(path: Path) -> PublicKey:
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    key = _certificate(path).public_key
    if not isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey):
        raise click.UsageError(plain(f"{path}: the key must be an EC or RSA key."))
    return key


def _on_p256(key: PublicKey) -> EllipticCurvePublicKey:
    from cryptography.hazmat.primitives.asymmetric import ec

    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != "secp256r1":
        raise click.UsageError("The key must be on P-256.")
    return key


def _text(source: str) -> str:
    try:
        return content_of(source).decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        raise click.UsageError(plain(f"{source}: the file is not text.")) from None


def _document(source: str) -> bytes:
    return decoded(content_of(source))


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _put(text: str, output: Path | None, force: bool) -> None:
    if output is None:
        click.echo(text)
    else:
        write(output, f"{text}\n".encode(), force=force)
