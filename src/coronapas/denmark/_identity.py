"""Compare a name and a birth date with an identity document: match, no match, or unsure.

A DK2 says only that whoever has this legal name and birth date is valid, so somebody
must compare. Documents order names differently, leave some out, cut them, and write letters in the
ways that ICAO Doc 9303 part 3 allows. The rules:

1. Names are compared part by part, in any order. Parts are equal where one is a form of the other
   that part 3 allows (``Søren`` and ``SOEREN``).
2. All parts of both sides have a partner: match.
3. Every part of one side has a partner, at least one, and the other side has more: unsure, as with
   a middle name. So are parts that are cut or initials, parts that are alike but for marks that
   part 3 would write out (``Søren`` and ``SOREN``), parts that differ only by where they are
   divided (``Anne Marie``, ``Annemarie``), and names with letters that have no table.
4. Otherwise no match: each side has a part that the other does not know.
5. Birth dates known to the day are equal or not. Where one is known in part, the parts that both
   know either contradict each other (no match) or do not (unsure).
6. The whole: no match where either says so, match where both do, unsure otherwise.

Likeness is not measured: a misspelt name is no match, and a person decides the unsure cases.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from enum import IntEnum, StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from unicodedata import name as name_of

from coronapas.dcc._names import MrzMatch, match_mrz, transliterate
from coronapas.dcc._text import normal
from coronapas.facts import PartialDate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coronapas.denmark._tokens import Dk2

MOST_PARTS: Final = 24
"""The most parts of a name that is compared, inclusive; with more it is unsure."""
LONGEST_NAME: Final = 400
"""The most characters of a name that is compared, inclusive; with more it is unsure."""

_MRZ_NAME: Final = re.compile("[A-Z<]*")
_MRZ_DATE: Final = re.compile("[0-9]{2}(?:[0-9]{2}|<<)(?:[0-9]{2}|<<)", re.ASCII)
_MARKED: Final = re.compile("LATIN SMALL LETTER ([A-Z]) WITH .*")
_DIVIDERS: Final = re.compile(r"[\s,\-‐‑‒–—<]+")


class Agreement(StrEnum):
    """Whether what a token states agrees with what a document states."""

    MATCH = "match"
    NO_MATCH = "no match"
    UNSURE = "unsure"
    """A person must decide."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The outcome of a comparison, and of its two halves."""

    outcome: Agreement
    name: Agreement
    birth_date: Agreement

    @property
    def matches(self) -> bool:
        """Whether both name and birth date match for certain."""
        return self.outcome is Agreement.MATCH


def compare(
    legal_name: str | None,
    birth_date: date | PartialDate | None,
    *,
    document_name: str | None = None,
    document_mrz: str | None = None,
    document_birth_date: date | PartialDate | str | None = None,
) -> Comparison:
    """Compare what a token states with what an identity document states.

    Give the document's name as it is printed (`document_name`, family and given names in any
    order), or the name field of its machine-readable zone (`document_mrz`, with ``<``), or both:
    each is cut in its own way, so one match is enough unless the other is a contradiction.
    `document_birth_date` is a date, a part of one, or the six characters of the machine-readable
    zone (``870504``, ``<<`` for an unknown month or day; the century is then not compared). None
    means unknown and makes its half unsure.

    Raises ValueError for a `document_mrz` with characters other than A-Z and ``<``, and for a birth
    date as text that does not have this form.
    """
    names = []
    if legal_name is not None:
        if document_name is not None:
            names.append(_compare_names(legal_name, _parts(document_name)))
        if document_mrz is not None:
            if not _MRZ_NAME.fullmatch(document_mrz):
                raise ValueError("document_mrz must have A-Z and '<' alone")
            names.append(_compare_names(legal_name, document_mrz.split("<")))
    name = _together(names)
    born = _compare_dates(birth_date, document_birth_date)
    return Comparison(_both(name, born), name, born)


def compare_token(
    token: Dk2,
    *,
    document_name: str | None = None,
    document_mrz: str | None = None,
    document_birth_date: date | PartialDate | str | None = None,
) -> Comparison:
    """Compare a DK2 with an identity document: see `compare`."""
    return compare(
        token.legal_name,
        token.birth_date,
        document_name=document_name,
        document_mrz=document_mrz,
        document_birth_date=document_birth_date,
    )


def _together(found: Sequence[Agreement]) -> Agreement:
    if not found or len({*found} & {Agreement.MATCH, Agreement.NO_MATCH}) == 2:
        return Agreement.UNSURE
    return next((one for one in found if one is not Agreement.UNSURE), Agreement.UNSURE)


