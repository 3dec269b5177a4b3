"""What a health register knows: a holder, and a vaccination, a test or a recovery.

The values are in a register's terms (dates, enumerations, products by code or name) and carry no
trace of the wire. They are plain carriers: nothing is checked when one is made; the issuer checks
a holder and an event together and reports every fault at once (`coronapas.dcc._claims`).

The holder's data never shows in a `repr`: it would end in logs. A pass from a stranger may say
anything in any field, so the `repr` of an event names its kind and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import (
    UTC,
    date,
    datetime,
    timedelta,
)
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final
from unicodedata import normalize

if TYPE_CHECKING:
    from collections.abc import Iterable

COVID_19: Final = "840539006"
"""The SNOMED CT code of COVID-19 (value set disease-agent-targeted), which has no other member."""


class EventKind(StrEnum):
    """The three kinds of event a pass can state."""

    VACCINATION = "vaccination"
    TEST = "test"
    RECOVERY = "recovery"

    @property
    def group(self) -> str:
        """The event's group in the payload: ``v``, ``t`` or ``r`` (DCC schema, top level)."""
        return self.value[0]


class TestKind(StrEnum):
    """The kind of test, by its LOINC code (value set covid-19-lab-test-type)."""

    __test__ = False  # pytest would collect the class by its name

    NAAT = "LP6464-4"
    RAT = "LP217198-3"

    @classmethod
    def of(cls, text: str) -> TestKind | None:
        """Read a code or a name (``NAAT``, in any case); None where it is neither."""
        return _KINDS.get(text) or _KINDS.get(text.casefold())


class TestResult(StrEnum):
    """The result of a test, by its SNOMED CT code (value set covid-19-lab-result)."""

    __test__ = False

    NOT_DETECTED = "260415000"
    DETECTED = "260373001"

    @classmethod
    def of(cls, text: str) -> TestResult | None:
        """Read a code or a name (``not detected``, in any case); None where it is neither."""
        return _RESULTS.get(text) or _RESULTS.get(text.casefold())


_KINDS: Final[Mapping[str, TestKind]] = MappingProxyType(
    {key: kind for kind in TestKind for key in (kind.value, kind.name.casefold())}
)
_RESULTS: Final[Mapping[str, TestResult]] = MappingProxyType(
    {
        key: result
        for result in TestResult
        for key in (result.value, result.name.replace("_", " ").casefold())
    }
)


@dataclass(frozen=True, slots=True)
class PartialDate:
    """A date of birth known to the year, or to the year and month.

    DCC schema, ``dob``: ``YYYY`` or ``YYYY-MM``. A wholly unknown date is None, a known one a
    `date`.
    """

    year: int
    """The year, 1900 to 2099 where a pass is to state it."""
    month: int | None = None
    """The month, 1 to 12; None where it is unknown."""

    def __str__(self) -> str:
        return f"{self.year:04}" if self.month is None else f"{self.year:04}-{self.month:02}"


