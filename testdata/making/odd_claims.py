"""Oddities of the CBOR, of the claims and of their times (RFC 8949; RFC 8392; hcert-spec, 3.2)."""

from __future__ import annotations

from typing import Final

import cbor2

from making.recipe import (
    EXPIRES,
    ISSUED_AT,
    Recipe,
    claims,
    fails,
    forgiven,
    good,
    message,
    moment,
    raw_map,
    refused,
)

_UNREAD: Final = dict.fromkeys(("DECODE", "SCHEMAVALIDATION", "EXPIRATIONCHECK", "KEYUSAGE"), False)
"""What the steps say of claims that are none."""
_UNSEEN: Final = {**_UNREAD, "VERIFY": False}
"""What the steps say of a message that is none."""
_UNTIMELY: Final = {"EXPIRATIONCHECK": False}
_DEPTH: Final = 20


def recipes() -> tuple[Recipe, ...]:
    """All of them."""
    return (*_cbor(), *_times(), *_bounds(), *_claims())


def _cbor() -> tuple[Recipe, ...]:
    return (
        Recipe(
            "indefinite-lengths",
            "The maps and arrays of the message and of its claims have indefinite lengths.",
            forgiven("cbor.indefinite-length"),
            encode=lambda dcc: cbor2.dumps(dcc, indefinite_containers=True),
            claims=claims(indefinite=True),
            message=message(indefinite=True),
        ),
        Recipe(
            "indefinite-lengths-in-the-claims",
            "The maps and arrays of the claims have indefinite lengths, those of the message not.",
            forgiven("cbor.indefinite-length"),
            encode=lambda dcc: cbor2.dumps(dcc, indefinite_containers=True),
            claims=claims(indefinite=True),
        ),
        Recipe(
            "trailing-bytes-behind-the-message",
            "A byte follows the COSE_Sign1 message.",
            fails("cbor.trailing-bytes"),
            expected=_UNSEEN,
            message=lambda by, data: message()(by, data) + b"\x00",
        ),
        Recipe(
            "trailing-bytes-behind-the-claims",
            "A byte follows the signed claims.",
            fails("cbor.trailing-bytes"),
            expected=_UNREAD,
            claims=lambda dcc: claims()(dcc) + b"\x00",
        ),
        Recipe(
            "duplicate-claims",
            "The claims state two ends of the validity.",
            fails("cbor.duplicate-key"),
            expected=_UNREAD,
            claims=lambda dcc: raw_map(
                (b"\x04", cbor2.dumps(EXPIRES)),
                (b"\x04", cbor2.dumps(EXPIRES + 86400)),
                (b"\x06", cbor2.dumps(ISSUED_AT)),
                (cbor2.dumps(-260), raw_map((b"\x01", dcc))),
            ),
        ),
        Recipe(
            "nested-too-deep",
            "A claim of its own nests twenty arrays.",
            fails("cbor.too-deep"),
            expected=_UNREAD,
            claims=claims(more={99: _nested(_DEPTH)}),
        ),
    )


def _times() -> tuple[Recipe, ...]:
    return (
        Recipe(
            "float-exp",
            "The end of the validity is a floating-point number.",
            forgiven("cwt.float-time"),
            claims=claims(expires=float(EXPIRES)),
        ),
        Recipe(
            "float-iat-with-fraction",
            "The time of issue is a floating-point number with a fraction of a second.",
            forgiven("cwt.float-time"),
            claims=claims(issued_at=ISSUED_AT + 0.25),
        ),
        Recipe(
            "nan-exp",
            "The end of the validity is not a number: the pass has none.",
            fails("time.no-end", deviations=("cwt.float-time",)),
            expected=_UNTIMELY,
            claims=claims(expires=float("nan")),
        ),
        Recipe(
            "infinite-exp",
            "The end of the validity is infinity.",
            fails("time.no-end", deviations=("cwt.float-time",)),
            expected=_UNTIMELY,
            claims=claims(expires=float("inf")),
        ),
        Recipe(
            "no-exp",
            "The pass states no end of its validity.",
            fails("time.no-end"),
            expected=_UNTIMELY,
            claims=claims(expires=None),
        ),
        Recipe(
            "exp-as-text",
            "The end of the validity is a text.",
            fails("time.no-end"),
            expected=_UNTIMELY,
            claims=claims(expires="2022-07-10T09:00:00Z"),
        ),
        Recipe(
            "no-iat",
            "The pass states no time of issue.",
            refused("cwt.missing-iat"),
            expected=_UNTIMELY,
            claims=claims(issued_at=None),
        ),
        Recipe(
            "ends-before-it-begins",
            "The pass ends before it was issued.",
            fails("time.expired"),
            expected=_UNTIMELY,
            claims=claims(expires=ISSUED_AT - 1),
        ),
    )


