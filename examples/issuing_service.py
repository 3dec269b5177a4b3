"""An issuing service: facts come in, passes and live screens go out.

``make issuing-service`` starts it on this machine. What a service for others needs besides, who may
call it above all, is in docs/how-to/services.md.
"""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from fastapi import FastAPI, Query, Response
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from coronapas import IssueError, Issuer, Pass, Signer, decode
from coronapas.denmark import DanishIssuer
from coronapas.errors import FactsError, Fault, KeyMaterialError, PaperError, SigningError
from coronapas.facts import Event, EventKind, Holder, kind_of, parse_facts, read_facts
from coronapas.live import LIFE, frame_of, holder_key, page
from coronapas.presentation import Paper
from coronapas.rules import Question, RuleSet
from coronapas.signing import SignerSet
from examples import demo
from examples.web import (
    PAGES,
    Body,
    Language,
    ProblemError,
    Reloaded,
    application,
    component,
    json_body,
    problems,
    serve,
)

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

COUNTRY: Final = "DK"
VALIDITY: Final = {
    EventKind.VACCINATION: timedelta(days=365),
    EventKind.TEST: timedelta(days=3),
    EventKind.RECOVERY: timedelta(days=180),
}
BOUND_LIFE: Final = timedelta(hours=24)
"""The life of a token that is bound to the holder's device."""
SCREEN_LIFE: Final = timedelta(hours=12)
MOST_SCREENS: Final = 10_000

Form = Literal["json", "text", "png", "pdf"]
View = Literal["dk1", "dk2", "eu"]


@dataclass(frozen=True)
class Office:
    """The issuers of one moment's keys."""

    passes: Issuer
    tokens: DanishIssuer
    bound: DanishIssuer
    ends: datetime
    """When the first of the certificates ends."""

    @classmethod
    def read(cls, folder: Path, _former: Office | None) -> Office:
        """Read the keys: a signer for each kind, and one for domestic tokens."""
        signers = {
            path.name.removesuffix(".key.pem"): Signer.from_pem(
                path.read_bytes(),
                path.with_name(path.name.replace(".key.pem", ".pem")).read_bytes(),
            )
            for path in sorted(folder.glob("*.key.pem"))
        }
        ends = [
            each.certificate.not_after
            for each in signers.values()
            if each.certificate is not None and each.certificate.not_after is not None
        ]
        domestic = signers.pop("domestic")
        by_kind = SignerSet(signers.values())
        second = timedelta(seconds=1)
        return cls(
            Issuer(COUNTRY, by_kind, name="Invented Health Agency"),
            DanishIssuer(domestic, life=LIFE, granularity=second),
            DanishIssuer(domestic, life=BOUND_LIFE),
            min(ends),
        )


@dataclass(frozen=True)
class Screen:
    """What a screen shows: one holder's evidence, until when it counts, when the screen ends."""

    holder: Holder = field(repr=False)
    event: Event = field(repr=False)
    uvci: str = field(repr=False)
    until: datetime
    ends: datetime


class Screens:
    """The screens of the last hours, in memory alone. Their names are secrets, like passwords."""

    def __init__(self) -> None:
        self._held: OrderedDict[str, Screen] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, screen: Screen) -> str:
        """Keep a screen; where there are too many, the oldest goes."""
        name = secrets.token_urlsafe(24)
        with self._lock:
            self._held[name] = screen
            if len(self._held) > MOST_SCREENS:
                self._held.popitem(last=False)
        return name

    def get(self, name: str, now: datetime) -> Screen:
        """Return a screen; a problem where it is over or never was."""
        with self._lock:
            screen = self._held.get(name)
            if screen is not None and screen.ends > now:
                return screen
            self._held.pop(name, None)
        raise ProblemError(404, "There is no such screen.")


class NewScreen(BaseModel):
    """A screen was made; each view is a page."""

    views: dict[View, str]
    until: datetime


class Frame(BaseModel):
    """What a page shows at one moment."""

    text: str
    name: str | None
    birth_date: str | None
    issued_at: int
    expires: int
    now: float


