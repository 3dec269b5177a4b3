"""Issuing domestic tokens, and reading and verifying what was issued."""

from __future__ import annotations

import inspect
import uuid
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import backend
import strategies
from coronapas import keys
from coronapas.denmark import DanishIssuer, DatedEvent, Dk1, Dk2, Dk3, TokenKind, read
from coronapas.denmark._tokens import MOST_ENTRIES
from coronapas.errors import IssueError
from coronapas.facts import (
    EventKind,
    Holder,
    PartialDate,
    Recovery,
    Test,
    TestKind,
    TestResult,
    Vaccination,
)
from coronapas.signing import Signer
from danish_world import AT, BORN, HOLDER, issuer, stranger, verifier

if TYPE_CHECKING:
    from coronapas.keys import KeyPair

UNTIL = datetime(2022, 1, 31, 22, tzinfo=UTC)
DOSE = Vaccination("Comirnaty", 2, 2, date(2021, 6, 1))
RAPID = Test(
    TestKind.RAT, AT - timedelta(hours=5), TestResult.NOT_DETECTED, device="1833", centre="Telt 1"
)
PAST = Recovery(date(2021, 3, 1), date(2021, 3, 12), date(2021, 8, 28))
DATED = (
    DatedEvent(DOSE, UNTIL),
    DatedEvent(RAPID, AT + timedelta(hours=67)),
    DatedEvent(PAST, datetime(2021, 11, 1, tzinfo=UTC), "URN:UVCI:01:DK:RECOVERY"),
)


def faults(act: Any, *args: Any, **kwargs: Any) -> list[tuple[str, str]]:
    with pytest.raises(IssueError) as caught:
        act(*args, **kwargs)
    assert all(fault.problem and fault.hint for fault in caught.value.faults)
    assert "Prøvesen" not in str(caught.value)
    return [(fault.field, fault.code) for fault in caught.value.faults]


@pytest.mark.parametrize("key", ["P-256", "RSA-2048"])
def test_every_token_verifies_and_says_what_it_was_made_of(key: str) -> None:
    maker, pair = issuer(key), backend.dsc(key=key)
    made = (
        maker.dk1(issued_at=AT),
        maker.dk2(HOLDER, issued_at=AT),
        maker.dk3(HOLDER, DATED, issued_at=AT),
    )
    for token, kind in zip(made, ("DK1", "DK2", "DK3"), strict=True):
        assert token.kind is TokenKind(kind)
        assert token.text.startswith(f"{kind}:")
        result = verifier(pair).verify(token.text, AT)
        assert result.ok, result.failures
        assert not result.deviations
        assert token.issued_at == AT.replace(second=0, microsecond=0)
        assert token.expires == token.issued_at + timedelta(hours=72)
        assert not verifier(pair).verify(token.text, token.expires).ok


def test_a_dk2_states_the_legal_name_and_the_birth_date() -> None:
    token = read(issuer().dk2(HOLDER, issued_at=AT).text)
    assert isinstance(token, Dk2)
    assert (token.legal_name, token.birth_date) == ("Åse Marie Prøvesen", BORN)
    named = read(issuer().dk2(HOLDER, legal_name="A\u030ase P", issued_at=AT).text)
    assert isinstance(named, Dk2)
    assert named.legal_name == "Åse P"
    partial = read(
        issuer().dk2(replace(HOLDER, birth_date=PartialDate(1987, 5)), issued_at=AT).text
    )
    assert isinstance(partial, Dk2)
    assert partial.birth_date == PartialDate(1987, 5)


def test_a_dk3_states_each_entry_with_its_end() -> None:
    made = issuer().dk3(HOLDER, DATED, issued_at=AT)
    assert made.identifier is None
    token = read(made.text)
    assert isinstance(token, Dk3)
    assert [entry.place for entry in token.entries] == ["v.0", "t.0", "r.0"]
    assert [entry.valid_until for entry in token.entries] == [
        dated.valid_until.replace(microsecond=0) for dated in DATED
    ]
    uvcis = [entry.facts and entry.facts.uvci for entry in token.entries]
    assert uvcis[2] == "URN:UVCI:01:DK:RECOVERY"
    assert len(set(uvcis)) == 3


