"""Revocation lists made to hurt: they cost bounded time and memory, and end in stated errors."""

from __future__ import annotations

import base64
import contextlib
import gzip
import hashlib
import io
import json
import tarfile
import time
from datetime import timedelta, timezone
from typing import Any

import cbor2
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from coronapas.errors import RevocationListError
from coronapas.hcert import _cose as cose
from coronapas.revocation import (
    Gap,
    HashType,
    RevocationList,
    RevocationStore,
)
from coronapas.revocation._filters import BloomFilter
from coronapas.revocation._hashes import RevocationAnswer, RevocationOutcome
from coronapas.revocation._lists import distribution, gateway, germany
from coronapas.revocation._lists import distribution as archive
from coronapas.revocation._lists.distribution import SliceType
from revoking import DAY, KID, NOW, OTHER_KID, ask, digest, pair


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE])
def test_an_archive_of_heads_before_heads_is_refused(kind: bytes) -> None:
    head = tarfile.TarInfo("a")
    head.type, head.size = kind, 9
    step = head.tobuf(format=tarfile.GNU_FORMAT) + b"9 path=a\n".ljust(512, b"\0")
    with pytest.raises(RevocationListError) as caught:
        list(archive.read_archive(gzip.compress(step * 3000 + bytes(1024))))
    assert caught.value.code == "list.malformed"


def test_a_list_whose_parts_are_all_absent_is_held_quickly() -> None:
    stamp = "2021-01-01T00:00:00Z"
    lines = [
        {"batchId": str(number), "country": "DK", "date": stamp, "deleted": False}
        for number in range(20_000)
    ]
    page = json.dumps({"more": False, "batches": lines}).encode()
    given = gateway.read([page], {}, [], as_of=NOW)
    begin = time.perf_counter()
    store = RevocationStore([given]).apply(given)
    assert time.perf_counter() - begin < 5
    assert len(store.sources[0].gaps) == len(lines)
    assert ask(store, digest(1)).code == "revocation.list-incomplete"


def test_gaps_of_other_kids_are_not_gone_through_for_every_pass() -> None:
    gaps = tuple(Gap("absent", number.to_bytes(8, "big")) for number in range(50_000))
    store = RevocationStore([RevocationList("a", NOW, gaps=(*gaps, Gap("absent", KID)))])
    assert ask(store, digest(1)).code == "revocation.list-incomplete"
    begin = time.perf_counter()
    for number in range(500):
        assert ask(store, digest(number), kid=OTHER_KID).code == "revocation.ok"
    assert time.perf_counter() - begin < 2


def test_a_slice_that_is_named_many_times_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    content = BloomFilter.make([digest(1)], rate=0.01).write()
    name, kid = hashlib.sha256(content).hexdigest(), base64.b64encode(KID).decode()
    stated = {"type": SliceType.BLOOMFILTER.value, "version": "1.0", "hash": name}
    ends = [(NOW + n * DAY).isoformat() for n in range(1, 500)]
    lists = [{"kid": kid, "mode": "POINT", "hashTypes": ["UCI"], "expires": ends[-1]}]
    chunks = {digest(1).hex()[0]: dict.fromkeys(ends, stated)}
    reads: list[bytes] = []
    read = BloomFilter.read

    def counted(data: bytes) -> BloomFilter:
        reads.append(data)
        return read(data)

    monkeypatch.setattr(BloomFilter, "read", counted)
    found = distribution.read(
        json.dumps(lists).encode(),
        {KID: json.dumps([{"kid": kid, "chunks": chunks}]).encode()},
        [archive.write_archive([archive.Member(kid, "null", "0", name, content)])],
        as_of=NOW,
    )
    assert len(reads) == 1
    assert len(found.slices) == len(ends)
    assert ask(RevocationStore([found]), digest(1)).code == "revocation.revoked"


def test_a_german_type_that_is_named_by_byte_and_by_number_is_a_gap() -> None:
    signer = pair("DE").signer()

    def signed(content: Any) -> bytes:
        return cose.sign1(
            cbor2.dumps(content), algorithm=signer.algorithm, kid=signer.kid, sign=signer.sign
        )

    files = germany.write({(KID, HashType.UCI): [digest(1)]}, signer, at=NOW)
    files[germany.KID_LIST] = signed({KID: {b"\x0b": 1, 11: 1}})
    store = RevocationStore([germany.read(files, pair("DE").certificate, as_of=NOW)])
    assert ask(store, digest(1)).code == "revocation.revoked"
    assert ask(store, digest(2)).code == "revocation.list-incomplete"


