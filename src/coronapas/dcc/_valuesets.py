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

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from difflib import get_close_matches
from functools import cache
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from coronapas import _json, files
from coronapas._json import Raising, Reader
from coronapas.errors import Fault, ValueSetError

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
    """The code as a pass states it."""
    display: str
    """What it stands for, in English."""
    active: bool = True
    """Whether the release marks it as in use."""
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
    """The set's identifier, such as ``vaccines-covid-19-names``."""
    date: str
    """The date of its issue, ``YYYY-MM-DD``."""
    entries: Mapping[str, Entry]
    """The entries by code."""
    complete: bool = True
    note: str | None = None
    """What a user of the set should know; None where there is nothing."""

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
    """The code that ``mp`` states, such as ``EU/1/20/1528``."""
    name: str
    """The name of the product."""
    manufacturer: str | None = None
    """The code that ``ma`` states."""
    prophylaxis: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    replaced_by: str | None = None


@dataclass(frozen=True, slots=True)
class ValueSets:
    """A number of value sets, and the encoding of the vaccine products; immutable."""

    sets: Mapping[str, ValueSet]
    """The sets by identifier."""
    products: Mapping[str, Product]
    """The encoding of each vaccine product, by its code."""
    release: str | None = None
    """The release that the sets are of; None where they are of none."""
    source: str | None = None
    """Who published them; None where it is not stated."""
    undated: Mapping[str, frozenset[str]] = field(init=False, repr=False, compare=False)
    """For each set the active codes without an end of validity: usable on every day."""
    _by_name: Mapping[str, Product] = field(init=False, repr=False, compare=False)

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (dict(self.sets), dict(self.products), self.release, self.source)

    def __post_init__(self) -> None:
        undated = {
            set_id: frozenset(
                entry.code
                for entry in each.entries.values()
                if entry.active and entry.valid_until is None
            )
            for set_id, each in self.sets.items()
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
        for name, code in _usual_names().items():
            if code in known:
                names.setdefault(name, known[code])
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
        try:
            return from_own(_json.load(files.read(source, MAX_BYTES), limit=MAX_BYTES))
        except _json.JsonError as error:
            raise ValueSetError("", f"The file cannot be read: {error}.") from error

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
        each = self.sets.get(set_id)
        return each.entries.get(code) if each else None

    def display(self, set_id: str, code: str) -> str | None:
        """Say what the code means, in English; None where it is unknown."""
        entry = self.code(set_id, code)
        return entry.display if entry else None

    def named(self, set_id: str, code: str) -> str:
        """Return what a code means, with the code: ``Comirnaty, EU/1/20/1528``.

        The code alone where it, or the set, is unknown.
        """
        display = self.display(set_id, code)
        return code if display is None or display == code else f"{display}, {code}"

    def product(self, name_or_code: str) -> Product | None:
        """Find a vaccine product by its code, name, display or an alias, each in any case.

        Aliases are those of these value sets, and what people usually call the products that they
        list: Pfizer, Moderna, AstraZeneca, Janssen (``data/product-names.json``).
        """
        return self._by_name.get(name_or_code) or self._by_name.get(name_or_code.casefold())

    def similar_product(self, text: str) -> str | None:
        """Return the name or code of a product that a misspelt text is nearest to; None: none is.

        Nothing of the text itself is in the answer.
        """
        if len(text) > MAX_NAME:
            return None
        close = get_close_matches(text.strip().casefold(), self._by_name, n=1, cutoff=_SIMILAR)
        return self._by_name[close[0]].name if close else None

    def for_rules(self) -> dict[str, list[str]]:
        """Give all codes by set, active or not, as rules find them in ``external.valueSets``."""
        return {set_id: list(each.entries) for set_id, each in self.sets.items()}


MAX_NAME: Final = 80
"""The longest text that is compared with the names of products, in characters, inclusive."""

_SIMILAR: Final = 0.7


@cache
def _usual_names() -> Mapping[str, str]:
    """Return what people call products, in lower case, with the codes."""
    data = resources.files("coronapas.dcc").joinpath("data/product-names.json").read_bytes()
    document: Any = _json.load(data, limit=MAX_BYTES)
    names: dict[str, str] = document["names"]
    return MappingProxyType({name.casefold(): code for name, code in names.items()})


@cache
def _default() -> ValueSets:
    data = resources.files("coronapas.dcc").joinpath("data/valuesets.json").read_bytes()
    return from_own(_json.load(data, limit=MAX_BYTES))


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


def _error(fault: Fault) -> ValueSetError:
    if fault.code == "json.missing":
        place, _, name = fault.field.rpartition(".")
        return ValueSetError(place, f"The member '{name}' is missing or null.")
    return ValueSetError(fault.field, fault.problem)


_FAULTS: Final = Raising(_error)


def _object(value: object, path: str) -> Reader:
    if isinstance(value, Mapping) and not all(isinstance(name, str) for name in value):
        raise ValueSetError(path, "Every name must be a text.")
    return Reader(value, path, _FAULTS)


def _inner(row: Reader, name: str, *, required: bool = False) -> Reader:
    """Take an object whose names are the data; an empty one where it is absent."""
    value = row.take(name, required=required)
    return _object({} if value is None else value, row.at(name))


def _text(row: Reader, name: str) -> str:
    return row.string(name, required=True) or ""


def _day(row: Reader, name: str, *, time: bool = False) -> date:
    """Take a date; with `time`, the date of a date-time too, as written."""
    value = row.take(name, required=True)
    found = _DAY.fullmatch(value) if isinstance(value, str) else None
    day = _json.calendar_day(found[1] if found and time else value)
    if day is None:
        raise ValueSetError(row.at(name), "A date (YYYY-MM-DD) is needed here.")
    return day


def from_own(document: object) -> ValueSets:
    """Read a document in this project's form; raises ValueSetError."""
    top = _object(document, "")
    top.string("$schema", least=0)
    top.string("title")
    found = _inner(top, "sets", required=True)
    sets = {set_id: _own_set(set_id, _inner(found, set_id)) for set_id in found.values}
    products = {}
    if top.has("products"):
        listed = _inner(top, "products")
        rows = _inner(listed, "rows", required=True)
        products = {code: _own_product(code, _inner(rows, code)) for code in rows.values}
        listed.string("note")
        if listed.has("date"):
            _day(listed, "date")
        listed.close()
    read = ValueSets(sets, products, top.string("release"), top.string("source"))
    top.close()
    return read


def _own_set(set_id: str, row: Reader) -> ValueSet:
    stated = _inner(row, "codes", required=True)
    codes = {code: _text(stated, code) for code in stated.values}
    inactive = row.strings("inactive") or ()
    dated = _inner(row, "valid_until")
    ends = {code: _day(dated, code) for code in dated.values}
    others = _inner(row, "other_systems")
    systems = {code: system for system in others.values for code in others.strings(system) or ()}
    if not {*inactive, *ends, *systems} <= codes.keys():
        raise ValueSetError(row.path, "A code is described that the set does not have.")
    usual = row.string("system")
    entries = {
        code: Entry(code, display, code not in inactive, ends.get(code), systems.get(code, usual))
        for code, display in codes.items()
    }
    complete = row.flag("complete") if row.has("complete") else True
    day, note = _day(row, "date").isoformat(), row.string("note")
    row.close()
    return ValueSet(set_id, day, MappingProxyType(entries), complete, note)


def _own_product(code: str, row: Reader) -> Product:
    product = Product(
        code,
        _text(row, "name"),
        _text(row, "manufacturer"),
        row.strings("prophylaxis", required=True) or (),
        row.strings("aliases") or (),
        row.string("replaced_by"),
    )
    row.close()
    return product


def _official_documents(documents: object) -> list[Reader]:
    if isinstance(documents, Mapping):
        if "valueSetId" in documents:
            return [_object(documents, "")]
        return [_object(value, str(key)) for key, value in documents.items()]
    if isinstance(documents, str | bytes) or not isinstance(documents, Iterable):
        raise ValueSetError("", "Value sets in the official shape are needed here.")
    return [_object(value, str(place)) for place, value in enumerate(documents)]


def from_official(documents: object, release: str | None) -> ValueSets:
    """Read documents in the official form, whose other members are ignored; ValueSetError."""
    sets: dict[str, ValueSet] = {}
    encodings: Reader | None = None
    for document in _official_documents(documents):
        set_id = _text(document, "valueSetId")
        if set_id in sets or (set_id == ENCODING and encodings):
            raise ValueSetError(document.path, "A value set appears twice.")
        day = _day(document, "valueSetDate", time=True).isoformat()
        values = _inner(document, "valueSetValues", required=True)
        if set_id == ENCODING:
            encodings = values
        else:
            entries = {code: _official_entry(code, _inner(values, code)) for code in values.values}
            sets[set_id] = ValueSet(set_id, day, MappingProxyType(entries))
    products = {}
    if encodings:
        for name in encodings.values:
            product = _official_product(name, _inner(encodings, name))
            products[product.code] = product
    return ValueSets(sets, products, release=release)


def _official_entry(code: str, row: Reader) -> Entry:
    if not row.has("active"):
        row.take("active", required=True)
    return Entry(
        code,
        _text(row, "display"),
        row.flag("active"),
        _day(row, "validUntil", time=True) if row.values.get("validUntil") else None,
        row.string("system"),
    )


def _official_product(name: str, row: Reader) -> Product:
    return Product(
        _text(row, "vaccine-code").removesuffix(_DEPRECATED),
        name,
        _text(row, "vaccine-manufacturer"),
        row.strings("sct-codes", required=True) or (),
    )
