"""Passes from files and folders: texts with one pass a line or in whole, pictures and PDFs.

What a file is, its content says; a file of another kind is one item with a fault that names it.
Files are read as a stream, so that a file with any number of passes takes no more memory than its
longest line; of a line that is too long for a pass only the beginning is kept.
"""

from __future__ import annotations

import sys
from codecs import getincrementaldecoder
from collections import Counter
from io import BufferedReader, RawIOBase
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, NamedTuple

import click

from coronapas.cli._output import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from coronapas.errors import DecodeError
    from coronapas.presentation import Scan
    from coronapas.tolerances import Deviation

STDIN: Final = "-"

_LONGEST: Final = 65_537  # one byte beyond what a verifier reads, so that it can say so
_LONGEST_CREDENTIAL: Final = 1024 * 1024 + 1  # likewise, of a wallet's credential
_BOM: Final = b"\xef\xbb\xbf"
_SHORTEST_HEAD: Final = 12
_MOST_FILES: Final = 1_000_000
_PIECE: Final = 65_536


class Item(NamedTuple):
    """One pass of an input: its place, its text, and what was odd in the picture of it.

    `size` is how many bytes of the input it took. `fault` says why an input has no text: a picture
    without a readable code, a text without a pass (``input.empty``), a file of a kind that passes
    are not read from (``input.unsupported``), or one that could not be read
    (``input.unreadable``).
    """

    place: str
    text: str | bytes
    size: int
    scanned: bool = False
    deviations: tuple[Deviation, ...] = ()
    fault: DecodeError | None = None

    def readable(self) -> Item:
        """Return this item if it has a text; raise UnreadableError otherwise."""
        if self.fault is not None:
            raise UnreadableError(plain(f"{self.place}: {self.fault.message}."))
        return self


class UnreadableError(click.ClickException):
    """An input without a readable pass."""

    exit_code = 2


def items(source: str, *, whole: bool = False) -> Iterator[Item]:
    """Yield the passes of a file, of every file of a folder, or of standard input for ``-``.

    `whole` reads a text as one pass, whose lines are put together where that makes a pass. An input
    without a pass yields one item with a `fault`, so that other inputs are still judged.
    """
    if source != STDIN and Path(source).is_dir():
        yield from _of_folder(Path(source), whole)
        return
    name = "standard input" if source == STDIN else source
    try:
        if source == STDIN:
            yield from _of_stream(sys.stdin.buffer, name, whole)
        else:
            with Path(source).open("rb") as stream:
                yield from _of_stream(stream, name, whole)
    except OSError as error:
        yield _without(name, "unreadable", error.strerror or "it cannot be read")


def one_pass(source: str, *, whole: bool = False) -> Item:
    """Return the only pass of an input; UnreadableError for none, UsageError for several."""
    found = items(source, whole=whole)
    item, more = next(found), next(found, None)
    if more is not None:
        raise click.UsageError(plain(f"{source}: it contains several passes; give one."))
    return item.readable()


def passes_of(source: str, *, whole: bool = False) -> tuple[Item, ...]:
    """Return the pass of a file, or the passes of all files of a folder, such as a wallet's.

    Raises UnreadableError for what holds no readable pass, UsageError for a file with several.
    """
    if source == STDIN or not Path(source).is_dir():
        return (one_pass(source, whole=whole),)
    return tuple(item.readable() for item in items(source, whole=whole))


def _without(name: str, code: str, why: str) -> Item:
    from coronapas.errors import DecodeError

    return Item(name, "", 0, fault=DecodeError("input", code, why))


def total_size(sources: tuple[str, ...]) -> int | None:
    """Return how many bytes there are to read; None if standard input is among the sources."""
    if STDIN in sources:
        return None
    return sum(path.stat().st_size for source in sources for path in _files(Path(source)))


def _files(source: Path) -> Iterator[Path]:
    """Yield a file, or the files below a folder by their names, without hidden ones."""
    if not source.is_dir():
        yield source
        return
    below = (
        path
        for path in sorted(source.rglob("*"))
        if path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(source).parts)
    )
    yield from islice(below, _MOST_FILES)


def _of_folder(folder: Path, whole: bool) -> Iterator[Item]:
    found = False
    for path in _files(folder):
        found = True
        yield from items(str(path), whole=whole)
    if not found:
        yield _without(str(folder), "empty", "it contains no file")


def _of_stream(stream: IO[bytes], name: str, whole: bool) -> Iterator[Item]:
    from coronapas.presentation import kind_of
    from coronapas.wallets import credential_in

    head = _head(stream)
    longest = _LONGEST
    if credential_in(head) is not None:
        if not head.isascii():
            content = head + stream.read(_LONGEST_CREDENTIAL - len(head))
            yield Item(name, content, len(content))
            return
        longest = _LONGEST_CREDENTIAL
    kind = kind_of(head)
    if kind.read_as is None:
        yield _without(name, "unsupported", kind.refusal)
        return
    if kind.read_as != "text":
        yield from _of_picture(head, stream, name)
        return
    if kind.encoding not in (None, "utf-8"):
        stream = _recoded(head, stream, kind.encoding or "")
        head = _head(stream)
    found = False
    read = _whole if whole else _lines
    for item in read(head, stream, name, longest):
        if not (whole or found):
            _hint_at_wrapping(head, name)
        found = True
        yield item
    if not found:
        yield _without(name, "empty", "it contains no pass")


