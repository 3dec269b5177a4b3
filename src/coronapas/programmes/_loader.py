"""Load a programme from JSON, with all of its faults at once.

The format is that of ``schemas/programme.schema.json``. The loader also refuses what a schema
cannot say: rows that name a rule or a product that does not exist, revisions out of order, names
used twice. A null is not an absent member: it stands for none in a revision's ``exempt_below`` and
``suspension`` alone. Programmes that load may still be unwise: see `coronapas.programmes.lint`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import (
    Final,
    TypedDict,
    TypeVar,
)
from zoneinfo import ZoneInfo

from coronapas import _json
from coronapas._json import Faults, Reader
from coronapas.errors import ProgrammeError
from coronapas.programmes._clock import FOREVER, Period, Reckoning
from coronapas.programmes._model import (
    COVID_19,
    TEST_KINDS,
    Access,
    Audience,
    EvidenceRule,
    ExtraDose,
    Offer,
    OtherReckoning,
    Policy,
    Product,
    ProductLimit,
    Programme,
    Reading,
    Requirement,
    Revision,
    Schedule,
    Stage,
    Suspension,
    TargetGroups,
    Term,
    Wait,
    canonical,
)

# Members that every row has.

CONFIDENCES: Final = ("S", "P", "K", "U")


class RowMembers(TypedDict):
    """The members of `coronapas.programmes._model.Row`."""

    id: str
    source: str
    confidence: str
    note: str | None
    uncertain: str | None


def row_members(
    row: Reader, *, identified: bool = True, default_id: str | None = None
) -> RowMembers:
    """Read the members of a row; a missing source is not a fault here, but `lint` finds it."""
    needs_id = identified and default_id is None
    return {
        "id": row.text("id", required=needs_id, default=default_id or "") if identified else "",
        "source": row.text("source"),
        "confidence": row.choice("confidence", CONFIDENCES, default="U"),
        "note": row.maybe_text("note"),
        "uncertain": row.maybe_text("uncertain"),
    }


EVIDENCE: Final = ("test", "recovery", "vaccination")
_STAGES: Final = tuple(stage for stage in Stage if stage is not Stage.UNCOUNTED)

_Row = TypeVar("_Row", EvidenceRule, Suspension)


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


def codes(row: Reader, name: str, names: Mapping[str, str]) -> tuple[str, ...] | None:
    """Read a list of products by code or name; the programme must recognise each."""
    words = row.words(name)
    if words is None:
        return None
    found = tuple(names.get(word.casefold()) or canonical(word) for word in words)
    if not set(found) <= set(names.values()):
        row.faults.note(
            f"{row.path}.{name}".strip("."),
            "programme.product",
            "A product is not among the programme's products.",
            "Add it to products, or correct the name.",
        )
    return found


def _frozen(words: tuple[str, ...] | None) -> frozenset[str] | None:
    return None if words is None else frozenset(words)


def read_rules(top: Reader, names: Mapping[str, str]) -> Mapping[str, EvidenceRule]:
    """Read the rules by their names."""
    found: dict[str, EvidenceRule] = {}
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
            products=_frozen(codes(row, "products", names)),
            age_from=row.number("age_from", 0, 150),
            age_below=row.number("age_below", 0, 150),
            sectors=_frozen(row.words("sectors")),
            proved_from=row.day("proved_from"),
            **row_members(row),
        )
        _check_bounds(row, rule)
        row.close()
        _keep(row, found, rule)
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
    exempt_below: int | None = None
    suspension: Suspension | None = None
    starts: datetime | None = None

    def __init__(self) -> None:
        self.exempt_groups: frozenset[str] = frozenset()
        self.places: dict[str, Requirement] = {}
        self.rules: dict[str, tuple[EvidenceRule, ...]] = {
            "test": (),
            "recovery": (),
            "vaccination": (),
        }


_SLOTS: Final = (("test", "tests"), ("recovery", "recoveries"), ("vaccination", "vaccinations"))


def read_revisions(
    top: Reader,
    rules: Mapping[str, EvidenceRule],
    suspensions: Mapping[str, Suspension],
    zone: ZoneInfo,
) -> tuple[Revision, ...]:
    """Read the revisions; each takes over what its row does not state."""
    before = _Before()
    found: list[Revision] = []
    for row in top.rows("revisions"):
        found.append(_revision(row, before, rules, suspensions, zone))
        row.close()
        if sum(revision.id == found[-1].id for revision in found) > 1:
            row.faults.note(
                f"{row.path}.id", "programme.doubled", "The name is here twice.", "Rename one."
            )
    return tuple(found)


def _revision(
    row: Reader,
    before: _Before,
    rules: Mapping[str, EvidenceRule],
    suspensions: Mapping[str, Suspension],
    zone: ZoneInfo,
) -> Revision:
    changed = set()
    for evidence, slot in _SLOTS:
        words = row.words(slot, [rule.id for rule in rules.values() if rule.evidence == evidence])
        if words is not None:
            before.rules[evidence] = tuple(rules[word] for word in words)
            changed.add(slot)
    if row.has("requirement"):
        words_of = list(Requirement)
        before.requirement = Requirement(row.choice("requirement", words_of) or words_of[0])
        before.places = {}
        changed.add("requirement")
    if row.has("exempt_below"):
        before.exempt_below = row.number("exempt_below", 0, 150, nullable=True)
        changed.add("exempt_below")
    if row.has("exempt_groups"):
        before.exempt_groups = frozenset(row.words("exempt_groups") or ())
        changed.add("exempt_groups")
    if row.has("places"):
        before.places = {**before.places, **_places(row)}
        changed.add("places")
    if row.has("suspension"):
        before.suspension = suspensions.get(row.choice("suspension", suspensions, nullable=True))
        changed.add("suspension")
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
        places=MappingProxyType(before.places),
        **row_members(row),
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


# The schedule of doses.


NOTHING: Final = "nothing"
"""The word for the stage before any dose."""
_AFTER: Final = (NOTHING, *(stage for stage in Stage if stage is not Stage.UNCOUNTED))


def read_schedule(top: Reader, names: Mapping[str, str]) -> Schedule:
    """Read the schedule; a programme without one offers nothing."""
    row = top.row("schedule")
    if row is None:
        return Schedule()
    schedule = Schedule(
        offers=tuple(_offer(one, names) for one in row.rows("offers")),
        limits=tuple(_limit(one, names) for one in row.rows("limits")),
        waits=tuple(_wait(one) for one in row.rows("waits")),
        groups=tuple(_groups(one) for one in row.rows("target_groups")),
    )
    row.close()
    ids = [one.id for one in (*schedule.offers, *schedule.limits, *schedule.waits)]
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


def _offer(row: Reader, names: Mapping[str, str]) -> Offer:
    starts, until = _span(row)
    after = row.words("after", _AFTER)
    previous = codes(row, "previous", names)
    products = codes(row, "products", names) or ()
    why = row.maybe_text("why")
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
        after=frozenset(None if word == NOTHING else Stage(word) for word in after or ()),
        audiences=tuple(_audience(one) for one in row.rows("to")) or (Audience(),),
        products=products,
        previous=None if previous is None else frozenset(previous),
        earliest=_days(row, "earliest"),
        recommended=_days(row, "recommended"),
        latest=_days(row, "latest"),
        why=why,
        free_of_limits=row.flag("free_of_limits"),
        access=Access(row.choice("access", list(Access)) or Access.INVITATION),
        opens=row.day("opens"),
        last_dose_from=row.day("last_dose_from"),
        last_dose_until=row.day("last_dose_until"),
        had=_frozen(codes(row, "had", names)),
        variants=row.words("variants") or (),
        **row_members(row),
    )
    row.close()
    return offer


def _days(row: Reader, name: str) -> Period | None:
    period = _period(row, name)
    if period and period.hours:
        path = f"{row.path}.{name}"
        row.faults.note(path, "programme.hours", "Doses have no hours.", "Give days or months.")
    return period


def _audience(row: Reader) -> Audience:
    groups = row.words("groups")
    reached = row.row("reached")
    found = None
    if reached is not None:
        age = reached.number("age", 0, 150, required=True)
        first, last = reached.day("from", required=True), reached.day("until")
        reached.close()
        if age is not None and first is not None:
            found = (age, first, last)
    audience = Audience(
        groups=None if groups is None else frozenset(groups),
        age_from=row.number("age_from", 0, 150),
        age_below=row.number("age_below", 0, 150),
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


def _limit(row: Reader, names: Mapping[str, str]) -> ProductLimit:
    starts, until = _span(row)
    product = row.text("product", required=True)
    code = names.get(product.casefold())
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
        age_below=row.number("age_below", 0, 150),
        **row_members(row),
    )
    row.close()
    return limit


def _wait(row: Reader) -> Wait:
    starts, until = _span(row)
    lasts = _period(row, "lasts", required=True) or Period()
    wait = Wait(starts=starts, until=until, lasts=lasts, **row_members(row))
    row.close()
    return wait


def _groups(row: Reader) -> TargetGroups:
    starts = row.day("from", required=True) or date.max
    groups = []
    for one in row.rows("groups"):
        number, part = one.number("number", 1, 99, required=True) or 0, one.maybe_text("part")
        groups.append((f"{number}{part or ''}", one.text("who", required=True)))
        one.close()
    found = TargetGroups(starts=starts, groups=tuple(groups), **row_members(row))
    row.close()
    return found


# The document.


BUNDLED: Final = ("denmark", "eu-travel")
"""The names of the programmes that come with the library."""

LARGEST: Final = 4_000_000
"""The most bytes of a programme's file, inclusive."""


