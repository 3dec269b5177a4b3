"""The live screen and the verifier page in a real browser (`make services`).

The browser is Debian's chromium, or the one that CHROMIUM names.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import httpx
import pytest
import service_world as world
from examples import demo
from examples.web import PAGES
from PIL import Image, ImageChops

from coronapas import (
    FIELD,
    Holder,
    Issuer,
    Signer,
    TrustStore,
    Vaccination,
    Verifier,
    catalogue,
    keys,
)
from coronapas.errors import ScanError
from coronapas.live import LiveVerification, LiveVerifier
from coronapas.presentation import scan

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.services

WINDOW = timedelta(seconds=60)
WORDS: dict[str, dict[str, str]] = json.loads((PAGES / "words.json").read_text("utf-8"))
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
)


@dataclass
class Services:
    """Both services as processes, their folder, and what they wrote."""

    issuing: str
    verifying: str
    folder: Path
    log: Path


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    place = tmp_path_factory.mktemp("services")
    folder, log = place / "demo", place / "log"
    with (
        world.running("issuing_service", folder, place / "issuing.log") as issuing,
        world.running("verifier_page", folder, log) as verifying,
    ):
        yield Services(issuing, verifying, folder, log)


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the browser's camera sees; a test may write another picture before it starts it."""
    return tmp_path_factory.mktemp("camera") / "seen.mjpeg"


@pytest.fixture(scope="module")
def browser(camera: Path) -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    program = shutil.which(os.environ.get("CHROMIUM", "chromium"))
    assert program, "there is no chromium"
    flags = [*FLAGS, f"--use-file-for-fake-video-capture={camera}"]
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=program, args=flags)
        yield opened
        opened.close()


@pytest.fixture
def tab(browser: Any) -> Iterator[Any]:
    opened = browser.new_page(viewport={"width": 390, "height": 844}, locale="en-GB")
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    yield opened
    opened.close()
    assert errors == []


def door(services: Services) -> LiveVerifier:
    """A door of its own: what another one saw is not known to it."""
    trust = TrustStore.load(services.folder / "lists/trust.store")
    inner = Verifier(trust, accept=("eu", "dk"), tolerate=FIELD | {"content.bound"})
    return LiveVerifier(inner, window=WINDOW)


def look(services: Services, picture: bytes) -> LiveVerification:
    return door(services).verify(scan(picture)[0].text)


def new_screen(services: Services) -> dict[str, str]:
    answer = httpx.post(f"{services.issuing}/screens", json=world.facts())
    views: dict[str, str] = answer.json()["views"]
    return {view: services.issuing + path for view, path in views.items()}


def is_live(tab: Any) -> None:
    tab.wait_for_selector("body[data-state=live]", timeout=10_000)


@pytest.mark.parametrize("view", ["dk1", "dk2", "eu"])
def test_a_screen_shows_what_its_kind_says_and_no_more(
    services: Services, tab: Any, view: str
) -> None:
    tab.goto(new_screen(services)[view])
    is_live(tab)
    result = look(services, tab.screenshot(full_page=True))
    assert result.ok
    assert result.verification.profile == view
    named = view != "dk1"
    assert (world.FAMILY in tab.inner_text("body")) is named
    assert (world.BORN in tab.inner_text("body")) is named


def test_a_live_screen_is_accepted_for_30_seconds_and_its_copy_is_not(
    services: Services, tab: Any
) -> None:
    tab.goto(new_screen(services)["dk2"])
    is_live(tab)
    copy, taken = tab.screenshot(full_page=True), time.monotonic()
    samples, texts = 0, set()
    while time.monotonic() - taken < 32:
        picture = tab.screenshot(full_page=True)
        texts.add(scan(picture)[0].text)
        result = look(services, picture)
        assert result.ok, (samples, result.failures)
        samples += 1
        time.sleep(0.5)
    assert samples >= 20
    assert len(texts) == 2, "the token was not minted anew at half of its life"
    refused = None
    while time.monotonic() - taken <= WINDOW.total_seconds():
        result = look(services, copy)
        if not result:
            refused = time.monotonic() - taken
            break
        time.sleep(0.2)
    assert refused is None or refused > WINDOW.total_seconds() / 2
    time.sleep(max(0, WINDOW.total_seconds() - (time.monotonic() - taken)))
    late = look(services, copy)
    assert not late
    assert late.check.code == "live.stale"
    assert look(services, tab.screenshot(full_page=True)).ok


