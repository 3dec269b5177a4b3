"""The holder's page: one HTML file that shows a code, the issuer's time, and elements that move.

The page fetches a *frame* from the issuer: a token and the issuer's time. It draws the code itself,
fetches the next frame at half of the token's life, and hides the code when the token ends, whatever
the phone's clock says. No library, font or picture is loaded, and the content security policy
admits nothing but the page's own style and script (by their SHA-256) and its one address.

What moves follows the Danish app (Coronapas.Mobile, 2021): a clock that a gradient sweeps over, a
strip whose gleams follow the phone's tilt, and a badge. A tap on the strip turns it, which a
recording cannot do. Where the system asks for reduced motion the strip changes its colour slowly
and nothing else moves.

A bound page (`page` with `bound`) makes a key in the browser that cannot leave it, and has its
tokens bound to that key (claim 8 ``cnf``). From then on it signs the time itself and needs no
network until the token ends.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final, Literal, get_args
from zoneinfo import ZoneInfo

from cryptography.hazmat.primitives.asymmetric import ec

from coronapas import _base64 as b64
from coronapas._time import seconds
from coronapas.catalogue import language as language_of
from coronapas.catalogue import word
from coronapas.dcc._reader import facts_of
from coronapas.denmark._tokens import Dk2, TokenKind, kind_of, read
from coronapas.errors import KeyMaterialError
from coronapas.hcert._envelope import decode
from coronapas.live._verifier import CONTEXT, DEFAULT_WINDOW, PROOF_PREFIX

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from coronapas.denmark._issuer import DomesticToken
    from coronapas.issue import Pass

LIFE: Final = timedelta(seconds=60)
"""The life of a token that is minted for one display: what issuers of frames should ask for."""

View = Literal["dk1", "dk2", "eu"]
"""What the holder sees: nothing personal, name and birth date, or the EU's pass."""

_KINDS: Final = {
    "dk1": "Valid, without a name",
    "dk2": "Valid, with name and birth date",
    "eu": "EU Digital COVID Certificate",
}
_CHECK: Final = (
    '<circle cx="32" cy="32" r="28"/><path class="check" d="M19 33l9 10 18-21" pathLength="60"/>'
)
_STAR: Final = "M0-4l1 2.8h3l-2.4 1.8.9 2.9L0 1.8l-2.5 1.7.9-2.9L-4-1.2h3z"
_STARS: Final = (
    '<g class="stars">'
    + "".join(
        f'<path transform="rotate({turn} 32 32) translate(32 6) rotate({-turn})" d="{_STAR}"/>'
        for turn in range(0, 360, 30)
    )
    + '</g><path class="plane" d="M49 15L15 30l12 5 5 13 5-9 12-24z"/>'
)
_FIELD: Final = re.compile(r"\[\[(\w+)\]\]")
_SCRIPT: Final = re.compile(r"<script>(.*?)</script>", re.DOTALL)
_STYLE: Final = re.compile(r"<style>(.*?)</style>", re.DOTALL)
_SOURCE: Final = re.compile(r"/(?!/)[!-~]*")
_COORDINATE: Final = 32
_LONGEST_COORDINATE: Final = 64


@dataclass(frozen=True, slots=True)
class Page:
    """A page, and the headers that it is to be sent with.

    Attributes:
        html: The file, to be sent in UTF-8.
        headers: ``Content-Security-Policy``, ``Cache-Control`` and others; a server adds no weaker
            ones.

    """

    html: str
    headers: Mapping[str, str]


