"""Facts as JSON: documents that follow ``schemas/facts.schema.json``, to facts and back.

Reading judges the shape alone (fields, types, real dates); whether a pass can be made of the
facts is judged when issuing. The names are those of `coronapas.facts`; kinds and results may be
written by name (``NAAT``, ``not detected``) or by code, and are written by name. A null means the
same as a field left out, but for `birth_date`, which must be there: leaving it out by mistake
would make a pass that anyone could show.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from coronapas.errors import FactsError, Fault
from coronapas.facts import (
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
    from collections.abc import Callable

    from coronapas.facts import Event

_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_PARTIAL: Final = re.compile(r"([0-9]{4})(?:-(0[1-9]|1[0-2]))?")
_MOMENT: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:[.][0-9]{1,6})?)"
    r"(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
)
_KINDS: Final = tuple(kind.value for kind in EventKind)


def from_json(document: object) -> tuple[Holder, Event]:
    """Read one document (as `json.loads` gives it).

    Raises FactsError with every fault; a fault's field is the path in the document
    (``vaccination.dose_number``), the whole document's is empty.
    """
    reading = _Reading()
    pair = reading.document("", document)
    if pair is None or reading.faults:
        raise FactsError(reading.faults)
    return pair


def from_json_list(documents: object) -> list[tuple[Holder, Event]]:
    """Read a list of documents; the paths of the faults begin with the place in it, from 0.

    Raises FactsError with the faults of all documents.
    """
    reading = _Reading()
    if not isinstance(documents, list | tuple):
        reading.add("", "json.type", "The value is no list.", "Give a list of documents.")
        raise FactsError(reading.faults)
    pairs = [reading.document(str(place), document) for place, document in enumerate(documents)]
    if reading.faults:
        raise FactsError(reading.faults)
    return [pair for pair in pairs if pair is not None]


def to_json(holder: Holder, event: Event) -> dict[str, Any]:
    """Write the facts as a document; fields without a value are left out, the birth date is not.

    The facts are taken as they are, so that what a pass says can be written whatever it says;
    text in the place of an enumeration stays as it is.
    """
    person: dict[str, Any] = _filled(
        {
            "family_name": holder.family_name,
            "given_name": holder.given_name,
            "family_name_mrz": holder.family_name_mrz,
            "given_name_mrz": holder.given_name_mrz,
        }
    )
    person["birth_date"] = None if holder.birth_date is None else str(holder.birth_date)
    return {"holder": person, kind_of(event).value: _filled(_event_fields(event))}


def _filled(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _event_fields(event: Event) -> dict[str, Any]:
    match event:
        case Vaccination():
            return {
                "product": event.product,
                "dose_number": event.dose_number,
                "doses": event.doses,
                "date": event.date.isoformat(),
                "country": event.country,
                "vaccine": event.vaccine,
                "manufacturer": event.manufacturer,
                "disease": event.disease,
            }
        case Test():
            return {
                "kind": _kind_name(event.kind),
                "sampled_at": _moment_text(event.sampled_at),
                "result": _result_name(event.result),
                "centre": event.centre,
                "country": event.country,
                "name": event.name,
                "device": event.device,
                "disease": event.disease,
            }
        case Recovery():
            return {
                "first_positive": event.first_positive.isoformat(),
                "valid_from": event.valid_from.isoformat(),
                "valid_until": event.valid_until.isoformat(),
                "country": event.country,
                "disease": event.disease,
            }


def _kind_name(kind: TestKind | str) -> str:
    return kind.name if isinstance(kind, TestKind) else kind


def _result_name(result: TestResult | str) -> str:
    return result.name.replace("_", " ").lower() if isinstance(result, TestResult) else result


def _moment_text(moment: datetime) -> str:
    """Write a moment; an offset with seconds, which RFC 3339 cannot say, becomes UTC."""
    offset = moment.utcoffset()
    if offset is not None and offset % timedelta(minutes=1):
        moment = moment.astimezone(UTC)
    text = moment.isoformat()
    return text.removesuffix("+00:00") + "Z" if text.endswith("+00:00") else text


class _Reading:
    """The reading of one or more documents, with the faults met so far."""

    __slots__ = ("faults",)

    def __init__(self) -> None:
        self.faults: list[Fault] = []

    def add(self, path: str, code: str, problem: str, mend: str) -> None:
        self.faults.append(Fault(path, code, problem, mend))

    def document(self, path: str, value: object) -> tuple[Holder, Event] | None:
        found = self.fields_of(path, value, {"holder"}, set(_KINDS))
        if found is None:
            return None
        events = [kind for kind in _KINDS if kind in found]
        if len(events) != 1:
            self.add(
                path,
                "json.one-event",
                "There must be exactly one of vaccination, test and recovery.",
                "Write one document for each event.",
            )
        prefix = f"{path}." if path else ""
        holder = self.holder(f"{prefix}holder", found["holder"]) if "holder" in found else None
        read = [self.event(f"{prefix}{kind}", kind, found[kind]) for kind in events]
        if holder is None or len(read) != 1 or read[0] is None:
            return None
        return holder, read[0]

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
        return {name: value[name] for name in required | optional if name in value}

    def holder(self, path: str, value: object) -> Holder | None:
        names = {"family_name", "given_name", "family_name_mrz", "given_name_mrz"}
        found = self.fields_of(path, value, {"birth_date"}, names)
        if found is None:
            return None
        texts = {name: self.text(path, found, name) for name in sorted(names)}
        return Holder(birth_date=self.birth_date(path, found), **texts)

    def event(self, path: str, kind: str, value: object) -> Event | None:
        readers: dict[str, Callable[[str, object], Event | None]] = {
            EventKind.VACCINATION: self.vaccination,
            EventKind.TEST: self.test,
            EventKind.RECOVERY: self.recovery,
        }
        return readers[kind](path, value)

    def vaccination(self, path: str, value: object) -> Vaccination | None:
        texts = {"country", "vaccine", "manufacturer"}
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
        kind = self.needed_text(path, found, "kind")
        result = self.needed_text(path, found, "result")
        fields: dict[str, Any] = {
            "kind": TestKind.of(kind) or kind,
            "sampled_at": self.moment(path, found, "sampled_at"),
            "result": TestResult.of(result) or result,
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
        if "disease" in found:
            fields["disease"] = self.needed_text(path, found, "disease")
        return fields

    def text(self, path: str, found: dict[str, Any], name: str) -> str | None:
        value = found.get(name)
        if value is None or isinstance(value, str):
            return value
        self.add(f"{path}.{name}", "json.type", "The value is no text.", "Give a text, or null.")
        return None

    def needed_text(self, path: str, found: dict[str, Any], name: str) -> str:
        value = found.get(name, "")
        if isinstance(value, str):
            return value
        self.add(f"{path}.{name}", "json.type", "The value is no text.", "Give a text.")
        return ""

    def integer(self, path: str, found: dict[str, Any], name: str) -> int:
        """Read a whole number; 2.0 is one in JSON, as in JSON Schema."""
        value = found.get(name, 0)
        if isinstance(value, float) and value.is_integer():
            return int(value)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        self.add(f"{path}.{name}", "json.type", "The value is no integer.", "Give an integer.")
        return 0

    def day(self, path: str, found: dict[str, Any], name: str) -> date | None:
        if name not in found:
            return None
        value = found[name]
        if isinstance(value, str) and _DAY.fullmatch(value):
            try:
                return date.fromisoformat(value)
            except ValueError:
                self.add(f"{path}.{name}", "json.date", "There is no such day.", "Mend it.")
                return None
        self.add(f"{path}.{name}", "json.date", "The value is no date.", "Write YYYY-MM-DD.")
        return None

    def birth_date(self, path: str, found: dict[str, Any]) -> date | PartialDate | None:
        value = found.get("birth_date")
        if value is None:
            return None
        partial = _PARTIAL.fullmatch(value) if isinstance(value, str) else None
        if partial:
            return PartialDate(int(partial[1]), int(partial[2]) if partial[2] else None)
        return self.day(path, found, "birth_date")

    def moment(self, path: str, found: dict[str, Any], name: str) -> datetime | None:
        if name not in found:
            return None
        value = found[name]
        if isinstance(value, str) and _MOMENT.fullmatch(value):
            try:
                return datetime.fromisoformat(value)
            except ValueError:
                self.add(f"{path}.{name}", "json.date-time", "There is no such day.", "Mend it.")
                return None
        self.add(
            f"{path}.{name}",
            "json.date-time",
            "The value is no date-time with a zone.",
            "Write YYYY-MM-DDThh:mm:ss and Z or an offset (RFC 3339).",
        )
        return None
