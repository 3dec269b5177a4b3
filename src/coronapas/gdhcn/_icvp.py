"""The International Certificate of Vaccination or Prophylaxis (ICVP): claim -6 of ``hcert``.

WHO's digital form of the yellow booklet (International Health Regulations, annex 6). Four shapes
are met, told apart by their members:

- A1 (smart-icvp 0.1.0, 2024-12): ``v`` is a map that names the disease and the manufacturer;
- A2 (0.3.0, 2025-10-30): ``v`` is a list of doses with a product of WHO's list. A map is read too,
  as WHO's validator does;
- B0 (smart-trust-phw, DVCMin): ``vx`` is a map whose date is ``dt``, and ``v`` is the version;
- B (smart-icvp, ICVPMin, 2026): as B0, the date being ``dv``.

At the top ``dt`` is a type of document, in a dose a date. A name is one text: nothing says where
the surname ends, and no split is invented. `read` reports every departure from the content's own
shape as a deviation; `write` gives the claim back, in the shape that the certificate has.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from coronapas import _json
from coronapas.dcc._text import (
    CONTROLS,
    is_normal,
    normal,
    read_birth_date,
    read_date,
)
from coronapas.errors import FactsError, Fault
from coronapas.facts import PartialDate
from coronapas.tolerances import Deviation, _step

if TYPE_CHECKING:
    from collections.abc import Mapping

ICVP_LABEL: Final = -6
"""The label of the claim inside ``hcert``; negative labels count as under development."""

LATEST_VERSION: Final = "1.0.0"
"""The version that is written; WHO's model of 2026 calls itself version 1."""

KNOWN_VERSIONS: Final = frozenset({"1", "1.0", LATEST_VERSION})
"""The versions of shape B that are read for certain."""

SEXES: Final = ("male", "female", "other", "unknown")
"""The codes of FHIR's AdministrativeGender, the only ones of a sex."""

MOST_UNKNOWN: Final = 64
"""The most unknown fields of one claim that are reported, inclusive."""

MOST_DOSES: Final = 64
"""The most doses of one claim that are read, inclusive; more are a deviation (`content.schema`)."""

COUNTRY_3: Final = re.compile("[A-Z]{3}")
"""The form of an ISO 3166-1 alpha-3 code, and of a participant of WHO's network."""

_CONTROL: Final = re.compile(f"[{CONTROLS}]")
_COUNTRY_2: Final = re.compile("[A-Z]{2}")
_NAMED_PRODUCT: Final = re.compile("([A-Za-z]{1,24})Product[0-9a-f]{32}", re.IGNORECASE)


class Shape(StrEnum):
    """The shape of a claim -6, by the generation of its specification."""

    A1 = "A1"
    A2 = "A2"
    B0 = "B0"
    B = "B"

    @property
    def container(self) -> str:
        """The member that holds the dose or doses."""
        return "v" if self in (Shape.A1, Shape.A2) else "vx"


