"""The holder's claims: ``nam`` and ``dob`` (DCC schema 1.3.x; ICAO Doc 9303 part 3 for the names).

Rule 1 of `coronapas.dcc.claims`.
"""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, Final

from coronapas.dcc.claim_values import MAX_LENGTH, begun_at
from coronapas.dcc.names import transliterate
from coronapas.errors import Fault
from coronapas.facts import PartialDate, Test

if TYPE_CHECKING:
    from coronapas.dcc.claim_values import ContentPolicy, Scrutiny
    from coronapas.facts import Holder

_MRZ: Final = re.compile(r"[A-Z]+(?:<[A-Z]+)*")
_YEARS: Final = range(1900, 2100)

_DROPPED: Final = (
    "name.letters-dropped",
    "Characters of the name have no transliteration and would be left out of its machine-readable"
    " form.",
    "Give the machine-readable form of the travel document, or grant dropped_letters in the"
    " policy.",
)
_TRUNCATED: Final = (
    "name.truncated",
    f"The machine-readable form is shortened to {MAX_LENGTH} characters (ICAO Doc 9303 part 3).",
    "Nothing is to be mended.",
)


def names(
    scrutiny: Scrutiny, holder: Holder, language: str | None, *, family_needed: bool
) -> dict[str, str]:
    """Write the names; `family_needed` where the schema's version needs ``fnt``."""
    claims: dict[str, str] = {}
    family, given = holder.family_name, holder.given_name
    family_mrz, given_mrz = holder.family_name_mrz, holder.given_name_mrz
    if family is not None:
        claims["fn"] = _name(
            scrutiny, "holder.family_name", family, language, claims, "fnt", family_mrz
        )
    if family_mrz is not None:
        claims["fnt"] = _mrz(scrutiny, "holder.family_name_mrz", family_mrz)
    if given is not None:
        claims["gn"] = _name(
            scrutiny, "holder.given_name", given, language, claims, "gnt", given_mrz
        )
    if given_mrz is not None:
        claims["gnt"] = _mrz(scrutiny, "holder.given_name_mrz", given_mrz)
    if not claims:
        scrutiny.add(
            "holder.family_name",
            "name.missing",
            "There is neither a family name nor a given name.",
            "Give at least one of them.",
        )
    elif family_needed and "fnt" not in claims:
        scrutiny.add(
            "holder.family_name",
            "name.family-name-needed",
            "Schema version 1.3.0 needs the family name.",
            "Give it, or issue version 1.3.2.",
        )
    return claims


def _name(
    scrutiny: Scrutiny,
    path: str,
    value: str,
    language: str | None,
    claims: dict[str, str],
    target: str,
    given: str | None,
) -> str:
    """Check a name and, where its machine-readable form is not given, transliterate it."""
    before = len(scrutiny.faults)
    name = scrutiny.text(path, value)
    if given is not None:
        return name
    claims[target] = ""
    if len(scrutiny.faults) > before:
        return name
    policy = scrutiny.policy
    written = transliterate(name, language=language, choices=policy.alternatives)
    claims[target] = written.mrz
    if not written.mrz:
        scrutiny.add(
            path,
            "name.no-transliteration",
            "No character of the name has a transliteration.",
            "Give the machine-readable form of the travel document.",
        )
    elif written.dropped and not policy.dropped_letters:
        scrutiny.add(path, *_DROPPED)
    return name


def _mrz(scrutiny: Scrutiny, path: str, value: object) -> str:
    before = len(scrutiny.faults)
    text = scrutiny.text(path, value)
    if len(scrutiny.faults) == before and not _MRZ.fullmatch(text):
        scrutiny.add(
            path,
            "name.mrz-form",
            "The machine-readable form has characters besides A-Z and single '<' between names.",
            "Write it as the travel document does, without fillers.",
        )
    return text


def birth(scrutiny: Scrutiny, value: object, event: object, event_day: date | None) -> str:
    """Write the birth date; a partial one is held against the event by its first possible day.

    Both are local days of places unknown. So against a test, whose moment is known, a birth date is
    too late only where that day had begun nowhere on earth; `event_day` is None for a faulty event,
    which leaves the day of issue to hold it against.
    """
    if value is None:
        return ""
    if isinstance(value, PartialDate):
        first = _first_day(scrutiny, value)
    else:
        first = scrutiny.plain_day("holder.birth_date", value)
    if first is None:
        return ""
    if first.year not in _YEARS:
        scrutiny.add(
            "holder.birth_date",
            "birth-date.year",
            "A pass can state the years 1900 to 2099 alone.",
            "Mend the year, or give None.",
        )
    elif first > (event_day or scrutiny.latest) and not _can_be_born(
        scrutiny, first, event, event_day
    ):
        scrutiny.add(
            "holder.birth_date",
            "birth-date.after-event",
            "The holder was born after the event.",
            "Mend one of the dates.",
        )
    return str(value) if isinstance(value, PartialDate) else first.isoformat()


def _can_be_born(scrutiny: Scrutiny, day: date, event: object, event_day: date | None) -> bool:
    if event_day is None:
        return scrutiny.has_begun(day)
    return isinstance(event, Test) and begun_at(day, event.sampled_at)


def _first_day(scrutiny: Scrutiny, partial: PartialDate) -> date | None:
    year, month = partial.year, partial.month
    if type(year) is int and (month is None or type(month) is int):
        if month is not None and not 1 <= month <= 12:
            scrutiny.add(
                "holder.birth_date", "birth-date.month", "There is no such month.", "Give 1 to 12."
            )
            month = None
        # A year that no date can have is reported with those that no pass can state.
        return date(year if year in _YEARS else 1, month or 1, 1)
    scrutiny.add(
        "holder.birth_date",
        "birth-date.type",
        "The year or the month is no whole number.",
        "Give integers.",
    )
    return None


def notices(
    holder: Holder, *, language: str | None = None, policy: ContentPolicy | None = None
) -> tuple[Fault, ...]:
    """Tell what the transliteration of a valid holder's names leaves out or shortens.

    `language` and `policy` are those that the pass is issued with: the names are written with the
    policy's `alternatives`, which decide how long they get. Characters without a transliteration
    are told whatever the policy; they stop the issuing unless it grants them
    (`ContentPolicy.dropped_letters`). A name of more than 80 characters is shortened as ICAO Doc
    9303 part 3 says, and issued. Raises FaultsError for a language that ISO 639-1 does not have.
    """
    choices = None if policy is None else policy.alternatives
    found = []
    for path, name, mrz in (
        ("holder.family_name", holder.family_name, holder.family_name_mrz),
        ("holder.given_name", holder.given_name, holder.given_name_mrz),
    ):
        if name is not None and mrz is None:
            written = transliterate(name, language=language, choices=choices)
            if written.dropped:
                found.append(Fault(path, *_DROPPED))
            if written.truncated:
                found.append(Fault(path, *_TRUNCATED))
    return tuple(found)
