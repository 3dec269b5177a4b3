"""Valid domain objects, drawn at random; shared by all tests.

A `Case` is everything that one pass is made of, and every case that `cases` draws can be issued
under the default policy. `breakage` breaks one thing of a case.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta, timezone
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from hypothesis import strategies as st

from coronapas.dcc import _valuesets as vs
from coronapas.dcc._chronology import lengths
from coronapas.facts import (
    Event,
    EventKind,
    Holder,
    PartialDate,
    Recovery,
    Test,
    TestKind,
    TestResult,
    Vaccination,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

ISSUED_ON: Final = date(2023, 1, 15)
FIRST_DAY: Final = date(2020, 12, 27)

# Letters of each script that all have a transliteration of their own.
SCRIPTS: Final = {
    "Latin": "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
    "Nordic": "ÆØÅæøåÄÖäöÞÐþðabdehiklmnorstu",
    "European": "ÀÁÂÃĀĂĄÇĆČĎĐÈÉÊËĘĚĞĠĦÍÎĶŁĽÑŃŇÓÔŐŘŚŠȘŤȚÚŰŮŽŹŻßœĳ",
    "Greek": "ΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩαβγδεζηθικλμνξοπρστυφχψω",
    "Cyrillic": "АБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЫЭЮЯабвгдежзийклмнопрстуфхцчшщыэюяЂЉЊЋЏЄІЇҐ",
    "Arabic": "ابتثجحخدذرزسشصضطظعغفقكلمنهوي",
}
# Scripts without a table: a name in them needs its machine-readable form.
UNTABLED: Final = {"Han": "王李張劉陳楊黃趙", "Hangul": "김이박최정", "Thai": "กขคงจชซญ"}


def value_sets() -> vs.ValueSets:
    return vs.ValueSets.default()


@cache
def active_codes(set_id: str) -> st.SearchStrategy[str]:
    return st.sampled_from(sorted(value_sets().undated[set_id]))


def countries() -> st.SearchStrategy[str]:
    return active_codes(vs.COUNTRY)


# Strategies over an alphabet are dear to make and are made once.
@cache
def _parts(letters: str) -> st.SearchStrategy[list[str]]:
    return st.lists(st.text(alphabet=letters, min_size=1, max_size=25), min_size=1, max_size=3)


@st.composite
def names(draw: st.DrawFn, alphabet: str | None = None) -> str:
    """A name of one to three parts, in one script, with a transliteration."""
    letters = alphabet or SCRIPTS[draw(st.sampled_from(sorted(SCRIPTS)))]
    return draw(st.sampled_from((" ", "-"))).join(draw(_parts(letters)))


@cache
def mrz_names() -> st.SearchStrategy[str]:
    """A name as a travel document's machine-readable zone has it, without fillers."""
    return st.from_regex(r"[A-Z]{1,20}(<[A-Z]{1,18}){0,3}", fullmatch=True)


@cache
def labels() -> st.SearchStrategy[str]:
    """A text of an entry: an organisation, a test centre, a test's name."""
    letters = "".join(SCRIPTS.values()) + "0123456789.,()/&"
    return st.text(letters, min_size=1, max_size=80)


def days(first: date = FIRST_DAY, last: date = ISSUED_ON) -> st.SearchStrategy[date]:
    return st.dates(first, last)


@cache
def birth_dates(last: date) -> st.SearchStrategy[date | PartialDate | None]:
    """Known wholly, to the month, to the year, or not at all; never after `last`."""
    known = st.dates(date(1900, 1, 1), last)
    return st.one_of(
        st.none(),
        known,
        known.map(lambda day: PartialDate(day.year)),
        known.map(lambda day: PartialDate(day.year, day.month)),
    )


@st.composite
def holders(draw: st.DrawFn, born_by: date = FIRST_DAY) -> Holder:
    """A holder with one or both names, each in a script of its own, some with given MRZ forms."""
    both = draw(st.sampled_from(("family", "given", "both", "both", "both")))
    fields: dict[str, Any] = {}
    for which in ("family", "given"):
        if both in (which, "both"):
            match draw(st.sampled_from(("name", "name", "name", "name+mrz", "untabled", "mrz"))):
                case "name":
                    fields[f"{which}_name"] = draw(names())
                case "name+mrz":
                    fields[f"{which}_name"] = draw(names())
                    fields[f"{which}_name_mrz"] = draw(mrz_names())
                case "untabled":
                    script = draw(st.sampled_from(sorted(UNTABLED)))
                    fields[f"{which}_name"] = draw(names(UNTABLED[script]))
                    fields[f"{which}_name_mrz"] = draw(mrz_names())
                case _:
                    fields[f"{which}_name_mrz"] = draw(mrz_names())
    return Holder(birth_date=draw(birth_dates(born_by)), **fields)


