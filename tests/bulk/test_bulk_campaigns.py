"""Passes issued again, and revocation lists, by the million."""

from __future__ import annotations

import json
import pickle
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

import bulk_register as register
from backend import dsc
from coronapas import keys
from coronapas.bulk import (
    FACTS,
    Condition,
    KeySource,
    Manifest,
    Outcome,
    ProcessEngine,
    ReissueKernel,
    RevokeKernel,
    campaign_uvci,
    plan,
    run,
    unmet_records,
)
from coronapas.cli._app import coronapas
from coronapas.errors import BulkError, SigningError
from coronapas.hcert import decode
from coronapas.reissue import Action
from coronapas.revocation import (
    HashType,
    country_code_uci_hash,
    hashes_of,
    read_gateway,
    uci_hash,
    uvci_spellings,
)
from coronapas.signing import AsyncKeyService, BatchKeyService, Signer
from coronapas.trust import Certificate, TrustStore
from coronapas.verify import Verifier

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

NOW = register.NOW
LATER = NOW + timedelta(days=360)


def vaccinated(count: int) -> list[register.Row]:
    return [row for row in register.rows(4 * count) if row["kind"] == "vaccination"][:count]


def batch_of(rows: Sequence[register.Row]) -> pa.RecordBatch:
    schema = pa.schema([one.with_nullable(True) for one in FACTS])
    return pa.RecordBatch.from_pylist([*rows], schema=schema)


def issued(keyring: Path, count: int = 4) -> pa.RecordBatch:
    return register.kernel(keyring)(batch_of(vaccinated(count))).good


def verifier(keyring: Path) -> Verifier:
    return Verifier(TrustStore.from_certificates([(keyring / "dsc.pem").read_bytes()]))


def again(keyring: Path, action: Action, **changes: Any) -> ReissueKernel:
    terms = {"campaign": "spring", "issued_at": LATER, "expires": timedelta(days=100)}
    issuing = register.kernel(keyring, **(terms | changes))
    return ReissueKernel(issuing, verifier(keyring), action)


def codes(outcome: Outcome) -> dict[int, set[tuple[str, str]]]:
    return {
        row["row"]: {(fault["field"], fault["code"]) for fault in row["faults"]}
        for row in outcome.faults.to_pylist()
    }


# Issuing again


def test_passes_are_extended_and_name_what_they_replace(keyring: Path) -> None:
    batch = issued(keyring)
    kernel = pickle.loads(pickle.dumps(again(keyring, Action.EXTEND)))
    outcome = kernel(batch)
    assert len(outcome.faults) == 0
    for old, new in zip(batch.to_pylist(), outcome.good.to_pylist(), strict=True):
        assert new["record"] == old["record"]
        assert new["uvci"] == campaign_uvci(register.SECRET, "spring", "DK", old["record"])
        assert new["iat"] == LATER.timestamp()
        (replaced,) = new["replaced"]
        assert replaced["uvci"] == old["uvci"]
        assert replaced["uci"] == uci_hash(old["uvci"]).hex()
        assert replaced["until"] > old["exp"]
        facts = verifier(keyring).verify(new["text"], LATER).facts
        before = verifier(keyring).verify(old["text"], NOW).facts
        assert facts is not None
        assert before is not None
        assert (facts.holder, facts.event) == (before.holder, before.event)
    assert outcome.good.schema.equals(ReissueKernel.schema)


def test_a_row_may_have_all_passes_of_a_person(keyring: Path) -> None:
    row = vaccinated(1)[0]
    dose = {"vaccination_dose_number": 1, "vaccination_doses": 1}
    rows = [
        row | dose | {"record": name, "vaccination_product": product, "vaccination_date": day}
        for name, product, day in (
            ("1", "EU/1/20/1525", date(2021, 5, 1)),
            ("2", "EU/1/20/1528", date(2021, 6, 1)),
        )
    ]
    texts = register.kernel(keyring)(batch_of(rows)).good.column("text").to_pylist()
    columns = {"record": ["p"], "texts": [texts]}
    kernel = again(keyring, Action.COMBINE)
    as_list = kernel(pa.RecordBatch.from_pydict(columns))
    as_text = kernel(pa.RecordBatch.from_pydict({"record": ["p"], "texts": ["\n".join(texts)]}))
    assert as_list.good.equals(as_text.good)
    (found,) = as_list.good.to_pylist()
    assert len(found["replaced"]) >= 1