@dataclass(frozen=True, slots=True)
class Traveller:
    """The person whom a certificate is about, as the document for travelling states them.

    Attributes:
        name: The whole name, in the order of the document.
        birth_date: The date of birth; known in part where an older certificate states it so.
        sex: One of `SEXES` in today's shape, any text in an older one.
        nationality: An ISO 3166-1 alpha-3 code; two letters in an older shape.
        document_id: The number of the document for travelling.
        document_type: Its type, a code of HL7 v2-0203 such as ``PPN``.
        guardian: The name of a parent or guardian.

    """

    name: str | None = field(default=None, repr=False)
    birth_date: date | PartialDate | None = field(default=None, repr=False)
    sex: str | None = field(default=None, repr=False)
    nationality: str | None = field(default=None, repr=False)
    document_id: str | None = field(default=None, repr=False)
    document_type: str | None = field(default=None, repr=False)
    guardian: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Prophylaxis:
    """One dose of a vaccine, or one prophylaxis.

    Attributes:
        product: The product's identifier: of WHO's list, or an ICD-11 code in shape A1.
        given_on: The local day of the dose.
        batch: The batch or lot.
        clinician: The name of the supervising clinician.
        authority: The issuing authority: a participant of WHO's network, free text in shape A1.
        disease: What it protects from, an ICD-11 code; in shape A1 alone.
        dose: Which dose it is, in words; in shape A1 alone.
        market_holder: The code of the holder of the marketing authorisation; in shape A1 alone.
        manufacturer: The manufacturer; in shape A1 alone.
        manufacturer_id: The code of the manufacturer; in shape A1 alone.
        valid_from: The first day of validity that is stated; in shapes A1 and A2 alone.
        valid_until: The last day of validity that is stated; in shapes A1 and A2 alone.

    """

    product: str | None = field(default=None, repr=False)
    given_on: date | None = field(default=None, repr=False)
    batch: str | None = field(default=None, repr=False)
    clinician: str | None = field(default=None, repr=False)
    authority: str | None = field(default=None, repr=False)
    disease: str | None = field(default=None, repr=False)
    dose: str | None = field(default=None, repr=False)
    market_holder: str | None = field(default=None, repr=False)
    manufacturer: str | None = field(default=None, repr=False)
    manufacturer_id: str | None = field(default=None, repr=False)
    valid_from: date | None = field(default=None, repr=False)
    valid_until: date | None = field(default=None, repr=False)

    @property
    def product_hint(self) -> str | None:
        """What an identifier such as ``YellowFeverProduct…`` seems to name; None for others.

        A hint for a person: only a catalogue says what a product is (`coronapas.gdhcn.Catalogue`).
        """
        found = _NAMED_PRODUCT.fullmatch(self.product or "")
        return None if found is None else found[1]


@dataclass(frozen=True, slots=True)
class Icvp:
    """An International Certificate of Vaccination or Prophylaxis, as it was read or is written.

    Attributes:
        shape: The shape of the claim.
        traveller: The person.
        doses: The doses: one, save in shape A2, which allowed several.
        version: The version that is stated; in shapes B0 and B alone.
        issued_on: The day of issue that is stated; in shape B alone, where recent drafts have it.

    """

    shape: Shape
    traveller: Traveller
    doses: tuple[Prophylaxis, ...]
    version: str | None = field(default=None, repr=False)
    issued_on: date | None = field(default=None, repr=False)

    @property
    def ambiguous(self) -> bool:
        """Whether the version is one that this library does not know for certain."""
        return self.shape is Shape.B and self.version not in KNOWN_VERSIONS


# The members of each shape: what is read of them, and how much they are needed. A field that is
# required and that nobody can do without is "vital"; one that is required is "required".
_NAME, _BIRTH, _DATE, _TEXT = "name", "birth", "date", "text"


@dataclass(frozen=True, slots=True)
class _Member:
    attribute: str
    form: str = _TEXT
    required: bool = False
    vital: bool = False


_PERSON: Final = {
    "n": _Member("name", _NAME, required=True, vital=True),
    "dob": _Member("birth_date", _BIRTH, required=True, vital=True),
}
_GUARDIAN: Final = {"gn": _Member("guardian")}
_OLD_PERSON: Final = {
    **_PERSON,
    "s": _Member("sex"),
    "ntl": _Member("nationality"),
    "nid": _Member("document_id"),
}
_TOP: Final[dict[Shape, dict[str, _Member]]] = {
    Shape.A1: {**_OLD_PERSON, **_GUARDIAN},
    Shape.A2: {**_OLD_PERSON, "ndt": _Member("document_type"), **_GUARDIAN},
    Shape.B: {
        **_PERSON,
        "s": _Member("sex", required=True),
        "nt": _Member("nationality", required=True),
        "id": _Member("document_id"),
        "dt": _Member("document_type"),
        **_GUARDIAN,
    },
}
_TOP[Shape.B0] = _TOP[Shape.B]

