"""``coronapas issue``: a register's facts in, signed passes out."""

from __future__ import annotations

import dataclasses
import json
import re
import sys
from datetime import date
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from coronapas.cli import _qr as drawing
from coronapas.cli._claims import issue_icvp, products_option
from coronapas.cli._options import (
    KEY_PLACE,
    filled,
    key_place,
    lifetime,
    message_language_option,
    moment,
    password_from,
    value_sets_from,
    value_sets_option,
)
from coronapas.cli._options import (
    password as password_source,
)
from coronapas.cli._output import plain, progress, write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime, timedelta

    from coronapas.dcc import ContentPolicy
    from coronapas.errors import Fault
    from coronapas.facts import Record
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

_Loaded = TypeVar("_Loaded")
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
_OPTION: Final = re.compile("--[^.]+")
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
@click.option(
    "--form",
    type=click.Choice(["json", "jsonl", "csv"]),
    help="The form of FACTS [default: by its name, or how it begins].",
)
@click.option(
    "--mapping",
    type=_FILE,
    help="A JSON file that says which columns or members of FACTS hold what.",
)
@click.option(
    "--keep-going", is_flag=True, help="Issue what can be issued, and name the lines refused."
)
@click.option(
    "--rejects",
    type=click.Path(dir_okay=False, path_type=Path),
    help="With --keep-going: write a JSON line for each record refused: line, id, fields, codes.",
)
@click.option(
    "--key",
    type=key_place,
    metavar=KEY_PLACE,
    multiple=True,
    help="A signing key, PEM or DER, or the URI of one in a token. Of several, in the order of "
    "their --cert, each signs what its certificate allows, and the newest valid one wins.",
)
@click.option("--cert", type=_FILE, multiple=True, help="Its certificate (DSC).")
@click.option(
    "--pkcs12", type=_FILE, multiple=True, help="Key and certificate in one PKCS #12 file."
)
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
@message_language_option
@click.option("--json", "as_json", is_flag=True, help="Print text, identifier and times as JSON.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Write to a file.")
@click.option("--force", is_flag=True, help="Replace an existing --output file.")
def command(
    facts: str,
    form: str | None,
    mapping: Path | None,
    keep_going: bool,
    rejects: Path | None,
    key: tuple[Path | str, ...],
    cert: tuple[Path, ...],
    pkcs12: tuple[Path, ...],
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
    message_language: str,
    as_json: bool,
    output: Path | None,
    force: bool,
    **stated: Any,
) -> None:
    """Issue passes from FACTS, a file or standard input (-): JSON, JSON lines or CSV.

    JSON holds a document of facts, or an array of them; JSON lines hold a document a line. The
    columns of CSV are the fields of a document (holder.family_name, vaccination.product, ...), or
    those that --mapping names. A record may also have id, which --json repeats, and uvci, the
    identifier of its pass. With --icvp, FACTS is a traveller and a dose, in JSON.
    The identifier and the issuer of a record are kept; --uvci and --issuer say otherwise.

    For several records, one pass is printed a line. If one is refused, none is issued, unless
    --keep-going is given. With --qr, the code's version, level and size are printed on standard
    error, the size compared with the recommended diagonal of 35 to 60 mm.

    Exit codes: 0 all are issued; 1 records are refused, one fault a line; 2 wrong usage, or an
    input that cannot be read.
    """
    from coronapas.errors import IssueError
    from coronapas.issue import Issuer
    from coronapas.signing import SignerSet

    named = output is not None and output.suffix.lower() not in ("", ".txt", ".json", ".jsonl")
    if named or qr is not None:
        qr = drawing.form_for(output, qr, "--qr")
    if qr is not None and as_json:
        raise click.UsageError("Give --qr or --json, not both.")
    if qr is None and (level, size, dpi) != (None, None, None):
        raise click.UsageError("--qr-level, --qr-size and --qr-dpi need --qr.")
    wished = None if qr is None else drawing.wish(qr, level, size, dpi, "qr-", output=output)
    if rejects is not None and not keep_going:
        raise click.UsageError("--rejects needs --keep-going.")
    signers = _signers(key, cert, pkcs12, password)
    if icvp:
        if len(signers) > 1:
            raise click.UsageError("--icvp needs exactly one key.")
        claim = issue_icvp(
            facts,
            signers[0],
            participant=participant,
            products=products,
            country=country,
            expires=expires,
            issued_at=issued_at,
        )
        drawing.put(_content([(None, claim)], wished, "", as_json), qr, output, force=force)
        return
    if participant is not None or products is not None:
        raise click.UsageError("--participant and --products need --icvp.")
    if country is None:
        named_by = (signer.certificate for signer in signers)
        country = next((own.country for own in named_by if own is not None and own.country), None)
    if country is None:
        raise click.UsageError("The certificate names no country: give --country.")
    records, places = _records(facts, form, mapping)
    if not records:
        raise click.UsageError("The list of facts is empty.")
    if uvci is not None and len(records) != 1:
        raise click.UsageError("--uvci needs exactly one pass.")
    if qr is not None and len(records) != 1:
        raise click.UsageError("--qr needs exactly one pass.")
    settings: dict[str, Any] = {
        "version": schema_version,
        "language": language,
        "value_sets": value_sets_from(value_sets),
        "policy": policy_from(**stated),
    }
    signer = signers[0] if len(signers) == 1 else SignerSet(signers)

    @cache
    def office(name: str | None) -> Issuer:
        return Issuer(country, signer, name=issuer or name, **settings)

    office(None)  # what is wrong with the settings is said once
    terms = {"expires": expires, "issued_at": issued_at, "uvci": uvci}
    passes, refused = _issue(office, records, terms, keep_going=keep_going)
    if refused and not keep_going:
        raise IssueError(
            [_worded(fault, message_language) for row in refused for fault in row.placed(places)]
        )
    if rejects is not None:
        write(rejects, "".join(map(_reject, refused)).encode(), force=force)
    for row in refused:
        for fault in row.placed("line"):
            click.echo(f"Error: {plain(str(_worded(fault, message_language)))}", err=True)
    if passes:
        drawing.put(_content(passes, wished, places, as_json), qr, output, force=force)
    if refused:
        click.echo(f"{len(passes)} issued, {len(refused)} refused", err=True)
        sys.exit(1)


