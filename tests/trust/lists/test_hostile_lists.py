"""Lists made to hurt: they cost bounded time and memory, and end in the errors that are stated."""

from __future__ import annotations

import io
import json
import time
import tracemalloc
import zipfile
from datetime import UTC, datetime, timedelta, timezone

import pytest

import list_makers as make
from coronapas import _asn1 as asn1
from coronapas.errors import KeyMaterialError, TrustListError
from coronapas.trust import Dropped, TrustStore
from coronapas.trust import _chain as chain
from coronapas.trust import _documents as documents
from coronapas.trust import _pins as pins
from coronapas.trust import _reading as reading
from coronapas.trust._certificate import Certificate
from coronapas.trust._list import Source
from coronapas.trust._lists import ec_zip, plain, switzerland
from coronapas.verify._checks import ALL_PASSED
from coronapas.verify._result import Verification

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
        patch.setattr(chain, "fault_between", count)
        assert chain.Authorities(strangers).link(DSC).fault == "chain.signature"
    assert len(tried) <= 2 * chain.MAX_NAMESAKES


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
    assert pins.key_or_certificate(DSC.spki).spki == DSC.spki


def test_the_date_of_a_list_is_told_in_utc_whatever_its_zone() -> None:
    east = datetime(2021, 9, 1, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    store = TrustStore([DSC], sources={DSC: (Source("germany", "DE", fetched=east),)})
    result = Verification(ALL_PASSED, 0.0, certificate=DSC, trust=store)
    assert "the list DE of 2021-08-31 23:30 UTC" in result.check("signature").sentence
