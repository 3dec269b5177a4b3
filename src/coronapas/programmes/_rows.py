"""The rows of a programme's document, read with all of their faults.

`coronapas.programmes._loader` reads the documents. A row is read to its end whatever is wrong with
it, so that every fault is named at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from types import MappingProxyType
from typing import (
    TYPE_CHECKING,
    Any,
    Final,
    NamedTuple,
    TypedDict,
    TypeVar,
)

from coronapas._json import Faults, Reader
from coronapas.programmes._clock import FOREVER, Age, Period
from coronapas.programmes._model import (
    TEST_KINDS,
    Access,
    Audience,
    DoseAfterInfection,
    EvidenceRule,
    Exemption,
    ExtraDose,
    LocalRequirement,
    Offer,
    Policy,
    Preceding,
    Product,
    ProductLimit,
    Reading,
    Readings,
    Requirement,
    Revision,
    Schedule,
    Stage,
    Suspension,
    TargetGroups,
    Wait,
    canonical,
)

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

# Members that every row has.

CONFIDENCES: Final = ("S", "P", "K", "U")


class RowMembers(TypedDict):
    """The members of `coronapas.programmes._model.Row`."""

    id: str
    source: str
    confidence: str
    note: str | None
    uncertain: str | None
    disease: str | None


def row_members(
    row: Reader,
    *,
    identified: bool = True,
    default_id: str | None = None,
    of_a_disease: bool = True,
) -> RowMembers:
    """Read the members of a row; a missing source is not a fault here, but `lint` finds it."""
    needs_id = identified and default_id is None
    return {
        "id": row.text("id", required=needs_id, default=default_id or "") if identified else "",
        "source": row.text("source"),
        "confidence": row.choice("confidence", CONFIDENCES, default="U"),
        "note": row.maybe_text("note"),
        "uncertain": row.maybe_text("uncertain"),
        "disease": row.maybe_text("disease") if of_a_disease else None,
    }


EVIDENCE: Final = ("test", "recovery", "vaccination")
_STAGES: Final = tuple(stage for stage in Stage if stage is not Stage.UNCOUNTED)

_Row = TypeVar("_Row", EvidenceRule, Suspension, Exemption, LocalRequirement)


_LARGEST_PERIOD: Final[Mapping[str, int]] = {"months": 2400, "days": 73_000, "hours": 1_000_000}
"""The largest number of each unit in a period, inclusive: this project's bound."""


def _period(row: Reader, name: str, *, required: bool = False) -> Period | None:
    """Take a period: an object of months, days and hours."""
    inner = row.row(name, required=required)
    if inner is None:
        return None
    units = {unit: inner.number(unit, 0, most) for unit, most in _LARGEST_PERIOD.items()}
    inner.close()
    if not inner.values and not inner.malformed:
        row.note(name, "period", "The period has no unit.", "Give months, days or hours.")
    return Period(**{unit: number or 0 for unit, number in units.items()})


_UNITS_OF_AGE: Final[Mapping[str, int]] = {"years": 150, "months": 1800, "days": 55_000}
"""The largest number of each unit in an age, inclusive."""


def _age(row: Reader, name: str, *, required: bool = False, nullable: bool = False) -> Age | None:
    """Take an age: a number of years, or an object of years, months and days."""
    if not isinstance(row.values.get(name), Mapping):
        return row.number(name, 0, 150, required=required, nullable=nullable)
    inner = row.row(name) or Reader({}, name, Faults())
    units = {unit: inner.number(unit, 0, most) or 0 for unit, most in _UNITS_OF_AGE.items()}
    inner.close()
    if not inner.values:
        row.note(name, "period", "The age has no unit.", "Give years, months or days.")
    if not (units["months"] or units["days"]):
        return units["years"]
    return Period(months=12 * units["years"] + units["months"], days=units["days"])


MOST_VARIANTS: Final = 100
"""The most variants of one product, inclusive: this project's bound."""


class Known(NamedTuple):
    """The products of a programme: by code, and their codes by each of their names, folded."""

    products: Mapping[str, Product]
    names: Mapping[str, str]
    variants: Mapping[str, list[str]]

    def with_variants(self, codes: tuple[str, ...] | None) -> frozenset[str] | None:
        """Return the codes with those of the variants of each."""
        if codes is None:
            return None
        return frozenset(
            (*codes, *(variant for code in codes for variant in self.variants.get(code, ())))
        )


