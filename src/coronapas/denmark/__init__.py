"""The Danish domestic tokens DK1, DK2 and DK3, and the ways between them and the programme.

- `read` a token, with no trust implied; `coronapas.verify` verifies it;
- `DanishIssuer` issues tokens; `compare` compares a DK2 with an identity document;
- `tokens_for` goes from a register's facts by the programme's verdict to tokens and passes.

Source: the public source of the Danish app and the tokens in its tests
(Sundhedsdatastyrelsen/Coronapas.Mobile, September 2021).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coronapas import _lazy

if TYPE_CHECKING:
    from coronapas.denmark._grants import WITHOUT_END as WITHOUT_END
    from coronapas.denmark._grants import Issue as Issue
    from coronapas.denmark._grants import LeftOut as LeftOut
    from coronapas.denmark._grants import Withheld as Withheld
    from coronapas.denmark._grants import dated_events as dated_events
    from coronapas.denmark._grants import tokens_for as tokens_for
    from coronapas.denmark._identity import compare as compare
    from coronapas.denmark._identity import compare_token as compare_token
    from coronapas.denmark._issuer import DanishIssuer as DanishIssuer
    from coronapas.denmark._issuer import DatedEvent as DatedEvent
    from coronapas.denmark._issuer import DomesticToken as DomesticToken
    from coronapas.denmark._issuer import PreparedToken as PreparedToken
    from coronapas.denmark._tokens import MOST_ENTRIES as MOST_ENTRIES
    from coronapas.denmark._tokens import DatedEntry as DatedEntry
    from coronapas.denmark._tokens import Dk1 as Dk1
    from coronapas.denmark._tokens import Dk2 as Dk2
    from coronapas.denmark._tokens import Dk3 as Dk3
    from coronapas.denmark._tokens import Token as Token
    from coronapas.denmark._tokens import TokenKind as TokenKind
    from coronapas.denmark._tokens import kind_of as kind_of
    from coronapas.denmark._tokens import read as read
    from coronapas.denmark._tokens import shown_entry as shown_entry
else:
    __getattr__, __dir__, __all__ = _lazy.attach(
        __name__,
        {
            "_grants": "WITHOUT_END Issue LeftOut Withheld dated_events tokens_for",
            "_identity": "compare compare_token",
            "_issuer": "DanishIssuer DatedEvent DomesticToken PreparedToken",
            "_tokens": (
                "MOST_ENTRIES DatedEntry Dk1 Dk2 Dk3 Token TokenKind kind_of read shown_entry"
            ),
        },
    )