def test_what_cannot_be_issued_again_has_its_faults(keyring: Path) -> None:
    batch = issued(keyring, 2)
    texts = batch.column("text").to_pylist()
    columns = {"record": ["a", "b", None], "text": ["HC1:X", None, texts[0]]}
    found = codes(again(keyring, Action.EXTEND)(pa.RecordBatch.from_pydict(columns)))
    assert set(found) == {0, 1, 2}
    assert found[1] == {("passes", "reissue.number")}
    assert found[2] == {("record", "record.missing")}
    assert all(name.startswith("passes.0") for name, _ in found[0])


def test_the_settings_of_issuing_again_say_what_decides(keyring: Path) -> None:
    kernel = again(keyring, Action.RENEW)
    stated = kernel.settings()
    assert (stated["action"], stated["campaign"], stated["after"]) == ("renew", "spring", 7_776_000)
    assert kernel.keys() == kernel.issuing.keys()


# Services that sign many at once


def signer_of(keyring: Path) -> Signer:
    return Signer.from_pem(
        (keyring / "dsc.key").read_bytes(), (keyring / "dsc.pem").read_bytes(), deterministic=True
    )


CALLS: list[int] = []


def _remote() -> Signer:
    own = dsc().signer(deterministic=True)
    return Signer.remote(dsc().certificate, own.sign_digest)


def sign_in_batches() -> tuple[Signer, BatchKeyService]:
    """A factory with a service that signs several digests in a call."""
    own = dsc().signer(deterministic=True)

    def door(digests: Sequence[bytes]) -> list[bytes | Exception]:
        CALLS.append(len(digests))
        return [own.sign_digest(digest) for digest in digests]

    return _remote(), BatchKeyService(door, max_batch=3)


def sign_at_once() -> tuple[Signer, AsyncKeyService]:
    """A factory with a service that has many calls in flight."""
    own = dsc().signer(deterministic=True)

    async def door(digest: bytes) -> bytes:
        return own.sign_digest(digest)

    return _remote(), AsyncKeyService(door, window=4)


def sign_wrongly() -> tuple[Signer, BatchKeyService]:
    """A factory with a service that signs with another key."""
    return _remote(), BatchKeyService(lambda digests: [bytes(64)] * len(digests))


def plain() -> Signer:
    """A factory with the same key at hand."""
    return dsc().signer(deterministic=True)


@pytest.mark.parametrize("name", ["sign_in_batches", "sign_at_once"])
def test_a_service_gets_the_digests_of_a_whole_batch(keyring: Path, name: str) -> None:
    CALLS.clear()
    rows = register.rows(7)
    rows[2] = register.spoilt(rows[2], "no day")
    found = {}
    for each in ("plain", name):
        source = KeySource(factory=f"{__name__}:{each}")
        kernel = register.kernel(keyring, sources=(source,))
        found[each] = kernel(batch_of(rows))
        batch = found[each].good
        trust = Verifier(TrustStore([dsc().certificate]))
        extended = ReissueKernel(
            register.kernel(
                keyring,
                sources=(source,),
                campaign="b",
                issued_at=LATER,
                expires=timedelta(days=100),
            ),
            trust,
            Action.EXTEND,
        )
        found[f"{each} again"] = extended(batch)
    assert found["plain"].good.equals(found[name].good)
    assert found["plain"].faults.equals(found[name].faults)
    assert found["plain again"].good.equals(found[f"{name} again"].good)
    assert len(found["plain again"].good) > 0
    if name == "sign_in_batches":
        assert CALLS[:2] == [3, 3]


def test_a_wrong_signature_leaves_the_part_undone(keyring: Path, tmp_path: Path) -> None:
    source = KeySource(factory=f"{__name__}:sign_wrongly")
    kernel = register.kernel(keyring, sources=(source,))
    facts = register.write(tmp_path / "facts.parquet", register.rows(3))
    with pytest.raises(SigningError):
        run([facts], tmp_path / "out", kernel, engine=ProcessEngine(1))
    assert Manifest.read(tmp_path / "out").records == {}


def test_a_list_is_signed_with_a_key_and_its_certificate(keyring: Path) -> None:
    with pytest.raises(BulkError, match="key and its certificate"):
        KeySource(factory=f"{__name__}:plain").private_key()


