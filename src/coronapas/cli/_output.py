"""What the commands put out: safe text, colours on a terminal, progress on long work, files."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import click

from coronapas import _files as files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_COLOURS: Final = {"PASS": "green", "ok": "green", "FAIL": "red", "UNKNOWN": "yellow"}


def plain(text: str) -> str:
    """Text that cannot steer a terminal: what is not printable becomes U+FFFD, one for one."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def sentence(note: str) -> str:
    """A note as a sentence: only its first letter becomes a capital, for names stand in it."""
    return f"{note[:1].upper()}{note[1:]}."


def coloured(word: str, width: int = 0) -> str:
    """An outcome in its colour; click removes the colour where there is no terminal."""
    return click.style(word.ljust(width), fg=_COLOURS.get(word), dim=word == "SKIPPED")


def on_terminal(*, results_meanwhile: bool) -> bool:
    """Whether a progress bar has a place: a terminal, to which no results are written meanwhile."""
    return sys.stderr.isatty() and not (results_meanwhile and sys.stdout.isatty())


@contextmanager
def progress(
    title: str, total: int | None, *, results_meanwhile: bool
) -> Iterator[Callable[[int], None]]:
    """A progress bar on standard error, where that has a place; gives what advances it.

    `results_meanwhile` says that standard output is written while the bar is there; a command that
    writes all at the end, when the bar is gone, has a bar on a terminal that shows both.
    """
    if not on_terminal(results_meanwhile=results_meanwhile):
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import Progress

    # What goes to standard output is not the bar's, wherever that leads.
    with Progress(console=Console(stderr=True), transient=True, redirect_stdout=False) as bar:
        task = bar.add_task(title, total=total)
        yield lambda steps: bar.advance(task, steps)


def write(path: Path, content: bytes, *, force: bool, secret: bool = True) -> None:
    """Write a file whole or not at all; one that exists is replaced only with `force`.

    A `secret` file is readable and writable by its owner alone (0600) from the moment it exists.
    """
    try:
        files.write(path, content, secret=secret, replace=force)
    except FileExistsError:
        raise click.UsageError(f"{path} exists; --force replaces it.") from None