def test_the_strip_moves_and_a_tap_turns_it(services: Services, tab: Any) -> None:
    tab.goto(new_screen(services)["dk1"])
    is_live(tab)

    def strip() -> Image.Image:
        return Image.open(io.BytesIO(tab.locator("#strip").screenshot())).convert("RGB")

    first = strip()
    time.sleep(0.7)
    changed = ImageChops.difference(first, strip()).convert("L").point(lambda value: value > 8)
    share = sum(changed.histogram()[1:]) / (first.width * first.height)
    assert share > 0.05
    clock = tab.inner_text("#clock")
    tab.click("#strip")
    assert "turned" in tab.get_attribute("#strip", "class")
    time.sleep(1.1)
    assert tab.inner_text("#clock") != clock


def test_reduced_motion_is_respected(services: Services, browser: Any) -> None:
    tab = browser.new_page(reduced_motion="reduce")
    tab.goto(new_screen(services)["dk1"])
    is_live(tab)
    moving = tab.evaluate(
        "document.getAnimations().map(each => each.animationName).filter(name => name !== 'pulse')"
    )
    assert moving == []
    tab.close()


def test_a_silent_server_makes_the_screen_stale(services: Services, tab: Any) -> None:
    """The frame is shortened on its way, so that nobody waits for a minute."""

    def shortened(route: Any) -> None:
        answer = route.fetch()
        frame = answer.json()
        frame["expires"] = int(frame["now"]) + 4
        route.fulfill(response=answer, json=frame)

    tab.route("**/frame", shortened)
    tab.goto(new_screen(services)["dk2"])
    is_live(tab)
    tab.unroute("**/frame")
    tab.route("**/frame", lambda route: route.abort())
    started = time.monotonic()
    tab.wait_for_selector("body[data-state=stale]", timeout=6_000)
    assert time.monotonic() - started < 5
    with pytest.raises(ScanError):
        scan(tab.screenshot(full_page=True))
    assert world.FAMILY not in tab.content()
    assert "Do not accept" in tab.inner_text("[role=status]")
    tab.unroute("**/frame")
    is_live(tab)
    assert look(services, tab.screenshot(full_page=True)).ok


def test_an_ended_screen_says_so(services: Services, tab: Any) -> None:
    tab.route("**/frame", lambda route: route.fulfill(status=404))
    tab.goto(new_screen(services)["dk1"])
    tab.wait_for_selector("body[data-state=stale]")
    assert "ended" in tab.inner_text("[role=status]")


@pytest.mark.parametrize("hours", [-30, 3])
def test_a_phone_whose_clock_is_wrong_shows_the_issuers_time(
    services: Services, tab: Any, hours: int
) -> None:
    tab.add_init_script(
        f"""(() => {{ const Real = Date, by = {hours * 3600_000};
        window.Date = class extends Real {{
          constructor(...given) {{ given.length ? super(...given) : super(Real.now() + by); }}
          static now() {{ return Real.now() + by; }} }}; }})()"""
    )
    for bound in ("", "?bound=true"):
        tab.goto(new_screen(services)["dk1"] + bound)
        is_live(tab)
        assert look(services, tab.screenshot(full_page=True)).ok
        hour, minute, second = map(int, tab.inner_text("#clock").split(":"))
        now = datetime.now(ZoneInfo("Europe/Copenhagen"))
        shown = now.replace(hour=hour, minute=minute, second=second, microsecond=0)
        assert abs((now - shown).total_seconds()) < 5


