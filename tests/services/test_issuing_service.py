"""The issuing service in this process: what goes in, what comes out, what is never written."""

from __future__ import annotations

import logging
import shutil
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import service_world as world
from examples import demo, issuing_service

from coronapas import FIELD, TrustStore, Verifier, catalogue, decode, keys
from coronapas.errors import SigningError
from coronapas.facts import EventKind
from coronapas.live import LiveVerifier, prove
from coronapas.presentation import scan
from coronapas.signing import Signer

BOUND = FIELD | {"content.bound"}

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    demo.make(folder)
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A copy of the demonstration's folder, which a test may change."""
    shutil.copytree(made, tmp_path / "demo")
    return tmp_path / "demo"


@pytest.fixture(scope="module")
def client(made: Path) -> world.Client:
    return world.Client(issuing_service.make(made))


def verifier(folder: Path) -> Verifier:
    return Verifier(
        TrustStore.load(folder / "lists/trust.store"), accept=("eu", "dk"), tolerate=BOUND
    )


def test_a_pass_comes_out_as_it_was_asked_for(client: world.Client, made: Path) -> None:
    texts = [
        client.post("/passes/json", json=world.facts()).json()["text"],
        client.post("/passes/text", json=world.facts()).text,
        scan(client.post("/passes/png", json=world.facts()).content)[0].text,
    ]
    for text in texts:
        result = verifier(made).verify(text)
        assert result.ok
        assert result.facts is not None
        assert result.facts.holder.family_name == world.FAMILY


@pytest.mark.parametrize("language", catalogue.LANGUAGES)
def test_paper_comes_out_in_the_callers_language(client: world.Client, language: str) -> None:
    headers = {"Accept-Language": language}
    answer = client.post("/passes/pdf", json=world.facts(), headers=headers)
    assert answer.content.startswith(b"%PDF-")
    assert scan(answer.content)[0].text.startswith("HC1:")


def test_a_name_that_no_font_has_is_a_fault(client: world.Client) -> None:
    strange = world.facts()
    strange["holder"]["given_name"] = "\u16a0\u16a2"
    answer = client.post("/passes/pdf", json=strange, headers={"Accept-Language": "da"})
    assert answer.status_code == 422
    assert "\u16a0" not in answer.text


def test_each_kind_is_signed_by_its_own_key(client: world.Client, made: Path) -> None:
    kids = set()
    for kind in EventKind:
        text = client.post("/passes/text", json=world.facts(kind.value)).text
        result = verifier(made).verify(text)
        assert result.ok, result.failures
        kids.add(decode(text).kid)
    assert len(kids) == 3


@pytest.mark.parametrize("language", catalogue.LANGUAGES)
def test_all_faults_come_at_once_in_the_callers_language(
    client: world.Client, language: str
) -> None:
    wrong = world.facts(product="Comirnatty", dose_number=3)
    wrong["holder"]["birth_date"] = "1987-13-13"
    headers = {"Accept-Language": f"xx, {language}-XX;q=0.9, fr;q=0.1"}
    answer = client.post("/passes/json", json=wrong, headers=headers)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["content-language"] == language
    faults = answer.json()["faults"]
    assert [fault["code"] for fault in faults] == [
        "json.date",
        "code.unknown",
        "dose.booster-numbering",
    ]
    if language != "en":
        assert faults[0]["sentence"] == catalogue.sentence("json.date", language)
        assert answer.json()["title"] != "The facts have faults."
    assert world.FAMILY not in answer.text
    assert "1987" not in answer.text


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 422, "json.malformed"),
        (b"[1", 422, "json.malformed"),
        (b"[]", 422, "json.type"),
        (b'{"holder": {}}', 422, "json.one-event"),
        (b" " * 70_000, 413, None),
    ],
)
def test_a_body_that_is_no_facts_is_a_problem(
    client: world.Client, body: bytes, status: int, code: str | None
) -> None:
    answer = client.post("/passes/json", content=body)
    assert answer.status_code == status
    assert code in [fault["code"] for fault in answer.json().get("faults", [{"code": None}])]


