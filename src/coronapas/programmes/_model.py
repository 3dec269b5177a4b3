"""A programme as data: dated rows of what counts as evidence, and of who is offered a dose.

Every row has a source and a confidence, and answers that rest on an uncertain row carry a `Mark`.
The confidences: ``S`` read in the source, ``P`` from the press or another secondary source, ``K``
recalled and unsourced, ``U`` uncertain or assumed.

The objects are made by `coronapas.programmes.load` from files that follow
``schemas/programme.schema.json``; they are frozen.

Products are named by code, by name, or by what people say: the names and the lengths of courses are
those of `coronapas.dcc` (value sets of the EU DCC, and the makers' names that people write).
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from coronapas.programmes._clock import (
    FOREVER,
    Age,
    Period,
    Reckoning,
    midnight,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from zoneinfo import ZoneInfo

# Products.


@dataclass(frozen=True, slots=True)
class Product:
    """A product that a programme recognises.

    `lengths` are the numbers of doses that complete a course of it; None leaves them to the EU's
    products. `also` are other names. `variant_of` is the code of the product that this one is a
    version of, adapted or of another strength: what names that product means this one too, except
    where a product is offered. `strength` is the amount of one dose, in words. `diseases` are the
    codes of those that it protects from; empty stands for the programme's.
    """

    code: str
    """The code, as in ``mp`` of a pass."""
    name: str
    """The name that people read."""
    also: tuple[str, ...] = ()
    lengths: frozenset[int] | None = None
    variant_of: str | None = None
    strength: str | None = None
    diseases: frozenset[str] = frozenset()


@lru_cache(maxsize=1024)
def canonical(text: str) -> str:
    """Return the code of a product named by code, name or maker; other text is only trimmed."""
    name = text.strip()
    return _listed_code(name) or name


@lru_cache(maxsize=1024)
def _listed_code(name: str) -> str | None:
    """Return the code of a product that the EU's value sets name, or None."""
    from coronapas.dcc._valuesets import ValueSets

    product = ValueSets.default().product(name)
    return None if product is None else product.code


@lru_cache(maxsize=8192)
def course_lengths(code: str, day: date) -> frozenset[int] | None:
    """Return how many doses complete a course for a dose of that day; None if unknown."""
    from coronapas.dcc._chronology import lengths

    return lengths(code, day)


def is_known(code: str) -> bool:
    """Return whether a product's code is one that the EU's value sets name."""
    return _listed_code(code) is not None


# Rows.

COVID_19: Final = "840539006"
"""The SNOMED CT code of COVID-19."""

UNCERTAIN: Final = frozenset({"K", "U"})
"""Confidences that mark the answers they lead to."""


class Stage(StrEnum):
    """What a dose is to its holder's vaccination."""

    FIRST = "first"
    """Begins or continues a course without completing it."""
    PRIMARY = "primary"
    """Completes a course of several doses."""
    SINGLE = "single"
    """Completes the course of a single-dose product."""
    RECOVERED = "recovered"
    """Completes the course of a person who recovered, where one dose does."""
    EXTRA = "extra"
    """An extra dose of the primary course, for the immunosuppressed."""
    BOOSTER = "booster"
    """A dose after a completed course."""
    UNCOUNTED = "uncounted"
    """A dose of a product that the programme does not recognise."""


TEST_KINDS: Final[Mapping[str, str]] = MappingProxyType({"naat": "PCR", "rat": "antigen"})
"""The kinds of test that programmes and histories name, with the words for people."""

COMPLETE: Final = frozenset(
    {Stage.PRIMARY, Stage.SINGLE, Stage.RECOVERED, Stage.EXTRA, Stage.BOOSTER}
)
"""Stages at which a course is complete."""


def _nothing() -> Mapping[str, Any]:
    return MappingProxyType({})


class Requirement(StrEnum):
    """Whether a pass is asked for at all; the rules of evidence may stay while it is not."""

    IN_FORCE = "in-force"
    LIFTED = "lifted"
    ENDED = "ended"


class Policy(StrEnum):
    """How a programme reads a dose that its number does not settle."""

    AMBIGUOUS = "ambiguous"
    PRIMARY = "primary"
    BOOSTER = "booster"
    FIRST = "first"
    RECOVERED = "recovered"


