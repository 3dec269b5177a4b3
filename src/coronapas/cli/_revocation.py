"""``coronapas revocation``: hash passes, ask lists about them, and make lists."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from coronapas.cli._certificates import FILE, PLACE, pins_from
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
from coronapas.cli._passes import STDIN, Item, items
from coronapas.revocation import (
    HASH_LENGTH,
    HashType,
    country_code_uci_hash,
    uci_hash,
    uvci_spellings,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from coronapas.revocation import Reading, RevocationAnswer, RevocationStore

    Line = tuple[int, bytes | str]


class Options(NamedTuple):
    """What the command line says of revocation data."""

    paths: tuple[Path, ...]
    pins: tuple[Path, ...]
    fetched: datetime | None
    max_age: timedelta | None


def options(prefix: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return the options on reading revocation data, their names beginning with `prefix`."""

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        for option in (
            click.option(
                f"--{prefix}max-age",
                "revocation_max_age",
                type=click.IntRange(0, 1_000_000),
                metavar="HOURS",
                help="How old a revocation list may be before its silence means nothing.",
            ),
            click.option(
                f"--{prefix}fetched",
                "revocation_fetched",
                callback=moment,
                metavar="MOMENT",
                help="When the files were fetched; by default, when they were last changed.",
            ),
            click.option(
                f"--{prefix}pin",
                "revocation_pins",
                multiple=True,
                type=FILE,
                metavar="CERT_OR_KEY",
                help="Who must have signed a revocation list: gateway uploaders, the German key, "
                "the Swiss authority.",
            ),
            click.option(
                "--revocation",
                multiple=True,
                type=PLACE,
                metavar="FILE",
                help="A saved revocation store, a part of a list of any format, or a folder.",
            ),
        ):
            function = option(function)
        return function

    return decorate


def stated(
    revocation: tuple[Path, ...],
    revocation_pins: tuple[Path, ...],
    revocation_fetched: datetime | None,
    revocation_max_age: int | None,
) -> Options:
    """Return the options as click hands them over."""
    hours = None if revocation_max_age is None else timedelta(hours=revocation_max_age)
    return Options(revocation, revocation_pins, revocation_fetched, hours)


def revocations_from(given: Options) -> RevocationStore | None:
    """Return the data in all files; None where none are named.

    Standard error says what was taken for what. Raises RevocationListError, and OSError.
    """
    from coronapas.revocation import read_path

    if not given.paths:
        return None
    pins = pins_from(given.pins)
    age = given.max_age
    return read_path(*given.paths, pins=pins, as_of=given.fetched, max_age=age, report=_report)


def _report(reading: Reading) -> None:
    first, *more = map(str, reading.paths)
    place = f"{first} and {len(more)} more" if more else first
    if reading.format == "store":
        names = ", ".join(reading.sources)
        what = f"taken for a saved revocation store ({names}; {reading.hashes} hashes)"
    else:
        signed = "signature verified" if reading.signature == "verified" else "not signed"
        gaps = f", {reading.gaps} parts missing or refused" if reading.gaps else ""
        what = f"taken for {reading.format}, {signed}{gaps}"
    click.echo(plain(f"{place}: {what}"), err=True)


@dataclass(frozen=True, slots=True)
class Terms:
    """What the options say of a list to be written; see ``coronapas revocation build --help``."""

    kind: HashType
    country: str | None
    exact: bool
    kid: bytes | None
    name: str
    as_of: datetime | None
    expires: datetime | None
    rate: float
    key: Path | None
    cert: Path | None
    password: str | None

    def with_password(self, ask: Callable[[str | None], str | None]) -> Terms:
        """The same with the password itself in the place of where it comes from."""
        return replace(self, password=ask(self.password))


def written(form: str, lines: Sequence[Line], terms: Terms) -> tuple[bytes, int]:
    """The list as the bytes of a file, and how many hashes it holds; equal ones count once."""
    if form == "italy":
        return _italy(lines, terms)
    hashes = list(dict.fromkeys(value for line in lines for value in _hashes(line, terms)))
    try:
        return _WRITERS[form](hashes, terms), len(hashes)
    except ValueError as error:
        raise click.UsageError(f"The list cannot be made: {error}.") from error


