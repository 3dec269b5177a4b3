"""The EU distribution service: lists, partitions, archives of slices."""

from __future__ import annotations

import base64
import contextlib
import gzip
import hashlib
import io
import json
import tarfile
from typing import TYPE_CHECKING, Any

import pytest

from coronapas.errors import RevocationListError
from coronapas.revocation import HashType, RevocationStore
from coronapas.revocation._filters import BloomFilter, PrefixList
from coronapas.revocation._lists import distribution
from coronapas.revocation._lists import distribution as archive
from coronapas.revocation._lists.distribution import (
    DistributionFiles,
    Member,
    RevokedHashes,
    SliceMode,
    SliceType,
)
from revoking import DAY, KID, NOW, OTHER_KID, ask, digest

if TYPE_CHECKING:
    from collections.abc import Callable

UCI = HashType.UCI
VALUES = frozenset(digest(number) for number in range(60))
BASE64_KID = base64.b64encode(KID).decode()


def published(
    mode: SliceMode | None = None,
    kind: SliceType = SliceType.BLOOMFILTER,
    values: frozenset[bytes] = VALUES,
) -> DistributionFiles:
    return distribution.write(
        {KID: RevokedHashes(values, frozenset({UCI}), NOW + DAY, mode)}, at=NOW, kind=kind
    )


def store(given: DistributionFiles, **more: Any) -> RevocationStore:
    return RevocationStore(
        [distribution.read(given.lists, given.partitions, given.archives, as_of=NOW, **more)]
    )


@pytest.mark.parametrize("mode", [None, *SliceMode])
@pytest.mark.parametrize("kind", SliceType)
def test_what_was_published_is_read(mode: SliceMode | None, kind: SliceType) -> None:
    held = store(published(mode, kind))
    assert held.sources[0].gaps == ()
    assert {ask(held, value).code for value in VALUES} == {"revocation.revoked"}
    assert {ask(held, digest(n)).code for n in range(100, 160)} == {"revocation.ok"}
    assert ask(held, digest(1), kid=OTHER_KID).code == "revocation.ok"
    assert ask(held, digest(1), kind=HashType.SIGNATURE).code == "revocation.ok"
    assert 0 < ask(held, digest(1)).false_positive_rate < 1e-6


def test_the_mode_follows_from_the_number_of_hashes() -> None:
    assert SliceMode.of(100_000) is SliceMode.POINT
    assert SliceMode.of(100_001) is SliceMode.of(1_600_000) is SliceMode.VECTOR
    assert SliceMode.of(1_600_001) is SliceMode.COORDINATE
    assert [mode.depth for mode in SliceMode] == [1, 2, 3]


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (SliceMode.POINT, [(None, None, "a")]),
        (SliceMode.VECTOR, [("a", None, "b")]),
        (SliceMode.COORDINATE, [("a", "b", "c")]),
    ],
)
def test_a_hash_belongs_where_its_first_digits_say(
    mode: SliceMode, expected: list[tuple[str | None, str | None, str]]
) -> None:
    value = bytes.fromhex("abcd") + bytes(14)
    given = published(mode, values=frozenset({value}))
    places = [
        (part["x"], part["y"], chunk)
        for part in json.loads(given.partitions[KID])
        for chunk in part["chunks"]
    ]
    assert places == expected
    assert ask(store(given), value).code == "revocation.revoked"


def test_a_kid_with_a_slash_in_its_base64_is_read_from_the_right() -> None:
    assert "/" in BASE64_KID
    members = list(archive.read_archive(published().archives[0]))
    assert {member.kid for member in members} == {BASE64_KID}


def test_everything_expires_when_the_lists_say() -> None:
    held = store(published())
    later = NOW + 2 * DAY
    assert ask(held, digest(1), at=later).code == "revocation.entry-expired"
    assert ask(held, digest(100), at=later).code == "revocation.list-expired"
    assert ask(held, digest(100), at=later, kid=OTHER_KID).code == "revocation.ok"


def test_an_empty_service_revokes_nothing() -> None:
    held = store(distribution.write({}, at=NOW))
    assert ask(held, digest(1)).code == "revocation.ok"
    nothing = store(published(values=frozenset()))
    assert ask(nothing, digest(1)).code == "revocation.ok"


def test_partitions_that_are_absent_make_their_kid_unknown() -> None:
    held = store(DistributionFiles(published().lists, {}, ()))
    assert ask(held, digest(1)).code == "revocation.list-incomplete"
    assert ask(held, digest(1), kid=OTHER_KID).code == "revocation.ok"


def test_slices_that_are_absent_make_their_hashes_unknown() -> None:
    given = published()
    members = list(archive.read_archive(given.archives[0]))
    gone = next(m for m in members if m.chunk == digest(1).hex()[0])
    kept = archive.write_archive(m for m in members if m is not gone)
    held = store(DistributionFiles(given.lists, given.partitions, (kept,)))
    assert ask(held, digest(1)).code == "revocation.list-incomplete"
    other = next(v for v in VALUES if v.hex()[0] != gone.chunk)
    assert ask(held, other).code == "revocation.revoked"


