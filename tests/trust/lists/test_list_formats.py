"""The registry of list formats: one module and one entry make a format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

import list_makers as make
from coronapas.errors import TrustListError
from coronapas.trust import (
    FORMATS,
    Content,
    ListFormat,
    TrustStore,
    certificates_in,
    format_of,
    format_of_path,
    read,
    read_path,
)
from coronapas.trust import _lists as lists
from coronapas.trust import _reading as reading
from coronapas.trust._certificate import Certificate
from coronapas.trust._format import classify
from coronapas.trust._list import ListBuilder

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import Unpack

    from coronapas.trust import Circumstances, Pins, TrustList

# A made-up format, as a module of `coronapas.trust._lists` would define it.

NAME: Final = "atlantis"
MARK: Final = b"ATLANTIS\n"


def read_atlantis(
    data: bytes, *, pins: Pins, beside: Sequence[bytes] = (), **about: Unpack[Circumstances]
) -> TrustList:
    """Read one certificate in PEM after the mark, and of each further file."""
    builder = ListBuilder(NAME, about)

    def key(part: bytes) -> None:
        builder.keep(Certificate.load(part.removeprefix(MARK)))

    builder.each((data, *beside), key)
    return builder.list("none")


def write_atlantis(certificate: Certificate) -> bytes:
    return MARK + certificate.pem()


ATLANTIS: Final = ListFormat(
    NAME,
    lambda content: content.data.startswith(MARK),
    read_atlantis,
    signed="no",
    write=write_atlantis,
)


def test_a_format_is_one_value_in_the_registry(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    first, second = make.certificates(0, 1)
    assert ATLANTIS.write is not None
    data, more = ATLANTIS.write(first), ATLANTIS.write(second)
    assert format_of(data) == "plain"
    monkeypatch.setattr(lists, "FORMATS", (ATLANTIS, *FORMATS))
    assert format_of(data) == NAME
    found = read(data, pins=(), beside=[more], name="the sea")
    assert (found.format, found.signature, found.source.name) == (NAME, "none", "the sea")
    assert found.certificates == (first, second)
    path = tmp_path / "list"
    path.write_bytes(data)
    assert format_of_path(path) == NAME
    assert read_path(path, pins=()).certificates == (first,)
    assert TrustStore.from_lists(found).by_kid(second.kid) == (second,)


def test_every_format_has_a_name_of_its_own_and_says_what_is_signed() -> None:
    names = [known.name for known in FORMATS]
    assert len(set(names)) == len(names)
    signed = {known.name for known in FORMATS if known.signed != "no"}
    # WHO's documents that are no lists of keys, or of which nobody can verify the proof.
    others = {"gdhcn-references", "gdhcn-v1", "gdhcn-key"}
    assert signed == {form.name for form in make.FORMS if form.signed} | others
    by_entry = {known.name for known in FORMATS if known.signed == "entries"}
    assert by_entry == {"gateway", "ec-zip"}
    written = {known.name for known in FORMATS if known.write is not None}
    assert written == {"gateway", "sweden", "gdhcn", "jwks", "verifier-service"}


@pytest.mark.parametrize("form", make.FORMS, ids=lambda form: form.name)
def test_no_two_formats_recognise_the_same_list(form: make.Form) -> None:
    content = classify(form.make(make.certificates()).data)
    recognised = [known.name for known in FORMATS if known.recognise(content)]
    assert recognised == [form.name]


def test_the_content_of_a_file_is_not_shown_in_errors() -> None:
    assert repr(Content(b"secret", "other", {"a": "secret"})).count("secret") == 0


def test_a_path_is_recognised_by_its_content(tmp_path: Path) -> None:
    (certificate,) = make.certificates(0)
    plain, layout, store = tmp_path / "plain", tmp_path / "layout", tmp_path / "a.pem"
    plain.mkdir()
    (plain / "one.txt").write_bytes(certificate.pem())
    for name, data in make.ec_files([certificate]).items():
        (layout / name).parent.mkdir(parents=True, exist_ok=True)
        (layout / name).write_bytes(data)
    TrustStore([certificate]).save(store)
    found = [format_of_path(path) for path in (plain, layout, store, plain / "one.txt")]
    assert found == ["plain", "ec-zip", "store", "plain"]
    with pytest.raises(TrustListError, match="not a list of a known format"):
        format_of_path(make.PROJECT / "LICENSE")
    with pytest.raises(OSError, match="absent"):
        format_of_path(tmp_path / "absent")


def test_certificates_of_a_folder_are_trusted_whatever_their_files_are_called(
    tmp_path: Path,
) -> None:
    first, second, third = make.certificates(0, 1, 2)
    authority = make.csca().certificate
    (tmp_path / "b.txt").write_bytes(first.pem() + second.pem())
    (tmp_path / "a.cer").write_bytes(authority.der or b"")
    (tmp_path / "note").write_text("not a certificate")
    (tmp_path / ".hidden").write_bytes(third.pem())
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "c.pem").write_bytes(third.pem())
    found = certificates_in(tmp_path)
    assert found.certificates == (authority, first, second)
    assert [source.name for source in found.sources_of(second)] == ["b.txt"]
    assert [drop.source for drop in found.dropped] == ["note"]
    alone = certificates_in(tmp_path / "b.txt")
    assert [source.name for source in alone.sources] == ["b.txt"]
    assert alone.certificates == (first, second)


def test_a_folder_of_too_many_files_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (certificate,) = make.certificates(0)
    for name in "abc":
        (tmp_path / f"{name}.pem").write_bytes(certificate.pem())
    monkeypatch.setattr(reading, "MAX_FILES", 3)
    assert len(certificates_in(tmp_path)) == 1
    monkeypatch.setattr(reading, "MAX_FILES", 2)
    for refused in (certificates_in, lambda path: read_path(path, pins=())):
        with pytest.raises(TrustListError) as caught:
            refused(tmp_path)
        assert caught.value.code == "trust.too-large"
