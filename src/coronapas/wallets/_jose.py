"""Signed JSON and selective disclosure, as SD-JWT has them (RFC 7515, 7517, 7638, 9901).

A compact JWS and a key in JSON are read strictly where one content could otherwise have two
spellings: base64url without padding in its one form, JSON without a member that stands twice, no
critical header, ``ES256`` and ``PS256`` alone.

An SD-JWT is a tree of claims and its disclosures (RFC 9901): ``<JWT>~<disclosure>~…~``, with a
key-binding JWT after the last ``~`` or nothing. A disclosure is the base64url of
``[salt, name, value]``, or of ``[salt, value]`` for an element of an array; the JWT holds its
digest in ``_sd``, or in ``{"...": digest}`` in the array.

`resolve` follows the steps of section 7.1, and refuses:

1. a ``_sd_alg`` that is not known, or that stands anywhere but at the top;
2. a ``_sd`` that is not a list of texts, or a ``...`` beside other members or outside an array;
3. a disclosure of the wrong length for its place, or named ``_sd``, ``...`` or ``_sd_alg``;
4. a disclosure whose name the object already has;
5. a digest that occurs twice, wherever it stands;
6. a disclosure to which no digest refers, or that is stated twice.

Digests without a disclosure vanish: they are what the holder keeps back, or decoys.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from coronapas import _base64 as base64
from coronapas import _json
from coronapas import _signatures as signatures
from coronapas.errors import CredentialError, KeyMaterialError
from coronapas.hcert._cose import ALGORITHMS
from coronapas.trust import _jose as trust_jose
from coronapas.trust._certificate import Certificate

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

    from coronapas.signing import PublicKey, Signer

MAX_DEPTH: Final = 32
"""How deep the JSON of a token may nest, inclusive."""
MAX_BYTES: Final = 512 * 1024
"""The longest part of a token, in bytes, inclusive."""
MAX_PARTS: Final = 50_000
"""The most commas, colons and opening brackets in the JSON of one part, inclusive."""
MAX_CHARACTERS: Final = 1024 * 1024
"""The longest token, in characters, inclusive."""
MAX_DISCLOSURES: Final = 2000
"""The most disclosures of one token, inclusive."""
SALT_BYTES: Final = 16
"""The bytes of a salt: 128 bits (RFC 9901, section 9.3)."""
MAX_DECOYS: Final = 100
"""The most decoy digests at each place, inclusive."""

BINDING_TYPE: Final = "kb+jwt"

_NAMES: Final = frozenset(ALGORITHMS.values())
_MALFORMED: Final = "format.malformed"
_HASHES: Final[Mapping[str, Callable[[bytes], Any]]] = {
    "sha-256": hashlib.sha256,
    "sha-384": hashlib.sha384,
    "sha-512": hashlib.sha512,
}
_SD: Final = "_sd"
_ALG: Final = "_sd_alg"
_DOTS: Final = "..."

Path = tuple[str | int, ...]
"""Where a claim stands: names of members, and places in arrays from 0."""


class Jws(NamedTuple):
    """A compact JWS as it was read; nothing about it is verified."""

    header: dict[str, Any]
    payload: bytes
    signed: bytes
    signature: bytes

    def __repr__(self) -> str:
        return f"<Jws {self.algorithm} {self.type}>"

    @property
    def algorithm(self) -> str | None:
        """The stated algorithm, where it is one that is accepted; else None."""
        stated = self.header.get("alg")
        return stated if isinstance(stated, str) and stated in _NAMES else None

    @property
    def type(self) -> str | None:
        """The header's ``typ`` without ``application/`` (RFC 7515, 4.1.9), in lower case."""
        stated = self.header.get("typ")
        return stated.lower().removeprefix("application/") if isinstance(stated, str) else None

    def holds(self, key: PublicKeyTypes) -> bool:
        """Whether `key` signed this under the stated algorithm."""
        return signatures.holds(key, self.algorithm, self.signature, self.signed)


def decode(text: str, what: str) -> bytes:
    """Return the bytes of base64url without padding, in its one form (RFC 7515, chapter 2)."""
    try:
        data = base64.decode_any(text, what, limit=MAX_BYTES)
    except KeyMaterialError as error:
        raise CredentialError(_MALFORMED, str(error)) from None
    if base64.encode_url(data) != text:
        raise CredentialError(_MALFORMED, f"{what} is not base64url in its one form")
    return data


def load(data: bytes, what: str) -> Any:
    """Return the value of bounded JSON without doubled members."""
    try:
        return _json.load(data, limit=MAX_BYTES, parts=MAX_PARTS, depth=MAX_DEPTH)
    except _json.JsonError as error:
        raise CredentialError(_MALFORMED, f"{what}: {error}") from None


