"""The carriers of facts: what they say of themselves, and that no repr shows the holder's data."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import given

from coronapas.facts import (
    EVENT_TYPES,
    Event,
    EventKind,
    Holder,
    PartialDate,
    PassFacts,
    Recovery,
    Test,
    TestKind,
    TestResult,
    Vaccination,
    kind_of,
)
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
def test_no_repr_shows_the_holder_or_the_days(case: Case) -> None:
    facts = PassFacts(case.holder, case.event, case.issuer, case.uvci, "1.3.2")
    assert repr(case.holder) == "Holder()"
    marked = replace(facts, holder=replace(case.holder, family_name="Hemmelighed"))
    assert "Hemmelighed" not in repr(marked)
    assert case.uvci not in repr(facts)
    # Days carry years of 2020 and later; no other field of these events can hold such a text.
    assert "date(" not in repr(facts)
    assert "datetime" not in repr(facts)
