"""The EU's basic list of checks for verifiers: Q1-Q2, H1-H3, B1, Z1-Z2, CO1-CO28, CBO1-2, DGC1-8.

The identifiers are those of eu-digital-green-certificates/dgc-testdata; what each of them stands
for is told here in our own words and made with our own keys. Eight have no public file there: Q2,
CO4, CO24 to CO27, DGC7 and DGC8.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import cbor2

from coronapas.hcert import _base45 as base45
from coronapas.hcert import _compression as compression
from coronapas.hcert import _cose as cose
from making import pictures
from making.identities import ES384, Identity, identity
from making.payloads import Kind, entry, payload
from making.recipe import (
    EXPIRES,
    ISSUED_AT,
    Recipe,
    Run,
    claims,
    fails,
    forgiven,
    good,
    headers,
    identical,
    message,
    moment,
    raw_map,
    refused,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_ALG: Final = cose.HEADER_ALG
_KID: Final = cose.HEADER_KID
_KINDS: Final[Mapping[str, Kind]] = {
    "test": "NAAT",
    "vaccination": "vaccination",
    "recovery": "recovery",
}
_UNKNOWN_AND_ODD: Final = (
    Run(("cose.kid-length",), ("cose.kid-length",)),
    Run(
        ("identifier.unknown",),
        ("cose.kid-length",),
        tolerate=("field", "cose.kid-length"),
    ),
)
_NO_STEP: Final = dict.fromkeys(("DECODE", "SCHEMAVALIDATION", "KEYUSAGE"), False)


def recipes() -> tuple[Recipe, ...]:
    """The whole list, in its order."""
    return (
        *_qr_and_text(),
        *_keys_and_algorithms(),
        *_key_usages(),
        *_times(),
        *_kid_places(),
        *_hostile_headers(),
        *_structures(),
        *_contents(),
    )


def _qr_and_text() -> tuple[Recipe, ...]:
    return (
        Recipe(
            "Q1",
            "The lower half of the QR code is torn off: nothing can be read, the pass is refused.",
            (Run(("qr.not-found",), source="picture"),),
            expected={"PICTUREDECODE": False},
            picture=pictures.torn,
        ),
        Recipe(
            "Q2",
            "The QR code is in byte mode instead of alphanumeric mode; its text is good.",
            (
                Run(deviations=("qr.mode",), source="picture"),
                Run(("qr.mode",), ("qr.mode",), tolerate="strict", source="picture"),
                *good(),
            ),
            picture=pictures.in_byte_mode,
        ),
        Recipe(
            "H1",
            "The context identifier is HL0:, which is no pass's.",
            fails("prefix.not-a-pass"),
            expected={"UNPREFIX": False},
            text="HL0:".__add__,
        ),
        Recipe(
            "H2",
            "The context identifier is HC2:, a version that does not exist.",
            fails("prefix.not-a-pass"),
            expected={"UNPREFIX": False},
            text="HC2:".__add__,
        ),
        Recipe(
            "H3",
            "The context identifier is missing: the text is Base45 from its first character.",
            refused("prefix.missing"),
            expected={"UNPREFIX": False},
            text=str,
        ),
        Recipe(
            "B1",
            "Two characters of the Base45 text are none of its alphabet.",
            fails("base45.illegal-character"),
            expected={"B45DECODE": False},
            base45=lambda data: _with_illegal_characters(base45.encode(data)),
        ),
        Recipe(
            "Z1",
            "The compressed body is damaged: its checksum does not hold.",
            fails("compression.malformed"),
            expected={"COMPRESSION": False},
            compress=lambda data: _with_last_flipped(compression.compress(data)),
        ),
        Recipe(
            "Z2",
            "The message is not compressed.",
            refused("compression.missing"),
            expected={"COMPRESSION": False},
            compress=identical,
        ),
    )


def _keys_and_algorithms() -> tuple[Recipe, ...]:
    return (
        Recipe("CO1", "Signed with PS256 and an RSA key of 2048 bits.", by="dsc-rsa-2048"),
        Recipe("CO2", "Signed with PS256 and an RSA key of 3072 bits.", by="dsc-rsa-3072"),
        Recipe("CO3", "Signed with ES256 and a P-256 key."),
        Recipe(
            "CO4",
            "Signed with ES384 and a P-384 key: a good signature, and an algorithm that passes may "
            "not use.",
            fails("cose.algorithm"),
            expected={"VERIFY": False},
            by="dsc-p-384",
            message=message(
                protected=lambda by: {**headers(by), _ALG: ES384}, sign=Identity.sign_es384
            ),
        ),
        Recipe(
            "CO5",
            "One bit of the signature is changed.",
            fails("signature.invalid"),
            expected={"VERIFY": False},
            message=message(sign=lambda by, data: _with_last_flipped(by.sign(data))),
        ),
    )


def _key_usages() -> tuple[Recipe, ...]:
    mismatches = (
        ("CO6", "test", "vaccination"),
        ("CO7", "test", "recovery"),
        ("CO8", "vaccination", "test"),
        ("CO9", "vaccination", "recovery"),
        ("CO10", "recovery", "vaccination"),
        ("CO11", "recovery", "test"),
    )
    matches = (("CO12", "test"), ("CO13", "vaccination"), ("CO14", "recovery"))
    return (
        *(
            Recipe(
                name,
                f"The certificate may sign {usage} passes alone, and this one is a {kind} pass.",
                fails("usage.not-allowed"),
                payload(_KINDS[kind]),
                {"KEYUSAGE": False},
                by=f"dsc-{usage}",
            )
            for name, usage, kind in mismatches
        ),
        *(
            Recipe(
                name,
                f"The certificate may sign {kind} passes, and this is one.",
                dcc=payload(_KINDS[kind]),
                by=f"dsc-{kind}",
            )
            for name, kind in matches
        ),
        Recipe(
            "CO15",
            "The certificate states no key usage for passes, so that it may sign a recovery pass "
            "as well.",
            dcc=payload("recovery"),
        ),
    )


def _times() -> tuple[Recipe, ...]:
    return (
        Recipe(
            "CO16",
            "Checked an hour before it was issued.",
            fails("time.not-yet"),
            expected={"EXPIRATIONCHECK": False},
            clock=moment(ISSUED_AT - 3600),
        ),
        Recipe(
            "CO17",
            "Checked an hour after it expired.",
            fails("time.expired"),
            expected={"EXPIRATIONCHECK": False},
            clock=moment(EXPIRES + 3600),
        ),
    )


def _kid_places() -> tuple[Recipe, ...]:
    def kid(by: Identity) -> dict[int, object]:
        return {_KID: by.certificate.kid}

    def wrong(_: Identity) -> dict[int, object]:
        return {_KID: identity("dsc-other").certificate.kid}

    def algorithm(by: Identity) -> dict[int, object]:
        return {_ALG: by.algorithm}

    return (
        Recipe("CO18", "The kid is in the protected header alone, where it belongs."),
        Recipe(
            "CO19",
            "The kid is in the unprotected header alone.",
            forgiven("cose.kid-unprotected"),
            message=message(protected=algorithm, unprotected=kid),
        ),
        Recipe(
            "CO20",
            "Both headers state the kid, and it is the same.",
            message=message(unprotected=kid),
        ),
        Recipe(
            "CO21",
            "The protected header states the right kid, the unprotected one another's.",
            forgiven("cose.kid-ambiguous"),
            message=message(unprotected=wrong),
        ),
        Recipe(
            "CO22",
            "The protected header states another's kid, the unprotected one the right kid: the "
            "protected one counts.",
            fails("identifier.unknown", deviations=("cose.kid-ambiguous",)),
            expected={"VERIFY": False},
            message=message(protected=lambda by: {**algorithm(by), **wrong(by)}, unprotected=kid),
        ),
        Recipe(
            "CO23",
            "The only kid is another's and in the unprotected header.",
            fails("identifier.unknown", deviations=("cose.kid-unprotected",)),
            expected={"VERIFY": False},
            message=message(protected=algorithm, unprotected=wrong),
        ),
    )


def _hostile_headers() -> tuple[Recipe, ...]:
    def with_kid(change: Callable[[bytes], bytes]) -> Callable[[Identity, bytes], bytes]:
        return message(protected=lambda by: {**headers(by), _KID: change(by.certificate.kid)})

    return (
        Recipe(
            "CO24",
            "Behind the good ECDSA signature stand a thousand bytes more.",
            fails("signature.length"),
            expected={"VERIFY": False},
            message=message(sign=lambda by, data: by.sign(data) + bytes(1000)),
        ),
        Recipe(
            "CO25",
            "The kid is the first 7 bytes of the right one.",
            _UNKNOWN_AND_ODD,
            expected={"VERIFY": False},
            message=with_kid(lambda kid: kid[:-1]),
        ),
        Recipe(
            "CO26",
            "The kid is the right one with a byte behind it.",
            _UNKNOWN_AND_ODD,
            expected={"VERIFY": False},
            message=with_kid(lambda kid: kid + b"\0"),
        ),
        Recipe(
            "CO27",
            "The header says PS256, the key is an EC key, and so is the signature.",
            fails("signature.algorithm"),
            expected={"VERIFY": False},
            message=message(protected=lambda by: {**headers(by), _ALG: cose.PS256}),
        ),
        Recipe(
            "CO28",
            "A CWT tag (61) stands around the COSE_Sign1 tag (18).",
            forgiven("cose.cwt-tag"),
            message=message(tags=(18, 61)),
        ),
    )


def _structures() -> tuple[Recipe, ...]:
    return (
        Recipe(
            "CBO1",
            "The signed payload is CBOR that ends in the middle of an item.",
            fails("cbor.truncated"),
            expected={**_NO_STEP, "EXPIRATIONCHECK": False},
            claims=lambda dcc: claims()(dcc)[:-20],
        ),
        Recipe(
            "CBO2",
            "The DCC stands right under claim -260 and not under its key 1.",
            fails("content.no-dcc"),
            expected=_NO_STEP,
            claims=lambda dcc: raw_map(
                (b"\x01", cbor2.dumps("DK")),
                (b"\x04", cbor2.dumps(EXPIRES)),
                (b"\x06", cbor2.dumps(ISSUED_AT)),
                (cbor2.dumps(-260), dcc),
            ),
        ),
    )


def _contents() -> tuple[Recipe, ...]:
    good_ones: tuple[tuple[str, Kind, str], ...] = (
        ("DGC3", "NAAT", "a NAAT that found nothing"),
        ("DGC4", "RAT", "a rapid antigen test that found nothing"),
        ("DGC5", "recovery", "a recovery"),
        ("DGC6", "vaccination", "a vaccination"),
    )
    return (
        Recipe(
            "DGC1",
            "The vaccination states no product: the content breaks the schema.",
            refused("content.schema"),
            payload(mp=...),
            {"VALIDOBJECT": False, "SCHEMAVALIDATION": False},
        ),
        Recipe(
            "DGC2",
            "A vaccination, a test and a recovery in one pass, which the schema 1.2.1 lets through "
            "and the rules do not.",
            refused("content.several-events"),
            payload(
                version="1.2.1",
                beside={"t": [entry("NAAT")], "r": [entry("recovery")]},
            ),
            {"SCHEMAVALIDATION": False, "KEYUSAGE": None},
        ),
        *(
            Recipe(name, f"A good pass that states {what}.", dcc=payload(kind))
            for name, kind, what in good_ones
        ),
        Recipe(
            "DGC7",
            "The test found the infection: the pass is genuine, and no proof of anything.",
            refused("content.positive-test"),
            payload("NAAT", tr="260373001"),
        ),
        Recipe(
            "DGC8",
            "The sample is stated to be taken an hour after the check.",
            refused("content.sampled-in-future"),
            payload("NAAT", sc="2022-03-01T13:00:00Z"),
        ),
    )


def _with_illegal_characters(body: str) -> str:
    return f"{body[:10]}^{body[11:20]}?{body[21:]}"


def _with_last_flipped(data: bytes) -> bytes:
    return data[:-1] + bytes((data[-1] ^ 1,))
