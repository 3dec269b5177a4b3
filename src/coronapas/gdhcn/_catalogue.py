"""The catalogue of vaccine products, which the caller supplies: identifier to disease and maker.

WHO publishes such lists under a licence that does not admit bundling them, and has replaced all
identifiers once already. So the catalogue is a document of the caller's
(``schemas/products.schema.json``), and one product may have identifiers of several families.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from coronapas import _json
from coronapas.errors import CatalogueError, Fault

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

YELLOW_FEVER: Final = "1D47"
"""The ICD-11 code of yellow fever."""

POLIO: Final = "1C81"
"""The ICD-11 code of acute poliomyelitis."""

COVID_19: Final = "RA01"
"""The ICD-11 code of COVID-19."""

MOST_PRODUCTS: Final = 10_000
"""The most products of a catalogue, inclusive."""

LARGEST: Final = 16 * 1024 * 1024
"""The largest catalogue, in bytes, inclusive."""

_DISEASE: Final = re.compile(r"[0-9A-Z]{2,4}[0-9A-Z](\.[0-9A-Z]{1,2})?")
_FAMILY: Final = re.compile("[a-z0-9][a-z0-9-]{0,39}")
_TEXT: Final = 200


@dataclass(frozen=True, slots=True)
class Family:
    """One family of identifiers.

    Attributes:
        name: How the catalogue calls it, such as ``prequal-2026``.
        system: The address of the code system; empty where there is none.
        ignore_case: Whether identifiers are compared without case.

    """

    name: str
    system: str = ""
    ignore_case: bool = False


@dataclass(frozen=True, slots=True)
class Product:
    """One vaccine or prophylaxis.

    Attributes:
        name: Its name, for a person.
        disease: What it protects from: an ICD-11 code such as `YELLOW_FEVER`.
        manufacturer: Who makes it; empty where that is not stated.
        ids: Its identifiers, by the name of their family.
        approved_from: The first day on which a dose of it counts; None for no such day.
        approved_until: The last day on which a dose of it counts; None for no such day.

    """

    name: str
    disease: str
    manufacturer: str = ""
    ids: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    approved_from: date | None = None
    approved_until: date | None = None

    def approved_on(self, day: date) -> bool:
        """Return whether a dose given on `day` counts; both ends are inclusive."""
        return not (
            (self.approved_from is not None and day < self.approved_from)
            or (self.approved_until is not None and day > self.approved_until)
        )


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The products that a verifier or an issuer knows.

    Attributes:
        name: What the catalogue is called.
        source: Where it comes from.
        products: All products.
        families: The families of identifiers, by name.

    """

    name: str
    products: tuple[Product, ...]
    families: Mapping[str, Family]
    source: str = ""
    _found: Mapping[tuple[bool, str], Product] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        found = _index(self.products, self.families, _json.Faults())
        object.__setattr__(self, "_found", found)

    @classmethod
    def load(cls, document: bytes | str | Mapping[str, Any]) -> Catalogue:
        """Read a catalogue: a JSON text, or what a JSON parser returned for one.

        Raises CatalogueError with every fault.
        """
        if isinstance(document, bytes | str):
            try:
                document = _json.load(document, limit=LARGEST, keep_doubled=True)
            except _json.JsonError as error:
                problem = f"The catalogue cannot be read: {error}."
                hint = "Give a JSON document that follows products.schema.json."
                raise CatalogueError([Fault("", "json.malformed", problem, hint)]) from None
        faults = _json.Faults()
        reader = _json.Reader(document, "", faults)
        name = reader.text("name", required=True)
        source = reader.text("source")
        reader.string("$schema", least=0)
        families = dict(_families(reader))
        products = tuple(_products(reader, families))
        reader.close()
        _index(products, families, faults)
        if faults.found:
            raise CatalogueError(faults.found)
        return cls(name, products, families, source)

    def find(self, identifier: str) -> Product | None:
        """Return the product that has an identifier, in whatever family; None for none."""
        return self._found.get((False, identifier)) or self._found.get(
            (True, identifier.casefold())
        )


def _families(reader: _json.Reader) -> Iterator[tuple[str, Family]]:
    row = reader.row("families", required=True)
    if row is None:
        return
    if not row.malformed and not row.values:
        row.note("", "missing", "There is no family of identifiers.", "Name one at least.")
    for name in row.values:
        if not _FAMILY.fullmatch(name):
            problem = "The name of a family must have 1 to 40 of a-z, 0-9 and hyphens."
            row.note("", "name", problem, "Rename it.")
            row.take(name)
            continue
        inner = row.row(name)
        if inner is None:
            continue
        system = inner.text("system")
        ignore_case = inner.flag("ignore_case")
        inner.close()
        yield name, Family(name, system, ignore_case)
    row.close()


def _products(reader: _json.Reader, families: Mapping[str, Family]) -> Iterator[Product]:
    if not reader.has("products"):
        reader.take("products", required=True)
    for row in reader.rows("products", most=MOST_PRODUCTS):
        name = row.text("name", required=True)
        disease = row.string("disease", required=True) or ""
        if disease and not _DISEASE.fullmatch(disease):
            row.note("disease", "code", "This is not an ICD-11 code.", "Write one such as 1D47.")
        manufacturer = row.text("manufacturer")
        ids = dict(_ids(row, families))
        first, last = row.day("approved_from"), row.day("approved_until")
        if first is not None and last is not None and last < first:
            row.note("approved_until", "order", "It ends before it begins.", "Correct the days.")
        row.close()
        yield Product(name, disease, manufacturer, ids, first, last)


def _ids(
    row: _json.Reader, families: Mapping[str, Family]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    inner = row.row("ids", required=True)
    if inner is None:
        return
    if not inner.malformed and not inner.values:
        inner.note("", "missing", "The product has no identifier.", "Give one at least.")
    for name in inner.values:
        if name not in families:
            inner.take(name)
            problem = "This family of identifiers is not one of the catalogue's."
            inner.note("", "family", problem, "Add it to families.")
            continue
        found = inner.strings(name)
        if found is not None and not found:
            inner.note(name, "list", "The list is empty.", "Give an identifier.")
        if found and any(not text.strip() or len(text) > _TEXT for text in found):
            problem = f"An identifier must have 1 to {_TEXT} characters, and not blanks alone."
            inner.note(name, "text", problem, "Correct it.")
        yield name, found or ()
    inner.close()


def _index(
    products: tuple[Product, ...], families: Mapping[str, Family], faults: _json.Faults
) -> dict[tuple[bool, str], Product]:
    """Return the products by identifier; one that two products have is a fault."""
    found: dict[tuple[bool, str], Product] = {}
    for place, product in enumerate(products):
        for name, identifiers in product.ids.items():
            family = families[name]
            for text in identifiers:
                key = family.ignore_case, text.casefold() if family.ignore_case else text
                if found.setdefault(key, product) is not product:
                    faults.note(
                        f"products.{place}.ids.{name}",
                        "json.repeated",
                        "An identifier belongs to another product already.",
                        "Give each product identifiers of its own.",
                    )
    return found
