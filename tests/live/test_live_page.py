"""The holder's page as a file: its policy, its texts, and the frames that it fetches."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from datetime import date, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

import backend
import danish_world
from coronapas import Holder, Issuer, PartialDate, catalogue
from coronapas import _base64 as b64
from coronapas.denmark import DanishIssuer, DatedEvent
from coronapas.errors import KeyMaterialError
from coronapas.live import LIFE, frame_of, holder_key, page
from danish_world import AT, HOLDER

VIEWS: tuple[Any, ...] = ("dk1", "dk2", "eu")


def policy_of(headers: Any) -> dict[str, str]:
    rules = (rule.strip().partition(" ") for rule in headers["Content-Security-Policy"].split(";"))
    return {name: value for name, _, value in rules}


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("language", catalogue.LANGUAGES)
def test_a_page_is_one_file_that_its_policy_admits_and_nothing_else(
    view: Any, language: str
) -> None:
    made = page(view, source="/token", language=language)
    policy = policy_of(made.headers)
    for name in ("script", "style"):
        (content,) = re.findall(f"<{name}>(.*?)</{name}>", made.html, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert policy[f"{name}-src"] == f"'sha256-{digest}'"
    assert policy["default-src"] == "'none'"
    assert policy["connect-src"] == "'self'"
    assert made.headers["Cache-Control"] == "no-store"
    # Nothing is loaded, nothing is styled or run beside the two blocks.
    assert not re.findall(r"https?:|\bsrc=|\bhref=|\bstyle=|\son\w+=|@import|url\(", made.html)
    assert f'<html lang="{language}">' in made.html
    assert "[[" not in made.html.replace("[[3, 3]", "")


def test_texts_are_escaped_where_they_stand() -> None:
    title = "<b>Pas & \"co\"</b></script><script>alert('x')</script>"
    made = page("dk2", source="/a?b=</script>", title=title)
    assert title not in made.html
    assert html.escape(title) in made.html
    assert len(re.findall(r"<script", made.html)) == 2
    settings = re.findall(r'id="settings">(.*?)</script>', made.html)[0]
    assert json.loads(settings)["source"] == "/a?b=</script>"


@pytest.mark.parametrize(
    "wrong",
    [
        {"view": "dk3"},
        {"source": "https://example.org/token"},
        {"source": "//example.org/token"},
        {"source": "token"},
        {"source": "/a b"},
        {"language": "xx"},
        {"window": timedelta(0)},
    ],
)
def test_what_makes_no_page_is_refused(wrong: dict[str, Any]) -> None:
    given: dict[str, Any] = {"view": "dk1", "source": "/token", **wrong}
    with pytest.raises(ValueError, match=r"must be|does not have"):
        page(given.pop("view"), **given)


def test_a_zone_that_is_not_known_is_refused() -> None:
    with pytest.raises(KeyError):
        page("dk1", source="/token", zone="Europe/Nowhere")


def test_a_page_names_the_holder_by_labels_and_is_read_out_by_roles() -> None:
    made = page("dk2", source="/token", language="da").html
    for part in (
        'id="clock" role="timer" aria-live="off"',
        'id="state" role="status"',
        'role="img" aria-label="Passets QR-kode"',
        'aria-label="Stribe i bevægelse: tryk for at vende den"',
        "prefers-reduced-motion",
        "<noscript>",
    ):
        assert part in made


def frame(token: Any) -> dict[str, Any]:
    return json.loads(json.dumps(frame_of(token, at=AT)))  # type: ignore[no-any-return]


def test_a_frame_says_what_its_token_says_and_no_more() -> None:
    signer = backend.dsc().signer()
    issuer = DanishIssuer(signer, life=LIFE, granularity=timedelta(seconds=1))
    nameless, named = frame(issuer.dk1(issued_at=AT)), frame(issuer.dk2(HOLDER, issued_at=AT))
    assert (nameless["name"], nameless["birth_date"]) == (None, None)
    assert (named["name"], named["birth_date"]) == ("Åse Marie Prøvesen", "1987-05-04")
    assert named["expires"] - named["issued_at"] == 60
    assert named["now"] == AT.timestamp()
    pass_ = Issuer("DK", signer).issue(HOLDER, backend.VACCINATION, issued_at=AT, expires=LIFE)
    european = frame(pass_)
    assert (european["name"], european["birth_date"]) == ("Åse Marie Prøvesen", "1987-05-04")
    assert european["text"].startswith("HC1:")


def test_a_frame_knows_what_is_not_known() -> None:
    signer = backend.dsc().signer()
    holder = Holder("Prøvesen", None, PartialDate(1987))
    named = frame(DanishIssuer(signer).dk2(holder, issued_at=AT))
    assert named["birth_date"] == "1987"
    unknown = Issuer("DK", signer).issue(
        Holder("Prøvesen", None, None), backend.VACCINATION, issued_at=AT, expires=LIFE
    )
    european = frame(unknown)
    assert (european["name"], european["birth_date"]) == ("Prøvesen", None)


def test_a_dk3_is_never_shown() -> None:
    entry = DatedEvent(backend.VACCINATION, AT + timedelta(days=90))
    token = danish_world.issuer().dk3(Holder("A", "B", date(1990, 1, 1)), [entry], issued_at=AT)
    with pytest.raises(ValueError, match="DK3"):
        frame_of(token, at=AT)


def jwk(**changes: Any) -> dict[str, Any]:
    point = ec.generate_private_key(ec.SECP256R1()).public_key().public_numbers()
    x, y = (b64.encode_url(number.to_bytes(32, "big")) for number in (point.x, point.y))
    whole = {"kty": "EC", "crv": "P-256", "x": x, "y": y, **changes}
    return {name: value for name, value in whole.items() if value is not ...}


def test_the_key_of_a_browser_is_read() -> None:
    given = jwk(ext=True, key_ops=["verify"])
    point = holder_key(given).public_numbers()
    assert b64.encode_url(point.x.to_bytes(32, "big")) == given["x"]


@pytest.mark.parametrize(
    "wrong",
    [
        "text",
        None,
        [],
        jwk(d="AAAA"),
        jwk(kty="RSA"),
        jwk(crv="P-384"),
        jwk(x=...),
        jwk(x=5),
        jwk(x="AAAA"),
        jwk(x="!" * 43),
        jwk(x="A" * 5000),
        jwk(x=b64.encode_url(bytes(32)), y=b64.encode_url(bytes(32))),
    ],
)
def test_what_is_no_public_key_of_p_256_is_refused(wrong: object) -> None:
    with pytest.raises(KeyMaterialError):
        holder_key(wrong)
