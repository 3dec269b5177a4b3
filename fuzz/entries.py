"""What is fuzzed: for each entry point a function of bytes, seeds, and what it may raise.

An entry fails where it raises anything but the library's own errors, where it accepts what no seed
says, and where one input costs more than `Entry.seconds` of processor time or `MEMORY` bytes.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Final
from unittest import mock
from uuid import UUID

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from coronapas import (
    certlogic,
    conformance,
    denmark,
    gdhcn,
    hcert,
    live,
    programmes,
    rules,
    trust,
    wallets,
)
from coronapas.dcc import ValueSets, parse_uvci
from coronapas.errors import CoronapasError
from coronapas.facts import History, read_history, read_records
from coronapas.hcert import base45_encode, compress
from coronapas.revocation import RevocationStore, read_path
from coronapas.signing import Signer
from coronapas.tolerances import FIELD
from coronapas.trust import Certificate, TrustStore
from coronapas.verify import PROFILES, Verifier

if TYPE_CHECKING:
    from coronapas.programmes import Programme

PROJECT: Final = Path(__file__).resolve().parent.parent
TESTDATA: Final = PROJECT / "testdata"
AT: Final = datetime(2022, 1, 15, 12, tzinfo=UTC)
MEMORY: Final = 1_000_000_000
"""The most memory that the process may have while it runs one input (bytes)."""

_LARGEST_JSON: Final = 65_536


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry point.

    `run` raises AssertionError for a wrong answer. `longest` bounds the inputs that are drawn
    (bytes), `seconds` the processor time of one of them, without the fuzzer's instruments.
    """

    name: str
    run: Callable[[bytes], object]
    seeds: Callable[[], Iterable[bytes]]
    longest: int = 8_192
    seconds: float = 1.0


class UnexpectedAcceptanceError(AssertionError):
    """Something was accepted that nobody signed."""


def refused(run: Callable[[bytes], object]) -> Callable[[bytes], object]:
    """Let an entry refuse its input with an error of the library."""

    def wrapped(data: bytes) -> object:
        with contextlib.suppress(CoronapasError):
            return run(data)
        return None

    return wrapped


