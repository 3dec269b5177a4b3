"""The EU gateway's batches and batch lists."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from coronapas.errors import RevocationListError
from coronapas.revocation import HashType, RevocationStore
from coronapas.revocation import _documents as documents
from coronapas.revocation._list import Gap, unpack
from coronapas.revocation._lists import gateway
from coronapas.revocation._lists.gateway import BatchEntry
from coronapas.trust import _cms as cms
from revoking import DAY, KID, NOW, ask, authority, digest

UPLOADER = authority("DK", "upload")
STRANGER = authority("DK", "stranger")
SWEDE = authority("SE", "upload")


def made(*numbers: int, kid: bytes | None = KID, country: str = "DK") -> bytes:
    return gateway.write_batch(
        [digest(number) for number in numbers],
        HashType.UCI,
        country=country,
        expires=NOW + DAY,
        kid=kid,
        key=UPLOADER.private_key,
        certificate=UPLOADER.certificate,
    )


def signed(content: bytes, by: Any = UPLOADER) -> bytes:
    return cms.sign(content, by.private_key, by.certificate, detached=False)


def content(**changes: object) -> dict[str, object]:
    return {
        "country": "DK",
        "expires": "2023-01-20T00:00:00Z",
        "kid": base64.b64encode(KID).decode(),
        "hashType": "UCI",
        "entries": [{"hash": base64.b64encode(digest(1)).decode()}],
    } | changes


def fault(message: bytes, country: str | None = None) -> str:
    with pytest.raises(RevocationListError) as caught:
        gateway.read_batch(message, [UPLOADER.certificate], batch_id="a", country=country)
    assert digest(1).hex() not in str(caught.value)
    return caught.value.code


def entry(batch_id: str, *, deleted: bool = False, country: str = "DK") -> BatchEntry:
    return BatchEntry(batch_id, country, NOW, deleted)


def listed(*entries: BatchEntry, batches: dict[str, bytes], more: bool = False) -> RevocationStore:
    page = gateway.write_batch_list(entries, more=more)
    return RevocationStore(
        [gateway.read([page], batches, [UPLOADER.certificate, SWEDE.certificate], as_of=NOW)]
    )


def test_a_batch_that_was_made_is_read() -> None:
    batch = gateway.read_batch(made(1, 2), [UPLOADER.certificate], batch_id="a", country="DK")
    assert (batch.id, batch.kid, batch.hash_type) == ("a", KID, HashType.UCI)
    assert (batch.country, batch.expires) == ("DK", NOW + DAY)
    assert unpack(batch.hashes) == [digest(1), digest(2)]


def test_an_unknown_kid_stands_for_every_kid() -> None:
    batch = gateway.read_batch(made(1, kid=None), [UPLOADER.certificate], batch_id="a")
    assert batch.kid is None


def test_a_batch_has_one_to_a_thousand_entries() -> None:
    for count in (1, 1000):
        numbers = range(count)
        assert (
            len(gateway.read_batch(made(*numbers), [UPLOADER.certificate], batch_id="a")) == count
        )
    for count in (0, 1001):
        with pytest.raises(ValueError, match="entries"):
            made(*range(count))
        entries = [{"hash": base64.b64encode(digest(n)).decode()} for n in range(count)]
        assert fault(signed(json.dumps(content(entries=entries)).encode())) == "list.malformed"


def test_tampered_content_is_refused() -> None:
    message = made(1)
    old = base64.b64encode(digest(1))
    assert old in message
    assert fault(message.replace(old, base64.b64encode(digest(2)))) == "list.signature"


def test_a_tampered_signature_is_refused() -> None:
    message = made(1)
    assert fault(message[:-1] + bytes((message[-1] ^ 1,))) == "list.signature"


def test_a_stranger_s_signature_is_refused_whatever_it_says() -> None:
    assert fault(signed(json.dumps(content()).encode(), STRANGER)) == "list.signer"


def test_an_uploader_may_not_speak_for_another_country() -> None:
    message = signed(json.dumps(content(country="SE")).encode())
    assert fault(message) == "list.signer"


def test_a_batch_that_is_listed_under_another_country_is_refused() -> None:
    assert fault(made(1), country="SE") == "list.inconsistent"


@pytest.mark.parametrize("length", [0, 1, 100, -1])
def test_a_batch_that_was_cut_off_is_refused(length: int) -> None:
    assert fault(made(1)[:length]) == "list.signature"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"country": None}, "list.malformed"),
        ({"country": 5}, "list.malformed"),
        ({"expires": "tomorrow"}, "list.malformed"),
        ({"expires": "9999-12-31T23:59:59-23:00"}, "list.malformed"),
        ({"expires": None}, "list.malformed"),
        ({"kid": "AAAA"}, "list.malformed"),
        ({"kid": "é"}, "list.malformed"),
        ({"kid": ""}, "list.malformed"),
        ({"hashType": "MD5"}, "list.unsupported"),
        ({"entries": None}, "list.malformed"),
        ({"entries": [5]}, "list.malformed"),
        ({"entries": [{"hash": "AAAA"}]}, "list.malformed"),
        ({"entries": [{"hash": "A"}]}, "list.malformed"),
        ({"entries": [{}]}, "list.malformed"),
    ],
)
def test_a_batch_with_a_wrong_field_is_refused(changes: dict[str, object], code: str) -> None:
    assert fault(signed(json.dumps(content(**changes)).encode())) == code


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[]", b"5", b"\xff", b'{"kid": 1, "kid": 2}', b"[" * 100_000, b"9" * 5000],
    ids=lambda data: str(data[:8]),
)
def test_signed_content_that_is_no_object_is_refused(data: bytes) -> None:
    assert fault(signed(data)) == "list.malformed"


def test_the_list_and_its_batches_make_a_store() -> None:
    store = listed(entry("a"), entry("b"), batches={"a": made(1), "b": made(2)})
    assert ask(store, digest(1))[1:4] == ("revocation.revoked", "EU gateway", NOW)
    assert ask(store, digest(2)).batch == "b"
    assert ask(store, digest(3)).code == "revocation.ok"
    assert store.sources[0].signature == "verified"
    assert ask(store, digest(1), at=NOW + 2 * DAY).code == "revocation.entry-expired"


def test_an_empty_list_says_that_nothing_is_revoked() -> None:
    assert ask(listed(batches={}), digest(1)).code == "revocation.ok"


def test_a_batch_that_is_absent_or_wrong_makes_silence_unknown_and_keeps_the_rest() -> None:
    absent = listed(entry("a"), entry("b"), batches={"a": made(1)})
    assert ask(absent, digest(1)).code == "revocation.revoked"
    assert ask(absent, digest(2)).code == "revocation.list-incomplete"
    wrong = listed(entry("a"), entry("b"), batches={"a": made(1), "b": b"nothing"})
    assert ask(wrong, digest(2)).code == "revocation.list-incomplete"
    (gap,) = wrong.sources[0].gaps
    assert gap.id == "b"


def test_a_batch_of_one_country_under_another_s_line_does_not_count() -> None:
    store = listed(entry("a", country="SE"), batches={"a": made(1)})
    assert ask(store, digest(1)).code == "revocation.list-incomplete"


def test_more_pages_than_were_fetched_make_silence_unknown() -> None:
    store = listed(entry("a"), batches={"a": made(1)}, more=True)
    assert store.sources[0].gaps == (Gap("the list's next page was not fetched"),)
    none = gateway.read([], {}, [UPLOADER.certificate], as_of=NOW)
    assert ask(RevocationStore([none]), digest(1)).code == "revocation.list-incomplete"


def test_several_pages_are_read_as_one() -> None:
    pages = [
        gateway.write_batch_list([entry("a")], more=True),
        gateway.write_batch_list([entry("b")]),
    ]
    read = gateway.read(pages, {"a": made(1), "b": made(2)}, [UPLOADER.certificate], as_of=NOW)
    assert read.hash_count == 2
    assert read.gaps == ()


def test_a_deleted_batch_does_not_count_and_never_comes_back() -> None:
    entries = (entry("a"), entry("a", deleted=True), entry("a"))
    assert ask(listed(*entries, batches={"a": made(1)}), digest(1)).code == "revocation.ok"


def test_later_pages_change_the_store() -> None:
    store = listed(entry("a"), entry("b"), batches={"a": made(1), "b": made(2)})
    page = gateway.write_batch_list([entry("a", deleted=True), entry("c")])
    change = gateway.read(
        [page], {"c": made(3)}, [UPLOADER.certificate], as_of=NOW + DAY, complete=False
    )
    after = store.apply(change)
    answers = [ask(after, digest(number)).code[11:] for number in (1, 2, 3)]
    assert answers == ["ok", "revoked", "revoked"]


@pytest.mark.parametrize(
    "page",
    [
        b"[]",
        b'{"more": 5, "batches": []}',
        b'{"batches": [{}]}',
        b'{"batches": [{"batchId": "a", "country": "DK", "date": "x"}]}',
        b'{"batches": {}}',
    ],
)
def test_a_page_that_cannot_be_read_stops_the_reading(page: bytes) -> None:
    with pytest.raises(RevocationListError) as caught:
        gateway.read([page], {}, [], as_of=NOW)
    assert caught.value.code == "list.malformed"


def test_a_list_has_so_many_batches_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway, "MAX_BATCHES", 2)
    page = gateway.write_batch_list([entry("a"), entry("b"), entry("c")])
    with pytest.raises(RevocationListError) as caught:
        gateway.read([page], {}, [], as_of=NOW)
    assert caught.value.code == "list.too-large"


def test_a_document_that_is_too_large_is_not_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "MAX_BYTES", 10)
    with pytest.raises(RevocationListError) as caught:
        gateway.read([b"{" + b" " * 10], {}, [], as_of=NOW)
    assert caught.value.code == "list.too-large"


def test_a_document_of_too_many_parts_is_not_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "MAX_PARTS", 4)
    assert documents.parse(b"[1, 2, 3, 4]", form="x", what="y") == [1, 2, 3, 4]
    with pytest.raises(RevocationListError) as caught:
        documents.parse(b"[1, 2, 3, 4, 5]", form="x", what="y")
    assert caught.value.code == "list.too-large"


@pytest.mark.parametrize("size", [0, 1_200_000])
def test_the_parts_of_a_document_go_by_its_size(size: int) -> None:
    most = documents.FREE_PARTS + size // documents.BYTES_A_PART
    within = b"[" + b"0," * (most - 2) + b"0]"
    assert len(within) < 2 * documents.FREE_PARTS + size
    padded = within.ljust(size)
    if len(within) <= size:
        assert len(documents.parse(padded, form="x", what="y")) == most - 1
    with pytest.raises(RevocationListError) as caught:
        documents.parse((b"[" + b"0," * 2 * most + b"0]").ljust(size), form="x", what="y")
    assert caught.value.code == "list.too-large"


def test_a_list_of_the_shortest_batches_is_read_whatever_its_size() -> None:
    stamp = "2021-01-01T00:00:00Z"
    lines = [
        {"batchId": str(n), "country": "DK", "date": stamp, "deleted": False} for n in range(40_000)
    ]
    page = json.dumps({"more": False, "batches": lines}, separators=(",", ":")).encode()
    assert len(documents.parse(page, form="x", what="y")["batches"]) == len(lines)


def test_moments_are_written_with_their_zone() -> None:
    assert documents.stamp(NOW) == "2023-01-15T12:00:00Z"
    with pytest.raises(ValueError, match="time zone"):
        documents.stamp(NOW.replace(tzinfo=None))
    assert documents.moment("2023-01-15T12:00:00", form="x", what="y") == NOW
    assert documents.moment("2023-01-15T14:00:00+02:00", form="x", what="y") == NOW


def test_base64_may_be_of_either_alphabet_with_or_without_padding() -> None:
    for text in ("+/+/", "-_-_"):
        assert documents.from_base64(text, form="x", what="y") == b"\xfb\xff\xbf"
    for text in ("AA==", "AA"):
        assert documents.from_base64(text, form="x", what="y") == b"\0"
    for text in ("A", "A A=", "é", "A*=="):
        with pytest.raises(RevocationListError):
            documents.from_base64(text, form="x", what="y")


def test_a_number_is_a_whole_one_and_no_truth_value() -> None:
    given = documents.Document({"a": True, "b": -1, "c": 1.0, "d": 5, "e": []}, form="x", what="y")
    assert given.number("d") == 5
    for name in ("a", "b", "c", "none"):
        with pytest.raises(RevocationListError):
            given.number(name)
    with pytest.raises(RevocationListError):
        given.members("e")
