"""Compare a name and a birth date with an identity document: match, no match, or unsure.

A DK2 says only that whoever has this legal name and birth date is valid, so somebody
must compare. Documents order names differently, leave some out, cut them, and write letters in the
ways that ICAO Doc 9303 part 3 allows. The rules:

1. Names are compared part by part, in any order. Parts are equal where one is a form of the other
   that part 3 allows (``Søren`` and ``SOEREN``).
2. All parts of both sides have a partner: match.
3. Every part of one side has a partner, at least one, and the other side has more: unsure, as with
   a middle name. So are parts that are cut or initials, parts that are alike but for marks that
   part 3 would write out (``Søren`` and ``SOREN``) or for a transliteration of another era
   (``YULIYA``, ``IULIIA``; ``MUHAMMAD``, ``MOHAMMED``), parts that differ only by where they are
   divided (``Anne Marie``, ``Annemarie``), and names in another script than the Latin one.
4. Otherwise no match: each side has a part that the other does not know.
5. Birth dates known to the day are equal or not. Where one is known in part, the parts that both
   know either contradict each other (no match) or do not (unsure). A machine-readable zone states
   no century: where two are possible, the date is unsure.
6. The whole: no match where either says so, match where both do, unsure otherwise.

Likeness is not measured: a misspelt name is no match, and a person decides the unsure cases.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from enum import IntEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from unicodedata import name as name_of

from coronapas.dcc._names import MrzMatch, match_mrz, transliterate
from coronapas.dcc._text import normal
from coronapas.facts import PartialDate
from coronapas.facts._model import (
    Agreement,
    Comparison,
    compare_births,
    compare_numbers,
    numbers,
    together,
)

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
_SOFT: Final = re.compile("(?<=[B-DF-HJ-NP-TV-XZ])YE")
_SAME: Final = re.compile("I+")
_FAMILIES: Final = tuple(
    map(
        re.compile,
        (
            "M[OU]H+AM+[AE]D",
            "AH+M[AE]D",
            "H[OU]S+(?:EI|AI|EY|AY|E|I)N",
            "(?:Y|I)[OU]+S+[EOU]+F",
            "IBR[AE]HE*I?M",
            "[OU]M[AE]R",
            "(?:O|U|OU)[ST]H?M[AE]N",
            "(?:C|K)H?AL+[EI]+D",
        ),
    )
)
"""Names that have several usual forms in Latin letters; not a complete list."""
_OLDEST: Final = 120
"""The greatest age, in years, at which a birth of an earlier century is thought of."""
_DIVIDERS: Final = re.compile(r"[\s,\-‐‑‒–—<]+")


def compare(
    legal_name: str | None,
    birth_date: date | PartialDate | None,
    *,
    document_name: str | None = None,
    document_mrz: str | None = None,
    document_birth_date: date | PartialDate | str | None = None,
    at: date | None = None,
) -> Comparison:
    """Compare what a token states with what an identity document states.

    Give the document's name as it is printed (`document_name`, family and given names in any
    order), or the name field of its machine-readable zone (`document_mrz`, with ``<``), or both:
    each is cut in its own way, so one match is enough unless the other is a contradiction.
    `document_birth_date` is a date, a part of one, or the six characters of the machine-readable
    zone (``870504``, ``<<`` for an unknown month or day). Its century is not stated: where somebody
    alive on the day `at` (by default today) may be born in either of two, the date is unsure. None
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
    born = _compare_dates(birth_date, document_birth_date, at or datetime.now(UTC).date())
    return Comparison(together((name, born)), name, born)


def compare_token(
    token: Dk2,
    *,
    document_name: str | None = None,
    document_mrz: str | None = None,
    document_birth_date: date | PartialDate | str | None = None,
    at: date | None = None,
) -> Comparison:
    """Compare a DK2 with an identity document: see `compare`."""
    return compare(
        token.legal_name,
        token.birth_date,
        document_name=document_name,
        document_mrz=document_mrz,
        document_birth_date=document_birth_date,
        at=at,
    )


