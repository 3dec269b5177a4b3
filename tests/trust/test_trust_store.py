"""The store: found by kid, each certificate once, changed by nothing."""

from __future__ import annotations

import base64
import copy
import pickle
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

import der_writer
from coronapas.errors import KeyMaterialError
from coronapas.trust import Certificate, Dropped, TrustStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

START = datetime(2021, 5, 1, tzinfo=UTC)


def make(number: int, country: str = "DK") -> Certificate:
    return Certificate(
        der_writer.certificate(serial=bytes([number]), subject=der_writer.name(country))
    )


POOL = [make(number, country) for number in range(1, 4) for country in ("DK", "SE")]
POOL += [Certificate.load(POOL[1], kid=POOL[0].kid), Certificate.load(POOL[2], country="FI")]
STORES = st.lists(st.sampled_from(POOL)).map(TrustStore)


def test_an_empty_store_knows_no_kid() -> None:
    store = TrustStore()
    assert len(store) == 0
    assert store.by_kid(b"12345678") == ()
    assert store.by_country("DK") == ()


def test_several_certificates_of_one_kid_are_all_found_in_their_order() -> None:
    kid = b"12345678"
    first, second = (Certificate.load(make(number), kid=kid) for number in (1, 2))
    store = TrustStore([second, make(3), first])
    assert store.by_kid(kid) == (second, first)


def test_the_same_certificate_is_kept_once() -> None:
    store = TrustStore([make(1), make(1)])
    assert len(store) == 1
    assert store.by_kid(make(1).kid) == (make(1),)


def test_the_same_certificate_under_another_kid_is_kept_too() -> None:
    store = TrustStore([make(1), Certificate.load(make(1), kid=b"12345678")])
    assert len(store) == 2
    assert len(store.by_kid(b"12345678")) == 1


def test_certificates_come_in_any_form_and_bundle() -> None:
    first, second, third, fourth, fifth = (make(number) for number in range(1, 6))
    assert third.der is not None
    assert fourth.der is not None
    store = TrustStore.from_certificates(
        [
            first.pem() + b"a comment\n" + second.pem(),
            third.der,
            base64.b64encode(fourth.der).decode(),
            x509.load_pem_x509_certificate(fifth.pem()),
            Certificate.load(first, country="SE"),
        ]
    )
    assert store.certificates == (
        first,
        second,
        third,
        fourth,
        fifth,
        Certificate.load(first, country="SE"),
    )
    assert store.dropped == ()


def test_one_bundle_alone_will_do() -> None:
    bundle = make(1).pem() + make(2).pem()
    assert len(TrustStore.from_certificates(bundle)) == 2
    assert len(TrustStore.from_certificates(bundle.decode())) == 2


def test_what_is_no_certificate_is_an_error_that_names_its_place() -> None:
    with pytest.raises(KeyMaterialError, match=r"source 2: "):
        TrustStore.from_certificates([make(1), b"garbage"])
    with pytest.raises(KeyMaterialError, match=r"source 1, part 2: "):
        TrustStore.from_certificates([make(1).pem() + make(2).pem()[:100]])


def test_what_is_no_certificate_is_dropped_with_its_reason_if_asked_for() -> None:
    sources: list[Certificate | bytes | str] = [
        make(1).pem() + b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        b"garbage",
        "-----BEGIN PRIVATE KEY-----\n",
        make(2),
    ]
    store = TrustStore.from_certificates(sources, on_error="drop")
    assert store.certificates == (make(1), make(2))
    assert [drop.source for drop in store.dropped] == ["source 1, part 2", "source 2", "source 3"]
    assert all(drop.reason and drop.kid is None for drop in store.dropped)


def test_private_keys_in_a_bundle_are_passed_over() -> None:
    key = b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"
    assert TrustStore.from_certificates([key + make(1).pem() + key]).certificates == (make(1),)


@given(st.lists(st.binary(max_size=60) | st.text(max_size=60), max_size=5))
def test_hostile_sources_are_all_accounted_for(sources: list[bytes | str]) -> None:
    store = TrustStore.from_certificates(sources, on_error="drop")
    assert len(store) + len(store.dropped) == len(sources)


def test_a_country_leads_to_its_certificates() -> None:
    stated = Certificate.load(make(3), country="SE")
    store = TrustStore([make(1), make(2, "SE"), stated])
    assert store.by_country("se") == (make(2, "SE"), stated)
    assert store.by_country("DK") == (make(1),)
    assert store.by_country("NO") == ()


def test_a_certificate_with_an_unreadable_country_hides_no_other() -> None:
    broken = Certificate(der_writer.certificate(subject=der_writer.tlv(0x30, b"\x05\x00")))
    store = TrustStore([broken, make(1)])
    assert store.by_country("DK") == (make(1),)
    assert broken in store


@given(STORES, STORES)
def test_a_merged_store_holds_what_either_holds(one: TrustStore, other: TrustStore) -> None:
    both = one.merge(other)
    assert set(both) == set(one) | set(other)
    assert len(both) == len(set(both))
    assert both.certificates[: len(one)] == one.certificates
    assert both == other.merge(one)
    assert hash(both) == hash(other.merge(one))


@given(STORES, STORES)
def test_a_difference_and_what_is_shared_make_the_whole(one: TrustStore, other: TrustStore) -> None:
    difference = one.difference(other)
    assert set(difference) == set(one) - set(other)
    assert all(certificate not in difference for certificate in other)


@given(STORES)
def test_every_certificate_is_found_by_its_kid(store: TrustStore) -> None:
    assert all(certificate in store.by_kid(certificate.kid) for certificate in store)
    assert all(certificate in store for certificate in store)


def test_merging_keeps_what_was_dropped_once() -> None:
    drop = Dropped(b"12345678", "The chain is broken.", "a list")
    one, other = TrustStore([make(1)], [drop]), TrustStore([make(2)], [drop])
    assert one.merge(other).dropped == (drop,)
    assert one != TrustStore([make(1)])
    assert one.difference(other).dropped == ()


def test_a_store_is_equal_to_no_other_thing() -> None:
    assert TrustStore() != ()
    assert make(1) not in TrustStore()
    assert "a text" not in TrustStore([make(1)])


def test_a_store_does_not_change() -> None:
    store = TrustStore([make(1)], [Dropped(None, "It is none.")])
    with pytest.raises(AttributeError):
        store.certificates = ()
    with pytest.raises(AttributeError):
        del store.certificates
    assert repr(store) == "<TrustStore of 1 certificates, 1 dropped>"


@given(STORES)
def test_a_store_survives_pickling(store: TrustStore) -> None:
    copy = pickle.loads(pickle.dumps(store))
    assert copy == store
    assert all(copy.by_kid(certificate.kid) for certificate in store)


@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]
)
@given(store=STORES, unknown=st.binary(max_size=8))
def test_a_store_and_its_certificates_can_be_copied_and_pickled(
    again: Callable[[object], object], store: TrustStore, unknown: bytes
) -> None:
    bare = Certificate.from_public_key(POOL[0].spki, country="NO")
    whole = store.merge(TrustStore([bare], [Dropped(unknown, "why", "where")]))
    assert whole.by_country("NO") == (bare,)
    assert again(whole) == whole
    assert [again(each) for each in whole] == list(whole)
    assert again(bare).kid == bare.kid  # type: ignore[attr-defined]


def test_a_store_as_bytes_is_the_file_that_is_saved(tmp_path: Path) -> None:
    store = TrustStore(POOL)
    store.save(tmp_path / "store")
    assert (tmp_path / "store").read_bytes() == store.to_bytes()
