"""``coronapas bulk``: issue, verify, decide and invite by the million, and go on after a stop."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import sys
from contextlib import chdir, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
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
from coronapas.cli._output import on_terminal, plain
from coronapas.cli._paper import paper_from, paper_options
from coronapas.cli._programme_inputs import local_date, programme_from, programme_option
from coronapas.cli._verifier import from_options, verifier_options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import timedelta

    from coronapas.bulk import Engine, Kernel, OutputForm, PartWriter, Progress, Status
    from coronapas.presentation import Sheet

_ARGUMENTS: Final = "coronapas.bulk.arguments"
_CLEAR_LINE: Final = "\r\x1b[2K"


class _Recorded(click.Command):
    """A command whose arguments go into the manifest, so that ``resume`` can give them again."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta[_ARGUMENTS] = list(args)
        return super().parse_args(ctx, args)


@click.group("bulk", short_help="Issue and verify by the million; go on after a stop.")
def command() -> None:
    """Issue, verify, decide and invite by the million, from Parquet, CSV or JSON lines.

    A run has a folder. What is done is in its manifest.jsonl; the same command, or resume, goes on
    where a run was stopped or killed. Rows that are refused are in faults, with fields and codes,
    and no values.
    """


_INPUT = click.Path(exists=True, path_type=Path)
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER = click.Path(file_okay=False, path_type=Path)


