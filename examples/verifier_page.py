"""A verifier page: a camera, a picture or a text comes in, and an answer in words goes out.

``make verifier-page`` starts it on this machine. The judging is done by coronapas in this server,
which runs on the device at the door and listens on its loopback alone. The page and the server need
no network: what is judged by are the lists in the folder, and they are read again when they change.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Annotated, Final, Literal

from fastapi import Depends, FastAPI, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, ConfigDict, Field

from coronapas import FIELD, TrustStore, Verification, Verifier, catalogue
from coronapas.denmark import Dk2, compare
from coronapas.errors import ScanError, WalletError
from coronapas.facts import Agreement, PartialDate
from coronapas.live import PROOF_PREFIX, LiveVerification, LiveVerifier
from coronapas.presentation import scan
from coronapas.revocation import RevocationStore
from coronapas.rules import Question, RuleSet
from coronapas.verify import foreign_code
from examples.web import (
    PAGES,
    Language,
    ProblemError,
    Reloaded,
    application,
    body_of,
    component,
    problems,
    serve,
)

MOST_PASSES: Final = 10
LONGEST_TEXT: Final = 10_000
MAX_PICTURE: Final = 8 * 1024 * 1024
_COMPARED: Final = (Agreement.MATCH, Agreement.NO_MATCH)
Picture = Annotated[bytes, Depends(body_of(MAX_PICTURE))]
HOME: Final = "DK"
"""The country whose domestic tokens count without rules."""


@dataclass(frozen=True)
class Lists:
    """All that is judged by: keys, revoked passes, rules, and what this device saw of late."""

    verifier: LiveVerifier
    rules: RuleSet
    certificates: int

    @classmethod
    def read(cls, folder: Path, former: Lists | None) -> Lists:
        """Read the lists of a folder; what was seen under the former ones stays known."""
        trust = TrustStore.load(folder / "trust.store")
        verifier = Verifier(
            trust,
            accept=("eu", "dk1", "dk2"),
            # The live verifier asks for the proof of what is bound to a device.
            tolerate=FIELD | {"content.bound"},
            revocation=RevocationStore.load(folder / "revocation.store"),
        )
        rules = RuleSet.load(folder / "rules")
        if former is not None:
            return cls(former.verifier.with_verifier(verifier), rules, len(trust))
        return cls(LiveVerifier(verifier, profiles=("dk1", "dk2")), rules, len(trust))


class Code(BaseModel):
    """A QR code that was read: the text of a pass, or what else it looks like."""

    text: str | None
    looks_like: str | None


class Document(BaseModel):
    """What an identity document says, typed or read from its machine-readable zone."""

    model_config = ConfigDict(extra="forbid")
    name: str | None = Field(None, max_length=200)
    mrz: str | None = Field(None, max_length=100, pattern="^[A-Z<]*$")
    birth_date: str | None = Field(
        None,
        max_length=10,
        pattern="^([0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{2}([0-9]{2}|<<)([0-9]{2}|<<))$",
    )


class Request(BaseModel):
    """Passes of one holder, and what is asked about them."""

    model_config = ConfigDict(extra="forbid")
    texts: list[Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT)]] = Field(
        min_length=1, max_length=MOST_PASSES
    )
    country: str | None = Field(None, pattern="^[A-Z]{2}$", description="decide for this country")
    document: Document | None = None
    look: str | None = Field(
        None, max_length=64, description="the same while one person stands there"
    )


class Seen(BaseModel):
    """What is true of one pass. Name and birth date are given where the signature holds."""

    ok: bool
    profile: str | None
    kind: str | None
    name: str | None
    birth_date: str | None
    expires: datetime | None
    codes: list[str]
    reasons: list[str]
    live: str | None
    reminder: str | None


class Answer(BaseModel):
    """The answer: ``accepted`` and ``refused`` are final, the others are for a person to weigh.

    ``genuine``: the passes are in force, and no country was asked for. ``open``: the rules cannot
    tell, or there are none.
    """

    outcome: Literal["accepted", "refused", "genuine", "open"]
    reasons: list[str]
    until: datetime | None
    passes: list[Seen]
    identity: Literal["match", "no match", "unsure"] | None
    reminder: str | None
    closes_after: int


class ListsState(BaseModel):
    """What the lists are, and since when."""

    ok: bool
    lists: Literal["current", "former"]
    countries: list[str]
    certificates: int


def make(folder: Path) -> FastAPI:
    """Verify passes at a door, with the lists of a folder."""
    app, metrics = application("Verifier page", component("fault"))
    lists = Reloaded(folder / "lists", Lists.read)

    @app.get("/", response_class=HTMLResponse)
    def index() -> Response:
        """Return the page."""
        policy = (
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
            "img-src 'self' blob:; media-src blob:; base-uri 'none'; form-action 'none'; "
            "frame-ancestors 'none'"
        )
        content = (PAGES / "verifier.html").read_text("utf-8")
        return HTMLResponse(content, headers={"Content-Security-Policy": policy})

    @app.post(
        "/codes",
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {
                    "application/octet-stream": {"schema": {"type": "string", "format": "binary"}}
                },
            }
        },
        responses=problems(413, 422),
    )
    def read_codes(body: Picture) -> list[Code]:
        """Read the QR codes of a picture or a PDF; no code at all is an empty list."""
        try:
            found = scan(body)
        except ScanError as error:
            if error.code == "qr.not-found":
                return []
            raise ProblemError(422, "The picture cannot be read.") from None
        codes = []
        for text in dict.fromkeys(each.text for each in found):
            foreign = None if text.startswith(PROOF_PREFIX) else foreign_code(text)
            codes.append(Code(text=None if foreign else text, looks_like=foreign))
        return codes

    @app.post("/answers", responses=problems(400, 422))
    def answer(asked: Request, language: Language) -> Answer:
        """Say what is true of the passes of one holder, in the caller's language."""
        now = datetime.now(UTC)
        current = lists.get()
        look = asked.look
        results = [current.verifier.verify(text, now, look=look) for text in asked.texts]
        found = _judged(current.rules, results, asked, language, now)
        metrics.count("answers_total", outcome=found.outcome)
        return found

    @app.get("/health")
    def health() -> ListsState:
        """Say what the lists are."""
        current = lists.get()
        return ListsState(
            ok=not lists.fault,
            lists="former" if lists.fault else "current",
            countries=list(current.rules.countries),
            certificates=current.certificates,
        )

    return app