def read_products(top: Reader) -> Known:
    """Read the products by their codes."""
    found: dict[str, Product] = {}
    variants: list[tuple[Reader, str, str]] = []
    for row in top.rows("products"):
        code = row.text("code", required=True)
        lengths = row.numbers("doses", 1, 9)
        variant_of = row.maybe_text("variant_of")
        if code in found:
            row.faults.note(
                f"{row.path}.code", "programme.doubled", "The product is here twice.", "Leave one."
            )
        found[code] = Product(
            code=code,
            name=row.text("name", required=True),
            also=row.words("also") or (),
            lengths=None if lengths is None else frozenset(lengths),
            strength=row.maybe_text("strength"),
            diseases=frozenset(row.words("diseases") or ()),
        )
        if variant_of is not None:
            variants.append((row, code, variant_of))
        row_members(row, identified=False, of_a_disease=False)
        row.close()
    names = {
        name.casefold(): code
        for code, product in found.items()
        for name in (*product.also, product.name, code)
    }
    varying = {code for _, code, _ in variants}
    by_base: dict[str, list[str]] = {}
    for row, code, name in variants:
        base = names.get(name.casefold()) or canonical(name)
        if base not in found or base in varying or len(by_base.get(base, ())) == MOST_VARIANTS:
            row.faults.note(
                row.at("variant_of"),
                "programme.variant",
                "A variant is one of a product of the list that is no variant itself, and has at "
                f"most {MOST_VARIANTS}.",
                "Add that product, or leave variant_of out.",
            )
        else:
            found[code] = replace(found[code], variant_of=base)
            by_base.setdefault(base, []).append(code)
    return Known(MappingProxyType(found), MappingProxyType(names), by_base)


def codes(row: Reader, name: str, known: Known) -> tuple[str, ...] | None:
    """Read a list of products by code or name; the programme must recognise each."""
    words = row.words(name)
    if words is None:
        return None
    found = tuple(known.names.get(word.casefold()) or canonical(word) for word in words)
    if not set(found) <= known.products.keys():
        row.faults.note(
            f"{row.path}.{name}".strip("."),
            "programme.product",
            "A product is not among the programme's products.",
            "Add it to products, or correct the name.",
        )
    return found


def _frozen(words: tuple[str, ...] | None) -> frozenset[str] | None:
    return None if words is None else frozenset(words)


class _Where(TypedDict):
    """The members of `coronapas.programmes._model.PlacedRow` beyond those of every row."""

    places: frozenset[str] | None
    regions: frozenset[str] | None
    sectors: frozenset[str] | None
    except_places: frozenset[str]
    except_regions: frozenset[str]


def _where(row: Reader) -> _Where:
    return {
        "places": _frozen(row.words("places")),
        "regions": _frozen(row.words("regions")),
        "sectors": _frozen(row.words("sectors")),
        "except_places": frozenset(row.words("except_places") or ()),
        "except_regions": frozenset(row.words("except_regions") or ()),
    }


def read_rules(top: Reader, known: Known) -> Mapping[str, EvidenceRule]:
    """Read the rules by their names."""
    found: dict[str, EvidenceRule] = {}
    needs: list[tuple[Reader, str, tuple[str, ...]]] = []
    for row in top.rows("rules"):
        evidence = row.choice("evidence", EVIDENCE, required=True, default="test")
        stages = row.words("stages", _STAGES)
        kinds = row.words("kinds", TEST_KINDS)
        wanted, other = ("stages", "kinds") if evidence == "vaccination" else ("kinds", "stages")
        if not row.has(wanted) or row.has(other):
            row.faults.note(
                row.path,
                "programme.rule-kind",
                "A vaccination's rule names stages, any other rule kinds of test.",
                f"Give {wanted} and leave out {other}.",
            )
        rule = EvidenceRule(
            evidence=evidence,
            starts=_period(row, "from", required=True) or Period(),
            ends=_period(row, "until"),
            last_day_counts=row.flag("last_day_counts"),
            kinds=frozenset(kinds or ()),
            stages=frozenset(Stage(stage) for stage in stages or ()),
            products=known.with_variants(codes(row, "products", known)),
            age_from=_age(row, "age_from"),
            age_below=_age(row, "age_below"),
            proved_from=row.day("proved_from"),
            preceded_by=_preceding(row, evidence),
            **_where(row),
            **row_members(row),
        )
        words = row.words("needs")
        if words is not None:
            needs.append((row, rule.id, words))
        _check_bounds(row, rule)
        row.close()
        _keep(row, found, rule)
    needing = {name for _, name, _ in needs}
    for row, name, words in needs:
        rule = found[name]
        named = [found.get(word) for word in words]
        allowed = _NEEDS[rule.evidence]
        rules = tuple(each for each in named if each is not None and each.evidence in allowed)
        if len(rules) < len(named) or not named or not needing.isdisjoint(words):
            row.faults.note(
                row.at("needs"),
                "programme.needs",
                "A vaccination can need tests and recoveries, a recovery tests: by their rules, "
                "which need nothing themselves.",
                "Name such rules, or say it from the other one.",
            )
        found[name] = replace(rule, needs=rules)
    return found


