"""Registers: JSON lines, CSV or Parquet in, invitations and people to be looked at out.

A register is read as a stream, in chunks of whole people, by this process or by several. Histories
do not fill the memory: at most two chunks for each process are under way at once, and a chunk is
`CHUNK` bytes of lines, or 100,000 rows of a table (more only where one person has more). Of a
person only a hash of the identifier is kept, so that an identifier that repeats is seen (`_Seen`).

The forms:

- JSON lines: an object ``{"id", "history"}`` a line; `id` is a string or an integer, `history`
  follows ``schemas/history.schema.json``. ``"invitation": {"state", "dose"}`` says what the
  caller's records say. Other members are carried through.
- Tables (CSV, Parquet; extra ``bulk``) with a column ``history``, JSON as text: a row a person.
- Tables of events, with the columns of bulk work (``kind``, ``vaccination_date`` and so on): a row
  an event, the rows of a person following each other; a person without events has a row without
  ``kind``. ``birth_date``, ``groups``, ``sector``, ``invitation_state`` and ``invitation_dose`` are
  the person's and stand in each row, or in the first alone. ``groups`` is a list of words, or text
  with white space, commas or semicolons between them; ``none`` says that the person belongs to
  none, and an empty cell that nobody knows.

The person is named by ``id``, or by ``record`` where there is no ``id``. Columns that are not ours
are carried through, from the person's first row. A row, a history or an event that cannot be read
makes the person one to be looked at.
"""

from __future__ import annotations

import copyreg
import gc
import io
import multiprocessing
import multiprocessing.connection
import os
import pickle
import threading
from array import array
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from operator import lt
from pathlib import Path
from types import MappingProxyType
from typing import (
    IO,
    TYPE_CHECKING,
    Any,
    Final,
    Generic,
    NamedTuple,
    TypeVar,
)

from coronapas.programmes._invitations import Asker, Invitation
from coronapas.programmes._people import LONGEST, People, RegisterAnswer, unreadable
from coronapas.programmes._tables import closed, opened, whole_people

if TYPE_CHECKING:
    from coronapas.programmes._model import Programme

CHUNK: Final = 1_000_000
"""Bytes of lines that are worked on at once; a longer line is a chunk of its own."""

_T = TypeVar("_T")


class RegisterForm(StrEnum):
    """The forms of a register."""

    LINES = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"

    @classmethod
    def of(cls, path: str) -> RegisterForm:
        """Return the form that the ending of a file's name says; JSON lines by default."""
        ending = path.rpartition(".")[2].lower()
        return cls(ending) if ending in ("csv", "parquet") else cls.LINES


@dataclass(slots=True)
class RegisterRun(Generic[_T]):
    """A register that is gone through once, as an iterator; the numbers are those so far.

    `rows` are people, `unreadable` those of them who are to be looked at because their row, or
    their history, cannot be read, or because an earlier row has their identifier.
    """

    _answers: Iterator[_T] = field(repr=False)
    rows: int = 0
    invited: int = 0
    """How many invitations were given."""
    ambiguous: int = 0
    """How many people have readings with different answers."""
    unreadable: int = 0

    def __iter__(self) -> Iterator[_T]:
        return self

    def __next__(self) -> _T:
        return next(self._answers)


def invite_register(
    programme: Programme,
    source: str | Path | IO[bytes],
    on: date,
    *,
    since: date | None = None,
    form: RegisterForm | None = None,
    jobs: int = 1,
    then: Callable[[RegisterAnswer], _T] | None = None,
    advance: Callable[[int], object] | None = None,
) -> RegisterRun[Any]:
    """Say whom of a register to invite on a local day, and at whom somebody must look.

    The answers come in the register's order, `Invitation` or `ToLookAt`; others have none.

    Args:
        programme: Whose schedule decides.
        source: A file, or a binary stream.
        on: The local day.
        since: An earlier day; those who were to be invited on it already are left out.
        form: The form of the register; by default what the file's name says.
        jobs: How many processes work, at least 1. With more than 1 they are started anew, so that
            a script needs ``if __name__ == "__main__":``.
        then: Applied to each answer where it is found, in the working process; what it returns is
            what comes out. With several processes it must be picklable: a function of a module.
        advance: Called with the number of bytes of lines, or rows of a table, that were read.

    Raises:
        HistoryError: A table does not have the columns of a register, or cannot be read.
        MissingExtraError: A table is to be read and pyarrow is missing.
        ValueError: `jobs` is below 1.

    """
    if jobs < 1:
        raise ValueError("There must be at least one job.")
    if form is None:
        form = RegisterForm.of(str(source) if isinstance(source, str | Path) else "")
    work = _Work(programme, on, since, then)
    run: RegisterRun[Any] = RegisterRun(iter(()))
    run._answers = _run(run, work, source, form, jobs, advance or (lambda _: None))
    return run


