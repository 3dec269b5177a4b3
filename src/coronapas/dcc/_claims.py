"""From facts to claims: the DCC that states a holder and one event, checked strictly.

Implements the DCC schema 1.3.2 and 1.3.0, and what an issuer must observe besides (eHN guidelines,
value sets 2.12.0, Implementing Decision (EU) 2021/2301 on dose numbers, Regulation (EU) 2021/953
on recoveries). The rules:

1. Holder: at least one of the names, as text or in machine-readable form; in 1.3.0 the family name.
   The machine-readable forms are transliterated (ICAO Doc 9303 part 3) or given, then A-Z with
   single ``<`` between. The birth date is a date, a month, a year (1900 to 2099) or unknown, and
   not later than the event.
2. Codes are active members of their value sets, or were valid on the event's day.
3. A vaccination's prophylaxis code and manufacturer follow from the product; dn/sd are numbered as
   `coronapas.dcc._chronology` says.
4. A NAAT names its centre and no device, a RAT its device and no name; the sampling has a time
   zone.
5. A recovery's first day of validity is not after its last; the first is at least 11 days after the
   positive test, the last at most 180.
6. No event is later than the issuing, or earlier than 2020. A local day is later if it has begun
   nowhere on earth at the moment of issue.
7. Texts are 1 to 80 characters in NFC; fields without a value are left out.

`ContentPolicy` holds what an issuing country may see differently. All faults are found together; a
fault names the field in the facts and never the value. Two things are changed silently, as they
change no meaning: text is brought into NFC, and a fraction of a second of the sampling is cut.
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Required, TypedDict, Unpack

from coronapas.dcc import _valuesets as vs
from coronapas.dcc._chronology import lengths, misnumbering
from coronapas.dcc._names import language_fault, transliterate
from coronapas.dcc._scrutiny import MAX_LENGTH, ContentPolicy, Scrutiny, begun_at
from coronapas.dcc._uvci import checksum_holds
from coronapas.errors import Fault, IssueError
from coronapas.facts import (
    Holder,
    PartialDate,
    Recovery,
    Test,
    TestKind,
    TestResult,
    Vaccination,
)

if TYPE_CHECKING:
    from coronapas.facts import Event

FAMILY_NAME_NEEDED: Final = MappingProxyType({"1.3.2": False, "1.3.0": True})
"""The schema versions that can be issued, and whether each needs the family name (``fnt``)."""

_DEFAULT_POLICY: Final = ContentPolicy()
_UVCI: Final = re.compile(r"URN:UVCI:01:([A-Z]{2}):[A-Z0-9]+(?:/[A-Z0-9]+){0,2}(#[A-Z0-9/:])?")
_FIELDS: Final = ("on", "version", "language", "holder", "vaccination", "test", "recovery", "event")

# The holder: ``nam`` and ``dob`` (rule 1).

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
    "Nothing needs to be corrected.",
)


def names(
    scrutiny: Scrutiny, holder: Holder, language: str | None, *, family_needed: bool
) -> dict[str, str]:
    """Return the names; `family_needed` says whether the schema's version needs ``fnt``."""
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
    """Return the birth date as written; a partial one is compared by its first possible day.

    Both days are local days of unknown places. So if the event is a test, whose moment is known, a
    birth date is too late only if that day had begun nowhere on earth. `event_day` is None for a
    faulty event; the birth date is then compared with the day of issue.
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
            "A pass can only state the years 1900 to 2099.",
            "Correct the year, or give None.",
        )
    elif first > (event_day or scrutiny.latest) and not _can_be_born(
        scrutiny, first, event, event_day
    ):
        scrutiny.add(
            "holder.birth_date",
            "birth-date.after-event",
            "The holder was born after the event.",
            "Correct one of the dates.",
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
                "holder.birth_date",
                "birth-date.month",
                "The month does not exist.",
                "Give 1 to 12.",
            )
            month = None
        # A year that no date can have is reported with those that no pass can state.
        return date(year if year in _YEARS else 1, month or 1, 1)
    scrutiny.add(
        "holder.birth_date",
        "birth-date.type",
        "The year and the month must be whole numbers.",
        "Give integers.",
    )
    return None


def notices(
    holder: Holder, *, language: str | None = None, policy: ContentPolicy | None = None
) -> tuple[Fault, ...]:
    """Return what the transliteration of a valid holder's names leaves out or shortens.

    `language` and `policy` are those that the pass is issued with: the policy's `alternatives`
    decide how long the names become. Characters without a transliteration are always reported; they
    stop the issuing unless the policy grants them (`ContentPolicy.dropped_letters`). A name of more
    than 80 characters is shortened by ICAO Doc 9303 part 3, and issued. Raises FaultsError for a
    language that is not in ISO 639-1.
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