def _content(
    issued: Sequence[tuple[Record | None, Pass | IssuedClaim]],
    wished: drawing.Wish | None,
    places: str,
    as_json: bool,
) -> bytes:
    """Return what is written: the QR code of one pass, or a line for each."""
    if wished is not None:
        return drawing.draw(issued[0][1].text, wished)
    lines = (_json(each, record, places) if as_json else _text(each) for record, each in issued)
    return "".join(f"{line}\n" for line in lines).encode()


@dataclasses.dataclass(frozen=True, slots=True)
class _Refusal:
    """A record of which no pass can be made; `place` is its place in the file, from 0."""

    record: Record
    place: int
    faults: tuple[Fault, ...]

    def placed(self, places: str) -> Iterator[Fault]:
        """Yield the faults with the record's place, in one of the forms of `_records`."""
        for fault in self.faults:
            if places == "index":
                yield fault.within(str(self.place))
            elif places == "line":
                place = f"line {self.record.line}"
                yield dataclasses.replace(fault, field=f"{place}: {fault.field}".rstrip(": "))
            else:
                yield fault


def _reject(row: _Refusal) -> str:
    """Return a record's line in the file of rejects: no value but what the register calls it."""
    faults = [{"field": fault.field, "code": fault.code} for fault in row.faults]
    return json.dumps({"line": row.record.line, "id": row.record.id, "faults": faults}) + "\n"


def _signers(
    keys: tuple[Path | str, ...],
    certs: tuple[Path, ...],
    bundles: tuple[Path, ...],
    password: str | None,
) -> list[Signer]:
    from coronapas.signing import Pkcs11Key, Signer
    from coronapas.trust import Certificate

    if bool(keys) == bool(bundles) or len(keys) != len(certs):
        raise click.UsageError("Give --key and --cert, or --pkcs12; as many keys as certificates.")
    secret = password_from(password)
    loaded = [_named(cert, Certificate.load, cert.read_bytes()) for cert in certs]
    return [
        *(_named(bundle, Signer.from_pkcs12, bundle.read_bytes(), secret) for bundle in bundles),
        *(
            Pkcs11Key.from_uri(key).signer(certificate)
            if isinstance(key, str)
            else _named(key, Signer.from_pem, key.read_bytes(), certificate, secret)
            for key, certificate in zip(keys, loaded, strict=True)
        ),
    ]


