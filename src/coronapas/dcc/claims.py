"""Facts to claims: the DCC that states a holder and one event, made strictly.

Implements the DCC schema 1.3.2 and 1.3.0, and what an issuer must keep besides (eHN guidelines,
value sets 2.12.0, Implementing Decision (EU) 2021/2301 on dose numbers, Regulation (EU) 2021/953
on recoveries). The rules:

1. Holder: at least one of the names, as text or in machine-readable form; in 1.3.0 the family name.
   The machine-readable forms are transliterated (ICAO Doc 9303 part 3) or given, then A-Z with
   single ``<`` between. The birth date is a date, a month, a year (1900-2099) or unknown, and no
   later than the event.
2. Codes are active members of their value sets, or were valid on the event's day.
3. A vaccination's prophylaxis code and manufacturer follow from the product; dn/sd are numbered as
   `coronapas.dcc.doses` says.
4. A NAAT names its centre and no device, a RAT its device and no name; the sampling has a time
   zone.
5. A recovery's first day of validity is not after its last; the first is at least 11 days after the
   positive test, the last at most 180.
6. No event lies after the issuing, nor before 2020. A local day does when it has begun nowhere on
   earth at the moment of issue.
7. Texts are 1 to 80 characters in NFC; fields without a value are left out.

What an issuing country may see differently is in `ContentPolicy`. All faults are found together;
a fault names the field in the facts and never the value.

One thing is changed silently, as it changes no meaning: text is brought into NFC. Besides, a
fraction of a second of the sampling is cut.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from coronapas.dcc import valuesets as vs
from coronapas.dcc.claim_events import event_claims
from coronapas.dcc.claim_holder import birth, names, notices
from coronapas.dcc.claim_values import MAX_LENGTH, ContentPolicy, Scrutiny
from coronapas.dcc.languages import language_fault
from coronapas.dcc.uvci import checksum_holds
from coronapas.errors import IssueError
from coronapas.facts import Holder

if TYPE_CHECKING:
    from datetime import date, datetime

    from coronapas.errors import Fault
    from coronapas.facts import Event

__all__ = ["FAMILY_NAME_NEEDED", "ContentPolicy", "build", "faults", "notices"]

FAMILY_NAME_NEEDED: Final = MappingProxyType({"1.3.2": False, "1.3.0": True})
"""The schema versions that can be issued, and whether each needs the family name (``fnt``)."""

_DEFAULT_POLICY: Final = ContentPolicy()
_UVCI: Final = re.compile(r"URN:UVCI:01:([A-Z]{2}):[A-Z0-9]+(?:/[A-Z0-9]+){0,2}(#[A-Z0-9/:])?")
_FIELDS: Final = ("on", "version", "language", "holder", "vaccination", "test", "recovery", "event")


def build(
    holder: Holder,
    event: Event,
    *,
    country: str,
    issuer: str,
    uvci: str,
    on: date | datetime,
    version: str = "1.3.2",
    value_sets: vs.ValueSets | None = None,
    language: str | None = None,
    policy: ContentPolicy = _DEFAULT_POLICY,
) -> dict[str, Any]:
    """Make the DCC, ready for CBOR, that states the facts.

    `country` is the issuing country (``co`` where the event names none, and the UVCI's country),
    `issuer` the organisation (``is``), `uvci` the identifier (``ci``). `language` is the name's
    (ISO 639-1), for the transliteration of Cyrillic. `value_sets` are by default the bundled
    release.

    `on` is when the pass is issued: the local day, or the moment with its time zone; events may lie
    on that day or at that moment but not after it. A day given for `on` is exact. At a moment, a
    day (of an event or of the birth) lies after it when it has begun neither in the moment's own
    zone nor anywhere on earth (UTC+14 is first): such days are local, and their place is not known.

    Raises IssueError with every fault; the fields are those of the facts (``holder.given_name``,
    ``vaccination.dose_number``), and ``country``, ``issuer``, ``uvci``, ``version``, ``language``,
    ``on``.
    """
    scrutiny = Scrutiny(value_sets or vs.ValueSets.default(), policy, on)
    claims = _claims(scrutiny, holder, event, country, issuer, uvci, version, language)
    if scrutiny.faults:
        raise IssueError(_in_order(scrutiny.faults))
    return claims


def faults(
    holder: Holder,
    event: Event,
    *,
    country: str,
    issuer: str,
    uvci: str,
    on: date | datetime,
    version: str = "1.3.2",
    value_sets: vs.ValueSets | None = None,
    language: str | None = None,
    policy: ContentPolicy = _DEFAULT_POLICY,
) -> tuple[Fault, ...]:
    """Give all faults for which `build` would refuse the same arguments."""
    scrutiny = Scrutiny(value_sets or vs.ValueSets.default(), policy, on)
    _claims(scrutiny, holder, event, country, issuer, uvci, version, language)
    return _in_order(scrutiny.faults)


def _in_order(found: list[Fault]) -> tuple[Fault, ...]:
    def rank(fault: Fault) -> int:
        top = fault.field.partition(".")[0]
        return _FIELDS.index(top) if top in _FIELDS else len(_FIELDS)

    return tuple(sorted(found, key=rank))


def _claims(
    scrutiny: Scrutiny,
    holder: object,
    event: object,
    country: object,
    issuer: object,
    uvci: object,
    version: object,
    language: str | None,
) -> dict[str, Any]:
    family_needed = FAMILY_NAME_NEEDED.get(version) if isinstance(version, str) else None
    if family_needed is None:
        known = " or ".join(FAMILY_NAME_NEEDED)
        scrutiny.add(
            "version",
            "version.unsupported",
            "Passes of this schema version cannot be issued.",
            f"Use {known}.",
        )
    if language is not None and (wrong := language_fault(language)) is not None:
        scrutiny.faults.append(wrong)
        language = None
    entry: dict[str, Any] = {}
    group, day = event_claims(scrutiny, event, entry)
    before = len(scrutiny.faults)
    own = scrutiny.code("country", vs.COUNTRY, country, day)
    known_country = own if len(scrutiny.faults) == before else None
    entry.setdefault("co", own)
    entry["is"] = scrutiny.text("issuer", issuer)
    entry["ci"] = _uvci(scrutiny, uvci, known_country)
    if not isinstance(holder, Holder):
        scrutiny.add("holder", "holder.type", "The value is no Holder.", "Give a Holder.")
        return {}
    return {
        "ver": version,
        "nam": names(scrutiny, holder, language, family_needed=bool(family_needed)),
        "dob": birth(scrutiny, holder.birth_date, event, day),
        group: [entry],
    }


def _uvci(scrutiny: Scrutiny, value: object, country: str | None) -> str:
    """Check the identifier; `country` is the issuing one, None where that is at fault itself."""
    found = _UVCI.fullmatch(value) if type(value) is str and len(value) <= MAX_LENGTH else None
    if found is not None and found[1] == country and found[2] is None:
        return found[0]
    before = len(scrutiny.faults)
    text = scrutiny.text("uvci", value)
    found = _UVCI.fullmatch(text)
    if len(scrutiny.faults) > before:
        return text
    if found is None:
        scrutiny.add(
            "uvci",
            "uvci.form",
            "The identifier does not have the form of a UVCI of version 01.",
            "Write URN:UVCI:01:<country>:<opaque>, in capitals and digits, or let one be made.",
        )
    elif country is not None and found[1] != country:
        scrutiny.add(
            "uvci",
            "uvci.other-country",
            "The identifier is of another country than the issuer.",
            "Make it with the issuing country.",
        )
    elif found[2] is not None and not checksum_holds(text):
        scrutiny.add("uvci", "uvci.checksum", "The checksum does not hold.", "Recompute it.")
    return text
