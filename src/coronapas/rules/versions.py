"""Versions of rules, schemas and engines: semantic versions (semver.org, 2.0.0).

The gateway's schema asks for three numbers and lets anything follow them; here what follows is to
be a pre-release (``-rc.1``) or build metadata (``+5``), as semver has it. A pre-release comes
before its version; build metadata does not count.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import total_ordering
from typing import Final, TypeAlias

MAX_LENGTH: Final = 64
"""The longest version, in characters."""

_PART = r"[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*"
_FORMAT: Final = re.compile(
    rf"(?P<major>\d+)\.(?P<minor>\d+)\.(?P<patch>\d+)(?:-(?P<pre>{_PART}))?(?:\+{_PART})?",
    re.ASCII,
)
_Key: TypeAlias = tuple[int, int, int, bool, tuple[tuple[bool, int, str], ...]]


@total_ordering
@dataclass(frozen=True, slots=True, eq=False)
class Version:
    """A semantic version; equal and ordered by precedence (1.0.0+5 equals 1.0.0).

    `text` is how it was written.
    """

    text: str
    key: _Key = field(repr=False)

    @classmethod
    def parse(cls, text: object) -> Version:
        """Read a version; raises ValueError where it is none."""
        if not isinstance(text, str) or len(text) > MAX_LENGTH:
            raise ValueError("A version is a text of at most 64 characters.")
        found = _FORMAT.fullmatch(text)
        if found is None:
            raise ValueError("A version is three numbers with dots between them.")
        pre = found["pre"]
        identifiers = tuple(_identifier(part) for part in pre.split(".")) if pre else ()
        numbers = int(found["major"]), int(found["minor"]), int(found["patch"])
        return cls(text, (*numbers, pre is None, identifiers))

    @property
    def major(self) -> int:
        """The first of the three numbers."""
        return self.key[0]

    def __eq__(self, other: object) -> bool:
        return self.key == other.key if isinstance(other, Version) else NotImplemented

    def __lt__(self, other: Version) -> bool:
        return self.key < other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __str__(self) -> str:
        return self.text


def _identifier(part: str) -> tuple[bool, int, str]:
    """What one identifier of a pre-release is ordered by: numbers come before texts."""
    return (False, int(part), "") if part.isdecimal() else (True, 0, part)
