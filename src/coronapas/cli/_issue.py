"""``coronapas issue``: a register's facts in, signed passes out."""

from __future__ import annotations

import dataclasses
import json
import re
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from coronapas.cli import _qr as drawing
from coronapas.cli._claims import issue_icvp, products_option
from coronapas.cli._options import (
    filled,
    lifetime,
    moment,
    password_from,
    value_sets_from,
    value_sets_option,
)
from coronapas.cli._options import (
    password as password_source,
)
from coronapas.cli._output import progress

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime, timedelta

    from coronapas.dcc import ContentPolicy
    from coronapas.errors import Fault
    from coronapas.facts import FactsDocument
    from coronapas.gdhcn import IssuedClaim
    from coronapas.issue import Issuer, Pass
    from coronapas.presentation import Form
    from coronapas.signing import Signer

    _ParamType = click.ParamType[Any]
else:
    _ParamType = click.ParamType

# The fields of `ContentPolicy` as options: ``--grant`` and ``--refuse`` name its yes-or-no fields,
# ``--bound`` its days and numbers of days, ``--letter`` the letters for which ICAO leaves a choice.
# In a shell, a field's name has hyphens.

_WHOLE: Final = re.compile("[0-9]{1,5}")

# The hint for a user of the command, by the fault's code.
_OPTIONS: Final = {
    "code.unknown": "Load newer lists with --value-sets.",
    "code.inactive": "If the state allows it, use --grant inactive-codes.",
    "code.expired": "If the state allows it, use --grant inactive-codes.",
    "vaccine.not-of-product": "If the state allows it, use --grant other-encodings.",
    "manufacturer.not-of-product": "If the state allows it, use --grant other-encodings.",
    "name.letters-dropped": "If the state allows it, use --grant dropped-letters.",
    "date.too-early": "Set it with --bound earliest-event=YYYY-MM-DD.",
    "recovery.starts-too-early": "Set it with --bound recovery-from-days=DAYS.",
    "recovery.ends-too-late": "Set it with --bound recovery-until-days=DAYS.",
}
_CALL: Final = " (ValueSets.replace)"
"""A hint for programs, which is left out in a shell."""


def names(*kinds: type) -> dict[str, str]:
    """Return the policy's fields whose default has exactly one of these types, by shell name."""
    from coronapas.dcc import ContentPolicy

    return {
        field.name.replace("_", "-"): field.name
        for field in dataclasses.fields(ContentPolicy)
        if type(field.default) in kinds
    }


def letters() -> dict[str, str]:
    """Return the letters for which there is a choice, by shell name."""
    from coronapas.dcc import Alternatives

    return {field.name.replace("_", "-"): field.name for field in dataclasses.fields(Alternatives)}


class _Named(_ParamType):
    """A name of a table that is loaded when it is needed, with or without a value."""

    name = "name"

    def __init__(self, table: Callable[[], dict[str, str]], value: str = "") -> None:
        self._table = table
        self._value = value

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        """Return the names, and the form of the value."""
        return f"[{'|'.join(self._table())}]{self._value and '='}{self._value}"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the field's name, with its value as text if it has one."""
        given, mark, text = str(value).partition("=")
        field = self._table().get(given)
        if field is None or bool(mark) != bool(self._value):
            wanted = f"one of {', '.join(self._table())}"
            self.fail(f"Write {wanted}{self._value and ', and ='}{self._value}.", param, ctx)
        return (field, text) if self._value else field


def options(function: Callable[..., None]) -> Callable[..., None]:
    """Add the options of a policy to a command; pass their values to `policy_from`."""
    for option in (
        click.option(
            "--letter",
            "chosen_letters",
            multiple=True,
            type=_Named(letters, "FORM"),
            help="How the state writes a letter for which ICAO leaves a choice: o-diaeresis=O.",
        ),
        click.option(
            "--bound",
            "bounds",
            multiple=True,
            type=_Named(lambda: names(int, date), "VALUE"),
            help="Change a bound, inclusive: a number of days, a date, or none.",
        ),
        click.option(
            "--refuse",
            "refusals",
            multiple=True,
            type=_Named(lambda: names(bool)),
            help="Refuse what is granted by default.",
        ),
        click.option(
            "--grant",
            "grants",
            multiple=True,
            type=_Named(lambda: names(bool)),
            help="Grant what is refused by default, if the issuing state's law allows it.",
        ),
    ):
        function = option(function)
    return function