def test_the_date_of_a_list_is_told_in_utc_whatever_its_zone() -> None:
    east = NOW.astimezone(timezone(timedelta(hours=5)))
    for at in (NOW, east):
        answer = RevocationAnswer(RevocationOutcome.NOT_REVOKED, "revocation.ok", "DE", at)
        assert f"(DE of {NOW:%Y-%m-%d %H:%M} UTC)" in answer.sentence


def pieces_of_archive(name: str, content: bytes = b"slice") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    return info


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@given(data=st.data())
def test_archives_are_read_as_the_standard_library_reads_them(
    form: int, data: st.DataObject
) -> None:
    word = st.text("abcø/ .", max_size=60 if form == tarfile.USTAR_FORMAT else 250)
    names = data.draw(st.lists(word.map(lambda text: f"{text}/k/i/c/h"), max_size=4))
    content = data.draw(st.binary(max_size=1100))
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=form) as made:
        for name in names:
            try:
                made.addfile(pieces_of_archive(name, content), io.BytesIO(content))
            except ValueError:  # too long a name for this format
                assume(False)
    raw.seek(0)
    with tarfile.open(fileobj=raw) as judge:
        expected = [info.name.removeprefix("./").rsplit("/", 3)[-3:] for info in judge]
    found = list(archive.read_archive(gzip.compress(raw.getvalue())))
    assert [[each.partition, each.chunk, each.digest] for each in found] == expected
    assert all(each.content == content for each in found)


def pax(*records: bytes) -> bytes:
    head = tarfile.TarInfo("a")
    content = b"".join(records)
    head.type, head.size = tarfile.XHDTYPE, len(content)
    block = content + bytes(-len(content) % 512)
    last = tarfile.TarInfo("a/b/c/d").tobuf(format=tarfile.USTAR_FORMAT)
    return head.tobuf(format=tarfile.USTAR_FORMAT) + block + last + bytes(1024)


@pytest.mark.parametrize(
    "record",
    [
        b"0 path=a\n",
        b"-1 path=a\n",
        b"99 path=a\n",
        b"9 path=a\n ",
        b"9 pathaa\n",
        b"9 path=ab",
        b"10 size=x\n",
        b"7 path=",
        b"%b path=a\n" % (b"1" * 60_000),
        b"9" * 60_000,
        b"9\n" * 30_000,
        b"\xff",
    ],
    ids=lambda record: repr(record[:12]),
)
def test_an_extended_header_that_cannot_be_read_is_refused(record: bytes) -> None:
    with pytest.raises(RevocationListError) as caught:
        list(archive.read_archive(gzip.compress(pax(record))))
    assert caught.value.code == "list.malformed"


