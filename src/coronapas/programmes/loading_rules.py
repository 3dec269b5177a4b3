"""Reading the rules of evidence, the suspensions and the revisions of a programme's document."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, TypeVar

from coronapas.programmes.clock import FOREVER, Period
from coronapas.programmes.model import Requirement, Revision, Rule, Stage, Suspension
from coronapas.programmes.products import canonical
from coronapas.programmes.row_members import row_members

if TYPE_CHECKING:
    from collections.abc import Mapping
    from zoneinfo import ZoneInfo

    from coronapas.programmes.json_rows import RowReader

EVIDENCE: Final = ("test", "recovery", "vaccination")
TEST_KINDS: Final = ("naat", "rat")
_STAGES: Final = tuple(stage for stage in Stage if stage is not Stage.UNCOUNTED)

_Row = TypeVar("_Row", Rule, Suspension)


def codes(row: RowReader, name: str, names: Mapping[str, str]) -> tuple[str, ...] | None:
    """Read a list of products by code or name; each has to be one that the programme recognises."""
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


def read_rules(top: RowReader, names: Mapping[str, str]) -> Mapping[str, Rule]:
    """Read the rules by their names."""
    found: dict[str, Rule] = {}
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
        rule = Rule(
            evidence=evidence,
            starts=row.period("from", required=True) or Period(),
            ends=row.period("until"),
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


def _check_bounds(row: RowReader, rule: Rule) -> None:
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


def read_suspensions(top: RowReader) -> Mapping[str, Suspension]:
    """Read the suspensions by their names."""
    found: dict[str, Suspension] = {}
    for row in top.rows("suspensions"):
        suspension = Suspension(
            kinds=frozenset(row.words("kinds", TEST_KINDS) or ()),
            lasts=row.period("lasts", required=True) or Period(),
            lifted_for=frozenset(row.words("lifted_for", TEST_KINDS) or ()),
            lifted_by=frozenset(row.words("lifted_by", TEST_KINDS) or ()),
            **row_members(row),
        )
        row.close()
        _keep(row, found, suspension)
    return found


def _keep(row: RowReader, found: dict[str, _Row], one: _Row) -> None:
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
        self.rules: dict[str, tuple[Rule, ...]] = {"test": (), "recovery": (), "vaccination": ()}


_SLOTS: Final = (("test", "tests"), ("recovery", "recoveries"), ("vaccination", "vaccinations"))


def read_revisions(
    top: RowReader,
    rules: Mapping[str, Rule],
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
    row: RowReader,
    before: _Before,
    rules: Mapping[str, Rule],
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
        changed.add("requirement")
    if row.has("exempt_below"):
        before.exempt_below = row.number("exempt_below", 0, 150)
        changed.add("exempt_below")
    if row.has("suspension"):
        before.suspension = suspensions.get(row.choice("suspension", suspensions))
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
        **row_members(row),
    )


def _starts(row: RowReader, before: _Before, zone: ZoneInfo) -> datetime:
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
