"""The documents that WHO publishes: development and production, of 2026-08-22."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coronapas import trust
from coronapas.errors import TrustListError
from coronapas.trust import TrustList, TrustStore

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def folder(official: Path) -> Path:
    return official / "gdhcn" / "trust"


def read(folder: Path, name: str, *, pinned: bool = True) -> TrustList:
    """The document, with the key of its own environment as the pin."""
    pin = (folder / f"{name.partition('-')[0]}-signer.json").read_bytes()
    return trust.read((folder / f"{name}.json").read_bytes(), pins=pin if pinned else ())


@pytest.mark.parametrize(
    ("name", "form", "signature", "environment", "keys", "authorities", "dropped", "references"),
    [
        ("dev-v2", "gdhcn", "verified", "development", 109, 139, 7, 0),
        ("prod-v2-DCC-PRT", "gdhcn", "verified", "production", 9, 3, 0, 0),
        ("dev-ref", "gdhcn-references", "verified", "development", 0, 0, 0, 9),
        ("prod-ref", "gdhcn-references", "verified", "production", 0, 0, 0, 3),
        ("dev-v1", "gdhcn-v1", "not verified", "development", 342, 2, 24, 2),
        ("dev-signer", "gdhcn-key", "not verified", None, 0, 0, 1, 0),
        ("prod-signer", "gdhcn-key", "not verified", None, 0, 0, 1, 0),
    ],
)
def test_a_published_document_is_read(
    folder: Path,
    name: str,
    form: str,
    signature: str,
    environment: str | None,
    keys: int,
    authorities: int,
    dropped: int,
    references: int,
) -> None:
    found = read(folder, name)
    assert (found.format, found.signature, found.environment) == (form, signature, environment)
    counted = (found.certificates, found.authorities, found.dropped, found.references)
    assert tuple(map(len, counted)) == (keys, authorities, dropped, references)
    plain = read(folder, name, pinned=False)
    assert plain.signature == "not verified"
    assert plain.certificates == found.certificates


def test_the_domains_of_the_development_list(folder: Path) -> None:
    found = read(folder, "dev-v2")
    assert found.to_json()["domains"] == {
        "DCC": 38,
        "IPS": 1,
        "IPS-PILGRIMAGE": 1,
        "PH4H": 68,
        "RACSEL-DDVC": 1,
    }
    store = TrustStore.from_lists(found)
    for each in found.certificates:
        assert each.listing in [source.listing for source in store.sources_of(each)]


@pytest.mark.parametrize("name", ["dev-v2", "dev-ref", "prod-v2-DCC-PRT", "prod-ref"])
def test_the_key_of_the_other_environment_does_not_verify(folder: Path, name: str) -> None:
    other = {"dev": "prod", "prod": "dev"}[name.partition("-")[0]]
    pin = (folder / f"{other}-signer.json").read_bytes()
    with pytest.raises(TrustListError) as caught:
        trust.read((folder / f"{name}.json").read_bytes(), pins=pin)
    assert caught.value.code == "trust.signature"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
@pytest.mark.parametrize("name", ["dev-ref", "prod-v2-DCC-PRT", "prod-ref"])
def test_no_single_character_can_be_changed(folder: Path, name: str, data: st.DataObject) -> None:
    genuine = (folder / f"{name}.json").read_bytes()
    pin = (folder / f"{name.partition('-')[0]}-signer.json").read_bytes()
    place = data.draw(st.integers(0, len(genuine) - 1))
    new = data.draw(st.integers(0x20, 0x7E).filter(lambda code: code != genuine[place]))
    changed = genuine[:place] + bytes([new]) + genuine[place + 1 :]
    with pytest.raises(TrustListError):
        trust.read(changed, pins=pin)


def test_the_pilgrimage_key_keeps_its_domain_in_the_saved_store(
    folder: Path, tmp_path: Path
) -> None:
    store = TrustStore.from_lists(read(folder, "dev-v2"))
    store.save(tmp_path / "kept")
    loaded = TrustStore.load(tmp_path / "kept")
    assert loaded == store
    domains = {each.domain for each in loaded}
    assert domains == {"DCC", "IPS", "IPS-PILGRIMAGE", "PH4H", "RACSEL-DDVC"}
    assert json.dumps([source.to_json() for source in loaded.sources])
