"""The caller's catalogue of vaccine products, and how long each protects for travel.

WHO publishes such lists under a licence that does not admit bundling them, and has replaced all
identifiers once already. So the catalogue is a document of the caller's
(``schemas/products.schema.json``), and one product may have identifiers of several families.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import (
    TYPE_CHECKING,
    Any,
    Final,
    NamedTuple,
)

from coronapas import _json
from coronapas.errors import CatalogueError, Fault
from coronapas.programmes._clock import add_months

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from coronapas.gdhcn._icvp import Prophylaxis

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


# Whether a dose protects its holder under the International Health Regulations, and until when.
#
# The rules (smart-icvp, decision logic; IHR annex 7), in the order in which they are applied:
#
# 1. The product must be one of the catalogue, approved on the day of the dose. Without a catalogue
#    nothing can be said: OPEN.
# 2. The batch and the day of the dose must be stated.
# 3. Yellow fever: valid from the tenth day after the dose (inclusive), for life. A stated end of an
#    older certificate does not end it (since 2016-07-11), and is reported.
# 4. Poliomyelitis: valid from the dose, without end.
# 5. Any other disease: no rule of the regulations; OPEN, within the validity that is stated. A
#    stated last day counts to its end.
# 6. Temporary recommendations are the caller's (`Recommendation`): a dose must lie so many days
#    before the day of travel at least, and so many months at most.
#
# The signature has an end of its own, which is another matter: it is handed through.


YELLOW_FEVER_WAIT: Final = timedelta(days=10)
"""From the day of the dose to the first day of protection."""


class Protection(StrEnum):
    """What can be said of a dose on a day."""

    VALID = "VALID"
    INVALID = "INVALID"
    OPEN = "OPEN"
    """It cannot be decided from what is at hand."""


class Reason(NamedTuple):
    """One reason: a stable code, and a sentence for a person without the holder's data."""

    code: str
    """The stable code."""
    sentence: str
    """The sentence, in English."""


@dataclass(frozen=True, slots=True)
class Recommendation:
    """A temporary recommendation that the caller applies, such as WHO's on poliomyelitis.

    Attributes:
        disease: The ICD-11 code of the disease.
        name: What it is called.
        days_before: The fewest days from the dose to the day of travel, inclusive.
        months_before: The most calendar months from the dose to the day of travel, inclusive; None
            for no limit.

    """

    disease: str
    name: str
    days_before: int = 28
    months_before: int | None = 12


@dataclass(frozen=True, slots=True)
class Validity:
    """What is true of one dose on one day.

    Attributes:
        protection: Valid, invalid, or open.
        reasons: Why; those that decide come first.
        disease: The ICD-11 code of the disease, by the catalogue; None where it is not known.
        product: The product of the catalogue; None where it is not known.
        valid_from: The first day of protection (inclusive); None where it is not known.
        valid_until: The last day (inclusive); None where there is no end, or it is not known.
        signature_until: The end of the signature (inclusive), in UTC, as the caller gave it.

    """

    protection: Protection
    reasons: tuple[Reason, ...]
    disease: str | None = None
    product: Product | None = None
    valid_from: date | None = field(default=None, repr=False)
    valid_until: date | None = field(default=None, repr=False)
    signature_until: datetime | None = None


_NO_CATALOGUE: Final = Reason(
    "product.no-catalogue", "No catalogue of products was given: what the product is is not known."
)
_UNKNOWN: Final = Reason("product.unknown", "The product is not one of the catalogue.")
_NOT_APPROVED: Final = Reason(
    "product.not-approved", "The product was not approved on the day of the dose."
)
_NO_BATCH: Final = Reason("batch.missing", "The batch is not stated.")
_NO_DATE: Final = Reason("date.missing", "The day of the dose is not stated.")
_OTHER_DISEASE: Final = Reason(
    "disease.differs", "The certificate names another disease than the product's."
)
_NO_RULE: Final = Reason("disease.no-rule", "The regulations have no rule for this disease.")
_TOO_EARLY: Final = Reason("dose.too-recent", "The protection has not begun yet.")
_OVER: Final = Reason("validity.over", "The stated validity is over.")
_END_IGNORED: Final = Reason(
    "validity.end-ignored",
    "The certificate states an end; for yellow fever the protection is for life.",
)
_GOOD: Final = Reason("dose.valid", "The dose protects its holder on that day.")


def judge(
    dose: Prophylaxis,
    on: date,
    *,
    catalogue: Catalogue | None = None,
    recommendations: Iterable[Recommendation] = (),
    signature_until: datetime | None = None,
) -> Validity:
    """Return what is true of a dose on the day `on`, the local day of the border.

    `signature_until` is handed through: whether the signature still counts is the verifier's.
    """
    product = None if catalogue is None else catalogue.find(dose.product or "")
    if product is None or dose.given_on is None:
        open_ = catalogue is None and dose.given_on is not None and dose.batch is not None
        reasons = (
            *((_NO_CATALOGUE,) if catalogue is None else () if product else (_UNKNOWN,)),
            *((_NO_BATCH,) if dose.batch is None else ()),
            *((_NO_DATE,) if dose.given_on is None else ()),
        )
        protection = Protection.OPEN if open_ else Protection.INVALID
        return Validity(protection, reasons, product=product, signature_until=signature_until)
    wrong: list[Reason] = []
    remarks: list[Reason] = []
    if not product.approved_on(dose.given_on):
        wrong.append(_NOT_APPROVED)
    if dose.batch is None:
        wrong.append(_NO_BATCH)
    if dose.disease is not None and dose.disease != product.disease:
        wrong.append(_OTHER_DISEASE)
    first, last = _window(dose, dose.given_on, product.disease, remarks)
    for each in recommendations:
        if each.disease == product.disease:
            first, last = _narrowed(first, last, dose.given_on, each)
    if on < first:
        wrong.append(_TOO_EARLY)
    if last is not None and on > last:
        wrong.append(_OVER)
    if wrong:
        protection, reasons = Protection.INVALID, (*wrong, *remarks)
    elif product.disease in (YELLOW_FEVER, POLIO):
        protection, reasons = Protection.VALID, (_GOOD, *remarks)
    else:
        protection, reasons = Protection.OPEN, (_NO_RULE, *remarks)
    return Validity(protection, reasons, product.disease, product, first, last, signature_until)


def _window(
    dose: Prophylaxis, given: date, disease: str, remarks: list[Reason]
) -> tuple[date, date | None]:
    """Return the first and the last day of protection; None for no end."""
    if disease == YELLOW_FEVER:
        if dose.valid_until is not None:
            remarks.append(_END_IGNORED)
        return _later(given, YELLOW_FEVER_WAIT), None
    if disease == POLIO:
        return given, None
    stated = dose.valid_from
    return given if stated is None else max(given, stated), dose.valid_until


def _narrowed(
    first: date, last: date | None, given: date, by: Recommendation
) -> tuple[date, date | None]:
    first = max(first, _later(given, timedelta(days=by.days_before)))
    if by.months_before is not None:
        try:
            end = add_months(given, by.months_before)
        except ValueError:
            end = date.max
        last = end if last is None else min(last, end)
    return first, last


def _later(day: date, time: timedelta) -> date:
    try:
        return day + time
    except OverflowError:
        return date.max
