"""What a revocation store answers, how it changes, and how it is saved."""

from __future__ import annotations

import hashlib
import os
import pickle
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coronapas.errors import RevocationListError
from coronapas.revocation import (
    Batch,
    Gap,
    HashType,
    RevocationList,
    RevocationOutcome,
    RevocationSource,
    RevocationStore,
    Slice,
    hashes_of,
)
from coronapas.revocation._filters import BloomFilter, PrefixList
from coronapas.revocation._hashes import SENTENCES
from coronapas.revocation._list import pack, unpack
from revoking import DAY, KID, NOW, OTHER_KID, ask, digest, envelope, hashes

UCI = HashType.UCI


def batch(
    name: str,
    *numbers: int,
    kid: bytes | None = KID,
    kind: HashType = UCI,
    expires: datetime | None = None,
) -> Batch:
    return Batch(name, kind, pack(map(digest, numbers)), kid, expires, "DK")


def whole(*batches: Batch, **more: object) -> RevocationList:
    given: dict[str, object] = {"source": "list", "as_of": NOW, "batches": batches} | more
    return RevocationList(**given)  # type: ignore[arg-type]


def store(*batches: Batch, **more: object) -> RevocationStore:
    return RevocationStore([whole(*batches, **more)])


def change(*batches: Batch, **more: object) -> RevocationList:
    return whole(*batches, **{"complete": False, **more})


def piece(
    name: str, *numbers: int, prefix: str = "", kid: bytes = KID, expires: datetime | None = None
) -> Slice:
    content = BloomFilter.make([digest(number) for number in numbers], rate=1e-9)
    return Slice(name, kid, prefix, frozenset({UCI}), content, expires)


# --- answers ---


def test_a_store_without_lists_knows_nothing() -> None:
    empty = RevocationStore()
    answer = ask(empty, digest(1))
    assert answer == (RevocationOutcome.UNKNOWN, "revocation.no-data", "", None, None, "", 0.0)
    assert not empty
    assert len(empty) == 0


def test_a_listed_pass_is_revoked_and_the_answer_says_by_what() -> None:
    answer = ask(store(batch("a", 1, 2)), digest(2))
    assert answer == (
        *(RevocationOutcome.REVOKED, "revocation.revoked", "list", NOW, UCI, "a", 0.0),
    )


def test_an_unlisted_pass_is_not_revoked_and_the_answer_says_as_of_when() -> None:
    answer = ask(store(batch("a", 1)), digest(2))
    assert answer == (RevocationOutcome.NOT_REVOKED, "revocation.ok", "list", NOW, None, "", 0.0)


def test_an_empty_list_is_a_list() -> None:
    empty = store()
    assert empty
    assert ask(empty, digest(1)).code == "revocation.ok"


def test_a_hash_counts_under_its_own_kid_and_type_only() -> None:
    held = store(batch("a", 1))
    assert ask(held, digest(1), kid=OTHER_KID).code == "revocation.ok"
    assert ask(held, digest(1), kind=HashType.SIGNATURE).code == "revocation.ok"


def test_a_batch_without_a_kid_counts_for_every_pass() -> None:
    held = store(batch("a", 1, kid=None))
    for kid in (KID, OTHER_KID, None):
        assert ask(held, digest(1), kid=kid).code == "revocation.revoked"


def test_a_pass_without_a_kid_is_not_held_against_batches_with_one() -> None:
    assert ask(store(batch("a", 1)), digest(1), kid=None).code == "revocation.ok"


def test_each_candidate_of_a_pass_is_looked_up() -> None:
    held = store(batch("a", 1))
    asked = hashes(digest(5), digest(1))
    assert held.status_of(asked, KID, at=NOW).code == "revocation.revoked"


def test_a_genuine_pass_is_found_by_each_of_its_hashes() -> None:
    found = hashes_of(envelope())
    for kind, (value, *_) in found.candidates:
        kid = envelope().kid
        held = RevocationStore([whole(Batch("a", kind, value, kid))])
        answer = held.status(envelope(), at=NOW)
        assert (answer.code, answer.hash_type) == ("revocation.revoked", kind)
    source: RevocationSource = store(batch("a", 1))
    assert source.status(envelope(), at=NOW).code == "revocation.ok"


