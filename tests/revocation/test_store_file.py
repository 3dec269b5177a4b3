"""The file of a revocation store: any bytes are a store or a stated error, at a bounded cost."""

from __future__ import annotations

import copy
import hashlib
import json
import pickle
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coronapas.errors import RevocationListError
from coronapas.revocation import (
    Batch,
    BloomFilter,
    Gap,
    HashType,
    PrefixList,
    RevocationList,
    RevocationStore,
    Slice,
)
from coronapas.revocation import _store as storing
from revoking import DAY, KID, NOW, OTHER_KID, ask, digest


def full() -> RevocationStore:
    """A store with something of each kind."""
    content = BloomFilter.make([digest(3)], rate=1e-3)
    prefixes = PrefixList.make([digest(4)], rate=0.1, least=8)
    types = frozenset(HashType)
    first = RevocationList(
        "list",
        NOW,
        NOW + DAY,
        batches=(
            Batch("a", HashType.UCI, digest(1) + digest(2), KID, None, "DK"),
            Batch("b", HashType.SIGNATURE, digest(5), None, NOW + DAY),
        ),
        slices=(
            Slice("s", OTHER_KID, "", frozenset({HashType.UCI}), content, NOW),
            Slice("t", OTHER_KID, "a", types, content),
            Slice("p", OTHER_KID, "ab", types, prefixes),
        ),
        gaps=(Gap("g", OTHER_KID, HashType.UCI, "ab", "id"), Gap("h")),
        countries=frozenset({"DK", "SE"}),
        kids=frozenset({KID, OTHER_KID}),
        kid_valid_until={KID: NOW},
        revision=5,
        form="gateway",
        signature="verified",
    )
    change = RevocationList(
        "list", NOW, batches=(Batch("c", HashType.UCI, digest(6), KID),), complete=False
    )
    return RevocationStore([first, change, RevocationList("other")])


STORE = full()
SAVED = STORE.to_bytes()
HEAD_END = 16 + int.from_bytes(SAVED[8:16], "little")


def summed(data: bytes) -> bytes:
    """Bytes with their checksum in the place of another one's."""
    return data[:-32] + hashlib.sha256(data[:-32]).digest()


