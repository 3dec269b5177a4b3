"""Reading domestic tokens: the public ones, odd ones, hostile ones."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import backend
from coronapas import denmark
from coronapas.dcc import Examiner, ValueSets, examine, facts_of
from coronapas.denmark import Dk1, Dk2, Dk3, TokenKind, kind_of, read, shown_entry
from coronapas.denmark._tokens import MOST_ENTRIES
from coronapas.errors import DecodeError
from coronapas.facts import PartialDate, Test, TestKind, Vaccination
from coronapas.hcert import _base45 as base45
from coronapas.hcert import _compression as compression
from coronapas.hcert._envelope import Limits
from danish_world import AT, CTI, DCC, ENTRY, claims, dk3, forge, person, public_tokens

if TYPE_CHECKING:
    from pathlib import Path

    from coronapas.tolerances import Deviation


def codes(token: Dk1 | Dk2 | Dk3) -> list[str]:
    return [one.code for one in token.deviations]


def refused(text: Any, **settings: Any) -> str:
    with pytest.raises(DecodeError) as caught:
        read(text, **settings)
    return caught.value.code


def test_the_public_tokens_decode_to_their_claims(official: Path) -> None:
    for row in public_tokens(official):
        token = read(row["token"])
        said = row["claims"]
        assert token.kind == row["token"][:3]
        assert token.envelope.issuer == said["1"]
        assert token.issued_at == datetime.fromtimestamp(said["6"], UTC)
        assert token.expires == datetime.fromtimestamp(said["4"], UTC)
        assert token.envelope.kid == bytes.fromhex(row["kid"])
        assert token.envelope.algorithm == row["alg"]
        assert set(codes(token)) <= {"cose.untagged"}
        match token:
            case Dk1():
                assert token.identifier == said["7"]
            case Dk2():
                assert token.identifier == said["7"]
                assert token.legal_name == said["legalName"]
                assert token.birth_date == date.fromisoformat(said["dateOfBirth"])
            case Dk3():
                stated = said["-260"]["1"]
                rows = [entry for group in "vtr" for entry in stated.get(group, [])]
                assert [one.facts and one.facts.uvci for one in token.entries] == [
                    entry["ci"] for entry in rows
                ]
                assert [one.valid_until for one in token.entries] == [
                    datetime.fromisoformat(entry["xdu"]) for entry in rows
                ]


def test_the_public_tokens_are_read_without_their_colon_too(official: Path) -> None:
    for row in public_tokens(official):
        token = read(" " + row["token"].replace(":", "", 1))
        assert codes(token)[:2] == ["prefix.whitespace", "prefix.no-colon"]
        assert token.envelope.prefix == token.kind == row["token"][:3]
        assert token.envelope.text == " " + row["token"].replace(":", "", 1)
        assert token.envelope.claims == read(row["token"]).envelope.claims


def test_the_entry_shown_of_the_public_tokens_is_the_one_that_holds_longest(
    official: Path,
) -> None:
    tests, doses = (read(row["token"]) for row in public_tokens(official) if row["alg"] == -7)
    assert isinstance(tests, Dk3)
    assert isinstance(doses, Dk3)
    at = datetime(2021, 6, 28, 10, tzinfo=UTC)
    for token, place in ((tests, "t.5"), (doses, "v.1")):
        entry = shown_entry(token, at)
        assert entry is not None
        assert entry.place == place


def test_the_kind_is_told_by_the_prefix_alone() -> None:
    for kind in ("DK1", "DK2", "DK3"):
        for text in (f"{kind}:", f"{kind}NCF", f"\n {kind}:x"):
            assert kind_of(text) is kind_of(text.encode()) is TokenKind(kind)
    assert kind_of("HC1:x") is kind_of(memoryview(b" HC1:x")) is TokenKind.HC1
    for strange in ("", "HC1", "HC1x", "DK4:", "dk1:", "NCFX", "DK", None, 7):
        assert kind_of(strange) is None


def test_a_dk1_is_its_identifier_and_its_times() -> None:
    token = read(forge("DK1", claims()))
    assert isinstance(token, Dk1)
    assert token.identifier == CTI.decode()
    assert token.issued_at == AT.replace(microsecond=0)
    assert token.expires == token.issued_at + timedelta(hours=72)
    assert not token.deviations


@pytest.mark.parametrize("written", ["1987-05-04", "1987-05", "1987", ""])
def test_a_dk2_states_a_birth_date_as_far_as_it_is_known(written: str) -> None:
    token = read(forge("DK2", claims(person(dateOfBirth=written))))
    assert isinstance(token, Dk2)
    assert token.legal_name == "Åse Marie Prøvesen"
    assert ("" if token.birth_date is None else str(token.birth_date)) == written
    assert not token.deviations
    if written == "1987-05":
        assert token.birth_date == PartialDate(1987, 5)


def test_a_dk3_holds_vaccinations_tests_and_recoveries_in_this_order() -> None:
    sample = {
        **{name: ENTRY[name] for name in ("tg", "co", "is")},
        "tt": "LP217198-3",
        "ma": "1833",
        "sc": "2021-06-27T20:00:00Z",
        "tr": "260415000",
    }
    recovery = {
        **{name: ENTRY[name] for name in ("tg", "co", "is")},
        "fr": "2021-05-01",
        "df": "2021-05-12",
        "du": "2021-10-28",
    }
    dcc = {
        "r": [{**recovery, "ci": "URN:UVCI:01:DK:R", "xdu": "2022-01-01T00:00:00Z"}],
        "t": [{**sample, "ci": "URN:UVCI:01:DK:T", "xdu": "2021-06-30T20:00:00Z"}],
        "v": [ENTRY, {**ENTRY, "dn": 1, "ci": "URN:UVCI:01:DK:V", "xdu": "2021-04-11T23:00:00Z"}],
        "ver": "1.3.0",
        "nam": DCC["nam"],
        "dob": DCC["dob"],
    }
    token = read(forge("DK3", claims({-260: {1: dcc}})))
    assert isinstance(token, Dk3)
    assert not token.deviations
    assert [entry.place for entry in token.entries] == ["v.0", "v.1", "t.0", "r.0"]
    facts = [entry.facts for entry in token.entries]
    assert [one and one.uvci for one in facts][1:] == [
        *("URN:UVCI:01:DK:V", "URN:UVCI:01:DK:T", "URN:UVCI:01:DK:R")
    ]
    assert facts[0] is not None
    assert facts[2] is not None
    assert isinstance(facts[0].event, Vaccination)
    assert facts[0].event.date == date(2021, 6, 1)
    assert isinstance(facts[2].event, Test)
    assert facts[2].event.kind is TestKind.RAT
    assert token.holder == facts[0].holder
    assert token.holder is not None
    assert token.holder.family_name == "Prøvesen"


def shown(token: Dk3, at: datetime) -> str | None:
    entry = shown_entry(token, at)
    return None if entry is None else entry.place


def test_the_entry_shown_is_the_latest_that_is_still_ahead() -> None:
    ends = ["2021-07-01T10:00:00Z", "2021-07-03T10:00:00Z", "2021-07-02T12:00:00+02:00", "nonsense"]
    token = read(forge("DK3", dk3(*({**ENTRY, "xdu": end} for end in ends))))
    assert isinstance(token, Dk3)
    last = datetime(2021, 7, 3, 10, tzinfo=UTC)
    assert shown(token, datetime(2021, 6, 1, tzinfo=UTC)) == "v.1"
    assert shown(token, last - timedelta(microseconds=1)) == "v.1"
    assert shown(token, last) is None
    with pytest.raises(ValueError, match="time zone"):
        shown_entry(token, datetime(2021, 7, 1))


def test_of_entries_with_one_end_the_first_is_shown() -> None:
    token = read(forge("DK3", dk3(ENTRY, {**ENTRY, "ci": "URN:UVCI:01:DK:OTHER"})))
    assert isinstance(token, Dk3)
    assert shown(token, AT) == "v.0"


@given(st.lists(st.integers(0, 6), max_size=6), st.integers(0, 6))
def test_no_entry_ahead_ends_later_than_the_one_shown(hours: list[int], now: int) -> None:
    start = datetime(2021, 7, 1, tzinfo=UTC)
    entries = tuple(
        denmark.DatedEntry(f"v.{place}", None, start + timedelta(hours=hour))
        for place, hour in enumerate(hours)
    )
    token = Dk3(read(forge("DK1", claims())).envelope, (), None, entries)
    found = shown_entry(token, start + timedelta(hours=now))
    ahead = [hour for hour in hours if hour > now]
    assert (found and found.valid_until) == (start + timedelta(hours=max(ahead)) if ahead else None)


@pytest.mark.parametrize(
    ("kind", "content", "expected"),
    [
        ("DK1", claims(cti=...), [("content.schema", "cti")]),
        ("DK1", claims(cti="text"), [("content.schema", "cti")]),
        ("DK1", claims(cti=b""), [("content.schema", "cti")]),
        ("DK1", claims(cti=b"\xff"), [("content.schema", "cti")]),
        ("DK1", claims(cti=b"x" * 1001), [("content.schema", "cti")]),
        ("DK1", claims(iat=...), [("cwt.missing-iat", "iat")]),
        ("DK1", claims(exp=1e9), [("cwt.float-time", "exp")]),
        ("DK1", claims(person()), [("cwt.extra-claim", "?")] * 2),
        ("DK1", {**claims(), -260: {1: DCC}}, [("cwt.extra-claim", "-260")]),
        ("DK2", claims(person(legalName=...)), [("content.no-name", "legalName")]),
        ("DK2", claims(person(legalName=" ")), [("content.no-name", "legalName")]),
        ("DK2", claims(person(legalName="x" * 1001)), [("content.no-name", "legalName")]),
        ("DK2", claims(person(dateOfBirth=...)), [("content.schema", "dateOfBirth")]),
        ("DK2", claims(person(dateOfBirth="04-05-87")), [("content.date", "dateOfBirth")]),
        ("DK3", claims({}), [("content.schema", "")]),
        ("DK3", claims({-260: {1: []}}), [("content.schema", "")]),
        ("DK3", dk3(), [("content.no-event", "")]),
        ("DK3", dk3(ENTRY, v="text"), [("content.schema", "v"), ("content.no-event", "")]),
        ("DK3", dk3(ENTRY, r=None), [("content.null-group", "r")]),
        ("DK3", dk3({**ENTRY, "xdu": None}), [("content.schema", "v.0.xdu")]),
        ("DK3", dk3({**ENTRY, "xdu": "x" * 1001}), [("content.schema", "v.0.xdu")]),
        ("DK3", dk3({**ENTRY, "xdu": "2021-13-01"}), [("content.date", "v.0.xdu")]),
        (
            "DK3",
            dk3({**ENTRY, "xdu": "0001-01-01T00:00:00+02:00"}),
            [("content.date", "v.0.xdu")],
        ),
        (
            "DK3",
            dk3(ENTRY, {**ENTRY, "mp": "EU/9", "odd": 1}),
            [("content.unknown-field", "v.1.odd"), ("content.value-set", "v.1.mp")],
        ),
        ("DK3", dk3(ENTRY, ENTRY, ver="9.0.0"), [("content.version-unknown", "ver")]),
        ("DK3", {**dk3(ENTRY), 7: CTI}, [("cwt.extra-claim", "7")]),
    ],
)
def test_what_is_odd_in_a_token_is_told_with_its_place(
    kind: str, content: dict[Any, Any], expected: list[tuple[str, str]]
) -> None:
    token = read(forge(kind, content))
    assert [(one.code, one.field) for one in token.deviations] == expected


def test_an_entry_that_cannot_be_read_has_no_facts_and_is_told() -> None:
    token = read(forge("DK3", dk3({"xdu": ENTRY["xdu"]}, ENTRY, v=[7, ENTRY])))
    assert isinstance(token, Dk3)
    assert [entry.facts is None for entry in token.entries] == [True, False]
    assert token.holder is not None
    assert {"content.schema"} <= set(codes(token))


def test_times_beyond_the_calendar_are_none() -> None:
    token = read(forge("DK1", claims(exp=10**30, iat=-(10**18))))
    assert token.expires is None
    assert token.issued_at is None


def test_nothing_of_the_holder_shows_in_a_repr() -> None:
    for token in (read(forge("DK2", claims(person()))), read(forge("DK3", dk3(ENTRY)))):
        for secret in ("Prøvesen", "1987", "1990", "ABCDEFGHIJKL", "2021-06-01", "2022-01-31"):
            assert secret not in repr(token)
            assert secret not in str(token.deviations)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "prefix.unknown"),
        ("HC1:NCF", "prefix.unknown"),
        ("NCF", "prefix.unknown"),
        (b"\xff\xfe", "prefix.unknown"),
        (None, "prefix.not-text"),
        (7, "prefix.not-text"),
        ("DK1:", "compression.truncated"),
        ("DK1", "compression.truncated"),
        ("DK1:ÅÅ", "base45.illegal-character"),
        (b"DK1:\xc5\xc5", "prefix.not-text"),
        (b"DK1\xc5\xc5", "prefix.not-text"),
        ("DK1::::", "base45.overflow"),
    ],
)
def test_what_is_no_token_is_refused_by_its_layer(text: Any, code: str) -> None:
    found = refused(text)
    assert found.partition(".")[0] == code.partition(".")[0], found


def test_a_token_is_read_up_to_the_limit_of_its_text_with_or_without_the_colon() -> None:
    for text in (forge("DK1", claims()), forge("DK1", claims()).replace(":", "", 1)):
        assert read(text, limits=Limits(text=len(text))).kind is TokenKind.DK1
        assert refused(text, limits=Limits(text=len(text) - 1)) == "prefix.too-long"
        assert read(text.encode(), limits=Limits(text=len(text))).kind is TokenKind.DK1


def test_a_token_that_inflates_without_end_is_refused() -> None:
    bomb = "DK3:" + base45.encode(compression.compress(b"\0" * 10_000_000))
    assert refused(bomb) == "compression.too-large"


@given(st.sampled_from(["DK1:", "DK2:", "DK3:", "DK1", "DK3"]), st.text(max_size=80))
def test_no_text_makes_reading_fail_in_another_way(prefix: str, body: str) -> None:
    with pytest.raises(DecodeError):
        read(prefix + body)


any_cbor = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**64), 2**64 - 1)
    | st.floats()
    | st.text()
    | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(
    st.sampled_from(["DK1", "DK2", "DK3"]),
    st.dictionaries(st.sampled_from([1, 4, 6, 7, "legalName", "dateOfBirth", -260, "x"]), any_cbor),
)
def test_no_claims_make_reading_fail(kind: str, content: dict[Any, Any]) -> None:
    token = read(forge(kind, content))
    assert token.kind == kind
    repr(token)


@given(
    st.dictionaries(st.sampled_from(["v", "t", "r", "nam", "dob", "ver", "x"]), any_cbor),
    st.lists(st.dictionaries(st.sampled_from([*ENTRY, "x"]), any_cbor), max_size=3),
)
def test_no_content_of_a_dk3_makes_reading_fail(
    dcc: dict[str, Any], entries: list[dict[str, Any]]
) -> None:
    token = read(forge("DK3", claims({-260: {1: {"v": entries, **dcc}}})))
    assert isinstance(token, Dk3)
    shown_entry(token, AT)


def test_a_dk3_with_too_many_entries_costs_no_more_than_one_with_the_most() -> None:
    entries = [{"xdu": ""}] * 4000
    flood = read(forge("DK3", dk3(*entries, **{f"{n:x}": "" for n in range(1000)})))
    assert isinstance(flood, Dk3)
    assert len(flood.entries) == MOST_ENTRIES
    assert "content.schema" in codes(flood)
    before = time.process_time()
    read(flood.envelope.text)
    assert time.process_time() - before < 2
    most = read(forge("DK3", dk3(*[ENTRY] * MOST_ENTRIES)))
    assert isinstance(most, Dk3)
    assert len(most.entries) == MOST_ENTRIES
    assert not most.deviations


def test_the_head_of_a_dk3_is_examined_once_however_many_entries_it_has() -> None:
    class Counting(Examiner):
        seen = 0

        def examine(self, dcc: object) -> tuple[Deviation, ...]:
            assert isinstance(dcc, dict)
            Counting.seen += len(dcc["nam"]["fn"])
            return super().examine(dcc)

    examiner = Counting(ValueSets.default())
    head: dict[str, Any] = {"nam": {**backend.DCC["nam"], "fn": "e\u0301" * 10_000}, "x": 0}
    token = read(forge("DK3", dk3(*[ENTRY] * 30, {}, **head)), examiner=examiner)
    assert 20_000 <= Counting.seen < 20_100
    assert set(codes(token)) >= {"content.unknown-field", "content.not-nfc", "content.length"}
    assert len(codes(token)) == len(set(token.deviations))


@given(
    st.dictionaries(st.sampled_from(["nam", "dob", "ver", "x"]), any_cbor),
    st.dictionaries(st.sampled_from(["fn", "gn", "fnt", "gnt", "x"]), any_cbor),
    st.lists(st.dictionaries(st.sampled_from([*ENTRY, "x"]), any_cbor), min_size=1, max_size=3),
)
def test_each_entry_of_a_dk3_is_read_as_the_one_entry_of_a_pass(
    head: dict[str, Any], nam: dict[str, Any], odd: list[dict[str, Any]]
) -> None:
    dcc = {**backend.DCC, "nam": {**backend.DCC["nam"], **nam}, **head}
    entries = [ENTRY, *({**ENTRY, **one} for one in odd)]
    token = read(forge("DK3", claims({-260: {1: {**dcc, "v": entries}}})))
    assert isinstance(token, Dk3)
    decoded = token.envelope.claims.hcert
    assert decoded is not None
    whole = decoded[1]
    for entry, given_entry in zip(token.entries, whole["v"], strict=True):
        single = {name: value for name, value in given_entry.items() if name != "xdu"}
        assert repr(entry.facts) == repr(facts_of({**whole, "v": [single]})[0])
        assert entry.facts == facts_of({**whole, "v": [single]})[0]
    alone = {**whole, "v": [{name: value for name, value in ENTRY.items() if name != "xdu"}]}
    assert set(examine(alone)) <= set(token.deviations)


def test_a_token_signed_by_the_tests_has_the_form_of_a_real_one() -> None:
    text = forge("DK1", claims(), backend.dsc(key="RSA-2048"))
    assert text.startswith("DK1:")
    assert read(text).envelope.algorithm == -37