_NEEDS: Final[Mapping[str, tuple[str, ...]]] = {
    "vaccination": ("test", "recovery"),
    "recovery": ("test",),
    "test": (),
}
"""What evidence of a kind can need beside it. Needing is mutual: one of two kinds states it."""


def _preceding(row: Reader, evidence: str) -> Preceding | None:
    inner = row.row("preceded_by")
    if inner is None:
        return None
    event = inner.choice("event", ("dose", "infection"), required=True, default="dose")
    kinds = inner.words("kinds", TEST_KINDS)
    found = Preceding(
        event=event,
        kinds=frozenset(kinds or ()),
        at_least=_days(inner, "at_least"),
        at_most=_days(inner, "at_most"),
    )
    inner.close()
    if inner.has("kinds") is not (event == "infection") or evidence == "test":
        row.faults.note(
            row.at("preceded_by"),
            "programme.preceded",
            "A dose or an infection can be preceded: by a dose, or by an infection of some kinds.",
            "Give kinds for an infection, and leave them out for a dose.",
        )
    return found


def _check_bounds(row: Reader, rule: EvidenceRule) -> None:
    if rule.evidence != "test" and (rule.starts.hours or (rule.ends and rule.ends.hours)):
        row.faults.note(
            row.path,
            "programme.rule-hours",
            "Doses and infections have a day and no hour.",
            "Give days or months.",
        )
    if rule.last_day_counts and (rule.ends is None or rule.evidence == "test"):
        row.faults.note(
            f"{row.path}.last_day_counts",
            "programme.last-day",
            "There is no last day here that could count.",
            "Leave it out.",
        )


def read_suspensions(top: Reader) -> Mapping[str, Suspension]:
    """Read the suspensions by their names."""
    found: dict[str, Suspension] = {}
    for row in top.rows("suspensions"):
        suspension = Suspension(
            kinds=frozenset(row.words("kinds", TEST_KINDS) or ()),
            lasts=_period(row, "lasts", required=True) or Period(),
            lifted_for=frozenset(row.words("lifted_for", TEST_KINDS) or ()),
            lifted_by=frozenset(row.words("lifted_by", TEST_KINDS) or ()),
            **row_members(row),
        )
        row.close()
        _keep(row, found, suspension)
    return found


def _keep(row: Reader, found: dict[str, _Row], one: _Row) -> None:
    if one.id in found:
        row.faults.note(
            f"{row.path}.id", "programme.doubled", "The name is here twice.", "Rename one."
        )
    found[one.id] = one


class _Before:
    """What a revision takes over from the one before it."""

    requirement = Requirement.IN_FORCE
    exempt_below: Age | None = None
    suspension: Suspension | None = None
    starts: datetime | None = None

    def __init__(self) -> None:
        self.exempt_groups: frozenset[str] = frozenset()
        self.exemptions: tuple[Exemption, ...] = ()
        self.places: dict[str, Requirement] = {}
        self.requirements: tuple[LocalRequirement, ...] = ()
        self.readings: Readings | None = None
        self.rules: dict[str, tuple[EvidenceRule, ...]] = {
            "test": (),
            "recovery": (),
            "vaccination": (),
        }


_SLOTS: Final = (("test", "tests"), ("recovery", "recoveries"), ("vaccination", "vaccinations"))


def read_exemptions(top: Reader) -> Mapping[str, Exemption]:
    """Read the exemptions by their names."""
    found: dict[str, Exemption] = {}
    for row in top.rows("exemptions"):
        inner = row.row("of", required=True) or Reader({}, "of", Faults())
        exemption = Exemption(
            audience=_audience(inner, with_reached=False),
            reason=row.text("reason", required=True),
            **_where(row),
            **row_members(row),
        )
        row.close()
        _keep(row, found, exemption)
    return found


