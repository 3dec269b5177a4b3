"""Lists made to hurt: they cost bounded time and memory, and end in the errors that are stated."""

from __future__ import annotations

import io
import json
import time
import tracemalloc
import zipfile
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

import der_writer
import list_makers as make
from coronapas import _asn1 as asn1
from coronapas.errors import KeyMaterialError, TrustListError, TrustStoreError
from coronapas.trust import Dropped, TrustStore, pinned
from coronapas.trust import _anchors as anchors
from coronapas.trust import _cms as cms
from coronapas.trust import _documents as documents
from coronapas.trust import _list as listing
from coronapas.trust import _reading as reading
from coronapas.trust import _store as storing
from coronapas.trust._certificate import Certificate, key_work, signature_work
from coronapas.trust._list import Source
from coronapas.trust._lists import ec_zip, plain, switzerland
from coronapas.verify._result import ALL_PASSED, Verification

DSC = make.dsc(0).certificate


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_an_archive_packed_in_a_way_that_cannot_be_bounded_is_refused(method: int) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        archive.writestr("DSC/DCC/DK/a.pem", bytes(20_000_000))
    tracemalloc.start()
    try:
        with pytest.raises(TrustListError) as caught:
            ec_zip.unpack(packed.getvalue())
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()
    assert caught.value.code == "trust.malformed"


def test_a_message_of_countless_elements_is_refused_early() -> None:
    with pytest.raises(KeyMaterialError, match="side by side"):
        asn1.children(b"\x04\x00" * 1_000_000, 0, 2_000_000, ber=True)


@pytest.mark.parametrize("code", [0xD800, 0xDABC, 0xDFFF])
def test_json_with_half_a_character_is_refused(code: int) -> None:
    half = chr(code)
    for content in (half, {half: 1}, [{"a": [half]}]):
        with pytest.raises(TrustListError) as caught:
            documents.load(json.dumps(content).encode(), "gdhcn")
        assert caught.value.code == "trust.malformed"
    whole = {"a": "\U0001f489 \\ud800"}
    assert documents.load(json.dumps(whole).encode(), "gdhcn") == whole


def test_a_swiss_list_may_end_beyond_the_calendar() -> None:
    pages = make.signed_json({"certs": []})
    active = make.signed_json({"activeKeyIds": [], "iat": 253402300799, "validDuration": 10**12})
    found = switzerland.read(pages, active, pins=())
    assert found.source.expires == datetime.max.replace(tzinfo=UTC)


