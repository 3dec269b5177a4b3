"""Results go to other processes: whatever was decoded, and with no more of the trust than is told.

Also what a result shares with what it hands out, and how it tells its moment.
"""

from __future__ import annotations

import copy
import math
import pickle
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import backend
from coronapas._time import moment
from coronapas.hcert import _cbor as cbor
from coronapas.hcert._envelope import Envelope, decode
from coronapas.trust._certificate import Certificate
from coronapas.trust._list import Source, TrustList
from coronapas.trust._store import TrustStore
from coronapas.verify._result import Verification
from coronapas.verify._verifier import Verifier

NOW = backend.NOW
GOOD = backend.forge(backend.claims())

# What cbor2 makes beside the plain values, as items and as the keys of maps.
KEYS: st.SearchStrategy[Any] = st.recursive(
    st.integers(-9, 9) | st.text(max_size=3) | st.binary(max_size=3) | st.booleans() | st.none(),
    lambda inner: (
        st.lists(inner, max_size=2).map(tuple)
        | st.dictionaries(inner, inner, max_size=2).map(cbor2.frozendict)
    ),
    max_leaves=4,
)
ITEMS: st.SearchStrategy[Any] = st.recursive(
    st.integers()
    | st.floats()
    | st.text(max_size=3)
    | st.binary(max_size=3)
    | st.sampled_from((None, True, cbor2.undefined, cbor2.CBORSimpleValue(99)))
    | st.builds(cbor2.CBORTag, st.sampled_from((4, 1000)), KEYS)
    | st.just(cbor2.CBORTag(0, "2021-09-01T12:00:00Z")),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(KEYS, inner, max_size=3)
        | st.builds(cbor2.CBORTag, st.sampled_from((4, 258, 1000)), inner)
    ),
    max_leaves=8,
)


def away(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))


def shown(value: Any) -> Any:
    """A value with the types of all that is in it, so that NaN equals NaN."""
    if isinstance(value, (dict, cbor2.frozendict)):
        return type(value), [(shown(key), shown(inner)) for key, inner in value.items()]
    if isinstance(value, (list, tuple)):
        return type(value), [shown(inner) for inner in value]
    if type(value) is cbor2.CBORTag:
        return value.tag, shown(value.value)
    return type(value), repr(value)


def told(result: Verification) -> Any:
    """Everything that a result says."""
    return (
        type(result),
        result.ok,
        result.checks,
        result.deviations,
        result.certificate,
        result.sources,
        result.at,
        result.revocation,
        repr(result.facts),
        result.facts,
        repr(result),
        shown(result.payload),
        shown(result.envelope),
    )


@given(ITEMS)
@settings(max_examples=200)
def test_every_value_that_cbor_can_say_can_be_copied_and_pickled(item: Any) -> None:
    found, _ = cbor.load(cbor2.dumps([item, {1: item}]))
    for again in (away(found), copy.deepcopy(found), cbor.copy(found)):
        assert shown(again) == shown(found)
        assert again is not found


def test_the_one_undefined_value_stays_the_one() -> None:
    assert away(cbor2.undefined) is copy.deepcopy(cbor2.undefined) is cbor2.undefined


def test_a_copy_shares_nothing_changeable_under_a_tag() -> None:
    item = {"a": cbor2.CBORTag(1000, [1])}
    cbor.copy(item)["a"].value.append(2)
    assert item["a"].value == [1]


@given(ITEMS)
@settings(max_examples=100)
def test_a_result_says_the_same_in_another_process(item: Any) -> None:
    verifier = Verifier(backend.trust())
    for content in (item, {**backend.DCC, "extra": item}):
        result = verifier.verify(backend.forge(backend.claims(content)), NOW)
        assert result.signed
        for again in (away(result), copy.copy(result), copy.deepcopy(result)):
            assert told(again) == told(result)


@pytest.mark.parametrize(
    "text",
    [GOOD, f"{GOOD}\n", GOOD[4:], "HC1:?", "", backend.forge(backend.claims(exp=...))],
    ids=["good", "line", "no prefix", "unreadable", "empty", "no end"],
)
@pytest.mark.parametrize("opened", [False, True])
def test_every_kind_of_result_can_be_pickled(text: str, opened: bool) -> None:
    for verifier in (Verifier(backend.trust()), Verifier(backend.trust(), accept=("eu", "dk"))):
        for at in (NOW, NOW + timedelta(900)):
            result = verifier.verify(text, at)
            if opened:
                assert result.envelope is None or result.envelope.text == text
            assert told(away(result)) == told(result)


@pytest.mark.parametrize("text", [GOOD, f"{GOOD}\n", GOOD[4:]])
def test_an_envelope_can_be_pickled(text: str) -> None:
    opened = decode(text)
    assert away(opened) == opened
    assert type(away(opened)) is Envelope


@pytest.mark.parametrize("tail", ["", "\n"], ids=["quick", "close"])
def test_a_result_takes_one_certificate_along_and_not_the_whole_store(tail: str) -> None:
    mine = backend.dsc().certificate
    assert mine.der is not None
    others = [Certificate(mine.der, kid=bytes([n, 9]), country="XX") for n in range(200)]
    listed = TrustList(Source("germany", "a", issued=NOW), (mine, *others))
    for store in (TrustStore([mine, *others]), TrustStore.from_lists(listed)):
        result = Verifier(store).verify(GOOD + tail, NOW)
        assert told(away(result)) == told(result)
        assert len(result.sources) == 1
        assert len(pickle.dumps(result)) < 8_000


@pytest.mark.parametrize("tail", ["", "\n"], ids=["quick", "close"])
def test_what_is_changed_in_the_envelope_does_not_change_what_is_trusted(tail: str) -> None:
    result = Verifier(backend.trust()).verify(GOOD + tail, NOW)
    facts = result.facts
    assert facts is not None
    assert result.envelope is not None
    assert result.envelope.claims.hcert is not None
    result.envelope.claims.hcert[1]["nam"]["fn"] = "Eksempel"
    assert result.payload["nam"]["fn"] == "Prøvesen"
    assert result.facts == facts
    again = away(result)
    assert again.payload["nam"]["fn"] == "Prøvesen"
    assert again.facts == facts


def test_the_moment_of_a_check_can_be_told_at_the_calendar_s_ends() -> None:
    first, last = (each.replace(tzinfo=UTC) for each in (datetime.min, datetime.max))
    east = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14)))
    west = datetime.max.replace(tzinfo=timezone(timedelta(hours=-12)))
    verifier = Verifier(backend.trust())
    for at, shown_ in ((last, last), (first, first), (east, first), (west, last), (NOW, NOW)):
        for text in (GOOD, "HC1:"):
            assert verifier.verify(text, at).at == shown_


@given(st.floats())
def test_every_number_of_seconds_has_its_nearest_moment(seconds: float) -> None:
    if math.isnan(seconds):
        with pytest.raises(ValueError, match="NaN"):
            moment(seconds)
    else:
        begin = datetime.min.replace(tzinfo=UTC)
        assert begin <= moment(seconds) <= datetime.max.replace(tzinfo=UTC)


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_moment_of_the_calendar_is_told_as_it_is(at: datetime) -> None:
    assert abs(moment(at.timestamp()) - at) <= timedelta(microseconds=32)