def read_requirements(top: Reader) -> Mapping[str, LocalRequirement]:
    """Read the requirements by place, region and sector, by their names."""
    found: dict[str, LocalRequirement] = {}
    for row in top.rows("requirements"):
        words = list(Requirement)
        requirement = LocalRequirement(
            requirement=Requirement(row.choice("is", words, required=True) or words[0]),
            **_where(row),
            **row_members(row),
        )
        if not any(row.has(name) for name in ("places", "regions", "sectors")):
            row.faults.note(
                row.path,
                "programme.everywhere",
                "The row applies everywhere.",
                "Give places, regions or sectors; a revision states what holds everywhere.",
            )
        row.close()
        _keep(row, found, requirement)
    return found


class Named(NamedTuple):
    """The rows that revisions take by their names."""

    rules: Mapping[str, EvidenceRule]
    suspensions: Mapping[str, Suspension]
    exemptions: Mapping[str, Exemption]
    requirements: Mapping[str, LocalRequirement]


def read_revisions(
    top: Reader, named: Named, readings: Readings, zone: ZoneInfo
) -> tuple[Revision, ...]:
    """Read the revisions; each takes over what its row does not state."""
    before = _Before()
    found: list[Revision] = []
    for row in top.rows("revisions"):
        found.append(_revision(row, before, named, readings, zone))
        row.close()
        if sum(revision.id == found[-1].id for revision in found) > 1:
            row.faults.note(
                f"{row.path}.id", "programme.doubled", "The name is here twice.", "Rename one."
            )
    return tuple(found)


def _revision(
    row: Reader, before: _Before, named: Named, readings: Readings, zone: ZoneInfo
) -> Revision:
    changed = set()
    for evidence, slot in _SLOTS:
        rules = named.rules
        words = row.words(slot, [rule.id for rule in rules.values() if rule.evidence == evidence])
        if words is not None:
            before.rules[evidence] = tuple(rules[word] for word in words)
            changed.add(slot)
    if row.has("requirement"):
        words_of = list(Requirement)
        before.requirement = Requirement(row.choice("requirement", words_of) or words_of[0])
        before.places = {}
        before.requirements = ()
        changed.add("requirement")
    if row.has("exempt_below"):
        before.exempt_below = _age(row, "exempt_below", nullable=True)
        changed.add("exempt_below")
    if row.has("exempt_groups"):
        before.exempt_groups = frozenset(row.words("exempt_groups") or ())
        changed.add("exempt_groups")
    if row.has("exemptions"):
        words = row.words("exemptions", named.exemptions) or ()
        before.exemptions = tuple(named.exemptions[word] for word in words)
        changed.add("exemptions")
    if row.has("places"):
        before.places = {**before.places, **_places(row)}
        changed.add("places")
    if row.has("requirements"):
        words = row.words("requirements", named.requirements) or ()
        before.requirements = tuple(named.requirements[word] for word in words)
        changed.add("requirements")
    if row.has("suspension"):
        name = row.choice("suspension", named.suspensions, nullable=True)
        before.suspension = named.suspensions.get(name)
        changed.add("suspension")
    inner = row.row("readings")
    if inner is not None:
        before.readings = _readings(inner, before.readings or readings)
        changed.add("readings")
    return Revision(
        starts=_starts(row, before, zone),
        title=row.text("title", required=True),
        requirement=before.requirement,
        exempt_below=before.exempt_below,
        tests=before.rules["test"],
        recoveries=before.rules["recovery"],
        vaccinations=before.rules["vaccination"],
        suspension=before.suspension,
        earliest=row.day("earliest"),
        latest=row.day("latest"),
        changed=frozenset(changed),
        exempt_groups=before.exempt_groups,
        exemptions=before.exemptions,
        places=MappingProxyType(before.places),
        requirements=before.requirements,
        readings=before.readings,
        **row_members(row, of_a_disease=False),
    )


def _places(row: Reader) -> dict[str, Requirement]:
    inner = row.row("places")
    if inner is None:
        return {}
    words = list(Requirement)
    found = {
        place: Requirement(inner.choice(place, words, required=True) or words[0])
        for place in list(inner.values)
    }
    inner.close()
    return found