# The event: the one entry of ``v``, ``t`` or ``r`` (rules 2 to 6).


def event_claims(
    scrutiny: Scrutiny, event: object, entry: dict[str, Any]
) -> tuple[str, date | None]:
    """Fill the entry; return its group in the payload, and the event's day if that is sound."""
    if isinstance(event, Vaccination):
        return "v", _vaccination(scrutiny, event, entry)
    if isinstance(event, Test):
        return "t", _test(scrutiny, event, entry)
    if isinstance(event, Recovery):
        return "r", _recovery(scrutiny, event, entry)
    scrutiny.add(
        "event",
        "event.type",
        "The value is not an event.",
        "Give a Vaccination, a Test or a Recovery.",
    )
    return "v", None


def _vaccination(scrutiny: Scrutiny, event: Vaccination, entry: dict[str, Any]) -> date | None:
    day = scrutiny.day("vaccination.date", event.date)
    entry["tg"] = scrutiny.code("vaccination.disease", vs.DISEASE, event.disease, day)
    product = _product(scrutiny, event, entry, day)
    number = scrutiny.count("vaccination.dose_number", event.dose_number)
    doses = scrutiny.count("vaccination.doses", event.doses)
    if number is not None and doses is not None:
        course = lengths(product.code, day or scrutiny.latest) if product else None
        wrong = misnumbering(
            number,
            doses,
            course,
            one_dose_after_recovery=scrutiny.policy.one_dose_after_recovery,
        )
        if wrong:
            scrutiny.add("vaccination.dose_number", *wrong)
    entry["dn"] = number
    entry["sd"] = doses
    entry["dt"] = day.isoformat() if day else ""
    if event.country is not None:
        entry["co"] = scrutiny.code("vaccination.country", vs.COUNTRY, event.country, day)
    return day


def _product(
    scrutiny: Scrutiny, event: Vaccination, entry: dict[str, Any], day: date | None
) -> vs.Product | None:
    """Fill in the product, its prophylaxis code and its manufacturer."""
    named: object = event.product
    product = scrutiny.value_sets.product(named) if isinstance(named, str) else None
    code = scrutiny.code("vaccination.product", vs.PRODUCT, product.code if product else named, day)
    codes = product.prophylaxis if product else ()
    makers = (product.manufacturer,) if product and product.manufacturer else ()
    entry["vp"] = _of_product(
        scrutiny, "vaccine", vs.PROPHYLAXIS, event.vaccine, codes, product, day
    )
    entry["mp"] = code
    entry["ma"] = _of_product(
        scrutiny, "manufacturer", vs.MANUFACTURER, event.manufacturer, makers, product, day
    )
    return product


def _of_product(
    scrutiny: Scrutiny,
    name: str,
    set_id: str,
    value: object,
    instructed: tuple[str, ...],
    product: vs.Product | None,
    day: date | None,
) -> str:
    """Take the code from the encoding instructions, or check the given one against them."""
    path = f"vaccination.{name}"
    if value is None:
        if instructed:
            return scrutiny.code(path, set_id, instructed[0], day)
        if product is not None:
            scrutiny.add(
                path,
                f"{name}.missing",
                "The product has no encoding instructions from which it could follow.",
                "Give its code.",
            )
        return ""
    before = len(scrutiny.faults)
    code = scrutiny.code(path, set_id, value, day)
    if (
        len(scrutiny.faults) == before
        and instructed
        and code not in instructed
        and not scrutiny.policy.other_encodings
    ):
        scrutiny.add(
            path,
            f"{name}.not-of-product",
            "The encoding instructions give the product another code.",
            "Leave it out (None): it follows from the product.",
        )
    return code


