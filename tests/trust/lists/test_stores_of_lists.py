"""A store of lists: which list, which date, until when; saved to a file and loaded again."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import os
import stat
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import list_makers as make
from coronapas.errors import TrustListError, TrustStoreError
from coronapas.facts import EventKind
from coronapas.hcert import _envelope as envelope
from coronapas.trust import (
    Certificate,
    Dropped,
    TrustStore,
)
from coronapas.trust import _reading as reading
from coronapas.trust import _store as storing
from coronapas.trust._certificate import VerifyingKey
from coronapas.trust._list import GIVEN, Source, TrustList

HOUR = timedelta(hours=1)
FIRST, SECOND, THIRD = make.certificates()


def listed(name: str, *certificates: Certificate, **more: Any) -> TrustList:
    dropped = more.pop("dropped", ())
    source = Source(more.pop("format", "germany"), name, more.pop("signature", "verified"), **more)
    return TrustList(source, certificates, dropped)


def test_the_store_knows_which_lists_vouch_for_a_certificate() -> None:
    one, other = listed("one", FIRST, SECOND), listed("other", SECOND, issued=make.NOW)
    store = TrustStore.from_lists(one, other)
    assert store.sources_of(FIRST) == (one.source,)
    assert store.sources_of(SECOND) == (one.source, other.source)
    assert store.sources_of(THIRD) == ()
    assert store.sources == (one.source, other.source)
    assert TrustStore([FIRST]).sources_of(FIRST) == (GIVEN,)


def test_trust_lasts_as_long_as_any_list_vouches() -> None:
    early, late = make.NOW, make.NOW + HOUR
    store = TrustStore.from_lists(
        listed("early", FIRST, SECOND, expires=early), listed("late", SECOND, expires=late)
    )
    assert store.limited
    assert store.trusted_until(FIRST) == early
    assert store.trusted_until(SECOND) == late
    assert store.trusted_until(THIRD) is None
    endless = store.merge(TrustStore([FIRST]))
    assert endless.trusted_until(FIRST) is None
    assert endless.trusted_until(SECOND) == late
    assert not TrustStore([FIRST]).limited
    assert store.trusted_until_ts(FIRST) == early.timestamp()
    assert store.trusted_until_ts(THIRD) == math.inf


def test_an_expired_list_is_told_apart_from_an_unknown_key() -> None:
    store = TrustStore.from_lists(listed("a", FIRST, expires=make.NOW))
    until = store.trusted_until(store.by_kid(FIRST.kid)[0])
    assert until is not None
    assert until < make.NOW + timedelta(seconds=1)
    assert store.by_kid(SECOND.kid) == ()


def test_an_age_limit_counts_from_the_earlier_one_of_issue_and_fetch() -> None:
    for issued, fetched in ((make.NOW, None), (make.NOW, make.NOW + HOUR), (None, make.NOW)):
        store = TrustStore.from_lists(
            listed("a", FIRST, issued=issued, fetched=fetched), max_age=HOUR
        )
        assert store.trusted_until(FIRST) == make.NOW + HOUR
    shifted = listed("a", FIRST, issued=make.NOW + HOUR, fetched=make.NOW)
    assert TrustStore.from_lists(shifted, max_age=HOUR).trusted_until(FIRST) == make.NOW + HOUR


def test_the_stricter_of_two_limits_counts() -> None:
    each = listed("a", FIRST, issued=make.NOW, expires=make.NOW + 3 * HOUR)
    assert each.limited(HOUR).limited(5 * HOUR).source.until == make.NOW + HOUR
    assert each.limited(5 * HOUR).source.until == make.NOW + 3 * HOUR
    assert each.limited(5 * HOUR).limited(HOUR).source.max_age == HOUR
    forever = Source("a", issued=make.NOW, max_age=timedelta.max)
    assert forever.until == datetime.max.replace(tzinfo=UTC)


def test_a_list_without_a_date_has_no_age_and_is_not_taken() -> None:
    with pytest.raises(TrustListError) as caught:
        TrustStore.from_lists(listed("a", FIRST), max_age=HOUR)
    assert caught.value.code == "trust.undated"
    undated = Source("a", max_age=HOUR)
    assert undated.until == datetime.min.replace(tzinfo=UTC)


def test_a_list_that_was_not_verified_is_taken_on_request_alone() -> None:
    each = listed("a", FIRST, signature="not verified")
    with pytest.raises(TrustListError) as caught:
        TrustStore.from_lists(each)
    assert caught.value.code == "trust.unverified"
    assert (
        TrustStore.from_lists(each, allow_unverified=True).sources_of(FIRST)[0].signature
        == "not verified"
    )
    assert len(TrustStore.from_lists(listed("a", FIRST, signature="none"))) == 1


def test_what_lists_dropped_is_on_the_store_and_found_by_kid() -> None:
    drop = Dropped(b"12345678", "no certificate", "a, entry 2")
    store = TrustStore.from_lists(listed("a", FIRST, dropped=(drop,)))
    assert store.dropped == (drop,)
    assert store.dropped_with(b"12345678") == (drop,)
    assert store.dropped_with(b"87654321") == ()


def test_a_fresh_list_takes_the_place_of_its_former_one() -> None:
    drops = (Dropped(None, "old", "a, entry 1"), Dropped(None, "kept", "b, entry 1"))
    store = TrustStore.from_lists(
        listed("a", FIRST, SECOND, issued=make.NOW, dropped=drops[:1]),
        listed("b", SECOND, dropped=drops[1:]),
    ).merge(TrustStore([THIRD]))
    fresh = store.update(listed("a", issued=make.NOW + HOUR))
    assert set(fresh.certificates) == {SECOND, THIRD}
    assert [source.name for source in fresh.sources_of(SECOND)] == ["b"]
    assert fresh.sources_of(THIRD) == (GIVEN,)
    assert fresh.dropped == drops[1:]
    same = store.update(listed("a", FIRST, issued=make.NOW))
    assert same.sources_of(FIRST)[0].issued == make.NOW


@pytest.mark.parametrize("issued", [None, make.NOW - timedelta(seconds=1)])
def test_an_older_list_does_not_come_back(issued: datetime | None) -> None:
    store = TrustStore.from_lists(listed("a", FIRST, issued=make.NOW))
    with pytest.raises(TrustListError) as caught:
        store.update(listed("a", SECOND, issued=issued))
    assert caught.value.code == "trust.rolled-back"
    other = store.update(listed("b", SECOND, issued=issued))
    assert set(other.certificates) == {FIRST, SECOND}


def test_what_may_be_used_at_a_time_is_a_store_of_its_own() -> None:
    last = FIRST.not_after
    assert last is not None
    store = TrustStore.from_lists(listed("a", FIRST, expires=last + HOUR))
    assert store.valid_at(last).certificates == (FIRST,)
    assert store.valid_at(last).sources_of(FIRST) == store.sources_of(FIRST)
    late = store.valid_at(last + timedelta(seconds=1))
    assert [(drop.kid, drop.source) for drop in late.dropped] == [(FIRST.kid, "a")]
    assert "not valid" in late.dropped[0].reason
    assert "too old" in store.valid_at(last + 2 * HOUR).dropped[0].reason
    with pytest.raises(ValueError, match="zone"):
        store.valid_at(datetime(2021, 1, 1))


def test_a_certificate_whose_validity_cannot_be_read_may_not_be_used() -> None:
    import der_writer

    broken = Certificate(der_writer.certificate(validity=der_writer.tlv(0x30, b"\x17\x00" * 2)))
    assert TrustStore([broken]).valid_at(make.NOW).certificates == ()


def test_stores_with_other_sources_are_different_and_a_difference_keeps_them() -> None:
    one, other = (
        TrustStore.from_lists(listed("one", FIRST, SECOND)),
        TrustStore.from_lists(listed("other", FIRST, SECOND)),
    )
    assert one != other
    assert one == TrustStore.from_lists(listed("one", SECOND, FIRST))
    assert one.difference(TrustStore([SECOND])).sources_of(FIRST) == one.sources_of(FIRST)


def test_dates_without_a_zone_and_negative_ages_are_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        Source("a", issued=datetime(2021, 1, 1))
    with pytest.raises(ValueError, match="age"):
        Source("a", max_age=-HOUR)


# Saving and loading.

BARE = Certificate.from_public_key(
    THIRD.spki, kid=b"12345678", country="NO", usages=[EventKind.TEST]
)
STORE = TrustStore.from_lists(
    listed("one", FIRST, Certificate.load(FIRST, kid=b"abcdefgh"), BARE, issued=make.NOW),
    listed("two", FIRST, expires=make.EXPIRES, fetched=make.NOW, signature="none"),
    max_age=2 * HOUR,
).merge(
    TrustStore(
        [SECOND, Certificate.load(SECOND, usages=[EventKind.RECOVERY, EventKind.TEST])],
        [Dropped(b"12345678", "a reason", "a place"), Dropped(None, "another")],
    )
)


def test_a_store_is_the_same_after_saving_and_loading(tmp_path: Path) -> None:
    path = tmp_path / "store"
    STORE.save(path)
    loaded = TrustStore.load(path)
    assert loaded == STORE
    assert loaded.certificates == STORE.certificates
    assert loaded.dropped == STORE.dropped
    assert loaded.sources == STORE.sources
    assert [loaded.trusted_until(each) for each in loaded] == [
        STORE.trusted_until(each) for each in STORE
    ]
    assert storing.dump(loaded) == path.read_bytes()
    assert list(tmp_path.iterdir()) == [path]


def test_an_empty_store_is_saved_and_loaded() -> None:
    assert storing.parse(storing.dump(TrustStore())) == TrustStore()


def test_saving_keeps_permissions_and_follows_links(tmp_path: Path) -> None:
    path, alias = tmp_path / "store", tmp_path / "alias"
    STORE.save(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    path.chmod(0o600)
    alias.symlink_to(path)
    TrustStore([SECOND]).save(alias)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert alias.is_symlink()
    assert len(TrustStore.load(path)) == 1


def test_a_save_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "store"
    STORE.save(path)

    def fail(_handle: int) -> None:
        raise OSError("no space")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="no space"):
        TrustStore().save(path)
    assert TrustStore.load(path) == STORE
    assert list(tmp_path.iterdir()) == [path]


def resummed(content: object) -> bytes:
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    digest = hashlib.sha256(data).hexdigest().encode()
    return b"coronapas trust store 1\n" + digest + b"\n" + data


def code_of(data: bytes) -> str:
    with pytest.raises(TrustStoreError) as caught:
        storing.parse(data)
    return caught.value.code


def test_every_fault_of_a_file_has_its_code(monkeypatch: pytest.MonkeyPatch) -> None:
    data = storing.dump(STORE)
    assert code_of(b"") == "store.malformed"
    assert code_of(data.replace(b"store 1", b"store 2", 1)) == "store.version"
    assert code_of(data[:-1]) == "store.checksum"
    assert code_of(data + b" ") == "store.checksum"
    assert code_of(data[:60]) == "store.checksum"
    assert code_of(resummed(b"{")) == "store.malformed"
    assert code_of(resummed(b"[" + b"{}," * 600_000 + b"{}]")) == "store.too-large"
    monkeypatch.setattr(storing, "MAX_BYTES", len(data) - 1)
    assert code_of(data) == "store.too-large"
    with pytest.raises(TrustStoreError):
        storing.dump(STORE)


def content() -> dict[str, Any]:
    whole: dict[str, Any] = json.loads(storing.dump(STORE).split(b"\n", 2)[2])
    return whole


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("sources", None),
        ("sources.0", 5),
        ("sources.0.format", 5),
        ("sources.0.name", None),
        ("sources.0.signature", "surely"),
        ("sources.0.signature", []),
        ("sources.0.issued", "yesterday"),
        ("sources.0.issued", "2021-01-01T00:00:00"),
        ("sources.0.issued", 5),
        ("sources.0.max_age", "long"),
        ("sources.0.max_age", -1),
        ("sources.0.max_age", 1e300),
        ("certificates", 5),
        ("certificates.0", []),
        ("certificates.0.0", "else"),
        ("certificates.0.1", "MAA="),
        ("certificates.0.1", "!"),
        ("certificates.0.1", None),
        ("certificates.0.2", 5),
        ("certificates.2.2", None),
        ("certificates.0.3", 5),
        ("certificates.0.4", ["sleeping"]),
        ("certificates.0.4", 5),
        ("certificates.0.5", [99]),
        ("certificates.0.5", [-1]),
        ("certificates.0.5", [True]),
        ("certificates.0.5", []),
        ("certificates.0.5", 5),
        ("dropped.0", 5),
        ("dropped.0.0", 5),
        ("dropped.0.1", 5),
        ("dropped.0.2", None),
    ],
)
def test_a_file_with_a_part_of_another_form_is_refused(path: str, value: object) -> None:
    whole = content()
    place: Any = whole
    *way, last = path.split(".")
    for step in way:
        place = place[int(step) if step.isdigit() else step]
    place[int(last) if last.isdigit() else last] = value
    assert code_of(resummed(whole)) == "store.malformed"


@given(st.data())
def test_no_change_of_a_byte_of_a_file_goes_unnoticed(data: st.DataObject) -> None:
    changed = bytearray(storing.dump(STORE))
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= data.draw(st.integers(1, 255))
    code_of(bytes(changed))


# Files and folders.


def test_a_list_is_read_from_a_file_by_its_name(tmp_path: Path) -> None:
    files = make.make_austria(make.certificates())
    path, signature = tmp_path / "trustlist.bin", tmp_path / "trustlist.sig"
    path.write_bytes(files.data)
    signature.write_bytes(files.beside[0])
    found = reading.read_path(path, pins=make.list_signer().certificate, beside=[signature])
    assert (found.format, found.signature, found.source.name) == (
        "austria",
        "verified",
        "trustlist.bin",
    )
    assert reading.read_path(path, pins=(), name="mine").source.name == "mine"


def test_a_folder_is_certificates_or_the_commissions_layout(tmp_path: Path) -> None:
    plain, layout = tmp_path / "plain", tmp_path / "layout"
    plain.mkdir()
    (plain / "one.pem").write_bytes(FIRST.pem())
    (plain / "sub").mkdir()
    (plain / "sub" / "two.DER").write_bytes(SECOND.der or b"")
    (plain / "notes.txt").write_text("not read")
    found = reading.read_path(plain, pins=())
    assert found.format == "plain"
    assert set(found.certificates) == {FIRST, SECOND}
    for name, data in make.ec_files([FIRST]).items():
        (layout / name).parent.mkdir(parents=True, exist_ok=True)
        (layout / name).write_bytes(data)
    archived = reading.read_path(layout, pins=make.anchor().certificate)
    assert (archived.format, archived.signature) == ("ec-zip", "verified")
    assert archived.certificates == (FIRST,)


def test_an_archive_of_another_layout_is_a_folder_of_certificates(tmp_path: Path) -> None:
    path = tmp_path / "certificates.zip"
    path.write_bytes(make.zipped({"mine/one.pem": FIRST.pem()}))
    found = reading.read_path(path, pins=())
    assert (found.format, found.certificates) == ("plain", (FIRST,))


def test_files_and_folders_beyond_their_bounds_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        (tmp_path / f"{number}.pem").write_bytes(FIRST.pem())
    monkeypatch.setattr(reading, "MAX_FILES", 2)
    with pytest.raises(TrustListError) as caught:
        reading.read_path(tmp_path, pins=())
    assert caught.value.code == "trust.too-large"
    big = tmp_path / "big"
    with big.open("wb") as file:
        file.truncate(17 * 1024 * 1024)
    with pytest.raises(TrustListError) as caught:
        reading.read_path(big, pins=())
    assert caught.value.code == "trust.too-large"


# The public vectors.


def denmark(official: Path) -> list[dict[str, Any]]:
    paths = sorted((official / "dgc-testdata/DK/2DCode/raw").glob("*.json"))
    return [json.loads(path.read_text("utf-8-sig")) for path in paths]


def reloaded(official: Path, folder: Path) -> TrustStore:
    """Everything that the Danish vectors trust, once through a list and a file."""
    certificates = [
        base64.b64decode(vector["TESTCTX"]["CERTIFICATE"])
        for vector in denmark(official)
        if vector["TESTCTX"].get("CERTIFICATE")
    ]
    files = {f"{number}.der": der for number, der in enumerate(certificates)}
    from coronapas.trust._lists import plain

    found = plain.read(files, name="vectors")
    assert found.dropped == ()
    path = folder / "store"
    TrustStore.from_lists(found).save(path)
    return TrustStore.load(path)


def held(store: TrustStore, message: Any) -> bool:
    return any(VerifyingKey(each).fault(message) is None for each in store.by_kid(message.kid))


def test_the_danish_vectors_verify_through_a_store_saved_and_loaded(
    official: Path, tmp_path: Path
) -> None:
    store = reloaded(official, tmp_path)
    judged = 0
    for vector in denmark(official):
        expected = vector["EXPECTEDRESULTS"].get("EXPECTEDVERIFY")
        if expected is None or not vector["TESTCTX"].get("CERTIFICATE"):
            continue
        judged += 1
        assert held(store, envelope.decode(vector["PREFIX"]).message) is expected
    assert judged > 5


def test_danish_domestic_tokens_verify_through_a_store_saved_and_loaded(
    official: Path, tmp_path: Path
) -> None:
    store = reloaded(official, tmp_path)
    tokens = json.loads((official / "denmark/tokens.json").read_text("utf-8"))
    prefixes = ("HC1:", "DK1:", "DK2:", "DK3:")
    verified = [
        token["token"][:4]
        for token in tokens
        if held(store, envelope.decode(token["token"], prefixes=prefixes).message)
    ]
    assert "DK3:" in verified
    (third, *_) = (token for token in tokens if token["token"].startswith("DK3:"))
    message = envelope.decode(third["token"], prefixes=prefixes).message
    assert held(store, message)
    assert not held(store, message._replace(payload=message.payload[:-1] + b"\0"))


def test_every_certificate_of_the_public_vectors_is_read_kept_and_saved(official: Path) -> None:
    from coronapas.trust._lists import plain

    files = {}
    for path in sorted(official.glob("dgc-testdata/*/2DCode/raw/*.json")):
        try:
            vector = json.loads(path.read_text("utf-8-sig"))
            files[path.as_posix()] = base64.b64decode(vector["TESTCTX"]["CERTIFICATE"])
        except (KeyError, TypeError, ValueError):
            continue
    found = plain.read(files)
    assert found.dropped == ()
    assert len(found.certificates) + len(found.authorities) == len(set(files.values()))
    assert len(found.certificates) > 20
    store = TrustStore.from_lists(
        replace(found, source=replace(found.source, fetched=make.NOW)), max_age=HOUR
    )
    assert storing.parse(storing.dump(store)) == store