@pytest.mark.parametrize(
    "family",
    [
        lambda size: b"9" * size,
        lambda size: b"1" * (size // 2) + b" " * (size // 2),
        lambda size: b"9 " * (size // 2),
        lambda size: b"6 a=b\n" * (size // 6),
        lambda size: b"%d hdrcharset=%b\n" % (size, b"9" * (size - 18)),
        lambda size: b"9 path=a\n" * (size // 9),
    ],
)
def test_the_cost_of_an_extended_header_grows_with_its_length_alone(family: Any) -> None:
    """A step is a match that the reader looks for: each begins where the one before ended."""

    def steps(size: int) -> int:
        count = 0
        pattern = archive._RECORD

        class Counting:
            def match(self, data: bytes, at: int) -> Any:
                nonlocal count
                count += 1
                return pattern.match(data, at)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(archive, "_RECORD", Counting())
            with contextlib.suppress(RevocationListError):
                archive._records(family(size))
        return count

    small, large = steps(4000), steps(40_000)
    assert large <= 11 * small + 1
    assert large <= 40_000 / 6 + 1
    # Nor does a single match look further than its bounds: it fails early or not at all.
    assert archive._RECORD.match(b"9" * 1_000_000) is None
    assert archive._RECORD.match(b"9 " + b"a" * 1_000_000) is None


def test_headers_beyond_their_bound_and_for_all_members_are_refused() -> None:
    def fault(data: bytes) -> str:
        with pytest.raises(RevocationListError) as caught:
            list(archive.read_archive(gzip.compress(data)))
        return caught.value.code

    assert fault(pax(b"x" * archive.MAX_EXTENSION)) == "list.malformed"
    assert fault(pax(b"x" * (archive.MAX_EXTENSION + 1))) == "list.too-large"
    of_all = bytearray(pax(b"9 path=a\n"))
    for kind, code in ((b"g", "list.unsupported"), (b"K", "list.unsupported")):
        of_all[156:157] = kind
        of_all[148:156] = b" " * 8
        of_all[148:156] = b"%06o\0 " % sum(of_all[:512])
        assert fault(bytes(of_all)) == code
    assert fault(pax(b"9 path=a\n")[:1024] * 2 + bytes(1024)) == "list.malformed"
    assert fault(pax(b"9 path=a\n")[:1024] + bytes(1024)) == "list.malformed"
    assert fault(pax(b"18 hdrcharset=BIN\n")) == "list.unsupported"


@pytest.mark.parametrize("count", [1, 8, 64])
def test_archives_unpack_to_a_hundred_times_their_size_at_most(count: int) -> None:
    """However many there are: what comes for free counts once for all of them."""
    contents = [bytes([n]) * 1_000_000 for n in range(5)]

    def packed(number: int) -> bytes:
        content = b"%d" % number + contents[number % 5]
        name = hashlib.sha256(content).hexdigest()
        kid = base64.b64encode(KID).decode()
        return archive.write_archive(
            [archive.Member(kid, "null", "0", name, content)] * (9 - count // 8)
        )

    archives = [packed(number) for number in range(count)]
    with contextlib.suppress(RevocationListError):
        slices = distribution._unpacked(archives)
        assert sum(map(len, slices.values())) <= archive.FREE + 100 * sum(map(len, archives))
    if count == 64:
        with pytest.raises(RevocationListError) as caught:
            distribution._unpacked(archives)
        assert caught.value.code == "list.too-large"


def test_documents_of_a_few_bytes_do_not_make_a_store_of_many() -> None:
    """One filter of a megabyte, named for every chunk of many kids: it is kept and saved once."""
    content = BloomFilter.make([digest(1)], rate=0.01, capacity=800_000).write()
    name = hashlib.sha256(content).hexdigest()
    stated = {"type": "BLOOMFILTER", "version": "1.0", "hash": name}
    kids = [number.to_bytes(8, "big") for number in range(100)]
    lists, partitions = [], {}
    for kid in kids:
        text = base64.b64encode(kid).decode()
        end = (NOW + DAY).isoformat()
        lists.append({"kid": text, "mode": "POINT", "hashTypes": ["UCI"], "expires": end})
        chunks = {digit: {end: stated} for digit in "0123456789abcdef"}
        partitions[kid] = json.dumps([{"kid": text, "chunks": chunks}]).encode()
    packed = archive.write_archive([archive.Member("AAAAAAAAAAA=", "null", "0", name, content)])
    found = distribution.read(json.dumps(lists).encode(), partitions, [packed], as_of=NOW)
    assert len(found.slices) == 1600
    saved = RevocationStore([found]).to_bytes()
    assert len(saved) < len(content) + 1600 * 250


def test_a_chunk_of_more_slices_than_a_pass_can_be_looked_up_in_is_a_gap() -> None:
    content = BloomFilter.make([digest(1)], rate=0.01).write()
    name, kid = hashlib.sha256(content).hexdigest(), base64.b64encode(KID).decode()
    stated = {"type": "BLOOMFILTER", "version": "1.0", "hash": name}
    for count in (distribution.MAX_SLICES, distribution.MAX_SLICES + 1):
        ends = [(NOW + n * DAY).isoformat() for n in range(1, count + 1)]
        lists = [{"kid": kid, "mode": "POINT", "hashTypes": ["UCI"], "expires": ends[-1]}]
        chunks = {digest(1).hex()[0]: dict.fromkeys(ends, stated)}
        found = distribution.read(
            json.dumps(lists).encode(),
            {KID: json.dumps([{"kid": kid, "chunks": chunks}]).encode()},
            [archive.write_archive([archive.Member(kid, "null", "0", name, content)])],
            as_of=NOW,
        )
        refused = count > distribution.MAX_SLICES
        assert len(found.slices) == (0 if refused else count)
        assert len(found.gaps) == refused