def _test(scrutiny: Scrutiny, event: Test, entry: dict[str, Any]) -> date | None:
    sampled, day = scrutiny.moment_of("test.sampled_at", event.sampled_at)
    entry["tg"] = scrutiny.code("test.disease", vs.DISEASE, event.disease, day)
    kind, result = _kind(event.kind), _result(event.result)
    if kind is None:
        scrutiny.add(
            "test.kind",
            "test.kind-unknown",
            "The value is not a kind of test.",
            "Give NAAT or RAT.",
        )
    else:
        entry["tt"] = scrutiny.code("test.kind", vs.TEST_TYPE, kind.value, day)
    if event.name is not None:
        entry["nm"] = scrutiny.text("test.name", event.name)
    if event.device is not None:
        entry["ma"] = scrutiny.code("test.device", vs.TEST_DEVICE, event.device, day)
    entry["sc"] = sampled
    if result is None:
        scrutiny.add(
            "test.result",
            "test.result-unknown",
            "The value is not a test result.",
            "Give 'detected' or 'not detected'.",
        )
    else:
        entry["tr"] = scrutiny.code("test.result", vs.TEST_RESULT, result.value, day)
    if event.centre is not None:
        entry["tc"] = scrutiny.text("test.centre", event.centre)
    if event.country is not None:
        entry["co"] = scrutiny.code("test.country", vs.COUNTRY, event.country, day)
    if kind is TestKind.NAAT:
        _naat(scrutiny, event)
    elif kind is TestKind.RAT:
        _rat(scrutiny, event)
    return day


def _kind(value: object) -> TestKind | None:
    return TestKind.of(value) if isinstance(value, str) else None


def _result(value: object) -> TestResult | None:
    return TestResult.of(value) if isinstance(value, str) else None


def _naat(scrutiny: Scrutiny, event: Test) -> None:
    if event.centre is None:
        scrutiny.add(
            "test.centre", "test.centre-missing", "A NAAT must state its test centre.", "Give it."
        )
    if event.device is not None:
        scrutiny.add(
            "test.device",
            "test.device-of-naat",
            "A NAAT must not state a device.",
            "Leave it out (None); the test's name may be given.",
        )


def _rat(scrutiny: Scrutiny, event: Test) -> None:
    if event.device is None:
        scrutiny.add(
            "test.device",
            "test.device-missing",
            "A RAT must state its device.",
            "Give the device's number on the common list.",
        )
    if event.name is not None:
        scrutiny.add(
            "test.name",
            "test.name-of-rat",
            "A RAT must not state a name: its device names it.",
            "Leave it out (None).",
        )


def _recovery(scrutiny: Scrutiny, event: Recovery, entry: dict[str, Any]) -> date | None:
    first = scrutiny.day("recovery.first_positive", event.first_positive)
    entry["tg"] = scrutiny.code("recovery.disease", vs.DISEASE, event.disease, first)
    start = scrutiny.plain_day("recovery.valid_from", event.valid_from)
    end = scrutiny.plain_day("recovery.valid_until", event.valid_until)
    if start is not None and end is not None and end < start:
        scrutiny.add(
            "recovery.valid_until",
            "recovery.period-reversed",
            "The last day of validity is before the first.",
            "Correct one of the days.",
        )
    if first is not None:
        _recovery_bounds(scrutiny, first, start, end)
    entry["fr"] = first.isoformat() if first else ""
    if event.country is not None:
        entry["co"] = scrutiny.code("recovery.country", vs.COUNTRY, event.country, first)
    entry["df"] = start.isoformat() if start else ""
    entry["du"] = end.isoformat() if end else ""
    return first


