"""What the commands show: safe text, colours on a terminal, progress on long work."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_COLOURS: Final = {"PASS": "green", "ok": "green", "FAIL": "red", "UNKNOWN": "yellow"}


def plain(text: str) -> str:
    """Text that cannot steer a terminal: what is not printable becomes U+FFFD, one for one."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def coloured(word: str, width: int = 0) -> str:
    """An outcome in its colour; click removes the colour where there is no terminal."""
    return click.style(word.ljust(width), fg=_COLOURS.get(word), dim=word == "SKIPPED")


def on_terminal() -> bool:
    """Whether a progress bar has a place: the errors go to a terminal and the results do not."""
    return sys.stderr.isatty() and not sys.stdout.isatty()


@contextmanager
def progress(title: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """A progress bar on standard error, where that has a place; gives what advances it."""
    if not on_terminal():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=total)
        yield lambda steps: bar.advance(task, steps)