def _hashes(line: Line, terms: Terms) -> list[bytes]:
    """Return the hash that stands on a line, or those of every spelling of its identifier."""
    number, value = line
    if isinstance(value, bytes):
        if len(value) != HASH_LENGTH and terms.kind is HashType.SIGNATURE:
            raise click.UsageError(f"Line {number}: a hash of a signature has 32 digits.")
        return [value[:HASH_LENGTH]]
    if terms.kind is HashType.SIGNATURE:
        raise click.UsageError(f"Line {number}: a UVCI gives no hash of a signature.")
    spellings = _spellings(number, value, terms)
    if terms.kind is HashType.UCI:
        return [uci_hash(each) for each in spellings]
    if terms.country is None:
        raise click.UsageError("Hashes of country and UVCI need --country.")
    return [country_code_uci_hash(terms.country, each) for each in spellings]


def _spellings(number: int, uvci: str, terms: Terms) -> tuple[str, ...]:
    from coronapas.errors import FaultsError

    if terms.exact:
        return (uvci,)
    try:
        return uvci_spellings(uvci)
    except FaultsError:
        raise click.UsageError(
            f"Line {number} is neither a hash nor a UVCI. With --exact it is hashed as it stands."
        ) from None


def _store(hashes: Sequence[bytes], terms: Terms) -> bytes:
    from coronapas.revocation import Batch, RevocationList, RevocationStore, pack

    batch = Batch("build", terms.kind, pack(hashes), terms.kid, terms.expires, terms.country)
    made = RevocationList(
        terms.name,
        as_of=terms.as_of or datetime.now(UTC),
        batches=(batch,),
        countries=None if terms.country is None else frozenset({terms.country}),
        kids=None if terms.kid is None else frozenset({terms.kid}),
        form="store",
    )
    return RevocationStore([made]).to_bytes()


def _batch(hashes: Sequence[bytes], terms: Terms) -> bytes:
    from coronapas.cli._trust import private_key
    from coronapas.revocation import write_batch
    from coronapas.trust import Certificate

    country, expires, key, cert = terms.country, terms.expires, terms.key, terms.cert
    if country is None or expires is None or key is None or cert is None:
        raise click.UsageError("A batch needs --country, --expires, --key and --cert.")
    return write_batch(
        hashes,
        terms.kind,
        country=country,
        expires=expires,
        kid=terms.kid,
        key=private_key(key, terms.password),
        certificate=Certificate.load(cert.read_bytes()),
    )


def _filter(hashes: Sequence[bytes], terms: Terms) -> bytes:
    from coronapas.revocation import BloomFilter

    return BloomFilter.make(hashes, rate=terms.rate).write()


def _italy(lines: Sequence[Line], terms: Terms) -> tuple[bytes, int]:
    """Return one chunk; the Italian list holds whole digests, which only a UVCI gives."""
    from coronapas.revocation import write_italy

    uvcis = [(number, value) for number, value in lines if isinstance(value, str)]
    if len(uvcis) != len(lines) or terms.kind is not HashType.UCI:
        raise click.UsageError("An Italian list must be made of UVCIs alone.")
    spelled = (each for number, value in uvcis for each in _spellings(number, value, terms))
    unique = list(dict.fromkeys(spelled))
    (chunk,) = write_italy(unique, version=1, chunk_size=max(1, len(unique)))
    return chunk, len(unique)


_WRITERS: Final[dict[str, Callable[[Sequence[bytes], Terms], bytes]]] = {
    "store": _store,
    "batch": _batch,
    "filter": _filter,
}


_HASH: Final = re.compile("[0-9a-fA-F]{32}|[0-9a-fA-F]{64}")
_UVCI: Final = re.compile("[!-~]{1,200}")
_LONGEST: Final = 1024

