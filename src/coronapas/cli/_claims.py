"""WHO's claims on the command line: what was seen of them, what it means, and issuing one.

What stands in a certificate of vaccination is shown on request alone. The key of a health link is
not shown even then; only `inspect` shows it, with all bytes of a pass, where those are asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from coronapas.cli._output import plain

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime, timedelta

    from coronapas.gdhcn import Catalogue, IssuedClaim, Link, Validity
    from coronapas.signing import Signer

FILE: Final = click.Path(exists=True, dir_okay=False)
"""A file that is read."""

products_option: Final = click.option(
    "--products",
    type=FILE,
    metavar="FILE",
    help="A catalogue of vaccine products, JSON, for ICVPs.",
)


def catalogue_from(place: str | None) -> Catalogue | None:
    """Read the catalogue of a file; None where none is named."""
    from coronapas.errors import CatalogueError
    from coronapas.gdhcn import Catalogue

    if place is None:
        return None
    with click.open_file(place, "rb") as file:
        content = file.read()
    try:
        return Catalogue.load(content)
    except CatalogueError as error:
        faults = " ".join(str(fault) for fault in error.faults[:5])
        raise click.UsageError(plain(f"{place}: {faults}")) from None


def summary(content: object) -> Iterator[str]:
    """Yield what is said of a claim to a person, without the holder's data."""
    from coronapas.gdhcn import Icvp, LinkClaim

    if isinstance(content, Icvp):
        count = len(content.doses)
        yield f"shape {content.shape}, {count} {'dose' if count == 1 else 'doses'}"
    elif isinstance(content, LinkClaim):
        yield ", ".join(_scheme(link) for link in content.links)


def claim_json(content: object, personal: bool) -> dict[str, Any] | None:
    """Return what is said of a claim to a machine; None where the content is no claim of WHO's."""
    from coronapas.gdhcn import Icvp, LinkClaim, certificate_to_json

    if isinstance(content, Icvp):
        if personal:
            return certificate_to_json(content)
        return {"shape": str(content.shape), "doses": len(content.doses)}
    if isinstance(content, LinkClaim):
        return {"links": [link_json(link, personal) for link in content.links]}
    return None


def link_json(link: Link, personal: bool) -> dict[str, Any]:
    """Return what is said of a link to a machine: its address on request, its key never."""
    document: dict[str, Any] = {
        "kind": None if link.kind is None else str(link.kind),
        "expires": None if link.expires_at is None else link.expires_at.isoformat(),
        "flags": "".join(letter for letter in "LPU" if letter in link.flags),
        "key": link.key is not None,
    }
    if personal:
        document |= {"url": link.url, "label": link.label}
    return document


def validities(
    content: object, catalogue: Catalogue | None, at: datetime, expires: int | None
) -> tuple[Validity, ...]:
    """Judge the doses of a certificate on the day of `at`; nothing where no catalogue is given."""
    from datetime import UTC, datetime

    from coronapas.gdhcn import Icvp, judge

    if catalogue is None or not isinstance(content, Icvp):
        return ()
    try:
        until = None if expires is None else datetime.fromtimestamp(expires, UTC)
    except (OverflowError, ValueError, OSError):
        until = None
    return tuple(
        judge(dose, at.date(), catalogue=catalogue, signature_until=until) for dose in content.doses
    )


def validity_line(validity: Validity) -> str:
    """Return a validity as one line for a person."""
    product = validity.product
    what = "unknown product" if product is None else f"{product.name} ({product.disease})"
    sentences = " ".join(reason.sentence for reason in validity.reasons)
    return f"  protection  {validity.protection}: {plain(what)}. {sentences}"


def validity_json(validity: Validity, personal: bool) -> dict[str, Any]:
    """Return a validity for a machine; the days, which tell that of the dose, on request."""
    document: dict[str, Any] = {
        "protection": str(validity.protection),
        "disease": validity.disease,
        "product": None if validity.product is None else validity.product.name,
        "reasons": [reason.code for reason in validity.reasons],
        "signature_until": (
            None if validity.signature_until is None else validity.signature_until.isoformat()
        ),
    }
    if personal:
        document |= {
            name: None if day is None else day.isoformat()
            for name, day in (
                ("valid_from", validity.valid_from),
                ("valid_until", validity.valid_until),
            )
        }
    return document


def masked_claim(label: int, claim: object, mask: str) -> object:
    """Return the structure of a claim with all that could be personal masked."""
    from coronapas.errors import LinkError
    from coronapas.gdhcn import LINK_LABEL, read_icvp, read_link_claim

    if label == LINK_LABEL:
        try:
            return claim_json(read_link_claim(claim), personal=False)
        except LinkError as error:
            return {"error": error.code}
    certificate, _ = read_icvp(claim)
    if certificate is None or not isinstance(claim, dict):
        return mask
    return {"shape": str(certificate.shape), "members": _masked(claim, mask)}


def _masked(value: object, mask: str) -> object:
    if isinstance(value, dict):
        return {
            name if name in _MEMBERS else f"{mask} {place}": _masked(inner, mask)
            for place, (name, inner) in enumerate(value.items(), start=1)
        }
    if isinstance(value, list):
        return [_masked(inner, mask) for inner in value]
    return mask


_MEMBERS: Final = frozenset(
    (
        *("n", "dob", "s", "ntl", "nt", "nid", "id", "ndt", "dt", "gn", "v", "vx", "d"),
        *("dn", "tg", "vp", "mp", "ma", "mid", "dv", "bo", "vls", "vle", "cn", "is"),
    )
)
"""The names of the members of all shapes."""


def issue_icvp(
    facts: str,
    signer: Signer,
    *,
    participant: str | None,
    products: str | None,
    country: str | None,
    expires: datetime | timedelta,
    issued_at: datetime | None,
) -> IssuedClaim:
    """Issue a certificate of vaccination from a file of facts."""
    from coronapas.gdhcn import IcvpIssuer, read_icvp_facts

    catalogue = catalogue_from(products)
    if catalogue is None or participant is None:
        raise click.UsageError("--icvp needs --participant and --products.")
    with click.open_file(facts, "rb") as file:
        content = file.read()
    traveller, dose = read_icvp_facts(content)
    office = IcvpIssuer(signer, participant, catalogue, country=country)
    return office.issue(traveller, dose, expires=expires, issued_at=issued_at)


def _scheme(link: Link) -> str:
    return "a link without its scheme" if link.kind is None else str(link.kind)
