"""Files that the commands write: never over another one unasked, secrets for their owner alone."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pathlib import Path


def write(path: Path, content: bytes, *, force: bool, secret: bool = True) -> None:
    """Write a file; one that exists is replaced only with `force`, and then in one step.

    A `secret` file is readable and writable by its owner alone (0600) from the moment it exists.
    """
    mode = 0o600 if secret else 0o644
    # A name that nothing left behind can have: not what an earlier run that was killed wrote.
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
