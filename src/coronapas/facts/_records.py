"""Records of a register: many facts in a JSON array, in JSON lines or in CSV, each with its line.

A record is a document of facts (``schemas/facts.schema.json``) and, beside it, what the register
calls it (``id``) and the identifier that its pass is to have (``uvci``); both may be missing. A
`RecordMapping` says which columns or members hold what, so that one file fits all three forms to a
register's own export.

A record that cannot be read is a record with faults: those after it are read all the same. No fault
repeats a value.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from coronapas import _json, files
from coronapas.errors import FactsError, Fault, HistoryError
from coronapas.facts import _json as facts_json
from coronapas.facts._history import LARGEST as LARGEST_HISTORY
from coronapas.facts._history import History
from coronapas.facts._json import LARGEST, Document, read
from coronapas.facts._model import (
    EventKind,
    Holder,
    PassFacts,
    Recovery,
    Test,
    Vaccination,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# A history from whatever states events: a history's document, facts, or a list of facts.

# Where a history has the events of each kind.
_PLACES = {
    EventKind.VACCINATION: "vaccinations",
    EventKind.TEST: "tests",
    EventKind.RECOVERY: "infections",
}


def read_history(source: str | bytes | Path | Mapping[str, object] | list[Any]) -> History:
    """Read a history by ``schemas/history.schema.json``, or one or more facts of one holder.

    Facts follow ``schemas/facts.schema.json``: one document, or a list of them, as a register has
    them and as `PassFacts.to_json` gives them. `source` is JSON text, a file's path, or a parsed
    document; a file or text may have `LARGEST_HISTORY` bytes.

    Raises HistoryError with every fault, also where the birth dates contradict each other.
    """
    document: object = source
    if isinstance(source, Path):
        document = source = files.read(source, LARGEST_HISTORY)
    if isinstance(source, str | bytes):
        try:
            document = _json.load(source, limit=LARGEST_HISTORY, keep_doubled=True)
        except _json.JsonError:
            return History.from_json(source)  # which says what is wrong with it
    if isinstance(document, Mapping) and "holder" in document:
        return _of_facts([document], places=False)
    if isinstance(document, list):
        return _of_facts(document, places=True)
    if isinstance(document, Mapping):
        return History.from_json(document)
    hint = "Give a history, the facts of one event, or a list of such facts."
    raise HistoryError([Fault("", "json.type", "This is not an object or a list.", hint)])


def _of_facts(documents: list[Any], *, places: bool) -> History:
    passes: list[PassFacts] = []
    faults: list[Fault] = []
    for place, document in enumerate(documents):
        found = facts_json.read(document)
        if found.faults or found.holder is None or found.event is None:
            wrong = found.faults
        else:
            stated = PassFacts(found.holder, found.event, found.issuer, found.uvci)
            passes.append(stated)
            wrong = tuple(_beyond_a_history(stated))
        faults += (fault.within(str(place)) if places else fault for fault in wrong)
    if faults:
        raise HistoryError(faults)
    return History.from_passes(passes)


def _beyond_a_history(stated: PassFacts) -> Iterator[Fault]:
    """Yield what a history refuses of well-formed facts: years, dose numbers, unknown words."""
    event = {**stated.event.to_json(), "uvci": stated.uvci}
    document: dict[str, Any] = {
        _PLACES[stated.kind]: [{name: value for name, value in event.items() if value is not None}]
    }
    if stated.holder.birth_date is not None:
        document["birth_date"] = str(stated.holder.birth_date)
    try:
        History.from_json(document)
    except HistoryError as error:
        inside = f"{_PLACES[stated.kind]}.0"
        for fault in error.faults:
            at = fault.field
            path = f"holder.{at}" if at == "birth_date" else at.replace(inside, stated.kind.value)
            yield Fault(path, fault.code, fault.problem, fault.hint)


MAX_MAPPING: Final = 1024 * 1024
"""The largest mapping, in bytes, inclusive."""

MAX_LINE: Final = 1024 * 1024
"""The longest line of JSON lines, in bytes, inclusive."""

_TYPES: Final = {"holder": Holder, "vaccination": Vaccination, "test": Test, "recovery": Recovery}
_OWN: Final = ("id", "uvci", "kind")
FIELDS: Final = (
    *_OWN,
    *(f"{name}.{one.name}" for name, kind in _TYPES.items() for one in fields(kind)),
)
"""What a column can hold: ``id``, ``uvci``, ``kind`` and the fields of a document of facts."""

_INTEGERS: Final = frozenset({"vaccination.dose_number", "vaccination.doses"})
_DAYS: Final = frozenset(
    {
        "holder.birth_date",
        "vaccination.date",
        "recovery.first_positive",
        "recovery.valid_from",
        "recovery.valid_until",
    }
)
_INTEGER: Final = re.compile("[0-9]{1,9}")
_ENCODINGS: Final = ("utf-8", "utf-16", "iso-8859-1", "windows-1252")
_DELIMITERS: Final = (",", ";", "\t")
_MARK: Final = "utf-8-sig"


class RecordForm(StrEnum):
    """The form of a file of records."""

    JSON = "json"
    """One document, or an array of them."""
    LINES = "jsonl"
    """JSON lines: a document a line."""
    CSV = "csv"
    """A table with a header (RFC 4180)."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record as far as it can be read.

    Attributes:
        line: The line on which it begins, from 1.
        id: What the register calls it; None where it says nothing.
        uvci: The identifier that its pass is to have; None for a random one.
        document: The facts, and what is wrong with the shape of the record.

    """

    line: int
    id: str | None = field(repr=False)
    uvci: str | None = field(repr=False)
    document: Document


@dataclass(frozen=True, slots=True)
class RecordMapping:
    """Which columns of a register's export hold what (``schemas/facts-mapping.schema.json``).

    Attributes:
        fields: The column (CSV), or the path of members with dots between them (JSON), that holds
            each field. The fields are ``id``, ``uvci``, ``kind`` (vaccination, test or recovery)
            and those of the facts, such as ``holder.family_name``.
        constants: Values of fields that are the same in every record.
        values: For a field, the value that each text of the register stands for.
        dates: For a field with a day, how the register writes it, from YYYY, MM and DD:
            ``DD.MM.YYYY``.
        delimiter: What separates the columns of CSV; None for whichever of comma, semicolon and tab
            the header has most of.
        encoding: The encoding of CSV: utf-8, utf-16, iso-8859-1 or windows-1252.

    """

    fields: Mapping[str, str]
    constants: Mapping[str, Any] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    dates: Mapping[str, str] = field(default_factory=dict)
    delimiter: str | None = None
    encoding: str = "utf-8"

    @classmethod
    def load(cls, document: object) -> RecordMapping:
        """Read a mapping from JSON: its text, or what it stands for.

        Raises:
            FactsError: With every fault; the fields of the faults begin with ``mapping``.

        """
        if isinstance(document, str | bytes):
            try:
                document = _json.load(document, limit=MAX_MAPPING)
            except _json.JsonError:
                raise FactsError([_fault("", "json.malformed", "It must be JSON.")]) from None
        faults: list[Fault] = []
        found = _members(document, faults)
        if faults:
            raise FactsError(faults)
        return cls(**found)


def _fault(place: str, code: str, problem: str, hint: str = "") -> Fault:
    return Fault(f"mapping.{place}".rstrip("."), code, problem, hint or "Correct the mapping.")


def _members(document: object, faults: list[Fault]) -> dict[str, Any]:
    known = [each.name for each in fields(RecordMapping)]
    if not isinstance(document, Mapping):
        faults.append(_fault("", "json.type", "The mapping must be an object."))
        return {}
    found: dict[str, Any] = {}
    for name, value in document.items():
        if name == "$schema" and isinstance(value, str):
            continue
        if name not in known:
            hint = f"Known are {', '.join(known)}."
            faults.append(_fault("", "json.unknown-field", "A member is not known.", hint))
        elif name in ("delimiter", "encoding"):
            found[name] = value
        elif isinstance(value, Mapping):
            found[name] = MappingProxyType(dict(value))
            _check_fields(name, value, faults)
        else:
            faults.append(_fault(name, "json.type", "The value must be an object."))
    if not found.get("fields"):
        faults.append(_fault("fields", "json.missing", "The mapping must name a column."))
    delimiter = found.get("delimiter", ",")  # left out, it is told from the header
    if not isinstance(delimiter, str) or len(delimiter) != 1 or delimiter in '\r\n"':
        hint = "Give a comma, a semicolon or a tab."
        faults.append(_fault("delimiter", "json.type", "It must be one character.", hint))
    if found.get("encoding", "utf-8") not in _ENCODINGS:
        hint = f"Give one of {', '.join(_ENCODINGS)}."
        faults.append(_fault("encoding", "json.type", "The encoding is not known.", hint))
    return found


def _check_fields(member: str, value: Mapping[str, Any], faults: list[Fault]) -> None:
    for name, stated in value.items():
        place = f"{member}.{name}"
        if name not in FIELDS:
            close = get_close_matches(str(name), FIELDS, n=1)
            hint = f"Did you mean {close[0]}?" if close else f"Known are {', '.join(FIELDS)}."
            faults.append(_fault(member, "json.unknown-field", "A field is not known.", hint))
        elif member == "fields" and not (isinstance(stated, str) and stated):
            faults.append(_fault(place, "json.type", "A column must be a text."))
        elif member == "values" and not isinstance(stated, Mapping):
            faults.append(_fault(place, "json.type", "The value must be an object."))
        elif member == "dates" and (name not in _DAYS or _day_form(stated) is None):
            hint = "Give YYYY, MM and DD for a field with a day: DD.MM.YYYY."
            faults.append(_fault(place, "json.type", "The form of dates is not one.", hint))


def _day_form(form: object) -> re.Pattern[str] | None:
    """Return the pattern of dates of a form; None where it is not one."""
    if not isinstance(form, str) or len(form) > 40:
        return None
    pattern = re.escape(form)
    for token, digits in (("YYYY", "{4}"), ("MM", "{2}"), ("DD", "{2}")):
        if pattern.count(token) != 1:
            return None
        pattern = pattern.replace(token, f"(?P<{token}>[0-9]{digits})")
    return re.compile(pattern)


# Reading


def form_of(content: bytes, name: str = "") -> RecordForm:
    """Return the form of a file by its name's ending, or by how it begins."""
    lower = name.lower()
    for endings, form in (
        ((".csv", ".tsv"), RecordForm.CSV),
        ((".jsonl", ".ndjson"), RecordForm.LINES),
    ):
        if lower.endswith(endings):
            return form
    start = content[:4096].removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"{"):
        first, _, rest = content.partition(b"\n")
        try:
            alone = isinstance(_json.load(first, limit=MAX_LINE, keep_doubled=True), dict)
        except _json.JsonError:
            alone = False
        return RecordForm.LINES if alone and rest.strip() else RecordForm.JSON
    header = start.partition(b"\n")[0]
    table = any(delimiter.encode() in header for delimiter in _DELIMITERS)
    other = start.startswith(b"[") or lower.endswith(".json")
    return RecordForm.CSV if table and not other else RecordForm.JSON


