"""Put the lines of a text together that a mail program or an editor made of one pass."""

from __future__ import annotations

import re
from itertools import chain, product
from typing import TYPE_CHECKING, Final

from coronapas.hcert._envelope import PREFIX, open_layers

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

MAX_CHARACTERS: Final = 8_192
"""The longest text that is put together, inclusive: nearly two full QR symbols of it."""

_MOST_LINES: Final = 500
_MOST_TRIED: Final = 9
"""As many breaks as are tried in every combination; of more, only the likely ones."""

_REPLY: Final = re.compile(r"(?:>[> ]?)+")


def unwrapped(text: str, *, prefixes: Collection[str] = (PREFIX,)) -> str | None:
    """Return the pass that the lines of a text make when they are put together, if they do.

    A program that wraps at blanks loses a blank at each break, another one loses nothing: the lines
    are tried with blanks between them and without, as they are and without white space around them.
    The marks of a reply (``>``) are dropped. Whether the lines make a pass is certain, because the
    compression has a checksum. None where they do not, or the text is a single line.
    """
    if len(text) > MAX_CHARACTERS:
        return None
    lines = [_REPLY.sub("", line, count=1) for line in text.splitlines()]
    lines = [line for line in lines if line.strip()]
    if not 1 < len(lines) <= _MOST_LINES:
        return None
    # Several lines that begin as a pass are several passes.
    begins = [line.lstrip()[: len(PREFIX)] in prefixes for line in lines]
    if not begins[0] or any(begins[1:]):
        return None
    bare = [line.strip() for line in lines]
    for candidate in dict.fromkeys(chain(_candidates(lines), _candidates(bare))):
        if open_layers(candidate, prefixes=prefixes).fault is None:
            return candidate
    return None


def _candidates(lines: Sequence[str]) -> Iterator[str]:
    yield "".join(lines)
    yield " ".join(lines)
    longest = max(map(len, lines))
    *most, last = lines
    yield "".join(line if len(line) == longest else f"{line} " for line in most) + last
    if len(most) <= _MOST_TRIED:
        for ends in product(("", " "), repeat=len(most)):
            yield "".join(f"{line}{end}" for line, end in zip(most, ends, strict=True)) + last