def test_an_issuer_of_the_callers_choice_is_refused(client: world.Client) -> None:
    answer = client.post("/passes/json", json={**world.facts(), "issuer": "Somebody"})
    assert [fault["code"] for fault in answer.json()["faults"]] == ["json.unknown"]


def test_what_is_not_there_is_a_problem_too(client: world.Client) -> None:
    for method, path, status in (
        ("GET", "/nothing", 404),
        ("PUT", "/health", 405),
        ("POST", "/passes/tiff", 422),
        ("GET", "/screens/unknown/dk1", 404),
        ("GET", "/screens/unknown/dk1/frame", 404),
    ):
        answer = client.request(method, path)
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == status


def test_a_screen_shows_tokens_that_are_live(client: world.Client, made: Path) -> None:
    answer = client.post("/screens", json=world.facts())
    assert answer.status_code == 201
    door = LiveVerifier(verifier(made))
    for view, path in answer.json()["views"].items():
        shown = client.get(path, headers={"Accept-Language": "da"})
        assert f'data-view="{view}"' in shown.text
        assert "'sha256-" in shown.headers["content-security-policy"]
        assert shown.headers["cache-control"] == "no-store"
        frame = client.get(f"{path}/frame").json()
        assert frame["expires"] - frame["issued_at"] == 60
        assert (frame["name"] is None) is (view == "dk1")
        assert door.verify(frame["text"]).check.code == "live.ok"


def test_a_token_is_bound_to_the_browser_that_asks(client: world.Client, made: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric import ec

    from coronapas import _base64 as b64

    device = ec.generate_private_key(ec.SECP256R1())
    point = device.public_key().public_numbers()
    x, y = (b64.encode_url(number.to_bytes(32, "big")) for number in (point.x, point.y))
    jwk = {"kty": "EC", "crv": "P-256", "x": x, "y": y}
    path = client.post("/screens", json=world.facts()).json()["views"]["dk2"]
    assert '"bound": true' in client.get(f"{path}?bound=true").text
    frame = client.post(f"{path}/frame", json=jwk).json()
    door = LiveVerifier(verifier(made))
    assert door.verify(frame["text"]).check.code == "live.unproved"
    assert door.verify(prove(frame["text"], device, at=datetime.now(UTC))).ok
    for wrong in ({**jwk, "d": x}, {**jwk, "x": "A" * 43, "y": "A" * 43}, {}):
        assert client.post(f"{path}/frame", json=wrong).status_code == 422
    assert client.post(f"{path[:-3]}eu/frame", json=jwk).status_code == 422


def test_no_screen_is_made_of_evidence_that_does_not_count(client: world.Client) -> None:
    old = world.facts(date="2025-01-01")
    answer = client.post("/screens", json=old, headers={"Accept-Language": "de"})
    assert answer.status_code == 409
    assert "270 Tage" in answer.json()["detail"]


def test_screens_end_and_are_bounded(monkeypatch: pytest.MonkeyPatch, made: Path) -> None:
    monkeypatch.setattr(issuing_service, "MOST_SCREENS", 2)
    client = world.Client(issuing_service.make(made))
    paths = [client.post("/screens", json=world.facts()).json()["views"]["dk1"] for _ in range(3)]
    assert [client.get(path).status_code for path in paths] == [404, 200, 200]
    monkeypatch.setattr(issuing_service, "SCREEN_LIFE", timedelta(0))
    ended = client.post("/screens", json=world.facts()).json()["views"]["dk1"]
    assert client.get(ended).status_code == 404


def test_a_screen_ends_with_its_evidence(client: world.Client) -> None:
    sampled = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=71, minutes=59, seconds=50)
    path = client.post("/screens", json=world.facts("test", sampled_at=sampled.isoformat()))
    frame = client.get(f"{path.json()['views']['dk1']}/frame").json()
    assert frame["expires"] == sampled.timestamp() + 72 * 3600


