"""Whether two statements are about one person: match, no match, or unsure.

The one comparison of persons: a holder's wallet and history use `compare_holders`, and
`coronapas.denmark.compare` an identity document, with the same outcomes and the same rule for birth
dates. What unsure means is the caller's to say.

The rules for two holders, each from a pass:

1. Family and given names are compared each with its like. Where both sides state it as it is
   written, and it is the same (case, white space and Unicode's form aside), it matches, however it
   was transliterated (GUENTHER, GUNTHER).
2. Else it matches where the standardised forms are the same but for fillers (``DR<<X``, ``DR<X``;
   ``ALAN<RICK``, ``ALANRICK``).
3. Else it is unsure where one of them is missing or cut, where all parts of one are among the
   other's, or where the forms differ only by what ICAO Doc 9303 part 3 lets an issuer choose
   (``UE`` or ``U`` for Ü).
4. Otherwise it is no match.
5. Birth dates known to the day are equal or not. Where one is known in part, the parts that both
   know contradict each other (no match) or do not (unsure).
6. The whole: no match where any part says so, match where all do, unsure otherwise.

Likeness is not measured: a misspelt name is no match.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final
from unicodedata import normalize

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from coronapas.facts._model import Holder, PartialDate

    Birth = date | PartialDate | None

_LONGEST: Final = 320
"""The most characters of a written name that are compared, inclusive."""
_CUT: Final = 30
"""A standardised name of at least so many characters may have been cut (Doc 9303, part 4)."""
_CHOICES: Final = (("AE", "A"), ("OE", "O"), ("UE", "U"), ("AA", "A"), ("SS", "S"))


class Agreement(StrEnum):
    """Whether two statements of a person agree."""

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

    def is_same(self, *, unsure_names: bool = False) -> bool:
        """Whether the two count as one person for passes that one person hands over.

        A birth date that is known in part may be the same; a name that is unsure counts as the same
        only with `unsure_names`.
        """
        names = (Agreement.MATCH, Agreement.UNSURE) if unsure_names else (Agreement.MATCH,)
        return self.name in names and self.birth_date is not Agreement.NO_MATCH


def compare_holders(one: Holder, other: Holder) -> Comparison:
    """Return whether two passes are about one person."""
    name = together(
        (
            _compare_names(
                one.family_name, one.family_name_mrz, other.family_name, other.family_name_mrz
            ),
            _compare_names(
                one.given_name, one.given_name_mrz, other.given_name, other.given_name_mrz
            ),
        )
    )
    born = compare_births(one.birth_date, other.birth_date)
    return Comparison(together((name, born)), name, born)


def compare_births(one: Birth, other: Birth) -> Agreement:
    """Return whether two birth dates are the same, as far as both are known."""
    if one is None or other is None:
        return Agreement.UNSURE
    return compare_numbers(numbers(one), numbers(other))


def numbers(born: date | PartialDate) -> tuple[int | None, int | None, int | None]:
    """Return year, month and day, each None where it is not known."""
    return born.year, born.month, getattr(born, "day", None)


def compare_numbers(one: Iterable[int | None], other: Iterable[int | None]) -> Agreement:
    """Return whether two dates are the same, part by part; None is a part that is not known."""
    pairs = [*zip(one, other, strict=True)]
    if any(a != b for a, b in pairs if a is not None and b is not None):
        return Agreement.NO_MATCH
    return Agreement.UNSURE if any(None in pair for pair in pairs) else Agreement.MATCH


def together(found: Iterable[Agreement]) -> Agreement:
    """Return what halves come to: no match where any says so, match where all do."""
    outcomes = {*found}
    if Agreement.NO_MATCH in outcomes:
        return Agreement.NO_MATCH
    return Agreement.UNSURE if Agreement.UNSURE in outcomes else Agreement.MATCH


def _compare_names(
    written: str | None, standard: str | None, other: str | None, other_standard: str | None
) -> Agreement:
    mine, theirs = _even(written), _even(other)
    if mine and mine == theirs:
        return Agreement.MATCH
    parts, others = _parts(standard), _parts(other_standard)
    if not parts or not others:
        # Neither side has such a name, or one of them does not state it in this form.
        stated = bool(mine or parts), bool(theirs or others)
        return Agreement.UNSURE if any(stated) else Agreement.MATCH
    first, second = "".join(parts), "".join(others)
    if first == second:
        return Agreement.MATCH
    shorter, longer = sorted((first, second), key=len)
    unsure = (
        {*parts} <= {*others}
        or {*others} <= {*parts}
        or (len(shorter) >= _CUT and longer.startswith(shorter))
        or _chosen(first) == _chosen(second)
    )
    return Agreement.UNSURE if unsure else Agreement.NO_MATCH


def _even(name: str | None) -> str:
    """Return a written name without what says nothing; one that is too long as it is."""
    if name is None or len(name) > _LONGEST:
        return name or ""
    return " ".join(normalize("NFC", normalize("NFC", name).casefold()).split())


def _parts(standard: str | None) -> list[str]:
    return [part for part in (standard or "").upper().strip().split("<") if part]


def _chosen(standard: str) -> str:
    for written, plain in _CHOICES:
        standard = standard.replace(written, plain)
    return standard
