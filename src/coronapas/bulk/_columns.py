"""The columns of bulk work, as Arrow schemas, and rows of facts read from them.

A row of facts is one event of one person, flat: the fields of ``schemas/facts.schema.json`` with an
underscore in the place of the dot (``vaccination_dose_number``), those of the holder, ``country``
and ``disease`` without a prefix. The rules:

1. ``record`` is the register's name for the row. It must be filled, and no other row has it.
2. Text is taken without white space around it; blank text counts as not filled.
3. ``kind`` says which of vaccination, test and recovery the row states. A filled column of another
   kind is a fault, as nobody can know which is meant.
4. A column of days or moments may be text in the form of the facts; a moment needs its time zone.
5. ``birth_date`` is text (``YYYY``, ``YYYY-MM``, ``YYYY-MM-DD``) or a date. Where it is wholly
   unknown the row says ``unknown``: a cell that was left empty is a fault.

Rows without any oddity are read column by column. Every other row is read again as a document of
facts, so that it gets the faults that `coronapas.facts.read_facts` and the issuer find in one.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from coronapas.errors import BulkError
from coronapas.facts import (
    COVID_19,
    EventKind,
    Holder,
    PartialDate,
    Recovery,
    Test,
    TestKind,
    TestResult,
    Vaccination,
    read_facts,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from coronapas.errors import Fault
    from coronapas.facts import Event

UNKNOWN: Final = "unknown"
"""What ``birth_date`` says where the date is wholly unknown."""

_TEXT: Final = pa.string()
_DAY: Final = pa.date32()
_MOMENT: Final = pa.timestamp("us", tz="UTC")

UNIQUE: Final = {"unique": "true"}
"""Marks a column of which no value may occur twice in an input."""

FACTS: Final = pa.schema(
    [
        pa.field("record", _TEXT, nullable=False, metadata=UNIQUE),
        pa.field("family_name", _TEXT),
        pa.field("given_name", _TEXT),
        pa.field("birth_date", _TEXT, nullable=False),
        pa.field("family_name_mrz", _TEXT),
        pa.field("given_name_mrz", _TEXT),
        pa.field("kind", pa.dictionary(pa.int8(), _TEXT), nullable=False),
        pa.field("vaccination_product", _TEXT),
        pa.field("vaccination_dose_number", pa.int32()),
        pa.field("vaccination_doses", pa.int32()),
        pa.field("vaccination_date", _DAY),
        pa.field("vaccination_vaccine", _TEXT),
        pa.field("vaccination_manufacturer", _TEXT),
        pa.field("test_kind", _TEXT),
        pa.field("test_sampled_at", _MOMENT),
        pa.field("test_result", _TEXT),
        pa.field("test_centre", _TEXT),
        pa.field("test_name", _TEXT),
        pa.field("test_device", _TEXT),
        pa.field("recovery_first_positive", _DAY),
        pa.field("recovery_valid_from", _DAY),
        pa.field("recovery_valid_until", _DAY),
        pa.field("country", _TEXT),
        pa.field("disease", _TEXT),
        pa.field("issued_at", _MOMENT),
        pa.field("expires", _MOMENT),
        pa.field("uvci", _TEXT, metadata=UNIQUE),
    ]
)
"""One event of one person a row. Columns that are nullable here may be left out."""

PASSES: Final = pa.schema(
    [
        pa.field("record", _TEXT, nullable=False),
        pa.field("uvci", _TEXT, nullable=False),
        pa.field("text", _TEXT, nullable=False),
        pa.field("iat", pa.int64(), nullable=False),
        pa.field("exp", pa.int64(), nullable=False),
        pa.field("kid", _TEXT, nullable=False),
    ]
)
"""Issued passes. ``iat`` and ``exp`` are seconds since 1970, ``kid`` is hexadecimal."""

FAULTS: Final = pa.schema(
    [
        pa.field("record", _TEXT),
        pa.field("row", pa.int64()),
        pa.field(
            "faults",
            pa.list_(
                pa.struct(
                    [
                        pa.field("field", _TEXT, nullable=False),
                        pa.field("code", _TEXT, nullable=False),
                    ]
                )
            ),
            nullable=False,
        ),
    ]
)
"""What was refused, and why; never a value.

``row`` is the row's place in its input file, counted from 1. ``record`` is null where the row could
not be read.
"""

VERIFICATIONS: Final = pa.schema(
    [
        pa.field("record", _TEXT),
        pa.field("profile", _TEXT, nullable=False),
        pa.field("country", _TEXT),
        pa.field("kid", _TEXT),
        pa.field("revocation", _TEXT, nullable=False),
    ]
)
"""Passes that verified, with the country and the key identifier of the certificate that signed.

