"""The proof of WHO's DID documents (JsonWebSignature2020), without any JSON-LD library.

A JSON-LD processor would expand a document into RDF statements by the contexts that it names. The
documents of the GDHCN use one small, closed vocabulary, so that `document_quads` and `proof_quads`
can write their statements directly. They refuse every member and type outside the vocabulary,
because such a thing would be in the document and not under the signature.

What is signed: ``header "." SHA-256(proof) SHA-256(document)``, each hash over the statements in
N-Quads, sorted by code point, one a line. Nothing here fetches a context. Identifiers are checked
for characters that could end them: a statement must not be smuggled in through a name.

Since May 2026 documents name a third context, one for each environment, under which a code is
relative to its code list and begins with ``#``. Without the third context a code has no ``#``. The
statement is the same in both forms; a code of the other form would resolve to another address, so
that it is refused.
"""

from __future__ import annotations

import hashlib
import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from coronapas import _base64 as base64
from coronapas import _signatures as signatures
from coronapas.errors import KeyMaterialError, TrustListError
from coronapas.trust import _documents as documents

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from coronapas.trust._certificate import Certificate

NAME: Final = "gdhcn"

HEADER: Final = {"b64": False, "crit": ["b64"], "alg": "ES256"}
"""The only header that is accepted (RFC 7797: the payload is not encoded)."""

ENVIRONMENTS: Final = {"production": "", "uat": "-UAT", "development": "-DEV"}
"""The environments of the network, and how the addresses of each one's code lists end."""

CODE_LISTS: Final = {"domain": "Domains", "participant": "Participants", "keyusage": "KeyUsage"}
"""The coded members of a method, and the code list of each."""

_SECURITY: Final = "https://w3id.org/security#"
_RDF: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_DATE_TIME: Final = "http://www.w3.org/2001/XMLSchema#dateTime"
_CREATED: Final = "http://purl.org/dc/terms/created"
_CODE_LIST: Final = "https://smart.who.int/trust/ValueSet-{}{}.jsonld"

_DOCUMENT: Final = frozenset(("@context", "id", "controller", "verificationMethod", "proof"))
_METHOD: Final = frozenset(("id", "type", "controller", "publicKeyJwk", *CODE_LISTS))
_CODED: Final = frozenset(("code",))
_PROOF: Final = frozenset(("type", "created", "nonce", "proofPurpose", "verificationMethod", "jws"))
_KEY_TYPE: Final = "JsonWebKey2020"
_PROOF_TYPE: Final = "JsonWebSignature2020"
_PURPOSE: Final = "assertionMethod"

CONTEXTS: Final = ("https://www.w3.org/ns/did/v1", "https://w3id.org/security/suites/jws-2020/v1")
_NETWORK_CONTEXT: Final = "https://smart.who.int/trust/tng-context/v1{}.jsonld"
_OF_NETWORK: Final = {_NETWORK_CONTEXT.format(end): name for name, end in ENVIRONMENTS.items()}
_KNOWN_CONTEXTS: Final = frozenset(
    (
        *CONTEXTS,
        *(
            _CODE_LIST.format(name, end)
            for name in CODE_LISTS.values()
            for end in ENVIRONMENTS.values()
        ),
    )
)
_KEYWORDS: Final = frozenset(("@id", "@type"))
_TERMS: Final = frozenset(("id", "type", "proof", "code", *CODE_LISTS))
_MAP_MEMBERS: Final = _KEYWORDS | _TERMS | {"@context", "@base"}

_METHOD_OF: Final = f"<{_SECURITY}verificationMethod>"
_CONTROLLER: Final = f"<{_SECURITY}controller>"
_JWK: Final = f"<{_SECURITY}publicKeyJwk>"
_JSON: Final = f"{_RDF}JSON"
_IS_KEY: Final = f" <{_RDF}type> <{_SECURITY}{_KEY_TYPE}> .\n"

