"""Passes from files: text with a pass on every line, text that is one pass, and pictures.

Files are read as a stream, so that one with any number of passes takes no more memory than its
longest line, and of a line that no pass could be as long as, only its beginning.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, NamedTuple

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

    from coronapas.errors import ScanError
    from coronapas.tolerances import Deviation

STDIN: Final = "-"

_LONGEST: Final = 65_537  # one byte beyond what a verifier reads, so that it can say so
_BOM: Final = b"\xef\xbb\xbf"
_HEAD: Final = 12
# Signatures of the picture formats that `coronapas.presentation.scan` opens.
_SIGNATURES: Final = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"II*\0", b"MM\0*")
_NETPBM: Final = tuple(f"P{kind}{space}".encode() for kind in "123456" for space in "\n\r\t ")


class Item(NamedTuple):
    """One pass to look at: where it stands, its text, and what was odd in the picture of it.

    `size` is how much of the input it took, in bytes. `fault` says why a picture gave no text.
    """

    place: str
    text: str | bytes
    size: int
    scanned: bool = False
    deviations: tuple[Deviation, ...] = ()
    fault: ScanError | None = None


def items(source: str, *, whole: bool = False) -> Iterator[Item]:
    """The passes in a file, or in standard input for ``-``; `whole` takes a text as one pass.

    A text without any pass is a UsageError, a file that cannot be opened an OSError.
    """
    if source == STDIN:
        yield from _of_stream(sys.stdin.buffer, "standard input", whole)
        return
    with Path(source).open("rb") as stream:
        yield from _of_stream(stream, source, whole)


def total_size(sources: tuple[str, ...]) -> int | None:
    """How many bytes there are to be read; None where standard input is among the sources."""
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
        raise click.UsageError(f"{name}: there is no pass in it.")


def _is_picture(head: bytes) -> bool:
    if head.startswith(_SIGNATURES) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP"):
        return True
    # Both could begin a text: a bitmap has zeros in its head, a Netpbm file a white space.
    return (head[:2] == b"BM" and head[6:10] == bytes(4)) or head.startswith(_NETPBM)


def _of_picture(head: bytes, stream: IO[bytes], name: str) -> Iterator[Item]:
    from coronapas.errors import ScanError
    from coronapas.presentation import scan
    from coronapas.presentation.scanning import MAX_BYTES

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
    """Every line that is not blank; the end of a line is the file's and not the pass's."""
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
    """The next line, at most its beginning, what was read beyond it, and how long it was."""
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