def test_an_entry_counts_until_it_expires_and_is_unknown_after() -> None:
    held = store(batch("a", 1, expires=NOW), piece_of := batch("b", 2))
    assert piece_of.expires is None
    assert ask(held, digest(1), at=NOW).code == "revocation.revoked"
    later = ask(held, digest(1), at=NOW + timedelta(seconds=1))
    assert (later.outcome, later.code) == (RevocationOutcome.UNKNOWN, "revocation.entry-expired")
    assert later.batch == "a"


def test_an_entry_that_counts_wins_over_one_that_expired() -> None:
    held = store(batch("a", 1, expires=NOW - DAY), batch("b", 1), batch("c", 1, expires=NOW - DAY))
    answer = ask(held, digest(1))
    assert (answer.code, answer.batch) == ("revocation.revoked", "b")


def test_silence_counts_until_the_list_expires_and_its_hits_beyond() -> None:
    held = store(batch("a", 1), valid_until=NOW)
    assert ask(held, digest(2), at=NOW).code == "revocation.ok"
    later = NOW + timedelta(seconds=1)
    assert ask(held, digest(2), at=later).code == "revocation.list-expired"
    assert ask(held, digest(1), at=later).code == "revocation.revoked"


def test_a_single_kid_can_expire_before_its_list() -> None:
    held = store(valid_until=NOW + DAY, kid_valid_until={KID: NOW})
    later = NOW + timedelta(seconds=1)
    assert ask(held, digest(2), at=NOW).code == "revocation.ok"
    assert ask(held, digest(2), at=later).code == "revocation.list-expired"
    assert ask(held, digest(2), at=later, kid=OTHER_KID).code == "revocation.ok"
    assert ask(held, digest(2), at=later, kid=None).code == "revocation.ok"


def test_the_caller_s_age_limit_is_inclusive() -> None:
    held = RevocationStore([whole()], max_age=DAY)
    assert ask(held, digest(1), at=NOW + DAY).code == "revocation.ok"
    late = ask(held, digest(1), at=NOW + DAY + timedelta(seconds=1))
    assert late.code == "revocation.list-expired"
    assert ask(held.with_max_age(None), digest(1), at=NOW + 9 * DAY).code == "revocation.ok"


def test_a_list_of_unknown_age_is_too_old_for_any_age_limit() -> None:
    held = RevocationStore([whole(as_of=None)], max_age=9999 * DAY)
    assert ask(held, digest(1)).code == "revocation.list-expired"


def test_a_list_has_no_say_on_countries_and_kids_that_it_does_not_cover() -> None:
    italian = store(batch("a", 1, kid=None), countries=frozenset({"IT"}))
    assert ask(italian, digest(2)).code == "revocation.no-data"
    assert ask(italian, digest(2), countries=frozenset({"IT", "SM"})).code == "revocation.ok"
    assert ask(italian, digest(1)).code == "revocation.revoked"
    narrow = store(kids=frozenset({KID}))
    assert ask(narrow, digest(2)).code == "revocation.ok"
    assert ask(narrow, digest(2), kid=OTHER_KID).code == "revocation.no-data"


@pytest.mark.parametrize(
    ("gap", "hides"),
    [
        (Gap("all"), True),
        (Gap("kid", KID), True),
        (Gap("kid", OTHER_KID), False),
        (Gap("type", None, UCI), True),
        (Gap("prefix", KID, UCI, digest(2).hex()[:3]), True),
        (Gap("prefix", KID, UCI, digest(3).hex()[:3]), False),
    ],
)
def test_silence_means_nothing_where_a_gap_may_hide_the_pass(gap: Gap, hides: bool) -> None:
    held = store(batch("a", 1), gaps=(gap,))
    assert ask(held, digest(1)).code == "revocation.revoked"
    expected = "revocation.list-incomplete" if hides else "revocation.ok"
    assert ask(held, digest(2)).code == expected