def _named(path: Path, load: Callable[..., _Loaded], *content: Any) -> _Loaded:
    """Return what a file holds; KeyMaterialError names the file, of which there may be several."""
    from coronapas.errors import KeyMaterialError

    try:
        return load(*content)
    except KeyMaterialError as error:
        raise KeyMaterialError(f"{path}: {error}") from error


def _records(source: str, form: str | None, mapping: Path | None) -> tuple[list[Record], str]:
    """Return the records of a file, and how their places are told: "", "index" or "line"."""
    from coronapas.errors import FactsError
    from coronapas.facts import RecordMapping, read_records, record_form

    with click.open_file(source, "rb") as file:
        content = file.read()
    try:
        columns = None if mapping is None else RecordMapping.load(mapping.read_bytes())
        told = record_form(content, source) if form is None else form
        found = list(read_records(content, told, columns))
    except FactsError as error:
        shown = error.faults[0]
        hint = "" if shown.code == "json.malformed" else f" {shown.hint}"
        place = f"{shown.field}: " if shown.field else ""
        raise click.UsageError(f"{place}{shown.problem}{hint}") from None
    if told != "json":
        return found, "line"
    return found, "index" if content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"[") else ""


def _issue(
    office: Callable[[str | None], Issuer],
    records: Sequence[Record],
    terms: dict[str, Any],
    *,
    keep_going: bool,
) -> tuple[list[tuple[Record, Pass]], list[_Refusal]]:
    """Issue the passes; without `keep_going` none is signed once a record is refused.

    `office` returns the issuer of a name; what a record states of it stands behind the options.
    """
    from coronapas.errors import Fault, IssueError

    passes: list[tuple[Record, Pass]] = []
    refused: list[_Refusal] = []
    seen: set[str] = set()
    with progress("issuing", len(records), results_meanwhile=False) as advance:
        for place, record in enumerate(records):
            document = record.document
            pair: tuple[Any, Any] = document.holder, document.event
            own = terms if record.uvci is None else {**terms, "uvci": record.uvci}
            found: tuple[Fault, ...] = ()
            if record.uvci is not None and record.uvci in seen:
                problem = "Another record has the same identifier."
                hint = "Give each pass an identifier of its own, or leave it out."
                found = (Fault("uvci", "uvci.repeated", problem, hint),)
            seen.add(record.uvci or "")
            named = document.issuer if isinstance(document.issuer, str) else None
            try:
                if document.faults or found or (refused and not keep_going):
                    found += document.all_faults(office(named).faults(*pair, **own))
                else:
                    passes.append((record, office(named).issue(*pair, **own)))
            except IssueError as error:
                found = error.faults
            if found:
                refused.append(_Refusal(record, place, found))
            advance(1)
    return passes, refused


def _worded(fault: Fault, words: str) -> Fault:
    """Return the fault for a person at a shell, in their language."""
    if words == "en":
        return in_a_shell(fault)
    option = _OPTION.search(_OPTIONS.get(fault.code, ""))
    hint = f"({option[0]})" if option else ""
    return dataclasses.replace(fault, problem=fault.sentence_in(words), hint=hint)


def _text(issued: Pass | IssuedClaim) -> str:
    return issued.text


def _json(issued: Pass | IssuedClaim, record: Record | None, places: str) -> str:
    from coronapas.issue import Pass

    own: dict[str, Any] = {}
    if record is not None and record.id is not None:
        own["id"] = record.id
    if record is not None and places:
        own["line"] = record.line
    if isinstance(issued, Pass):
        return json.dumps(own | issued.to_json())
    return json.dumps(
        own
        | {
            "text": issued.text,
            # WHO's claims have no identifier.
            "issued_at": issued.issued_at.isoformat(),
            "expires": issued.expires.isoformat(),
        }
    )
