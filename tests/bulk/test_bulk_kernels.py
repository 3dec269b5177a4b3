"""The kernels: a batch in, good rows and faults out."""

from __future__ import annotations

import hmac
import json
import pickle
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bulk_register as register
from backend import dsc
from coronapas.bulk import (
    FACTS,
    FAULTS,
    PASSES,
    DecideKernel,
    InviteKernel,
    IssueKernel,
    KeySource,
    Outcome,
    VerifyKernel,
    campaign_uvci,
)
from coronapas.bulk._columns import FactsTable, closely
from coronapas.errors import BulkError, HistoryError, KeyMaterialError
from coronapas.facts import EventKind, History, kind_of, read_facts
from coronapas.programmes import invitations, load
from coronapas.rules import Question, eu_travel
from coronapas.signing import Signer
from coronapas.trust import TrustStore
from coronapas.verify import Verifier

if TYPE_CHECKING:
    from pathlib import Path

NOW = register.NOW


def batch_of(rows: list[register.Row], schema: pa.Schema = FACTS) -> pa.RecordBatch:
    nullable = pa.schema([one.with_nullable(True) for one in schema])
    return pa.RecordBatch.from_pylist(rows, schema=nullable)


def as_text(rows: list[register.Row]) -> pa.RecordBatch:
    """The same rows with every column as text, as CSV gives them."""
    schema = pa.schema([pa.field(name, pa.string()) for name in FACTS.names])
    texts = [{name: register._text(value) for name, value in row.items()} for row in rows]
    return pa.RecordBatch.from_pylist(texts, schema=schema)


def codes(outcome: Outcome) -> dict[int, set[tuple[str, str]]]:
    return {
        row["row"]: {(fault["field"], fault["code"]) for fault in row["faults"]}
        for row in outcome.faults.to_pylist()
    }


def verifier(keyring: Path) -> Verifier:
    return Verifier(TrustStore.from_certificates([(keyring / "dsc.pem").read_bytes()]))


def test_every_good_row_becomes_a_pass_that_says_what_the_row_says(keyring: Path) -> None:
    rows = register.rows(60)
    good, faults = register.kernel(keyring)(batch_of(rows))
    assert len(faults) == 0
    assert good.schema.equals(PASSES)
    verify = verifier(keyring)
    for row, found in zip(rows, good.to_pylist(), strict=True):
        result = verify.verify(found["text"], NOW)
        assert result.ok
        assert result.facts is not None
        holder, event = result.facts.holder, result.facts.event
        assert found["record"] == row["record"]
        assert holder.family_name == row["family_name"]
        stated = None if row["birth_date"] == "unknown" else row["birth_date"]
        assert (None if holder.birth_date is None else str(holder.birth_date)) == stated
        assert kind_of(event) == row["kind"]
        assert result.facts.uvci == found["uvci"]
        assert result.facts.issuer == "Prøvestyrelsen"
        assert found["iat"] == NOW.timestamp()
        assert found["exp"] == (NOW + timedelta(days=365)).timestamp()
        assert result.certificate is not None
        assert found["kid"] == result.certificate.kid.hex()


def test_text_columns_give_the_same_passes_as_typed_ones(keyring: Path) -> None:
    rows = register.rows(60)
    kernel = register.kernel(keyring)
    assert kernel(as_text(rows)).good.equals(kernel(batch_of(rows)).good)


@pytest.mark.parametrize("name", register.SPOILS)
@pytest.mark.parametrize("text", [False, True])
def test_a_spoilt_row_has_its_fault_and_its_neighbours_their_passes(
    keyring: Path, name: str, text: bool
) -> None:
    spoil = register.SPOILS[name]
    if spoil.text_only and not text:
        return
    rows = register.rows(3)
    rows[1] = register.spoilt(rows[1], name)
    outcome = register.kernel(keyring)((as_text if text else batch_of)(rows))
    assert codes(outcome) == {1: spoil.faults}
    assert outcome.good.column("record").to_pylist() == [rows[0]["record"], rows[2]["record"]]
    assert outcome.faults.column("record").to_pylist() == [rows[1]["record"]]
    assert register.SECRETIVE not in str(outcome.faults.to_pylist())
    assert outcome.faults.schema.equals(FAULTS)