def test_no_two_dk1_of_one_holder_can_be_linked_by_content() -> None:
    """A DK1 is made without a holder, and what it says is shared by all or drawn at random."""
    maker = issuer()
    assert "holder" not in inspect.signature(maker.dk1).parameters
    moment = AT.replace(second=0, microsecond=0)
    # Ten tokens of one holder and ten of others, all fetched within the same minute.
    made = [maker.dk1(issued_at=moment + timedelta(seconds=3 * place)) for place in range(20)]
    trees = [dict(read(one.text).envelope.claims.tree) for one in made]
    identifiers = [tree.pop(7) for tree in trees]
    assert all(tree == trees[0] for tree in trees)
    assert set(trees[0]) == {1, 4, 6}
    assert len(set(identifiers)) == 20
    for identifier in identifiers:
        drawn = uuid.UUID(identifier.decode())
        # Version 4 is drawn at random: it holds neither the time nor the machine.
        assert drawn.version == 4
        assert str(drawn).encode() == identifier
    headers = {(read(one.text).envelope.message.protected) for one in made}
    assert len(headers) == 1
    assert all(not read(one.text).envelope.message.unprotected for one in made)
    assert {len(one.message) for one in made} == {len(made[0].message)}


def test_a_dk1_and_a_dk2_fetched_together_share_no_identifier() -> None:
    one, two = issuer().dk1(issued_at=AT), issuer().dk2(HOLDER, issued_at=AT)
    assert one.identifier != two.identifier
    assert (one.issued_at, one.expires) == (two.issued_at, two.expires)


def test_two_dk1_signed_deterministically_differ_by_their_identifier_alone() -> None:
    signer = Signer(backend.dsc().private_key, backend.dsc().certificate, deterministic=True)
    maker = DanishIssuer(signer)
    one, two = (read(maker.dk1(issued_at=AT).text) for _ in range(2))
    assert one.envelope.signature != two.envelope.signature


@given(
    st.integers(1, 7200),
    st.datetimes(datetime(2021, 2, 1), datetime(2021, 6, 30)),
)
def test_times_are_cut_to_the_granularity_and_the_life_is_kept(step: int, moment: datetime) -> None:
    at = moment.replace(tzinfo=UTC)
    maker = DanishIssuer(backend.dsc().signer(), granularity=timedelta(seconds=step))
    made = maker.dk1(issued_at=at)
    assert int(made.issued_at.timestamp()) % step == 0
    assert timedelta(0) <= at - made.issued_at < timedelta(seconds=step)
    assert made.expires - made.issued_at == timedelta(hours=72)


def test_an_end_that_is_given_is_cut_down() -> None:
    made = issuer().dk1(issued_at=AT, expires=AT + timedelta(hours=1, seconds=50))
    assert made.expires == datetime(2021, 6, 28, 10, 31, tzinfo=UTC)


def test_without_a_moment_a_token_is_issued_now() -> None:
    yesterday = datetime.now(UTC) - timedelta(days=1)
    pair = keys.make_csca("DK", valid_from=yesterday).issue_dsc(valid_from=yesterday)
    maker = DanishIssuer(pair.signer(), life=timedelta(hours=1))
    before = datetime.now(UTC)
    made = maker.dk1()
    assert before - timedelta(minutes=1) <= made.issued_at <= datetime.now(UTC)
    assert maker.life == timedelta(hours=1)
    assert maker.granularity == timedelta(minutes=1)
    assert maker.country == "DK"
    assert verifier(pair).verify(made.text).ok


@cache
def later_pair() -> KeyPair:
    """A key for the day on which the cases of the strategies are issued."""
    return backend.csca().issue_dsc(valid_from=datetime(2022, 6, 1, tzinfo=UTC))