def test_a_gap_of_a_type_that_the_pass_has_not_may_hide_it() -> None:
    held = store(gaps=(Gap("chunk", KID, UCI, "00"),))
    bare = hashes(digest(1))._replace(candidates=((HashType.SIGNATURE, (digest(9),)),))
    assert held.status_of(bare, KID, at=NOW).code == "revocation.list-incomplete"


def test_a_pass_without_the_hash_that_its_kid_is_listed_by_is_unknown() -> None:
    held = store(batch("a", 1), batch("b", 2, kid=OTHER_KID, kind=HashType.SIGNATURE))
    bare = hashes(digest(1))._replace(candidates=((HashType.SIGNATURE, (digest(9),)),))
    assert held.status_of(bare, KID, at=NOW).code == "revocation.no-hash"
    assert held.status_of(bare, OTHER_KID, at=NOW).code == "revocation.ok"


def test_several_sources_make_one_answer_and_the_worst_wins() -> None:
    fine = whole(source="fine")
    bad = whole(batch("a", 1), source="bad")
    late = whole(source="late", valid_until=NOW - DAY)
    silent = whole(source="silent", countries=frozenset({"IT"}))
    every = RevocationStore([silent, fine, late, bad])
    assert ask(every, digest(1))[1:3] == ("revocation.revoked", "bad")
    assert ask(every, digest(2))[1:3] == ("revocation.list-expired", "late")
    assert ask(every.without("late"), digest(2))[1:3] == ("revocation.ok", "fine")
    assert ask(RevocationStore([silent]), digest(2)).code == "revocation.no-data"
    assert every.without("nobody") is every


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        ask(store(), digest(1), at=NOW.replace(tzinfo=None))


def test_every_answer_has_a_sentence_that_names_the_list_and_its_date() -> None:
    answer = ask(store(batch("a", 1)), digest(1))
    assert answer.sentence == "A revocation list holds the pass (list of 2023-01-15 12:00 UTC)."
    assert ask(RevocationStore(), digest(1)).sentence == SENTENCES["revocation.no-data"]
    undated = ask(store(as_of=None), digest(1))
    assert undated.sentence == "No revocation list holds the pass (list)."


# --- slices ---


def test_a_slice_answers_for_the_hashes_of_its_prefix() -> None:
    value = digest(1).hex()
    held = store(slices=(piece("s", 1, prefix=value[:2]), piece("t", 2, prefix=digest(2).hex()[0])))
    answer = ask(held, digest(1))
    assert (answer.code, answer.batch) == ("revocation.revoked", "s")
    assert 0 < answer.false_positive_rate < 1e-6
    assert ask(held, digest(2)).batch == "t"
    assert ask(held, digest(3)).code == "revocation.ok"
    elsewhere = store(slices=(piece("s", 1, prefix="g"),))
    assert ask(elsewhere, digest(1)).code == "revocation.ok"


def test_a_slice_counts_for_its_kid_and_types_only() -> None:
    held = store(slices=(piece("s", 1),))
    assert ask(held, digest(1), kid=OTHER_KID).code == "revocation.ok"
    assert ask(held, digest(1), kid=None).code == "revocation.ok"
    assert ask(held, digest(1), kind=HashType.SIGNATURE).code == "revocation.ok"
    bare = hashes(digest(1))._replace(candidates=((HashType.SIGNATURE, (digest(9),)),))
    assert held.status_of(bare, KID, at=NOW).code == "revocation.no-hash"


def test_a_slice_counts_until_it_expires() -> None:
    held = store(slices=(piece("s", 1, expires=NOW), piece("t", 2)))
    assert ask(held, digest(1)).code == "revocation.revoked"
    assert ask(held, digest(1), at=NOW + DAY).code == "revocation.entry-expired"
    both = store(slices=(piece("s", 1, expires=NOW), piece("t", 1)))
    assert ask(both, digest(1), at=NOW + DAY).code == "revocation.revoked"