def with_head(head: object, body: bytes = SAVED[HEAD_END:-32]) -> bytes:
    text = head if isinstance(head, bytes) else json.dumps(head, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return summed(SAVED[:8] + len(text).to_bytes(8, "little") + text + body + bytes(32))


def judged(data: bytes) -> str:
    """The error's code, or "ok" for a store that answers, and that is what the file says."""
    try:
        store = RevocationStore.from_bytes(data, max_age=timedelta.max)
    except RevocationListError as error:
        return error.code
    assert store.to_bytes() == data
    for number in range(8):
        for kid in (KID, OTHER_KID, None):
            for kind in HashType:
                ask(store, digest(number), kid=kid, kind=kind).sentence  # noqa: B018
    assert len(store) >= 0
    assert store.sources is not None
    return "ok"


def test_the_saved_store_is_the_one_that_is_loaded() -> None:
    assert judged(SAVED) == "ok"
    assert judged(with_head(json.loads(SAVED[16:HEAD_END]))) == "ok"
    assert judged(RevocationStore().to_bytes()) == "ok"


@given(st.integers(0, len(SAVED) - 33), st.integers(1, 255))
def test_any_change_of_a_byte_is_an_error_or_what_the_store_then_says(at: int, change: int) -> None:
    data = bytearray(SAVED)
    data[at] ^= change
    assert judged(summed(bytes(data))) in ("ok", "list.malformed", "list.unsupported") or at < 16


def test_no_change_of_the_head_is_another_exception() -> None:
    for at in range(0, HEAD_END, 2):
        for value in b'\0"0':
            data = bytearray(SAVED)
            data[at] = value
            judged(summed(bytes(data)))


def places(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """The paths to every value inside a value, at every depth."""
    found = [path]
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            found += places(inner, (*path, key))
    return found


def changed(path: tuple[str | int, ...], new: object) -> object:
    head = json.loads(SAVED[16:HEAD_END])
    if not path:
        return new
    inside = head
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = new
    return head


PLACES = places(json.loads(SAVED[16:HEAD_END]))
STRANGE: tuple[object, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**63, 2**70, 1.5, 1e300),
    *("", "x", "00", "\ud800", "9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00"),
    *([], [[]], [1], {}, {"": None}),
)


@pytest.mark.parametrize("new", STRANGE, ids=repr)
def test_every_value_of_a_head_may_be_any_other(new: object) -> None:
    for path in PLACES:
        judged(with_head(changed(path, new)))


@pytest.mark.parametrize(
    ("path", "new"),
    [
        (("revision",), True),
        (("signature",), "maybe"),
        (("as_of",), "2023-01-01T00:00:00"),
        (("next_number",), 0),
        (("batches", 0, 4), float("nan")),
        (("batches", 1, 1), "a"),
        (("batches", 1, 0), 0),
        (("batches", 0, 6), 2**40),
        (("slices", 0, 0), "a"),
        (("slices", 0, 3), ["UCI", "SIGNATURE"]),
        (("tables", 0, 3), 8),
        (("tables", 0, 2), 2**60),
        (("countries",), ["SE", "DK"]),
        (("unknown",), 1),
    ],
)
def test_a_head_that_no_store_writes_is_refused(path: tuple[str | int, ...], new: object) -> None:
    assert judged(with_head(changed((0, *path), new))) == "list.malformed"


def test_a_source_that_stands_twice_is_refused() -> None:
    assert judged(with_head(changed((1, "source"), "list"))) == "list.malformed"


def test_bytes_that_nothing_names_are_refused() -> None:
    assert judged(summed(SAVED[:-32] + bytes(8) + bytes(32))) == "list.malformed"


@pytest.mark.parametrize("head", [b"[" * 100_000, b"[" + b"[],", b"{}", b"1", b"\xff", b""])
def test_a_head_of_any_other_kind_is_refused(head: bytes) -> None:
    assert judged(with_head(head, b"")) in ("list.malformed", "list.too-large")


def test_a_head_made_to_fill_the_memory_is_refused_before_it_is_parsed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(json, "loads", None)
    assert judged(with_head(b"[" + b"[]," * 1_000_000 + b"[]]", b"")) == "list.too-large"
    monkeypatch.setattr(storing, "MAX_HEAD", 16)
    assert judged(SAVED) == "list.too-large"


@pytest.mark.parametrize("mapped", [False, True])
def test_a_file_beyond_the_bound_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mapped: bool
) -> None:
    path = tmp_path / "store"
    path.write_bytes(SAVED)
    monkeypatch.setattr(storing, "MAX_FILE", len(SAVED))
    assert RevocationStore.load(path, mapped=mapped).sources == STORE.sources
    monkeypatch.setattr(storing, "MAX_FILE", len(SAVED) - 1)
    with pytest.raises(RevocationListError) as caught:
        RevocationStore.load(path, mapped=mapped)
    assert caught.value.code == "list.too-large"


@given(st.binary(max_size=200))
def test_any_bytes_are_a_store_or_an_error(data: bytes) -> None:
    assert judged(data).startswith("list.")
    assert judged(summed(b"CPrevoc1" + data + bytes(32))).startswith("list.")


def test_what_slices_share_is_written_and_held_once() -> None:
    content = BloomFilter.make([digest(1)], rate=0.01, capacity=100_000)
    for count in (1, 1000):
        pieces = tuple(
            Slice(str(n), KID, "", frozenset({HashType.UCI}), content, NOW - DAY)
            for n in range(count)
        )
        data = RevocationStore([RevocationList("a", NOW, slices=pieces)]).to_bytes()
        assert len(data) < len(content.bits) + 150 * count + 1000
        loaded = RevocationStore.from_bytes(data)
        slices = loaded._holdings["a"].slices.values()
        assert len({id(piece.content) for piece in slices}) == 1
        assert loaded.to_bytes() == data


def test_a_pass_is_looked_up_once_in_what_slices_share(monkeypatch: pytest.MonkeyPatch) -> None:
    content = BloomFilter.make([digest(1)], rate=0.01)
    pieces = tuple(
        Slice(str(n), KID, "", frozenset({HashType.UCI}), content, NOW - DAY) for n in range(100)
    )
    store = RevocationStore([RevocationList("a", NOW, slices=pieces)])
    asked: list[bytes] = []
    inside = BloomFilter.__contains__

    def counted(self: BloomFilter, value: bytes) -> bool:
        asked.append(value)
        return inside(self, value)

    monkeypatch.setattr(BloomFilter, "__contains__", counted)
    assert ask(store, digest(1)).code == "revocation.entry-expired"
    assert ask(store, digest(2)).code == "revocation.ok"
    assert asked == [digest(1), digest(2)]


