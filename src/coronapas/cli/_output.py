"""What the commands write: safe text, colours on a terminal, progress of long work, files."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import click

from coronapas import files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_CLEAR_LAST_LINE: Final = "\x1b[1A\x1b[2K"
_COLOURS: Final = {"PASS": "green", "ok": "green", "FAIL": "red", "UNKNOWN": "yellow"}


def plain(text: str) -> str:
    """Return text that cannot control a terminal: each unprintable character becomes U+FFFD."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def sentence(note: str) -> str:
    """Turn a note into a sentence; only its first letter is changed, as it may contain names."""
    return f"{note[:1].upper()}{note[1:]}."


def coloured(word: str, width: int = 0, *, shown: str = "") -> str:
    """Return an outcome in its colour, which click removes if there is no terminal.

    `shown` is the outcome in another language.
    """
    return click.style((shown or word).ljust(width), fg=_COLOURS.get(word), dim=word == "SKIPPED")


def on_terminal(*, results_meanwhile: bool) -> bool:
    """Whether standard error is a terminal to which no results are written meanwhile."""
    return sys.stderr.isatty() and not (results_meanwhile and sys.stdout.isatty())


@contextmanager
def progress(
    title: str, total: int | None, *, results_meanwhile: bool
) -> Iterator[Callable[[int], None]]:
    """Show a progress bar on standard error if it is a terminal; yield what advances it.

    `results_meanwhile` says that standard output is written while the bar is there. A command that
    writes everything at the end, when the bar is gone, may have a bar on the terminal that shows
    both. Without a `total` the bar counts what is done. It is cleared at the end.
    """
    if not on_terminal(results_meanwhile=results_meanwhile):
        yield lambda _: None
        return
    unknown = (None for _ in ())  # click knows no length of a generator
    bar = click.progressbar(
        unknown, length=total, label=title, show_pos=total is None, file=sys.stderr
    )
    try:
        with bar:
            yield bar.update
    finally:
        click.echo(_CLEAR_LAST_LINE, err=True, nl=False)


def write(path: Path, content: bytes, *, force: bool, secret: bool = True) -> None:
    """Write a file whole or not at all; one that exists is replaced only with `force`.

    A `secret` file is readable and writable by its owner alone (0600) from the moment it exists.
    """
    try:
        files.write(path, content, secret=secret, replace=force)
    except FileExistsError:
        raise click.UsageError(f"{path} exists; --force replaces it.") from None