``revocation`` is the outcome of that check: PASS, or UNKNOWN without revocation data.
"""

TEXTS: Final = pa.schema([pa.field("record", _TEXT), pa.field("text", _TEXT, nullable=False)])
"""What verifying and deciding read; other columns of a table of passes are let be."""

Trouble = tuple[tuple[str, str], ...]
"""The faults of one row: pairs of a column and a code."""

_KINDS: Final = tuple(kind.value for kind in EventKind)
_OF_KIND: Final = {
    kind: tuple(name for name in FACTS.names if name.startswith(f"{kind}_")) for kind in _KINDS
}
_DAYS: Final = tuple(one.name for one in FACTS if one.type == _DAY)
_MOMENTS: Final = tuple(one.name for one in FACTS if one.type == _MOMENT)
_NUMBERS: Final = tuple(one.name for one in FACTS if one.type == pa.int32())
_SHARED: Final = ("country", "disease")
_DAY_TEXT: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_PARTIAL: Final = re.compile(r"([0-9]{4})(?:-(0[1-9]|1[0-2]))?")
_MOMENT_TEXT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:[.][0-9]{1,6})?"
    r"(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
)
_NUMBER: Final = re.compile("[0-9]{1,9}")


def is_text(kind: pa.DataType) -> bool:
    """Return whether a column of this type holds text."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    )


def fits(wanted: pa.Field, given: pa.DataType) -> bool:
    """Return whether a column of a type can be read as a column of a schema."""
    if pa.types.is_list(wanted.type) and pa.types.is_struct(wanted.type.value_type):
        return bool(pa.types.is_list(given) and pa.types.is_struct(given.value_type))
    if is_text(given) or pa.types.is_null(given):
        return True
    if wanted.name == "record":
        return bool(pa.types.is_integer(given))
    kind = wanted.type
    if pa.types.is_integer(kind):
        return bool(pa.types.is_integer(given))
    if pa.types.is_timestamp(kind):
        return bool(pa.types.is_timestamp(given) and given.tz is not None)
    if pa.types.is_date(kind) or wanted.name == "birth_date":
        return bool(pa.types.is_date(given))
    if pa.types.is_list(kind):
        return bool(pa.types.is_list(given) and is_text(given.value_type))
    return False


def check_columns(columns: pa.Schema, given: pa.Schema, place: str, *, others: bool) -> None:
    """Check that a table has the columns of a schema, in types that can be read.

    Args:
        columns: The schema; columns that are not nullable must be there.
        given: The columns of the table.
        place: What the table is called in an error.
        others: Whether columns that the schema does not have are let be.

    Raises:
        BulkError: A column is missing, unknown, stands twice, or is of another type.

    """
    problems = []
    names = list(given.names)
    for wanted in columns:
        count = names.count(wanted.name)
        if count > 1:
            problems.append(f"the column {wanted.name} stands twice")
        elif count == 0 and not wanted.nullable:
            problems.append(f"the column {wanted.name} is missing")
        elif count == 1 and not fits(wanted, given.field(wanted.name).type):
            kind = given.field(wanted.name).type
            problems.append(f"the column {wanted.name} cannot be read from {kind}")
    unknown = 0 if others else len([name for name in names if name not in columns.names])
    if unknown:
        # The name itself may be data, where the header of a table is missing.
        problems.append(
            f"{unknown} of its columns are not in the schema, which has {', '.join(columns.names)}"
        )
    if problems:
        raise BulkError("bulk.columns", f"{place}: {'; '.join(problems)}")


def readable(column: pa.Array) -> tuple[pa.Array, list[int]]:
    """Return a column without the values that Python cannot hold, and the places of those.

    They are text that is not UTF-8, and days outside of the calendar. Text is returned without
    white space around it, and null where nothing is left.
    """
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if is_text(column.type):
        column, lost = _decodable(column)
        text = pc.utf8_trim_whitespace(column)
        return pc.if_else(pc.equal(text, ""), pa.scalar(None, _TEXT), text), lost
    if not (pa.types.is_date(column.type) or pa.types.is_timestamp(column.type)):
        return column, []
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("us", tz=column.type.tz), safe=False)
    first, last = (pa.scalar(moment).cast(column.type) for moment in _bounds(column.type))
    beyond = pc.or_(pc.less(column, first), pc.greater(column, last))
    lost = pc.indices_nonzero(beyond).to_pylist()
    if not lost:
        return column, lost
    return pc.if_else(beyond, pa.scalar(None, column.type), column), lost


