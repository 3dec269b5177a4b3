"""What changed in a programme between two dates, in words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from coronapas._time import as_utc
from coronapas.programmes._clock import local_day, midnight
from coronapas.programmes._model import TEST_KINDS, Requirement, Stage
from coronapas.programmes._reasons import (
    offer_words,
    rule_words,
    suspension_words,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from coronapas.programmes._model import DatedRow, EvidenceRule, Programme, Revision

_STAGES = {
    Stage.FIRST: "First dose of several",
    Stage.PRIMARY: "Course of several doses",
    Stage.SINGLE: "Single-dose course",
    Stage.RECOVERED: "One dose after recovery",
    Stage.EXTRA: "Extra dose",
    Stage.BOOSTER: "Booster",
}
_REQUIREMENTS = {
    Requirement.IN_FORCE: "a pass is asked for",
    Requirement.LIFTED: "no pass is asked for, the rules stay",
    Requirement.ENDED: "the requirement has ended",
}


@dataclass(frozen=True, slots=True)
class Change:
    """One change between two dates.

    `area` is ``requirement``, ``exemption``, ``test``, ``recovery``, ``vaccination``,
    ``suspension``, ``offer``, ``product`` or ``wait``.
    `before` is None for what is new, `after` for what has ended. `rows` are the rows that made the
    change, `marks` what is uncertain about them.
    """

    area: str
    subject: str
    before: str | None
    after: str | None
    rows: tuple[str, ...]
    marks: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.before is None:
            return f"{self.subject}: new: {self.after}"
        if self.after is None:
            return f"{self.subject}: no longer: {self.before}"
        return f"{self.subject}: {self.after} (before: {self.before})"

    def to_json(self) -> dict[str, object]:
        """Return the change as a JSON object."""
        return {
            "area": self.area,
            "subject": self.subject,
            "before": self.before,
            "after": self.after,
            "text": str(self),
            "rows": list(self.rows),
            "marks": list(self.marks),
        }


def diff(
    programme: Programme, earlier: date | datetime, later: date | datetime
) -> tuple[Change, ...]:
    """Compare a programme on two dates.

    A day stands for its end in local time, so that what begins on it counts; an instant, which
    must have a time zone, stands for itself. Raises ValueError if `later` is before `earlier`.
    """
    start, end = _instant(programme, earlier), _instant(programme, later)
    if end < start:
        raise ValueError("The later date must not be before the earlier one.")
    old, new = programme.revision_at(start), programme.revision_at(end)
    marks = tuple(
        mark.text
        for revision in programme.revisions
        if start < revision.starts <= end
        for mark in revision.marks()
    )
    rows = tuple(one.id for one in programme.revisions if start < one.starts <= end)
    found: list[Change] = []
    if old is not new:
        found += _rules(old, new, rows, marks)
    days = local_day(start, programme.zone), local_day(end, programme.zone)
    found += _schedule(programme, *days)
    return tuple(found)


def _instant(programme: Programme, when: date | datetime) -> datetime:
    if isinstance(when, datetime):
        return as_utc(when)
    return midnight(when + timedelta(days=1), programme.zone) - timedelta(microseconds=1)


def _rules(
    old: Revision | None, new: Revision | None, rows: tuple[str, ...], marks: tuple[str, ...]
) -> Iterator[Change]:
    for area, before, after in (
        ("requirement", _requirement(old), _requirement(new)),
        ("exemption", _exemption(old), _exemption(new)),
        ("suspension", _suspension(old), _suspension(new)),
    ):
        if before != after:
            yield Change(area, area.capitalize(), before, after, rows, marks)
    for area in ("test", "recovery", "vaccination"):
        earlier, later = _by_subject(old, area), _by_subject(new, area)
        for subject in dict.fromkeys([*earlier, *later]):
            before, after = earlier.get(subject), later.get(subject)
            if before != after:
                yield Change(area, subject, before, after, rows, marks)


def _requirement(revision: Revision | None) -> str | None:
    return None if revision is None else _REQUIREMENTS[revision.requirement]


def _exemption(revision: Revision | None) -> str | None:
    if revision is None or revision.exempt_below is None:
        return None
    return f"no pass is asked for below {revision.exempt_below} years of age"


def _suspension(revision: Revision | None) -> str | None:
    if revision is None or revision.suspension is None:
        return None
    return suspension_words(revision.suspension)


def _by_subject(revision: Revision | None, area: str) -> dict[str, str]:
    found: dict[str, list[str]] = {}
    for rule in revision.rules if revision else ():
        if rule.evidence == area:
            for subject in _subjects(rule):
                found.setdefault(subject, []).append(rule_words(rule))
    return {subject: "; or ".join(sorted(words)) for subject, words in found.items()}


def _subjects(rule: EvidenceRule) -> Sequence[str]:
    if rule.evidence == "vaccination":
        return [words for stage, words in _STAGES.items() if stage in rule.stages]
    words = [TEST_KINDS[kind] for kind in sorted(rule.kinds)]
    if rule.evidence == "test":
        return [f"Negative {word} test" for word in words]
    return [f"Recovery proved by a {word} test" for word in words]


def _schedule(programme: Programme, start: date, end: date) -> Iterator[Change]:
    """Find the rows of the schedule that are in force on one of the days only."""
    schedule = programme.schedule
    for offer in schedule.offers:
        words = offer_words(offer, programme)
        yield from _began_or_ended("offer", "Offer", offer, words, start, end)
    for limit in schedule.limits:
        name = programme.product_name(limit.product)
        words = f"{limit.status}: {limit.why}"
        yield from _began_or_ended("product", name, limit, words, start, end)
    for wait in schedule.waits:
        words = f"no dose for {wait.lasts} after an infection"
        yield from _began_or_ended("wait", "Wait after infection", wait, words, start, end)


def _began_or_ended(
    area: str, subject: str, row: DatedRow, words: str, start: date, end: date
) -> Iterator[Change]:
    before, after = (row.stands_on(day) for day in (start, end))
    if before is not after:
        marks = tuple(mark.text for mark in row.marks())
        was, now = (words, None) if before else (None, words)
        yield Change(area, subject, was, now, (row.id,), marks)
