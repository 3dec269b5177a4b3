"""A participant of an invented network, its catalogue and its certificates, for the tests."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from coronapas import TrustStore, Verifier, keys
from coronapas.gdhcn import Catalogue, IcvpIssuer, Prophylaxis, Traveller
from coronapas.hcert._cwt import HCERT

if TYPE_CHECKING:
    from coronapas.gdhcn import IssuedClaim
    from coronapas.keys import KeyPair

BEGIN: Final = datetime(2026, 1, 1, tzinfo=UTC)
NOW: Final = datetime(2026, 6, 1, 12, tzinfo=UTC)
END: Final = datetime(2027, 1, 1, tzinfo=UTC)
NAME: Final = "Markername Traveller"
TRAVELLER: Final = Traveller(NAME, date(1979, 4, 14), "female", "XXA", "P7654321", "PPN")
DOSE: Final = Prophylaxis("yf-1", date(2026, 2, 2), "BATCHMARK")

CATALOGUE: Final[dict[str, Any]] = {
    "name": "invented products",
    "source": "tests",
    "families": {
        "words": {"ignore_case": True},
        "codes": {"system": "urn:example:codes"},
    },
    "products": [
        {
            "name": "Yellow One",
            "disease": "1D47",
            "manufacturer": "Maker",
            "ids": {"words": ["yf-1", "YellowFeverProduct" + "0" * 32], "codes": ["a3K"]},
        },
        {
            "name": "Polio One",
            "disease": "1C81",
            "ids": {"codes": ["pv-1"]},
            "approved_from": "2020-01-01",
            "approved_until": "2026-03-31",
        },
        {"name": "Other One", "disease": "1C80", "ids": {"codes": ["ot-1"]}},
    ],
}
SECRETS: Final = (NAME, "Markername", "1979", "P7654321", "BATCHMARK", "2026-02-02")
"""What no repr and no error may show."""


@cache
def catalogue() -> Catalogue:
    return Catalogue.load(CATALOGUE)


@cache
def dsc() -> KeyPair:
    authority = keys.make_csca("XX", valid_from=BEGIN)
    return authority.issue_dsc(valid_from=BEGIN, valid_for=timedelta(days=700))


def trust() -> TrustStore:
    return TrustStore([dsc().certificate])


def verifier(*accept: str, **settings: Any) -> Verifier:
    return Verifier(trust(), accept=accept or ("icvp", "link"), **settings)


def issuer(**settings: Any) -> IcvpIssuer:
    return IcvpIssuer(dsc().signer(deterministic=True), "XXA", catalogue(), **settings)


@cache
def issued() -> IssuedClaim:
    return issuer().issue(TRAVELLER, DOSE, expires=END, issued_at=NOW)


def claims(label: int, claim: Any, **changes: Any) -> dict[Any, Any]:
    """Good claims with a sub-claim; `changes` go by iss, exp, iat, and ... takes one out."""
    whole: dict[Any, Any] = {1: "XX", 4: int(END.timestamp()), 6: int(NOW.timestamp())}
    labels = {"iss": 1, "exp": 4, "iat": 6}
    whole.update((labels[name], value) for name, value in changes.items())
    whole[HCERT] = {label: claim}
    return {name: value for name, value in whole.items() if value is not ...}
