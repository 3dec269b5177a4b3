"""Revocation lists made to hurt: they cost bounded time and memory, and end in stated errors."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import tarfile
import time
from datetime import timedelta, timezone
from typing import Any

import cbor2
import pytest

from coronapas.errors import RevocationListError
from coronapas.hcert import _cose as cose
from coronapas.revocation import (
    Gap,
    HashType,
    RevocationList,
    RevocationStore,
)
from coronapas.revocation import (
    _archive as archive,
)
from coronapas.revocation._bloom import BloomFilter
from coronapas.revocation._lists import distribution, gateway, germany
from coronapas.revocation._lists.distribution import SliceType
from coronapas.revocation._status import RevocationAnswer, RevocationOutcome
from revoking import DAY, KID, NOW, OTHER_KID, ask, digest, pair


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE])
def test_an_archive_of_heads_before_heads_is_refused(kind: bytes) -> None:
    head = tarfile.TarInfo("a")
    head.type, head.size = kind, 9
    step = head.tobuf(format=tarfile.GNU_FORMAT) + b"9 path=a\n".ljust(512, b"\0")
    with pytest.raises(RevocationListError) as caught:
        list(archive.read(gzip.compress(step * 3000 + bytes(1024))))
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
        [archive.write([archive.Member(kid, "null", "0", name, content)])],
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