@pytest.mark.parametrize("created", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_list_dated_beyond_the_calendar_in_utc_is_refused(created: str) -> None:
    document = json.loads(make.make_gdhcn([DSC]).data)
    document["proof"]["created"] = created
    with pytest.raises(TrustListError) as caught:
        reading.read(make.dumped(document), pins=())
    assert caught.value.code == "trust.malformed"


def test_a_thousand_authorities_of_one_name_are_not_all_tried() -> None:
    csca = make.csca().certificate
    assert csca.der is not None
    strangers = [
        Certificate(csca.der, kid=number.to_bytes(8, "big"), country="XX") for number in range(2000)
    ]
    tried: list[Certificate] = []

    def count(certificate: Certificate, issuer: Certificate) -> str:
        tried.append(issuer)
        return "chain.signature"

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(anchors, "fault_between", count)
        assert anchors.Authorities(strangers).link(DSC).fault == "chain.signature"
    assert len(tried) <= 2 * anchors.MAX_NAMESAKES


def test_a_kid_is_looked_up_among_many_dropped_entries_at_once() -> None:
    store = TrustStore((), (Dropped(n.to_bytes(8, "big"), "old", f"a, {n}") for n in range(50_000)))
    assert store.dropped_with(b"") == ()
    begin = time.perf_counter()
    for number in range(1000):
        assert len(store.dropped_with(number.to_bytes(8, "big"))) == 1
    assert time.perf_counter() - begin < 1


@pytest.mark.parametrize("note", [b"0 s:C=DK\n", b"0\n", b"00", b"note\n", b""])
def test_a_note_before_a_pem_block_may_begin_with_the_figure_that_der_begins_with(
    note: bytes,
) -> None:
    data = note + DSC.pem()
    assert reading.format_of(data) == plain.NAME
    assert reading.read(data, pins=()).certificates == (DSC,)
    assert TrustStore.from_certificates([data]).certificates == (DSC,)


def test_a_key_whose_length_is_a_character_is_der() -> None:
    assert DSC.spki[:2] == b"0Y"
    assert anchors.key_or_certificate(DSC.spki).spki == DSC.spki


def test_the_date_of_a_list_is_told_in_utc_whatever_its_zone() -> None:
    east = datetime(2021, 9, 1, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    store = TrustStore([DSC], sources={DSC: (Source("germany", "DE", fetched=east),)})
    result = Verification(ALL_PASSED, 0.0, certificate=DSC, trust=store)
    assert "the list DE of 2021-08-31 23:30 UTC" in result.check("signature").sentence


# What a list may cost: entries, items of CBOR, keys and signatures.


def refused(data: bytes) -> str:
    with pytest.raises(TrustListError) as caught:
        reading.read(data, pins=())
    return caught.value.code


def entries(count: int) -> dict[str, bytes]:
    """Lists of `count` entries, none of which can be kept."""
    method = f"{make.DID}#key"
    document = {
        "@context": ["https://www.w3.org/ns/did/v1"],
        "id": make.DID,
        "controller": make.DID,
        "verificationMethod": [method] * count,
    }
    return {
        "jwks": make.dumped({"keys": [{}] * count}),
        "gateway": make.dumped([{"rawData": "", "certificateType": "DSC"}] * count),
        "gateway of unknown types": make.dumped([{"rawData": ""}] * count),
        "gdhcn": make.dumped(document),
        "plain": b"-----BEGIN CERTIFICATE-----" * count,
        "sweden": make.signed_json({"dsc_trust_list": {"DK": {"keys": [{}] * count}}}),
    }


@pytest.mark.parametrize("name", entries(0))
def test_the_entries_of_a_list_are_counted(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "MAX_ENTRIES", 4)
    monkeypatch.setattr(plain, "MAX_ENTRIES", 4)
    found = reading.read(entries(4)[name], pins=())
    assert (len(found.certificates), len(found.dropped)) == (0, 4)
    assert refused(entries(5)[name]) == "trust.too-large"


def test_a_list_of_countless_entries_costs_no_more_than_the_bound() -> None:
    data = b"-----BEGIN CERTIFICATE-----" * 200_000
    tracemalloc.start()
    try:
        assert refused(data) == "trust.too-large"
        assert tracemalloc.get_traced_memory()[1] < 5 * len(data)
    finally:
        tracemalloc.stop()


def test_entries_of_a_gateway_in_a_signed_list_are_no_list_of_a_gateway() -> None:
    entry = [{"rawData": "AAAA", "certificateType": "DSC"}]
    assert reading.read(make.dumped(entry), pins=()).source.format == "gateway"
    assert refused(make.signed_json(entry)) == "trust.unknown-format"


def test_a_small_archive_may_not_unpack_to_a_large_one() -> None:
    def packed(files: int) -> bytes:
        piece = bytes(ec_zip.MAX_FILE_BYTES)
        return make.zipped({f"DSC/DCC/DK/{number}.pem": piece for number in range(files)})

    most = ec_zip.FREE // ec_zip.MAX_FILE_BYTES
    data = packed(most)
    assert len(data) < ec_zip.FREE / 100
    assert sum(map(len, ec_zip.unpack(data).values())) == ec_zip.FREE
    for more in (most + 8, 400):
        data = packed(more)
        tracemalloc.start()
        try:
            assert refused(data) == "trust.too-large"
            assert tracemalloc.get_traced_memory()[1] < 2 * ec_zip.limit(len(data))
        finally:
            tracemalloc.stop()


@pytest.mark.parametrize("size", [0, 1_000, 1_000_000, 10_000_000])
def test_an_archive_may_unpack_to_twenty_times_its_size_and_no_more_than_64_mib(size: int) -> None:
    expected = min(4 * 1024**2 + 20 * size, 64 * 1024**2)
    assert ec_zip.limit(size) == expected


def test_a_packed_list_costs_five_times_what_it_may_unpack_to() -> None:
    pem = DSC.pem()
    data = make.zipped({f"DSC/DCC/DK/{number}.pem": pem * 20 for number in range(500)})
    tracemalloc.start()
    try:
        reading.read(data, pins=())
        assert tracemalloc.get_traced_memory()[1] < 5 * ec_zip.limit(len(data))
    finally:
        tracemalloc.stop()


def repeated(item: bytes, count: int) -> bytes:
    """A map whose one value is an array of so many alike items."""
    return b"\xa1\x61c\x9a" + count.to_bytes(4, "big") + item * count


@pytest.mark.parametrize("item", [b"\xa0", b"\x80", b"\x00", b"\xf6", b"\x40"])
def test_the_items_of_cbor_are_counted(item: bytes) -> None:
    most = documents.MAX_CBOR_ITEMS - 3  # the map, its key and the array are items, too
    assert len(documents.load_cbor(repeated(item, most), "austria")["c"]) == most
    with pytest.raises(TrustListError, match="items"):
        documents.load_cbor(repeated(item, most + 1), "austria")


def test_the_items_of_cbor_are_counted_before_it_is_read() -> None:
    data = repeated(b"\xa0", 1_000_000)
    tracemalloc.start()
    try:
        assert refused(data) == "trust.too-large"
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()


AUTHORITY = der_writer.extension("2.5.29.19", der_writer.tlv(0x30, b"\x01\x01\xff"))
CERTIFIES = der_writer.extension("2.5.29.15", der_writer.tlv(0x03, b"\x02\x04"))


def namesakes(count: int) -> bytes:
    """A bundle of as many CSCAs of one name as DSCs that name it as their issuer."""
    extensions = der_writer.tlv(0x30, AUTHORITY, CERTIFIES)
    found = []
    for number in range(1, count + 1):
        serial = number.to_bytes(4, "big")
        found.append(der_writer.certificate(extensions, serial=serial))
        found.append(der_writer.certificate(serial=serial))
    return b"".join(Certificate(each).pem() for each in found)


def verifications(data: bytes, monkeypatch: pytest.MonkeyPatch) -> int:
    """Return how many signatures are judged until the list is read or refused."""
    tried: list[Certificate] = []

    def judge(certificate: Certificate, _issuer: Certificate) -> str:
        tried.append(certificate)
        return "chain.signature"

    with monkeypatch.context() as patch:
        patch.setattr(anchors, "signature_fault", judge)
        try:
            found = reading.read(data, pins=())
            assert len(found.certificates) > 0
        except TrustListError as error:
            assert error.code == "trust.too-large"
    return len(tried)


def test_namesakes_are_tried_by_the_count_of_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = {size: verifications(namesakes(size), monkeypatch) for size in (32, 64, 128)}
    assert counts == {size: size * anchors.MAX_NAMESAKES for size in (32, 64, 128)}


def test_the_work_of_a_list_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "MAX_WORK", 10_000)
    counts = [verifications(namesakes(size), monkeypatch) for size in (16, 64, 128)]
    assert counts[0] == 16 * 16
    assert counts[2] <= counts[1]  # the keys cost a little, too
    assert counts[1] * signature_work(DSC.spki) <= 10_000


def test_the_work_allowed_is_that_of_20_000_signatures_of_p_256() -> None:
    assert 20_000 * signature_work(DSC.spki) == listing.MAX_WORK


def test_the_work_of_signatures_around_entries_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    judged: list[None] = []
    verify = cms._verify
    monkeypatch.setattr(cms, "_verify", lambda *found: judged.append(verify(*found)))
    data = make.make_gateway([make.dsc(number).certificate for number in range(3)]).data
    assert len(reading.read(data, pins=()).certificates) == 3
    whole = len(judged)
    monkeypatch.setattr(listing, "MAX_WORK", 30)
    assert refused(data) == "trust.too-large"
    assert len(judged) - whole < whole


def test_keys_cost_by_their_form() -> None:
    curve = der_writer.oid("1.3.132.0.35")
    algorithm = der_writer.tlv(0x30, der_writer.oid("1.2.840.10045.2.1"), curve)
    compressed = der_writer.tlv(0x30, algorithm, der_writer.tlv(0x03, b"\0\x02" + bytes(66)))
    rsa = make.dsc(0, key="RSA-2048").certificate.spki
    assert (key_work(DSC.spki), key_work(rsa)) == (1, 1)
    assert (signature_work(DSC.spki), signature_work(rsa)) == (10, 4)
    assert key_work(compressed) == 60
    assert signature_work(compressed) == 170
    longest = der_writer.tlv(0x30, rsa[4:24], bytes(2000))
    assert signature_work(longest) == 600


def test_a_list_of_dear_keys_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    curve = der_writer.oid("1.3.132.0.35")
    algorithm = der_writer.tlv(0x30, der_writer.oid("1.2.840.10045.2.1"), curve)

    def dear(count: int) -> bytes:
        found: dict[str, object] = {}
        for number in range(count):
            point = b"\0\x02" + bytes(62) + number.to_bytes(4, "big")
            spki = der_writer.tlv(0x30, algorithm, der_writer.tlv(0x03, point))
            kid = make.text(number.to_bytes(8, "big"))
            found[kid] = [{"subjectPk": make.text(spki), "keyUsage": [], "san": None, "ian": "DK"}]
        return make.dutch({"cl_keys": [], "eu_keys": found})

    monkeypatch.setattr(listing, "MAX_WORK", 600)
    read = reading.read(dear(10), pins=())
    assert len(read.certificates) + len(read.dropped) == 10
    assert refused(dear(11)) == "trust.too-large"


def test_the_chains_of_a_network_s_list_are_counted_when_it_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = make.make_gdhcn([make.dsc(number).certificate for number in range(4)]).data
    pins = pinned(make.list_signer().certificate)
    monkeypatch.setattr(listing, "MAX_WORK", 50)
    assert len(reading.read(data, pins=pins).certificates) == 4
    monkeypatch.setattr(listing, "MAX_WORK", 43)
    with pytest.raises(TrustListError, match="work"):
        reading.read(data, pins=pins)


def test_a_bundle_for_a_store_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storing, "MAX_ENTRIES", 3)
    for count, kept in ((3, 3), (4, 0)):
        bundle = b"".join(make.dsc(number).certificate.pem() for number in range(count))
        store = TrustStore.from_certificates([bundle], on_error="drop")
        assert (len(store), len(store.dropped)) == (kept, 0 if kept else 1)
        (tmp_path / "bundle.pem").write_bytes(bundle)
        if kept:
            assert len(reading.certificates_in(tmp_path / "bundle.pem")) == kept
        else:
            with pytest.raises(KeyMaterialError, match="at most 3"):
                reading.certificates_in(tmp_path / "bundle.pem")


def test_a_store_that_could_not_be_loaded_is_not_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    store = TrustStore((), (Dropped(n.to_bytes(8, "big"), "old, and so on", "a") for n in range(9)))
    saved = store.to_bytes()
    content = saved.split(b"\n", 2)[2]
    most = documents.parts(content)
    for limit, fits in ((most, True), (most - 1, False)):
        monkeypatch.setattr(documents, "MAX_PARTS", limit)
        if fits:
            assert store.to_bytes() == saved
            assert storing.parse(saved) == store
            continue
        for call in (store.to_bytes, lambda: storing.parse(saved)):
            with pytest.raises(TrustStoreError) as caught:
                call()
            assert caught.value.code == "store.too-large"
