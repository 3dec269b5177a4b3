"""Ways to break exactly one thing of a valid case, each with the fault that must be found."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from coronapas.facts import (
    EventKind,
    PartialDate,
    Recovery,
    TestKind,
    TestResult,
    kind_of,
)
from strategies import (
    ISSUED_ON,
    Case,
    cases,
    naats,
    rats,
    recoveries,
    tests,
    vaccinations,
    value_sets,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from hypothesis import strategies as st


@dataclass(frozen=True)
class Break:
    """One thing to break: how, and the fault that must be found, with its field.

    `event` draws the events that can be broken so; None stands for every event. In `field`,
    ``{kind}`` stands for the kind of the event.
    """

    name: str
    code: str
    field: str
    change: Callable[[Case], Case]
    event: Callable[[], st.SearchStrategy[Any]] | None = None

    def __str__(self) -> str:
        return self.name

    def broken(self) -> st.SearchStrategy[tuple[Case, str]]:
        """Cases with this one thing broken, and the field at fault."""
        return cases(self.event() if self.event else None).map(
            lambda case: (self.change(case), self.field.format(kind=kind_of(case.event)))
        )


def applied(change: Callable[[Case, Any], Case], value: object) -> Callable[[Case], Case]:
    return lambda case: change(case, value)


def argument(name: str, value: object) -> Callable[[Case], Case]:
    changes: dict[str, Any] = {name: value}
    return lambda case: replace(case, **changes)


def partial(year: Any) -> PartialDate:
    return PartialDate(year)


def event_field(name: str) -> Callable[[Case, Any], Case]:
    return lambda case, value: case.with_event(**{name: value})


def holder_field(name: str) -> Callable[[Case, Any], Case]:
    return lambda case, value: case.with_holder(**{name: value})


def _of(name: str) -> Callable[[], st.SearchStrategy[Any]]:
    """Vaccinations of one product, with a number and a day that hold for it."""
    product = value_sets().product(name)
    assert product is not None
    code = product.code
    return lambda: vaccinations().map(
        lambda dose: replace(
            dose, product=code, vaccine=None, manufacturer=None, dose_number=3, doses=3
        )
    )


def _text_breaks(
    place: str,
    change: Callable[[Case, Any], Case],
    event: Callable[[], st.SearchStrategy[Any]] | None = None,
) -> list[Break]:
    """The ways in which any text can be wrong."""
    wrong: list[tuple[str, str, Any]] = [
        ("is no text", "text.type", 5),
        ("is bytes", "text.type", b"text"),
        ("is empty", "text.empty", ""),
        ("is blank", "text.empty", " \t"),
        ("begins with white space", "text.outer-whitespace", " A"),
        ("ends with white space", "text.outer-whitespace", "A\u00a0"),
        ("holds a line break", "text.unwritable-character", "A\nB"),
        ("holds half a surrogate pair", "text.unwritable-character", "A\ud800"),
        ("holds a direction override", "text.unwritable-character", "A\u202eB"),
        ("has 81 characters", "text.too-long", "A" * 81),
        ("has a million characters", "text.too-long", "e\u0301" * 500_000),
    ]
    return [
        Break(f"{place} {what}", code, place, applied(change, value), event)
        for what, code, value in wrong
    ]


def _code_breaks(
    place: str,
    change: Callable[[Case, Any], Case],
    event: Callable[[], st.SearchStrategy[Any]] | None = None,
) -> list[Break]:
    """The ways in which a code of a value set can be wrong."""
    wrong: list[tuple[str, str, Any]] = [
        ("is no text", "text.type", ["list"]),
        ("is unknown", "code.unknown", "no such code"),
        ("is empty", "code.unknown", ""),
    ]
    return [
        Break(f"{place} {what}", code, place, applied(change, value), event)
        for what, code, value in wrong
    ]


def _day_breaks(name: str, kind: EventKind, *, event: bool = True) -> list[Break]:
    """The ways in which a day can be wrong; that of an event can also be out of bounds."""
    place = f"{kind}.{name}"
    drawn = {
        EventKind.VACCINATION: vaccinations,
        EventKind.RECOVERY: recoveries,
    }[kind]
    wrong: list[tuple[str, str, Any]] = [
        ("is a text", "date.type", "2021-06-01"),
        ("is a datetime", "date.type", datetime(2021, 6, 1, tzinfo=UTC)),
        ("is missing", "date.type", None),
    ]
    if event:
        wrong += [
            ("lies a day after the issuing", "date.future", ISSUED_ON + timedelta(1)),
            ("lies before 2020", "date.too-early", date(2019, 12, 31)),
        ]
    return [
        Break(
            f"{place} {what}",
            code,
            place,
            applied(event_field(name), value),
            drawn,
        )
        for what, code, value in wrong
    ]


def _holder_breaks() -> list[Break]:
    def born(value: object) -> Callable[[Case], Case]:
        return lambda case: case.with_holder(birth_date=value)

    def named(**changes: object) -> Callable[[Case], Case]:
        return lambda case: case.with_holder(**changes)

    place = "holder.birth_date"
    late = ISSUED_ON + timedelta(1)
    return [
        Break(
            "holder is none",
            "holder.type",
            "holder",
            argument("holder", "x"),
        ),
        Break("birth date is a text", "date.type", place, born("1980-01-01")),
        Break("birth date is a datetime", "date.type", place, born(datetime(1980, 1, 1))),
        Break("born in 1899", "birth-date.year", place, born(date(1899, 12, 31))),
        Break("born in the year 1899", "birth-date.year", place, born(PartialDate(1899))),
        Break("born in the year 2100", "birth-date.year", place, born(PartialDate(2100))),
        Break("born in the year 10**9", "birth-date.year", place, born(PartialDate(10**9))),
        Break("born in month 0", "birth-date.month", place, born(PartialDate(1980, 0))),
        Break("born in month 13", "birth-date.month", place, born(PartialDate(1980, 13))),
        Break("born in month True", "birth-date.type", place, born(PartialDate(1980, True))),
        Break("born in a text", "birth-date.type", place, born(partial("1980"))),
        Break("born after the event", "birth-date.after-event", place, born(late)),
        Break(
            "born in a month after the event",
            "birth-date.after-event",
            place,
            born(PartialDate(ISSUED_ON.year + 1, 1)),
        ),
        Break(
            "born in a year after the event",
            "birth-date.after-event",
            place,
            born(PartialDate(ISSUED_ON.year + 1)),
        ),
        Break(
            "no name",
            "name.missing",
            "holder.family_name",
            named(family_name=None, family_name_mrz=None, given_name=None, given_name_mrz=None),
        ),
        Break(
            "a name without transliteration",
            "name.no-transliteration",
            "holder.given_name",
            named(given_name="王", given_name_mrz=None),
        ),
        Break(
            "a name with a digit",
            "name.letters-dropped",
            "holder.family_name",
            named(family_name="Jensen 2", family_name_mrz=None),
        ),
        *(
            Break(
                f"MRZ form {form!r}",
                "name.mrz-form",
                "holder.family_name_mrz",
                named(family_name_mrz=form),
            )
            for form in (
                "jensen",
                "JENSEN<",
                "<JENSEN",
                "VON<<JENSEN",
                "SØRENSEN",
                "VON JENSEN",
                "<",
            )
        ),
        Break(
            "no family name in 1.3.0",
            "name.family-name-needed",
            "holder.family_name",
            lambda case: replace(
                case.with_holder(family_name=None, family_name_mrz=None, given_name="Åse"),
                version="1.3.0",
            ),
        ),
        *_text_breaks("holder.family_name", holder_field("family_name")),
        *_text_breaks("holder.given_name", holder_field("given_name")),
        *_text_breaks("holder.given_name_mrz", holder_field("given_name_mrz")),
    ]


def _vaccination_breaks() -> list[Break]:
    def dose(name: str, product: str, code: str, number: int, doses: int) -> Break:
        return Break(
            f"{number}/{doses} of {product} ({name})",
            code,
            "vaccination.dose_number",
            lambda case: case.with_event(dose_number=number, doses=doses),
            _of(product),
        )

    def count(name: str, value: Any, code: str) -> Break:
        return Break(
            f"vaccination.{name} is {value!r:.20}",
            code,
            f"vaccination.{name}",
            applied(event_field(name), value),
            vaccinations,
        )

    single, length, booster = (
        "dose.single-dose-product",
        "dose.course-length",
        "dose.booster-numbering",
    )
    found = [
        dose("single-dose product", "Jcovden", single, 2, 2),
        dose("single-dose product", "Jcovden", single, 1, 2),
        dose("two-dose product", "Spikevax", length, 1, 3),
        dose("two-dose product", "Vaxzevria", length, 2, 3),
        dose("two-dose product", "Nuvaxovid", length, 3, 4),
        dose("booster", "Comirnaty", booster, 3, 2),
        dose("booster", "Jcovden", booster, 3, 2),
        dose("booster, course of unknown length", "R-COVI", booster, 5, 4),
        Break(
            "a product that is given up",
            "code.inactive",
            "vaccination.product",
            lambda case: case.with_event(product="NVX-CoV2373"),
            _of("Nuvaxovid"),
        ),
        Break(
            "a prophylaxis code that is given up",
            "code.inactive",
            "vaccination.vaccine",
            lambda case: case.with_event(vaccine="J07BX03"),
            vaccinations,
        ),
        Break(
            "a prophylaxis code of another product",
            "vaccine.not-of-product",
            "vaccination.vaccine",
            lambda case: case.with_event(vaccine="29061000087103"),
            _of("Comirnaty"),
        ),
        Break(
            "a manufacturer of another product",
            "manufacturer.not-of-product",
            "vaccination.manufacturer",
            lambda case: case.with_event(manufacturer="ORG-100031184"),
            _of("Comirnaty"),
        ),
    ]
    for name in ("dose_number", "doses"):
        found += [count(name, value, "dose.type") for value in (True, 1.0, "1", None)]
        found += [count(name, value, "dose.number-below-one") for value in (0, -1)]
        found += [count(name, value, "dose.number-too-high") for value in (100, 10**30)]
    for name in ("product", "vaccine", "manufacturer", "disease", "country"):
        found += _code_breaks(
            f"vaccination.{name}",
            event_field(name),
            vaccinations,
        )
    return found + _day_breaks("date", EventKind.VACCINATION)


def _test_breaks() -> list[Break]:
    def sampled(name: str, code: str, value: object) -> Break:
        return Break(
            f"test.sampled_at {name}",
            code,
            "test.sampled_at",
            lambda case: case.with_event(sampled_at=value),
            tests,
        )

    late = datetime(ISSUED_ON.year, ISSUED_ON.month, ISSUED_ON.day, tzinfo=UTC) + timedelta(1)
    east = timezone(timedelta(hours=2))
    found = [
        sampled("is a text", "date-time.type", "2021-06-01T10:00:00Z"),
        sampled("is a date", "date-time.type", date(2021, 6, 1)),
        sampled("has no zone", "date-time.no-zone", datetime(2021, 6, 1, 10)),
        sampled("lies on the next day", "date.future", late),
        sampled("lies on the next day by both clocks", "date.future", late.astimezone(east)),
        sampled("lies before 2020", "date.too-early", datetime(2019, 12, 31, 23, 59, tzinfo=UTC)),
        Break(
            "a NAAT without centre",
            "test.centre-missing",
            "test.centre",
            lambda case: case.with_event(centre=None),
            naats,
        ),
        Break(
            "a NAAT with a device",
            "test.device-of-naat",
            "test.device",
            lambda case: case.with_event(device="1232"),
            naats,
        ),
        Break(
            "a RAT without device",
            "test.device-missing",
            "test.device",
            lambda case: case.with_event(device=None),
            rats,
        ),
        Break(
            "a RAT with a name",
            "test.name-of-rat",
            "test.name",
            lambda case: case.with_event(name="Rapid"),
            rats,
        ),
        Break(
            "a device that is given up",
            "code.inactive",
            "test.device",
            lambda case: case.with_event(device="1065"),
            rats,
        ),
    ]
    for value in ("PCR", "", 5, None, ["NAAT"], TestResult.DETECTED):
        found.append(
            Break(
                f"test.kind is {value!r}",
                "test.kind-unknown",
                "test.kind",
                applied(event_field("kind"), value),
                tests,
            )
        )
    for value in ("negative", "", 5, None, TestKind.NAAT):
        found.append(
            Break(
                f"test.result is {value!r}",
                "test.result-unknown",
                "test.result",
                applied(event_field("result"), value),
                tests,
            )
        )
    for name in ("disease", "country"):
        found += _code_breaks(
            f"test.{name}",
            event_field(name),
            tests,
        )
    found += _code_breaks("test.device", event_field("device"), rats)
    found += _text_breaks("test.centre", event_field("centre"), tests)
    found += _text_breaks("test.name", event_field("name"), naats)
    return found


def _recovery_breaks() -> list[Break]:
    def bounds(name: str, code: str, field: str, start: int, end: int) -> Break:
        def change(case: Case) -> Case:
            assert isinstance(case.event, Recovery)
            first = case.event.first_positive
            return case.with_event(
                valid_from=first + timedelta(start), valid_until=first + timedelta(end)
            )

        return Break(f"recovery {name}", code, f"recovery.{field}", change, recoveries)

    found = [
        bounds("starts after 10 days", "recovery.starts-too-early", "valid_from", 10, 180),
        bounds("ends after 181 days", "recovery.ends-too-late", "valid_until", 11, 181),
        bounds("ends before it starts", "recovery.period-reversed", "valid_until", 21, 20),
    ]
    for name in ("disease", "country"):
        found += _code_breaks(
            f"recovery.{name}",
            event_field(name),
            recoveries,
        )
    found += _day_breaks("first_positive", EventKind.RECOVERY)
    found += _day_breaks("valid_from", EventKind.RECOVERY, event=False)
    found += _day_breaks("valid_until", EventKind.RECOVERY, event=False)
    return found


def _issuing_breaks() -> list[Break]:
    def identified(name: str, code: str, text: str) -> Break:
        return Break(
            f"uvci {name}",
            code,
            "uvci",
            lambda case: replace(case, uvci=text.format(country=case.country)),
        )

    other = "URN:UVCI:01:{country}:A"
    return [
        Break("event is none", "event.type", "event", argument("event", "x")),
        *(
            Break(
                f"version {version!r}",
                "version.unsupported",
                "version",
                applied(lambda case, v: replace(case, version=v), version),
            )
            for version in ("1.3.1", "1.3", "", "1.3.2 ", None, 132)
        ),
        Break("on is a text", "on.type", "on", argument("on", "2022-01-01")),
        Break("on has no zone", "on.no-zone", "on", lambda c: replace(c, on=datetime(2023, 2, 1))),
        identified("in lower case", "uvci.form", other.lower().replace("{country}", "dk")),
        identified("without prefix", "uvci.form", "01:{country}:A"),
        identified("without opaque part", "uvci.form", "URN:UVCI:01:{country}:"),
        identified("of four parts", "uvci.form", other + "/B/C/D"),
        identified("of version 02", "uvci.form", "URN:UVCI:02:{country}:A"),
        identified("of a country that is none", "uvci.other-country", "URN:UVCI:01:QQ:A"),
        Break(
            "uvci with a wrong checksum",
            "uvci.checksum",
            "uvci",
            lambda case: replace(case, country="NL", uvci="URN:UVCI:01:NL:187/37512422923#A"),
        ),
        *_code_breaks("country", lambda case, value: replace(case, country=value)),
        *_text_breaks("issuer", lambda case, value: replace(case, issuer=value)),
        *_text_breaks("uvci", lambda case, value: replace(case, uvci=value)),
    ]


def breaks() -> tuple[Break, ...]:
    """Every single thing that the tests break."""
    return (
        *_holder_breaks(),
        *_vaccination_breaks(),
        *_test_breaks(),
        *_recovery_breaks(),
        *_issuing_breaks(),
    )