def _starts(row: Reader, before: _Before, zone: ZoneInfo) -> datetime:
    local = row.local_instant("from")
    if local is None:
        return FOREVER
    starts = local.replace(tzinfo=zone).astimezone(UTC)
    if before.starts is not None and starts <= before.starts:
        row.faults.note(
            f"{row.path}.from",
            "programme.order",
            "The revision does not begin after the one before it.",
            "Put the revisions in the order of their dates.",
        )
    before.starts = starts
    return starts


# How doses are read.


def read_readings(top: Reader) -> Readings:
    """Read how doses are read that their numbers do not settle."""
    return _readings(top.row("readings", required=True) or Reader({}, "readings", Faults()), None)


_TWO: Final = (Policy.AMBIGUOUS, Policy.PRIMARY, Policy.BOOSTER)
_ONE: Final = (Policy.AMBIGUOUS, Policy.FIRST, Policy.RECOVERED)


def _readings(row: Reader, before: Readings | None) -> Readings:
    """Read the rows; what is absent is as `before`, without which two of them are required."""
    required = before is None

    def reading(name: str, policies: tuple[Policy, ...], needed: bool) -> Reading | None:
        inner = row.row(name, required=needed)
        if inner is None:
            return None
        found = Reading(
            policy=Policy(inner.choice("is", policies, required=True) or Policy.AMBIGUOUS),
            **row_members(inner, default_id=name, of_a_disease=False),
        )
        inner.close()
        return found

    stated: dict[str, Any] = {
        "single_then_other": reading("single_then_other", _TWO, required),
        "one_dose_recovered": reading("one_dose_recovered", _ONE, required),
        "two_of_one": reading("two_of_one", _TWO, False),
        "recovered_then_other": reading("recovered_then_other", _TWO, False),
        "dose_after_infection": _dose_after_infection(row),
        "extra_dose": _extra_dose(row),
    }
    row.close()
    open_ = Reading(id="", source="", confidence="U", policy=Policy.AMBIGUOUS)
    if before is None:
        before = Readings(single_then_other=open_, one_dose_recovered=open_)
    return replace(before, **{name: each for name, each in stated.items() if each is not None})


def _dose_after_infection(readings: Reader) -> DoseAfterInfection | None:
    row = readings.row("dose_after_infection")
    if row is None:
        return None
    found = DoseAfterInfection(
        policy=Policy(row.choice("is", _ONE, required=True) or Policy.AMBIGUOUS),
        kinds=frozenset(row.words("kinds", TEST_KINDS) or ("naat",)),
        at_least=_days(row, "at_least") or Period(),
        **row_members(row, default_id="dose_after_infection", of_a_disease=False),
    )
    row.close()
    return found


def _extra_dose(readings: Reader) -> ExtraDose | None:
    row = readings.row("extra_dose")
    if row is None:
        return None
    group = row.text("group", required=True)
    within, booster_from = (
        _period(row, "within", required=True),
        _period(row, "booster_from", required=True),
    )
    members = row_members(row, default_id="extra_dose", of_a_disease=False)
    row.close()
    if within is None or booster_from is None:
        return None
    return ExtraDose(group=group, within=within, booster_from=booster_from, **members)


# The schedule of doses.


NOTHING: Final = "nothing"
"""The word for the stage before any dose."""
_AFTER: Final = (NOTHING, *(stage for stage in Stage if stage is not Stage.UNCOUNTED))


def read_schedule(top: Reader, known: Known) -> Schedule:
    """Read the schedule; a programme without one offers nothing."""
    row = top.row("schedule")
    if row is None:
        return Schedule()
    schedule = Schedule(
        offers=tuple(_offer(each, known) for each in row.rows("offers")),
        limits=tuple(_limit(each, known) for each in row.rows("limits")),
        waits=tuple(_wait(each, known) for each in row.rows("waits")),
        groups=tuple(_groups(each) for each in row.rows("target_groups")),
    )
    row.close()
    ids = [each.id for each in (*schedule.offers, *schedule.limits, *schedule.waits)]
    if len(set(ids)) < len(ids):
        row.faults.note("schedule", "programme.doubled", "A name is here twice.", "Rename one.")
    return schedule


def _span(row: Reader) -> tuple[date, date | None]:
    starts, until = row.day("from", required=True), row.day("until")
    if starts and until and until <= starts:
        row.faults.note(
            f"{row.path}.until",
            "programme.order",
            "The row ends before it begins.",
            "Give a later day; until is exclusive.",
        )
    return starts or date.max, until


