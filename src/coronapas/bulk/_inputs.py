"""Input files cut into parts that are numbered for good, and the rows of a part.

Parquet is cut by rows. CSV (UTF-8, RFC 4180, with a header; comma, semicolon or tab) and JSON lines
are cut where a row ends, so that a part can be read without what is before it. Every cell of CSV is
text: one that cannot be converted is a fault of its row alone. So is a row with another number of
cells, or with a quotation mark that is never closed: the next line is read as a row of its own.

Two stray quotation marks must not swallow the rows between them. So a cell goes over a line break
only where its row then has the right number of cells, and no line of it looks like a row by itself.

Planning reads each file once. It counts the rows, computes the digest by which a resumed run knows
its input again, and finds the rows whose record or identifier occurs more than once: all of them
are refused, as nobody can know which one is meant.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from array import array
from collections import Counter
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from coronapas import _json
from coronapas.bulk._columns import Trouble, check_columns, readable, texts_of
from coronapas.errors import BulkError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import BinaryIO


BATCH: Final = 5_000
"""The most rows that are in memory as Python values at a time."""

LARGEST_PART: Final = 50_000
SMALLEST_PART: Final = 2_000
_PARTS: Final = 32
_STEP: Final = 500
MAX_LINE: Final = 1024 * 1024
"""The longest line of CSV or JSON lines, in bytes, inclusive."""

MAX_REPEATED: Final = 1_000_000
"""The most rows that may repeat a record or an identifier before the input is refused."""

_CHUNK: Final = 1024 * 1024
_LINES_OF_A_ROW: Final = 50
_WIDE: Final = 4
"""From so many columns on, a line with as many cells as the header is no part of a cell."""
_BUCKETS: Final = 64
_REPEATED: Final = {"record": "record.repeated", "uvci": "uvci.repeated"}
"""The columns of which no value may occur twice, and the codes of those that do."""
_DELIMITERS: Final = (",", ";", "\t")
_MARK: Final = b"\xef\xbb\xbf"
_TEXT: Final = pa.string()


class InputForm(StrEnum):
    """The form of an input file."""

    PARQUET = "parquet"
    CSV = "csv"
    LINES = "jsonl"
    """JSON lines: an object a line."""
    TEXT = "txt"
    """An identifier (``uvci``) a line; what begins with # counts for nothing."""


