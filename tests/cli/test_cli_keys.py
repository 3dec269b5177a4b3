"""``coronapas keys``: a CSCA, DSCs and requests, in files that only their owner reads."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest
from command_world import Country, make_country, run
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from coronapas.cli import _output as output
from coronapas.facts import EventKind
from coronapas.keys import Authority
from coronapas.signing import Signer
from coronapas.trust._certificate import Certificate

if TYPE_CHECKING:
    from pathlib import Path

WHEN = ("--from", "2023-01-01T00:00:00Z", "--days", "100")


@pytest.fixture
def country(tmp_path: Path) -> Country:
    return make_country(tmp_path)


@pytest.fixture
def csca(country: Country) -> tuple[str, ...]:
    return "--csca-key", country.path("csca.key.pem"), "--csca-cert", country.path("csca.pem")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_csca_is_made_with_its_key_for_its_owner_alone(tmp_path: Path) -> None:
    previous = os.umask(0)
    try:
        out = tmp_path / "new"
        result = run("keys", "csca", "--country", "DK", "--name", "Test", *WHEN, "--out", str(out))
    finally:
        os.umask(previous)
    assert result.exit_code == 0
    assert result.output.splitlines() == [str(out / "csca.key.pem"), str(out / "csca.pem")]
    assert mode(out / "csca.key.pem") == 0o600
    assert mode(out / "csca.pem") == 0o644
    certificate = Certificate.load((out / "csca.pem").read_bytes())
    assert certificate.country == "DK"
    assert certificate.not_before is not None
    assert certificate.not_after is not None
    assert (certificate.not_after - certificate.not_before).days == 100


@pytest.mark.parametrize(
    "moment", ["1949-01-01T00:00:00Z", "1950-01-01T00:00:00+01:00", "9999-12-31T00:00:00Z"]
)
def test_a_validity_that_no_certificate_can_have_is_one_line_and_2(
    tmp_path: Path, moment: str
) -> None:
    result = run("keys", "csca", "--country", "DK", "--from", moment, "--out", str(tmp_path))
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("Error: a validity ")
    assert result.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_no_file_is_replaced_unasked_and_then_none_is_written(tmp_path: Path) -> None:
    (tmp_path / "csca.pem").write_text("mine")
    arguments = ("keys", "csca", "--country", "DK", "--out", str(tmp_path))
    refused = run(*arguments)
    assert refused.exit_code == 2
    assert "csca.pem exists; --force replaces it" in refused.stderr
    assert not (tmp_path / "csca.key.pem").exists()
    assert (tmp_path / "csca.pem").read_text() == "mine"
    assert run(*arguments, "--force").exit_code == 0
    assert (tmp_path / "csca.pem").read_text() != "mine"
    assert mode(tmp_path / "csca.key.pem") == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["csca.key.pem", "csca.pem"]


def test_a_file_that_appears_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    import click

    path = tmp_path / "key.pem"
    path.write_text("mine")
    with pytest.raises(click.UsageError, match="exists"):
        output.write(path, b"other", force=False)
    assert path.read_text() == "mine"


def test_what_a_killed_run_left_behind_is_not_taken_for_the_file(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.write_text("old")
    (tmp_path / f".key.pem.{os.getpid()}.new").write_text("left behind")
    output.write(path, b"new", force=True)
    assert path.read_text() == "new"
    long = tmp_path / ("k" * 255)
    output.write(long, b"new", force=True)
    assert long.read_text() == "new"


def test_a_file_that_cannot_be_written_whole_is_taken_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OSError, match="No space"):
        output.write(tmp_path / "key.pem", b"secret", force=True)
    assert list(tmp_path.iterdir()) == []


def test_one_dsc_is_made_for_each_kind(country: Country, csca: tuple[str, ...]) -> None:
    out = country.folder / "each"
    assert run("keys", "dsc", *csca, "--each", *WHEN, "--out", str(out)).exit_code == 0
    for kind in EventKind:
        certificate = Certificate.load((out / f"dsc-{kind}.pem").read_bytes())
        assert certificate.usages == {kind}
        signer = Signer.from_pem((out / f"dsc-{kind}.key.pem").read_bytes(), certificate)
        assert signer.kid == certificate.kid


def test_a_dsc_may_be_for_some_kinds_or_for_all(country: Country, csca: tuple[str, ...]) -> None:
    two = ("--usage", "test", "--usage", "recovery", "--file-name", "two")
    for options in (two, ("--type", "RSA-2048", "--organisation", "Invented", "--name", "Me")):
        out = ("--out", country.path("more"))
        assert run("keys", "dsc", *csca, *options, *WHEN, *out).exit_code == 0
    folder = country.folder / "more"
    made = Certificate.load((folder / "two.pem").read_bytes())
    assert made.usages == {EventKind.TEST, EventKind.RECOVERY}
    other = Certificate.load((folder / "dsc.pem").read_bytes())
    assert (other.usages, other.key_kind) == (frozenset(), "RSA-2048")
    assert "CN=Me" in (other.subject or "")


def test_keys_are_encrypted_with_a_password_from_outside(
    country: Country, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "invented")
    out = ("--out", country.path("locked"))
    made = run("keys", "csca", "--country", "DK", *WHEN, *out, "--password", "env:SECRET")
    assert made.exit_code == 0
    key = country.folder / "locked" / "csca.key.pem"
    with pytest.raises(TypeError, match=r"[Pp]assword"):
        load_pem_private_key(key.read_bytes(), None)
    load_pem_private_key(key.read_bytes(), b"invented")
    csca = ("--csca-key", str(key), "--csca-cert", country.path("locked/csca.pem"))
    refused = run("keys", "dsc", *csca, *WHEN, *out)
    assert refused.exit_code == 2
    assert "cannot be read" in refused.stderr
    opened = run("keys", "dsc", *csca, *WHEN, *out, "--csca-password", "env:SECRET")
    assert opened.exit_code == 0


def test_a_new_password_is_asked_for_twice(tmp_path: Path) -> None:
    arguments = ("keys", "csca", "--country", "DK", "--out", str(tmp_path), "--password", "prompt")
    result = run(*arguments, input="one\nother\nsame\nsame\n")
    assert result.exit_code == 0
    assert "same" not in result.output
    load_pem_private_key((tmp_path / "csca.key.pem").read_bytes(), b"same")


def test_a_request_asks_for_the_usages_and_comes_with_its_key(country: Country) -> None:
    wanted = ("--country", "DK", "--organisation", "Invented Agency", "--usage", "test")
    out = ("--out", country.path("real"))
    assert run("keys", "request", *wanted, *out).exit_code == 0
    folder = country.folder / "real"
    assert mode(folder / "request.key.pem") == 0o600
    asked = x509.load_pem_x509_csr((folder / "request.csr.pem").read_bytes())
    key = load_pem_private_key((folder / "request.key.pem").read_bytes(), None)
    assert asked.public_key() == key.public_key()
    authority = Authority(
        load_pem_private_key((country.folder / "csca.key.pem").read_bytes(), None),  # type: ignore[arg-type]
        Certificate.load((country.folder / "csca.pem").read_bytes()),
    )
    valid_from = authority.certificate.not_before
    assert valid_from is not None
    assert authority.certify_request(asked, valid_from=valid_from).usages == {EventKind.TEST}


def test_a_request_may_be_for_a_key_that_is_there(
    country: Country, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "invented")
    wanted = ("--country", "DK", "--organisation", "Invented Agency")
    out = ("--out", country.path("own"), "--key", country.path("dsc.key.pem"))
    assert run("keys", "request", *wanted, *out).exit_code == 0
    names = [path.name for path in (country.folder / "own").iterdir()]
    assert names == ["request.csr.pem"]
    both = run("keys", "request", *wanted, *out, "--password", "env:SECRET")
    assert both.exit_code == 2
    locked = run("keys", "request", *wanted, "--out", country.path("a"), "--password", "env:SECRET")
    assert locked.exit_code == 0
    again = ("--key", country.path("a/request.key.pem"), "--out", country.path("b"))
    asked = run("keys", "request", *wanted, *again, "--key-password", "env:SECRET")
    assert asked.exit_code == 0


def test_wrong_usage_and_unfit_material_end_with_2(country: Country, csca: tuple[str, ...]) -> None:
    pem = ed25519.Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    strange = country.file("ed.pem", pem)
    out = ("--out", country.path("out"))
    for arguments in (
        ("csca",),
        ("csca", "--country", "Denmark", *out),
        ("csca", "--country", "DK", "--days", "0", *out),
        ("csca", "--country", "DK", "--from", "now", *out),
        ("dsc", *csca, "--each", "--usage", "test", *out),
        ("dsc", *csca, "--days", "5000", *out),
        ("dsc", "--csca-key", country.path("dsc.key.pem"), *csca[2:], *out),
        ("dsc", "--csca-key", strange, *csca[2:], *out),
        ("request", "--country", "DK", *out),
        ("csca", "--country", "DK", "--name", "", *out),
        ("csca", "--country", "DK", "--organisation", " ", *out),
        ("csca", "--country", "DK", "--file-name", "", *out),
        ("dsc", *csca, "--name", "", *out),
        ("request", "--country", "DK", "--organisation", "Invented", "--name", "", *out),
        ("request", "--country", "DK", "--organisation", "", *out),
    ):
        result = run("keys", *arguments)
        assert result.exit_code == 2, arguments
        assert result.stderr.count("Error: ") == 1
    assert not (country.folder / "out").exists()
