"""The windows against brute force: the engine asked at every end that was found, and between.

The cases are the same on every run; `CORONAPAS_WINDOW_CASES` asks for more of them, and
`CORONAPAS_WINDOW_SECONDS` for more seconds around every end of the public rules.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from certlogic.generation import Maker
from coronapas import certlogic
from coronapas.certlogic import _values as datetimes
from coronapas.certlogic._values import add_months
from coronapas.rules import JAVASCRIPT, KOTLIN, Case, Policy, RuleSet
from coronapas.rules._search import (
    EARLIEST,
    FIRST,
    LAST,
    LATEST,
    clock_text,
    hold,
    timeline,
)

if TYPE_CHECKING:
    from pathlib import Path

    from coronapas.rules._timeline import Timeline

CASES = int(os.environ.get("CORONAPAS_WINDOW_CASES", "400"))
REACH = int(os.environ.get("CORONAPAS_WINDOW_SECONDS", "10"))
DAY = 86_400_000
MILLISECOND, SECOND = timedelta(milliseconds=1), timedelta(seconds=1)
TICK = timedelta(microseconds=1)
CLOCK = "external.validationClock"
MOMENTS = (
    *("2020-01-31", "2020-02-01", "2020-02-28", "2020-02-29", "2020-03-01", "2021-02-28"),
    *("2021-03-01", "2021-03-31", "2021-05-31", "2021-12-31", "2022-01-01", "2021-08-15"),
)
AMOUNTS = {
    "year": (0, 1, -1, -18, 2, 400),
    "month": (0, 1, -1, 6, 11, -13, 4800, 4801),
    "day": (0, 1, -1, 14, 28, 29, 30, 31, 180, 270, 365, 366),
    "hour": (0, 1, -1, 24, 48, 72, 744, 4321),
}


class ClockMaker(Maker):
    """Expressions that ask for the clock in every way there is."""

    def date_text(self) -> str:
        if self.chance(70):
            text = self.random.choice(MOMENTS)
            return text if self.chance(60) else f"{text}T{self.random.choice(TIMES)}"
        return super().date_text()

    def date_path(self) -> Any:
        return self.at(CLOCK) if self.chance(60) else super().date_path()

    def date_time(self, depth: int) -> Any:
        if self.chance(20):
            return super().date_time(depth)
        unit = self.random.choice(("year", "month", "month", "day", "hour"))
        amount = self.random.choice(AMOUNTS[unit])
        text = self.date_path() if self.chance(80) else self.date_text()
        return {"plusTime": [text, amount, unit]}

    def boolean(self, depth: int) -> Any:
        if depth > 0 and self.chance(45):
            operator = self.random.choice(("after", "before", "not-after", "not-before"))
            return {operator: self.several(self.date_time, depth)}
        return super().boolean(depth)

    def string(self, depth: int) -> Any:
        match self.random.randint(0, 9):
            case 0:
                return self.at(CLOCK)
            case 1:
                return {"extractFromUVCI": [self.at(CLOCK), self.random.randint(-1, 4)]}
            case 2:
                return self.date_text()
            case _:
                return super().string(depth)

    def equality(self, depth: int) -> Any:
        if self.chance(15):
            operands = [self.at(CLOCK), self.random.choice(CLOCKS)]
            self.random.shuffle(operands)
            return {"===": operands}
        return super().equality(depth)

    def array(self, depth: int) -> Any:
        if self.chance(20):
            return [self.at(CLOCK), self.date_time(0), self.random.choice(CLOCKS)]
        return super().array(depth)


CLOCKS = tuple(f"{text}T00:00:00Z" for text in MOMENTS)
TIMES = ("00:00:00Z", "12:30:00Z", "23:59:59.999Z", "01:00:00+02:00", "07:08:09.5Z")


def judged(case: Case, moment: datetime) -> tuple[Any, ...]:
    """What the engine says at a moment, in full."""
    verdict = case.at(moment)
    return verdict.outcome, [(str(one.rule), one.outcome, one.code) for one in verdict.results]


def said(found: Timeline, moment: datetime) -> tuple[Any, ...]:
    """What the timeline says of it."""
    (phase,) = [one for one in found.phases if one.first <= moment <= one.last]
    results = phase.verdict.results
    return phase.outcome, [(str(one.rule), one.outcome, one.code) for one in results]


def moments_to_ask(found: Timeline, random: Random) -> set[datetime]:
    """Around every end to the microsecond, the millisecond and the second, and some in between."""
    asked: set[datetime] = set()
    phases = found.phases if len(found.phases) <= 12 else random.sample(found.phases, 12)
    for phase in phases:
        for end in (phase.first, phase.last):
            for step in (TICK, MILLISECOND, SECOND, 2 * SECOND, timedelta(hours=1)):
                for sign in (-1, 0, 1):
                    try:
                        asked.add(end + sign * step)
                    except OverflowError:
                        continue
        span = (phase.last - phase.first) // TICK
        for _ in range(3):
            asked.add(phase.first + TICK * random.randint(0, span))
    return {moment for moment in asked if found.first <= moment <= found.last}


def seconds_around(found: Timeline, reach: int) -> set[datetime]:
    """Every second before and after every end that was found."""
    ends = [one.last for one in found.phases if one.last < found.last]
    return {end + number * SECOND for end in ends for number in range(-reach, reach + 1)}


def require_agreement(case: Case, found: Timeline, random: Random) -> int:
    asked = moments_to_ask(found, random)
    for moment in asked:
        assert said(found, moment) == judged(case, moment), moment
    previous: datetime | None = None
    for phase in found.phases:
        assert phase.first <= phase.last
        assert previous is None or phase.first == previous + TICK
        previous = phase.last
    for one, following in zip(found.phases, found.phases[1:], strict=False):
        assert judged(case, one.last) != judged(case, following.first)
    return len(asked)


def rule(logic: Any, **changes: Any) -> dict[str, Any]:
    return {
        "Identifier": "GR-DK-0001",
        "Type": "Acceptance",
        "Country": "DK",
        "Version": "1.0.0",
        "SchemaVersion": "1.0.0",
        "Engine": "CERTLOGIC",
        "EngineVersion": "1.3.3",
        "CertificateType": "General",
        "Description": [{"lang": "en", "desc": "A rule that was made for a test."}],
        "ValidFrom": "2020-01-01T00:00:00Z",
        "ValidTo": "2023-01-01T00:00:00Z",
        "AffectedFields": ["dob"],
        "Logic": logic,
    } | changes


def result_of(expr: certlogic.Expr, data: dict[str, Any]) -> Any:
    """As far as a verdict looks at it."""
    try:
        value = certlogic.evaluate(expr, data)
    except certlogic.CertLogicError as error:
        return "refused", error.code
    return value if isinstance(value, bool) else ("no answer", type(value), bool(value))


@pytest.mark.parametrize("block", range(4))
def test_a_result_holds_for_as_long_as_is_said_whatever_the_expression(block: int) -> None:
    random = Random(block)
    maker = ClockMaker(random, strange=2)
    moving = 0
    for _ in range(CASES):
        document = maker.expression(random.randint(1, 4))
        data = {"payload": {}, "external": {}} | _as_object(maker.data())
        expr = certlogic.parse(document)
        day = datetimes.parse(random.choice(MOMENTS))
        at = day + random.choice((0, 0, -1, 1, DAY // 2, random.randrange(DAY)))
        found = hold(expr, data["payload"], data["external"], at)
        assert found.first <= at <= found.last
        moving += (found.first, found.last) != (FIRST, LAST)
        asked = {found.first, found.last, at}
        asked |= {random.randint(found.first, found.last) for _ in range(3)}
        # Close by, where the calendar is at its oddest.
        asked |= {min(max(at + random.randint(-90, 90) * DAY, found.first), found.last)}
        results = []
        for moment in asked:
            data["external"]["validationClock"] = str(clock_text(moment))
            results.append(result_of(expr, data))
        assert all(one == results[0] for one in results), json.dumps(document)
    # The clock mattered in a fair share of them: the test tests something.
    assert moving > CASES // 8


def _as_object(data: Any) -> dict[str, Any]:
    found = data if isinstance(data, dict) else {}
    return {
        name: found[name] for name in ("payload", "external") if isinstance(found.get(name), dict)
    }


@pytest.mark.parametrize("policy", [Policy(), KOTLIN, JAVASCRIPT])
def test_timelines_of_generated_rules_say_what_the_engine_says(policy: Policy) -> None:
    random = Random(repr(policy))
    maker = ClockMaker(random, strange=1)
    phases = 0
    for _ in range(CASES // 10):
        rules = RuleSet.load([_generated(maker, number) for number in range(random.randint(1, 4))])
        payload = _as_object(maker.data()).get("payload", {}) | {"ver": "1.3.0"}
        case = rules.case(payload, country="DK", policy=policy)
        around = datetime.fromisoformat(random.choice(MOMENTS)).replace(tzinfo=UTC)
        found = timeline(case, around=around, effort=20_000)
        assert found.first <= around <= found.last
        require_agreement(case, found, random)
        phases += len(found.phases)
    assert phases > CASES // 5


def _generated(maker: ClockMaker, number: int) -> dict[str, Any]:
    random = maker.random
    bounds = sorted(random.sample(MOMENTS, 2))
    time = random.choice(("00:00:00Z", "10:00:00.123456Z", "23:00:00+02:00"))
    return rule(
        maker.boolean(random.randint(1, 4)),
        Identifier=f"GR-DK-000{random.randint(1, 3)}",
        Version=f"1.0.{number}",
        ValidFrom=f"{bounds[0]}T{time}",
        ValidTo=f"{bounds[1]}T00:00:00Z",
    )


@pytest.mark.parametrize("operator", ["after", "before", "not-after", "not-before"])
def test_each_comparison_with_days_hours_months_and_years_ends_where_the_engine_says(
    operator: str,
) -> None:
    random = Random(operator)
    for unit, amounts in AMOUNTS.items():
        for amount in amounts:
            for text in random.sample(MOMENTS, 3):
                moved = {"plusTime": [{"var": CLOCK}, amount, unit]}
                other = {"plusTime": ["2021-01-31", 1, "month"]}
                fixed = {"plusTime": [text, random.choice((0, 1, -30)), "day"]}
                for operands in ([moved, fixed], [fixed, moved], [fixed, moved, other]):
                    logic = {operator: operands}
                    document = rule(
                        logic, ValidFrom="0001-01-01T00:00:00Z", ValidTo="9999-12-31T23:59:59Z"
                    )
                    case = RuleSet.load([document]).case({"ver": "1.3.0"}, country="DK")
                    found = timeline(case)
                    assert found.complete
                    assert (found.first, found.last) == (EARLIEST, LATEST)
                    require_agreement(case, found, random)


@pytest.mark.parametrize("day", ["2020-02-29", "2020-03-01", "2020-03-02", "2021-03-03"])
@pytest.mark.parametrize("months", [1, -1, 12, 13])
def test_a_month_added_to_the_clock_goes_forth_and_back_and_every_turn_is_found(
    day: str, months: int
) -> None:
    logic = {
        "not-before": [
            {"plusTime": [{"var": CLOCK}, months, "month"]},
            {"plusTime": [day, 0, "day"]},
        ]
    }
    case = RuleSet.load([rule(logic, ValidFrom="2018-01-01T00:00:00Z")]).case(
        {"ver": "1.3.0"}, country="DK"
    )
    found = timeline(case)
    goal = datetimes.parse(day)
    start = datetimes.parse("2018-01-01")
    for number in range(0, 5 * 365 * 24, 6):
        at = start + number * DAY // 24
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at)
        window = found.window_at(moment)
        assert window is not None
        assert (window.outcome == "PASS") is (add_months(at, months) >= goal), moment


def test_every_public_rule_on_every_one_of_its_tests_ends_where_the_engine_says(
    official: Path,
) -> None:
    random = Random(1)
    checked = asked = 0
    for path in sorted((official / "business-rules").glob("*/*/rule.json")):
        rules = RuleSet.load([json.loads(path.read_text(encoding="utf-8"))])
        for one in sorted((path.parent / "tests").glob("*.json")):
            test = json.loads(one.read_text(encoding="utf-8"))
            value_sets = (test.get("external") or {}).get("valueSets") or {}
            case = rules.case(
                {"ver": "1.3.0"} | test["payload"],
                country=rules.countries[0],
                value_sets=value_sets,
                # Also the tests whose payload is of another kind are worth asking.
                policy=Policy(by_certificate_type=False, schema_versions=False),
            )
            found = timeline(case)
            assert found.complete
            asked += require_agreement(case, found, random)
            for moment in seconds_around(found, REACH):
                assert said(found, moment) == judged(case, moment), moment
                asked += 1
            checked += 1
    assert checked > 500
    assert asked > 10 * checked


def test_the_public_rules_of_a_country_together_end_where_the_engine_says(official: Path) -> None:
    random = Random(2)
    for folder in sorted((official / "business-rules").glob("??")):
        rules = RuleSet.load(folder)
        tests = sorted(folder.glob("*/tests/*.json"))
        for one in random.sample(tests, min(len(tests), 8)):
            payload = {"ver": "1.3.0"} | json.loads(one.read_text(encoding="utf-8"))["payload"]
            case = rules.case(payload, country=folder.name)
            require_agreement(case, timeline(case), random)