_PRODUCT: Final = {"vp": _Member("product", required=True, vital=True)}
_BATCH: Final = {"bo": _Member("batch", required=True, vital=True)}
_SIGNER: Final = {"cn": _Member("clinician"), "is": _Member("authority")}
_STATED: Final = {"vls": _Member("valid_from", _DATE), "vle": _Member("valid_until", _DATE)}
_DAY: Final = _Member("given_on", _DATE, required=True, vital=True)
_DOSE: Final[dict[Shape, dict[str, _Member]]] = {
    Shape.A1: {
        "dn": _Member("dose", required=True),
        "tg": _Member("disease", required=True),
        **_PRODUCT,
        "mp": _Member("market_holder"),
        "ma": _Member("manufacturer", required=True),
        "mid": _Member("manufacturer_id"),
        "dt": _DAY,
        **_BATCH,
        **_STATED,
        **_SIGNER,
    },
    Shape.A2: {**_PRODUCT, "dt": _DAY, **_BATCH, **_STATED, **_SIGNER},
    Shape.B0: {**_PRODUCT, "dt": _DAY, **_BATCH, **_SIGNER},
    Shape.B: {**_PRODUCT, "dv": _DAY, **_BATCH, **_SIGNER},
}
_ONLY_A1: Final = ("dn", "tg", "ma", "mp", "mid")
_NOTES: Final = {
    "content.birth-date": "birth date not a full date",
    "content.date": "not a date of the calendar",
    "content.date-with-time": "date followed by a time",
}


def shape_of(claim: object) -> Shape | None:
    """Return the shape of a claim -6 by its members; None where it has no dose at all."""
    if not isinstance(claim, dict):
        return None
    if "vx" in claim:
        dose = claim["vx"]
        if isinstance(dose, list) and dose:
            dose = dose[0]
        old = isinstance(dose, dict) and "dt" in dose and "dv" not in dose
        return Shape.B0 if old else Shape.B
    dose = claim.get("v")
    if isinstance(dose, list):
        return Shape.A2
    if isinstance(dose, dict):
        return Shape.A1 if any(name in dose for name in _ONLY_A1) else Shape.A2
    return None


def read(claim: object) -> tuple[Icvp | None, tuple[Deviation, ...]]:
    """Read a claim -6 of any shape, tolerantly; no trust implied.

    Returns the certificate, None where the claim has no shape, and the deviations from its shape.
    Never raises. What could not be read is None in the certificate and a deviation.
    """
    shape = shape_of(claim)
    if shape is None or not isinstance(claim, dict):
        note = "not a certificate of vaccination: no dose"
        return None, (Deviation("content.schema", "", note),)
    reader = _Reader()
    if shape is not Shape.B:
        reader.note("content.older-shape", "", f"shape {shape}, which today's shape B replaces")
    top = {name: value for name, value in claim.items() if name != shape.container}
    version = issued_on = None
    if shape.container == "vx":
        version = reader.text("v", top.pop("v", None))
        if version is None:
            reader.note("content.field-missing", "v", "the version is not stated")
        elif shape is Shape.B and version not in KNOWN_VERSIONS:
            reader.note("content.version-ambiguous", "v", "a version that is not known")
        if shape is Shape.B:
            issued_on = reader.day("d", top.pop("d", None))
    person = reader.members(top, _TOP[shape], "")
    reader.codes(person, shape)
    doses = tuple(_doses(claim[shape.container], shape, reader))
    found = Icvp(shape, Traveller(**person), doses, version, issued_on)
    born = found.traveller.birth_date
    for dose in doses:
        day = dose.given_on
        if day and isinstance(born, date) and day < born:
            reader.note("content.date-order", "dob", "the dose was given before the birth")
        if day and issued_on and issued_on < day:
            reader.note("content.date-order", "d", "issued before the dose was given")
    return found, tuple(dict.fromkeys(reader.found))


def write(certificate: Icvp) -> dict[str, Any]:
    """Return the claim -6 that states a certificate, in the certificate's own shape.

    Nothing is checked: `coronapas.gdhcn.IcvpIssuer` is what issues. Of a certificate of one shape
    the fields that only another has are left out.
    """
    shape = certificate.shape
    claim: dict[str, Any] = {**_written(certificate.traveller, _TOP[shape])}
    doses = [_written(dose, _DOSE[shape]) for dose in certificate.doses]
    claim[shape.container] = doses if shape is Shape.A2 else next(iter(doses), {})
    if shape.container == "vx" and certificate.version is not None:
        claim["v"] = certificate.version
    if shape is Shape.B and certificate.issued_on is not None:
        claim["d"] = certificate.issued_on.isoformat()
    return claim