def _run(
    run: RegisterRun[Any],
    work: _Work,
    source: str | Path | IO[bytes],
    form: RegisterForm,
    jobs: int,
    advance: Callable[[int], object],
) -> Iterator[Any]:
    with ExitStack() as stack:
        if isinstance(source, str | Path):
            stream: IO[bytes] = stack.enter_context(Path(source).open("rb"))
        else:
            stream = source
        chunks = _line_chunks(stream) if form is RegisterForm.LINES else _tables(stream, form)
        seen = _Seen()
        for done in _done(work, chunks, jobs, stack):
            again = seen.again(done.identifiers)
            found = _with_repeated(done, again, work.then) if again else done
            run.rows += len(found.identifiers)
            run.invited += found.kinds.count(_INVITED)
            run.ambiguous += found.kinds.count(_AMBIGUOUS)
            run.unreadable += found.kinds.count(_UNREADABLE)
            yield from found.answers
            advance(done.size)


_MOST_SLOTS: Final = 1 << 25


class _Seen:
    """The identifiers of a register so far, as hashes of 64 bits.

    Two of them share a hash in one of a million registers of the size of Denmark's. As long as each
    identifier is greater than the one before, none repeats, and the hashes are only kept, 8 bytes
    for each. After that they are in a table, 11 to 22 bytes for each, from 1 MiB on and 256 MiB at
    the most: of more than 25 million identifiers the first are kept.
    """

    def __init__(self) -> None:
        self._ascending = True
        self._greatest: str | int | None = None
        self._kept = array("q")
        self._table = array("q", bytes(8 << 17))
        self._count = 0

    def again(self, identifiers: list[str | int | None]) -> list[int]:
        """Return the places of the identifiers that were there before, and keep the others."""
        # The text tells 1 from "1".
        hashes = list(map(hash, map(repr, identifiers)))
        if self._ascending:
            self._ascending = self._ascends(identifiers)
            if self._ascending:
                self._kept.extend(hashes[: _MOST_SLOTS // 4 * 3 - len(self._kept)])
                return []
            self._add(self._kept)
            self._kept = array("q")
        return [place for place in self._add(hashes) if identifiers[place] is not None]

    def _ascends(self, identifiers: list[Any]) -> bool:
        """Return whether each identifier is greater than all before it."""
        former = [] if self._greatest is None else [self._greatest]
        chain = [*former, *identifiers]
        if chain:
            self._greatest = chain[-1]
        try:
            return all(map(lt, chain, chain[1:]))
        except TypeError:
            return False

    def _add(self, hashes: Sequence[int]) -> list[int]:
        """Add hashes to the table; return the places of those that were there before."""
        while (self._count + len(hashes)) * 4 > len(self._table) * 3:
            if len(self._table) >= _MOST_SLOTS:
                break
            former, self._table = self._table, array("q", bytes(16 * len(self._table)))
            self._put([each for each in former if each])
        again = self._put(hashes)
        self._count += len(hashes) - len(again)
        return again

    def _put(self, hashes: Sequence[int]) -> list[int]:
        table = self._table
        last = len(table) - 1
        full = self._count * 4 > len(table) * 3
        again = []
        # An empty place says 0.
        for place, each in enumerate(hashes):
            at = each & last
            while there := table[at]:
                if there == each:
                    again.append(place)
                    break
                at = at + 1 & last
            else:
                if not full:
                    table[at] = each
        return again


def _with_repeated(
    done: _Done, again: list[int], then: Callable[[RegisterAnswer], Any] | None
) -> _Done:
    """Return answers with those who were there before as people to be looked at."""
    text = "An earlier row of the register has the same id."
    answers = dict(zip(done.whose, zip(done.answers, done.kinds, strict=True), strict=True))
    for place in again:
        answer = unreadable(done.identifiers[place], done.lines[place], "register.repeated", text)
        answers[place] = (answer if then is None else then(answer), _UNREADABLE)
    whose = sorted(answers)
    return done._replace(
        answers=[answers[place][0] for place in whose],
        kinds=bytes([answers[place][1] for place in whose]),
        whose=whose,
    )


class _Chunk(NamedTuple):
    """Whole people: lines or a table; the place of the first row, from 1."""

    content: Any
    first: int
    size: int
    table: bool = False


class _Done(NamedTuple):
    answers: list[Any]
    kinds: bytes
    """What each answer is: `_INVITED`, `_AMBIGUOUS` or `_UNREADABLE`."""
    whose: list[int]
    """The place of each answer's person among those of the chunk."""
    identifiers: list[str | int | None]
    """The identifier of each person, None where it cannot be read."""
    lines: list[int]
    """The place of each person's first row in the register."""
    size: int


_INVITED, _AMBIGUOUS, _UNREADABLE = range(3)


# Processes


def _done(work: _Work, chunks: Iterator[_Chunk], jobs: int, stack: ExitStack) -> Iterator[_Done]:
    """Work on chunks, here or in processes that are started anew, in order."""
    if jobs == 1:
        worker = _Worker(work)
        yield from map(worker.done, chunks)
        return
    pool = ProcessPoolExecutor(
        jobs, multiprocessing.get_context("spawn"), _begin, (_pickled(work),)
    )
    stack.callback(pool.shutdown, cancel_futures=True)
    waiting: deque[Future[_Done]] = deque()
    for chunk in chunks:
        sent = chunk._replace(content=closed(chunk.content)) if chunk.table else chunk
        waiting.append(pool.submit(_go, sent))
        if len(waiting) >= 2 * jobs:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


_worker: list[_Worker] = []
"""The worker of this process, where it is one of a pool."""


def _begin(work: bytes) -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        # A pool whose parent was killed would wait for ever.
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()
    _worker[:] = [_Worker(pickle.loads(work))]  # noqa: S301 - from the parent
    # Answers are made by the hundred thousand and hold no circles: looking for some takes a tenth.
    gc.freeze()
    gc.set_threshold(1_000_000)


def _end_with(sentinel: int) -> None:
    multiprocessing.connection.wait([sentinel])
    os._exit(1)


def _go(chunk: _Chunk) -> _Done:
    opened_ = chunk._replace(content=opened(chunk.content)) if chunk.table else chunk
    return _worker[0].done(opened_)


def _pickled(work: _Work) -> bytes:
    """Pickle what a programme is made of, read-only mappings too."""
    content = io.BytesIO()
    pickler = pickle.Pickler(content)
    pickler.dispatch_table = copyreg.dispatch_table.copy()
    pickler.dispatch_table[MappingProxyType] = _reduced
    pickler.dump(work)
    return content.getvalue()


def _reduced(mapping: Mapping[Any, Any]) -> tuple[Any, ...]:
    return _read_only, (dict(mapping),)


def _read_only(members: dict[Any, Any]) -> Mapping[Any, Any]:
    return MappingProxyType(members)


class _Work(NamedTuple):
    """What is asked of every chunk."""

    programme: Programme
    on: date
    since: date | None
    then: Callable[[RegisterAnswer], Any] | None


class _Worker:
    """Answers for chunks, one after the other."""

    def __init__(self, work: _Work) -> None:
        self._then = work.then
        self._people = People(Asker(work.programme, work.on, since=work.since))

    def done(self, chunk: _Chunk) -> _Done:
        people = self._people
        work = people.of_table if chunk.table else people.of_lines
        whose, answers = work(chunk.content, chunk.first)
        kinds = bytes(map(_kind, answers))
        found = answers if self._then is None else list(map(self._then, answers))
        identifiers, lines = people.gone_through()
        return _Done(found, kinds, whose, identifiers, lines, chunk.size)


def _kind(answer: RegisterAnswer) -> int:
    if isinstance(answer, Invitation):
        return _INVITED
    return _AMBIGUOUS if answer.ambiguous else _UNREADABLE


# Lines


def _line_chunks(stream: IO[bytes]) -> Iterator[_Chunk]:
    """Cut a stream into chunks of whole lines; a line that is longer than any row is left out."""
    first = 1
    rest = b""
    while block := stream.read(CHUNK):
        lines = rest + block
        end = lines.rfind(b"\n") + 1
        rest = lines[end:]
        if end:
            content = lines[:end]
            yield _Chunk(content, first, end)
            first += content.count(b"\n")
        if len(rest) > LONGEST:
            size = len(rest)
            while block := stream.readline(CHUNK):
                size += len(block)
                if block.endswith(b"\n"):
                    break
            # The beginning is enough to see that it is too long.
            yield _Chunk(rest[: LONGEST + 1], first, size)
            first += 1
            rest = b""
    if rest:
        yield _Chunk(rest, first, len(rest))


def _tables(stream: IO[bytes], form: RegisterForm) -> Iterator[_Chunk]:
    """Cut a table into chunks of whole people."""
    first = 1
    for table in whole_people(stream, is_csv=form is RegisterForm.CSV):
        yield _Chunk(table, first, table.num_rows, table=True)
        first += table.num_rows
