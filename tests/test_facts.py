"""The carriers of facts: what they say of themselves, and that no repr shows the holder's data."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given

from coronapas.facts import (
    EVENT_TYPES,
    Dose,
    Event,
    EventKind,
    History,
    Holder,
    Infection,
    PartialDate,
    PassFacts,
    Recovery,
    Test,
    Tested,
    TestKind,
    TestResult,
    Vaccination,
    kind_of,
)
from coronapas.programmes._evidence import Person
from coronapas.rules._subject import Subject
from strategies import Case, cases

DAY = date(2021, 6, 1)
EVENTS: tuple[tuple[Event, EventKind, str], ...] = (
    (Vaccination("Comirnaty", 1, 2, DAY), EventKind.VACCINATION, "v"),
    (Test(TestKind.RAT, datetime(2021, 6, 1, tzinfo=UTC), "detected"), EventKind.TEST, "t"),
    (Recovery(DAY, DAY, DAY), EventKind.RECOVERY, "r"),
)


@pytest.mark.parametrize(("event", "kind", "group"), EVENTS)
def test_an_event_has_its_kind_and_its_group(event: Event, kind: EventKind, group: str) -> None:
    assert kind_of(event) is kind
    assert kind.group == group
    assert PassFacts(Holder("Jensen"), event).kind is kind
    assert isinstance(event, EVENT_TYPES)


@pytest.mark.parametrize(
    ("partial", "text"),
    [
        (PartialDate(1980), "1980"),
        (PartialDate(1980, 2), "1980-02"),
        (PartialDate(7), "0007"),
    ],
)
def test_a_partial_date_reads_as_the_payload_writes_it(partial: PartialDate, text: str) -> None:
    assert str(partial) == text


@pytest.mark.parametrize("kind", TestKind)
def test_a_kind_of_test_is_read_by_code_or_by_name(kind: TestKind) -> None:
    assert TestKind.of(kind) is TestKind.of(kind.value) is kind
    assert TestKind.of(kind.name) is TestKind.of(kind.name.lower()) is kind
    assert TestKind.of("PCR") is TestKind.of("") is None


def test_a_result_is_read_by_code_or_by_name() -> None:
    for text in ("not detected", "Not Detected", "260415000", TestResult.NOT_DETECTED):
        assert TestResult.of(text) is TestResult.NOT_DETECTED
    for text in ("detected", "DETECTED", "260373001"):
        assert TestResult.of(text) is TestResult.DETECTED
    assert TestResult.of("negative") is None


@given(cases())
def test_no_repr_shows_what_the_pass_states(case: Case) -> None:
    facts = PassFacts(case.holder, case.event, case.issuer, case.uvci, "1.3.2")
    assert repr(case.holder) == "Holder()"
    assert repr(facts) == f"PassFacts(event={type(case.event).__name__}())"


def test_no_repr_shows_what_a_stranger_wrote_into_any_field() -> None:
    secret: Any = "Hemmelighed"
    for kind in (*EVENT_TYPES, Holder, Dose, Tested, Infection):
        value = kind(**{each.name: secret for each in fields(kind)})
        assert repr(value) == f"{kind.__name__}()"
    person = Person(None, secret)
    assert secret not in f"{person!r} {History(sector=secret)!r} {Subject({}, secret)!r}"