@given(strategies.cases(), st.datetimes(datetime(2023, 1, 16), datetime(2025, 1, 1)))
def test_every_event_goes_through_a_dk3_and_back(case: strategies.Case, until: datetime) -> None:
    event = case.event
    if isinstance(event, Test) and TestResult.of(event.result) is TestResult.DETECTED:
        return
    at = datetime(2023, 1, 15, 23, 59, tzinfo=UTC)
    end = until.replace(tzinfo=UTC, microsecond=0)
    pair = later_pair()
    maker = DanishIssuer(pair.signer(), version="1.3.2")
    made = maker.dk3(case.holder, [DatedEvent(event, end)] * 2, issued_at=at)
    result = verifier(pair).verify(made.text, at)
    assert result.ok, result.failures
    token = result.content
    assert isinstance(token, Dk3)
    assert len(token.entries) == 2
    for entry in token.entries:
        assert entry.valid_until == end
        assert entry.facts is not None
        assert entry.facts.kind.value[0] == entry.place[0]
        if isinstance(event, Vaccination):
            assert isinstance(entry.facts.event, Vaccination)
            assert (entry.facts.event.date, entry.facts.event.dose_number) == (
                event.date,
                event.dose_number,
            )


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"granularity": timedelta(0)}, ("granularity", "granularity.seconds")),
        ({"granularity": timedelta(seconds=1.5)}, ("granularity", "granularity.seconds")),
        ({"life": timedelta(0)}, ("life", "life.short")),
        ({"life": timedelta(seconds=59)}, ("life", "life.short")),
        ({"country": "SE"}, ("signer.certificate", "certificate.country")),
        ({"name": ""}, ("name", "text.empty")),
        ({"version": "9"}, ("version", "version.unsupported")),
        ({"language": "ua"}, ("language", "language.unknown")),
    ],
)
def test_settings_that_make_no_sense_are_refused(
    settings: dict[str, Any], expected: tuple[str, str]
) -> None:
    assert faults(DanishIssuer, backend.dsc().signer(), **settings) == [expected]


@pytest.mark.parametrize("name", ["value_sets", "policy"])
def test_a_setting_of_the_wrong_type_is_a_type_error_at_once(name: str) -> None:
    wrong: dict[str, Any] = {name: "x"}
    with pytest.raises(TypeError, match="is needed, not a str"):
        DanishIssuer(backend.dsc().signer(), **wrong)


def test_a_ca_s_certificate_signs_no_token() -> None:
    assert faults(DanishIssuer, backend.csca().signer()) == [
        ("signer.certificate", "certificate.authority"),
        ("signer.certificate", "certificate.key-usage"),
    ]


def test_a_signer_without_a_certificate_is_held_against_nothing() -> None:
    pair = backend.dsc()
    maker = DanishIssuer(Signer(pair.private_key, kid=pair.signer().kid))
    made = maker.dk1(issued_at=datetime(2019, 1, 1, tzinfo=UTC))
    assert isinstance(read(made.text), Dk1)
    with pytest.raises(IssueError):
        DanishIssuer(stranger().signer())


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ({"issued_at": datetime(2021, 6, 1)}, ("issued_at", "time.no-zone")),
        ({"issued_at": AT, "expires": datetime(2021, 7, 1)}, ("expires", "time.no-zone")),
        ({"issued_at": AT, "expires": AT}, ("expires", "time.order")),
        ({"issued_at": AT, "expires": AT - timedelta(days=1)}, ("expires", "time.order")),
        (
            {"issued_at": backend.BEGIN - timedelta(seconds=1)},
            ("issued_at", "certificate.not-begun"),
        ),
        (
            {"issued_at": AT, "expires": datetime(2099, 1, 1, tzinfo=UTC)},
            ("expires", "certificate.outlived"),
        ),
    ],
)
def test_times_that_cannot_be_are_refused_for_every_token(
    times: dict[str, Any], expected: tuple[str, str]
) -> None:
    assert expected in faults(issuer().dk1, **times)
    assert expected in faults(issuer().dk2, HOLDER, **times)
    assert expected in faults(issuer().dk3, HOLDER, DATED[:1], **times)


def test_a_life_beyond_the_calendar_is_refused() -> None:
    pair = backend.dsc()
    maker = DanishIssuer(
        Signer(pair.private_key, kid=pair.signer().kid), life=timedelta(days=10**6)
    )
    late = datetime(9000, 1, 1, tzinfo=UTC)
    assert faults(maker.dk1, issued_at=late) == [("expires", "time.order")]