# Revoking


def test_every_type_of_hash_is_that_of_the_pass(keyring: Path) -> None:
    batch = issued(keyring)
    for kind in HashType:
        good, faults = RevokeKernel(kind, "DK")(batch)
        assert len(faults) == 0
        for row, found in zip(batch.to_pylist(), good.to_pylist(), strict=True):
            named = hashes_of(decode(row["text"]))
            expected = {
                HashType.UCI: named.uci,
                HashType.COUNTRYCODEUCI: named.country_code_uci[0],
                HashType.SIGNATURE: named.signature,
            }[kind]
            assert expected is not None
            assert (found["hash"], found["kid"]) == (expected.hex(), row["kid"])
            assert found["type"] == kind
    assert country_code_uci_hash("DK", batch.column("uvci")[0].as_py()).hex()


def test_identifiers_of_a_register_are_hashed_in_every_spelling() -> None:
    uvci = "01:DK:PROEVE1"
    batch = pa.RecordBatch.from_pydict({"uvci": [uvci, "nonsense", None]})
    outcome = RevokeKernel(exact=False)(batch)
    expected = {uci_hash(each).hex() for each in uvci_spellings(uvci)}
    assert set(outcome.good.column("hash").to_pylist()) == expected
    assert codes(outcome) == {
        1: {("uvci", "uvci.unreadable")},
        2: {("uvci", "json.missing")},
    }


def test_hashes_of_signatures_need_passes_that_open() -> None:
    batch = pa.RecordBatch.from_pydict({"text": ["HC1:X", None]})
    found = codes(RevokeKernel(HashType.SIGNATURE)(batch))
    assert found[1] == {("text", "json.missing")}
    assert next(iter(found[0]))[0] == "text"


def test_conditions_and_records_say_which_rows_count(keyring: Path) -> None:
    batch = issued(keyring)
    rows = batch.to_pylist()
    second = rows[1]["record"]
    for kernel, expected in (
        (RevokeKernel(conditions=(Condition.parse(f"record={second}"),)), [second]),
        (RevokeKernel(records=frozenset({second, "none"})), [second]),
        (RevokeKernel(conditions=(Condition.parse(f"uvci != {rows[1]['uvci']}"),)), None),
        (RevokeKernel(conditions=(Condition.parse("iat>=2021-09-01T12:00:00Z"),)), "all"),
        (RevokeKernel(conditions=(Condition.parse("iat<1630497600"),)), []),
        (RevokeKernel(conditions=(Condition.parse("kid=00"),)), []),
    ):
        found = kernel(batch).good.column("record").to_pylist()
        if expected is None:
            expected = [row["record"] for row in rows if row["record"] != second]
        elif expected == "all":
            expected = [row["record"] for row in rows]
        assert found == expected
    lacking = pa.RecordBatch.from_pydict({"uvci": ["x"]})
    assert len(RevokeKernel(conditions=(Condition.parse("kid=00"),))(lacking).good) == 0


@pytest.mark.parametrize("text", ["", "name=x", "iat=soon", "iat>=2021-09-01T12:00:00", "kid"])
def test_another_condition_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"condition|isoformat|zone"):
        Condition.parse(text)


def test_what_new_passes_replace_is_revoked(keyring: Path) -> None:
    batch = issued(keyring, 2)
    again_ = again(keyring, Action.EXTEND)(batch).good
    found = RevokeKernel()(again_).good.to_pylist()
    old = batch.column("uvci").to_pylist()
    assert [row["hash"] for row in found] == [uci_hash(each).hex() for each in old]
    assert {row["kid"] for row in found} == {None}
    signatures = RevokeKernel(HashType.SIGNATURE)(again_).good.column("hash").to_pylist()
    expected = [hashes_of(decode(text)).signature for text in batch.column("text").to_pylist()]
    assert signatures == [each.hex() for each in expected if each is not None]


def test_a_replaced_pass_without_a_hash_of_its_signature_is_a_fault(keyring: Path) -> None:
    again_ = again(keyring, Action.EXTEND)(issued(keyring, 2)).good
    rows = again_.to_pylist()
    rows[1]["replaced"][0]["signature"] = None
    batch = pa.RecordBatch.from_pylist(rows, schema=again_.schema)
    outcome = RevokeKernel(HashType.SIGNATURE)(batch)
    assert codes(outcome) == {1: {("replaced", "list.unsupported")}}
    assert len(outcome.good) == 1


