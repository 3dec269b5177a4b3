"""The proof of WHO's DID documents (JsonWebSignature2020), without any JSON-LD library.

A JSON-LD processor would expand a document into RDF statements by the contexts that it names. The
documents of the GDHCN use one small, closed vocabulary, so that `document_quads` and `proof_quads`
can write their statements directly. They refuse every member and type outside the vocabulary,
because such a thing would be in the document and not under the signature.

What is signed: ``header "." SHA-256(proof) SHA-256(document)``, each hash over the statements in
N-Quads, sorted by code point, one a line. Nothing here fetches a context. Identifiers are checked
for characters that could end them: a statement must not be smuggled in through a name.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any, Final

from coronapas import _base64 as base64
from coronapas import _signatures as signatures
from coronapas.errors import KeyMaterialError, TrustListError
from coronapas.trust import _documents as documents

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from coronapas.trust._certificate import Certificate

NAME: Final = "gdhcn"

HEADER: Final = {"b64": False, "crit": ["b64"], "alg": "ES256"}
"""The only header that is accepted (RFC 7797: the payload is not encoded)."""

ENVIRONMENTS: Final = ("", "-UAT", "-DEV")
"""The endings of a code list's address: production, acceptance, development."""

CODE_LISTS: Final = {"domain": "Domains", "participant": "Participants", "keyusage": "KeyUsage"}
"""The coded members of a method, and the code list of each."""

_SECURITY: Final = "https://w3id.org/security#"
_RDF: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_DATE_TIME: Final = "http://www.w3.org/2001/XMLSchema#dateTime"
_CREATED: Final = "http://purl.org/dc/terms/created"
_CODE_LIST: Final = "https://smart.who.int/trust/ValueSet-{}{}.jsonld"

_DOCUMENT: Final = frozenset(("@context", "id", "controller", "verificationMethod", "proof"))
_METHOD: Final = frozenset(("id", "type", "controller", "publicKeyJwk", *CODE_LISTS))
_PROOF: Final = frozenset(("type", "created", "nonce", "proofPurpose", "verificationMethod", "jws"))
_KEY_TYPE: Final = "JsonWebKey2020"
_PROOF_TYPE: Final = "JsonWebSignature2020"
_PURPOSE: Final = "assertionMethod"

CONTEXTS: Final = ("https://www.w3.org/ns/did/v1", "https://w3id.org/security/suites/jws-2020/v1")
_KNOWN_CONTEXTS: Final = frozenset(
    (
        *CONTEXTS,
        *(_CODE_LIST.format(name, end) for name in CODE_LISTS.values() for end in ENVIRONMENTS),
    )
)

_IDENTIFIER: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\x00-\x20<>\"{}|^`\\]+")
_CODE: Final = re.compile(r"[A-Za-z0-9_.-]+")
_ESCAPES: Final = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r"})


def verify(document: dict[str, Any], signers: list[Certificate]) -> Certificate | None:
    """Return the signer whose key made the document's proof, or None.

    Raises TrustListError for a document outside the vocabulary and for a proof that cannot be read.
    """
    proof = documents.whole(document.get("proof"), dict, NAME, "'proof'")
    header, signature = _signature(proof)
    own = _hash(proof_quads(proof))
    for environment in ENVIRONMENTS:
        signed = header + b"." + own + _hash(document_quads(document, environment))
        for signer in signers:
            if _holds(signer, signature, signed):
                return signer
        if not _coded(document):
            break
    return None


def check_vocabulary(document: dict[str, Any]) -> None:
    """Raise TrustListError (``trust.malformed``) for unknown members, types or contexts."""
    _check_contexts(document.get("@context"))
    document_quads(document, ENVIRONMENTS[0])
    if document.get("proof") is not None:
        proof_quads(documents.whole(document["proof"], dict, NAME, "'proof'"))