@dataclass(frozen=True, slots=True)
class Mark:
    """A warning that an answer rests on an uncertain row of the programme, named by `row`."""

    row: str
    text: str
    """What is uncertain, in words."""

    def to_json(self) -> dict[str, str]:
        """Return the mark as a JSON object."""
        return {"row": self.row, "text": self.text}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What every row of a programme has.

    `confidence` is ``S``, ``P``, ``K`` or ``U``. `uncertain` says in words what about the row is
    uncertain (its day, an inferred bound), or is None. `disease` is the code of the disease that
    the row is about; None stands for the programme's.
    """

    id: str
    """The identifier, unique in the programme."""
    source: str
    """Who published it where: publisher and title."""
    confidence: str
    note: str | None = None
    """What a reader of the row should know; None where there is nothing."""
    uncertain: str | None = None
    disease: str | None = None

    def marks(self) -> tuple[Mark, ...]:
        """Return the marks of the answers that rest on this row."""
        texts = []
        if self.uncertain:
            texts.append(self.uncertain)
        if self.confidence in UNCERTAIN:
            kind = "recalled, without a source" if self.confidence == "K" else "uncertain"
            texts.append(f"This row is {kind}." + (f" {self.note}" if self.note else ""))
        return tuple(Mark(self.id, text) for text in texts)


@dataclass(frozen=True, slots=True, kw_only=True)
class DatedRow(Row):
    """A row that is in force from `starts` until `until`.

    Both are local days: `starts` is inclusive, `until` exclusive, and None where no end is known.
    """

    starts: date
    until: date | None = None

    def stands_on(self, day: date) -> bool:
        """Return whether the row is in force on a local day."""
        return self.starts <= day and (self.until is None or day < self.until)


@dataclass(frozen=True, slots=True)
class Preceding:
    """What must come before an event for a rule to accept it.

    `event` is ``dose``, the last dose before it, or ``infection``, any infection before it that is
    proved by a test of one of `kinds`. It lies at least `at_least` and at most `at_most` before the
    event, both inclusive, in days of the calendar; None: any number of days.
    """

    event: str
    kinds: frozenset[str] = frozenset()
    at_least: Period | None = None
    at_most: Period | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedRow(Row):
    """A row that applies in some kinds of place, regions and sectors; each None for everywhere.

    It does not apply in `except_places` and `except_regions`.
    """

    places: frozenset[str] | None = None
    """The kinds of place where the row holds; None for all."""
    regions: frozenset[str] | None = None
    """The regions where it holds; None for all."""
    sectors: frozenset[str] | None = None
    """The sectors for which it holds; None for all."""
    except_places: frozenset[str] = frozenset()
    except_regions: frozenset[str] = frozenset()

    def holds(self, place: str | None, region: str | None, sector: str | None) -> bool:
        """Return whether the row applies there; None stands for no special one."""
        return (
            (self.places is None or place in self.places)
            and (self.regions is None or region in self.regions)
            and (self.sectors is None or sector in self.sectors)
            and place not in self.except_places
            and region not in self.except_regions
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceRule(PlacedRow):
    """When one kind of evidence counts.

    `evidence` is ``test``, ``recovery`` or ``vaccination``. It counts from `starts` after the
    event, inclusive, until `ends` after it, exclusive (None: without end); with `last_day_counts`
    the whole of the last day counts too. Periods of tests are added to the moment of sampling,
    those of doses and infections to the first instant of their local day.

    `kinds` are the kinds of test (``naat``, ``rat``): negative ones for a test, the proof of the
    infection for a recovery; `proved_from` is the first day of such proofs. `stages` are those of a
    dose. `age_from` and `age_below` are ages at the check; `places`, `regions`, `sectors` and
    `products` limit the rule where they are given.

    `needs` are rules of other kinds of evidence: the event counts only while some evidence counts
    by one of them, whether or not a revision takes them on their own. `preceded_by` is what must
    come before the event. `anywhere` is whether neither place nor region nor sector limits it.
    """

    evidence: str
    starts: Period
    ends: Period | None
    last_day_counts: bool = False
    kinds: frozenset[str] = frozenset()
    stages: frozenset[Stage] = frozenset()
    products: frozenset[str] | None = None
    age_from: Age | None = None
    age_below: Age | None = None
    proved_from: date | None = None
    needs: tuple[EvidenceRule, ...] = ()
    preceded_by: Preceding | None = None
    anywhere: bool = field(init=False, repr=False, compare=False, default=True)

    def __post_init__(self) -> None:
        limits = (self.places, self.regions, self.sectors)
        anywhere = all(limit is None for limit in limits)
        anywhere = anywhere and not (self.except_places or self.except_regions)
        object.__setattr__(self, "anywhere", anywhere)


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspension(Row):
    """A positive test suspends the pass.

    From the sampling of a positive test of one of `kinds` until `lasts` after the first instant of
    its local day, exclusive. With `lifted_for`, a positive test of one of those kinds is answered
    by a later negative one of `lifted_by`, and the suspension ends with that sample.
    """

    kinds: frozenset[str]
    lasts: Period
    lifted_for: frozenset[str] = frozenset()
    lifted_by: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtraDose(Row):
    """Who gets an extra dose of the primary course, and how to tell it from a booster.

    Members of `group` get one within `within` of the dose before it. For a holder whose groups are
    unknown a dose at least `booster_from` after the one before it is a booster.
    """

    group: str
    within: Period
    booster_from: Period


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading(Row):
    """How a programme reads one kind of dose that its number does not settle."""

    policy: Policy
    """How the dose is read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DoseAfterInfection(Reading):
    """How a dose below the end of a course is read that follows an infection.

    The infection is proved by a test of one of `kinds`, at least `at_least` before the dose.
    """

    kinds: frozenset[str]
    at_least: Period


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """How a programme reads the doses that their numbers do not settle.

    - `single_then_other`: a second product after a single-dose course, numbered 2/2 or not at all;
    - `one_dose_recovered`: one dose, numbered 1/1, of a product that takes several;
    - `two_of_one`: a dose numbered 2/1; None: a booster;
    - `recovered_then_other`: a dose, numbered 2/2 or not at all, after one that completed the
      course of somebody who had recovered; None: as `single_then_other`;
    - `dose_after_infection`: a dose numbered 1/2, or not at all, after an infection; None: a first
      dose;
    - `extra_dose`: who gets an extra dose of the primary course; None: nobody.

    `policies` are those of the first five, as they apply, in one text: it is cheap to look up by.
    """

    single_then_other: Reading
    one_dose_recovered: Reading
    two_of_one: Reading | None = None
    recovered_then_other: Reading | None = None
    dose_after_infection: DoseAfterInfection | None = None
    extra_dose: ExtraDose | None = None
    policies: str = field(init=False, repr=False, compare=False, default="")

    def __post_init__(self) -> None:
        then_other, after = self.single_then_other, self.dose_after_infection
        policies = (
            then_other.policy,
            self.one_dose_recovered.policy,
            self.two_of_one.policy if self.two_of_one else Policy.BOOSTER,
            (self.recovered_then_other or then_other).policy,
            after.policy if after else Policy.FIRST,
        )
        object.__setattr__(self, "policies", " ".join(policies))

    def rows(self) -> tuple[Row, ...]:
        """Return the rows that are stated."""
        rows = (
            self.single_then_other,
            self.one_dose_recovered,
            self.two_of_one,
            self.recovered_then_other,
            self.dose_after_infection,
            self.extra_dose,
        )
        return tuple(row for row in rows if row is not None)


