"""Recipes of WHO's claims: each shape of the ICVP, each form of a link, and what is odd in them.

The EU's vector format knows the DCC alone, so these stand in one file of JSON lines, each with the
text, the moment of the check, and by hand what the verifier must find with `FIELD` and with
`STRICT`. All persons are invented, and the keys are public and worthless.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import cbor2

from coronapas.hcert import _cose as cose
from coronapas.hcert import _envelope as envelope
from coronapas.hcert import base45_decode, inflate
from making.identities import identity

if TYPE_CHECKING:
    from pathlib import Path

NOTE: Final = (
    "Made by testdata/make.py of coronapas with worthless public keys. Nobody in here exists; no "
    "state and no organisation has issued this."
)
BY: Final = "dsc-claims"
ISSUED: Final = int(datetime(2026, 3, 1, 9, tzinfo=UTC).timestamp())
EXPIRES: Final = int(datetime(2030, 1, 1, tzinfo=UTC).timestamp())
CLOCK: Final = "2026-06-01T12:00:00Z"

_WHO: Final = "https://vhl.example.org/List?_id=abc&code=folder&status=current"
_ADDRESS: Final = "https://shl.example.org/" + "A" * 43
_KEY: Final = base64.urlsafe_b64encode(bytes(range(32))).rstrip(b"=").decode()

A1: Final[dict[str, Any]] = {
    "n": "EKSEMPEL IBINE",
    "dob": "1979-04-14",
    "s": "female",
    "ntl": "XL",
    "nid": "P1234567",
    "gn": "EKSEMPEL MODER",
    "v": {
        "dn": "Primary",
        "tg": "1D47",
        "vp": "XM0N24",
        "mp": "1",
        "ma": "EKSEMPEL",
        "mid": "25",
        "dt": "2024-03-02",
        "bo": "X9Y8Z7",
        "vls": "2024-03-12",
        "vle": "2034-03-12",
        "cn": "DR. A",
        "is": "any organisation",
    },
}
PRODUCT: Final = "YellowFeverProduct" + "0" * 32
A2: Final[dict[str, Any]] = {
    "n": "EKSEMPEL IBINE",
    "dob": "1979-04-14",
    "s": "female",
    "ntl": "XXA",
    "nid": "P1234567",
    "ndt": "PPN",
    "v": [
        {
            "vp": PRODUCT,
            "dt": "2025-11-02",
            "is": "XXA",
            "bo": "X9Y8Z7",
            "vls": "2025-11-12",
        }
    ],
}
B: Final[dict[str, Any]] = {
    "n": "EKSEMPEL IBINE",
    "dob": "1979-04-14",
    "s": "female",
    "nt": "XXA",
    "id": "P1234567",
    "dt": "PPN",
    "vx": {"vp": PRODUCT, "dv": "2026-02-02", "is": "XXA", "bo": "X9Y8Z7"},
    "v": "1.0.0",
}
B0: Final[dict[str, Any]] = {
    **B,
    "vx": {"vp": PRODUCT, "dt": "2026-02-02", "is": "XXA", "bo": "X9Y8Z7"},
    "v": "0.9",
}


@dataclass(frozen=True, slots=True)
class Claim:
    """One vector: what is in ``hcert``, and what must be found of it.

    `deviations` are all of them by code, sorted. `failures` are what fails with `FIELD`; with
    `STRICT` those of the deviations fail as well.
    """

    name: str
    description: str
    hcert: dict[Any, Any]
    profile: str
    deviations: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()
    content: str = "PASS"
    times: dict[int, Any] = field(default_factory=lambda: {4: EXPIRES, 6: ISSUED})
    issuer: str = "XX"
    clock: str = CLOCK
    prefix: str = "HC1:"


def link(**members: Any) -> dict[str, Any]:
    """The payload of a good link; ... takes a member out."""
    whole = {"url": _ADDRESS, "key": _KEY, "flag": "L", "label": "Eksempel", "v": 1, **members}
    return {name: value for name, value in whole.items() if value is not ...}


def text(scheme: str, payload: dict[str, Any], pad: str = "") -> str:
    """The text of a link."""
    content = json.dumps(payload, separators=(",", ":")).encode()
    return scheme + base64.urlsafe_b64encode(content).rstrip(b"=").decode() + pad


def _dose(claim: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The claim with members of its dose changed; ... takes one out."""
    name = "vx" if "vx" in claim else "v"
    dose = {**(claim[name][0] if isinstance(claim[name], list) else claim[name]), **changes}
    dose = {key: value for key, value in dose.items() if value is not ...}
    return {**claim, name: [dose] if isinstance(claim[name], list) else dose}