def read_records(
    content: bytes, form: RecordForm | str | None = None, mapping: RecordMapping | None = None
) -> Iterator[Record]:
    """Yield the records of a file in its order, each as far as it can be read.

    Args:
        content: The file. JSON and JSON lines are UTF-8, CSV is UTF-8 unless the mapping says
            otherwise.
        form: Its form; None to tell it by how the file begins.
        mapping: Which columns hold what; None where they are the fields of the facts themselves
            (``holder.family_name`` in the header of CSV, documents of facts in JSON).

    Raises:
        FactsError: The file as a whole cannot be read: it is too large, not JSON, or its header
            lacks a column.

    """
    form = form_of(content) if form is None else RecordForm(form)
    if len(content) > LARGEST:
        raise FactsError([_malformed("The facts are not JSON, or are too large.")])
    match form:
        case RecordForm.JSON:
            return _from_array(content, mapping)
        case RecordForm.LINES:
            return _from_lines(content, mapping)
        case RecordForm.CSV:
            return _from_table(content, mapping)


def _malformed(problem: str) -> Fault:
    return Fault("", "json.malformed", problem, "Write a JSON document in UTF-8.")


def _from_array(content: bytes, mapping: RecordMapping | None) -> Iterator[Record]:
    try:
        value = _json.load(content, limit=LARGEST, keep_doubled=True)
    except _json.JsonError:
        raise FactsError([_malformed("The facts are not JSON, or are too large.")]) from None
    if not isinstance(value, list):
        return iter([_of_json(1, value, mapping)])
    lines = _lines_of_items(content.decode("utf-8-sig"))
    return (_of_json(line, item, mapping) for line, item in zip(lines, value, strict=True))