@dataclass(frozen=True, slots=True)
class Audience:
    """Whom an offer is made to: everyone for whom each given limit holds.

    `groups`: member of one of them; `except_groups`: of none of these. Ages on the day.
    `reached` (age, first day, last day or None): those who reach the age in that time, both days
    inclusive. `born` (first day or None, end or None): a birth cohort, its end exclusive.
    """

    groups: frozenset[str] | None = None
    age_from: Age | None = None
    """The lowest age (inclusive); None for none."""
    age_below: Age | None = None
    """The age that is too old (exclusive); None for none."""
    reached: tuple[Age, date, date | None] | None = None
    born: tuple[date | None, date | None] | None = None
    except_groups: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Exemption(PlacedRow):
    """Of whom no pass is asked, and why; the evidence does not matter then.

    `audience` has no `reached`. A holder whose birth date is unknown is not exempt by age.
    """

    audience: Audience
    reason: str
    """Why nobody asks, in words; None where the row does not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalRequirement(PlacedRow):
    """Whether a pass is asked for in some kinds of place, regions or sectors."""

    requirement: Requirement
    """Whether a pass is asked for there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision(Row):
    """The rules in force from an instant on until the next revision's.

    `starts` is in UTC. Where the day is uncertain `earliest` and `latest` bound it (both
    inclusive, local days) if they are known. `changed` names what the revision's own row states;
    the rest is as in the revision before it.

    `places` are the kinds of place for which the requirement is stated apart, `requirements` the
    rows that state it by place, region or sector: the first that applies decides. No pass is asked
    below the age `exempt_below`, of members of `exempt_groups`, whatever their age, and of those
    whom one of `exemptions` names. `readings` are how doses are read; None: as the programme says.
    """

    starts: datetime
    title: str
    """What it is called."""
    requirement: Requirement
    """Whether a pass is asked for."""
    exempt_below: Age | None
    tests: tuple[EvidenceRule, ...]
    """The rules for tests."""
    recoveries: tuple[EvidenceRule, ...]
    """The rules for recoveries."""
    vaccinations: tuple[EvidenceRule, ...]
    """The rules for vaccinations."""
    suspension: Suspension | None
    """How a positive test suspends; None where it does not."""
    earliest: date | None = None
    latest: date | None = None
    changed: frozenset[str] = frozenset()
    places: Mapping[str, Requirement] = field(default_factory=_nothing)
    exempt_groups: frozenset[str] = frozenset()
    exemptions: tuple[Exemption, ...] = ()
    requirements: tuple[LocalRequirement, ...] = ()
    readings: Readings | None = None

    def requirement_at(
        self, place: str | None, region: str | None = None, sector: str | None = None
    ) -> Requirement:
        """Return whether a pass is asked for at a kind of place; None stands for no special one."""
        for row in self.requirements:
            if row.holds(place, region, sector):
                return row.requirement
        return self.requirement if place is None else self.places.get(place, self.requirement)

    @property
    def rules(self) -> tuple[EvidenceRule, ...]:
        """All rules of evidence: tests, recoveries, vaccinations."""
        return self.tests + self.recoveries + self.vaccinations