def _icvp(name: str, description: str, claim: Any, *deviations: str, **more: Any) -> Claim:
    return Claim(f"icvp-{name}", description, {-6: claim}, "icvp", deviations, **more)


def _link(name: str, description: str, claim: Any, *deviations: str, **more: Any) -> Claim:
    return Claim(f"link-{name}", description, {5: claim}, "link", deviations, **more)


_OLD: Final = "content.older-shape"
_MISSING: Final = "content.field-missing"
_FORM: Final = "content.link-form"
_MEMBER: Final = "content.link-member"
_NO_KEY: Final = "content.link-key"
_2024: Final = int(datetime(2024, 9, 24, tzinfo=UTC).timestamp())


def _shapes() -> tuple[Claim, ...]:
    return (
        _icvp("a1", "Shape A1, as the test passes of 2024.", A1, _OLD),
        _icvp(
            "a1-as-in-2024",
            "Shape A1 without exp, of the year 2024, by a participant of three letters.",
            A1,
            "content.issued-early",
            _OLD,
            "content.date-order",
            "cwt.missing-exp",
            times={6: int(datetime(2024, 3, 1, tzinfo=UTC).timestamp())},
            issuer="XXA",
        ),
        _icvp(
            "a1-no-exp",
            "Shape A1 without exp, issued in 2024.",
            A1,
            "content.issued-early",
            _OLD,
            "cwt.missing-exp",
            times={6: _2024},
        ),
        _icvp("a2", "Shape A2: a list of one dose.", A2, _OLD),
        _icvp("a2-map", "Shape A2 with a map in place of the list.", {**A2, "v": A2["v"][0]}, _OLD),
        _icvp(
            "a2-two-doses",
            "Shape A2 with two doses.",
            {**A2, "v": A2["v"] * 2},
            _OLD,
            "content.several-doses",
        ),
        _icvp("b0", "Shape B0: the date of the dose is dt.", B0, _OLD),
        _icvp("b", "Shape B, as it is issued today.", B),
        _icvp("b-issue-date", "Shape B with the day of issue.", {**B, "d": "2026-03-01"}),
        _icvp(
            "b-participant", "Shape B, iss being the participant's three letters.", B, issuer="XXA"
        ),
    )


def _odd() -> tuple[Claim, ...]:
    without = {name: value for name, value in B.items() if name not in ("s", "nt")}
    return (
        _icvp("no-sex", "Shape B without sex and nationality.", without, _MISSING),
        _icvp("no-signer", "Neither clinician nor authority.", _dose(B, **{"is": ...}), _MISSING),
        _icvp("odd-sex", "A sex that is not a code.", {**B, "s": "F"}, "content.value-set"),
        _icvp(
            "odd-nation", "A nationality of two letters.", {**B, "nt": "XX"}, "content.value-set"
        ),
        _icvp(
            "odd-authority",
            "An authority in free text.",
            _dose(B, **{"is": "any organisation"}),
            "content.value-set",
        ),
        _icvp("unknown-field", "A field of no shape.", {**B, "zz": "x"}, "content.unknown-field"),
        _icvp("null", "A field that is null.", {**B, "gn": None}, "content.null-field"),
        _icvp("empty", "A field that is empty.", {**B, "gn": ""}, "content.empty-field"),
        _icvp("space", "White space around the name.", {**B, "n": " A B "}, "content.whitespace"),
        _icvp("half-birth", "A birth date of a year.", {**B, "dob": "1979"}, "content.birth-date"),
        _icvp(
            "date-with-time",
            "A dose with a time.",
            _dose(B, dv="2026-02-02T10:00:00Z"),
            "content.date-with-time",
        ),
        _icvp(
            "before-birth", "A dose before birth.", {**B, "dob": "2026-02-03"}, "content.date-order"
        ),
        _icvp(
            "after-issue",
            "A dose after the issue.",
            _dose(B, dv="2026-03-05"),
            "content.date-order",
        ),
        _icvp(
            "version",
            "A version that is not known: ambiguous, not refused.",
            {**B, "v": "9.0"},
            "content.version-ambiguous",
            content="UNKNOWN",
        ),
        _icvp(
            "early",
            "Shape B, issued before 2025-09-19.",
            _dose(B, dv="2025-08-01"),
            "content.issued-early",
            times={4: EXPIRES, 6: int(datetime(2025, 9, 18, 23, 59, 59, tzinfo=UTC).timestamp())},
        ),
        _icvp(
            "first-moment",
            "Shape B, issued at the first moment at which that is allowed.",
            _dose(B, dv="2025-08-01"),
            times={4: EXPIRES, 6: int(datetime(2025, 9, 19, tzinfo=UTC).timestamp())},
        ),
        _icvp(
            "beside",
            "Beside the claim stands more.",
            B,
            "cwt.extra-claim",
        ),
    )