def load(source: str | Path | Mapping[str, object]) -> Programme:
    """Load a programme: a bundled one by its name, a file by its path, or a parsed document.

    Raises ProgrammeError with every fault; FileNotFoundError for a path without a file.
    """
    if isinstance(source, str) and source in BUNDLED:
        return _bundled(source)
    if isinstance(source, Mapping):
        return read_programme(source)
    path = Path(source)
    if not path.is_file():
        names = ", ".join(BUNDLED)
        raise FileNotFoundError(
            f"Neither a file nor a bundled programme; the bundled ones are {names}."
        )
    return _parse(path.read_bytes() if path.stat().st_size <= LARGEST else b"")


@cache
def _bundled(name: str) -> Programme:
    return _parse(files("coronapas.programmes").joinpath(f"data/{name}.json").read_bytes())


def _parse(data: bytes) -> Programme:
    faults = Faults()
    try:
        document = _json.load(data, limit=LARGEST, keep_doubled=True)
    except _json.JsonError:
        hint = f"Give JSON in UTF-8 of at most {LARGEST} bytes."
        faults.note("", "json.syntax", "The file must be a JSON document and not too large.", hint)
        raise ProgrammeError(faults.found) from None
    return read_programme(document)


def read_programme(document: object) -> Programme:
    """Make a programme from a parsed document; raises ProgrammeError with every fault."""
    faults = Faults()
    top = Reader(document, "", faults)
    top.string("$schema", least=0)
    top.take("about", nullable=True)
    products = _products(top)
    names = _names(products)
    zone = _zone(top)
    rules = read_rules(top, names)
    suspensions = read_suspensions(top)
    readings = top.row("readings", required=True) or Reader({}, "readings", Faults())
    programme = Programme(
        id=top.text("id", required=True),
        title=top.text("title", required=True),
        zone=zone,
        reckoning=Reckoning(top.choice("reckoning", list(Reckoning), required=True) or "utc"),
        products=products,
        names=names,
        single_then_other=_reading(
            readings, "single_then_other", (Policy.AMBIGUOUS, Policy.PRIMARY, Policy.BOOSTER)
        ),
        one_dose_recovered=_reading(
            readings, "one_dose_recovered", (Policy.AMBIGUOUS, Policy.FIRST, Policy.RECOVERED)
        ),
        extra_dose=_extra_dose(readings),
        revisions=read_revisions(top, rules, suspensions, zone),
        schedule=read_schedule(top, names),
        disease=top.text("disease", default=COVID_19),
        other_reckoning=_other_reckoning(top),
        groups=_terms(top, "groups"),
        sectors=_terms(top, "sectors"),
        places=_terms(top, "places"),
    )
    used = {rule.id for one in programme.revisions for rule in one.rules}
    used |= {one.suspension.id for one in programme.revisions if one.suspension}
    unused = tuple(name for name in (*rules, *suspensions) if name not in used)
    programme = replace(programme, unused=unused)
    readings.close()
    top.close()
    if faults.found:
        raise ProgrammeError(faults.found)
    return programme