def test_what_is_no_moment_is_refused_at_once() -> None:
    with pytest.raises(TypeError, match="issued_at"):
        issuer().dk1(issued_at="now")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="expires"):
        issuer().dk1(expires=timedelta(1))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("holder", "name", "expected"),
    [
        (replace(HOLDER, birth_date=None), None, ("holder.birth_date", "birth-date.missing")),
        (Holder(birth_date=BORN), None, ("legal_name", "name.length")),
        (HOLDER, "  ", ("legal_name", "name.length")),
        (HOLDER, "x" * 161, ("legal_name", "name.length")),
        (HOLDER, "Å\x07", ("legal_name", "name.unwritable")),
    ],
)
def test_a_dk2_needs_a_name_and_a_birth_date(
    holder: Holder, name: str | None, expected: tuple[str, str]
) -> None:
    assert faults(issuer().dk2, holder, legal_name=name, issued_at=AT) == [expected]
    assert len(faults(issuer().dk2, Holder(), issued_at=AT)) == 2
    assert issuer().dk2(HOLDER, legal_name="x" * 160, issued_at=AT).kind is TokenKind.DK2


@pytest.mark.parametrize(
    ("dated", "expected"),
    [
        (
            DatedEvent(replace(DOSE, dose_number=3), UNTIL),
            ("entries.1.vaccination.dose_number", "dose.booster-numbering"),
        ),
        (DatedEvent(DOSE, UNTIL.replace(tzinfo=None)), ("entries.1.valid_until", "time.no-zone")),
        (
            DatedEvent(replace(RAPID, result=TestResult.DETECTED), UNTIL),
            ("entries.1.test.result", "test.positive"),
        ),
        (DatedEvent(DOSE, UNTIL, "URN:UVCI:01:SE:X"), ("entries.1.uvci", "uvci.other-country")),
    ],
)
def test_a_fault_of_an_entry_is_told_with_its_place(
    dated: DatedEvent, expected: tuple[str, str]
) -> None:
    assert faults(issuer().dk3, HOLDER, [DATED[0], dated], issued_at=AT) == [expected]


def test_a_fault_of_the_holder_is_told_once() -> None:
    found = faults(issuer().dk3, replace(HOLDER, given_name=" "), DATED, issued_at=AT)
    assert len(found) == 1
    assert found[0][0] == "holder.given_name"


def test_a_dk3_has_at_least_one_entry_and_no_more_than_are_read() -> None:
    assert faults(issuer().dk3, HOLDER, [], issued_at=AT) == [("entries", "entries.number")]
    many = [DATED[0]] * (MOST_ENTRIES + 1)
    assert faults(issuer().dk3, HOLDER, many, issued_at=AT) == [("entries", "entries.number")]
    token = read(issuer().dk3(HOLDER, many[1:], issued_at=AT).text)
    assert isinstance(token, Dk3)
    assert len(token.entries) == MOST_ENTRIES
    assert not token.deviations


def test_a_certificate_must_cover_the_entries_of_a_dk3() -> None:
    maker = DanishIssuer(backend.dsc(EventKind.TEST).signer())
    found = faults(maker.dk3, HOLDER, DATED[:2], issued_at=AT)
    assert found == [("entries.0.event", "certificate.usage")]
    assert maker.dk3(HOLDER, DATED[1:2], issued_at=AT).kind is TokenKind.DK3


def test_what_is_no_event_is_told() -> None:
    strange: Any = DatedEvent("dose", UNTIL)  # type: ignore[arg-type]
    assert ("entries.0.event", "event.type") in faults(
        issuer().dk3, HOLDER, [strange], issued_at=AT
    )


def test_a_token_becomes_a_qr_code() -> None:
    pytest.importorskip("segno")
    made = issuer().dk1(issued_at=AT)
    assert made.qr(error="M", border=2).svg().startswith("<")


def test_nothing_of_the_holder_shows_in_a_repr() -> None:
    for shown in (repr(issuer().dk2(HOLDER, issued_at=AT)), repr(DATED)):
        assert "Prøvesen" not in shown
        assert "RECOVERY" not in shown
        assert "2022-01-31" not in shown
        assert "datetime.datetime(2022, 1, 31" not in shown