def _doses(value: object, shape: Shape, reader: _Reader) -> list[Prophylaxis]:
    name = shape.container
    if isinstance(value, list):
        if shape is not Shape.A2:
            reader.note("content.schema", name, "a list, where one dose is stated")
        if not value or len(value) > MOST_DOSES:
            reader.note("content.schema", name, f"not 1 to {MOST_DOSES} doses")
        elif len(value) > 1:
            reader.note("content.several-doses", name, "several doses in one certificate")
        places = [(f"{name}.{place}", each) for place, each in enumerate(value[:MOST_DOSES])]
    else:
        if shape is Shape.A2:
            reader.note("content.older-shape", name, "one dose, where a list is stated")
        places = [(name, value)]
    found = []
    for path, each in places:
        if not isinstance(each, dict):
            reader.note("content.schema", path, "not a dose")
            continue
        members = reader.members(each, _DOSE[shape], path)
        if members.get("clinician") is None and members.get("authority") is None:
            reader.note("content.field-missing", path, "neither clinician nor authority is stated")
        authority = members.get("authority")
        if authority and shape is not Shape.A1 and not COUNTRY_3.fullmatch(authority):
            note = "not the form of a participant's code"
            reader.note("content.value-set", f"{path}.is", note)
        found.append(Prophylaxis(**members))
    return found


def _written(value: Traveller | Prophylaxis, members: Mapping[str, _Member]) -> dict[str, str]:
    found = {}
    for name, member in members.items():
        stated = getattr(value, member.attribute)
        if stated is not None:
            found[name] = stated.isoformat() if isinstance(stated, date) else str(stated)
    return found


class _Reader:
    """Reads members one by one and notes what departs from their form."""

    def __init__(self) -> None:
        self.found: list[Deviation] = []
        self._unknown = 0

    def note(self, code: str, path: str, note: str) -> None:
        self.found.append(Deviation(code, path, note))

    def members(
        self, value: Mapping[Any, Any], members: Mapping[str, _Member], path: str
    ) -> dict[str, Any]:
        """Read the members of a map that its shape has; the others are deviations."""
        read_as: dict[str, Any] = {}
        for name, member in members.items():
            place = f"{path}.{name}" if path else name
            match member.form:
                case "birth":
                    stated: Any = self.birth(place, value.get(name))
                case "date":
                    stated = self.day(place, value.get(name))
                case _:
                    stated = self.text(place, value.get(name), null=name in value)
            if stated is not None:
                read_as[member.attribute] = stated
            elif member.form == _NAME:
                self.note("content.no-name", place, "no name")
            elif member.vital:
                self.note("content.schema", place, "missing or unreadable")
            elif member.required:
                self.note("content.field-missing", place, "missing, and required by the shape")
        for name in value:
            if name not in members and self._unknown < MOST_UNKNOWN:
                self._unknown += 1
                place = f"{path}.{_step(name)}" if path else _step(name)
                self.note("content.unknown-field", place, "not a field of this shape")
        return read_as

    def text(self, place: str, value: object, *, null: bool = False) -> str | None:
        """Read a text in the normal form NFC, without white space around it."""
        if value is None:
            if null:
                self.note("content.null-field", place, "null")
            return None
        if not isinstance(value, str):
            self.note("content.schema", place, "not text")
            return None
        text = value.strip()
        if not text:
            self.note("content.empty-field", place, "empty")
            return None
        if text != value:
            self.note("content.whitespace", place, "white space around the value")
        if _CONTROL.search(text):
            self.note("content.control-character", place, "a control character")
        if not is_normal(text):
            self.note("content.not-nfc", place, "not in Unicode's normal form NFC")
        return normal(text)

    def birth(self, place: str, value: object) -> date | PartialDate | None:
        text = self.text(place, value)
        born, codes = (None, ()) if text is None else read_birth_date(text)
        if isinstance(born, PartialDate):
            codes = (*codes, "content.birth-date")
        for code in dict.fromkeys(codes):
            self.note(code, place, _NOTES[code])
        return born

    def day(self, place: str, value: object) -> date | None:
        text = self.text(place, value)
        day, codes = (None, ()) if text is None else read_date(text)
        for code in codes:
            self.note(code, place, _NOTES[code])
        return day

    def codes(self, person: Mapping[str, Any], shape: Shape) -> None:
        """Note the sex and the nationality that are not codes of their lists."""
        sex, nation = person.get("sex"), person.get("nationality")
        if sex is not None and sex not in SEXES:
            self.note("content.value-set", "s", "not a code of a sex")
        if nation is not None and not COUNTRY_3.fullmatch(nation):
            old = shape in (Shape.A1, Shape.A2)
            if not (old and _COUNTRY_2.fullmatch(nation)):
                name = "ntl" if old else "nt"
                self.note("content.value-set", name, "not the form of a country's code")