def _head(stream: IO[bytes]) -> bytes:
    """Return what tells the kind: of a pipe, what is there already, so that nobody waits for it."""
    from coronapas.presentation import KIND_HEAD

    head = b""
    read = getattr(stream, "read1", stream.read)
    while len(head) < _SHORTEST_HEAD and (more := read(KIND_HEAD - len(head))):
        head += more
    return head


def _recoded(head: bytes, stream: IO[bytes], encoding: str) -> BufferedReader:
    """Return a text of another encoding as UTF-8, without a byte-order mark."""
    return BufferedReader(_Recoded(head, stream, encoding))


class _Recoded(RawIOBase):
    """A stream of text in another encoding, read as UTF-8 piece by piece."""

    def __init__(self, head: bytes, stream: IO[bytes], encoding: str) -> None:
        self._head, self._stream = head, stream
        self._decoder = getincrementaldecoder(encoding)("replace")
        self._ready = b""
        self._first = True

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        ended = False
        while not self._ready and not ended:
            piece, self._head = self._head or self._stream.read(_PIECE), b""
            ended = not piece
            text = self._decoder.decode(piece, ended)
            if self._first and text:
                text, self._first = text.removeprefix("\ufeff"), False
            self._ready = text.encode("utf-8", "replace")
        taken = self._ready[: len(buffer)]
        self._ready = self._ready[len(taken) :]
        buffer[: len(taken)] = taken
        return len(taken)


def _hint_at_wrapping(head: bytes, name: str) -> None:
    """Say that the lines of a short text are one pass, which `--whole` puts together."""
    from coronapas.presentation import KIND_HEAD

    if len(head) < KIND_HEAD and _put_together(head) is not None:
        note = "its lines make one pass when they are put together: --whole reads it so"
        click.echo(plain(f"{name}: {note}."), err=True)


def _put_together(content: bytes) -> str | None:
    from coronapas.hcert import unwrapped
    from coronapas.verify import PROFILES

    text = content.removeprefix(_BOM).decode("utf-8", "replace")
    if "\n" not in text.strip() and "\r" not in text.strip():
        return None
    return unwrapped(text, prefixes=[row.prefix for row in PROFILES])


def _of_picture(head: bytes, stream: IO[bytes], name: str) -> Iterator[Item]:
    from coronapas.errors import ScanError
    from coronapas.presentation import MAX_BYTES, scan

    content = head + stream.read(MAX_BYTES + 1 - len(head))
    try:
        found = scan(content)
    except ScanError as error:
        yield Item(name, "", len(content), True, (), error)
        return
    codes = _passes_of(found, name)
    for number, code in enumerate(codes, start=1):
        place = name if len(codes) == 1 else f"{name}, code {number}"
        yield Item(place, code.text, len(content) // len(codes), True, code.deviations)


def _passes_of(found: tuple[Scan, ...], name: str) -> list[Scan]:
    """Return the codes that are passes, and name the others; all where none is a pass."""
    from coronapas.verify import foreign_code

    named = [(code, foreign_code(code.text)) for code in found]
    passes = [code for code, foreign in named if foreign is None]
    others = Counter(foreign for _, foreign in named if foreign is not None)
    if not passes:
        return list(found)
    if others:
        count = others.total()
        what = ", ".join(
            f"{kind} ({number} times)" if number > 1 else kind for kind, number in others.items()
        )
        codes = "other code" if count == 1 else "other codes"
        click.echo(plain(f"{name}: {count} {codes}, not judged: {what}."), err=True)
    return passes


def _whole(head: bytes, stream: IO[bytes], name: str, longest: int) -> Iterator[Item]:
    content = head + stream.read(longest + 2)
    text: str | bytes = _without_line_end(content.removeprefix(_BOM))
    joined = _put_together(content)
    if joined is not None:
        click.echo(plain(f"{name}: put together from its lines."), err=True)
        text = joined
    if text.strip():
        yield Item(name, text, len(content))


def _lines(head: bytes, stream: IO[bytes], name: str, longest: int) -> Iterator[Item]:
    """Yield every line that is not blank, without its line end, which is not part of the pass."""
    pending = head.removeprefix(_BOM)
    number = 0
    while True:
        line, pending, taken = _line(pending, stream, longest)
        if not taken:
            return
        number += 1
        text = _without_line_end(line)
        if text.strip():
            yield Item(f"{name}:{number}", text, taken)


def _line(pending: bytes, stream: IO[bytes], longest: int) -> tuple[bytes, bytes, int]:
    """Return the next line (a long one cut), what was read beyond it, and its length."""
    line, mark, rest = pending.partition(b"\n")
    if mark:
        return line + mark, rest, len(line) + 1
    line += stream.readline(longest + 2 - len(line))
    taken = len(line)
    more = line
    while len(more) and not more.endswith(b"\n"):
        more = stream.readline(longest)
        taken += len(more)
    return line, b"", taken


def _without_line_end(line: bytes) -> bytes:
    return line.removesuffix(b"\n").removesuffix(b"\r")
