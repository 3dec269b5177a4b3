"""What the tests of programmes share: short names for events, and strategies for histories."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from coronapas.facts import Dose, History, Infection, Tested
from coronapas.programmes import Programme, load

DENMARK = load("denmark")
EU = load("eu-travel")
GERMANY = load("germany")
YELLOW_FEVER_2026 = load("yellow-fever-measles")
# In the year of the strategies below, which the programme of 2026 would not see.
YELLOW_FEVER = load(json.loads(json.dumps(YELLOW_FEVER_2026.to_json()).replace("2026-", "2021-")))
MEASLES = YELLOW_FEVER.for_disease("measles")
PROGRAMMES = (DENMARK, EU, GERMANY, YELLOW_FEVER, MEASLES)
COPENHAGEN = ZoneInfo("Europe/Copenhagen")
ADULT = date(1970, 1, 1)
MINOR_BORN = date(2005, 5, 5)

COMIRNATY = "EU/1/20/1528"
SPIKEVAX = "EU/1/20/1507"
VAXZEVRIA = "EU/1/21/1529"
JCOVDEN = "EU/1/20/1525"


def day(text: str) -> date:
    return date.fromisoformat(text)


def local(text: str) -> datetime:
    """An instant given in Copenhagen time, in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=COPENHAGEN).astimezone(UTC)


def dose(text: str, numbers: str | None = None, product: str | None = COMIRNATY) -> Dose:
    """A dose: its day, dn/sd, its product."""
    if numbers is None:
        return Dose(day(text), product)
    number, _, doses = numbers.partition("/")
    return Dose(day(text), product, int(number), int(doses))


def sampled(text: str, kind: str, *, positive: bool = False) -> Tested:
    return Tested(kind, local(text), positive)


def infected(text: str) -> Infection:
    return Infection(day(text))


def history(
    *events: Dose | Tested | Infection,
    born: date | None = ADULT,
    sector: str | None = None,
    groups: frozenset[str] | None = None,
) -> History:
    return History(
        born,
        tuple(one for one in events if isinstance(one, Dose)),
        tuple(one for one in events if isinstance(one, Tested)),
        tuple(one for one in events if isinstance(one, Infection)),
        sector,
        groups,
    )


programmes = st.sampled_from(PROGRAMMES)


@st.composite
def places_of(draw: st.DrawFn, programme: Programme) -> dict[str, str | None]:
    """Where a check asks: a place and a region that a programme knows, or none."""
    return {
        "place": draw(st.sampled_from([None, *programme.places])),
        "region": draw(st.sampled_from([None, *programme.regions])),
    }


days = st.dates(date(2020, 12, 27), date(2022, 10, 15))
moments = st.datetimes(datetime(2021, 1, 1), datetime(2022, 12, 31), timezones=st.just(UTC)).map(
    lambda moment: moment.replace(microsecond=0)
)
products = st.sampled_from(
    [COMIRNATY, SPIKEVAX, VAXZEVRIA, JCOVDEN, "Sputnik-V", "Commirnaty", "Stamaril", "MMR", None]
)
diseases = st.sampled_from([None, None, None, "840539006", "6142004"])
numbers = st.sampled_from([None, (1, 2), (2, 2), (1, 1), (2, 1), (3, 3), (4, 4), (3, 1)])


@st.composite
def doses(draw: st.DrawFn) -> Dose:
    number, count = draw(numbers) or (None, None)
    uvci = draw(st.sampled_from([None, None, "URN:UVCI:01:DK:A", "urn:uvci:01:dk:b#X"]))
    return Dose(draw(days), draw(products), number, count, uvci, draw(diseases))


tests = st.builds(
    Tested,
    st.sampled_from(["naat", "rat"]),
    moments,
    st.sampled_from([True, False, False, None]),
    st.sampled_from([None, None, "01:DK:T"]),
    diseases,
)
negative_tests = st.builds(Tested, st.sampled_from(["naat", "rat"]), moments, st.just(False))
infections = st.builds(
    Infection, days, st.sampled_from(["naat", "naat", "rat"]), st.none(), diseases
)
birth_dates = st.one_of(st.none(), st.dates(date(1930, 1, 1), date(2018, 12, 31)))


@st.composite
def histories(draw: st.DrawFn) -> History:
    return History(
        draw(birth_dates),
        tuple(draw(st.lists(doses(), max_size=4))),
        tuple(draw(st.lists(tests, max_size=4))),
        tuple(draw(st.lists(infections, max_size=2))),
        draw(st.sampled_from([None, None, "business"])),
        draw(st.sampled_from([None, frozenset[str](), frozenset({"severe-immunosuppression"})])),
    )


@st.composite
def registered_courses(draw: st.DrawFn) -> tuple[Dose, ...]:
    """Doses as a register numbers them: a course of two, then boosters."""
    count = draw(st.integers(0, 4))
    when = draw(st.dates(date(2020, 12, 27), date(2021, 9, 1)))
    found = []
    for place in range(1, count + 1):
        product = draw(st.sampled_from([COMIRNATY, SPIKEVAX]))
        found.append(Dose(when, product, place, max(place, 2)))
        when += timedelta(days=draw(st.integers(140 if place > 1 else 14, 250)))
    return tuple(found)