@dataclass(frozen=True, slots=True)
class Input:
    """One input file as it was when the run was planned.

    Attributes:
        path: Where it is.
        form: Its form.
        rows: How many rows it has.
        size: Its size in bytes.
        sha256: Its digest, hexadecimal.

    """

    path: str
    form: InputForm
    rows: int
    size: int
    sha256: str

    def to_json(self) -> dict[str, Any]:
        """Return the file as the manifest states it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Part:
    """Some rows of one input file.

    Attributes:
        number: The part's number, from 0; it never changes.
        path: The input file.
        form: Its form.
        first: The place of the part's first row in the file, from 0.
        rows: How many rows the part has.
        start: The first byte of the part; 0 for Parquet.
        stop: The first byte behind it; 0 for Parquet.
        names: The columns of CSV, in their order.
        delimiter: What separates the columns of CSV.
        repeated: The rows that are refused as repeated, by their places in the file, each with the
            columns that repeat.

    """

    number: int
    path: str
    form: InputForm
    first: int
    rows: int
    start: int = 0
    stop: int = 0
    names: tuple[str, ...] = ()
    delimiter: str = ","
    repeated: tuple[tuple[int, tuple[str, ...]], ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Plan:
    """The parts of a run.

    Attributes:
        inputs: The input files.
        parts: The parts, by their numbers.
        columns: The columns that the work reads.
        rows_of_a_part: The most rows of a part.
        others: Whether columns that `columns` does not have are let be.

    """

    inputs: tuple[Input, ...]
    parts: tuple[Part, ...] = field(repr=False)
    columns: pa.Schema = field(repr=False)
    rows_of_a_part: int
    others: bool = False

    @property
    def records(self) -> int:
        """How many rows all inputs have together."""
        return sum(each.rows for each in self.inputs)


class Chunk(NamedTuple):
    """Some rows of a part: a batch, the places of its rows, and the rows that are not in it.

    Places are counted from 0 in the file. A broken row has its record, where that could be read,
    and its faults.
    """

    batch: pa.RecordBatch
    places: Sequence[int]
    broken: Sequence[tuple[int, str | None, Trouble]]


def form_of(path: str | os.PathLike[str]) -> InputForm:
    """Return the form of a file by the ending of its name.

    Raises:
        BulkError: The ending is of no known form.

    """
    ending = Path(path).suffix.lower()
    for form, endings in (
        (InputForm.PARQUET, (".parquet", ".pq")),
        (InputForm.CSV, (".csv", ".tsv")),
        (InputForm.LINES, (".jsonl", ".ndjson")),
        (InputForm.TEXT, (".txt",)),
    ):
        if ending in endings:
            return form
    raise BulkError(
        "bulk.form", f"{Path(path).name}: the name must end in .parquet, .csv, .jsonl or .txt"
    )


def plan(
    inputs: Iterable[str | os.PathLike[str]],
    columns: pa.Schema,
    *,
    rows: int | None = None,
    others: bool = False,
) -> Plan:
    """Read input files once, and cut them into parts.

    Args:
        inputs: The files, in the order in which their parts are numbered.
        columns: The columns that the work reads; those that are not nullable must be there.
        rows: The most rows of a part; by default it follows from the number of rows, from 2,000 to
            50,000.
        others: Whether columns that `columns` does not have are let be.

    Raises:
        BulkError: A file cannot be read, or lacks a column.
        OSError: A file is not there.

    """
    paths = [Path(path) for path in inputs]
    if not paths:
        raise BulkError("bulk.input", "there must be at least one input file")
    if rows is not None and rows < 1:
        raise ValueError("a part must have at least one row")
    found: list[tuple[Input, _Cuts]] = []
    wanted = [column.name for column in columns if b"unique" in (column.metadata or {})]
    with tempfile.TemporaryDirectory(prefix="coronapas-") as folder, ExitStack() as stack:
        seen = {name: stack.enter_context(_Seen(Path(folder), name)) for name in wanted}
        for path in paths:
            form = form_of(path)
            size, digest = _digest(path)
            cuts = _SCANNERS[form](path, columns, others, seen, rows or _STEP)
            found.append((Input(str(path), form, cuts.rows, size, digest), cuts))
        total = sum(each.rows for each, _ in found)
        usual = -(-total // _PARTS // _STEP) * _STEP
        most = rows or min(max(usual, SMALLEST_PART), LARGEST_PART)
        repeated = _repeated(found, columns, seen, others=others)
    parts: list[Part] = []
    for place, (each, cuts) in enumerate(found):
        refused = iter(sorted(repeated.get(place, {}).items()))
        ahead = next(refused, None)
        for first in range(0, each.rows, most):
            count = min(most, each.rows - first)
            own = []
            while ahead is not None and ahead[0] < first + count:
                own.append(ahead)
                ahead = next(refused, None)
            start, stop = cuts.bytes_of(first, first + count)
            parts.append(
                Part(
                    len(parts),
                    each.path,
                    each.form,
                    first,
                    count,
                    start,
                    stop,
                    cuts.names,
                    cuts.delimiter,
                    tuple(own),
                )
            )
    return Plan(tuple(each for each, _ in found), tuple(parts), columns, most, others)


def chunks(part: Part, columns: pa.Schema, *, others: bool = False) -> Iterator[Chunk]:
    """Yield the rows of a part in their order, in batches of at most `BATCH` rows.

    Raises:
        BulkError: The file has changed since it was planned.

    """
    count = 0
    for chunk in _READERS[part.form](part, columns, others):
        count += len(chunk.places) + len(chunk.broken)
        yield _without_repeated(chunk, dict(part.repeated)) if part.repeated else chunk
    if count != part.rows:
        raise BulkError(
            "bulk.input", f"{Path(part.path).name}: it has changed since it was planned"
        )


def _without_repeated(chunk: Chunk, repeated: dict[int, tuple[str, ...]]) -> Chunk:
    keep = [index for index, place in enumerate(chunk.places) if place not in repeated]
    if len(keep) == len(chunk.places):
        return chunk
    names = chunk.batch.schema.names
    records: list[Any] = [None] * len(chunk.places)
    if "record" in names:
        column, _ = readable(chunk.batch.column(names.index("record")))
        records = column.to_pylist()
    refused = [
        (
            place,
            None if records[index] is None else str(records[index]),
            tuple((name, _REPEATED[name]) for name in repeated[place]),
        )
        for index, place in enumerate(chunk.places)
        if place in repeated
    ]
    batch = chunk.batch.take(pa.array(keep, pa.int64()))
    broken = sorted((*chunk.broken, *refused), key=lambda row: row[0])
    return Chunk(batch, [chunk.places[index] for index in keep], broken)


def _digest(path: Path) -> tuple[int, str]:
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            return file.tell(), digest
    except IsADirectoryError:
        raise BulkError("bulk.input", f"{path.name}: it is a folder, not a file") from None


# What repeats. Of each value eight bytes of a hash go to one of several files by their beginning,
# so that memory stays small whatever the number of rows; values of one hash are then compared.


class _Seen:
    """The values of one column that must not repeat; closes its files where it ends."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self._files: list[BinaryIO] = [
            (folder / f"{name}-{number}").open("w+b") for number in range(_BUCKETS)
        ]

    def __enter__(self) -> _Seen:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files:
            file.close()

    def add(self, values: Iterable[str | None]) -> None:
        """Take the values of some rows."""
        files = self._files
        for value in values:
            if value is not None:
                short = _short(value)
                files[short[0] % _BUCKETS].write(short)

    def repeated(self) -> set[bytes]:
        """Return the hashes that occur more than once."""
        found: set[bytes] = set()
        for file in self._files:
            file.seek(0)
            content = file.read()
            once: set[bytes] = set()
            for start in range(0, len(content), 8):
                short = content[start : start + 8]
                if short in once:
                    found.add(short)
                once.add(short)
            if len(found) > MAX_REPEATED:
                raise _too_many(self.name)
        return found


