"""What the commands write: safe text, colours on a terminal, progress of long work, files."""

from __future__ import annotations

import os
import secrets
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import click

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


def coloured(word: str, width: int = 0) -> str:
    """Return an outcome in its colour, which click removes if there is no terminal."""
    return click.style(word.ljust(width), fg=_COLOURS.get(word), dim=word == "SKIPPED")


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


# Files: never replaced unasked, secrets readable by their owner alone.


def write(path: Path, content: bytes, *, force: bool, secret: bool = True) -> None:
    """Write a file; an existing one is replaced only with `force`, and then atomically.

    A `secret` file is readable and writable by its owner alone (0600) from the moment it exists.
    """
    mode = 0o600 if secret else 0o644
    # A random name, which a killed earlier run cannot have left behind.
    target = path.with_name(f".{secrets.token_hex(16)}.new") if force else path
    try:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        raise click.UsageError(f"{path} exists; --force replaces it.") from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        if force:
            os.replace(target, path)
    except BaseException:
        os.unlink(target)
        raise
