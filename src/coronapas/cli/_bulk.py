"""``coronapas bulk``: issue, verify, decide and invite by the million, and go on after a stop."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from contextlib import chdir
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from coronapas.cli._issue import options as policy_options
from coronapas.cli._issue import policy_from
from coronapas.cli._options import (
    day_or_moment,
    filled,
    lifetime,
    moment,
    rules_from,
    value_sets_from,
    value_sets_option,
)
from coronapas.cli._output import plain, write
from coronapas.cli._paper import paper_from, paper_options
from coronapas.cli._programme_inputs import local_date, programme_from, programme_option
from coronapas.cli._runs import (
    Recorded,
    begun,
    fault_bound,
    finish,
    run_and_finish,
    run_options,
    work,
)
from coronapas.cli._verifier import NAMES, from_options, verifier_options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import timedelta

    from coronapas.bulk import (
        IssueKernel,
        Status,
    )
    from coronapas.presentation import Sheet

_OF_VERIFIER: Final = NAMES | {"policy"}


@click.group("bulk", short_help="Issue and verify by the million; go on after a stop.")
def command() -> None:
    """Issue, verify, decide and invite by the million, from Parquet, CSV or JSON lines.

    A run has a folder. What is done is in its manifest.jsonl; the same command, or resume, goes on
    where a run was stopped or killed. Rows that are refused are in faults, with fields and codes,
    and no values.

    Exit codes: 0 every row has its result; 1 some are refused; 2 the run could not begin or go on.
    """


_INPUT = click.Path(exists=True, path_type=Path)
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER = click.Path(file_okay=False, path_type=Path)


_OUT = click.option(
    "--out", required=True, type=_FOLDER, metavar="FOLDER", help="The folder of the run."
)


def _password(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    if value is not None and value.partition(":")[0] not in ("env", "file"):
        problem = "Write env: and the name of a variable, or file: and a path."
        raise click.BadParameter(problem, ctx, param)
    return value


def _issuing_options(function: Callable[..., None]) -> Callable[..., None]:
    """Add the options of whatever issues passes; `_issuing` takes what they give."""
    for option in reversed(
        (
            click.option(
                "--country",
                callback=filled,
                help="The issuing country [default: the certificate's].",
            ),
            click.option("--key", type=_FILE, multiple=True, help="A signing key, PEM or DER."),
            click.option(
                "--certificate",
                "--cert",
                "certificate",
                type=_FILE,
                multiple=True,
                help="The certificates of --key and then of --pkcs11, in their order.",
            ),
            click.option(
                "--pkcs12", type=_FILE, multiple=True, help="Key and certificate in one file."
            ),
            click.option(
                "--pkcs11",
                multiple=True,
                metavar="URI",
                help="A key in a token (RFC 7512), with module-path and pin-source.",
            ),
            click.option(
                "--key-factory",
                multiple=True,
                metavar="MODULE:NAME",
                help="A function that returns a signer, called in each process.",
            ),
            click.option(
                "--password",
                callback=_password,
                metavar="env:NAME|file:PATH",
                help="Where each process reads the key's password.",
            ),
            click.option(
                "--random-signatures",
                is_flag=True,
                help="Sign with random numbers; by default the same rows give the same bytes "
                "(RFC 6979).",
            ),
            click.option("--issuer", callback=filled, metavar="NAME", help="The organisation."),
            click.option(
                "--expires",
                required=True,
                callback=lifetime,
                metavar="MOMENT|DAYS",
                help="The last moment of validity, or a number of days: 365d.",
            ),
            click.option(
                "--issued-at",
                callback=moment,
                metavar="MOMENT",
                help="The moment of issue [default: when the run first began].",
            ),
            click.option(
                "--campaign",
                required=True,
                callback=filled,
                metavar="NAME",
                help="The name that, with the secret and a row's record, gives the row's "
                "identifier.",
            ),
            click.option(
                "--secret-file",
                required=True,
                metavar="FILE",
                type=_FILE,
                help="The secret of the identifiers: 32 random bytes, kept like a key.",
            ),
            click.option(
                "--language", callback=filled, metavar="LANG", help="The language of the names."
            ),
            click.option(
                "--schema-version",
                type=click.Choice(["1.3.2", "1.3.0"]),
                default="1.3.2",
                show_default=True,
                help="The release of the DCC schema.",
            ),
            value_sets_option,
            policy_options,
        )
    ):
        function = option(function)
    return function


def _issuing(
    out: Path,
    *,
    country: str | None,
    key: tuple[Path, ...],
    certificate: tuple[Path, ...],
    pkcs12: tuple[Path, ...],
    pkcs11: tuple[str, ...],
    key_factory: tuple[str, ...],
    password: str | None,
    random_signatures: bool,
    issuer: str | None,
    expires: datetime | timedelta,
    issued_at: datetime | None,
    campaign: str,
    secret_file: Path,
    language: str | None,
    schema_version: str,
    value_sets: tuple[Path, ...],
    grants: tuple[str, ...],
    refusals: tuple[str, ...],
    bounds: tuple[tuple[str, str], ...],
    chosen_letters: tuple[tuple[str, str], ...],
) -> IssueKernel:
    """Return the kernel that the options of `_issuing_options` describe."""
    from coronapas.bulk import IssueKernel

    sources = _keys(key, certificate, pkcs12, pkcs11, key_factory, password, random_signatures)
    return IssueKernel(
        country or _country(sources),
        sources,
        campaign,
        str(secret_file.resolve()),
        expires,
        issued_at or _first_issued(out) or datetime.now(UTC).replace(microsecond=0),
        issuer=issuer,
        version=schema_version,
        language=language,
        policy=policy_from(grants, refusals, bounds, chosen_letters),
        value_sets=value_sets_from(value_sets),
    )


@command.command("issue", cls=Recorded, short_help="Issue a pass for each row of facts.")
@click.argument("facts", nargs=-1, required=True, type=_FILE)
@click.argument("out", type=_FOLDER)
@_issuing_options
@run_options
@click.pass_context
def issue(ctx: click.Context, /, facts: tuple[Path, ...], out: Path, **given: Any) -> None:
    """Issue a pass for each row of FACTS into the folder OUT.

    Give the same command again after a stop: it goes on. Passes are in OUT/passes, refused rows in
    OUT/faults.

    Exit codes: 0 every row has a pass; 1 rows are refused; 2 the run could not begin or go on.
    """
    options, issuing = _parted(given)
    run_and_finish(ctx, facts, out, _issuing(out, **issuing), "issued", **options)


@command.command("reissue", cls=Recorded, short_help="Issue passes again, without a register.")
@click.argument("action", type=click.Choice(["renew", "extend", "combine"]))
@click.argument("passes", nargs=-1, required=True, type=_INPUT)
@_OUT
@_issuing_options
@verifier_options(trust_required=True)
@run_options
@click.pass_context
def reissue(
    ctx: click.Context,
    /,
    action: str,
    passes: tuple[Path, ...],
    out: Path,
    **given: Any,
) -> None:
    """Issue PASSES again: tables with text, or texts with all passes of a person.

    renew corrects the numbering of a dose, extend gives a new validity, combine states the newest
    dose in the place of several passes. The folder of a run that issued stands for its passes. The
    campaign must be another one than theirs. What the new passes replace is in their column
    replaced; the command revoke takes the folder.

    Exit codes: 0 every row has a new pass; 1 rows are refused; 2 the run could not begin or go on.
    """
    from coronapas.bulk import ReissueKernel
    from coronapas.reissue import Action

    options, rest = _parted(given)
    verifier_given = {name: rest.pop(name) for name in list(rest) if name in _OF_VERIFIER}
    kernel = _issuing(out, **rest)
    about = _about(**verifier_given)
    judge = from_options(at=kernel.issued_at, value_sets=kernel.value_sets, **verifier_given)
    again = ReissueKernel(kernel, judge.verifier, Action(action), about=about)
    run_and_finish(ctx, _tables(passes), out, again, "issued again", **options)


def _keys(
    keys: Sequence[Path],
    certificates: Sequence[Path],
    bundles: Sequence[Path],
    tokens: Sequence[str],
    factories: Sequence[str],
    password: str | None,
    random_signatures: bool,
) -> tuple[Any, ...]:
    from coronapas.bulk import KeySource

    every = (*keys, *tokens)
    if len(every) != len(certificates) or not (every or bundles or factories):
        raise click.UsageError(
            "Give --key or --pkcs11 with --certificate (as many of each), --pkcs12 or "
            "--key-factory."
        )
    if password is not None and password.startswith("file:"):
        password = str(Path(password.removeprefix("file:")).resolve())
    common: dict[str, Any] = {"password": password, "deterministic": not random_signatures}
    return (
        *(
            KeySource(key=str(key.resolve()), certificate=str(own.resolve()), **common)
            for key, own in zip(keys, certificates, strict=False)
        ),
        *(
            KeySource(pkcs11=token, certificate=str(own.resolve()))
            for token, own in zip(tokens, certificates[len(keys) :], strict=True)
        ),
        *(KeySource(pkcs12=str(bundle.resolve()), **common) for bundle in bundles),
        *(KeySource(factory=factory) for factory in factories),
    )


def _country(sources: Iterable[Any]) -> str:
    named = (source.open().certificate for source in sources)
    found = next((own.country for own in named if own is not None and own.country), None)
    if found is None:
        raise click.UsageError("The certificate names no country: give --country.")
    return str(found)


def _first_issued(out: Path) -> datetime | None:
    """Return the moment of issue of a run that began already."""
    from coronapas.bulk import Manifest
    from coronapas.errors import BulkError

    try:
        stated = Manifest.read(out).header["settings"]["issued_at"]
        return datetime.fromisoformat(stated)
    except (BulkError, OSError, KeyError, TypeError, ValueError):
        return None


@command.command("verify", cls=Recorded, short_help="Verify every pass of a table.")
@click.argument("passes", nargs=-1, required=True, type=_INPUT)
@_OUT
@verifier_options(trust_required=True)
@click.option(
    "--at",
    callback=day_or_moment,
    metavar="MOMENT",
    help="The moment of the check; a day alone means its midnight in UTC [default: when the run "
    "first began].",
)
@value_sets_option
@run_options
@click.pass_context
def verify(
    ctx: click.Context,
    /,
    passes: tuple[Path, ...],
    out: Path,
    at: datetime | None,
    value_sets: tuple[Path, ...],
    **given: Any,
) -> None:
    """Verify PASSES: tables with a column text, or the folder of a run that issued.

    Passes that verify are in verifications, those that do not in faults, with checks and codes.

    Exit codes: 0 every pass is ok; 1 some are not; 2 the run could not begin or go on.
    """
    from coronapas.bulk import VerifyKernel

    options, verifier_given = _parted(given)
    at = at or begun(out)
    about = _about(value_sets=value_sets, **verifier_given)
    sets = value_sets_from(value_sets)
    verifier = from_options(at=at, value_sets=sets, **verifier_given).verifier
    kernel = VerifyKernel(verifier, at, about)
    run_and_finish(ctx, _tables(passes), out, kernel, "ok", **options)


@command.command("decide", cls=Recorded, short_help="Ask the rules of countries about passes.")
@click.argument("passes", nargs=-1, required=True, type=_INPUT)
@_OUT
@click.option(
    "--country",
    "countries",
    required=True,
    multiple=True,
    callback=lambda _ctx, _param, value: tuple(each.strip().upper() for each in value),
    metavar="CC",
    help="The country of arrival; may be given several times.",
)
@click.option(
    "--rules",
    required=True,
    multiple=True,
    metavar="DIR",
    type=click.Path(),
    help="A folder or file of rules; eu-travel for the EU's travel rules, with --country EU.",
)
@verifier_options(trust_required=True)
@click.option(
    "--at",
    callback=day_or_moment,
    metavar="MOMENT",
    help="The moment of arrival [default: when the run first began].",
)
@value_sets_option
@run_options
@click.pass_context
def decide(
    ctx: click.Context,
    /,
    passes: tuple[Path, ...],
    out: Path,
    countries: tuple[str, ...],
    rules: tuple[str, ...],
    at: datetime | None,
    value_sets: tuple[Path, ...],
    **given: Any,
) -> None:
    """Ask the rules of countries about PASSES, each of which must verify first.

    Exit codes: 0 every pass was asked about; 1 some do not verify; 2 the run could not begin or go
    on.
    """
    from coronapas.bulk import DecideKernel
    from coronapas.rules import Question

    options, verifier_given = _parted(given)
    at = at or begun(out)
    files = tuple(Path(name) for name in rules if Path(name).exists())
    named = ",".join(name for name in rules if not Path(name).exists())
    about = _about(value_sets=value_sets, rules=files, named=named, **verifier_given)
    sets = value_sets_from(value_sets)
    verifier = from_options(at=at, value_sets=sets, **verifier_given).verifier
    questions = tuple(Question(country=each, value_sets=sets) for each in countries)
    kernel = DecideKernel(verifier, rules_from(rules), questions, at, about)
    run_and_finish(ctx, _tables(passes), out, kernel, "asked about", **options)


@command.command("invite", cls=Recorded, short_help="Say whom in a register to invite.")
@click.argument("register", nargs=-1, required=True, type=_FILE)
@_OUT
@programme_option
@click.option("--on", metavar="DATE", help="The local day [default: when the run first began].")
@click.option(
    "--since", metavar="DATE", help="Leave out those who were already to be invited on this day."
)
@run_options
@click.pass_context
def invite(
    ctx: click.Context,
    /,
    register: tuple[Path, ...],
    out: Path,
    name: str,
    on: str | None,
    since: str | None,
    **given: Any,
) -> None:
    """Say whom in a REGISTER to invite: tables with record, and history as JSON.

    Exit codes: 0 every row was judged; 1 some could not be; 2 the run could not begin or go on.
    """
    from coronapas.bulk import InviteKernel

    programme = programme_from(name)
    day = local_date(on or begun(out).isoformat(), programme.zone, "--on")
    earlier = None if since is None else local_date(since, programme.zone, "--since")
    if earlier is not None and earlier >= day:
        raise click.UsageError("--since must be a day before --on.")
    path = Path(name)
    about = _about(programme=(path,)) if path.is_file() else {}
    run_and_finish(
        ctx, register, out, InviteKernel(programme, day, earlier, about), "judged", **given
    )


@command.command("print", cls=Recorded, short_help="Print each pass of a table on paper.")
@click.argument("passes", nargs=-1, required=True, type=_INPUT)
@_OUT
@paper_options
@value_sets_option
@run_options
@click.pass_context
def print_(
    ctx: click.Context,
    /,
    passes: tuple[Path, ...],
    out: Path,
    sheet: Sheet,
    language: str | None,
    own_texts: Path | None,
    folders: tuple[Path, ...],
    families: tuple[str, ...],
    value_sets: tuple[Path, ...],
    **given: Any,
) -> None:
    """Print PASSES for the post: tables with a column text, or the folder of a run that issued.

    For each part OUT/letters has a ZIP of sheets (PDF) and their addresses (CSV), of 500 passes
    unless --part-rows says otherwise. A table may have the columns language, recipient, address_1
    to address_4, postcode, city and address_country. Nothing is verified.

    Exit codes: 0 every pass is printed; 1 some are not; 2 the run could not begin or go on.
    """
    from coronapas.bulk import LetterFiles, PrintKernel

    paper = paper_from(sheet, language, own_texts, folders, families, value_sets_from(value_sets))
    about = _about(texts=own_texts or (), fonts=folders, font=families, value_sets=value_sets)
    given["part_rows"] = given["part_rows"] or _LETTERS_OF_A_PART
    kernel = PrintKernel(paper, about)
    run_and_finish(ctx, _tables(passes), out, kernel, "printed", writers=(LetterFiles(),), **given)


_LETTERS_OF_A_PART: Final = 500
"""About 32 MB of sheets."""


def _parted(given: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the options of a run, and those of a verifier."""
    names = {
        "jobs",
        "engine",
        "ray_address",
        "output_form",
        "part_rows",
        "max_faults",
        "as_json",
    }
    own = {name: value for name, value in given.items() if name in names}
    return own, {name: value for name, value in given.items() if name not in names}


