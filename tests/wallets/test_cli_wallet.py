"""``coronapas wallet``: issue, present, verify, show; what it says, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from wallet_world import (
    ISSUED,
    ISSUER_JWK,
    NOW,
    TRANSCRIPT,
    annex_d,
    asked_of,
    holder_private,
    holder_public,
    keys,
    signer,
    vectors,
)

from coronapas.cli._app import coronapas
from coronapas.wallets import CREDENTIAL_CHECKS, jwk_of, make_status_list

if TYPE_CHECKING:
    from collections.abc import Iterable

FACTS: dict[str, Any] = {
    "holder": {
        "family_name": "Markerfamily",
        "given_name": "Markergiven",
        "birth_date": "1971-03-09",
    },
    "vaccination": {
        "product": "Comirnaty",
        "dose_number": 2,
        "doses": 2,
        "date": "2022-11-17",
    },
}
AT = ("--at", NOW.isoformat())


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(coronapas, ["wallet", *arguments], prog_name="coronapas")
    if result.exception is not None:
        assert isinstance(result.exception, SystemExit), repr(result.exception)
    return result


def private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def public_pem(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    authority, pair = keys()
    for name, content in {
        "csca.pem": authority.certificate_pem(),
        "dsc.pem": pair.certificate_pem(),
        "dsc.key.pem": pair.key_pem(),
        "facts.json": json.dumps(FACTS).encode(),
        "holder.key.pem": private_pem(holder_private()),
        "holder.pem": public_pem(holder_public()),
        "holder.jwk": json.dumps(jwk_of(holder_public())).encode(),
        "issuer.jwk": json.dumps(ISSUER_JWK).encode(),
        "session.cbor": TRANSCRIPT,
        "session.hex": TRANSCRIPT.hex().encode(),
    }.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


def issue(form: str, *more: str) -> Result:
    return run(
        *("issue", "facts.json", "--format", form, "--key", "dsc.key.pem", "--cert", "dsc.pem"),
        *("--expires", "90d", "--issued-at", ISSUED.isoformat(), "--holder-key", "holder.jwk"),
        *more,
    )


def sd_jwt(*more: str) -> Path:
    result = issue("sd-jwt", "--output", "credential.txt", *more)
    assert result.exit_code == 0, result.output
    return Path("credential.txt")


def mdoc() -> Path:
    result = issue("mdoc", "--output", "credential.txt", "--force")
    assert result.exit_code == 0, result.output
    return Path("credential.txt")


def names(disclosed: Iterable[str]) -> list[str]:
    return [part for each in disclosed for part in ("--disclose", each)]


ASKED = ("--audience", "https://verifier.example", "--nonce", "n")


@pytest.mark.usefixtures("folder")
def test_an_sd_jwt_goes_from_facts_to_a_verdict() -> None:
    sd_jwt("--decoys", "3", "--shown", "country")
    done = run(
        *("present", "credential.txt", "--format", "sd-jwt", *ASKED, *AT),
        *("--holder-key", "holder.key.pem", "--output", "shown.txt"),
        *names(["birthdate", "family_name"]),
    )
    assert done.exit_code == 0, done.output
    trust = ("--trust", "csca.pem")
    result = run("verify", "shown.txt", "--format", "sd-jwt", *trust, *AT, *ASKED, "--json")
    document: dict[str, Any] = json.loads(result.stdout)
    assert result.exit_code == 0
    assert (document["ok"], document["profile"]) == (True, "sd-jwt")
    assert [check["name"] for check in document["checks"]] == list(CREDENTIAL_CHECKS)
    assert "Markerfamily" not in result.output
    other = run("verify", "shown.txt", "--format", "sd-jwt", *trust, *AT, *ASKED[:3], "m")
    assert other.exit_code == 1
    assert "another request" in other.output
    unbound = run("verify", "credential.txt", "--format", "sd-jwt", *trust, *AT, *ASKED)
    assert unbound.exit_code == 1
    personal = run(
        *("verify", "shown.txt", "--format", "sd-jwt", *trust, *AT, "--show-personal-data"),
        "--json",
    )
    assert json.loads(personal.stdout)["claims"]["family_name"] == "Markerfamily"


@pytest.mark.usefixtures("folder")
def test_an_mdoc_goes_from_facts_to_a_verdict() -> None:
    result = issue("mdoc", "--output", "credential.txt")
    assert "not stated: nam.fnt" in result.stderr
    done = run(
        *("present", "credential.txt", "--format", "mdoc", "--session-transcript", "session.cbor"),
        *("--holder-key", "holder.key.pem", "--output", "shown.txt"),
        *names(f"org.micov.vtr.1/{name}" for name in ("fn", "gn", "dob", "v_RA01_2")),
    )
    assert done.exit_code == 0, done.output
    session = ("--session-transcript", "session.hex")
    result = run(
        *("verify", "shown.txt", "--format", "mdoc", "--key", "dsc.pem", *AT, *session, "--json")
    )
    document = json.loads(result.stdout)
    assert result.exit_code == 0, result.output
    assert (document["ok"], document["profile"], document["kind"]) == (True, "mdoc", "vaccination")
    plain = run("verify", "shown.txt", "--format", "mdoc", "--key", "dsc.pem", *AT, "--checks")
    assert "UNKNOWN  holder binding" in plain.output
    assert "Markerfamily" not in plain.output


@pytest.mark.usefixtures("folder")
def test_a_mac_is_made_and_verified(folder: Path) -> None:
    mdoc()
    reader = ec.generate_private_key(ec.SECP256R1())
    (folder / "reader.key.pem").write_bytes(private_pem(reader))
    (folder / "reader.pem").write_bytes(public_pem(reader.public_key()))
    done = run(
        *("present", "credential.txt", "--format", "mdoc", "--session-transcript", "session.cbor"),
        *("--holder-key", "holder.key.pem", "--reader-key", "reader.pem", "--output", "shown.txt"),
        *names(["org.micov.vtr.1/fn"]),
    )
    assert done.exit_code == 0, done.output
    base = ("verify", "shown.txt", "--format", "mdoc", "--key", "dsc.pem", *AT)
    session = ("--session-transcript", "session.cbor")
    assert run(*base, *session, "--reader-key", "reader.key.pem").exit_code == 0
    assert run(*base, *session).exit_code == 1
    assert run(*base, "--reader-key", "reader.key.pem").exit_code == 2


@pytest.mark.usefixtures("folder")
def test_the_public_vectors_verify(official: Path) -> None:
    for path in vectors(official):
        asked = asked_of(path)
        more = () if asked is None else ("--audience", asked.audience, "--nonce", asked.nonce)
        result = run(
            *("verify", str(path), "--format", "sd-jwt", "--key", "issuer.jwk"),
            *("--at", "2027-01-01T00:00:00Z", *more, "--json"),
        )
        assert result.exit_code == 0, result.output
        assert json.loads(result.stdout)["ok"] is True


def test_annex_d_verifies(folder: Path, official: Path) -> None:
    response, store, transcript, reader = annex_d(official)
    (folder / "ds.pem").write_bytes(store.certificates[0].pem())
    (folder / "response.bin").write_bytes(response)
    (folder / "transcript").write_text(transcript.hex())
    (folder / "reader.pem").write_bytes(private_pem(reader))
    result = run(
        *("verify", "response.bin", "--format", "mdoc", "--trust", "ds.pem"),
        *("--at", "2020-12-01T00:00:00Z", "--session-transcript", "transcript"),
        *("--reader-key", "reader.pem", "--json"),
    )
    assert result.exit_code == 0, result.output


@pytest.mark.usefixtures("folder")
def test_show_tells_names_and_no_values_unless_asked() -> None:
    sd_jwt()
    shown = run("show", "credential.txt", "--format", "sd-jwt")
    assert shown.exit_code == 0
    assert '"family_name": "\\u2026"' in shown.output
    assert "Markerfamily" not in shown.output
    personal = run("show", "credential.txt", "--format", "sd-jwt", "--show-personal-data")
    assert "Markerfamily" in personal.output
    mdoc()
    for more in ((), ("--show-personal-data",)):
        shown = run("show", "credential.txt", "--format", "mdoc", *more)
        document = json.loads(shown.stdout)
        assert document["type"] == "org.micov.1"
        assert document["verified"] is False
        assert ("Markerfamily" in shown.output) is bool(more)


@pytest.mark.usefixtures("folder")
def test_a_status_list_is_taken(folder: Path) -> None:
    sd_jwt()
    token = make_status_list([0], "https://status.example", signer(), issued_at=ISSUED)
    (folder / "list.jwt").write_text(str(token))
    base = ("verify", "credential.txt", "--format", "sd-jwt", "--trust", "csca.pem", *AT)
    assert run(*base, "--status-list", "list.jwt").exit_code == 0
    (folder / "list.jwt").write_text("x.y.z")
    assert run(*base, "--status-list", "list.jwt").exit_code == 2


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    "arguments",
    [
        ("verify", "facts.json", "--format", "sd-jwt"),
        ("verify", "facts.json", "--format", "sd-jwt", "--key", "dsc.pem", "--nonce", "x"),
        ("verify", "facts.json", "--format", "mdoc", "--key", "dsc.pem", "--nonce", "x"),
        (
            *("verify", "facts.json", "--format", "sd-jwt", "--key", "dsc.pem"),
            *("--session-transcript", "session.cbor"),
        ),
        (
            *("verify", "facts.json", "--format", "mdoc", "--key", "dsc.pem"),
            *("--session-transcript", "facts.json"),
        ),
        ("verify", "facts.json", "--format", "sd-jwt", "--key", "facts.json"),
        ("present", "facts.json", "--format", "mdoc"),
        ("present", "facts.json", "--format", "sd-jwt"),
        ("show", "facts.json", "--format", "sd-jwt"),
        ("show", "facts.json", "--format", "mdoc"),
        (
            *("present", "facts.json", "--format", "sd-jwt", *ASKED),
            *("--holder-key", "holder.pem"),
        ),
    ],
)
def test_wrong_usage_ends_with_2(arguments: tuple[str, ...]) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert "Error" in result.stderr


@pytest.mark.usefixtures("folder")
def test_what_is_no_credential_is_not_ok() -> None:
    for form in ("sd-jwt", "mdoc"):
        result = run("verify", "facts.json", "--format", form, "--key", "dsc.pem", "--json")
        assert result.exit_code == 1
        assert json.loads(result.stdout)["ok"] is False


@pytest.mark.usefixtures("folder")
def test_refused_facts_end_with_1(folder: Path) -> None:
    facts = {**FACTS, "vaccination": {**FACTS["vaccination"], "date": "2024-01-01"}}
    (folder / "facts.json").write_text(json.dumps(facts))
    result = issue("sd-jwt")
    assert result.exit_code == 1
    assert "vaccination.date" in result.stderr
    for form, more in (("mdoc", ("--decoys", "1")), ("mdoc", ("--shown", "x"))):
        (folder / "facts.json").write_text(json.dumps(FACTS))
        assert issue(form, *more).exit_code == 2
