"""The profiles of the Danish domestic tokens DK1, DK2 and DK3.

From the public source of the Danish app and the tokens of its tests (Sundhedsdatastyrelsen/
Coronapas.Mobile, September 2021):

1. A token has expired at its ``exp``: the bound is exclusive here, and inclusive for an EU pass.
2. There are no rules: whether the holder is valid was computed by the issuer from the registers. So
   no test result and no date of a DK3's entries is judged; `coronapas.denmark.shown_entry` reads
   them.

Stricter than what was observed, and decided here: the key must be one of a Danish certificate (a
trust list holds the keys of all countries, and no other country may say who is valid in Denmark); a
certificate with key usages must cover the kinds of a DK3's entries; ``iat`` may not lie in the
future beyond the verifier's clock skew; certificates are judged as for an EU pass; and the claims
must be those of the token (`coronapas.denmark`).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from coronapas.denmark._tokens import Dk3, TokenKind, token_of
from coronapas.hcert._cwt import DCC
from coronapas.verify._profile import Examined, Profile

if TYPE_CHECKING:
    from coronapas.hcert import Envelope
    from coronapas.verify._profile import Occasion


def _examine(kind: TokenKind, envelope: Envelope, occasion: Occasion) -> Examined:
    token = token_of(envelope, kind, occasion.examiner)
    found = token.deviations[len(token.envelope.deviations) :]
    if not isinstance(token, Dk3):
        # A DK1 or DK2 states no event that a key usage could speak of.
        return Examined(token.envelope, found, kinds=(), content=token)
    kinds = {entry.facts.kind for entry in token.entries if entry.facts is not None}
    hcert = envelope.claims.hcert
    payload = None if hcert is None else hcert.get(DCC)
    return Examined(token.envelope, found, sorted(kinds), payload, token)


def _profile(kind: TokenKind, marks: set[str], required: set[str]) -> Profile:
    return Profile(
        name=kind.value.lower(),
        family="dk",
        title=f"a Danish token ({kind})",
        noun="token",
        plural="domestic tokens",
        prefix=f"{kind}:",
        marks=frozenset(marks),
        required=frozenset(required),
        examine=partial(_examine, kind),
        colonless=True,
        end_inclusive=False,
        countries=frozenset({"DK"}),
        revocable=False,
    )


DK1: Final = _profile(TokenKind.DK1, {"7"}, {"7"})
DK2: Final = _profile(
    TokenKind.DK2, {"7", "legalName", "dateOfBirth"}, {"legalName", "dateOfBirth"}
)
DK3: Final = _profile(TokenKind.DK3, {"-260.1", "xdu"}, {"xdu"})
