"""Revocation lists of any number of sources, ready to be asked about a pass.

A store never changes: `apply` and `without` make new ones, which share with the old one what did
not change. Every source keeps its own date, validity and gaps.

How the sources' answers make one: any that says revoked decides; else any that covers the pass and
cannot tell makes it unknown; else not revoked, if any source covers the pass; else unknown.
"""

from __future__ import annotations

import mmap
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn

from coronapas.errors import RevocationListError
from coronapas.revocation import storefile
from coronapas.revocation.hashes import hashes_of
from coronapas.revocation.holding import Holding, hold
from coronapas.revocation.status import RevocationAnswer, RevocationOutcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime, timedelta

    from coronapas.hcert.envelope import Envelope
    from coronapas.revocation.hashes import PassHashes
    from coronapas.revocation.lists import Gap, RevocationList

_NO_DATA: Final = RevocationAnswer(RevocationOutcome.UNKNOWN, "revocation.no-data")


class SourceSummary(NamedTuple):
    """What a store holds of one source."""

    source: str
    form: str
    as_of: datetime | None
    valid_until: datetime | None
    signature: str
    batches: int
    hashes: int
    slices: int
    gaps: tuple[Gap, ...]


class RevocationStore:
    """What is known of revoked passes; immutable, and safe to share between threads.

    `max_age` is how old (inclusive) a list may be before its silence means nothing; None leaves it
    to what the lists say themselves. It is the caller's policy and is not saved with the store.
    """

    __slots__ = ("_holdings", "max_age")

    _holdings: Mapping[str, Holding]
    max_age: timedelta | None

    def __init__(
        self, lists: Iterable[RevocationList] = (), *, max_age: timedelta | None = None
    ) -> None:
        """A store of these lists, applied in their order."""
        holdings: dict[str, Holding] = {}
        for given in lists:
            holdings[given.source] = _applied(holdings.get(given.source), given, False)
        self._fill(holdings, max_age)

    def _fill(self, holdings: Mapping[str, Holding], max_age: timedelta | None) -> None:
        object.__setattr__(self, "_holdings", holdings)
        object.__setattr__(self, "max_age", max_age)

    @classmethod
    def _make(cls, holdings: Mapping[str, Holding], max_age: timedelta | None) -> RevocationStore:
        new = object.__new__(cls)
        new._fill(holdings, max_age)
        return new

    def apply(self, given: RevocationList, *, allow_older: bool = False) -> RevocationStore:
        """A store with this list: a complete one replaces what its source said before.

        A list that is older than what its source said last, by its date or its revision, raises
        RevocationListError (``list.rollback``), unless `allow_older` says that this is meant:
        replaying an old list is how a revocation is hidden. A change that was made for another
        revision than the one at hand raises it too (``list.inconsistent``).
        """
        before = self._holdings.get(given.source)
        after = _applied(before, given, allow_older)
        return self._make({**self._holdings, given.source: after}, self.max_age)

    def without(self, source: str) -> RevocationStore:
        """A store without this source; the same store where there is none of that name."""
        if source not in self._holdings:
            return self
        rest = {name: held for name, held in self._holdings.items() if name != source}
        return self._make(rest, self.max_age)

    def with_max_age(self, max_age: timedelta | None) -> RevocationStore:
        """The same data under another policy."""
        return self._make(self._holdings, max_age)

    def compact(self) -> RevocationStore:
        """The same data in as few tables as can be, for the quickest look-ups."""
        compacted = {name: held.compacted() for name, held in self._holdings.items()}
        return self._make(compacted, self.max_age)

    def status(self, envelope: Envelope, *, at: datetime) -> RevocationAnswer:
        """What is known of a pass at the moment `at`; ValueError for a time without a zone."""
        return self.status_of(hashes_of(envelope), envelope.kid, at=at)

    def status_of(self, hashes: PassHashes, kid: bytes | None, *, at: datetime) -> RevocationAnswer:
        """What is known of the pass with these hashes, signed with the key of this kid."""
        if at.tzinfo is None:
            raise ValueError("the moment of a check needs a time zone")
        now = at.timestamp()
        best: RevocationAnswer | None = None
        for holding in self._holdings.values():
            answer = holding.answer(hashes, kid, now, self.max_age)
            if answer is None:
                continue
            if answer.outcome is RevocationOutcome.REVOKED:
                return answer
            if best is None or (
                best.outcome is RevocationOutcome.NOT_REVOKED
                and answer.outcome is RevocationOutcome.UNKNOWN
            ):
                best = answer
        return best or _NO_DATA

    @property
    def sources(self) -> tuple[SourceSummary, ...]:
        """What the store holds, by source, in the order in which they came."""
        return tuple(
            SourceSummary(
                name,
                held.state.form,
                held.state.as_of,
                held.state.valid_until,
                held.state.signature,
                len(held.batches),
                held.hash_count,
                len(held.slices),
                held.state.gaps,
            )
            for name, held in self._holdings.items()
        )

    def __len__(self) -> int:
        """Whole hashes in the store; those in filters and prefix lists are not counted."""
        return sum(held.hash_count for held in self._holdings.values())

    def __bool__(self) -> bool:
        """Whether there is any source, be its list empty."""
        return bool(self._holdings)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the store to one file, whole or not at all, and synchronised to the disk.

        The file is checked when it is loaded; it is not signed, so it belongs where only the
        verifier's operator can write. Raises OSError.
        """
        target = Path(path)
        beside = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
        try:
            with beside.open("xb") as file:
                storefile.write(file, self._holdings.values())
                file.flush()
                os.fsync(file.fileno())
            beside.replace(target)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        *,
        max_age: timedelta | None = None,
        mapped: bool = False,
    ) -> RevocationStore:
        """The store that `save` wrote, its checksum checked over the whole file.

        `mapped` leaves the hashes in the file, from which the operating system fetches what is
        needed; the file must then not be changed in place while the store is in use (`save`
        replaces it instead). Raises RevocationListError for a file that is no intact store or of
        another version, and OSError.
        """
        with Path(path).open("rb") as file:
            if mapped and os.fstat(file.fileno()).st_size:
                data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
            else:
                data = memoryview(file.read())
        holdings = storefile.read(data)
        return cls._make({held.state.source: held for held in holdings}, max_age)

    def __repr__(self) -> str:
        return f"<RevocationStore of {len(self._holdings)} sources, {len(self)} hashes>"

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a RevocationStore does not change; apply and without make new ones")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("a RevocationStore does not change; apply and without make new ones")


def _applied(before: Holding | None, given: RevocationList, allow_older: bool) -> Holding:
    if before is None:
        return hold(given)
    last = before.state
    older = _less(given.as_of, last.as_of) or _less(given.revision, last.revision)
    if older and not allow_older:
        raise RevocationListError(
            "store", "rollback", f"the list of {given.source} is older than the one at hand"
        )
    if given.complete:
        return hold(given)
    if given.follows is not None and given.follows != last.revision:
        raise RevocationListError(
            "store", "inconsistent", f"the change of {given.source} is for another revision"
        )
    return before.applied(given)


def _less(one: Any, other: Any) -> bool:
    return one is not None and other is not None and one < other