@pytest.mark.parametrize("batch_expires", [NOW - DAY, NOW])
@pytest.mark.parametrize("slice_expires", [NOW - DAY, NOW])
def test_a_batch_and_a_slice_with_the_same_hash_count_if_either_does(
    batch_expires: datetime, slice_expires: datetime
) -> None:
    held = store(
        batch("a", 1, expires=batch_expires), slices=(piece("s", 1, expires=slice_expires),)
    )
    counts = NOW in (batch_expires, slice_expires)
    expected = "revocation.revoked" if counts else "revocation.entry-expired"
    assert ask(held, digest(1)).code == expected


# --- changes ---


def test_a_store_does_not_change_when_it_is_changed() -> None:
    before = store(batch("a", 1))
    after = before.apply(change(batch("b", 2)))
    assert ask(before, digest(2)).code == "revocation.ok"
    assert ask(after, digest(1)).code == ask(after, digest(2)).code == "revocation.revoked"
    for name in ("max_age", "other"):
        with pytest.raises(AttributeError):
            setattr(before, name, None)
    with pytest.raises(AttributeError):
        del before.max_age


def test_a_complete_list_replaces_what_its_source_said() -> None:
    after = store(batch("a", 1), gaps=(Gap("x"),)).apply(whole(batch("b", 2)))
    assert ask(after, digest(1)).code == "revocation.ok"
    assert ask(after, digest(2)).code == "revocation.revoked"


def test_a_change_takes_batches_and_slices_away_by_their_ids() -> None:
    before = store(batch("a", 1), batch("b", 2), slices=(piece("s", 3),))
    after = before.apply(change(removed=frozenset({"a", "s", "unknown"})))
    assert [ask(after, digest(n)).code[11:] for n in (1, 2, 3)] == ["ok", "revoked", "ok"]
    assert len(after) == 1


def test_a_change_replaces_batches_with_the_same_id() -> None:
    after = store(batch("a", 1), batch("b", 2)).apply(change(batch("a", 3)))
    assert [ask(after, digest(n)).code[11:] for n in (1, 2, 3)] == ["ok", "revoked", "revoked"]
    assert len(after) == 2


def test_a_change_replaces_all_of_a_kid_or_of_one_type_of_it() -> None:
    before = store(
        batch("a", 1), batch("b", 1, kind=HashType.SIGNATURE), batch("c", 1, kid=OTHER_KID)
    )
    one = before.apply(change(batch("d", 2), removed_groups=frozenset({(KID, UCI)})))
    assert ask(one, digest(1)).code == "revocation.ok"
    assert ask(one, digest(2)).code == "revocation.revoked"
    assert ask(one, digest(1), kind=HashType.SIGNATURE).code == "revocation.revoked"
    every = before.apply(change(removed_groups=frozenset({(KID, None)})))
    assert ask(every, digest(1), kind=HashType.SIGNATURE).code == "revocation.ok"
    assert ask(every, digest(1), kid=OTHER_KID).code == "revocation.revoked"


def test_a_change_takes_single_hashes_away_before_it_adds_its_own() -> None:
    before = store(batch("a", 1, 2, 3))
    after = before.apply(change(batch("b", 2), removed_hashes=digest(1) + digest(2)))
    assert [ask(after, digest(n)).code[11:] for n in (1, 2, 3)] == ["ok", "revoked", "revoked"]


def test_a_change_keeps_what_it_does_not_speak_of() -> None:
    before = store(valid_until=NOW + DAY, form="gateway", gaps=(Gap("x", OTHER_KID),))
    (after,) = before.apply(change(as_of=NOW + DAY)).sources
    assert (after.as_of, after.valid_until, after.form) == (NOW + DAY, NOW + DAY, "gateway")
    assert after.gaps == (Gap("x", OTHER_KID),)


def test_a_batch_that_comes_late_or_is_deleted_fills_its_gap() -> None:
    before = store(gaps=(Gap("not fetched", id="a"), Gap("not fetched", id="b"), Gap("page")))
    after = before.apply(change(batch("a", 1), removed=frozenset({"b"})))
    assert after.sources[0].gaps == (Gap("page"),)


def test_a_change_without_its_list_leaves_everything_unknown() -> None:
    alone = RevocationStore([change(batch("a", 1))])
    assert ask(alone, digest(1)).code == "revocation.revoked"
    assert ask(alone, digest(2)).code == "revocation.list-incomplete"