def test_all_faults_of_a_row_are_found_at_once(keyring: Path) -> None:
    row = register.rows(1)[0] | {"birth_date": "1979-02-30", "country": "XX"}
    found = codes(register.kernel(keyring)(batch_of([row])))
    assert {name for name, _ in found[0]} >= {"birth_date", "country"}


def test_a_row_without_a_record_gets_no_pass(keyring: Path) -> None:
    row = register.rows(1)[0] | {"record": "  "}
    outcome = register.kernel(keyring)(batch_of([row]))
    assert codes(outcome) == {0: {("record", "record.missing")}}
    assert outcome.faults.column("record").to_pylist() == [None]


def test_numbers_of_a_register_stay_numbers(keyring: Path) -> None:
    schema = FACTS.set(0, pa.field("record", pa.int64()))
    rows = register.rows(2)
    numbered = [row | {"record": number} for number, row in enumerate(rows)]
    numbered[1]["birth_date"] = "?"
    good, faults = register.kernel(keyring)(batch_of(numbered, schema))
    assert good.column("record").to_pylist() == [0]
    assert faults.column("record").to_pylist() == [1]
    assert good.column("record").type == faults.column("record").type == pa.int64()
    assert good.column("uvci").to_pylist() == [
        campaign_uvci(register.SECRET, "autumn", "DK", "0"),
    ]


def test_a_row_may_state_its_own_times_and_identifier(keyring: Path) -> None:
    uvci = "URN:UVCI:01:DK:PROEVE1"
    row = register.rows(1)[0] | {
        "issued_at": NOW + timedelta(hours=1),
        "expires": NOW + timedelta(days=2),
        "uvci": uvci,
    }
    for batch in (batch_of([row]), as_text([row])):
        (found,) = register.kernel(keyring)(batch).good.to_pylist()
        assert found["uvci"] == uvci
        assert found["iat"] == (NOW + timedelta(hours=1)).timestamp()
        assert found["exp"] == (NOW + timedelta(days=2)).timestamp()


def test_a_moment_as_text_keeps_its_offset(keyring: Path) -> None:
    row = next(row for row in register.rows(40) if row["kind"] == "test")
    stated = "2021-08-31T23:30:00+02:00"
    batch = as_text([row])
    place = batch.schema.get_field_index("test_sampled_at")
    batch = batch.set_column(place, "test_sampled_at", pa.array([stated]))
    (found,) = register.kernel(keyring)(batch).good.to_pylist()
    facts = verifier(keyring).verify(found["text"], NOW).facts
    assert facts is not None
    assert facts.event.to_json()["sampled_at"] == stated


def test_days_outside_of_the_calendar_and_text_that_is_not_utf8_are_faults_of_their_rows(
    keyring: Path,
) -> None:
    rows = [row for row in register.rows(20) if row["kind"] == "vaccination"][:3]
    batch = batch_of(rows)
    days = pa.array([18_800, 2**31 - 1, 18_800], pa.int32()).view(pa.date32())
    batch = batch.set_column(
        batch.schema.get_field_index("vaccination_date"), "vaccination_date", days
    )
    names = pa.array([b"Jensen", b"Jensen", b"Jens\xff"]).cast(pa.binary()).view(pa.string())
    batch = batch.set_column(batch.schema.get_field_index("family_name"), "family_name", names)
    outcome = register.kernel(keyring)(batch)
    found = codes(outcome)
    assert ("vaccination_date", "record.unreadable") in found[1]
    assert found[2] == {("family_name", "record.unreadable")}
    assert len(outcome.good) == 1


