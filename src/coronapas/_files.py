"""Reads a file, but never more of it than a bound."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import os

_CHUNK: Final = 1024 * 1024


def read(path: str | os.PathLike[str], limit: int) -> bytes:
    """The bytes of a file, or its first `limit` + 1 where it has more; raises OSError.

    Memory grows with what is there, not with the limit, for pipes and devices too.
    """
    chunks: list[bytes] = []
    left = limit + 1
    with Path(path).open("rb") as file:
        while left > 0 and (chunk := file.read(min(_CHUNK, left))):
            chunks.append(chunk)
            left -= len(chunk)
    return b"".join(chunks)