def test_an_older_list_is_refused_unless_it_is_meant() -> None:
    before = store(batch("a", 1), revision=5)
    for older in (whole(as_of=NOW - DAY), whole(revision=4), change(as_of=NOW - DAY)):
        with pytest.raises(RevocationListError) as caught:
            before.apply(older)
        assert caught.value.code == "list.rollback"
    assert len(before.apply(whole(as_of=NOW - DAY), allow_older=True)) == 0
    assert len(before.apply(whole())) == 0


def test_a_change_for_another_revision_is_refused() -> None:
    before = store(batch("a", 1), revision=5)
    with pytest.raises(RevocationListError) as caught:
        before.apply(change(revision=7, follows=6))
    assert caught.value.code == "list.inconsistent"
    after = before.apply(change(batch("b", 2), revision=6, follows=5))
    assert len(after.apply(change(batch("c", 3), revision=7, follows=6))) == 3


def test_a_list_is_as_well_signed_as_the_least_of_its_parts() -> None:
    before = store(signature="verified")
    assert before.sources[0].signature == "verified"
    assert before.apply(change(signature="verified")).sources[0].signature == "verified"
    assert before.apply(change()).sources[0].signature == "none"


@given(
    st.lists(
        st.tuples(
            st.lists(
                st.tuples(st.integers(0, 5), st.lists(st.integers(0, 30), max_size=6)), max_size=4
            ),
            st.sets(st.integers(0, 5), max_size=3),
        ),
        max_size=12,
    )
)
def test_any_row_of_changes_gives_what_the_same_dictionary_would(
    rows: list[tuple[list[tuple[int, list[int]]], set[int]]],
) -> None:
    held = store()
    model: dict[str, list[int]] = {}
    for added, removed in rows:
        parts = {str(name): numbers for name, numbers in added}
        for name in removed:
            model.pop(str(name), None)
        model.update(parts)
        held = held.apply(
            change(
                *(batch(name, *numbers) for name, numbers in parts.items()),
                removed=frozenset(map(str, removed)),
            )
        )
    listed = {number for numbers in model.values() for number in numbers}
    for one in (held, held.compact()):
        assert len(one) == sum(map(len, model.values()))
        for number in range(31):
            code = "revocation.revoked" if number in listed else "revocation.ok"
            assert ask(one, digest(number)).code == code


def test_many_small_changes_leave_few_tables() -> None:
    held = store()
    for number in range(200):
        held = held.apply(change(batch(str(number), *range(10 * number, 10 * number + 10))))
    (stack,) = held._holdings["list"].tables.values()
    assert len(stack) <= 6
    assert len(held) == 2000
    (one,) = held.compact()._holdings["list"].tables.values()
    assert len(one) == 1
    assert all(ask(held, digest(number)).code == "revocation.revoked" for number in (0, 999, 1999))


def test_removed_batches_do_not_stay_in_memory() -> None:
    held = store(*(batch(str(number), number) for number in range(100)))
    gone = held.apply(change(removed=frozenset(map(str, range(60)))))
    (stack,) = gone._holdings["list"].tables.values()
    assert sum(map(len, stack)) == 40
    assert (
        gone.apply(change(removed=frozenset(map(str, range(100)))))._holdings["list"].tables == {}
    )
    few = held.apply(change(removed=frozenset({"1"})))
    assert not [
        rows for rows in few.compact()._holdings["list"].tables.values() if len(rows[0]) > 99
    ]


# --- lists ---


def test_a_list_states_zones_and_its_parts_have_ids_of_their_own() -> None:
    naive = NOW.replace(tzinfo=None)
    wrong: list[dict[str, object]] = [
        {"as_of": naive},
        {"kid_valid_until": {KID: naive}},
        {"batches": (batch("a", 1, expires=naive),)},
        {"slices": (piece("a", 1, expires=naive),)},
    ]
    for members in wrong:
        with pytest.raises(ValueError, match="time zone"):
            whole(**members)
    with pytest.raises(ValueError, match="ids"):
        whole(batch("a", 1), slices=(piece("a", 1),))