@st.composite
def dose_numbers(draw: st.DrawFn, product: str, day: date) -> tuple[int, int]:
    """dn and sd that the numbering allows for the product on that day."""
    course = draw(st.sampled_from(sorted(lengths(product, day) or {1, 2, 3})))
    stage = draw(st.sampled_from(("course", "booster", "recovered")))
    if stage == "recovered":
        return 1, 1
    if stage == "course":
        return draw(st.integers(1, course)), course
    number = draw(st.integers(course + 1, 12))
    return (number, 1) if course == 1 else (max(number, 3), max(number, 3))


@st.composite
def vaccinations(draw: st.DrawFn) -> Vaccination:
    product = value_sets().product(draw(active_codes(vs.PRODUCT)))
    assert product is not None
    day = draw(days())
    number, doses = draw(dose_numbers(product.code, day))
    return Vaccination(
        draw(st.sampled_from((product.code, product.name, product.name.upper()))),
        number,
        doses,
        day,
        country=draw(st.none() | countries()),
        vaccine=draw(st.sampled_from((None, *product.prophylaxis))),
        manufacturer=draw(st.sampled_from((None, product.manufacturer))),
    )


@st.composite
def moments(draw: st.DrawFn) -> datetime:
    """A whole second in a zone of whole minutes, not after the day of issue in UTC."""
    zone = timezone(timedelta(minutes=draw(st.integers(-14 * 60, 14 * 60))))
    last = datetime(ISSUED_ON.year, ISSUED_ON.month, ISSUED_ON.day) - timedelta(1)
    naive = draw(st.datetimes(datetime(2021, 1, 1), last, timezones=st.just(UTC)))
    return naive.replace(microsecond=0).astimezone(zone)


@st.composite
def tests_of(draw: st.DrawFn, kinds: Sequence[TestKind]) -> Test:
    chosen = draw(st.sampled_from(kinds))
    common: dict[str, Any] = {
        "sampled_at": draw(moments()),
        "result": draw(st.sampled_from(TestResult)),
        "country": draw(st.none() | countries()),
    }
    if chosen is TestKind.NAAT:
        centre, name = draw(labels()), draw(st.none() | labels())
        return Test(chosen, centre=centre, name=name, **common)
    centre_or_none = draw(st.none() | labels())
    return Test(chosen, centre=centre_or_none, device=draw(active_codes(vs.TEST_DEVICE)), **common)


def tests() -> st.SearchStrategy[Test]:
    return tests_of(tuple(TestKind))


def naats() -> st.SearchStrategy[Test]:
    return tests_of((TestKind.NAAT,))


def rats() -> st.SearchStrategy[Test]:
    return tests_of((TestKind.RAT,))


@st.composite
def recoveries(draw: st.DrawFn) -> Recovery:
    first = draw(days())
    start = draw(st.integers(11, 180))
    end = draw(st.integers(start, 180))
    return Recovery(
        first,
        first + timedelta(start),
        first + timedelta(end),
        country=draw(st.none() | countries()),
    )


@cache
def events() -> st.SearchStrategy[Event]:
    return st.one_of(vaccinations(), tests(), recoveries())


@cache
def _uvci_parts() -> st.SearchStrategy[list[str]]:
    part = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=1, max_size=20)
    return st.lists(part, min_size=1, max_size=3)


@st.composite
def uvcis(draw: st.DrawFn, country: str) -> str:
    return f"URN:UVCI:01:{country}:{'/'.join(draw(_uvci_parts()))}"


@dataclass(frozen=True)
class Case:
    """Everything that one pass is made of, as `coronapas.dcc._claims.build` takes it."""

    holder: Holder
    event: Event
    country: str
    issuer: str
    uvci: str
    on: date | datetime = ISSUED_ON
    version: str = "1.3.2"
    more: dict[str, Any] = field(default_factory=dict)

    def arguments(self) -> dict[str, Any]:
        """The keyword arguments of `build` and `faults`."""
        return {
            "holder": self.holder,
            "event": self.event,
            "country": self.country,
            "issuer": self.issuer,
            "uvci": self.uvci,
            "on": self.on,
            "version": self.version,
            **self.more,
        }

    def with_event(self, **changes: Any) -> Case:
        """The case with fields of its event changed, to values of any type."""
        return replace(self, event=replace(self.event, **changes))

    def with_holder(self, **changes: Any) -> Case:
        """The case with fields of its holder changed, to values of any type."""
        return replace(self, holder=replace(self.holder, **changes))


@st.composite
def cases(draw: st.DrawFn, event: st.SearchStrategy[Event] | None = None) -> Case:
    country = draw(countries())
    return Case(
        draw(holders()),
        draw(events() if event is None else event),
        country,
        draw(labels()),
        draw(uvcis(country)),
    )


def cases_of(kind: EventKind) -> st.SearchStrategy[Case]:
    drawn: dict[EventKind, st.SearchStrategy[Event]] = {
        EventKind.VACCINATION: vaccinations(),
        EventKind.TEST: tests(),
        EventKind.RECOVERY: recoveries(),
    }
    return cases(drawn[kind])