def load_object(data: bytes, what: str) -> dict[str, Any]:
    """Return a JSON object, as `load` does."""
    found = load(data, what)
    if not isinstance(found, dict):
        raise CredentialError(_MALFORMED, f"{what} must be a JSON object")
    return found


def dump(value: object) -> bytes:
    """Return compact JSON in UTF-8."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8")


def read(text: str, what: str) -> Jws:
    """Return the parts of a compact JWS; raise CredentialError where it is not one."""
    parts = text.split(".")
    if len(parts) != 3:
        raise CredentialError(_MALFORMED, f"{what} must have three parts")
    header = load_object(decode(parts[0], what), f"the header of {what}")
    if "crit" in header:
        raise CredentialError("format.critical-header", f"{what} requires an unknown extension")
    payload, signature = decode(parts[1], what), decode(parts[2], what)
    return Jws(header, payload, f"{parts[0]}.{parts[1]}".encode("ascii"), signature)


def sign(header: Mapping[str, Any], payload: bytes, signer: Signer) -> str:
    """Return a compact JWS; the signer's algorithm is put first into the header."""
    signed = unsigned(header, payload, signer)
    return with_signature(signed, signer.sign(signed.encode("ascii")))


def unsigned(header: Mapping[str, Any], payload: bytes, signer: Signer) -> str:
    """Return what a compact JWS of `signer` signs; the algorithm is put first into the header."""
    whole = {"alg": ALGORITHMS[signer.algorithm], **header}
    return f"{base64.encode_url(dump(whole))}.{base64.encode_url(payload)}"


def with_signature(signed: str, signature: bytes) -> str:
    """Return the compact JWS of what was signed (see `unsigned`) and its signature."""
    return f"{signed}.{base64.encode_url(signature)}"


def x5c(chain: Sequence[Certificate]) -> list[str]:
    """Return certificates as the header ``x5c`` has them: standard base64 of the DER."""
    return [base64.encode(each.der) for each in chain if each.der is not None]


def certificates(header: Mapping[str, Any]) -> tuple[Certificate, ...]:
    """Return the certificates of ``x5c``, the leaf first; none where it is absent."""
    try:
        return trust_jose.certificates(dict(header))
    except KeyMaterialError as error:
        raise CredentialError("format.certificates", f"the x5c: {error}") from None


def public_key(item: object) -> PublicKey:
    """Return the public key of a JWK; raise CredentialError for a private or unreadable one."""
    if isinstance(item, dict) and "d" in item:
        raise CredentialError("binding.key", "the JWK holds a private key")
    try:
        key = Certificate.from_public_key(trust_jose.spki(item)).public_key
    except KeyMaterialError as error:
        raise CredentialError("binding.key", f"the JWK cannot be read: {error}") from None
    assert isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey)  # noqa: S101 - as spki says
    return key


def jwk_of(key: PublicKey) -> dict[str, str]:
    """Return the JWK of a public key: the members that a thumbprint is made of, no others."""
    if isinstance(key, ec.EllipticCurvePublicKey):
        size, numbers = (key.key_size + 7) // 8, key.public_numbers()
        x, y = (base64.encode_url(each.to_bytes(size, "big")) for each in (numbers.x, numbers.y))
        return {"crv": f"P-{key.key_size}", "kty": "EC", "x": x, "y": y}
    found = trust_jose.write_jwk(Certificate.from_public_key(_spki(key)))
    names = ("e", "kty", "n")
    return {name: found[name] for name in names}


def thumbprint(key: PublicKey) -> bytes:
    """Return the SHA-256 thumbprint of a key (RFC 7638)."""
    members = dict(sorted(jwk_of(key).items()))
    return hashlib.sha256(dump(members)).digest()


def _spki(key: PublicKey) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@dataclass(frozen=True, slots=True)
class Disclosure:
    """One disclosure; `name` is None for an element of an array."""

    text: str = field(repr=False)
    name: str | None = field(repr=False)
    value: Any = field(repr=False)


@dataclass(frozen=True, slots=True)
class Token:
    """A token taken apart; nothing about it is verified."""

    jwt: str = field(repr=False)
    disclosures: tuple[str, ...] = field(repr=False)
    binding: str | None = field(repr=False)

    @property
    def bound_text(self) -> str:
        """What ``sd_hash`` is computed over: all up to and including the last ``~``."""
        return "".join(f"{part}~" for part in (self.jwt, *self.disclosures))


@dataclass(frozen=True, slots=True)
class Resolved:
    """The claims with everything that is disclosed in its place.

    `places` says for each disclosure's text where its claim stands, in the order of the tree.
    """

    claims: dict[str, Any] = field(repr=False)
    places: Mapping[str, Path] = field(repr=False)