@given(st.data())
def test_reading_by_columns_and_reading_closely_agree(data: Any) -> None:
    """What is read column by column is what the document of the same row states."""
    texts = st.sampled_from(["", " ", "x", "2021-05-01", "2021-13-01", "1979", "2", "unknown"])
    kinds = st.sampled_from(["vaccination", "test", "recovery", "", "other"])
    row = {
        name: data.draw(kinds if name == "kind" else texts, name)
        for name in FACTS.names
        if name.startswith(("vaccination", "kind", "birth", "record", "family"))
    }
    moment = data.draw(st.sampled_from(["2021-08-31T10:00:00Z", "2021-08-31", ""]))
    row["test_sampled_at"] = moment if row["kind"] == "test" else ""
    schema = pa.schema([pa.field(name, pa.string()) for name in row])
    table = FactsTable(pa.RecordBatch.from_pylist([row], schema=schema))
    (found,) = table.rows()
    document, troubles = table.document(0)
    close = read_facts(document)
    if found.event is not None:
        assert not troubles
        missing = {fault.code for fault in close.faults}
        assert missing <= {"json.missing"}
        if not missing:
            assert (close.holder, close.event) == (found.holder, found.event)
    elif not troubles:
        every, _, _ = closely(table, 0, lambda _holder, _event: ())
        assert every


def test_identifiers_follow_from_secret_campaign_country_and_record() -> None:
    one = campaign_uvci(register.SECRET, "autumn", "DK", "1")
    digest = hmac.digest(register.SECRET, b"autumn\0" + b"1", "sha256")
    letters = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
    assert one == "URN:UVCI:01:DK:" + "".join(letters[byte % 32] for byte in digest[:22])
    assert one == campaign_uvci(register.SECRET, "autumn", "DK", "1")
    others = {
        campaign_uvci(register.SECRET[::-1], "autumn", "DK", "1"),
        campaign_uvci(register.SECRET, "spring", "DK", "1"),
        campaign_uvci(register.SECRET, "autumn", "DK", "2"),
        campaign_uvci(register.SECRET, "autumn1", "DK", ""),
    }
    assert len(others | {one}) == 5


def test_the_secret_of_identifiers_must_be_one() -> None:
    with pytest.raises(BulkError, match="16 bytes"):
        campaign_uvci(b"short", "autumn", "DK", "1")
    with pytest.raises(ValueError, match="zero"):
        campaign_uvci(register.SECRET, "a\0b", "DK", "1")


def test_a_kernel_is_pickled_without_its_key_and_says_nothing_of_it(keyring: Path) -> None:
    kernel = register.kernel(keyring)
    kernel(batch_of(register.rows(1)))
    dumped = pickle.dumps(kernel)
    key = (keyring / "dsc.key").read_bytes()
    signer = Signer.from_pem(key, (keyring / "dsc.pem").read_bytes())
    private = signer._source.rebuilder(None, b"")[1][0]  # type: ignore[index]
    assert private not in dumped
    assert key.split(b"\n")[1] not in dumped
    assert register.SECRET not in dumped
    copy = pickle.loads(dumped)
    assert copy == kernel
    assert "_opened" not in copy.__dict__
    assert register.SECRET.hex() not in repr(kernel) + str(kernel.settings())


def test_the_same_rows_give_the_same_bytes_by_default(keyring: Path) -> None:
    rows = batch_of(register.rows(5))
    first, second = (register.kernel(keyring)(rows).good for _ in "ab")
    assert first.equals(second)
    source = KeySource(
        key=str(keyring / "dsc.key"),
        certificate=str(keyring / "dsc.pem"),
        deterministic=False,
    )
    other = register.kernel(keyring, sources=(source,))(rows).good
    assert other.column("uvci").equals(first.column("uvci"))
    assert not other.column("text").equals(first.column("text"))


# Keys


def make_signer() -> Signer:
    """What a factory in a test module returns."""
    return dsc().signer(deterministic=True)


def make_nothing() -> None:
    """A factory that makes nothing."""


def test_a_key_may_come_from_a_factory(keyring: Path) -> None:
    source = KeySource(factory=f"{__name__}:make_signer")
    kernel = register.kernel(keyring, sources=(source,))
    assert len(kernel(batch_of(register.rows(1))).good) == 1


