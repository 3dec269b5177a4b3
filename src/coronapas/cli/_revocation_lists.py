"""Revocation data from files: what ``--revocation`` names, found from the content.

A file is a saved store or a part of a list; parts of one list (the chunks of Italy's, the pages and
batches of the gateway, the documents of a distribution service) are put together whatever their
order. The German files are told by their paths, so they are a folder, the one with ``kid.lst``.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from coronapas.cli._certificates import (
    PLACE,
    beginning,
    named,
    pins_from,
)
from coronapas.cli._output import plain
from coronapas.errors import RevocationListError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from coronapas.hcert import Envelope
    from coronapas.revocation import RevocationAnswer, RevocationList, RevocationStore

_STORE: Final = b"CPrevoc"
_KID_LIST: Final = "kid.lst"
_MOST_FILES: Final = 100_000
_MAX_TOTAL: Final = 512 * 1024 * 1024
_UNKNOWN: Final = "revocation list"

_BY_MEMBER: Final = (("revokedUcvi", "italy"), ("delta", "italy"), ("batches", "gateway"))
_BY_ITEM: Final = (("chunks", "partitions"), ("mode", "lists"))


class Options(NamedTuple):
    """What the command line says of revocation data."""

    paths: tuple[Path, ...]
    pins: tuple[Path, ...]
    fetched: datetime | None
    max_age: timedelta | None


class Part(NamedTuple):
    """One file of a list."""

    path: Path
    data: bytes


class Revocations:
    """Several stores that answer as one, by the rule by which a store's sources make one answer.

    Any that says revoked decides; else any that covers the pass and cannot tell makes it unknown.
    """

    def __init__(self, stores: Sequence[RevocationStore]) -> None:
        self.stores = tuple(stores)

    def status(self, envelope: Envelope, *, at: datetime) -> RevocationAnswer:
        """What is known of a pass at the moment `at`."""
        return min((store.status(envelope, at=at) for store in self.stores), key=_rank)


def _rank(answer: RevocationAnswer) -> int:
    if answer.code == "revocation.no-data":
        return 3
    return ("REVOKED", "UNKNOWN", "NOT_REVOKED").index(answer.outcome.value)


def options(prefix: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The options that say how revocation data is read, their names beginning with `prefix`."""
    from coronapas.cli._certificates import FILE
    from coronapas.cli._options import moment

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
                help="When the files were fetched; when they were last changed unless given.",
            ),
            click.option(
                f"--{prefix}pin",
                "revocation_pins",
                multiple=True,
                type=FILE,
                metavar="CERT_OR_KEY",
                help="Who has to have signed a revocation list: gateway uploaders, the German key, "
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
    """The options as click hands them over."""
    hours = None if revocation_max_age is None else timedelta(hours=revocation_max_age)
    return Options(revocation, revocation_pins, revocation_fetched, hours)


def revocations_from(given: Options) -> Revocations | None:
    """The data in all files; None where none are named.

    Standard error says what was taken for what. Raises RevocationListError, and OSError.
    """
    if not given.paths:
        return None
    stores: list[RevocationStore] = []
    lists: list[RevocationList] = []
    found: dict[str, list[Part]] = {}
    for path in given.paths:
        for folder in _german(path):
            lists.append(_germany(folder, given))
        for file in _files(path):
            with named(file):
                if beginning(file, len(_STORE)) == _STORE:
                    stores.append(_store(file, given.max_age))
                else:
                    _sort(file, found)
    lists += _read(found, given)
    return Revocations((*stores, *_stores(lists, given.max_age)))


def _stores(
    lists: Sequence[RevocationList], max_age: timedelta | None
) -> Iterator[RevocationStore]:
    from coronapas.revocation import RevocationStore

    if lists:
        yield RevocationStore(lists, max_age=max_age)


def _store(path: Path, max_age: timedelta | None) -> RevocationStore:
    from coronapas.revocation import RevocationStore

    store = RevocationStore.load(path, max_age=max_age, mapped=True)
    names = ", ".join(source.source for source in store.sources)
    _say(str(path), f"taken for a saved revocation store ({names}; {len(store)} hashes)")
    return store


def _german(path: Path) -> list[Path]:
    """The folders of German files at or below a path."""
    if not path.is_dir():
        return []
    return [Path(place) for place, _, files in os.walk(path) if _KID_LIST in files]


def _files(path: Path) -> Iterator[Path]:
    """A file, or those of a folder that are no German ones; hidden ones left out."""
    if not path.is_dir():
        yield path
        return
    count = 0
    for place, folders, files in os.walk(path):
        if _KID_LIST in files:
            folders.clear()
            continue
        for name in sorted(files):
            count += 1
            if count > _MOST_FILES:
                raise RevocationListError(_UNKNOWN, "too-large", f"{path} holds too many files")
            if not name.startswith("."):
                yield Path(place) / name


def _sort(path: Path, found: dict[str, list[Part]]) -> None:
    from coronapas._files import read
    from coronapas.revocation import _documents as documents

    part = Part(path, read(path, documents.MAX_BYTES))
    total = sum(len(each.data) for parts in found.values() for each in parts)
    if total + len(part.data) > _MAX_TOTAL:
        raise RevocationListError(_UNKNOWN, "too-large", "the files together are too large")
    found.setdefault(_kind(part.data), []).append(part)


def _kind(data: bytes) -> str:
    """What a file is a part of."""
    from coronapas.revocation import _documents as documents
    from coronapas.trust import from_base64

    if data[:2] == b"\x1f\x8b":
        return "archives"
    if data[:1] == b"0":
        return "batches"
    start = data[:64].lstrip()[:1]
    if start in (b"{", b"["):
        content = documents.parse(data, form=_UNKNOWN, what="the file")
        for member, kind in _BY_MEMBER if isinstance(content, dict) else ():
            if member in content:
                return kind
        first = content[0] if isinstance(content, list) and content else None
        members = first.keys() if isinstance(first, dict) else ()
        for member, kind in _BY_ITEM:
            if member in members:
                return kind
    elif data.count(b".") == 2:
        return "switzerland"
    elif start == b"M":
        with _unsaid():
            if from_base64(data)[:1] == b"0":
                return "batches"
    raise RevocationListError(
        _UNKNOWN, "unsupported", "it is no revocation list of any format that is known"
    )


def _unsaid() -> Any:
    from contextlib import suppress

    from coronapas.errors import KeyMaterialError

    return suppress(KeyMaterialError)


def _read(found: dict[str, list[Part]], given: Options) -> Iterator[RevocationList]:
    yield from _italy(found.get("italy", []), given)
    if "switzerland" in found:
        yield _switzerland(found["switzerland"], given)
    if "gateway" in found or "batches" in found:
        yield _gateway(found.get("gateway", []), found.get("batches", []), given)
    if found.keys() & {"lists", "partitions", "archives"}:
        yield _distribution(found, given)


def _italy(parts: Sequence[Part], given: Options) -> Iterator[RevocationList]:
    """Whole lists first, then changes by their versions; a store refuses those that do not fit."""
    from coronapas.revocation import _documents as documents
    from coronapas.revocation._lists import italy

    groups: dict[tuple[bool, int], list[Part]] = {}
    for part in parts:
        content = documents.parse(part.data, form=italy.FORM, what="the chunk")
        version = content.get("version")
        number = version if type(version) is int else 0
        groups.setdefault(("delta" in content, number), []).append(part)
    for key in sorted(groups):
        group = groups[key]
        as_of = _as_of((part.path for part in group), given)
        found = italy.read([part.data for part in group], as_of=as_of)
        yield _told(found, [part.path for part in group])


def _switzerland(parts: Sequence[Part], given: Options) -> RevocationList:
    """One token, a whole list: of several, each would take the place of the one before."""
    from coronapas.revocation._lists import switzerland

    part = parts[0]
    if len(parts) > 1:
        raise RevocationListError(
            switzerland.FORM, "inconsistent", f"{parts[1].path}: there is more than one list"
        )
    with named(part.path):
        as_of = _as_of([part.path], given)
        found = switzerland.read(part.data, _certificates(given), as_of=as_of)
    return _told(found, [part.path])


def _gateway(pages: Sequence[Part], batches: Sequence[Part], given: Options) -> RevocationList:
    """A batch's id is its file's name, with or without the ending."""
    from coronapas.revocation._lists import gateway
    from coronapas.trust import from_base64

    if not pages:
        raise RevocationListError(
            gateway.FORM, "inconsistent", f"{batches[0].path}: the batch list is missing"
        )
    messages: dict[str, bytes] = {}
    for part in batches:
        data = part.data if part.data[:1] == b"0" else from_base64(part.data)
        messages |= {part.path.name: data, part.path.stem: data}
    paths = [part.path for part in (*pages, *batches)]
    found = gateway.read(
        [part.data for part in pages],
        messages,
        _certificates(given),
        as_of=_as_of((part.path for part in pages), given),
    )
    return _told(found, paths)


def _distribution(found: dict[str, list[Part]], given: Options) -> RevocationList:
    from coronapas.revocation import Document
    from coronapas.revocation import _documents as documents
    from coronapas.revocation._lists import distribution

    lists = found.get("lists", [])
    if len(lists) != 1:
        raise RevocationListError(
            distribution.FORM, "inconsistent", f"there are {len(lists)} lists of kids, not one"
        )
    partitions: dict[bytes, bytes] = {}
    for part in found.get("partitions", []):
        with named(part.path):
            content = documents.parse(part.data, form=distribution.FORM, what="the partitions")
            first = Document.of(content[0], form=distribution.FORM, what="a partition")
            partitions[first.kid("kid")] = part.data
    archives = found.get("archives", [])
    read = distribution.read(
        lists[0].data,
        partitions,
        [part.data for part in archives],
        as_of=_as_of([lists[0].path], given),
    )
    return _told(read, [lists[0].path, *(part.path for part in archives)])


def _germany(folder: Path, given: Options) -> RevocationList:
    from coronapas._files import read
    from coronapas.revocation._lists import germany

    keys = _certificates(given)
    if len(keys) != 1:
        raise click.UsageError(f"{folder} holds German lists: name the one key that signs them.")
    files = {}
    for place, _, names in os.walk(folder):
        for name in names:
            if name.endswith(".lst"):
                path = Path(place) / name
                files[path.relative_to(folder).as_posix()] = read(path, germany.MAX_FILE)
            if len(files) > _MOST_FILES:
                raise RevocationListError(germany.FORM, "too-large", "there are too many files")
    with named(folder):
        found = germany.read(files, keys[0], as_of=_as_of([folder / _KID_LIST], given))
    return _told(found, [folder])


def _certificates(given: Options) -> list[Any]:
    return [pin.certificate for pin in pins_from(given.pins)]


def _as_of(paths: Iterable[Path], given: Options) -> datetime:
    """When the files were fetched: as stated, else when the oldest of them was last changed."""
    if given.fetched is not None:
        return given.fetched
    return datetime.fromtimestamp(min(path.stat().st_mtime for path in paths), UTC)


def _told(found: RevocationList, paths: Sequence[Path]) -> RevocationList:
    more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
    signed = "signature verified" if found.signature == "verified" else "not signed"
    gaps = f", {len(found.gaps)} parts missing or refused" if found.gaps else ""
    _say(f"{paths[0]}{more}", f"taken for {found.form}, {signed}{gaps}")
    return found


def _say(place: str, what: str) -> None:
    click.echo(plain(f"{place}: {what}"), err=True)
