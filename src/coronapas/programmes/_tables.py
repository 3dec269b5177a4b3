"""Tables of a register (CSV, Parquet), column by column; needs the extra ``bulk``.

What many rows state alike is found by Arrow, so that Python reads each different event, birth date
and list of groups once. pyarrow is imported where a table is read.
"""

from __future__ import annotations

import csv
import io
import re
from datetime import date
from functools import cache, cached_property
from importlib import import_module
from typing import IO, TYPE_CHECKING, Any, Final

from coronapas._json import Doubled
from coronapas.errors import Fault, HistoryError, MissingExtraError
from coronapas.facts._history import History
from coronapas.programmes._invitations import InvitationRecord, InvitationState
from coronapas.programmes._keys import EXACT, WAITS
from coronapas.programmes._reasons import SHORTEST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from coronapas.programmes._keys import JudgedDay, Terms

BLOCK: Final = 1_000_000
"""Bytes of CSV that are read at once; a row must fit."""

ROWS: Final = 100_000
"""Rows of Parquet that are read at once."""

_EVENT_COLUMNS: Final = {
    "vaccinations": {
        "vaccination_date": "date",
        "vaccination_product": "product",
        "vaccination_dose_number": "dose_number",
        "vaccination_doses": "doses",
    },
    "tests": {
        "test_kind": "kind",
        "test_sampled_at": "sampled_at",
        "test_result": "result",
    },
    "infections": {"recovery_first_positive": "first_positive"},
}
_KINDS: Final = {"vaccination": "vaccinations", "test": "tests", "recovery": "infections"}
_NUMBERS: Final = ("vaccination_dose_number", "vaccination_doses", "invitation_dose")
_CODED: Final = (
    "kind",
    *_EVENT_COLUMNS["vaccinations"],
    *("test_kind", "test_result"),
    *_EVENT_COLUMNS["infections"],
    "disease",
)
_PERSON: Final = ("birth_date", "groups", "sector", "invitation_state", "invitation_dose")
_TABLE: Final = frozenset(
    {
        *("id", "record", "history", "uvci", "test_sampled_at", "country"),
        *_CODED,
        *_PERSON,
        *("vaccination_vaccine", "vaccination_manufacturer", "vaccination_batch"),
        *("vaccination_place", "test_centre", "test_name", "test_device"),
        *("recovery_valid_from", "recovery_valid_until"),
    }
)
"""The columns that are ours; of some of them no schedule asks anything."""

_BETWEEN: Final = "\x1f"
"""Stands between words of a list where it is made a text."""
_SEPARATORS: Final = re.compile(r"[\s,;]+")
_DELIMITERS: Final = (",", ";", "\t")


@cache
def _arrow() -> Any:
    try:
        for name in ("compute", "csv", "parquet"):
            import_module(f"pyarrow.{name}")
        return import_module("pyarrow")
    except ImportError:
        raise MissingExtraError("bulk", "pyarrow") from None


def _fault(code: str, problem: str, hint: str, field: str = "") -> HistoryError:
    return HistoryError([Fault(field, code, problem, hint)])


def whole_people(stream: IO[bytes], *, is_csv: bool) -> Iterator[Any]:
    """Read a table and cut it into tables of whole people."""
    arrow = _arrow()
    rest = None
    try:
        for table in _csv(stream) if is_csv else _parquet(stream):
            _require_columns(table.schema.names)
            whole = table if rest is None else arrow.concat_tables([rest, table])
            whole = whole.combine_chunks()
            cut = _starts(whole)[-1] if whole.num_rows else 0
            if cut:
                yield whole.slice(0, cut)
            rest = whole.slice(cut)
    except arrow.ArrowException:
        hint = "Check its form, and the number of cells of each row."
        raise _fault("register.table", "The table cannot be read.", hint) from None
    if rest is not None and rest.num_rows:
        yield rest