class Jwk(BaseModel):
    """The public key of a browser (RFC 7517)."""

    model_config = ConfigDict(extra="forbid")
    kty: Literal["EC"]
    crv: Literal["P-256"]
    x: str = Field(pattern="^[A-Za-z0-9_-]{43}$")
    y: str = Field(pattern="^[A-Za-z0-9_-]{43}$")


class Health(BaseModel):
    """Whether the service can issue."""

    ok: bool
    keys: Literal["current", "former"]
    soonest_end: datetime


def make(folder: Path) -> FastAPI:
    """Issue passes from facts, and show them on live screens."""
    app, metrics = application("Issuing service", {**component("facts"), **component("pass")})
    office = Reloaded(folder / "keys", Office.read)
    rules = Reloaded(folder / "lists" / "rules", lambda rules, _former: RuleSet.load(rules))
    screens = Screens()

    def issued(body: bytes, now: datetime) -> tuple[Pass, Holder, Event]:
        """Make a pass of a body; all faults at once, those of its shape and of its content."""
        try:
            document = read_facts(parse_facts(body))
        except FactsError as error:
            raise ProblemError(422, "The facts cannot be read.", error.faults) from None
        holder, event = document.holder, document.event
        content: tuple[Fault, ...] = ()
        if holder is not None and event is not None:
            validity = VALIDITY[kind_of(event)]
            issuer = office.get().passes
            content = issuer.faults(
                holder, event, issued_at=now, expires=validity, uvci=document.uvci
            )
            if not document.faults and not content and document.issuer is None:
                try:
                    made = issuer.issue(
                        holder, event, issued_at=now, expires=validity, uvci=document.uvci
                    )
                except SigningError:
                    raise ProblemError(503, "The signer does not answer.") from None
                metrics.count("passes_total", kind=kind_of(event).value)
                return made, holder, event
        faults = [*document.all_faults(content)]
        if document.issuer is not None:
            faults.append(Fault("issuer", "json.unknown", "The issuer is fixed.", "Leave it out."))
        metrics.count("refused_total")
        raise ProblemError(422, "The facts have faults.", faults)

    @app.get("/", response_class=HTMLResponse)
    def index() -> Response:
        """Return a form to try the service with."""
        policy = (
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
            "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        content = (PAGES / "issuing.html").read_text("utf-8")
        return HTMLResponse(content, headers={"Content-Security-Policy": policy})

    @app.post(
        "/passes/{form}",
        openapi_extra=json_body("facts", demo.facts()),
        response_class=Response,
        responses={
            200: {
                "description": "The pass, its text, or a drawing of it",
                "content": {
                    "application/json": {"schema": {"$ref": "#/components/schemas/pass"}},
                    "text/plain": {"schema": {"type": "string"}},
                    "image/png": {"schema": {"type": "string", "format": "binary"}},
                    "application/pdf": {"schema": {"type": "string", "format": "binary"}},
                },
            },
            **problems(413, 422, 503),
        },
    )
    def new_pass(form: Form, body: Body, language: Language) -> Response:
        """Issue a pass: as JSON, as text, as a picture of its QR code, or as a sheet of paper."""
        now = datetime.now(UTC)
        made, *_ = issued(body, now)
        if form == "json":
            return JSONResponse(made.to_json())
        if form == "text":
            return Response(made.text, media_type="text/plain; charset=utf-8")
        if form == "png":
            return Response(made.qr().draw("png"), media_type="image/png")
        try:
            sheet = _press(language).pdf(made.text)
        except PaperError as error:
            # A name in letters that no font has, or too long for its panel.
            raise ProblemError(422, "The facts have faults.", error.faults) from None
        return Response(sheet, media_type="application/pdf")

    @app.post(
        "/screens",
        status_code=201,
        openapi_extra=json_body("facts", demo.facts()),
        responses=problems(409, 413, 422, 503),
    )
    def new_screen(body: Body, language: Language) -> NewScreen:
        """Make a screen for a holder whose evidence counts by the country's rules."""
        now = datetime.now(UTC)
        made, holder, event = issued(body, now)
        question = Question(country=COUNTRY, language=language)
        judged = decode(made.text)
        verdict = rules.get().decide(judged, question, at=now)
        if not verdict:
            results = (*verdict.failures, *verdict.open)
            reasons = " ".join(result.description for result in results)
            raise ProblemError(409, "The evidence does not count now.", detail=reasons)
        window = rules.get().timeline(judged, question, at=now).window_at(now)
        end = None if window is None else window.end
        until = min(made.expires, *([] if end is None else [end.moment]))
        name = screens.add(Screen(holder, event, made.uvci, until, now + SCREEN_LIFE))
        views: dict[View, str] = {view: f"/screens/{name}/{view}" for view in ("dk1", "dk2", "eu")}
        return NewScreen(views=views, until=until)

    @app.get("/screens/{name}/{view}", response_class=HTMLResponse, responses=problems(404, 422))
    def show(
        name: str,
        view: View,
        language: Language,
        bound: Annotated[bool, Query(description="bind tokens to this browser")] = False,
    ) -> Response:
        """Return the page that shows a screen."""
        screens.get(name, datetime.now(UTC))
        made = page(
            view,
            source=f"/screens/{name}/{view}/frame",
            language=language,
            bound=bound and view != "eu",
        )
        return HTMLResponse(made.html, headers=dict(made.headers))

    @app.get("/screens/{name}/{view}/frame", responses=problems(404, 410, 422, 503))
    def frame(name: str, view: View) -> Frame:
        """Mint a token for one display."""
        return minted(name, view, None)

    @app.post("/screens/{name}/{view}/frame", responses=problems(400, 404, 410, 422, 503))
    def bound_frame(name: str, view: Literal["dk1", "dk2"], key: Jwk) -> Frame:
        """Mint a token that is bound to the key of a browser, and that lives for a day."""
        try:
            return minted(name, view, holder_key(key.model_dump()))
        except KeyMaterialError:
            fault = Fault("x", "json.type", "The key is not a point of P-256.", "Send a real one.")
            raise ProblemError(422, "The key cannot be used.", [fault]) from None

    def minted(name: str, view: View, key: EllipticCurvePublicKey | None) -> Frame:
        now = datetime.now(UTC)
        screen = screens.get(name, now)
        life = LIFE if key is None else BOUND_LIFE
        expires = min(now + life, screen.until)
        if expires - now < timedelta(seconds=2):
            raise ProblemError(410, "The evidence no longer counts.")
        now_office = office.get()
        issuer = now_office.tokens if key is None else now_office.bound
        try:
            if view == "dk1":
                token: Any = issuer.dk1(issued_at=now, expires=expires, holder_key=key)
            elif view == "dk2":
                token = issuer.dk2(screen.holder, issued_at=now, expires=expires, holder_key=key)
            else:
                token = now_office.passes.issue(
                    screen.holder,
                    screen.event,
                    uvci=screen.uvci,
                    issued_at=now,
                    expires=expires,
                )
        except IssueError as error:
            raise ProblemError(422, "The facts have faults.", error.faults) from None
        except SigningError:
            raise ProblemError(503, "The signer does not answer.") from None
        metrics.count("tokens_total", view=view, bound=str(key is not None).lower())
        return Frame(**frame_of(token, at=datetime.now(UTC)))

    @app.get("/health")
    def health() -> Health:
        """Say whether the keys could be read, and when the first of them ends."""
        ends = office.get().ends
        keys: Literal["current", "former"] = "former" if office.fault else "current"
        return Health(ok=not office.fault, keys=keys, soonest_end=ends)

    return app


@cache
def _press(language: str) -> Paper:
    """Return what prints the EU's sheet to fold, in English and a language."""
    return Paper("fold", language=language)


def main() -> None:
    """Run the service."""
    serve(make, "issuing-service", 8801)


if __name__ == "__main__":
    main()