def _bounds() -> tuple[Recipe, ...]:
    return (
        Recipe("checked-at-its-last-second", "Checked in the second exp.", clock=moment(EXPIRES)),
        Recipe(
            "checked-a-second-late",
            "Checked in the second after exp.",
            fails("time.expired"),
            expected=_UNTIMELY,
            clock=moment(EXPIRES + 1),
        ),
        Recipe("checked-at-its-issue", "Checked in the second iat.", clock=moment(ISSUED_AT)),
        Recipe(
            "issued-within-the-clock-skew",
            "Checked five minutes before iat, which clocks that differ explain.",
            good(),
            expected=_UNTIMELY,
            clock=moment(ISSUED_AT - 300),
        ),
        Recipe(
            "issued-beyond-the-clock-skew",
            "Checked five minutes and a second before iat.",
            fails("time.not-yet"),
            expected=_UNTIMELY,
            clock=moment(ISSUED_AT - 301),
        ),
    )


def _claims() -> tuple[Recipe, ...]:
    return (
        Recipe(
            "extra-claims",
            "The claims hold a subject (2) and an identifier (7) besides.",
            forgiven("cwt.extra-claim"),
            claims=claims(more={2: "example", 7: b"\x00\x01"}),
        ),
        Recipe(
            "more-beside-the-dcc",
            "Claim -260 maps 1 to the DCC and 2 to an empty map.",
            forgiven("cwt.extra-claim"),
            claims=lambda dcc: raw_map(
                (b"\x01", cbor2.dumps("DK")),
                (b"\x04", cbor2.dumps(EXPIRES)),
                (b"\x06", cbor2.dumps(ISSUED_AT)),
                (cbor2.dumps(-260), raw_map((b"\x01", dcc), (b"\x02", b"\xa0"))),
            ),
        ),
        Recipe(
            "issuer-in-small-letters",
            "The claims' issuer is the country in small letters.",
            forgiven("cwt.issuer"),
            claims=claims(more={1: "dk"}),
        ),
        Recipe(
            "issuer-of-another-country",
            "The claims' issuer is SE, and the certificate is Denmark's.",
            refused("cwt.issuer-country"),
            claims=claims(more={1: "SE"}),
        ),
        Recipe(
            "claims-in-another-order",
            "The claims stand in another order, and so do the DCC's fields: none is asked for.",
            encode=lambda dcc: cbor2.dumps(dict(reversed((dcc or {}).items()))),
            claims=lambda dcc: raw_map(
                (cbor2.dumps(-260), raw_map((b"\x01", dcc))),
                (b"\x06", cbor2.dumps(ISSUED_AT)),
                (b"\x01", cbor2.dumps("DK")),
                (b"\x04", cbor2.dumps(EXPIRES)),
            ),
        ),
        Recipe(
            "claims-without-hcert",
            "The claims hold no claim -260.",
            fails("content.no-dcc"),
            expected=dict.fromkeys(("DECODE", "SCHEMAVALIDATION", "KEYUSAGE"), False),
            claims=lambda _: cbor2.dumps({1: "DK", 4: EXPIRES, 6: ISSUED_AT}),
        ),
        Recipe(
            "claims-that-are-an-array",
            "The claims are an array instead of a map.",
            fails("cwt.structure"),
            expected=_UNREAD,
            claims=lambda dcc: cbor2.dumps(["DK", EXPIRES, ISSUED_AT, cbor2.loads(dcc)]),
        ),
    )


def _nested(depth: int) -> object:
    item: object = []
    for _ in range(depth - 1):
        item = [item]
    return item