def test_hashes_of_another_length_are_refused() -> None:
    for wrong in (
        lambda: Batch("a", UCI, bytes(17)),
        lambda: whole(removed_hashes=bytes(5)),
        lambda: pack([bytes(15)]),
    ):
        with pytest.raises(ValueError, match="16 bytes"):
            wrong()
    assert unpack(pack([bytes(16), digest(1)])) == [bytes(16), digest(1)]


def test_no_repr_shows_a_hash() -> None:
    held = whole(batch("a", 1), removed_hashes=digest(2))
    for value in (held, held.batches[0], RevocationStore([held])):
        assert digest(1).hex() not in repr(value)
        for number in (1, 2):
            assert repr(digest(number))[2:-1] not in repr(value)
    assert repr(RevocationStore([held])) == "<RevocationStore of 1 sources, 1 hashes>"
    assert held.hash_count == 1


# --- files ---


@pytest.fixture
def full() -> RevocationStore:
    prefixes = Slice(
        "p",
        OTHER_KID,
        "ab",
        frozenset(HashType),
        PrefixList.make([digest(4)], rate=0.1, least=8),
    )
    first = whole(
        batch("a", *range(500)),
        batch("b", 501, kid=None, expires=NOW + DAY),
        batch("c", 502, kid=OTHER_KID, kind=HashType.SIGNATURE),
        slices=(piece("s", 3, kid=OTHER_KID, expires=NOW), prefixes),
        gaps=(Gap("g", OTHER_KID, UCI, "ab", "id"), Gap("h")),
        valid_until=NOW + DAY,
        kids=frozenset({KID, OTHER_KID}),
        countries=frozenset({"DK", "SE"}),
        kid_valid_until={KID: NOW},
        revision=5,
        form="gateway",
        signature="verified",
    )
    return RevocationStore(
        [first, change(batch("d", 600)), whole(source="other", as_of=None)], max_age=DAY
    )


@pytest.mark.parametrize("mapped", [False, True])
def test_a_store_that_was_saved_and_loaded_is_the_same(
    full: RevocationStore, tmp_path: Path, mapped: bool
) -> None:
    path = tmp_path / "revocation.store"
    full.save(path)
    loaded = RevocationStore.load(path, max_age=DAY, mapped=mapped)
    assert loaded.sources == full.sources
    for name, held in full._holdings.items():
        assert loaded._holdings[name].state == held.state
        assert loaded._holdings[name].batches == held.batches
        assert loaded._holdings[name].slices == held.slices
    for number in (0, 499, 501, 502, 600, 700, 3, 4):
        for kid in (KID, OTHER_KID, None):
            for kind in HashType:
                for at in (NOW, NOW + DAY):
                    asked = {"kid": kid, "kind": kind, "at": at}
                    assert ask(loaded, digest(number), **asked) == ask(  # type: ignore[arg-type]
                        full,
                        digest(number),
                        **asked,  # type: ignore[arg-type]
                    )
    changed = loaded.apply(change(batch("e", 700), removed=frozenset({"a"})))
    assert ask(changed, digest(700)).code == "revocation.revoked"
    changed.save(path)
    assert RevocationStore.load(path).sources == changed.sources


def test_an_empty_store_can_be_saved(tmp_path: Path) -> None:
    RevocationStore().save(tmp_path / "x")
    assert RevocationStore.load(tmp_path / "x").sources == ()


def test_a_file_that_was_cut_off_or_changed_anywhere_is_refused(
    full: RevocationStore, tmp_path: Path
) -> None:
    path = tmp_path / "x"
    full.save(path)
    data = path.read_bytes()
    for length in (*range(0, len(data), 997), len(data) - 1, 0, 7, 8, 16):
        path.write_bytes(data[:length])
        for mapped in (False, True):
            with pytest.raises(RevocationListError):
                RevocationStore.load(path, mapped=mapped)
    for at in (*range(0, len(data), 997), len(data) - 1):
        path.write_bytes(data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :])
        with pytest.raises(RevocationListError):
            RevocationStore.load(path)