def test_a_time_that_cannot_be_compared_is_a_fault_and_not_left_out() -> None:
    times = ["5", "soon", None, " 7 ", "-1"]
    batch = pa.RecordBatch.from_pydict({"uvci": list("abcde"), "iat": times, "exp": times})
    conditions = tuple(map(Condition.parse, ("iat>=5", "iat<100", "exp>0")))
    outcome = RevokeKernel(conditions=conditions)(batch)
    assert codes(outcome) == {1: {("iat", "json.type"), ("exp", "json.type")}}
    assert outcome.good.column("hash").to_pylist() == [uci_hash(each).hex() for each in "ad"]


# The command line


def call(*arguments: object) -> Result:
    return CliRunner().invoke(coronapas, ["bulk", *map(str, arguments)])


@pytest.fixture
def campaign(tmp_path: Path, keyring: Path) -> Path:
    """The folder of a run that issued twelve passes in three parts."""
    facts = register.write(tmp_path / "facts.parquet", vaccinated(12))
    run([facts], tmp_path / "out", register.kernel(keyring), engine=ProcessEngine(1), rows=5)
    return tmp_path / "out"


@pytest.fixture
def uploader(tmp_path: Path) -> Certificate:
    pair = keys.make_csca("DK", valid_from=register.BEGIN)
    (tmp_path / "upload.key").write_bytes(pair.key_pem())
    (tmp_path / "upload.pem").write_bytes(pair.certificate_pem())
    return pair.certificate


def test_passes_are_issued_again_and_revoked_by_commands(
    campaign: Path, tmp_path: Path, keyring: Path, uploader: Certificate
) -> None:
    done = call(
        *("reissue", "extend", campaign, "--out", tmp_path / "again", "--campaign", "spring"),
        *("--key", keyring / "dsc.key", "--certificate", keyring / "dsc.pem"),
        *("--trust", keyring / "dsc.pem", "--expires", "100d", "--secret-file"),
        *(keyring / "secret", "--issued-at", LATER.isoformat(), "--jobs", 1),
    )
    assert done.exit_code == 0, done.output
    assert done.stdout == "12 records: 12 issued again\n"
    revoke = (
        *("revoke", tmp_path / "again", "--out", tmp_path / "lists", "--country", "DK"),
        *("--expires", "2023-01-01T00:00:00Z", "--key", tmp_path / "upload.key"),
        *("--certificate", tmp_path / "upload.pem", "--jobs", 1),
    )
    done = call(*revoke)
    assert done.exit_code == 0, done.output
    assert call(*revoke, "--json").exit_code == 0
    lists = tmp_path / "lists"
    batches = {path.stem: path.read_bytes() for path in (lists / "batches").iterdir()}
    found = read_gateway([(lists / "batches.json").read_bytes()], batches, [uploader], as_of=NOW)
    assert found.gaps == ()
    hashes = {
        each.hashes[start : start + 16]
        for each in found.batches
        for start in range(0, len(each.hashes), 16)
    }
    old = pq.read_table(campaign / "passes").column("uvci").to_pylist()
    assert hashes == {uci_hash(each) for each in old}
    named = {one.path for record in Manifest.read(lists).records.values() for one in record.files}
    assert {f"batches/{name}.der" for name in batches} <= named


def test_a_query_over_passes_makes_batches_of_each_key(
    campaign: Path, tmp_path: Path, uploader: Certificate
) -> None:
    chosen = [row["record"] for row in register.passes(campaign)][:7]
    (tmp_path / "records").write_text("\n".join(chosen))
    done = call(
        *("revoke", campaign, "--out", tmp_path / "lists", "--country", "DK", "--jobs", 1),
        *("--expires", "2023-01-01T00:00:00Z", "--key", tmp_path / "upload.key"),
        *("--certificate", tmp_path / "upload.pem", "--records", tmp_path / "records"),
        *("--type", "SIGNATURE", "--where", "iat>=2021-01-01T00:00:00Z"),
    )
    assert done.exit_code == 0, done.output
    assert done.stdout == "12 records: 12 looked at, 7 hashes named\n"
    rows = register.read_results((tmp_path / "lists" / "hashes").iterdir())
    assert sorted(row["record"] for row in rows) == sorted(chosen)
    lists = tmp_path / "lists"
    batches = {path.stem: path.read_bytes() for path in (lists / "batches").iterdir()}
    found = read_gateway([(lists / "batches.json").read_bytes()], batches, [uploader], as_of=NOW)
    kid = register.passes(campaign)[0]["kid"]
    assert {each.kid for each in found.batches} == {bytes.fromhex(kid)}
    assert {each.expires for each in found.batches} == {datetime(2023, 1, 1, tzinfo=UTC)}
    assert uploader.country == "DK"