def _too_many(name: str) -> BulkError:
    return BulkError("bulk.repeated", f"more than {MAX_REPEATED:,} rows repeat a value of {name}")


def _short(value: str) -> bytes:
    return hashlib.blake2b(value.encode("utf-8", "surrogatepass"), digest_size=8).digest()


def _repeated(
    found: Sequence[tuple[Input, _Cuts]],
    columns: pa.Schema,
    seen: dict[str, _Seen],
    *,
    others: bool,
) -> dict[int, dict[int, tuple[str, ...]]]:
    """Return the rows that repeat a value: by input and place, the columns that repeat."""
    rows: dict[int, dict[int, tuple[str, ...]]] = {}
    for name, each in seen.items():
        hashes = each.repeated()
        if not hashes:
            continue
        counts: Counter[str] = Counter()
        places: dict[str, list[tuple[int, int]]] = {}
        for index, (given, cuts) in enumerate(found):
            whole = Part(
                0,
                given.path,
                given.form,
                0,
                given.rows,
                *cuts.bytes_of(0, given.rows),
                cuts.names,
                cuts.delimiter,
            )
            for chunk in _READERS[given.form](whole, columns, others):
                for place, value in zip(chunk.places, texts_of(chunk.batch, name), strict=True):
                    if value is not None and _short(value) in hashes:
                        counts[value] += 1
                        places.setdefault(value, []).append((index, place))
        repeated = [value for value, count in counts.items() if count > 1]
        if sum(counts[value] for value in repeated) > MAX_REPEATED:
            raise _too_many(name)
        for value in repeated:
            for index, place in places[value]:
                own = rows.setdefault(index, {})
                own[place] = (*own.get(place, ()), name)
    return rows


# Scanning a file: how many rows, and where in it.


