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
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from coronapas.errors import ValueSetError

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
        OSError where the file cannot be read.
        """
        from coronapas.dcc.valuesets_forms import from_own

        if not isinstance(source, str | Path):
            return from_own(source)
        try:
            document = json.loads(Path(source).read_bytes())
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
        from coronapas.dcc.valuesets_forms import from_official

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
    from coronapas.dcc.valuesets_forms import from_own

    return from_own(json.loads(files("coronapas.dcc").joinpath("data/valuesets.json").read_bytes()))