json_option = click.option(
    "--json", "as_json", is_flag=True, help="One JSON object a line for each pass."
)


def _pass_options(function: Callable[..., None]) -> Callable[..., None]:
    for option in (
        click.option("--whole", is_flag=True, help="Take a text file as one pass."),
        click.option(
            "--text",
            "texts",
            multiple=True,
            metavar="'PASS'",
            help="A pass itself, in single quotes.",
        ),
        click.argument("passes", metavar="[PASS]...", nargs=-1),
    ):
        function = option(function)
    return function


def _passes(passes: tuple[str, ...], texts: tuple[str, ...], whole: bool) -> Iterator[Item]:
    """Passes from files, standard input and options; one without any ends with 2."""
    from coronapas.hcert import PREFIX

    if not passes and not texts:
        raise click.UsageError("Name a file, - for standard input, or give --text.")
    for number, text in enumerate(texts, start=1):
        yield Item(f"--text {number}", text, 0)
    for number, source in enumerate(passes, start=1):
        if source.startswith(PREFIX):
            yield Item(f"pass {number}", source, 0)
            continue
        if source != STDIN and not Path(source).is_file():
            raise click.UsageError(f"{plain(source[:80])}: there is no such file.")
        for item in items(source, whole=whole):
            yield item.readable()


@click.group("revocation", short_help="Hash passes, ask revocation lists, make them.")
def command() -> None:
    """Hash passes as revocation lists do, ask lists about passes, and make lists.

    Exit codes: 0 all is well; 1 something was judged and is not well; 2 it could not be judged.
    """


@command.command("hash", short_help="Say under which hashes lists name a pass.")
@_pass_options
@json_option
def hash_(passes: tuple[str, ...], texts: tuple[str, ...], whole: bool, as_json: bool) -> None:
    """Say under which hashes lists name passes: from files, pictures, standard input (-).

    Each is the first 16 bytes of SHA-256, in hexadecimal; nothing of the pass is verified. A hash
    that a pass has not is null.

    Exit codes: 0 it is said; 2 wrong usage, or a pass that cannot be opened.
    """
    from coronapas.revocation import hashes_json

    for item in _passes(passes, texts, whole):
        found = hashes_json(item.text)
        if as_json:
            click.echo(json.dumps(found))
            continue
        click.echo(plain(item.place))
        for name, value in found.items():
            click.echo(f"  {name}: {value or 'none'}")