def split(text: str) -> Token:
    """Take a token apart; raise CredentialError where it is not one."""
    if len(text) > MAX_CHARACTERS:
        raise CredentialError("format.too-large", "the token is too long")
    if not text.isascii() or "~" not in text:
        raise CredentialError("format.malformed", "the text is not an SD-JWT")
    jwt, *disclosures, last = text.split("~")
    if len(disclosures) > MAX_DISCLOSURES:
        raise CredentialError("format.too-large", "the token has too many disclosures")
    if not all(disclosures):
        raise CredentialError("format.malformed", "a disclosure is empty")
    return Token(jwt, tuple(disclosures), last or None)


def disclosure(text: str) -> Disclosure:
    """Read one disclosure; raise CredentialError where it is not one."""
    item = load(decode(text, "a disclosure"), "a disclosure")
    if not isinstance(item, list) or len(item) not in (2, 3) or not isinstance(item[0], str):
        raise CredentialError("disclosure.malformed", "a disclosure has the wrong form")
    if len(item) == 2:
        return Disclosure(text, None, item[1])
    if not isinstance(item[1], str):
        raise CredentialError("disclosure.malformed", "a disclosure's name must be a text")
    if item[1] in (_SD, _DOTS, _ALG):
        raise CredentialError("disclosure.name", "a disclosure has a reserved name")
    return Disclosure(text, item[1], item[2])


def hash_of(claims: Mapping[str, Any]) -> Callable[[str], str]:
    """Return what computes the digest of a text by the claims' ``_sd_alg``."""
    stated = claims.get(_ALG, "sha-256")
    function = _HASHES.get(stated) if isinstance(stated, str) else None
    if function is None:
        raise CredentialError("disclosure.algorithm", "the digest algorithm is not supported")
    return lambda text: base64.encode_url(function(text.encode("ascii")).digest())


def resolve(claims: Mapping[str, Any], disclosures: Iterable[str]) -> Resolved:
    """Put every disclosure in its place; raise CredentialError at the first broken rule."""
    digest = hash_of(claims)
    known: dict[str, Disclosure] = {}
    for text in disclosures:
        own = digest(text)
        if own in known:
            raise CredentialError("disclosure.repeated", "a disclosure is stated twice")
        known[own] = disclosure(text)
    resolver = _Resolver(known)
    tree = resolver.members({name: value for name, value in claims.items() if name != _ALG}, (), 0)
    if len(resolver.places) != len(known):
        raise CredentialError("disclosure.unreferenced", "no digest refers to a disclosure")
    return Resolved(tree, resolver.places)


