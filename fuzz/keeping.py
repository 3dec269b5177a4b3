"""Which inputs are kept in the repository: few and small, for the lines that no seed reaches."""

from __future__ import annotations

import hashlib
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import coronapas

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import FrameType
    from typing import Any

    from fuzz.entries import Entry

    _Trace = Callable[[FrameType, str, Any], Any]

LARGEST: Final = {"picture": 4_096}
"""The most bytes of an input that is kept, where it is not `_LARGEST`."""
_LARGEST: Final = 2_048
_SOURCE: Final = Path(coronapas.__file__).resolve().parent

Lines = frozenset[tuple[str, int]]
"""Files and line numbers that were run."""


def keep(entry: Entry, rooms: tuple[str, ...], number: int, work: Path, kept: Path) -> int:
    """Copy inputs from `work` to `kept` until there are `number`; return how many were copied.

    Each is the one that reaches the most lines of the rooms that neither a seed nor an input kept
    before reaches; of several, the smallest. What raises is not kept.
    """
    reach = _Reach(entry, rooms)
    before = [path.read_bytes() for path in sorted(kept.glob("*"))]
    reached = {line for data in (*entry.seeds(), *before) for line in reach.of(data)}
    found: dict[bytes, Lines] = {}
    for path in sorted(work.glob("*")):
        data = path.read_bytes()
        if len(data) <= LARGEST.get(entry.name, _LARGEST):
            with suppress(Exception):
                found[data] = reach.of(data)
    copied = 0
    while found and len(before) + copied < number:
        best = max(found, key=lambda data: (len(found[data] - reached), -len(data), data))
        if found[best] <= reached:
            break
        reached |= found[best]
        kept.mkdir(parents=True, exist_ok=True)
        (kept / hashlib.sha256(best).hexdigest()[:16]).write_bytes(best)
        copied += 1
    return copied


class _Reach:
    """The lines of some rooms that an input reaches."""

    def __init__(self, entry: Entry, rooms: Iterable[str]) -> None:
        self._run = entry.run
        self._rooms = tuple(str(_SOURCE / room) for room in rooms)
        self._lines: set[tuple[str, int]] = set()
        for data in entry.seeds():  # what is loaded and computed once is reached by no input
            entry.run(data)

    def of(self, data: bytes) -> Lines:
        self._lines = set()
        before = sys.gettrace()
        sys.settrace(self._called)
        try:
            self._run(data)
        finally:
            sys.settrace(before)
        return frozenset(self._lines)

    def _called(self, frame: FrameType, _event: str, _given: object) -> _Trace | None:
        file = frame.f_code.co_filename
        return self._ran if file.startswith(self._rooms) else None

    def _ran(self, frame: FrameType, event: str, _given: object) -> _Trace:
        if event == "line":
            self._lines.add((frame.f_code.co_filename, frame.f_lineno))
        return self._ran