def partitions_changed(
    change: Callable[[list[Any]], object], mode: SliceMode = SliceMode.POINT
) -> str:
    given = published(mode)
    parts = json.loads(given.partitions[KID])
    change(parts)
    changed = {KID: json.dumps(parts).encode()}
    held = store(DistributionFiles(given.lists, changed, given.archives))
    return ask(held, digest(100)).code


def chunk_of(parts: list[Any]) -> dict[str, Any]:
    chunks: dict[str, dict[str, dict[str, Any]]] = parts[0]["chunks"]
    return next(iter(next(iter(chunks.values())).values()))


@pytest.mark.parametrize(
    "change",
    [
        lambda parts: parts[0].update(kid="AAAAAAAAAAA="),
        lambda parts: parts[0].update(kid=5),
        lambda parts: parts[0].update(x="a"),
        lambda parts: parts[0].update(chunks=[]),
        lambda parts: parts[0]["chunks"].update(g={}),
        lambda parts: parts[0]["chunks"].update(ab={}),
        lambda parts: parts[0]["chunks"].update(a=5),
        lambda parts: parts[0]["chunks"].update(a={"tomorrow": chunk_of(parts)}),
        lambda parts: chunk_of(parts).update(type="CUCKOO"),
        lambda parts: chunk_of(parts).update(hash=5),
        lambda parts: parts.append(parts[0]),
        lambda parts: parts.append(5),
    ],
)
def test_faulty_partitions_make_their_kid_unknown(change: Callable[[list[Any]], object]) -> None:
    assert partitions_changed(change) == "revocation.list-incomplete"
    assert partitions_changed(lambda parts: parts) == "revocation.ok"


def test_coordinates_that_the_mode_asks_for_have_to_be_there() -> None:
    def without_y(parts: list[Any]) -> None:
        parts[0]["y"] = None

    assert partitions_changed(without_y, SliceMode.COORDINATE) == "revocation.list-incomplete"


def test_a_partition_may_be_without_an_id() -> None:
    assert partitions_changed(lambda parts: parts[0].update(id=None)) == "revocation.ok"


def test_partitions_that_are_no_array_make_their_kid_unknown() -> None:
    given = published()
    held = store(DistributionFiles(given.lists, {KID: b"{}"}, given.archives))
    assert ask(held, digest(1)).code == "revocation.list-incomplete"


def test_a_slice_that_is_another_than_the_one_named_does_not_count() -> None:
    given, other = published(), published(values=frozenset({digest(777)}))
    held = store(DistributionFiles(given.lists, given.partitions, other.archives))
    assert ask(held, digest(777)).code == "revocation.list-incomplete"


def test_a_slice_of_another_type_than_stated_does_not_count() -> None:
    def mistyped(parts: list[Any]) -> None:
        for by_expiry in parts[0]["chunks"].values():
            for slice_ in by_expiry.values():
                slice_["type"] = "VARHASHLIST"

    assert partitions_changed(mistyped) == "revocation.list-incomplete"


@pytest.mark.parametrize(
    ("lists", "code"),
    [
        (b"", "list.malformed"),
        (b"{}", "list.malformed"),
        (b"[5]", "list.malformed"),
        (b"[{}]", "list.malformed"),
        (published().lists[:-1], "list.malformed"),
        (published().lists.replace(b"POINT", b"CUBE"), "list.unsupported"),
        (published().lists.replace(b"UCI", b"MD5"), "list.unsupported"),
        (published().lists.replace(b'["UCI"]', b"[]"), "list.malformed"),
        (published().lists.replace(b'["UCI"]', b"[5]"), "list.malformed"),
        (published().lists.replace(b'"expires"', b'"expired"'), "list.malformed"),
        (b"[" + published().lists[1:-1] + b"," + published().lists[1:], "list.malformed"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_lists_that_cannot_be_read_stop_the_reading(lists: bytes, code: str) -> None:
    with pytest.raises(RevocationListError) as caught:
        distribution.read(lists, {}, [], as_of=NOW)
    assert caught.value.code == code


def test_so_many_kids_are_read_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distribution, "MAX_KIDS", 0)
    with pytest.raises(RevocationListError) as caught:
        store(published())
    assert caught.value.code == "list.too-large"


def test_hashes_of_another_length_are_not_published() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        published(values=frozenset({b"short"}))


# --- archives ---


def member(content: bytes = b"slice", **changes: str) -> Member:
    parts = {"kid": BASE64_KID, "partition": "point", "chunk": "a", **changes}
    return Member(
        digest=changes.get("digest", sha(content)),
        content=content,
        **{name: parts[name] for name in ("kid", "partition", "chunk")},
    )


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def packed(*infos: tarfile.TarInfo, content: bytes = b"") -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w:gz") as made:
        for info in infos:
            info.size = len(content)
            made.addfile(info, io.BytesIO(content))
    return raw.getvalue()


def archive_fault(data: bytes) -> str:
    with pytest.raises(RevocationListError) as caught:
        list(archive.read_archive(data))
    return caught.value.code


def test_an_archive_that_was_made_is_read_and_always_made_alike() -> None:
    members = [member(b""), member(b"x" * 100_000), member(partition="p" * 150)]
    assert list(archive.read_archive(archive.write_archive(members))) == members
    assert archive.write_archive(members) == archive.write_archive(members)
    assert list(archive.read_archive(archive.write_archive([]))) == []


def test_a_member_that_its_name_belies_is_refused() -> None:
    given = published()
    for wrong in (member(digest=sha(b"other")), member(kid="AAAA")):
        with pytest.raises(RevocationListError):
            store(
                DistributionFiles(given.lists, given.partitions, (archive.write_archive([wrong]),))
            )


def test_directories_and_a_leading_dot_are_passed_over() -> None:
    folder = tarfile.TarInfo("a")
    folder.type = tarfile.DIRTYPE
    name = f"./{BASE64_KID}/p/a/{sha(b'')}"
    assert list(archive.read_archive(packed(folder, tarfile.TarInfo(name)))) == [
        Member(BASE64_KID, "p", "a", sha(b""), b"")
    ]


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.CONTTYPE]
)
def test_what_is_no_plain_file_is_refused(kind: bytes) -> None:
    info = tarfile.TarInfo("a/b/c/d")
    info.type = kind
    assert archive_fault(packed(info)) == "list.unsupported"