@pytest.mark.usefixtures("uploader")
@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_records_that_are_in_no_table_are_counted_and_end_with_1(
    campaign: Path, tmp_path: Path, form: str
) -> None:
    chosen = [row["record"] for row in register.passes(campaign)][:2]
    (tmp_path / "records").write_text("\n".join([*chosen, "r-typo", "r-other"]))
    revoke = (
        *("revoke", campaign, "--out", tmp_path / "lists", "--country", "DK", "--jobs", 1),
        *("--expires", "2023-01-01T00:00:00Z", "--key", tmp_path / "upload.key"),
        *("--certificate", tmp_path / "upload.pem", "--records", tmp_path / "records"),
        *("--output-form", form),
    )
    done = call(*revoke)
    assert done.exit_code == 1
    assert done.stdout == "12 records: 12 looked at, 2 hashes named\n"
    assert done.stderr.endswith("2 of the records are in no table, or do not satisfy --where.\n")
    assert "r-typo" not in done.output
    assert unmet_records(tmp_path / "lists", {*chosen, "r-typo"}) == {"r-typo"}
    (tmp_path / "lists" / "manifest.jsonl").unlink()
    (tmp_path / "records").write_text("\ufeff" + "\n".join(chosen), encoding="utf-8")
    assert call(*revoke).exit_code == 0
    (tmp_path / "records").write_bytes(b"r\xff")
    wrong = call(*revoke)
    assert wrong.exit_code == 2
    assert "the file is not UTF-8" in wrong.stderr


@pytest.mark.usefixtures("uploader")
def test_a_list_of_identifiers_is_revoked(tmp_path: Path) -> None:
    path = tmp_path / "revoked.txt"
    path.write_text("# a campaign\nURN:UVCI:01:DK:A1\n\nnonsense\nURN:UVCI:01:DK:A2\n")
    done = call(
        *("revoke", path, "--out", tmp_path / "lists", "--country", "DK", "--jobs", 1),
        *("--expires", "2023-01-01T00:00:00Z", "--key", tmp_path / "upload.key"),
        *("--certificate", tmp_path / "upload.pem", "--spellings", "--part-rows", 1),
    )
    assert done.exit_code == 1
    assert done.stdout == "3 records: 2 named, 1 refused\n"
    assert json.loads((tmp_path / "lists" / "batches.json").read_bytes())["batches"]
    wrong = call("revoke", path, "--out", tmp_path / "x", "--where", "name=1")
    assert wrong.exit_code == 2


def test_a_list_of_identifiers_is_no_table_of_facts(tmp_path: Path) -> None:
    path = tmp_path / "revoked.txt"
    path.write_text("URN:UVCI:01:DK:A1\n")
    with pytest.raises(BulkError, match="record is missing"):
        plan([path], FACTS)


def test_many_hashes_of_a_key_are_cut_into_batches_of_a_thousand(
    tmp_path: Path, uploader: Certificate
) -> None:
    path = tmp_path / "revoked.txt"
    path.write_text("".join(f"URN:UVCI:01:DK:{number:06}\n" for number in range(2_100)))
    done = call(
        *("revoke", path, "--out", tmp_path / "lists", "--country", "DK", "--jobs", 1),
        *("--expires", "2023-01-01T00:00:00Z", "--key", tmp_path / "upload.key"),
        *("--certificate", tmp_path / "upload.pem", "--part-rows", 5_000),
    )
    assert done.exit_code == 0, done.output
    lists = tmp_path / "lists"
    batches = {path.stem: path.read_bytes() for path in (lists / "batches").iterdir()}
    found = read_gateway([(lists / "batches.json").read_bytes()], batches, [uploader], as_of=NOW)
    assert sorted(map(len, found.batches)) == [100, 1_000, 1_000]
