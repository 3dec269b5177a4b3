"""A recipe for one vector: a good pass, and what is done otherwise at one of its layers.

The steps are the library's own encoders (hcert-spec, chapters 3 and 4) unless the recipe brings
another one. `vector` cooks a recipe into the document of `schemas/test-vector.schema.json`.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal, TypeAlias

import cbor2

from coronapas.hcert import _base45 as base45
from coronapas.hcert import _compression as compression
from coronapas.hcert import _cose as cose
from coronapas.hcert._envelope import PREFIX
from making.identities import Identity, identity
from making.payloads import Dcc, payload

ISSUED_AT: Final = 1641805200
"""2022-01-10T09:00:00Z, claim 6 of every pass here unless its recipe says otherwise."""
EXPIRES: Final = 1657443600
"""2022-07-10T09:00:00Z, claim 4, inclusive."""
CLOCK: Final = "2022-03-01T12:00:00Z"
"""The moment of the check."""

_EXTENSION: Final = "CORONAPAS"

_INPUTS: Final[Mapping[str, frozenset[str]]] = {
    "VALIDOBJECT": frozenset({"JSON"}),
    "ENCODE": frozenset({"JSON", "CBOR"}),
    "PICTUREDECODE": frozenset({"2DCODE", "PREFIX"}),
    "UNPREFIX": frozenset({"PREFIX", "BASE45"}),
    "B45DECODE": frozenset({"BASE45", "COMPRESSED"}),
    "COMPRESSION": frozenset({"COMPRESSED", "COSE"}),
    "VERIFY": frozenset({"COSE"}),
    "DECODE": frozenset({"COSE", "JSON"}),
    "VALIDJSON": frozenset({"CBOR", "JSON"}),
    "SCHEMAVALIDATION": frozenset({"COSE"}),
    "EXPIRATIONCHECK": frozenset({"COSE"}),
    "KEYUSAGE": frozenset({"COSE"}),
}
"""The expectations by the inputs that they need, beside those in TESTCTX."""

Outcome: TypeAlias = bool | None
"""What a step must do; None leaves the expectation out."""


@dataclass(frozen=True, slots=True)
class Run:
    """What one run of the library's `Verifier` must find (the format's extension).

    The codes are complete: no other check fails and no other deviation is reported.
    """

    failures: tuple[str, ...] = ()
    deviations: tuple[str, ...] = ()
    tolerate: Literal["field", "strict"] | tuple[str, ...] = "field"
    at: str | None = None
    source: Literal["text", "picture"] = "text"
    kid: str | None = None
    facts: Mapping[str, Any] | None = None

    def document(self) -> dict[str, Any]:
        """The run as the extension writes it."""
        made: dict[str, Any] = {
            "ok": not self.failures,
            "failures": list(self.failures),
            "deviations": list(self.deviations),
            "tolerate": self.tolerate if isinstance(self.tolerate, str) else list(self.tolerate),
        }
        if self.at is not None:
            made["at"] = self.at
        if self.source != "text":
            made["from"] = self.source
        if self.kid is not None:
            made["kid"] = self.kid
        if self.facts is not None:
            made["facts"] = dict(self.facts)
        return made


def good() -> tuple[Run, ...]:
    """Nothing is to be found, even by who forgives nothing."""
    return Run(), Run(tolerate="strict")


def forgiven(*codes: str) -> tuple[Run, ...]:
    """Deviations that the preset ``field`` grants and ``strict`` does not."""
    return Run(deviations=codes), Run(codes, codes, tolerate="strict")


def refused(*codes: str) -> tuple[Run, ...]:
    """Deviations that have to be granted by name; each of them belongs to a check of its own."""
    return Run(codes, codes), Run(deviations=codes, tolerate=("field", *codes))


def fails(*codes: str, deviations: tuple[str, ...] = ()) -> tuple[Run, ...]:
    """Checks that fail whatever is granted."""
    return (Run(codes, deviations),)


def claims(
    *,
    issued_at: object = ISSUED_AT,
    expires: object = EXPIRES,
    more: Mapping[int, object] | None = None,
    indefinite: bool = False,
) -> Callable[[bytes], bytes]:
    """The step from the DCC's CBOR to the CWT's; a time of None is left out (RFC 8392)."""

    def made(dcc: bytes) -> bytes:
        stated: dict[int, object] = {1: "DK", 4: expires, 6: issued_at, **(more or {})}
        pairs = [
            (cbor2.dumps(key), cbor2.dumps(value))
            for key, value in stated.items()
            if value is not None
        ]
        return raw_map(*pairs, (cbor2.dumps(-260), raw_map((b"\x01", dcc))), indefinite=indefinite)

    return made


def raw_map(*pairs: tuple[bytes, bytes], indefinite: bool = False) -> bytes:
    """A CBOR map of at most 23 pairs that are CBOR already; a key may stand there twice."""
    content = b"".join(key + value for key, value in pairs)
    if indefinite:
        return b"\xbf" + content + b"\xff"
    return bytes((0xA0 + len(pairs),)) + content


def headers(identity: Identity) -> dict[int, object]:
    """The protected header that a pass should have."""
    return {cose.HEADER_ALG: identity.algorithm, cose.HEADER_KID: identity.certificate.kid}


Signature: TypeAlias = Callable[[Identity, bytes], bytes]


def message(
    *,
    protected: Callable[[Identity], Mapping[int, object]] = headers,
    unprotected: Callable[[Identity], Mapping[int, object]] = lambda _: {},
    sign: Signature = Identity.sign,
    tags: tuple[int, ...] = (18,),
    indefinite: bool = False,
) -> Callable[[Identity, bytes], bytes]:
    """The step from the CWT to the COSE_Sign1 message; `tags` from the inside out (RFC 9052)."""

    def made(by: Identity, payload: bytes) -> bytes:
        header = protected(by)
        # Headers without an entry are a string of length zero (RFC 9052, section 3).
        encoded = cbor2.dumps(header, indefinite_containers=indefinite) if header else b""
        signature = sign(by, cose.signed_bytes(encoded, payload))
        item: object = [encoded, unprotected(by), payload, signature]
        for tag in tags:
            item = cbor2.CBORTag(tag, item)
        return cbor2.dumps(item, indefinite_containers=indefinite)

    return made


def identical(data: bytes) -> bytes:
    """The step that changes nothing."""
    return data


@dataclass(frozen=True, slots=True)
class Recipe:
    """One vector. `name` is its file's, `expected` holds what differs from all steps holding.

    `dcc` of None stands for content that JSON cannot say; `encode` then makes its CBOR. `released`
    is the release by which the JSON is judged, the payload's own ``ver`` unless given. `without`
    names layers that the file does not show.
    """

    name: str
    description: str
    runs: tuple[Run, ...] = field(default_factory=good)
    dcc: Dcc | None = field(default_factory=payload)
    expected: Mapping[str, Outcome] = field(default_factory=dict)
    by: str = "dsc"
    encode: Callable[[Dcc | None], bytes] = cbor2.dumps
    claims: Callable[[bytes], bytes] = field(default_factory=claims)
    message: Callable[[Identity, bytes], bytes] = field(default_factory=message)
    compress: Callable[[bytes], bytes] = compression.compress
    base45: Callable[[bytes], str] = base45.encode
    text: Callable[[str], str] = PREFIX.__add__
    picture: Callable[[str], bytes] | None = None
    clock: str = CLOCK
    released: str | None = None
    without: frozenset[str] = frozenset()


def vector(recipe: Recipe) -> dict[str, Any]:
    """The vector that follows from a recipe."""
    by = identity(recipe.by)
    encoded = recipe.encode(recipe.dcc)
    signed = recipe.message(by, recipe.claims(encoded))
    compressed = recipe.compress(signed)
    body = recipe.base45(compressed)
    text = recipe.text(body)
    layers: dict[str, Any] = {
        "JSON": recipe.dcc,
        "CBOR": encoded.hex(),
        "COSE": signed.hex(),
        "COMPRESSED": compressed.hex(),
        "BASE45": body,
        "PREFIX": text,
    }
    if recipe.picture is not None:
        layers["2DCODE"] = base64.b64encode(recipe.picture(text)).decode()
    shown = {
        name: value
        for name, value in layers.items()
        if value is not None and name not in recipe.without
    }
    return {
        **shown,
        "TESTCTX": _context(recipe, by),
        "EXPECTEDRESULTS": _expected(recipe.expected, frozenset(shown)),
        _EXTENSION: {"verify": [run.document() for run in recipe.runs]},
    }


def _context(recipe: Recipe, by: Identity) -> dict[str, Any]:
    released = recipe.released or (recipe.dcc or {}).get("ver", "1.3.2")
    return {
        "VERSION": 1,
        "SCHEMA": released,
        "CERTIFICATE": base64.b64encode(by.certificate.der or b"").decode(),
        "VALIDATIONCLOCK": recipe.clock,
        "DESCRIPTION": recipe.description,
    }


def _expected(stated: Mapping[str, Outcome], shown: frozenset[str]) -> dict[str, bool]:
    """Every expectation whose inputs are there, and what it is."""
    if not stated.keys() <= _INPUTS.keys():
        raise ValueError(f"no such expectations: {sorted(stated.keys() - _INPUTS.keys())}")
    outcomes = {name: stated.get(name, True) for name in _INPUTS if _INPUTS[name] <= shown}
    return {f"EXPECTED{name}": value for name, value in outcomes.items() if value is not None}


def moment(seconds: int) -> str:
    """A clock's time as vectors write it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
