"""A hostile national backend, in memory: genuine keys, lists and passes, and every abuse of them.

Nothing here judges. What the backend did is written down as it is done (which key signed, what the
certificate was asked to say, which bytes were changed), so that a test can work out the truth
without asking the code under test. Keys are made once a session.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Literal

import cbor2

from backend import HOLDER
from coronapas import keys
from coronapas.facts import Event, EventKind, Recovery, Test, TestKind, TestResult, Vaccination
from coronapas.hcert import _cose as cose
from coronapas.hcert import _envelope as envelope
from coronapas.issue import Issuer
from coronapas.revocation import HashType
from coronapas.revocation._lists import gateway as batches
from coronapas.signing import Signer
from coronapas.trust import gateway_entry, write_gateway, write_sweden
from coronapas.trust._certificate import Certificate
from coronapas.trust._lists import gateway

if TYPE_CHECKING:
    from collections.abc import Iterable

    from coronapas.keys import Authority, KeyPair

BEGIN: Final = datetime(2021, 1, 1, tzinfo=UTC)
START: Final = datetime(2021, 9, 1, 12, tzinfo=UTC)
SHARED_KID: Final = b"same kid"
LIST_LIFE: Final = timedelta(days=2)
"""How long an edition of the national list says that it is good."""

_P256_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

NAMES: Final = (
    "any",
    "other",
    "vaccination",
    "test",
    "recovery",
    "twin for vaccination",
    "twin for tests",
    "short",
    "coming",
)
"""The keys that lists may hold."""

ROGUE: Final = "rogue"
"""A key that no list holds; its CSCA bears the name of the genuine one."""

Way = Literal["by the anchor", "by a stranger", "by another country", "of another authority"]
WAYS: Final[tuple[Way, ...]] = (
    "by the anchor",
    "by a stranger",
    "by another country",
    "of another authority",
)
"""How a DSC may stand on the gateway's list and must not be taken: who signed or issued it."""

Change = Literal["longer", "other kid", "signature", "mirrored"]
CHANGES: Final[tuple[Change, ...]] = ("longer", "other kid", "signature", "mirrored")
"""What may be done to a pass. ``mirrored`` turns an ECDSA signature r, s into r, -s: it holds."""

Lie = Literal["another disease", "in the future", "born after", "another country"]
LIES: Final[tuple[Lie, ...]] = ("another disease", "in the future", "born after", "another country")
"""What a genuine key may sign that no verifier should take."""

Abuse = Literal["changed", "by a stranger", "cut"]
ABUSES: Final[tuple[Abuse, ...]] = ("changed", "by a stranger", "cut")
"""What may be done to an edition of the national list."""


@dataclass(frozen=True, slots=True)
class Dsc:
    """One key, with what its certificate was asked to say; nothing is read back from it.

    `kid` is the one that the national list gives it, `own_kid` the certificate's own. With no
    `usages` it may sign everything. `first` and `last` are its validity, both inclusive.
    """

    name: str
    pair: KeyPair
    kid: bytes
    own_kid: bytes
    usages: frozenset[EventKind]
    first: datetime
    last: datetime

    def __repr__(self) -> str:
        return f"<Dsc {self.name}>"


@dataclass(frozen=True, slots=True)
class Specimen:
    """A pass and how it came about.

    `original` is the message as it was signed, `intact` tells whether `message` is still that, or
    at most mirrored.
    """

    text: str
    message: bytes
    original: bytes
    signer: Dsc
    kid: bytes
    kind: EventKind
    issued: datetime
    expires: datetime
    uvci: str
    intact: bool = True
    lie: bool = False

    def __repr__(self) -> str:
        return f"<Specimen {self.kind} by {self.signer.name}{'' if self.intact else ', changed'}>"

    def hash(self, kind: HashType) -> bytes:
        """The hash by which a list names the pass, worked out from the definition alone."""
        named = {
            HashType.UCI: self.uvci.encode(),
            HashType.COUNTRYCODEUCI: b"DK" + self.uvci.encode(),
            HashType.SIGNATURE: self.message[-64:-32],  # r; the message ends with r and s
        }
        return hashlib.sha256(named[kind]).digest()[:16]


@cache
def authority(name: str) -> Authority:
    """A CSCA, or whoever else signs for others, by name; the country is its first two letters."""
    return keys.make_csca(name[:2], valid_from=BEGIN, name=name.rstrip("'"))