def test_a_sparse_file_is_refused() -> None:
    info = tarfile.TarInfo("a/b/c/d")
    info.pax_headers = {"GNU.sparse.size": "999999999999", "GNU.sparse.map": "0,1"}
    assert archive_fault(packed(info, content=b"x")) == "list.unsupported"


def test_a_name_of_too_few_parts_is_refused() -> None:
    assert archive_fault(packed(tarfile.TarInfo("a/b/c"))) == "list.malformed"


def test_an_archive_that_was_cut_off_or_is_none_is_refused() -> None:
    good = archive.write_archive([member(bytes(range(256)) * 100)])
    for data in (b"", b"x", good[:-1], good[: len(good) // 2], gzip.compress(b"x" * 600)):
        assert archive_fault(data) == "list.malformed"
    whole = gzip.decompress(good)
    for length in (1300, 1536, 2000, len(whole) // 2):
        assert archive_fault(gzip.compress(whole[:length])) == "list.malformed"


@pytest.mark.parametrize("at", range(0, 512, 7))
def test_a_damaged_head_is_an_error_and_nothing_else(at: int) -> None:
    whole = bytearray(gzip.decompress(archive.write_archive([member(b"abc")])))
    whole[at] ^= 0x55
    with contextlib.suppress(RevocationListError):
        list(archive.read_archive(gzip.compress(bytes(whole))))


def test_a_bomb_is_stopped_at_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_UNPACKED", 100_000)
    assert archive_fault(archive.write_archive([member(bytes(1_000_000))])) == "list.too-large"
    assert archive_fault(archive.write_archive([member(bytes(60_000))] * 2)) == "list.too-large"


def test_what_follows_the_archive_is_read_to_its_end_and_within_the_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    padded = gzip.compress(gzip.decompress(archive.write_archive([member()])) + bytes(100_000))
    assert list(archive.read_archive(padded)) == [member()]
    assert archive_fault(padded[:-1]) == "list.malformed"
    monkeypatch.setattr(archive, "MAX_UNPACKED", 50_000)
    assert archive_fault(padded) == "list.too-large"


def test_a_stated_size_beyond_the_bound_is_refused_before_it_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = archive.write_archive([member(bytes(20_000))])
    monkeypatch.setattr(archive, "MAX_UNPACKED", 15_000)
    assert archive_fault(data) == "list.too-large"


def test_so_many_members_are_read_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_MEMBERS", 2)
    assert len(list(archive.read_archive(archive.write_archive([member()] * 2)))) == 2
    assert archive_fault(archive.write_archive([member()] * 3)) == "list.too-large"


def test_all_archives_together_keep_to_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    given = published()
    archives = [archive.write_archive([member(bytes([n]) * 20_000)]) for n in range(4)]
    monkeypatch.setattr(archive, "MAX_UNPACKED", 50_000)
    with pytest.raises(RevocationListError) as caught:
        distribution.read(given.lists, given.partitions, archives, as_of=NOW)
    assert caught.value.code == "list.too-large"


def test_an_archive_may_come_twice() -> None:
    given = published()
    held = store(DistributionFiles(given.lists, given.partitions, given.archives * 2))
    assert ask(held, digest(1)).code == "revocation.revoked"


def test_slices_of_both_kinds_are_written_as_their_formats_say() -> None:
    for kind, reader in ((SliceType.BLOOMFILTER, BloomFilter), (SliceType.VARHASHLIST, PrefixList)):
        (first, *_) = archive.read_archive(published(kind=kind).archives[0])
        assert reader.read(first.content).write() == first.content
