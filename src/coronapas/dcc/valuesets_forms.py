"""The two written forms of value sets, this project's own and the official one, read strictly.

The own form is described by ``schemas/valuesets.schema.json``. The official form is that of the eHN
releases: ``{valueSetId, valueSetDate, valueSetValues: {code: {display, active, system,
validUntil?}}}``, and for the vaccines' encoding instructions ``{product name: {vaccine-code,
vaccine-manufacturer, sct-codes}}``. Reached through `ValueSets.load` and
`ValueSets.from_official`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date
from types import MappingProxyType
from typing import Final

from coronapas.dcc.valuesets import ENCODING, Entry, Product, ValueSet, ValueSets
from coronapas.errors import ValueSetError

_DAY: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[T ].{0,40})?")

# Release 2.12.0 writes codes that are not to be used any more with this suffix in the encoding
# instructions, and without it in the set of product names.
_DEPRECATED: Final = " (deprecated)"


class _At:
    """A value inside a document, with its path, read strictly."""

    __slots__ = ("path", "value")

    def __init__(self, path: str, value: object) -> None:
        self.path = path
        self.value = value

    def text(self) -> str:
        if not isinstance(self.value, str) or not self.value:
            raise ValueSetError(self.path, "A non-empty text is needed here.")
        return self.value

    def flag(self) -> bool:
        if not isinstance(self.value, bool):
            raise ValueSetError(self.path, "True or false is needed here.")
        return self.value

    def day(self) -> date:
        """Read a date, or the date of a date-time, as written."""
        found = _DAY.fullmatch(self.value) if isinstance(self.value, str) else None
        try:
            return date.fromisoformat(found[1] if found else "")
        except ValueError:
            raise ValueSetError(self.path, "A date (YYYY-MM-DD) is needed here.") from None

    def items(self) -> list[tuple[str, _At]]:
        if not isinstance(self.value, Mapping):
            raise ValueSetError(self.path, "An object is needed here.")
        if not all(isinstance(key, str) for key in self.value):
            raise ValueSetError(self.path, "Every name must be a text.")
        return [(key, _At(f"{self.path}.{key}".lstrip("."), v)) for key, v in self.value.items()]

    def texts(self) -> tuple[str, ...]:
        if not isinstance(self.value, list | tuple):
            raise ValueSetError(self.path, "A list is needed here.")
        return tuple(_At(f"{self.path}.{i}", item).text() for i, item in enumerate(self.value))

    def fields(self, required: frozenset[str], optional: frozenset[str] | None) -> dict[str, _At]:
        """Read the object's fields; `optional` None lets any other field pass (it is ignored)."""
        found = dict(self.items())
        for name in sorted(required - found.keys()):
            raise ValueSetError(self.path, f"The field '{name}' is missing.")
        if optional is not None and found.keys() - required - optional:
            raise ValueSetError(self.path, "There is a field that the form does not have.")
        return found


_TOP: Final = (
    frozenset({"sets"}),
    frozenset({"$schema", "title", "release", "source", "products"}),
)
_SET: Final = (
    frozenset({"date", "codes"}),
    frozenset({"complete", "note", "system", "inactive", "valid_until", "other_systems"}),
)
_PRODUCTS: Final = (frozenset({"rows"}), frozenset({"date", "note"}))
_ROW: Final = (
    frozenset({"name", "manufacturer", "prophylaxis"}),
    frozenset({"aliases", "replaced_by"}),
)


def from_own(document: object) -> ValueSets:
    """Read a document in this project's form; raises ValueSetError."""
    top = _At("", document).fields(*_TOP)
    sets = {set_id: _own_set(set_id, value) for set_id, value in top["sets"].items()}
    products = {}
    if "products" in top:
        rows = top["products"].fields(*_PRODUCTS)["rows"]
        products = {code: _own_product(code, value) for code, value in rows.items()}
    return ValueSets(sets, products, _text(top, "release"), _text(top, "source"))


def _text(fields: Mapping[str, _At], name: str) -> str | None:
    return fields[name].text() if name in fields else None


def _own_set(set_id: str, value: _At) -> ValueSet:
    found = value.fields(*_SET)
    codes = {code: display.text() for code, display in found["codes"].items()}
    inactive = found["inactive"].texts() if "inactive" in found else ()
    ends = dict(found["valid_until"].items()) if "valid_until" in found else {}
    systems = {}
    if "other_systems" in found:
        for system, members in found["other_systems"].items():
            systems.update(dict.fromkeys(members.texts(), system))
    for code in (*inactive, *ends, *systems):
        if code not in codes:
            raise ValueSetError(value.path, "A code is described that the set does not have.")
    usual = _text(found, "system")
    entries = {
        code: Entry(
            code,
            display,
            code not in inactive,
            ends[code].day() if code in ends else None,
            systems.get(code, usual),
        )
        for code, display in codes.items()
    }
    complete = found["complete"].flag() if "complete" in found else True
    day = found["date"].day().isoformat()
    return ValueSet(set_id, day, MappingProxyType(entries), complete, _text(found, "note"))


def _own_product(code: str, value: _At) -> Product:
    found = value.fields(*_ROW)
    return Product(
        code,
        found["name"].text(),
        found["manufacturer"].text(),
        found["prophylaxis"].texts(),
        found["aliases"].texts() if "aliases" in found else (),
        _text(found, "replaced_by"),
    )


def _official_documents(documents: object) -> list[_At]:
    if isinstance(documents, Mapping):
        if "valueSetId" in documents:
            return [_At("", documents)]
        return [_At(str(key), value) for key, value in documents.items()]
    if isinstance(documents, str | bytes) or not isinstance(documents, Iterable):
        raise ValueSetError("", "Value sets in the official shape are needed here.")
    return [_At(str(i), value) for i, value in enumerate(documents)]


def from_official(documents: object, release: str | None) -> ValueSets:
    """Read documents in the official form; raises ValueSetError."""
    needed = frozenset({"valueSetId", "valueSetDate", "valueSetValues"})
    sets: dict[str, ValueSet] = {}
    encodings: _At | None = None
    for document in _official_documents(documents):
        found = document.fields(needed, None)
        set_id = found["valueSetId"].text()
        if set_id in sets or (set_id == ENCODING and encodings):
            raise ValueSetError(document.path, "A value set appears twice.")
        if set_id == ENCODING:
            encodings = found["valueSetValues"]
        else:
            entries = {c: _official_entry(c, v) for c, v in found["valueSetValues"].items()}
            day = found["valueSetDate"].day().isoformat()
            sets[set_id] = ValueSet(set_id, day, MappingProxyType(entries))
    products = {}
    if encodings:
        for name, value in encodings.items():
            product = _official_product(name, value)
            products[product.code] = product
    return ValueSets(sets, products, release=release)


def _official_entry(code: str, value: _At) -> Entry:
    found = value.fields(frozenset({"display", "active"}), None)
    ends = found.get("validUntil")
    return Entry(
        code,
        found["display"].text(),
        found["active"].flag(),
        ends.day() if ends and ends.value not in (None, "") else None,
        _text(found, "system"),
    )


def _official_product(name: str, value: _At) -> Product:
    found = value.fields(frozenset({"vaccine-code", "vaccine-manufacturer", "sct-codes"}), None)
    return Product(
        found["vaccine-code"].text().removesuffix(_DEPRECATED),
        name,
        found["vaccine-manufacturer"].text(),
        found["sct-codes"].texts(),
    )