class Access(StrEnum):
    """How one comes to a dose that is offered."""

    INVITATION = "invitation"
    """By an invitation, which the authority sends."""
    OWN_INITIATIVE = "own-initiative"
    """Without an invitation, by asking for it."""
    REFERRAL = "referral"
    """Referred by a doctor."""
    OPT_IN = "opt-in"
    """By a choice beside the programme, for members of a group of those who chose."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer(DatedRow):
    """A dose that is offered.

    `after` are the stages after which it is given, None among them for the first dose of all;
    `previous` limits it to those whose last dose was of one of these products. The periods are
    counted from the last dose: `earliest`, `recommended` and `latest` day, each None where there is
    none or none is known. Without `products` the row says that nothing is offered, and `why`.
    `free_of_limits` lets it stand against the limits on products.

    `access` is how one comes to the dose. `opens` is the first day on which it is given, where the
    row begins with the invitations, before it. Each of these limits the offer where it is given:
    `last_dose_from` and `last_dose_until` (exclusive) bound the day of the last dose, so that a
    season's dose is offered once; `had` are products of which any dose was; `numbers` are those
    of the dose that is offered, among the doses that count. `variants` are words for the adapted
    versions of the products that are given.
    """

    after: frozenset[Stage | None]
    audiences: tuple[Audience, ...]
    """Whom it is made to: members of any of them."""
    products: tuple[str, ...]
    previous: frozenset[str] | None = None
    earliest: Period | None = None
    recommended: Period | None = None
    latest: Period | None = None
    why: str | None = None
    free_of_limits: bool = False
    access: Access = Access.INVITATION
    opens: date | None = None
    last_dose_from: date | None = None
    last_dose_until: date | None = None
    had: frozenset[str] | None = None
    variants: tuple[str, ...] = ()
    numbers: frozenset[int] | None = None

    @property
    def is_limited_by_doses(self) -> bool:
        """Whether the number of doses, the day of the last or the product of any limits it."""
        limits = (self.last_dose_from, self.last_dose_until, self.had, self.numbers)
        return any(limit is not None for limit in limits)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductLimit(DatedRow):
    """A product that is not given.

    `status` is a word such as ``paused`` or ``withdrawn``; `age_below` limits it to the younger.
    """

    product: str
    """The code of the product."""
    status: str
    why: str
    """The reason, in words."""
    age_below: Age | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait(DatedRow):
    """How long after an infection no dose is given.

    Each of these limits the wait where it is given: `after` are the stages that were reached, None
    among them for those without a dose; `products` those that are given; ages are those on the day.
    Of the waits that apply to a dose the longest decides.
    """

    lasts: Period
    """How long no dose is given."""
    after: frozenset[Stage | None] | None = None
    products: frozenset[str] | None = None
    age_from: Age | None = None
    """The lowest age (inclusive) for which it holds; None for none."""
    age_below: Age | None = None
    """The age from which it no longer holds (exclusive); None for none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetGroups(DatedRow):
    """The target groups as listed from a day on, as (label, who): labels change their meaning.

    A list is in force until the next one.
    """

    groups: tuple[tuple[str, str], ...]
    """The groups: label and who belongs to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Term(Row):
    """A word that histories, rows and checks use; `id` is the word.

    For a group, a sector, a kind of place, a region, or the code of a disease.
    """

    meaning: str
    """What the word means."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherReckoning(Row):
    """Another way of counting periods that the evidence allows as well."""

    reckoning: Reckoning
    """The other way of counting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Who is offered which dose when."""

    offers: tuple[Offer, ...] = ()
    """The rows of that kind, in the order of the file."""
    limits: tuple[ProductLimit, ...] = ()
    """The rows of that kind, in the order of the file."""
    waits: tuple[Wait, ...] = ()
    """The rows of that kind, in the order of the file."""
    groups: tuple[TargetGroups, ...] = ()
    """The rows of that kind, in the order of the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Programme:
    """A programme: revisions of the rules of evidence, a schedule of doses, products it recognises.

    `zone` is the time zone of its days, `reckoning` the way its periods are counted. `products`
    maps codes to the products that are recognised; doses of others do not count. `revisions` are
    in the order of their instants.

    `disease` is the code of the disease (SNOMED CT): statements about another one do not count.
    `other_reckoning` is a second way of counting that the evidence does not rule out. `groups`,
    `sectors`, `places` and `regions` are the words that the programme knows; empty where it lists
    none. `unused` names the rows of its file that no revision takes.

    A programme for several diseases lists them as `diseases`. Its rows are those for the first of
    them, and `for_disease` has the others. `elsewhere` are the products that protect only from
    another of its diseases: a dose of one that states no disease is no dose here.
    """

    id: str
    """The identifier."""
    title: str
    """What it is called."""
    zone: ZoneInfo = field(repr=False)
    reckoning: Reckoning = field(repr=False)
    products: Mapping[str, Product] = field(repr=False)
    readings: Readings = field(repr=False)
    """How doses are read that their numbers do not settle, where no revision says otherwise."""
    revisions: tuple[Revision, ...] = field(repr=False)
    schedule: Schedule = field(repr=False)
    """Who is offered which dose when."""
    names: Mapping[str, str] = field(repr=False)
    """The names of products, by code."""
    disease: str = field(default=COVID_19, repr=False)
    other_reckoning: OtherReckoning | None = field(default=None, repr=False)
    groups: Mapping[str, Term] = field(default_factory=_nothing, repr=False)
    sectors: Mapping[str, Term] = field(default_factory=_nothing, repr=False)
    places: Mapping[str, Term] = field(default_factory=_nothing, repr=False)
    regions: Mapping[str, Term] = field(default_factory=_nothing, repr=False)
    diseases: Mapping[str, Term] = field(default_factory=_nothing, repr=False)
    elsewhere: frozenset[str] = field(default=frozenset(), repr=False)
    unused: tuple[str, ...] = ()
    parts: Mapping[str, Programme] = field(default_factory=_nothing, repr=False, compare=False)
    """The programme of each further disease, by its code."""
    document: Mapping[str, Any] = field(default_factory=_nothing, repr=False, compare=False)
    """The document that it was loaded from, overlays applied; empty where there is none."""

    def for_disease(self, disease: str) -> Programme:
        """Return the programme for one of its diseases, named by its code or its meaning.

        Raises ValueError for a disease that the programme is not about.
        """
        word = disease.strip().casefold()
        for code, term in self.diseases.items():
            if word in {code.casefold(), term.meaning.casefold()}:
                return self.parts[code]
        if word == self.disease.casefold():
            return self
        known = ", ".join(f"{code} ({term.meaning})" for code, term in self.diseases.items())
        raise ValueError(f"The programme is not about it, but about {known or self.disease}.")

    def to_json(self) -> dict[str, Any]:
        """Return the document that the programme was loaded from, overlays applied.

        `coronapas.programmes.load` makes the same programme of it. Empty for one that was put
        together otherwise.
        """
        return deepcopy(dict(self.document))

    def readings_at(self, moment: datetime) -> Readings:
        """Return how doses are read at an instant."""
        revision = self.revision_at(moment)
        return (revision.readings if revision else None) or self.readings

    def by_other_reckoning(self) -> Programme | None:
        """Return the programme as the other way of counting has it; None where there is none."""
        if self.other_reckoning is None:
            return None
        document = {**self.document, "reckoning": str(self.other_reckoning.reckoning)}
        document.pop("other_reckoning", None)
        return replace(
            self,
            reckoning=self.other_reckoning.reckoning,
            other_reckoning=None,
            document=MappingProxyType(document if self.document else {}),
        )

    def revision_at(self, moment: datetime) -> Revision | None:
        """Return the revision in force at an instant; None before the first."""
        found = None
        for revision in self.revisions:
            if revision.starts > moment:
                break
            found = revision
        return found

    def period_of(self, revision: Revision) -> tuple[datetime, datetime]:
        """Return a revision's time in force, in UTC: from, inclusive, until, exclusive."""
        place = self.revisions.index(revision)
        last = place + 1 == len(self.revisions)
        return revision.starts, FOREVER if last else self.revisions[place + 1].starts

    def marks_at(self, moment: datetime) -> tuple[Mark, ...]:
        """Return the marks of the revision in force, and of one that may have begun already."""
        current = self.revision_at(moment)
        marks = list(current.marks()) if current else []
        for revision in self.revisions:
            if (
                revision.starts > moment
                and revision.earliest
                and midnight(revision.earliest, self.zone) <= moment
            ):
                text = "This revision may have been in force already: its first day is uncertain."
                marks.append(Mark(revision.id, text))
        return tuple(marks)

    def product(self, text: str | None) -> str | None:
        """Return the code of a product named by code or name; unknown names stay as they are."""
        if text is None:
            return None
        return self.names.get(text.strip().casefold()) or canonical(text)

    def product_name(self, code: str) -> str:
        """Return a product's name, or its code if the programme does not recognise it."""
        product = self.products.get(code)
        return product.name if product else code

    def variants_of(self, code: str) -> tuple[str, ...]:
        """Return the codes of the variants of a product."""
        return tuple(each.code for each in self.products.values() if each.variant_of == code)

    def strength(self, code: str) -> str | None:
        """Return the amount of one dose of a product, in words; None where none is stated."""
        product = self.products.get(code)
        return product.strength if product else None

    def lengths(self, code: str, day: date) -> frozenset[int] | None:
        """Return how many doses complete a course for a dose of a day; None if unknown."""
        product = self.products.get(code)
        if product and product.lengths:
            return product.lengths
        if product and product.variant_of:
            return self.lengths(product.variant_of, day)
        return course_lengths(code, day)
