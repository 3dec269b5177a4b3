"""Facts as JSON: documents that follow ``schemas/facts.schema.json``, to facts and back.

Reading judges the shape alone (fields, types, real dates); whether a pass can be made of the
facts is judged when issuing. `read` gives what could be read beside the faults, so that both
judgements can be told together (`Document.all_faults`). `loads` is `json.loads` for this: with that
one, a field that stands twice in an object would silently count as it stands last.

The names are those of `coronapas.facts`; kinds and results may be written by name (``NAAT``, ``not
detected``) or by code, and are written by name. A null means the same as a field left out, but for
`birth_date`, which must be there: leaving it out by mistake would make a pass that anyone could
show.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final

from coronapas import _json
from coronapas.errors import FactsError, Fault
from coronapas.facts._model import (
    EventKind,
    Holder,
    PartialDate,
    Recovery,
    Test,
    TestKind,
    TestResult,
    Vaccination,
    kind_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from coronapas.facts._model import Event

_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
# Dates as registers write them where a part is not known: 1963-XX-XX, XX-XX-1963, 1963-00-00.
_UNKNOWN: Final = "(?:[Xx?*_-]{1,2}|00?)"
_PART: Final = f"(?:[0-9]{{2}}|{_UNKNOWN})"
_PADDED: Final = (
    re.compile(rf"[0-9]{{4}}[-./ ]?{_PART}[-./ ]?{_UNKNOWN}"),
    re.compile(rf"{_UNKNOWN}[-./ ]?{_PART}[-./ ]?[0-9]{{4}}"),
)
_LONGEST_DATE: Final = 20
_PARTIAL: Final = re.compile(r"([0-9]{4})(?:-(0[1-9]|1[0-2]))?")
_MOMENT: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:[.][0-9]{1,6})?)"
    r"(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
)
_KINDS: Final = tuple(kind.value for kind in EventKind)
LARGEST: Final = 256 * 1024 * 1024
"""The largest text of documents, in bytes, inclusive: several hundred thousand passes."""

_OF_OTHER_FIELDS: Final = frozenset({"json.unknown-field", "json.repeated-field"})
"""Faults of an object that say nothing against the fields that could be read."""


@dataclass(frozen=True, slots=True)
class Document:
    """One document as far as it can be read, and the faults of its shape.

    Where there are none, `holder` and `event` are the facts. Where there are some, a part that is
    missing or no object is None, and a value of the wrong shape stands in its place as it was
    written: whoever judges the content finds it wrong once more (`all_faults`), and nothing is to
    be issued of it.
    """

    holder: Holder | None = field(repr=False)
    """The holder, as far as readable."""
    event: Event | None = field(repr=False)
    """The event, as far as readable."""
    faults: tuple[Fault, ...]
    """Every fault of the shape, in the order of the document; empty where there are none."""
    issuer: str | None = field(default=None, repr=False)
    """The organisation that issues the pass, where the document names one."""
    uvci: str | None = field(default=None, repr=False)
    """The identifier that the pass is to carry, where the document states one."""

    def all_faults(self, content: Iterable[Fault]) -> tuple[Fault, ...]:
        """The faults of the shape, then those of the content that do not follow from them.

        `content` is what `coronapas.dcc._claims.faults` or `coronapas.issue.Issuer.faults` says of
        the holder and the event.
        """
        return (*self.faults, *(fault for fault in content if not self._follows(fault)))

    def _follows(self, fault: Fault) -> bool:
        """Whether a fault of the content is only what a fault of the shape leads to."""
        if fault.field in ("holder", "event"):
            return None in (self.holder, self.event)
        return any(
            own.code not in _OF_OTHER_FIELDS and f"{fault.field}.".startswith(f"{own.field}.")
            for own in self.faults
            if own.field
        )


def loads(text: str | bytes) -> object:
    """Read the text of a document, or of a list of them, for `read`, `from_json` and the like.

    Bytes are UTF-8, with or without a byte order mark. A field that stands twice in one object is
    remembered, and a fault of that object where it is read. Raises FactsError (code
    ``json.malformed``) for what is not JSON, too large or nested too deep; the error repeats
    nothing of it.
    """
    try:
        return _json.load(text, limit=LARGEST, keep_doubled=True)
    except _json.JsonError:
        problem = "The facts are not JSON, or are too large."
        raise FactsError(
            [Fault("", "json.malformed", problem, "Write a JSON document in UTF-8.")]
        ) from None


def read(document: object) -> Document:
    """Read one document (as `loads` or `json.loads` gives it) as far as it can be read.

    A fault's field is the path in the document (``vaccination.dose_number``), the whole document's
    is empty. Raises nothing for any value that JSON can state.
    """
    reading = _Reading()
    holder, event, issuer, uvci = reading.document(document)
    return Document(holder, event, tuple(reading.faults), issuer, uvci)


def from_json(document: object) -> tuple[Holder, Event]:
    """Read one document (as `loads` or `json.loads` gives it).

    Raises FactsError with every fault of the shape; a fault's field is the path in the document
    (``vaccination.dose_number``), the whole document's is empty.
    """
    found = read(document)
    if found.faults or found.holder is None or found.event is None:
        raise FactsError(found.faults)
    return found.holder, found.event


def from_json_list(documents: object) -> list[tuple[Holder, Event]]:
    """Read a list of documents; the paths of the faults begin with the place in it, from 0.

    Raises FactsError with the faults of the shapes of all documents.
    """
    pairs: list[tuple[Holder, Event]] = []
    faults: list[Fault] = []
    if not isinstance(documents, list | tuple):
        raise FactsError(
            [Fault("", "json.type", "The value is no list.", "Give a list of documents.")]
        )
    for place, document in enumerate(documents):
        try:
            pairs.append(from_json(document))
        except FactsError as error:
            faults += (fault.within(str(place)) for fault in error.faults)
    if faults:
        raise FactsError(faults)
    return pairs


def to_json(holder: Holder, event: Event) -> dict[str, Any]:
    """Write the facts as a document; fields without a value are left out, the birth date is not.

    The facts are taken as they are, so that what a pass says can be written whatever it says;
    text in the place of an enumeration stays as it is.
    """
    return {"holder": holder.to_json(), kind_of(event).value: event.to_json()}


class _Reading:
    """The reading of one document, with the faults met so far.

    Values of the wrong shape are handed on as they are: see `Document`.
    """

    __slots__ = ("faults",)

    def __init__(self) -> None:
        self.faults: list[Fault] = []

    def add(self, path: str, code: str, problem: str, hint: str) -> None:
        self.faults.append(Fault(path, code, problem, hint))

    def document(self, value: object) -> tuple[Holder | None, Event | None, str | None, str | None]:
        found = self.fields_of("", value, {"holder"}, {*_KINDS, "issuer", "uvci"})
        if found is None:
            return None, None, None, None
        events = [kind for kind in _KINDS if kind in found]
        if len(events) != 1:
            self.add(
                "",
                "json.one-event",
                "There must be exactly one of vaccination, test and recovery.",
                "Write one document for each event.",
            )
        holder = self.holder("holder", found["holder"]) if "holder" in found else None
        read = [self.event(kind, kind, found[kind]) for kind in events]
        issuer, uvci = (self.text("", found, name) for name in ("issuer", "uvci"))
        return holder, read[0] if len(read) == 1 else None, issuer, uvci

    def fields_of(
        self, path: str, value: object, required: set[str], optional: set[str]
    ) -> dict[str, Any] | None:
        """Check an object's names; give its fields, or None where it is no object."""
        if not isinstance(value, Mapping):
            self.add(path, "json.type", "The value is no object.", "Give an object.")
            return None
        prefix = f"{path}." if path else ""
        for name in sorted(required - value.keys()):
            self.add(f"{prefix}{name}", "json.missing", "The field is missing.", "Give it.")
        if value.keys() - required - optional:
            # The unknown name is not repeated: it may be data that slipped into a name's place.
            self.add(
                path,
                "json.unknown-field",
                "There is a field that the schema does not have.",
                f"Known are {', '.join(sorted(required | optional))}.",
            )
        if isinstance(value, _json.Doubled):
            self.add(
                path,
                "json.repeated-field",
                "A field stands twice.",
                "Leave one of them: which one is meant cannot be known.",
            )
        return {name: value[name] for name in required | optional if name in value}

    def holder(self, path: str, value: object) -> Holder | None:
        names = {"family_name", "given_name", "family_name_mrz", "given_name_mrz"}
        found = self.fields_of(path, value, {"birth_date"}, names)
        if found is None:
            return None
        fields: dict[str, Any] = {name: self.text(path, found, name) for name in sorted(names)}
        return Holder(birth_date=self.birth_date(path, found), **fields)

    def event(self, path: str, kind: str, value: object) -> Event | None:
        readers: dict[str, Callable[[str, object], Event | None]] = {
            EventKind.VACCINATION: self.vaccination,
            EventKind.TEST: self.test,
            EventKind.RECOVERY: self.recovery,
        }
        return readers[kind](path, value)

    def vaccination(self, path: str, value: object) -> Vaccination | None:
        texts = {"country", "vaccine", "manufacturer", "batch", "place"}
        needed = {"product", "dose_number", "doses", "date"}
        found = self.fields_of(path, value, needed, texts | {"disease"})
        if found is None:
            return None
        fields: dict[str, Any] = {
            "product": self.needed_text(path, found, "product"),
            "dose_number": self.integer(path, found, "dose_number"),
            "doses": self.integer(path, found, "doses"),
            "date": self.day(path, found, "date"),
        }
        return Vaccination(**fields, **self.optional(path, found, texts))

    def test(self, path: str, value: object) -> Test | None:
        texts = {"centre", "country", "name", "device"}
        found = self.fields_of(path, value, {"kind", "sampled_at", "result"}, texts | {"disease"})
        if found is None:
            return None
        kind: Any = self.needed_text(path, found, "kind")
        result: Any = self.needed_text(path, found, "result")
        fields: dict[str, Any] = {
            "kind": (TestKind.of(kind) if isinstance(kind, str) else None) or kind,
            "sampled_at": self.moment(path, found, "sampled_at"),
            "result": (TestResult.of(result) if isinstance(result, str) else None) or result,
        }
        return Test(**fields, **self.optional(path, found, texts))

    def recovery(self, path: str, value: object) -> Recovery | None:
        needed = {"first_positive", "valid_from", "valid_until"}
        found = self.fields_of(path, value, needed, {"country", "disease"})
        if found is None:
            return None
        fields: dict[str, Any] = {
            name: self.day(path, found, name)
            for name in ("first_positive", "valid_from", "valid_until")
        }
        return Recovery(**fields, **self.optional(path, found, {"country"}))

    def optional(self, path: str, found: dict[str, Any], texts: set[str]) -> dict[str, Any]:
        fields: dict[str, Any] = {name: self.text(path, found, name) for name in sorted(texts)}
        if found.get("disease") is not None:
            fields["disease"] = self.needed_text(path, found, "disease")
        return fields

    def text(self, path: str, found: dict[str, Any], name: str) -> Any:
        value = found.get(name)
        if value is not None and not isinstance(value, str):
            place = f"{path}.{name}" if path else name
            self.add(place, "json.type", "The value is no text.", "Give a text, or null.")
        return value

    def needed_text(self, path: str, found: dict[str, Any], name: str) -> Any:
        value = found.get(name)
        if name in found and not isinstance(value, str):
            self.add(f"{path}.{name}", "json.type", "The value is no text.", "Give a text.")
        return value

    def integer(self, path: str, found: dict[str, Any], name: str) -> Any:
        """Read a whole number; 2.0 is one in JSON, as in JSON Schema."""
        value = found.get(name)
        number = _json.whole_number(value)
        if number is not None:
            return number
        if name in found:
            problem = "The value is not an integer."
            self.add(f"{path}.{name}", "json.type", problem, "Give an integer.")
        return value

    def day(self, path: str, found: dict[str, Any], name: str) -> Any:
        if name not in found:
            return None
        value = found[name]
        if isinstance(value, str) and _DAY.fullmatch(value):
            try:
                return date.fromisoformat(value)
            except ValueError:
                self.add(f"{path}.{name}", "json.date", "There is no such day.", "Mend it.")
                return value
        self.add(f"{path}.{name}", "json.date", "The value is no date.", "Write YYYY-MM-DD.")
        return value

    def birth_date(self, path: str, found: dict[str, Any]) -> Any:
        value = found.get("birth_date")
        if value is None:
            return None
        partial = _PARTIAL.fullmatch(value) if isinstance(value, str) else None
        if partial:
            return PartialDate(int(partial[1]), int(partial[2]) if partial[2] else None)
        if isinstance(value, str) and _padded(value):
            self.add(
                f"{path}.birth_date",
                "json.date",
                "Parts of the birth date are filled with something else than a date.",
                "Write what is known alone: 1963 for a year, 1963-05 for a year and a month.",
            )
            return value
        return self.day(path, found, "birth_date")

    def moment(self, path: str, found: dict[str, Any], name: str) -> Any:
        if name not in found:
            return None
        value = found[name]
        if isinstance(value, str) and _MOMENT.fullmatch(value):
            try:
                return datetime.fromisoformat(value)
            except ValueError:
                self.add(f"{path}.{name}", "json.date-time", "There is no such day.", "Mend it.")
                return value
        self.add(
            f"{path}.{name}",
            "json.date-time",
            "The value is no date-time with a zone.",
            "Write YYYY-MM-DDThh:mm:ss and Z or an offset (RFC 3339).",
        )
        return value


def _padded(text: str) -> bool:
    """Return whether a text is a date of which unknown parts were filled."""
    return len(text) <= _LONGEST_DATE and any(form.fullmatch(text.strip()) for form in _PADDED)