def _offer(row: Reader, known: Known) -> Offer:
    starts, until = _span(row)
    after = row.words("after", _AFTER)
    previous = codes(row, "previous", known)
    products = codes(row, "products", known) or ()
    why = row.maybe_text("why")
    numbers = row.numbers("dose", 1, 99)
    if row.has("products") is row.has("why") or not after or (row.has("products") and not products):
        row.faults.note(
            row.path,
            "programme.offer",
            "An offer names the stages it comes after, and products or why there are none.",
            "Give after, and either products or why.",
        )
    offer = Offer(
        starts=starts,
        until=until,
        after=_stages_after(after or ()),
        audiences=tuple(_audience(each) for each in row.rows("to")) or (Audience(),),
        products=products,
        previous=known.with_variants(previous),
        earliest=_days(row, "earliest"),
        recommended=_days(row, "recommended"),
        latest=_days(row, "latest"),
        why=why,
        free_of_limits=row.flag("free_of_limits"),
        access=Access(row.choice("access", list(Access)) or Access.INVITATION),
        opens=row.day("opens"),
        last_dose_from=row.day("last_dose_from"),
        last_dose_until=row.day("last_dose_until"),
        had=known.with_variants(codes(row, "had", known)),
        numbers=None if numbers is None else frozenset(numbers),
        variants=row.words("variants") or (),
        **row_members(row),
    )
    row.close()
    return offer


def _stages_after(words: tuple[str, ...]) -> frozenset[Stage | None]:
    return frozenset(None if word == NOTHING else Stage(word) for word in words)


def _days(row: Reader, name: str) -> Period | None:
    period = _period(row, name)
    if period and period.hours:
        path = f"{row.path}.{name}"
        row.faults.note(path, "programme.hours", "Doses have no hours.", "Give days or months.")
    return period


def _audience(row: Reader, *, with_reached: bool = True) -> Audience:
    groups = row.words("groups")
    reached = row.row("reached") if with_reached else None
    found = None
    if reached is not None:
        age = _age(reached, "age", required=True)
        first, last = reached.day("from", required=True), reached.day("until")
        reached.close()
        if age is not None and first is not None:
            found = (age, first, last)
    audience = Audience(
        groups=None if groups is None else frozenset(groups),
        age_from=_age(row, "age_from"),
        age_below=_age(row, "age_below"),
        reached=found,
        born=_cohort(row),
        except_groups=frozenset(row.words("except_groups") or ()),
    )
    row.close()
    return audience


def _cohort(row: Reader) -> tuple[date | None, date | None] | None:
    inner = row.row("born")
    if inner is None:
        return None
    first, end = inner.day("from"), inner.day("until")
    inner.close()
    if not inner.malformed and (not inner.values or (first and end and end <= first)):
        row.faults.note(
            f"{row.path}.born",
            "programme.order",
            "The birth cohort must have a day, and end after it begins.",
            "Give from, until or both; until is exclusive.",
        )
    return first, end


def _limit(row: Reader, known: Known) -> ProductLimit:
    starts, until = _span(row)
    product = row.text("product", required=True)
    code = known.names.get(product.casefold())
    if product and code is None:
        row.faults.note(
            f"{row.path}.product",
            "programme.product",
            "The product is not among the programme's products.",
            "Add it to products, or correct the name.",
        )
    limit = ProductLimit(
        product=code or product,
        starts=starts,
        until=until,
        status=row.text("status", required=True),
        why=row.text("why", required=True),
        age_below=_age(row, "age_below"),
        **row_members(row),
    )
    row.close()
    return limit


def _wait(row: Reader, known: Known) -> Wait:
    starts, until = _span(row)
    after = row.words("after", _AFTER)
    wait = Wait(
        starts=starts,
        until=until,
        lasts=_period(row, "lasts", required=True) or Period(),
        after=None if after is None else _stages_after(after),
        products=known.with_variants(codes(row, "products", known)),
        age_from=_age(row, "age_from"),
        age_below=_age(row, "age_below"),
        **row_members(row),
    )
    row.close()
    return wait


def _groups(row: Reader) -> TargetGroups:
    starts = row.day("from", required=True) or date.max
    groups = []
    for each in row.rows("groups"):
        number, part = each.number("number", 1, 99, required=True) or 0, each.maybe_text("part")
        groups.append((f"{number}{part or ''}", each.text("who", required=True)))
        each.close()
    found = TargetGroups(starts=starts, groups=tuple(groups), **row_members(row))
    row.close()
    return found