class _Resolver:
    def __init__(self, known: Mapping[str, Disclosure]) -> None:
        self._known = known
        self._seen: set[str] = set()
        self.places: dict[str, Path] = {}

    def _found(self, digest: object, path: Path, *, named: bool) -> Disclosure | None:
        """The disclosure of a digest; None where the holder keeps it back."""
        if not isinstance(digest, str):
            raise CredentialError("disclosure.malformed", "a digest must be a text")
        if digest in self._seen:
            raise CredentialError("disclosure.repeated", "a digest occurs twice")
        self._seen.add(digest)
        found = self._known.get(digest)
        if found is None:
            return None
        if (found.name is not None) is not named:
            raise CredentialError("disclosure.malformed", "a disclosure stands in the wrong place")
        self.places[found.text] = (*path, found.name) if found.name is not None else path
        return found

    def value(self, item: Any, path: Path, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise CredentialError("format.too-deep", "the disclosures nest too deep")
        if isinstance(item, dict):
            return self.members(item, path, depth)
        return self._elements(item, path, depth) if isinstance(item, list) else item

    def members(self, item: Mapping[str, Any], path: Path, depth: int) -> dict[str, Any]:
        if _DOTS in item or _ALG in item:
            raise CredentialError("disclosure.malformed", "a reserved name stands out of place")
        digests = item.get(_SD, [])
        if not isinstance(digests, list):
            raise CredentialError("disclosure.malformed", "_sd must be a list")
        found: dict[str, Any] = {}
        for name, value in item.items():
            if name != _SD:
                found[name] = self.value(value, (*path, name), depth + 1)
        for digest in digests:
            opened = self._found(digest, path, named=True)
            if opened is None or opened.name is None:
                continue
            if opened.name in found:
                raise CredentialError("disclosure.collision", "a disclosed claim is there already")
            found[opened.name] = self.value(opened.value, (*path, opened.name), depth + 1)
        return found

    def _elements(self, items: list[Any], path: Path, depth: int) -> list[Any]:
        found: list[Any] = []
        for item in items:
            if isinstance(item, dict) and _DOTS in item:
                if len(item) != 1:
                    raise CredentialError("disclosure.malformed", "a digest has other members")
                place = (*path, len(found))
                opened = self._found(item[_DOTS], place, named=False)
                if opened is not None:
                    found.append(self.value(opened.value, place, depth + 1))
            else:
                found.append(self.value(item, (*path, len(found)), depth + 1))
        return found


def conceal(
    claims: Mapping[str, Any], hidden: Collection[Path], *, decoys: int = 0
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the claims with digests for what is hidden, and the disclosures.

    Args:
        claims: The claims in full.
        hidden: The paths to hide; a path below a hidden one makes a disclosure within it.
        decoys: How many digests without a disclosure are added wherever something is hidden.

    Raises:
        CredentialError: A path that leads nowhere, or a reserved name in the claims.

    """
    if not 0 <= decoys <= MAX_DECOYS:
        raise CredentialError("issue.decoys", f"decoys must be from 0 to {MAX_DECOYS}")
    wanted = frozenset(hidden)
    concealer = _Concealer(wanted, decoys)
    tree = concealer.value(dict(claims), ())
    if concealer.hidden != wanted:
        raise CredentialError("issue.path", "a path to hide leads to no claim")
    if wanted:
        tree[_ALG] = "sha-256"
    return tree, tuple(concealer.disclosures)


class _Concealer:
    def __init__(self, wanted: frozenset[Path], decoys: int) -> None:
        self._wanted = wanted
        self._decoys = decoys
        self.hidden: set[Path] = set()
        self.disclosures: list[str] = []

    def _hide(self, path: Path, *content: Any) -> str:
        self.hidden.add(path)
        text = base64.encode_url(dump([_salt(), *content]))
        self.disclosures.append(text)
        return _digest(text)

    def _decoy(self) -> list[str]:
        return [_digest(_salt()) for _ in range(self._decoys)]

    def value(self, item: Any, path: Path) -> Any:
        if isinstance(item, Mapping):
            return self._members(item, path)
        return self._elements(item, path) if isinstance(item, list | tuple) else item

    def _members(self, item: Mapping[str, Any], path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        digests: list[str] = []
        for name, value in item.items():
            if name in (_SD, _ALG, _DOTS):
                raise CredentialError("issue.reserved", "a claim has a reserved name")
            place = (*path, name)
            inner = self.value(value, place)
            if place in self._wanted:
                digests.append(self._hide(place, name, inner))
            else:
                found[name] = inner
        if digests:
            # Sorted, so that their order tells nothing of the claims' order (section 4.2.4.1).
            found[_SD] = sorted([*digests, *self._decoy()])
        return found

    def _elements(self, items: Iterable[Any], path: Path) -> list[Any]:
        found: list[Any] = []
        concealed = False
        for number, value in enumerate(items):
            place = (*path, number)
            inner = self.value(value, place)
            if place in self._wanted:
                concealed = True
                found.append({_DOTS: self._hide(place, inner)})
            else:
                found.append(inner)
        if concealed:
            # Anywhere, as those at the end would be known for decoys.
            for each in self._decoy():
                found.insert(secrets.randbelow(len(found) + 1), {_DOTS: each})
        return found


def _salt() -> str:
    return base64.encode_url(secrets.token_bytes(SALT_BYTES))


def _digest(text: str) -> str:
    return base64.encode_url(hashlib.sha256(text.encode("ascii")).digest())


def select(token: Token, claims: Mapping[str, Any], wanted: Collection[Path]) -> Token:
    """Return the token with the disclosures of the wanted claims, and of what they stand in.

    Raises CredentialError for a path that leads to no claim.
    """
    resolved = resolve(claims, token.disclosures)
    for path in wanted:
        node: Any = resolved.claims
        for step in path:
            try:
                node = node[step]
            except (KeyError, IndexError, TypeError):
                problem = f"there is no claim {dotted(path)}"
                raise CredentialError("present.path", problem) from None
    needed = {path[:length] for path in wanted for length in range(1, len(path) + 1)}
    kept = tuple(text for text in token.disclosures if resolved.places[text] in needed)
    return Token(token.jwt, kept, None)


def dotted(path: Path) -> str:
    """Return a path as a person writes it: ``address.locality``."""
    return ".".join(map(str, path))


def path_of(text: str) -> Path:
    """Return the path that `dotted` wrote; whole numbers are places in arrays."""
    return tuple(int(step) if step.isdecimal() else step for step in text.split("."))


def bind(token: Token, claims: Mapping[str, Any], signer: Signer, **stated: Any) -> str:
    """Return the presentation with a key-binding JWT of `signer` (section 4.3)."""
    text = token.bound_text
    payload = {**stated, "sd_hash": hash_of(claims)(text)}
    return text + sign({"typ": BINDING_TYPE}, dump(payload), signer)
