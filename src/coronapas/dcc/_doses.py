"""How doses are numbered: which dn/sd a product may have (Implementing Decision (EU) 2021/2301).

==================================================  ==========================
situation                                           dn/sd
==================================================  ==========================
single-dose product                                 1/1
one dose of another product after recovery          1/1, where the country allows it
two-dose course                                     1/2, 2/2
three-dose course                                   1/3, 2/3, 3/3
boosters after a one-dose course                    2/1, 3/1, 4/1 and so on
boosters after a two-dose course                    3/3, 4/4 and so on
==================================================  ==========================

A booster after a longer course is numbered dn = sd, never 3/2. A booster may be of any product. The
lengths of the courses are data (``data/courses.json``), dated, with their confidence; for a product
without a row only the numbering itself is judged.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_DOSES: Final = 99
"""The largest dn or sd that is issued, inclusive: this project's bound; the schema has none."""


@dataclass(frozen=True, slots=True)
class Course:
    """The lengths, in doses, that a product's primary course may have from a day on.

    `since` is the first day, inclusive, of the doses it holds for; None for always. `confidence` is
    ``documented`` or ``recalled``.
    """

    lengths: frozenset[int]
    since: date | None
    confidence: str
    note: str | None = None


class Misnumbering(NamedTuple):
    """Why a pair of dose numbers cannot be issued; the first part is the fault's code."""

    code: str
    problem: str
    hint: str


@cache
def courses() -> Mapping[str, tuple[Course, ...]]:
    """Give the bundled courses by product code, each product's in the order of their days."""
    document = json.loads(files("coronapas.dcc").joinpath("data/courses.json").read_bytes())
    found: dict[str, list[Course]] = {}
    for row in document["courses"]:
        since = date.fromisoformat(row["from"]) if "from" in row else None
        course = Course(frozenset(row["lengths"]), since, row["confidence"], row.get("note"))
        found.setdefault(row["product"], []).append(course)
    return MappingProxyType(
        {
            product: tuple(sorted(rows, key=lambda row: row.since or date.min))
            for product, rows in found.items()
        }
    )


def lengths(product: str, day: date) -> frozenset[int] | None:
    """Give the lengths a primary course of the product may have for a dose of that day, or None."""
    found = None
    for course in courses().get(product, ()):
        if course.since is None or course.since <= day:
            found = course.lengths
    return found


def misnumbering(
    dose_number: int,
    doses: int,
    course: frozenset[int] | None,
    *,
    one_dose_after_recovery: bool = True,
) -> Misnumbering | None:
    """Judge dn and sd, both at least 1, against the lengths of the product's course.

    `course` None means unknown lengths. Returns None where the pair may be issued. A pair 1/1 of a
    product with a longer course states one dose after recovery, and is granted where
    `one_dose_after_recovery` is true: the pass itself cannot tell the two apart.
    """
    if dose_number > doses:
        return None if doses == 1 else _BOOSTER
    if doses == 1:
        recovered = course is not None and 1 not in course
        return _ONE_DOSE if recovered and not one_dose_after_recovery else None
    if dose_number == doses and doses > 2:
        return None
    if course is None or doses in course:
        return None
    return _SINGLE if course == {1} and doses == 2 else _LENGTH


_BOOSTER: Final = Misnumbering(
    "dose.booster-numbering",
    "A booster after a course of several doses is numbered with dn equal to sd.",
    "Give the number of the dose as both numbers (3 of 3 in place of 3 of 2).",
)
_ONE_DOSE: Final = Misnumbering(
    "dose.one-dose-course",
    "One dose does not complete a course of this product, and the policy grants no exception for"
    " the recovered.",
    "Give the length of the course, or grant one_dose_after_recovery in the policy.",
)
_SINGLE: Final = Misnumbering(
    "dose.single-dose-product",
    "One dose of this product completes the course.",
    "Number the first dose 1 of 1 and the dose after it, a booster, 2 of 1.",
)
_LENGTH: Final = Misnumbering(
    "dose.course-length",
    "The product's primary course does not have this number of doses.",
    "Give the length of the course; number a booster with dn equal to sd.",
)