def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let folders be looked at on every request."""
    monkeypatch.setattr("examples.web.LOOK_EVERY", 0)


def test_keys_are_read_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at_once(monkeypatch)
    client = world.Client(issuing_service.make(folder))
    before = decode(client.post("/passes/text", json=world.facts()).text).kid
    start = datetime.now(UTC) - timedelta(hours=1)
    pair = keys.make_csca("DK", valid_from=start).issue_dsc(
        valid_from=start, usages=[EventKind.VACCINATION]
    )
    (folder / "keys/vaccination.pem").write_bytes(pair.certificate_pem())
    # Half of the pair is replaced: the former keys stay.
    assert decode(client.post("/passes/text", json=world.facts()).text).kid == before
    assert client.get("/health").json()["keys"] == "former"
    (folder / "keys/vaccination.key.pem").write_bytes(pair.key_pem())
    after = decode(client.post("/passes/text", json=world.facts()).text).kid
    assert after == pair.certificate.kid != before
    assert client.get("/health").json()["ok"] is True


def test_a_signer_that_does_not_answer_is_a_problem(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(_self: Signer, _message: bytes) -> bytes:
        raise SigningError("the service of the key is away")

    client = world.Client(issuing_service.make(folder))
    path = client.post("/screens", json=world.facts()).json()["views"]["dk1"]
    for name in ("sign", "sign_digest"):
        monkeypatch.setattr(Signer, name, silent)
    assert client.post("/passes/text", json=world.facts()).status_code == 503
    assert client.get(f"{path}/frame").status_code == 503


def use_everything(client: world.Client) -> list[str]:
    """Use every operation, well and badly; give back what the holder would not want in a log."""
    headers: dict[str, Any] = {"Accept-Language": "da"}
    for form in ("json", "text", "png", "pdf"):
        client.post(f"/passes/{form}", json=world.facts(), headers=headers)
    text = client.post("/passes/text", json=world.facts()).text
    wrong = world.facts(product=world.FAMILY, date=world.BORN)
    client.post("/passes/json", json=wrong)
    client.post("/passes/json", json={world.GIVEN: world.FAMILY})
    client.post("/passes/" + world.FAMILY, json=wrong)
    views = client.post("/screens", json=world.facts()).json()["views"]
    for path in views.values():
        client.get(path)
        client.get(f"{path}/frame")
        client.post(f"{path}/frame", json={"kty": world.FAMILY})
    name = views["dk1"].split("/")[2]
    return [world.FAMILY, world.GIVEN, world.BORN, "URN:UVCI", text, text[4:40], name, "PRØVE"]


def test_nothing_of_a_holder_is_in_the_log(
    client: world.Client, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        secrets = use_everything(client)
    log = world.service_log(caplog)
    assert "/passes/{form}" in log
    for secret in secrets:
        assert secret not in log
        assert secret not in client.get("/metrics").text


def test_a_fault_of_the_service_is_a_problem_and_quotes_nothing(
    made: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_document: object) -> object:
        raise RuntimeError(world.FAMILY)

    monkeypatch.setattr(issuing_service, "read_facts", broken)
    client = world.Client(issuing_service.make(made))
    with caplog.at_level(logging.INFO):
        answer = client.post("/passes/json", json=world.facts())
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert "RuntimeError" in caplog.text
    assert world.FAMILY not in caplog.text + answer.text


def test_metrics_count_and_name_routes_alone(made: Path) -> None:
    client = world.Client(issuing_service.make(made))
    client.post("/passes/text", json=world.facts())
    client.post("/passes/text", json={})
    text = client.get("/metrics").text
    assert 'passes_total{kind="vaccination"} 1' in text
    assert 'requests_total{route="/passes/{form}",status="422"} 1' in text
    assert "event_loop_lag_max_seconds" in text


def test_the_page_and_its_parts_are_served(client: world.Client) -> None:
    index = client.get("/")
    assert "default-src 'none'" in index.headers["content-security-policy"]
    for path in ("/pages/common.css", "/pages/issuing.js"):
        assert path in index.text
        assert client.get(path).status_code == 200


def test_a_demonstration_is_made_once_and_its_keys_are_secret(made: Path) -> None:
    before = (made / "keys/test.key.pem").read_bytes()
    demo.make(made)
    assert (made / "keys/test.key.pem").read_bytes() == before
    assert (made / "keys/test.key.pem").stat().st_mode & 0o077 == 0
    assert (made / "keys").stat().st_mode & 0o077 == 0
