"""The value sets of the EU DCC: what a code means, and how a vaccine product is encoded.

eHN value sets for Digital COVID Certificates, release 2.12.0, carried as data in this project's own
form (``data/valuesets.json``, described by ``schemas/valuesets.schema.json``). Codes that are no
longer active still decode and display; only issuing minds the difference.

The bundled list of rapid antigen tests is the release's *example* (`ValueSet.complete` is false).
The list in force changed weekly, so an issuer of such tests, or a verifier that judges them by
device, puts the current one in its place::

    current = ValueSets.default().replace(ValueSets.from_official(json.load(file)))
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from coronapas import _files
from coronapas.errors import ValueSetError

MAX_BYTES: Final = 16 * 1024 * 1024
"""The largest file of value sets, in bytes, inclusive."""

COUNTRY: Final = "country-2-codes"
DISEASE: Final = "disease-agent-targeted"
PRODUCT: Final = "vaccines-covid-19-names"
MANUFACTURER: Final = "vaccines-covid-19-auth-holders"
PROPHYLAXIS: Final = "sct-vaccines-covid-19"
TEST_TYPE: Final = "covid-19-lab-test-type"
TEST_RESULT: Final = "covid-19-lab-result"
TEST_DEVICE: Final = "covid-19-lab-test-manufacturer-and-name"
ENCODING: Final = "vaccines-covid-19-encoding-instructions"


@dataclass(frozen=True, slots=True)
class Entry:
    """One code of a value set.

    `valid_until` is the last day, inclusive, on which the code may be used for an event; None where
    the release gives none. That the day counts as inclusive is this project's reading: the releases
    do not say. `system` is the URI of the code system that the code comes from.
    """

    code: str
    display: str
    active: bool = True
    valid_until: date | None = None
    system: str | None = None

    def usable_on(self, day: date) -> bool:
        """Tell whether a new pass may state the code for an event of that (local) day.

        An inactive code is usable only up to its `valid_until`, and not at all where it has none.
        """
        if self.valid_until is None:
            return self.active
        return day <= self.valid_until


@dataclass(frozen=True, slots=True)
class ValueSet:
    """One value set: its entries by code, and the date of its issue (YYYY-MM-DD).

    `complete` is false for a set that is only an example of the list in force.
    """

    id: str
    date: str
    entries: Mapping[str, Entry]
    complete: bool = True
    note: str | None = None

    def __reduce__(self) -> tuple[object, ...]:
        # A view of a mapping cannot be pickled or deep-copied; what it shows can.
        entries = dict(self.entries)
        return _value_set, (self.id, self.date, entries, self.complete, self.note)


def _value_set(set_id: str, day: str, entries: dict[str, Entry], *rest: Any) -> ValueSet:
    return ValueSet(set_id, day, MappingProxyType(entries), *rest)


@dataclass(frozen=True, slots=True)
class Product:
    """How a vaccine product is encoded (value set vaccines-covid-19-encoding-instructions).

    `prophylaxis` holds the codes that ``vp`` may have, in the bundled release with the most
    specific one first; it is empty, and `manufacturer` None, for a product without instructions.
    `aliases` are earlier or other names. `replaced_by` is the code to use in place of one that is
    given up.
    """

    code: str
    name: str
    manufacturer: str | None = None
    prophylaxis: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    replaced_by: str | None = None


@dataclass(frozen=True, slots=True)
class ValueSets:
    """A number of value sets, and the encoding of the vaccine products; immutable."""

    sets: Mapping[str, ValueSet]
    products: Mapping[str, Product]
    release: str | None = None
    source: str | None = None
    undated: Mapping[str, frozenset[str]] = field(init=False, repr=False, compare=False)
    """For each set the active codes without an end of validity: usable on every day."""
    _by_name: Mapping[str, Product] = field(init=False, repr=False, compare=False)

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (dict(self.sets), dict(self.products), self.release, self.source)

    def __post_init__(self) -> None:
        undated = {
            set_id: frozenset(
                entry.code
                for entry in one.entries.values()
                if entry.active and entry.valid_until is None
            )
            for set_id, one in self.sets.items()
        }
        object.__setattr__(self, "sets", MappingProxyType(dict(self.sets)))
        object.__setattr__(self, "products", MappingProxyType(dict(self.products)))
        object.__setattr__(self, "undated", MappingProxyType(undated))
        object.__setattr__(self, "_by_name", MappingProxyType(self._names()))

    def _names(self) -> dict[str, Product]:
        """Index the products by every name: where two claim one name, codes win, then names.

        A product that has no encoding instructions is known by its code and display alone.
        """
        listed = self.sets[PRODUCT].entries if PRODUCT in self.sets else {}
        known = {code: Product(code, entry.display) for code, entry in listed.items()}
        known.update(self.products)
        names = dict(known)
        for product in known.values():
            names.setdefault(product.code.casefold(), product)
        for product in known.values():
            names.setdefault(product.name.casefold(), product)
        for product in known.values():
            display = [listed[product.code].display] if product.code in listed else []
            for name in (*display, *product.aliases):
                names.setdefault(name.casefold(), product)
        return names

    @classmethod
    def default(cls) -> ValueSets:
        """Give the bundled release; it is read once."""
        return _default()

    @classmethod
    def load(cls, source: str | Path | Mapping[str, Any]) -> ValueSets:
        """Read value sets in this project's form: a file's path, or the document itself.

        Raises ValueSetError where the document does not follow ``schemas/valuesets.schema.json``,
        for a folder and for a file of more than `MAX_BYTES`, OSError where the file cannot be read.
        """
        if not isinstance(source, str | Path):
            return from_own(source)
        if Path(source).is_dir():
            raise ValueSetError("", "The path must be that of a file, not of a folder.")
        data = _files.read(source, MAX_BYTES)
        if len(data) > MAX_BYTES:
            raise ValueSetError("", f"The file has more than {MAX_BYTES} bytes.")
        try:
            document = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise ValueSetError("", "The file is not JSON.") from error
        return from_own(document)

    @classmethod
    def from_official(
        cls,
        documents: Mapping[str, Any] | Iterable[Mapping[str, Any]],
        *,
        release: str | None = None,
    ) -> ValueSets:
        """Read value sets in the official shape ``{valueSetId, valueSetDate, valueSetValues}``.

        `documents` is one of them, several, or a mapping whose values they are. A set that appears
        twice is an error. The language and the versions of the code systems are not kept; of a
        `validUntil` with a time the date counts, as written. Raises ValueSetError.
        """
        return from_official(documents, release)

    def replace(self, newer: ValueSets) -> ValueSets:
        """Put each set, and each product's encoding, that `newer` has in the place of these.

        A set is replaced as a whole: a code that the newer one lacks is unknown afterwards.
        """
        return ValueSets(
            {**self.sets, **newer.sets},
            {**self.products, **newer.products},
            release=self.release,
            source=self.source,
        )

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of the sets, in the order of the document."""
        return tuple(self.sets)

    def code(self, set_id: str, code: str) -> Entry | None:
        """Look a code up, active or not; None where the set or the code is unknown."""
        one = self.sets.get(set_id)
        return one.entries.get(code) if one else None

    def display(self, set_id: str, code: str) -> str | None:
        """Say what the code means, in English; None where it is unknown."""
        entry = self.code(set_id, code)
        return entry.display if entry else None

    def product(self, name_or_code: str) -> Product | None:
        """Find a vaccine product by its code, name, display or an alias, each in any case."""
        return self._by_name.get(name_or_code) or self._by_name.get(name_or_code.casefold())

    def for_rules(self) -> dict[str, list[str]]:
        """Give all codes by set, active or not, as rules find them in ``external.valueSets``."""
        return {set_id: list(one.entries) for set_id, one in self.sets.items()}


@cache
def _default() -> ValueSets:

    return from_own(json.loads(files("coronapas.dcc").joinpath("data/valuesets.json").read_bytes()))


# The two written forms of value sets, this project's own and the official one, read strictly.
#
# The own form is described by ``schemas/valuesets.schema.json``. The official form is that of the
# eHN releases: ``{valueSetId, valueSetDate, valueSetValues: {code: {display, active, system,
# validUntil?}}}``, and for the vaccines' encoding instructions ``{product name: {vaccine-code,
# vaccine-manufacturer, sct-codes}}``. Reached through `ValueSets.load` and
# `ValueSets.from_official`.


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
