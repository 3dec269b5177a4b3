"""Credentials of wallets where passes are judged: verify, decide and programme."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.asymmetric import ec

import backend
from coronapas import schemas
from coronapas.cli._app import coronapas
from coronapas.dcc import build_dcc
from coronapas.keys import make_csca, make_key
from coronapas.signing import Signer
from coronapas.wallets import (
    KeyBinding,
    StatusReference,
    credential_in,
    issue_elements,
    issue_mdoc,
    issue_sd_jwt,
    make_status_list,
    openid4vp_transcript,
    present_mdoc,
    present_sd_jwt,
    to_claims,
    to_elements,
)

ISSUED = backend.NOW
AT = ISSUED + timedelta(days=30)
LIFE = timedelta(days=90)
ASKED = KeyBinding("https://verifier.example", "the nonce")
TRANSCRIPT = openid4vp_transcript("client", "the nonce", "https://verifier.example/response")
BINDING = ("--audience", ASKED.audience, "--nonce", ASKED.nonce)
SESSION = ("--session-transcript", "session.cbor")
TRUST = ("--trust", "dsc.pem", "--trust", "csca.pem")
WHEN = ("--at", AT.isoformat())
CONTAINERS = ("eu", "sd-jwt", "mdoc")


@cache
def phone() -> ec.EllipticCurvePrivateKey:
    key = make_key()
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key


@cache
def dcc() -> dict[str, Any]:
    return build_dcc(
        backend.HOLDER,
        backend.VACCINATION,
        country="DK",
        issuer="Health Data",
        uvci="URN:UVCI:01:DK:ABCDEFGHIJKL",
        on=ISSUED,
    )


def sd_jwt(*, life: timedelta = LIFE, status: StatusReference | None = None) -> str:
    return issue_sd_jwt(
        dcc(),
        backend.dsc().signer(),
        expires=life,
        issued_at=ISSUED,
        holder_key=phone().public_key(),
        status=status,
    ).text


def presented_sd_jwt() -> str:
    holder = Signer(phone(), kid=bytes(8))
    shown = list(to_claims(dcc()).content)
    return present_sd_jwt(sd_jwt(), shown, holder=holder, binding=ASKED, at=AT)


def mdoc() -> bytes:
    terms: dict[str, Any] = {"expires": LIFE, "issued_at": ISSUED}
    key = phone().public_key()
    return issue_mdoc(dcc(), backend.dsc().signer(), device_key=key, **terms).data


def presented_mdoc() -> bytes:
    chosen = {name: list(each) for name, each in to_elements(dcc()).content.items()}
    return present_mdoc(mdoc(), chosen, transcript=TRANSCRIPT, device=Signer(phone(), kid=bytes(8)))


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, content in {
        "csca.pem": backend.csca().certificate_pem(),
        "dsc.pem": backend.dsc().certificate_pem(),
        "session.cbor": TRANSCRIPT,
        "eu": backend.forge(backend.claims(dcc(), exp=int((ISSUED + LIFE).timestamp()))).encode(),
        "sd-jwt": presented_sd_jwt().encode(),
        "mdoc": presented_mdoc(),
        "mdoc.txt": base64url(presented_mdoc()).encode(),
        "mdoc.hex": presented_mdoc().hex().encode(),
    }.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(coronapas, list(arguments), prog_name="coronapas")
    if result.exception is not None:
        assert isinstance(result.exception, SystemExit), repr(result.exception)
    return result


def line(*arguments: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(run(*arguments).stdout)
    return document


@pytest.mark.usefixtures("folder")
def test_the_same_facts_in_three_containers_come_to_one_verdict() -> None:
    """Verified, decided, and judged by a programme, on the command line alone."""
    verified: dict[str, Any] = {}
    decided: dict[str, Any] = {}
    judged: dict[str, Any] = {}
    for name in CONTAINERS:
        document = line("verify", name, *TRUST, *WHEN, "--json", "--show-personal-data")
        assert document["profile"] == name
        facts = document["facts"]
        verified[name] = (document["ok"], document["kind"], document["country"], facts)
        for country, at in (("EU", AT), ("EU", ISSUED + timedelta(days=89))):
            arguments = ("--rules", "eu-travel", "--country", country, "--at", at.isoformat())
            found = line("decide", name, *TRUST, *arguments, "--json")["decisions"][0]
            rules = [(each["identifier"], each["outcome"]) for each in found["rules"]]
            assert found["outcome"] == "PASS"
            assert found["window"]["end"]["at"] == (ISSUED + LIFE).isoformat()
            decided.setdefault(name, []).append((found["outcome"], rules))
        checked = line("programme", "check", "--pass", name, *TRUST, *WHEN, "--json")
        judged[name] = checked
    assert verified["eu"] == verified["sd-jwt"] == verified["mdoc"]
    assert verified["eu"][0] is True
    assert decided["eu"] == decided["sd-jwt"] == decided["mdoc"]
    assert judged["eu"] == judged["sd-jwt"] == judged["mdoc"]
    assert judged["eu"]["valid"] is True


@pytest.mark.usefixtures("folder")
def test_the_three_fail_alike_where_the_facts_do_not_suffice() -> None:
    early = ("--at", "2021-06-02T00:00:00Z")
    for name in CONTAINERS:
        result = run("decide", name, *TRUST, *early, "--rules", "eu-travel", "--country", "EU")
        assert result.exit_code == 1
        assert "REFUSED" in result.output
    late = ("--at", (ISSUED + LIFE + timedelta(seconds=1)).isoformat())
    for name in CONTAINERS:
        found = line("verify", name, *TRUST, *late, "--json")
        assert (found["ok"], found["failures"]) == (False, ["time.expired"])
        result = run("decide", name, *TRUST, *late, "--rules", "eu-travel", "--country", "EU")
        assert result.exit_code == 1
        assert "REFUSED" in result.output
        # A programme judges the event; that the pass itself has ended is said.
        checked = run("programme", "check", "--pass", name, *TRUST, *late, "--json")
        assert json.loads(checked.stdout)["valid"] is not None
        assert "the pass itself is not valid at that moment" in checked.stderr
        checked = run("programme", "check", "--pass", name, *TRUST, *WHEN, "--json")
        assert checked.stderr.count("not valid at that moment") == 0


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("name", ["sd-jwt", "mdoc", "mdoc.txt", "mdoc.hex"])
def test_a_credential_is_recognised_in_every_form(name: str) -> None:
    found = run("verify", name, *TRUST, *WHEN, "--json")
    document = json.loads(found.stdout)
    assert found.exit_code == 0
    assert document["profile"] == name.partition(".")[0]
    jsonschema.validate(document, schemas.load("verification"))
    assert document["credential"]["bound"] is True
    assert document["issued_at"] == ISSUED.isoformat()
    assert document["expires"] == (ISSUED + LIFE).isoformat()
    plain = run("verify", name, *TRUST, *WHEN, "--language", "da")
    assert "binding til indehaveren" in plain.output
    assert "Prøvesen" not in found.output + plain.output


@pytest.mark.usefixtures("folder")
def test_a_credential_is_read_from_text_and_standard_input(folder: Path) -> None:
    text = (folder / "sd-jwt").read_text()
    assert run("verify", "--text", text, *TRUST, *WHEN).exit_code == 0
    whole = CliRunner().invoke(
        coronapas, ["verify", "-", *TRUST, *WHEN], input=(folder / "mdoc").read_bytes()
    )
    assert whole.exit_code == 0
    several = "\n".join([(folder / "eu").read_text(), text, (folder / "mdoc.txt").read_text()])
    (folder / "all.txt").write_text(several)
    result = run("verify", "all.txt", *TRUST, *WHEN)
    assert result.exit_code == 0
    assert "3 ok, 0 failed" in result.output
    wrapped = "\n".join(text[at : at + 76] for at in range(0, len(text), 76))
    (folder / "wrapped.txt").write_text(wrapped)
    assert run("verify", "wrapped.txt", "--whole", *TRUST, *WHEN).exit_code == 0


@pytest.mark.usefixtures("folder")
def test_a_long_credential_is_read_whole(folder: Path) -> None:
    elements = {**to_elements(dcc()).content, "org.example.1": {"portrait": bytes(90_000)}}
    data = issue_elements(
        elements,
        backend.dsc().signer(),
        doc_type="org.micov.1",
        device_key=phone().public_key(),
        issued_at=ISSUED,
        expires=ISSUED + LIFE,
    )
    for name, content in (("long", data), ("long.txt", base64url(data).encode())):
        (folder / name).write_bytes(content)
        assert run("verify", name, *TRUST, *WHEN).exit_code == 0


@pytest.mark.usefixtures("folder")
def test_a_binding_that_is_asked_for_cannot_be_avoided(folder: Path) -> None:
    (folder / "unbound").write_text(sd_jwt())
    (folder / "undevice").write_bytes(mdoc())
    expected = {
        ("sd-jwt", BINDING): [],
        ("mdoc", SESSION): [],
        ("sd-jwt", BINDING + SESSION): [],
        ("mdoc", BINDING + SESSION): [],
        ("unbound", BINDING): ["binding.missing"],
        ("undevice", SESSION): ["binding.missing"],
        # What has no binding of the kind that was asked for is no way around it.
        ("sd-jwt", SESSION): ["binding.missing"],
        ("mdoc", BINDING): ["binding.missing"],
        ("eu", BINDING): ["binding.missing"],
        ("eu", SESSION): ["binding.missing"],
        ("sd-jwt", (*BINDING[:3], "other")): ["binding.nonce"],
    }
    for (name, asked), failures in expected.items():
        found = run("verify", name, *TRUST, *WHEN, *asked, "--json")
        document = json.loads(found.stdout)
        assert document["failures"] == failures, (name, asked)
        assert document["ok"] is (found.exit_code == 0) is (failures == [])
        rules = ("--rules", "eu-travel", "--country", "EU")
        decided = run("decide", name, *TRUST, *WHEN, *asked, *rules)
        assert decided.exit_code == (1 if failures else 0), (name, asked)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    "more",
    [
        ("--audience", "x"),
        ("--nonce", "x"),
        ("--audience", " ", "--nonce", "x"),
        ("--reader-key", "dsc.pem"),
        ("--session-transcript", "dsc.pem"),
        ("--session-transcript", "session.cbor", "--reader-key", "dsc.pem"),
        ("--status-list", "dsc.pem"),
    ],
)
def test_half_a_request_is_wrong_usage(more: tuple[str, ...]) -> None:
    for name in CONTAINERS:
        result = run("verify", name, *TRUST, *WHEN, *more)
        assert result.exit_code == 2
        assert "Error" in result.stderr
    rules = ("--rules", "eu-travel", "--country", "EU")
    assert run("decide", "eu", "--unverified", *rules, *more).exit_code == 2


@pytest.mark.usefixtures("folder")
def test_settings_of_trust_hold_for_credentials(folder: Path) -> None:
    stranger = ("--trust", "other.pem")
    other = make_csca("DK", valid_from=backend.BEGIN)
    (folder / "other.pem").write_bytes(other.certificate_pem())
    for name in CONTAINERS:
        document = line("verify", name, *stranger, *WHEN, "--json")
        assert document["failures"] == ["identifier.unknown"]
        # Only what states an EU pass is accepted where EU passes are.
        assert run("verify", name, *TRUST, *WHEN, "--accept", "dk").exit_code == 1
    for name in ("sd-jwt", "mdoc"):
        named = ("--credential-type", "urn:x:other")
        assert line("verify", name, *TRUST, *WHEN, *named, "--json")["ok"] is False
    known = ("--credential-type", "org.micov.1")
    assert line("verify", "mdoc", *TRUST, *WHEN, *known, "--json")["ok"] is True
    refused = line("verify", "mdoc", *TRUST, *WHEN, "--refuse-unknown-revocation", "--json")
    assert refused["failures"] == ["revocation.no-data"]


def test_a_status_list_counts(folder: Path) -> None:
    address = "https://status.example/1"
    (folder / "listed").write_text(sd_jwt(status=StatusReference(1, address)))
    for status, code in ((0, 0), (1, 1)):
        token = make_status_list([0, status], address, backend.dsc().signer(), issued_at=ISSUED)
        (folder / "status.jwt").write_text(str(token))
        assert run("verify", "listed", *TRUST, *WHEN, "--status-list", "status.jwt").exit_code == (
            code
        )


@pytest.mark.usefixtures("folder")
def test_nobody_vouches_for_an_unverified_credential() -> None:
    rules = ("--rules", "eu-travel", "--country", "EU", *WHEN)
    outcomes = {}
    for name in CONTAINERS:
        result = run("decide", name, "--unverified", *rules, "--json")
        assert result.exit_code == 1
        found = json.loads(result.stdout)["decisions"][0]
        outcomes[name] = (found["outcome"], found["if_genuine"])
    assert set(outcomes.values()) == {("UNVERIFIED", "PASS")}


def test_too_little_for_a_pass_is_said(folder: Path) -> None:
    (folder / "little").write_text(present_sd_jwt(sd_jwt(), ["birthdate"]))
    assert run("verify", "little", *TRUST, *WHEN).exit_code == 0
    rules = ("--rules", "eu-travel", "--country", "EU")
    for more in (TRUST, ("--unverified",)):
        result = run("decide", "little", *more, *WHEN, *rules)
        assert result.exit_code == 2
        assert "no payload" in result.stderr
    result = run("programme", "check", "--pass", "little", *TRUST, *WHEN)
    assert result.exit_code == 2
    assert "states no event" in result.stderr


def test_garbage_that_begins_like_a_credential_fails_and_no_more(folder: Path) -> None:
    cases = {
        "eyJ.x.y~": "format.malformed",
        "omppc3N1ZXJBdXRo": "format.malformed",
        b"\xa2jissuerAuth".hex(): "format.malformed",
    }
    for text, code in cases.items():
        (folder / "odd").write_text(text)
        result = run("verify", "odd", *TRUST, *WHEN, "--json")
        assert result.exit_code == 1
        assert json.loads(result.stdout)["failures"] == [code]
    (folder / "odd").write_bytes(b"\xa2jissuerAuth\xff\xff")
    assert run("verify", "odd", *TRUST, *WHEN).exit_code == 1


@pytest.mark.parametrize(
    "content",
    ["", "HC1:6BF", "eyJ", "eyJhbGciOiJ.x.y", "~", b"\xa1", b"\xff", "é~", "a2", "https://x.y/z"],
)
def test_what_does_not_begin_like_a_credential_is_none(content: str | bytes) -> None:
    assert credential_in(content) is None


# The zone in which moments are shown.


@pytest.mark.usefixtures("folder")
def test_moments_are_shown_in_the_zone_that_is_asked_for() -> None:
    rules = ("--rules", "eu-travel", "--country", "EU", "--country", "DK")
    plain = run("decide", "sd-jwt", *TRUST, *WHEN, *rules).output
    assert "2021-11-30 12:00:00 UTC (not included)" in plain
    assert "The pass itself is valid until 2021-11-30 12:00:00 UTC (not included)." in plain
    zone = ("--zone", "Europe/Copenhagen")
    local = run("decide", "sd-jwt", *TRUST, *WHEN, *rules, *zone).output
    row = next(each for each in local.splitlines() if each.startswith("EU "))
    assert "2021-11-30 13:00:00 +01:00 Europe/Copenhagen (not included)" in row
    assert "UTC" not in row
    ending = "The pass itself is valid until 2021-11-30 13:00:00 +01:00 Europe/Copenhagen"
    assert ending in local
    danish = run("decide", "eu", *TRUST, *WHEN, *rules, *zone, "--language", "da").output
    assert "til og med 2021-11-30 13:00:00 +01:00 Europe/Copenhagen." in danish
    for wrong in ("Europe/Nowhere", "../etc/passwd", ""):
        result = run("decide", "eu", *TRUST, *WHEN, *rules, "--zone", wrong)
        assert result.exit_code == 2
        assert "time zone" in result.stderr


def test_an_hour_that_occurs_twice_is_told_by_its_offset() -> None:
    from zoneinfo import ZoneInfo

    from coronapas.cli._options import shown_in

    zone = ZoneInfo("Europe/Copenhagen")
    moments = (datetime(2021, 10, 31, hour, 30, tzinfo=UTC) for hour in (0, 1))
    assert [shown_in(at, zone) for at in moments] == [
        "2021-10-31 02:30:00 +02:00 Europe/Copenhagen",
        "2021-10-31 02:30:00 +01:00 Europe/Copenhagen",
    ]
    last = datetime.max.replace(tzinfo=UTC)
    assert shown_in(last, zone) == "9999-12-31 23:59:59.999999 UTC"