@command.command("check", short_help="Say whether passes are revoked.")
@_pass_options
@options("")
@click.option(
    "--at", callback=day_or_moment, metavar="MOMENT", help="The moment asked about; now else."
)
@click.option("--refuse-unknown", is_flag=True, help="Count a pass as bad where lists cannot tell.")
@json_option
def check(
    passes: tuple[str, ...],
    texts: tuple[str, ...],
    whole: bool,
    at: datetime | None,
    refuse_unknown: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Say whether passes are revoked, by which list of which date; signatures are not verified.

    A list's format is found from its content, and told on standard error.

    Exit codes: 0 none is revoked, as far as lists can tell; 1 some are; 2 an unreadable input.
    """
    from coronapas.hcert import decode

    found = revocations_from(stated(**given))
    if found is None:
        raise click.UsageError("Name a list with --revocation.")
    now = at or datetime.now(UTC)
    bad = False
    for item in _passes(passes, texts, whole):
        answer = found.status(decode(item.text), at=now)
        bad |= answer.outcome == "REVOKED" or (refuse_unknown and answer.outcome == "UNKNOWN")
        place = plain(item.place)
        if as_json:
            click.echo(json.dumps({"place": place, **answer_json(answer)}))
        else:
            click.echo(f"{place}: {answer.outcome}  {plain(answer.sentence)}")
    sys.exit(1 if bad else 0)


def answer_json(answer: RevocationAnswer) -> dict[str, Any]:
    """An answer for machines; it names the list and nothing of the pass."""
    return answer.to_json()


def _kid(ctx: click.Context, param: click.Parameter, value: str | None) -> bytes | None:
    from coronapas.errors import KeyMaterialError
    from coronapas.trust import decode_kid

    if value is None:
        return None
    if re.fullmatch("[0-9a-fA-F]{16}", value):
        return bytes.fromhex(value)
    try:
        return decode_kid(value)
    except KeyMaterialError as error:
        raise click.BadParameter(str(error), ctx, param) from None


@command.command("build", short_help="Make a revocation list of hashes or identifiers.")
@click.argument("source", metavar="FILE", type=click.Path(exists=True, allow_dash=True))
@click.argument("out", type=click.Path(path_type=Path))
@click.option(
    "--to",
    "form",
    type=click.Choice(["store", "batch", "filter", "italy"]),
    default="store",
    show_default=True,
    help="A store; a gateway batch signed with --key; a Bloom filter; an Italian list.",
)
@click.option(
    "--type",
    "kind",
    type=click.Choice(["UCI", "COUNTRYCODEUCI", "SIGNATURE"]),
    help="What the hashes are made of. A file of hashes needs it; identifiers become UCI.",
)
@click.option(
    "--exact",
    is_flag=True,
    help="Hash each identifier as it stands and in no other spelling: the passes carry just that.",
)
@click.option("--country", callback=filled, help="Whose passes these are, ISO 3166-1 alpha-2.")
@click.option("--kid", callback=_kid, help="The passes' key, hexadecimal or base64; else any.")
@click.option("--name", default="local list", show_default=True, help="A store's source.")
@click.option("--as-of", callback=moment, metavar="MOMENT", help="The list's date; now else.")
@click.option("--expires", callback=moment, metavar="MOMENT", help="When the entries run out.")
@click.option("--rate", type=float, default=1e-10, show_default=True, help="A filter's false hits.")
@click.option("--key", type=FILE, help="For a batch: the UPLOAD key, PEM.")
@click.option("--cert", type=FILE, help="Its certificate.")
@click.option(
    "--password",
    callback=password_source,
    metavar="prompt|env:NAME",
    help="Where the key's password comes from.",
)
@click.option("--force", is_flag=True, help="Replace a file that exists.")
def build(source: str, out: Path, form: str, kind: str | None, force: bool, **terms: Any) -> None:
    """Make a revocation list from FILE, which has a hash or an identifier on each line.

    A hash is 32 hexadecimal digits (of a whole SHA-256, 64, the first half counts); any other line
    is a UVCI, which is the same whatever its case, its prefix or its checksum: every spelling that
    passes carry is hashed. Blank lines and what begins with # count for nothing.

    Exit codes: 0 it is written; 2 it is not.
    """
    from coronapas.revocation import HashType

    with click.open_file(source, "rb") as file:
        lines = list(_lines(file))
    number = next((number for number, value in lines if isinstance(value, bytes)), None)
    if kind is None and number is not None and form != "italy":
        raise click.UsageError(
            f"Line {number}: a hash does not say what it is made of; give --type."
        )
    given = Terms(kind=HashType(kind or "UCI"), **terms)
    given = given.with_password(password_from)
    content, count = written(form, lines, given)
    write(out, content, force=force, secret=False)
    click.echo(plain(f"{out}: {form}, {len(lines)} lines, {count} hashes"), err=True)


def _lines(file: Any) -> Iterator[tuple[int, bytes | str]]:
    """Each line's hash, or its UVCI, with its number; errors quote nothing of a line."""
    number = 0
    while line := file.readline(_LONGEST + 1):
        number += 1
        text = line.decode("utf-8-sig" if number == 1 else "utf-8", "replace").strip()
        if not text or text.startswith("#"):
            continue
        if _HASH.fullmatch(text):
            yield number, bytes.fromhex(text)[:16] if len(text) == 32 else bytes.fromhex(text)
        elif ":" in text and _UVCI.fullmatch(text):
            yield number, text
        else:
            raise click.UsageError(f"Line {number} is neither a hash nor a UVCI.")
