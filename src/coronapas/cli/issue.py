"""``coronapas issue``: a register's facts in, signed passes out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from coronapas.cli import drawing, policy
from coronapas.cli.parameters import filled, lifetime, moment, password_from
from coronapas.cli.parameters import password as password_source
from coronapas.cli.showing import progress
from coronapas.cli.value_set_inputs import value_sets_from, value_sets_option

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from coronapas.dcc.factsjson import Document
    from coronapas.issuing import Issuer, Pass
    from coronapas.signing import Signer

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("issue", short_help="Make passes of a register's facts.")
@click.argument("facts", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--key", type=_FILE, help="The signing key, PEM.")
@click.option("--cert", type=_FILE, help="Its certificate (DSC).")
@click.option("--pkcs12", type=_FILE, help="Key and certificate in one PKCS #12 file.")
@click.option(
    "--password",
    callback=password_source,
    metavar="prompt|env:NAME",
    help="Where the key's password comes from.",
)
@click.option(
    "--country", callback=filled, help="The issuing country; the certificate's unless given."
)
@click.option(
    "--issuer", callback=filled, metavar="NAME", help="The organisation; the country unless given."
)
@click.option(
    "--expires",
    required=True,
    callback=lifetime,
    metavar="MOMENT|DAYS",
    help="The last moment, or a number of days: 365d.",
)
@click.option("--issued-at", callback=moment, metavar="MOMENT", help="Now unless given.")
@click.option("--uvci", help="The identifier; a random one is made unless given.")
@click.option(
    "--language", callback=filled, metavar="LANG", help="The language of the names (ISO 639-1)."
)
@click.option(
    "--schema-version",
    type=click.Choice(["1.3.2", "1.3.0"]),
    default="1.3.2",
    show_default=True,
    help="The release of the DCC schema.",
)
@value_sets_option
@policy.options
@click.option("--qr", type=click.Choice(drawing.FORMS), help="Draw the QR code.")
@drawing.options("qr-")
@click.option("--json", "as_json", is_flag=True, help="Text, identifier and times as JSON.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Write to a file.")
@click.option("--force", is_flag=True, help="Replace the file of --output.")
def command(
    facts: str,
    key: Path | None,
    cert: Path | None,
    pkcs12: Path | None,
    password: str | None,
    country: str | None,
    issuer: str | None,
    expires: datetime | timedelta,
    issued_at: datetime | None,
    uvci: str | None,
    language: str | None,
    schema_version: str,
    value_sets: tuple[Path, ...],
    qr: str | None,
    level: str | None,
    size: float | None,
    dpi: float | None,
    as_json: bool,
    output: Path | None,
    force: bool,
    **stated: Any,
) -> None:
    """Issue a pass from FACTS, a JSON file (schemas/facts.schema.json) or standard input (-).

    A list of such documents gives one pass a line. If any of them is refused, none is issued. Of a
    QR code, version, level and size are told on standard error, the size against the advised
    diagonal of 35 to 60 mm.

    Exit codes: 0 issued; 1 the facts are refused, every fault on a line; 2 wrong usage, or an
    input that cannot be read.
    """
    from coronapas.issuing import Issuer

    if qr is not None and as_json:
        raise click.UsageError("Give --qr or --json, not both.")
    if qr is None and (level, size, dpi) != (None, None, None):
        raise click.UsageError("--qr-level, --qr-size and --qr-dpi are for --qr: add it.")
    wished = None if qr is None else drawing.wish(qr, level, size, dpi, "qr-")
    signer = _signer(key, cert, pkcs12, password)
    if country is None and signer.certificate is not None:
        country = signer.certificate.country
    if country is None:
        raise click.UsageError("The certificate names no country; give --country.")
    documents, in_list = _facts(facts)
    if not documents:
        raise click.UsageError("The list of facts is empty: there is nothing to issue.")
    if uvci is not None and len(documents) != 1:
        raise click.UsageError("--uvci is for one pass.")
    if qr is not None and len(documents) != 1:
        raise click.UsageError("--qr is for one pass.")
    office = Issuer(
        country,
        signer,
        name=issuer,
        version=schema_version,
        language=language,
        value_sets=value_sets_from(value_sets),
        policy=policy.policy_from(**stated),
    )
    terms = {"expires": expires, "issued_at": issued_at, "uvci": uvci}
    passes = _issue(office, documents, terms, in_list=in_list)
    if wished is not None:
        content = drawing.draw(passes[0].text, wished)
    else:
        form = _json if as_json else _text
        content = "".join(f"{form(one)}\n" for one in passes).encode()
    drawing.put(content, qr, output, force=force)


def _signer(
    key: Path | None, cert: Path | None, pkcs12: Path | None, password: str | None
) -> Signer:
    from coronapas.signing import Signer

    if pkcs12 is not None and key is None and cert is None:
        return Signer.from_pkcs12(pkcs12.read_bytes(), password_from(password))
    if pkcs12 is None and key is not None and cert is not None:
        return Signer.from_pem(key.read_bytes(), cert.read_bytes(), password_from(password))
    raise click.UsageError("Give --key and --cert, or --pkcs12.")


def _facts(source: str) -> tuple[list[Document], bool]:
    """The documents of a file, and whether they stand in a list."""
    from coronapas.dcc import factsjson
    from coronapas.errors import FactsError

    with click.open_file(source, "rb") as file:
        content = file.read()
    try:
        found = factsjson.loads(content)
    except FactsError as error:
        raise click.UsageError(error.faults[0].problem) from None
    if isinstance(found, list):
        return [factsjson.read(document) for document in found], True
    return [factsjson.read(found)], False


def _issue(
    office: Issuer, documents: Sequence[Document], terms: dict[str, Any], *, in_list: bool
) -> list[Pass]:
    """All passes; IssueError with the faults of all documents, with their places in a list."""
    from coronapas.errors import Fault, IssueError

    passes: list[Pass] = []
    faults: list[Fault] = []
    with progress("issuing", len(documents), results_meanwhile=False) as advance:
        for place, document in enumerate(documents):
            pair: tuple[Any, Any] = document.holder, document.event
            if document.faults or faults:  # nothing will be issued: no signature is wanted
                found = document.all_faults(office.faults(*pair, **terms))
            else:
                try:
                    passes.append(office.issue(*pair, **terms))
                    found = ()
                except IssueError as error:
                    found = error.faults
            faults += (fault.within(str(place)) for fault in found) if in_list else found
            advance(1)
    if faults:
        raise IssueError(list(map(policy.in_a_shell, faults)))
    return passes


def _text(issued: Pass) -> str:
    return issued.text


def _json(issued: Pass) -> str:
    return json.dumps(
        {
            "text": issued.text,
            "uvci": issued.uvci,
            "issued_at": issued.issued_at.isoformat(),
            "expires": issued.expires.isoformat(),
        }
    )