def test_a_file_of_another_version_says_so(full: RevocationStore, tmp_path: Path) -> None:
    path = tmp_path / "x"
    full.save(path)
    path.write_bytes(path.read_bytes().replace(b"CPrevoc1", b"CPrevoc2"))
    with pytest.raises(RevocationListError) as caught:
        RevocationStore.load(path)
    assert caught.value.code == "list.unsupported"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"tables":[["', b'"tables":[["zz'),
        (b'"next_number"', b'"next_numbre"'),
        (b'[{"source"', b'[{"source'),
        (b'"bloom"', b'"blume"'),
        (b'"SIGNATURE"', b'"signature"'),
    ],
)
def test_a_file_with_a_right_checksum_and_a_wrong_head_is_refused(
    full: RevocationStore, tmp_path: Path, old: bytes, new: bytes
) -> None:
    path = tmp_path / "x"
    full.save(path)
    data = path.read_bytes()[:-32]
    assert old in data
    changed = data.replace(old, new)
    path.write_bytes(changed + hashlib.sha256(changed).digest())
    with pytest.raises(RevocationListError) as caught:
        RevocationStore.load(path)
    assert caught.value.code == "list.malformed"


def test_parts_that_lie_outside_the_file_are_refused(full: RevocationStore, tmp_path: Path) -> None:
    path = tmp_path / "x"
    full.save(path)
    data = path.read_bytes()
    length = int.from_bytes(data[8:16], "little")
    without_body = data[: 16 + length]
    too_long = data[:8] + (2**60).to_bytes(8, "little") + data[16:-32]
    for changed in (without_body, too_long):
        path.write_bytes(changed + hashlib.sha256(changed).digest())
        with pytest.raises(RevocationListError) as caught:
            RevocationStore.load(path)
        assert caught.value.code == "list.malformed"


def test_a_save_that_fails_leaves_the_old_file_and_nothing_else(
    full: RevocationStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x"
    full.save(path)
    before = path.read_bytes()

    def fail(_: int) -> None:
        raise OSError("no space")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="no space"):
        store().save(path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["x"]


def test_a_file_that_is_not_mapped_may_be_overwritten(
    full: RevocationStore, tmp_path: Path
) -> None:
    path = tmp_path / "x"
    full.save(path)
    loaded = RevocationStore.load(path)
    with path.open("r+b") as file:
        file.write(bytes(path.stat().st_size))
    assert ask(loaded, digest(7)).code == "revocation.revoked"
    assert loaded.to_bytes() == full.to_bytes()


def test_a_mapped_file_may_be_replaced_while_it_is_in_use(
    full: RevocationStore, tmp_path: Path
) -> None:
    path = tmp_path / "x"
    full.save(path)
    mapped = RevocationStore.load(path, mapped=True)
    store().save(path)
    assert ask(mapped, digest(7)).code == "revocation.revoked"


def test_answers_can_be_sent_to_other_processes() -> None:
    answer = ask(store(batch("a", 1)), digest(1))
    assert pickle.loads(pickle.dumps(answer)) == answer


def test_the_lists_in_use_are_told_with_their_sizes(full: RevocationStore) -> None:
    first, other = full.sources
    assert (first.source, first.batches, first.hashes, first.slices) == ("list", 4, 503, 2)
    assert (other.source, other.hashes) == ("other", 0)


def test_a_list_cannot_have_more_batches_than_can_be_counted() -> None:
    from dataclasses import replace

    from coronapas.revocation import _holding as holding
    from coronapas.revocation._holding import hold

    held = replace(hold(whole()), next_number=holding.MAX_BATCH)
    with pytest.raises(ValueError, match="counted"):
        held.applied(change(batch("a", 1)))


def test_a_store_is_not_made_of_a_list_and_an_older_one_of_the_same_source() -> None:
    older, newer = (RevocationList("a", NOW + n * DAY) for n in range(2))
    assert RevocationStore([older, newer]).sources[0].as_of == newer.as_of
    with pytest.raises(RevocationListError) as caught:
        RevocationStore([newer, older])
    assert caught.value.code == "list.rollback"