# Moments at the calendar's ends

ENDS = (
    datetime(9999, 12, 31, 23, 59, 59, tzinfo=timezone(timedelta(hours=-12))),
    datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),
    datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=12))),
)


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("max_age", [None, timedelta.max, timedelta.min, timedelta(0), DAY])
def test_moments_and_ages_at_the_ends_of_the_calendar_are_compared(
    end: datetime, max_age: timedelta | None
) -> None:
    content = PrefixList.make([digest(1)], rate=0.1, least=8)
    given = RevocationList(
        "a",
        end,
        end,
        batches=(Batch("b", HashType.UCI, digest(1), expires=end),),
        slices=(Slice("s", KID, "", frozenset({HashType.UCI}), content),),
        kid_valid_until={KID: end},
    )
    store = RevocationStore([given], max_age=max_age)
    assert ask(store, digest(1)).code == "revocation.revoked"
    late = end.year == 1 or (max_age is not None and max_age < timedelta(0))
    answer = ask(store, digest(2))
    assert answer.code == ("revocation.list-expired" if late else "revocation.ok")
    assert str(end.year) in answer.sentence
    assert judged(store.to_bytes()) == "ok"


def test_an_endless_age_expires_nothing() -> None:
    store = RevocationStore([RevocationList("a", NOW)], max_age=timedelta.max)
    assert ask(store, digest(1)).code == "revocation.ok"
    assert ask(store.with_max_age(timedelta.min), digest(1)).code == "revocation.list-expired"


def test_an_age_must_be_a_timedelta() -> None:
    with pytest.raises(TypeError, match="max_age must be a timedelta or None, got int"):
        RevocationStore(max_age=3600)  # type: ignore[arg-type]


# Copies


@pytest.mark.parametrize("kind", ["made", "loaded", "mapped"])
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_store_is_pickled_whole(tmp_path: Path, kind: str, protocol: int) -> None:
    path = tmp_path / "store"
    STORE.save(path)
    store = STORE if kind == "made" else RevocationStore.load(path, mapped=kind == "mapped")
    store = store.with_max_age(DAY)
    assert ask(store, digest(1)).code == "revocation.revoked"  # what is computed once is there
    again = pickle.loads(pickle.dumps(store, protocol))
    assert again.max_age == DAY
    assert again.to_bytes() == SAVED
    assert ask(again, digest(1)) == ask(store, digest(1))
    assert ask(again, digest(2), kid=OTHER_KID) == ask(store, digest(2), kid=OTHER_KID)


def test_a_copy_of_a_store_is_the_store() -> None:
    assert copy.copy(STORE) is copy.deepcopy(STORE) is STORE


# Several stores as one


def one(source: str, *numbers: int, **more: Any) -> RevocationStore:
    batch = Batch("b", HashType.UCI, b"".join(map(digest, numbers)))
    return RevocationStore([RevocationList(source, NOW, batches=(batch,), **more)])


def test_a_merged_store_answers_for_all_of_them() -> None:
    late = one("late", valid_until=NOW - DAY)
    merged = RevocationStore(max_age=DAY).merge(one("a", 1), one("b", 2), late)
    assert [each.source for each in merged.sources] == ["a", "b", "late"]
    assert merged.max_age == DAY
    for number, source in ((1, "a"), (2, "b"), (3, "late")):
        assert ask(merged, digest(number)).source == source


def test_sources_of_one_name_all_count() -> None:
    first, second, third = one("list", 1), one("list", 2), one("list", 3)
    merged = first.merge(second, third, first)
    assert [each.source for each in merged.sources] == ["list", "list (2)", "list (3)"]
    for number in (1, 2, 3):
        assert ask(merged, digest(number)).code == "revocation.revoked"
    assert judged(merged.to_bytes()) == "ok"
    assert first.merge().sources == first.sources