def sign(
    document: dict[str, Any],
    proof: dict[str, str],
    sign_bytes: Callable[[bytes], bytes],
    *,
    environment: str = "",
) -> dict[str, Any]:
    """Return the document with its proof.

    `proof` is the proof without `jws`; `sign_bytes` returns the DER of an ECDSA signature on P-256
    with SHA-256.
    """
    header = base64.encode_url(documents.dump(HEADER)).encode("ascii")
    signed = (
        header + b"." + _hash(proof_quads(proof)) + _hash(document_quads(document, environment))
    )
    detached = f"{header.decode()}..{base64.encode_url(sign_bytes(signed))}"
    return {**document, "proof": {**proof, "jws": detached}}


def document_quads(document: dict[str, Any], environment: str) -> set[str]:
    """Return the statements of a document without its proof; TrustListError for unknown ones."""
    _only(document, _DOCUMENT, "the document")
    subject = _identifier(document, "id")
    quads = {_quad(subject, _security("controller"), _identifier(document, "controller"))}
    for method in documents.whole(
        document.get("verificationMethod", []), list, NAME, "'verificationMethod'"
    ):
        if isinstance(method, str):
            quads.add(_quad(subject, _security("verificationMethod"), _checked(method)))
        else:
            whole = documents.whole(method, dict, NAME, "a verification method")
            quads.update(_method_quads(subject, whole, environment))
    return quads


def _method_quads(document: str, method: dict[str, Any], environment: str) -> Iterator[str]:
    _only(method, _METHOD, "a verification method")
    if method.get("type") != _KEY_TYPE:
        raise _unsigned("a verification method of an unknown type")
    subject = _identifier(method, "id")
    yield _quad(document, _security("verificationMethod"), subject)
    yield _quad(subject, f"<{_RDF}type>", _security(_KEY_TYPE))
    yield _quad(subject, _security("controller"), _identifier(method, "controller"))
    if "publicKeyJwk" in method:
        key = documents.whole(method["publicKeyJwk"], dict, NAME, "'publicKeyJwk'")
        yield _quad(subject, _security("publicKeyJwk"), _literal(_canonical(key), f"{_RDF}JSON"))
    for member, name in CODE_LISTS.items():
        if member in method:
            address = _CODE_LIST.format(name, environment)
            yield _quad(subject, f"<{address}>", f"<{address}#{code_of(method, member)}>")


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
        _quad(subject, _security("verificationMethod"), _identifier(proof, "verificationMethod")),
    }
    if "nonce" in proof:
        nonce = documents.whole(proof["nonce"], str, NAME, "the proof's 'nonce'")
        quads.add(_quad(subject, _security("nonce"), _literal(nonce)))
    return quads


def code_of(method: dict[str, Any], member: str) -> str:
    """Return the code in a coded member of a method; TrustListError if it is invalid."""
    value = documents.whole(method.get(member), dict, NAME, f"{member!r}")
    _only(value, frozenset(("code",)), f"{member!r}")
    code = documents.whole(value.get("code"), str, NAME, f"the code of {member!r}")
    if not _CODE.fullmatch(code):
        raise _unsigned(f"an invalid code of {member!r}")
    return code


def _coded(document: dict[str, Any]) -> bool:
    methods = document.get("verificationMethod", [])
    return any(isinstance(method, dict) and CODE_LISTS.keys() & method for method in methods)


def _check_contexts(value: object) -> None:
    """Require that every address in the contexts is known; how they map terms is ignored.

    The meaning of terms is fixed here, and it is what the signature covers.
    """
    todo = [value]
    while todo:
        item = todo.pop()
        if isinstance(item, str):
            if item not in _KNOWN_CONTEXTS and (":" in item or item[:1] != "@"):
                raise _unsigned("an unknown context")
        elif isinstance(item, list):
            todo.extend(item)
        elif isinstance(item, dict):
            todo.extend(item.values())
        elif item is not None:
            raise _unsigned("an invalid context")


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
    quoted = f'"{text.translate(_ESCAPES)}"'
    return quoted if kind is None else f"{quoted}^^<{kind}>"


def _canonical(value: object) -> str:
    """Return JSON with sorted members, without white space (RFC 8785, without numbers)."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


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