_TOKENS: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{},\n]|[^\s\[\]{},"]+')


def _lines_of_items(text: str) -> Iterator[int]:
    """Yield the line on which each item of a JSON array begins; the text is one."""
    line, depth, before = 1, 0, True
    for token in _TOKENS.finditer(text):
        shown = token[0]
        if shown == "\n":
            line += 1
            continue
        if depth == 1 and before and shown != "]":
            yield line
            before = False
        if shown in "[{":
            depth += 1
        elif shown in "]}":
            depth -= 1
        elif shown == "," and depth == 1:
            before = True


def _from_lines(content: bytes, mapping: RecordMapping | None) -> Iterator[Record]:
    for number, line in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            value = _json.load(line, limit=MAX_LINE, keep_doubled=True)
        except _json.JsonError:
            yield _broken(number, _malformed("The line is not JSON, or is too long."))
            continue
        yield _of_json(number, value, mapping)


def _broken(line: int, *faults: Fault) -> Record:
    return Record(line, None, None, Document(None, None, faults))


def _of_json(line: int, value: object, mapping: RecordMapping | None) -> Record:
    if not isinstance(value, Mapping):
        return Record(line, None, None, read(value))
    if mapping is None:
        rest = {name: part for name, part in value.items() if name not in _OWN[:2]}
        # `read` says where members stand twice.
        document = _json.Doubled(rest) if isinstance(value, _json.Doubled) else rest
        return _record(line, value.get("id"), value.get("uvci"), document, ())
    stated = {name: _member(value, path) for name, path in mapping.fields.items()}
    return _mapped(line, stated, mapping, [_DOUBLED] if _is_doubled(value) else [])


_DOUBLED: Final = Fault(
    "",
    "json.repeated-field",
    "A field stands twice.",
    "Leave one of them: which one is meant cannot be known.",
)


def _is_doubled(value: object) -> bool:
    """Return whether an object, or one within it, states a member twice."""
    stack = [value]
    while stack:
        found = stack.pop()
        if isinstance(found, _json.Doubled):
            return True
        if isinstance(found, Mapping):
            stack.extend(found.values())
    return False


def _member(value: Any, path: str) -> Any:
    """Return the member of JSON that a column names: by that name, or by a path with dots."""
    if isinstance(value, Mapping) and path in value:
        return value[path]
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _from_table(content: bytes, mapping: RecordMapping | None) -> Iterator[Record]:
    encoding = "utf-8" if mapping is None else mapping.encoding
    try:
        text = content.decode(_MARK if encoding == "utf-8" else encoding)
    except UnicodeError:
        raise FactsError(
            [Fault("", "csv.encoding", f"The table is not {encoding}.", "Name its encoding.")]
        ) from None
    delimiter = None if mapping is None else mapping.delimiter
    if delimiter is None:
        delimiter = max(_DELIMITERS, key=text.partition("\n")[0].count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        header = [name.strip() for name in next(rows, [])]
    except csv.Error:
        header = []
    columns = {name: name for name in header} if mapping is None else dict(mapping.fields)
    return _rows(rows, header, _columns(header, columns, mapped=mapping is not None), mapping)


def _columns(header: list[str], columns: dict[str, str], *, mapped: bool) -> dict[str, int]:
    """Return where the column of each field stands.

    Raises:
        FactsError: A column is missing, stands twice, or is not a field.

    """
    faults = []
    for name, column in columns.items():
        if name not in FIELDS:
            close = get_close_matches(name, FIELDS, n=1)
            hint = f"Did you mean {close[0]}?" if close else "Give a mapping of the columns."
            faults.append(Fault("", "csv.column", "A column is not a field of the facts.", hint))
        elif column not in header:
            shown = f"mapping.fields.{name}"
            hint = "Check the header, and the delimiter of the mapping."
            faults.append(Fault(shown, "csv.column", "The header does not have the column.", hint))
    if len({*header}) != len(header) and not mapped:
        faults.append(Fault("", "csv.column", "A column stands twice.", "Leave one of them."))
    if not header:
        faults.append(Fault("", "csv.column", "The table has no header.", "Add one."))
    if faults:
        raise FactsError(list(dict.fromkeys(faults)))
    return {name: header.index(column) for name, column in columns.items()}


def _rows(
    rows: Any, header: list[str], places: dict[str, int], mapping: RecordMapping | None
) -> Iterator[Record]:
    plain = RecordMapping({name: name for name in places}) if mapping is None else mapping
    while True:
        line = rows.line_num + 1
        try:
            row = next(rows, None)
        except csv.Error:
            hint = 'Put cells with a quote in quotes, and double it: "".'
            fault = Fault("", "csv.malformed", "The line cannot be read as CSV.", hint)
            yield _broken(line, fault)
            continue
        if row is None:
            return
        if not any(cell.strip() for cell in row):
            continue
        if len(row) != len(header):
            problem = f"The line has {len(row)} cells, and the header {len(header)}."
            hint = "Quote cells that contain the delimiter."
            yield _broken(line, Fault("", "csv.cells", problem, hint))
            continue
        cells = {name: _cell(name, row[place]) for name, place in places.items()}
        yield _mapped(line, cells, plain)


def _cell(name: str, text: str) -> Any:
    """Return what a cell says; None where it is empty."""
    text = text.strip()
    if name in _INTEGERS and _INTEGER.fullmatch(text):
        return int(text)
    return text or None


def _mapped(
    line: int, stated: dict[str, Any], mapping: RecordMapping, faults: Iterable[Fault] = ()
) -> Record:
    """Return the record that the columns state; None is a column that says nothing."""
    found = dict(mapping.constants)
    certain = set()
    for name, value in stated.items():
        known = mapping.values.get(name, {})
        key = value if isinstance(value, str) else str(value)
        if value is not None and key in known:
            found[name] = known[key]
        elif value is not None:
            found[name] = _day(value, mapping.dates.get(name))
        else:
            continue
        certain.add(name.partition(".")[0])
    kind = found.get("kind")
    if isinstance(kind, str) and kind in set(EventKind):
        kinds = {kind}
    else:
        kinds = {each.value for each in EventKind if each.value in certain}
    faults = [*faults]
    if kind is not None and (not isinstance(kind, str) or kind not in set(EventKind)):
        hint = "Give vaccination, test or recovery."
        faults.append(Fault("kind", "record.kind", "The value is not a kind of event.", hint))
    document: dict[str, dict[str, Any]] = {"holder": {}, **{name: {} for name in sorted(kinds)}}
    for name, value in found.items():
        part, _, member = name.partition(".")
        if part in document:
            document[part][member] = value
    return _record(line, found.get("id"), found.get("uvci"), document, faults)


def _day(value: Any, form: str | None) -> Any:
    """Return a day in the form of the facts; what the register writes otherwise stays as it is."""
    pattern = None if form is None else _day_form(form)
    found = pattern.fullmatch(value) if pattern and isinstance(value, str) else None
    if found is None:
        return value
    text = f"{found['YYYY']}-{found['MM']}-{found['DD']}"
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        return text


def _record(
    line: int, identity: object, uvci: object, document: object, faults: Iterable[Fault]
) -> Record:
    found = [*faults]
    if isinstance(identity, int) and not isinstance(identity, bool):
        identity = str(identity)
    for name, value in (("id", identity), ("uvci", uvci)):
        if value is not None and not isinstance(value, str):
            found.append(Fault(name, "json.type", "The value is not a string.", "Give a string."))
    facts = read(document)
    if found:
        facts = Document(facts.holder, facts.event, (*found, *facts.faults))
    return Record(
        line,
        identity if isinstance(identity, str) else None,
        uvci if isinstance(uvci, str) else None,
        facts,
    )