def _about(**given: Any) -> dict[str, str]:
    """Return the options of a verifier as text; of files their digests, so that a change shows."""
    found = {}
    for name, value in sorted(given.items()):
        several = value if isinstance(value, tuple) else (value,)
        if several and all(isinstance(each, Path) for each in several):
            found[name] = _digest_of(several)
        elif value not in (None, False, ()):
            found[name] = _settled(value)
    return found


def _settled(value: Any) -> str:
    """Return an option as text that is the same in every process."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return " ".join(f"{name}={_settled(each)}" for name, each in fields.items())
    if isinstance(value, set | frozenset):
        return ",".join(sorted(map(_settled, value)))
    if isinstance(value, tuple | list):
        return ",".join(map(_settled, value))
    return str(value)


def _digest_of(paths: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        for file in sorted(path.rglob("*")) if path.is_dir() else (path,):
            if file.is_file():
                digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _tables(passes: Iterable[Path]) -> tuple[Path, ...]:
    """Return the tables of passes: files as they are, and of folders those of the manifest.

    A file that is not as its manifest says does not count as there.
    """
    from coronapas.bulk import Manifest

    found: list[Path] = []
    for path in passes:
        found += Manifest.read(path).verified().results() if path.is_dir() else (path,)
    return tuple(found)


@command.command("revoke", cls=Recorded, short_help="Make revocation lists of passes.")
@click.argument("passes", nargs=-1, required=True, type=_INPUT)
@_OUT
@click.option(
    "--where",
    multiple=True,
    callback=lambda ctx, param, value: tuple(_condition(ctx, param, each) for each in value),
    metavar="CONDITION",
    help="Which rows count: record, uvci, iat, exp or kid, with =, !=, <, <=, > or >= and a value "
    "(iat>=2021-09-01T00:00:00Z); of several, all must hold.",
)
@click.option(
    "--records", type=_FILE, metavar="FILE", help="Which records count, one on each line."
)
@click.option(
    "--type",
    "kind",
    type=click.Choice(["UCI", "COUNTRYCODEUCI", "SIGNATURE"]),
    default="UCI",
    show_default=True,
    help="What the hashes are made of.",
)
@click.option(
    "--spellings",
    is_flag=True,
    help="Hash every spelling of an identifier that passes carry, about 200: for identifiers that "
    "were not taken from the passes themselves.",
)
@click.option("--country", required=True, callback=filled, help="Whose passes these are.")
@click.option(
    "--expires",
    required=True,
    callback=moment,
    metavar="MOMENT",
    help="Until when the batches count.",
)
@click.option("--key", required=True, type=_FILE, help="The UPLOAD key, PEM or DER.")
@click.option(
    "--certificate", "--cert", "certificate", required=True, type=_FILE, help="Its certificate."
)
@click.option("--password", callback=_password, metavar="env:NAME|file:PATH")
@run_options
@click.pass_context
def revoke(
    ctx: click.Context,
    /,
    passes: tuple[Path, ...],
    out: Path,
    where: tuple[Any, ...],
    records: Path | None,
    kind: str,
    spellings: bool,
    country: str,
    expires: datetime,
    key: Path,
    certificate: Path,
    password: str | None,
    **given: Any,
) -> None:
    """Make signed batches for the gateway of PASSES that are to be revoked.

    PASSES are tables with uvci (or text, for hashes of signatures), text files (.txt) with an
    identifier on each line, or the folder of a run. Of a run of reissue, what the new passes
    replace is revoked. The batches are in OUT/batches, and their list in OUT/batches.json.

    Exit codes: 0 all is named; 1 rows could not be, or records of --records were not met; 2 the run
    could not begin or go on.
    """
    from coronapas.bulk import BatchWriter, RevokeKernel, unmet_records
    from coronapas.revocation import HashType

    named = None
    if records is not None:
        named = frozenset(filter(None, map(str.strip, _lines_of(records))))
    about = {"expires": expires.isoformat(), "certificate": _digest_of((certificate,))}
    kernel = RevokeKernel(HashType(kind), country, not spellings, where, named, about)
    (source,) = _keys((key,), (certificate,), (), (), (), password, False)
    writer = BatchWriter(country, expires, HashType(kind), source)
    found = work(ctx, _tables(passes), out, kernel, writers=(writer,), **_without_json(given))
    unmet = 0
    if found.complete:
        _write_batch_list(out, country)
        unmet = len(unmet_records(out, named or ()))
    if unmet:
        problem = f"{unmet:,} of the records are in no table, or do not satisfy --where"
        click.echo(f"Error: {plain(str(records))}: {problem}.", err=True)
    # Of a selection not every row is named.
    chosen = f"looked at, {found.results:,} hashes named" if named or where else "named"
    finish(found, chosen, given["as_json"], lacking=unmet > 0)


def _lines_of(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise click.UsageError(f"{plain(str(path))}: the file is not UTF-8.") from None


def _without_json(given: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if name != "as_json"}


def _write_batch_list(out: Path, country: str) -> None:
    """Write the list of a run's batches as the gateway gives it: an id for each file."""
    from coronapas.bulk import Manifest
    from coronapas.revocation import BatchEntry, write_batch_list

    manifest = Manifest.read(out)
    begun = datetime.fromisoformat(manifest.header["note"]["begun"])
    entries = [BatchEntry(path.stem, country, begun, False) for path in manifest.files("batches")]
    write(out / "batches.json", write_batch_list(entries), force=True, secret=False)