def test_a_bound_screen_works_without_the_issuer(services: Services, tab: Any) -> None:
    tab.goto(new_screen(services)["dk2"] + "?bound=true")
    is_live(tab)
    tab.route("**/frame", lambda route: route.abort())
    first = tab.screenshot(full_page=True)
    result = look(services, first)
    assert result.ok
    assert result.bound
    time.sleep(31)
    later = tab.screenshot(full_page=True)
    assert scan(first)[0].text != scan(later)[0].text
    assert look(services, later).ok
    assert look(services, first).age is not None
    time.sleep(31)
    assert look(services, first).check.code == "live.stale"
    assert look(services, tab.screenshot(full_page=True)).ok


def test_the_pages_load_nothing_from_elsewhere(services: Services, browser: Any) -> None:
    for address in (*new_screen(services).values(), services.verifying, services.issuing):
        tab = browser.new_page()
        seen: list[str] = []
        tab.on("request", lambda request, seen=seen: seen.append(request.url))
        complaints: list[str] = []
        tab.on("console", lambda message, kept=complaints: kept.append(message.text))
        tab.goto(address)
        tab.wait_for_timeout(500)
        hosts = {url.split("/")[2] for url in seen if url.startswith("http")}
        assert hosts == {address.split("/")[2]}
        assert [text for text in complaints if "Content Security Policy" in text] == []
        tab.close()


# The verifier page.


def signed(services: Services, **settings: Any) -> str:
    key, certificate = (
        (services.folder / "keys" / f"vaccination{end}").read_bytes()
        for end in (".key.pem", ".pem")
    )
    holder = Holder(world.FAMILY, world.GIVEN, date.fromisoformat(world.BORN))
    dose = Vaccination("Comirnaty", 2, 2, date.today() - timedelta(days=60))
    given: dict[str, Any] = {"expires": timedelta(days=365), **settings}
    signer = given.pop("signer", None) or Signer.from_pem(key, certificate)
    return Issuer("DK", signer).issue(holder, dose, **given).text


def opened(services: Services, tab: Any, language: str, country: str = "DK") -> None:
    tab.goto(services.verifying)
    tab.click(f"[data-language={language}]")
    tab.wait_for_selector(f"#country option[value={country}]", state="attached")
    tab.select_option("#country", country)


def answered(tab: Any, outcome: str) -> str:
    tab.wait_for_selector(f"dialog[open][data-outcome={outcome}]", timeout=15_000)
    text: str = tab.inner_text("#answer")
    return text


@pytest.mark.parametrize("language", catalogue.LANGUAGES)
def test_the_paper_of_the_issuing_service_is_read_and_judged(
    services: Services, tab: Any, language: str, tmp_path: Path
) -> None:
    headers = {"Accept-Language": language}
    answer = httpx.post(
        f"{services.issuing}/passes/pdf", json=world.facts(), headers=headers, timeout=60
    )
    paper = tmp_path / "pass.pdf"
    paper.write_bytes(answer.raise_for_status().content)
    opened(services, tab, language)
    tab.set_input_files("#picture", paper)
    text = answered(tab, "accepted")
    words = WORDS[language]
    assert f"{words['accepted']} {words['in-country'].format(country='DK')}" in text
    assert world.FAMILY in text
    assert catalogue.sentence("live.compare", language) in text
    assert words["closes"].partition("{")[0] in text
    tab.click("#next")
    assert not tab.is_visible("#answer")
    assert world.FAMILY not in tab.content()


def test_every_wrong_pass_says_its_own_in_three_languages(services: Services, tab: Any) -> None:
    now = datetime.now(UTC)
    hour = timedelta(hours=1)
    start = now - 24 * hour
    stranger = keys.make_csca("DK", valid_from=start).issue_dsc(valid_from=start)
    kid = Verifier(TrustStore()).verify(signed(services)).envelope
    assert kid is not None
    assert kid.kid is not None
    revoked = signed(services)
    demo.revoke(services.folder, revoked)
    time.sleep(1.2)
    texts = {
        "signature.invalid": signed(services, signer=Signer(stranger.private_key, kid=kid.kid)),
        "time.expired": signed(services, issued_at=now - 2 * hour, expires=hour),
        "revocation.revoked": revoked,
        "prefix.not-a-pass": "https://example.org/menu",
    }
    for language in catalogue.LANGUAGES:
        said = set()
        for code, text in texts.items():
            opened(services, tab, language)
            tab.fill("#text", text)
            tab.click("#by-text button")
            shown = answered(tab, "refused")
            if language != "en":
                sentence = catalogue.sentence(code, language).rstrip(".")
                assert sentence in shown, (language, code)
            said.add(tab.inner_text("#reasons"))
        opened(services, tab, language)
        tab.fill("#text", signed(services))
        tab.click("#by-text button")
        answered(tab, "accepted")
        tab.fill("#document-name", "Hansen, Ib")
        tab.fill("#document-born", world.BORN)
        tab.click("#document button")
        assert WORDS[language]["other-person"] in answered(tab, "refused")
        said.add(tab.inner_text("#reasons"))
        assert len(said) == len(texts) + 1
    demo.revoke(services.folder)