def _recovery_bounds(scrutiny: Scrutiny, first: date, start: date | None, end: date | None) -> None:
    least, most = scrutiny.policy.recovery_from_days, scrutiny.policy.recovery_until_days
    if least is not None and start is not None and start - first < timedelta(least):
        scrutiny.add(
            "recovery.valid_from",
            "recovery.starts-too-early",
            f"The validity begins less than {least} days after the positive test.",
            f"Begin it {least} days after the test at the earliest.",
        )
    if most is not None and end is not None and end - first > timedelta(most):
        scrutiny.add(
            "recovery.valid_until",
            "recovery.ends-too-late",
            f"The validity ends more than {most} days after the positive test.",
            f"End it {most} days after the test at the latest.",
        )


# The whole DCC: its events, what the issuer states, and its holder.


class ClaimTerms(TypedDict, total=False):
    """What `build_dcc` and `dcc_faults` need besides the holder and the event."""

    country: Required[str]
    """The issuing country: the UVCI's, and ``co`` where the event names none."""
    issuer: Required[str]
    """The organisation, ``is``."""
    uvci: Required[str]
    """The identifier, ``ci``."""
    on: Required[date | datetime]
    """When the pass is issued: the local day, or the moment with its time zone.

    Events may lie on that day or at that moment but not after it. A day is taken exactly. With a
    moment, a day (of an event or of the birth) is too late only if it has begun neither in the
    moment's own zone nor anywhere on earth (UTC+14 is first): such days are local, and their place
    is not known.
    """
    version: str
    """The release of the schema, 1.3.2 (the default) or 1.3.0."""
    value_sets: vs.ValueSets | None
    """The value sets by which codes are judged; by default the bundled release."""
    language: str | None
    """The language of the names (ISO 639-1), for the transliteration of Cyrillic."""
    policy: ContentPolicy
    """What the issuing country may see differently."""


def build(holder: Holder, event: Event, **terms: Unpack[ClaimTerms]) -> dict[str, Any]:
    """Return the DCC that states the facts, ready for CBOR.

    Raises IssueError with every fault; the fields are those of the facts (``holder.given_name``,
    ``vaccination.dose_number``), and ``country``, ``issuer``, ``uvci``, ``version``, ``language``,
    ``on``.
    """
    faults, claims = _checked(holder, event, **terms)
    if faults:
        raise IssueError(_in_order(faults))
    return claims


def faults(holder: Holder, event: Event, **terms: Unpack[ClaimTerms]) -> tuple[Fault, ...]:
    """Return all faults for which `build` would refuse the same arguments."""
    return _in_order(_checked(holder, event, **terms)[0])


def _in_order(found: list[Fault]) -> tuple[Fault, ...]:
    def rank(fault: Fault) -> int:
        top = fault.field.partition(".")[0]
        return _FIELDS.index(top) if top in _FIELDS else len(_FIELDS)

    return tuple(sorted(found, key=rank))


def _checked(
    holder: object,
    event: object,
    *,
    country: object,
    issuer: object,
    uvci: object,
    on: date | datetime,
    version: object = "1.3.2",
    value_sets: vs.ValueSets | None = None,
    language: str | None = None,
    policy: ContentPolicy = _DEFAULT_POLICY,
) -> tuple[list[Fault], dict[str, Any]]:
    """Return all faults, and the claims as far as they could be written."""
    scrutiny = Scrutiny(value_sets or vs.ValueSets.default(), policy, on)
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
        scrutiny.add("holder", "holder.type", "The value is not a Holder.", "Give a Holder.")
        return scrutiny.faults, {}
    claims = {
        "ver": version,
        "nam": names(scrutiny, holder, language, family_needed=bool(family_needed)),
        "dob": birth(scrutiny, holder.birth_date, event, day),
        group: [entry],
    }
    return scrutiny.faults, claims


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
            "Write URN:UVCI:01:<country>:<opaque>, in capitals and digits, or leave it out.",
        )
    elif country is not None and found[1] != country:
        scrutiny.add(
            "uvci",
            "uvci.other-country",
            "The identifier is of another country than the issuer.",
            "Make it with the issuing country.",
        )
    elif found[2] is not None and not checksum_holds(text):
        scrutiny.add("uvci", "uvci.checksum", "The checksum is wrong.", "Compute it again.")
    return text
