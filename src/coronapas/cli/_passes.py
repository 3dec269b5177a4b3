"""Passes from files: texts with one pass a line, texts that are one pass, and pictures.

Files are read as a stream, so that a file with any number of passes takes no more memory than its
longest line; of a line that is too long for a pass only the beginning is kept.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, NamedTuple

import click

from coronapas.cli._output import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from coronapas.errors import DecodeError
    from coronapas.tolerances import Deviation

STDIN: Final = "-"

_LONGEST: Final = 65_537  # one byte beyond what a verifier reads, so that it can say so
_BOM: Final = b"\xef\xbb\xbf"
_HEAD: Final = 12
# Signatures of the picture formats that `coronapas.presentation.scan` opens.
_SIGNATURES: Final = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"II*\0", b"MM\0*")
_NETPBM: Final = tuple(f"P{kind}{space}".encode() for kind in "123456" for space in "\n\r\t ")


class Item(NamedTuple):
    """One pass of an input: its place, its text, and what was odd in the picture of it.

    `size` is how many bytes of the input it took. `fault` says why an input has no text: a picture
    without a readable code, a text without a pass (``input.empty``), or a file that could not be
    read (``input.unreadable``).
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
    """Yield the passes of a file, or of standard input for ``-``; `whole` reads it as one pass.

    An input without a pass yields one item with a `fault`, so that other inputs are still judged.
    """
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


def _without(name: str, code: str, why: str) -> Item:
    from coronapas.errors import DecodeError

    return Item(name, "", 0, fault=DecodeError("input", code, why))


def total_size(sources: tuple[str, ...]) -> int | None:
    """Return how many bytes there are to read; None if standard input is among the sources."""
    if STDIN in sources:
        return None
    return sum(Path(source).stat().st_size for source in sources)


def _of_stream(stream: IO[bytes], name: str, whole: bool) -> Iterator[Item]:
    head = stream.read(_HEAD)
    if _is_picture(head):
        yield from _of_picture(head, stream, name)
        return
    found = False
    for item in _whole(head, stream, name) if whole else _lines(head, stream, name):
        found = True
        yield item
    if not found:
        yield _without(name, "empty", "it contains no pass")


def _is_picture(head: bytes) -> bool:
    if head.startswith(_SIGNATURES) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP"):
        return True
    # A text could begin like both: a bitmap has zeros in its head, a Netpbm file white space.
    return (head[:2] == b"BM" and head[6:10] == bytes(4)) or head.startswith(_NETPBM)


def _of_picture(head: bytes, stream: IO[bytes], name: str) -> Iterator[Item]:
    from coronapas.errors import ScanError
    from coronapas.presentation import MAX_BYTES, scan

    content = head + stream.read(MAX_BYTES + 1 - len(head))
    try:
        found = scan(content)
    except ScanError as error:
        yield Item(name, "", len(content), True, (), error)
        return
    for number, code in enumerate(found, start=1):
        place = name if len(found) == 1 else f"{name}, code {number}"
        yield Item(place, code.text, len(content) // len(found), True, code.deviations)


def _whole(head: bytes, stream: IO[bytes], name: str) -> Iterator[Item]:
    content = head + stream.read(_LONGEST + 2)
    text = _without_line_end(content.removeprefix(_BOM))
    if text.strip():
        yield Item(name, text, len(content))


def _lines(head: bytes, stream: IO[bytes], name: str) -> Iterator[Item]:
    """Yield every line that is not blank, without its line end, which is not part of the pass."""
    pending = head.removeprefix(_BOM)
    number = 0
    while True:
        line, pending, taken = _line(pending, stream)
        if not taken:
            return
        number += 1
        text = _without_line_end(line)
        if text.strip():
            yield Item(f"{name}:{number}", text, taken)


def _line(pending: bytes, stream: IO[bytes]) -> tuple[bytes, bytes, int]:
    """Return the next line (a long one cut), what was read beyond it, and its length."""
    line, mark, rest = pending.partition(b"\n")
    if mark:
        return line + mark, rest, len(line) + 1
    line += stream.readline(_LONGEST + 2 - len(line))
    taken = len(line)
    more = line
    while len(more) and not more.endswith(b"\n"):
        more = stream.readline(_LONGEST)
        taken += len(more)
    return line, b"", taken


def _without_line_end(line: bytes) -> bytes:
    return line.removesuffix(b"\n").removesuffix(b"\r")
