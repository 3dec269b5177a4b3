"""The Danish domestic tokens DK1, DK2 and DK3, and the ways between them and the programme.

- ``tokens``: reading them; ``verifying``: verifying them and EU passes (HC1) alike;
- ``issuing``: making them; ``identity``: holding a DK2 against an identity document;
- ``bridges``: from a register's facts by the programme's verdict to tokens and passes;
- ``exporting``, ``rule_times``: a programme's revision, of any country, as CertLogic rules.

The facts are those of the public source of the Danish app and of the tokens in its tests
(Sundhedsdatastyrelsen/Coronapas.Mobile, September 2021). Names are loaded when first used, so that
importing this package stays cheap.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from coronapas.denmark.bridges import Issue, LeftOut, dated_events, tokens_for
    from coronapas.denmark.exporting import RuleExport, Unsaid, export_rules
    from coronapas.denmark.identity import Agreement, Comparison, compare, compare_token
    from coronapas.denmark.issuing import DanishIssuer, DatedEvent, DomesticToken
    from coronapas.denmark.tokens import (
        DatedEntry,
        Dk1,
        Dk2,
        Dk3,
        Token,
        TokenKind,
        kind_of,
        read,
        shown_entry,
    )
    from coronapas.denmark.verifying import DomesticVerification, DomesticVerifier

_HOMES: Final = {
    "Agreement": "identity",
    "Comparison": "identity",
    "DanishIssuer": "issuing",
    "DatedEntry": "tokens",
    "DatedEvent": "issuing",
    "Dk1": "tokens",
    "Dk2": "tokens",
    "Dk3": "tokens",
    "DomesticToken": "issuing",
    "DomesticVerification": "verifying",
    "DomesticVerifier": "verifying",
    "Issue": "bridges",
    "LeftOut": "bridges",
    "RuleExport": "exporting",
    "Token": "tokens",
    "TokenKind": "tokens",
    "Unsaid": "exporting",
    "compare": "identity",
    "compare_token": "identity",
    "dated_events": "bridges",
    "export_rules": "exporting",
    "kind_of": "tokens",
    "read": "tokens",
    "shown_entry": "tokens",
    "tokens_for": "bridges",
}

__all__ = [
    "Agreement",
    "Comparison",
    "DanishIssuer",
    "DatedEntry",
    "DatedEvent",
    "Dk1",
    "Dk2",
    "Dk3",
    "DomesticToken",
    "DomesticVerification",
    "DomesticVerifier",
    "Issue",
    "LeftOut",
    "RuleExport",
    "Token",
    "TokenKind",
    "Unsaid",
    "compare",
    "compare_token",
    "dated_events",
    "export_rules",
    "kind_of",
    "read",
    "shown_entry",
    "tokens_for",
]


def __getattr__(name: str) -> object:
    """Load a public name from its module."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
