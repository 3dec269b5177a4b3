"""Tables of a register (CSV, Parquet), column by column; needs the extra ``bulk``.

What many rows state alike is found by Arrow, so that Python reads each different event, birth date
and list of groups once. pyarrow is imported where a table is read.
"""

from __future__ import annotations

import csv
import io
import re
from datetime import date
from functools import cache
from importlib import import_module
from typing import IO, TYPE_CHECKING, Any, Final

from coronapas.errors import Fault, HistoryError, MissingExtraError
from coronapas.facts._history import History
from coronapas.programmes._invitations import InvitationRecord, InvitationState

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

BLOCK: Final = 1_000_000
"""Bytes of CSV that are read at once; a row must fit."""

ROWS: Final = 50_000
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


def _fault(code: str, problem: str, hint: str) -> HistoryError:
    return HistoryError([Fault("", code, problem, hint)])


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


def _starts(table: Any) -> list[int]:
    """Return the places of the first row of each person."""
    arrow = _arrow()
    column = _identity(table)
    if not len(column):
        return []
    other = _arrow().compute.not_equal(column.slice(1), column.slice(0, len(column) - 1))
    changed = _arrow().compute.indices_nonzero(_arrow().compute.fill_null(other, True))
    found: list[int] = _arrow().compute.add(changed, arrow.scalar(1, changed.type)).to_pylist()
    return [0, *found]


class Columns:
    """The columns of a table of whole people."""

    def __init__(self, table: Any) -> None:
        self._table = table
        names = table.schema.names
        self._names = frozenset(names)
        self.starts = _starts(table)
        self._first = _arrow().array(self.starts, _arrow().int64())
        self.has_records = "invitation_state" in self._names
        self.has_identifiers = "uvci" in self._names
        self._carried = [name for name in names if name not in _TABLE]
        self.carries = bool(self._carried)
        self._moments: list[Any] | None = None
        texts, self.born_at = self._coded("birth_date")
        self.births = [None if text is None else _text(text) for text in texts]
        groups, self.groups_at = self._coded("groups")
        self.groups = [self._words(text) for text in groups]

    def _coded(self, name: str) -> tuple[list[Any], list[int]]:
        """Return the values of a person's column, and for each person the place of theirs."""
        if name not in self._names:
            return [None], [0] * len(self.starts)
        own = _column(self._table, name).take(self._first)
        coded = _arrow().compute.dictionary_encode(own, null_encoding="encode")
        return coded.dictionary.to_pylist(), coded.indices.to_pylist()

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

    def events(self) -> tuple[list[int], list[dict[str, Any]]]:
        """Return the different events, and for each row the place of its own.

        An event is a member of a history with its statement; empty where the row states none. The
        moment of a test is not part of it.
        """
        arrow = _arrow()
        rows: Any = arrow.array([0] * self._table.num_rows, arrow.int64())
        different: list[tuple[Any, ...]] = [()]
        names = [name for name in _CODED if name in self._names]
        for name in names:
            coded = _arrow().compute.dictionary_encode(
                _column(self._table, name), null_encoding="encode"
            )
            values = coded.dictionary.to_pylist()
            size = len(values)
            both = (
                _arrow()
                .compute.add(
                    _arrow().compute.multiply(rows, arrow.scalar(size, arrow.int64())),
                    coded.indices.cast(arrow.int64()),
                )
                .dictionary_encode()
            )
            different = [
                (*different[each // size], values[each % size])
                for each in both.dictionary.to_pylist()
            ]
            rows = both.indices.cast(arrow.int64())
        found = [_event_of(dict(zip(names, each, strict=True))) for each in different]
        return rows.to_pylist(), found

    def contradicting(self) -> set[int]:
        """Return the places of the people whose rows say different things of the person."""
        arrow = _arrow()
        count = self._table.num_rows
        if len(self.starts) == count:
            return set()
        marks = [0] * count
        for start in self.starts:
            marks[start] = 1
        person = _arrow().compute.subtract(
            _arrow().compute.cumulative_sum(arrow.array(marks, arrow.int64())), arrow.scalar(1)
        )
        first = self._first.take(person)
        found: set[int] = set()
        for name in _PERSON:
            if name not in self._names:
                continue
            column = _column(self._table, name)
            stated = column.take(first)
            other = _arrow().compute.fill_null(_arrow().compute.not_equal(column, stated), True)
            wrong = _arrow().compute.and_(other, _arrow().compute.is_valid(column))
            found.update(person.filter(wrong).to_pylist())
        return found

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
        return _text(self._moments[row])

    def carried(self, row: int) -> dict[str, Any] | None:
        """Return what a row states beyond what is ours."""
        if not self._carried:
            return None
        return {name: _text(self._table.column(name)[row].as_py()) for name in self._carried}

    def record(self, row: int) -> InvitationRecord | None:
        """Return the record of the invitation that a row states, or None.

        Raises HistoryError where it cannot be read.
        """
        state = self._at("invitation_state", row)
        if state is None:
            return None
        value = {"state": state}
        dose = self._at("invitation_dose", row)
        if dose is not None:
            value["dose"] = _number(dose)
        found = record_of(value)
        if found is None:
            hint = "Give a state that is known, and a dose from 1 to 99."
            fault = Fault(
                "invitation", "register.invitation", "The invitation cannot be read.", hint
            )
            raise HistoryError([fault])
        return found

    def _at(self, name: str, row: int) -> Any:
        if name not in self._names:
            return None
        value = _text(self._table.column(name)[row].as_py())
        return None if value is None or value == "" else value

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
                value = self._words(stated[0]) if name == "groups" else _text(stated[0])
                if name == "groups" and value is not None:
                    document[name] = list(value)
                elif value and value != "unknown":
                    document[name] = value
        for row in self._table.slice(start, end - start).to_pylist():
            event = _event_of(row)
            for kind, statement in event.items():
                if isinstance(statement, dict):
                    if kind == "tests":
                        statement["sampled_at"] = _text(row.get("test_sampled_at"))
                    if row.get("uvci"):
                        statement["uvci"] = row["uvci"]
                document.setdefault(kind, []).append(statement)
        return History.from_json(document)


def _event_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the event that a row states, as a member of a history; empty where there is none.

    What is filled that belongs to another kind of event stands as that kind too: nobody can know
    which is meant, and the history has a fault.
    """
    stated: dict[str, dict[str, Any]] = {}
    for kind, columns in _EVENT_COLUMNS.items():
        for name, member in columns.items():
            value = _text(row.get(name))
            if value is None or value == "":
                continue
            stated.setdefault(kind, {})[member] = _number(value) if name in _NUMBERS else value
    kind_ = _text(row.get("kind"))
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


def record_of(value: Any) -> InvitationRecord | None:
    """Return the record of an invitation that a row states, or None where it cannot be read."""
    if not isinstance(value, dict) or not {"state"} <= value.keys() <= {"state", "dose"}:
        return None
    try:
        state = InvitationState(value["state"])
    except ValueError:
        return None
    dose = value.get("dose")
    if dose is not None and (type(dose) is not int or not 1 <= dose <= 99):
        return None
    return InvitationRecord(state, dose)


def _text(value: Any) -> Any:
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