_IDENTIFIER: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\x00-\x20<>\"{}|^`\\]+")
_CODE: Final = re.compile(r"[A-Za-z0-9_.-]+")
_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True)
_ESCAPES: Final = (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\r", "\\r"))


class Statements(NamedTuple):
    """What a document states, each part as its hash, ready for a signature to be judged.

    `environment` is the one that the third context names, or None. `documents` has the hash of the
    document for that environment; for a document of the old form that states codes, the hashes for
    all environments, as its contexts do not tell. A document without codes has one hash, under
    None. `proof` is None where there is no proof.
    """

    environment: str | None
    documents: dict[str | None, bytes]
    proof: bytes | None


def statements(document: dict[str, Any]) -> Statements:
    """Return what is signed of a document.

    Raises TrustListError (``trust.malformed``) for unknown members, types or contexts.
    """
    environment = environment_of(document.get("@context"))
    named = environment is not None
    possible: list[str | None] = [environment] if named or not _coded(document) else [*ENVIRONMENTS]
    hashes = {each: _hash(document_quads(document, each, named=named)) for each in possible}
    proof = document.get("proof")
    if proof is None:
        return Statements(environment, hashes, None)
    quads = proof_quads(documents.whole(proof, dict, NAME, "'proof'"))
    return Statements(environment, hashes, _hash(quads))


def verify(
    document: dict[str, Any], stated: Statements, signers: Sequence[Certificate]
) -> tuple[Certificate, str | None] | None:
    """Return the signer whose key made the proof, with the environment; None if it was no signer.

    The environment is None for a document that names none and states no codes. Raises
    TrustListError for a proof that cannot be read.
    """
    proof = documents.whole(document.get("proof"), dict, NAME, "'proof'")
    header, signature = _signature(proof)
    for environment, content in stated.documents.items():
        signed = header + b"." + (stated.proof or b"") + content
        for signer in signers:
            if _holds(signer, signature, signed):
                return signer, environment
    return None


def sign(
    document: dict[str, Any],
    proof: dict[str, str],
    sign_bytes: Callable[[bytes], bytes],
    *,
    environment: str | None = None,
) -> dict[str, Any]:
    """Return the document with its proof.

    `proof` is the proof without `jws`; `sign_bytes` returns the DER of an ECDSA signature on P-256
    with SHA-256. `environment` is for the codes of a document of the old form; the third context
    says it itself.
    """
    named = environment_of(document["@context"])
    quads = document_quads(document, named or environment, named=named is not None)
    header = base64.encode_url(documents.dump(HEADER)).encode("ascii")
    signed = header + b"." + _hash(proof_quads(proof)) + _hash(quads)
    detached = f"{header.decode()}..{base64.encode_url(sign_bytes(signed))}"
    return {**document, "proof": {**proof, "jws": detached}}


def contexts(environment: str) -> list[str]:
    """Return the contexts of a document of an environment; ValueError for an unknown one."""
    if environment not in ENVIRONMENTS:
        raise ValueError(f"environment must be one of {', '.join(ENVIRONMENTS)}")
    return [*CONTEXTS, _NETWORK_CONTEXT.format(ENVIRONMENTS[environment])]


def document_quads(
    document: dict[str, Any], environment: str | None, *, named: bool = False
) -> set[str]:
    """Return the statements of a document without its proof; TrustListError for unknown ones.

    `environment` is that of the codes, None for production; `named` says that the third context
    names it.
    """
    _only(document, _DOCUMENT, "the document")
    subject = _identifier(document, "id")
    quads = {_quad(subject, _CONTROLLER, _identifier(document, "controller"))}
    ending = ENVIRONMENTS[environment or "production"]
    addresses = {member: _CODE_LIST.format(name, ending) for member, name in CODE_LISTS.items()}
    for method in documents.whole(
        document.get("verificationMethod", []), list, NAME, "'verificationMethod'"
    ):
        if isinstance(method, str):
            quads.add(_quad(subject, _METHOD_OF, _checked(method)))
        else:
            whole = documents.whole(method, dict, NAME, "a verification method")
            quads.update(_method_quads(subject, whole, addresses, named))
    return quads


def _method_quads(
    document: str, method: dict[str, Any], addresses: dict[str, str], named: bool
) -> Iterator[str]:
    _only(method, _METHOD, "a verification method")
    if method.get("type") != _KEY_TYPE:
        raise _unsigned("a verification method of an unknown type")
    subject = _identifier(method, "id")
    yield _quad(document, _METHOD_OF, subject)
    yield subject + _IS_KEY
    yield _quad(subject, _CONTROLLER, _identifier(method, "controller"))
    if "publicKeyJwk" in method:
        key = documents.whole(method["publicKeyJwk"], dict, NAME, "'publicKeyJwk'")
        yield _quad(subject, _JWK, _literal(_canonical(key), _JSON))
    for member, address in addresses.items():
        if member in method:
            code = code_of(method, member, named=named)
            yield _quad(subject, f"<{address}>", f"<{address}#{code}>")


def proof_quads(proof: dict[str, Any]) -> set[str]:
    """Return the statements of a proof without its signature; TrustListError for unknown ones."""
    _only(proof, _PROOF, "the proof")
    if proof.get("type") != _PROOF_TYPE or proof.get("proofPurpose") != _PURPOSE:
        raise _unsigned("a proof of an unknown type or purpose")
    subject = "_:c14n0"
    created = documents.whole(proof.get("created"), str, NAME, "the proof's 'created'")
    quads = {
        _quad(subject, f"<{_CREATED}>", _literal(created, _DATE_TIME)),
        _quad(subject, f"<{_RDF}type>", _security(_PROOF_TYPE)),
        _quad(subject, _security("proofPurpose"), _security(_PURPOSE)),
        _quad(subject, _METHOD_OF, _identifier(proof, "verificationMethod")),
    }
    if "nonce" in proof:
        nonce = documents.whole(proof["nonce"], str, NAME, "the proof's 'nonce'")
        quads.add(_quad(subject, _security("nonce"), _literal(nonce)))
    return quads


def code_of(method: dict[str, Any], member: str, *, named: bool) -> str:
    """Return the code in a coded member of a method, without the ``#`` of today's form.

    `named` says that the third context names the environment: then the ``#`` is required, else it
    is refused. Raises TrustListError for an invalid code.
    """
    value = method.get(member)
    if type(value) is dict and len(value) == 1 and type(value.get("code")) is str:
        code = _plain_code(value["code"], named)
        if code is not None:
            return code
    value = documents.whole(value, dict, NAME, f"{member!r}")
    _only(value, _CODED, f"{member!r}")
    stated = documents.whole(value.get("code"), str, NAME, f"the code of {member!r}")
    if named and stated[:1] != "#":
        raise _unsigned(f"a code of {member!r} without '#'")
    raise _unsigned(f"an invalid code of {member!r}")


@lru_cache(maxsize=256)
def _plain_code(stated: str, named: bool) -> str | None:
    """Return the code without its ``#``; None for one that is invalid."""
    if named:
        if stated[:1] != "#":
            return None
        stated = stated[1:]
    return stated if _CODE.fullmatch(stated) else None


def is_coded(method: object) -> bool:
    """Return whether a method states its domain, participant or usage."""
    return isinstance(method, dict) and not CODE_LISTS.keys().isdisjoint(method)


def _coded(document: dict[str, Any]) -> bool:
    methods = document.get("verificationMethod")
    return isinstance(methods, list) and any(map(is_coded, methods))


def environment_of(value: object) -> str | None:
    """Return the environment that the contexts name, or None; TrustListError for unknown ones.

    Today's form is the array of three addresses and nothing else. In the old form every address
    must be known, and every member of an inline map; how maps define terms is ignored, because the
    meaning of terms is fixed here, and it is what the signature covers.
    """
    if isinstance(value, list) and value[:-1] == list(CONTEXTS) and isinstance(value[-1], str):
        environment = _OF_NETWORK.get(value[-1])
        if environment is not None:
            return environment
    todo = [value]
    while todo:
        item = todo.pop()
        if isinstance(item, str):
            if item.removesuffix("#") not in _KNOWN_CONTEXTS and item not in _KEYWORDS:
                raise _unsigned("an unknown context")
        elif isinstance(item, list):
            todo.extend(item)
        elif isinstance(item, dict):
            if not item.keys() <= _MAP_MEMBERS:
                raise _unsigned("an unknown member of a context")
            todo.extend(item.values())
        elif item is not None:
            raise _unsigned("an invalid context")
    return None


def _signature(proof: dict[str, Any]) -> tuple[bytes, bytes]:
    """Return the header as it was signed, and the signature."""
    detached = documents.whole(proof.get("jws"), str, NAME, "the proof's 'jws'")
    header, _, signature = detached.partition("..")
    try:
        stated = documents.load(base64.decode_any(header), NAME)
        decoded = base64.decode_any(signature)
    except KeyMaterialError as error:
        raise TrustListError(NAME, "malformed", "the proof's jws must be base64url") from error
    if stated != HEADER or not decoded:
        raise TrustListError(NAME, "malformed", "the proof's jws is of an unknown kind")
    if base64.encode_url(decoded) != signature:
        # Its last character has bits that no byte needs; they are under no signature.
        raise TrustListError(NAME, "malformed", "the proof's jws must be in its shortest form")
    return header.encode("ascii"), decoded


def _holds(signer: Certificate, signature: bytes, signed: bytes) -> bool:
    """Return whether the signature holds: WHO's is in DER, the suite's raw form is read, too."""
    key = signer.public_key
    return signatures.holds_der(key, signature, signed) or signatures.holds(
        key, "ES256", signature, signed
    )


def _hash(quads: set[str]) -> bytes:
    return hashlib.sha256("".join(sorted(quads)).encode("utf-8")).digest()


def _quad(subject: str, predicate: str, value: str) -> str:
    return f"{subject} {predicate} {value} .\n"


def _security(name: str) -> str:
    return f"<{_SECURITY}{name}>"


def _literal(text: str, kind: str | None = None) -> str:
    for character, escaped in _ESCAPES:
        text = text.replace(character, escaped)
    quoted = f'"{text}"'
    return quoted if kind is None else f"{quoted}^^<{kind}>"


def _canonical(value: object) -> str:
    """Return JSON with sorted members, without white space (RFC 8785, without numbers)."""
    return _ENCODER.encode(value)


def _identifier(item: dict[str, Any], name: str) -> str:
    return _checked(documents.whole(item.get(name), str, NAME, f"{name!r}"))


def _checked(text: str) -> str:
    if not _IDENTIFIER.fullmatch(text):
        raise _unsigned("an invalid identifier")
    return f"<{text}>"


def _only(item: dict[str, Any], known: frozenset[str], what: str) -> None:
    if not item.keys() <= known:
        raise _unsigned(f"an unknown member of {what}")


def _unsigned(what: str) -> TrustListError:
    return TrustListError(NAME, "malformed", f"{what}: it would not be under the signature")