class _Cuts:
    """Where the rows of a file are: the byte at which every so many rows begin."""

    def __init__(self, step: int, names: tuple[str, ...] = (), delimiter: str = ",") -> None:
        self.rows = 0
        self.names = names
        self.delimiter = delimiter
        self.end = 0
        self._step = step
        self._marks = array("Q")

    def add(self, offset: int) -> None:
        """Count a row that begins at a byte of the file."""
        if self.rows % self._step == 0:
            self._marks.append(offset)
        self.rows += 1

    def bytes_of(self, first: int, last: int) -> tuple[int, int]:
        """Return where rows begin, and where they end; both are multiples of the step, or all."""
        if not self._marks:
            return 0, 0
        stop = self.end if last >= self.rows else self._marks[last // self._step]
        return self._marks[first // self._step], stop


_SeenColumns = dict[str, _Seen]


def _scan_parquet(
    path: Path, columns: pa.Schema, others: bool, seen: _SeenColumns, step: int
) -> _Cuts:
    with _parquet(path) as file:
        check_columns(columns, file.schema_arrow, path.name, others=others)
        cuts = _Cuts(step)
        cuts.rows = file.metadata.num_rows
        names = [name for name in seen if name in file.schema_arrow.names]
        if names:
            for batch in file.iter_batches(_CHUNK // 16, columns=names):
                _note(seen, batch)
    return cuts


def _scan_table(
    path: Path, columns: pa.Schema, others: bool, seen: _SeenColumns, step: int
) -> _Cuts:
    with path.open("rb") as file:
        names, delimiter = _header(file, path.name)
        given = pa.schema([pa.field(name, _TEXT) for name in names])
        check_columns(columns, given, path.name, others=others)
        cuts = _Cuts(step, names, delimiter)
        cuts.end = os.fstat(file.fileno()).st_size
        indices = [(each, names.index(name)) for name, each in seen.items() if name in names]
        for offset, cells in _table_rows(file, cuts.end, delimiter, len(names)):
            cuts.add(offset)
            if not isinstance(cells, str) and len(cells) == len(names):
                for each, index in indices:
                    each.add((cells[index].strip() or None,))
    return cuts


def _scan_lines(
    path: Path, columns: pa.Schema, others: bool, seen: _SeenColumns, step: int
) -> _Cuts:
    cuts = _Cuts(step)
    with path.open("rb") as file:
        cuts.end = os.fstat(file.fileno()).st_size
        for offset, line in _lines(file, 0, cuts.end):
            cuts.add(offset)
            if seen:
                cells, _ = _object_cells(line, columns, others)
                for name, each in seen.items():
                    value = cells.get(name)
                    each.add(((value.strip() or None) if isinstance(value, str) else None,))
    return cuts


def _scan_text(
    path: Path, columns: pa.Schema, others: bool, seen: _SeenColumns, step: int
) -> _Cuts:
    given = pa.schema([pa.field("uvci", _TEXT)])
    check_columns(columns, given, path.name, others=others)
    cuts = _Cuts(step)
    with path.open("rb") as file:
        cuts.end = os.fstat(file.fileno()).st_size
        for offset, line in _text_lines(file, 0, cuts.end):
            cuts.add(offset)
            for name, each in seen.items():
                each.add((_identifier(line) if name == "uvci" else None,))
    return cuts


def _note(seen: _SeenColumns, batch: pa.RecordBatch) -> None:
    for name, each in seen.items():
        each.add(texts_of(batch, name))


# Reading a part.


@contextmanager
def _parquet(path: str | os.PathLike[str]) -> Iterator[pq.ParquetFile]:
    """Open a Parquet file so that little more of it than a batch is in memory."""
    try:
        with pq.ParquetFile(path, buffer_size=_CHUNK, pre_buffer=False) as file:
            yield file
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        raise BulkError("bulk.input", f"{Path(path).name}: it cannot be read as Parquet") from error


def _parquet_chunks(part: Part, columns: pa.Schema, others: bool) -> Iterator[Chunk]:
    last = part.first + part.rows
    with _parquet(part.path) as file:
        groups, begin, first = [], 0, None
        for group in range(file.num_row_groups):
            end = begin + file.metadata.row_group(group).num_rows
            if begin < last and end > part.first:
                groups.append(group)
                first = begin if first is None else first
            begin = end
        place = first or 0
        names = [name for name in file.schema_arrow.names if name in columns.names]
        for batch in file.iter_batches(BATCH, row_groups=groups, columns=names):
            low = max(part.first - place, 0)
            high = min(last - place, len(batch))
            if low < high:
                yield Chunk(batch.slice(low, high - low), range(place + low, place + high), ())
            place += len(batch)
            if place >= last:
                return


def _table_chunks(part: Part, columns: pa.Schema, others: bool) -> Iterator[Chunk]:
    wanted = [(index, name) for index, name in enumerate(part.names) if name in columns.names]
    schema = pa.schema([pa.field(name, _TEXT) for _, name in wanted])
    with Path(part.path).open("rb") as file:
        file.seek(part.start)
        rows = _table_rows(file, part.stop, part.delimiter, len(part.names))
        place = part.first
        while taken := list(islice(rows, BATCH)):
            good: list[list[str]] = []
            places: list[int] = []
            broken: list[tuple[int, str | None, Trouble]] = []
            for _, cells in taken:
                if isinstance(cells, str):
                    broken.append((place, None, (("", cells),)))
                elif len(cells) != len(part.names):
                    broken.append((place, None, (("", "csv.cells"),)))
                else:
                    good.append(cells)
                    places.append(place)
                place += 1
            arrays = [pa.array([cells[index] for cells in good], _TEXT) for index, _ in wanted]
            yield Chunk(pa.record_batch(arrays, schema=schema), places, broken)


def _line_chunks(part: Part, columns: pa.Schema, others: bool) -> Iterator[Chunk]:
    schema = pa.schema(
        [
            pa.field(column.name, column.type if pa.types.is_list(column.type) else _TEXT)
            for column in columns
        ]
    )
    with Path(part.path).open("rb") as file:
        file.seek(part.start)
        rows = _lines(file, part.start, part.stop)
        place = part.first
        while taken := list(islice(rows, BATCH)):
            good: list[dict[str, Any]] = []
            places: list[int] = []
            broken: list[tuple[int, str | None, Trouble]] = []
            for _, line in taken:
                cells, troubles = _object_cells(line, columns, others)
                if troubles:
                    broken.append((place, cells.get("record"), troubles))
                else:
                    good.append(cells)
                    places.append(place)
                place += 1
            arrays = [
                pa.array([cells.get(each.name) for cells in good], each.type) for each in schema
            ]
            yield Chunk(pa.record_batch(arrays, schema=schema), places, broken)


def _text_chunks(part: Part, columns: pa.Schema, others: bool) -> Iterator[Chunk]:
    schema = pa.schema([pa.field("uvci", _TEXT)])
    with Path(part.path).open("rb") as file:
        file.seek(part.start)
        rows = _text_lines(file, part.start, part.stop)
        place = part.first
        while taken := [_identifier(line) for _, line in islice(rows, BATCH)]:
            batch = pa.record_batch([pa.array(taken, _TEXT)], schema=schema)
            yield Chunk(batch, range(place, place + len(taken)), ())
            place += len(taken)


def _text_lines(file: BinaryIO, start: int, stop: int) -> Iterator[tuple[int, bytes]]:
    return ((at, line) for at, line in _lines(file, start, stop) if line.lstrip()[:1] != b"#")


def _identifier(line: bytes) -> str:
    return line.decode("utf-8", "replace").strip()


_SCANNERS: Final = {
    InputForm.PARQUET: _scan_parquet,
    InputForm.CSV: _scan_table,
    InputForm.LINES: _scan_lines,
    InputForm.TEXT: _scan_text,
}
_READERS: Final = {
    InputForm.PARQUET: _parquet_chunks,
    InputForm.CSV: _table_chunks,
    InputForm.LINES: _line_chunks,
    InputForm.TEXT: _text_chunks,
}


# JSON lines


def _lines(file: BinaryIO, start: int, stop: int) -> Iterator[tuple[int, bytes]]:
    """Yield the lines that are not blank, each with its first byte; of a long one its beginning."""
    offset = start
    while offset < stop and (line := file.readline(MAX_LINE + 1)):
        begin, end = offset, line
        offset += len(line)
        while len(end) > MAX_LINE and not end.endswith(b"\n"):
            end = file.readline(MAX_LINE + 1)
            offset += len(end)
        if begin == 0:
            line = line.removeprefix(_MARK)
        if line.strip():
            yield begin, line


def _object_cells(line: bytes, columns: pa.Schema, others: bool) -> tuple[dict[str, Any], Trouble]:
    """Return the members of an object as the text of columns, and what is wrong with its form."""
    try:
        value = _json.load(line, limit=MAX_LINE, keep_doubled=True)
    except _json.JsonError:
        return {}, (("", "json.malformed"),)
    if not isinstance(value, dict):
        return {}, (("", "json.type"),)
    cells: dict[str, Any] = {}
    troubles: list[tuple[str, str]] = []
    if isinstance(value, _json.Doubled):
        troubles.append(("", "json.repeated-field"))
    for name, member in value.items():
        if name not in columns.names:
            if not others:
                troubles.append(("", "json.unknown-field"))
        elif member is not None:
            cells[name] = _cell(columns.field(name), member)
            if cells[name] is None:
                troubles.append((name, "json.type"))
    return cells, tuple(dict.fromkeys(troubles))


def _cell(wanted: pa.Field, member: Any) -> Any:
    """Return a member of JSON as the text of a column; None where it is of another type."""
    if pa.types.is_list(wanted.type):
        good = isinstance(member, list) and all(isinstance(each, str) for each in member)
        return member if good else None
    if isinstance(member, str):
        return member
    if wanted.metadata is not None and b"json" in wanted.metadata:
        return json.dumps(member) if isinstance(member, dict) else None
    if wanted.name == "record" or pa.types.is_integer(wanted.type):
        number = _json.whole_number(member)
        return None if number is None else str(number)
    return None


# CSV


def _header(file: BinaryIO, name: str) -> tuple[tuple[str, ...], str]:
    """Read the first line: the names of the columns, and what separates them."""
    line = file.readline(MAX_LINE + 1).removeprefix(_MARK)
    try:
        text = line.decode()
    except UnicodeDecodeError:
        raise BulkError("bulk.columns", f"{name}: it must be a table in UTF-8") from None
    delimiter = max(_DELIMITERS, key=text.count)
    cells = _cells(text, delimiter)
    if not text.strip() or not isinstance(cells, list) or not line.endswith(b"\n"):
        raise BulkError("bulk.columns", f"{name}: the first line must name the columns")
    return tuple(cell.strip() for cell in cells), delimiter


def _table_rows(
    file: BinaryIO, stop: int, delimiter: str, width: int
) -> Iterator[tuple[int, list[str] | str]]:
    """Yield the rows up to a byte, each with its first byte: its cells, or the code of a fault.

    A row that goes over several lines has `width` cells, as the header has.
    """
    lines = _lines(file, file.tell(), stop)
    ahead: list[tuple[int, bytes]] = []
    while True:
        found = ahead.pop() if ahead else next(lines, None)
        if found is None:
            return
        offset, line = found
        cells = _row_of(line, delimiter)
        if cells is not None:
            yield offset, cells
            continue
        # A cell holds a line break, or a quotation mark is never closed.
        taken: list[tuple[int, bytes]] = []
        # What follows a line break in the first cell has as many cells as a row, and its quote.
        first = _row_of(line.rstrip(b"\r\n") + b'"', delimiter)
        quoted = isinstance(first, list) and len(first) == 1
        while cells is None and len(taken) < _LINES_OF_A_ROW:
            more = ahead.pop() if ahead else next(lines, None)
            if more is None:
                break
            taken.append(more)
            if not (quoted and b'"' in more[1]) and _is_row(more[1], delimiter, width):
                break
            line += more[1]
            cells = _row_of(line, delimiter) if len(line) <= MAX_LINE else "csv.malformed"
        if isinstance(cells, list) and len(cells) == width:
            yield offset, cells
        else:
            ahead += reversed(taken)
            yield offset, "csv.malformed"


def _is_row(line: bytes, delimiter: str, width: int) -> bool:
    """Return whether a line is a row by itself, and so no part of a cell."""
    cells = _row_of(line, delimiter) if width >= _WIDE else None
    return isinstance(cells, list) and len(cells) == width


def _row_of(line: bytes, delimiter: str) -> list[str] | str | None:
    """Return the cells of a row, the code of a fault, or None where a cell is not closed."""
    if len(line) > MAX_LINE:
        return "csv.malformed"
    try:
        return _cells(line.decode(), delimiter)
    except UnicodeDecodeError:
        return "record.unreadable"


def _cells(text: str, delimiter: str) -> list[str] | str | None:
    text = text.rstrip("\r\n")
    if '"' not in text:
        return text.split(delimiter)
    cells: list[str] = []
    place, size = 0, len(text)
    while True:
        if text.startswith('"', place):
            end = place + 1
            while True:
                end = text.find('"', end)
                if end < 0:
                    return None
                if not text.startswith('"', end + 1):
                    break
                end += 2
            cells.append(text[place + 1 : end].replace('""', '"'))
            place = end + 1
            if place < size and text[place] != delimiter:
                return "csv.malformed"
        else:
            end = text.find(delimiter, place)
            end = size if end < 0 else end
            cells.append(text[place:end])
            place = end
        if place >= size:
            return cells
        place += 1