@cache
def uploader(country: str, whose: str = "") -> KeyPair:
    """An UPLOAD certificate; those of one country differ by `whose` they are."""
    return authority(f"{country} CSCA{whose}").issue_dsc(
        valid_from=BEGIN, name=f"{country} upload", organisation="Prøvestyrelsen"
    )


@cache
def dsc(name: str) -> Dsc:
    """The key of this name, one of `NAMES` or `ROGUE`."""
    usages = {
        "vaccination": EventKind.VACCINATION,
        "twin for vaccination": EventKind.VACCINATION,
        "test": EventKind.TEST,
        "twin for tests": EventKind.TEST,
        "recovery": EventKind.RECOVERY,
    }
    allowed = frozenset({usages[name]} if name in usages else ())
    # Near enough that lists which are still good hold a key that is not.
    first = START + timedelta(days=1) if name == "coming" else BEGIN
    last = START + timedelta(days=2) if name == "short" else BEGIN + timedelta(days=700)
    # The rogue's CSCA has the genuine one's name and country, and another key.
    issuer = authority("DK CSCA'" if name == ROGUE else "DK CSCA")
    pair = issuer.issue_dsc(valid_from=first, valid_for=last - first, usages=allowed, name=name)
    der = pair.certificate.der
    assert der is not None
    own = hashlib.sha256(der).digest()[:8]
    kid = SHARED_KID if name.startswith("twin") else own
    return Dsc(name, pair, kid, own, allowed, first, last)


def event(kind: EventKind, on: datetime) -> Event:
    """An event of this kind that a pass issued at `on` may state."""
    day = timedelta(days=1)
    match kind:
        case EventKind.VACCINATION:
            return Vaccination("Comirnaty", 2, 2, date(2021, 6, 1))
        case EventKind.TEST:
            result = TestResult.NOT_DETECTED
            return Test(TestKind.NAAT, on - day, result, centre="Prøvecentret")
        case EventKind.RECOVERY:
            today = on.date()
            return Recovery(today - 30 * day, today - 15 * day, today + 100 * day)


def issue(
    signer: Dsc, kind: EventKind, *, kid: bytes, issued: datetime, life: timedelta
) -> Specimen:
    """A pass that nobody held against the certificate, under whatever kid."""
    issuer = Issuer("DK", Signer(signer.pair.private_key, kid=kid))
    made = issuer.issue(HOLDER, event(kind, issued), expires=life, issued_at=issued)
    ends = issued + life
    return Specimen(
        made.text, made.message, made.message, signer, kid, kind, issued, ends, made.uvci
    )


def change(specimen: Specimen, how: Change, kid: bytes) -> Specimen:
    """The pass changed after it was signed; `kid` is what ``other kid`` writes into it."""
    protected, unprotected, payload, signature = _parts(specimen.message)
    expires = specimen.expires
    if how == "longer":
        claims = cbor2.loads(payload)
        claims[4] += 86_400
        payload = cbor2.dumps(claims)
        expires += timedelta(days=1)
    elif how == "other kid":
        protected = cbor2.dumps({**cbor2.loads(protected), 4: kid})
    elif how == "signature":
        signature = signature[:-1] + bytes((signature[-1] ^ 1,))
    else:
        signature = _mirrored(signature)
    content: list[Any] = [protected, unprotected, payload, signature]
    message = cbor2.dumps(cbor2.CBORTag(18, content))
    return replace(
        specimen,
        text=envelope.encode(message),
        message=message,
        kid=cbor2.loads(protected)[4],
        expires=expires,
        intact=_intact(message, specimen.original),
    )


def lie(specimen: Specimen, what: Lie) -> Specimen:
    """The pass with another content, well signed by the key that signed it before."""
    _, _, payload, _ = _parts(specimen.message)
    claims = cbor2.loads(payload)
    (dcc,) = claims[-260].values()
    group = specimen.kind.group
    name = {"v": "dt", "t": "sc", "r": "fr"}[group]
    if what == "another disease":
        dcc[group][0]["tg"] = "6142004"
    elif what == "in the future":
        dcc[group][0][name] = f"2099-01-01{'T00:00:00Z' if group == 't' else ''}"
    elif what == "born after":
        dcc["dob"] = "2098"
        dcc[group][0][name] = f"2021-01-01{'T00:00:00Z' if group == 't' else ''}"
    else:
        claims[1] = "GB"
    signer = Signer(specimen.signer.pair.private_key, kid=specimen.kid)
    message = cose.sign1(
        cbor2.dumps(claims), algorithm=signer.algorithm, kid=specimen.kid, sign=signer.sign
    )
    return replace(
        specimen,
        text=envelope.encode(message),
        message=message,
        original=message,
        intact=True,
        lie=True,
    )