def policy_from(
    grants: tuple[str, ...],
    refusals: tuple[str, ...],
    bounds: tuple[tuple[str, str], ...],
    chosen_letters: tuple[tuple[str, str], ...],
) -> ContentPolicy:
    """Return the policy that the options describe; UsageError if they contradict each other."""
    from coronapas.dcc import Alternatives, ContentPolicy
    from coronapas.errors import FaultsError

    if both := set(grants) & set(refusals):
        raise click.UsageError(f"{min(both).replace('_', '-')} is both granted and refused.")
    usual = ContentPolicy()
    changed: dict[str, Any] = dict.fromkeys(grants, True) | dict.fromkeys(refusals, False)
    for field, text in bounds:
        changed[field] = _bound(field, text, getattr(usual, field))
    if chosen_letters:
        try:
            changed["alternatives"] = Alternatives(**dict(chosen_letters))
        except FaultsError as error:
            told = " ".join(f"{fault.problem} {fault.hint}" for fault in error.faults)
            raise click.BadParameter(told, param_hint="--letter") from None
    return dataclasses.replace(usual, **changed)


def in_a_shell(fault: Fault) -> Fault:
    """Return the fault, with a hint that names the option for it if there is one."""
    hint = _OPTIONS.get(fault.code)
    if hint is None:
        return fault
    return dataclasses.replace(fault, hint=f"{fault.hint.replace(_CALL, '')} {hint}")


def _bound(field: str, text: str, usual: object) -> date | int | None:
    """Return a bound of the same kind as the usual one; None for ``none``."""
    if text == "none":
        return None
    if isinstance(usual, date):
        try:
            return date.fromisoformat(text)
        except ValueError:
            wanted = "YYYY-MM-DD"
    elif _WHOLE.fullmatch(text):
        return int(text)
    else:
        wanted = "a number of days"
    name = field.replace("_", "-")
    raise click.BadParameter(f"For {name} write {wanted}, or none.", param_hint="--bound")


_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("issue", short_help="Issue passes from a register's facts.")
@click.argument("facts", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--key", type=_FILE, help="The signing key, PEM.")
@click.option("--cert", type=_FILE, help="Its certificate (DSC).")
@click.option("--pkcs12", type=_FILE, help="Key and certificate in one PKCS #12 file.")
@click.option(
    "--password",
    callback=password_source,
    metavar="prompt|env:NAME",
    help="Where to read the key's password.",
)
@click.option(
    "--country", callback=filled, help="The issuing country [default: the certificate's]."
)
@click.option(
    "--issuer", callback=filled, metavar="NAME", help="The organisation [default: the country]."
)
@click.option(
    "--expires",
    required=True,
    callback=lifetime,
    metavar="MOMENT|DAYS",
    help="The last moment of validity, or a number of days: 365d.",
)
@click.option(
    "--issued-at", callback=moment, metavar="MOMENT", help="The moment of issue [default: now]."
)
@click.option("--uvci", help="The identifier (UVCI) [default: a random one].")
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
@click.option("--icvp", is_flag=True, help="Issue WHO's certificate of vaccination (ICVP).")
@click.option(
    "--participant", callback=filled, metavar="CODE", help="With --icvp: WHO's code of the issuer."
)
@products_option
@value_sets_option
@options
@click.option("--qr", type=click.Choice(drawing.FORMS), help="Draw the QR code.")
@drawing.options("qr-")
@click.option("--json", "as_json", is_flag=True, help="Print text, identifier and times as JSON.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Write to a file.")
@click.option("--force", is_flag=True, help="Replace an existing --output file.")
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
    icvp: bool,
    participant: str | None,
    products: str | None,
    value_sets: tuple[Path, ...],
    qr: Form | None,
    level: str | None,
    size: float | None,
    dpi: float | None,
    as_json: bool,
    output: Path | None,
    force: bool,
    **stated: Any,
) -> None:
    """Issue a pass from FACTS, a JSON file (schemas/facts.schema.json) or standard input (-).

    For a list of such documents, one pass is printed a line. If one is refused, none is issued.
    With --icvp, FACTS is a traveller and a dose (schemas/icvp.schema.json).

    With --qr, the code's version, level and size are printed on standard error, the size compared
    with the recommended diagonal of 35 to 60 mm.

    Exit codes: 0 issued; 1 the facts are refused, one fault a line; 2 wrong usage, or an input
    that cannot be read.
    """
    from coronapas.issue import Issuer

    named = output is not None and output.suffix.lower() not in ("", ".txt", ".json")
    if named or qr is not None:
        qr = drawing.form_for(output, qr, "--qr")
    if qr is not None and as_json:
        raise click.UsageError("Give --qr or --json, not both.")
    if qr is None and (level, size, dpi) != (None, None, None):
        raise click.UsageError("--qr-level, --qr-size and --qr-dpi need --qr.")
    wished = None if qr is None else drawing.wish(qr, level, size, dpi, "qr-", output=output)
    signer = _signer(key, cert, pkcs12, password)
    if icvp:
        claim = issue_icvp(
            facts,
            signer,
            participant=participant,
            products=products,
            country=country,
            expires=expires,
            issued_at=issued_at,
        )
        drawing.put(_content(claim, wished=wished, as_json=as_json), qr, output, force=force)
        return
    if participant is not None or products is not None:
        raise click.UsageError("--participant and --products need --icvp.")
    if country is None and signer.certificate is not None:
        country = signer.certificate.country
    if country is None:
        raise click.UsageError("The certificate names no country: give --country.")
    documents, in_list = _facts(facts)
    if not documents:
        raise click.UsageError("The list of facts is empty.")
    if uvci is not None and len(documents) != 1:
        raise click.UsageError("--uvci needs exactly one pass.")
    if qr is not None and len(documents) != 1:
        raise click.UsageError("--qr needs exactly one pass.")
    office = Issuer(
        country,
        signer,
        name=issuer,
        version=schema_version,
        language=language,
        value_sets=value_sets_from(value_sets),
        policy=policy_from(**stated),
    )
    terms = {"expires": expires, "issued_at": issued_at, "uvci": uvci}
    passes = _issue(office, documents, terms, in_list=in_list)
    drawing.put(_content(*passes, wished=wished, as_json=as_json), qr, output, force=force)


