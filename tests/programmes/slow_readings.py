"""How the slow engine reads doses: every reading of a history, as the documentation has it.

``docs/explanation/how-a-history-is-read.md`` has the table.
"""

from __future__ import annotations

from typing import Literal

from slow_history import DAY, KNOWN, Country, Row, later_day

Reading = tuple[str, ...]
"""The stage of each dose, in the order of the doses."""

Member = Literal[True, False, "open"]
"""Whether somebody belongs to the group that gets an extra dose."""


COMPLETE = ("primary", "single", "recovered", "extra", "booster")


def readings(
    country: Country, policies: Row, doses: list[Row], infections: list[Row], member: Member
) -> list[Reading]:
    """Return every reading of the doses: tuples of stages in the order of the doses.

    `member` says whether the person belongs to the group that gets an extra dose: True, False or
    `OPEN`.
    """
    found: list[Reading] = [()]
    for place in range(len(doses)):
        longer: list[Reading] = []
        for before in found:
            dose = Dose(country, policies, doses, place, before, infections, member)
            for stage in dose.stages():
                if (*before, stage) not in longer:
                    longer.append((*before, stage))
        found = longer
    return found


def counts(country: Country, dose: Row) -> bool | None:
    """Say whether a dose counts: True, False, or None where nobody knows its products."""
    ours = [code in country.products for code in dose["products"]]
    if all(ours):
        return True
    if not any(ours) and all(code in KNOWN for code in dose["products"]):
        return False
    return None


class Dose:
    """One dose, after those before it were read."""

    def __init__(
        self,
        country: Country,
        policies: Row,
        doses: list[Row],
        place: int,
        before: Reading,
        infections: list[Row],
        member: Member,
    ) -> None:
        self.country, self.policies, self.member = country, policies, member
        self.infections = infections
        self.dose = doses[place]
        self.next = doses[place + 1] if place + 1 < len(doses) else None
        self.counted = [stage for stage in before if stage != "uncounted"]
        self.complete = any(stage in COMPLETE for stage in self.counted)
        earlier = [dose for dose in doses[:place] if counts(country, dose) is not False]
        self.previous = earlier[-1]["day"] if earlier else None
        several = [country.lengths(code, self.dose["day"]) for code in self.dose["products"]]
        known = [lengths for lengths in several if lengths is not None]
        self.lengths = set().union(*known) if len(known) == len(several) else None

    def stages(self) -> list[str]:
        recognised = counts(self.country, self.dose)
        if recognised is False:
            return ["uncounted"]
        found = []
        for numbers in self.dose["numbers"]:
            found += self.unnumbered() if numbers is None else self.numbered(*numbers)
        return found if recognised else [*found, "uncounted"]

    def policy(self, name: str, default: list[str]) -> list[str]:
        """Return what a reading of the programme says, or what stands in its place."""
        row = self.policies.get(name)
        if row is None:
            return default
        if row["is"] != "ambiguous":
            return [row["is"]]
        if name in ("one_dose_recovered", "dose_after_infection"):
            return ["first", "recovered"]
        return ["primary", "booster"]

    def only_single(self) -> bool:
        return self.lengths == {1}

    def can_be_single(self) -> bool:
        return self.lengths is None or 1 in self.lengths

    def by_one_dose(self) -> str | None:
        """Return the stage of the one dose that made the course, with no complete one after it."""
        complete = [stage for stage in self.counted if stage in COMPLETE]
        if len(complete) == 1 and complete[0] in ("single", "recovered"):
            return complete[0]
        return None

    def started(self) -> list[str]:
        """Return what a dose is that begins a course: a first one, or the only one needed."""
        row = self.policies.get("dose_after_infection")
        if row is None or self.counted:
            return ["first"]
        for one in self.infections:
            after = max(later_day(one["day"], row.get("at_least", {})), one["day"] + DAY)
            if one["proof"] in row.get("kinds", ["naat"]) and self.dose["day"] >= after:
                return self.policy("dose_after_infection", ["first"])
        return ["first"]

    def after_course(self) -> list[str]:
        """Return what a dose after a course is: a booster, or an extra dose."""
        row = self.policies.get("extra_dose")
        if row is None or "extra" in self.counted or "booster" in self.counted:
            return ["booster"]
        if self.member is False:
            return ["booster"]
        if self.member is True:
            late = self.previous and later_day(self.previous, row["within"]) <= self.dose["day"]
            return ["booster"] if late else ["extra"]
        if (
            self.counted
            and self.previous
            and later_day(self.previous, row["booster_from"]) <= self.dose["day"]
        ):
            return ["booster"]
        return ["booster", "extra"]

    def after_one(self) -> list[str]:
        """Return what a further product after a complete course is, numbered 2/2 or not at all."""
        then = self.policy("single_then_other", [])
        if self.by_one_dose() == "single":
            return then
        if self.by_one_dose() == "recovered":
            return self.policy("recovered_then_other", then)
        return ["primary", "booster"]

    def infected_before(self) -> bool:
        return any(
            one["day"] < self.dose["day"] and (one["stated"] or one["proof"] == "naat")
            for one in self.infections
        )

    def unnumbered(self) -> list[str]:
        if self.complete:
            if self.by_one_dose() and not self.only_single():
                return self.after_one()
            return self.after_course()
        if self.only_single():
            return ["single"]
        place = len(self.counted) + 1
        if place >= (max(self.lengths) if self.lengths else 2):
            return ["primary"]
        found = self.started()
        if place == 1 and "dose_after_infection" not in self.policies:
            recovered = self.policies["one_dose_recovered"]["is"] == "recovered"
            if recovered and self.infected_before():
                found = ["recovered"]
        if self.lengths is None or place in self.lengths:
            found = [*found, "single" if place == 1 else "primary"]
        return found

    def numbered(self, number: int, of: int) -> list[str]:
        if number < of:
            return self.started() if number == 1 else ["first"]
        if number > of:
            if (number, of) == (2, 1) and self.by_one_dose() != "recovered":
                return self.policy("two_of_one", ["booster"])
            return ["booster"]
        if of == 1:
            return self.one_of_one()
        if of == 2:
            if self.only_single():
                if self.by_one_dose():
                    return self.policy("two_of_one", ["booster"])
                return ["booster"]
            return self.after_one() if self.complete else ["primary"]
        if self.lengths and max(self.lengths) >= of and not self.complete:
            return ["primary"]
        return self.after_course()

    def one_of_one(self) -> list[str]:
        if self.complete:
            return ["single" if self.can_be_single() else "primary", "booster"]
        if self.only_single():
            return ["single"]
        if self.next is not None and self.next["numbers"] == {(2, 2)}:
            return ["first"]
        if self.counted:
            return ["primary"]
        recovered = self.policy("one_dose_recovered", [])
        return ["single", *recovered] if self.can_be_single() else recovered
