"""``coronapas trust``: look at trust lists, verify, compare and convert them."""

from __future__ import annotations

import base64
import json
import sys
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from coronapas.cli._certificates import (
    FILE,
    PLACE,
    STORE,
    beside_option,
    list_from,
    named,
    pin_option,
    pins_from,
    policy_options,
    trust_from,
    unverified_option,
)
from coronapas.cli._options import (
    day_or_moment,
    filled,
    moment,
    password_from,
)
from coronapas.cli._options import (
    password as password_source,
)
from coronapas.cli._output import plain, write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    from coronapas.trust import Certificate, TrustList, TrustStore
    from coronapas.verify import TrustPolicy


@dataclass(frozen=True, slots=True)
class Terms:
    """The options for a list to be written; see ``coronapas trust convert --help``."""

    key: Path | None
    cert: Path | None
    anchor_key: Path | None
    anchor_cert: Path | None
    cscas: tuple[Path, ...]
    password: str | None
    issuer: str | None
    hours: int
    issued_at: datetime | None

    @property
    def issued(self) -> datetime:
        """The date of the list: the given one, or now (UTC)."""
        return self.issued_at or datetime.now(UTC)


def written(form: str, store: TrustStore, terms: Terms) -> bytes:
    """Return the list as the bytes of a file."""
    return _WRITERS[form](store, terms)


def _jwks(store: TrustStore, terms: Terms) -> bytes:
    from coronapas.trust import write_jwks

    return write_jwks(store)


def _pem(store: TrustStore, terms: Terms) -> bytes:
    return b"".join(each.pem() for each in store)


def _sweden(store: TrustStore, terms: Terms) -> bytes:
    from coronapas.trust import write_sweden

    if terms.issuer is None:
        raise click.UsageError("The format sweden needs --issuer.")
    password = password_from(terms.password)
    key, certificate = _signer(terms.key, terms.cert, "--key and --cert", password)
    ends = terms.issued + timedelta(hours=terms.hours)
    return write_sweden(
        store, key, [certificate], issuer=terms.issuer, issued=terms.issued, expires=ends
    )


def _gateway(store: TrustStore, terms: Terms) -> bytes:
    """Sign the DSCs with the UPLOAD key, its certificate and the CSCAs with the trust anchor's."""
    from coronapas.trust import gateway_entry, write_gateway

    password = password_from(terms.password)
    upload_key, upload = _signer(terms.key, terms.cert, "--key and --cert", password)
    anchor_key, anchor = _signer(
        terms.anchor_key, terms.anchor_cert, "--anchor-key and --anchor-cert", password
    )
    moment = terms.issued
    entries = [
        gateway_entry(_certificate(path), "CSCA", anchor_key, anchor, timestamp=moment)
        for path in terms.cscas
    ]
    entries.append(gateway_entry(upload, "UPLOAD", anchor_key, anchor, timestamp=moment))
    entries += [gateway_entry(each, "DSC", upload_key, upload, timestamp=moment) for each in store]
    return write_gateway(entries)


_WRITERS: Final[dict[str, Callable[[TrustStore, Terms], bytes]]] = {
    "jwks": _jwks,
    "pem": _pem,
    "sweden": _sweden,
    "gateway": _gateway,
}


def _signer(
    key: Path | None, cert: Path | None, names: str, password: str | None
) -> tuple[EllipticCurvePrivateKey | RSAPrivateKey, Certificate]:
    if key is None or cert is None:
        raise click.UsageError(f"This format needs {names}.")
    return private_key(key, password), _certificate(cert)


def _certificate(path: Path) -> Certificate:
    from coronapas.trust import Certificate

    with named(path):
        return Certificate.load(path.read_bytes())