def _filled(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _day_text(day: date | None) -> str | None:
    """Write a day; one that could not be read of an odd pass is None."""
    return None if day is None else day.isoformat()


def _moment_text(moment: datetime | None) -> str | None:
    """Write a moment; an offset with seconds, which RFC 3339 cannot say, becomes UTC."""
    if moment is None:
        return None
    offset = moment.utcoffset()
    if offset is not None and offset % timedelta(minutes=1):
        moment = moment.astimezone(UTC)
    text = moment.isoformat()
    return text.removesuffix("+00:00") + "Z" if text.endswith("+00:00") else text


@dataclass(frozen=True, slots=True)
class Holder:
    """The person whom a pass is about.

    Names are as the register writes them (any script); the machine-readable forms are made when
    issuing, or given here where a travel document already states them (A-Z and ``<``). At least one
    of the two names is needed. `birth_date` is None where it is wholly unknown.
    """

    family_name: str | None = field(default=None, repr=False)
    """The family name in its own script; None where there is none."""
    given_name: str | None = field(default=None, repr=False)
    """The given names in their own script; None where there are none."""
    birth_date: date | PartialDate | None = field(default=None, repr=False)
    family_name_mrz: str | None = field(default=None, repr=False)
    """The family name in A-Z and ``<`` (ICAO Doc 9303); None: made when issuing."""
    given_name_mrz: str | None = field(default=None, repr=False)
    """The given names likewise."""

    def to_json(self) -> dict[str, str | None]:
        """Return the holder as ``schemas/facts.schema.json`` has it; the birth date always."""
        person: dict[str, str | None] = _filled(
            {
                "family_name": self.family_name,
                "given_name": self.given_name,
                "family_name_mrz": self.family_name_mrz,
                "given_name_mrz": self.given_name_mrz,
            }
        )
        person["birth_date"] = None if self.birth_date is None else str(self.birth_date)
        return person


@dataclass(frozen=True, slots=True)
class Vaccination:
    """One dose of a vaccine.

    `product` is the code of the value set vaccines-covid-19-names (``EU/1/20/1528``) or its name
    (``Comirnaty``); `vaccine` (prophylaxis) and `manufacturer` follow from it and are given only
    for products that the encoding instructions do not name. `dose_number` and `doses` are dn and
    sd; `date` is the local day of the dose. `country` is where it was given, None meaning the
    issuer's.
    """

    product: str = field(repr=False)
    dose_number: int = field(repr=False)
    doses: int = field(repr=False)
    date: date = field(repr=False)
    country: str | None = field(default=None, repr=False)
    vaccine: str | None = field(default=None, repr=False)
    manufacturer: str | None = field(default=None, repr=False)
    disease: str = field(default=COVID_19, repr=False)
    """The SNOMED CT code of the disease (value set disease-agent-targeted)."""
    batch: str | None = field(default=None, repr=False)
    """The batch of the vaccine; the register's own, as no pass states it."""
    place: str | None = field(default=None, repr=False)
    """Where the dose was given; the register's own, as no pass states it."""

    def to_json(self) -> dict[str, Any]:
        """Return the event as ``schemas/facts.schema.json`` has it, without absent fields."""
        return _filled(
            {
                "product": self.product,
                "dose_number": self.dose_number,
                "doses": self.doses,
                "date": _day_text(self.date),
                "country": self.country,
                "vaccine": self.vaccine,
                "manufacturer": self.manufacturer,
                "disease": self.disease,
                "batch": self.batch,
                "place": self.place,
            }
        )


@dataclass(frozen=True, slots=True)
class Test:
    """One test for an infection.

    `sampled_at` is the moment of sampling, with its time zone; a pass states whole seconds, so a
    fraction is cut when issuing. `kind` and `result` may be given by code or by name (``NAAT``,
    ``not detected``). A NAAT states its `centre` and may state the test's `name`; a RAT states its
    `device` (value set covid-19-lab-test-manufacturer-and-name) and no name.
    """

    __test__ = False

    kind: TestKind | str = field(repr=False)
    sampled_at: datetime = field(repr=False)
    result: TestResult | str = field(repr=False)
    centre: str | None = field(default=None, repr=False)
    country: str | None = field(default=None, repr=False)
    """ISO 3166-1 alpha-2 code of where it took place; None means the issuer's country."""
    name: str | None = field(default=None, repr=False)
    device: str | None = field(default=None, repr=False)
    disease: str = field(default=COVID_19, repr=False)
    """The SNOMED CT code of the disease (value set disease-agent-targeted)."""

    def to_json(self) -> dict[str, Any]:
        """Return the event as ``schemas/facts.schema.json`` has it, without absent fields.

        Kind and result are written by name; text in the place of one of them stays as it is.
        """
        return _filled(
            {
                "kind": self.kind.name if isinstance(self.kind, TestKind) else self.kind,
                "sampled_at": _moment_text(self.sampled_at),
                "result": self.result.name.replace("_", " ").lower()
                if isinstance(self.result, TestResult)
                else self.result,
                "centre": self.centre,
                "country": self.country,
                "name": self.name,
                "device": self.device,
                "disease": self.disease,
            }
        )


@dataclass(frozen=True, slots=True)
class Recovery:
    """A past infection, proved by a first positive test.

    `valid_from` and `valid_until` are the first and the last day of the statement's validity, both
    inclusive.
    """

    first_positive: date = field(repr=False)
    """The local day of the first positive test."""
    valid_from: date = field(repr=False)
    valid_until: date = field(repr=False)
    country: str | None = field(default=None, repr=False)
    """ISO 3166-1 alpha-2 code of where it took place; None means the issuer's country."""
    disease: str = field(default=COVID_19, repr=False)
    """The SNOMED CT code of the disease (value set disease-agent-targeted)."""

    def to_json(self) -> dict[str, Any]:
        """Return the event as ``schemas/facts.schema.json`` has it, without absent fields."""
        return _filled(
            {
                "first_positive": _day_text(self.first_positive),
                "valid_from": _day_text(self.valid_from),
                "valid_until": _day_text(self.valid_until),
                "country": self.country,
                "disease": self.disease,
            }
        )


Event = Vaccination | Test | Recovery

EVENT_TYPES: Final = (Vaccination, Test, Recovery)
"""The types of an event, for `isinstance`."""


@dataclass(frozen=True, slots=True)
class PassFacts:
    """What one pass states, in the register's terms again.

    `issuer` is the organisation named in the entry, `uvci` the identifier as the pass carries it,
    `schema_version` the payload's ``ver``. A pass has one event. Of a pass that has several, which
    a verifier only accepts with the tolerance ``content.several-events``, `event` is the newest,
    and `others` are the facts of the rest, newest first.
    """

    holder: Holder = field(repr=False)
    """The person whom the pass is about."""
    event: Event
    issuer: str | None = field(default=None, repr=False)
    uvci: str | None = field(default=None, repr=False)
    schema_version: str | None = field(default=None, repr=False)
    others: tuple[PassFacts, ...] = field(default=(), repr=False)

    @property
    def all(self) -> tuple[PassFacts, ...]:
        """The facts of every event of the pass, newest first; these alone for nearly every pass."""
        return self, *self.others

    @property
    def events(self) -> tuple[Event, ...]:
        """Every event of the pass, newest first."""
        return tuple(each.event for each in self.all)

    @property
    def kind(self) -> EventKind:
        """Which kind of event the pass states."""
        return kind_of(self.event)

    def to_json(self) -> dict[str, Any]:
        """Return the facts as ``schemas/facts.schema.json`` has them, ready to be issued again."""
        return _filled(
            {
                "holder": self.holder.to_json(),
                self.kind.value: self.event.to_json(),
                "issuer": self.issuer,
                "uvci": self.uvci,
            }
        )


def kind_of(event: Event) -> EventKind:
    """Tell the kind of an event."""
    match event:
        case Vaccination():
            return EventKind.VACCINATION
        case Test():
            return EventKind.TEST
        case Recovery():
            return EventKind.RECOVERY


# Whether two statements are about one person: match, no match, or unsure.
#
# The one comparison of persons: a holder's wallet and history use `compare_holders`, and
# `coronapas.denmark.compare` an identity document, with the same outcomes and the same rule for
# birth dates. What unsure means is the caller's to say.
#
# The rules for two holders, each from a pass:
#
# 1. Family and given names are compared each with its like. Where both sides state it as it is
# written, and it is the same (case, white space and Unicode's form aside), it matches, however it
# was transliterated (GUENTHER, GUNTHER).
# 2. Else it matches where the standardised forms are the same but for fillers (``DR<<X``, ``DR<X``;
# ``ALAN<RICK``, ``ALANRICK``).
# 3. Else it is unsure where one of them is missing or cut, where all parts of one are among the
# other's, or where the forms differ only by what ICAO Doc 9303 part 3 lets an issuer choose
# (``UE`` or ``U`` for Ü).
# 4. Otherwise it is no match.
# 5. Birth dates known to the day are equal or not. Where one is known in part, the parts that both
# know contradict each other (no match) or do not (unsure).
# 6. The whole: no match where any part says so, match where all do, unsure otherwise.
#
# Likeness is not measured: a misspelt name is no match.

if TYPE_CHECKING:
    Birth = date | PartialDate | None

_LONGEST: Final = 320
"""The most characters of a written name that are compared, inclusive."""
_CUT: Final = 30
"""A standardised name of at least so many characters may have been cut (Doc 9303, part 4)."""
_CHOICES: Final = (("AE", "A"), ("OE", "O"), ("UE", "U"), ("AA", "A"), ("SS", "S"))


class Agreement(StrEnum):
    """Whether two statements of a person agree."""

    MATCH = "match"
    NO_MATCH = "no match"
    UNSURE = "unsure"
    """A person must decide."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The outcome of a comparison, and of its two halves."""

    outcome: Agreement
    """The whole: no match where either half says so, match where both do, else unsure."""
    name: Agreement
    """The comparison of the names."""
    birth_date: Agreement
    """The comparison of the birth dates."""

    @property
    def matches(self) -> bool:
        """Whether both name and birth date match for certain."""
        return self.outcome is Agreement.MATCH

    def is_same(self, *, unsure_names: bool = False) -> bool:
        """Whether the two count as one person for passes that one person hands over.

        A birth date that is known in part may be the same; a name that is unsure counts as the same
        only with `unsure_names`.
        """
        names = (Agreement.MATCH, Agreement.UNSURE) if unsure_names else (Agreement.MATCH,)
        return self.name in names and self.birth_date is not Agreement.NO_MATCH


def compare_holders(one: Holder, other: Holder) -> Comparison:
    """Return whether two passes are about one person."""
    name = together(
        (
            _compare_names(
                one.family_name, one.family_name_mrz, other.family_name, other.family_name_mrz
            ),
            _compare_names(
                one.given_name, one.given_name_mrz, other.given_name, other.given_name_mrz
            ),
        )
    )
    born = compare_births(one.birth_date, other.birth_date)
    return Comparison(together((name, born)), name, born)


def compare_births(one: Birth, other: Birth) -> Agreement:
    """Return whether two birth dates are the same, as far as both are known."""
    if one is None or other is None:
        return Agreement.UNSURE
    return compare_numbers(numbers(one), numbers(other))


def numbers(born: date | PartialDate) -> tuple[int | None, int | None, int | None]:
    """Return year, month and day, each None where it is not known."""
    return born.year, born.month, getattr(born, "day", None)


def compare_numbers(one: Iterable[int | None], other: Iterable[int | None]) -> Agreement:
    """Return whether two dates are the same, part by part; None is a part that is not known."""
    pairs = [*zip(one, other, strict=True)]
    if any(a != b for a, b in pairs if a is not None and b is not None):
        return Agreement.NO_MATCH
    return Agreement.UNSURE if any(None in pair for pair in pairs) else Agreement.MATCH


def together(found: Iterable[Agreement]) -> Agreement:
    """Return what halves come to: no match where any says so, match where all do."""
    outcomes = {*found}
    if Agreement.NO_MATCH in outcomes:
        return Agreement.NO_MATCH
    return Agreement.UNSURE if Agreement.UNSURE in outcomes else Agreement.MATCH


def _compare_names(
    written: str | None, standard: str | None, other: str | None, other_standard: str | None
) -> Agreement:
    mine, theirs = _even(written), _even(other)
    if mine and mine == theirs:
        return Agreement.MATCH
    parts, others = _parts(standard), _parts(other_standard)
    if not parts or not others:
        # Neither side has such a name, or one of them does not state it in this form.
        stated = bool(mine or parts), bool(theirs or others)
        return Agreement.UNSURE if any(stated) else Agreement.MATCH
    first, second = "".join(parts), "".join(others)
    if first == second:
        return Agreement.MATCH
    shorter, longer = sorted((first, second), key=len)
    unsure = (
        {*parts} <= {*others}
        or {*others} <= {*parts}
        or (len(shorter) >= _CUT and longer.startswith(shorter))
        or _chosen(first) == _chosen(second)
    )
    return Agreement.UNSURE if unsure else Agreement.NO_MATCH


def _even(name: str | None) -> str:
    """Return a written name without what says nothing; one that is too long as it is."""
    if name is None or len(name) > _LONGEST:
        return name or ""
    return " ".join(normalize("NFC", normalize("NFC", name).casefold()).split())


def _parts(standard: str | None) -> list[str]:
    return [part for part in (standard or "").upper().strip().split("<") if part]


def _chosen(standard: str) -> str:
    for written, plain in _CHOICES:
        standard = standard.replace(written, plain)
    return standard