def _require_columns(names: list[str]) -> None:
    if len({*names}) < len(names):
        raise _fault("register.columns", "A column stands twice.", "Leave one of them.")
    if not {"id", "record"} & {*names} or not {"history", "kind"} & {*names}:
        hint = "Give id or record; and history, or kind with the columns of events."
        raise _fault("register.columns", "The table does not have the columns of a register.", hint)


def _parquet(stream: IO[bytes]) -> Iterator[Any]:
    arrow = _arrow()
    file = _arrow().parquet.ParquetFile(stream if stream.seekable() else io.BytesIO(stream.read()))
    for batch in file.iter_batches(batch_size=ROWS, use_threads=False):
        yield arrow.Table.from_batches([batch])


def _csv(stream: IO[bytes]) -> Iterator[Any]:
    """Read every cell as text: one that is wrong must not end the reading of the others."""
    arrow = _arrow()
    try:
        header = stream.readline(BLOCK).decode("utf-8-sig")
    except UnicodeError:
        raise _fault("register.table", "The table is not UTF-8.", "Write it in UTF-8.") from None
    delimiter = max(_DELIMITERS, key=header.count)
    names = [name.strip() for name in next(csv.reader([header], delimiter=delimiter), [])]
    _require_columns(names)
    reading = _arrow().csv.ReadOptions(column_names=names, block_size=BLOCK, use_threads=False)
    parsing = _arrow().csv.ParseOptions(delimiter=delimiter, newlines_in_values=True)
    text = _arrow().csv.ConvertOptions(
        column_types={name: arrow.string() for name in names},
        strings_can_be_null=True,
        null_values=[""],
    )
    rest = stream.read(1)
    if not rest:
        return
    following: Any = _Following(rest, stream)
    for batch in _arrow().csv.open_csv(following, reading, parsing, text):
        yield arrow.Table.from_batches([batch])


class _Following(io.RawIOBase):
    """A stream of which some bytes were read already; it cannot go back."""

    def __init__(self, start: bytes, stream: IO[bytes]) -> None:
        self._start = start
        self._stream = stream

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        start, self._start = self._start, b""
        return start + self._stream.read(size - len(start) if size > 0 else size)


def closed(table: Any) -> bytes:
    """Return a table as an Arrow stream, so that it can go to another process."""
    sink = _arrow().BufferOutputStream()
    with _arrow().ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def opened(content: bytes) -> Any:
    """Return the table of an Arrow stream."""
    return _arrow().ipc.open_stream(content).read_all().combine_chunks()


def _identity(table: Any) -> Any:
    return _column(table, "id" if "id" in table.schema.names else "record")


def _column(table: Any, name: str) -> Any:
    """Return a column as one array, words of lists as one text, without dictionaries."""
    arrow = _arrow()
    column = table.column(name)
    array = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    if arrow.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if name == "groups" and (
        arrow.types.is_list(array.type) or arrow.types.is_large_list(array.type)
    ):
        array = _arrow().compute.binary_join(array.cast(arrow.list_(arrow.string())), _BETWEEN)
    return array


def _changes(column: Any) -> Any:
    """Return for each value but the first whether it differs from the one before; nulls do."""
    compute = _arrow().compute
    other = compute.not_equal(column.slice(1), column.slice(0, max(len(column) - 1, 0)))
    return compute.fill_null(other, True)


def _begins(column: Any) -> Any:
    """Return the places at which a value begins that may be repeated by those after it."""
    arrow = _arrow()
    found = arrow.compute.indices_nonzero(_changes(column)).cast(arrow.int64())
    first = arrow.array([0][: len(column)], arrow.int64())
    return arrow.concat_arrays([first, arrow.compute.add(found, 1)])


def _starts(table: Any) -> list[int]:
    """Return the places of the first row of each person."""
    found: list[int] = _begins(_identity(table)).to_pylist()
    return found