def _judged(
    rules: RuleSet,
    results: list[LiveVerification],
    asked: Request,
    language: str,
    now: datetime,
) -> Answer:
    """Put the answer together: what does not verify, what the rules say, whose passes they are."""
    seen = [_seen(each, language) for each in results]
    reasons: list[str] = []
    until = min((each.expires for each in seen if each.expires is not None), default=None)
    outcome: Literal["accepted", "refused", "genuine", "open"] = "genuine"
    if not all(results):
        outcome = "refused"
        reasons = list(dict.fromkeys(reason for each in seen for reason in each.reasons))
    elif asked.country is not None:
        outcome, reasons, end = _decided(rules, results, asked.country, language, now)
        until = end if until is None else min(until, end or until)
    document, identity = asked.document, None
    if document is not None and all(results):
        identity = _identity(results, document, now.date())
        if identity is Agreement.NO_MATCH:
            outcome = "refused"
            reasons = [_word("other-person", language)]
        elif identity is Agreement.UNSURE:
            reasons = [*reasons, _word("unsure-person", language)]
    reminders = [each.reminder for each in seen if each.reminder]
    return Answer(
        outcome=outcome,
        reasons=reasons,
        until=until if outcome != "refused" else None,
        passes=seen,
        identity=None if identity is None else identity.value,
        # A comparison that was made needs no reminder of it.
        reminder=None if identity in _COMPARED else next(iter(reminders), None),
        closes_after=60
        if outcome == "refused"
        else int(max(each.closes_after for each in results).total_seconds()),
    )


def _seen(result: LiveVerification, language: str) -> Seen:
    verification = result.verification
    facts = verification.facts
    name, born = _holder(verification)
    return Seen(
        ok=result.ok,
        profile=verification.profile,
        kind=None if facts is None else catalogue.word(facts.kind, language),
        name=name,
        birth_date=None if born is None else str(born),
        expires=verification.expires if verification.signed else None,
        codes=[check.code for check in result.failures],
        reasons=[check.sentence_in(language) for check in result.failures],
        live=None if result.check.code in ("live.static", "live.skipped") else result.check.code,
        reminder=result.reminder_in(language),
    )


def _decided(
    rules: RuleSet, results: list[LiveVerification], country: str, language: str, now: datetime
) -> tuple[Literal["accepted", "refused", "open"], list[str], datetime | None]:
    """Return what the rules of a country say of all passes, why, and until when it stays so."""
    passes = [each.verification for each in results if each.verification.profile == "eu"]
    if not passes:
        # The issuer of a domestic token has decided already, for its own country.
        if country == HOME:
            return "accepted", [], None
        return "open", [_word("domestic", language)], None
    question = Question(country=country, language=language)
    try:
        verdict = rules.decide_wallet(passes, question, at=now)
    except WalletError:
        return "refused", [_word("several-holders", language)], None
    best = verdict.each[verdict.best]
    if verdict.together and not best:
        best, timeline = verdict.together, rules.wallet_timeline(passes, question, at=now)
    else:
        timeline = rules.timeline(passes[verdict.best], question, at=now)
    window = timeline.window_at(now)
    end = None if window is None or window.end is None else window.end.moment
    reasons = [result.description for result in (*best.failures, *best.open)]
    if best:
        return "accepted", [], end
    if best.failures:
        return "refused", reasons, None
    return "open", reasons or [_word("no-rules", language)], end


def _holder(verification: Verification) -> tuple[str | None, date | PartialDate | None]:
    """Return the name and the birth date that a pass states; None for one that names nobody."""
    content, facts = verification.content, verification.facts
    if isinstance(content, Dk2):
        return content.legal_name, content.birth_date
    if facts is None:
        return None, None
    holder = facts.holder
    return " ".join(
        filter(None, (holder.given_name, holder.family_name))
    ) or None, holder.birth_date


def _identity(results: list[LiveVerification], document: Document, today: date) -> Agreement | None:
    """Compare every pass that names somebody with an identity document; the worst counts."""
    outcomes = []
    for result in results:
        name, born = _holder(result.verification)
        if name is None and born is None:
            continue
        given: date | str | None = document.birth_date
        if given is not None and "-" in str(given):
            try:
                given = date.fromisoformat(str(given))
            except ValueError:
                raise ProblemError(422, catalogue.sentence("json.date")) from None
        found = compare(
            name,
            born,
            document_name=document.name or None,
            document_mrz=document.mrz or None,
            document_birth_date=given,
            at=today,
        )
        outcomes.append(found.outcome)
    order = (Agreement.NO_MATCH, Agreement.UNSURE, Agreement.MATCH)
    return min(outcomes, key=order.index, default=None)


def _word(name: str, language: str) -> str:
    return _words()[language][name]


@cache
def _words() -> dict[str, dict[str, str]]:
    """Return what the page says, by language; the script of the page reads the same file."""
    found: dict[str, dict[str, str]] = json.loads((PAGES / "words.json").read_text("utf-8"))
    return found


def main() -> None:
    """Run the service."""
    serve(make, "verifier-page", 8802)


if __name__ == "__main__":
    main()
