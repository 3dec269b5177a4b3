"""Oddities of the payload: those that real passes carry, and those that no tolerance helps.

The reasons are in `coronapas.tolerances` (column `seen`); the payload's rules are the DCC schema's
and the guidelines' for issuers.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

import cbor2

from making.payloads import NAM, entry, payload
from making.recipe import Recipe, Run, fails, forgiven, good, raw_map, refused

if TYPE_CHECKING:
    from making.payloads import Dcc

_UNKNOWN_RESULT: Final = ("content.value-set", "content.unknown-result")
_OTHER_DISEASE: Final = ("content.value-set", "content.disease")
_UNBORN: Final = ("content.in-future", "content.born-after")
_NAMELESS: Final = ("content.no-name", "content.empty-field")
_UNSCHEMATIC: Final = {"VALIDOBJECT": False, "SCHEMAVALIDATION": False}


def recipes() -> tuple[Recipe, ...]:
    """All of them."""
    return (
        *_texts(),
        *_fields(),
        *_tests(),
        *_names_and_births(),
        *_dates(),
        *_sample_times(),
        *_numbers_and_codes(),
        *_versions(),
        *_events(),
    )


def _texts() -> tuple[Recipe, ...]:
    decomposed = {**NAM, "fn": "A\u030angstro\u0308m-Fiktiva"}
    return (
        Recipe(
            "white-space-in-product",
            "White space stands around the product's code.",
            forgiven("content.whitespace"),
            payload(mp="EU/1/20/1528 "),
        ),
        Recipe(
            "white-space-around-a-name",
            "White space and a line break stand around the family name.",
            forgiven("content.whitespace"),
            payload(nam={**NAM, "fn": " Prøvesen-Ærligst\n"}),
        ),
        Recipe(
            "tab-inside-a-name",
            "A tab is inside the given name.",
            forgiven("content.control-character"),
            payload(nam={**NAM, "gn": "Testine\tFiktiva"}),
        ),
        Recipe(
            "name-not-in-nfc",
            "The family name's letters are decomposed (NFD instead of NFC).",
            forgiven("content.not-nfc"),
            payload(nam={**decomposed, "fnt": "AANGSTROEM<FIKTIVA"}),
        ),
        Recipe(
            "text-too-long-for-1.2.1",
            "The issuer's name has 60 characters, and the release admits 50.",
            forgiven("content.length"),
            payload(version="1.2.1", issuer="Example Health Authority ".ljust(60, "X")),
            _UNSCHEMATIC,
        ),
        Recipe(
            "text-too-long",
            "The test centre's name has 81 characters, one more than any release admits.",
            forgiven("content.length"),
            payload("NAAT", tc="Example Test Centre ".ljust(81, "X")),
            _UNSCHEMATIC,
        ),
        Recipe(
            "uvci-without-prefix",
            "The UVCI lacks its URN:UVCI: at the beginning.",
            forgiven("content.uvci"),
            payload(ci="01:DK:0EXAMPLE0000000000001"),
        ),
        Recipe(
            "uvci-of-the-old-form",
            "The UVCI begins with urn:uci: in lower case.",
            forgiven("content.uvci"),
            payload(ci="urn:uci:01:dk:0example0000000000001"),
        ),
        Recipe(
            "uvci-with-a-wrong-checksum",
            "The UVCI's checksum does not hold, which invalidates no pass.",
            dcc=payload(ci="URN:UVCI:01:DK:0EXAMPLE0000000000001#:"),
        ),
    )


def _fields() -> tuple[Recipe, ...]:
    return (
        Recipe(
            "null-group-next-to-the-real-one",
            "Beside the vaccination the groups of tests and of recoveries are there and null.",
            forgiven("content.null-group"),
            payload(beside={"t": None, "r": None}),
            _UNSCHEMATIC,
        ),
        Recipe(
            "empty-group-next-to-the-real-one",
            "Beside the recovery there is an empty list of tests.",
            forgiven("content.null-group"),
            payload("recovery", beside={"t": []}),
            _UNSCHEMATIC,
        ),
        Recipe(
            "null-test-name",
            "The name of the test is null instead of absent.",
            forgiven("content.null-field"),
            payload("NAAT", nm=None),
            _UNSCHEMATIC,
        ),
        Recipe(
            "empty-test-name",
            "The name of the test is empty instead of absent.",
            forgiven("content.empty-field"),
            payload("NAAT", nm=""),
        ),
        Recipe(
            "time-of-result-after-1.2.0",
            "A test states the time of its result, a field that 1.2.0 took away.",
            forgiven("content.unknown-field"),
            payload("NAAT", dr="2022-01-10T08:30:00Z"),
        ),
        Recipe(
            "field-that-never-was",
            "An entry holds a field that no release names.",
            forgiven("content.unknown-field"),
            payload(lot="EXAMPLE1"),
        ),
    )


def _tests() -> tuple[Recipe, ...]:
    return (
        Recipe(
            "naat-without-centre",
            "A NAAT names no test centre.",
            forgiven("content.centre-missing"),
            payload("NAAT", tc=...),
        ),
        Recipe(
            "rat-without-centre-in-1.2.1",
            "A rapid test names no test centre, which releases before 1.3.0 ask for.",
            forgiven("content.centre-missing"),
            payload("RAT", "1.2.1", tc=...),
            _UNSCHEMATIC,
        ),
        Recipe(
            "naat-with-a-device",
            "A NAAT names a device, which belongs to rapid tests.",
            forgiven("content.test-fields"),
            payload("NAAT", ma="1232"),
        ),
        Recipe(
            "rat-with-a-name",
            "A rapid test states a name, which belongs to NAATs.",
            forgiven("content.test-fields"),
            payload("RAT", nm="Example rapid test"),
        ),
        Recipe(
            "rat-without-device",
            "A rapid test names no device.",
            forgiven("content.test-fields"),
            payload("RAT", ma=...),
        ),
    )


def _names_and_births() -> tuple[Recipe, ...]:
    given_alone = {"gn": "Fiktiva", "gnt": "FIKTIVA"}
    return (
        Recipe(
            "no-surname-in-1.3.0",
            "The holder has a given name alone, which 1.3.2 was the first release to admit.",
            forgiven("content.surname-missing"),
            payload(version="1.3.0", nam=given_alone),
            _UNSCHEMATIC,
        ),
        Recipe(
            "no-surname",
            "The holder has a given name alone.",
            dcc=payload(nam=given_alone),
        ),
        Recipe(
            "standardised-name-with-a-hyphen",
            "The standardised family name holds a hyphen instead of a filler.",
            forgiven("content.name-alphabet"),
            payload(nam={**NAM, "fnt": "PROEVESEN-AERLIGST"}),
            _UNSCHEMATIC,
        ),
        Recipe(
            "no-name",
            "The only name is an empty text: the pass names nobody.",
            (
                Run(("content.no-name",), _NAMELESS),
                Run(deviations=_NAMELESS, tolerate=("field", "content.no-name")),
            ),
            payload(nam={"fnt": ""}),
        ),
        Recipe("birth-year-only", "Only the year of birth is known.", dcc=payload(dob="1979")),
        Recipe(
            "birth-month-only",
            "Only the year and the month of birth are known.",
            dcc=payload(dob="1979-04"),
        ),
        Recipe("empty-birth-date", "Nothing is known of the date of birth.", dcc=payload(dob="")),
        Recipe(
            "birth-month-00",
            "The unknown month of birth is written as 00.",
            forgiven("content.birth-date"),
            payload(dob="1979-00"),
        ),
        Recipe(
            "birth-year-only-in-1.0.0",
            "Only the year of birth is known, and the release asks for the day.",
            forgiven("content.birth-date"),
            payload(version="1.0.0", dob="1979"),
            _UNSCHEMATIC,
        ),
    )


def _dates() -> tuple[Recipe, ...]:
    return (
        Recipe(
            "date-with-time",
            "A time stands behind the date of the vaccination.",
            forgiven("content.date-with-time"),
            payload(dt="2021-12-20T00:00:00"),
        ),
        Recipe(
            "date-with-milliseconds",
            "A time with milliseconds stands behind the date of the vaccination.",
            forgiven("content.date-with-time"),
            payload(dt="2021-12-20T00:00:00.000Z"),
        ),
        Recipe(
            "birth-date-with-time",
            "A time stands behind the date of birth.",
            forgiven("content.date-with-time"),
            payload(dob="1979-04-14T00:00:00"),
            _UNSCHEMATIC,
        ),
        Recipe(
            "date-that-does-not-exist",
            "The vaccination is dated 30 February.",
            refused("content.date"),
            payload(dt="2021-02-30"),
        ),
        Recipe(
            "recovery-ends-before-it-starts",
            "The first day of the recovery's validity is after its last.",
            forgiven("content.date-order"),
            payload("recovery", df="2022-05-30", du="2021-12-12"),
        ),
        *(
            Recipe(f"{name}-in-the-future", what, refused("content.in-future"), dcc)
            for name, what, dcc in (
                (
                    "dose",
                    "The dose is dated two days after the check: nowhere on earth has that begun.",
                    payload(dt="2022-03-03"),
                ),
                (
                    "first-positive-test",
                    "The first positive test is dated two days after the check.",
                    payload("recovery", fr="2022-03-03"),
                ),
            )
        ),
        Recipe(
            "dose-on-the-day-that-begins-first",
            "The dose is dated the day after the check, which has begun at UTC+14.",
            good(),
            payload(dt="2022-03-02"),
        ),
        Recipe(
            "born-in-the-future",
            "The holder is born in the year after the check, and so after the dose.",
            (
                Run(("content.in-future",), _UNBORN),
                Run(deviations=_UNBORN, tolerate=("field", *_UNBORN)),
            ),
            payload(dob="2023"),
        ),
        *(
            Recipe(f"born-after-the-{name}", what, refused("content.born-after"), dcc)
            for name, what, dcc in (
                ("dose", "The holder is born the day after the dose.", _born_late("vaccination")),
                ("test", "The holder is born two days after the test.", _born_late("NAAT")),
                (
                    "infection",
                    "The holder is born the day after the first positive test.",
                    _born_late("recovery"),
                ),
            )
        ),
    )


def _born_late(kind: Literal["vaccination", "NAAT", "recovery"]) -> Dcc:
    dates = {"vaccination": "dt", "NAAT": "sc", "recovery": "fr"}
    day = date.fromisoformat(entry(kind)[dates[kind]][:10])
    return payload(kind, dob=(day + timedelta(2 if kind == "NAAT" else 1)).isoformat())


def _sample_times() -> tuple[Recipe, ...]:
    forms = (
        ("with-offset-without-colon", "2022-01-10T08:30:00+0100", "content.date-time-offset",
         "The offset of the time of sampling lacks its colon."),
        ("with-offset-of-hours", "2022-01-10T08:30:00+01", "content.date-time-offset",
         "The offset of the time of sampling has no minutes."),
        ("with-offset-of-one-digit", "2022-01-10T07:30:00+0", "content.date-time-offset",
         "The offset of the time of sampling is a single digit."),
        ("without-zone", "2022-01-10T07:30:00", "content.date-time-zone",
         "The time of sampling has no zone and is read as UTC."),
        ("with-fraction", "2022-01-10T07:30:00.123Z", "content.date-time-form",
         "The time of sampling has a fraction of a second."),
        ("without-seconds", "2022-01-10T07:30Z", "content.date-time-form",
         "The time of sampling has no seconds."),
        ("with-space", "2022-01-10 07:30:00z", "content.date-time-form",
         "The time of sampling has a space for its T, and a lower-case z."),
    )  # fmt: skip
    return (
        *(
            Recipe(f"sample-time-{name}", what, forgiven(code), payload("NAAT", sc=moment))
            for name, moment, code, what in forms
        ),
        Recipe(
            "tag-0-date-time",
            "The time of sampling stands under CBOR tag 0.",
            forgiven("cbor.tagged-date-time"),
            payload("NAAT"),
            encode=_with_tagged_time,
        ),
        Recipe(
            "sample-within-the-clock-skew",
            "The sample was taken, by its issuer's clock, five minutes after the check.",
            good(),
            payload("NAAT", sc="2022-03-01T12:05:00Z"),
        ),
        Recipe(
            "sample-beyond-the-clock-skew",
            "The sample was taken five minutes and a second after the check.",
            refused("content.sampled-in-future"),
            payload("NAAT", sc="2022-03-01T12:05:01Z"),
        ),
        Recipe(
            "positive-test",
            "A rapid test that found the infection.",
            refused("content.positive-test"),
            payload("RAT", tr="260373001"),
        ),
        Recipe(
            "test-with-an-unknown-result",
            "The result of the test is in no value set.",
            (
                Run(("content.unknown-result",), _UNKNOWN_RESULT),
                Run(deviations=_UNKNOWN_RESULT, tolerate=("field", "content.unknown-result")),
            ),
            payload("RAT", tr="000000000"),
        ),
    )


def _numbers_and_codes() -> tuple[Recipe, ...]:
    return (
        Recipe(
            "dose-numbers-as-floats",
            "The numbers of doses are whole floating-point numbers.",
            forgiven("content.whole-float"),
            payload(dn=2.0, sd=2.0),
        ),
        Recipe(
            "tenth-dose-in-1.2.1",
            "The tenth dose, where the release counts to nine.",
            forgiven("content.dose-limit"),
            payload(version="1.2.1", dn=10, sd=10),
            _UNSCHEMATIC,
        ),
        Recipe(
            "tenth-dose", "The tenth dose; the release has no limit.", dcc=payload(dn=10, sd=10)
        ),
        Recipe(
            "half-a-dose",
            "The number of the dose is one and a half.",
            refused("content.schema"),
            payload(dn=1.5),
            _UNSCHEMATIC,
        ),
        Recipe(
            "product-beyond-the-value-set",
            "The product's code is in no value set.",
            forgiven("content.value-set"),
            payload(mp="Example-Vaccine"),
        ),
        *(
            Recipe(
                f"{kind}-of-another-disease".lower(),
                "The disease is influenza.",
                (
                    Run(("content.disease",), _OTHER_DISEASE),
                    Run(deviations=_OTHER_DISEASE, tolerate=("field", "content.disease")),
                ),
                payload(kind, tg="6142004"),
            )
            for kind in ("vaccination", "NAAT", "RAT", "recovery")
        ),
        Recipe(
            "manufacturer-of-another-product",
            "The manufacturer is that of Vaxzevria, the product Comirnaty.",
            forgiven("content.product"),
            payload(ma="ORG-100001699"),
        ),
        Recipe(
            "kind-of-vaccine-in-general",
            "The kind of vaccine is said in general only, as passes of the first months did.",
            forgiven("content.product"),
            payload(vp="J07BX03"),
        ),
        Recipe(
            "country-that-does-not-exist",
            "The dose was given in ZZ.",
            forgiven("content.value-set"),
            payload(co="ZZ"),
        ),
    )


def _versions() -> tuple[Recipe, ...]:
    return (
        Recipe(
            "version-that-never-was",
            "The payload says release 1.3.9: it is judged by 1.3.3.",
            forgiven("content.version"),
            payload(version="1.3.9"),
            released="1.3.3",
        ),
        Recipe(
            "version-of-another-major-release",
            "The payload says release 2.0.0, of which nothing is known.",
            refused("content.version-unknown"),
            payload(version="2.0.0"),
            {"VALIDOBJECT": None, "SCHEMAVALIDATION": None},
            released="1.3.3",
        ),
    )


def _events() -> tuple[Recipe, ...]:
    two_doses = payload()
    two_doses["v"] = [{**entry("vaccination"), "dn": 1, "dt": "2021-11-20"}, entry("vaccination")]
    doubled = _with_doubled_birth_date(payload())
    return (
        Recipe(
            "two-vaccinations",
            "Two vaccinations in one pass.",
            refused("content.several-events"),
            two_doses,
            _UNSCHEMATIC,
        ),
        Recipe(
            "vaccination-and-test",
            "A vaccination and a test in one pass.",
            refused("content.several-events"),
            payload(beside={"t": [entry("NAAT")]}),
            {**_UNSCHEMATIC, "KEYUSAGE": None},
        ),
        Recipe(
            "no-event",
            "The list of vaccinations is empty, and there is no other.",
            refused("content.no-event"),
            {**payload(), "v": []},
            {**_UNSCHEMATIC, "KEYUSAGE": None},
        ),
        Recipe(
            "field-missing",
            "The vaccination has no date.",
            refused("content.schema"),
            payload(dt=...),
            _UNSCHEMATIC,
        ),
        Recipe(
            "duplicate-map-keys",
            "The payload states the date of birth twice: which one was signed is anybody's guess.",
            fails("cbor.duplicate-key"),
            None,
            {"SCHEMAVALIDATION": False, "EXPIRATIONCHECK": False, "KEYUSAGE": False},
            encode=lambda _: doubled,
        ),
    )


def _with_tagged_time(dcc: Dcc | None) -> bytes:
    stated: dict[str, Any] = dcc or {}
    test = {**stated["t"][0]}
    test["sc"] = cbor2.CBORTag(0, test["sc"])
    return cbor2.dumps({**stated, "t": [test]})


def _with_doubled_birth_date(dcc: Dcc) -> bytes:
    pairs = [(cbor2.dumps(key), cbor2.dumps(value)) for key, value in dcc.items()]
    return raw_map(*pairs, (cbor2.dumps("dob"), cbor2.dumps("1999-09-19")))