def _document(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


# Passes


@cache
def vectors() -> tuple[dict[str, Any], ...]:
    return tuple(
        json.loads(path.read_bytes())
        for folder in ("basic", "ordinary", "tolerances")
        for path in sorted((TESTDATA / folder).glob("*.json"))
    )


@cache
def claim_lines() -> tuple[str, ...]:
    lines = (TESTDATA / "claims.jsonl").read_text("utf-8").splitlines()
    return tuple(json.loads(line)["text"] for line in lines)


def texts() -> Iterator[bytes]:
    for vector in vectors():
        if "PREFIX" in vector:
            yield vector["PREFIX"].encode()
    for line in claim_lines():
        yield line.encode()


def messages() -> Iterator[bytes]:
    for vector in vectors():
        if "COSE" in vector:
            yield bytes.fromhex(vector["COSE"])


@cache
def verifier() -> Verifier:
    found = [
        Certificate.load(b64decode(vector["TESTCTX"]["CERTIFICATE"]))
        for vector in vectors()
        if "CERTIFICATE" in vector["TESTCTX"]
    ]
    keys = (TESTDATA / "keys").glob("dsc*.pem")
    for path in keys:
        with contextlib.suppress(CoronapasError):
            found.append(Certificate.load(path.read_bytes()))
    store = TrustStore.from_certificates(dict.fromkeys(found))
    return Verifier(store, accept=tuple({profile.family for profile in PROFILES}))


@cache
def signed() -> frozenset[bytes]:
    """The payloads that the seeds carry, which alone a key of ours has signed."""
    found = set()
    for text in texts():
        layers = hcert.open_layers(text.decode("utf-8", "replace"), prefixes=_prefixes())
        if layers.message is not None:
            found.add(layers.message.payload)
    return frozenset(found)


@cache
def _prefixes() -> tuple[str, ...]:
    return tuple({profile.prefix for profile in PROFILES if profile.prefix})


def _verify(text: str) -> None:
    result = verifier().verify(text, at=AT)
    result.to_json()
    if result.ok:
        layers = hcert.open_layers(text, prefixes=_prefixes())
        if layers.message is None or layers.message.payload not in signed():
            raise UnexpectedAcceptanceError("a pass was accepted whose payload no seed carries")


def _verify_text(data: bytes) -> None:
    _verify(data.decode("utf-8", "surrogateescape"))


def _verify_message(data: bytes) -> None:
    _verify("HC1:" + base45_encode(compress(data)))


@cache
def _signer() -> Signer:
    key = load_pem_private_key((TESTDATA / "keys" / "p-256.key.pem").read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    certificate = Certificate.load((TESTDATA / "keys" / "dsc.cert.pem").read_bytes())
    return Signer(key, certificate, deterministic=True)


@contextlib.contextmanager
def _settled() -> Iterator[None]:
    """Draw alike in every process: what an earlier run kept of the seeds is known to the next."""
    draw = Random(7)
    with (
        mock.patch.multiple("secrets", token_bytes=draw.randbytes, randbelow=draw.randrange),
        mock.patch("secrets.SystemRandom", return_value=draw),
        mock.patch("uuid.uuid4", return_value=UUID(int=7, version=4)),
    ):
        yield


def _verify_claims(data: bytes) -> None:
    """Verify whatever claims, under a signature that holds."""
    signer = _signer()
    protected = cbor2.dumps({1: -7, 4: signer.kid})
    tbs = cbor2.dumps(["Signature1", protected, b"", data])
    message = cbor2.CBORTag(18, [protected, {}, data, signer.sign(tbs)])
    for prefix in ("HC1:", "DK3:"):
        text = prefix + base45_encode(compress(cbor2.dumps(message)))
        result = verifier().verify(text, at=AT)
        result.to_json()
        if result.ok and result.facts is not None:
            programmes.check(denmark_programme(), History.from_passes([result.facts]), AT)


@cache
def proofs() -> tuple[bytes, ...]:
    """A token that is bound to a device, with the device's proof, and without it."""
    device = ec.derive_private_key(7, ec.SECP256R1())
    issuer = denmark.DanishIssuer(_signer(), life=timedelta(hours=24))
    with _settled():
        token = issuer.dk1(issued_at=AT, holder_key=device.public_key()).text
    return live.prove(token, device, at=AT).encode(), token.encode()


@cache
def _bound_verifier() -> Verifier:
    trusted = TrustStore.from_certificates(filter(None, (_signer().certificate,)))
    return Verifier(trusted, accept=("dk",), tolerate=FIELD | {"content.bound"})


def _live(data: bytes) -> None:
    result = live.LiveVerifier(_bound_verifier()).verify(
        data.decode("utf-8", "surrogateescape"), AT
    )
    result.to_json()
    # The signatures of a proof and of its token can be rewritten; what they sign cannot.
    if result.ok and result.bound:
        envelope = result.verification.envelope
        token = hcert.open_layers(proofs()[1].decode(), prefixes=_prefixes()).message
        if envelope is None or token is None or envelope.message.payload != token.payload:
            raise UnexpectedAcceptanceError("a proof was accepted that no device made")


def payloads() -> Iterator[bytes]:
    yield from signed()


# Lists and stores


def _trust_list(data: bytes) -> None:
    trust.read(data, pins=(), fetched=AT, name="fuzz")


def _file(name: str, run: Callable[[Path], object]) -> Callable[[bytes], object]:
    folder = Path(tempfile.mkdtemp(prefix="coronapas-fuzz-"))

    def wrapped(data: bytes) -> object:
        path = folder / name
        path.write_bytes(data)
        return run(path)

    return refused(wrapped)


def certificates() -> Iterator[bytes]:
    for path in sorted((TESTDATA / "keys").glob("*.cert.pem")):
        yield path.read_bytes()
        with contextlib.suppress(CoronapasError):
            if (der := Certificate.load(path.read_bytes()).der) is not None:
                yield der


def trust_lists() -> Iterator[bytes]:
    found = [Certificate.load((TESTDATA / "keys" / "dsc.cert.pem").read_bytes())]
    yield trust.write_jwks(found)
    yield from certificates()
    yield _document(
        {"keys": [{"kid": "AAAAAAAAAAA=", "kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}]}
    )
    yield _document(
        {"@context": ["https://www.w3.org/ns/did/v1"], "id": "did:web:x", "verificationMethod": []}
    )
    yield b"AAAAAAAAAAA=\n{}"
    yield cbor2.dumps({"c": []})
    yield cbor2.dumps([])


def revocation_lists() -> Iterator[bytes]:
    yield _document(
        [
            {
                "kid": "AAAAAAAAAAA=",
                "settings": {
                    "hashTypes": ["UCI"],
                    "mode": "POINT",
                    "expires": "2023-01-01T00:00:00Z",
                },
            }
        ]
    )
    yield b'{"revokedCerts":["AAAA"]}'
    yield _document(
        {
            "id": "x",
            "country": "DK",
            "expires": "2023-01-01T00:00:00Z",
            "kid": "UNKNOWN_KID",
            "hashType": "UCI",
            "entries": [{"hash": "AAAAAAAAAAAAAAAAAAAAAA=="}],
        }
    )
    yield cbor2.dumps({b"\0" * 8: {"x": 1}})


def stores(kind: str) -> Callable[[], Iterator[bytes]]:
    def seeds() -> Iterator[bytes]:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "store"
            if kind == "trust":
                TrustStore([Certificate.load(next(iter(certificates())))]).save(path)
            else:
                RevocationStore().save(path)
            yield path.read_bytes()

    return seeds


def value_sets() -> Iterator[bytes]:
    yield (
        _document(
            {
                "valueSetId": "disease-agent-targeted",
                "valueSetDate": "2021-04-27",
                "valueSetValues": {
                    "840539006": {
                        "display": "COVID-19",
                        "lang": "en",
                        "active": True,
                        "version": "x",
                        "system": "y",
                    }
                },
            }
        )
    )
    yield b'{"source":"a test","sets":[]}'


# Documents


def _json(data: bytes) -> Any:
    if len(data) > _LARGEST_JSON:
        raise NotJsonError
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        raise NotJsonError from None


class NotJsonError(CoronapasError):
    """The input is no JSON: nothing to see."""


def _value_sets(data: bytes) -> None:
    document = _json(data)
    if isinstance(document, str):
        raise NotJsonError  # it would be the path of a file
    ValueSets.load(document)


def _certlogic(data: bytes) -> None:
    document = _json(data)
    try:
        expression, values = document["logic"], document.get("data")
    except (TypeError, KeyError, AttributeError):
        expression, values = document, {}
    found = certlogic.validate(expression)
    try:
        compiled = certlogic.compile(expression)
    except CoronapasError:
        assert found, "an expression without fault cannot be compiled"
        raise
    outcomes = []
    ways: tuple[Callable[[object], object], ...] = (
        compiled,
        lambda given: certlogic.evaluate(expression, given),
    )
    for evaluate in ways:
        try:
            outcomes.append(json.dumps(evaluate(values), default=str))
        except CoronapasError as error:
            outcomes.append(type(error).__name__)
    assert outcomes[0] == outcomes[1], "the compiler and the evaluator differ"
    with contextlib.suppress(CoronapasError):
        certlogic.explain(expression, values).text()


def expressions() -> Iterator[bytes]:
    yield _document(
        {
            "logic": {
                "if": [
                    {"var": "payload.v.0"},
                    {">=": [{"var": "payload.v.0.dn"}, {"var": "payload.v.0.sd"}]},
                    True,
                ]
            },
            "data": {"payload": {"v": [{"dn": 1, "sd": 2}]}},
        }
    )
    yield _document(
        {
            "logic": {
                "not-after": [
                    {"plusTime": [{"var": "external.validationClock"}, 0, "day"]},
                    {"plusTime": [{"var": "payload.r.0.du"}, 0, "day"]},
                ]
            },
            "data": {
                "external": {"validationClock": "2022-01-01T00:00:00Z"},
                "payload": {"r": [{"du": "2022-02-01"}]},
            },
        }
    )
    yield _document(
        {
            "logic": {
                "reduce": [
                    {"var": "payload.v"},
                    {"+": [{"var": "accumulator"}, {"var": "current.dn"}]},
                    0,
                ]
            },
            "data": {"payload": {"v": [{"dn": 1}, {"dn": 2}]}},
        }
    )
    yield _document(
        {"logic": {"in": [{"var": "payload.t.0.tt"}, ["LP6464-4", "LP217198-3"]]}, "data": {}}
    )
    yield _document(
        {
            "logic": {"extractFromUVCI": [{"var": "payload.v.0.ci"}, 1]},
            "data": {"payload": {"v": [{"ci": "URN:UVCI:01:DK:187/37512422923"}]}},
        }
    )
    yield _document(
        {
            "logic": {"dccDateOfBirth": [{"var": "payload.dob"}]},
            "data": {"payload": {"dob": "1990-01"}},
        }
    )
    # numbers at the edges of what JavaScript holds exactly, and beyond what an integer may say
    yield _document({"logic": {"+": [9007199254740991, -9007199254740992, 0.1]}, "data": {}})
    yield b'{"logic": {"===": [1E22, {"+": ["1e88", 18446744073709551616]}]}, "data": {}}'


def _rule(data: bytes) -> None:
    rule = rules.read_rule(_json(data))
    rules.lint(data)
    rule_set = rules.RuleSet([rule])
    dcc = vectors()[0]["JSON"]
    if rule.expression is not None:
        rule_set.decide(dcc, country=rule.country, at=AT)
        rule_set.timeline(dcc, country=rule.country, at=AT)


def rule_seeds() -> Iterator[bytes]:
    for number, logic in enumerate(expressions()):
        yield json.dumps(
            {
                "Identifier": f"VR-DK-{number:04}",
                "Type": "Acceptance",
                "Country": "DK",
                "Version": "1.0.0",
                "SchemaVersion": "1.3.0",
                "Engine": "CERTLOGIC",
                "EngineVersion": "1.3.0",
                "CertificateType": "Vaccination",
                "Description": [{"lang": "en", "desc": "A rule for the fuzzer to change."}],
                "ValidFrom": "2021-07-01T00:00:00Z",
                "ValidTo": "2030-06-01T00:00:00Z",
                "AffectedFields": ["v.0.dn", "v.0.sd"],
                "Logic": json.loads(logic)["logic"],
            }
        ).encode()


@cache
def denmark_programme() -> Programme:
    return programmes.load("denmark")


def _programme(data: bytes) -> None:
    programme = programmes.load(_json(data))
    programmes.lint(programme)
    for history in histories():
        known = read_history(history)
        programmes.check(programme, known, AT)
        programmes.next_dose(programme, known, date(2022, 1, 15))


def programme_seeds() -> Iterator[bytes]:
    example = PROJECT / "docs" / "examples" / "arcadia.json"
    if example.is_file():
        yield example.read_bytes()
    folder = PROJECT / "src" / "coronapas" / "programmes" / "data"
    small = sorted(folder.glob("*.json"), key=lambda path: path.stat().st_size)
    for path in small[:2]:
        if path.stat().st_size <= _LARGEST_JSON:
            yield path.read_bytes()


def _history(data: bytes) -> None:
    history = read_history(data)
    programme = denmark_programme()
    programmes.check(programme, history, AT)
    programmes.next_dose(programme, history, date(2022, 1, 15))
    programmes.timeline(programme, history)


def histories() -> Iterator[bytes]:
    yield _document(
        {
            "birth_date": "1980-02-03",
            "doses": [
                {"date": "2021-06-01", "product": "EU/1/20/1528", "dose_number": 1, "doses": 2}
            ],
        }
    )
    yield _document(
        {
            "birth_date": "1980-02",
            "doses": [],
            "infections": [{"first_positive": "2021-12-24", "proof": "naat"}],
        }
    )
    yield _document(
        {
            "doses": [],
            "tests": [{"kind": "rat", "positive": True, "sampled_at": "2022-01-10T10:00:00+01:00"}],
        }
    )


def _records(data: bytes) -> None:
    for record in read_records(data):
        assert (record.document.event is not None) or record.document.faults


def records() -> Iterator[bytes]:
    yield _document(
        {
            "holder": {"family_name": "Example", "given_name": "Eva", "birth_date": "1980-01-01"},
            "vaccination": {
                "product": "Comirnaty",
                "dose_number": 1,
                "doses": 2,
                "date": "2021-06-01",
            },
        }
    )
    yield (
        b"family_name,given_name,birth_date,product,dose_number,doses,date\n"
        b"Example,Eva,1980-01-01,Comirnaty,1,2,2021-06-01\n"
    )


# Links and wallets


def _link(data: bytes) -> None:
    link = gdhcn.read_link(data)
    assert link.key is None or link.key not in repr(link).encode("utf-8", "replace")


def links() -> Iterator[bytes]:
    yield from (line.encode() for line in claim_lines())
    link = _document({"url": "https://example.org/a", "key": "A" * 43})
    yield b"shlink:/" + urlsafe_b64encode(link).rstrip(b"=")


def _jwe(data: bytes) -> None:
    gdhcn.decrypt_file(data, bytes(32))


def jwes() -> Iterator[bytes]:
    yield gdhcn.encrypt_file(b'{"resourceType":"Bundle"}', bytes(32)).encode()


@cache
def _credentials() -> tuple[bytes, bytes]:
    dcc = vectors()[0]["JSON"]
    key = ec.derive_private_key(7, ec.SECP256R1())
    life = timedelta(days=30)
    with _settled():
        sd_jwt = wallets.issue_sd_jwt(
            dcc, _signer(), expires=life, issued_at=AT, holder_key=key.public_key()
        )
        mdoc = wallets.issue_mdoc(
            dcc, _signer(), device_key=key.public_key(), expires=life, issued_at=AT
        )
    return sd_jwt.text.encode(), mdoc.data


def _sd_jwt(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    result = wallets.SdJwtVerifier(_anchors()).verify(text, AT)
    result.to_json()
    ours = _credentials()[0].decode()
    assert not result.ok or _said(text) == _said(ours), "a credential nobody signed"


def _said(sd_jwt: str) -> str:
    """Return what is signed; the signature itself can be rewritten."""
    return sd_jwt.partition("~")[0].rpartition(".")[0]


def _mdoc(data: bytes) -> None:
    result = wallets.MdocVerifier(_anchors()).verify(data, AT)
    result.to_json()
    assert not result.ok or b"".join(_credentials()[1:])[-64:] in data, "an mdoc nobody signed"


@cache
def _anchors() -> TrustStore:
    return TrustStore([Certificate.load((TESTDATA / "keys" / "csca.cert.pem").read_bytes())])


def _pictures() -> Iterator[bytes]:
    for vector in vectors()[:1]:
        if "2DCODE" in vector:
            yield b64decode(vector["2DCODE"])
    for vector in vectors():
        if "2DCODE" in vector:
            yield b64decode(vector["2DCODE"])
            return


def _scan(data: bytes) -> None:
    from coronapas.presentation import scan

    scan(data)


def _vector_bytes() -> Iterator[bytes]:
    for vector in vectors()[:10]:
        yield json.dumps(vector).encode()


def _uvcis() -> Iterator[bytes]:
    yield b"URN:UVCI:01:DK:187/37512422923#X"


ENTRIES: Final = (
    Entry("pass", _verify_text, texts),
    Entry("message", _verify_message, messages, seconds=1.0),
    Entry("claims", _verify_claims, payloads),
    Entry("domestic", refused(lambda data: denmark.read(data)), texts),
    Entry("live", _live, proofs),
    Entry("trust-list", refused(_trust_list), trust_lists, longest=65_536, seconds=2.0),
    Entry("trust-store", _file("store", TrustStore.load), stores("trust"), seconds=2.0),
    Entry("certificate", refused(Certificate.load), certificates),
    Entry(
        "revocation-list", _file("list", read_path), revocation_lists, longest=65_536, seconds=2.0
    ),
    Entry(
        "revocation-store", _file("store", RevocationStore.load), stores("revocation"), seconds=2.0
    ),
    Entry("value-sets", refused(_value_sets), value_sets),
    Entry("certlogic", refused(_certlogic), expressions),
    Entry("rule", refused(_rule), rule_seeds, seconds=2.0),
    Entry("programme", refused(_programme), programme_seeds, longest=65_536, seconds=2.0),
    Entry("history", refused(_history), histories, seconds=2.0),
    Entry("records", refused(_records), records),
    Entry("link", refused(_link), links),
    Entry("link-file", refused(_jwe), jwes),
    Entry("manifest", refused(gdhcn.read_manifest), histories),
    Entry("icvp-facts", refused(gdhcn.read_icvp_facts), histories),
    Entry("sd-jwt", _sd_jwt, lambda: _credentials()[:1]),
    Entry("mdoc", _mdoc, lambda: _credentials()[1:]),
    Entry("picture", refused(_scan), _pictures, seconds=2.0),
    Entry("vector", refused(conformance.read), _vector_bytes, longest=65_536),
    Entry("uvci", refused(lambda data: parse_uvci(data.decode("utf-8", "replace"))), _uvcis),
)