def test_the_camera_reads_a_live_screen(
    services: Services, tab: Any, browser: Any, camera: Path
) -> None:
    screen = browser.new_page(viewport={"width": 500, "height": 900})
    screen.goto(new_screen(services)["dk1"])
    is_live(screen)
    picture = Image.open(io.BytesIO(screen.screenshot())).convert("RGB").resize((640, 1152))
    frame = io.BytesIO()
    picture.save(frame, "JPEG", quality=92)
    camera.write_bytes(frame.getvalue() * 5)
    opened(services, tab, "da")
    tab.click("#camera")
    text = answered(tab, "accepted")
    assert catalogue.sentence("live.look", "da") in text
    tab.wait_for_selector("#video", state="hidden")
    screen.close()


def test_a_wallet_is_gathered_code_by_code(services: Services, tab: Any) -> None:
    counts = []
    opened(services, tab, "en")
    for text in (signed(services), signed(services)):
        tab.fill("#text", text)
        tab.click("#by-text button")
        answered(tab, "accepted")
        counts.append(tab.locator("#passes li").count())
        tab.click("#add")
    assert counts == [1, 2]


def test_a_result_closes_by_itself(services: Services, tab: Any) -> None:
    def hurried(route: Any) -> None:
        answer = route.fetch()
        assert answer.json()["closes_after"] == 120
        route.fulfill(response=answer, json={**answer.json(), "closes_after": 2})

    tab.route("**/answers", hurried)
    opened(services, tab, "en")
    tab.fill("#text", signed(services))
    tab.click("#by-text button")
    answered(tab, "accepted")
    tab.wait_for_selector("#answer", state="hidden", timeout=6_000)
    assert world.FAMILY not in tab.content()


def test_the_page_goes_on_without_a_network(services: Services, tab: Any) -> None:
    """Everything but this device's loopback is out of reach."""

    def loopback_alone(route: Any) -> None:
        if route.request.url.startswith(services.verifying):
            route.continue_()
        else:
            route.abort()

    tab.route("**/*", loopback_alone)
    opened(services, tab, "de")
    tab.fill("#text", signed(services))
    tab.click("#by-text button")
    answered(tab, "accepted")


def test_every_control_has_a_name(services: Services, tab: Any) -> None:
    opened(services, tab, "en")
    tab.fill("#text", signed(services))
    tab.click("#by-text button")
    answered(tab, "accepted")
    nameless = tab.evaluate(
        """[...document.querySelectorAll("button, input, select, textarea")].filter(each =>
        !(each.textContent.trim() || each.ariaLabel || each.labels?.[0]?.textContent.trim()))
        .map(each => each.id)"""
    )
    assert nameless == []
    assert tab.evaluate("document.activeElement.id") == "outcome"


def test_neither_log_names_a_holder(services: Services) -> None:
    body = {"texts": [signed(services)], "document": {"name": world.FAMILY}}
    httpx.post(f"{services.verifying}/answers", json=body).raise_for_status()
    new_screen(services)
    logs = services.log.read_text() + (services.log.parent / "issuing.log").read_text()
    assert "POST /answers 200" in logs
    assert "POST /screens 201" in logs
    for secret in (world.FAMILY, world.GIVEN, world.BORN, "HC1:", "DK2:", "URN:UVCI"):
        assert secret not in logs
