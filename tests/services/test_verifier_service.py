"""The verifier page's answers: each wrong pass says its own, in three languages."""

from __future__ import annotations

import json
import logging
import shutil
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import service_world as world
from examples import demo, verifier_page
from examples.web import PAGES

from coronapas import Holder, Issuer, Signer, Vaccination, catalogue, keys
from coronapas.denmark import DanishIssuer
from coronapas.live import LIFE
from coronapas.presentation import qr

if TYPE_CHECKING:
    from pathlib import Path

HOLDER = Holder(world.FAMILY, world.GIVEN, date.fromisoformat(world.BORN))
WORDS: dict[str, dict[str, str]] = json.loads((PAGES / "words.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    demo.make(folder)
    return folder


@pytest.fixture(scope="module")
def client(made: Path) -> world.Client:
    return world.Client(verifier_page.make(made))


def signer(folder: Path, name: str) -> Signer:
    key, certificate = (folder / "keys" / f"{name}{end}" for end in (".key.pem", ".pem"))
    return Signer.from_pem(key.read_bytes(), certificate.read_bytes())


def issue(
    folder: Path,
    *,
    days: int = 60,
    holder: Holder = HOLDER,
    number: int = 2,
    **settings: Any,
) -> str:
    dose = Vaccination("Comirnaty", number, 2, date.today() - timedelta(days=days))
    times: dict[str, Any] = {"expires": timedelta(days=365), **settings}
    return Issuer("DK", signer(folder, "vaccination")).issue(holder, dose, **times).text


def token(folder: Path, kind: str = "dk2", ago: int = 0) -> str:
    issuer = DanishIssuer(
        signer(folder, "domestic"), life=timedelta(hours=1), granularity=timedelta(seconds=1)
    )
    at = datetime.now(UTC) - timedelta(seconds=ago)
    made = issuer.dk1(issued_at=at) if kind == "dk1" else issuer.dk2(HOLDER, issued_at=at)
    return made.text


def ask(client: world.Client, *texts: str, language: str = "en", **more: Any) -> dict[str, Any]:
    answer = client.post(
        "/answers", json={"texts": texts, **more}, headers={"Accept-Language": language}
    )
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_genuine_pass_is_accepted_until_the_rules_end_it(
    client: world.Client, made: Path
) -> None:
    text = issue(made)
    dose = date.today() - timedelta(days=60)
    plain = ask(client, text)
    assert plain["outcome"] == "genuine"
    assert plain["passes"][0]["name"] == f"{world.GIVEN} {world.FAMILY}"
    for country, days in demo.DAYS.items():
        found = ask(client, text, country=country)
        assert found["outcome"] == "accepted"
        assert found["until"] == f"{dose + timedelta(days=days)}T00:00:00Z"
        assert found["closes_after"] == 120
    assert ask(client, text, country="FR")["outcome"] == "open"


def test_a_country_that_asks_for_less_time_refuses_with_its_own_rule(
    client: world.Client, made: Path
) -> None:
    text = issue(made, days=200)
    assert ask(client, text, country="DK")["outcome"] == "accepted"
    refused = ask(client, text, country="DE", language="de")
    assert refused["outcome"] == "refused"
    assert "180 Tage" in refused["reasons"][0]
    assert refused["until"] is None


def wrong(made: Path) -> dict[str, str]:
    """Passes that must not get through, by the code that says why."""
    now = datetime.now(UTC)
    stranger = keys.make_csca("DK", valid_from=now - timedelta(days=1)).issue_dsc(
        valid_from=now - timedelta(days=1)
    )
    good = issue(made)
    dose = Vaccination("Comirnaty", 2, 2, date.today() - timedelta(days=60))
    forged = Issuer("DK", Signer(stranger.private_key, kid=signer(made, "vaccination").kid)).issue(
        HOLDER, dose, expires=timedelta(days=9)
    )
    unknown = Issuer("DK", stranger.signer()).issue(HOLDER, dose, expires=timedelta(days=9))
    hour = timedelta(hours=1)
    return {
        "signature.invalid": forged.text,
        "identifier.unknown": unknown.text,
        "time.expired": issue(made, issued_at=now - 2 * hour, expires=hour),
        "prefix.not-a-pass": "https://example.org/menu",
        "compression.checksum": good[:-3] + "000",
        "live.stale": token(made, ago=120),
    }


@pytest.mark.parametrize("language", catalogue.LANGUAGES)
def test_each_wrong_pass_says_its_own(client: world.Client, made: Path, language: str) -> None:
    said = set()
    for code, text in wrong(made).items():
        found = ask(client, text, language=language, country="DK")
        assert found["outcome"] == "refused", code
        (seen,) = found["passes"]
        if code.startswith("compression"):
            assert seen["codes"]
        else:
            assert seen["codes"] == [code]
            if language != "en" and code != "identifier.unknown":
                assert catalogue.sentence(code, language).rstrip(".") in found["reasons"][0]
        assert found["closes_after"] == 60
        said.add(found["reasons"][0])
    assert len(said) == len(wrong(made))


def test_what_is_not_signed_names_nobody(client: world.Client, made: Path) -> None:
    found = ask(client, wrong(made)["signature.invalid"])
    assert found["passes"][0]["name"] is None
    assert world.FAMILY not in json.dumps(found, ensure_ascii=False)


def test_a_revoked_pass_is_refused_once_the_lists_are_read_again(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("examples.web.LOOK_EVERY", 0)
    folder = tmp_path / "demo"
    shutil.copytree(made, folder)
    client = world.Client(verifier_page.make(folder))
    text, shown = issue(folder), token(folder, "dk1")
    assert ask(client, text)["outcome"] == "genuine"
    assert ask(client, shown)["outcome"] == "genuine"
    demo.revoke(folder, text)
    refused = ask(client, text, language="da")
    assert refused["passes"][0]["codes"] == ["revocation.revoked"]
    assert ask(client, shown)["passes"][0]["codes"] == ["live.replayed"]
    (folder / "lists/revocation.store").write_bytes(b"damaged")
    assert ask(client, text)["outcome"] == "refused"
    state = client.get("/health").json()
    assert (state["ok"], state["lists"]) == (False, "former")


@pytest.mark.parametrize("language", catalogue.LANGUAGES)
@pytest.mark.parametrize(
    ("document", "identity"),
    [
        ({"name": f"{world.FAMILY.upper()}, {world.GIVEN}", "birth_date": world.BORN}, "match"),
        ({"mrz": "PROEVESEN<ZWOELF<<AASE<MARIE<<<", "birth_date": "870504"}, "match"),
        ({"name": f"{world.FAMILY}, Åse", "birth_date": world.BORN}, "unsure"),
        ({"name": "Hansen, Ib", "birth_date": world.BORN}, "no match"),
        ({"name": f"{world.GIVEN} {world.FAMILY}", "birth_date": "1988-05-04"}, "no match"),
    ],
)
def test_a_document_is_compared(
    client: world.Client, made: Path, document: dict[str, str], identity: str, language: str
) -> None:
    for text in (issue(made), token(made)):
        found = ask(client, text, document=document, language=language, country="DK")
        assert found["identity"] == identity
        assert found["outcome"] == ("refused" if identity == "no match" else "accepted")
        assert (found["reminder"] is None) is (identity != "unsure")
        if identity == "no match":
            assert found["reasons"] == [WORDS[language]["other-person"]]


def test_a_token_that_names_nobody_is_compared_with_nothing(
    client: world.Client, made: Path
) -> None:
    found = ask(client, token(made, "dk1"), document={"name": "Hansen"}, language="da")
    assert found["identity"] is None
    assert found["reminder"] == catalogue.sentence("live.look", "da")
    assert found["closes_after"] == 30


def test_domestic_tokens_decide_at_home_alone(client: world.Client, made: Path) -> None:
    text = token(made)
    assert ask(client, text, country="DK", look="a")["outcome"] == "accepted"
    abroad = ask(client, text, country="DE", look="a", language="de")
    assert (abroad["outcome"], abroad["reasons"]) == ("open", [WORDS["de"]["domestic"]])
    assert ask(client, text, country="DK", look="b")["passes"][0]["codes"] == ["live.replayed"]


def test_several_passes_are_one_wallet(client: world.Client, made: Path) -> None:
    first, second = issue(made, days=100, number=1), issue(made, days=60)
    assert ask(client, first, country="DK")["outcome"] == "refused"
    assert ask(client, first, second, country="DK")["outcome"] == "accepted"
    other = issue(made, holder=Holder("Hansen", "Ib", date(1990, 1, 1)))
    mixed = ask(client, second, other, country="DK", language="da")
    assert mixed["outcome"] == "refused"
    assert mixed["reasons"] == [WORDS["da"]["several-holders"]]
    expired = wrong(made)["time.expired"]
    assert ask(client, second, expired, country="DK")["outcome"] == "refused"


def test_codes_are_read_from_pictures_and_named_where_they_are_none(
    client: world.Client, made: Path
) -> None:
    text = issue(made)
    drawn = qr(text)
    for picture in (drawn.draw("png"), drawn.draw("pdf")):
        assert client.post("/codes", content=picture).json() == [{"text": text, "looks_like": None}]
    menu = qr("HTTPS://EXAMPLE.ORG/MENU").draw("png")
    (other,) = client.post("/codes", content=menu).json()
    assert other["text"] is None
    assert other["looks_like"]
    assert client.post("/codes", content=b"no picture").status_code == 422
    assert client.post("/codes", content=bytes(9 * 1024 * 1024)).status_code == 413


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"texts": []},
        {"texts": ["a"] * 11},
        {"texts": ["x" * 10_001]},
        {"texts": ["a"], "country": "dk"},
        {"texts": ["a"], "surprise": 1},
        {"texts": ["a"], "document": {"birth_date": "04.05.1987"}},
        {"texts": ["a"], "document": {"mrz": "æøå"}},
    ],
)
def test_a_question_that_makes_no_sense_is_a_problem(
    client: world.Client, body: dict[str, Any]
) -> None:
    answer = client.post("/answers", json=body, headers={"Accept-Language": "da"})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["faults"]
    assert "04.05" not in answer.text


