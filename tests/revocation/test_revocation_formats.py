"""Revocation lists of any format from files, and the table of formats."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coronapas.errors import KeyMaterialError, RevocationListError
from coronapas.revocation import (
    FORMATS,
    Batch,
    BatchEntry,
    HashType,
    ListFormat,
    Part,
    Reading,
    RevocationList,
    RevocationStore,
    RevokedHashes,
    format_of,
    read_path,
    uci_hash,
    write_batch,
    write_batch_list,
    write_distribution,
    write_germany,
    write_italy,
    write_switzerland,
)
from coronapas.revocation import _lists as lists
from coronapas.trust import Certificate
from revoking import DAY, KID, NOW, ask, authority, pair

UVCI = "URN:UVCI:01:DK:REVOKED"
HASH = uci_hash(UVCI)
UPLOADER = authority("DK", "UPLOAD")


def samples() -> dict[str, list[bytes]]:
    """Files of each format that is recognised by its content."""
    published = write_distribution(
        {KID: RevokedHashes(frozenset({HASH}), frozenset({HashType.UCI}), NOW + DAY)}, at=NOW
    )
    batch = write_batch(
        [HASH],
        HashType.UCI,
        country="DK",
        expires=NOW + DAY,
        kid=KID,
        key=UPLOADER.private_key,
        certificate=UPLOADER.certificate,
    )
    swiss = authority("CH")
    token = write_switzerland(
        [UVCI], valid_for=DAY, key=swiss.private_key, chain=[swiss.certificate]
    )
    page = write_batch_list([BatchEntry("0", "DK", NOW, deleted=False)])
    parts = [published.lists, *published.partitions.values(), *published.archives]
    return {
        "distribution": parts,
        "gateway": [batch, page],
        "italy": write_italy([UVCI], version=1),
        "switzerland": [token],
        "store": [RevocationStore([RevocationList("saved", NOW)]).to_bytes()],
    }


SAMPLES = samples()


@pytest.mark.parametrize("name", SAMPLES)
def test_the_format_of_each_part_is_found_and_no_other_format_takes_it(name: str) -> None:
    for data in SAMPLES[name]:
        assert format_of(data) == name
        content = json.loads(data) if data[:1] in b"[{" else None
        takers = [each.name for each in FORMATS if each.recognise(data, content)]
        assert takers == ([] if name == "store" else [name])


@given(st.binary(max_size=100) | st.sampled_from([b"{}", b"[]", b"[1]", b"null", b"M$", b" M=="]))
def test_any_bytes_have_a_format_or_are_a_stated_error(data: bytes) -> None:
    try:
        assert format_of(data) in {*SAMPLES, "germany"}
    except RevocationListError as error:
        assert error.code in ("list.unsupported", "list.malformed")


def test_the_rows_of_the_table_say_what_is_signed_and_what_is_written() -> None:
    assert {each.name for each in FORMATS if each.signed} == {"gateway", "germany", "switzerland"}
    assert all(each.write is not None for each in FORMATS)
    assert len({each.name for each in FORMATS}) == len(FORMATS) == 5


def made_up() -> ListFormat:
    """A format that is a line of hexadecimal digits."""

    def recognise(data: bytes, content: Any) -> bool:
        return data.startswith(b"made up ")

    def read(
        parts: Sequence[Part], pins: Sequence[Certificate]
    ) -> Iterator[tuple[RevocationList, Sequence[Part]]]:
        hashes = b"".join(bytes.fromhex(part.data[8:].decode()) for part in parts)
        batch = Batch("all", HashType.UCI, hashes)
        yield RevocationList("made up", parts[0].fetched, batches=(batch,), form="made-up"), parts

    return ListFormat("made-up", False, recognise, read)


def test_a_new_format_is_one_module_and_one_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "list"
    path.write_bytes(b"made up " + HASH.hex().encode())
    with pytest.raises(RevocationListError, match="known"):
        read_path(path)
    monkeypatch.setattr(lists, "FORMATS", (*FORMATS, made_up()))
    assert format_of(path.read_bytes()) == "made-up"
    store = read_path(path, as_of=NOW)
    assert ask(store, HASH).source == "made up"


def test_all_kinds_of_lists_in_folders_and_files_make_one_store(tmp_path: Path) -> None:
    for name, files in SAMPLES.items():
        (tmp_path / name).mkdir()
        for number, data in enumerate(files):
            (tmp_path / name / str(number)).write_bytes(data)
    for name, data in write_germany(
        {(KID, HashType.UCI): [HASH]}, pair("DE").signer(), at=NOW
    ).items():
        path = tmp_path / "germany" / "deep" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    (tmp_path / ".hidden").write_bytes(b"nothing of the kind")
    readings: list[Reading] = []
    rest = [tmp_path / name for name in SAMPLES if name != "switzerland"]
    store = read_path(
        *rest, pins=UPLOADER.certificate, as_of=NOW, max_age=DAY, report=readings.append
    )
    assert store.max_age == DAY
    assert [each.source for each in store.sources] == [
        *("EU distribution service", "EU gateway", "IT DRL", "saved")
    ]
    assert [(each.format, each.signature, each.hashes, each.gaps) for each in readings] == [
        ("store", "none", 0, 0),
        ("distribution", "none", 0, 0),
        ("gateway", "verified", 1, 0),
        ("italy", "none", 1, 0),
    ]
    assert readings[2].paths == (tmp_path / "gateway" / "1", tmp_path / "gateway" / "0")
    german = read_path(str(tmp_path / "germany"), pins=pair("DE").certificate, as_of=NOW)
    assert ask(german, HASH).source == "DE CovPass"
    swiss = authority("CH").certificate.pem()
    assert swiss is not None
    assert ask(read_path(tmp_path / "switzerland", pins=swiss, as_of=NOW), HASH).source == "CH"


def test_a_list_is_as_old_as_the_oldest_of_its_files_unless_stated(tmp_path: Path) -> None:
    paths = []
    for number, chunk in enumerate(write_italy([UVCI, "other"], version=1, chunk_size=1)):
        paths.append(tmp_path / str(number))
        paths[-1].write_bytes(chunk)
        os.utime(paths[-1], (NOW.timestamp() + number, NOW.timestamp() + number))
    assert read_path(*reversed(paths)).sources[0].as_of == NOW
    stated = NOW + timedelta(hours=1)
    assert read_path(*paths, as_of=stated).sources[0].as_of == stated


def test_an_error_names_the_file_and_keeps_its_code(tmp_path: Path) -> None:
    path = tmp_path / "broken.json"
    for content, code in (
        (b"{", "list.malformed"),
        (b"?", "list.unsupported"),
        (b'{"revokedUcvi": 1}', "list.malformed"),
        (b"CPrevoc1", "list.malformed"),
        (b"CPrevoc2", "list.unsupported"),
    ):
        path.write_bytes(content)
        with pytest.raises(RevocationListError, match=r"broken\.json: ") as caught:
            read_path(path)
        assert caught.value.code == code
    with pytest.raises(FileNotFoundError):
        read_path(tmp_path / "nowhere")
    with pytest.raises(KeyMaterialError):
        read_path(path, pins=b"no key")


def test_no_paths_make_an_empty_store() -> None:
    assert not read_path()