def _content(*issued: Pass | IssuedClaim, wished: drawing.Wish | None, as_json: bool) -> bytes:
    """Return what is written: the QR code of one pass, or a line for each."""
    if wished is not None:
        return drawing.draw(issued[0].text, wished)
    form = _json if as_json else _text
    return "".join(f"{form(each)}\n" for each in issued).encode()


def _signer(
    key: Path | None, cert: Path | None, pkcs12: Path | None, password: str | None
) -> Signer:
    from coronapas.signing import Signer

    if pkcs12 is not None and key is None and cert is None:
        return Signer.from_pkcs12(pkcs12.read_bytes(), password_from(password))
    if pkcs12 is None and key is not None and cert is not None:
        return Signer.from_pem(key.read_bytes(), cert.read_bytes(), password_from(password))
    raise click.UsageError("Give --key and --cert, or --pkcs12.")


def _facts(source: str) -> tuple[list[FactsDocument], bool]:
    """Return the documents of a file, and whether they are in a list."""
    from coronapas.errors import FactsError
    from coronapas.facts import parse_facts, read_facts

    with click.open_file(source, "rb") as file:
        content = file.read()
    try:
        found = parse_facts(content)
    except FactsError as error:
        raise click.UsageError(error.faults[0].problem) from None
    if isinstance(found, list):
        return [read_facts(document) for document in found], True
    return [read_facts(found)], False


def _issue(
    office: Issuer, documents: Sequence[FactsDocument], terms: dict[str, Any], *, in_list: bool
) -> list[Pass]:
    """Issue all passes; raise IssueError with the faults of all documents, by place in a list."""
    from coronapas.errors import IssueError

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
        raise IssueError(list(map(in_a_shell, faults)))
    return passes


def _text(issued: Pass | IssuedClaim) -> str:
    return issued.text


def _json(issued: Pass | IssuedClaim) -> str:
    from coronapas.issue import Pass

    return json.dumps(
        {
            "text": issued.text,
            # WHO's claims have no identifier.
            **({"uvci": issued.uvci} if isinstance(issued, Pass) else {}),
            "issued_at": issued.issued_at.isoformat(),
            "expires": issued.expires.isoformat(),
        }
    )