def _password(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    if value is not None and value.partition(":")[0] not in ("env", "file"):
        problem = "Write env: and the name of a variable, or file: and a path."
        raise click.BadParameter(problem, ctx, param)
    return value


def _bound(ctx: click.Context, param: click.Parameter, value: str) -> str:
    from coronapas.bulk import most_faults

    try:
        most_faults(value)
    except ValueError:
        problem = "Write a number, a share such as 5%, or none."
        raise click.BadParameter(problem, ctx, param) from None
    return value


def _run_options(function: Callable[..., None]) -> Callable[..., None]:
    """Add the options of every run; `_run` takes what they give."""
    for option in reversed(
        (
            click.option(
                "--jobs",
                type=click.IntRange(1, 1024),
                help="How many processes work [default: one for each CPU].",
            ),
            click.option(
                "--engine",
                type=click.Choice(["processes", "ray"]),
                default="processes",
                show_default=True,
                help="Where they work: on this machine, or as actors of Ray.",
            ),
            click.option("--ray-address", metavar="ADDRESS", help="With ray: the cluster."),
            click.option(
                "--output-form",
                type=click.Choice(["parquet", "csv"]),
                default="parquet",
                show_default=True,
                help="The form of the results and faults.",
            ),
            click.option(
                "--part-rows",
                type=click.IntRange(1, 1_000_000),
                help="The most rows of a part [default: 2,000 to 50,000, by the input].",
            ),
            click.option(
                "--max-faults",
                default="50%",
                show_default=True,
                callback=_bound,
                metavar="NUMBER|SHARE%|none",
                help="Stop beyond so many refused rows.",
            ),
            click.option("--json", "as_json", is_flag=True, help="Print the status as JSON."),
        )
    ):
        function = option(function)
    return function


@command.command("issue", cls=_Recorded, short_help="Issue a pass for each row of facts.")
@click.argument("facts", nargs=-1, required=True, type=_FILE)
@click.argument("out", type=_FOLDER)
@click.option(
    "--country", callback=filled, help="The issuing country [default: the certificate's]."
)
@click.option("--key", type=_FILE, multiple=True, help="A signing key, PEM or DER.")
@click.option(
    "--certificate", "--cert", "certificate", type=_FILE, multiple=True, help="Its certificate."
)
@click.option("--pkcs12", type=_FILE, multiple=True, help="Key and certificate in one file.")
@click.option(
    "--key-factory",
    multiple=True,
    metavar="MODULE:NAME",
    help="A function that returns a signer, called in each process: for a key in an HSM.",
)
@click.option(
    "--password",
    callback=_password,
    metavar="env:NAME|file:PATH",
    help="Where each process reads the key's password.",
)
@click.option(
    "--random-signatures",
    is_flag=True,
    help="Sign with random numbers; by default the same rows give the same bytes (RFC 6979).",
)
@click.option("--issuer", callback=filled, metavar="NAME", help="The organisation.")
@click.option(
    "--expires",
    required=True,
    callback=lifetime,
    metavar="MOMENT|DAYS",
    help="The last moment of validity, or a number of days: 365d.",
)
@click.option(
    "--issued-at",
    callback=moment,
    metavar="MOMENT",
    help="The moment of issue [default: when the run first began].",
)
@click.option(
    "--campaign",
    required=True,
    callback=filled,
    metavar="NAME",
    help="The name that, with the secret and a row's record, gives the row's identifier.",
)
@click.option(
    "--secret-file",
    required=True,
    metavar="FILE",
    type=_FILE,
    help="The secret of the identifiers: 32 random bytes, kept like a key.",
)
@click.option("--language", callback=filled, metavar="LANG", help="The language of the names.")
@click.option(
    "--schema-version",
    type=click.Choice(["1.3.2", "1.3.0"]),
    default="1.3.2",
    show_default=True,
    help="The release of the DCC schema.",
)
@value_sets_option
@policy_options
@_run_options
@click.pass_context
def issue(
    ctx: click.Context,
    /,
    facts: tuple[Path, ...],
    out: Path,
    country: str | None,
    key: tuple[Path, ...],
    certificate: tuple[Path, ...],
    pkcs12: tuple[Path, ...],
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
    **given: Any,
) -> None:
    """Issue a pass for each row of FACTS into the folder OUT.

    Give the same command again after a stop: it goes on. Passes are in OUT/passes, refused rows in
    OUT/faults.

    Exit codes: 0 every row has a pass; 1 rows are refused; 2 the run could not begin or go on.
    """
    from coronapas.bulk import IssueKernel

    sources = _keys(key, certificate, pkcs12, key_factory, password, random_signatures)
    country = country or _country(sources)
    kernel = IssueKernel(
        country,
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
    _run(ctx, facts, out, kernel, "issued", **given)


def _keys(
    keys: Sequence[Path],
    certificates: Sequence[Path],
    bundles: Sequence[Path],
    factories: Sequence[str],
    password: str | None,
    random_signatures: bool,
) -> tuple[Any, ...]:
    from coronapas.bulk import KeySource

    if len(keys) != len(certificates) or not (keys or bundles or factories):
        raise click.UsageError(
            "Give --key and --certificate (as many of each), --pkcs12 or --key-factory."
        )
    if password is not None and password.startswith("file:"):
        password = str(Path(password.removeprefix("file:")).resolve())
    common: dict[str, Any] = {"password": password, "deterministic": not random_signatures}
    return (
        *(
            KeySource(key=str(key.resolve()), certificate=str(own.resolve()), **common)
            for key, own in zip(keys, certificates, strict=True)
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


_OUT = click.option(
    "--out", required=True, type=_FOLDER, metavar="FOLDER", help="The folder of the run."
)


@command.command("verify", cls=_Recorded, short_help="Verify every pass of a table.")
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
@_run_options
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

    run_options, verifier_given = _parted(given)
    at = at or _begun(out)
    about = _about(value_sets=value_sets, **verifier_given)
    sets = value_sets_from(value_sets)
    verifier = from_options(at=at, value_sets=sets, **verifier_given).verifier
    kernel = VerifyKernel(verifier, at, about)
    _run(ctx, _tables(passes), out, kernel, "ok", **run_options)


@command.command("decide", cls=_Recorded, short_help="Ask the rules of countries about passes.")
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
@_run_options
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

    run_options, verifier_given = _parted(given)
    at = at or _begun(out)
    files = tuple(Path(name) for name in rules if Path(name).exists())
    named = ",".join(name for name in rules if not Path(name).exists())
    about = _about(value_sets=value_sets, rules=files, named=named, **verifier_given)
    sets = value_sets_from(value_sets)
    verifier = from_options(at=at, value_sets=sets, **verifier_given).verifier
    questions = tuple(Question(country=each, value_sets=sets) for each in countries)
    kernel = DecideKernel(verifier, rules_from(rules), questions, at, about)
    _run(ctx, _tables(passes), out, kernel, "asked about", **run_options)


@command.command("invite", cls=_Recorded, short_help="Say whom in a register to invite.")
@click.argument("register", nargs=-1, required=True, type=_FILE)
@_OUT
@programme_option
@click.option("--on", metavar="DATE", help="The local day [default: when the run first began].")
@click.option(
    "--since", metavar="DATE", help="Leave out those who were already to be invited on this day."
)
@_run_options
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
    day = local_date(on or _begun(out).isoformat(), programme.zone, "--on")
    earlier = None if since is None else local_date(since, programme.zone, "--since")
    if earlier is not None and earlier >= day:
        raise click.UsageError("--since must be a day before --on.")
    path = Path(name)
    about = _about(programme=(path,)) if path.is_file() else {}
    _run(ctx, register, out, InviteKernel(programme, day, earlier, about), "judged", **given)


@command.command("print", cls=_Recorded, short_help="Print each pass of a table on paper.")
@click.argument("passes", nargs=-1, required=True, type=_INPUT)
@_OUT
@paper_options
@value_sets_option
@_run_options
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
    _run(ctx, _tables(passes), out, kernel, "printed", writers=(LetterFiles(),), **given)


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
    run_options = {name: value for name, value in given.items() if name in names}
    return run_options, {name: value for name, value in given.items() if name not in names}


def _begun(out: Path) -> datetime:
    """Return when the run of a folder first began: now, if there is none."""
    from coronapas.bulk import Manifest
    from coronapas.errors import BulkError

    try:
        return datetime.fromisoformat(Manifest.read(out).header["note"]["begun"])
    except (BulkError, OSError, KeyError, TypeError, ValueError):
        return datetime.now(UTC).replace(microsecond=0)


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
        fields = {one.name: getattr(value, one.name) for one in dataclasses.fields(value)}
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
    """Return the tables of passes: files as they are, and of folders those of the manifest."""
    from coronapas.bulk import Manifest

    found: list[Path] = []
    for path in passes:
        found += Manifest.read(path).results() if path.is_dir() else (path,)
    return tuple(found)


def _run(
    ctx: click.Context,
    inputs: Sequence[Path],
    out: Path,
    kernel: Kernel,
    good: str,
    *,
    writers: tuple[PartWriter, ...] = (),
    jobs: int | None,
    engine: str,
    ray_address: str | None,
    output_form: OutputForm,
    part_rows: int | None,
    max_faults: str,
    as_json: bool,
) -> None:
    """Run a kernel, show how far it is, print the counts, and exit."""
    from coronapas.bulk import run
    from coronapas.errors import BulkError

    if ray_address is not None and engine != "ray":
        raise click.UsageError("--ray-address needs --engine ray.")
    note = {
        "arguments": ctx.meta[_ARGUMENTS],
        "directory": os.getcwd(),
        "begun": _begun(out).isoformat(),
    }
    began = monotonic()
    try:
        with _bar(kernel.name) as progress:
            found = run(
                inputs,
                out,
                kernel,
                engine=_engine(engine, jobs, ray_address),
                form=output_form,
                rows=part_rows,
                max_faults=max_faults,
                writers=writers,
                progress=progress,
                note=note,
            )
    except BulkError as error:
        if error.code != "bulk.too-many-faults":
            raise
        click.echo(f"Error: {plain(str(error))}", err=True)
        sys.exit(1)
    if as_json:
        click.echo(json.dumps(found.to_json()))
    else:
        refused = f", {found.bad:,} refused" if found.bad else ""
        took = f"{monotonic() - began:,.0f} s"
        click.echo(f"{found.records:,} records: {found.good:,} {good}{refused}; {took}")
    sys.exit(1 if found.bad else 0)


def _engine(name: str, jobs: int | None, address: str | None) -> Engine:
    from coronapas.bulk import ProcessEngine, RayEngine

    return RayEngine(address, jobs) if name == "ray" else ProcessEngine(jobs)


@contextmanager
def _bar(label: str) -> Iterator[Callable[[Progress], None]]:
    """Show on a terminal how far a run is, how fast it is and when it will end."""
    if not on_terminal(results_meanwhile=False):
        yield lambda _: None
        return
    first: tuple[float, int] | None = None

    def show(progress: Progress) -> None:
        nonlocal first
        now = monotonic()
        if first is None:
            first = now, progress.rows
        took, done = now - first[0], progress.rows - first[1]
        share = progress.rows / progress.records if progress.records else 1.0
        line = f"{label}  {'#' * int(share * 30):30}  {share:4.0%}"
        if took > 0 and done:
            rate = done / took
            left = (progress.records - progress.rows) / rate
            line += f"  {rate:,.0f}/s  {_clock(left)} left"
        if progress.bad:
            line += f"  {progress.bad:,} refused"
        click.echo(f"{_CLEAR_LINE}{line}", err=True, nl=False)

    try:
        yield show
    finally:
        click.echo(_CLEAR_LINE, err=True, nl=False)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


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
@click.option("--max-faults", callback=lambda c, p, v: v and _bound(c, p, v), metavar="BOUND")
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
    str(each.name): each for each in (issue, verify, decide, invite, print_)
}
