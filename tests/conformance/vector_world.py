"""A vector of our own with everything in it, all true, for tests to break one thing of."""

from __future__ import annotations

import base64
import json
from copy import deepcopy
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import cbor2

from coronapas.conformance._vectors import EXPECTATIONS, TestVector, read
from coronapas.facts import EventKind, Holder, Vaccination
from coronapas.hcert import _envelope as envelope
from coronapas.issue import Issuer
from coronapas.keys import make_csca
from coronapas.presentation import qr

if TYPE_CHECKING:
    from coronapas.keys import KeyPair

ISSUED: Final = datetime(2023, 1, 15, 12, tzinfo=UTC)
UVCI: Final = "URN:UVCI:01:DK:INVENTED"


@cache
def pairs() -> tuple[KeyPair, KeyPair]:
    """A DSC for vaccinations, and one for tests."""
    authority = make_csca("DK", valid_from=ISSUED - timedelta(days=30))
    since = ISSUED - timedelta(days=20)
    vaccination, test = (
        authority.issue_dsc(valid_from=since, usages=[kind])
        for kind in (EventKind.VACCINATION, EventKind.TEST)
    )
    return vaccination, test


@cache
def _text() -> str:
    holder = Holder("Opdigtet", "Ibine", date(1979, 4, 14))
    event = Vaccination("Comirnaty", 2, 2, date(2022, 11, 17))
    issuer = Issuer("DK", pairs()[0].signer())
    return issuer.issue(holder, event, expires=timedelta(days=90), issued_at=ISSUED, uvci=UVCI).text


@cache
def _picture() -> str:
    return base64.b64encode(qr(_text()).png(scale=4)).decode()


def certificate(pair: KeyPair) -> str:
    return base64.b64encode(pair.certificate.der or b"").decode()


def document() -> dict[str, Any]:
    """A vector of which every expectation holds; a new one on every call."""
    opened = envelope.decode(_text())
    return {
        "JSON": deepcopy(opened.dcc),
        "CBOR": cbor2.dumps(opened.dcc).hex(),
        "COSE": opened.cose.hex(),
        "COMPRESSED": opened.compressed.hex(),
        "BASE45": opened.body,
        "PREFIX": opened.text,
        "2DCODE": _picture(),
        "TESTCTX": {
            "VERSION": 1,
            "SCHEMA": "1.3.2",
            "CERTIFICATE": certificate(pairs()[0]),
            "VALIDATIONCLOCK": "2023-02-01T00:00:00Z",
            "DESCRIPTION": None,
        },
        "EXPECTEDRESULTS": dict.fromkeys(EXPECTATIONS, True),
    }


def vector(content: dict[str, Any] | None = None, **context: Any) -> TestVector:
    """The vector, with entries of its TESTCTX changed."""
    content = document() if content is None else content
    content["TESTCTX"].update(context)
    return read(json.dumps(content).encode(), "invented.json")


def resigned(change: Any, **headers: Any) -> str:
    """COSE in hexadecimal whose claims went through `change`, signed anew."""
    from coronapas.hcert import _cose as cose

    claims = cbor2.loads(envelope.decode(_text()).payload)
    change(claims)
    signer = pairs()[0].signer()
    return cose.sign1(
        cbor2.dumps(claims),
        algorithm=headers.get("algorithm", signer.algorithm),
        kid=headers.get("kid", signer.kid),
        sign=signer.sign,
    ).hex()