# A traveller and a dose as JSON: documents that follow ``schemas/icvp.schema.json``.
#
# Reading judges the shape alone; whether a certificate can be issued of it is the issuer's to say.


LARGEST: Final = 65_536
"""The largest document, in bytes, inclusive."""

_PERSON_MEMBERS: Final = ("name", "sex", "nationality", "document_id", "document_type", "guardian")
_DOSE_MEMBERS: Final = ("product", "batch", "clinician", "authority")
_STATED_MEMBERS: Final = ("disease", "dose", "market_holder", "manufacturer", "manufacturer_id")


def read_facts(document: bytes | str | Mapping[str, Any]) -> tuple[Traveller, Prophylaxis]:
    """Read the facts of a certificate: a JSON text, or what a JSON parser returned for one.

    Raises FactsError with every fault of the shape.
    """
    if isinstance(document, bytes | str):
        try:
            document = _json.load(document, limit=LARGEST, keep_doubled=True)
        except _json.JsonError as error:
            problem = f"The facts cannot be read: {error}."
            hint = "Give a JSON document that follows icvp.schema.json."
            raise FactsError([Fault("", "json.malformed", problem, hint)]) from None
    faults = _json.Faults()
    reader = _json.Reader(document, "", faults)
    reader.string("$schema", least=0)
    person, dose = reader.row("traveller", required=True), reader.row("dose", required=True)
    reader.close()
    traveller, given = Traveller(), Prophylaxis()
    if person is not None:
        texts = {
            name: person.maybe_text(name, required=name in ("name", "sex", "nationality"))
            for name in _PERSON_MEMBERS
        }
        traveller = Traveller(birth_date=person.day("birth_date", required=True), **texts)
        person.close()
    if dose is not None:
        given = Prophylaxis(
            dose.text("product", required=True),
            dose.day("given_on", required=True),
            dose.text("batch", required=True),
            dose.maybe_text("clinician"),
            dose.maybe_text("authority"),
        )
        dose.close()
    if faults.found:
        raise FactsError(faults.found)
    return traveller, given


def certificate_to_json(certificate: Icvp) -> dict[str, Any]:
    """Return a certificate as JSON, with all that it says of its holder.

    A certificate of one dose in today's shape gives a document that `read_facts` reads, but for
    ``shape``, ``version`` and ``issued_on``.
    """
    doses = [
        _members(dose, ("given_on", *_DOSE_MEMBERS, *_STATED_MEMBERS, "valid_from", "valid_until"))
        for dose in certificate.doses
    ]
    return {
        "shape": str(certificate.shape),
        "version": certificate.version,
        "issued_on": None if certificate.issued_on is None else certificate.issued_on.isoformat(),
        "traveller": _members(certificate.traveller, ("birth_date", *_PERSON_MEMBERS)),
        "doses": doses,
    }


def _members(value: Traveller | Prophylaxis, names: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for name in names:
        stated = getattr(value, name)
        if stated is not None:
            found[name] = stated.isoformat() if isinstance(stated, date) else str(stated)
    return found