def test_a_day_that_does_not_exist_is_a_problem(client: world.Client, made: Path) -> None:
    body = {"texts": [issue(made)], "document": {"birth_date": "1987-02-31"}}
    assert client.post("/answers", json=body).status_code == 422


def test_nothing_of_a_holder_is_in_the_log(
    client: world.Client, made: Path, caplog: pytest.LogCaptureFixture
) -> None:
    text = issue(made)
    with caplog.at_level(logging.INFO):
        client.post("/codes", content=qr(text).draw("png"))
        ask(client, text, country="DK", document={"name": world.FAMILY})
        client.post("/answers", json={"texts": [text], "country": world.FAMILY})
        client.post("/answers", content=text.encode())
    log = world.service_log(caplog)
    assert "/answers" in log
    for secret in (text, text[4:40], world.FAMILY, world.GIVEN, world.BORN):
        assert secret not in log
        assert secret not in client.get("/metrics").text


def test_the_page_speaks_the_same_words_in_every_language(client: world.Client) -> None:
    assert set(WORDS) == set(catalogue.LANGUAGES)
    assert len({tuple(words) for words in WORDS.values()}) == 1
    index = client.get("/").text
    script = client.get("/pages/verifier.js").text
    for language in WORDS:
        assert f'data-language="{language}"' in index
    import re

    used = {*re.findall(r'data-word="([a-z-]+)"', index), *re.findall(r'word\("([a-z-]+)"', script)}
    assert used <= set(WORDS["en"])
    assert LIFE.total_seconds() == 60