def _together(found: Sequence[Agreement]) -> Agreement:
    if not found or len({*found} & {Agreement.MATCH, Agreement.NO_MATCH}) == 2:
        return Agreement.UNSURE
    return next((each for each in found if each is not Agreement.UNSURE), Agreement.UNSURE)


def _parts(name: str) -> list[str]:
    return _DIVIDERS.split(name[: LONGEST_NAME + 1])


def _compare_names(legal_name: str, document: Sequence[str]) -> Agreement:
    own = [part for part in _parts(legal_name) if part]
    other = [part for part in document if part]
    long = max(len(legal_name), sum(map(len, other))) > LONGEST_NAME
    if long or not own or not other or max(len(own), len(other)) > MOST_PARTS:
        return Agreement.UNSURE
    likeness = [[_likeness(each, two) for two in other] for each in own]
    fewer = min(len(own), len(other))
    pairs = {
        least: _pairs([[found >= least for found in row] for row in likeness])
        for least in (_Likeness.EXACT, _Likeness.VARIANT, _Likeness.CUT)
    }
    if pairs[_Likeness.EXACT] == len(own) == len(other):
        return Agreement.MATCH
    # Of names that are cut, some part must still be there in full.
    if pairs[_Likeness.VARIANT] and pairs[_Likeness.CUT] == fewer:
        return Agreement.UNSURE
    unsure = _foreign(own) or _foreign(other) or _same_when_joined(own, other)
    return Agreement.UNSURE if unsure else Agreement.NO_MATCH


class _Likeness(IntEnum):
    NONE = 0
    CUT = 1
    """One is a beginning of the other."""
    VARIANT = 2
    """The same letters, marks aside, or a transliteration of another era."""
    EXACT = 3
    """One is a form of the other that part 3 allows."""


def _likeness(one: str, two: str) -> _Likeness:
    """Compare two parts, whichever of them is the transliterated or the shortened one."""
    found = match_mrz(one, transliterate(two).mrz), match_mrz(two, transliterate(one).mrz)
    if MrzMatch.EXACT in found:
        return _Likeness.EXACT
    if _plain(one) == _plain(two) or _era(one) == _era(two):
        return _Likeness.VARIANT
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


def _foreign(parts: Sequence[str]) -> bool:
    """Return whether a part has letters of a script that the other side may not show.

    A document in Latin letters cannot contradict a name in others: states transliterate in their
    own ways, and have changed them.
    """
    return any(
        char.isalpha() and not name_of(char, "").startswith("LATIN")
        for part in parts
        for char in part
    )


def _era(part: str) -> str:
    """Return a part as it is whatever the transliteration of its time.

    Russian passports had ``YULIYA`` and ``SOLOVYEVA`` and have ``IULIIA`` and ``SOLOVEVA`` (Doc
    9303, part 3); some Arabic names have a family of Latin forms. What is not known to vary stays.
    """
    letters = transliterate(part).mrz.replace("<", "")
    for number, family in enumerate(_FAMILIES):
        if family.fullmatch(letters):
            return str(number)
    return _SAME.sub("I", _SOFT.sub("E", letters).replace("Y", "I"))


def _same_when_joined(own: list[str], other: list[str]) -> bool:
    """Return whether the names differ only by where they are divided, in any rotation of one."""
    whole = "".join(other)
    turned = ("".join(own[place:] + own[:place]) for place in range(len(own)))
    return any(_likeness(each, whole) is _Likeness.EXACT for each in turned)


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
    own: date | PartialDate | None, other: date | PartialDate | str | None, at: date
) -> Agreement:
    if isinstance(other, str) and not _MRZ_DATE.fullmatch(other):
        raise ValueError("document_birth_date must have six characters, YYMMDD")
    if own is None or other is None:
        return Agreement.UNSURE
    if not isinstance(other, str):
        return compare_births(own, other)
    month, day = (None if part == "<<" else int(part) for part in (other[2:4], other[4:]))
    found = compare_numbers((own.year % 100, *numbers(own)[1:]), (int(other[:2]), month, day))
    centuries = (own.year - 100, own.year + 100)
    fitting = [year for year in centuries if at.year - _OLDEST <= year <= at.year]
    return Agreement.UNSURE if found is Agreement.MATCH and fitting else found