def _bad() -> tuple[Claim, ...]:
    no_name = {name: value for name, value in B.items() if name != "n"}
    return (
        _icvp(
            "expired",
            "The signature has ended.",
            B,
            failures=("time.expired",),
            clock="2031-01-01T00:00:00Z",
        ),
        _icvp(
            "no-batch",
            "No batch.",
            _dose(B, bo=...),
            "content.schema",
            failures=("content.schema",),
        ),
        _icvp(
            "no-product",
            "No product.",
            _dose(B, vp=...),
            "content.schema",
            failures=("content.schema",),
        ),
        _icvp(
            "no-date", "No date.", _dose(B, dv=...), "content.schema", failures=("content.schema",)
        ),
        _icvp("no-name", "No name.", no_name, "content.no-name", failures=("content.no-name",)),
        _icvp(
            "number",
            "A batch that is a number.",
            _dose(B, bo=7),
            "content.schema",
            failures=("content.schema",),
        ),
        _icvp(
            "bad-date",
            "A dose on 30 February.",
            _dose(B, dv="2026-02-30"),
            "content.date",
            "content.schema",
            failures=("content.date",),
        ),
        _icvp(
            "future",
            "A dose after the day of the check.",
            _dose(B, dv="2026-06-03"),
            "content.date-order",
            failures=("content.dose-in-future",),
        ),
        _icvp(
            "no-dose",
            "No dose at all.",
            {"n": "A B"},
            "content.schema",
            failures=("content.schema",),
        ),
        Claim(
            "mixture",
            "An EU DCC and a claim -6 in one pass.",
            {1: {"ver": "1.3.0"}, -6: B},
            "eu",
            ("cwt.extra-claim",),
            ("content.other-profile",),
        ),
        Claim(
            "ddcc-vaccination",
            "WHO's proposed claim 3, of which no form was published: recognised and not read.",
            {3: {"name": "EKSEMPEL IBINE", "birthDate": "1979-04-14", "hcid": "X1"}},
            "ddcc",
            (),
            ("prefix.not-accepted",),
        ),
        Claim(
            "ddcc-test",
            "WHO's proposed claim 4, of which no form was published: recognised and not read.",
            {4: {"name": "EKSEMPEL IBINE", "birthDate": "1979-04-14", "hcid": "X1"}},
            "ddcc",
            (),
            ("prefix.not-accepted",),
        ),
        Claim(
            "evc",
            "A European Vaccination Card, which has no prefix: recognised and not read.",
            {
                "ver": "1.0.0",
                "nam": {"fnt": "EKSEMPEL", "gnt": "IBINE"},
                "dob": "1979-04-14",
                "v": [{"reg": "XX", "rep": "EX", "i": 1, "a": 500, "mp": "VAC0000"}],
            },
            "evc",
            ("prefix.missing",),
            ("prefix.not-accepted",),
            prefix="",
        ),
    )