def _both(name: Agreement, born: Agreement) -> Agreement:
    if Agreement.NO_MATCH in (name, born):
        return Agreement.NO_MATCH
    return Agreement.MATCH if name is born is Agreement.MATCH else Agreement.UNSURE


def _parts(name: str) -> list[str]:
    return _DIVIDERS.split(name[: LONGEST_NAME + 1])


def _compare_names(legal_name: str, document: Sequence[str]) -> Agreement:
    own = [part for part in _parts(legal_name) if part]
    other = [part for part in document if part]
    long = max(len(legal_name), sum(map(len, other))) > LONGEST_NAME
    if long or not own or not other or max(len(own), len(other)) > MOST_PARTS:
        return Agreement.UNSURE
    likeness = [[_likeness(one, two) for two in other] for one in own]
    fewer = min(len(own), len(other))
    pairs = {
        least: _pairs([[found >= least for found in row] for row in likeness])
        for least in (_Likeness.EXACT, _Likeness.PLAIN, _Likeness.CUT)
    }
    if pairs[_Likeness.EXACT] == len(own) == len(other):
        return Agreement.MATCH
    # Of names that are cut, some part must still be there in full.
    if pairs[_Likeness.PLAIN] and pairs[_Likeness.CUT] == fewer:
        return Agreement.UNSURE
    unsure = _unreadable(own) or _unreadable(other) or _same_when_joined(own, other)
    return Agreement.UNSURE if unsure else Agreement.NO_MATCH


class _Likeness(IntEnum):
    NONE = 0
    CUT = 1
    """One is a beginning of the other."""
    PLAIN = 2
    """The same letters, marks aside."""
    EXACT = 3
    """One is a form of the other that part 3 allows."""


def _likeness(one: str, two: str) -> _Likeness:
    """Compare two parts, whichever of them is the transliterated or the shortened one."""
    found = match_mrz(one, transliterate(two).mrz), match_mrz(two, transliterate(one).mrz)
    if MrzMatch.EXACT in found:
        return _Likeness.EXACT
    if _plain(one) == _plain(two):
        return _Likeness.PLAIN
    return _Likeness.CUT if MrzMatch.TRUNCATED in found else _Likeness.NONE


def _plain(part: str) -> str:
    return "".join(map(_base, normal(normal(part).casefold(), "NFD")))


@lru_cache(maxsize=1024)
def _base(char: str) -> str:
    """Return a letter without its mark, also where Unicode does not divide them (Ø, Đ, Ł)."""
    found = _MARKED.fullmatch(name_of(char, ""))
    if found is not None:
        return found[1].lower()
    return "" if name_of(char, "").startswith("COMBINING") else char


def _unreadable(parts: Sequence[str]) -> bool:
    """Return whether a part has letters that the tables do not know."""
    return any(
        drop.category.startswith("L") for part in parts for drop in transliterate(part).dropped
    )


def _same_when_joined(own: list[str], other: list[str]) -> bool:
    """Return whether the names differ only by where they are divided, in any rotation of one."""
    whole = "".join(other)
    turned = ("".join(own[place:] + own[:place]) for place in range(len(own)))
    return any(_likeness(one, whole) is _Likeness.EXACT for one in turned)


def _pairs(edges: Sequence[Sequence[bool]]) -> int:
    """Return the size of the largest matching (augmenting paths)."""
    partner: dict[int, int] = {}

    def place(row: int, tried: set[int]) -> bool:
        for column, fits in enumerate(edges[row]):
            if fits and column not in tried:
                tried.add(column)
                if column not in partner or place(partner[column], tried):
                    partner[column] = row
                    return True
        return False

    return sum(place(row, set()) for row in range(len(edges)))


def _compare_dates(
    own: date | PartialDate | None, other: date | PartialDate | str | None
) -> Agreement:
    if isinstance(other, str) and not _MRZ_DATE.fullmatch(other):
        raise ValueError("document_birth_date must have six characters, YYMMDD")
    if own is None or other is None:
        return Agreement.UNSURE
    mine, theirs = _numbers(own), _numbers(other)
    if isinstance(other, str):
        mine = (own.year % 100, *mine[1:])
    pairs = [*zip(mine, theirs, strict=True)]
    if any(one != two for one, two in pairs if one is not None and two is not None):
        return Agreement.NO_MATCH
    return Agreement.UNSURE if None in (*mine, *theirs) else Agreement.MATCH


def _numbers(born: date | PartialDate | str) -> tuple[int | None, int | None, int | None]:
    if isinstance(born, str):
        month, day = (None if part == "<<" else int(part) for part in (born[2:4], born[4:]))
        return int(born[:2]), month, day
    return born.year, born.month, None if isinstance(born, PartialDate) else born.day