class Columns:
    """The columns of a table of whole people."""

    def __init__(self, table: Any) -> None:
        self._table = table
        names = table.schema.names
        self._names = frozenset(names)
        self._first = _begins(_identity(table))
        self.starts: list[int] = self._first.to_pylist()
        self.has_records = "invitation_state" in self._names
        self.has_identifiers = "uvci" in self._names
        self._carried = [name for name in names if name not in _TABLE]
        self.carries = bool(self._carried)
        self._moments: list[Any] | None = None
        self.births, self._born_at = self._coded("birth_date")
        groups, self._groups_at = self._coded("groups")
        self.groups = [self._words(text) for text in groups]
        self.born_at: list[int] = self._born_at.to_pylist()
        self.groups_at: list[int] = self._groups_at.to_pylist()
        self.names = [name for name in _CODED if name in self._names]
        """The columns that state events, but for the moments of tests."""

    def at(self) -> tuple[Any, Any]:
        """Return `born_at` and `groups_at` as columns."""
        return self._born_at, self._groups_at

    def persons(self) -> Any:
        """Return the place of the person of each row."""
        arrow = _arrow()
        changes = _changes(_identity(self._table)).cast(arrow.int64())
        first = arrow.array([0][: self._table.num_rows], arrow.int64())
        return arrow.compute.cumulative_sum(arrow.concat_arrays([first, changes]))

    def _coded(self, name: str) -> tuple[list[Any], Any]:
        """Return the values of a person's column, and for each person the place of theirs."""
        if name not in self._names:
            return [None], _equal(len(self.starts), 0)
        own = _column(self._table, name).take(self._first)
        coded = _arrow().compute.dictionary_encode(own, null_encoding="encode")
        return coded.dictionary.to_pylist(), coded.indices

    def _words(self, text: Any) -> tuple[str, ...] | None:
        """Return the words of a person's groups; None where they are unknown."""
        if not isinstance(text, str):
            return None
        types = _arrow().types
        kind = self._table.schema.field("groups").type
        if types.is_list(kind) or types.is_large_list(kind):
            return tuple(text.split(_BETWEEN)) if text else ()
        words = tuple(word for word in _SEPARATORS.split(text.strip()) if word)
        if not words:
            return None
        return () if words == ("none",) else words

    def events(self) -> tuple[Any, list[tuple[Any, ...]]]:
        """Return for each row the place of its event, and the different events.

        An event has a cell for each of `names`.
        """
        arrow = _arrow()
        compute = arrow.compute
        rows = _equal(self._table.num_rows, 0)
        different: list[tuple[Any, ...]] = [()]
        for name in self.names:
            column = _column(self._table, name)
            coded = compute.dictionary_encode(column, null_encoding="encode")
            values = coded.dictionary.to_pylist()
            size = len(values)
            if size == 1:
                different = [(*each, values[0]) for each in different]
                continue
            rows, both = _paired(rows, coded.indices, size)
            different = [(*different[each // size], values[each % size]) for each in both]
        return rows, different

    @cached_property
    def contradicting(self) -> frozenset[int]:
        """The places of the people whose rows say different things of the person."""
        compute = _arrow().compute
        if len(self.starts) == self._table.num_rows:
            return frozenset()
        person = self.persons()
        first = self._first.take(person)
        found: set[int] = set()
        for name in _PERSON:
            if name not in self._names:
                continue
            column = _column(self._table, name)
            stated = column.take(first)
            other = compute.fill_null(compute.not_equal(column, stated), True)
            wrong = compute.and_(other, compute.is_valid(column))
            found.update(person.filter(wrong).to_pylist())
        return frozenset(found)

    def identifiers(self, *, every: bool = False) -> list[str | int | None]:
        """Return the identifier of each person, or of every row; None where there is none."""
        column = _identity(self._table)
        values = (column if every else column.take(self._first)).to_pylist()
        if all(type(value) is str and value and not value.isspace() for value in values):
            return list(values)
        return [
            value if type(value) is int or (type(value) is str and value.strip()) else None
            for value in values
        ]

    def sampled_at(self, row: int) -> Any:
        """Return the moment of a test."""
        if self._moments is None:
            self._moments = [None] * self._table.num_rows
            if "test_sampled_at" in self._names:
                self._moments = _column(self._table, "test_sampled_at").to_pylist()
        return text_of(self._moments[row])

    def carried(self, row: int) -> dict[str, Any] | None:
        """Return what a row states beyond what is ours."""
        if not self._carried:
            return None
        return {name: text_of(cells[row]) for name, cells in self._theirs.items()}

    @cached_property
    def _theirs(self) -> dict[str, list[Any]]:
        return {name: self._table.column(name).to_pylist() for name in self._carried}

    def record(self, row: int) -> InvitationRecord | None:
        """Return the record of the invitation that a row states, or None.

        Raises HistoryError where it cannot be read.
        """
        return _record(self._at("invitation_state", row), self._at("invitation_dose", row))

    def records(self) -> tuple[dict[int, InvitationRecord], dict[int, HistoryError]]:
        """Return the record of each person's invitation that has one; and why one is unreadable."""
        if not self.has_records:
            return {}, {}
        states, state_at = self._coded("invitation_state")
        doses, dose_at = self._coded("invitation_dose")
        pairs = list(zip(state_at.to_pylist(), dose_at.to_pylist(), strict=True))
        known: dict[tuple[int, int], InvitationRecord] = {}
        odd: dict[tuple[int, int], HistoryError] = {}
        for state, dose in set(pairs):
            try:
                record = _record(_filled(states[state]), _filled(doses[dose]))
            except HistoryError as error:
                odd[state, dose] = error
            else:
                if record is not None:
                    known[state, dose] = record
        return (
            {place: known[pair] for place, pair in enumerate(pairs) if pair in known},
            {place: odd[pair] for place, pair in enumerate(pairs) if pair in odd},
        )

    def _at(self, name: str, row: int) -> Any:
        if name not in self._names:
            return None
        return _filled(self._table.column(name)[row].as_py())

    def history(self, rows: tuple[int, int]) -> History:
        """Return the history that the rows from one place up to another state."""
        start, end = rows
        document: dict[str, Any] = {}
        for name in ("birth_date", "sector", "groups"):
            if name not in self._names:
                continue
            column = _column(self._table.slice(start, end - start), name)
            stated = [value for value in dict.fromkeys(column.to_pylist()) if value is not None]
            if len(stated) > 1:
                problem = "The rows of the person contradict each other."
                hint = "State what is the person's once, or alike."
                raise HistoryError([Fault(name, "register.person", problem, hint)])
            if stated:
                value = self._words(stated[0]) if name == "groups" else text_of(stated[0])
                if name == "groups" and value is not None:
                    document[name] = list(value)
                elif value and value != "unknown":
                    document[name] = value
        for row in self._table.slice(start, end - start).to_pylist():
            event = event_of(row)
            for kind, statement in event.items():
                if isinstance(statement, dict):
                    if kind == "tests":
                        statement["sampled_at"] = text_of(row.get("test_sampled_at"))
                    if row.get("uvci"):
                        statement["uvci"] = row["uvci"]
                document.setdefault(kind, []).append(statement)
        return History.from_json(document)


_MOST_DOSES: Final = 8
"""The most doses of a person who is put together with others."""


class Alike:
    """People of a table, put together with those of whom every day says the same.

    Everybody is judged by one of those who are alike: the day of the last dose may be another, but
    the offers stand alike after it. Who is odd in any way is `alone`.

    Args:
        columns: The columns of the table.
        rows: For each row, the place of its event.
        events: The different events in numbers: a dose, the day of an infection, 0 for an event
            that does not count, and anything else for one that is to be read alone.
        births: The different birth dates, as `columns.births`; None for an odd one.
        groups: The different groups, as `columns.groups`; None for odd ones.
        days: The days that are asked about.

    """

    def __init__(
        self,
        columns: Columns,
        rows: Any,
        events: Sequence[Any],
        births: Sequence[int | None],
        groups: Sequence[frozenset[str] | None],
        days: Sequence[JudgedDay],
    ) -> None:
        arrow = _arrow()
        self._whole = arrow.int64()
        self._rows = rows
        self._events = events
        self._person = columns.persons()
        self._days = days
        count = len(columns.starts)
        self.alone = set(columns.contradicting)
        """The places of those who are asked about alone."""
        kinds = [
            1 if type(each) is tuple else 3 if type(each) is not int else 2 if each else 0
            for each in events
        ]
        self._kinds = arrow.array(kinds, arrow.int8()).take(rows)
        self.alone.update(self._of_kind(3)[0].to_pylist())
        born_at, groups_at = columns.at()
        born = self._numbers([each or 0 for each in births]).take(born_at)
        for odd, at in ((births, columns.born_at), (groups, columns.groups_at)):
            if None in odd:
                self.alone.update(place for place, each in enumerate(at) if odd[each] is None)
        steps, lasts = self._doses(born, count)
        waits = self._infections(born.to_pylist(), identified=columns.has_identifiers)
        kind = _equal(count, 0)
        for day, step, last, wait in zip(days, steps, lasts, waits, strict=True):
            first, later = day.pieces(births, 0), day.pieces(births, _least(last))
            late = arrow.compute.greater(last, 0)
            piece = arrow.compute.if_else(
                late, self._numbers(later).take(born_at), self._numbers(first).take(born_at)
            )
            named = self._numbers(day.numbers_of(groups)).take(groups_at)
            if day.one_wait:
                ahead = arrow.compute.greater(wait, last)
                wait = arrow.compute.if_else(ahead, wait, 0)
            exact = arrow.compute.or_(
                arrow.compute.greater_equal(piece, EXACT), arrow.compute.greater(wait, 0)
            )
            order = arrow.compute.if_else(exact, arrow.compute.add(last, EXACT), _orders(day, last))
            if day.waiters_alike:
                waits = arrow.compute.greater(wait, day.today)
                order, piece = (arrow.compute.if_else(waits, 0, each) for each in (order, piece))
                wait = arrow.compute.if_else(waits, WAITS, wait)
            for each in (step, order, piece, named, wait):
                kind = self._both(kind, each)
        self._kept = _places(count)
        if self.alone:
            alone = arrow.compute.is_in(self._kept, value_set=self._numbers(list(self.alone)))
            self._kept = self._kept.filter(arrow.compute.invert(alone))
        self._last = lasts[0].take(self._kept)
        self._kind, kinds = _paired(kind.take(self._kept), _equal(len(self._kept), 0), 1)
        pairs = zip(self._kept.to_pylist(), self._last.to_pylist(), strict=True)
        found = dict(zip(self._kind.to_pylist(), pairs, strict=True))
        self._examples = [found[number] for number in range(len(kinds))]

    def examples(self) -> list[int]:
        """Return a person of each kind."""
        return [place for place, _ in self._examples]

    def members(
        self, judged: Sequence[Terms | bool], dated: Callable[[Terms, int], Terms]
    ) -> tuple[list[int], list[Terms], list[int]]:
        """Return who is invited, to what, and who is to be asked about alone.

        Args:
            judged: The answer about the example of each kind; True if it is that person's alone.
            dated: Says to what somebody is invited whose last dose is of another day.

        """
        arrow = _arrow()
        compute = arrow.compute
        wanted = arrow.array([not isinstance(each, bool) for each in judged], arrow.bool_())
        unsure = arrow.array([each is True for each in judged], arrow.bool_())
        alone = [*self.alone, *self._kept.filter(unsure.take(self._kind)).to_pylist()]
        chosen = wanted.take(self._kind)
        kept, kind, last = (each.filter(chosen) for each in (self._kept, self._kind, self._last))
        if not len(kept):
            return [], [], alone
        size = compute.max(last).as_py() + 1
        pair, pairs = _paired(kind, last, size)
        terms = []
        for each in pairs:
            number, day = divmod(each, size)
            found = judged[number]
            if isinstance(found, bool):  # pragma: no cover - not chosen
                raise AssertionError
            terms.append(found if day == self._examples[number][1] else dated(found, day))
        return kept.to_pylist(), [terms[number] for number in pair.to_pylist()], alone

    def _numbers(self, values: Sequence[int]) -> Any:
        return _arrow().array(values, self._whole)

    def _both(self, first: Any, second: Any) -> Any:
        """Number what is alike in both of two columns of numbers, none of them below 0."""
        if not len(first):
            return first
        return _paired(first, second, _arrow().compute.max(second).as_py() + 1)[0]

    def _of_kind(self, kind: int) -> tuple[Any, Any]:
        """Return the person and the event of each row with a kind of event."""
        found = _arrow().compute.equal(self._kinds, kind)
        return self._person.filter(found), self._rows.filter(found)

    def _doses(self, born: Any, count: int) -> tuple[list[Any], list[Any]]:
        """Return for each day what everybody's doses come to, and the day of the last of them.

        Whose doses do not follow each other as they should is alone.
        """
        compute = _arrow().compute
        who, codes = self._of_kind(1)
        facts = [each if type(each) is tuple else _NO_DOSE for each in self._events]
        columns = [self._numbers(each).take(codes) for each in zip(*facts, strict=True)]
        begins = _begins(who)
        owner = who.take(begins)
        nobody = _equal(len(begins), 0)
        steps, lasts = [nobody] * len(self._days), [nobody] * len(self._days)
        if len(begins):
            ends = _arrow().concat_arrays([begins.slice(1), self._numbers([len(who)])])
            size = compute.subtract(ends, begins)
            self._note(owner, compute.greater(size, _MOST_DOSES))
            earliest = born.take(owner)
            booster = late = nobody
            for place in range(min(compute.max(size).as_py(), _MOST_DOSES)):
                there = compute.greater(size, place)
                at = compute.if_else(there, compute.add(begins, place), begins)
                day, rest, number, *next_ = (column.take(at) for column in columns)
                odd = compute.or_(compute.not_equal(number, place + 1), compute.less(day, earliest))
                self._note(owner, compute.and_(there, odd))
                earliest = compute.add(day, SHORTEST)
                step = compute.add(compute.multiply(rest, 4), 1)
                if place > 1:
                    gaps = [
                        compute.less_equal(each, day).cast(self._whole) for each in (booster, late)
                    ]
                    step = compute.add(step, compute.add(compute.multiply(gaps[0], 2), gaps[1]))
                booster, late = next_
                for number_, judged in enumerate(self._days):
                    counts = compute.and_(there, compute.less_equal(day, judged.today))
                    steps[number_] = self._both(steps[number_], compute.if_else(counts, step, 0))
                    lasts[number_] = compute.if_else(counts, day, lasts[number_])
        everybody = compute.index_in(_places(count), value_set=owner)
        return (
            [compute.fill_null(compute.add(each, 1).take(everybody), 0) for each in steps],
            [compute.fill_null(each.take(everybody), 0) for each in lasts],
        )

    def _note(self, people: Any, odd: Any) -> None:
        self.alone.update(people.filter(odd).to_pylist())

    def _infections(self, born: list[int], *, identified: bool) -> list[Any]:
        """Return for each day until when everybody waits after an infection, or 0.

        Who has several infections is alone where identifiers may join them.
        """
        people, codes = self._of_kind(2)
        found = [[0] * len(born) for _ in self._days]
        seen: set[int] = set()
        for person, code in zip(people.to_pylist(), codes.to_pylist(), strict=True):
            infected = self._events[code]
            if (
                infected < born[person]
                or any(day.by_infection for day in self._days)
                or (person in seen and identified)
            ):
                self.alone.add(person)
            seen.add(person)
            for day, waits in zip(self._days, found, strict=True):
                waits[person] = max(waits[person], day.wait_after(infected))
        return [self._numbers(waits) for waits in found]


_NO_DOSE: Final = (0, 0, 0, 0, 0)


def _orders(day: JudgedDay, lasts: Any) -> Any:
    """Return the order of each day of a last dose, 0 where there is none."""
    arrow = _arrow()
    coded = lasts.dictionary_encode()
    orders = [day.order(last) if last else 0 for last in coded.dictionary.to_pylist()]
    return arrow.array(orders, arrow.int64()).take(coded.indices)


def _least(lasts: Any) -> int:
    """Return the first of the days of last doses, or 0 where nobody has any."""
    compute = _arrow().compute
    return compute.min(lasts.filter(compute.greater(lasts, 0))).as_py() or 0


def event_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the event that a row states, as a member of a history; empty where there is none.

    What is filled that belongs to another kind of event stands as that kind too: nobody can know
    which is meant, and the history has a fault.
    """
    stated: dict[str, dict[str, Any]] = {}
    for kind, columns in _EVENT_COLUMNS.items():
        for name, member in columns.items():
            value = text_of(row.get(name))
            if value is None or value == "":
                continue
            stated.setdefault(kind, {})[member] = _number(value) if name in _NUMBERS else value
    kind_ = text_of(row.get("kind"))
    if not kind_ and not stated:
        return {}
    found: dict[str, Any] = {_KINDS.get(str(kind_), "vaccinations"): {}, **stated}
    if kind_ not in _KINDS:
        return {"vaccinations": {"kind": None}}
    if row.get("disease") is not None:
        found[_KINDS[kind_]] = {**found[_KINDS[kind_]], "disease": row["disease"]}
    if len(found) > 1:
        return {name: {**each, "kind_": None} for name, each in found.items()}
    return found


def _filled(value: Any) -> Any:
    """Return a cell as JSON has it, and None for an empty one."""
    value = text_of(value)
    return None if value == "" else value


def _record(state: Any, dose: Any) -> InvitationRecord | None:
    if state is None:
        return None
    found = record_of({"state": state} if dose is None else {"state": state, "dose": _number(dose)})
    if found is None:
        hint = "Give a state that is known, and a dose from 1 to 99."
        problem = "The invitation cannot be read."
        raise _fault("register.invitation", problem, hint, "invitation")
    return found


def record_of(value: Any) -> InvitationRecord | None:
    """Return the record of an invitation that a row states, or None where it cannot be read."""
    if not isinstance(value, dict) or isinstance(value, Doubled):
        return None
    if not {"state"} <= value.keys() <= {"state", "dose"}:
        return None
    try:
        state = InvitationState(value["state"])
    except ValueError:
        return None
    dose = value.get("dose")
    if dose is not None and (type(dose) is not int or not 1 <= dose <= 99):
        return None
    return InvitationRecord(state, dose)


def _equal(count: int, value: int) -> Any:
    """Return a column of equal numbers."""
    arrow = _arrow()
    return arrow.repeat(arrow.scalar(value, arrow.int64()), count)


def _places(count: int) -> Any:
    """Return the column of the numbers from 0."""
    compute = _arrow().compute
    return compute.subtract(compute.cumulative_sum(_equal(count, 1)), 1)


def _paired(first: Any, second: Any, size: int) -> tuple[Any, list[int]]:
    """Number the pairs of two columns of numbers, the second of them below `size`.

    Return the number of each row's pair, and each different pair as `first * size + second`.
    """
    arrow = _arrow()
    both = arrow.compute.add(
        arrow.compute.multiply(first, arrow.scalar(size, arrow.int64())),
        second.cast(arrow.int64()),
    ).dictionary_encode()
    return both.indices.cast(arrow.int64()), both.dictionary.to_pylist()


def text_of(value: Any) -> Any:
    """Return a cell as JSON has it: text without space around it, days and moments as text."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, date):
        return value.isoformat()
    return value


def _number(value: Any) -> Any:
    if isinstance(value, str) and value.isdecimal() and len(value) < 4:
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
