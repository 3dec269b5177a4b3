"""Several signers for one issuer: chosen by the kind of event and the moment of issue."""

from __future__ import annotations

import copy
import pickle
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coronapas import Holder, Issuer, Recovery, Signer, Test, Vaccination, decode
from coronapas.errors import IssueError
from coronapas.facts import Event, EventKind
from coronapas.keys import KeyPair, make_csca
from coronapas.signing import SignerSet, SignerTerm

START = datetime(2022, 1, 1, tzinfo=UTC)
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
HOLDER = Holder(family_name="Eksempel", given_name="Ibine", birth_date=date(1979, 4, 14))
EVENTS: dict[EventKind, Event] = {
    EventKind.VACCINATION: Vaccination("Comirnaty", 2, 2, date(2021, 12, 1)),
    EventKind.TEST: Test("NAAT", START - DAY, "not detected", centre="Invented Centre"),
    EventKind.RECOVERY: Recovery(date(2021, 11, 1), date(2021, 11, 12), date(2022, 4, 30)),
}


@cache
def pair(kinds: tuple[EventKind, ...] = (), begins: int = -100, days: int = 700) -> KeyPair:
    csca = make_csca("DK", valid_from=START - 1000 * DAY, valid_for=4000 * DAY)
    return csca.issue_dsc(valid_from=START + begins * DAY, valid_for=days * DAY, usages=kinds)


@cache
def signer(kinds: tuple[EventKind, ...] = (), begins: int = -100, days: int = 700) -> Signer:
    return pair(kinds, begins, days).signer()


def bare(number: int) -> Signer:
    return Signer(pair().private_key, kid=bytes([number] * 8))


@pytest.mark.parametrize("kind", EventKind)
def test_each_kind_is_signed_by_the_certificate_for_it(kind: EventKind) -> None:
    own = {each: signer((each,)) for each in EventKind}
    issuer = Issuer("DK", SignerSet(own.values()))
    issued = issuer.issue(HOLDER, EVENTS[kind], expires=30 * DAY, issued_at=START)
    assert decode(issued.text).kid == own[kind].kid


def test_a_key_takes_over_to_the_second_when_its_term_begins() -> None:
    old, new = signer(), signer((), -10)
    turn = START + 5 * DAY
    signers = SignerSet([SignerTerm(old), SignerTerm(new, begins=turn)])
    issuer = Issuer("DK", signers)
    for moment, expected in ((turn - SECOND, old), (turn, new), (turn + DAY, new)):
        issued = issuer.issue(
            HOLDER, EVENTS[EventKind.VACCINATION], expires=30 * DAY, issued_at=moment
        )
        assert decode(issued.text).kid == expected.kid
        assert signers.choose(EventKind.VACCINATION, moment) is expected


def test_the_end_of_a_term_is_exclusive_and_the_certificate_s_last_second_belongs_to_it() -> None:
    last = pair().certificate.not_after
    assert last is not None
    alone = SignerSet([signer()])
    assert alone.choose(EventKind.TEST, last) is signer()
    assert alone.choose(EventKind.TEST, last + SECOND) is None
    first = pair().certificate.not_before
    assert first is not None
    assert alone.choose(EventKind.TEST, first) is signer()
    assert alone.choose(EventKind.TEST, first - SECOND) is None
    ended = SignerSet([SignerTerm(signer(), ends=START)])
    assert ended.choose(EventKind.TEST, START - SECOND) is signer()
    assert ended.choose(EventKind.TEST, START) is None


def test_where_no_signer_may_sign_the_fault_says_so_beside_the_others() -> None:
    issuer = Issuer("DK", SignerSet([signer((EventKind.TEST,))]))
    faults = issuer.faults(
        Holder(), EVENTS[EventKind.VACCINATION], expires=30 * DAY, issued_at=START
    )
    assert "signer.none" in [fault.code for fault in faults]
    assert len(faults) > 1
    with pytest.raises(IssueError):
        issuer.issue(HOLDER, EVENTS[EventKind.VACCINATION], expires=DAY, issued_at=START)
    with pytest.raises(IssueError):
        issuer.issue(HOLDER, "event", expires=DAY, issued_at=START)  # type: ignore[arg-type]


def test_the_chosen_certificate_is_held_against_the_pass() -> None:
    issuer = Issuer("DK", SignerSet([signer((), -100, 110)]))
    faults = issuer.faults(HOLDER, EVENTS[EventKind.TEST], expires=30 * DAY, issued_at=START)
    assert [fault.code for fault in faults] == ["certificate.outlived"]


def test_every_certificate_is_checked_when_the_issuer_is_made() -> None:
    with pytest.raises(IssueError) as raised:
        Issuer("SE", SignerSet([bare(1), signer(), signer((EventKind.TEST,))]))
    assert [fault.code for fault in raised.value.faults] == ["certificate.country"]


@given(
    st.lists(
        st.tuples(
            st.none() | st.sets(st.sampled_from(list(EventKind)), min_size=1),
            st.none() | st.integers(0, 9),
            st.none() | st.integers(10, 19),
        ),
        min_size=1,
        max_size=6,
    ),
    st.sampled_from(list(EventKind)),
    st.integers(-1, 20),
)
def test_the_choice_is_the_newest_of_those_that_may(
    rows: list[tuple[set[EventKind] | None, int | None, int | None]], kind: EventKind, day: int
) -> None:
    terms = [
        SignerTerm(
            bare(number),
            None if kinds is None else frozenset(kinds),
            None if first is None else START + first * DAY,
            None if last is None else START + last * DAY,
        )
        for number, (kinds, first, last) in enumerate(rows)
    ]
    allowed = [
        (-(-99 if first is None else first), number)
        for number, (kinds, first, last) in enumerate(rows)
        if (kinds is None or kind in kinds)
        and (first is None or first <= day)
        and (last is None or day < last)
    ]
    found = SignerSet(terms).choose(kind, START + day * DAY)
    assert found is (terms[min(allowed)[1]].signer if allowed else None)


def test_a_set_is_a_value() -> None:
    signers = SignerSet([signer(), SignerTerm(bare(1), frozenset({EventKind.TEST}), ends=START)])
    assert list(signers) == list(signers.signers)
    assert signer().kid.hex() in repr(signers)
    with pytest.raises(AttributeError):
        signers._terms = ()
    for same in (pickle.loads(pickle.dumps(signers)), copy.deepcopy(signers)):
        kids = [term.signer.kid for term in same.terms]
        assert kids == [term.signer.kid for term in signers.terms]
        chosen = same.choose(EventKind.TEST, START - DAY)
        assert chosen is not None
        assert chosen.kid == signer().kid
    issuer = pickle.loads(pickle.dumps(Issuer("DK", signers)))
    assert issuer.issue(HOLDER, EVENTS[EventKind.TEST], expires=DAY, issued_at=START).text


def test_what_is_no_set_or_term_is_refused() -> None:
    naive = START.replace(tzinfo=None)
    anything: Any = "flight"
    several: Any = [signer()]
    for wrong, kind in (
        (lambda: SignerSet([]), ValueError),
        (lambda: SignerSet([anything]), TypeError),
        (lambda: SignerTerm(signer(), frozenset({anything})), ValueError),
        (lambda: SignerTerm(signer(), begins=naive), ValueError),
        (lambda: SignerTerm(signer(), begins=START, ends=START), ValueError),
        (lambda: SignerSet([signer()]).choose(EventKind.TEST, naive), ValueError),
        (lambda: Issuer("DK", several), TypeError),
    ):
        with pytest.raises(kind):
            wrong()