def _bounds(kind: pa.DataType) -> tuple[Any, Any]:
    if pa.types.is_date(kind):
        return date(1, 1, 1), date.max
    # A day from the calendar's ends, so that the moment exists in every time zone.
    return datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)


def _decodable(column: pa.Array) -> tuple[pa.Array, list[int]]:
    try:
        column = column.cast(_TEXT)
        column.validate(full=True)
    except pa.ArrowInvalid:
        found: list[str | None] = []
        lost = []
        for place, value in enumerate(column.cast(pa.large_binary(), safe=False).to_pylist()):
            try:
                found.append(None if value is None else value.decode())
            except UnicodeDecodeError:
                found.append(None)
                lost.append(place)
        return pa.array(found, _TEXT), lost
    return column, []


def records_of(batch: pa.RecordBatch) -> tuple[pa.Array, list[str | None]]:
    """Return the column ``record`` of a batch, and its values as text."""
    place = batch.schema.get_field_index("record")
    if place < 0:
        return pa.nulls(len(batch), _TEXT), [None] * len(batch)
    column, _ = readable(batch.column(place))
    if pa.types.is_null(column.type):
        column = column.cast(_TEXT)
    texts = column if column.type == _TEXT else column.cast(_TEXT)
    return column, texts.to_pylist()


def texts_of(batch: pa.RecordBatch, name: str) -> list[str | None]:
    """Return the values of a column as text; nulls where there is no such column."""
    place = batch.schema.get_field_index(name)
    if place < 0:
        return [None] * len(batch)
    column, _ = readable(batch.column(place))
    return column.cast(_TEXT).to_pylist()  # type: ignore[no-any-return]


