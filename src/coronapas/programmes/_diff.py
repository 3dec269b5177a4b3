"""What changed in a programme between two dates, in words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import zip_longest
from typing import TYPE_CHECKING, NamedTuple

from coronapas._time import as_utc
from coronapas.programmes._clock import age_words, local_day, midnight
from coronapas.programmes._model import TEST_KINDS, Requirement, Stage
from coronapas.programmes._reasons import (
    audience_words,
    offer_subject,
    offer_words,
    rule_words,
    suspension_words,
    wait_subject,
    wait_words,
    where_words,
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
    ``suspension``, ``place``, ``reading``, ``offer``, ``product``, ``wait``, or ``revision`` for
    one that changes no rule.
    `before` is None for what is new, `after` for what has ended. `rows` are the rows that made the
    change, `marks` what is uncertain about them.
    """

    area: str
    subject: str
    """What changes, in words."""
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
    rows = tuple(each.id for each in programme.revisions if start < each.starts <= end)
    found: list[Change] = []
    if old is not new:
        found += _rules(old, new, rows, marks)
        before, after = _readings(programme, old), _readings(programme, new)
        found += [
            Change("reading", subject, before.get(subject), after.get(subject), rows, marks)
            for subject in dict.fromkeys((*before, *after))
            if before.get(subject) != after.get(subject)
        ]
        found += [
            Change("place", name, before, after, rows, marks)
            for name, (before, after) in _places(old, new).items()
        ]
    found += [
        Change("revision", each.id, None, each.title, (each.id,))
        for each in programme.revisions
        if start < each.starts <= end and not each.changed
    ]
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
        ("place", _local(old), _local(new)),
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
    if revision is None:
        return None
    words = []
    if revision.exempt_below is not None:
        words.append(f"below {age_words(revision.exempt_below)} of age")
    if revision.exempt_groups:
        words.append(f"of members of {' or '.join(sorted(revision.exempt_groups))}")
    words += [
        f"of {audience_words(row.audience)}{where_words(row)} ({row.reason})"
        for row in revision.exemptions
    ]
    return f"no pass is asked for {'; or '.join(words)}" if words else None


def _local(revision: Revision | None) -> str | None:
    """Return the requirement by place, region and sector, in words."""
    if revision is None or not revision.requirements:
        return None
    return "; ".join(
        f"{_REQUIREMENTS[row.requirement]}{where_words(row)}" for row in revision.requirements
    )


def _readings(programme: Programme, revision: Revision | None) -> dict[str, str]:
    """Return how doses are read, in words, by what is read."""
    readings = (revision.readings if revision else None) or programme.readings
    after = readings.dose_after_infection
    rows = {
        "A second product after a single-dose course": readings.single_then_other,
        "One dose, numbered 1/1, of several": readings.one_dose_recovered,
        "A dose numbered 2/1": readings.two_of_one,
        "A dose after one for the recovered": readings.recovered_then_other,
        "A dose numbered 1/2 after an infection": after,
    }
    return {
        subject: f"read as {row.policy}"
        + (f", at least {after.at_least} after it" if after and row is after else "")
        for subject, row in rows.items()
        if row is not None
    }


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


def _places(old: Revision | None, new: Revision | None) -> dict[str, tuple[str, str]]:
    """Return the kinds of place whose requirement differs, as words before and after."""
    found = {}
    names = {name for each in (old, new) if each for name in each.places}
    for name in sorted(names):
        if old and new:
            before, after = old.requirement_at(name), new.requirement_at(name)
            if before is not after and (before, after) != (old.requirement, new.requirement):
                found[name] = (_REQUIREMENTS[before], _REQUIREMENTS[after])
    return found


class _Standing(NamedTuple):
    """One row of the schedule in words, for the comparison of two days."""

    area: str
    subject: str
    words: str
    row: DatedRow


def _schedule(programme: Programme, start: date, end: date) -> Iterator[Change]:
    """Compare the rows of the schedule that are in force on the two days, by what they say.

    Rows that say the same are no change, whatever their names; a row that says something else of
    the same people, or of the same product, is a change from one to the other.
    """
    before, after = (_standing(programme, day) for day in (start, end))
    for subject in dict.fromkeys([*before, *after]):
        old, new = before.get(subject, []), after.get(subject, [])
        ended = [each for each in old if each.words not in {other.words for other in new}]
        begun = [each for each in new if each.words not in {other.words for other in old}]
        for was, now in zip_longest(ended, begun):
            rows = [each.row for each in (was, now) if each is not None]
            yield Change(
                (now or was).area,
                (now or was).subject,
                None if was is None else was.words,
                None if now is None else now.words,
                tuple(row.id for row in rows),
                tuple(dict.fromkeys(mark.text for row in rows for mark in row.marks())),
            )


def _standing(programme: Programme, day: date) -> dict[tuple[str, str], list[_Standing]]:
    """Return what the schedule says on a day, by area and subject."""
    found: dict[tuple[str, str], list[_Standing]] = {}
    schedule = programme.schedule

    def add(area: str, subject: str, words: str, row: DatedRow) -> None:
        if row.stands_on(day):
            found.setdefault((area, subject), []).append(_Standing(area, subject, words, row))

    for offer in schedule.offers:
        subject = f"Offer {offer_subject(offer, programme)}"
        add("offer", subject, offer_words(offer, programme), offer)
    for limit in schedule.limits:
        add(
            "product",
            programme.product_name(limit.product),
            f"{limit.status}: {limit.why}",
            limit,
        )
    for wait in schedule.waits:
        add("wait", wait_subject(wait, programme), wait_words(wait), wait)
    return found