@pytest.mark.parametrize("name", ["nothing.such:x", f"{__name__}:none", f"{__name__}:make_nothing"])
def test_a_factory_that_makes_no_signer_is_named(name: str) -> None:
    with pytest.raises(BulkError, match=name.partition(":")[0]) as caught:
        KeySource(factory=name).open()
    assert caught.value.code == "bulk.key"


def test_a_key_source_names_exactly_one_key() -> None:
    with pytest.raises(ValueError, match="exactly one"):
        KeySource()
    with pytest.raises(ValueError, match="exactly one"):
        KeySource(key="a", certificate="b", pkcs12="c")
    with pytest.raises(ValueError, match="certificate"):
        KeySource(key="a")


def test_passwords_come_from_files_and_variables(
    keyring: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bundle").write_bytes(dsc().pkcs12("geheim"))
    (tmp_path / "password").write_bytes(b"geheim\n")
    monkeypatch.setenv("KEY_PASSWORD", "geheim")
    for password in (str(tmp_path / "password"), "env:KEY_PASSWORD"):
        source = KeySource(pkcs12=str(tmp_path / "bundle"), password=password)
        assert source.open().kid == dsc().certificate.kid
    with pytest.raises(KeyMaterialError):
        KeySource(pkcs12=str(tmp_path / "bundle")).open()
    monkeypatch.delenv("KEY_PASSWORD")
    for password in ("env:KEY_PASSWORD", str(tmp_path / "none")):
        with pytest.raises(BulkError) as caught:
            KeySource(pkcs12=str(tmp_path / "bundle"), password=password).open()
        assert caught.value.code == "bulk.secret"


def test_of_several_keys_each_signs_its_kind(keyring: Path, tmp_path: Path) -> None:
    sources = []
    kids = {}
    for kind in EventKind:
        pair = dsc(kind)
        (tmp_path / f"{kind}.p12").write_bytes(pair.pkcs12("x"))
        (tmp_path / "password").write_bytes(b"x")
        source = KeySource(
            pkcs12=str(tmp_path / f"{kind}.p12"), password=str(tmp_path / "password")
        )
        sources.append(source)
        kids[kind.value] = pair.certificate.kid.hex()
    kernel = register.kernel(keyring, sources=tuple(sources))
    rows = register.rows(40)
    good = kernel(batch_of(rows)).good.to_pylist()
    assert [found["kid"] for found in good] == [kids[row["kind"]] for row in rows]
    assert len(kernel.keys()) == 3


# Verifying, deciding, inviting


def issued(keyring: Path, count: int = 6) -> pa.RecordBatch:
    return register.kernel(keyring)(batch_of(register.rows(count))).good


def test_passes_are_verified_and_those_that_fail_name_their_checks(keyring: Path) -> None:
    batch = issued(keyring)
    texts = batch.column("text").to_pylist()
    texts[1], texts[2], texts[3] = texts[1][:-3] + "AAA", "x", None
    place = batch.schema.get_field_index("text")
    batch = batch.set_column(place, "text", pa.array(texts, pa.string()))
    kernel = VerifyKernel(verifier(keyring), NOW, {"trust": "one"})
    outcome = pickle.loads(pickle.dumps(kernel))(batch)
    assert outcome.good.num_rows == 3
    first = outcome.good.to_pylist()[0]
    assert first["country"] == "DK"
    assert first["profile"] == "eu"
    assert first["revocation"] == "UNKNOWN"
    found = codes(outcome)
    assert set(found) == {1, 2, 3}
    assert any(name == "prefix" for name, _ in found[2])
    assert kernel.settings()["about"] == {"trust": "one"}
    assert kernel.keys() == ()


def test_a_batch_without_a_good_row_has_the_same_columns(keyring: Path) -> None:
    batch = pa.RecordBatch.from_pylist([{"text": "x"}], schema=pa.schema([("text", pa.string())]))
    outcome = VerifyKernel(verifier(keyring), NOW)(batch)
    assert outcome.good.schema.names == VerifyKernel.schema.names
    assert outcome.faults.column("record").to_pylist() == [None]
    rules = DecideKernel(verifier(keyring), eu_travel(), (Question(country="EU"),), NOW)
    assert rules(batch).good.schema.names == DecideKernel.schema.names


def test_rules_are_asked_about_passes_that_verify(keyring: Path) -> None:
    batch = issued(keyring)
    texts = batch.column("text").to_pylist()
    texts[0] = "x"
    place = batch.schema.get_field_index("text")
    batch = batch.set_column(place, "text", pa.array(texts))
    rules, check = eu_travel(), verifier(keyring)
    questions = (Question(country="EU"), Question(country="FI"))
    kernel = DecideKernel(check, rules, questions, NOW)
    outcome = pickle.loads(pickle.dumps(kernel))(batch)
    expected = []
    for record, text in zip(batch.column("record").to_pylist(), texts, strict=True):
        result = check.verify(text, NOW)
        if result.ok:
            for question in questions:
                verdict = rules.decide(result, question, at=NOW)
                expected.append((record, question.country, str(verdict.outcome)))
    assert [
        (row["record"], row["country"], row["outcome"]) for row in outcome.good.to_pylist()
    ] == expected
    assert set(codes(outcome)) == {0}
    assert kernel.settings()["countries"] == ["EU", "FI"]
    assert kernel.keys() == ()


def test_a_register_is_invited_as_the_programme_says() -> None:
    programme = load("denmark")
    day = date(2021, 11, 1)
    draw = Random(3)
    documents = []
    for number in range(30):
        doses = [{"date": f"2021-0{month}-01", "product": "EU/1/20/1528"} for month in (2, 3)][
            : number % 3
        ]
        born = f"19{draw.randrange(30, 60)}-04-01"
        documents.append({"birth_date": born, "groups": [], "vaccinations": doses})
    rows = [
        {"record": str(number), "history": json.dumps(document)}
        for number, document in enumerate(documents)
    ]
    rows.append({"record": "bad", "history": "{}x"})
    kernel = InviteKernel(programme, day)
    batch = pa.RecordBatch.from_pylist(rows, schema=kernel.columns)
    outcome = kernel(batch)
    pairs = [(str(number), History.from_json(each)) for number, each in enumerate(documents)]
    expected = [
        (each.id, str(each.status), each.dose, each.earliest, list(each.products))
        for each in invitations(programme, pairs, day)
    ]
    assert expected
    assert [
        (row["record"], row["status"], row["dose"], row["earliest"], row["products"])
        for row in outcome.good.to_pylist()
    ] == expected
    assert outcome.faults.column("record").to_pylist()[-1] == "bad"
    assert kernel.settings()["programme"] == "denmark"
    assert kernel.keys() == ()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}x",
        '{"birth_date": NaN}',
        '{"sector": "\\ud800"}',
        '{"groups": [], "birth_date": "1970-01-01", "groups": ["staff"]}',
        '{"groups": [], "birth_date": "1970-13-01"}',
        '{"groups": [], "vaccinations": [{"date": 5}, {"date": "2021-01-01", "doses": 2}]}',
        "[" * 5000 + "]" * 5000,
        '{"a":' * 200 + "1" + "}" * 200,
        " " * 4_000_001,
    ],
    ids=lambda text: text[:30].strip() or str(len(text)),
)
def test_a_history_that_cannot_be_read_has_the_faults_of_reading_it(text: str) -> None:
    kernel = InviteKernel(load("denmark"), date(2021, 11, 1))
    batch = pa.RecordBatch.from_pylist([{"record": "x", "history": text}], schema=kernel.columns)
    outcome = kernel(batch)
    with pytest.raises(HistoryError) as raised:
        History.from_json(text)
    assert outcome.good.num_rows == 0
    (row,) = outcome.faults.to_pylist()
    assert row["faults"] == [
        {"field": fault.field, "code": fault.code} for fault in raised.value.faults
    ]


def test_a_moment_is_stated_in_the_settings(keyring: Path) -> None:
    kernel = register.kernel(keyring, expires=datetime(2022, 1, 1, tzinfo=UTC))
    assert kernel.settings()["expires"] == "2022-01-01T00:00:00+00:00"
    assert isinstance(kernel, IssueKernel)