def page(
    view: View,
    *,
    source: str,
    language: str = "en",
    title: str = "Coronapas",
    zone: str = "Europe/Copenhagen",
    bound: bool = False,
    window: timedelta = DEFAULT_WINDOW,
) -> Page:
    """Return the holder's page.

    Args:
        view: What the holder sees: ``"dk1"``, ``"dk2"`` or ``"eu"``.
        source: The path on the same server that answers with a frame (`frame_of`) as JSON, to GET;
            with `bound` to POST, with the public key as a JWK (`holder_key`). 401, 403, 404 and 410
            end the display.
        language: The language of the page: one of the catalogue's.
        title: The heading.
        zone: The time zone that the clock shows, by its IANA name.
        bound: Whether tokens are bound to a key of this browser. Browsers make keys only for pages
            from https or the own device.
        window: The window of the verifiers; a bound page signs the time anew at half of it.

    Raises:
        ValueError: `view` or `language` is not known, `source` is not a path of printable ASCII, or
            `window` is not positive.
        KeyError: The time zone is not known (`zoneinfo.ZoneInfoNotFoundError`).

    """
    if view not in get_args(View):
        raise ValueError(f"view must be one of {', '.join(get_args(View))}")
    if not _SOURCE.fullmatch(source):
        raise ValueError("source must be a path on the same server, such as /token")
    if window <= timedelta(0):
        raise ValueError("window must be positive")
    known = language_of(language)
    settings = {
        "source": source,
        "locale": {"en": "en-GB"}.get(known, known),
        "zone": ZoneInfo(zone).key,
        "bound": bound,
        "window": window.total_seconds(),
        "prefix": PROOF_PREFIX,
        "context": CONTEXT,
        "texts": {
            "live": word("Valid now", known),
            "stale": word("Not valid: no fresh code from the issuer. Do not accept.", known),
            "ended": word("This page has ended. Open it again.", known),
            "left": word("New code within {seconds} seconds", known, seconds="{seconds}"),
            "until": word("Valid until {moment}", known, moment="{moment}"),
        },
    }
    texts = {
        "language": known,
        "title": title,
        "view": view,
        "kind": word(_KINDS[view], known),
        "turn": word("Moving strip: tap to turn it", known),
        "waiting": word("Waiting for the issuer", known),
        "name": word("Name", known),
        "born": word("Born", known),
        "code": word("QR code of the pass", known),
        "noscript": word("This page needs JavaScript.", known),
    }
    parts = {name: html.escape(text) for name, text in texts.items()}
    parts["badge"] = _STARS if view == "eu" else _CHECK
    # Within a script element only `<` could end it.
    parts["settings"] = json.dumps(settings).replace("<", "\\u003c")
    template, policy = _template()
    return Page(_FIELD.sub(lambda found: parts[found[1]], template), {**_HEADERS, **policy})


def frame_of(token: DomesticToken | Pass, *, at: datetime) -> dict[str, Any]:
    """Return what the page fetches: a token, what it says of its holder, and the issuer's time.

    Args:
        token: A DK1, a DK2 or an EU pass, minted for this display (`LIFE`).
        at: The issuer's time, with a time zone.

    Returns:
        A JSON object: ``text``; ``name`` and ``birth_date``, null where the token has none;
        ``issued_at``, ``expires`` and ``now`` in seconds since 1970-01-01T00:00:00Z.

    Raises:
        ValueError: The token is a DK3, which is not to be shown to others, or `at` has no zone.

    """
    name = born = None
    kind = kind_of(token.text)
    if kind is TokenKind.DK3:
        raise ValueError("a DK3 is the holder's own page, and not to be shown to others")
    if kind is TokenKind.DK2:
        content = read(token.text)
        if isinstance(content, Dk2):
            name = content.legal_name
            born = None if content.birth_date is None else str(content.birth_date)
    elif kind is TokenKind.HC1:
        facts = facts_of(decode(token.text).dcc)[0]
        if facts is not None:
            holder = facts.holder
            name = " ".join(filter(None, (holder.given_name, holder.family_name))) or None
            born = None if holder.birth_date is None else str(holder.birth_date)
    return {
        "text": token.text,
        "name": name,
        "birth_date": born,
        "issued_at": int(seconds(token.issued_at)),
        "expires": int(seconds(token.expires)),
        "now": seconds(at),
    }


def holder_key(jwk: object) -> ec.EllipticCurvePublicKey:
    """Return the public key that a bound page sends (a JWK of P-256, RFC 7517 and RFC 7518).

    Raises KeyMaterialError for anything else. A private key is refused: it must not leave the
    browser.
    """
    if not isinstance(jwk, dict) or "d" in jwk:
        raise KeyMaterialError("the holder's key must be a public JWK")
    if (jwk.get("kty"), jwk.get("crv")) != ("EC", "P-256"):
        raise KeyMaterialError("the holder's key must be of P-256")
    point = b"\4"
    for name in ("x", "y"):
        value = jwk.get(name)
        if not isinstance(value, str):
            raise KeyMaterialError(f"the holder's key has no coordinate {name}")
        raw = b64.decode_any(value, f"the coordinate {name}", limit=_LONGEST_COORDINATE)
        if len(raw) != _COORDINATE:
            raise KeyMaterialError(f"the coordinate {name} must have {_COORDINATE} bytes")
        point += raw
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    except ValueError:
        raise KeyMaterialError("the holder's key is not a point of P-256") from None


_HEADERS: Final = {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


@cache
def _template() -> tuple[str, dict[str, str]]:
    """Return the file with its fields, and the policy that admits its style and script alone."""
    text = files("coronapas").joinpath("live/data/screen.html").read_text("utf-8")
    sources = {}
    for name, pattern in (("script", _SCRIPT), ("style", _STYLE)):
        (content,) = pattern.findall(text)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        sources[name] = f"'sha256-{digest}'"
    policy = (
        f"default-src 'none'; script-src {sources['script']}; style-src {sources['style']}; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )
    return text, {"Content-Security-Policy": policy}