@lru_cache(maxsize=1 << 16)
def read_day(text: str) -> date | None:
    """Return the day that a text states; None where it states none."""
    if not _DAY_TEXT.fullmatch(text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


@lru_cache(maxsize=1 << 16)
def _birth(text: str) -> date | PartialDate | None:
    """Return the date of birth that a text states; None where it states none."""
    partial = _PARTIAL.fullmatch(text)
    if partial:
        return PartialDate(int(partial[1]), int(partial[2]) if partial[2] else None)
    return read_day(text)


def read_moment(text: str) -> datetime | None:
    """Return the moment that a text states with its time zone; None where it states none."""
    if not _MOMENT_TEXT.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _number(text: str) -> int | None:
    return int(text) if _NUMBER.fullmatch(text) else None


class Terms(NamedTuple):
    """What a row says of its pass besides the facts; None where it says nothing."""

    issued_at: datetime | None = None
    expires: datetime | None = None
    uvci: str | None = None

    def __repr__(self) -> str:
        return "<Terms>"


NO_TERMS: Final = Terms()


class FactsRow(NamedTuple):
    """One row as far as it can be read."""

    place: int
    """Its place in the batch, from 0."""
    record: str | None
    """The register's name for it, as text; None where it has none."""
    holder: Holder
    """The person."""
    event: Event | None
    """The event; None where the row is odd, and must be read closely."""
    terms: Terms = NO_TERMS
    """What it says of its pass."""

    def __repr__(self) -> str:
        return f"<FactsRow {self.place}>"


class FactsTable:
    """A batch of facts, column by column."""

    def __init__(self, batch: pa.RecordBatch) -> None:
        self.size = len(batch)
        self.record, self._records = records_of(batch)
        self._odd: set[int] = {place for place, name in enumerate(self._records) if name is None}
        self._columns: dict[str, pa.Array] = {}
        self._lost: dict[int, list[str]] = {}
        for index, name in enumerate(batch.schema.names):
            if name not in FACTS.names or name == "record":
                continue
            self._columns[name], lost = readable(batch.column(index))
            for place in lost:
                self._odd.add(place)
                self._lost.setdefault(place, []).append(name)
        self._values: dict[str, list[Any]] = {}

    def rows(self) -> Iterator[FactsRow]:
        """Yield the rows in their order."""
        cells = self._cells
        kinds = cells("kind")
        self._mark_mixed(kinds)
        births = self._births()
        names = (cells(name) for name in ("family_name", "given_name"))
        written = (cells(name) for name in ("family_name_mrz", "given_name_mrz"))
        holders = zip(*names, births, *written, strict=True)
        events = {
            EventKind.VACCINATION.value: self._vaccinations,
            EventKind.TEST.value: self._tests,
            EventKind.RECOVERY.value: self._recoveries,
        }
        stated = {kind: make() for kind, make in events.items() if kind in kinds}
        terms = self._terms()
        odd = self._odd
        for place, (record, kind, holder) in enumerate(
            zip(self._records, kinds, holders, strict=True)
        ):
            make = None if place in odd else stated.get(kind)
            event = None if make is None else make(place)
            found = NO_TERMS if terms is None else terms(place)
            yield FactsRow(place, record, Holder(*holder), event, found)

    def document(self, place: int) -> tuple[dict[str, Any], Trouble]:
        """Return a row as a document of facts, and what is wrong with the row besides."""
        row = {
            name: _json_value(column[place].as_py())
            for name, column in self._columns.items()
            if column[place].is_valid
        }
        troubles = [(name, "record.unreadable") for name in self._lost.get(place, ())]
        if self._records[place] is None:
            troubles.append(("record", "record.missing"))
        kind = row.get("kind")
        if kind not in _KINDS:
            troubles.append(("kind", "record.kind"))
        for other, names in _OF_KIND.items():
            if kind in _KINDS and other != kind:
                troubles += ((name, "record.other-kind") for name in names if name in row)
        for name in ("issued_at", "expires"):
            if name in row and read_moment(row[name]) is None:
                troubles.append((name, "json.date-time"))
        person = {
            name: row[name]
            for name in (
                "family_name",
                "given_name",
                "birth_date",
                "family_name_mrz",
                "given_name_mrz",
            )
            if name in row
        }
        if person.get("birth_date") == UNKNOWN:
            person["birth_date"] = None
        document: dict[str, Any] = {"holder": person}
        if kind in _KINDS:
            event = {name: row[name] for name in _SHARED if name in row}
            for name in _OF_KIND[kind]:
                if name in row:
                    value = row[name]
                    if name in _NUMBERS and isinstance(value, str):
                        value = _number(value) if _NUMBER.fullmatch(value) else value
                    event[name.removeprefix(f"{kind}_")] = value
            document[kind] = event
        return document, tuple(troubles)

    def _cells(self, name: str) -> list[Any]:
        """Return the values of a column as they are; nulls where there is no such column."""
        found = self._values.get(name)
        if found is None:
            column = self._columns.get(name)
            found = [None] * self.size if column is None else column.to_pylist()
            self._values[name] = found
        return found

    def _converted(
        self, name: str, read: Callable[[str], Any], typed: Callable[[pa.Array], pa.Array]
    ) -> list[Any]:
        """Return the values of a column of text or of its own type; what is not read is odd."""
        column = self._columns.get(name)
        if column is None or pa.types.is_null(column.type):
            return [None] * self.size
        if column.type != _TEXT:
            return typed(column).to_pylist()  # type: ignore[no-any-return]
        found: list[Any] = []
        for place, text in enumerate(column.to_pylist()):
            value = None if text is None else read(text)
            if value is None and text is not None:
                self._odd.add(place)
            found.append(value)
        return found

    def _days(self, name: str) -> list[Any]:
        return self._converted(name, read_day, lambda column: column.cast(_DAY))

    def _moments(self, name: str) -> list[Any]:
        def typed(column: pa.Array) -> pa.Array:
            return column.cast(_MOMENT, safe=False)

        return self._converted(name, read_moment, typed)

    def _integers(self, name: str) -> list[Any]:
        return self._converted(name, _number, lambda column: column)

    def _births(self) -> list[Any]:
        column = self._columns.get("birth_date")
        if column is not None and column.type == _TEXT:
            found: list[Any] = []
            for place, text in enumerate(column.to_pylist()):
                value = None if text is None or text == UNKNOWN else _birth(text)
                if value is None and text != UNKNOWN:
                    self._odd.add(place)
                found.append(value)
            return found
        found = self._days("birth_date")
        self._odd.update(place for place, value in enumerate(found) if value is None)
        return found

    def _mark_mixed(self, kinds: list[Any]) -> None:
        """Mark the rows of no kind, and those with a filled column of another kind, as odd."""
        self._odd.update(place for place, kind in enumerate(kinds) if kind not in _KINDS)
        for kind, names in _OF_KIND.items():
            filled = [pc.is_valid(self._columns[name]) for name in names if name in self._columns]
            if not filled:
                continue
            some = filled[0]
            for each in filled[1:]:
                some = pc.or_(some, each)
            self._odd.update(
                place for place in pc.indices_nonzero(some).to_pylist() if kinds[place] != kind
            )

    def _vaccinations(self) -> Callable[[int], Event | None]:
        product, numbers, doses, days = (
            self._cells("vaccination_product"),
            self._integers("vaccination_dose_number"),
            self._integers("vaccination_doses"),
            self._days("vaccination_date"),
        )
        country, vaccine, maker, disease = map(
            self._cells, ("country", "vaccination_vaccine", "vaccination_manufacturer", "disease")
        )
        odd = self._odd

        def make(place: int) -> Event | None:
            if place in odd:
                return None
            return Vaccination(
                product[place],
                numbers[place],
                doses[place],
                days[place],
                country[place],
                vaccine[place],
                maker[place],
                disease[place] or COVID_19,
            )

        return make

    def _tests(self) -> Callable[[int], Event | None]:
        sampled = self._moments("test_sampled_at")
        kinds, results, centres, countries, names, devices, disease = map(
            self._cells,
            (
                "test_kind",
                "test_result",
                "test_centre",
                "country",
                "test_name",
                "test_device",
                "disease",
            ),
        )
        odd = self._odd

        def make(place: int) -> Event | None:
            kind, result = kinds[place], results[place]
            if place in odd or kind is None or result is None:
                return None
            return Test(
                TestKind.of(kind) or kind,
                sampled[place],
                TestResult.of(result) or result,
                centres[place],
                countries[place],
                names[place],
                devices[place],
                disease[place] or COVID_19,
            )

        return make

    def _recoveries(self) -> Callable[[int], Event | None]:
        first, since, until = map(
            self._days, ("recovery_first_positive", "recovery_valid_from", "recovery_valid_until")
        )
        country, disease = self._cells("country"), self._cells("disease")
        odd = self._odd

        def make(place: int) -> Event | None:
            if place in odd:
                return None
            return Recovery(
                first[place],
                since[place],
                until[place],
                country[place],
                disease[place] or COVID_19,
            )

        return make

    def _terms(self) -> Callable[[int], Terms] | None:
        if not {"issued_at", "expires", "uvci"} & self._columns.keys():
            return None
        issued, expires = self._moments("issued_at"), self._moments("expires")
        uvcis = self._cells("uvci")
        return lambda place: Terms(issued[place], expires[place], uvcis[place])


def _json_value(value: Any) -> Any:
    """Return a value of a column as a document of facts states it."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date) else value


def closely(
    table: FactsTable, place: int, judge: Callable[[Any, Any], Iterable[Fault]]
) -> tuple[Trouble, Any, Any]:
    """Return every fault of a row, and its holder and event as far as they can be read.

    `judge` is given the holder and the event, and returns what is wrong with their content.
    """
    document, troubles = table.document(place)
    found = read_facts(document)
    faults = found.all_faults(judge(found.holder, found.event))
    # Without a kind there is no event, and that there is none follows from it.
    no_kind = any(code == "record.kind" for _, code in troubles)
    rest = (
        (column_of(fault.field), fault.code)
        for fault in faults
        if not (no_kind and (fault.code == "json.one-event" or fault.field == "event"))
    )
    return tuple(dict.fromkeys((*troubles, *rest))), found.holder, found.event


def column_of(path: str) -> str:
    """Return the column that holds a field of the facts."""
    part, _, name = path.partition(".")
    if not name or part not in ("holder", *_KINDS):
        return path
    return name if part == "holder" or name in _SHARED else f"{part}_{name}"


def faults_batch(
    found: Sequence[tuple[str | None, int | None, Trouble]], records: pa.DataType = _TEXT
) -> pa.RecordBatch:
    """Return the faults of rows as a batch: for each its record, its row and its troubles.

    `records` is the type of the column ``record``.
    """
    names = [record for record, _, _ in found]
    faults = [[{"field": name, "code": code} for name, code in trouble] for _, _, trouble in found]
    schema = with_records(FAULTS, records)
    return pa.record_batch(
        [
            pa.array(names, _TEXT).cast(records),
            pa.array([row for _, row, _ in found], pa.int64()),
            pa.array(faults, FAULTS.field("faults").type),
        ],
        schema=schema,
    )


def with_records(schema: pa.Schema, kind: pa.DataType) -> pa.Schema:
    """Return a schema whose column ``record`` has a type: that of the register."""
    place = schema.get_field_index("record")
    return schema if place < 0 else schema.set(place, schema.field(place).with_type(kind))