def _condition(ctx: click.Context, param: click.Parameter, text: str) -> Any:
    from coronapas.bulk import Condition

    try:
        return Condition.parse(text)
    except ValueError as error:
        raise click.BadParameter(f"{error}.", ctx, param) from None


@command.command("status", short_help="Say how far a run is.")
@click.argument("out", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--check", is_flag=True, help="Read every file again, and count the unharmed parts alone."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def status(out: Path, check: bool, as_json: bool) -> None:
    """Say how far the run of a folder is, by its manifest.

    Exit codes: 0 it is said; 2 there is no manifest that can be read.
    """
    from coronapas.bulk import status as status_of

    found = status_of(out, check=check)
    click.echo(json.dumps(found.to_json()) if as_json else _sentence(found))


def _sentence(found: Status) -> str:
    state = "complete" if found.complete else "not complete"
    return (
        f"{found.command}: {state}, {found.parts_done:,} of {found.parts:,} parts; "
        f"{found.records:,} records, {found.good:,} good, {found.bad:,} refused"
    )


@command.command("resume", short_help="Go on with a run that was stopped.")
@click.argument("out", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--jobs", type=click.IntRange(1, 1024), help="Another number of processes.")
@click.option("--max-faults", callback=lambda c, p, v: v and fault_bound(c, p, v), metavar="BOUND")
def resume(out: Path, jobs: int | None, max_faults: str | None) -> None:
    """Go on with the run of a folder, with the options that it began with.

    Inputs, keys and lists must be where they were. The exit codes are those of the command that
    began the run.
    """
    from coronapas.bulk import Manifest

    header = Manifest.read(out).header
    note = header.get("note", {})
    arguments, directory = note.get("arguments"), note.get("directory")
    began = _RESUMABLE.get(str(header.get("command")))
    if not isinstance(arguments, list) or began is None or not isinstance(directory, str):
        raise click.UsageError("The run was not begun by this command line.")
    if not Path(directory).is_dir():
        raise click.UsageError(f"The folder it began in is gone: {plain(directory)}")
    more = [] if jobs is None else ["--jobs", str(jobs)]
    more += [] if max_faults is None else ["--max-faults", max_faults]
    place = out.resolve()
    with chdir(directory):
        context = began.make_context(began.name, [*map(str, arguments), *more])
        with context:
            if context.params["out"].resolve() != place:
                raise click.UsageError("The folder was moved: give the first command again.")
            began.invoke(context)


_RESUMABLE: Final[Mapping[str, click.Command]] = {
    str(each.name): each for each in (issue, reissue, verify, decide, invite, revoke, print_)
}