def _links() -> tuple[Claim, ...]:
    vhl = link(url=_WHO, exp=EXPIRES)
    twice = base64.urlsafe_b64encode(_KEY.encode()).decode()
    return (
        _link("shl", "A SMART Health Link.", text("shlink:/", link())),
        _link("vhl", "A Verifiable Health Link.", text("vhlink:/", vhl)),
        _link("viewer", "Behind a viewer.", "https://v.example.org/#" + text("shlink:/", link())),
        _link("object", "The payload itself.", vhl, _FORM),
        _link("list", "A list.", [{"u": text("shlink:/", link())}], _FORM),
        _link("two", "Two links.", [{"u": text("shlink:/", link())}] * 2, _FORM),
        _link("bare", "No scheme.", text("", link()), _FORM),
        _link("padded", "Padded base64.", text("shlink:/", link(label="Eksempel1"), "="), _FORM),
        _link(
            "milliseconds",
            "exp in milliseconds.",
            text("vhlink:/", {**vhl, "exp": EXPIRES * 1000}),
            _MEMBER,
        ),
        _link(
            "exp-text",
            "exp as text, in milliseconds.",
            text("vhlink:/", {**vhl, "exp": f"{EXPIRES}000"}),
            _MEMBER,
        ),
        _link("version-text", "v as text.", text("shlink:/", link(v="1")), _MEMBER),
        _link("type", "A type.", text("shlink:/", link(type="shl")), _MEMBER),
        _link(
            "extensions",
            "extensions.",
            text("vhlink:/", {**vhl, "extensions": {"fhirBaseUrl": "x"}}),
            _MEMBER,
        ),
        _link(
            "long-url",
            "An address of 171 characters.",
            text("shlink:/", link(url=_ADDRESS + "A" * 104)),
            _MEMBER,
        ),
        _link("flags", "Flags out of order.", text("shlink:/", link(flag="PL")), _MEMBER),
        _link("no-key", "No key.", text("vhlink:/", {**vhl, "key": None}), _NO_KEY),
        _link("key-33", "A key of 33 bytes.", text("vhlink:/", {**vhl, "key": "A" * 44}), _NO_KEY),
        _link(
            "key-twice",
            "A key that was encoded twice.",
            text("vhlink:/", {**vhl, "key": twice}),
            _NO_KEY,
        ),
        _link("key-padded", "A padded key.", text("shlink:/", link(key=_KEY + "=")), _NO_KEY),
        _link("hint", "An SHL past its end: a hint.", text("shlink:/", link(exp=ISSUED))),
        _link(
            "over",
            "A VHL past its end.",
            text("vhlink:/", {**vhl, "exp": ISSUED}),
            failures=("content.link-expired",),
        ),
        _link(
            "http",
            "An address without encryption.",
            text("shlink:/", link(url=_ADDRESS.replace("https", "http"))),
            _MEMBER,
            failures=("content.link-address",),
        ),
        _link(
            "later", "A later version.", text("shlink:/", link(v=2)), failures=("content.no-link",)
        ),
        _link("junk", "Not a link.", "shlink:/!", failures=("content.no-link",)),
        _link(
            "no-exp",
            "No exp of the pass.",
            text("shlink:/", link()),
            failures=("time.no-end",),
            times={6: ISSUED},
        ),
    )


def recipes() -> tuple[Claim, ...]:
    """Every vector of WHO's claims."""
    return (*_shapes(), *_odd(), *_bad(), *_links())


def _line(claim: Claim) -> dict[str, Any]:
    by = identity(BY)
    hcert = {**claim.hcert, 2: {}} if claim.name == "icvp-beside" else claim.hcert
    payload = cbor2.dumps({1: claim.issuer, **claim.times, -260: hcert})
    message = cose.sign1(payload, algorithm=by.algorithm, kid=by.certificate.kid, sign=by.sign)
    return {
        "note": NOTE,
        "name": claim.name,
        "description": claim.description,
        "text": envelope.encode(message, prefix=claim.prefix),
        "cose": message.hex(),
        "certificate": base64.b64encode(by.certificate.der or b"").decode(),
        "clock": claim.clock,
        "profile": claim.profile,
        "deviations": sorted(claim.deviations),
        "failures": sorted(claim.failures),
        "content": claim.content,
    }


def write(path: Path) -> bool:
    """Write all vectors as lines, unless the file says the same already; whether it was written.

    Another version of a compressor may make another text of the same message.
    """
    lines = [_line(claim) for claim in recipes()]
    if path.exists():
        there = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        if [_without_text(one) for one in there] == [_without_text(one) for one in lines]:
            bodies = [inflate(base45_decode(one["text"].removeprefix("HC1:"))) for one in there]
            if [body.hex() for body in bodies] == [one["cose"] for one in lines]:
                return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines), "utf-8")
    return True


def _without_text(line: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in line.items() if name != "text"}