def private_key(path: Path, password: str | None) -> EllipticCurvePrivateKey | RSAPrivateKey:
    """Return the EC or RSA key in a PEM file; raise KeyMaterialError."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    from coronapas.errors import KeyMaterialError

    secret = None if password is None else password.encode()
    try:
        key = load_pem_private_key(path.read_bytes(), secret)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise KeyMaterialError(
            f"{path}: not a private key in PEM, or not with this password"
        ) from None
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise KeyMaterialError(f"{path}: the key must be an EC or RSA key")
    return key


_FAULTS: Final = frozenset(
    f"trust.{code}" for code in ("signature", "signer", "unsigned", "expired", "not-yet")
)
"""The codes of a list that could be read and was judged."""

at_option = click.option(
    "--at",
    callback=day_or_moment,
    metavar="MOMENT",
    help="When the list must be valid; without it the dates of the list are not judged.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object.")


@click.group("trust", short_help="Show, verify, compare and convert trust lists.")
def command() -> None:
    """Show trust lists of every format, verify, compare and convert them.

    The format is recognised from the content. Saved trust stores and folders are read, too.

    Exit codes: 0 all is well; 1 the list was judged and is not valid; 2 it could not be judged.
    """


@command.command("show", short_help="Show what is on a list.")
@click.argument("file", type=PLACE)
@pin_option
@beside_option
@at_option
@json_option
def show(
    file: Path,
    pins: tuple[Path, ...],
    beside: tuple[Path, ...],
    at: datetime | None,
    as_json: bool,
) -> None:
    """Show what a list is, whether its signature was verified, its keys, and what was dropped.

    Exit codes: 0 it could be read, verified or not; 2 it could not, or was not signed by the pin.
    """
    found = list_from(file, pins_from(pins), beside, at)
    if as_json:
        document = found.to_json()
        if found.format == STORE:
            document["sources"] = _sources(file)
        click.echo(json.dumps(document))
    else:
        click.echo("\n".join(map(plain, _lines(found))))


def _sources(file: Path) -> list[dict[str, Any]]:
    from coronapas.trust import TrustStore

    return [source.to_json() for source in TrustStore.load(file).sources]


def _lines(found: TrustList) -> Iterator[str]:
    document = found.to_json()
    yield f"format: {found.format}"
    yield f"signature: {found.signature}"
    for name in ("issued", "expires"):
        if document[name] is not None:
            yield f"{name}: {document[name]}"
    if found.environment is not None:
        yield f"environment: {found.environment}"
    yield f"keys: {document['keys']}"
    for country, count in document["countries"].items():
        yield f"  {country or '??'}: {count}"
    for name in ("domains", "participants"):
        if document[name]:
            yield f"{name}: {', '.join(f'{code} {n}' for code, n in document[name].items())}"
    if document["authorities"]:
        yield f"authorities: {document['authorities']}"
    if found.references:
        yield f"references, not followed: {len(found.references)}"
    for reference in found.references:
        yield f"  {reference}"
    yield f"dropped: {len(found.dropped)}"
    for drop in document["dropped"]:
        yield f"  {drop['kid'] or 'no kid'}: {drop['reason']} ({drop['place']})"
    if found.remarks:
        yield f"remarks: {len(found.remarks)}"
    for remark in document["remarks"]:
        yield f"  {remark['kid'] or 'the list'}: {remark['code']}: {remark['note']}"


@command.command("verify", short_help="Verify the signature of a list.")
@click.argument("file", type=PLACE)
@pin_option
@beside_option
@at_option
@json_option
def verify(
    file: Path,
    pins: tuple[Path, ...],
    beside: tuple[Path, ...],
    at: datetime | None,
    as_json: bool,
) -> None:
    """Verify that a list was signed by a pinned key or authority.

    In lists that are signed entry by entry (gateway, ec-zip), every signature must hold.

    Exit codes: 0 the signature holds; 1 it does not, or there is none; 2 the file is not a list.
    """
    from coronapas.errors import TrustListError

    if not pins:
        raise click.UsageError("Name the signer with --pin.")
    document: dict[str, Any] = {"format": None, "keys": 0, "dropped": []}
    try:
        found = list_from(file, pins_from(pins), beside, at)
    except TrustListError as error:
        if error.code not in _FAULTS:
            raise
        document |= {"format": error.form, "ok": False, "fault": error.code}
        sentence = f"FAIL  {error.form}: {error.message} ({error.code})"
    else:
        document |= found.to_json()
        document["fault"] = fault = _fault(found)
        document["ok"] = fault is None
        held = "ok" if fault is None else f"FAIL  {_SENTENCES[fault]}"
        sentence = f"{held}  {found.format}, {len(found.certificates)} keys"
        if found.environment is not None:
            sentence += f", {found.environment}"
    click.echo(json.dumps(document) if as_json else plain(f"{file}: {sentence}"))
    sys.exit(0 if document["ok"] else 1)


_SENTENCES: Final = {
    "trust.unsigned": "the list has no signature",
    "trust.unverified": "nobody can verify the signature of a list of this kind",
    "trust.entries": "some entries are not valid and were dropped",
}


def _fault(found: TrustList) -> str | None:
    from coronapas.trust import FORMATS

    if found.signature == "not verified":
        return "trust.unverified"
    if found.signature == "none":
        return "trust.unsigned"
    # Where each entry is signed by itself, one whose signature does not hold is dropped.
    by_entry = {known.name for known in FORMATS if known.signed == "entries"}
    return "trust.entries" if found.format in by_entry and found.dropped else None


@command.command("diff", short_help="Show which keys two lists differ in.")
@click.argument("before", type=PLACE)
@click.argument("after", type=PLACE)
@json_option
def diff(before: Path, after: Path, as_json: bool) -> None:
    """Show which keys were added and which removed, by country; kids are base64, as on lists.

    Lists of different formats can be compared; a list without domains counts as domain DCC, and a
    key that moves to another domain is removed from one and added to the other. Signatures are not
    verified here.

    Exit codes: 0 the lists could be read, whether or not they differ; 2 a file is not a list.
    """
    lists = [list_from(path, ()) for path in (before, after)]
    old, new = map(_by_key, lists)
    changed = {
        "added": [new[key] for key in new if key not in old],
        "removed": [old[key] for key in old if key not in new],
    }
    found: dict[str, Any] = {name: _by_country(changed[name]) for name in changed}
    if as_json:
        environments = [each.environment for each in lists]
        domains = {name: _by_domain(changed[name]) for name in changed}
        click.echo(json.dumps({**found, "domains": domains, "environments": environments}))
        return
    for name, sign in (("added", "+"), ("removed", "-")):
        for domain in sorted({_domain(each) for each in changed[name]}):
            listed = " " + domain if domain != _DCC else ""
            within = _by_country(each for each in changed[name] if _domain(each) == domain)
            for country, kids in within.items():
                for kid in kids:
                    click.echo(plain(f"{sign} {country or '??'} {kid}{listed}"))
    if lists[0].environment != lists[1].environment:
        names = " and ".join(each.environment or "none" for each in lists)
        click.echo(f"the lists are of different environments: {names}")
    click.echo(f"{len(changed['added'])} added, {len(changed['removed'])} removed")


_DCC: Final = "DCC"
"""The domain of lists that know no domains."""


def _domain(certificate: Certificate) -> str:
    return certificate.domain or _DCC


def _by_domain(certificates: Iterable[Certificate]) -> dict[str, int]:
    return dict(sorted(Counter(map(_domain, certificates)).items()))


def _by_key(found: TrustList) -> dict[tuple[bytes, bytes, str], Certificate]:
    """Return the keys by what identifies them on lists of all formats: kid, key and domain."""
    return {(each.kid, each.spki, _domain(each)): each for each in found.certificates}


def _by_country(certificates: Iterable[Certificate]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for each in certificates:
        kid = base64.b64encode(each.kid).decode("ascii")
        found.setdefault(each.country or "", []).append(kid)
    return {country: sorted(found[country]) for country in sorted(found)}


def _for_eu_passes(store: TrustStore, policy: TrustPolicy) -> TrustStore:
    """Return the keys that the policy accepts for EU passes by any of their listings."""
    from coronapas.trust import TrustStore
    from coronapas.verify import PROFILES

    eu = next(row for row in PROFILES if row.name == "eu")
    return TrustStore(
        each
        for each in store
        if any(
            source.listing is None or policy.objection(source.listing, eu) is None
            for source in store.sources_of(each)
        )
    )


@command.command("convert", short_help="Write lists in another format.")
@click.argument("files", nargs=-1, required=True, type=PLACE)
@click.argument("out", type=click.Path(path_type=Path))
@click.option(
    "--to",
    "form",
    type=click.Choice([STORE, "jwks", "pem", "gateway", "sweden"]),
    default=STORE,
    show_default=True,
    help="The format; gateway and sweden are signed with --key and --cert.",
)
@pin_option
@beside_option
@unverified_option
@at_option
@policy_options
@click.option("--key", type=FILE, help="The key that signs, PEM; for gateway the UPLOAD one.")
@click.option("--cert", type=FILE, help="Its certificate.")
@click.option("--anchor-key", type=FILE, help="For gateway: the trust anchor's key, PEM.")
@click.option("--anchor-cert", type=FILE, help="For gateway: the trust anchor's certificate.")
@click.option("--csca", "cscas", multiple=True, type=FILE, help="For gateway: a CSCA to list.")
@click.option(
    "--password",
    callback=password_source,
    metavar="prompt|env:NAME",
    help="Where to take the password of the keys from.",
)
@click.option("--issuer", callback=filled, help="For sweden: the issuer of the list.")
@click.option(
    "--hours",
    type=click.IntRange(1),
    default=48,
    show_default=True,
    help="For sweden: how long it lasts.",
)
@click.option(
    "--issued-at", callback=moment, metavar="MOMENT", help="The list's date; default: now."
)
@click.option("--force", is_flag=True, help="Replace an existing file.")
def convert(
    files: tuple[Path, ...],
    out: Path,
    form: str,
    pins: tuple[Path, ...],
    beside: tuple[Path, ...],
    unverified_trust: bool,
    at: datetime | None,
    force: bool,
    policy: TrustPolicy,
    **terms: Any,
) -> None:
    """Write the keys of lists to OUT in one format.

    A store keeps sources, dates, domains and what was dropped; the other formats keep the keys
    alone. They cannot state a domain or environment, so that keys of WHO's network that the policy
    does not accept for EU passes are left out of them.

    Exit codes: 0 the file was written; 2 it was not.
    """
    found = trust_from(files, pins=pins, beside=beside, unverified=unverified_trust, at=at)
    if form == STORE:
        content = found.to_bytes()
    else:
        kept = _for_eu_passes(found, policy)
        if len(kept) < len(found):
            said = f"left out {len(found) - len(kept)} keys that the policy does not accept"
            click.echo(plain(f"{out}: {said} for EU passes"), err=True)
        found = kept
        content = written(form, found, Terms(**terms))
    write(out, content, force=force, secret=False)
    click.echo(plain(f"{out}: {form}, {len(found)} keys"), err=True)