def _parts(message: bytes) -> tuple[bytes, dict[Any, Any], bytes, bytes]:
    protected, unprotected, payload, signature = cbor2.loads(message).value
    return protected, unprotected, payload, signature


def _mirrored(signature: bytes) -> bytes:
    s = _P256_ORDER - int.from_bytes(signature[32:], "big")
    return signature[:32] + s.to_bytes(32, "big")


def _intact(message: bytes, original: bytes) -> bool:
    # Two changes can undo each other, so what counts is what came of them.
    protected, _, payload, signature = _parts(message)
    first, _, content, proof = _parts(original)
    return (protected, payload) == (first, content) and signature in (proof, _mirrored(proof))


def national_list(names: Iterable[str], at: datetime, *, signer: str = "DK list") -> bytes:
    """A signed edition (a JWS in the Swedish form), in which twins stand under one kid."""
    root = authority(signer)
    listed = [Certificate.load(dsc(name).pair.certificate, kid=dsc(name).kid) for name in names]
    return write_sweden(
        listed,
        root.private_key,
        [root.certificate],
        issuer="DK",
        issued=at,
        expires=at + LIST_LIFE,
    )


def abuse(edition: bytes, how: Abuse, at: datetime) -> bytes:
    """An edition that nobody may take: changed, cut short, or signed by a stranger of that name."""
    if how == "by a stranger":
        return national_list(NAMES, at, signer="DK list'")
    if how == "cut":
        return edition[: len(edition) * 2 // 3]
    head, payload, signature = edition.split(b".")
    middle = len(payload) // 2
    other = b"A" if payload[middle : middle + 1] != b"A" else b"B"
    return b".".join((head, payload[:middle] + other + payload[middle + 1 :], signature))


@cache
def _entry(name: str, kind: gateway.CertificateType, signer: str) -> dict[str, str]:
    if kind == "DSC":
        certificate = dsc(name).pair.certificate
    else:
        pair = uploader(name) if kind == "UPLOAD" else authority(f"{name} CSCA")
        certificate = pair.certificate
    if signer == "anchor":
        by: KeyPair = authority("EU trust anchor")
    else:
        by = uploader("DK", "'") if signer == "stranger" else uploader(signer)
    return gateway_entry(certificate, kind, by.private_key, by.certificate, timestamp=BEGIN)


def gateway_list(names: Iterable[str], unfit: Iterable[tuple[str, Way]] = ()) -> bytes:
    """The gateway's list with these DSCs, and with others in ways that the rules forbid."""
    entries = [_entry(name, "CSCA", "anchor") for name in ("DK", "SE")]
    entries += [_entry(name, "UPLOAD", "anchor") for name in ("DK", "SE")]
    entries += [_entry(name, "DSC", "DK") for name in names]
    signers = {"by the anchor": "anchor", "by a stranger": "stranger", "by another country": "SE"}
    for name, way in unfit:
        # The genuine uploader signs for a DSC of an authority that is not on the list.
        entry = (ROGUE, "DK") if way == "of another authority" else (name, signers[way])
        entries.append(_entry(entry[0], "DSC", entry[1]))
    return write_gateway(entries)


Flaw = Literal["none", "by a stranger", "by another country", "changed", "withheld"]
FLAWS: Final[tuple[Flaw, ...]] = (
    "none",
    "by a stranger",
    "by another country",
    "changed",
    "withheld",
)
"""What may be wrong with a batch of revocations; all but the first leave a gap."""


def batch(value: bytes, kind: HashType, kid: bytes | None, expires: datetime, flaw: Flaw) -> bytes:
    """A batch of one hash, as the gateway hands it out; ``withheld`` is for the caller to do."""
    makers = {"by a stranger": uploader("DK", "'"), "by another country": uploader("SE")}
    maker = makers.get(flaw, uploader("DK"))
    made = batches.write_batch(
        [value],
        kind,
        country="DK",
        expires=expires,
        kid=kid,
        key=maker.private_key,
        certificate=maker.certificate,
    )
    return made[:-1] + bytes((made[-1] ^ 1,)) if flaw == "changed" else made


def batch_list(entries: Iterable[tuple[str, datetime, bool]]) -> bytes:
    """The list that names batches: id, date, and whether it was deleted."""
    return batches.write_batch_list(
        batches.BatchEntry(name, "DK", at, deleted=deleted) for name, at, deleted in entries
    )