def _zone(top: Reader) -> ZoneInfo:
    name = top.text("time_zone", required=True, default="UTC")
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        hint = "Give an IANA name; where the system has no database install the package tzdata."
        top.faults.note("time_zone", "programme.zone", "The time zone is unknown here.", hint)
        return ZoneInfo("UTC")


def _products(top: Reader) -> Mapping[str, Product]:
    found: dict[str, Product] = {}
    for row in top.rows("products"):
        code = row.text("code", required=True)
        also = row.words("also") or ()
        lengths = row.numbers("doses", 1, 9)
        if code in found:
            row.faults.note(
                f"{row.path}.code", "programme.doubled", "The product is here twice.", "Leave one."
            )
        found[code] = Product(
            code,
            row.text("name", required=True),
            also,
            None if lengths is None else frozenset(lengths),
        )
        row_members(row, identified=False)
        row.close()
    return MappingProxyType(found)


def _names(products: Mapping[str, Product]) -> Mapping[str, str]:
    return MappingProxyType(
        {
            name.casefold(): code
            for code, product in products.items()
            for name in (*product.also, product.name, code)
        }
    )


def _terms(top: Reader, name: str) -> Mapping[str, Term]:
    found: dict[str, Term] = {}
    for row in top.rows(name):
        term = Term(meaning=row.text("meaning", required=True), **row_members(row))
        if term.id in found:
            row.faults.note(
                f"{row.path}.id", "programme.doubled", "The word is here twice.", "Leave one."
            )
        found[term.id] = term
        row.close()
    return MappingProxyType(found)


def _other_reckoning(top: Reader) -> OtherReckoning | None:
    row = top.row("other_reckoning")
    if row is None:
        return None
    reckoning = Reckoning(row.choice("is", list(Reckoning), required=True) or "utc")
    found = OtherReckoning(reckoning=reckoning, **row_members(row, default_id="other_reckoning"))
    row.close()
    return found


def _reading(readings: Reader, name: str, policies: tuple[Policy, ...]) -> Reading:
    row = readings.row(name, required=True) or Reader({}, name, Faults())
    policy = Policy(row.choice("is", policies, required=True) or Policy.AMBIGUOUS)
    reading = Reading(policy=policy, **row_members(row, default_id=name))
    row.close()
    return reading


def _extra_dose(readings: Reader) -> ExtraDose | None:
    row = readings.row("extra_dose")
    if row is None:
        return None
    group = row.text("group", required=True)
    within, booster_from = (
        _period(row, "within", required=True),
        _period(row, "booster_from", required=True),
    )
    members = row_members(row, default_id="extra_dose")
    row.close()
    if within is None or booster_from is None:
        return None
    return ExtraDose(group=group, within=within, booster_from=booster_from, **members)
